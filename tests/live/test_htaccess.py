""".htaccess files are kept by the link, and every change is seen at once."""

import os
import threading
import time
from pathlib import Path

import pytest
from support.site import Site


@pytest.fixture(scope="session")
def way() -> str:
    """One is enough: Apache reads the file before there is any."""
    return "direct"


SHOW = "repr(self.req.options.get('colour'))"


@pytest.fixture
def settled(site: Site):
    """A directory whose .htaccess has not changed for so long that it is kept."""
    site.handler("page.py", SHOW)
    site.htaccess("PythonOption colour red")
    time.sleep(2.1)  # the link trusts a file's times once they are older than a second
    assert [site.text("page.py") for _ in range(3)] == ["'red'"] * 3
    return site


def change(site: Site) -> None:
    site.htaccess("PythonOption colour blu")  # of the same size


def in_place(site: Site) -> None:
    path = site.path / ".htaccess"
    times = path.stat()
    with path.open("r+") as file:
        file.write("PythonOption colour blu")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # only the ctime tells


def remove(site: Site) -> None:
    (site.path / ".htaccess").unlink()


def replace_by_a_link(site: Site) -> None:
    (site.path / "other").write_text("PythonOption colour blu")
    remove(site)
    (site.path / ".htaccess").symlink_to("other")


@pytest.mark.parametrize(
    ("edit", "seen"),
    [(change, "'blu'"), (in_place, "'blu'"), (remove, "None"), (replace_by_a_link, "'blu'")],
)
def test_a_change_is_seen_at_once(settled: Site, edit, seen: str):
    edit(settled)
    assert [settled.text("page.py") for _ in range(3)] == [seen] * 3


def test_what_apache_does_not_accept_is_an_error(settled: Site):
    settled.htaccess("Nonsense", "PythonOption colour red")
    settled.log.expect("/.htaccess: Invalid command 'Nonsense'")
    time.sleep(2.1)
    assert [settled.get("page.py").status for _ in range(2)] == [500] * 2
    assert ".htaccess: Invalid" in settled.logged()


@pytest.mark.skipif(os.geteuid() != 0, reason="the tests' user is Apache's own")
def test_a_file_that_cannot_be_read_denies(settled: Site):
    path = settled.path / ".htaccess"
    path.chmod(0)
    settled.log.expect(f"{path} pcfg_openfile: unable to check htaccess file")
    assert settled.get("page.py").status == 403
    path.chmod(0o644)
    assert settled.text("page.py") == "'red'"


def test_what_apache_may_find_in_a_file(site: Site):
    """Continued lines, sections, comments, no end of line: as from the file itself."""
    site.handler("page.py", "repr(sorted(self.req.options.items() - {('direct', '0')}))")
    site.write(
        ".htaccess",
        "# comment\\\n goes on\n\nPythonOption \\\n  long "
        + "x" * 3000
        + "\r\n<Files page.py>\n  PythonOption inside 1\n</Files>\n"
        "<Files other.py>\nPythonOption outside 1\n</Files>\nPythonOption last 'no end'",
    )
    fresh = site.text("page.py")
    assert eval(fresh) == [("inside", "1"), ("last", "no end"), ("long", "x" * 3000)]
    time.sleep(2.1)
    assert [site.text("page.py") for _ in range(2)] == [fresh] * 2


def test_large_files_are_left_to_apache(site: Site):
    site.handler("page.py", SHOW)
    site.htaccess(*["# " + "x" * 100] * 200, "PythonOption colour red")
    time.sleep(2.1)
    assert [site.text("page.py") for _ in range(2)] == ["'red'"] * 2


def test_edits_under_load(settled: Site):
    """Each answer is that of the old file or the new one."""
    stop = threading.Event()
    seen: set[str] = set()

    def ask() -> None:
        while not stop.is_set():
            seen.add(settled.text("page.py"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for n in range(20):
        settled.htaccess(f"PythonOption colour c{n}")
        assert settled.text("page.py") == f"'c{n}'"
    stop.set()
    for thread in threads:
        thread.join()
    assert seen <= {"'red'", *(f"'c{n}'" for n in range(20))}


def test_a_directory_in_its_place(site: Site):
    site.handler("page.py", SHOW)
    Path(site.path / ".htaccess").mkdir()
    site.log.allow(".htaccess")
    before = site.get("page.py").status
    time.sleep(2.1)
    assert site.get("page.py").status == before
