"""Short names for the changes of a job, all about the moment NOW."""

from typing import Any

from proxy.errors import gateway_error
from proxy.jobs import transitions
from proxy.jobs.transitions import Aim, Outcome
from proxy.store.base import Change, Entry, Job

NOW = 1_700_000_000.0
AIM = Aim(
    provider="onysoft",
    target="onysoft/sora-2",
    native="sora-2-text-to-video",
    capability="video",
    ordered={"seconds": "4"},
    dropped=("style",),
)
URL = {"role": "content", "url": "https://files.example/1.mp4"}
WORDS = gateway_error("the cat would not sit still", "generation_failed")


def job(tasks: int = 1, **fields: Any) -> Job:
    defaults: dict[str, Any] = {
        "id": "video_1",
        "kind": "video",
        "capability": "video",
        "owner": "",
        "model": "sora-2",
        "provider": "apiin",
        "target": "apiin/sora",
        "native": "sora",
        "created_at": NOW,
        "deadline": NOW + 100,
        "tasks": [Entry(at=NOW + 20) for _ in range(tasks)],
    }
    return Job(**{**defaults, **fields})


def sending(index: int = 0, *, long: bool = False) -> Change:
    return transitions.sending(index, now=NOW, until=NOW + 20, aim=AIM, long=long)


def accepted(index: int = 0, task_id: str = "t1", cost: float | None = None) -> Change:
    return transitions.accepted(index, task_id, at=NOW + 1, cost=cost, running=False)


def progressed(index: int = 0, progress: int = 40) -> Change:
    return transitions.progressed(index, at=NOW + 2, running=True, progress=progress, poll_path=0)


def completed(index: int = 0, **fields: Any) -> Change:
    return transitions.completed(index, Outcome(assets=(URL,), **fields), now=NOW + 3)


def fetching(index: int = 0, **fields: Any) -> Change:
    return transitions.fetching(index, Outcome(assets=(URL,), **fields), now=NOW + 3)


def failed(index: int = 0, **fields: Any) -> Change:
    return transitions.failed(index, WORDS, now=NOW + 3, **fields)


def after(start: Job, *changes: Change) -> Job:
    """The job after these changes; one that declines leaves it as it is."""
    for change in changes:
        start = change(start) or start
    return start
