"""The same target is asked again only as the last one left, and where nothing can be paid twice."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from proxy.runtime import Transports
from proxy.sandbox import Sandbox
from tests.chatting import CHAT, body, refused
from tests.eventually import becoming
from tests.harness import Proxy, config_for, proxy_in_thread

BUSY = {"retries": {"busy": 2}}
SOON = {"retry-after": "0.02"}
VIDEO = {"model": "video", "prompt": "A cat"}


@pytest.fixture(scope="module")
def running(all_gateways: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """`openai` and `apiin-one` are asked again where they are busy; `onysoft` is as it is by default."""
    one = {
        "translator": "openai",
        "api_key": all_gateways.keys["openai"],
        "base_url": all_gateways.base_urls["openai"],
        "max_concurrency": 1,
    }
    config = config_for(
        all_gateways,
        providers={
            "openai": BUSY,
            "apiin-one": BUSY,
            "hasty": {**one, "timeout": {"queue": 0.05}},
            "patient": one,
        },
        models={
            "busy": "openai/gpt-4o",
            "plain": "onysoft/gpt-4o-mini",
            "both": ["openai/gpt-4o", "onysoft/gpt-4o-mini"],
            "video": "apiin-one/kling-3",
            "plain-video": "onysoft/sora-2",
        },
    )
    with proxy_in_thread(tmp_path_factory.mktemp("proxy"), config) as made:
        yield made


@pytest.fixture
def proxy(running: Proxy, gateways: Sandbox) -> Proxy:
    return running


def post(proxy: Proxy, path: str, asked: Any, **headers: str) -> httpx.Response:
    with proxy.http(verify=False, headers=headers) as client:
        return client.post(path, json=asked)


def retried(proxy: Proxy, provider: str) -> float:
    with proxy.http(verify=False) as client:
        found = client.get("/metrics").text.partition(
            f'anygate_retries_total{{provider="{provider}"}} '
        )
    return float(found[2].split("\n")[0] or 0)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"status": 502}, {"status": 429, "headers": SOON}]
)
def test_a_busy_gateway_is_asked_again(
    proxy: Proxy, gateways: Sandbox, fault: dict[str, Any], stream: bool
) -> None:
    gateways["openai"].fault("chat", times=2, **fault)
    before = retried(proxy, "openai")
    assert post(proxy, CHAT, body("busy", stream=stream)).status_code == 200
    assert len(gateways["openai"].log) == 3
    assert retried(proxy, "openai") == before + 2


@pytest.mark.parametrize(
    ("route", "fault", "status"),
    [
        ("busy", {"times": None, "status": 500}, 502),
        ("busy", {"status": 429, "headers": {"retry-after": "30"}}, 429),
        ("busy", {"status": 429}, 429),
        ("busy", {"status": 401}, 502),
        ("busy", {"status": 400}, 400),
        ("busy", {"cut": "after"}, 502),
        ("plain", {"status": 503}, 502),
        ("plain", {"status": 429, "headers": SOON}, 429),
    ],
)
def test_there_is_an_end_to_it(
    proxy: Proxy, gateways: Sandbox, route: str, fault: dict[str, Any], status: int
) -> None:
    double = gateways["openai" if route == "busy" else "onysoft"]
    double.fault("chat", **fault)
    assert post(proxy, CHAT, body(route)).status_code == status
    assert len(double.log) == (1 if "times" not in fault else 3)


def test_another_target_is_better_than_waiting(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["openai"].fault("chat", status=503)
    answer = post(proxy, CHAT, body("both"))
    assert answer.headers["x-anygate-provider"] == "onysoft"
    assert len(gateways["openai"].log) == 1


def test_not_longer_than_the_client_waits(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["openai"].fault("chat", status=429, headers={"retry-after": "3"})
    answer = post(proxy, CHAT, body("busy"), **{"x-stainless-read-timeout": "2"})
    refused(answer, 429, "provider_rate_limited")
    assert answer.headers["retry-after"] == "3"


async def test_who_goes_while_it_waits_is_not_asked_for(proxy: Proxy, gateways: Sandbox) -> None:
    double = gateways["openai"]
    double.fault("chat", status=429, headers={"retry-after": "4"})
    before = retried(proxy, "openai")
    async with proxy.async_http(verify=False) as client:
        asked = asyncio.ensure_future(client.post(CHAT, json=body("busy")))
        await becoming(lambda: retried(proxy, "openai") > before)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        metrics = await client.get("/metrics")
        while "anygate_requests_in_flight 1.0" not in metrics.text:  # the question itself
            metrics = await client.get("/metrics")
    assert len(double.log) == 1


class Refusing(httpx.AsyncBaseTransport):
    """Connections are refused so many times, and then made."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner, self.times, self.asked = inner, 0, 0
        self.failure: type[httpx.TransportError] = httpx.ConnectError

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.times:
            self.times -= 1
            raise self.failure("refused")
        return await self.inner.handle_async_request(request)


