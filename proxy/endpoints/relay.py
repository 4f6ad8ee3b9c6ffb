"""A chat stream on its way through: event by event, mended where it lacks, ended as it should be."""

import asyncio
import time
from collections.abc import Callable

import httpx
import orjson

from proxy.errors import GatewayFault, Lost
from proxy.pouring import Write
from proxy.redact import masked
from proxy.routing import Candidate
from proxy.tally import Tally
from proxy.wire import lost, poured
from translators.core import JSON, Answer
from translators.errors import Fault, FaultKind, MalformedReply, error_in, message_in
from translators.framing import DONE, Event, Framer, FramingError, encode
from translators.likeness import Likeness
from translators.looks import chunk_fits
from translators.mending import chunk_in, mend_chunk
from translators.numbering import Numbering

_CHARACTERS_A_TOKEN = 4
_TAIL = 0.2  # seconds for the connection to end after [DONE]: it can then be used again
_ENDED = ""


def _nowhere(events: bytes) -> bool:
    raise AssertionError("nobody has said where the events go")


class Relay:
    """One upstream stream. `usage`: the client asked for a usage chunk; `prompt`: bytes it sent."""

    def __init__(
        self,
        answer: httpx.Response,
        candidate: Candidate,
        *,
        usage: bool,
        prompt: int,
        tally: Tally | None = None,
    ):
        self._body = poured(answer)
        self.enough: Callable[[], None] | None = self._body.enough
        self._framer = Framer()
        self._write: Write = _nowhere
        self._known = Likeness()
        self._calls = Numbering()
        self._row = candidate.account.row
        self._key = candidate.account.key
        self._mend = candidate.plan.operation.mend
        self._model = candidate.plan.model
        self._usage = usage
        self._prompt = prompt
        self._tally = tally
        self._credits = candidate.plan.operation.credits or "usage"
        self._written = 0
        self._counted = False
        self._done = False
        self._head: JSON = {}
        self._choices: dict[int, str] = {}  # index → the finish reason it would lack, or _ENDED
        self._failure: GatewayFault | MalformedReply | Lost | None = None

    async def pour(self, write: Write) -> bool:
        """Write the events for the client the moment they come, until their end (true) or `write` returns false.

        Raises GatewayFault, MalformedReply or Lost: again, if it is called again.
        """
        self._write = write
        try:
            while not self._done and self._failure is None:
                if not await self._body.pour(self._take):
                    if not (self._done or self._failure):
                        return False
                elif not self._done and self._failure is None:
                    self._ends()
        except httpx.HTTPError as exc:
            raise lost(exc, "the gateway") from exc
        except FramingError as exc:
            raise MalformedReply(f"The gateway sent {exc}.") from exc
        if self._failure is not None:
            raise self._failure
        return True

    def _take(self, data: bytes) -> bool:
        """A piece of the stream; whether more is wanted."""
        whole = data.startswith(b"data: ") and data.endswith(b"\n\n") and not self._framer.pending
        if whole and self._known.fits(data[6:-2]):
            out = masked(data, self._key)
        else:
            out = self._pass(self._framer.feed(data))
        going = not out or self._write(out)
        return going and not self._done and self._failure is None

    def _ends(self) -> None:
        """A clean end of the connection: whole only if the model said that it had finished."""
        out = self._pass(self._framer.close())
        if self._failure is None and not self._done:
            if not self._choices or any(self._choices.values()):
                self._failure = Lost("the gateway ended the stream before the answer was finished")
            else:
                out += self._ending()
        if out:
            self._write(out)

    async def drained(self) -> None:
        """Read what follows the end, which should be nothing: the connection can then be used again."""
        if not self._done or self._body.complete:
            return
        try:
            async with asyncio.timeout(_TAIL):
                while not await self._body.pour(lambda data: True):
                    pass
        except (TimeoutError, httpx.HTTPError):
            return

    def _pass(self, events: list[Event]) -> bytes:
        """What these events become. A failure among them is kept: what came before it goes out first."""
        out = []
        try:
            for event in events:
                data = event.data or event.bare
                if not data or data.isspace():
                    continue
                if data.strip() == b"[DONE]":
                    self._done = True
                    out.append(self._ending())
                    break
                out.append(self._one(data))
        except (GatewayFault, MalformedReply) as exc:
            self._failure = exc
        return b"".join(out)

    def _one(self, data: bytes) -> bytes:
        if self._known.fits(data):
            return encode(masked(data, self._key))
        chunk = chunk_in(data)
        if not chunk.get("choices") or "error" in chunk:
            self._raise_fault(chunk, data)
            if "choices" not in chunk and not chunk.get("usage"):
                return b""  # a ping, or another kind of event that is no part of the answer
        numbered = self._numbered(chunk) if b'"tool_calls"' in data else chunk
        if self._mend or numbered is not chunk or not chunk_fits(chunk):
            chunk = self._mended(numbered)
            data = orjson.dumps(chunk)
        elif b"\n" in data:  # an event of several lines
            data = orjson.dumps(chunk)
        else:
            self._known.learn(chunk, data)
        if not self._head:  # what we add to the stream must carry its id
            self._head = {name: chunk[name] for name in ("id", "object", "created", "model")}
        self._note(chunk)
        return encode(masked(data, self._key))

    def _numbered(self, chunk: JSON) -> JSON:
        id = self._head.get("id") or chunk.get("id") or f"{time.time_ns():x}"
        return self._calls.numbered(chunk, str(id))

    def _mended(self, chunk: JSON) -> JSON:
        head = self._head
        return mend_chunk(
            chunk,
            model=head.get("model", self._model),
            created=head.get("created", int(time.time())),
            id=head.get("id") or f"chatcmpl-{time.time_ns():x}",
        )

    def _note(self, chunk: JSON) -> None:
        """Remember how far each choice is, and what usage has been told."""
        choices = self._choices
        for one in chunk["choices"]:
            index, delta = one["index"], one["delta"]
            if one["finish_reason"]:
                choices[index] = _ENDED
            elif delta.get("tool_calls") and choices.get(index) != _ENDED:
                choices[index] = "tool_calls"
            elif index not in choices:
                choices[index] = "stop"
            self._written += len(delta.get("content") or "")
        if chunk.get("usage"):
            self._counted = True
        if self._tally is not None and (chunk.get("usage") or self._credits in chunk):
            self._tally.note(chunk)

    def _ending(self) -> bytes:
        """What the upstream left out of the end of a stream, then the end."""
        top = self._top()
        out = []
        for index, reason in (self._choices or {0: "stop"}).items():
            if reason != _ENDED:
                choice = {"index": index, "delta": {}, "finish_reason": reason}
                out.append(encode(orjson.dumps({**top, "choices": [choice]})))
        if self._usage and not self._counted:
            out.append(encode(orjson.dumps({**top, "choices": [], "usage": self._estimate()})))
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
        completion = -(-(self._written + self._known.length) // _CHARACTERS_A_TOKEN)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }

    def _raise_fault(self, chunk: JSON, data: bytes) -> None:
        fault = self._row.refuse(Answer(200, {}, data, chunk))
        if fault is None and (error_in(chunk) or chunk.get("type") == "error"):
            words = message_in(chunk) or "The gateway broke the stream off."
            fault = Fault(FaultKind.FAILED, words, certain=False)
        if fault is not None:
            raise GatewayFault(fault)
