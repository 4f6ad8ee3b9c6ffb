"""/v1/images/edits and /v1/images/variations on every row, with the SDK and with plain JSON."""

import base64
import json
from typing import Any

import openai
import pytest

from proxy.sandbox import Sandbox
from tests.harness import Proxy
from tests.openapi import check, check_event
from tests.wire import FACE, PNG, A, B, png, posted, refused, sent

EDITS = "/v1/images/edits"
GATE, IN, ONY, OPEN = "ai-gate-one", "apiin-one", "onysoft", "openai"
# Model → the field of the native body that the pictures are in; a list if that takes several.
TARGETS: dict[str, tuple[str, bool]] = {
    f"{GATE}/NanoBananaEdit": ("imageUrls", True),
    f"{GATE}/NanoBanana": ("imageUrls", True),
    f"{IN}/flux-2": ("input_urls", True),
    f"{IN}/gpt-image-1.5": ("input_urls", True),
    f"{IN}/ideogram-v3": ("input_urls", True),
    f"{ONY}/ideogram/v3": ("image_url", False),
    f"{ONY}/grok-imagine": ("image_urls", True),
    f"{ONY}/flux-2/pro": ("input_urls", True),
    f"{ONY}/seedream/4.5": ("image_urls", True),
    f"{ONY}/google/nano-banana-2": ("image_input", True),
    f"{OPEN}/gpt-image-1": ("image", True),
}
SEVERAL = [model for model, (_, many) in TARGETS.items() if many]
HOSTED = (GATE, IN)  # whose gateways fetch a URL of ours; the others get the picture itself
DOUBLES = {GATE: "ai-gate.one", IN: "apiin.one", ONY: "onysoft", OPEN: "openai"}


def provider(model: str) -> str:
    return model.partition("/")[0]


def body_at(gateways: Sandbox, model: str) -> Any:
    return sent(gateways[DOUBLES[provider(model)]])


def pictures_at(gateways: Sandbox, model: str) -> list[bytes]:
    """The pictures that the gateway behind the model has got, however they came."""
    double, (field, _) = gateways[DOUBLES[provider(model)]], TARGETS[model]
    if provider(model) == OPEN:
        return [one.data for one in double.fetched if one.url.startswith("upload:")]
    value = sent(double)[field]
    values = value if isinstance(value, list) else [value]
    if provider(model) in HOSTED:
        fetched = {one.url: one.data for one in double.fetched}
        return [fetched[one] for one in values]
    assert all(one.startswith("data:image/png;base64,") for one in values)
    return [base64.b64decode(one.partition(",")[2]) for one in values]


@pytest.mark.parametrize("model", TARGETS)
def test_one_picture(public: Proxy, gateways: Sandbox, model: str) -> None:
    with public.sdk() as client:
        made = client.images.edit(model=model, image=png(), prompt="Make it blue")
    assert made.data
    assert base64.b64decode(made.data[0].b64_json or "").startswith(b"\x89PNG")
    assert pictures_at(gateways, model) == [PNG]
    assert body_at(gateways, model)["prompt"] == "Make it blue"


@pytest.mark.parametrize("model", SEVERAL)
def test_several_pictures(public: Proxy, gateways: Sandbox, model: str) -> None:
    with public.sdk() as client:
        images = [png(), png("b.png", FACE)]
        assert client.images.edit(model=model, image=images, prompt="Both").data
    assert pictures_at(gateways, model) == [PNG, FACE]


@pytest.mark.parametrize("model", [model for model in TARGETS if provider(model) != OPEN])
def test_urls_travel_as_they_are(public: Proxy, gateways: Sandbox, model: str) -> None:
    """As JSON, in OpenAI's own shape of it, and beside what the SDK insists on."""
    field, many = TARGETS[model]
    with public.http() as http, public.sdk() as client:
        for said in (
            {"image": A},
            {"image": [A]},
            {"images": [{"image_url": A}]},
            {field: [A] if many else A},
        ):
            answer = posted(http, EDITS, model=model, prompt="Make it blue", **said)
            check("POST", EDITS, 200, answer.json())
            assert body_at(gateways, model)[field] == ([A] if many else A), said
        client.images.edit(
            model=model, image=openai.omit, prompt="Make it blue", extra_body={"image": [A]}
        )
        assert body_at(gateways, model)[field] == ([A] if many else A)


