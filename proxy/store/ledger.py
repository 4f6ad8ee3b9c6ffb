"""What a job costs, as pure functions of the job: a store books the difference that a change makes.

Both are booked in the transaction that writes the job, so each exactly once: what its owner's budget
has less (the reservation, until the cost is known), and the lines of the table of usage.
"""

from collections.abc import Sequence

from proxy.store.base import Entry, Job
from proxy.store.document import ENDED
from proxy.store.money import Charge, Counts, Line, day_of, nanos

# How a task fails of which the gateway itself has said that it made nothing.
_SAID_SO = frozenset({"generation_failed", "content_policy_violation"})


def charged(job: Job) -> int:
    """Nanodollars that the owner's budget has less because of the job as it stands."""
    if job.charged_at is None:
        return 0
    return sum(_charged(entry, job.reserved) for entry in job.tasks)


def charge(old: Job | None, new: Job) -> Charge | None:
    """What a change means for the owner's budget."""
    if new.charged_at is None:
        return None
    difference = charged(new) - (0 if old is None else charged(old))
    if not difference:
        return None
    return Charge(new.owner, new.charged_at, difference)


def usage(old: Job | None, new: Job) -> Sequence[tuple[Line, Counts]]:
    """What a change adds to the table of usage: the job once it has ended, its cost as it becomes known.

    All of a job stands in one line. Where a change moves it to another (what fails may count elsewhere), the
    cost that was booked before goes with it.
    """
    was = None if old is None else old.cost
    ended = new.status in ENDED and (old is None or old.status not in ENDED)
    if not ended and new.cost == was:
        return ()  # most changes
    cost = 0 if new.cost is None else nanos(new.cost)
    booked = 0 if was is None else nanos(was)
    if not ended and cost == booked:
        return ()
    place = _place(new)
    line = Line(day_of(new.created_at), new.owner, *place, new.kind)
    failed = 1 if ended and new.status == "failed" else 0
    counts = Counts(1 if ended else 0, failed, 0, 0, cost - booked)
    if old is None or not booked or (left := _place(old)) == place:
        return ((line, counts),)
    counts.nanos = cost
    before = Line(line.day, line.key, *left, line.kind)
    return (before, Counts(nanos=-booked)), (line, counts)


def route_of(name: str, target: str, *, failed: bool) -> str:
    """How a route is named in the table. What fails at a target that no route names is counted under its
    provider alone: clients make such names up, and a table of them would have no end."""
    return f"{target.partition('/')[0]}/*" if failed and name == target else name


def _charged(entry: Entry, reserved: float) -> int:
    """A task's cost where it is known; until then, and where it may have cost something, its reservation."""
    if entry.cost is not None:
        return nanos(entry.cost)
    free = entry.state == "failed" and not _in_doubt(entry)
    return 0 if free else nanos(reserved)


def _in_doubt(entry: Entry) -> bool:
    """Whether a failed task may have cost something all the same."""
    error = entry.error or {}
    code = error.get("code")
    if entry.task_id is not None:
        return code not in _SAID_SO
    # What could not be kept here was made and is paid for; where nothing was ordered for that, a retry is welcome.
    unkept = code == "store_unavailable" and not error.get("retry")
    return unkept or code == "submission_ambiguous"


def _place(job: Job) -> tuple[str, str]:
    """Route and provider, by which the lines of a job as it was and is may differ."""
    if job.status != "failed":
        return job.model, job.provider
    return route_of(job.model, job.target, failed=True), job.provider
