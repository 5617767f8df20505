"""Compare quick figures with the stored ones; fail for what is worse than the margins allow.

Ratios on a shared machine with two cores go up and down by a fifth, so they show only what is
broken.  The link's instructions are the same each time.
"""

import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import BenchError, archives, instructions, machine, work
from .bench import Bench
from .contenders import httpdapy
from .load import FORM
from .machine import PARTS

_STORED = Path(__file__).parent / "stored.json"
RATIO_MARGIN = 0.3
INSTRUCTIONS_MARGIN = 0.05

# What the link's instructions are counted for: method, path, form.
_REQUESTS = {
    "hello": ("GET", "direct/hello.py", ""),
    "hello, the WSGI way": ("GET", "wsgi/hello.py", ""),
    "form POST": ("POST", "direct/form.py", FORM),
    "static file": ("GET", "direct/hello.html", ""),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that is stored; *margin* is the part by which it may be worse the next time."""

    value: float
    margin: float
    is_less_better: bool

    def loss(self, stored: float) -> float:
        """By which part it is worse than *stored*, negative if it is better."""
        more = self.value / stored - 1
        return more if self.is_less_better else -more


def measure() -> dict[str, Figure]:
    """Quick ratios that have a goal, and the link's instructions."""
    bench = Bench(quick=True)
    for each in work.ALL:
        each(bench)
    figures = {
        f"{row.work}; against {row.against}": Figure(
            round(row.figure.median, 3), RATIO_MARGIN, row.goal.is_upper
        )
        for row in bench.report.rows
        if row.goal and not row.unit
    }
    lacking = dict(bench.report.lacking)
    if why := instructions.lacking():
        lacking["the link's instructions"] = why
    else:
        for name, count in _link_instructions().items():
            figures[f"the link's instructions; {name}"] = Figure(count, INSTRUCTIONS_MARGIN, True)
        if not archives.lacking():
            for name, count in _archive_instructions().items():
                figures[f"instructions; {name}"] = Figure(count, INSTRUCTIONS_MARGIN, True)
    for name, why in lacking.items():
        print(f"left out: {name}: {why}")
    return figures


def _archive_instructions() -> dict[str, int]:
    """Of requests for members, those in our module."""
    with instructions.counting(archives.server) as (_, count):
        return {
            f"archive member, {name}": count("GET", f"archive/{file}", "").instructions[
                PARTS.archive.name
            ]
            for name, file in (("stored", "16KB.bin"), ("deflated", "16KB.txt"))
        }


def _link_instructions() -> dict[str, int]:
    directories = {"direct": [], "wsgi": ["PythonOption direct 0"]}
    with instructions.counting(httpdapy, directories=directories) as (server, count):
        (server.site / "direct" / "hello.html").write_text("Hello, World!\n")
        return {
            name: count(*request).instructions[PARTS.link.name]
            for name, request in _REQUESTS.items()
        }


def compare(stored: Mapping[str, float], now: Mapping[str, Figure]) -> Iterator[tuple[bool, str]]:
    """Whether each figure is good enough, and a line about it."""
    for name in [*now, *(name for name in stored if name not in now)]:
        if name not in now:
            yield True, f"not measured: {name}"
        elif name not in stored:
            yield True, f"not stored: {name}: {now[name].value:g}"
        else:
            loss, margin = now[name].loss(stored[name]), now[name].margin
            word = "worse" if loss > margin else "better" if loss < -margin else "as stored"
            values = f"{now[name].value:g}, stored {stored[name]:g}"
            yield loss <= margin, f"{word}: {name}: {values}"


def check() -> int:
    """Print how the figures compare with the stored ones; exit status 1 if one is worse."""
    stored = json.loads(_STORED.read_text())
    if stored["python"] != _python():
        raise BenchError(
            f"stored are figures of Python {stored['python']}, this is {_python()}; choose that "
            "one with PYTHON and VENV, or store those of this one with ARGS=--store"
        )
    results = list(compare(stored["figures"], measure()))
    for _, line in results:
        print(line)
    return 0 if all(is_good for is_good, _ in results) else 1


def store() -> int:
    """Measure, and keep the figures for check()."""
    figures = {name: figure.value for name, figure in measure().items()}
    values = {"python": _python(), "machine": machine.description(), "figures": figures}
    _STORED.write_text(json.dumps(values, indent=1) + "\n")
    return 0


def _python() -> str:
    return ".".join(platform.python_version_tuple()[:2])
