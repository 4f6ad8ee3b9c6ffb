"""Files that come with requests and results, in every shape they may have."""

import base64
from typing import Any

import orjson
import pytest

from translators.core import Asset, Call, Capability, Hosted, Source
from translators.errors import InvalidType, MalformedReply, UnsupportedValue
from translators.files import (
    asset_of,
    data_uri,
    hosted_url,
    hosted_urls,
    inline,
    links_in,
    one_source,
    reference_param,
    sources,
    within,
)

CALL = Call(Capability.VIDEO, "m", {})


URL = "https://a.example/b.png"


UPLOAD = Source(data=b"\x89PNG", mime="image/png")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (URL, [Source(url=URL)]),
        ({"image_url": URL}, [Source(url=URL)]),
        ({"image_url": {"url": URL}}, [Source(url=URL)]),
        ({"url": URL}, [Source(url=URL)]),
        ({"video_url": URL}, [Source(url=URL)]),
        (UPLOAD, [UPLOAD]),
        ([UPLOAD, {"url": URL}], [UPLOAD, Source(url=URL)]),
        ([], []),
        ("data:image/png;base64,iVBORw==", [UPLOAD]),
        (
            "data:;base64,iVBORw==",
            [Source(data=b"\x89PNG", mime="application/octet-stream")],
        ),
        ("data:text/plain;charset=utf-8;base64,eA==", [Source(data=b"x", mime="text/plain")]),
    ],
)
def test_sources(value: Any, found: list[Source]) -> None:
    assert sources(value, "image") == found


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x.png",
        "ftp://a/b",
        "data:image/png,abc",
        "data:image/png;base64,",
        "data:;base64,?",
        # Nobody writes so, and to look for the end of one takes seconds.
        f"data:image/{'x' * 1000};base64,eA==",
        f"data:image/png;{'x' * 1000}=y;base64,eA==",
        f"data:image/png;x={'y' * 1000};base64,eA==",
        f"data:image/png{';x=y' * 1000};base64,eA==",
    ],
)
def test_texts_that_are_no_source(value: str) -> None:
    with pytest.raises(UnsupportedValue) as refused:
        sources(value, "image")
    assert refused.value.param == "image"


@pytest.mark.parametrize("value", [7, {"file_id": "x"}, {}, None, [7]])
def test_things_that_are_no_source(value: Any) -> None:
    with pytest.raises(InvalidType):
        sources(value, "image")


def test_hosted() -> None:
    assert hosted_url(UPLOAD, CALL) == Hosted(UPLOAD)
    assert hosted_urls([URL, UPLOAD], CALL) == [URL, Hosted(UPLOAD)]
    with pytest.raises(UnsupportedValue):
        hosted_urls([], CALL)


def test_inline_up_to_its_limit() -> None:
    encoded = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
    assert inline(5, many=False)(UPLOAD, CALL) == encoded
    assert inline(5, many=True)([UPLOAD, URL], CALL) == [encoded, URL]
    assert inline(4, many=False)(UPLOAD, CALL) == Hosted(UPLOAD)
    assert inline(5, many=True)([UPLOAD] * 2, CALL) == [encoded] * 2
    with pytest.raises(UnsupportedValue):
        inline(5, many=True)([], CALL)


def test_a_body_within_its_limit() -> None:
    small, large = (data_uri(Source(data=b"x" * size, mime="image/png")) for size in (3000, 6000))
    body = {"model": "m", "a": small, "b": [{"url": large}], "n": 1}
    size = len(orjson.dumps(body))
    assert within(body, size) == body
    lent = Hosted(Source(data=b"x" * 6000, mime="image/png"))
    assert within(body, size - 1) == {**body, "b": [{"url": lent}]}
    lent_too = Hosted(Source(data=b"x" * 3000, mime="image/png"))
    assert within(body, 500) == {**body, "a": lent_too, "b": [{"url": lent}]}
    assert within({"prompt": "x" * 900}, 500) == {"prompt": "x" * 900}
    with pytest.raises(UnsupportedValue):
        within({"a": "data:" + "x" * 900}, 500)


def test_one_source_is_one() -> None:
    assert one_source(hosted_url)([URL], CALL) == URL
    for value in ([], [URL, URL]):
        with pytest.raises(UnsupportedValue, match="one file"):
            one_source(hosted_url)(value, CALL)


@pytest.mark.parametrize(
    ("kind", "param"),
    [
        ("image", "image"),
        ("image_edit", "image"),
        ("video", "input_reference"),
        ("video_edit", "video"),
        ("transcription", "file"),
    ],
)
def test_what_a_file_is_called(kind: str, param: str) -> None:
    call = Call(Capability(kind), "m", {})
    assert reference_param(call) == param
    with pytest.raises(UnsupportedValue) as refused:
        hosted_urls("nowhere", call)
    assert refused.value.param == param


def test_links_and_assets_of_results() -> None:
    assert links_in(URL) == [URL]
    assert links_in({"urls": [URL, {"url": URL}]}) == [URL, URL]
    assert links_in('{"url": "https://a.example/b.png"}') == [URL]
    assert links_in(f" {URL}\n") == [URL]
    assert links_in(["/files/a", "//cdn/a"]) == ["/files/a", "//cdn/a"]
    assert links_in([f"{URL} is it", "/ or", "/", "// x"]) == []
    assert links_in(None) == links_in("text") == links_in('{"x": 1}') == []
    assert asset_of(URL, title="t") == Asset(url=URL, title="t")
    assert asset_of("data:image/png;base64,iVBORw==") == Asset(data=b"\x89PNG", mime="image/png")
    assert asset_of("/a", title="t") == Asset(url="/a", rooted=True, auth=True, title="t")
    with pytest.raises(MalformedReply):
        asset_of("nowhere")
