"""registerASGIApp, and handlers that await: on the event loop of the handlers' process."""

import http.client
import json
import socket
import time
from contextlib import closing

import pytest
from support.script import Script, running_script
from support.site import wait_for
from support.websocket import TEXT, connected, frame, refused

#: Nothing here depends on the way into Python, but all on where the script's handlers run.
ONE_WAY = True
LIVE = True

SCRIPT = """
import asyncio
import os
import sys
import threading
import time
from contextlib import asynccontextmanager

import fastapi
import hwebserver
from hwebserver import Response
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

shared = {"count": 0}
events = []

@hwebserver.urlHandler("/shared")
def see(request):
    shared["count"] += 1
    return Response(f"{shared['count']} {os.getpid()} {' '.join(events)}")

@hwebserver.urlHandler("/threads")
def threads(request):
    return Response(str(threading.active_count()))

@asynccontextmanager
async def lifespan(app):
    events.append("started")
    yield {"from_lifespan": "kept"}
    print("stopped\\n", end="", flush=True)

async def about(request):
    shared["count"] += 1
    return JSONResponse({
        "count": shared["count"], "pid": os.getpid(), "path": request.url.path,
        "root_path": request.scope["root_path"], "method": request.method,
        "url": str(request.url), "client": request.client.host, "query": dict(request.query_params),
        "state": request.state.from_lifespan, "version": request.scope["http_version"],
        "headers": sorted(request.headers), "for": str(request.url_for("about")),
    })

async def echo(request):
    return PlainTextResponse(await request.body(), headers={"X-Own": "yes"})

async def stream(request):
    async def pieces():
        for n in range(3):
            yield f"data: {n}\\n\\n"
            await asyncio.sleep(0.15)
    return StreamingResponse(pieces(), media_type="text/event-stream")

async def endless(request):
    async def pieces():
        try:
            while True:
                yield "data: x\\n\\n"
                await asyncio.sleep(0.01)
        finally:
            events.append("let-go")
    return StreamingResponse(pieces(), media_type="text/event-stream")

async def fail(request):
    raise LookupError("fails in Starlette")

async def talk(socket):
    await socket.accept(subprotocol="chat" if "chat" in socket.scope["subprotocols"] else None)
    try:
        while True:
            text = await socket.receive_text()
            if text == "fail":
                raise LookupError("fails in a WebSocket")
            await socket.send_text(f"{socket.url.path} {text}")
    except WebSocketDisconnect as end:
        events.append(f"code-{end.code}")

starlette = Starlette(routes=[
    Route("/", about, name="about", methods=["GET", "POST"]),
    Route("/echo", echo, methods=["POST"]),
    Route("/stream", stream), Route("/endless", endless), Route("/fail", fail),
    WebSocketRoute("/talk", talk),
], lifespan=lifespan)
hwebserver.registerASGIApp(starlette, "/star")

fast = fastapi.FastAPI()

@fast.get("/items/{number}")
async def item(number: int, q: str = ""):
    return {"number": number, "q": q}

@fast.get("/sync")
def on_a_thread():
    return threading.current_thread().name

@fast.websocket("/ws")
async def ws(socket: fastapi.WebSocket):
    await socket.accept()
    await socket.send_json({"got": await socket.receive_json()})
    await socket.close(3001)

hwebserver.registerASGIApp(fast, path="/fast/api/")

async def raw(scope, receive, send):
    assert scope["type"] == "http"
    kind = scope["path"].rpartition("/")[2]
    headers = [(b"content-type", b"text/plain")]
    if kind == "short":
        headers.append((b"content-length", b"10"))
    if kind == "nothing":
        return
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"12345", "more_body": kind == "fails"})
    if kind == "fails":
        raise LookupError("fails in the middle")

hwebserver.registerASGIApp(raw, "/raw")

@hwebserver.urlHandler("/star/own")
def own(request):
    return Response("a URL handler")

asleep = 0
all_asleep = asyncio.Event()

@hwebserver.urlHandler("/sleep")
async def sleep(request):
    global asleep
    asleep += 1
    if asleep == 500:
        all_asleep.set()
    await all_asleep.wait()
    return Response("slept")

class Clock(hwebserver.AsyncURLHandler):
    async def handle(self, request):
        response = Response(b"", content_type="text/event-stream")
        response.setHeader("Cache-Control", "no-cache")
        request.sendHeaders(response)
        for n in range(3):
            request.sendBody(f"data: {n}\\n\\n")
            await asyncio.sleep(0.15)

hwebserver.insertHandlerForPort(Clock("/clock"))

@hwebserver.urlHandler("/upload")
async def upload(request):
    files = {name: (file.name(), len(file.read())) for name, file in request.files().items()}
    return Response(f"{request.POST()} {files} {len(request.body()) if not files else ''}")

@hwebserver.urlHandler("/mixed")
def mixed(request):
    # a plain function that gives a coroutine: found out when it is called
    async def later():
        return Response("later")
    return later()
"""


