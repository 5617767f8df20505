"""A WebSocket client that sends whatever frames a test wants."""

import os
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


@dataclass(frozen=True)
class Frame:
    opcode: int
    data: bytes
    is_last: bool = True

    @property
    def code(self) -> int | None:
        """Of a close frame."""
        return struct.unpack("!H", self.data[:2])[0] if len(self.data) >= 2 else None


def frame(
    opcode: int,
    data: bytes = b"",
    *,
    last: bool = True,
    reserved: int = 0,
    masked: bool = True,
    length: int | None = None,
) -> bytes:
    """A frame as a client sends it.  length: said instead of the true one."""
    size = len(data) if length is None else length
    head = bytes([last << 7 | reserved << 4 | opcode])
    mask_bit = masked << 7
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 65536:
        head += struct.pack("!BH", mask_bit | 126, size)
    else:
        head += struct.pack("!BQ", mask_bit | 127, size)
    if not masked:
        return head + data
    key = os.urandom(4)
    padded = data + bytes(-len(data) % 4)
    number = int.from_bytes(padded) ^ int.from_bytes(key * (len(padded) // 4))
    return head + key + number.to_bytes(len(padded))[: len(data)]


def closing(code: int, reason: bytes = b"") -> bytes:
    """The frame that closes a connection."""
    return frame(CLOSE, struct.pack("!H", code) + reason)


#: A frame that means nothing, sent together with the handshake: since Apache has read it, the
#: connection stays there, as one with TLS does.
either_way = pytest.mark.parametrize(
    "early", [b"", frame(PONG)], ids=["handed over", "through Apache"]
)

#: A script with a log, and a class that sends back what it gets.
ECHO = """
import os
import hwebserver
from hwebserver import Response

log = []

@hwebserver.urlHandler("/log")
def said(request):
    return Response("\\n".join(log))

@hwebserver.urlHandler("/pid")
def pid(request):
    return Response(str(os.getpid()))

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

@hwebserver.webSocket("/whose")
class Whose(hwebserver.WebSocket):
    async def connect(self, req):
        await self.accept()
        await self.send(str(os.getpid()))
"""


class Client:
    """A connection after its handshake; status: what that was answered with.

    body: sent in one piece with the handshake.
    """

    def __init__(
        self,
        port: int,
        path: str,
        head: str = "",
        timeout_s: float = 15.0,
        tls: ssl.SSLContext | None = None,
        body: bytes = b"",
    ) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Version: 13\r\n{head}\r\n".encode()
            + body
        )
        self._buffer = b""
        self.status = 0
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += self._exactly(1)
        self.head = answer.decode("latin-1")
        self.status = int(self.head.split()[1])

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError
            self._buffer += data
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def frame(self) -> Frame:
        """The next frame.  Raises EOFError."""
        first, second = self._exactly(2)
        assert not second & 0x80, "a server does not mask"
        assert not first & 0x70, "reserved bits"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._exactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._exactly(8))
        return Frame(first & 15, self._exactly(size), bool(first & 0x80))

    def message(self) -> Frame:
        """The next message, pings answered."""
        while (got := self.frame()).opcode == PING:
            self.send(frame(PONG, got.data))
        data, opcode = got.data, got.opcode
        while not got.is_last:
            got = self.frame()
            data += got.data
        return Frame(opcode, data)

    def rest(self) -> list[Frame]:
        """All frames up to the end of the connection."""
        found = []
        try:
            while True:
                found.append(self.frame())
        except (EOFError, ConnectionError):
            return found

    def text(self, text: str) -> str:
        """The answer to a text."""
        self.send(frame(TEXT, text.encode()))
        got = self.message()
        assert got.opcode == TEXT, got
        return got.data.decode()

    def close(self, code: int = 1000) -> None:
        """Close it as a client should."""
        self.send(frame(CLOSE, struct.pack("!H", code)))
        self.rest()
        self.socket.close()


def refused(port: int, path: str) -> int:
    """The status with which a connection is refused."""
    client = Client(port, path)
    client.socket.close()
    assert "httpdapy" not in client.head.lower()
    return client.status


@contextmanager
def connected(port: int, path: str, head: str = "", body: bytes = b"") -> Iterator[Client]:
    client = Client(port, path, head, body=body)
    assert client.status == 101, client.head
    try:
        yield client
    finally:
        client.socket.close()
