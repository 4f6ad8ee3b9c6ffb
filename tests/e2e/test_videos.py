"""/v1/videos with the real SDK: orders, lists with cursors, deletion, owners, retention, vanished providers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from proxy.sandbox import Sandbox
from tests.eventually import eventually
from tests.harness import Proxy, config_for, proxy_in_thread, write
from tests.openapi import check

KEYS = [{"name": name, "key": f"key-of-{name}"} for name in ("web", "app")]


@pytest.fixture
def shared(gateways: Sandbox, tmp_path: Path) -> Iterator[Proxy]:
    """With the keys of two clients, of whom one asks."""
    with proxy_in_thread(tmp_path, config_for(gateways, keys=KEYS), "key-of-web") as running:
        yield running


def order(http: httpx.Client, prompt: str = "A cat", **more: Any) -> dict[str, Any]:
    answer = http.post("/v1/videos", json={"model": "sora-2", "prompt": prompt, **more})
    assert answer.status_code == 200, answer.text
    check("POST", "/videos", 200, answer.json())
    return dict(answer.json())


def get(http: httpx.Client, path: str, **query: Any) -> dict[str, Any]:
    answer = http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    check("GET", path, 200, answer.json())
    return dict(answer.json())


def ended(http: httpx.Client, video: str) -> Any:
    now = get(http, f"/v1/videos/{video}")
    return now if now["status"] in ("completed", "failed") else None


def test_a_video_says_what_was_asked_for_and_ordered(proxy: Proxy, gateways: Sandbox) -> None:
    with proxy.http() as http:
        made = order(http, size="1280x720", seconds="8")
        done = eventually(lambda: ended(http, made["id"]))
    assert done["id"].startswith("video_")
    assert (done["model"], done["prompt"], done["size"]) == ("sora-2", "A cat", "1280x720")
    assert done["anygate"]["target"] == "onysoft/sora-2"
    assert done["seconds"] == done["anygate"]["ordered"]["seconds"]
    assert done["progress"] == 100
    assert done["completed_at"] >= done["created_at"]


def test_a_video_says_what_its_route_asked_for(gateways: Sandbox, tmp_path: Path) -> None:
    """The gateway was sent the route's size, and the object said the default one for all its life."""
    wide = {"targets": "onysoft/sora-2", "params": {"size": "1280x720", "seconds": "15"}}
    config = config_for(gateways, models={"wide": wide})
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as http:
        made = order(http, model="wide")
        assert (made["size"], made["seconds"]) == ("1280x720", "15")
        assert gateways["onysoft"].submits[-1].body["aspect_ratio"] == "landscape"
        again = http.post(
            f"/v1/videos/{eventually(lambda: ended(http, made['id']))['id']}/remix",
            json={"prompt": "A dog"},
        ).json()
        assert (again["size"], again["seconds"]) == ("1280x720", "15")
        own = order(http, model="wide", size="720x1280")
        assert own["size"] == "720x1280"
        picture = http.post(
            "/v1/jobs/image", json={"model": "nano-banana", "prompt": "x", "size": "1024x1024"}
        )
        assert picture.json()["size"] == "1024x1024"


def test_every_row_answers_as_openai_describes(proxy: Proxy) -> None:
    with proxy.http() as http:
        for model in ("sora-2", "sora-gate", "kling", "kling-shop"):
            made = order(http, model=model)
            done = eventually(lambda made=made: ended(http, made["id"]))
            assert done["status"] == "completed", done["error"]


def test_the_sdk_pages_through_a_list(proxy: Proxy) -> None:
    with proxy.sdk() as client:
        made = [client.videos.create(model="sora-2", prompt=f"Cat {n}").id for n in range(7)]
        newest = [video.id for video in client.videos.list(limit=3)]
        oldest = [video.id for video in client.videos.list(limit=3, order="asc")]
    assert newest == made[::-1]
    assert oldest == made


def test_a_page_goes_on_after_a_video_that_was_deleted(proxy: Proxy) -> None:
    with proxy.http() as http:
        made = [order(http, f"Cat {n}")["id"] for n in range(5)]
        first = get(http, "/v1/videos", limit=2)
        assert [one["id"] for one in first["data"]] == [made[4], made[3]]
        assert (first["first_id"], first["last_id"], first["has_more"]) == (made[4], made[3], True)
        http.delete(f"/v1/videos/{made[3]}")
        rest = get(http, "/v1/videos", limit=10, after=made[3])
        assert [one["id"] for one in rest["data"]] == [made[2], made[1], made[0]]
        assert not rest["has_more"]
        none = get(http, "/v1/videos", limit=0)
        assert (none["data"], none["has_more"]) == ([], True)


