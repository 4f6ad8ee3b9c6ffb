"""The clients of the benchmarks: `python -m bench.load '{"port": …}'` prints what it saw as JSON.

Requests over kept connections, answers read whole; streams chunk by chunk; or streams that are
broken off. All of it in one thread, at as little cost as Python can.
"""

import asyncio
import json
import re
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import uvloop
from httptools import HttpParserError, HttpResponseParser

CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hello, how are you?"}]}
KEY = "sk-bench-client"
_DUE = re.compile(rb"t=(\d+\.\d+)")


@dataclass(frozen=True)
class Spec:
    """What to send, and how much. Ends after `seconds`, or after `number` answers if that is not 0.

    `spread`: seconds over which the connections begin; `pause`: seconds from an answer to the next request
    of its connection; `cut`: break a stream off after so many chunks.
    """

    port: int
    path: str = "/v1/chat/completions"
    body: dict[str, Any] = field(default_factory=lambda: CHAT)
    headers: dict[str, str] = field(default_factory=lambda: {"authorization": f"Bearer {KEY}"})
    method: str = "POST"
    connections: int = 1
    seconds: float = 0.0
    number: int = 0
    spread: float = 0.0
    pause: float = 0.0
    cut: int = 0

    def request(self) -> bytes:
        """The request's bytes."""
        body = json.dumps(self.body, separators=(",", ":")).encode() if self.body else b""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"host: 127.0.0.1:{self.port}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += ["content-type: application/json", f"content-length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body


class Seen:
    """What all connections have seen together. Times in seconds."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.asked = self.answers = self.failures = self.chunks = self.due = self.cuts = 0
        self.whole: list[float] = []
        self.first: list[float] = []
        self.late: list[float] = []
        self.failure = ""
        self.until = time.perf_counter() + spec.spread + spec.seconds if spec.seconds else 0.0

    def more(self) -> bool:
        """Whether one more request is wanted; counts it."""
        wanted = (
            self.asked < self.spec.number
            if self.spec.number
            else self.asked < self.spec.connections or time.perf_counter() < self.until
        )
        self.asked += wanted
        return wanted

    def failed(self, why: str) -> None:
        self.failures += 1
        self.failure = self.failure or why

    def told(self, took: float) -> dict[str, Any]:
        return {
            "answers": self.answers,
            "failures": self.failures,
            "failure": self.failure,
            "chunks": self.chunks,
            "due": self.due,
            "cuts": self.cuts,
            "seconds": took,
            "median": _at(self.whole, 50),
            "p99": _at(self.whole, 99),
            "first": _at(self.first, 50),
            "late50": _at(self.late, 50),
            "late99": _at(self.late, 99),
            "latest": max(self.late, default=0.0),
        }


class Client(asyncio.Protocol):
    """One connection: asks, reads to the end, asks again while that is wanted."""

    def __init__(self, seen: Seen, asked: bytes) -> None:
        self.seen = seen
        self.asked = asked
        self.done = asyncio.get_running_loop().create_future()
        self.answering = False
        self.cut = seen.spec.cut

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.ask()

    def ask(self) -> None:
        if not self.seen.more():
            self.transport.close()
            self.finish()
            return
        self.parser = HttpResponseParser(self)
        self.tail, self.read, self.error = b"", 0, b""
        self.answering = True
        self.began = time.perf_counter()
        self.transport.write(self.asked)

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except HttpParserError as exc:
            self.seen.failed(f"not HTTP: {exc}")
            self.transport.abort()

    def on_body(self, data: bytes) -> None:
        if self.parser.get_status_code() != 200:
            self.error += data
            return
        events = (self.tail + data).split(b"\n\n")
        self.tail = events.pop()
        for event in events:
            self.event(event)

    def event(self, event: bytes) -> None:
        """Of a stream; keep-alives and [DONE] are no chunks."""
        if not event.startswith(b"data: {"):
            return
        seen = self.seen
        now = time.perf_counter()
        if not self.read:
            seen.first.append(now - self.began)
        self.read += 1
        seen.chunks += 1
        if found := _DUE.search(event):
            seen.due += 1
            seen.late.append(now - float(found[1]))
        elif b'"error":' in event:
            seen.failed(f"an error in the stream: {event[:300]!r}")
        if self.cut and self.read == self.cut:
            seen.cuts += 1
            self.answering = False
            self.transport.abort()

    def on_message_complete(self) -> None:
        seen = self.seen
        self.answering = False
        seen.answers += 1
        status = self.parser.get_status_code()
        if status != 200:
            seen.failed(f"status {status}: {self.error[:300]!r}")
        seen.whole.append(time.perf_counter() - self.began)
        if self.parser.should_keep_alive() and not seen.spec.cut:
            if seen.spec.pause:
                asyncio.get_running_loop().call_later(seen.spec.pause, self.ask)
            else:
                self.ask()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.answering:
            self.seen.failed(f"cut off: {exc or 'the server closed the connection'}")
        self.finish()

    def finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def run(spec: Spec) -> dict[str, Any]:
    seen = Seen(spec)
    asked = spec.request()
    began = time.perf_counter()
    await asyncio.gather(
        *(_connected(seen, asked, index) for index in range(max(spec.connections, 1)))
    )
    return seen.told(time.perf_counter() - began)


async def _connected(seen: Seen, asked: bytes, index: int) -> None:
    """One client after the other in this place, for as long as there is something to ask."""
    loop = asyncio.get_running_loop()
    spec = seen.spec
    await asyncio.sleep(spec.spread * index / spec.connections)
    while True:
        try:
            _, client = await loop.create_connection(
                lambda: Client(seen, asked), "127.0.0.1", spec.port
            )
        except OSError as exc:
            seen.failed(f"no connection: {exc}")
            return
        await client.done
        if seen.failures > 100 or not _again(seen):
            return


def _again(seen: Seen) -> bool:
    spec = seen.spec
    return seen.asked < spec.number if spec.number else time.perf_counter() < seen.until


def _at(times: list[float], percent: int) -> float:
    times.sort()
    return times[min(len(times) * percent // 100, len(times) - 1)] if times else 0.0


if __name__ == "__main__":
    print(json.dumps(uvloop.run(run(Spec(**json.loads(sys.argv[1]))))))
