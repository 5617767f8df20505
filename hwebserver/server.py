"""Server: the registration API, and run()."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from .handlers import as_handler
from .registry import Registry, Route
from .running import request_shutdown, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    T = TypeVar("T")


class Server:
    """A server with its own handlers and ports."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.registry = Registry()
        self._is_in_debug_mode = False

    def urlHandler(
        self, path: str, is_prefix: bool = False, ports: Sequence[str] = ()
    ) -> Callable[[T], T]:
        """Register a function of one argument, the Request, or a RequestHandler subclass."""

        def register(target: T) -> T:
            self.registry.add(Route(path, is_prefix, as_handler(target)), ports)
            return target

        return register

    def isInDebugMode(self) -> bool:
        """Whether run() was called with debug."""
        return self._is_in_debug_mode

    def run(
        self,
        port: int = 8008,
        debug: bool = False,
        max_num_threads: int = 4,
        *,
        port_callback: Callable[..., object] | None = None,
    ) -> None:
        """Serve until Ctrl-C, SIGTERM or requestShutdown().

        Raises OperationFailed for a port that is busy or forbidden.
        """
        self._is_in_debug_mode = debug
        run(
            self,
            {
                "port": port,
                "debug": debug,
                "max_num_threads": max_num_threads,
                "port_callback": port_callback,
            },
        )

    def requestShutdown(self) -> None:
        """End the server once the requests in progress are answered."""
        request_shutdown(self)
