"""The table of headers."""

import pytest

from httpdapy.handlers.headers import Headers


@pytest.fixture
def headers() -> Headers:
    table = Headers()
    table["Content-Type"] = "text/html"
    table.add("Set-Cookie", "a=1")
    table.add("set-cookie", "b=2")
    return table


def test_names_compare_without_case(headers: Headers):
    assert headers["content-TYPE"] == "text/html" and "CONTENT-type" in headers
    assert headers.has_key("content-type") and not headers.has_key("x")
    assert headers.get("x") is None and headers.get("x", "y") == "y"
    assert 3 not in headers


def test_repeated_headers(headers: Headers):
    assert headers["Set-Cookie"] == headers.get("set-cookie") == "a=1, b=2"
    assert headers.fields() == [
        ("Content-Type", "text/html"),
        ("Set-Cookie", "a=1"),
        ("set-cookie", "b=2"),
    ]
    headers["SET-COOKIE"] = "c=3"
    assert headers.fields()[1:] == [("SET-COOKIE", "c=3")]


def test_mapping(headers: Headers):
    assert list(headers) == ["Content-Type", "Set-Cookie"] and len(headers) == 2
    del headers["content-type"]
    assert "Content-Type" not in headers
    with pytest.raises(KeyError):
        headers["Content-Type"]
    headers.clear()
    assert repr(headers) == "Headers([])"


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b", "\r\n"])
def test_no_header_makes_another(headers: Headers, bad: str):
    with pytest.raises(ValueError, match="line break or NUL"):
        headers["X"] = bad
    with pytest.raises(ValueError):
        headers.add(bad, "x")


def test_other_characters_are_let_through(headers: Headers):
    headers["X"] = "a\tb\xa0é"
    assert headers["x"] == "a\tb\xa0é"
