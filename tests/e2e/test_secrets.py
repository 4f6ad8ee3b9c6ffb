"""No answer, header, log line or metric holds a key, whatever a gateway echoes."""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from starlette.requests import Request

from proxy.edge import Edge, Served
from proxy.sandbox import Sandbox
from tests.chatting import CHAT, PASSING, ROWS, body, chunks_of, said
from tests.eventually import eventually
from tests.harness import Proxy, config_for, proxy_in_thread, write
from tests.wire import CLIP, PNG, ended

CLIENT = "sk-client/canary+1"
HOOK = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnk="
# With characters that percent-encoding changes.
CANARY = "sk-canary/{}+="


@pytest.fixture(scope="module")
def canaries(all_gateways: Sandbox) -> Iterator[dict[str, str]]:
    """Each double with a key that stands out; its row → the key."""
    before = all_gateways.keys
    for name, double in all_gateways.doubles.items():
        double.key = CANARY.format(name)
    yield all_gateways.keys
    for name, double in all_gateways.doubles.items():
        double.key = before[name]


@pytest.fixture(scope="module")
def running(
    canaries: dict[str, str], all_gateways: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    config = config_for(
        all_gateways,
        keys=[{"name": "web", "key": CLIENT}],
        webhooks={"secret": HOOK, "allow_private": True},
    )
    with proxy_in_thread(tmp_path_factory.mktemp("proxy"), config, key=CLIENT) as made:
        yield made


@pytest.fixture
def proxy(
    running: Proxy,
    gateways: Sandbox,
    canaries: dict[str, str],
    logged: list[str],
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Proxy]:
    """The proxy; at the end no log line and no metric may hold a secret."""
    yield running
    with running.http() as client:
        clean(client.get("/metrics").text, canaries)
    lines: list[str] = []

    def written() -> bool:
        lines.append(capsys.readouterr().err)
        return '"endpoint":"metrics"' in lines[-1]

    eventually(written)
    clean("".join(lines), canaries)
    clean("\n".join(logged), canaries)


def clean(text: str, canaries: dict[str, str]) -> None:
    for secret in (*canaries.values(), CLIENT, HOOK):
        assert secret not in text
        assert quote(secret, safe="") not in text


def clean_answer(answer: httpx.Response, canaries: dict[str, str]) -> httpx.Response:
    clean(answer.text, canaries)
    clean(str(answer.headers.multi_items()), canaries)
    return answer


def echoes(key: str) -> dict[str, dict[str, Any]]:
    """What a gateway may answer with its key in it."""
    words = f"Bad key {key} (or {quote(key, safe='')}) at https://x/?k={key}"
    error = {"error": {"message": words, "type": words, "code": key, "param": key}}
    return {
        "error": {"status": 401, "body": error},
        "refusal": {"status": 400, "body": error},
        "rate": {"status": 429, "body": error, "headers": {"retry-after": "1", "x-key": key}},
        "under 200": {"status": 200, "body": error},
        "success false": {"status": 200, "body": {"success": False, **error}},
        "plain": {"status": 500, "body": words},
        "no json": {"status": 200, "body": words},
        "choices": {"status": 200, "body": {"choices": key}},
        "reason": {"status": 302, "body": b"", "headers": {"location": f"http://x/{key}"}},
    }


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("echo", echoes(""))
@pytest.mark.parametrize("route", PASSING)
def test_an_error_that_holds_the_key(
    proxy: Proxy, gateways: Sandbox, canaries: dict[str, str], route: str, echo: str, stream: bool
) -> None:
    fault = echoes(canaries[ROWS[route]])[echo]
    gateways[ROWS[route]].fault("chat", **fault)
    with proxy.http() as client:
        answer = clean_answer(client.post(CHAT, json=body(route, stream=stream)), canaries)
    assert answer.status_code >= 400
    if echo == "error":
        assert "[redacted]" in answer.text


@pytest.mark.parametrize("route", PASSING)
def test_an_answer_that_holds_the_key(
    proxy: Proxy, gateways: Sandbox, canaries: dict[str, str], route: str
) -> None:
    double = gateways[ROWS[route]]
    double.reply = f"I was asked with {double.key}"
    try:
        with proxy.http() as client:
            whole = clean_answer(client.post(CHAT, json=body(route)), canaries)
    finally:
        double.reply = None
    assert whole.json()["choices"][0]["message"]["content"] == "I was asked with [redacted]"


@pytest.mark.parametrize("later", [False, True])
def test_a_stream_that_holds_the_key(
    proxy: Proxy, gateways: Sandbox, canaries: dict[str, str], later: bool
) -> None:
    key = canaries["openai"]
    events = f'data: {{"choices": [{{"delta": {{"content": "I am {key}"}}}}]}}\n\n' * later
    events += f'data: {{"error": {{"message": "not {key}"}}}}\n\n'
    gateways["openai"].fault(
        "chat", status=200, body=events, headers={"content-type": "text/event-stream"}
    )
    with proxy.http() as client:
        answer = clean_answer(client.post(CHAT, json=body("chat-openai", stream=True)), canaries)
    assert answer.status_code == (200 if later else 502)
    assert "not [redacted]" in answer.text
    assert ("I am [redacted]" in answer.text) == later


@pytest.mark.parametrize("stream", [False, True])
def test_chat_by_task_that_holds_the_key(
    proxy: Proxy, gateways: Sandbox, canaries: dict[str, str], stream: bool
) -> None:
    double = gateways["ai-gate.one"]
    double.reply = f"Your apiKey is {double.key}"
    try:
        with proxy.http() as client:
            asked = body("chat-text", stream=stream)
            answer = clean_answer(client.post(CHAT, json=asked), canaries)
            job = answer.headers["x-anygate-job"]
            clean_answer(client.get(f"/v1/jobs/{job}"), canaries)
    finally:
        double.reply = None
    if stream:
        assert said(chunks_of(answer.text)) == "Your apiKey is [redacted]"


@pytest.mark.parametrize(
    ("model", "row"), [("sora-2", "onysoft"), ("sora-gate", "ai-gate.one"), ("kling", "apiin.one")]
)
def test_a_job_s_failure_that_holds_the_key(
    proxy: Proxy, gateways: Sandbox, canaries: dict[str, str], model: str, row: str
) -> None:
    gateways[row].fail_next(f"could not bill {canaries[row]}")
    with proxy.http() as client, proxy.sdk() as sdk:
        video = sdk.videos.create_and_poll(model=model, prompt="A cat")
        assert video.error is not None
        assert video.error.message == "could not bill [redacted]"
        for path in (f"/v1/videos/{video.id}", f"/v1/videos/{video.id}/content", "/v1/videos"):
            clean_answer(client.get(path), canaries)


@pytest.mark.parametrize(
    ("model", "row"), [("sora-2", "onysoft"), ("sora-gate", "ai-gate.one"), ("kling", "apiin.one")]
)
def test_a_refused_job_that_holds_the_key(
    proxy: Proxy, gateways: Sandbox, canaries: dict[str, str], model: str, row: str
) -> None:
    with proxy.http() as client:
        for fault in echoes(canaries[row]).values():
            gateways[row].fault("submit", **fault)
            asked = {"model": model, "prompt": "A cat"}
            clean_answer(client.post("/v1/videos", json=asked), canaries)
        clean_answer(client.get("/v1/videos"), canaries)


@pytest.mark.parametrize(
    ("path", "kind", "asked"),
    [
        ("/v1/videos", "submit", {"model": "sora-2", "prompt": "A cat"}),
        ("/v1/embeddings", "embeddings", {"model": "openai/text", "input": "A cat"}),
    ],
    ids=["job", "pass-through"],
)
def test_an_answer_that_holds_a_key_of_before_a_reload(
    gateways: Sandbox, tmp_path: Path, path: str, kind: str, asked: dict[str, str]
) -> None:
    """Why keys are changed: the gateway refuses the old one, and may say so when it is forgotten here."""
    row, known = ("onysoft" if kind == "submit" else "openai"), "sk-of-before-the-reload"
    with proxy_in_thread(
        tmp_path, config_for(gateways, providers={row: {"api_key": known}})
    ) as proxy:
        assert proxy.service is not None
        gateways[row].fault(kind, hang=True, **echoes(known)["refusal"])
        with ThreadPoolExecutor(1) as thread, proxy.http() as client:
            answer = thread.submit(client.post, path, json=asked)
            gateways[row].wait(lambda double: double.seen(kind))
            write(tmp_path, config_for(gateways))
            for _ in range(2):
                proxy.service.reload()
            gateways[row].release()
            told = answer.result().text
            told += client.get("/v1/videos").text
    assert "Bad key [redacted]" in told
    assert known not in told


def test_a_picture_s_prompt_that_holds_the_key(
    proxy: Proxy, gateways: Sandbox, canaries: dict[str, str]
) -> None:
    picture = {
        "b64_json": base64.b64encode(PNG).decode(),
        "revised_prompt": f"A cat called {canaries['openai']}",
    }
    gateways["openai"].fault("submit", status=200, body={"data": [picture]})
    with proxy.http() as client:
        asked = {"model": "openai/dall-e-3", "prompt": "A cat"}
        made = clean_answer(client.post("/v1/images/generations", json=asked), canaries)
        assert made.json()["data"][0]["revised_prompt"] == "A cat called [redacted]"
        clean_answer(client.get(f"/v1/jobs/{made.headers['x-anygate-job']}"), canaries)


def test_a_result_s_url_that_holds_the_key(
    proxy: Proxy, gateways: Sandbox, canaries: dict[str, str]
) -> None:
    key = quote(canaries["apiin.one"], safe="")
    link = f"{gateways['apiin.one'].origin}/files/none/0.png?key={key}"
    task = {"task_id": "t", "status": "SUCCESS", "response": [link]}
    done = {"code": 200, "message": "success", "data": task}
    with proxy.http() as client:
        for shape in ("url", "b64_json"):
            gateways["apiin.one"].fault("poll", status=200, body=done)
            asked = {"model": "flux", "prompt": "A cat", "response_format": shape}
            clean_answer(client.post("/v1/images/generations", json=asked), canaries)
        gateways["apiin.one"].fault("poll", status=200, body=done)
        made = client.post("/v1/videos", json={"model": "kling", "prompt": "A cat"}).json()["id"]
        for path in ("", "/content"):
            clean_answer(client.get(f"/v1/videos/{made}{path}"), canaries)


@pytest.mark.parametrize("path", ["edits", "{id}/remix"])
def test_a_video_s_url_that_holds_the_key_is_not_for_another_gateway(
    proxy: Proxy, gateways: Sandbox, canaries: dict[str, str], path: str
) -> None:
    """It is given the video instead."""
    ours, other = gateways["apiin.one"], gateways["aigate.shop"]
    link = f"{ours.origin}/files/none/0.mp4?key={quote(ours.key, safe='')}"
    task = {"task_id": "t", "status": "SUCCESS", "response": [link]}
    ours.fault("poll", status=200, body={"code": 200, "message": "success", "data": task})
    ours.fault("file", status=200, body=CLIP, headers={"content-type": "video/mp4"})
    with proxy.http() as client:
        made = client.post("/v1/videos", json={"model": "kling", "prompt": "A cat"}).json()["id"]
        ended(client, made)
        asked = {"model": "kling-shop", "prompt": "A dog", "video": {"id": made}}
        if "remix" in path:
            del asked["video"]
        answer = client.post(f"/v1/videos/{path.format(id=made)}", json=asked)
        assert clean_answer(answer, canaries).status_code == 200, answer.text
    clean(str(other.submits[-1].body), canaries)
    assert base64.b64encode(CLIP).decode() in str(other.submits[-1].body)


def test_a_client_that_knows_a_key_is_not_told_it_back(
    proxy: Proxy, canaries: dict[str, str]
) -> None:
    with proxy.http() as client:
        for secret in (*canaries.values(), CLIENT, HOOK):
            clean_answer(client.post(CHAT, json=body(secret)), canaries)
            asked = body("chat-text", **{secret: 1})
            clean_answer(client.post(CHAT, json=asked), canaries)
            clean_answer(client.get(f"/v1/videos/{quote(secret, safe='')}"), canaries)
            clean_answer(client.get(f"/v1/models/{quote(secret, safe='')}"), canaries)
            clean_answer(client.get(f"/{quote(secret, safe='')}"), canaries)


@pytest.mark.parametrize("begun", [False, True])
async def test_our_own_fault_says_nothing(
    proxy: Proxy, canaries: dict[str, str], logged: list[str], begun: bool
) -> None:
    secret = canaries["openai"]

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            raise ValueError(f"within {secret}")
        except ValueError as exc:
            raise RuntimeError(f"https://x/{quote(secret, safe='')}") from exc

    async def answer_with(request: Request) -> Any:
        return broken

    assert proxy.service is not None
    broken_one = Served("broken", answer_with, {})
    edge = Edge(proxy.service, lambda _: broken_one, otherwise=broken)
    transport = httpx.ASGITransport(edge, raise_app_exceptions=begun)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        if begun:
            with pytest.raises(Exception, match="req_") as caught:
                await client.get("/x")
            assert caught.value.__cause__ is None
            assert caught.value.__suppress_context__
        else:
            answer = clean_answer(await client.get("/x"), canaries)
            assert answer.status_code == 500
            assert answer.json()["error"]["code"] == "internal_error"
            assert answer.headers["x-request-id"] in answer.json()["error"]["message"]
    trace = "\n".join(logged)
    assert "RuntimeError: https://x/[redacted]" in trace
    assert "ValueError: within [redacted]" in trace
    proxy.service.access.flush()  # its timer was of this loop, which ends
