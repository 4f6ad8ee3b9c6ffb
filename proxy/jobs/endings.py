"""How a job ends that nobody sends or waits for any more: the changes that time alone makes."""

from collections.abc import Iterable

from proxy.errors import ApiError, gateway_error
from proxy.jobs import transitions
from proxy.store.base import Change, Entry, Job

LOST = gateway_error("The request was not sent before the proxy stopped.", "submission_lost")
UNMADE = gateway_error("The request could not be made.", "submission_lost")
LATE = gateway_error("The request could not be sent before the deadline.", "submission_lost")
UNKEPT = ApiError(
    503,
    "server_error",
    "store_unavailable",
    "The media folder cannot be written, and its result could not be kept.",
    retry=True,
)
HELD_BACK = gateway_error(
    "It was not sent, since it is in doubt whether the gateway took the one before.",
    "submission_lost",
)


def ambiguous(why: str) -> ApiError:
    """The gateway may have taken the work; nobody can tell, so it is never sent again."""
    return gateway_error(
        f"It is unknown whether the gateway took the request: {why}.", "submission_ambiguous"
    )


INTERRUPTED = ambiguous("the proxy stopped while it was being sent")


def orphaned(index: int, *, now: float, unsent: bool = False) -> Change:
    """Its submit's lease ran out: whoever sent it is gone. `unsent`: it is known that nobody has."""

    def change(job: Job) -> Job | None:
        entry = job.tasks[index]
        if not entry.submitting:
            return None
        error = LOST if unsent or entry.state == "new" else INTERRUPTED
        return transitions.failed(index, error, now=now)(job)

    return change


def overdue(*, now: float, configured: Iterable[str]) -> Change:
    """Its deadline has passed: whatever has not ended fails, a result that is there already counts."""
    known = frozenset(configured)

    def change(job: Job) -> Job | None:
        if job.ended or now < job.deadline:
            return None
        for index, entry in enumerate(job.tasks):
            if entry.state == "fetching":
                job = transitions.moved(job, index, entry.but(state="completed", at=None), now)
            elif not entry.ended:
                error = _overdue_error(job, entry, known)
                job = transitions.failed(index, error, now=now, cost=entry.cost)(job) or job
        return job

    return change


def certainly_not_sent(entry: Entry) -> bool:
    """Whether a failed task was lost before it went out: its idempotency key is free again."""
    return (entry.error or {}).get("code") == LOST.code


def _overdue_error(job: Job, entry: Entry, known: frozenset[str]) -> ApiError:
    if entry.submitting:
        return LATE if entry.state == "new" else ambiguous("no answer came before the deadline")
    if job.provider not in known:
        return gateway_error(
            f"Provider '{job.provider}' is no longer configured.", "provider_not_configured"
        )
    return ApiError(
        504, "provider_error", "provider_timeout", "The gateway did not finish before the deadline."
    )
