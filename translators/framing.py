"""Server-sent events out of bytes, incrementally: any split, any of the three line endings.

Sans-I/O: feed what arrives, get whole events. Comments and fields other than `data` are kept only
in an event's raw form.
"""

import re
from typing import NamedTuple

_END = re.compile(rb"\r\n\r\n|\n\n|\r\r|\r\n\n|\n\r\n")
_LINE = re.compile(rb"\r\n|\n|\r")
_SEAM = 3  # bytes of an event's end that may have come before its last
_DONE = b"data: [DONE]"
DONE = _DONE + b"\n\n"  # the last event of OpenAI's older streams
_BOM = b"\xef\xbb\xbf"  # may stand before everything else


class FramingError(ValueError):
    """An event longer than any honest gateway sends."""


class Event(NamedTuple):
    """One event: `data` is the payload (its lines joined), `None` for a comment or an event without.

    `bare`: the JSON object that stands in its place without a field's name: gateways that have promised a
    stream say so what went wrong.
    """

    data: bytes | None
    bare: bytes | None = None

    @property
    def done(self) -> bool:
        return self.data == b"[DONE]"


class Framer:
    """Cuts a byte stream into events. `limit`: bytes that one event may have."""

    __slots__ = ("_begun", "_held", "_length", "_limit", "_tail")

    def __init__(self, limit: int = 64 << 20) -> None:
        self._held: list[bytes] = []  # the event whose end has not come
        self._tail = b""  # its last bytes: an end may lie across two chunks
        self._length = 0
        self._limit = limit
        self._begun = False

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that this chunk completes. Raises FramingError for one that grows too long."""
        if self._held:
            probe = self._tail + chunk
            # Looking only where something is new: else an event in many pieces would cost its square.
            if b"\n\n" not in probe and (b"\r" not in probe or not _END.search(_sure(probe)[0])):
                self._hold(chunk, probe)
                return []
            buffer = b"".join((*self._held, chunk))
            self._held.clear()
        else:
            buffer = chunk
        if b"\r" not in buffer:
            *whole, rest = buffer.split(b"\n\n")
        else:
            whole, rest = _split(buffer)
        self._length = 0
        if rest:
            self._hold(rest, rest)
        return self._events(whole) if whole else []

    def close(self) -> list[Event]:
        """What the end of the stream leaves: an event that lacks only its blank line still counts."""
        rest = b"".join(self._held).strip(b"\r\n")
        self._held.clear()
        return self._events([rest])

    @property
    def pending(self) -> bool:
        """Whether an event has begun and not ended."""
        return bool(self._held)

    def _hold(self, chunk: bytes, probe: bytes) -> None:
        self._length += len(chunk)
        if self._length > self._limit:
            raise FramingError(f"an event of more than {self._limit} bytes")
        self._held.append(chunk)
        self._tail = probe[-_SEAM:]

    def _events(self, blocks: list[bytes]) -> list[Event]:
        if not self._begun and blocks[0]:
            self._begun = True
            blocks[0] = blocks[0].removeprefix(_BOM)
        events: list[Event] = []
        for block in blocks:
            if block.startswith(b"data: ") and b"\n" not in block and b"\r" not in block:
                events.append(Event(block[6:]))
            elif block.strip(b"\r\n"):
                events += _others(block)
        return events


def _sure(buffer: bytes) -> tuple[bytes, bytes]:
    """A lone "\\r" at the very end may be half of "\\r\\n": it is not an end until more has come."""
    return (buffer[:-1], b"\r") if buffer.endswith(b"\r") else (buffer, b"")


def _split(buffer: bytes) -> tuple[list[bytes], bytes]:
    sure, held = _sure(buffer)
    *whole, rest = _END.split(sure)
    return whole, rest + held


def _others(block: bytes) -> list[Event]:
    """What is no event of a single line of data."""
    bare = block.strip() if block.lstrip()[:1] == b"{" else None
    if bare and bare.endswith(_DONE):  # behind it, on a line of its own or not
        return [Event(None, bare.removesuffix(_DONE).rstrip()), Event(_DONE[6:])]
    lines = []
    for line in _LINE.split(block):
        if line.startswith(b"data:"):
            value = line[5:]
            lines.append(value[1:] if value.startswith(b" ") else value)
    return [Event(b"\n".join(lines)) if lines else Event(None, bare)]


def encode(data: bytes) -> bytes:
    """One event on the wire. `data` must be a single line (JSON is)."""
    return b"data: " + data + b"\n\n"
