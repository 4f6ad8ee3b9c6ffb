"""What a job cost: on the job and in x-anygate-cost, by the gateway's word, its list, or the config's prices."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from proxy.sandbox import Sandbox
from tests.harness import Proxy, config_for, proxy_in_thread
from tests.wire import A, ended, posted

CHAT, IMAGES, VIDEOS, SPEECH = (
    "/v1/chat/completions",
    "/v1/images/generations",
    "/v1/videos",
    "/v1/audio/speech",
)
MUSIC, SOUND, CLIPS = "/v1/jobs/music", "/v1/jobs/sound", "/v1/jobs/speech"
KLING = "klingai/kling-v3.0-t2v"
TTS = "onysoft/elevenlabs/text-to-speech-multilingual-v2"
FULL_HD = {"size": "1920x1080"}
WORDS = "x" * 500
CLIP = "https://example.com/clip.mp4"

# Endpoint, target, what is said → USD.
COSTS: list[tuple[str, str, dict[str, Any], float | None]] = [
    # ai-gate.one: its price list, of what was really ordered.
    (VIDEOS, "ai-gate-one/Sora2", {**FULL_HD, "seconds": "10"}, 0.3),
    (VIDEOS, "ai-gate-one/Sora2", {**FULL_HD, "seconds": "12"}, 0.45),
    (VIDEOS, "ai-gate-one/Sora2", {"size": "1280x720", "seconds": "10"}, None),
    (VIDEOS, "ai-gate-one/Wan2_6", {"seconds": "4"}, 0.6),
    (VIDEOS, "ai-gate-one/Kling_2_5_Pro", {"seconds": "10"}, 0.75),
    (VIDEOS, "ai-gate-one/Kling2_6", {"seconds": "10"}, 1.8),
    (VIDEOS, "ai-gate-one/Veo3_1Fast", {}, 0.36),
    (VIDEOS, "ai-gate-one/Veo3_1_Quality", {}, 1.81),
    (VIDEOS, "ai-gate-one/Hailuo2_3", {"seconds": "6"}, 0.32),
    (VIDEOS, "ai-gate-one/Hailuo2_3", {**FULL_HD, "seconds": "10"}, 0.75),
    (IMAGES, "ai-gate-one/NanoBanana", {}, 0.04),
    (IMAGES, "ai-gate-one/NanoBanana", {"n": 3}, 0.12),
    (SOUND, "ai-gate-one/sound", {"seconds": 3}, 0.03),
    (CLIPS, "ai-gate-one/voice", {"prompt": WORDS}, 0.05),
    # onysoft: its estimated_cost.
    (VIDEOS, "onysoft/veo3", {}, 0.6),
    (VIDEOS, "onysoft/sora-2", {}, 0.1),
    (IMAGES, "onysoft/google/imagen4", {"n": 2}, 0.2),
    (SOUND, "onysoft/elevenlabs/sound-effect-v2", {}, 0.001),
    (CLIPS, TTS, {}, 0.06),
    # apiin.one: its consumed_credits, at half a cent each.
    (IMAGES, "apiin-one/flux-2", {}, 0.025),
    (IMAGES, "apiin-one/flux-2", {"n": 2}, 0.05),
    (VIDEOS, "apiin-one/kling-3", {}, 0.025),
    (MUSIC, "apiin-one/suno", {}, 0.025),
    ("/v1/images/edits", "apiin-one/remove-bg", {"image": A}, 0.005),
    ("/v1/images/edits", "apiin-one/face-swap", {"image": [A, A]}, 0.02),
    # openai and aigate.shop say nothing: the config's prices, where there are some.
    (IMAGES, "openai/gpt-image-1", {"n": 2}, 0.084),
    (VIDEOS, "openai/sora-2", {"seconds": "8"}, 0.8),
    (VIDEOS, "openai/sora-2-pro", {}, None),
    (VIDEOS, f"aigate-shop/{KLING}", {"seconds": "5"}, 0.35),
    (VIDEOS, f"aigate-shop/{KLING}", {}, 0.28),
    (VIDEOS, "aigate-shop/klingai/kling-v3.0-i2v", {"input_reference": A}, 0.5),
    (VIDEOS, "aigate-shop/openai/sora-2", {}, None),
    (VIDEOS, f"aigate-shop/{KLING}", {"seconds": "5", "n": 3}, 1.05),
    # Nobody knows how long an edit becomes: that is not free.
    ("/v1/videos/edits", f"aigate-shop/{KLING}", {"video": CLIP}, None),
]
PROVIDERS: dict[str, Any] = {
    "apiin-one": {"usd_per_credit": 0.005},
    "aigate-shop": {
        "prices": {
            KLING: {"per_second": 0.07},
            "klingai/kling-v3.0-i2v": {"per_request": 0.5},
        }
    },
    "openai": {
        "prices": {
            "gpt-image-1": {"per_image": 0.042},
            "sora-2": {"per_second": 0.1},
        }
    },
    # The gateway's own word wins over the file's.
    "onysoft": {"prices": {"veo3": {"per_request": 9.0}}},
}


@pytest.fixture(scope="module")
def priced_for_all(
    all_gateways: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    config = config_for(all_gateways, providers=PROVIDERS)
    with proxy_in_thread(tmp_path_factory.mktemp("priced"), config) as running:
        yield running


@pytest.fixture
def priced(gateways: Sandbox, priced_for_all: Proxy) -> Proxy:
    return priced_for_all


@pytest.mark.parametrize(("path", "model", "said", "cost"), COSTS)
def test_costs(
    priced: Proxy, path: str, model: str, said: dict[str, Any], cost: float | None
) -> None:
    with priced.http() as http:
        answer = posted(http, path, **{"model": model, "prompt": "A cat", **said})
        job = answer.headers["x-anygate-job"]
        done = ended(http, job)
        assert (done["status"], done["anygate"]["cost"]) == ("completed", cost)
        shown = http.get(f"/v1/jobs/{job}")
        told = None if cost is None else f"{cost:.6f}".rstrip("0")
        assert shown.headers.get("x-anygate-cost") == told
        if path in (IMAGES, "/v1/images/edits"):  # its client has waited for the end
            assert answer.headers.get("x-anygate-cost") == told
        content = http.get(f"/v1/jobs/{job}/content")
        assert content.headers.get("x-anygate-cost") == told


@pytest.mark.parametrize("stream", [False, True])
def test_a_text_costs_what_goes_in_and_what_comes_out(
    priced: Proxy, gateways: Sandbox, stream: bool
) -> None:
    gateways["ai-gate.one"].reply = "y" * 1500
    body: dict[str, Any] = {"messages": [{"role": "user", "content": WORDS}], "stream": stream}
    try:
        with priced.http() as http:
            answer = posted(http, CHAT, model="ai-gate-one/text", **body)
            job = ended(http, answer.headers["x-anygate-job"])
    finally:
        gateways["ai-gate.one"].reply = None
    assert job["anygate"]["cost"] == 0.0012  # two thousand characters
    if not stream:
        assert answer.headers["x-anygate-cost"] == "0.0012"


@pytest.mark.parametrize("price", [0.0, 0.01])
def test_the_files_price_of_a_text_is_the_whole(
    gateways: Sandbox, tmp_path: Path, price: float
) -> None:
    """It wins over the gateway's list, also over what that asks for the answer's length."""
    prices = {"prices": {"text": {"per_request": price}}}
    config = config_for(gateways, providers={"ai-gate-one": prices})
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as http:
        messages = [{"role": "user", "content": WORDS}]
        answer = posted(http, CHAT, model="ai-gate-one/text", messages=messages)
        assert ended(http, answer.headers["x-anygate-job"])["anygate"]["cost"] == price


def test_what_is_priced_by_an_unknown_length_holds_the_reserve(
    gateways: Sandbox, tmp_path: Path
) -> None:
    """Seven cents a second of an edit whose seconds nobody knows: a budget of 30 cents has room for three."""
    prices = {"prices": {KLING: {"per_second": 0.07}}}
    config = config_for(gateways, providers={"aigate-shop": prices})
    config["keys"] = [{"name": "web", "key": "sk-any-web", "budget_usd": 0.3}]
    with (
        proxy_in_thread(tmp_path, config) as proxy,
        proxy.http(headers={"authorization": "Bearer sk-any-web"}) as http,
    ):
        body = {"model": f"aigate-shop/{KLING}", "prompt": "Snow", "video": CLIP}
        codes = [http.post("/v1/videos/edits", json=body).status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]


def test_a_failed_task_costs_what_the_gateway_says(priced: Proxy, gateways: Sandbox) -> None:
    double = gateways["apiin.one"]
    double.failed_credits = 2
    double.fail_next("no cats")
    try:
        with priced.http() as http:
            job = posted(http, VIDEOS, model="kling", prompt="A cat").json()["id"]
            done = ended(http, job)
            assert http.get(f"/v1/videos/{job}").headers["x-anygate-cost"] == "0.01"
        double.fail_next("no cats")
        with priced.sdk() as client, pytest.raises(openai.APIStatusError) as raised:
            client.images.generate(model="flux", prompt="A cat")
    finally:
        double.failed_credits = 0.0
    assert (done["status"], done["anygate"]["cost"]) == ("failed", 0.01)
    assert raised.value.response.headers["x-anygate-cost"] == "0.01"


@pytest.mark.parametrize("model", ["onysoft/sora-2", "ai-gate-one/Sora2", f"aigate-shop/{KLING}"])
def test_a_failed_task_costs_nothing_where_nothing_is_said(
    priced: Proxy, gateways: Sandbox, model: str
) -> None:
    gateways[model.partition("/")[0].replace("-one", ".one").replace("-shop", ".shop")].fail_next()
    body = {"model": model, "prompt": "A cat", **FULL_HD}
    with priced.http() as http:
        answer = http.post(VIDEOS, json=body)
        done = ended(http, answer.headers["x-anygate-job"])
    assert done["status"] == "failed"
    assert done["anygate"]["cost"] is None


def test_of_several_tasks_the_delivered_ones_count(priced: Proxy, gateways: Sandbox) -> None:
    gateways["ai-gate.one"].fail_next("no cats")
    with priced.sdk() as client:
        raw = client.images.with_raw_response.generate(model="nano-banana", prompt="Cats", n=3)
    assert len(raw.parse().data or ()) == 2
    assert raw.headers["x-anygate-partial"] == "2/3"
    assert raw.headers["x-anygate-cost"] == "0.08"


def test_credits_without_a_price_are_unknown(shared: Proxy) -> None:
    with shared.http() as http:
        answer = posted(http, IMAGES, model="flux", prompt="A cat")
        assert "x-anygate-cost" not in answer.headers
        assert ended(http, answer.headers["x-anygate-job"])["anygate"]["cost"] is None


def test_the_fallbacks_price_counts(gateways: Sandbox, tmp_path: Path) -> None:
    """What was refused costs nothing: the job has the cost of the target that took it."""
    gateways["ai-gate.one"].fault("submit", status=402)
    models = {"either": ["ai-gate-one/Sora2", "onysoft/sora-2"]}
    with (
        proxy_in_thread(tmp_path, config_for(gateways, models=models)) as proxy,
        proxy.http() as http,
    ):
        job = posted(http, VIDEOS, model="either", prompt="A cat").json()["id"]
        done = ended(http, job)
    assert (done["anygate"]["provider"], done["anygate"]["cost"]) == ("onysoft", 0.1)


@pytest.mark.parametrize("amount", [1e12, -1.0])
def test_an_absurd_cost_loses_no_task(
    shared: Proxy, gateways: Sandbox, logged: list[str], amount: float
) -> None:
    double = gateways["onysoft"]
    with shared.http() as http:
        posted(http, VIDEOS, model="sora-2", prompt="A cat")
        task = double.submits[-1].task_id
        cost = {"amount": amount, "currency": "USD"}
        double.fault("submit", body={"taskId": task, "status": "queued", "estimated_cost": cost})
        job = posted(http, VIDEOS, model="sora-2", prompt="A cat").json()["id"]
        shown = ended(http, job)
    assert (shown["status"], shown["anygate"]["cost"]) == ("completed", None), shown
