"""Bytes that are handed on the moment they come: their source is given a function that takes them."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Protocol

Write = Callable[[bytes], bool]  # whether more may follow at once


class Source(Protocol):
    """Where they come from. `enough()`: has a `pour` return false that waits for more; None where it cannot."""

    enough: Callable[[], None] | None

    async def pour(self, write: Write) -> bool:
        """Hand them on, until their end (true) or until `write` returns false; called again, it goes on."""


async def in_turn(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Pieces that are there already."""
    for piece in pieces:
        yield piece


class Each:
    """The pieces of an iterator."""

    enough: Callable[[], None] | None = None
    complete = False  # their end is only seen by asking for it

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    async def pour(self, write: Write) -> bool:
        async for piece in self._pieces:
            if not write(piece):
                return False
        return True
