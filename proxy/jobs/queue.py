"""The loop behind every poll: leases what is due from the store, and never works on too much at once."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from proxy.store.base import Due, StoreUnavailable

if TYPE_CHECKING:
    from proxy.jobs.engine import Jobs

_LAST = 2.0  # seconds that polls have to end in when the proxy stops
_PARALLEL = 200
_SHARE = 50  # polls at one provider at a time: one that hangs does not keep the others waiting
_IDLE = 1.0  # seconds between looks at an empty queue: another worker may have died with work


class Queue:
    """`work`: what is done with a task that is due; it sets when the task is due again."""

    def __init__(self, jobs: "Jobs", work: Callable[[Due], Awaitable[None]]) -> None:
        self._jobs = jobs
        self._work = work
        self._wake = asyncio.Event()
        self._awake_at = 0.0  # by the clock of time.monotonic()
        self._soonest = 0.0  # what has become due since the store was last asked
        self._running: set[asyncio.Task[None]] = set()
        self._busy: Counter[str] = Counter()

    def wake(self, seconds: float = 0.0) -> None:
        """Something is due in so many seconds: the loop does not sleep longer than that."""
        at = time.monotonic() + seconds
        self._soonest = min(self._soonest, at)
        if at < self._awake_at:
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled: lease what is due, start it, and sleep until the next is."""
        try:
            while True:
                self._wake.clear()
                self._awake_at, self._soonest = 0.0, float("inf")
                pause = await self._safely()
                self._awake_at = min(time.monotonic() + pause, self._soonest)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._awake_at - time.monotonic()):
                        await self._wake.wait()
        finally:
            if self._running:
                await asyncio.wait(self._running, timeout=_LAST)
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _safely(self) -> float:
        try:
            return await self._round()
        except StoreUnavailable:
            return _IDLE
        except Exception as exc:  # our own fault must not end the only loop
            self._jobs.report(exc, "leasing polls")
            return _IDLE

    async def _round(self) -> float:
        """Start what is due; the seconds until there is more to do."""
        room = min(_SHARE, _PARALLEL - len(self._running))
        if room <= 0:
            return _IDLE
        providers = [name for name in self._jobs.accounts if not self._full(name)]
        due = await self._leased(providers, room)
        for one in due:
            self._busy[one.provider] += 1
            task = asyncio.create_task(self._guarded(one))
            self._running.add(task)
            task.add_done_callback(partial(self._ended, one.provider))
        if len(due) == room:
            return 0.0
        following = await self._jobs.store.next_due(providers)
        return _IDLE if following is None else min(max(following - time.time(), 0.0), _IDLE)

    async def _leased(self, providers: Sequence[str], limit: int) -> Sequence[Due]:
        until = time.time() + self._jobs.lease
        leasing = asyncio.ensure_future(
            self._jobs.store.lease(submitting=False, providers=providers, until=until, limit=limit)
        )
        try:
            return await asyncio.shield(leasing)
        except asyncio.CancelledError:
            with suppress(StoreUnavailable):
                await self._handed_back(await leasing)
            raise

    async def _handed_back(self, due: Iterable[Due]) -> None:
        """What we shall not do after all is for others, or for our successor, at once."""
        with suppress(StoreUnavailable):
            await self._jobs.store.postpone([(one, time.time()) for one in due])

    def _full(self, provider: str) -> bool:
        """Whether enough polls are under way there: half of its connections are for submits and chat."""
        account = self._jobs.accounts.get(provider)
        most = _SHARE if account is None else min(_SHARE, account.config.max_concurrency // 2)
        return self._busy[provider] >= max(most, 1)

    def _ended(self, provider: str, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self._full(provider) or len(self._running) >= _PARALLEL - _SHARE:
            self._wake.set()
        self._busy[provider] -= 1

    async def _guarded(self, due: Due) -> None:
        try:
            await self._work(due)
        except asyncio.CancelledError:
            await self._handed_back([due])
            raise
        except StoreUnavailable:
            return  # the lease runs out and the task is due again
        except Exception as exc:  # our own fault: ask again, but not without a pause
            self._jobs.report(exc, f"polling {due.job_id}")
            later = time.time() + self._jobs.config.jobs.poll_max
            with suppress(StoreUnavailable):
                await self._jobs.store.postpone([(due, later)])
