"""Onysoft's short names: the native model by endpoint, and by whether the request brings a picture."""

import json
from typing import Any

import openai
import pytest

from proxy.sandbox import Sandbox
from tests.harness import Proxy
from tests.wire import A, B, png, posted, refused, sent

IMAGES, EDITS, VIDEOS = "/v1/images/generations", "/v1/images/edits", "/v1/videos"
# Short name → without a picture, with one; `None`: there is no such model, and that is a 400.
Pairs = dict[str, tuple[str | None, str | None]]
PICTURED: Pairs = {
    "flux-2/pro": ("flux-2/pro-text-to-image", "flux-2/pro-image-to-image"),
    "flux-2/flex": ("flux-2/flex-text-to-image", "flux-2/flex-image-to-image"),
    "ideogram/v3": ("ideogram/v3-text-to-image", "ideogram/v3-edit"),
    "grok-imagine": ("grok-imagine/text-to-image", "grok-imagine/image-to-image"),
    "seedream/4.5": ("seedream/4.5-text-to-image", "seedream/4.5-edit"),
    "gpt-image/1.5": ("gpt-image/1.5-text-to-image", "gpt-image/1.5-image-to-image"),
    "gpt-image-2": ("gpt-image-2-text-to-image", "gpt-image-2-image-to-image"),
    "google/nano-banana": ("google/nano-banana", "google/nano-banana-edit"),
    "wan/2-7": ("wan/2-7-image-pro", None),
    "sora-2": (None, None),
}
FILMED: Pairs = {
    "sora-2": ("sora-2-text-to-video", "sora-2-image-to-video"),
    "sora-2-pro": ("sora-2-pro-text-to-video", "sora-2-pro-image-to-video"),
    "kling-2.6": ("kling-2.6/text-to-video", "kling-2.6/image-to-video"),
    "kling/v2-5-turbo": (
        "kling/v2-5-turbo-text-to-video-pro",
        "kling/v2-5-turbo-image-to-video-pro",
    ),
    "wan/2-6": ("wan/2-6-text-to-video", "wan/2-6-image-to-video"),
    "wan/2-6-flash": (None, "wan/2-6-flash-image-to-video"),
    "wan/2-7": ("wan/2-7-text-to-video", "wan/2-7-image-to-video"),
    "hailuo/2-3": (None, "hailuo/2-3-image-to-video-pro"),
    "grok-imagine": ("grok-imagine/text-to-video", "grok-imagine/image-to-video"),
    "flux-2/pro": (None, None),
}


def named(
    proxy: Proxy, gateways: Sandbox, path: str, native: str | None, body: dict[str, Any]
) -> None:
    """The request goes to that native model, or is refused without bothering the gateway."""
    with proxy.http() as http:
        if native is None:
            assert refused(http, path, **body) == ("unsupported_endpoint", "model")
            assert gateways["onysoft"].submits == []
        else:
            posted(http, path, **body)
            assert sent(gateways["onysoft"])["model"] == native


@pytest.mark.parametrize("short", PICTURED)
def test_of_words(shared: Proxy, gateways: Sandbox, short: str) -> None:
    body = {"model": f"onysoft/{short}", "prompt": "A cat"}
    named(shared, gateways, IMAGES, PICTURED[short][0], body)


@pytest.mark.parametrize("short", PICTURED)
def test_of_pictures(shared: Proxy, gateways: Sandbox, short: str) -> None:
    body = {"model": f"onysoft/{short}", "prompt": "Bluer", "image": A}
    named(shared, gateways, EDITS, PICTURED[short][1], body)


@pytest.mark.parametrize("said", [{"image_url": A}, {"image_urls": [A, B]}, {"input_urls": [A]}])
def test_a_picture_under_any_of_its_names_counts(
    shared: Proxy, gateways: Sandbox, said: dict[str, Any]
) -> None:
    """/v1/images/generations is where a plain SDK may say `extra_body={"image_url": …}`."""
    body = {"model": "onysoft/flux-2/pro", "prompt": "Bluer", **said}
    named(shared, gateways, IMAGES, "flux-2/pro-image-to-image", body)
    named(shared, gateways, "/v1/jobs/image", "flux-2/pro-image-to-image", body)


@pytest.mark.parametrize("short", FILMED)
@pytest.mark.parametrize("brought", [False, True])
def test_videos(shared: Proxy, gateways: Sandbox, short: str, brought: bool) -> None:
    body: dict[str, Any] = {"model": f"onysoft/{short}", "prompt": "A cat"}
    if brought:
        body["input_reference"] = {"image_url": A}
    native = FILMED[short][brought]
    named(shared, gateways, VIDEOS, native, body)
    named(shared, gateways, "/v1/jobs/video", native, body)


def test_an_upload_by_the_sdk_counts(shared: Proxy, gateways: Sandbox) -> None:
    with shared.sdk() as client:
        client.videos.create(model="onysoft/sora-2", prompt="A cat", input_reference=png())
        assert sent(gateways["onysoft"])["model"] == "sora-2-image-to-video"
        client.images.edit(model="onysoft/ideogram/v3", prompt="Bluer", image=png(), mask=png("m"))
    body = sent(gateways["onysoft"])
    assert body["model"] == "ideogram/v3-edit"
    assert body.keys() == {"model", "prompt", "image_url", "mask_url"}


@pytest.mark.parametrize(
    ("path", "model", "param"),
    [
        (VIDEOS, "kling-2.6/image-to-video", "input_reference"),
        (IMAGES, "flux-2/pro-image-to-image", "image"),
        (EDITS, "seedream/4.5-edit", "image"),
    ],
)
def test_a_model_that_works_on_a_picture_wants_one(
    shared: Proxy, gateways: Sandbox, path: str, model: str, param: str
) -> None:
    with shared.http() as http:
        found = refused(http, path, model=f"onysoft/{model}", prompt="A cat")
    assert found == ("missing_required_parameter", param)
    assert gateways["onysoft"].submits == []


def test_a_model_that_nobody_has_is_the_gateways_word(shared: Proxy) -> None:
    with shared.sdk() as client, pytest.raises(openai.APIStatusError) as raised:
        client.images.generate(model="onysoft/no-such/model", prompt="A cat")
    assert "no-such/model" in str(raised.value)
    assert json.loads(raised.value.response.text)["error"]["type"]
