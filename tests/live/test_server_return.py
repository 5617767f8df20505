"""SERVER_RETURN, the way out from any depth (reference 2.6), and PROG_TRACEBACK."""

import contextlib
import http.client
import socket

import pytest
from support.publishing import SETTINGS
from support.site import Answer, Site

HEAD = """
import httpdapi
from http import HTTPStatus
from httpdapi import *

ONE_INTERPRETER = True
"""
GO = "raise SERVER_RETURN(REQ_ABORTED, PROTOCOL_NOT_FOUND)"


def handler(site: Site, *lines: str, method: str = "Content", before: str = "") -> None:
    """A handler with a method that is *lines*."""
    body = "".join(f"        {line}\n" for line in lines)
    site.write(
        "page.py",
        f"{HEAD}{before}\nclass RequestHandler(httpdapi.RequestHandler):\n"
        f"    content_type = 'text/plain'\n    def {method}(self, *args):\n{body}",
    )


def raw(site: Site, path: str = "page.py", method: str = "GET") -> bytes:
    """All that the server sends until it closes, which the client does not ask it to do."""
    text = f"{method} {site.url}/{path} HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.server.server.port), 10) as connection:
        connection.sendall(text.encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


# ---- its forms ----------------------------------------------------------------------------------

FORMS = {
    "REQ_ABORTED, PROTOCOL_NOT_FOUND": 404,
    "(REQ_ABORTED, PROTOCOL_NOT_FOUND)": 404,
    "REQ_ABORTED, Status['403']": 403,
    "REQ_ABORTED, HTTPStatus.GONE": 410,
    "'REQ_ABORTED', 503": 503,
    "REQ_ABORTED, None": 500,
    "REQ_ABORTED, 0": 500,
    "REQ_ABORTED, PROTOCOL_OK": 500,
    "REQ_ABORTED": 500,
    "(REQ_ABORTED,)": 500,
    "PROTOCOL_FORBIDDEN": 403,
    "(PROTOCOL_FORBIDDEN,)": 403,
    "HTTPStatus.NOT_FOUND": 404,
    "REQ_PROCEED, PROTOCOL_NOT_FOUND": 404,
    "REQ_EXIT, PROTOCOL_NOT_FOUND": 404,
    "REQ_EXIT": 500,
}


@pytest.mark.parametrize(("form", "status"), FORMS.items(), ids=FORMS)
def test_forms(site: Site, form: str, status: int):
    handler(site, f"raise SERVER_RETURN({form})")
    answer = site.get("page.py")
    assert answer.status == status
    assert answer.text.count("<html>") == 1 and f"<title>{status} " in answer.text  # Apache's


@pytest.mark.parametrize(
    "form",
    [
        "REQ_PROCEED",
        "REQ_PROCEED, None",
        "(REQ_PROCEED, None)",
        "'REQ_PROCEED', 0",
        "REQ_PROCEED, PROTOCOL_OK",
    ],
)
def test_proceed(site: Site, form: str):
    handler(site, f"raise SERVER_RETURN({form})")
    answer = site.get("page.py")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("REQ_ABORTED, None", 410),
        ("REQ_ABORTED", 410),
        ("REQ_PROCEED, None", 410),
        ("REQ_PROCEED", 410),
        ("REQ_ABORTED, 404", 404),
        ("404", 404),
        ("REQ_PROCEED, 200", 200),
        ("REQ_ABORTED, 200", 500),
    ],
)
def test_status_that_was_set_before(site: Site, form: str, status: int):
    handler(site, "self.rq.protocol_status(self.sn, 410)", f"raise SERVER_RETURN({form})")
    assert site.get("page.py").status == status


