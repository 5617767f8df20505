"""What Apache says to an event loop and makes of its answers, by one that a test makes."""

import asyncio
import gzip
import http.client
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO

import httpx
import pytest
from support.httpd import Httpd
from support.site import at_once, request, wait_for

from httpdapy.apache import installation

#: Nothing here depends on the way into Python.
ONE_WAY = True

OK = b"HTTP/1.1 200 OK\r\n"
TEXT = b"content-type: text/plain\r\n"
HELLO = OK + TEXT + b"content-length: 5\r\n\r\nhello"
CHUNKED = OK + TEXT + b"transfer-encoding: chunked\r\n\r\n"
LONG = b"x: " + b"x" * 60_000 + b"\r\n"
LARGE = os.urandom(300_000)


def _head(file: IO[bytes]) -> bytes:
    """Lines up to an empty one; nothing at the end."""
    head = b""
    while (line := file.readline()) not in (b"\r\n", b""):
        head += line
    return head if line else b""


class Loop:
    """Listens at a Unix socket and says to each request, in pieces, what the test has left here;
    None ends the connection."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.says: list[bytes | None] = [HELLO]
        self.pause_s = 0.0
        self.answers_once = False  # on each connection; then a request ends it
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections: list[socket.socket] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        path.chmod(0o777)
        self._listening.listen(64)
        self._has_answered: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def _start(self, work, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections.append(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as file, suppress(OSError):
            while head := _head(file):
                self.heads.append(head)
                if self.answers_once and connection in self._has_answered:
                    return
                self._has_answered.add(connection)
                self.bodies.append(self._body(head, file))
                for piece in list(self.says):
                    if piece is None:
                        return
                    connection.sendall(piece)
                    time.sleep(self.pause_s)

    def _body(self, head: bytes, file: IO[bytes]) -> bytes:
        if length := re.search(rb"(?i)\r\ncontent-length: (\d+)", head):
            return file.read(int(length[1]))
        if b"Transfer-Encoding: chunked" not in head:
            return b""
        body = b""
        while size := int(file.readline(), 16):
            body += file.read(size)
            assert file.readline() == b"\r\n"
        assert file.readline() == b"\r\n"
        return body

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self.path.unlink()


@contextmanager
def listening(path: Path) -> Iterator[Loop]:
    loop = Loop(path)
    try:
        yield loop
    finally:
        loop.close()


SECTION = """
Timeout 2
ThreadsPerChild 4
MaxRequestWorkers 4
MinSpareThreads 1
MaxSpareThreads 4
ServerLimit 1
<Files page.py>
    PythonSocket "{site}/loop.sock"
</Files>
<Files other.py>
    PythonSocket "{site}/other.sock"
</Files>
<Location /missing>
    ErrorDocument 404 /page.py
</Location>
"""


@pytest.fixture(scope="module")
def httpd(module_site: Path):
    """One process of four workers; of its Apache's modules none is needed."""
    for name in ("page.py", "other.py"):
        (module_site / name).touch()
    with Httpd(module_site, SECTION.format(site=module_site)) as server:
        yield server


@pytest.fixture
def loop(httpd: Httpd):
    with listening(httpd.site / "loop.sock") as found:
        yield found


@pytest.fixture
def log(httpd: Httpd):
    """The log's end, for lines that a test expects."""
    httpd.log.allow("HDPY001")
    return httpd.log


def raw(httpd: Httpd, request: bytes) -> bytes:
    """All that Apache sends until it closes the connection."""
    with closing(socket.create_connection(("127.0.0.1", httpd.port), 10)) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(65536), b""))


