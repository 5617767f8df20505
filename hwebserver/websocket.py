"""WebSocket: base class of what answers WebSockets (RFC 6455)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import OperationFailed

if TYPE_CHECKING:
    from .connection import Connection
    from .request import Request

NORMAL = 1000


class WebSocket:
    """Base class of what answers WebSockets; register a subclass by webSocket().

    There is an object of it for each connection.  All of a process run on one event loop: none may
    keep it waiting.
    """

    _connection: Connection | None = None

    async def connect(self, req: Request) -> None:
        """A client asks for a connection, by the request *req*: accept() or close() it."""
        await self.accept()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A message has come: *text_data* or *bytes_data*, the other one is None."""

    async def disconnect(self, code: int) -> None:
        """The connection is closed, with the *code* of RFC 6455 section 7.4; 1006 if it is lost."""

    async def accept(self, subprotocol: str | None = None) -> None:
        """Take the connection, with one of the subprotocols that the client has offered.

        Raises OperationFailed when it is not the time for that.
        """
        await self._own_connection().accept(subprotocol)

    async def send(self, data: str | bytes, is_binary: bool | None = None) -> None:
        """Send a message.

        is_binary: as binary; without it a str is sent as text and bytes are sent as binary.

        Waits while the client is slow.  What is sent to a client that has just gone away is lost.
        Raises TypeError for what is neither str nor bytes, OperationFailed before accept() and
        after the end.
        """
        await self._own_connection().send(data, is_binary)

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close the connection; before accept() refuse it, with the status 403.

        code: 1000, or what RFC 6455 section 7.4 has for an application.
        reason: at most 123 bytes of UTF-8.

        Raises ValueError for a code or reason that cannot be sent.  The second time does nothing.
        """
        await self._own_connection().close(code, reason)

    def _own_connection(self) -> Connection:
        if self._connection is None:
            raise OperationFailed("a WebSocket has a connection only if the server has made it")
        return self._connection


def checked_class(target: Any) -> type[WebSocket]:
    """*target*, if it is a subclass of WebSocket.  Raises TypeError for anything else."""
    if not (isinstance(target, type) and issubclass(target, WebSocket)):
        raise TypeError(f"webSocket takes a subclass of hwebserver.WebSocket, not {target!r}")
    return target
