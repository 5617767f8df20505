"""WSGI applications and their answers."""

import io
from types import SimpleNamespace

import pytest

from httpdapy.handlers import gateway
from httpdapy.handlers.errors import RequestError
from httpdapy.handlers.headers import Headers


class Request:
    """As much of a request as the gateway uses."""

    def __init__(self, method: str = "GET", body: bytes = b"") -> None:
        self.method = method
        self.status = 200
        self.started = False
        self.headers_out = Headers([("X-Before", "1")])
        self.read = io.BytesIO(body).read
        self.sent: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.started = True
        self.sent.append(data)

    def finish(self, data: bytes) -> None:
        self.sent.append(data)


class Pieces:
    """A body that knows whether it was read, and closed."""

    def __init__(self, *pieces: bytes) -> None:
        self.left = list(pieces)
        self.is_closed = False

    def __iter__(self):
        while self.left:
            yield self.left.pop(0)

    def close(self) -> None:
        self.is_closed = True


def test_environment():
    variables = {"A": "1", "REDIRECT_A": "2", "REDIRECT_STATUS": "404", "SCRIPT_NAME": "x"}
    body = io.BytesIO()
    environ = gateway.environment(
        SimpleNamespace(environment=variables, scheme="https"), "/script", "/path", body
    )
    assert (environ["A"], environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("1", "/script", "/path")
    assert environ["wsgi.input"] is body and environ["wsgi.url_scheme"] == "https"
    assert not any(name.startswith("REDIRECT_") for name in environ)
    file = io.BytesIO(b"x" * 100_000)
    assert b"".join(environ["wsgi.file_wrapper"](file)) == b"x" * 100_000


@pytest.mark.parametrize("size", [0, 10, 300_000])
def test_body_can_be_read_again(size: int):
    with gateway.spooled(Request(body=b"x" * size), 300_000) as body:
        for _ in range(2):
            assert len(body.read()) == size
            body.seek(0)


def test_body_that_is_left_where_it_is():
    request = Request(body=b"x")
    with gateway.spooled(request, None) as body:
        assert body.read() == b"" and request.read() == b"x"


def test_body_beyond_the_limit():
    with pytest.raises(RequestError, match="more than 99 bytes") as caught:
        gateway.spooled(Request(body=b"x" * 100), 99)
    assert caught.value.status == 413


def test_status_and_headers():
    request = Request()
    headers = [("Date", "x"), ("server", "x"), ("Set-Cookie", "a"), ("Set-Cookie", "b")]
    start_response = gateway.starter(request)
    start_response("404 Not Found", headers)
    assert request.status == 404
    assert request.headers_out.fields() == [("Set-Cookie", "a"), ("Set-Cookie", "b")]
    start_response("200 OK", [])(b"begun")
    start_response("500 Error", [("X", "y")])
    assert request.status == 200 and not request.headers_out


def test_whole_body_goes_with_its_length():
    request = Request()
    gateway.send(request, [b"a", b"", b"b"])
    assert request.sent == [b"ab"]


@pytest.mark.parametrize(("method", "sent"), [("GET", [b"a", b"b"]), ("HEAD", [])])
def test_iterator_goes_piece_by_piece(method: str, sent: list[bytes]):
    request, pieces = Request(method), Pieces(b"a", b"", b"b")
    gateway.send(request, pieces)
    assert request.sent == sent and pieces.is_closed


def test_iterator_is_closed_when_the_client_is_gone():
    request, pieces = Request(), Pieces(b"a")
    request.write = None
    with pytest.raises(TypeError):
        gateway.send(request, pieces)
    assert pieces.is_closed
