"""Members of archives, beside the same files on disk and an application that reads zipfile."""

import gzip
import random
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from httpdapy.apache import config

from . import BenchError
from .bench import Bench, Turn
from .contenders import EVENT, OURS
from .load import ratio, wrk
from .machine import PARTS
from .report import at_least
from .servers import Server, Setting, apache, directory

_ROOT = Path(__file__).parents[1]
_SITE = Path(__file__).parent / "sites" / "archives"
_TAKE_GZIP = 'wrk.headers["Accept-Encoding"] = "gzip"'
#: Names of the sizes that are measured, in bytes.
SIZES = {"1 KB": 1 << 10, "16 KB": 1 << 14, "1 MB": 1 << 20}

# All from one server, so that nothing but the way to the bytes is different.
_SECTIONS = """
{archive}
ArchiveAlias /archive "{site}/files.zip"
Alias /file "{site}/files"
Alias /deflate "{site}/files"
<Location /deflate>
    SetOutputFilter DEFLATE
</Location>
LoadModule wsgi_module "{wsgi}"
WSGIPythonHome "{home}"
WSGISocketPrefix "{site}/wsgi"
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptReloading Off
WSGIScriptAlias /zipfile "{site}/members.py"
"""


def lacking() -> str:
    """Why nothing can be measured here, and what to do; "" if it can."""
    return "" if PARTS.archive else "needs zlib's headers; install zlib1g-dev, then 'make build'"


def _file(size: str) -> str:
    return size.replace(" ", "")


def text(size: int) -> bytes:
    """Such as is served compressed: ours, as often as it takes."""
    whole = b"".join(file.read_bytes() for file in sorted((_ROOT / "docs").rglob("*.md")))
    return (whole * (size // len(whole) + 1))[:size]


@contextmanager
def server(page: str, setting: Setting, **how: object) -> Iterator[Server]:
    """Members, files and the application, of which *page* is one."""
    with directory() as root:
        site = shutil.copytree(_SITE, root / "site")
        files = site / "files"
        files.mkdir()
        for name, size in SIZES.items():
            (files / f"{_file(name)}.bin").write_bytes(random.Random(size).randbytes(size))
            (files / f"{_file(name)}.txt").write_bytes(text(size))
        with zipfile.ZipFile(site / "files.zip", "w") as archive:
            for file in sorted(files.iterdir()):
                is_text = file.suffix == ".txt"
                method = zipfile.ZIP_DEFLATED if is_text else zipfile.ZIP_STORED
                archive.write(file, file.name, method, 9)
        sections = _SECTIONS.format(
            site=site, archive=config.archive_module(PARTS), wsgi=PARTS.wsgi, home=PARTS.home
        )
        with apache(root, setting, sections, page=page, modules=["filter", "deflate"], **how) as it:
            yield it


def archives(bench: Bench) -> None:
    """Stored and deflated members, for clients that take gzip and for others."""
    if why := lacking():
        bench.report.lacking["archives"] = why
        return
    with server("archive/1KB.bin", EVENT) as running:
        for name in list(SIZES)[bench.quick :]:
            file = f"{_file(name)}.bin"
            work = f"archive member, stored, {name}, 8 connections"
            _compare(bench, running, work, file, "", {"file": 1, "zipfile": None})
        for name, goal in (("16 KB", 3.5), ("1 MB", 100)):
            file = f"{_file(name)}.txt"
            work = f"archive member, deflated, gzip client, {name}, 8 connections"
            goals = {"deflate": goal, "file": None, "zipfile": None}
            _compare(bench, running, work, file, _TAKE_GZIP, goals)
        for name in ("16 KB", "1 MB"):
            file = f"{_file(name)}.txt"
            goals = {"file": 0.5 if name == "16 KB" else None, "zipfile": None}
            work = f"archive member, deflated, other client, {name}, 8 connections"
            _compare(bench, running, work, file, "", goals)


_NAMES = {
    "file": "the same file",
    "deflate": "the file with mod_deflate",
    "zipfile": "a WSGI application with zipfile",
}


def _compare(
    bench: Bench,
    running: Server,
    work: str,
    file: str,
    script: str,
    goals: dict[str, float | None],
) -> None:
    """Rows of the member's rate over those of others, with their goals; a quick run only those that
    have one."""
    if bench.quick:
        goals = {place: goal for place, goal in goals.items() if goal}
    if not goals:
        return
    urls = {OURS.name: f"{running.address}archive/{file}"}
    urls |= {_NAMES[place]: f"{running.address}{place}/{file}" for place in goals}
    headers = {"Accept-Encoding": "gzip"} if script else {}
    whole = (running.site / "files" / file).read_bytes()
    for url in urls.values():
        got = running.get(url.removeprefix(running.address), headers=headers)
        if got != whole and (not script or gzip.decompress(got) != whole):
            raise BenchError(f"{url} is not {file}")

    def rate(url: str) -> float:
        return wrk(url, connections=8, seconds=bench.seconds, script=script).requests_per_s

    for url in urls.values():  # one after the other: compressing a file takes all there is
        rate(url)
    turns = [Turn(name, EVENT, partial(rate, url)) for name, url in urls.items()]
    figures = bench.figures(work, turns)
    for place, goal in goals.items():
        times = ratio(figures[OURS.name], figures[_NAMES[place]])
        bench.row(work, _NAMES[place], times, at_least(goal) if goal else None)
