"""aigate.shop's double against its page."""

import asyncio
import re

import pytest

NAME = "aigate.shop"
TEXT_TO_VIDEO = {
    "model": "provider/video-model-id",
    "prompt": "A cinematic shot of a glass sphere floating over a neon city",
    "duration": 5,
    "resolution": "720p",
    "aspect_ratio": "16:9",
    "audio": False,
    "n": 1,
}
KLING = {
    "model": "klingai/kling-v3.0-t2v",
    "prompt": "A realistic cinematic product shot",
    "duration": 5,
    "resolution": "720p",
    "aspect_ratio": "16:9",
    "audio": False,
    "quality": "std",
    "negative_prompt": "text, watermark, blurry, distorted hands",
    "seed": 42,
    "n": 1,
    "provider_options": {"cfg_scale": 0.65},
}
WITH_PROMPT_IMAGE = TEXT_TO_VIDEO | {
    "prompt": {"text": "Animate this frame", "image": "https://picsum.photos/seed/a/1024/768"}
}
WITH_INPUT_IMAGE = TEXT_TO_VIDEO | {"input_image": "https://picsum.photos/seed/b/1024/1024"}
WITH_VIDEO = TEXT_TO_VIDEO | {
    "input_video": "https://example.com/source.mp4",
    "provider_options": {"style": "cinematic"},
}


@pytest.mark.parametrize(
    "body", [TEXT_TO_VIDEO, KLING, WITH_PROMPT_IMAGE, WITH_INPUT_IMAGE, WITH_VIDEO]
)
@pytest.mark.parametrize("path", ["/video/generations", "/videos"])
async def test_the_pages_examples(double, path, body):
    api = await double(NAME)
    made = await api.post(path, body)
    assert made.status_code == 200, made.text
    got = made.json()
    assert list(got) == ["created", "model", "duration", "videos"]
    assert (got["model"], got["duration"]) == (body["model"], 5)
    [video] = got["videos"]
    assert video["mime_type"] == "video/mp4"
    assert re.fullmatch(r"http://.*/v1/videos/task_\w{32}/content", video["url"])
    file = await api.client.get(video["url"])  # without the key, as on the page
    assert file.content[4:8] == b"ftyp"


async def test_several_videos_have_links_of_their_own(double):
    api = await double(NAME)
    videos = (await api.post("/video/generations", TEXT_TO_VIDEO | {"n": 3})).json()["videos"]
    assert len({video["url"] for video in videos}) == 3
    for video in videos:
        assert (await api.get(video["url"])).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"cfg_scale": 0.65},
        {"duration": "5"},
        {"resolution": "720"},
        {"aspect_ratio": "21:9"},
        {"audio": "false"},
        {"quality": 1},
        {"seed": 1.5},
        {"n": 0},
        {"prompt": {"text": "a"}},
        {"prompt": {"text": "a", "image": "https://a.b/c", "video": "x"}},
        {"input_image": "https://a.b/c", "image_url": "https://a.b/c"},
        {"input_image_b64": "?"},
        {"input_video": "data:video/mp4;base64,eA=="},
        {"input_video_b64": "data:video/mp4;base64,eA=="},
        {"provider_options": {}, "metadata": {}},
        {"size": "1280x720"},
    ],
)
async def test_parameter_errors(double, change):
    api = await double(NAME)
    refused = await api.post("/video/generations", TEXT_TO_VIDEO | change)
    assert refused.status_code == 400
    assert list(refused.json()["error"]) == ["message", "type", "code", "status"]
    assert refused.json()["error"]["status"] == 400


@pytest.mark.parametrize(
    ("resolution", "good"), [("4K", True), ("1920x1080", True), ("480p", True), ("4k", False)]
)
async def test_resolutions(double, resolution, good):
    api = await double(NAME)
    made = await api.post("/video/generations", TEXT_TO_VIDEO | {"resolution": resolution})
    assert (made.status_code == 200) is good


async def test_the_pages_errors(double):
    api = await double(NAME)
    unknown = await api.post("/video/generations", TEXT_TO_VIDEO | {"model": "nobody/nothing"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
    api.double.balance = 0.0
    empty = await api.post("/video/generations", TEXT_TO_VIDEO)
    assert (empty.status_code, empty.json()["error"]["code"]) == (429, "insufficient_quota")
    api.double.balance, api.headers = 1.0, {"authorization": "Bearer wrong"}
    refused = await api.post("/video/generations", TEXT_TO_VIDEO)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "http_401")
    wrong_path = await api.get("/videos/task_1")
    assert wrong_path.status_code == 401


async def test_the_link_dies(double):
    api = await double(NAME)
    assert api.double.files.seconds == 1200
    url = (await api.post("/video/generations", KLING)).json()["videos"][0]["url"]
    [task] = api.double.tasks.values()
    task.completed -= 1201
    dead = await api.get(url)
    assert dead.status_code == 410
    assert dead.json() == {
        "error": {
            "message": "Video link expired",
            "type": "invalid_request_error",
            "code": "http_410",
            "status": 410,
        }
    }


async def test_failures_come_as_the_answer(double):
    api = await double(NAME)
    api.double.fail_next("provider is down")
    failed = await api.post("/video/generations", KLING)
    assert (failed.status_code, failed.json()["error"]["code"]) == (500, "api_error")
    api.double.fail_next("not allowed", moderation=True)
    refused = await api.post("/video/generations", KLING)
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, "not allowed")
    assert len(api.double.submits) == 2


