"""In Apache's process: the script is run up to its run(), then what it has registered is served.

The thread that runs the script stays in run(), as it would under Houdini: what its with blocks hold
stays open, and what comes after run() does not happen here.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import application, running

if TYPE_CHECKING:
    from .server import Server


class Embedded:
    """Runs the script of a job, and parks it in run()."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        self._is_ready = threading.Event()
        self._failure: BaseException | None = None

    def load(self) -> None:
        """Return once the script has called run().  Raises what it raises."""
        threading.Thread(target=self._run_script, name="script", daemon=True).start()
        self._is_ready.wait()
        if self._failure is not None:
            raise self._failure

    def _run_script(self) -> None:
        try:
            runpy.run_path(self._job["script"], run_name="__main__")
            raise RuntimeError(f"{self._job['script']} ends without a call of run()")
        except BaseException as error:  # noqa: BLE001 - sys.exit() in a script, too, ends here
            self._failure = error
            self._is_ready.set()

    def run(self, server: Server, arguments: dict[str, Any]) -> None:
        """Serve what *server* has, for as long as this process lives."""
        if server.name == self._job["server"]:
            application.serve(server.registry)
            self._is_ready.set()
        threading.Event().wait()

    def request_shutdown(self, server: Server) -> None:
        """Tell the launcher to end Apache."""
        os.write(self._job["control"], b"shutdown\n")


def load(file: str) -> None:
    """Run the script of the job in *file*; for PythonInitFunction."""
    from . import alias  # noqa: F401 - import hwebserver

    job = json.loads(Path(file).read_text())
    sys.argv[:] = job["argv"]
    sys.path[:] = job["path"]
    os.chdir(job["directory"])
    embedded = Embedded(job)
    running.runner = embedded
    try:
        embedded.load()
    except BaseException:
        traceback.print_exc()
        raise
