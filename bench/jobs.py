"""Goal 5, first half: ten thousand jobs in flight, each asked after every ten seconds."""

import json
import sqlite3
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from bench import servers
from bench.measure import PLAIN, Figure, Run, load
from bench.process import Process
from bench.translated import VIDEO

POLL = 10.0  # seconds: poll_max, and poll_min too, so that no job has to grow old first
_CREATE = replace(PLAIN, path="/v1/videos", body=VIDEO)
_AHEAD = 0.3  # of the time between two polls of a task: that far one looks ahead
_GRACE = 0.7  # seconds of waiting for the last of those
_WARM = 300  # jobs after which memory is that of a proxy that has worked


def jobs(run: Run) -> list[Figure]:
    """CPU of 10,000 jobs in flight, memory a job, and whether polls are on time."""
    number = run.sized(10_000, quick=1_000)
    pause = 2.0 if run.quick else POLL
    database = run.folder / "jobs.db"
    with ExitStack() as stack:
        up = stack.enter_context(servers.gateway(run.folder))
        wait = {"poll_min": pause, "poll_max": pause, "drain": 0}
        made = servers.anygate(run.folder, up.port, store=f"sqlite:{database}", jobs=wait)
        proxy = stack.enter_context(made)
        load(proxy, replace(_CREATE, number=_WARM))
        idle = proxy.memory()
        _created(proxy, number - _WARM, pause)
        time.sleep(pause * 0.2)  # until the first polls are under way
        share, late = _watched(proxy, up, database, pause)
        each = (proxy.memory() - idle) / (number - _WARM) / 1000
    said = f"{number:,} jobs in flight"
    cpu = Figure("5", f"{said}: share of the core", share, "%", f"{number / pause:,.0f} polls/s")
    memory = Figure("5", "… memory a job", each, "KB").at_most(6)
    return [cpu if run.quick else cpu.at_most(60), memory, *_lateness(late)]


def _created(proxy: Process, number: int, seconds: float) -> None:
    """Jobs created evenly over the time between two polls, as their polls will come."""
    began, parts = time.monotonic(), 10
    for part in range(parts):
        time.sleep(max(0.0, began + part * seconds / parts - time.monotonic()))
        load(proxy, replace(_CREATE, number=number // parts))


def _watched(
    proxy: Process, up: Process, database: Path, pause: float
) -> tuple[float, list[float]]:
    """% of the core while polls go on, and by how many seconds each poll came after it was due.

    When tasks are due stands in the store's queue, when they were asked after in the gateway's log.
    """
    before, began = proxy.cpu(), time.time()
    late: list[float] = []
    while time.time() < began + pause * 1.2:
        _polls(up)
        due = _due(database, pause * _AHEAD)
        time.sleep(pause * _AHEAD + _GRACE)
        polls, now = _polls(up), time.time()
        late += [polls.get(task, now) - at for task, at in due.items()]
    share = (proxy.cpu() - before) / (time.time() - began) * 100
    return share, sorted(late)


def _due(database: Path, seconds: float) -> Mapping[str, float]:
    """Task id → Unix time of its next poll, of those that the store has in the coming seconds.

    A poll under way has the end of its lease there, which is later.
    """
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        rows = db.execute(
            "SELECT json_extract(doc, '$.tasks[0].task_id'), at FROM queue"
            " JOIN jobs ON jobs.id = queue.job_id WHERE submitting = 0 AND at BETWEEN ? AND ?",
            (time.time(), time.time() + seconds),
        ).fetchall()
    return dict(rows)


def _polls(up: Process) -> Mapping[str, float]:
    """Task id → Unix time of its poll, since this was last asked."""
    with urlopen(f"http://127.0.0.1:{up.port}/bench/polls") as answer:
        return dict(json.load(answer))


def _lateness(late: list[float]) -> list[Figure]:
    """A poll that has not come at all by the time of looking counts with its wait so far."""
    if not late:
        return [Figure("5", "… lateness of polls: none was seen", float("nan"), "ms").at_most(0)]
    worst = late[len(late) * 99 // 100] * 1000
    beside = f"median {median(late) * 1000:.1f} ms, of {len(late):,} polls"
    figure = Figure("5", "… lateness of polls, 99th percentile", worst, "ms", beside)
    return [figure.at_most(1000, "on time (≤ 1 s)")]
