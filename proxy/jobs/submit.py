"""Sending a job: to its targets in order, each request at most once.

The first task alone decides where the job goes. A target is left for the next only when it has
certainly taken nothing; after the first acceptance, or a doubt, nothing is sent elsewhere.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from proxy.errors import ApiError, GatewayDown, from_down, from_failed_task, from_fault
from proxy.jobs import transitions
from proxy.jobs.outcome import dollars, ordered_price, outcome_of, redacted, wants_keeping
from proxy.jobs.transitions import Aim
from proxy.routing import Candidate
from proxy.store.base import Change, Job
from translators.core import Answer, Call, State, Task
from translators.errors import MalformedReply

if TYPE_CHECKING:
    from proxy.jobs.engine import Jobs

LEASE = 20.0  # seconds: how long a submit may go without its sender's sign of life


@dataclass(frozen=True, slots=True)
class Refused:
    """The gateway certainly took nothing."""

    error: ApiError


class GaveUp(Exception):
    """The job has moved on without us: nothing may be sent for it any more."""


class Submitter:
    def __init__(self, jobs: "Jobs") -> None:
        self._jobs = jobs

    async def run(self, job: Job, candidates: Sequence[Candidate]) -> None:
        """Send every task of a stored job; returns when each is accepted or has ended."""
        try:
            await self._run(job, candidates)
        except GaveUp:
            return

    async def _run(self, job: Job, candidates: Sequence[Candidate]) -> None:
        rest = range(1, len(job.tasks))
        refused: ApiError | None = None
        for candidate in candidates:
            result = await self._send(job.id, 0, candidate)
            if isinstance(result, Refused):
                refused = result.error
                continue
            if result.tasks[0].error and result.tasks[0].error["code"] == "submission_ambiguous":
                await self._not_sent(job.id, rest)
                return
            await asyncio.gather(*(self._also(job.id, index, candidate) for index in rest))
            return
        assert refused is not None
        for index in range(len(job.tasks)):
            await self._change(job.id, transitions.failed(index, refused, now=time.time()))
        await self._jobs.store.release(job.id)

    async def _also(self, job_id: str, index: int, candidate: Candidate) -> None:
        """A further task of a job whose first was taken: it stays with that target."""
        result = await self._send(job_id, index, candidate)
        if isinstance(result, Refused):
            await self._change(job_id, transitions.failed(index, result.error, now=time.time()))

    async def _not_sent(self, job_id: str, indexes: Sequence[int]) -> None:
        for index in indexes:
            await self._change(job_id, transitions.failed(index, transitions.LOST, now=time.time()))

    async def _send(self, job_id: str, index: int, candidate: Candidate) -> Job | Refused:
        account, plan = candidate.account, candidate.plan
        now = time.time()
        mark = transitions.sending(
            index,
            now=now,
            until=now + LEASE,
            aim=_aim(candidate),
            long=plan.operation.long,
        )
        with self._jobs.holding(job_id, index):
            await self._change(job_id, mark)
            try:
                answer = await self._jobs.driver.ask(account, plan.request)
            except GatewayDown as down:
                if down.certain:
                    return Refused(from_down(down))
                return await self._fail(job_id, index, transitions.ambiguous(str(down)))
            return await self._taken(job_id, index, candidate, answer)

    async def _taken(
        self, job_id: str, index: int, candidate: Candidate, answer: Answer
    ) -> Job | Refused:
        account, plan = candidate.account, candidate.plan
        fault = account.row.refuse(answer)
        if fault is not None:
            fault = redacted(fault, self._jobs.redactor)
            if fault.certain:
                return Refused(from_fault(fault))
            return await self._fail(job_id, index, transitions.ambiguous(fault.message))
        read = plan.operation.read
        assert read is not None, "only operations whose answer is read become jobs"
        call = Call(candidate.capability, plan.model, plan.request.body or {})
        try:
            task = read(answer, call)
        except MalformedReply as exc:
            why = f"its answer could not be read ({exc})"
            return await self._fail(job_id, index, transitions.ambiguous(why))
        if task.state is State.FAILED and task.id is None and task.fault and task.fault.certain:
            # Refused in the shape of a failed task: there is none.
            return Refused(from_fault(redacted(task.fault, self._jobs.redactor)))
        return await self._read(job_id, index, candidate, task)

    async def _read(self, job_id: str, index: int, candidate: Candidate, task: Task) -> Job:
        now = time.time()
        account = candidate.account
        cost = dollars(task.cost, account)
        if task.state is State.FAILED:
            assert task.fault is not None
            error = from_failed_task(redacted(task.fault, self._jobs.redactor))
            failed = transitions.failed(index, error, now=now, cost=cost, task_id=task.id)
            return await self._change(job_id, failed)
        if cost is None:
            cost = ordered_price(candidate)
        if task.state is State.SUCCEEDED:
            outcome = await outcome_of(task, account, self._jobs.media, now)
            outcome = replace(outcome, cost=cost)
            keep = wants_keeping(outcome, self._jobs.config)
            change = transitions.fetching if keep else transitions.completed
            return await self._change(job_id, change(index, outcome, now=now))
        assert task.id is not None, "a row reads an unfinished task only with its id"
        at = now + self._jobs.config.jobs.poll_min
        running = task.state is State.RUNNING
        taken = transitions.accepted(index, task.id, at=at, cost=cost, running=running)
        return await self._change(job_id, taken)

    async def _fail(self, job_id: str, index: int, error: ApiError) -> Job:
        return await self._change(job_id, transitions.failed(index, error, now=time.time()))

    async def _change(self, job_id: str, change: Change) -> Job:
        job = await self._jobs.change(job_id, change)
        if job is None:
            raise GaveUp(job_id)
        return job


def _aim(candidate: Candidate) -> Aim:
    return Aim(
        provider=candidate.account.name,
        target=str(candidate.target),
        native=candidate.plan.model,
        capability=candidate.capability.value,
        ordered={k: v for k, v in asdict(candidate.plan.ordered).items() if v is not None},
        dropped=candidate.plan.dropped,
    )
