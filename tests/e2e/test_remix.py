"""/v1/videos/{id}/remix: the video as a source where the model takes one, else its order with a new prompt."""

import base64
from collections.abc import Callable
from typing import Any

import openai
import pytest

from proxy.sandbox import Sandbox
from tests.chatting import refused
from tests.harness import Proxy
from tests.openapi import check
from tests.processes import stored
from tests.wire import CLIP, FACE, PNG, VIDEO, A, B, ended, png, posted, sent

SHOP, MODEL = "aigate-shop/klingai/kling-v3.0-t2v", "klingai/kling-v3.0-t2v"
ORDER = {"size": "1280x720", "seconds": "8"}
# Target → its double, and the order that is repeated.
REPEATING: dict[str, tuple[str, dict[str, Any]]] = {
    "onysoft/sora-2": ("onysoft", {"remove_watermark": True}),
    "onysoft/kling-2.6": ("onysoft", {"negative_prompt": "rain", "input_reference": A}),
    "ai-gate-one/Sora2": ("ai-gate.one", {"input_reference": {"image_url": A}}),
    "apiin-one/kling-3": ("apiin.one", {"sound": False, "mode": "pro"}),
}


def finished(proxy: Proxy, model: str, path: str = "/v1/videos", **more: Any) -> str:
    with proxy.http() as http:
        job = posted(http, path, model=model, prompt="A cat", **more).json()["id"]
        assert ended(http, job)["status"] == "completed"
    return str(job)


@pytest.mark.parametrize("model", REPEATING)
def test_the_order_is_repeated(public: Proxy, gateways: Sandbox, model: str) -> None:
    row, more = REPEATING[model]
    double = gateways[row]
    first = finished(public, model, **ORDER, **more)
    before = sent(double)
    with public.sdk() as client:
        remix = client.videos.remix(first, prompt="A dog")
        assert (remix.remixed_from_video_id, remix.model) == (first, model)
        assert (remix.prompt, remix.size) == ("A dog", "1280x720")
    assert sent(double) == {**before, "prompt": "A dog"}
    assert len(double.submits) == 2


@pytest.mark.parametrize(("param", "value"), [("size", {}), ("seconds", ["4"])])
def test_an_order_of_another_type(public: Proxy, param: str, value: Any) -> None:
    first = finished(public, "openai/sora-2", **ORDER)
    with public.http() as http:
        answer = http.post(f"/v1/videos/{first}/remix", json={"prompt": "A dog", param: value})
    refused(answer, 400, "invalid_type", param)


def test_a_source_goes_along_where_it_is_taken(public: Proxy, gateways: Sandbox) -> None:
    double = gateways["aigate.shop"]
    first = finished(public, SHOP, **ORDER, seed=7, input_reference=A, audio=True)
    with public.http() as http:
        answer = posted(http, f"/v1/videos/{first}/remix", prompt="A dog")
        check("POST", f"/videos/{first}/remix", 200, answer.json())
        assert ended(http, answer.json()["id"])["remixed_from_video_id"] == first
    body = sent(double)
    clip = base64.b64decode(body.pop("input_video_b64"), validate=True)
    assert clip[4:8] == b"ftyp"
    assert body == {
        "model": MODEL,
        "prompt": "A dog",
        "duration": 8,
        "resolution": "720p",
        "aspect_ratio": "16:9",
        "seed": 7,
        "audio": True,
    }


def test_what_edits_do_not_take_is_the_video_s_already(public: Proxy, gateways: Sandbox) -> None:
    """OpenAI's edits take no size and no seconds: with those of the first order they would be refused."""
    double = gateways["openai"]
    first = finished(public, "openai/sora-2", **ORDER)
    with public.http() as http:
        remix = posted(http, f"/v1/videos/{first}/remix", prompt="A dog").json()
        assert (remix["size"], remix["seconds"]) == ("1280x720", "8")
        said = {"prompt": "A dog", "seconds": "4"}
        http.post(f"/v1/videos/{first}/remix", json=said)
    made, edit, asked, *_ = [(one.path, one.status, sorted(one.body)) for one in double.submits]
    assert made == ("/v1/videos", 200, ["model", "prompt", "seconds", "size"])
    assert edit == ("/v1/videos/edits", 200, ["model", "prompt", "video"])
    assert asked == ("/v1/videos/edits", 400, ["model", "prompt", "seconds", "video"])


