"""webapiclient: what goes over the wire, and what comes of the answers."""

import json
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

import httpdapy.webapiclient
import webapiclient
from httpdapy.webapiclient import APIError, File, ResponseFile, Service

BINARY = "application/octet-stream"


@pytest.fixture
def service(httpserver: HTTPServer):
    with Service(httpserver.url_for("/api")) as made:
        yield made


def answer(httpserver: HTTPServer, data, status: int = 200, content_type: str = "application/json"):
    if content_type == "application/json":
        data = json.dumps(data)
    httpserver.expect_request("/api").respond_with_data(data, status, content_type=content_type)


def asked(httpserver: HTTPServer) -> Request:
    """The only request that came."""
    ((request, _),) = httpserver.log
    return request


@contextmanager
def answering(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Address of an API that a thread answers, at a socket that listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=[listener])
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        thread.join()


def test_the_module_has_two_names_and_is_one():
    assert webapiclient is httpdapy.webapiclient


# ---- calls ---------------------------------------------------------------------------------------


def test_a_call_is_a_form_with_a_field_json(httpserver: HTTPServer, service: Service):
    answer(httpserver, None)
    service.fn("a", 1, b=[2.5, None, {"c": "ä"}])
    request = asked(httpserver)
    assert request.method == "POST"
    assert request.content_type == "application/x-www-form-urlencoded"
    assert json.loads(request.form["json"]) == ["fn", ["a", 1], {"b": [2.5, None, {"c": "ä"}]}]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda service: service.one(), "one"),
        (lambda service: service.ns.fn(), "ns.fn"),
        (lambda service: service.a.b.c(), "a.b.c"),
        (lambda service: getattr(service, "with-dash")(), "with-dash"),
        (lambda service: service.close(), "close"),
        (lambda service: service.ns.name(), "ns.name"),
    ],
)
def test_attributes_are_names(httpserver: HTTPServer, service: Service, call, name: str):
    answer(httpserver, None)
    call(service)
    assert json.loads(asked(httpserver).form["json"]) == [name, [], {}]


def test_arguments_may_have_any_name(httpserver: HTTPServer, service: Service):
    answer(httpserver, None)
    service.fn(self=1, name=2, args=3)
    assert json.loads(asked(httpserver).form["json"])[2] == {"self": 1, "name": 2, "args": 3}


def test_files_are_parts_of_a_multipart_form(
    httpserver: HTTPServer, service: Service, tmp_path: Path
):
    answer(httpserver, None)
    (tmp_path / "scene.bin").write_bytes(b"\x00scene")
    service.ns.save("a", scene=File(tmp_path / "scene.bin"), raw=bytearray(b"\xff"), more=b"m", x=1)
    request = asked(httpserver)
    assert json.loads(request.form["json"]) == ["ns.save", ["a"], {"x": 1}]
    files = {
        name: (file.filename, file.content_type, file.read())
        for name, file in request.files.items()
    }
    request.close()
    assert files == {
        "scene": ("scene.bin", BINARY, b"\x00scene"),
        "raw": ("unnamed.bin", BINARY, b"\xff"),
        "more": ("unnamed.bin", BINARY, b"m"),
    }


def test_a_file_is_sent_as_it_is_read(tmp_path: Path):
    """Not from a copy in memory."""
    size = 50_000_000
    received = bytearray(1 << 20)

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as stream:
            length = 0
            while (line := stream.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split()[1])
            assert length > size
            while length:
                length -= stream.readinto(memoryview(received)[:length])
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n"
            stream.write(head + b"\r\n7")

    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(size)
    with answering(serve) as url, Service(url) as service:
        tracemalloc.start()
        try:
            assert service.save(data=File(tmp_path / "large.bin")) == 7
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < size / 4


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "said"),
    [
        ((b"raw",), {}, TypeError, "bytes cannot be sent.*keyword argument"),
        ((File("x"),), {}, TypeError, "File cannot be sent.*keyword argument"),
        ((), {"x": [bytearray()]}, TypeError, "bytearray cannot be sent"),
        ((), {"x": {1, 2}}, TypeError, "set cannot be sent"),
        ((float("nan"),), {}, ValueError, "JSON"),
        ((), {"x": File("/nowhere/at/all")}, FileNotFoundError, "/nowhere/at/all"),
    ],
)
def test_what_cannot_be_sent(httpserver: HTTPServer, service: Service, args, kwargs, error, said):
    with pytest.raises(error, match=said):
        service.fn(*args, **kwargs)
    assert httpserver.log == []


def test_names_that_python_looks_for_are_no_functions(service: Service):
    with pytest.raises(AttributeError, match="__deepcopy__"):
        service.__deepcopy__()
    with pytest.raises(AttributeError, match="_hidden"):
        service.ns._hidden()


# ---- results -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, True, 1, 2.5, "ä", [1, [2]], {"a": {"b": None}}, ""])
def test_json_is_the_result(httpserver: HTTPServer, service: Service, value):
    answer(httpserver, value)
    assert service.fn() == value


@pytest.mark.parametrize("content_type", [BINARY, "image/png", "text/html; charset=utf-8"])
def test_other_results_are_streams(httpserver: HTTPServer, service: Service, content_type: str):
    answer(httpserver, b"\x00" * 100_000 + b"end", content_type=content_type)
    with service.fn() as result:
        assert isinstance(result, ResponseFile)
        assert result.content_type == content_type
        assert result.read(3) == b"\x00\x00\x00"
        assert result.read() == b"\x00" * 99_997 + b"end"
        assert result.read() == b""
    with pytest.raises(ValueError, match="closed"):
        result.read()


