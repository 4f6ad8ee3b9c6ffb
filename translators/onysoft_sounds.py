"""The bodies of Onysoft's models of speech, sounds and music.

The page's "TTS Parameters", "Sound Effect Parameters", "Music Models" and, for `audio_url`, the "Provider
Parameter Mapping Matrix". [E] marks what is not on the page.
"""

from typing import Any

from translators.convert import seconds_between, voice
from translators.core import Call
from translators.errors import UnsupportedParameter
from translators.fields import ABSENT, MODEL, Convert, Table, extra, take
from translators.files import hosted_url, hosted_urls, one_source
from translators.specs import array, boolean, number, text

# Never a data URI: the page promises those for pictures alone ("Not an image, audio").
_SOUND = one_source(hosted_url)


def _songs(*, many: bool) -> Convert:
    """One song goes under `audio_url`, several under `audio_urls`."""

    def convert(value: Any, call: Call) -> Any:
        said = [one for one in ("audio_url", "audio_urls") if call.params.get(one) is not None]
        if len(said) > 1:
            raise UnsupportedParameter(said[1], f"'{said[0]}' says it already")
        links = hosted_urls(value, call)
        several = said == ["audio_urls"] or (not said and len(links) > 1)
        if several is not many:
            return ABSENT
        return links if many else _SOUND(value, call)

    return convert


SPOKEN: Table = {
    "model": MODEL,
    "prompt": take("input", native=text()),
    "voice": take("voice", voice(strict=True)),
    "stability": extra(number(0, 1)),
    "similarity_boost": extra(number(0, 1)),
    "style": extra(number(0, 1)),
}
# The page prices v3-text-to-dialogue but shows no body of its own; `dialogue` is its maker's [E].
DIALOGUE: Table = {**SPOKEN, "dialogue": extra(array())}

EFFECT: Table = {
    "model": MODEL,
    "prompt": take("input", native=text()),
    "duration_seconds": take(
        "seconds", seconds_between(1, 22, write=float, exact=True), native=number(1, 22)
    ),
    "prompt_influence": extra(number(0, 1)),
}

HEARD: Table = {
    "model": MODEL,
    "audio_url": take(("audio", "file"), _SOUND),
}

# The page shows music with a prompt only; the other names are Suno's [E].
SONG: Table = {
    "model": MODEL,
    "prompt": take("input", native=text(low=1)),
    "negative_prompt": extra(text()),
    "style": extra(text(low=1)),
    "title": extra(text(low=1)),
    "instrumental": extra(boolean()),
    **dict.fromkeys(("tags", "task_id", "audio_id"), extra(text(low=1))),  # what is extended
    "audio_url": take(("audio", "file"), _SOUND),
}
# "Combine 2 songs"; the field's name is not on the page either [E].
MASHUP: Table = {
    **SONG,
    "audio_url": take(("audio", "file"), _songs(many=False)),
    "audio_urls": take(("audio", "file"), _songs(many=True)),
}
