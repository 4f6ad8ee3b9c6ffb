"""Speech, sounds, music and transcripts by task, through the real SDK and on the wire."""

import asyncio
import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from proxy.sandbox import Sandbox
from proxy.sandbox.assets import asset
from tests import openapi
from tests.harness import Proxy, config_for, proxy_in_thread, write
from translators.convert import ELEVENLABS, VOICES

TTS = "onysoft/elevenlabs/text-to-speech-multilingual-v2"
EFFECT = "onysoft/elevenlabs/sound-effect-v2"
STT = "onysoft/elevenlabs/speech-to-text"
# Target → (the double behind it, the kind of the job).
TARGETS = {
    "ai-gate-one/voice": ("ai-gate.one", "speech"),
    "ai-gate-one/sound": ("ai-gate.one", "sound"),
    "apiin-one/elevenlabs-v3": ("apiin.one", "speech"),
    "apiin-one/suno": ("apiin.one", "music"),
    "apiin-one/minimax-music": ("apiin.one", "music"),
    TTS: ("onysoft", "speech"),
    "onysoft/elevenlabs/v3-text-to-dialogue": ("onysoft", "speech"),
    EFFECT: ("onysoft", "sound"),
    "onysoft/ai-music-api/sounds": ("onysoft", "sound"),
    "onysoft/suno-v4": ("onysoft", "music"),
    "onysoft/ai-music-api/generate": ("onysoft", "music"),
}
SPEAKING = [target for target, (_, kind) in TARGETS.items() if kind == "speech"]
SPEECH = "/v1/audio/speech"
HEARD = ("talk.mp3", asset("mp3"), "audio/mpeg")
WORDS = "Hello from the Anygate sandbox."


def spoken(shared: Proxy, model: str, **more: Any) -> httpx.Response:
    with shared.http() as client:
        return client.post(SPEECH, json={"model": model, "input": "Hello", **more})


def code(answer: httpx.Response, status: int = 400) -> tuple[str, str | None]:
    assert answer.status_code == status, answer.text[:300]
    openapi.check(answer.request.method, answer.request.url.path, status, answer.json())
    error = answer.json()["error"]
    return error["code"], error["param"]


def submitted(gateways: Sandbox, target: str) -> Any:
    """The one request that the double behind the target has got."""
    [seen] = gateways[TARGETS[target][0]].submits
    return seen.body


# -- every row -----------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
def test_whatever_sounds_answers_the_sdk(shared: Proxy, gateways: Sandbox, target: str) -> None:
    row, kind = TARGETS[target]
    with shared.sdk() as client, shared.http() as plain:
        made = client.audio.speech.create(model=target, input="Hello there", voice="alloy")
        headers = made.response.headers
        assert made.content == asset("mp3")
        assert headers["content-type"] == "audio/mpeg"
        assert headers["content-length"] == str(len(asset("mp3")))
        assert headers["x-anygate-provider"] == row.replace(".", "-")
        assert headers["x-anygate-model"] == target.partition("/")[2]
        # A sound has no voice: OpenAI's obligatory one is left out, and named.
        assert headers.get("x-anygate-dropped") == (None if kind == "speech" else "voice")
        job = plain.get(f"/v1/jobs/{headers['x-anygate-job']}").json()
        content = plain.get(f"/v1/jobs/{headers['x-anygate-job']}/content")
    assert (job["kind"], job["status"], job["model"]) == (kind, "completed", target)
    assert job["id"].startswith(f"{kind}_")
    assert job["prompt"] == "Hello there"
    assert content.content == made.content
    assert len(gateways[row].submits) == 1


async def test_the_async_sdk_streams_it(shared: Proxy) -> None:
    async with (
        shared.async_sdk() as client,
        client.audio.speech.with_streaming_response.create(
            model=TTS, input="Hello", voice="alloy"
        ) as made,
    ):
        assert b"".join([chunk async for chunk in made.iter_bytes()]) == asset("mp3")


