"""A run of the benchmarks: contenders in turns, and the report that comes of them."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from . import BenchError, machine
from .contenders import OURS, Contender
from .load import FORM, Spread, interleave, ratio, wrk
from .report import Figure, Goal, Report, Row
from .servers import Server, Setting

RATE = "requests/s"
HELLO = b"Hello, World!\n"
# What has to come of a page, for all to have done the same work.
_ANSWERS = {"hello": HELLO, "form": b"Ada Lovelace\n", "large": b"0123456789abcde\n" * 65536}

#: Running servers, by the contender's name and the setting.
Servers = dict[tuple[str, Setting], Server]


@dataclass(frozen=True, slots=True)
class Turn:
    """A contender's part in a round: measures once and gives the figure."""

    contender: str
    setting: Setting
    take: Callable[[], float]


def turns(servers: Servers, take: Callable[[Server], float]) -> list[Turn]:
    """A turn for each server."""
    return [
        Turn(name, setting, lambda server=server: take(server))
        for (name, setting), server in servers.items()
    ]


class Bench:
    """How long to measure, and what was measured."""

    def __init__(self, *, quick: bool) -> None:
        self.quick = quick
        self.rounds, self.seconds = (3, 1) if quick else (5, 2)
        self.report = Report(machine.description(), self.rounds, self.seconds)

    def present(self, contenders: Iterable[Contender]) -> list[Contender]:
        """Those that can run here; the report says what the others lack."""
        found = list(contenders)
        self.report.lacking |= {each.name: each.lacking for each in found if each.lacking}
        return [each for each in found if not each.lacking]

    def rate(self, server: Server, connections: int, script: str = "") -> float:
        """Requests per second of the server's page."""
        return wrk(
            server.url, connections=connections, seconds=self.seconds, script=script
        ).requests_per_s

    def figures(self, work: str, turns: Sequence[Turn], unit: str = RATE) -> dict[str, list[float]]:
        """Interleaved figures of each contender, for the report too."""
        figures = interleave({turn.contender: turn.take for turn in turns}, self.rounds)
        for turn in turns:
            self.note(work, turn.contender, turn.setting, figures[turn.contender], unit)
        return figures

    def note(
        self, work: str, contender: str, setting: Setting, values: Sequence[float], unit: str
    ) -> None:
        """Add to the report what a contender did."""
        figure = Figure(work, contender, str(setting), Spread.of(values), unit)
        self.report.figures.append(figure)

    def row(
        self, work: str, against: str, figure: Spread, goal: Goal | None = None, unit: str = ""
    ) -> None:
        """Add a row to the report's table."""
        self.report.rows.append(Row(work, against, figure, unit, goal))
        print(f"{work}, against {against}: {figure.median:.3g} {unit}".rstrip(), file=sys.stderr)

    def compare(
        self, work: str, figures: Mapping[str, Sequence[float]], goals: Mapping[str, Goal | None]
    ) -> None:
        """A row for our figures over those of each other contender, with its goal if it has one."""
        for name, theirs in figures.items():
            if name != OURS.name:
                self.row(work, name, ratio(figures[OURS.name], theirs), goals.get(name))


@contextmanager
def running(
    page: str, pairs: Iterable[tuple[Contender, Setting]], **how: Sequence[str]
) -> Iterator[Servers]:
    """A server for each contender and setting, that was seen to give the right answer."""
    with ExitStack() as stack:
        servers = {
            (contender.name, setting): stack.enter_context(contender.start(page, setting, **how))
            for contender, setting in pairs
        }
        for (name, _), server in servers.items():
            if page in _ANSWERS:
                answer = server.get(server.page, FORM if page == "form" else "")
                if answer != _ANSWERS[page]:
                    raise BenchError(f"{server.url}, {name}, answers {answer[:80]!r}")
        yield servers
        for server in servers.values():
            server.stop()  # all at once
