"""One request and its answer: what was seen, and the bytes on their way out.

`Exchange` stands between the server and a double's handlers. It knows when the client has gone,
and plays the faults that concern bytes and connections, so that handlers just answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl

import orjson
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .checks import Refusal
from .faults import NO_FAULT, Fault
from .seen import Seen, summary
from .steering import Steering

TRANSPORT = "sandbox.transport"  # put into the scope by server.Protocol
EXCHANGE = "sandbox.exchange"


class Cut(BaseException):
    """The connection is to be dropped now. Like a cancellation: nobody in between may handle it."""


class Exchange:
    """One request being answered. Handlers get this, and nothing of ASGI."""

    def __init__(self, double: Steering, scope: Scope, receive: Receive, send: Send) -> None:
        self.double = double
        self.scope = scope
        self.fault: Fault = NO_FAULT
        self.gone = False
        self.raw = b""
        self._receive = receive
        self._send = send
        self._wake = asyncio.Event()
        self._end = asyncio.Event()
        self._written = 0
        self._finished = False  # by us: answered to the end, or cut on purpose
        self.headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        self.seen = Seen(
            method=scope["method"],
            path=scope["path"],
            query=dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
            headers=self.headers,
            body=None,
            raw_size=0,
            kind="other",
        )

    # -- what handlers use ---------------------------------------------------------------------

    @property
    def params(self) -> Mapping[str, str]:
        """The path's parameters."""
        return cast("Mapping[str, str]", self.scope["path_params"])

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; of repeated ones the last."""
        return self.seen.query

    def json(self) -> dict[str, Any]:
        """Return the body: a JSON object under a JSON Content-Type, or it is refused."""
        if not self.headers.get("content-type", "").lower().startswith("application/json"):
            raise Refusal(415, "Content-Type must be application/json")
        try:
            body = orjson.loads(self.raw)
        except orjson.JSONDecodeError as exc:
            raise Refusal(400, f"body is not JSON: {exc}") from exc
        if not isinstance(body, dict):
            raise Refusal(400, "body must be a JSON object")
        return body

    async def form(self) -> FormData:
        """Return the multipart body."""
        kind = self.headers.get("content-type", "")
        if not kind.startswith("multipart/form-data"):
            raise Refusal(415, "Content-Type must be multipart/form-data")
        form = await Request(self.scope, self._replay()).form()
        self.seen.body = {
            name: summary(value) if isinstance(value, UploadFile) else value
            for name, value in form.multi_items()
        }
        return form

    async def sleep(self, seconds: float) -> bool:
        """Wait; return whether the client is still there. Its leaving, or a release, ends it."""
        if seconds <= 0:
            return not self.gone
        try:
            async with asyncio.timeout(None if seconds == float("inf") else seconds):
                await self._wake.wait()
        except TimeoutError:
            return True
        if not self.gone:
            self._wake.clear()
        return not self.gone

    def release(self) -> None:
        """End the wait that this exchange is in."""
        self._wake.set()

    def abort(self) -> None:
        """Drop the connection without another byte."""
        self._finished = True
        self.scope[TRANSPORT].abort()
        raise Cut

    # -- what Double uses ----------------------------------------------------------------------

    async def read(self) -> None:
        """Read the whole body, and note what it is."""
        pieces = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.seen.disconnected = True
                raise Cut
            pieces.append(message.get("body", b""))
            if not message.get("more_body", False):
                break
        self.raw = b"".join(pieces)
        self.seen.raw_size = len(self.raw)
        try:
            self.seen.body = orjson.loads(self.raw) if self.raw else None
        except orjson.JSONDecodeError:
            self.seen.body = None

    async def run(self, app: ASGIApp) -> None:
        """Answer with the app, under the fault that was drawn for this request."""
        watch = asyncio.create_task(self._watch())
        try:
            fault = self.fault
            await self.sleep(fault.delay)
            if fault.hang and not await self.sleep(float("inf")):
                return
            if fault.cut == "before":
                self.abort()
            self.scope[EXCHANGE] = self
            await app(self.scope, self._replay(), self._answer)
        finally:
            watch.cancel()

    async def _answer(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self.fault.late:
                await self.sleep(self.fault.late)
            if self.fault.cut == "after":
                self.abort()
            if not self.gone:
                self.seen.status = message["status"]
            await self._send(self._relabelled(message))
            return
        body = message.get("body", b"")
        more = bool(message.get("more_body", False))
        limit = self.fault.truncate
        if limit is not None and self._written + len(body) > limit:
            await self._write(body[: limit - self._written], more=True)
            self._finished = True
            self.scope[TRANSPORT].close()  # unlike abort(), sends what is still buffered
            raise Cut
        await self._write(body, more=more)

    def _relabelled(self, message: Message) -> Message:
        if self.fault.content_type is None:
            return message
        kept = [pair for pair in message["headers"] if pair[0] != b"content-type"]
        return {**message, "headers": [*kept, (b"content-type", self.fault.content_type.encode())]}

    async def _write(self, body: bytes, *, more: bool) -> None:
        self._written += len(body)
        fault = self.fault
        if fault.drip is not None and body:
            size = fault.drip_size or len(body) // 10 + 1
            for start in range(0, len(body), size):
                await self._put(body[start : start + size], more=True)
                if not await self.sleep(fault.drip):
                    return
            body = b""
        await self._put(body, more=more)

    async def _put(self, body: bytes, *, more: bool) -> None:
        if not more:
            self._finished = True
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    def _replay(self) -> Receive:
        """Return a receive() that gives the body once more, and then waits for the end."""
        told = False

        async def receive() -> Message:
            nonlocal told
            if not told:
                told = True
                return {"type": "http.request", "body": self.raw, "more_body": False}
            await self._end.wait()
            return {"type": "http.disconnect"}

        return receive

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        self._wake.set()
        self._end.set()
        if not self._finished:  # uvicorn says "disconnect" after a complete answer, too
            self.seen.disconnected = True
            self.double.changed()