def test_where_the_model_refuses_it_the_order_is_repeated(
    public: Proxy, gateways: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    double = gateways["aigate.shop"]
    monkeypatch.setattr(double, "no_video_input", {MODEL})
    first = finished(public, SHOP, **ORDER, seed=7, input_reference={"image_url": A})
    before = sent(double)
    with public.sdk() as client:
        remix = client.videos.remix(first, prompt="A dog")
        assert remix.remixed_from_video_id == first
    assert [one.status for one in double.submits] == [200, 400, 200]
    assert sent(double) == {**before, "prompt": "A dog"}


def test_its_uploads_are_used_again(public: Proxy, gateways: Sandbox) -> None:
    with public.sdk() as client, public.http() as http:
        for model in ("onysoft/kling-2.6", "ai-gate-one/Sora2", "apiin-one/kling-3"):
            video = client.videos.create(model=model, prompt="A cat", input_reference=png())
            ended(http, video.id)
            ended(http, client.videos.remix(video.id, prompt="A dog").id)
    inline = "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert [one.body["image_url"] for one in gateways["onysoft"].submits] == [inline] * 2
    for name in ("ai-gate.one", "apiin.one"):
        assert [one.data for one in gateways[name].fetched] == [PNG] * 2


SHAPES: dict[str, Callable[[str], Any]] = {
    "a URL": str,
    "an object": lambda url: {"image_url": url},
    "a list": lambda url: [url],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_picture_as_a_data_url_is_no_part_of_what_is_stored(
    public: Proxy, gateways: Sandbox, shape: str
) -> None:
    """In whatever shape it comes: a job is read and written as a whole, by each poll and each list."""
    large = "data:image/png;base64," + base64.b64encode(PNG + bytes(100_000)).decode()
    order = {"model": "onysoft/kling-2.6", "prompt": "data: " + "A cat " * 400}  # words, if many
    with public.http() as http:
        job = posted(http, "/v1/videos", **order, input_reference=SHAPES[shape](large))
        first = ended(http, job.json()["id"])
        remix = posted(http, f"/v1/videos/{first['id']}/remix", prompt="A dog")
    ids = {first["id"], remix.json()["id"]}
    documents = [len(one.encode()) for one in stored(public.folder) if one.id in ids]
    assert len(documents) == 2 and max(documents) < 4000
    said, again = (one.body for one in gateways["onysoft"].submits)
    assert again == {**said, "prompt": "A dog"}
    assert large in str(said)


def test_what_the_remix_itself_says_wins(public: Proxy, gateways: Sandbox) -> None:
    first = finished(public, "onysoft/sora-2", **ORDER)
    with public.sdk() as client:
        other = {"model": "apiin-one/kling-3", "seconds": "5", "input_reference": B}
        remix = client.videos.remix(first, prompt="A dog", extra_body=other)
        assert remix.model == "apiin-one/kling-3"
    assert sent(gateways["apiin.one"]) == {
        "model": "kling-3",
        "prompt": "A dog",
        "image": B,
        "duration": 5,
        "aspect_ratio": "16:9",
        "resolution": "720p",
    }


def test_another_model_may_take_the_video_as_its_source(public: Proxy, gateways: Sandbox) -> None:
    first = finished(public, "onysoft/sora-2", **ORDER)
    with public.sdk() as client:
        remix = client.videos.remix(first, prompt="A dog", extra_body={"model": SHOP})
        assert (remix.model, remix.remixed_from_video_id) == (SHOP, first)
    assert sent(gateways["aigate.shop"])["input_video"].endswith(".mp4")
    shop = finished(public, SHOP)
    with public.sdk() as client:
        client.videos.remix(shop, prompt="A dog", extra_body={"model": "onysoft/sora-2"})
    assert sent(gateways["onysoft"]) == {
        "model": "sora-2-text-to-video",
        "prompt": "A dog",
        "aspect_ratio": "portrait",
        "n_frames": "10",
    }


def test_a_remix_of_a_remix(public: Proxy, gateways: Sandbox) -> None:
    with public.sdk() as client, public.http() as http:
        video = client.videos.create(
            model="onysoft/sora-2",
            prompt="A cat",
            input_reference=png(data=FACE),
            extra_body={"provider_options": {"character_id_list": ["c"]}},
        )
        for prompt in ("A dog", "A cow"):
            ended(http, video.id)
            remix = client.videos.remix(video.id, prompt=prompt)
            assert remix.remixed_from_video_id == video.id
            video = remix
    first, *others = [dict(one.body) for one in gateways["onysoft"].submits]
    assert first["character_id_list"] == ["c"]
    assert others == [{**first, "prompt": prompt} for prompt in ("A dog", "A cow")]


def test_a_remix_of_an_edit_edits_what_that_made(public: Proxy, gateways: Sandbox) -> None:
    double = gateways["onysoft"]
    first = finished(public, "onysoft/runway_aleph", "/v1/videos/edits", video=VIDEO)
    with public.sdk() as client:
        assert client.videos.remix(first, prompt="A dog").remixed_from_video_id == first
    link = f"{double.origin}/files/{double.submits[0].task_id}/0.mp4"
    assert sent(double) == {"model": "runway_aleph", "prompt": "A dog", "videoUrl": link}


def test_a_remix_of_a_refused_edit_repeats_the_edit(public: Proxy, gateways: Sandbox) -> None:
    """What the first edit made cannot be had any more: its own source is edited again."""
    double = gateways["aigate.shop"]
    with public.sdk() as client, public.http() as http:
        clip = ("clip.mp4", CLIP, "video/mp4")
        job = client.videos.edit(prompt="Snow", video=clip, extra_body={"model": SHOP})
        ended(http, job.id)
        double.files.expired = True
        remix = client.videos.remix(job.id, prompt="Rain")
        assert remix.remixed_from_video_id == job.id
    first, second = [dict(one.body) for one in double.submits]
    assert second == {**first, "prompt": "Rain"}


@pytest.mark.parametrize("why", ["gone", "refused"])
def test_a_remix_of_a_remix_that_was_an_edit(
    public: Proxy, gateways: Sandbox, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """What it made cannot be edited: the order that both stand for is repeated, which has no source."""
    double = gateways["aigate.shop"]
    first = finished(public, SHOP, **ORDER, seed=7)
    before = sent(double)
    with public.http() as http:
        remix = posted(http, f"/v1/videos/{first}/remix", prompt="A dog").json()["id"]
        assert ended(http, remix)["status"] == "completed"
        assert "input_video_b64" in sent(double)
        if why == "gone":
            double.files.expired = True
        else:
            monkeypatch.setattr(double, "no_video_input", {MODEL})
        again = posted(http, f"/v1/videos/{remix}/remix", prompt="A cow").json()
        assert again["remixed_from_video_id"] == remix
        assert ended(http, again["id"])["status"] == "completed"
    assert sent(double) == {**before, "prompt": "A cow"}


def test_what_cannot_be_remixed(public: Proxy, gateways: Sandbox) -> None:
    double = gateways["onysoft"]
    order = {"model": "onysoft/sora-2", "prompt": "A cat"}
    with public.http() as http:
        gone = posted(http, "/v1/videos", **order).json()["id"]
        ended(http, gone)
        http.delete(f"/v1/videos/{gone}")
        double.fail_next("no cats")
        failed = posted(http, "/v1/videos", **order).json()["id"]
        ended(http, failed)
        double.ready_after_polls = 10_000
        going = posted(http, "/v1/videos", **order).json()["id"]
        picture = posted(http, "/v1/jobs/image", model="flux", prompt="A cat").json()["id"]
        for video, status, code in (
            ("video_nothing", 404, "not_found"),
            (gone, 404, "not_found"),
            (picture, 404, "not_found"),
            (failed, 409, "video_failed"),
            (going, 409, "video_not_ready"),
        ):
            answer = http.post(f"/v1/videos/{video}/remix", json={"prompt": "A dog"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        empty = http.post(f"/v1/videos/{failed}/remix", json={})
        assert (empty.status_code, empty.json()["error"]["param"]) == (400, "prompt")
    assert len(double.submits) == 3


def test_a_double_remix_by_the_sdks_retry_is_one(public: Proxy, gateways: Sandbox) -> None:
    double = gateways["onysoft"]
    first = finished(public, "onysoft/sora-2")
    with public.sdk(max_retries=0) as client:
        once = client.videos.remix(
            first, prompt="A dog", extra_headers={"idempotency-key": "remix-1"}
        )
        again = client.videos.remix(
            first, prompt="A dog", extra_headers={"idempotency-key": "remix-1"}
        )
        assert once.id == again.id
        with pytest.raises(openai.BadRequestError) as raised:
            client.videos.remix(first, prompt="A cow", extra_headers={"idempotency-key": "remix-1"})
        assert raised.value.code == "idempotency_key_reused"
    assert len(double.submits) == 2


def test_what_was_dropped_is_told_of_the_plan_that_was_taken(
    public: Proxy, gateways: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The edit that the target refuses drops nothing, the order that it takes in its place does."""
    monkeypatch.setattr(gateways["aigate.shop"], "no_video_input", {MODEL})
    first = finished(public, SHOP, **ORDER, style="vivid")
    with public.http() as http:
        answer = posted(http, f"/v1/videos/{first}/remix", prompt="A dog")
    assert answer.headers["x-anygate-dropped"] == "style"
    assert [one.status for one in gateways["aigate.shop"].submits] == [200, 400, 200]
