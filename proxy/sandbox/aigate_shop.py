"""A double of aigate.shop, by its Video Generation page.

POST /video/generations keeps the client waiting until the video is done, and answers with a link
that lives 20 minutes. Chat, images, embeddings and the balance are not on that page: they are the
OpenAI double's, as the gateway's clients use them.
"""

from __future__ import annotations

import secrets
import string
from typing import Any, ClassVar

from starlette.responses import Response
from starlette.routing import Route

from . import checks as c
from .checks import Fields, Refusal
from .core import answer
from .exchange import Exchange
from .files import result
from .openai import OpenAI
from .tasks import Task

LETTERS = string.ascii_letters + string.digits
PICTURES = ("input_image", "image_url", "image", "input_image_url", "input_image_b64")
CLIPS = ("input_video", "input_video_b64")
SOURCE = c.text(1)  # "URL, data URL, or another value supported by the selected model"

# Section "Request fields".
FIELDS: Fields = {
    "model": c.need(c.text(1)),
    "prompt": c.need(
        c.either(c.text(1), c.record({"text": c.need(c.text(1)), "image": c.need(SOURCE)}))
    ),
    **dict.fromkeys(PICTURES[:-1], SOURCE),
    "input_image_b64": c.base64_data,
    "input_video": c.url,  # data URLs are said of source images only
    "input_video_b64": c.base64_data,
    "duration": c.number(1),
    "resolution": c.matching(r"480p|720p|1080p|4K|[1-9]\d*x[1-9]\d*", "720p, 4K or 1280x720"),
    "aspect_ratio": c.choice("16:9", "9:16", "1:1", "4:3", "3:4"),
    "n": c.integer(1, 10),
    "audio": c.boolean,
    "quality": c.text(1),  # "for example draft, std, or pro when supported by the model"
    "negative_prompt": c.text(),
    "seed": c.integer(),
    "user": c.text(),
    "provider_options": c.record(),
    "metadata": c.record(),
}
CODES = {  # section "Errors"; 400 is not on it
    401: ("http_401", "invalid_request_error"),
    402: ("insufficient_quota", "insufficient_quota"),
    404: ("not_found", "invalid_request_error"),
    410: ("http_410", "invalid_request_error"),
    429: ("insufficient_quota", "insufficient_quota"),
}


