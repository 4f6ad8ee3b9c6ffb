"""What every store promises about clients' tokens: taken before a request, corrected after it."""

import asyncio

import pytest


def told(one):
    return one.refused, one.remaining


async def test_so_many_a_minute(store, clock):
    assert [told(await store.take("web", 40, 100)) for _ in range(2)] == [(None, 60), (None, 20)]
    refused = await store.take("web", 40, 100)
    assert told(refused) == ("tpm", 20)
    assert 59 <= refused.wait <= 61
    assert refused.reset == pytest.approx(refused.wait)
    assert told(await store.take("web", 20, 100)) == (None, 0)


async def test_the_wait_that_is_told_is_enough_and_no_more_than_that(store, clock):
    for _ in range(5):
        await store.take("web", 20, 100)
        clock.now += 7
    refused = await store.take("web", 35, 100)
    clock.now += refused.wait - 0.01
    assert (await store.take("web", 35, 100)).refused == "tpm"
    clock.now += 0.01
    assert told(await store.take("web", 35, 100)) == (None, 5)  # two of the five are a minute old


async def test_all_are_there_again_when_it_says_so(store, clock):
    await store.take("web", 60, 100)
    clock.now += 30
    said = await store.take("web", 40, 100)
    clock.now += said.reset
    assert told(await store.take("web", 100, 100)) == (None, 0)


async def test_what_never_fits_says_no_time(store):
    assert (await store.take("web", 101, 100)).wait is None
    assert told(await store.take("web", 100, 100)) == (None, 0)


async def test_a_refusal_takes_nothing(store):
    for _ in range(3):
        assert (await store.take("web", 101, 100)).refused == "tpm"
    assert (await store.take("web", 1, 100)).remaining == 99


async def test_what_was_too_much_is_given_back(store):
    taken = await store.take("web", 90, 100)
    await store.correct("web", -80, taken.at)
    assert told(await store.take("web", 80, 100)) == (None, 10)


async def test_what_was_too_little_is_taken(store, clock):
    taken = await store.take("web", 10, 100)
    await store.correct("web", 500, taken.at)  # an answer may be longer than anybody knew
    refused = await store.take("web", 1, 100)
    assert told(refused) == ("tpm", 0)
    clock.now += refused.wait
    assert told(await store.take("web", 100, 100)) == (None, 0)


async def test_a_correction_that_comes_after_its_minute_changes_nothing(store, clock):
    taken = await store.take("web", 50, 100)
    clock.now += 90
    await store.correct("web", -50, taken.at)
    assert told(await store.take("web", 100, 100)) == (None, 0)
    assert (await store.take("web", 1, 100)).refused == "tpm"


async def test_clients_are_apart_and_so_are_tokens_and_requests(store, clock):
    assert (await store.take("web", 100, 100)).refused is None
    assert (await store.take("other", 100, 100)).refused is None
    assert await store.spend("key:web", 1) == 0.0


async def test_a_lower_limit_holds_at_once(store):
    await store.take("web", 50, 100)
    assert told(await store.take("web", 1, 40)) == ("tpm", 0)


async def test_workers_never_take_more_than_there_is(workers):
    said = await asyncio.gather(*(one.take("web", 10, 100) for one in workers * 15))
    assert sum(one.refused is None for one in said) == 10
