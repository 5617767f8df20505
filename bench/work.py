"""The work that is measured: each function adds its rows to the report."""

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack

from . import BenchError, machine
from .archives import archives
from .bench import HELLO, Bench, Turn, running, turns
from .contenders import (
    ALONE,
    BARE,
    CGI_RUNNER,
    MOD_CGID,
    MOD_PYTHON,
    OURS,
    PREFORK,
    STATIC,
    Contender,
    httpdapy,
    httpdapy_serve,
    mod_wsgi,
    mod_wsgi_express,
)
from .hello import cpu_per_request, hello, http2, instruction_count
from .load import CREDENTIALS, POST_FORM, SEND_CREDENTIALS, Spread, ratio, upload, warm, wrk
from .report import Goal, at_least, at_most
from .scripts import api_calls, live, run_startup, static_files, url_handlers, websockets
from .servers import Server, Setting

_UPLOAD_MB = 100
# Each of wrk's threads asks for the page of a directory of its own.
_DIRECTORY_A_THREAD = """
local threads = 0
function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end
function request()
    return wrk.format(nil, "/d" .. number .. "/cpu.py")
end
"""


def form(bench: Bench) -> None:
    """A form that is posted and read."""
    _page(bench, "form", "form POST, 8 connections", (OURS, MOD_PYTHON, BARE), POST_FORM)


def large(bench: Bench) -> None:
    """A large answer."""
    contenders = (OURS, MOD_PYTHON, BARE, *(() if bench.quick else (STATIC,)))
    _page(bench, "large", "answer of 1 MB, 8 connections", contenders)


def _page(
    bench: Bench, page: str, work: str, contenders: Sequence[Contender], script: str = ""
) -> None:
    pairs = [(contender, contender.settings[-1]) for contender in bench.present(contenders)]
    with running(page, pairs) as servers:
        warm((server.url for server in servers.values()), script)
        figures = bench.figures(work, turns(servers, lambda server: bench.rate(server, 8, script)))
        bench.compare(work, figures, dict.fromkeys([MOD_PYTHON.name, BARE.name], at_least(1)))


def uploads(bench: Bench) -> None:
    """A large body that the handler reads in pieces."""
    work = f"time of an upload of {_UPLOAD_MB} MB, read in pieces of 64 KB"

    def taken_s(server: Server) -> float:
        return statistics.mean(upload(server.url, _UPLOAD_MB) for _ in range(10))

    pairs = [(contender, ALONE) for contender in bench.present((OURS, MOD_PYTHON, BARE))]
    with running("upload", pairs) as servers:
        for server in servers.values():
            taken_s(server)
        figures = bench.figures(work, turns(servers, taken_s), "s")
        bench.compare(work, figures, dict.fromkeys([MOD_PYTHON.name, BARE.name], at_most(1)))


def cpu_bound(bench: Bench) -> None:
    """Handlers that compute, in several directories of one process at a time."""
    setting = Setting("event", 1, 16)
    counts = (1, 2) if bench.quick else (1, 2, 4)
    with httpdapy("cpu", setting, directories=[f"d{n}" for n in range(counts[-1])]) as server:

        def rate(count: int) -> float:
            return wrk(
                server.address,
                connections=count,
                threads=count,
                seconds=bench.seconds,
                script=_DIRECTORY_A_THREAD,
            ).requests_per_s

        rate(counts[-1])
        figures = bench.figures(
            "CPU-bound handlers, directories of one process",
            [Turn(str(count), setting, lambda count=count: rate(count)) for count in counts],
        )
    for count in counts[1:]:
        work = f"CPU-bound handlers in {count} directories of one process"
        can_scale = sys.version_info >= (3, 12) and count <= len(machine.processors())
        goal = at_least(round(0.925 * count, 2)) if can_scale else None
        bench.row(work, "in one directory", ratio(figures[str(count)], figures["1"]), goal)


