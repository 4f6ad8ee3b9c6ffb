"""/v1/images with the real SDK: the client waits, a job does the work."""

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from proxy.sandbox import Sandbox
from proxy.sandbox.assets import asset
from proxy.store.base import Job
from proxy.store.sqlite import SqliteStore
from tests.eventually import eventually
from tests.harness import Proxy, ProxyProcess, config_for, proxy_in_thread
from tests.openapi import check, check_event

ROWS = {"flux": "apiin.one", "nano-banana": "ai-gate.one", "imagen": "onysoft"}
PNG = asset("png", "1:1")
PATH = "/v1/images/generations"


@pytest.fixture
def proxy(gateways: Sandbox, tmp_path: Path) -> Iterator[Proxy]:
    models = {
        "flux-edit": "onysoft/google/nano-banana-edit",
        "pairs": {"targets": "apiin-one/flux-2", "params": {"n": 2, "response_format": "url"}},
        "odd": {"targets": "apiin-one/flux-2", "params": {"n": "two"}},
        "live": {"targets": "apiin-one/flux-2", "params": {"stream": True}},
    }
    with proxy_in_thread(tmp_path, config_for(gateways, models=models)) as running:
        yield running


def evict(folder: Path, index: int = 0) -> None:
    """One of the kept results, as they were made, is gone."""
    kept = sorted((folder / "media").glob("k_*"), key=lambda one: one.stat().st_mtime_ns)
    kept[index].unlink()


async def late(folder: Path, job_id: str) -> None:
    """The links of a job's results are dead by now."""

    def later(job: Job) -> Job:
        tasks = [
            one.but(assets=[{**asset, "expires": 1.0} for asset in one.assets]) for one in job.tasks
        ]
        return job.but(tasks=tasks)

    store = SqliteStore(folder / "jobs.db")
    await store.open()
    await store.update(job_id, later)
    await store.close()


@pytest.mark.parametrize("model", ROWS)
def test_base64_unless_a_url_is_asked_for(proxy: Proxy, gateways: Sandbox, model: str) -> None:
    with proxy.http() as http:
        plain = http.post(PATH, json={"model": model, "prompt": "A cat"})
        check("POST", PATH, 200, plain.json())
        (one,) = plain.json()["data"]
        assert base64.b64decode(one["b64_json"]).startswith(b"\x89PNG")
        linked = http.post(PATH, json={"model": model, "prompt": "A cat", "response_format": "url"})
        check("POST", PATH, 200, linked.json())
        (one,) = linked.json()["data"]
        assert set(one) == {"url"}
        assert httpx.get(one["url"], trust_env=False).content.startswith(b"\x89PNG")
    assert len(gateways[ROWS[model]].submits) == 2


def test_a_kept_picture_has_a_url_of_ours(gateways: Sandbox, tmp_path: Path) -> None:
    config = config_for(gateways, media={"keep": True})
    with proxy_in_thread(tmp_path, config) as proxy, proxy.sdk() as client:
        made = client.images.generate(model="flux", prompt="A cat", response_format="url")
        assert made.data is not None
        gateways["apiin.one"].files.expired = True
        got = httpx.get(str(made.data[0].url), trust_env=False)
    assert got.content.startswith(b"\x89PNG")
    assert got.headers["content-type"] == "image/png"


def test_where_the_kept_file_is_gone_the_gateways_link_is_given(
    gateways: Sandbox, tmp_path: Path
) -> None:
    """… as long as that lives."""
    order = {"model": "flux", "prompt": "A cat", "response_format": "url"}
    again = {"idempotency-key": "url"}
    config = config_for(gateways, media={"keep": True})
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http(headers=again) as http:
        ours = http.post(PATH, json=order).json()["data"][0]["url"]
        evict(tmp_path)
        theirs = http.post(PATH, json=order).json()["data"][0]["url"]
        assert theirs.startswith(gateways["apiin.one"].origin) and ours.startswith(proxy.url)
        job = http.get("/v1/jobs").json()["data"][0]["id"]
        asyncio.run(late(tmp_path, job))
        gone = http.post(PATH, json=order)
    assert (gone.status_code, gone.json()["error"]["code"]) == (410, "content_expired")
    assert len(gateways["apiin.one"].submits) == 1


