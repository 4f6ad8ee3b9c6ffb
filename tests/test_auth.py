"""The gate alone: keys by digest, and which Hosts and Origins are this proxy's own."""

from hashlib import sha256
from typing import Any

import pytest

from proxy.auth import Client, Gate
from proxy.config import parse
from proxy.errors import ApiError
from translators import TRANSLATORS

PROVIDER = "providers: {here: {translator: openai, api_key: none, base_url: 'http://x/v1'}}\n"
PUBLIC = "server: {host: 0.0.0.0, allow_anonymous: true, public_url: 'https://ai.example.com'}\n"
BEHIND = "server: {public_url: 'https://ai.example.com'}\n"
KEYS = "keys: [{name: web, key: sk-one-two-three, models: ['gpt-*']}]\n"


def gate(text: str = "") -> Gate:
    return Gate(parse(PROVIDER + text, "config.yaml", {}, TRANSLATORS))


def raw(headers: dict[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): value.encode() for name, value in headers.items()}


def admitted(config: str, **headers: str) -> bool:
    try:
        gate(config).check_page(raw(headers))
    except ApiError as exc:
        assert (exc.status, exc.code) == (403, "foreign_origin")
        return False
    return True


@pytest.mark.parametrize(
    ("config", "headers", "expected"),
    [
        ("", {"host": "127.0.0.1:8080"}, True),
        ("", {"host": "ai.example.com"}, False),
        ("", {"host": "127.0.0.1", "origin": "http://127.0.0.1:3000"}, True),
        ("", {"host": "127.0.0.1", "origin": "http://[broken"}, False),
        ("", {"host": "[broken"}, False),
        ("", {}, False),
        (BEHIND, {"host": "ai.example.com"}, True),
        (BEHIND, {"host": "AI.EXAMPLE.COM:443", "origin": "https://ai.example.com"}, True),
        (BEHIND, {"host": "127.0.0.1:8080", "origin": "https://ai.example.com"}, True),
        (BEHIND, {"host": "ai.example.com", "origin": "https://example.com"}, False),
        (PUBLIC, {"host": "10.0.0.7"}, True),
        (PUBLIC, {}, True),
        (PUBLIC, {"host": "10.0.0.7", "origin": "http://10.0.0.7"}, True),
        (PUBLIC, {"host": "10.0.0.7", "origin": "https://ai.example.com"}, True),
        (PUBLIC, {"host": "10.0.0.7", "origin": "https://evil.example"}, False),
        (PUBLIC, {"host": "10.0.0.7", "origin": "null"}, False),
        (PUBLIC, {"origin": "null"}, False),
        (KEYS, {"host": "anything", "origin": "https://app.example"}, True),
    ],
)
def test_pages_are_told_by_host_and_origin(
    config: str, headers: dict[str, str], expected: bool
) -> None:
    assert admitted(config, **headers) == expected


def test_keys_are_found_by_their_digest() -> None:
    headers = raw({"authorization": "Bearer sk-one-two-three"})
    assert gate(KEYS).client(headers) == Client("web", ("gpt-*",))
    digest = sha256(b"sk-one-two-three").hexdigest()
    hashed = f"keys: [{{name: web, key: 'sha256:{digest}'}}]\n"
    assert gate(hashed).client(headers) == Client("web")
    assert gate().client({}) == Client("")


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Basic x", "Bearer sk-one-two-thre"])
def test_other_keys_are_not(given: str) -> None:
    with pytest.raises(ApiError) as caught:
        gate(KEYS).client(raw({"authorization": given}))
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
    assert "sk-one" not in caught.value.message


@pytest.mark.parametrize(
    ("globs", "model", "expected"),
    [
        (None, "anything", True),
        (("gpt-*",), "gpt-4o", True),
        (("gpt-*",), "openai/gpt-4o", False),
        (("*/gpt-*",), "openai/gpt-4o", True),
        (("gpt-*",), "GPT-4o", False),
        (("sora-?",), "sora-2", True),
        (("[gs]*",), "sora", True),
        (("a.b",), "axb", False),
        (("gpt-4o",), "gpt-4o\n", False),
    ],
)
def test_models_are_allowed_by_globs(globs: Any, model: str, expected: bool) -> None:
    assert Client("x", globs).may_use(model) == expected
