"""When a file has changed: its stamp, (mtime_ns, size, inode), differs."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Stamp = tuple[int, int, int]


def stamp(path: str) -> Stamp | None:
    """What changes when a file does: mtime in ns, size in bytes, inode.  None without a file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def stamp_text(known: Stamp | None) -> str:
    """A stamp as the link writes it, whose times are in microseconds."""
    return f"{known[0] // 1000} {known[1]} {known[2]}" if known is not None else "none"


def unchanged(stamps: Mapping[str, Stamp | None]) -> bool:
    """Whether the files, by path, are as they were."""
    return all(stamp(path) == known for path, known in stamps.items())
