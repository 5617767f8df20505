"""What run() and requestShutdown() do: that depends on where the script runs.

Under Python itself the launcher starts Apache (launcher.py).  In Apache's process the same script
is run up to its run(), and what it has registered is served (embedded.py).  The modules of an
Apache directory are loaded by Apache as it is (directory.py).
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Protocol

from ..handlers import loading
from . import script  # noqa: F401 - which looks how the process was started

if TYPE_CHECKING:
    from .arguments import Arguments
    from .server import Server


class Runner(Protocol):
    """A place where scripts run."""

    def run(self, server: Server, arguments: Arguments) -> None:
        """Serve what *server* has; *arguments* are those of run()."""

    def request_shutdown(self, server: Server) -> None:
        """End what run() began."""


#: The place where this process runs scripts, if that is not the launcher's.
runner: Runner | None = None

_making = Lock()

#: The server whose requests this process answers, if a script has called its run().
served: Server | None = None

NO_SHUTDOWN = "Apache serves a directory: whoever has started it ends it, not a handler"


def run(server: Server, arguments: Arguments) -> None:
    """Serve what *server* has, here."""
    _runner().run(server, arguments)


def request_shutdown(server: Server) -> None:
    """End *server*, here."""
    _runner().request_shutdown(server)


def _runner() -> Runner:
    global runner
    with _making:  # several threads may call run(), each for a server of its own
        if runner is None:
            if loading.registered is not None:
                from .directory import here

                runner = here
            else:
                from .launcher import Launcher

                runner = Launcher()
        return runner
