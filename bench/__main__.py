"""Run the benchmarks; their table is printed and written to build/bench.md and build/bench.json."""

import argparse
import signal
import sys
from pathlib import Path

from . import BenchError, guard, machine, work
from .bench import Bench

RESULTS = Path(__file__).parents[1] / "build" / "bench"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows, few and short rounds")
    names = [each.__name__ for each in work.ALL]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="only these")
    parser.add_argument("--check", action="store_true", help="compare with the stored figures")
    parser.add_argument("--store", action="store_true", help="store figures for --check")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through the servers' ends
    if arguments.check or arguments.store:
        return guard.store() if arguments.store else guard.check()
    bench = Bench(quick=arguments.quick)
    clock = machine.Clock()
    failed = {}
    for each in work.ALL:
        if each.__name__ in arguments.only:
            try:
                each(bench)
            except BenchError as error:  # the others are worth having
                print(f"bench: {each.__name__}: {error}", file=sys.stderr)
                failed[each.__name__] = "failed"
    bench.report.lacking |= failed
    bench.report.machine["run"] = f"{clock.taken_s:.0f} s; others took {clock.others:.2f} cores"
    bench.report.write(RESULTS)
    print(bench.report.markdown(), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
