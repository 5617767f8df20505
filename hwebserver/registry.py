"""What one server answers: its handlers, mounts and settings, by port."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import OperationFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from .api import APIFunction

#: The name of the port that run() is given.
MAIN = "main"

_MAIN_TOO = (MAIN, "", "0", 0)  # 0: its number in hou.webServer
_ALL = ("-1", -1)


def parts(path: str) -> tuple[str, ...]:
    """The components of a path; slashes at its end, and a second in a row, make no difference."""
    return tuple(filter(None, path.split("/")))


@dataclass(frozen=True, slots=True)
class Route:
    """A handler at a path, %xx decoded: a RequestHandler, for WebSockets a WebSocket as well.

    is_prefix: it answers all that lies below as well.

    Raises ValueError for what no URL's path is.
    """

    path: str
    is_prefix: bool
    handler: type[Any]

    def __post_init__(self) -> None:
        path = self.path
        if not isinstance(path, str) or path[:1] != "/":
            raise ValueError(f"the path of a handler begins with '/', which {path!r} does not")
        if "\0" in path or not {".", ".."}.isdisjoint(path.split("/")):
            raise ValueError(f"no URL has the path {path!r}")

    @property
    def is_async(self) -> bool:
        """Whether the handler runs on the event loop."""
        return getattr(self.handler, "is_async", False)


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory, or an archive, absolute, whose files answer below a path."""

    path: str
    files: Path


@dataclass(slots=True)
class Port:
    """All that is registered for one port."""

    routes: list[Route] = field(default_factory=list)
    mounts: list[Mount] = field(default_factory=list)
    archives: list[Mount] = field(default_factory=list)
    #: what answers WebSockets
    sockets: list[Route] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    #: API functions by name
    functions: dict[str, APIFunction] = field(default_factory=dict)


class Registry:
    """The ports of one server, by name."""

    def __init__(self) -> None:
        self.ports: dict[str, Port] = {MAIN: Port()}
        #: what to do with ports that are made
        self._everywhere: list[Callable[[Port], None]] = []
        #: whether what is registered has gone into service, and nothing can come to it
        self.is_served = False
        #: called when Apache's configuration has to follow; raises if it cannot
        self.changed: Callable[[], None] = lambda: None

    def port(self, name: str) -> Port:
        """The port of that name, made if there is none; "" is the main one.

        Raises OperationFailed when the server runs: nothing can be registered any more.
        """
        if self.is_served:
            raise OperationFailed(
                "the server runs, with what was registered before: register first, then call run()"
            )
        name = name or MAIN
        if name not in self.ports:
            port = self.ports[name] = Port()
            for register in self._everywhere:
                register(port)
        return self.ports[name]

    def named(self, ports: Iterable[str | int]) -> list[Port]:
        """The ports of these names; none means the main one, -1 all of them.

        Raises TypeError for what is no list of names.
        """
        if isinstance(ports, str | int):
            raise TypeError(f"ports is a list of names, as in ports=[{ports!r}], not {ports!r}")
        found: dict[str, Port] = {}
        for name in list(ports) or [MAIN]:
            if name in _ALL:
                self.port(MAIN)
                found |= self.ports
            elif name in _MAIN_TOO:
                found[MAIN] = self.port(MAIN)
            elif isinstance(name, str):
                found[name] = self.port(name)
            else:
                raise TypeError(f"ports has {name!r}: a port is named by a str")
        return list(found.values())

    def add(self, route: Route, ports: Iterable[str | int]) -> None:
        """Have *route* answer at the *ports*, as named() has them."""
        self.each(ports, lambda port: port.routes.append(route))

    def take_effect(self, undo: Callable[[], object]) -> None:
        """Have Apache follow what was registered; if it cannot, *undo* that, and raise
        OperationFailed."""
        try:
            self.changed()
        except OperationFailed:
            undo()
            raise

    def each(self, ports: Iterable[str | int], register: Callable[[Port], None]) -> None:
        """Call *register* with the *ports*, as named() has them; -1 are those made later, too."""
        before = set(self.ports)
        for port in self.named(ports):
            register(port)
        made = self.ports.keys() - before
        if made:
            self.take_effect(lambda: [self.ports.pop(name) for name in made])
        if any(name in _ALL for name in ports):
            self._everywhere.append(register)
