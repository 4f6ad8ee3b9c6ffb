"""The values that rows and proxy exchange: what is asked, what is sent, what comes back.

Nobody changes them. Those that every request makes are not frozen by the dataclass all the same: it would set
each field by a call that costs ten times as much, a twelfth of a whole request.
"""

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import Any

import orjson

from translators.errors import Fault

JSON = dict[str, Any]


Params = Mapping[str, Any]

MAX_DEPTH = 64  # levels of the JSON that clients and gateways send
_SHORT = 2 * MAX_DEPTH  # bytes that cannot hold more: each level is opened and closed
_LARGE = 1 << 20  # bytes


class Capability(StrEnum):
    """What a client can ask for; one each endpoint of OpenAI's, and the kinds beyond them."""

    __hash__ = (
        str.__hash__
    )  # an Enum's own is a function in Python, and these are keys of the hot path

    CHAT = "chat"
    IMAGE = "image"
    IMAGE_EDIT = "image_edit"
    IMAGE_VARIATION = "image_variation"
    VIDEO = "video"
    VIDEO_EDIT = "video_edit"
    VIDEO_EXTENSION = "video_extension"
    SPEECH = "speech"
    SOUND = "sound"
    MUSIC = "music"
    TRANSCRIPTION = "transcription"
    TRANSLATION = "translation"
    EMBEDDING = "embedding"
    COMPLETION = "completion"
    MODERATION = "moderation"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class Source:
    """A picture, video or sound that came with the request: a URL, or bytes with their type.

    `name` is the file's name under the media folder once the proxy has stored it.
    """

    url: str | None = None
    data: bytes | None = field(default=None, repr=False)
    mime: str = "application/octet-stream"
    name: str | None = None


class FormText(str):
    """A scalar from a multipart form: text until a table says which type it has."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Hosted:
    """Stands in a native body where the gateway wants a URL of bytes that we hold.

    The proxy stores the bytes and puts the URL in its place before sending.
    """

    source: Source


@dataclass(slots=True)
class Call:
    """One request in OpenAI's terms, for one target.

    `params`: OpenAI's and native parameters, defaults already merged under them.
    `given`: the names that the client or the route said, as opposed to defaults.
    `options`: `provider_options`, merged into the native body last.
    `key`: the gateway's key, for rows that carry it in the body.
    `callback`: the URL to be told of completion at, where the proxy can be reached from outside.
    """

    capability: Capability
    model: str
    params: Params
    given: Set[str] = frozenset()
    options: Params = field(default_factory=dict)
    key: str = field(default="", repr=False)
    callback: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class Request:
    """A native request: `path` is relative to the provider's base URL.

    `body` may hold `Hosted` values; `form` says that it is sent as multipart (values may be `Source`s).
    """

    method: str
    path: str
    body: JSON
    form: bool = False


@dataclass(slots=True)
class Answer:
    """A gateway's whole answer. `body` is the parsed JSON whatever the Content-Type, `None` if it is none;
    `raw`: its first bytes."""

    status: int
    headers: Mapping[str, str]
    raw: bytes
    body: Any = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Asset:
    """One result. `lives`: seconds the link works, if known; `auth`: fetched with the gateway's key
    (only ever from the gateway's own origin). A `url` "/…" is relative to the base URL, or with `rooted`
    what such a link is on a web page."""

    url: str | None = None
    data: bytes | None = field(default=None, repr=False)
    mime: str | None = None
    role: str = "content"  # or "thumbnail", "spritesheet", "cover"
    lives: float | None = None
    auth: bool = False
    title: str | None = None
    rooted: bool = False


@dataclass(slots=True)
class Cost:
    """What the gateway says it charges: dollars, or credits that the config prices."""

    usd: float | None = None
    credits: float | None = None


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "in_progress"
    SUCCEEDED = "completed"
    FAILED = "failed"


@dataclass(slots=True)
class Task:
    """A gateway's task as one answer shows it. A SUCCEEDED task has assets or text, a FAILED one a fault.

    `progress` is in percent; `detail` is what the endpoint may want of the native result (a
    transcript's language, a track's title).
    """

    state: State
    id: str | None = None
    progress: int | None = None
    assets: tuple[Asset, ...] = ()
    text: str | None = None
    fault: Fault | None = None
    cost: Cost | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Seen:
    """What the poller knows when it shows a row an answer that the row does not refuse."""

    task_id: str


@dataclass(slots=True)
class Ordered:
    """What the native body really orders, in the gateway's own literals; seconds as a string."""

    resolution: str | None = None
    ratio: str | None = None
    seconds: str | None = None

    def known(self) -> dict[str, str]:
        if self.resolution is None and self.ratio is None and self.seconds is None:
            return {}
        said = {"resolution": self.resolution, "ratio": self.ratio, "seconds": self.seconds}
        return {name: value for name, value in said.items() if value is not None}


def from_json(raw: bytes | str) -> Any:
    """JSON as a value: at most MAX_DEPTH levels, so that whoever walks it may recurse.

    Raises orjson.JSONDecodeError.
    """
    value = _of_long(raw) if len(raw) > _LARGE and _is_long(raw) else orjson.loads(raw)
    # Few brackets cannot be deep: the usual one is spared the walk.
    if len(raw) > _SHORT and _brackets(raw) > MAX_DEPTH and _deep(value):
        raise orjson.JSONDecodeError(f"nested more than {MAX_DEPTH} levels deep", "", 0)
    return value


def _is_long(raw: bytes | str) -> bool:
    """Whether nearly all of it is within a few strings, such as pictures in base64."""
    marks = sum(map(raw.count, '",')) if isinstance(raw, str) else sum(map(raw.count, b'",'))
    return (marks + _brackets(raw)) * 1000 < len(raw)


def _of_long(raw: bytes | str) -> Any:
    """The same as orjson gives, which would need a copy of all the text beside what it gives."""
    try:
        text = raw if isinstance(raw, str) else raw.decode()
        if "\\ud" in text or "\\uD" in text:  # perhaps half a character, which orjson refuses
            return orjson.loads(text)
        return json.loads(text, parse_int=orjson.loads, parse_constant=_no_constant)
    except orjson.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as exc:
        raise orjson.JSONDecodeError(str(exc), "", 0) from exc


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _brackets(raw: bytes | str) -> int:
    if isinstance(raw, str):
        return raw.count("{") + raw.count("[")
    return raw.count(b"{") + raw.count(b"[")


def _deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        holders = [one for one in level if isinstance(one, dict | list)]
        inner = (one.values() if isinstance(one, dict) else one for one in holders)
        level = list(chain.from_iterable(inner))
    return any(isinstance(one, dict | list) for one in level)
