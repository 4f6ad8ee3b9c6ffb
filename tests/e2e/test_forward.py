"""What an OpenAI-like gateway answers itself besides chat: sent on, passed back, cancelled with its client."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import openai
import orjson
import pytest

from proxy.endpoints.through import Held
from proxy.sandbox import Sandbox
from proxy.sandbox.assets import asset
from tests import openapi
from tests.harness import Proxy, config_for, proxy_in_thread

EMBEDDING = "text-embedding-3-small"
BODIES: dict[str, dict[str, Any]] = {
    "embeddings": {"model": f"openai/{EMBEDDING}", "input": "Hello"},
    "completions": {"model": "openai/gpt-3.5-turbo-instruct", "prompt": "Hello"},
    "moderations": {"model": "openai/omni-moderation-latest", "input": "an attack"},
    "responses": {"model": "openai/gpt-4o", "input": "Hello"},
}
SOUND = ("talk.mp3", asset("mp3"), "audio/mpeg")
SPEECH = {"model": "openai/tts-1", "input": "Hello", "voice": "alloy"}


def code(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    openapi.check(answer.request.method, answer.request.url.path, status, answer.json())
    return str(answer.json()["error"]["code"])


# -- whole answers -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BODIES)
def test_answers_pass_as_they_are(shared: Proxy, gateways: Sandbox, name: str) -> None:
    more = {} if name == "moderations" else {"provider_options": {"user": "u"}}
    with shared.http() as client:
        answer = client.post(f"/v1/{name}", json={**BODIES[name], **more})
    assert answer.status_code == 200, answer.text
    openapi.check("POST", f"/v1/{name}", 200, answer.json())
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-anygate-provider"] == "openai"
    model = BODIES[name]["model"].partition("/")[2]
    assert answer.headers["x-anygate-model"] == model
    [seen] = gateways["openai"].seen(name)
    assert seen.body == {**BODIES[name], "model": model, **more.get("provider_options", {})}


def test_the_sdk_reads_every_answer(shared: Proxy) -> None:
    with shared.sdk() as client:
        whole = client.embeddings.create(**BODIES["embeddings"], encoding_format="float")
        assert len(whole.data[0].embedding) == 8
        moderated = client.moderations.create(**BODIES["moderations"])
        assert moderated.results[0].flagged
        completed = client.completions.create(**BODIES["completions"])
        assert completed.choices[0].text.endswith("Hello")
        response = client.responses.create(**BODIES["responses"])
        events = list(client.responses.create(**BODIES["responses"], stream=True))
    assert [events[0].type, events[-1].type] == ["response.created", "response.completed"]
    said = "".join(one.delta for one in events if one.type == "response.output_text.delta")
    assert said == response.output_text


async def test_the_async_sdk_does_too(shared: Proxy) -> None:
    # What the SDK asks for when nothing is said, base64, fails its own strict validation.
    # So does the null that a completion's chunks have as their reason to finish.
    async with openai.AsyncOpenAI(base_url=shared.url + "/v1", api_key="none") as client:
        whole = await client.embeddings.create(model="aigate-shop/openai/" + EMBEDDING, input="a")
        assert len(whole.data[0].embedding) == 8
        parts = await client.completions.create(**BODIES["completions"], stream=True)
        assert "".join([one.choices[0].text async for one in parts]).endswith("Hello")
    async with shared.async_sdk() as client:
        stream = await client.responses.create(**BODIES["responses"], stream=True)
        assert [one.type async for one in stream][-1] == "response.completed"


@pytest.mark.parametrize("kind", ["transcriptions", "translations"])
def test_forms_travel_on_as_forms(shared: Proxy, gateways: Sandbox, kind: str) -> None:
    fields = {"model": "openai/whisper-1", "temperature": "0.5", "prompt": "Names: Ann"}
    more = {"timestamp_granularities[]": ["word", "segment"], "language": "en"}
    with shared.http() as client:
        answer = client.post(
            f"/v1/audio/{kind}",
            data={**fields, **(more if kind == "transcriptions" else {})},
            files={"file": SOUND},
        )
    assert answer.json()["text"] == "Hello from the Anygate sandbox."
    double = gateways["openai"]
    [seen] = double.submits
    assert seen.path == f"/v1/audio/{kind}"
    assert seen.body["model"] == "whisper-1"
    assert seen.body["temperature"] == "0.5"
    assert seen.body["file"]["size"] == len(SOUND[1])
    assert seen.body["file"]["content_type"] == "audio/mpeg"
    assert double.fetched[-1].data == SOUND[1]
    assert ("timestamp_granularities[]" in seen.body) == (kind == "transcriptions")


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the SDK's translations
def test_every_shape_of_a_transcription(shared: Proxy) -> None:
    with shared.sdk() as client:
        make = client.audio.transcriptions.create
        assert make(model="openai/whisper-1", file=SOUND).text
        assert make(model="openai/whisper-1", file=SOUND, response_format="text").strip()
        verbose = make(model="openai/whisper-1", file=SOUND, response_format="verbose_json")
        assert (verbose.language, verbose.duration) == ("english", 1.5)
        assert make(model="openai/whisper-1", file=SOUND, response_format="vtt").startswith(
            "WEBVTT"
        )
        events = list(make(model="openai/gpt-4o-transcribe", file=SOUND, stream=True))
        assert [one.type for one in events] == ["transcript.text.delta", "transcript.text.done"]
        assert client.audio.translations.create(model="openai/whisper-1", file=SOUND).text


@pytest.mark.parametrize(
    ("path", "row"),
    [
        *((path, "apiin-one/gemini") for path in BODIES),
        *((path, "onysoft/gpt-4o-mini") for path in BODIES),
        *((path, "ai-gate-one/text") for path in BODIES),
        ("completions", "aigate-shop/gpt-4o"),
        ("moderations", "aigate-shop/gpt-4o"),
        ("responses", "aigate-shop/gpt-4o"),
        ("audio/speech", "aigate-shop/tts-1"),
    ],
)
def test_elsewhere_there_is_no_such_endpoint(shared: Proxy, path: str, row: str) -> None:
    body = BODIES.get(path, SPEECH)
    with shared.http() as client:
        answer = client.post(f"/v1/{path}", json={**body, "model": row})
        assert code(answer, 400) == "unsupported_endpoint"
    for kind in ("translations", "transcriptions"):
        with shared.http() as client:
            form = client.post(f"/v1/audio/{kind}", data={"model": row}, files={"file": SOUND})
            assert code(form, 400) == "unsupported_endpoint"


@pytest.mark.parametrize(
    ("path", "body", "status", "expected"),
    [
        ("embeddings", {"input": None}, 400, "missing_required_parameter"),
        ("moderations", {"input": None}, 400, "missing_required_parameter"),
        ("completions", {"prompt": None}, 400, "missing_required_parameter"),
        ("completions", {"stream": "yes"}, 400, "invalid_type"),
        ("embeddings", {"model": 5}, 400, "invalid_type"),
        ("embeddings", {"model": None}, 400, "missing_required_parameter"),
        ("embeddings", {"model": "nothing"}, 404, "model_not_found"),
        ("embeddings", {"model": "openai/gpt-4o"}, 404, "model_not_found"),
        ("embeddings", {"dimensions": 0}, 400, "provider_rejected"),
        ("responses", {"made_up": 1}, 400, "provider_rejected"),
        ("embeddings", {"provider_options": {"model": "x"}}, 400, "unsupported_parameter"),
    ],
)
def test_bad_requests(
    shared: Proxy, path: str, body: dict[str, Any], status: int, expected: str
) -> None:
    with shared.http() as client:
        answer = client.post(f"/v1/{path}", json={**BODIES[path], **body})
        assert code(answer, status) == expected
        assert answer.headers["x-should-retry"] == "false"


def test_bodies_of_the_wrong_kind(shared: Proxy) -> None:
    with shared.http() as client:
        assert code(client.post("/v1/embeddings", content=b"{"), 400) == "invalid_json"
        form = client.post("/v1/embeddings", data={"model": "m"}, files={"file": SOUND})
        assert code(form, 400) == "invalid_json"
        no_file = client.post("/v1/audio/translations", json={"model": "openai/whisper-1"})
        assert code(no_file, 400) == "missing_required_parameter"
        assert code(client.get("/v1/embeddings"), 405) == "method_not_allowed"


# -- failures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "expected"),
    [
        ({"status": 401}, 502, "provider_auth_failed"),
        ({"status": 402}, 429, "provider_insufficient_quota"),
        ({"status": 422}, 400, "provider_rejected"),
        ({"status": 429, "headers": {"retry-after": "7"}}, 429, "provider_rate_limited"),
        ({"status": 500}, 502, "provider_error"),
        ({"status": 504}, 504, "provider_timeout"),
        ({"body": "<html>Bad gateway</html>"}, 502, "malformed_response"),
        ({"body": "[1]"}, 502, "malformed_response"),
        ({"body": {"error": {"message": "later", "code": 503}}}, 502, "provider_error"),
        ({"cut": "after"}, 502, "provider_error"),
        ({"truncate": 30}, 502, "provider_error"),
    ],
)
def test_failures_are_told_as_openai_would(
    shared: Proxy, gateways: Sandbox, fault: dict[str, Any], status: int, expected: str
) -> None:
    gateways["openai"].fault("embeddings", **fault)
    with shared.http() as client:
        answer = client.post("/v1/embeddings", json=BODIES["embeddings"])
    assert code(answer, status) == expected
    assert answer.headers.get("retry-after") == (
        "7" if status == 429 and "headers" in fault else None
    )


def test_nothing_of_a_gateways_headers_or_keys_comes_through(
    shared: Proxy, gateways: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    key = gateways.keys["openai"]
    double = gateways["openai"]
    headers = {"set-cookie": "a=b", "x-upstream": "1", "connection": "close", "server": "nginx"}
    body = {"object": "list", "data": [], "error": None, "model": f"see {key}"}
    double.fault("embeddings", status=200, body=body, headers=headers)
    double.fault("embeddings", status=401, body={"error": {"message": f"wrong key {key}"}})
    with shared.http() as client:
        answers = [client.post("/v1/embeddings", json=BODIES["embeddings"]) for _ in range(2)]
    assert not {"set-cookie", "x-upstream"} & answers[0].headers.keys()
    assert answers[0].headers.get("server") != "nginx"
    assert [one.status_code for one in answers] == [200, 502]
    assert key not in "".join(one.text for one in answers) + caplog.text


def make_fallbacks(gateways: Sandbox, folder: Path) -> dict[str, Any]:
    routes = {
        "both": [f"openai/{EMBEDDING}", f"aigate-shop/openai/{EMBEDDING}"],
        "one": [f"apiin-one/{EMBEDDING}", f"aigate-shop/openai/{EMBEDDING}"],
        "talk": [
            "openai/tts-1",
            "onysoft/elevenlabs/text-to-speech-turbo-2-5",
            "ai-gate-one/voice",
        ],
        "task-first": ["ai-gate-one/voice", "openai/tts-1"],
    }
    return config_for(gateways, models=routes)


@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"status": 404}, {"body": "?"}, {"cut": "before"}]
)
def test_the_next_target_answers(gateways: Sandbox, tmp_path: Path, fault: dict[str, Any]) -> None:
    gateways["openai"].fault("embeddings", **fault)
    config = make_fallbacks(gateways, tmp_path)
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as client:
        first, second = (
            client.post("/v1/embeddings", json={"model": "both", "input": "a"}) for _ in range(2)
        )
        assert first.headers["x-anygate-provider"] == "aigate-shop"
        assert second.headers["x-anygate-provider"] == "openai"
        # A target that has no such endpoint is none for it.
        only = client.post("/v1/embeddings", json={"model": "one", "input": "a"})
        assert only.headers["x-anygate-provider"] == "aigate-shop"
        assert "anygate_fallbacks_total" in client.get("/metrics").text


def test_no_fallback_for_the_requests_own_fault_and_the_last_error_stands(
    gateways: Sandbox, tmp_path: Path
) -> None:
    config = make_fallbacks(gateways, tmp_path)
    body = {"model": "both", "input": "a"}
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as client:
        gateways["openai"].fault("embeddings", status=400)
        assert code(client.post("/v1/embeddings", json=body), 400) == "provider_rejected"
        assert not gateways["aigate.shop"].seen("embeddings")
        gateways["openai"].fault("embeddings", status=500)
        gateways["aigate.shop"].fault("embeddings", status=504)
        assert code(client.post("/v1/embeddings", json=body), 504) == "provider_timeout"


def test_speech_falls_back_to_a_task_and_a_task_to_a_task(
    gateways: Sandbox, tmp_path: Path
) -> None:
    config = make_fallbacks(gateways, tmp_path)
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as client:
        gateways["openai"].fault("submit", status=500)
        gateways["onysoft"].fault("submit", status=402)
        answer = client.post("/v1/audio/speech", json={**SPEECH, "model": "talk"})
        assert answer.headers["x-anygate-provider"] == "ai-gate-one"
        assert answer.content == asset("mp3")
        # A job looks after its own kind only.
        gateways["ai-gate.one"].fault("submit", status=402)
        answer = client.post("/v1/audio/speech", json={**SPEECH, "model": "task-first"})
        assert code(answer, 429) == "provider_insufficient_quota"


# -- streams -------------------------------------------------------------------------------------


def streamed(client: httpx.Client, name: str) -> httpx.Response:
    return client.post(f"/v1/{name}", json={**BODIES[name], "stream": True})


@pytest.mark.parametrize("name", ["completions", "responses"])
@pytest.mark.parametrize(
    "fault", [{}, {"split": 7}, {"crlf": True}, {"comments": True, "split": 3}]
)
def test_bytes_of_a_stream_are_the_gateways(
    shared: Proxy, gateways: Sandbox, name: str, fault: dict[str, Any]
) -> None:
    if fault:
        gateways["openai"].fault(name, **fault)
    with shared.http() as client:
        answer = streamed(client, name)
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    text = answer.text.replace("\r\n", "\n")
    blocks = [one for one in text.split("\n\n") if one and not one.startswith(":")]
    assert ("\r\n" in answer.text) == ("crlf" in fault)
    assert (": a comment" in text) == ("comments" in fault)
    if name == "responses":
        assert all(one.startswith("event: response.") for one in blocks)
    else:
        assert blocks[-1] == "data: [DONE]"
        assert all(json.loads(one[6:])["choices"] for one in blocks[:-1])


def test_an_end_that_lacks_done_is_given_one(shared: Proxy, gateways: Sandbox) -> None:
    gateways["openai"].fault("completions", no_done=True)
    with shared.http() as client:
        assert streamed(client, "completions").text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("name", "fault", "expected"),
    [
        ("completions", {"no_done": True, "no_finish": True}, "provider_error"),
        ("completions", {"error_after": 2}, "provider_error"),
        ("completions", {"cut_after": 2}, "provider_error"),
        ("responses", {"error_after": 2}, "provider_error"),
        ("responses", {"cut_after": 2}, "provider_error"),
    ],
)
def test_a_stream_that_breaks_ends_with_an_error(
    shared: Proxy, gateways: Sandbox, name: str, fault: dict[str, Any], expected: str
) -> None:
    gateways["openai"].fault(name, **fault)
    gateways["openai"].timing["chat"] = 0.01
    with shared.http() as client:
        last = streamed(client, name).text.split("\n\n")[-2]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == expected


@pytest.mark.parametrize("fault", [{"error_after": 0}, {"cut_after": 0}, {"status": 500}])
def test_before_the_first_byte_an_error_is_a_status(
    shared: Proxy, gateways: Sandbox, fault: dict[str, Any]
) -> None:
    gateways["openai"].fault("completions", **fault)
    with shared.http() as client:
        assert code(streamed(client, "completions"), 502) == "provider_error"


@pytest.mark.parametrize("name", ["completions", "responses"])
def test_an_error_that_is_no_event_is_told(shared: Proxy, gateways: Sandbox, name: str) -> None:
    error = '{"error": {"message": "No credit.", "code": 402}}'
    headers = {"content-type": "text/event-stream"}
    gateways["openai"].fault(name, status=200, body=error, headers=headers)
    with shared.http() as client:
        assert code(streamed(client, name), 429) == "provider_insufficient_quota"


def test_a_completion_that_comes_whole_is_a_stream(shared: Proxy, gateways: Sandbox) -> None:
    with shared.http() as client:
        body = client.post("/v1/completions", json=BODIES["completions"]).json()
        gateways["openai"].fault("completions", status=200, body=body)
        answer = streamed(client, "completions")
        gateways["openai"].fault("completions", status=200, body=body)
        with shared.sdk() as sdk:
            [chunk] = sdk.completions.create(**BODIES["completions"], stream=True)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.text == f"data: {orjson.dumps(body).decode()}\n\ndata: [DONE]\n\n"
    assert chunk.to_dict() == body


WHOLE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1.0,
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "metadata": {},
    "model": "gpt-4o",
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "output": [
        {"id": "rs_1", "type": "reasoning", "summary": []},
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [
                {"type": "output_text", "text": "Hello there", "annotations": [], "logprobs": []},
                {"type": "refusal", "refusal": "No more."},
            ],
        },
        {
            "id": "fc_1",
            "type": "function_call",
            "call_id": "call_1",
            "name": "look",
            "arguments": '{"at": "it"}',
            "status": "completed",
        },
    ],
}


def test_a_response_that_comes_whole_is_its_events(shared: Proxy, gateways: Sandbox) -> None:
    double = gateways["openai"]
    double.fault("responses", status=200, body=WHOLE)
    with shared.http() as client:
        blocks = streamed(client, "responses").text.split("\n\n")[:-1]
    for number, block in enumerate(blocks):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        openapi.check_event("ResponseStreamEvent", event)
        assert name == f"event: {event['type']}"
        assert event["sequence_number"] == number
    double.fault("responses", status=200, body=WHOLE)
    asked: Any = {"model": "openai/gpt-4o", "input": "Hello"}
    with shared.sdk() as client, client.responses.stream(**asked) as stream:
        heard = list(stream)
        final = stream.get_final_response()
    assert [one.delta for one in heard if one.type == "response.output_text.delta"] == [
        "Hello there"
    ]
    assert final.output_text == "Hello there"
    assert [one.type for one in final.output] == ["reasoning", "message", "function_call"]
    assert final.output[2].arguments == '{"at": "it"}'


def test_what_only_looks_like_json_is_no_stream(shared: Proxy, gateways: Sandbox) -> None:
    headers = {"content-type": "application/json"}
    gateways["openai"].fault("responses", status=200, body=b"{'a': 1}", headers=headers)
    with shared.http() as client:
        assert code(streamed(client, "responses"), 502) == "malformed_response"


@pytest.mark.parametrize("status", ["completed", "failed", "incomplete", "queued"])
def test_its_end_is_what_it_says(shared: Proxy, gateways: Sandbox, status: str) -> None:
    whole = {**WHOLE, "status": status, "output": None}
    gateways["openai"].fault("responses", status=200, body=whole)
    with shared.http() as client:
        text = streamed(client, "responses").text
    last = text.split("\n\n")[-2].split("\n")[0]
    assert last == f"event: response.{'in_progress' if status == 'queued' else status}"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_only_whole_events_are_let_through(size: int, end: bytes) -> None:
    line = end[: len(end) // 2]
    stream = end.join([b"event: a" + line + b"data: 1", b": comment", b"data: 2", b"data: 3"])
    held = Held()
    pieces = [held.feed(stream[at : at + size]) for at in range(0, len(stream), size)]
    assert all(piece.endswith(b"\n\n") or piece.endswith(end) for piece in pieces if piece)
    assert b"".join(pieces) + b"data: 3" == stream
    assert held.close() == b"data: 3\n\n"
    assert Held().close() == b""


# -- sounds --------------------------------------------------------------------------------------


def test_sounds_and_their_events_pass(shared: Proxy, gateways: Sandbox) -> None:
    with shared.sdk() as client, shared.http() as plain:
        made = client.audio.speech.create(**SPEECH, instructions="calm", speed=1.5)
        assert made.content == asset("mp3")
        assert made.response.headers["content-type"] == "audio/mpeg"
        assert made.response.headers["content-length"] == str(len(asset("mp3")))
        assert "x-anygate-job" not in made.response.headers
        wav = client.audio.speech.create(**SPEECH, response_format="wav")
        assert wav.content == asset("wav")
        events = plain.post("/v1/audio/speech", json={**SPEECH, "stream_format": "sse"})
    data = [json.loads(one[6:]) for one in events.text.split("\n\n") if one]
    assert b"".join(base64.b64decode(one.get("audio", "")) for one in data) == asset("mp3")
    assert data[-1]["type"] == "speech.audio.done"
    assert gateways["openai"].submits[0].body["speed"] == 1.5


@pytest.mark.parametrize(
    ("fault", "status", "expected"),
    [
        ({"status": 200, "body": b"<html>", "headers": {"content-type": "text/html"}}, 502, None),
        ({"status": 200, "body": {"error": {"message": "no", "code": 400}}}, 400, None),
        ({"status": 200, "body": {"odd": 1}}, 502, "malformed_response"),
        ({"cut": "after"}, 502, "provider_error"),
    ],
)
def test_what_comes_instead_of_a_sound(
    shared: Proxy, gateways: Sandbox, fault: dict[str, Any], status: int, expected: str | None
) -> None:
    gateways["openai"].fault("submit", **fault)
    with shared.http() as client:
        found = code(client.post("/v1/audio/speech", json=SPEECH), status)
    assert expected in (None, found)


def test_a_sound_that_breaks_off_is_seen_to_be_incomplete(shared: Proxy, gateways: Sandbox) -> None:
    gateways["openai"].fault("submit", truncate=3000)
    with shared.http() as client, pytest.raises(httpx.RemoteProtocolError):
        client.post("/v1/audio/speech", json=SPEECH)


# -- clients that go away ------------------------------------------------------------------------


def leave(send: Callable[[], Any]) -> None:
    with pytest.raises((httpx.ReadTimeout, openai.APITimeoutError)):
        send()


@pytest.mark.parametrize("name", BODIES)
def test_whoever_leaves_takes_the_request_along(
    shared: Proxy, gateways: Sandbox, name: str
) -> None:
    double = gateways["openai"]
    double.fault(name, hang=True)
    with shared.http() as client:
        leave(lambda: client.post(f"/v1/{name}", json=BODIES[name], timeout=0.3))
    double.wait(lambda d: d.seen(name)[0].disconnected, timeout=1.0)


@pytest.mark.parametrize("name", ["completions", "responses"])
def test_a_stream_ends_upstream_with_its_client(
    shared: Proxy, gateways: Sandbox, name: str
) -> None:
    double = gateways["openai"]
    double.fault(name, stall_after=1)
    with (
        shared.http() as client,
        client.stream("POST", f"/v1/{name}", json={**BODIES[name], "stream": True}) as answer,
    ):
        next(answer.iter_raw())
    double.wait(lambda d: d.seen(name)[0].disconnected, timeout=1.0)


def test_a_sound_ends_upstream_with_its_client(shared: Proxy, gateways: Sandbox) -> None:
    double = gateways["openai"]
    double.fault("submit", drip=5.0)
    with (
        shared.http() as client,
        client.stream("POST", "/v1/audio/speech", json=SPEECH) as answer,
    ):
        assert asset("mp3").startswith(next(answer.iter_raw()))
    double.wait(lambda d: d.submits[0].disconnected, timeout=1.0)
