"""Every order of changes that a job can meet: a terminal state stays, cost is booked once, ids are kept."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.jobs import endings, transitions
from proxy.store.base import Change, Job
from tests.jobs.changes import (
    NOW,
    accepted,
    after,
    completed,
    failed,
    fetching,
    job,
    progressed,
    sending,
)


@st.composite
def changes(draw: st.DrawFn) -> list[Change]:
    """Any changes in any order, of three tasks, from workers that know nothing of each other."""
    index = st.integers(0, 2)
    cost = st.none() | st.floats(0.01, 1)
    id_ = st.sampled_from(["a", "b"])
    one = st.one_of(
        st.builds(sending, index),
        st.builds(accepted, index, id_, cost),
        st.builds(progressed, index, st.integers(0, 99)),
        st.builds(lambda i, c, t: completed(i, cost=c, task_id=t), index, cost, st.none() | id_),
        st.builds(lambda i, c, t: fetching(i, cost=c, task_id=t), index, cost, st.none() | id_),
        st.builds(lambda i, c, t: failed(i, cost=c, task_id=t), index, cost, st.none() | id_),
        st.builds(lambda i: endings.orphaned(i, now=NOW + 30), index),
        st.builds(
            lambda late, names: endings.overdue(now=NOW + 200 * late, configured=names),
            st.booleans(),
            st.sampled_from([(), ("onysoft", "apiin")]),
        ),
        st.just(transitions.hidden),
    )
    return draw(st.lists(one, max_size=14))


@given(changes())
def test_no_order_of_changes_leaves_an_end(some: list[Change]) -> None:
    now = job(3)
    for change in some:
        before, now = now, change(now) or now
        for old, new in zip(before.tasks, now.tasks, strict=True):
            if old.ended:
                kept = {"state", "error", "assets", "text", "progress", "detail", "at"}
                assert all(getattr(new, name) == getattr(old, name) for name in kept)
                assert old.task_id in (None, new.task_id)
                assert old.cost in (None, new.cost)
        if before.ended:
            assert (now.status, now.error) == (before.status, before.error)
            assert (now.completed_at, now.progress) == (before.completed_at, before.progress)
        assert now.ended == all(entry.ended for entry in now.tasks)


@given(changes())
def test_a_job_is_what_its_tasks_are(some: list[Change]) -> None:
    now = after(job(3), *some)
    costs = [entry.cost for entry in now.tasks if entry.cost is not None]
    assert now.cost == (round(sum(costs), 9) if costs else None)
    good = [entry for entry in now.tasks if entry.state == "completed"]
    if now.ended:
        assert now.completed_at is not None
        assert now.status == ("completed" if good else "failed")
        assert (now.error is None) == bool(good)
        assert all(entry.at is None for entry in now.tasks)
    else:
        assert now.completed_at is None
        assert now.progress < 100
        assert all(entry.at is not None for entry in now.tasks if not entry.ended)


@given(changes(), st.integers(0, 2))
def test_an_id_that_is_known_is_never_forgotten(some: list[Change], index: int) -> None:
    now = after(job(3), *some, accepted(index, "late", 0.5))
    assert now.tasks[index].task_id is not None
    assert after(now, *some).tasks[index].task_id == now.tasks[index].task_id


@given(changes())
def test_every_state_survives_the_store(some: list[Change]) -> None:
    now = after(job(3), *some)
    assert Job.decode(now.encode()) == now


def test_a_straight_life() -> None:
    sent = after(job(), sending())
    assert (sent.status, sent.provider, sent.dropped) == ("queued", "onysoft", ["style"])
    assert sent.tasks[0].state == "sending"
    taken = after(sent, accepted(cost=0.1))
    assert (taken.tasks[0].task_id, taken.tasks[0].at, taken.cost) == ("t1", NOW + 1, 0.1)
    moving = after(taken, progressed(progress=40))
    assert (moving.status, moving.progress) == ("in_progress", 40)
    done = after(moving, completed(cost=0.2))
    assert (done.status, done.progress, done.cost) == ("completed", 100, 0.2)
    assert done.completed_at == NOW + 3


def test_progress_never_goes_back() -> None:
    now = after(job(), sending(), accepted(), progressed(progress=60), progressed(progress=10))
    assert now.progress == 60


def test_a_long_request_is_in_progress_as_soon_as_it_is_sent() -> None:
    assert after(job(), sending(long=True)).status == "in_progress"


def test_nothing_is_sent_for_a_task_that_has_ended_or_been_taken() -> None:
    assert sending()(after(job(), endings.orphaned(0, now=NOW))) is None
    assert sending()(after(job(), sending(), accepted())) is None


def test_an_id_and_a_cost_that_come_late_are_kept_whoever_brings_them() -> None:
    given_up = after(job(), sending(), endings.orphaned(0, now=NOW + 30))
    for late in (
        accepted(task_id="t9", cost=0.3),
        fetching(task_id="t9", cost=0.3),
        completed(task_id="t9", cost=0.3),
        failed(task_id="t9", cost=0.3),
    ):
        now = after(given_up, late)
        assert (now.status, now.tasks[0].task_id, now.cost) == ("failed", "t9", 0.3)
        assert now.error == given_up.error
        assert now.tasks[0].assets == []


def test_a_cost_that_is_booked_stays_booked() -> None:
    charged = after(job(), sending(), accepted(), failed(cost=0.25))
    for late in (accepted(cost=None), accepted(cost=0.1), completed(cost=0.1), failed(cost=0.1)):
        assert after(charged, late).cost == 0.25


def test_a_failed_task_costs_what_the_gateway_says_and_nothing_else() -> None:
    taken = after(job(), sending(), accepted(cost=0.4))
    assert after(taken, failed()).cost is None
    assert after(taken, failed(cost=0.4)).cost == 0.4


def test_a_job_fails_only_if_all_its_tasks_do() -> None:
    now = after(job(2), sending(), sending(1), accepted(), accepted(1), failed(1))
    assert not now.ended
    now = after(now, completed())
    assert (now.status, now.error) == ("completed", None)
    both = after(job(2), sending(), sending(1), accepted(), accepted(1), failed(1), failed())
    assert both.status == "failed"
    assert both.error is not None
    assert both.error["message"] == "the cat would not sit still"


def test_links_last_as_long_as_the_first_to_die() -> None:
    now = after(
        job(2),
        sending(),
        sending(1),
        completed(links_until=NOW + 900),
        completed(1, links_until=NOW + 500),
    )
    assert now.links_until == NOW + 500


def test_hiding_changes_nothing_else() -> None:
    hidden = after(job(), transitions.hidden)
    assert hidden.deleted
    assert transitions.hidden(hidden) is None
    assert after(hidden, sending(), accepted(), completed()).status == "completed"


def test_changes_are_pure() -> None:
    start = job(2)
    raw = start.encode()
    after(start, sending(), accepted(), progressed(), completed(), failed(1))
    assert start.encode() == raw
