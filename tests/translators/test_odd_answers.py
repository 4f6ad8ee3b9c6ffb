"""Answers that no page shows: malformed, said to be so, and never another exception.

Each once broke a reader or went on to a client, and was found by tests/fuzz.
"""

from typing import Any

import orjson
import pytest

from translators import TRANSLATORS
from translators.core import Answer, Call, Capability, Cost, FormText, Seen, Task, from_json
from translators.errors import MalformedReply, TranslationError, message_in
from translators.plan import plan
from translators.spelling import from_text
from translators.values import MAX_DEPTH


def read(row: str, kind: str, model: str, body: Any, *, polled: bool = False) -> Task:
    answer = Answer(200, {}, orjson.dumps(body), body)
    call = Call(Capability(kind), model, {})
    operation = TRANSLATORS[row].find(call)[1]
    if polled:
        assert operation.poll
        return operation.poll.read(answer, Seen("t"))
    assert operation.read
    return operation.read(answer, call)


@pytest.mark.parametrize(
    ("row", "kind", "body", "polled"),
    [
        ("ai-gate.one", "image", {"url": "ftp://a/b"}, True),
        ("aigate.shop", "video", {"videos": ["completed"]}, False),
        ("openai", "image", {"data": [{"url": "javascript:alert(1)"}]}, False),
        ("openai", "image", {"data": [{"b64_json": "é"}]}, False),
        ("onysoft", "image", {"status": "completed", "url": "data:image/png;base64,é"}, True),
    ],
)
def test_results_that_are_no_links(row: str, kind: str, body: Any, polled: bool) -> None:
    model = {"ai-gate.one": "NanoBanana", "onysoft": "google/imagen4"}.get(row, "m")
    with pytest.raises(MalformedReply):
        read(row, kind, model, body, polled=polled)


def test_links_of_the_gateways_own_stay() -> None:
    task = read("aigate.shop", "video", "m", {"videos": ["/videos/t/content"]})
    assert (task.assets[0].url, task.assets[0].auth) == ("/videos/t/content", True)
    inside = read("aigate.shop", "video", "m", {"videos": ["data:video/mp4;base64,aGk="]})
    assert (inside.assets[0].data, inside.assets[0].auth) == (b"hi", False)


def test_a_title_is_words() -> None:
    body = {"data": [{"url": "https://a.b/c.png", "revised_prompt": ["x"]}]}
    assert read("openai", "image", "m", body).assets[0].title is None


@pytest.mark.parametrize(
    ("row", "kind", "model", "body"),
    [
        (
            "apiin.one",
            "image",
            "flux-2",
            {"task_id": "t", "status": "FAILED", "consumed_credits": -1},
        ),
        ("onysoft", "image", "google/imagen4", {"task_id": "t", "status": "failed", "cost": -0.5}),
    ],
)
def test_no_gateway_pays_us(row: str, kind: str, model: str, body: Any) -> None:
    assert read(row, kind, model, body, polled=True).cost is None
    free = {name: 0 if name in ("cost", "consumed_credits") else one for name, one in body.items()}
    assert read(row, kind, model, free, polled=True).cost in (Cost(usd=0.0), Cost(credits=0.0))


@pytest.mark.parametrize("said", [5, 5.0, "5", "5.00", " 5 "])
def test_a_cost_may_be_a_number_as_text(said: Any) -> None:
    task = {"task_id": "t", "status": "failed"}
    credits = read("apiin.one", "image", "flux-2", {**task, "consumed_credits": said}, polled=True)
    assert credits.cost == Cost(credits=5.0)
    for cost in (said, {"amount": said, "currency": "usd"}, {"amount": said, "currency": None}):
        dollars = read("onysoft", "image", "google/imagen4", {**task, "cost": cost}, polled=True)
        assert dollars.cost == Cost(usd=5.0)


@pytest.mark.parametrize("said", ["", "free", "nan", "-1", "inf", True, None, [], {}, 10**400])
def test_what_is_no_cost(said: Any) -> None:
    task = {"task_id": "t", "status": "failed"}
    for row, kind, model in (("apiin.one", "image", "flux-2"), ("onysoft", "video", "veo3")):
        told = {**task, "consumed_credits": said, "cost": said, "estimated_cost": {"amount": said}}
        call = Call(Capability(kind), model, {})
        poll = TRANSLATORS[row].find(call)[1].poll
        assert poll and poll.read(Answer(200, {}, b"", told), Seen("t")).cost is None


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def test_json_is_no_deeper_than_anybody_walks() -> None:
    assert from_json(nested(MAX_DEPTH)) == from_json(nested(MAX_DEPTH).encode())
    assert from_json("[" + "[]," * 999 + "[]]") == [[]] * 1000
    for raw in (
        nested(MAX_DEPTH + 1),
        nested(MAX_DEPTH + 1).encode(),
        '{"a":' * 900 + "1" + "}" * 900,
    ):
        with pytest.raises(orjson.JSONDecodeError, match="levels deep"):
            from_json(raw)


LONG = "A" * (2 << 20)  # read without orjson, which would need three times as much memory


@pytest.mark.parametrize(
    "rest",
    ["1", "1e3", "-0.5", "18446744073709551616", '"é\\n"', '"\\ud83d\\ude00"', "[null, true]"],
)
def test_a_long_string_reads_as_orjson_reads_it(rest: str) -> None:
    raw = f'{{"b64_json": "{LONG}", "rest": {rest}}}'
    known = orjson.loads(raw)
    for value in (from_json(raw), from_json(raw.encode())):
        assert value == known
        assert type(value["rest"]) is type(known["rest"])


@pytest.mark.parametrize(
    "rest", ["NaN", "-Infinity", "'1'", "01", '"\\ud83d"', '"\n"', "1} {", nested(3000), '"\udce9"']
)
def test_what_is_no_json_is_none_behind_a_long_string_either(rest: str) -> None:
    raw = f'{{"b64_json": "{LONG}", "rest": {rest}}}'.encode(errors="surrogateescape")
    with pytest.raises(orjson.JSONDecodeError):
        from_json(raw)


def test_an_errors_words_are_not_looked_for_in_the_deep() -> None:
    body: Any = "no"
    for _ in range(2000):
        body = {"error": body}
    assert message_in(body) is None
    assert message_in({"data": {"error": {"message": {"detail": "no"}}}}) == "no"


def test_a_form_cannot_bring_what_is_deeper() -> None:
    assert from_text(nested(900)) == nested(900)
    params = {"prompt": "x", "image": FormText(nested(900))}
    with pytest.raises(TranslationError):
        plan(TRANSLATORS["onysoft"], Call(Capability.IMAGE_EDIT, "new", params, frozenset(params)))
