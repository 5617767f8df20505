"""Archives that are served best: what gets smaller is deflated as far as it goes."""

import os
import secrets
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .errors import ConfigError

#: So much of a file is tried.
_SAMPLE = 1 << 18
#: What is not smaller by a tenth stays as it is: ranges of it are sent without unpacking.
_WORTH_IT = 0.9


@dataclass(slots=True)
class Packed:
    """What was packed.

    size, packed_size: bytes of the files, and of the archive.
    left_out: hidden files and directories, bytecode, and what is neither file nor directory.
    """

    deflated: int = 0
    stored: int = 0
    size: int = 0
    packed_size: int = 0
    left_out: list[str] = field(default_factory=list)


def pack(directory: Path, archive: Path) -> Packed:
    """Make *archive* of the files of *directory*, in the order of their names.

    It is written under another name and renamed, so that a server goes on with the old one until it
    is complete.  Raises ConfigError for what cannot be read or written.
    """
    if not archive.parent.is_dir():
        raise ConfigError(
            f"{archive} cannot be written: there is no directory {archive.parent}; create it"
        )
    done = Packed()
    new = archive.with_name(f".{archive.name}.{secrets.token_hex(4)}")
    try:
        with zipfile.ZipFile(new, "x", compresslevel=9, strict_timestamps=False) as written:
            for file, name in _files(directory, "", done):
                if file.resolve() in (archive.resolve(), new.resolve()):
                    continue
                method = _method(file)
                written.write(file, name, method)
                done.size += written.getinfo(name).file_size
                if method == zipfile.ZIP_DEFLATED:
                    done.deflated += 1
                else:
                    done.stored += 1
        new.replace(archive)
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        raise ConfigError(f"cannot pack {directory}: {what}{error.strerror or error}") from None
    finally:
        new.unlink(missing_ok=True)
    done.packed_size = archive.stat().st_size
    return done


def _files(directory: Path, prefix: str, done: Packed) -> Iterator[tuple[Path, str]]:
    """Each file with its name in the archive."""
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        name = prefix + entry.name
        path = Path(entry.path)
        is_ours = not entry.name.startswith(".") or entry.name == ".well-known"
        if not is_ours or entry.name == "__pycache__" or "\\" in entry.name or not _is_text(name):
            done.left_out.append(name)
        elif entry.is_dir(follow_symlinks=False):
            yield from _files(path, f"{name}/", done)
        elif entry.is_file():
            yield path, name
        else:
            done.left_out.append(name)


def _is_text(name: str) -> bool:
    """Whether an archive can have it: a name in UTF-8."""
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def _method(file: Path) -> int:
    with file.open("rb") as opened:
        sample = opened.read(_SAMPLE)
    is_smaller = len(zlib.compress(sample, 6)) < len(sample) * _WORTH_IT
    return zipfile.ZIP_DEFLATED if is_smaller else zipfile.ZIP_STORED
