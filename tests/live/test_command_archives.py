"""httpdapy archive and httpdapy pack."""

import os
import random
import signal
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from support.archives import TEXT, write_zip
from support.site import request, wait_for

ONE_WAY = True
HTTPDAPY = Path(sys.prefix) / "bin/httpdapy"


def run(*arguments: object) -> subprocess.CompletedProcess:
    command = [HTTPDAPY, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


@pytest.fixture
def site(tmp_site: Path) -> Path:
    """A directory to pack."""
    files = tmp_site / "files"
    for name, data in {
        "index.html": b"<p>index</p>",
        "sub/a.txt": TEXT.encode(),
        "sub/picture.jpg": random.Random(1).randbytes(10_000),
        "ü.txt": b"u",
        ".hidden": b"secret",
        ".git/config": b"secret",
        ".well-known/x": b"known",
        "__pycache__/x.pyc": b"code",
    }.items():
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_bytes(data)
    return files


def test_pack(site: Path):
    archive = site.with_name("out.zip")
    done = run("pack", site, archive)
    assert done.returncode == 0, done.stderr
    assert f"{archive}: 1 files deflated, 4 stored; " in done.stdout
    assert "left out: .git, .hidden, __pycache__" in done.stdout
    with zipfile.ZipFile(archive) as packed:
        assert packed.testzip() is None
        methods = {info.filename: info.compress_type for info in packed.infolist()}
        assert methods == {
            ".well-known/x": zipfile.ZIP_STORED,
            "index.html": zipfile.ZIP_STORED,  # it does not get smaller
            "sub/a.txt": zipfile.ZIP_DEFLATED,
            "sub/picture.jpg": zipfile.ZIP_STORED,
            "ü.txt": zipfile.ZIP_STORED,
        }
        assert packed.read("sub/a.txt") == TEXT.encode()
    assert sorted(os.listdir(site.parent)) == ["files", "out.zip"]


def test_pack_into_the_directory_itself(site: Path):
    for _ in range(2):
        assert run("pack", site, site / "out.zip").returncode == 0
    with zipfile.ZipFile(site / "out.zip") as packed:
        assert len(packed.namelist()) == 5


def test_an_archive_is_served(site: Path):
    archive = site.with_name("out.zip")
    assert run("pack", site, archive).returncode == 0
    process = subprocess.Popen(
        [HTTPDAPY, "archive", archive, "--prefix", "/pages", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said: list[str] = []
    assert process.stdout is not None and process.stderr is not None
    reader = threading.Thread(target=said.extend, args=[iter(process.stdout.readline, "")])
    reader.start()
    try:
        wait_for("the address", lambda: said or process.poll() is not None)
        words = said[0].split()
        assert words[:4] == ["Serving", str(archive), "at", words[3]]
        port = int(words[3].rstrip("/").split("/")[2].split(":")[1])
        assert request(port, "GET", "/pages/").text == "<p>index</p>"
        assert request(port, "GET", "/pages/sub/a.txt").text == TEXT
        assert request(port, "GET", "/pages/sub").status == 301
        assert request(port, "GET", "/").status == 404
        write_zip(archive, {"new.txt": "new"})
        assert request(port, "GET", "/pages/new.txt").text == "new"
    finally:
        process.send_signal(signal.SIGTERM)
        errors = process.stderr.read()
        process.stderr.close()
        assert process.wait(20) == 0
        reader.join()
        process.stdout.close()
    assert ":error]" not in errors
    assert any("GET /pages/sub/a.txt" in line for line in said)
    assert not any(".htaccess" in line for line in said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["archive", "none.zip"], "none.zip does not exist; 'httpdapy pack DIR"),
        (["archive", "."], "is no zip archive"),
        (["archive", "{zip}", "--prefix", "pages"], "begins with a slash: --prefix /pages"),
        (["pack", "none", "out.zip"], "the directory none does not exist"),
        (["pack", ".", "none/out.zip"], "there is no directory none; create it"),
        (["pack", "{zip}", "out.zip"], "is not a directory"),
        (["pack", ".", "."], "is a directory; name the archive to write"),
        (["pack", "{files}", "/none/out.zip"], "/none/"),
        (["archive"], "FILE.zip"),
    ],
)
def test_what_has_to_be_put_right(site: Path, arguments: list[str], said: str):
    archive = write_zip(site.with_name("a.zip"), {"a": "a"})
    done = run(*(each.format(zip=archive, files=site) for each in arguments))
    assert done.returncode == 2 and said in done.stderr
