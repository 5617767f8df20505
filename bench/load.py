"""Load by wrk, and ratios of what it measures."""

import re
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass


class LoadError(Exception):
    """wrk is missing, or a server did not answer as it should."""


@dataclass(frozen=True)
class Ratio:
    """Median, least and greatest of the ratios of the rounds."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def requests_per_second(url: str, *, connections: int, seconds: float, script: str = "") -> float:
    """What wrk gets out of *url*; *script* is Lua for it.  Raises LoadError for any bad answer."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s"]
    if script:
        command += ["-s", script]
    try:
        done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise LoadError("wrk is not installed; on Debian and Ubuntu: apt-get install wrk") from None
    bad = re.search(r"Non-2xx.*|Socket errors: connect [1-9].*", done.stdout)
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if bad or not found:
        raise LoadError(f"{url}: {bad[0] if bad else done.stdout}")
    return float(found[1])


def interleave(contenders: Sequence[Callable[[], float]], rounds: int) -> list[list[float]]:
    """Figures of each contender, a round at a time, the first one changing with each round."""
    figures: list[list[float]] = [[] for _ in contenders]
    for n in range(rounds):
        order = list(range(len(contenders)))
        for i in order[n % len(order) :] + order[: n % len(order)]:
            figures[i].append(contenders[i]())
    return figures


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Ours over theirs, round by round."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))