WRONG = {
    "raise SERVER_RETURN": "SERVER_RETURN takes a result and a status, as in SERVER_RETURN("
    "REQ_ABORTED, PROTOCOL_NOT_FOUND), not ()",
    "raise SERVER_RETURN()": "not ()",
    "raise SERVER_RETURN(REQ_ABORTED, 404, 'text')": "not (500, 404, 'text')",
    "raise SERVER_RETURN((REQ_ABORTED, 404, 0))": "not ((500, 404, 0),)",
    "raise SERVER_RETURN(((REQ_ABORTED, 404),))": "not (((500, 404),),)",
    "raise SERVER_RETURN(None)": "not (None,)",
    "raise SERVER_RETURN(False)": "not (False,)",
    "raise SERVER_RETURN(200)": "not (200,)",
    "raise SERVER_RETURN('not found')": "not ('not found',)",
    "raise SERVER_RETURN(404, REQ_ABORTED)": "not (404, 500)",
    "raise SERVER_RETURN(REQ_ABORTED, '404')": "not (500, '404')",
    "raise SERVER_RETURN(REQ_ABORTED, [])": "not (500, [])",
    "raise SERVER_RETURN('x' * 100_000)": "not ('xxxxxxxxx",
    "raise SERVER_RETURN(type('X', (), {'__repr__': lambda self: 1 / 0})())": "not (<X instance at",
    "raise SERVER_RETURN(REQ_ABORTED, 99)": "a status is an int from 100 to 999, not 99",
    "raise SERVER_RETURN(REQ_ABORTED, 1000)": "a status is an int from 100 to 999, not 1000",
    "raise SERVER_RETURN(REQ_NOACTION, 404)": "SERVER_RETURN has the result REQ_NOACTION, which is "
    "no answer to a request",
    "raise SERVER_RETURN('REQ_NOACTION')": "the result REQ_NOACTION, which is no answer",
}


@pytest.mark.parametrize(("line", "said"), WRONG.items(), ids=[line[20:55] for line in WRONG])
def test_wrong_forms(site: Site, line: str, said: str):
    handler(site, line)
    site.log.expect(said)
    answer = site.get("page.py")
    assert answer.status == 500 and "SERVER_RETURN" not in answer.text  # nor any other source
    (logged,) = [text for text in site.logged().splitlines() if said in text]
    assert f"{site.path}/page.py: " in logged and len(logged) < 600


# ---- from any depth -----------------------------------------------------------------------------

