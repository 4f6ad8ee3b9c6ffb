"""Suno's routes at apiin.one: songs, their extensions, covers and lyrics, on the wire and as jobs."""

import json
from typing import Any

import httpx
import pytest

from proxy.sandbox import Sandbox
from proxy.sandbox.assets import asset
from proxy.sandbox.core import Double
from tests.harness import Proxy
from tests.wire import ended, posted, refused, sent

MUSIC = "/v1/jobs/music"


def song(http: httpx.Client) -> str:
    """A finished song; the gateway's id of it, which its further routes want."""
    job = posted(http, MUSIC, model="apiin-one/suno", prompt="A calm song").json()["id"]
    (task,) = ended(http, job)["tasks"]
    return str(task)


def made(http: httpx.Client, model: str, **body: Any) -> Any:
    return ended(http, posted(http, MUSIC, model=f"apiin-one/{model}", **body).json()["id"])


def only_its_own_status(double: Double) -> None:
    """The tasks that follow are known to their own routes alone."""
    double.fault("poll", path="/tasks/", times=None, status=404)
    double.log.clear()


def test_both_of_its_modes(public: Proxy, gateways: Sandbox) -> None:
    double = gateways["apiin.one"]
    with public.http() as http:
        made(http, "suno", prompt="A calm song", make_instrumental=True)
        assert sent(double) == {
            "model": "suno",
            "gpt_description_prompt": "A calm song",
            "make_instrumental": True,
        }
        custom = {"prompt": "Verse 1: …", "style": "folk", "title": "Calm"}
        made(http, "suno", **custom)
        assert sent(double) == {"model": "suno", **custom}
        made(http, "suno", gpt_description_prompt="A calm song")
        assert sent(double) == {"model": "suno", "gpt_description_prompt": "A calm song"}


def test_a_job_says_what_the_gateway_calls_it(public: Proxy, gateways: Sandbox) -> None:
    with public.http() as http:
        assert song(http) == gateways["apiin.one"].submits[0].task_id


def test_extend_and_feed(public: Proxy, gateways: Sandbox) -> None:
    double = gateways["apiin.one"]
    with public.http() as http:
        origin = song(http)
        only_its_own_status(double)
        body = {
            "origin_task_id": origin,
            "extend_audio_index": 1,
            "custom_mode": True,
            "prompt": "And on",
            "style": "folk",
            "title": "Calm again",
            "extensionStartTime": 30,
            "tags": "slow",
        }
        done = made(http, "suno-extend", **body)
        assert done["status"] == "completed", done["error"]
        assert [one["title"] for one in done["assets"]] == ["Calm again"] * 2
        content = http.get(f"/v1/jobs/{done['id']}/content?index=1")
        assert content.content[:3] == asset("mp3")[:3]
    assert double.submits[0].path == "/api/v1/audio/music/extend"
    assert sent(double) == body
    assert (double.polls()[-1].path, double.polls()[-1].query) == (
        "/api/v1/audio/music/feed",
        {"task_id": double.submits[0].task_id},
    )


@pytest.mark.parametrize(
    "body",
    [
        {"code": 404, "message": "task not found", "data": None},
        {"code": 200, "message": "success", "data": None},
    ],
)
def test_a_task_that_is_unknown_under_200_is_asked_after_at_its_own_route(
    public: Proxy, gateways: Sandbox, body: dict[str, Any]
) -> None:
    double = gateways["apiin.one"]
    with public.http() as http:
        origin = song(http)
        double.fault("poll", path="/tasks/", times=None, body=json.dumps(body))
        done = made(http, "suno-extend", origin_task_id=origin)
        assert done["status"] == "completed", done["error"]


def test_cover_pictures_and_their_status(public: Proxy, gateways: Sandbox) -> None:
    double = gateways["apiin.one"]
    with public.http() as http:
        origin = song(http)
        only_its_own_status(double)
        done = made(http, "suno-cover", task_id=origin)
        assert done["status"] == "completed", done["error"]
        assert len(done["assets"]) == 2
        assert http.get(f"/v1/jobs/{done['id']}/content").content.startswith(b"\x89PNG")
    assert double.submits[0].path == "/api/v1/audio/music/cover/generate"
    assert sent(double) == {"task_id": origin}
    assert double.polls()[-1].path == "/api/v1/audio/music/cover/status"


def test_upload_cover_and_its_status(public: Proxy, gateways: Sandbox) -> None:
    double = gateways["apiin.one"]
    with public.http() as http:
        origin = song(http)
        only_its_own_status(double)
        body = {
            "audio_id": f"{origin}-0",
            "custom_mode": False,
            "prompt": "As a waltz",
            "style": "waltz",
            "title": "Waltz",
        }
        done = made(http, "suno-upload-cover", **body)
        assert done["status"] == "completed", done["error"]
    assert double.submits[0].path == "/api/v1/audio/music/upload-cover/generate"
    assert sent(double) == body
    assert double.polls()[-1].path == "/api/v1/audio/music/upload-cover/status"


def test_timestamped_lyrics_come_at_once(public: Proxy, gateways: Sandbox) -> None:
    double = gateways["apiin.one"]
    with public.http() as http:
        origin = song(http)
        body = {"task_id": origin, "audio_id": f"{origin}-1"}
        done = made(http, "suno-lyrics", **body)
        assert (done["status"], done["text"]) == ("completed", "Sandbox")
        assert http.get(f"/v1/jobs/{done['id']}/content").text == "Sandbox"
    assert double.submits[-1].path == "/api/v1/audio/music/timestamped-lyrics"
    assert double.submits[-1].body == body  # no callback: there is nothing to wait for


def test_what_they_cannot_do_without(public: Proxy, gateways: Sandbox) -> None:
    with public.http() as http:
        for model, param in (
            ("suno-extend", "origin_task_id"),
            ("suno-cover", "task_id"),
            ("suno-upload-cover", "audio_id"),
            ("suno-lyrics", "task_id"),
        ):
            found = refused(http, MUSIC, model=f"apiin-one/{model}", prompt="x")
            assert found == ("missing_required_parameter", param)
    assert gateways["apiin.one"].submits == []
