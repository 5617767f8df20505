"""What the figures were measured on: they hold for nothing else."""

import datetime
import importlib.metadata
import os
import platform
import re
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from httpdapy.apache import installation

#: The Apache and the link that are measured.
PARTS = installation.find()
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def processors() -> list[str]:
    """Numbers of the processors that we may use."""
    return [str(n) for n in sorted(os.sched_getaffinity(0))]


def description() -> dict[str, str]:
    """The machine and the versions of what was measured, by name."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(" ", "minutes"),
        "revision": _said(["git", "describe", "--always", "--dirty"]).strip() or "unknown",
        "processor": cpu[1].strip() if cpu else platform.machine(),
        "cores": f"{len(processors())}, for servers and load generator together",
        "memory": f"{memory:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Apache": _said([str(PARTS.httpd), "-v"]).partition("Apache/")[2].partition("\n")[0],
        "mod_wsgi": importlib.metadata.version("mod_wsgi"),
    }


def processes() -> Iterator[tuple[int, list[str]]]:
    """Each process's id and what proc(5) says in its stat, from the third field, the state, on."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it ended
                yield int(entry.name), (entry / "stat").read_text().rpartition(")")[2].split()


class Clock:
    """Time since it was made, and how busy others kept the machine."""

    def __init__(self) -> None:
        self._start = time.monotonic(), _busy_s() - _own_s()

    @property
    def taken_s(self) -> float:
        return time.monotonic() - self._start[0]

    @property
    def others(self) -> float:
        """Cores that were taken by processes not ours, or by other guests of the host."""
        return max(0.0, _busy_s() - _own_s() - self._start[1]) / self.taken_s


def _busy_s() -> float:
    """CPU that all processes have used, with children that ended, and what the host kept."""
    steal = int(Path("/proc/stat").read_text().split()[8])
    used = sum(sum(map(int, fields[11:15])) for _, fields in processes())
    return (used + steal) / TICKS_PER_S


def _own_s() -> float:
    """CPU of this process and of those that it waited for, servers and load generators."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _said(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""
