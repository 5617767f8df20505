"""sys.path and the choice of the module."""

import pytest

from httpdapy.interpreters.search import Search
from httpdapy.interpreters.settings import parse
from httpdapy.interpreters.urls import NoModuleError


@pytest.fixture
def site(tmp_path):
    (tmp_path / "page.py").write_text("")
    return str(tmp_path)


def test_directory_comes_first_and_once():
    path = ["/lib"]
    search = Search(path)
    for _ in range(3):
        search.prepare(parse("/d"))
    assert path == ["/d", "/lib"]


def test_pythonpath_replaces_and_gives_back():
    path = ["/lib"]
    search = Search(path)
    search.prepare(parse("/d"))
    for _ in range(3):  # sys.path in it does not grow
        search.prepare(parse("/d\npythonpath\nsys.path + ['x']\n/d"))
        assert path == ["/lib", "/d/x"]
    search.prepare(parse("/d"))
    assert path == ["/d", "/lib"]


def test_loading_puts_the_own_directory_first(site: str):
    path = ["/lib"]
    search = Search(path)
    source = search.source(f"{site}/page.py", parse(site))
    search.prepare_to_load(source, parse(site))
    search.prepare(parse("/other"))
    assert path == ["/other", site, "/lib"]
    search.prepare_to_load(source, parse(site))
    assert path == [site, "/other", "/lib"]


def test_library_is_no_place_for_handlers(site: str):
    search = Search([site])
    with pytest.raises(NoModuleError):
        search.source("/d/page.py", parse("/d\npythonpath\nsys.path\n/d"))


def test_made_up_names_do_not_pile_up(site: str):
    search = Search(["/lib"])
    settings = parse(site)
    for n in range(5000):
        search.source(f"{site}/page.x{n}", settings)
    assert len(settings.sources) <= 4096


def test_handler_in_rootpkg(tmp_path):
    (tmp_path / "pkg").mkdir()
    for name in ("pkg/__init__.py", "pkg/front.py", "other.py"):
        (tmp_path / name).write_text("")
    site = str(tmp_path)
    search = Search([site])

    def source(handler: str):
        options = parse(f"{site}\nrootpkg\npkg\n{site}\nhandler\n{handler}\n{site}")
        return search.source(f"{site}/x", options)

    assert source("front").name == "pkg.front"
    assert source("pkg.front").name == "pkg.front"
    assert source("other").path == f"{site}/other.py"
