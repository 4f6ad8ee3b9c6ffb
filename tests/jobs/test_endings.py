"""What time alone ends: orphans of a crash, and jobs past their deadline."""

from proxy.jobs import endings
from tests.jobs.changes import (
    NOW,
    URL,
    accepted,
    after,
    fetching,
    job,
    sending,
)


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


def test_the_deadline_leaves_a_task_its_last_poll() -> None:
    taken = after(job(2), sending(), sending(1), accepted())
    late = endings.overdue(now=NOW + 200, configured=("onysoft",), given_up=NOW + 99)
    now = after(taken, late)
    assert [one.state for one in now.tasks] == ["accepted", "failed"]
    assert late(now) is None
    fetched = after(job(), sending(), accepted(), fetching())
    assert late(fetched) is None


def test_what_brought_no_result_at_its_deadline_says_what_was_said() -> None:
    said = endings.last_said("out of cats " * 100)
    taken = after(job(), sending(), accepted(cost=0.1))
    now = after(taken, endings.asked_in_vain(0, said, now=NOW + 100))
    error = now.error or {}
    assert (now.status, error["code"], now.cost) == ("failed", "provider_timeout", 0.1)
    assert "deadline. It last answered: out of cats out" in error["message"]
    assert len(error["message"]) < 400


def test_a_result_that_came_meanwhile_is_not_ended_by_a_poll_in_vain() -> None:
    ended = endings.asked_in_vain(0, now=NOW + 100)
    for changes in ((), (sending(),), (sending(), accepted(), fetching())):
        assert ended(after(job(), *changes)) is None
