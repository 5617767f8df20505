"""Which handler answers a path: the one with most components of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .registry import parts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..handlers.base import RequestHandler
    from .registry import Route


class Router:
    """The routes of one port.  Of two at one path the later registration wins."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[tuple[str, ...], Route] = {}
        self._prefix: dict[tuple[str, ...], Route] = {}
        for route in routes:
            kind = self._prefix if route.is_prefix else self._exact
            kind[parts(route.path)] = route

    def find(self, path: str) -> type[RequestHandler] | None:
        """The handler for a path, %xx decoded, or None."""
        components = parts(path)
        route = self._exact.get(components)
        length = len(components)
        while route is None and length >= 0:
            route = self._prefix.get(components[:length])
            length -= 1
        return route.handler if route is not None else None
