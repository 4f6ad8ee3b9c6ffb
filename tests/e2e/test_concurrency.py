"""Many streams at once, each intact."""

import asyncio
from collections import Counter

import httpx

from proxy.sandbox import Sandbox
from tests.chatting import CHAT, PASSING, ROWS, body, chunks_of, finishes, said
from tests.harness import Proxy

STREAMS = 100


async def test_a_hundred_streams_on_all_rows_stay_apart(shared: Proxy, gateways: Sandbox) -> None:
    async def ask(number: int, route: str) -> tuple[str, httpx.Response]:
        words = f"number {number} of many " * 5
        messages = [{"role": "user", "content": words}]
        answer = await client.post(CHAT, json=body(route, stream=True, messages=messages))
        return words, answer

    routes = [route for route, _ in zip(list(ROWS) * STREAMS, range(STREAMS), strict=False)]
    limits = httpx.Limits(max_connections=STREAMS)
    async with shared.async_http(limits=limits) as client:
        asked = [ask(number, route) for number, route in enumerate(routes)]
        answers = await asyncio.gather(*asked)
    ids = set()
    for words, answer in answers:
        chunks = chunks_of(answer.text)
        ids.add(chunks[0]["id"])
        assert said(chunks).strip().endswith(words.strip())
        assert finishes(chunks) == ["stop"]
    assert len(ids) == STREAMS
    seen = Counter(one.body["messages"][0]["content"] for row in PASSING.values()
                   for one in gateways[row].seen("chat"))  # fmt: skip
    assert set(seen.values()) == {1}


async def test_streams_in_trouble_do_not_disturb_others(shared: Proxy, gateways: Sandbox) -> None:
    double = gateways["openai"]
    for fault in ("cut_after", "error_after"):
        double.fault("chat", times=10, **{fault: 3}, match=lambda seen: "bad" in str(seen.body))  # type: ignore[arg-type]

    async def ask(words: str) -> str:
        messages = [{"role": "user", "content": words}]
        asked = body("chat-openai", stream=True, messages=messages)
        return (await client.post(CHAT, json=asked)).text

    async with shared.async_http(limits=httpx.Limits(max_connections=60)) as client:
        asked = [ask("bad" if number % 3 == 0 else f"good {number}") for number in range(60)]
        answers = await asyncio.gather(*asked)
    for number, text in enumerate(answers):
        if number % 3 == 0:
            assert '"error"' in text
        else:
            assert said(chunks_of(text)).endswith(f"good {number}")


async def test_clients_that_leave_free_their_places(gateways: Sandbox, shared: Proxy) -> None:
    """More clients than a provider has places come and go; the next one is served."""
    double = gateways["openai"]
    double.fault("chat", times=120, hang=True)
    asked = body("chat-openai", stream=True)

    async def leave(count: int) -> None:
        async with shared.async_http(limits=httpx.Limits(max_connections=count)) as client:
            tasks = [asyncio.create_task(client.post(CHAT, json=asked)) for _ in range(count)]
            await double.until(lambda d: len(d.active) >= count)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await double.until(lambda d: not d.active)

    await leave(60)
    await leave(60)
    assert all(one.disconnected for one in double.log)
    async with shared.async_http() as client:
        assert (await client.post(CHAT, json=body("chat-openai"))).status_code == 200