PLACES = {
    "a function": (["leave()"], f"def leave(): {GO}"),
    "a deep one": (
        ["deep(200)"],
        f"def deep(n):\n    if n: deep(n - 1)\n    {GO}",
    ),
    "a try that catches errors": (["try: leave()", "except Exception: pass"], f"def leave(): {GO}"),
    "suppress": (
        ["with contextlib.suppress(Exception): leave()"],
        f"import contextlib\ndef leave(): {GO}",
    ),
    "a finally": (["try: 1 / 0", f"finally: {GO}"], ""),
    "an except": (["try: 1 / 0", f"except ZeroDivisionError: {GO}"], ""),
    "a callback": (["sorted('ab', key=leave)"], f"def leave(x): {GO}"),
    "a property": (["self.x"], f"class X:\n    @property\n    def x(self): {GO}\n", "X"),
    "a generator that a handler runs": (["list(gen())"], f"def gen():\n    yield 1\n    {GO}"),
    "a generator that is the page": ([GO, "yield 'x'"], ""),
    "what str() calls": (["return Page()"], f"class Page:\n    def __str__(self): {GO}\n"),
    "what a generator gives": (["yield Page()"], f"class Page:\n    def __str__(self): {GO}\n"),
    "a coroutine": (["asyncio.run(leave())"], f"import asyncio\nasync def leave(): {GO}"),
    "a task": (
        ["asyncio.run(run())"],
        "import asyncio\nasync def run(): await asyncio.create_task(leave())\n"
        f"async def leave(): {GO}",
    ),
    "a thread of an executor": (
        ["with ThreadPoolExecutor(1) as pool: pool.submit(leave).result()"],
        f"from concurrent.futures import ThreadPoolExecutor\ndef leave(): {GO}",
    ),
    "exec": ([f"exec({GO!r})"], ""),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_from_content(site: Site, place: tuple):
    lines, before, *base = place
    handler(site, *lines, before=before)
    if base:
        text = (site.path / "page.py").read_text()
        site.write("page.py", text.replace("(httpdapi.Request", f"({base[0]}, httpdapi.Request"))
    answer = site.get("page.py")
    assert answer.status == 404 and "<title>404 " in answer.text


@pytest.mark.parametrize("method", ["Handle", "Content", "Header", "Status", "Send", "__init__"])
def test_from_each_method(site: Site, method: str):
    handler(site, GO, method=method)
    assert site.get("page.py").status == 404
    assert site.request("HEAD", "page.py").status == 404


def test_from_a_helper_module(site: Site):
    site.write("deep/__init__.py", "")
    site.write("deep/helper.py", f"{HEAD}\ndef leave(): {GO}\n")
    handler(site, "helper.leave()", before="from deep import helper")
    assert site.get("page.py").status == 404


@pytest.mark.parametrize("name", ["page", "helper"])
def test_while_a_module_is_loaded(site: Site, name: str):
    site.write("helper.py", "")
    handler(site, "return 'x'", before="import helper")
    site.write(f"{name}.py", f"{HEAD}{GO}\n")
    assert [site.get("page.py").status for _ in range(2)] == [404, 404]
    site.write("helper.py", "")
    handler(site, "return 'x'", before="import helper")
    assert site.text("page.py") == "x"


def test_from_the_handler_of_a_directory(site: Site):
    site.htaccess("SetHandler python-program", "PythonOption handler page")
    handler(site, "if 'gone' in self.rq.reqpb['uri']: " + GO, "return 'here'")
    assert site.text("any.html") == "here" and site.get("gone.html").status == 404


def test_from_a_cgi_script(site: Site):
    site.htaccess("PythonOption handler httpdapi_cgi")
    site.write("page.py", f"{HEAD}print('Content-Type: text/plain')\n{GO}\n")
    assert site.get("page.py").status == 404


def test_from_a_published_object(site: Site):
    site.htaccess(*SETTINGS)
    site.write(
        "page.py",
        f'{HEAD}def leave():\n    """Leaves."""\n    {GO}\n'
        'def stay():\n    """Stays."""\n    return "stayed"\n',
    )
    for _ in range(2):
        assert site.get("page/leave").status == 404 and site.text("page/stay") == "stayed"


def test_what_is_to_be_cleaned_up_is(site: Site):
    handler(
        site,
        "if self.req.args: return repr(cleaned)",
        "try:",
        f"    {GO}",
        "finally:",
        "    cleaned.append('cleaned')",
        before="cleaned = []",
    )
    assert site.get("page.py").status == 404
    assert site.text("page.py?look") == "['cleaned']"


def test_what_catches_everything_catches_it(site: Site):
    """As it did in 1999; so does ``except SERVER_RETURN``."""
    handler(site, "try:", f"    {GO}", "except:", "    return 'caught'")
    assert site.text("page.py") == "caught"
    handler(site, "try:", f"    {GO}", "except SERVER_RETURN as e:", "    return str(e.args)")
    assert site.text("page.py") == "(500, 404)"


def test_with_debug_it_is_no_error(site: Site):
    site.htaccess("PythonOption debug 1")
    handler(site, GO)
    answer = site.get("page.py", Accept="text/html")
    assert answer.status == 404 and "SERVER_RETURN" not in answer.text
    assert "page.py" not in site.logged()


def test_from_threads_at_once(site: Site):
    handler(site, "raise SERVER_RETURN(REQ_ABORTED, int(self.req.args))")
    statuses = [403, 404, 409, 410, 500, 503] * 3
    connections = [
        http.client.HTTPConnection("127.0.0.1", site.server.server.port, timeout=10)
        for _ in statuses
    ]
    with contextlib.ExitStack() as stack:
        for connection, status in zip(connections, statuses, strict=True):
            stack.callback(connection.close)
            connection.request("GET", f"{site.url}/page.py?{status}")
        assert [c.getresponse().status for c in connections] == statuses


# ---- what goes with it --------------------------------------------------------------------------


def leave(site: Site, *lines: str, form: str = "REQ_ABORTED, PROTOCOL_NOT_FOUND") -> Answer:
    handler(site, *lines, f"raise SERVER_RETURN({form})", method="Handle")
    return site.get("page.py")


def test_headers_go_with_the_answer(site: Site):
    answer = leave(
        site,
        "self.rq.srvhdrs['Set-Cookie'] = 'a=1'",
        "self.rq.srvhdrs['Content-Type'] = 'image/png'",
        "self.rq.srvhdrs['Content-Length'] = '3'",
        "self.rq.srvhdrs['Content-Encoding'] = 'gzip'",
        "self.rq.srvhdrs['ETag'] = '\"x\"'",
    )
    assert answer.status == 404 and answer.headers["Set-Cookie"] == "a=1"
    assert answer.type == "text/html; charset=iso-8859-1" and "<title>404" in answer.text
    assert "Content-Encoding" not in answer.headers and "ETag" not in answer.headers


@pytest.mark.parametrize("form", ["REQ_ABORTED, PROTOCOL_REDIRECT", "302", "REQ_PROCEED, 302"])
def test_redirect(site: Site, form: str):
    answer = leave(site, "self.rq.srvhdrs['Location'] = '/elsewhere'", form=form)
    assert (answer.status, answer.headers["Location"]) == (302, "/elsewhere")
    assert "moved" in answer.text


def test_401_with_a_challenge(site: Site):
    challenge = "self.rq.srvhdrs['WWW-Authenticate'] = 'Basic realm=\"x\"'"
    answer = leave(site, challenge, form="REQ_ABORTED, PROTOCOL_UNAUTHORIZED")
    assert answer.status == 401 and answer.headers["WWW-Authenticate"] == 'Basic realm="x"'


def test_error_document(site: Site):
    site.htaccess(f"ErrorDocument 404 {site.url}/sorry.py", 'ErrorDocument 403 "none of that"')
    site.handler("sorry.py", "'sorry, ' + self.req.environment['REDIRECT_URL']")
    answer = leave(site)
    assert (answer.status, answer.text) == (404, f"sorry, {site.url}/page.py")
    answer = leave(site, form="403")
    assert (answer.status, answer.text) == (403, "none of that")


@pytest.mark.parametrize("status", [404, 503])
def test_from_an_error_document(site: Site, status: int):
    """Then the error gets Apache's own document, and no ErrorDocument again."""
    site.path.chmod(0o777)
    site.htaccess(f"ErrorDocument 404 {site.url}/page.py", f"ErrorDocument 503 {site.url}/page.py")
    handler(
        site,
        "open('asked', 'a').write('x')",
        f"raise SERVER_RETURN(REQ_ABORTED, {status})",
    )
    for times in (1, 2):
        answer = site.get("none.html")
        assert answer.status == 404 and answer.text.count("<html>") == 1
        assert (site.path / "asked").read_text() == "x" * times


def test_the_next_request_on_the_connection(site: Site):
    handler(site, "if self.req.method == 'POST': " + GO, "return 'x'")
    connection = http.client.HTTPConnection("127.0.0.1", site.server.server.port, timeout=10)
    with contextlib.closing(connection):
        for _ in range(3):
            connection.request("POST", f"{site.url}/page.py", b"not read " * 500)
            response = connection.getresponse()
            assert response.status == 404 and b"</html>" in response.read()
            connection.request("GET", f"{site.url}/page.py")
            assert connection.getresponse().read() == b"x"


# ---- after the answer has begun -----------------------------------------------------------------

BEGUN = {
    "net_write": ["self.sn.net_write('begun')"],
    "start_response and net_write": ["self.rq.start_response()", "self.sn.net_write('begun')"],
    "print": ["self.hook_stdout()", "print('begun', end='')"],
    "print and unhook": ["self.hook_stdout()", "print('begun', end='')", "self.unhook_stdout()"],
    "a generator": ["yield 'begun'"],
}


@pytest.mark.parametrize("form", ["REQ_ABORTED, None", "REQ_ABORTED, 404", "404", "REQ_EXIT"])
@pytest.mark.parametrize("lines", BEGUN.values(), ids=BEGUN.keys())
def test_given_up(site: Site, lines: list[str], form: str):
    """The client can tell that there is more, and gets nothing that is not the handler's."""
    handler(site, *lines, f"raise SERVER_RETURN({form})")
    answer = raw(site)  # which ends: the connection is closed
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.count(b"HTTP/1.1") == 1
    assert b"begun" in answer and b"<html>" not in answer
    assert not answer.endswith(b"0\r\n\r\n")  # no last chunk


@pytest.mark.parametrize("form", ["REQ_PROCEED, None", "REQ_PROCEED", "REQ_PROCEED, 404"])
@pytest.mark.parametrize("lines", BEGUN.values(), ids=BEGUN.keys())
def test_done(site: Site, lines: list[str], form: str):
    handler(site, *lines, f"raise SERVER_RETURN({form})")
    assert site.text("page.py") == "begun"
    connection = http.client.HTTPConnection("127.0.0.1", site.server.server.port, timeout=10)
    with contextlib.closing(connection):  # and the connection lives
        for _ in range(2):
            connection.request("GET", f"{site.url}/page.py")
            assert connection.getresponse().read() == b"begun"


def test_given_up_amid_a_declared_length(site: Site):
    handler(
        site,
        "self.rq.srvhdrs['Content-Length'] = '100'",
        "self.sn.net_write('begun')",
        "raise SERVER_RETURN(REQ_ABORTED, None)",
    )
    assert raw(site).endswith(b"\r\n\r\nbegun")


@pytest.mark.parametrize(
    "line", ["self.rq.start_response(self.sn)", "self.req.finish(b'kept')", "self.hook_stdout()"]
)
def test_while_nothing_has_gone_out_the_answer_is_another(site: Site, line: str):
    answer = leave(site, line)
    assert answer.status == 404 and "<title>404" in answer.text and "kept" not in answer.text


def test_proceed_with_what_was_finished(site: Site):
    answer = leave(site, "self.req.finish(b'whole')", form="REQ_PROCEED, 404")
    assert (answer.status, answer.text) == (404, "whole")


def test_wrong_form_after_output(site: Site):
    handler(site, "self.sn.net_write('begun')", "raise SERVER_RETURN")
    site.log.expect("SERVER_RETURN takes a result and a status")
    answer = raw(site)
    assert b"begun" in answer and not answer.endswith(b"0\r\n\r\n")


# ---- in an AuthHandler --------------------------------------------------------------------------


def guarded(site: Site, *lines: str, before: str = "") -> Answer:
    """What who asks for a file gets when an AuthHandler's Handle() is *lines*."""
    body = "".join(f"        {line}\n" for line in lines)
    site.write(
        "auth.py",
        f"{HEAD}{before}\nclass AuthHandler(httpdapi.AuthHandler):\n    def Handle(self):\n{body}",
    )
    site.write("file.txt", "treasure")
    site.htaccess("AuthPythonModule auth", "AuthName cave", "AuthType Basic", "Require valid-user")
    answer = site.get("file.txt")
    assert (answer.status == 200) == ("treasure" in answer.text)
    return answer


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("REQ_ABORTED, PROTOCOL_FORBIDDEN", 403),
        ("(REQ_ABORTED, PROTOCOL_FORBIDDEN)", 403),
        ("REQ_ABORTED, PROTOCOL_UNAUTHORIZED", 401),
        ("PROTOCOL_FORBIDDEN", 403),
        ("401", 401),
        ("REQ_ABORTED, None", 500),
        ("REQ_ABORTED, PROTOCOL_OK", 500),
        ("REQ_ABORTED", 500),
        ("REQ_EXIT, 403", 403),
        ("REQ_NOACTION, None", 401),
        ("REQ_NOACTION", 401),
        ("REQ_PROCEED, PROTOCOL_FORBIDDEN", 403),  # what says both denies
    ],
)
def test_auth_handler_denies(site: Site, form: str, status: int):
    answer = guarded(site, f"raise SERVER_RETURN({form})")
    assert answer.status == status
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize("form", ["REQ_PROCEED", "REQ_PROCEED, None", "'REQ_PROCEED', PROTOCOL_OK"])
def test_auth_handler_lets_pass(site: Site, form: str):
    answer = guarded(site, "self.req.user = 'ali'", f"raise SERVER_RETURN({form})")
    assert answer.status == 200


