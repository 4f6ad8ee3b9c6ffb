"""Who waits for a job here: told what this worker does to it, and looking for what others do."""

import asyncio
import time
from collections.abc import Callable, Mapping
from itertools import islice

from proxy.onloop import OnLoop
from proxy.store.base import Job, Store, StoreUnavailable
from proxy.store.document import ENDED, SUBMITTING

_LOOK = 0.5  # seconds between looks at the store: another worker may do the work
_PATIENCE = 5.0  # seconds without the store that who waits need not know of
# Seconds without a look at most: another worker's clock may be ahead, or it keeps its next poll for itself.
_QUIET = 2.0
_AT_ONCE = 100  # jobs that are read without letting the event loop do something else

Done = Callable[[Job], bool]
Told = Job | StoreUnavailable | None  # how it stands; why nobody knows; None: it is gone


class Waiting(OnLoop):
    """Everybody's look at the store is one: a thousand who wait cost a few queries, not a thousand timers.

    `sent_here`: how those jobs stand that this worker is sending.
    """

    def __init__(self, store: Store, sent_here: Mapping[str, Job]) -> None:
        self._store = store
        self._sent_here = sent_here
        self._waiting: dict[str, set[_Waiter]] = {}
        self._last: dict[str, tuple[Job, float]] = {}  # what was last told of a job, and when
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        self._stopped = False
        self._lost: float | None = None  # since when, by the loop's clock, looks have failed

    async def wait(
        self, job_id: str, done: Done, timeout: float, *, known: Job | None = None
    ) -> Job | None:
        """The job as soon as `done` holds of it, or as it stands after `timeout` seconds.

        `known`: how it stands now, as far as this worker can tell.
        """
        waiter = _Waiter(done, self._loop)
        self._waiting.setdefault(job_id, set()).add(
            waiter
        )  # before the look, so as to miss nothing
        try:
            job = known or await self._store.get(job_id)
            if job is None or timeout <= 0 or done(job):
                return job
            self._look_later()
            found = await waiter.told_within(timeout)
        finally:
            self._left(job_id, waiter)
        return found or await self._store.get(job_id)

    def tell(self, job: Job) -> None:
        """It has changed."""
        waiters = self._waiting.get(job.id)
        if waiters:
            self._last[job.id] = job, self._loop.time()
            for waiter in waiters:
                waiter.tell(job)

    def waits(self, job_id: str) -> bool:
        """Whether anybody waits for a job here."""
        return job_id in self._waiting

    def seen(self, job_id: str) -> Job | None:
        """What was last told of a job that is waited for."""
        last = self._last.get(job_id)
        return None if last is None else last[0]

    async def stop(self) -> None:
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def _left(self, job_id: str, waiter: "_Waiter") -> None:
        waiting = self._waiting[job_id]
        waiting.discard(waiter)
        if not waiting:
            del self._waiting[job_id]
            self._last.pop(job_id, None)

    def _look_later(self) -> None:
        if self._timer is None and not self._stopped:
            self._timer = self._loop.call_later(_LOOK, self._begin)

    def _begin(self) -> None:
        self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        """Read every job that is waited for, unless nothing can have happened to it."""
        due = self._to_read(time.time())
        names = iter(due)
        if not due:
            self._lost = None  # nobody has missed it: the next outage has all of its time
        try:
            while some := tuple(islice(names, _AT_ONCE)):
                await self._read(some)
                await asyncio.sleep(0)
        finally:
            self._timer = None
            if self._waiting:
                self._look_later()
            else:
                self._lost = None

    def _to_read(self, now: float) -> list[str]:
        """Those jobs to which anybody else may do something now. Of those that are being sent here one will
        do, to learn that the store is away; then all who wait for them are to be told."""
        due: list[str] = []
        here: list[str] = []
        for name in self._waiting:
            sent = self._sent_here.get(name)
            if sent is not None and sent.deadline > now:
                here.append(name)
            elif not self._quiet(name, now):
                due.append(name)
        return due + (here[:1] if self._lost is None else here)

    def _quiet(self, job_id: str, now: float) -> bool:
        """Whether a job was told of a moment ago, is not due yet, and its gateway does not call."""
        last = self._last.get(job_id)
        if last is None or last[1] < self._loop.time() - _QUIET:
            return False
        job = last[0]
        return not job.callback and job.deadline > now and _rests(job, now)

    async def _read(self, names: tuple[str, ...]) -> None:
        found: dict[str, Job] = {}
        lost: StoreUnavailable | None = None
        now = self._loop.time()
        try:
            found = {job.id: job for job in await self._store.several(names)}
            self._lost = None
        except StoreUnavailable as exc:
            self._lost = now if self._lost is None else self._lost
            if now - self._lost < _PATIENCE:
                return
            lost = exc
        for name in names:
            job = found.get(name)
            if job is not None:
                self.tell(job)
                continue
            for waiter in self._waiting.get(name, ()):
                waiter.tell(lost)


class _Waiter:
    def __init__(self, done: Done, loop: asyncio.AbstractEventLoop) -> None:
        self._done = done
        self._loop = loop
        self._future: asyncio.Future[Told] = loop.create_future()

    def tell(self, told: "Told") -> None:
        if not self._future.done() and (not isinstance(told, Job) or self._done(told)):
            self._future.set_result(told)

    async def told_within(self, seconds: float) -> Job | None:
        """The job of which it is done; None after so many seconds. Raises StoreUnavailable."""
        timer = self._loop.call_later(seconds, self.tell, None)
        try:
            told = await self._future
        finally:
            timer.cancel()
        if isinstance(told, StoreUnavailable):
            raise StoreUnavailable(str(told))  # its own: others are told of the same one
        return told


def _rests(job: Job, now: float) -> bool:
    """Whether all that is left of it has been sent, and nothing of that is due."""
    left = [task for task in job.tasks if task.state not in ENDED]
    for task in left:
        if task.state in SUBMITTING or task.at is None or task.at <= now:
            return False
    return bool(left)
