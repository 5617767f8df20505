"""WebSockets: classes of webSocket(), and RFC 6455."""

import os
import resource
import signal
import socket
import ssl
import struct
import threading
import time

import pytest
import trustme
from support.script import Script, running_script
from support.site import at_once, wait_for
from support.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Client,
    Frame,
    connected,
    frame,
    refused,
)

#: Nothing here depends on the way into Python, but all on where the script's handlers run.
ONE_WAY = True
LIVE = True

SCRIPT = """
import asyncio
import os
import threading
import hwebserver
from hwebserver import Response

hwebserver.setSettingsForPort({"ALLOW_SYSTEM_PORT": True}, "second")
log = []
sockets = []

@hwebserver.urlHandler("/log")
def said(request):
    return Response("\\n".join(log))

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

@hwebserver.webSocket("/echo")
class Echo(hwebserver.WebSocket):
    async def connect(self, req):
        self.number = 0
        await self.accept()

    async def receive(self, text_data=None, bytes_data=None):
        assert (text_data is None) != (bytes_data is None)
        self.number += 1
        await self.send(bytes_data if text_data is None else text_data)

    async def disconnect(self, code):
        log.append(f"echo {self.number} {code}")

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


#: A frame that means nothing, sent together with the handshake: since Apache has read it, the
#: connection stays there, as one with TLS does.
either_way = pytest.mark.parametrize(
    "early", [b"", frame(PONG)], ids=["handed over", "through Apache"]
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


# -- RFC 6455, sections 5 to 7 ---------------------------------------------------------------------

SMALL_SIZES = (0, 1, 125, 126, 127, 128, 65535, 65536, 200_000)
_EURO = "κόσμε €𝄞"


def closing(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


def pieces(opcode: int, *datas: bytes) -> bytes:
    """A fragmented message."""
    return b"".join(
        frame(CONTINUATION if n else opcode, data, last=n == len(datas) - 1)
        for n, data in enumerate(datas)
    )


#: What is sent, and the messages and pongs that come before the end, which is by the code; None: by
#: the client's own normal close.
ECHOES: dict[str, tuple[bytes, list[tuple[int, bytes]], int | None]] = {
    **{
        f"text of {n}": (frame(TEXT, b"*" * n), [(TEXT, b"*" * n)], None) for n in SMALL_SIZES
    },
    **{
        f"binary of {n}": (frame(BINARY, b"\xfe" * n), [(BINARY, b"\xfe" * n)], None)
        for n in SMALL_SIZES
    },
    "ping": (frame(PING), [(PONG, b"")], None),
    "ping with text": (frame(PING, b"Hello"), [(PONG, b"Hello")], None),
    "ping with bytes": (frame(PING, b"\x00\xff\xfe"), [(PONG, b"\x00\xff\xfe")], None),
    "ping of 125": (frame(PING, b"\xfe" * 125), [(PONG, b"\xfe" * 125)], None),
    "ping of 126": (frame(PING, b"\xfe" * 126), [], 1002),
    "ten pings": (
        b"".join(frame(PING, b"%d" % n) for n in range(10)),
        [(PONG, b"%d" % n) for n in range(10)],
        None,
    ),
    "pong unasked": (frame(PONG), [], None),
    "pong unasked with data, then ping": (
        frame(PONG, b"unasked") + frame(PING, b"x"),
        [(PONG, b"x")],
        None,
    ),
    **{
        f"reserved bits {bits}": (frame(TEXT, b"x", reserved=bits), [], 1002)
        for bits in range(1, 8)
    },
    "reserved bits in a ping": (frame(PING, b"x", reserved=4), [], 1002),
    "reserved bits in a close": (frame(CLOSE, b"", reserved=2), [], 1002),
    **{
        f"opcode {opcode}": (frame(opcode, b"x"), [], 1002)
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    },
    "not masked": (frame(TEXT, b"x", masked=False), [], 1002),
    "ping in pieces": (pieces(PING, b"a", b"b"), [], 1002),
    "pong in pieces": (pieces(PONG, b"a", b"b"), [], 1002),
    "close in pieces": (pieces(CLOSE, b"\x03", b"\xe8"), [], 1002),
    "text in two": (pieces(TEXT, b"frag", b"ment"), [(TEXT, b"fragment")], None),
    "binary in two": (pieces(BINARY, b"frag", b"ment"), [(BINARY, b"fragment")], None),
    "text in three": (pieces(TEXT, b"a", b"b", b"c"), [(TEXT, b"abc")], None),
    "empty pieces": (pieces(TEXT, b"", b"", b""), [(TEXT, b"")], None),
    "an empty piece between": (pieces(TEXT, b"a", b"", b"b"), [(TEXT, b"ab")], None),
    "ping between pieces": (
        frame(TEXT, b"a", last=False) + frame(PING, b"p") + frame(CONTINUATION, b"b"),
        [(PONG, b"p"), (TEXT, b"ab")],
        None,
    ),
    "five pings between pieces": (
        frame(TEXT, b"a", last=False)
        + b"".join(frame(PING, b"p") + frame(CONTINUATION, b"b", last=False) for _ in range(5))
        + frame(CONTINUATION, b"c"),
        [*[(PONG, b"p")] * 5, (TEXT, b"abbbbbc")],
        None,
    ),
    "continuation of nothing": (frame(CONTINUATION, b"x"), [], 1002),
    "continuation of nothing, not the last": (frame(CONTINUATION, b"x", last=False), [], 1002),
    "text within a text": (frame(TEXT, b"a", last=False) + frame(TEXT, b"b"), [], 1002),
    "binary within a text": (frame(TEXT, b"a", last=False) + frame(BINARY, b"b"), [], 1002),
    "text after pieces": (
        pieces(TEXT, b"a", b"b") + frame(TEXT, b"c"),
        [(TEXT, b"ab"), (TEXT, b"c")],
        None,
    ),
    "UTF-8": (frame(TEXT, _EURO.encode()), [(TEXT, _EURO.encode())], None),
    "UTF-8 in pieces": (
        pieces(TEXT, *(bytes([b]) for b in _EURO.encode())),
        [(TEXT, _EURO.encode())],
        None,
    ),
    **{
        f"valid UTF-8 {text!r}": (frame(TEXT, text.encode()), [(TEXT, text.encode())], None)
        for text in ("\x00", "\x7f", "\x80", "߿", "ࠀ", "퟿", "", "￿", "\U00010000", "\U0010ffff")
    },
    **{
        f"invalid UTF-8 {data!r}": (frame(TEXT, data), [], 1007)
        for data in (
            b"\x80", b"\xbf", b"\xc0\xaf", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xed\xbf\xbf",
            b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff", b"ok\xe0\x80\xaf",
        )
    },
    "invalid UTF-8 in the second piece": (pieces(TEXT, b"ok", b"\xff"), [], 1007),
    "any bytes in binary": (frame(BINARY, bytes(range(256))), [(BINARY, bytes(range(256)))], None),
    "close without a code": (frame(CLOSE), [], 0),
    "close with a reason": (closing(1000, b"bye"), [], 1000),
    "close with a reason of 123": (closing(1000, b"*" * 123), [], 1000),
    "close of 126": (closing(1000, b"*" * 124), [], 1002),
    "close of one byte": (frame(CLOSE, b"\x03"), [], 1002),
    "close with invalid UTF-8": (closing(1000, b"\xce\xba\xff"), [], 1007),
    **{
        f"close by {code}": (closing(code), [], code)
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    },
    **{
        f"close by {code}": (closing(code), [], 1002)
        for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535)
    },
    "text after close": (frame(CLOSE) + frame(TEXT, b"x"), [], 0),
    "ping after close": (closing(1000) + frame(PING, b"x"), [], 1000),
    # allowed, says section 5.4; the library has the message incomplete
    "close within a message": (frame(TEXT, b"a", last=False) + closing(1000), [], 1002),
    "a length with its highest bit set": (b"\x82\xff\x80" + bytes(7) + b"mask", [], 1009),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "chop"),
    [
        *((name, 0) for name in ECHOES),
        # those after which the server reads on, or to the last byte
        *((name, 1) for name, (_, _, code) in ECHOES.items() if code is None),
    ],
)
@either_way
def test_rfc_6455(script: Script, name: str, chop: int, early: bytes):
    sent, expected, code = ECHOES[name]
    if chop and len(sent) > 1000:
        chop = 997
    with connected(script.port, "/echo", body=early) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if chop:
            for at in range(0, len(sent), chop):
                client.send(sent[at : at + chop])
        else:
            client.send(sent)
        got = [client.frame() for _ in expected]
        assert [(f.opcode, f.data) for f in got] == expected
        if code is None:
            client.send(closing(1000))
        *more, last = client.rest()
        assert more == [] and last.opcode == CLOSE
        assert last.code == (1000 if code is None else code or None)


#: What comes after a message that was answered, and the code that it ends by.
LATER = {
    "reserved bits": (frame(TEXT, b"y", reserved=1), 1002),
    "continuation": (frame(CONTINUATION, b"y"), 1002),
    "close": (closing(1000), 1000),
    "opcode 3": (frame(3), 1002),
    "invalid UTF-8": (frame(TEXT, b"\xff"), 1007),
}


@pytest.mark.parametrize("name", LATER)
@either_way
def test_rfc_6455_after_a_message(script: Script, name: str, early: bytes):
    sent, code = LATER[name]
    with connected(script.port, "/echo", body=early) as client:
        assert client.text("x") == "x"
        client.send(sent)
        (end,) = client.rest()
        assert end.opcode == CLOSE and end.code == code


def test_masks_are_taken_off(script: Script):
    data = bytes(range(256)) * 10
    with connected(script.port, "/echo") as client:
        for size in range(1, 20):
            client.send(frame(BINARY, data[:size]))
            assert client.message().data == data[:size]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@either_way
def test_16_megabytes(script: Script, opcode: int, early: bytes):
    """In one frame, and in pieces."""
    data = b"0123456789abcdef" * 1024**2
    for sent in (frame(opcode, data), pieces(opcode, *[data[: 1024**2]] * 16)):
        with connected(script.port, "/echo", body=early) as client:
            sender = threading.Thread(target=client.send, args=[sent])
            sender.start()
            got = client.message()
            sender.join()
            assert got.opcode == opcode and got.data == data


def test_a_message_that_is_too_large(script: Script):
    """64 MiB, whether it says so at once or comes in pieces."""
    with connected(script.port, "/echo") as client:
        client.send(frame(BINARY, b"", length=64 * 1024**2 + 1))
        assert client.frame().code == 1009


def test_versions_and_keys(script: Script):
    """RFC 6455, section 4.2: what is no handshake is refused."""
    for bad, status in (
        ("Sec-WebSocket-Version: 12", 426),
        ("Sec-WebSocket-Key: short", 400),
    ):
        name = bad.partition(":")[0]
        with socket.create_connection(("127.0.0.1", script.port), 10) as connection:
            lines = {
                "Sec-WebSocket-Version": "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key": "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            }
            lines[name] = bad
            head = "\r\n".join(lines.values())
            connection.sendall(
                f"GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\n{head}\r\n\r\n".encode()
            )
            answer = connection.recv(1000)
            assert answer.startswith(b"HTTP/1.1 %d " % status), bad
            assert status == 400 or b"Sec-WebSocket-Version: 13\r\n" in answer


def test_the_key_is_answered(script: Script):
    """RFC 6455, section 1.3 has this one."""
    with connected(script.port, "/echo") as client:
        assert "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in client.head


# -- many, and the end -----------------------------------------------------------------------------


def descriptors(script: Script) -> int:
    """How many files all processes of a script have open."""
    return sum(len(os.listdir(f"/proc/{process}/fd")) for process in script.processes())


def test_apache_hands_connections_over(script: Script):
    """An open one is one socket, of the process that answers it."""
    before = descriptors(script)
    clients = [Client(script.port, "/echo") for _ in range(100)]
    assert {client.text("x") for client in clients} == {"x"}
    assert before + 80 < descriptors(script) < before + 130
    for client in clients:
        client.close()


@pytest.mark.foreground("there is one process")
def test_processes_have_connections_of_their_own(tmp_site):
    """Each is handed over to the process that has accepted it, whichever took the request."""
    with running_script(tmp_site, SCRIPT, run="processes=2") as script:
        clients = [Client(script.port, "/room/x") for _ in range(40)]
        assert {client.status for client in clients} == {101}
        said = [client.message().data.split()[0] for client in clients]
        assert len(set(said)) == 2
        for client in clients:
            client.socket.close()


def test_apache_may_have_many_files_open(tmp_site):
    """As many as the limit may be raised to, whatever it is for the script."""
    source = f"""{SCRIPT}
