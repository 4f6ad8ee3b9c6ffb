"""The OpenAI double, asked by OpenAI's own SDK where it has a method."""

import base64
import json
from collections.abc import AsyncIterator

import openai
import pytest
from pydantic import BaseModel

from tests import openapi

NAME = "openai"
USER = {"role": "user", "content": "hi"}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        },
    },
}


@pytest.fixture
async def api(double):
    return await double(NAME, reply="One two three")


@pytest.fixture
async def sdk(api) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=api.double.base_url,
        api_key=api.double.key,
        max_retries=0,
        _strict_response_validation=True,
    ) as client:
        yield client


@pytest.fixture
async def loose(api) -> AsyncIterator[openai.AsyncOpenAI]:
    """Without its own strict mode, which refuses base64 embeddings and text completion chunks."""
    async with openai.AsyncOpenAI(
        base_url=api.double.base_url, api_key=api.double.key, max_retries=0
    ) as client:
        yield client


async def test_chat(sdk):
    got = await sdk.chat.completions.create(
        model="gpt-4o-mini", messages=[USER], logprobs=True, top_logprobs=2, n=2
    )
    assert [choice.message.content for choice in got.choices] == ["One two three"] * 2
    tokens = got.choices[0].logprobs.content
    assert [token.token for token in tokens] == ["One", " two", " three"]
    assert len(tokens[0].top_logprobs) == 2
    assert got.usage.total_tokens == got.usage.prompt_tokens + 6


