"""Budgets: what a job may cost is taken before it is sent, what it did cost replaces it."""

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
from proxy.store.base import Unanswered
from tests.chatting import CHAT, body, chunks_of, refused
from tests.eventually import eventually
from tests.harness import Proxy, ProxyProcess, config_for, proxy_in_thread

KEY = "sk-budget-123456"
# Ten cents a picture, a second, a chat.
PRICES: dict[str, Any] = {
    "apiin-one": {
        "usd_per_credit": None,
        "prices": {"flux-2": {"per_image": 0.1}, "kling-3": {"per_second": 0.1}},
    },
    "openai": {"prices": {"gpt-4o-mini": {"per_request": 0.1}}},
}
IMAGE = {"model": "flux", "prompt": "A cat"}
Start = Callable[..., Proxy]


def config(gateways: Sandbox, usd: float, **sections: Any) -> dict[str, Any]:
    keys = [{"name": "web", "key": KEY, "budget_usd": usd, "budget_window": "1h"}]
    providers = {**PRICES, **sections.pop("providers", {})}
    return config_for(gateways, keys=keys, providers=providers, **sections)


@pytest.fixture
def start(gateways: Sandbox, tmp_path: Path) -> Iterator[Start]:
    """Start a proxy whose one key has so much to spend in an hour."""
    with contextlib.ExitStack() as stack:

        def started(usd: float, **sections: Any) -> Proxy:
            made = config(gateways, usd, **sections)
            return stack.enter_context(proxy_in_thread(tmp_path, made, key=KEY))

        yield started


def image(http: httpx.Client, **more: Any) -> httpx.Response:
    return http.post("/v1/images/generations", json={**IMAGE, **more})


def chat(http: httpx.Client, **more: Any) -> httpx.Response:
    return http.post(CHAT, json=body("chat-openai", **more))


async def test_twenty_pictures_on_a_budget_for_five(start: Start, gateways: Sandbox) -> None:
    async with start(0.5).async_http() as http:
        asked = (http.post("/v1/images/generations", json=IMAGE) for _ in range(20))
        answers = await asyncio.gather(*asked)
    assert Counter(one.status_code for one in answers) == {200: 5, 429: 15}
    assert len(gateways["apiin.one"].submits) == 5


async def test_twenty_videos_on_two_workers(gateways: Sandbox, tmp_path: Path) -> None:
    process = ProxyProcess(tmp_path, config(gateways, 2.5), workers=2, key=KEY)
    with process as proxy:
        order = {"model": "kling", "prompt": "A cat", "seconds": "5"}

        async def create() -> int:
            async with proxy.async_http() as http:
                return (await http.post("/v1/videos", json=order)).status_code

        statuses = await asyncio.gather(*(create() for _ in range(20)))
        assert Counter(statuses) == {200: 5, 429: 15}
        assert process.stop() == 0
    assert len(gateways["apiin.one"].submits) == 5


def test_the_sdk_is_told_when_to_come_back(start: Start, gateways: Sandbox) -> None:
    with start(0.1).sdk(max_retries=2) as client:
        client.images.generate(**IMAGE)
        with pytest.raises(openai.RateLimitError) as raised:
            client.images.generate(**IMAGE)
    error = raised.value
    assert (error.code, error.type) == ("insufficient_quota", "insufficient_quota")
    assert error.response.headers["x-should-retry"] == "false"
    assert 3590 <= int(error.response.headers["retry-after"]) <= 3610
    assert "$0.1 in 1h0m0s" in error.message
    assert "free again in 1h0m" in error.message
    assert error.request.headers["x-stainless-retry-count"] == "0"
    assert len(gateways["apiin.one"].submits) == 1


def test_what_never_fits_says_no_time(start: Start) -> None:
    with start(0.3).http() as http:
        over = image(http, n=4)
        refused(over, 429, "insufficient_quota")
        assert "retry-after" not in over.headers
        assert image(http, n=3).status_code == 200


def test_an_idempotency_key_joins_on_an_empty_budget(start: Start, gateways: Sandbox) -> None:
    headers = {"idempotency-key": "k"}
    with start(0.1).http(headers=headers) as http:
        video = {"model": "kling", "prompt": "A cat", "seconds": "5"}
        refused(http.post("/v1/videos", json=video), 429, "insufficient_quota")
        ids = {image(http).headers["x-anygate-job"] for _ in range(3)}
    assert len(ids) == len(gateways["apiin.one"].submits) == 1


