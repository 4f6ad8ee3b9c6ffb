"""The doubles as judges of native bodies: each is asked in this process, without a network.

A double's tables were written from its gateway's pages and know nothing of the rows, so what it refuses
is outside what the gateway documents.
"""

import asyncio
from typing import Any

import orjson

from proxy.sandbox import GATEWAYS, Double
from proxy.wire import multipart
from translators import TRANSLATORS
from translators.core import Hosted, Request

BASE = "http://double.example"


class Gateway:
    """One double. It lives in a loop of its own: hypothesis runs plain functions."""

    def __init__(self, row: str, loop: asyncio.AbstractEventLoop) -> None:
        # No clock: a task is ready at its first poll, and none calls back.
        self.double: Double = GATEWAYS[row](timing=0, ready_after_polls=0, reply="So it is.")
        self.double.origin = BASE
        self.row = TRANSLATORS[row]
        self._loop = loop

    def close(self) -> None:
        self._loop.run_until_complete(self.double.close())

    def judge(self, request: Request) -> tuple[int, Any]:
        """The double's status and answer for a request, encoded as the driver does."""
        self.double.reset()
        return self._loop.run_until_complete(self._ask(request))

    def encode(self, request: Request) -> bytes:
        """The bytes that the driver would send."""
        return self._loop.run_until_complete(self._encoded(request))[0]

    async def _ask(self, request: Request) -> tuple[int, Any]:
        raw, kind = await self._encoded(request)
        headers = {"content-type": kind, **self.row.auth(self.double.key)}
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": self.double.PREFIX + request.path,
            "query_string": b"",
            "headers": [(one.encode(), two.encode()) for one, two in headers.items()],
        }
        told, forever = False, asyncio.Event()
        answer: dict[str, Any] = {"status": 0, "body": b""}

        async def receive() -> dict[str, Any]:
            nonlocal told
            if told:
                await forever.wait()
            told = True
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: Any) -> None:
            answer["status"] = message.get("status", answer["status"])
            answer["body"] += message.get("body", b"")

        await self.double(scope, receive, send)
        try:
            return answer["status"], orjson.loads(answer["body"])
        except orjson.JSONDecodeError:
            return answer["status"], answer["body"]

    async def _encoded(self, request: Request) -> tuple[bytes, str]:
        body = sendable(request.body)
        if request.form:
            sent = multipart(BASE, body, {})
            return await sent.aread(), sent.headers["content-type"]
        return orjson.dumps(body), "application/json"


def sendable(value: Any) -> Any:
    """A native body with URLs where the proxy would host a file."""
    if isinstance(value, Hosted):
        return "https://anygate.example/media/hosted"
    if isinstance(value, dict):
        return {name: sendable(one) for name, one in value.items()}
    return [sendable(one) for one in value] if isinstance(value, list | tuple) else value
