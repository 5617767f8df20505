"""Load on a server, and what becomes of its figures: contenders in turns, medians with a spread."""

import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from . import BenchError

T = TypeVar("T")

#: A form of three fields.
FORM = "name=Ada+Lovelace&born=1815&work=notes+on+the+engine"
#: The script for wrk that posts it.
POST_FORM = f"""
wrk.method = "POST"
wrk.body = "{FORM}"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
"""
#: Headers with credentials, of user ada, and the script for wrk that sends them.
CREDENTIALS = {"Authorization": "Basic YWRhOmVuZ2luZQ=="}
SEND_CREDENTIALS = f'wrk.headers["Authorization"] = "{CREDENTIALS["Authorization"]}"'


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and greatest of the figures of several rounds."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        return cls(statistics.median(figures), min(figures), max(figures))


def interleave(contenders: Mapping[T, Callable[[], float]], rounds: int) -> dict[T, list[float]]:
    """Figures of each contender, one a round; each round begins with the next contender."""
    figures: dict[T, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for n in range(rounds):
        first = n % len(names)
        for name in names[first:] + names[:first]:
            figures[name].append(contenders[name]())
    return figures


def ratio(ours: Iterable[float], theirs: Iterable[float]) -> Spread:
    """Ours over theirs, round by round."""
    return Spread.of([a / b for a, b in zip(ours, theirs, strict=True)])


@dataclass(frozen=True, slots=True)
class Load:
    """What a load generator asked for and got answered."""

    requests: int
    requests_per_s: float


def wrk(
    url: str,
    *,
    connections: int,
    seconds: int,
    threads: int = 1,
    script: str = "",
    wrap: Sequence[str] = (),
    any_status: bool = False,
) -> Load:
    """Load *url* over keep-alive connections.  Raises BenchError for any answer but 2xx and 3xx,
    if not *any_status*.

    script: Lua; wrap: a command to run wrk under.
    """
    command = [*wrap, "wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout=30s"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        if script:
            lua.write(script)
            lua.flush()
            command += ["-s", lua.name]
        said = _run([*command, url])
    # A read error is a connection that the event MPM closed while all its workers were busy, as
    # it may; wrk opens another.
    bad = re.search(r"Non-2xx.*|Socket errors: connect [1-9].*|timeout [1-9]\d*", said)
    if bad and any_status and bad[0].startswith("Non-2xx"):
        bad = None
    count = re.search(r"(\d+) requests in", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if bad or not count or not rate or count[1] == "0":
        raise BenchError(f"{url}: {bad[0] if bad else said}")
    return Load(int(count[1]), float(rate[1]))


def h2load(url: str, *, connections: int, streams: int, seconds: int) -> Load:
    """Load *url* over HTTP/2 without TLS, *streams* requests at a time on each connection."""
    said = _run(["h2load", f"-c{connections}", f"-m{streams}", f"-D{seconds}", url])
    rate = re.search(r"finished in .*?, ([\d.]+) req/s", said)
    count = re.search(r"(\d+) succeeded, 0 failed", said)
    if not rate or not count or count[1] == "0":
        raise BenchError(f"{url}: {said}")
    return Load(int(count[1]), float(rate[1]))


def warm(urls: Iterable[str], script: str = "") -> None:
    """Have every process and thread of the servers see a request, all servers at once.

    Whatever the answers are: where two threads are the first to ask mod_python for a module, one
    of them may find half of it.
    """
    with ThreadPoolExecutor() as pool:
        for loaded in [
            pool.submit(wrk, url, connections=32, seconds=2, script=script, any_status=True)
            for url in urls
        ]:
            loaded.result()


def upload(url: str, megabytes: int) -> float:
    """Seconds from connecting until the answer to a body of so many MiB is there."""
    parts = urlsplit(url)
    chunk = bytes(1 << 20)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {megabytes << 20}\r\n\r\n"
    )
    start = time.perf_counter()
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as client:
        client.sendall(head.encode())
        for _ in range(megabytes):
            client.sendall(chunk)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    taken = time.perf_counter() - start
    if str(megabytes << 20).encode() not in answer.partition(b"\r\n\r\n")[2]:
        raise BenchError(f"{url}: {answer.decode(errors='replace')}")
    return taken


def _run(command: Sequence[str]) -> str:
    program = command[0]
    if shutil.which(program) is None:
        raise BenchError(f"{program} is not installed; 'make bench-peers' does it")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout
