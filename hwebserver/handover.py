"""Connections of WebSockets, which Apache hands over to this process's event loop.

The request for one comes through Apache like any other.  When it is accepted, Apache is asked for
the client's socket and sends it, as a descriptor in a datagram (apache/handover.c); from then on
nothing that is sent passes through Apache.  Where something of Apache's is between it and the
client, TLS above all, the connection stays there.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from ..interpreters.asgi import can_be_handed_over
from ..interpreters.link import HEADER_CLIENT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TOKEN_SIZE = 16  # bytes
_DATAGRAM_MAX = 256
#: Apache may have ended before it has sent it.
_TIMEOUT_S = 60.0


class Handover:
    """Where Apache sends clients' sockets: a Unix socket in *directory*, which is closed to others
    than Apache's user and this one."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / str(os.getpid())
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._expected: dict[bytes, asyncio.Future[socket.socket]] = {}

    def start(self) -> None:
        """Have the event loop that runs take what comes.  Raises OSError."""
        self._path.unlink(missing_ok=True)  # of a process that was killed
        self._socket.setblocking(False)
        self._socket.bind(str(self._path))
        self._path.chmod(0o666)
        asyncio.get_running_loop().add_reader(self._socket, self._take)

    def close(self) -> None:
        """Take nothing more; who waits hears of it."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        with suppress(OSError):
            self._path.unlink()
        for each in self._expected.values():
            if not each.done():
                each.set_exception(ClientDisconnected())

    def forget(self) -> None:
        """In a process that was forked: leave it to the other one."""
        os.close(self._socket.detach())

    @contextmanager
    def expected(self) -> Iterator[tuple[str, asyncio.Future[socket.socket]]]:
        """What Apache is to be told in HEADER_CLIENT, and the client's socket that it sends for
        that."""
        token = secrets.token_hex(_TOKEN_SIZE)
        coming = asyncio.get_running_loop().create_future()
        self._expected[token.encode()] = coming
        try:
            yield f"{self._path} {token}", coming
        finally:
            del self._expected[token.encode()]

    def _take(self) -> None:
        with suppress(BlockingIOError):
            while True:
                token, descriptors, _, _ = socket.recv_fds(
                    self._socket, _DATAGRAM_MAX, 1, socket.MSG_CMSG_CLOEXEC
                )
                clients = [socket.socket(fileno=each) for each in descriptors]
                coming = self._expected.get(token)
                if coming is None or coming.done():
                    for client in clients:
                        client.close()
                elif clients:
                    coming.set_result(clients[0])
                else:  # this process has as many files open as it may
                    coming.set_exception(ClientDisconnected())


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol for WebSockets, which has the client's own connection once it has accepted
    it, if Apache has one to hand over."""

    def __init__(self, handover: Handover, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._handover = handover

    async def send(self, message: Any) -> None:
        if (
            message["type"] == "websocket.accept"
            and not self.handshake_complete
            and can_be_handed_over(self.scope)  # type: ignore[arg-type]
        ):
            await self._take_over()
        await super().send(message)

    async def _take_over(self) -> None:
        from_apache = self.transport
        try:
            with self._handover.expected() as (where, coming):
                from_apache.write(
                    b"HTTP/1.1 204 No Content\r\nConnection: close\r\n%s: %s\r\n\r\n"
                    % (HEADER_CLIENT.encode(), where.encode())
                )
                from_apache.set_protocol(asyncio.Protocol())
                from_apache.close()
                client = await asyncio.wait_for(coming, _TIMEOUT_S)
        except (OSError, TimeoutError):
            self.connection_lost(None)
            raise ClientDisconnected from None
        client.setblocking(False)
        await self.loop.connect_accepted_socket(lambda: self, client)


__all__ = ["Handover", "WebSocketProtocol"]
