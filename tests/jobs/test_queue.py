"""The queue of polls, by itself: which document a task is asked after by."""

import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from proxy.jobs.queue import Queue
from proxy.store.base import Due, Entry, Job
from tests.jobs import changes


async def test_a_job_of_which_one_task_may_be_known_no_more_is_read_for_that_one() -> None:
    now = time.time()
    tasks = [Entry(state="sending", at=now), Entry(state="accepted", task_id="b", at=now)]
    known = changes.job().but(tasks=tasks)
    stored = known.with_task(0, state="accepted", task_id="a")
    due = [Due(known.id, 0, "apiin", now), Due(known.id, 1, "apiin", now)]

    async def lease(**_: Any) -> list[Due]:
        return due

    async def several(names: Sequence[str]) -> list[Job]:
        return [stored for name in names if name == known.id]

    jobs = SimpleNamespace(
        store=SimpleNamespace(lease=lease, several=several),
        seen=lambda one: known if one.index == 1 else None,
        lease=20.0,
    )
    queue = Queue(cast(Any, jobs), cast(Any, None))
    found = await queue._read(["apiin"], 10)
    assert [(one.index, job) for one, job in found] == [(0, stored), (1, known)]