def new_directories(bench: Bench) -> None:
    """What a directory costs: its first request, and its memory."""
    steps = (1, 10, 20) if bench.quick else (1, 10, 100)
    names = ["warm", *(f"d{n}" for n in range(1, steps[-1] + 1))]
    first_ms: dict[str, list[float]] = {OURS.name: [], BARE.name: []}
    memory_mb: dict[int, dict[str, list[float]]] = {
        step: {OURS.name: [], BARE.name: []} for step in steps
    }
    for _ in range(1 if bench.quick else 3):
        with ExitStack() as stack:
            servers = {
                OURS.name: stack.enter_context(httpdapy("hello", ALONE, directories=names)),
                BARE.name: stack.enter_context(mod_wsgi("hello", ALONE, directories=names)),
            }
            for server in servers.values():
                server.get("warm/hello.py")  # what only the first of all pays for
            before = {name: (0, server.memory_mb()) for name, server in servers.items()}
            for n, directory in enumerate(names[1:], 1):
                in_turn = list(servers.items())
                for name, server in in_turn if n % 2 else reversed(in_turn):
                    start = time.perf_counter()
                    server.get(f"{directory}/hello.py")
                    first_ms[name].append((time.perf_counter() - start) * 1000)
                    if n in steps:
                        count, had = before[name]
                        has = server.memory_mb()
                        memory_mb[n][name].append((has - had) / (n - count))
                        before[name] = n, has
    _extra(bench, "extra time of a directory's first request", first_ms, at_most(10), "ms")
    first = 1
    for step, figures in memory_mb.items():
        directories = f"{first} to {step}" if step > first else f"{step}"
        _extra(bench, f"extra memory per directory, {directories}", figures, at_most(1), "MB")
        first = step + 1


def _extra(bench: Bench, work: str, figures: dict[str, list[float]], goal: Goal, unit: str) -> None:
    for name, values in figures.items():
        bench.note(work.removeprefix("extra "), name, ALONE, values, unit)
    extra = [a - b for a, b in zip(figures[OURS.name], figures[BARE.name], strict=True)]
    bench.row(work, "a bare interpreter", Spread.of(extra), goal, unit)


def helpers(bench: Bench) -> None:
    """What looking for changes costs."""
    names = [f"helper{n}" for n in range(10)]
    directories = {"on": [], "off": ["PythonOption autoreload 0"]}
    with httpdapy("hello", PREFORK, directories=directories) as server:
        for each in directories:
            for name in names:
                (server.site / each / f"{name}.py").write_text("X = 1\n")
            page = server.site / each / "hello.py"
            page.write_text(f"import {', '.join(names)}\n{page.read_text()}")
        work = "hello with ten helper modules, 8 connections, autoreload on"
        _directories(bench, server, work, "on", "off", "autoreload off", at_least(0.97))


def ways(bench: Bench) -> None:
    """The direct way into Python and WSGI's."""
    directories = {"direct": [], "wsgi": ["PythonOption direct 0"]}
    with httpdapy("hello", PREFORK, directories=directories) as server:
        work = "hello on the direct way, 8 connections"
        _directories(bench, server, work, "direct", "wsgi", "the WSGI way", None)


def printing(bench: Bench) -> None:
    """A page of a hundred lines, printed and returned."""
    with httpdapy("printed", PREFORK) as server:
        if server.get("printed.py") != server.get("returned.py"):
            raise BenchError(f"{server.address}: what is printed is not what is returned")
        work = "time of a page of 100 lines, printed, 8 connections"
        paths = {"printed": "printed.py", "returned": "returned.py"}
        figures = _rates(bench, server, work, paths)
        times = ratio(figures["returned"], figures["printed"])
        bench.row(work, "the same text returned", times, at_most(1.3))


