"""The books at the end: every order is one job, every job has ended as its tasks did, and costs once."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from proxy.sandbox import Sandbox, Seen, Task
from proxy.store.base import Entry, Job
from tests.soak.ledger import Ledger

# How a task may fail under the faults that a soak injects.
_FAILURES = {
    *("generation_failed", "submission_ambiguous", "provider_rate_limited", "provider_error"),
    *("provider_unreachable", "provider_timeout", "provider_rejected", "malformed_response"),
    *("provider_auth_failed", "submission_lost"),
    "provider_insufficient_quota",  # what a page says with its 429
}


def audited(
    jobs: Sequence[Job], sandbox: Sandbox, submits: Sequence[Seen], ledger: Ledger
) -> Iterator[str]:
    """Everything that does not add up, in words."""
    tags = _tagged(jobs, sandbox, ledger)
    # Who repeats an order that a gateway has refused makes a new one: those come first.
    jobs = sorted(jobs, key=_refused, reverse=True)
    by_tag = {tag: job for job in jobs if (tag := tags.get(job.id))}
    again = Counter(tags[one.id] for one in jobs if one.id in tags and _refused(one))
    for job in jobs:
        # A conversation is not kept; where nobody took it, nothing says any more whose it was.
        if job.id not in tags and (job.kind != "chat" or any(one.task_id for one in job.tasks)):
            yield f"{job.id} has no order"
    known = Counter(tags.values())
    for tag, many in known.items():
        if many > 2 or many - again[tag] > 1:
            yield f"{tag} is {many} jobs"
    of_tag: defaultdict[str, set[str]] = defaultdict(set)
    for job_id, tag in tags.items():
        of_tag[tag].add(job_id)
    for tag, asked in ledger.asked.items():
        if not asked.jobs <= of_tag[tag]:
            yield f"{tag} was told of {asked.jobs}"
    for job in jobs:
        yield from _ended(job, sandbox)
    yield from _taken(by_tag, sandbox, ledger)
    yield from _sent(ledger, submits, known)


def _tagged(jobs: Sequence[Job], sandbox: Sandbox, ledger: Ledger) -> dict[str, str]:
    """Each job's order: by the prompt that it keeps, what its client was told, or what was sent."""
    told = {job: tag for tag, asked in ledger.asked.items() for job in asked.jobs}
    sent = {
        task.id: tag
        for double in sandbox.doubles.values()
        for task in double.tasks.values()
        if (tag := _tag(str(task.request)))
    }
    found: dict[str, str] = {}
    for job in jobs:
        tag = _tag(str(job.request.get("prompt"))) or told.get(job.id)
        tag = tag or next((sent[one.task_id] for one in job.tasks if one.task_id in sent), None)
        if tag is not None:
            found[job.id] = tag
    return found


def _ended(job: Job, sandbox: Sandbox) -> Iterator[str]:
    good = any(entry.state == "completed" for entry in job.tasks)
    if job.status != ("completed" if good else "failed"):
        yield f"{job.id} is {job.status}, its tasks {[entry.state for entry in job.tasks]}"
    known = [entry.cost for entry in job.tasks if entry.cost is not None]
    if job.cost != (round(sum(known), 9) if known else None):
        yield f"{job.id} costs {job.cost}, its tasks {known}"
    double = next(
        d for name, d in sandbox.doubles.items() if name.replace(".", "-") == job.provider
    )
    for entry in job.tasks:
        yield from _settled(job, entry, double.tasks)


def _settled(job: Job, entry: Entry, tasks: Mapping[str, Task]) -> Iterator[str]:
    code = (entry.error or {}).get("code")
    if not entry.ended:
        yield f"{job.id} goes on: {entry.state}"
    elif entry.state == "failed" and code not in _FAILURES:
        yield f"{job.id} failed by {entry.error}"
    if entry.task_id is None:
        return
    task = tasks.get(entry.task_id)
    if task is None:
        yield f"{job.id} has a task that {job.provider} does not know: {entry.task_id}"
    elif (entry.state == "completed") != (task.state == "completed") and code != "provider_timeout":
        yield f"{job.id} is {entry.state} ({code}), its task {task.state}"


def _taken(by_tag: Mapping[str, Job], sandbox: Sandbox, ledger: Ledger) -> Iterator[str]:
    """No task without its job, none more than once."""
    taken: dict[str, int] = defaultdict(int)
    told = Counter(entry.task_id for job in by_tag.values() for entry in job.tasks if entry.task_id)
    yield from (f"{task} is the task of {many} jobs" for task, many in told.items() if many > 1)
    for double in sandbox.doubles.values():
        for task in double.tasks.values():
            tag = _tag(str(task.request))
            taken[tag or ""] += 1
            if tag not in by_tag:
                yield f"{double.NAME} has a task of no job: {task.id} {task.request}"
            elif task.id not in told and not _in_doubt(by_tag[tag]):
                yield f"{double.NAME} has a task that its job does not know: {task.id}"
    for tag, many in taken.items():
        if tag in ledger.asked and many > ledger.asked[tag].tasks:
            yield f"{tag} was taken {many} times"


def _refused(job: Job) -> bool:
    """Whether no gateway has taken anything of it, nor may have."""
    codes = [(one.error or {}).get("code") for one in job.tasks if one.task_id is None]
    return len(codes) == len(job.tasks) and not {None, "submission_ambiguous"} & set(codes)


def _sent(ledger: Ledger, submits: Sequence[Seen], known: Mapping[str, int]) -> Iterator[str]:
    """Nothing sent again to a gateway that may have taken it."""
    sent = Counter((tag, seen.headers["host"]) for seen in submits if (tag := _tag(str(seen.body))))
    for (tag, _), many in sent.items():
        if many > ledger.asked[tag].tasks * max(1, known[tag]):
            yield f"{tag} was sent {many} times to one gateway"


def _in_doubt(job: Job) -> bool:
    """Whether a task of it may be unknown: in doubt, or one whose gateway names none (it answers at once)."""
    return any(entry.task_id is None for entry in job.tasks)


def _tag(text: str) -> str | None:
    start = text.find("soak-")
    return text[start : text.index(".", start) + 1] if start >= 0 else None
