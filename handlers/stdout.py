"""sys.stdout of an interpreter: what is printed goes to the client of the request that prints.

A ``Stdout`` takes the place of ``sys.stdout`` once per interpreter.  With each write it looks into
``current``, a context variable, for the stream that the code that runs has for its output:

    before = stdout.current.get()
    stdout.redirect(writer)  # anything with write(text), flush() and closed
    ...
    stdout.current.set(before)

So requests that print at the same time have nothing to do with each other.  asyncio's tasks and
``asyncio.to_thread`` have the context of who started them, and so have threads here.
"""

from __future__ import annotations

from _contextvars import ContextVar, copy_context
from _thread import RLock
from os import register_at_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Protocol

    class Stream(Protocol):
        """What ``current`` may hold."""

        #: When it is true, what is printed goes where it went before.
        closed: bool

        def write(self, text: str, /) -> int: ...

        def flush(self) -> None: ...

    class Target(Protocol):
        """What a Writer wants of a request."""

        @property
        def started(self) -> bool: ...

        def write_soon(self, data: bytes, /) -> None: ...


#: The stream for what is printed in this context; None: where it went before there was a Stdout.
current: ContextVar[Stream | None] = ContextVar("httpdapy.stdout", default=None)

#: Whether anything was ever in ``current`` in this interpreter.
is_used = False
_beginning = RLock()


class Stdout:
    """The sys.stdout of an interpreter: the stream in ``current``, else *server*, that of before.

    ``_link.Stdout`` is the same in C.
    """

    def __init__(self, server: Any) -> None:
        self.server = server

    def _stream(self) -> Any:
        stream = current.get()
        return self.server if stream is None or stream.closed else stream

    def write(self, text: str) -> int:
        return self._stream().write(text)  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream(), name)


def redirect(stream: Stream) -> None:
    """Have what is printed in this context, and in threads started from it, go to *stream*.

    Not so in a process that is forked: the answer is that of the one which runs the request.
    """
    global is_used
    if not is_used:
        is_used = True
        _start_threads_in_context()
        register_at_fork(after_in_child=lambda: current.set(None))
    current.set(stream)


def _start_threads_in_context() -> None:
    """From now on a thread that is started where something is in ``current`` runs in a copy of its
    starter's context, as all threads of a free-threaded Python do (3.14).

    Not so the threads of an executor, which work for whoever comes.
    """
    import threading

    start = threading.Thread.start

    def start_in_context(self: threading.Thread) -> None:
        work = getattr(self, "_target", None)
        is_executors = getattr(work, "__module__", "") == "concurrent.futures.thread"
        if current.get() is None or is_executors:
            return start(self)
        context = copy_context()

        def run() -> None:
            del self.run
            context.run(self.run)

        self.run = run  # type: ignore[method-assign]
        return start(self)

    threading.Thread.start = start_in_context  # type: ignore[method-assign]


class File:
    """What a stream to a client has beside ``write``, ``write_bytes`` and ``tell``: all that the
    stdout of 1999 had (UnbufferedStdout), and ``buffer`` and ``encoding``.
    """

    errors = "strict"
    #: The charset; that of the answer once something is written.
    encoding = "utf-8"

    if TYPE_CHECKING:
        #: Whether the request is over.
        closed: bool

        def write(self, text: str, /) -> int: ...

        def write_bytes(self, data: bytes, /) -> int: ...

        def tell(self) -> int: ...

    _encode: Callable[[str], bytes] | None = None

    def encoder(self, begin: Callable[[], str]) -> Callable[[str], bytes] | None:
        """How text is encoded, None for UTF-8.

        begin: called before anything is written; sets the headers of the answer and gives
        the charset.
        """
        with _beginning:  # two threads may print their first at once
            if "encoding" not in self.__dict__:
                encoding = begin()
                if encoding.lower() not in ("utf-8", "utf8"):
                    from codecs import getincrementalencoder

                    self._encode = getincrementalencoder(encoding)().encode
                self.encoding = encoding
        return self._encode

    @property
    def buffer(self) -> BytesFile:
        """A file for bytes, which go out as they are."""
        return BytesFile(self)

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def flush(self) -> None:
        """Send what is written at once."""

    def close(self) -> None:
        """Nothing: the stream ends with its request."""

    def seek(self, *position: int) -> None:
        """Nothing."""

    def isatty(self) -> bool:
        return False

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def read(self, size: int | None = -1, /) -> str:
        """Nothing is to be read: "", as from readline(), and [] from readlines()."""
        return ""

    def readline(self, size: int | None = -1, /) -> str:
        return ""

    def readlines(self, size: int | None = -1, /) -> list[str]:
        return []


class BytesFile:
    """The ``buffer`` of a stream: writes bytes where the stream writes text."""

    def __init__(self, file: File) -> None:
        self._file = file
        self.write = file.write_bytes
        self.flush = file.flush

    def writable(self) -> bool:
        return True


class Writer(File):
    """A stream for text to the client of *req*; *begin* as File.encoder() has it.

    ``_link.Writer`` is the same in C.
    """

    def __init__(self, req: Target, begin: Callable[[], str]) -> None:
        self._req = req
        self._begin: Callable[[], str] | None = begin
        self._written = 0

    def _begin_answer(self) -> None:
        if self._begin is not None:
            self.encoder(self._begin)
            self._begin = None  # the handler is not to live as long as this does

    @property
    def closed(self) -> bool:  # type: ignore[override]
        try:
            return self._req.started is None
        except RuntimeError:
            return True

    def write(self, text: str, /) -> int:
        """Send *text*, if it is not empty; gives its length.  Raises as Request.write_soon()."""
        if not isinstance(text, str):
            raise TypeError(f"what is printed is str, not {text!r}; bytes go to sys.stdout.buffer")
        if text:
            self._begin_answer()
            encode = self._encode
            self._req.write_soon(text.encode() if encode is None else encode(text))
            self._written += len(text)
        return len(text)

    def write_bytes(self, data: bytes, /) -> int:
        """Send *data*, if it is not empty; gives its length.  Raises as Request.write_soon()."""
        size = len(data)
        if size:
            self._begin_answer()
            self._req.write_soon(data)
            self._written += size
        return size

    def tell(self) -> int:
        """How many characters, and bytes, were written."""
        return self._written
