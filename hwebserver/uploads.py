"""Forms with files: read piece by piece, large files on disk."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from contextlib import suppress
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

import multipart

from ..handlers.errors import RequestError
from .request import MAX_FIELDS, MAX_FIELDS_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    from .request import Request

#: Small files of one form that are in memory together: bytes.  The others go to disk.
MEMORY_SIZE = 32 * 1024**2
#: Each takes one of the process's file descriptors, of which there may be a thousand.
MAX_FILES_ON_DISK = 200

_PIECE = 256 * 1024
#: What temporary files are called: with where the process lives and its id, to tell those of dead
#: ones.
_PREFIX = f"hwebserver-upload-{Path('/proc/self/ns/pid').stat().st_ino}-"
_SUFFIX = re.compile(r"[.][A-Za-z0-9]{1,16}$")


class UploadedFile:
    """A file of a form.

    A small one is in memory.  A larger one is on disk, in a temporary file that has no name before
    temporaryFilePath() gives it one, so that nothing is left of it whatever ends the process.
    """

    def __init__(self, name: str, limit: int) -> None:
        # some browsers send a path, and others may send ../../etc/passwd
        self._name = re.split(r"[/\\]", name)[-1]
        self._limit = limit
        self._file: IO[bytes] = BytesIO()
        self._path = ""
        self._size = 0

    def name(self) -> str:
        """The name that the file has at the client, without directories."""
        return self._name

    def size(self) -> int:
        """How many bytes it has."""
        return self._size

    def isInMemory(self) -> bool:
        """Whether it is held in memory, not on disk."""
        return isinstance(self._file, BytesIO)

    def temporaryFilePath(self) -> str:
        """Path of the file on disk, with the ending of its name; "" when it is in memory.

        The file is removed when the request is over.  It may be moved away before that.
        """
        if not self._path and not self.isInMemory():
            self._file.flush()
            self._path = _link(self._file.fileno(), self._suffix())
        return self._path

    def saveToDisk(self) -> None:
        """Have a file that is in memory on disk."""
        if not self.isInMemory():
            return
        memory, position = self._file, self._file.tell()
        self._file, self._path = _temporary_file(self._suffix())
        self._file.write(memory.getvalue())  # type: ignore[attr-defined]
        self._file.seek(position)

    def read(self, max_size: int = -1) -> bytes:
        """Up to *max_size* bytes from where the last call ended, all the rest if it is negative."""
        return self._file.read(max_size)

    def write(self, data: bytes) -> None:
        """Append what has arrived."""
        self._size += len(data)
        if self._size > self._limit:
            self.saveToDisk()
        self._file.write(data)

    def rewind(self) -> None:
        """Have read() begin at the beginning."""
        self._file.seek(0)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
        if self._path:
            Path(self._path).unlink(missing_ok=True)

    def _suffix(self) -> str:
        match = _SUFFIX.search(self._name)
        return match[0] if match else ""


class Form:
    """What a form has sent, by the names of its variables.

    in_memory: bytes of a file up to which it is not put on disk.
    """

    def __init__(self, in_memory: int = 0) -> None:
        self.fields: dict[str, str] = {}
        self.files: dict[str, UploadedFile] = {}
        self._all: list[UploadedFile] = []
        self._in_memory = in_memory
        self._memory_left = max(in_memory, MEMORY_SIZE)
        self._on_disk = 0

    def new_file(self, name: str) -> UploadedFile:
        """A file that close() removes."""
        file = UploadedFile(name, min(self._in_memory, self._memory_left))
        self._all.append(file)
        return file

    def add_file(self, name: str, file: UploadedFile) -> None:
        """Take a file that has arrived as that of a variable.

        Raises RequestError (413) for too many on disk.
        """
        if file.isInMemory():
            self._memory_left -= file.size()
        else:
            self._on_disk += 1
            if self._on_disk > MAX_FILES_ON_DISK:
                raise RequestError(f"more than {MAX_FILES_ON_DISK} large files in a form", 413)
        if file.name() or file.size():  # else a file field left alone
            file.rewind()
            self.files[name] = file

    def close(self) -> None:
        """Remove the files."""
        for file in self._all:
            file.close()


def read_multipart(
    request: Request, body: bytes | None, in_memory: int, most: int
) -> tuple[Form, bytes | None]:
    """The form that *body* is, or that arrives; and the body, if it has not more than *in_memory*
    bytes.

    in_memory: bytes of a file up to which it is not put on disk.  most: of the whole body.

    Raises RequestError: 413 for what is too large, 400 for what is no such form.
    """
    _, parameters = multipart.parse_options_header(request.contentType())
    kept: list[bytes] | None = []
    left = most

    def read(size: int) -> bytes:
        nonlocal kept, left
        data = request.req.read(size)
        left -= len(data)
        if left < 0:
            raise RequestError(f"the request has more than {most} bytes", 413)
        if kept is not None:
            kept.append(data)
            if most - left > in_memory:
                kept = None
        return data

    form = Form(in_memory)
    try:
        boundary = parameters.get("boundary", "")
        _parse(form, boundary, read if body is None else BytesIO(body).read)
        while body is None and read(_PIECE):  # what comes after the form's end
            pass
    except BaseException:
        form.close()
        raise
    if body is None and kept is not None:
        body = b"".join(kept)
    return form, body


def _parse(form: Form, boundary: str, read: Callable[[int], bytes]) -> None:
    """Fill *form* with what is read."""
    left = MAX_FIELDS_SIZE
    name, field = "", bytearray()
    file: UploadedFile | None = None
    try:
        parser = multipart.PushMultipartParser(boundary, max_segment_count=MAX_FIELDS)
        for event in parser.parse_blocking(read, _PIECE):
            if isinstance(event, multipart.MultipartSegment):
                name, field = event.name, bytearray()
                file = None
                if event.filename is not None:
                    file = form.new_file(event.filename)
            elif event is None:
                if file is None:
                    form.fields[name] = field.decode("utf-8", "replace")
                else:
                    form.add_file(name, file)
            elif file is not None:
                file.write(event)
            else:
                field += event
                left -= len(event)
                if left < 0:
                    raise RequestError(f"form fields of more than {MAX_FIELDS_SIZE} bytes", 413)
    except multipart.ParserLimitReached as error:
        raise RequestError(f"multipart form: {error}", 413) from error
    except multipart.MultipartError as error:
        raise RequestError(f"multipart form: {error}") from error


def _temporary_file(suffix: str) -> tuple[IO[bytes], str]:
    """A new file on disk, and its path: "" for none, where the file system has files without."""
    directory = tempfile.gettempdir()
    try:
        number, path = os.open(directory, os.O_TMPFILE | os.O_RDWR, 0o600), ""
    except OSError:
        number, path = tempfile.mkstemp(suffix, f"{_PREFIX}{os.getpid()}-", directory)
    return os.fdopen(number, "w+b"), path


def _link(number: int, suffix: str) -> str:
    """Give the open file *number*, which has no name, one."""
    _remove_those_of_the_dead()
    name = f"{_PREFIX}{os.getpid()}-{secrets.token_hex(8)}{suffix}"
    path = f"{tempfile.gettempdir()}/{name}"
    # with a directory, which an absolute path does not need, this is linkat(), which can
    os.link(f"/proc/self/fd/{number}", path, src_dir_fd=number, follow_symlinks=True)
    return path


@cache
def _remove_those_of_the_dead() -> None:
    """Remove what processes have left that ended in the middle of a request."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        process = path.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path("/proc", process).exists():
            with suppress(OSError):
                path.unlink()