def test_auth_handler_with_a_status_set_before(site: Site):
    """It counts where the result aborts, and nowhere else."""
    first = "self.rq.protocol_status(self.sn, PROTOCOL_FORBIDDEN)"
    assert guarded(site, first, "raise SERVER_RETURN(REQ_ABORTED, None)").status == 403
    user = "self.req.user = 'ali'"
    assert guarded(site, first, user, "raise SERVER_RETURN(REQ_PROCEED, None)").status == 200


def test_auth_handler_from_a_helper(site: Site):
    site.write("rules.py", f"{HEAD}def check(user):\n    if not user: raise SERVER_RETURN(410)\n")
    lines = ["try: rules.check(self.rq.vars.get('auth-user'))", "except Exception: pass"]
    answer = guarded(
        site,
        "self.rq.srvhdrs['Set-Cookie'] = 'a=1'",
        *lines,
        "return REQ_PROCEED",
        before="import rules",
    )
    assert answer.status == 410 and answer.headers["Set-Cookie"] == "a=1"


@pytest.mark.parametrize("form", ["", "()", "(False)", "(REQ_PROCEED, 200, 0)", "(0, '200')"])
def test_auth_handler_with_a_wrong_form(site: Site, form: str):
    site.log.expect("AuthPythonModule auth: TypeError: SERVER_RETURN takes a result and a status")
    site.log.allow("file.txt]")
    assert guarded(site, f"raise SERVER_RETURN{form}").status == 500


