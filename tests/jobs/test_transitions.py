"""Every order of changes that a job can meet: a terminal state stays, cost is booked once, ids are kept."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import gateway_error
from proxy.jobs import endings, transitions
from proxy.jobs.transitions import Aim, Outcome
from proxy.store.base import Change, Entry, Job

NOW = 1_700_000_000.0
AIM = Aim(
    provider="onysoft",
    target="onysoft/sora-2",
    native="sora-2-text-to-video",
    capability="video",
    ordered={"seconds": "4"},
    dropped=("style",),
)
URL = {"role": "content", "url": "https://files.example/1.mp4"}
WORDS = gateway_error("the cat would not sit still", "generation_failed")


def job(tasks: int = 1, **fields: Any) -> Job:
    defaults: dict[str, Any] = {
        "id": "video_1",
        "kind": "video",
        "capability": "video",
        "owner": "",
        "model": "sora-2",
        "provider": "apiin",
        "target": "apiin/sora",
        "native": "sora",
        "created_at": NOW,
        "deadline": NOW + 100,
        "tasks": [Entry(at=NOW + 20) for _ in range(tasks)],
    }
    return Job(**{**defaults, **fields})


def sending(index: int = 0, *, long: bool = False) -> Change:
    return transitions.sending(index, now=NOW, until=NOW + 20, aim=AIM, long=long)


def accepted(index: int = 0, task_id: str = "t1", cost: float | None = None) -> Change:
    return transitions.accepted(index, task_id, at=NOW + 1, cost=cost, running=False)


def progressed(index: int = 0, progress: int = 40) -> Change:
    return transitions.progressed(index, at=NOW + 2, running=True, progress=progress, poll_path=0)


def completed(index: int = 0, **fields: Any) -> Change:
    return transitions.completed(index, Outcome(assets=(URL,), **fields), now=NOW + 3)


def fetching(index: int = 0) -> Change:
    return transitions.fetching(index, Outcome(assets=(URL,)), now=NOW + 3)


def failed(index: int = 0, **fields: Any) -> Change:
    return transitions.failed(index, WORDS, now=NOW + 3, **fields)


def after(start: Job, *changes: Change) -> Job:
    """The job after these changes; one that declines leaves it as it is."""
    for change in changes:
        start = change(start) or start
    return start


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
        st.builds(fetching, index),
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
    assert now.cost == (round(sum(costs), 6) if costs else None)
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


def test_an_orphan_that_was_never_sent_is_lost_and_one_that_was_is_in_doubt() -> None:
    for changes, code in (
        ((), "submission_lost"),
        ((sending(),), "submission_ambiguous"),
    ):
        now = after(job(), *changes, endings.orphaned(0, now=NOW + 30))
        assert now.error is not None
        assert (now.status, now.error["code"], now.error["retry"]) == ("failed", code, False)


def test_what_was_taken_is_no_orphan() -> None:
    taken = after(job(), sending(), accepted())
    assert endings.orphaned(0, now=NOW + 30)(taken) is None


def test_nothing_is_sent_for_a_task_that_has_ended_or_been_taken() -> None:
    assert sending()(after(job(), endings.orphaned(0, now=NOW))) is None
    assert sending()(after(job(), sending(), accepted())) is None


def test_an_id_and_a_cost_that_come_late_are_kept_whoever_brings_them() -> None:
    given_up = after(job(), sending(), endings.orphaned(0, now=NOW + 30))
    for late in (
        accepted(task_id="t9", cost=0.3),
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


def test_the_deadline_counts_a_result_that_only_lacks_its_file() -> None:
    late = endings.overdue(now=NOW + 200, configured=("onysoft",))
    now = after(job(), sending(), accepted(), fetching(), late)
    assert now.status == "completed"
    assert now.tasks[0].assets == [URL]


def test_the_deadline_says_what_was_wrong() -> None:
    codes = {
        "submission_lost": (),
        "submission_ambiguous": (sending(),),
        "provider_timeout": (sending(), accepted()),
    }
    for code, changes in codes.items():
        late = endings.overdue(now=NOW + 200, configured=("onysoft", "apiin"))
        now = after(job(), *changes, late)
        assert now.error is not None
        assert now.error["code"] == code
    gone = endings.overdue(now=NOW + 200, configured=())
    now = after(job(), sending(), accepted(cost=0.1), gone)
    assert now.error is not None
    assert (now.error["code"], now.cost) == ("provider_not_configured", 0.1)


def test_the_deadline_waits_for_its_time() -> None:
    assert endings.overdue(now=NOW + 99, configured=())(job()) is None


def test_an_orphan_of_a_removed_provider_is_still_in_doubt() -> None:
    """That its provider is gone does not make it certain that nothing was taken."""
    late = endings.overdue(now=NOW + 200, configured=())
    now = after(job(), sending(), late)
    assert now.error is not None
    assert now.error["code"] == "submission_ambiguous"


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
