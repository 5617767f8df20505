"""What Apache finds on its way to a script is kept, and every change on the way is seen at once."""

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.httpd import Httpd
from support.site import request, wait_for

#: Apache's walk comes before the way into Python.
ONE_WAY = True

PAGE = """import httpdapi, os
class RequestHandler(httpdapi.RequestHandler):
    content_type = 'text/plain'
    def Content(self):
        colour = self.req.options.get('colour')
        env = self.req.environment
        return f"{NAME} {colour} {env.get('MATCH_KIND')} {os.getcwd().rpartition('/')[2]}"
"""
SECTIONS = """
LogLevel warn httpdapy:debug
AliasMatch "^/stand-in(/|$)" "{site}/stand-in/.hwebserver"
<Directory "{site}/stand-in">
    <Files ".hwebserver">
        Require all granted
        SetHandler python-program
        PythonOption handler page
    </Files>
</Directory>
<FilesMatch "^(?<kind>page)[.]py$">
    PythonOption matched 1
</FilesMatch>
<VirtualHost *:*>
    ServerName one
</VirtualHost>
<VirtualHost *:*>
    ServerName two
    <Directory "{site}">
        PythonOption colour two
    </Directory>
</VirtualHost>
"""


class Way:
    """A directory with a script, two levels below the site."""

    def __init__(self, httpd: Httpd, name: str) -> None:
        self.httpd = httpd
        self.top = httpd.site / name
        self.path = self.top / "sub"
        self.path.mkdir(parents=True)
        self.url = f"{name}/sub/page.py"
        self.script = self.path / "page.py"
        write(self.script, f"NAME = 'old'\n{PAGE}")

    def text(self) -> str:
        return self.httpd.text(self.url)

    def keep(self) -> None:
        """Ask until the walk is kept."""
        wait_for("the walk that is kept", lambda: self.text() and self.is_kept())

    def is_kept(self) -> bool:
        return self.times_kept() > 0

    def times_kept(self) -> int:
        log = (self.httpd.root / "error.log").read_text()
        return len(re.findall(f"HDPY0019: the walk to {self.script} is kept", log))


