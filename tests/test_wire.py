"""Answers that are larger than they look: decompressed in pieces, and no further than their limit."""

import gzip
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest

from proxy.errors import Lost, Unreachable
from proxy.ranges import whole
from proxy.wire import body_of, lost, place_of, read_whole

TEXT = bytes(range(256)) * 500
BOMB = gzip.compress(bytes(20 << 20), 9)  # a thousandth of what it holds


def bare(data: bytes) -> bytes:
    """DEFLATE without the frame that "deflate" has in HTTP: RFC 9110, 8.4.1.2."""
    made = zlib.compressobj(wbits=-15)
    return made.compress(data) + made.flush()


class Pieces(httpx.AsyncByteStream):
    """A body in pieces of `size` bytes; `taken` counts them."""

    def __init__(self, data: bytes, size: int = 65_536) -> None:
        self.data, self.size, self.taken = data, size, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self.data), self.size):
            self.taken += 1
            yield self.data[at : at + self.size]


def answer(data: bytes, encoding: str | None = None, size: int = 65_536) -> httpx.Response:
    headers = {"content-encoding": encoding} if encoding else {}
    return httpx.Response(200, headers=headers, stream=Pieces(data, size))


async def test_an_answer_up_to_its_limit() -> None:
    assert await read_whole(answer(TEXT), len(TEXT)) == TEXT
    large = answer(TEXT * 10, size=1000)
    with pytest.raises(Lost, match="more than"):
        await read_whole(large, 5000)
    assert isinstance(large.stream, Pieces)
    assert large.stream.taken == 6


@pytest.mark.parametrize("size", [1, 7, 65_536])
@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("GZIP", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:999]) + gzip.compress(b"") + gzip.compress(TEXT[999:])),
        ("gzip", gzip.compress(TEXT) + bytes(100)),  # as tapes and some servers fill it up
        ("deflate", zlib.compress(TEXT)),
        ("deflate", zlib.compress(TEXT) + b"more"),
        ("deflate", bare(TEXT)),
        ("identity", TEXT),
    ],
)
async def test_what_is_compressed_unasked(encoding: str, data: bytes, size: int) -> None:
    assert await read_whole(answer(data, encoding, size)) == TEXT


async def test_a_small_answer_that_is_a_large_one() -> None:
    bomb = answer(BOMB, "gzip", len(BOMB))
    with pytest.raises(Lost, match="more than"):
        await read_whole(bomb, 3 << 20)


async def test_it_is_never_there_at_once() -> None:
    """Nor where it passes through: no piece is large, whatever it comes from."""
    sizes = [len(piece) async for piece in body_of(answer(BOMB, "gzip", len(BOMB)))]
    assert max(sizes) <= 1 << 20
    assert sum(sizes) == 20 << 20
    assert max([len(one) async for one in whole(answer(BOMB, "gzip"), None)]) <= 1 << 20


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", gzip.compress(TEXT)[:-9]),
        ("gzip", b"not compressed"),
        ("gzip", b"\x1f\x8b"),
        ("gzip", gzip.compress(TEXT) + gzip.compress(TEXT)[:-9]),
        ("gzip", gzip.compress(TEXT) + b"\x1f no member"),
        ("deflate", b"\x78"),
        ("deflate", bare(TEXT)[:-1]),
        ("deflate", gzip.compress(TEXT)),
        ("br", TEXT),
        ("zstd", TEXT),
        ("gzip, gzip", gzip.compress(gzip.compress(TEXT))),
        ("x", TEXT),
    ],
)
async def test_what_cannot_be_decompressed(encoding: str, data: bytes) -> None:
    """Encodings that were not asked for, or packed twice: a hundred bytes could hold a terabyte."""
    with pytest.raises(Lost, match="cannot be read"):
        await read_whole(answer(data, encoding))


async def test_an_empty_answer_is_empty_however_it_is_called() -> None:
    assert await read_whole(answer(b"", "gzip")) == b""


@pytest.mark.parametrize("size", [1, 65_536])
@pytest.mark.parametrize("encoding", [None, "gzip"])
async def test_the_mark_before_a_text(encoding: str | None, size: int) -> None:
    """.NET and PHP files saved with one send it; it is no part of the JSON behind it."""
    data = b'\xef\xbb\xbf{"id":"task"}'
    made = answer(gzip.compress(data) if encoding else data, encoding, size)
    assert await read_whole(made) == b'{"id":"task"}'


@pytest.mark.parametrize(
    "host", ["xn--", "example.com:99999", "example.com:port", "[v1.x]", "exam\tple.com", ""]
)
def test_an_address_that_leads_nowhere(host: str) -> None:
    """Clients and gateways write them: none is our own fault."""
    with pytest.raises(Unreachable):
        place_of(f"http://{host}/x")


def test_what_is_told_of_a_failure() -> None:
    assert lost(httpx.ReadTimeout("x"), "it").timed_out
    assert not lost(httpx.DecodingError("x"), "it").timed_out
