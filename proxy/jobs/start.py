"""How a task is stored as on its way to a target, and what it holds there until its answer is read."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from proxy.accounts import Seat
from proxy.health import Attempt
from proxy.jobs import transitions
from proxy.jobs.transitions import Aim
from proxy.routing import Candidate
from proxy.store.base import Change, Entry


@dataclass(slots=True)
class Start:
    """How a job begins that was stored as on its way: its place at the first target and its attempt there;
    `until`: how long others take it for that (Unix seconds)."""

    seat: Seat
    attempt: Attempt
    until: float

    def leave(self) -> None:
        self.seat.release()
        self.attempt.left()


@dataclass(slots=True)
class Beginning:
    """How a job that is about to be made is stored, with its tasks.

    `start`: at the first of its candidates, where that has a place free: then it is stored as on its way there, in
    progress already if that submit takes as long as the work (`long`).
    """

    candidates: Sequence[Candidate]
    tasks: list[Entry]
    start: Start | None = None
    long: bool = False

    def leave(self) -> None:
        """It is not begun, or has ended."""
        if self.start is not None:
            self.start.leave()


def sending(index: int, candidate: Candidate, lease: float) -> Change:
    """The task is on its way there, for as long as the lease lasts (seconds)."""
    plan, now = candidate.plan, time.time()
    aim = Aim(
        provider=candidate.account.name,
        target=str(candidate.target),
        native=plan.model,
        capability=str(candidate.capability),
        ordered=plan.ordered.known(),
        dropped=plan.dropped,
    )
    long = plan.operation.long
    return transitions.sending(index, now=now, until=now + lease, aim=aim, long=long)
