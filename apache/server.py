"""A local Apache of our own: write its configuration, start it, wait until it answers, stop it."""

import contextlib
import http.client
import io
import os
import secrets
import socket
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from ..interpreters.link import HEADER_REPORT, REPORT_TYPE
from . import config
from .errors import ConfigError, ServerError
from .installation import Installation
from .listening import available_port
from .permissions import check_readable, own_parts, serving_user
from .process import Process, Root

#: How many directories of a site are looked at before it is served.
MAX_DIRECTORIES = 1000

_START_TIMEOUT_S = 30.0
_LOCALE = ("LC_ALL", "LC_CTYPE", "LANG")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """What a local server serves, and how."""

    directory: Path
    host: str = "127.0.0.1"
    port: int = 8008  #: 0 takes a free one
    processes: int = 1
    threads: int = 16
    options: dict[str, str] = field(default_factory=dict)  #: PythonOption lines for the site
    express: tuple[str, ...] = ()  #: further options for mod_wsgi-express


class Server:
    """One Apache, from start to stop.  A context manager that stops it.

    error_line and access_log are called, each from a thread, with each line of the error log and
    with pieces of the access log.
    """

    def __init__(
        self,
        parts: Installation,
        settings: ServerConfig,
        error_line: Callable[[str], None] = lambda line: None,
        access_log: Callable[[bytes], object] = lambda data: None,
    ) -> None:
        self._parts = parts
        self.settings = settings
        self._error_line = error_line
        self._access_log = access_log
        self.port = settings.port
        self._token = secrets.token_hex()
        self._root: Root | None = None
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Address of the site, with a final slash."""
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return f"http://{host}:{self.port}/"

    def __enter__(self) -> "Server":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def log(self) -> list[str]:
        """The last lines of the error log."""
        return list(self._process.log) if self._process is not None else []

    # -- start -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Return once the server answers.

        Raises ConfigError for what has to be put right first, ServerError when Apache ends.
        """
        self.port = free_port(self.settings.host, self.settings.port)
        self._launch()
        self._wait_until_it_answers()

    def _launch(self) -> None:
        self._root = root = Root()
        root.path.chmod(0o755)  # for Apache's user
        include = root.path / "httpdapy.conf"
        options = _write_server_root(self._express_arguments(root.path, include))
        overrides = options["allow_override"]
        site = config.directory(
            self.settings.directory,
            options=self.settings.options,
            index=options["directory_index"] or config.INDEX,
            override=config.OVERRIDE if overrides == "None" else overrides,
        )
        logs = Path(options["log_directory"]) == root.path
        include.write_text(config.local(self._parts, site, token=self._token, logs=logs))
        parts = [*own_parts(self._parts), ("the site", self.settings.directory)]
        check_readable(parts, options["user"], options["group"])
        self._process = Process(
            [root.path / "apachectl", "start", "-DFOREGROUND"],
            root,
            environment=os.environ,
            error_line=self._error_line,
            output=self._access_log,
        )

    def _express_arguments(self, root: Path, include: Path) -> list[str]:
        settings = self.settings
        user, group = serving_user()
        arguments: dict[str, object] = {
            "server-root": root,
            "host": settings.host,
            "port": self.port,
            "application-type": "static",
            "document-root": settings.directory,
            "working-directory": root,  # express puts it on sys.path, where nothing is to be found
            # not %{GLOBAL}: that would load an application of its own into each child
            "application-group": "%{ENV:httpdapy.interpreter}",
            "processes": settings.processes,
            "threads": settings.threads,
            "limit-request-body": 1024**3,  # Apache's own default
            "include-file": include,
            "locale": next(filter(None, map(os.environ.get, _LOCALE)), "C.UTF-8"),
            "user": user,
            "group": group,
        }
        pairs = [text for name, value in arguments.items() for text in (f"--{name}", str(value))]
        return [*pairs, "--embedded-mode", *settings.express]

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_TIMEOUT_S
        pause = 0.01
        while time.monotonic() < deadline:
            if self.poll() is not None:
                raise ServerError(
                    f"Apache ended with status {self.poll()}", self._process.last_log()
                )
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.ask("/")
                return
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)
        raise ServerError(
            f"Apache did not answer at {self.url} within {_START_TIMEOUT_S:.0f} s",
            self._process.last_log(),
        )

    # -- while it runs ---------------------------------------------------------------------------

    def ask(self, path: str) -> tuple[int, str | None]:
        """Have Apache map *path*, decoded and beginning with "/", without running or sending it.

        Returns the status, 200 for a python-program, and for that the settings in force: lines of
        interpreter and replicas, then what settings.parse() takes.
        """
        host = _reachable(self.settings.host)
        connection = http.client.HTTPConnection(host, self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(
                "GET",
                urllib.parse.quote(path.encode("utf-8", "surrogateescape")),
                headers={HEADER_REPORT: self._token},
            )
            response = connection.getresponse()
            text = response.read().decode("utf-8", "surrogateescape")
            is_report = response.getheader("Content-Type") == REPORT_TYPE
            return response.status, text if is_report else None

    def broken_htaccess(self) -> Iterator[tuple[Path, str]]:
        """Each .htaccess file that Apache does not accept, of directories(), and its reason."""
        site = self.settings.directory
        for directory in directories(site):
            file = directory / ".htaccess"
            if not file.is_file():
                continue
            status, _ = self.ask(f"/{file.relative_to(site)}")
            if status == 500:
                reason = self.log_line_with(f"{file}: ")
                yield file, reason.replace(f"{file}:", "line ").rstrip(".")

    def log_line_with(self, text: str) -> str:
        """What the newest line of the error log that holds *text* says after it, or ""."""
        deadline = time.monotonic() + 1.0  # the line is on its way
        while time.monotonic() < deadline:
            for line in reversed(self.log):
                if text in line:
                    return line.partition(text)[2]
            time.sleep(0.01)
        return ""

    def poll(self) -> int | None:
        """Apache's exit status, or None while it runs."""
        return self._process.poll() if self._process is not None else None

    def wait(self) -> int:
        """Wait until Apache ends; its exit status."""
        assert self._process is not None
        return self._process.wait()

    # -- stop ------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End Apache and remove what was made for it.  Does nothing the second time."""
        if self._process is not None:
            self._process.stop()
        if self._root is not None:
            self._root.remove()
            self._root = None


def directories(site: Path) -> Iterator[Path]:
    """The site's directories, itself first, without hidden ones and bytecode; not more than
    MAX_DIRECTORIES, for a site may be a whole disk."""
    for found, (root, names, _) in enumerate(os.walk(site), 1):
        names[:] = sorted(n for n in names if not n.startswith(".") and n != "__pycache__")
        yield Path(root)
        if found == MAX_DIRECTORIES:
            return


def free_port(host: str, port: int) -> int:
    """*port*, or for 0 one of the kernel's, kept for us for a minute.

    Raises ConfigError if it cannot be listened on.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ConfigError(
            f"the host {host} is unknown ({error.strerror}); name an address of this machine "
            "with --host"
        ) from None
    try:
        return available_port(family, address)
    except OSError as error:
        raise ConfigError(
            f"cannot listen at {host}:{port} ({error.strerror}); choose another port with "
            "--port, 0 takes a free one"
        ) from None


def _write_server_root(arguments: list[str]) -> dict[str, Any]:
    """Have mod_wsgi-express write its server root; the options that it made of *arguments*."""
    from optparse import OptionParser

    from mod_wsgi.express.options import option_list
    from mod_wsgi.express.server import ConfigurationError, setup_server

    class Parser(OptionParser):
        def error(self, msg: str) -> Any:
            raise ConfigError(
                f"mod_wsgi-express: {msg}; 'mod_wsgi-express start-server --help' lists its options"
            )

    parser = Parser(usage="httpdapy serve [DIR] -- [OPTIONS]", option_list=option_list)
    options, rest = parser.parse_args(arguments)
    if rest:
        raise ConfigError(f"mod_wsgi-express takes no argument {rest[0]!r}")
    if not options.server_mpm_variables:  # of several the first that is there is taken
        options.server_mpm_variables = ["event"]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            written: dict[str, Any] = setup_server("setup-server", [], vars(options))
    except ConfigurationError as error:
        raise ConfigError(f"mod_wsgi-express: {error}") from None
    return written


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