@pytest.fixture(scope="module")
def script(module_site):
    with running_script(module_site, SCRIPT, run="max_request_size=300_000") as running:
        yield running


def about(script: Script, path: str = "/star", method: str = "GET") -> dict:
    answer = script.request(method, path)
    assert answer.status == 200, answer.text
    return json.loads(answer.text)


def test_starlette(script: Script):
    found = about(script, "/star/?a=1&b=%20x", "POST")
    assert found["path"] == "/star/" and found["root_path"] == "/star"
    assert found["url"] == f"http://127.0.0.1:{script.port}/star/?a=1&b=%20x"
    assert found["for"] == f"http://127.0.0.1:{script.port}/star/"
    assert found["client"] == "127.0.0.1" and found["method"] == "POST"
    assert found["query"] == {"a": "1", "b": " x"} and found["version"] == "1.1"
    assert not any(name.startswith("httpdapy") for name in found["headers"])
    assert "x-forwarded-for" not in found["headers"]


def test_lifespan_and_state(script: Script):
    assert about(script, "/star/")["state"] == "kept"
    assert script.text("/shared").split()[2] == "started"


def test_an_application_shares_the_module(script: Script):
    one = about(script, "/star/")
    count, process, *_ = script.text("/shared").split()
    assert int(count) == one["count"] + 1 and int(process) == one["pid"]


def test_bodies(script: Script):
    data = bytes(range(256)) * 400
    answer = script.request("POST", "/star/echo", data)
    assert answer.body == data and answer.headers["X-Own"] == "yes"
    answer = script.request("POST", "/star/echo", iter([data, data]))
    assert answer.body == data * 2


@pytest.mark.parametrize("as_body", [bytes, lambda body: iter([body])], ids=["length", "chunks"])
@pytest.mark.parametrize("path", ["/star/echo", "/upload"])
def test_a_body_that_is_too_large(script: Script, path: str, as_body):
    script.log.allow(".hwebserver]")
    assert script.request("POST", path, as_body(bytes(300_001))).status == 413


