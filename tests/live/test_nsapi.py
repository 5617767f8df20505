"""pb, rq and sn, the objects of NSAPI, and what becomes of a result (reference 2.4, 2.5, 2.7)."""

import base64
import contextlib
import http.client
import re
import socket
import struct
from http import HTTPStatus

import pytest
from support.site import Answer, Site, wait_for

from httpdapy import httpdapi

ONE_INTERPRETER = True


def basic(user: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


ALI = basic("ali", "open sesame")


def look(site: Site, what: str, path: str = "", method: str = "GET", body=None, headers=None):
    """The value of an expression in Content(), where pb, sn and rq are at hand."""
    site.handler("page.py", f"repr((lambda pb, sn, rq: ({what}))(self.pb, self.sn, self.rq))")
    answer = site.request(method, f"page.py{path}", body, headers or {})
    assert answer.status == 200, site.log.since_check()[-20:]
    return eval(answer.text)


def handle(site: Site, *lines: str, name: str = "page.py") -> None:
    """A handler whose Handle() is *lines*."""
    body = "".join(f"        {line}\n" for line in lines)
    site.write(
        name,
        "import httpdapi\nfrom httpdapi import *\nclass RequestHandler(httpdapi.RequestHandler):\n"
        f"    def Handle(self):\n        pb, sn, rq = self.pb, self.sn, self.rq\n{body}",
    )


def raw(site: Site, text: str) -> bytes:
    with socket.create_connection(("127.0.0.1", site.server.server.port), 10) as connection:
        connection.sendall(text.encode("latin-1"))
        return b"".join(iter(lambda: connection.recv(65536), b""))


def log_line(site: Site, part: str) -> str:
    """The one line of the error log with *part*."""
    lines = [line for line in site.logged().splitlines() if part in line]
    assert len(lines) == 1, lines
    return lines[0]


# ---- pb -----------------------------------------------------------------------------------------


def test_pb_has_the_directives_the_options_and_what_nsapi_has(site: Site):
    site.htaccess(
        "PythonOption colour blue",
        "PythonOption Colour-Name 'dark \"blue\"'",
        f"PythonInterpreter {site.name}",
        "PythonReplicas 1",
        "AddType text/x-python .py",
    )
    pb = look(site, "dict(pb)")
    pb.pop("direct", None)  # of the test's server
    assert pb == {
        "fn": "python_request_handler",
        "method": "GET|HEAD|POST",
        "server-software": "Apache",
        "type": "text/x-python",
        "PythonInterpreter": site.name,
        "PythonReplicas": "1",
        "colour": "blue",
        "Colour-Name": 'dark "blue"',
    }


def test_pb_has_the_directives_from_above(site: Site):
    """Decision 32: directives are in pb, too."""
    site.htaccess("PythonOption a 1", "PythonOption b 1", f"PythonInterpreter {site.name}")
    below = site.sub("below")
    below.htaccess("PythonOption b 2")
    found = look(below, "[pb[name] for name in ('a', 'b', 'PythonInterpreter')]")
    assert found == ["1", "2", site.name]


def test_an_option_wins_over_a_directive_of_its_name(site: Site):
    site.htaccess(
        f"PythonInterpreter {site.name}",
        "PythonOption pythoninterpreter mine",
        "PythonOption fn other",
        "PythonOption type of-mine",
    )
    assert look(site, "[pb[n] for n in ('PythonInterpreter', 'fn', 'type')]") == [
        "mine",
        "other",
        "of-mine",
    ]


def test_type_is_empty_where_apache_knows_none(site: Site):
    site.htaccess("RemoveType .py")
    assert look(site, "pb['type']") == ""


def test_method_in_pb_is_a_pattern(site: Site):
    """Decision 23: and not the request's."""
    assert look(site, "pb['method'], rq.reqpb['method']", method="POST") == (
        "GET|HEAD|POST",
        "POST",
    )


def test_methods_of_parameter_blocks(site: Site):
    site.htaccess("PythonOption colour blue")
    found = look(
        site,
        "[pb.findval('Colour'), pb.nvinsert('new', '1'), pb['NEW'], pb.has_key('New'),"
        " pb.pblock_remove('new'), pb.pblock_remove('new'), 'new' in pb, pb.get('new'),"
        " pb.__setitem__('colour', None), 'colour' in pb, pb.pblock2str()]",
    )
    *found, text = found
    assert found == ["blue", None, "1", True, None, None, False, None, None, False]
    assert text.startswith('fn="python_request_handler" method="GET|HEAD|POST" ')
    assert text.endswith('" ')
    names_and_values = text.split('"')  # as the test page of 1999 took it apart
    assert [n.strip() for n in names_and_values[0:6:2]] == ["fn=", "method=", "server-software="]


def test_what_is_set_in_pb_is_set_for_the_request(site: Site):
    site.htaccess("PythonOption colour blue")
    site.handler(
        "page.py", "repr((self.pb['colour'], self.pb.nvinsert('colour', 'red'), self.pb['colour']))"
    )
    for _ in range(3):
        assert site.text("page.py") == repr(("blue", None, "red"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pb['none']", "KeyError: 'none'"),
        ("pb.findval('none')", "ValueError: no such parameter: 'none'"),
        ("pb['a'] = 5", "TypeError: parameter 'a': names and values are str, not 5"),
        ("pb[5] = 'a'", "TypeError: parameter 5: names and values are str, not 'a'"),
        ("del pb['none']", "KeyError: 'none'"),
        ("rq.srvhdrs['X'] = 5", "TypeError: header 'X': names and values are str, not 5"),
        ("rq.srvhdrs.findval('X')", "ValueError: no such parameter: 'X'"),
        ("rq.protocol_status(sn, '404')", "TypeError: a status is an int from 100 to 999, not '4"),
        ("rq.protocol_status(sn, None)", "TypeError: a status is an int from 100 to 999, not None"),
        ("rq.protocol_status(sn, 99)", "ValueError: a status is an int from 100 to 999, not 99"),
        ("sn.form_data(0)", "ValueError: form_data: a number of bytes, 1 or more, not 0"),
        ("sn.form_data(-1)", "ValueError: form_data: a number of bytes, 1 or more, not -1"),
        ("sn.net_write(5)", "TypeError"),
    ],
)
def test_errors_name_what_is_wrong(site: Site, line: str, said: str):
    handle(site, line)
    site.log.expect(f"page.py: {said}")
    site.log.expect("page.py]")
    assert site.get("page.py").status == 500


# ---- credentials --------------------------------------------------------------------------------

CREDENTIALS = "({n: b[n] for n in b if n[:4] == 'auth'} for b in (pb, rq.vars))"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, {}),
        (ALI, {"auth-user": "ali", "auth-password": "open sesame", "auth-type": "basic"}),
        (
            basic("Zoë", "a:ü"),
            {"auth-user": "Zoë", "auth-password": "a:ü", "auth-type": "basic"},
        ),
        (basic("", "key"), {"auth-user": "", "auth-password": "key", "auth-type": "basic"}),
        (basic("ali", ""), {"auth-user": "ali", "auth-password": "", "auth-type": "basic"}),
        ({"Authorization": "Bearer x"}, {}),
        ({"Authorization": "Basic !"}, {}),
    ],
)
def test_credentials_in_pb_and_vars(site: Site, headers: dict, expected: dict):
    assert look(site, f"list({CREDENTIALS})", headers=headers) == [expected, expected]


