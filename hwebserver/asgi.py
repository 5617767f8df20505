"""ASGI applications as handlers of all URLs below a path, WebSockets included."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..handlers.base import RequestHandler
from ..interpreters.asgi import PRIVATE
from .errors import OperationFailed
from .registry import parts

if TYPE_CHECKING:
    from ..interpreters.asgi import ASGIRequest, Message, Receive, Scope, Send

Application = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]

_VERSION = {"version": "3.0", "spec_version": "2.4"}
#: What an application may take for its shutdown.
_SHUTDOWN_S = 2.0


def asgi_handler(application: Application, path: str) -> type[ASGIHandler]:
    """A handler that has *application* answer what lies at and below *path*.

    Raises OperationFailed for what is no application.
    """
    if not callable(application):
        raise OperationFailed(f"an ASGI application is a callable, not {application!r}")
    if not _takes_three(application):
        raise OperationFailed(
            f"an ASGI application takes scope, receive and send, which {application!r} does not; "
            "registerWSGIApp() takes a WSGI application"
        )
    prefix = "".join(f"/{part}" for part in parts(path))
    name = getattr(application, "__qualname__", type(application).__qualname__)
    body = {"application": staticmethod(application), "prefix": prefix, "__qualname__": name}
    return type(name, (ASGIHandler,), body)


def _takes_three(application: Callable[..., object]) -> bool:
    try:
        inspect.signature(application).bind(None, None, None)
    except TypeError:
        return False
    except ValueError:  # it does not say
        pass
    return True


class ASGIHandler(RequestHandler):
    """Base class of handlers that leave requests to an ASGI application."""

    is_async = True
    application: Application
    prefix: str

    @classmethod
    def scope(cls, scope: Scope, request: ASGIRequest, state: dict[str, Any]) -> Scope:
        """What the application is given in place of *scope*, that of the connection to Apache."""
        version = request.protocol.partition("/")[2] or "1.1"
        scheme = request.scheme
        if scope["type"] == "websocket":
            scheme = "wss" if scheme == "https" else "ws"
        inner: Scope = {
            **scope,
            "http_version": "2" if version == "2.0" else version,
            "scheme": scheme,
            "root_path": cls.prefix,
            "path": request.uri,
            "client": (request.remote_addr, request.remote_port),
            "server": (request.local_addr, request.local_port),
            "headers": [field for field in scope["headers"] if field[0] not in PRIVATE],
            "state": state.copy(),
        }
        if scope["type"] == "http":
            inner["method"] = request.method
        return inner

    def Handle(self) -> object:
        raise OperationFailed("an ASGI application runs where a script calls run()")


class Lifespan:
    """The lifespan of one application (ASGI's protocol of that name), on the running loop."""

    def __init__(self, application: Application) -> None:
        self._application = application
        #: what it has put into scope["state"]
        self.state: dict[str, Any] = {}
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        self._said: asyncio.Queue[Message | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        """Return when the application has started.  Raises OperationFailed if it cannot."""
        self._told.put_nowait({"type": "lifespan.startup"})
        self._task = asyncio.create_task(self._run())
        said = await self._said.get()
        if said is not None and said["type"] == "lifespan.startup.failed":
            reason = said.get("message", "")
            raise OperationFailed(f"the ASGI application {self._application!r} fails: {reason}")

    async def shutdown(self) -> None:
        """Return when the application has ended what it began."""
        if self._task is None or self._task.done():
            return
        self._told.put_nowait({"type": "lifespan.shutdown"})
        with suppress(TimeoutError):
            said = await asyncio.wait_for(self._said.get(), _SHUTDOWN_S)
            if said is not None and said["type"] == "lifespan.shutdown.failed":
                reason = said.get("message", "")
                sys.stderr.write(f"hwebserver: shutdown of {self._application!r}: {reason}\n")

    async def _run(self) -> None:
        scope: Scope = {"type": "lifespan", "asgi": _VERSION, "state": self.state}
        receive: Receive = self._told.get
        send: Send = self._said.put
        try:
            await self._application(scope, receive, send)
        except Exception:  # noqa: BLE001 - it has no lifespan, says the protocol
            pass
        self._said.put_nowait(None)
