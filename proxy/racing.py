"""Several ways to one place, as RFC 8305 goes them: one that says nothing does not keep us from the others."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol, TypeVar

_PAUSE = 0.25  # seconds that one has before the next is tried beside it


class Closable(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=Closable)
Way = Callable[[], Coroutine[Any, Any, T]]


async def first_of(ways: Iterable[Way[T]], pause: float = _PAUSE) -> T:
    """What the first gives that succeeds; the others are cancelled, or closed. Raises the last one's OSError."""
    left = deque(ways)
    running: set[asyncio.Task[T]] = set()
    failure: OSError | None = None
    try:
        while left or running:
            try:
                if len(left) == 1 and not running:
                    return await left.popleft()()  # a task costs
                if left:
                    running.add(asyncio.create_task(left.popleft()()))
                wait = pause if left else None
                done, running = await asyncio.wait(
                    running, timeout=wait, return_when=asyncio.FIRST_COMPLETED
                )
                if done:
                    running |= done
                    one = done.pop()
                    running.remove(one)
                    return one.result()
            except OSError as exc:
                # Without the event loop's frame, which holds what it has raised.
                failure = exc.with_traceback(None)
        raise failure or OSError("no way there")
    finally:
        failure = None  # as ours would: each is a cycle for the garbage collector
        await _ended(running)


async def _ended(running: Iterable[asyncio.Task[T]]) -> None:
    """Nobody waits for what they give."""
    for one in running:
        one.cancel()
    for made in await asyncio.gather(*running, return_exceptions=True):
        if not isinstance(made, BaseException):
            made.close()