def protected(site: Site, *lines: str) -> None:
    """An AuthHandler whose Handle() is *lines*; it guards file.txt."""
    handle(site, *lines, name="auth.py")
    text = (site.path / "auth.py").read_text().replace("RequestHandler", "AuthHandler")
    site.write("auth.py", text)
    site.write("file.txt", "treasure")
    site.htaccess("AuthPythonModule auth", "AuthName cave", "AuthType Basic", "Require valid-user")


def ask(site: Site, headers: dict | None = None) -> Answer:
    return site.request("GET", "file.txt", headers=headers or {})


def test_the_user_that_an_auth_handler_names(site: Site):
    protected(site, "self.req.user = 'robot'", "return REQ_PROCEED")
    bearer = {"Authorization": "Bearer x"}
    assert look(site, f"list({CREDENTIALS})", headers=bearer) == [{}, {"auth-user": "robot"}]
    both = {"auth-user": "robot", "auth-password": "open sesame", "auth-type": "basic"}
    assert look(site, f"list({CREDENTIALS})", headers=ALI) == [both, both]


def test_pb_of_an_auth_handler(site: Site):
    """The names that Nsapy had for user, password and module, for those who authenticate only."""
    protected(
        site,
        "names = ('user', 'pw', 'userdb', 'auth-user', 'auth-password', 'AuthPythonModule')",
        "rq.srvhdrs['X-Found'] = repr([pb.findval(name) for name in names])",
        "return REQ_PROCEED",
    )
    found = ["ali", "open sesame", "auth", "ali", "open sesame", "auth"]
    assert eval(ask(site, ALI).headers["X-Found"]) == found
    assert look(site, "[n in pb for n in ('user', 'pw', 'userdb')]", headers=ALI) == [False] * 3


