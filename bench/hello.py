"""Hello world: requests per second, CPU and instructions of the smallest handler."""

import shutil
import statistics
from collections.abc import Sequence

from . import instructions, machine
from .bench import RATE, Bench, Servers, running, turns
from .contenders import (
    ALONE,
    BARE,
    EMPTY,
    EVENT,
    MOD_PYTHON,
    MOD_PYTHON_HTACCESS,
    OTHERS,
    OURS,
    STATIC,
    Contender,
)
from .load import h2load, interleave, ratio, warm, wrk
from .machine import PARTS
from .report import at_least, at_most
from .servers import Server, Setting

# At the best settings.  Files and C have no goal: no Python runs for them.
_GOALS = {each.name: at_least(1) for each in OTHERS if "static" not in each.name}
_GOALS |= {MOD_PYTHON.name: at_least(1.3), BARE.name: at_least(1.5)}


def hello(bench: Bench) -> None:
    """Hello world, each contender at the best of its settings, then all with the event MPM."""
    rivals = bench.present((OURS, MOD_PYTHON, BARE, STATIC, EMPTY))
    others = [] if bench.quick else bench.present(OTHERS)
    pairs = [
        (contender, setting)
        for contender in [*rivals, *others]
        for setting in contender.settings
        if not bench.quick or setting in (contender.settings[0], contender.settings[-1])
    ]
    with running("hello", pairs) as servers:
        warm(server.url for server in servers.values())
        for connections in (8,) if bench.quick else (1, 8, 32, 64):
            contenders = [*rivals, *others] if connections == 8 else rivals
            _at_best_settings(bench, contenders, servers, connections)
        for connections in (1,) if bench.quick else (1, 64):
            _with_event(bench, servers, connections)


def _at_best_settings(
    bench: Bench, contenders: Sequence[Contender], servers: Servers, connections: int
) -> None:
    if bench.quick:
        best = {contender.name: contender.settings[-1] for contender in contenders}
    else:
        best = _best_settings(bench, contenders, servers, connections)
    chosen = {key: servers[key] for key in best.items()}
    work = f"hello RequestHandler, {_count(connections)}, each at its best setting"
    figures = bench.figures(work, turns(chosen, lambda server: bench.rate(server, connections)))
    bench.compare(work, figures, _GOALS)
    if MOD_PYTHON.name in figures:
        most = ratio(figures[EMPTY.name], figures[MOD_PYTHON.name])
        bench.row(
            f"the most that is possible: {EMPTY.name}, {_count(connections)}", MOD_PYTHON.name, most
        )


def _best_settings(
    bench: Bench, contenders: Sequence[Contender], servers: Servers, connections: int
) -> dict[str, Setting]:
    """The setting of each contender that serves most, of two interleaved rounds of a second."""
    tried = {
        (contender.name, setting): lambda server=servers[contender.name, setting]: (
            wrk(server.url, connections=connections, seconds=1).requests_per_s
        )
        for contender in contenders
        for setting in contender.settings
    }
    best: dict[str, tuple[float, Setting]] = {}
    for (name, setting), values in interleave(tried, 2).items():
        bench.note(f"hello, {_count(connections)}, settings tried", name, setting, values, RATE)
        found = statistics.mean(values), setting
        best[name] = max(best.get(name, found), found, key=lambda each: each[0])
    return {name: setting for name, (_, setting) in best.items()}


def _with_event(bench: Bench, servers: Servers, connections: int) -> None:
    rivals = [each.name for each in (MOD_PYTHON, BARE) if (each.name, EVENT) in servers]
    keys = [(OURS.name, OURS.settings[0]), *((name, EVENT) for name in rivals)]
    chosen = {key: servers[key] for key in keys}
    work = f"hello RequestHandler, {_count(connections)}, event MPM"
    figures = bench.figures(work, turns(chosen, lambda server: bench.rate(server, connections)))
    faster = [max(values) for values in zip(*(figures[name] for name in rivals), strict=True)]
    against = f"the faster of {' and '.join(rivals)}" if len(rivals) > 1 else rivals[0]
    bench.row(work, against, ratio(figures[OURS.name], faster), at_least(1.5))


def http2(bench: Bench) -> None:
    """Hello world over HTTP/2."""
    if bench.quick:
        return
    work = "hello RequestHandler over HTTP/2, 8 connections of 8 streams, event MPM"
    if not shutil.which("h2load") or not (PARTS.modules / "mod_http2.so").exists():
        bench.report.lacking[work] = "needs h2load; 'make bench-peers' installs it"
        return

    def rate(server: Server) -> float:
        return h2load(server.url, connections=8, streams=8, seconds=bench.seconds).requests_per_s

    pairs = [(OURS, OURS.settings[0]), (BARE, EVENT), (STATIC, EVENT)]
    with running("hello", pairs, modules=["http2"]) as servers:
        for server in servers.values():
            rate(server)
        figures = bench.figures(work, turns(servers, rate))
        bench.compare(work, figures, {BARE.name: at_least(1)})


def cpu_per_request(bench: Bench) -> None:
    """CPU that the server uses for a request: one process, one connection, a core for each side."""
    work = "CPU of the server per hello, 1 connection, server and load on a core each"
    cores = machine.processors()
    if len(cores) < 2:
        bench.report.lacking[work] = "needs two cores"
        return

    def used_us(server: Server) -> float:
        before = server.cpu_s()
        wrap = ["taskset", "-c", cores[1]]
        load = wrk(server.url, connections=1, seconds=bench.seconds, wrap=wrap)
        return (server.cpu_s() - before) / load.requests * 1e6

    more = () if bench.quick else (MOD_PYTHON_HTACCESS, STATIC, EMPTY)
    pairs = [(each, ALONE) for each in bench.present((OURS, MOD_PYTHON, BARE, *more))]
    with running("hello", pairs, wrap=["taskset", "-c", cores[0]]) as servers:
        warm(server.url for server in servers.values())
        goals = dict.fromkeys([MOD_PYTHON.name, MOD_PYTHON_HTACCESS.name], at_most(0.9))
        goals |= {BARE.name: at_most(1)}
        bench.compare(work, bench.figures(work, turns(servers, used_us), "us"), goals)


def instruction_count(bench: Bench) -> None:
    """Instructions of a hello, the cache lines of its code, and where they are."""
    if bench.quick:
        return
    work = "instructions per hello, without the kernel's"
    in_lines = "cache lines of code that a hello takes"
    if why := instructions.lacking():
        bench.report.lacking[work] = why
        return
    totals, lines = {}, {}
    contenders = (OURS, MOD_PYTHON, MOD_PYTHON_HTACCESS, BARE, STATIC, EMPTY)
    for contender in bench.present(contenders):
        with instructions.counting(contender.start) as (server, count):
            cost = count("GET", server.page, "")
        totals[contender.name] = [float(cost.instructions.total())]
        lines[contender.name] = [float(cost.lines.total())]
        bench.note(work, contender.name, ALONE, totals[contender.name], "")
        bench.note(in_lines, contender.name, ALONE, lines[contender.name], "")
        for name, number in cost.instructions.most_common(6):
            bench.note(f"of these in {name}", contender.name, ALONE, [number], "")
            bench.note(f"cache lines in {name}", contender.name, ALONE, [cost.lines[name]], "")
    bench.compare(work, totals, {})
    bench.compare(in_lines, lines, {})


def _count(connections: int) -> str:
    return f"{connections} connection{'s' if connections > 1 else ''}"