@pytest.mark.parametrize("query", ["limit=101", "limit=-1", "limit=x", "order=up"])
def test_a_list_refuses_what_it_does_not_know(proxy: Proxy, query: str) -> None:
    with proxy.http() as http:
        answer = http.get(f"/v1/videos?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == query.partition("=")[0]


def test_a_deleted_video_is_gone_and_still_followed_to_its_end(
    proxy: Proxy, gateways: Sandbox
) -> None:
    double = gateways["onysoft"]
    double.ready_after_polls = 3
    with proxy.http() as http:
        video = order(http)["id"]
        told = http.delete(f"/v1/videos/{video}")
        assert told.status_code == 200
        assert told.json() == {"id": video, "deleted": True, "object": "video.deleted"}
        check("DELETE", f"/videos/{video}", 200, told.json())
        for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
            assert http.request(method, f"/v1/videos/{video}{path}").status_code == 404
        assert get(http, "/v1/videos")["data"] == []
        assert http.get(f"/v1/jobs/{video}").status_code == 404
        assert http.get("/v1/jobs").json()["data"] == []
        task = double.submits[0].task_id
        double.wait(lambda double: len(double.polls(task)) == 4)  # the fourth says: completed
        order(http, "Another cat")
    assert len(double.polls(task)) == 4


def test_anothers_video_is_not_there(shared: Proxy) -> None:
    with shared.http() as web, shared.http(headers={"authorization": "Bearer key-of-app"}) as app:
        video = order(web)["id"]
        eventually(lambda: ended(web, video))
        for method, path in (
            ("GET", f"/v1/videos/{video}"),
            ("GET", f"/v1/videos/{video}/content"),
            ("DELETE", f"/v1/videos/{video}"),
            ("GET", f"/v1/jobs/{video}"),
            ("GET", f"/v1/jobs/{video}/content"),
            ("DELETE", f"/v1/jobs/{video}"),
        ):
            answer = app.request(method, path)
            assert answer.status_code == 404, path
            assert answer.json()["error"]["code"] == "not_found"
        remix = app.post(f"/v1/videos/{video}/remix", json={"prompt": "A dog"})
        assert remix.status_code == 404
        assert get(app, "/v1/videos")["data"] == []
        assert len(get(web, "/v1/videos")["data"]) == 1


def test_retention_takes_what_has_ended_and_nothing_else(gateways: Sandbox, tmp_path: Path) -> None:
    gateways["apiin.one"].ready_after_polls = 10_000
    config = config_for(gateways, media={"keep": True})
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as http:
        done, running = order(http)["id"], order(http, model="kling")["id"]
        eventually(lambda: ended(http, done))
        assert list((tmp_path / "media").glob("k_*"))
    config["jobs"]["retention"] = 0.001
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as http:
        eventually(lambda: http.get(f"/v1/videos/{done}").status_code == 404)
        assert get(http, f"/v1/videos/{running}")["status"] in ("queued", "in_progress")
        assert eventually(lambda: not list((tmp_path / "media").glob("k_*")))


def test_a_removed_providers_video_waits_for_its_return(gateways: Sandbox, tmp_path: Path) -> None:
    gateways["onysoft"].timing["video"] = 0.5
    config = config_for(gateways)
    without = json.loads(json.dumps(config))
    del without["providers"]["onysoft"]
    without["models"] = {"kling": "apiin-one/kling-3"}
    without["defaults"] = {}
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as http:
        video = order(http)["id"]
    asked = len(gateways["onysoft"].polls())
    with proxy_in_thread(tmp_path, without) as proxy, proxy.http() as http:
        kling = order(http, model="kling")["id"]
        eventually(lambda: ended(http, kling))
        assert get(http, f"/v1/videos/{video}")["status"] in ("queued", "in_progress")
    assert len(gateways["onysoft"].polls()) == asked
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as http:
        assert eventually(lambda: ended(http, video))["status"] == "completed"


def test_a_provider_that_never_returns_fails_its_videos(gateways: Sandbox, tmp_path: Path) -> None:
    gateways["onysoft"].ready_after_polls = 10_000
    config = config_for(gateways, jobs={"timeout": 1, "lease": 1})
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as http:
        video = order(http)["id"]
        del config["providers"]["onysoft"]
        config["models"], config["defaults"] = {}, {}
        write(tmp_path, config)
        assert proxy.service is not None
        proxy.service.reload()
        done = eventually(lambda: ended(http, video))
        assert done["error"]["code"] == "provider_not_configured"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_required_parameter", "prompt"),
        ({"prompt": ""}, "missing_required_parameter", "prompt"),
        ({"prompt": 7}, "invalid_type", "prompt"),
        ({"prompt": "x", "size": "wide"}, None, "size"),
        ({"prompt": "x", "seconds": "soon"}, None, "seconds"),
        ({"prompt": "x", "model": "sora-9"}, "model_not_found", "model"),
    ],
)
def test_what_no_gateway_could_do_is_refused_before_any_is_asked(
    proxy: Proxy, gateways: Sandbox, body: Any, code: str | None, param: str
) -> None:
    with proxy.sdk() as client, pytest.raises(openai.APIStatusError) as raised:
        client.post("/videos", cast_to=object, body=body)
    assert raised.value.status_code in (400, 404)
    assert raised.value.param == param
    assert code in (None, raised.value.code)
    assert gateways["onysoft"].log == []
