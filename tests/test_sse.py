"""What is written to a client while it waits: comments stand between events, and never behind the end."""

import asyncio
from typing import Any, cast

import pytest

from proxy.service import Handled
from proxy.sse import Writer
from proxy.turn import Turn


class Line:
    """A connection that takes everything."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.drained = asyncio.Event()
        self.drained.set()
        self.transport = cast(Any, self)
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def default_headers(self) -> list[bytes]:
        return []

    def wants_more(self) -> None:
        return

    def answered(self) -> None:
        return

    def left(self, turn: Turn) -> None:
        return


class Service:
    keep_alive = 1000.0


@pytest.fixture
async def turn() -> Turn:
    return Turn(cast(Any, Line()), b"POST", version="1.1", keep_alive=True, expects=False)


def begun(turn: Turn) -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": []}


async def test_no_comment_within_an_event_that_is_settled_in_pieces(turn: Turn) -> None:
    exchange = Handled(service=cast(Any, Service()))
    exchange.delivers = "job_1"

    async def send(message: Any) -> None:
        body = message["body"]
        await turn.send({**message, "body": body[:8]})
        writer.comment()
        await turn.send({**message, "body": body[8:]})

    writer = Writer(turn, send, exchange)
    await turn.send(begun(turn))
    assert not writer.put(b'data: {"a":1}\n\n')
    await writer.flush()
    writer.comment()
    writer.stop()
    written = turn.line.written  # type: ignore[attr-defined]
    assert written.index(b"keep-alive") > written.index(b"}\n\n")
    assert written.count(b"keep-alive") == 1


async def test_no_comment_before_the_head_or_behind_the_end(turn: Turn) -> None:
    writer = Writer(turn, turn.send, Handled(service=cast(Any, Service())))
    writer.comment()
    assert turn.line.written == b""  # type: ignore[attr-defined]
    await turn.send(begun(turn))
    assert writer.put(b"data: 1\n\n")
    await turn.send({"type": "http.response.body", "body": b""})
    writer.comment()
    writer.stop()
    assert turn.line.written.endswith(b"0\r\n\r\n")  # type: ignore[attr-defined]
