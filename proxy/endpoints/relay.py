"""A chat stream on its way through: event by event, mended where it lacks, ended as it should be."""

import re
import time
from collections.abc import AsyncIterator

import httpx
import orjson

from proxy.driver import body_of, lost
from proxy.errors import GatewayFault, Lost
from proxy.routing import Candidate
from translators.core import JSON, Answer
from translators.errors import MalformedReply
from translators.framing import Event, Framer, FramingError, encode
from translators.looks import chunk_complete
from translators.mending import mend_chunk

DONE = encode(b"[DONE]")
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"')
_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_CHARACTERS_A_TOKEN = 4


class Relay:
    """One upstream stream. `usage`: the client asked for a usage chunk; `prompt`: bytes it sent."""

    def __init__(self, answer: httpx.Response, candidate: Candidate, *, usage: bool, prompt: int):
        self._answer = answer
        self._row = candidate.account.row
        self._mend = candidate.plan.operation.mend
        self._model = candidate.plan.model
        self._usage = usage
        self._prompt = prompt
        self._written = 0
        self._finished = False
        self._counted = False
        self._done = False
        self._head: JSON = {}

    async def events(self) -> AsyncIterator[bytes]:
        """Bytes for the client, each whole events. Raises GatewayFault, MalformedReply or Lost."""
        framer = Framer()
        try:
            async for chunk in body_of(self._answer):
                if out := self._pass(framer.feed(chunk)):
                    yield out
                if self._done:
                    return
        except httpx.HTTPError as exc:
            raise lost(exc, "the gateway") from exc
        except FramingError as exc:
            raise MalformedReply(f"The gateway sent {exc}.") from exc
        if out := self._pass(framer.close()):
            yield out
        if not self._done:
            # A clean end of the connection: whole only if the model said that it had finished.
            if not self._finished:
                raise Lost("the gateway ended the stream before the answer was finished")
            yield self._ending()

    def _pass(self, events: list[Event]) -> bytes:
        out = []
        for event in events:
            if event.data is None:
                continue
            if event.done:
                self._done = True
                out.append(self._ending())
                break
            out.append(self._one(event.data))
        return b"".join(out)

    def _one(self, data: bytes) -> bytes:
        if b'"error"' in data and b'"choices"' not in data:
            self._raise_fault(data)
        if self._usage:
            self._count(data)
        if _FINISH.search(data):
            self._finished = True
        if not self._head or self._mend or not chunk_complete(data):
            data = self._mended(data)
        return encode(data)

    def _mended(self, data: bytes) -> bytes:
        """The first chunk is always read: what we add to the stream must carry its id."""
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError as exc:
            raise MalformedReply("The gateway sent an event that is not JSON.") from exc
        if not isinstance(chunk, dict):
            raise MalformedReply("The gateway sent an event that is not an object.")
        head = self._head
        mended = mend_chunk(
            chunk,
            model=head.get("model", self._model),
            created=head.get("created", int(time.time())),
            id=head.get("id", f"chatcmpl-{time.time_ns():x}"),
        )
        if not head:
            self._head = {name: mended[name] for name in ("id", "object", "created", "model")}
        if not self._mend and chunk_complete(data):
            return data
        return orjson.dumps(mended)

    def _count(self, data: bytes) -> None:
        if _USAGE.search(data):
            self._counted = True
            return
        try:
            choices = orjson.loads(data)["choices"]
            self._written += sum(len(one["delta"].get("content") or "") for one in choices)
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return  # what cannot be counted is told by `_mended`

    def _ending(self) -> bytes:
        """What the upstream left out of the end of a stream, then the end."""
        out = []
        if not self._finished:
            choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
            out.append(encode(orjson.dumps({**self._top(), "choices": [choice]})))
        if self._usage and not self._counted:
            out.append(
                encode(orjson.dumps({**self._top(), "choices": [], "usage": self._estimate()}))
            )
        self._done = True
        return b"".join([*out, DONE])

    def _top(self) -> JSON:
        return self._head or {
            "id": f"chatcmpl-{time.time_ns():x}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": self._model,
        }

    def _estimate(self) -> JSON:
        prompt = -(-self._prompt // _CHARACTERS_A_TOKEN)
        completion = -(-self._written // _CHARACTERS_A_TOKEN)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }

    def _raise_fault(self, data: bytes) -> None:
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError:
            return
        fault = self._row.refuse(Answer(200, {}, data, body))
        if fault is not None:
            raise GatewayFault(fault)
