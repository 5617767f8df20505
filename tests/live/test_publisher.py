"""httpdapi_publisher: modules' objects through ZPublisher."""

import contextlib
import http.client
import socket
import sys

import pytest
from support.guide import DOCS, blocks
from support.publishing import FORM, HELLO, SETTINGS, basic, upload
from support.site import Answer, Site, TestServer, at_once, running_server


@pytest.fixture(scope="module")
def publishing(way: str):
    """A server whose main interpreter publishes; Zope takes a moment to import."""
    with running_server() as server:
        yield server


@pytest.fixture
def site(publishing: TestServer):
    site = Site(publishing)
    site.htaccess(*SETTINGS)
    site.write("hello.py", HELLO)
    yield site
    publishing.settle()
    publishing.log.check()


# ---- which object answers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("hello/sayHello", "Hello World!"),
        ("hello/sayHello?name=Joe", "Hello Joe!"),
        ("hello/sayHello?name=J%C3%B6", "Hello Jö!"),
        ("hello.py/sayHello", "Hello World!"),
        ("hello.html/sayHello/", "Hello World!"),
    ],
)
def test_say_hello(site: Site, path: str, text: str):
    """The sample of 1999, zpublisher_hello."""
    answer = site.get(path)
    assert (answer.status, answer.type) == (200, "text/plain; charset=utf-8")
    assert answer.text == text and answer.headers["Content-Length"] == str(len(answer.body))


def test_say_hello_by_post(site: Site):
    assert site.post("hello/sayHello", {"name": "Bob"}).text == "Hello Bob!"


def test_mark_in_place_of_a_docstring(site: Site):
    assert site.text("hello/marked") == "marked"


@pytest.mark.parametrize(
    "name",
    ["undocumented", "unmarked", "nosuch", "_private", "__doc__", "__dict__/x", "number", "Folder"],
)
def test_not_published(site: Site, name: str):
    assert site.get(f"hello/{name}").status == 404


@pytest.mark.parametrize("name", ["wraps", "math", "math/sin", "zpublish", "Unauthorized"])
def test_imported_names_are_not_published(site: Site, name: str):
    assert site.get(f"hello/{name}").status == 404


@pytest.mark.parametrize("end", ["", "/", "/./", "//"])
def test_module_without_index_html(site: Site, end: str):
    assert site.get(f"hello{end}").status == 404


def test_module_with_index_html(site: Site):
    site.write(
        "front.py",
        "def index_html():\n    'The front page.'\n    return '<html><head></head></html>'\n",
    )
    for path in ("front", "front/", "front.py"):
        answer = site.get(path)
        assert (answer.status, answer.type) == (200, "text/html; charset=utf-8")
        base = f"http://127.0.0.1:{site.server.server.port}{site.url}/{path.strip('/')}/"
        assert f'<base href="{base}" />' in answer.text
    assert site.request("HEAD", "front").status == 200


@pytest.mark.parametrize("end", ["", "/", "/index_html"])
def test_object_with_index_html(site: Site, end: str):
    assert site.text(f"hello/folder{end}").endswith(f"{site.url}/hello/folder")
    assert site.request("HEAD", f"hello/folder{end}").status == 200


def test_method_of_an_object(site: Site):
    assert site.text("hello/folder/page?n=7") == "page 7"
    assert site.get("hello/folder/nosuch").status == 404
    assert site.get("hello/folder/__class__").status == 404


def test_no_such_module(site: Site):
    assert site.get("nosuch/sayHello").status == 404
    assert site.get("").status == 404
    assert site.get("os/getcwd").status == 404


def test_package(site: Site):
    site.write("pack/__init__.py", "from .inner import hello, sin\n")
    site.write("pack/inner.py", "from math import sin\ndef hello():\n    'x'\n    return 'inner'\n")
    assert site.text("pack.py/hello") == "inner"
    assert site.get("pack.py/sin").status == 404
    assert site.text("pack.inner/hello") == "inner"


