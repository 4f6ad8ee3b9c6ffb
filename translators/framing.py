"""Server-sent events out of bytes, incrementally: any split, any of the three line endings.

Sans-I/O: feed what arrives, get whole events. Comments and fields other than `data` are kept only
in an event's raw form.
"""

import re
from typing import NamedTuple

_END = re.compile(rb"\r\n\r\n|\n\n|\r\r|\r\n\n|\n\r\n")
_LINE = re.compile(rb"\r\n|\n|\r")


class FramingError(ValueError):
    """An event longer than any honest gateway sends."""


class Event(NamedTuple):
    """One event: `data` is the payload (its lines joined), `None` for a comment or an event without."""

    data: bytes | None

    @property
    def done(self) -> bool:
        return self.data == b"[DONE]"


class Framer:
    """Cuts a byte stream into events. `limit`: bytes that one event may have."""

    __slots__ = ("_buffer", "_held", "_length", "_limit")

    def __init__(self, limit: int = 64 << 20) -> None:
        self._buffer = b""
        self._held: list[bytes] = []  # what came after the buffer without any line ending
        self._length = 0
        self._limit = limit

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that this chunk completes. Raises FramingError for one that grows too long."""
        if b"\n" not in chunk and b"\r" not in chunk and not self._buffer.endswith(b"\r"):
            # Part of a long line (a picture in base64): joining it each time would cost its square.
            if chunk:
                self._held.append(chunk)
            self._length += len(chunk)
            self._check(self._length)
            return []
        buffer = self._joined(chunk)
        if b"\r" not in buffer:
            *whole, rest = buffer.split(b"\n\n")
        else:
            whole, rest = _split(buffer)
        self._check(len(rest))
        self._buffer, self._length = rest, len(rest)
        return [Event(_data(block)) for block in whole if block.strip(b"\r\n")]

    def close(self) -> list[Event]:
        """What the end of the stream leaves: an event that lacks only its blank line still counts."""
        rest, self._buffer = self._joined(b"").strip(b"\r\n"), b""
        return [Event(_data(rest))] if rest else []

    @property
    def pending(self) -> bool:
        return bool(self._buffer or self._held)

    def _joined(self, chunk: bytes) -> bytes:
        if not self._held:
            return self._buffer + chunk if self._buffer else chunk
        joined = b"".join((self._buffer, *self._held, chunk))
        self._held.clear()
        return joined

    def _check(self, length: int) -> None:
        if length > self._limit:
            raise FramingError(f"an event of more than {self._limit} bytes")


def _split(buffer: bytes) -> tuple[list[bytes], bytes]:
    # A lone "\r" at the very end may be half of "\r\n": it is not an end until more has come.
    held = b""
    if buffer.endswith(b"\r"):
        buffer, held = buffer[:-1], b"\r"
    *whole, rest = _END.split(buffer)
    return whole, rest + held


def _data(block: bytes) -> bytes | None:
    if block.startswith(b"data: ") and b"\n" not in block and b"\r" not in block:
        return block[6:]
    lines = []
    for line in _LINE.split(block):
        if line.startswith(b"data:"):
            value = line[5:]
            lines.append(value[1:] if value.startswith(b" ") else value)
    return b"\n".join(lines) if lines else None


def encode(data: bytes) -> bytes:
    """One event on the wire. `data` must be a single line (JSON is)."""
    return b"data: " + data + b"\n\n"
