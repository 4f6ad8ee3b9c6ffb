"""What every store promises about rate limits."""

import asyncio

import pytest

from proxy.store.money import Budget, OverBudget, Rates


async def test_so_many_per_window(store, clock):
    assert [await store.spend("a", 3) for _ in range(3)] == [0.0] * 3
    assert await store.spend("a", 3) == pytest.approx(60.0)
    clock.now += 59
    assert await store.spend("a", 3) == pytest.approx(1.0)
    clock.now += 1
    assert await store.spend("a", 3) == 0.0


async def test_the_window_slides(store, clock):
    for _ in range(3):
        assert await store.spend("a", 3, window=30.0) == 0.0
        clock.now += 10
    assert await store.spend("a", 3, window=30.0) == 0.0  # the first one is 30 seconds old
    assert await store.spend("a", 3, window=30.0) == pytest.approx(10.0)


async def test_a_refusal_is_not_counted(store, clock):
    await store.spend("a", 1)
    for _ in range(5):
        clock.now += 10
        assert await store.spend("a", 1) > 0
    clock.now += 10
    assert await store.spend("a", 1) == 0.0


async def test_the_wait_that_is_told_is_enough(store, clock):
    for _ in range(4):
        await store.spend("a", 4)
        clock.now += 0.7
    for _ in range(20):
        clock.now += await store.spend("a", 4)
        assert await store.spend("a", 4) == 0.0


async def test_buckets_are_apart(store):
    assert await store.spend("a", 1) == 0.0
    assert await store.spend("b", 1) == 0.0
    assert await store.spend("a", 1) > 0


async def test_what_is_kept_is_for_others(store):
    assert [await store.spend("a", 3, keep=1) for _ in range(2)] == [0.0] * 2
    assert await store.spend("a", 3, keep=1) > 0
    assert await store.spend("a", 3) == 0.0
    assert await store.spend("a", 3) > 0


async def test_waiting_for_one_when_several_are_over(store, clock):
    """With fewer allowed than are taken, so many must end first."""
    for _ in range(3):
        await store.spend("a", 3)
        clock.now += 1
    assert await store.spend("a", 3, keep=2) == pytest.approx(59.0)
    assert await store.spend("a", 3) == pytest.approx(57.0)


async def test_nothing_allowed_is_never_taken(store):
    assert await store.spend("a", 1, keep=1) == 60.0
    assert await store.spend("a", 0, window=5.0) == 5.0


async def test_at_once_no_more_than_the_limit_get_one(store):
    waits = await asyncio.gather(*(store.spend("a", 10) for _ in range(50)))
    assert waits.count(0.0) == 10


@pytest.mark.parametrize(("back", "free"), [(3600, True), (30, False)])
async def test_a_clock_that_is_set_back(store, clock, back, free):
    """By more than the window: what is ahead by that was not used in this one. By less, it counts."""

    async def wanted():
        admitted = await store.admit("web", Rates(rpm=1), holder="h", until=clock.now + 30)
        taken = await store.take("web", 10, 10)
        try:
            await store.reserve("web", 1.0, Budget(1.0, 60.0), clock.now)
        except OverBudget:
            reserved = False
        else:
            reserved = True
        spent = await store.spend("a", 1)
        return [spent == 0.0, admitted.refused is None, taken.refused is None, reserved]

    assert await wanted() == [True] * 4
    clock.now -= back
    assert await wanted() == [free] * 4
    assert await wanted() == [False] * 4
