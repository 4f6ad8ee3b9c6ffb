"""What the endpoints answer, as schemas: of chat and of what else passes through OpenAI's own members."""

from proxy.circuit import CLOSED, HALF_OPEN, OPEN
from proxy.description.schemas import (
    ANY,
    NUMBER,
    OBJECT,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    any_of,
    array,
    between,
    closed,
    const,
    one_of,
    opened,
    or_null,
    ref,
    told,
)
from proxy.endpoints.jobs import LISTED
from proxy.store.money import DIMENSIONS
from translators import TRANSLATORS
from translators.core import Capability, State
from translators.looks import FINISH, ROLES, TIERS

_NULL: Schema = {"type": "null"}
_STATUS = one_of(State)
_DELETED = const(True)


def _list(of: str) -> Schema:
    return closed(object=const("list"), data=array(ref(of)))


def _page(of: str) -> Schema:
    cursor = or_null(TEXT)
    return closed(
        object=const("list"),
        data=array(ref(of)),
        first_id=cursor,
        last_id=cursor,
        has_more={"type": "boolean"},
    )


_VIDEO: dict[str, Schema] = {
    "id": TEXT,
    "object": const("video"),
    "model": told(TEXT, "The name that the client sent."),
    "status": _STATUS,
    "progress": between(0, 100),
    "created_at": TIME,
    "completed_at": or_null(TIME),
    "expires_at": told(or_null(TIME), "When its content is gone."),
    "seconds": told(TEXT, "What was ordered."),
    "size": told(TEXT, "What was asked for."),
    "prompt": or_null(TEXT),
    "error": or_null(closed(code=TEXT, message=TEXT)),
    "remixed_from_video_id": or_null(TEXT),
    "anygate": ref("Ordered"),
}
_JOB: dict[str, Schema] = {
    **_VIDEO,
    "object": const("job"),
    "kind": one_of(LISTED),
    "seconds": or_null(TEXT),
    "size": or_null(TEXT),
    "assets": array(
        closed({"mime_type": TEXT, "title": TEXT}, index=between(0, 999), role=TEXT),
    ),
    "tasks": told(array(TEXT), "What the gateway calls its tasks."),
}
_COUNTS = dict.fromkeys(("requests", "failed", "prompt_tokens", "completion_tokens"), WHOLE)
_USAGE = opened(prompt_tokens=WHOLE, completion_tokens=WHOLE, total_tokens=WHOLE)
_NO_USAGE = dict.fromkeys(("total_tokens", "input_tokens", "output_tokens"), WHOLE)

JOBS: dict[str, Schema] = {
    "Ordered": closed(
        provider=TEXT,
        target=TEXT,
        ordered=closed(
            resolution=or_null(TEXT), ratio=or_null(TEXT), seconds=or_null(any_of(TEXT, NUMBER))
        ),
        cost=told(or_null(NUMBER), "USD."),
    ),
    "Video": closed(**_VIDEO),
    "VideoList": _page("Video"),
    "VideoDeleted": closed(id=TEXT, deleted=_DELETED, object=const("video.deleted")),
    "Job": closed({"text": any_of(TEXT, array(TEXT))}, **_JOB),
    "JobList": _page("Job"),
    "JobDeleted": closed(id=TEXT, deleted=_DELETED, object=const("job.deleted")),
}

_PARTS = closed(text_tokens=WHOLE, image_tokens=WHOLE)
_DRAWN = closed({"output_tokens_details": _PARTS}, **_NO_USAGE, input_tokens_details=_PARTS)
_REVISED: dict[str, Schema] = {"revised_prompt": TEXT}
IMAGES: dict[str, Schema] = {
    "Images": closed(
        {"usage": _DRAWN},
        created=TIME,
        data=array(any_of(closed(_REVISED, b64_json=TEXT), closed(_REVISED, url=TEXT))),
    ),
    **{
        name: closed(
            type=const(kind),
            b64_json=TEXT,
            created_at=TIME,
            size=const("auto"),
            quality=const("auto"),
            background=const("auto"),
            output_format=one_of(["png", "webp", "jpeg"]),
            usage=_DRAWN,
        )
        for name, kind in (
            ("ImageMade", "image_generation.completed"),
            ("ImageEdited", "image_edit.completed"),
        )
    },
}

SOUNDS: dict[str, Schema] = {
    "SpeechDelta": opened(type=const("speech.audio.delta"), audio=told(TEXT, "base64")),
    "SpeechDone": opened(type=const("speech.audio.done"), usage=opened(**_NO_USAGE)),
    "Transcript": opened({"language": TEXT, "duration": NUMBER}, text=TEXT),
    "TranscriptDelta": opened(type=const("transcript.text.delta"), delta=TEXT),
    "TranscriptDone": opened(type=const("transcript.text.done"), text=TEXT),
}

