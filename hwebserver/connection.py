"""A WebSocket's connection: from its request to its end."""

from __future__ import annotations

import asyncio
import inspect
import sys
from enum import Enum
from typing import TYPE_CHECKING

from ..interpreters.dispatch import log_failure
from ..interpreters.link import HEADER_DOCUMENT
from .coroutines import is_coroutine
from .errors import OperationFailed
from .request import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..interpreters.asgi import ASGIRequest, Message, Receive, Send
    from .websocket import WebSocket

GOING_AWAY, ABNORMAL, INTERNAL_ERROR = 1001, 1006, 1011
_NO_STATUS = 1005
_REASON_MAX = 123  # bytes, RFC 6455 section 5.5


class _State(Enum):
    CONNECTING = "connecting"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class Connection:
    """One connection, and the object of *answers* that has it."""

    def __init__(
        self, answers: type[WebSocket], request: ASGIRequest, receive: Receive, send: Send
    ) -> None:
        self._answers = answers
        self._request = request
        self._receive = receive
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._state = _State.CONNECTING
        self._was_open = False
        self._is_lost = False

    async def run(self) -> None:
        """Return when it is closed."""
        await self._receive()  # which says that it is to be connected
        code = ABNORMAL
        socket = None
        try:
            socket = self._answers()
            socket._connection = self
            await _called(socket.connect, *self._arguments(socket.connect))
            if self._state is _State.CONNECTING:
                self._say("connect() has not accepted it")
                await self._refuse()
            if self._was_open:
                code = await self._messages(socket)
        except Exception as error:  # noqa: BLE001 - whatever a callback raises
            code = INTERNAL_ERROR
            await self._failed(error)
        finally:
            self._state = _State.CLOSED
            if self._was_open and socket is not None:
                try:
                    await _called(socket.disconnect, code)
                except Exception as error:  # noqa: BLE001 - as above
                    log_failure(self._request, error)

    def _arguments(self, connect: Callable[..., object]) -> list[Request]:
        """Those of connect(), which in Houdini 19 has none."""
        try:
            inspect.signature(connect).bind(None)
        except TypeError:
            return []
        return [Request(self._request)]

    async def _messages(self, socket: WebSocket) -> int:
        """Hand messages on until the end; its code."""
        takes_two = _takes_text_data(socket.receive)
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return self._closed(message)
            if self._state is not _State.OPEN:
                continue
            text, data = message.get("text"), message.get("bytes")
            if not takes_two:  # as in Houdini 19
                await _called(socket.receive, data if text is None else text)
                continue
            if text is not None:
                data = None
            result: object = socket.receive(text_data=text, bytes_data=data)
            if is_coroutine(result):
                await result

    def _closed(self, message: Message) -> int:
        code: int = message.get("code", ABNORMAL)
        if code == _NO_STATUS and "reason" not in message:
            code = ABNORMAL  # uvicorn says so of a connection that is lost
        return code

    async def _failed(self, error: Exception) -> None:
        """A callback has raised *error*."""
        log_failure(self._request, error)
        if self._state is _State.CONNECTING:
            await self._refuse(500, type(error).__name__)
        elif self._state is _State.OPEN:
            self._state = _State.CLOSING
            await self._send_at_all({"type": "websocket.close", "code": INTERNAL_ERROR})

    # -- what the object does --------------------------------------------------------------------

    async def accept(self, subprotocol: str | None) -> None:
        """As WebSocket.accept()."""
        if self._state is not _State.CONNECTING:
            raise OperationFailed(f"accept() comes once, and first: the WebSocket is {self._is()}")
        try:
            await self._send({"type": "websocket.accept", "subprotocol": subprotocol})
        except OSError:
            self._is_lost = True
        self._state = _State.OPEN
        self._was_open = True

    async def send(self, data: str | bytes, is_binary: bool | None) -> None:
        """As WebSocket.send()."""
        if isinstance(data, str):
            message = {"bytes": data.encode()} if is_binary else {"text": data}
        elif isinstance(data, bytes | bytearray | memoryview):
            data = bytes(data)
            message = {"text": data.decode()} if is_binary is False else {"bytes": data}
        else:
            raise TypeError(f"send() takes str or bytes, not {data!r}: json.dumps() makes a str")
        if self._state is not _State.OPEN:
            raise OperationFailed(f"nothing can be sent: the WebSocket is {self._is()}")
        await self._send_at_all({"type": "websocket.send", **message})

    async def close(self, code: int, reason: str) -> None:
        """As WebSocket.close()."""
        if not isinstance(code, int) or not (1000 <= code <= 4999) or code in (1004, 1005, 1006):
            raise ValueError(f"{code!r} is no code that a WebSocket is closed with")
        if len(reason.encode()) > _REASON_MAX:
            raise ValueError(f"the reason is longer than {_REASON_MAX} bytes: {reason!r}")
        if self._state is _State.CONNECTING:
            self._say(f"refused: {code} {reason}".rstrip())
            await self._refuse()
        elif self._state is _State.OPEN:
            self._state = _State.CLOSING
            await self._send_at_all({"type": "websocket.close", "code": code, "reason": reason})

    async def _send_at_all(self, message: Message) -> None:
        """Send *message*, unless the client is lost.  Any event loop may ask for that."""
        if asyncio.get_running_loop() is not self._loop:
            sending = asyncio.run_coroutine_threadsafe(self._send_at_all(message), self._loop)
            await asyncio.wrap_future(sending)
            return
        if self._is_lost:
            return
        try:
            await self._send(message)
        except OSError:
            self._is_lost = True

    async def _refuse(self, status: int = 403, why: str = "refused") -> None:
        self._state = _State.CLOSED
        await refuse(self._send, status, why)

    def _is(self) -> str:
        if self._state is _State.CONNECTING:
            return "not accepted yet"
        return "closed"

    def _say(self, what: str) -> None:
        name = self._answers.__qualname__
        sys.stderr.write(f"hwebserver: WebSocket {self._request.uri} ({name}): {what}\n")


async def refuse(send: Send, status: int, why: str) -> None:
    """Answer the request for a connection by Apache's document for *status*; *why*: for its log."""
    headers = [(HEADER_DOCUMENT.lower().encode(), why.encode("ascii", "backslashreplace"))]
    try:
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b""})
    except OSError:
        pass  # the client is gone


async def _called(callback: Callable[..., object], *args: object, **kwargs: object) -> None:
    result = callback(*args, **kwargs)
    if is_coroutine(result):
        await result


def _takes_text_data(receive: Callable[..., object]) -> bool:
    try:
        inspect.signature(receive).bind(text_data=None, bytes_data=None)
    except TypeError:
        return False
    return True
