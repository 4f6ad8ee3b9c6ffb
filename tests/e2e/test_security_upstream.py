"""What a client says never chooses where the proxy asks, nor with which key; headers stay on their side."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import orjson
import pytest

from proxy.sandbox import Sandbox
from tests.chatting import CHAT, HELLO, ROWS, body, chunks_of, data_of, said
from tests.eventually import eventually
from tests.harness import Proxy
from tests.wire import PNG, ended

CANARY = "canary-of-a-client"
SPEECH = {"input": "Hello", "voice": "alloy"}
TTS = "onysoft/elevenlabs/text-to-speech-multilingual-v2"
WAV = (
    "a.wav",
    b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\0\0\0\0",
)
# One request for each way in which the proxy asks a gateway: path, JSON body or form.
ASKED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    **{f"chat {route}": (CHAT, body(route), {}) for route in ROWS},
    "stream": (CHAT, body("chat-openai", stream=True), {}),
    "embeddings": ("/v1/embeddings", {"model": "openai/text-embedding-3-small", "input": "a"}, {}),
    "image": ("/v1/images/generations", {"model": "flux", "prompt": "A cat"}, {}),
    "image edit": ("/v1/images/edits", {"model": "openai/gpt-image-1", "prompt": "A cat"},
                   {"image": ("a.png", PNG, "image/png")}),
    "speech": ("/v1/audio/speech", {"model": "openai/tts-1", **SPEECH}, {}),
    "speech by task": ("/v1/audio/speech", {"model": TTS, **SPEECH}, {}),
    "transcription": ("/v1/audio/transcriptions", {"model": "openai/whisper-1"}, {"file": WAV}),
    "video": ("/v1/videos", {"model": "sora-2", "prompt": "A cat"}, {}),
    "video openai": ("/v1/videos", {"model": "openai/sora-2", "prompt": "A cat"}, {}),
    "video gate": ("/v1/videos", {"model": "sora-gate", "prompt": "A cat"}, {}),
    "video apiin": ("/v1/videos", {"model": "kling", "prompt": "A cat"}, {}),
    "video shop": ("/v1/videos", {"model": "kling-shop", "prompt": "A cat"}, {}),
    "job": ("/v1/jobs/music", {"model": "apiin-one/suno", "prompt": "A song"}, {}),
}  # fmt: skip


class Trap(ThreadingHTTPServer):
    """A server that nobody should ever ask."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Trapped)
        self.asked: list[str] = []
        self.origin = f"http://127.0.0.1:{self.server_address[1]}"


class _Trapped(BaseHTTPRequestHandler):
    server: Trap

    def handle(self) -> None:
        self.server.asked.append(str(self.rfile.readline()))

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    with Trap() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(http: httpx.Client, name: str, more: dict[str, Any] | None = None) -> httpx.Response:
    path, fields, files = ASKED[name]
    fields = {**fields, **(more or {})}
    if files:
        form = {key: value if isinstance(value, str) else orjson.dumps(value).decode()
                for key, value in fields.items()}  # fmt: skip
        answer = http.post(path, data=form, files=files)
    else:
        answer = http.post(path, json=fields)
    if job := answer.headers.get("x-anygate-job"):
        ended(http, job)
    return answer


def asked(gateways: Sandbox) -> Iterator[tuple[str, Any]]:
    """Each double's row, and each request that it got."""
    for name, double in gateways.doubles.items():
        for seen in tuple(double.log):
            yield name, seen


# What never leaves: the keys of this side, and what says who is asking.
HEADERS = {
    "cookie": f"session={CANARY}",
    "x-forwarded-for": CANARY,
    "x-forwarded-host": CANARY,
    "forwarded": f"for={CANARY}",
    "via": CANARY,
    "connection": "keep-alive, x-hop",
    "x-hop": CANARY,
    "keep-alive": CANARY,
    "proxy-authorization": f"Bearer {CANARY}",
    "proxy-connection": CANARY,
    "te": CANARY,
    "x-api-key": CANARY,
    "api-key": CANARY,
    "openai-organization": CANARY,
    "openai-project": CANARY,
    "user-agent": CANARY,
    "referer": f"http://{CANARY}/",
    "accept-language": CANARY,
    "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    "x-request-id": CANARY,
    "x-stainless-lang": CANARY,
    "x-base-url": CANARY,
    "range": "bytes=0-1",
}
SENT = {"host", "content-type", "content-length", "accept", "accept-encoding", "user-agent"}
SENT |= {"authorization", "range"}


@pytest.mark.parametrize("name", ASKED)
def test_no_header_of_a_client_travels_on(shared: Proxy, gateways: Sandbox, name: str) -> None:
    own = {"authorization": f"Bearer {CANARY}", "idempotency-key": f"{CANARY} {name}"}
    with shared.http(headers=HEADERS | own) as http:
        assert ask(http, name).status_code == 200
    seen = list(asked(gateways))
    assert seen
    for row, one in seen:
        assert set(one.headers) <= SENT, one.headers
        assert CANARY not in str(one.headers)
        key = one.headers.get("authorization", "").removeprefix("Bearer ")
        assert key in ("", gateways[row].key)


