"""apiin.one's music and speech: what is sent."""

from typing import Any

import pytest

from tests.translators.rowbench import Bench
from translators.apiin_one import ROW
from translators.core import Request
from translators.errors import InvalidType, MissingParameter, UnsupportedValue

BENCH = Bench(ROW, "image", "flux-2")
planned, sent = BENCH.planned, BENCH.sent


@pytest.mark.parametrize("name", ["input", "prompt"])
def test_a_short_text_alone_is_inspiration(name: str) -> None:
    said = "a" * 400
    assert sent("music", "suno", **{name: said}) == {
        "model": "suno",
        "gpt_description_prompt": said,
    }


@pytest.mark.parametrize("beside", [{"style": "pop"}, {"title": "Summer"}])
def test_a_text_beside_style_or_title_is_lyrics(beside: dict[str, str]) -> None:
    assert sent("music", "suno", input="la la", **beside) == {
        "model": "suno",
        "prompt": "la la",
        **beside,
    }


def test_a_long_text_is_lyrics_and_a_native_description_stays_one() -> None:
    assert sent("music", "suno", input="a" * 401) == {"model": "suno", "prompt": "a" * 401}
    assert sent("music", "suno", gpt_description_prompt="x", prompt="y") == {
        "model": "suno",
        "gpt_description_prompt": "x",
        "prompt": "y",
    }


def test_minimax_music_takes_a_prompt() -> None:
    made = planned("music", "minimax-music", input="a" * 5001, voice="alloy")
    assert made.request.body == {"model": "minimax-music", "prompt": "a" * 5001}
    assert made.dropped == ("voice",)
    with pytest.raises(InvalidType):
        planned("music", "minimax-music", input=7)


@pytest.mark.parametrize(
    ("model", "path", "params", "body", "polls"),
    [
        (
            "suno-extend",
            "/audio/music/extend",
            {"origin_task_id": "t", "input": "more", "extensionStartTime": 30, "tags": "pop"},
            {
                "origin_task_id": "t",
                "extend_audio_index": 0,
                "prompt": "more",
                "extensionStartTime": 30,
                "tags": "pop",
            },
            ("/tasks/{id}", "/audio/music/feed?task_id={id}"),
        ),
        (
            "suno-cover",
            "/audio/music/cover/generate",
            {"task_id": "t"},
            {"task_id": "t"},
            ("/tasks/{id}", "/audio/music/cover/status?task_id={id}"),
        ),
        (
            "suno-upload-cover",
            "/audio/music/upload-cover/generate",
            {"audio_id": "a", "custom_mode": True, "input": "la", "style": "pop", "title": "T"},
            {"audio_id": "a", "custom_mode": True, "prompt": "la", "style": "pop", "title": "T"},
            ("/tasks/{id}", "/audio/music/upload-cover/status?task_id={id}"),
        ),
        (
            "suno-lyrics",
            "/audio/music/timestamped-lyrics",
            {"task_id": "t", "audio_id": "a"},
            {"task_id": "t", "audio_id": "a"},
            None,
        ),
    ],
)
def test_sunos_further_routes(model: str, path: str, params: Any, body: Any, polls: Any) -> None:
    made = planned("music", model, **params)
    assert made.request == Request("POST", path, body)
    assert (made.operation.poll and made.operation.poll.paths) == polls


@pytest.mark.parametrize(
    ("model", "param"),
    [
        ("suno-extend", "origin_task_id"),
        ("suno-cover", "task_id"),
        ("suno-upload-cover", "audio_id"),
        ("suno-lyrics", "task_id"),
    ],
)
def test_sunos_further_routes_need_what_they_work_on(model: str, param: str) -> None:
    with pytest.raises(MissingParameter) as raised:
        planned("music", model, input="x")
    assert raised.value.param == param


@pytest.mark.parametrize(
    ("voice", "native"),
    [("alloy", "Rachel"), ({"id": "aria"}, "Aria"), ("narrator", "narrator")],
)
def test_speech_is_a_dialogue_of_one(voice: Any, native: str) -> None:
    made = planned("speech", "elevenlabs-v3", input="Hi", voice=voice, speed=1, language_code="en")
    assert made.request == Request(
        "POST",
        "/audio/speech",
        {
            "model": "elevenlabs-v3",
            "dialogue": [{"text": "Hi", "voice": native}],
            "language_code": "en",
        },
    )
    assert made.dropped == ("speed",)


def test_speech_without_a_voice_and_with_a_bad_dialogue() -> None:
    assert sent("speech", "elevenlabs-v3", input="Hi")["dialogue"] == [{"text": "Hi"}]
    with pytest.raises(MissingParameter) as missing:
        sent("speech", "elevenlabs-v3", dialogue=[{"voice": "x"}])
    assert missing.value.param == "dialogue[0].text"
    with pytest.raises(UnsupportedValue):
        sent("speech", "elevenlabs-v3", input="")
