"""Whatever a gateway answers, it is read as a task or said to be malformed: no other exception."""

import math
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.answers import BODIES, answers
from tests.fuzz.places import operations
from tests.fuzzing import examples
from translators import TRANSLATORS
from translators.core import Answer, Asset, Call, Capability, Seen, State, Task, Translator
from translators.errors import Fault, FaultKind, MalformedReply
from translators.looks import chunk_fits, completion_fits
from translators.mending import mend_chunk, mend_completion
from translators.textchat import chunks, completion, cut_at_stop, fits

pytestmark = pytest.mark.fuzz

ROWS = sorted(TRANSLATORS.values(), key=lambda row: row.name)
SUBMITS: dict[str, Callable[[Answer, Call], Task]] = {}
POLLS: dict[str, Callable[[Answer, Seen], Task]] = {}
for place, _, operation in operations():
    if operation.read is not None:
        SUBMITS.setdefault(f"{place.row}-{operation.read.__name__}", operation.read)
    if operation.poll is not None:
        POLLS.setdefault(f"{place.row}-{operation.poll.paths}", operation.poll.read)
TOP = {"model": "m", "created": 1, "id": "c"}


def faultless(fault: Fault) -> None:
    assert isinstance(fault.kind, FaultKind)
    assert isinstance(fault.message, str) and fault.message
    assert isinstance(fault.code, str | None)
    assert fault.retry_after is None or 0 <= fault.retry_after < math.inf


def sound(task: Task, *, submitted: bool) -> None:
    """What the proxy relies on of every task."""
    assert isinstance(task.state, State)
    assert isinstance(task.id, str | None)
    assert task.progress is None or (type(task.progress) is int and 0 <= task.progress <= 100)
    assert isinstance(task.text, str | None)
    orjson.dumps(dict(task.detail))
    for asset in task.assets:
        whole(asset)
    if task.cost is not None:
        for amount in (task.cost.usd, task.cost.credits):
            assert amount is None or 0 <= amount < math.inf
    if task.state is State.FAILED:
        assert task.fault is not None
        faultless(task.fault)
    elif task.state is State.SUCCEEDED:
        assert task.assets or task.text is not None
    elif submitted:
        assert task.id, "an unfinished task that nobody can ask after"


def whole(asset: Asset) -> None:
    assert (asset.url is None) != (asset.data is None)
    assert asset.url is None or asset.url.startswith(("http://", "https://", "/"))
    assert asset.data is None or isinstance(asset.data, bytes)
    assert isinstance(asset.title, str | None)
    assert isinstance(asset.mime, str | None)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@examples(60)
@given(answer=answers())
def test_refusals(row: Translator, answer: Answer) -> None:
    fault = row.refuse(answer)
    assert fault is not None or answer.ok, "an error that nobody sees"
    if fault is not None:
        faultless(fault)
        assert not (
            fault.certain and answer.status in (200, 202) and fault.kind is FaultKind.FAILED
        )


@pytest.mark.parametrize("read", SUBMITS.values(), ids=SUBMITS)
@examples(40)
@given(answer=answers(), model=st.sampled_from(["m", "sora-2-text-to-video"]))
def test_submits(read: Callable[[Answer, Call], Task], answer: Answer, model: str) -> None:
    try:
        sound(read(answer, Call(Capability.VIDEO, model, {})), submitted=True)
    except MalformedReply as exc:
        assert str(exc)


@pytest.mark.parametrize("read", POLLS.values(), ids=POLLS)
@examples(40)
@given(answer=answers())
def test_polls(read: Callable[[Answer, Seen], Task], answer: Answer) -> None:
    try:
        sound(read(answer, Seen("t")), submitted=False)
    except MalformedReply as exc:
        assert str(exc)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@examples(60)
@given(body=BODIES)
def test_questions(row: Translator, body: Any) -> None:
    for query in row.queries.values():
        try:
            orjson.dumps(query.read(body))
        except MalformedReply as exc:
            assert str(exc)


@examples(80)
@given(body=BODIES.filter(lambda one: isinstance(one, dict)))
def test_what_is_mended_is_as_openai_describes_it(body: dict[str, Any]) -> None:
    try:
        assert completion_fits(mend_completion(body, **TOP))  # type: ignore[arg-type]
    except MalformedReply as exc:
        assert str(exc)
    try:
        assert chunk_fits(mend_chunk(body, **TOP))  # type: ignore[arg-type]
    except MalformedReply as exc:
        assert str(exc)


FORMATS = st.sampled_from(
    [None, {"type": "text"}, {"type": "json_object"}, {"type": "json_schema", "json_schema": {}}]
)


@examples(100)
@given(
    text=st.text(), wanted=FORMATS, schema=BODIES, stop=st.sampled_from([None, "", "a", ["", "\n"]])
)
def test_answers_in_words(text: str, wanted: Any, schema: Any, stop: Any) -> None:
    if wanted and "json_schema" in wanted and isinstance(schema, dict):
        wanted = {**wanted, "json_schema": {"schema": schema}}
    cut = cut_at_stop(text, stop)[0]
    assert text.startswith(cut)
    made = list(chunks([cut], prompt_chars=3, include_usage=True, **TOP))  # type: ignore[arg-type]
    assert all(map(chunk_fits, made))
    assert completion_fits(completion([cut], prompt_chars=3, **TOP))  # type: ignore[arg-type]
    try:
        assert fits(text, wanted) in text
    except MalformedReply as exc:
        assert str(exc)
