"""AuthPythonModule: who may pass, and that no one else does."""

import base64
import http.client
import socket
from contextlib import closing
from pathlib import Path

import pytest
from support.httpd import Httpd, configtest
from support.site import Answer, Site, at_once

PASSWORD = "open sesame"
AUTH = f"""
import httpdapi
class AuthHandler(httpdapi.AuthHandler):
    def Handle(self):
        v = self.rq.vars
        if v.get('auth-user') == 'locked':
            self.rq.protocol_status(self.sn, httpdapi.PROTOCOL_FORBIDDEN)
            return httpdapi.REQ_ABORTED
        if (v.get('auth-user'), v.get('auth-password')) in [('ali', {PASSWORD!r}), ('Zoë', 'ü')]:
            return httpdapi.REQ_PROCEED
        return httpdapi.REQ_NOACTION
"""
LINES = ["AuthPythonModule auth", 'AuthName "the cave"', "AuthType Basic", "Require valid-user"]


def basic(user: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


ALI = basic("ali", PASSWORD)


@pytest.fixture
def cave(site: Site) -> Site:
    """A protected directory with a script, a file and a directory below."""
    site.write("auth.py", AUTH)
    site.htaccess(*LINES)
    site.handler("page.py", "f'{self.req.user} {self.req.environment[\"REMOTE_USER\"]}'")
    site.write("file.txt", "treasure")
    site.sub("below").write("file.txt", "more treasure")
    return site


def ask(site: Site, path: str, method: str = "GET", headers: dict | None = None) -> Answer:
    return site.request(method, path, headers=headers or {})


# ---- the three results --------------------------------------------------------------------------


def test_proceed_noaction_aborted(cave: Site):
    answer = ask(cave, "file.txt")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="the cave"'
    assert "treasure" not in answer.text
    assert ask(cave, "file.txt", headers=ALI).text == "treasure"
    assert ask(cave, "file.txt", headers=basic("ali", "wrong")).status == 401
    answer = ask(cave, "file.txt", headers=basic("locked", "x"))
    assert answer.status == 403 and "WWW-Authenticate" not in answer.headers


def test_the_user_is_known_to_what_follows(cave: Site):
    assert ask(cave, "page.py", headers=ALI).text == "ali ali"
    assert ask(cave, "page.py", headers=basic("Zoë", "ü")).text.startswith("Zoë ")
    assert ask(cave, "below/file.txt", headers=ALI).text == "more treasure"
    assert ask(cave, "below/file.txt").status == 401


def test_names_of_results(cave: Site):
    cave.write("auth.py", AUTH.replace("httpdapi.REQ_PROCEED", "'REQ_PROCEED'"))
    assert ask(cave, "file.txt", headers=ALI).status == 200
    cave.write("auth.py", AUTH.replace("return httpdapi.REQ_NOACTION", "return 'REQ_NOACTION'"))
    assert ask(cave, "file.txt").status == 401


def test_edits_of_the_module_are_seen(cave: Site):
    assert ask(cave, "file.txt", headers=ALI).status == 200
    cave.write("auth.py", AUTH.replace(PASSWORD, "close sesame"))
    assert ask(cave, "file.txt", headers=ALI).status == 401


def test_autoreload_off(cave: Site):
    cave.htaccess("PythonOption autoreload 0", *LINES)
    assert ask(cave, "file.txt", headers=ALI).status == 200
    cave.write("auth.py", AUTH.replace(PASSWORD, "close sesame"))
    assert ask(cave, "file.txt", headers=ALI).status == 200


def test_interpreter_and_directory_of_the_line(cave: Site):
    """Decision 5: the directive's directory, whatever is asked for below it."""
    look = AUTH.replace(
        "        v = self.rq.vars\n",
        "        import os\n        v = self.rq.vars\n"
        "        self.rq.srvhdrs['X-Seen'] = f'{os.getcwd()} {self.req.interpreter}'\n",
    )
    cave.write("auth.py", look)
    for path in ("file.txt", "below/file.txt"):
        assert ask(cave, path, headers=ALI).headers["X-Seen"] == f"{cave.path} {cave.path}"


# ---- credentials of other kinds -----------------------------------------------------------------


def test_bearer_token(site: Site):
    site.write(
        "auth.py",
        "import httpdapi\nclass AuthHandler(httpdapi.AuthHandler):\n    def Handle(self):\n"
        "        if self.rq.headers.get('authorization') == 'Bearer t0ken':\n"
        "            self.req.user = 'robot'\n            return httpdapi.REQ_PROCEED\n"
        "        self.rq.srvhdrs['WWW-Authenticate'] = 'Bearer realm=\"api\"'\n"
        "        return httpdapi.REQ_NOACTION\n",
    )
    site.htaccess(*LINES)
    site.handler("page.py", "self.req.user")
    answer = ask(site, "page.py")
    assert (answer.status, answer.headers.get_all("WWW-Authenticate")) == (
        401,
        ['Bearer realm="api"'],
    )
    assert ask(site, "page.py", headers={"Authorization": "Bearer t0ken"}).text == "robot"
    assert ask(site, "page.py", headers={"Authorization": "Bearer other"}).status == 401


def test_cookie_of_a_form(site: Site):
    """Who has no session is sent to a page to log in; the session's cookie goes with the answer."""
    site.write(
        "auth.py",
        "import httpdapi\nclass AuthHandler(httpdapi.AuthHandler):\n    def Handle(self):\n"
        "        if 'session=ok' in self.rq.headers.get('cookie', ''):\n"
        "            self.req.user = 'cookie monster'\n"
        "            self.rq.srvhdrs['Set-Cookie'] = 'session=ok; Max-Age=60'\n"
        "            return httpdapi.REQ_PROCEED\n"
        "        self.rq.srvhdrs['Location'] = '/login'\n"
        "        self.rq.protocol_status(self.sn, httpdapi.PROTOCOL_REDIRECT)\n"
        "        return httpdapi.REQ_ABORTED\n",
    )
    site.htaccess(*LINES)
    site.write("file.txt", "biscuit")
    answer = ask(site, "file.txt")
    assert (answer.status, answer.headers["Location"]) == (302, "/login")
    answer = ask(site, "file.txt", headers={"Cookie": "session=ok"})
    assert answer.text == "biscuit" and answer.headers["Set-Cookie"] == "session=ok; Max-Age=60"


# ---- Require and Satisfy ------------------------------------------------------------------------


def test_require_user(cave: Site):
    cave.htaccess(*LINES[:3], "Require user Zoë morgiana")
    cave.log.allow("AH01631")
    assert ask(cave, "file.txt", headers=ALI).status == 401
    assert ask(cave, "file.txt", headers=basic("Zoë", "ü")).status == 200


def test_require_any(cave: Site):
    cave.htaccess(*LINES[:3], "<RequireAny>", "Require ip 10.0.0.1", LINES[3], "</RequireAny>")
    assert ask(cave, "file.txt").status == 401
    assert ask(cave, "file.txt", headers=ALI).status == 200
    cave.htaccess(*LINES[:3], "<RequireAny>", "Require ip 127.0.0.1", LINES[3], "</RequireAny>")
    assert ask(cave, "file.txt").status == 200


def test_require_all(cave: Site):
    cave.htaccess(*LINES[:3], "<RequireAll>", "Require not ip 127.0.0.1", LINES[3], "</RequireAll>")
    cave.log.allow("AH01630")
    assert ask(cave, "file.txt", headers=ALI).status in (401, 403)


@pytest.mark.parametrize("more", [[], ["Require all granted"]])
def test_without_a_require_that_wants_a_user(cave: Site, more: list[str]):
    """What is half configured is closed, not open."""
    cave.htaccess("AuthPythonModule auth", *more)
    answer = ask(cave, "file.txt")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="restricted"'
    assert ask(cave, "file.txt", headers=ALI).text == "treasure"
    assert ask(cave, "page.py", headers=ALI).text == "ali ali"


def test_limit_get_leaves_no_method_open(cave: Site):
    """Decision 30: the example of 1999, which left POST open."""
    cave.htaccess(*LINES[:3], "<Limit GET>", LINES[3], "</Limit>")
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PROPFIND", "X-OTHER"):
        assert ask(cave, "page.py", method).status == 401, method
        assert ask(cave, "page.py", method, ALI).status == 200, method


# ---- what is unexpected denies ------------------------------------------------------------------

UNEXPECTED = {
    "raises": "        raise KeyError('x')\n",
    "exits": "        raise SystemExit(0)\n",
    "times out": "        raise TimeoutError('database')\n",
    "returns nothing": "        pass\n",
    "returns True": "        return True\n",
    "returns 200": "        return 200\n",
    "returns a word": "        return 'OK'\n",
    "aborts with 200": "        self.req.status = 200\n        return httpdapi.REQ_ABORTED\n",
    "aborts with 204": "        self.req.status = 204\n        return httpdapi.REQ_ABORTED\n",
    "writes": "        self.sn.net_write('treasure')\n        return httpdapi.REQ_PROCEED\n",
    "finishes": "        self.req.finish(b'treasure')\n        return httpdapi.REQ_PROCEED\n",
    "sets a bad header": "        self.rq.srvhdrs['a b'] = 'c'\n"
    "        return httpdapi.REQ_PROCEED\n",
    "names a bad user": "        self.req.user = 'a\\nb'\n        return httpdapi.REQ_PROCEED\n",
}


@pytest.mark.parametrize("body", UNEXPECTED.values(), ids=UNEXPECTED.keys())
def test_unexpected(cave: Site, body: str):
    text = "import httpdapi\nclass AuthHandler(httpdapi.AuthHandler):\n    def Handle(self):\n"
    cave.write("auth.py", text + body)
    cave.log.allow("AuthPythonModule auth")
    cave.log.allow("HDPY0009")
    cave.log.allow("file.txt]")
    cave.log.allow("is no name of a header")
    answer = ask(cave, "file.txt", headers=ALI)
    assert answer.status == 500 and "treasure" not in answer.text
    cave.write("auth.py", AUTH)
    assert ask(cave, "file.txt", headers=ALI).text == "treasure"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "syntax error",
        "import none_such",
        "AuthHandler = 1",
        "class AuthHandler:\n    def Handle(self): return 0\n",
        "import httpdapi\nclass AuthHandler(httpdapi.RequestHandler):\n    pass\n",
    ],
)
def test_modules_that_are_none(cave: Site, text: str | None):
    path = cave.write("auth.py", text or "")
    if text is None:
        path.unlink()
    cave.htaccess("PythonOption debug 1", *LINES)
    cave.log.expect("AuthPythonModule auth: ")
    cave.log.allow("page.py]")
    cave.log.allow("file.txt]")
    for path in ("file.txt", "page.py"):
        answer = ask(cave, path, headers=ALI)
        assert answer.status == 500 and "treasure" not in answer.text
        assert "Traceback" not in answer.text  # not even with debug
    cave.write("auth.py", AUTH)
    assert ask(cave, "file.txt", headers=ALI).text == "treasure"


