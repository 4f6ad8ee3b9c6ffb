"""Onysoft's "maximum total request size: 10 MB": up to it pictures go along, beyond it they are lent."""

import base64

import openai
import pytest

from proxy.sandbox import Sandbox
from tests.harness import Proxy
from tests.wire import PNG, png, posted, sent

MOST = 10_000_000
BASE64 = 9_996_000  # characters of a picture's base64; the prompt fills the rest
LARGE = PNG + bytes(BASE64 // 4 * 3 - len(PNG))


def prompt_for(model: str, size: int) -> str:
    """The prompt with which the native body has exactly so many bytes."""
    head = f'{{"model":"{model}","prompt":"","image_url":"data:image/png;base64,"}}'
    return "x" * (size - len(head) - BASE64)


@pytest.mark.parametrize(("size", "inline"), [(MOST, True), (MOST + 1, False)])
def test_a_request_of_ten_megabytes(
    public: Proxy, gateways: Sandbox, size: int, inline: bool
) -> None:
    double, model = gateways["onysoft"], "ideogram/v3-edit"
    with public.sdk() as client:
        client.images.edit(
            model=f"onysoft/{model}", image=png(data=LARGE), prompt=prompt_for(model, size)
        )
    seen = double.submits[-1]
    if inline:
        assert seen.raw_size == MOST
        assert sent(double)["image_url"].startswith("data:image/png;base64,")
        assert double.fetched == []
    else:
        assert sent(double)["image_url"].startswith(f"{public.url}/media/")
        assert double.fetched[-1].data == LARGE


def test_several_count_together(public: Proxy, gateways: Sandbox) -> None:
    """Each would do alone: the larger is lent, the other goes along."""
    double = gateways["onysoft"]
    first, last = PNG + bytes(5_000_000), PNG + bytes(4_000_000)
    with public.sdk() as client:
        client.images.edit(
            model="onysoft/ideogram/v3", image=png(data=first), mask=png(data=last), prompt="Both"
        )
    body = sent(double)
    assert double.fetched[-1].data == first
    assert body["image_url"] == double.fetched[-1].url
    assert base64.b64decode(body["mask_url"].partition(",")[2]) == last


def test_a_data_url_of_the_clients_own_is_lent_too(public: Proxy, gateways: Sandbox) -> None:
    double = gateways["onysoft"]
    inside = "data:image/png;base64," + base64.b64encode(PNG + bytes(8_000_000)).decode()
    with public.http() as http:
        body = {"model": "onysoft/kling-2.6", "prompt": "A cat"}
        posted(http, "/v1/videos", **body, input_reference={"image_url": inside})
        assert sent(double)["image_url"].startswith(f"{public.url}/media/")
        posted(http, "/v1/videos", **body, image_url=inside)
        assert sent(double)["image_url"].startswith(f"{public.url}/media/")
    assert {len(one.data) for one in double.fetched} == {len(PNG) + 8_000_000}


def test_a_chat_models_pictures_are_lent_too(public: Proxy, gateways: Sandbox) -> None:
    """Six megabytes each: one goes along, the other by its URL."""
    pictures = [png(data=PNG + bytes(5_500_000)), png(data=PNG + bytes(5_000_000))]
    with public.sdk() as client:
        model = "onysoft/gemini-2.5-flash-image"
        assert client.images.edit(model=model, image=pictures, prompt="Both").data
    parts = gateways["onysoft"].seen("chat")[-1].body["messages"][0]["content"]
    urls = [part["image_url"]["url"] for part in parts[1:]]
    assert urls[0].startswith(f"{public.url}/media/")
    assert urls[1].startswith("data:image/png;base64,")


def test_without_a_public_address_there_is_a_limit(shared: Proxy, gateways: Sandbox) -> None:
    with shared.sdk() as client, pytest.raises(openai.BadRequestError, match="public_url") as found:
        client.images.edit(
            model="onysoft/ideogram/v3", image=png(data=PNG + bytes(8_000_000)), prompt="Bluer"
        )
    assert found.value.param == "image"
    assert gateways["onysoft"].submits == []
