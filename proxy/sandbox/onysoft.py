"""A double of onysoft, by its Content Generation API page.

Five equal aliases of one asynchronous backend, and chat. The page shows a created task, a completed
video and little else: errors, images, audio, lists and failures are as seen in its clients.
"""

from __future__ import annotations

import base64
import secrets
from typing import Any, ClassVar

import orjson
from starlette.responses import Response
from starlette.routing import Route

from . import checks as c
from .assets import asset
from .chat import pictured, say
from .chat_fields import FURTHER, STANDARD
from .checks import Refusal
from .core import Double, answer, loopback_urls
from .exchange import Exchange
from .onysoft_catalog import CATALOG, CHAT_MODELS
from .onysoft_models import VOICES, Model, lookup
from .stream import respond
from .tasks import Task

ALIASES = ("video", "image", "audio", "voice", "music")
MOST_BYTES = 10 * 1024 * 1024  # "Maximum total request size: 10 MB"
CODES = {
    400: "invalid_request",
    401: "invalid_api_key",
    402: "insufficient_balance",
    403: "model_blocked",
    404: "not_found",
    413: "payload_too_large",
    422: "validation_error",
    429: "rate_limit_exceeded",
}
RESULTS = (  # where a client has to look for a result
    "video_url", "image_url", "image_urls", "audio_url", "audio_urls", "music_url", "url", "urls",
    "output", "result", "result_urls", "resultUrls", "text",
)  # fmt: skip
KIE = {"queued": "queuing", "running": "generating", "completed": "success", "failed": "fail"}
FILES = {"video": "mp4", "image": "png", "speech": "mp3", "sound": "mp3", "music": "mp3"}