def test_client_that_stops_sending_what_the_auth_handler_reads(tmp_site: Path):
    """The timeout denies, and no file is sent."""
    (tmp_site / "auth.py").write_text(
        "import httpdapi\nclass AuthHandler(httpdapi.AuthHandler):\n    def Handle(self):\n"
        "        self.req.read()\n        return httpdapi.REQ_PROCEED\n"
    )
    (tmp_site / ".htaccess").write_text("AuthPythonModule auth\n")
    (tmp_site / "file.txt").write_text("treasure")
    with Httpd(tmp_site, "Timeout 1") as httpd:
        httpd.log.expect("AuthPythonModule auth: ")
        httpd.log.allow("file.txt]")
        with socket.create_connection(("127.0.0.1", httpd.port), 30) as connection:
            connection.sendall(
                b"POST /file.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"
            )
            answer = connection.recv(65536)
            assert answer.split()[1] in (b"500", b"408") and b"treasure" not in answer


@pytest.mark.parametrize("name", ["", "a/b", "../auth", "a b", "auth;x"])
def test_names_of_no_module(tmp_site: Path, name: str):
    section = f'<Directory "{tmp_site}">\nAuthPythonModule "{name}"\n</Directory>'
    status, said = configtest(tmp_site, section)
    assert status and "AuthPythonModule takes" in said


