"""Whose fault it is, and in which words: errors of requests and faults of gateways."""

from typing import Any

import pytest

from translators.core import FormText, Source
from translators.errors import (
    FaultKind,
    InvalidType,
    MissingParameter,
    TranslationError,
    UnsupportedEndpoint,
    UnsupportedParameter,
    UnsupportedValue,
    code_in,
    fault_of_status,
    message_in,
    moderated,
    retry_after_in,
    type_name,
)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (MissingParameter("a"), "missing_required_parameter", "Missing required parameter: 'a'."),
        (MissingParameter("a", "Say it."), "missing_required_parameter", "Say it."),
        (
            InvalidType("a", "string", [1]),
            "invalid_type",
            "Invalid type for 'a': expected string, got array.",
        ),
        (UnsupportedParameter("a"), "unsupported_parameter", "Unsupported parameter: 'a'."),
        (
            UnsupportedParameter("a", "no"),
            "unsupported_parameter",
            "Unsupported parameter: 'a': no.",
        ),
        (
            UnsupportedValue("a", "x", ["y", 2]),
            "unsupported_value",
            "Unsupported value for 'a': 'x'. Allowed: y, 2.",
        ),
    ],
)
def test_what_errors_say(error: TranslationError, code: str, message: str) -> None:
    assert (error.code, str(error), error.param) == (code, message, "a")


def test_long_values_are_cut() -> None:
    said = str(UnsupportedValue("a", "x" * 10_000, "less"))
    assert len(said) < 150
    assert "..." in said
    assert UnsupportedEndpoint("no").code == "unsupported_endpoint"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, FaultKind.REJECTED),
        (401, FaultKind.AUTH),
        (402, FaultKind.QUOTA),
        (403, FaultKind.AUTH),
        (404, FaultKind.NOT_FOUND),
        (408, FaultKind.TIMEOUT),
        (409, FaultKind.REJECTED),
        (410, FaultKind.EXPIRED),
        (413, FaultKind.REJECTED),
        (422, FaultKind.REJECTED),
        (429, FaultKind.RATE),
        (500, FaultKind.FAILED),
        (503, FaultKind.FAILED),
        (504, FaultKind.TIMEOUT),
    ],
)
def test_statuses(status: int, kind: FaultKind) -> None:
    assert fault_of_status(status) is kind


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "m", "code": "c"}}, "m"),
        ({"error": "m"}, "m"),
        ({"message": "m"}, "m"),
        ({"msg": "m"}, "m"),
        ({"error": "", "message": "m"}, "m"),
        ({"error": None, "data": {"error_message": "m"}}, "m"),
        ({"failMsg": "m"}, "m"),
        ({"detail": "m"}, "m"),
        (
            {"detail": [{"loc": ["body", "n"], "msg": "too many", "input": 9}, {"msg": "no"}]},
            "body.n: too many; no",
        ),
        (
            {"title": "Invalid", "errors": {"Prompt": ["is required"], "n": "no", "m": []}},
            "Prompt: is required; n: no",
        ),
        ({"message": "m", "errors": {"prompt": ["x"]}}, "m"),
        ({"errors": ["m", {"message": "n"}, 7, None]}, "m; n"),
        ({"detail": [{"msg": str(n)} for n in range(99)]}, "; ".join(map(str, range(20)))),
        ({"detail": [], "errors": {}, "data": {"msg": "m"}}, "m"),
        (" m ", "m"),
        ({"error": {"code": 7}}, None),
        ({}, None),
        ("", None),
        (None, None),
        ([], None),
        ({"data": []}, None),
    ],
)
def test_messages(body: Any, message: str | None) -> None:
    assert message_in(body) == message


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error": {"code": "c", "type": "t"}}, "c"),
        ({"error": {"code": 7, "type": "t"}}, "t"),
        ({"code": "c"}, "c"),
        ({"error": "m", "code": "c"}, "c"),
        ({"error": {}}, None),
        (None, None),
    ],
)
def test_codes(body: Any, code: str | None) -> None:
    assert code_in(body) == code


@pytest.mark.parametrize(
    "words", ["violates our content policy", "moderation_blocked", "NSFW found", "safety system"]
)
def test_words_of_a_policy(words: str) -> None:
    assert moderated(None, words)


@pytest.mark.parametrize("words", [None, "", "bad size", "voice is case-sensitive content"])
def test_other_words(words: str | None) -> None:
    assert not moderated(words)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        ("-1", 0.0),
        ("0", 0.0),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after_in({"retry-after": value}) == seconds
    assert retry_after_in({"Retry-After": value}) == seconds
    assert retry_after_in({}) is None


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Wed, 21 Oct 2026 07:27:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:28:01 GMT", 0.0),
        ("today", None),
        ("", None),
    ],
)
def test_retry_after_as_a_date_counts_from_the_answer_s(date: str, seconds: float | None) -> None:
    later = "Wed, 21 Oct 2026 07:28:00 GMT"
    assert retry_after_in({"retry-after": later, "date": date}) == seconds
    assert retry_after_in({"Retry-After": later, "Date": date}) == seconds


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "boolean"),
        (1, "integer"),
        (1.5, "number"),
        ("", "string"),
        (FormText("1"), "string"),
        ([], "array"),
        ({}, "object"),
        (Source(), "file"),
    ],
)
def test_type_names(value: object, name: str) -> None:
    assert type_name(value) == name
