"""/v1/images: generations, edits and variations; the client waits, a job does the work."""

import asyncio
import binascii
import math
import time
from collections.abc import AsyncIterator
from functools import reduce
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints.common import (
    HANDLED,
    count,
    flag,
    json_response,
    need_text,
    one_of,
    options_of,
    without_own,
)
from proxy.endpoints.intime import in_time
from proxy.endpoints.orders import Wish, delivering, ended, place
from proxy.errors import ApiError, GatewayDown, gateway_error, to_api_error
from proxy.forms import read_json, read_params
from proxy.jobs.outcome import contents
from proxy.pouring import Each
from proxy.routing import Ask
from proxy.service import exchange_of
from proxy.sse import EventStream, begun, while_connected
from proxy.store.base import Job
from translators.core import JSON, Capability, Params
from translators.framing import encode

MOST = 10
_TRIES = 3  # to load a finished picture
_PAUSE = 0.5  # seconds between them
_LARGEST = 64 << 20  # bytes of one picture that is given out as base64
FORMATS = ("b64_json", "url")
_NO_USAGE = {
    "total_tokens": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "input_tokens_details": {"text_tokens": 0, "image_tokens": 0},
}


async def generate(request: Request) -> Response:
    params = await read_json(request, exchange_of(request).service.runtime.max_body)
    need_text(params, "prompt")
    return await _make(request, params, Capability.IMAGE)


async def edit(request: Request) -> Response:
    params = await read_params(request, exchange_of(request).service.runtime.max_body)
    if (
        "image" not in params and "images" in params
    ):  # what a form calls one, OpenAI's JSON calls so
        params = {("image" if name == "images" else name): one for name, one in params.items()}
    return await _make(request, params, Capability.IMAGE_EDIT)


async def vary(request: Request) -> Response:
    params = await read_params(request, exchange_of(request).service.runtime.max_body)
    return await _make(request, params, Capability.IMAGE_VARIATION)


async def _make(request: Request, params: Params, capability: Capability) -> Response:
    exchange = exchange_of(request)
    resolved = exchange.service.runtime.router.resolve(
        params.get("model"), capability, exchange.client
    )
    said = resolved.said(params)
    shape = one_of(said, "response_format", FORMATS, "b64_json")
    stream = flag(said, "stream")
    ask = Ask(capability, without_own(params), options_of(params), handled=HANDLED)
    tasks = count(said, "n", MOST)
    job = await place(request, Wish("image", resolved, ask, said=params, tasks=tasks))
    if stream:
        events = Each(_events(request, job, capability))
        first = await while_connected(request, begun(events, exchange.service.keep_alive))
        answer: Response = EventStream(events, first=first)
    else:
        done = await while_connected(request, ended(request, job))
        made = {"created": int(done.completed_at or time.time())}
        answer = json_response(
            made | _counted(done) | {"data": await _images(request, done, shape)}
        )
    return delivering(request, job, answer)


async def _events(request: Request, job: Job, capability: Capability) -> AsyncIterator[bytes]:
    """One `image_generation.completed` (or `image_edit.completed`) an image, every required field there.

    A picture that cannot be had is told of at the end: the others are paid, too.
    """
    done = await ended(request, job)
    kind = "image_generation" if capability is Capability.IMAGE else "image_edit"
    lost: list[ApiError] = []
    for asset in _results(done):
        try:
            data, mime = await _loaded(request, done, asset, patient=not lost)
        except ApiError as exc:
            lost = lost or [exc]
            continue
        event = {
            "type": f"{kind}.completed",
            "b64_json": _base64(data),
            "created_at": int(done.completed_at or time.time()),
            "size": "auto",
            "quality": "auto",
            "background": "auto",
            "output_format": _format(mime) or "png",
            "usage": asset["usage"] or _NO_USAGE,
        }
        yield f"event: {kind}.completed\n".encode() + encode(orjson.dumps(event))
    if lost:
        raise lost.pop()  # it holds this frame, which is not to hold it


