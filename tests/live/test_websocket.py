"""WebSockets: classes of webSocket()."""

import socket
import struct
import time

import pytest
from support.script import Script, running_script
from support.site import wait_for
from support.websocket import (
    BINARY,
    CLOSE,
    ECHO,
    TEXT,
    Client,
    connected,
    either_way,
    frame,
    refused,
)

#: Nothing here depends on the way into Python, but all on where the script's handlers run.
ONE_WAY = True
LIVE = True

SCRIPT = (
    ECHO
    + """
import asyncio
import threading

hwebserver.setSettingsForPort({"ALLOW_SYSTEM_PORT": True}, "second")
sockets = []

@hwebserver.urlHandler("/clear")
def clear(request):
    log.clear()
    return Response("")

@hwebserver.urlHandler("/open")
def how_many(request):
    return Response(str(len(sockets)))

@hwebserver.urlHandler("/where")
def where(request):
    return Response(f"{os.getpid()} {threading.get_ident()}")

@hwebserver.urlHandler("/tell")
def tell(request):
    text = request.queryString()
    for each in sockets:
        asyncio.run_coroutine_threadsafe(each.send(text), each.loop).result()
    return Response("told")

@hwebserver.urlHandler("/tell-async")
async def tell_async(request):
    for each in sockets:
        await each.send(request.queryString())
    return Response("told")

@hwebserver.urlHandler("/tell-from-another-loop")
def tell_elsewhere(request):
    async def send():
        for each in sockets:
            await each.send("elsewhere")
    asyncio.run(send())
    return Response("told")

@hwebserver.urlHandler("/echo")
def same_path(request):
    return Response("no WebSocket")

@hwebserver.webSocket("/room", is_prefix=True, ports=["main", "second"])
class Room(hwebserver.WebSocket):
    async def connect(self, req):
        self.loop = asyncio.get_running_loop()
        self.name = req.path()[len("/room/"):]
        await self.accept()
        sockets.append(self)
        await self.send(f"{os.getpid()} {threading.get_ident()} {req.portName()} {req.port()} "
                        f"{req.clientAddress()[0]} {req.scheme()} {req.headers().get('Upgrade')}")

    async def receive(self, text_data=None, bytes_data=None):
        for each in sockets:
            await each.send(f"{self.name}: {text_data}")

    async def disconnect(self, code):
        sockets.remove(self)
        log.append(f"room {code}")
        try:
            await self.send("too late")
        except hwebserver.OperationFailed as error:
            log.append(str(error))

@hwebserver.webSocket("/default")
class Default(hwebserver.WebSocket):
    pass

@hwebserver.webSocket("/refuse")
class Refusing(hwebserver.WebSocket):
    async def connect(self, req):
        await self.close(4003, "not you")

    async def disconnect(self, code):
        log.append("never connected")

@hwebserver.webSocket("/forgets")
class Forgetful(hwebserver.WebSocket):
    async def connect(self, req):
        pass

@hwebserver.webSocket("/protocol")
class Protocol(hwebserver.WebSocket):
    async def connect(self, req):
        offered = req.headers()["Sec-WebSocket-Protocol"].replace(" ", "").split(",")
        await self.accept("chat.v2" if "chat.v2" in offered else None)

@hwebserver.webSocket("/fails", is_prefix=True)
class Failing(hwebserver.WebSocket):
    async def connect(self, req):
        if req.path() == "/fails/connect":
            raise ValueError("fails in connect")
        await self.accept()

    async def receive(self, text_data=None, bytes_data=None):
        if text_data == "twice":
            await self.accept()
        if text_data == "type":
            await self.send({"a": 1})
        raise ValueError("fails in receive")

    async def disconnect(self, code):
        log.append(f"fails {code}")
        if code != 1011:
            raise ValueError("fails in disconnect")

@hwebserver.webSocket("/close")
class Closing(hwebserver.WebSocket):
    async def connect(self, req):
        await self.accept()
        code, _, reason = req.queryString().partition(",")
        try:
            await self.close(int(code), reason)
        except ValueError as error:
            await self.send(str(error))
        await self.close(4999, "is closed already")

    async def disconnect(self, code):
        log.append(f"close {code}")

@hwebserver.webSocket("/forms")
class Forms(hwebserver.WebSocket):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send("text")
        await self.send(b"bytes")
        await self.send("binary", is_binary=True)
        await self.send(b"plain", is_binary=False)
        await self.send(bytearray(b"array"))

@hwebserver.webSocket("/nineteen")
class Nineteen(hwebserver.WebSocket):
    async def connect(self):
        await self.accept()
    async def receive(self, message):
        await self.send(message)

@hwebserver.webSocket("/plain")
class Plain(hwebserver.WebSocket):
    def receive(self, text_data=None, bytes_data=None):
        log.append(f"plain {text_data}")

@hwebserver.webSocket("/slow")
class Slow(hwebserver.WebSocket):
    async def receive(self, text_data=None, bytes_data=None):
        await asyncio.sleep(0.2)
        await self.send(text_data)
"""
)


