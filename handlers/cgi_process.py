"""What a CGI script takes for its process: streams, arguments, environment, module path.

An interpreter runs several scripts at once, each on a thread of Apache's, and has but one sys and
one os.environ.  So some of their attributes are made to depend on who asks: a context variable
holds the Process of the script that runs, and outside of scripts everything is as it was.

- sys becomes an instance of a subclass of its class, in which stdin, stdout, argv ... are
  properties.  What a script sets, as in ``sys.stderr = sys.stdout``, is set for itself.
- print() and input() see no properties: they look into the dict of sys.  There they find streams
  that pass everything on; for stdout that of handlers/stdout.py.
- os.environ and os.environb get another class too, whose data are those of the running script.
- ``__main__`` has the script's globals, which pickle and dataclasses look for there.

Objects stay the ones they were, so that references taken earlier do the same.
"""

from __future__ import annotations

import builtins
import io
import os
import sys
from _thread import allocate_lock
from contextvars import ContextVar
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from . import stdout
from .cgi_streams import BUFFER_BYTES, Input, Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .request import Request

#: Taken from the server's environment, as mod_cgi takes them.
_INHERITED = (b"PATH", b"LD_LIBRARY_PATH")
_PATHS = frozenset({"DOCUMENT_ROOT", "SCRIPT_FILENAME"})


class Process:
    """One run of a script.

    main: its globals.  They are cleared, as when a process ends, once nobody holds this any more:
    locks and files that are held by nothing else are let go.
    output: what sys.stdout.buffer is.
    """

    def __init__(self, req: Request) -> None:
        self.req = req
        self.main: dict[str, Any] = {
            "__name__": "__main__",
            "__file__": req.filename,
            "__builtins__": builtins,
            "__doc__": None,
            "__package__": None,
            "__spec__": None,
            "__loader__": None,
        }
        self.output = Output(req)
        self.stdout = io.TextIOWrapper(
            cast("io.BufferedWriter", self.output), "utf-8", "surrogateescape", "\n"
        )
        self._stdin: io.TextIOWrapper | None = None
        self._environ: dict[bytes, bytes] | None = None
        #: attributes of sys that the script has set, or that were made for it
        self.of_sys: dict[str, Any] = {}

    def __del__(self) -> None:
        self.main.clear()

    @property
    def stdin(self) -> io.TextIOWrapper:
        """The request's body."""
        if self._stdin is None:
            body = io.BufferedReader(Input(self.req), BUFFER_BYTES)
            self._stdin = io.TextIOWrapper(body, "utf-8", "surrogateescape")
        return self._stdin

    @property
    def environ(self) -> dict[bytes, bytes]:
        """The CGI variables (RFC 3875 section 4.1), those of the configuration's SetEnv, and PATH;
        the script may change them."""
        if self._environ is None:
            self._environ = _environ(self.req)
        return self._environ

    def finish(self) -> None:
        """The script has ended: what it has printed is the answer.

        Raises CGIError if that is none, and what the script's own streams raise.
        """
        self.output.hold()
        _flush(self.of_sys.get("stdout"))
        _flush(self.stdout)
        self.main.clear()  # where a stream of its own may be, which is flushed by that
        self.of_sys.clear()
        _flush(self.stdout)
        self.output.finish()


#: The run of a script that this thread is in.
current: ContextVar[Process | None] = ContextVar("httpdapy.cgi", default=None)


def _flush(stream: Any) -> None:
    try:
        stream.flush()
    except (AttributeError, ValueError):
        pass  # none, or no stream, or one that the script has closed or detached


def _environ(req: Request) -> dict[bytes, bytes]:
    inherited = os.environ.__dict__["_data"]
    found = {name: inherited[name] for name in _INHERITED if name in inherited}
    for name, value in req.environment.items():
        data = os.fsencode(value) if name in _PATHS else value.encode("latin-1", "replace")
        found[name.encode()] = data
    found[b"GATEWAY_INTERFACE"] = b"CGI/1.1"
    if found.get(b"PATH_INFO"):
        root = found.get(b"DOCUMENT_ROOT", b"")
        found.setdefault(b"PATH_TRANSLATED", root + found[b"PATH_INFO"])
    else:
        found.pop(b"PATH_INFO", None)
    return found


def arguments(req: Request) -> list[str]:
    """sys.argv: the script, and the words of a query without "=" (RFC 3875 section 4.4)."""
    query = req.args
    if not query or "=" in query or req.method not in ("GET", "HEAD"):
        return [req.filename]
    from urllib.parse import unquote_to_bytes

    words = query.encode("latin-1").split(b"+")
    return [req.filename, *(os.fsdecode(unquote_to_bytes(word)) for word in words)]


# ---- sys --------------------------------------------------------------------------------------


