"""Which handler answers a path, and what can be registered."""

import pytest

from httpdapy import httpdapi
from httpdapy.hwebserver.errors import OperationFailed
from httpdapy.hwebserver.handlers import (
    AsyncURLHandler,
    ResponseHandler,
    URLHandler,
    as_handler,
    handler_of,
    handler_of_instance,
)
from httpdapy.hwebserver.registry import Registry, Route
from httpdapy.hwebserver.routing import Router
from httpdapy.hwebserver.server import Server


def route(path: str, is_prefix: bool = False, name: str = "") -> Route:
    return Route(path, is_prefix, handler_of(lambda request: None, name or path))


ROUTES = [
    ("/", False),
    ("/a", False),
    ("/a", True),
    ("/a/b/c", False),
    ("/a/b/", True),
    ("/exact/", False),
    ("/größe", False),
    ("/deep//er", False),
]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", "exact /"),
        ("", "exact /"),
        ("/a", "exact /a"),
        ("/a/", "exact /a"),
        ("/a/x", "prefix /a"),
        ("/a/b", "prefix /a/b/"),
        ("/a/b/", "prefix /a/b/"),
        ("/a/b/c", "exact /a/b/c"),
        ("/a/b/c/", "exact /a/b/c"),
        ("/a/b/c/d", "prefix /a/b/"),
        ("/a/bc", "prefix /a"),
        ("/ab", None),
        ("/A", None),
        ("/exact", "exact /exact/"),
        ("/exact/x", None),
        ("/größe", "exact /größe"),
        ("/deep/er", "exact /deep//er"),
        ("/a" + "/x" * 4000, "prefix /a"),
        ("/nothing", None),
    ],
)
def test_path(path: str, found: str | None):
    kinds = {False: "exact", True: "prefix"}
    router = Router(route(p, prefix, f"{kinds[prefix]} {p}") for p, prefix in ROUTES)
    handler = router.find(path)
    assert (handler and handler.__qualname__) == found


def test_a_prefix_of_all():
    router = Router([route("/", True, "all"), route("/a", False, "a")])
    assert [router.find(p).__qualname__ for p in ("/", "/x/y", "/a", "/a/b")] == [
        "all", "all", "a", "all"
    ]  # fmt: skip


def test_the_later_wins_and_the_log_says_so(capsys: pytest.CaptureFixture):
    router = Router([route("/a", False, "first"), route("/a/", False, "second"), route("/a", True)])
    assert router.find("/a").__qualname__ == "second"
    assert capsys.readouterr().err == "hwebserver: second takes the place of first at /a/\n"


@pytest.mark.parametrize("path", ["", "a", None, b"/a", "/a/../b", "/./a", "/a\0"])
def test_paths_that_no_url_has(path):
    with pytest.raises(ValueError, match="path"):
        Route(path, False, ResponseHandler)


@pytest.mark.parametrize(
    ("ports", "found"),
    [
        ([], {"main"}),
        (["main"], {"main"}),
        ([""], {"main"}),
        ([0], {"main"}),
        (["x", "x"], {"x"}),
        (("x", "main"), {"x", "main"}),
        ([-1], {"main", "early", "late"}),
    ],
)
def test_ports(ports, found: set[str]):
    registry = Registry()
    registry.port("early")
    registry.add(route("/a"), ports)
    registry.port("late")
    assert {name for name, port in registry.ports.items() if port.routes} == found


@pytest.mark.parametrize("ports", ["admin", 8080, [8080], [None]])
def test_ports_that_are_none(ports):
    with pytest.raises(TypeError, match="port"):
        Registry().add(route("/a"), ports)


def test_nothing_is_registered_while_it_is_served():
    registry = Registry()
    registry.is_served = True
    with pytest.raises(OperationFailed, match="register first"):
        registry.add(route("/a"), [])


def test_what_can_answer():
    class Page(httpdapi.RequestHandler):
        pass

    class Handler(URLHandler):
        pass

    class Async(AsyncURLHandler):
        pass

    assert as_handler(Page, "/", False) is Page
    for target in (Handler, Async, print, test_ports, "".join, Router([]).find):
        assert issubclass(as_handler(target, "/", False), ResponseHandler)
    assert as_handler(Handler, "/", False).methods == {"GET", "POST"}
    assert handler_of_instance(Handler("/", ["put"])).methods == {"PUT"}


@pytest.mark.parametrize("target", [None, "text", int, URLHandler("/")])
def test_what_cannot_answer(target):
    with pytest.raises(TypeError, match="URLHandler"):
        as_handler(target, "/", False)


def test_a_class_with_arguments_of_its_own():
    class Handler(URLHandler):
        def __init__(self, word: str) -> None:
            super().__init__("/x")

    with pytest.raises(TypeError, match=r"Handler\(path, .*insertHandlerForPort.*allows_partial"):
        as_handler(Handler, "/", False)


def test_what_cannot_be_inserted():
    with pytest.raises(TypeError, match="no instance"):
        handler_of_instance(print)
    with pytest.raises(TypeError, match="methods is a list"):
        URLHandler("/", "GET")


def test_a_decorator_without_its_path():
    with pytest.raises(TypeError, match=r"@hwebserver.urlHandler\('/path'\)"):
        Server("x").urlHandler(print)