@pytest.mark.parametrize("status", [400, 401, 402, 422, 429])
def test_a_refusal_gives_the_money_back(start: Start, gateways: Sandbox, status: int) -> None:
    gateways["apiin.one"].fault("submit", times=3, status=status)
    with start(0.1).http() as http:
        for _ in range(3):
            assert image(http).json()["error"]["code"].startswith("provider_")
        assert image(http).status_code == 200
        refused(image(http), 429, "insufficient_quota")


def test_a_failed_task_gives_the_money_back(start: Start, gateways: Sandbox) -> None:
    gateways["apiin.one"].fail_next("the GPU melted")
    with start(0.1).http() as http:
        refused(image(http), 502, "generation_failed")
        assert image(http).status_code == 200
        refused(image(http), 429, "insufficient_quota")


def test_a_failed_task_that_is_charged_for_is_spent(start: Start, gateways: Sandbox) -> None:
    double = gateways["apiin.one"]
    double.failed_credits = 10
    priced = {"apiin-one": {**PRICES["apiin-one"], "usd_per_credit": 0.01}}
    with start(0.1, providers=priced).http() as http:
        double.fail_next("the GPU melted")
        refused(image(http), 502, "generation_failed")
        refused(image(http), 429, "insufficient_quota")


def test_in_doubt_the_money_is_gone(start: Start, gateways: Sandbox) -> None:
    gateways["apiin.one"].fault("submit", cut="after")
    with start(0.1).http() as http:
        refused(image(http), 502, "submission_ambiguous")
        refused(image(http), 429, "insufficient_quota")


def test_the_real_cost_counts(start: Start, gateways: Sandbox) -> None:
    """Ten cents were reserved, five credits at a cent are charged: a tenth picture still fits."""
    priced = {"apiin-one": {**PRICES["apiin-one"], "usd_per_credit": 0.01}}
    with start(0.55, providers=priced).http() as http:
        costs = [image(http) for _ in range(10)]
        assert [one.status_code for one in costs] == [200] * 10
        assert {one.headers["x-anygate-cost"] for one in costs} == {"0.05"}
        refused(image(http), 429, "insufficient_quota")


def test_an_unknown_price_reserves_what_the_config_says(start: Start, gateways: Sandbox) -> None:
    bare = {"apiin-one": {"prices": {}, "usd_per_credit": None}}
    limits = {"limits": {"reserve_usd": 0.2}}
    with start(0.5, server=limits, providers=bare).http() as http:
        assert [image(http).status_code for _ in range(3)] == [200, 200, 429]
    assert len(gateways["apiin.one"].submits) == 2


def test_the_dearest_target_is_reserved(start: Start, gateways: Sandbox) -> None:
    routes = {"both": ["apiin-one/flux-2", "onysoft/google/imagen4"]}
    dear = {"onysoft": {"prices": {"google/imagen4": {"per_image": 0.4}}}}
    with start(0.4, models=routes, providers=dear).http() as http:
        assert image(http, model="both").status_code == 200  # 0.1 at the first, in the end
        refused(image(http, model="both"), 429, "insufficient_quota")
        assert image(http).status_code == 200


def test_a_job_of_another_worker_counts_after_a_restart(gateways: Sandbox, tmp_path: Path) -> None:
    process = ProxyProcess(tmp_path, config(gateways, 0.2), key=KEY)
    with process as proxy:
        with proxy.http() as http:
            assert image(http).status_code == 200
        process.kill()
        proxy = process.start()
        with proxy.http() as http:
            assert [image(http).status_code for _ in range(2)] == [200, 429]


# Chat


async def test_chat_of_a_known_price_cannot_overspend(start: Start, gateways: Sandbox) -> None:
    async with start(0.5).async_http() as http:
        asked = (http.post(CHAT, json=body("chat-openai")) for _ in range(20))
        answers = await asyncio.gather(*asked)
    assert Counter(one.status_code for one in answers) == {200: 5, 429: 15}
    assert {one.headers.get("x-anygate-cost") for one in answers if one.is_success} == {"0.1"}
    over = next(one for one in answers if not one.is_success)
    refused(over, 429, "insufficient_quota")
    assert len(gateways["openai"].log) == 5