def test_auth_handler_with_a_constructor(site: Site):
    protected(site, "return REQ_PROCEED if self.pw == 'open sesame' else REQ_NOACTION")
    text = (site.path / "auth.py").read_text()
    constructor = (
        "    def __init__(self, pb, sn, rq):\n"
        "        httpdapi.AuthHandler.__init__(self, pb, sn, rq)\n"
        "        self.pw = pb.get('pw')\n"
    )
    site.write("auth.py", text + constructor)
    assert ask(site, ALI).text == "treasure" and ask(site).status == 401


@pytest.mark.parametrize(
    "line",
    [
        "rq.vars['auth-user']",
        "rq.vars['Auth-Password']",
        "rq.vars['auth-type']",
        "pb['auth-user']",
        "pb.findval('user')",
        "pb.findval('pw')",
        "open_sesame(rq.vars)",
    ],
)
def test_who_takes_credentials_for_granted_has_the_client_asked(site: Site, line: str):
    """In 1999 the server asked for them before it asked the AuthHandler."""
    protected(
        site,
        f"user = {line}",
        "return REQ_PROCEED",
    )
    text = (site.path / "auth.py").read_text()
    site.write("auth.py", text + "def open_sesame(v): return v['auth-password'] == 'open sesame'\n")
    answer = ask(site)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="cave"'
    assert ask(site, ALI).text == "treasure"


def test_what_else_an_auth_handler_lacks_is_an_error(site: Site):
    protected(site, "rq.vars['path-info']", "return REQ_PROCEED")
    site.log.expect("AuthPythonModule auth: KeyError: 'path-info'")
    site.log.allow("file.txt]")
    assert ask(site).status == 500
    protected(site, "pb.findval('none')", "return REQ_PROCEED")
    site.log.expect("AuthPythonModule auth: ValueError: no such parameter: 'none'")
    assert ask(site).status == 500


def test_missing_credentials_in_a_request_handler_are_an_error(site: Site):
    site.handler("page.py", "self.rq.vars['auth-user']")
    site.log.expect("auth-user: the request brings no Basic credentials")
    site.log.expect("page.py]")
    assert site.get("page.py").status == 500


# ---- rq.reqpb and rq.headers --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "uri", "query"),
    [
        ("", "", ""),
        ("?", "", ""),
        ("?a=1&b=%20c", "", "a=1&b=%20c"),
        ("/x%20y/%C3%A9?q", "/x y/é", "q"),
    ],
)
def test_reqpb(site: Site, path: str, uri: str, query: str):
    assert look(site, "dict(rq.reqpb)", path) == {
        "clf-request": f"GET {site.url}/page.py{path} HTTP/1.1",
        "method": "GET",
        "protocol": "HTTP/1.1",
        "uri": f"{site.url}/page.py{uri}",
        "query": query,
    }


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "BREW"])
def test_reqpb_of_other_methods(site: Site, method: str):
    found = look(site, "rq.reqpb['Method'], rq.reqpb['clf-request']", method=method)
    assert found == (method, f"{method} {site.url}/page.py HTTP/1.1")


def test_reqpb_of_an_old_client(site: Site):
    site.handler("page.py", "self.rq.reqpb.pblock2str()")
    answer = raw(site, f"GET {site.url}/page.py HTTP/1.0\r\n\r\n").decode()
    assert (
        f'clf-request="GET {site.url}/page.py HTTP/1.0" method="GET" protocol="HTTP/1.0"' in answer
    )


