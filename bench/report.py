"""What was measured, as Markdown for people and JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .load import Spread


@dataclass(frozen=True, slots=True)
class Goal:
    """What a median has to reach."""

    limit: float
    is_upper: bool = False

    def is_reached(self, figure: float) -> bool:
        return figure <= self.limit if self.is_upper else figure >= self.limit

    def __str__(self) -> str:
        return f"at {'most' if self.is_upper else 'least'} {self.limit:g}"


def at_least(limit: float) -> Goal:
    """More is better."""
    return Goal(limit)


def at_most(limit: float) -> Goal:
    """Less is better."""
    return Goal(limit, is_upper=True)


@dataclass(frozen=True, slots=True)
class Row:
    """Ours compared with one other way to do the same work; a ratio, unless it has a unit."""

    work: str
    against: str
    figure: Spread
    unit: str
    goal: Goal | None

    @property
    def reached(self) -> str:
        if self.goal is None:
            return "-"
        return "yes" if self.goal.is_reached(self.figure.median) else "**no**"


@dataclass(frozen=True, slots=True)
class Figure:
    """What one contender did, in a unit."""

    work: str
    contender: str
    setting: str
    figure: Spread
    unit: str


@dataclass(slots=True)
class Report:
    """Everything that a run found out."""

    machine: dict[str, str]
    rounds: int
    seconds: int
    rows: list[Row] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    lacking: dict[str, str] = field(default_factory=dict)  #: contender or row, and what to do

    def markdown(self) -> str:
        rows = [
            (r.work, r.against, _text(r.figure, r.unit), str(r.goal or "-"), r.reached)
            for r in self.rows
        ]
        figures = [(f.work, f.contender, f.setting, _text(f.figure, f.unit)) for f in self.figures]
        parts = [
            _table(("work", "against", "Httpdapy", "goal", "reached"), rows),
            f"Medians of {self.rounds} interleaved rounds of {self.seconds} s "
            "(least to greatest); ratios are of the figures of one round.",
            "\n".join(f"- {name}: {why}" for name, why in self.lacking.items()),
            _table(("work", "contender", "setting", "figure"), figures),
            "\n".join(f"- {name}: {value}" for name, value in self.machine.items()),
        ]
        return "\n\n".join(part for part in parts if part) + "\n"

    def write(self, stem: Path) -> None:
        """Write *stem* with .md and with .json."""
        stem.parent.mkdir(exist_ok=True)
        stem.with_suffix(".md").write_text(self.markdown())
        values = {
            "machine": self.machine,
            "rounds": self.rounds,
            "seconds": self.seconds,
            "rows": [
                {
                    "work": row.work,
                    "against": row.against,
                    **_values(row.figure, row.unit),
                    "goal": row.goal and str(row.goal),
                    "reached": row.goal and row.goal.is_reached(row.figure.median),
                }
                for row in self.rows
            ],
            "figures": [
                {
                    "work": figure.work,
                    "contender": figure.contender,
                    "setting": figure.setting,
                    **_values(figure.figure, figure.unit),
                }
                for figure in self.figures
            ],
            "lacking": self.lacking,
        }
        stem.with_suffix(".json").write_text(json.dumps(values, indent=1) + "\n")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(figure: Spread, unit: str) -> str:
    def number(value: float) -> str:
        return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"

    values = f"{number(figure.median)} ({number(figure.least)} to {number(figure.greatest)})"
    return f"{values} {unit}".rstrip()


def _values(figure: Spread, unit: str) -> dict[str, float | str]:
    return {
        "median": figure.median,
        "least": figure.least,
        "greatest": figure.greatest,
        "unit": unit,
    }
