"""CGI scripts inside Apache: PythonOption handler httpdapi_cgi."""

import contextlib
import http.client
import json
import os
import socket
import sys
import urllib.parse

import pytest
from support.httpd import Httpd
from support.site import Answer, Site, at_once, wait_for

HANDLER = "PythonOption handler httpdapi_cgi"
PLAIN = "print('Content-Type: text/plain\\n')\n"


@pytest.fixture
def cgi(site: Site) -> Site:
    """A directory whose .py and .cgi files are CGI scripts."""
    site.htaccess("AddHandler python-program .cgi", HANDLER)
    return site


def run(site: Site, script: str, method: str = "GET", query: str = "", body=None, **headers):
    """The answer of a script that begins its page as plain text."""
    site.write("page.py", PLAIN + script)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return site.request(method, f"page.py{query}", body, named)


def trouble(site: Site, *texts: str) -> None:
    """Expect lines with each text in the log, and whatever else is there of page.py."""
    for said in ("page.py", *texts):
        site.log.expect(said)


def text(site: Site, script: str, *rest, **headers) -> str:
    answer = run(site, script, *rest, **headers)
    assert answer.status == 200, (answer.status, answer.text, site.log.since_check()[-20:])
    return answer.text


# ---- running ------------------------------------------------------------------------------------


def test_page(cgi: Site):
    cgi.write("hello.py", '#!/usr/bin/python3\nprint("Content-Type: text/plain\\n")\nprint("hi")\n')
    answer = cgi.get("hello.py")
    assert (answer.status, answer.type, answer.text) == (200, "text/plain", "hi\n")
    assert answer.headers["Content-Length"] == "3"
    cgi.write("hello.cgi", "print('A: b\\n\\nother')")
    answer = cgi.get("hello.cgi")
    assert (answer.text, answer.headers["A"]) == ("other\n", "b")


def test_what_a_script_is(cgi: Site):
    script = (
        "import os, sys\nprint([__name__, __file__, sys.argv, os.getcwd(), sys.path[0], __doc__])"
    )
    here, file = str(cgi.path), str(cgi.path / "page.py")
    assert text(cgi, script) == f"{['__main__', file, [file], here, here, None]}\n"
    cgi.write("data.txt", "beside")
    assert text(cgi, "print(open('data.txt').read())") == "beside\n"


def test_main_is_the_script(cgi: Site):
    """pickle and dataclasses look into sys.modules["__main__"]."""
    script = """
from __future__ import annotations
import dataclasses, pickle, typing
import __main__

@dataclasses.dataclass
class Point:
    x: int
    origin: typing.ClassVar[int] = 0

print(pickle.loads(pickle.dumps(Point(3))), typing.get_type_hints(Point)["x"])
print(__main__.Point is Point, hasattr(__main__, "absent"), sorted(vars(__main__))[:1])
__main__.more = 1
print(more)
del __main__.more
print("more" in globals())
"""
    cgi.write("page.py", script.replace("import dataclasses", f"{PLAIN}import dataclasses"))
    assert cgi.text("page.py").splitlines() == [
        "Point(x=3) <class 'int'>",
        "True False ['Point']",
        "1",
        "False",
    ]


def test_each_request_starts_afresh_with_the_same_code(cgi: Site):
    script = "import sys\nn = globals().get('n', 0) + 1\nprint(n, id(sys._getframe().f_code))"
    first = text(cgi, script)
    assert first.startswith("1 ")
    assert {cgi.text("page.py") for _ in range(3)} == {first}


def test_an_edit_shows(cgi: Site):
    assert text(cgi, "print('one')") == "one\n"
    assert text(cgi, "print('two')") == "two\n"
    trouble(cgi, "SyntaxError")
    assert run(cgi, "print(").status == 500
    assert text(cgi, "print('three')") == "three\n"


def test_no_edit_shows_without_autoreload(cgi: Site):
    cgi.htaccess(HANDLER, "PythonOption autoreload 0")
    cgi.write("helper.py", "value = 1")
    script = "import helper\nprint(helper.value)"
    assert text(cgi, script) == "1\n"
    cgi.write("helper.py", "value = 2")
    assert text(cgi, "print('edited')") == "1\n"
    (cgi.path / "page.py").unlink()
    assert cgi.get("page.py").status == 404


def test_globals_go_with_the_request(cgi: Site):
    """What a script has open is closed at its end, as that of a process, also if it fails."""
    cgi.path.chmod(0o777)
    script = (
        "import fcntl\ndef cycle(): return lock\nlock = open('lock', 'w')\n"
        "fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)\nprint('locked')\n"
    )
    assert text(cgi, script) == "locked\n"
    cgi.write("bad.py", f"{PLAIN}{script}def fail(): 1 / 0\nfail()")
    cgi.log.expect("bad.py")
    cgi.log.expect("ZeroDivisionError")
    for _ in range(3):
        assert cgi.get("bad.py").status == 500
        assert cgi.text("page.py") == "locked\n"


@pytest.mark.parametrize("name", ["none.py", "none.cgi", "none", "", "sub", "sub/", "page.py.txt"])
def test_what_is_no_script_is_not_found(cgi: Site, name: str):
    cgi.sub("sub").write("data.bin", "secret")
    cgi.write("page.py.txt", f"{PLAIN}print('secret')")
    cgi.htaccess("SetHandler python-program", HANDLER)
    answer = cgi.get(name)
    assert answer.status in (404, 301) and "secret" not in answer.text


@pytest.mark.parametrize("name", ["data.bin", "script", "script.pl", "script.pyc", "script.PY"])
def test_only_py_and_cgi_files_run_and_nothing_is_sent(cgi: Site, name: str):
    cgi.htaccess("SetHandler python-program", HANDLER)
    cgi.write(name, "print('Secret: 1\\n\\nsecret')")
    cgi.log.allow("AH01630")  # .pyc files are denied anyway
    answer = cgi.get(name)
    assert answer.status in (403, 404) and "ecret" not in answer.text


