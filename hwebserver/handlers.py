"""Handlers of URLs.  What is registered is a RequestHandler subclass, always."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..handlers.base import RequestHandler
from ..handlers.constants import REQ_PROCEED
from .request import Request
from .response import Response

if TYPE_CHECKING:
    from collections.abc import Callable


class URLHandler(RequestHandler):
    """Base class of handlers of a URL."""

    def Handle(self) -> object:
        response = self.handle(Request(self.req))
        if not isinstance(response, Response):
            raise TypeError(f"a handler returns a Response, not {response!r}")
        response.send(self.req)
        return REQ_PROCEED

    def handle(self, request: Request) -> object:
        """Answer *request* with a Response."""
        raise NotImplementedError


def handler_of(function: Callable[[Request], object]) -> type[RequestHandler]:
    """A handler that calls *function*."""

    class FunctionHandler(URLHandler):
        def handle(self, request: Request) -> object:
            return function(request)

    return FunctionHandler


def as_handler(target: Any) -> type[RequestHandler]:
    """What answers for *target*, a function or a RequestHandler subclass."""
    if isinstance(target, type) and issubclass(target, RequestHandler):
        return target
    return handler_of(target)
