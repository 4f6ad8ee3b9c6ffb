"""What every store promises about budgets: taken before a job is sent, settled as its cost becomes known."""

import asyncio
from dataclasses import replace

import pytest

from proxy.errors import ApiError, gateway_error, invalid
from proxy.jobs import endings, transitions
from proxy.jobs.transitions import Outcome
from proxy.store.money import Budget, Charge, OverBudget, nanos
from tests.store.conftest import START

DAY = 86_400.0
BUDGET = Budget(1.0, DAY)
FAILED = gateway_error("the GPU melted", "generation_failed")


@pytest.fixture
def order(store, make, clock):
    """Create a job that reserves so many dollars a task."""

    async def ordered(usd=0.25, budget=BUDGET, **fields):
        joining = {name: fields.pop(name) for name in ("key", "retry") if name in fields}
        job = make(**fields)
        job = replace(job, reserved=usd, charged_at=budget.slot(job.created_at))
        return await store.create(job, budget=budget, **joining)

    return ordered


@pytest.fixture
def spent(store, clock):
    """What of a dollar is gone: found by asking for more than there is."""

    async def of(owner="web"):
        with pytest.raises(OverBudget) as raised:
            await store.reserve(owner, 1e6, BUDGET, clock.now)
        return pytest.approx(raised.value.spent, abs=1e-9)

    return of


async def settle(store, job, *changes):
    for change in changes:
        assert await store.update(job.id, change) is not None


def accepted(cost, index=0):
    return transitions.accepted(index, f"t{index}", at=START + 9, cost=cost, running=False)


def failed(error, cost=None, index=0):
    return transitions.failed(index, error, now=START + 9, cost=cost)


async def test_a_budget_is_taken_up_to_its_end(order, spent):
    for _ in range(4):
        await order()
    with pytest.raises(OverBudget) as raised:
        await order()
    assert (raised.value.spent, raised.value.needed) == (1.0, 0.25)
    assert await spent() == 1.0