def test_costs_are_told(shared: Proxy) -> None:
    assert spoken(shared, TTS).headers["x-anygate-cost"] == "0.06"
    assert spoken(shared, "ai-gate-one/voice").headers["x-anygate-cost"] == "0.0005"
    assert spoken(shared, "ai-gate-one/sound", seconds=3).headers["x-anygate-cost"] == "0.03"


# -- what is sent --------------------------------------------------------------------------------


def voices_sent(gateways: Sandbox, target: str) -> dict[str, str]:
    """What was to be said → the voice that was sent along."""
    found = {}
    for seen in gateways[TARGETS[target][0]].submits:
        [line] = seen.body.get("dialogue", [{}])
        text = line.get("text") or seen.body.get("text") or seen.body["prompt"]
        found[text] = line.get("voice") or seen.body.get("name") or seen.body["voice"]
    return found


@pytest.mark.parametrize("target", SPEAKING)
async def test_openais_voices_and_elevenlabs_in_any_case(
    shared: Proxy, gateways: Sandbox, target: str
) -> None:
    assert len(ELEVENLABS) == 20
    cases = [(name, name) for name in ELEVENLABS] + list(VOICES.items()) + [("ALLOY", "Rachel")]
    cases += [(changed, name) for name in ELEVENLABS for changed in (name.lower(), name.upper())]
    async with shared.async_sdk() as client:
        say = client.audio.speech.create
        asked = [say(model=target, input=f"I am {said}", voice=said) for said, _ in cases]
        asked.append(say(model=target, input="I am by id", voice={"id": "nova"}))
        await asyncio.gather(*asked)
    wanted = {f"I am {said}": native for said, native in cases} | {"I am by id": "Sarah"}
    assert voices_sent(gateways, target) == wanted


def test_another_voice_passes_where_the_page_allows_it(shared: Proxy, gateways: Sandbox) -> None:
    for target in ("ai-gate-one/voice", "apiin-one/elevenlabs-v3"):
        assert spoken(shared, target, voice="narrator").status_code == 200
        assert voices_sent(gateways, target) == {"Hello": "narrator"}
    refused = spoken(shared, TTS, voice="narrator")
    assert code(refused) == ("unsupported_value", "voice")
    assert "Rachel" in refused.json()["error"]["message"]
    assert not gateways["onysoft"].submits


@pytest.mark.parametrize(
    ("target", "given", "native"),
    [
        ("ai-gate-one/voice", {"speed": 0.7}, {"speed": 0.7}),
        ("ai-gate-one/voice", {"speed": 1.2}, {"speed": 1.2}),
        ("ai-gate-one/voice", {"stability": 0, "style": 1}, {"stability": 0, "style": 1}),
        ("ai-gate-one/sound", {}, {"durationMs": 5000}),
        ("ai-gate-one/sound", {"durationMs": 500}, {"durationMs": 500}),
        ("ai-gate-one/sound", {"seconds": 0.499}, {"durationMs": 500}),
        ("ai-gate-one/sound", {"seconds": 2.5, "isLoop": True}, {"durationMs": 2500}),
        (EFFECT, {"seconds": 1}, {"duration_seconds": 1.0}),
        (EFFECT, {"seconds": "22"}, {"duration_seconds": 22.0}),
        (EFFECT, {"duration_seconds": 1}, {"duration_seconds": 1}),
        (EFFECT, {"duration_seconds": 22}, {"duration_seconds": 22}),
        ("apiin-one/suno", {"input": "x" * 400}, {"gpt_description_prompt": "x" * 400}),
        ("apiin-one/suno", {"input": "x" * 401}, {"prompt": "x" * 401}),
        ("apiin-one/suno", {"input": "x" * 3000}, {"prompt": "x" * 3000}),
        ("apiin-one/suno", {"style": "folk"}, {"prompt": "Hello", "style": "folk"}),
        ("apiin-one/elevenlabs-v3", {}, {"dialogue": [{"text": "Hello"}]}),
        (TTS, {"speed": 1}, {"prompt": "Hello"}),
    ],
)
def test_limits_edges_are_sent(
    shared: Proxy, gateways: Sandbox, target: str, given: dict[str, Any], native: dict[str, Any]
) -> None:
    assert spoken(shared, target, **given).status_code == 200
    body = submitted(gateways, target)
    assert {name: body.get(name) for name in native} == native
    assert not {"input", "response_format", "stream_format", "seconds"} & body.keys()