class AigateShop(OpenAI):
    """aigate.shop."""

    NAME = "aigate.shop"
    PREFIX = "/v1"
    EMPTY = 429
    VARIANTS: ClassVar = {
        **OpenAI.VARIANTS,
        "id_only": "submits answer at once, with {id} alone; GET /videos/{id} tells the rest",
        "id_task_id": "submits answer at once, with {task_id} alone",
        "videos_id": "only POST /videos answers at once, with an OpenAI video object",
        "no_videos_get": "GET /videos/{id} is unknown: GET /video/generations/{id} alone answers",
        "fail_reason_url": "a finished task of the latter has its URL in fail_reason",
        "unknown_first": 'the first poll says status "unknown" (NOT_START)',
        "balance_credits": "GET /balance answers OpenAI's old credit_summary",
        "balance_data": "GET /balance answers {success, data: {balance}}",
    }
    MODELS: ClassVar = {
        "provider/video-model-id": "video",
        "klingai/kling-v3.0-t2v": "video",
        "klingai/kling-v3.0-i2v": "video",
        "openai/sora-2": "video",
        "openai/gpt-4o-mini": "chat",
        "openai/gpt-image-1": "image",
        "openai/text-embedding-3-small": "embedding",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"link_seconds": 1200.0} | options)  # "download within 20 minutes"
        self.expired_message = "Video link expired"
        self.no_video_input: set[str] = set()  # models that refuse a source clip

    def routes(self) -> list[Route]:
        """The page's endpoints, and those of an OpenAI-compatible server."""
        content = self.route("GET", "/videos/{task}/content", "file", self._content, auth=False)
        return [
            self.route("POST", "/video/generations", "submit", self._generate),
            self.route("POST", "/videos", "submit", self._generate),
            content,
            self.route("GET", "/videos/{task}", "poll", self._video),
            self.route("GET", "/video/generations/{task}", "poll", self._old_task),
            self.route("GET", "/balance", "balance", self._balance),
            *self.text_routes(),
            *self.image_routes(),
        ]

    def error(self, refusal: Refusal) -> dict[str, Any]:
        """Section "Errors"."""
        usual = ("api_error", "api_error") if refusal.status >= 500 else ("http_400", "")
        code, kind = CODES.get(refusal.status, usual)
        return {
            "error": {
                "message": refusal.message,
                "type": kind or "invalid_request_error",
                "code": code,
                "status": refusal.status,
            }
        }

    def new_id(self, kind: str, model: str) -> str:
        """Like the page's task_qZj21ARTSQzsyHoh82QBs7oPwnKvCOIu."""
        return "task_" + "".join(secrets.choice(LETTERS) for _ in range(32))

    def link(self, task: Task, index: int = 0) -> str:
        """Section "Response"; where n is 2 or more, each video has an id of its own."""
        name = task.id if index == 0 else f"{task.id}_{index}"
        return f"{self.base_url}/videos/{name}/content"

    async def _generate(self, x: Exchange) -> Response:
        body = x.json()
        c.validate(body, FIELDS)
        self.known(body["model"], "video")
        await self._inputs(body)
        task = self.task(
            "video",
            ["mp4"] * body.get("n", 1),
            model=body["model"],
            request=body,
            ratio=body.get("aspect_ratio", "16:9"),
        )
        if self.variants & {"id_only", "id_task_id"}:
            await self.take(x, task)
            return answer({"task_id" if "id_task_id" in self.variants else "id": task.id})
        if "videos_id" in self.variants and x.seen.path.endswith("/videos"):
            return answer(self._object(await self.take(x, task)))
        await self.at_once(x, task)
        return answer(
            {
                "created": int(task.created),
                "model": task.model,
                "duration": task.request.get("duration", 5),
                "videos": [
                    {"url": self.link(task, index), "mime_type": "video/mp4"}
                    for index in range(len(task.files))
                ],
            }
        )

    async def _inputs(self, body: dict[str, Any]) -> None:
        prompt = body["prompt"]
        given = [body[name] for name in PICTURES if name in body]
        if isinstance(prompt, dict):
            given.append(prompt["image"])
        clips = [body[name] for name in CLIPS if name in body]
        if len(given) > 1 or len(clips) > 1:
            raise Refusal(400, "more than one source image or source video")
        if "metadata" in body and "provider_options" in body:
            raise Refusal(400, "metadata is an alias of provider_options: send one of them")
        if clips and body["model"] in self.no_video_input:
            raise Refusal(400, f"{body['model']} does not support video input")
        await self.fetch(*(one for one in given + clips if one.startswith(("http:", "https:"))))

    async def _content(self, x: Exchange) -> Response:
        task_id, index = x.params["task"], 0
        if task_id not in self.tasks and "_" in task_id[5:]:
            task_id, _, number = task_id.rpartition("_")
            index = int(number) if number.isdigit() else 0
        return result(x, self.find(x, task_id, poll=False), index)

    async def _video(self, x: Exchange) -> Response:
        if not self.variants & {"id_only", "id_task_id", "videos_id"}:
            raise Refusal(404, "Wrong path")  # not on the page
        if "no_videos_get" in self.variants:
            raise Refusal(404, "Wrong path")
        return answer(self._object(self.find(x, x.params["task"])))

    def _object(self, task: Task) -> dict[str, Any]:
        status = {"running": "in_progress"}.get(task.state, task.state)
        if "unknown_first" in self.variants and task.polls == 1:
            status = "unknown"
        body: dict[str, Any] = {
            "id": task.id,
            "object": "video",
            "model": task.model,
            "status": status,
            "progress": task.progress,
            "created_at": int(task.created),
        }
        if task.state == "completed":
            body |= {"completed_at": int(task.completed or 0), "metadata": {"url": self.link(task)}}
        if task.state == "failed":
            body["error"] = {"message": task.failure, "code": "task_failed"}
        return body

    async def _old_task(self, x: Exchange) -> Response:
        if not self.variants & {"id_only", "id_task_id", "videos_id"}:
            raise Refusal(404, "Wrong path")
        task = self.find(x, x.params["task"])
        words = {"running": "IN_PROGRESS", "completed": "SUCCESS", "failed": "FAILURE"}
        status = words.get(task.state, "QUEUED" if task.polls > 1 else "SUBMITTED")
        if "unknown_first" in self.variants and task.polls == 1:
            status = "NOT_START"
        data = {"task_id": task.id, "status": status, "progress": f"{task.progress}%"}
        data["fail_reason"] = task.failure or "" if task.state == "failed" else ""
        if task.state == "completed":
            name = "fail_reason" if "fail_reason_url" in self.variants else "result_url"
            data[name] = self.link(task)
        return answer({"code": "success", "message": "", "data": data})

    async def _balance(self, x: Exchange) -> Response:
        if "balance_credits" in self.variants:
            return answer({"object": "credit_summary", "total_available": self.balance})
        if "balance_data" in self.variants:
            return answer({"success": True, "data": {"balance": self.balance}})
        return answer({"object": "balance", "balance": self.balance, "currency": "USD"})