async def test_in_parallel_no_more_than_there_is(order, spent, store):
    made = await asyncio.gather(*(order(0.2) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(one, OverBudget) for one in made) == 15
    assert await spent() == 1.0
    assert len((await store.page("web", limit=50)).jobs) == 5


async def test_of_two_workers_neither_overspends(workers, make):
    async def create(store):
        job = make()
        job = replace(job, reserved=0.2, charged_at=BUDGET.slot(job.created_at))
        return await store.create(job, budget=BUDGET)

    made = await asyncio.gather(*(create(one) for one in workers * 10), return_exceptions=True)
    assert sum(isinstance(one, OverBudget) for one in made) == 15


async def test_odd_prices_add_up(order):
    """0.1 + 0.1 + 0.1 is more than 0.3, but not in money."""
    for _ in range(3):
        await order(0.1, Budget(0.3, DAY))
    with pytest.raises(OverBudget):
        await order(0.1, Budget(0.3, DAY))


async def test_each_task_counts(order, spent, make):
    task = make().tasks[0]
    await order(0.2, tasks=[task] * 4)
    assert await spent() == 0.8


async def test_a_job_that_is_joined_costs_nothing(order, spent):
    first = await order(1.0, key="k")
    assert await order(1.0, key="k") == first
    other = await order(0.0, Budget(9.0, DAY), fingerprint="f2")
    assert await order(1.0, Budget(9.0, DAY), fingerprint="f2", retry=1) == other
    assert await spent() == 1.0


async def test_nothing_is_left_of_a_budget_of_nothing(order):
    with pytest.raises(OverBudget) as raised:
        await order(0.0, Budget(0.0, DAY))
    assert raised.value.wait is None


async def test_owners_are_apart(order, spent):
    await order(1.0)
    await order(0.5, owner="other")
    assert await spent() == 1.0
    assert await spent("other") == 0.5


async def test_without_a_budget_nothing_is_kept(store, make, spent):
    job = await store.create(make())
    await settle(store, job, accepted(0.7))
    assert await spent() == 0.0


# Settling


@pytest.mark.parametrize("cost", [0.0, 0.1, 0.25, 0.9])
async def test_the_cost_replaces_the_reservation(store, order, spent, cost):
    job = await order()
    await settle(store, job, accepted(cost))
    assert await spent() == cost
    outcome = Outcome(cost=0.3)
    await settle(store, job, transitions.completed(0, outcome, now=START + 9))
    assert await spent() == 0.3


async def test_a_finished_job_of_unknown_cost_keeps_its_reservation(store, order, spent):
    job = await order()
    await settle(store, job, accepted(None))
    await settle(store, job, transitions.completed(0, Outcome(), now=START + 9))
    assert await spent() == 0.25


@pytest.mark.parametrize(
    "error",
    [invalid("no such size"), ApiError(429, "rate_limit_error", None, "slow"), endings.LOST],
)
async def test_a_certain_refusal_gives_it_back(store, order, spent, error):
    await settle(store, await order(), failed(error))
    assert await spent() == 0.0


async def test_a_failure_at_no_cost_gives_it_back(store, order, spent):
    await settle(store, await order(), accepted(0.25), failed(FAILED))
    assert await spent() == 0.0


async def test_a_failure_that_is_charged_for_is_spent(store, order, spent):
    await settle(store, await order(), accepted(0.25), failed(FAILED, 0.05))
    assert await spent() == 0.05


async def test_in_doubt_it_stays_spent(store, order, spent):
    job = await order()
    await settle(store, job, failed(endings.ambiguous("cut off")))
    assert await spent() == 0.25
    await settle(store, job, accepted(None))  # late: it was taken, at an unknown cost
    assert await spent() == 0.25


async def test_a_late_cost_settles_it(store, order, spent):
    job = await order()
    await settle(store, job, failed(endings.ambiguous("cut off")), accepted(0.07))
    assert await spent() == 0.07
    await settle(store, job, accepted(0.5))  # known already
    assert await spent() == 0.07


async def test_a_deadline_leaves_it_spent(store, order, spent):
    job = await order(deadline=START + 1)
    await settle(store, job, accepted(None), endings.overdue(now=START + 2, configured=["onysoft"]))
    assert await spent() == 0.25


async def test_of_three_tasks_each_settles_by_itself(store, order, spent, make):
    job = await order(0.2, tasks=[make().tasks[0]] * 3)
    await settle(store, job, accepted(0.1, 0), failed(FAILED, index=1))
    assert await spent() == 0.3


async def test_a_change_that_declines_books_nothing(store, order, spent):
    job = await order()
    assert await store.update(job.id, lambda job: None) is None
    assert await spent() == 0.25


async def test_a_job_that_is_removed_has_still_cost(store, order, spent):
    job = await order()
    done = transitions.completed(0, Outcome(cost=0.4), now=START + 9)
    await settle(store, job, done)
    assert await store.purge(START + 99, 10)
    assert await spent() == 0.4


# The window


async def test_money_is_free_again_a_window_later(order, clock):
    await order(0.75)
    clock.now += DAY / 2
    await order(0.25)
    with pytest.raises(OverBudget) as raised:
        await order(0.5)
    wait = raised.value.wait
    assert wait is not None
    assert DAY / 2 - 1 <= wait <= DAY / 2 + DAY / 720  # never too early
    clock.now += wait
    await order(0.75)
    with pytest.raises(OverBudget):
        await order(0.5)


async def test_what_can_never_be_had(order):
    with pytest.raises(OverBudget) as raised:
        await order(1.5)
    assert raised.value.wait is None


async def test_what_settles_after_its_window_changes_nothing(store, order, spent, clock):
    job = await order(1.0)
    clock.now += DAY * 1.01
    await order(0.5)
    await settle(store, job, accepted(0.2))
    assert await spent() == 0.5


# Beside jobs


async def test_money_may_be_reserved_and_settled_without_a_job(store, spent, clock):
    await store.reserve("web", 0.8, BUDGET, clock.now)
    with pytest.raises(OverBudget):
        await store.reserve("web", 0.3, BUDGET, clock.now)
    assert await spent() == 0.8
    await store.book({}, [Charge("web", BUDGET.slot(clock.now), nanos(-0.6))])
    assert await spent() == 0.2
    await store.reserve("web", 0.3, BUDGET, clock.now)
    assert await spent() == 0.5


async def test_asking_whether_something_is_left(store, spent, clock):
    await store.reserve("web", 0.0, BUDGET, clock.now)
    await store.reserve("web", 1.0, BUDGET, clock.now)
    with pytest.raises(OverBudget):
        await store.reserve("web", 0.0, BUDGET, clock.now)
    assert await spent() == 1.0


async def test_reservations_in_parallel(store, clock):
    asked = (store.reserve("web", 0.1, BUDGET, clock.now) for _ in range(30))
    made = await asyncio.gather(*asked, return_exceptions=True)
    assert made.count(None) == 10
