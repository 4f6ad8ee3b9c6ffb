"""apiin.one's further Suno routes: extend, feed, covers, lyrics.

The page names the paths and nothing else; bodies and answers are those seen in its clients.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from . import apiin_fields as fields
from . import checks as c
from .checks import Refusal
from .core import Double, answer
from .exchange import Exchange
from .tasks import Task

CLIP = {"queued": "text", "running": "first", "completed": "complete", "failed": "error"}


class Music(Double):
    """The routes under /audio/music/."""

    def music_routes(self) -> list[Route]:
        """In the page's order."""
        base = "/audio/music"
        return [
            self.route("POST", f"{base}/extend", "submit", self._extend),
            self.route("GET", f"{base}/feed", "poll", self._feed),
            self.route("POST", f"{base}/cover/generate", "submit", self._cover),
            self.route("GET", f"{base}/cover/status", "poll", self._cover_status),
            self.route("POST", f"{base}/upload-cover/generate", "submit", self._upload_cover),
            self.route("GET", f"{base}/upload-cover/status", "poll", self._feed),
            self.route("POST", f"{base}/timestamped-lyrics", "submit", self._lyrics),
        ]

    def envelope(self, data: Any, code: int = 200, message: str = "success") -> dict[str, Any]:
        """The gateway's own."""
        raise NotImplementedError

    async def submitted(
        self, x: Exchange, kind: str, body: dict[str, Any], files: list[str]
    ) -> Response:
        """The gateway's own."""
        raise NotImplementedError

    async def _extend(self, x: Exchange) -> Response:
        body = x.json()
        c.validate(body, fields.EXTEND)
        self._song(body["origin_task_id"])
        return await self.submitted(x, "music", body, ["mp3", "mp3"])

    async def _upload_cover(self, x: Exchange) -> Response:
        body = x.json()
        c.validate(body, fields.UPLOAD_COVER)
        return await self.submitted(x, "music", body, ["mp3", "mp3"])

    async def _cover(self, x: Exchange) -> Response:
        body = x.json()
        c.validate(body, fields.COVER)
        self._song(body["task_id"])
        task = await self.take(x, self.task("image", ["png", "png"], request=body))
        return answer(self.envelope({"taskId": task.id}))

    async def _cover_status(self, x: Exchange) -> Response:
        task = self.find(x, _wanted(x))
        done = task.state == "completed"
        images = [self.link(task, index) for index in range(len(task.files))] if done else []
        return answer(self.envelope({"taskId": task.id, "images": images}))

    async def _feed(self, x: Exchange) -> Response:
        task = self.find(x, _wanted(x))
        clips = [
            {
                "id": clip_id(task, index),
                "audio_url": self.link(task, index) if task.state == "completed" else "",
                "image_url": "",
                "status": CLIP[task.state],
                "title": task.request.get("title", "Sandbox"),
                "duration": 1.5 if task.state == "completed" else None,
            }
            for index in range(len(task.files))
        ]
        return answer(self.envelope({"type": "generate", "response_data": clips}))

    async def _lyrics(self, x: Exchange) -> Response:
        body = x.json()
        c.validate(body, fields.LYRICS)
        song = self._song(body["task_id"])
        if body["audio_id"] not in [clip_id(song, index) for index in range(len(song.files))]:
            raise Refusal(404, "no such audio_id in that task", "not_found")
        words = [{"word": "Sandbox", "startS": 0.0, "endS": 1.5, "success": True, "palign": 0}]
        return answer(self.envelope({"alignedWords": words, "waveformData": [0, 1, 0]}))

    def _song(self, task_id: str) -> Task:
        task = self.tasks.get(task_id)
        if task is None or task.kind != "music":
            raise Refusal(404, f"no music task {task_id!r:.80}", "not_found")
        return task


def clip_id(task: Task, index: int) -> str:
    """Return the audio_id of a song's n-th clip."""
    return f"{task.id}-{index}"


def _wanted(x: Exchange) -> str:
    if not x.query.get("task_id"):
        raise Refusal(400, "missing query parameter 'task_id'")
    return x.query["task_id"]
