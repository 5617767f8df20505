"""registerWSGIApp: WSGI applications, and Flask and Django, below a path."""

import json
import socket
from pathlib import Path

import pytest
from support.script import Script, running_script
from support.site import wait_for

#: In the background of a script, too.
LIVE = True

SCRIPT = """
import io
import json
import os
import sys
import tempfile
import time
from wsgiref.validate import validator

import hwebserver

closed = []

class Closing:
    # an iterable that notes that it was closed
    def __init__(self, name, pieces):
        self.name, self.pieces = name, iter(pieces)
    def __iter__(self):
        return self
    def __next__(self):
        return next(self.pieces)
    def close(self):
        closed.append(self.name)

def environ(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    shown = {name: value for name, value in environ.items() if isinstance(value, (str, bool))}
    return [json.dumps(shown).encode()]

def echo(environ, start_response):
    if "length" in environ["QUERY_STRING"]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    else:
        body = environ["wsgi.input"].read()
    assert environ["wsgi.input"].read(10) == b""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [body]

def lines(environ, start_response):
    stream = environ["wsgi.input"]
    found = [stream.readline(), *stream.readlines(4), next(iter(stream)), *stream]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(found).encode()]

gate = os.path.join(os.getcwd(), "gate")

def stream(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    def pieces():
        yield b"first "
        yield b""
        while not os.path.exists(gate):
            time.sleep(0.005)
        yield b"second"
    return Closing("stream", pieces())

def write(environ, start_response):
    write = start_response("201 Created", [("Content-Type", "text/plain")])
    write(b"written, ")
    return [b"returned"]

def status(environ, start_response):
    status = environ["PATH_INFO"].strip("/")
    start_response(status, [("X-Which", status), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    return []

def generator(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    yield b"hello"
    closed.append("generator")

def late(environ, start_response):
    # headers are out only with the first piece: an error before it is an answer of its own
    start_response("200 OK", [("X-Before", "1")])
    try:
        raise KeyError("late")
    except KeyError:
        start_response("503 Later", [("Content-Type", "text/plain")], sys.exc_info())
    return [b"try again"]

def too_late(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"begun"
    try:
        raise KeyError("too late")
    except KeyError:
        start_response("503 Later", [], sys.exc_info())

def raising(environ, start_response):
    start_response("200 OK", [("X-Before", "1")])
    return Closing("raising", (1 / 0 for _ in "x"))

def twice(environ, start_response):
    start_response("200 OK", [])
    start_response("200 OK", [])
    return []

def never(environ, start_response):
    return [b"x"]

def text(environ, start_response):
    start_response("200 OK", [])
    return ["text"]

def headers(environ, start_response):
    start_response("200 OK", [("X-Evil", "a\\r\\nX-More: b")])
    return []

def hop(environ, start_response):
    start_response("200 OK", [("Transfer-Encoding", "chunked"), ("Connection", "x")])
    return [b"plain"]

def more(environ, start_response):
    start_response("200 OK", [("Content-Length", "4")])
    yield b"long"
    yield b"er than said"

def errors(environ, start_response):
    environ["wsgi.errors"].write("said to wsgi.errors\\n")
    environ["wsgi.errors"].flush()
    start_response("204 No Content", [])
    return []

class Big:
    # a file of 16 MB that says who reads it
    def __init__(self):
        self.file = tempfile.TemporaryFile()
        self.file.write(b"head" + bytes(16 << 20))
        self.file.seek(4)
        self.reads = 0
    def read(self, size):
        self.reads += 1
        return self.file.read(size)
    def close(self):
        closed.append("file")
        self.file.close()

def file(environ, start_response):
    kind = environ["PATH_INFO"]
    length = []
    if kind == "/temporary":
        opened = tempfile.NamedTemporaryFile()
        opened.write(b"0123456789")
        opened.seek(3)
    elif kind == "/memory":
        opened = io.BytesIO(b"in memory")
    elif kind == "/pipe":
        reading, writing = os.pipe()
        os.write(writing, b"through a pipe")
        os.close(writing)
        opened = os.fdopen(reading, "rb")
    elif kind == "/gzip":
        import gzip
        opened = gzip.open("packed.gz")
    elif kind == "/length":
        opened = open("big.bin", "rb")
        length = [("Content-Length", "7")]
    else:
        opened = open("big.bin", "rb")
    start_response("200 OK", [("Content-Type", "application/octet-stream"), *length])
    return environ["wsgi.file_wrapper"](opened, 1024)

def what_was_closed(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    found = json.dumps(closed).encode()
    closed.clear()
    return [found]

def static_is_below(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"root: " + environ["PATH_INFO"].encode("latin-1")]

for app in (environ, echo, lines, stream, write, generator, status, file):
    hwebserver.registerWSGIApp(validator(app), f"/valid/{app.__name__}")
for app in (environ, echo, write, status, late, too_late, raising, twice, never, text, headers, hop,
            more, errors, file, generator):
    hwebserver.registerWSGIApp(app, f"/{app.__name__}/")
hwebserver.registerWSGIApp(environ, "/a path/ü", [])
hwebserver.registerWSGIApp(what_was_closed, "/closed")
hwebserver.registerWSGIApp(application=static_is_below)
hwebserver.registerStaticFilesDirectory("files")

@hwebserver.urlHandler("/write/handler")
def handler(request):
    return hwebserver.Response("more components win")
"""


