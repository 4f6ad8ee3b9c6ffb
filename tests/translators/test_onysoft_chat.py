"""Onysoft's chat, and the models that draw in one."""

from base64 import b64encode
from typing import Any

import pytest

from tests.translators.rowbench import Bench
from translators.core import Asset, Request, Source, State, Task
from translators.errors import MalformedReply, UnsupportedValue
from translators.onysoft import ROW

A, B = "https://example.com/a.png", "https://example.com/b.png"
PICTURE = Source(data=b"\x89PNG", mime="image/png")
INLINE = "data:image/png;base64," + b64encode(b"\x89PNG").decode()
BENCH = Bench(ROW, "video", "veo3")
planned = BENCH.planned
submitted = BENCH.submitted


def test_chat_passes_through() -> None:
    for model in ("gpt-4o", "gemini-3-flash", "gemini-3-pro-image-preview"):
        made = planned("chat", model, messages=[1], stream=True, temperature=0)
        assert made.request == Request(
            "POST",
            "/chat/completions",
            {"model": model, "messages": [1], "stream": True, "temperature": 0},
        )
        assert made.operation.mend


def test_gemini_draws_in_a_chat() -> None:
    made = planned("image", "gemini-3-pro-image-preview", prompt="a cat", size="1024x1024")
    assert made.request == Request(
        "POST",
        "/chat/completions",
        {
            "model": "gemini-3-pro-image-preview",
            "messages": [{"role": "user", "content": "a cat"}],
            "stream": False,
        },
    )
    assert (made.dropped, made.operation.poll) == (("size",), None)
    with pytest.raises(UnsupportedValue):
        planned("image", "gemini-2.5-flash-image", prompt="a cat", size="1536x1024")


def test_gemini_edits_in_a_chat() -> None:
    made = planned("image_edit", "gemini-2.5-flash-image", prompt="a hat", image=[PICTURE, A])
    assert made.request.body and made.request.body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a hat"},
                {"type": "image_url", "image_url": {"url": INLINE}},
                {"type": "image_url", "image_url": {"url": A}},
            ],
        }
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"images": [{"type": "image_url", "image_url": {"url": INLINE}}], "content": "here"},
        {
            "content": [
                {"type": "text", "text": "here"},
                {"type": "image_url", "image_url": {"url": INLINE}},
            ]
        },
        {"content": f"Here it is: ![a cat]({INLINE})"},
        {"content": INLINE},
    ],
)
def test_pictures_out_of_a_chat(message: dict[str, Any]) -> None:
    body = {"choices": [{"message": message}]}
    assert submitted(body, "image", "gemini-2.5-flash-image") == Task(
        State.SUCCEEDED, progress=100, assets=(Asset(data=b"\x89PNG", mime="image/png"),)
    )


def test_linked_pictures_out_of_a_chat() -> None:
    body = {"choices": [{"message": {"content": f"![a]({A}) and ![b]({B} )"}}]}
    found = submitted(body, "image", "gemini-2.5-flash-image")
    assert found.assets == (Asset(A), Asset(B))


def test_words_that_begin_pictures_without_an_end() -> None:
    """Each is looked at once: for each to the end of the text, a megabyte would take an hour."""
    body = {"choices": [{"message": {"content": f"![a]({A}) {'![' * 500_000}"}}]}
    assert submitted(body, "image", "gemini-2.5-flash-image").assets == (Asset(A),)


def test_words_instead_of_a_picture() -> None:
    body = {"choices": [{"message": {"content": "I cannot draw that."}}]}
    found = submitted(body, "image", "gemini-2.5-flash-image")
    assert found.state is State.FAILED
    assert found.fault and found.fault.message == "I cannot draw that."
    for bad in ({}, {"choices": []}, {"choices": [{}]}, None):
        with pytest.raises(MalformedReply):
            submitted(bad, "image", "gemini-2.5-flash-image")


def test_a_broken_data_url_is_a_malformed_reply() -> None:
    body = {"choices": [{"message": {"content": "data:image/png;base64,###"}}]}
    with pytest.raises(MalformedReply):
        submitted(body, "image", "gemini-2.5-flash-image")
