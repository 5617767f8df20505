"""RFC 6455, sections 5 to 7: what a WebSocket does with the frames that it is sent."""

import socket
import threading

import pytest
from support.script import Script, running_script
from support.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    ECHO,
    PING,
    PONG,
    TEXT,
    closing,
    connected,
    either_way,
    frame,
)

#: Nothing here depends on the way into Python, but all on where the script's handlers run.
ONE_WAY = True
LIVE = True


@pytest.fixture(scope="module")
def script(module_site):
    with running_script(module_site, ECHO) as running:
        yield running


SMALL_SIZES = (0, 1, 125, 126, 127, 128, 65535, 65536, 200_000)
_EURO = "κόσμε €𝄞"


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