import resource
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
if "python" in open("/proc/self/comm").read():  # it is not run by Apache
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, most))
"""
    with running_script(tmp_site, source) as script:
        apache = [limits(process) for process in script.processes() if is_apache(process)]
        _, most = limits(script.process.pid)
        assert len(apache) > 1 and set(apache) == {(most, most)}


def limits(process: int) -> tuple[str, str]:
    """How many files it may have open, and how many it could ask for."""
    with open(f"/proc/{process}/limits") as file:
        (line,) = (line for line in file if line.startswith("Max open files"))
    soft, hard = line.split()[3:5]
    return soft, hard


def is_apache(process: int) -> bool:
    with open(f"/proc/{process}/comm") as file:
        return file.read().strip() in ("apache2", "httpd")


def test_a_frame_comes_with_the_handshake(script: Script):
    """Before the answer to that: nothing that Apache has read already is lost."""
    with connected(script.port, "/echo", body=frame(TEXT, b"early")) as client:
        assert client.message().data == b"early"
        assert client.text("late") == "late"


def test_pythons_own_event_loop(tmp_site):
    """Without uvloop."""
    source = f"import sys\nsys.modules['uvloop'] = None\n{SCRIPT}"
    with running_script(tmp_site, source) as script:
        with connected(script.port, "/echo") as client:
            assert client.text("x" * 100_000) == "x" * 100_000
            client.send(closing(1000))
            assert client.rest() == [Frame(CLOSE, struct.pack("!H", 1000))]
        wait_for("its end", lambda: script.text("/log") == "echo 1 1000")


def test_a_connection_that_cannot_be_handed_over(tmp_site):
    """503; its object, which has accepted it, is told that it is lost."""
    source = f"""{SCRIPT}
