"""Targets with a weight share a route's requests; those without keep their place."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from proxy.config import ConfigError, Target, parse
from proxy.routing import drawn
from proxy.sandbox import Sandbox
from tests.chatting import CHAT, body
from tests.harness import config_for, proxy_in_thread
from translators import TRANSLATORS

A, B, C, D = (
    Target("p", name, weight) for name, weight in zip("abcd", (3, 1, None, 4), strict=True)
)


def first_of(*targets: Target, draws: int = 4000) -> Counter[str]:
    random.seed(7)
    return Counter(next(iter(drawn(targets))).model for _ in range(draws))


def test_each_comes_first_as_often_as_its_weight_says() -> None:
    counted = first_of(A, B, C)
    assert 2880 < counted["a"] < 3120 and counted["a"] + counted["b"] == 4000
    counted = first_of(A, B, D)
    assert 1880 < counted["d"] < 2120 and 1400 < counted["a"] < 1600
    seconds = Counter([one.model for one in drawn((A, B, D))][1] for _ in range(4000))
    assert seconds["b"] < seconds["d"] and seconds["b"] < seconds["a"]


def test_those_without_a_weight_keep_their_place() -> None:
    assert first_of(C, A, B) == {"c": 4000}
    orders = {"".join(one.model for one in drawn((A, B, C, D))) for _ in range(200)}
    assert orders == {"abcd", "bacd"}
    assert [*drawn((C, C))] == [C, C]


@pytest.mark.parametrize(
    ("targets", "problem"),
    [
        ("[{target: o/x}]", "a target with a weight must read {target: provider/model, weight: 3}"),
        ("[{target: o/x, wieght: 3}]", "a target with a weight must read {target: provider/model"),
        ("[o/y, {target: o/x, weight: 0}]", "a target's weight must be a number above 0"),
        ("[{target: o/x, weight: true}]", "a target's weight must be a number above 0"),
        ("[{target: o/x, weight: three}]", "a target's weight must be a number above 0"),
        ("[{target: o/x, weight: 1.0e+10}]", "above 0, 1000000000 at most"),
        (f"[{{target: o/x, weight: 1{'0' * 400}}}]", "above 0, 1000000000 at most"),
        ("[{target: [o/x], weight: 3}]", "a target must be text such as provider/model"),
        ("[{target: q/x, weight: 3}]", "unknown provider 'q'"),
    ],
)
def test_what_is_no_weighted_target(targets: str, problem: str) -> None:
    text = f"providers: {{o: {{translator: openai, api_key: none}}}}\nmodels:\n  m: {targets}\n"
    with pytest.raises(ConfigError) as caught:
        parse(text, "config.yaml", {}, TRANSLATORS)
    assert caught.value.problems[0].startswith("config.yaml:3: models.m")
    assert problem in caught.value.problems[0]


def test_requests_are_shared_and_fall_back(gateways: Sandbox, tmp_path: Path) -> None:
    video: list[Any] = [
        {"target": "onysoft/sora-2", "weight": 1},
        {"target": "apiin-one/kling-3", "weight": 1},
        "ai-gate-one/Sora2",
    ]
    chat = [
        {"target": "openai/gpt-4o", "weight": 1},
        {"target": "onysoft/gpt-4o-mini", "weight": 1},
        "aigate-shop/openai/gpt-4o-mini",
    ]
    config = config_for(gateways, models={"chat": chat, "video": video})
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http(verify=False) as client:

        def answers(path: str, asked: dict[str, Any]) -> str:
            got = client.post(path, json=asked)
            assert got.status_code == 200, got.text
            return got.headers["x-anygate-provider"]

        asked = {"model": "video", "prompt": "A cat"}
        for path, wish, wanted in (
            (CHAT, body("chat"), {"openai", "onysoft"}),
            ("/v1/videos", asked, {"onysoft", "apiin-one"}),
        ):
            seen: set[str] = set()
            while len(seen) < 2:
                seen.add(answers(path, wish))
            assert seen == wanted
        # Whichever comes first, the other one of the two is next, and then the rest.
        gateways["openai"].fault("chat", times=None, status=500)
        before = len(gateways["openai"].log)
        while len(gateways["openai"].log) == before:
            assert answers(CHAT, body("chat")) == "onysoft"
        gateways["onysoft"].fault("chat", times=None, status=500)
        assert answers(CHAT, body("chat")) == "aigate-shop"