async def test_the_task_goes_on_without_its_client(double):
    api = await double(NAME, timing={"video": 3600.0})
    asking = asyncio.create_task(api.post("/video/generations", KLING))
    await api.double.until(lambda d: d.tasks)
    asking.cancel()
    await api.double.until(lambda d: d.submits[0].disconnected)
    assert api.double.submits[0].status is None
    [task] = api.double.tasks.values()
    assert task.state == "queued"
    api.double.finish(task.id)
    assert (await api.get(api.double.link(task))).status_code == 200


async def test_source_clips_may_be_refused(double):
    api = await double(NAME)
    api.double.no_video_input.add(TEXT_TO_VIDEO["model"])
    assert (await api.post("/video/generations", WITH_VIDEO)).status_code == 400


async def test_sources_are_fetched(double):
    api = await double(NAME)
    url = (await api.post("/video/generations", KLING)).json()["videos"][0]["url"]
    made = await api.post("/video/generations", KLING | {"input_image": url})
    assert made.status_code == 200
    assert api.double.fetched[-1].data[4:8] == b"ftyp"
    missing = KLING | {"input_image": api.double.origin + "/nothing"}
    assert (await api.post("/video/generations", missing)).status_code == 400


async def test_polling_is_a_variant(double):
    api = await double(NAME)
    await api.post("/video/generations", KLING)
    [task] = api.double.tasks
    assert (await api.get(f"/videos/{task}")).status_code == 404
    assert (await api.get(f"/video/generations/{task}")).status_code == 404


@pytest.mark.parametrize(("variant", "name"), [("id_only", "id"), ("id_task_id", "task_id")])
async def test_an_id_alone(double, variant, name):
    api = await double(NAME, variants=[variant, "unknown_first"], ready_after_polls=2)
    made = await api.post("/video/generations", KLING)
    assert list(made.json()) == [name]
    task = made.json()[name]
    states = [(await api.get(f"/videos/{task}")).json() for _ in range(3)]
    assert [state["status"] for state in states] == ["unknown", "in_progress", "completed"]
    assert states[-1]["metadata"]["url"].endswith(f"/videos/{task}/content")
    assert len(api.double.polls(task)) == 3


async def test_the_old_status_route(double):
    api = await double(NAME, variants=["id_only", "no_videos_get"], ready_after_polls=2)
    task = (await api.post("/videos", KLING)).json()["id"]
    assert (await api.get(f"/videos/{task}")).status_code == 404
    states = [(await api.get(f"/video/generations/{task}")).json()["data"] for _ in range(3)]
    assert [state["status"] for state in states] == ["SUBMITTED", "IN_PROGRESS", "SUCCESS"]
    assert states[1]["progress"] == "33%"
    assert states[2]["result_url"] == api.double.link(api.double.tasks[task])
    api.double.variants.add("fail_reason_url")
    old = (await api.get(f"/video/generations/{task}")).json()["data"]
    assert old["fail_reason"] == states[2]["result_url"]
    assert "result_url" not in old


async def test_an_id_from_videos_only(double):
    api = await double(NAME, variants=["videos_id"])
    assert (await api.post("/videos", KLING)).json()["object"] == "video"
    assert "videos" in (await api.post("/video/generations", KLING)).json()


async def test_a_failed_task_when_polled(double):
    api = await double(NAME, variants=["id_only"])
    api.double.fail_next("broken")
    task = (await api.post("/videos", KLING)).json()["id"]
    new = (await api.get(f"/videos/{task}")).json()
    assert (new["status"], new["error"]["message"]) == ("failed", "broken")
    old = (await api.get(f"/video/generations/{task}")).json()["data"]
    assert (old["status"], old["fail_reason"]) == ("FAILURE", "broken")


async def test_the_openai_side(double):
    api = await double(NAME)
    models = (await api.get("/models")).json()
    assert {"klingai/kling-v3.0-t2v", "openai/gpt-4o-mini"} <= {m["id"] for m in models["data"]}
    chat = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
    assert (await api.post("/chat/completions", chat)).json()["object"] == "chat.completion"
    image = {"model": "openai/gpt-image-1", "prompt": "a"}
    assert "b64_json" in (await api.post("/images/generations", image)).json()["data"][0]
    embed = {"model": "openai/text-embedding-3-small", "input": "a"}
    assert (await api.post("/embeddings", embed)).status_code == 200


@pytest.mark.parametrize(
    ("variant", "path"),
    [
        (None, ["balance"]),
        ("balance_credits", ["total_available"]),
        ("balance_data", ["data", "balance"]),
    ],
)
async def test_balance(double, variant, path):
    api = await double(NAME, variants=[variant] if variant else [])
    body = (await api.get("/balance")).json()
    for name in path:
        body = body[name]
    assert body == 123.4
