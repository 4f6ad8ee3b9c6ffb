"""How ai-gate.one's answers read. Only success is on the page; the rest is what clients have met.

done     `data` or `url` is a string; an empty text is an answer too
failed   `type` or `status` says fail, failed or error, or there is an `error`
pending  everything else: no body, 202, 204, null, an object that says neither
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from translators import openai
from translators.core import JSON, Answer, Call, Poll, Seen, State, Task
from translators.errors import Fault, MalformedReply, error_in, message_in
from translators.files import asset_of, links_in
from translators.wrapping import id_in, id_of, task_in

_FAILED = ("fail", "failed", "error")


def refuse(answer: Answer) -> Fault | None:
    """A non-2xx answer. What a 2xx says of a failure is the task's own, and is read as such.

    The page lists no errors: a 5xx is not sure of having taken nothing.
    """
    if answer.ok:
        return None
    fault = openai.refuse(answer)
    return replace(fault, certain=400 <= answer.status < 500) if fault else None


def read(answer: Answer, call: Call) -> Task:
    """A submit's answer `{"taskId": "…"}`; a failure without a taskId has surely taken nothing."""
    holder = task_in(answer.body)
    id = id_of(holder) or id_in(answer.body)
    if id is None and _failed(answer.body):
        return Task(State.FAILED, fault=replace(_fault(answer.body), certain=True))
    if id is None:
        raise MalformedReply("The gateway's answer holds no taskId.")
    try:
        return _task(answer.body, holder, id)
    except MalformedReply:  # what stands for a result is none yet
        return Task(State.RUNNING, id)


def read_result(answer: Answer, seen: Seen) -> Task:
    """`GET /result/{taskId}`. Raises MalformedReply for one bad poll, which fails no job."""
    if answer.body is None and answer.raw.strip() not in (b"", b"null"):
        raise MalformedReply("The gateway's answer to a poll is no JSON.")
    return _task(answer.body, task_in(answer.body), seen.task_id)


def read_file(answer: Answer, seen: Seen) -> Task:
    """The same of what is no text: its link may stand where a text would."""
    task = read_result(answer, seen)
    links = links_in(task.text)
    return replace(task, text=None, assets=tuple(map(asset_of, links))) if links else task


def _task(body: Any, holder: Mapping[str, Any], id: str) -> Task:
    for told in (holder,) if holder is body else (body, holder):
        if _failed(told):
            return Task(State.FAILED, id, fault=_fault(told))
    if isinstance(url := holder.get("url"), str) and url:
        return Task(State.SUCCEEDED, id, 100, assets=(asset_of(url),))
    if isinstance(text := holder.get("data"), str):
        return Task(State.SUCCEEDED, id, 100, text=text, detail={"characters": len(text)})
    return Task(State.RUNNING, id)


def _failed(body: Any) -> bool:
    if not isinstance(body, dict):
        return False
    if error_in(body):
        return True
    words = body.get("type"), body.get("status")
    return words != (None, None) and any(str(word).lower() in _FAILED for word in words)


def _fault(body: Mapping[str, Any]) -> Fault:
    """A failure's words: under one of the usual names, else in `data`, where a text would be."""
    words = body.get("data")
    if message_in(body) is None and isinstance(words, str):
        body = {**body, "message": words}
    return openai.task_fault(body)


def balance(body: Any) -> JSON:
    """The page's bare number, `123.4`."""
    value: Any = body.get("balance") if isinstance(body, dict) else body
    try:
        return {"balance": float(value)}
    except (TypeError, ValueError) as exc:
        raise MalformedReply("The gateway's balance cannot be read.") from exc


def prices(body: Any) -> Any:
    """The gateway's own list, as it is: `{text, image, video: {model: {resolution: {seconds: USD}}}, …}`."""
    if not isinstance(body, dict):
        raise MalformedReply("The gateway's price list cannot be read.")
    return body


POLL = Poll(("/result/{id}",), read_result)
FILE = Poll(("/result/{id}",), read_file)
