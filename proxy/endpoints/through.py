"""An event stream of a gateway that is passed on byte by byte: cut between events, ended as it should be."""

import re
from collections.abc import AsyncIterator

import httpx
import orjson

from proxy.errors import GatewayFault, Lost
from proxy.redact import Redactor
from proxy.tally import Tally
from proxy.wire import body_of, lost
from translators.core import Answer, Translator
from translators.errors import MalformedReply
from translators.framing import DONE, Framer, FramingError

_LONGEST = 64 << 20  # bytes of one event
_ENDS = (b"\n\n", b"\n\r\n", b"\r\r")  # of an event, in any of the three line endings
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"')
_END = re.compile(rb"(?:\A|(?<=[\r\n]))data: ?\[DONE\](?:\r\n\r\n|\n\n|\r\r|\r\n\n|\n\r\n)")
_RECONNECTING = re.compile(rb"(?:\A|(?<=[\r\n]))(?:id|retry):[^\r\n]*(?:\r\n|\n|\r)")
# How the streams end that have no [DONE].
_LAST = re.compile(
    rb'"type"\s*:\s*"(?:response\.(?:completed|failed|incomplete|cancelled)'
    rb'|speech\.audio\.done|transcript\.text\.done|error)"'
)


async def events(
    upstream: httpx.Response, row: Translator, redactor: Redactor, tally: Tally | None = None
) -> AsyncIterator[bytes]:
    """The gateway's own bytes, each time whole events. Raises GatewayFault, MalformedReply or Lost."""
    held, seen = Held(), _Seen(row, tally)
    try:
        async for chunk in body_of(upstream):
            if out := _ours(held.feed(chunk)):
                seen.look(out)
                yield redacted(out, redactor)
            if seen.done:
                return
    except httpx.HTTPError as exc:
        raise lost(exc, "the gateway") from exc
    except FramingError as exc:
        raise MalformedReply(f"The gateway sent {exc}.") from exc
    if out := _ours(held.close()):
        seen.look(out)
        yield redacted(out, redactor)
    if seen.finished and not seen.done:
        yield DONE
    elif not (seen.done or seen.ended):
        # A clean end of the connection: whole only if the model said that it had finished.
        raise Lost("the gateway ended the stream before the answer was finished")


def _ours(events: bytes) -> bytes:
    """Whole events without what a gateway has no say in: a client's reconnecting, and what follows the end."""
    if end := _END.search(events):
        events = events[: end.end()]
    return _RECONNECTING.sub(b"", events) if b"id:" in events or b"retry:" in events else events


def redacted(raw: bytes, redactor: Redactor) -> bytes:
    """An answer that speaks of an error, without keys: gateways quote the one they refuse."""
    if b'"error"' not in raw:
        return raw
    text = raw.decode("utf-8", "surrogateescape")
    return redactor.text(text).encode("utf-8", "surrogateescape")


class Held:
    """Holds back the beginning of an event until its end has come: only between two events may a
    keep-alive stand."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._tail = b""
        self._length = 0

    def feed(self, chunk: bytes) -> bytes:
        """What is whole by now. Raises FramingError for an event that grows too long."""
        probe = self._tail + chunk  # the end of an event may lie across two chunks
        ends = (at + len(end) for end in _ENDS if (at := probe.rfind(end)) >= 0)
        cut = max(max(ends, default=0) - len(self._tail), 0)
        out = b"".join((*self._parts, chunk[:cut])) if cut else b""
        if cut:
            self._parts, self._length, probe = [], 0, chunk[cut:]
        self._parts.append(chunk[cut:])
        self._length += len(chunk) - cut
        self._tail = probe[-2:]
        if self._length > _LONGEST:
            raise FramingError(f"an event of more than {_LONGEST} bytes")
        return out

    def close(self) -> bytes:
        """What the end of the stream leaves: an event that lacks only its blank line still counts."""
        rest = b"".join(self._parts).strip(b"\r\n")
        return rest + b"\n\n" if rest else b""


class _Seen:
    """What the events passing by say of the end. `finished`: a choice did; `ended`: a typed stream did."""

    def __init__(self, row: Translator, tally: Tally | None) -> None:
        self._row = row
        self._tally = tally
        self._framer = Framer()
        self.done = self.finished = self.ended = False

    def look(self, events: bytes) -> None:
        """Raises GatewayFault for an error in the place of an event."""
        for event in self._framer.feed(events):
            data = event.data
            if data is None:
                self._raise_fault(event.bare or b"")
                continue
            self.done = self.done or event.done
            self.finished = self.finished or bool(_FINISH.search(data))
            self.ended = self.ended or bool(_LAST.search(data))
            if self._tally is not None and b'"usage"' in data:
                self._tally.read(data)
            if b'"error"' in data:
                self._raise_fault(data)

    def _raise_fault(self, data: bytes) -> None:
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError:
            return
        fault = self._row.refuse(Answer(200, {}, data, body))
        if fault is not None:
            raise GatewayFault(fault)