_TOKEN: dict[str, Schema] = {"token": TEXT, "logprob": NUMBER, "bytes": or_null(array(WHOLE))}
_TOKENS = or_null(array(opened(**_TOKEN, top_logprobs=array(opened(**_TOKEN)))))
_LOGPROBS = or_null(opened(content=_TOKENS, refusal=_TOKENS))
_CALLED = opened(id=TEXT, type=const("function"), function=opened(name=TEXT, arguments=TEXT))
_CUSTOM = opened(id=TEXT, type=const("custom"), custom=opened(name=TEXT, input=TEXT))
_CALL_PART = opened(
    {"id": TEXT, "type": const("function"), "function": opened({"name": TEXT, "arguments": TEXT})},
    index=WHOLE,
)
_TOP: dict[str, Schema] = {"service_tier": one_of(TIERS), "system_fingerprint": TEXT}
_HEAD: dict[str, Schema] = {"id": TEXT, "created": TIME, "model": TEXT}
_MESSAGE = opened(
    {"tool_calls": array(any_of(_CALLED, _CUSTOM))},
    role=const("assistant"),
    content=or_null(TEXT),
    refusal=or_null(TEXT),
)
_DELTA = opened(
    {
        "role": one_of(ROLES),
        "content": or_null(TEXT),
        "refusal": or_null(TEXT),
        "tool_calls": array(_CALL_PART),
    }
)
CHAT: dict[str, Schema] = {
    "ChatCompletion": opened(
        {**_TOP, "usage": _USAGE},
        **_HEAD,
        object=const("chat.completion"),
        choices=array(
            opened(index=WHOLE, message=_MESSAGE, finish_reason=one_of(FINISH), logprobs=_LOGPROBS)
        ),
    ),
    "ChatCompletionChunk": opened(
        {**_TOP, "usage": or_null(_USAGE)},
        **_HEAD,
        object=const("chat.completion.chunk"),
        choices=array(
            opened(
                {"logprobs": _LOGPROBS},
                index=WHOLE,
                delta=_DELTA,
                finish_reason=one_of([*FINISH, None]),
            )
        ),
    ),
}

# Passed through as the gateway gives them.
PASSED: dict[str, Schema] = {
    "Completion": opened(
        {"usage": _USAGE}, **_HEAD, object=const("text_completion"), choices=array(OBJECT)
    ),
    "CompletionChunk": opened(**_HEAD, choices=array(OBJECT)),
    "Embeddings": opened(
        {"usage": OBJECT},
        object=const("list"),
        model=TEXT,
        data=array(
            opened(object=const("embedding"), index=WHOLE, embedding=any_of(array(NUMBER), TEXT))
        ),
    ),
    "Moderation": opened(id=TEXT, model=TEXT, results=array(opened(flagged={"type": "boolean"}))),
    "Response": opened(
        {"model": TEXT, "status": TEXT}, id=TEXT, object=const("response"), output=array(OBJECT)
    ),
    "ResponseEvent": opened(type=TEXT),
}

# A circuit breaker's, as the worker that answers has seen it.
_HEALTH: dict[str, Schema] = {
    "state": one_of([CLOSED, OPEN, HALF_OPEN]),
    "last_failure": or_null(closed(kind=TEXT, at=TIME)),
    "next_probe_at": or_null(TIME),
}
OPERATIONS: dict[str, Schema] = {
    "Model": closed(id=TEXT, object=const("model"), created=TIME, owned_by=TEXT),
    "ModelList": _list("Model"),
    "Provider": closed(
        id=TEXT,
        object=const("provider"),
        translator=one_of(TRANSLATORS),
        base_url=TEXT,
        capabilities=array(one_of(Capability)),
        queries=array(TEXT),
        rpm=or_null(WHOLE),
        max_concurrency=or_null(WHOLE),
        health=closed(
            **_HEALTH, targets=array(closed(model=told(TEXT, "Its own name there."), **_HEALTH))
        ),
    ),
    "ProviderList": _list("Provider"),
    "Balance": closed(
        object=const("balance"),
        provider=TEXT,
        balance=or_null(NUMBER),
        currency=or_null(TEXT),
    ),
    "Price": told(opened(id=ANY), "The gateway's own members beside its id."),
    "PriceList": _list("Price"),
    "Usage": closed(
        dict.fromkeys(DIMENSIONS, TEXT), object=const("usage"), **_COUNTS, cost_usd=NUMBER
    ),
    "UsageList": _list("Usage"),
    "Health": closed(
        {"media": told(const("unwritable"), "The media folder cannot be written (`/readyz`).")},
        status=one_of(["ok", "ready"]),
    ),
}

SCHEMAS: dict[str, Schema] = {
    **JOBS,
    **IMAGES,
    **SOUNDS,
    **CHAT,
    **PASSED,
    **OPERATIONS,
}
