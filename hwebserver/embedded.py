"""In Apache's process: the script is run up to its run(), then what it has registered is served.

The thread that runs the script stays in run(), as it would under Houdini: what its with blocks hold
stays open, and what comes after run() does not happen here.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import traceback
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import application, running, script, sources
from .control import Sender
from .description import describe
from .errors import OperationFailed
from .request import MAX_REQUEST_SIZE
from .routing import Routers

if TYPE_CHECKING:
    from .arguments import Arguments
    from .backend import Backend
    from .server import Server

#: How often it is looked for modules that handlers have imported.
_SOURCES_INTERVAL_S = 0.2


class Embedded:
    """Runs the script of a job, and parks it in run().

    job: origin, as script.run() takes it; server, the name of the one to serve; earlier, how each
    call of run() that was over before this one has ended, by server: None or what it has raised;
    reloads, whether sources are watched; control, the socket to the launcher; listening, that of
    the event loop; clients, the directory for its other one (handover.py).
    """

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        self._control = Sender(job["control"])
        self._calls: Counter[str] = Counter()
        self._is_ready = threading.Event()
        self._failure: BaseException | None = None
        self._reported: set[str] = set()
        self._backend: Backend | None = None

    def load(self) -> None:
        """Return once the script has called run().  Raises what it raises."""
        threading.Thread(target=self._run_script, name="script", daemon=True).start()
        self._is_ready.wait()
        if self._failure is not None:
            raise self._failure

    def _run_script(self) -> None:
        try:
            script.run(self._job["origin"])
            raise OperationFailed(
                f"{self._job['origin']['file']} has ended without the call of run() that it made "
                "when Python ran it"
            )
        except BaseException as error:  # sys.exit() in a script, too, ends here
            if self._is_ready.is_set():
                raise
            self._failure = error
            self._is_ready.set()

    def run(self, server: Server, arguments: Arguments) -> None:
        """Serve what *server* has, for as long as this process lives; in the background the
        launcher's does."""
        if arguments.is_background:
            return
        earlier = self._job["earlier"].get(server.name, [])
        call = self._calls[server.name]
        self._calls[server.name] += 1
        if call < len(earlier):
            if earlier[call] is not None:
                raise OperationFailed(earlier[call])
            return
        if server.name == self._job["server"] and not self._is_ready.is_set():
            self._report_sources()
            description = describe(server.registry, arguments)
            try:
                self._serve(server, arguments, description)
            except BaseException as error:
                self._failure = error
                self._is_ready.set()
                raise
            self._control.send("loaded", description)
            self._is_ready.set()
            if self._job["reloads"]:
                self._keep_reporting_sources()
        threading.Event().wait()

    def _serve(self, server: Server, arguments: Arguments, description: dict[str, Any]) -> None:
        """Have requests answered."""
        registry = server.registry
        registry.is_served = True
        routers = Routers(registry)
        routers.describe(description)
        running.served = server
        application.serve(routers)
        os.set_inheritable(self._job["listening"], False)
        if routers.need_loop:
            from ..interpreters.asgi import ASGIRequest
            from .backend import Backend  # takes a fifth of a second

            listening = socket.socket(fileno=self._job["listening"])
            limit = arguments.max_request_size or MAX_REQUEST_SIZE
            self._backend = Backend(
                routers,
                listening,
                Path(self._job["clients"]),
                arguments.max_num_threads,
                limit,
                server,
            )
            ASGIRequest.is_in_apache = True
            self._backend.start()
            os.register_at_fork(after_in_child=self._backend.forget)
            # before the loop ends, which has registered itself there, too
            threading._register_atexit(self._backend.stop)  # type: ignore[attr-defined]

    def stop(self) -> None:
        """Apache has told this process to end, when its requests have."""
        if self._backend is not None:
            self._backend.stop_soon()

    def request_shutdown(self, server: Server) -> None:
        """Tell the launcher to end *server*."""
        self._control.send("shutdown", server.name)

    def fail(self, error: BaseException) -> None:
        """Tell the launcher that the script does not load."""
        self._report_sources(sources.of_failure(error))
        self._control.send("failed", "".join(traceback.format_exception_only(error)).strip())

    def _keep_reporting_sources(self) -> NoReturn:
        while True:
            threading.Event().wait(_SOURCES_INTERVAL_S)
            self._report_sources()

    def _report_sources(self, others: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        if not self._job["reloads"]:
            return
        found = (sources.loaded() | others) - self._reported
        if found:
            self._reported |= found
            self._control.send("sources", sorted(found))


def load(file: str) -> None:
    """Run the script of the job in *file*; for PythonInitFunction.

    What it raises is raised, the first time; after a restart, each request raises it instead.
    """
    # print goes where it goes under Python itself, not to the error log
    sys.stdout = open(  # noqa: SIM115
        1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )
    job = json.loads(Path(file).read_text())
    embedded = Embedded(job)
    running.runner = embedded
    try:
        embedded.load()
    except BaseException as error:
        traceback.print_exc()
        embedded.fail(error)
        if not job["is_restart"]:
            raise
        application.serve_failure(error)


def stop() -> None:
    """For PythonStopFunction."""
    if isinstance(running.runner, Embedded):
        running.runner.stop()
