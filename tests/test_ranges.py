"""Ranges against slices: whatever is asked, the bytes are those that Python's own slice gives."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from proxy.errors import ApiError
from proxy.ranges import Span, Unsatisfiable, cut, parse_part, parse_range, peek, wanted

SIZE = 1000


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", Span(0, 1, SIZE)),
        ("bytes=0-", Span(0, SIZE, SIZE)),
        ("bytes=10-19", Span(10, 20, SIZE)),
        ("bytes=999-", Span(999, SIZE, SIZE)),
        ("bytes=990-5000", Span(990, SIZE, SIZE)),
        ("bytes=-1", Span(999, SIZE, SIZE)),
        ("bytes=-5000", Span(0, SIZE, SIZE)),
        ("Bytes = 1 - 2", Span(1, 3, SIZE)),
        ("bytes=1000-", Unsatisfiable(SIZE)),
        ("bytes=5000-6000", Unsatisfiable(SIZE)),
        ("bytes=-0", Unsatisfiable(SIZE)),
        (None, None),
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,5-6", None),
        ("bytes=0-1,", None),
        ("bytes=a-b", None),
        ("bytes=--1", None),
        ("bytes=+1-2", None),
        ("bytes=1.0-2", None),
        ("bytes=\u0661-\u0662", None),
        ("bytes=1-2\n3", None),
        ("items=0-1", None),
        ("bytes 0-1", None),
        ("bytes=" + "9" * 5000 + "-", None),
    ],
)
def test_a_known_size(header: str | None, span: Span | Unsatisfiable | None) -> None:
    assert parse_range(header, SIZE) == span


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-99", Span(0, 100)),
        ("bytes=5-", None),
        ("bytes=-5", None),
        ("bytes=-0", None),
        ("bytes=5-2", None),
    ],
)
def test_an_unknown_size(header: str, span: Span | None) -> None:
    assert parse_range(header, None) == span


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-0", "bytes=-1"])
def test_an_empty_file_has_no_ranges(header: str) -> None:
    assert parse_range(header, 0) == Unsatisfiable(0)


def test_what_is_told() -> None:
    assert Span(0, 10, 20).content_range == "bytes 0-9/20"
    assert Span(0, 10).content_range == "bytes 0-9/*"
    assert Unsatisfiable(20).content_range == "bytes */20"


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes 0-9/20", Span(0, 10, 20)),
        ("bytes 5-9/*", Span(5, 10)),
        ("bytes */20", None),
        ("bytes 9-5/20", None),
        ("bytes 0-20/20", None),
        ("bytes 0-9", None),
        ("0-9/20", None),
        ("bytes 0-9/20, bytes 0-1/2", None),
        (None, None),
    ],
)
def test_a_server_s_own_word(header: str | None, span: Span | None) -> None:
    assert parse_part(header) == span


@given(st.text("bytes=-0123456789, ", max_size=20), st.none() | st.integers(0, 50))
def test_any_header(header: str, size: int | None) -> None:
    span = parse_range(header, size)
    if isinstance(span, Span):
        assert 0 <= span.start < span.stop
        assert size is None or span.stop <= size == span.size


def asked(method: str = "GET", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": method, "headers": raw})


KNOWN = {"etag": '"a"', "last-modified": "Sat, 01 Jan 2028 00:00:00 GMT"}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('"a"', True),
        (KNOWN["last-modified"], True),
        ('"b"', False),
        ('W/"a"', False),
        ("", False),
    ],
)
def test_if_range(condition: str, holds: bool) -> None:
    request = asked(range="bytes=0-0", if_range=condition)
    assert wanted(request, SIZE, KNOWN) == (Span(0, 1, SIZE) if holds else None)
    assert wanted(request, SIZE, {}) is None


def test_only_get_knows_ranges() -> None:
    assert wanted(asked("HEAD", range="bytes=0-0"), SIZE, KNOWN) is None


def test_outside_of_the_file() -> None:
    with pytest.raises(ApiError) as caught:
        wanted(asked(range="bytes=1000-"), SIZE, KNOWN)
    assert (caught.value.status, caught.value.headers["content-range"]) == (416, "bytes */1000")


class Chunks:
    """A stream that knows how much of it was taken."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data = data
        self._step = step
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._data), self._step):
            self.taken += 1
            yield self._data[at : at + self._step]


@given(st.binary(max_size=60), st.integers(0, 70), st.integers(1, 70), st.integers(1, 20))
async def test_cutting_is_slicing(data: bytes, start: int, length: int, step: int) -> None:
    pieces = [one async for one in cut(aiter(Chunks(data, step)), Span(start, start + length))]
    assert b"".join(pieces) == data[start : start + length]
    assert all(0 < len(one) <= step for one in pieces)


async def test_cutting_takes_no_more_than_it_needs() -> None:
    chunks = Chunks(bytes(100), 10)
    assert len([one async for one in cut(aiter(chunks), Span(5, 20))]) == 2
    assert chunks.taken == 2


@given(st.binary(max_size=40), st.integers(0, 50), st.integers(1, 20))
async def test_a_peek_takes_nothing_away(data: bytes, least: int, step: int) -> None:
    head, rest = await peek(aiter(Chunks(data, step)), least)
    assert len(head) >= min(least, len(data)) and data.startswith(head)
    assert b"".join([one async for one in rest]) == data
