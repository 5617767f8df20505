"""A server in the background: handlers run in the process that has called run().

Apache stands in front of it, without Python: it sends files itself, and everything else comes over
a Unix socket to a web server on a thread of this process (backend.py).
"""

from __future__ import annotations

import os
import re
import resource
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING

from ..apache.errors import ConfigError
from ..apache.permissions import check_readable, own_parts, serving_user
from ..interpreters import forks
from . import coroutines
from .arguments import is_interactive
from .description import describe
from .errors import OperationFailed
from .request import MAX_REQUEST_SIZE
from .routing import Routers
from .service import Service

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from ..apache import installation
    from .arguments import Arguments
    from .backend import Backend
    from .server import Server

#: What Apache says when it listens, and after a restart when the new configuration is in force.
_READY = re.compile(r"\[mpm_\w+:notice\] .*resuming normal operations")
_CHANGE_TIMEOUT_S = 30.0
_ENDED = "the server has ended"
#: What its processes may take then until there is a new one, and none of the old ones listens.
_NEW_PROCESSES_TIMEOUT_S = 5.0
#: The state of a socket that listens, in /proc/net/tcp.
_LISTENS = "0A"
#: How many files this process may have open, if the system allows it: each WebSocket is one.
_MAX_FILES = 65536


class LiveService(Service):
    """An Apache in front of this process, which answers what it does not.

    over: called with it when it has ended in the background.
    """

    is_live = True

    def __init__(
        self,
        server: Server,
        arguments: Arguments,
        end_server: Callable[[str], None],
        over: Callable[[LiveService], None] = lambda service: None,
    ) -> None:
        super().__init__(server, arguments, {}, end_server)
        self._over = over
        #: whether end() was called
        self.is_ending = False
        self._has_ended = False
        self._backend: Backend | None = None
        self._listening_socket: socket.socket | None = None
        self._answers = threading.Event()
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._changes: list[_Change] = []
        #: Apache's processes when it was told to restart, and the sockets at which it listened
        self._processes_before: list[int] = []
        self._listeners_before: set[str] = set()

    # -- for other threads -----------------------------------------------------------------------

    def end(self, grace_s: float | None = None) -> None:
        self.is_ending = True
        super().end(grace_s)

    def start_in_background(self) -> None:
        """Return when it answers.  Raises OperationFailed if it cannot."""
        self._thread = threading.Thread(target=self._serve, name="hwebserver", daemon=True)
        self._thread.start()
        self._answers.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def _serve(self) -> None:
        try:
            self.serve()
        except BaseException as error:  # noqa: BLE001 - raised by start_in_background()
            self._failure = error
            if self._answers.is_set() and not isinstance(error, KeyboardInterrupt):
                sys.stderr.write(f"hwebserver: the server {self.server.name} ends: {error}\n")
        finally:
            self._over(self)
            self._answers.set()

    def join(self, timeout_s: float) -> None:
        """Wait until serve() has returned, if another thread is in it."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def forget(self) -> None:
        """In a process that was forked: leave the server to the one that has it."""
        if self._root is not None:
            self._root.forget()
        if self._backend is not None:
            self._backend.forget()

    def changed(self) -> None:
        """What is registered has changed: return when it is in force, on the event loop before.

        Raises OperationFailed if it cannot be.
        """
        if self._thread is threading.current_thread() or not self._answers.is_set():
            return
        change = _Change()
        self._put(self._follow, change)
        if self._has_ended:  # nobody may have seen it
            raise OperationFailed(_ENDED)
        if coroutines.is_loop_thread():  # which has a part in it
            return
        if not change.is_over.wait(_CHANGE_TIMEOUT_S):
            raise OperationFailed("Apache does not take the change over; its log may say why")
        if change.error is not None:
            raise change.error

    # -- what is different -----------------------------------------------------------------------

    def serve(self) -> None:
        if self._arguments.processes > 1:
            raise OperationFailed(
                "a server in the background answers in this process: leave processes out"
            )
        if self._arguments.reload_source_changes:
            sys.stderr.write(
                "hwebserver: a server in the background does not restart when sources change; "
                "register a handler again instead\n"
            )
        forks.is_child = False  # this process may be one that was forked, and is no handler's
        _allow_many_files()
        registry = self.server.registry
        try:
            super().serve()
        finally:
            registry.changed = lambda: None
            self._has_ended = True
            for change in [*self._changes, *self._changes_to_come()]:
                change.fail(_ENDED)

    def _started(self) -> None:
        self.server.registry.changed = self.changed
        self._answers.set()

    def _watch(self) -> None:
        pass

    def _parts_to_read(self, parts: installation.Installation) -> list[tuple[str, Path]]:
        return [*own_parts(parts), *self._files_to_read()]

    @contextmanager
    def _prepared(self, listening: socket.socket) -> Iterator[list[int]]:
        from .backend import Backend  # takes a fifth of a second

        self._listening_socket = listening
        # who types defines handlers again and again
        warns = not is_interactive()
        routers = self._routers = Routers(self.server.registry, grows=True, warns=warns)
        routers.describe(self._description)
        limit = self._arguments.max_request_size or MAX_REQUEST_SIZE
        self._backend = Backend(
            routers, listening, self._clients, self._arguments.max_num_threads, limit, self.server
        )
        self._backend.start()
        yield []

    def _error_line(self, line: str) -> None:
        if _READY.search(line):
            self._put(self._ready)
        super()._error_line(line)

    def _ready(self) -> None:
        """Apache listens, or has taken a change over."""
        self._is_loaded = True
        self._is_restarting = False
        self._wait_for_new_processes()
        self._restart_if_due()
        if not self._is_restarting:  # else the last of the changes came too late for this one
            for change in self._changes:
                change.is_over.set()
            self._changes.clear()

    def _restart_if_due(self) -> None:
        if self._process is not None and self._is_changed and not self._is_restarting:
            self._listeners_before = _sockets(self._process.pid) & _listening_sockets()
            self._processes_before = _child_processes(self._process.pid)
        super()._restart_if_due()

    def _wait_for_new_processes(self) -> None:
        """Return when none of Apache's processes with the old configuration takes connections any
        more, which they do for a moment after it has said that it goes on, and one with the new
        configuration is there: else it would be missing among those of before at the next change.
        """
        assert self._process is not None
        before = self._processes_before
        end = time.monotonic() + _NEW_PROCESSES_TIMEOUT_S
        while self._process.poll() is None and time.monotonic() < end:
            there = set(_child_processes(self._process.pid))
            if there.difference(before) and not any(
                _sockets(each) & self._listeners_before for each in there.intersection(before)
            ):
                break
            time.sleep(0.002)

    def _follow(self, change: _Change) -> None:
        """Have *change*, and what else has been registered, in force."""
        self._changes.append(change)
        try:
            assert self._backend is not None
            self._backend.update()
            description = describe(self.server.registry, self._arguments)
            user, group = serving_user()
            before, self._description = self._description, description
            try:
                check_readable(self._files_to_read(), user, group)
            except ConfigError:
                self._description = before
                raise
            error = self._renew(description)
            self._routers.describe(self._description)
        except (ConfigError, OperationFailed) as fault:
            error = fault
        if error is not None:
            self._changes.remove(change)
            change.fail(str(error))
        elif self._is_changed or self._is_restarting:
            self._restart_if_due()
        else:
            self._changes.remove(change)
            change.is_over.set()

    def _changes_to_come(self) -> Iterator[_Change]:
        """Those that were to be followed."""
        with suppress(Empty):
            while True:
                handle, arguments = self._events.get_nowait()
                if handle == self._follow:
                    yield arguments[0]

    def _end_apache(self, grace_s: float | None) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.go_away()
        if self._process is not None:
            self._children = _children(self._process.pid)
        try:
            super()._end_apache(grace_s)
        finally:
            if backend is not None:
                backend.stop()
            if self._listening_socket is not None:
                self._listening_socket.close()


class _Change:
    """Something was registered, and somebody waits until it is in force."""

    def __init__(self) -> None:
        self.is_over = threading.Event()
        self.error: OperationFailed | None = None

    def fail(self, why: str) -> None:
        """It cannot be."""
        self.error = OperationFailed(why)
        self.is_over.set()


def _child_processes(process: int) -> list[int]:
    try:
        return list(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))
    except OSError:
        return []


def _children(process: int) -> list[int]:
    """For each process that this one has started a descriptor that tells its end."""
    found = []
    for child in _child_processes(process):
        with suppress(ProcessLookupError):
            found.append(os.pidfd_open(child))
    return found


def _sockets(process: int) -> set[str]:
    """The inodes of a process's sockets; none if it has ended."""
    found = set()
    with suppress(OSError):
        for descriptor in Path(f"/proc/{process}/fd").iterdir():
            with suppress(OSError):
                kind, _, inode = str(descriptor.readlink()).rstrip("]").partition(":[")
                if kind == "socket":
                    found.add(inode)
    return found


def _listening_sockets() -> set[str]:
    """The inodes of sockets that listen at TCP ports (proc_pid_net(5))."""
    found = set()
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENS:
                    found.add(fields[9])
    return found


def _allow_many_files() -> None:
    with suppress(OSError, ValueError):
        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _MAX_FILES if most == resource.RLIM_INFINITY else min(most, _MAX_FILES)
        if now != resource.RLIM_INFINITY and now < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


__all__ = ["LiveService"]