def test_credentials_appear_nowhere(cave: Site):
    cave.write(
        "auth.py",
        "import httpdapi\nclass AuthHandler(httpdapi.AuthHandler):\n    def Handle(self):\n"
        "        raise KeyError(str(dict(self.rq.headers)) + self.rq.vars['auth-password'])\n",
    )
    cave.log.expect("AuthPythonModule auth: KeyError")
    cave.log.allow("file.txt]")
    assert ask(cave, "file.txt", headers=ALI).status == 500
    cave.server.settle()
    log = "\n".join(cave.server.log.lines)
    assert PASSWORD not in log and ALI["Authorization"].split()[1] not in log
    assert "[hidden]" in log


def test_credentials_do_not_appear_in_debug_pages(site: Site):
    site.htaccess("PythonOption debug 1")
    site.handler("page.py", "{}[str(dict(self.req.headers_in))]")
    site.log.allow("page.py")
    answer = ask(site, "page.py", headers=ALI)
    assert answer.status == 500 and ALI["Authorization"].split()[1] not in answer.text
    assert "[hidden]" in answer.text


# ---- one decision for a request -----------------------------------------------------------------


@pytest.fixture
def counted(cave: Site) -> Site:
    """The cave with a count of decisions in a header."""
    cave.write(
        "auth.py",
        AUTH.replace("        v = self", "        count(self)\n        v = self")
        + "import itertools\nnumbers = itertools.count(1)\n"
        "def count(handler): handler.rq.srvhdrs['X-Count'] = str(next(numbers))\n",
    )
    assert ask(cave, "file.txt", headers=ALI).headers["X-Count"] == "1"
    return cave


