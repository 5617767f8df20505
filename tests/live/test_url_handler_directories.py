"""hwebserver's decorators in the modules of a directory that Apache serves."""

import pytest
from support.site import Site

MODULE = """
import hwebserver

@hwebserver.urlHandler("/hello")
def hello(request):
    return hwebserver.Response("{text}", content_type="text/plain")

@hwebserver.urlHandler("/below", is_prefix=True)
def below(request):
    where = request.path(), request.portName()
    return hwebserver.Response(repr(where), content_type="text/plain")
"""
PAGE = """
import httpdapi
class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        return "its own"
"""


def expect(site: Site, text: str) -> None:
    """Expect *text* in the log, with a traceback."""
    site.log.expect(text)
    site.log.allow("app.py]")


def serve_all(site: Site, module: str = "app") -> None:
    site.htaccess("SetHandler python-program", f"PythonOption handler {module}")


@pytest.fixture
def app(site: Site) -> Site:
    site.write("app.py", MODULE.format(text="hello"))
    return site


def test_paths_count_from_the_directory(app: Site):
    serve_all(app)
    app.sub("sub")
    assert app.text("hello") == app.text("hello/") == "hello"
    assert app.text("below/sub/x%20y") == repr((f"{app.url}/below/sub/x%20y", "main"))
    for path in ("", "none", "app.py", "app.py/hello", "sub/", "sub/hello", "hello/more"):
        assert app.get(path).status == 404, path
    (app.path / "below").mkdir()
    assert app.text("below/x") == repr((f"{app.url}/below/x", "main"))  # as it was without


def test_paths_count_from_the_file(app: Site):
    assert app.text("app.py/hello") == "hello"
    assert app.text("app.py/below/x") == repr((f"{app.url}/app.py/below/x", "main"))
    assert app.get("app.py").status == app.get("app.py/none").status == 404


def test_paths_count_from_the_directory_of_the_option(app: Site):
    """The module may lie elsewhere."""
    other = app.sub("other")
    other.htaccess(
        "SetHandler python-program",
        "PythonOption handler app",
        f"PythonOption pythonpath \"['{app.path}'] + sys.path\"",
    )
    assert other.text("hello") == "hello"


def test_a_request_handler_beside(app: Site):
    serve_all(app)
    app.write("app.py", MODULE.format(text="hello") + PAGE)
    assert app.text("hello") == "hello"
    assert app.text("") == app.text("none") == "its own"


def test_a_request_handler_with_a_path(site: Site):
    serve_all(site)
    site.write(
        "app.py", f"import hwebserver\n{PAGE}\nhwebserver.urlHandler('/page')(RequestHandler)"
    )
    assert site.text("page") == site.text("none") == "its own"


def test_reload(app: Site):
    assert app.text("app.py/hello") == "hello"
    app.write("app.py", MODULE.format(text="again"))
    assert app.text("app.py/hello") == "again"
    app.write("app.py", "def broken(:")
    expect(app, "SyntaxError")
    assert app.get("app.py/hello").status == 500
    app.write("app.py", MODULE.format(text="whole").replace("/hello", "/moved"))
    assert app.text("app.py/moved") == "whole"
    assert app.get("app.py/hello").status == 404


def test_decorators_that_are_taken_out(app: Site):
    assert app.text("app.py/hello") == "hello"
    app.write("app.py", PAGE)
    assert app.text("app.py/hello") == "its own"
    expect(app, "defines no class RequestHandler")
    for before in (PAGE, MODULE.format(text="hello"), MODULE.format(text="hello") + PAGE):
        app.write("app.py", before)
        assert app.get("app.py/hello").status == 200
        app.write("app.py", "import hwebserver")
        assert app.get("app.py/hello").status == 500