class Onysoft(Double):
    """onysoft."""

    NAME = "onysoft"
    PREFIX = "/v1"
    VARIANTS: ClassVar = {
        "kie": "polls answer KieAI's record: state, resultJson (a JSON string), failMsg",
        "kie_states": "status holds KieAI's words: waiting, queuing, generating, success, fail",
        "image_as_video": "an image's URL comes under video_url",
        **{f"result:{name}": f"a result comes under {name} alone" for name in RESULTS},
        "no_result": "a completed task names no result",
        "success_false": "refusals are HTTP 200 with success: false",
        "fail_success_false": "a failed task's poll is success: false with error, on HTTP 200",
        "fail_msg": "a failed task has failMsg instead of error",
        "error_object": "a failed task's error is {code, message}",
        "voice_500": "a voice that is not on the list answers 500",
        "list:bare": "models and video/list answer a bare array",
        "list:models": "… {data: {models: […]}}",
        "list:videos": "… {data: {videos: […]}}",
        "list:items": "… {data: {items: […]}}",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.chat_models = set(CHAT_MODELS)

    def routes(self) -> list[Route]:
        """The page's endpoints."""
        return [
            *(self.route("POST", f"/{a}/generate", "submit", self._generate) for a in ALIASES),
            *(self.route("GET", f"/{a}/status/{{task}}", "poll", self._status) for a in ALIASES),
            self.route("GET", "/video/list", "list", self._list),
            self.route("GET", "/models", "models", self._models),
            self.route("POST", "/chat/completions", "chat", self._chat),
        ]

    def error(self, refusal: Refusal) -> dict[str, Any]:
        """Not on the page."""
        code = refusal.code or CODES.get(refusal.status, "internal_error")
        return {"success": False, "error": {"code": code, "message": refusal.message}}

    def error_response(self, refusal: Refusal) -> Response:
        """One variant hides the status."""
        status = 200 if "success_false" in self.variants else refusal.status
        return answer(self.error(refusal), status, headers=refusal.headers)

    def new_id(self, kind: str, model: str) -> str:
        """Section "Example Response"; every kind's id begins with vid_."""
        return f"vid_{secrets.token_hex(12)}"

    async def _generate(self, x: Exchange) -> Response:
        if len(x.raw) > MOST_BYTES:
            raise Refusal(413, "request is larger than 10 MB")
        body = x.json()
        model = lookup(body.get("model"))
        model.check(body)
        self._further(body)
        urls = loopback_urls(*model.pictures(body))
        await self.fetch(*(url for url in urls if not url.startswith("data:")))
        file = "wav" if body["model"].endswith("to-wav-format") else FILES.get(model.kind)
        task = self.task(
            model.kind,
            [file] * body.get("n", 1) if file else [],
            model=body["model"],
            request=body,
            ratio=_ratio(body),
            cost=model.price,
        )
        if model.kind == "text":
            task.text = "Hello from the Anygate sandbox."
        if body["model"] == "elevenlabs/text-to-speech-turbo-2-5":
            # "Currently experiencing an 'internal error' on the provider side."
            task.failure = "internal error"
        await self.take(x, task)
        data = {
            "task_id": task.id,
            "status": "waiting" if "kie_states" in self.variants else "pending",
            "model": task.model,
            "estimated_cost": {"amount": task.cost, "currency": "USD"},
        }
        return answer({"success": True, "data": data}, 202)

    def _further(self, body: dict[str, Any]) -> None:
        """Refuse what depends on more than one field."""
        if "voice" in body and body["voice"] not in VOICES:
            status = 500 if "voice_500" in self.variants else 400
            raise Refusal(status, "This voice is not within the range of allowed options")
        if body["model"].startswith("veo3") and ("imageUrls" in body) != ("generationType" in body):
            raise Refusal(400, 'imageUrls go with generationType "REFERENCE_2_VIDEO"')

    async def _status(self, x: Exchange) -> Response:
        task = self.find(x, x.params["task"])
        if task.state == "failed" and "fail_success_false" in self.variants:
            error = {"code": "generation_failed", "message": task.failure}
            return answer({"success": False, "error": error})
        return answer({"success": True, "data": self._record(task)})

    def _record(self, task: Task) -> dict[str, Any]:
        state = task.state
        if "kie" in self.variants:
            return self._kie(task)
        status = {"queued": "pending", "running": "processing"}.get(state, state)
        if "kie_states" in self.variants:
            status = KIE[state]
        data: dict[str, Any] = {"task_id": task.id, "status": status, "model": task.model}
        if state == "failed":
            error: Any = task.failure
            if "error_object" in self.variants:
                error = {"code": "generation_failed", "message": task.failure}
            data["failMsg" if "fail_msg" in self.variants else "error"] = error
        if state == "completed" and "no_result" not in self.variants:
            data |= self._result(task)
        return data

    def _result(self, task: Task) -> dict[str, Any]:
        urls = [self.link(task, index) for index in range(len(task.files))]
        for name in RESULTS:
            if f"result:{name}" in self.variants:
                one: Any = task.text if task.text is not None else urls[0]
                return {name: [one] if name.lower().endswith("urls") else one}
        if task.text is not None:
            return {"text": task.text}
        if task.kind == "video" or "image_as_video" in self.variants:
            # Section "Example Response (Completed)".
            thumbnail = f"{self.origin}/files/{task.id}/thumbnail.png"
            seconds = task.request.get("duration", task.request.get("n_frames", 5))
            return {"video_url": urls[0], "thumbnail_url": thumbnail, "duration": int(seconds)}
        kind = "image" if task.kind == "image" else "audio"
        several = {f"{kind}_urls": urls} if len(urls) > 1 else {}
        return {f"{kind}_url": urls[0]} | several

    def _kie(self, task: Task) -> dict[str, Any]:
        state = task.state
        data: dict[str, Any] = {"task_id": task.id, "state": KIE[state], "model": task.model}
        if state == "failed":
            data |= {"failCode": "500", "failMsg": task.failure}
        if state == "completed":
            urls = [self.link(task, index) for index in range(len(task.files))]
            result = {"resultUrls": urls} if urls else {"text": task.text}
            data["resultJson"] = orjson.dumps(result).decode()
        return data

    async def _list(self, x: Exchange) -> Response:
        page, size = _number(x, "page", 1, 10**6), _number(x, "size", 20, 100)
        found = [self._record(task) for task in reversed(self.tasks.values())]
        return answer(self._listed(found[(page - 1) * size : page * size]))

    async def _models(self, x: Exchange) -> Response:
        found = [_listing(name, lookup(name)) for name in CATALOG]
        chat = [{"id": name, "type": "chat"} for name in sorted(self.chat_models)]
        return answer(self._listed(found + chat))

    def _listed(self, items: list[Any]) -> Any:
        for name in ("models", "videos", "items"):
            if f"list:{name}" in self.variants:
                return {"success": True, "data": {name: items}}
        return items if "list:bare" in self.variants else {"success": True, "data": items}

    async def _chat(self, x: Exchange) -> Response:
        if len(x.raw) > MOST_BYTES:
            raise Refusal(413, "request is larger than 10 MB")
        body = x.json()
        c.validate(body, STANDARD | FURTHER)
        if body["model"] not in self.chat_models:
            raise Refusal(404, f"model {body['model']!r:.100} not found", "model_not_found")
        self.funded()
        said = say(body, self.reply)
        if body["model"].endswith("-image"):
            said.images = ["data:image/png;base64," + base64.b64encode(asset("png")).decode()]
        return respond(
            x, body, said, stream=bool(body.get("stream")), edit=pictured(said, self.image_shape)
        )


def _ratio(body: dict[str, Any]) -> str:
    given = str(body.get("aspect_ratio", body.get("size", "16:9")))
    return {"landscape": "16:9", "portrait": "9:16"}.get(given, given)


def _listing(name: str, model: Model) -> dict[str, Any]:
    kind = "audio" if model.kind in ("speech", "sound", "text") else model.kind
    return {"id": name, "type": kind, "price": {"amount": model.price, "currency": "USD"}}


def _number(x: Exchange, name: str, usual: int, most: int) -> int:
    given = x.query.get(name, str(usual))
    if not given.isdigit() or not 1 <= int(given) <= most:
        raise Refusal(400, f"'{name}' must be between 1 and {most}")
    return int(given)
