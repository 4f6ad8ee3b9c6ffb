"""How the answers of OpenAI's API and its copies read: refusals, pictures, videos, lists of models."""

import binascii
import math
from collections.abc import Mapping
from typing import Any

from translators.core import JSON, Answer, Asset, Call, Seen, State, Task
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
from translators.files import asset_of
from translators.wrapping import id_in, state_of, status_of, task_in

# What the usual servers say when the account is empty, whatever the status (new-api: 403, OpenAI: 429).
_QUOTA = (
    "insufficient_quota",
    "insufficient_user_quota",
    "insufficient_balance",
    "insufficient_credits",
    "billing_hard_limit_reached",
    "pre_consume_token_quota_failed",
)
_MODERATED = (
    "content_policy_violation",
    "moderation_blocked",
    "content_filter",
    "sensitive_words_detected",
)

_TOKENS = ("input_tokens", "output_tokens", "total_tokens")


def refuse(answer: Answer) -> Fault | None:
    """The fault that an answer holds; `None` for a good one. Also errors under HTTP 200.

    Certain of having taken no work are 4xx and 503 (OpenAI's "overloaded"), not the other 5xx.
    """
    body = answer.body
    status = answer.status if not answer.ok else _hidden_status(body)
    if status is None:
        return None
    message = message_in(body)
    return Fault(
        kind=_kind(status, _codes(body), message),
        message=message or _words(answer),
        certain=400 <= status < 500 or answer.status == 503,
        retry_after=retry_after_in(answer.headers),
        code=code_in(body),
    )


def progress_of(value: Any) -> int | None:
    """Percent out of 30, 30.0 or "30%"."""
    try:
        number = float(value.rstrip("%")) if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        return None
    return min(max(int(number), 0), 100) if math.isfinite(number) else None


def models(body: Any) -> list[JSON]:
    """Models, each with its `id`: `{data:[…]}`, `{data:{models|items|videos:[…]}}` or a bare array."""
    found = body
    while isinstance(found, Mapping):
        found = next(
            (found[name] for name in ("data", "models", "items", "videos") if name in found), None
        )
    if not isinstance(found, list):
        raise MalformedReply("The gateway's list of models cannot be read.")
    return [made for one in found if (made := _model(one))]


def read_images(answer: Answer, call: Call) -> Task:
    """`{data:[{b64_json|url, revised_prompt}], usage}` as a finished task."""
    data = answer.body.get("data") if isinstance(answer.body, Mapping) else None
    found = [one for one in data if isinstance(one, Mapping)] if isinstance(data, list) else []
    assets = tuple(asset for one in found if (asset := _image(one)))
    if not assets:
        raise MalformedReply("The answer holds no image.")
    usage = _picture_usage(answer.body.get("usage"))
    detail = {} if usage is None else {"usage": usage}
    if prompt := found[0].get("revised_prompt"):
        detail["revised_prompt"] = prompt
    return Task(State.SUCCEEDED, assets=assets, detail=detail)


def _picture_usage(value: Any) -> JSON | None:
    """The tokens of an answer with pictures (ImageGenUsage); `None` where it tells no such."""
    if not isinstance(value, Mapping) or any(type(value.get(name)) is not int for name in _TOKENS):
        return None
    made: JSON = {name: value[name] for name in _TOKENS}
    made["input_tokens_details"] = _parts(value.get("input_tokens_details"))
    if "output_tokens_details" in value:
        made["output_tokens_details"] = _parts(value["output_tokens_details"])
    return made


def _parts(value: Any) -> JSON:
    told = value if isinstance(value, Mapping) else {}
    kinds = ("text_tokens", "image_tokens")
    return {kind: tokens if type(tokens := told.get(kind)) is int else 0 for kind in kinds}


def read_video(answer: Answer, call: Call) -> Task:
    """A video object as a task; the file of a finished one is at `/videos/{id}/content`."""
    return _video(answer.body)


def poll_video(answer: Answer, seen: Seen) -> Task:
    """As `read_video`, of `GET /videos/{id}`."""
    return _video(answer.body, seen.task_id)


def _video(body: Any, asked: str | None = None) -> Task:
    video = task_in(body)
    id, status = asked or id_in(body), status_of(video)
    if id is None or (asked and not status):
        raise MalformedReply("The gateway's answer is no video object.")
    state = state_of(status) if status else State.QUEUED
    progress = progress_of(video.get("progress"))
    if state is State.FAILED:
        return Task(state, id, progress, fault=task_fault(video))
    if state is not State.SUCCEEDED:
        return Task(state, id, progress)
    # A URL that begins with "/" is relative to the provider's base URL.
    asset = Asset(url=f"/videos/{id}/content", mime="video/mp4", auth=True)
    return Task(state, id, 100, assets=(asset,))


def task_fault(body: Any) -> Fault:
    """The failure of a task that was accepted, in the gateway's words."""
    message, code = message_in(body) or "The generation failed.", code_in(body)
    blocked = code in _MODERATED or moderated(message, code)
    return Fault(
        FaultKind.MODERATED if blocked else FaultKind.FAILED, message, certain=False, code=code
    )


def _hidden_status(body: Any) -> int | None:
    """The status that an error under HTTP 200 speaks of (500 where it says none); `None` for no error."""
    if not isinstance(body, Mapping) or not (error := error_in(body)):
        return None
    if (
        "id" in body and "status" in body
    ):  # a video or response object that tells of its own failure
        return None
    for name in ("status", "code") if isinstance(error, Mapping) else ():
        value = error.get(name)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return 500


def _kind(status: int, codes: tuple[str, ...], message: str | None) -> FaultKind:
    if any(code in _QUOTA for code in codes):
        return FaultKind.QUOTA
    if any(code in _MODERATED for code in codes):
        return FaultKind.MODERATED
    if status in (400, 403, 422, 451) and moderated(message, *codes):
        return FaultKind.MODERATED
    return fault_of_status(status)


def _codes(body: Any) -> tuple[str, ...]:
    """An error's code and type: either may be the one that says more."""
    error = body.get("error") if isinstance(body, Mapping) else None
    holder = error if isinstance(error, Mapping) else body if isinstance(body, Mapping) else {}
    return tuple(value for name in ("code", "type") if isinstance(value := holder.get(name), str))


def _words(answer: Answer) -> str:
    """What there is to say of an error without a JSON message: its text, unless that is a web page."""
    text = answer.raw[:300].decode(errors="replace").strip()
    return text if text and text[0] not in "<{[" else f"The gateway answered HTTP {answer.status}."


def _model(one: Any) -> JSON | None:
    if isinstance(one, str):
        return {"id": one}
    if not isinstance(one, Mapping):
        return None
    id = next(
        (one[name] for name in ("id", "model", "name") if isinstance(one.get(name), str)), None
    )
    return {**one, "id": id} if id else None


def _image(one: Mapping[str, Any]) -> Asset | None:
    said = one.get("revised_prompt")
    title = said if isinstance(said, str) else None
    if isinstance(encoded := one.get("b64_json"), str) and encoded:
        try:
            # b64decode would copy the text first: a picture may have tens of megabytes
            data = binascii.a2b_base64(encoded.rpartition(",")[2], strict_mode=True)
        except ValueError as exc:
            raise MalformedReply("The image is not valid base64.") from exc
        return Asset(data=data, title=title)
    if isinstance(url := one.get("url"), str) and url:
        return asset_of(url, title=title)
    return None
