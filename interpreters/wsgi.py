"""The WSGI way into Python: mod_wsgi's environ and start_response as a Request.

It works everywhere mod_wsgi does, in daemon processes too.
"""

from __future__ import annotations

import os
import sys

from ..handlers.errors import ClientGoneError
from ..handlers.headers import Headers
from .dispatch import Dispatcher
from .link import ENV_SETTINGS, ENV_STAMP, ENV_WATCHED, HEADER_DOCUMENT, HEADER_WATCH
from .modules import Modules
from .search import Search
from .settings import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, NoReturn

    from .settings import Settings

_status_lines = {200: "200 OK", 302: "302 Found", 404: "404 Not Found"}
_PRIVATE = ("wsgi.", "mod_wsgi.", "httpdapy.", "apache.")


def status_line(status: int) -> str:
    """Status and reason, as the first line of the answer has them."""
    line = _status_lines.get(status)
    if line is None:
        from http import HTTPStatus

        try:
            line = f"{status} {HTTPStatus(status).phrase}"
        except ValueError:
            line = f"{int(status)} Status"
        _status_lines[status] = line
    return line


def _path(text: str) -> str:
    """A path of the environ, bytes as Latin-1, as the file system has it."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "surrogateescape")


class WSGIRequest:
    """A request that came through mod_wsgi."""

    # defaults on the class, since most requests leave them as they are
    status = 200
    started = False
    _has_tried = False
    _body: bytes | None = None
    _reason: str | None = None
    _watch = ""
    _is_cut_short = False
    _headers_in: Headers | None = None

    def __init__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> None:
        self.environ = environ
        self._start_response = start_response
        self._write: Callable[[bytes], Any]
        self.headers_out = Headers()
        self.filename: str = environ["SCRIPT_FILENAME"]
        self.stamp: str = environ[ENV_STAMP]
        self.looked: str = environ[ENV_WATCHED]
        self.settings: Settings = parse(_path(environ[ENV_SETTINGS]))

    # -- the request -----------------------------------------------------------------------------

    @property
    def method(self) -> str:
        return self.environ["REQUEST_METHOD"]  # type: ignore[no-any-return]

    @property
    def uri(self) -> str:
        return _path(self.environ["SCRIPT_NAME"] + self.environ["PATH_INFO"])

    @property
    def unparsed_uri(self) -> str:
        return self.environ["REQUEST_URI"]  # type: ignore[no-any-return]

    @property
    def args(self) -> str:
        return self.environ["QUERY_STRING"]  # type: ignore[no-any-return]

    @property
    def protocol(self) -> str:
        return self.environ["SERVER_PROTOCOL"]  # type: ignore[no-any-return]

    @property
    def path_info(self) -> str:
        return _path(self.environ["PATH_INFO"])

    @property
    def interpreter(self) -> str:
        return _path(self.environ["mod_wsgi.application_group"])

    @property
    def directory(self) -> str:
        return self.settings.directory

    @property
    def options(self) -> Mapping[str, str]:
        return self.settings.options

    @property
    def user(self) -> str | None:
        return self.environ.get("REMOTE_USER")

    @property
    def remote_addr(self) -> str:
        return self.environ["REMOTE_ADDR"]  # type: ignore[no-any-return]

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
        return {
            name: value
            for name, value in self.environ.items()
            if isinstance(value, str) and not name.startswith(_PRIVATE)
        }

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self.environ["wsgi.input"].read(size)  # type: ignore[no-any-return]
        except OSError as error:
            raise ClientGoneError(f"the request's body did not arrive: {error}") from error

    def log(self, message: str, /) -> None:
        self.environ["wsgi.errors"].write(message + "\n")

    # -- the answer ------------------------------------------------------------------------------

    @property
    def unanswered(self) -> bool:
        return not self.started and not self._body

    def write(self, data: bytes, /) -> None:
        if not self.started:
            self._start()
            self.started = True
        if data:
            try:
                self._write(data)
            except OSError as error:
                raise ClientGoneError(str(error)) from error

    def finish(self, body: bytes, /) -> None:
        if self.started:
            self.write(body)
        else:
            self._body = body

    def watch(self, files: str) -> None:
        self._watch = files

    def apache_document(self, status: int, reason: str) -> None:
        self.status = status
        self._reason = reason

    def cut_short(self) -> None:
        self._is_cut_short = True

    def begin(self) -> None:
        if self.started:
            return
        if self._reason is not None:
            self._body = None
        elif self._body:
            self.headers_out["Content-Length"] = str(len(self._body))
        self._start()

    def _start(self) -> None:
        # the second time, the first having failed, PEP 3333 wants to know of what
        again = (sys.exc_info(),) if self._has_tried else ()
        self._has_tried = True
        status, headers = status_line(self.status), self.headers_out.fields()
        if self._watch:
            headers.append((HEADER_WATCH, self._watch))
        if self._reason is not None:
            headers.append((HEADER_DOCUMENT, _header_text(self._reason)))
        self._write = self._start_response(status, headers, *again)

    def response(self) -> Iterable[bytes]:
        """The rest of the body, for mod_wsgi to send."""
        if self._is_cut_short:
            return _cut_short()
        return (self._body,) if self._body and not self.started else ()


def _header_text(text: str) -> str:
    return " ".join(text.split())[:500].encode("ascii", "backslashreplace").decode() or "-"


def _cut_short() -> Iterator[bytes]:
    """A body that fails.  mod_wsgi then does not end it, so that the client can tell; of all
    exceptions this one is not logged as an error, which was logged already."""
    from mod_wsgi import RequestTimeout

    raise RequestTimeout
    yield b""


def _refuse_fork() -> NoReturn:
    """os.fork in a sub-interpreter.  With its own GIL Python refuses; without, the child would die
    of a fatal error while the parent waits for it."""
    raise RuntimeError("fork not supported for sub-interpreters")


class Application:
    """The WSGI application of one interpreter: what the entry script gives to mod_wsgi.

    interpreter: its name, "" for the main one.
    """

    def __init__(self, interpreter: str) -> None:
        if interpreter:
            os.fork = os.forkpty = _refuse_fork
        modules = Modules()
        modules.install()
        self._dispatcher = Dispatcher(modules, Search(sys.path))

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        request = WSGIRequest(environ, start_response)
        self._dispatcher.answer(request)
        return request.response()
