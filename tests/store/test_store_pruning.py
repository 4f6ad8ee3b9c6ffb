"""What every store forgets in time: usage of long ago, and whatever was counted for somebody who is gone."""

import sqlite3

import pytest

from proxy.store.money import Budget, Charge, Counts, Line, OverBudget, Rates
from proxy.store.sqlite import SqliteStore

EVER = {"since": "2000-01-01", "until": "2100-01-01"}
BUDGET = Budget(1.0, 86_400.0)


def line(day: str) -> Line:
    return Line(day, "web", "gpt", "apiin", "chat")


async def days(store) -> list[str]:
    return [row.of["day"] for row in await store.usage(("day",), **EVER)]


async def pruned(store, used_before="2000-01-01", spent_before=0.0) -> int:
    """How often it took until nothing was left to forget."""
    times = 1
    while await store.prune(used_before=used_before, spent_before=spent_before):
        times += 1
    return times


async def test_days_of_long_ago_are_forgotten_one_by_one(store):
    known = ["2025-12-30", "2025-12-31", "2026-01-01", "2026-01-02"]
    await store.book({line(day): Counts(1) for day in known}, [])
    assert await pruned(store, "2026-01-01") == 2
    assert await days(store) == known[2:]
    assert await pruned(store, "2026-01-01") == 1
    assert await days(store) == known[2:]


async def test_money_is_forgotten_only_where_no_window_needs_it(store, clock):
    now = clock.now
    await store.reserve("web", 1.0, BUDGET, now)
    await pruned(store, spent_before=now - 1)
    with pytest.raises(OverBudget):
        await store.reserve("web", 0.5, BUDGET, now)
    await pruned(store, spent_before=now + 3600)
    await store.reserve("web", 0.5, BUDGET, now)


async def test_an_empty_store_has_nothing_to_forget(store):
    assert await pruned(store) == 1


async def test_what_is_in_force_stays(store, clock):
    await store.admit("web", Rates(1, 1), holder="a", until=clock.now + 30)
    await store.take("web", 10, 10)
    await store.spend("rpm:a", 1)
    await pruned(store)
    assert (await store.admit("web", Rates(1), holder="b", until=clock.now)).refused == "rpm"
    one = await store.admit("web", Rates(None, 1), holder="b", until=clock.now)
    assert one.refused == "concurrency"
    assert (await store.take("web", 1, 10)).refused == "tpm"
    assert await store.spend("rpm:a", 1) > 0


async def leave_traces(store, clock) -> None:
    for client in ("gone", "away"):
        await store.admit(client, Rates(9, 9), holder="a", until=clock.now + 30)
        await store.take(client, 10, 10)
        await store.spend(f"rpm:{client}", 9)
        await store.reserve(client, 0.5, BUDGET, clock.now)
        await store.book({line("2020-01-01"): Counts(1)}, [Charge(client, clock.now, 5)])


async def test_nothing_is_left_of_a_client_that_is_gone(tmp_path, clock):
    store = SqliteStore(tmp_path / "jobs.db", clock=clock)
    await store.open()
    await leave_traces(store, clock)
    clock.now += 2 * 86_400
    await pruned(store, "2026-01-01", clock.now - 86_400)
    await store.close()
    db = sqlite3.connect(tmp_path / "jobs.db")
    for table in ("hits", "places", "tokens", "budgets", "usage"):
        rows = db.execute(f"SELECT * FROM {table}").fetchall()
        assert [row for row in rows if row[0] != ""] == [], table  # "" is the ping's
    db.close()


async def test_redis_forgets_the_rest_by_itself(redis, opener, clock):
    store = opener("redis")
    await store.open()
    await leave_traces(store, clock)
    await store.stay([("gone", "a")], clock.now + 30)
    clock.now += 2 * 86_400
    await pruned(store, "2026-01-01", clock.now - 86_400)
    await store.close()
    names = [name.decode().removeprefix("{anygate}:") for name in redis.tell("KEYS", "*")]
    lasting = [one for one in names if redis.tell("PTTL", f"{{anygate}}:{one}") < 0]
    assert lasting == ["version"]
    booked = [one for one in names if one.startswith("booked:")]
    assert max(redis.tell("PTTL", f"{{anygate}}:{one}") for one in booked) <= 3_600_000
    others = set(names) - set(booked)
    assert max(redis.tell("PTTL", f"{{anygate}}:{one}") for one in others) <= 120_000
