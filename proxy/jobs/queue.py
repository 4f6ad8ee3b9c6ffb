"""The loop behind every poll: leases what is due from the store, and never works on too much at once."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from proxy.jobs.ahead import BREATH, Ahead
from proxy.jobs.in_force import InForce
from proxy.jobs.waiting import Waiting
from proxy.onloop import OnLoop
from proxy.store.base import NOTIFY, WEBHOOKS, Due, Job, Store, StoreUnavailable
from proxy.store.document import SUBMITTING

_LAST = 2.0  # seconds that polls have to end in when the proxy stops
_SHARE = 50  # polls at one provider at a time, whatever the others do: one that hangs keeps none of them waiting
_IDLE = 1.0  # seconds between looks at an empty queue: another worker may have died with work

_Place = tuple[str, int]  # a job, and the index of its task
# What is done with a task that is due, and its job; it sets when the task is due again. None: nothing to do.
Work = Callable[[Due, Job | None], Awaitable[None] | None]


class Queue(OnLoop):
    """What is due, and when; `waiting`: who waits for jobs here."""

    def __init__(self, in_force: InForce, store: Store, waiting: Waiting) -> None:
        super().__init__()
        self._in_force = in_force
        self._store = store
        self._waiting = waiting
        self._wake = asyncio.Event()
        self._awake_at = 0.0  # by the clock of time.monotonic()
        self._soonest = 0.0  # what has become due since the store was last asked
        self._later: list[tuple[Due, float]] = []
        self._under_way: dict[_Place, asyncio.Task[None]] = {}
        self._again: set[_Place] = set()  # those that are due again at once
        self._busy: defaultdict[str, int] = defaultdict(int)
        self._ahead = Ahead(self._room, self._begin, lambda due: self._postpone(due, due.at))
        self._ours: defaultdict[str, int] = defaultdict(int)  # kept ones that are being polled
        self._others: set[str] = set()  # providers of what the store gave out last
        self._left_out: frozenset[str] = frozenset()  # those that had no room when it was asked
        self._stopping = False

    def wake(self, seconds: float = 0.0) -> None:
        """Something is due in so many seconds: the loop does not sleep longer than that."""
        at = time.monotonic() + seconds
        self._soonest = min(self._soonest, at)
        if at < self._awake_at:
            self._wake.set()

    def later(self, due: Due, seconds: float) -> None:
        """What we have leased is due again in so many seconds: kept here or, for others too, in the store, which
        is written with the next round. Should that fail, its lease runs out."""
        now = time.time()
        if self._stopping or due.index == NOTIFY or not self.keeps(due, seconds):
            self._postpone(due, now + seconds)
            return
        at, lease = now + seconds, self._in_force.lease
        until = min(due.until, now + lease)  # the clock may have been set back
        if until - at < lease * 3 / 4:
            until = now + lease
            self._postpone(due, until)
        self._ahead.keep(Due(due.job_id, due.index, due.provider, at, until))

    def keeps(self, due: Due, seconds: float) -> bool:
        """Whether a task that is due in so many seconds is not left to others meanwhile: its client waits here,
        the rest of the lease is long enough for the poll, and there is room for kept tasks beside the store's.
        One place alone is the store's: a kept task would only wait for it in vain, as it would for a provider that
        is configured no more."""
        near = seconds <= self._in_force.lease / 4 and self._waiting.waits(due.job_id)
        room = due.provider in self._in_force.accounts and self._most(due.provider) > 1
        return near and room

    def keep(self, due: Due) -> None:
        """A task whose lease is ours, and which is due in a moment."""
        if self._stopping:
            self._postpone(due, due.at)
        else:
            self._ahead.keep(due)

    def _postpone(self, due: Due, at: float) -> None:
        self._later.append((due, at))
        self.wake(min(at - time.time(), BREATH))

    def called(self, due: Due) -> None:
        """Its gateway says that it is done: it is due now. What a poll that is under way hears may be older."""
        place = due.job_id, due.index
        if place in self._under_way:
            self._again.add(place)
        else:
            self._ahead.taken(due)
            self._postpone(due, time.time())

    async def run(self, work: Work) -> None:
        """Until cancelled: lease what is due, do the work on it, and sleep until the next is."""
        self._work = work
        try:
            while True:
                self._wake.clear()
                self._awake_at, self._soonest = 0.0, float("inf")
                began = time.monotonic()
                pause = await self._safely()
                self._awake_at = min(time.monotonic() + pause, self._soonest)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._awake_at - time.monotonic()):
                        await self._wake.wait()
                if pause > 0:
                    await asyncio.sleep(began + BREATH - time.monotonic())
        finally:
            self._stopping = True
            for due in self._ahead.given_up():
                self._postpone(due, due.at)
            if self._under_way:
                await asyncio.wait(self._under_way.values(), timeout=_LAST)
            left = list(self._under_way.values())
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            await self._postponed()

    async def _safely(self) -> float:
        try:
            return await self._round()
        except StoreUnavailable:
            return _IDLE
        except Exception as exc:  # our own fault must not end the only loop
            self._in_force.report(exc, "leasing polls")
            return _IDLE

    async def _round(self) -> float:
        """Start what is due; the seconds until there is more to do."""
        names = (*self._in_force.accounts, WEBHOOKS)
        providers = [name for name in names if self._busy[name] < self._most(name)]
        self._left_out = frozenset(names).difference(providers)
        postponing = asyncio.create_task(self._postponed())  # first, in the lease's own transaction
        try:
            due = await self._leased(providers, _SHARE)
        finally:
            await postponing
        self._others = {one.provider for one, _ in due}
        for one, job in due:
            self._ahead.taken(one)  # whose lease has run out, then
            self._start(one, job)
        if len(due) == _SHARE:
            return 0.0
        following = await self._store.next_due(providers)
        return _IDLE if following is None else min(max(following - time.time(), 0.0), _IDLE)

    def _start(
        self, due: Due, job: Job | None, *, kept: bool = False, unread: bool = False
    ) -> None:
        place = due.job_id, due.index
        if place in self._under_way:  # its lease ran out before its poll ended
            self._again.add(place)
            return
        self._busy[due.provider] += 1
        self._ours[due.provider] += kept
        polling = self._guarded(place, due, job, kept=kept, unread=unread)
        self._under_way[place] = self._loop.create_task(polling)

    def _begin(self, due: Due) -> None:
        job = self._waiting.told(due.job_id)
        # Where the gateway calls, another worker may have been called meanwhile.
        unread = job is None or bool(job.callback) or job.tasks[due.index].state in SUBMITTING
        self._start(due, job, kept=True, unread=unread)

    def _room(self, provider: str) -> bool:
        """For a kept task: all places but one, or half of them where others are due in the store, too."""
        most = self._most(provider)
        ours = most // 2 if provider in self._others else most - 1
        return self._busy[provider] < most and self._ours[provider] < ours

    async def _leased(
        self, providers: Sequence[str], limit: int
    ) -> Sequence[tuple[Due, Job | None]]:
        leasing = asyncio.create_task(self._read(providers, limit))
        try:
            return await asyncio.shield(leasing)
        except asyncio.CancelledError:
            with suppress(StoreUnavailable):
                for due, _ in await leasing:
                    self.later(due, 0.0)
            raise

    async def _read(self, providers: Sequence[str], limit: int) -> Sequence[tuple[Due, Job | None]]:
        store, until = self._store, time.time() + self._in_force.lease
        due = await store.lease(
            submitting=False,
            providers=providers,
            until=until,
            limit=limit,
            longest=self._in_force.longest,
        )
        seen = [self._waiting.told_of(one) for one in due]
        unseen = {one.job_id for one, job in zip(due, seen, strict=True) if job is None}
        found = await store.several(list(unseen)) if unseen else []
        read = {job.id: job for job in found}
        return [(one, job or read.get(one.job_id)) for one, job in zip(due, seen, strict=True)]

    async def _postponed(self) -> None:
        later, self._later = self._later, []
        if not later:
            return
        try:
            await self._store.postpone(later)
        except StoreUnavailable:
            for due, _ in later:
                self._ahead.taken(due)  # its lease was not drawn out

    def _most(self, provider: str) -> int:
        """Polls that may be under way there at once: half of its connections are for submits and chat."""
        account = self._in_force.accounts.get(provider)
        most = _SHARE if account is None else account.max_concurrency // 2
        return _SHARE if most > _SHARE else most or 1

    async def _guarded(
        self, place: _Place, due: Due, job: Job | None, *, kept: bool, unread: bool
    ) -> None:
        try:
            if unread:
                job = await self._store.get(due.job_id)
            work = self._work(due, job)
            if work is not None:
                await work
        except asyncio.CancelledError:
            self._again.add(place)  # for others, or for our successor, at once
            raise
        except StoreUnavailable:
            return  # the lease runs out and the task is due again
        except Exception as exc:  # our own fault: ask again, but not without a pause
            self._in_force.report(exc, f"polling {due.job_id}")
            self.later(due, self._in_force.config.jobs.poll_max)
        finally:
            self._left(place, due, kept)

    def _left(self, place: _Place, due: Due, kept: bool) -> None:
        if due.provider in self._left_out:
            self._wake.set()
        del self._under_way[place]
        self._busy[due.provider] -= 1
        self._ours[due.provider] -= kept
        if place in self._again:
            self._again.discard(place)
            self._ahead.taken(due)
            self._postpone(due, time.time())
