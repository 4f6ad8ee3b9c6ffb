"""Files by their first bytes, and the words a client gets for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ApiError
from proxy.sniff import HEAD, OCTETS, disposition, extension, received, sniff, told, type_of

BITMAP = b"BM" + bytes(12) + (40).to_bytes(4, "little") + bytes(20)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.mark.parametrize(
    ("head", "mime", "ending"),
    [
        (PNG, "image/png", "png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg", "jpg"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp", "webp"),
        (b"GIF89a\x01\x00", "image/gif", "gif"),
        (b"GIF87a\x01\x00", "image/gif", "gif"),
        (b"\x00\x00\x00\x20ftypavif\x00\x00\x00\x00mif1", "image/avif", "avif"),
        (b"\x00\x00\x00\x20ftypmif1\x00\x00\x00\x00avifmiaf", "image/avif", "avif"),
        (b"\x00\x00\x00\x20ftypmif1\x00\x00\x00\x00heicmiaf", "image/heic", "heic"),
        (BITMAP, "image/bmp", "bmp"),
        (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2", "video/mp4", "mp4"),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00", "video/quicktime", "mov"),
        (b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat", "video/quicktime", "mov"),
        (b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00", "audio/mp4", "m4a"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webmB\x87", "video/webm", "webm"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x88matroska", "video/x-matroska", "mkv"),
        (b"ID3\x04\x00\x00\x00\x00\x00\x23TSSE", "audio/mpeg", "mp3"),
        (b"\xff\xfb\x90\x64\x00\x00", "audio/mpeg", "mp3"),
        (b"\xff\xf3\x40\xc4\x00\x00", "audio/mpeg", "mp3"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav", "wav"),
        (b"RIFF\x24\x00\x00\x00AVI LIST", "video/x-msvideo", "avi"),
        (b"fLaC\x00\x00\x00\x22", "audio/flac", "flac"),
        (b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead", "audio/ogg", "ogg"),
        (b"OggS\x00\x02" + bytes(20) + b"\x01\x2a\x80theora", "video/ogg", "ogv"),
        (b"\xff\xf1\x50\x80\x02\x1f\xfc", "audio/aac", "aac"),
        (b"FORM\x00\x00\x00\x00AIFFCOMM", "audio/aiff", "aiff"),
    ],
)
def test_formats(head: bytes, mime: str, ending: str) -> None:
    assert (sniff(head), extension(mime)) == (mime, ending)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"<html>",
        b'{"error": "no"}',
        b"BM is how this text begins, and no picture",
        "\ufeffabc".encode("utf-16"),
        b"\xff\xfbq",
        b"\xff\xff\xff\xff\xff",
        b"RIFF\x00\x00\x00\x00CDXA",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
)
def test_nothing_known(head: bytes) -> None:
    assert sniff(head) is None


@given(st.binary(max_size=HEAD + 8))
def test_the_head_is_enough(data: bytes) -> None:
    assert sniff(data) == sniff(data[:HEAD])


def test_an_unknown_type_has_an_extension() -> None:
    assert (extension("model/obj"), extension(""), extension("IMAGE/PNG; q=1")) == (
        "bin",
        "bin",
        "png",
    )


@pytest.mark.parametrize(
    ("said", "head", "known", "served"),
    [
        ("video/mp4; codecs=x", b"", None, "video/mp4"),
        ("video/mp4", PNG, None, "video/mp4"),
        (None, PNG, "video/mp4", "image/png"),
        ("application/octet-stream", PNG, None, "image/png"),
        ("binary/octet-stream", b"??", "video/mp4", "video/mp4"),
        ("text/html", PNG, None, "image/png"),
        ("text/html", b"", None, OCTETS),
        ("image/svg+xml", b"<svg/>", "image/svg+xml", OCTETS),
        ("application/json", b"{}", "application/json", OCTETS),
        ("text/plain", b"1\n00:00", None, "text/plain"),
        ("video/mp4\r\nset-cookie: a=b", b"", None, OCTETS),
        ("application/javascript", b"alert(1)", "text/html", OCTETS),
    ],
)
def test_the_type_served(said: str | None, head: bytes, known: str | None, served: str) -> None:
    assert type_of(said, head, known) == received(said, head, known) == served


@pytest.mark.parametrize(
    ("said", "head"),
    [
        ("text/html; charset=utf-8", b"Sorry"),
        ("application/json", b'{"error": "gone"}'),
        ("video/mp4", b"<html>Sorry"),
        ("application/octet-stream", b"\r\n<!doctype HTML>"),
        ("text/plain", b"\xef\xbb\xbf<HTML lang=en>"),
        (None, b"<!DOCTYPE html>\n"),
    ],
)
def test_a_page_instead_of_a_file(said: str | None, head: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        received(said, head, "video/mp4")
    assert (caught.value.status, caught.value.code) == (502, "malformed_response")
    assert caught.value.retry


@pytest.mark.parametrize(
    ("filename", "mime", "header"),
    [
        ("video_1.mp4", "video/mp4", 'inline; filename="video_1.mp4"'),
        ("video_1", "video/mp4", 'inline; filename="video_1.mp4"'),
        ("x.bin", OCTETS, 'attachment; filename="x.bin"'),
        (None, "video/mp4", "inline"),
        ("..", "video/mp4", "inline"),
        ("../../etc/passwd", "text/plain", 'inline; filename="_.._etc_passwd"'),
        ('a"; evil="b.mp4', "video/mp4", 'inline; filename="a_evil_b.mp4"'),
        ("a\r\nset-cookie: x.mp4", "video/mp4", 'inline; filename="a_set-cookie_x.mp4"'),
        (
            "Grüße.mp4",
            "video/mp4",
            "inline; filename=\"Gr_e.mp4\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.mp4",
        ),
    ],
)
def test_file_names(filename: str | None, mime: str, header: str) -> None:
    assert disposition(filename, mime) == header


@given(st.text())
def test_any_file_name_makes_a_header(filename: str) -> None:
    header = disposition(filename, "video/mp4")
    assert header.isascii() and header.isprintable() and header.count('"') in (0, 2)


def test_what_a_client_is_told() -> None:
    assert told("video/mp4", "a.mp4", {"etag": '"1"'}) == {
        "content-type": "video/mp4",
        "content-disposition": 'inline; filename="a.mp4"',
        "accept-ranges": "bytes",
        "cache-control": "private, max-age=3600",
        "x-content-type-options": "nosniff",
        "etag": '"1"',
    }
