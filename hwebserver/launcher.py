"""Under Python itself: run() starts an Apache that ends with it.

It loads the script, unless that is to be served in the background, or there is no file to load:
then handlers run in this process.
"""

from __future__ import annotations

import atexit
import os
import threading
from typing import TYPE_CHECKING

from . import coroutines, script
from .errors import OperationFailed
from .live import LiveService
from .service import Service

if TYPE_CHECKING:
    from .arguments import Arguments
    from .server import Server

#: What requests in progress may take when this process ends.
_EXIT_GRACE_S = 1.0
_EXIT_TIMEOUT_S = 10.0


class Launcher:
    """Starts an Apache for each call of run() of a script that was run by Python."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[Service] = []
        self._forgotten: list[Service] = []
        #: by the server's name, how each call that is over has ended: None or what it has raised
        self._ended: dict[str, list[str | None]] = {}
        # a daemon: this process does not stay for it
        coroutines.is_daemon = True
        atexit.register(self._exit)
        os.register_at_fork(after_in_child=self._forget)

    def run(self, server: Server, arguments: Arguments) -> None:
        """Serve until Ctrl-C, SIGTERM or request_shutdown(); in the background return at once."""
        if arguments.is_background:
            self._run_in_background(server, arguments)
            return
        ended = None
        try:
            with self._lock:
                earlier = {name: list(calls) for name, calls in self._ended.items()}
                service = (
                    Service(server, arguments, earlier, self.end)
                    if script.exists()
                    else LiveService(server, arguments, self.end)
                )
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

    def _run_in_background(self, server: Server, arguments: Arguments) -> None:
        for service in list(self._running):
            if service.server is server and isinstance(service, LiveService):
                if service.is_ending:
                    service.join(_EXIT_TIMEOUT_S)
                    continue
                raise OperationFailed(
                    f"the server {server.name} runs in the background already: what is registered "
                    "now answers at once; requestShutdown() ends it"
                )
        service = LiveService(server, arguments, self.end, over=self._running.remove)
        self._running.append(service)
        service.start_in_background()

    def request_shutdown(self, server: Server) -> None:
        """End what *server* has running."""
        self.end(server.name)

    def end(self, name: str) -> None:
        """End what the server of that name has running."""
        for service in list(self._running):
            if service.server.name == name:
                service.end()

    def _exit(self) -> None:
        """This process ends."""
        services = [each for each in self._running if isinstance(each, LiveService)]
        for service in services:
            service.end(_EXIT_GRACE_S)
        for service in services:
            service.join(_EXIT_TIMEOUT_S)
        coroutines.end()

    def _forget(self) -> None:
        """This process was forked from the one that has the servers."""
        for service in self._running:
            if isinstance(service, LiveService):
                service.forget()
        # kept, or what is closed by number would be closed again, then for somebody else
        self._forgotten = self._running
        self._running = []
        self._lock = threading.Lock()
        coroutines.forget()