def test_rootpkg_is_put_before_the_published_module(site: Site):
    """Decision 14."""
    site.htaccess(*SETTINGS, "PythonOption rootpkg only")
    site.write("only/__init__.py", "")
    site.write("only/inside.py", "def hello():\n    'x'\n    return 'inside'\n")
    assert site.text("inside/hello") == "inside"
    assert site.get("hello/sayHello").status == 404


def test_an_edit_shows(site: Site):
    site.write("helper.py", "word = 'one'\n")
    site.write("page.py", "import helper\ndef hello():\n    'x'\n    return helper.word\n")
    assert site.text("page/hello") == "one"
    site.write("helper.py", "word = 'two'\n")
    assert site.text("page/hello") == "two"
    site.write("page.py", "def hello():\n    'x'\n    return 'three'\n")
    assert site.text("page/hello") == "three"
    site.write("page.py", "def hello(:\n")
    site.log.expect("SyntaxError")
    site.log.expect("page]")
    assert site.get("page/hello").status == 500
    site.write("page.py", "def hello():\n    'x'\n    return 'four'\n")
    assert site.text("page/hello") == "four"


def test_autoreload_off(site: Site):
    site.htaccess(*SETTINGS, "PythonOption autoreload 0")
    site.write("page.py", "def hello():\n    'x'\n    return 'one'\n")
    assert site.text("page/hello") == "one"
    site.write("page.py", "def hello():\n    'x'\n    return 'two'\n")
    assert site.text("page/hello") == "one"


def test_hooks_of_the_module(site: Site):
    """__bobo_traverse__, and the request as an argument of what it gives."""
    site.write(
        "hooked.py",
        "from ZPublisher.interfaces import UseTraversalDefault\n"
        "def shown(REQUEST):\n    'x'\n    return REQUEST.get('part', 'none')\n"
        "def __bobo_traverse__(REQUEST, name):\n"
        "    if not name.startswith('part'):\n        raise UseTraversalDefault\n"
        "    REQUEST['part'] = name\n    return shown\n",
    )
    assert site.text("hooked/part7") == "part7"
    assert site.text("hooked/shown") == "none"
    assert site.get("hooked/nosuch").status == 404


def test_bobo_application(site: Site):
    """The object that a module names as the one to be published."""
    site.write(
        "things.py",
        "class Shop:\n    'x'\n    def open(self):\n        'x'\n        return 'yes'\n",
    )
    site.write("one.py", "from things import Shop\nbobo_application = Shop()\n")
    site.write("each.py", "from things import Shop as bobo_application\n")
    assert site.text("one/open") == site.text("each/open") == "yes"
    assert site.get("one/Shop").status == 404


# ---- arguments ----------------------------------------------------------------------------------


def test_arguments_are_strings(site: Site):
    assert site.text("hello/needs?a=1&b=2") == "('1', '2')"


def test_missing_argument(site: Site):
    answer = site.get("hello/needs?a=1")
    assert answer.status == 400 and "<em>b</em>" in answer.text


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("n:int=5", "5"),
        ("n:float=.5", "0.5"),
        ("n:list=5", "['5']"),
        ("n:list=5&n:list=6", "['5', '6']"),
        ("n:int=5&n:int=6", "[5, 6]"),
        ("n:tuple=5&n:tuple=6", "('5', '6')"),
        ("n:tokens=a+b", "['a', 'b']"),
        ("n:lines=a%0Ab", "['a', 'b']"),
        ("n:boolean=", "False"),
        ("n:int:default=7", "7"),
        ("n=%C3%A9", "'é'"),
    ],
)
def test_converters(site: Site, query: str, value: str):
    assert site.text(f"hello/one?{query}") == value


@pytest.mark.parametrize(
    "query",
    ["n:int=abc", "n:int=", "n:float=x", "n:required=", "n:date=never", "n:json={", "n:utf-16=x"],
)
def test_converters_that_fail_are_the_clients_fault(site: Site, query: str):
    answer = site.get(f"hello/one?{query}")
    assert answer.status == 400 and "Invalid request" in answer.text


def test_failing_converter_echoes_nothing_unescaped(site: Site):
    answer = site.get("hello/one?n:int=%3Cscript%3E")
    assert answer.status == 400
    assert "&lt;script&gt;" in answer.text and "<script>" not in answer.text


