"""Tokens a minute: guessed before a request, settled by what its gateway tells, told to clients as OpenAI does."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from proxy.sandbox import Sandbox
from tests.chatting import CHAT, HELLO, body, chunks_of, refused
from tests.e2e.conftest import Pair
from tests.eventually import eventually
from tests.harness import Proxy, config_for, proxy_in_thread

KEY = "sk-tokens-1234567"
LEFT, RESET = "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"
GUESS = 4  # tokens that HELLO is reckoned at: 13 characters with its role
Start = Callable[..., Proxy]


def keys(**limits: Any) -> list[dict[str, Any]]:
    return [{"name": "web", "key": KEY, **limits}]


@pytest.fixture
def start(gateways: Sandbox, tmp_path: Path) -> Iterator[Start]:
    """Start a proxy whose one key has so many tokens a minute."""
    with contextlib.ExitStack() as stack:

        def started(tpm: int | None) -> Proxy:
            config = config_for(gateways, keys=keys(tpm=tpm))
            return stack.enter_context(proxy_in_thread(tmp_path, config, key=KEY))

        yield started


def ask(http: httpx.Client, route: str = "chat-openai", **more: Any) -> httpx.Response:
    return http.post(CHAT, json=body(route, **more))


def used(http: httpx.Client, tpm: int = 1000) -> int:
    """How many of the minute's tokens are gone: one more request is told what is left after its own guess."""
    return tpm - GUESS - int(ask(http).headers[LEFT])


def test_tokens_of_a_minute(start: Start, gateways: Sandbox) -> None:
    with start(40).http() as http:
        first = ask(http)
        told = first.json()["usage"]["total_tokens"]
        second = ask(http)
        answers = [ask(http) for _ in range(10)]
    assert first.headers["x-ratelimit-limit-tokens"] == "40"
    assert first.headers[LEFT] == str(40 - GUESS)
    assert second.headers[LEFT] == str(40 - told - GUESS)
    assert first.headers[RESET].startswith(("1m", "59s"))
    over = answers[-1]
    error = refused(over, 429, "rate_limit_exceeded")
    assert error["type"] == "rate_limit_error"
    assert f"40 tokens a minute, this needs {GUESS}" in error["message"]
    assert 1 <= int(over.headers["retry-after"]) <= 61
    assert "x-should-retry" not in over.headers  # the SDKs may come again by themselves
    assert int(over.headers[LEFT]) < GUESS
    passed = 2 + sum(one.status_code == 200 for one in answers)
    assert len(gateways["openai"].log) == passed == -(-(40 - GUESS + 1) // told)


def test_the_sdk_sees_its_own_exception(start: Start) -> None:
    with start(GUESS).sdk() as client:
        client.chat.completions.create(model="chat-openai", messages=HELLO)
        with pytest.raises(openai.RateLimitError) as raised:
            client.chat.completions.create(model="chat-openai", messages=HELLO)
    assert raised.value.code == "rate_limit_exceeded"


async def test_twenty_at_once_where_there_is_room_for_five(start: Start, gateways: Sandbox) -> None:
    """What each may come to is taken first, as `max_tokens` says it; what is not used is free again."""
    double = gateways["openai"]
    double.reply = "Hello"
    double.fault("chat", times=None, hang=True)
    async with start(5 * (GUESS + 20)).async_http() as http:
        order = body("chat-openai", max_tokens=10, n=2)
        asked = [asyncio.create_task(http.post(CHAT, json=order)) for _ in range(20)]
        await double.until(lambda double: len(double.active) == 5)
        while sum(one.done() for one in asked) < 15:
            await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED, timeout=0.05)
        double.clear()
        answers = await asyncio.gather(*asked)
        assert Counter(one.status_code for one in answers) == {200: 5, 429: 15}
        assert (await http.post(CHAT, json=order)).status_code == 200
    assert len(double.log) == 6


def test_an_allowance_beyond_the_limit_takes_a_whole_minute(start: Start) -> None:
    with start(100).http() as http:
        assert ask(http, max_completion_tokens=4096).status_code == 200
        over = ask(http, max_completion_tokens=4096)
        assert "this needs 100" in refused(over, 429, "rate_limit_exceeded")["message"]
        assert over.headers["retry-after"]
        assert ask(http, max_completion_tokens=10).status_code == 200


def test_what_never_fits_is_not_to_be_tried_again(start: Start, gateways: Sandbox) -> None:
    with start(100).http() as http:
        said = [{"role": "user", "content": "x" * 400}]
        over = http.post(CHAT, json={"model": "chat-openai", "messages": said})
        refused(over, 429, "rate_limit_exceeded")
        assert over.headers["x-should-retry"] == "false"
        assert "retry-after" not in over.headers
        assert ask(http).headers[LEFT] == str(100 - GUESS)
    assert len(gateways["openai"].log) == 1


def test_a_stream_that_tells_its_usage(start: Start) -> None:
    with start(1000).http() as http:
        text = ask(http, stream=True, stream_options={"include_usage": True}).text
        told = chunks_of(text)[-1]["usage"]["total_tokens"]
        assert used(http) == told


