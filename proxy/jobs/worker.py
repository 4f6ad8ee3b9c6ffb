"""What the parts of one worker's job engine share, and the one way in which they change a job."""

# Else each change of a job would evaluate the annotations of the function that notes it.
from __future__ import annotations

import time
from collections.abc import Sequence

from proxy.errors import ApiError
from proxy.jobs.in_force import InForce, log
from proxy.jobs.outcome import files_of
from proxy.jobs.queue import Queue
from proxy.jobs.waiting import Waiting
from proxy.media import Media
from proxy.metrics import Metrics
from proxy.runtime import Runtime
from proxy.store.base import Change, Job, Store
from proxy.store.document import ENDED
from proxy.store.due import polled_at


class Worker(InForce):
    """`sending`: how those jobs stand that this worker is sending; `waiting`: who waits for jobs here; `queue`:
    what is due when."""

    def __init__(self, store: Store, media: Media, runtime: Runtime, metrics: Metrics) -> None:
        super().__init__(runtime)
        self.store = store
        self.media = media
        self.metrics = metrics
        self.sending: dict[str, Job] = {}
        self.waiting = Waiting(store, self.sending)
        self.queue = Queue(self, store, self.waiting)

    async def change(self, job_id: str, change: Change, *, known: Job | None = None) -> Job | None:
        """Apply a transition and tell whoever waits for the job here. `known`: how it was last seen."""
        before: Job | None = None

        def noted(job: Job) -> Job | None:
            nonlocal before
            before = job
            return change(job)

        known = self.sending.get(job_id, known)
        job = await self.store.update(job_id, noted, known=known)
        if job is None:
            return None
        if job_id in self.sending:
            self.sending[job_id] = job
        self.waiting.tell(job)
        if (at := polled_at(job)) is not None:
            self.queue.wake(at - time.time())
        if job.status in ENDED:
            self.metrics.job_changed(before or job, job, self.models)
            if names := [*job.media, *(files_of(job) if job.deleted else ())]:
                await self._unpublished(names)
        return job

    async def _unpublished(self, names: Sequence[str]) -> None:
        """What the store has noted stands, whatever the disk says to that."""
        try:
            await self.media.unpublish(names)
        except ApiError as exc:
            log.error("%d public links cannot be ended: %s", len(names), exc.message)