def test_a_script_that_cannot_be_read(cgi: Site):
    if os.geteuid():
        pytest.skip("an ordinary user's Apache can read what the user cannot")
    cgi.write("page.py", f"{PLAIN}print('secret')", mode=0o600)
    trouble(cgi, "PermissionError")
    answer = cgi.get("page.py")
    assert answer.status == 500 and "secret" not in answer.text


@pytest.mark.parametrize("interpreter", ["main_interpreter", "shared-by-cgi-scripts"])
def test_in_another_interpreter(cgi: Site, interpreter: str):
    """Two directories in one interpreter: each script is found where it is."""
    lines = ["AddHandler python-program .cgi", HANDLER, f"PythonInterpreter {interpreter}"]
    for name in ("a", "b"):
        below = cgi.sub(name)
        below.htaccess(*lines)
        below.write("page.py", f"{PLAIN}import os, own_{name}\nprint(own_{name}.x, os.getcwd())")
        below.write(f"own_{name}.py", f"x = {name!r}")
    for _ in range(2):
        for name in ("a", "b"):
            assert cgi.text(f"{name}/page.py") == f"{name} {cgi.path}/{name}\n"


def test_handlers_beside_scripts_are_as_before(cgi: Site):
    """The same interpreter runs both."""
    cgi.htaccess(
        "AddHandler python-program .cgi",
        "<Files *.cgi>",
        HANDLER,
        "</Files>",
        "SetEnv CGI_TEST 1",
    )
    look = "(sys.argv, sys.path, sys.stdin is sys.stdin, sorted(os.environ), sys.stdout, __main__)"
    cgi.handler("page.py", f"repr([{look}, seen])", "import os, sys, __main__\nseen = []")
    before = cgi.text("page.py")
    cgi.write(
        "page.cgi",
        f"{PLAIN}import os, sys, threading\nos.environ['MINE'] = '1'\nsys.path.append('mine')\n"
        "sys.argv.append('mine')\nsys.stdout = sys.stderr = sys.stdout\nprint(sys.argv[1:])",
    )
    assert cgi.text("page.cgi") == "['mine']\n"
    assert cgi.text("page.py") == before
    assert "MINE" not in before and "CGI_TEST" not in before


# ---- helpers ------------------------------------------------------------------------------------


def test_helpers_are_imported_once_and_again_when_they_change(cgi: Site):
    cgi.write("helper.py", "import time\nstamp = time.time_ns()\nvalue = 1")
    script = "import helper\nprint(helper.stamp, helper.value)"
    first = text(cgi, script)
    assert cgi.text("page.py") == first
    cgi.write("helper.py", "import time\nstamp = time.time_ns()\nvalue = 2")
    second = cgi.text("page.py")
    assert second != first and second.endswith(" 2\n")
    assert cgi.text("page.py") == second


def test_helpers_of_helpers(cgi: Site):
    cgi.write("lib/__init__.py", "")
    cgi.write("lib/low.py", "value = 1")
    cgi.write("high.py", "from lib.low import value")
    assert text(cgi, "def show():\n    import high\n    print(high.value)\nshow()") == "1\n"
    cgi.write("lib/low.py", "value = 2")
    assert cgi.text("page.py") == "2\n"


def test_a_helper_keeps_its_values_when_it_is_loaded_again(cgi: Site):
    keep = "try:\n    cache\nexcept NameError:\n    cache = []\ncache.append({})\n"
    cgi.write("helper.py", keep.format(1))
    assert text(cgi, "import helper\nprint(helper.cache)") == "[1]\n"
    cgi.write("helper.py", keep.format(2))
    assert cgi.text("page.py") == "[1, 2]\n"


def test_a_broken_helper_is_an_error_until_it_is_mended(cgi: Site):
    cgi.write("helper.py", "value = 1")
    assert text(cgi, "import helper\nprint(helper.value)") == "1\n"
    cgi.write("helper.py", "value = ")
    trouble(cgi, "SyntaxError")
    assert [cgi.get("page.py").status for _ in range(2)] == [500, 500]
    cgi.write("helper.py", "value = 3")
    assert cgi.text("page.py") == "3\n"


def test_a_helper_that_is_gone(cgi: Site):
    cgi.write("helper.py", "value = 1")
    script = (
        "try:\n    import helper\n    print(helper.value)\nexcept ImportError:\n    print('gone')"
    )
    assert text(cgi, script) == "1\n"
    (cgi.path / "helper.py").unlink()
    assert [cgi.text("page.py") for _ in range(2)] == ["gone\n"] * 2
    cgi.write("helper.py", "value = 2")
    wait_for("the helper that is there again", lambda: cgi.text("page.py") == "2\n")


def test_a_handler_notices_what_a_script_has_let_go(cgi: Site):
    """One directory, one helper, a RequestHandler and a script."""
    cgi.htaccess("AddHandler python-program .cgi", "<Files *.cgi>", HANDLER, "</Files>")
    cgi.write("helper.py", "value = 1")
    cgi.write("page.cgi", f"{PLAIN}import helper\nprint(helper.value)")
    cgi.handler("page.py", "helper.value", "import helper")
    assert (cgi.text("page.py"), cgi.text("page.cgi")) == ("1", "1\n")
    cgi.write("helper.py", "value = ")
    trouble(cgi, "SyntaxError")
    assert (cgi.get("page.cgi").status, cgi.get("page.py").status) == (500, 500)
    cgi.write("helper.py", "value = 3")
    cgi.log.expect("page.cgi")
    wait_for("the handler's helper", lambda: cgi.get("page.py").text == "3")
    assert cgi.text("page.cgi") == "3\n"