@pytest.mark.parametrize(
    ("target", "given", "expected"),
    [
        ("ai-gate-one/voice", {"speed": 0.69}, ("unsupported_value", "speed")),
        ("ai-gate-one/voice", {"speed": 1.21}, ("unsupported_value", "speed")),
        ("ai-gate-one/sound", {"durationMs": 499}, ("unsupported_value", "durationMs")),
        (EFFECT, {"seconds": 22.5}, ("unsupported_value", "seconds")),
        (EFFECT, {"duration_seconds": 0.9}, ("unsupported_value", "duration_seconds")),
        (EFFECT, {"duration_seconds": 23}, ("unsupported_value", "duration_seconds")),
        ("apiin-one/suno", {"input": "x" * 3001}, ("unsupported_value", "prompt")),
        ("apiin-one/elevenlabs-v3", {"speed": 1.1}, ("unsupported_parameter", "speed")),
        (TTS, {"speed": 0.9}, ("unsupported_parameter", "speed")),
        (TTS, {"made_up": 1}, ("unsupported_parameter", "made_up")),
        (TTS, {"input": None}, ("missing_required_parameter", "input")),
        (TTS, {"input": " "}, ("missing_required_parameter", "input")),
        (TTS, {"input": 5}, ("invalid_type", "input")),
        ("apiin-one/suno", {"input": None}, ("missing_required_parameter", "input")),
        (TTS, {"response_format": "ogg"}, ("unsupported_value", "response_format")),
        (TTS, {"response_format": "aac"}, ("unsupported_value", "response_format")),
        (TTS, {"response_format": 1}, ("invalid_type", "response_format")),
        (TTS, {"stream_format": "ndjson"}, ("unsupported_value", "stream_format")),
        ("apiin-one/flux-2", {}, ("unsupported_endpoint", "model")),
        ("onysoft/sora-2", {}, ("unsupported_endpoint", "model")),
    ],
)
def test_what_is_beyond_them_is_refused_and_nothing_sent(
    shared: Proxy,
    gateways: Sandbox,
    target: str,
    given: dict[str, Any],
    expected: tuple[str, str],
) -> None:
    answer = spoken(shared, target, voice="alloy", **given)
    assert code(answer) == expected
    assert "x-anygate-job" not in answer.headers
    assert not [one for double in gateways.doubles.values() for one in double.submits]


def test_instructions_are_dropped_and_named(shared: Proxy) -> None:
    answer = spoken(shared, TTS, voice="alloy", instructions="calm", speed=1)
    assert answer.headers["x-anygate-dropped"] == "instructions,speed"


def test_native_names_stand_for_the_input(shared: Proxy, gateways: Sandbox) -> None:
    lines = [{"text": "Hi", "voice": "narrator"}, {"text": "Ho", "voice": "user"}]
    with shared.http() as client:
        body = {"model": "apiin-one/elevenlabs-v3", "dialogue": lines}
        assert client.post(SPEECH, json=body).status_code == 200
    assert submitted(gateways, "apiin-one/elevenlabs-v3")["dialogue"] == lines


# -- formats -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "mime", "begin"),
    [
        ("mp3", "audio/mpeg", b"\xff"),
        ("opus", "audio/ogg", b"OggS"),
        ("flac", "audio/flac", b"fLaC"),
        ("wav", "audio/wav", b"RIFF"),
        ("pcm", "audio/pcm", b""),
    ],
)
def test_formats(shared: Proxy, wanted: Any, mime: str, begin: bytes) -> None:
    with shared.sdk() as client:
        made = client.audio.speech.create(
            model=TTS, input="Hi", voice="alloy", response_format=wanted
        )
    assert made.response.headers["content-type"] == mime
    assert made.response.headers["content-length"] == str(len(made.content))
    assert made.content.startswith(begin)
    if wanted == "pcm":
        assert len(made.content) == pytest.approx(1.57 * 48_000, rel=0.01)