def protected(bench: Bench) -> None:
    """A page behind an AuthHandler that looks at Basic credentials."""
    lines = ["AuthPythonModule auth", "AuthType Basic", "AuthName bench", "Require valid-user"]
    modules = ["authn_core", "authz_user"]
    directories = {"protected": lines, "open": []}
    with httpdapy("hello", PREFORK, directories=directories, modules=modules) as server:
        paths = {name: f"{name}/hello.py" for name in directories}
        for path in paths.values():
            if server.get(path, headers=CREDENTIALS) != HELLO:
                raise BenchError(f"{server.address}{path} is not the page")
        work = "time of a hello that an AuthHandler protects, 8 connections"
        figures = _rates(bench, server, work, paths, SEND_CREDENTIALS)
        times = ratio(figures["open"], figures["protected"])
        bench.row(work, "the same, open to all", times, at_most(2.2))


def cgi(bench: Bench) -> None:
    """A CGI script, run by httpdapi_cgi and by mod_cgid."""
    pairs = [(each, each.settings[-1]) for each in bench.present((CGI_RUNNER, MOD_CGID))]
    with running("hello", pairs) as servers:
        warm(server.url for server in servers.values())
        work = "hello of a CGI script, 8 connections"
        figures = bench.figures(work, turns(servers, lambda server: bench.rate(server, 8)))
        bench.compare(work, figures, {MOD_CGID.name: at_least(50)})


def _directories(
    bench: Bench, server: Server, work: str, ours: str, base: str, against: str, goal: Goal | None
) -> None:
    """A row of one directory's hello over that of another one."""
    figures = _rates(bench, server, work, {name: f"{name}/hello.py" for name in (ours, base)})
    bench.row(work, against, ratio(figures[ours], figures[base]), goal)


def _rates(
    bench: Bench, server: Server, work: str, paths: Mapping[str, str], script: str = ""
) -> dict[str, list[float]]:
    """Figures of the pages of one server, by what they are called."""

    def rate(path: str) -> float:
        url = server.address + path
        return wrk(url, connections=8, seconds=bench.seconds, script=script).requests_per_s

    for path in paths.values():  # one after the other: with prefork one would get all processes
        warm([server.address + path], script)
    in_turn = [Turn(name, PREFORK, lambda path=path: rate(path)) for name, path in paths.items()]
    return bench.figures(work, in_turn)


def edits(bench: Bench) -> None:
    """How soon a changed file answers."""
    times = []
    with httpdapy("hello", ALONE) as server:
        page = server.site / "hello.py"
        text = page.read_text()
        for n in range(5 * bench.rounds):
            page.write_text(text.replace("World", f"World {n}"))
            start = time.perf_counter()
            while server.get("hello.py") != f"Hello, World {n}!\n".encode():
                pass
            times.append((time.perf_counter() - start) * 1000)
    bench.row("time until an edit is seen", "-", Spread.of(times), at_most(10), "ms")


def startup(bench: Bench) -> None:
    """From the command to the first page."""
    work = "time until httpdapy serve answers"
    setting = Setting("event", 1, 16)

    def taken_ms(start: Callable[..., AbstractContextManager[Server]]) -> float:
        with start("hello", setting) as server:
            if server.get(server.page) != HELLO:
                raise BenchError(f"{server.url} is not the page")
            return server.start_up_s * 1000

    commands = {OURS.name: httpdapy_serve, "mod_wsgi-express start-server": mod_wsgi_express}
    in_turn = [
        Turn(name, setting, lambda start=start: taken_ms(start)) for name, start in commands.items()
    ]
    bench.compare(work, bench.figures(work, in_turn, "ms"), {})


#: In the order of the table.
ALL = (
    hello,
    http2,
    cpu_per_request,
    instruction_count,
    form,
    large,
    uploads,
    cpu_bound,
    new_directories,
    helpers,
    edits,
    ways,
    printing,
    protected,
    cgi,
    startup,
    url_handlers,
    live,
    websockets,
    static_files,
    archives,
    api_calls,
    run_startup,
)
