"""What is remembered of the site's modules: the vocabulary of modules.py."""

from __future__ import annotations

import time
from _thread import get_ident
from types import FunctionType, ModuleType

from .stamps import stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import CodeType, TracebackType
    from typing import Any

    from .stamps import Stamp
    from .urls import Source

#: How long a failed load is remembered while no file changes: its cause may lie elsewhere.
RETRY_SECONDS = 1.0


class SiteModule:
    """One loaded file of the site."""

    __slots__ = (
        "imports",
        "loaded",
        "module",
        "names",
        "path",
        "registered",
        "reloaded",
        "spec",
        "stamp",
    )

    def __init__(self, path: str, read: Stamp | None, spec: ModuleSpec, module: ModuleType) -> None:
        self.path = path
        #: taken before the file was read
        self.stamp = read
        self.spec = spec
        self.module = module
        #: every name in sys.modules
        self.names = {spec.name}
        #: absolute names in its import statements
        self.imports: frozenset[str] = frozenset()
        #: what it has registered while it was loaded
        self.registered: list[Any] = []
        #: number of the transaction that loaded it, and the same if that replaced another, else 0
        self.loaded = 0
        self.reloaded = 0


class Script:
    """A file that is run afresh each time, as it was last compiled."""

    __slots__ = ("code", "imports", "others", "path", "seen", "source", "version")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.path = source.path
        self.code: CodeType | None = None
        #: stamp_text() of the file, taken before it was read
        self.seen = ""
        #: absolute names in its import statements
        self.imports: frozenset[str] = frozenset()
        #: (path, stamp) of the modules it imports, directly or not
        self.others: tuple[tuple[str, Stamp | None], ...] = ()
        #: Modules.version for which others was worked out
        self.version = -1


class Seed:
    """What an old module leaves to the one that replaces it in *transaction*."""

    __slots__ = ("names", "transaction", "values")

    def __init__(self, old: SiteModule, transaction: int) -> None:
        self.values = seed_values(old.module)
        self.names = old.names
        self.transaction = transaction


class Failure:
    """A load that failed: the error, and the files that it read as they were."""

    __slots__ = ("error", "retry_at", "stamps", "traceback")

    def __init__(self, error: BaseException, stamps: dict[str, Stamp | None]) -> None:
        self.error = error
        self.traceback: TracebackType | None = error.__traceback__
        self.stamps = stamps
        self.retry_at = time.monotonic() + RETRY_SECONDS


class Handler:
    """A handler's module and all that it stands on, as checked by each request."""

    __slots__ = (
        "failure",
        "looked",
        "module",
        "number",
        "others",
        "own",
        "record",
        "seen",
        "version",
    )

    def __init__(self) -> None:
        self.record: SiteModule | None = None
        self.module: ModuleType | None = None
        #: (path, stamp) of the module's own file
        self.own: tuple[str, Stamp | None] = ("", None)
        #: and its stamp_text()
        self.seen = ""
        #: (path, stamp) of the modules it imports, directly or not
        self.others: tuple[tuple[str, Stamp | None], ...] = ()
        #: of this list of others, for the link
        self.number = 0
        #: how the link found the others when they last were as they should be
        self.looked = ""
        #: Modules.version for which others was worked out
        self.version = -1
        self.failure: Failure | None = None


class Transaction:
    """One load of a handler, by one thread."""

    def __init__(self, number: int, directory: str) -> None:
        self.thread = get_ident()
        self.number = number
        self.directory = directory
        self.read: dict[str, Stamp | None] = {directory: stamp(directory)}
        self.loaded: list[SiteModule] = []
        self.removed: list[SiteModule] = []
        self.attributes: list[tuple[ModuleType, str, object]] = []


def seed_values(module: ModuleType) -> dict[str, Any]:
    """What a reloaded module starts with: the old one's values, but not its old code."""
    return {
        name: value
        for name, value in list(module.__dict__.items())
        if not (name.startswith("__") and name.endswith("__"))
        and not isinstance(value, ModuleType)
        and not (isinstance(value, (type, FunctionType)) and value.__module__ == module.__name__)
    }