def pieces(script: Script, path: str) -> list[tuple[float, bytes]]:
    """What comes of a stream, and when."""
    found = []
    with closing(http.client.HTTPConnection("127.0.0.1", script.port, timeout=15)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        began = time.monotonic()
        while data := response.read1():
            found.append((time.monotonic() - began, data))
    return found


@pytest.mark.parametrize("path", ["/star/stream", "/clock"])
def test_server_sent_events_are_not_held_back(script: Script, path: str):
    found = pieces(script, path)
    assert b"".join(data for _, data in found) == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
    assert len(found) == 3 and found[0][0] < 0.1 and found[2][0] > 0.25, found


def test_a_client_that_leaves_a_stream(script: Script):
    before = script.text("/shared").count("let-go")
    with socket.create_connection(("127.0.0.1", script.port), 10) as connection:
        connection.sendall(b"GET /star/endless HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(1000)
    wait_for("the end", lambda: script.text("/shared").count("let-go") > before)


def test_a_slow_reader_of_a_stream_is_no_burden(script: Script):
    """It is sent no more than it reads; others go on."""
    with socket.create_connection(("127.0.0.1", script.port), 10) as connection:
        connection.sendall(b"GET /star/endless HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(10)
        assert about(script, "/star/")


def test_websockets(script: Script):
    offer = "Sec-WebSocket-Protocol: other, chat\r\n"
    with connected(script.port, "/star/talk", offer) as client:
        assert "sec-websocket-protocol: chat\r\n" in client.head.lower()
        assert client.text("hello") == "/star/talk hello"
        client.close(4001)
    wait_for("the end", lambda: "code-4001" in script.text("/shared"))
    assert refused(script.port, "/star/nowhere") == 403  # as Starlette says


def test_a_failing_websocket(script: Script):
    script.log.allow(".hwebserver]")
    with connected(script.port, "/star/talk") as client:
        client.send(frame(TEXT, b"fail"))
        assert client.frame().code == 1011
    script.wait_for_log("LookupError: fails in a WebSocket")
    assert refused(script.port, "/raw/x") == 500
    script.wait_for_log("AssertionError")


def test_fastapi(script: Script):
    assert about(script, "/fast/api/items/7?q=x") == {"number": 7, "q": "x"}
    assert script.get("/fast/api/items/no").status == 422
    assert "hwebserver" not in script.text("/fast/api/sync")
    assert json.loads(script.text("/fast/api/openapi.json"))["paths"].keys() >= {"/sync"}
    assert "/fast/api/openapi.json" in script.text("/fast/api/docs")
    with connected(script.port, "/fast/api/ws") as client:
        client.send(frame(TEXT, b'{"a": 1}'))
        assert json.loads(client.message().data) == {"got": {"a": 1}}
        assert client.frame().code == 3001


def test_a_failing_application(script: Script):
    script.log.allow(".hwebserver]")
    answer = script.get("/star/fail")
    assert answer.status == 500 and "LookupError" not in answer.text
    script.wait_for_log("LookupError: fails in Starlette")
    assert script.get("/raw/nothing").status == 500
    for path in ("/raw/short", "/raw/fails"):
        with pytest.raises(http.client.IncompleteRead):
            script.get(path)
    script.wait_for_log("LookupError: fails in the middle")
    assert script.text("/raw/fine") == "12345"


def test_the_more_specific_handler_answers(script: Script):
    assert script.text("/star/own") == "a URL handler"
    assert script.get("/star/other").status == 404
    assert script.get("/starless").status == 404


def test_uploads_to_a_handler_that_awaits(script: Script):
    body = (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x\r\n'
        b'Content-Disposition: form-data; name="f"; filename="n.txt"\r\n\r\ndata\r\n--x--\r\n'
    )
    head = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = script.request("POST", "/upload", body, head)
    assert answer.text.startswith("{'a': '1'} {'f': ('n.txt', 4)}"), answer.text
    for form in (bytes(290_000), iter([bytes(100_000), bytes(190_000)])):
        assert script.request("POST", "/upload", form).text == "{} {} 290000"
    assert script.text("/mixed") == "later"


def test_five_hundred_that_sleep(script: Script):
    """Handlers that await hold no thread of Python's: all are asleep at once."""
    threads = int(script.text("/threads"))
    clients = [socket.create_connection(("127.0.0.1", script.port), 20) for _ in range(500)]
    for client in clients:
        client.sendall(b"GET /sleep HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    for client in clients:
        with client.makefile("rb") as answer:
            assert answer.read().endswith(b"\r\n\r\nslept")
        client.close()
    assert int(script.text("/threads")) <= threads + 5


def test_what_is_no_application(tmp_site):
    source = """
import hwebserver
said = []
for application in ((), "app", lambda environ, start_response: []):
    try:
        hwebserver.registerASGIApp(application)
    except hwebserver.OperationFailed as error:
        said.append(str(error))
hwebserver.urlHandler("/")(lambda request: hwebserver.Response("|".join(said)))
"""
    with running_script(tmp_site, source) as script:
        one, two, three = script.text("/").split("|")
    assert one == "an ASGI application is a callable, not ()" and "not 'app'" in two
    assert three.endswith("registerWSGIApp() takes a WSGI application")


def test_an_application_that_cannot_start(tmp_site):
    source = """
import hwebserver
async def application(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})
hwebserver.registerASGIApp(application)
"""
    with pytest.raises(AssertionError, match="no database"), running_script(tmp_site, source):
        pass


def test_shutdown_of_an_application(tmp_site):
    """The lifespan ends with the server, and a stream does not keep it."""
    with running_script(tmp_site, SCRIPT) as script:
        with socket.create_connection(("127.0.0.1", script.port), 10) as connection:
            connection.sendall(b"GET /star/ HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(100)
        assert script.stop() == 0
        assert script.output.count("stopped") == 1
