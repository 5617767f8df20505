"""Directories and archives whose files Apache sends itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .errors import OperationFailed
from .registry import MAIN, Mount

if TYPE_CHECKING:
    import os


def mount_of(directory: str | os.PathLike[str], url_prefix: str) -> Mount:
    """The files of *directory*, which counts from the working directory, below *url_prefix*.

    Raises OperationFailed for what is no directory, and for a prefix that is none.
    """
    _check_prefix(url_prefix)
    path = Path(directory).absolute()
    if not path.is_dir():
        why = "is no directory" if path.exists() else "does not exist"
        raise OperationFailed(f"registerStaticFilesDirectory: {path} {why}")
    return Mount(url_prefix, path)


def archive_mount(archive_file: str | os.PathLike[str], url_prefix: str) -> Mount:
    """The members of *archive_file*, which counts from the working directory, below *url_prefix*.

    Raises OperationFailed for what is no file, and for a prefix that is none.
    """
    _check_prefix(url_prefix)
    path = Path(archive_file).absolute()
    if not path.is_file():
        why = "is no file" if path.exists() else "does not exist"
        raise OperationFailed(f"registerArchiveFile: {path} {why}")
    return Mount(url_prefix, path)


def _check_prefix(url_prefix: str) -> None:
    if not url_prefix.startswith("/"):
        raise OperationFailed(f"url_prefix begins with a slash: /{url_prefix}, not {url_prefix!r}")
    if not url_prefix.isprintable() or "${" in url_prefix:
        raise OperationFailed(f"Apache's configuration cannot hold the url_prefix {url_prefix!r}")


def port_name(port: int | str) -> str:
    """The name of a port: -1 and 0 are the main one.

    Raises OperationFailed for other numbers.
    """
    if isinstance(port, str):
        return port
    if port not in (-1, 0):
        raise OperationFailed(
            f"a port is given by its name, or by -1 or 0 for the main one, not by {port!r}"
        )
    return MAIN
