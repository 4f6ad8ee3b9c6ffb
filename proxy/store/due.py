"""What of a job is in the queue, and when: one rule for every store."""

from proxy.store.base import NOTIFY, WEBHOOKS, Job
from proxy.store.document import ENDED, SUBMITTING

SHORTEST_WAIT = 0.001  # seconds until a limit is free: a wait that rounds to 0.0 would mean "taken"


def queued(job: Job) -> dict[int, tuple[str, bool, float]]:
    """What a job has in the queue: index → at whom, whether it is being submitted, and when it is due."""
    found: dict[int, tuple[str, bool, float]] = {}
    for index, task in enumerate(job.tasks):
        state, at = task.state, task.at
        if at is not None and state not in ENDED:
            found[index] = job.provider, state in SUBMITTING, at
    if job.notify_at is not None:
        found[NOTIFY] = (WEBHOOKS, False, job.notify_at)
    return found


def polled_at(job: Job) -> float | None:
    """When the next of its tasks is to be polled, or its webhook called (Unix seconds)."""
    times = [at for _, submitting, at in queued(job).values() if not submitting]
    return min(times, default=None)
