"""The job engine: what endpoints call, and the loops that move jobs on whether or not anyone asks."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from proxy.jobs.launch import Launcher
from proxy.jobs.poll import Poller
from proxy.jobs.start import Beginning
from proxy.jobs.upkeep import Upkeep
from proxy.jobs.worker import Worker
from proxy.media import Media
from proxy.metrics import Metrics
from proxy.onloop import OnLoop
from proxy.routing import Candidate
from proxy.runtime import Runtime
from proxy.store.base import Change, Due, Job, Store, StoreUnavailable
from proxy.store.money import Budget

_SWEEP = 2.0  # seconds, at most, between looks for orphans and overdue jobs
_PURGE = 60.0
_FORGET = 6 * 3600.0  # seconds: that looks at every file


class Jobs(OnLoop):
    """Jobs of one worker process; any number of them share a store."""

    def __init__(
        self,
        store: Store,
        media: Media,
        runtime: Runtime,
        metrics: Metrics | None = None,
    ) -> None:
        super().__init__()
        self._worker = Worker(store, media, runtime, metrics or Metrics())
        self._poller = Poller(self._worker)
        self._upkeep = Upkeep(self._worker)
        self._launcher = Launcher(self._worker, self._upkeep)
        self._loops: list[asyncio.Task[None]] = []
        self._answered: list[Job] = []  # jobs whose clients have just got their answers
        self._given: list[str] = []  # … and the kept results that were in these
        self._noting: set[asyncio.Future[Any]] = set()

    def use(self, runtime: Runtime) -> None:
        """The configuration that is in force from now on."""
        self._worker.use(runtime)

    def called(self, due: Due) -> None:
        """A gateway has called: the task is due now."""
        self._worker.queue.called(due)

    def start(self) -> None:
        worker = self._worker
        self._loops = [
            asyncio.create_task(loop)
            for loop in (
                worker.queue.run(self._poller.poll),
                self._every(lambda: worker.lease / 4, self._renew),
                self._every(lambda: min(_SWEEP, worker.lease / 4), self._upkeep.sweep),
                self._every(lambda: _PURGE, self._upkeep.purge),
                self._every(worker.media.writable.pause, worker.media.writable.look),
                self._every(lambda: _PURGE, self._upkeep.prune),
                self._every(lambda: _FORGET, self._upkeep.forget),
            )
        ]

    async def stop(self, drain: float) -> None:
        """Let submits that are under way end, for up to `drain` seconds; then stop polling.

        Whatever is still being sent then is settled by whoever finds its lease run out.
        """
        await asyncio.sleep(0)  # what has just been answered is about to be noted
        if self._noting:
            await asyncio.wait(self._noting, timeout=drain)
        await self._launcher.stop(drain)
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self._upkeep.stop()
        await self._worker.waiting.stop()

    def begin(self, candidates: Sequence[Candidate], number: int) -> Beginning:
        """How a job of so many tasks is to be made: as on its way, where its next target has a place free at once.

        That place is held until `start_job` has sent it: who does not come so far leaves it.
        """
        return self._launcher.begin(candidates, number)

    def start_job(
        self,
        job: Job,
        beginning: Beginning,
        *,
        key: str | None,
        retry: int,
        budget: Budget | None = None,
    ) -> Awaitable[Job]:
        """Store a job and send it in the background, or join the one that it repeats.

        Raises StoreUnavailable, KeyReused or OverBudget; then nothing was sent. Once begun it goes on
        without its client; the job's files are removed where it is not stored.
        """
        return self._launcher.start(job, beginning, key=key, retry=retry, budget=budget)

    def wait(
        self, job_id: str, done: Callable[[Job], bool], timeout: float
    ) -> Awaitable[Job | None]:
        """The job as soon as `done` holds of it, or as it stands after `timeout` seconds."""
        known = self._worker.sending.get(job_id)
        return self._worker.waiting.wait(job_id, done, timeout, known=known)

    def change(self, job_id: str, change: Change) -> Awaitable[Job | None]:
        """Apply a transition and tell whoever waits for the job here."""
        return self._worker.change(job_id, change)

    def delivered(self, job: Job, files: Sequence[str] = ()) -> None:
        """The client has its answer, and these files: no automatic retry joins the job any more.

        Nobody waits for that: the store does in turn what it is asked for, so that whatever this client
        wants next finds it done. Those of one round of the event loop are one operation.
        """
        if not self._answered:
            self._loop.call_soon(self._note_answered)
        self._answered.append(job)
        self._given += files

    def _note_answered(self) -> None:
        jobs, self._answered = self._answered, []
        files, self._given = self._given, []
        delivered: Awaitable[object]
        try:  # the store is asked here and now, not by a task: what comes next finds it done
            delivered = self._worker.store.delivered(*jobs)
        except StoreUnavailable as exc:
            delivered = self._loop.create_future()
            delivered.set_exception(exc)
        noting = asyncio.ensure_future(self._given_out(delivered, files) if files else delivered)
        self._noting.add(noting)
        noting.add_done_callback(self._noted)

    async def _given_out(self, delivered: Awaitable[object], files: Sequence[str]) -> None:
        try:
            await delivered
        finally:
            for name in files:
                await self._worker.media.given(name)

    def _noted(self, noting: "asyncio.Future[Any]") -> None:
        self._noting.discard(noting)
        exc = None if noting.cancelled() else noting.exception()
        if isinstance(exc, StoreUnavailable):
            self._worker.away(exc)
        elif exc is not None:
            self._worker.report(exc, "noting what was answered")

    async def _every(
        self, seconds: Callable[[], float], work: Callable[[], Awaitable[None]]
    ) -> None:
        while True:
            try:
                await work()
            except StoreUnavailable as exc:
                self._worker.away(exc)
            except Exception as exc:
                self._worker.report(exc, "a background loop")
            await asyncio.sleep(seconds())

    async def _renew(self) -> None:
        worker = self._worker
        worker.renewing()
        sent = worker.sending.values()
        held = [(job.id, index) for job in sent for index in range(len(job.tasks))]
        if held:
            await worker.store.renew(held, time.time() + worker.lease)
