"""What clients are told of the accounts: never a key, and only of what they may spend money at."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.endpoints.accounts import may_begin
from proxy.sandbox import Sandbox
from tests import openapi
from tests.harness import Proxy, config_for, proxy_in_thread

NAMES = ("ai-gate-one", "aigate-shop", "apiin-one", "onysoft", "openai")


def told(proxy: Proxy, path: str, status: int = 200) -> Any:
    with proxy.http() as client:
        answer = client.get(f"/v1/providers{path}")
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def test_every_provider_is_listed(shared: Proxy, gateways: Sandbox) -> None:
    listed = told(shared, "")
    assert listed["object"] == "list"
    assert [one["id"] for one in listed["data"]] == list(NAMES)
    shop = listed["data"][1]
    shown = shop.pop("health")  # how it is doing is other tests' affair
    assert shop == {
        "id": "aigate-shop",
        "object": "provider",
        "translator": "aigate.shop",
        "base_url": gateways.base_urls["aigate.shop"],
        "capabilities": ["chat", "embedding", "video", "video_edit", "video_extension"],
        "queries": ["balance", "models"],
        "rpm": None,
        "max_concurrency": 100,
    }
    health = {"state", "last_failure", "next_probe_at"}
    assert shown.keys() == {*health, "targets"}
    assert [one.keys() for one in shown["targets"]] == [{*health, "model"}] * 2
    assert [one["model"] for one in shown["targets"]] == [
        "klingai/kling-v3.0-t2v",
        "openai/gpt-4o-mini",
    ]
    assert listed["data"][2]["rpm"] == 100_000


@pytest.mark.parametrize("name", NAMES)
def test_balances(shared: Proxy, gateways: Sandbox, name: str) -> None:
    known = name in ("ai-gate-one", "aigate-shop")
    assert told(shared, f"/{name}/balance") == {
        "object": "balance",
        "provider": name,
        "balance": 123.4 if known else None,
        "currency": None,
    }
    if name == "ai-gate-one":
        [seen] = gateways["ai-gate.one"].seen("balance")
        assert seen.path.endswith(f"/balance/{gateways.keys['ai-gate.one']}")


@pytest.mark.parametrize("variant", ["balance_data", "balance_credits"])
def test_other_shapes_of_a_balance(shared: Proxy, gateways: Sandbox, variant: str) -> None:
    gateways["aigate.shop"].variants.add(variant)
    assert told(shared, "/aigate-shop/balance")["balance"] == 123.4


def test_prices_are_the_gateways_own(shared: Proxy) -> None:
    prices = told(shared, "/ai-gate-one/prices")
    assert prices["object"] == "list"
    by_id = {one["id"]: one for one in prices["data"]}
    assert by_id["voice"] == {"id": "voice", "cost": "0.1", "unit": "1K characters"}
    assert by_id["video"]["Sora2"] == {"1080p": {"10": 0.3, "15": 0.45}}
    models = {one["id"]: one["price"] for one in told(shared, "/onysoft/prices")["data"]}
    assert models["elevenlabs/sound-effect-v2"] == {"amount": 0.001, "currency": "USD"}
    for name in ("aigate-shop", "apiin-one", "openai"):
        assert told(shared, f"/{name}/prices") == {"object": "list", "data": []}


def test_no_such_provider(shared: Proxy) -> None:
    for path in ("/nobody/balance", "/nobody/prices", "/onysoft", "/onysoft/secrets"):
        assert told(shared, path, 404)["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("fault", "status", "expected"),
    [
        ({"status": 401}, 502, "provider_auth_failed"),
        ({"status": 404}, 502, "provider_error"),
        ({"status": 400}, 502, "provider_error"),
        ({"status": 429}, 429, "provider_rate_limited"),
        ({"status": 500}, 502, "provider_error"),
        ({"body": "plenty"}, 502, "malformed_response"),
        ({"cut": "before", "times": None}, 502, "provider_error"),
    ],
)
def test_gateways_that_do_not_tell(
    shared: Proxy, gateways: Sandbox, fault: dict[str, Any], status: int, expected: str
) -> None:
    gateways["ai-gate.one"].fault("balance", **fault)
    gateways["ai-gate.one"].fault("price", **fault)
    for what in ("balance", "prices"):
        answer = told(shared, f"/ai-gate-one/{what}", status)
        openapi.check("GET", f"/v1/providers/ai-gate-one/{what}", status, answer)
        assert answer["error"]["code"] == expected


# -- secrets -------------------------------------------------------------------------------------


@pytest.fixture
def odd(gateways: Sandbox, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy with a key that must be encoded in a path, and one in a base URL."""
    double = gateways["ai-gate.one"]
    key, double.key = double.key, "odd%2Fkey?#&=1"
    url = f"{gateways.base_urls['openai']}/{gateways.keys['openai']}"
    sections = {
        "ai-gate-one": {"api_key": double.key},
        "openai": {"base_url": url},
        "nowhere": {
            "translator": "ai-gate.one",
            "api_key": double.key,
            "base_url": "http://127.0.0.1:9",
        },
    }
    with proxy_in_thread(tmp_path, config_for(gateways, providers=sections)) as running:
        yield running
    double.key = key


