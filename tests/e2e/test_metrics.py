"""GET /metrics: what is counted, by labels that come from the config, for all workers together."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.sandbox import Sandbox
from tests.chatting import CHAT, body, chunks_of
from tests.eventually import eventually
from tests.harness import Proxy, ProxyProcess, config_for, proxy_in_thread
from tests.processes import both

PRICES = {"gpt-4o": {"per_request": 0.01}}


@pytest.fixture
def proxy(gateways: Sandbox, tmp_path: Path) -> Iterator[Proxy]:
    config = config_for(
        gateways,
        providers={"openai": {"prices": PRICES}, "onysoft": {"rpm": None}},
        models={"route": "openai/gpt-4o", "both": ["openai/gpt-4o", "onysoft/gpt-4o-mini"]},
    )
    with proxy_in_thread(tmp_path, config) as running:
        yield running


class Told:
    """The samples of a scrape. `told[name, {labels}]` is a value, 0 where there is none."""

    def __init__(self, text: str) -> None:
        self.samples = [s for f in text_string_to_metric_families(text) for s in f.samples]
        assert all(s.name.startswith("anygate_") for s in self.samples)

    def __call__(self, name: str, **labels: str) -> float:
        found = [s for s in self.samples if s.name == name and labels.items() <= s.labels.items()]
        return sum(one.value for one in found)

    def values(self, label: str) -> set[str]:
        return {s.labels[label] for s in self.samples if label in s.labels}


def scrape(proxy: Proxy) -> Told:
    with proxy.http(verify=False, headers={"connection": "close"}) as client:
        answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return Told(answer.text)


def test_requests_tokens_cost_and_times(proxy: Proxy, gateways: Sandbox) -> None:
    with proxy.http(verify=False) as client:
        whole = client.post(CHAT, json=body("route"))
        options = {"stream": True, "stream_options": {"include_usage": True}}
        streamed = client.post(CHAT, json=body("route", **options))
        assert client.post(CHAT, json=body("route", messages="x")).status_code == 400
        assert client.post(CHAT, json=body("openai/gpt-4o-mini")).status_code == 200
    told = scrape(proxy)
    count = {"endpoint": "chat", "provider": "openai"}
    assert told("anygate_requests_total", **count, status="200") == 3
    assert told("anygate_requests_total", endpoint="chat", status="400") == 1
    assert told("anygate_request_seconds_count", endpoint="chat") == 4
    for stream, number in (("false", 3), ("true", 1)):
        first = {"endpoint": "chat", "stream": stream}
        assert told("anygate_first_byte_seconds_count", **first) == number
        assert told("anygate_first_byte_seconds_bucket", **first, le="+Inf") == number
    assert 0 < told("anygate_first_byte_seconds_sum") <= told("anygate_request_seconds_sum")
    used, also = whole.json()["usage"], chunks_of(streamed.text)[-1]["usage"]
    for kind in ("prompt", "completion"):
        tokens = {"provider": "openai", "route": "route", "kind": kind}
        assert told("anygate_tokens_total", **tokens) == sum(
            one[f"{kind}_tokens"] for one in (used, also)
        )
        # What a client makes up is no label: it counts for its provider.
        tokens["route"] = "openai/*"
        assert told("anygate_tokens_total", **tokens) == used[f"{kind}_tokens"]
    assert told("anygate_cost_usd_total", provider="openai", route="route") == pytest.approx(0.02)
    assert told("anygate_requests_in_flight") == 1  # this one
    assert told("anygate_upstream_requests", provider="openai") == 0
    assert told("anygate_target_state", state="closed", target="openai/*") == 1
    assert told("anygate_target_state", state="open") == 0
    assert told.values("provider") <= {"", *(name.replace(".", "-") for name in gateways.doubles)}


def test_fallbacks_and_failures(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["openai"].fault("chat", status=503)
    gateways["openai"].fault("chat", status=401)
    gateways["openai"].fault("chat", cut_after=1)
    gateways["openai"].fault("chat", status=400)
    with proxy.http(verify=False) as client:
        for stream in (False, False, True, False):
            client.post(CHAT, json=body("both", stream=stream))
    told = scrape(proxy)
    assert told("anygate_fallbacks_total", provider="openai") == 2
    for kind in ("failed", "auth", "cut", "rejected"):
        assert told("anygate_upstream_errors_total", provider="openai", kind=kind) == 1
    assert told("anygate_upstream_errors_total") == 4


def test_jobs_are_counted_once_with_their_cost_and_their_polls(
    proxy: Proxy, gateways: Sandbox
) -> None:
    gateways["onysoft"].fault("poll", times=2, status=503)
    with proxy.http(verify=False) as client:
        job = client.post("/v1/videos", json={"model": "sora-2", "prompt": "A cat"}).json()["id"]
        assert scrape(proxy)("anygate_jobs", provider="onysoft") <= 1
        eventually(lambda: client.get(f"/v1/videos/{job}").json()["status"] == "completed")
        assert client.delete(f"/v1/videos/{job}").json()["deleted"]  # which changes it once more
        gateways["onysoft"].fault("submit", status=402)
        assert client.post("/v1/videos", json={"model": "sora-2", "prompt": "A"}).status_code == 429
    told = scrape(proxy)
    finished = {"provider": "onysoft", "kind": "video"}
    for status in ("completed", "failed"):
        assert told("anygate_jobs_finished_total", **finished, status=status) == 1
    assert told("anygate_cost_usd_total", provider="onysoft", route="sora-2") == pytest.approx(0.1)
    polls = len(gateways["onysoft"].polls())
    assert told("anygate_poll_lag_seconds_count", provider="onysoft") == polls >= 3
    assert told("anygate_poll_lag_seconds_bucket", provider="onysoft", le="10.0") == polls
    assert told("anygate_upstream_errors_total", provider="onysoft", kind="failed") == 2
    assert told("anygate_upstream_errors_total", provider="onysoft", kind="quota") == 1
    assert told("anygate_jobs") == 0


async def test_what_is_under_way(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["openai"].fault("chat", times=2, stall_after=1)
    async with proxy.async_http(verify=False) as client:
        asked = [
            asyncio.ensure_future(client.post(CHAT, json=body("route", stream=True)))
            for _ in range(2)
        ]
        await gateways["openai"].until(lambda d: len(d.active) == 2)
        told = await asyncio.to_thread(scrape, proxy)
        assert told("anygate_requests_in_flight") == 3
        assert told("anygate_upstream_requests", provider="openai", state="active") == 2
        gateways["openai"].release()
        await asyncio.gather(*asked)
    told = await asyncio.to_thread(scrape, proxy)
    assert told("anygate_upstream_requests", provider="openai", state="active") == 0


@pytest.mark.slow
def test_workers_answer_for_each_other_and_nothing_is_lost_with_one(
    gateways: Sandbox, tmp_path: Path
) -> None:
    process = ProxyProcess(tmp_path, config_for(gateways), workers=2)
    with process as proxy:
        workers = eventually(lambda: both(process))

        def health(told: Told) -> float:
            return told("anygate_requests_total", endpoint="health")

        with proxy.http(verify=False, headers={"connection": "close"}) as client:
            for _ in range(12):
                client.get("/healthz")
        before = eventually(lambda: told if health(told := scrape(proxy)) == 12 else None)
        assert before("anygate_target_state", target="openai/*", state="closed") == 2
        os.kill(workers[0], signal.SIGKILL)
        eventually(lambda: both(process) and both(process) != workers)
        for _ in range(4):
            told = scrape(proxy)
            assert health(told) == 12
        eventually(lambda: scrape(proxy)("anygate_target_state", target="openai/*") == 2)
