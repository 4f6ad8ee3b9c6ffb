"""The sections of config.yaml: what each holds, and its defaults. Times are in seconds."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    model_validator,
)

from proxy.config.numbers import UNITS, Count, Delay, Money, Seconds, as_number
from proxy.config.values import (
    ClientSecret,
    Folder,
    HookSecret,
    Keep,
    OptionalSecret,
    RouteName,
    Secret,
    Some,
    Targets,
    Text,
    TranslatorName,
    Url,
    WebUrl,
    scope_of,
    switched,
)
from proxy.config.words import Bad


class Section(BaseModel):
    """A part of the file: unknown keys are refused, values never change, errors hold no input."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )


class Limits(Section):
    """Of clients' keys. `when_store_down`: whether requests go on uncounted where the store cannot be asked;
    `reserve_usd`: what a job of unknown price takes of its key's budget."""

    when_store_down: Literal["open", "closed"] = "open"
    reserve_usd: Money = 0.1


class ClientTimeout(Section):
    """Seconds that a client may take: for a request's head, for another 64 KiB of its body or of its answer,
    and between two requests on a connection."""

    headers: Seconds = 20.0
    body: Seconds = 30.0
    write: Seconds = 60.0
    idle: Seconds = 75.0


class Server(Section):
    host: Text = "127.0.0.1"
    port: Annotated[int, BeforeValidator(as_number), Field(ge=0, le=65535)] = 8080
    public_url: WebUrl = None
    max_body_mb: Count = 32
    allow_anonymous: bool = False
    limits: Limits = Limits()
    timeout: ClientTimeout = ClientTimeout()
    metrics_key: OptionalSecret = None
    log_level: Literal["error", "warning", "info", "debug"] = "info"
    log_requests: bool = False
    traces: bool = False


class Timeout(Section):
    """Of a provider: to connect, between two pieces of an answer, and for a place under `max_concurrency`."""

    connect: Seconds = 5.0
    read: Seconds = 120.0
    queue: Seconds = 30.0


class Retries(Section):
    """Further attempts at the last target left: `connect` after a refused connection, `busy` after a 429
    that says to come back shortly, a 502 or a 503."""

    connect: Annotated[int, BeforeValidator(as_number), Field(ge=0, le=10)] = 1
    busy: Annotated[int, BeforeValidator(as_number), Field(ge=0, le=10)] = 0


class Breaker(Section):
    """After so many `failures` in a row, with no more than `window` between two, a target is passed over for
    a `pause`, which doubles up to `max_pause`."""

    failures: Count = 5
    window: Seconds = 600.0
    pause: Seconds = 10.0
    max_pause: Seconds = 300.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max_pause < self.pause:
            raise Bad(f"max_pause ({self.max_pause:g} s) is below pause ({self.pause:g} s)")
        return self


class Price(Section):
    """USD; what a model costs where the gateway does not say."""

    per_second: Money | None = None
    per_image: Money | None = None
    per_request: Money | None = None
    per_1k_chars: Money | None = None


class Provider(Section):
    """An account at a gateway. `base_url` and `rpm` (None: unlimited) default to its row's."""

    translator: TranslatorName
    api_key: Secret  # "none" where the gateway wants no key
    base_url: Url
    timeout: Timeout = Timeout()
    max_concurrency: Count = 100
    rpm: Count | None = None
    usd_per_credit: Money | None = None
    prices: Mapping[str, Price] = {}
    submit: Literal["auto", "async"] = "auto"
    retries: Retries = Retries()
    breaker: Annotated[Breaker | None, BeforeValidator(switched)] = Breaker()
    _row_read: float = PrivateAttr(default=0.0)

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, data: Any, info: ValidationInfo) -> Any:
        if not isinstance(data, dict):
            return data
        row = scope_of(info).rows.get(str(data.get("translator")))
        given = {k: v for k, v in data.items() if k != "base_url" or v not in (None, "")}
        if row is None:  # an error already: no second one for the URL that it would have given
            return {"base_url": "http://unknown", **given}
        return {"base_url": row.base_url, "rpm": row.rpm, **given}

    def model_post_init(self, context: Any) -> None:
        self._row_read = context.rows[self.translator].min_read_timeout or 0.0

    @property
    def read_timeout(self) -> float:
        """Seconds: `timeout.read`, unless the gateway is known to need longer."""
        return max(self.timeout.read, self._row_read)


class Route(Section):
    """What a model name leads to: `targets` in order (weighted neighbours in one that chance makes), and
    defaults under the request's params."""

    targets: Targets
    params: Mapping[str, Any] = {}
    strict: bool = False  # what a target would drop is a 400

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return data if isinstance(data, dict) else {"targets": data}


class Defaults(Section):
    """The model of a request that names none: a route, or provider/model."""

    chat: RouteName | None = None
    image: RouteName | None = None
    image_edit: RouteName | None = None
    video: RouteName | None = None
    video_edit: RouteName | None = None
    speech: RouteName | None = None
    sound: RouteName | None = None
    music: RouteName | None = None
    transcription: RouteName | None = None
    embedding: RouteName | None = None
    moderation: RouteName | None = None


class ClientKey(Section):
    """A client's key and limits: `models` are globs (None: all), `rpm` requests and `tpm` tokens a minute."""

    name: Text
    key: ClientSecret  # as it is sent, or sha256:<64 hex>
    models: Annotated[tuple[Text, ...], Some] | None = None
    rpm: Count | None = None
    tpm: Count | None = None
    concurrency: Count | None = None
    budget_usd: Money | None = None
    budget_window: Seconds = 30 * UNITS["d"]

    @property
    def digest(self) -> str:
        """SHA-256 of the key that the client sends, in lower-case hex."""
        key = self.key.get_secret_value()
        hashed = key.removeprefix("sha256:")
        return hashed if hashed != key else sha256(key.encode()).hexdigest()


class Jobs(Section):
    """Seconds: waits between polls, a job's deadline, how long it and the table of usage are kept, how long
    a stop waits, and how long a submit or poll may go without its worker's sign of life before another
    settles it."""

    poll_min: Seconds = 1.0
    poll_max: Seconds = 10.0
    timeout: Seconds = 1800.0
    retention: Seconds = 7 * UNITS["d"]
    usage_retention: Annotated[Seconds, Field(ge=UNITS["d"])] = 400 * UNITS["d"]
    drain: Delay = 960.0
    lease: Annotated[Seconds, Field(ge=1, le=20)] = 20.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.poll_max < self.poll_min:
            raise Bad(f"poll_max ({self.poll_max:g} s) is below poll_min ({self.poll_min:g} s)")
        return self


class Media(Section):
    dir: Folder = Field(default=Path("media"), validate_default=True)
    keep: Keep = "auto"
    max_mb: Count = 512


class Webhooks(Section):
    secret: HookSecret = None
    allow_private: bool = False
