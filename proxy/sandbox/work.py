"""The paid side of a double: accepting tasks, finding them, fetching inputs, calling back."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Coroutine, Sequence
from typing import Any, ClassVar

from .checks import Refusal
from .exchange import Exchange
from .fetch import fetch, post
from .steering import Steering
from .tasks import Task, TaskFile


class Work(Steering):
    """Tasks."""

    EMPTY: ClassVar = 402  # the status that an empty account gets

    def __init__(self) -> None:
        super().__init__()
        self.callbacks: list[tuple[str, int | None]] = []  # URL and the receiver's status
        self._store: TaskFile | None = None
        self._background: set[asyncio.Task[None]] = set()

    def new_id(self, kind: str, model: str) -> str:
        """Return a fresh task id in the gateway's own form."""
        return secrets.token_hex(12)

    def callback_body(self, task: Task) -> dict[str, Any]:
        """Return what is posted to a task's callback URL."""
        raise NotImplementedError

    def task(self, kind: str, files: Sequence[str] = (), **more: Any) -> Task:
        """Return a new task, not yet taken."""
        task_id = self.new_id(kind, more.get("model", ""))
        more = {"model": "", "request": {}} | more
        ready_at = time.time() + self.timing[kind]
        polls = self.ready_after_polls
        return Task(task_id, kind, ready_at=ready_at, files=list(files), after_polls=polls, **more)

    async def take(self, x: Exchange, task: Task) -> Task:
        """Accept a task: from here on it exists, whatever becomes of the answer."""
        self.funded()
        if self.failures:
            task.failure, task.moderation = self.failures.popleft()
        self.tasks[task.id] = task
        x.seen.task_id = task.id
        await self.remember(task)
        url = task.request.get("callback_url")
        if isinstance(url, str) and task.after_polls is None:
            self.later(self._call_back_when_ready(task, url))
        return task

    def funded(self) -> None:
        """Refuse when the account is empty."""
        if self.balance <= 0:
            raise Refusal(self.EMPTY, "Insufficient balance", "insufficient_balance")

    async def at_once(self, x: Exchange, task: Task) -> Task:
        """Take a task and wait for its end: an endpoint that answers when it is done.

        Without its client the task goes on all the same.
        """
        task.after_polls = None  # nobody polls a request
        await self.take(x, task)
        while task.state in ("queued", "running"):
            wait = 0.05 if task.forced else max(0.001, task.ready_at - time.time())
            if not await x.sleep(wait):
                break
        if task.state == "failed":
            raise Refusal(400 if task.moderation else 500, task.failure or "", "generation_failed")
        return task

    async def remember(self, task: Task) -> None:
        """Write a task into the state file, where there is one."""
        if self._store is not None:
            await asyncio.to_thread(self._store.save, task)
        self.changed()

    def find(self, x: Exchange, task_id: str, *, poll: bool = True) -> Task:
        """Return a task, counting the poll; an unknown one is a 404."""
        x.seen.task_id = task_id
        task = self.tasks.get(task_id)
        if task is None:
            raise Refusal(404, f"task {task_id!r:.80} not found", "not_found")
        task.polls += poll
        return task

    async def fetch(self, *urls: str) -> list[bytes]:
        """Get inputs as the gateway would: loopback URLs for real, others are believed."""
        found = [await fetch(url) for url in urls]
        self.fetched += found
        return [one.data for one in found]

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the requests; it ends with the server."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def call_back(self, task_id: str, url: str | None = None) -> int | None:
        """Post the callback of a task now; return the receiver's status, None if unreachable."""
        task = self.tasks[task_id]
        target = url or str(task.request["callback_url"])
        status = await post(target, self.callback_body(task))
        self.callbacks.append((target, status))
        self.changed()
        return status

    async def _call_back_when_ready(self, task: Task, url: str) -> None:
        await asyncio.sleep(max(0.0, task.ready_at - time.time()))
        await self.call_back(task.id, url)