def test_records(site: Site):
    text = site.text("hello/one?n.a:record:int=1&n.b:record=x")
    assert text in ("{'a': 1, 'b': 'x'}", "a: 1, b: 'x'"), text


def test_method_named_by_the_form(site: Site):
    assert site.text("hello?sayHello:method=press&name=Joe") == "Hello Joe!"


def test_upload(site: Site):
    answer = site.request("POST", "hello/upload", *upload(b"the text"))
    assert answer.text == repr(("é.txt", b"the text"))


def test_large_upload(site: Site):
    site.write("page.py", "def size(file):\n    'x'\n    return str(len(file.read()))\n")
    assert site.request("POST", "page/size", *upload(b"x" * 3_000_000)).text == "3000000"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"--XX\r\nnonsense", {"Content-Type": "multipart/form-data; boundary=XX"}),
        (b"--XX--", {"Content-Type": "multipart/form-data"}),
        (b"a=" + b"x" * 2_000_000, FORM),
        (b"<methodCall/>", {"Content-Type": "text/xml"}),
    ],
    ids=["not closed", "no boundary", "too large", "XML-RPC"],
)
def test_bodies_that_cannot_be_read(site: Site, body: bytes, headers: dict[str, str]):
    assert site.request("POST", "hello/sayHello", body, headers).status == 400


@pytest.mark.parametrize(("cookies", "status"), [("a=b;" * 500, 200), ("a," * 501, 400)])
def test_number_of_cookies(site: Site, cookies: str, status: int):
    """ZPublisher's parser of cookies is recursive."""
    assert site.get("hello/sayHello", Cookie=cookies).status == status


@pytest.mark.parametrize("path", ["hello/%FF", "%FF/x"])
def test_path_that_is_not_utf_8(site: Site, path: str):
    site.log.allow("400: the URL's path is not UTF-8")
    assert site.get(path).status in (400, 404)


def test_facts_of_the_request(site: Site):
    site.write("h\xe9.py", HELLO)
    for path in ("hello/facts", "h%C3%A9/facts"):
        url = f"http://127.0.0.1:{site.server.server.port}{site.url}/{path}"
        assert eval(site.text(f"{path}?x=1")) == [url, "/facts", "GET", "127.0.0.1"]


# ---- methods ------------------------------------------------------------------------------------


def test_head_has_no_body(site: Site):
    connection = http.client.HTTPConnection("127.0.0.1", site.server.server.port, timeout=30)
    with contextlib.closing(connection):
        for method, body in (("HEAD", b""), ("GET", b"Hello World!")):  # on one connection
            connection.request(method, f"{site.url}/hello/sayHello")
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, body)
            assert response.getheader("Content-Length") == "12"
            assert response.getheader("Content-Type") == "text/plain; charset=utf-8"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "FETCH"])
def test_other_methods_are_refused(site: Site, method: str):
    site.write("page.py", "def touch():\n    'x'\n    open('touched', 'w')\n")
    answer = site.request(method, "page/touch", b"")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST")
    assert not (site.path / "touched").exists()
    assert site.request(method, "hello/nosuch", b"").status == 404


def test_methods_that_the_object_names(site: Site):
    assert site.request("PUT", "hello/stored", b"data").text == "PUT b'data'"
    assert site.text("hello/stored") == "GET b''"
    assert site.request("POST", "hello/stored", b"").status == 404
    assert site.post("hello/posted", {}).text == "posted"
    assert site.get("hello/posted").status == 404


# ---- answers ------------------------------------------------------------------------------------


def test_none_is_no_content(site: Site):
    answer = site.get("hello/nothing")
    assert (answer.status, answer.body, answer.type) == (204, b"", None)


def test_html_is_noticed(site: Site):
    answer = site.get("hello/html")
    assert (answer.status, answer.type) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("%0A+%3C!DOCTYPE+html%3E", "text/html"),
        ("%3Ch1%3Ex%3C/h1%3E", "text/html"),
        ("Hello+%3Cscript%3Ex%3C/script%3E", "text/plain"),
        ("%3C+less", "text/plain"),
    ],
)
def test_what_begins_with_a_tag_is_html(site: Site, text: str, kind: str):
    assert site.get(f"hello/echo?text={text}").type == f"{kind}; charset=utf-8"


