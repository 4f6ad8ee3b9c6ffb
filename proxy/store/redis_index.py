"""Where a job is found in Redis: pure functions from a job to the indexes that it is in."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from proxy.store.base import Due, Job
from proxy.store.due import queued
from proxy.store.ids import sort_key
from proxy.store.ledger import charge, usage
from proxy.store.money import Charge, Counts, Line


class Rows(NamedTuple):
    """`places`: the sorted sets that the job is in, with its score there; `tallies`: (hash, field) pairs
    that count it; `queue`: for each task that will be due, the queue and the time.
    """

    places: dict[str, float]
    tallies: set[tuple[str, str]]
    queue: dict[int, tuple[str, float]]


COUNTED = tuple(
    field.name for field in fields(Counts)
)  # only added to: the store knows them by number

_MOST = 2**53
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


def due_of(queue: str, member: str, at: str, until: float) -> Due:
    """An entry of a queue as it stood there, leased until then."""
    index, _, job_id = member.partition(" ")
    return Due(job_id, int(index), queue.partition(":")[2], float(at), until)


def page_range(after: str | None, *, ascending: bool) -> tuple[str, str, str]:
    """The command that lists places, and from where to where."""
    sort = None if after is None else sort_key(after)
    if ascending:
        return "ZRANGEBYLEX", "-" if sort is None else f"({sort}\1", "+"
    return "ZREVRANGEBYLEX", "+" if sort is None else f"({sort}", "-"


def milliseconds(seconds: float) -> int:
    """How long the server keeps what is needed for so long: the workers' clocks differ from its own."""
    return int(min(seconds + _MARGIN, _LONGEST) * 1000)


def spent_by(owner: str) -> str:
    return f"spent:{owner}"


def postings(lines: Mapping[Line, Counts], charges: Iterable[Charge]) -> bytes:
    """What is to be added to budgets and usage (`book` of redis_scripts.py) as JSON."""
    return orjson.dumps(_postings(lines, charges))


def _postings(lines: Mapping[Line, Counts], charges: Iterable[Charge]) -> dict[str, Any]:
    """Each line of a day is so many fields as it counts things: what and for whom, as JSON."""
    numbers = (
        (f"usage:{line.day}", orjson.dumps([what, *line[1:]]).decode(), _whole(number))
        for line, counts in lines.items()
        for what, name in enumerate(COUNTED)
        if (number := getattr(counts, name)) or what == 0  # a line of nothing is a line
    )
    money = [(spent_by(one.owner), _score(one.at), _whole(one.nanos)) for one in charges]
    return {
        "add": [*numbers, *money],
        "days": sorted({line.day for line in lines}),
        "spenders": sorted({name for name, _, _ in money}),
    }


def difference(old: Job | None, new: Job | None) -> bytes:
    """What has to be done to indexes and accounts (`follow` of redis_scripts.py) as JSON, if anything has.

    A time of the queue that the change left alone stays as the queue has it: it may have been leased,
    renewed or postponed since the document was written.
    """
    before = _NOWHERE if old is None else _rows(old)
    after = _NOWHERE if new is None else _rows(new)
    job = new or old
    if job is None:
        return b""
    spent = None if new is None else charge(old, new)
    used = () if new is None else usage(old, new)
    if before == after and spent is None and not used:
        return b""
    moves = [(index, "", "0", False) for index in before.queue.keys() - after.queue.keys()]
    for index, (queue, at) in after.queue.items():
        known = before.queue.get(index)
        if known != (queue, at):
            moves.append((index, queue, _score(at), known is None or at != known[1]))
    return orjson.dumps(
        {
            "place": place(job.id),
            "leave": [name for name in before.places if name not in after.places],
            "enter": [
                (name, _score(score))
                for name, score in after.places.items()
                if before.places.get(name) != score
            ],
            "tally": [(*one, -1) for one in before.tallies - after.tallies]
            + [(*one, 1) for one in after.tallies - before.tallies],
            "queue": [(str(index), *move) for index, *move in moves],
            **_postings(dict(used), [spent] if spent else []),
        }
    )


def _score(value: float) -> str:
    """What a script could not write would break it off in the middle."""
    if value != value:
        raise ValueError("a time that is no number")
    return repr(value)


def _whole(number: int) -> str:
    if abs(number) > _MOST:
        raise OverflowError("an amount that is too large to be counted")
    return str(number)


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
    return {
        index: (queue_name(provider, submitting=submitting), at)
        for index, (provider, submitting, at) in queued(job).items()
    }
