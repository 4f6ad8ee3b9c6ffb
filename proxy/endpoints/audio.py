"""/v1/audio: speech (and whatever else sounds), transcriptions; the client waits, a job does the work."""

from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints import passing
from proxy.endpoints.common import (
    one_of,
    options_of,
    without_own,
)
from proxy.endpoints.orders import Wish, place
from proxy.exchange import exchange_of
from proxy.forms import read_json
from proxy.routing import Ask
from proxy.sound import FORMATS
from translators.core import Capability

_LARGEST = 128 << 20  # bytes of one sound
_PIECE = 32_768  # bytes of a `speech.audio.delta`, before base64
_SPOKEN = frozenset({"response_format", "stream_format"})
_WRITTEN = frozenset({"response_format", "stream"})
_NO_USAGE = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}


async def speech(request: Request) -> Response:
    """POST /v1/audio/speech: binary, or with `stream_format: "sse"` events."""
    exchange = exchange_of(request)
    exchange.endpoint = "speech"
    runtime = exchange.service.runtime
    params = await read_json(request, runtime.max_body)
    # OpenAI answers mp3 where nothing is said: then any format that the gateway gives will do.
    wanted = one_of(params, "response_format", FORMATS, "") if "response_format" in params else None
    events = one_of(params, "stream_format", ("sse", "audio"), "audio") == "sse"
    resolved = runtime.router.resolve(params.get("model"), Capability.SPEECH, exchange.client)
    ask = Ask(
        Capability.SPEECH,
        without_own(params),
        options_of(params),
        alternatives=(Capability.SOUND, Capability.MUSIC),
    )
    passed = await passing.through(request, params, runtime.router.candidates(resolved, ask))
    if passed is not None:
        return passed
    ask = Ask(
        ask.capability, ask.params, ask.options, handled=_SPOKEN, alternatives=ask.alternatives
    )
    job = await place(request, Wish("speech", resolved, ask, said=params))
    return await _spoken(request, job, wanted, events=events)
