"""The bodies that the gateways' pages show, on the wire: as their examples and beyond."""

from typing import Any

import pytest

from proxy.sandbox import Sandbox
from tests.harness import Proxy
from tests.translators.rowbench import recorded
from tests.wire import VIDEO, A, B, posted, sent

PATHS = {
    "chat": "/v1/chat/completions",
    "image": "/v1/images/generations",
    "image_edit": "/v1/images/edits",
    "video": "/v1/videos",
    "video_edit": "/v1/videos/edits",
    "speech": "/v1/jobs/speech",
    "sound": "/v1/jobs/sound",
    "music": "/v1/jobs/music",
}
ROWS = ("ai-gate.one", "aigate.shop", "apiin.one", "onysoft")
EXAMPLES = [
    (row, name)
    for row in ROWS
    for name, one in recorded(row).items()
    if "call" in one and one["call"]["capability"] in PATHS
]
IMAGE, CLIP, MUSIC = "/v1/images/generations", "/v1/videos", "/v1/jobs/music"


@pytest.mark.parametrize(("row", "name"), EXAMPLES)
def test_the_pages_examples(public: Proxy, gateways: Sandbox, row: str, name: str) -> None:
    example = recorded(row)[name]
    call, native = example["call"], example["request"]
    body = {"model": f"{row.replace('.', '-')}/{call['model']}", **call["params"]}
    if call.get("options"):
        body["provider_options"] = call["options"]
    if call["capability"] == "video":
        body.setdefault("size", "auto")  # where the example says nothing of it, nor is it sent
    with public.http() as http:
        posted(http, PATHS[call["capability"]], **body)
    (seen,) = [one for one in gateways[row].log if one.kind in ("submit", "chat")]
    assert seen.path.endswith(native["path"])
    expected = dict(native["body"])
    if "apiKey" in expected:
        expected["apiKey"] = gateways.keys[row]
    assert {k: v for k, v in seen.body.items() if k != "callback_url"} == expected


# What is said of a target → what its gateway is sent beside its own model and a prompt.
FURTHER: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (
        IMAGE,
        "apiin-one/ideogram-v4",
        {"size": "1024x1024", "negative_prompt": "red", "seed": 7},
        {"aspect_ratio": "1:1", "negative_prompt": "red", "seed": 7},
    ),
    (
        IMAGE,
        "apiin-one/flux-2",
        {"type": "flex", "resolution": "2K"},
        {"type": "flex", "resolution": "2K"},
    ),
    (IMAGE, "apiin-one/gpt-image-1.5", {"quality": "hd"}, {"quality": "high"}),
    (IMAGE, "apiin-one/imagen-4", {"size": "1792x1024"}, {"aspect_ratio": "16:9"}),
    (IMAGE, "apiin-one/flux-2", {"input_urls": [A, B]}, {"input_urls": [A, B]}),
    (
        CLIP,
        "apiin-one/kling-3",
        {"seconds": "2", "mode": "pro", "sound": False, "input_reference": A},
        {
            "image": A,
            "mode": "pro",
            "duration": 3,
            "aspect_ratio": "9:16",
            "resolution": "720p",
            "sound": False,
        },
    ),
    (
        CLIP,
        "apiin-one/hailuo-2.3",
        {"seconds": "8", "size": "1080x1920"},
        {"duration": "10", "aspect_ratio": "9:16", "resolution": "1080P"},
    ),
    (
        CLIP,
        "apiin-one/hailuo-2.3",
        {},
        {"duration": "6", "aspect_ratio": "9:16", "resolution": "768P"},
    ),
    (
        CLIP,
        "apiin-one/pixverse-5.6",
        {"generate_audio_switch": True, "size": "640x480", "seconds": "5"},
        {"duration": 5, "aspect_ratio": "1:1", "resolution": "480p", "generate_audio_switch": True},
    ),
    (CLIP, "apiin-one/wan-2.6", {"size": "auto"}, {"duration": 5}),
    (CLIP, "apiin-one/vidu-q3", {"size": "auto", "seconds": "16"}, {"duration": 16}),
    (
        CLIP,
        "aigate-shop/klingai/kling-v3.0-i2v",
        {"input_image_b64": "aGk=", "size": "3840x2160", "seconds": "2.5", "user": "u"},
        {
            "input_image_b64": "aGk=",
            "duration": 2.5,
            "resolution": "4K",
            "aspect_ratio": "16:9",
            "user": "u",
        },
    ),
    (
        CLIP,
        "aigate-shop/klingai/kling-v3.0-i2v",
        {"image_url": A, "size": "auto", "metadata": {"cfg_scale": 0.5}},
        {"image_url": A, "duration": 4, "metadata": {"cfg_scale": 0.5}},
    ),
    (
        CLIP,
        "aigate-shop/openai/sora-2",
        {"size": "auto", "duration": 5, "resolution": "1280x720", "quality": "high"},
        {"duration": 5, "resolution": "1280x720", "quality": "pro"},
    ),
    (
        "/v1/videos/edits",
        "apiin-one/video-bg-remover",
        {"video": VIDEO, "background_image": A},
        {"video": VIDEO, "background_image": A},
    ),
    ("/v1/videos/edits", "apiin-one/video-upscale", {"video": VIDEO}, {"video": VIDEO}),
    (MUSIC, "apiin-one/minimax-music", {}, {}),
]


@pytest.mark.parametrize(("path", "model", "said", "expected"), FURTHER)
def test_further_bodies(
    public: Proxy,
    gateways: Sandbox,
    path: str,
    model: str,
    said: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    double = gateways[model.partition("/")[0].replace("-one", ".one").replace("-shop", ".shop")]
    with public.http() as http:
        posted(http, path, model=model, prompt="A cat", **said)
    own = {} if "video-" in model else {"model": model.partition("/")[2], "prompt": "A cat"}
    assert sent(double) == {**own, **expected}


SOLD = {
    "Sora2": {"1080p": ("10", "15")},
    "Wan2_6": {"1080p": ("5", "10")},
    "Kling_2_5_Pro": {"1080p": ("5", "10")},
    "Kling2_6": {"1080p": ("5", "10")},
    "Veo3_1Fast": {"720p": ("8",)},
    "Veo3_1_Quality": {"1088p": ("8",)},
    "Hailuo2_3": {"768P": ("6", "10"), "1080P": ("6", "10")},
}


@pytest.mark.parametrize("model", SOLD)
def test_every_video_that_ai_gate_sells(public: Proxy, gateways: Sandbox, model: str) -> None:
    double = gateways["ai-gate.one"]
    for resolution, lengths in SOLD[model].items():
        size = {"720p": "1280x720", "768P": "1280x720"}.get(resolution, "1920x1080")
        for seconds in lengths:
            with public.http() as http:
                order = {"prompt": "A cat", "size": size, "seconds": seconds}
                posted(http, CLIP, model=f"ai-gate-one/{model}", **order)
            assert sent(double) == {
                "apiKey": gateways.keys["ai-gate.one"],
                "type": "Video",
                "modelName": model,
                "prompt": "A cat",
                "durationSec": seconds,
                "resolution": resolution,
                "aspectRatio": "16:9",
            }
