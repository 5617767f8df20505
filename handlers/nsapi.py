"""The NSAPI-compatible objects pb, sn and rq that a handler is given (reference 2.7).

They are views of one request; nothing is computed before it is asked for.
"""

from __future__ import annotations

from _collections_abc import Mapping  # collections.abc costs a new interpreter 2 ms

from .constants import REQ_PROCEED
from .content import text_type
from .credentials import basic
from .errors import NoCredentialsError
from .lazy import Lazy
from .pblock import Block, table_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .headers import Headers
    from .request import Request

    Fields = Iterator[tuple[str, str]]


class _RequestBlock(Block):
    """A block with the credentials of its request, which are looked for when they are asked for."""

    req: Request
    #: Names of the user, the password, the way of authentication, and again of user and password.
    _credentials: tuple[str, ...] = ("auth-user", "auth-password", "auth-type")

    def _missing(self, name: str) -> KeyError:
        if name.lower() in self._credentials:
            return NoCredentialsError(f"{name}: the request brings no Basic credentials")
        return super()._missing(name)

    def _rest(self) -> Fields:
        found = basic(self.req)
        if found is not None:
            user, password = self.req.user or found[0], found[1]
            values = (user, password, "basic", user, password)
            yield from zip(self._credentials, values, strict=False)


# ---- pb -----------------------------------------------------------------------------------------


_FIXED = [
    ("fn", "python_request_handler"),
    ("method", "GET|HEAD|POST"),
    ("server-software", "Apache"),
]


def _settings(req: Request) -> dict[str, tuple[str, str]]:
    # an option wins over a directive of the same name
    return table_of([*_FIXED, *req.directives.items(), *req.options.items()])


class ParameterBlock(_RequestBlock):
    """pb: the directives and options in force, and what NSAPI puts beside them: ``fn``, ``method``,
    ``server-software``, ``type``, which is the content type Apache has for the file, "" for none,
    and with Basic credentials ``auth-user``, ``auth-password`` and ``auth-type``.  An option wins
    over all of these.

    What is set here is set for this request.
    """

    _table: dict[str, tuple[str, str]] = Lazy(_settings)  # type: ignore[assignment]

    def __init__(self, req: Request) -> None:
        self.req = req

    def _rest(self) -> Fields:
        yield "type", self.req.file_type
        yield from super()._rest()


class AuthParameterBlock(ParameterBlock):
    """The pb of an AuthHandler: also ``userdb``, the value of AuthPythonModule, and with Basic
    credentials ``user`` and ``pw``."""

    _credentials = (*ParameterBlock._credentials, "user", "pw")

    def _rest(self) -> Fields:
        yield "userdb", self.req.directives.get("AuthPythonModule", "")
        yield from super()._rest()


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
        if isinstance(data, str):
            data = data.encode(_declare_charset(self.req))
        self.req.write(data)

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

    def client(self) -> Mapping[str, str | None]:
        """``ip``, the client's address, and ``dns``, its name as session_dns() gives it, which is
        asked for when it is looked at."""
        return Client(self)

    def session_dns(self) -> str | None:
        """The client's name, or None if it has none that leads back to its address.

        Asks the name server, and waits for it, once per request.
        """
        return self._dns


class Client(Mapping[str, "str | None"]):
    """sn.client()."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getitem__(self, name: str) -> str | None:
        if name == "ip":
            return self._session.req.remote_addr
        if name == "dns":
            return self._session.session_dns()
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(("ip", "dns"))

    def __len__(self) -> int:
        return 2

    def __repr__(self) -> str:
        return repr(dict(self))


def _declare_charset(req: Request) -> str:
    """Have the header Content-Type, where it is set, name the charset of text; give the charset."""
    declared = req.content_type
    content_type, codec = text_type(declared)
    if declared and not req.started:
        req.content_type = content_type
    return codec


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


class Variables(_RequestBlock):
    """rq.vars: what Apache has found out about the request; what it has not is not there."""

    def __init__(self, req: Request) -> None:
        found = (("path", req.filename), ("path-info", req.path_info), ("auth-user", req.user))
        super().__init__([(name, value) for name, value in found if value])
        self.req = req

    def _rest(self) -> Fields:
        yield from super()._rest()
        req = self.req
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
        """Begin the answer with its status and headers, if it has not begun.

        Text without a charset is declared as UTF-8, which is what net_write() makes of str.
        """
        req = self.req
        if not req.started:
            _declare_charset(req)
            req.write(b"")
        return REQ_PROCEED

    def log_err(self, function: str, message: str, sn: Session | None = None) -> None:
        """Write to the server's error log, in one line, what *function* reports of this request."""
        req = self.req
        text = (
            f"for host {req.remote_addr} trying to {_clf_request(req)}, "
            f"{function} reports: {message}"
        )
        # what a client has sent, and is reported, is not to make a line of its own
        req.log(" ".join(text.replace("\0", " ").splitlines()))

    log_error = log_err
