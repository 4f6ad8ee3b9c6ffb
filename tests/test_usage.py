"""The bookkeeper of what passes through goes on, whatever it meets."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from proxy.exchange import Exchange
from proxy.store.money import Charge, Counts, Line
from proxy.tally import Tally
from proxy.usage import Usage


class Book:
    """A store that refuses what it was told to refuse."""

    def __init__(self) -> None:
        self.refuses: list[Exception] = []
        self.booked: dict[str, int] = {}
        self.done = asyncio.Event()

    async def book(self, lines: Mapping[Line, Counts], charges: Iterable[Charge], **_: Any) -> None:
        if self.refuses:
            raise self.refuses.pop()
        self.booked |= {line.provider: counts.requests for line, counts in lines.items()}
        self.done.set()


def exchange(provider: str) -> Exchange:
    return Exchange(provider=provider, tally=Tally(price=0.1, asked=True))


async def test_what_cannot_be_booked_spoils_nothing_that_follows(logged: list[str]) -> None:
    store: Any = Book()
    usage = Usage(store)
    store.refuses = [OverflowError("too large")]
    usage.record(exchange("bad"), 200)
    await usage.flush()
    usage.record(exchange("good"), 200)
    await usage.flush()
    assert store.booked == {"good": 1}
    assert sum("cannot be booked" in line for line in logged) == 1


async def test_the_writer_survives_its_own_faults(logged: list[str]) -> None:
    store: Any = Book()
    usage = Usage(store)
    flush, faults = usage.flush, [ValueError("a fault")]

    async def faulty() -> None:
        if faults:
            usage._wake.set()
            raise faults.pop()
        await flush()

    usage.flush = faulty  # type: ignore[method-assign]
    usage.record(exchange("p"), 200)
    usage._wake.set()
    usage.start()
    try:
        async with asyncio.timeout(10):
            await store.done.wait()
    finally:
        await usage.stop()
    assert store.booked == {"p": 1}
    assert any("a fault" in line for line in logged)
