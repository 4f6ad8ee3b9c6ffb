"""onysoft's double against its page."""

import base64
import json

import pytest

from proxy.sandbox.onysoft_catalog import CATALOG
from proxy.sandbox.onysoft_models import VOICES, lookup

NAME = "onysoft"
DATA = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
URL = "https://example.com/input.jpg"
VEO = {
    "model": "veo3_fast",
    "prompt": "A golden retriever running through a field of sunflowers at sunset",
    "aspect_ratio": "16:9",
    "duration": 5,
}
IMAGEN = {"model": "google/imagen4", "prompt": "A beautiful sunset", "aspect_ratio": "16:9"}
SEEDREAM = {
    "model": "seedream/4.5-edit",
    "prompt": "Change background to a futuristic city",
    "image_url": URL,
    "aspect_ratio": "1:1",
}
SUNO = {"model": "suno-v4", "prompt": "Upbeat electronic dance music"}
TTS = {
    "model": "elevenlabs/text-to-speech-multilingual-v2",
    "prompt": "Merhaba, ben Rachel.",
    "voice": "Rachel",
    "stability": 0.6,
    "similarity_boost": 0.8,
    "style": 0.1,
}
EFFECT = {
    "model": "elevenlabs/sound-effect-v2",
    "prompt": "thunder rolling in distant mountains, heavy rain",
    "duration_seconds": 8.0,
    "prompt_influence": 0.5,
}
SORA = {
    "model": "sora-2-pro-text-to-video",
    "prompt": "A drone shot of a serene mountain lake at sunrise",
    "aspect_ratio": "landscape",
    "n_frames": "10",
    "size": "high",
}
ALIASES = ["video", "image", "audio", "voice", "music"]


@pytest.mark.parametrize(
    ("alias", "body", "name"),
    [
        ("video", VEO, "video_url"),
        (
            "video",
            {"model": "veo3_fast", "prompt": "A cat playing piano", "duration": 5},
            "video_url",
        ),
        ("video", IMAGEN, "image_url"),
        ("video", SEEDREAM, "image_url"),
        ("video", SUNO, "audio_url"),
        ("voice", TTS, "audio_url"),
        ("audio", EFFECT, "audio_url"),
        ("video", SORA, "video_url"),
    ],
)
async def test_the_pages_examples(double, alias, body, name):
    api = await double(NAME)
    made = await api.post(f"/{alias}/generate", body)
    assert made.status_code == 202, made.text
    data = made.json()["data"]
    assert made.json()["success"] is True
    assert list(data) == ["task_id", "status", "model", "estimated_cost"]
    assert data["task_id"].startswith("vid_")
    assert (data["status"], data["model"]) == ("pending", body["model"])
    assert data["estimated_cost"]["currency"] == "USD"
    got = (await api.get(f"/{alias}/status/{data['task_id']}")).json()["data"]
    assert got["status"] == "completed"
    assert (await api.get(got[name])).status_code == 200


async def test_a_completed_video_is_the_pages(double):
    api = await double(NAME)
    made = (await api.post("/video/generate", VEO)).json()["data"]
    assert made["estimated_cost"] == {"amount": 0.6, "currency": "USD"}
    got = (await api.get(f"/video/status/{made['task_id']}")).json()["data"]
    assert sorted(got) == sorted(
        ["task_id", "status", "video_url", "thumbnail_url", "duration", "model"]
    )
    assert (got["duration"], got["model"]) == (5, "veo3_fast")
    thumbnail = await api.get(got["thumbnail_url"])
    assert thumbnail.content.startswith(b"\x89PNG")


@pytest.mark.parametrize("alias", ALIASES)
async def test_the_aliases_are_equal(double, alias):
    api = await double(NAME, ready_after_polls=2)
    task = (await api.post(f"/{alias}/generate", VEO)).json()["data"]["task_id"]
    got = [(await api.get(f"/{other}/status/{task}")).json()["data"] for other in ALIASES[:3]]
    assert [data["status"] for data in got] == ["pending", "processing", "completed"]


