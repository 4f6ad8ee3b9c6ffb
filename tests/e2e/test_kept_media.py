"""Results that are stored before their gateway's links die: served from here, for as long as is said."""

import base64
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.sandbox import Sandbox
from proxy.sandbox.core import Double
from tests.eventually import eventually
from tests.harness import Proxy, ProxyProcess, config_for, proxy_in_thread, write
from tests.wire import ended, posted

WEEK = 7 * 24 * 3600
SHOP, SORA = "kling-shop", "sora-2"
MEGABYTE = 1 << 20


@contextlib.contextmanager
def keeping(
    gateways: Sandbox, folder: Path, keep: Any, **more: Any
) -> Iterator[tuple[Proxy, httpx.Client]]:
    media = {"keep": keep, "max_mb": more.pop("max_mb", 512)}
    config = config_for(gateways, media=media, **more)
    with proxy_in_thread(folder, config) as proxy, proxy.http() as http:
        yield proxy, http


def made(http: httpx.Client, model: str = SHOP) -> dict[str, Any]:
    job = posted(http, "/v1/videos", model=model, prompt="A cat").json()["id"]
    done = ended(http, job)
    assert done["status"] == "completed", done["error"]
    return dict(done)


def files(folder: Path) -> list[Path]:
    return sorted((folder / "media").glob("k_*"), key=lambda one: one.stat().st_mtime_ns)


def dead(double: Double) -> None:
    """Its links have expired, and nothing else works there either."""
    double.files.expired = True
    double.fault("*", times=None, cut="before")


def whole(http: httpx.Client, job: str) -> bytes:
    """The content, which must be the same by its parts."""
    path = f"/v1/videos/{job}/content"
    content = http.get(path)
    assert content.status_code == 200, content.text[:200]
    assert (content.headers["accept-ranges"], content.headers["content-type"]) == (
        "bytes",
        "video/mp4",
    )
    half = len(content.content) // 2
    parts = [
        http.get(path, headers={"range": f"bytes={span}"}) for span in (f"0-{half - 1}", f"{half}-")
    ]
    assert [one.status_code for one in parts] == [206, 206]
    assert b"".join(one.content for one in parts) == content.content
    last = http.get(path, headers={"range": "bytes=-4"})
    assert (last.status_code, last.content) == (206, content.content[-4:])
    beyond = http.get(path, headers={"range": f"bytes={len(content.content)}-"})
    assert beyond.status_code == 416
    return content.content


@pytest.mark.parametrize(("keep", "model"), [("auto", SHOP), (True, SHOP), (True, SORA)])
def test_a_kept_video_outlives_its_link_and_its_gateway(
    gateways: Sandbox, tmp_path: Path, keep: Any, model: str
) -> None:
    double = gateways["aigate.shop" if model == SHOP else "onysoft"]
    with keeping(gateways, tmp_path, keep) as (_, http):
        job = made(http, model)
        video = http.get(f"/v1/videos/{job['id']}/content").content
        asked = len(double.seen("file"))
        dead(double)
        assert whole(http, job["id"]) == video
        assert video[4:8] == b"ftyp"
        assert http.get(f"/v1/jobs/{job['id']}/content").content == video
        assert job["expires_at"] == job["completed_at"] + WEEK
    assert len(double.seen("file")) == asked
    assert asked == (1 if model == SHOP else 2)  # with its thumbnail


@pytest.mark.parametrize(("keep", "model"), [(False, SHOP), ("auto", SORA), (False, SORA)])
def test_what_is_not_kept_is_there_as_long_as_its_link(
    gateways: Sandbox, tmp_path: Path, keep: Any, model: str
) -> None:
    double = gateways["aigate.shop" if model == SHOP else "onysoft"]
    with keeping(gateways, tmp_path, keep) as (_, http):
        job = made(http, model)
        assert files(tmp_path) == []
        assert whole(http, job["id"])[4:8] == b"ftyp"
        double.files.expired = True
        gone = http.get(f"/v1/videos/{job['id']}/content")
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "content_expired")
        assert gone.headers["x-should-retry"] == "false"
        lives = 1200 if model == SHOP else WEEK
        assert abs(job["expires_at"] - job["completed_at"] - lives) <= 1


