"""What a client is told when a gateway fails, refuses or vanishes: status, code, and whether to come again."""

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from proxy.errors import Throttled, from_down, from_fault
from proxy.sandbox import Sandbox
from tests.chatting import CHAT, HELLO, PASSING, ROWS, body, refused
from tests.harness import Proxy, config_for, proxy_in_thread
from translators.errors import Fault, FaultKind

NO, MAYBE = "false", None
# The gateway's status → ours, code, type, the SDK's exception, x-should-retry.
TABLE: dict[int, tuple[int, str, str, type[openai.APIStatusError], str | None]] = {
    400: (400, "provider_rejected", "invalid_request_error", openai.BadRequestError, NO),
    401: (502, "provider_auth_failed", "provider_error", openai.InternalServerError, NO),
    402: (429, "provider_insufficient_quota", "insufficient_quota", openai.RateLimitError, NO),
    403: (502, "provider_auth_failed", "provider_error", openai.InternalServerError, NO),
    404: (404, "model_not_found", "invalid_request_error", openai.NotFoundError, NO),
    408: (504, "provider_timeout", "provider_error", openai.InternalServerError, MAYBE),
    413: (400, "provider_rejected", "invalid_request_error", openai.BadRequestError, NO),
    422: (400, "provider_rejected", "invalid_request_error", openai.BadRequestError, NO),
    429: (429, "provider_rate_limited", "rate_limit_error", openai.RateLimitError, MAYBE),
    500: (502, "provider_error", "provider_error", openai.InternalServerError, MAYBE),
    503: (502, "provider_error", "provider_error", openai.InternalServerError, MAYBE),
}
PAGE = "<html><head><title>Bad gateway</title></head><body>nginx</body></html>"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", TABLE)
@pytest.mark.parametrize("route", PASSING)
def test_a_refusal_is_told_in_our_terms_and_the_gateway_s_words(
    shared: Proxy, gateways: Sandbox, route: str, status: int, stream: bool
) -> None:
    row = ROWS[route]
    gateways[row].fault("chat", status=status, headers={"retry-after": "7"})
    with shared.http() as client:
        answer = client.post(CHAT, json=body(route, stream=stream))
    # aigate.shop's page: "429 insufficient_quota".
    ours, code, kind, _, retry = TABLE[402 if (row, status) == ("aigate.shop", 429) else status]
    error = refused(answer, ours, code)
    assert error["type"] == kind
    assert error["message"] == f"fault {status}"
    assert answer.headers.get("x-should-retry") == retry
    assert answer.headers.get("retry-after") == ("7" if "rate" in code else None)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"date": "Wed, 21 Oct 2026 07:27:18 GMT"}, "42"),  # by the gateway's clock
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, "86400"),  # by ours, and a day at most
    ],
)
def test_a_date_to_come_again_at_is_told_in_seconds(
    shared: Proxy, gateways: Sandbox, given: dict[str, str], told: str
) -> None:
    headers = {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT", **given}
    gateways["openai"].fault("chat", status=429, headers=headers)
    with shared.http() as client:
        answer = client.post(CHAT, json=body("chat-openai"))
    assert answer.headers["retry-after"] == told


@pytest.mark.parametrize("status", TABLE)
def test_the_sdk_raises_its_own_exception(shared: Proxy, gateways: Sandbox, status: int) -> None:
    gateways["openai"].fault("chat", status=status)
    ours, code, _, exception, _ = TABLE[status]
    with shared.sdk() as client, pytest.raises(exception) as caught:
        client.chat.completions.create(model="chat-openai", messages=HELLO)
    assert type(caught.value) is exception
    assert (caught.value.status_code, caught.value.code) == (ours, code)
    assert caught.value.request_id


def test_the_sdk_repeats_what_it_may(shared: Proxy, gateways: Sandbox) -> None:
    gateways["openai"].fault("chat", status=429, headers={"retry-after-ms": "1"})
    gateways["openai"].fault("chat", status=503)
    with shared.sdk(max_retries=2) as client:
        made = client.chat.completions.create(model="chat-openai", messages=HELLO)
    assert made.choices[0].message.content
    assert len(gateways["openai"].log) == 3


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
def test_the_sdk_does_not_repeat_what_cannot_be_mended(
    shared: Proxy, gateways: Sandbox, status: int
) -> None:
    gateways["openai"].fault("chat", times=None, status=status)
    with shared.sdk(max_retries=2) as client, pytest.raises(openai.APIStatusError):
        client.chat.completions.create(model="chat-openai", messages=HELLO)
    assert len(gateways["openai"].log) == 1


SHAPES: dict[str, tuple[str, dict[str, Any], int, str, str]] = {
    # name → route, fault, our status, code, a part of the message
    "a page of HTML": (
        "chat-openai",
        {"status": 502, "body": PAGE, "headers": {"content-type": "text/html"}},
        502,
        "provider_error",
        "The gateway answered HTTP 502",
    ),
    "plain words": ("chat-openai", {"status": 500, "body": "Oops"}, 502, "provider_error", "Oops"),
    "no words": ("chat-shop", {"status": 429, "body": b""}, 429, "provider_rate_limited", "429"),
    "an error under 200": (
        "chat-openai",
        {"status": 200, "body": {"error": {"message": "Busy", "code": 503}}},
        502,
        "provider_error",
        "Busy",
    ),
    "an error under 200, in words": (
        "chat-shop",
        {"status": 200, "body": {"error": "Busy"}},
        502,
        "provider_error",
        "Busy",
    ),
    "apiin's envelope under 200": (
        "gpt-4o-mini",
        {"status": 200, "body": {"code": 402, "message": "No credits", "data": None}},
        429,
        "provider_insufficient_quota",
        "No credits",
    ),
    "apiin's msg": (
        "gpt-4o-mini",
        {"status": 200, "body": {"code": 429, "msg": "Slowly"}},
        429,
        "provider_rate_limited",
        "Slowly",
    ),
    "onysoft's success false": (
        "chat-onysoft",
        {"status": 200, "body": {"success": False, "error": {"code": "x", "message": "No"}}},
        502,
        "provider_error",
        "No",
    ),
    "onysoft's balance": (
        "chat-onysoft",
        {
            "status": 402,
            "body": {"success": False, "error": {"code": "insufficient_balance", "message": "0"}},
        },
        429,
        "provider_insufficient_quota",
        "0",
    ),
    "openai's quota under 429": (
        "chat-openai",
        {"status": 429, "body": {"error": {"message": "Pay", "code": "insufficient_quota"}}},
        429,
        "provider_insufficient_quota",
        "Pay",
    ),
    "moderation": (
        "chat-openai",
        {"status": 400, "body": {"error": {"message": "No", "code": "content_policy_violation"}}},
        400,
        "content_policy_violation",
        "No",
    ),
    "a task that failed": (
        "chat-openai",
        {"status": 200, "body": [1]},
        502,
        "malformed_response",
        "not an object",
    ),
    "no JSON": ("chat-openai", {"status": 200, "body": PAGE}, 502, "malformed_response", "JSON"),
    "no choices": (
        "chat-onysoft",
        {"status": 200, "body": {"id": "x"}},
        502,
        "malformed_response",
        "choices",
    ),
    "cut before": ("chat-openai", {"cut": "before"}, 502, "provider_error", "cut"),
    "cut within": ("chat-openai", {"truncate": 30}, 502, "provider_error", "cut"),
    "a teapot": ("chat-openai", {"status": 418}, 400, "provider_rejected", "fault 418"),
    "a redirect": (
        "chat-openai",
        {"status": 307, "body": b"", "headers": {"location": "http://example.com/"}},
        502,
        "provider_error",
        "307",
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_error_is_read(shared: Proxy, gateways: Sandbox, shape: str) -> None:
    route, fault, status, code, words = SHAPES[shape]
    gateways[ROWS[route]].fault("chat", **fault)
    with shared.http() as client:
        answer = client.post(CHAT, json=body(route))
    error = refused(answer, status, code)
    assert words in error["message"]
    assert "<" not in error["message"]


@pytest.fixture(scope="module")
def impatient(all_gateways: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy that waits 0.2 s for an answer, with a provider that is not there."""
    timeout = {"timeout": {"connect": 5, "read": 0.2}}
    names = [name.replace(".", "-") for name in all_gateways.doubles]
    dead = {"translator": "openai", "api_key": "none", "base_url": "http://127.0.0.1:9/v1"}
    providers = dict.fromkeys(names, timeout) | {"dead": dead}
    config = config_for(all_gateways, providers=providers)
    with proxy_in_thread(tmp_path_factory.mktemp("proxy"), config) as made:
        yield made


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("route", ["gpt-4o-mini", "chat-openai", "chat-onysoft"])
def test_silence_is_a_timeout(
    impatient: Proxy, gateways: Sandbox, route: str, stream: bool
) -> None:
    gateways[ROWS[route]].fault("chat", hang=True)
    with impatient.http() as client:
        answer = client.post(CHAT, json=body(route, stream=stream))
    refused(answer, 504, "provider_timeout")
    assert answer.headers["x-should-retry"] == "false"


def test_silence_within_a_stream_is_an_error_event(impatient: Proxy, gateways: Sandbox) -> None:
    gateways["openai"].fault("chat", stall_after=2)
    with impatient.http() as client:
        answer = client.post(CHAT, json=body("chat-openai", stream=True))
    assert answer.status_code == 200
    assert '"code":"provider_timeout"' in answer.text
    assert "[DONE]" not in answer.text


@pytest.mark.parametrize("stream", [False, True])
def test_a_gateway_that_is_not_there_is_unreachable(impatient: Proxy, stream: bool) -> None:
    with impatient.http() as client:
        answer = client.post(CHAT, json=body("dead/x", stream=stream))
    error = refused(answer, 502, "provider_unreachable")
    assert "x-should-retry" not in answer.headers
    assert "dead" in error["message"]


def test_errors_name_the_request_and_the_provider(shared: Proxy, gateways: Sandbox) -> None:
    gateways["openai"].fault("chat", status=500)
    with shared.http() as client:
        first: httpx.Response = client.post(CHAT, json=body("chat-openai"))
        second = client.post(CHAT, json=body("chat-openai"))
    assert first.headers["x-anygate-provider"] == "openai"
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize(("seconds", "told"), [(0.2, "1"), (2.4, "3"), (1e300, "86400")])
def test_when_to_come_back_is_never_too_early_nor_in_a_year(seconds: float, told: str) -> None:
    fault = Fault(FaultKind.RATE, "busy", retry_after=seconds)
    assert from_fault(fault).headers["retry-after"] == told
    assert from_down(Throttled("p", seconds)).headers["retry-after"] == told
