"""The ASGI way into Python: a request that a web server on an event loop has from Apache.

What Apache knows of it comes in two headers; see apache/proxy.c.  A request is run by a thread,
which waits for the loop whenever it reads or writes, or by a task of the loop itself.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from _thread import get_ident
from collections import deque
from urllib.parse import quote, unquote_to_bytes

from ..handlers import stdout
from ..handlers.errors import ClientGoneError
from ..handlers.headers import Headers
from .derived import read_error
from .link import HEADER_LOG, HEADER_REQUEST, HEADER_SETTINGS, HEADER_STATUS
from .settings import Settings
from .wsgi import WSGIRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, MutableMapping, Sequence
    from io import BufferedReader
    from typing import IO, Any, TypeVar

    from .served import Place

    T = TypeVar("T")
    Message = MutableMapping[str, Any]
    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    SendAll = Callable[[Sequence[Message]], Awaitable[None]]

_REQUEST = HEADER_REQUEST.lower().encode()
_SETTINGS = HEADER_SETTINGS.lower().encode()
_LOG = HEADER_LOG.lower().encode()
_SAFE_IN_LOG = " !\"#$&'()*+,/:;<=>?@[\\]^`{|}"
_LOG_MAX = 32 * 1024  # characters; Apache takes headers of twice as many
_STATUS = HEADER_STATUS.lower().encode()
#: Headers that are not the client's.
PRIVATE = frozenset((_REQUEST, _SETTINGS))
_NAME = re.compile(rb"[a-z0-9-]+")
_HOP_BY_HOP = frozenset((b"connection", b"keep-alive", b"transfer-encoding", b"upgrade"))
#: Bodies of answers are read from files, and those of requests kept in memory, up to so many bytes.
_PIECE = 256 * 1024
_IN_MEMORY = 1024 * 1024
#: What a handler on the loop writes while its client does not read, before that one is given up.
_QUEUED_MAX = 64 * 1024**2

_known: dict[bytes, Settings] = {}
_MAX_KNOWN = 1024


class ForeignRequestError(Exception):
    """It did not come through Apache."""


def _settings(header: bytes) -> Settings:
    found = _known.get(header)
    if found is None:
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        found = _known[header] = Settings(_field(header.decode("ascii")))
    return found


def can_be_handed_over(scope: Scope) -> bool:
    """Whether Apache can hand over the connection of the client; see apache/handover.c."""
    for name, value in scope["headers"]:
        if name == _REQUEST:
            return bool(value.split(b" ")[10])
    return False


def _field(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape") if "%" in text else text


class ASGIRequest(WSGIRequest):
    """A request of an ASGI server behind Apache.

    Raises ForeignRequestError for one without what Apache adds.
    """

    exchange: Exchange
    #: Whether stderr is Apache's error log.
    is_in_apache = False

    def __init__(self, scope: Scope) -> None:
        facts = settings = None
        for name, value in scope["headers"]:
            if name == _REQUEST:
                facts = value
            elif name == _SETTINGS:
                settings = value
        if facts is None or settings is None:
            raise ForeignRequestError
        self._scope = scope
        # method, remote_addr, remote_port, local_addr, local_port, scheme, server_name,
        # server_port, user, uri, "client" if its connection can be handed over, protocol
        self._facts: list[str] = facts.decode("ascii").split(" ")
        self._lines = []
        self._unended = {}
        self.headers_out = Headers()
        self.settings = _settings(settings)
        #: whether its port has a log of its own, to which Apache writes
        self.has_own_log = False
        #: the hwebserver.Server that has the handlers
        self.server: object = None

    def begin_by(self, exchange: Exchange) -> None:
        """The calling thread is about to run it, and reads and writes by *exchange*."""
        self.exchange = exchange
        self._start_response = exchange.start
        self._thread = get_ident()

    @property
    def place(self) -> Place:
        return self.settings, self.filename, "", ""

    looked = ""
    file_type = ""
    path_info = ""
    interpreter = ""

    @property
    def filename(self) -> str:  # type: ignore[override]
        return f"{self.settings.directory}/.hwebserver"

    @property
    def method(self) -> str:
        return self._facts[0]

    @property
    def uri(self) -> str:
        return _field(self._facts[9])

    @property
    def unparsed_uri(self) -> str:
        path: str = self._scope["raw_path"].decode("latin-1")
        query = self._scope["query_string"]
        return f"{path}?{query.decode('latin-1')}" if query else path

    @property
    def args(self) -> str:
        return self._scope["query_string"].decode("latin-1")  # type: ignore[no-any-return]

    @property
    def protocol(self) -> str:
        return self._facts[11]

    @property
    def user(self) -> str | None:
        return _field(self._facts[8]) or None

    @property
    def remote_addr(self) -> str:
        return self._facts[1]

    @property
    def remote_port(self) -> int:
        return int(self._facts[2])

    @property
    def local_addr(self) -> str:
        return self._facts[3]

    @property
    def local_port(self) -> int:
        return int(self._facts[4])

    @property
    def scheme(self) -> str:
        return self._facts[5]

    @property
    def server_name(self) -> str:
        return _field(self._facts[6])

    @property
    def server_port(self) -> int:
        return int(self._facts[7])

    @property
    def headers_in(self) -> Headers:
        headers = self._headers_in
        if headers is None:
            without = PRIVATE | {b"proxy"}
            if self._scope["type"] == "http":
                without |= _HOP_BY_HOP
            headers = self._headers_in = Headers(
                (name.decode("ascii").title(), value.decode("latin-1"))
                for name, value in self._scope["headers"]
                if name not in without and _NAME.fullmatch(name)
            )
        return headers

    @property
    def environment(self) -> dict[str, str]:
        found = {
            "REQUEST_METHOD": self.method,
            "REQUEST_URI": self.unparsed_uri,
            "REQUEST_SCHEME": self.scheme,
            "QUERY_STRING": self.args,
            "SCRIPT_NAME": unquote_to_bytes(self._facts[9]).decode("latin-1"),
            "PATH_INFO": "",
            "SCRIPT_FILENAME": self.filename,
            "SERVER_PROTOCOL": self.protocol,
            "SERVER_SOFTWARE": "Apache",
            "SERVER_NAME": self.server_name,
            "SERVER_ADDR": self.local_addr,
            "SERVER_PORT": str(self.server_port),
            "REMOTE_ADDR": self.remote_addr,
            "REMOTE_PORT": str(self.remote_port),
            "GATEWAY_INTERFACE": "CGI/1.1",
        }
        for name, value in self.headers_in.items():
            key = name.upper().replace("-", "_")
            found[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
        if self.user is not None:
            found["REMOTE_USER"] = self.user
        if self.scheme == "https":
            found["HTTPS"] = "on"
        return found

    def _check_thread(self) -> None:
        if isinstance(self.exchange, ThreadExchange):
            super()._check_thread()

    def _read(self, method: str, size: int | None) -> bytes:
        self._check_thread()
        return getattr(self.exchange, method)(-1 if size is None else size)  # type: ignore[no-any-return]

    def log(self, message: str, /) -> None:
        if not isinstance(message, str):
            raise TypeError(f"a message for the log is a str, not {message!r}")
        if self.has_own_log and self.exchange.tell_log(message):
            return
        head = f"[client {self.remote_addr}:{self.remote_port}] [script {self.filename}] "
        if not self.is_in_apache:
            when = time.strftime("%a %b %d %H:%M:%S %Y")
            head = f"[{when}] [httpdapy:error] [pid {os.getpid()}] {head}"
        text = "".join(f"{head}{line}\n" for line in message.splitlines())
        if sys.stderr is not None:
            sys.stderr.write(text)
            sys.stderr.flush()

    def writer(self, begin: Callable[[], str]) -> stdout.Writer:
        if not isinstance(sys.stdout, stdout.Stdout) and not hasattr(sys.stdout, "server"):
            sys.stdout = stdout.Stdout(sys.stdout)
        return stdout.Writer(self, begin)

    def sendfile(self, path: str, offset: int = 0, size: int = -1, /) -> None:
        file, left = self._part(path, offset, size)
        try:
            self.write(b"")
        except BaseException:
            file.close()
            raise
        self.exchange.send_file(file, left)
        self._has_sent = True

    def finish_whole(self, status: int, fields: Iterable[tuple[str, str]], body: bytes) -> bool:
        """Make this the answer, on the loop, if nothing is known of it yet; whether it is.

        The same as by headers_out, status and finish(), in half of the time.
        """
        if (
            self.started
            or self.headers_out
            or self._body
            or self._lines
            or self._unended
            or self._reason is not None
            or self._location is not None
        ):
            return False
        self.exchange.begin(status, fields)
        self.exchange.conclude(body, cut_short=False)
        self.note_sent()
        return True

    def note_sent(self) -> None:
        """An application has begun the answer itself."""
        self.started = self._has_sent = True

    def conclude(self) -> None:
        """Let the answer end, with what there is of it."""
        self.exchange.conclude(*self.response(), cut_short=self._is_cut_short)

    def response(self) -> Iterable[bytes]:
        return (self._body,) if self._body and not self.started else ()


# -- between the request and the loop ----------------------------------------------------------


class Exchange:
    """The request's body and its answer, as ASGI messages.  Base of two classes.

    send_all: sends several messages.
    """

    # defaults on the class, since most requests leave them as they are
    _start_message: Message | None = None
    _log = ""  # for Apache to write, as far as it is known when the answer begins
    #: bytes that Content-Length leaves to be sent; None: there is no limit
    _left: int | None = None
    #: its last message is made: the server may take the next request of the connection
    _is_complete = False
    _has_begun = False
    # has ended when the client has gone away; None: nobody looks yet
    _is_gone: asyncio.Task[None] | None = None

    def __init__(self, scope: Scope, receive: Receive, send_all: SendAll) -> None:
        self._scope = scope
        self._is_head = scope.get("method") == "HEAD"
        self.receive = receive
        self._send_all = send_all

    def tell_log(self, message: str) -> bool:
        """Have Apache write *message* to its log; whether that is possible."""
        text = quote(message, safe=_SAFE_IN_LOG, errors="backslashreplace")
        if self._has_begun or len(self._log) + len(text) > _LOG_MAX:
            return False
        self._log += f"{text}%0A"
        return True

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], None]:
        """As start_response() of WSGI."""
        self.begin(int(status[:3]), headers)
        return self.write

    def begin(self, code: int, headers: Iterable[tuple[str, str]]) -> None:
        """Have the status and the headers."""
        self._left = None
        fields = []
        for name, value in headers:
            lower = name.lower()
            if lower == "content-length":
                self._left = int(value)
            elif lower in ("transfer-encoding", "connection", "keep-alive", "upgrade"):
                continue  # the connection is Apache's
            fields.append((lower.encode("latin-1"), value.encode("latin-1")))
        if self._log:
            fields.append((_LOG, self._log.encode("ascii")))
        if code in (204, 304) or self._is_head:
            self._left = 0
        self._is_complete = False
        self._start_message = {"type": "http.response.start", "status": code, "headers": fields}

    async def _received(self) -> Message:
        """The next piece of the body."""
        message = await self.receive()
        if message["type"] != "http.request":
            raise read_error(400, "the client has gone away")
        return message

    async def _disconnected(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass  # the end of a body, which may be none

    def write(self, data: bytes) -> None:
        """Send a piece of the answer."""
        raise NotImplementedError

    def send_file(self, file: BufferedReader, size: int) -> None:
        """Send *size* bytes of an open file, and close it."""
        raise NotImplementedError

    def conclude(self, *rest: bytes, cut_short: bool) -> None:
        """The answer ends, with *rest*; or as what is not all of it."""
        raise NotImplementedError

    def _messages(self, data: bytes, *, more: bool) -> list[Message]:
        """What to send for *data*."""
        messages: list[Message] = []
        if self._is_complete:
            return messages
        if self._start_message is not None:
            messages.append(_with_known_status(self._start_message))
            self._start_message = None
            self._has_begun = True
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
            more = more and self._left > 0
        if data or not more:
            messages.append({"type": "http.response.body", "body": data, "more_body": more})
        self._is_complete = not more
        return messages

    @property
    def _is_short(self) -> bool:
        """Whether Content-Length promises more than was sent."""
        return bool(self._left)


def _with_known_status(start: Message) -> Message:
    """One whose status the server has a line for; another goes to Apache in a header."""
    if start["status"] > 599:
        start["headers"].append((_STATUS, b"%d" % start["status"]))
        start["status"] = 200
    return start


class ThreadExchange(Exchange):
    """For a thread, which waits for the *loop*."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send_all: SendAll,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(scope, receive, send_all)
        self._loop = loop
        self._body = bytearray()
        self._has_more = _comes_with_body(scope)
        #: what is left to send when the thread is through; None: the answer is cut short
        self.rest: asyncio.Future[list[Message] | None] = loop.create_future()

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
        except RuntimeError as error:  # the loop has ended
            coroutine.close()
            raise ClientGoneError(str(error)) from error

    # -- the body --------------------------------------------------------------------------------

    def read(self, size: int) -> bytes:
        """As ServedRequest.read()."""
        while self._has_more and (size < 0 or len(self._body) < size):
            self._fetch()
        return self._take(len(self._body) if size < 0 else size)

    def readline(self, limit: int) -> bytes:
        """As ServedRequest.readline()."""
        seen = 0
        while True:
            end = self._body.find(b"\n", seen) + 1
            if end or not self._has_more or 0 <= limit <= len(self._body):
                break
            seen = len(self._body)
            self._fetch()
        size = end or len(self._body)
        return self._take(size if limit < 0 else min(size, limit))

    def _take(self, size: int) -> bytes:
        data = bytes(self._body[:size])
        del self._body[:size]
        return data

    def _fetch(self) -> None:
        message = self._wait(self._received())
        self._body += message.get("body", b"")
        self._has_more = message.get("more_body", False)

    # -- the answer ------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self._wait(self._sent(self._messages(data, more=True)))

    async def _sent(self, messages: list[Message]) -> None:
        await self._send_all(messages)
        if self._is_complete or self._has_more:  # what is received is the body
            return
        if self._is_gone is None:
            self._is_gone = asyncio.create_task(self._disconnected())
            await asyncio.sleep(0)
        if self._is_gone.done():
            raise ClientGoneError("the client has gone away")

    def send_file(self, file: BufferedReader, size: int) -> None:
        with file:
            while size and (data := file.read(min(size, _PIECE))):
                self.write(data)
                size -= len(data)

    def conclude(self, *rest: bytes, cut_short: bool) -> None:
        messages: list[Message] | None = None
        if not cut_short:
            messages = self._messages(b"".join(rest), more=False)
            if self._is_short:
                messages = None
        try:
            self._loop.call_soon_threadsafe(self._end, messages)
        except RuntimeError:
            pass  # the loop has ended

    def _end(self, messages: list[Message] | None) -> None:
        if self._is_gone is not None:
            self._is_gone.cancel()
        if not self.rest.done():
            self.rest.set_result(messages)