def test_the_module_path_is_the_requests_own(cgi: Site):
    """A script that extends sys.path each time does not make it longer each time."""
    cgi.write("lib/deep.py", "value = 'deep'")
    script = "import sys\nsys.path.insert(0, 'lib')\nimport deep\nprint(deep.value, len(sys.path))"
    first = text(cgi, script)
    assert first.startswith("deep ")
    assert {cgi.text("page.py") for _ in range(3)} == {first}


# ---- arguments and environment ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "query", "words"),
    [
        ("GET", "", []),
        ("GET", "?", []),
        ("GET", "?a", ["a"]),
        ("GET", "?a+b%20c+%C3%A9", ["a", "b c", "é"]),
        ("GET", "?a%3Db", ["a=b"]),
        ("GET", "?a=b", []),
        ("GET", "?a+b=c", []),
        ("POST", "?a", []),
    ],
)
def test_arguments(cgi: Site, method: str, query: str, words: list[str]):
    answer = text(cgi, "import sys\nprint(ascii(sys.argv[1:]))", method, query)
    assert answer == f"{words!a}\n"


def environment(site: Site, path: str = "page.py", *args, **headers) -> dict[str, str]:
    script = f"{PLAIN}import json, os, sys\nsys.stdout.write(json.dumps(dict(os.environ)))"
    site.write("page.py", script)
    answer = site.request(*args or ("GET",), path, headers=headers)
    assert answer.status == 200, answer.text
    return json.loads(answer.text)


def test_environment(cgi: Site):
    cgi.htaccess(HANDLER, "SetEnv COLOUR red")
    found = environment(cgi, "page.py/more/x?a=b", **{"X-Mine": "1", "Cookie": "c=d"})
    url = f"{cgi.url}/page.py"
    expected = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_METHOD": "GET",
        "QUERY_STRING": "a=b",
        "SCRIPT_NAME": url,
        "SCRIPT_FILENAME": str(cgi.path / "page.py"),
        "PATH_INFO": "/more/x",
        "PATH_TRANSLATED": f"{found['DOCUMENT_ROOT']}/more/x",
        "REQUEST_URI": f"{url}/more/x?a=b",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_PORT": str(cgi.server.server.port),
        "HTTP_X_MINE": "1",
        "HTTP_COOKIE": "c=d",
        "COLOUR": "red",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert found["PATH"] and "SERVER_NAME" in found and "SERVER_SOFTWARE" in found
    assert not [name for name in found if name.startswith(("wsgi", "mod_wsgi", "httpdapy"))]
    bare = environment(cgi)
    assert "PATH_INFO" not in bare and "PATH_TRANSLATED" not in bare
    assert bare["QUERY_STRING"] == "" and "CONTENT_LENGTH" not in bare and "HOME" not in bare


def test_values_are_the_bytes_that_came(cgi: Site):
    script = "import os\nprint(os.environb[b'HTTP_X'], ascii(os.environ['HTTP_X']), "
    script += "os.environb[b'PATH_INFO'])"
    script += "\nprint(os.environ['SCRIPT_FILENAME'] == __file__, __file__)"
    site = cgi.sub("é")
    site.htaccess(HANDLER)
    site.write("page.py", PLAIN + script)
    path = f"{urllib.parse.quote(site.url)}/page.py/%C3%BC"
    answer = cgi.server.request("GET", path, headers={"X": "ä\xff"})
    assert answer.text.splitlines() == [
        "b'\\xe4\\xff' '\\udce4\\udcff' b'/\\xc3\\xbc'",
        f"True {site.path}/page.py",
    ]


def test_a_script_changes_its_own_environment_only(cgi: Site):
    script = """
import os
environ = os.environ
os.environ["MINE"] = "é"
print(os.getenv("MINE"), environ["MINE"], os.environb[b"MINE"], "MINE" in dict(os.environ))
del os.environ["MINE"]
print(os.environ.get("MINE"), os.environ.pop("QUERY_STRING"), "QUERY_STRING" in os.environ)
try:
    del os.environ["MINE"]
except KeyError as error:
    print(error)
os.environ.update(MINE="2")
print(len(os.environ.copy()) == len(os.environ), sorted(os.environ)[0])
"""
    first = text(cgi, script)
    assert first.splitlines()[:3] == ["é é b'\\xc3\\xa9' True", "None  False", "'MINE'"]
    assert cgi.text("page.py") == first


def test_the_environment_of_helpers_is_that_of_the_script(cgi: Site):
    """Whenever they have taken os.environ; so it is with cgi.FieldStorage(environ=os.environ)."""
    cgi.write("helper.py", "from os import environ\ndef query(e=environ): return e['QUERY_STRING']")
    cgi.write("page.py", f"{PLAIN}import helper\nprint(helper.query())")
    assert [cgi.text(f"page.py?n={n}") for n in range(3)] == [f"n={n}\n" for n in range(3)]


# ---- input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "printed"),
    [
        ("sys.stdin.read()", "'one\\ntwé\\n3'"),
        ("sys.stdin.buffer.read()", r"b'one\ntw\xc3\xa9\n3'"),
        ("sys.stdin.buffer.read(5) + sys.stdin.buffer.readline()", r"b'one\ntw\xc3\xa9\n'"),
        ("list(sys.stdin)", "['one\\n', 'twé\\n', '3']"),
        ("next(sys.stdin)", "'one\\n'"),
        ("(input(), input(), sys.stdin.readline(), sys.stdin.read())", "('one', 'twé', '3', '')"),
        ("sys.__stdin__.readlines()", "['one\\n', 'twé\\n', '3']"),
        ("isinstance(sys.stdin, io.TextIOWrapper), sys.stdin.encoding", "(True, 'utf-8')"),
        ("sys.stdin.reconfigure(encoding='latin-1') or sys.stdin.read(6)", "'one\\ntw'"),
        ("open(sys.stdin.fileno()) if 0 else sys.stdin.isatty()", "False"),
    ],
)
def test_input(cgi: Site, script: str, printed: str):
    answer = text(
        cgi, f"import io, sys\nprint(repr(({script})))", "POST", "", "one\ntwé\n3".encode()
    )
    assert answer == f"{printed}\n"


