"""Jobs in SQLite: a file that several worker processes share, or the memory of this one."""

import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from proxy.store import sqlite_jobs as jobs
from proxy.store import sqlite_queue as queue
from proxy.store.base import Change, Due, Job, Page, StoreUnavailable
from proxy.store.sqlite_lane import Lane, Place
from proxy.store.sqlite_schema import VERSION, create_file


class SqliteStore:
    """The `Store` of base.py, on SQLite.

    One thread writes, in batches that end with one fsync each; with a file a second thread reads,
    so that no reader waits for a disk. `path`: None keeps everything in memory, until `close()`.
    `patience`: seconds that an operation waits for another process's lock before it fails.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        clock: Callable[[], float] = time.time,
        patience: float = 10.0,
    ) -> None:
        self._place = Place(path, patience)
        self._clock = clock
        self._writer: Lane | None = None
        self._reader: Lane | None = None

    async def open(self) -> None:
        if self._place.path is not None:
            try:
                create_file(self._place.path)
            except OSError as exc:
                raise StoreUnavailable(f"the store: {exc}") from exc
        self._writer = Lane(self._place, writes=True)
        if self._place.path is not None:
            self._reader = Lane(self._place, writes=False)
        try:
            await self._writing.call(_ready)  # first: it makes the tables
            await self._reading.call(_ready)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        for lane in (self._reader, self._writer):
            if lane is not None:
                await lane.close()

    @property
    def _writing(self) -> Lane:
        if self._writer is None:
            raise StoreUnavailable("the store is not open")
        return self._writer

    @property
    def _reading(self) -> Lane:
        return self._reader or self._writing

    async def ping(self) -> None:
        await self._writing.call(_touch)
        await self._reading.call(_ready)

    async def create(
        self, job: Job, *, key: str | None = None, retry: int = 0, recent: float = 1800.0
    ) -> Job:
        return await self._writing.call(jobs.create, job, key, retry, recent)

    async def get(self, job_id: str) -> Job | None:
        return await self._reading.call(jobs.get, job_id)

    async def update(self, job_id: str, change: Change) -> Job | None:
        return await self._writing.call(jobs.update, job_id, change)

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
        query = jobs.Query(owner, names, status, after, limit, ascending)
        return await self._reading.call(jobs.page, query)

    async def lease(
        self, *, submitting: bool, providers: Iterable[str] | None, until: float, limit: int
    ) -> list[Due]:
        names = None if providers is None else sorted(set(providers))
        wanted = queue.Wanted(submitting, names, self._clock(), limit)
        return await self._writing.call(queue.lease, wanted, until)

    async def postpone(self, due: Iterable[tuple[Due, float]]) -> None:
        await self._writing.call(queue.postpone, list(due))

    async def next_due(self, providers: Iterable[str]) -> float | None:
        return await self._reading.call(queue.next_due, sorted(set(providers)))

    async def renew(self, tasks: Iterable[tuple[str, int]], until: float) -> None:
        await self._writing.call(queue.renew, list(tasks), until)

    async def overdue(self, limit: int) -> list[str]:
        return await self._reading.call(jobs.overdue, self._clock(), limit)

    async def delivered(self, job_id: str) -> None:
        await self._writing.call(jobs.delivered, job_id)

    async def release(self, job_id: str) -> None:
        await self._writing.call(jobs.release, job_id)

    async def purge(self, completed_before: float, limit: int) -> list[Job]:
        return await self._writing.call(jobs.purge, completed_before, limit)

    async def spend(self, bucket: str, limit: int, *, window: float = 60.0, keep: int = 0) -> float:
        now = self._clock()
        return await self._writing.call(queue.spend, bucket, limit - keep, window, now)

    async def counts(self) -> dict[tuple[str, str], int]:
        return await self._reading.call(jobs.counts)


def _ready(db: sqlite3.Connection) -> None:
    db.execute("SELECT 1 FROM jobs LIMIT 1").fetchall()


def _touch(db: sqlite3.Connection) -> None:
    """A real write, as small as can be: a full disk lets a transaction begin and end."""
    db.execute(f"PRAGMA user_version = {VERSION}")
