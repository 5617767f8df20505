"""What of a server Apache's configuration is made of, in JSON's types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import settings
from .registry import MAIN

if TYPE_CHECKING:
    from .arguments import Arguments
    from .registry import Port, Registry

_MAIN_TOO = ("", "0", "-1", MAIN)


def describe(registry: Registry, arguments: Arguments) -> dict[str, Any]:
    """What is registered, and what run() was given; a port has its name, settings, paths of
    handlers, with what Route has of them, whether there are WebSockets, mounts and archives.

    Raises OperationFailed for a settings file with a mistake.
    """
    in_file = settings.load(arguments.settings) if arguments.settings is not None else {}
    others = [str(name) for name in (*in_file, *arguments.ports) if str(name) not in _MAIN_TOO]
    for name in others:
        registry.port(name)
    ports = {name: _port(port, in_file.get(name, {})) for name, port in registry.ports.items()}
    ports[MAIN]["settings"] = {**in_file.get("", {}), **ports[MAIN]["settings"]}
    return {
        "debug": arguments.debug,
        "max_request_size": arguments.max_request_size,
        "max_in_memory_file_upload_size": arguments.max_in_memory_file_upload_size,
        "ports": ports,
    }


def _port(port: Port, in_file: dict[str, Any]) -> dict[str, Any]:
    return {
        "settings": {**in_file, **port.settings},
        "routes": [[route.path, route.is_prefix, route.is_async] for route in port.routes],
        "has_sockets": bool(port.sockets),
        "mounts": [[mount.path, str(mount.files)] for mount in port.mounts],
        "archives": [[archive.path, str(archive.files)] for archive in port.archives],
    }