def test_no_body_is_an_empty_input(cgi: Site):
    assert text(cgi, "import sys\nprint(repr(sys.stdin.read()))") == "''\n"


def test_a_script_may_replace_its_input(cgi: Site):
    script = "import io, sys\nbefore = sys.stdin\nsys.stdin = io.StringIO('mine\\n')\n"
    script += "print(input(), sys.stdin.read())\nsys.stdin = before\nprint(input())"
    assert text(cgi, script, "POST", "", b"sent\n") == "mine \nsent\n"
    assert text(cgi, "print(input())", "POST", "", b"again\n") == "again\n"


def test_a_chunked_body(cgi: Site):
    answer = run(
        cgi,
        "import os, sys\nprint('CONTENT_LENGTH' in os.environ, sys.stdin.read())",
        "POST",
        "",
        iter([b"a", b"bc"]),
    )
    assert answer.text == "False abc\n"


def test_large_bodies_are_streamed(cgi: Site):
    """In and out, piece by piece: the answer to the first comes before the last is sent."""
    script = "import sys\nsys.stdout.flush()\n"
    script += (
        "while piece := sys.stdin.buffer.read(1 << 20): sys.stdout.buffer.write(piece.upper())"
    )
    cgi.write("page.py", PLAIN + script)
    connection = http.client.HTTPConnection("127.0.0.1", cgi.server.server.port, timeout=30)
    with contextlib.closing(connection):
        connection.putrequest("POST", f"{cgi.url}/page.py")
        connection.putheader("Content-Length", str(24 << 20))
        connection.endheaders(b"x" * (1 << 20))
        response = connection.response_class(connection.sock, method="POST")
        response.begin()
        assert response.read(1 << 20) == b"X" * (1 << 20)
        for _ in range(23):
            connection.send(b"x" * (1 << 20))
            assert len(response.read(1 << 20)) == 1 << 20
        assert response.read() == b""


def test_a_body_that_is_not_read(cgi: Site):
    connection = http.client.HTTPConnection("127.0.0.1", cgi.server.server.port, timeout=10)
    cgi.write("page.py", f"{PLAIN}print('unread')")
    with contextlib.closing(connection):
        for _ in range(2):
            connection.request("POST", f"{cgi.url}/page.py", b"x" * 100_000)
            assert connection.getresponse().read() == b"unread\n"


# ---- output -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "body"),
    [
        ("print('é')", "é\n".encode()),
        ("sys.stdout.write('a'); sys.stdout.flush(); sys.stdout.buffer.write(b'\\xff')", b"a\xff"),
        ("sys.stdout.writelines(['a', 'b'])", b"ab"),
        ("sys.stdout.buffer.write(memoryview(b'abc')[1:])", b"bc"),
        ("sys.stdout.reconfigure(encoding='latin-1'); print('é')", b"\xe9\n"),
        ("sys.stdout = io.TextIOWrapper(sys.stdout.buffer, 'latin-1'); print('é')", b"\xe9\n"),
        ("sys.stdout = io.TextIOWrapper(sys.stdout.detach(), 'latin-1'); print('é')", b"\xe9\n"),
        ("sys.stdout = codecs.getwriter('latin-1')(sys.stdout.buffer); print('é')", b"\xe9\n"),
        ("out = io.TextIOWrapper(sys.stdout.buffer, 'latin-1'); out.write('é')", b"\xe9"),
        ("print('a'); sys.stderr = sys.stdout; print('b', file=sys.stderr)", b"a\nb\n"),
        ("print('a', file=sys.__stdout__)", b"a\n"),
        ("sys.stdout = io.StringIO(); print(1); sys.stdout = sys.__stdout__; print(2)", b"2\n"),
        ("o = sys.stdout; sys.stdout = io.StringIO(); print(1); sys.stdout = o; print(2)", b"2\n"),
        ("print(os.write is not None, sys.stdout.isatty(), sys.stdout.encoding)", None),
        ("print('a'); sys.stdout.close()", b"a\n"),
        ("sys.stdout.write(input('prompt '))", b"prompt typed"),
        ("print(end='')", b""),
    ],
)
def test_output(cgi: Site, script: str, body: bytes | None):
    before = "import codecs, io, os, sys\nsys.stdout.flush()\n"
    answer = run(cgi, before + script, "POST", "", b"typed")
    assert answer.status == 200
    assert answer.body == (body if body is not None else b"True False utf-8\n")
    assert text(cgi, "print('next')") == "next\n"


def test_a_stream_around_the_output(cgi: Site):
    script = """
import contextlib, io, sys

class Tee:
    def __init__(self, stream):
        self.stream = stream
        self.copy = ""
    def write(self, text):
        self.copy += text
        return self.stream.write(text.upper())

sys.stdout = tee = Tee(sys.stdout)
print("shown")
with contextlib.redirect_stdout(io.StringIO()) as caught:
    print("caught")
print(repr(caught.getvalue()), file=tee.stream)
print("again")
"""
    assert text(cgi, script) == "SHOWN\n'caught\\n'\nAGAIN\n"


