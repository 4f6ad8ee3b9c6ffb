"""apiin.one's sound: Suno with its further routes, MiniMax Music, ElevenLabs V3.

Source: apiin.one's API page, "Music generation" and "Text to speech". The bodies of Suno's further
routes are not on the page: they follow what clients of the same API send.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from translators.apiin_one_answers import read_submit, tasks
from translators.convert import voice
from translators.core import Answer, Call, Operation, State, Task
from translators.errors import MalformedReply
from translators.fields import ABSENT, CALLBACK, MODEL, Convert, Table, extra, take
from translators.specs import array, boolean, integer, mapping, matching, number, text

INSPIRATION = 400  # characters of gpt_description_prompt, as the page has it
_CUSTOM = ("style", "title", "gpt_description_prompt")


def _inspiration(value: Any, call: Call) -> Any:
    """Suno makes a song either of a description or of lyrics, style and title (the page's two modes).

    A short text alone is a description; a long one, or one beside a style or title, is lyrics.
    """
    return ABSENT if _is_lyrics(value, call) else text().parse("prompt", value)


def _lyrics(limit: int | None) -> Convert:
    def convert(value: Any, call: Call) -> Any:
        return text(limit).parse("prompt", value) if _is_lyrics(value, call) else ABSENT

    return convert


def _is_lyrics(value: Any, call: Call) -> bool:
    long = isinstance(value, str) and len(value) > INSPIRATION
    return long or any(call.params.get(name) for name in _CUSTOM)


def _plain(value: Any, call: Call) -> Any:
    return text().parse("prompt", value)


def _dialogue(value: Any, call: Call) -> Any:
    """`input` spoken by one `voice`; a name that is none of ElevenLabs' passes, as the page's own do."""
    line = {"text": text(low=1).parse("input", value)}
    said = call.params.get("voice")
    return [line if said is None else {**line, "voice": voice(strict=False)(said, call)}]


def _suno(limit: int) -> Table:
    return {
        "model": MODEL,
        "gpt_description_prompt": take(("prompt", "input"), _inspiration, native=text(INSPIRATION)),
        "prompt": take(("prompt", "input"), _lyrics(limit)),
        "style": extra(text(1000)),
        "title": extra(text(80)),
        "make_instrumental": extra(boolean()),
        "callback_url": CALLBACK,
    }


MINIMAX: Table = {
    "model": MODEL,
    "prompt": take(("prompt", "input"), _plain),
    "callback_url": CALLBACK,
}

SPOKEN: Table = {
    "model": MODEL,
    "dialogue": take(
        "input", _dialogue, native=array(mapping({"text": text(), "voice": text()}, ("text",)))
    ),
    "stability": extra(number(0, 1)),
    "language_code": extra(matching("auto|[a-z]{2,3}(-[A-Za-z]{2,4})?", "auto, en or en-US")),
    "callback_url": CALLBACK,
}

EXTEND: Table = {
    "origin_task_id": extra(text(low=1)),
    "extend_audio_index": extra(integer(0, 1), default=0),
    "custom_mode": extra(boolean()),
    "prompt": take(("prompt", "input"), _plain),
    "style": extra(text(1000)),
    "title": extra(text(80)),
    "extensionStartTime": extra(number(0)),
    "tags": extra(text()),
    "callback_url": CALLBACK,
}

COVER: Table = {
    "task_id": extra(text(low=1)),
    "callback_url": CALLBACK,
}

UPLOAD_COVER: Table = {
    "audio_id": extra(text(low=1)),
    "custom_mode": extra(boolean()),
    "prompt": take(("prompt", "input"), _plain),
    "style": extra(text(1000)),
    "title": extra(text(80)),
    "callback_url": CALLBACK,
}

LYRICS: Table = {
    "task_id": extra(text(low=1)),
    "audio_id": extra(text(low=1)),
}


def read_lyrics(answer: Answer, call: Call) -> Task:
    """Timestamped lyrics, which come at once: their text, and the words with their times as detail.

    Text that stands in no known field is given as the JSON it came in. Raises MalformedReply
    where the answer is no JSON.
    """
    body = answer.body
    data = body.get("data", body) if isinstance(body, Mapping) else body
    if not data:
        raise MalformedReply("timestamped lyrics without any")
    words = data
    if isinstance(data, Mapping):
        words = next((data[name] for name in ("alignedWords", "words") if data.get(name)), [])
    said = next(
        (
            data[name]
            for name in ("text", "lyrics")
            if isinstance(data, Mapping) and isinstance(data.get(name), str)
        ),
        None,
    )
    if said is None and isinstance(words, list):
        said = " ".join(
            one["word"].strip()
            for one in words
            if isinstance(one, Mapping) and isinstance(one.get("word"), str)
        )
    return Task(
        State.SUCCEEDED,
        progress=100,
        text=said or orjson.dumps(data).decode(),
        detail={"words": words} if isinstance(words, list) else {},
    )


def _music(path: str, table: Table, *needs: str, own_poll: tuple[str, ...] = ()) -> Operation:
    return Operation(
        f"/audio/music{path}",
        table,
        read_submit,
        tasks(*own_poll),
        needs=needs,
        ignores=tuple(name for name in ("voice", "prompt", "input") if name not in table),
    )


_SUNG = "prompt|gpt_description_prompt"
_FEED = "/audio/music/feed?task_id={id}"
_COVERED = "/audio/music/cover/status?task_id={id}"
_UPLOADED = "/audio/music/upload-cover/status?task_id={id}"

# Suno's prompt: 3000 characters for v3.5 and v4, 5000 from v4.5; "suno" means chirp-v3-5.
MUSIC: Mapping[str, Operation] = {
    "suno-extend": _music("/extend", EXTEND, "origin_task_id", own_poll=(_FEED,)),
    "suno-cover": _music("/cover/generate", COVER, "task_id", own_poll=(_COVERED,)),
    "suno-upload-cover": _music(
        "/upload-cover/generate", UPLOAD_COVER, "audio_id", own_poll=(_UPLOADED,)
    ),
    "suno-lyrics": Operation(
        "/audio/music/timestamped-lyrics",
        LYRICS,
        read_lyrics,
        needs=("task_id", "audio_id"),
        ignores=("prompt", "input", "voice"),
    ),
    "chirp-v4-5*|chirp-v5*": _music("", _suno(5000), _SUNG),
    "suno|chirp-*": _music("", _suno(3000), _SUNG),
    "minimax-music*": _music("", MINIMAX, "prompt"),
}

SPEECH: Mapping[str, Operation] = {
    "elevenlabs*": Operation(
        "/audio/speech",
        SPOKEN,
        read_submit,
        tasks(),
        every=2.0,
        needs=("dialogue",),
        accepts=("voice", "input"),
    ),
}
