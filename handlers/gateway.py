"""What WSGI applications (PEP 3333) get of a request, and what becomes of their answers."""

from __future__ import annotations

import sys
from tempfile import SpooledTemporaryFile
from wsgiref.util import FileWrapper

from .errors import RequestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import IO, Any

    from .request import Request

    ExcInfo = tuple[type[BaseException], BaseException, TracebackType]

#: A request's body up to this size stays in memory, a larger one is on disk: bytes.
SPOOL_BYTES = 64 * 1024
_PIECE = 64 * 1024
_APACHES_OWN = frozenset({"server", "date"})


def environment(req: Request, script: str, path: str, body: IO[bytes]) -> dict[str, Any]:
    """The environ of *req*: its CGI variables, without those of a request that Apache redirected to
    it, and what WSGI adds.

    script, path: SCRIPT_NAME and PATH_INFO, as they are to be.
    """
    environ: dict[str, Any] = {
        name: value for name, value in req.environment.items() if not name.startswith("REDIRECT_")
    }
    environ["SCRIPT_NAME"] = script
    environ["PATH_INFO"] = path
    environ["wsgi.version"] = (1, 0)
    environ["wsgi.url_scheme"] = req.scheme
    environ["wsgi.input"] = body
    environ["wsgi.errors"] = sys.stderr
    environ["wsgi.multithread"] = True
    environ["wsgi.multiprocess"] = True
    environ["wsgi.run_once"] = False
    environ["wsgi.file_wrapper"] = lambda file: FileWrapper(file, _PIECE)
    return environ


def spooled(req: Request, limit: int | None) -> IO[bytes]:
    """The body of *req* as a file that can be read again; the caller closes it.

    limit: in bytes; with None the file is empty, and the body is left where it is.
    Raises RequestError (413) for more than that, and what Request.read() raises.
    """
    file: IO[bytes] = SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - the caller's
    size = 0
    try:
        while limit is not None and (data := req.read(_PIECE)):
            size += len(data)
            if size > limit:
                raise RequestError(f"a body of more than {limit} bytes", 413)
            file.write(data)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def starter(req: Request) -> Callable[..., Callable[[bytes], None]]:
    """The start_response for an application that answers *req*.

    Server and Date are left to Apache.  Once the answer has begun it does nothing.
    """

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        if not req.started:
            req.status = int(status[:3])
            req.headers_out.clear()
            for name, value in headers:
                if name.lower() not in _APACHES_OWN:
                    req.headers_out.add(name, value)
        return req.write

    return start_response


def send(req: Request, body: Iterable[bytes]) -> None:
    """Send what the application has returned, and close it."""
    try:
        if isinstance(body, (list, tuple)):
            req.finish(b"".join(body))
        elif req.method != "HEAD":
            for piece in body:
                if piece:
                    req.write(piece)
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()
