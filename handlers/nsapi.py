"""The NSAPI-compatible objects pb, sn and rq that a handler is given (reference 2.7).

They are views of one request; nothing is computed before it is asked for.
"""

from __future__ import annotations

from _collections_abc import Mapping  # collections.abc costs a new interpreter 2 ms

from .credentials import basic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from .headers import Headers
    from .request import Request

_FIXED = {
    "fn": "python_request_handler",
    "method": "GET|HEAD|POST",
    "server-software": "Apache",
}


class Lazy:
    """An attribute of a handler that is made of its request when it is first asked for."""

    def __init__(self, kind: Callable[[Request], object]) -> None:
        self._kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, handler: Any, owner: type) -> Any:
        if handler is None:
            return self
        value = self._kind(handler.req)
        handler.__dict__[self._name] = value  # and from now on it is found there
        return value


class ParameterBlock(Mapping[str, str]):
    """pb: the options in force and what NSAPI puts beside them.  Names compare without case."""

    __slots__ = ("_req", "_values")

    def __init__(self, req: Request) -> None:
        self._req = req
        self._values: dict[str, str] | None = None

    def _table(self) -> dict[str, str]:
        if self._values is None:
            self._values = dict(_FIXED)
            for name, value in self._req.options.items():
                self._values[name.lower()] = value
        return self._values

    def __getitem__(self, name: str) -> str:
        return self._table()[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table())

    def __len__(self) -> int:
        return len(self._table())

    def __repr__(self) -> str:
        return repr(self._table())

    def has_key(self, name: str) -> bool:
        return name.lower() in self._table()


class Session:
    """sn: the connection."""

    __slots__ = ("_req",)

    def __init__(self, req: Request) -> None:
        self._req = req

    def net_write(self, data: str | bytes) -> None:
        """Send *data* to the client as it is, str as UTF-8.  Begins the answer."""
        self._req.write(data.encode() if isinstance(data, str) else data)

    def net_read(self, size: int) -> bytes:
        """Up to *size* bytes of the request's body."""
        return self._req.read(size)


class NSAPIRequest:
    """rq: the request."""

    __slots__ = ("req",)

    def __init__(self, req: Request) -> None:
        self.req = req

    @property
    def reqpb(self) -> dict[str, str]:
        """The request line: ``clf-request``, ``method``, ``protocol``, ``uri``, ``query``."""
        req = self.req
        return {
            "clf-request": f"{req.method} {req.unparsed_uri} {req.protocol}",
            "method": req.method,
            "protocol": req.protocol,
            "uri": req.uri,
            "query": req.args,
        }

    @property
    def headers(self) -> Mapping[str, str]:
        """The client's headers."""
        return self.req.headers_in

    @property
    def srvhdrs(self) -> Headers:
        """The headers of the answer, to be changed until it begins."""
        return self.req.headers_out

    @property
    def vars(self) -> dict[str, str]:
        """``path``; ``path-info`` where there is one; ``auth-user``, and of Basic credentials
        ``auth-password`` and ``auth-type``."""
        req = self.req
        user, password = basic(req) or (None, None)
        found = {
            "path": req.filename,
            "path-info": req.path_info,
            "auth-user": req.user or user,
            "auth-password": password,
            "auth-type": "basic" if user is not None else None,
        }
        return {name: value for name, value in found.items() if value}

    @property
    def response_started(self) -> int:
        """1 once the headers are out."""
        return int(self.req.started)

    def protocol_status(self, sn: Session, status: int) -> None:
        """Set the status of the answer, a PROTOCOL_ constant."""
        self.req.status = status

    def start_response(self, sn: Session) -> None:
        """Send status and headers, once."""
        self.req.write(b"")
