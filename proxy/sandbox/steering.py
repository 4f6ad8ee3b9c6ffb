"""The part of a double that tests hold in their hands: settings, faults, log, waiting.

Everything here may be called from any thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Self, Unpack

from .faults import NO_FAULT, Fault, Match, What
from .fetch import Fetched
from .seen import Seen
from .serving import FileOptions
from .tasks import Task

TIMING = {  # seconds; realistic in order, short enough for somebody who just tries it
    "image": 2.0,
    "video": 6.0,
    "speech": 1.5,
    "sound": 1.5,
    "music": 4.0,
    "text": 0.8,
    "chat": 0.03,  # between two chunks of a stream
}


class Variants(set[str]):
    """The undocumented behaviours that are switched on; one that does not exist is a ValueError."""

    def __init__(self, known: Iterable[str]) -> None:
        super().__init__()
        self.known = frozenset(known)

    def add(self, name: str) -> None:
        """Switch one on."""
        self.update((name,))

    def update(self, *names: Iterable[str]) -> None:
        """Switch several on."""
        wanted = {name for some in names for name in some}
        if unknown := wanted - self.known:
            raise ValueError(f"unknown variants {sorted(unknown)}; known: {sorted(self.known)}")
        super().update(wanted)


class Steering:
    """Settings, fault rules, the log and the tasks of one double."""

    VARIANTS: ClassVar[Mapping[str, str]] = {}

    def __init__(self) -> None:
        self.key = ""
        self.timing = dict(TIMING)
        self.ready_after_polls: int | None = None
        self.variants = Variants(self.VARIANTS)
        self.files = FileOptions()
        self.rpm: int | None = None
        self.balance = 123.4
        self.failed_credits = 0.0  # what apiin.one charges for a failed task
        self.image_shape = "images"  # how a chat answer carries pictures: images, content, parts
        self.reply: str | Callable[[str], str] | None = None  # what chat says
        self.expired_message = "link expired"
        self.log: list[Seen] = []
        self.fetched: list[Fetched] = []  # inputs that requests named or uploaded
        self.peak = 0  # the most requests that were ever being answered at once
        self.tasks: dict[str, Task] = {}
        self.faults: deque[Fault] = deque()
        self.failures: deque[tuple[str, bool]] = deque()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._changed = threading.Condition()
        self._watchers: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def configure(self, settings: Mapping[str, Any]) -> Self:
        """Set several things by name; `timing` may be one number for all, `timing_scale` a factor."""
        for name, value in settings.items():
            if name == "timing":
                if isinstance(value, int | float):
                    value = dict.fromkeys(self.timing, float(value))
                if unknown := value.keys() - self.timing.keys():
                    raise ValueError(f"unknown kinds {sorted(unknown)}; known: {list(self.timing)}")
                self.timing.update(value)
            elif name == "timing_scale":
                self.timing = {kind: wait * value for kind, wait in self.timing.items()}
            elif name == "variants":
                self.variants.clear()
                self.variants.update(value)
            elif name == "files":
                self.files = FileOptions(**value)
            elif name == "link_seconds":
                self.files.seconds = value
            elif name in SETTINGS:
                setattr(self, name, value)
            else:
                raise ValueError(f"unknown option {name!r}; known: {', '.join(OPTIONS)}")
        return self

    # -- faults --------------------------------------------------------------------------------

    def fault(
        self,
        on: str,
        *,
        times: int | None = 1,
        match: Match | None = None,
        path: str | None = None,
        **what: Unpack[What],
    ) -> Fault:
        """Queue a rule for requests of one kind ("*": of any). `times=None`: until `clear`.

        `match` and `path` (a part of it) narrow it down. The rule is returned: its `times` is 0
        once it is used up.
        """
        rule = Fault(on, times, match, path, **what)
        self.add_fault(rule)
        return rule

    def add_fault(self, rule: Fault) -> None:
        """Queue a rule."""
        with self._changed:
            self.faults.append(rule)

    def fail_next(self, message: str = "generation failed", *, moderation: bool = False) -> None:
        """Let the next task be accepted, and then fail with these words."""
        self.failures.append((message, moderation))

    def finish(self, task_id: str) -> None:
        """Complete a task now, whatever its clock says."""
        self.tasks[task_id].forced = "completed"

    def hold(self, task_id: str) -> None:
        """Keep a task running until `finish` or `fail`."""
        self.tasks[task_id].forced = "running"

    def fail(self, task_id: str, message: str = "generation failed") -> None:
        """Fail a task now."""
        self.tasks[task_id].failure = message
        self.tasks[task_id].forced = "failed"

    def release(self) -> None:
        """End every wait that requests are in."""
        raise NotImplementedError

    def clear(self) -> None:
        """Forget all rules and release what hangs; settings, log and tasks stay."""
        with self._changed:
            self.faults.clear()
            self.failures.clear()
        self.release()

    def reset(self) -> None:
        """Forget rules, log and tasks."""
        self.clear()
        self.log.clear()
        self.peak = 0
        self.tasks.clear()

    def draw(self, seen: Seen) -> Fault:
        """Take the first rule that fits a request."""
        with self._changed:
            for rule in self.faults:
                if rule.fits(seen):
                    if rule.times is not None:
                        rule.times -= 1
                        if not rule.times:
                            self.faults.remove(rule)
                    return rule
        return NO_FAULT

    # -- the log -------------------------------------------------------------------------------

    @property
    def submits(self) -> list[Seen]:
        """Every request that could have started paid work."""
        return self.seen("submit")

    def polls(self, task_id: str | None = None) -> list[Seen]:
        """Return the status requests, of one task or of all."""
        return [seen for seen in self.seen("poll") if task_id in (None, seen.task_id)]

    def seen(self, kind: str) -> list[Seen]:
        """Return the requests of one kind."""
        return [seen for seen in tuple(self.log) if seen.kind == kind]

    def note(self, seen: Seen, most: int) -> None:
        """Append to the log, and forget the oldest half beyond so many."""
        self.log.append(seen)
        if len(self.log) > most:
            del self.log[: most // 2]
        self.changed()

    # -- waiting -------------------------------------------------------------------------------

    def changed(self) -> None:
        """Wake everybody in `wait`: a request came, ended or lost its client, or a task was taken."""
        with self._changed:
            self._changed.notify_all()
        for loop, event in tuple(self._watchers):
            loop.call_soon_threadsafe(event.set)

    def wait(self, condition: Callable[[Self], Any], timeout: float = 10.0) -> None:
        """Block until the condition holds of this double; TimeoutError after that many seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self), timeout):
                raise TimeoutError("the double never came to that")

    async def until(self, condition: Callable[[Self], Any], timeout: float = 10.0) -> None:
        """`wait` for coroutines, of the double's own loop or another."""
        watcher = asyncio.get_running_loop(), asyncio.Event()
        self._watchers.append(watcher)
        try:
            async with asyncio.timeout(timeout):
                while not condition(self):
                    await watcher[1].wait()
                    watcher[1].clear()
        finally:
            self._watchers.remove(watcher)

    def call(self, function: Callable[[], None]) -> None:
        """Run a function in the double's own thread."""
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(function)


SETTINGS = (
    "key",
    "ready_after_polls",
    "rpm",
    "balance",
    "failed_credits",
    "image_shape",
    "reply",
)
OPTIONS = (*SETTINGS, "timing", "timing_scale", "variants", "files", "link_seconds")
