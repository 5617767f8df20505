"""From a file name to a module (reference section 6)."""

import pytest

from httpdapy.interpreters.urls import NoModuleError, Source, find, module_name


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("/d/foo.py", "foo"),
        ("/d/foo.html", "foo"),
        ("/d/foo.pye", "foo"),
        ("/d/foo", "foo"),
        ("/d/a.b.py", "a.b"),
        ("/d.x/foo", "foo"),
        ("/d/my-page.py", "my-page"),
        ("/d/x.py.bak", "x.py"),
    ],
)
def test_module_name(filename: str, name: str):
    assert module_name(filename) == name


@pytest.mark.parametrize(
    "filename", ["/d/.py", "/d/", "/d/..py", "/d/a..py", "/d/.a.py", "/d/a\0.py"]
)
def test_no_module_name(filename: str):
    with pytest.raises(NoModuleError):
        module_name(filename)


@pytest.fixture
def root(tmp_path):
    for name in (
        "a.py",
        "pkg/__init__.py",
        "pkg/b.py",
        "plain/c.py",
        "both.py",
        "both/__init__.py",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("name", "module", "path"),
    [
        ("a", "", "a.py"),
        ("pkg", "", "pkg/__init__.py"),
        ("pkg.b", "pkg.b", "pkg/b.py"),
        ("both", "", "both.py"),
    ],
)
def test_find(root: str, name: str, module: str, path: str):
    assert find(name, ["/nowhere", root]) == Source(module, f"{root}/{path}", root)


@pytest.mark.parametrize("name", ["none", "plain.c", "plain", "pkg.none", "a.b", "os"])
def test_not_found(root: str, name: str):
    assert find(name, [root]) is None


def test_sources_compare_by_value():
    assert Source("a", "b", "c") == Source("a", "b", "c") != Source("a", "b", "d")
    assert len({Source("a", "b", "c"), Source("a", "b", "c")}) == 1
