"""The gateway of the benchmarks: an OpenAI-like chat that costs as little as Python can make it.

`python bench/upstream.py PORT`: a whole answer at once, or with `"stream":true` CHUNKS chunks, PACE seconds apart.
"""

import asyncio
import sys

import uvloop
from httptools import HttpRequestParser

CHUNKS, PACE = 100, 0.02
_WHOLE = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"Hello there, how can I help you today?","refusal":null},'
    b'"logprobs":null,"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}}'
)
_ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_WHOLE)
    + _WHOLE
)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


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


_PIECE = _chunk(b'{"content":" word"}')
_LAST = _chunk(b"{}", b'"stop"') + _event(b"[DONE]") + b"0\r\n\r\n"


class Gateway(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.parser = HttpRequestParser(self)
        self.body = b""

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        body, self.body = self.body, b""
        if b'"stream":true' in body:
            self.transport.write(_HEAD)
            self.pace(CHUNKS)
        else:
            self.transport.write(_ANSWER)

    def pace(self, left: int) -> None:
        if self.transport.is_closing():
            return
        if left:
            self.transport.write(_PIECE)
            asyncio.get_running_loop().call_later(PACE, self.pace, left - 1)
        else:
            self.transport.write(_LAST)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(
        Gateway, "127.0.0.1", port, backlog=4096
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
