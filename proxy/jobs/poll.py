"""The only poll loop: every unfinished task of every client, from one queue in the store."""

import time
from collections.abc import Awaitable
from dataclasses import replace

from proxy.accounts import Account
from proxy.deadlines import Deadlines
from proxy.errors import ApiError, GatewayDown, Throttled, from_failed_task
from proxy.failures import failure_of, fault_of
from proxy.jobs import endings, transitions
from proxy.jobs.fetch import Fetcher
from proxy.jobs.leased import seconds_for
from proxy.jobs.notify import Notifier
from proxy.jobs.outcome import dollars, outcome_of, redacted, wants_keeping
from proxy.jobs.pauses import LONGEST, pause
from proxy.jobs.worker import Worker
from proxy.pricing import with_result
from proxy.store.base import NOTIFY, Due, Entry, Job
from proxy.store.document import ENDED, SUBMITTING
from translators.core import Capability, Operation, Seen, State, Task
from translators.errors import Fault, FaultKind, MalformedReply

_IN_LINE = 0.8  # of a poll's time: it waits no longer for its place among the provider's
# To ask the enum itself takes five times as long.
_CAPABILITIES = {one.value: one for one in Capability}


class Poller:
    """What is done with a task that is due."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._fetcher = Fetcher(worker)
        self._limits = Deadlines()
        self._notifier = Notifier(worker, self._limits)

    def poll(self, due: Due, job: Job | None) -> Awaitable[None] | None:
        """Ask after a task, or fetch or tell what it brought; sets when it is due again. None: nothing to do."""
        if due.index == NOTIFY:
            return self._notifier.notify(due, job)
        account = self._worker.accounts.get(due.provider)
        if account is None:
            self._worker.queue.later(due, 0.0)  # for when a reload brings its provider back
            return None
        if job is None:
            return None
        entry = job.tasks[due.index]
        if entry.state in ENDED or entry.state in SUBMITTING:
            return None
        if entry.state == "fetching":
            return self._fetcher.fetch(due, job, entry, account)
        return self._ask(due, job, entry, account)

    async def _ask(self, due: Due, job: Job, entry: Entry, account: Account) -> None:
        operation = operation_of(job, account)
        if operation is None or operation.poll is None or entry.task_id is None:
            raise LookupError(f"{job.target} is not polled")
        path = operation.poll.paths[entry.poll_path % len(operation.poll.paths)]
        now = time.time()
        self._worker.metrics.poll_lag.observe(account.name, value=max(0.0, now - due.at))
        limit = seconds_for(due, self._worker.lease)
        if limit is None:
            return
        try:
            # All of it is to be over by then: an answer that comes drop by drop would outlast its lease.
            # Nor is it the gateway's silence where our own limits leave no place for it.
            asking = self._worker.driver.ask(
                account,
                path,
                task_id=entry.task_id,
                poll=limit * _IN_LINE,
                timeout=account.untimed,
            )
            answer = await self._limits.within(limit, asking)
        except Throttled as throttled:
            self._worker.queue.later(due, throttled.retry_after or 1.0)
            return
        except (GatewayDown, TimeoutError) as exc:
            account.health.note(failure_of(exc))
            await self._again(due, job, "It gave no answer when it was last asked.")
            return
        fault = account.row.refuse(answer)
        if fault is not None:
            account.health.note(fault_of(fault))
            waits = replace(fault, retry_after=self._believed(fault, job))
            await self._bad(due, job, operation, waits, answer.status)
            return
        try:
            task = operation.poll.read(answer, Seen(entry.task_id))
        except MalformedReply as exc:
            account.health.note(failure_of(exc))
            if not await self._moved(due, job, operation):
                await self._again(due, job, f"Its last answer could not be read ({exc}).")
            return
        await self._shown(due, job, operation, account, task)

    async def _bad(
        self, due: Due, job: Job, operation: Operation, fault: Fault, status: int
    ) -> None:
        """An error instead of a state: asked again later, elsewhere if the row knows another path."""
        unknown = status in (404, 405) or fault.kind is FaultKind.NOT_FOUND  # or so under HTTP 200
        if unknown and await self._moved(due, job, operation):
            return
        said = endings.last_said(redacted(fault, self._worker.redactor).message)
        await self._again(due, job, said, fault.retry_after or 0.0)

    async def _moved(self, due: Due, job: Job, operation: Operation) -> bool:
        """Whether there is another path, where the task is asked after next.

        Round and round: a task may show up late, on whichever path it is that knows it.
        """
        assert operation.poll is not None
        entry = job.tasks[due.index]
        paths = len(operation.poll.paths)
        path = (entry.poll_path + 1) % paths
        if paths == 1 or not (path or due.at < job.deadline):
            return False
        moved = transitions.progressed(
            due.index,
            at=time.time() + (0.0 if path else pause(job, entry, self._worker.config)),
            running=False,
            progress=0,
            poll_path=path,
        )
        await self._worker.change(job.id, moved, known=job)
        return True

    async def _again(
        self, due: Due, job: Job, said: str = "", wait: float = 0.0, cost: float | None = None
    ) -> None:
        """Ask again later, in `wait` seconds or more: one bad poll never fails a job. The deadline does, by the
        poll that is due then: so it takes no result that lies ready, however late that poll comes. `cost`: USD,
        as far as this one told it."""
        if due.at < job.deadline:
            self._worker.queue.later(
                due, max(pause(job, job.tasks[due.index], self._worker.config), wait)
            )
            return
        ended = endings.asked_in_vain(due.index, said, now=time.time(), cost=cost)
        await self._worker.change(job.id, ended, known=job)

    def _believed(self, fault: Fault, job: Job) -> float:
        """Seconds until a gateway that is busy is asked again: as it says, but a result that is paid for
        must not be lost by it."""
        longest = self._worker.config.jobs.poll_max
        wait = fault.retry_after or (longest if fault.kind is FaultKind.RATE else 0.0)
        return min(wait, max(longest, LONGEST), max(0.0, job.deadline - time.time()) / 2)

    async def _shown(
        self, due: Due, job: Job, operation: Operation, account: Account, task: Task
    ) -> None:
        now, entry = time.time(), job.tasks[due.index]
        if task.state is State.FAILED:
            assert task.fault is not None
            error = from_failed_task(redacted(task.fault, self._worker.redactor))
            cost = dollars(task.cost, account)
            failed = transitions.failed(due.index, error, now=now, cost=cost)
            await self._worker.change(job.id, failed, known=job)
        elif task.state is State.SUCCEEDED:
            cost = dollars(task.cost, account)
            if cost is None:
                models = job.target.partition("/")[2], job.native
                cost = with_result(entry.cost, task, operation, account, *models)
            try:
                outcome = await outcome_of(task, account, self._worker.media, now)
            except ApiError:  # the media folder cannot be written: the gateway says it again
                await self._again(due, job, "Its result could not be kept here.", cost=cost)
                return
            outcome.cost = cost
            outcome.task_id = entry.task_id
            keep = wants_keeping(outcome, self._worker.keep)
            change = transitions.fetching if keep else transitions.completed
            await self._worker.change(job.id, change(due.index, outcome, now=now), known=job)
        else:
            await self._goes_on(due, job, task)

    async def _goes_on(self, due: Due, job: Job, task: Task) -> None:
        if due.at >= job.deadline:
            await self._again(due, job)
            return
        entry = job.tasks[due.index]
        running = task.state is State.RUNNING
        progress = max(0, min(99, task.progress or 0))
        if progress <= entry.progress and (not running or entry.state == "running"):
            self._worker.queue.later(
                due, pause(job, entry, self._worker.config)
            )  # nothing new: the job need not be written
            return
        moved = transitions.progressed(
            due.index,
            at=time.time() + pause(job, entry, self._worker.config),
            running=running,
            progress=progress,
            poll_path=entry.poll_path,
        )
        await self._worker.change(job.id, moved, known=job)


def operation_of(job: Job, account: Account) -> Operation | None:
    """The row's operation that a job was made by."""
    return account.row.operation(job.native, _CAPABILITIES[job.capability], account.submit)