@pytest.fixture
def refusing(proxy: Proxy) -> Iterator[Refusing]:
    service = proxy.service
    assert service is not None
    usual = service.transports
    made = Refusing(usual.named)
    service.transports = Transports(made, usual.public)
    service.reload()
    yield made
    service.transports = usual
    service.reload()


@pytest.mark.parametrize("stream", [False, True])
def test_a_refused_connection_is_tried_once_more(
    proxy: Proxy, gateways: Sandbox, refusing: Refusing, stream: bool
) -> None:
    refusing.times = 1
    assert post(proxy, CHAT, body("plain", stream=stream)).status_code == 200
    assert refusing.asked == 2
    refusing.times, refusing.asked = 2, 0
    refused(post(proxy, CHAT, body("plain", stream=stream)), 502, "provider_unreachable")
    assert (refusing.asked, refusing.times) == (2, 0)


def test_one_that_timed_out_is_not(proxy: Proxy, gateways: Sandbox, refusing: Refusing) -> None:
    refusing.times, refusing.failure = 1, httpx.ConnectTimeout
    refused(post(proxy, CHAT, body("plain")), 502, "provider_unreachable")
    assert refusing.asked == 1


def test_a_submit_is_repeated_where_no_connection_was_made(
    proxy: Proxy, gateways: Sandbox, refusing: Refusing
) -> None:
    refusing.times = 1
    assert post(proxy, "/v1/videos", {**VIDEO, "model": "plain-video"}).status_code == 200
    assert len(gateways["onysoft"].submits) == 1


def test_a_submit_is_repeated_after_a_refusal_that_says_when(
    proxy: Proxy, gateways: Sandbox
) -> None:
    gateways["apiin.one"].fault("submit", status=429, headers=SOON)
    assert post(proxy, "/v1/videos", VIDEO).status_code == 200
    assert len(gateways["apiin.one"].submits) == 2


@pytest.mark.parametrize("fault", [{"status": 500}, {"cut": "before"}, {"cut": "after"}])
def test_a_submit_in_doubt_never_is(proxy: Proxy, gateways: Sandbox, fault: dict[str, Any]) -> None:
    gateways["apiin.one"].fault("submit", **fault)
    refused(post(proxy, "/v1/videos", VIDEO), 502, "submission_ambiguous")
    assert len(gateways["apiin.one"].submits) == 1


async def test_the_queue_is_bounded_in_time(proxy: Proxy, gateways: Sandbox) -> None:
    double = gateways["openai"]
    double.fault("chat", hang=True)
    asked = body("hasty/gpt-4o")
    async with proxy.async_http(verify=False) as client:
        held = asyncio.ensure_future(client.post(CHAT, json=asked))
        await double.until(lambda d: d.active)
        answer = await client.post(CHAT, json=asked)
        refused(answer, 429, "provider_rate_limited")
        assert answer.headers["retry-after"] == "1"
        double.release()
        assert (await held).status_code == 200
        assert (await client.post(CHAT, json=asked)).status_code == 200
    assert len(double.log) == 2


async def test_the_queue_is_bounded_in_number(proxy: Proxy, gateways: Sandbox) -> None:
    double = gateways["openai"]
    double.fault("chat", hang=True)
    asked = body("patient/gpt-4o")
    async with proxy.async_http(verify=False) as client:
        held = asyncio.ensure_future(client.post(CHAT, json=asked))
        await double.until(lambda d: d.active)
        two = {asyncio.ensure_future(client.post(CHAT, json=asked)) for _ in range(2)}
        [done], [waiting] = await asyncio.wait(two, return_when=asyncio.FIRST_COMPLETED)
        refused(done.result(), 429, "provider_rate_limited")
        metrics = (await client.get("/metrics")).text
        for state in ("active", "waiting"):
            assert f'anygate_upstream_requests{{provider="patient",state="{state}"}} 1.0' in metrics
        double.release()
        assert [(await one).status_code for one in (held, waiting)] == [200, 200]
    assert len(double.log) == 2