def test_headers_and_request_header(site: Site):
    headers = {"X-One": "1", "Content-Type": "text/plain", "Content-Length": "0"}
    found = look(
        site,
        "(rq.headers['x-one'], rq.headers['X-ONE'], rq.headers['content-length'],"
        " [n for n in rq.headers if n != n.lower()], rq.headers.has_key('x-none'),"
        " rq.request_header('x-one', sn), rq.request_header('X-One'),"
        " rq.request_header('x-none', sn))",
        method="POST",
        headers=headers,
    )
    assert found == ("1", "1", "0", [], False, "1", "1", None)


def test_headers_repeated(site: Site):
    site.handler("page.py", "repr((self.rq.headers['x'], self.rq.request_header('X', self.sn)))")
    headers = "Host: x\r\nX: a\r\nx: \xe9\r\nConnection: close\r\n\r\n"
    answer = raw(site, f"GET {site.url}/page.py HTTP/1.1\r\n{headers}")
    assert answer.endswith(repr(("a, é", "a, é")).encode())


# ---- rq.vars ------------------------------------------------------------------------------------


def test_vars(site: Site):
    assert look(site, "dict(rq.vars)") == {"path": f"{site.path}/page.py"}
    assert look(site, "dict(rq.vars)", "/a/b%20c?q", headers=ALI) == {
        "path": f"{site.path}/page.py",
        "path-info": "/a/b c",
        "path-translated": f"{site.server.root}/a/b c",
        "auth-user": "ali",
        "auth-password": "open sesame",
        "auth-type": "basic",
    }


def test_vars_of_a_file_that_is_not_there(site: Site):
    site.htaccess("SetHandler python-program", "PythonOption handler front")
    site.handler("front.py", "self.rq.vars.pblock2str()")
    assert site.text("none.html") == f'path="{site.path}/none.html" '


# ---- rq.srvhdrs and the status ------------------------------------------------------------------


def test_srvhdrs(site: Site):
    handle(
        site,
        "h = rq.srvhdrs",
        "h['content-type'] = 'image/png'",
        "h.nvinsert('X-A', 'replaced')",
        "h['x-a'] = '1'",
        "h['X-B'] = 'gone'",
        "h['X-B'] = None",
        "h['X-C'] = 'gone'",
        "h.pblock_remove('x-c')",
        "h.pblock_remove('x-c')",
        "h.add('Set-Cookie', 'a=1')",
        "h.add('Set-Cookie', 'b=2')",
        "h['X-Seen'] = repr([h['CONTENT-TYPE'], h['set-cookie'], h.has_key('x-b'), h.get('x-b'),"
        " h.findval('x-a')])",
        "sn.net_write(b'x')",
        "return REQ_PROCEED",
    )
    headers = site.get("page.py").headers
    assert headers.get_all("Content-Type") == ["image/png"]
    assert headers.get_all("X-A") == ["1"] and headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert "X-B" not in headers and "X-C" not in headers
    assert eval(headers["X-Seen"]) == ["image/png", "a=1, b=2", False, None, "1"]


def test_srvhdrs_set_in_content(site: Site):
    """They stay; the content type is that of the handler (Header() comes after Content())."""
    site.handler(
        "page.py",
        "self.rq.srvhdrs.update({'X-A': '1', 'Content-Type': 'image/png'}) or 'x'",
    )
    answer = site.get("page.py")
    assert (answer.headers["X-A"], answer.type) == ("1", "text/plain; charset=utf-8")


STATUSES = sorted({int(code) for code in httpdapi.Status if int(code) >= 200})


@pytest.mark.parametrize("text", ["", "x"], ids=["empty", "page"])
def test_each_status(site: Site, text: str):
    """Without a page of the handler's, Apache makes one."""
    site.handler(
        "page.py",
        repr(text),
        more="    def Status(self):\n"
        "        self.rq.protocol_status(self.sn, httpdapi.Status[self.req.args])\n",
    )
    for status in STATUSES:
        answer = site.get(f"page.py?{status}")
        assert answer.status == status
        if status in (204, 304):
            assert answer.body == b""
        elif text or status < 300:
            assert answer.text == text
        else:
            assert answer.text.count("<html>") == 1, status


