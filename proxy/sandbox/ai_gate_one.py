"""A double of ai-gate.one, by its API Documentation page.

Everything is a task: POST /{kind} → {taskId}, GET /result/{taskId} → {taskId, data} or {taskId, url}.
The key is a field of the body. The page says nothing of pending tasks, failures and errors: see
VARIANTS for what else they may look like.
"""

from __future__ import annotations

import secrets
from typing import Any, ClassVar

from starlette.responses import Response
from starlette.routing import Route

from . import checks as c
from .chat import plain_answer
from .checks import Fields, Refusal
from .core import Double, answer, loopback_urls
from .exchange import Exchange
from .tasks import Task

# Sections "Video Generation API" (models) and "Price API".
VIDEO_PRICES: dict[str, dict[str, dict[str, float]]] = {
    "Sora2": {"1080p": {"10": 0.3, "15": 0.45}},
    "Wan2_6": {"1080p": {"5": 0.6, "10": 1.2}},
    "Kling_2_5_Pro": {"1080p": {"5": 0.38, "10": 0.75}},
    "Kling2_6": {"1080p": {"5": 0.9, "10": 1.8}},
    "Veo3_1Fast": {"720p": {"8": 0.36}},
    "Veo3_1_Quality": {"1088p": {"8": 1.81}},
    "Hailuo2_3": {"768P": {"6": 0.32, "10": 0.53}, "1080P": {"6": 0.45, "10": 0.75}},
}
UNPRICED = {("Sora2", "720p", "10")}  # the page's own request example, on no price list
PRICES = {
    "text": {"cost": "0.00060", "unit": "1K characters"},
    "image": {"cost": "0.04", "unit": "Image"},
    "video": VIDEO_PRICES,
    "sound": {"cost": "0.01", "unit": "1 sec"},
    "voice": {"cost": "0.1", "unit": "1K characters"},
}
LONGEST_TEXT = 8_000_000  # "Any: 2M tokens", at four characters a token

KEY = c.need(c.text(1))
PICTURES = c.array(c.url)
FIELDS: dict[str, Fields] = {
    "text": {
        "apiKey": KEY,
        "text": c.need(c.text(1, LONGEST_TEXT)),
        "type": c.need(c.choice("Text")),
    },
    "image": {
        "apiKey": KEY,
        "prompt": c.need(c.text(1)),
        "aspectRatio": c.RATIO,
        "imageUrls": PICTURES,
        "type": c.need(c.choice("Image")),
    },
    "video": {
        "apiKey": KEY,
        "prompt": c.need(c.text(1)),
        "modelName": c.need(c.choice(*VIDEO_PRICES)),
        "durationSec": c.need(c.matching(r"\d+", 'a string: "10"')),
        "resolution": c.need(c.text(1)),
        "aspectRatio": c.RATIO,
        "imageUrls": PICTURES,
        "type": c.need(c.choice("Video")),
    },
    "sound": {
        "apiKey": KEY,
        "prompt": c.need(c.text(1)),
        "durationMs": c.need(c.integer(500)),
        "isLoop": c.boolean,
        "type": c.need(c.choice("Sound")),
    },
    "voice": {
        "apiKey": KEY,
        "name": c.need(c.text(1)),
        "text": c.need(c.text(1)),
        "stability": c.number(0, 1),
        "similarity_boost": c.number(0, 1),
        "style": c.number(0, 1),
        "speed": c.number(0.7, 1.2),
        "previousText": c.text(),
        "nextText": c.text(),
        "type": c.need(c.choice("Voice")),
    },
}
KINDS = {"voice": "speech"}  # the double's own name of a kind, where it is another
FILES = {"image": ["png"], "video": ["mp4"], "sound": ["mp3"], "voice": ["mp3"]}


