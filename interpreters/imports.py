"""What a source imports, and which directories are the library's."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_STDLIB = os.path.dirname(os.__file__)
_OURS = os.path.dirname(os.path.dirname(__file__))


def imported_names(tree: Any, package: str) -> Iterator[str]:
    """The absolute names of the modules that a source's import statements may import."""
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        kind = type(node).__name__
        if kind == "Import":
            for alias in node.names:
                yield from _and_parents(alias.name)
        elif kind == "ImportFrom":
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                parents = parents[: len(parents) - (node.level - 1)]
                base = ".".join([*parents, base] if base else parents)
            if base:
                yield from _and_parents(base)
                for alias in node.names:
                    yield f"{base}.{alias.name}"
        elif hasattr(node, "_fields"):
            for field in node._fields:
                value = getattr(node, field, None)
                if isinstance(value, list):
                    nodes.extend(value)
                elif hasattr(value, "_fields"):
                    nodes.append(value)


def _and_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    for n in range(1, len(parts) + 1):
        yield ".".join(parts[:n])


def is_library(path: str) -> bool:
    """Whether the modules in *path* are the standard library's, installed ones, or our own."""
    inside = f"{path}/"
    return (
        "/site-packages/" in inside
        or "/dist-packages/" in inside
        or inside.startswith((f"{_STDLIB}/", f"{_OURS}/"))
        or path == os.path.dirname(_OURS)
    )
