"""Onysoft's matrix (gateways.md, 4) row by row, through the real endpoints against the strict double."""

import base64
from typing import Any

import pytest

from proxy.sandbox import Sandbox
from proxy.sandbox.assets import asset
from tests.harness import Proxy
from tests.wire import PNG, VIDEO, A, B, ended, png, posted, refused, sent

IMAGES, EDITS, VIDEOS = "/v1/images/generations", "/v1/images/edits", "/v1/videos"
WIDE = {"aspect_ratio": "16:9"}
TWO = {**WIDE, "resolution": "2K"}

# 1792x1024 is ordered of each: 16:9, and 2K where the model has tiers.
DRAWN: dict[str, dict[str, Any]] = {
    "seedream/4.5-text-to-image": TWO,
    "flux-2/pro-text-to-image": TWO,
    "flux-2/flex-text-to-image": TWO,
    "gpt-image/1.5-text-to-image": TWO,
    "gpt-image-2-text-to-image": TWO,
    "google/nano-banana": WIDE,
    "google/nano-banana-2": TWO,
    "google/nano-banana-pro": TWO,
    "ideogram/v3-text-to-image": WIDE,
    "google/imagen4": WIDE,
    "google/imagen4-fast": WIDE,
    "google/imagen4-ultra": WIDE,
    "grok-imagine/text-to-image": WIDE,
    "wan/2-7-image": TWO,
    "wan/2-7-image-pro": TWO,
}
EDITED: dict[str, dict[str, Any]] = {
    "seedream/4.5-edit": {**TWO, "image_urls": [A]},
    "flux-2/pro-image-to-image": {**TWO, "input_urls": [A]},
    "flux-2/flex-image-to-image": {**TWO, "input_urls": [A]},
    "gpt-image-2-image-to-image": {**TWO, "input_urls": [A]},
    "gpt-image/1.5-image-to-image": {**TWO, "image_url": A},
    "google/nano-banana-edit": {**WIDE, "image_urls": [A]},
    "google/nano-banana-2": {**TWO, "image_input": [A]},
    "google/nano-banana-pro": {**TWO, "image_input": [A]},
    "ideogram/v3-edit": {**WIDE, "image_url": A},
    "ideogram/v3-remix": {**WIDE, "image_url": A},
    "ideogram/character": {**WIDE, "reference_image_urls": [A]},
    "ideogram/character-edit": {**WIDE, "reference_image_urls": [A]},
    "grok-imagine/image-to-image": {**WIDE, "image_urls": [A]},
}
HD = {**WIDE, "resolution": "720p", "duration": 5}
SORA = {"aspect_ratio": "landscape", "n_frames": "10"}
# 1280x720 for 5 seconds; `None`: without a picture.
FILMED: list[tuple[str, Any, dict[str, Any]]] = [
    ("sora-2-text-to-video", None, SORA),
    ("sora-2-image-to-video", A, {**SORA, "image_urls": [A]}),
    ("sora-2-pro-text-to-video", None, {**SORA, "size": "standard"}),
    ("sora-2-pro-image-to-video", A, {**SORA, "size": "standard", "image_urls": [A]}),
    ("veo3", None, HD),
    ("veo3_fast", A, {**HD, "image_url": A}),
    ("veo3", [A, B], {**HD, "imageUrls": [A, B], "generationType": "REFERENCE_2_VIDEO"}),
    ("runway_gen4_turbo", None, HD),
    ("runway_gen4_turbo", A, {**HD, "imageUrl": A}),
    ("kling-2.5", A, {**HD, "image_url": A}),
    ("kling-2.6/text-to-video", None, HD),
    ("kling-2.6/image-to-video", A, {**HD, "image_url": A}),
    ("kling/v2-5-turbo-text-to-video-pro", None, HD),
    ("kling/v2-5-turbo-image-to-video-pro", A, {**HD, "image_url": A}),
    ("wan/2-6-text-to-video", None, HD),
    ("wan/2-6-image-to-video", A, {**HD, "image_url": A}),
    ("wan/2-6-flash-image-to-video", A, {**HD, "image_urls": [A], "audio": False}),
    ("wan/2-7-text-to-video", None, HD),
    ("wan/2-7-image-to-video", A, {**HD, "first_frame_url": A}),
    ("hailuo/2-3-image-to-video-pro", A, {**HD, "image_url": A, "duration": 6}),
    ("hailuo/2-3-image-to-video-standard", A, {**HD, "image_url": A, "duration": 6}),
    ("grok-imagine/text-to-video", None, HD),
    ("grok-imagine/image-to-video", A, {**HD, "image_urls": [A]}),
]
# What a client says natively beside OpenAI's own → what is sent more, or instead.
NATIVE: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (EDITS, "gpt-image-2-image-to-image", {"quality": "hd"}, {"quality": "high"}),
    (EDITS, "seedream/4.5-edit", {"background": "transparent"}, {"background": "transparent"}),
    (EDITS, "seedream/4.5-edit", {"quality": "auto"}, {"quality": "standard"}),
    (EDITS, "google/nano-banana-edit", {"image_size": "1:1"}, {"image_size": "1:1"}),
    (EDITS, "google/nano-banana-edit", {"output_format": "jpeg"}, {"output_format": "jpg"}),
    (EDITS, "ideogram/v3-edit", {"mask": B}, {"mask_url": B}),
    (EDITS, "ideogram/v3-remix", {"mask_url": B}, {"mask_url": B}),
    (EDITS, "grok-imagine/image-to-image", {"nsfw_checker": True}, {"nsfw_checker": True}),
    (EDITS, "wan/2-7-image-pro", {"resolution": "4K"}, {"resolution": "4K"}),
    (VIDEOS, "wan/2-7-image-to-video", {"last_frame_url": B}, {"last_frame_url": B}),
    (VIDEOS, "wan/2-6-flash-image-to-video", {"audio": True}, {"audio": True}),
    (VIDEOS, "grok-imagine/image-to-video", {"mode": "fun"}, {"mode": "fun"}),
    (VIDEOS, "hailuo/2-3-image-to-video-pro", {"seconds": "7"}, {"duration": 10}),
    (VIDEOS, "veo3", {"negative_prompt": "rain"}, {"negative_prompt": "rain"}),
    (VIDEOS, "sora-2-pro-image-to-video", {"size": "high"}, {"size": "high"}),
    (VIDEOS, "sora-2-image-to-video", {"remove_watermark": True}, {"remove_watermark": True}),
    (VIDEOS, "sora-2-image-to-video", {"character_id_list": ["c"]}, {"character_id_list": ["c"]}),
    (VIDEOS, "sora-2-image-to-video", {"seconds": "12"}, {"n_frames": "15"}),
    (VIDEOS, "kling-2.6/image-to-video", {"size": "1080x1920"}, {"resolution": "1080p"}),
]


