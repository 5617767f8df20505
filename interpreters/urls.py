"""From the file that Apache mapped a URL to, to the module that answers (reference section 6)."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class NoModuleError(LookupError):
    """No module answers for this URL: 404.  The message is for the log."""


class Source:
    """Where a handler's module is.  Equal when all three are.

    name: dotted name to import, or "" for a module that is loaded from its file.
    path: its file; "" when only importing will tell.
    root: the directory that was searched; "" when sys.path is to be searched.
    """

    __slots__ = ("handler", "key", "name", "path", "root")

    def __init__(self, name: str, path: str, root: str) -> None:
        self.name = name
        self.path = path
        self.root = root
        self.key = (name, path, root)
        #: for interpreters/modules.py, to find what it has loaded
        self.handler: Any = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Source) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"Source{self.key!r}"


def module_name(filename: str) -> str:
    """The module named by a file: its base name without the last extension.

    ``/d/foo.py``, ``/d/foo.html`` and ``/d/foo`` name foo; ``/d/a.b.py`` names a.b, module b of
    package a.  Raises NoModuleError where that leaves no name.
    """
    base = filename.rpartition("/")[2]
    stem, dot, _ = base.rpartition(".")
    name = stem if dot else base
    if not all(name.split(".")) or "\0" in name:
        raise NoModuleError(f"{filename}: {base!r} names no module")
    return name


def find(name: str, roots: Iterable[str]) -> Source | None:
    """The first of the *roots*, directories, that has module *name*, or None.

    A module is ``name.py`` or ``name/__init__.py``; whatever else the URL's extension may be, no
    other file is ever run.
    """
    parts = name.split(".")
    for root in roots:
        stem = os.path.join(root, *parts)
        packages = [os.path.join(root, *parts[:n], "__init__.py") for n in range(1, len(parts))]
        if not all(map(os.path.isfile, packages)):
            continue
        for path in (f"{stem}.py", os.path.join(stem, "__init__.py")):
            if os.path.isfile(path):
                return Source(name if packages else "", path, root)
    return None
