"""One call of run() under Python itself: an Apache, from its start to its end.

In a Service Apache's processes load the script, and handlers run there; live.py has another kind.
"""

from __future__ import annotations

import grp
import json
import os
import queue
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..apache import installation
from ..apache.errors import ConfigError, ServerError
from ..apache.permissions import check_readable, own_parts, serving_user
from ..apache.process import SIGNAL_S, Process, Root
from . import script, sources
from .choice import Listener, choose
from .configuration import SOCKET, configuration
from .control import Receiver
from .description import describe
from .enums import webServerVerbosity
from .errors import OperationFailed
from .registry import MAIN
from .watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .arguments import Arguments
    from .server import Server

_PORT_TRIES = 5
#: How long requests in progress may go on after Ctrl-C or SIGTERM.
_GRACE_S = 5.0
_POLL_S = 0.2
#: What mod_proxy, which carries WebSockets, takes of a path, bytes; the kernel takes twelve more.
_PATH_MAX = 95
#: Connections that wait for the event loop.
_BACKLOG = 4096
#: Runs a command with as many files open as its limit may be raised to, before it starts others: a
#: WebSocket is one, or three if Apache cannot hand it over.
_WITH_MANY_FILES = ("/bin/sh", "-c", 'ulimit -S -n "$(ulimit -H -n)"; exec "$0" "$@"')
#: What Apache says of its own starts and ends.
_CHATTER = re.compile(r"\[[^]]*\] \[(core|mpm_\w+):notice\] ")


class _Stop(Exception):  # noqa: N818 - it is no error
    """The server is to end; requests in progress may go on for grace_s seconds, None: any time."""

    def __init__(self, grace_s: float | None) -> None:
        super().__init__()
        self.grace_s = grace_s