@pytest.mark.parametrize("shape", ["url", "b64_json"])
def test_clients_get_all_they_have_paid_for_however_small_the_folder(
    gateways: Sandbox, tmp_path: Path, shape: str
) -> None:
    """The first pictures of a request were evicted by its last ones, and all of them answered with a 410."""
    with proxy_in_thread(tmp_path, config_for(gateways)) as proxy, proxy.http() as http:
        assert proxy.service is not None
        proxy.service.media.allow(len(PNG))
        order = {"model": "openai/gpt-image-1", "prompt": "A cat", "n": 3, "response_format": shape}
        for _ in range(2):
            answer = http.post(PATH, json=order)
            assert answer.status_code == 200, answer.text
            assert len(answer.json()["data"]) == 3
            assert "x-anygate-partial" not in answer.headers


@pytest.mark.parametrize("shape", ["url", "b64_json", "stream"])
def test_a_picture_that_is_gone_does_not_take_the_others_with_it(
    proxy: Proxy, gateways: Sandbox, tmp_path: Path, shape: str
) -> None:
    order: dict[str, Any] = {"model": "openai/gpt-image-1", "prompt": "A cat", "n": 3}
    order |= {"stream": True} if shape == "stream" else {"response_format": shape}
    with proxy.http(headers={"idempotency-key": "three"}) as http:
        assert http.post(PATH, json=order).status_code == 200
        evict(tmp_path)
        answer = http.post(PATH, json=order)
        assert answer.status_code == 200, answer.text
        if shape == "stream":
            assert answer.text.count("event: image_generation.completed") == 2
            assert "content_expired" in answer.text.rstrip().splitlines()[-1]
        else:
            assert len(answer.json()["data"]) == 2
            assert answer.headers["x-anygate-partial"] == "2/3"
        for _ in range(2):
            evict(tmp_path)
        gone = http.post(PATH, json=order)
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "content_expired")
    assert len(gateways["openai"].submits) == 3


def test_a_picture_within_the_answer_is_named_by_what_it_is(
    proxy: Proxy, gateways: Sandbox
) -> None:
    order = {"model": "openai/gpt-image-1", "prompt": "A cat", "response_format": "url"}
    with proxy.http() as http:
        link = http.post(PATH, json=order).json()["data"][0]["url"]
        (job,) = http.get("/v1/jobs").json()["data"]
        assert link.endswith(".png")
        assert job["assets"][0]["mime_type"] == "image/png"


def test_a_deleted_job_s_links_lead_nowhere(gateways: Sandbox, tmp_path: Path) -> None:
    config = config_for(gateways, media={"keep": True})
    order = {"model": "flux", "prompt": "A cat", "n": 2, "response_format": "url"}
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as http:
        links = [one["url"] for one in http.post(PATH, json=order).json()["data"]]
        (job,) = http.get("/v1/jobs").json()["data"]
        assert [http.get(link).status_code for link in links] == [200, 200]
        assert http.delete(f"/v1/jobs/{job['id']}").status_code == 200
        assert [http.get(link).status_code for link in links] == [404, 404]


@pytest.mark.parametrize("model", ROWS)
def test_n_pictures_are_n_tasks_of_one_job(proxy: Proxy, gateways: Sandbox, model: str) -> None:
    with proxy.sdk() as client:
        raw = client.images.with_raw_response.generate(model=model, prompt="A cat", n=3)
        data = raw.parse().data
    assert data is not None
    assert len(data) == 3
    assert "x-anygate-partial" not in raw.headers
    assert len(gateways[ROWS[model]].submits) == 3


