"""Audio formats: told apart by their bytes, and made of each other."""

import io
import sys

import numpy
import pytest
import soundfile

from proxy.errors import ApiError
from proxy.sandbox.assets import asset
from proxy.sniff import HEAD
from proxy.sound import FORMATS, check, converted, format_of
from translators.errors import UnsupportedValue

MADE = ("mp3", "opus", "flac", "wav", "pcm")


def tone(rate: int, seconds: float = 1.0, channels: int = 1, hertz: float = 440.0) -> bytes:
    moments = numpy.arange(int(rate * seconds)) / rate
    wave = 0.5 * numpy.sin(2 * numpy.pi * hertz * moments)
    file = io.BytesIO()
    soundfile.write(file, numpy.stack([wave] * channels, 1), rate, "FLOAT", format="WAV")
    return file.getvalue()


@pytest.mark.parametrize("source", [asset("mp3"), asset("wav"), tone(44100, channels=2)])
@pytest.mark.parametrize("wanted", MADE)
async def test_every_format_is_made_of_what_gateways_give(source: bytes, wanted: str) -> None:
    made = await converted(source, wanted)
    assert format_of(made[:HEAD]) == (None if wanted == "pcm" else wanted)
    if wanted != "pcm":
        before, after = (soundfile.info(io.BytesIO(one)) for one in (source, made))
        assert after.duration == pytest.approx(before.duration, abs=0.15)
        assert after.channels == before.channels


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 24000, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2])
async def test_pcm_is_24_khz_16_bit_mono_little_endian(rate: int, channels: int) -> None:
    made = await converted(tone(rate, 1.5, channels), "pcm")
    heard = numpy.frombuffer(made, "<i2") / 32768
    wanted = 0.5 * numpy.sin(2 * numpy.pi * 440 * numpy.arange(len(heard)) / 24000)
    assert len(heard) == pytest.approx(36000, abs=1)
    # The very ends of a sine that starts and stops at once cannot be had.
    noise = (heard - wanted)[500:-500]
    assert 10 * numpy.log10((wanted**2).mean() / (noise**2).mean()) > 80


async def test_what_a_lower_rate_cannot_carry_is_silent() -> None:
    heard = numpy.frombuffer(await converted(tone(48000, hertz=15000), "pcm"), "<i2")
    assert abs(heard[500:-500]).max() <= 1


async def test_more_than_two_channels_become_one() -> None:
    made = await converted(tone(16000, channels=5), "mp3")
    assert soundfile.info(io.BytesIO(made)).channels == 1


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n" + bytes(80), asset("wav")[:20]])
async def test_what_is_no_sound_is_the_gateways_fault(data: bytes) -> None:
    with pytest.raises(ApiError) as raised:
        await converted(data, "wav")
    assert (raised.value.status, raised.value.code) == (502, "malformed_response")


async def test_a_header_with_a_rate_that_nobody_hears_is_refused() -> None:
    data = bytearray(asset("wav"))
    data[24:28] = (1).to_bytes(4, "little")
    with pytest.raises(ApiError):
        await converted(bytes(data), "pcm")


async def test_a_sound_that_would_not_fit_is_refused() -> None:
    with pytest.raises(UnsupportedValue) as raised:
        await converted(tone(44100), "wav", limit=88_199)
    assert "audio/wav" in str(raised.value)
    assert len(await converted(tone(44100), "wav", limit=88_200)) == 88_244


async def test_aac_is_refused_beforehand_and_the_others_are_named() -> None:
    for wanted in MADE:
        await check(wanted)
    with pytest.raises(UnsupportedValue) as raised:
        await check("aac")
    assert "mp3, opus, flac, wav, pcm" in str(raised.value)
    assert set(FORMATS) == {*MADE, "aac"}


async def test_without_the_library_only_what_the_gateway_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    await check("mp3")
    for wanted in ("opus", "aac", "flac", "wav", "pcm"):
        with pytest.raises(UnsupportedValue) as raised:
            await check(wanted)
        assert "anygate[audio]" in str(raised.value)
    with pytest.raises(UnsupportedValue) as raised:
        await converted(asset("wav"), "mp3")
    assert "audio/wav" in str(raised.value)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (asset("mp3"), "mp3"),
        (b"ID3\x04" + bytes(60), "mp3"),
        (asset("wav"), "wav"),
        (b"fLaC" + bytes(60), "flac"),
        (b"OggS" + bytes(24) + b"OpusHead", "opus"),
        (b"OggS" + bytes(24) + b"\x01vorbis", None),
        (b"\xff\xf1\x50\x80", "aac"),
        (asset("mp4"), None),
        (b"", None),
    ],
)
def test_formats_by_their_first_bytes(head: bytes, name: str | None) -> None:
    assert format_of(head[:HEAD]) == name