def _results(job: Job) -> list[dict[str, Any]]:
    """Each picture with what its gateway told of it: `revised` in place of the prompt, and its task's `usage`."""
    found = [
        {
            **one,
            "revised": one.get("title") if "revised_prompt" in task.detail else None,
            "usage": task.detail.get("usage"),
        }
        for task in job.tasks
        if task.state == "completed"
        for one in contents(task.assets)
    ]
    if not found:
        raise gateway_error("The gateway finished without an image.", "malformed_response")
    return found


def _counted(job: Job) -> JSON:
    """The tokens of all pictures, where the gateway has told those of each."""
    told: list[JSON] = [
        task.detail.get("usage") or {} for task in job.tasks if task.state == "completed"
    ]
    return {"usage": reduce(_sum, told)} if told and all(told) else {}


def _sum(one: JSON, other: JSON) -> JSON:
    return {
        name: _sum(value, other[name]) if isinstance(value, dict) else value + other[name]
        for name, value in one.items()
        if name in other
    }


async def _images(request: Request, job: Job, shape: str) -> list[JSON]:
    """The pictures that can be had; raises an ApiError where none can.

    One that is gone, or whose server fails, takes nothing from the others, which are paid.
    """
    made: list[JSON] = []
    lost: list[ApiError] = []
    there = _results(job)
    for asset in there:
        beside = {"revised_prompt": asset["revised"]} if asset["revised"] else {}
        try:
            if shape == "url":
                made.append(beside | {"url": await link(request, job, asset)})
            else:
                loading = _loaded(request, job, asset, patient=not lost)
                # By no name of ours: beside what is made of it, it would be held as well.
                made.append(
                    beside | {"b64_json": _base64((await in_time(request, job, loading))[0])}
                )
        except ApiError as exc:
            lost = lost or [exc]
    if not made:
        raise lost.pop()
    if lost:
        lost.clear()  # its traces hold this frame, and that the pictures
        ordered = len(there) + sum(entry.state != "completed" for entry in job.tasks)
        exchange_of(request).headers["x-anygate-partial"] = f"{len(made)}/{ordered}"
    return made


def _base64(data: bytes) -> orjson.Fragment:
    """A picture as it stands in JSON. A string would be two more copies of tens of megabytes."""
    encoded = binascii.b2a_base64(data, newline=False)
    del data
    return orjson.Fragment(b'"%s"' % encoded)


async def link(request: Request, job: Job, asset: dict[str, Any]) -> str:
    """A URL of a result that the client can open: of the kept file, else the gateway's, unless only
    we may fetch that. Raises ApiError 410 where neither is there any more."""
    service = exchange_of(request).service
    url = asset.get("url")
    base = service.runtime.config.server.public_url or str(request.base_url).rstrip("/")
    file = asset.get("file")
    if file and (
        service.media.path(file) or not url or time.time() > asset.get("expires", math.inf)
    ):
        await service.media.publish(file)
        return f"{base}/media/{file}"
    if url and not asset.get("auth") and not service.runtime.redactor.holds(url):
        return str(url)
    return f"{base}/v1/jobs/{job.id}/content?index={_results(job).index(asset)}"


async def _loaded(
    request: Request, job: Job, asset: dict[str, Any], *, patient: bool
) -> tuple[bytes, str]:
    """A picture's bytes and type. They are paid for: a failure that may pass is not the first to stand,
    but for a client that is not `patient`, and none invites it to order again."""
    service = exchange_of(request).service
    account = service.runtime.accounts.get(job.provider)
    for left in reversed(range(_TRIES if patient else 1)):
        try:
            found = await service.media.load(service.runtime.driver, asset, account, _LARGEST)
            if file := asset.get("file"):
                exchange_of(request).files += (file,)
            return found
        except (GatewayDown, ApiError) as exc:
            error = to_api_error(exc)
            assert error is not None
            if error.status < 500 or not left:
                error.retry = False
                raise error from exc
        await asyncio.sleep(_PAUSE)
    raise AssertionError("the last try returns or raises")


def _format(mime: str) -> str | None:
    kind = mime.partition("/")[2]
    return kind if kind in ("png", "webp", "jpeg") else None