@pytest.fixture(scope="module")
def script(module_site: Path):
    import gzip

    (module_site / "files").mkdir()
    (module_site / "files/a.txt").write_text("a file")
    (module_site / "big.bin").write_bytes(bytes(range(256)) * 40960)
    (module_site / "packed.gz").write_bytes(gzip.compress(b"unpacked"))
    with running_script(module_site, SCRIPT, run="max_request_size=300_000") as running:
        running.log.allow("/.hwebserver]")  # what Python says, tracebacks that tests look for
        running.log.allow("Traceback (most")  # of Flask's, to the script's own stderr
        yield running


def environ(script: Script, path: str, **headers: str) -> dict:
    return json.loads(script.get(path, **headers).text)


@pytest.mark.parametrize("prefix", ["", "/valid"])
def test_the_path_is_split_where_the_application_is(script: Script, prefix: str):
    found = environ(script, f"{prefix}/environ/x%20y/%C3%BC;z?a=%20b&c")
    assert found["SCRIPT_NAME"] == f"{prefix}/environ"
    assert found["PATH_INFO"] == "/x y/ü;z".encode().decode("latin-1")
    assert found["QUERY_STRING"] == "a=%20b&c"
    assert found["REQUEST_METHOD"] == "GET" and found["wsgi.url_scheme"] == "http"
    assert found["SERVER_PORT"] == str(script.port)


@pytest.mark.parametrize(
    ("path", "script_name", "path_info"),
    [
        ("/environ", "/environ", ""),
        ("/environ/", "/environ", "/"),
        ("//environ//x", "/environ", "/x"),
        ("/a%20path/%C3%BC/x", "/a path/ü", "/x"),
    ],
)
def test_edges_of_the_path(script: Script, path: str, script_name: str, path_info: str):
    found = environ(script, path)
    assert found["SCRIPT_NAME"].encode("latin-1").decode() == script_name
    assert found["PATH_INFO"] == path_info


def test_an_application_at_the_root_has_what_no_one_else_has(script: Script):
    assert script.text("/") == "root: /"
    assert script.text("/%C3%BC") == "root: /ü"
    assert script.text("/static/a.txt") == "a file"
    assert script.get("/static/none").status == 404
    assert script.text("/write/handler") == "more components win"


def test_headers_arrive(script: Script):
    found = environ(script, "/environ", Authorization="Basic eDp5", X_Odd="1", Cookie="a=b")
    assert found["HTTP_AUTHORIZATION"] == "Basic eDp5"
    assert found["HTTP_X_ODD"] == "1" and found["HTTP_COOKIE"] == "a=b"
    assert "HTTP_CONTENT_LENGTH" not in found and "HTTP_PROXY" not in found
    assert found["wsgi.input_terminated"] is True


@pytest.mark.parametrize("path", ["/echo", "/echo?length", "/valid/echo?length"])
def test_a_body_with_its_length(script: Script, path: str):
    body = bytes(range(256)) * 1000
    if path.startswith("/valid"):
        body = body[:100]
    assert script.request("POST", path, body).body == body


def test_a_body_in_chunks(script: Script):
    pieces = [b"x" * n for n in (1, 100, 70000)]
    answer = script.request("POST", "/echo", iter(pieces))
    assert answer.body == b"".join(pieces)


@pytest.mark.parametrize("as_body", [bytes, lambda body: iter([body])], ids=["length", "chunks"])
def test_a_body_that_is_too_large(script: Script, as_body):
    assert script.request("POST", "/echo", as_body(bytes(300_001))).status == 413


def test_lines_of_a_body(script: Script):
    answer = script.request("POST", "/valid/lines", b"one\ntwo\nthree\nfour\nfive")
    assert answer.text == repr([b"one\n", b"two\n", b"three\n", b"four\n", b"five"])


