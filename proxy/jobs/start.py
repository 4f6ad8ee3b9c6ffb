"""How a task is stored as on its way to a target, and what it holds there until its answer is read."""

import time
from dataclasses import dataclass

from proxy.accounts import Seat
from proxy.health import Attempt
from proxy.jobs import transitions
from proxy.jobs.transitions import Aim
from proxy.routing import Candidate
from proxy.store.base import Change


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


def sending(index: int, candidate: Candidate, lease: float) -> Change:
    """The task is on its way there, for as long as the lease lasts (seconds)."""
    plan, now = candidate.plan, time.time()
    aim = Aim(
        provider=candidate.account.name,
        target=str(candidate.target),
        native=plan.model,
        capability=candidate.capability.value,
        ordered=plan.ordered.known(),
        dropped=plan.dropped,
    )
    long = plan.operation.long
    return transitions.sending(index, now=now, until=now + lease, aim=aim, long=long)