def test_a_stream_comes_in_pieces(httpserver: HTTPServer, service: Service):
    """What has come can be read before there is more."""
    is_read = threading.Event()

    def pieces():
        yield b"first\n"
        assert is_read.wait(10)
        yield b"second\n"

    httpserver.expect_request("/api").respond_with_handler(
        lambda request: Response(pieces(), content_type=BINARY)
    )
    with service.fn() as result:
        assert result.readline() == b"first\n"
        is_read.set()
        assert result.readline() == b"second\n"


def test_a_stream_that_is_not_read_can_be_closed(httpserver: HTTPServer, service: Service):
    answer(httpserver, b"x" * 1_000_000, content_type=BINARY)
    service.fn().close()
    with service.fn() as result:
        assert len(result.read()) == 1_000_000


def test_no_content_is_an_empty_stream(httpserver: HTTPServer, service: Service):
    answer(httpserver, b"", 204, content_type="")
    with service.fn() as result:
        assert result.read() == b""


# ---- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ["no such node", {"code": 7}, ["a"], None, 0])
def test_an_error_is_raised(httpserver: HTTPServer, service: Service, error):
    answer(httpserver, {"error": error}, 422)
    with pytest.raises(APIError) as raised:
        service.fn()
    assert (raised.value.status_code, raised.value.message) == (422, error)
    assert str(raised.value) == f"422: {error}"
    assert asked(httpserver).headers["Accept"] == "application/json, */*"


@pytest.mark.parametrize(
    ("data", "content_type", "message"),
    [
        ("It Failed", "text/plain; charset=utf-8", "It Failed"),
        ("<h1>Oh</h1>", "text/html", "Internal Server Error"),
        ("", "", "Internal Server Error"),
        (["odd"], "application/json", ["odd"]),
    ],
)
def test_what_an_error_says(httpserver: HTTPServer, service: Service, data, content_type, message):
    answer(httpserver, data, 500, content_type)
    with pytest.raises(APIError) as raised:
        service.fn()
    said = raised.value.message
    assert raised.value.status_code == 500
    assert (
        said.title() if isinstance(said, str) else said
    ) == message  # Werkzeug says it in capitals


def test_a_redirect_is_no_result(httpserver: HTTPServer, service: Service):
    answer(httpserver, b"", 302, "text/html")
    with pytest.raises(APIError) as raised:
        service.fn()
    assert raised.value.status_code == 302


def test_no_server():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Service(f"http://127.0.0.1:{port}/api") as service, pytest.raises(ConnectionError):
        service.fn()


def test_a_server_that_does_not_answer():
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        Service(f"http://127.0.0.1:{silent.getsockname()[1]}/api", timeout=0.05) as service,
        pytest.raises(TimeoutError, match=r"timed out|in time"),
    ):
        service.fn()


def test_a_server_that_ends_within_a_result():
    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {BINARY}\r\nContent-Length: 9\r\n\r\n"
            connection.sendall(head.encode() + b"some")

    with (
        answering(serve) as url,
        Service(url) as service,
        service.fn() as result,
        pytest.raises(ConnectionError),
    ):
        result.read()


# ---- the connection ------------------------------------------------------------------------------


def test_connections_are_kept():
    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            for number in b"12":
                while b"json=" not in connection.recv(65536):
                    pass
                head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n"
                connection.sendall(head + b"\r\n" + bytes([number]))

    with answering(serve) as url, Service(url) as service:
        assert (service.fn(), service.fn()) == (1, 2)


def test_a_kept_connection_that_the_server_closes():
    """Just when the next call is sent: the call goes out anew, on another connection."""
    calls = 0

    def serve(listener: socket.socket) -> None:
        nonlocal calls
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n"
        for number in b"12":
            connection, _ = listener.accept()
            with connection:
                while b"json=" not in connection.recv(65536):
                    pass
                connection.sendall(answer + bytes([number]))
                calls += 1
                if number == ord("1"):
                    connection.recv(65536)  # read, and not answered

    with answering(serve) as url, Service(url) as service:
        assert (service.fn(), service.fn()) == (1, 2)
    assert calls == 2


def test_a_new_connection_that_the_server_closes():
    """It may have done something with the call."""

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)

    with answering(serve) as url, Service(url) as service, pytest.raises(ConnectionError):
        service.fn()


def test_headers_and_credentials(httpserver: HTTPServer):
    answer(httpserver, None)
    url = httpserver.url_for("/api")
    with Service(url, auth=("ann", "secret"), headers={"X-Token": "t"}) as service:
        service.fn()
    request = asked(httpserver)
    assert request.authorization is not None
    assert (request.authorization.username, request.authorization.password) == ("ann", "secret")
    assert request.headers["X-Token"] == "t"


def test_a_client_of_the_users_own_stays_open(httpserver: HTTPServer):
    answer(httpserver, 1)
    url = httpserver.url_for("/api")
    with httpx.Client(headers={"X-Token": "t"}) as client:
        with Service(url, client) as service:
            assert service.fn() == 1
        assert not client.is_closed
        assert Service(url, client).fn() == 1
    assert httpserver.log[0][0].headers["X-Token"] == "t"


def test_what_makes_no_service():
    with pytest.raises(ValueError, match="begins with http"):
        Service("localhost:8008/api")
    with httpx.Client() as client, pytest.raises(TypeError, match="timeout"):
        Service("http://localhost/api", client, timeout=1)
