"""Onysoft's speech, sounds, music and transcripts: what is sent."""

from typing import Any

import pytest

from tests.translators.rowbench import Bench
from translators.core import Hosted, Request, Source
from translators.errors import (
    MissingParameter,
    TranslationError,
    UnsupportedParameter,
    UnsupportedValue,
)
from translators.onysoft import ROW

SOUND = Source(data=b"ID3", mime="audio/mpeg")
BENCH = Bench(ROW, "video", "veo3")
planned = BENCH.planned


TTS = "elevenlabs/text-to-speech-multilingual-v2"


@pytest.mark.parametrize(
    ("said", "native"),
    [("alloy", "Rachel"), ("brian", "Brian"), ("WILL", "Will"), ({"id": "nova"}, "Sarah")],
)
@pytest.mark.parametrize(
    "model", [TTS, "elevenlabs/text-to-speech-turbo-2-5", "elevenlabs/v3-text-to-dialogue"]
)
def test_speech(model: str, said: Any, native: str) -> None:
    made = planned("speech", model, input="Hi", voice=said, instructions="calm", speed=1)
    assert made.request == Request(
        "POST", "/voice/generate", {"model": model, "prompt": "Hi", "voice": native}
    )
    assert made.dropped == ("instructions", "speed")


def test_the_dialogue_model_takes_a_dialogue() -> None:
    lines = [{"text": "Hi", "voice": "Rachel"}]
    body = planned("speech", "elevenlabs/v3-text-to-dialogue", dialogue=lines).request.body
    assert body == {"model": "elevenlabs/v3-text-to-dialogue", "dialogue": lines}


@pytest.mark.parametrize(
    ("kind", "model", "good", "bad"),
    [
        ("speech", TTS, {"voice": "Lily"}, {"voice": "narrator"}),
        ("speech", TTS, {"speed": 1.0}, {"speed": 1.2}),
        ("speech", TTS, {"stability": 0}, {"stability": -0.01}),
        ("speech", TTS, {"stability": 1}, {"stability": 1.01}),
        ("speech", TTS, {"similarity_boost": 1}, {"similarity_boost": 1.01}),
        ("speech", TTS, {"style": 1}, {"style": 1.01}),
        ("sound", "elevenlabs/sound-effect-v2", {"duration_seconds": 1}, {"duration_seconds": 0.9}),
        (
            "sound",
            "elevenlabs/sound-effect-v2",
            {"duration_seconds": 22.0},
            {"duration_seconds": 22.1},
        ),
        ("sound", "elevenlabs/sound-effect-v2", {"seconds": "22"}, {"seconds": "23"}),
        ("sound", "elevenlabs/sound-effect-v2", {"prompt_influence": 1}, {"prompt_influence": 1.1}),
    ],
)
def test_documented_limits(
    kind: str, model: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    planned(kind, model, input="Hi", **good)
    with pytest.raises(TranslationError) as raised:
        planned(kind, model, input="Hi", **bad)
    assert raised.value.param == next(iter(bad))


def test_another_voice_is_refused_with_the_list() -> None:
    with pytest.raises(UnsupportedValue) as raised:
        planned("speech", TTS, input="Hi", voice="narrator")
    assert "Rachel" in str(raised.value) and "alloy" in str(raised.value)


@pytest.mark.parametrize("name", ["prompt", "input"])
def test_sound_effects(name: str) -> None:
    made = planned(
        "sound", "elevenlabs/sound-effect-v2", voice="alloy", seconds="3", **{name: "rain"}
    )
    assert made.request == Request(
        "POST",
        "/audio/generate",
        {"model": "elevenlabs/sound-effect-v2", "prompt": "rain", "duration_seconds": 3.0},
    )
    assert made.dropped == ("voice",)


@pytest.mark.parametrize("name", ["audio", "file", "audio_url"])
@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("sound", "elevenlabs/audio-isolation"),
        ("transcription", "elevenlabs/speech-to-text"),
    ],
)
def test_models_that_listen(kind: str, model: str, name: str) -> None:
    made = planned(kind, model, prompt="-", **{name: SOUND})
    assert made.request == Request(
        "POST", "/audio/generate", {"model": model, "audio_url": Hosted(SOUND)}
    )
    assert made.dropped == ("prompt",)
    with pytest.raises(MissingParameter) as raised:
        planned(kind, model, prompt="-")
    assert raised.value.param == {"sound": "audio", "transcription": "file"}[kind]


@pytest.mark.parametrize(
    "model", ["suno-v4", "suno-generate-lyrics", "ai-music-api/generate", "ai-music-api/mashup"]
)
def test_music(model: str) -> None:
    made = planned("music", model, input="a song", style="pop", voice="alloy")
    assert made.request == Request(
        "POST", "/music/generate", {"model": model, "prompt": "a song", "style": "pop"}
    )


def test_effects_last_as_long_as_asked() -> None:
    model = "elevenlabs/sound-effect-v2"
    for asked, sold in (("2.5", 2.5), ("22", 22.0), ("0.3", 1.0)):
        body = planned("sound", model, input="rain", seconds=asked).request.body or {}
        assert (body["duration_seconds"], type(body["duration_seconds"])) == (sold, float)
    with pytest.raises(UnsupportedValue):
        planned("sound", model, input="rain", seconds="22.1")


@pytest.mark.parametrize("name", ["audio", "audio_urls"])
def test_two_songs_are_combined(name: str) -> None:
    model, songs = "ai-music-api/mashup", ["https://a/1.mp3", SOUND]
    made = planned("music", model, **{name: songs}).request
    assert made.body == {"model": model, "audio_urls": ["https://a/1.mp3", Hosted(SOUND)]}
    one = planned("music", model, audio=SOUND).request
    assert one.body == {"model": model, "audio_url": Hosted(SOUND)}
    with pytest.raises(UnsupportedParameter):
        planned("music", model, audio_url="https://a/1.mp3", audio_urls=songs)


def test_a_song_is_extended_by_its_task() -> None:
    said = {"task_id": "vid_1", "audio_id": "a", "tags": "pop"}
    made = planned("music", "ai-music-api/extend", **said).request
    assert made.body == {"model": "ai-music-api/extend", **said}


def test_sounds_of_the_music_api_answer_as_sounds_too() -> None:
    made = planned("sound", "ai-music-api/sounds", prompt="rain")
    assert made.request.path == "/music/generate"


@pytest.mark.parametrize(
    ("kind", "model", "path", "every"),
    [
        ("video", "veo3", "/video/status/{id}", 5.0),
        ("image", "google/imagen4", "/image/status/{id}", 3.0),
        ("speech", TTS, "/voice/status/{id}", 2.0),
        ("sound", "elevenlabs/sound-effect-v2", "/audio/status/{id}", 2.0),
        ("music", "suno-v4", "/music/status/{id}", 5.0),
    ],
)
def test_polls(kind: str, model: str, path: str, every: float) -> None:
    found = (
        planned(kind, model, input="x") if kind == "speech" else planned(kind, model, prompt="x")
    )
    assert found.operation.poll and found.operation.poll.paths == (path,)
    assert found.operation.every == every
