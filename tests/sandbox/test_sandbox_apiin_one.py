"""apiin.one's double against its two pages."""

import json

import pytest

NAME = "apiin.one"
IMAGE = {
    "model": "flux-2",
    "prompt": "A serene Japanese garden with cherry blossoms",
    "aspect_ratio": "16:9",
    "type": "pro",
    "resolution": "1K",
}
VIDEO = {
    "model": "kling-3",
    "prompt": "A golden retriever running through sunflowers at sunset",
    "mode": "std",
    "duration": 5,
    "aspect_ratio": "16:9",
    "sound": True,
}
MUSIC = {
    "model": "suno",
    "prompt": "Verse 1: Walking down the street\nChorus: Summer dreams",
    "style": "pop, upbeat, electronic",
    "title": "Summer Dreams",
    "make_instrumental": False,
}
SPEECH = {
    "model": "elevenlabs-v3",
    "dialogue": [
        {"text": "Hello, welcome to API in One.", "voice": "narrator"},
        {"text": "Thank you! Tell me more.", "voice": "user"},
    ],
    "stability": 0.5,
    "language_code": "auto",
}
CHAT = {"model": "gemini", "messages": [{"role": "user", "content": "Hi"}]}
PHOTO = {"image": "https://example.com/photo.jpg"}
CLIP = {"video": "https://example.com/talking-head.mp4"}
SWAP = PHOTO | {"face_image": "https://example.com/face.jpg"}
SUBMITS = [
    ("/images/generations", IMAGE, ".png"),
    ("/images/generations", {"model": "flux-2", "prompt": "A garden"}, ".png"),
    ("/videos/generations", VIDEO, ".mp4"),
    ("/audio/music", MUSIC, ".mp3"),
    ("/audio/speech", SPEECH, ".mp3"),
    ("/images/tools/remove-bg", PHOTO, ".png"),
    ("/images/tools/face-swap", SWAP, ".png"),
    ("/images/tools/upscale", PHOTO, ".png"),
    ("/videos/tools/bg-remover", CLIP, ".mp4"),
    ("/videos/tools/upscale", CLIP, ".mp4"),
]


@pytest.mark.parametrize(("path", "body", "ending"), SUBMITS)
async def test_the_pages_examples(double, path, body, ending):
    api = await double(NAME)
    made = await api.post(path, body)
    assert made.status_code == 202, made.text
    task = made.json()["data"]["task_id"]
    data = {"task_id": task, "status": "IN_PROGRESS"}
    if path.endswith("remove-bg"):
        del data["status"]
    assert made.json() == {"code": 200, "message": "success", "data": data}
    got = (await api.get(f"/tasks/{task}")).json()["data"]
    assert (got["status"], got["error_message"], got["request"]) == ("SUCCESS", None, body)
    assert got["created_at"].endswith("Z")
    assert got["response"][0].endswith(ending)
    assert (await api.get(got["response"][0])).status_code == 200


@pytest.mark.parametrize(
    ("path", "credits"),
    [
        ("/images/tools/remove-bg", 1),
        ("/images/tools/face-swap", 4),
        ("/videos/tools/bg-remover", 10),
    ],
)
async def test_credits_of_the_tools(double, path, credits):
    api = await double(NAME)
    body = {p: b for p, b, _ in SUBMITS}[path]
    task = (await api.post(path, body)).json()["data"]["task_id"]
    assert (await api.get(f"/tasks/{task}")).json()["data"]["consumed_credits"] == credits


async def test_pending_and_failed(double):
    api = await double(NAME, ready_after_polls=1, failed_credits=3)
    api.double.fail_next("out of luck")
    task = (await api.post("/images/generations", IMAGE)).json()["data"]["task_id"]
    pending, failed = [(await api.get(f"/tasks/{task}")).json()["data"] for _ in range(2)]
    assert (pending["status"], pending["consumed_credits"], pending["response"]) == (
        "IN_PROGRESS",
        0,
        [],
    )
    assert (failed["status"], failed["error_message"]) == ("FAILED", "out of luck")
    assert (failed["consumed_credits"], failed["response"]) == (3, [])


