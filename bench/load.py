"""The clients of the benchmarks: requests over kept connections, or paced streams, each read whole."""

import asyncio
import json
import sys
import time

import uvloop
from httptools import HttpResponseParser

_KEY = "sk-bench-client"


def request(port: int, *, stream: bool) -> bytes:
    """A chat request's bytes."""
    body = b'{"model":"m","messages":[{"role":"user","content":"Hello, how are you?"}]'
    body += b',"stream":true}' if stream else b"}"
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {_KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Client(asyncio.Protocol):
    """One connection: asks, reads to the end, asks again while it is told to."""

    def __init__(self, asked: bytes, until: float) -> None:
        self.asked = asked
        self.until = until
        self.done = asyncio.get_running_loop().create_future()
        self.answers = 0
        self.failures = 0
        self.chunks = 0
        self.times: list[float] = []
        self.whole = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.ask()

    def ask(self) -> None:
        self.parser = HttpResponseParser(self)
        self.began = time.perf_counter()
        self.transport.write(self.asked)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self.chunks += data.count(b"data: {")

    def on_message_complete(self) -> None:
        self.answers += 1
        self.failures += self.parser.get_status_code() != 200
        self.times.append(time.perf_counter() - self.began)
        if time.perf_counter() < self.until:
            self.ask()
        else:
            self.transport.close()
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.failures += 1
            self.done.set_result(None)


async def run(port: int, connections: int, seconds: float, stream: bool) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    asked = request(port, stream=stream)
    until = time.perf_counter() + seconds
    began = time.perf_counter()
    made = [
        (await loop.create_connection(lambda: Client(asked, until), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(one.done for one in made))
    took = time.perf_counter() - began
    times = sorted(t for one in made for t in one.times)
    return {
        "answers": sum(one.answers for one in made),
        "failures": sum(one.failures for one in made),
        "chunks": sum(one.chunks for one in made),
        "seconds": took,
        "median": times[len(times) // 2] if times else 0.0,
        "p99": times[len(times) * 99 // 100] if times else 0.0,
    }


if __name__ == "__main__":
    port, connections, seconds, kind = sys.argv[1:]
    found = uvloop.run(run(int(port), int(connections), float(seconds), kind == "stream"))
    print(json.dumps(found))
