"""hwebserver's URL handlers: which one answers, and what becomes of what it returns."""

import contextlib
import http.client
import json
import socket
import threading

import pytest
from support.script import Script, running_script
from support.site import wait_for

#: In the background of a script, too.
LIVE = True

SCRIPT = """
import asyncio
import contextvars
import functools
import threading

import httpdapi
import hwebserver
from hwebserver import Response

hwebserver.setSettingsForPort({"PORT": 0}, "other")

def answer(name):
    return lambda request: Response(f"{name} {request.path()}", content_type="text/plain")

hwebserver.urlHandler("/exact")(answer("exact"))
hwebserver.urlHandler("/slash/")(answer("slash"))
hwebserver.urlHandler("/prefix", is_prefix=True)(answer("prefix"))
hwebserver.urlHandler("/prefix/a/b", True)(answer("deeper"))
hwebserver.urlHandler("/prefix/a")(answer("exact"))
hwebserver.urlHandler("/gr\\u00f6\\u00dfe & so")(answer("decoded"))
hwebserver.urlHandler("/other", ports=["other"])(answer("other"))
hwebserver.urlHandler("/both", ports=["main", "other"])(answer("both"))
hwebserver.urlHandler("/all", ports=[-1])(answer("all"))
hwebserver.urlHandler("/late")(answer("first"))
hwebserver.urlHandler("/late/")(answer("second"))
hwebserver.urlHandler("/partial")(functools.partial(answer("of")))

@hwebserver.urlHandler("/method")
def method(request):
    return Response(request.method() + " " + request.body().decode())

@hwebserver.urlHandler("/twice")
@hwebserver.urlHandler("/thrice")
def twice(request):
    return Response("twice")

assert twice.__name__ == "twice"  # the decorator gives it back

class Callable:
    async def __call__(self, request):
        return Response("async callable")

hwebserver.urlHandler("/callable")(Callable())

@hwebserver.urlHandler("/page")
class Page(httpdapi.RequestHandler):
    content_type = "text/plain"
    def Content(self):
        return f"page {self.req.method}"

@hwebserver.urlHandler("/class", is_prefix=True)
class Class(hwebserver.URLHandler):
    def handle(self, request):
        return Response(f"{self.path} {self.allows_partial} {request.path()}")

class Counting(hwebserver.URLHandler):
    def __init__(self):
        super().__init__("/counting", ["PUT", "delete"], allows_partial=True)
        self.count = 0
    def handle(self, request):
        self.count += 1
        return Response(str(self.count))

hwebserver.insertHandlerForPort(Counting())
hwebserver.insertHandlerForPort(Class("/class-there"), "other")

class Unfinished(hwebserver.URLHandler):
    pass

hwebserver.insertHandlerForPort(Unfinished("/unfinished"))

# -- async

loops = set()
current = contextvars.ContextVar("current", default="none")

@hwebserver.urlHandler("/async")
async def asynchronous(request):
    loops.add((threading.current_thread().name, id(asyncio.get_running_loop())))
    before = current.get()
    current.set(request.queryString())
    await asyncio.sleep(0.01)
    return Response(f"{before} {current.get()} {len(loops)} {request.body()!r}")

@hwebserver.urlHandler("/form")
async def form(request):
    return Response(f"{request.POST()} {[f.read() for f in request.files().values()]}")

gate = None

@hwebserver.urlHandler("/meet")
async def meet(request):
    global gate
    if gate is None:
        gate = asyncio.Event()
        await gate.wait()
    else:
        gate.set()
    return Response("met")

class Sending(hwebserver.AsyncURLHandler):
    async def handle(self, request):
        how = request.queryString()
        if how != "never":
            request.send(Response("sent", content_type="text/plain"))
        if how == "twice":
            request.send(Response("again"))
        if how == "wait":
            await released.wait()
            after.append(request.path())
        if how == "return":
            return Response("returned")

released = asyncio.Event()
after = []
hwebserver.insertHandlerForPort(Sending("/sending"))

@hwebserver.urlHandler("/release")
async def release(request):
    released.set()
    await asyncio.sleep(0.01)
    return Response(repr(after))

@hwebserver.urlHandler("/sync-send")
def sync_send(request):
    request.send(Response("sent"))

@hwebserver.urlHandler("/pieces")
def pieces(request):
    request.sendHeaders(Response(status=201, content_type="text/x-pieces"))
    request.sendBody(b"one ")
    request.sendBody("two")

# -- what goes wrong

@hwebserver.urlHandler("/raise")
def fail(request):
    raise ValueError("no such luck")

@hwebserver.urlHandler("/raise-async")
async def fail_async(request):
    await asyncio.sleep(0)
    raise KeyError("not there")

@hwebserver.urlHandler("/exit-async")
async def exit_async(request):
    raise SystemExit(3)

@hwebserver.urlHandler("/exit-task")
async def exit_task(request):
    async def leave():
        raise SystemExit(4)
    try:
        await asyncio.create_task(leave())
    except SystemExit:
        return Response("still here")

for value in (None, "text", b"bytes", 5, {"a": 1}, Response):
    hwebserver.urlHandler(f"/returns/{value!r:.4}")(lambda request, value=value: value)

@hwebserver.urlHandler("/register")
def register(request):
    hwebserver.urlHandler("/x")(register)
"""


