"""What may be registered as an API function."""

import functools
import inspect

import pytest

from httpdapy import hwebserver
from httpdapy.hwebserver.api import PATH


@pytest.fixture
def server():
    return hwebserver.Server("test")


def named(server: hwebserver.Server, port: str = "main") -> list[str]:
    return sorted(server.registry.port(port).functions)


def paths(server: hwebserver.Server, port: str = "main") -> list[str]:
    return [route.path for route in server.registry.port(port).routes]


def test_the_decorator_gives_the_function_back(server: hwebserver.Server):
    def function(request):
        return 1

    assert server.apiFunction()(function) is function
    assert server.apiFunction("ns", False, {}, [])(function) is function
    assert server.registerAPIFunction(function, "more") is None
    assert named(server) == ["function", "more.function", "ns.function"]


def test_api_is_there_once_something_is_registered(server: hwebserver.Server):
    assert paths(server) == []
    server.apiFunction()(len)
    server.apiFunction("ns")(len)
    assert paths(server) == [PATH]


@pytest.mark.parametrize("main", ["main", "", "0", 0])
def test_names_of_the_main_port(server: hwebserver.Server, main: str | int):
    server.apiFunction(ports=[main])(len)
    assert named(server) == ["len"]


def test_each_port_has_functions_of_its_own(server: hwebserver.Server):
    server.apiFunction(ports=["aux", "main"])(len)
    server.apiFunction(ports=["aux"])(abs)
    assert (named(server), named(server, "aux"), named(server, "third")) == (
        ["len"],
        ["abs", "len"],
        [],
    )
    assert paths(server, "third") == []


def test_all_ports_are_those_made_later_too(server: hwebserver.Server):
    """By their number in hou.webServer."""
    server.apiFunction(ports=[-1])(len)
    server.apiFunction(ports=["aux"])(abs)
    assert (named(server), named(server, "aux")) == (["len"], ["abs", "len"])
    assert paths(server, "aux") == [PATH]


def test_servers_have_functions_of_their_own(server: hwebserver.Server):
    server.apiFunction()(len)
    assert named(hwebserver.Server("other")) == []


def test_the_later_of_one_name_counts(server: hwebserver.Server, capsys: pytest.CaptureFixture):
    server.apiFunction()(len)
    first = server.registry.port("main").functions["len"]
    server.apiFunction()(len)
    assert server.registry.port("main").functions["len"] is not first
    assert paths(server) == [PATH]
    assert "len" in capsys.readouterr().err


def test_without_parentheses(server: hwebserver.Server):
    with pytest.raises(TypeError, match=r"write @hwebserver.apiFunction\(\)"):

        @server.apiFunction
        def function(request):
            return 1


@pytest.mark.parametrize("target", [functools.partial(len), 7, None, "name"])
def test_what_has_no_name(server: hwebserver.Server, target: object):
    with pytest.raises(TypeError, match="has a name"):
        server.registerAPIFunction(target)


def test_a_type_for_no_argument(server: hwebserver.Server):
    with pytest.raises(TypeError, match=r"'m', which is no argument of ns.function\(\)"):

        @server.apiFunction("ns", arg_types={"m": int})
        def function(request, n):
            return n


def test_a_type_for_any_keyword(server: hwebserver.Server):
    @server.apiFunction(arg_types={"m": int})
    def function(request, **kwargs):
        return kwargs

    assert named(server) == ["function"]


def test_functions_of_extensions(server: hwebserver.Server):
    """Some do not say what they take."""
    with pytest.raises(ValueError, match="no signature"):
        inspect.signature(getattr)
    server.registerAPIFunction(getattr, arg_types={"name": str})
    assert named(server) == ["getattr"]


def test_ports_are_a_list(server: hwebserver.Server):
    with pytest.raises(TypeError, match=r"ports=\['aux'\]"):
        server.apiFunction(ports="aux")(len)
