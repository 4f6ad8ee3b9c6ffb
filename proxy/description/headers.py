"""The headers that answers may carry."""

from proxy.description.schemas import WHOLE, Schema, between, one_of, pattern, ref, told

_DURATION = pattern(r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$")
_USD = pattern(r"^[0-9]+(\.[0-9]{1,9})?$")

# Name → what its value is, and when it is there.
_HEADERS: dict[str, tuple[Schema, str]] = {
    "x-request-id": (pattern("^req_[0-9a-f]{24}$"), "Names the request, also in the log."),
    "x-anygate-provider": (pattern("."), "The configured account that answers."),
    "x-anygate-model": (pattern("."), "The model's name at its gateway."),
    "x-anygate-dropped": (pattern("."), "Parameters that were left out, comma-separated."),
    "x-anygate-job": (pattern("^[a-z]+_[0-9a-z]{29,35}$"), "The job that this request became."),
    "x-anygate-cost": (_USD, "What it cost, in USD, where that is known."),
    "x-anygate-partial": (
        pattern("^[0-9]+/[0-9]+$"),
        "How many of the results that were ordered there are.",
    ),
    "openai-poll-after-ms": (between(1, 10_000), "On unfinished jobs: when to ask again."),
    "x-should-retry": (one_of(["false"]), "A repetition cannot mend it, or may cost again."),
    "retry-after": (WHOLE, "Seconds until a repetition may succeed."),
    "x-ratelimit-limit-requests": (WHOLE, "Requests a minute that the key may make."),
    "x-ratelimit-remaining-requests": (WHOLE, "How many of them are left."),
    "x-ratelimit-reset-requests": (_DURATION, "Until all of them are there again."),
    "x-ratelimit-limit-tokens": (WHOLE, "Tokens a minute that the key may use."),
    "x-ratelimit-remaining-tokens": (WHOLE, "How many of them are left."),
    "x-ratelimit-reset-tokens": (_DURATION, "Until all of them are there again."),
    "content-range": (pattern(r"^bytes ([0-9]+-[0-9]+|\*)/([0-9]+|\*)$"), "The part of the file."),
    "accept-ranges": (one_of(["bytes"]), "A Range may be asked for."),
    "content-disposition": (pattern("."), "The file's name."),
    "etag": (pattern("."), "Names this version of the file, for If-Range."),
    "last-modified": (pattern("."), "When the file was made."),
    "www-authenticate": (one_of(["Bearer"]), "How to authenticate."),
}
ANSWERED = ("x-anygate-provider", "x-anygate-model")
# Whatever comes of a request that may become a job.
MADE = (*ANSWERED, "x-anygate-dropped", "x-anygate-job", "x-anygate-cost", "x-anygate-partial")
RATED = tuple(name for name in _HEADERS if name.startswith("x-ratelimit-"))
FILE = ("accept-ranges", "content-disposition", "etag", "last-modified")


def components() -> dict[str, Schema]:
    """Every header twice: as it is where it may lack, and where it is always there (`-always`)."""
    made: dict[str, Schema] = {}
    for name, (schema, when) in _HEADERS.items():
        made[name] = told({"schema": schema}, when)
        made[f"{name}-always"] = told({"schema": schema, "required": True}, when)
    return made


def headers(
    always: tuple[str, ...] = (), sometimes: tuple[str, ...] = (), *, named: bool = True
) -> dict[str, Schema]:
    """The headers of an answer: some on every one, others where there is something to tell. `named`: as
    nearly every answer, it has its request's id."""
    sure = (*(("x-request-id",) if named else ()), *always)
    rest = [name for name in sometimes if name not in sure]
    return {
        **{name: ref(f"{name}-always", "headers") for name in sure},
        **{name: ref(name, "headers") for name in rest},
    }
