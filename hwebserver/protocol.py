"""uvicorn's HTTP protocol, for connections of Apache's workers (apache/loop.c)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from ..interpreters.asgi import Message

#: Larger bodies are not copied to be sent with the headers.
_JOINED_MAX = 64 * 1024


class Protocol(HttpToolsProtocol):
    """Gives the application one argument more, *send_all*, which sends several messages.

    A connection that waits for a request has no timer, which would take a twentieth of the time of
    a short answer: close_if_idle() ends it.
    """

    #: when it began to wait for a request, by the loop's clock, in seconds
    waits_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.waits_since = self.loop.time()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self.waits_since = self.loop.time()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def close_if_idle(self, since: float) -> None:
        """Close it if it has waited for a request since before that time."""
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and self.waits_since < since:
            self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        # (in the scope it would make a cycle of references, which takes longer than is gained)
        super()._start_asgi_task(cycle, partial(app, send_all=partial(_send_all, cycle)))


async def _send_all(cycle: RequestResponseCycle, messages: Sequence[Message]) -> None:
    """Send *messages*; if they are a whole answer, in one piece.

    Head and body apart are two system calls, and wake the thread in Apache that waits twice.
    """
    if len(messages) == 2 and not cycle.response_started and not cycle.flow.write_paused:
        start, last = messages
        head = None if last["more_body"] else _head(cycle, start)
        if head is not None:
            _send_whole(cycle, head, last["body"])
            return
    for message in messages:
        await cycle.send(message)  # type: ignore[arg-type]


def _head(cycle: RequestResponseCycle, start: Message) -> bytes | None:
    """Status line and headers; None where there is more to it, which is left to uvicorn."""
    lines = [STATUS_LINE[start["status"]]]
    has_length = False
    for name, value in start["headers"]:
        if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
            return None  # it raises
        if name == b"content-length":
            has_length = True
        lines += (name, b": ", value, b"\r\n")
    if not has_length or not cycle.keep_alive:
        return None
    lines.append(b"\r\n")
    return b"".join(lines)


def _send_whole(cycle: RequestResponseCycle, head: bytes, body: bytes) -> None:
    """As cycle.send() of both messages."""
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