@pytest.fixture(scope="module")
def script(module_site):
    with running_script(module_site, SCRIPT, run="ports=['other'], max_num_threads=6") as running:
        running.wait_for_port("other")
        running.log.allow("takes the place of")
        yield running


@pytest.fixture(autouse=True)
def log(script: Script):
    yield
    script.log.check()


def wait_for_traceback(script: Script, reason: str) -> None:
    """Return once the log has all of a traceback, which begins and ends with *reason*."""
    wait_for(reason, lambda: "".join(script.log.since_check()).count(reason) >= 2)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/exact", "exact /exact"),
        ("/exact/", "exact /exact/"),
        ("/exact?query", "exact /exact"),
        ("//exact", "exact //exact"),
        ("/x/../exact", "exact /x/../exact"),
        ("/./exact", "exact /./exact"),
        ("/%65xact", "exact /%65xact"),
        ("/x/%2e%2E/exact", "exact /x/%2e%2E/exact"),
        ("/slash", "slash /slash"),
        ("/slash/", "slash /slash/"),
        ("/prefix", "prefix /prefix"),
        ("/prefix/", "prefix /prefix/"),
        ("/prefix/a", "exact /prefix/a"),
        ("/prefix/a/c", "prefix /prefix/a/c"),
        ("/prefix/a/b", "deeper /prefix/a/b"),
        ("/prefix/a/b/c//d/", "deeper /prefix/a/b/c//d/"),
        ("/prefix/a%2Fb", "prefix /prefix/a%2Fb"),
        ("/prefix/..%2f..%2fexact", "prefix /prefix/..%2f..%2fexact"),
        ("/prefix/%ff%fe", "prefix /prefix/%ff%fe"),
        ("/prefix/" + "a/" * 2000, "prefix /prefix/" + "a/" * 2000),
        ("/gr%C3%B6%C3%9Fe%20&%20so", "decoded /gr%C3%B6%C3%9Fe%20&%20so"),
        ("/both", "both /both"),
        ("/all", "all /all"),
        ("/late", "second /late"),
        ("/partial", "of /partial"),
        ("/twice", "twice"),
        ("/thrice", "twice"),
        ("/callable", "async callable"),
        ("/page", "page GET"),
        ("/class/x", "/class True /class/x"),
    ],
)
def test_the_handler_of_a_path(script: Script, path: str, text: str):
    assert script.text(path) == text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404),
        ("/exact/more", 404),
        ("/Exact", 404),
        ("/exactly", 404),
        ("/exact%2F", 404),
        ("/prefixed", 404),
        ("/other", 404),
        ("/class-there", 404),
        ("/.hwebserver", 404),
        ("/script.py", 404),
        ("/../exact", 400),
        ("/%2e%2e/exact", 400),
        ("/prefix/%00", 404),
        ("/prefix/%zz", 400),
        ("/" + "a" * 8100, 404),
        ("/prefix/" + "a" * 9000, 414),
    ],
)
def test_paths_without_a_handler(script: Script, path: str, status: int):
    script.log.allow(" AH")  # Apache's own words on invalid URLs
    answer = script.get(path)
    assert answer.status == status and b"hwebserver" not in answer.body


