"""Orders outside of what a gateway documents: a 400 that names the parameter, nothing sent for them.

Each was once sent, or broke the proxy, and was found by tests/fuzz.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from translators import TRANSLATORS
from translators.core import Call, Capability, FormText, Ordered, Source
from translators.errors import TranslationError
from translators.plan import Plan, plan

URL = "https://files.example/a.png"
FILE = Source(data=b"x", mime="image/png")


def planned(row: str, kind: str, model: str, params: Mapping[str, Any], **more: Any) -> Plan:
    call = Call(Capability(kind), model, params, given=frozenset(params), key="k", **more)
    return plan(TRANSLATORS[row], call)


@pytest.mark.parametrize(
    ("row", "kind", "model", "params", "param"),
    [
        # of another type, under a name that OpenAI has too
        ("ai-gate.one", "speech", "voice", {"input": 5}, "input"),
        ("ai-gate.one", "image", "NanoBanana", {"prompt": ["x"]}, "prompt"),
        ("onysoft", "image", "flux-2/pro", {"prompt": {"a": 1}}, "prompt"),
        ("onysoft", "image", "gemini-2.5-flash-image", {"messages": [None]}, "prompt"),
        # a file where only words can go
        ("ai-gate.one", "video", "Sora2", {"prompt": FILE}, "prompt"),
        ("ai-gate.one", "image", "NanoBanana", {"prompt": "x", "aspectRatio": FILE}, "aspectRatio"),
        ("aigate.shop", "video", "m", {"prompt": "x", "metadata": {"a": [FILE]}}, "metadata"),
        ("openai", "image_edit", "m", {"prompt": "x", "image": FILE, "user": {"a": FILE}}, "user"),
        ("openai", "transcription", "m", {"file": FILE, "include": [[FILE]]}, "include"),
        # what cannot be written as JSON
        ("aigate.shop", "video", "m", {"prompt": "x", "seed": FormText("1e23")}, "seed"),
        # values that no page has
        ("ai-gate.one", "video", "Sora2", {"prompt": "x", "aspectRatio": "wide"}, "aspectRatio"),
        ("ai-gate.one", "speech", "voice", {"input": "x", "voice": {"id": ""}}, "voice"),
        ("apiin.one", "image", "flux-2", {"prompt": "a fox", "aspect_ratio": ""}, "aspect_ratio"),
        ("apiin.one", "video", "wan-2.6", {"prompt": "x", "duration": {}}, "duration"),
        ("apiin.one", "video", "wan-2.6", {"prompt": "x", "duration": "long"}, "duration"),
        ("apiin.one", "video", "wan-2.6", {"prompt": "x", "duration": 0}, "duration"),
        ("apiin.one", "video", "wan-2.6", {"prompt": "x", "sound": True}, "sound"),
        (
            "apiin.one",
            "speech",
            "elevenlabs-v3",
            {"input": "x", "language_code": ""},
            "language_code",
        ),
        ("onysoft", "video", "veo3", {"prompt": "x", "generationType": "X"}, "generationType"),
        ("onysoft", "video", "kling-2.6", {"prompt": "x", "aspect_ratio": "2:1"}, "aspect_ratio"),
        ("onysoft", "music", "suno-extend-music", {"input": "x", "title": ""}, "title"),
        # nothing to make it of
        ("apiin.one", "music", "suno", {"title": "x"}, "prompt"),
        ("onysoft", "music", "suno-v4", {"style": "x"}, "input"),
        ("onysoft", "speech", "elevenlabs/v3-text-to-dialogue", {"style": 0.5}, "input"),
        # an edit without its picture would be sold as a new one
        ("onysoft", "image_edit", "gpt-image/1.5-image-to-image", {"prompt": "x"}, "image"),
        ("onysoft", "image_edit", "new", {"prompt": "x"}, "image"),
        ("onysoft", "image_edit", "gemini-2.5-flash-image", {"prompt": "x"}, "image"),
        (
            "onysoft",
            "image_edit",
            "ideogram/v3-text-to-image",
            {"prompt": "x", "image": URL},
            "model",
        ),
    ],
)
def test_refused(row: str, kind: str, model: str, params: Mapping[str, Any], param: str) -> None:
    with pytest.raises(TranslationError) as refused:
        planned(row, kind, model, params)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        ("kling-3", "sound", True),
        ("seedance-1", "generateAudio", True),
        ("pixverse-5.6", "generate_audio_switch", False),
        ("wan-2.6", "duration", "7"),
        ("wan-2.6", "duration", 7),
    ],
)
def test_each_model_has_its_own_fields(model: str, name: str, value: Any) -> None:
    made = planned("apiin.one", "video", model, {"prompt": "x", name: value})
    assert made.request.body == {"model": model, "prompt": "x", name: value}


def test_a_hint_goes_only_to_models_whose_line_of_the_matrix_names_it() -> None:
    params = {"prompt": "x", "output_format": "png"}
    made = planned("onysoft", "image", "google/nano-banana-2", params)
    assert (made.request.body, made.dropped) == (
        {"model": "google/nano-banana-2", "prompt": "x"},
        ("output_format",),
    )


@pytest.mark.parametrize("form", [f'["{URL}"]', f'{{"image_url": "{URL}"}}', URL])
def test_a_forms_picture_may_be_one_json_string(form: str) -> None:
    params = {"prompt": "x", "image_url": FormText(form)}
    made = planned("onysoft", "image_edit", "ideogram/v3-edit", params)
    assert made.request.body == {"model": "ideogram/v3-edit", "prompt": "x", "image_url": URL}


@pytest.mark.parametrize(
    ("kind", "model", "params", "options", "price"),
    [
        ("chat", "text", {"messages": [{"role": "user", "content": "x"}]}, {"text": 5}, 0.0),
        ("speech", "voice", {"input": "x"}, {"text": ["x"]}, 0.0),
        ("sound", "sound", {"input": "x"}, {"durationMs": "long"}, 0.0),
        ("sound", "sound", {"input": "x"}, {"durationMs": -5000}, 0.0),
        ("video", "Sora2", {"prompt": "x", "seconds": "4"}, {"resolution": {}}, None),
    ],
)
def test_prices_of_provider_options_of_any_type(
    kind: str, model: str, params: Any, options: Any, price: float | None
) -> None:
    """They go unchecked by contract: what they would cost is then nothing that we know."""
    assert planned("ai-gate.one", kind, model, params, options=options).price == price


@pytest.mark.parametrize("seconds", [{"a": 1}, "long", -5, "nan", 1e9, True])
def test_seconds_that_nobody_can_count_are_not_told(seconds: Any) -> None:
    made = planned("onysoft", "video", "kling-2.6", {"prompt": "x"}, options={"duration": seconds})
    assert made.request.body and made.request.body["duration"] == seconds
    assert made.ordered == Ordered()