@pytest.mark.parametrize("model", DRAWN)
def test_images_of_words(shared: Proxy, gateways: Sandbox, model: str) -> None:
    with shared.http() as http:
        answer = posted(http, IMAGES, model=f"onysoft/{model}", prompt="A cat", size="1792x1024")
    assert answer.json()["data"][0]["b64_json"]
    assert gateways["onysoft"].submits[0].path == "/v1/image/generate"
    assert sent(gateways["onysoft"]) == {"model": model, "prompt": "A cat", **DRAWN[model]}


@pytest.mark.parametrize("model", EDITED)
def test_images_of_images(shared: Proxy, gateways: Sandbox, model: str) -> None:
    with shared.http() as http:
        body = {"prompt": "Bluer", "size": "1792x1024", "image": A}
        answer = posted(http, EDITS, model=f"onysoft/{model}", **body)
    assert answer.json()["data"][0]["b64_json"]
    assert sent(gateways["onysoft"]) == {"model": model, "prompt": "Bluer", **EDITED[model]}


@pytest.mark.parametrize(("model", "pictures", "expected"), FILMED)
def test_videos(
    shared: Proxy, gateways: Sandbox, model: str, pictures: Any, expected: dict[str, Any]
) -> None:
    body: dict[str, Any] = {"prompt": "A cat", "size": "1280x720", "seconds": "5"}
    if pictures is not None:
        body["input_reference"] = {"image_url": A} if pictures == A else pictures
    with shared.http() as http:
        posted(http, VIDEOS, model=f"onysoft/{model}", **body)
    assert gateways["onysoft"].submits[0].path == "/v1/video/generate"
    assert sent(gateways["onysoft"]) == {"model": model, "prompt": "A cat", **expected}


