"""The module that answers in Apache for a script that has called run(): PythonOption handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..handlers import base
from .errors import OperationFailed
from .routing import Router

if TYPE_CHECKING:
    from ..handlers.request import Request
    from .registry import Registry

_routers: dict[str, Router] = {}


def serve(registry: Registry) -> None:
    """Have RequestHandler answer with the handlers of *registry*."""
    _routers.clear()
    _routers.update((name, Router(port.routes)) for name, port in registry.ports.items())


class RequestHandler(base.RequestHandler):
    """Stands for the registered handlers: for_request() gives the one for the path."""

    @classmethod
    def for_request(cls, req: Request) -> base.RequestHandler:
        port = req.options["hwebserver_port"]
        router = _routers.get(port)
        if router is None:
            raise OperationFailed(f"nothing is registered for the port {port}")
        handler = router.find(req.uri) or NotFound
        return handler.for_request(req)


class NotFound(base.RequestHandler):
    """No handler has the path."""

    content_type = "text/plain"

    def Content(self) -> str:
        return "Not Found"

    def Status(self) -> None:
        self.req.status = 404
