"""An archive that is replaced while it is read: every answer is of one version, and none fails."""

import gzip
import hashlib
import http.client
import os
import random
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.archives import archive_httpd, write_zip
from support.site import wait_for

ONE_WAY = True

CONNECTIONS = 16
VERSIONS = 5
#: Name, size, and whether it is deflated.
MEMBERS = {
    "small.txt": (1_000, True),
    "stored.bin": (100_000, False),
    "deflated.txt": (300_000, True),
    "large.bin": (2_000_000, False),
    "large.txt": (2_000_000, True),
}


def content(version: int, name: str) -> bytes:
    """Of a size that tells nothing, and different from the first byte to the last."""
    size, is_text = MEMBERS[name]
    line = hashlib.sha256(f"{version} {name}".encode()).hexdigest().encode()
    if is_text:
        return (line * (size // len(line) + 1))[:size]
    return random.Random(line).randbytes(size)


def write(path: Path, version: int, padding: int = 0) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        if padding:
            archive.writestr("padding", random.Random(1).randbytes(padding))
        for name, (_, is_text) in MEMBERS.items():
            method = zipfile.ZIP_DEFLATED if is_text else zipfile.ZIP_STORED
            archive.writestr(name, content(version, name), method, 1)
    path.chmod(0o644)


def rename(path: Path, version: int, padding: int) -> None:
    new = path.with_name("new.zip")
    write(new, version, padding)
    new.replace(path)


def in_place(path: Path, version: int, padding: int) -> None:
    """As zipfile and most programs do: the file is emptied, and written bit by bit."""
    write(path, version, padding)


def copied_over(path: Path, version: int, padding: int) -> None:
    """Byte by byte over what is there, without emptying it, as dd and rsync --inplace do."""
    new = path.with_name("new.zip")
    write(new, version, padding)
    data = new.read_bytes()
    with path.open("r+b", buffering=0) as file:
        for at in range(0, len(data), 65536):
            file.write(data[at : at + 65536])
        file.truncate()


class Readers:
    """Connections that ask for members again and again, until stop()."""

    def __init__(self, port: int, names: list[str], known: dict[bytes, int]) -> None:
        self.wrong: list[str] = []
        self.seen: set[int] = set()
        self.answers = 0
        self._stop = False
        self._threads = [
            threading.Thread(target=self._read, args=[n, port, names, known])
            for n in range(CONNECTIONS)
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, n: int, port: int, names: list[str], known: dict[bytes, int]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        accepted = "gzip" if n % 2 else "identity"
        try:
            while not self._stop:
                name = names[n % len(names)]
                n += 1
                connection.request("GET", f"/zip/{name}", headers={"Accept-Encoding": accepted})
                answer = connection.getresponse()
                body = answer.read()
                if answer.headers["Content-Encoding"] == "gzip":
                    body = gzip.decompress(body)
                version = known.get(hashlib.sha256(name.encode() + body).digest())
                if answer.status != 200 or version is None:
                    self.wrong.append(f"{name}: {answer.status}, {len(body)} bytes")
                else:
                    self.seen.add(version)
                self.answers += 1
        except (OSError, http.client.HTTPException, EOFError) as error:
            self.wrong.append(f"{name}: {error!r}")
        finally:
            connection.close()

    def stop(self) -> None:
        self._stop = True
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize(
    ("replace", "padding", "names"),
    [
        pytest.param(rename, 0, list(MEMBERS), id="renamed"),
        pytest.param(rename, 9_000_000, list(MEMBERS), id="renamed, large"),
        pytest.param(in_place, 0, list(MEMBERS), id="in place"),
        pytest.param(copied_over, 0, list(MEMBERS), id="copied over"),
        pytest.param(
            in_place, 9_000_000, ["small.txt", "stored.bin", "deflated.txt"], id="in place, large"
        ),
        pytest.param(
            copied_over,
            9_000_000,
            ["small.txt", "stored.bin", "deflated.txt"],
            id="copied over, large",
        ),
    ],
)
def test_every_answer_is_of_one_version(
    tmp_site: Path, replace: Callable[[Path, int, int], None], padding: int, names: list[str]
):
    archive = tmp_site / "a.zip"
    known = {
        hashlib.sha256(name.encode() + content(version, name)).digest(): version
        for version in range(VERSIONS)
        for name in MEMBERS
    }
    write(archive, 0, padding)
    with archive_httpd(tmp_site, 'ArchiveAlias /zip "{site}/a.zip"') as httpd:
        readers = Readers(httpd.port, names, known)
        try:
            wait_for("the first version", lambda: 0 in readers.seen)
            for version in range(1, VERSIONS):
                before = readers.answers
                replace(archive, version, padding)
                # the new one is seen at once
                got = httpd.get("zip/small.txt").body
                assert got == content(version, "small.txt")
                wait_for("more answers", lambda b=before: readers.answers > b + CONNECTIONS)
            wait_for("the last version", lambda: VERSIONS - 1 in readers.seen)
        finally:
            readers.stop()
    assert readers.wrong == []


def test_an_answer_whose_bytes_are_gone_is_cut_short(tmp_site: Path):
    """A large member of a large archive, which is written anew in its place meanwhile."""
    archive, size = tmp_site / "a.zip", 40_000_000
    old, new = (random.Random(n).randbytes(1000) * (size // 1000) for n in (1, 2))
    write_zip(archive, {"a.bin": old}, zipfile.ZIP_STORED)
    with archive_httpd(tmp_site, 'ArchiveAlias /zip "{site}/a.zip"') as httpd:
        httpd.log.expect("HDPY0024: member a.bin of an archive is cut short")
        assert httpd.get("zip/a.bin", Range="bytes=0-9").body == old[:10]
        connection = http.client.HTTPConnection("127.0.0.1", httpd.port, timeout=30)
        connection.request("GET", "/zip/a.bin")
        answer = connection.getresponse()
        body = answer.read(1000)
        with zipfile.ZipFile(archive, "w") as written:
            written.writestr("a.bin", new)
        while piece := answer.read1(1 << 20):
            body += piece
        connection.close()
        assert len(body) < size and old.startswith(body)
        assert httpd.get("zip/a.bin").body == new


def test_an_archive_that_is_withdrawn(tmp_site: Path):
    """Removed, or closed to Apache's user, it is 503 soon, and served again when it is back."""
    archive = write_zip(tmp_site / "a.zip", {"a.txt": "a"})
    aside = tmp_site / "b.zip"
    changes = [(lambda: archive.rename(aside), lambda: aside.rename(archive))]
    if os.geteuid() == 0:  # else nobody is shut out
        changes.append((lambda: archive.chmod(0o600), lambda: archive.chmod(0o644)))
    with archive_httpd(tmp_site, 'ArchiveAlias /zip "{site}/a.zip"') as httpd:
        httpd.log.expect("a.zip is not there; its URLs are answered with 503")
        httpd.log.allow("a.zip cannot be read (Permission denied); Apache's user needs")
        for withdraw, restore in changes:
            assert httpd.text("zip/a.txt") == "a"
            withdraw()
            wait_for("503", lambda: httpd.get("zip/a.txt").status == 503)
            restore()
            assert httpd.text("zip/a.txt") == "a"


def test_changes_of_one_moment_are_all_seen(tmp_site: Path):
    """More often than the clock of files ticks, and of one size."""
    archive = tmp_site / "a.zip"
    texts = ["one", "two", "six", "ten"]
    write_zip(archive, {"a.txt": "new"})
    data = {}
    for text in texts:
        write_zip(tmp_site / "other.zip", {"a.txt": text}, zipfile.ZIP_STORED)
        data[text] = (tmp_site / "other.zip").read_bytes()
    with archive_httpd(tmp_site, 'ArchiveAlias /zip "{site}/a.zip"') as httpd:
        for n in range(100):
            archive.write_bytes(data[texts[n % len(texts)]])
            assert httpd.text("zip/a.txt") == texts[n % len(texts)]
