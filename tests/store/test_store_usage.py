"""What every store promises about the table of usage: every job once, every cost once, however late."""

import asyncio

import pytest

from proxy.errors import gateway_error
from proxy.jobs import endings, transitions
from proxy.jobs.transitions import Outcome
from proxy.store.base import Entry
from proxy.store.money import DIMENSIONS, Charge, Counts, Line, day_of
from tests.store.conftest import START

TODAY = day_of(START)
LINE = Line(TODAY, "web", "gpt", "apiin", "chat")
EVER = {"since": "2000-01-01", "until": "2100-01-01"}


@pytest.fixture
def used(store):
    """[requests, failed, dollars] of all."""

    async def of(**which):
        rows = await store.usage((), **EVER, **which)
        return [[row.counts.requests, row.counts.failed, row.counts.usd] for row in rows]

    return of


def accepted(cost):
    return transitions.accepted(0, "t1", at=START + 9, cost=cost, running=False)


def completed(cost=None):
    return transitions.completed(0, Outcome(cost=cost), now=START + 9)


def failed(error=None, cost=None):
    error = error or gateway_error("the GPU melted", "generation_failed")
    return transitions.failed(0, error, now=START + 9, cost=cost)


async def test_nothing_was_used(store, used):
    assert await used() == []
    assert await store.usage(DIMENSIONS, **EVER) == []


async def test_a_job_counts_once_it_has_ended(store, make, used):
    job = await store.create(make())
    assert await used() == []
    await store.update(job.id, accepted(0.5))
    assert await used() == [[0, 0, 0.5]]
    await store.update(job.id, completed(0.6))
    await store.update(job.id, completed(0.9))
    await store.update(job.id, transitions.hidden)
    assert await used() == [[1, 0, 0.6]]


async def test_a_failed_job_and_its_cost(store, make, used):
    job = await store.create(make())
    await store.update(job.id, accepted(0.5))
    await store.update(job.id, failed(cost=0.1))
    assert await used() == [[1, 1, 0.1]]


async def test_a_late_cost_is_booked_once(store, make, used):
    job = await store.create(make())
    await store.update(job.id, failed(endings.ambiguous("cut off")))
    assert await used() == [[1, 1, 0.0]]
    await asyncio.gather(*(store.update(job.id, accepted(0.3)) for _ in range(5)))
    assert await used() == [[1, 1, 0.3]]


async def test_a_cost_that_is_taken_back_before_the_end_is_not_booked(store, make, used):
    """The first of two tasks was taken and then failed for nothing, while the second is being sent."""
    job = await store.create(make(tasks=[Entry(), Entry()]))
    await store.update(job.id, accepted(0.5))
    await store.update(job.id, failed())
    assert await used() == []
    await store.update(job.id, transitions.accepted(1, "t2", at=START + 9, cost=0.5, running=False))
    assert await used() == [[0, 0, 0.5]]


async def test_a_cost_moves_to_the_line_under_which_its_job_ends(store, make):
    """What fails without a route counts under its provider alone: the cost booked before goes there, too, and
    nothing is shown of the line that it leaves."""
    name = "onysoft/nothing"
    job = await store.create(make(model=name, target=name))
    await store.update(job.id, accepted(0.04))
    assert await by_route(store) == {name: [0, 0, 0.04]}
    await store.update(job.id, failed(cost=0.01))
    assert await by_route(store) == {"onysoft/*": [1, 1, 0.01]}


async def test_a_late_cost_is_booked_under_the_line_of_its_job(store, make):
    name = "onysoft/nothing"
    job = await store.create(make(model=name, target=name))
    await store.update(job.id, failed(endings.ambiguous("cut off")))
    await store.update(job.id, accepted(0.3))
    assert await by_route(store) == {"onysoft/*": [1, 1, 0.3]}


async def by_route(store):
    rows = await store.usage(("route",), **EVER)
    return {
        row.of["route"]: [row.counts.requests, row.counts.failed, row.counts.usd] for row in rows
    }


async def test_workers_book_a_job_once(workers, make):
    first, second = workers
    job = await first.create(make())
    await asyncio.gather(*(one.update(job.id, completed(0.3)) for one in (first, second) * 5))
    (row,) = await second.usage((), **EVER)
    assert (row.counts.requests, row.counts.usd) == (1, 0.3)


async def test_lines(store, make):
    job = await store.create(make(kind="image", capability="image"))
    await store.update(job.id, completed(0.3))
    (row,) = await store.usage(DIMENSIONS, **EVER)
    assert row.of == {
        "day": TODAY,
        "key": "web",
        "route": "sora-2",
        "provider": "onysoft",
        "kind": "image",
    }
    assert list(row.of) == list(DIMENSIONS)


async def test_what_clients_make_up_is_one_line(store, make):
    for number in range(3):
        name = f"onysoft/nothing-{number}"
        job = await store.create(make(model=name, target=name))
        await store.update(job.id, failed())
    rows = await store.usage(("route",), **EVER)
    assert [(row.of, row.counts.requests) for row in rows] == [({"route": "onysoft/*"}, 3)]


async def test_what_is_booked_adds_up(store):
    counts = Counts(2, 1, 100, 50, 3)
    for _ in range(2):
        await store.book({LINE: counts, LINE._replace(key="other"): counts}, [])
    await store.book({}, [Charge("web", 1.0, 5)])
    rows = await store.usage(("key",), **EVER)
    assert [(row.of["key"], row.counts) for row in rows] == [
        ("other", Counts(4, 2, 200, 100, 6)),
        ("web", Counts(4, 2, 200, 100, 6)),
    ]
    (row,) = await store.usage((), **EVER)
    assert row.counts == Counts(8, 4, 400, 200, 12)


async def test_bookings_of_different_ids_are_different(store, used):
    for once in ("a", "b", "", ""):
        await store.book({LINE: Counts(1)}, [], once=once)
    assert await used() == [[4, 0, 0.0]]


async def test_days_are_told_apart_and_both_ends_count(store):
    days = ["2026-01-30", "2026-01-31", "2026-02-01", "2026-02-02"]
    await store.book({LINE._replace(day=day): Counts(1) for day in days}, [])
    rows = await store.usage(("day",), since="2026-01-31", until="2026-02-01")
    assert [row.of["day"] for row in rows] == days[1:3]


async def test_one_clients_own(store):
    lines = {
        LINE._replace(key=key, route=route): Counts(1) for key in ("a", "b") for route in ("x", "y")
    }
    await store.book(lines, [])
    rows = await store.usage(("route", "key"), key="a", **EVER)
    assert [tuple(row.of.values()) for row in rows] == [("a", "x"), ("a", "y")]
    assert await store.usage(("route",), key="nobody", **EVER) == []
    assert await store.usage((), key="nobody", **EVER) == []


async def test_names_may_hold_anything(store):
    odd = LINE._replace(key="a|b\n\x00\"'", route="ü:{}/*", provider="", kind="chat")
    await store.book({odd: Counts(1)}, [])
    (row,) = await store.usage(DIMENSIONS, **EVER)
    assert tuple(row.of.values()) == odd
