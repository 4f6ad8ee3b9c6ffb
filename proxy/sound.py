"""OpenAI's audio formats: which one some bytes are, and one made of another.

That takes the extra `audio`: soundfile, whose wheels carry libsndfile with LAME and Opus, and NumPy.
Nothing makes AAC. Without the extra a sound comes in the format that its gateway gives.
"""

import asyncio
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

from proxy.errors import ApiError, gateway_error
from proxy.sniff import sniff
from translators.errors import UnsupportedValue

if TYPE_CHECKING:
    import numpy
    import soundfile
    from numpy.typing import NDArray

    Samples = NDArray[numpy.float32]  # one row a moment, one column a channel

FORMATS: Final = ("mp3", "opus", "aac", "flac", "wav", "pcm")
MIMES: Final[Mapping[str, str]] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
MAX_MADE: Final = 128 << 20  # bytes of sound as 16-bit samples: 12 minutes of CD quality
_PARAM: Final = "response_format"
_BLOCK: Final = 1 << 15  # samples in memory at a time
_MARGIN: Final = 1 << 11  # samples on either side that a resampled one depends on
_LOWEST: Final = 4_000  # Hz; no sound has less, and a wrong header would cost memory
_HIGHEST: Final = 384_000


@dataclass(frozen=True, slots=True)
class _Target:
    """How libsndfile makes a format. `rates`: the only ones it can have; `mono`: all channels in one."""

    container: str
    subtype: str
    rates: tuple[int, ...] = ()
    mono: bool = False
    endian: str = "FILE"


_TARGETS: Final[Mapping[str, _Target]] = {
    "mp3": _Target("MP3", "MPEG_LAYER_III", (16000, 22050, 24000, 32000, 44100, 48000)),
    "opus": _Target("OGG", "OPUS", (8000, 12000, 16000, 24000, 48000)),
    "flac": _Target("FLAC", "PCM_16"),
    "wav": _Target("WAV", "PCM_16"),
    # OpenAI's: "24kHz (16-bit signed, low-endian), without the header", one channel.
    "pcm": _Target("RAW", "PCM_16", (24000,), mono=True, endian="LITTLE"),
}


class TooLong(Exception):
    """The sound is too long to be converted in memory."""


def format_of(head: bytes) -> str | None:
    """The format that a file's first bytes (`sniff.HEAD` of them) show; `None` for any other."""
    kind = sniff(head)
    if kind == "audio/ogg":
        return "opus" if b"OpusHead" in head else None
    return next((name for name, mime in MIMES.items() if mime == kind), None)


async def check(wanted: str) -> None:
    """Refuse, before anything is paid, a format that surely cannot be had: ApiError 400 with the others."""
    if wanted != "mp3" and wanted not in (possible := await asyncio.to_thread(_possible)):
        raise UnsupportedValue(_PARAM, wanted, _allowed(possible))


async def converted(data: bytes, wanted: str, limit: int = MAX_MADE) -> bytes:
    """A sound in another format, of at most `limit` bytes of samples.

    Raises UnsupportedValue, or ApiError 502 for bytes that are no sound.
    """
    possible = await asyncio.to_thread(_possible)
    if wanted not in possible:
        raise UnsupportedValue(_PARAM, wanted, f"what the gateway gave, {_given(data)}")
    try:
        return await asyncio.to_thread(_convert, data, _TARGETS[wanted], limit)
    except TooLong as exc:
        allowed = f"for a sound of this length only what the gateway gave, {_given(data)}"
        raise UnsupportedValue(_PARAM, wanted, allowed) from exc


def _possible() -> tuple[str, ...]:
    """What any sound can be made into; the first call loads the library."""
    try:
        import soundfile  # noqa: F401
    except (ImportError, OSError):  # not installed; installed without its libsndfile
        return ()
    return tuple(_TARGETS)


def _allowed(possible: tuple[str, ...]) -> str:
    if possible:
        return ", ".join(possible)
    return "mp3 (others need the proxy's extra 'audio': pip install 'anygate[audio]')"


def _given(data: bytes) -> str:
    return sniff(data) or "bytes of an unknown type"


def _convert(data: bytes, target: _Target, limit: int) -> bytes:
    import soundfile

    out, samples = BytesIO(), 0
    try:
        with soundfile.SoundFile(BytesIO(data)) as source:
            if not _LOWEST <= source.samplerate <= _HIGHEST:
                raise _unreadable(data)
            channels = 1 if target.mono or source.channels > 2 else source.channels
            rate = _rate(source.samplerate, target.rates)
            with soundfile.SoundFile(
                out, "w", rate, channels, target.subtype, target.endian, target.container
            ) as made:
                for block in _resampled(_blocks(source, channels), source.samplerate, rate):
                    samples += block.size
                    if samples * 2 > limit:
                        raise TooLong
                    made.write(block)
    except soundfile.LibsndfileError as exc:
        raise _unreadable(data) from exc
    return out.getvalue()


def _unreadable(data: bytes) -> ApiError:
    return gateway_error(
        f"The gateway's sound ({_given(data)}) cannot be converted.", "malformed_response"
    )


def _rate(rate: int, rates: tuple[int, ...]) -> int:
    """The rate itself where the format has it, else the next higher one, else the highest."""
    if not rates or rate in rates:
        return rate
    return min((one for one in rates if one > rate), default=max(rates))


def _blocks(source: "soundfile.SoundFile", channels: int) -> "Iterator[Samples]":
    for block in source.blocks(_BLOCK, dtype="float32", always_2d=True):
        yield block if block.shape[1] == channels else block.mean(axis=1, keepdims=True)


def _resampled(blocks: "Iterator[Samples]", rate: int, wanted: int) -> "Iterator[Samples]":
    """The same sound at another rate, a step at a time: its spectrum is cut off, or goes on with zeros.

    A step is taken together with what surrounds it, faded out towards the far ends: nothing is heard
    of where steps meet.
    """
    if rate == wanted:
        yield from blocks
        return
    import numpy

    common = math.gcd(rate, wanted)
    up, down = wanted // common, rate // common
    step, margin = down * -(-_BLOCK // down), down * -(-_MARGIN // down)
    fade = numpy.hanning(2 * margin)[:margin]
    window = numpy.concatenate((fade, numpy.ones(2 * margin + step), fade[::-1]))[:, None]
    length, before = len(window), 2 * margin * up // down

    def resample(part: "Samples", left: int) -> "Samples":
        spectrum = numpy.fft.rfft(part * window, axis=0)
        made = numpy.fft.irfft(spectrum, length * up // down, axis=0) * (up / down)
        return made[before : before + -(-min(left, step) * up // down)].astype("float32")

    held: Samples | None = None
    for block in blocks:
        silence = numpy.zeros((2 * margin, block.shape[1]), "float32")
        held = numpy.concatenate((silence if held is None else held, block))
        while len(held) >= length:
            yield resample(held[:length], step)
            held = held[step:]
    while held is not None and (left := len(held) - 2 * margin) > 0:
        part = numpy.zeros((length, held.shape[1]), "float32")
        part[: len(held)] = held[:length]
        yield resample(part, left)
        held = held[step:]