def test_many_short_texts_are_not_free(start: Start) -> None:
    """Each costs less than a millionth of a dollar; together they are the budget."""
    model = {"text-embedding-3-small": {"per_1k_chars": 0.000005}}
    proxy = start(0.0000009, providers={"openai": {"prices": model}})
    short = {"model": "openai/text-embedding-3-small", "input": "x" * 60}
    with proxy.http() as http:
        answers = [http.post("/v1/embeddings", json=short) for _ in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 200, 429]
        assert answers[0].headers["x-anygate-cost"] == "0.0000003"
        assert http.get("/v1/usage").json()["data"][0]["cost_usd"] == 0.0000009


def test_a_failed_chat_gives_the_money_back(start: Start, gateways: Sandbox) -> None:
    """A moment after its answer, which is not worth making every client wait for."""
    double = gateways["openai"]
    double.fault("chat", times=None, status=422)
    with start(0.1).http() as http:
        for _ in range(4):
            eventually(lambda: chat(http).status_code == 400)
        double.clear()
        eventually(lambda: chat(http).status_code == 200)
        refused(chat(http, stream=True), 429, "insufficient_quota")


def test_a_fallback_takes_what_the_first_did_not_cost(start: Start, gateways: Sandbox) -> None:
    gateways["openai"].fault("chat", times=None, status=429)
    routes = {
        "free": ["openai/gpt-4o-mini", "onysoft/gpt-4o"],
        "same": ["openai/gpt-4o-mini", "onysoft/gpt-4o-mini"],
        "dear": ["openai/gpt-4o-mini", "onysoft/gpt-5"],
    }
    priced = {"gpt-4o-mini": {"per_request": 0.1}, "gpt-5": {"per_request": 0.2}}
    with start(0.1, models=routes, providers={"onysoft": {"prices": priced}}).http() as http:
        for _ in range(2):
            eventually(lambda: http.post(CHAT, json=body("free")).status_code == 200)
        eventually(lambda: http.post(CHAT, json=body("dear")).status_code == 429)
        eventually(lambda: http.post(CHAT, json=body("same")).status_code == 200)
        refused(http.post(CHAT, json=body("same")), 429, "insufficient_quota")


def test_credits_are_booked_after_the_answer(start: Start, gateways: Sandbox) -> None:
    """Two credits each, at a cent; while something is left, one more may be asked."""
    priced = {"apiin-one": {"usd_per_credit": 0.01, "prices": {}}}
    with start(0.03, providers=priced).http() as http:
        first = http.post(CHAT, json=body("gpt-4o-mini"))
        assert first.headers["x-anygate-cost"] == "0.02"
        second = http.post(CHAT, json=body("gpt-4o-mini"))
        assert second.status_code == 200

        def over() -> bool:
            return http.post(CHAT, json=body("gpt-4o-mini")).status_code == 429

        eventually(over)
        refused(chat(http), 429, "insufficient_quota")


def test_a_stream_is_paid_too(start: Start) -> None:
    with start(0.2).http() as http:
        chunks_of(chat(http, stream=True).text)
        chunks_of(chat(http, stream=True).text)
        refused(chat(http, stream=True), 429, "insufficient_quota")


def test_unpriced_chat_goes_on_while_something_is_left(start: Start) -> None:
    with start(0.1).http() as http:
        for _ in range(3):
            assert http.post(CHAT, json=body("chat-onysoft")).status_code == 200
        assert image(http).status_code == 200
        refused(http.post(CHAT, json=body("chat-onysoft")), 429, "insufficient_quota")


def test_what_a_fallback_to_a_job_needs_is_free_at_once(start: Start, gateways: Sandbox) -> None:
    gateways["openai"].fault("chat", times=None, status=500)
    routes = {"both": ["openai/gpt-4o-mini", "ai-gate-one/text"]}
    priced = {"ai-gate-one": {"prices": {"text": {"per_request": 0.1}}}}
    with start(0.1, models=routes, providers=priced).http() as http:
        answer = http.post(CHAT, json=body("both"))
        assert answer.status_code == 200, answer.text
        refused(http.post(CHAT, json=body("both")), 429, "insufficient_quota")


def test_a_chat_in_doubt_is_spent(start: Start, gateways: Sandbox) -> None:
    gateways["openai"].fault("chat", cut="after")
    with start(0.1).http() as http:
        refused(chat(http), 502, "provider_error")
        refused(chat(http), 429, "insufficient_quota")
        assert http.get("/v1/usage").json()["data"][0]["cost_usd"] == 0.1


