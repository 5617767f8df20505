"""A script that calls hwebserver.run(), run as its user runs it."""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from textwrap import dedent
from typing import IO

from .site import OPTIONS, Answer, ErrorLog, request, wait_for

#: What ends a script that does not call run() itself.
_RUN = """
import hwebserver
def _announce(name, port):
    print("port %s %s\\n" % (name, port), end="", flush=True)
hwebserver.run(0, port_callback=_announce, {arguments})
"""
#: What runs it in the background, until SIGTERM.
_RUN_IN_BACKGROUND = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
"""
_STAY = """
while True:  # a signal just before a wait without end would not end it
    time.sleep(0.1)
"""
#: Whether scripts that do not call run() themselves do so in the background.
in_background = False
#: Handlers that tell of themselves, and one that waits for a file.
TOLD = """
import json
import os
import sys
import time
import hwebserver

@hwebserver.urlHandler("/hello")
def hello(request):
    return hwebserver.Response("Hello")

@hwebserver.urlHandler("/pid")
def pid(request):
    return hwebserver.Response(str(os.getpid()))

@hwebserver.urlHandler("/wait")
def wait(request):
    open(os.environ["TMPDIR"] + "/begun", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.01)
    return hwebserver.Response("waited")

@hwebserver.urlHandler("/end")
def end(request):
    hwebserver.requestShutdown()
    return hwebserver.Response("ending")

@hwebserver.urlHandler("/debug")
def debug(request):
    return hwebserver.Response(str(hwebserver.isInDebugMode()))

@hwebserver.urlHandler("/print")
def printed(request):
    print("printed:", request.queryString())
    return hwebserver.Response("")

@hwebserver.urlHandler("/fail")
def fail(request):
    return hwebserver.Response(1 / 0)
"""
_MARK = "HTTPDAPY_TEST"


class _Ports(dict[str, int]):
    """Numbers of ports by their names; a look-up waits until the server says that it listens."""

    def __init__(self, wait: Callable[[str], None]) -> None:
        self._wait = wait

    def __missing__(self, name: str) -> int:
        self._wait(name)
        return self[name]


class Script:
    """A running script, and all that it has said.

    ports: number of each port by its name, as port_callback was told.
    log: stderr, with Apache's error log; output: stdout.
    """

    def __init__(
        self,
        command: Sequence[str],
        directory: Path,
        env: Mapping[str, str],
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        self.directory = directory
        self.ports = _Ports(self.wait_for_port)
        self.log = ErrorLog()
        self.output: list[str] = []
        self._mark = secrets.token_hex(8)
        self._temporary = tempfile.TemporaryDirectory(prefix="httpdapy-test-")
        #: where the script and Apache make their temporary files
        self.temporary = Path(self._temporary.name)
        self.temporary.chmod(0o1777)
        options = " ".join(f"{name}={value}" for name, value in OPTIONS.items())
        self.process = subprocess.Popen(
            command,
            cwd=directory,
            env={
                **os.environ,
                "HTTPDAPY_OPTIONS": options,
                "TMPDIR": str(self.temporary),
                _MARK: self._mark,
                **env,
            },
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None and self.process.stderr is not None
        self._readers = [
            threading.Thread(target=_read, args=[self.process.stdout, self._hear]),
            threading.Thread(target=_read, args=[self.process.stderr, self.log.lines.append]),
        ]
        for reader in self._readers:
            reader.start()

    def _hear(self, line: str) -> None:
        self.output.append(line)
        words = line.split()
        if len(words) == 3 and words[0] == "port":
            self.ports[words[1]] = int(words[2])

    @property
    def port(self) -> int:
        """Number of the main port."""
        return self.ports["main"]

    def wait_for_port(self, name: str = "main") -> None:
        """Return once the server has said that it listens there."""
        try:
            wait_for("the port", lambda: name in self.ports or self.process.poll() is not None)
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *self.output, *self.log.lines])) from None
        if name not in self.ports:
            self.wait()
            raise AssertionError("\n".join(["the script ended", *self.output, *self.log.lines]))

    def request(self, method: str, path: str, body=None, headers=None, port: str = "") -> Answer:
        return request(self.ports[port or "main"], method, path, body, headers)

    def get(self, path: str, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("GET", path, headers=named)

    def text(self, path: str) -> str:
        """Body of a page that has to be there."""
        answer = self.get(path)
        assert answer.status == 200, (answer.status, answer.text, self.log.since_check()[-20:])
        return answer.text

    def wait_for_log(self, text: str) -> None:
        """Return once the log, since its last check, has *text*."""
        wait_for(f"{text!r} in the log", lambda: self.log.has(text))

    def wait(self, timeout_s: float = 30.0) -> int:
        """Wait until the script ends; its exit status."""
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # has faulthandler say where its threads are
            self.process.wait(timeout_s)
            raise AssertionError("\n".join(["no end", *self.output, *self.log.lines])) from None
        for reader in self._readers:
            reader.join()
        return status

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the script by a signal; its exit status."""
        self.process.send_signal(number)
        return self.wait()

    def processes(self) -> list[int]:
        """The script and what it has started, as far as they live."""
        return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ")
                if self._is_ours(path)]  # fmt: skip

    def _is_ours(self, environ: Path) -> bool:
        try:
            return f"{_MARK}={self._mark}".encode() in environ.read_bytes().split(b"\0")
        except OSError:
            return False  # another user's, or it has just ended

    def left(self) -> list[object]:
        """What should not be there once the script has ended: processes and temporary files."""
        return [*self.processes(), *self.temporary.iterdir()]

    def remove(self) -> None:
        for process in self.processes():
            os.kill(process, signal.SIGKILL)
        self.wait()
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        self._temporary.cleanup()


