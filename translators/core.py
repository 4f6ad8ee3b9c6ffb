"""The vocabulary that rows and proxy share: what is asked, what is sent, what comes back.

Everything here is a value. A row (`Translator`) is data plus pure functions over these values; the
driver alone turns a `Request` into bytes on a wire and an `Answer` out of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from translators.errors import Fault, UnsupportedEndpoint

JSON = dict[str, Any]
Params = Mapping[str, Any]


class Capability(StrEnum):
    """What a client can ask for; one each endpoint of OpenAI's, and the kinds beyond them."""

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


@dataclass(frozen=True, slots=True)
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
    given: frozenset[str] = frozenset()
    options: Params = field(default_factory=dict)
    key: str = field(default="", repr=False)
    callback: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """A native request: `path` is relative to the provider's base URL.

    `body` may hold `Hosted` values; `form` says that it is sent as multipart (values may be `Source`s).
    """

    method: str
    path: str
    body: JSON | None = None
    form: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A gateway's whole answer. `body` is the parsed JSON whatever the Content-Type, `None` if it is none."""

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
    (only ever from the gateway's own origin)."""

    url: str | None = None
    data: bytes | None = field(default=None, repr=False)
    mime: str | None = None
    role: str = "content"  # or "thumbnail", "spritesheet", "cover"
    lives: float | None = None
    auth: bool = False
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What the gateway says it charges: dollars, or credits that the config prices."""

    usd: float | None = None
    credits: float | None = None


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "in_progress"
    SUCCEEDED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Seen:
    """What the poller knows when it shows a row an answer: seconds since the submit, bad polls so far."""

    task_id: str
    age: float


@dataclass(frozen=True, slots=True)
class Poll:
    """How a task is asked after: GET `paths[0]` with `{id}`; a 404 or 405 there moves on to the next path."""

    paths: tuple[str, ...]
    read: Callable[[Answer, Seen], Task]


@dataclass(frozen=True, slots=True)
class Ordered:
    """What the native body really orders, in the gateway's own literals; seconds as a string."""

    resolution: str | None = None
    ratio: str | None = None
    seconds: str | None = None


def _nothing_ordered(body: Params) -> Ordered:
    return Ordered()


def _price_unknown(body: Params, call: Call) -> float | None:
    return None


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a gateway does: where it is asked, with which body, and how its answer reads.

    `table`: native name → where its value comes from (`translators.fields`).
    `read`: the answer of a submit as a `Task`; `None` where the answer is OpenAI's own and passes through.
    `poll`: absent where the submit's answer is final.
    `open`: parameters that the table does not know travel on as they are.
    `mend`: an OpenAI-shaped answer of this operation always needs completing.
    `long`: the submit itself takes as long as the work (minutes).
    `every`: seconds between a client's polls that suit this kind of work.
    `needs`: parameters without which the gateway refuses.
    `accepts`: parameters that are understood without a field of the table reading them.
    `ignores`: parameters that mean nothing here and are silently left out.
    `cancel_with_client`: the request ends when its client goes away.
    """

    path: str
    table: Mapping[str, Any]
    read: Callable[[Answer, Call], Task] | None = None
    poll: Poll | None = None
    method: str = "POST"
    open: bool = False
    form: bool = False
    mend: bool = False
    long: bool = False
    every: float = 5.0
    needs: tuple[str, ...] = ()
    accepts: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    ordered: Callable[[Params], Ordered] = _nothing_ordered
    price: Callable[[Params, Call], float | None] = _price_unknown


@dataclass(frozen=True, slots=True)
class Query:
    """A question about the account or the catalogue; `{key}` in the path is the gateway's key."""

    path: str
    read: Callable[[Any], Any]


Operations = Mapping[Capability, Mapping[str, Operation]]


def bearer(key: str) -> dict[str, str]:
    """`Authorization: Bearer …`, as most gateways want it; no header for a server without keys."""
    return {"authorization": f"Bearer {key}"} if key and key != "none" else {}


def no_header(key: str) -> dict[str, str]:
    return {}


def _same_model(model: str, capability: Capability, params: Params) -> str:
    return model


@dataclass(frozen=True, slots=True)
class Translator:
    """A gateway's row.

    `operations`: capability → globs of native models (`"a|b*"`) → operation; the first match wins. A
    capability that is not there is not offered.
    `family`: a short name → the native model that fits the endpoint and what the request brings.
    `refuse`: an answer → the fault it holds, or `None` for a good one (also errors under HTTP 200).
    `rpm`: requests a minute that the gateway allows; `min_read_timeout` and `link_lives` in seconds;
    `max_request`: bytes that a request may have.
    """

    name: str
    page: str
    base_url: str
    operations: Operations
    refuse: Callable[[Answer], Fault | None]
    auth: Callable[[str], dict[str, str]] = bearer
    family: Callable[[str, Capability, Params], str] = _same_model
    queries: Mapping[str, Query] = field(default_factory=dict)
    rpm: int | None = None
    min_read_timeout: float | None = None
    link_lives: float | None = None
    max_request: int | None = None
    submit_grace: float = 20.0  # seconds that POST /v1/videos waits for the gateway's word
    modes: Mapping[str, Operations] = field(
        default_factory=dict
    )  # provider's `submit:` → operations

    def find(self, call: Call, mode: str = "auto") -> tuple[str, Operation]:
        """The native model and the operation for a call.

        Raises UnsupportedEndpoint where the row has none, and what `family` raises.
        """
        operations = self.modes.get(mode, self.operations)
        model = self.family(call.model, call.capability, call.params)
        for globs, operation in operations.get(call.capability, {}).items():
            if _matches(model, globs) and not (
                globs == "*" and self._named_elsewhere(model, call.capability)
            ):
                return model, operation
        raise UnsupportedEndpoint(
            f"'{call.model}' at {self.name} does not offer {call.capability.replace('_', ' ')}.",
            "model",
        )

    def _named_elsewhere(self, model: str, capability: Capability) -> bool:
        """Whether another capability names this model outright, so that `*` here does not mean it."""
        return any(
            globs != "*" and _matches(model, globs)
            for other, table in self.operations.items()
            if other is not capability
            for globs in table
        )


def _matches(model: str, globs: str) -> bool:
    return any(fnmatchcase(model, glob) for glob in globs.split("|"))