def test_status_of_the_standard_library(site: Site):
    handle(
        site,
        "from http import HTTPStatus",
        "rq.protocol_status(sn, HTTPStatus.IM_A_TEAPOT)",
        "sn.net_write('short and stout')",
        "return REQ_PROCEED",
    )
    answer = site.get("page.py")
    assert (answer.status, answer.text) == (HTTPStatus.IM_A_TEAPOT, "short and stout")


@pytest.mark.parametrize("send", ["sn.net_write('x')", "rq.start_response(sn)", "pass"])
@pytest.mark.parametrize("status", ["PROTOCOL_CONTINUE", "PROTOCOL_SWITCHING"])
def test_statuses_that_are_of_no_answer(site: Site, send: str, status: str):
    """A client would wait for another answer, and take the body for it."""
    handle(site, f"rq.protocol_status(sn, {status})", send, "return REQ_PROCEED")
    site.log.expect("announces an answer and is not that of one: set one from 200 on")
    site.log.expect("page.py]")
    assert site.get("page.py").status == 500


def test_status_set_in_content_is_overwritten(site: Site):
    site.handler("page.py", "self.rq.protocol_status(self.sn, httpdapi.PROTOCOL_NOT_FOUND) or 'x'")
    assert site.get("page.py").status == 200


# ---- rq.start_response --------------------------------------------------------------------------


def test_start_response(site: Site):
    handle(
        site,
        "rq.srvhdrs['content-type'] = 'text/html'",
        "rq.protocol_status(sn, PROTOCOL_CREATED)",
        "found = [rq.response_started, rq.start_response(sn), rq.response_started]",
        "rq.srvhdrs['x-late'] = '1'",
        "rq.protocol_status(sn, PROTOCOL_FORBIDDEN)",
        "found += [rq.start_response(sn), rq.response_started]",
        "sn.net_write('é' + repr(found))",
        "return REQ_PROCEED",
    )
    answer = site.get("page.py")
    assert (answer.status, answer.type) == (201, "text/html; charset=utf-8")
    assert answer.text == "é" + repr([0, httpdapi.REQ_PROCEED, 1, httpdapi.REQ_PROCEED, 1])
    assert "X-Late" not in answer.headers


def test_start_response_and_nothing_else(site: Site):
    handle(
        site,
        "rq.srvhdrs['content-type'] = 'text/plain; charset=latin-1'",
        "rq.protocol_status(sn, PROTOCOL_NOT_FOUND)",
        "rq.start_response(sn)",
        "return REQ_PROCEED",
    )
    answer = site.get("page.py")  # which has begun: it is the handler's, and not Apache's
    assert (answer.status, answer.body, answer.type) == (404, b"", "text/plain; charset=latin-1")


@pytest.mark.parametrize(
    ("declared", "sent", "type_", "body"),
    [
        ("text/html", "'é'", "text/html; charset=utf-8", "é".encode()),
        ("text/html; charset=latin-1", "'é'", "text/html; charset=latin-1", b"\xe9"),
        ("text/html", "b'\\xe9'", "text/html", b"\xe9"),
        ("image/png", "b'\\xe9'", "image/png", b"\xe9"),
        ("application/json", "'é'", "application/json", "é".encode()),
        ("application/json", "memoryview(b'1')", "application/json", b"1"),
        (None, "'é'", None, "é".encode()),
    ],
)
def test_net_write(site: Site, declared: str | None, sent: str, type_: str | None, body: bytes):
    site.htaccess("RemoveType .py")
    handle(
        site,
        f"rq.srvhdrs['content-type'] = {declared!r}",
        f"sn.net_write({sent})",
        f"sn.net_write({sent})",
        "return REQ_PROCEED",
    )
    answer = site.get("page.py")
    assert (answer.type, answer.body) == (type_, body * 2)


