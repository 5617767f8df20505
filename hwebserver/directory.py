"""Decorators in the modules of a directory of Apache's: no run(), and paths from the directory on.

What a module registers while it is loaded belongs to it, and is registered anew when it is loaded
anew.  A handler's module answers with what it has registered, and the modules that it imports; with
its own RequestHandler, if it has one, where none of that has the path.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, ClassVar

from ..handlers import base, loading
from . import api, running
from .application import NotFound
from .errors import OperationFailed
from .registry import MAIN, Registry
from .routing import Router
from .wsgi import WSGIHandler

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from ..handlers.request import Request
    from .arguments import Arguments
    from .registry import Route
    from .server import Server


class Directory:
    """Where scripts do not call run(), since Apache runs already."""

    def run(self, server: Server, arguments: Arguments) -> None:
        """Only say so, to let a script that calls it be a directory's module as well."""
        sys.stderr.write("hwebserver: run() does nothing in a directory that Apache serves\n")

    def request_shutdown(self, server: Server) -> None:
        """Raises OperationFailed."""
        raise OperationFailed(running.NO_SHUTDOWN)


here = Directory()


def registry() -> Registry | None:
    """That of the module which this thread is loading; None where scripts call run().

    Raises OperationFailed when it is loading none.
    """
    if loading.registered is None or running.runner not in (None, here):
        return None
    running.runner = here
    found = loading.registered()
    if found is None:
        raise OperationFailed(
            "a directory's module registers its handlers while it is loaded, not afterwards"
        )
    if not found:
        found.append(Registry())
        loading.adopt = _adopt
    own: Registry = found[0]
    return own


class DirectoryHandler(base.RequestHandler):
    """Stands for what a module has registered: for_request() gives the one for the path."""

    router: ClassVar[Router]
    #: for other paths
    otherwise: ClassVar[type[base.RequestHandler]]

    @classmethod
    def for_request(cls, req: Request) -> base.RequestHandler:
        path = _path(req)
        handler = (cls.router.find(path) or cls.otherwise).for_request(req)
        if isinstance(handler, WSGIHandler):
            handler.base = req.uri.removesuffix(path)
        return handler


def _adopt(module: ModuleType, registries: Sequence[Registry]) -> None:
    """Have *module* answer with the handlers of *registries*, the last one its own."""
    routes: list[Route] = []
    functions: dict[str, api.APIFunction] = {}
    for each in registries:
        _check(each)
        port = each.ports[MAIN]
        routes += (r for r in port.routes if not issubclass(r.handler, api.APIHandler))
        functions |= port.functions
    if functions:
        routes.append(api.route(functions))
    own: type[base.RequestHandler] = getattr(module, "RequestHandler", NotFound)
    otherwise = own.otherwise if issubclass(own, DirectoryHandler) else own
    answers = {
        "__module__": module.__name__,  # so that it is not handed on when the module is loaded anew
        "router": Router(routes),
        "otherwise": otherwise,
    }
    module.RequestHandler = type("RequestHandler", (DirectoryHandler,), answers)  # type: ignore[attr-defined]


def _check(registry: Registry) -> None:
    """Raises OperationFailed for what Apache's configuration says here, not a module."""
    port = registry.ports[MAIN]
    if len(registry.ports) > 1 or port.settings:
        raise OperationFailed("a directory is served at Apache's ports, with Apache's settings")
    if port.sockets:  # an ASGI application has both
        raise OperationFailed("WebSockets and ASGI applications run where a script calls run()")
    if port.mounts or port.archives:
        raise OperationFailed("a directory's files are sent by Apache, without registering any")


def _path(req: Request) -> str:
    """What follows in the URL's path the directory whose requests come to the module, or else the
    module's own file."""
    if not any(name.lower() == "handler" for name in req.options):
        return req.path_info
    directory = req.option_directory("handler").rstrip("/")
    file = f"{req.filename}{req.path_info}"
    if directory and not file.startswith(f"{directory}/"):
        directory = req.directory
    return file[len(directory) :] if directory else req.uri
