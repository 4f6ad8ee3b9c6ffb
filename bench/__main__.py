"""`python -m bench`: runs the benchmarks and writes what they found.

Servers are pinned to the first processor, load and gateway to the second. The figures are CPU time of a
server's whole process tree and ratios within one run: throughput depends on the machine, and is only
printed beside them. A whole run writes bench/results, the tables of docs/performance.md and its plot;
`--only` prints.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import chat, jobs, latency, media, plot, report, rows, servers, start, translated
from bench.measure import Figure, Run
from bench.process import LOAD, ROOT, BenchError

Bench = Callable[[Run], list[Figure]]
BENCHES: Mapping[str, Bench] = {
    "plain": chat.plain,
    "streams": chat.streams,
    "paced": chat.paced,
    "latency": latency.latency,
    "translated": translated.translated,
    "jobs": jobs.jobs,
    "rows": rows.rows,
    "media": media.media,
    "images": media.images,
    "start": start.start,
    "growth": start.growth,
    "workers": chat.workers,
}
SCRATCH = ROOT / ".bench"  # on a disk, as a store would be


def main() -> int:
    asked = _arguments()
    if asked.list:
        for name, bench in BENCHES.items():
            print(f"{name:12} {(bench.__doc__ or '').splitlines()[0]}")
        return 0
    if len(os.sched_getaffinity(0)) < 2:
        print("the benchmarks want two processors", file=sys.stderr)
        return 2
    os.sched_setaffinity(0, {LOAD})  # what runs here must not disturb the server
    SCRATCH.mkdir(exist_ok=True)
    began = time.monotonic()
    figures, failed = [], []
    with tempfile.TemporaryDirectory(dir=SCRATCH, prefix="run-") as name:
        run = _run(Path(name), asked)
        for one in asked.only or BENCHES:
            try:
                figures += _measured(one, run)
            except BenchError as exc:
                failed.append(one)
                print(f"{one}: {exc}", file=sys.stderr)
    print(f"\n{report.table(figures)}\n")
    if failed:
        print(f"could not be run: {', '.join(failed)}", file=sys.stderr)
        return 1
    if not asked.only and not asked.quick:
        report.write("bench", figures, servers.versions(), time.monotonic() - began)
        plot.write()
    return 0


def _measured(name: str, run: Run) -> list[Figure]:
    began = time.monotonic()
    print(f"{name} …", end=" ", flush=True)
    found = BENCHES[name](run)
    print(f"{time.monotonic() - began:.0f} s")
    return found


def _run(folder: Path, asked: argparse.Namespace) -> Run:
    if asked.quick:
        return Run(folder, rounds=1, seconds=0.7, quick=True)
    return Run(folder, rounds=asked.rounds, long=asked.long)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(BENCHES), metavar="NAME")
    parser.add_argument("--list", action="store_true", help="the names that --only takes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--long", action="store_true", help="the full numbers, some ten minutes")
    parser.add_argument(
        "--quick", action="store_true", help="a minute, to see that all of it works"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
