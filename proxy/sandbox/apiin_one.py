"""A double of apiin.one, by its two documentation pages.

Chat answers at once, in OpenAI's manner but without some of its fields; the rest are tasks, polled
at GET /tasks/{task_id}. Music's further routes are in `apiin_music`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

import orjson
from starlette.responses import Response
from starlette.routing import Route

from . import apiin_fields as fields
from . import checks as c
from .apiin_music import Music
from .chat import say, sparse
from .checks import Fields, Refusal
from .core import Handler, answer, loopback_urls
from .exchange import Exchange
from .stream import respond
from .tasks import Task

TYPES = {  # section "Error handling"
    400: "invalid_request",
    401: "authentication_error",
    402: "insufficient_credits",
    404: "not_found",
    429: "rate_limit",
}
CREDITS = {  # the page names the tools' alone
    "/images/tools/remove-bg": 1,
    "/images/tools/face-swap": 4,
    "/videos/tools/bg-remover": 10,
}
FILES = {"image": ["png"], "video": ["mp4"], "speech": ["mp3"], "music": ["mp3", "mp3"]}
SUFFIX = {"image": "img", "video": "video", "speech": "tts", "music": "suno"}
THOUGHTS = "The user wants an answer. The sandbox has one."


class ApiinOne(Music):
    """apiin.one."""

    NAME = "apiin.one"
    PREFIX = "/api/v1"
    VARIANTS: ClassVar = {
        "created_200": "submits answer HTTP 200 instead of 202",
        "pending_page": 'submits answer {id, status: "pending", model, created_at}, as one page shows',
        "task_id_camel": "submits answer taskId instead of task_id",
        "task_id_plain": "submits answer id instead of task_id",
        "msg": 'envelopes say "msg" instead of "message"',
        "lower_case": "statuses are queued, processing, completed and failed",
        "response_string": "response is one URL instead of a list",
        "response_object": "response is an object: {url} or {urls}",
        "response_json": "response is a JSON string of the list",
        "code_in_200": "errors are HTTP 200 with {code, message} in the envelope",
        "status_200": "a failed task's poll says code 500 in the envelope",
        "chat_object": "a whole chat answer is the other page's: object, no model, no usage",
        "chat_full": "a whole chat answer has all that OpenAI's has",
        "sparse_chunks": "chunks lack object, created, index and finish_reason",
        "thoughts_in_content": "thoughts come as <think>…</think> in the content",
        "duration_types": "hailuo-2.3 takes duration as a string only, the others as a number only",
    }

    def routes(self) -> list[Route]:
        """The pages' endpoints."""
        submits: dict[str, Handler] = {
            "/images/generations": self._submitting("image", fields.check_image),
            "/videos/generations": self._submitting("video", self._check_video),
            "/audio/music": self._submitting("music", fields.check_music),
            "/audio/speech": self._submitting("speech", fields.check_speech),
            **{path: self._tool(path, table) for path, table in fields.TOOLS.items()},
        }
        return [
            self.route("POST", "/chat/completions", "chat", self._chat),
            *(self.route("POST", path, "submit", work) for path, work in submits.items()),
            self.route("GET", "/tasks/{task}", "poll", self._poll),
            *self.music_routes(),
        ]

    def error(self, refusal: Refusal) -> dict[str, Any]:
        """Section "Error handling": the code is the status, a number."""
        if "code_in_200" in self.variants:
            return self.envelope(None, refusal.status, refusal.message)
        kind = TYPES.get(refusal.status, "server_error" if refusal.status >= 500 else TYPES[400])
        return {"error": {"code": refusal.status, "message": refusal.message, "type": kind}}

    def error_response(self, refusal: Refusal) -> Response:
        """One variant hides the status."""
        status = 200 if "code_in_200" in self.variants else refusal.status
        return answer(self.error(refusal), status, headers=refusal.headers)

    def new_id(self, kind: str, model: str) -> str:
        """Like the page's n41xxxx_flux2."""
        name = model.replace("-", "").replace(".", "") or SUFFIX.get(kind, kind)
        return f"n{secrets.randbelow(90) + 10}{secrets.token_hex(6)}_{name}"

    def envelope(self, data: Any, code: int = 200, message: str = "success") -> dict[str, Any]:
        """What every answer but chat's is wrapped in."""
        words = "msg" if "msg" in self.variants else "message"
        return {"code": code, words: message, "data": data}

    def callback_body(self, task: Task) -> dict[str, Any]:
        """Not on the pages: the same as a poll."""
        return self.envelope(self._status(task))

    async def _chat(self, x: Exchange) -> Response:
        body = x.json()
        c.validate(body, fields.CHAT)
        c.only(body["model"], ("gemini",), "model")
        self.funded()
        said = say(body, self.reply)
        if body.get("include_thoughts", True) and not said.calls:
            if "thoughts_in_content" in self.variants:
                said.text = f"<think>{THOUGHTS}</think>{said.text}"
            else:
                said.reasoning = THOUGHTS
        # "stream: Defaults to true."
        stream = body.get("stream", True)
        return respond(x, body, said, stream=stream, edit=self._chunk if stream else self._whole)

    def _whole(self, body: dict[str, Any]) -> dict[str, Any]:
        credits = {"credits_consumed": 2}
        if "chat_full" in self.variants:
            return body | credits
        page = sparse(body)
        if "chat_object" in self.variants:
            return {"id": page["id"], "object": body["object"], "choices": page["choices"]}
        return page | credits

    def _chunk(self, event: dict[str, Any]) -> dict[str, Any]:
        return sparse(event) if "sparse_chunks" in self.variants else event

    def _check_video(self, body: dict[str, Any]) -> None:
        fields.check_video(body, strict_types="duration_types" in self.variants)

    def _submitting(self, kind: str, check: Callable[[dict[str, Any]], None]) -> Handler:
        async def submit(x: Exchange) -> Response:
            body = x.json()
            check(body)
            return await self.submitted(x, kind, body, FILES[kind])

        return submit

    def _tool(self, path: str, table: Fields) -> Handler:
        kind = "video" if path.startswith("/videos") else "image"

        async def submit(x: Exchange) -> Response:
            body = x.json()
            c.validate(body, table)
            # Section "remove-bg", Example Response: this one answer has no status.
            bare = path.endswith("remove-bg")
            credits = CREDITS.get(path, 5)
            return await self.submitted(x, kind, body, FILES[kind], bare=bare, credits=credits)

        return submit

    async def submitted(
        self,
        x: Exchange,
        kind: str,
        body: dict[str, Any],
        files: list[str],
        *,
        bare: bool = False,
        credits: int = 5,
    ) -> Response:
        """Take a task and answer with its id."""
        names = ("image", "face_image", "video", "background_image", "input_urls")
        await self.fetch(*loopback_urls(*(body.get(name) for name in names)))
        task = self.task(
            kind,
            files,
            model=str(body.get("model", "")),
            request=body,
            ratio=str(body.get("aspect_ratio", "16:9" if kind == "video" else "1:1")),
            cost=float(credits),
        )
        await self.take(x, task)
        status = 200 if "created_200" in self.variants else 202
        if "pending_page" in self.variants:
            made = {"id": task.id, "status": "pending", "model": task.model}
            return answer(made | {"created_at": _stamp(task)}, status)
        name = next((n for v, n in IDS.items() if v in self.variants), "task_id")
        data = {name: task.id}
        if not bare:
            data["status"] = "processing" if "lower_case" in self.variants else "IN_PROGRESS"
        return answer(self.envelope(data), status)

    async def _poll(self, x: Exchange) -> Response:
        task = self.find(x, x.params["task"])
        if "status_200" in self.variants and task.state == "failed":
            return answer(self.envelope(None, 500, task.failure or ""))
        return answer(self.envelope(self._status(task)))

    def _status(self, task: Task) -> dict[str, Any]:
        state = task.state
        words = {"completed": "SUCCESS", "failed": "FAILED"}
        status = words.get(state, "IN_PROGRESS")
        if "lower_case" in self.variants:
            status = {"running": "processing"}.get(state, state)
        credits = {"completed": task.cost, "failed": self.failed_credits}.get(state, 0)
        return {
            "task_id": task.id,
            "status": status,
            "consumed_credits": int(credits) if float(credits).is_integer() else credits,
            "error_message": task.failure if state == "failed" else None,
            "created_at": _stamp(task),
            "request": task.request,
            "response": self._results(task) if state == "completed" else [],
        }

    def _results(self, task: Task) -> Any:
        urls = [self.link(task, index) for index in range(len(task.files))]
        if "response_string" in self.variants:
            return urls[0]
        if "response_json" in self.variants:
            return orjson.dumps(urls).decode()
        if "response_object" in self.variants:
            return {"url": urls[0]} if len(urls) == 1 else {"urls": urls}
        return urls


IDS = {"task_id_camel": "taskId", "task_id_plain": "id"}


def _stamp(task: Task) -> str:
    return datetime.fromtimestamp(task.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