def test_what_404_says(script: Script):
    assert script.get("/none").type == "text/html; charset=utf-8"
    answer = script.get("/none", Accept="application/json, */*")
    assert "not found" in json.loads(answer.text)["error"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/other", "other /other"),
        ("/both", "both /both"),
        ("/all", "all /all"),
        ("/class-there", "/class-there False /class-there"),
        ("/exact", None),
    ],
)
def test_the_handlers_of_a_port(script: Script, path: str, text: str | None):
    answer = script.request("GET", path, port="other")
    assert (answer.text if answer.status == 200 else None) == text


def test_a_later_handler_is_a_warning(script: Script):
    assert any("takes the place of" in line and "/late/" in line for line in script.log.lines)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FOO"])
def test_every_method_reaches_a_function(script: Script, method: str):
    assert script.request(method, "/method", "body").text == f"{method} body"


def test_head(script: Script):
    answer = script.request("HEAD", "/method")
    assert answer.status == 200 and answer.body == b"" and answer.headers["Content-Length"] == "5"
    assert script.request("HEAD", "/class").status == 200
    assert script.request("HEAD", "/counting").status == 405


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/class", "PUT", "GET, HEAD, POST"),
        ("/class/x", "OPTIONS", "GET, HEAD, POST"),
        ("/counting", "GET", "DELETE, PUT"),
        ("/sending", "FOO", "GET, HEAD, POST"),
    ],
)
def test_a_class_answers_its_methods(script: Script, path: str, method: str, allowed: str):
    answer = script.request(method, path, headers={"Accept": "application/json"})
    assert answer.status == 405 and answer.headers["Allow"] == allowed
    assert method in json.loads(answer.text)["error"]


def test_an_instance_answers_all_requests(script: Script):
    first = int(script.request("PUT", "/counting/x").text)
    assert int(script.request("DELETE", "/counting").text) == first + 1


# ---- async --------------------------------------------------------------------------------------


def test_async_functions_share_a_loop_and_no_context(script: Script):
    for body in ("", "a", "b"):
        answer = script.request("POST", f"/async?{body}", body)
        assert answer.text == f"none {body} 1 {body.encode()!r}"


def test_async_functions_have_forms(script: Script):
    head = {"Content-Type": "multipart/form-data; boundary=B"}
    part = "--B\r\nContent-Disposition: form-data; name={}\r\n\r\n{}\r\n"
    body = part.format("a", "1") + part.format("f; filename=x", "file") + "--B--\r\n"
    assert script.request("POST", "/form", body, head).text == "{'a': '1'} [b'file']"


def test_async_functions_have_no_broken_forms(script: Script):
    script.log.expect("400: multipart form: ")
    head = {"Content-Type": "multipart/form-data; boundary=B"}
    assert script.request("POST", "/form", "none", head).status == 400
    script.wait_for_log("400: multipart form: ")


def test_async_functions_wait_for_each_other(script: Script):
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(script.text("/meet"))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["met", "met"]


def test_an_async_handler_sends(script: Script):
    assert script.text("/sending") == "sent"
    assert script.text("/sync-send") == "sent"