def test_a_fallback_is_paid_beside_what_is_in_doubt(start: Start, gateways: Sandbox) -> None:
    gateways["openai"].fault("chat", times=None, cut="after")
    routes = {"both": ["openai/gpt-4o-mini", "onysoft/gpt-4o-mini"]}
    priced = {"onysoft": {"prices": {"gpt-4o-mini": {"per_request": 0.1}}}}
    with start(0.3, models=routes, providers=priced).http() as http:
        assert http.post(CHAT, json=body("both")).headers["x-anygate-cost"] == "0.2"
        refused(http.post(CHAT, json=body("both")), 429, "insufficient_quota")
    assert len(gateways["onysoft"].log) == 1


def test_a_client_that_leaves_has_paid_what_was_sent(start: Start, gateways: Sandbox) -> None:
    double = gateways["openai"]
    rule = double.fault("chat", late=float("inf"))
    proxy = start(0.1)
    with proxy.http(timeout=httpx.Timeout(30, read=0.3)) as http, pytest.raises(httpx.ReadTimeout):
        chat(http)
    assert rule.times == 0
    with proxy.http() as http:
        eventually(lambda: double.log[0].disconnected)
        refused(chat(http), 429, "insufficient_quota")
        eventually(lambda: http.get("/v1/usage").json()["data"])
        assert http.get("/v1/usage").json()["data"][0]["cost_usd"] == 0.1
    assert len(double.log) == 1


def test_a_client_that_leaves_before_anything_was_sent_pays_nothing(
    start: Start, gateways: Sandbox
) -> None:
    double = gateways["openai"]
    double.fault("chat", late=float("inf"))
    narrow = {"openai": {**PRICES["openai"], "max_concurrency": 1, "timeout": {"queue": 30}}}
    proxy = start(0.2, providers=narrow)
    impatient = httpx.Timeout(30, read=0.3)
    with (
        proxy.http(timeout=impatient) as http,
        proxy.http(timeout=0.6) as first,
        ThreadPoolExecutor(1) as other,
    ):
        held = other.submit(chat, first)
        eventually(lambda: double.log)
        with pytest.raises(httpx.ReadTimeout):
            chat(http)  # waits for the place of the first
        assert isinstance(held.exception(), httpx.ReadTimeout)
    with proxy.http() as http:
        eventually(lambda: chat(http).status_code == 200)
        refused(chat(http), 429, "insufficient_quota")


def test_a_fault_of_the_books_keeps_no_place(
    gateways: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateways["openai"].fault("chat", stall_after=1)
    made = config_for(gateways, keys=[{"name": "web", "key": KEY, "concurrency": 1}])
    with proxy_in_thread(tmp_path, made, key=KEY) as proxy, proxy.http() as http:
        assert proxy.service is not None

        def broken(*_: object) -> None:
            raise OverflowError

        monkeypatch.setattr(proxy.service.usage, "record", broken)
        with http.stream("POST", CHAT, json=body("chat-openai", stream=True)) as answer:
            next(answer.iter_bytes())
        eventually(lambda: chat(http).status_code == 200)


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("good", [True, False])
def test_a_reservation_of_which_nothing_was_heard(
    start: Start, gateways: Sandbox, done: bool, good: bool
) -> None:
    """Whether it was made or not: what the request did cost is spent, and nothing else."""
    proxy = start(0.2)
    assert proxy.service is not None
    store = proxy.service.store
    reserve, book, made = store.reserve, store.book, set()

    async def unheard(*args: Any, once: str) -> None:
        if done:
            await reserve(*args)
            made.add(once)
        raise Unanswered("the connection was lost")

    async def booked(*args: Any, once: str) -> None:
        if once not in made:
            await book(*args)

    store.reserve, store.book = unheard, booked  # type: ignore[method-assign]
    if not good:
        gateways["openai"].fault("chat", status=400)
    with proxy.http() as http:
        assert chat(http).status_code == (200 if good else 400)
        assert http.get("/v1/usage").status_code == 200  # which has it written
        store.reserve = reserve  # type: ignore[method-assign]
        for _ in range(1 if good else 2):
            assert chat(http).status_code == 200
        assert chat(http).status_code == 429
