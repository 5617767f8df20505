"""Round trips of WebSockets."""

import socket
import time
from urllib.parse import urlsplit

from . import BenchError

_MESSAGE = b"Hello, World!"
#: A text as a client sends it, under the mask 0, which changes nothing; and as it comes back.
_SENT = bytes([0x81, 0x80 | len(_MESSAGE), 0, 0, 0, 0]) + _MESSAGE
_BACK = bytes([0x81, len(_MESSAGE)]) + _MESSAGE


def round_trips(url: str, *, connections: int, seconds: float) -> float:
    """Messages per second that come back, each connection with one on its way."""
    place = urlsplit(url)
    assert place.hostname is not None and place.port is not None
    sockets = [_connected(place.hostname, place.port, place.path) for _ in range(connections)]
    try:
        count, begin = 0, time.perf_counter()
        while (now := time.perf_counter()) < begin + seconds:
            for each in sockets:
                each.sendall(_SENT)
            for each in sockets:
                if each.recv(len(_BACK), socket.MSG_WAITALL) != _BACK:
                    raise BenchError(f"{url} does not send back what it is sent")
            count += connections
        return count / (now - begin)
    finally:
        for each in sockets:
            each.close()


def _connected(host: str, port: int, path: str) -> socket.socket:
    client = socket.create_connection((host, port), 10)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = client.recv(1)
        if not piece:
            raise BenchError(f"{path} takes no WebSocket: {head!r}")
        head += piece
    return client
