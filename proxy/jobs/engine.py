"""The job engine: what endpoints call, and the loops that move jobs on whether or not anyone asks."""

# Else each change of a job would evaluate the annotations of the function that notes it.
from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from proxy.errors import ApiError
from proxy.jobs.launch import Launcher
from proxy.jobs.outcome import files_of
from proxy.jobs.poll import Poller, longest_wait
from proxy.jobs.queue import Queue
from proxy.jobs.upkeep import Upkeep
from proxy.jobs.waiting import Waiting
from proxy.media import Media
from proxy.metrics import Metrics
from proxy.routing import Candidate
from proxy.runtime import Runtime
from proxy.store.base import NOTIFY, Change, Due, Job, Store, StoreUnavailable
from proxy.store.due import polled_at
from proxy.store.money import Budget

log = logging.getLogger("anygate.jobs")

_SWEEP = 2.0  # seconds, at most, between looks for orphans and overdue jobs
_PURGE = 60.0
_SAME = 0.001  # seconds: a store may round


class Jobs:
    """Jobs of one worker process; any number of them share a store."""

    def __init__(
        self,
        store: Store,
        media: Media,
        runtime: Runtime,
        metrics: Metrics | None = None,
    ) -> None:
        self.store = store
        self.metrics = metrics or Metrics()
        self.media = media
        self.use(runtime)
        self._queue = Queue(self, Poller(self).poll)
        self._sent_here: dict[str, Job] = {}  # how those stand that this worker is sending
        self._upkeep = Upkeep(self, self._sent_here)
        self._launcher = Launcher(self, self._upkeep, self._sent_here)
        self._loops: list[asyncio.Task[None]] = []
        self._answered: list[str] = []  # jobs whose clients have just got their answers
        self._given: list[str] = []  # … and the kept results that were in these
        self._noting: set[asyncio.Task[None]] = set()
        self._waiting = Waiting(store, self._sent_here)

    def use(self, runtime: Runtime) -> None:
        """The configuration that is in force from now on."""
        self.config = runtime.config
        self.accounts = runtime.accounts
        self.driver = runtime.driver
        self.redactor = runtime.redactor
        # Seconds that a submit or a poll may go without its worker's sign of life.
        self.lease = runtime.config.jobs.lease
        # … and that a task waits for a poll at most. The clocks of workers may differ by a part of a lease.
        self.longest = longest_wait(runtime.config) + self.lease

    def called(self, due: Due) -> None:
        """A gateway has called: the task is due now."""
        self._queue.called(due)

    def wake(self, seconds: float = 0.0) -> None:
        """Something in the queue is due earlier than it was."""
        self._queue.wake(seconds)

    def later(self, due: Due, seconds: float) -> None:
        """A task that the queue has given out is due again in so many seconds."""
        self._queue.later(due, seconds)

    def start(self) -> None:
        self._loops = [
            asyncio.create_task(loop)
            for loop in (
                self._queue.run(),
                self._every(lambda: self.lease / 4, self._renew),
                self._every(lambda: min(_SWEEP, self.lease / 4), self._upkeep.sweep),
                self._every(lambda: _PURGE, self._upkeep.purge),
                self._every(self.media.writable.pause, self.media.writable.look),
                self._every(lambda: _PURGE, self._upkeep.prune),
            )
        ]

    async def stop(self, drain: float) -> None:
        """Let submits that are under way end, for up to `drain` seconds; then stop polling.

        Whatever is still being sent then is settled by whoever finds its lease run out.
        """
        if self._noting:
            await asyncio.wait(self._noting, timeout=drain)
        await self._launcher.stop(drain)
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self._upkeep.stop()
        await self._waiting.stop()

    def start_job(
        self,
        job: Job,
        candidates: Sequence[Candidate],
        *,
        key: str | None,
        retry: int,
        budget: Budget | None = None,
    ) -> Awaitable[Job]:
        """Store a job and send it in the background, or join the one that it repeats.

        Raises StoreUnavailable, KeyReused or OverBudget; then nothing was sent. Once begun it goes on
        without its client; the job's files are removed where it is not stored.
        """
        return self._launcher.start(job, candidates, key=key, retry=retry, budget=budget)

    def wait(
        self, job_id: str, done: Callable[[Job], bool], timeout: float
    ) -> Awaitable[Job | None]:
        """The job as soon as `done` holds of it, or as it stands after `timeout` seconds."""
        known = self._sent_here.get(job_id)
        return self._waiting.wait(job_id, done, timeout, known=known)

    def keep(self, due: Due) -> None:
        """A task whose lease this worker has, though it is not due yet."""
        self._queue.keep(due)

    def keeps(self, due: Due, seconds: float) -> bool:
        """Whether a task that is due in so many seconds is not left to others meanwhile: its client waits here,
        the rest of the lease is long enough for the poll, and there is room for it here."""
        near = seconds <= self.lease / 4 and self._waiting.waits(due.job_id)
        return near and self._queue.shares(due.provider)

    def told(self, job_id: str) -> Job | None:
        """A job that is waited for here, as it was last told of."""
        return self._waiting.seen(job_id)

    def seen(self, due: Due) -> Job | None:
        """… if the task is due as that says. Whoever has changed the task since has set another time; what
        else may be new, a change of the job finds out."""
        job = self.told(due.job_id)
        if job is None or due.index == NOTIFY:
            return None
        at = job.tasks[due.index].at
        same = at is not None and abs(at - due.at) < _SAME and job.provider == due.provider
        return job if same else None

    async def change(self, job_id: str, change: Change, *, known: Job | None = None) -> Job | None:
        """Apply a transition and tell whoever waits for the job here. `known`: how it was last seen."""
        before: Job | None = None

        def noted(job: Job) -> Job | None:
            nonlocal before
            before = job
            return change(job)

        known = self._sent_here.get(job_id, known)
        job = await self.store.update(job_id, noted, known=known)
        if job is None:
            return None
        if job_id in self._sent_here:
            self._sent_here[job_id] = job
        self._waiting.tell(job)
        if (at := polled_at(job)) is not None:
            self._queue.wake(at - time.time())
        if job.ended:
            self.metrics.job_changed(before or job, job, self.config.models)
            if names := [*job.media, *(files_of(job) if job.deleted else ())]:
                await self._unpublished(names)
        return job

    async def _unpublished(self, names: Sequence[str]) -> None:
        """What the store has noted stands, whatever the disk says to that."""
        try:
            await self.media.unpublish(names)
        except ApiError as exc:
            log.error("%d public links cannot be ended: %s", len(names), exc.message)

    def delivered(self, job_id: str, files: Sequence[str] = ()) -> None:
        """The client has its answer, and these files: no automatic retry joins the job any more.

        Nobody waits for that: the store does in turn what it is asked for, so that whatever this client
        wants next finds it done. Those of one round of the event loop are one operation.
        """
        self._answered.append(job_id)
        self._given += files
        if len(self._answered) == 1:
            task = asyncio.create_task(self._note_answered())
            self._noting.add(task)
            task.add_done_callback(self._noting.discard)

    async def _note_answered(self) -> None:
        ids, self._answered = self._answered, []
        files, self._given = self._given, []
        try:
            await self.store.delivered(*ids)
        except StoreUnavailable as exc:
            self.away(exc)
        for name in files:
            await self.media.given(name)

    def report(self, exc: BaseException, doing: str) -> None:
        """Our own fault, in the log alone."""
        log.error("%s failed: %s", doing, self.redactor.text(repr(exc)), exc_info=exc)

    def away(self, exc: StoreUnavailable) -> None:
        """The store is not there, which passes."""
        log.warning("the store is unavailable: %s", self.redactor.text(str(exc)))

    async def _every(
        self, seconds: Callable[[], float], work: Callable[[], Awaitable[None]]
    ) -> None:
        while True:
            try:
                await work()
            except StoreUnavailable as exc:
                self.away(exc)
            except Exception as exc:
                self.report(exc, "a background loop")
            await asyncio.sleep(seconds())

    async def _renew(self) -> None:
        sent = self._sent_here.values()
        held = [(job.id, index) for job in sent for index in range(len(job.tasks))]
        if held:
            await self.store.renew(held, time.time() + self.lease)
