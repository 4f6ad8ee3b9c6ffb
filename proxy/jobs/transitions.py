"""Every change a job can go through, as pure functions of the job as it stands.

A task goes new → sending → accepted → running → (fetching →) completed, or to failed from anywhere.
An ended task never changes again, but for an id or a cost that arrives late; a job ends with the
last of its tasks. Each function here makes a `Change` for `Store.update`, which declines (None) where
the state has moved on. What time alone ends is in `endings`.
"""

# Else each making of a change would evaluate the annotations of the function that it makes.
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.errors import ApiError
from proxy.store.base import Change, Entry, Job
from proxy.store.document import ENDED, SUBMITTING
from proxy.store.money import countable

_STARTED = ("running", "fetching", "completed")  # states of a task by which its job is in progress


@dataclass(slots=True)
class Aim:
    """Where a job is being sent: what a fallback changes about it."""

    provider: str
    target: str
    native: str
    capability: str
    ordered: Mapping[str, Any]
    dropped: tuple[str, ...] = ()


def sending(index: int, *, now: float, until: float, aim: Aim, long: bool) -> Change:
    """The request goes out now. Declines once the task has ended or been taken."""

    def change(job: Job) -> Job | None:
        if not job.tasks[index].submitting:
            return None
        tasks = list(job.tasks)
        tasks[index] = tasks[index].but(state="sending", at=until, submitted_at=now)
        return job.but(
            status="in_progress" if long else job.status,
            tasks=tasks,
            provider=aim.provider,
            target=aim.target,
            native=aim.native,
            capability=aim.capability,
            ordered=dict(aim.ordered),
            dropped=list(aim.dropped),
        )

    return change


def accepted(index: int, task_id: str, *, at: float, cost: float | None, running: bool) -> Change:
    """The gateway took it. On a task that was given up meanwhile only the id and the cost are kept."""

    def change(job: Job) -> Job | None:
        entry = job.tasks[index]
        if entry.state not in SUBMITTING:
            return _late(job, index, task_id, cost)
        state = "running" if running else "accepted"
        return moved(job, index, entry.but(state=state, task_id=task_id, at=at, cost=cost), at)

    return change


def progressed(index: int, *, at: float, running: bool, progress: int, poll_path: int) -> Change:
    """A poll said that it goes on."""

    def change(job: Job) -> Job | None:
        entry = job.tasks[index]
        if entry.ended or entry.submitting or entry.state == "fetching":
            return None
        state = "running" if running or entry.state == "running" else "accepted"
        progressed = max(progress, entry.progress)
        further = entry.but(state=state, at=at, progress=progressed, poll_path=poll_path)
        return moved(job, index, further, at)

    return change


@dataclass(slots=True)
class Outcome:
    """What a succeeded task brought. `assets` as `media.py` keeps them."""

    assets: tuple[dict[str, Any], ...] = ()
    text: str | None = None
    detail: Mapping[str, Any] | None = None
    cost: float | None = None
    task_id: str | None = None
    links_until: float | None = None


def fetching(index: int, outcome: Outcome, *, now: float) -> Change:
    """It is done, and its files are now to be fetched before their links die. Late as `completed`."""

    def change(job: Job) -> Job | None:
        if job.tasks[index].state in ENDED:
            return _late(job, index, outcome.task_id, outcome.cost)
        return _brought(job, index, outcome, now, state="fetching", at=now)

    return change


def completed(index: int, outcome: Outcome, *, now: float) -> Change:
    """It is done. On a task that was given up meanwhile only the id and the cost are kept."""

    def change(job: Job) -> Job | None:
        if job.tasks[index].state in ENDED:
            return _late(job, index, outcome.task_id, outcome.cost)
        return _brought(job, index, outcome, now, state="completed", at=None)

    return change


def failed(
    index: int,
    error: ApiError,
    *,
    now: float,
    cost: float | None = None,
    task_id: str | None = None,
) -> Change:
    """It failed, at `cost` if the gateway says it charged. Late, only the id and the cost are kept."""

    def change(job: Job) -> Job | None:
        entry = job.tasks[index]
        if entry.ended:
            return _late(job, index, task_id, cost)
        failure = error.stored() | {"retry": bool(error.retry), "headers": error.headers}
        known = entry.task_id or task_id
        ended = entry.but(state="failed", at=None, error=failure, cost=cost, task_id=known)
        return moved(job, index, ended, now)

    return change


def hidden(job: Job) -> Job | None:
    """Deleted by its client; an unfinished one goes on unseen, for its cost."""
    return None if job.deleted else job.but(deleted=True)


def wanted(job: Job) -> Job | None:
    """Ordered once more by its client, who gets what is under way instead of paying again."""
    return job.but(deleted=False) if job.deleted else None


def _late(job: Job, index: int, task_id: str | None, cost: float | None) -> Job:
    """What is learnt of a task that has moved on: its id and its cost, each only if it was unknown."""
    entry = job.tasks[index]
    known = job.with_task(
        index,
        task_id=entry.task_id or task_id,
        cost=cost if entry.cost is None else entry.cost,
    )
    return known.but(cost=_sum(known.tasks))


def _brought(
    job: Job, index: int, outcome: Outcome, now: float, *, state: str, at: float | None
) -> Job:
    entry = job.tasks[index]
    ends = outcome.links_until
    if ends is not None and (job.links_until is None or ends < job.links_until):
        job = job.but(links_until=ends)
    brought = entry.but(
        state=state,
        at=at,
        assets=list(outcome.assets) or entry.assets,
        text=entry.text if outcome.text is None else outcome.text,
        detail=dict(outcome.detail or entry.detail),
        cost=entry.cost if outcome.cost is None else outcome.cost,
        task_id=entry.task_id or outcome.task_id,
        progress=100,
    )
    return moved(job, index, brought, now)


def notified(*, again: float | None) -> Change:
    """The job's webhook was called; `again`: when to call it once more."""

    def change(job: Job) -> Job | None:
        if job.notify_at is None:
            return None
        return job.but(notify_at=again, notifications=job.notifications + 1)

    return change


def moved(job: Job, index: int, entry: Entry, now: float) -> Job:
    """With one of its tasks as it is now, and what follows of that for the job itself."""
    tasks = list(job.tasks)
    before, tasks[index] = tasks[index], entry
    cost = job.cost if entry.cost == before.cost else _sum(tasks)
    going_on = started = good = False
    done = 0
    for one in tasks:  # of which there is one nearly always: a set or a sum of it would cost more
        state = one.state
        if state in _STARTED:
            started = True
        if state in ENDED:
            good = good or state == "completed"
            done += 100
        else:
            going_on = True
            done += one.progress
    if going_on:
        done = min(done // len(tasks), 99)
        return job.but(
            tasks=tasks,
            status="in_progress" if started else job.status,
            progress=done if done > job.progress else job.progress,
            cost=cost,
        )
    error = None if good else next((one.error for one in tasks if one.error), None)
    return job.but(
        tasks=tasks,
        status="completed" if good else "failed",
        progress=100 if good else job.progress,
        completed_at=now,
        error=error,
        cost=cost,
        notify_at=now if job.webhook else None,
    )


def _sum(tasks: list[Entry]) -> float | None:
    total: float | None = None
    for entry in tasks:
        if entry.cost is not None:
            total = entry.cost if total is None else total + entry.cost
    return None if total is None else countable(total)