@pytest.mark.parametrize("n", [0, 11, 1.5, "two", True])
def test_n_has_its_limits(proxy: Proxy, gateways: Sandbox, n: Any) -> None:
    with proxy.http() as http:
        answer = http.post(PATH, json={"model": "flux", "prompt": "A cat", "n": n})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "n")
    assert gateways["apiin.one"].submits == []


def test_what_the_route_says_of_number_and_shape(proxy: Proxy, gateways: Sandbox) -> None:
    with proxy.http() as http:
        data = http.post(PATH, json={"model": "pairs", "prompt": "A cat"}).json()["data"]
        assert [set(one) for one in data] == [{"url"}] * 2
        own = {"n": 1, "response_format": "b64_json"}
        data = http.post(PATH, json={"model": "pairs", "prompt": "A cat", **own}).json()["data"]
        assert [set(one) for one in data] == [{"b64_json"}]
        job = http.post("/v1/jobs/image", json={"model": "pairs", "prompt": "A cat"}).json()
        assert len(job["tasks"]) == 2
        submits = len(gateways["apiin.one"].submits)
        odd = http.post(PATH, json={"model": "odd", "prompt": "A cat"})
        assert (odd.status_code, odd.json()["error"]["param"]) == (400, "n")
        assert len(gateways["apiin.one"].submits) == submits
        live = http.post(PATH, json={"model": "live", "prompt": "A cat"})
        assert live.text.startswith("event: image_generation.completed")


@pytest.mark.parametrize("model", ROWS)
def test_a_stream_is_one_event_a_picture(proxy: Proxy, model: str) -> None:
    with proxy.sdk() as client:
        stream = client.images.generate(model=model, prompt="A cat", n=2, stream=True)
        events = list(stream)
    assert [event.type for event in events] == ["image_generation.completed"] * 2
    for event in events:
        check_event("ImageGenCompletedEvent", json.loads(event.to_json()))
        assert base64.b64decode(event.b64_json).startswith(b"\x89PNG")
        assert event.output_format == "png"


def test_a_failure_within_a_stream_is_its_last_event(proxy: Proxy, gateways: Sandbox) -> None:
    """The first words come after fifteen seconds at the latest; before that it is a status."""
    gateways["apiin.one"].fail_next("no cats")
    with proxy.sdk() as client, pytest.raises(openai.APIStatusError, match="no cats"):
        list(client.images.generate(model="flux", prompt="A cat", stream=True))


def test_an_edit_and_a_variation_bring_their_picture(proxy: Proxy, gateways: Sandbox) -> None:
    with proxy.sdk() as client:
        file = ("a.png", PNG, "image/png")
        edited = client.images.edit(model="flux-edit", image=file, prompt="Bluer")
        assert edited.data
        events = list(
            client.images.edit(model="flux-edit", image=[file], prompt="Bluer", stream=True)
        )
    assert [event.type for event in events] == ["image_edit.completed"]
    check_event("ImageEditCompletedEvent", json.loads(events[0].to_json()))
    sent = str(gateways["onysoft"].submits[0].body)
    assert base64.b64encode(PNG).decode()[:200] in sent


def test_a_client_that_leaves_does_not_cancel_what_it_pays_for(
    proxy: Proxy, gateways: Sandbox
) -> None:
    double = gateways["apiin.one"]
    double.timing["image"] = 0.6
    with proxy.http() as http:
        with pytest.raises(httpx.ReadTimeout):
            http.post(PATH, json={"model": "flux", "prompt": "A cat"}, timeout=0.3)
        (job,) = http.get("/v1/jobs").json()["data"]
        eventually(lambda: http.get(f"/v1/jobs/{job['id']}").json()["status"] == "completed")
        assert http.get(f"/v1/jobs/{job['id']}/content").content.startswith(b"\x89PNG")
    assert len(double.submits) == 1
    assert not double.submits[0].disconnected


