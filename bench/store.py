"""The store by itself: `python -m bench.store fill FILE ROWS`, `python -m bench.store work FILE JOBS`.

`fill` makes finished jobs of one owner, evenly over the last six days, past the store's own way of
writing; `work` takes jobs through their lives in it and prints µs of CPU and of time for each step.
"""

import asyncio
import json
import random
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

from proxy.jobs import transitions
from proxy.jobs.transitions import Aim, Outcome
from proxy.store.base import Entry, Job
from proxy.store.ids import new_id, sort_key
from proxy.store.sqlite import SqliteStore

_DAYS = 6 * 86400
_AT_ONCE = 64
_AIM = Aim("videos", "videos/sora-2", "sora-2-text-to-video", "video", {"ratio": "landscape"})
_FILE = {
    "url": "https://files.example/0123456789abcdef.mp4",
    "mime": "video/mp4",
    "role": "content",
}


def job(now: float) -> Job:
    """A video as an endpoint would order it."""
    return Job(
        id=new_id("video", now),
        kind="video",
        capability="video",
        owner="bench",
        model="sora-2",
        provider="videos",
        target="videos/sora-2",
        native="sora-2-text-to-video",
        created_at=now,
        deadline=now + 1800,
        request={"prompt": "A lighthouse at dawn", "seconds": "8", "size": "1280x720"},
        fingerprint="0123456789abcdef" * 4,
        callback="0123456789abcdef" * 2,
        tasks=[Entry(at=now + 20)],
    )


def life(index: int, now: float) -> Iterator[transitions.Change]:
    """What happens to a job until it is done."""
    outcome = Outcome((_FILE,), cost=0.1, task_id=f"vid_{index}")
    yield transitions.sending(0, now=now, until=now + 20, aim=_AIM, long=False)
    yield transitions.accepted(0, f"vid_{index}", at=now + 1, cost=0.1, running=False)
    yield transitions.completed(0, outcome, now=now + 30)


def fill(path: Path, rows: int) -> None:
    asyncio.run(_created(path))
    done = job(0.0)
    for change in life(0, 0.0):
        done = change(done) or done
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -400000")
    db.execute("BEGIN")
    db.executemany(
        "INSERT INTO jobs (id, sort, owner, kind, status, deleted, provider, created_at,"
        " completed_at, deadline, fingerprint, delivered, attempt, doc)"
        " VALUES (?, ?, 'bench', 'video', 'completed', 0, 'videos', ?, ?, ?, ?, 1, 0, ?)",
        _finished(done, rows),
    )
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


async def _created(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.close()


def _finished(done: Job, rows: int) -> Iterator[tuple[object, ...]]:
    began = time.time() - _DAYS
    for index in range(rows):
        now = began + index * (_DAYS - 60) / rows
        if index % 1000 == 0:  # a thousand share their document but for its id
            made = replace(
                done, id="ID", created_at=now, completed_at=now + 30, deadline=now + 1800
            )
            head, tail = made.encode().split(b'"ID"', 1)
        name = new_id("video", now)
        doc = head + b'"%s"' % name.encode() + tail
        fingerprint = f"{index:064x}"
        yield name, sort_key(name), now, now + 30, now + 1800, fingerprint, doc


async def work(path: Path, number: int) -> dict[str, tuple[float, float]]:
    """Step → µs of CPU and of time, each; many at once, as requests come."""
    store = SqliteStore(path)
    await store.open()
    jobs = [
        replace(job(time.time()), fingerprint=f"{random.getrandbits(256):064x}")
        for _ in range(number)
    ]
    middle = job(time.time() - _DAYS / 2).id
    if not (await store.page("bench", after=middle)).jobs:  # an empty store has only these
        middle = jobs[number // 2].id

    async def finish(index: int) -> None:
        for change in life(index, time.time()):
            await store.update(jobs[index].id, change)
        await store.delivered(jobs[index])

    steps: dict[str, Callable[[int], Awaitable[object]]] = {
        "create": lambda index: store.create(jobs[index]),
        "finish": finish,
        "list": lambda _: store.page("bench", kinds=("video",)),
        "list from the middle": lambda _: store.page("bench", kinds=("video",), after=middle),
    }
    try:
        return {name: await _timed(step, number) for name, step in steps.items()}
    finally:
        await store.close()


async def _timed(step: Callable[[int], Awaitable[object]], number: int) -> tuple[float, float]:
    left = iter(range(number))

    async def one_after_the_other() -> None:
        for index in left:
            await step(index)

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(_AT_ONCE)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return cpu / number * 1e6, wall / number * 1e6


if __name__ == "__main__":
    _, what, file, amount = sys.argv
    if what == "fill":
        fill(Path(file), int(amount))
    else:
        print(json.dumps(asyncio.run(work(Path(file), int(amount)))))
