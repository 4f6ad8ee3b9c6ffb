"""Files that come with an order: lent to gateways by URL where they want one, else sent along."""

import base64
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from proxy.sandbox import Sandbox
from proxy.sandbox.assets import asset
from tests.eventually import eventually
from tests.harness import Proxy, config_for, proxy_in_thread
from tests.openapi import check
from tests.publicly import public_proxy

PNG = asset("png", "1:1")
HOSTED = {"sora-gate": "ai-gate.one", "kling": "apiin.one"}
INLINE = {"sora-2": "onysoft", "kling-shop": "aigate.shop"}


@pytest.fixture
def public(gateways: Sandbox, tmp_path: Path) -> Iterator[Proxy]:
    with public_proxy(tmp_path, config_for(gateways)) as running:
        yield running


@pytest.mark.parametrize("model", HOSTED)
def test_a_file_is_lent_by_url_until_its_job_ends(
    public: Proxy, gateways: Sandbox, model: str
) -> None:
    double = gateways[HOSTED[model]]
    double.ready_after_polls = 10_000
    with public.sdk() as client:
        video = client.videos.create(
            model=model, prompt="A cat", input_reference=("a.png", PNG, "image/png")
        )
        assert [one.data for one in double.fetched[-1:]] == [PNG]
        link = str(double.fetched[-1].url)
        assert httpx.get(link, trust_env=False).content == PNG
        double.finish(str(double.submits[0].task_id))
        double.ready_after_polls = None
        for task in double.tasks.values():
            task.after_polls = None
        eventually(lambda: client.videos.retrieve(video.id).status == "completed")
        eventually(lambda: httpx.get(link, trust_env=False).status_code == 404)


@pytest.mark.parametrize("model", HOSTED)
def test_without_a_public_address_it_is_refused(
    proxy: Proxy, gateways: Sandbox, model: str, tmp_path: Path
) -> None:
    with proxy.sdk() as client, pytest.raises(openai.BadRequestError, match="public_url") as raised:
        client.videos.create(model=model, prompt="A cat", input_reference=("a.png", PNG))
    assert raised.value.param == "input_reference"
    assert gateways[HOSTED[model]].submits == []
    assert not list((tmp_path / "media").glob("u_*"))


@pytest.mark.parametrize("model", INLINE)
def test_a_file_goes_along_where_the_gateway_takes_it(
    proxy: Proxy, gateways: Sandbox, model: str
) -> None:
    with proxy.sdk() as client:
        video = client.videos.create(
            model=model, prompt="A cat", input_reference=("a.png", PNG, "image/png")
        )
        eventually(lambda: client.videos.retrieve(video.id).status == "completed")
    sent = str(gateways[INLINE[model]].submits[0].body)
    assert "data:image/png;base64," + base64.b64encode(PNG).decode() in sent


def test_a_target_that_cannot_have_the_file_is_passed_over(
    gateways: Sandbox, tmp_path: Path
) -> None:
    """Only one of the two takes files without a public address: it gets the order."""
    models = {"either": ["ai-gate-one/Sora2", "onysoft/sora-2"]}
    with (
        proxy_in_thread(tmp_path, config_for(gateways, models=models)) as proxy,
        proxy.sdk() as client,
    ):
        answer = client.videos.with_raw_response.create(
            model="either", prompt="A cat", input_reference=("a.png", PNG, "image/png")
        )
    assert answer.headers["x-anygate-provider"] == "onysoft"
    assert gateways["ai-gate.one"].submits == []


def test_a_forms_text_takes_the_type_that_the_table_says(proxy: Proxy, gateways: Sandbox) -> None:
    form = {
        "model": "kling-shop",
        "prompt": "A cat",
        "seed": "42",
        "audio": "true",
        "provider_options[cfg_scale]": "0.5",
        "provider_options[camera][zoom]": "2",
    }
    with proxy.http() as http:
        answer = http.post("/v1/videos", files={name: (None, v) for name, v in form.items()})
        assert answer.status_code == 200, answer.text
        check("POST", "/videos", 200, answer.json())
    body = gateways["aigate.shop"].submits[0].body
    assert (body["seed"], body["audio"]) == (42, True)
    assert body["provider_options"]["cfg_scale"] == 0.5
    assert body["provider_options"]["camera"] == {"zoom": 2}


def test_options_may_come_as_one_json_string(proxy: Proxy, gateways: Sandbox) -> None:
    form = {"model": "kling-shop", "prompt": "A cat", "provider_options": '{"cfg_scale": 0.5}'}
    with proxy.http() as http:
        http.post("/v1/videos", files={name: (None, v) for name, v in form.items()})
    assert gateways["aigate.shop"].submits[0].body["provider_options"] == {"cfg_scale": 0.5}


def test_uploads_that_no_job_names_do_not_stay_for_ever(gateways: Sandbox, tmp_path: Path) -> None:
    """A proxy was killed before it had stored their job, or when it had just forgotten it."""
    old, young = (tmp_path / "media" / f"u_{letter * 32}.png" for letter in "ab")
    mark = tmp_path / "media" / "public" / old.name
    mark.parent.mkdir(parents=True)
    for one in (old, young, mark):
        one.write_bytes(PNG)
    long_ago = time.time() - 40 * 24 * 3600  # a week of retention, and a month that it was away
    os.utime(old, (long_ago, long_ago))
    with proxy_in_thread(tmp_path, config_for(gateways)):
        assert eventually(lambda: not old.exists())
        assert not mark.exists()
        assert young.exists()


def test_uploads_stay_for_a_remix_and_no_longer_than_the_job(
    gateways: Sandbox, tmp_path: Path
) -> None:
    config = config_for(gateways)
    folder = tmp_path / "media"
    with proxy_in_thread(tmp_path, config) as proxy, proxy.sdk() as client:
        video = client.videos.create(
            model="sora-2", prompt="A cat", input_reference=("a.png", PNG, "image/png")
        )
        eventually(lambda: client.videos.retrieve(video.id).status == "completed")
        assert [one.read_bytes() for one in folder.glob("u_*")] == [PNG]
        remix = client.videos.remix(video.id, prompt="A dog")
        assert remix.remixed_from_video_id == video.id
        eventually(lambda: client.videos.retrieve(remix.id).status == "completed")
    sent = gateways["onysoft"].submits[-1].body
    assert base64.b64encode(PNG).decode() in str(sent)
    config["jobs"]["retention"] = 0.001
    with proxy_in_thread(tmp_path, config):
        assert eventually(lambda: not list(folder.glob("u_*")))