def test_net_write_is_sent_at_once(site: Site):
    handle(
        site,
        "import os, time",
        "rq.start_response(sn)",
        "sn.net_write('first')",
        "while not os.path.exists('go'): time.sleep(0.005)",
        "sn.net_write('second')",
        "return REQ_PROCEED",
    )
    connection = http.client.HTTPConnection("127.0.0.1", site.server.server.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", f"{site.url}/page.py")
        response = connection.getresponse()
        assert response.read(5) == b"first"
        site.write("go", "")
        assert response.read() == b"second"


def test_net_write_to_a_client_that_is_gone(site: Site):
    site.path.chmod(0o777)
    handle(
        site,
        "try:",
        "    while True: sn.net_write('x' * 65536)",
        "except IOError as error:",
        "    open('said.new', 'w').write(repr(isinstance(error, OSError)))",
        "    import os; os.rename('said.new', 'said')",
        "    raise",
    )
    with socket.create_connection(("127.0.0.1", site.server.server.port), 10) as connection:
        connection.sendall(f"GET {site.url}/page.py HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert connection.recv(100)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    said = site.path / "said"
    wait_for("the handler's word", said.exists)
    assert said.read_text() == "True"
    assert "page.py" not in site.logged()  # it is no error of the handler's


# ---- sn: reading, and who the client is ---------------------------------------------------------


def test_net_read_and_form_data(site: Site):
    found = look(
        site,
        "[sn.net_read(3), sn.form_data(3), sn.net_read(0), sn.form_data(100), sn.form_data(1),"
        " sn.net_read(5)]",
        method="POST",
        body=b"abc\xe9\nf the rest",
    )
    assert found == [b"abc", "é\nf", b"", " the rest", "", b""]


def test_form_data_with_the_length_of_the_header(site: Site):
    """As a script of 1999 read its forms."""
    found = look(
        site, "sn.form_data(int(rq.headers['content-length']))", method="POST", body=b"a=1&b=2"
    )
    assert found == "a=1&b=2"


def test_client(site: Site):
    ip, keys, none, same, name = look(
        site,
        "(sn.client()['ip'], list(sn.client()), sn.client().get('x'),"
        " sn.client()['dns'] == sn.session_dns(), sn.session_dns())",
    )
    assert (ip, keys, none, same) == ("127.0.0.1", ["ip", "dns"], None, True)
    if name is not None:
        assert "127.0.0.1" in {info[4][0] for info in socket.getaddrinfo(name, None)}
    assert look(site, "dict(sn.client())") == {"ip": "127.0.0.1", "dns": name}


# ---- the log ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["log_err", "log_error"])
def test_log(site: Site, name: str):
    handle(
        site,
        f"rq.{name}('Handle', 'no such thing', sn)",
        f"rq.{name}('again', KeyError('a thing'))",
        "return REQ_PROCEED",
    )
    site.log.expect("page.py] for host")
    site.text("page.py?q=1")
    request = re.escape(f"GET {site.url}/page.py?q=1 HTTP/1.1")
    host = rf":error\].*page\.py\] for host 127\.0\.0\.1 trying to {request}, "
    assert re.search(rf"{host}Handle reports: no such thing$", log_line(site, "no such thing"))
    assert re.search(rf"{host}again reports: 'a thing'$", log_line(site, "a thing"))


@pytest.mark.parametrize("breaker", ["\\n", "\\r\\n", "\\0", "\\x0b", "\\u2028"])
def test_a_report_is_one_line(site: Site, breaker: str):
    """What a client has sent does not look like another report."""
    handle(site, f"rq.log_error('login', 'no user x{breaker}for host 1.2.3.4', sn)", "return 0")
    site.log.expect("page.py] for host 127.0.0.1")
    site.text("page.py")
    assert "for host 127.0.0.1" in log_line(site, "for host 1.2.3.4")


def test_a_report_of_any_bytes(site: Site):
    handle(site, "rq.log_error('path', rq.vars['path-info'] + '\\x1b\\u043a', sn)", "return 0")
    site.log.expect("path reports: /")
    site.text("page.py/%ff")


# ---- results ------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", ["REQ_PROCEED", "'REQ_PROCEED'", "0"])
def test_proceed(site: Site, result: str):
    handle(site, "sn.net_write('x')", f"return {result}")
    assert site.text("page.py") == "x"


@pytest.mark.parametrize(
    "result", ["REQ_ABORTED", "'REQ_ABORTED'", "500", "REQ_EXIT", "'REQ_EXIT'"]
)
def test_aborted(site: Site, result: str):
    handle(
        site,
        "rq.protocol_status(sn, int(self.req.args))",
        "rq.srvhdrs['X'] = '1'",
        f"return {result}",
    )
    for status, answered in (("200", 500), ("204", 500), ("404", 404), ("503", 503)):
        answer = site.get(f"page.py?{status}")
        assert answer.status == answered and f"<title>{answered}" in answer.text
        assert "additionally" not in answer.text.lower()
        assert answer.headers["X"] == "1" and "charset=iso-8859-1" in answer.type


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ("REQ_NOACTION", "REQ_NOACTION"),
        ("'REQ_NOACTION'", "REQ_NOACTION"),
        ("None", "None"),
        ("True", "True"),
        ("False", "False"),  # which equals REQ_PROCEED
        ("0.0", "0.0"),
        ("404", "404"),
        ("'done'", "'done'"),
        ("[0]", "[0]"),
        ("'<html>' + 'x' * 100_000", "'<html>xxxxxxxxxxx"),
        ("type('X', (), {'__repr__': lambda self: 1 / 0})()", "<X instance at "),
        ("type('X', (), {'__eq__': lambda self, other: 1 / 0, '__hash__': None})()", "<"),
    ],
)
def test_results_that_are_none(site: Site, result: str, said: str):
    handle(site, f"return {result}")
    site.log.expect(f"page.py: Handle() returned {said}")
    answer = site.get("page.py")
    assert answer.status == 500 and "import" not in answer.text
    assert len(log_line(site, "Handle() returned")) < 500


