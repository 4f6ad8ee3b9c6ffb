"""ai-gate.one's answers: done, failed, pending and refused, in every known shape."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from translators.ai_gate_one import ROW
from translators.core import (
    Answer,
    Call,
    Capability,
    Seen,
    State,
    Task,
)
from translators.errors import (
    Fault,
    FaultKind,
    MalformedReply,
)


def answered(body: Any, status: int = 200) -> Answer:
    return Answer(status, {}, orjson.dumps(body), body)


def polled(answer: Answer) -> Task:
    _, operation = ROW.find(Call(Capability.IMAGE, "NanoBanana", {}))
    assert operation.poll
    assert operation.poll.paths == ("/result/{id}",)
    return operation.poll.read(answer, Seen("t"))


def submitted(body: Any) -> Task:
    call = Call(Capability.IMAGE, "NanoBanana", {})
    _, operation = ROW.find(call)
    assert operation.read
    return operation.read(answered(body), call)


@pytest.mark.parametrize(
    ("body", "id"),
    [
        ({"taskId": "a"}, "a"),
        ({"taskId": 7}, "7"),
        ({"task_id": "a"}, "a"),
        ({"id": "a"}, "a"),
        ({"data": {"taskId": "a"}}, "a"),
    ],
)
def test_task_ids(body: Any, id: str) -> None:
    assert submitted(body) == Task(State.RUNNING, id)


@pytest.mark.parametrize("body", [None, {}, [], {"taskId": ""}, {"data": "a"}, "a"])
def test_a_submit_without_a_task_id(body: Any) -> None:
    with pytest.raises(MalformedReply, match="taskId"):
        submitted(body)


def test_a_submit_that_fails_at_once() -> None:
    lost = submitted({"type": "Fail", "message": "no"})
    assert lost == Task(State.FAILED, fault=Fault(FaultKind.FAILED, "no", code="Fail"))
    taken = submitted({"taskId": "a", "type": "Fail", "message": "no"})
    assert taken == Task(
        State.FAILED, "a", fault=Fault(FaultKind.FAILED, "no", certain=False, code="Fail")
    )


@pytest.mark.parametrize(
    "body",
    [
        {"taskId": "t", "type": "Fail"},
        {"type": "fail", "data": None},
        {"type": "FAILED"},
        {"status": "error", "url": None},
        {"status": "Failed"},
        {"error": {"code": "x"}},
        {"error": "out of luck"},
    ],
)
def test_failed(body: Any) -> None:
    task = polled(answered(body))
    assert task.state is State.FAILED
    assert task.fault is not None
    assert not task.fault.certain


def test_a_failure_speaks_the_gateways_words_and_may_be_the_policys() -> None:
    for name in ("message", "data"):
        body = {"type": "Fail", name: "the model broke"}
        broken = Fault(FaultKind.FAILED, "the model broke", certain=False, code="Fail")
        assert polled(answered(body)).fault == broken
        assert submitted(body).fault == replace(broken, certain=True)
        blocked = polled(answered({"type": "Fail", name: "Blocked by content policy"})).fault
        assert blocked and blocked.kind is FaultKind.MODERATED
    both = polled(answered({"type": "Fail", "data": "x", "error": "why"})).fault
    assert both and both.message == "why"
    task = polled(answered({"type": "Fail", "message": "Blocked by content policy"}))
    assert task.fault == Fault(
        FaultKind.MODERATED, "Blocked by content policy", certain=False, code="Fail"
    )


@pytest.mark.parametrize(
    "body",
    [
        {"taskId": "t"},
        {"taskId": "t", "data": None},
        {"taskId": "t", "url": None, "error": None},
        {"taskId": "t", "url": ""},
        {"status": "pending"},
        {"status": "processing", "type": "Image", "error": ""},
        {},
        None,
        [],
    ],
)
def test_pending(body: Any) -> None:
    assert polled(answered(body)) == Task(State.RUNNING, "t")


@pytest.mark.parametrize("status", [200, 202, 204])
def test_no_body_is_pending(status: int) -> None:
    assert polled(Answer(status, {}, b"")) == Task(State.RUNNING, "t")


def test_an_empty_text_is_an_answer() -> None:
    done = Task(State.SUCCEEDED, "t", 100, text="", detail={"characters": 0})
    assert polled(answered({"taskId": "t", "data": ""})) == done


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {}, b"<html>", None),
        Answer(200, {}, b'{"taskId": "t", "da', None),
        answered({"type": "Fail"}, 500),
        answered(None, 502),
        answered({"error": "slow down"}, 429),
        answered({}, 401),
        answered({"message": "no such task"}, 404),
    ],
)
def test_one_bad_poll_fails_no_job(answer: Answer) -> None:
    """Neither what cannot be read nor an HTTP error, not even a 404: the task may show up yet."""
    if not answer.ok:
        assert ROW.refuse(answer) is not None
        return
    with pytest.raises(MalformedReply):
        polled(answer)


@pytest.mark.parametrize(
    ("status", "kind", "certain"),
    [
        (302, FaultKind.FAILED, False),
        (400, FaultKind.REJECTED, True),
        (401, FaultKind.AUTH, True),
        (402, FaultKind.QUOTA, True),
        (429, FaultKind.RATE, True),
        (500, FaultKind.FAILED, False),
        (503, FaultKind.FAILED, False),
    ],
)
def test_refusals(status: int, kind: FaultKind, certain: bool) -> None:
    assert ROW.refuse(answered({"message": "no"}, status)) == Fault(kind, "no", certain)


def test_what_a_2xx_says_is_the_tasks_own() -> None:
    assert ROW.refuse(answered({"type": "Fail"})) is None
    assert ROW.refuse(answered({"error": "x"}, 202)) is None
