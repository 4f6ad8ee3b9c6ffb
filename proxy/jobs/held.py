"""Results that came inside a gateway's answer, while the media folder does not take them.

They are paid for, and there is no link to fetch them by again: nobody has them but we.
"""

import asyncio
import time
from contextlib import suppress

from proxy.accounts import Account
from proxy.errors import ApiError
from proxy.jobs.outcome import outcome_of
from proxy.jobs.transitions import Outcome
from proxy.media import Media
from proxy.store.base import Store, StoreUnavailable
from translators.core import Task

_AGAIN = 0.5  # seconds between attempts to save one
_BEFORE = 1.0  # seconds before the deadline, at which others would end the job
_MOST = 256 << 20  # bytes


class Held:
    """Those of one worker: no more than fit into some memory."""

    def __init__(self, store: Store, media: Media) -> None:
        self._store = store
        self._media = media
        self._bytes = 0

    async def outcome(self, job_id: str, index: int, task: Task, account: Account) -> Outcome:
        """What the task brought, saved: if need be, and if there is room, as late as the job has time.

        Raises ApiError.
        """
        try:
            return await outcome_of(task, account, self._media, time.time())
        except ApiError as exc:
            error = exc
        size = sum(len(one.data or b"") for one in task.assets)
        if self._bytes + size > _MOST:
            raise error
        self._bytes += size
        try:
            while await self._wanted(job_id, index):
                await asyncio.sleep(_AGAIN)
                with suppress(ApiError):
                    return await outcome_of(task, account, self._media, time.time())
        finally:
            self._bytes -= size
        raise error

    async def _wanted(self, job_id: str, index: int) -> bool:
        try:
            job = await self._store.get(job_id)
        except StoreUnavailable:  # whoever is to note the result waits for it, too
            return True
        if job is None or job.tasks[index].ended:
            return False
        return time.time() < job.deadline - _BEFORE
