"""uvicorn's HTTP protocol, with less to do for a request that is answered at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from ..interpreters.asgi import Message

#: Larger bodies are not copied to be sent with the headers.
_JOINED_MAX = 64 * 1024


class Protocol(HttpToolsProtocol):
    """Gives the application as a fourth argument what sends several messages at once."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        super()._start_asgi_task(cycle, partial(app, send_all=partial(_send_all, cycle)))


async def _send_all(cycle: RequestResponseCycle, messages: Sequence[Message]) -> None:
    """Send *messages*; a whole answer in one piece.

    Head and body apart are two system calls here, and wake Apache's thread twice.
    """
    if len(messages) == 2 and not cycle.response_started and not cycle.flow.write_paused:
        start, last = messages
        if not last["more_body"] and (head := _head(cycle, start)) is not None:
            _write_whole(cycle, head, last["body"])
            return
    for message in messages:
        await cycle.send(message)


def _head(cycle: RequestResponseCycle, start: Message) -> bytes | None:
    """Status line and headers; None if uvicorn is to see to them, whose answer has no length."""
    lines = [STATUS_LINE[start["status"]]]
    has_length = False
    for name, value in start["headers"]:
        if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
            return None  # it says what is wrong
        if name == b"content-length":
            has_length = True
        lines += (name, b": ", value, b"\r\n")
    if not has_length or not cycle.keep_alive:
        return None
    lines.append(b"\r\n")
    return b"".join(lines)


def _write_whole(cycle: RequestResponseCycle, head: bytes, body: bytes) -> None:
    """What cycle.send() does for the two messages of an answer."""
    if cycle.disconnected:
        return
    if len(body) <= _JOINED_MAX:
        cycle.transport.write(head + body)
    else:
        cycle.transport.writelines((head, body))
    cycle.response_started = cycle.response_complete = True
    cycle.message_event.set()
    cycle.on_response()


__all__ = ["Protocol"]