class _Passed:
    """A standard stream that passes everything on to *find*'s.

    Helpers may keep it, and print for the script that calls them.
    """

    __slots__ = ("_find",)

    def __init__(self, find: Callable[[], Any]) -> None:
        self._find = find

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # so that it is an io.TextIOWrapper, if the other is
        return type(self._find())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._find(), name)

    def write(self, text: str) -> Any:
        return self._find().write(text)

    def __iter__(self) -> Iterator[str]:
        return iter(self._find())

    def __next__(self) -> str:
        return cast("str", next(self._find()))

    def __enter__(self) -> Any:
        return self._find().__enter__()

    def __exit__(self, *exc: object) -> Any:
        return self._find().__exit__(*exc)


class _Replaced:
    """A stream that a script has put in place of its sys.stdout, as print() wants one."""

    closed = False

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str, /) -> Any:
        return self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _OfSys:
    """An attribute of sys that each script has for itself.

    make: gives it for a script that has not set it; None: then it is the interpreter's.
    """

    def __init__(self, make: Callable[[Process], Any] | None = None) -> None:
        self._make = make
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, module: Any, owner: type) -> Any:
        if module is None:
            return self
        process = current.get()
        if process is not None:
            of_sys = process.of_sys
            if self._name in of_sys:
                return of_sys[self._name]
            if self._make is not None:
                found = of_sys[self._name] = self._make(process)
                return found
        try:
            return module.__dict__[self._name]
        except KeyError:
            raise AttributeError(f"module 'sys' has no attribute {self._name!r}") from None

    def __set__(self, module: Any, value: Any) -> None:
        process = current.get()
        if process is None:
            module.__dict__[self._name] = value
        else:
            self._set(process, value)

    def _set(self, process: Process, value: Any) -> None:
        process.of_sys[self._name] = value


class _Stdout(_OfSys):
    def _set(self, process: Process, value: Any) -> None:
        super()._set(process, value)
        found = process.stdout if value is _passed_stdout else _Replaced(value)
        stdout.current.set(cast("stdout.Stream", found))


def _own_stdin() -> Any:
    process = current.get()
    return _interpreters_stdin if process is None else process.stdin


def _stdin() -> Any:
    process = current.get()
    return _interpreters_stdin if process is None else process.of_sys.get("stdin", process.stdin)


def _own_stdout() -> Any:
    process = current.get()
    return sys.__dict__["stdout"] if process is None else process.stdout


#: The interpreter's, in place of which there is another in the dict of sys, for input().
_interpreters_stdin = sys.stdin
_passed_stdin = _Passed(_own_stdin)
_passed_stdout = _Passed(_own_stdout)


class _Sys(ModuleType):
    """The class of sys."""

    stdin = _OfSys(lambda process: _passed_stdin)
    stdout = _Stdout(lambda process: _passed_stdout)
    stderr = _OfSys()
    __stdin__ = _OfSys(lambda process: _passed_stdin)
    __stdout__ = _OfSys(lambda process: _passed_stdout)
    argv = _OfSys(lambda process: arguments(process.req))
    path = _OfSys(lambda process: list(sys.__dict__["path"]))
    excepthook = _OfSys()


# ---- the rest ---------------------------------------------------------------------------------


class _Environ(os._Environ[Any]):
    """The class of os.environ and os.environb."""

    @property
    def _data(self) -> Any:
        process = current.get()
        return self.__dict__["_data"] if process is None else process.environ

    def __setitem__(self, key: Any, value: Any) -> None:
        process = current.get()
        if process is None:
            super().__setitem__(key, value)
        else:
            process.environ[self.encodekey(key)] = self.encodevalue(value)

    def __delitem__(self, key: Any) -> None:
        process = current.get()
        if process is None:
            super().__delitem__(key)
        elif process.environ.pop(self.encodekey(key), None) is None:
            raise KeyError(key)


class _Main(ModuleType):
    """The class of ``__main__``."""

    def __getattribute__(self, name: str) -> Any:
        process = current.get()
        if process is not None:
            if name == "__dict__":
                return process.main
            if name in process.main:
                return process.main[name]
            if not name.startswith("__"):
                raise AttributeError(f"module '__main__' has no attribute {name!r}")
        return super().__getattribute__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        process = current.get()
        if process is None:
            super().__setattr__(name, value)
        else:
            process.main[name] = value

    def __delattr__(self, name: str) -> None:
        process = current.get()
        if process is None:
            super().__delattr__(name)
        elif process.main.pop(name, process) is process:
            raise AttributeError(name)


_lock = allocate_lock()


def install() -> None:
    """Make this interpreter's sys, os.environ and ``__main__`` depend on who asks, once."""
    with _lock:
        if type(sys) is _Sys:
            return
        sys.__dict__["stdin"] = _Passed(_stdin)
        sys.__class__ = _Sys
        os.environ.__class__ = os.environb.__class__ = _Environ
        sys.modules["__main__"].__class__ = _Main
