"""Videos of videos: edits and extensions of a job of ours, an upload or a URL; the video tools."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from proxy.sandbox import Sandbox
from tests.harness import Proxy, config_for, proxy_in_thread
from tests.openapi import check
from tests.publicly import public_proxy
from tests.wire import CLIP, PNG, VIDEO, A, ended, png, posted, refused, sent

EDITS, EXTENSIONS = "/v1/videos/edits", "/v1/videos/extensions"
SHOP = "aigate-shop/klingai/kling-v3.0-t2v"
INLINE = "data:video/mp4;base64,"
KEYS = [{"name": name, "key": f"key-of-{name}"} for name in ("web", "app")]


def made(http: httpx.Client, model: str, **more: Any) -> str:
    """A finished video of this model."""
    job = posted(http, "/v1/videos", model=model, prompt="A cat", **more).json()["id"]
    assert ended(http, job)["status"] == "completed"
    return str(job)


def given(double: Any) -> bytes:
    """The clip in the last request that a gateway was given inline."""
    return base64.b64decode(sent(double)["input_video_b64"], validate=True)


def test_an_edit_of_a_job_by_the_sdk(public: Proxy, gateways: Sandbox) -> None:
    """`video={"id": …}` is refused by the SDK itself: it goes in extra_body, and the argument is left out."""
    double = gateways["aigate.shop"]
    with public.sdk() as client, public.http() as http:
        first = made(http, "onysoft/sora-2")
        video = client.videos.edit(
            prompt="Make it snow",
            video=openai.omit,
            extra_body={"video": {"id": first}, "model": SHOP, "seed": 7},
        )
        assert video.remixed_from_video_id == first
        assert video.prompt == "Make it snow"
        check("POST", "/videos/edits", 200, http.get(f"/v1/videos/{video.id}").json())
        assert ended(http, video.id)["status"] == "completed"
    assert sent(double) == {
        "model": SHOP.partition("/")[2],
        "prompt": "Make it snow",
        "input_video": double.fetched[-1].url,
        "seed": 7,
    }
    assert double.fetched[-1].data[4:8] == b"ftyp"


def test_an_edit_of_an_upload_by_the_sdk(public: Proxy, gateways: Sandbox) -> None:
    with public.sdk() as client:
        video = client.videos.edit(
            prompt="Make it snow",
            video=("clip.mp4", CLIP, "video/mp4"),
            extra_body={"model": SHOP, "provider_options": {"style": "cinematic"}},
        )
    assert video.remixed_from_video_id is None
    assert given(gateways["aigate.shop"]) == CLIP
    assert sent(gateways["aigate.shop"])["provider_options"] == {"style": "cinematic"}


@pytest.mark.parametrize("path", [EDITS, EXTENSIONS])
@pytest.mark.parametrize(
    "video", [VIDEO, {"url": VIDEO}, {"video_url": VIDEO}, INLINE + base64.b64encode(CLIP).decode()]
)
def test_a_video_by_its_address(public: Proxy, gateways: Sandbox, path: str, video: Any) -> None:
    with public.http() as http:
        body = {"model": SHOP, "prompt": "On and on", "seconds": "8"}
        answer = posted(http, path, **body, video=video)
        check("POST", path, 200, answer.json())
        assert answer.json()["seconds"] == "8"
    inline = isinstance(video, str) and video.startswith(INLINE)
    assert sent(gateways["aigate.shop"]) == {
        "model": SHOP.partition("/")[2],
        "prompt": "On and on",
        "duration": 8,
        **({"input_video_b64": video.partition(",")[2]} if inline else {"input_video": VIDEO}),
    }


def test_an_extension_by_the_sdk(public: Proxy, gateways: Sandbox) -> None:
    with public.sdk() as client, public.http() as http:
        first = made(http, SHOP, size="1280x720")
        video = client.videos.extend(
            prompt="And then", seconds="4", video=openai.omit, extra_body={"video": {"id": first}}
        )
        assert (video.model, video.remixed_from_video_id) == (SHOP, first)
    assert given(gateways["aigate.shop"])[4:8] == b"ftyp"
    assert sent(gateways["aigate.shop"])["duration"] == 4


def test_without_a_model_it_is_the_sources(public: Proxy, gateways: Sandbox) -> None:
    with public.http() as http:
        first = made(http, SHOP)
        job = posted(http, EDITS, video={"id": first}, prompt="Snow").json()
        assert job["model"] == SHOP
        other = made(http, "apiin-one/kling-3")
        found = refused(http, EDITS, video={"id": other}, prompt="Snow")
        assert found == ("unsupported_endpoint", "model")


def test_the_config_may_name_a_model_for_edits(gateways: Sandbox, tmp_path: Path) -> None:
    config = config_for(gateways, defaults={"video_edit": "kling-shop"})
    with proxy_in_thread(tmp_path, config) as proxy, proxy.http() as http:
        first = made(http, "apiin-one/kling-3")
        assert (
            posted(http, EDITS, video={"id": first}, prompt="Snow").json()["model"] == "kling-shop"
        )
        assert posted(http, EDITS, video=VIDEO, prompt="Snow").json()["model"] == "kling-shop"


def test_the_openai_row_gets_the_video_itself(public: Proxy, gateways: Sandbox) -> None:
    double = gateways["openai"]
    with public.http() as http:
        first = made(http, "onysoft/sora-2")
        for path, video in ((EDITS, {"id": first}), (EXTENSIONS, INLINE + "AAAA")):
            more = {"seconds": "8"} if path == EXTENSIONS else {}
            body = {"model": "openai/sora-2", "prompt": "Snow", "video": video, **more}
            job = posted(http, path, **body).json()
            assert ended(http, job["id"])["status"] == "completed"
    seen = [(one.path, one.body["video"]["content_type"]) for one in double.submits]
    assert seen == [("/v1/videos/edits", "video/mp4"), ("/v1/videos/extensions", "video/mp4")]


@pytest.mark.parametrize("upload", [True, False])
def test_the_background_of_a_video(public: Proxy, gateways: Sandbox, upload: bool) -> None:
    double = gateways["apiin.one"]
    with public.sdk() as client, public.http() as http:
        job = client.videos.edit(
            prompt="(obligatory)",
            video=("clip.mp4", CLIP, "video/mp4") if upload else openai.omit,
            extra_body={"model": "apiin-one/video-bg-remover", "background_image": A}
            | ({} if upload else {"video": VIDEO}),
        )
        done = ended(http, job.id)
        assert (done["status"], done["anygate"]["cost"]) == ("completed", 0.05)
        shown = http.get(f"/v1/videos/{job.id}")
        assert shown.headers["x-anygate-dropped"] == "prompt"
    assert double.submits[0].path == "/api/v1/videos/tools/bg-remover"
    assert sent(double).keys() == {"video", "background_image"}
    if upload:
        assert CLIP in [one.data for one in double.fetched]
    else:
        assert sent(double) == {"video": VIDEO, "background_image": A}


def test_a_background_may_be_uploaded_too(public: Proxy, gateways: Sandbox) -> None:
    files = {"video": ("clip.mp4", CLIP, "video/mp4"), "background_image": png()}
    with public.http() as http:
        data = {"model": "apiin-one/video-bg-remover"}
        assert http.post(EDITS, data=data, files=files).status_code == 200
    assert {CLIP, PNG} == {one.data for one in gateways["apiin.one"].fetched}


def test_upscaling_a_job_of_ours(public: Proxy, gateways: Sandbox) -> None:
    double = gateways["apiin.one"]
    with public.http() as http:
        first = made(http, "onysoft/sora-2")
        body = {"model": "apiin-one/video-upscale", "video": {"id": first}}
        assert posted(http, EDITS, **body).json()["remixed_from_video_id"] == first
    assert double.submits[0].path == "/api/v1/videos/tools/upscale"
    assert double.fetched[-1].data[4:8] == b"ftyp"


def test_a_video_that_only_we_may_fetch_is_lent(public: Proxy, gateways: Sandbox) -> None:
    """aigate.shop's link wants the key: apiin.one gets the video from us."""
    with public.http() as http:
        first = made(http, SHOP)
        posted(http, EDITS, model="apiin-one/video-upscale", video={"id": first})
    assert sent(gateways["apiin.one"])["video"].startswith(f"{public.url}/media/u_")
    assert gateways["apiin.one"].fetched[-1].data[4:8] == b"ftyp"