def test_directory_index(counted: Site):
    counted.write("index.html", "the index")
    answer = ask(counted, "", headers=ALI)
    assert (answer.text, answer.headers["X-Count"]) == ("the index", "2")
    assert ask(counted, "").status == 401


def test_index_of_a_directory(counted: Site):
    counted.htaccess("Options +Indexes", "DirectoryIndex disabled", *LINES)
    counted.log.allow("AH01630")  # of the files it lists, .htaccess is denied
    answer = ask(counted, "", headers=ALI)
    assert answer.headers["X-Count"] == "2"
    if answer.status == 200:  # where mod_autoindex is there, it asks about each file
        assert "file.txt" in answer.text


def test_multiviews(counted: Site):
    counted.htaccess("Options +MultiViews", *LINES)
    answer = ask(counted, "file", headers=ALI)
    assert (answer.text, answer.headers["X-Count"]) == ("treasure", "2")
    assert ask(counted, "file").status == 401


def test_rewritten(counted: Site):
    counted.htaccess(*LINES, "RewriteEngine On", "RewriteRule ^old[.]txt$ file.txt")
    answer = ask(counted, "old.txt", headers=ALI)
    assert (answer.text, answer.headers["X-Count"]) == ("treasure", "2")
    assert ask(counted, "old.txt").status == 401


def test_error_document(counted: Site):
    counted.handler("sorry.py", "f'sorry {self.req.user}'")
    counted.htaccess(*LINES, f"ErrorDocument 404 {counted.url}/sorry.py")
    answer = ask(counted, "none.txt", headers=ALI)
    assert (answer.status, answer.text) == (404, "sorry ali")


def test_error_document_for_401(site: Site):
    outside = site.sub("outside")
    outside.handler("login.py", "f'log in, {self.req.user}'")
    inside = site.sub("inside")
    inside.write("auth.py", AUTH)
    inside.write("file.txt", "treasure")
    inside.htaccess(*LINES, f"ErrorDocument 401 {outside.url}/login.py")
    answer = ask(inside, "file.txt", headers=basic("ali", "wrong"))
    assert (answer.status, answer.text) == (401, "log in, None")
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="the cave"'


def test_inner_directory_with_a_module_of_its_own(cave: Site):
    inner = cave.sub("inner")
    inner.write("other.py", AUTH.replace(PASSWORD, "inner"))
    inner.htaccess("AuthPythonModule other")
    inner.write("file.txt", "gem")
    assert ask(inner, "file.txt", headers=ALI).status == 401
    assert ask(inner, "file.txt", headers=basic("ali", "inner")).text == "gem"


# ---- ways round it ------------------------------------------------------------------------------

