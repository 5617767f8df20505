"""Servers on loopback, each at a port that the kernel chose, ended by process id."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from httpdapy.apache.permissions import serving_user
from httpdapy.apache.server import free_port

from . import BenchError, machine
from .machine import PARTS

_START_TIMEOUT_S = 120  # under valgrind it takes half a minute
_STOP_TIMEOUT_S = 10

# The same for every Apache.  No access log, no limit to a connection's requests, no .htaccess but
# where a contender asks for it, all workers there from the start.
_APACHE = """
ServerRoot "{root}"
PidFile "{root}/httpd.pid"
DefaultRuntimeDir "{root}"
ServerName localhost
Listen 127.0.0.1:{port}
{modules}
{user}
ErrorLog "{root}/error.log"
LogLevel warn
TypesConfig /dev/null
AddType text/html .html
KeepAlive On
MaxKeepAliveRequests 0
StartServers {setting.processes}
ServerLimit {setting.processes}
MaxRequestWorkers {workers}
<IfModule mpm_prefork_module>
    MinSpareServers {setting.processes}
    MaxSpareServers {more}
</IfModule>
<IfModule !mpm_prefork_module>
    ThreadsPerChild {setting.threads}
    MinSpareThreads 1
    MaxSpareThreads {workers}
</IfModule>
<IfModule http2_module>
    Protocols h2c http/1.1
</IfModule>
DocumentRoot "{site}"
<Directory />
    AllowOverride None
</Directory>
<Directory "{site}">
    Require all granted
</Directory>
{sections}
"""
_MODULES = ("unixd", "authz_core", "mime", "dir", "alias", "env")


@dataclass(frozen=True, slots=True)
class Setting:
    """The workers of a server."""

    kind: str  #: Apache's MPM, or what a server calls its way to work
    processes: int
    threads: int = 1
    replicas: int = 1  #: PythonReplicas

    def __str__(self) -> str:
        replicas = f", {self.replicas} replicas" if self.replicas > 1 else ""
        return f"{self.kind} {self.processes} x {self.threads}{replicas}"


class Server:
    """A server with all its processes."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        port: int,
        root: Path,
        page: str,
        signal_to_stop: signal.Signals,
    ) -> None:
        self.process = process  #: the first one, whose session they are all in
        self.root = root  #: directory of its files
        self.address = f"http://127.0.0.1:{port}/"
        self.page = page  #: path of the page that it is measured with
        self.url = self.address + page
        self.start_up_s = 0.0  #: from its start to its first answer
        self._signal_to_stop = signal_to_stop
        self._is_stopping = False

    @property
    def site(self) -> Path:
        """The directory it serves."""
        return self.root / "site"

    def get(self, path: str, form: str = "", headers: Mapping[str, str] | None = None) -> bytes:
        """The body of the answer, to POST if there is a *form*.

        Raises BenchError for a status that says error.
        """
        data = form.encode() or None
        request = urllib.request.Request(self.address + path, data, dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            raise BenchError(f"{error.url}: {error.code}") from None

    def cpu_s(self) -> float:
        """Seconds of CPU that its processes, those that ended too, have used."""
        # utime and stime, and those of the children that were waited for
        ticks = sum(sum(map(int, fields[11:15])) for _, fields in self._processes())
        return ticks / machine.TICKS_PER_S

    def memory_mb(self) -> float:
        """Memory in MB of all processes but the first, what they share counted once (PSS)."""
        total_kb = 0
        for pid, _ in self._processes():
            if pid != self.process.pid:
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                total_kb += int(rollup.partition("\nPss:")[2].split()[0])
        return total_kb / 1024

    def last_log(self) -> str:
        """The end of what it wrote."""
        logs = [self.root / name for name in ("output.log", "error.log")]
        return "\n".join(log.read_text(errors="replace")[-1500:] for log in logs if log.exists())

    def stop(self) -> None:
        """Tell it to end.  Apache takes a second."""
        if not self._is_stopping:
            self._is_stopping = True
            for line in self._crashes():
                print(f"bench: {line}", file=sys.stderr)
            self.process.send_signal(self._signal_to_stop)

    def end(self) -> None:
        """Stop it and wait for its end; what is left of its session is killed."""
        self.stop()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_STOP_TIMEOUT_S)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wait_for_answer(self) -> None:
        """Raises BenchError if it ends instead, and after _START_TIMEOUT_S."""
        start = time.perf_counter()
        while time.perf_counter() - start < _START_TIMEOUT_S:
            if self.process.poll() is not None:
                raise BenchError(f"the server for {self.url} does not start")
            try:
                urllib.request.urlopen(self.url, timeout=30).close()
            except urllib.error.HTTPError:
                pass  # not the page, but an answer
            except OSError:
                time.sleep(0.005)
                continue
            self.start_up_s = time.perf_counter() - start
            return
        raise BenchError(f"no answer at {self.url}")

    def _crashes(self) -> list[str]:
        log = self.root / "error.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return [line for line in lines if "exit signal" in line]

    def _processes(self) -> Iterator[tuple[int, list[str]]]:
        """Those of its session, as machine.processes() has them."""
        for pid, fields in machine.processes():
            if int(fields[3]) == self.process.pid:
                yield pid, fields


