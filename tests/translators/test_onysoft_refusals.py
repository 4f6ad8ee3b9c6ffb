"""Onysoft's refusals, by status and under HTTP 200."""

from typing import Any

import pytest

from tests.translators.rowbench import answered, recorded
from translators.core import Answer
from translators.errors import Fault, FaultKind
from translators.onysoft import ROW

RECORDED = recorded("onysoft")


def refused(code: Any, message: str = "No") -> dict[str, Any]:
    return {"success": False, "error": {"code": code, "message": message}}


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "invalid_api_key", FaultKind.AUTH),
        (402, "insufficient_balance", FaultKind.QUOTA),
        (404, "model_not_found", FaultKind.NOT_FOUND),
        (429, "rate_limit_exceeded", FaultKind.RATE),
        (403, "model_blocked", FaultKind.AUTH),
        (413, "payload_too_large", FaultKind.REJECTED),
        (422, "validation_error", FaultKind.REJECTED),
        (400, "other", FaultKind.REJECTED),
        (400, "insufficient_balance", FaultKind.QUOTA),
    ],
)
def test_certain_refusals(status: int, code: str, kind: FaultKind) -> None:
    assert ROW.refuse(answered(refused(code), status)) == Fault(kind, "No", code=code)
    hidden = ROW.refuse(answered(refused(code)))
    assert hidden and (code == "other" or (hidden.kind, hidden.certain) == (kind, True))


def test_what_may_have_started_work() -> None:
    for answer in (
        answered(refused("x"), 500),
        answered(refused("x")),
        answered({"success": False}),
    ):
        found = ROW.refuse(answer)
        assert found and (found.kind, found.certain) == (FaultKind.FAILED, False)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"code": 402, "msg": "no balance", "data": None}, FaultKind.QUOTA),
        (refused(429), FaultKind.RATE),
        ({"error": {"message": "x", "code": "500"}}, FaultKind.FAILED),
        (refused("x", "blocked by content policy"), FaultKind.MODERATED),
    ],
)
def test_errors_under_200(body: Any, kind: FaultKind) -> None:
    found = ROW.refuse(answered(body))
    assert found and found.kind is kind


@pytest.mark.parametrize(
    "body",
    [
        RECORDED["video"]["answer"]["body"],
        RECORDED["status"]["answer"]["body"],
        {"success": False, "data": {"task_id": "t", "status": "failed", "error": "boom"}},
        {"id": "chatcmpl-1", "choices": []},
        {"task_id": "t", "status": "failed", "error": "boom"},
        None,
    ],
)
def test_good_answers(body: Any) -> None:
    assert ROW.refuse(answered(body)) is None


def test_an_error_page() -> None:
    found = ROW.refuse(Answer(502, {}, b"<html>", None))
    assert found == Fault(FaultKind.FAILED, "onysoft answered 502", certain=False)
