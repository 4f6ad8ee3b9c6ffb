"""The doubles' own tasks, and the small file that lets them outlive a restart."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

State = Literal["queued", "running", "completed", "failed"]
KEPT = 24 * 3600.0  # seconds that a task stays in the state file


@dataclass(slots=True)
class Task:
    """One generation.

    `kind` is image, video, speech, sound, music or text; `files` are the extensions of its results
    ("mp4"), `text` its result where that is text, `extra` whatever the gateway's pages show besides.
    `forced` overrides the clock: "completed", "failed", or "running" to hold it there.
    """

    id: str
    kind: str
    model: str
    request: dict[str, Any]
    ready_at: float
    files: list[str] = field(default_factory=list)
    ratio: str = "1:1"
    text: str | None = None
    cost: float = 0.0
    failure: str | None = None
    moderation: bool = False
    created: float = field(default_factory=time.time)
    extra: dict[str, Any] = field(default_factory=dict)
    forced: State | None = None
    polls: int = 0
    completed: float | None = None
    after_polls: int | None = None

    @property
    def state(self) -> State:
        """Where the task stands now; the first look at a finished one sets `completed`."""
        state = self.forced or self._by_clock()
        if state in ("completed", "failed") and self.completed is None:
            by_clock = self.after_polls is None and self.forced is None
            self.completed = self.ready_at if by_clock else time.time()
        return state

    @property
    def progress(self) -> int:
        """Percent: 100 once finished, never before."""
        if self.state in ("completed", "failed"):
            return 100
        if self.after_polls is not None:
            share = max(0, self.polls - 1) / (self.after_polls + 1)
        else:
            share = (time.time() - self.created) / max(self.ready_at - self.created, 1e-9)
        return min(99, max(0, int(share * 100)))

    def _by_clock(self) -> State:
        if self.after_polls is not None:
            done, started = self.polls > self.after_polls, self.polls > 1
        else:
            now, wait = time.time(), self.ready_at - self.created
            done, started = now >= self.ready_at, now >= self.created + wait * 0.15
        if done:
            return "failed" if self.failure is not None else "completed"
        return "running" if started else "queued"


class TaskFile:
    """Tasks as lines of JSON, the last line of an id being the valid one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Iterator[Task]:
        """Read what an earlier process left, and drop what is old."""
        if not self.path.exists():
            return
        found: dict[str, Task] = {}
        for line in self.path.read_bytes().splitlines():
            try:
                task = Task(**orjson.loads(line))
            except (orjson.JSONDecodeError, TypeError):
                continue  # the line that a kill -9 cut short
            found[task.id] = task
        fresh = [task for task in found.values() if task.created > time.time() - KEPT]
        self.path.write_bytes(b"".join(map(_line, fresh)))
        yield from fresh

    def save(self, task: Task) -> None:
        """Append a task; short enough to be written in one piece."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(_line(task))


def _line(task: Task) -> bytes:
    return orjson.dumps(asdict(task) | {"request": shortened(task.request)}) + b"\n"


def shortened(value: Any, limit: int = 300) -> Any:
    """Return a copy in which long strings (uploads as data URIs) are cut."""
    if isinstance(value, str):
        return value if len(value) <= limit else value[:limit] + "…"
    if isinstance(value, dict):
        return {name: shortened(item, limit) for name, item in value.items()}
    if isinstance(value, list):
        return [shortened(item, limit) for item in value]
    return value
