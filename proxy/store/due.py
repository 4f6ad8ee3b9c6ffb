"""What of a job is in the queue, and when: one rule for every store."""

from collections.abc import Iterable

from proxy.store.base import NOTIFY, WEBHOOKS, Job
from proxy.store.document import ENDED, SUBMITTING

SHORTEST_WAIT = 0.001  # seconds until a limit is free: a wait that rounds to 0.0 would mean "taken"


_WEBHOOK_WAIT = 86_400.0  # seconds: longer than any between two calls of a webhook

Place = tuple[str, bool, float]  # at whom, whether it is being submitted, and when it is due


def queued(job: Job) -> dict[int, Place]:
    """What a job has in the queue, by the index of the task."""
    found: dict[int, Place] = {}
    for index, task in enumerate(job.tasks):
        if task.at is not None and task.state not in ENDED:
            found[index] = (job.provider, task.state in SUBMITTING, task.at)
    if job.notify_at is not None:
        found[NOTIFY] = (WEBHOOKS, False, job.notify_at)
    return found


def polled_at(job: Job) -> float | None:
    """When the next of its tasks is to be polled, or its webhook called (Unix seconds)."""
    soonest = job.notify_at
    for task in job.tasks:
        at, state = task.at, task.state
        if at is not None and state not in ENDED and state not in SUBMITTING:
            soonest = at if soonest is None or at < soonest else soonest
    return soonest


def farthest(providers: Iterable[str], now: float, longest: float) -> list[float]:
    """For each of these, until when its polls may be due where none waits for more than `longest` seconds: what
    stands further ahead was written before the clock was set back, and is due now."""
    return [
        now + (max(longest, _WEBHOOK_WAIT) if one == WEBHOOKS else longest) for one in providers
    ]
