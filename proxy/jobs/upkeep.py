"""What time does to the store: orphans are settled, deadlines pass, what is old is forgotten."""

import asyncio
import time
from collections.abc import Callable

from proxy.jobs import endings
from proxy.jobs.outcome import files_of
from proxy.jobs.worker import Worker
from proxy.store.base import Change, Due, Job, StoreUnavailable
from proxy.store.money import day_of

_BATCH = 100
_AGAIN = 0.1  # seconds between attempts to take a job back
_GRACE = 0.5  # of a lease
_LAST_POLL = 3.0  # leases: one of a worker that is gone, and a poll that hangs, twice
_STEP = 0.05  # of a lease: by so much the clocks differ at once only where one was set
# Seconds that the proxy may have been away before a job could end, for its uploads to be sure to be there still.
_AWAY = 30 * 86_400.0
_MOST = 10_000  # jobs to take back: the others are orphans like any
_LAST = 1.0  # seconds that taking jobs back may last when the proxy stops


class Upkeep:
    """`wall`: the clock that the store's times are of; `steady`: one that nobody sets."""

    def __init__(
        self,
        worker: Worker,
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worker = worker
        self._wall = wall
        self._steady = steady
        self._apart = wall() - steady()
        # Since when leases could be renewed, by the steady clock. None: not now.
        self._there_since: float | None = None
        self._unwanted: list[Job] = []
        self._retracting: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        if self._retracting is not None:
            await asyncio.wait({self._retracting}, timeout=_LAST)
            self._retracting.cancel()
            await asyncio.gather(self._retracting, return_exceptions=True)

    def retract(self, job: Job) -> None:
        """End a job that may have been stored although its client was told that it could not be.

        Nobody sends it, so nobody may join it: not the repetition that the client's SDK makes by itself
        as soon as the store is back.
        """
        if len(self._unwanted) < _MOST:
            self._unwanted.append(job)
        if self._retracting is None or self._retracting.done():
            self._retracting = asyncio.create_task(self._retract())

    async def _retract(self) -> None:
        while self._unwanted:
            job = self._unwanted[0]
            try:
                # First: whoever sees it fail may come again.
                await self._worker.store.release(job.id)
                for index in range(len(job.tasks)):
                    await self._orphaned(Due(job.id, index, job.provider), unsent=True)
                del self._unwanted[0]
            except StoreUnavailable:
                await asyncio.sleep(_AGAIN)

    async def sweep(self) -> None:
        """Settle the tasks whose worker is gone, and end the jobs whose time is over.

        While the store was away nobody could renew a lease, and what a clock that has been set says of one
        is not true. After that, and after a start, whoever lives is given the time to renew: a submit that is
        under way must not pass for an orphan's. Nor could anybody ask after a task: that is done once more.
        """
        worker = self._worker
        if self._clock_was_set():
            self._there_since = None
        since = self._there_since
        there = 0.0 if since is None else self._steady() - since
        try:
            await self._end_overdue(there)
            if there >= worker.lease * _GRACE:
                await self._settle_orphans()
            else:
                await worker.store.ping()  # which writes: reading alone renews nothing
                self._there_since = since or self._steady()
        except StoreUnavailable:
            self._there_since = None
            raise

    async def _end_overdue(self, there: float) -> None:
        """`there`: for how many seconds tasks could have been asked after."""
        worker, now = self._worker, self._wall()
        patience = worker.lease * _LAST_POLL
        given_up = now - patience if there >= patience else 0.0
        for job_id in await worker.store.overdue(_BATCH):
            change = endings.overdue(now=now, configured=worker.accounts, given_up=given_up)
            await self._ended(job_id, change)

    def _clock_was_set(self) -> bool:
        """Whether that has happened since this was last asked. The machine may also have been suspended, in which
        time the steady clock stands still."""
        before, self._apart = self._apart, self._wall() - self._steady()
        return abs(self._apart - before) > self._worker.lease * _STEP

    async def _settle_orphans(self) -> None:
        until = self._wall() + self._worker.lease
        found = await self._worker.store.lease(
            submitting=True, providers=None, until=until, limit=_BATCH
        )
        if self._clock_was_set():  # just now: perhaps that is why they were found
            self._there_since = None
            return
        for one in found:
            # Ours are alive, whatever kept us from renewing them in time; the lease just did it.
            if one.job_id not in self._worker.sending:
                await self._orphaned(one)

    async def _orphaned(self, due: Due, *, unsent: bool = False) -> None:
        change = endings.orphaned(due.index, now=self._wall(), unsent=unsent)
        await self._ended(due.job_id, change)

    async def _ended(self, job_id: str, change: Change) -> None:
        """Of what was surely never sent the key is free again: the client may order it once more."""
        job = await self._worker.change(job_id, change)
        if job is not None and all(endings.certainly_not_sent(entry) for entry in job.tasks):
            await self._worker.store.release(job.id)

    async def purge(self) -> None:
        """Remove finished jobs after their retention, with their files, and what is one file too many."""
        before = self._wall() - self._worker.config.jobs.retention
        while gone := await self._worker.store.purge(before, _BATCH):
            names = [name for job in gone for name in (*job.media, *files_of(job))]
            if names:
                await self._worker.media.remove(names)
        await self._worker.media.tidy()

    async def forget(self) -> None:
        """Remove uploads that are older than those of any job. Whoever stored one, or was to remove it with its
        job, may have been killed, or met a disk that refused: then no job names it."""
        jobs = self._worker.config.jobs
        oldest = jobs.timeout + jobs.retention + _AWAY
        await self._worker.media.forget(self._wall() - oldest)

    async def prune(self) -> None:
        """Forget what is kept beside jobs and of no use any more."""
        now, config = self._wall(), self._worker.config
        used = now - config.jobs.usage_retention
        windows = (key.budget_window for key in config.keys or ())
        spent = min(used, now - max(windows, default=0.0))
        while await self._worker.store.prune(used_before=day_of(used), spent_before=spent):
            pass
