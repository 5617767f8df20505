"""Apache's configuration of what describe() gives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..apache import application
from ..apache.config import check_archives
from ..apache.mounts import mounts
from ..apache.ports import Port
from . import script
from .enums import webServerVerbosity
from .request import MAX_REQUEST_SIZE

if TYPE_CHECKING:
    from ..apache.installation import Installation
    from .arguments import Arguments
    from .choice import Listener

#: Name of the event loop's socket in Apache's directory.
SOCKET = "python.sock"
#: Environment variable with PythonOption values: name=value, with spaces between.
OPTIONS = "HTTPDAPY_OPTIONS"


def configuration(
    parts: Installation,
    root: Path,
    arguments: Arguments,
    user: str,
    group: str,
    description: dict[str, Any],
    listeners: dict[str, Listener],
    *,
    is_live: bool,
) -> str:
    """All of the configuration, in *root*, for the ports at *listeners*.

    is_live: this process answers, not one of Apache's.  Raises ConfigError.
    """
    if any(port["archives"] for port in description["ports"].values()):
        check_archives(parts)
    options = dict(word.split("=", 1) for word in os.environ.get(OPTIONS, "").split())
    for name in ("max_request_size", "max_in_memory_file_upload_size"):
        if description[name] is not None:
            options[f"hwebserver_{name}"] = str(description[name])
    directory = Path.cwd()
    ports = tuple(
        Port(
            name=name,
            address=listeners[name].address,
            number=listeners[name].number,
            settings=port["settings"],
            mounts=mounts(
                [
                    (path, is_prefix, is_async and not is_live)
                    for path, is_prefix, is_async in port["routes"]
                ],
                [(path, Path(each)) for path, each in port["mounts"]],
                answers=directory / ".hwebserver",
                script=script.file() if script.exists() else None,
                archives=[(path, Path(each)) for path, each in port["archives"]],
            ),
        )
        for name, port in description["ports"].items()
    )
    verbosity = arguments.verbosity
    has_loop = any(
        port["has_sockets"] or any(is_async for _, _, is_async in port["routes"])
        for port in description["ports"].values()
    )
    return application.configuration(
        parts,
        application.Application(
            root=root,
            directory=directory,
            socket=root / SOCKET,
            is_live=is_live,
            job=root / "job.json",
            has_loop=has_loop,
            may_have_loop=has_loop or arguments.reloads,
            ports=ports,
            processes=arguments.processes,
            threads=arguments.max_num_threads,
            restarts=arguments.reloads,
            max_request_size=description["max_request_size"] or MAX_REQUEST_SIZE,
            user=user if os.geteuid() == 0 else "",
            group=group,
            options=options,
            debug=description["debug"],
            log_level="info" if verbosity is webServerVerbosity.High else "warn",
            access_log=description["debug"] or verbosity is not webServerVerbosity.Low,
        ),
    )