def test_declared_type_and_headers(site: Site):
    site.write(
        "page.py",
        "def hello(RESPONSE):\n    'x'\n"
        "    RESPONSE.setHeader('Content-Type', 'text/plain; charset=latin-1')\n"
        "    RESPONSE.setCookie('a', '1', path='/')\n    RESPONSE.setCookie('b', '2')\n"
        "    RESPONSE.setStatus(201)\n    return '<html>\\xe9</html>'\n",
    )
    answer = site.get("page/hello")
    assert (answer.status, answer.type) == (201, "text/plain; charset=latin-1")
    assert answer.body == b"<html>\xe9</html>"
    assert len(answer.headers.get_all("Set-Cookie")) == 2
    assert answer.headers.get_all("Server") == ["Apache"]
    assert len(answer.headers.get_all("Date")) == 1


def test_redirect(site: Site):
    answer = site.get("hello/redirect")
    assert (answer.status, answer.headers["Location"]) == (302, "/elsewhere")
    raised = "from zExceptions import Redirect\ndef go():\n    'x'\n    raise Redirect('/there')\n"
    site.write("page.py", raised)
    answer = site.get("page/go")
    assert (answer.status, answer.headers["Location"]) == (302, "/there")


def test_header_injection(site: Site):
    answer = site.get("hello/redirect?to=/x%0D%0ASet-Cookie:+a=1")
    assert "Set-Cookie" not in answer.headers


def test_errors_that_the_object_raises(site: Site):
    site.write(
        "page.py",
        "import zExceptions\n"
        "def fail(kind, text):\n    'x'\n    raise getattr(zExceptions, kind)(text)\n",
    )
    for kind, status in (("NotFound", 404), ("Forbidden", 403), ("BadRequest", 400)):
        answer = site.get(f"page/fail?kind={kind}&text=no+%3Cb%3Esuch%3C/b%3E+book")
        assert (answer.status, answer.type) == (status, "text/html;charset=utf-8")
        assert "no &lt;b&gt;such&lt;/b&gt; book" in answer.text
        assert "\\udcff" in site.get(f"page/fail?kind={kind}&text=%FF").text
    site.log.expect("ServiceUnavailable: later")
    site.log.expect("page]")
    answer = site.get("page/fail?kind=HTTPServiceUnavailable&text=later")
    assert answer.status == 503 and "later" in answer.text


