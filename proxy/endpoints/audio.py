"""/v1/audio: speech (and whatever else sounds), transcriptions; the client waits, a job does the work."""

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints import forward, found
from proxy.endpoints.common import (
    flag,
    json_response,
    missing,
    need_text,
    one_of,
    options_of,
    without_own,
)
from proxy.endpoints.intime import in_time
from proxy.endpoints.orders import Wish, delivering, ended, place
from proxy.endpoints.passing import first_that_answers
from proxy.errors import gateway_error
from proxy.forms import read_json, read_params
from proxy.jobs.outcome import contents
from proxy.links import within
from proxy.pouring import Each
from proxy.ranges import Body, peek
from proxy.routing import Ask, Candidate
from proxy.service import exchange_of
from proxy.sniff import HEAD, sniff
from proxy.sound import FORMATS, MIMES, check, converted, format_of
from proxy.sse import EventStream, begun, while_connected
from proxy.store.base import Entry, Job
from translators.core import JSON, Capability
from translators.errors import UnsupportedValue
from translators.framing import encode

_LARGEST = 64 << 20  # bytes of a sound that is converted
_PIECE = 24_576  # bytes of a `speech.audio.delta`, before base64
SPOKEN = frozenset({"response_format", "stream_format"})
_WRITTEN = frozenset({"response_format", "stream"})
TEXTS = ("json", "text", "verbose_json")
_NO_USAGE = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
# What OpenAI's requests hold besides the input: one with nothing else asks for nothing.
AROUND_INPUT = frozenset({"model", "voice", "instructions", "speed", *SPOKEN})
AROUND_FILE = frozenset(
    {
        *("model", "language", "prompt", "temperature", "include", "timestamp_granularities"),
        *("chunking_strategy", "known_speaker_names", "known_speaker_references", *_WRITTEN),
    }
)


async def speech(request: Request) -> Response:
    """POST /v1/audio/speech: binary, or with `stream_format: "sse"` events. Sounds and music too.

    Without `response_format` (OpenAI's mp3) the sound comes in the format that the gateway gives.
    Raises ApiError and TranslationError.
    """
    exchange = exchange_of(request)
    runtime = exchange.service.runtime
    params = await read_json(request, runtime.max_body)
    resolved = runtime.router.resolve(params.get("model"), Capability.SPEECH, exchange.client)
    exchange.route = resolved.name
    said = resolved.said(params)
    if "input" in said:
        need_text(said, "input")
    elif said.keys() <= AROUND_INPUT:
        raise missing("input")
    ask = Ask(
        Capability.SPEECH,
        without_own(params),
        options_of(params),
        handled=SPOKEN,
        alternatives=(Capability.SOUND, Capability.MUSIC),
    )

    async def order(candidates: Sequence[Candidate]) -> Response:
        return await _spoken(request, Wish(candidates[0].capability.value, resolved, ask, params))

    await exchange.service.limiter.weigh(exchange, params)
    return await first_that_answers(
        request,
        runtime.router.candidates(resolved, ask),
        ask=lambda one: forward.answer(
            request, one, forward.Shape.AUDIO, stream=said.get("stream_format") == "sse"
        ),
        order=order,
    )


async def transcribe(request: Request) -> Response:
    """POST /v1/audio/transcriptions: a file in, its words out.

    Of OpenAI's formats a gateway's plain text becomes json and text, and verbose_json where the
    gateway says language and duration. Raises ApiError and TranslationError.
    """
    exchange = exchange_of(request)
    runtime = exchange.service.runtime
    params = await read_params(request, runtime.max_body)
    capability = Capability.TRANSCRIPTION
    resolved = runtime.router.resolve(params.get("model"), capability, exchange.client)
    exchange.route = resolved.name
    said = resolved.said(params)
    stream = flag(said, "stream")
    if said.keys() <= AROUND_FILE:
        raise missing("file")
    ask = Ask(capability, without_own(params), options_of(params), handled=_WRITTEN)

    async def order(candidates: Sequence[Candidate]) -> Response:
        return await _written(request, Wish(capability.value, resolved, ask, params), stream=stream)

    await exchange.service.limiter.weigh(exchange, params)
    return await first_that_answers(
        request,
        runtime.router.candidates(resolved, ask),
        ask=lambda one: forward.answer(request, one, forward.Shape.TEXT, stream=stream),
        order=order,
    )


