"""Under Python itself: run() starts an Apache that loads the script, and ends with it."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..apache import config, installation
from ..apache.errors import ConfigError, ServerError
from ..apache.mounts import mounts
from ..apache.server import Server as Apache
from ..apache.server import ServerConfig
from .errors import OperationFailed
from .registry import MAIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from .registry import Port
    from .server import Server


class Launcher:
    """Starts Apache for a script that was run by Python."""

    def __init__(self) -> None:
        self._over = threading.Event()

    def run(self, server: Server, arguments: dict[str, Any]) -> None:
        """Serve until Ctrl-C, SIGTERM or request_shutdown()."""
        self._over.clear()
        with tempfile.TemporaryDirectory(prefix="httpdapy-run-") as root:
            Path(root).chmod(0o755)
            reading, control = os.pipe()
            job = Path(root) / "job.json"
            job.write_text(json.dumps(_job(server, control)))
            job.chmod(0o644)
            settings = ServerConfig(
                directory=Path.cwd(),
                host="0.0.0.0",
                port=arguments["port"],
                threads=arguments["max_num_threads"],
                sections=config.application(
                    Path.cwd(),
                    job,
                    debug=arguments["debug"],
                    options=_options(),
                    mounts=_mounts(server.registry.port(MAIN)),
                ),
                mounts=tuple(mount.directory for mount in server.registry.port(MAIN).mounts),
                pass_fds=(control,),
            )
            threading.Thread(target=self._listen, args=[reading], daemon=True).start()
            before = signal.signal(signal.SIGTERM, lambda number, frame: self._over.set())
            try:
                with Apache(installation.find(), settings, _error_line) as apache:
                    os.close(control)
                    _announce(arguments["port_callback"], apache.port)
                    self._over.wait()
            except (ConfigError, ServerError) as error:
                raise OperationFailed(str(error)) from error
            except KeyboardInterrupt:
                pass
            finally:
                signal.signal(signal.SIGTERM, before)

    def request_shutdown(self, server: Server) -> None:
        """End Apache."""
        self._over.set()

    def _listen(self, control: int) -> None:
        with os.fdopen(control) as lines:
            for line in lines:
                if line == "shutdown\n":
                    self._over.set()


def _options() -> dict[str, str]:
    """PythonOption values of the environment variable HTTPDAPY_OPTIONS: name=value, by spaces."""
    words = os.environ.get("HTTPDAPY_OPTIONS", "").split()
    return dict(word.split("=", 1) for word in words)


def _mounts(port: Port) -> str:
    return mounts(
        [(route.path, route.is_prefix) for route in port.routes],
        [(mount.path, mount.directory) for mount in port.mounts],
        answers=Path.cwd() / ".hwebserver",
        script=_script(),
    )


def _script() -> Path:
    script = sys.modules["__main__"].__file__
    if script is None:
        raise OperationFailed("run() is called from no file")
    return Path(script).resolve()


def _announce(callback: Callable[..., object] | None, port: int) -> None:
    if callback is not None:
        callback(MAIN, port)


def _job(server: Server, control: int) -> dict[str, Any]:
    return {
        "script": str(_script()),
        "argv": sys.argv,
        "path": sys.path,
        "directory": str(Path.cwd()),
        "server": server.name,
        "control": control,
    }


def _error_line(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the server's log is the console's
