"""What one server answers: its handlers, mounts and settings, by port."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ..handlers.base import RequestHandler

#: The name of the port that run() is given.
MAIN = "main"


def parts(path: str) -> tuple[str, ...]:
    """The components of a path; a slash at its end makes no difference."""
    return tuple(path.strip("/").split("/")) if path.strip("/") else ()


@dataclass(frozen=True, slots=True)
class Route:
    """A handler at a path.

    is_prefix: it answers all that lies below as well.
    """

    path: str
    is_prefix: bool
    handler: type[RequestHandler]


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory, absolute, whose files answer below a path."""

    path: str
    directory: Path


@dataclass(slots=True)
class Port:
    """All that is registered for one port."""

    routes: list[Route] = field(default_factory=list)
    mounts: list[Mount] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)


class Registry:
    """The ports of one server, by name."""

    def __init__(self) -> None:
        self.ports: dict[str, Port] = {MAIN: Port()}

    def port(self, name: str) -> Port:
        """The port of that name, made if there is none; "" is the main one."""
        return self.ports.setdefault(name or MAIN, Port())

    def add(self, route: Route, ports: Iterable[str]) -> None:
        """Have *route* answer at the *ports*; none means the main one."""
        for name in list(ports) or [MAIN]:
            self.port(name).routes.append(route)
