"""How long clients may take: connections that get no further are ended.

`Watch` looks at all connections of a worker once in a while: a request costs neither a timer nor a task.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Any, Final

from proxy.config import ClientTimeout
from proxy.http1_server import HttpConnection

_STEP: Final = 16  # 2**16 bytes in the time of `body` or `write` are progress; a drip is none
_LOOKS: Final = 4  # at a connection in the shortest of the times
_SERIOUS: Final = 5.0  # seconds between two looks at most

# What a connection waits for, of which of its requests, how far it is, and how many seconds that may stay
# so: None where it is our own affair.
State = tuple[str, int, object, float | None]


class Watch:
    """Looks after a worker's connections; `times` says how long it has patience, and may change."""

    def __init__(self, times: Callable[[], ClientTimeout]) -> None:
        self._times = times
        self._all: Collection[HttpConnection] = ()
        self._seen: dict[HttpConnection, tuple[State, float]] = {}  # with the time it has been so
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, connections: Collection[Any]) -> None:
        """Look at these, all of one server, until there are none."""
        self._all = connections
        if self._timer is None:
            self._again()

    def look(self, now: float) -> None:
        """End the connections whose clients have got no further for too long. `now`: seconds, of any clock."""
        times, before = self._times(), self._seen
        self._seen = {}
        for one in tuple(self._all):
            state = _state(one, times)
            known = before.get(one)
            what, _, _, limit = state
            since = known[1] if known is not None and known[0] == state else now
            self._seen[one] = state, since
            if limit is None or now - since < limit:
                continue
            if what == "body":
                one.refuse(408, "request_timeout", "The request's body did not come in time.")
            elif what == "idle":
                one.transport.close()
            else:
                one.transport.abort()

    def _again(self) -> None:
        times = self._times()
        shortest = min(times.headers, times.body, times.write, times.idle)
        wait = min(shortest / _LOOKS, _SERIOUS)
        self._timer = asyncio.get_running_loop().call_later(wait, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.look(asyncio.get_running_loop().time())
        if self._all:
            self._again()


def _state(one: HttpConnection, times: ClientTimeout) -> State:
    turn, reading, transport = one.turn, one.reading, one.transport
    if transport.is_closing() or not one.drained.is_set():
        left = transport.get_write_buffer_size() >> _STEP
        return "write", one.requests, (one.drains, left), times.write
    if turn is not None:  # the beginning of the next head, too, waits for its answer
        ours = not turn.more or one.paused or turn.expects
        return "body", one.requests, one.came >> _STEP, None if ours else times.body
    if one.deaf or (reading is not None and reading.more):
        # Answered early: what is left of its body is read and thrown away, but not for ever.
        return "rest", one.requests, None, times.body
    if one.in_head:
        return "head", one.requests, None, times.headers
    return "idle", one.requests, None, times.idle