def test_handlers_of_helpers(site: Site):
    """What a module registers stays while the one that imports it is loaded anew, and goes when it
    is taken out."""
    site.write("helper.py", MODULE.format(text="helper"))
    site.write("app.py", "import helper")
    assert site.text("app.py/hello") == "helper"
    site.write("app.py", "import helper  # edited")
    assert site.text("app.py/hello") == "helper"
    site.write("helper.py", MODULE.format(text="edited"))
    assert site.text("app.py/hello") == "edited"
    site.write("app.py", "import helper\n" + MODULE.format(text="own"))
    expect(site, "hello takes the place of hello at /hello")
    assert site.text("app.py/hello") == "own"
    site.write("helper.py", "")
    assert site.text("app.py/hello") == "own"
    site.write("app.py", "import helper\n" + PAGE)
    assert site.text("app.py/hello") == "its own"


def test_two_modules_keep_their_own(app: Site):
    app.write("two.py", MODULE.format(text="two"))
    assert app.text("app.py/hello") == "hello"
    assert app.text("two.py/hello") == "two"
    assert app.text("app.py/hello") == "hello"


def test_async_functions(site: Site):
    site.write(
        "app.py",
        "import asyncio, hwebserver\n"
        "@hwebserver.urlHandler('/slow')\n"
        "async def slow(request):\n"
        "    await asyncio.sleep(0.01)\n"
        "    return hwebserver.Response(request.body())\n",
    )
    assert site.request("POST", "app.py/slow", b"body").text == "body"


def test_wsgi_applications(site: Site):
    site.write(
        "app.py",
        "import hwebserver\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [f\"{environ['SCRIPT_NAME']} {environ['PATH_INFO']}\".encode()]\n"
        "hwebserver.registerWSGIApp(application, '/mounted')\n",
    )
    assert site.text("app.py/mounted/x/y") == f"{site.url}/app.py/mounted /x/y"
    serve_all(site)
    assert site.text("mounted/x/y") == f"{site.url}/mounted /x/y"


def test_limits_are_options(app: Site):
    app.write(
        "app.py",
        "import hwebserver\n"
        "@hwebserver.urlHandler('/size')\n"
        "def size(request):\n"
        "    return hwebserver.Response(str(len(request.body())))\n",
    )
    app.htaccess("PythonOption hwebserver_max_request_size 10")
    app.log.expect("413: the request has more than 10 bytes")
    assert app.request("POST", "app.py/size", b"x" * 10).text == "10"
    assert app.request("POST", "app.py/size", b"x" * 11).status == 413
    app.htaccess("PythonOption hwebserver_max_request_size many")
    expect(app, "hwebserver_max_request_size is a number, not 'many'")
    assert app.request("POST", "app.py/size", b"x").status == 500


def test_run_does_nothing(app: Site):
    expect(app, "run() does nothing")
    app.write("app.py", MODULE.format(text="hello") + "hwebserver.run(8008, True)\n")
    assert app.text("app.py/hello") == "hello"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("hwebserver.requestShutdown()", "Apache serves a directory"),
        ("hwebserver.urlHandler('/x', ports=['admin'])(print)", "served at Apache's ports"),
        ("hwebserver.registerStaticFilesDirectory('.')", "sent by Apache"),
        ("hwebserver.urlHandler('x')(print)", "begins with '/'"),
    ],
)
def test_what_has_no_meaning_there(app: Site, line: str, reason: str):
    app.write("app.py", f"{MODULE.format(text='hello')}\n{line}\n")
    expect(app, reason)
    assert app.get("app.py/hello").status == 500


@pytest.mark.parametrize(
    "call", ["hwebserver.urlHandler('/x')(print)", "request.requestServerShutdown()"]
)
def test_what_handlers_must_not_do(site: Site, call: str):
    site.write(
        "app.py",
        f"import hwebserver\n@hwebserver.urlHandler('/')\ndef handle(request):\n    {call}\n",
    )
    expect(site, "OperationFailed")
    assert site.get("app.py/").status == 500
