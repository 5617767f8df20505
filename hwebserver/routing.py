"""Which handler answers a path: the one with most components of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .registry import parts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..handlers.base import RequestHandler
    from .registry import Route


class Router:
    """The routes of one port.

    Of two at one path the later one wins, and the log says so.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[str, type[RequestHandler]] = {}
        self._prefix: dict[str, type[RequestHandler]] = {}
        for route in routes:
            handlers = self._prefix if route.is_prefix else self._exact
            path = "".join(f"/{part}" for part in parts(route.path))
            before = handlers.get(path, route.handler)
            if before is not route.handler:
                sys.stderr.write(
                    f"hwebserver: {route.handler.__qualname__} takes the place of "
                    f"{before.__qualname__} at {route.path}\n"
                )
            handlers[path] = route.handler
        #: most components of a prefix
        self._depth = max((path.count("/") for path in self._prefix), default=-1)

    def find(self, path: str) -> type[RequestHandler] | None:
        """The handler for a path, %xx decoded, or None.  A slash at its end makes no difference."""
        path = path.rstrip("/")
        handler = self._exact.get(path)
        if handler is not None or self._depth < 0:
            return handler
        path = "/".join(path.split("/", self._depth + 1)[: self._depth + 1])
        while (handler := self._prefix.get(path)) is None and path:
            path = path.rpartition("/")[0]
        return handler