PRO_I2V = {**SORA, "model": "sora-2-pro-image-to-video"}
GOOD = [
    {
        "model": "kling-2.6/image-to-video",
        "image_url": DATA,
        "duration": 10,
        "aspect_ratio": "9:16",
    },
    {"model": "kling/v2-5-turbo-image-to-video-pro", "image_urls": [URL]},
    {"model": "kling-2.5", "image_url": URL},
    {"model": "hailuo/2-3-image-to-video-pro", "image_url": URL, "duration": 6},
    {"model": "sora-2-image-to-video", "image_urls": [DATA], "n_frames": "15"},
    PRO_I2V | {"image_urls": [URL], "remove_watermark": True, "character_id_list": ["c1"]},
    {"model": "wan/2-7-image-to-video", "first_frame_url": URL, "last_frame_url": URL},
    {"model": "wan/2-7-image-to-video", "image_url": DATA},
    {"model": "wan/2-7-image-pro", "aspect_ratio": "1:1", "resolution": "4K"},
    {"model": "wan/2-6-flash-image-to-video", "image_urls": [URL], "audio": False},
    {"model": "wan/2-6-text-to-video", "duration": 5, "resolution": "1080p"},
    {"model": "runway_gen4_turbo", "imageUrl": URL},
    {"model": "runway_gen4_turbo"},
    {"model": "runway_aleph", "videoUrl": "https://example.com/a.mp4"},
    {"model": "veo3", "imageUrls": [URL, DATA], "generationType": "REFERENCE_2_VIDEO"},
    {"model": "veo3", "image_url": DATA},
    {"model": "grok-imagine/image-to-video", "image_urls": [URL], "mode": "normal"},
    {"model": "grok-imagine/image-to-image", "image_url": URL, "nsfw_checker": True},
    {"model": "flux-2/pro-image-to-image", "input_urls": [URL, URL], "resolution": "2K"},
    {"model": "gpt-image-2-image-to-image", "input_urls": [URL], "aspect_ratio": "1:1"}
    | {"resolution": "1K"},
    {"model": "gpt-image/1.5-text-to-image", "quality": "standard", "background": "transparent"},
    {"model": "gpt-image/1.5-text-to-image", "n": 2, "size": "1024x1024"},
    {"model": "seedream/4.5-text-to-image", "quality": "high", "resolution": "2K", "n": 1},
    {"model": "google/nano-banana-edit", "image_urls": [URL], "output_format": "jpg"},
    {"model": "google/nano-banana-2", "image_input": [], "resolution": "4K"},
    {"model": "google/nano-banana-2"},
    {"model": "ideogram/v3-edit", "image_url": URL, "mask_url": URL},
    {"model": "ideogram/character", "reference_image_urls": [URL]},
    {"model": "ideogram/v3-text-to-image"},
    {"model": "topaz/image-upscale", "image_url": URL, "scale": 2},
    {"model": "elevenlabs/audio-isolation", "audio_url": "https://example.com/a.mp3"},
    {"model": "elevenlabs/v3-text-to-dialogue", "voice": "Will"},
    {"model": "ai-music-api/extend", "audio_url": "https://example.com/a.mp3"},
    {"model": "suno-generate-lyrics"},
    {"model": "suno-v4", "style": "pop", "negative_prompt": "drums"},
]


@pytest.mark.parametrize("body", GOOD, ids=lambda body: body["model"])
async def test_the_matrix(double, body):
    api = await double(NAME)
    if not body["model"].startswith("topaz"):
        body = {"prompt": "a cat"} | body
    made = await api.post("/video/generate", body)
    assert made.status_code == 202, made.text