def test_an_async_handler_goes_on_when_it_has_sent(script: Script, way: str):
    connection = http.client.HTTPConnection("127.0.0.1", script.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/sending?wait")
        if way == "direct":  # on the other mod_wsgi keeps small answers to the end
            assert connection.getresponse().read() == b"sent"  # though the handler waits
        assert script.text("/release") == "['/sending']"
        if way == "wsgi":
            assert connection.getresponse().read() == b"sent"


@pytest.mark.parametrize(
    ("how", "reason"),
    [("never", ") returned None, no Response"), ("twice", "answered already"),
     ("return", "answered already")],
)  # fmt: skip
def test_an_async_handler_answers_once(script: Script, how: str, reason: str):
    script.log.allow(".hwebserver]")
    script.log.expect(reason)
    answer = script.get(f"/sending?{how}")
    assert (answer.status, answer.text) == (200, "sent") or (how, answer.status) == ("never", 500)
    wait_for_traceback(script, reason)


def test_pieces(script: Script):
    answer = script.get("/pieces")
    assert (answer.status, answer.type, answer.text) == (201, "text/x-pieces", "one two")


# ---- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/raise", "ValueError: no such luck"),
        ("/raise-async", "KeyError: 'not there'"),
        ("/exit-async", "SystemExit: 3"),
        ("/unfinished", "Unfinished has no method handle(self, request)"),
        pytest.param(
            "/register",
            "register first, then call run()",
            marks=pytest.mark.foreground("it is registered"),
        ),
        ("/returns/None", ") returned None, no Response: a handler ends with return"),
        ("/returns/'tex", ") returned 'text', no Response"),
        ("/returns/b'by", ") returned b'bytes', no Response"),
        ("/returns/5", "script.py, line "),
        ("/returns/{'a'", ") returned {'a': 1}, no Response"),
    ],
)
def test_a_handler_that_fails(script: Script, path: str, reason: str):
    script.log.allow(".hwebserver]")
    script.log.expect(reason)
    answer = script.get(path)
    assert answer.status == 500
    assert reason[:8] not in answer.text  # debug is off
    wait_for_traceback(script, reason)


def test_a_task_that_exits_ends_nothing_else(script: Script):
    script.log.expect("SystemExit(4)")
    assert script.text("/exit-task") == "still here"
    assert script.get("/async").status == 200
    script.wait_for_log("SystemExit(4)")


def test_tasks_end_with_the_server(tmp_site):
    source = """
        import asyncio
        import hwebserver
        tasks = []
        async def last():
            try:
                await asyncio.sleep(1000)
            finally:
                with open("ended", "w") as file:
                    file.write("ended")
        @hwebserver.urlHandler("/begin")
        async def begin(request):
            tasks.append(asyncio.create_task(last()))
            return hwebserver.Response("begun")
        """
    tmp_site.chmod(0o777)  # Apache's user writes there
    with running_script(tmp_site, source) as script:
        assert script.text("/begin") == "begun"
    assert (tmp_site / "ended").read_text() == "ended"


def test_a_failing_handler_in_debug_mode(tmp_site):
    source = """
        import hwebserver
        @hwebserver.urlHandler("/raise")
        def fail(request):
            raise ValueError(f"<no> {request.isInDebugMode()} {hwebserver.isInDebugMode()}")
        """
    with running_script(tmp_site, source, run="debug=True") as script:
        script.log.allow(".hwebserver]")
        answer = script.get("/raise", Accept="text/html")
        assert answer.status == 500 and "raise ValueError" in answer.text
        assert "&lt;no&gt; True True" in answer.text and "script.py, line 5" in answer.text


def test_a_request_without_host(script: Script):
    with socket.create_connection(("127.0.0.1", script.port), 10) as connection:
        connection.sendall(b"GET /exact HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.endswith(b"exact /exact")


def test_an_absolute_url_in_the_request_line(script: Script):
    with socket.create_connection(("127.0.0.1", script.port), 10) as connection:
        connection.sendall(b"GET http://x/exact?q HTTP/1.0\r\nHost: x\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.endswith(b"exact /exact")
