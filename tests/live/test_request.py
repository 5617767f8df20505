"""The request as handlers see it: its facts, its body, its end."""

import contextlib
import http.client
import os
import socket
import time

import pytest
from support.httpd import Httpd
from support.site import Site, wait_for

ONE_INTERPRETER = True


def connection_to(site: Site) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", site.server.server.port, timeout=30)


def send(site: Site, path: str, head: str, body: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", site.server.server.port), 30)
    connection.sendall(f"POST {site.url}/{path} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode() + body)
    return connection


# ---- facts --------------------------------------------------------------------------------------


def test_repeated_headers_and_their_names(site: Site):
    site.handler(
        "page.py",
        "repr(look(self.req.headers_in))",
        "def look(h):\n    return list(h.items()), h['ACCEPT'], h.get('none'), 'accept' in h",
    )
    connection = connection_to(site)
    with contextlib.closing(connection):
        connection.putrequest("GET", f"{site.url}/page.py", skip_accept_encoding=True)
        for name, value in (("accept", "a"), ("ACCEPT", "b"), ("x-fEw-words", "\xe9")):
            connection.putheader(name, value.encode("latin-1"))
        connection.endheaders()
        items, accept, none, there = eval(connection.getresponse().read().decode())
    assert accept == "a, b" and none is None and there
    assert ("Accept", "a, b") in items and ("X-Few-Words", "\xe9") in items


def test_content_type_of_the_request_object(site: Site):
    site.handler(
        "page.py",
        "''",
        more="    def Handle(self):\n"
        "        self.req.content_type = 'image/png'\n"
        "        assert self.req.headers_out['content-type'] == self.req.content_type\n"
        "        self.req.finish(b'x')\n"
        "        return httpdapi.REQ_PROCEED\n",
    )
    assert site.get("page.py").type == "image/png"


def test_status_is_checked_where_it_is_set(site: Site):
    tries = "[_try(self.req, s) for s in ('404', None, 99, 1000, 299, 599)]"
    site.handler(
        "page.py",
        f"repr({tries})",
        "def _try(req, status):\n    try:\n        req.status = status\n"
        "    except Exception as e:\n        return type(e).__name__\n    return req.status\n",
    )
    kinds = ["TypeError", "TypeError", "ValueError", "ValueError", 299, 599]
    assert site.text("page.py") == repr(kinds)


@pytest.mark.parametrize(("status", "phrase"), [(299, "Status"), (404, "Not Found")])
def test_reason_phrase(site: Site, status: int, phrase: str):
    site.handler(
        "page.py", "'x'", more=f"    def Status(self):\n        self.req.status = {status}\n"
    )
    connection = connection_to(site)
    with contextlib.closing(connection):
        connection.request("GET", f"{site.url}/page.py")
        response = connection.getresponse()
        assert (response.status, response.reason) == (status, phrase)


def test_path_info_that_is_not_accepted(site: Site):
    site.htaccess("AcceptPathInfo Off")
    site.handler("page.py", "'x'")
    site.log.allow("AcceptPathInfo")
    assert site.get("page.py").status == 200 and site.get("page.py/more").status == 404


# ---- the body -----------------------------------------------------------------------------------


def test_read_by_pieces(site: Site):
    site.handler(
        "page.py",
        "repr([self.req.read(3), self.req.read(0), self.req.readline(), self.req.readline(2),"
        " next(self.req), list(self.req), self.req.read(), self.req.read(5), self.req.readline()])",
    )
    body = b"abcdef\nghij\nklm\n\nno end"
    answer = site.request("POST", "page.py", body)
    expected = [b"abc", b"", b"def\n", b"gh", b"ij\n", [b"klm\n", b"\n", b"no end"], b"", b"", b""]
    assert eval(answer.text) == expected


def test_long_lines_and_large_reads(site: Site):
    site.handler(
        "page.py",
        "repr((len(self.req.readline()), len(self.req.readline(100)), len(self.req.read(70000)),"
        " len(self.req.read())))",
    )
    body = b"x" * 100_000 + b"\n" + b"y" * 1_000_000
    assert site.request("POST", "page.py", body).text == repr((100_001, 100, 70_000, 929_900))


def test_read_waits_for_all_it_was_asked_for(site: Site):
    site.handler("page.py", "repr(self.req.read(6))")
    with send(site, "page.py", "Content-Length: 6\r\nConnection: close\r\n", b"abc") as connection:
        time.sleep(0.05)  # the rest comes later than the first
        connection.sendall(b"def")
        assert b"b'abcdef'" in b"".join(iter(lambda: connection.recv(65536), b""))


def test_continue_is_sent_once_the_body_is_read(site: Site):
    site.handler("page.py", "repr(self.req.read())")
    for _ in range(2):  # an interpreter's first request, and any other
        head = "Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n"
        with send(site, "page.py", head) as connection:
            assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
            connection.sendall(b"hi")
            assert b"b'hi'" in b"".join(iter(lambda: connection.recv(65536), b""))


def test_body_that_is_not_read(site: Site):
    """What the handler leaves is no next request."""
    site.handler("page.py", "'x'")
    connection = connection_to(site)
    with contextlib.closing(connection):
        for _ in range(3):
            connection.request("POST", f"{site.url}/page.py", b"GET /evil HTTP/1.1\r\n\r\n" * 500)
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, b"x")


def test_chunked_body_over_apaches_limit(site: Site):
    site.htaccess("LimitRequestBody 1000")
    site.handler("page.py", "str(len(self.req.read()))")
    body = b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n"
    for _ in range(2):
        with send(site, "page.py", "Transfer-Encoding: chunked\r\n", body) as connection:
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
            assert answer.startswith(b"HTTP/1.1 413 ") and answer.count(b"<html>") == 1


def test_client_that_stops_sending(tmp_site):
    (tmp_site / "page.py").write_text(
        "import httpdapi\nclass RequestHandler(httpdapi.RequestHandler):\n"
        "    def Content(self): return str(len(self.req.read()))\n"
    )
    with Httpd(tmp_site, "Timeout 1") as httpd:
        httpd.log.expect("page.py: 408: ")
        with socket.create_connection(("127.0.0.1", httpd.port), 30) as connection:
            connection.sendall(b"POST /page.py HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
            assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")


# ---- the answer ---------------------------------------------------------------------------------


def handle(site: Site, *lines: str) -> None:
    body = "".join(f"        {line}\n" for line in lines)
    site.handler(
        "page.py",
        "''",
        "import os, threading",
        f"    def Handle(self):\n        r = self.req\n{body}        return httpdapi.REQ_PROCEED\n",
    )


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_more_than_there_is_can_be_asked_for(site: Site, size: int):
    """It takes no more memory than what there is."""
    handle(site, "r.write(r.read(1 << 50))")
    assert site.request("POST", "page.py", b"x" * size).body == b"x" * size


def test_write_takes_any_bytes(site: Site):
    handle(site, "r.write(b'a')", "r.write(bytearray(b'b'))", "r.write(memoryview(b'c'))")
    assert site.get("page.py").body == b"abc"
    handle(site, "r.finish(bytearray(b'abc'))")
    assert site.get("page.py").body == b"abc"


@pytest.mark.parametrize("call", ["write", "finish"])
def test_text_is_no_bytes(site: Site, call: str):
    handle(site, f"r.{call}('text')")
    site.log.expect("page.py")
    assert site.get("page.py").status == 500


def test_more_than_the_declared_length_is_not_sent(site: Site):
    handle(site, "r.headers_out['Content-Length'] = '3'", "r.write(b'ab')", "r.write(b'cdef')")
    connection = connection_to(site)
    with contextlib.closing(connection):
        for _ in range(2):
            connection.request("GET", f"{site.url}/page.py")
            assert connection.getresponse().read() == b"abc"


@pytest.mark.parametrize("length", ["-1", "many", "1 2", ""])
def test_length_that_is_none(site: Site, length: str):
    handle(site, f"r.headers_out['Content-Length'] = {length!r}", "r.write(b'ab')")
    site.log.expect("page.py")
    assert site.get("page.py").status == 500


@pytest.mark.parametrize(
    ("arguments", "body"),
    [("", "0123456789"), (", 4", "456789"), (", 4, 3", "456"), (", 10", ""), (", 0, 0", "")],
)
def test_sendfile(site: Site, arguments: str, body: str):
    site.write("file.txt", "0123456789")
    handle(site, f"r.sendfile('file.txt'{arguments})")
    answer = site.get("page.py")
    assert answer.text == body
    assert answer.headers["Content-Length"] in (str(len(body)), None)


def test_sendfile_of_much_amid_other_pieces(site: Site):
    site.write("file.txt", b"x" * 3_000_000)
    handle(site, "r.write(b'<')", "r.sendfile('file.txt')", "r.write(b'>')")
    assert site.get("page.py").body == b"<" + b"x" * 3_000_000 + b">"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("'none.txt'", "FileNotFoundError"),
        ("'.'", "IsADirectoryError"),
        ("'pipe'", "OSError"),
        ("'page.py', -1", "ValueError"),
        ("'page.py', 10**9", "ValueError"),
        ("'page.py', 0, 10**9", "ValueError"),
        ("5", "TypeError"),
    ],
)
def test_sendfile_of_what_is_not_there(site: Site, arguments: str, error: str):
    os.mkfifo(site.path / "pipe")
    handle(
        site,
        f"try: r.sendfile({arguments})",
        "except Exception as e: r.finish(type(e).__name__.encode())",
    )
    assert site.text("page.py") == error