class AiGateOne(Double):
    """ai-gate.one."""

    NAME = "ai-gate.one"
    PREFIX = "/api/v1"
    VARIANTS: ClassVar = {
        "pending_empty": "a pending task answers 200 with an empty body",
        "pending_202": "… answers 202 with an object",
        "pending_204": "… answers 204",
        "pending_null": "… answers the JSON null",
        "pending_404": "… answers 404, as if the id were not known yet",
        "pending_nulls": "… answers {taskId, data: null, url: null}",
        "pending_status": '… answers {taskId, status: "pending"}',
        "pending_garbage": "every second poll of a pending task answers an HTML page with HTTP 200",
        "wrapped": 'answers are {status: "success", result: {…}}',
        "relative_url": "results are links without a host: /files/…",
        "data_url": "a file's link stands under data, as a text would",
        "text_plain": "results are JSON under Content-Type text/plain",
        "fail_error": "a failed task answers {taskId, error}",
        "fail_status": 'a failed task answers {taskId, status: "failed", message}',
        "fail_data": 'a failed task has its words in data, beside type "Fail"',
        "plain_errors": "refusals are text/plain",
    }

    def routes(self) -> list[Route]:
        """The page's endpoints."""
        return [
            *(
                self.route("POST", f"/{kind}", "submit", self._submit, auth=False)
                for kind in FIELDS
            ),
            self.route("GET", "/result/{task}", "poll", self._result, auth=False),
            self.route("GET", "/balance/{key}", "balance", self._balance, auth=False),
            self.route("GET", "/price", "price", self._price, auth=False),
        ]

    def error(self, refusal: Refusal) -> dict[str, Any]:
        """Not on the page."""
        return {"type": "Fail", "error": refusal.message}

    def error_response(self, refusal: Refusal) -> Response:
        """Not on the page either."""
        if "plain_errors" in self.variants:
            return answer(refusal.message, refusal.status, headers=refusal.headers)
        return super().error_response(refusal)

    def new_id(self, kind: str, model: str) -> str:
        """Like the page's abc123-def456-ghi789."""
        return "-".join(secrets.token_hex(3) for _ in range(3))

    async def _submit(self, x: Exchange) -> Response:
        body = x.json()
        if body.get("apiKey") != self.key:
            raise Refusal(401, "Invalid apiKey")
        kind = x.seen.path.rpartition("/")[2]
        c.validate(body, FIELDS[kind])
        cost = _price(kind, body)
        await self.fetch(*loopback_urls(body.get("imageUrls")))
        task = self.task(
            KINDS.get(kind, kind),
            FILES.get(kind, ()),
            model=body.get("modelName", ""),
            request={name: value for name, value in body.items() if name != "apiKey"},
            ratio=body.get("aspectRatio", "1:1"),
            cost=cost,
        )
        if kind == "text":
            task.text = plain_answer(body["text"], self.reply)
        await self.take(x, task)
        return answer(self._wrapped({"taskId": task.id}))

    async def _result(self, x: Exchange) -> Response:
        task = self.find(x, x.params["task"])
        state = task.state
        if state == "failed":
            return self._json(self._failure(task))
        if state != "completed":
            return self._pending(task)
        if task.text is not None:
            return self._json({"taskId": task.id, "data": task.text})
        link = self.link(task)
        if "relative_url" in self.variants:
            link = link.removeprefix(self.origin)
        return self._json(
            {"taskId": task.id, "data" if "data_url" in self.variants else "url": link}
        )

    def _failure(self, task: Task) -> dict[str, Any]:
        if "fail_error" in self.variants:
            return {"taskId": task.id, "error": task.failure}
        if "fail_status" in self.variants:
            return {"taskId": task.id, "status": "failed", "message": task.failure}
        name = "data" if "fail_data" in self.variants else "message"
        return {"taskId": task.id, "type": "Fail", name: task.failure}

    def _pending(self, task: Task) -> Response:
        shapes = {
            "pending_empty": answer(b""),
            "pending_202": answer({"taskId": task.id}, 202),
            "pending_204": Response(status_code=204),
            "pending_null": answer(None),
            "pending_404": answer({"error": "Not found"}, 404),
            "pending_nulls": answer({"taskId": task.id, "data": None, "url": None}),
            "pending_status": answer({"taskId": task.id, "status": "pending"}),
        }
        if "pending_garbage" in self.variants and task.polls % 2:
            return answer("<html><h1>Bad gateway</h1></html>", kind="text/html")
        for variant, shape in shapes.items():
            if variant in self.variants:
                return shape
        return self._json({"taskId": task.id})

    def _json(self, body: Any) -> Response:
        kind = "text/plain; charset=utf-8" if "text_plain" in self.variants else ""
        return answer(self._wrapped(body), kind=kind)

    def _wrapped(self, body: Any) -> Any:
        return {"status": "success", "result": body} if "wrapped" in self.variants else body

    async def _balance(self, x: Exchange) -> Response:
        if x.params["key"] != self.key:
            raise Refusal(401, "Invalid apiKey")
        return answer(self.balance)

    async def _price(self, x: Exchange) -> Response:
        return answer(PRICES)


def _price(kind: str, body: dict[str, Any]) -> float:
    if kind == "video":
        wanted = body["modelName"], body["resolution"], body["durationSec"]
        price = VIDEO_PRICES[wanted[0]].get(wanted[1], {}).get(wanted[2])
        if price is None and wanted not in UNPRICED:
            raise Refusal(400, f"{wanted[0]} is not sold at {wanted[1]} for {wanted[2]} s")
        return price or 0.0
    if kind == "sound":
        return float(body["durationMs"]) / 1000 * 0.01
    return {"image": 0.04, "voice": 0.1 * len(body.get("text", "")) / 1000}.get(kind, 0.0)