class Service:
    """An Apache that serves what *server* has.

    earlier: how the calls of run() before this one have ended; see embedded.py.
    end_server: called with the name of a server whose handler has asked for its end.

    All that happens to it becomes an event, and the thread in serve() takes them one by one.
    """

    is_live = False

    def __init__(
        self,
        server: Server,
        arguments: Arguments,
        earlier: dict[str, list[str | None]],
        end_server: Callable[[str], None],
    ) -> None:
        self.server = server
        self._arguments = arguments
        self._earlier = earlier
        self._end_server = end_server
        self._events: queue.SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]]]
        self._events = queue.SimpleQueue()
        self._description = describe(server.registry, arguments)
        self._listeners: dict[str, Listener] = {}
        #: directory for the sockets to which Apache hands clients' connections over
        self._clients = Path()
        #: for each process of Apache that has loaded the script a descriptor that tells its end
        self._children: list[int] = []
        self._configuration = ""
        self._is_loaded = False
        self._is_changed = self._is_restarting = self._is_renewed = False
        self._root: Root | None = None
        self._process: Process | None = None
        self._watcher: Watcher | None = None
        self._listening: threading.Thread | None = None

    def end(self, grace_s: float | None = None) -> None:
        """Have serve() return once the requests in progress are answered, or after *grace_s*
        seconds."""
        self._put(self._stop_when, grace_s)

    def serve(self) -> None:
        """Start Apache, and return when it has ended.  Raises OperationFailed if it cannot."""
        grace_s: float | None = 0.0
        try:
            with self._sigterm():
                self._start()
                self._announce()
                self._started()
                while True:
                    self._handle_event()
        except _Stop as stop:
            grace_s = stop.grace_s
        except KeyboardInterrupt:
            grace_s = _GRACE_S
        except ConfigError as error:
            raise OperationFailed(str(error)) from error
        finally:
            if self._watcher is not None:
                self._watcher.stop()
            self._end_apache(grace_s)

    def _started(self) -> None:
        """It answers."""

    # -- events ----------------------------------------------------------------------------------

    def _put(self, handle: Callable[..., None], *arguments: Any) -> None:
        """Have *handle* called by the thread in serve()."""
        self._events.put((handle, arguments))

    def _handle_event(self) -> None:
        try:
            handle, arguments = self._events.get(timeout=SIGNAL_S)
        except queue.Empty:
            return
        handle(*arguments)

    @contextmanager
    def _sigterm(self) -> Iterator[None]:
        """Have SIGTERM end the server, if the script has no plans of its own with it."""
        if (
            threading.current_thread() is not threading.main_thread()
            or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        ):
            yield
            return
        signal.signal(signal.SIGTERM, lambda number, frame: self._put(self._stop_when, _GRACE_S))
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _stop_when(self, grace_s: float | None) -> None:
        raise _Stop(grace_s)

    def _heard(self, what: str, value: Any) -> None:
        """One of Apache's processes has told something."""
        if what == "shutdown":
            self._end_server(value)
        elif what == "sources":
            if self._watcher is not None:
                self._watcher.add(value)
        else:
            self._has_loaded(value, failed=what == "failed")

    def _ended(self, process: Process, status: int) -> None:
        if process is not self._process:
            return
        error = ServerError(f"Apache ended by itself, with status {status}", process.last_log())
        raise OperationFailed(error.explanation())

    # -- start -----------------------------------------------------------------------------------

    def _start(self) -> None:
        """Return once the script is loaded."""
        self._check()
        user, group = serving_user()
        parts = installation.find()
        check_readable(self._parts_to_read(parts), user, group)
        self._watch()
        for attempt in range(1, _PORT_TRIES + 1):
            self._listeners = {}
            self._choose_ports()
            try:
                self._launch(parts)
                while not self._is_loaded:
                    self._handle_event()
                return
            except OperationFailed:
                log = self._process.last_log() if self._process is not None else []
                if attempt == _PORT_TRIES or "could not bind" not in "\n".join(log):
                    raise
                self._end_apache(0.0)  # another process was quicker

    def _watch(self) -> None:
        if self._arguments.reloads:
            self._watcher = Watcher(partial(self._put, self._sources_changed))
            self._watcher.add(sources.loaded())
            if self._arguments.settings is not None:
                self._watcher.add([str(Path(self._arguments.settings).absolute())])

    def _check(self) -> None:
        ports = self._description["ports"]
        if not any(
            port["routes"] or port["mounts"] or port["archives"] or port["has_sockets"]
            for port in ports.values()
        ):
            raise OperationFailed(
                f"no URL handlers are registered with the server {self.server.name}; register some "
                "before run(), by urlHandler() for one"
            )

    def _parts_to_read(self, parts: installation.Installation) -> list[tuple[str, Path]]:
        return [
            *own_parts(parts),
            ("the script", script.file()),
            ("the working directory", Path.cwd()),
            *self._files_to_read(),
            *(
                ("the module", Path(file))
                for file in sorted(sources.loaded())
                if Path(file).exists()
            ),
        ]

    def _files_to_read(self) -> list[tuple[str, Path]]:
        kinds = {"mounts": "the static directory", "archives": "the archive"}
        return [
            (what, Path(file))
            for port in self._description["ports"].values()
            for kind, what in kinds.items()
            for _, file in port[kind]
        ]

    def _choose_ports(self) -> None:
        """Have a listener for each port."""
        for name, port in self._description["ports"].items():
            if name not in self._listeners:
                taken = {listener.number for listener in self._listeners.values()}
                settings = port["settings"]
                self._listeners[name] = choose(name, settings, self._arguments, taken)

    def _launch(self, parts: installation.Installation) -> None:
        """Start Apache."""
        self._root = root = Root()
        user, group = serving_user()
        root.path.chmod(0o750)
        if os.geteuid() == 0:
            os.chown(root.path, -1, grp.getgrnam(group).gr_gid)
        self._clients = _directory_for(root.path / "clients", user, group)
        self._configure = partial(
            configuration, parts, root.path, self._arguments, user, group, is_live=self.is_live
        )
        with self._prepared(listening_socket(root.path / SOCKET, group)) as descriptors:
            self._launch_apache(parts, root, descriptors)

    @contextmanager
    def _prepared(self, listening: socket.socket) -> Iterator[list[int]]:
        """Have ready what answers, with the event loop's socket; gives the files of ours that
        Apache is started with."""
        receiver = Receiver()
        self._job = {
            "origin": script.origin(),
            "server": self.server.name,
            "earlier": self._earlier,
            "reloads": self._arguments.reloads,
            "is_restart": False,
            "control": receiver.theirs,
            "listening": listening.fileno(),
            "clients": str(self._clients),
        }
        self._write("job.json", json.dumps(self._job))
        with listening:
            yield [receiver.theirs, listening.fileno()]
        receiver.passed()
        self._listening = threading.Thread(target=self._listen, args=[receiver], daemon=True)
        self._listening.start()

    def _launch_apache(
        self, parts: installation.Installation, root: Root, descriptors: list[int]
    ) -> None:
        self._configuration = self._configure(self._description, self._listeners)
        self._write("httpd.conf", self._configuration)
        self._command: list[str | Path] = [parts.httpd, "-f", root.path / "httpd.conf"]
        self._process = process = Process(
            [*_WITH_MANY_FILES, *self._command, "-DFOREGROUND"],
            root,
            environment=parts.environment(),
            pass_fds=descriptors,
            error_line=self._error_line,
            output=_output,
        )
        threading.Thread(target=self._wait_for_end, args=[process], daemon=True).start()

    def _error_line(self, line: str) -> None:
        if self._arguments.verbosity is webServerVerbosity.High or not _CHATTER.match(line):
            _say(line)

    def _listen(self, receiver: Receiver) -> None:
        for process, what, value in receiver.messages():
            if what in ("loaded", "failed"):
                with suppress(ProcessLookupError):  # it has ended meanwhile
                    self._children.append(os.pidfd_open(process))
            self._put(self._heard, what, value)

    def _wait_for_end(self, process: Process) -> None:
        status = process.wait()
        if self._listening is not None:
            self._listening.join(_POLL_S)  # what was told before comes first
        self._put(self._ended, process, status)

    def _write(self, name: str, text: str) -> None:
        """Write a file that Apache reads, whole or not at all."""
        assert self._root is not None
        new = self._root.path / f"{name}.new"
        new.write_text(text)
        new.chmod(0o644)  # for Apache's user, who alone comes into the directory
        new.replace(self._root.path / name)

    def _announce(self) -> None:
        """Tell port_callback."""
        callback = self._arguments.port_callback
        if callback is None:
            return
        if _takes(callback, 2) and (self.server.name != MAIN or not _takes(callback, 1)):
            for name, listener in self._listeners.items():
                callback(name, listener.number)
        else:
            callback(self._listeners[MAIN].number)

    # -- while it runs ---------------------------------------------------------------------------

    def _has_loaded(self, value: Any, *, failed: bool) -> None:
        """A process of Apache has loaded the script: *value* is what describe() gives there, or the
        error."""
        if not self._is_loaded:
            if failed:
                raise OperationFailed(
                    f"{script.file()} does not load in Apache's process: {value}; its log is above"
                )
            self._is_loaded = True
            if self._arguments.reloads:
                self._write("job.json", json.dumps({**self._job, "is_restart": True}))
            return
        self._is_restarting = False
        if self._watcher is not None:
            self._watcher.is_failing = failed
        if not failed and not self._is_renewed:
            error = self._renew(value)
            if error is not None:
                _say(f"the changed settings are not in force: {error}")
        self._restart_if_due()

    def _sources_changed(self) -> None:
        self._is_changed = True
        self._is_renewed = False
        self._restart_if_due()

    def _restart_if_due(self) -> None:
        """Have new processes load the script, and the old ones finish what they have begun."""
        if self._is_changed and not self._is_restarting:
            assert self._process is not None
            self._is_changed = False
            self._is_restarting = True
            self._process.signal(signal.SIGUSR1)

    def _renew(self, description: dict[str, Any]) -> Exception | None:
        """Put what the changed script has registered into Apache's configuration, if Apache takes
        it; else what keeps it from that.

        That takes another restart.  It is done once for a change: a script may register something
        else each time that it runs.
        """
        self._is_renewed = True
        before, self._description = self._description, description
        try:
            self._choose_ports()
            text = self._configure(description, self._listeners)
            if text == self._configuration:
                return None
            self._write("httpd.conf", text)
            checked = subprocess.run(
                [*self._command, "-t"],
                env=installation.find().environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            if checked.returncode:
                raise ConfigError(checked.stderr)
        except (ConfigError, OperationFailed) as error:
            self._description = before
            self._write("httpd.conf", self._configuration)
            return error
        self._configuration = text
        self._is_changed = True
        return None

    # -- stop ------------------------------------------------------------------------------------

    def _end_apache(self, grace_s: float | None) -> None:
        """End Apache; requests in progress may go on for *grace_s* seconds, None: any time."""
        process, root = self._process, self._root
        self._process = self._root = None
        try:
            if process is not None and process.poll() is None and grace_s != 0:
                process.signal(signal.SIGWINCH)
                self._wait_for_children(grace_s)
        except KeyboardInterrupt:
            pass  # at once, then
        finally:
            if process is not None:
                process.stop()
                if self._listening is not None:
                    self._listening.join(_POLL_S)
            if root is not None:
                root.remove()
            for child in self._children:
                os.close(child)
            self._children.clear()

    def _wait_for_children(self, timeout_s: float | None) -> None:
        """Wait until the processes that have loaded the script have ended.

        Apache itself looks for that once in a second.
        """
        deadline = time.monotonic() + timeout_s if timeout_s is not None else float("inf")
        living = set(self._children)
        poll = select.poll()
        for child in living:
            poll.register(child, select.POLLIN)
        while living and time.monotonic() < deadline:
            for child, _ in poll.poll(_POLL_S * 1000):
                poll.unregister(child)
                living.remove(child)


def listening_socket(path: Path, group: str) -> socket.socket:
    """A Unix socket that listens at *path*, for this user, and as root for Apache's group.

    Raises OperationFailed for a path that is too long.
    """
    if len(os.fsencode(path)) > _PATH_MAX:
        raise OperationFailed(
            f"{path} is too long for a socket's path: set TMPDIR to a directory with a shorter one"
        )
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(path))
    if os.geteuid() == 0:
        os.chown(path, -1, grp.getgrnam(group).gr_gid)
        path.chmod(0o660)
    else:
        path.chmod(0o600)
    listening.listen(_BACKLOG)
    return listening


def _directory_for(path: Path, user: str, group: str) -> Path:
    """A directory that nobody but Apache's user, and root, comes into."""
    path.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(path, user, group)
    return path


def _takes(callback: Callable[..., object], count: int) -> bool:
    """Whether *callback* can be called with so many arguments."""
    try:
        signature(callback).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # it does not say
        return count == 1
    return True


def _say(line: str) -> None:
    with suppress(OSError, ValueError):  # a terminal that went away
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - the server's log is the console's


def _output(data: bytes) -> None:
    with suppress(OSError, ValueError):
        sys.stdout.write(data.decode("utf-8", "backslashreplace"))
        sys.stdout.flush()
