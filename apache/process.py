"""A running Apache: its directory, its process, its log, and that nothing of them is left."""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

STOP_TIMEOUT_S = 10.0
#: A signal that comes just before a wait does not end it: Python's handler runs this late then.
SIGNAL_S = 1.0

_KEEPER = Path(__file__).with_name("keeper.sh")


class Root:
    """A temporary directory for Apache's files.

    It is removed by remove(), or by a keeper if this process is killed; the keeper ends Apache,
    too.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="httpdapy-"))
        self._keeper = subprocess.Popen(
            ["/bin/sh", _KEEPER, self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def keep(self, process: int) -> None:
        """Tell the keeper which process, leader of its group, is Apache's."""
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(b"%d\n" % process)
        self._keeper.stdin.flush()

    def forget(self) -> None:
        """In a process that was forked: leave it to the one that has made it."""
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()

    def remove(self) -> None:
        """Remove the directory, once Apache has ended."""
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(BrokenPipeError):
            self._keeper.communicate(b"over\n")


class Process:
    """Apache, started as *command*, in a session of its own.

    pass_fds: files of ours that it has, too.
    error_line and output are called, each from a thread, with each line of the error log and with
    pieces of what comes out at its stdout.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        root: Root,
        *,
        environment: Mapping[str, str],
        pass_fds: Sequence[int] = (),
        error_line: Callable[[str], None],
        output: Callable[[bytes], object],
    ) -> None:
        self._error_line = error_line
        self._output = output
        #: the last lines of the error log
        self.log: deque[str] = deque(maxlen=200)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_without_python(environment),
            pass_fds=pass_fds,
            start_new_session=True,  # Ctrl-C is for us; we pass it on
        )
        root.keep(self._process.pid)
        assert self._process.stdout is not None and self._process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read_error_log, args=[self._process.stderr]),
            threading.Thread(target=self._pass_output, args=[self._process.stdout]),
        ]
        for reader in self._readers:
            reader.start()

    def _read_error_log(self, log: IO[bytes]) -> None:
        with log:
            for raw in log:
                line = raw.decode("utf-8", "backslashreplace").rstrip("\n")
                self.log.append(line)
                self._error_line(line)

    def _pass_output(self, output: IO[bytes]) -> None:
        with output:
            while data := os.read(output.fileno(), 65536):
                self._output(data)

    @property
    def pid(self) -> int:
        """Id of the process that starts the others."""
        return self._process.pid

    def poll(self) -> int | None:
        """Apache's exit status, or None while it runs."""
        return self._process.poll()

    def wait(self) -> int:
        """Wait until Apache ends; its exit status."""
        with contextlib.suppress(ProcessLookupError):  # it has ended
            descriptor = os.pidfd_open(self.pid)
            try:
                while self.poll() is None:
                    select.select([descriptor], [], [], SIGNAL_S)
            finally:
                os.close(descriptor)
        return self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process that has started the others, if it lives."""
        self._process.send_signal(number)

    def last_log(self) -> list[str]:
        """The last lines of the error log, all of them if Apache has ended."""
        if self.poll() is not None:
            self._join_readers()
        return list(self.log)

    def stop(self) -> None:
        """End Apache.  Does nothing the second time."""
        process = self._process
        if process.poll() is None:
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its own session: all of it, only it
        process.wait()
        self._join_readers()

    def _join_readers(self) -> None:
        for reader in self._readers:
            reader.join(STOP_TIMEOUT_S)


def _without_python(environment: Mapping[str, str]) -> dict[str, str]:
    """Apache's Python is that of WSGIPythonHome."""
    return {k: v for k, v in environment.items() if k not in ("PYTHONHOME", "PYTHONPATH")}