def test_a_helper_may_keep_the_output(cgi: Site):
    cgi.write("helper.py", "import sys\ndef show(text, out=sys.stdout): print(text, file=out)")
    for n in range(3):
        assert text(cgi, f"import helper\nhelper.show({n})") == f"{n}\n"


def test_output_is_one_answer_with_its_length(cgi: Site):
    answer = run(cgi, "for n in range(1000): print(n)")
    assert answer.headers["Content-Length"] == str(len(answer.body)) and len(answer.body) == 3890
    answer = run(cgi, "print('x' * 5_000_000)")
    assert len(answer.body) == 5_000_001


def test_flush_sends(cgi: Site):
    cgi.path.chmod(0o777)
    script = "import os, sys, time\nprint('first', flush=True)\n"
    script += "while not os.path.exists('go'): time.sleep(.01)\nprint('second')"
    cgi.write("page.py", PLAIN + script)
    connection = http.client.HTTPConnection("127.0.0.1", cgi.server.server.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", f"{cgi.url}/page.py")
        response = connection.getresponse()
        assert response.read(6) == b"first\n"
        cgi.write("go", "")
        assert response.read() == b"second\n"


def test_flush_before_the_header_is_complete(cgi: Site):
    script = (
        "print('A: b', flush=True)\nprint('Set-Cookie: c', flush=True)\nprint(flush=True)\nprint(1)"
    )
    cgi.write("page.py", script)
    answer = cgi.get("page.py")
    assert (answer.text, answer.headers["A"], answer.headers["Set-Cookie"]) == ("1\n", "b", "c")


def test_errors_go_to_the_log(cgi: Site):
    cgi.log.expect("to the log")
    assert text(cgi, "import sys\nprint('to the log', file=sys.stderr)\nprint('page')") == "page\n"


def test_threads_of_a_script_are_its_own(cgi: Site):
    """They print into its page and see its environment."""
    script = """
import os, threading
def work(n):
    print(n, os.environ["QUERY_STRING"])
for n in range(3):
    thread = threading.Thread(target=work, args=[n])
    thread.start()
    thread.join()
"""
    cgi.write("page.py", PLAIN + script)
    assert cgi.text("page.py?q") == "0 q\n1 q\n2 q\n"


def test_a_client_that_goes_away_is_no_error(cgi: Site):
    cgi.path.chmod(0o777)
    script = (
        "import os, sys, time\nprint('first', flush=True)\nopen('begun', 'w').close()\n"
        "while not os.path.exists('go'): time.sleep(.01)\n"
        "try:\n    for _ in range(1000): print('x' * 100_000)\n"
        "except OSError as error: open('gone', 'w').write(type(error).__name__); raise\n"
    )
    cgi.write("page.py", PLAIN + script)
    with socket.create_connection(("127.0.0.1", cgi.server.server.port), 10) as connection:
        connection.sendall(f"GET {cgi.url}/page.py HTTP/1.0\r\n\r\n".encode())
        wait_for("its beginning", (cgi.path / "begun").exists)
        connection.recv(10)
    cgi.write("go", "")
    wait_for("its end", (cgi.path / "gone").exists)
    wait_for("the error", lambda: (cgi.path / "gone").read_text() == "ClientGoneError")


# ---- the header ---------------------------------------------------------------------------------


def test_headers(cgi: Site):
    cgi.write(
        "page.py",
        "print('Status: 418 Tea\\r\\nContent-type: text/x; charset=x\\r\\nX-Mine: 1\\r\\n"
        "Set-Cookie: a=1\\r\\nSet-Cookie: b=2\\r\\nX-Mine: 2\\r\\n\\r\\npot', end='')",
    )
    answer = cgi.get("page.py")
    assert (answer.status, answer.type, answer.text) == (418, "text/x; charset=x", "pot")
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert ", ".join(answer.headers.get_all("X-Mine")) == "1, 2"


@pytest.mark.parametrize("status", [200, 204, 304, 302, 404, 500, 599])
def test_an_empty_page_is_the_scripts(cgi: Site, status: int):
    cgi.write("page.py", f"print('Status: {status} Whatever\\nX-Mine: 1\\n')")
    answer = cgi.get("page.py")
    assert (answer.status, answer.body, answer.headers["X-Mine"]) == (status, b"", "1")


def test_a_declared_length(cgi: Site):
    cgi.write("page.py", "print('Content-Length: 100\\n\\nabc', end='')")
    assert cgi.get("page.py").headers["Content-Length"] == "3"  # it is known better
    assert cgi.request("HEAD", "page.py").headers["Content-Length"] == "3"


def test_head(cgi: Site):
    cgi.write("page.py", f"import os\n{PLAIN}print(os.environ['REQUEST_METHOD'])")
    answer = cgi.request("HEAD", "page.py")
    assert (answer.status, answer.body, answer.type) == (200, b"", "text/plain")
    assert answer.headers["Content-Length"] == "5"
    cgi.write("page.py", f"{PLAIN}print('x' * 200_000)")
    assert cgi.request("HEAD", "page.py").body == b""


def test_nph(cgi: Site):
    """The status line is understood; the rest is Apache's, as for any script."""
    cgi.write(
        "nph-page.cgi",
        "print('HTTP/1.0 404 Gone\\r\\nServer: mine\\r\\nX-Mine: 1\\r\\n\\r\\nfish', end='')",
    )
    answer = cgi.get("nph-page.cgi")
    assert (answer.status, answer.text, answer.headers["X-Mine"]) == (404, "fish", "1")
    assert answer.headers.get_all("Server") != ["mine"] and len(answer.headers.get_all("Date")) == 1


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_location_within_the_server(cgi: Site, method: str):
    """What is there answers, at the same URL, to a GET without a body (RFC 3875 section 6.2.2)."""
    cgi.write(
        "page.py",
        f"print('Location: {cgi.url}/target.py/info?a=%20b\\nSet-Cookie: c=d\\nX-Length: 1\\n')\n"
        "print('x' * 200_000)",
    )
    cgi.write(
        "target.py",
        f"{PLAIN}import os, sys\nfor name in ('REQUEST_METHOD', 'QUERY_STRING', 'PATH_INFO', "
        "'CONTENT_LENGTH', 'REDIRECT_STATUS'): print(os.environ.get(name))\n"
        "print(repr(sys.stdin.read()))",
    )
    answer = cgi.request(method, "page.py", None if method == "GET" else b"sent")
    assert answer.status == 200 and answer.headers["Set-Cookie"] == "c=d"
    assert "Location" not in answer.headers
    assert answer.text.splitlines() == ["GET", "a=%20b", "/info", "None", "200", "''"]


def test_location_of_a_file(cgi: Site):
    cgi.write("data.txt", "0123456789")
    cgi.write("page.py", f"print('Content-Type: x/y\\nLocation: {cgi.url}/data.txt\\n')")
    answer = cgi.get("page.py")
    assert (answer.status, answer.text) == (200, "0123456789") and answer.type != "x/y"
    assert cgi.get("page.py", Range="bytes=2-3").body == b"23"
    assert cgi.request("HEAD", "page.py").headers["Content-Length"] == "10"


def test_location_keeps_the_connection_in_order(cgi: Site):
    cgi.write("data.txt", "data")
    cgi.write("page.py", f"print('Location: {cgi.url}/data.txt\\n')")
    connection = http.client.HTTPConnection("127.0.0.1", cgi.server.server.port, timeout=10)
    with contextlib.closing(connection):
        for body in (b"x" * 300_000, None, iter([b"a", b"b"])):
            connection.request("POST", f"{cgi.url}/page.py", body)
            assert connection.getresponse().read() == b"data"


def test_location_of_itself(cgi: Site):
    cgi.write("page.py", f"print('Location: {cgi.url}/page.py\\n')")
    cgi.log.expect("AH00124")
    assert cgi.get("page.py").status == 500


def test_location_of_nothing_and_of_what_is_denied(cgi: Site):
    cgi.write("page.py", f"print('Location: {cgi.url}/none.txt\\n')")
    assert cgi.get("page.py").status == 404
    cgi.write("page.py", f"print('Location: {cgi.url}/.htaccess\\n')")
    cgi.log.expect("AH01630")
    assert cgi.get("page.py").status == 403


@pytest.mark.parametrize("location", ["http://example.org/x?y", "elsewhere.html"])
def test_location_elsewhere(cgi: Site, location: str):
    cgi.write("page.py", f"print('Location: {location}\\nSet-Cookie: a=b\\n')\nprint('unseen')")
    answer = cgi.get("page.py")
    assert (answer.status, answer.headers["Location"]) == (302, location)
    assert answer.headers["Set-Cookie"] == "a=b" and "unseen" not in answer.text
    assert location in answer.text  # Apache's own page


def test_status_with_location(cgi: Site):
    cgi.write("page.py", "print('Status: 301 Moved\\nLocation: /x\\n\\nmine', end='')")
    answer = cgi.get("page.py")
    assert (answer.status, answer.headers["Location"], answer.text) == (301, "/x", "mine")
    cgi.write("page.py", "print('Status: 201 Made\\nLocation: /x\\n\\nmine', end='')")
    assert cgi.get("page.py").status == 201


def test_another_handler_may_redirect(cgi: Site):
    cgi.htaccess()
    cgi.write("data.txt", "data")
    cgi.handler("page.py", f"self.req.internal_redirect({cgi.url!r} + '/data.txt')")
    assert cgi.text("page.py") == "data"
    for bad in ("data.txt", "", "/a\\nb", "/\\u20ac"):
        cgi.handler("page.py", f"self.req.internal_redirect('{bad}')")
        cgi.log.expect("is no path of a URL")
        assert cgi.get("page.py").status == 500
    cgi.handler("page.py", "self.req.write(b'x') or self.req.internal_redirect('/x')")
    cgi.log.expect("the answer has begun")
    cgi.log.expect("page.py")
    with contextlib.suppress(http.client.IncompleteRead):
        cgi.get("page.py")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("print('hello')", "CGIError: line 1 of the output, 'hello', is no header"),
        ("print('A: b\\n<p>')", "CGIError: line 2 of the output, '<p>', is no header"),
        ("print('Status: no\\n\\n')", "'Status: no', has no status from 200 to 599"),
        ("pass", "CGIError: premature end of the script: it has printed nothing"),
        ("print('A: b')", "CGIError: premature end of the script's header"),
        ("print('A: b', end='')", "CGIError: premature end of the script's header"),
        ("print('x\\n' * 100_000)", "is no header"),
        ("print('x' * 100_000)", "CGIError: more than 65536 bytes of output"),
        ("try:\n    print('x\\n' * 99999)\nexcept Exception: print('A: b\\n')", "is no header"),
    ],
)
def test_what_is_no_answer(cgi: Site, script: str, message: str):
    cgi.write("page.py", script)
    trouble(cgi, message)
    answer = cgi.get("page.py")
    assert answer.status == 500 and "CGIError" not in answer.text
    cgi.htaccess(HANDLER, "PythonOption debug 1")
    answer = cgi.get("page.py", Accept="text/plain")
    assert answer.status == 500 and message in answer.text


