"""Whatever is asked, a native body stays within what its gateway documents, or it is a 400."""

import asyncio
import copy
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from tests.fuzz import openai_requests, wishes
from tests.fuzz.gateway import Gateway, sendable
from tests.fuzz.places import PLACES, Place, operations
from tests.fuzzing import examples
from translators import TRANSLATORS
from translators.core import Call
from translators.errors import TranslationError
from translators.fields import CALLBACK, KEY, MODEL, Const, sources_of
from translators.plan import Plan, plan

pytestmark = pytest.mark.fuzz

# What a double refuses and only the gateway can know, or its page leaves open: row, words, why.
LEFT_TO_THE_GATEWAY = (
    ("", "(unknown model|model) '[^']*'( not found)?", "models that are not known yet"),
    ("aigate.shop", "'resolution' must look like", 'the page: "for example", by model'),
    ("aigate.shop", "'n' must be between 1 and 10", "the page names no most"),
    ("apiin.one", "no music task", "whether a task is there"),
    ("apiin.one", "'type' must be one of", 'the page: "model-specific, e.g."'),
    ("apiin.one", "'mode' must be one of", 'the page: "model-specific, e.g."'),
    ("onysoft", "unknown field 'dialogue'", "no page: its maker's name"),
)
_slow = {"suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}


@pytest.fixture(scope="module")
def gateways() -> Iterator[Mapping[str, Gateway]]:
    loop = asyncio.new_event_loop()
    found = {row: Gateway(row, loop) for row in TRANSLATORS}
    yield found
    for one in found.values():
        one.close()
    loop.close()


def made(place: Place, call: Call) -> Plan | None:
    """The plan, or `None` for a 400; every other exception is a bug."""
    handled = wishes.HANDLED.get(place.capability, frozenset())
    try:
        return plan(TRANSLATORS[place.row], call, handled=handled, mode=place.mode)
    except TranslationError as exc:
        assert str(exc)
        return None


def held(place: Place, call: Call, planned: Plan, gateway: Gateway) -> None:
    """A plan against the double, and against the call that it was made of."""
    operation = planned.operation
    unnamed = call.given - sources_of(operation.table) - set(operation.accepts)
    unnamed -= wishes.HANDLED.get(place.capability, frozenset())
    assert set(planned.dropped) <= call.given
    assert unnamed - set(planned.dropped) <= set(planned.request.body or {})
    price, seconds = planned.price, planned.ordered.seconds
    assert price is None or (math.isfinite(price) and price >= 0)
    assert seconds is None or float(seconds) > 0
    if operation.open:
        # What passes through is the gateway's to judge: it only has to be what was given.
        gateway.encode(planned.request)
        return
    status, answer = gateway.judge(planned.request)
    if status >= 300:
        words = str(answer)
        known = (
            row in ("", place.row) and re.search(what, words)
            for row, what, _ in LEFT_TO_THE_GATEWAY
        )
        assert any(known), f"{words}: {planned.request.body}"


def call_of(data: st.DataObject, place: Place, gateway: Gateway, params: Mapping[str, Any]) -> Call:
    model = data.draw(st.sampled_from(place.models))
    hook = data.draw(st.sampled_from([None, wishes.CALLBACK]))
    return wishes.call(place, model, params, key=gateway.double.key, hook=hook)


DESCRIBED = [place for place in PLACES if place.capability in openai_requests.BODIES]


@pytest.mark.skipif(not openai_requests.description(), reason="OpenAI's description is not at hand")
@pytest.mark.parametrize("place", DESCRIBED, ids=str)
def test_what_openai_allows(place: Place, gateways: Mapping[str, Gateway]) -> None:
    gateway = gateways[place.row]

    @examples(8, **_slow)
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        params = data.draw(openai_requests.requests(place.capability))
        call = call_of(data, place, gateway, params)
        if planned := made(place, call):
            held(place, call, planned, gateway)

    holds()


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_native_and_odd_values(place: Place, gateways: Mapping[str, Gateway]) -> None:
    gateway = gateways[place.row]

    @examples(14, **_slow)
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        model = data.draw(st.sampled_from(place.models))
        params = data.draw(wishes.params(place, model))
        call = wishes.call(place, model, params, key=gateway.double.key)
        before = copy.deepcopy(call)
        planned = made(place, call)
        assert call == before, "a request is never changed in place"
        assert planned == made(place, call), "the same request makes the same plan"
        if planned:
            held(place, call, planned, gateway)

    holds()


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_nobody_sets_what_is_not_the_clients_to_set(place: Place) -> None:
    @examples(8, **_slow)
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        model = data.draw(st.sampled_from(place.models))
        params = data.draw(wishes.params(place, model)) | data.draw(wishes.forbidden(place, model))
        options = data.draw(wishes.forbidden(place, model))
        hook = data.draw(st.sampled_from([None, wishes.CALLBACK]))
        call = wishes.call(place, model, params, options=options, hook=hook)
        if planned := made(place, call):
            untouched(place, call, planned)

    holds()


def untouched(place: Place, call: Call, planned: Plan) -> None:
    operation, body = planned.operation, dict(planned.request.body or {})
    row = TRANSLATORS[place.row]
    found = row.find(call, place.mode)
    assert (planned.model, planned.request.path) == (found[0], found[1].path)
    assert planned.request.method == operation.method
    for name, field in operation.table.items():
        if isinstance(field, Const):
            assert body.pop(name) == field.value
        elif field is KEY:
            assert body.pop(name) == wishes.KEY
        elif field is MODEL:
            assert body.pop(name) == planned.model
        elif field is CALLBACK:
            assert body.pop(name, None) == call.callback
    assert "model" not in body
    shown = orjson.dumps(sendable(body), default=repr)
    assert wishes.KEY.encode() not in shown
    assert planned.price is None or planned.price >= 0
    assert planned.ordered.seconds is None or float(planned.ordered.seconds) > 0


def test_every_operation_is_asked() -> None:
    reached = {id(operation) for _, _, operation in operations()}
    for row in TRANSLATORS.values():
        for table in (row.operations, *row.modes.values()):
            for capability, named in table.items():
                missed = [globs for globs, one in named.items() if id(one) not in reached]
                assert not missed, (row.name, capability)
