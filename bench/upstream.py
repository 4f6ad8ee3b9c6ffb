"""The gateways of the benchmarks, at as little cost as Python can: `python -m bench.upstream PORT [CERT KEY]`.

Chat in OpenAI's shape: whole at once, or streamed; then `max_tokens` says how many chunks and `seed` how
many ms lie between them (0: at once). A chunk carries the time at which it was due by the schedule
(`t=`, seconds of the monotonic clock, which all processes share), so that whoever reads it knows how
late it is. Beside it the native answers of two gateways: texts by task, done with the first poll, and
videos that are never done, whose polls are counted: GET /bench/polls tells and forgets them.
GET /bench/seen tells how many connections there were, and how many left before their stream's end.
"""

import asyncio
import itertools
import re
import ssl
import sys
import time

import uvloop
from httptools import HttpRequestParser

CHUNKS, PACE = 100, 20
_STREAM = re.compile(rb'"stream":\s*true')
_NUMBER = {name: re.compile(rb'"%s":\s*(\d+)' % name.encode()) for name in ("max_tokens", "seed")}
WHOLE = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"Hello there, how can I help you today?","refusal":null},'
    b'"logprobs":null,"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}}'
)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_VIDEO = (
    b'{"success":true,"data":{"task_id":"vid_%d","status":"pending","model":"sora-2-text-to-video",'
    b'"estimated_cost":{"amount":0.1,"currency":"USD"}}}'
)
_WAIT = b'{"success":true,"data":{"task_id":"%s","status":"processing"}}'


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        status,
        len(body),
        body,
    )


def _event(data: bytes) -> bytes:
    event = b"data: " + data + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(event), event)


def _chunk(delta: bytes, finish: bytes = b"null") -> bytes:
    return _event(
        b'{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m",'
        b'"choices":[{"index":0,"delta":'
        + delta
        + b',"logprobs":null,"finish_reason":'
        + finish
        + b"}]}"
    )


_TIME = b"0" * 17  # in whose place a chunk's time stands
_PIECE = _chunk(b'{"content":" t=%s"}' % _TIME).split(_TIME)
_LAST = _chunk(b"{}", b'"stop"') + _event(b"[DONE]") + b"0\r\n\r\n"
_ANSWER = answer(WHOLE)
_POLLS: list[tuple[bytes, float]] = []  # task id, Unix time
_TASKS = itertools.count(1)
_SEEN = {b"connections": 0, b"left": 0}


class Gateway(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.loop = asyncio.get_running_loop()
        self.parser = HttpRequestParser(self)
        self.body: list[bytes] = []
        self.path = b""
        self.sent = self.all = 0  # chunks
        _SEEN[b"connections"] += 1

    def connection_lost(self, exc: Exception | None) -> None:
        _SEEN[b"left"] += self.sent < self.all

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.path = url

    def on_body(self, data: bytes) -> None:
        self.body.append(data)

    def on_message_complete(self) -> None:
        body, self.body = b"".join(self.body), []
        if self.path.endswith(b"/chat/completions"):
            self.chat(body)
        else:
            self.transport.write(native(self.path, body))

    def chat(self, body: bytes) -> None:
        if not _STREAM.search(body):
            self.transport.write(_ANSWER)
            return
        self.transport.write(_HEAD)
        self.step = _said(body, "seed", PACE) / 1000
        self.began = self.loop.time()
        self.sent, self.all = 0, _said(body, "max_tokens", CHUNKS)
        self.pace()

    def pace(self) -> None:
        """Write the chunk that is due; by the schedule, so that a late one does not make the next late."""
        if self.transport.is_closing():
            return
        if self.sent == self.all:
            self.transport.write(_LAST)
            return
        due = self.began + self.sent * self.step
        self.transport.write((b"%017.6f" % due).join(_PIECE))
        self.sent += 1
        if self.step:
            self.loop.call_at(due + self.step, self.pace)
        else:
            self.loop.call_soon(self.pace)


def native(path: bytes, body: bytes) -> bytes:
    """What the gateways that work by task answer, and a picture of as many base64 `bytes` as the prompt says."""
    if path.endswith(b"/text"):
        return answer(b'{"taskId":"t%d"}' % next(_TASKS))
    if b"/result/" in path:
        words = b"Hello there, how can I help you today?"
        return answer(b'{"taskId":"%s","data":"%s"}' % (path.rpartition(b"/")[2], words))
    if path.endswith(b"/video/generate"):
        return answer(_VIDEO % next(_TASKS), b"202 Accepted")
    if b"/video/status/" in path:
        task = path.rpartition(b"/")[2]
        _POLLS.append((task, time.time()))
        return answer(_WAIT % task)
    if path.endswith(b"/images/generations"):
        found = re.search(rb"(\d+) bytes", body)
        picture = b"iVBORw0KGgo" + b"A" * (int(found[1]) - 11 if found else 0)
        return answer(b'{"created":1700000000,"data":[{"b64_json":"%s"}]}' % picture)
    if path == b"/bench/polls":
        told = b",".join(b'["%s",%.6f]' % one for one in _POLLS)
        _POLLS.clear()
        return answer(b"[%s]" % told)
    if path == b"/bench/seen":
        return answer(b'{"connections":%d,"left":%d}' % tuple(_SEEN.values()))
    return answer(b'{"error":{"message":"no such path"}}', b"404 Not Found")


def _said(body: bytes, name: str, usual: int) -> int:
    found = _NUMBER[name].search(body)
    return int(found[1]) if found else usual


async def main(port: int, *certificate: str) -> None:
    tls = None
    if certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*certificate)
    server = await asyncio.get_running_loop().create_server(
        Gateway, "127.0.0.1", port, backlog=4096, ssl=tls
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), *sys.argv[2:]))
