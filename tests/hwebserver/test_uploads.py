"""UploadedFile, by itself."""

import io
import os
import tempfile
from pathlib import Path

import pytest

from httpdapy.handlers.errors import RequestError
from httpdapy.hwebserver.uploads import MAX_FILES_ON_DISK, MEMORY_SIZE, UploadedFile, read_multipart


@pytest.fixture(params=["nameless", "named"])
def temporary(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The temporary directory; of a file system with nameless files, and of one without."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if request.param == "named":
        monkeypatch.setattr(os, "O_TMPFILE", os.O_RDONLY)  # no directory can be opened so to write
    return tmp_path


def uploaded(name: str, *pieces: bytes, limit: int = 10) -> UploadedFile:
    file = UploadedFile(name, limit)
    for piece in pieces:
        file.write(piece)
    file.rewind()
    return file


def test_in_memory(temporary: Path):
    file = uploaded("a", b"01234", b"56789")
    assert file.isInMemory() and file.temporaryFilePath() == "" and file.size() == 10
    assert [file.read(3), file.read(0), file.read(), file.read(), file.read(5)] == [
        b"012", b"", b"3456789", b"", b""
    ]  # fmt: skip
    file.close()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("limit", [0, 9])
def test_on_disk(temporary: Path, limit: int):
    file = uploaded("a.txt", b"01234", b"56789", limit=limit)
    assert not file.isInMemory() and file.size() == 10
    assert file.read(3) == b"012"
    path = Path(file.temporaryFilePath())
    assert path.parent == temporary and path.suffix == ".txt" and path.read_bytes() == b"0123456789"
    assert path.stat().st_mode & 0o777 == 0o600
    assert file.temporaryFilePath() == str(path) and file.read() == b"3456789"
    file.close()
    assert list(temporary.iterdir()) == []


def test_save_to_disk(temporary: Path):
    file = uploaded("a", b"0123456789")
    assert file.read(3) == b"012"
    file.saveToDisk()
    path = Path(file.temporaryFilePath())
    assert not file.isInMemory() and path.read_bytes() == b"0123456789"
    file.saveToDisk()
    assert file.temporaryFilePath() == str(path) and file.read(3) == b"345"
    path.rename(temporary / "moved")
    file.close()
    assert [each.name for each in temporary.iterdir()] == ["moved"]


@pytest.mark.parametrize(
    ("given", "name", "suffix"),
    [
        ("a.tar.gz", "a.tar.gz", ".gz"),
        ("C:\\x\\a.PNG", "a.PNG", ".PNG"),
        ("../../etc/passwd", "passwd", ""),
        ("dir/", "", ""),
        ("a.b/c", "c", ""),
        ("a.x y", "a.x y", ""),
        ("\N{SNOWMAN}.jpg", "\N{SNOWMAN}.jpg", ".jpg"),
        ("a." + "x" * 40, "a." + "x" * 40, ""),
    ],
)
def test_names(temporary: Path, given: str, name: str, suffix: str):
    file = uploaded(given, b"x")
    file.saveToDisk()
    assert file.name() == name and Path(file.temporaryFilePath()).suffix == suffix
    file.close()


class FakeRequest:
    """A request with a form of files."""

    def __init__(self, files: list[bytes]) -> None:
        head = b'--B\r\nContent-Disposition: form-data; name="%d"; filename=x\r\n\r\n%s\r\n'
        form = b"".join(head % (number, data) for number, data in enumerate(files))
        self.read = io.BytesIO(form + b"--B--\r\n").read
        self.req = self

    def contentType(self) -> str:
        return "multipart/form-data; boundary=B"


def test_memory_of_many_small_files(temporary: Path):
    """Together they take no more than one large file would."""
    size = MEMORY_SIZE // 8
    form, _ = read_multipart(FakeRequest([bytes(size)] * 10), None, size, 20 * MEMORY_SIZE)
    assert [file.isInMemory() for file in form.files.values()] == [True] * 8 + [False] * 2
    assert all(len(file.read()) == size for file in form.files.values())
    form.close()


def test_many_files_on_disk(temporary: Path):
    most = read_multipart(FakeRequest([b"xx"] * MAX_FILES_ON_DISK), None, 1, 10**6)[0]
    assert len(most.files) == MAX_FILES_ON_DISK
    most.close()
    with pytest.raises(RequestError, match="large files") as raised:
        read_multipart(FakeRequest([b"xx"] * (MAX_FILES_ON_DISK + 1)), None, 1, 10**6)
    assert raised.value.status == 413
    assert list(temporary.iterdir()) == []
