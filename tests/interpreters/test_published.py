"""The modules that another module's RequestHandler publishes."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from httpdapy.interpreters.modules import Modules
from httpdapy.interpreters.published import PublishedModules
from httpdapy.interpreters.search import Search
from httpdapy.interpreters.settings import parse
from httpdapy.interpreters.urls import NoModuleError


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> PublishedModules:
    for name in ("path", "path_hooks"):
        monkeypatch.setattr(sys, name, list(getattr(sys, name)))
    modules = Modules()
    modules.install()
    return PublishedModules(modules, Search(sys.path))


def request(directory: Path, name: str, *options: tuple[str, str]) -> SimpleNamespace:
    lines = [str(directory), "handler", "another", str(directory)]
    for option, value in options:
        lines += [option, value, ""]
    return SimpleNamespace(filename=f"{directory}/{name}", settings=parse("\n".join(lines)))


def test_the_urls_module_not_the_handler(published: PublishedModules, tmp_path: Path):
    (tmp_path / "page.py").write_text("value = 1\n")
    module = published.load(request(tmp_path, "page"))
    assert module.value == 1 and published.load(request(tmp_path, "page.html")) is module


def test_reload(published: PublishedModules, tmp_path: Path):
    page = tmp_path / "page.py"
    page.write_text("value = 1\n")
    kept = request(tmp_path, "page", ("autoreload", "0"))
    assert published.load(kept).value == 1
    page.write_text("value = 200\n")
    assert published.load(kept).value == 1
    assert published.load(request(tmp_path, "page")).value == 200


def test_no_module(published: PublishedModules, tmp_path: Path):
    with pytest.raises(NoModuleError):
        published.load(request(tmp_path, "page"))


def test_file_becomes_a_package(published: PublishedModules, tmp_path: Path):
    page = tmp_path / "page.py"
    page.write_text("value = 'file'\n")
    assert published.load(request(tmp_path, "page")).value == "file"
    page.unlink()
    with pytest.raises(NoModuleError):
        published.load(request(tmp_path, "page"))
    (tmp_path / "page").mkdir()
    (tmp_path / "page/__init__.py").write_text("value = 'package'\n")
    assert published.load(request(tmp_path, "page")).value == "package"


def test_many_settings_do_not_pile_up(published: PublishedModules, tmp_path: Path):
    (tmp_path / "page.py").write_text("")
    for n in range(1500):
        published._settings(request(tmp_path, "page", ("a", str(n))).settings)
    assert len(published._known) <= 1024