def test_a_stream_that_does_not(start: Start, gateways: Sandbox) -> None:
    """Then it is what was said and written, a token for four characters, whoever writes its JSON how."""
    gateways["openai"].reply = 'He said "' + "x" * 390 + '"'
    with start(1000).http() as http:
        chunks_of(ask(http, stream=True).text)
        assert GUESS + 100 <= used(http) <= GUESS + 102


@pytest.mark.parametrize("stream", [False, True])
def test_words_are_counted_by_characters(start: Start, gateways: Sandbox, stream: bool) -> None:
    """Not by their bytes: Russian has two a letter, Chinese three, and an escape six."""
    texts = ["Добрый вечер", "晚上好", "晚上好".encode("unicode_escape").decode(), r"\"\n"]
    parts = ",".join(f'{{"type": "text", "text": "{one}"}}' for one in texts)
    said = {"delta" if stream else "message": {"role": "assistant", "content": None}}
    whole = json.dumps({"choices": [{"index": 0, **said, "finish_reason": "stop"}]})
    whole = whole.replace("null", f"[{parts}]")
    kind = "text/event-stream" if stream else "application/json"
    raw = f"data: {whole}\n\ndata: [DONE]\n\n" if stream else whole
    gateways["openai"].fault("chat", body=raw.encode(), headers={"content-type": kind})
    with start(1000).http() as http:
        assert ask(http, stream=stream).status_code == 200
        assert used(http) == GUESS + 5  # 12 letters, 3, 3 and 2: twenty


def test_what_a_route_allows_an_answer_is_taken(gateways: Sandbox, tmp_path: Path) -> None:
    route = {"targets": "openai/gpt-4o-mini", "params": {"max_tokens": 300}}
    config = config_for(gateways, keys=keys(tpm=1000), models={"short": route})
    with proxy_in_thread(tmp_path, config, key=KEY) as proxy, proxy.http() as http:
        assert ask(http, "short").headers[LEFT] == str(1000 - GUESS - 300)
        left = int(ask(http).headers[LEFT])
        assert int(ask(http, "short", max_tokens=100).headers[LEFT]) > left - 300


def test_text_that_is_made_by_task(start: Start, gateways: Sandbox) -> None:
    gateways["ai-gate.one"].reply = "x" * 400
    with start(1000).http() as http:
        assert ask(http, "chat-text").status_code == 200
        assert used(http) == GUESS + 100


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"status": 401}, {"cut": "before"}, {"body": b"<html>"}]
)
def test_an_error_gives_all_of_it_back(
    start: Start, gateways: Sandbox, fault: dict[str, Any]
) -> None:
    gateways["openai"].fault("chat", **fault)
    with start(1000).http() as http:
        assert ask(http, max_tokens=500).status_code >= 400
        assert ask(http, model="nobody/has-this").status_code == 404
        assert used(http) == 0


async def test_a_client_that_leaves_has_used_what_it_said(start: Start, gateways: Sandbox) -> None:
    double, proxy = gateways["openai"], start(1000)
    double.fault("chat", hang=True)
    async with proxy.async_http() as http:
        left = asyncio.create_task(http.post(CHAT, json=body("chat-openai", max_tokens=500)))
        await double.until(lambda double: len(double.active) == 1)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
    with proxy.http() as http:
        first = eventually(lambda: used(http) if used(http) < 500 else 0)
    assert first < 50


def test_pictures_count_nothing_and_tokens_count_as_such(start: Start) -> None:
    picture = "data:image/png;base64," + "A" * 100_000
    part = {"type": "image_url", "image_url": {"url": picture}}
    said = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, part]}]
    with start(1000).http() as http:
        answer = http.post(CHAT, json={"model": "chat-openai", "messages": said})
        assert answer.status_code == 200
        assert int(answer.headers[LEFT]) > 980
        model = "openai/text-embedding-3-small"
        over = http.post("/v1/embeddings", json={"model": model, "input": [[7] * 1001]})
        assert "this needs 1001" in refused(over, 429, "rate_limit_exceeded")["message"]


@pytest.mark.parametrize("path", ["/v1/audio/speech", "/v1/jobs/speech"])
def test_of_speech_its_input_counts(start: Start, path: str) -> None:
    model = "onysoft/elevenlabs/text-to-speech-multilingual-v2"
    order = {"model": model, "voice": "alloy", "input": "word " * 80}
    with start(1000).http() as http:
        spoken = http.post(path, json=order)
        assert spoken.status_code == 200, spoken.text
        assert spoken.headers[LEFT] == "900"
        assert used(http) == 100


def test_what_is_no_text_is_not_counted(start: Start) -> None:
    with start(1).http() as http:
        for path, order in (
            ("/v1/images/generations", {"model": "flux", "prompt": "A cat, a long one"}),
            ("/v1/videos", {"model": "sora-2", "prompt": "A cat, a long one"}),
        ):
            made = http.post(path, json=order)
            assert made.status_code == 200
            assert LEFT not in made.headers


def test_a_key_without_limits_is_told_nothing(start: Start) -> None:
    with start(None).http() as http:
        assert not [name for name in ask(http).headers if name.startswith("x-ratelimit")]


def test_replicas_count_together(replicas: Pair) -> None:
    one, other = replicas(KEY, keys=keys(tpm=1000))
    with one.http() as here, other.http() as there:
        told = sum(ask(http).json()["usage"]["total_tokens"] for http in (here, there, here, there))
        assert used(there) == told
