"""The OpenAI double's images and audio."""

from __future__ import annotations

import base64
import secrets
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from . import checks as c
from .assets import asset
from .checks import Fields, Refusal
from .core import Double, answer
from .exchange import Exchange
from .files import serve
from .forms import read_form
from .stream import EventStream

IMAGE_SIZE = c.matching(r"auto|[1-9]\d*x[1-9]\d*", "1024x1024 or auto")
IMAGE: dict[str, c.Check] = {
    "prompt": c.need(c.text(1, 32000)),
    "model": c.text(1),
    "n": c.integer(1, 10),
    "quality": c.choice("auto", "low", "medium", "high", "standard", "hd"),
    "response_format": c.choice("url", "b64_json"),
    "output_format": c.choice("png", "jpeg", "webp"),
    "output_compression": c.integer(0, 100),
    "stream": c.boolean,
    "partial_images": c.integer(0, 3),
    "size": IMAGE_SIZE,
    "moderation": c.choice("auto", "low"),
    "background": c.choice("auto", "transparent", "opaque"),
    "style": c.choice("vivid", "natural"),
    "user": c.text(),
}
EDIT: Fields = IMAGE | {
    "image": c.need(c.anything),
    "mask": c.anything,
    "input_fidelity": c.choice("low", "high"),
}
VARIATION: Fields = {
    name: IMAGE[name] for name in ("model", "n", "response_format", "size", "user")
}
VARIATION = {**VARIATION, "image": c.need(c.anything)}
SPEECH: Fields = {
    "model": c.need(c.text(1)),
    "input": c.need(c.text(1, 4096)),
    "voice": c.need(c.either(c.text(1), c.record({"id": c.need(c.text(1))}))),
    "instructions": c.text(0, 4096),
    "response_format": c.choice("mp3", "opus", "aac", "flac", "wav", "pcm"),
    "speed": c.number(0.25, 4),
    "stream_format": c.choice("sse", "audio"),
}
TRANSCRIPTION: Fields = {
    "file": c.need(c.anything),
    "model": c.need(c.text(1)),
    "language": c.text(2),
    "prompt": c.text(),
    "response_format": c.choice("json", "text", "srt", "verbose_json", "vtt", "diarized_json"),
    "temperature": c.number(0, 1),
    "include": c.array(c.text()),
    "timestamp_granularities": c.array(c.choice("word", "segment")),
    "stream": c.boolean,
    "chunking_strategy": c.anything,
}
USAGE = {
    "input_tokens": 10,
    "output_tokens": 90,
    "total_tokens": 100,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
}


class Media(Double):
    """Images and audio; `known` comes from the class that has the models."""

    def known(self, model: Any, kind: str) -> str:
        """Return a model of that kind, or refuse it."""
        raise NotImplementedError

    def image_routes(self) -> list[Route]:
        """Image generation, by JSON."""
        return [self.route("POST", "/images/generations", "submit", self._images)]

    def media_routes(self) -> list[Route]:
        """The rest."""
        return [
            self.route("POST", "/images/edits", "submit", self._edits),
            self.route("POST", "/images/variations", "submit", self._variations),
            self.route("POST", "/audio/speech", "submit", self._speech),
            self.route("POST", "/audio/transcriptions", "submit", self._transcribe),
            self.route("POST", "/audio/translations", "submit", self._transcribe),
        ]

    def new_id(self, kind: str, model: str) -> str:
        """OpenAI's form."""
        return f"{kind}_{secrets.token_hex(16)}"

    async def _images(self, x: Exchange) -> Response:
        body = x.json()
        c.validate(body, IMAGE)
        return await self._draw(x, body, "image_generation.completed")

    async def _edits(self, x: Exchange) -> Response:
        return await self._draw(x, await read_form(x, EDIT), "image_edit.completed")

    async def _variations(self, x: Exchange) -> Response:
        return await self._draw(x, await read_form(x, VARIATION), "")

    async def _draw(self, x: Exchange, body: dict[str, Any], event: str) -> Response:
        model = self.known(body.get("model", "gpt-image-1"), "image")
        if "response_format" in body and "gpt-image" in model:
            raise Refusal(400, f"Unknown parameter: 'response_format' with {model}")
        size = body.get("size", "auto")
        files = ["png"] * body.get("n", 1)
        request = {name: value for name, value in body.items() if isinstance(value, str)}
        new = self.task("image", files, model=model, request=request, ratio=size)
        task = await self.at_once(x, new)
        pictures = [
            base64.b64encode(asset("png", size, index)).decode() for index in range(len(files))
        ]
        look = {"size": size, "quality": "medium", "background": "opaque", "output_format": "png"}
        if body.get("stream"):
            when = {"created_at": int(task.created), "usage": USAGE}
            events = [{"type": event, "b64_json": one} | look | when for one in pictures]
            return EventStream(x, events, done=False, named=True)
        usual = "url" if "image_url" in self.variants else "b64_json"
        as_url = body.get("response_format", usual) == "url"
        data = [
            {"url": self.link(task, index)} if as_url else {"b64_json": one}
            for index, one in enumerate(pictures)
        ]
        return answer({"created": int(task.created), "data": data} | look | {"usage": USAGE})

    async def _speech(self, x: Exchange) -> Response:
        body = x.json()
        c.validate(body, SPEECH)
        model = self.known(body["model"], "speech")
        wanted = "mp3" if body.get("response_format", "mp3") == "mp3" else "wav"
        await self.at_once(x, self.task("speech", [wanted], model=model, request=body))
        data = asset(wanted)
        if body.get("stream_format") == "sse":
            half = len(data) // 2
            pieces = [base64.b64encode(part).decode() for part in (data[:half], data[half:])]
            events: list[dict[str, Any]] = [
                {"type": "speech.audio.delta", "audio": piece} for piece in pieces
            ]
            usage = {"input_tokens": 5, "output_tokens": 50, "total_tokens": 55}
            events.append({"type": "speech.audio.done", "usage": usage})
            return EventStream(x, events, done=False)
        return serve(x, data, wanted)

    async def _transcribe(self, x: Exchange) -> Response:
        body = await read_form(x, TRANSCRIPTION)
        model = self.known(body["model"], "transcription")
        await self.at_once(x, self.task("text", model=model, request={"model": model}))
        text = self.reply if isinstance(self.reply, str) else "Hello from the Anygate sandbox."
        wanted = body.get("response_format", "json")
        if body.get("stream"):
            first = {"type": "transcript.text.delta", "delta": text}
            return EventStream(x, [first, {"type": "transcript.text.done", "text": text}])
        if wanted in ("text", "srt", "vtt"):
            stamp = {"text": "", "srt": "1\n00:00:00,000 --> 00:00:01,500\n"}
            return answer(stamp.get(wanted, "WEBVTT\n\n00:00.000 --> 00:01.500\n") + text + "\n")
        if wanted == "verbose_json":
            detail = {"task": "transcribe", "language": "english", "duration": 1.5}
            return answer(detail | {"text": text, "segments": [], "words": []})
        usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 6, "total_tokens": 20}
        return answer({"text": text, "usage": usage})
