"""Where in a gateway's answer its task is, and how that stands.

The pages show one shape each; servers of this kind wrap it in others as well: `{"data": …}`, `{"result": …}`,
`{"task": …}`, these within each other, a list of one, JSON in a string. A submit is paid for: an id that is
there must be found, whatever stands around it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from translators.core import JSON, State, Task
from translators.spelling import from_text

_WRAPPERS = ("data", "result", "task")
_DEEPEST = 4  # wrappers within each other
_IDS = ("task_id", "taskId", "taskID", "id", "job_id", "jobId")
_BARE_ID = re.compile(r"(?=.*[0-9])[\w-]{8,200}", re.ASCII)  # no word such as "submitted"
_STATUSES = ("status", "state", "task_status", "taskStatus")
_STATES: Mapping[str, State] = {
    **dict.fromkeys(("queued", "queueing", "queuing", "pending", "waiting"), State.QUEUED),
    **dict.fromkeys(("submitted", "not_start", "created"), State.QUEUED),
    **dict.fromkeys(("completed", "complete", "success", "successful"), State.SUCCEEDED),
    **dict.fromkeys(("succeeded", "succeed", "done", "finished", "finish"), State.SUCCEEDED),
    **dict.fromkeys(("failed", "failure", "fail", "error", "rejected", "aborted"), State.FAILED),
    **dict.fromkeys(("cancelled", "canceled", "expired", "timeout", "timed_out"), State.FAILED),
}
_FAILED = ("_failed", "_error")  # as KieAI's states of songs end, such as "generate_audio_failed"


def state_of(status: Any) -> State:
    """A status word of a task in any of the usual spellings; an unknown one is still running."""
    word = str(status).strip().lower()
    return _STATES.get(word, State.FAILED if word.endswith(_FAILED) else State.RUNNING)


def status_of(holder: Mapping[str, Any]) -> str:
    """A task's status in lower case; empty where there is none."""
    for name in _STATUSES:
        value = holder.get(name)
        if isinstance(value, str) and (word := value.strip().lower()):
            return word
    return ""


def id_of(holder: Mapping[str, Any]) -> str | None:
    """A task's id among an object's own members: text, or a number."""
    for name in _IDS:
        value = holder.get(name)
        if type(value) in (str, int) and value:
            return str(value)
    return None


def id_in(body: Any) -> str | None:
    """A task's id, wherever in an answer it stands; also alone, or as `{"data": "the id"}`."""
    this = _object(body)
    if (found := id_of(task_in(this))) is not None:
        return found
    for level in _levels(this):
        if (found := id_of(level)) is not None:
            return found
    data = body if isinstance(body, str) else this.get("data")
    return data if isinstance(data, str) and _BARE_ID.fullmatch(data) else None


def task_in(body: Any) -> Mapping[str, Any]:
    """What an answer tells of its task: itself, or what it wraps; empty where it is no object.

    A wrapped object that has neither id nor status tells more of the task around it.
    """
    this = _object(body)
    for _ in range(_DEEPEST):
        if not _wraps(this):  # as on the pages
            return this
        for name in _WRAPPERS:
            if inner := _wrapped(this, name):
                this = inner
                break
        else:
            break
    more = next((one for name in _WRAPPERS if (one := _object(this.get(name)))), None)
    if more is None:
        return this
    known = (*_IDS, *_STATUSES) if status_of(this) else _IDS if id_of(this) else ()
    said = {name: value for name, value in this.items() if value not in (None, "", [], {})}
    return {**{name: value for name, value in more.items() if name not in known}, **said}


def created(task: Task, body: Any) -> Task | None:
    """A submit's answer, read as `task`, with the id that stands in it; `None` where nothing comes of it.

    A "success" that brings no result is the submit's own, and links beside an id without a status may be
    those that the request gave: such a task has only begun.
    """
    if task.id is not None and task.state in (State.QUEUED, State.RUNNING):
        return task  # as on the pages
    id, status = task.id or id_in(body), status_of(task_in(body))
    ended = task.state in (State.SUCCEEDED, State.FAILED)
    if id is not None and task.state is State.SUCCEEDED and not status:
        return Task(State.QUEUED, id, cost=task.cost)
    if task.state is State.SUCCEEDED or (ended and state_of(status) is not State.SUCCEEDED):
        return task
    if id is None:
        return None
    return Task(State.QUEUED, id, cost=task.cost) if ended else replace(task, id=id)


def _object(value: Any) -> Mapping[str, Any]:
    """A value as an object: itself, the only one of a list of tasks, or what a string spells."""
    if isinstance(value, dict):
        return value
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        value = from_text(value)
    if isinstance(value, list) and len(value) == 1 and _own(value[0]):
        value = value[0]
    empty: JSON = {}
    return value if isinstance(value, Mapping) else empty


def _wraps(this: Mapping[str, Any]) -> bool:
    """Whether there may be an object under one of the wrappers' names."""
    for name in _WRAPPERS:
        value = this.get(name)
        if value and (not isinstance(value, str) or value.lstrip()[:1] in ("{", "[")):
            return True
    return False


def _own(value: Any) -> bool:
    """Whether it has a name that nothing but a task's id is called by."""
    if not isinstance(value, dict):
        return False
    return bool(value.get("task_id") or value.get("taskId") or value.get("taskID"))


def _wrapped(this: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """What stands under a name, where that and not `this` is the task."""
    inner = _object(this.get(name))
    if _own(inner) and (name == "data" or not _own(this)):
        return inner
    if _own(this) and (name != "data" or status_of(this) or not status_of(inner)):
        return None
    speaks = id_of(inner) or status_of(inner) or any(_object(inner.get(one)) for one in _WRAPPERS)
    return inner if speaks and (name == "data" or not (id_of(this) or status_of(this))) else None


def _levels(this: Mapping[str, Any], left: int = _DEEPEST) -> Iterator[Mapping[str, Any]]:
    yield this
    if left:
        for name in _WRAPPERS:
            if inner := _object(this.get(name)):
                yield from _levels(inner, left - 1)