def test_a_gateway_whose_links_die_at_once(gateways: Sandbox, tmp_path: Path) -> None:
    """Nothing is to be had: the job says that it is done, and that there is nothing left."""
    gateways["aigate.shop"].files.expired = True
    with keeping(gateways, tmp_path, "auto") as (_, http):
        job = made(http)
        gone = http.get(f"/v1/videos/{job['id']}/content")
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "content_expired")
        assert job["expires_at"] <= job["completed_at"] + 1200
    assert files(tmp_path) == []


def test_other_kinds_are_kept_too(gateways: Sandbox, tmp_path: Path) -> None:
    with keeping(gateways, tmp_path, True) as (_, http):
        song = posted(http, "/v1/jobs/music", model="apiin-one/suno", prompt="A song").json()["id"]
        pictures = posted(http, "/v1/jobs/image", model="flux", prompt="Cats", n=2).json()["id"]
        ended(http, song)
        ended(http, pictures)
        dead(gateways["apiin.one"])
        tracks = [http.get(f"/v1/jobs/{song}/content?index={n}") for n in (0, 1)]
        assert [one.headers["content-type"] for one in tracks] == ["audio/mpeg"] * 2
        for index in (0, 1):
            shown = http.get(f"/v1/jobs/{pictures}/content?index={index}")
            assert shown.headers["content-type"] == "image/png"
    assert len(files(tmp_path)) == 4


def test_the_oldest_go_first(gateways: Sandbox, tmp_path: Path) -> None:
    """Three videos of a megabyte are more than two: the first makes room, since its client has had it, and
    its job says so."""
    double = gateways["aigate.shop"]
    double.files.size = MEGABYTE
    with keeping(gateways, tmp_path, "auto", max_mb=2) as (_, http):
        jobs = [made(http)["id"] for _ in range(2)]
        assert len(files(tmp_path)) == 2
        for job in jobs:
            whole(http, job)
        jobs.append(made(http)["id"])
        assert len(files(tmp_path)) == 2
        dead(double)
        answers = [http.get(f"/v1/videos/{job}/content").status_code for job in jobs]
        assert answers[1:] == [200, 200]
        assert answers[0] in (410, 502)
        shown = [http.get(f"/v1/videos/{job}").json() for job in jobs]
    lives = [one["expires_at"] - one["completed_at"] for one in shown]
    assert abs(lives[0] - 1200) <= 1  # its link is all that is left of it
    assert lives[1:] == [WEEK, WEEK]


def test_a_reload_changes_how_much_there_may_be(gateways: Sandbox, tmp_path: Path) -> None:
    gateways["aigate.shop"].files.size = MEGABYTE
    with keeping(gateways, tmp_path, "auto") as (proxy, http):
        for _ in range(2):
            whole(http, made(http)["id"])
        write(tmp_path, config_for(gateways, media={"keep": "auto", "max_mb": 1}))
        assert proxy.service is not None
        assert proxy.service.reload() == []
        made(http)
        assert len(files(tmp_path)) == 1


def test_an_evicted_file_is_had_from_its_link(gateways: Sandbox, tmp_path: Path) -> None:
    gateways["aigate.shop"].files.size = MEGABYTE
    with keeping(gateways, tmp_path, "auto", max_mb=1) as (_, http):
        first = made(http)
        whole(http, first["id"])
        second = made(http)
        assert len(files(tmp_path)) == 1
        for job in (first, second):
            assert len(whole(http, job["id"])) == MEGABYTE