def test_pieces_are_sent_when_they_come(script: Script):
    with socket.create_connection(("127.0.0.1", script.port), timeout=20) as connection:
        connection.sendall(b"GET /valid/stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        while b"first " not in received:
            received += connection.recv(1000)
        assert b"second" not in received
        (script.directory / "gate").touch()
        while piece := connection.recv(1000):
            received += piece
    assert b"second" in received
    assert closed(script) == ["stream"]


def closed(script: Script) -> list[str]:
    return json.loads(script.text("/closed"))


@pytest.mark.parametrize("prefix", ["", "/valid"])
def test_write(script: Script, prefix: str):
    answer = script.get(f"{prefix}/write")
    assert (answer.status, answer.text) == (201, "written, returned")


def test_a_generator_runs_to_its_end(script: Script):
    closed(script)
    answer = script.get("/generator")
    assert answer.text == "hello" and answer.headers["Content-Length"] == "5"
    wait_for("the generator's end", lambda: closed(script) == ["generator"])


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Oops", "302 Found", "299 Odd"])
def test_an_empty_answer_is_the_applications_own(script: Script, status: str):
    answer = script.get(f"/status/{status.replace(' ', '%20')}")
    assert answer.status == int(status[:3]) and answer.body == b""
    assert answer.headers["X-Which"] == status
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert answer.headers["Content-Length"] == "0"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_an_answer_without_a_body(script: Script, status: str):
    answer = script.get(f"/status/{status.replace(' ', '%20')}")
    assert answer.status == int(status[:3]) and answer.headers["X-Which"] == status


def test_head(script: Script):
    for path in ("/environ", "/write", "/file/big", "/generator"):
        answer = script.request("HEAD", path)
        assert answer.body == b"" and answer.status in (200, 201), path
    assert script.request("HEAD", "/file/big").headers["Content-Length"] == str(256 * 40960)
    assert script.request("HEAD", "/generator").headers["Content-Length"] == "5"


def test_an_error_before_the_first_piece_has_an_answer(script: Script):
    answer = script.get("/late")
    assert (answer.status, answer.text) == (503, "try again")
    assert "X-Before" not in answer.headers


def test_an_error_after_the_first_piece_cuts_the_answer(script: Script):
    script.log.expect("KeyError: 'too late'")
    with socket.create_connection(("127.0.0.1", script.port), timeout=20) as connection:
        connection.sendall(b"GET /too_late HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        while piece := connection.recv(1000):
            received += piece
    assert b"begun" in received and not received.endswith(b"0\r\n\r\n")
    script.wait_for_log("KeyError: 'too late'")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/raising", "ZeroDivisionError"),
        ("/twice", "start_response was called before"),
        ("/never", "has not called start_response"),
        ("/text", "a WSGI application gives bytes, not 'text'"),
        ("/status/20%20Few", "a status is as '200 OK', not '20 Few'"),
        ("/headers", "a line break or NUL"),
    ],
)
def test_what_applications_do_wrong(script: Script, path: str, said: str):
    closed(script)
    script.log.expect(said)
    answer = script.get(path)
    assert answer.status == 500
    assert "X-Before" not in answer.headers and "X-More" not in answer.headers
    script.wait_for_log(said)
    assert closed(script) == (["raising"] if path == "/raising" else [])


def test_what_is_the_connections_is_apaches(script: Script):
    answer = script.get("/hop")
    assert answer.text == "plain" and answer.headers["Connection"] != "x"


def test_no_more_is_sent_than_declared(script: Script):
    answer = script.get("/more")
    assert answer.text == "long"


def test_wsgi_errors_is_the_log(script: Script):
    assert script.get("/errors").status == 204
    script.wait_for_log("said to wsgi.errors")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("big", bytes(range(256)) * 40960),
        ("length", bytes(range(7))),
        ("temporary", b"3456789"),
        ("memory", b"in memory"),
        ("pipe", b"through a pipe"),
        ("gzip", b"unpacked"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/valid"])
def test_files(script: Script, prefix: str, kind: str, body: bytes):
    answer = script.get(f"{prefix}/file/{kind}")
    assert answer.status == 200 and answer.body == body
    if not prefix and kind in ("big", "length", "temporary"):
        assert answer.headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize(
    ("call", "said"), [("", r"a callable, not \(\)"), ("'flask'", "a callable, not 'flask'")]
)
def test_what_is_no_application(tmp_site: Path, call: str, said: str):
    script = running_script(tmp_site, f"import hwebserver\nhwebserver.registerWSGIApp({call})\n")
    with pytest.raises(AssertionError, match=said), script:
        pass