async def test_chat_stream(sdk):
    stream = await sdk.chat.completions.create(
        model="gpt-4o-mini",
        messages=[USER],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    words = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(word or "" for word in words) == "One two three"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 3


async def test_stop_and_max_tokens(sdk):
    short = await sdk.chat.completions.create(model="gpt-4o", messages=[USER], max_tokens=2)
    assert (short.choices[0].message.content, short.choices[0].finish_reason) == (
        "One two",
        "length",
    )
    cut = await sdk.chat.completions.create(model="gpt-4o", messages=[USER], stop=" three")
    assert cut.choices[0].message.content == "One two"


async def test_tools(sdk):
    got = await sdk.chat.completions.create(model="gpt-4o", messages=[USER], tools=[TOOL])
    [call] = got.choices[0].message.tool_calls
    assert got.choices[0].finish_reason == "tool_calls"
    assert json.loads(call.function.arguments) == {"city": "sandbox", "days": 1}
    stream = await sdk.chat.completions.create(
        model="gpt-4o", messages=[USER], tools=[TOOL], tool_choice="required", stream=True
    )
    pieces = [chunk.choices[0].delta.tool_calls async for chunk in stream]
    arguments = "".join(piece[0].function.arguments for piece in pieces if piece)
    assert json.loads(arguments) == {"city": "sandbox", "days": 1}
    answered = [
        USER,
        got.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    last = await sdk.chat.completions.create(model="gpt-4o", messages=answered, tools=[TOOL])
    assert last.choices[0].message.content == "One two three"


async def test_tool_choice(sdk):
    two = [TOOL, {"type": "function", "function": {"name": "other"}}]

    async def names(**more):
        got = await sdk.chat.completions.create(model="gpt-4o", messages=[USER], tools=two, **more)
        return [call.function.name for call in got.choices[0].message.tool_calls or []]

    assert await names() == ["get_weather"]
    assert await names(tool_choice="none") == []
    chosen = {"type": "function", "function": {"name": "other"}}
    assert await names(tool_choice=chosen) == ["other"]
    assert await names(parallel_tool_calls=True) == ["get_weather", "other"]
    with pytest.raises(openai.BadRequestError):
        await names(tool_choice={"type": "function", "function": {"name": "third"}})


async def test_response_format(api, sdk):
    api.double.reply = None
    schema = {
        "type": "object",
        "properties": {
            "kind": {"enum": ["a", "b"]},
            "list": {"type": "array", "items": {"$ref": "#/$defs/item"}},
            "maybe": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            "number": {"type": ["number", "null"], "minimum": 3, "maximum": 5},
        },
        "$defs": {"item": {"type": "object", "properties": {"on": {"type": "boolean"}}}},
    }
    got = await sdk.chat.completions.create(
        model="gpt-4o",
        messages=[USER],
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    )
    assert json.loads(got.choices[0].message.content) == {
        "kind": "a",
        "list": [{"on": True}],
        "maybe": None,
        "number": 3,
    }
    loose = await sdk.chat.completions.create(
        model="gpt-4o", messages=[USER], response_format={"type": "json_object"}
    )
    assert json.loads(loose.choices[0].message.content) == {"answer": "sandbox: hi"}


@pytest.mark.parametrize(
    "change",
    [
        {"foo": 1},
        {"temperature": 3},
        {"messages": "hi"},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": "a", "id": "b"}]},
        {"messages": [{"role": "tool", "content": "a"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]},
        {"stream_options": {"include_usage": True}},
        {"tools": [{"type": "function", "function": {}}]},
        {"n": True},
    ],
)
async def test_chat_refusals(api, change):
    refused = await api.post("/chat/completions", {"model": "gpt-4o", "messages": [USER]} | change)
    assert refused.status_code == 400
    assert list(refused.json()["error"]) == ["message", "type", "param", "code"]


async def test_errors_as_the_sdk_sees_them(api, sdk):
    with pytest.raises(openai.NotFoundError) as missing:
        await sdk.chat.completions.create(model="gpt-9", messages=[USER])
    assert missing.value.code == "model_not_found"
    api.double.balance = 0.0
    with pytest.raises(openai.RateLimitError) as empty:
        await sdk.chat.completions.create(model="gpt-4o", messages=[USER])
    assert empty.value.code == "insufficient_quota"
    api.double.key = "other"
    with pytest.raises(openai.AuthenticationError):
        await sdk.models.list()


async def test_sparse_chat(api):
    api.double.variants.add("sparse_chat")
    got = (await api.post("/chat/completions", {"model": "gpt-4o", "messages": [USER]})).json()
    assert got["choices"] == [{"message": {"role": "assistant", "content": "One two three"}}]


async def test_models(api, sdk):
    names = [model.id async for model in await sdk.models.list()]
    assert "gpt-4o-mini" in names
    api.double.models["org/some model"] = "chat"
    assert (await sdk.models.retrieve("org/some model")).id == "org/some model"
    with pytest.raises(openai.NotFoundError):
        await sdk.models.retrieve("nobody")


async def test_embeddings(sdk, loose):
    two = await loose.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
    assert [len(one.embedding) for one in two.data] == [8, 8]  # the SDK asks for base64
    plain = await sdk.embeddings.create(
        model="text-embedding-3-small", input="a", dimensions=3, encoding_format="float"
    )
    assert len(plain.data[0].embedding) == 3
    tokens = await loose.embeddings.create(model="text-embedding-3-small", input=[1, 2, 3])
    assert len(tokens.data) == 1


async def test_completions(sdk, loose):
    model = "gpt-3.5-turbo-instruct"
    whole = await sdk.completions.create(model=model, prompt="a", n=2)
    assert [choice.text for choice in whole.choices] == ["One two three"] * 2
    stream = await loose.completions.create(model=model, prompt=["a"], stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream]) == "One two three"


async def test_moderations(sdk):
    got = await sdk.moderations.create(input=["a kind word", "attack!"])
    assert [result.flagged for result in got.results] == [False, True]


async def test_responses(sdk):
    whole = await sdk.responses.create(model="gpt-4o", input="hi")
    assert whole.output_text == "One two three"
    listed = await sdk.responses.create(model="gpt-4o", input=[USER])
    assert listed.output_text == "One two three"
    parts = [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]
    assert (await sdk.responses.create(model="gpt-4o", input=parts)).output_text == "One two three"


async def test_responses_as_a_stream(sdk):
    """The SDK's own reading of it follows item and part, and fails where an event is left out."""
    async with sdk.responses.stream(model="gpt-4o", input="hi") as stream:
        kinds = [event.type async for event in stream]
        assert (await stream.get_final_response()).output_text == "One two three"
    assert [kind.removeprefix("response.") for kind in kinds if not kind.endswith(".delta")] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    raw = await sdk.responses.create(model="gpt-4o", input="hi", stream=True)
    numbers = []
    async for event in raw:
        openapi.check_event("ResponseStreamEvent", event.to_dict(mode="json"))
        numbers.append(event.sequence_number)
    assert numbers == list(range(len(numbers)))


async def test_responses_in_the_shape_that_is_asked_for(api, sdk):
    class City(BaseModel):
        name: str
        people: int

    api.double.reply = None
    parsed = await sdk.responses.parse(model="gpt-4o", input="hi", text_format=City)
    assert isinstance(parsed.output_parsed, City)
    async with sdk.responses.stream(model="gpt-4o", input="hi", text_format=City) as stream:
        assert isinstance((await stream.get_final_response()).output_parsed, City)
    form = {"format": {"type": "json_object"}}
    loose = await sdk.responses.create(model="gpt-4o", input="Say it in JSON", text=form)
    assert isinstance(json.loads(loose.output_text), dict)
    nested = {"format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}}
    with pytest.raises(openai.BadRequestError):
        await sdk.responses.create(model="gpt-4o", input="hi", text=nested)


async def test_images(api, sdk):
    got = await sdk.images.generate(model="gpt-image-1", prompt="a", n=2, size="1536x1024")
    pictures = [base64.b64decode(one.b64_json) for one in got.data]
    assert [picture[16:24] for picture in pictures] == [b"\0\0\x02\0\0\0\x01\x55"] * 2
    assert pictures[0] != pictures[1]
    linked = await sdk.images.generate(model="dall-e-3", prompt="a", response_format="url")
    assert (await api.get(linked.data[0].url)).headers["content-type"] == "image/png"
    with pytest.raises(openai.BadRequestError):
        await sdk.images.generate(model="gpt-image-1", prompt="a", response_format="url")
    api.double.variants.add("image_url")
    assert (await sdk.images.generate(model="gpt-image-1", prompt="a")).data[0].url
    stream = await sdk.images.generate(model="gpt-image-1", prompt="a", stream=True)
    assert [event.type async for event in stream] == ["image_generation.completed"]


async def test_image_edits_and_variations(api, sdk):
    picture = ("a.png", b"\x89PNG", "image/png")
    got = await sdk.images.edit(model="gpt-image-1", image=[picture, picture], prompt="a", n=1)
    assert got.data[0].b64_json
    assert [one.url for one in api.double.fetched] == ["upload:a.png"] * 2
    assert api.double.submits[-1].body["image[]"]["size"] == 4
    varied = await api.form("/images/variations", {"model": "dall-e-2"}, {"image": picture})
    assert varied.json()["data"][0]["b64_json"]
    with pytest.raises(openai.APIStatusError) as refused:
        await sdk.images.edit(model="gpt-image-1", image=picture, prompt="")
    assert refused.value.status_code == 400


async def test_speech(api, sdk):
    body = {"model": "tts-1", "voice": "alloy", "input": "Hello"}
    mp3 = await sdk.audio.speech.create(**body)
    assert mp3.response.headers["content-type"] == "audio/mpeg"
    wav = await sdk.audio.speech.create(**body, response_format="wav")
    assert wav.content.startswith(b"RIFF")
    events = await api.post("/audio/speech", body | {"stream_format": "sse"})
    assert "speech.audio.done" in events.text
    assert (await api.post("/audio/speech", body | {"speed": 5})).status_code == 400


@pytest.mark.parametrize("form", ["json", "text", "srt", "vtt", "verbose_json"])
async def test_transcriptions(sdk, form):
    file = ("a.mp3", b"ID3", "audio/mpeg")
    got = await sdk.audio.transcriptions.create(
        model="whisper-1", file=file, response_format=form, temperature=0.5
    )
    assert "One two three" in (got if isinstance(got, str) else got.text)


async def test_more_transcriptions(api, sdk):
    file = ("a.mp3", b"ID3", "audio/mpeg")
    stream = await sdk.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=file, stream=True
    )
    assert [event.type async for event in stream][-1] == "transcript.text.done"
    english = await api.form("/audio/translations", {"model": "whisper-1"}, {"file": file})
    assert english.json()["text"] == "One two three"
    assert (await api.post("/audio/transcriptions", {"model": "whisper-1"})).status_code == 415


async def test_videos(api, sdk):
    api.double.ready_after_polls = 2
    video = await sdk.videos.create(
        model="sora-2",
        prompt="a cat",
        seconds="8",
        size="1280x720",
        input_reference=("a.png", b"\x89PNG", "image/png"),
    )
    states = [await sdk.videos.retrieve(video.id) for _ in range(3)]
    assert [state.status for state in states] == ["queued", "in_progress", "completed"]
    assert [state.progress for state in states] == [0, 33, 100]
    content = await sdk.videos.download_content(video.id)
    assert content.content[4:8] == b"ftyp"
    still = await sdk.videos.download_content(video.id, variant="thumbnail")
    assert still.content.startswith(b"\x89PNG")
    again = await sdk.videos.remix(video.id, prompt="a dog")
    assert (again.remixed_from_video_id, again.seconds) == (video.id, "8")
    assert [one.id async for one in await sdk.videos.list()] == [again.id, video.id]
    assert (await sdk.videos.delete(video.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await sdk.videos.retrieve(video.id)


async def test_video_refusals(api):
    for change in ({"seconds": 8}, {"seconds": "5"}, {"size": "640x480"}, {"size": "1792x1024"}):
        assert (await api.post("/videos", {"prompt": "a"} | change)).status_code == 400
    api.double.fail_next("no", moderation=True)
    video = (await api.post("/videos", {"prompt": "a"})).json()
    assert video["error"] == {"code": "moderation_blocked", "message": "no"}
    assert (await api.get(f"/videos/{video['id']}/content")).status_code == 404
    assert (await api.get(f"/videos/{video['id']}/content?variant=x")).status_code == 400