def test_flush_before_anything_is_written(site: Site):
    handle(site, "r.flush()", "r.write(b'x')", "r.flush()")
    assert site.get("page.py").text == "x"


def test_log_of_many_lines(site: Site):
    handle(site, "r.log('first\\nsecond\\n' + 'x' * 9000 + 'end')", "r.finish(b'x')")
    for text in ("page.py] first", "page.py] second", "xend", "page.py] xxx"):
        site.log.expect(text)
    site.text("page.py")


def test_standard_error_goes_to_the_log(site: Site):
    site.handler(
        "page.py",
        "[print(n, self.req.args, file=sys.stderr) for n in range(2)] and"
        " sys.stderr.write('no end ' + self.req.args) and 'x'",
        "import sys",
    )
    for text in ("0 q1", "1 q1", "no end q1", "0 q2", "1 q2", "no end q2"):
        site.log.expect(f"page.py] {text}")
    site.text("page.py?q1")
    site.text("page.py?q2")


# ---- the request's end, and other threads -------------------------------------------------------

KEEP = """
import httpdapi, threading
kept = []
def uses(r):
    names = {n for n in dir(type(r)) if n[0] != '_' and not callable(getattr(type(r), n))}
    for name in sorted(names | {'headers_out'}):
        yield name, lambda name=name: getattr(r, name)
    yield 'read()', lambda: r.read()
    yield 'readline()', lambda: r.readline()
    yield 'next()', lambda: next(iter(r))
    yield 'write()', lambda: r.write(b'x')
    yield 'flush()', lambda: r.flush()
    yield 'finish()', lambda: r.finish(b'x')
    yield 'begin()', lambda: r.begin()
    yield 'sendfile()', lambda: r.sendfile(__file__)
    yield 'log()', lambda: r.log('x')
    yield 'status =', lambda: setattr(r, 'status', 404)
    yield 'content_type =', lambda: setattr(r, 'content_type', 'x')
def tried(uses):
    for name, use in uses:
        try:
            use()
        except RuntimeError as error:
            yield name, str(error)
        else:
            yield name, ''
class RequestHandler(httpdapi.RequestHandler):
    content_type = 'text/plain'
    def Content(self):
        if self.req.args == 'use':
            return repr(list(tried(KEPT_USES[0])))
        KEPT_USES[:] = [list(uses(self.req))]
        return 'kept'
KEPT_USES = []
"""


