"""Whatever /openapi.json allows, and what it forbids, asked of a running proxy: every answer is described,
none is our own fault, and what is forbidden is refused."""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import given
from schemathesis import GenerationMode

from proxy.sandbox import Sandbox
from tests.described import ASKED, CHECKS, KEY, PICTURE, finished_video, plain
from tests.fuzzing import examples
from tests.harness import Proxy, config_for, proxy_in_thread

# Models that have what an endpoint wants: without them no request would get further than its model.
MODELS: dict[str, tuple[str, ...]] = {
    "/v1/chat/completions": ("gpt-4o-mini", "chat-openai", "chat-onysoft", "chat-text"),
    "/v1/images/generations": ("flux", "nano-banana", "imagen", "openai/gpt-image-1"),
    "/v1/images/edits": ("flux", "nano-banana", "openai/gpt-image-1"),
    "/v1/images/variations": ("openai/dall-e-2",),
    "/v1/videos": ("sora-2", "sora-gate", "kling", "kling-shop", "openai/sora-2"),
    "/v1/videos/edits": ("kling-shop", "openai/sora-2"),
    "/v1/videos/extensions": ("kling-shop", "openai/sora-2"),
    "/v1/videos/{id}/remix": ("sora-2", "openai/sora-2"),
    "/v1/jobs/image": ("flux", "nano-banana", "openai/gpt-image-1"),
    "/v1/jobs/video": ("sora-2", "sora-gate", "kling", "openai/sora-2"),
    "/v1/jobs/speech": ("ai-gate-one/voice", "apiin-one/suno"),
    "/v1/jobs/sound": ("ai-gate-one/sound",),
    "/v1/jobs/music": ("apiin-one/suno",),
    "/v1/audio/speech": ("ai-gate-one/voice", "openai/gpt-4o-mini-tts"),
    "/v1/audio/transcriptions": ("onysoft/elevenlabs/speech-to-text", "openai/whisper-1"),
    "/v1/audio/translations": ("openai/whisper-1",),
    "/v1/completions": ("openai/gpt-3.5-turbo-instruct",),
    "/v1/embeddings": ("openai/text-embedding-3-small",),
    "/v1/moderations": ("openai/omni-moderation-latest",),
    "/v1/responses": ("openai/gpt-4o",),
}
# Where nothing can be wrong: no parameters, any text in the path, or an answer that is always the same.
FREE = (
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/v1/models",
    "/v1/providers",
    "/callbacks",
)
TRIED = [
    (method, path, mode)
    for method, path in ASKED
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or not path.startswith(FREE) or "{name}" in path
]


@pytest.fixture(scope="module")
def proxy_with_a_key(
    all_gateways: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    config = config_for(
        all_gateways,
        keys=[{"name": "web", "key": KEY}],
        webhooks={"secret": "whsec_" + "a" * 32, "allow_private": True},
    )
    with proxy_in_thread(tmp_path_factory.mktemp("fuzzed"), config, KEY) as running:
        yield running


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.trust_env = False
        made.headers["authorization"] = f"Bearer {KEY}"
        yield made


@pytest.mark.fuzz
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # schemathesis does
@pytest.mark.parametrize(("method", "path", "mode"), TRIED)
def test_whatever_is_asked(
    gateways: Sandbox,
    proxy_with_a_key: Proxy,
    session: requests.Session,
    method: str,
    path: str,
    mode: GenerationMode,
) -> None:
    video = finished_video(proxy_with_a_key) if "{id}" in path or "video" in path else ""
    operation = fed(path, video, narrow=mode is GenerationMode.POSITIVE)[path][method]

    @examples(6, suppress_health_check=list(hypothesis.HealthCheck))
    @given(operation.as_strategy(generation_mode=mode))
    def holds(case: schemathesis.Case) -> None:
        answer = case.call(base_url=proxy_with_a_key.url, session=session)
        case.validate_response(answer, checks=CHECKS)

    holds()


def fed(path: str, video: str, *, narrow: bool) -> Any:
    """The description with values that lead somewhere. `narrow`: only what OpenAI calls so, too."""
    whole = plain(path)
    whole["components"]["parameters"]["id"]["schema"] = {"enum": [video or "flux"]}
    whole["components"]["parameters"]["name"]["schema"] = {"enum": ["ai-gate-one", "openai"]}
    schemas = whole["components"]["schemas"]
    schemas["SourceVideo"] = {"enum": [{"id": video}, video, "https://example.com/a.mp4"]}
    content = whole["paths"][path].get("post", {}).get("requestBody", {}).get("content", {})
    for kind, one in content.items():
        members = one["schema"]["properties"]
        if path in MODELS:
            nothing = (None,) if kind == "application/json" else ()
            members["model"] = {"enum": [*MODELS[path], *nothing]}
        if narrow:
            native = [
                name for name in members if "Native at" in members[name].get("description", "")
            ]
            one["schema"]["properties"] = {
                name: members[name] for name in members if name not in native
            }
            one["schema"]["additionalProperties"] = False
    if narrow:
        schemas["File"] = {"enum": [PICTURE, "https://example.com/a.png", {"image_url": PICTURE}]}
    return schemathesis.openapi.from_dict(whole)
