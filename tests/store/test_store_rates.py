"""What every store promises about clients' rates: requests of a minute, and places for those under way."""

import asyncio

import pytest

from proxy.store.money import Rates

BOTH = Rates(rpm=3, concurrency=2)


@pytest.fixture
def admit(store, clock):
    async def admitted(rates, holder="a", client="web", lease=30.0):
        return await store.admit(client, rates, holder=holder, until=clock.now + lease)

    return admitted


async def test_so_many_a_minute(admit, clock):
    rates = Rates(rpm=3)
    told = []
    for _ in range(3):
        one = await admit(rates)
        told.append((one.refused, one.remaining, one.reset))
        clock.now += 10
    assert told == [(None, 2, 60.0), (None, 1, 60.0), (None, 0, 60.0)]
    refused = await admit(rates)
    assert (refused.refused, refused.remaining) == ("rpm", 0)
    assert refused.wait == pytest.approx(30.0)
    assert refused.reset == pytest.approx(50.0)
    clock.now += 30
    assert (await admit(rates)).refused is None
    assert (await admit(rates)).refused == "rpm"


async def test_a_lower_limit_holds_at_once(admit, clock):
    for _ in range(5):
        await admit(Rates(rpm=5))
        clock.now += 1
    refused = await admit(Rates(rpm=2))
    assert refused.refused == "rpm"
    clock.now += refused.wait
    assert (await admit(Rates(rpm=2))).refused is None


async def test_clients_are_apart(admit):
    assert (await admit(Rates(1, 1))).refused is None
    assert (await admit(Rates(1, 1), client="other")).refused is None
    assert (await admit(Rates(1))).refused == "rpm"


async def test_providers_buckets_are_others(store, admit):
    assert await store.spend("web", 1) == 0.0
    assert (await admit(Rates(rpm=1))).refused is None


async def test_so_many_at_once(store, admit):
    rates = Rates(concurrency=2)
    assert (await admit(rates, "a")).refused is None
    assert (await admit(rates, "b")).refused is None
    refused = await admit(rates, "c")
    assert refused.refused == "concurrency"
    assert refused.wait > 0
    await store.leave("web", "a")
    assert (await admit(rates, "c")).refused is None
    assert (await admit(rates, "d")).refused == "concurrency"


async def test_who_gets_no_place_is_not_counted(store, admit):
    assert [(await admit(BOTH, who)).refused for who in "abcd"] == [None] * 2 + ["concurrency"] * 2
    assert (await admit(BOTH, "e")).remaining == 1
    await store.leave("web", "a")
    assert (await admit(BOTH, "e")).remaining == 0


async def test_who_is_over_the_rate_gets_no_place(store, admit):
    rates = Rates(rpm=1, concurrency=2)
    await admit(rates, "a")
    assert (await admit(rates, "b")).refused == "rpm"
    assert (await admit(Rates(concurrency=2), "c")).refused is None


async def test_a_place_ends_with_its_lease(admit, clock):
    rates = Rates(concurrency=1)
    await admit(rates, "a", lease=30)
    clock.now += 29
    assert (await admit(rates, "b")).refused == "concurrency"
    clock.now += 1
    assert (await admit(rates, "b")).refused is None


async def test_a_place_is_kept_by_who_says_so(store, admit, clock):
    rates = Rates(concurrency=1)
    await admit(rates, "a", lease=30)
    clock.now += 29
    await store.stay([("web", "a"), ("web", "gone")], clock.now + 30)
    clock.now += 29
    assert (await admit(rates, "b")).refused == "concurrency"
    await store.leave("web", "a")
    await store.stay([("web", "a")], clock.now + 30)  # too late: it has left
    assert (await admit(rates, "b")).refused is None


async def test_leaving_what_one_never_had(store, admit):
    await store.leave("web", "nobody")
    await admit(Rates(concurrency=1), "a")
    await store.leave("web", "nobody")
    assert (await admit(Rates(concurrency=1), "b")).refused == "concurrency"


async def test_at_once_no_more_than_the_limit_come_in(workers, clock):
    first, second = workers
    rates = Rates(rpm=7, concurrency=5)
    until = clock.now + 30
    asked = [
        one.admit("web", rates, holder=f"{number}", until=until)
        for number, one in enumerate([first, second] * 10)
    ]
    said = await asyncio.gather(*asked)
    assert sum(one.refused is None for one in said) == 5