def write(path: Path, text: str) -> None:
    """Another file in the place of the old one."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.replace(path)


@pytest.fixture(scope="module")
def httpd(module_site: Path) -> Iterator[Httpd]:
    with Httpd(module_site, SECTIONS.format(site=module_site)) as running:
        yield running


@pytest.fixture(scope="module")
def settled(httpd: Httpd) -> Iterator[Callable[[], Way]]:
    """Ways with .htaccess files that are old enough to be kept."""
    ways = [Way(httpd, f"settled{n}") for n in range(6)]
    for way in ways:
        (way.top / ".htaccess").write_text("PythonOption colour red\n")
    time.sleep(2.1)  # the link trusts a file's times once they are older than a second
    yield ways.pop


@pytest.fixture
def fresh(httpd: Httpd, request: pytest.FixtureRequest) -> Way:
    """A way without .htaccess files, which is kept."""
    way = Way(httpd, re.sub(r"\W", "", request.node.name))
    way.keep()
    assert way.text() == "old None page sub"
    return way


def test_a_kept_walk_is_used_again(fresh: Way):
    def is_used() -> bool:
        before = fresh.times_kept()
        assert {fresh.text() for _ in range(20)} == {"old None page sub"}
        return fresh.times_kept() == before

    wait_for("twenty requests by one walk", is_used)  # a mount anywhere makes it anew


def test_the_walk_to_the_name_that_stands_for_handlers(httpd: Httpd):
    """There is no such file, as with those of run()."""
    directory = httpd.site / "stand-in"
    directory.mkdir()
    write(directory / "page.py", f"NAME = 'it'\n{PAGE}")
    kept = f"HDPY0019: the walk to {directory}/.hwebserver is kept"

    def is_kept() -> bool:
        assert httpd.text("stand-in/any/path") == "it None None stand-in"
        return kept in (httpd.root / "error.log").read_text()

    wait_for("the walk that is kept", is_kept)
    (directory / ".htaccess").write_text("PythonOption colour red\n")
    assert httpd.text("stand-in/other") == "it red None stand-in"


def by_rename(way: Way) -> None:
    write(way.top / ".htaccess", "PythonOption colour blu\n")


def in_place(way: Way) -> None:
    with (way.top / ".htaccess").open("r+") as file:
        file.write("PythonOption colour blu\n")


def remove(way: Way) -> None:
    (way.top / ".htaccess").unlink()


def below(way: Way) -> None:
    (way.path / ".htaccess").write_text("PythonOption colour blu\n")


def unreadable(way: Way) -> None:
    (way.top / ".htaccess").chmod(0)


@pytest.mark.parametrize(
    ("edit", "seen"),
    [(by_rename, "blu"), (in_place, "blu"), (remove, "None"), (below, "blu")],
)
def test_an_htaccess_file_changes(settled: Callable[[], Way], edit, seen: str):
    way = settled()
    way.keep()
    assert way.text() == "old red page sub"
    edit(way)
    assert [way.text() for _ in range(3)] == [f"old {seen} page sub"] * 3


@pytest.mark.skipif(os.geteuid() != 0, reason="the tests' user is Apache's own")
def test_an_htaccess_file_that_cannot_be_read_denies(settled: Callable[[], Way]):
    way = settled()
    way.keep()
    way.httpd.log.expect("pcfg_openfile: unable to check htaccess file")
    unreadable(way)
    assert way.httpd.get(way.url).status == 403


def test_a_text_that_depends_on_more_than_itself_is_not_kept(settled: Callable[[], Way]):
    way = settled()
    other = way.top / "other"
    (way.top / ".htaccess").write_text(
        f'<IfFile "{other}">\n    PythonOption colour blu\n</IfFile>\n'
    )
    time.sleep(2.1)
    for there in (False, True, False, True):
        other.touch() if there else other.unlink(missing_ok=True)
        assert way.text() == f"old {'blu' if there else None} page sub"
    assert not way.is_kept()


def test_an_htaccess_file_comes_to_be(fresh: Way):
    (fresh.top / ".htaccess").write_text("PythonOption colour red\n")
    assert fresh.text() == "old red page sub"


def test_the_script_changes(fresh: Way):
    write(fresh.script, f"NAME = 'new'\n{PAGE}")
    assert fresh.text() == "new None page sub"
    fresh.script.unlink()
    assert fresh.httpd.get(fresh.url).status == 404
    fresh.script.mkdir()
    assert fresh.httpd.get(fresh.url).status in (301, 404)


def another(way: Way) -> Path:
    """A directory like that of the script, with another script."""
    path = way.top / "other"
    path.mkdir()
    (path / "page.py").write_text(f"NAME = 'other'\n{PAGE}")
    return path


def test_another_directory_in_the_place_of_the_scripts(fresh: Way):
    other = another(fresh)
    fresh.path.rename(fresh.top / "gone")
    other.rename(fresh.path)
    assert fresh.text() == "other None page sub"


def test_another_directory_above(fresh: Way):
    """The script's own directory moves along: only its .htaccess above is another one."""
    gone = fresh.top.with_name(f"{fresh.top.name}gone")
    fresh.top.rename(gone)
    fresh.top.mkdir()
    (fresh.top / ".htaccess").write_text("PythonOption colour red\n")
    (gone / "sub").rename(fresh.path)
    assert fresh.text() == "old red page sub"


def test_a_link_to_the_moved_directory(fresh: Way):
    """The same directory by the same name, but not where it was."""
    moved = fresh.top.with_name(f"{fresh.top.name}moved")
    fresh.top.rename(moved)
    fresh.top.symlink_to(moved)
    answer = fresh.httpd.text(fresh.url)
    assert answer == "old None page sub"
    fresh.httpd.log.expect("Symbolic link not allowed or link target not accessible")
    moved.rename(fresh.top.with_name(f"{fresh.top.name}again"))
    assert fresh.httpd.get(fresh.url).status in (403, 404)


def test_a_symbolic_link_on_the_way_leads_elsewhere(fresh: Way):
    """A deployment by a link that is switched."""
    one, two, current = fresh.top / "one", another(fresh), fresh.top / "current"
    fresh.path.rename(one)
    current.symlink_to(one)
    url = fresh.url.replace("/sub/", "/current/")
    assert [fresh.httpd.text(url) for _ in range(3)] == ["old None page one"] * 3
    link = fresh.top / "link"
    link.symlink_to(two)
    link.replace(current)
    assert [fresh.httpd.text(url) for _ in range(3)] == ["other None page other"] * 3


