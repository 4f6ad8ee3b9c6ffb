"""What a file is by its first bytes, and what a client is told of it.

Gateways' links say `application/octet-stream` or nothing as often as the truth.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote

from proxy.errors import gateway_error

HEAD = 64  # bytes that tell every format below
OCTETS = "application/octet-stream"

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heic",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
}
_BITMAP_HEADERS = (12, 40, 52, 56, 64, 108, 124)

_EXTENSIONS: Mapping[str, str] = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/jpg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/avif": "avif",
    "image/heic": "heic",
    "image/bmp": "bmp",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-matroska": "mkv",
    "video/x-msvideo": "avi",
    "video/ogg": "ogv",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/mp4": "m4a",
    "audio/x-m4a": "m4a",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/flac": "flac",
    "audio/x-flac": "flac",
    "audio/ogg": "ogg",
    "audio/opus": "opus",
    "audio/webm": "webm",
    "audio/aac": "aac",
    "audio/aiff": "aiff",
    "application/json": "json",
    "text/plain": "txt",
}

_PAGES = ("text/html", "application/xhtml+xml", "application/xml", "application/json")
_HTML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE)

# SVG is left out: it is a program to a browser, and would run in the proxy's own origin.
_MEDIA = re.compile(r"(?:image|audio|video)/(?!svg)[a-z0-9][a-z0-9.+-]{0,60}")


def sniff(head: bytes) -> str | None:
    """The MIME type that a file's first bytes (`HEAD` of them are enough) give away."""
    for start, mime in _STARTS:
        if head.startswith(start):
            return mime
    if head[:4] in (b"RIFF", b"RF64"):
        return _RIFF.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "audio/aiff"
    if head[:4] == b"OggS":
        return "video/ogg" if b"\x80theora" in head[:HEAD] else "audio/ogg"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "video/webm" if b"webm" in head[:HEAD] else "video/x-matroska"
    return _boxes(head) or _bitmap(head) or _frames(head)


def extension(mime: str) -> str:
    """A file name's extension for a MIME type, without the dot."""
    return _EXTENSIONS.get(essence(mime), "bin")


def essence(mime: str | None) -> str:
    """A Content-Type without its parameters."""
    return (mime or "").partition(";")[0].strip().lower()


def type_of(said: str | None, head: bytes, known: str | None) -> str:
    """The Content-Type a file is passed on under: never one that a browser would run.

    `said` by the file's server, `head` its first bytes (empty where they are not at hand), `known`
    from the gateway's answer.
    """
    said, known = essence(said), essence(known)
    if _MEDIA.fullmatch(said):
        return said
    if found := sniff(head):
        return found
    if _MEDIA.fullmatch(known):
        return known
    return "text/plain" if "text/plain" in (said, known) else OCTETS


def received(said: str | None, head: bytes, known: str | None) -> str:
    """`type_of` a file that comes by its link; raises ApiError for a page that came in its place.

    Whatever that is called: servers send their pages under the type of the file that was asked for, too.
    """
    kind, expected = essence(said), essence(known)
    called = kind in _PAGES and kind != expected and sniff(head) is None
    if head and (called or (_HTML.match(head) and expected not in _PAGES)):
        message = "The file's server answered with a page instead of the file."
        raise gateway_error(message, "malformed_response", retry=True)
    return type_of(said, head, known)


def disposition(filename: str | None, mime: str) -> str:
    """A Content-Disposition that no file name can break out of: RFC 6266, with an ASCII fallback."""
    shown = "attachment" if mime == OCTETS else "inline"
    name = re.sub(r"[\x00-\x1f\x7f/\\]+", "_", filename or "").strip(". ")[:120]
    if not name:
        return shown
    if "." not in name:
        name = f"{name}.{extension(mime)}"
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name)
    whole = f'{shown}; filename="{plain}"'
    if name.isascii():
        return whole
    return f"{whole}; filename*=UTF-8''{quote(name.encode('utf-8', 'replace'), safe='')}"


def told(mime: str, filename: str | None, known: Mapping[str, str]) -> dict[str, str]:
    """The headers of a file's answer, made here and not copied; `known`: its etag and last-modified."""
    return {
        "content-type": mime,
        "content-disposition": disposition(filename, mime),
        "accept-ranges": "bytes",
        "cache-control": "private, max-age=3600",
        "x-content-type-options": "nosniff",
        **known,
    }


def _boxes(head: bytes) -> str | None:
    """MP4 and its relatives. The second brand of a plain `mif1` image tells AVIF from HEIC."""
    kind = head[4:8]
    if kind in (b"moov", b"mdat", b"wide"):  # QuickTime from before there was an ftyp
        return "video/quicktime"
    if kind != b"ftyp":
        return None
    if head[8:12] == b"mif1" and b"avif" in head[16:HEAD]:
        return "image/avif"
    return _BRANDS.get(head[8:12], "video/mp4")


def _bitmap(head: bytes) -> str | None:
    """BMP: its two letters alone begin many a text, so the size of its second header counts too."""
    size = int.from_bytes(head[14:18], "little")
    return "image/bmp" if head[:2] == b"BM" and size in _BITMAP_HEADERS else None


def _frames(head: bytes) -> str | None:
    """Bare AAC and MPEG audio: eleven set bits, and then no value that the standards reserve."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "audio/aac"
    layer, version = head[1] >> 1 & 3, head[1] >> 3 & 3
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    # Layer I is left out: nobody makes it, and it is what UTF-16's byte order mark looks like.
    sound = layer in (1, 2) and version != 1 and bitrate not in (0, 15) and rate != 3
    return "audio/mpeg" if sound else None