@pytest.fixture(scope="module")
def script(module_site):
    with running_script(module_site, SCRIPT) as running:
        yield running


@pytest.fixture
def log(script: Script):
    """What the classes say from now on."""
    script.text("/clear")
    return lambda: script.text("/log").splitlines()


# -- classes ---------------------------------------------------------------------------------------


def test_an_object_for_each_connection(script: Script, log):
    with connected(script.port, "/echo") as one, connected(script.port, "/echo/") as two:
        assert one.text("a") == "a" and one.text("b") == "b" and two.text("c") == "c"
        one.close(1000)
        two.close(4321)
    wait_for("the ends", lambda: sorted(log()) == ["echo 1 4321", "echo 2 1000"])


def test_other_requests_for_the_path(script: Script):
    assert script.text("/echo") == "no WebSocket"
    assert script.get("/default").status == 404


def test_a_room(script: Script):
    """All see the same module, with what URL handlers see, on one thread."""
    with connected(script.port, "/room/ada") as ada:
        about = ada.message().data.decode().split()
        assert about[0] == script.text("/where").split()[0]
        assert about[2:] == ["main", str(script.port), "127.0.0.1", "http", "websocket"]
        second = script.ports["second"]
        with connected(second, "/room/bob") as bob:
            there = bob.message().data.decode().split()
            assert there[:2] == about[:2] and there[2:4] == ["second", str(second)]
            ada.send(frame(TEXT, b"hello"))
            assert [c.message().data for c in (ada, bob)] == [b"ada: hello"] * 2
            for path in ("/tell?x", "/tell-async?x", "/tell-from-another-loop"):
                assert script.text(path) == "told"
                said = b"elsewhere" if "loop" in path else b"x"
                assert [c.message().data for c in (ada, bob)] == [said] * 2
            ada.close()
            bob.close()
    wait_for("the ends", lambda: script.text("/open") == "0")


def test_ports_and_paths_without_a_class(script: Script):
    for port, path in ((script.port, "/nowhere"), (script.ports["second"], "/echo")):
        assert refused(port, path) == 404


@either_way
def test_a_client_that_vanishes(script: Script, log, early: bytes):
    """Its code is 1006, what is sent to it is lost, and after disconnect() nothing can be sent."""
    client = Client(script.port, "/room/x", body=early)
    client.message()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()
    said = ["room 1006", "nothing can be sent: the WebSocket is closed"]
    wait_for("the end", lambda: log() == said)
    assert script.text("/open") == "0"


def test_what_a_class_need_not_have(script: Script, log):
    with connected(script.port, "/default") as client:
        client.send(frame(TEXT, b"x"))
        client.close()
    with connected(script.port, "/plain") as client:
        client.send(frame(TEXT, b"x"))
        wait_for("it", lambda: log() == ["plain x"])
        client.close()
    with connected(script.port, "/nineteen") as client:
        assert client.text("x") == "x"
        client.send(frame(BINARY, b"y"))
        assert client.message().data == b"y"


def test_what_is_sent(script: Script):
    with connected(script.port, "/forms") as client:
        client.send(frame(TEXT, b""))
        got = [client.message() for _ in range(5)]
    assert [(m.opcode, m.data) for m in got] == [
        (TEXT, b"text"),
        (BINARY, b"bytes"),
        (BINARY, b"binary"),
        (TEXT, b"plain"),
        (BINARY, b"array"),
    ]


