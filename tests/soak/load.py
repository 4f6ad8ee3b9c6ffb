"""The clients of a soak: each does one thing after the other, as chance has it, until it is told to stop."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable

import httpx

from tests.soak.ledger import Ledger

# What a client may be told: the proxy's own errors are 500 and 503, and none of these.
_TOLD = (200, 400, 404, 409, 410, 429, 502, 504)
_CHATS = ("gpt-4o-mini", "chat-openai", "chat-onysoft", "chat-shop", "chat-text")
_VIDEOS = ("sora-2", "sora-gate", "kling", "kling-shop", "either")
_IMAGES = ("flux", "nano-banana", "imagen", "images-openai")


class Client:
    """One client. `http` has the proxy as its base."""

    def __init__(self, http: httpx.AsyncClient, ledger: Ledger, seed: str) -> None:
        self.http = http
        self.ledger = ledger
        self.chance = random.Random(seed)
        self._doing: tuple[tuple[int, Callable[[], Awaitable[None]]], ...] = (
            (8, self.chat),
            (8, self.stream),
            (4, self.broken_stream),
            (3, self.image),
            (2, self.impatient_image),
            (4, self.video),
            (2, self.forgotten_video),
            (3, self.speech),
            (3, self.bad_request),
            (3, self.repeated),
            (2, self.look_around),
        )

    async def run(self, until: Callable[[], bool]) -> None:
        weights = [weight for weight, _ in self._doing]
        while not until():
            work = self.chance.choices(self._doing, weights)[0][1]
            try:
                await work()
            except (httpx.HTTPError, httpx.StreamError) as exc:
                self.ledger.strange.append(f"{work.__name__}: {type(exc).__name__} {exc}")
            self.ledger.done[work.__name__] += 1

    async def chat(self) -> None:
        model = self.chance.choice(_CHATS)
        tag = self.ledger.tag("chat")
        answer = await self.post("/v1/chat/completions", tag, self._said(model, tag))
        if answer.status_code == 200:
            self.expect("choices" in answer.json(), answer)

    async def stream(self) -> None:
        tag = self.ledger.tag("chat")
        body = {**self._said(self.chance.choice(_CHATS), tag), "stream": True}
        answer = await self.post("/v1/chat/completions", tag, body)
        if answer.status_code == 200:
            last = answer.text.rstrip().rpartition("\n\n")[2]
            self.expect(last == "data: [DONE]" or last.startswith('data: {"error"'), answer)

    async def broken_stream(self) -> None:
        tag = self.ledger.tag("chat")
        body = {**self._said(self.chance.choice(_CHATS[:4]), tag), "stream": True}
        async with self.http.stream("POST", "/v1/chat/completions", json=body) as answer:
            async for _ in answer.aiter_raw():
                break

    async def image(self) -> None:
        count = self.chance.choice((1, 1, 2))
        tag = self.ledger.tag("image", count)
        body = {"model": self.chance.choice(_IMAGES), "prompt": tag, "n": count}
        answer = await self.post("/v1/images/generations", tag, body)
        if answer.status_code == 200:
            self.expect(1 <= len(answer.json()["data"]) <= count, answer)

    async def impatient_image(self) -> None:
        tag = self.ledger.tag("image")
        body = {"model": self.chance.choice(_IMAGES), "prompt": tag}
        try:
            await self.http.post("/v1/images/generations", json=body, timeout=0.05)
        except httpx.TimeoutException:
            return

    async def video(self) -> None:
        video = await self._ordered()
        for _ in range(200):
            if video is None or video["status"] in ("completed", "failed"):
                break
            await asyncio.sleep(0.1)
            answer = await self.http.get(f"/v1/videos/{video['id']}")
            self.expect(answer.status_code == 200, answer)
            video = answer.json()
        if video is not None and video["status"] == "completed":
            await self._watched(video["id"])

    async def forgotten_video(self) -> None:
        video = await self._ordered()
        if video is not None and self.chance.random() < 0.5:
            answer = await self.http.delete(f"/v1/videos/{video['id']}")
            self.expect(answer.status_code == 200, answer)

    async def speech(self) -> None:
        tag = self.ledger.tag("speech")
        body = {"model": self.chance.choice(("voice", "eleven")), "input": tag, "voice": "alloy"}
        await self.post("/v1/audio/speech", tag, body)

    async def bad_request(self) -> None:
        bodies: tuple[object, ...] = (
            b"{",
            b"[]",
            b'{"model": 5}',
            {"model": "nobody", "prompt": "x"},
        )
        body = self.chance.choice((*bodies, {"model": "flux", "prompt": "x", "n": "many"}))
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        path = self.chance.choice(("/v1/images/generations", "/v1/videos", "/v1/chat/completions"))
        answer = await self.http.post(
            path, content=raw, headers={"content-type": "application/json"}
        )
        self.expect(answer.status_code in (400, 404), answer)

    async def repeated(self) -> None:
        """The same twice at once, under one key: one job."""
        tag = self.ledger.tag("image")
        body = {"model": self.chance.choice(_IMAGES), "prompt": tag}
        headers = {"idempotency-key": tag}
        asked = (self.post("/v1/images/generations", tag, body, headers) for _ in range(2))
        await asyncio.gather(*asked)

    async def look_around(self) -> None:
        for path in (
            "/v1/videos?limit=5",
            "/v1/jobs?limit=20",
            "/v1/models",
            "/metrics",
            "/readyz",
        ):
            answer = await self.http.get(path)
            self.expect(answer.status_code == 200, answer)

    async def post(
        self, path: str, tag: str, body: object, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        answer = await self.http.post(path, json=body, headers=headers)
        self.expect(answer.status_code in _TOLD, answer)
        if job := answer.headers.get("x-anygate-job"):
            self.ledger.asked[tag].jobs.add(job)
        return answer

    def expect(self, good: bool, answer: httpx.Response) -> None:
        if not good:
            said = answer.text[-300:]
            self.ledger.strange.append(f"{answer.request.url.path}: {answer.status_code} {said}")

    def _said(self, model: str, tag: str) -> dict[str, object]:
        return {"model": model, "messages": [{"role": "user", "content": tag}]}

    async def _ordered(self) -> dict[str, str] | None:
        tag = self.ledger.tag("video")
        body = {"model": self.chance.choice(_VIDEOS), "prompt": tag, "seconds": "4"}
        answer = await self.post("/v1/videos", tag, body)
        return answer.json() if answer.status_code == 200 else None

    async def _watched(self, video: str) -> None:
        try:
            answer = await self.http.get(f"/v1/videos/{video}/content")
            self.expect(answer.status_code in (200, 410, 502, 504), answer)
        except httpx.RemoteProtocolError:
            return  # the gateway's file broke off in the middle
