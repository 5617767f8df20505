"""The one interface through which the Python side sees a request.

Everything above it works the same whichever way the request came into Python; the ways are in
interpreters/ (wsgi.py).  Imported by type checkers only.
"""

from collections.abc import Mapping
from typing import Protocol

from .headers import Headers


class Request(Protocol):
    """One request and the answer to it.  Belongs to the thread that runs it; dead afterwards.

    Text is str: paths decoded as the file system has them, header values as Latin-1.
    """

    #: Status of the answer; may be set until the answer begins.
    status: int
    #: Whether the status line and headers are out.
    started: bool

    @property
    def method(self) -> str:
        """``GET``, ``POST`` ..."""

    @property
    def uri(self) -> str:
        """Path of the URL, %xx decoded, without the query."""

    @property
    def unparsed_uri(self) -> str:
        """Path and query as the client sent them."""

    @property
    def args(self) -> str:
        """Query string without the ``?``, still encoded; "" when there is none."""

    @property
    def protocol(self) -> str:
        """``HTTP/1.1`` ..."""

    @property
    def filename(self) -> str:
        """The file that Apache mapped the URL to, absolute.  It need not exist."""

    @property
    def path_info(self) -> str:
        """What follows the file in the URL's path, %xx decoded; "" or beginning with "/"."""

    @property
    def directory(self) -> str:
        """Canonical directory of the file: the working directory of this request."""

    @property
    def interpreter(self) -> str:
        """Name of the interpreter; "" for the main one."""

    @property
    def options(self) -> Mapping[str, str]:
        """The PythonOption values in force here."""

    @property
    def headers_in(self) -> Mapping[str, str]:
        """The client's headers.  Names compare without case."""

    @property
    def headers_out(self) -> Headers:
        """Headers of the answer; may be changed until the answer begins."""

    @property
    def user(self) -> str | None:
        """Name of the authenticated user."""

    @property
    def remote_addr(self) -> str:
        """IP address of the client."""

    @property
    def environment(self) -> dict[str, str]:
        """The CGI variables of the request, a new dict each time."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to *size* bytes of the request's body, all of it without *size*; b"" at its end.

        Raises ClientGoneError when the client goes away before it has sent all.
        """

    def write(self, data: bytes, /) -> None:
        """Begin the answer if it has not begun, and send *data* at once.

        Raises ClientGoneError when the client is no longer there.
        """

    def finish(self, body: bytes, /) -> None:
        """Make *body* the rest of the answer.  If nothing was written, it goes with its length."""

    def log(self, message: str, /) -> None:
        """Write *message* to the server's error log, a line for each of its lines."""
