"""A job as a store keeps it: one document, which never changes but is replaced by another.

Their fields stand in a plain dictionary, without slots: so a document is read, copied and written as a whole.
Nor are they frozen by the dataclass, which would set each of the thirty by a call.
"""

from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import orjson

T = TypeVar("T", "Entry", "Job")

ENDED = frozenset(("completed", "failed"))  # states of a task, and of a job
SUBMITTING = frozenset(("new", "sending"))

_blank = object.__new__


class _Document:
    """`_raw`: what it was read from, or last written as, beside its fields; `row`: of a job, the number of its row
    in SQLite, as far as that is known."""

    __slots__ = ("__dict__", "_raw", "row")
    _raw: bytearray | None
    row: int | None

    def but(self, **changes: Any) -> Self:
        """This one with some of its fields changed.

        As `dataclasses.replace`, at a tenth of its cost: a job is copied a dozen times in its life.
        """
        before = self.__dict__
        # Not `before | changes`, which keeps the values of what the constructor made apart from their names: to
        # read an attribute of that takes ten times as long.
        fields = {**before, **changes}
        if len(fields) != len(before):
            raise TypeError(f"no such field: {changes.keys() - before.keys()}")
        made = _blank(type(self))
        made.__dict__ = fields
        made._raw = made.row = None  # to look for what is not there at all costs an exception
        return made


@dataclass
class Entry(_Document):
    """One task of a job.

    `state`: new → sending → accepted → completed | failed.
    `at`: Unix seconds when it is next due to any worker: the end of its submit lease, its next poll, or the
    end of the lease of a worker that keeps its next poll for itself.
    `error`: {code, message, status, certain, …}; `assets`: as `media.py` keeps them.
    """

    state: str = "new"
    task_id: str | None = None
    at: float | None = None
    submitted_at: float | None = None
    poll_path: int = 0
    polls: int = 0
    progress: int = 0
    cost: float | None = None
    text: str | None = None
    error: dict[str, Any] | None = None
    assets: list[dict[str, Any]] = field(default_factory=list)
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def submitting(self) -> bool:
        return self.state in SUBMITTING


@dataclass
class Job(_Document):
    """One generation as its client sees it. Times are Unix seconds, costs US dollars.

    `owner`: the name of the client key ("" without keys); `model`: the name the client sent;
    `target`: `provider/model` that was ordered; `native`: the gateway's name of the model;
    `request`: the call's parameters, for remixing and showing; `asked`: the size and the seconds that hold for it,
    be they the call's, its route's or OpenAI's default; `ordered`: resolution, ratio, seconds;
    `capability`: which of the row's operations polls and reads it; `deadline`: when it fails;
    `links_until`: when the gateway's links die, if known; `fingerprint`: of the request's body;
    `notify_at`: when its webhook is next called;
    `callback`: the secret in the URL that the gateway may call.
    `reserved`: USD that each task holds of the owner's budget until its cost is known; `charged_at`: the
    budget's slot where that is kept, None without a budget.
    """

    id: str
    kind: str
    capability: str
    owner: str
    model: str
    provider: str
    target: str
    native: str
    created_at: float
    deadline: float
    status: str = "queued"
    progress: int = 0
    completed_at: float | None = None
    links_until: float | None = None
    deleted: bool = False
    request: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    ordered: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    cost: float | None = None
    fingerprint: str = ""
    remixed_from: str | None = None
    dropped: list[str] = field(default_factory=list)
    webhook: str | None = None
    notify_at: float | None = None
    notifications: int = 0
    callback: str = ""
    media: list[str] = field(default_factory=list)
    reserved: float = 0.0
    charged_at: float | None = None
    tasks: list[Entry] = field(default_factory=lambda: [Entry()])

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def given_up(self) -> bool:
        """Whether nothing more comes of it, and nobody can have what came."""
        return self.deleted and self.ended

    def with_task(self, index: int, **changes: Any) -> "Job":
        """This job with one of its tasks changed."""
        tasks = list(self.tasks)
        tasks[index] = tasks[index].but(**changes)
        return self.but(tasks=tasks)

    def encode(self) -> bytearray:
        """As it is stored: one that was read, byte for byte as it was found. Not to be changed: for sqlite3,
        which looks for adapters of what is no number, text or bytearray, at ten times the cost of a copy."""
        raw: bytearray | None = getattr(self, "_raw", None)
        if raw is None:
            # A copy: what orjson gives keeps the buffer that it was written into, of many kilobytes.
            raw = self._raw = bytearray(orjson.dumps(self.__dict__))
        return raw

    @classmethod
    def decode(cls, raw: bytes | bytearray) -> "Job":
        """A stored job; what a newer version of this program has added is passed over."""
        fields = orjson.loads(raw)
        fields["tasks"] = [_made(Entry, one) for one in fields["tasks"]]
        job = _made(cls, fields)
        job._raw = bytearray(raw)
        return job


def _made(cls: type[T], fields: dict[str, Any]) -> T:
    """A document of its fields: its constructor takes each by itself.

    Under the names that the program has for them: what a parser made of them is equal, but not the same, and to
    read an attribute by that takes ten times as long.
    """
    names = _NAMES[cls]
    if fields.keys() != names.keys():
        return cls(**{name: value for name, value in fields.items() if name in names})
    made = _blank(cls)
    made.__dict__ = {**names, **fields}
    return made


_NAMES: dict[type, dict[str, Any]] = {
    cls: dict.fromkeys(cls.__dataclass_fields__) for cls in (Entry, Job)
}