@pytest.mark.parametrize(("path", "model", "said", "expected"), NATIVE)
def test_native_fields(
    shared: Proxy,
    gateways: Sandbox,
    path: str,
    model: str,
    said: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    picture = {"input_reference": A} if path == VIDEOS else {"image": A}
    if model.startswith("wan/2-7-image-p"):
        path, picture = IMAGES, {}
    with shared.http() as http:
        posted(http, path, **{"model": f"onysoft/{model}", "prompt": "A cat", **picture, **said})
    assert expected.items() <= sent(gateways["onysoft"]).items()


def test_one_reference_may_be_called_one(shared: Proxy, gateways: Sandbox) -> None:
    mode = {"generationType": "REFERENCE_2_VIDEO"}
    with shared.http() as http:
        posted(http, VIDEOS, model="onysoft/veo3", prompt="A cat", input_reference=A, **mode)
    assert sent(gateways["onysoft"])["imageUrls"] == [A]


def test_runway_aleph_makes_a_video_of_a_video(shared: Proxy, gateways: Sandbox) -> None:
    with shared.http() as http:
        body = {"model": "onysoft/runway_aleph", "prompt": "Snow", "video": VIDEO}
        posted(http, "/v1/videos/edits", **body)
        body = {**body, "size": "1280x720", "imageUrl": A}
        assert sent(gateways["onysoft"]) == {
            "model": "runway_aleph",
            "prompt": "Snow",
            "videoUrl": VIDEO,
        }
        posted(http, "/v1/videos/edits", **body)
    assert sent(gateways["onysoft"]).items() >= {"imageUrl": A, **WIDE}.items()


@pytest.mark.parametrize("scale", [2, 4])
def test_topaz_upscales(shared: Proxy, gateways: Sandbox, scale: int) -> None:
    with shared.sdk() as client:
        raw = client.images.with_raw_response.edit(
            model="onysoft/topaz/image-upscale",
            image=png(),
            prompt="(the SDK wants one)",
            extra_body={"scale": scale},
        )
    assert raw.headers["x-anygate-dropped"] == "prompt"
    assert sent(gateways["onysoft"]) == {
        "model": "topaz/image-upscale",
        "image_url": "data:image/png;base64," + base64.b64encode(PNG).decode(),
        "scale": scale,
    }


def test_topaz_has_no_other_scale(shared: Proxy, gateways: Sandbox) -> None:
    body = {"model": "onysoft/topaz/image-upscale", "image": A}
    with shared.http() as http:
        assert refused(http, EDITS, **body, scale=3) == ("unsupported_value", "scale")
        assert refused(http, IMAGES, **body, prompt="x") == ("unsupported_endpoint", "model")
    assert gateways["onysoft"].submits == []


def test_audio_isolation_is_a_job(shared: Proxy, gateways: Sandbox) -> None:
    model, sound = "elevenlabs/audio-isolation", "https://example.com/talk.mp3"
    with shared.http() as http:
        made = posted(http, "/v1/jobs/sound", model=f"onysoft/{model}", audio_url=sound).json()
        done = ended(http, made["id"])
        assert (done["kind"], done["status"], done["anygate"]["cost"]) == (
            "sound",
            "completed",
            0.001,
        )
        assert http.get(f"/v1/jobs/{made['id']}/content").content == asset("mp3")
    assert gateways["onysoft"].submits[0].path == "/v1/audio/generate"
    assert sent(gateways["onysoft"]) == {"model": model, "audio_url": sound}


def test_speech_to_text(public: Proxy, gateways: Sandbox) -> None:
    model, sound = "elevenlabs/speech-to-text", ("talk.mp3", asset("mp3"), "audio/mpeg")
    with public.sdk() as client:
        heard = client.audio.transcriptions.create(model=f"onysoft/{model}", file=sound)
    assert heard.text == "Hello from the Anygate sandbox."
    assert sent(gateways["onysoft"]).keys() == {"model", "audio_url"}
    assert gateways["onysoft"].fetched[-1].data == asset("mp3")


@pytest.mark.parametrize("shape", ["images", "content", "parts"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_keeps_the_picture(
    shared: Proxy,
    gateways: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    shape: str,
    stream: bool,
) -> None:
    monkeypatch.setattr(gateways["onysoft"], "image_shape", shape)
    body = {"model": "onysoft/gemini-2.5-flash-image", "stream": stream}
    with shared.http() as http:
        said = posted(
            http, "/v1/chat/completions", **body, messages=[{"role": "user", "content": "A cat"}]
        )
    assert said.text.count("data:image/png;base64," + base64.b64encode(PNG).decode()) == 1


@pytest.mark.parametrize("shape", ["images", "content", "parts"])
def test_gemini_draws_by_chat(
    shared: Proxy, gateways: Sandbox, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    double, model = gateways["onysoft"], "gemini-2.5-flash-image"
    monkeypatch.setattr(double, "image_shape", shape)
    with shared.sdk() as client:
        drawn = client.images.generate(model=f"onysoft/{model}", prompt="A cat")
        assert double.seen("chat")[-1].body == {
            "model": model,
            "messages": [{"role": "user", "content": "A cat"}],
            "stream": False,
        }
        edited = client.images.edit(model=f"onysoft/{model}", prompt="Bluer", image=[png(), png()])
    assert drawn.data
    assert edited.data
    part = {"url": "data:image/png;base64," + base64.b64encode(PNG).decode()}
    assert double.seen("chat")[-1].body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Bluer"},
                *[{"type": "image_url", "image_url": part}] * 2,
            ],
        }
    ]