BAD = [
    SORA | {"duration": 10},
    SORA | {"aspect_ratio": "16:9"},
    SORA | {"n_frames": 10},
    SORA | {"size": "large"},
    SORA | {"image_urls": [URL]},
    SORA | {"model": "sora-2-text-to-video"},  # size is the pro variant's
    {"model": "sora-2-image-to-video"},
    {"model": "sora-2-image-to-video", "image_url": URL},
    {"model": "sora-2-image-to-video", "image_urls": URL},
    {"model": "sora-2-image-to-video", "image_urls": []},
    VEO | {"duration": "5"},
    VEO | {"duration": 7},
    VEO | {"aspect_ratio": "4:3"},
    VEO | {"quality": "high"},
    VEO | {"imageUrls": [URL]},
    VEO | {"generationType": "REFERENCE_2_VIDEO"},
    VEO | {"generationType": "TEXT_2_VIDEO"},
    VEO | {"provider_options": {}},
    VEO | {"resolution": "2K"},
    IMAGEN | {"image_url": URL},
    IMAGEN | {"duration": 5},
    IMAGEN | {"resolution": "1K"},
    SEEDREAM | {"image_urls": [URL]},  # beside image_url
    SEEDREAM | {"quality": "medium"},
    SEEDREAM | {"image_url": "data:image/png;base64,?"},
    SEEDREAM | {"image_url": [URL]},
    SEEDREAM | {"resolution": "1K"},
    {"model": "seedream/4.5-edit"},
    {"model": "seedream/4.5-text-to-image", "image_url": URL},
    {"model": "kling-2.6/image-to-video"},
    {"model": "kling-2.6/image-to-video", "image_url": URL, "image_urls": [URL]},
    {"model": "hailuo/2-3-image-to-video-pro", "image_url": URL, "duration": 5},
    {"model": "wan/2-6-flash-image-to-video", "image_urls": [URL]},
    {"model": "wan/2-6-flash-image-to-video", "image_urls": [URL], "audio": "true"},
    {"model": "wan/2-7-image-pro", "resolution": "1K"},
    {"model": "gpt-image-2-image-to-image", "input_urls": [URL]},
    {"model": "gpt-image-2-image-to-image", "input_urls": [URL], "resolution": "1K"},
    {"model": "google/nano-banana-edit"},
    {"model": "google/nano-banana-2", "image_input": URL},
    {"model": "flux-2/pro-text-to-image", "resolution": "4K"},
    {"model": "runway_gen4_turbo", "imageUrl": [URL]},
    {"model": "runway_aleph"},
    {"model": "topaz/image-upscale", "image_url": URL, "scale": 3},
    {"model": "elevenlabs/audio-isolation"},
    {"model": "elevenlabs/speech-to-text", "audio_url": "data:audio/mp3;base64,AAAA"},
    TTS | {"stability": 1.5},
    TTS | {"voice": "rachel"},
    TTS | {"speed": 1.0},
    EFFECT | {"duration_seconds": 0.5},
    EFFECT | {"duration_seconds": 22.5},
    SUNO | {"style": 1},
]


@pytest.mark.parametrize("body", BAD, ids=lambda body: body["model"])
async def test_refusals(double, body):
    api = await double(NAME)
    refused = await api.post("/video/generate", {"prompt": "a cat"} | body)
    assert refused.status_code == 400, refused.text
    assert refused.json()["success"] is False
    assert api.double.tasks == {}