def test_what_the_gateway_gives_already_is_not_made_again(shared: Proxy) -> None:
    wav = "onysoft/ai-music-api/convert-to-wav-format"
    for given in ({}, {"response_format": "wav"}):
        answer = spoken(shared, wav, audio_url="https://example.com/a.mp3", **given)
        assert answer.headers["content-type"] == "audio/wav"
        assert answer.content == asset("wav")
    made = spoken(shared, wav, audio_url="https://example.com/a.mp3", response_format="mp3")
    assert made.headers["content-type"] == "audio/mpeg"


def test_the_type_is_what_the_bytes_say(shared: Proxy, gateways: Sandbox) -> None:
    for lie in ("application/octet-stream", "video/mp4"):
        gateways["onysoft"].fault("file", content_type=lie)
        assert spoken(shared, TTS).headers["content-type"] == "audio/mpeg"


def test_without_the_library_nothing_is_paid_for_what_it_would_make(
    shared: Proxy, gateways: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    assert code(spoken(shared, TTS, response_format="wav")) == (
        "unsupported_value",
        "response_format",
    )
    assert not gateways["onysoft"].submits
    assert spoken(shared, TTS, response_format="mp3").content == asset("mp3")


def test_what_turns_out_to_be_impossible_leaves_the_job(
    shared: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    wav = "onysoft/ai-music-api/convert-to-wav-format"
    answer = spoken(shared, wav, audio_url="https://example.com/a.mp3", response_format="mp3")
    assert code(answer) == ("unsupported_value", "response_format")
    assert "audio/wav" in answer.json()["error"]["message"]
    assert answer.headers["x-should-retry"] == "false"
    with shared.http() as client:
        content = client.get(f"/v1/jobs/{answer.headers['x-anygate-job']}/content")
    assert content.content == asset("wav")


# -- events --------------------------------------------------------------------------------------


def events_of(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    found = []
    for block in answer.text.split("\n\n"):
        if block and not block.startswith(":"):
            name, data = block.split("\n")
            found.append(json.loads(data.removeprefix("data: ")))
            assert name == f"event: {found[-1]['type']}"
    return found


@pytest.mark.parametrize("target", SPEAKING)
@pytest.mark.parametrize("wanted", ["mp3", "wav"])
def test_speech_as_events(shared: Proxy, target: str, wanted: str) -> None:
    answer = spoken(shared, target, stream_format="sse", response_format=wanted)
    *deltas, done = events_of(answer)
    for delta in deltas:
        openapi.check_event("SpeechAudioDeltaEvent", delta)
    openapi.check_event("SpeechAudioDoneEvent", done)
    assert done["usage"] == {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    sound = b"".join(base64.b64decode(one["audio"]) for one in deltas)
    assert sound == asset("mp3") if wanted == "mp3" else sound.startswith(b"RIFF")
    assert answer.headers["x-anygate-job"]


def test_a_failure_before_the_first_event_is_a_status(shared: Proxy, gateways: Sandbox) -> None:
    gateways["onysoft"].fail_next("too rude", moderation=False)
    answer = spoken(shared, TTS, stream_format="sse")
    assert code(answer, 502) == ("generation_failed", None)
    assert "too rude" in answer.json()["error"]["message"]


# -- failures and repetitions --------------------------------------------------------------------


def test_gateways_failures(shared: Proxy, gateways: Sandbox) -> None:
    gateways["ai-gate.one"].fail_next("out of breath")
    failed = spoken(shared, "ai-gate-one/voice")
    assert code(failed, 502)[0] == "generation_failed"
    assert "out of breath" in failed.json()["error"]["message"]
    assert failed.headers["x-anygate-job"]
    assert failed.headers["x-should-retry"] == "false"
    gateways["onysoft"].fault("file", status=404)
    assert code(spoken(shared, TTS), 410)[0] == "content_expired"
    gateways["onysoft"].fault(
        "file", status=200, body="<html>", headers={"content-type": "text/html"}
    )
    assert code(spoken(shared, TTS), 502)[0] == "malformed_response"
    assert code(spoken(shared, "onysoft/elevenlabs/text-to-speech-turbo-2-5"), 502)


def test_a_result_in_words_is_no_sound(shared: Proxy) -> None:
    answer = spoken(shared, "onysoft/suno-generate-lyrics")
    assert code(answer, 502)[0] == "malformed_response"
    with shared.http() as client:
        words = client.get(f"/v1/jobs/{answer.headers['x-anygate-job']}/content")
    assert words.text == WORDS


def test_the_sdks_own_retries_make_one_task(shared: Proxy, gateways: Sandbox) -> None:
    double = gateways["onysoft"]
    double.fault("submit", late=0.6)
    headers = {"x-stainless-read-timeout": "60"}  # else the proxy speaks before the SDK gives up
    with shared.sdk(max_retries=2, timeout=0.4) as client:
        made = client.audio.speech.create(
            model=TTS, input="Once", voice="alloy", extra_headers=headers
        )
    assert made.content == asset("mp3")
    assert len(double.submits) == len(double.tasks) == 1


def test_before_the_sdk_gives_up_it_is_told_the_job(shared: Proxy, gateways: Sandbox) -> None:
    double = gateways["onysoft"]
    double.fault("submit", late=0.6)
    with (
        shared.sdk(max_retries=2, timeout=0.4) as client,
        pytest.raises(openai.InternalServerError) as raised,
    ):
        client.audio.speech.create(model=TTS, input="Once more", voice="alloy")
    assert raised.value.status_code == 504
    job = raised.value.response.headers["x-anygate-job"]
    with shared.http() as client:
        double.wait(lambda d: d.polls())
        shown = client.get(f"/v1/jobs/{job}").json()
    assert shown["kind"] == "speech"
    assert len(double.submits) == 1


def test_a_client_that_leaves_cancels_nothing(shared: Proxy, gateways: Sandbox) -> None:
    double = gateways["onysoft"]
    double.fault("submit", late=0.4)
    body = {"model": TTS, "input": "Nobody listens"}
    with shared.http() as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(SPEECH, json=body, timeout=0.2)
        double.wait(lambda d: d.polls())
        [job] = client.get("/v1/jobs?kind=speech&limit=1").json()["data"]
        assert job["prompt"] == "Nobody listens"
        assert ended(client, job["id"])["status"] == "completed"
    assert not double.submits[0].disconnected


def test_a_routes_own_parameters_hold(gateways: Sandbox, tmp_path: Path) -> None:
    params = {"response_format": "wav", "voice": "nova", "stream_format": "audio"}
    routes = {"talk": {"targets": [TTS], "params": params}}
    config = config_for(gateways, models=routes, defaults={"speech": "talk"})
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as client:
        assert client.post(SPEECH, json={"input": "Hi"}).headers["content-type"] == "audio/wav"
        made = client.post(SPEECH, json={"input": "Hi", "response_format": "mp3", "voice": "onyx"})
        assert made.headers["content-type"] == "audio/mpeg"
        assert code(client.post(SPEECH, json={}))[1] == "input"
    assert [seen.body["voice"] for seen in gateways["onysoft"].submits] == ["Sarah", "Brian"]


# -- jobs ----------------------------------------------------------------------------------------


def ended(client: httpx.Client, job_id: str) -> dict[str, Any]:
    while True:
        job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
        if job["status"] not in ("queued", "in_progress"):
            return job


def finished(client: httpx.Client, kind: str, **request: Any) -> dict[str, Any]:
    """A job made without waiting, once it has ended well."""
    made = client.post(f"/v1/jobs/{kind}", **request)
    assert made.status_code == 200, made.text
    job = ended(client, made.json()["id"])
    assert job["status"] == "completed", job
    return job


def test_two_tracks_are_picked_by_index(shared: Proxy, gateways: Sandbox) -> None:
    body = {"model": "apiin-one/suno", "prompt": "A calm song"}
    with shared.http() as client:
        job = finished(client, "music", json=body)
        assert [one["index"] for one in job["assets"]] == [0, 1]
        for index in (0, 1):
            answer = client.get(f"/v1/jobs/{job['id']}/content?index={index}")
            assert answer.content == asset("mp3")
        part = client.get(f"/v1/jobs/{job['id']}/content?index=1", headers={"range": "bytes=0-99"})
        assert (part.status_code, part.content) == (206, asset("mp3")[:100])
        beyond = client.get(f"/v1/jobs/{job['id']}/content?index=2")
        assert code(beyond, 404) == ("not_found", "index")
        assert code(client.get(f"/v1/jobs/{job['id']}/content?index=-1"))[1] == "index"
    paths = [seen.path.rpartition("/")[2] for seen in gateways["apiin.one"].seen("file")]
    assert paths == ["0.mp3", "1.mp3", "1.mp3"]


@pytest.mark.parametrize(
    ("kind", "model", "name"),
    [
        ("sound", "ai-gate-one/sound", "prompt"),
        ("sound", EFFECT, "prompt"),
        ("sound", EFFECT, "input"),
        ("music", "onysoft/suno-v4", "prompt"),
        ("speech", TTS, "input"),
        ("speech", EFFECT, "prompt"),
    ],
)
def test_jobs_take_prompt_or_input(
    shared: Proxy, gateways: Sandbox, kind: str, model: str, name: str
) -> None:
    with shared.http() as client:
        job = finished(client, kind, json={"model": model, name: "Rain"})
    assert (job["kind"], job["prompt"]) == (kind, "Rain")
    assert submitted(gateways, model)["prompt"] == "Rain"


# -- what needs an address of ours ---------------------------------------------------------------


@pytest.fixture
def reachable(gateways: Sandbox, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy that serves uploads to gateways, at its own address."""
    routes = {"listen": STT}
    config = config_for(gateways, models=routes, defaults={"transcription": "listen"})
    with proxy_in_thread(tmp_path, config) as running:
        assert running.service
        write(tmp_path, {**config, "server": {"port": 0, "public_url": running.url}})
        running.service.reload()
        yield running


def test_a_file_becomes_text(reachable: Proxy, gateways: Sandbox) -> None:
    with reachable.sdk() as client:
        made = client.audio.transcriptions.create(model=STT, file=HEARD)
        assert made.text == WORDS
        text = client.audio.transcriptions.create(
            model="listen", file=HEARD, response_format="text", language="en", prompt="Names"
        )
        assert text == WORDS
        events = list(client.audio.transcriptions.create(model=STT, file=HEARD, stream=True))
    assert [one.type for one in events] == ["transcript.text.delta", "transcript.text.done"]
    assert events[-1].text == WORDS  # type: ignore[union-attr]
    double = gateways["onysoft"]
    assert [one.data for one in double.fetched[-3:]] == [HEARD[1]] * 3
    assert double.submits[0].body["model"] == "elevenlabs/speech-to-text"


def test_transcripts_as_openai_describes_them(reachable: Proxy) -> None:
    with reachable.http() as client:
        made = client.post("/v1/audio/transcriptions", files={"file": HEARD})  # the default model
        assert made.json() == {"text": WORDS}
        openapi.check("POST", "/v1/audio/transcriptions", 200, made.json())
        assert made.headers["x-anygate-job"].startswith("transcription_")
        assert made.headers["x-anygate-cost"] == "0.0175"
        link = {"model": STT, "file": "https://example.com/talk.mp3"}
        assert client.post("/v1/audio/transcriptions", json=link).json()["text"] == WORDS
        streamed = client.post(
            "/v1/audio/transcriptions", data={"stream": "true"}, files={"file": HEARD}
        )
    delta, done = events_of(streamed)
    openapi.check_event("TranscriptTextDeltaEvent", delta)
    openapi.check_event("TranscriptTextDoneEvent", done)


def test_verbose_where_language_and_duration_are_known(reachable: Proxy, gateways: Sandbox) -> None:
    def ask(client: httpx.Client) -> httpx.Response:
        form = {"model": STT, "response_format": "verbose_json"}
        return client.post("/v1/audio/transcriptions", data=form, files={"file": HEARD})

    said = {"status": "completed", "text": "Hi", "language_code": "en", "duration": "2.5"}
    with reachable.http() as client:
        gateways["onysoft"].fault("poll", status=200, body={"success": True, "data": said})
        verbose = ask(client).json()
        openapi.check_event("CreateTranscriptionResponseVerboseJson", verbose)
        assert verbose == {"language": "en", "duration": 2.5, "text": "Hi"}
        unknown = ask(client)
        assert code(unknown) == ("unsupported_value", "response_format")
        words = client.get(f"/v1/jobs/{unknown.headers['x-anygate-job']}/content")
    assert words.text == WORDS


@pytest.mark.parametrize("shape", ["srt", "vtt", "diarized_json", "csv"])
def test_shapes_that_nobody_can_make_are_refused_first(
    shared: Proxy, gateways: Sandbox, shape: str
) -> None:
    form = {"model": STT, "response_format": shape}
    with shared.http() as client:
        answer = client.post("/v1/audio/transcriptions", data=form, files={"file": HEARD})
    assert code(answer) == ("unsupported_value", "response_format")
    assert "json, text, verbose_json" in answer.json()["error"]["message"]
    assert not gateways["onysoft"].submits


@pytest.mark.parametrize(
    ("form", "files", "expected"),
    [
        ({}, {}, ("missing_required_parameter", "file")),
        ({"file": "talk"}, {}, ("unsupported_value", "file")),
        ({"stream": "maybe"}, {"file": HEARD}, ("invalid_type", "stream")),
        ({"made_up": "1"}, {"file": HEARD}, ("unsupported_parameter", "made_up")),
        ({}, {"file": ("a.mp3", b"", "audio/mpeg")}, ("invalid_value", "file")),
    ],
)
def test_bad_transcription_requests(
    shared: Proxy, form: dict[str, str], files: dict[str, Any], expected: tuple[str, str]
) -> None:
    with shared.http() as client:
        parts = {name: (None, value) for name, value in {"model": STT, **form}.items()}
        answer = client.post("/v1/audio/transcriptions", files={**parts, **files})
    assert code(answer) == expected


@pytest.mark.parametrize("how", ["upload", "url", "data"])
def test_isolation_is_a_job_of_sound(reachable: Proxy, gateways: Sandbox, how: str) -> None:
    model = "onysoft/elevenlabs/audio-isolation"
    data = "data:audio/mpeg;base64," + base64.b64encode(HEARD[1]).decode()
    request: dict[str, Any] = {
        "upload": {"data": {"model": model}, "files": {"audio": HEARD}},
        "url": {"json": {"model": model, "audio": "https://example.com/a.mp3"}},
        "data": {"json": {"model": model, "audio": data}},
    }[how]
    with reachable.http() as client:
        job = finished(client, "sound", **request)
        content = client.get(f"/v1/jobs/{job['id']}/content")
    assert content.content == asset("mp3")
    double = gateways["onysoft"]
    assert double.submits[0].body["audio_url"].startswith("http")
    if how != "url":
        assert double.fetched[-1].data == HEARD[1]


def test_without_an_address_a_sound_has_no_way(shared: Proxy, gateways: Sandbox) -> None:
    """The page promises data URIs for pictures alone."""
    with shared.http() as client:
        answer = client.post("/v1/audio/transcriptions", data={"model": STT}, files={"file": HEARD})
    assert code(answer)[1] == "file"
    assert "public_url" in answer.json()["error"]["message"]
    assert gateways["onysoft"].submits == []