def asked(httpd: Httpd, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    lines = [f"{method} /page.py HTTP/1.1", "Host: x", *headers, "Connection: close", "", ""]
    return raw(httpd, "\r\n".join(lines).encode() + body)


# -- requests --------------------------------------------------------------------------------------


def test_what_is_asked(httpd: Httpd, loop: Loop):
    asked(
        httpd, "X-One: 1", "X-One: 2", "TE: trailers", "Keep-Alive: 3", "Httpdapy-Request: forged"
    )
    head = loop.heads[0].decode()
    assert head.startswith("GET /page.py HTTP/1.1\r\nHttpdapy-Request: GET 127.0.0.1 ")
    assert "\r\nHost: x\r\nX-One: 1, 2\r\n" in head or "\r\nX-One: 1\r\nX-One: 2\r\n" in head
    assert "forged" not in head
    assert not re.search(r"\r\n(Connection|TE|Keep-Alive|Transfer-Encoding|Content-Length):", head)


def test_headers_for_the_way_to_apache(httpd: Httpd, loop: Loop):
    raw(
        httpd, b"GET /page.py HTTP/1.1\r\nHost: x\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\n\r\n"
    )
    assert b"X-Mine" not in loop.heads[0]


@pytest.mark.parametrize("target", ["/page.py?a=%2F&b", "/page.py", "http://x/page.py?a"])
def test_the_target_as_it_was_sent(httpd: Httpd, loop: Loop, target: str):
    raw(httpd, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    path = target.removeprefix("http://x")
    assert loop.heads[0].startswith(f"GET {path} HTTP/1.1\r\n".encode())


def test_a_client_of_http_1_0(httpd: Httpd, loop: Loop):
    answer = raw(httpd, b"GET /page.py HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize("size", [0, 1, 5000, 300_000])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_bodies(httpd: Httpd, loop: Loop, size: int, is_chunked: bool):
    body = LARGE[:size]
    data = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces(body)) + b"0\r\n\r\n"
    header = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {size}"
    answer = asked(httpd, header, method="POST", body=data if is_chunked else body)
    assert answer.endswith(b"hello")
    assert loop.bodies == [body]


def pieces(body: bytes) -> list[bytes]:
    return [body[n : n + 7001] for n in range(0, len(body), 7001)]


def test_a_body_goes_on_as_it_comes(httpd: Httpd, loop: Loop):
    """And the head before it."""
    with closing(socket.create_connection(("127.0.0.1", httpd.port), 10)) as client:
        client.sendall(b"PUT /page.py HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
        wait_for("the head", lambda: loop.heads)
        assert not loop.bodies
        for byte in b"body":
            client.sendall(bytes([byte]))
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert loop.bodies == [b"body"]


def test_a_client_that_expects_to_continue(httpd: Httpd, loop: Loop):
    with closing(socket.create_connection(("127.0.0.1", httpd.port), 10)) as client:
        lines = b"Host: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        client.sendall(b"POST /page.py HTTP/1.1\r\n" + lines)
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"body")
        assert client.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Expect" not in loop.heads[0] and loop.bodies == [b"body"]


def test_the_body_of_what_failed_is_not_its_documents(httpd: Httpd, loop: Loop):
    """It was read before the loop is asked for the document."""
    for header, body in (("Content-Length: 4", b"body"), ("Content-Length: 0", b"")):
        head = f"POST /missing HTTP/1.1\r\nHost: x\r\n{header}\r\nConnection: close\r\n\r\n"
        assert raw(httpd, head.encode() + body).endswith(b"hello")
    assert loop.bodies == [b"", b""]
    assert not re.search(rb"\r\nContent-Length: 4", b"".join(loop.heads))


@pytest.mark.parametrize("size", [10, 300_000])
def test_a_body_that_a_filter_unpacks(module_site: Path, size: int):
    """It is of another length then."""
    section = (
        f'SetInputFilter DEFLATE\n<Files page.py>\nPythonSocket "{module_site}/in.sock"\n</Files>'
    )
    (module_site / "page.py").touch()
    body = LARGE[:size]
    with (
        listening(module_site / "in.sock") as loop,
        Httpd(module_site, section, modules=("deflate",)) as server,
    ):
        headers = {"Content-Encoding": "gzip"}
        answer = request(server.port, "POST", "/page.py", gzip.compress(body), headers)
        assert answer.text == "hello" and loop.bodies == [body]


def test_a_client_that_goes_away_while_it_sends(httpd: Httpd, loop: Loop):
    with closing(socket.create_connection(("127.0.0.1", httpd.port), 10)) as client:
        client.sendall(b"POST /page.py HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo")
        wait_for("the head", lambda: loop.heads)
    wait_for("the end of the body", lambda: loop.bodies == [b"bo"])
    assert httpd.text("page.py") == "hello"


@pytest.mark.skipif(
    not (installation.find().modules / "mod_http2.so").exists(), reason="no mod_http2"
)
def test_http2(module_site: Path):
    """Where a request without a body is told from one by what comes."""
    settings = (
        f"LoadModule http2_module {installation.find().modules}/mod_http2.so\nProtocols h2c\n"
    )
    section = settings + f'<Files page.py>\nPythonSocket "{module_site}/h2.sock"\n</Files>'
    (module_site / "page.py").touch()
    with listening(module_site / "h2.sock") as loop, Httpd(module_site, section) as server:

        async def work() -> list[httpx.Response]:
            url = f"http://127.0.0.1:{server.port}/page.py"
            async with httpx.AsyncClient(http1=False, http2=True) as client:
                return [
                    await client.get(url),
                    await client.post(url, content=b"body"),
                    await client.post(url, content=stream()),
                ]

        async def stream():
            yield b"in "
            yield b"pieces"

        assert [answer.text for answer in asyncio.run(work())] == ["hello"] * 3
        assert loop.bodies == [b"", b"body", b"in pieces"]
        assert b"Transfer-Encoding" not in loop.heads[0]


# -- connections -----------------------------------------------------------------------------------


def test_each_worker_keeps_its_connection(httpd: Httpd, loop: Loop):
    for _ in range(20):
        assert httpd.text("page.py") == "hello"
    assert len(loop.connections) <= 4


def test_a_connection_that_is_closed_is_not_used_again(httpd: Httpd, loop: Loop):
    loop.says = [HELLO, None]
    for _ in range(20):
        assert httpd.text("page.py") == "hello"
    assert len(loop.connections) == 20


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_connection_that_is_closed_as_it_is_used(httpd: Httpd, loop: Loop, method: str):
    """What changes nothing is asked once more."""
    loop.answers_once = True
    if method == "HEAD":
        loop.says = [OK + b"content-length: 5\r\n\r\n"]
    for _ in range(20):
        assert asked(httpd, method=method).startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(loop.heads) > 20


def test_what_changes_something_is_asked_once(httpd: Httpd, loop: Loop, log):
    loop.answers_once = True
    answers = [asked(httpd, method="DELETE") for _ in range(20)]
    assert len(loop.heads) == 20
    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 200", b"HTTP/1.1 502"}


def test_another_loop(httpd: Httpd, loop: Loop):
    with listening(httpd.site / "other.sock") as other:
        other.says = [HELLO.replace(b"hello", b"other")]
        for _ in range(8):
            assert (httpd.text("page.py"), httpd.text("other.py")) == ("hello", "other")


def test_a_loop_that_comes_again(httpd: Httpd, log):
    for _ in range(2):
        with listening(httpd.site / "loop.sock"):
            assert httpd.text("page.py") == "hello"
        assert httpd.get("page.py").status == 503


def test_many_at_once(httpd: Httpd, loop: Loop):
    loop.pause_s = 0.02
    assert at_once([lambda: httpd.text("page.py")] * 16) == ["hello"] * 16


# -- answers ---------------------------------------------------------------------------------------

WHOLE = {
    "of a length": ([HELLO], b"hello"),
    "byte by byte": ([bytes([b]) for b in HELLO], b"hello"),
    "of no length": ([OK + TEXT + b"\r\nhello", None], b"hello"),
    "of length 0": ([OK + TEXT + b"content-length: 0\r\n\r\n"], b""),
    "in chunks": ([CHUNKED, b"2\r\nhe\r\n", b"3\r\nllo\r\n", b"0\r\n\r\n"], b"hello"),
    "in chunks, whole": ([CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"], b"hello"),
    "in chunks, byte by byte": (
        [bytes([b]) for b in CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"],
        b"hello",
    ),
    "in a chunk with an extension": ([CHUNKED + b"5;a=b\r\nhello\r\n0\r\n\r\n"], b"hello"),
    "with trailers": ([CHUNKED + b"5\r\nhello\r\n0\r\nx-late: 1\r\n\r\n"], b"hello"),
    "large": ([OK + b"content-length: 300000\r\n\r\n", LARGE], LARGE),
    "in large chunks": ([CHUNKED + b"493e0\r\n" + LARGE + b"\r\n0\r\n\r\n"], LARGE),
    "with a large head": ([OK + LONG + b"content-length: 2\r\n\r\nhe"], b"he"),
    "with spaces": ([OK + b"content-length: \t5 \t\r\n\r\nhello"], b"hello"),
    "that ends the connection": (
        [HELLO.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"), None],
        b"hello",
    ),
    "with more behind it": ([HELLO + b"HTTP/1.1 500 No\r\n\r\n"], b"hello"),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_answers(httpd: Httpd, loop: Loop, kind: str):
    loop.says, body = WHOLE[kind]
    for _ in range(6):
        answer = httpd.get("page.py")
        assert (answer.status, answer.reason, answer.body) == (200, "OK", body)
        assert answer.headers["Connection"] is None and answer.headers["x-late"] is None


def test_chunks_stay_a_stream(httpd: Httpd, loop: Loop):
    loop.says = [CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"]
    assert httpd.get("page.py").headers["Transfer-Encoding"] == "chunked"


def test_an_answer_goes_on_as_it_comes(httpd: Httpd, loop: Loop):
    loop.says = [CHUNKED, *(b"1\r\n%d\r\n" % n for n in range(5)), b"0\r\n\r\n"]
    loop.pause_s = 0.1
    with closing(http.client.HTTPConnection("127.0.0.1", httpd.port, timeout=10)) as client:
        client.request("GET", "/page.py")
        answer = client.getresponse()
        start = time.monotonic()
        assert answer.read(1) == b"0"
        assert time.monotonic() - start < 0.4  # of five pauses
        assert answer.read() == b"1234"


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_answers_without_a_body(httpd: Httpd, loop: Loop, status: bytes):
    loop.says = [b"HTTP/1.1 " + status + b"\r\nx-there: 1\r\n\r\n"]
    for _ in range(6):
        answer = httpd.get("page.py")
        assert (answer.status, answer.headers["x-there"], answer.body) == (
            int(status[:3]),
            "1",
            b"",
        )


def test_head(httpd: Httpd, loop: Loop):
    loop.says = [OK + TEXT + b"content-length: 5\r\n\r\n"]
    for _ in range(6):
        answer = asked(httpd, method="HEAD")
        assert b"Content-Length: 5\r\n" in answer and answer.endswith(b"\r\n\r\n")


def test_headers(httpd: Httpd, loop: Loop):
    """Those that come more than once stay so; Date and Server are Apache's."""
    lines = b"set-cookie: a=1\r\nset-cookie: b=2\r\ndate: Mon, 01 Jan 2001 00:00:00 GMT\r\n"
    lines += b"server: loop\r\nx-more-of-it: 1\r\n"
    for size in (5, len(LARGE)):
        head = OK + TEXT + lines + b"content-length: %d\r\n\r\n" % size
        loop.says = [head + LARGE[:size]]
        answer = httpd.get("page.py")
        assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
        assert answer.headers["Server"].startswith("Apache/")
        assert len(answer.headers.get_all("Date")) == 1 and "2001" not in answer.headers["Date"]
        assert "X-More-Of-It" in answer.headers.keys()  # noqa: SIM118 - as they are written
        assert answer.type == "text/plain"


# -- what goes wrong -------------------------------------------------------------------------------

BROKEN = {
    "nothing": [None],
    "half a head": [OK + TEXT, None],
    "no HTTP": [b"hello\r\n\r\n", None],
    "no status": [b"HTTP/1.1 \r\n\r\n", None],
    "an interim answer": [b"HTTP/1.1 100 Continue\r\n\r\n", None],
    "a header without a name": [OK + b"nothing\r\n\r\n", None],
    "a header with NUL": [OK + b"a\0: b\r\nc: d\r\n\r\n", None],
    "a negative length": [OK + b"content-length: -1\r\n\r\n", None],
    "a head without an end": [OK, *[LONG] * 20, None],
}


@pytest.mark.parametrize("kind", BROKEN)
def test_no_answer(httpd: Httpd, loop: Loop, log, kind: str):
    loop.says = BROKEN[kind]
    answer = httpd.get("page.py")
    assert answer.status == 502
    loop.says = [HELLO]
    assert httpd.text("page.py") == "hello"


CUT = {
    "of a length": [OK + TEXT + b"content-length: 5\r\n\r\nhel", None],
    "in chunks": [CHUNKED + b"5\r\nhel", None],
    "between chunks": [CHUNKED + b"3\r\nhel\r\n", None],
    "in a size": [CHUNKED + b"3\r\nhel\r\n3", None],
    "no size": [CHUNKED + b"3\r\nhel\r\nno size\r\n", None],
    "a size without an end": [CHUNKED + b"3\r\nhel\r\n" + b"1" * 40_000, None],
}


@pytest.mark.parametrize("kind", CUT)
def test_an_answer_that_is_cut_short(httpd: Httpd, loop: Loop, log, kind: str):
    """The client sees that it is not all."""
    loop.says = CUT[kind]
    with pytest.raises(http.client.IncompleteRead) as raised:
        httpd.get("page.py")
    assert raised.value.partial == b"hel"
    loop.says = [HELLO]
    assert httpd.text("page.py") == "hello"


def test_no_answer_in_time(httpd: Httpd, loop: Loop, log):
    """Then the connection, where it may come later, is not used again."""
    loop.says = []
    start = time.monotonic()
    assert httpd.get("page.py").status == 504
    assert 1.9 < time.monotonic() - start < 4
    loop.says = [HELLO]
    assert httpd.text("page.py") == "hello"


def test_a_client_that_goes_away_while_it_reads(httpd: Httpd, loop: Loop):
    """The loop hears of it: its connection ends."""
    loop.says = [OK + b"content-length: 90000000\r\n\r\n", *[LARGE] * 300]
    with closing(socket.create_connection(("127.0.0.1", httpd.port), 10)) as client:
        client.sendall(b"GET /page.py HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(1000)
    wait_for("the end", lambda: all(each.fileno() == -1 for each in loop.connections))
    loop.says = [HELLO]
    assert httpd.text("page.py") == "hello"
