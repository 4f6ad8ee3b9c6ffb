"""What a store keeps and what it promises.

A job is one document that changes only through `update`, with a pure function, atomically: whoever
changes it (a request, the poller of another worker, a late answer) sees the newest state first and
may decline. Everything else here is an index over those documents: the queue of what is due, the
idempotency keys, the counters of rate limits.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

from proxy.store.document import Entry as Entry
from proxy.store.document import Job as Job
from proxy.store.money import Accounts, Budget

NOTIFY = -1  # the index under which a job's webhook is in the queue
WEBHOOKS = "*webhooks"  # … and in place of its provider, which may be configured no more (before: its name)


class StoreUnavailable(Exception):
    """The store cannot be reached or written; nothing was sent to a gateway because of it."""


class Unanswered(StoreUnavailable):
    """… in the midst of it: the operation may have been carried out all the same."""


class KeyReused(Exception):
    """An Idempotency-Key came with another body than its first time."""


@dataclass(slots=True)
class Due:
    """A task whose time has come (`at`, Unix seconds), leased to the worker that got it, `until` then; NOTIFY
    stands for the job's webhook."""

    job_id: str
    index: int
    provider: str
    at: float = field(default=0.0, compare=False)
    until: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Page:
    jobs: list[Job]
    has_more: bool


Change = Callable[[Job], Job | None]


class Store(Accounts, Protocol):
    """Every method may raise StoreUnavailable. All are atomic and safe across worker processes."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def ping(self) -> None:
        """Raises StoreUnavailable unless the store can be read and written now."""

    def create(
        self,
        job: Job,
        *,
        key: str | None = None,
        retry: int = 0,
        recent: float = 1800.0,
        budget: Budget | None = None,
    ) -> Awaitable[Job]:
        """Store a new job with its queue entries; the job itself, or the one that it joins.

        `key`: an Idempotency-Key: the job that holds it for this owner is returned instead, or
        KeyReused raised when its fingerprint differs. `retry`: the client's retry count: above 0, the
        oldest job of this owner with this fingerprint, not older than `recent` seconds (by
        `job.created_at`), whose answer was not delivered and which no retry of this or a higher
        count has joined, is returned instead. `budget`: the owner's, of which a new job takes what it
        reserves; OverBudget is raised where that is not left at `job.created_at`.
        """

    async def get(self, job_id: str) -> Job | None: ...

    async def several(self, job_ids: Sequence[str]) -> list[Job]:
        """Those of these jobs that there are, in any order: at less than the cost of a `get` for each."""

    def update(
        self, job_id: str, change: Change, *, known: Job | None = None
    ) -> Awaitable[Job | None]:
        """Apply a pure change to the newest state; the new job, or None where there is none or it declined.

        `known`: how it was last seen: a store that finds it so still need not read it.

        The queue follows the tasks: an entry with `at` and not ended is due then. So does the ledger:
        what the change means for budget and usage is booked with it. A job that is deleted and has ended is
        released: its client has given it up, and may order the same again.
        """

    async def page(
        self,
        owner: str,
        *,
        kinds: Iterable[str] | None = None,
        status: str | None = None,
        after: str | None = None,
        limit: int = 20,
        ascending: bool = False,
    ) -> Page:
        """Jobs that are not deleted, by time (newest first unless ascending); `after` need not exist any more."""

    async def lease(
        self,
        *,
        submitting: bool,
        providers: Iterable[str] | None,
        until: float,
        limit: int,
        longest: float = inf,
    ) -> list[Due]:
        """Up to `limit` tasks that are due now, their time set to `until` so that nobody else gets them.

        `submitting`: those whose submit lease ran out, instead of those to poll. `providers`: only of
        these; None means of all. `longest`: seconds beyond which no poll of a provider that is named is put off:
        one that stands further ahead is due now, too, since the clock has been set back.
        """

    async def postpone(self, due: Iterable[tuple[Due, float]]) -> None:
        """Set when tasks are next due, without touching their jobs."""

    async def next_due(self, providers: Iterable[str]) -> float | None:
        """When the next poll of these providers is due (Unix seconds)."""

    async def renew(self, tasks: Iterable[tuple[str, int]], until: float) -> None:
        """Extend the submit leases of tasks that this worker is sending."""

    async def overdue(self, limit: int) -> list[str]:
        """Ids of unfinished jobs past their deadline."""

    def delivered(self, *jobs: Job) -> Awaitable[object]:
        """Clients have got their answers: no automatic retry joins these jobs any more, nor any that is
        created after this was called, be it awaited or not."""

    async def release(self, job_id: str) -> None:
        """Free the idempotency key of a job that a gateway certainly refused; no retry joins it either."""

    async def purge(self, completed_before: float, limit: int) -> list[Job]:
        """Remove finished jobs that completed before then, and return them (for their media)."""

    async def spend(self, bucket: str, limit: int, *, window: float = 60.0, keep: int = 0) -> float:
        """Take one of `limit` per sliding `window` seconds: 0.0, or the seconds until one is free.

        `keep`: how many of the limit are not for this caller.
        """

    async def counts(self) -> dict[tuple[str, str], int]:
        """How many unfinished jobs there are, by (provider, status)."""
