"""``httpdapy check``: what a server for a directory would find, without running any of it."""

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TextIO

from ..interpreters.settings import Settings
from . import installation
from .errors import ConfigError, ServerError
from .installation import Installation
from .permissions import first_unreadable, remedy, serving_user
from .server import Server, ServerConfig, directories

_UNSHARE = "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x200) != 0)"


def report(directory: Path, out: TextIO) -> int:
    """Write what was found to *out*; 0, or 2 if something has to be put right."""
    checker = _Checker(out)
    checker.run(directory)
    count = checker.problems
    print("\nNothing to put right." if not count else f"\nTo put right: {count}.", file=out)
    return 2 if count else 0


class _Checker:
    def __init__(self, out: TextIO) -> None:
        self._out = out
        self.problems = 0

    def run(self, directory: Path) -> None:
        self._python()
        try:
            parts = installation.find()
            user, group = serving_user()
        except ConfigError as error:
            self._problem(str(error))
            return
        self._apache(parts, user)
        for path in (Path(os.path.realpath(sys.executable)), Path(os.__file__), parts.entry):
            self._readable(path, user, group)
        if not directory.is_dir():
            self._problem(f"{directory} is not a directory; name the directory to serve")
            return
        site = Path(os.path.realpath(directory))
        self._line("Site", str(site))
        if self._readable(site, user, group):
            self._files(site, user, group)
            self._settings(parts, site)

    def _line(self, name: str, text: str) -> None:
        print(f"{name:<12}{text}", file=self._out)

    def _problem(self, text: str) -> None:
        self.problems += 1
        self._line("  PROBLEM", text)

    def _python(self) -> None:
        self._line("Python", f"{sys.version.split()[0]}, {sys.executable}")
        own = sys.version_info >= (3, 12)
        self._line("GIL", "one per interpreter" if own else "shared by all interpreters")

    def _apache(self, parts: Installation, user: str) -> None:
        printed = subprocess.run(
            [parts.httpd, "-v"],
            env=parts.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        version = re.search(r"Apache/(\S+)", printed.stdout)
        self._line("Apache", f"{version[1] if version else 'unknown'}, {parts.httpd}, as {user}")
        mpms = [m for m in ("event", "worker", "prefork") if _has(parts, f"mpm_{m}")]
        self._line("MPM", f"event (there are: {', '.join(mpms) or 'those built in'})")
        self._line("Modules", f"{parts.wsgi}")
        self._line("", f"{parts.link}")
        self._line("", f"{parts.archive or 'no ArchiveAlias: install zlib1g-dev, make again'}")
        own = subprocess.run([sys.executable, "-c", _UNSHARE], check=False).returncode == 0
        self._line("Directories", "each thread has its own" if own else "shared by all threads")
        if not own:
            self._problem(
                "unshare(2) is refused here, so relative file names will not work in scripts; "
                "let the container call it, or use the prefork MPM ('-- --server-mpm prefork')"
            )

    def _readable(self, path: Path, user: str, group: str) -> bool:
        blocked = first_unreadable([path], user)
        if blocked is not None:
            self._problem(
                f"{path} cannot be read by {user}: {blocked} is closed to it; "
                f"{remedy(blocked, user, group)}"
            )
        return blocked is None

    def _files(self, site: Path, user: str, group: str) -> None:
        files = [p for d in directories(site) for p in d.iterdir() if _is_ours(p)]
        while files:  # one at a time, since the first is all that a test finds
            blocked = first_unreadable(files, user)
            if blocked is None:
                return
            self._problem(f"{blocked} cannot be read by {user}; {remedy(blocked, user, group)}")
            files = [file for file in files if blocked not in (file, *file.parents)]

    def _settings(self, parts: Installation, site: Path) -> None:
        settings = ServerConfig(directory=site, port=0, threads=1)
        try:
            with Server(parts, settings) as server:
                for file, reason in server.broken_htaccess():
                    self._problem(f"{file}: {reason or 'Apache does not accept it'}; correct it")
                for directory in directories(site):
                    self._directory(server, site, directory)
        except (ConfigError, ServerError) as error:
            self._problem(str(error))

    def _directory(self, server: Server, site: Path, directory: Path) -> None:
        scripts = sorted(directory.glob("*.py"))
        if not scripts:
            return
        status, answer = server.ask(f"/{scripts[0].relative_to(site)}")
        url = f"/{directory.relative_to(site)}/".replace("/./", "/")
        self._line("\n" + url, "")
        if status == 500:
            return  # a broken .htaccess, which was said above
        if answer is None:
            self._problem(
                f"{scripts[0].name} is not handed to Python: no 'AddHandler python-program .py' "
                "is in force here"
            )
            return
        interpreter, replicas, text = answer.split("\n", 2)
        name = interpreter or "main_interpreter"
        self._line("  runs in", f"interpreter {name}" + _replicas(replicas))
        for script in scripts:
            self._compiles(script)
        settings = Settings(text)
        for option, value in settings.options.items():
            where = settings.set_in[option] or "the server's configuration"
            self._line("  option", f"{option} = {value}  (set in {where})")

    def _compiles(self, script: Path) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(script.read_bytes(), script, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            self._problem(f"{script}: {type(error).__name__}: {error}; correct it")
        except OSError:
            pass  # said above


def _replicas(text: str) -> str:
    return "" if text == "1" else f", replicas: {text}"


def _has(parts: Installation, module: str) -> bool:
    return (parts.modules / f"mod_{module}.so").exists()


def _is_ours(path: Path) -> bool:
    return path.suffix == ".py" or path.name == ".htaccess"
