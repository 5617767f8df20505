"""Helpers that the link watches: any change of one is seen by the next request.

What handlers import is watched from the second request on, so each test makes a few first.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.site import Site

STAMP = "import time\nSTAMP = time.time_ns()"
#: all versions of a helper look the same but for their inode
TIME = (1_000_000_000, 1_000_000_000)


def helper(path: Path, word: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"WORD = '{word}'\n")
    path.chmod(0o644)
    os.utime(path, TIME)
    return path


def settled(site: Site, page: str = "page.py") -> str:
    """The page's text once all is watched and has been looked at."""
    texts = [site.text(page) for _ in range(4)]
    assert len(set(texts)) == 1
    return texts[0]


@pytest.fixture
def watched(site: Site) -> Site:
    """A page that tells pkg.sub.part.WORD."""
    helper(site.path / "pkg/sub/part.py", "one")
    site.handler("page.py", "pkg.sub.part.WORD", "import pkg.sub.part")
    return site


def edit_in_place(part: Path) -> None:
    helper(part, "two")
    os.utime(part)  # the size is the same, and so would the times be


def replace(part: Path) -> None:
    helper(part.with_name("new"), "two").replace(part)


def replace_directory(part: Path) -> None:
    """As a deployment does it: the directory's path leads to another one."""
    directory = part.parent
    helper(directory.with_name("new") / part.name, "two")
    directory.rename(directory.with_name("old"))
    directory.with_name("new").rename(directory)


def replace_directory_above(part: Path) -> None:
    above = part.parents[1]
    helper(above.with_name("new") / "sub/part.py", "two")
    above.rename(above.with_name("old"))
    above.with_name("new").rename(above)


def make_directory_anew(part: Path) -> None:
    """The file system may well give both the inodes of the old ones."""
    for name in part.parent.iterdir():
        name.unlink()
    part.parent.rmdir()
    edit_in_place(part)


def become_a_link(part: Path) -> None:
    helper(part.parents[2] / "elsewhere/part.py", "two")
    part.unlink()
    part.symlink_to(part.parents[2] / "elsewhere/part.py")


def flood(part: Path) -> None:
    """More events than the kernel keeps for us, the edit not among those that it keeps."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    others = [part.with_name(name) for name in ("a.txt", "b.txt")]
    for other in others:
        other.touch()
    for _ in range(limit // 2 + 1):  # by turns: two alike in a row would count as one
        for other in others:
            os.utime(other)
    edit_in_place(part)


@pytest.mark.parametrize(
    "change",
    [
        edit_in_place,
        replace,
        replace_directory,
        replace_directory_above,
        make_directory_anew,
        become_a_link,
        flood,
    ],
    ids=lambda change: change.__name__.replace("_", " "),
)
def test_change(watched: Site, change: Callable[[Path], None]):
    part = watched.path / "pkg/sub/part.py"
    assert settled(watched) == "one"
    change(part)
    assert watched.text("page.py") == "two"
    assert settled(watched) == "two"
    edit_in_place(helper(part, "one"))
    helper(part, "three")
    assert watched.text("page.py") == "three"


def test_directory_moved_away_and_back(watched: Site):
    pkg = watched.path / "pkg"
    assert settled(watched) == "one"
    pkg.rename(pkg.with_name("gone"))
    watched.log.expect("page.py")
    assert watched.get("page.py").status == 500
    pkg.with_name("gone").rename(pkg)
    assert settled(watched) == "one"
    edit_in_place(pkg / "sub/part.py")
    assert watched.text("page.py") == "two"


def test_through_symbolic_links(site: Site):
    """releases/1/part.py, to which current leads."""
    first, second = (helper(site.path / f"releases/{n}/part.py", n) for n in ("1", "2"))
    (site.path / "pkg").symlink_to(first.parent)
    helper(site.path / "elsewhere/other.py", "o")
    (site.path / "linked.py").symlink_to("elsewhere/other.py")
    site.handler("page.py", "pkg.part.WORD + linked.WORD", "import pkg.part, linked")
    assert settled(site) == "1o"
    helper(first, "3").touch()
    assert site.text("page.py") == "3o"
    assert settled(site) == "3o"
    (site.path / "new").symlink_to(second.parent)
    (site.path / "new").rename(site.path / "pkg")
    assert site.text("page.py") == "2o"
    assert settled(site) == "2o"
    helper(site.path / "elsewhere/other.py", "p").touch()
    assert site.text("page.py") == "2p"


def test_through_another_name(watched: Site):
    """A hard link in another directory, through which the file is written to."""
    other = watched.path / "other"
    os.link(watched.path / "pkg/sub/part.py", other)
    assert settled(watched) == "one"
    edit_in_place(other)
    assert watched.text("page.py") == "two"


def test_symbolic_link_in_place_of_the_very_file(watched: Site):
    """The file's stamp is as before, but what happens to it now happens elsewhere."""
    part, other = watched.path / "pkg/sub/part.py", watched.path / "other.py"
    assert settled(watched) == "one"
    part.rename(other)
    part.symlink_to(other)
    assert settled(watched) == "one"
    edit_in_place(other)
    assert watched.text("page.py") == "two"


def test_other_files_make_no_difference(watched: Site):
    watched.handler("page.py", "str(STAMP)", f"import pkg.sub.part\n{STAMP}")
    stamp = settled(watched)
    for n in range(20):
        (watched.path / f"pkg/sub/{n}.txt").touch()
        (watched.path / f"pkg/sub/{n}.py").touch()
    assert settled(watched) == stamp


def test_nothing_of_it_shows(site: Site):
    """Neither in the headers nor in srvhdrs, on either way."""
    site.write("pkg/__init__.py", "")
    site.write("pkg/part.py", "WORD = 'one'\n")
    site.write("helper é.py", "WORD = 'one'\n")
    imports = "from pkg.part import WORD\nhelper = __import__('helper é')"
    site.write("other.py", "WORD = 'one'\n")
    seen = (
        "    def Header(self):\n        super().Header()\n"
        "        self.rq.srvhdrs['Seen'] = ' '.join(self.rq.srvhdrs)\n"
    )
    site.handler("page.py", "WORD + other.WORD", f"import other\n{imports}\n{STAMP}", seen)
    site.handler("stamp.py", "str(STAMP)", f"import other\n{STAMP}", seen)

    def settled(page: str) -> str:
        answers = [site.get(page) for _ in range(5)]
        for answer in answers:
            assert "Httpdapy" not in str(answer.headers) + answer.headers["Seen"]
        assert len({answer.text for answer in answers}) == 1
        return answers[0].text

    assert settled("page.py") == "oneone"
    stamp = settled("stamp.py")
    site.write("pkg/part.py", "WORD = 'two'\n")
    assert settled("page.py") == "twoone"
    site.write("other.py", "WORD = 'two'\n")
    assert settled("page.py") == "twotwo"
    assert settled("stamp.py") != stamp
    helper = site.path / "other.py"
    helper.rename(site.path / "gone")
    site.log.expect("page.py")
    assert site.get("page.py").status == 500
    (site.path / "gone").rename(helper)
    assert settled("page.py") == "twotwo"
    site.handler("page.py", "'alone'", more=seen)
    assert settled("page.py") == "alone"
