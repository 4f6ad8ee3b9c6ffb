"""From a call to the native request: what travels on, what is dropped, what is refused."""

from dataclasses import replace
from typing import Any

import pytest

from translators.core import (
    Call,
    Capability,
    FormText,
    Operation,
    Ordered,
    Params,
    Request,
    Translator,
)
from translators.errors import (
    InvalidType,
    MissingParameter,
    UnsupportedEndpoint,
    UnsupportedParameter,
)
from translators.fields import DROP, KEY, MODEL, OPTIONS, const, extra, take
from translators.options import options_in
from translators.plan import HINTS, Plan, plan
from translators.specs import integer


def _ordered(body: Params) -> Ordered:
    return Ordered(seconds=body.get("duration"))


def _price(body: Params, call: Call) -> float:
    return 0.5 if call.model == "pro" else 0.1


VIDEO = Operation(
    "/video",
    {
        "key": KEY,
        "type": const("Video"),
        "model": MODEL,
        "prompt": take("prompt"),
        "duration": take("seconds"),
        "mode": take("quality", lambda value, call: DROP),
        "seed": extra(integer()),
    },
    needs=("prompt",),
    accepts=("stream",),
    ignores=("voice",),
    ordered=_ordered,
    price=_price,
)
CHAT = Operation("/chat", {"model": MODEL, "stream": take("stream", default=False)}, open=True)


def _family(model: str, capability: Capability, params: Params) -> str:
    return f"{model}-edit" if model == "short" and "image" in params else model


ROW = Translator(
    name="row",
    page="",
    base_url="https://a.example",
    operations={
        Capability.VIDEO: {"tool": replace(VIDEO, path="/tool"), "*": VIDEO},
        Capability.CHAT: {"gem*|chat": CHAT},
    },
    refuse=lambda answer: None,
    family=_family,
    modes={"async": {Capability.VIDEO: {"*": replace(VIDEO, path="/async")}}},
)


def planned(kind: str = "video", model: str = "m", options: Any = None, **params: Any) -> Plan:
    call = Call(Capability(kind), model, params, frozenset(params), options or {}, "secret")
    return plan(ROW, call)


def test_a_plan() -> None:
    assert planned(prompt="p", seconds="8", seed=7) == Plan(
        model="m",
        operation=VIDEO,
        request=Request(
            "POST",
            "/video",
            {
                "key": "secret",
                "type": "Video",
                "model": "m",
                "prompt": "p",
                "duration": "8",
                "seed": 7,
            },
        ),
        ordered=Ordered(seconds="8"),
        price=0.1,
    )
    assert planned(model="pro", prompt="p").price == 0.5


@pytest.mark.parametrize("empty", [{}, {"prompt": None}, {"prompt": ""}, {"prompt": []}])
def test_what_is_needed(empty: dict[str, Any]) -> None:
    with pytest.raises(MissingParameter) as missing:
        planned(**empty)
    assert missing.value.param == "prompt"


def test_hints_and_what_a_converter_drops_are_named_once() -> None:
    made = planned(prompt="p", quality="high", user="u", metadata={}, temperature=1)
    assert made.dropped == ("quality", "user", "metadata", "temperature")
    assert "mode" not in (made.request.body or {})


def test_defaults_that_cannot_be_taken_are_not_named() -> None:
    params = {"prompt": "p", "quality": "high", "user": "u", "size": "1280x720", "odd": 1}
    call = Call(Capability.VIDEO, "m", params, given=frozenset({"prompt"}))
    assert plan(ROW, call).dropped == ()


def test_what_would_change_the_result_is_refused() -> None:
    for name in ("size", "odd", "tools", "mask"):
        with pytest.raises(UnsupportedParameter) as refused:
            planned(prompt="p", **{name: ["x"]})
        assert refused.value.param == name


@pytest.mark.parametrize(
    ("name", "harmless", "telling"),
    [
        ("background", "auto", "transparent"),
        ("n", 1, 2),
        ("speed", 1, 1.5),
        ("logprobs", False, True),
        ("top_logprobs", 0, 3),
        ("tools", [], [{}]),
        ("tool_choice", "auto", "required"),
        ("modalities", ["text"], ["audio"]),
        ("logit_bias", {}, {"7": 1}),
    ],
)
def test_hints_that_are_so_only_by_their_value(name: str, harmless: Any, telling: Any) -> None:
    assert name in HINTS
    assert planned(prompt="p", **{name: harmless}).dropped == (name,)
    with pytest.raises(UnsupportedParameter):
        planned(prompt="p", **{name: telling})


