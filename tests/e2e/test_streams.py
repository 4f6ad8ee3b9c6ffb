"""Streams: event by event, ended as they should be, and given up when nobody listens."""

import asyncio
from typing import Any

import openai
import pytest

from proxy.sandbox import Double, Sandbox
from tests.chatting import (
    CHAT,
    HELLO,
    PASSING,
    ROWS,
    body,
    broken,
    chunks_of,
    fetched,
    finishes,
    refused,
    said,
)
from tests.harness import Proxy

WORDS = "Hello from the Anygate sandbox, where no model is asked. You said: Say hello"


@pytest.mark.parametrize("route", PASSING)
def test_events_pass_while_the_gateway_is_still_sending(
    shared: Proxy, gateways: Sandbox, route: str
) -> None:
    double = gateways[ROWS[route]]
    double.fault("chat", stall_after=3)
    with shared.http() as client, client.stream("POST", CHAT, json=body(route, stream=True)) as got:
        lines = got.iter_lines()
        first = [line for line in (next(lines) for _ in range(6)) if line]
        assert len(first) == 3
        assert len(double.active) == 1
        double.release()
        rest = [line for line in lines if line]
    chunks = chunks_of("\n\n".join([*first, *rest, ""]))
    assert said(chunks) == WORDS


@pytest.mark.parametrize("route", PASSING)
@pytest.mark.parametrize(
    "how", [{"split": 1}, {"crlf": True}, {"split": 1, "crlf": True}, {"comments": True}]
)
def test_any_framing_gives_the_same_answer(
    shared: Proxy, gateways: Sandbox, route: str, how: Any
) -> None:
    gateways[ROWS[route]].fault("chat", **how)
    chunks = chunks_of(fetched(shared, route).text)
    assert (said(chunks), finishes(chunks)) == (WORDS, ["stop"])


@pytest.mark.parametrize("route", PASSING)
@pytest.mark.parametrize("lacks", ["no_done", "no_finish"])
def test_one_missing_end_is_supplied(
    shared: Proxy, gateways: Sandbox, route: str, lacks: Any
) -> None:
    gateways[ROWS[route]].fault("chat", **{lacks: True})
    chunks = chunks_of(fetched(shared, route).text)
    assert (said(chunks), finishes(chunks)) == (WORDS, ["stop"])


def test_a_supplied_finish_suits_each_choice(shared: Proxy, gateways: Sandbox) -> None:
    gateways["openai"].fault("chat", times=2, no_finish=True)
    tool = {"type": "function", "function": {"name": "f"}}
    assert finishes(chunks_of(fetched(shared, "chat-openai", n=2).text)) == ["stop", "stop"]
    called = chunks_of(fetched(shared, "chat-openai", tools=[tool]).text)
    assert finishes(called) == ["tool_calls"]


@pytest.mark.parametrize("route", PASSING)
def test_an_end_with_neither_is_an_error(shared: Proxy, gateways: Sandbox, route: str) -> None:
    gateways[ROWS[route]].fault("chat", no_done=True, no_finish=True)
    chunks, error = broken(fetched(shared, route).text)
    assert said(chunks) == WORDS
    assert (error["type"], error["code"]) == ("provider_error", "provider_error")


@pytest.mark.parametrize("route", PASSING)
def test_a_cut_is_an_error_event_and_an_sdk_exception(
    shared: Proxy, gateways: Sandbox, route: str
) -> None:
    double = gateways[ROWS[route]]
    double.fault("chat", stall_after=2, cut_after=3)
    parts = []
    with shared.sdk() as client:
        stream = client.chat.completions.create(model=route, messages=HELLO, stream=True)
        with pytest.raises(openai.APIError) as caught:
            for chunk in stream:
                parts.append(chunk)
                double.release()
    assert len(parts) >= 2
    assert caught.value.code == "provider_error"


@pytest.mark.parametrize("route", PASSING)
def test_an_error_within_a_stream_comes_after_what_was_said(
    shared: Proxy, gateways: Sandbox, route: str
) -> None:
    gateways[ROWS[route]].fault("chat", error_after=4)
    chunks, error = broken(fetched(shared, route).text)
    assert len(chunks) == 4
    assert error["message"] == "The stream broke off upstream"
    assert error["code"] == "provider_error"


@pytest.mark.parametrize("route", PASSING)
def test_an_error_before_the_first_chunk_is_a_status(
    shared: Proxy, gateways: Sandbox, route: str
) -> None:
    gateways[ROWS[route]].fault("chat", error_after=0)
    error = refused(fetched(shared, route), 502, "provider_error")
    assert error["message"] == "The stream broke off upstream"


@pytest.mark.parametrize("route", PASSING)
def test_silence_is_filled_with_comments(proxy: Proxy, gateways: Sandbox, route: str) -> None:
    assert proxy.service is not None
    proxy.service.keep_alive = 0.01
    double = gateways[ROWS[route]]
    double.fault("chat", stall_after=1)
    with proxy.http() as client, client.stream("POST", CHAT, json=body(route, stream=True)) as got:
        lines = got.iter_lines()
        heard = [next(lines) for _ in range(8)]
        double.release()
        heard += lines
    assert heard.count(": keep-alive") >= 3
    chunks = chunks_of("\n".join([*heard, ""]))
    assert said(chunks) == WORDS


async def given_up(proxy: Proxy, double: Double, asked: dict[str, Any], *, heard: int) -> None:
    """Ask, leave after so many lines of the answer, and see the double notice."""

    async def ask() -> None:
        async with (
            proxy.async_http() as client,
            client.stream("POST", CHAT, json=asked) as answer,
        ):
            async for _ in answer.aiter_lines():
                lines.put_nowait(1)

    lines: asyncio.Queue[int] = asyncio.Queue()
    task = asyncio.create_task(ask())
    await double.until(lambda d: len(d.seen("chat")) == 1)
    for _ in range(heard):
        await lines.get()
    assert not double.log[0].disconnected
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await double.until(lambda d: d.log[0].disconnected)


@pytest.mark.parametrize("route", PASSING)
async def test_a_client_that_leaves_a_stream_cancels_it_upstream(
    shared: Proxy, gateways: Sandbox, route: str
) -> None:
    double = gateways[ROWS[route]]
    double.fault("chat", stall_after=2)
    await given_up(shared, double, body(route, stream=True), heard=4)


@pytest.mark.parametrize("route", PASSING)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_before_the_answer_cancels_it_upstream(
    shared: Proxy, gateways: Sandbox, route: str, stream: bool
) -> None:
    double = gateways[ROWS[route]]
    double.fault("chat", hang=True)
    await given_up(shared, double, body(route, stream=stream), heard=0)
