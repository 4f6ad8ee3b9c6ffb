"""/v1/jobs: the same work without waiting, for every kind; lists, contents by index, owners."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.sandbox import Sandbox
from proxy.sandbox.assets import asset
from tests.harness import Proxy, config_for, proxy_in_thread
from tests.wire import FACE, PNG, VIDEO, A, ended, posted, refused, sent

TTS = "onysoft/elevenlabs/text-to-speech-multilingual-v2"
KEYS = [{"name": name, "key": f"key-of-{name}"} for name in ("web", "app")]
# Kind, target, what is said beside the prompt, how its content begins.
ORDERS: list[tuple[str, str, dict[str, Any], bytes]] = [
    ("image", "ai-gate-one/NanoBanana", {"size": "1024x1024"}, b"\x89PNG"),
    ("image", "apiin-one/flux-2", {}, b"\x89PNG"),
    ("image", "apiin-one/flux-2", {"image": A}, b"\x89PNG"),
    ("image", "apiin-one/flux-2", {"images": [{"image_url": A}]}, b"\x89PNG"),
    ("image", "apiin-one/face-swap", {"image": A, "face_image": A}, b"\x89PNG"),
    ("image", "onysoft/google/imagen4", {}, b"\x89PNG"),
    ("image", "onysoft/ideogram/v3", {"image": A, "mask": A}, b"\x89PNG"),
    ("image", "onysoft/topaz/image-upscale", {"image_url": A, "scale": 2}, b"\x89PNG"),
    ("image", "onysoft/gemini-2.5-flash-image", {}, b"\x89PNG"),
    ("image", "openai/gpt-image-1", {}, b"\x89PNG"),
    ("video", "ai-gate-one/Sora2", {}, b"\0\0\0"),
    ("video", "aigate-shop/klingai/kling-v3.0-t2v", {"seconds": "5"}, b"\0\0\0"),
    ("video", "aigate-shop/klingai/kling-v3.0-t2v", {"video": VIDEO}, b"\0\0\0"),
    ("video", "apiin-one/kling-3", {"input_reference": A}, b"\0\0\0"),
    ("video", "apiin-one/video-upscale", {"video": VIDEO}, b"\0\0\0"),
    ("video", "onysoft/runway_aleph", {"video": VIDEO}, b"\0\0\0"),
    ("video", "onysoft/sora-2", {}, b"\0\0\0"),
    ("video", "openai/sora-2", {}, b"\0\0\0"),
    ("speech", "ai-gate-one/voice", {"voice": "nova"}, asset("mp3")[:8]),
    ("speech", "apiin-one/elevenlabs-v3", {}, asset("mp3")[:8]),
    ("speech", TTS, {"voice": "alloy"}, asset("mp3")[:8]),
    ("sound", "ai-gate-one/sound", {"seconds": 1}, asset("mp3")[:8]),
    ("sound", "onysoft/elevenlabs/sound-effect-v2", {"seconds": "2"}, asset("mp3")[:8]),
    ("music", "apiin-one/suno", {}, asset("mp3")[:8]),
    ("music", "apiin-one/minimax-music", {}, asset("mp3")[:8]),
    ("music", "onysoft/suno-v4", {}, asset("mp3")[:8]),
]


@pytest.mark.parametrize(("kind", "model", "said", "begin"), ORDERS)
def test_every_kind_on_every_row(
    public: Proxy, kind: str, model: str, said: dict[str, Any], begin: bytes
) -> None:
    with public.http() as http:
        answer = posted(http, f"/v1/jobs/{kind}", model=model, prompt="A cat", **said)
        job = answer.json()
        assert (job["object"], job["kind"], job["model"]) == ("job", kind, model)
        assert answer.headers["x-anygate-job"] == job["id"]
        done = ended(http, job["id"])
        assert done["status"] == "completed", done["error"]
        assert (done["progress"], done["prompt"]) == (100, "A cat")
        assert done["anygate"].keys() == {"provider", "target", "ordered", "cost"}
        content = http.get(f"/v1/jobs/{job['id']}/content")
        assert content.content.startswith(begin)
        part = http.get(f"/v1/jobs/{job['id']}/content", headers={"range": "bytes=0-3"})
        assert (part.status_code, part.content) == (206, content.content[:4])


def test_several_results_by_index(public: Proxy, gateways: Sandbox) -> None:
    with public.http() as http:
        song = posted(http, "/v1/jobs/music", model="apiin-one/suno", prompt="A song").json()["id"]
        done = ended(http, song)
        assert [one["index"] for one in done["assets"]] == [0, 1]
        for index in (0, 1):
            content = http.get(f"/v1/jobs/{song}/content", params={"index": index})
            assert content.headers["content-type"] == "audio/mpeg"
            assert content.content == asset("mp3")
            assert gateways["apiin.one"].seen("file")[-1].path.endswith(f"/{index}.mp3")
        beyond = http.get(f"/v1/jobs/{song}/content?index=2")
        assert (beyond.status_code, beyond.json()["error"]["param"]) == (404, "index")
        for index in ("-1", "one", "1.0"):
            wrong = http.get(f"/v1/jobs/{song}/content?index={index}")
            assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "index")
        pictures = posted(http, "/v1/jobs/image", model="flux", prompt="Cats", n=3).json()["id"]
        assert len(ended(http, pictures)["assets"]) == 3
        assert http.get(f"/v1/jobs/{pictures}/content?index=2").content.startswith(b"\x89PNG")


def test_what_a_client_waited_for_is_a_job_too(public: Proxy, gateways: Sandbox) -> None:
    with public.sdk() as client, public.http() as http:
        drawn = client.images.with_raw_response.generate(model="flux", prompt="A cat", n=2)
        spoken = client.audio.speech.with_raw_response.create(
            model=TTS, input="Hello", voice="alloy"
        )
        for raw, kind, results in ((drawn, "image", 2), (spoken, "speech", 1)):
            job = http.get(f"/v1/jobs/{raw.headers['x-anygate-job']}").json()
            assert (job["kind"], job["status"]) == (kind, "completed")
            assert len(job["assets"]) == results
            assert str(job["anygate"]["cost"]) == raw.headers["x-anygate-cost"]


@pytest.fixture
def two(gateways: Sandbox, tmp_path: Path) -> Iterator[Proxy]:
    with proxy_in_thread(tmp_path, config_for(gateways, keys=KEYS), "key-of-web") as running:
        yield running


def listed(http: httpx.Client, **query: Any) -> tuple[list[str], bool]:
    page = http.get("/v1/jobs", params=query).json()
    ids = [one["id"] for one in page["data"]]
    ends = (ids[0], ids[-1]) if ids else (None, None)
    assert (page["object"], page["first_id"], page["last_id"]) == ("list", *ends)
    return ids, page["has_more"]


def test_lists_by_kind_status_and_cursor(two: Proxy, gateways: Sandbox) -> None:
    def order(kind: str, model: str) -> str:
        return str(posted(http, f"/v1/jobs/{kind}", model=model, prompt="A cat").json()["id"])

    with two.http() as http:
        images = [order("image", "flux") for _ in range(3)]
        song = order("music", "onysoft/suno-v4")
        for job in (*images, song):
            ended(http, job)
        gateways["apiin.one"].fail_next("no cats")
        failed = order("image", "flux")
        ended(http, failed)
        gateways["onysoft"].ready_after_polls = 10_000
        going = order("video", "sora-2")
        newest = [going, failed, song, *reversed(images)]
        assert listed(http) == (newest, False)
        assert listed(http, order="asc") == (newest[::-1], False)
        assert listed(http, kind="image") == ([failed, *reversed(images)], False)
        assert listed(http, kind="music") == ([song], False)
        assert listed(http, kind="speech") == ([], False)
        assert listed(http, status="failed") == ([failed], False)
        assert listed(http, status="completed", kind="image") == (images[::-1], False)
        unfinished = listed(http, status="queued")[0] + listed(http, status="in_progress")[0]
        assert unfinished == [going]
        assert listed(http, limit=2) == (newest[:2], True)
        assert listed(http, limit=2, after=newest[1]) == (newest[2:4], True)
        assert listed(http, limit=2, kind="image", after=failed) == (images[:0:-1], True)
        assert listed(http, kind="image", order="asc", after=images[1]) == (
            [images[2], failed],
            False,
        )
        assert listed(http, limit=2, after=newest[4]) == (newest[5:], False)


@pytest.mark.parametrize("query", ["status=done", "limit=101", "limit=x", "order=up", "kind=cat"])
def test_a_list_refuses_what_it_does_not_know(two: Proxy, query: str) -> None:
    with two.http() as http:
        answer = http.get(f"/v1/jobs?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_value")
    assert answer.json()["error"]["param"] == query.partition("=")[0]


def test_deleted_and_anothers_jobs_are_not_there(two: Proxy, gateways: Sandbox) -> None:
    other = {"authorization": "Bearer key-of-app"}
    with two.http() as http, two.http(headers=other) as app:
        for kind in ("image", "video", "music"):
            model = {"image": "flux", "video": "sora-2", "music": "onysoft/suno-v4"}[kind]
            job = posted(http, f"/v1/jobs/{kind}", model=model, prompt="A cat").json()["id"]
            ended(http, job)
            paths = [("GET", ""), ("GET", "/content"), ("DELETE", "")]
            for method, path in paths:
                assert app.request(method, f"/v1/jobs/{job}{path}").status_code == 404
            assert listed(app) == ([], False)
            told = http.delete(f"/v1/jobs/{job}")
            assert told.json() == {"id": job, "deleted": True, "object": "job.deleted"}
            for method, path in paths:
                answer = http.request(method, f"/v1/jobs/{job}{path}")
                assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
        assert listed(http) == ([], False)


def test_orders_that_make_no_sense(public: Proxy, gateways: Sandbox) -> None:
    with public.http() as http:
        unknown = http.post("/v1/jobs/poem", json={"model": "flux", "prompt": "A cat"})
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
        for kind, model in (("image", "sora-2"), ("video", "flux"), ("music", "flux")):
            found = refused(http, f"/v1/jobs/{kind}", model=model, prompt="A cat")
            assert found == ("unsupported_endpoint", "model")
        for kind, param in (("image", "prompt"), ("video", "prompt")):
            found = refused(http, f"/v1/jobs/{kind}", model={"image": "flux"}.get(kind, "sora-2"))
            assert found == ("missing_required_parameter", param)
        assert refused(http, "/v1/jobs/image", model="flux", prompt="x", n=11)[1] == "n"
    assert all(double.submits == [] for double in gateways.doubles.values())


def test_a_form_will_do(public: Proxy, gateways: Sandbox) -> None:
    with public.http() as http:
        files = [("image", ("a.png", PNG, "image/png")), ("image", ("b.png", FACE, "image/png"))]
        data = {"model": "apiin-one/face-swap", "target_index": "3"}
        answer = http.post("/v1/jobs/image", data=data, files=files)
        assert answer.status_code == 200, answer.text
    assert sent(gateways["apiin.one"])["target_index"] == 3
    assert [one.data for one in gateways["apiin.one"].fetched] == [PNG, FACE]


@pytest.mark.parametrize(
    ("kind", "model"),
    [("video", "sora-2"), ("speech", "ai-gate-one/voice"), ("music", "apiin-one/suno")],
)
def test_of_what_is_no_picture_one_is_made(
    shared: Proxy, gateways: Sandbox, kind: str, model: str
) -> None:
    """Two were asked for, one was made, and nothing said so."""
    order = {"model": model, "prompt": "A cat"}
    with shared.http() as http:
        answer = http.post(f"/v1/jobs/{kind}", json={**order, "n": 2})
        error = answer.json()["error"]
        assert answer.status_code == 400
        assert (error["code"], error["param"]) == ("unsupported_parameter", "n")
        assert not any(double.submits for double in gateways.doubles.values())
        form = {name: (None, value) for name, value in {**order, "n": "1"}.items()}
        for one in (
            http.post(f"/v1/jobs/{kind}", json={**order, "n": 1}),
            http.post(f"/v1/jobs/{kind}", files=form),
        ):
            assert (one.status_code, one.headers["x-anygate-dropped"]) == (200, "n")
