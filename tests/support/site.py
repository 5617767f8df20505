"""A real Apache for the tests, a directory of its own for each of them, and its error log."""

import http.client
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from httpdapy.apache import installation
from httpdapy.apache.server import Server, ServerConfig

_BAD = re.compile(r"\[\w+:(error|crit|alert|emerg)\]|Traceback|Fatal Python|exit signal|core dump")
# What Apache says of itself on a slow machine: all workers were busy once; it was told to end while
# a connection was being closed.
_BENIGN = ("AH00484", "AH03092")
_DEADLINE_S = 15.0
#: PythonOption lines of every server: the way into Python under test (tests/live/conftest.py).
OPTIONS: dict[str, str] = {}


def wait_for(what: str, condition: Callable[[], object], deadline_s: float = _DEADLINE_S) -> None:
    """Poll *condition* until it is true; AssertionError after the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        time.sleep(0.002)


@dataclass(frozen=True)
class Answer:
    status: int
    reason: str
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def type(self) -> str:
        return self.headers["Content-Type"]


def request(port: int, method: str, path: str, body=None, headers=None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with closing(connection):
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.reason, response.headers, response.read())


class ErrorLog:
    """The error log as it grows.  Lines of trouble have to be expected by a test."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._checked = 0
        self._expected: list[str] = []
        self._allowed: list[str] = []
        self._late: list[str] = []  # what explained lines before: the last ones may come now

    def expect(self, text: str) -> None:
        """Explain every line that holds *text*; there has to be one."""
        self._expected.append(text)

    def allow(self, text: str) -> None:
        """Explain every line that holds *text*, if there is one."""
        self._allowed.append(text)

    def since_check(self) -> list[str]:
        return self.lines[self._checked :]

    def has(self, text: str) -> bool:
        return any(text in line for line in self.since_check())

    def check(self) -> None:
        """Fail for trouble that no one expected, and for expectations that nothing met."""
        lines, expected = self.since_check(), self._expected
        known = [*expected, *self._allowed]
        explained = [*known, *self._late, *_BENIGN]
        self._checked, self._expected, self._allowed, self._late = len(self.lines), [], [], known
        unexplained = [
            line for line in lines if _BAD.search(line) and not any(e in line for e in explained)
        ]
        assert not unexplained, "unexplained in the error log:\n" + "\n".join(unexplained)
        for text in expected:
            assert any(text in line for line in lines), f"not in the error log: {text}"


class TestServer:
    """A running server over a temporary site."""

    __test__ = False

    def __init__(self, root: Path, **settings) -> None:
        self.root = root
        self.log = ErrorLog()
        self.access = bytearray()
        self.server = Server(
            installation.find(),
            ServerConfig(directory=root, port=0, options=dict(OPTIONS), **settings),
            self.log.lines.append,
            self.access.extend,
        )

    def settle(self) -> None:
        """Wait until the log has everything that was written so far."""
        marker = f"{secrets.token_hex(8)}~"  # a name that is denied, which is logged
        self.log.expect(marker)
        assert self.request("GET", f"/{marker}").status == 403
        wait_for("the marker in the log", lambda: self.log.has(marker))

    def request(self, method: str, path: str, body=None, headers=None) -> Answer:
        return request(self.server.port, method, path, body, headers)


@contextmanager
def running_server(**settings) -> Iterator[TestServer]:
    """A server over an empty site that Apache's user can read."""
    root = Path(tempfile.mkdtemp(prefix="httpdapy-test-"))
    root.chmod(0o755)
    try:
        test_server = TestServer(Path(os.path.realpath(root)), **settings)
        with test_server.server:
            yield test_server
    finally:
        shutil.rmtree(root)


class Site:
    """One test's own directory on a running server."""

    def __init__(self, server: TestServer, name: str = "") -> None:
        self.server = server
        self.log = server.log
        self.name = name or f"t{secrets.token_hex(4)}"
        self.path = server.root / self.name
        self.path.mkdir()
        self.url = f"/{self.name}"

    def sub(self, name: str) -> "Site":
        """A directory below this one."""
        return Site(self.server, f"{self.name}/{name}")

    def write(self, name: str, text: str | bytes, *, mode: int = 0o644) -> Path:
        """Write a file below the directory, as an editor does: a new file renamed over the old."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.tmp")
        new.write_bytes(text if isinstance(text, bytes) else text.encode())
        new.chmod(mode)
        new.replace(path)
        return path

    def htaccess(self, *lines: str) -> None:
        self.write(".htaccess", "\n".join(lines) + "\n")

    def handler(self, name: str, content: str, before: str = "", more: str = "") -> Path:
        """A script whose Content() returns the expression *content*."""
        return self.write(
            name,
            f"import httpdapi\n{before}\n"
            "class RequestHandler(httpdapi.RequestHandler):\n"
            "    content_type = 'text/plain'\n"
            f"    def Content(self):\n        return {content}\n{more}\n",
        )

    def request(self, method: str, path: str = "", body=None, headers=None) -> Answer:
        return self.server.request(method, f"{self.url}/{path}", body, headers)

    def get(self, path: str = "", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("GET", path, headers=named)

    def post(self, path: str, fields: dict[str, str]) -> Answer:
        return self.request(
            "POST",
            path,
            urllib.parse.urlencode(fields),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )

    def logged(self) -> str:
        """The error log since the last check, with everything that was written so far."""
        self.server.settle()
        return "\n".join(self.log.since_check())

    def text(self, path: str = "") -> str:
        """Body of a page that has to be there."""
        answer = self.get(path)
        assert answer.status == 200, (answer.status, answer.text, self.log.since_check()[-20:])
        return answer.text


def at_once(functions: list[Callable[[], object]]) -> list:
    """Results of functions that run on threads, started together."""
    barrier = threading.Barrier(len(functions))
    results: list = [None] * len(functions)

    def run(n: int) -> None:
        barrier.wait()
        try:
            results[n] = functions[n]()
        except BaseException as error:  # noqa: BLE001 - raised below, by the test's thread
            results[n] = error

    threads = [threading.Thread(target=run, args=[n]) for n in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results
