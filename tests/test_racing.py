"""Several ways to one place: which is gone first, when the next is, and what becomes of those that lost."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from proxy.racing import first_of


class Refused(ConnectionRefusedError):
    """One of our own: that of Python's library cannot be watched as it goes."""


class Made:
    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Ways:
    """Some ways: those gone, those given up, and what they gave."""

    def __init__(self) -> None:
        self.gone: list[str] = []
        self.given_up: list[str] = []
        self.made: list[Made] = []

    def good(self, name: str) -> Callable[[], Coroutine[Any, Any, Made]]:
        async def go() -> Made:
            self.gone.append(name)
            self.made.append(Made(name))
            return self.made[-1]

        return go

    def bad(self, name: str) -> Callable[[], Coroutine[Any, Any, Made]]:
        async def go() -> Made:
            self.gone.append(name)
            raise Refused(name)

        return go

    def silent(self, name: str) -> Callable[[], Coroutine[Any, Any, Made]]:
        async def go() -> Made:
            self.gone.append(name)
            try:
                await asyncio.Event().wait()
            finally:
                self.given_up.append(name)
            raise AssertionError

        return go


async def test_a_good_one_is_the_only_one() -> None:
    ways = Ways()
    assert (await first_of([ways.good("a"), ways.good("b")])).name == "a"
    assert ways.gone == ["a"]


async def test_one_that_fails_is_followed_at_once() -> None:
    ways = Ways()
    assert (await first_of([ways.bad("a"), ways.bad("b"), ways.good("c")], 1000)).name == "c"
    assert ways.gone == ["a", "b", "c"]


async def test_one_that_says_nothing_is_passed() -> None:
    ways = Ways()
    assert (await first_of([ways.silent("a"), ways.good("b")], 0.01)).name == "b"
    assert ways.given_up == ["a"]


async def test_of_two_at_once_one_is_closed() -> None:
    ways, meet = Ways(), asyncio.Barrier(2)

    def meeting(name: str) -> Callable[[], Coroutine[Any, Any, Made]]:
        async def go() -> Made:
            await meet.wait()
            return await ways.good(name)()

        return go

    won = await first_of([meeting("a"), meeting("b")], 0.01)
    assert [one.closed for one in ways.made if one is not won] == [True]
    assert not won.closed


@pytest.mark.parametrize("names", ["a", "ab"])
async def test_the_last_failure_is_told_and_leaves_no_cycle(names: str) -> None:
    ways, told = Ways(), weakref.WeakSet[Refused]()
    gc.disable()
    try:
        try:
            await first_of([ways.bad(name) for name in names])
        except Refused as exc:
            assert str(exc) == names[-1]
            told.add(exc)
        await asyncio.sleep(0)
        assert ways.gone == list(names)
        assert not told
    finally:
        gc.enable()


async def test_no_way_at_all() -> None:
    with pytest.raises(OSError, match="no way"):
        await first_of(list[Callable[[], Coroutine[Any, Any, Made]]]())


async def test_who_gives_up_gives_up_all() -> None:
    ways = Ways()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await first_of([ways.silent("a"), ways.silent("b")], 0.01)
    assert sorted(ways.given_up) == ["a", "b"]


async def test_what_is_no_failure_of_the_network_is_raised() -> None:
    async def wrong() -> Made:
        raise AssertionError("ours")

    ways = Ways()
    with pytest.raises(AssertionError, match="ours"):
        await first_of([wrong, ways.good("b")])
    assert not ways.gone