async def _spoken(request: Request, wish: Wish) -> Response:
    said = wish.resolved.said(wish.said)
    wanted = one_of(said, "response_format", FORMATS, "mp3") if "response_format" in said else None
    events = one_of(said, "stream_format", ("audio", "sse"), "audio") == "sse"
    if wanted:
        await check(wanted)
    job = await place(request, wish)
    if events:
        return await _streamed(request, job, _pieces(request, job, wanted))
    return delivering(request, job, await while_connected(request, _sound(request, job, wanted)))


async def _sound(request: Request, job: Job, wanted: str | None) -> Body:
    """The finished job's first sound, in the format that is wanted.

    Raises the job's failure, and UnsupportedValue for a format that its sound cannot be made into:
    the job with what the gateway gave stays.
    """
    done = await ended(request, job)
    return await in_time(request, done, _fetched(request, done, wanted))


async def _fetched(request: Request, done: Job, wanted: str | None) -> Body:
    assets = [one for t in done.tasks if t.state == "completed" for one in contents(t.assets)]
    if not assets:
        raise gateway_error("The gateway finished without a sound.", "malformed_response")
    given = await found.content(request, done, dict(assets[0]))
    assert isinstance(given, Body)
    try:
        head, rest = await peek(_bytes(given), HEAD)
        if wanted in (None, format_of(head)):
            mime = sniff(head) or given.headers["content-type"]
            size = given.headers.get("content-length")
            return Body(rest, given.close, {"content-type": mime}, int(size) if size else None)
        data = b"".join([chunk async for chunk in within(rest, _LARGEST)])
    except BaseException:
        await given.close()
        raise
    await given.close()
    made = await converted(data, wanted)
    return Body(_one(made), given.close, {"content-type": MIMES[wanted]}, len(made))


async def _pieces(request: Request, job: Job, wanted: str | None) -> AsyncGenerator[bytes, None]:
    """The sound as OpenAI's speech events."""
    sound = await _sound(request, job, wanted)
    try:
        async for chunk in _bytes(sound):
            for start in range(0, len(chunk), _PIECE):
                piece = base64.b64encode(chunk[start : start + _PIECE]).decode()
                yield _event({"type": "speech.audio.delta", "audio": piece})
    finally:
        await sound.close()
    yield _event({"type": "speech.audio.done", "usage": _NO_USAGE})


async def _written(request: Request, wish: Wish, *, stream: bool) -> Response:
    said = wish.resolved.said(wish.said)
    shape = one_of(said, "response_format", TEXTS, "json")
    job = await place(request, wish)
    if stream:
        return await _streamed(request, job, _words(request, job))
    entry = await while_connected(request, _transcript(request, job))
    if shape == "text":
        answer = Response(entry.text, media_type="text/plain; charset=utf-8")
    else:
        answer = json_response(_verbose(entry) if shape == "verbose_json" else {"text": entry.text})
    return delivering(request, job, answer)


async def _words(request: Request, job: Job) -> AsyncGenerator[bytes, None]:
    """The transcript as OpenAI's transcript events: all of it at once."""
    entry = await _transcript(request, job)
    yield _event({"type": "transcript.text.delta", "delta": entry.text})
    yield _event({"type": "transcript.text.done", "text": entry.text})


async def _transcript(request: Request, job: Job) -> Entry:
    done = await ended(request, job)
    entry = next((one for one in done.tasks if one.text is not None), None)
    if entry is None:
        raise gateway_error("The gateway finished without a transcript.", "malformed_response")
    return entry


def _verbose(entry: Entry) -> JSON:
    """OpenAI's verbose transcription; raises UnsupportedValue where the gateway told too little for it."""
    language = entry.detail.get("language")
    try:
        duration = float(entry.detail.get("duration", ""))
    except (TypeError, ValueError):
        duration = 0.0
    if not isinstance(language, str) or duration <= 0:
        raise UnsupportedValue("response_format", "verbose_json", ("json", "text"))
    return {"language": language, "duration": duration, "text": entry.text}


async def _streamed(request: Request, job: Job, events: AsyncGenerator[bytes, None]) -> Response:
    wait = exchange_of(request).service.keep_alive
    source = Each(events)
    first = await while_connected(request, begun(source, wait))
    stream = EventStream(source, first=first, close=events.aclose)
    return delivering(request, job, stream)


def _event(event: JSON) -> bytes:
    return f"event: {event['type']}\n".encode() + encode(orjson.dumps(event))


async def _bytes(body: Body) -> AsyncIterator[bytes]:
    async for chunk in body.body_iterator:
        assert isinstance(chunk, bytes)
        yield chunk


async def _one(data: bytes) -> AsyncIterator[bytes]:
    yield data