from httpdapy.hwebserver import handover
handover._TIMEOUT_S = 0.2
handover.Handover.start = lambda self: None
handover.Handover.close = lambda self: None
"""
    with running_script(tmp_site, source) as script:
        script.log.expect("HDPY0027")
        assert refused(script.port, "/echo") == 503
        wait_for("its end", lambda: script.text("/log") == "echo 0 1006")


def test_a_process_that_a_handler_forks(tmp_site):
    """It does not keep connections open that are closed in the one that has them."""
    source = f"""{SCRIPT}
import time
@hwebserver.urlHandler("/fork")
def fork(request):
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    return Response(str(child))
"""
    with running_script(tmp_site, source) as script:
        script.log.allow("DeprecationWarning")
        script.log.allow("child = os.fork()")
        with connected(script.port, "/echo") as client:
            child = int(script.text("/fork"))
            try:
                assert client.text("x") == "x"
                client.close()  # which waits for the end
                os.kill(child, 0)
            finally:
                os.kill(child, signal.SIGKILL)


def memory(script: Script) -> int:
    """Of all processes of a script, KiB."""
    total = 0
    for process in script.processes():
        with open(f"/proc/{process}/smaps_rollup") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total


def test_a_thousand_connections(script: Script):
    """At once, in one server; what they take is given back, or taken once."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
    taken = []
    for _ in range(6):  # until each process of Apache has had as many as it can
        clients = [Client(script.port, "/echo", timeout_s=30) for _ in range(1000)]
        assert {client.status for client in clients} == {101}
        for _ in range(2):
            for client in clients:
                client.send(frame(TEXT, b"hello"))
            assert {client.message().data for client in clients} == {b"hello"}
        assert script.text("/where"), "others are answered meanwhile"
        for client in clients:
            client.send(closing(1000))
        for client in clients:
            client.rest()
            client.socket.close()
        taken.append(memory(script))
        if len(taken) > 1 and taken[-1] - taken[-2] < 8 * 1024:
            return
    raise AssertionError(taken)


