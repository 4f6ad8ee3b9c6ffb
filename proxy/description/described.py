"""What is said of one method of a path, and the kinds of them that there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.description import errors, headers, requests
from proxy.description.schemas import BYTES, TEXT, Schema, ref
from translators.core import Capability

JSON, EVENTS, PLAIN = "application/json", "text/event-stream", "text/plain"
SOUNDS = {"audio/*": BYTES, "application/octet-stream": BYTES}
_FILES = {"*/*": BYTES}
TEXTS: dict[str, Schema] = {PLAIN: TEXT, "text/vtt": TEXT, "application/x-subrip": TEXT}


@dataclass(frozen=True, slots=True)
class Described:
    """One method of a path. `answers`: media type → schema; `events`: the schemas of its streams' events;
    `body`: OpenAI's name of the request, with the capabilities that it may need; `errors`: statuses;
    `always`, `sometimes`: headers of its good answers; `part`: it takes a Range; `key`: whose it wants."""

    does: str
    answers: Mapping[str, Schema]
    errors: tuple[int, ...]
    body: Mapping[str, Any] | None = None
    parameters: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    sometimes: tuple[str, ...] = ()
    status: int = 200
    part: bool = False
    key: str | None = "client"


def answer(schema: str) -> dict[str, Schema]:
    return {JSON: ref(schema)}


def made(
    does: str, endpoint: str, answers: Mapping[str, Schema], *capabilities: Capability, **more: Any
) -> Described:
    """A request that is answered when its work is done."""
    form = more.pop("form", False)
    return Described(
        does,
        answers,
        errors.MADE,
        requests.body(endpoint, capabilities, form=form),
        always=headers.ANSWERED,
        sometimes=(*headers.MADE, *headers.RATED),
        **more,
    )


def ordered(does: str, endpoint: str, of: str, *capabilities: Capability, **more: Any) -> Described:
    """A request that is answered when its work is begun."""
    return Described(
        does,
        answer(of),
        errors.MADE,
        requests.body(endpoint, capabilities, form=True),
        always=(*headers.ANSWERED, "x-anygate-job"),
        sometimes=(*headers.MADE, *headers.RATED, "openai-poll-after-ms"),
        **more,
    )


def job(does: str, of: str, **more: Any) -> Described:
    return Described(does, answer(of), errors.FOUND, parameters=("id",), **more)


def shown(does: str, of: str) -> Described:
    always = (*headers.ANSWERED, "x-anygate-job")
    return job(does, of, always=always, sometimes=(*headers.MADE, "openai-poll-after-ms"))


def file(does: str, *parameters: str, **more: Any) -> Described:
    return Described(
        does,
        _FILES,
        more.pop("errors", errors.FILE),
        parameters=(*parameters, "Range", "If-Range"),
        sometimes=(*headers.FILE, *more.pop("sometimes", headers.MADE)),
        part=True,
        **more,
    )