async def test_a_whole_chat_answer_is_the_pages_sample(double):
    api = await double(NAME, reply="...")
    body = CHAT | {"stream": False, "include_thoughts": False}
    got = (await api.post("/chat/completions", body)).json()
    assert list(got) == ["id", "model", "usage", "choices", "credits_consumed"]
    assert got["choices"] == [{"message": {"role": "assistant", "content": "..."}}]
    assert got["credits_consumed"] == 2
    api.double.variants.add("chat_object")
    other = (await api.post("/chat/completions", body)).json()
    assert list(other) == ["id", "object", "choices"]
    api.double.variants.add("chat_full")
    full = (await api.post("/chat/completions", body)).json()
    assert full["choices"][0]["finish_reason"] == "stop"


async def test_chat_streams_and_thinks_by_default(double):
    api = await double(NAME, reply="One two")
    got = await api.post("/chat/completions", CHAT)
    assert got.headers["content-type"].startswith("text/event-stream")
    events = [line[6:] for line in got.text.split("\n\n") if line]
    assert events[-1] == "[DONE]"
    deltas = [json.loads(event)["choices"][0]["delta"] for event in events[:-1]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "One two"
    assert any("reasoning_content" in delta for delta in deltas)
    quiet = await api.post("/chat/completions", CHAT | {"include_thoughts": False})
    assert "reasoning" not in quiet.text
    api.double.variants.add("thoughts_in_content")
    assert "<think>" in (await api.post("/chat/completions", CHAT)).text
    api.double.variants.add("sparse_chunks")
    sparse = await api.post("/chat/completions", CHAT)
    first = json.loads(sparse.text.split("\n\n")[0][6:])
    assert list(first) == ["id", "model", "choices"]
    assert list(first["choices"][0]) == ["delta"]


@pytest.mark.parametrize(
    "change",
    [
        {"reasoning_effort": "medium"},
        {"model": "gemini-3-flash"},
        {"messages": []},
        {"messages": [{"role": "function", "content": "a", "name": "b"}]},
        {"stream": "false"},
        {"provider_options": {}},
        {"response_format": {"type": "xml"}},
    ],
)
async def test_chat_refusals(double, change):
    api = await double(NAME)
    refused = await api.post("/chat/completions", CHAT | change)
    assert refused.status_code == (404 if "model" in change else 400)


@pytest.mark.parametrize(
    ("path", "body", "change"),
    [
        ("/images/generations", IMAGE, {"prompt": "ab"}),
        ("/images/generations", IMAGE, {"prompt": "a" * 5001}),
        ("/images/generations", IMAGE, {"type": "edit"}),
        ("/images/generations", IMAGE, {"resolution": "4K"}),
        ("/images/generations", IMAGE, {"quality": 1}),
        ("/images/generations", IMAGE, {"n": 2}),
        ("/images/generations", IMAGE, {"size": "1024x1024"}),
        ("/images/generations", IMAGE, {"input_urls": ["data:image/png;base64,AAAA"]}),
        ("/images/generations", IMAGE, {"input_urls": "https://example.com/a.png"}),
        ("/images/generations", IMAGE, {"provider_options": {}}),
        ("/videos/generations", VIDEO, {"prompt": "a" * 2501}),
        ("/videos/generations", VIDEO, {"duration": 2}),
        ("/videos/generations", VIDEO, {"duration": "16"}),
        ("/videos/generations", VIDEO, {"duration": "five"}),
        ("/videos/generations", VIDEO, {"aspect_ratio": "4:3"}),
        ("/videos/generations", VIDEO, {"resolution": 768}),
        ("/videos/generations", VIDEO, {"mode": "high"}),
        ("/videos/generations", VIDEO, {"generateAudio": True}),
        ("/videos/generations", VIDEO, {"generate_audio_switch": True}),
        ("/videos/generations", VIDEO, {"model": "wan-2.6"}),  # sound is Kling's
        ("/videos/generations", VIDEO, {"image": "data:image/png;base64,AAAA"}),
        ("/videos/generations", VIDEO, {"negative_prompt": "a"}),
        ("/audio/music", MUSIC, {"prompt": "a" * 3001}),
        ("/audio/music", MUSIC, {"gpt_description_prompt": "a" * 401}),
        ("/audio/music", MUSIC, {"style": "a" * 1001}),
        ("/audio/music", MUSIC, {"title": "a" * 81}),
        ("/audio/music", MUSIC, {"model": "minimax-music"}),  # style and title are Suno's
        ("/audio/speech", SPEECH, {"dialogue": []}),
        ("/audio/speech", SPEECH, {"dialogue": ["Hello"]}),
        ("/audio/speech", SPEECH, {"stability": 1.1}),
        ("/audio/speech", SPEECH, {"prompt": "Hello"}),
        ("/images/tools/remove-bg", PHOTO, {"model": "remove-bg"}),
        ("/images/tools/face-swap", SWAP, {"target_index": 11}),
        ("/images/tools/face-swap", SWAP, {"output_format": "jpg"}),
        ("/images/tools/face-swap", SWAP, {"face_image": "data:image/png;base64,AAAA"}),
        ("/videos/tools/bg-remover", CLIP, {"image": "https://example.com/a.png"}),
    ],
)
async def test_refusals(double, path, body, change):
    api = await double(NAME)
    refused = await api.post(path, body | change)
    assert refused.status_code == 400, refused.text
    error = refused.json()["error"]
    assert (error["code"], error["type"]) == (400, "invalid_request")
    assert api.double.tasks == {}


@pytest.mark.parametrize(
    ("path", "body", "change"),
    [
        (
            "/images/generations",
            IMAGE,
            {"model": "gpt-image-1.5", "type": "edit", "quality": "high"},
        ),
        ("/images/generations", IMAGE, {"quality": "high"}),
        ("/images/generations", {}, {"model": "ideogram-v4", "prompt": "abc", "resolution": "4K"}),
        ("/videos/generations", VIDEO, {"resolution": "4K"}),
        ("/videos/generations", VIDEO, {"duration": "15"}),
        ("/videos/generations", VIDEO, {"callback_url": "https://example.com/hook"}),
        ("/audio/music", {}, {"model": "suno", "gpt_description_prompt": "a calm song"}),
        ("/audio/music", {}, {"model": "minimax-music", "prompt": "a" * 5000}),
    ],
)
async def test_also_allowed(double, path, body, change):
    api = await double(NAME)
    assert (await api.post(path, body | change)).status_code == 202


async def test_hailuo_takes_its_literals(double):
    api = await double(NAME)
    body = {"model": "hailuo-2.3", "prompt": "a", "duration": "6", "resolution": "768P"}
    assert (await api.post("/videos/generations", body)).status_code == 202
    api.double.variants.add("duration_types")
    assert (await api.post("/videos/generations", body | {"duration": 6})).status_code == 400
    assert (await api.post("/videos/generations", VIDEO | {"duration": "5"})).status_code == 400


@pytest.mark.parametrize(
    ("change", "status", "kind"),
    [
        ({"key": "other"}, 401, "authentication_error"),
        ({"balance": 0.0}, 402, "insufficient_credits"),
        ({"rpm": 0}, 429, "rate_limit"),
    ],
)
async def test_the_pages_errors(double, change, status, kind):
    api = await double(NAME)
    api.double.configure(change)
    if "rpm" in change:
        api.double.configure({"rpm": 1})
        await api.get("/tasks/none")
    refused = await api.post("/images/generations", IMAGE)
    assert refused.status_code == status
    assert refused.json()["error"]["code"] == status
    assert refused.json()["error"]["type"] == kind
    assert ("retry-after" in refused.headers) is (status == 429)


async def test_unknown_task_and_path(double):
    api = await double(NAME)
    for path in ("/tasks/task_abc123", "/nowhere"):
        got = await api.get(path)
        assert (got.status_code, got.json()["error"]["type"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("variant", "look"),
    [
        ("task_id_camel", lambda body: body["data"]["taskId"]),
        ("task_id_plain", lambda body: body["data"]["id"]),
        ("pending_page", lambda body: body["id"]),
        ("created_200", lambda body: body["data"]["task_id"]),
    ],
)
async def test_submit_variants(double, variant, look):
    api = await double(NAME, variants=[variant])
    made = await api.post("/images/generations", IMAGE)
    assert look(made.json()) in api.double.tasks
    assert made.status_code == (200 if variant == "created_200" else 202)


async def test_poll_variants(double):
    api = await double(NAME)
    task = (await api.post("/images/generations", IMAGE)).json()["data"]["task_id"]
    url = api.double.link(api.double.tasks[task])
    for variant, response in {
        "response_string": url,
        "response_object": {"url": url},
        "response_json": f'["{url}"]',
    }.items():
        api.double.configure({"variants": [variant, "lower_case", "msg"]})
        got = (await api.get(f"/tasks/{task}")).json()
        assert got["msg"] == "success"
        assert (got["data"]["status"], got["data"]["response"]) == ("completed", response)


async def test_errors_in_an_http_200(double):
    api = await double(NAME, variants=["code_in_200", "status_200"])
    refused = await api.post("/images/generations", {"model": "flux-2"})
    assert (refused.status_code, refused.json()["code"]) == (200, 400)
    api.double.fail_next("broken")
    task = (await api.post("/images/generations", IMAGE)).json()["data"]["task_id"]
    failed = await api.get(f"/tasks/{task}")
    assert failed.json() == {"code": 500, "message": "broken", "data": None}


async def test_sunos_further_routes(double):
    api = await double(NAME)
    song = (await api.post("/audio/music", MUSIC)).json()["data"]["task_id"]
    feed = (await api.get(f"/audio/music/feed?task_id={song}")).json()["data"]
    clip = feed["response_data"][0]
    assert (clip["status"], clip["title"]) == ("complete", "Summer Dreams")
    assert (await api.get(clip["audio_url"])).status_code == 200
    longer = {"origin_task_id": song, "extend_audio_index": 0, "custom_mode": False}
    more = await api.post("/audio/music/extend", longer)
    assert more.json()["data"]["task_id"] in api.double.tasks
    cover = (await api.post("/audio/music/cover/generate", {"task_id": song})).json()["data"]
    status = await api.get(f"/audio/music/cover/status?task_id={cover['taskId']}")
    assert len(status.json()["data"]["images"]) == 2
    upload = await api.post("/audio/music/upload-cover/generate", {"audio_id": clip["id"]})
    task = upload.json()["data"]["task_id"]
    assert (await api.get(f"/audio/music/upload-cover/status?task_id={task}")).status_code == 200
    words = await api.post(
        "/audio/music/timestamped-lyrics", {"task_id": song, "audio_id": clip["id"]}
    )
    assert words.json()["data"]["alignedWords"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/audio/music/extend", {"origin_task_id": "none"}, 404),
        ("/audio/music/extend", {"task_id": "none"}, 400),
        ("/audio/music/cover/generate", {}, 400),
        ("/audio/music/timestamped-lyrics", {"task_id": "a", "audio_id": "b"}, 404),
    ],
)
async def test_sunos_refusals(double, path, body, status):
    api = await double(NAME)
    assert (await api.post(path, body)).status_code == status
    assert (await api.get("/audio/music/feed")).status_code == 400


async def test_inputs_are_fetched(double):
    api = await double(NAME)
    task = (await api.post("/images/generations", IMAGE)).json()["data"]["task_id"]
    url = api.double.link(api.double.tasks[task])
    made = await api.post("/images/tools/face-swap", {"image": url, "face_image": url})
    assert made.status_code == 202
    assert [one.content_type for one in api.double.fetched] == ["image/png", "image/png"]
    gone = await api.post("/images/tools/upscale", {"image": f"{api.double.origin}/none.png"})
    assert (gone.status_code, gone.json()["error"]["code"]) == (400, 400)
    unreachable = await api.post("/images/tools/upscale", {"image": "http://127.0.0.1:1/a.png"})
    assert unreachable.status_code == 400


async def test_callbacks(double):
    api = await double(NAME)
    other = await double(NAME)
    hook = other.double.origin + "/hook"
    await api.post("/videos/generations", VIDEO | {"callback_url": hook})
    await api.double.until(lambda d: d.callbacks)
    [seen] = other.double.log
    assert seen.body["data"]["status"] == "SUCCESS"
    assert api.double.callbacks == [(hook, 404)]
    [task] = api.double.tasks
    assert await api.double.call_back(task, "http://127.0.0.1:1/hook") is None
    assert await api.double.call_back(task, "https://example.com/hook") is None
