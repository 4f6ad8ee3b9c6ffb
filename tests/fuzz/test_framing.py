"""The framing of server-sent events: any bytes, in any pieces."""

import codecs
import re
import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.fuzz.events import CUTS, STREAMS, cut, heard
from tests.fuzzing import examples
from translators.framing import Framer, FramingError

pytestmark = pytest.mark.fuzz

_END = re.compile(rb"\r\n\r\n|\n\n|\r\r|\r\n\n|\n\r\n")


def framed(pieces: Iterable[bytes], limit: int = 1 << 20) -> list[bytes]:
    """The payloads of the events that say something."""
    framer = Framer(limit)
    events = [event for piece in pieces for event in framer.feed(piece)]
    return [event.data for event in (*events, *framer.close()) if event.data]


def ends_bare_json(block: bytes) -> bool:
    bare = block.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{")
    return bare and block.rstrip().endswith(b"data: [DONE]")


@examples(120)
@given(stream=STREAMS, cuts=CUTS)
def test_pieces_make_no_difference(stream: bytes, cuts: list[int]) -> None:
    assert framed(cut(stream, cuts)) == framed([stream])


@examples(120)
@example(stream=codecs.BOM_UTF8 + b'data: {"a": 1}\n\n')
@given(stream=STREAMS)
def test_it_reads_as_the_standard_says(stream: bytes) -> None:
    """But for three things: a tail without its empty line counts, `data` without a colon does not, and an end
    behind bare JSON, on its line or the next, is an event of its own (tests/translators/test_framing.py)."""
    assume(not any(map(ends_bare_json, _END.split(stream))))
    text = stream.removeprefix(codecs.BOM_UTF8).decode("latin-1")
    found = heard(text + "\n\n")
    told = [data.encode("latin-1") for data in found.data]
    ours = framed([stream])
    assert [one.strip(b"\n") for one in ours] == [
        one for data in told if (one := data.strip(b"\n"))
    ]


@examples(60)
@given(stream=STREAMS, cuts=CUTS, limit=st.integers(1, 200))
def test_long_events_are_all_that_is_refused(stream: bytes, cuts: list[int], limit: int) -> None:
    try:
        found = framed(cut(stream, cuts), limit)
    except FramingError:
        return
    assert found == framed([stream])


@pytest.mark.parametrize("piece", [b"x" * 8192, b"data: x\n" * 1024, b": x\r" * 2048])
def test_what_never_ends_is_held_in_constant_memory(piece: bytes) -> None:
    limit = 1 << 18
    framer = Framer(limit)
    tracemalloc.start()
    try:
        with pytest.raises(FramingError):
            for _ in range(2 * limit // len(piece)):
                assert framer.feed(piece) == []
        assert tracemalloc.get_traced_memory()[1] < 5 * limit
    finally:
        tracemalloc.stop()
