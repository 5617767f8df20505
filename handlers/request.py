"""The one interface through which the Python side sees a request.

Everything above it works the same whichever way the request came into Python; the ways are in
interpreters/ (direct.py, wsgi.py).  Imported by type checkers only.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from . import stdout
from .headers import Headers


class Request(Protocol):
    """One request and the answer to it.

    Text is str: paths decoded as the file system has them, header values as Latin-1.
    The body is read and the answer written by the thread that runs the request; others may look at
    the facts meanwhile.  After the request's end every use raises RuntimeError.
    """

    #: Status of the answer, 100 to 999; may be set until the answer begins, which it cannot do with
    #: one below 200.  Raises TypeError or ValueError for what is no status.
    status: int
    #: The header Content-Type of the answer, "" when it is not set.
    content_type: str
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
    def file_type(self) -> str:
        """Content type that Apache has for that file, by its name; "" for none."""

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
    def directives(self) -> Mapping[str, str]:
        """The directives in force here besides PythonOption: PythonInterpreter, PythonReplicas and
        AuthPythonModule, as far as they are set."""

    def option_directory(self, name: str) -> str:
        """Directory of the .htaccess or <Directory> that sets an option; "" if neither does."""

    @property
    def debug(self) -> bool:
        """Whether errors are shown in the browser: PythonOption debug."""

    @property
    def headers_in(self) -> Mapping[str, str]:
        """The client's headers, a repeated one as its values joined with ", ".

        Names compare without case and are listed as ``Accept-Language``.  Left out are those with
        characters besides letters, digits and "-", and ``Proxy``: in the environment, where they
        become HTTP_..., one could pass for another."""

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
    def remote_port(self) -> int:
        """TCP port of the connection's other end."""

    @property
    def local_addr(self) -> str:
        """IP address at which the connection has come in."""

    @property
    def local_port(self) -> int:
        """TCP port at which the connection has come in."""

    @property
    def server_name(self) -> str:
        """Name of the server, as UseCanonicalName has it."""

    @property
    def server_port(self) -> int:
        """Port of the server, as UseCanonicalName and UseCanonicalPhysicalPort have it."""

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""

    @property
    def environment(self) -> dict[str, str]:
        """The CGI variables of the request, a new dict each time."""

    def read(self, size: int | None = -1, /) -> bytes:
        """*size* bytes of the request's body, fewer only at its end, and b"" after it; all of it
        without *size*.

        Raises ClientGoneError when the client goes away before it has sent all, RequestError when
        it sends nothing for Apache's Timeout (408) or more than LimitRequestBody (413).
        """

    def readline(self, limit: int | None = -1, /) -> bytes:
        """A line of the body with its end, or its first *limit* bytes; b"" at the end.

        Raises as read().  The request is an iterator of these lines, too.
        """

    def __iter__(self) -> Iterator[bytes]: ...

    def __next__(self) -> bytes: ...

    def write(self, data: bytes, /) -> None:
        """Begin the answer if it has not begun, and send *data* at once.

        Raises ClientGoneError when the client is no longer there.
        """

    def write_soon(self, data: bytes, /) -> None:
        """As write(), but *data* may wait some milliseconds for what is written next, to go out
        with it.  Any thread may do so.
        """

    def writer(self, begin: Callable[[], str]) -> stdout.File:
        """A stream for text to the client; *begin* as stdout.File.encoder() has it."""

    def flush(self) -> None:
        """Begin the answer if it has not begun, and send what write_soon() has."""

    def sendfile(self, path: str, offset: int = 0, size: int = -1, /) -> None:
        """Send *size* bytes of a file from *offset* on, all the rest without *size*; the first to
        be sent sets Content-Length if it is not set.

        Raises OSError for what cannot be opened or is no file, ValueError for what it does not
        hold, ClientGoneError as write().
        """

    def finish(self, body: bytes, /) -> None:
        """Make *body* the rest of the answer.  If nothing was written, it goes with its length."""

    def internal_redirect(self, location: str, /) -> None:
        """Have Apache answer with what it has at *location*, a path with or without a query, %xx
        encoded.  It is a GET without a body; headers of the answer that describe no body go with
        it, cookies for one.

        Raises RuntimeError when the answer has begun, ValueError for what is no path.
        """

    def log(self, message: str, /) -> None:
        """Write *message* to the server's error log, a line for each of its lines."""