# ---- the end ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "logged"),
    [
        ("sys.exit()", None),
        ("sys.exit(0)", None),
        ("raise SystemExit", None),
        ("exit()", None),
        ("(lambda: sys.exit(None))()", None),
        ("sys.exit(3)", "the script has ended with status 3"),
        ("sys.exit(True)", "the script has ended with status True"),
        ("sys.exit('so it goes')", "so it goes"),
    ],
)
def test_exit(cgi: Site, end: str, logged: str | None):
    if logged is not None:
        cgi.log.expect(f"page.py: {logged}")
    assert text(cgi, f"import sys\nprint('so far')\n{end}\nprint('not')") == "so far\n"


def test_exit_without_a_page(cgi: Site):
    cgi.write("page.py", "import sys\nsys.exit('no page')")
    trouble(cgi, "page.py: no page", "premature end of the script")
    assert cgi.get("page.py").status == 500


def test_exceptions(cgi: Site):
    trouble(cgi, "ValueError: wrong")
    answer = run(cgi, "print('so far')\ndef inner():\n    raise ValueError('wrong')\ninner()")
    assert answer.status == 500 and "so far" not in answer.text and "wrong" not in answer.text
    assert answer.headers["Content-Type"].startswith("text/html")
    lines = cgi.logged()
    assert f'File "{cgi.path}/page.py", line 5, in <module>' in lines
    assert "line 4, in inner" in lines and "handlers/cgi.py" not in lines


