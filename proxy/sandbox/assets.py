"""What the doubles hand out: pictures drawn here, a clip and a sound from files, silence as WAV.

`assets/video.mp4` (320x180, 2 s, H.264 baseline and AAC, moov first) and `assets/sound.mp3` (1.5 s)
were made with ffmpeg:

    ffmpeg -f lavfi -i testsrc2=size=320x180:rate=12:duration=2 -f lavfi -i sine=frequency=440:duration=2
        -c:v libx264 -profile:v baseline -pix_fmt yuv420p -crf 34 -preset veryslow -c:a aac -b:a 24k -ac 1
        -shortest -movflags +faststart -map_metadata -1 -fflags +bitexact -flags:v +bitexact
        -flags:a +bitexact video.mp4
    ffmpeg -f lavfi -i sine=frequency=523:duration=1.5 -af "afade=t=in:d=0.2,afade=t=out:st=1.1:d=0.4"
        -ac 1 -ar 22050 -b:a 32k -map_metadata -1 -fflags +bitexact -flags:a +bitexact -id3v2_version 0
        -write_xing 0 sound.mp3
"""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "assets"
LONGEST = 512  # pixels; a sandbox's picture needs no more
MEDIA_TYPES = {"png": "image/png", "mp4": "video/mp4", "mp3": "audio/mpeg", "wav": "audio/wav"}


@lru_cache(maxsize=256)
def asset(extension: str, ratio: str = "1:1", seed: int = 0) -> bytes:
    """Return a file of that kind: png, mp4, mp3 or wav."""
    if extension == "png":
        return png(*fit(ratio), seed)
    if extension == "wav":
        return wav()
    return (FOLDER / {"mp4": "video.mp4", "mp3": "sound.mp3"}[extension]).read_bytes()


def fit(ratio: str) -> tuple[int, int]:
    """Return a size in pixels for "16:9", "1280x720" or anything else (a square)."""
    try:
        wide, high = (float(part) for part in ratio.replace("x", ":").split(":"))
        scale = LONGEST / max(wide, high)
    except (ValueError, ZeroDivisionError):
        return LONGEST, LONGEST
    return max(1, round(wide * scale)), max(1, round(high * scale))


@lru_cache(maxsize=256)
def png(width: int, height: int, seed: int = 0) -> bytes:
    """Draw a gradient of 8-bit RGB; the seed picks its colours."""
    left = (seed * 67 + 40) % 200 + 30, (seed * 131 + 90) % 200 + 30, (seed * 29 + 160) % 200 + 30
    row = bytearray()
    for x in range(width):
        share = x / max(1, width - 1)
        row += bytes(round(c * (1 - share) + (255 - c) * share) for c in left)
    lines = []
    for y in range(height):
        shade = 0.6 + 0.4 * y / max(1, height - 1)
        shades = bytes(int(value * shade) for value in range(256))
        lines.append(b"\0" + row.translate(shades))  # filter 0: the line as it is
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(lines), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def wav(seconds: float = 0.5, rate: int = 8000) -> bytes:
    """Return silence: 16-bit mono PCM."""
    data = bytes(2 * int(seconds * rate))
    head = struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16)
    return b"".join(
        (
            b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + head,
            b"data" + struct.pack("<I", len(data)) + data,
        )
    )