@either_way
def test_the_servers_end(tmp_site, early: bytes):
    """By SIGTERM: all connections are closed with 1001, and disconnect() is called."""
    source = (
        SCRIPT
        + """
@hwebserver.webSocket("/last")
class Last(hwebserver.WebSocket):
    async def disconnect(self, code):
        print(f"last {code}\\n", end="", flush=True)
"""
    )
    with running_script(tmp_site, source) as script:
        clients = [Client(script.port, "/last", body=early) for _ in range(20)]
        began = time.monotonic()
        ends = at_once([script.stop, *(client.frame for client in clients)])
        assert ends[0] == 0 and time.monotonic() - began < 8
        assert {end.code for end in ends[1:]} == {1001}
        for client in clients:
            client.socket.close()
        assert script.output.count("last 1001") == 20


def test_a_blocked_event_loop(tmp_site, way: str):
    """For 10 s: what it is to answer is 504 after TIMEOUT, all else goes on; WebSockets live on."""
    (tmp_site / "files").mkdir()
    (tmp_site / "files" / "x").write_text("static")
    source = f"""{SCRIPT}
import time
hwebserver.setSettingsForPort({{"TIMEOUT": 1}})
hwebserver.registerStaticFilesDirectory("files")
@hwebserver.urlHandler("/block")
async def block(request):
    time.sleep(10)
    log.append("free")
    return Response("free")
"""
    with running_script(tmp_site, source) as script, connected(script.port, "/echo") as client:
        script.log.expect("HDPY0018")
        assert client.text("before") == "before"
        began = time.monotonic()
        assert script.get("/block").status == 504
        assert 0.9 < time.monotonic() - began < 4
        client.send(frame(TEXT, b"meanwhile"))
        assert refused(script.port, "/echo") == 504
        assert script.text("/static/x") == "static"
        if way == "direct":  # where only async handlers are on the loop
            assert script.text("/log") == ""
        else:
            assert script.get("/log").status == 504
        assert client.message().data == b"meanwhile"
        assert script.text("/log").split()[0] == "free"


