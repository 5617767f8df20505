"""Apache configuration for the server of a script that has called run()."""

import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import config
from .errors import ConfigError
from .installation import Installation
from .ports import Port, virtual_host
from .templates import quotable, render

_MODULES = (
    "mpm_event",
    "unixd",
    "authn_core",
    "authz_core",
    "alias",
    "dir",
    "headers",
    "log_config",
    "mime",
    "reqtimeout",
    "rewrite",
)
_TLS_MODULES = ("socache_shmcb", "ssl")
#: Threads for requests that wait for their turn in Python, or have nothing to do with it (turns.c).
_SPARE_THREADS = 64
#: Slots for processes that finish requests after a restart.
_SPARE_SLOTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What a script's server is.

    root: directory of Apache's own files.
    directory: the script's working directory.
    job: the file that tells Apache's processes which script.
    threads: how many requests Python answers at once in a process.
    user, group: as whom it serves; "" as the user who runs it.
    restarts: whether it is restarted while it runs.
    options: PythonOption values.
    log_level: Apache's; access_log: whether each request is logged, too.
    """

    root: Path
    directory: Path
    job: Path
    ports: tuple[Port, ...]
    processes: int
    threads: int
    restarts: bool
    max_request_size: int
    user: str
    group: str
    options: Mapping[str, str]
    debug: bool
    log_level: str
    access_log: bool


def configuration(parts: Installation, application: Application) -> str:
    """All of the server's configuration.  Raises ConfigError for what it cannot hold."""
    ports = application.ports
    if any(port.is_secure for port in ports) and not (parts.modules / "mod_ssl.so").exists():
        raise ConfigError(
            f"SSL_CERTIFICATE needs Apache's mod_ssl, which is not in {parts.modules}; install it"
        )
    modules = [*_MODULES, *(_TLS_MODULES if any(port.is_secure for port in ports) else ())]
    options = application.options.items()
    threads = application.threads + _SPARE_THREADS
    return render(
        "application",
        root=quotable(application.root),
        modules=config.load_modules(parts, modules),
        user=f"User {application.user}\nGroup {application.group}" if application.user else "",
        types=quotable(parts.mime_types),
        slots=str(application.processes + _SPARE_SLOTS),
        processes=str(application.processes),
        buckets=_buckets(application),
        threads=str(threads),
        python_threads=str(application.threads),
        workers=str(application.processes * threads),
        max_request_size=str(application.max_request_size),
        log_level=application.log_level,
        access_log='CustomLog "/dev/stdout" httpdapy' if application.access_log else "",
        wsgi=quotable(parts.wsgi),
        home=quotable(parts.home),
        python_flags=_python_flags(),
        link=config.link(parts),
        job=quotable(application.job),
        directory=quotable(application.directory),
        debug="1" if application.debug else "0",
        options="".join(f"        PythonOption {name} {value}\n" for name, value in options),
        ports="\n".join(
            virtual_host(port, ports, directory=application.directory) for port in ports
        ),
    )


def _buckets(application: Application) -> str:
    """The line that gives processes listening sockets of their own, over which the kernel spreads
    connections; else one process takes all that it has threads for.

    The number is that of processors for each socket, so that there are no more sockets than
    processes, since Apache would start more then.  A restart closes these sockets with the
    connections that wait there, so that a server that restarts has none.
    """
    if application.restarts:
        return ""
    return f"ListenCoresBucketsRatio {math.ceil((os.cpu_count() or 1) / application.processes)}"


def _python_flags() -> str:
    """What -O and -W of our Python are for Apache's."""
    lines = [f"WSGIPythonOptimize {sys.flags.optimize}"] if sys.flags.optimize else []
    lines += [f'WSGIPythonWarnings "{option}"' for option in sys.warnoptions]
    return "\n".join(lines)
