"""Where a job is found in Redis: pure functions from a job to the indexes that it is in."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

import orjson

from proxy.store.base import NOTIFY, Due, Job
from proxy.store.ids import sort_key


class Rows(NamedTuple):
    """`places`: the sorted sets that the job is in, with its score there; `tallies`: (hash, field) pairs
    that count it; `queue`: for each task that will be due, the queue and the time.
    """

    places: dict[str, float]
    tallies: set[tuple[str, str]]
    queue: dict[int, tuple[str, float]]


_MARGIN = 60.0
_LONGEST = 10 * 365 * 86400.0

_NOWHERE = Rows({}, set(), {})


def digest(*parts: str) -> str:
    """A name of 32 characters for some texts, whatever they hold."""
    made = blake2b(digest_size=16)
    for part in parts:
        raw = part.encode()
        made.update(b"%d:%b" % (len(raw), raw))
    return made.hexdigest()


def place(job_id: str) -> str:
    """An id turned round, so that a sorted set's own order of members is that of time."""
    sort = sort_key(job_id)
    return f"{sort}\0{job_id.removesuffix(sort)}"


def id_of(place: str) -> str:
    sort, _, prefix = place.partition("\0")
    return prefix + sort


def owned_by(owner: str) -> str:
    """An owner as a part of a key, told apart from what follows it."""
    return f"{len(owner.encode())}:{owner}"


def queue_name(provider: str, *, submitting: bool) -> str:
    return f"{'submit' if submitting else 'poll'}:{provider}"


def queue_names(providers: Iterable[str], *, submitting: bool) -> list[str]:
    return [queue_name(one, submitting=submitting) for one in sorted(set(providers))]


def due_of(queue: str, member: str) -> Due:
    """An entry of a queue, as it stands there."""
    index, _, job_id = member.partition(" ")
    return Due(job_id, int(index), queue.partition(":")[2])


def page_range(after: str | None, *, ascending: bool) -> tuple[str, str, str]:
    """The command that lists places, and from where to where."""
    sort = None if after is None else sort_key(after)
    if ascending:
        return "ZRANGEBYLEX", "-" if sort is None else f"({sort}\1", "+"
    return "ZREVRANGEBYLEX", "+" if sort is None else f"({sort}", "-"


def milliseconds(seconds: float) -> int:
    """How long the server keeps what is needed for so long: the workers' clocks differ from its own."""
    return int(min(seconds + _MARGIN, _LONGEST) * 1000)


def difference(old: Job | None, new: Job | None) -> bytes:
    """What has to be done to the indexes (`follow` of redis_scripts.py) as JSON; nothing if that is nothing.

    A time of the queue that the change left alone stays as the queue has it: it may have been leased,
    renewed or postponed since the document was written.
    """
    before = _NOWHERE if old is None else _rows(old)
    after = _NOWHERE if new is None else _rows(new)
    if before == after:
        return b""
    job = new or old
    assert job is not None  # two times nothing is equal
    moves = [(index, "", "0", False) for index in before.queue.keys() - after.queue.keys()]
    for index, (queue, at) in after.queue.items():
        known = before.queue.get(index)
        if known != (queue, at):
            moves.append((index, queue, repr(at), known is None or at != known[1]))
    return orjson.dumps(
        {
            "place": place(job.id),
            "leave": [name for name in before.places if name not in after.places],
            "enter": [
                (name, repr(score))
                for name, score in after.places.items()
                if before.places.get(name) != score
            ],
            "tally": [(*one, -1) for one in before.tallies - after.tallies]
            + [(*one, 1) for one in after.tallies - before.tallies],
            "queue": [(str(index), *move) for index, *move in moves],
        }
    )


def _rows(job: Job) -> Rows:
    places: dict[str, float] = {}
    tallies: set[tuple[str, str]] = set()
    if not job.deleted:
        owner = owned_by(job.owner)
        places[f"listed:{owner}/{job.kind}"] = 0.0
        places[f"listed:{owner}/{job.kind}/{job.status}"] = 0.0
        tallies.add((f"kinds:{owner}", job.kind))
    if not job.ended:
        places["deadlines"] = job.deadline
        tallies.add(("counts", f"{job.status}:{job.provider}"))
    elif job.completed_at is not None:
        places["finished"] = job.completed_at
    return Rows(places, tallies, _queue(job))


def _queue(job: Job) -> dict[int, tuple[str, float]]:
    calls = queue_name(job.provider, submitting=False)
    hook = {} if job.notify_at is None else {NOTIFY: (calls, job.notify_at)}
    return hook | {
        index: (queue_name(job.provider, submitting=task.submitting), task.at)
        for index, task in enumerate(job.tasks)
        if task.at is not None and not task.ended
    }