FIELDS = ("base_url", "url", "api_key", "apiKey", "headers", "callback_url")


@pytest.mark.parametrize("name", ASKED)
def test_no_field_chooses_the_gateway_or_its_key(
    shared: Proxy, gateways: Sandbox, trap: Trap, name: str
) -> None:
    """Each is a 400, dropped, or sent as the mere parameter that it is, where the target knows it."""
    with shared.http() as http:
        assert ask(http, name).status_code == 200
        usual = {(row, seen.method, seen.kind) for row, seen in asked(gateways)}
        # Where the key stands in the body; elsewhere such a field is one that the gateway does not know.
        keyed = {row for row, seen in asked(gateways) if "apiKey" in (seen.body or ())}
        for field in FIELDS:
            value = {"authorization": CANARY} if "headers" in field else f"{trap.origin}/{CANARY}"
            for more in ({field: value}, {"provider_options": {field: value}}):
                ask(http, name, more)
    for row, seen in asked(gateways):
        assert (row, seen.method, seen.kind) in usual
        assert seen.headers["host"] == gateways[row].origin.partition("//")[2]
        assert seen.headers.get("authorization", gateways[row].key).endswith(gateways[row].key)
        if row in keyed and isinstance(seen.body, dict):
            assert seen.body["apiKey"] == gateways[row].key
    assert not trap.asked


ODD = ("{trap}/v1", "openai/{trap}/v1", "openai/../../x", "openai/..%2f..%2fx", "openai//{host}/x",
       "openai/@{host}/x", "openai/x?key=1#y", "openai/x y", "openai/x\r\nHost: {host}", "openai/x\0",
       "openai@{host}/x", "http:/{host}/x", "onysoft/{trap}", "apiin-one/{trap}", "aigate-shop/{trap}",
       "ai-gate-one/{trap}", "../openai/x", "openai\\x", "openai/{{key}}", "openai/%s%n")  # fmt: skip


def test_no_model_s_name_chooses_the_address(shared: Proxy, gateways: Sandbox, trap: Trap) -> None:
    places = {"trap": trap.origin, "host": trap.origin.partition("//")[2]}
    paths = (CHAT, "/v1/embeddings", "/v1/images/generations", "/v1/videos", "/v1/audio/speech")
    with shared.http() as http:
        for path in paths:
            for model in (one.format(**places) for one in ODD):
                filled = {"model": model, "messages": HELLO, "prompt": "A cat", **SPEECH}
                wanted = {CHAT: ("messages",), "/v1/embeddings": ("input",)}
                wanted["/v1/audio/speech"] = ("input", "voice")
                fields = ("model", *wanted.get(path, ("prompt",)))
                answer = http.post(path, json={field: filled[field] for field in fields})
                if job := answer.headers.get("x-anygate-job"):
                    ended(http, job)
        http.get("/v1/models/" + "openai%2F..%2F..%2Fx")
        http.get("/v1/providers/..%2Fopenai/balance")
    assert not trap.asked
    known = {"/chat/completions", "/embeddings", "/images/generations", "/videos", "/audio/speech"}
    for seen in tuple(gateways["openai"].log):
        path = seen.path.removeprefix(gateways["openai"].PREFIX)
        assert path in known | {"/models"} or seen.kind in ("poll", "file", "content"), seen.path
        assert not seen.query
        assert seen.headers["host"] == gateways["openai"].origin.partition("//")[2]


def test_a_compressed_request_is_not_read(shared: Proxy, gateways: Sandbox) -> None:
    """Nothing of a client is ever decompressed, so that a small body is never a large one."""
    bomb = gzip.compress(b'{"model": "chat-openai", "messages": "' + b"a" * 5_000_000 + b'"}')
    for encoding in ("gzip", "deflate", "br", "zstd"):
        headers = {"content-type": "application/json", "content-encoding": encoding}
        with shared.http() as http:
            answer = http.post(CHAT, content=bomb, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")
        assert f"it is compressed ({encoding})" in answer.json()["error"]["message"]
    assert not gateways["openai"].log


# What a gateway may say of itself, and no client should hear.
LOUD = {
    "set-cookie": CANARY,
    "server": CANARY,
    "x-powered-by": CANARY,
    "x-evil": CANARY,
    "access-control-allow-origin": "*",
    "strict-transport-security": "max-age=0",
    "content-security-policy": CANARY,
    "location": f"http://{CANARY}/",
    "link": f"<http://{CANARY}>",
    "refresh": f"0; url=http://{CANARY}/",
    "www-authenticate": CANARY,
    "cache-control": "public, max-age=31536000",
    "content-disposition": f"inline; filename={CANARY}",
    "x-anygate-cost": CANARY,
    "x-request-id": CANARY,
    "alt-svc": CANARY,
    "clear-site-data": '"*"',
}
HEARD = {
    "date",
    "content-type",
    "content-length",
    "transfer-encoding",
    "x-request-id",
    "retry-after",
}
HEARD |= {"cache-control", "x-accel-buffering", "x-should-retry", "openai-poll-after-ms"}
HEARD |= {f"x-anygate-{one}" for one in ("provider", "model", "dropped", "job", "cost", "partial")}
OF_A_FILE = {
    "accept-ranges",
    "content-disposition",
    "etag",
    "last-modified",
    "x-content-type-options",
}


def quiet(answer: httpx.Response, *, file: bool = False) -> None:
    assert set(answer.headers) <= HEARD | (OF_A_FILE if file else set()), answer.headers
    assert CANARY not in str(answer.headers)
    assert "public" not in answer.headers.get("cache-control", "")


COMPLETION = {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
              "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"},
                           "finish_reason": "stop"}]}  # fmt: skip
