"""The module that answers in Apache for a script that has called run(): PythonOption handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..handlers import base
from .handlers import ResponseHandler
from .responses import notFoundResponse

if TYPE_CHECKING:
    from types import TracebackType

    from ..handlers.request import Request as ApacheRequest
    from .request import Request
    from .response import Response
    from .routing import Routers

_routers: Routers | None = None
_failure: BaseException | None = None
_trace: TracebackType | None = None


def serve(routers: Routers) -> None:
    """Have RequestHandler answer with the handlers of *routers*."""
    global _routers
    _routers = routers


def serve_failure(error: BaseException) -> None:
    """Have RequestHandler raise *error*, with which the script has ended."""
    global _failure, _trace
    _failure, _trace = error, error.__traceback__


class RequestHandler(base.RequestHandler):
    """Stands for the registered handlers: for_request() gives the one for the path."""

    @classmethod
    def for_request(cls, req: ApacheRequest) -> base.RequestHandler:
        if _failure is not None:
            raise _failure.with_traceback(_trace)  # or it would grow with each request
        assert _routers is not None
        handler = _routers.handler(req.options["hwebserver_port"], req.uri) or NotFound
        return handler.for_request(req)


class NotFound(ResponseHandler):
    """No handler has the path."""

    def handle(self, request: Request) -> Response:
        return notFoundResponse(request)
