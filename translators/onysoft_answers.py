"""How Onysoft answers: refusals, created tasks, and tasks that are asked after.

The page shows how a task is created and how a finished video looks; failed bodies and the results of
images and sounds are not on it, so every name that the gateway or its upstream (KieAI) is known to
use is read. Source: Onysoft's page "Content Generation API", "Example Response" and "Status Values".
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from translators.core import Answer, Asset, Call, Cost, Poll, Seen, State, Task
from translators.errors import (
    Fault,
    FaultKind,
    MalformedReply,
    code_in,
    error_in,
    fault_of_status,
    message_in,
    moderated,
    retry_after_in,
)
from translators.files import IN_TASKS, asset_of, links_in
from translators.openai import progress_of, task_fault
from translators.spelling import amount_in, from_text
from translators.wrapping import created, id_of, state_of, status_of, task_in

_CODES: Mapping[str, FaultKind] = {
    "invalid_api_key": FaultKind.AUTH,
    "model_blocked": FaultKind.AUTH,
    "insufficient_balance": FaultKind.QUOTA,
    "insufficient_credits": FaultKind.QUOTA,
    "model_not_found": FaultKind.NOT_FOUND,
    "not_found": FaultKind.NOT_FOUND,
    "rate_limit_exceeded": FaultKind.RATE,
    "payload_too_large": FaultKind.REJECTED,
    "invalid_request": FaultKind.REJECTED,
    "validation_error": FaultKind.REJECTED,
}
_MARKDOWN = re.compile(r"!\[[^\[\]]*\]\(\s*<?((?:https?://|data:image/)[^)\s>]+)")
_SEEN = ("video_url", "image_url", "image_urls")
_HEARD = ("audio_url", "audio_urls", "music_url")
_ANY = ("url", "urls", "output", "result", "result_urls", "resultUrls", "resultJson")
# A result is under the first of these that holds a URL; an image may stand under video_url. A
# track's image_url is its cover, so sounds look for themselves first.
LOOKS = (*_SEEN, *_HEARD, *_ANY)
SOUNDS = (*_HEARD, *_SEEN[:1], *_ANY, *_SEEN[1:])


def refuse(answer: Answer) -> Fault | None:
    """The fault in an answer: an HTTP error, or `success: false` or an error `code` under HTTP 200.

    A task that failed is no fault of the request: where the body shows a task, `read` judges it.
    """
    body = answer.body
    status = answer.status if not answer.ok else _hidden_status(body)
    if status is None:
        return None
    name, words = (
        code_in(body),
        message_in(body) or f"onysoft answered {status or 'success: false'}",
    )
    kind = _CODES.get(name or "") if status < 500 else None
    kind = kind or (fault_of_status(status) if status else FaultKind.FAILED)
    if kind in (FaultKind.REJECTED, FaultKind.FAILED) and moderated(words, name):
        kind = FaultKind.MODERATED
    # The page says nothing of errors: what is no plain 4xx may have started work that costs.
    certain = 400 <= status < 500 or (status == 0 and kind is not FaultKind.FAILED)
    return Fault(kind, words, certain, retry_after_in(answer.headers), name)


def read_submit(answer: Answer, call: Call) -> Task:
    """A created task with its estimated cost. Raises MalformedReply without an id or a result."""
    task = created(_task(_data(answer.body), LOOKS, None), answer.body)
    if task is None:
        raise MalformedReply("a submit answer without a task_id")
    return task


def status(kind: str, names: tuple[str, ...] = LOOKS) -> Poll:
    """`GET /{kind}/status/{id}`; `names` are where a result of this kind is looked for, in order."""

    def read(answer: Answer, seen: Seen) -> Task:
        data = _data(answer.body)
        if not (status_of(data) or any(data.get(name) for name in (*names, "text"))):
            raise MalformedReply("a status answer without a status")
        return _task(data, names, seen.task_id)

    return Poll((f"/{kind}/status/{{id}}",), read)


def read_pictures(answer: Answer, call: Call) -> Task:
    """A chat completion of a gemini image model: `message.images`, image parts, or links in the text.

    An answer in words alone is the model's refusal: a failed task that says them. Raises
    MalformedReply where there is no message.
    """
    body = answer.body
    choices = body.get("choices") if isinstance(body, Mapping) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, Mapping) else None
    if not isinstance(message, Mapping):
        raise MalformedReply("a chat completion without a message")
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    said = (content if isinstance(content, str) else " ".join(_words_in(parts))).strip()
    links = [*links_in(message.get("images")), *links_in(parts), *_MARKDOWN.findall(said)]
    links = list(dict.fromkeys(links)) or ([] if " " in said else links_in(said))
    if links:
        return Task(State.SUCCEEDED, progress=100, assets=tuple(asset_of(one) for one in links))
    fault = task_fault({"message": said or "the model answered without an image"})
    return Task(State.FAILED, fault=fault)


def _hidden_status(body: Any) -> int | None:
    """The status that an error under HTTP 200 stands for, 0 where it says none; `None` for a good answer."""
    if not isinstance(body, Mapping):
        return None
    data = task_in(body.get("data"))
    if id_of(data) or status_of(data):
        return None
    error = error_in(body)
    inner = error.get("code") if isinstance(error, Mapping) else None
    for value in (inner, body.get("code")):
        code = from_text(value) if isinstance(value, str) else value
        if isinstance(code, int) and not isinstance(code, bool) and code >= 400:
            return code
    return 0 if body.get("success") is False or (error and not status_of(body)) else None


def _data(body: Any) -> Mapping[str, Any]:
    """The task in an answer; of a list of one, that is no task's own, what it tells."""
    data = task_in(body)
    inner = data.get("data")
    if isinstance(inner, list) and len(inner) == 1 and isinstance(inner[0], Mapping):
        return data if id_of(data) or status_of(data) else inner[0]
    return data


