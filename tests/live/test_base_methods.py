"""RequestHandler's methods, overridden, called and replaced: in C and in Python they are the same.

The first request of an interpreter has dispatch find its handler, later ones need not ask.
"""

import pytest
from support.site import Answer, Site

ONE_INTERPRETER = True

HEAD = "import httpdapi\n"


def answers(site: Site, source: str) -> Answer:
    """The answer of page.py, the same three times."""
    site.write("page.py", HEAD + source)
    found = [site.get("page.py") for _ in range(3)]
    seen = {
        (a.status, a.body, a.type, a.headers.get("X-Seen"), a.headers.get("Location"))
        for a in found
    }
    assert len(seen) == 1, seen
    return found[0]


@pytest.mark.parametrize("method", ["Header", "Status", "Send"])
@pytest.mark.parametrize("where", ["class", "instance", "patched"])
def test_each_method_may_be_replaced(site: Site, method: str, where: str):
    """By a subclass, by a handler for itself, or in a class that exists."""
    argument = ", content" if method == "Send" else ""
    own = (
        f"def own(self{argument}):\n"
        "    self.req.headers_out['X-Seen'] = 'own'\n"
        f"    httpdapi.RequestHandler.{method}(self{argument})\n"
    )
    content = "        return 'page'\n"
    if where == "instance":
        call = "lambda *given: own(self, *given)"
        content = f"        self.{method} = {call}\n{content}"
    source = f"{own}class RequestHandler(httpdapi.RequestHandler):\n"
    if where == "class":
        source += f"    {method} = own\n"
    source += f"    def Content(self):\n{content}"
    if where == "patched":
        source += f"RequestHandler.{method} = own\n"
    answer = answers(site, source)
    assert (answer.status, answer.text, answer.headers["X-Seen"]) == (200, "page", "own")


def test_super_calls_the_methods(site: Site):
    answer = answers(
        site,
        "class RequestHandler(httpdapi.RequestHandler):\n"
        "    @classmethod\n"
        "    def for_request(cls, req):\n"
        "        handler = super().for_request(req)\n"
        "        handler.calls = [type(handler) is cls]\n"
        "        return handler\n"
        "    def Handle(self):\n"
        "        result = super().Handle()\n"
        "        assert self.calls == [True, 'Header', 'Status', 'Send'], self.calls\n"
        "        return result\n"
        "    def Content(self): return super().Content()\n"
        "    def Header(self): self.calls.append('Header'); super().Header()\n"
        "    def Status(self): self.calls.append('Status'); super().Status()\n"
        "    def Send(self, content): self.calls.append('Send'); super().Send(content)\n",
    )
    assert (answer.status, answer.text) == (200, "Welcome to Httpdapi!")


@pytest.mark.parametrize("given", ["content='page'", "'page'", "**dict(content='page')"])
def test_content_by_its_name(site: Site, given: str):
    answer = answers(
        site,
        "class RequestHandler(httpdapi.RequestHandler):\n"
        f"    def Handle(self): self.Header(); self.Send({given}); return httpdapi.REQ_PROCEED\n",
    )
    assert (answer.status, answer.text) == (200, "page")


def test_a_class_that_changes_while_it_serves(site: Site):
    site.write(
        "page.py",
        HEAD + "class RequestHandler(httpdapi.RequestHandler):\n"
        "    count = 0\n"
        "    def Content(self):\n"
        "        RequestHandler.count += 1\n"
        "        if self.count == 3:\n"
        "            def Header(self):\n"
        "                super(RequestHandler, self).Header()\n"
        "                self.req.headers_out['X-Seen'] = str(self.count)\n"
        "            RequestHandler.Header = Header\n"
        "        if self.count == 5:\n"
        "            RequestHandler.__init__ = lambda self, *a: setattr(self, 'made', len(a))\n"
        "        return f'{self.count} {getattr(self, \"made\", 0)}'\n",
    )
    found = [site.get("page.py") for _ in range(6)]
    assert [a.text for a in found] == ["1 0", "2 0", "3 0", "4 0", "5 0", "6 3"]
    assert [a.headers.get("X-Seen") for a in found] == [None, None, "3", "4", "5", "6"]


def test_another_class_under_the_name(site: Site):
    site.write(
        "page.py",
        HEAD + "class First(httpdapi.RequestHandler):\n"
        "    def Content(self):\n"
        "        global RequestHandler\n"
        "        RequestHandler = Second\n"
        "        return 'first'\n"
        "class Second(httpdapi.RequestHandler):\n"
        "    def Content(self):\n"
        "        global RequestHandler\n"
        "        del RequestHandler\n"
        "        return 'second'\n"
        "RequestHandler = First\n",
    )
    assert [site.get("page.py").text for _ in range(2)] == ["first", "second"]
    site.server.log.expect("page.py] ")
    site.server.log.expect("page.py defines no class RequestHandler")
    assert site.get("page.py").status == 500


