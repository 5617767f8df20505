"""The web server behind Apache: uvicorn on the event loop of this process, at a Unix socket.

It runs what is asynchronous: WebSockets, ASGI applications and async handlers; and in a process
that serves in the background all other handlers as well, on threads.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn

from ..handlers.constants import REQ_PROCEED
from ..handlers.errors import ClientGoneError
from ..interpreters import dispatch
from ..interpreters.asgi import ASGIRequest, ForeignRequestError, LoopExchange, ThreadExchange
from . import coroutines
from .application import NotFound
from .asgi import ASGIHandler, Lifespan
from .connection import GOING_AWAY, Connection, refuse
from .errors import OperationFailed
from .handover import Handover, WebSocketProtocol
from .protocol import Protocol
from .workers import Workers

if TYPE_CHECKING:
    import socket
    from collections.abc import Coroutine
    from pathlib import Path

    from ..handlers.base import RequestHandler
    from ..handlers.request import Request
    from ..interpreters.asgi import Message, Receive, Scope, Send, SendAll
    from .routing import Routers
    from .server import Server

#: Messages of WebSockets may not be larger, nor than a request: bytes.
MAX_MESSAGE_SIZE = 64 * 1024**2
#: Clients that do not answer a ping within such a time are lost.
_PING_S = 20.0
#: Connections without a request for so long are closed: longer than Apache uses one again
#: (apache/loop.c).
_IDLE_S = 75.0
_HEADERS_MAX = 1024**2  # bytes; the limits are Apache's
#: What streams may still send when the process is told to end, before they are broken off.
_GRACE_S = 5.0
#: What uvicorn says of answers that are cut short, and of clients that send nonsense.
_KNOWN = ("ASGI callable returned without", "Invalid UTF-8 sequence")
#: What clients may take to hear of it, before Apache is told to end.
_TELL_S = 1.0
#: What a client may take to close a WebSocket that was closed for that reason.
_CLOSE_S = 1.0


class Backend:
    """Answers what Apache sends to the socket *listening* by the handlers of *routers*.

    clients: directory for the socket to which Apache hands connections over; see handover.py.
    threads: how many handlers that are not asynchronous run at once.
    server: the one that has them.
    """

    def __init__(
        self,
        routers: Routers,
        listening: socket.socket,
        clients: Path,
        threads: int,
        max_request_size: int,
        server: Server,
    ) -> None:
        self._routers = routers
        self._server_of_handlers = server
        self._listening = listening
        self._handover = Handover(clients)
        self._workers = Workers(threads)
        self._sockets: set[_OpenSocket] = set()
        self._streams: set[asyncio.Task[Any]] = set()
        #: those that tell clients of WebSockets that it ends
        self._telling: set[asyncio.Task[None]] = set()
        self._lifespans: dict[int, Lifespan] = {}
        self._is_stopping = False
        config = uvicorn.Config(
            self._answer,
            http=Protocol,
            ws=partial(WebSocketProtocol, self._handover),  # type: ignore[arg-type]
            ws_max_size=min(max_request_size, MAX_MESSAGE_SIZE),
            ws_ping_interval=_PING_S,
            ws_ping_timeout=_PING_S,
            ws_per_message_deflate=False,  # which takes memory for each connection
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            h11_max_incomplete_event_size=_HEADERS_MAX,
        )
        self._server = uvicorn.Server(config)
        self._serving: asyncio.Task[None] | None = None
        self._sweeping: asyncio.TimerHandle | None = None
        self._loop = coroutines.event_loop()

    # -- for other threads -----------------------------------------------------------------------

    def start(self) -> None:
        """Return when it answers.  Raises OperationFailed for an application that cannot start."""
        logging.getLogger("uvicorn.error").addFilter(_is_news)
        self._wait(self._start())

    def update(self) -> None:
        """Start the applications that have been registered meanwhile; raises as start()."""
        self._wait(self._start_applications())

    def stop_soon(self) -> None:
        """Close WebSockets, and break streams off in a while; other requests go on."""
        self._loop.call_soon_threadsafe(self._begin_to_stop)

    def go_away(self) -> None:
        """As stop_soon(); return when clients of WebSockets are told, if they hear it soon."""
        telling = asyncio.run_coroutine_threadsafe(self._go_away(), self._loop)
        with suppress(TimeoutError):
            telling.result(_TELL_S)

    def stop(self) -> None:
        """End it."""
        self._wait(self._stop())
        self._workers.stop()

    def forget(self) -> None:
        """In a process that was forked: leave the connections to the one that has them, where a
        connection that is closed would else stay open."""
        for connection in self._server.server_state.connections:
            transport = getattr(connection, "transport", None)
            if transport is not None:
                with suppress(OSError):
                    os.close(transport.get_extra_info("socket").fileno())
        self._handover.forget()
        with suppress(OSError):
            os.close(self._listening.fileno())

    def _wait(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    # -- start and stop --------------------------------------------------------------------------

    async def _start(self) -> None:
        self._handover.start()
        await self._start_applications()
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._listening]))
        self._sweeping = self._loop.call_later(_IDLE_S, self._close_idle)
        while not self._server.started:
            if self._serving.done():
                await self._serving
            await asyncio.sleep(0.001)

    async def _start_applications(self) -> None:
        for handler in self._routers.handlers():
            if issubclass(handler, ASGIHandler) and id(handler.application) not in self._lifespans:
                lifespan = Lifespan(handler.application)
                await lifespan.startup()
                self._lifespans[id(handler.application)] = lifespan

    def _close_idle(self) -> None:
        """Close connections of workers that have had no request for a while."""
        for connection in list(self._server.server_state.connections):
            if isinstance(connection, Protocol):
                connection.close_if_idle(self._loop.time() - _IDLE_S)
        self._sweeping = self._loop.call_later(_IDLE_S, self._close_idle)

    async def _go_away(self) -> None:
        self._begin_to_stop()
        if self._telling:
            await asyncio.wait(self._telling)

    def _begin_to_stop(self) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            self._telling = {asyncio.ensure_future(each.go_away()) for each in self._sockets}
            self._streams |= self._telling
            self._loop.call_later(_CLOSE_S, self._end_sockets)
            self._loop.call_later(_GRACE_S, self._break_off)

    def _end_sockets(self) -> None:
        """End the connections of WebSockets that are closed, if the clients have not."""
        for connection in list(self._server.server_state.connections):
            if isinstance(connection, WebSocketProtocol):
                connection.shutdown()

    def _break_off(self) -> None:
        for task in self._streams:
            task.cancel()

    async def _stop(self) -> None:
        self._begin_to_stop()
        await asyncio.sleep(0)  # for the WebSockets to hear of it
        for lifespan in self._lifespans.values():
            await lifespan.shutdown()
        self._break_off()
        self._handover.close()
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._server.force_exit = True
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving

    # -- requests --------------------------------------------------------------------------------

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, send_all: SendAll | None = None
    ) -> None:
        """As an ASGI application; requests come with *send_all*, WebSockets without."""
        try:
            request = ASGIRequest(scope)
        except ForeignRequestError:
            return
        request.server = self._server_of_handlers
        port = request.options["hwebserver_port"]
        request.has_own_log = self._routers.has_own_log(port)
        if scope["type"] == "websocket":
            request.has_own_log = False  # the answer comes too early to take lines along
            await self._answer_socket(port, request, scope, receive, send)
            return
        assert send_all is not None
        handler = self._routers.handler(port, request.uri) or NotFound
        if getattr(handler, "is_async", False):
            exchange = LoopExchange(scope, receive, send_all)
            await self._answer_async(handler, request, scope, exchange)
        else:
            waiting = ThreadExchange(scope, receive, send_all, self._loop)
            self._workers.submit(partial(_run, handler, request, waiting))
            messages = await waiting.rest
            if messages is not None:
                await send_all(messages)

    async def _answer_async(
        self,
        handler: type[RequestHandler],
        request: ASGIRequest,
        scope: Scope,
        exchange: LoopExchange,
    ) -> None:
        request.begin_by(exchange)
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
        try:
            if issubclass(handler, ASGIHandler):
                lifespan = self._lifespans.get(id(handler.application))
                state = lifespan.state if lifespan is not None else {}
                inner = handler.scope(scope, request, state)
                run = _call(handler, inner, request, exchange)
            else:
                run = handler.for_request(request).HandleAsync()  # type: ignore[attr-defined]
            await dispatch.answer_async(request, run)
            request.conclude()
            await exchange.drained()
        except asyncio.CancelledError:
            if not self._is_stopping:
                raise
        finally:
            self._streams.discard(task)
            exchange.close()

    async def _answer_socket(
        self, port: str, request: ASGIRequest, scope: Scope, receive: Receive, send: Send
    ) -> None:
        answers = self._routers.socket(port, request.uri)
        if answers is None or self._is_stopping:
            await receive()
            await refuse(send, 503 if self._is_stopping else 404, "no WebSocket here")
            return
        opened = _OpenSocket(send)
        self._sockets.add(opened)
        try:
            if issubclass(answers, ASGIHandler):
                lifespan = self._lifespans.get(id(answers.application))
                state = lifespan.state if lifespan is not None else {}
                inner = answers.scope(scope, request, state)
                try:
                    await answers.application(inner, receive, opened.send)
                except OSError:
                    pass  # the client is gone
                except Exception as error:  # noqa: BLE001 - whatever an application raises
                    dispatch.log_failure(request, error)
                    await opened.fail()
            else:
                await Connection(answers, request, receive, opened.send).run()
        finally:
            self._sockets.discard(opened)


class _OpenSocket:
    """The sending side of a WebSocket, which the server may close, too."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_accepted = self._is_closed = self._is_to_go = False

    async def send(self, message: Message) -> None:
        """As ASGI has it; raises OSError when it is closed."""
        if self._is_closed:
            raise OSError("the server has closed the WebSocket")
        if message["type"] == "websocket.close":
            self._is_closed = True
        await self._send(message)
        if message["type"] == "websocket.accept":
            self._is_accepted = True
            if self._is_to_go:
                await self.go_away()

    async def go_away(self) -> None:
        """Close it since the server ends; when it is accepted, if that is about to happen."""
        self._is_to_go = True
        if self._is_accepted and not self._is_closed:
            await self._close(GOING_AWAY)

    async def fail(self) -> None:
        """Close or refuse it since its application has failed."""
        if self._is_closed:
            return
        if self._is_accepted:
            await self._close(1011)
        else:
            await refuse(self._send, 500, "the application has failed")

    async def _close(self, code: int) -> None:
        self._is_closed = True
        try:
            await self._send({"type": "websocket.close", "code": code, "reason": ""})
        except (OSError, RuntimeError):
            pass  # it was closed meanwhile


def _run(handler: type[RequestHandler], request: ASGIRequest, exchange: ThreadExchange) -> None:
    """Run a request, on a thread."""
    request.begin_by(exchange)

    def run(req: Request) -> object:
        return handler.for_request(req).Handle()

    try:
        dispatch.answer(run, request)
        request.conclude()
    except BaseException as error:  # noqa: BLE001 - whatever happens, the answer has an end
        if not isinstance(error, ClientGoneError):
            dispatch.log_failure(request, error)
        exchange.conclude(cut_short=True)
    request.end()


async def _call(
    handler: type[ASGIHandler], scope: Scope, request: ASGIRequest, exchange: LoopExchange
) -> object:
    try:
        await handler.application(scope, exchange.receive, exchange.passed)
    finally:
        if exchange.has_passed:
            request.note_sent()
    if not exchange.has_passed:
        raise OperationFailed("the ASGI application has returned without an answer")
    return REQ_PROCEED


def _is_news(record: logging.LogRecord) -> bool:
    """Whether uvicorn logs what the log does not have yet."""
    return not str(record.msg).startswith(_KNOWN)


__all__ = ["Backend"]
