"""Server-sent events out of bytes: whole, byte by byte, with a tail, split anywhere."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.framing import Event, Framer, FramingError, encode

STREAM = (
    b'data: {"a":1}\n\n'
    b": keep-alive\n\n"
    b"event: x\ndata:no space\nid: 7\n\n"
    b"data: two\ndata: lines\ndata\n\n"
    b"retry: 10\n\n"
    b"\n\n"
    b"data: [DONE]\n\n"
)
EVENTS = [
    Event(b'{"a":1}'),
    Event(None),
    Event(b"no space"),
    Event(b"two\nlines"),
    Event(None),
    Event(b"[DONE]"),
]
ENDINGS = [b"\n", b"\r\n", b"\r"]


def framed(*chunks: bytes) -> list[Event]:
    framer = Framer()
    found = [event for chunk in chunks for event in framer.feed(chunk)]
    return found + framer.close()


@pytest.mark.parametrize("ending", ENDINGS)
def test_whole(ending: bytes) -> None:
    assert framed(STREAM.replace(b"\n", ending)) == EVENTS


@pytest.mark.parametrize("ending", ENDINGS)
def test_byte_by_byte(ending: bytes) -> None:
    stream = STREAM.replace(b"\n", ending)
    assert framed(*(stream[place : place + 1] for place in range(len(stream)))) == EVENTS


@pytest.mark.parametrize("ending", ENDINGS)
@given(cuts=st.lists(st.integers(0, len(STREAM) * 2), max_size=12))
def test_split_anywhere(ending: bytes, cuts: list[int]) -> None:
    stream = STREAM.replace(b"\n", ending)
    places = [0, *sorted(cuts), len(stream)]
    assert framed(*(stream[a:b] for a, b in pairwise(places))) == EVENTS


@given(
    texts=st.lists(st.text(min_size=1).filter(lambda one: not set(one) & set("\r\n")), max_size=5),
    step=st.integers(1, 9),
)
def test_what_is_encoded_comes_back(texts: list[str], step: int) -> None:
    stream = b"".join(encode(text.encode()) for text in texts)
    found = framed(*(stream[place : place + step] for place in range(0, len(stream), step)))
    assert [event.data for event in found] == [text.encode() for text in texts]


def test_an_event_comes_as_soon_as_it_is_whole() -> None:
    framer = Framer()
    assert framer.feed(b"data: a\n") == []
    assert framer.pending
    assert framer.feed(b"\ndata: b") == [Event(b"a")]
    assert framer.feed(b"b\n\n") == [Event(b"bb")]
    assert not framer.pending
    assert framer.close() == []


def test_crlf_that_is_cut_in_two() -> None:
    framer = Framer()
    assert framer.feed(b"data: a\r") == []
    assert framer.feed(b"\n\r") == []
    assert framer.feed(b"\ndata: b\r\n\r\n") == [Event(b"a"), Event(b"b")]


def test_a_tail_counts_at_the_end() -> None:
    assert framed(b"data: a\n\ndata: b") == [Event(b"a"), Event(b"b")]
    assert framed(b"data: a\n\ndata: b\n") == [Event(b"a"), Event(b"b")]
    assert framed(b"data: a\n\n\n") == [Event(b"a")]
    assert framed(b"", b"") == []


def test_done() -> None:
    assert Event(b"[DONE]").done
    assert not Event(b"{}").done
    assert not Event(None).done


def test_json_in_the_place_of_an_event_is_told_apart() -> None:
    chunks = [b"data: 1\n\n{\n", b' "a": 1}\r\n\r\n: {}\n\n{"b": 2}']
    found = framed(*chunks)
    assert found[:3] == [Event(b"1"), Event(None, b'{\n "a": 1}'), Event(None)]
    assert found[3:] == [Event(None, b'{"b": 2}')]
    assert framed(b'{"a": 1}\ndata: 2\n\n') == [Event(b"2")]


def test_an_event_may_be_long_but_not_longer_than_the_limit() -> None:
    long = b"x" * 1000
    assert framed(b"data: ", *[long] * 100, b"\n\n") == [Event(long * 100)]
    for chunks in ([b"data: 12345"], [b"data", b": ", b"12345"], [b"data\n", b"x" * 6]):
        framer = Framer(limit=10)
        with pytest.raises(FramingError, match="10 bytes"):
            for chunk in chunks:
                framer.feed(chunk)
    assert Framer(limit=10).feed(b"data: 1234\n\ndata: 12\n\n") == [Event(b"1234"), Event(b"12")]


@pytest.mark.parametrize("step", [1, 2, 3, 100])
def test_a_byte_order_mark_before_everything(step: int) -> None:
    stream = b"\xef\xbb\xbfdata: 1\n\ndata: \xef\xbb\xbf2\n\n"
    pieces = [stream[place : place + step] for place in range(0, len(stream), step)]
    assert framed(*pieces) == [Event(b"1"), Event(b"\xef\xbb\xbf2")]


def test_an_event_of_many_lines_is_joined_once() -> None:
    """What is held is not joined with every piece, which would cost the square of them."""
    framer, line = Framer(), b"data: x\n"
    for _ in range(200_000):
        assert framer.feed(line) == []
    (event,) = framer.feed(b"\n")
    assert event.data is not None
    assert len(event.data) == 2 * 200_000 - 1


@pytest.mark.parametrize("between", [b"", b"\n", b"\r\n", b"\n\n"])
def test_json_that_is_no_event_with_an_end_behind_it(between: bytes) -> None:
    found = framed(b'{"a": 1}' + between + b"data: [DONE]\n\n")
    assert found == [Event(None, b'{"a": 1}'), Event(b"[DONE]")]
