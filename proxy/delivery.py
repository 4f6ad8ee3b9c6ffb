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
    """Send a part of an answer; whether that was its end, and the client still there."""
    if message["type"] != "http.response.body":
        await send(message)
        return False
    body = memoryview(message.get("body", b""))
    more = bool(message.get("more_body", False))
    last = max(0, (len(body) - 1) // _PIECE * _PIECE)
    for start in range(0, last, _PIECE):
        piece = bytes(body[start : start + _PIECE])
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await asyncio.sleep(0)  # the loop looks at its sockets
    there = not more and not turn.gone
    await send({"type": "http.response.body", "body": bytes(body[last:]), "more_body": more})
    return there