def test_a_file_larger_than_the_folder_stays_a_link(gateways: Sandbox, tmp_path: Path) -> None:
    """It is not fetched over and over again until the job fails."""
    double = gateways["aigate.shop"]
    double.files.size = 2 * MEGABYTE
    with keeping(gateways, tmp_path, "auto", max_mb=1) as (_, http):
        job = made(http)
        assert abs(job["expires_at"] - job["completed_at"] - 1200) <= 1
        assert len(double.seen("file")) == 1
        assert len(http.get(f"/v1/videos/{job['id']}/content").content) == 2 * MEGABYTE
    assert files(tmp_path) == []


def test_a_fetch_that_fails_is_repeated(gateways: Sandbox, tmp_path: Path) -> None:
    double = gateways["aigate.shop"]
    double.fault("file", status=503)
    double.fault("file", cut="after")
    double.fault(
        "file", status=200, body="<html>Soon</html>", headers={"content-type": "video/mp4"}
    )
    with keeping(gateways, tmp_path, "auto") as (_, http):
        job = made(http)
        assert len(double.seen("file")) == 4
        dead(double)
        assert whole(http, job["id"])[4:8] == b"ftyp"
    assert len(files(tmp_path)) == 1
    assert not list((tmp_path / "media").glob(".*.part"))


def test_a_kept_video_is_a_source_after_its_link_has_died(
    gateways: Sandbox, tmp_path: Path
) -> None:
    double = gateways["aigate.shop"]
    with keeping(gateways, tmp_path, "auto") as (_, http):
        job = made(http)
        video = http.get(f"/v1/videos/{job['id']}/content").content
        double.files.expired = True
        posted(http, f"/v1/videos/{job['id']}/remix", prompt="A dog")
        posted(http, "/v1/videos/edits", prompt="Snow", video={"id": job["id"]})
    sources = [one.body["input_video_b64"] for one in double.submits[1:]]
    assert sources == [base64.b64encode(video).decode()] * 2


def test_retention_takes_the_files_with_the_job(gateways: Sandbox, tmp_path: Path) -> None:
    with keeping(gateways, tmp_path, "auto") as (_, http):
        made(http)
        assert len(files(tmp_path)) == 1
    with keeping(gateways, tmp_path, "auto", jobs={"retention": 0.001}) as (_, http):
        # `files` looks at each, and they go meanwhile.
        assert eventually(lambda: not any((tmp_path / "media").glob("k_*")))


def test_kept_files_survive_a_restart(gateways: Sandbox, tmp_path: Path) -> None:
    running = ProxyProcess(tmp_path, config_for(gateways, media={"keep": "auto"}))
    with running as proxy:
        with proxy.http() as http:
            job = made(http)["id"]
            before = http.get(f"/v1/videos/{job}").json()
        running.kill()
        dead(gateways["aigate.shop"])
        with running.start().http() as http:
            assert whole(http, job)[4:8] == b"ftyp"
            assert http.get(f"/v1/videos/{job}").json() == before


def test_killed_before_it_was_kept_it_is_kept_after(gateways: Sandbox, tmp_path: Path) -> None:
    """The video is done and paid for, its file on its way: the next process fetches it."""
    double = gateways["aigate.shop"]
    double.fault("file", delay=60)
    config = config_for(gateways, media={"keep": "auto"}, jobs={"lease": 1})
    running = ProxyProcess(tmp_path, config)
    with running as proxy:
        with proxy.http() as http:
            job = posted(http, "/v1/videos", model=SHOP, prompt="A cat").json()["id"]
            double.wait(lambda double: len(double.seen("file")) == 1)
            shown = http.get(f"/v1/videos/{job}").json()
            assert (shown["status"], shown["expires_at"]) == ("in_progress", None)
        running.kill()
        double.clear()
        began = time.time()
        with running.start().http() as http:
            done = ended(http, job)
            assert done["completed_at"] >= int(began)
            dead(double)
            assert whole(http, job)[4:8] == b"ftyp"
    assert len(double.submits) == 1
    assert len(files(tmp_path)) == 1
