"""Chat with a gateway that takes one text and gives one back, by task: a job like any other."""

from collections.abc import AsyncIterator, Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints.common import count, flag, json_response
from proxy.endpoints.orders import Wish, delivering, ended, place
from proxy.endpoints.passing import Next
from proxy.errors import ApiError
from proxy.pouring import Each
from proxy.routing import Ask, Candidate, Resolved
from proxy.service import exchange_of
from proxy.sse import EventStream, begun, while_connected
from proxy.store.base import Job
from translators.core import JSON, Params
from translators.framing import DONE, encode
from translators.textchat import chunks, completion, cut_at_stop, fits

_MOST = 8  # choices: each is a task of its own
# How a submit fails that was certainly not taken, and not by the request's own fault.
_ELSEWHERE = frozenset(
    {
        "provider_auth_failed",
        "provider_insufficient_quota",
        "provider_rate_limited",
        "provider_unreachable",
        "provider_timeout",
        "provider_error",
        "model_not_found",
    }
)


async def chat(
    request: Request,
    params: Params,
    resolved: Resolved,
    ask: Ask,
    candidates: Sequence[Candidate],
) -> Response | Next:
    """The answer, or why a target that is no job should be asked: nobody took the work."""
    asked = resolved.said(params)
    tasks = count(asked, "n", _MOST)
    wish = Wish("chat", resolved, ask, params, tasks, candidates=candidates)
    job = await place(request, wish)
    try:
        if flag(asked, "stream"):
            answer = await _streamed(request, job, asked)
        else:
            found = await while_connected(request, ended(request, job))
            answer = json_response(completion(_texts(found, asked), **_head(found, asked)))
        return delivering(request, job, answer)
    except ApiError as exc:
        if exc.code in _ELSEWHERE and await _refused(request, job):
            return Next(exc)
        raise


async def _streamed(request: Request, job: Job, params: Params) -> Response:
    events = Each(_events(request, job, params))
    wait = exchange_of(request).service.keep_alive
    return EventStream(events, first=await while_connected(request, begun(events, wait)))


async def _refused(request: Request, job: Job) -> bool:
    """Whether no gateway has taken any of a failed job."""
    found = await exchange_of(request).service.store.get(job.id)
    return found is not None and all(one.ended and not one.task_id for one in found.tasks)


async def _events(request: Request, job: Job, params: Params) -> AsyncIterator[bytes]:
    found = await ended(request, job)
    usage = bool((params.get("stream_options") or {}).get("include_usage"))
    texts = _texts(found, params)
    for chunk in chunks(texts, include_usage=usage, **_head(found, params)):
        yield encode(orjson.dumps(chunk))
    yield DONE


def _texts(job: Job, params: Params) -> list[str]:
    """Every answer as it is given out. Raises MalformedReply where it is not the format asked for."""
    stop, form = params.get("stop"), params.get("response_format")
    if stop is None and form is None:
        return [entry.text or "" for entry in job.tasks if entry.state == "completed"]
    return [
        fits(cut_at_stop(entry.text or "", stop)[0], form)
        for entry in job.tasks
        if entry.state == "completed"
    ]


def _head(job: Job, params: Params) -> JSON:
    return {
        "id": f"chatcmpl-{job.id}",
        "created": int(job.created_at),
        "model": job.native,
        "prompt_chars": len(orjson.dumps(params["messages"])),
    }
