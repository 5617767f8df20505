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
    "proxy",
    "proxy_http",
    "reqtimeout",
    "rewrite",
)
_TLS_MODULES = ("socache_shmcb", "ssl")
#: Threads for requests that wait for their turn in Python, or have nothing to do with it (turns.c).
_SPARE_THREADS = 64
#: Threads for what the event loop answers: an async handler in progress keeps one, and so does a
#: WebSocket that Apache cannot hand over (handover.c).
_LOOP_THREADS = 1100
#: Slots for processes that finish requests after a restart.
_SPARE_SLOTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What a script's server is.

    root: directory of Apache's own files.
    directory: the script's working directory.
    socket: the Unix socket of the event loop.
    is_live: another process than Apache's has that, and answers all requests.
    job: the file that tells Apache's processes which script; not if it is live.
    has_loop: whether anything that is registered needs the loop; may_have_loop: or may in future.
    threads: how many requests Python answers at once in a process.
    user, group: as whom it serves; "" as the user who runs it.
    restarts: whether it is restarted while it runs.
    options: PythonOption values.
    log_level: Apache's; access_log: whether each request is logged, too.
    """

    root: Path
    directory: Path
    socket: Path
    is_live: bool
    job: Path
    has_loop: bool
    may_have_loop: bool
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
    return render(
        "application",
        root=quotable(application.root),
        modules=config.load_modules(parts, modules),
        user=f"User {application.user}\nGroup {application.group}" if application.user else "",
        types=quotable(parts.mime_types),
        max_request_size=str(application.max_request_size),
        log_level=application.log_level,
        access_log='CustomLog "/dev/stdout" httpdapy' if application.access_log else "",
        answers=_answers(parts, application),
        ports="\n".join(
            virtual_host(port, ports, directory=application.directory) for port in ports
        ),
    )


def _answers(parts: Installation, application: Application) -> str:
    """The lines for what Python answers, and for Apache's processes, which depend on that."""
    options = application.options.items()
    values = {
        "root": quotable(application.root),
        "wsgi": quotable(parts.wsgi),
        "link": config.link(parts),
        "socket": quotable(application.socket),
        "proxy": render("proxy", socket=quotable(application.socket)),
        "directory": quotable(application.directory),
        "debug": "1" if application.debug else "0",
        "options": "".join(f"        PythonOption {name} {value}\n" for name, value in options),
    }
    if application.is_live:
        return render("live", **values)
    spare = application.threads + _SPARE_THREADS
    threads = spare + (_LOOP_THREADS if application.has_loop else 0)
    limit = spare + (_LOOP_THREADS if application.may_have_loop else 0)
    return render(
        "embedded",
        **values,
        slots=str(application.processes + _SPARE_SLOTS),
        processes=str(application.processes),
        buckets=_buckets(application),
        thread_limit=str(max(threads, limit)),
        threads=str(threads),
        python_threads=str(application.threads),
        workers=str(application.processes * threads),
        home=quotable(parts.home),
        python_flags=_python_flags(),
        job=quotable(application.job),
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
