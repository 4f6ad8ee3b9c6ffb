"""ai-gate.one's double against its page."""

from typing import Any

import pytest

NAME = "ai-gate.one"
TEXT = {"text": "2+2?", "type": "Text"}
IMAGE = {
    "prompt": "Monkey",
    "aspectRatio": "16:9",
    "imageUrls": ["https://url-to-image"],
    "type": "Image",
}
VIDEO = {
    "prompt": "Monkey",
    "modelName": "Sora2",
    "durationSec": "10",
    "resolution": "720p",
    "aspectRatio": "16:9",
    "imageUrls": ["https://url-to-image"],
    "type": "Video",
}
SOUND = {"prompt": "wind", "durationMs": 1000, "isLoop": True, "type": "Sound"}
VOICE = {
    "name": "Aria",
    "text": "How are you?",
    "stability": 0.5,
    "similarity_boost": 0.75,
    "style": 0.0,
    "speed": 1.0,
    "previousText": "Hi.",
    "nextText": "Why are you silent?",
    "type": "Voice",
}


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/image", IMAGE, "image/png"),
        ("/video", VIDEO, "video/mp4"),
        ("/sound", SOUND, "audio/mpeg"),
        ("/voice", VOICE, "audio/mpeg"),
    ],
)
async def test_the_pages_media_examples(double, path, body, kind):
    api = await double(NAME)
    made = await api.post(path, body)
    assert (made.status_code, list(made.json())) == (200, ["taskId"])
    got = (await api.get("/result/" + made.json()["taskId"])).json()
    assert list(got) == ["taskId", "url"]
    file = await api.get(got["url"])
    assert (file.status_code, file.headers["content-type"]) == (200, kind)


async def test_the_pages_text_example(double):
    api = await double(NAME, reply="4")
    task = (await api.post("/text", TEXT)).json()["taskId"]
    assert (await api.get(f"/result/{task}")).json() == {"taskId": task, "data": "4"}


async def test_text_that_asks_for_json_gets_it(double):
    api = await double(NAME)
    schema = '{"type":"object","properties":{"n":{"type":"integer"},"}":{"type":"string"}}}'
    body = TEXT | {"text": f"Answer in JSON by this schema: {schema} Thanks."}
    task = (await api.post("/text", body)).json()["taskId"]
    assert (await api.get(f"/result/{task}")).json()["data"] == '{"n":1,"}":"sandbox"}'


async def test_balance_is_a_bare_number_and_prices_are_the_pages(double):
    api = await double(NAME)
    assert (await api.get(f"/balance/{api.double.key}")).text == "123.4"
    assert (await api.get("/balance/other")).status_code == 401
    prices = (await api.get("/price")).json()
    assert prices["text"] == {"cost": "0.00060", "unit": "1K characters"}
    assert prices["video"]["Hailuo2_3"]["768P"] == {"6": 0.32, "10": 0.53}


@pytest.mark.parametrize(
    ("path", "body", "change"),
    [
        ("/text", TEXT, {"model": "Free"}),
        ("/text", TEXT, {"type": "text"}),
        ("/text", TEXT, {"text": 5}),
        ("/image", IMAGE, {"modelName": "NanoBanana"}),
        ("/image", IMAGE, {"imageUrls": ["data:image/png;base64,AAAA"]}),
        ("/image", IMAGE, {"imageUrls": "https://url-to-image"}),
        ("/image", IMAGE, {"aspectRatio": "wide"}),
        ("/video", VIDEO, {"durationSec": 10}),
        ("/video", VIDEO, {"modelName": "Sora3"}),
        ("/video", VIDEO, {"resolution": "480p"}),
        ("/video", VIDEO, {"durationSec": "15"}),
        ("/video", VIDEO, {"modelName": "Veo3_1_Quality", "resolution": "1080p"}),
        ("/video", VIDEO, {"provider_options": {}}),
        ("/sound", SOUND, {"durationMs": 499}),
        ("/sound", SOUND, {"durationMs": 1000.5}),
        ("/sound", SOUND, {"isLoop": "true"}),
        ("/voice", VOICE, {"speed": 1.3}),
        ("/voice", VOICE, {"stability": -0.1}),
        ("/voice", VOICE, {"voice": "Aria"}),
    ],
)
async def test_refusals(double, path, body: dict[str, Any], change):
    api = await double(NAME)
    refused = await api.post(path, body | change)
    assert refused.status_code == 400, refused.text
    assert refused.json()["type"] == "Fail"
    assert api.double.tasks == {}


@pytest.mark.parametrize("name", ["apiKey", "prompt", "modelName", "durationSec", "resolution"])
async def test_missing_fields(double, name):
    api = await double(NAME)
    body = {"apiKey": api.double.key} | VIDEO
    del body[name]
    refused = await api.client.post(api.double.base_url + "/video", json=body)
    assert refused.status_code == (401 if name == "apiKey" else 400)


@pytest.mark.parametrize(
    ("variant", "status", "text"),
    [
        ("pending_empty", 200, ""),
        ("pending_202", 202, '{"taskId":"ID"}'),
        ("pending_204", 204, ""),
        ("pending_null", 200, "null"),
        ("pending_404", 404, '{"error":"Not found"}'),
        ("pending_nulls", 200, '{"taskId":"ID","data":null,"url":null}'),
        ("pending_status", 200, '{"taskId":"ID","status":"pending"}'),
        ("pending_garbage", 200, "<html><h1>Bad gateway</h1></html>"),
    ],
)
async def test_pending_variants(double, variant, status, text):
    api = await double(NAME, ready_after_polls=1, variants=[variant])
    task = (await api.post("/text", TEXT)).json()["taskId"]
    pending = await api.get(f"/result/{task}")
    assert (pending.status_code, pending.text.replace(task, "ID")) == (status, text)
    assert "data" in (await api.get(f"/result/{task}")).json()


@pytest.mark.parametrize(
    ("variant", "body"),
    [
        (None, {"type": "Fail", "message": "no"}),
        ("fail_error", {"error": "no"}),
        ("fail_status", {"status": "failed", "message": "no"}),
        ("fail_data", {"type": "Fail", "data": "no"}),
    ],
)
async def test_failure_variants(double, variant, body):
    api = await double(NAME, variants=[variant] if variant else [])
    api.double.fail_next("no")
    task = (await api.post("/image", IMAGE)).json()["taskId"]
    assert (await api.get(f"/result/{task}")).json() == {"taskId": task} | body


async def test_text_plain_everywhere(double):
    api = await double(NAME, variants=["text_plain", "plain_errors"])
    task = (await api.post("/text", TEXT)).json()["taskId"]
    result = await api.get(f"/result/{task}")
    assert result.headers["content-type"].startswith("text/plain")
    refused = await api.post("/text", {"type": "Text"})
    assert (refused.status_code, refused.text) == (400, "missing field 'text'")


async def test_an_unknown_task_and_an_empty_account(double):
    api = await double(NAME, balance=0.0)
    assert (await api.get("/result/abc123-def456-ghi789")).status_code == 404
    assert (await api.post("/text", TEXT)).status_code == 402
