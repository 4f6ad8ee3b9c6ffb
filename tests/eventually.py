"""Waiting for a state without sleeping through it."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_STEP = 0.02


def eventually(look: Callable[[], T], timeout: float = 15.0) -> T:
    """What `look` gives as soon as that is true; AssertionError after so many seconds."""
    end = time.monotonic() + timeout
    while not (found := look()):
        assert time.monotonic() < end, f"not within {timeout} s: {found!r}"
        time.sleep(_STEP)
    return found


async def becoming(look: Callable[[], T], timeout: float = 15.0) -> T:
    """`eventually` for coroutines."""
    end = time.monotonic() + timeout
    while not (found := look()):
        assert time.monotonic() < end, f"not within {timeout} s: {found!r}"
        await asyncio.sleep(_STEP)
    return found