def test_a_request_that_is_over_is_dead(site: Site):
    site.write("page.py", KEEP)
    assert site.text("page.py") == "kept"
    results = dict(eval(site.text("page.py?use")))
    assert len(results) > 25
    assert {text[:19] for text in results.values()} == {"the request is over"}, results


def test_other_threads_may_look_but_not_write(site: Site):
    site.write(
        "page.py",
        "import httpdapi, threading\n"
        "class RequestHandler(httpdapi.RequestHandler):\n"
        "    content_type = 'text/plain'\n"
        "    def Content(self):\n"
        "        found = []\n"
        "        def look():\n"
        "            r = self.req\n"
        "            found.extend([r.method, r.uri, r.headers_in['Host'], r.user])\n"
        "            for use in (r.read, lambda: r.write(b'x'), lambda: r.finish(b'x')):\n"
        "                try: use()\n"
        "                except RuntimeError as e: found.append(str(e)[:11])\n"
        "        thread = threading.Thread(target=look)\n"
        "        thread.start()\n"
        "        thread.join()\n"
        "        return repr(found)\n",
    )
    found = eval(site.text("page.py"))
    assert found[0] == "GET" and found[1] == f"{site.url}/page.py" and found[3] is None
    assert found[4:] == ["the body is"] * 3


def test_a_thread_that_outlives_its_request(site: Site):
    site.path.chmod(0o777)
    site.write(
        "page.py",
        "import httpdapi, threading\n"
        "over = threading.Event()\n"
        "class RequestHandler(httpdapi.RequestHandler):\n"
        "    def Content(self):\n"
        "        if self.req.args:\n"
        "            over.set()\n"
        "            return 'told'\n"
        "        req = self.req\n"
        "        def late():\n"
        "            over.wait(10)\n"
        "            try: said = req.uri\n"
        "            except RuntimeError as error: said = str(error)\n"
        "            open('said.new', 'w').write(said)\n"
        "            import os; os.rename('said.new', 'said')\n"
        "        threading.Thread(target=late).start()\n"
        "        return 'started'\n",
    )
    assert site.text("page.py") == "started"
    assert site.text("page.py?now") == "told"
    said = site.path / "said"
    wait_for("the thread's word", said.exists)
    assert "the request is over" in said.read_text()
