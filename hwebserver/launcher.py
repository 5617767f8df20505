"""Under Python itself: run() starts an Apache that loads the script, and ends with it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .errors import OperationFailed
from .service import Service

if TYPE_CHECKING:
    from .arguments import Arguments
    from .server import Server


class Launcher:
    """Starts an Apache for each call of run() of a script that was run by Python."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[Service] = []
        #: by the server's name, how each call that is over has ended: None or what it has raised
        self._ended: dict[str, list[str | None]] = {}

    def run(self, server: Server, arguments: Arguments) -> None:
        """Serve until Ctrl-C, SIGTERM or request_shutdown()."""
        ended = None
        try:
            if arguments.in_background:
                raise OperationFailed(
                    "run() cannot serve in the background of a script yet; leave in_background out"
                )
            with self._lock:
                earlier = {name: list(calls) for name, calls in self._ended.items()}
                service = Service(server, arguments, earlier, self.end)
                self._running.append(service)
            try:
                service.serve()
            finally:
                self._running.remove(service)
        except OperationFailed as error:
            ended = str(error)
            raise
        finally:
            with self._lock:
                self._ended.setdefault(server.name, []).append(ended)

    def request_shutdown(self, server: Server) -> None:
        """End what *server* has running."""
        self.end(server.name)

    def end(self, name: str) -> None:
        """End what the server of that name has running."""
        for service in list(self._running):
            if service.server.name == name:
                service.end()