@pytest.mark.parametrize("model", [f"{GATE}/NanoBananaEdit", f"{IN}/flux-2", f"{ONY}/flux-2/pro"])
def test_urls_and_uploads_together(public: Proxy, gateways: Sandbox, model: str) -> None:
    inline = "data:image/png;base64," + base64.b64encode(PNG).decode()
    with public.http() as http:
        posted(http, EDITS, model=model, prompt="Both", images=[{"image_url": A}, inline, B])
    value = body_at(gateways, model)[TARGETS[model][0]]
    assert (value[0], value[2]) == (A, B)
    assert value[1] == inline or gateways[DOUBLES[provider(model)]].fetched[-2].data == PNG


def test_the_openai_row_gets_what_a_url_leads_to(public: Proxy, gateways: Sandbox) -> None:
    """A form takes bytes: the picture is fetched, from public places or origins of the config only."""
    model = f"{OPEN}/gpt-image-1"
    with public.sdk() as client, public.http() as http:
        made = client.images.generate(model=f"{IN}/flux-2", prompt="A cat", response_format="url")
        assert made.data
        link = made.data[0].url
        body = {"model": model, "prompt": "Bluer"}
        posted(http, EDITS, **body, images=[{"image_url": link}], mask={"image_url": link})
        seen = body_at(gateways, model)
        assert seen["image"]["content_type"] == "image/png"
        assert seen["image"]["size"] == seen["mask"]["size"] > 100
        private = refused(http, EDITS, **body, image="http://127.0.0.1:9/secret.png")
        assert private == ("unsupported_value", "image")
    assert len(gateways["openai"].submits) == 1


def test_masks(public: Proxy, gateways: Sandbox) -> None:
    with public.sdk() as client:
        images: dict[str, Any] = {"image": png(), "mask": png("m.png", FACE), "prompt": "Bluer"}
        client.images.edit(model=f"{ONY}/ideogram/v3", **images)
        mask = body_at(gateways, ONY)["mask_url"]
        assert base64.b64decode(mask.partition(",")[2]) == FACE
        client.images.edit(model=f"{OPEN}/gpt-image-1", **images)
        assert body_at(gateways, OPEN)["mask"]["size"] == len(FACE)
        for model in (f"{GATE}/NanoBananaEdit", f"{IN}/flux-2", f"{ONY}/grok-imagine"):
            with pytest.raises(openai.BadRequestError) as raised:
                client.images.edit(model=model, **images)
            assert (raised.value.code, raised.value.param) == ("unsupported_parameter", "mask")


@pytest.mark.parametrize("model", [*TARGETS, f"{ONY}/gemini-2.5-flash-image"])
def test_a_stream_is_an_event_a_picture(public: Proxy, gateways: Sandbox, model: str) -> None:
    with public.sdk() as client:
        events = list(client.images.edit(model=model, image=png(), prompt="Bluer", stream=True))
    assert [event.type for event in events] == ["image_edit.completed"]
    check_event("ImageEditCompletedEvent", json.loads(events[0].to_json()))


def test_what_the_sdk_says_beside_becomes_the_gateways_terms(
    public: Proxy, gateways: Sandbox
) -> None:
    with public.sdk() as client:
        raw = client.images.with_raw_response.edit(
            model=f"{IN}/gpt-image-1.5",
            image=png(),
            prompt="Bluer",
            n=2,
            size="1024x1536",
            quality="low",
            input_fidelity="high",
            user="somebody",
            extra_body={"seed": 7, "negative_prompt": "red"},
        )
    assert len(raw.parse().data or ()) == 2
    assert raw.headers["x-anygate-dropped"] == "input_fidelity,user"
    seen = body_at(gateways, IN)
    assert seen.pop("input_urls")
    assert seen == {
        "model": "gpt-image-1.5",
        "prompt": "Bluer",
        "aspect_ratio": "2:3",
        "quality": "medium",
        "negative_prompt": "red",
        "seed": 7,
    }


def test_a_missing_picture_is_named(public: Proxy, gateways: Sandbox) -> None:
    with public.http() as http:
        for model in TARGETS:
            found = refused(http, EDITS, model=model, prompt="Bluer")
            assert found == ("missing_required_parameter", "image"), model


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_variations_where_a_row_has_them(public: Proxy, gateways: Sandbox) -> None:
    with public.sdk() as client:
        made = client.images.create_variation(model=f"{OPEN}/dall-e-2", image=png(), n=2)
        assert len(made.data or ()) == 2
        double = gateways["openai"]
        assert double.submits[0].path == "/v1/images/variations"
        for model in (f"{GATE}/NanoBananaEdit", f"{IN}/flux-2", f"{ONY}/flux-2/pro"):
            with pytest.raises(openai.BadRequestError) as raised:
                client.images.create_variation(model=model, image=png())
            assert raised.value.code == "unsupported_endpoint"
