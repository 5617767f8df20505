"""Instructions of a request, counted under callgrind: the same on a busy machine as on a quiet one.

User space only; the kernel's part of a request is not in it.
"""

import http.client
import re
import shutil
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from . import BenchError
from .servers import Server, Setting

_WARMING, _COUNTED = 3, 20  # requests
# Each call of this function of Apache's is one request; callgrind writes a file before each.
_REQUEST_FUNCTION = "ap_process_request"

#: Gives the instructions of a request by method, path and form.
Count = Callable[[str, str, str], Counter[str]]


def lacking() -> str:
    """Why nothing can be counted here, and what to do; "" if it can."""
    return "" if shutil.which("valgrind") else "needs valgrind; 'make bench-peers' installs it"


@contextmanager
def counting(
    start: Callable[..., AbstractContextManager[Server]], **how: object
) -> Iterator[tuple[Server, Count]]:
    """A contender's server of one process and thread, and the function that counts its requests."""
    with tempfile.TemporaryDirectory(prefix="httpdapy-bench-") as name:
        files = Path(name)
        files.chmod(0o777)  # Apache's user writes there
        command = ["valgrind", "--tool=callgrind", f"--dump-before={_REQUEST_FUNCTION}"]
        command.append(f"--callgrind-out-file={files}/out")
        alone = Setting("prefork", 1)
        with start("hello", alone, wrap=command, arguments=["-X"], **how) as server:
            yield server, lambda *request: _count(server, files, *request)


def _count(server: Server, files: Path, method: str, path: str, form: str) -> Counter[str]:
    """Instructions of one request by the object, program or library, that they are in.

    Medians of several requests on one connection, after the first ones.
    """
    connection = http.client.HTTPConnection(server.address.split("/")[2], timeout=60)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    before: set[Path] = set()
    for n in range(_WARMING + _COUNTED):
        if n == _WARMING:
            before = set(files.glob("out.*"))
        connection.request(method, f"/{path}", form or None, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise BenchError(f"{server.address}{path}: {answer.status}")
    connection.close()
    # each is about the request before the one at which it was written
    counts = [_by_object(file.read_text()) for file in files.glob("out.*") if file not in before]
    if len(counts) != _COUNTED:
        raise BenchError(f"callgrind wrote {len(counts)} files for {_COUNTED} requests")
    objects = set().union(*counts)
    return Counter({name: int(statistics.median(c[name] for c in counts)) for name in objects})


def _by_object(text: str) -> Counter[str]:
    """Instructions of each object itself, without what it calls, from a file of callgrind's.

    See "Callgrind Format Specification" in valgrind's manual.
    """
    counts: Counter[str] = Counter()
    names: dict[str, str] = {}
    current = ""
    lines = iter(text.splitlines())
    for line in lines:
        if named := re.match(r"(c?ob)=\((\d+)\)(?: (.*))?", line):
            kind, number, path = named.groups()
            if path:
                names[number] = Path(path).name
            if kind == "ob":
                current = names[number]
        elif line.startswith("calls="):
            next(lines)  # what the called function took
        elif cost := re.match(r"[+\-*]?\d* (\d+)$", line):
            counts[current] += int(cost[1])
    return counts
