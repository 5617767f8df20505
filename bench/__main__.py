"""Run the benchmarks and print their table; also to build/bench.md and build/bench.json."""

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from httpdapy.apache import installation
from httpdapy.apache.server import Server, ServerConfig

from .load import LoadError, Ratio, interleave, ratio, requests_per_second

RESULTS = Path(__file__).parents[1] / "build"
HELLO = """import httpdapi

class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        return "Hello, World!\\n"
"""
BARE = """def handle_request(environ, start_response):
    body = b"Hello, World!\\n"
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]
"""
# An application of mod_wsgi's own, in an interpreter that .htaccess names.
BARE_CONF = """
WSGIHandlerScript bare "{script}" application-group=%{{ENV:bare}} process-group=%{{GLOBAL}}
<Directory "{site}">
    AddHandler bare .bare
</Directory>
"""


@dataclass
class Row:
    """One figure and what it has to reach."""

    what: str
    against: str
    figure: str
    goal: str
    reached: bool


class Bench:
    """A running server with the same page as a RequestHandler and as a bare application."""

    def __init__(self, rounds: int, seconds: float) -> None:
        self.rounds = rounds
        self.seconds = seconds
        self.rows: list[Row] = []
        self.site = Path()

    @contextmanager
    def server(self, directories: int, *lines: str) -> Iterator[str]:
        """One process of 16 threads; directories d0, d1 ... each with *lines* in .htaccess."""
        with tempfile.TemporaryDirectory(prefix="httpdapy-bench-") as name:
            root = Path(name).resolve()
            root.chmod(0o755)
            self.site = site = root / "site"
            for n in range(directories):
                directory = site / f"d{n}"
                directory.mkdir(parents=True)
                text = [f"SetEnv bare bare{n}", "PythonOption colour red", *lines]
                (directory / ".htaccess").write_text("\n".join(text) + "\n")
                (directory / "hello.py").write_text(HELLO)
                (directory / "hello.bare").write_text("")
            (root / "bare.py").write_text(BARE)
            include = root / "bare.conf"
            include.write_text(BARE_CONF.format(script=root / "bare.py", site=site))
            settings = ServerConfig(
                directory=site,
                port=0,
                processes=1,
                threads=16,
                express=("--include-file", str(include), "--log-directory", str(root)),
            )
            with Server(installation.find(), settings) as server:
                yield server.url

    def rate(self, url: str, connections: int = 8, script: str = "") -> float:
        return requests_per_second(
            url, connections=connections, seconds=self.seconds, script=script
        )

    def compare(self, ours: str, theirs: str) -> Ratio:
        """Requests per second of one URL over those of another, eight connections."""
        return ratio(*interleave([lambda: self.rate(ours), lambda: self.rate(theirs)], self.rounds))

    def hello(self) -> None:
        with self.server(2) as url:
            for page in ("d0/hello.py", "d1/hello.py", "d0/hello.bare"):
                self.rate(url + page)
            found = self.compare(f"{url}d0/hello.py", f"{url}d0/hello.bare")
            self._row(
                "hello RequestHandler, .htaccess, autoreload, 8 connections, 1 x 16 threads",
                "bare mod_wsgi application",
                str(found),
                "at least 0.85",
                found.median >= 0.85,
            )
            with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
                script.write(
                    "local n = 0\nrequest = function()\n  n = n + 1\n"
                    "  return wrk.format(nil, '/d' .. n % 2 .. '/hello.py')\nend\n"
                )
                script.flush()
                both, one = interleave(
                    [
                        lambda: self.rate(url, script=script.name),
                        lambda: self.rate(f"{url}d0/hello.py"),
                    ],
                    self.rounds,
                )
            found = ratio(both, one)
            self._row(
                "the same in two directories by turns",
                "in one of them",
                str(found),
                "at least 0.95",
                found.median >= 0.95,
            )

    def replicas(self) -> None:
        with self.server(1, "PythonReplicas 8") as url:
            for page in ("d0/hello.py", "d0/hello.bare"):
                self.rate(url + page)
            found = self.compare(f"{url}d0/hello.py", f"{url}d0/hello.bare")
        own_gil = sys.version_info >= (3, 12)
        self._row(
            "hello RequestHandler with PythonReplicas 8, 8 connections, 1 x 16 threads",
            "bare mod_wsgi application in one interpreter",
            str(found),
            "at least 1.5" if own_gil else "none: one GIL for all before Python 3.12",
            found.median >= 1.5 or not own_gil,
        )

    def helpers(self) -> None:
        names = [f"helper{n}" for n in range(10)]
        with self.server(2) as url:
            site = self.site
            for directory, autoreload in (("d0", "1"), ("d1", "0")):
                for name in names:
                    (site / directory / f"{name}.py").write_text("X = 1\n")
                (site / directory / "hello.py").write_text(f"import {', '.join(names)}\n{HELLO}")
                with (site / directory / ".htaccess").open("a") as htaccess:
                    htaccess.write(f"PythonOption autoreload {autoreload}\n")
                self.rate(f"{url}{directory}/hello.py")
            found = self.compare(f"{url}d0/hello.py", f"{url}d1/hello.py")
        self._row(
            "the same with ten helper modules, autoreload on",
            "autoreload off",
            str(found),
            "at least 0.97",
            found.median >= 0.97,
        )

    def first_request(self) -> None:
        count = 4 * self.rounds
        with self.server(count + 1) as url:

            def taken(path: str) -> float:
                start = time.perf_counter()
                with urllib.request.urlopen(url + path) as answer:
                    assert answer.read() == b"Hello, World!\n"
                return (time.perf_counter() - start) * 1000

            for page in ("hello.py", "hello.bare"):  # what only the first of all pays for
                taken(f"d{count}/{page}")
            ours, bare = [], []
            for n in range(count):
                pair = [("hello.py", ours), ("hello.bare", bare)]
                for page, times in pair if n % 2 else reversed(pair):
                    times.append(taken(f"d{n}/{page}"))
        more = statistics.median(a - b for a, b in zip(ours, bare, strict=True))
        self._row(
            "first request in a new directory",
            f"first request to a bare application, {statistics.median(bare):.1f} ms",
            f"{more:+.1f} ms ({statistics.median(ours):.1f} ms)",
            "at most +20 ms",
            more <= 20,
        )

    def _row(self, *columns: object) -> None:
        row = Row(*columns)
        self.rows.append(row)
        print(f"{row.what}: {row.figure} of {row.against}", file=sys.stderr)


def machine() -> str:
    """What the figures were measured on."""
    return (
        f"Python {platform.python_version()}, {os.cpu_count()} processors, "
        f"{platform.system()} {platform.release()}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few and short rounds")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        raise LoadError("wrk is not installed; on Debian and Ubuntu: apt-get install wrk")
    bench = Bench(rounds=3, seconds=1) if arguments.quick else Bench(rounds=9, seconds=2)
    bench.hello()
    bench.replicas()
    bench.helpers()
    bench.first_request()
    lines = ["| work | against | figure | goal | reached |", "| --- | --- | --- | --- | --- |"]
    for row in bench.rows:
        reached = "yes" if row.reached else "no"
        lines.append(f"| {row.what} | {row.against} | {row.figure} | {row.goal} | {reached} |")
    table = "\n".join(lines)
    print(
        f"{table}\n\n{machine()}; median of {bench.rounds} interleaved rounds (least to greatest)"
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "bench.md").write_text(f"{table}\n\n{machine()}\n")
    result = {"machine": machine(), "rows": [asdict(row) for row in bench.rows]}
    (RESULTS / "bench.json").write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LoadError as error:
        sys.exit(f"bench: {error}")
