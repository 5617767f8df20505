"""WSGI applications (PEP 3333) as handlers of all URLs below a path."""

from __future__ import annotations

import io
import os
import sys
from stat import S_ISREG
from typing import TYPE_CHECKING, Any

from ..handlers.base import RequestHandler
from ..handlers.constants import REQ_PROCEED
from .registry import parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..handlers.request import Request

    Application = Callable[..., Iterable[bytes]]
    Headers = list[tuple[str, str]]

#: What concerns the connection, which is Apache's.
_HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)


def wsgi_handler(application: Application, path: str) -> type[RequestHandler]:
    """A handler that has *application* answer what lies at and below *path*."""
    prefix = "".join(f"/{part}" for part in parts(path))

    class Handler(WSGIHandler):
        def Handle(self) -> object:
            _Call(self.req, self.base + prefix).run(application)
            return REQ_PROCEED

    Handler.__qualname__ = getattr(application, "__qualname__", type(application).__qualname__)
    return Handler


class WSGIHandler(RequestHandler):
    """Base class of handlers that leave requests to a WSGI application."""

    #: The URL's path up to where those of handlers begin: in a directory's module, its own.
    base = ""


class FileWrapper:
    """``wsgi.file_wrapper``: an open file as an answer, which Apache sends itself if it is one of
    the disk."""

    def __init__(self, file: Any, block_size: int = 65536) -> None:
        self.file = file
        self._block_size = block_size

    def __iter__(self) -> Iterator[bytes]:
        while data := self.file.read(self._block_size):
            yield data

    def close(self) -> None:
        if hasattr(self.file, "close"):
            self.file.close()

    def rest(self) -> tuple[str, int, int] | None:
        """Path of the file, where it is to be read from, and how many bytes follow there; None for
        what is read otherwise than from a disk."""
        file = getattr(self.file, "file", self.file)  # what tempfile gives
        if not isinstance(getattr(file, "raw", file), io.FileIO):
            return None
        file.flush()
        number = file.fileno()
        status = os.fstat(number)
        if not S_ISREG(status.st_mode):
            return None
        offset = file.tell()
        return f"/proc/self/fd/{number}", offset, max(0, status.st_size - offset)


class _Input:
    """``wsgi.input``."""

    def __init__(self, req: Request) -> None:
        self.read = req.read
        self.readline = req.readline

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def readlines(self, hint: int = -1) -> list[bytes]:
        lines = []
        size = 0
        for line in self:
            lines.append(line)
            size += len(line)
            if 0 < hint <= size:
                break
        return lines


class _Call:
    """One request to an application."""

    def __init__(self, req: Request, prefix: str) -> None:
        self._req = req
        self._prefix = prefix
        self._has_headers = False

    def run(self, application: Application) -> None:
        result = application(self._environ(), self._start_response)
        try:
            self._send(result)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    def _environ(self) -> dict[str, Any]:
        req = self._req
        environ: dict[str, Any] = req.environment
        path = environ["SCRIPT_NAME"] + environ["PATH_INFO"]
        length = len(self._prefix.encode("utf-8", "surrogateescape"))
        environ |= {
            "SCRIPT_NAME": path[:length],
            "PATH_INFO": path[length:],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": req.scheme,
            "wsgi.input": _Input(req),
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.file_wrapper": FileWrapper,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        return environ

    def _start_response(
        self, status: str, headers: Headers, exc_info: Any = None
    ) -> Callable[[bytes], None]:
        req = self._req
        if exc_info:
            try:
                if req.started:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # which holds this frame
        elif self._has_headers:
            raise RuntimeError("start_response was called before; again only with exc_info")
        code, _, _ = status.partition(" ")
        if len(code) != 3 or not code.isdecimal():
            raise ValueError(f"a status is as '200 OK', not {status!r}")
        req.status = int(code)
        req.headers_out.clear()
        for name, value in headers:
            if name.lower() not in _HOP_BY_HOP:
                req.headers_out.add(name, value)
        self._has_headers = True
        return self._write

    def _write(self, data: bytes) -> None:
        self._check(data)
        if data:
            self._req.write(data)

    def _check(self, data: object) -> None:
        if not isinstance(data, bytes):
            raise TypeError(f"a WSGI application gives bytes, not {data!r}")
        if not self._has_headers:
            raise RuntimeError("the WSGI application has not called start_response")

    def _send(self, result: Iterable[bytes]) -> None:
        """Send the body, of which Apache drops what is more than Content-Length says."""
        req = self._req
        if isinstance(result, list | tuple):
            for data in result:
                self._check(data)
            if body := b"".join(result):
                req.finish(body)
                return
        elif isinstance(result, FileWrapper) and (rest := result.rest()) is not None:
            self._check(b"")
            req.sendfile(*rest)
        else:
            for data in result:
                self._write(data)
                if data and req.method == "HEAD":
                    break
        self._check(b"")
        if not req.started:
            if req.method != "HEAD" and req.status not in (204, 304):
                req.headers_out.setdefault("Content-Length", "0")
            req.flush()