def test_auth_module_that_leaves_while_it_is_loaded(site: Site):
    """Nobody has asked its AuthHandler."""
    site.log.expect("AuthPythonModule auth: SERVER_RETURN")
    site.log.allow("file.txt]")
    answer = guarded(site, "return REQ_NOACTION", before="raise SERVER_RETURN(REQ_PROCEED)")
    assert answer.status == 500


# ---- PROG_TRACEBACK -----------------------------------------------------------------------------

REPORTED = ["import sys", "try: broken()", "except Exception:"]


@pytest.mark.parametrize("arguments", ["*sys.exc_info()", "sys.exc_info()"])
def test_prog_traceback_is_the_error_that_was_caught(site: Site, arguments: str):
    site.htaccess("PythonOption debug 1")
    handler(
        site,
        *REPORTED,
        f"    raise PROG_TRACEBACK({arguments})",
        method="Handle",
        before="def broken(): {}['missing']",
    )
    site.log.expect("page.py: KeyError: 'missing'")
    site.log.expect("page.py]")
    answer = site.get("page.py", Accept="text/html")
    assert answer.status == 500 and "KeyError" in answer.text and "in broken" in answer.text


@pytest.mark.parametrize("arguments", ["", "'text'", "1, 2, 3", "None, None, None"])
def test_prog_traceback_of_something_else_is_reported_itself(site: Site, arguments: str):
    handler(site, f"raise PROG_TRACEBACK({arguments})", method="Handle")
    site.log.expect("page.py: PROG_TRACEBACK")
    site.log.expect("page.py]")
    assert site.get("page.py").status == 500


def test_a_handle_that_reports_errors_lets_server_return_pass(site: Site):
    """As the catch-all of 1999 did not."""
    handler(
        site,
        *REPORTED,
        "    raise PROG_TRACEBACK(*sys.exc_info())",
        method="Handle",
        before=f"def broken(): {GO}",
    )
    assert site.get("page.py").status == 404
