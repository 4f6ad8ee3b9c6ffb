"""Server-sent events, with everything that can go wrong with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .chat import Said, chunks, completion
from .exchange import Exchange

Edit = Callable[[dict[str, Any]], dict[str, Any]]

ERROR = {
    "error": {
        "message": "The stream broke off upstream",
        "type": "server_error",
        "param": None,
        "code": "stream_error",
    }
}


class EventStream(Response):
    """`data:` events of JSON, spaced by the double's `timing["chat"]`, then [DONE].

    An event is a dict; one with a key "type" and `named=True` also gets an `event:` line, as
    OpenAI's newer streams have.
    """

    def __init__(
        self,
        x: Exchange,
        events: Iterable[dict[str, Any]],
        *,
        done: bool = True,
        named: bool = False,
    ) -> None:
        super().__init__(media_type="text/event-stream; charset=utf-8")
        del self.headers["content-length"]
        self.headers["cache-control"] = "no-cache"
        self.x, self.events, self.named = x, events, named
        self.done = done and not x.fault.no_done
        self._send: Send | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until the end, a fault, or the client's going."""
        self._send = send
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if await self._all():
            if self.done:
                await self._write(b"data: [DONE]\n\n")
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _all(self) -> bool:
        """Send the events; return whether the stream goes on to its end."""
        fault, gap = self.x.fault, self.x.double.timing["chat"]
        count = 0
        for event in self.events:
            if fault.no_finish and _finishes(event):
                continue
            if count and gap:
                await self.x.sleep(gap)
            if not await self._due(count):
                return not self.x.gone
            await self._write(self._event(event))
            count += 1
        return await self._due(count) and not self.x.gone

    async def _due(self, count: int) -> bool:
        """Play the fault that is due after so many events; return whether to go on."""
        fault = self.x.fault
        if fault.cut_after == count:
            self.x.abort()
        if fault.stall_after == count:
            await self.x.sleep(fault.stall)
        if fault.error_after == count:
            await self._write(self._event(ERROR))
            self.done = False
            return False
        await asyncio.sleep(0)  # with no gap to wait for, other streams still get their turn
        return not self.x.gone

    def _event(self, event: dict[str, Any]) -> bytes:
        head = b": a comment\n\n" if self.x.fault.comments else b""
        if self.named and "type" in event:
            head += f"event: {event['type']}\n".encode()
        return head + b"data: " + orjson.dumps(event) + b"\n\n"

    async def _write(self, data: bytes) -> None:
        assert self._send is not None
        fault = self.x.fault
        if fault.no_space:
            data = data.replace(b"data: ", b"data:")
        if fault.crlf:
            data = data.replace(b"\n", b"\r\n")
        size = fault.split or len(data)
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            if fault.split:
                await asyncio.sleep(0)


def _finishes(event: dict[str, Any]) -> bool:
    return any(choice.get("finish_reason") for choice in event.get("choices", ()))


def respond(
    x: Exchange, body: dict[str, Any], said: Said, *, stream: bool, edit: Edit | None = None
) -> Response:
    """Answer a chat request; `edit` makes each chunk, or the whole, what the gateway's page shows."""
    model = body["model"]
    if not stream:
        whole = completion(said, model)
        return Response(orjson.dumps(edit(whole) if edit else whole), media_type="application/json")
    usage = bool((body.get("stream_options") or {}).get("include_usage"))
    events: Iterable[dict[str, Any]] = chunks(said, model, usage=usage)
    return EventStream(x, map(edit, events) if edit else events)
