"""Jobs in Redis or Valkey: for several replicas of the proxy on several machines."""

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from math import inf
from typing import Any
from weakref import WeakValueDictionary

from proxy.store import redis_index as index
from proxy.store import redis_list_scripts as lists
from proxy.store import redis_queue_scripts as queue
from proxy.store import redis_scripts as scripts
from proxy.store.base import Change, Due, Job, KeyReused, Page, StoreUnavailable, Unanswered
from proxy.store.due import farthest
from proxy.store.ledger import charged
from proxy.store.money import Budget
from proxy.store.redis_accounts import RedisAccounts, limited, over
from proxy.store.redis_index import difference, digest, milliseconds
from proxy.store.redis_server import Server

_MARK = 16  # characters before a document, which no other state of any job has
_LONGEST_PAUSE = 0.02  # seconds before a job that others change all the time is tried again


class RedisStore(RedisAccounts):
    """The `Store` of base.py, on one Redis (6 or later) or Valkey, or on one slot of a cluster.

    What this promises about paid jobs is what the server promises about its memory. `appendonly yes` with
    `appendfsync always` writes each change to the disk before it is acknowledged: then nothing is lost when
    server or machine fail. With `everysec` up to a second may be: a job whose key or task id goes with it is
    not submitted again by the proxy, but its result is paid and gone, and its client's repetition is a new
    one. Without `appendonly` a restart forgets up to everything. Replicas are behind their primary by a
    little: a failover loses that too. `maxmemory-policy` must be `noeviction`.

    `clock` tells Unix seconds. Replicas compare what it tells with times that others wrote: their clocks
    should agree (NTP) to well within a lease of 20 seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], float] = time.time,
        prefix: str = "{anygate}:",
    ) -> None:
        """`prefix`: of all keys; its hash tag keeps them in one slot. Raises ValueError for a wrong URL."""
        super().__init__(Server(url), clock, prefix)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def create(
        self,
        job: Job,
        *,
        key: str | None = None,
        retry: int = 0,
        recent: float = 1800.0,
        budget: Budget | None = None,
    ) -> Job:
        stored = _marked(job)
        arguments = (
            job.id,
            stored,
            "" if key is None else digest(job.owner, key),
            digest(job.owner, job.fingerprint),
            retry,
            job.created_at - recent,
            job.created_at,
            milliseconds(recent),
            difference(None, job),
            *limited(job.owner, budget, charged(job), job.created_at),
        )
        try:
            outcome, *found = await self._lane.call(scripts.CREATE, *arguments)
        except Unanswered:
            stands = None
            with suppress(StoreUnavailable):  # which says less than the first error
                stands = await self._lane.call(scripts.GET, job.id)
            if stands != stored:
                raise
            return job
        match outcome:
            case b"joined":
                return _job(found[0])
            case b"reused":
                raise KeyReused("this Idempotency-Key came with another request before")
            case b"over" if budget is not None:
                raise over(budget, found, charged(job), job.created_at)
            case b"twice":
                raise ValueError(f"there is a job {job.id} already")
        return job

    async def get(self, job_id: str) -> Job | None:
        raw = await self._lane.call(scripts.GET, job_id)
        return None if raw is None else _job(raw)

    async def several(self, job_ids: Sequence[str]) -> list[Job]:
        found = await asyncio.gather(*map(self.get, job_ids))  # which the lane sends together
        return [job for job in found if job is not None]

    async def update(self, job_id: str, change: Change, *, known: Job | None = None) -> Job | None:
        return await self._to_its_end(self._update(job_id, change))

    async def _update(self, job_id: str, change: Change) -> Job | None:
        """Compare and set until nobody else has changed the job meanwhile.

        Those of one process take turns: only other processes are in the way.
        """
        async with self._locks.setdefault(job_id, asyncio.Lock()):
            raw = await self._lane.call(scripts.GET, job_id)
            pause = 0.0
            while raw is not None:
                old = _job(raw)
                new = change(old)
                if new is None or new == old:
                    return new
                found = await self._replace(raw, _marked(new), old, new)
                if found == 1:
                    return new
                raw = found
                pause = min(2 * pause + 0.001, _LONGEST_PAUSE)
                await asyncio.sleep(random.uniform(0.0, pause))
            return None

    async def _replace(self, raw: bytes, stored: bytes, old: Job, new: Job) -> Any:
        """1 where it was done, else what stands there."""
        free = int(new.given_up and not old.given_up)
        arguments = (new.id, raw[:_MARK], stored, difference(old, new), free)
        try:
            return await self._lane.call(scripts.UPDATE, *arguments)
        except Unanswered as exc:
            found = await self._lane.call(scripts.UPDATE, *arguments)  # not done twice: by the mark
            if found == stored:
                return 1
            if found != 1:
                raise exc  # done and changed again since, or never done
            return found

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
        names = [] if kinds is None else sorted(set(kinds))
        if kinds is not None and not names:
            return Page([], has_more=False)
        more, *found = await self._lane.call(
            lists.PAGE,
            index.owned_by(owner),
            "" if status is None else f"/{status}",
            *index.page_range(after, ascending=ascending),
            limit,
            *names,
        )
        return Page([_job(raw) for raw in found], has_more=more == 1)

    async def lease(
        self,
        *,
        submitting: bool,
        providers: Iterable[str] | None,
        until: float,
        limit: int,
        longest: float = inf,
    ) -> list[Due]:
        known = [] if providers is None else sorted(set(providers))
        if limit <= 0 or (providers is not None and not known):
            return []
        kind, now = index.queue_name("", submitting=submitting), self._clock()
        names = index.queue_names(known, submitting=submitting)
        far = [] if longest == inf else farthest(known, now, longest)
        found = await self._lane.call(
            queue.LEASE, kind, now, until, limit, len(names), *names, *far
        )
        texts = [one.decode() for one in found]
        rows = zip(texts[::3], texts[1::3], texts[2::3], strict=True)
        return [index.due_of(*row, until) for row in rows]

    async def postpone(self, due: Iterable[tuple[Due, float]]) -> None:
        moves = [argument for one, at in due for argument in (at, one.index, one.job_id)]
        await self._lane.call(queue.POSTPONE, *moves)

    async def next_due(self, providers: Iterable[str]) -> float | None:
        names = index.queue_names(providers, submitting=False)
        at = await self._lane.call(queue.NEXT_DUE, *names)
        return None if at is None else float(at)

    async def renew(self, tasks: Iterable[tuple[str, int]], until: float) -> None:
        held = [argument for job_id, number in tasks for argument in (number, job_id)]
        await self._lane.call(queue.RENEW, until, *held)

    async def overdue(self, limit: int) -> list[str]:
        places = await self._lane.call(lists.OVERDUE, self._clock(), limit)
        return [index.id_of(one.decode()) for one in places]

    def delivered(self, *jobs: Job) -> Awaitable[object]:
        return asyncio.gather(*[self._lane.call(scripts.DELIVERED, one.id) for one in jobs])

    async def release(self, job_id: str) -> None:
        await self._lane.call(scripts.RELEASE, job_id)

    async def purge(self, completed_before: float, limit: int) -> list[Job]:
        return await self._to_its_end(self._purge(completed_before, limit))

    async def _purge(self, completed_before: float, limit: int) -> list[Job]:
        """Each is removed as it was found, or found again: other workers purge too."""
        gone: list[Job] = []
        while len(gone) < limit:
            found = await self._lane.call(scripts.FINISHED, completed_before, limit - len(gone))
            if not found:
                break
            jobs = [_job(raw) for raw in found]
            calls = [
                self._lane.call(scripts.REMOVE, job.id, raw[:_MARK], difference(job, None))
                for job, raw in zip(jobs, found, strict=True)
            ]
            answers = await asyncio.gather(*calls, return_exceptions=True)
            gone += [job for job, answer in zip(jobs, answers, strict=True) if answer == 1]
            failed = [one for one in answers if isinstance(one, BaseException)]
            if failed and not gone:  # else their media is to be removed all the same
                raise failed[0]
            if failed:
                break
        return gone

    async def counts(self) -> dict[tuple[str, str], int]:
        found = await self._lane.call(lists.COUNTS)
        names = (name.decode().partition(":") for name in found[::2])
        rows = zip(names, found[1::2], strict=True)
        return {(provider, status): int(number) for (status, _, provider), number in rows}


def _marked(job: Job) -> bytes:
    return secrets.token_urlsafe(_MARK * 3 // 4).encode() + job.encode()


def _job(raw: bytes) -> Job:
    return Job.decode(raw[_MARK:])
