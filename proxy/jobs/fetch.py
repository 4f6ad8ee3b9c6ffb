"""Storing what a finished task made, before its gateway's links die."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from proxy.accounts import Account
from proxy.errors import ApiError, GatewayDown
from proxy.jobs import transitions
from proxy.jobs.pauses import pause
from proxy.jobs.transitions import Outcome
from proxy.jobs.worker import Worker
from proxy.store.base import Due, Entry, Job, StoreUnavailable, Unanswered

_LONGEST = 300.0  # seconds for one file


class Fetcher:
    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def fetch(self, due: Due, job: Job, entry: Entry, account: Account) -> None:
        """Store a finished task's files; those that cannot be had any more stay links."""
        assets: list[dict[str, Any]] = []
        in_vain = True
        try:
            async with self._leased(due):
                for asset in entry.assets:
                    assets.append(await self._stored(asset, job, account))
            outcome = Outcome(assets=tuple(assets))
            in_vain = False  # should a stop cut this off, the store carries it out all the same
            done = await self._worker.change(
                due.job_id, transitions.completed(due.index, outcome, now=time.time())
            )
            in_vain = done is None or done.tasks[due.index].assets != assets
        except (GatewayDown, TimeoutError):
            self._worker.queue.later(due, pause(job, entry, self._worker.config))
        except StoreUnavailable as exc:
            in_vain = not isinstance(exc, Unanswered)
            raise
        finally:
            if in_vain:
                await self._worker.media.remove(_new(entry.assets, assets))

    async def _stored(self, asset: Mapping[str, Any], job: Job, account: Account) -> dict[str, Any]:
        """The asset with its file. Raises GatewayDown or TimeoutError where it may be had later."""
        if "file" in asset or "url" not in asset:
            return dict(asset)
        try:
            async with asyncio.timeout(_LONGEST):
                return await self._worker.media.keep(self._worker.driver, dict(asset), account)
        except (GatewayDown, TimeoutError, ApiError) as exc:
            alive = time.time() < asset.get("expires", job.deadline)
            # A link that is dead, or leads to more than the folder may hold, is so for good.
            final = isinstance(exc, ApiError) and (exc.status < 500 or exc.retry is False)
            if final or not alive:
                return dict(asset)
            if isinstance(exc, ApiError):
                raise GatewayDown(exc.message) from exc
            raise

    @asynccontextmanager
    async def _leased(self, due: Due) -> AsyncIterator[None]:
        """A file may take longer than a poll's lease: meanwhile nobody else begins to fetch it."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(self._worker.lease / 4)
                until = time.time() + self._worker.lease
                with suppress(StoreUnavailable):
                    await self._worker.store.postpone([(due, until)])

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)


def _new(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[str]:
    """The files that were stored in vain."""
    known = {one.get("file") for one in before}
    return [str(one["file"]) for one in after if "file" in one and one["file"] not in known]
