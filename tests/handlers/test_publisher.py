"""The publisher's decisions, without Apache."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from httpdapy.handlers import loading, publisher, zpublisher
from httpdapy.handlers.errors import PublisherError, RequestError
from httpdapy.handlers.zope_site import LockError, Site
from httpdapy.handlers.zpublisher import (
    UserName,
    bad_request,
    is_own,
    looks_like_html,
    root_of,
)


@pytest.mark.parametrize(
    ("filename", "path_info", "uri", "directory", "expected"),
    [
        ("/d/zope/", "", "/zope/", "/d/zope", ("/zope", "/")),
        ("/d/zope/a", "/b/c", "/zope/a/b/c", "/d/zope", ("/zope", "/a/b/c")),
        ("/d/zope/a", "/b/", "/zope/a/b/", "/d/zope", ("/zope", "/a/b/")),
        ("/d/zope", "", "/zope", "/d/zope", ("/zope", "")),
        ("/d/a", "", "/a", "/d", ("", "/a")),
        ("/d/", "", "/", "/d", ("", "/")),
        ("/d/a", "/b", "/a/b", "", ("", "/a/b")),  # set for the server
        ("/d/zope2/a", "", "/zope2/a", "/d/zope", ("", "/zope2/a")),
        ("/e/a", "", "/elsewhere", "/d", ("", "/elsewhere")),
        ("/d/a", "", "/rewritten", "/d", ("", "/rewritten")),
    ],
)
def test_script_and_path(filename, path_info, uri, directory, expected):
    req = SimpleNamespace(filename=filename, path_info=path_info, uri=uri)
    assert publisher.script_and_path(req, directory) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<html></html>", True),
        (b"\n <!DOCTYPE HTML>", True),
        ("<p>one</p>", True),
        ("<p>one", False),
        ("one </p>", False),
        ("< 5 </p>", False),
        ("<?xml version='1.0'?><a></a>", False),
        ("", False),
        (b"", False),
        (None, False),
        (5, False),
        ("\ud800<p></p>", False),
    ],
)
def test_looks_like_html(text: object, expected: bool):
    assert looks_like_html(text) is expected


def module_with(source: str, name: str = "site") -> ModuleType:
    module = ModuleType(name)
    exec(source, module.__dict__)  # noqa: S102
    return module


def test_a_modules_own_objects():
    module = module_with(
        "import os\nfrom functools import wraps\nclass C: pass\nc = C()\ndef f(): pass\n"
        "g = lambda: 0\nn = 5\nsin = __import__('math').sin\n"
    )
    own = {name for name, value in vars(module).items() if is_own(value, "site")}
    assert own == {"c", "f", "g"}


def test_a_packages_own_objects():
    inner = module_with("def f(): pass", "site.inner")
    other = module_with("def f(): pass", "sites")
    assert is_own(inner.f, "site") and not is_own(other.f, "site")


def test_root_gives_the_roles_of_names():
    from AccessControl.ZopeSecurityPolicy import getRoles

    root = root_of(module_with("def f(): pass\nf__roles__ = ['staff']\ndef g(): pass\n"))
    assert getRoles(root, "f", root.f, "none") == ["staff"]
    assert getRoles(root, "g", root.g, "none") == "none"


def test_bobo_application():
    assert root_of(module_with("bobo_application = 'object'")) == "object"
    assert root_of(module_with("def bobo_application(): return 'called'")) == "called"


def test_users_of_dicts():
    user = UserName("ann")
    assert user == "ann" and user.getUserName() == user.getId() == "ann"
    assert not UserName("") and UserName("").getUserName() == "Anonymous User"


def test_messages_are_escaped_once():
    assert (
        bad_request(ValueError("value '&lt;b>'")).detail
        == "ValueError: value &#x27;&lt;b&gt;&#x27;"
    )


@pytest.fixture
def without_zope(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delitem(sys.modules, zpublisher.__name__)
    monkeypatch.delattr("httpdapy.handlers.zpublisher")
    return monkeypatch


def test_missing_zope(without_zope: pytest.MonkeyPatch):
    without_zope.setitem(sys.modules, "zExceptions", None)
    with pytest.raises(PublisherError, match=r"bin/python -m pip install 'Zope>=6'"):
        publisher._import_zope()


def test_incomplete_zope(without_zope: pytest.MonkeyPatch):
    without_zope.setitem(sys.modules, "zope.event", None)
    with pytest.raises(ModuleNotFoundError, match=r"zope\.event"):
        publisher._import_zope()


def test_modules_are_loaded_in_apache_only():
    with pytest.raises(RuntimeError, match="in Apache's interpreters only"):
        loading.load_module(SimpleNamespace(filename="/d/page"))


# ---- the start of a site ------------------------------------------------------------------------


class Start:
    """Zope's start, which does what the *outcomes* say, one after the other."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.outcomes = list(outcomes)

    def __call__(self, settings: object, zope_conf: str) -> None:
        outcome = self.outcomes.pop(0)
        if outcome is not None:
            raise outcome


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("httpdapy.handlers.zope_site.subscribers", [])
    monkeypatch.setattr("httpdapy.handlers.zope_site.atexit.register", lambda function: None)
    monkeypatch.setattr("httpdapy.handlers.zope_site._POLL_SECONDS", 0)
    path = tmp_path / "zope.conf"
    path.write_text("")
    return path


def starting(monkeypatch: pytest.MonkeyPatch, *outcomes: Exception | None) -> Start:
    start = Start(*outcomes)
    monkeypatch.setattr("httpdapy.handlers.zope_site.make_wsgi_app", start)
    return start


def test_site_starts_once(conf: Path, monkeypatch: pytest.MonkeyPatch):
    starting(monkeypatch, None)
    site = Site()
    for _ in range(2):
        site.start(conf)
    with pytest.raises(PublisherError, match="Zope can run but one in a process"):
        site.start(conf.with_name("other.conf"))


def test_relative_path_without_a_directory():
    with pytest.raises(PublisherError, match="name the whole path"):
        Site().start(Path("etc/zope.conf"))


def test_locked_database_is_waited_for_once(conf: Path, monkeypatch: pytest.MonkeyPatch):
    locked = LockError("Couldn't lock Data.fs.lock")
    start = starting(monkeypatch, locked, locked, None)
    Site().start(conf)
    assert not start.outcomes

    monkeypatch.setattr("httpdapy.handlers.zope_site.WAIT_SECONDS", 0)
    start = starting(monkeypatch, locked, locked, None)
    site = Site()
    for _ in range(2):
        with pytest.raises(RequestError, match=r"Data\.fs\.lock: .* ThreadsPerChild") as caught:
            site.start(conf)
        assert caught.value.status == 503
    site.start(conf)


def test_mended_configuration_starts(conf: Path, monkeypatch: pytest.MonkeyPatch):
    starting(monkeypatch, PermissionError(13, "Permission denied", "Data.fs"), None)
    site = Site()
    with pytest.raises(PermissionError) as caught:
        site.start(conf)
    assert "Apache's user needs write permission" in caught.value.__notes__[0]
    site.start(conf)


def test_zope_does_not_start_twice(conf: Path, monkeypatch: pytest.MonkeyPatch):
    error = KeyError("half way")
    starting(monkeypatch, error)
    site = Site()
    with pytest.raises(KeyError):
        site.start(conf)
    with pytest.raises(PublisherError, match="restart Apache") as caught:
        site.start(conf)
    assert caught.value.__cause__ is error
