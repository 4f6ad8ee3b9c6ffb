"""Jobs in SQLite: a file that several worker processes share, or the memory of this one."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from math import inf
from pathlib import Path

from proxy.store import sqlite_jobs as jobs
from proxy.store import sqlite_ledger as ledger
from proxy.store import sqlite_lists as lists
from proxy.store import sqlite_queue as queue
from proxy.store.base import Change, Due, Job, Page, StoreUnavailable
from proxy.store.money import Admission, Budget, Charge, Counts, Line, Rates, Total
from proxy.store.sqlite_connection import Connection
from proxy.store.sqlite_database import Database, create_file
from proxy.store.sqlite_lane import Reader, Writer


class SqliteStore:
    """The `Store` of base.py, on SQLite.

    Writes are committed in batches, with one fsync each, by a thread; a file is read on a connection
    of its own, so that no reader waits for the disk. `path`: None keeps everything in memory, until `close()`.
    `patience`: seconds that an operation waits for another process's lock before it fails.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        clock: Callable[[], float] = time.time,
        patience: float = 10.0,
    ) -> None:
        self._path = path
        self._clock = clock
        self._patience = patience
        self._writer: Writer | None = None
        self._reader: Reader | None = None

    async def open(self) -> None:
        if self._path is not None:
            try:
                create_file(self._path)
            except OSError as exc:
                raise StoreUnavailable(f"the store: {exc}") from exc
            self._reader = Reader(Database(self._path, patience=self._patience, readonly=True))
        self._writer = Writer(Database(self._path, patience=self._patience))
        try:
            await self.ping()  # which makes the tables
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Ends the store's thread: a process that leaves this out does not exit."""
        for one in (self._reader, self._writer):
            if one is not None:
                await one.close()

    def _writing(self) -> Writer:
        if self._writer is None:
            raise StoreUnavailable("the store is not open")
        return self._writer

    def _reading(self) -> Reader | Writer:
        return self._reader or self._writing()

    async def ping(self) -> None:
        await self._writing().call(_touch)
        await self._reading().call(_read)

    def create(
        self,
        job: Job,
        *,
        key: str | None = None,
        retry: int = 0,
        recent: float = 1800.0,
        budget: Budget | None = None,
    ) -> Awaitable[Job]:
        return self._writing().call(jobs.create, job, key, retry, recent, budget)

    async def get(self, job_id: str) -> Job | None:
        return await self._reading().call(jobs.get, job_id)

    async def several(self, job_ids: Sequence[str]) -> list[Job]:
        return await self._reading().call(jobs.several, job_ids)

    def update(
        self, job_id: str, change: Change, *, known: Job | None = None
    ) -> Awaitable[Job | None]:
        return self._writing().call(jobs.update, job_id, change, known)

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
        names = None if kinds is None else sorted(set(kinds))
        query = lists.Query(owner, names, status, after, limit, ascending)
        return await self._reading().call(lists.page, query)

    async def lease(
        self,
        *,
        submitting: bool,
        providers: Iterable[str] | None,
        until: float,
        limit: int,
        longest: float = inf,
    ) -> list[Due]:
        names = None if providers is None else sorted(set(providers))
        wanted = queue.Wanted(submitting, names, self._clock(), limit, longest)
        return await self._writing().call(queue.lease, wanted, until)

    async def postpone(self, due: Iterable[tuple[Due, float]]) -> None:
        await self._writing().call(queue.postpone, list(due))

    async def next_due(self, providers: Iterable[str]) -> float | None:
        return await self._reading().call(queue.next_due, sorted(set(providers)))

    async def renew(self, tasks: Iterable[tuple[str, int]], until: float) -> None:
        await self._writing().call(queue.renew, list(tasks), until)

    async def overdue(self, limit: int) -> list[str]:
        return await self._reading().call(lists.overdue, self._clock(), limit)

    def delivered(self, *given: Job) -> Awaitable[None]:
        return self._writing().call(jobs.delivered, given)

    async def release(self, job_id: str) -> None:
        await self._writing().call(jobs.release, job_id)

    async def purge(self, completed_before: float, limit: int) -> list[Job]:
        return await self._writing().call(jobs.purge, completed_before, limit)

    async def spend(self, bucket: str, limit: int, *, window: float = 60.0, keep: int = 0) -> float:
        now = self._clock()
        return await self._writing().call(queue.spend, bucket, limit - keep, window, now)

    async def admit(self, client: str, rates: Rates, *, holder: str, until: float) -> Admission:
        place = ledger.Place(client, holder, until)
        return await self._writing().call(ledger.admit, rates, place, self._clock())

    async def stay(self, places: Iterable[tuple[str, str]], until: float) -> None:
        await self._writing().call(ledger.stay, [ledger.Place(*one, until) for one in places])

    async def leave(self, client: str, holder: str) -> None:
        await self._writing().call(ledger.leave, client, holder)

    async def take(self, client: str, tokens: int, limit: int) -> Admission:
        return await self._writing().call(ledger.take, client, tokens, limit, self._clock())

    async def correct(self, client: str, tokens: int, at: float) -> None:
        await self._writing().call(ledger.correct, client, tokens, at)

    async def reserve(
        self, owner: str, usd: float, budget: Budget, now: float, *, once: str = ""
    ) -> None:
        lane = self._writing() if usd else self._reading()
        await lane.call(ledger.reserve, owner, usd, budget, now)

    async def book(
        self, lines: Mapping[Line, Counts], charges: Iterable[Charge], *, once: str = ""
    ) -> None:
        await self._writing().call(ledger.book, list(lines.items()), list(charges))

    async def prune(self, *, used_before: str, spent_before: float) -> bool:
        return await self._writing().call(ledger.prune, used_before, spent_before, self._clock())

    async def usage(
        self, by: Sequence[str], *, since: str, until: str, key: str | None = None
    ) -> list[Total]:
        return await self._reading().call(ledger.usage, by, since, until, key)

    async def counts(self) -> dict[tuple[str, str], int]:
        return await self._reading().call(lists.counts)


def _read(db: Connection) -> None:
    db.execute("SELECT 1 FROM jobs LIMIT 1").fetchall()


def _touch(db: Connection) -> None:
    """A real write, as small as can be: a full disk lets a transaction begin and end."""
    db.execute("INSERT OR REPLACE INTO hits (bucket, at, n) VALUES ('', 0, 0)")
