"""Answers that tell a job's outcome: sent so that it is known whether their client was there to the end.

An SDK that gave up waiting repeats its request, and must get the same job again; one that got its
answer must get a new one. What has been written says nothing of that: a large answer is sent in
pieces, each of which waits until the connection has taken the ones before, and the client is looked
for before the last.
"""

import asyncio

from starlette.types import Message, Send

from proxy.turn import Turn

_PIECE = 1 << 16


async def deliver(message: Message, turn: Turn, send: Send) -> bool:
    """Send a part of an answer's body; whether that was its end, and the client still there."""
    body, more = message.get("body", b""), message.get("more_body", False)
    if len(body) > _PIECE:
        last = (len(body) - 1) // _PIECE * _PIECE
        for start in range(0, last, _PIECE):
            piece = bytes(memoryview(body)[start : start + _PIECE])
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        message = {**message, "body": bytes(memoryview(body)[last:])}
    await asyncio.sleep(0)  # the loop looks at its sockets
    there = not more and not turn.gone
    await send(message)
    return there