def test_own_constructors(site: Site):
    answer = answers(
        site,
        "class RequestHandler(httpdapi.RequestHandler):\n"
        "    def __new__(cls, *given):\n"
        "        self = super().__new__(cls)\n"
        "        self.given = len(given)\n"
        "        return self\n"
        "    def Content(self): return f'{self.given} {self.req.method}'\n",
    )
    assert answer.text == "0 GET"


def test_a_request_in_front_of_the_request(site: Site):
    """A handler may put another object in its request's place."""
    answer = answers(
        site,
        "class Front:\n"
        "    def __init__(self, req): self.__dict__['req'] = req\n"
        "    def __getattr__(self, name): return getattr(self.req, name)\n"
        "    def __setattr__(self, name, value):\n"
        "        if name == 'status': value = 201\n"
        "        setattr(self.req, name, value)\n"
        "    def finish(self, body): self.req.finish(body.upper())\n"
        "class RequestHandler(httpdapi.RequestHandler):\n"
        "    def Content(self):\n"
        "        self.req = Front(self.req)\n"
        "        return 'page'\n",
    )
    assert (answer.status, answer.text) == (201, "PAGE")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("type('Text', (str,), {'__str__': lambda self: 'own'})('page')", "own"),
        ("type('Falsy', (), {'__bool__': lambda self: False})()", ""),
        ("bytearray(b'x')", "bytearray(b'x')"),
    ],
)
def test_what_is_not_quite_text(site: Site, content: str, text: str):
    answer = answers(
        site,
        "class RequestHandler(httpdapi.RequestHandler):\n"
        f"    def Content(self): return {content}\n",
    )
    assert (answer.status, answer.text) == (200, text)


@pytest.mark.parametrize("url", ["'/there'", "type('Url', (str,), {})('/there')"])
def test_redirect(site: Site, url: str):
    answer = answers(
        site,
        "class RequestHandler(httpdapi.RequestHandler):\n"
        f"    def Content(self): self.redirect = {url}; return 'dropped'\n",
    )
    assert (answer.status, answer.headers["Location"][-6:]) == (302, "/there")
    assert b"dropped" not in answer.body


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ("content_type = 5", "TypeError: header 'Content-Type'"),
        ("content_type = 'text/html; charset=nowhere'", "LookupError: unknown encoding: nowhere"),
        ("content_type = 'a\\nb'", "ValueError: header 'Content-Type'"),
        ("content_type = property(lambda self: 1 / 0)", "ZeroDivisionError"),
        ("redirect = property(lambda self: 1 / 0)", "ZeroDivisionError"),
        ("Header = None", "TypeError: 'NoneType' object is not callable"),
        ("__new__ = lambda cls, *given: 5", "AttributeError"),
        ("for_request = None", "TypeError: 'NoneType' object is not callable"),
        ("Handle = property(lambda self: 1 / 0)", "ZeroDivisionError"),
    ],
)
def test_attributes_that_cannot_be(site: Site, attribute: str, said: str):
    """The log says what is wrong, each time, and the next request is answered."""
    site.server.log.expect("page.py] ")  # of every line of a traceback
    site.server.log.expect(said)
    site.write("page.py", HEAD + "class RequestHandler(httpdapi.RequestHandler): pass\n")
    assert site.get("page.py").status == 200
    answer = answers(
        site,
        "class RequestHandler(httpdapi.RequestHandler):\n"
        f"    {attribute}\n"
        "    def Content(self): return 'page'\n",
    )
    assert (answer.status, answer.text.count("page")) == (500, 0)


def test_handlers_of_other_threads_and_requests(site: Site):
    """A thread has a handler's methods too; a request that is over says so."""
    answer = answers(
        site,
        "import threading\n"
        "kept = []\n"
        "def use(handler, said):\n"
        "    for call in handler.Header, handler.Status, lambda: handler.Send('more'):\n"
        "        try:\n"
        "            said.append(call())\n"
        "        except RuntimeError as error:\n"
        "            said.append(str(error)[:20])\n"
        "class RequestHandler(httpdapi.RequestHandler):\n"
        "    def Content(self):\n"
        "        said = []\n"
        "        thread = threading.Thread(target=use, args=(self, said))\n"
        "        thread.start()\n"
        "        thread.join()\n"
        "        assert said[:2] == [None, None] and said[2].startswith('the body is'), said\n"
        "        if kept:\n"
        "            said = []\n"
        "            use(kept.pop(), said)\n"
        "            assert said == ['the request is over:'] * 3, said\n"
        "        kept.append(self)\n"
        "        return 'page'\n",
    )
    assert (answer.status, answer.text) == (200, "page")
