"""Client keys' limits: requests a minute, requests at once; for all workers together, and told to clients."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from proxy.sandbox import Sandbox
from proxy.store.base import StoreUnavailable
from tests.chatting import CHAT, HELLO, body, refused
from tests.eventually import eventually
from tests.harness import Proxy, ProxyProcess, config_for, proxy_in_thread

KEY, FREE = "sk-limited-123456", "sk-unlimited-123456"
RESET = "x-ratelimit-reset-requests"
Start = Callable[..., Proxy]


def config(gateways: Sandbox, limits: dict[str, Any], **sections: Any) -> dict[str, Any]:
    keys = [{"name": "web", "key": KEY, **limits}, {"name": "free", "key": FREE}]
    return config_for(gateways, keys=keys, **sections)


@pytest.fixture
def start(gateways: Sandbox, tmp_path: Path) -> Iterator[Start]:
    """Start a proxy whose one limited key has these limits."""
    with contextlib.ExitStack() as stack:

        def started(server: dict[str, Any] | None = None, **limits: Any) -> Proxy:
            made = config(gateways, limits, server=server or {})
            return stack.enter_context(proxy_in_thread(tmp_path, made, key=KEY))

        yield started


def ask(http: httpx.Client, **more: Any) -> httpx.Response:
    return http.post(CHAT, json=body("chat-openai", **more))


def test_what_is_refused_counts_for_the_endpoint_that_was_asked(start: Start) -> None:
    proxy = start(rpm=1)
    with proxy.http() as http:
        assert ask(http).status_code == 200
        assert ask(http).status_code == 429
        stranger = {"authorization": "Bearer sk-nobodys-123456"}
        assert http.get("/v1/videos/video_1/content", headers=stranger).status_code == 401
        assert http.get(CHAT).status_code == 405
        told = http.get("/metrics").text
    counted = 'anygate_requests_total{endpoint="%s",provider="",status="%s"} 1.0'
    for endpoint, status in (("chat", 429), ("content", 401), ("other", 405)):
        assert counted % (endpoint, status) in told


def test_requests_of_a_minute(start: Start, gateways: Sandbox) -> None:
    with start(rpm=3).http() as http:
        good = [ask(http) for _ in range(3)]
        over = ask(http)
    assert [one.headers["x-ratelimit-remaining-requests"] for one in good] == ["2", "1", "0"]
    assert {one.headers["x-ratelimit-limit-requests"] for one in (*good, over)} == {"3"}
    assert {one.headers[RESET] for one in good} == {"1m0s"}
    error = refused(over, 429, "rate_limit_exceeded")
    assert error["type"] == "rate_limit_error"
    assert "3 requests a minute" in error["message"]
    assert 1 <= int(over.headers["retry-after"]) <= 60
    assert "x-should-retry" not in over.headers  # the SDKs may come again by themselves
    assert over.headers["x-ratelimit-remaining-requests"] == "0"
    assert over.headers[RESET]
    assert len(gateways["openai"].log) == 3


def test_the_sdk_sees_its_own_exception(start: Start) -> None:
    with start(rpm=1).sdk() as client:
        client.chat.completions.create(model="chat-openai", messages=HELLO)
        with pytest.raises(openai.RateLimitError) as raised:
            client.chat.completions.create(model="chat-openai", messages=HELLO)
    assert raised.value.code == "rate_limit_exceeded"
    assert raised.value.type == "rate_limit_error"


def test_asking_after_work_is_free(start: Start) -> None:
    with start(rpm=1).sdk() as client:
        video = client.videos.create(model="sora-2", prompt="A cat")
        for _ in range(5):
            client.videos.retrieve(video.id)
            client.models.list()
        done = client.videos.poll(video.id)
        assert done.status == "completed"
        assert client.videos.download_content(video.id).read()
        client.videos.delete(video.id)


def test_keys_without_limits_have_none(start: Start) -> None:
    proxy = start(rpm=1)
    with proxy.http(headers={"authorization": f"Bearer {FREE}"}) as http:
        for _ in range(5):
            answer = ask(http)
            assert answer.status_code == 200
            assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


def test_keys_without_limits_do_not_ask_the_store(start: Start, gateways: Sandbox) -> None:
    """Not even where it is gone."""
    proxy = start(rpm=1)
    close_store(proxy)
    with proxy.http(headers={"authorization": f"Bearer {FREE}"}) as http:
        assert ask(http).status_code == 200


def close_store(proxy: Proxy) -> None:
    assert proxy.service is not None

    async def gone(*args: Any, **options: Any) -> Any:
        raise StoreUnavailable("the store is gone")

    for name in ("admit", "leave", "stay", "reserve", "book", "spend"):
        setattr(proxy.service.store, name, gone)


@pytest.mark.parametrize("limits", [{"rpm": 1}, {"concurrency": 1}, {"budget_usd": 1}])
def test_without_the_store_chat_goes_on(
    gateways: Sandbox, tmp_path: Path, limits: dict[str, Any]
) -> None:
    made = config(gateways, limits, providers={"openai": {"rpm": None}})
    with proxy_in_thread(tmp_path, made, key=KEY) as proxy, proxy.http() as http:
        close_store(proxy)
        assert [ask(http).status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("limits", [{"rpm": 1}, {"concurrency": 1}, {"budget_usd": 1}])
def test_without_the_store_it_stops_where_the_config_says_so(
    start: Start, gateways: Sandbox, limits: dict[str, Any]
) -> None:
    proxy = start(server={"limits": {"when_store_down": "closed"}}, **limits)
    close_store(proxy)
    with proxy.http() as http:
        refused(ask(http), 503, "store_unavailable")
    assert not gateways["openai"].log


def test_workers_count_together(gateways: Sandbox, tmp_path: Path) -> None:
    process = ProxyProcess(tmp_path, config(gateways, {"rpm": 7}), workers=2, key=KEY)
    with process as proxy:
        statuses: Counter[int] = Counter()
        for _ in range(20):  # a connection each: both workers get some
            with proxy.http() as http:
                statuses[ask(http).status_code] += 1
        assert process.stop() == 0
    assert statuses == {200: 7, 429: 13}
    assert len(gateways["openai"].log) == 7


# Requests at once


async def test_requests_at_once(start: Start, gateways: Sandbox) -> None:
    proxy, double = start(concurrency=2), gateways["openai"]
    double.fault("chat", times=2, hang=True)
    async with proxy.async_http() as http:
        held = [asyncio.create_task(http.post(CHAT, json=body("chat-openai"))) for _ in range(2)]
        await double.until(lambda d: len(d.active) == 2)
        over = await http.post(CHAT, json=body("chat-openai"))
        error = refused(over, 429, "rate_limit_exceeded")
        assert "2 requests at once" in error["message"]
        assert over.headers["retry-after"] == "1"
        double.release()
        assert [one.status_code for one in await asyncio.gather(*held)] == [200, 200]
        assert (await http.post(CHAT, json=body("chat-openai"))).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_one_after_another_is_never_too_many(start: Start, stream: bool) -> None:
    with start(concurrency=1).sdk() as client:
        for _ in range(20):
            said = client.chat.completions.create(
                model="chat-openai", messages=HELLO, stream=stream
            )
            for _ in said if stream else ():  # type: ignore[union-attr]
                pass


def test_one_after_another_of_every_kind(start: Start) -> None:
    with start(concurrency=1).http() as http:
        for _ in range(3):
            image = {"model": "flux", "prompt": "A cat"}
            assert http.post("/v1/images/generations", json=image).status_code == 200
            assert http.post("/v1/images/generations", json={}).status_code == 400
            assert http.post("/v1/videos", json={"prompt": "A cat"}).status_code == 200
            said = http.post(CHAT, json=body("chat-text", stream=True))
            assert said.text.endswith("data: [DONE]\n\n")


async def test_a_client_that_leaves_gives_its_place_back(start: Start, gateways: Sandbox) -> None:
    proxy, double = start(concurrency=1), gateways["openai"]
    for stream in (False, True):
        await double.until(lambda d: not d.active)  # it may not know yet that the last one is over
        double.fault("chat", hang=True)
        async with proxy.async_http() as http:
            left = asyncio.create_task(http.post(CHAT, json=body("chat-openai", stream=stream)))
            await double.until(lambda d: len(d.active) == 1)
            refused(await http.post(CHAT, json=body("chat-openai")), 429, "rate_limit_exceeded")
            left.cancel()
            await asyncio.gather(left, return_exceptions=True)
        await double.until(lambda d: not d.active)
        with proxy.http() as again:
            eventually(lambda: ask(again).status_code == 200)


async def test_a_client_that_leaves_its_image_gives_its_place_back(
    start: Start, gateways: Sandbox
) -> None:
    """The job goes on, but nobody waits for it."""
    proxy, double = start(concurrency=1), gateways["apiin.one"]
    double.ready_after_polls = 10**6
    async with proxy.async_http() as http:
        image = {"model": "flux", "prompt": "A cat"}
        left = asyncio.create_task(http.post("/v1/images/generations", json=image))
        await double.until(lambda d: len(d.submits) == 1)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
    with proxy.http() as again:
        eventually(lambda: ask(again).status_code == 200)


def test_a_broken_stream_gives_its_place_back(start: Start, gateways: Sandbox) -> None:
    with start(concurrency=1).http() as http:
        for fault in ({"cut_after": 2}, {"error_after": 2}, {"status": 500}):
            gateways["openai"].fault("chat", **fault)  # type: ignore[arg-type]
            ask(http, stream=True)
            assert ask(http).status_code == 200


def test_what_gets_no_place_counts_for_no_rpm(gateways: Sandbox, tmp_path: Path) -> None:
    double = gateways["openai"]
    double.fault("chat", late=float("inf"))
    narrow = {"rpm": 2, "max_concurrency": 1, "timeout": {"queue": 0.01}}
    made = config_for(gateways, providers={"openai": narrow})
    with proxy_in_thread(tmp_path, made) as proxy, proxy.http() as http:
        with ThreadPoolExecutor(1) as other:
            held = other.submit(http.post, CHAT, json=body("chat-openai"))
            eventually(lambda: double.log)
            for _ in range(3):
                assert http.post(CHAT, json=body("chat-openai")).status_code == 429
            double.clear()
            assert held.result().status_code == 200
        assert http.post(CHAT, json=body("chat-openai")).status_code == 200
    assert len(double.log) == 2
