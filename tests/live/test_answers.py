"""What a handler's answer becomes on the wire."""

import contextlib
import gzip
import http.client
import socket
import struct
import uuid

import pytest
from support.site import Site, wait_for

ONE_INTERPRETER = True


def raw(site: Site, request: str) -> bytes:
    """Everything the server sends until it closes."""
    with socket.create_connection(("127.0.0.1", site.server.server.port), 10) as connection:
        connection.sendall(request.encode("latin-1"))
        return b"".join(iter(lambda: connection.recv(65536), b""))


def get_request(site: Site, path: str, method: str = "GET") -> str:
    return f"{method} {site.url}/{path} HTTP/1.1\r\nHost: x\r\n\r\n"


# ---- content ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "content_type", "body", "declared"),
    [
        ("'é'", "text/html", "é".encode(), "text/html; charset=utf-8"),
        ("'é'", "text/plain; charset=iso-8859-1", b"\xe9", "text/plain; charset=iso-8859-1"),
        ("'é'", "application/json", "é".encode(), "application/json"),
        ("'é'", "application/xhtml+xml", "é".encode(), "application/xhtml+xml; charset=utf-8"),
        ("b'\\xff\\x00'", "text/html", b"\xff\x00", "text/html"),
        ("42", "text/html", b"42", "text/html; charset=utf-8"),
        ("['a', 1]", "text/plain", b"['a', 1]", "text/plain; charset=utf-8"),
        ("''", "text/html", b"", "text/html"),
        ("None", "text/html", b"", "text/html"),
        (
            "iter(['é', b'\\xff', '', 3])",
            "text/plain",
            b"\xc3\xa9\xff3",
            "text/plain; charset=utf-8",
        ),
        ("iter([b'a', b'b'])", "image/png", b"ab", "image/png"),
        ("iter([])", "text/html", b"", "text/html; charset=utf-8"),
        ("(str(n) for n in range(3))", "text/html", b"012", "text/html; charset=utf-8"),
    ],
)
def test_content(site: Site, content: str, content_type: str, body: bytes, declared: str):
    site.handler("page.py", f"(setattr(self, 'content_type', {content_type!r}), {content})[1]")
    answer = site.get("page.py")
    assert (answer.status, answer.body, answer.type) == (200, body, declared)
    if "iter" not in content and "for" not in content:
        assert answer.headers["Content-Length"] == str(len(body))


def test_large_body(site: Site):
    site.handler("page.py", "'x' * 5_000_000")
    answer = site.get("page.py")
    assert answer.headers["Content-Length"] == "5000000" and answer.body == b"x" * 5_000_000