def test_debug_page(cgi: Site):
    cgi.htaccess(HANDLER, "PythonOption debug 1")
    trouble(cgi, "MineError: its own words")
    script = "print('Status: 404\\nX: y\\n')\nclass MineError(Exception):\n"
    script += "    def __str__(self): return WORD\nWORD = 'its own words'\nraise MineError"
    cgi.write("page.py", script)
    answer = cgi.get("page.py")
    assert answer.status == 500 and "X" not in answer.headers
    assert f"{cgi.path}/page.py, line 5, in &lt;module&gt;" in answer.text
    assert "its own words" in answer.text and "handlers/cgi.py" not in answer.text


def test_an_exception_after_the_beginning_cuts_the_page_short(cgi: Site):
    trouble(cgi, "ZeroDivisionError")
    with pytest.raises(http.client.IncompleteRead):
        run(cgi, "print('begun', flush=True)\n1 / 0")


@pytest.mark.parametrize(
    ("name", "text"), [("cgi", "pip install 'httpdapy[cgi]'"), ("cgitb", "httpdapy[cgi]")]
)
def test_a_missing_package_is_named(cgi: Site, name: str, text: str):
    cgi.htaccess(HANDLER, "PythonOption debug 1")
    trouble(cgi, "pip install")
    answer = run(
        cgi, f"import sys\nsys.modules[{name!r}] = None\nimport {name}", Accept="text/plain"
    )
    assert answer.status == 500 and text in answer.text and f"module {name} " in answer.text


def test_an_exception_hook_of_the_scripts(cgi: Site):
    """The page that it makes is the answer; the log has the traceback all the same."""
    script = "import sys\ndef hook(kind, value, trace): print(kind.__name__, value)\n"
    script += "sys.excepthook = hook\nraise ValueError('caught')"
    trouble(cgi, "ValueError: caught")
    assert text(cgi, script) == "ValueError caught\n"
    answer = run(cgi, "raise ValueError('not caught')")
    assert answer.status == 500  # the hook was the other request's


def test_memory_is_not_kept(cgi: Site):
    """What a script has made goes with it, without waiting for the garbage collector."""
    cgi.write("helper.py", "import weakref\nseen = weakref.WeakSet()")
    script = """
import gc, helper
gc.disable()
class Thing: pass
def use(): return thing
thing = Thing()
helper.seen.add(thing)
print(len(helper.seen))
"""
    assert [text(cgi, script), *(cgi.text("page.py") for _ in range(5))] == ["1\n"] * 6


# ---- at once ------------------------------------------------------------------------------------


def test_requests_at_once_do_not_mix(cgi: Site):
    """Eight scripts in one interpreter at a time, each with streams and environment of its own."""
    cgi.path.chmod(0o777)
    script = """
import os, sys, time
import helper

query = os.environ["QUERY_STRING"]
open(f"here-{query}", "w").close()
while len([name for name in os.listdir() if name.startswith("here-")]) < 8:
    time.sleep(.005)
os.environ["MINE"] = query
sys.argv.append(query)
sys.path.append(query)
if int(query) % 2:
    sys.stdout = helper.Upper(sys.stdout)
for n in range(200):
    line = sys.stdin.readline().strip()
    assert line == f"{query} {n}", (line, query, n)
    helper.show(f"line {line}")
    print(os.environ["MINE"], os.getenv("QUERY_STRING"), sys.argv[-1], sys.path[-1], __file__[-7:])
    if n % 50 == 0:
        time.sleep(.001)
"""
    cgi.write(
        "helper.py",
        "import sys\ndef show(text, out=sys.stdout):\n    print(text, file=sys.stdout)\n"
        "class Upper:\n    def __init__(self, out): self.out = out\n"
        "    def write(self, text): return self.out.write(text.upper())\n"
        "    def flush(self): self.out.flush()\n",
    )
    cgi.write("page.py", PLAIN + script)

    def ask(n: int) -> Answer:
        body = "".join(f"{n} {i}\n" for i in range(200))
        return cgi.request("POST", f"page.py?{n}", body.encode())

    for n, answer in enumerate(at_once([lambda n=n: ask(n) for n in range(8)])):
        lines = [f"line {n} {i}\n{n} {n} {n} {n} page.py\n" for i in range(200)]
        expected = "".join(lines)
        assert answer.text == (expected.upper() if n % 2 else expected)


def test_first_requests_at_once(cgi: Site):
    cgi.write("helper.py", "value = 1")
    cgi.write(
        "page.py", f"{PLAIN}import helper, os\nprint(os.environ['QUERY_STRING'], helper.value)"
    )
    answers = at_once([lambda n=n: cgi.text(f"page.py?{n}") for n in range(8)])
    assert answers == [f"{n} 1\n" for n in range(8)]


