"""Instructions of a request, and the cache lines of code they lie in, counted under callgrind: the
same on a busy machine as on a quiet one.

User space only; the kernel's part of a request is not in it.  How long a request takes that comes
alone, or to one of many processes, depends on the lines more than on the instructions: most of them
are no longer in the processor's first cache.
"""

import http.client
import re
import shutil
import statistics
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import BenchError
from .servers import Server, Setting

_WARMING, _COUNTED = 3, 20  # requests
# Each call of this function of Apache's is one request; callgrind writes a file before each.
_REQUEST_FUNCTION = "ap_process_request"

_LINE = 64  # bytes of a cache line


@dataclass(frozen=True, slots=True)
class Cost:
    """What a request took, by the objects, programs or libraries, that it is in."""

    instructions: Counter[str]
    lines: Counter[str]  #: cache lines of code


#: Gives the cost of a request by method, path and form.
Count = Callable[[str, str, str], Cost]


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
        command = ["valgrind", "--tool=callgrind", "--dump-instr=yes"]
        command.append(f"--dump-before={_REQUEST_FUNCTION}")
        command.append(f"--callgrind-out-file={files}/out")
        alone = Setting("prefork", 1)
        with start("hello", alone, wrap=command, arguments=["-X"], **how) as server:
            yield server, lambda *request: _count(server, files, *request)


def _count(server: Server, files: Path, method: str, path: str, form: str) -> Cost:
    """The cost of one request.

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
    costs = [_cost(file.read_text()) for file in files.glob("out.*") if file not in before]
    if len(costs) != _COUNTED:
        raise BenchError(f"callgrind wrote {len(costs)} files for {_COUNTED} requests")
    return Cost(
        _medians([cost.instructions for cost in costs]), _medians([cost.lines for cost in costs])
    )


def _medians(counts: list[Counter[str]]) -> Counter[str]:
    names = set().union(*counts)
    return Counter({name: int(statistics.median(c[name] for c in counts)) for name in names})


def _cost(text: str) -> Cost:
    """What is in a file of callgrind's, of each object itself, without what it calls.

    See "Callgrind Format Specification" in valgrind's manual.
    """
    counts: Counter[str] = Counter()
    touched: dict[str, set[int]] = defaultdict(set)
    names: dict[str, str] = {}
    current, address = "", 0
    lines = iter(text.splitlines())
    for line in lines:
        if named := re.match(r"(c?ob)=\((\d+)\)(?: (.*))?", line):
            kind, number, path = named.groups()
            if path:
                names[number] = Path(path).name
            if kind == "ob":
                current = names[number]
        elif line.startswith("calls="):
            address = _position(next(lines).split()[0], address)  # what the called function took
        elif cost := re.match(r"(0x[0-9a-f]+|[+-]\d+|\*) \S+ (\d+)$", line):
            address = _position(cost[1], address)
            counts[current] += int(cost[2])
            touched[current].add(address // _LINE)
    return Cost(counts, Counter({name: len(found) for name, found in touched.items()}))


def _position(text: str, before: int) -> int:
    """A number that may be relative to the one before."""
    if text == "*":
        return before
    return int(text, 0) if text.startswith("0x") else before + int(text)
