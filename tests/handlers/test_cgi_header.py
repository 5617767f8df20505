"""The header block of a CGI script, without a server."""

import pytest

from httpdapy.handlers.cgi_header import MAX_BYTES, parse
from httpdapy.handlers.errors import CGIError


def parsed(output: bytes):
    found = parse(output)
    assert found is not None
    header, start = found
    return header.status, header.location, header.fields, output[start:]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"A: b\n\npage", (None, "", [("A", "b")], b"page")),
        (b"A: b\r\n\r\npage\n\n", (None, "", [("A", "b")], b"page\n\n")),
        (b"A: b\r\n\npage", (None, "", [("A", "b")], b"page")),
        (b"A:b\nA:  c \t\na:\n\n", (None, "", [("A", "b"), ("A", "c"), ("a", "")], b"")),
        (b"A: b: c\n\n", (None, "", [("A", "b: c")], b"")),
        (b"A: \xc3\xa9\n\n", (None, "", [("A", "Ã©")], b"")),
        (b"\npage", (None, "", [], b"page")),
        (b"Status: 404 Not Found\n\n", (404, "", [], b"")),
        (b"STATUS: 404\nA: b\n\n", (404, "", [("A", "b")], b"")),
        (b"location: /x?y\n\n", (None, "/x?y", [("location", "/x?y")], b"")),
        (b"HTTP/1.0 302 Moved\r\nA: b\r\n\r\n", (302, "", [("A", "b")], b"")),
        (b"HTTP/1.1 200\n\n", (200, "", [], b"")),
        (b"<!--: spam\nA: b\n\n<p>", (None, "", [("A", "b")], b"<p>")),
    ],
)
def test_header(output: bytes, expected: tuple):
    assert parsed(output) == expected


@pytest.mark.parametrize("output", [b"", b"A", b"A: b", b"A: b\n", b"A: b\r\n\r", b"HTTP/1.0 200"])
def test_the_end_is_yet_to_come(output: bytes):
    assert parse(output) is None


def test_byte_by_byte():
    output = b"Content-Type: text/plain\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nx"
    end = output.index(b"x")
    assert all(parse(output[:n]) is None for n in range(end))
    assert parsed(output)[2] == [
        ("Content-Type", "text/plain"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
    ]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (b"hello\n", "line 1 of the output, 'hello', is no header"),
        (b"A: b\n<html>\n\n", "line 2 of the output, '<html>', is no header"),
        (b"A: b\n c\n\n", "line 2 of the output, ' c', is no header"),
        (b"A : b\n", "line 1 of the output, 'A : b', is no header"),
        (b": b\n", "line 1 of the output, ': b', is no header"),
        (b"A: b\rC: d\n", "line 1 of the output, 'A: b\\rC: d', is no header"),
        (b"A: \x00\n", "is no header"),
        (b"A: b\nHTTP/1.0 200 OK\n", "line 2 of the output, 'HTTP/1.0 200 OK', is no header"),
        (b"Status: fine\n", "line 1 of the output, 'Status: fine', has no status from 200 to 599"),
        (b"Status: 2000\n", "has no status"),
        (b"Status: 100 Continue\n", "has no status"),
        (b"HTTP/1.0 600 No\n", "has no status"),
        (b"Content-Length: many\n", "'Content-Length: many', has no number of bytes"),
        (b"x" * (MAX_BYTES + 1), "no empty line"),
        (b"A: b\n" * (MAX_BYTES // 5 + 1), "no empty line"),
    ],
)
def test_no_header(output: bytes, message: str):
    with pytest.raises(CGIError) as caught:
        parse(output)
    assert message in str(caught.value)


def test_a_bad_line_is_not_repeated_at_length():
    with pytest.raises(CGIError) as caught:
        parse(b"y" * 5000 + b"\n")
    assert len(str(caught.value)) < 400
