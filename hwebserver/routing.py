"""Which handler answers a path: the one with most components of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .errors import OperationFailed
from .registry import parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..handlers.base import RequestHandler
    from .registry import Port, Registry, Route


class Router:
    """The routes of one port.

    Of two at one path the later one wins, and the log says so if *warns*.
    """

    def __init__(self, routes: Iterable[Route], *, warns: bool = True) -> None:
        self._exact: dict[str, type[Any]] = {}
        self._prefix: dict[str, type[Any]] = {}
        for route in routes:
            handlers = self._prefix if route.is_prefix else self._exact
            path = "".join(f"/{part}" for part in parts(route.path))
            before = handlers.get(path, route.handler)
            if before is not route.handler and warns:
                sys.stderr.write(
                    f"hwebserver: {route.handler.__qualname__} takes the place of "
                    f"{before.__qualname__} at {route.path}\n"
                )
            handlers[path] = route.handler
        #: most components of a prefix
        self._depth = max((path.count("/") for path in self._prefix), default=-1)

    def find(self, path: str) -> type[Any] | None:
        """The handler for a path, %xx decoded, or None.  A slash at its end makes no difference."""
        path = path.rstrip("/")
        handler = self._exact.get(path)
        if handler is not None or self._depth < 0:
            return handler
        path = "/".join(path.split("/", self._depth + 1)[: self._depth + 1])
        while (handler := self._prefix.get(path)) is None and path:
            path = path.rpartition("/")[0]
        return handler


class Routers:
    """The routers of all ports of a registry, as far as that has come: it may grow meanwhile.

    grows: it does, and then handlers at a path that has one take its place without a word; warns:
    those that are there from the start do not.
    """

    def __init__(self, registry: Registry, *, grows: bool = False, warns: bool = True) -> None:
        self._registry = registry
        self._grows = grows
        self._warns = warns
        # by the port's name, each with the number of routes it was made of
        self._routers: dict[str, tuple[int, Router]] = {}
        self._sockets: dict[str, tuple[int, Router]] = {}
        self._own_logs: set[str] = set()
        for name, port in registry.ports.items():
            self._router(self._routers, name, port.routes)
            self._router(self._sockets, name, port.sockets)

    def handler(self, port: str, path: str) -> type[RequestHandler] | None:
        """The handler for a path at a port.  Raises OperationFailed for one that has none."""
        return self._router(self._routers, port, self._port(port).routes).find(path)

    def socket(self, port: str, path: str) -> type[Any] | None:
        """The WebSocket class or ASGIHandler for a path at a port; raises as handler()."""
        return self._router(self._sockets, port, self._port(port).sockets).find(path)

    def handlers(self) -> Iterator[type[RequestHandler]]:
        """All handlers that are registered."""
        for port in list(self._registry.ports.values()):
            yield from (route.handler for route in list(port.routes))

    @property
    def need_loop(self) -> bool:
        """Whether anything runs on the event loop."""
        ports = self._registry.ports.values()
        return any(port.sockets or any(r.is_async for r in port.routes) for port in ports)

    def has_own_log(self, port: str) -> bool:
        """Whether the settings of a port are about its log."""
        return port in self._own_logs

    def describe(self, description: dict[str, Any]) -> None:
        """Take what describe() has of the ports, files of settings included."""
        self._own_logs = {
            name
            for name, port in description["ports"].items()
            if not port["settings"].keys().isdisjoint(("LOG_FILE", "MIN_LOG_SEVERITY"))
        }

    def _port(self, name: str) -> Port:
        port = self._registry.ports.get(name)
        if port is None:
            raise OperationFailed(f"nothing is registered for the port {name}")
        return port

    def _router(
        self, known: dict[str, tuple[int, Router]], name: str, routes: list[Route]
    ) -> Router:
        count, router = known.get(name, (-1, None))
        if router is None or count != len(routes):
            count = len(routes)
            warns = self._warns and not (self._grows and name in known)
            router = Router(routes[:count], warns=warns)
            known[name] = count, router
        return router
