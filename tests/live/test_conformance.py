"""The acceptance list of the 1.7b reference (section 11.1), by its numbers."""

import os

import pytest
from support.publishing import SETTINGS, basic
from support.site import Site


def test_01_content_is_the_page(site: Site):
    site.write(
        "hello.py",
        "import httpdapi\n"
        "class RequestHandler(httpdapi.RequestHandler):\n"
        "    def Content(self):\n"
        "        return '<b>Hello</b>'\n",
    )
    answer = site.get("hello.py")
    assert (answer.status, answer.type) == (200, "text/html; charset=utf-8")
    assert answer.text == "<b>Hello</b>"


def test_01_base_class_greets(site: Site):
    site.write("hello.py", "from httpdapi import RequestHandler\n")
    assert site.text("hello.py") == "Welcome to Httpdapi!"


def test_02_content_type(site: Site):
    site.handler("plain.py", "'x'")
    assert site.get("plain.py").type == "text/plain; charset=utf-8"


def test_02_content_type_set_in_content(site: Site):
    site.handler("image.py", "(setattr(self, 'content_type', 'image/png'), b'\\x89PNG')[1]")
    answer = site.get("image.py")
    assert (answer.type, answer.body) == ("image/png", b"\x89PNG")


def test_03_redirect(site: Site):
    """Decision 20: with Apache's page."""
    site.handler("go.py", "(setattr(self, 'redirect', 'http://example.com/x'), 'not sent')[1]")
    answer = site.get("go.py")
    assert (answer.status, answer.headers["Location"]) == (302, "http://example.com/x")
    assert "not sent" not in answer.text
    assert "moved" in answer.text  # Apache's own page


def test_04_order_of_calls(site: Site):
    site.write(
        "order.py",
        "import httpdapi\n"
        "class RequestHandler(httpdapi.RequestHandler):\n"
        "    calls = ''\n"
        + "".join(
            f"    def {name}(self, *a):\n"
            f"        self.calls += '{name} '\n"
            f"        return super().{name}(*a)\n"
            for name in ("Content", "Header", "Status")
        )
        + "    def Send(self, content):\n        super().Send(self.calls + 'Send')\n",
    )
    assert site.text("order.py") == "Content Header Status Send"


@pytest.mark.parametrize(
    ("url", "expected"),
    [("hello.py", "hello"), ("hello", "hello"), ("hello.html", "hello"), ("hello.x.y", "hello.x")],
)
def test_05_url_to_module(site: Site, url: str, expected: str):
    site.htaccess("SetHandler python-program")
    if expected == "hello":
        site.handler("hello.py", "'hello'")
    else:
        site.write("hello/__init__.py", "")
        site.handler("hello/x.py", "__name__")
    assert site.text(url) == expected


def test_06_path_info(site: Site):
    site.handler("info.py", "repr((self.rq.vars.get('path-info'), self.rq.vars['path']))")
    assert site.text("info.py/a/b%20c") == repr(("/a/b c", f"{site.path}/info.py"))
    assert site.text("info.py") == repr((None, f"{site.path}/info.py"))