@pytest.mark.parametrize("model", ["sora-3", "gpt-4o", "", None, ["veo3"]])
async def test_unknown_models(double, model):
    api = await double(NAME)
    refused = await api.post("/video/generate", {"model": model, "prompt": "a"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")


async def test_other_refusals(double):
    api = await double(NAME)
    large = SEEDREAM | {"image_url": "data:image/png;base64," + "A" * 10 * 2**20}
    too_large = await api.post("/image/generate", large)
    assert (too_large.status_code, too_large.json()["error"]["code"]) == (413, "payload_too_large")
    no_prompt = await api.post("/video/generate", {"model": "veo3"})
    assert no_prompt.json()["error"]["message"] == "missing field 'prompt'"
    untyped = await api.client.post(
        api.double.base_url + "/video/generate", content=json.dumps(VEO), headers=api.headers
    )
    assert untyped.status_code == 415
    api.double.balance = 0.0
    empty = await api.post("/video/generate", VEO)
    assert (empty.status_code, empty.json()["error"]["code"]) == (402, "insufficient_balance")
    api.headers = {}
    refused = await api.get("/models")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")


async def test_the_voice_list(double):
    api = await double(NAME, variants=["voice_500"])
    assert len(VOICES) == 20
    wrong = await api.post("/voice/generate", TTS | {"voice": "rachel"})
    assert wrong.status_code == 500
    assert wrong.json()["error"]["message"] == (
        "This voice is not within the range of allowed options"
    )


async def test_turbo_fails_upstream(double):
    api = await double(NAME)
    body = TTS | {"model": "elevenlabs/text-to-speech-turbo-2-5"}
    task = (await api.post("/voice/generate", body)).json()["data"]["task_id"]
    got = (await api.get(f"/voice/status/{task}")).json()["data"]
    assert (got["status"], got["error"]) == ("failed", "internal error")


async def test_text_and_several_images(double):
    api = await double(NAME)
    body = {"model": "elevenlabs/speech-to-text", "audio_url": "https://example.com/a.mp3"}
    task = (await api.post("/audio/generate", body)).json()["data"]["task_id"]
    assert (await api.get(f"/audio/status/{task}")).json()["data"]["text"]
    body = {"model": "seedream/4.5-text-to-image", "prompt": "a", "n": 2}
    task = (await api.post("/image/generate", body)).json()["data"]["task_id"]
    got = (await api.get(f"/image/status/{task}")).json()["data"]
    assert got["image_url"] == got["image_urls"][0]
    assert len(got["image_urls"]) == 2


NAMES = [
    "video_url",
    "image_urls",
    "audio_url",
    "audio_urls",
    "music_url",
    "url",
    "urls",
    "output",
    "result",
    "result_urls",
    "resultUrls",
    "text",
]


@pytest.mark.parametrize("name", NAMES)
async def test_result_names(double, name):
    api = await double(NAME, variants=[f"result:{name}"])
    task = (await api.post("/image/generate", IMAGEN)).json()["data"]["task_id"]
    got = (await api.get(f"/image/status/{task}")).json()["data"]
    url = api.double.link(api.double.tasks[task])
    assert got[name] == ([url] if name.lower().endswith("urls") else url)
    assert len(got) == 4


async def test_poll_variants(double):
    api = await double(NAME)
    task = (await api.post("/image/generate", IMAGEN)).json()["data"]["task_id"]
    url = api.double.link(api.double.tasks[task])

    async def poll(*variants: str):
        api.double.configure({"variants": variants})
        return (await api.get(f"/image/status/{task}")).json()

    assert (await poll("image_as_video"))["data"]["video_url"] == url
    assert (await poll("no_result"))["data"] == {
        "task_id": task,
        "status": "completed",
        "model": "google/imagen4",
    }
    assert (await poll("kie_states"))["data"]["status"] == "success"
    kie = (await poll("kie"))["data"]
    assert (kie["state"], json.loads(kie["resultJson"])) == ("success", {"resultUrls": [url]})
    api.double.fail(task, "too rude")
    assert (await poll())["data"]["error"] == "too rude"
    assert (await poll("error_object"))["data"]["error"]["message"] == "too rude"
    assert (await poll("fail_msg"))["data"]["failMsg"] == "too rude"
    assert (await poll("kie"))["data"]["failMsg"] == "too rude"
    refused = await poll("fail_success_false")
    assert refused == {
        "success": False,
        "error": {"code": "generation_failed", "message": "too rude"},
    }


async def test_refusals_in_an_http_200(double):
    api = await double(NAME, variants=["success_false"])
    refused = await api.post("/image/generate", {"model": "google/imagen4"})
    assert (refused.status_code, refused.json()["success"]) == (200, False)


@pytest.mark.parametrize(
    ("variant", "look"),
    [
        (None, lambda body: body["data"]),
        ("list:bare", lambda body: body),
        ("list:models", lambda body: body["data"]["models"]),
        ("list:videos", lambda body: body["data"]["videos"]),
        ("list:items", lambda body: body["data"]["items"]),
    ],
)
async def test_lists(double, variant, look):
    api = await double(NAME, variants=[variant] if variant else [])
    models = look((await api.get("/models")).json())
    assert set(CATALOG) < {model["id"] for model in models}
    for _ in range(3):
        await api.post("/video/generate", VEO)
    assert len(look((await api.get("/video/list")).json())) == 3
    assert len(look((await api.get("/video/list?page=2&size=2")).json())) == 1
    assert (await api.get("/video/list?size=101")).status_code == 400


def test_every_listed_model_has_a_family():
    assert all(lookup(name).kind for name in CATALOG)


async def test_chat(double):
    api = await double(NAME, reply="hello")
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
    got = (await api.post("/chat/completions", body)).json()
    assert got["choices"][0]["message"]["content"] == "hello"
    assert "[DONE]" in (await api.post("/chat/completions", body | {"stream": True})).text
    for model in ("nobody", "veo3"):
        refused = await api.post("/chat/completions", body | {"model": model})
        assert refused.status_code == 404


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("shape", ["images", "content", "parts"])
async def test_images_by_chat(double, shape, stream):
    api = await double(NAME, image_shape=shape, reply="here")
    body = {
        "model": "gemini-2.5-flash-image",
        "messages": [{"role": "user", "content": "a cat"}],
        "stream": stream,
    }
    got = await api.post("/chat/completions", body)
    if stream:
        message = json.loads(got.text.split("\n\n")[0][6:])["choices"][0]["delta"]
    else:
        message = got.json()["choices"][0]["message"]
    if shape == "images":
        url = message["images"][0]["image_url"]["url"]
    elif shape == "parts":
        url = message["content"][1]["image_url"]["url"]
    else:
        url = message["content"].partition("](")[2].rstrip(")")
    assert base64.b64decode(url.partition(",")[2]).startswith(b"\x89PNG")
