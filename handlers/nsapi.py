"""The NSAPI-compatible objects pb, sn and rq that a handler is given (reference 2.7).

They are views of one request; nothing is computed before it is asked for.
"""

from __future__ import annotations

from .constants import REQ_PROCEED
from .content import text_type
from .credentials import basic
from .pblock import Block, table_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from .headers import Headers
    from .request import Request

    Fields = Iterator[tuple[str, str]]


class Lazy:
    """An attribute that is made of its object's ``req`` when it is first asked for."""

    def __init__(self, kind: Callable[[Request], object]) -> None:
        self._kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, owner: Any, kind: type) -> Any:
        if owner is None:
            return self
        value = self._kind(owner.req)
        owner.__dict__[self._name] = value  # and from now on it is found there
        return value


# ---- pb -----------------------------------------------------------------------------------------


_FIXED = [
    ("fn", "python_request_handler"),
    ("method", "GET|HEAD|POST"),
    ("server-software", "Apache"),
]


def _settings(req: Request) -> dict[str, tuple[str, str]]:
    # an option wins over a directive of the same name
    return table_of([*_FIXED, *req.directives.items(), *req.options.items()])


class ParameterBlock(Block):
    """pb: the directives and options in force, and what NSAPI puts beside them: ``fn``, ``method``,
    ``server-software``, ``type``, which is the content type Apache has for the file, "" for none,
    and with Basic credentials ``auth-user``, ``auth-password`` and ``auth-type``.

    What is set here is set for this request.
    """

    _table: dict[str, tuple[str, str]] = Lazy(_settings)  # type: ignore[assignment]

    def __init__(self, req: Request) -> None:
        self.req = req

    def _rest(self) -> Fields:
        yield "type", self.req.file_type
        yield from _basic(self.req)


def _basic(req: Request) -> Fields:
    user, password = basic(req) or ("", "")
    if user:
        yield "auth-user", req.user or user
        yield "auth-password", password
        yield "auth-type", "basic"


# ---- sn -----------------------------------------------------------------------------------------


class Session:
    """sn: the connection."""

    _dns: str | None = Lazy(lambda req: _name_of(req.remote_addr))  # type: ignore[assignment]

    def __init__(self, req: Request) -> None:
        self.req = req

    def net_write(self, data: str | bytes) -> None:
        """Send *data* to the client at once.  Begins the answer.

        str goes in the charset of the header Content-Type, UTF-8 if it names none.
        Raises ClientGoneError, an OSError, when the client is gone.
        """
        req = self.req
        if isinstance(data, str):
            declared = req.content_type
            content_type, codec = text_type(declared)
            if declared and not req.started:
                req.content_type = content_type
            data = data.encode(codec)
        req.write(data)

    def net_read(self, size: int) -> bytes:
        """*size* bytes of the request's body, fewer only at its end.  Raises as Request.read()."""
        return self.req.read(size)

    def form_data(self, size: int) -> str:
        """*size* bytes of the request's body, fewer only at its end, as str, a character for each.

        Raises ValueError for a size that is not positive, and as Request.read().
        """
        if size <= 0:
            raise ValueError(f"form_data: a number of bytes, 1 or more, not {size!r}")
        return self.req.read(size).decode("latin-1")

    def client(self) -> dict[str, str | None]:
        """``ip``, the client's address, and ``dns``, its name as session_dns() gives it."""
        return {"ip": self.req.remote_addr, "dns": self.session_dns()}

    def session_dns(self) -> str | None:
        """The client's name, or None if it has none that leads back to its address.

        Asks the name server, and waits for it, once per request.
        """
        return self._dns


def _name_of(address: str) -> str | None:
    from socket import getaddrinfo, gethostbyaddr

    try:
        name = gethostbyaddr(address)[0]
        # whoever has an address may give it any name
        found = {str(info[4][0]) for info in getaddrinfo(name, None)}
    except (OSError, UnicodeError):
        return None
    return name if address in found else None


# ---- rq -----------------------------------------------------------------------------------------


def _request_line(req: Request) -> Block:
    return Block(
        [
            ("clf-request", _clf_request(req)),
            ("method", req.method),
            ("protocol", req.protocol),
            ("uri", req.uri),
            ("query", req.args),
        ]
    )


def _clf_request(req: Request) -> str:
    return f"{req.method} {req.unparsed_uri} {req.protocol}"


def _headers(req: Request) -> Block:
    return Block((name.lower(), value) for name, value in req.headers_in.items())


class Variables(Block):
    """rq.vars: what Apache has found out about the request; what it has not is not there."""

    def __init__(self, req: Request) -> None:
        found = (("path", req.filename), ("path-info", req.path_info), ("auth-user", req.user))
        super().__init__([(name, value) for name, value in found if value])
        self._req = req

    def _rest(self) -> Fields:
        req = self._req
        yield from _basic(req)
        if req.path_info:
            yield "path-translated", req.environment["DOCUMENT_ROOT"] + req.path_info


class NSAPIRequest:
    """rq: the request."""

    #: The request line: ``clf-request``, all of it, ``method``, ``protocol``, ``uri``, the path
    #: decoded, and ``query``, "" for none.
    reqpb: Block = Lazy(_request_line)  # type: ignore[assignment]
    #: The client's headers, names in small letters.
    headers: Block = Lazy(_headers)  # type: ignore[assignment]
    #: ``path``, the file; where there is one ``path-info`` with ``path-translated``, the file it
    #: would be as a URL of its own but for Alias; ``auth-user``, and of Basic credentials
    #: ``auth-password`` and ``auth-type``.  What a client brings is proven only where the directory
    #: asks for it (Require).
    vars: Block = Lazy(Variables)  # type: ignore[assignment]

    def __init__(self, req: Request) -> None:
        self.req = req

    @property
    def srvhdrs(self) -> Headers:
        """The headers of the answer, to be changed until it begins."""
        return self.req.headers_out

    @property
    def response_started(self) -> int:
        """1 once the answer has begun, else 0."""
        return int(self.req.started)

    def request_header(self, name: str, sn: Session | None = None) -> str | None:
        """A header of the client's, or None."""
        return self.req.headers_in.get(name)

    def protocol_status(self, sn: Session | None, status: int) -> None:
        """Set the status of the answer, a PROTOCOL_ constant.

        Raises TypeError or ValueError for what is no status.
        """
        self.req.status = status

    def start_response(self, sn: Session | None = None) -> int:
        """Begin the answer with its status and headers, if it has not begun."""
        self.req.write(b"")
        return REQ_PROCEED

    def log_err(self, function: str, message: str, sn: Session | None = None) -> None:
        """Write to the server's error log what *function* reports of this request."""
        req = self.req
        req.log(
            f"for host {req.remote_addr} trying to {_clf_request(req)}, "
            f"{function} reports: {message}"
        )

    log_error = log_err