def test_stream_arrives_piece_by_piece(site: Site):
    site.path.chmod(0o777)
    site.write(
        "page.py",
        "import httpdapi, os, time\n"
        "class RequestHandler(httpdapi.RequestHandler):\n"
        "    def Content(self):\n"
        "        yield 'first'\n"
        "        while not os.path.exists('go'): time.sleep(.01)\n"
        "        yield 'second'\n",
    )
    connection = http.client.HTTPConnection("127.0.0.1", site.server.server.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", f"{site.url}/page.py")
        response = connection.getresponse()
        assert response.read(5) == b"first"
        site.write("go", "")
        assert response.read() == b"second"


@pytest.mark.parametrize("content", ["'hello'", "iter(['a', 'b'])", "b'x'", "''"])
def test_head_is_get_without_its_body(site: Site, content: str):
    """Decision 23."""
    site.handler("page.py", content)
    get, head = site.get("page.py"), site.request("HEAD", "page.py")
    assert (head.status, head.body, head.type) == (200, b"", get.type)
    if content in ("'hello'", "b'x'"):  # Apache drops a 0
        assert head.headers["Content-Length"] == get.headers["Content-Length"]


def test_head_does_not_run_the_iterator(site: Site):
    site.handler("page.py", "(1 / 0 for _ in 'x')")
    assert site.request("HEAD", "page.py").status == 200


def test_keep_alive(site: Site):
    site.handler("page.py", "'hello'")
    connection = http.client.HTTPConnection("127.0.0.1", site.server.server.port, timeout=10)
    with contextlib.closing(connection):
        for _ in range(3):
            connection.request("GET", f"{site.url}/page.py")
            assert connection.getresponse().read() == b"hello"
            assert connection.sock is not None


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
def test_other_methods_are_the_handlers_business(site: Site, method: str):
    """Decision 24."""
    site.handler("page.py", "self.req.method + self.rq.reqpb['method']")
    assert site.request(method, "page.py").text == method * 2


# ---- status -------------------------------------------------------------------------------------


def status_handler(site: Site, status: int, content: str, header: str = "pass") -> None:
    site.handler(
        "page.py",
        content,
        more=f"    def Status(self):\n        self.rq.protocol_status(self.sn, {status})\n"
        f"    def Header(self):\n        super().Header()\n        {header}\n",
    )


def test_status_with_a_body_is_the_handlers_page(site: Site):
    status_handler(site, 404, "'my own page'")
    answer = site.get("page.py")
    assert (answer.status, answer.text) == (404, "my own page")


def test_status_without_a_body_is_apaches_page(site: Site):
    status_handler(site, 410, "''")
    answer = site.get("page.py")
    assert answer.status == 410 and "no longer available" in answer.text


def test_error_document(site: Site):
    site.htaccess(f"ErrorDocument 410 {site.url}/gone.py", 'ErrorDocument 404 "none such"')
    site.handler("gone.py", "'gone: ' + self.req.environment['REDIRECT_STATUS']")
    status_handler(site, 410, "''")
    answer = site.get("page.py")
    assert (answer.status, answer.text) == (410, "gone: 410")
    assert site.get("none.py").text == "none such"


@pytest.mark.parametrize("status", [201, 204, 304])
def test_status_without_a_document(site: Site, status: int):
    status_handler(site, status, "''")
    answer = site.get("page.py")
    assert (answer.status, answer.body) == (status, b"")


def test_cookies_go_with_a_redirect(site: Site):
    site.handler(
        "page.py",
        "setattr(self, 'redirect', '/x')",
        more="    def Header(self):\n        super().Header()\n"
        "        self.rq.srvhdrs.add('Set-Cookie', 'a=1')\n"
        "        self.rq.srvhdrs.add('Set-Cookie', 'b=2')\n",
    )
    answer = site.get("page.py")
    assert answer.status == 302 and answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert answer.headers["Location"] == "/x"


def test_redirect_to_another_alphabet(site: Site):
    site.handler("page.py", "setattr(self, 'redirect', '/é?q=ü')")
    assert site.get("page.py").headers["Location"] == "/%C3%A9?q=%C3%BC"


def test_header_injection_is_an_error(site: Site):
    site.handler("page.py", "setattr(self, 'redirect', '/x\\r\\nEvil: 1')")
    site.log.expect("page.py")
    answer = site.get("page.py")
    assert answer.status == 500 and "Evil" not in answer.headers


@pytest.mark.parametrize(
    "line",
    [
        "self.rq.srvhdrs['X'] = '\u043a'",  # not Latin-1
        "self.rq.srvhdrs['X Y'] = 'z'",
        "self.rq.srvhdrs['X'] = 5",
        "self.req.status = 'many'",
        "self.req.status = None",
        "self.req.status = 99",
    ],
)
def test_headers_and_statuses_that_are_none(site: Site, line: str):
    site.handler("page.py", "'x'", more=f"    def Status(self):\n        {line}\n")
    site.log.expect("page.py")
    assert site.get("page.py").status == 500


def test_length_set_by_the_handler_is_replaced(site: Site):
    site.handler("page.py", "self.rq.srvhdrs.add('content-length', '99') or 'hello'")
    answer = site.get("page.py")
    assert (answer.headers.get_all("Content-Length"), answer.text) == (["5"], "hello")


def test_apaches_filters_see_the_answer(site: Site):
    site.htaccess("SetOutputFilter DEFLATE")
    site.handler("page.py", "'hello ' * 100")
    site.handler("stream.py", "('hello ' for _ in range(100))")
    for page in ("page.py", "stream.py"):
        answer = site.get(page, Accept_Encoding="gzip")
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(answer.body) == b"hello " * 100
        assert site.text(page) == "hello " * 100


def test_range(site: Site):
    site.handler("page.py", "'0123456789'")
    answer = site.get("page.py", Range="bytes=2-4")
    assert (answer.status, answer.text) == (206, "234")


def test_rewritten_to_a_script(site: Site):
    site.htaccess("RewriteEngine On", "RewriteRule ^pretty/(.*)$ page.py/$1 [QSA]")
    site.handler("page.py", "self.req.path_info + ' ' + self.req.unparsed_uri")
    assert site.text("pretty/name?a=1") == f"/name {site.url}/pretty/name?a=1"


def test_multiviews_finds_the_script(site: Site):
    site.htaccess("Options +MultiViews")
    site.handler("page.py", "'found'")
    assert site.text("page") == "found"


def test_unknown_charset_is_an_error(site: Site):
    site.handler(
        "page.py", "(setattr(self, 'content_type', 'text/plain; charset=klingon'), 'x')[1]"
    )
    site.log.expect("klingon")
    site.log.expect("page.py]")
    assert site.get("page.py").status == 500


def test_handle_may_return_names(site: Site):
    site.handler("page.py", "''", more="    def Handle(self): return 'REQ_PROCEED'\n")
    assert site.get("page.py").status == 200


def test_aborted_with_a_status(site: Site):
    site.handler(
        "page.py",
        "''",
        more="    def Handle(self):\n"
        "        self.rq.protocol_status(self.sn, httpdapi.PROTOCOL_FORBIDDEN)\n"
        "        return httpdapi.REQ_ABORTED\n",
    )
    assert site.get("page.py").status == 403


# ---- failures -----------------------------------------------------------------------------------


def test_exception_before_the_answer(site: Site):
    site.handler("page.py", "{}['missing']")
    site.log.expect("page.py: KeyError: 'missing'")
    site.log.expect("{}['missing']")
    site.log.expect("page.py]")
    answer = site.get("page.py")
    assert answer.status == 500 and "missing" not in answer.text


def test_exception_in_a_stream_cuts_the_connection(site: Site):
    site.write(
        "page.py",
        "import httpdapi\n"
        "class RequestHandler(httpdapi.RequestHandler):\n"
        "    def Content(self):\n"
        "        yield 'begun'\n"
        "        raise RuntimeError('half way')\n",
    )
    site.log.expect("half way")
    site.log.expect("page.py]")
    answer = raw(site, get_request(site, "page.py"))  # which ends: the connection is closed
    assert answer.startswith(b"HTTP/1.1 200") and b"begun" in answer
    assert not answer.endswith(b"0\r\n\r\n")  # no last chunk: not complete
    assert b"half way" not in answer and b"500" not in answer
    assert site.logged().count("page.py: RuntimeError") == 1


def test_exception_after_part_of_a_declared_length(site: Site):
    site.handler(
        "page.py",
        "''",
        more="    def Send(self, content):\n"
        "        self.rq.srvhdrs['Content-Length'] = '100'\n"
        "        self.sn.net_write('begun')\n"
        "        raise RuntimeError('half way')\n",
    )
    site.log.expect("page.py")
    assert raw(site, get_request(site, "page.py")).endswith(b"\r\n\r\nbegun")


def test_exception_in_a_stream_with_debug_goes_on_the_page(site: Site):
    site.htaccess("PythonOption debug on")
    site.write(
        "page.py",
        "import httpdapi\n"
        "class RequestHandler(httpdapi.RequestHandler):\n"
        "    def Content(self):\n"
        "        yield 'begun'\n"
        "        raise RuntimeError('<half way>')\n",
    )
    site.log.expect("page.py")
    text = site.get("page.py").text
    assert text.startswith("begun") and "&lt;half way&gt;" in text


def test_client_gone_ends_the_stream_quietly(site: Site):
    mark = str(uuid.uuid4())
    site.path.chmod(0o777)
    site.write(
        "page.py",
        "import httpdapi\n"
        "class RequestHandler(httpdapi.RequestHandler):\n"
        "    def Content(self):\n"
        "        try:\n"
        "            while True:\n"
        "                yield 'x' * 65536\n"
        "        finally:\n"
        f"            open('closed', 'w').write('{mark}')\n",
    )
    with socket.create_connection(("127.0.0.1", site.server.server.port), 10) as connection:
        connection.sendall(get_request(site, "page.py").encode())
        assert connection.recv(100)
        # a reset rather than an orderly end
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    closed = site.path / "closed"
    wait_for("the generator's end", lambda: closed.exists() and closed.read_text() == mark)


def test_client_gone_while_it_sends(site: Site):
    site.path.chmod(0o777)
    site.handler("page.py", "(self.req.read(), open('read', 'w').close())[0]")
    with socket.create_connection(("127.0.0.1", site.server.server.port), 10) as connection:
        head = f"POST {site.url}/page.py HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        connection.sendall(head.encode() + b"only some")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert site.text("page.py") == ""  # another request, which reads nothing, and all is well


def test_exit_in_a_script_ends_the_request_only(site: Site):
    site.handler("page.py", "os.getpid()", "import os")
    pid = site.text("page.py")
    site.write("exit.py", "import sys\nsys.exit(1)\n")
    site.log.expect("exit.py")
    assert site.get("exit.py").status == 500
    assert site.text("page.py") == pid


def test_recursion_error(site: Site):
    site.handler("page.py", "self.Content()")
    site.log.expect("page.py")
    assert site.get("page.py").status == 500


def test_deep_source_does_not_overflow_the_stack(site: Site):
    site.write("page.py", "x = " + "(" * 150 + "1" + ")" * 150 + "\nimport httpdapi\n")
    site.log.expect("defines no class RequestHandler")
    site.log.expect("page.py]")
    assert site.get("page.py").status == 500
    site.write("deep.py", "x = " + "-" * 200_000 + "1\n")
    site.log.expect("deep.py")
    assert site.get("deep.py").status == 500


# ---- forms --------------------------------------------------------------------------------------

MULTIPART = {"Content-Type": "multipart/form-data; boundary=XX"}


def part(name: str, value: str, more: str = "") -> str:
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


def test_multipart_form(site: Site):
    site.handler("form.py", "repr(sorted(self.form_data().items()))")
    body = part("b", "é") + part("a", "1") + part("a", "2") + part("empty", "") + "--XX--\r\n"
    answer = site.request("POST", "form.py", body.encode(), MULTIPART)
    assert answer.text == repr([("a", ["1", "2"]), ("b", ["é"])])


def test_uploaded_file(site: Site):
    content = "f.filename + ' ' + str(f.size) + ' ' + f.raw.decode()"
    site.handler("form.py", f"[{content} for f in self.form_data()['file']][0]")
    body = part("file", "the text", '; filename="a.txt"') + part("none", "", '; filename=""')
    answer = site.request("POST", "form.py", body + "--XX--\r\n", MULTIPART)
    assert answer.text == "a.txt 8 the text"


def test_form_data_twice(site: Site):
    site.handler("form.py", "repr(self.form_data() == self.form_data() == {'a': ['1']})")
    assert site.post("form.py", {"a": "1"}).text == "True"


def test_form_without_a_length(site: Site):
    site.handler("form.py", "repr(self.form_data())")
    answer = raw(
        site,
        f"POST {site.url}/form.py HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        "Transfer-Encoding: chunked\r\n\r\n2\r\na=\r\n1\r\n1\r\n0\r\n\r\n",
    )
    assert answer.endswith(repr({"a": ["1"]}).encode())


def test_post_without_a_body(site: Site):
    site.handler("form.py", "repr(self.form_data())")
    assert site.request("POST", "form.py").text == "{}"


def test_json_body_is_left_to_the_handler(site: Site):
    site.handler("form.py", "repr((self.form_data(), self.req.read()))")
    answer = site.request("POST", "form.py", '{"a": 1}', {"Content-Type": "application/json"})
    assert answer.text == repr(({}, b'{"a": 1}'))


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("&".join(f"a{n}=1" for n in range(1001)), None, 413),
        ("a=" + "x" * (8 * 1024 * 1024), None, 413),
        ("no parts at all", MULTIPART, 400),
        ("x", {"Content-Type": "multipart/form-data"}, 400),
        ("".join(part(f"a{n}", "1") for n in range(1001)) + "--XX--\r\n", MULTIPART, 413),
    ],
    ids=["many fields", "large", "malformed", "no boundary", "many parts"],
)
def test_bad_forms(site: Site, body: str, headers: dict | None, status: int):
    site.handler("form.py", "repr(self.form_data())")
    urlencoded = {"Content-Type": "application/x-www-form-urlencoded"}
    site.log.expect(f"form.py: {status}: ")
    assert site.request("POST", "form.py", body, headers or urlencoded).status == status


def test_body_over_apaches_limit(site: Site):
    site.htaccess("LimitRequestBody 1000")
    site.handler("form.py", "str(len(self.req.read()))")
    assert site.request("POST", "form.py", "x" * 1000).text == "1000"
    site.log.allow("AH00588")
    assert site.request("POST", "form.py", "x" * 1001).status == 413


def test_cgi_environment(site: Site):
    site.handler("env.py", "repr(self.build_cgi_env())")
    env = eval(
        site.get(
            "env.py/info?q=1",
            Authorization="Basic eDp5",
            X_Some="é".encode("latin-1").decode("latin-1"),
        ).text
    )
    assert env["SCRIPT_NAME"] == f"{site.url}/env.py" and env["PATH_INFO"] == "/info"
    assert env["QUERY_STRING"] == "q=1" and env["REQUEST_METHOD"] == "GET"
    assert env["GATEWAY_INTERFACE"] == "Python-CGI/1.1"
    assert env["HTTP_AUTHORIZATION"] == "Basic eDp5"
    assert env["SCRIPT_FILENAME"] == f"{site.path}/env.py"
    assert not [name for name in env if "httpdapy" in name or "wsgi" in name]
