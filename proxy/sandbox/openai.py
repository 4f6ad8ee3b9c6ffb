"""A double of OpenAI's API, and of everything that copies it: chat, text and the list of models.

Images, audio and videos are in `openai_media`.
"""

from __future__ import annotations

import base64
import math
import secrets
import struct
from typing import Any, ClassVar

from starlette.responses import Response
from starlette.routing import Route

from . import checks as c
from .chat import chunks, say, sparse, split
from .chat_fields import FURTHER, STANDARD
from .checks import Fields, Refusal
from .core import answer
from .exchange import Exchange
from .openai_media import Media
from .openai_responses import Responses
from .openai_videos import Videos
from .stream import EventStream, respond

TEXTS = c.either(c.text(), c.array(c.text(), 1, 2048), c.array(c.anything, 1, 2048))
EMBEDDING: Fields = {
    "model": c.need(c.text(1)),
    "input": c.need(TEXTS),
    "encoding_format": c.choice("float", "base64"),
    "dimensions": c.integer(1, 3072),
    "user": c.text(),
}
MODERATION: Fields = {"input": c.need(c.either(TEXTS, c.array(c.record(), 1))), "model": c.text(1)}
CHAT = STANDARD | FURTHER
COMPLETION: Fields = {
    name: check for name, check in CHAT.items() if name not in ("messages", "tools", "tool_choice")
} | {
    "prompt": c.need(TEXTS),
    "best_of": c.integer(1, 20),
    "echo": c.boolean,
    "suffix": c.either(c.text(), c.choice(None)),
    "logprobs": c.either(c.integer(0, 5), c.choice(None)),
}
CATEGORIES = (
    "hate,hate/threatening,harassment,harassment/threatening,illicit,illicit/violent,self-harm,"
    "self-harm/intent,self-harm/instructions,sexual,sexual/minors,violence,violence/graphic"
)
CODES = {400: None, 401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
TYPES = {429: "rate_limit_error", 500: "server_error", 503: "server_error"}


class OpenAI(Media, Videos, Responses):
    """An OpenAI-compatible upstream. `models` (id → kind) may be changed."""

    NAME = "openai"
    PREFIX = "/v1"
    EMPTY = 429
    MODELS: ClassVar[dict[str, str]] = {
        "gpt-4o": "chat",
        "gpt-4o-mini": "chat",
        "gpt-4.1-mini": "chat",
        "gpt-5-mini": "chat",
        "llama3.2": "chat",
        "gpt-3.5-turbo-instruct": "completion",
        "text-embedding-3-small": "embedding",
        "text-embedding-3-large": "embedding",
        "omni-moderation-latest": "moderation",
        "dall-e-2": "image",
        "dall-e-3": "image",
        "gpt-image-1": "image",
        "gpt-image-1-mini": "image",
        "gpt-image-1.5": "image",
        "tts-1": "speech",
        "tts-1-hd": "speech",
        "gpt-4o-mini-tts": "speech",
        "whisper-1": "transcription",
        "gpt-4o-transcribe": "transcription",
        "gpt-4o-mini-transcribe": "transcription",
        "sora-2": "video",
        "sora-2-pro": "video",
    }

    VARIANTS: ClassVar[dict[str, str]] = {
        "sparse_chat": "chat lacks object, created, index, finish_reason, refusal and logprobs",
        "image_url": "images come as url unless b64_json is asked for",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.models = dict(self.MODELS)

    def routes(self) -> list[Route]:
        """Everything."""
        return [
            *self.text_routes(),
            self.route("POST", "/completions", "completions", self._completions),
            self.route("POST", "/moderations", "moderations", self._moderations),
            self.route("POST", "/responses", "responses", self.responses),
            *self.image_routes(),
            *self.media_routes(),
            *self.video_routes(),
        ]

    def text_routes(self) -> list[Route]:
        """What most OpenAI-compatible servers have."""
        return [
            self.route("POST", "/chat/completions", "chat", self._chat),
            self.route("POST", "/embeddings", "embeddings", self._embeddings),
            self.route("GET", "/models", "models", self._models),
            self.route("GET", "/models/{model:path}", "models", self._model),
        ]

    def error(self, refusal: Refusal) -> dict[str, Any]:
        """OpenAI's shape."""
        code = refusal.code or CODES.get(refusal.status)
        if code == "insufficient_balance":
            code = "insufficient_quota"
        kind = code if code == "insufficient_quota" else TYPES.get(refusal.status)
        return {
            "error": {
                "message": refusal.message,
                "type": kind or "invalid_request_error",
                "param": None,
                "code": code,
            }
        }

    def known(self, model: Any, kind: str) -> str:
        """Return a model of that kind, or refuse it."""
        if self.models.get(model) != kind:
            raise Refusal(404, f"The model {model!r:.80} does not exist or is no {kind} model")
        return str(model)

    async def _chat(self, x: Exchange) -> Response:
        body = x.json()
        c.validate(body, CHAT)
        if body.get("stream_options") and not body.get("stream"):
            raise Refusal(400, "stream_options is only allowed when stream is true")
        self.known(body["model"], "chat")
        self.funded()
        edit = sparse if "sparse_chat" in self.variants else None
        stream = bool(body.get("stream"))
        return respond(x, body, say(body, self.reply), stream=stream, edit=edit)

    async def _completions(self, x: Exchange) -> Response:
        body = x.json()
        c.validate(body, COMPLETION)
        self.known(body["model"], "completion")
        prompt = body["prompt"] if isinstance(body["prompt"], str) else str(body["prompt"][0])
        asked = {"messages": [{"role": "user", "content": prompt}]} | body
        said = say({name: asked[name] for name in asked if name != "logprobs"}, self.reply)
        if body.get("stream"):
            usage = bool((body.get("stream_options") or {}).get("include_usage"))
            events = chunks(said, body["model"], usage=usage)
            return EventStream(x, (_as_text(event) for event in events))
        choice = {"text": said.text, "logprobs": None, "finish_reason": said.finish}
        choices = [{"index": index} | choice for index in range(said.n)]
        head = {"id": said.id, "object": "text_completion", "created": said.created}
        return answer(head | {"model": body["model"], "choices": choices, "usage": said.usage})

    async def _embeddings(self, x: Exchange) -> Response:
        body = x.json()
        c.validate(body, EMBEDDING)
        self.known(body["model"], "embedding")
        given = body["input"]
        # A bare list of numbers is one input, already cut into tokens.
        one = isinstance(given, str) or isinstance(given[0], int)
        size = body.get("dimensions", 8)
        vectors = [_vector(str(some), size) for some in ([given] if one else given)]
        data: list[dict[str, Any]] = [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(vectors)
        ]
        if body.get("encoding_format") == "base64":
            for one_of in data:
                packed = struct.pack(f"<{size}f", *one_of["embedding"])
                one_of["embedding"] = base64.b64encode(packed).decode()
        tokens = len(split(str(given)))
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return answer({"object": "list", "model": body["model"], "data": data, "usage": usage})

    async def _moderations(self, x: Exchange) -> Response:
        body = x.json()
        c.validate(body, MODERATION)
        model = self.known(body.get("model", "omni-moderation-latest"), "moderation")
        given = body["input"] if isinstance(body["input"], list) else [body["input"]]
        names = CATEGORIES.split(",")
        results = []
        for one in given:
            bad = "attack" in str(one).lower()
            scores = dict.fromkeys(names, 0.01) | ({"violence": 0.9} if bad else {})
            results.append(
                {
                    "flagged": bad,
                    "categories": {name: score > 0.5 for name, score in scores.items()},
                    "category_scores": scores,
                    "category_applied_input_types": {name: ["text"] for name in names},
                }
            )
        return answer({"id": f"modr-{secrets.token_hex(8)}", "model": model, "results": results})

    async def _models(self, x: Exchange) -> Response:
        return answer({"object": "list", "data": [self._listed(name) for name in self.models]})

    async def _model(self, x: Exchange) -> Response:
        if x.params["model"] not in self.models:
            raise Refusal(404, f"The model {x.params['model']!r:.80} does not exist")
        return answer(self._listed(x.params["model"]))

    def _listed(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": 1700000000, "owned_by": "sandbox"}


def _as_text(event: dict[str, Any]) -> dict[str, Any]:
    choices = [
        {
            "index": choice["index"],
            "text": choice["delta"].get("content") or "",
            "logprobs": None,
            "finish_reason": choice["finish_reason"],
        }
        for choice in event["choices"]
    ]
    return event | {"object": "text_completion", "choices": choices}


def _vector(text: str, size: int) -> list[float]:
    """Return a unit vector that only the text decides."""
    raw = [math.sin((sum(text.encode()) + 1) * (i + 1)) for i in range(size)]
    length = math.sqrt(sum(value * value for value in raw)) or 1.0
    return [value / length for value in raw]
