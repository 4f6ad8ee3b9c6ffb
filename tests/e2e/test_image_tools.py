"""apiin.one's image tools through /v1/images/edits: they have no model field and take no prompt."""

from typing import Any

import httpx
import openai
import pytest

from proxy.sandbox import Sandbox
from tests.eventually import eventually
from tests.harness import Proxy
from tests.wire import FACE, PNG, A, B, ended, png, posted, refused, sent

EDITS = "/v1/images/edits"
SWAP = "apiin-one/face-swap"


@pytest.mark.parametrize(
    ("model", "path", "cost"),
    [
        ("apiin-one/remove-bg", "/api/v1/images/tools/remove-bg", "0.005"),
        ("apiin-one/image-upscale", "/api/v1/images/tools/upscale", "0.025"),
    ],
)
def test_a_tool_takes_a_picture_alone(
    public: Proxy, gateways: Sandbox, model: str, path: str, cost: str
) -> None:
    double = gateways["apiin.one"]
    with public.sdk() as client, public.http() as http:
        raw = client.images.with_raw_response.edit(model=model, image=png(), prompt="(obligatory)")
        assert raw.parse().data
        assert raw.headers["x-anygate-dropped"] == "prompt"
        assert raw.headers["x-anygate-cost"] == cost
        assert double.submits[0].path == path
        assert sent(double).keys() == {"image"}
        assert double.fetched[-1].data == PNG
        posted(http, EDITS, model=model, image=A)
        assert sent(double) == {"image": A}
        assert refused(http, EDITS, model=model, image=[A, B]) == ("unsupported_value", "image")
        assert refused(http, EDITS, model=model) == ("missing_required_parameter", "image")


def test_a_face_swap_of_two_uploads(public: Proxy, gateways: Sandbox) -> None:
    """Both are fetched from the public address, which forgets them when the job has ended."""
    double = gateways["apiin.one"]
    with public.sdk() as client:
        raw = client.images.with_raw_response.edit(
            model=SWAP,
            image=[png("target.png"), png("face.png", FACE)],
            prompt="(obligatory)",
            extra_body={"target_index": 10, "output_format": "webp"},
        )
    assert raw.parse().data
    assert raw.headers["x-anygate-cost"] == "0.02"
    body = sent(double)
    fetched = {one.url: one.data for one in double.fetched}
    assert double.submits[0].path == "/api/v1/images/tools/face-swap"
    assert fetched[body["image"]] == PNG
    assert fetched[body["face_image"]] == FACE
    assert body == {
        "image": body["image"],
        "face_image": body["face_image"],
        "target_index": 10,
        "output_format": "webp",
    }
    for name in ("image", "face_image"):
        assert body[name].startswith(f"{public.url}/media/u_")
        link = body[name]
        eventually(lambda link=link: httpx.get(link, trust_env=False).status_code == 404)


@pytest.mark.parametrize(
    "said",
    [
        {"image": A, "face_image": B},
        {"image": [A], "face_image": B},
        {"image": [A, B]},
        {"images": [{"image_url": A}, {"image_url": B}]},
        {"image": {"image_url": A}, "face_image": {"image_url": B}},
    ],
)
def test_a_face_swap_of_urls(public: Proxy, gateways: Sandbox, said: dict[str, Any]) -> None:
    with public.http() as http:
        posted(http, EDITS, model=SWAP, **said)
    assert sent(gateways["apiin.one"]) == {"image": A, "face_image": B}


def test_a_face_by_url_beside_an_upload(public: Proxy, gateways: Sandbox) -> None:
    with public.sdk() as client:
        beside = {"face_image": B, "target_index": 3}
        client.images.edit(model=SWAP, image=png(), prompt="(obligatory)", extra_body=beside)
    body = sent(gateways["apiin.one"])
    assert (body["face_image"], body["target_index"]) == (B, 3)
    assert gateways["apiin.one"].fetched[-2].data == PNG


@pytest.mark.parametrize("index", [0, 10])
def test_faces_are_counted_to_ten(public: Proxy, gateways: Sandbox, index: int) -> None:
    with public.http() as http:
        posted(http, EDITS, model=SWAP, image=[A, B], target_index=index)
    assert sent(gateways["apiin.one"])["target_index"] == index


@pytest.mark.parametrize("output", ["jpeg", "png", "webp"])
def test_its_formats(public: Proxy, gateways: Sandbox, output: str) -> None:
    with public.http() as http:
        posted(http, EDITS, model=SWAP, image=[A, B], output_format=output)
    assert sent(gateways["apiin.one"])["output_format"] == output


@pytest.mark.parametrize(
    ("said", "code", "param"),
    [
        ({"image": [A, B], "target_index": 11}, "unsupported_value", "target_index"),
        ({"image": [A, B], "target_index": -1}, "unsupported_value", "target_index"),
        ({"image": [A, B], "target_index": 0.5}, "invalid_type", "target_index"),
        ({"image": [A, B], "output_format": "gif"}, "unsupported_value", "output_format"),
        ({"image": [A, B, A]}, "unsupported_value", "image"),
        ({"image": [A, B], "face_image": B}, "unsupported_value", "image"),
        ({"image": A}, "missing_required_parameter", "face_image"),
        ({"face_image": A}, "missing_required_parameter", "image"),
    ],
)
def test_what_a_face_swap_refuses(
    public: Proxy, gateways: Sandbox, said: dict[str, Any], code: str, param: str
) -> None:
    with public.http() as http:
        assert refused(http, EDITS, model=SWAP, **said) == (code, param)
    assert gateways["apiin.one"].submits == []


def test_tools_are_no_drawing_models(public: Proxy, gateways: Sandbox) -> None:
    with public.http() as http:
        for name in ("remove-bg", "face-swap", "image-upscale"):
            found = refused(
                http, "/v1/images/generations", model=f"apiin-one/{name}", prompt="A cat"
            )
            assert found == ("unsupported_endpoint", "model")
    assert gateways["apiin.one"].submits == []


def test_a_tool_as_a_job(public: Proxy, gateways: Sandbox) -> None:
    with public.http() as http:
        job = posted(http, "/v1/jobs/image", model="apiin-one/remove-bg", image=A).json()
        assert (job["object"], job["kind"]) == ("job", "image")
        assert ended(http, job["id"])["status"] == "completed"
        picture = http.get(f"/v1/jobs/{job['id']}/content")
    assert picture.content.startswith(b"\x89PNG")
    assert sent(gateways["apiin.one"]) == {"image": A}


def test_without_a_public_address_uploads_are_refused(shared: Proxy, gateways: Sandbox) -> None:
    with shared.sdk() as client, pytest.raises(openai.BadRequestError, match="public_url") as found:
        client.images.edit(model="apiin-one/remove-bg", image=png(), prompt="-")
    assert found.value.param == "image"
    assert gateways["apiin.one"].submits == []
