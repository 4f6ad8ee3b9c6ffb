"""The relay of a chat stream, without a network: the same bytes whole, byte by byte, and cut anywhere."""

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.accounts import Account
from proxy.config import Target, parse
from proxy.endpoints.relay import Relay
from proxy.errors import GatewayFault, Lost
from proxy.routing import Candidate
from tests.chatting import chunks_of, finishes, said
from translators import TRANSLATORS
from translators.core import Call, Capability
from translators.errors import MalformedReply
from translators.plan import plan

CONFIG = parse(
    "providers: {here: {translator: openai, api_key: sk-secret-key, base_url: 'http://x/v1'}}",
    "config.yaml",
    {},
    TRANSLATORS,
)


def candidate() -> Candidate:
    row = TRANSLATORS["openai"]
    call = Call(Capability.CHAT, "gpt-4o", {"messages": []})
    here = Account("here", CONFIG.providers["here"], row)
    return Candidate(here, Target("here", "gpt-4o"), Capability.CHAT, plan(row, call))


class Pieces(httpx.AsyncByteStream):
    def __init__(self, pieces: list[bytes], failure: Exception | None = None) -> None:
        self.pieces, self.failure = pieces, failure

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if self.failure is not None:
            raise self.failure


async def relayed(*pieces: bytes, failure: Exception | None = None, usage: bool = False) -> str:
    """What comes out; an exception comes out as its name, after what went before."""
    answer = httpx.Response(200, stream=Pieces(list(pieces), failure))
    out: list[str] = []

    def keep(piece: bytes) -> bool:
        assert piece.endswith(b"\n\n"), "only whole events go out"
        out.append(piece.decode())
        return len(out) % 2 == 0  # now and then the client is busy

    try:
        relay = Relay(answer, candidate(), usage=usage, prompt=40)
        while not await relay.pour(keep):
            pass
    except (GatewayFault, MalformedReply, Lost) as exc:
        out.append(type(exc).__name__)
    return "".join(out)


def event(content: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    choice = {
        "index": 0,
        "delta": {} if content is None else {"content": content},
        "finish_reason": finish,
    }
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps({**head, "choices": [choice], **more}).encode() + b"\n\n"


WHOLE = event("Hello ") + event("wörld") + event(finish="stop") + b"data: [DONE]\n\n"


async def test_what_is_complete_passes_unchanged() -> None:
    assert await relayed(WHOLE) == WHOLE.decode()
    assert await relayed(*(WHOLE[place : place + 1] for place in range(len(WHOLE)))) == (
        WHOLE.decode()
    )


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
async def test_any_split_gives_the_same(places: list[int]) -> None:
    cuts = [0, *sorted(places), len(WHOLE)]
    pieces = [WHOLE[start:end] for start, end in pairwise(cuts)]
    assert await relayed(*pieces) == WHOLE.decode()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, len(WHOLE) - len(b"data: [DONE]\n\n") - 1))
async def test_a_cut_anywhere_is_an_error_after_whole_events(place: int) -> None:
    failure = httpx.ReadError("gone")
    text = await relayed(WHOLE[:place], failure=failure)
    assert text.endswith("Lost")
    assert WHOLE.decode().startswith(text.removesuffix("Lost"))


@pytest.mark.parametrize("stop", [b"", b"data: [DONE]\n\n", b"data: [DONE]"])
async def test_the_end_is_one_event(stop: bytes) -> None:
    text = await relayed(event("Hi"), event(finish="length") + stop)
    assert text.count("[DONE]") == 1
    assert finishes(chunks_of(text)) == ["length"]


async def test_what_follows_the_end_is_left_out() -> None:
    assert await relayed(WHOLE + event("more"), event("and more")) == WHOLE.decode()
    assert await relayed(WHOLE, failure=httpx.ReadError("reset")) == WHOLE.decode()


async def test_an_error_does_not_take_what_came_with_it() -> None:
    error = b'data: {"error": {"message": "x"}}\n\n'
    text = await relayed(event("Hi") + event(" there") + error + event("never"))
    assert text == (event("Hi") + event(" there")).decode() + "GatewayFault"
    text = await relayed(event("Hi") + b"data: {oops\n\n")
    assert text == event("Hi").decode() + "MalformedReply"


async def test_an_error_that_says_nothing_breaks_no_stream() -> None:
    chunk = json.loads(event("Hi").removeprefix(b"data: "))
    said = b"data: " + json.dumps({**chunk, "error": {"message": "", "code": None}}).encode()
    whole = await relayed(said + b"\n\n", WHOLE)
    assert "Hi" in whole
    assert whole.endswith("data: [DONE]\n\n")


async def test_an_end_without_an_end_is_lost() -> None:
    assert await relayed(event("Hi")) == event("Hi").decode() + "Lost"
    assert await relayed() == "Lost"
    assert await relayed(b": comment\n\n", b"\n\n") == "Lost"


async def test_every_choice_must_end() -> None:
    def choice(index: int, finish: str | None) -> bytes:
        return event("x", choices=[{"index": index, "delta": {}, "finish_reason": finish}])

    half = choice(0, None) + choice(1, None) + choice(0, "stop")
    assert (await relayed(half)).endswith("Lost")
    assert finishes(chunks_of(await relayed(half + b"data: [DONE]\n\n"))) == ["stop", "stop"]
    assert finishes(chunks_of(await relayed(half + choice(1, "length")))) == ["stop", "length"]


async def test_usage_is_estimated_only_where_it_is_asked_for_and_missing() -> None:
    told = event(choices=[], usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3})
    rest = event("12345678") + event(finish="stop")
    done = b"data: [DONE]\n\n"
    assert "usage" not in await relayed(rest + done)
    assert await relayed(rest + told + done, usage=True) == (rest + told + done).decode()
    *_, last = chunks_of(await relayed(rest + done, usage=True))
    assert last["usage"] == {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    assert last["choices"] == []


async def test_ours_carries_the_stream_s_own_head() -> None:
    chunks = chunks_of(await relayed(event("Hi") + b"data: [DONE]\n\n"))
    assert {**chunks[0], "choices": 0} == {**chunks[-1], "choices": 0}
    assert said(chunks) == "Hi"


async def test_the_gateway_s_key_does_not_pass() -> None:
    text = await relayed(event("I am sk-secret-key") + event(finish="stop"))
    assert said(chunks_of(text)) == "I am [redacted]"


async def test_the_end_is_told_before_the_connection_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows [DONE] is read when the client has its answer: a gateway may be slow to end."""
    asked = 0

    class Slow(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal asked
            yield WHOLE
            asked += 1

    out: list[bytes] = []

    def keep(piece: bytes) -> bool:
        out.append(piece)
        return True

    relay = Relay(httpx.Response(200, stream=Slow()), candidate(), usage=False, prompt=1)
    assert await relay.pour(keep)
    assert b"".join(out) == WHOLE
    assert not asked
    await relay.drained()
    assert asked
