"""Request: what a handler is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..handlers.request import Request as ApacheRequest


class Request:
    """A request, as hwebserver's handlers see it: everything is a method."""

    def __init__(self, req: ApacheRequest) -> None:
        self._req = req

    def method(self) -> str:
        """``GET``, ``POST`` ..."""
        return self._req.method

    def path(self) -> str:
        """The path, without the query."""
        return self._req.uri

    def body(self) -> bytes:
        """The body, undecoded."""
        return self._req.read()