def test_a_link_between_with_an_htaccess_file_of_its_own(fresh: Way):
    """What lies behind the link changes, and the script's own directory stays the same."""
    ends = [fresh.top / "a", fresh.top / "b"]
    for end, colour in zip(ends, ["red", "blu"], strict=True):
        end.mkdir()
        (end / "script").symlink_to(fresh.path)
        (end / ".htaccess").write_text(f"PythonOption colour {colour}\n")
    middle = fresh.top / "middle"
    middle.symlink_to(ends[0])
    url = fresh.url.replace("/sub/", "/middle/script/")
    time.sleep(2.1)
    assert [fresh.httpd.text(url) for _ in range(3)] == ["old red page sub"] * 3
    link = fresh.top / "link"
    link.symlink_to(ends[1])
    link.replace(middle)
    assert [fresh.httpd.text(url) for _ in range(3)] == ["old blu page sub"] * 3


@pytest.mark.skipif(os.geteuid() != 0, reason="the tests' user is Apache's own")
def test_permissions_of_a_directory_above(fresh: Way):
    fresh.httpd.log.allow("search permissions are missing")
    fresh.httpd.log.allow("pcfg_openfile: unable to check htaccess file")
    fresh.top.chmod(0o700)
    assert fresh.httpd.get(fresh.url).status == 403
    fresh.top.chmod(0o755)
    assert fresh.text() == "old None page sub"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("over", ["page.py", ""])
def test_something_is_mounted(fresh: Way, over: str):
    other = another(fresh)
    target = fresh.path / over if over else fresh.path
    command = ["mount", "--bind", other / over if over else other, target]
    if subprocess.run(command, check=False).returncode:
        pytest.skip("this root may not mount")
    try:
        assert fresh.text() == "other None page sub"
    finally:
        subprocess.run(["umount", "--lazy", target], check=True)  # a thread is there
    assert fresh.text() == "old None page sub"


def test_a_script_with_two_names_is_not_kept(httpd: Httpd):
    way = Way(httpd, "twice")
    other = httpd.site / "hard_link.py"
    os.link(way.script, other)
    assert [way.text() for _ in range(3)] == ["old None page sub"] * 3
    assert not way.is_kept()
    other.write_text(f"NAME = 'new'\n{PAGE}")
    assert way.text() == "new None page sub"


def test_virtual_hosts_have_walks_of_their_own(fresh: Way):
    for _ in range(3):
        for host, colour in {"one": "None", "two": "two"}.items():
            answer = fresh.httpd.get(fresh.url, Host=host)
            assert answer.text == f"old {colour} page sub"
    assert fresh.times_kept() >= 2


def test_a_script_that_changes_its_directory(fresh: Way):
    write(fresh.script, f"NAME = 'new'\n{PAGE}        + (os.chdir('/') or '')\n")
    assert [fresh.text() for _ in range(20)] == ["new None page sub"] * 20


def test_changes_under_load(fresh: Way):
    """Each answer is that of the settings before or after."""
    stop = threading.Event()
    seen: list[str] = []

    def ask() -> None:
        while not stop.is_set():
            seen.append(fresh.text())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    file = fresh.top / ".htaccess"
    for n in range(20):
        write(file, f"PythonOption colour c{n}\n")
        assert fresh.text() == f"old c{n} page sub"
        file.unlink()
        assert fresh.text() == "old None page sub"
    stop.set()
    for thread in threads:
        thread.join()
    assert set(seen) <= {"old None page sub", *(f"old c{n} page sub" for n in range(20))}


def test_what_other_modules_make_of_a_request_comes_first(fresh: Way):
    """TRACE is Apache's own, also where the walk is kept."""
    assert fresh.text()
    answer = request(fresh.httpd.port, "TRACE", f"/{fresh.url}")
    assert (answer.status, answer.type) == (200, "message/http")
    assert answer.text.startswith(f"TRACE /{fresh.url} ")


def test_many_scripts(httpd: Httpd):
    """More than are kept: all are forgotten, and found again."""
    directory = httpd.site / "many"
    directory.mkdir()
    for n in range(1100):
        (directory / f"p{n}.py").write_text(f"NAME = '{n}'\n{PAGE}")
    for n in [*range(1100), 0, 1, 1099]:
        assert httpd.text(f"many/p{n}.py") == f"{n} None None many"
