"""OpenAI's answers and those of its copies: refusals, states, lists of models."""

from typing import Any

import orjson
import pytest

from translators.core import (
    Answer,
    State,
)
from translators.errors import (
    Fault,
    FaultKind,
    MalformedReply,
)
from translators.openai import models, progress_of, refuse, state_of, task_fault


def answered(body: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, headers, orjson.dumps(body), body)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("queued", State.QUEUED),
        ("PENDING", State.QUEUED),
        ("in_progress", State.RUNNING),
        ("brand new word", State.RUNNING),
        (None, State.RUNNING),
        ("Succeeded", State.SUCCEEDED),
        ("completed", State.SUCCEEDED),
        ("FAILURE", State.FAILED),
        ("cancelled", State.FAILED),
    ],
)
def test_states(word: Any, state: State) -> None:
    assert state_of(word) is state


@pytest.mark.parametrize(
    ("value", "percent"),
    [
        (30, 30),
        (30.9, 30),
        ("30%", 30),
        ("30", 30),
        (130, 100),
        (-1, 0),
        ("", None),
        (None, None),
        ([], None),
        (float("nan"), None),
    ],
)
def test_progress(value: Any, percent: int | None) -> None:
    assert progress_of(value) == percent


def error(message: str = "m", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (400, error(code="x"), Fault(FaultKind.REJECTED, "m", code="x")),
        (401, error(type="auth"), Fault(FaultKind.AUTH, "m", code="auth")),
        (404, error(), Fault(FaultKind.NOT_FOUND, "m")),
        (429, error(), Fault(FaultKind.RATE, "m")),
        (
            429,
            error(code="insufficient_quota"),
            Fault(FaultKind.QUOTA, "m", code="insufficient_quota"),
        ),
        (
            403,
            error(type="insufficient_user_quota", code=""),
            Fault(FaultKind.QUOTA, "m", code="insufficient_user_quota"),
        ),
        (
            400,
            error(code="content_policy_violation"),
            Fault(FaultKind.MODERATED, "m", code="content_policy_violation"),
        ),
        (
            400,
            error(code="moderation_blocked"),
            Fault(FaultKind.MODERATED, "m", code="moderation_blocked"),
        ),
        (
            422,
            error("Your request was rejected by our safety system."),
            Fault(FaultKind.MODERATED, "Your request was rejected by our safety system."),
        ),
        (500, error(), Fault(FaultKind.FAILED, "m", certain=False)),
        (503, error(), Fault(FaultKind.FAILED, "m", certain=True)),
        (504, error(), Fault(FaultKind.TIMEOUT, "m", certain=False)),
    ],
)
def test_refusals(status: int, body: Any, fault: Fault) -> None:
    assert refuse(answered(body, status)) == fault


def test_a_refusals_wait() -> None:
    def waits(**headers: str) -> float | None:
        fault = refuse(answered(error(), 429, **headers))
        assert fault is not None
        return fault.retry_after

    assert waits(**{"retry-after": "7"}) == 7
    assert waits(**{"Retry-After": "1.5"}) == 1.5
    assert waits(**{"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}) is None
    assert waits() is None


def test_refusals_without_json() -> None:
    def words(raw: bytes) -> str:
        fault = refuse(Answer(502, {}, raw))
        assert fault is not None
        return fault.message

    assert words(b"upstream is away") == "upstream is away"
    assert words(b"<html>Bad Gateway</html>") == "The gateway answered HTTP 502."
    assert words(b"") == "The gateway answered HTTP 502."
    assert words(b"\xff\xfe") == "\ufffd\ufffd"


@pytest.mark.parametrize(
    ("body", "kind", "certain"),
    [
        ({"error": "no"}, FaultKind.FAILED, False),
        (error(), FaultKind.FAILED, False),
        (error(code=429), FaultKind.RATE, True),
        (error(status=400), FaultKind.REJECTED, True),
        (error(code="insufficient_quota"), FaultKind.QUOTA, False),
    ],
)
def test_errors_under_200(body: Any, kind: FaultKind, certain: bool) -> None:
    fault = refuse(answered(body))
    assert fault is not None
    assert (fault.kind, fault.certain) == (kind, certain)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"error": None},
        {"error": ""},
        {"id": "resp_1", "status": "failed", "error": {"message": "m"}},
        [],
        None,
        "text",
    ],
)
def test_good_answers(body: Any) -> None:
    assert refuse(answered(body)) is None


def test_a_failed_tasks_words() -> None:
    assert task_fault({}) == Fault(FaultKind.FAILED, "The generation failed.", certain=False)
    assert task_fault({"error": "violates the content policy"}).kind is FaultKind.MODERATED


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"object": "list", "data": [{"id": "a", "x": 1}]}, [{"id": "a", "x": 1}]),
        ({"data": {"models": [{"id": "a"}]}}, [{"id": "a"}]),
        ({"success": True, "data": {"items": [{"id": "a"}]}}, [{"id": "a"}]),
        (
            [{"id": "a"}, {"name": "b"}, {"model": "c"}],
            [{"id": "a"}, {"name": "b", "id": "b"}, {"model": "c", "id": "c"}],
        ),
        (["a"], [{"id": "a"}]),
        ({"data": [{}, 7, {"id": 7}]}, []),
        ([], []),
    ],
)
def test_lists_of_models(body: Any, found: Any) -> None:
    assert models(body) == found


@pytest.mark.parametrize("body", [None, {}, {"data": {}}, {"data": "x"}, 7])
def test_what_is_no_list_of_models(body: Any) -> None:
    with pytest.raises(MalformedReply):
        models(body)