BYPASSES = {
    "HEAD": ("HEAD {}/file.txt", ""),
    "OPTIONS": ("OPTIONS {}/file.txt", ""),
    "POST": ("POST {}/page.py", "Content-Length: 0\r\n"),
    "lower case method": ("get {}/file.txt", ""),
    "unknown method": ("BREW {}/page.py", ""),
    "double slash": ("GET {}//file.txt", ""),
    "leading double slash": ("GET /{}/file.txt", ""),
    "dot": ("GET {}/./file.txt", ""),
    "dot dot": ("GET {}/below/../file.txt", ""),
    "encoded name": ("GET {}/%66ile.txt", ""),
    "encoded dot dot": ("GET {}/below/%2e%2e/file.txt", ""),
    "encoded slash": ("GET {}%2ffile.txt", ""),
    "NUL": ("GET {}/file.txt%00.html", ""),
    "trailing dot": ("GET {}/file.txt.", ""),
    "trailing slash": ("GET {}/file.txt/", ""),
    "path info": ("GET {}/page.py/more", ""),
    "absolute form": ("GET http://x{}/file.txt", ""),
    "query": ("GET {}/file.txt?user=ali", ""),
    "range": ("GET {}/file.txt", "Range: bytes=0-3\r\n"),
    "conditional": ("GET {}/file.txt", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n"),
    "conditional on a tag": ("GET {}/file.txt", "If-None-Match: *\r\n"),
    "REMOTE_USER": ("GET {}/file.txt", "REMOTE_USER: ali\r\nRemote-User: ali\r\n"),
    "forwarded user": ("GET {}/file.txt", "X-Remote-User: ali\r\nX-Forwarded-User: ali\r\n"),
    "method override": ("POST {}/page.py", "X-HTTP-Method-Override: GET\r\nContent-Length: 0\r\n"),
    "original URL": ("GET {}/file.txt", "X-Original-URL: /\r\nX-Rewrite-URL: /\r\n"),
    "no colon": ("GET {}/file.txt", "Authorization: Basic YWxp\r\n"),
    "no base64": ("GET {}/file.txt", "Authorization: Basic !!!\r\n"),
    "empty Basic": ("GET {}/file.txt", "Authorization: Basic\r\n"),
    "NUL in the password": ("GET {}/file.txt", "Authorization: Basic YWxpOgBvcGVuIHNlc2FtZQ==\r\n"),
    "proxy credentials": ("GET {}/file.txt", "Proxy-Authorization: {basic}\r\n"),
    "two credentials": (
        "GET {}/file.txt",
        "Authorization: Basic eDp5\r\nAuthorization: {basic}\r\n",
    ),
    "upgrade": ("GET {}/file.txt", "Connection: Upgrade\r\nUpgrade: h2c\r\n"),
    "early request": ("GET {}/file.txt", "Expect: 100-continue\r\n"),
}


@pytest.mark.parametrize(("line", "headers"), BYPASSES.values(), ids=BYPASSES.keys())
def test_bypass(cave: Site, line: str, headers: str):
    cave.log.allow("AH00026")  # NUL in the path
    cave.log.allow("AH00127")  # encoded slash
    cave.log.allow("AH00126")
    cave.log.allow("AH10244")
    basic_ = ALI["Authorization"]
    text = f"{line.format(cave.url)} HTTP/1.1\r\nHost: x\r\n{headers.format(basic=basic_)}"
    with socket.create_connection(("127.0.0.1", cave.server.server.port), 10) as connection:
        connection.sendall(f"{text}Connection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.split()[1] in (b"400", b"401", b"403", b"404", b"501"), answer
    assert b"treasure" not in answer and b"ali" not in answer.partition(b"\r\n\r\n")[2]


def test_the_module_itself_is_not_sent(cave: Site):
    for path in ("auth.py", "auth", "auth.html"):
        cave.log.allow("auth.py")
        assert PASSWORD not in ask(cave, path, headers=ALI).text


def test_requests_at_once_are_not_mixed(cave: Site):
    users = [("ali", PASSWORD, "ali ali"), ("ali", "wrong", None), ("locked", "", None)] * 4

    def run(user: str, password: str, text: str | None) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", cave.server.server.port)) as c:
            for _ in range(25):
                c.request("GET", f"{cave.url}/page.py", headers=basic(user, password))
                answer = c.getresponse()
                body = answer.read().decode()
                assert (answer.status == 200) == (text is not None)
                assert text is None or body == text

    at_once([lambda u=u: run(*u) for u in users])


# ---- the server's own sections ------------------------------------------------------------------


def test_in_the_servers_configuration(tmp_site: Path):
    """Decision 6: outside of any directory the module is on sys.path, and runs where it may."""
    library = tmp_site / "lib"
    library.mkdir()
    (library / "serverauth.py").write_text(AUTH)
    (tmp_site / "file.txt").write_text("treasure")
    sections = (
        f'WSGIPythonPath "{library}"\n<Location />\nAuthPythonModule serverauth\n'
        "AuthType Basic\nAuthName server\nRequire valid-user\n</Location>"
    )
    modules = ("authn_core", "authz_user")
    with Httpd(tmp_site, sections, modules=modules) as httpd:
        assert httpd.get("file.txt").status == 401
        assert httpd.get("file.txt", **ALI).text == "treasure"
