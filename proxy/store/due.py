"""What of a job is in the queue, and when: one rule for every store."""

from proxy.store.base import NOTIFY, Job

SHORTEST_WAIT = 0.001  # seconds until a limit is free: a wait that rounds to 0.0 would mean "taken"


def queued(job: Job) -> dict[int, tuple[bool, float]]:
    """What a job has in the queue: index → whether it is being submitted, and when it is due."""
    hook = {} if job.notify_at is None else {NOTIFY: (False, job.notify_at)}
    return hook | {
        index: (task.submitting, task.at)
        for index, task in enumerate(job.tasks)
        if task.at is not None and not task.ended
    }