@pytest.mark.parametrize("mpm", ["prefork", "event"])
def test_servers_end_in_peace(tmp_site, mpm: str):
    """The interpreters' sys and __main__ are no obstacle to their end."""
    (tmp_site / ".htaccess").write_text(f"{HANDLER}\n")
    (tmp_site / "page.py").write_text(f"{PLAIN}import os\nprint(os.environ['QUERY_STRING'])")
    (tmp_site / "main").mkdir()
    (tmp_site / "main/.htaccess").write_text("PythonInterpreter main_interpreter\n")
    (tmp_site / "main/page.py").write_text(f"name = input()\n{PLAIN}")
    with Httpd(tmp_site, mpm=mpm) as httpd:
        assert httpd.text("page.py?a") == "a\n"
        httpd.log.expect("EOFError")
        httpd.log.expect("main/page.py")
        assert httpd.get("main/page.py").status == 500
        assert httpd.text("page.py?b") == "b\n"


# ---- scripts of old -----------------------------------------------------------------------------

UPLOAD = '''#!/usr/bin/env python3
"""Keeps a file for its visitors, as such scripts did in 2005."""
import cgi
import cgitb; cgitb.enable()
import html
import os

form = cgi.FieldStorage()
print("Content-Type: text/html; charset=utf-8")
print()
print("<h1>Hello, %s!</h1>" % html.escape(form.getfirst("name", "nobody")))
for colour in form.getlist("colour"):
    print("<p>%s</p>" % colour)
if "file" in form and form["file"].filename:
    item = form["file"]
    data = item.file.read()
    with open(os.path.basename(item.filename), "wb") as kept:
        kept.write(data)
    print("<p>%s: %d bytes of %s</p>" % (item.filename, len(data), item.type))
if "fail" in form:
    raise RuntimeError("it fails")
'''


@pytest.fixture
def upload(cgi: Site) -> Site:
    cgi.path.chmod(0o777)
    cgi.write("upload.cgi", UPLOAD)
    cgi.log.allow("DeprecationWarning")
    cgi.log.allow("import cgi")
    return cgi


def test_field_storage(upload: Site):
    get = upload.text("upload.cgi?name=%3Cb%3E&colour=red&colour=blue")
    assert get == "<h1>Hello, &lt;b&gt;!</h1>\n<p>red</p>\n<p>blue</p>\n"
    answer = upload.post("upload.cgi?colour=red", {"name": "é"})
    assert answer.text == "<h1>Hello, é!</h1>\n<p>red</p>\n"
    assert upload.text("upload.cgi") == "<h1>Hello, nobody!</h1>\n"


def multipart(name: str, data: bytes) -> tuple[bytes, dict[str, str]]:
    body = (
        b'--xyz\r\nContent-Disposition: form-data; name="name"\r\n\r\nAnn\r\n'
        b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="'
        + name.encode()
        + b'"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + data + b"\r\n--xyz--\r\n"
    )
    return body, {"Content-Type": "multipart/form-data; boundary=xyz"}


@pytest.mark.parametrize("size", [0, 3, 2_000_003])
def test_upload(upload: Site, size: int):
    data = (b"\r\n\0" + bytes(range(256)) * (size // 256 + 1))[:size]
    body, headers = multipart("data.bin", data)
    answer = upload.request("POST", "upload.cgi", body, headers)
    shown = f"<p>data.bin: {size} bytes of application/octet-stream</p>\n"
    assert answer.text == f"<h1>Hello, Ann!</h1>\n{shown}"
    assert (upload.path / "data.bin").read_bytes() == data


def test_uploads_at_once(upload: Site):
    def send(n: int) -> str:
        body, headers = multipart(f"data{n}.bin", bytes([n]) * 300_000)
        return upload.request("POST", f"upload.cgi?colour={n}", body, headers).text

    answers = at_once([lambda n=n: send(n) for n in range(8)])
    for n, answer in enumerate(answers):
        assert f"<p>{n}</p>" in answer and f"data{n}.bin: 300000 bytes" in answer
        assert (upload.path / f"data{n}.bin").read_bytes() == bytes([n]) * 300_000


def test_field_storage_of_the_given_stream(upload: Site):
    script = "import cgi, os, sys\nform = cgi.FieldStorage(fp=sys.stdin, environ=os.environ)\n"
    script += "print(form.getfirst('a'))"
    kind = "application/x-www-form-urlencoded"
    assert text(upload, script, "POST", "", b"a=b", Content_Type=kind) == "b\n"


def test_cgitb(upload: Site):
    upload.log.expect("upload.cgi")
    upload.log.expect("RuntimeError: it fails")
    answer = upload.get("upload.cgi?fail=1")
    assert answer.status == 200 and "Hello, nobody" in answer.text and "it fails" in answer.text
    upload.write("early.cgi", "import cgitb; cgitb.enable()\nraise RuntimeError('it fails early')")
    upload.log.expect("early.cgi")
    upload.log.expect("it fails early")
    answer = upload.get("early.cgi")
    assert (answer.status, answer.type) == (200, "text/html") and "it fails early" in answer.text


def test_cgi_test(upload: Site):
    upload.write("test.cgi", "import cgi\ncgi.test()")
    answer = upload.text("test.cgi?colour=red")
    assert "colour" in answer and "QUERY_STRING" in answer and str(upload.path) in answer


def test_cgi_is_the_installed_one(upload: Site):
    where = text(upload, "import cgi\nprint(cgi.__file__)")
    assert ("site-packages" in where) == (sys.version_info >= (3, 13))
