"""A request as the standard input and output of a CGI script."""

from __future__ import annotations

import io
from _thread import get_ident
from typing import TYPE_CHECKING

from .cgi_header import Header, parse
from .errors import CGIError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

    from .request import Request

#: So much of a page is kept to be sent together, of a request's body to be read together: bytes.
BUFFER_BYTES = 64 * 1024

_NO_OUTPUT = "premature end of the script: it has printed nothing, not even a header"
_NO_BODY = "premature end of the script's header: there is no empty line after it"


class Input(io.RawIOBase):
    """The body of a request.  Reading raises what Request.read() raises."""

    def __init__(self, req: Request) -> None:
        self._req = req

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill *buffer* as far as the body goes; 0 at its end."""
        view = memoryview(buffer).cast("B")
        data = self._req.read(len(view))
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        """All the rest."""
        return self._req.read()


class Output(io.BufferedIOBase):
    """The answer to a request, as a script prints it: a header, an empty line, the page.

    Any thread may write.  Writing raises CGIError for a bad header, then and ever after, and what
    Request.write() raises.
    """

    def __init__(self, req: Request) -> None:
        self._req = req
        self._thread = get_ident()
        self._header: Header | None = None
        self._pending = bytearray()
        self._failure: CGIError | None = None
        self._is_ending = False

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Take *data*.  A page of less than BUFFER_BYTES goes out whole, at the script's end."""
        if self.closed:
            raise ValueError("the standard output of this CGI script is closed")
        if self._failure is not None:
            raise self._failure
        size = memoryview(data).nbytes
        if self._header is None:
            self._pending += data
            self._begin()
        elif size < BUFFER_BYTES:
            self._pending += data
        else:
            self._send()
            self._send(data)
        if len(self._pending) >= BUFFER_BYTES:
            self._send()
        return size

    def flush(self) -> None:
        """Send what is there, if the header is; what the end of the script flushes can wait.

        On another thread than the request's, it is sent soon.
        """
        if self.closed or self._is_ending or self._header is None:
            return
        self._send()
        if self._thread == get_ident() and not is_redirect(self._header):
            self._req.flush()

    def hold(self) -> None:
        """The script has ended: what is still to come goes out with finish()."""
        self._is_ending = True

    def finish(self) -> None:
        """Make what was written the whole answer.  Raises CGIError if that is none."""
        if self._failure is not None:
            raise self._failure
        header, req = self._header, self._req
        if header is None:
            raise CGIError(_NO_BODY if self._pending else _NO_OUTPUT)
        if is_redirect(header):
            if header.location.startswith("/"):
                req.internal_redirect(header.location)
            else:
                req.status = 302  # and Apache's document for it
        elif self._pending:
            req.finish(bytes(self._pending))
        else:
            req.write(b"")  # an empty page is one, and no reason for Apache's own

    def _begin(self) -> None:
        try:
            found = parse(bytes(self._pending))
        except CGIError as error:
            self._failure = error
            raise
        if found is None:
            return
        header, start = found
        del self._pending[:start]
        if header.status is not None:
            self._req.status = header.status
        add = self._req.headers_out.add
        for name, value in header.fields:
            add(name, value)
        self._header = header

    def _send(self, data: ReadableBuffer | None = None) -> None:
        """Send *data*, or all that is pending, unless the header has the answer elsewhere."""
        if self._header is None:
            return
        if data is None:
            data, self._pending = self._pending, bytearray()
        if not is_redirect(self._header):
            self._req.write_soon(data)  # type: ignore[arg-type]  # takes any buffer


def is_redirect(header: Header) -> bool:
    """Whether *header* sends elsewhere, and the script's page is not the answer."""
    return bool(header.location) and header.status in (None, 200)
