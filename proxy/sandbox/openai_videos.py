"""The OpenAI double's videos."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from . import checks as c
from .assets import asset
from .checks import Fields, Refusal
from .core import Double, answer
from .exchange import Exchange
from .files import result, serve
from .forms import read_form
from .tasks import Task

VIDEO: Fields = {
    "prompt": c.need(c.text(1, 32000)),
    "model": c.text(1),
    "input_reference": c.anything,
    "seconds": c.choice("4", "8", "12"),
    "size": c.choice("720x1280", "1280x720", "1024x1792", "1792x1024"),
}
REMIX: Fields = {"prompt": c.need(c.text(1, 32000))}
EDIT: Fields = {**REMIX, "video": c.need(c.anything), "model": c.text(1)}
EXTENSION: Fields = {**EDIT, "seconds": c.need(c.choice("4", "8", "12", "16", "20"))}


class Videos(Double):
    """Videos as OpenAI made them until September 2026."""

    def known(self, model: Any, kind: str) -> str:
        """Return a model of that kind, or refuse it."""
        raise NotImplementedError

    def video_routes(self) -> list[Route]:
        """The jobs and their content."""
        return [
            self.route("POST", "/videos", "submit", self._video),
            self.route("GET", "/videos", "list", self._videos),
            self.route("GET", "/videos/{task}", "poll", self._retrieve),
            self.route("DELETE", "/videos/{task}", "delete", self._delete),
            self.route("GET", "/videos/{task}/content", "file", self._content),
            self.route("POST", "/videos/{task}/remix", "submit", self._remix),
            self.route("POST", "/videos/edits", "submit", self._edit),
            self.route("POST", "/videos/extensions", "submit", self._extend),
        ]

    async def _video(self, x: Exchange) -> Response:
        if x.headers.get("content-type", "").startswith("application/json"):
            body = x.json()
            c.validate(body, VIDEO)
        else:
            body = await read_form(x, VIDEO)
        return await self._film(x, body, None)

    async def _film(self, x: Exchange, body: Mapping[str, Any], origin: str | None) -> Response:
        model = self.known(body.get("model", "sora-2"), "video")
        size, seconds = body.get("size", "720x1280"), body.get("seconds", "4")
        if model == "sora-2" and "1792" in size:
            raise Refusal(400, "sora-2 makes 720x1280 and 1280x720")
        request = {"prompt": body["prompt"], "size": size, "seconds": seconds, "remix": origin}
        task = self.task("video", ["mp4"], model=model, request=request, ratio=size)
        return answer(_object(await self.take(x, task)))

    async def _remix(self, x: Exchange) -> Response:
        body = x.json()
        c.validate(body, REMIX)
        first = self.find(x, x.params["task"], poll=False)
        return await self._film(x, first.request | body | {"model": first.model}, first.id)

    async def _edit(self, x: Exchange) -> Response:
        return await self._film(x, await read_form(x, EDIT), None)

    async def _extend(self, x: Exchange) -> Response:
        return await self._film(x, await read_form(x, EXTENSION), None)

    async def _retrieve(self, x: Exchange) -> Response:
        return answer(_object(self.find(x, x.params["task"])))

    async def _videos(self, x: Exchange) -> Response:
        found = [_object(task) for task in self.tasks.values() if task.kind == "video"][::-1]
        ends = {"first_id": found[0]["id"], "last_id": found[-1]["id"]} if found else {}
        none = {"first_id": None, "last_id": None}
        return answer({"object": "list", "data": found, "has_more": False} | none | ends)

    async def _delete(self, x: Exchange) -> Response:
        task = self.find(x, x.params["task"], poll=False)
        del self.tasks[task.id]
        return answer({"id": task.id, "deleted": True, "object": "video.deleted"})

    async def _content(self, x: Exchange) -> Response:
        task = self.find(x, x.params["task"], poll=False)
        variant = x.query.get("variant", "video")
        if variant not in ("video", "thumbnail", "spritesheet"):
            raise Refusal(400, f"unknown variant {variant!r:.40}")
        if variant == "video" or task.state != "completed":
            return result(x, task, 0)
        return serve(x, asset("png", task.ratio), "png")


def _object(task: Task) -> dict[str, Any]:
    state = {"running": "in_progress"}.get(task.state, task.state)
    failed = {"code": "moderation_blocked" if task.moderation else "video_generation_failed"}
    return {
        "id": task.id,
        "object": "video",
        "model": task.model,
        "status": state,
        "progress": task.progress,
        "created_at": int(task.created),
        "completed_at": int(task.completed) if task.completed else None,
        "expires_at": int((task.completed or time.time()) + 3600),
        "prompt": task.request["prompt"],
        "size": task.request["size"],
        "seconds": task.request["seconds"],
        "remixed_from_video_id": task.request["remix"],
        "error": failed | {"message": task.failure} if state == "failed" else None,
    }