@pytest.mark.parametrize("result", ["False", "0.0", "True", "None", "''", "REQ_EXIT", "[]"])
def test_results_of_an_auth_handler_that_are_none(site: Site, result: str):
    """``return user == "ali"`` is no way to let anyone pass, nor to refuse."""
    protected(site, f"return {result}")
    if result != "REQ_EXIT":
        site.log.expect("AuthPythonModule auth: Handle() returned ")
    answer = ask(site, ALI)
    assert answer.status == 500 and "treasure" not in answer.text


def test_an_auth_handler_exits_with_the_status_it_has_set(site: Site):
    protected(site, "rq.protocol_status(sn, PROTOCOL_FORBIDDEN)", "return REQ_EXIT")
    assert ask(site, ALI).status == 403


# ---- as it was done in 1999 ---------------------------------------------------------------------

OLD_HANDLER = """
import httpdapi

class RequestHandler(httpdapi.RequestHandler):

    def Content(self):
        self.form = self.sn.form_data(int(self.rq.request_header("content-length", self.sn)))
        return "<p>%s from %s sent %s to %s" % (
            self.rq.vars.get("auth-user"), self.sn.client()["ip"], self.form,
            self.rq.reqpb["uri"])

    def Header(self):
        self.rq.srvhdrs["content-type"] = self.content_type
        self.rq.srvhdrs["x-server"] = self.pb.findval("server-software")

    def Status(self):
        self.rq.protocol_status(self.sn, httpdapi.Status["201"])

    def Send(self, content):
        self.rq.start_response(self.sn)
        self.sn.net_write(str(content))
"""
OLD_AUTH = """
import httpdapi

class AuthHandler(httpdapi.AuthHandler):

    def Handle(self):
        user = self.rq.vars["auth-user"]
        pw = self.rq.vars["auth-password"]
        if user == "eve":
            self.rq.protocol_status(self.sn, httpdapi.PROTOCOL_FORBIDDEN)
            return httpdapi.REQ_ABORTED
        if user == "ali" and pw == "open sesame":
            return httpdapi.REQ_PROCEED
        else:
            return httpdapi.REQ_NOACTION
"""


def test_a_site_of_1999(site: Site):
    site.write("page.py", OLD_HANDLER)
    site.write("auth.py", OLD_AUTH)
    site.htaccess(
        "AuthPythonModule auth", "AuthName cave", "AuthType Basic", "<Limit GET>",
        "Require valid-user", "</Limit>",
    )  # fmt: skip
    answer = site.request("POST", "page.py", "a=é".encode(), ALI)
    assert (answer.status, answer.headers["X-Server"]) == (201, "Apache")
    sent = "a=é".encode().decode("latin-1")
    assert answer.text == f"<p>ali from 127.0.0.1 sent {sent} to {site.url}/page.py"
    assert site.request("POST", "page.py", "a=1").status == 401
    assert site.request("POST", "page.py", "a=1", basic("ali", "x")).status == 401
    assert site.request("POST", "page.py", "a=1", basic("eve", "x")).status == 403