def test_stream_arrives_piece_by_piece(site: Site):
    site.write(
        "page.py",
        "import os, time\n"
        "def stream(RESPONSE):\n"
        "    'x'\n"
        "    RESPONSE.setHeader('X-Header', 'set')\n"
        "    RESPONSE.write(b'first')\n"
        "    while not os.path.exists('go'): time.sleep(.01)\n"
        "    RESPONSE.write(b'second')\n"
        "    return 'third'\n",
    )
    connection = http.client.HTTPConnection("127.0.0.1", site.server.server.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", f"{site.url}/page/stream")
        response = connection.getresponse()
        assert response.read(5) == b"first"
        assert response.getheader("X-Header") == "set"
        assert response.getheader("Content-Type") == "text/plain; charset=utf-8"
        site.write("go", "")
        assert response.read() == b"secondthird"


def test_iterators_and_files(site: Site):
    site.write(
        "page.py",
        "from zope.interface import implementer\n"
        "from ZPublisher.Iterators import IUnboundStreamIterator, filestream_iterator\n"
        "@implementer(IUnboundStreamIterator)\n"
        "class Count:\n"
        "    def __init__(self): self.left = 3\n"
        "    def __iter__(self): return self\n"
        "    def __next__(self):\n"
        "        if not self.left: raise StopIteration\n"
        "        self.left -= 1\n"
        "        return str(self.left).encode()\n"
        "    def close(self): open('closed', 'a').write('x')\n"
        "def count():\n    'x'\n    return Count()\n"
        "def file(RESPONSE):\n"
        "    'x'\n"
        "    RESPONSE.setHeader('Content-Type', 'image/png')\n"
        "    return filestream_iterator('data')\n",
    )
    site.path.chmod(0o777)
    site.write("data", b"\0\n" * 200_000)
    assert site.text("page/count") == "210"
    assert site.request("HEAD", "page/count").body == b""
    assert (site.path / "closed").read_text() == "xx"
    answer = site.get("page/file")
    assert answer.type == "image/png" and answer.body == b"\0\n" * 200_000
    assert answer.headers["Content-Length"] == "400000"


def test_transaction_ends_with_the_request(site: Site):
    site.path.chmod(0o777)
    site.write(
        "page.py",
        "import transaction\n"
        "def note(success):\n    open('ended', 'a').write('commit ' if success else 'abort ')\n"
        "def work(fail=''):\n    'x'\n"
        "    transaction.get().addAfterCommitHook(note)\n"
        "    transaction.get().addAfterAbortHook(note, (False,))\n"
        "    if fail: raise KeyError(fail)\n    return 'done'\n",
    )
    assert site.text("page/work") == "done"
    site.log.expect("page]")
    assert site.get("page/work?fail=this").status == 500
    assert (site.path / "ended").read_text() == "commit abort "


# ---- who may ------------------------------------------------------------------------------------


def test_unauthorized(site: Site):
    answer = site.get("hello/secret")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith('basic realm="hello"')


def test_groups_and_roles(site: Site):
    (club,) = (block.text for block in blocks(DOCS / "publisher.md") if "house.py" in block.files)
    site.write("club.py", club)

    def get(name: str, *user: str) -> tuple[int, str]:
        answer = site.request("GET", f"club/{name}", headers=basic(*user) if user else {})
        return answer.status, answer.text if answer.status == 200 else ""

    assert (
        get("inside") == get("inside", "ann", "no") == get("inside", "eve", "secret") == (401, "")
    )
    assert get("inside", "ann", "secret") == (200, "Hello ann!")
    assert get("office", "ann", "secret") == (401, "")
    assert get("office", "sue", "secret") == (200, "the office")
    assert get("door") == get("door", "ann", "secret") == (200, "the door")
    assert get("office__roles__") == (404, "")


def test_user_is_not_what_the_client_says(site: Site):
    site.write(
        "page.py", "def who(AUTHENTICATED_USER):\n    'x'\n    return repr(AUTHENTICATED_USER)\n"
    )
    assert site.text("page/who?AUTHENTICATED_USER=root") == "None"
    assert site.get("page/who", Cookie="AUTHENTICATED_USER=root").text == "None"
    assert site.post("page/who", {"AUTHENTICATED_USER": "root"}).text == "None"


def test_realm_of_another_alphabet(site: Site):
    site.write("\u0434.py", HELLO)
    answer = site.get("%D0%B4/secret")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith('basic realm="%D0%B4"')


def test_users_of_apache_are_known(site: Site):
    site.write(".users", "joe:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")  # secret
    site.htaccess(
        *SETTINGS,
        "AuthType Basic",
        "AuthName x",
        f"AuthUserFile {site.path}/.users",
        "Require user joe",
    )
    site.write("page.py", "def who(REQUEST):\n    'x'\n    return REQUEST['REMOTE_USER']\n")
    site.log.allow("AH01618")  # who tried
    assert site.get("page/who").status == 401
    answer = site.request("GET", "page/who", headers=basic("joe", "secret"))
    assert answer.text == "joe"


# ---- errors -------------------------------------------------------------------------------------


def test_exception(site: Site):
    site.log.expect("hello: ZeroDivisionError: division by zero")
    site.log.expect("return 1 / 0")
    site.log.expect("hello]")
    answer = site.get("hello/fail")
    assert answer.status == 500 and "ZeroDivision" not in answer.text
    log = site.logged()
    assert "ZPublisher" not in log  # the traceback begins at the user's code


def test_exception_with_debug(site: Site):
    site.htaccess(*SETTINGS, "PythonOption debug 1")
    site.log.expect("hello")
    answer = site.get("hello/fail", Accept="text/html")
    assert answer.status == 500 and "return 1 / 0" in answer.text
    assert "ZPublisher" not in answer.text.partition("<table")[0]


@pytest.mark.parametrize(
    ("name", "reason"), [("undocumented", "docstring"), ("nosuch", "Cannot locate object")]
)
def test_not_found_says_why_with_debug(site: Site, name: str, reason: str):
    assert reason not in site.get(f"hello/{name}").text
    site.htaccess(*SETTINGS, "PythonOption debug 1")
    answer = site.get(f"hello/{name}")
    assert answer.status == 404 and reason in answer.text


def test_exception_after_the_answer_has_begun(site: Site):
    site.write(
        "page.py",
        "def half(RESPONSE):\n    'x'\n    RESPONSE.write(b'begun')\n"
        "    raise KeyError('half way')\n"
        "def way(RESPONSE):\n    'x'\n    RESPONSE.write(b'begun')\n"
        "    from zExceptions import NotFound\n    raise NotFound('half way')\n",
    )
    for name in ("half", "way"):
        site.log.expect("half way")
        site.log.expect("page]")
        with socket.create_connection(("127.0.0.1", site.server.server.port), 10) as connection:
            head = f"GET {site.url}/page/{name} HTTP/1.1\r\nHost: x\r\n\r\n"
            connection.sendall(head.encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert b"begun" in answer and not answer.endswith(b"0\r\n\r\n")
        assert b"half way" not in answer


def test_exit_ends_the_request_only(site: Site):
    site.write("page.py", "import sys\ndef leave():\n    'x'\n    sys.exit(3)\n")
    site.log.expect("SystemExit: 3")
    site.log.expect("page]")
    assert site.get("page/leave").status == 500
    assert site.text("hello/sayHello") == "Hello World!"


def test_sub_interpreter_is_refused_with_the_remedy(site: Site):
    site.htaccess(*SETTINGS[:2], "PythonOption debug 1")
    site.log.expect("hello")
    answer = site.get("hello/sayHello", Accept="text/plain")
    assert answer.status == 500
    remedy = f"put the line 'PythonInterpreter main_interpreter' into {site.path}/.htaccess"
    assert remedy in answer.text
    site.htaccess(*SETTINGS)
    assert site.text("hello/sayHello") == "Hello World!"


def test_without_zope_the_error_names_the_remedy():
    with running_server() as server:
        site = Site(server)
        site.htaccess(*SETTINGS)
        site.write(
            "zExceptions.py",
            "raise ModuleNotFoundError(\"No module named 'zExceptions'\", name='zExceptions')\n",
        )
        site.write("page.py", "")
        site.log.expect(f"{sys.prefix}/bin/python -m pip install 'Zope>=6'")
        site.log.expect("page]")
        assert site.get("page/x").status == 500
        server.settle()
        site.log.check()


# ---- many at once -------------------------------------------------------------------------------


def test_requests_in_threads_do_not_mix(site: Site):
    site.write(
        "page.py",
        "from threading import Barrier\n"
        "from zope.globalrequest import getRequest\n"
        "barrier = Barrier(8, timeout=20)\n"
        "def meet(REQUEST, RESPONSE, n):\n"
        "    'x'\n"
        "    barrier.wait()\n"
        "    RESPONSE.setHeader('X-N', n)\n"
        "    barrier.wait()\n"
        "    assert getRequest() is REQUEST\n"
        "    return f\"{n} {REQUEST['n']} {REQUEST['PATH_INFO']}\"\n",
    )

    def ask(n: int):
        def run() -> Answer:
            return site.get(f"page/meet?n={n}")

        return run

    for _ in range(3):
        answers = at_once([ask(n) for n in range(8)])
        assert [a.text for a in answers] == [f"{n} {n} /meet" for n in range(8)]
        assert [a.headers["X-N"] for a in answers] == [str(n) for n in range(8)]


def test_directories_do_not_mix(site: Site):
    other = site.sub("other")
    for each in (site, other):
        each.write("same.py", f"def where():\n    'x'\n    return {each.name!r}\n")
    for _ in range(2):
        assert site.text("same/where") == site.name
        assert other.text("same/where") == other.name
