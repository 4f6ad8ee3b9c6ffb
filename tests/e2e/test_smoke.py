"""The shortest way through each endpoint, with the real SDK."""

import base64

from proxy.sandbox import Sandbox
from tests.harness import Proxy

ROUTES = ("gpt-4o-mini", "chat-openai", "chat-onysoft", "chat-shop", "chat-text")


def test_chat_streams_and_answers_on_every_row(proxy: Proxy) -> None:
    with proxy.sdk() as client:
        for model in ROUTES:
            messages = [{"role": "user", "content": "Say hello"}]
            whole = client.chat.completions.create(model=model, messages=messages)
            assert whole.choices[0].message.content, model
            assert whole.choices[0].finish_reason == "stop"
            with client.chat.completions.create(
                model=model, messages=messages, stream=True
            ) as stream:
                text = "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
            assert text == whole.choices[0].message.content, model


def test_images_come_back_as_base64(proxy: Proxy) -> None:
    with proxy.sdk() as client:
        for model in ("flux", "nano-banana", "imagen"):
            made = client.images.generate(model=model, prompt="A red square", n=2, size="1024x1024")
            assert made.data is not None
            assert len(made.data) == 2
            for one in made.data:
                assert base64.b64decode(one.b64_json or "").startswith(b"\x89PNG"), model


def test_videos_come_back_from_every_row(proxy: Proxy, gateways: Sandbox) -> None:
    with proxy.sdk() as client:
        for model in ("sora-2", "sora-gate", "kling", "kling-shop"):
            video = client.videos.create_and_poll(model=model, prompt="A cat")
            assert video.status == "completed", (model, video.error)
            assert video.model == model
            content = client.videos.download_content(video.id).read()
            assert content[4:8] == b"ftyp", model
    for name in ("onysoft", "ai-gate.one", "apiin.one", "aigate.shop"):
        assert len(gateways.doubles[name].submits) == 1
