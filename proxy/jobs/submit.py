"""Sending a job: to its targets in order, each request at most once.

The first task alone decides where the job goes. A target is left for the next only when it has
certainly taken nothing; after the first acceptance, or a doubt, nothing is sent elsewhere.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TypeVar, TypeVarTuple

from proxy.accounts import Account, Seat
from proxy.errors import ApiError, GatewayDown, Throttled, from_down, from_failed_task
from proxy.failures import failure_of
from proxy.health import Attempt
from proxy.jobs import endings, transitions
from proxy.jobs.answered import Refused, answered
from proxy.jobs.held import Held
from proxy.jobs.outcome import dollars, redacted, wants_keeping
from proxy.jobs.start import Start, sending
from proxy.jobs.worker import Worker
from proxy.pricing import made_at_once, ordered_price
from proxy.retries import pause_before
from proxy.routing import Candidate, take_next
from proxy.store.base import Change, Due, Job, StoreUnavailable
from proxy.store.document import ENDED
from translators.core import State, Task

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_AGAIN = 0.5  # seconds between attempts to store what the gateway said


class GaveUp(Exception):
    """The job has moved on without us: nothing may be sent for it any more."""


class Submitter:
    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._held = Held(worker.store, worker.media)
        self._turns: dict[str, asyncio.Lock] = {}  # by job: whose further task waits for a place

    async def run(
        self, job: Job, candidates: Iterable[Candidate], start: Start | None = None
    ) -> None:
        """Send every task of a stored job; returns when each is accepted or has ended. Raises GaveUp.

        `start`: at the first of them, where the job is stored as on its way there already.
        """
        left, rest = list(candidates), range(1, len(job.tasks))
        refused: ApiError | None = None
        while left:
            candidate = take_next(left) if start is None else left.pop(0)
            result = await self._sent(job.id, 0, candidate, last=not left, start=start)
            start = None
            if isinstance(result, Refused):
                refused = result.error
                if left:
                    self._worker.metrics.fallbacks.add(candidate.account.name)
                continue
            if result.tasks[0].error and result.tasks[0].error["code"] == "submission_ambiguous":
                await self._fail_all(job.id, rest, endings.HELD_BACK)
                return
            if rest:
                await self._rest(job.id, rest, candidate)
            return
        assert refused is not None
        # Freed first: whoever sees the refusal may come again with the same key.
        await self._through(self._worker.store.release, job.id)
        await self._fail_all(job.id, range(len(job.tasks)), refused)

    async def _rest(self, job_id: str, indexes: Iterable[int], candidate: Candidate) -> None:
        """None of them ends the others' leases: each is awaited, whatever becomes of one."""
        self._turns[job_id] = asyncio.Lock()
        try:
            sent = (self._also(job_id, index, candidate) for index in indexes)
            for failure in await asyncio.gather(*sent, return_exceptions=True):
                if failure is not None:
                    raise failure
        finally:
            del self._turns[job_id]

    async def _also(self, job_id: str, index: int, candidate: Candidate) -> None:
        """A further task of a job whose first was taken: it stays with that target."""
        result = await self._sent(job_id, index, candidate, last=True)
        if isinstance(result, Refused):
            await self._fail(job_id, index, result.error)

    async def _sent(
        self,
        job_id: str,
        index: int,
        candidate: Candidate,
        *,
        last: bool,
        start: Start | None = None,
    ) -> Job | Refused:
        """Send a task. `last`: there is no other target, so that one which cannot now may be asked again."""
        account, tried = candidate.account, 1
        if candidate.plan.operation.poll is None and self._worker.media.writable.fault is not None:
            # Its answer would be its result, and nobody could keep that.
            if start is not None:
                start.leave()
            return Refused(endings.UNKEPT, None)
        while True:
            attempt = start.attempt if start else account.health.begin(candidate.target.model)
            seat, start = start.seat if start else None, None
            try:
                result = await self._send(job_id, index, candidate, attempt, seat)
            finally:
                attempt.left()
            failure = result.failure if last and isinstance(result, Refused) else None
            pause = pause_before(failure, account.config.retries, tried) if failure else None
            if pause is None:
                return result
            self._worker.metrics.retries.add(account.name)
            await asyncio.sleep(pause)
            tried += 1

    async def _fail_all(self, job_id: str, indexes: Iterable[int], error: ApiError) -> None:
        for index in indexes:
            await self._fail(job_id, index, error)

    async def _send(
        self, job_id: str, index: int, candidate: Candidate, attempt: Attempt, seat: Seat | None
    ) -> Job | Refused:
        account = candidate.account
        try:
            request = self._worker.driver.native(account, candidate.plan.request)
        except Exception as exc:  # our own fault, and nothing has gone out
            self._worker.report(exc, f"making the request of {job_id}")
            return Refused(endings.UNMADE, None)
        try:
            if seat is None:
                # Where the provider's rpm cannot be counted: nothing has gone out by then.
                seat = await self._seat(job_id, index, account)
                await self._change(job_id, sending(index, candidate, self._worker.lease))
            answer = await self._worker.driver.answer(account, request, seat=seat)
        except GatewayDown as down:
            attempt.ended(down)
            if down.certain:
                return Refused(from_down(down), failure_of(down))
            return await self._fail(job_id, index, endings.ambiguous(str(down)))
        finally:
            if seat is not None:
                seat.release()
        task = answered(candidate, answer, attempt, self._worker.redactor)
        if isinstance(task, Refused):
            return task
        if isinstance(task, ApiError):
            return await self._fail(job_id, index, task)
        if task.state is State.FAILED or task.state is State.SUCCEEDED:
            return await self._ended(job_id, index, candidate, task)
        return await self._accepted(job_id, index, candidate, task)

    async def _seat(self, job_id: str, index: int, account: Account) -> Seat:
        """A task's place at its gateway. The first may find that there is none, and its job go elsewhere.

        A further one stays with its job, which is taken: our own limits put it off and never refuse it. Of
        each job but one waits at a time, so that there is room left for what has one request to send.
        """
        if index == 0:
            return await self._through(self._worker.driver.seat, account)
        patient = partial(self._worker.driver.seat, account, crowded=True)
        async with self._turns[job_id]:
            while True:
                try:
                    return await self._through(patient)
                except Throttled as limit:
                    await asyncio.sleep(limit.retry_after or 1.0)
                job = await self._through(self._worker.store.get, job_id)
                if job is None or job.tasks[index].ended:
                    raise GaveUp(job_id)

    async def _ended(self, job_id: str, index: int, candidate: Candidate, task: Task) -> Job:
        """The gateway did it, or failed at it, before it answered."""
        now = time.time()
        account = candidate.account
        cost = dollars(task.cost, account)
        if task.state is State.FAILED:
            assert task.fault is not None
            error = from_failed_task(redacted(task.fault, self._worker.redactor))
            failed = transitions.failed(index, error, now=now, cost=cost, task_id=task.id)
            return await self._change(job_id, failed)
        if cost is None:
            cost = made_at_once(candidate, task)
        try:
            outcome = await self._held.outcome(job_id, index, task, account)
        except ApiError as exc:  # no room in time: what was paid for is lost, but not in doubt
            failed = transitions.failed(index, exc, now=now, cost=cost, task_id=task.id)
            return await self._change(job_id, failed)
        outcome.cost = cost
        keep = wants_keeping(outcome, self._worker.keep)
        change = transitions.fetching if keep else transitions.completed
        return await self._change(job_id, change(index, outcome, now=time.time()))

    async def _accepted(self, job_id: str, index: int, candidate: Candidate, task: Task) -> Job:
        """The gateway has it: what there is to do next is to ask after it."""
        assert task.id is not None, "a row reads an unfinished task only with its id"
        account, pause = candidate.account, self._worker.poll_min
        queue, cost = self._worker.queue, dollars(task.cost, account)
        now = time.time()
        due = Due(job_id, index, account.name, now + pause, now + self._worker.lease)
        keeps = queue.keeps(due, pause)
        change = transitions.accepted(
            index,
            task.id,
            at=due.until if keeps else due.at,
            cost=ordered_price(candidate) if cost is None else cost,
            running=task.state is State.RUNNING,
        )
        job = await self._change(job_id, change)
        if keeps and job.tasks[index].state not in ENDED:
            queue.keep(due)
        return job

    async def _fail(self, job_id: str, index: int, error: ApiError) -> Job:
        return await self._change(job_id, transitions.failed(index, error, now=time.time()))

    async def _change(self, job_id: str, change: Change) -> Job:
        while True:
            try:
                job = await self._worker.change(job_id, change)
            except StoreUnavailable as exc:
                await self._later(exc)
                continue
            if job is None:
                raise GaveUp(job_id)
            return job

    async def _through(self, work: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T:
        """Work on the store, however long it is away: nobody but us knows what the gateway said."""
        while True:
            try:
                return await work(*args)
            except StoreUnavailable as exc:
                await self._later(exc)

    async def _later(self, exc: StoreUnavailable) -> None:
        self._worker.away(exc)
        await asyncio.sleep(_AGAIN)