@either_way
def test_a_client_that_reads_slowly(tmp_site, early: bytes):
    """It is sent no more than it takes, others go on, and nothing is lost."""
    source = f"""{SCRIPT}
@hwebserver.webSocket("/flood")
class Flood(hwebserver.WebSocket):
    async def receive(self, text_data=None, bytes_data=None):
        for number in range(100):
            await self.send(bytes([number]) * 1_000_000)
            log.append("sent")
"""
    with (
        running_script(tmp_site, source) as script,
        connected(script.port, "/flood", body=early) as slow,
        connected(script.port, "/echo") as other,
    ):

        def sent() -> int:
            assert other.text("x") == "x"
            return len(script.text("/log").splitlines())

        slow.send(frame(TEXT, b"go"))
        before = 0
        while (now := sent()) != before or not now:
            before = now
            time.sleep(0.2)
        assert now < 30
        for number in range(100):
            assert slow.message().data == bytes([number]) * 1_000_000
        wait_for("all", lambda: sent() == 100)


@either_way
def test_clients_that_are_half_open(tmp_site, early: bytes):
    """One does not answer pings, one has closed its half: both are lost, and said to be."""
    source = f"""{SCRIPT}
from httpdapy.hwebserver import backend
backend._PING_S = 0.5
"""
    with running_script(tmp_site, source) as script:
        with connected(script.port, "/echo", body=early) as silent:
            assert [got.opcode for got in silent.rest()] == [PING, CLOSE]
        with connected(script.port, "/echo", body=early) as half:
            half.socket.shutdown(socket.SHUT_WR)
            assert CLOSE not in [got.opcode for got in half.rest()]
        wait_for("the ends", lambda: script.text("/log").splitlines() == ["echo 0 1006"] * 2)


@either_way
def test_the_process_is_killed(tmp_site, way: str, early: bytes):
    """Its clients see the end at once, and another process of Apache answers; in the background
    all ends."""
    with running_script(tmp_site, SCRIPT) as script:
        with connected(script.port, "/room/x", body=early) as client:
            process = int(client.message().data.split()[0])
            os.kill(process, signal.SIGKILL)
            assert client.rest() == []
        if way == "direct":
            with connected(script.port, "/room/y") as client:
                assert int(client.message().data.split()[0]) != process
        else:
            assert script.wait() == -signal.SIGKILL
            wait_for("the end of all processes", lambda: not script.left())


def test_tls_and_allowed_hosts(tmp_site):
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_site / "all.pem")
    settings = {"SSL_CERTIFICATE": "all.pem", "ALLOWED_HOSTS": ["localhost"]}
    source = f"""
import hwebserver
hwebserver.setSettingsForPort({settings})
@hwebserver.webSocket("/scheme")
class Scheme(hwebserver.WebSocket):
    async def connect(self, req):
        await self.accept()
        await self.send(f"{{req.scheme()}} {{req.isSecure()}} {{req.host().partition(':')[0]}}")
"""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with running_script(tmp_site, source) as script:
        client = Client(script.port, "/scheme", tls=context)
        assert client.message().data == b"https True localhost"
        client.close()
        forged = Client(script.port, "/scheme", "X-Forwarded-Host: evil\r\n", tls=context)
        assert forged.message().data == b"https True localhost"
        forged.close()


@pytest.mark.foreground("sources are not watched")
def test_a_changed_script(tmp_site):
    """Connections are closed with 1001, and new ones are the new script's."""
    source = """
import hwebserver
@hwebserver.webSocket("/version")
class Version(hwebserver.WebSocket):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send("VERSION")
"""
    with running_script(tmp_site, source, run="reload_source_changes=True") as script:
        with connected(script.port, "/version") as client:
            assert client.text("") == "VERSION"
            file = tmp_site / "script.py"
            file.write_text(file.read_text().replace("VERSION", "second"))
            assert client.frame().code == 1001

        def is_new() -> bool:
            with connected(script.port, "/version") as again:
                return again.text("") == "second"

        wait_for("the new script", is_new)
