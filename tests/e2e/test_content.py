"""/content: ranges, variants, links that die, files that are kept."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from proxy.sandbox import Sandbox
from tests.eventually import eventually
from tests.harness import Proxy, config_for, proxy_in_thread
from tests.openapi import check

SIZE = 300_000
ROWS = ("sora-2", "sora-gate", "kling", "kling-shop")


@pytest.fixture
def large(gateways: Sandbox) -> Sandbox:
    for double in gateways.doubles.values():
        double.files.size = SIZE
    return gateways


@contextmanager
def finished(proxy: Proxy, model: str = "sora-2") -> Iterator[tuple[httpx.Client, str]]:
    """A client, and the content path of a finished video."""
    with proxy.http() as http:
        video = http.post("/v1/videos", json={"model": model, "prompt": "A cat"}).json()["id"]
        path = f"/v1/videos/{video}"
        eventually(lambda: http.get(path).json()["status"] == "completed")
        yield http, f"{path}/content"


@pytest.mark.parametrize("ignored", [False, True], ids=["ranges", "no ranges"])
@pytest.mark.parametrize("model", ROWS)
def test_every_range_is_cut_out_as_asked(
    proxy: Proxy, large: Sandbox, model: str, ignored: bool
) -> None:
    for double in large.doubles.values():
        double.files.ignore_range = ignored
    with finished(proxy, model) as (http, path):
        whole = http.get(path)
        assert (whole.status_code, len(whole.content)) == (200, SIZE)
        assert whole.headers["content-type"] == "video/mp4"
        for asked, span in (
            ("bytes=0-9", slice(0, 10)),
            ("bytes=1000-", slice(1000, SIZE)),
            ("bytes=-500", slice(SIZE - 500, SIZE)),
            (f"bytes=100-{SIZE * 2}", slice(100, SIZE)),
        ):
            part = http.get(path, headers={"range": asked})
            assert part.status_code == 206, asked
            assert part.content == whole.content[span]
            told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", part.headers["content-range"])
            assert told is not None
            assert [int(one) for one in told.groups()] == [span.start, span.stop - 1, SIZE]


def test_a_range_outside_the_file_is_not_satisfiable(proxy: Proxy, large: Sandbox) -> None:
    with finished(proxy) as (http, path):
        answer = http.get(path, headers={"range": f"bytes={SIZE}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{SIZE}"
    check("GET", path, 416, answer.json())


@pytest.mark.parametrize("keep", [False, True])
def test_head_says_what_get_would(large: Sandbox, tmp_path: Path, keep: bool) -> None:
    config = config_for(large, media={"keep": keep})
    with proxy_in_thread(tmp_path, config) as proxy, finished(proxy) as (http, path):
        head = http.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(SIZE)
        assert head.headers["content-type"] == "video/mp4"


def test_an_unfinished_video_has_no_content(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["onysoft"].ready_after_polls = 10_000
    with proxy.sdk(max_retries=2) as client:
        video = client.videos.create(model="sora-2", prompt="A cat")
        with pytest.raises(openai.ConflictError) as raised:
            client.videos.download_content(video.id)
    assert raised.value.code == "video_not_ready"
    assert raised.value.response.headers["x-should-retry"] == "false"


def test_a_failed_video_has_no_content_but_a_reason(proxy: Proxy, gateways: Sandbox) -> None:
    gateways["onysoft"].fail_next("too many cats")
    with proxy.sdk() as client:
        video = client.videos.create_and_poll(model="sora-2", prompt="A cat")
        with pytest.raises(openai.ConflictError, match="too many cats") as raised:
            client.videos.download_content(video.id)
    assert raised.value.code == "video_failed"


@pytest.mark.parametrize("variants", [("relative_url",), ("wrapped", "data_url")], ids="-".join)
def test_a_result_in_a_shape_of_no_page_is_delivered(
    proxy: Proxy, gateways: Sandbox, variants: tuple[str, ...]
) -> None:
    gateways["ai-gate.one"].variants |= set(variants)
    with proxy.sdk() as client:
        video = client.videos.create_and_poll(model="sora-gate", prompt="A cat")
        assert video.status == "completed", video.error
        assert client.videos.download_content(video.id).read()[4:8] == b"ftyp"


def test_variants_are_those_that_there_are(proxy: Proxy, gateways: Sandbox) -> None:
    with proxy.sdk() as client:
        video = client.videos.create_and_poll(model="sora-2", prompt="A cat")
        thumbnail = client.videos.download_content(video.id, variant="thumbnail")
        assert thumbnail.read().startswith(b"\x89PNG")
        assert thumbnail.response.headers["content-type"] == "image/png"
        for variant in ("spritesheet", "poster"):
            with pytest.raises(openai.BadRequestError) as raised:
                client.videos.download_content(video.id, variant=variant)  # type: ignore[arg-type]
            assert (raised.value.code, raised.value.param) == ("unsupported_value", "variant")
            assert "video, thumbnail" in raised.value.message


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_dead_link_is_content_that_has_expired(
    proxy: Proxy, gateways: Sandbox, status: int
) -> None:
    with finished(proxy) as (http, path):
        gateways["onysoft"].fault("file", status=status)
        answer = http.get(path)
    assert answer.status_code == 410
    assert answer.json()["error"]["code"] == "content_expired"
    check("GET", path, 410, answer.json())


MP4 = {"content-type": "video/mp4"}


@pytest.mark.parametrize(
    "fault",
    [
        {"cut": "before"},
        {"status": 503},
        {"status": 200, "body": b"", "headers": MP4},
        {"status": 200, "body": b"<!DOCTYPE html><title>Come back soon</title>", "headers": MP4},
    ],
    ids=["cut off", "503", "empty", "a page"],
)
def test_what_comes_in_the_place_of_a_video_is_asked_for_again(
    proxy: Proxy, gateways: Sandbox, fault: dict[str, Any]
) -> None:
    """That costs nothing: the SDK does so by itself, and has the video."""
    with finished(proxy) as (http, path), proxy.sdk(max_retries=1) as client:
        gateways["onysoft"].fault("file", **fault)
        answer = http.get(path)
        assert answer.status_code == 502
        assert "x-should-retry" not in answer.headers
        check("GET", path, 502, answer.json())
        gateways["onysoft"].fault("file", **fault)
        video = client.videos.download_content(path.split("/")[3])
        assert video.read()[4:8] == b"ftyp"


@pytest.mark.parametrize("kind", ["videos", "jobs"])
def test_whoever_leaves_takes_the_question_for_the_file_along(
    proxy: Proxy, gateways: Sandbox, kind: str
) -> None:
    """Clients that try again and again would leave one after the other at a server that says nothing."""
    double = gateways["onysoft"]
    with finished(proxy) as (http, path):
        before = len(double.seen("file"))
        double.fault("file", hang=True)
        with pytest.raises(httpx.ReadTimeout):
            http.get(path.replace("videos", kind), timeout=0.3)
        double.wait(lambda one: one.seen("file")[before].disconnected, timeout=5.0)


def test_a_kept_file_outlives_its_gateway(large: Sandbox, tmp_path: Path) -> None:
    config = config_for(large, media={"keep": True})
    with proxy_in_thread(tmp_path, config) as proxy, finished(proxy) as (http, path):
        fetched = len(large["onysoft"].seen("file"))
        large["onysoft"].files.expired = True
        assert len(http.get(path).content) == SIZE
        assert http.get(path, headers={"range": "bytes=0-3"}).status_code == 206
        assert len(large["onysoft"].seen("file")) == fetched


def test_links_that_die_soon_are_kept_by_themselves(large: Sandbox, tmp_path: Path) -> None:
    """`auto`: aigate.shop's live twenty minutes, onysoft's for ever."""
    config = config_for(large, media={"keep": "auto"})
    with proxy_in_thread(tmp_path, config) as proxy:
        for model, kept in (("kling-shop", True), ("sora-2", False)):
            with finished(proxy, model) as (http, path):
                for double in large.doubles.values():
                    double.files.expired = True
                assert http.get(path).status_code == (200 if kept else 410)
                for double in large.doubles.values():
                    double.files.expired = False


def test_a_link_that_dies_before_it_is_fetched_stays_a_link(
    gateways: Sandbox, tmp_path: Path
) -> None:
    gateways["onysoft"].fault("file", times=2, status=410)
    config = config_for(gateways, media={"keep": True})
    with proxy_in_thread(tmp_path, config) as proxy, finished(proxy) as (http, path):
        assert http.get(path).status_code == 200


def test_only_headers_that_concern_the_file_come_through(proxy: Proxy, gateways: Sandbox) -> None:
    allowed = {"accept-ranges", "content-disposition", "content-length", "content-type", "etag"}
    allowed |= {"last-modified", "cache-control", "x-content-type-options"}
    allowed |= {"date", "server"}  # uvicorn's own; `anygate serve` leaves the second out
    with finished(proxy) as (http, path):
        names: set[Any] = set(http.get(path).headers)
    assert {one for one in names if not one.startswith(("x-anygate", "x-request"))} <= allowed