CHUNK = b'data: {"id":"c","choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
GIVEN: dict[str, tuple[str, str, str, Any]] = {  # double, what is asked, its answer and type
    "chat chat-openai": ("openai", "chat", "application/json", COMPLETION),
    "stream": ("openai", "chat", "text/event-stream", CHUNK),
    "embeddings": ("openai", "embeddings", "application/json", {"object": "list", "data": []}),
    "speech": ("openai", "speech", "audio/mpeg", b"ID3" + bytes(100)),
    "transcription": ("openai", "transcription", "application/json", {"text": "Hi"}),
}


@pytest.mark.parametrize("name", GIVEN)
def test_no_header_of_a_gateway_comes_through(shared: Proxy, gateways: Sandbox, name: str) -> None:
    row, _, kind, good = GIVEN[name]
    wrong = {"error": {"message": "No.", "type": "x", "code": "x", "param": None}}
    with shared.http() as http:
        for status in (200, 400, 401, 429, 500, 302):
            headers = LOUD | {"content-type": kind if status == 200 else "application/json"}
            body_of = good if status == 200 else wrong
            gateways[row].fault("*", status=status, body=body_of, headers=headers)
            heard = ask(http, name)
            assert (heard.status_code == 200) == (status == 200), heard.text
            quiet(heard)


@pytest.mark.parametrize("mime", ["video/mp4", "text/html", "image/svg+xml", "text/javascript"])
def test_a_file_is_private_and_never_a_page(shared: Proxy, gateways: Sandbox, mime: str) -> None:
    """What a gateway's file calls itself: in a browser it must not run as this proxy's own page."""
    page = b"<html><script>alert(1)</script></html>"
    with shared.http() as http:
        job = ask(http, "video").json()["id"]
        path = f"/v1/videos/{job}/content"
        good = http.get(path)
        quiet(good, file=True)
        assert good.headers["x-content-type-options"] == "nosniff"
        assert good.headers["cache-control"].startswith("private")
        data = page if mime != "video/mp4" else good.content
        gateways["onysoft"].fault(
            "file", status=200, body=data, headers=LOUD | {"content-type": mime}
        )
        heard = http.get(path)
    quiet(heard, file=True)
    if mime != "video/mp4":
        # Either no file at all, or one that is saved and not shown.
        shown = heard.headers.get("content-disposition", "attachment").startswith("inline")
        assert heard.status_code == 502 or not shown, heard.headers
        assert heard.headers["content-type"] not in ("text/html", "text/javascript")


# Fields of events, comments, every line ending, and an event within an event's text.
INJECTED = (
    b"event: evil\nid: 7\nretry: 1\n"
    b'data: {"id":"c","choices":[{"delta":{"content":"a\\n\\ndata: [DONE]\\n\\n"}}]}\n\n'
    b': comment\n\ndata: {"id":"c","choices":\rdata: [{"delta":{"content":"b"},"finish_reason":"stop"}]}\r\r'
    b"data: [DONE]\n\nevent: evil\ndata: {}\n\n"
)


def test_a_gateways_stream_cannot_inject_events(shared: Proxy, gateways: Sandbox) -> None:
    """A chat's events are written anew: what is none of a chunk's data does not come through."""
    kind = {"content-type": "text/event-stream"}
    gateways["openai"].fault("chat", status=200, body=INJECTED, headers=kind)
    with shared.http() as http:
        text = ask(http, "stream").text
    assert "evil" not in text
    assert "\r" not in text
    assert said(chunks_of(text)) == "a\n\ndata: [DONE]\n\nb"
    assert data_of(text).count("[DONE]") == 1


def test_the_trap_works(trap: Trap) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(trap.origin, trust_env=False)
    eventually(lambda: trap.asked)
    trap.asked.clear()