@pytest.fixture
def two(gateways: Sandbox, tmp_path: Path) -> Iterator[Proxy]:
    with public_proxy(tmp_path, config_for(gateways, keys=KEYS), "key-of-web") as running:
        yield running


@pytest.mark.parametrize("path", [EDITS, EXTENSIONS])
def test_sources_that_are_not_there(two: Proxy, gateways: Sandbox, path: str) -> None:
    app = {"authorization": "Bearer key-of-app"}
    with two.http() as http:
        first = made(http, "onysoft/sora-2")
        picture = posted(http, "/v1/jobs/image", model="flux", prompt="A cat").json()["id"]
        body: dict[str, Any] = {"model": "kling-shop", "prompt": "Snow", "seconds": "4"}
        for video in ("video_nothing", {"id": "video_nothing"}, {"id": picture}, {"id": 7}):
            answer = http.post(path, json={**body, "video": video})
            assert (answer.status_code, answer.json()["error"]["param"]) == (404, "video")
        stolen = http.post(path, json={**body, "video": {"id": first}}, headers=app)
        assert (stolen.status_code, stolen.json()["error"]["code"]) == (404, "not_found")
        assert refused(http, path, **body) == ("missing_required_parameter", "video")
        assert refused(http, path, **body, video={"name": "x"})[1] == "video"
        assert refused(http, path, **body, video=[VIDEO, VIDEO])[1] == "video"
    assert gateways["aigate.shop"].submits == []


@pytest.mark.parametrize("path", [EDITS, EXTENSIONS])
def test_sources_that_have_no_video(public: Proxy, gateways: Sandbox, path: str) -> None:
    double = gateways["onysoft"]
    with public.http() as http:
        double.fail_next("no cats")
        failed = posted(http, "/v1/videos", model="onysoft/sora-2", prompt="A cat").json()["id"]
        ended(http, failed)
        double.ready_after_polls = 10_000
        going = posted(http, "/v1/videos", model="onysoft/sora-2", prompt="A cat").json()["id"]
        for video, code in ((failed, "video_failed"), (going, "video_not_ready")):
            body = {"model": SHOP, "prompt": "Snow", "seconds": "4", "video": {"id": video}}
            answer = http.post(path, json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, code)
            assert answer.headers["x-should-retry"] == "false"
    assert gateways["aigate.shop"].submits == []


def test_rows_without_edits_say_so(public: Proxy, gateways: Sandbox) -> None:
    with public.http() as http:
        for model in ("onysoft/sora-2", "ai-gate-one/Sora2", "apiin-one/kling-3"):
            for path in (EDITS, EXTENSIONS):
                found = refused(http, path, model=model, prompt="Snow", video=VIDEO)
                assert found == ("unsupported_endpoint", "model")