def test_a_client_that_leaves_during_the_submit_does_not_cancel_it(
    proxy: Proxy, gateways: Sandbox
) -> None:
    double = gateways["apiin.one"]
    double.fault("submit", delay=0.6)
    with proxy.http() as http:
        with pytest.raises(httpx.ReadTimeout):
            http.post(PATH, json={"model": "flux", "prompt": "A cat"}, timeout=0.3)
        eventually(lambda: http.get("/v1/jobs").json()["data"][0]["status"] == "completed")
    assert not double.submits[0].disconnected


def test_a_file_that_fails_to_load_is_not_ordered_again(proxy: Proxy, gateways: Sandbox) -> None:
    double = gateways["apiin.one"]
    double.fault("file", times=2, status=503)
    with proxy.sdk(max_retries=2) as client:
        assert client.images.generate(model="flux", prompt="A cat").data
        double.fault("file", times=None, status=503)
        with pytest.raises(openai.InternalServerError) as raised:
            client.images.generate(model="flux", prompt="Another cat")
    answer = raised.value.response
    assert answer.headers["x-should-retry"] == "false"
    double.faults.clear()
    with proxy.http() as http:  # it is paid for, and there
        job = answer.headers["x-anygate-job"]
        assert http.get(f"/v1/jobs/{job}/content").content.startswith(b"\x89PNG")
    assert len(double.submits) == 2


def test_a_waiting_client_gets_its_picture_although_the_proxy_is_told_to_stop(
    gateways: Sandbox, tmp_path: Path
) -> None:
    double = gateways["apiin.one"]
    double.timing["image"] = 1.5
    running = ProxyProcess(tmp_path, config_for(gateways))
    with running as proxy:
        made: list[Any] = []

        def ask() -> None:
            with proxy.sdk() as client:
                made.append(client.images.generate(model="flux", prompt="A cat"))

        asking = threading.Thread(target=ask)
        asking.start()
        double.wait(lambda double: len(double.tasks) == 1)
        running.stop()
        asking.join()
    assert made[0].data
    assert len(double.submits) == 1


def test_what_a_gateway_tells_beside_its_pictures(proxy: Proxy, gateways: Sandbox) -> None:
    one = {
        "input_tokens": 5,
        "output_tokens": 7,
        "total_tokens": 12,
        "input_tokens_details": {"text_tokens": 5, "image_tokens": 0},
    }
    picture = {"b64_json": base64.b64encode(PNG).decode(), "revised_prompt": "A tabby cat"}
    answer = {"created": 1, "data": [picture], "usage": one}
    gateways["openai"].fault("submit", times=3, status=200, body=answer)
    order = {"model": "openai/dall-e-3", "prompt": "A cat"}
    with proxy.sdk() as client:
        made = client.images.generate(**order, n=2)
        assert made.data is not None
        assert [each.revised_prompt for each in made.data] == ["A tabby cat"] * 2
        assert made.usage is not None
        assert made.usage.total_tokens == 24
        assert made.usage.input_tokens_details.text_tokens == 10
        check("POST", PATH, 200, made.to_dict())
        (event,) = client.images.generate(**order, stream=True)
    check_event("ImageGenCompletedEvent", json.loads(event.to_json()))
    assert event.type == "image_generation.completed"
    assert event.usage.to_dict() == one


def test_tokens_that_only_some_pictures_tell_are_no_sum(proxy: Proxy, gateways: Sandbox) -> None:
    answer = {"data": [{"b64_json": base64.b64encode(PNG).decode()}]}
    gateways["openai"].fault("submit", status=200, body=answer)
    with proxy.http() as http:
        made = http.post(PATH, json={"model": "openai/gpt-image-1", "prompt": "A cat", "n": 2})
    assert made.json().keys() == {"created", "data"}
    assert [set(one) for one in made.json()["data"]] == [{"b64_json"}] * 2