@contextmanager
def directory() -> Iterator[Path]:
    """A temporary directory that Apache's user can read."""
    with tempfile.TemporaryDirectory(prefix="httpdapy-bench-") as name:
        root = Path(name).resolve()
        root.chmod(0o755)
        yield root


@contextmanager
def started(
    command: Callable[[int], Sequence[str | Path]],
    *,
    root: Path,
    page: str,
    wrap: Sequence[str] = (),
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[Server]:
    """Start what *command* gives for a port; yield it once it answers; end it with *stop*.

    wrap: a command to run it under.  A BenchError that is about it gets the end of its log.
    """
    port = free_port("127.0.0.1", 0)
    with (root / "output.log").open("wb") as output:
        process = subprocess.Popen(
            # ended by the kernel, if we are killed
            ["setpriv", "--pdeathsig", "TERM", "--", *wrap, *command(port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=root,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for us
        )
    server = Server(process, port, root, page, stop)
    try:
        server.wait_for_answer()
        yield server
    except BenchError as error:
        if server.address not in str(error):
            raise
        raise BenchError(f"{error}\n{server.last_log()}") from None
    finally:
        server.end()


@contextmanager
def apache(
    root: Path,
    setting: Setting,
    sections: str,
    *,
    page: str,
    modules: Sequence[str] = (),
    wrap: Sequence[str] = (),
    arguments: Sequence[str] = ("-DFOREGROUND",),
) -> Iterator[Server]:
    """Apache over the directory site in *root*, with *sections* as the end of its configuration.

    setting: its MPM and workers; modules: those it has beside the usual ones.
    """
    user, group = serving_user()
    workers = setting.processes * setting.threads
    lines = [load_module(name) for name in (f"mpm_{setting.kind}", *_MODULES, *modules)]

    def command(port: int) -> list[str | Path]:
        text = _APACHE.format(
            root=root,
            site=root / "site",
            port=port,
            modules="\n".join(lines),
            user=f"User {user}\nGroup {group}" if os.geteuid() == 0 else "",
            setting=setting,
            workers=workers,
            more=workers + 1,
            sections=sections,
        )
        file = root / "httpd.conf"
        file.write_text(text)
        return [PARTS.httpd, "-f", file, *arguments]

    # Told to end at once, the event MPM of 2.4.71 crashes now and then: gracefully.
    stop = signal.SIGWINCH
    with started(command, root=root, page=page, wrap=wrap, stop=stop) as server:
        yield server


def load_module(name: str) -> str:
    """The line that loads one of Apache's modules, "" if it is built in."""
    file = PARTS.modules / f"mod_{name}.so"
    return f'LoadModule {name}_module "{file}"' if file.exists() else ""


def _environment() -> dict[str, str]:
    """One that leads no embedded Python to another Python's files."""
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        **({"LD_LIBRARY_PATH": PARTS.libraries} if PARTS.libraries else {}),
    }
