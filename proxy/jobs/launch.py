"""How a job begins: stored and sent by a task of its own, which goes on when its client leaves."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from proxy.jobs.start import Beginning, Start
from proxy.jobs.submit import GaveUp, Submitter
from proxy.jobs.upkeep import Upkeep
from proxy.jobs.worker import Worker
from proxy.onloop import OnLoop
from proxy.routing import Candidate, take_next
from proxy.store.base import Entry, Job, StoreUnavailable, Unanswered
from proxy.store.money import Budget

# Copies of them cost less than to make an entry: each of its fields is set by itself.
_NEW = Entry().but()
_SENDING = _NEW.but(state="sending")


@dataclass(slots=True, eq=False)
class Order:
    """A job as it is to be stored. `stored`: is told which job it is: this one, or one that it joins."""

    job: Job
    beginning: Beginning
    stored: "asyncio.Future[Job]"

    def over(self) -> None:
        self.beginning.leave()
        if not self.stored.done():
            self.stored.set_exception(StoreUnavailable("the proxy is stopping"))


class Launcher(OnLoop):
    def __init__(self, worker: Worker, upkeep: Upkeep) -> None:
        super().__init__()
        self._worker = worker
        self._submitter = Submitter(worker)
        self._upkeep = upkeep
        self._under_way: dict[Order, asyncio.Task[None]] = {}

    def begin(self, candidates: Sequence[Candidate], number: int) -> Beginning:
        """See `Jobs.begin`."""
        left = list(candidates)
        first = take_next(left)
        seat = self._worker.driver.seat_at_once(first.account)
        now = time.time()
        until = now + self._worker.lease
        if seat is None:
            return Beginning(candidates, [_NEW.but(at=until) for _ in range(number)])
        attempt = first.account.health.begin(first.target.model)
        tasks = [_SENDING.but(at=until, submitted_at=now)]
        tasks += [_NEW.but(at=until) for _ in range(1, number)]
        start = Start(seat, attempt, until)
        return Beginning((first, *left), tasks, start, first.plan.operation.long)

    def start(
        self,
        job: Job,
        beginning: Beginning,
        *,
        key: str | None,
        retry: int,
        budget: Budget | None,
    ) -> Awaitable[Job]:
        """See `Jobs.start_job`."""
        stored: asyncio.Future[Job] = self._loop.create_future()
        order = Order(job, beginning, stored)
        self._under_way[order] = self._loop.create_task(self._begin(order, key, retry, budget))
        return stored

    async def stop(self, drain: float) -> None:
        """Let what is under way end, for up to `drain` seconds."""
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=drain)
        left = dict(self._under_way)
        for task in left.values():
            task.cancel()
        await asyncio.gather(*left.values(), return_exceptions=True)
        for order in left:
            self._under_way.pop(order, None)
            order.over()  # of those that were cancelled before they had begun, too

    async def _begin(
        self, order: Order, key: str | None, retry: int, budget: Budget | None
    ) -> None:
        job = order.job
        try:
            made = await self._created(job, key, retry, budget)
            if not order.stored.done():  # its client has not left
                order.stored.set_result(made)
            if made.id == job.id:
                self._worker.sending[job.id] = job
                await self._submitter.run(job, order.beginning.candidates, self._begins(order))
        except GaveUp:
            pass
        except Exception as exc:
            if order.stored.done():  # settled like a crash: by the lease that nobody renews
                self._worker.report(exc, f"sending {job.id}")
            else:
                order.stored.set_exception(exc)
        finally:
            self._worker.sending.pop(job.id, None)
            del self._under_way[order]
            order.over()

    async def _created(self, job: Job, key: str | None, retry: int, budget: Budget | None) -> Job:
        worker = self._worker
        recent = worker.job_timeout
        made: Job | None = None
        try:
            made = await worker.store.create(
                job, key=key, retry=retry, recent=recent, budget=budget
            )
        except (Unanswered, asyncio.CancelledError):  # it may have been stored all the same
            self._upkeep.retract(job)
            raise
        finally:
            if job.media and (made is None or made.id != job.id):
                await worker.media.remove(job.media)
        return made

    def _begins(self, order: Order) -> Start | None:
        """How it begins now that it is stored. None where that took so long that others may have taken the job
        for an orphan: it is marked anew."""
        start = order.beginning.start
        if start is None:
            return None
        start.seat.stored()
        if time.time() < start.until - self._worker.lease / 2:
            return start
        start.leave()
        return None