def test_keys_are_never_shown(
    odd: Proxy, gateways: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    double = gateways["ai-gate.one"]
    assert told(odd, "/ai-gate-one/balance")["balance"] == 123.4
    shown = [httpx.get(f"{odd.url}/v1/providers", trust_env=False).text]
    double.fault("balance", status=403, body={"error": f"wrong key {double.key}"})
    double.fault("balance", cut="after", times=2)  # a GET is sent again
    double.fault("balance", body="<html>")
    double.fault("price", body={"voice": {"cost": 1, "for": f"key {double.key}"}, "a": double.key})
    with odd.http() as client:
        for name in ("ai-gate-one", "ai-gate-one", "ai-gate-one", "nowhere"):
            answer = client.get(f"/v1/providers/{name}/balance")
            assert answer.status_code == 502
            shown.append(answer.text)
        shown.append(client.get("/v1/providers/ai-gate-one/prices").text)
        shown.append(client.get("/metrics").text)
    everything = "\n".join(shown) + caplog.text
    assert "[redacted]" in everything
    for secret in (double.key, "odd%252Fkey", gateways.keys["openai"]):
        assert secret not in everything


# -- restricted keys -----------------------------------------------------------------------------


@pytest.fixture
def restricted(gateways: Sandbox, tmp_path: Path) -> Iterator[Proxy]:
    keys = [
        {"name": "all", "key": "sk-all-of-it"},
        {"name": "web", "key": "sk-web-only", "models": ["chat-*", "onysoft/sora-*"]},
        {"name": "one", "key": "sk-one-route", "models": ["flux"]},
    ]
    with proxy_in_thread(tmp_path, config_for(gateways, keys=keys)) as running:
        yield running


def test_a_restricted_key_sees_what_it_reaches(restricted: Proxy) -> None:
    def seen(key: str) -> list[str]:
        restricted.key = key
        return [one["id"] for one in told(restricted, "")["data"]]

    assert seen("sk-all-of-it") == list(NAMES)
    # chat-text, chat-shop, chat-onysoft and chat-openai are routes.
    assert seen("sk-web-only") == ["ai-gate-one", "aigate-shop", "onysoft", "openai"]
    assert seen("sk-one-route") == ["apiin-one"]
    assert told(restricted, "/apiin-one/balance")["balance"] is None
    for path in ("/ai-gate-one/balance", "/onysoft/prices"):
        assert told(restricted, path, 404)["error"]["code"] == "not_found"
    restricted.key = "sk-wrong"
    assert told(restricted, "", 401)["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    ("glob", "reaches"),
    [
        ("*", True),
        ("onysoft/*", True),
        ("onysoft/sora-2", True),
        ("ony*", True),
        ("*-mini", True),
        ("[nop]nysoft/x", True),
        ("onysoft", False),
        ("onysoft/", False),
        ("onysoft2/*", False),
        ("gpt-*", False),
        ("sora-2", False),
    ],
)
def test_globs_that_reach_a_provider(glob: str, reaches: bool) -> None:
    assert may_begin(glob, "onysoft/") is reaches
