"""Server: the registration API, and run()."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from .handlers import as_handler
from .registry import Registry, Route
from .running import request_shutdown, run
from .static import mount_of, port_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

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

    def registerStaticFilesDirectory(
        self, directory: str | PathLike[str], url_prefix: str = "/static", port: int | str = -1
    ) -> None:
        """Have Apache send the files of *directory* below *url_prefix*; no Python runs for them.

        directory: counts from the working directory.
        port: a port's name, or -1 or 0 for the main one.

        Of all that have a URL's path the one with most components of it answers, and of equal ones
        a handler; of directories at one prefix the first that has the file.  Raises OperationFailed
        for what is no directory.
        """
        self.registry.port(port_name(port)).mounts.append(mount_of(directory, url_prefix))

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