def _read(lines: IO[str], line: Callable[[str], None]) -> None:
    with lines:
        for each in lines:
            line(each.rstrip("\n"))


def ended_script(directory: Path, source: str, *command: str) -> subprocess.CompletedProcess[str]:
    """A script of *directory* that does not come to serve; *command* is Python if none is given."""
    file = directory / "script.py"
    file.write_text(dedent(source))
    file.chmod(0o644)
    return subprocess.run(
        [*(command or [sys.executable]), "script.py"],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def refuses(directory: Path, source: str, said: str, *command: str) -> None:
    """The script ends with OperationFailed, whose message has *said*."""
    done = ended_script(directory, source, *command)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "OperationFailed: " in last and said in last, done.stderr


@contextmanager
def running_script(
    directory: Path,
    source: str,
    *arguments: str,
    run: str | None = "",
    name: str = "script.py",
    command: Sequence[str] = (sys.executable, "-X", "faulthandler"),
    given: Sequence[str] | None = None,
    env: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    first: str = "main",
) -> Iterator[Script]:
    """Run *source* as a script of *directory*, which Apache's user can read, until the block ends.

    It has to end by SIGTERM with status 0, leave nothing, and log no trouble but what was expected.

    run: further arguments of the call of run() that is added to the source; None if the source
    calls it itself, and prints "port NAME NUMBER" for each port.
    command: what the script's name, or *given*, and *arguments* are given to.
    first: name of the port to wait for.
    """
    end = ""
    if run is not None and in_background:
        call = _RUN.format(arguments=f"in_background=True, {run}")
        end = _RUN_IN_BACKGROUND + call + _STAY
    elif run is not None:
        end = _RUN.format(arguments=run)
    file = directory / name
    file.write_text(dedent(source) + end)
    file.chmod(0o644)
    given = (name,) if given is None else given
    script = Script([*command, *given, *arguments], directory, env or {}, stdin)
    try:
        script.wait_for_port(first)
        yield script
        if script.process.poll() is None:
            assert script.stop() == 0, script.log.lines
        assert script.left() == []
        script.log.check()
    finally:
        script.remove()
