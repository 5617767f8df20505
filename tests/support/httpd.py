"""An Apache with a configuration of the test's own, not through mod_wsgi-express."""

import os
import signal
import subprocess
import tempfile
from pathlib import Path

from httpdapy.apache import config, installation
from httpdapy.apache.permissions import serving_user
from httpdapy.apache.server import free_port

from .site import OPTIONS, Answer, ErrorLog, request, wait_for

_BASE = """
ServerRoot "{root}"
PidFile "{root}/httpd.pid"
DefaultRuntimeDir "{root}"
ServerName localhost
Listen 127.0.0.1:${{PORT}}
{modules}
{user}
ErrorLog "{root}/error.log"
LogLevel warn
TypesConfig /dev/null
StartServers 1
DocumentRoot "{site}"
LoadModule wsgi_module "{wsgi}"
WSGIPythonHome "{home}"
WSGISocketPrefix "{root}/wsgi"
<Directory />
    AllowOverride None
</Directory>
{link}
{directory}
Include "{root}/sections.conf"
"""


class Httpd:
    """A running Apache over *site*; *sections* is configuration that comes last."""

    def __init__(
        self,
        site: Path,
        sections: str = "",
        *,
        mpm: str = "event",
        entry: bool = True,
        modules: tuple[str, ...] = (),
    ):
        self.site = site
        self.modules = modules
        self.log = ErrorLog()
        self._files = tempfile.TemporaryDirectory(prefix="httpdapy-test-")
        self.root = Path(self._files.name)
        self.root.chmod(0o755)
        self.port = 0
        self.parts = installation.find()
        self.write(sections, mpm, entry)
        self.process: subprocess.Popen | None = None

    def write(self, sections: str, mpm: str, entry: bool) -> None:
        user, group = serving_user()
        # those that are missing are built in
        modules = [f"mpm_{mpm}", "unixd", "authz_core", "mime", "dir", "alias", *self.modules]
        lines = [
            f'LoadModule {name}_module "{self.parts.modules}/mod_{name}.so"'
            for name in modules
            if (self.parts.modules / f"mod_{name}.so").exists()
        ]
        link = config.link(self.parts)
        if not entry:
            link = link[: link.index("WSGIHandlerScript")]
        text = _BASE.format(
            root=self.root,
            site=self.site,
            modules="\n".join(lines),
            user=f"User {user}\nGroup {group}" if os.geteuid() == 0 else "",
            wsgi=self.parts.wsgi,
            home=self.parts.home,
            link=link,
            directory=config.directory(self.site, options=OPTIONS),
        )
        (self.root / "httpd.conf").write_text(text)
        (self.root / "sections.conf").write_text(sections)

    def command(self, *arguments: str) -> list[str]:
        port = f"Define PORT {self.port}"
        return [str(self.parts.httpd), "-C", port, "-f", str(self.root / "httpd.conf"), *arguments]

    def __enter__(self) -> "Httpd":
        self.port = free_port("127.0.0.1", 0)
        self.process = subprocess.Popen(
            self.command("-DFOREGROUND"),
            env=self.parts.environment(),
            start_new_session=True,
            stderr=subprocess.PIPE,
        )
        wait_for("Apache's answer", self._answers)
        return self

    def _answers(self) -> bool:
        assert self.process is not None and self.process.stderr is not None
        if self.process.poll() is not None:
            with self.process.stderr as stderr:
                raise AssertionError(stderr.read().decode())
        try:
            self.get("")
        except OSError:
            return False
        self.log.allow("AH01276")  # no index in the directory
        return True

    def __exit__(self, kind, *rest) -> None:
        assert self.process is not None and self.process.stderr is not None
        # Gracefully: told to end at once while a connection closes, the event MPM of 2.4.71 crashes
        # now and then, with or without Python (close_worker_sockets; 2 of 1200 bare Apaches).
        self.process.send_signal(signal.SIGWINCH)
        self.process.wait()
        self.process.stderr.close()
        self.log.lines.extend((self.root / "error.log").read_text().splitlines())
        self.remove()
        if kind is None:
            self.log.check()

    def remove(self) -> None:
        self._files.cleanup()

    def get(self, path: str, **headers: str) -> Answer:
        return request(self.port, "GET", f"/{path}", headers=headers)

    def text(self, path: str) -> str:
        answer = self.get(path)
        assert answer.status == 200, (
            answer.status,
            answer.text,
            (self.root / "error.log").read_text()[-2000:],
        )
        return answer.text


def configtest(site: Path, sections: str) -> tuple[int, str]:
    """Exit status and output of Apache's own check of a configuration."""
    httpd = Httpd(site, sections)
    httpd.port = 8008  # only read
    done = subprocess.run(
        httpd.command("-t"),
        env=httpd.parts.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    httpd.remove()
    return done.returncode, done.stdout + done.stderr