def test_07_form_data_by_get_and_post(site: Site):
    site.handler("form.py", "repr(sorted(self.form_data().items()))")
    fields = "a=1&b=x+y%21&a=2&empty=&c=%C3%A9"
    expected = repr([("a", ["1", "2"]), ("b", ["x y!"]), ("c", ["é"])])
    assert site.text(f"form.py?{fields}") == expected
    posted = site.request(
        "POST", "form.py", fields, {"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert posted.text == expected


def test_08_edit_is_seen_by_the_next_request(site: Site):
    for text in ("one", "two", "six"):
        site.handler("page.py", repr(text))
        assert site.text("page.py") == text


def test_08_autoreload_off(site: Site):
    site.htaccess("PythonOption autoreload 0")
    site.handler("page.py", "'old'")
    assert site.text("page.py") == "old"
    site.handler("page.py", "'new'")
    assert site.text("page.py") == "old"


def test_09_syntax_error_with_debug(site: Site):
    """Decision 12: the error is a page."""
    site.htaccess("PythonOption debug 1")
    site.handler("page.py", "'fine'")
    assert site.text("page.py") == "fine"
    site.write("page.py", "def broken(:\n")
    site.log.expect("page.py")
    answer = site.get("page.py", Accept="text/html")
    assert answer.status == 500
    assert "SyntaxError" in answer.text and "def broken(:" in answer.text
    site.handler("page.py", "'right again'")
    assert site.text("page.py") == "right again"


def test_09_syntax_error_without_debug(site: Site):
    """Decision 12: the error is in the log only."""
    site.write("page.py", "def broken(:\n")
    site.log.expect("page.py: SyntaxError")
    site.log.expect("def broken(:")
    site.log.expect("page.py]")
    answer = site.get("page.py")
    assert answer.status == 500
    assert "SyntaxError" not in answer.text and "broken" not in answer.text
    site.handler("page.py", "'right again'")
    assert site.text("page.py") == "right again"


COUNTER = "str(globals().__setitem__('n', n + 1) or n)"


def test_10_globals_persist(site: Site):
    site.handler("count.py", COUNTER, "n = 0")
    assert [site.text("count.py") for _ in range(5)] == ["1", "2", "3", "4", "5"]


def test_11_directories_do_not_share(site: Site):
    a, b = site.sub("a"), site.sub("b")
    for each in (a, b):
        each.write("state.py", "n = 0\n")
        count = "(setattr(state, 'n', state.n + 1), str(state.n))[1]"
        each.handler("count.py", count, "import state")
    assert [a.text("count.py"), a.text("count.py"), b.text("count.py")] == ["1", "2", "1"]


def test_11_forced_interpreter_is_shared(site: Site):
    a, b = site.sub("a"), site.sub("b")
    for each in (a, b):
        each.htaccess(f"PythonInterpreter {site.name}")
        each.handler(
            "count.py",
            "(setattr(sys, 'count', getattr(sys, 'count', 0) + 1), str(sys.count))[1]",
            "import sys",
        )
    assert [a.text("count.py"), b.text("count.py"), a.text("count.py")] == ["1", "2", "3"]


def test_12_working_directory(site: Site):
    site.write("data.txt", "beside the script")
    site.handler("cwd.py", "os.getcwd() + ' ' + open('data.txt').read()", "import os")
    assert site.text("cwd.py") == f"{os.path.realpath(site.path)} beside the script"


@pytest.mark.parametrize("method", ["Handle", "Content"])
def test_13_server_return(site: Site, method: str):
    site.write(
        "page.py",
        "import httpdapi\n"
        "def leave():\n"
        "    raise httpdapi.SERVER_RETURN(httpdapi.REQ_ABORTED, httpdapi.PROTOCOL_NOT_FOUND)\n"
        "class RequestHandler(httpdapi.RequestHandler):\n"
        f"    def {method}(self):\n"
        "        try: leave()\n"
        "        except Exception: return 'caught'\n",
    )
    answer = site.get("page.py")
    assert answer.status == 404 and "<title>404 Not Found" in answer.text


AUTH = """import httpdapi, sys
sys.loads = getattr(sys, 'loads', 0) + 1
class AuthHandler(httpdapi.AuthHandler):
    def Handle(self):
        result = self.rq.vars['auth-user']
        if result == 'FORBIDDEN':
            self.rq.protocol_status(self.sn, httpdapi.PROTOCOL_FORBIDDEN)
            result = 'ABORTED'
        return getattr(httpdapi, f'REQ_{result}')
"""


@pytest.mark.parametrize(
    ("result", "status"),
    [("PROCEED", 200), ("NOACTION", 401), ("ABORTED", 500), ("FORBIDDEN", 403)],
)
def test_14_results_of_an_auth_handler(site: Site, result: str, status: int):
    site.write("auth.py", AUTH)
    site.htaccess("AuthPythonModule auth", "AuthType Basic", "AuthName realm", "Require valid-user")
    site.handler("page.py", "self.req.user")
    answer = site.get("page.py", **basic(result, "any"))
    assert (answer.status, answer.text == result) == (status, status == 200)
    assert answer.headers["WWW-Authenticate"] == ('Basic realm="realm"' if status == 401 else None)


def test_15_debug_suffix_loads_the_module_each_time(site: Site):
    site.write("auth.py", AUTH)
    site.handler("page.py", "str(sys.loads)", "import sys")
    for name, loads in (("auth", ["1", "1", "1"]), ("authDEBUG", ["2", "3", "4"])):
        site.htaccess(f"AuthPythonModule {name}", "AuthType Basic", "AuthName realm")
        assert [site.get("page.py", **basic("PROCEED", "any")).text for _ in range(3)] == loads


def test_16_rootpkg_confines(site: Site):
    """Decision 14: it goes before the names that URLs give."""
    site.htaccess("PythonOption rootpkg web")
    site.write("web/__init__.py", "")
    site.handler("web/page.py", "__name__")
    site.handler("outside.py", "'outside'")
    assert site.text("page.py") == "web.page"
    assert site.get("outside.py").status == 404
    assert site.get("os.py").status == 404


def test_17_handler_serves_every_url(site: Site):
    site.htaccess("SetHandler python-program", "PythonOption handler front")
    site.handler("front.py", "self.rq.reqpb['uri'][-9:]")
    site.handler("page.py", "'not me'")
    for url in ("page.py/x/y", "page.html", "no/such/x", ""):
        assert site.text(url) == f"{site.url}/{url}"[-9:]


def test_17_handler_from_above_serves_below(site: Site):
    """Decision 4: in the directory that was asked for."""
    site.htaccess("PythonOption handler front")
    site.write("helper.py", "NAME = 'the helper'\n")
    site.handler("front.py", "f'{helper.NAME} {os.getcwd()}'", "import helper, os")
    below = site.sub("below")
    below.write("any.py", "raise SystemExit")
    assert below.text("any.py") == f"the helper {below.path}"


def test_18_pythonpath_replaces(site: Site):
    """Decision 15: a sum of lists, and relative names."""
    site.htaccess("PythonOption pythonpath \"['lib'] + sys.path\"")
    site.handler("lib/page.py", "repr(sys.path)", "import sys")
    site.handler("here.py", "'here'")
    path = eval(site.text("page.py"))
    assert path[0] == f"{site.path}/lib"
    assert str(site.path) not in path and "." not in path
    assert site.get("here.py").status == 404


def test_20_library_module_by_url(site: Site):
    """Decision 13: what is not in the directory is not run."""
    site.write("unrelated.py", "import httpdapi\n")
    for name in ("os.py", "antigravity.py", "httpdapi.py", "httpdapy.py", "sys.py"):
        answer = site.get(name)
        assert answer.status == 404
        assert "import" not in answer.text


KEYS = {
    "pb": "colour PythonInterpreter fn method server-software type auth-user auth-password"
    " auth-type",
    "rq.reqpb": "clf-request method protocol uri query",
    "rq.headers": "host x-some authorization",
    "rq.srvhdrs": "Content-Type",
    "rq.vars": "auth-user auth-password auth-type path path-info path-translated",
    "sn.client()": "ip dns",
}
MEMBERS = {
    "pb": "findval nvinsert pblock_remove pblock2str has_key keys",
    "rq": "reqpb headers srvhdrs vars response_started start_response request_header"
    " protocol_status log_err log_error",
    "sn": "net_write net_read form_data client session_dns",
}


def test_22_every_key_of_the_nsapi_objects(site: Site):
    site.htaccess("PythonOption colour blue", f"PythonInterpreter {site.name}")
    mappings = ", ".join(f"self.{name}" for name in KEYS)
    objects = ", ".join(f"self.{name}" for name in MEMBERS)
    site.handler(
        "page.py",
        "self.Header() or repr((list(map(set, found(self))), list(map(dir, objects(self)))))",
        f"found = lambda self: ({mappings})\nobjects = lambda self: ({objects})",
    )
    headers = {"Authorization": "Basic YWxpOnNlc2FtZQ==", "X-Some": "1"}  # ali:sesame
    found, objects = eval(site.request("GET", "page.py/info?q=1", headers=headers).text)
    for keys, present in zip(KEYS.values(), found, strict=True):
        assert {*keys.split()} <= present
    for members, present in zip(MEMBERS.values(), objects, strict=True):
        assert {*members.split()} <= {*present}


SECRET = "S3CRET-SOURCE"


@pytest.mark.parametrize(
    "source",
    [
        f"# {SECRET}\n",  # no RequestHandler
        f"# {SECRET}\nraise RuntimeError\n",
        f"# {SECRET}\nimport no_such_module_at_all\n",
        f"# {SECRET}\nRequestHandler = None\n",
        f"# {SECRET}\nimport sys; sys.exit(3)\n",
        f"# {SECRET}\nclass RequestHandler:\n    pass\n",
        f"# {SECRET}\nimport httpdapi\nclass RequestHandler(httpdapi.RequestHandler):\n"
        "    def Handle(self): return httpdapi.REQ_NOACTION\n",
        f"# {SECRET}\nimport httpdapi\nclass RequestHandler(httpdapi.RequestHandler):\n"
        "    def Handle(self): pass\n",
        f"# {SECRET}\nimport httpdapi\nclass RequestHandler(httpdapi.RequestHandler):\n"
        "    def Handle(self): return httpdapi.REQ_ABORTED\n",
        f"# {SECRET}\nimport httpdapi\nclass RequestHandler(httpdapi.RequestHandler):\n"
        "    def Content(self): raise KeyboardInterrupt\n",
        f"# {SECRET}\nimport httpdapi\nclass RequestHandler(httpdapi.RequestHandler):\n"
        "    def Content(self): self.Content()\n",
        f"# {SECRET}\nimport httpdapi\nclass RequestHandler(httpdapi.RequestHandler):\n"
        "    def Header(self): self.rq.srvhdrs['X'] = 'a\\r\\nb'\n",
        f"# {SECRET} \0",
    ],
    ids=lambda source: source.removeprefix(f"# {SECRET}").strip()[-30:],
)
def test_21_no_failure_sends_the_source(site: Site, source: str):
    site.write("page.py", source)
    if "REQ_ABORTED" not in source:
        site.log.expect("page.py")
    for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
        answer = site.request(method, "page.py")
        assert answer.status == 500
        assert SECRET not in answer.text


def test_21_unreadable_script(site: Site):
    path = site.handler("page.py", f"'{SECRET}'")
    path.chmod(0)
    if os.geteuid() == 0:
        site.log.expect("page.py")
        assert site.get("page.py").status in (403, 500)


def test_23_published_module(site: Site):
    site.htaccess(*SETTINGS)
    site.write(
        "zpublisher_hello.py",
        "def sayHello(name='World'):\n    'Greets.'\n    return f'Hello {name}!'\n\n"
        "def undocumented():\n    return 'not published'\n",
    )
    assert site.text("zpublisher_hello/sayHello") == "Hello World!"
    assert site.text("zpublisher_hello/sayHello?name=Joe") == "Hello Joe!"
    answer = site.get("zpublisher_hello/undocumented")
    assert answer.status == 404 and "not published" not in answer.text
