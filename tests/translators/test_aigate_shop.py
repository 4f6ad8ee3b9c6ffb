"""aigate.shop's row: the page's own requests, and OpenAI's parameters in its terms."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from translators import openai
from translators.aigate_shop import ROW
from translators.core import (
    Answer,
    Asset,
    Call,
    Capability,
    FormText,
    Ordered,
    Request,
    Source,
    State,
    Task,
)
from translators.errors import (
    InvalidType,
    MalformedReply,
    MissingParameter,
    UnsupportedEndpoint,
    UnsupportedParameter,
    UnsupportedValue,
)
from translators.plan import Plan, plan

RECORDED = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parents[1] / "gateways" / "aigate.shop").glob("*.json"))
}


REQUESTS = [name for name, one in RECORDED.items() if "call" in one]


URL = "https://cdn.example.com/v.mp4"


def planned(kind: str = "video", options: Any = None, mode: str = "auto", **params: Any) -> Plan:
    model = params.pop("model", "m")
    call = Call(Capability(kind), model, params, frozenset(params), options or {})
    return plan(ROW, call, mode=mode)


def sent(kind: str = "video", **params: Any) -> Any:
    body = planned(kind, prompt="p", **params).request.body
    assert body is not None
    return {name: value for name, value in body.items() if name not in ("model", "prompt")}


def answered(body: Any, status: int = 200) -> Answer:
    return Answer(status, {}, orjson.dumps(body), body)


def submitted(body: Any) -> Task:
    call = Call(Capability.VIDEO, "m", {})
    _, operation = ROW.find(call)
    assert operation.read
    return operation.read(answered(body), call)


def done(*urls: str, id: str | None = "t", mime: str = "video/mp4") -> Task:
    assets = tuple(Asset(url=url, mime=mime, lives=1200, auth=True) for url in urls)
    return Task(State.SUCCEEDED, id, 100, assets=assets)


@pytest.mark.parametrize("name", REQUESTS)
def test_the_pages_own_requests(name: str) -> None:
    call, request = RECORDED[name]["call"], RECORDED[name]["request"]
    made = planned(call["capability"], call.get("options"), model=call["model"], **call["params"])
    assert made.request == Request("POST", request["path"], request["body"])
    assert made.dropped == ()
    assert made.operation.long


@pytest.mark.parametrize("name", REQUESTS)
def test_the_pages_own_answers(name: str) -> None:
    body = RECORDED[name]["answer"]["body"]
    assert ROW.refuse(answered(body)) is None
    assert submitted(body) == done(body["videos"][0]["url"], id=None)


@pytest.mark.parametrize(
    ("size", "resolution", "ratio"),
    [
        ("640x480", "480p", "4:3"),
        ("720x1280", "720p", "9:16"),
        ("1280x720", "720p", "16:9"),
        ("1024x1792", "1080p", "9:16"),
        ("1920x1080", "1080p", "16:9"),
        ("768x1024", "1080p", "3:4"),
        ("1440x1440", "4K", "1:1"),
        ("3840x2160", "4K", "16:9"),
    ],
)
def test_sizes(size: str, resolution: str, ratio: str) -> None:
    made = planned(prompt="p", size=size, seconds="4")
    assert made.ordered == Ordered(resolution, ratio, "4")


def test_sizes_beyond_4k_and_native_ones() -> None:
    with pytest.raises(UnsupportedValue, match="4K"):
        sent(size="7680x4320")
    assert sent(size="auto") == {}
    assert sent(size="1280x720", resolution="1234x567") == {
        "resolution": "1234x567",
        "aspect_ratio": "16:9",
    }
    assert sent(size="720x1280", resolution="1920x1080") == {
        "resolution": "1920x1080",
        "aspect_ratio": "16:9",
    }
    assert sent(resolution="1080x1920") == {"resolution": "1080x1920", "aspect_ratio": "9:16"}
    assert sent(size="720x1280", resolution="4K") == {"resolution": "4K", "aspect_ratio": "9:16"}
    assert sent(resolution="4K") == {"resolution": "4K"}
    assert sent(resolution="max") == {"resolution": "max"}
    assert sent(aspect_ratio="3:4") == {"aspect_ratio": "3:4"}
    with pytest.raises(UnsupportedValue, match="16:9, 9:16, 1:1, 4:3, 3:4"):
        sent(aspect_ratio="21:9")


@pytest.mark.parametrize(
    ("said", "native"),
    [
        ("low", "draft"),
        ("medium", "std"),
        ("standard", "std"),
        ("high", "pro"),
        ("hd", "pro"),
        ("draft", "draft"),
        ("std", "std"),
        ("pro", "pro"),
        ("master", "master"),  # the page: "for example draft, std, or pro"
    ],
)
def test_quality(said: str, native: str) -> None:
    assert sent(quality=said) == {"quality": native}


def test_a_quality_that_it_does_not_know_is_dropped() -> None:
    assert planned(prompt="p", quality="auto").dropped == ("quality",)
    assert sent(quality="auto") == {}


def test_durations_are_numbers_of_any_length() -> None:
    assert sent(seconds="8") == {"duration": 8}
    assert sent(seconds="7.5") == {"duration": 7.5}
    assert sent(seconds="8", duration=3) == {"duration": 3}
    assert sent(duration=FormText("3")) == {"duration": 3}
    with pytest.raises(UnsupportedValue):
        sent(seconds="-1")
    with pytest.raises(InvalidType):
        sent(duration="long")


def test_pictures_go_as_urls_or_data_urls() -> None:
    upload = Source(data=b"\x89PNG", mime="image/png")
    encoded = "data:image/png;base64,iVBORw=="
    assert sent(input_reference=upload) == {"input_image": encoded}
    assert sent(input_reference={"image_url": encoded}) == {"input_image": encoded}
    assert sent(input_reference={"image_url": URL}) == {"input_image": URL}
    with pytest.raises(UnsupportedValue, match="2 files"):
        sent(input_reference=[upload, upload])
    with pytest.raises(UnsupportedValue):
        sent(input_reference="asset-7")


@pytest.mark.parametrize("name", ["input_image", "image_url", "image", "input_image_url"])
def test_native_pictures_pass_as_the_model_knows_them(name: str) -> None:
    assert sent(**{name: "asset-7"}) == {name: "asset-7"}
    assert sent(**{name: Source(data=b"x", mime="image/png")}) == {
        name: "data:image/png;base64,eA=="
    }


def test_the_other_native_fields() -> None:
    native = {
        "input_image_b64": "aGk=",
        "input_video_b64": "aGk=",
        "audio": True,
        "n": 2,
        "negative_prompt": "x",
        "seed": 7,
        "user": "u",
        "metadata": {"cfg_scale": 0.5},
    }
    assert sent(**native) == native
    form = {
        "audio": FormText("true"),
        "n": FormText("2"),
        "seed": FormText("42"),
        "metadata": FormText('{"a": 1}'),
    }
    assert sent(**form) == {"audio": True, "n": 2, "seed": 42, "metadata": {"a": 1}}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 0),
        ("n", 1.5),
        ("seed", 1e23),
        ("audio", "yes"),
        ("seed", 1.5),
        ("user", 7),
        ("metadata", "x"),
        ("input_image_b64", ""),
        ("input_image_b64", "é"),
        ("input_image_b64", 5),
        ("input_image", ""),
        ("duration", 0),
    ],
)
def test_native_fields_are_checked(name: str, value: Any) -> None:
    with pytest.raises((InvalidType, UnsupportedValue)) as refused:
        sent(**{name: value})
    assert refused.value.param == name


def test_prompts() -> None:
    made = planned(prompt={"text": "go", "image": Source(data=b"x", mime="image/png")}).request
    assert made.body == {
        "model": "m",
        "prompt": {"text": "go", "image": "data:image/png;base64,eA=="},
    }
    said = planned(prompt=FormText('{"text": "go", "image": "https://a/b"}')).request
    assert said.body == {"model": "m", "prompt": {"text": "go", "image": "https://a/b"}}
    for words in ('{"scene": "a cat"}', "{go}", '["a"]'):  # some models are prompted in JSON
        assert planned(prompt=FormText(words)).request.body == {"model": "m", "prompt": words}
    with pytest.raises(InvalidType, match="string or object"):
        planned(prompt=7)
    with pytest.raises(MissingParameter):
        planned()


def test_options_are_a_field_of_their_own_and_unknown_parameters_refused() -> None:
    made = planned(prompt="p", options={"cfg_scale": 0.65, "model": "theirs"}).request
    assert made.body == {
        "model": "m",
        "prompt": "p",
        "provider_options": {"cfg_scale": 0.65, "model": "theirs"},
    }
    with pytest.raises(UnsupportedParameter):
        planned(prompt="p", cfg_scale=0.65)


@pytest.mark.parametrize("kind", ["video_edit", "video_extension"])
def test_edits_and_extensions_bring_their_video(kind: str) -> None:
    assert sent(kind, video={"url": URL}) == {"input_video": URL}
    clip = Source(data=b"x", mime="video/mp4")
    assert sent(kind, video=clip, seconds="4") == {"input_video_b64": "eA==", "duration": 4}
    assert sent(kind, video="data:video/mp4;base64,eA==") == {"input_video_b64": "eA=="}
    assert sent(kind, input_video="clip-7") == {"input_video": "clip-7"}
    assert sent(kind, input_video_b64="eA==") == {"input_video_b64": "eA=="}
    with pytest.raises(MissingParameter) as missing:
        sent(kind)
    assert missing.value.param == "video"


def test_the_bytes_of_a_video_have_a_field_of_their_own() -> None:
    clip = Source(data=b"x", mime="video/mp4")
    for name, value in (
        ("input_video", clip),
        ("input_video", "data:video/mp4;base64,eA=="),
        ("input_video_b64", clip),
    ):
        assert sent(**{name: value}) == {"input_video_b64": "eA=="}
    assert sent(input_video={"url": URL}) == {"input_video": URL}
    made = planned("video_edit", prompt="p", video=URL, input_video_b64="eA==")
    assert made.request.body == {"model": "m", "prompt": "p", "input_video_b64": "eA=="}
    assert made.dropped == ("video",)
    for wrong in (7, [clip, clip], "data:video/mp4;base64,?", ""):
        with pytest.raises((InvalidType, UnsupportedValue)) as refused:
            sent(input_video=wrong)
        assert refused.value.param == "input_video"


def test_chat_and_embeddings_are_openais() -> None:
    for mode in ("auto", "async"):
        assert planned("chat", mode=mode, messages=[]).operation is openai.CHAT
        assert planned("embedding", mode=mode, input="x").operation is openai.EMBEDDING
    for kind in ("image", "speech", "completion"):
        with pytest.raises(UnsupportedEndpoint):
            planned(kind, prompt="p")


def test_the_asynchronous_mode_posts_elsewhere_and_answers_soon() -> None:
    for kind in ("video", "video_edit", "video_extension"):
        made = planned(kind, mode="async", prompt="p", video=URL) if kind != "video" else None
        made = made or planned(mode="async", prompt="p")
        assert made.request.path == "/videos"
        assert not made.operation.long


def test_the_row() -> None:
    assert ROW.auth("sk-1") == {"authorization": "Bearer sk-1"}
    assert (ROW.min_read_timeout, ROW.link_lives, ROW.submit_grace) == (960, 1200, 2)
    balance, models = ROW.queries["balance"], ROW.queries["models"]
    assert (balance.path, models.path) == ("/balance", "/models")
    assert models.read({"data": [{"id": "m"}]}) == [{"id": "m"}]
    assert balance.read({"balance": "1.5"}) == {"balance": 1.5}
    assert balance.read({"data": {"balance": 2}}) == {"balance": 2.0}
    assert balance.read({"total_available": 3.5, "total_granted": 9}) == {"balance": 3.5}
    assert balance.read({}) == {"balance": None}
    with pytest.raises(MalformedReply):
        balance.read({"balance": "much"})


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"image_url": URL, "image": URL}, "image"),
        ({"input_image": URL, "prompt": {"text": "go", "image": URL}}, "prompt.image"),
        ({"input_video": URL, "input_video_b64": "aGk="}, "input_video_b64"),
        ({"metadata": {}, "options": {"cfg_scale": 1}}, "metadata"),
    ],
)
def test_what_has_several_names_comes_under_one_of_them(given: Any, param: str) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        planned(**{"prompt": "p", **given})
    assert refused.value.param == param


def test_a_picture_under_the_gateways_own_name_wins() -> None:
    made = planned(prompt="p", input_reference=URL, image_url="asset-7")
    assert made.request.body == {"model": "m", "prompt": "p", "image_url": "asset-7"}
    assert made.dropped == ("input_reference",)
    said = {"text": "go", "image": URL}
    made = planned(prompt=said, input_reference=URL)
    assert made.request.body == {"model": "m", "prompt": said}
    assert made.dropped == ("input_reference",)
