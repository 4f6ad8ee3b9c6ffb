"""How a job ends that nobody sends or waits for any more: the changes that time alone makes."""

from collections.abc import Iterable

from proxy.errors import ApiError, gateway_error
from proxy.jobs import transitions
from proxy.store.base import Change, Entry, Job

_LONGEST = 300  # characters of a gateway's words

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


def overdue(*, now: float, configured: Iterable[str], given_up: float | None = None) -> Change:
    """Its deadline has passed: whatever has not ended fails, a result that is there already counts.

    A task that can be asked after has its last poll before that (`asked_in_vain`): here it ends only where its
    deadline was `given_up` or earlier (None: now), and nobody has come to it.
    """
    known = frozenset(configured)
    latest = now if given_up is None else given_up

    def change(job: Job) -> Job | None:
        if job.ended or now < job.deadline:
            return None
        changed = job
        for index, entry in enumerate(job.tasks):
            asked = not entry.submitting and job.provider in known
            if entry.ended or (asked and job.deadline > latest):
                continue
            if entry.state == "fetching":
                fetched = entry.but(state="completed", at=None)
                changed = transitions.moved(changed, index, fetched, now)
            else:
                error = _overdue_error(job, entry, known)
                failed = transitions.failed(index, error, now=now, cost=entry.cost)
                changed = failed(changed) or changed
        return None if changed is job else changed

    return change


def asked_in_vain(index: int, said: str = "", *, now: float, cost: float | None = None) -> Change:
    """Its last poll, at its deadline or later, brought no result. `said`: a sentence on what it brought; `cost`:
    what that told of it."""

    def change(job: Job) -> Job | None:
        entry = job.tasks[index]
        if entry.ended or entry.submitting or entry.state == "fetching":
            return None
        error, known = _timed_out(said), entry.cost if cost is None else cost
        return transitions.failed(index, error, now=now, cost=known)(job)

    return change


def last_said(words: str) -> str:
    """A gateway's words about a task that it did not finish; redacted before."""
    short = words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
    return f"It last answered: {short}"


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
    return _timed_out()


def _timed_out(said: str = "") -> ApiError:
    message = f"The gateway did not finish before the deadline. {said}".rstrip()
    return ApiError(504, "provider_error", "provider_timeout", message)
