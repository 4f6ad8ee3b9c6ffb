"""What aigate.shop's videos are made of: words, a source picture, a source clip.

Page: https://aigate.shop, "Image to video", "Video input", "Request fields".
"""

import base64
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from translators.core import Call, Capability, FormText, Source
from translators.errors import (
    InvalidType,
    MissingParameter,
    UnsupportedParameter,
    UnsupportedValue,
)
from translators.fields import ABSENT, DROP, Convert
from translators.files import inline, one_source, sources
from translators.specs import mapping, text
from translators.spelling import from_text

# Names for one and the same: the page has each of them once.
PICTURES = (
    "input_image",
    "image_url",
    "image",
    "input_image_url",
    "input_image_b64",
    "prompt.image",
)
CLIPS = ("input_video", "input_video_b64")
_OPTIONS = ("provider_options", "metadata")
# Any file goes along as a data URL: the page names no limit.
_inline = one_source(inline(sys.maxsize, many=False))


@dataclass(frozen=True, slots=True)
class Media:
    """A picture as the page has it: "URL, data URL, or another value supported by the selected model"."""

    def parse(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            return text(low=1).parse(name, value)
        return _inline(value, Call(Capability.VIDEO, "", {}))

    def lists(self, value: Any) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Base64:
    """At least one byte, in base64; an upload is put into it."""

    def parse(self, name: str, value: Any) -> Any:
        if isinstance(value, Source):
            return _encoded(value)
        try:
            if not base64.b64decode(text(low=1).parse(name, value), validate=True):
                raise ValueError("nothing in it")
        except InvalidType:
            raise
        except ValueError as exc:
            raise UnsupportedValue(name, value, "base64") from exc
        return str(value)

    def lists(self, value: Any) -> bool:
        return isinstance(value, str)


_BOTH = {"text", "image"}
_SAID = mapping({"text": text(low=1), "image": Media()}, ("text", "image"))


def prompt(value: Any, call: Call) -> Any:
    """A string, or the page's `{text, image}`."""
    value = _spoken(value)
    if not isinstance(value, str | Mapping):
        raise InvalidType("prompt", "string or object {text, image}", value)
    made = str(value) if isinstance(value, str) else _SAID.parse("prompt", value)
    said = _said(call)
    for names in (PICTURES, CLIPS, _OPTIONS):
        first, *more = [name for name in names if name in said] or [""]
        if more:
            raise UnsupportedParameter(more[0], f"'{first}' says it already")
    return made


def _spoken(value: Any) -> Any:
    """A form's text as the object that it spells; other JSON is words, by which some models are prompted."""
    spells = from_text(value) if isinstance(value, FormText) else value
    return spells if isinstance(spells, Mapping) and spells.keys() == _BOTH else value


def _said(call: Call) -> set[str]:
    """The names under which the client says something, those within others' values included."""
    said = {name for name, value in call.params.items() if value is not None}
    if isinstance(_spoken(call.params.get("prompt")), Mapping):
        said.add("prompt.image")
    if call.options:
        said.add("provider_options")
    return said


def unless(others: tuple[str, ...]) -> Convert:
    """A file as it goes along, unless one is given under a name of the gateway's own."""

    def convert(value: Any, call: Call) -> Any:
        return _inline(value, call) if _said(call).isdisjoint(others) else DROP

    return convert


def clip(*, carried: bool) -> Convert:
    """The video to edit or continue: bytes under `input_video_b64` (`carried`), all else under `input_video`.

    The page allows data URLs for pictures alone: table "Request fields", `input_video_b64`, "without a
    separate URL".
    """

    def convert(value: Any, call: Call) -> Any:
        name = "video" if call.params.get("input_video") is None else "input_video"
        if name == "video" and not carried and call.params.get("input_video_b64") is not None:
            return DROP
        if name == "input_video" and isinstance(value, str) and value[:5] != "data:":
            return ABSENT if carried else text(low=1).parse(name, value)
        found = sources(value, name)
        if len(found) != 1:
            raise UnsupportedValue(name, f"{len(found)} files", "one file or URL")
        if carried:
            return ABSENT if found[0].url else _encoded(found[0])
        return found[0].url or ABSENT

    return convert


def _encoded(source: Source) -> str:
    return base64.b64encode(source.data or b"").decode()


def prompt_with_video(value: Any, call: Call) -> Any:
    # Without its video an edit would be sold as a new clip.
    if not any(call.params.get(name) for name in ("video", "input_video", "input_video_b64")):
        raise MissingParameter("video")
    return prompt(value, call)