def _task(data: Mapping[str, Any], names: tuple[str, ...], asked: str | None) -> Task:
    task_id, cost = id_of(data) or asked, _cost(data)
    said = status_of(data)
    if said and (going := state_of(said)) in (State.QUEUED, State.RUNNING):
        return Task(going, task_id, progress_of(data.get("progress")), cost=cost)
    assets, text = _result(data, names)
    unsaid = State.SUCCEEDED if assets or text else State.QUEUED
    state = state_of(said) if said else unsaid
    if state is State.FAILED:
        return Task(state, task_id, fault=task_fault(_failed(data)), cost=cost)
    if state is not State.SUCCEEDED:
        return Task(state, task_id, progress_of(data.get("progress")), cost=cost)
    if not assets and text is None:
        fault = task_fault({"message": "the task is completed, but came without a result"})
        return Task(State.FAILED, task_id, fault=fault, cost=cost)
    return Task(state, task_id, 100, assets, text, cost=cost, detail=_detail(data))


def _failed(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """What of a failed task says why; its other fields (a prompt's `detail`) do not."""
    names = ("error", "error_message", "errorMessage", "failMsg", "fail_reason", "message", "msg")
    words = next((found for name in names if (found := message_in(data.get(name)))), None)
    inner = data.get("error")
    code = (
        code_in(data) or data.get("failCode")
        if isinstance(inner, Mapping)
        else data.get("failCode")
    )
    return {"message": words or "the task failed without saying why", "code": code}


def _result(
    data: Mapping[str, Any], names: tuple[str, ...]
) -> tuple[tuple[Asset, ...], str | None]:
    links, text = links_in(data, names), _text(data)
    if not links and not text and status_of(data):
        links = links_in(data, IN_TASKS)
    if not links:
        return (), text
    beside = [("thumbnail_url", "thumbnail")]
    if names is SOUNDS:
        beside.append(("image_url", "cover"))
    return (
        *(asset_of(one) for one in links),
        *(
            asset_of(one, role)
            for name, role in beside
            for one in links_in(data.get(name))
            if one not in links
        ),
    ), text


def _text(data: Mapping[str, Any]) -> str | None:
    """A transcript or lyrics: `text`, or a result that is words and no link."""
    if isinstance(value := data.get("text"), str):
        return value
    for name in ("result", "output", "resultJson", "resultObject", "lyrics"):
        value = data.get(name)
        inner = from_text(value) if isinstance(value, str) and value[:1] == "{" else value
        if isinstance(inner, Mapping):
            if (found := _text(inner)) is not None:
                return found
        elif isinstance(inner, str) and inner and not links_in(inner):
            return inner
    return None


def _detail(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an endpoint may want beside the result: `duration` in seconds, `language`, `title`."""
    found = {name: data[name] for name in ("duration", "language", "title") if data.get(name)}
    if "language" not in found and isinstance(data.get("language_code"), str):
        found["language"] = data["language_code"]
    return found


def _cost(data: Mapping[str, Any]) -> Cost | None:
    """`estimated_cost: {amount, currency}` in dollars; another currency is none of ours to convert."""
    for name in ("cost", "estimated_cost"):
        said = data.get(name)
        if isinstance(said, Mapping) and str(said.get("currency") or "USD").upper() == "USD":
            said = said.get("amount")
        if (usd := amount_in(said)) is not None:
            return Cost(usd=usd)
    return None


def _words_in(parts: list[Any]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Mapping) and isinstance(part.get("text"), str):
            yield part["text"]