def _comes_with_body(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if (name == b"content-length" and value != b"0") or name == b"transfer-encoding":
            return True
    return False


class LoopExchange(Exchange):
    """For a task of the loop: what is written waits in a queue, which drain() sends."""

    # defaults on the class, as above
    _is_over = False
    _draining: asyncio.Task[None] | None = None
    is_cut_short = False
    #: an application has begun the answer
    has_passed = False
    _queued = 0  # bytes
    _file: IO[bytes] | None = None
    _news: asyncio.Event  # while it is drained

    def __init__(self, scope: Scope, receive: Receive, send_all: SendAll) -> None:
        super().__init__(scope, receive, send_all)
        self._queue: deque[bytes | tuple[BufferedReader, int]] = deque()
        #: the body is there: nothing more comes but that the client is gone
        self.has_body = not _comes_with_body(scope)

    async def receive_body(self) -> int:
        """Have the body for read(); how many bytes there are."""
        size = 0
        file = self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
        more = True
        while more:
            message = await self._received()
            data = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(data)
            file.write(data)
        file.seek(0)
        self.has_body = True
        return size

    def read(self, size: int) -> bytes:
        """As ServedRequest.read(), of what was received."""
        return self._file.read(size) if self._file is not None else b""

    def readline(self, limit: int) -> bytes:
        """As ServedRequest.readline(), of what was received."""
        return self._file.readline(limit) if self._file is not None else b""

    def write(self, data: bytes) -> None:
        if self._is_gone is not None and self._is_gone.done():
            raise ClientGoneError("the client has gone away")
        self._queued += len(data)
        if self._queued > _QUEUED_MAX:
            raise ClientGoneError(f"the client leaves {self._queued} bytes waiting")
        self._queue.append(data)
        self._begin_to_drain()

    def send_file(self, file: BufferedReader, size: int) -> None:
        self._queue.append((file, size))
        self._begin_to_drain()

    def _begin_to_drain(self) -> None:
        if self._draining is None:
            self._news = asyncio.Event()
            self._draining = asyncio.create_task(self._drain())
        self._news.set()

    def conclude(self, *rest: bytes, cut_short: bool) -> None:
        self.is_cut_short = cut_short
        self._queue.extend(rest)
        self._is_over = True
        if self._draining is not None:
            self._news.set()

    async def passed(self, message: Message) -> None:
        """Send a *message* that an application has made itself."""
        if message["type"] == "http.response.start":
            self.has_passed = self._has_begun = True
            message = _with_known_status({**message, "headers": list(message.get("headers", ()))})
        await self._send_all((message,))

    def drained(self) -> Awaitable[None]:
        """Wait until all is sent, after conclude()."""
        return self._drain() if self._draining is None else self._draining

    async def _drain(self) -> None:
        while True:
            while self._queue:
                match self._queue.popleft():
                    case (file, size):
                        await self._drain_file(file, size)
                    case data:
                        await self._send_data(data, more=bool(self._queue) or not self._is_over)
                        self._queued -= len(data)
            if self._is_over:
                break
            if self.has_body and self._is_gone is None and not self._is_complete:
                self._is_gone = asyncio.create_task(self._disconnected())
            self._news.clear()
            await self._news.wait()
        if not (self._is_complete or self.is_cut_short or self.has_passed):
            await self._send_data(b"", more=False)

    async def _send_data(self, data: bytes, *, more: bool) -> None:
        messages = self._messages(data, more=more)
        if not more and self._is_short:
            self.is_cut_short = True
            messages = messages[:-1]
        await self._send_all(messages)

    async def _drain_file(self, file: BufferedReader, size: int) -> None:
        loop = asyncio.get_running_loop()
        with file:
            while size:
                data = await loop.run_in_executor(None, file.read, min(size, _PIECE))
                if not data:
                    break
                await self._send_data(data, more=True)
                size -= len(data)

    def close(self) -> None:
        """Forget the body, and files that were not sent."""
        if self._file is not None:
            self._file.close()
        for each in self._queue:
            if isinstance(each, tuple):
                each[0].close()
        self._queue.clear()
        for task in (self._is_gone, self._draining):
            if task is not None:
                task.cancel()
