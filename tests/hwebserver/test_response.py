"""Response: what can be an answer, and what cannot."""

from pathlib import Path

import pytest

from httpdapy.hwebserver.response import Response
from httpdapy.hwebserver.responses import fileResponse


@pytest.mark.parametrize("data", [None, 5, {"a": 1}, ["x"], object()])
def test_what_is_no_body(data):
    with pytest.raises(TypeError, match=r"bytes or str.*json.dumps"):
        Response(data)


@pytest.mark.parametrize("status", [0, 100, 199, 1000, "200", None, 200.0])
def test_what_is_no_status(status):
    with pytest.raises(ValueError, match="from 200 to 999"):
        Response("", status)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "a\r\nX-B: b"),
        ("X-A", "a\nb"),
        ("X-A", "a\0"),
        ("X-A", "a\x7f"),
        ("X-A", "€"),
        ("X-A: b\r\nX", "c"),
        ("X A", "b"),
        ("X:", "b"),
        ("", "b"),
        ("Xü", "b"),
        ("Set-Cookie", "a=1\r\nX: y"),
        ("Content-Type", "text/html\r\nX: y"),
        ("Content-Length", "1\r\nX: y"),
        ("Transfer-Encoding", "gzip"),
    ],
)
def test_header_injection(name: str, value: str):
    response = Response("")
    before = response.headers()
    with pytest.raises(ValueError, match=r"header|Transfer-Encoding"):
        response.setHeader(name, value)
    assert response.headers() == before


def test_injection_by_the_content_type():
    with pytest.raises(ValueError, match="control character"):
        Response("", content_type="text/html\r\nX: y")
    with pytest.raises(ValueError, match="control character"):
        Response("").setBody("", "text/html\n")


@pytest.mark.parametrize(("name", "value"), [("X-A", 5), (b"X-A", "b"), ("X-A", None)])
def test_headers_are_text(name, value):
    with pytest.raises(TypeError, match="are str"):
        Response("").setHeader(name, value)


def test_a_tab_and_latin_1_are_allowed():
    response = Response("")
    response.setHeader("X-A", "a\tü")
    assert response.headers()["X-A"] == "a\tü"


@pytest.mark.parametrize(
    ("status", "label"), [(200, "200 OK"), (404, "404 Not Found"), (299, "299 Status")]
)
def test_status_label(status: int, label: str):
    assert Response("", status).statusLabel() == label


def test_body():
    response = Response("ü")
    assert (response.body(), response.contentLength()) == ("ü".encode(), 2)
    response.setBody("ü", "text/plain; charset=latin-1")
    assert (response.body(), response.contentLength()) == (b"\xfc", 1)
    response.setBody(b"abc")
    assert response.body() == b"abc"
    assert response.headers() == {"Content-Type": "text/plain; charset=latin-1"}
    response.setBody("{}", "application/json")
    assert response.headers() == {"Content-Type": "application/json"}


def test_body_of_a_file(tmp_path: Path):
    file = tmp_path / "x.txt"
    file.write_bytes(b"0123")
    response = fileResponse(file)
    assert (response.body(), response.contentLength()) == (b"0123", 4)
    assert response.headers() == {"Content-Type": "text/plain"}
    response.setBody(b"other")
    assert (response.body(), response.contentLength()) == (b"other", 5)
    file.unlink()
    with pytest.raises(FileNotFoundError):
        fileResponse(str(file)).body()


def test_chunked():
    response = Response("x")
    assert not response.isChunked()
    response.setHeader("transfer-encoding", "Chunked")
    assert response.isChunked()
    response.setHeader("Transfer-Encoding", "identity")
    assert not response.isChunked()