def test_accepted_ignored_and_handled_parameters() -> None:
    assert planned(prompt="p", stream=True).dropped == ()
    assert planned(prompt="p", voice="alloy").dropped == ("voice",)
    call = Call(Capability.VIDEO, "m", {"prompt": "p", "size": "auto"}, frozenset({"size"}))
    assert plan(ROW, call, handled=frozenset({"size"})).dropped == ()


def test_what_passes_through_is_served_by_the_gateway() -> None:
    call = Call(Capability.CHAT, "chat", {"odd": 1}, frozenset({"odd"}))
    made = plan(ROW, call, handled=frozenset({"odd"}))
    assert made.request.body == {"model": "chat", "stream": False, "odd": 1}


def test_an_open_table_passes_on_what_it_does_not_know() -> None:
    made = planned("chat", "gemini", messages=[1], odd=None, tools=[2], top_p=0.5)
    assert made.request.body == {
        "model": "gemini",
        "stream": False,
        "messages": [1],
        "tools": [2],
        "top_p": 0.5,
    }
    assert made.dropped == ()
    assert planned("chat", "chat", stream=True).request.body == {"model": "chat", "stream": True}


def test_the_model_is_the_targets() -> None:
    assert planned("chat", "gemini", model_name="x").request.body == {
        "model": "gemini",
        "stream": False,
        "model_name": "x",
    }
    call = Call(Capability.CHAT, "gemini", {"model": "theirs"}, frozenset({"model"}))
    assert (plan(ROW, call).request.body or {})["model"] == "gemini"


def test_options_are_merged_last_but_touch_nothing_protected() -> None:
    made = planned(prompt="p", options={"seed": 9, "odd": {"deep": 1}})
    assert (made.request.body or {})["seed"] == 9
    assert (made.request.body or {})["odd"] == {"deep": 1}
    for name in ("key", "type", "model"):
        with pytest.raises(UnsupportedParameter) as refused:
            planned(prompt="p", options={name: "mine"})
        assert refused.value.param == f"provider_options.{name}"
        if name != "model":
            with pytest.raises(UnsupportedParameter):
                planned(prompt="p", **{name: "mine"})


def test_options_that_are_a_native_field_stay_together() -> None:
    own = replace(VIDEO, table={**VIDEO.table, "options": OPTIONS})
    row = replace(ROW, operations={Capability.VIDEO: {"*": own}})
    call = Call(Capability.VIDEO, "m", {"prompt": "p"}, options={"key": 1})
    assert (plan(row, call).request.body or {})["options"] == {"key": 1}


def test_options_in_a_form() -> None:
    assert options_in(FormText('{"a": 1}')) == {"a": 1}
    assert options_in({"a": FormText("0.5"), "b": FormText("x"), "c": [1]}) == {
        "a": 0.5,
        "b": "x",
        "c": [1],
    }
    for value in ("x", [], FormText("x"), None):
        with pytest.raises(InvalidType, match="provider_options"):
            options_in(value)


def test_finding_the_operation() -> None:
    assert planned(model="tool", prompt="p").request.path == "/tool"
    assert planned("chat", "gemini-3").request.path == "/chat"
    for kind, model in (("chat", "m"), ("video", "gemini"), ("speech", "m")):
        with pytest.raises(UnsupportedEndpoint) as refused:
            planned(kind, model, prompt="p")
        assert refused.value.param == "model"


def test_families_and_modes() -> None:
    row = replace(ROW, operations={Capability.VIDEO: {"short-edit": replace(VIDEO, open=True)}})
    call = Call(Capability.VIDEO, "short", {"prompt": "p", "image": "x"})
    made = plan(row, call)
    assert (made.model, (made.request.body or {})["model"]) == ("short-edit", "short-edit")
    call = Call(Capability.VIDEO, "m", {"prompt": "p"})
    assert plan(ROW, call, mode="async").request.path == "/async"
    assert plan(ROW, call, mode="other").request.path == "/video"
