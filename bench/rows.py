"""Goal 5, second half: a SQLite store with a million finished jobs, against an empty one."""

import json
import time
from contextlib import ExitStack
from pathlib import Path

from bench import servers
from bench.load import Spec
from bench.measure import Figure, Run, load
from bench.process import SERVER, python, run_pinned

_WORK = ("create", "finish", "list", "list from the middle")
_MORE = 1.3  # times as long still counts as no slower: the noise of a shared machine


def rows(run: Run) -> list[Figure]:
    """Creating, finishing and listing jobs beside a million finished ones: CPU, times an empty store's."""
    number = run.sized(1_000_000, quick=50_000)
    full, empty = run.folder / "full.db", run.folder / "empty.db"
    run_pinned(python("bench.store", "fill", str(full), str(number)))
    jobs = str(run.sized(1500, quick=300))
    found: dict[Path, list[dict[str, list[float]]]] = {empty: [], full: []}
    for turn in range(run.rounds + 1):
        for path, rounds in found.items():
            said = run_pinned(python("bench.store", "work", str(path), jobs), cpu=SERVER)
            if turn:  # the first meets a file that has just been written, and is slower by that
                rounds.append(json.loads(said))
    figures = []
    for work in _WORK:
        cpu, wall = ({path: _of(found[path], work, which) for path in found} for which in (0, 1))
        beside = f"{cpu[full]:.0f} against {cpu[empty]:.0f} µs of CPU,"
        beside += f" {wall[full]:.0f} against {wall[empty]:.0f} µs of time"
        times, name = cpu[full] / cpu[empty], f"{number:,} rows: {work}, times empty"
        figure = Figure("5", name, times, "×", beside)
        figures.append(figure.at_most(_MORE, f"no slower (≤ {_MORE} ×)"))
    return [*figures, _start(run, full, number)]


def _of(rounds: list[dict[str, list[float]]], work: str, which: int) -> float:
    return min(one[work][which] for one in rounds)


def _start(run: Run, path: Path, number: int) -> Figure:
    with ExitStack() as stack:
        up = stack.enter_context(servers.gateway(run.folder))
        began = time.perf_counter()
        made = servers.anygate(run.folder, up.port, name="full", store=f"sqlite:{path}")
        proxy = stack.enter_context(made)
        load(proxy, Spec(0, path="/v1/videos", method="GET", body={}, number=1))
        took = time.perf_counter() - began
    return Figure("5", f"{number:,} rows: start to the first list", took, "s")