@pytest.mark.parametrize(
    ("path", "said"),
    [("/refuse", "refused: 4003 not you"), ("/forgets", "connect() has not accepted it")],
)
def test_refusal(script: Script, log, path: str, said: str):
    script.log.allow(said)
    assert refused(script.port, path) == 403
    script.wait_for_log(said)
    assert log() == []


def test_subprotocols(script: Script):
    offer = "Sec-WebSocket-Protocol: chat.v1, chat.v2\r\n"
    with connected(script.port, "/protocol", offer) as client:
        assert "sec-websocket-protocol: chat.v2\r\n" in client.head.lower()
    offer = "Sec-WebSocket-Protocol: other\r\n"
    with connected(script.port, "/protocol", offer) as client:
        assert "sec-websocket-protocol" not in client.head.lower()


@pytest.mark.parametrize(
    ("query", "code", "reason"),
    [("1000", 1000, ""), ("4000,good%20bye", 4000, "good%20bye"), ("3999", 3999, "")],
)
def test_close(script: Script, log, query: str, code: int, reason: str):
    with connected(script.port, f"/close?{query}") as client:
        got = client.frame()
        assert (got.opcode, got.code, got.data[2:].decode()) == (CLOSE, code, reason)
        client.send(frame(CLOSE, got.data))
        assert client.rest() == []
    wait_for("the end", lambda: log() == [f"close {code}"])


@pytest.mark.parametrize("code", ["1006", "999", "5000"])
def test_codes_that_cannot_be_sent(script: Script, code: str):
    with connected(script.port, f"/close?{code}") as client:
        assert (
            client.message().data.decode() == f"{code} is no code that a WebSocket is closed with"
        )
        assert client.frame().code == 4999


@pytest.mark.parametrize("say", ["fail", "twice", "type"])
def test_receive_fails(script: Script, log, say: str):
    script.log.allow(".hwebserver]")
    with connected(script.port, "/fails") as client:
        client.send(frame(TEXT, say.encode()))
        assert client.frame().code == 1011
    reason = {"twice": "accept() comes once", "type": "send() takes str or bytes"}
    script.wait_for_log(reason.get(say, "ValueError: fails in receive"))
    wait_for("the end", lambda: log() == ["fails 1011"])


def test_connect_and_disconnect_fail(script: Script):
    script.log.allow(".hwebserver]")
    assert refused(script.port, "/fails/connect") == 500
    script.wait_for_log("ValueError: fails in connect")
    with connected(script.port, "/fails") as client:
        client.close(1001)
    script.wait_for_log("ValueError: fails in disconnect")
    assert script.text("/where")


def test_messages_of_one_connection_wait_for_one_another(script: Script):
    with connected(script.port, "/slow") as one, connected(script.port, "/slow") as two:
        began = time.monotonic()
        for client in (one, two):
            client.send(frame(TEXT, b"1") + frame(TEXT, b"2"))
        for client in (one, two):
            assert [client.message().data for _ in range(2)] == [b"1", b"2"]
        assert 0.39 < time.monotonic() - began < 0.75  # the loop counts milliseconds


def test_what_is_no_class(tmp_site):
    source = """
import hwebserver
from support_said import said

@said
def function():
    hwebserver.webSocket("/x")(lambda: None)

@said
def other():
    hwebserver.webSocket("/x")(object)

@said
def without_a_path():
    hwebserver.webSocket(hwebserver.WebSocket)

@said
def no_path():
    hwebserver.webSocket("x")(hwebserver.WebSocket)
"""
    (tmp_site / "support_said.py").write_text(
        "import hwebserver\nfound = []\n"
        "def said(function):\n    try:\n        function()\n"
        "    except (TypeError, ValueError) as error:\n        found.append(str(error))\n"
        "@hwebserver.urlHandler('/said')\n"
        "def answer(request):\n    return hwebserver.Response('\\n'.join(found))\n"
    )
    with running_script(tmp_site, source) as script:
        found = script.text("/said").splitlines()
    assert len(found) == 4
    assert found[0].startswith("webSocket takes a subclass of hwebserver.WebSocket, not <function")
    assert found[2].startswith("webSocket is called with a path")
    assert found[3].startswith("the path of a handler begins with '/'")
