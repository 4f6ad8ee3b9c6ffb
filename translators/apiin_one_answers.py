"""How apiin.one answers: refusals, created tasks, and tasks that are asked after.

Create and status share one envelope, `{"code": 200, "message": "success", "data": {…}}`; the page's
other half shows the task bare, `{"id", "status": "pending", "model", "created_at"}`. Both are read,
and the variants that Suno's own status routes are known for. Source: apiin.one's API page, "Check
task status", "Формат ответа" and "Обработка ошибок".
"""

from collections.abc import Mapping
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
from translators.spelling import amount_in, from_text
from translators.wrapping import created, id_of, state_of, status_of, task_in

_TYPES: Mapping[str, FaultKind] = {
    "invalid_request": FaultKind.REJECTED,
    "authentication_error": FaultKind.AUTH,
    "insufficient_credits": FaultKind.QUOTA,
    "not_found": FaultKind.NOT_FOUND,
    "rate_limit": FaultKind.RATE,
}
_RESULTS = ("response", "response_data", "images", "result", "output")


def refuse(answer: Answer) -> Fault | None:
    """The fault in an answer: an HTTP error, or under HTTP 200 a `code` that is not 200.

    A task that failed is no fault of the request: where the body shows a task, `read` judges it.
    """
    code = answer.status if not answer.ok else _hidden_code(answer.body)
    if code is None:
        return None
    words = message_in(answer.body) or f"apiin.one answered {code}"
    name = code_in(answer.body)
    kind = _TYPES.get(name or "") if code < 500 else None
    if kind in (None, FaultKind.REJECTED):  # the status of "invalid_request" may say more
        kind = fault_of_status(code)
    if kind is FaultKind.REJECTED and moderated(words, name):
        kind = FaultKind.MODERATED
    # "500 server_error: retry later" promises nothing about the credits: only a 4xx is certain.
    certain = 400 <= code < 500
    return Fault(kind, words, certain, retry_after_in(answer.headers), name)


def read_submit(answer: Answer, call: Call) -> Task:
    """A created task. Raises MalformedReply where there is neither an id nor a result."""
    task = created(_task(_data(answer.body)), answer.body)
    if task is None:
        raise MalformedReply("a submit answer without a task_id")
    return task


def read_poll(answer: Answer, seen: Seen) -> Task:
    """A task's state. Raises MalformedReply where the answer says nothing about it."""
    data = _data(answer.body)
    if not (status_of(data) or any(name in data for name in _RESULTS)):
        raise MalformedReply("a status answer without a status")
    return _task(data)


def tasks(*alternatives: str) -> Poll:
    """`GET /tasks/{id}`, which the page has for every generation endpoint, before a route's own."""
    return Poll(("/tasks/{id}", *alternatives), read_poll)


def _hidden_code(body: Any) -> int | None:
    """The error code under HTTP 200; `None` for a good answer."""
    if not isinstance(body, Mapping):
        return None
    data = task_in(body)
    if id_of(data) and status_of(data):
        return None
    error = error_in(body)
    inner = error.get("code") if isinstance(error, Mapping) else None
    for value in (inner, body.get("code")):
        code = from_text(value) if isinstance(value, str) else value
        if isinstance(code, int) and not isinstance(code, bool) and not 200 <= code < 300:
            # Many servers call success 0.
            return None if code < 400 and not error and body.get("data") else code
    return 500 if error and not status_of(body) else None


def _data(body: Any) -> Mapping[str, Any]:
    """The task in an answer; Suno's feed as a bare list of tracks [E] is its `response_data`."""
    data = task_in(body)
    tracks = body if isinstance(body, list) else data.get("data")
    told = id_of(data) or status_of(data) or not isinstance(tracks, list)
    return data if told else {"response_data": tracks}


def _task(data: Mapping[str, Any]) -> Task:
    task_id, cost = id_of(data), _cost(data)
    result = next((data[name] for name in _RESULTS if data.get(name)), None)
    state = _state(data, result)
    if state is State.FAILED:
        return Task(state, task_id, fault=_failure(_words(data)), cost=cost)
    if state is not State.SUCCEEDED:
        return Task(state, task_id)
    assets = _assets(result)
    text = None if assets else _text(result)
    if not assets and text is None:
        assets = tuple(map(asset_of, links_in(data, IN_TASKS)))
    if not assets and text is None:
        fault = _failure("the task ended with SUCCESS, but without a result")
        return Task(State.FAILED, task_id, fault=fault, cost=cost)
    return Task(state, task_id, 100, assets, text, cost=cost)


def _state(data: Mapping[str, Any], result: Any) -> State:
    """By the task's status; without one (Suno's feed and cover [E]) by the tracks', or the result."""
    if status := status_of(data):
        return state_of(status)
    tracks = result if isinstance(result, list) else []
    said = [status_of(one) for one in tracks if isinstance(one, Mapping)]
    states = [state_of(one) for one in said if one]
    if states:
        ended = all(one in (State.SUCCEEDED, State.FAILED) for one in states)
        if not ended:
            return State.RUNNING
        return State.SUCCEEDED if State.SUCCEEDED in states else State.FAILED
    if result:
        return State.SUCCEEDED
    return State.FAILED if data.get("error_message") or error_in(data) else State.QUEUED


def _assets(result: Any) -> tuple[Asset, ...]:
    if isinstance(result, list | tuple):
        return tuple(asset for one in result for asset in _assets(one))
    if not isinstance(result, Mapping):
        return tuple(asset_of(link) for link in links_in(result, IN_TASKS))
    said = result.get("title")
    title = said if isinstance(said, str) and said else None
    links = links_in(result, IN_TASKS)
    covers = [one for one in links_in(result.get("image_url")) if links and one not in links]
    return (
        *(asset_of(link, title=title) for link in links),
        *(asset_of(link, "cover", title) for link in covers),
    )


def _text(result: Any) -> str | None:
    if isinstance(result, list) and len(result) == 1:
        return _text(result[0])
    if isinstance(result, Mapping):
        return next((t for name in ("text", "lyrics") if (t := _text(result.get(name)))), None)
    return result if isinstance(result, str) and result else None


def _cost(data: Mapping[str, Any]) -> Cost | None:
    for name in ("consumed_credits", "credits_consumed"):
        if (credits := amount_in(data.get(name))) is not None:
            return Cost(credits=credits)
    return None


def _words(data: Mapping[str, Any]) -> str:
    for name in ("error_message", "errorMessage", "error", "msg", "message"):
        if found := message_in(data.get(name)):
            return found
    return "the task failed without saying why"


def _failure(words: str) -> Fault:
    kind = FaultKind.MODERATED if moderated(words) else FaultKind.FAILED
    return Fault(kind, words, certain=False)
