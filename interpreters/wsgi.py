"""The WSGI way into Python: mod_wsgi's environ and start_response as a Request.

It works everywhere mod_wsgi does, in daemon processes too.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from errno import EINVAL, EISDIR, ENOSPC
from stat import S_ISREG

from ..handlers import stdout
from ..handlers.errors import ClientGoneError
from ..handlers.headers import Headers
from . import forks
from .derived import OVER, Derived, read_error
from .link import (
    ENV_PORT,
    ENV_SETTINGS,
    ENV_STAMP,
    ENV_TYPE,
    ENV_WATCHED,
    HEADER_DOCUMENT,
    HEADER_REDIRECT,
    HEADER_WATCH,
    environ_path,
)
from .settings import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from io import BufferedReader
    from types import ModuleType
    from typing import Any, NoReturn

    from .modules import Modules
    from .served import Place
    from .settings import Settings

_PIECE = 256 * 1024
_LOG_LINE_MAX = 2000  # characters; Apache cuts a line of the log at 8192 bytes
_PRIVATE = ("wsgi.", "mod_wsgi.", "httpdapy.", "apache.")


class WSGIRequest(Derived):
    """A request that came through mod_wsgi."""

    # defaults on the class, since most requests leave them as they are
    started = False
    _status = 200
    _has_tried = False
    _has_sent = False
    _body: bytes | None = None
    _reason: str | None = None
    _location: str | None = None
    _watch = ""
    _is_cut_short = False
    _is_in_line = False  # of what this thread writes soon
    _headers_in: Headers | None = None

    def __init__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> None:
        self.environ = environ
        self._start_response = start_response
        self._write: Callable[[bytes], Any]
        self._thread = get_ident()
        # what other threads have written: lines, and by thread what has no end yet
        self._lines: list[bytes] = []
        self._unended: dict[int, bytes] = {}
        self.headers_out = Headers()
        self.filename: str = environ["SCRIPT_FILENAME"]
        self.settings: Settings = parse(environ_path(environ[ENV_SETTINGS]))

    def end(self) -> None:
        """From now on every use raises."""
        self.__dict__.clear()
        self.__class__ = _OverRequest  # type: ignore[assignment]

    # -- the request -----------------------------------------------------------------------------

    @property
    def place(self) -> Place:
        return self.settings, self.filename, self.environ[ENV_STAMP], self.looked

    @property
    def looked(self) -> str:
        return self.environ[ENV_WATCHED]  # type: ignore[no-any-return]

    @property
    def method(self) -> str:
        return self.environ["REQUEST_METHOD"]  # type: ignore[no-any-return]

    @property
    def uri(self) -> str:
        return environ_path(self.environ["SCRIPT_NAME"] + self.environ["PATH_INFO"])

    @property
    def unparsed_uri(self) -> str:
        uri: str = self.environ["REQUEST_URI"]
        if uri[:1] != "/" and "://" in uri:  # the absolute form, as for a proxy
            _, slash, path = uri.partition("://")[2].partition("/")
            return slash + path
        return uri

    @property
    def args(self) -> str:
        return self.environ["QUERY_STRING"]  # type: ignore[no-any-return]

    @property
    def protocol(self) -> str:
        return self.environ["SERVER_PROTOCOL"]  # type: ignore[no-any-return]

    @property
    def file_type(self) -> str:
        return self.environ[ENV_TYPE]  # type: ignore[no-any-return]

    @property
    def path_info(self) -> str:
        return environ_path(self.environ["PATH_INFO"])

    @property
    def interpreter(self) -> str:
        return environ_path(self.environ["mod_wsgi.application_group"])

    @property
    def user(self) -> str | None:
        name = self.environ.get("REMOTE_USER")
        return None if name is None else environ_path(name)

    @property
    def remote_addr(self) -> str:
        return self.environ["REMOTE_ADDR"]  # type: ignore[no-any-return]

    @property
    def remote_port(self) -> int:
        return int(self.environ["REMOTE_PORT"])

    @property
    def local_addr(self) -> str:
        return self.environ["SERVER_ADDR"]  # type: ignore[no-any-return]

    @property
    def local_port(self) -> int:
        return int(self.environ[ENV_PORT])

    @property
    def server_name(self) -> str:
        return self.environ["SERVER_NAME"]  # type: ignore[no-any-return]

    @property
    def server_port(self) -> int:
        return int(self.environ["SERVER_PORT"])

    @property
    def scheme(self) -> str:
        return self.environ["wsgi.url_scheme"]  # type: ignore[no-any-return]

    @property
    def headers_in(self) -> Headers:
        headers = self._headers_in
        if headers is None:
            headers = self._headers_in = Headers()
            for name, value in self.environ.items():
                if name.startswith("HTTP_"):
                    headers[name[5:].replace("_", "-").title()] = value
                elif name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                    headers[name.replace("_", "-").title()] = value
        return headers

    @property
    def environment(self) -> dict[str, str]:
        found = {
            name: value
            for name, value in self.environ.items()
            if isinstance(value, str) and not name.startswith(_PRIVATE)
        }
        if self.scheme == "https":  # which WSGI has in place of this
            found["HTTPS"] = "on"
        return found

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size <= _PIECE:
            return self._read("read", size)
        pieces = []  # mod_wsgi would ask for so much memory before it reads a byte
        while size and (data := self._read("read", min(size, _PIECE))):
            pieces.append(data)
            size -= len(data)
        return b"".join(pieces)

    def readline(self, limit: int | None = -1, /) -> bytes:
        return self._read("readline", limit)

    def __iter__(self) -> WSGIRequest:
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def _read(self, method: str, size: int | None) -> bytes:
        self._check_thread()
        try:
            return getattr(self.environ["wsgi.input"], method)(-1 if size is None else size)  # type: ignore[no-any-return]
        except OSError as error:
            raise read_error(_read_status(str(error)), str(error)) from error

    def _check_thread(self) -> None:
        if forks.is_child:
            raise RuntimeError("the request is that of the process that has forked this one")
        if self._thread != get_ident():
            raise RuntimeError(
                "the body is read and the answer written by the thread that runs the request, "
                "and no other"
            )

    def log(self, message: str, /) -> None:
        if not isinstance(message, str):
            raise TypeError(f"a message for the log is a str, not {message!r}")
        for line in message.splitlines():
            for start in range(0, len(line), _LOG_LINE_MAX):
                self.environ["wsgi.errors"].write(line[start : start + _LOG_LINE_MAX] + "\n")

    # -- the answer ------------------------------------------------------------------------------

    @property
    def status(self) -> int:
        return self._status

    @status.setter
    def status(self, value: int) -> None:
        if not isinstance(value, int):
            raise TypeError(f"a status is an int from 100 to 999, not {value!r}")
        if not 100 <= value <= 999:
            raise ValueError(f"a status is an int from 100 to 999, not {value!r}")
        self._status = value

    @property
    def lacks_document(self) -> bool:
        is_error = self._status >= 300 and self._status != 304
        return is_error and not self.started and not self._body

    def write(self, data: bytes, /) -> None:
        self._check_thread()
        data = bytes(memoryview(data))
        self._send(self._take_lines() + data)

    def _send(self, data: bytes) -> None:
        if not self.started:
            data = (self._body or b"") + data
            self._start()
            self.started = True
        if data:
            try:
                self._write(data)
            except OSError as error:
                raise ClientGoneError(str(error)) from error
            self._has_sent = True

    def write_soon(self, data: bytes, /) -> None:
        data, thread = bytes(memoryview(data)), get_ident()
        if thread == self._thread:
            before = b"" if self._is_in_line else self._take_lines()
            self._is_in_line = not data.endswith(b"\n")
            self._send(before + data if self._is_in_line else before + data + self._take_lines())
            return
        lines, end, rest = (self._unended.pop(thread, b"") + data).rpartition(b"\n")
        if end:
            self._lines.append(lines + end)
        if rest:
            self._unended[thread] = rest

    def writer(self, begin: Callable[[], str]) -> stdout.Writer:
        return stdout.Writer(self, begin)

    def flush(self) -> None:
        self.write(b"")  # mod_wsgi flushes whatever is written

    def sendfile(self, path: str, offset: int = 0, size: int = -1, /) -> None:
        file, left = self._part(path, offset, size)
        with file:
            self.write(b"")
            while left and (data := file.read(min(left, _PIECE))):
                self.write(data)
                left -= len(data)

    def _part(self, path: str, offset: int, size: int) -> tuple[BufferedReader, int]:
        """The file of sendfile(), open at *offset*, and how many bytes of it are to be sent."""
        path = os.fspath(path)
        if not S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait
            number = EISDIR if os.path.isdir(path) else EINVAL
            raise OSError(number, os.strerror(number), path)
        file = open(path, "rb")  # noqa: SIM115 - whoever sends it closes it
        whole = os.fstat(file.fileno()).st_size
        if offset < 0 or offset > whole or size > whole - offset:
            file.close()
            raise ValueError(f"sendfile: {size} bytes from {offset} on, of a file of {whole} bytes")
        left = size if size >= 0 else whole - offset
        if not self.started:
            self.headers_out.setdefault("Content-Length", str(left))
        file.seek(offset)
        return file, left

    def finish(self, body: bytes, /) -> None:
        if self.started:
            self.write(body)
        else:
            self._check_thread()
            self._body = bytes(memoryview(body))

    def redirect(self, location: str, /) -> None:
        self._location = location

    def settle(self, modules: Modules, version: int, module: ModuleType) -> None:
        """Nothing: dispatch is asked about each request."""

    def watch(self, files: str) -> None:
        self._watch = files

    def apache_document(self, status: int, reason: str) -> None:
        self.status = status
        self._reason = reason
        self._location = None

    def cut_short(self, status: int, reason: str) -> None:
        if self._has_sent:
            self._is_cut_short = True
        else:
            self.started = False
            self.apache_document(status, reason)

    def _take_lines(self) -> bytes:
        lines = []
        while self._lines:  # to which other threads may append meanwhile
            lines.append(self._lines.pop(0))
        return b"".join(lines)

    def begin(self) -> None:
        if self._lines or self._unended:
            self._send(self._take_lines() + b"".join(self._unended.values()))
        if self.started:
            return
        if self._reason is not None or self._location is not None:
            self._body = None
        elif self._body:
            self.headers_out["Content-Length"] = str(len(self._body))
        self._start()

    def _start(self) -> None:
        # the second time, the first having failed, PEP 3333 wants to know of what
        again = (sys.exc_info(),) if self._has_tried else ()
        self._has_tried = True
        if self._status < 200:
            raise ValueError(
                f"the status {self._status} announces an answer and is not that of one: "
                "set one from 200 on"
            )
        status, headers = f"{self._status} Status", self.headers_out.fields()
        length = self.headers_out.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()):
            raise ValueError(f"header 'Content-Length': {length!r} is no length")
        if self._watch:
            headers.append((HEADER_WATCH, self._watch))
        if self._reason is not None:
            headers.append((HEADER_DOCUMENT, _header_text(self._reason)))
        if self._location is not None:
            headers.append((HEADER_REDIRECT, self._location))
        self._write = self._start_response(status, headers, *again)

    def response(self) -> Iterable[bytes]:
        """The rest of the body, for mod_wsgi to send."""
        if self._is_cut_short:
            return _cut_short()
        return (self._body,) if self._body and not self.started else ()


class _OverRequest(Derived):
    def __getattribute__(self, name: str) -> NoReturn:
        raise RuntimeError(OVER)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise RuntimeError(OVER)

    def __iter__(self) -> NoReturn:
        raise RuntimeError(OVER)

    __next__ = __iter__


def _read_status(reason: str) -> int:
    """Apache's status for a body that did not arrive, by what mod_wsgi says of it."""
    if os.strerror(ENOSPC) in reason:  # APR's word for LimitRequestBody
        return 413
    return 408 if "timeout" in reason else 400


def _header_text(text: str) -> str:
    return " ".join(text.split())[:500].encode("ascii", "backslashreplace").decode() or "-"


def _cut_short() -> Iterator[bytes]:
    """A body that fails.  mod_wsgi then does not end it, so that the client can tell; of all
    exceptions this one is not logged as an error, which was logged already."""
    from mod_wsgi import RequestTimeout

    raise RequestTimeout
    yield b""
