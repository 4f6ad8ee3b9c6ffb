"""Who waits for a job here: told what this worker does to it, and looking for what others do."""

import asyncio
import time
from collections.abc import Callable, Mapping
from itertools import islice

from proxy.deadlines import Times
from proxy.onloop import OnLoop
from proxy.store.base import NOTIFY, Due, Job, Store, StoreUnavailable
from proxy.store.document import ENDED, SUBMITTING

_LOOK = 0.5  # seconds between looks at the store: another worker may do the work
_PATIENCE = 5.0  # seconds without the store that who waits need not know of
# Seconds without a look at most: another worker's clock may be ahead, or it keeps its next poll for itself.
_QUIET = 2.0
_SAME = 0.001  # seconds: a store may round
_AT_ONCE = 100  # jobs that are read without letting the event loop do something else

Done = Callable[[Job], bool]
_Found = asyncio.Future[Job | None]


class Waiting(OnLoop):
    """Everybody's look at the store is one: a thousand who wait cost a few queries, not a thousand timers.

    `sending`: how those jobs stand that this worker is sending.
    """

    def __init__(self, store: Store, sending: Mapping[str, Job]) -> None:
        super().__init__()
        self._store = store
        self._sending = sending
        self._awaited: dict[str, _Awaited] = {}
        self._times: Times[_Found] = Times(_end)
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
        found: _Found = self._loop.create_future()
        waiter = done, found
        awaited = self._awaited.get(job_id)
        if awaited is None:
            awaited = self._awaited[job_id] = _Awaited()
        awaited.waiters.append(waiter)  # before the look, so as to miss nothing
        try:
            job = known or await self._store.get(job_id)
            if job is None or timeout <= 0 or done(job):
                return job
            self._look_later()
            self._times.begin(found, timeout)
            job = await found
        finally:
            self._times.end(found)
            awaited.waiters.remove(waiter)
            if not awaited.waiters:
                del self._awaited[job_id]
        return job or await self._store.get(job_id)

    def tell(self, job: Job) -> None:
        """It has changed."""
        awaited = self._awaited.get(job.id)
        if awaited is not None:
            awaited.told, awaited.at = job, self._loop.time()
            for done, found in awaited.waiters:
                if not found.done() and done(job):
                    found.set_result(job)

    def waits(self, job_id: str) -> bool:
        """Whether anybody waits for a job here."""
        return job_id in self._awaited

    def told(self, job_id: str) -> Job | None:
        """A job that is waited for here, as it was last told of."""
        awaited = self._awaited.get(job_id)
        return None if awaited is None else awaited.told

    def told_of(self, due: Due) -> Job | None:
        """… if the task is due as that says. Whoever has changed the task since has set another time; what
        else may be new, a change of the job finds out."""
        job = self.told(due.job_id)
        if job is None or due.index == NOTIFY:
            return None
        at = job.tasks[due.index].at
        same = at is not None and abs(at - due.at) < _SAME and job.provider == due.provider
        return job if same else None

    async def stop(self) -> None:
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

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
            if self._awaited:
                self._look_later()
            else:
                self._lost = None

    def _to_read(self, now: float) -> list[str]:
        """Those jobs to which anybody else may do something now. Of those that are being sent here one will
        do, to learn that the store is away; then all who wait for them are to be told."""
        due: list[str] = []
        here: list[str] = []
        earliest = self._loop.time() - _QUIET
        for name, awaited in self._awaited.items():
            sent = self._sending.get(name)
            if sent is not None and sent.deadline > now:
                here.append(name)
            elif awaited.at < earliest or not awaited.rests(now):
                due.append(name)
        return due + (here[:1] if self._lost is None else here)

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
            awaited = self._awaited.get(name)
            for _, waiting in () if awaited is None else awaited.waiters:
                _end(waiting, lost)


class _Awaited:
    """A job that is waited for. `told`: how it was last said to stand, `at` that time by the loop's clock."""

    __slots__ = ("at", "told", "waiters")

    def __init__(self) -> None:
        self.waiters: list[tuple[Done, _Found]] = []
        self.told: Job | None = None
        self.at = 0.0

    def rests(self, now: float) -> bool:
        """Whether all that is left of it has been sent, nothing of that is due, and its gateway does not call."""
        job = self.told
        if job is None or job.callback or job.deadline <= now:
            return False
        some = False
        for task in job.tasks:
            if task.state in ENDED:
                continue
            if task.state in SUBMITTING or task.at is None or task.at <= now:
                return False
            some = True
        return some


def _end(found: _Found, lost: StoreUnavailable | None = None) -> None:
    """The job is gone, its waiter's time is over, or nobody knows how it stands."""
    if found.done():
        return
    if lost is None:
        found.set_result(None)
    else:
        found.set_exception(StoreUnavailable(str(lost)))  # its own: others are told, too
