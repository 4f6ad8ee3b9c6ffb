"""Tokens of a request that a key's `tpm` counts: guessed before it, and what they were after it.

A token is reckoned for four characters of text, wherever a gateway tells no better. Pictures and sounds
that a request carries count nothing until their gateway tells what they came to.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeGuard

import orjson
from starlette.types import Message

from proxy.tally import Tally
from translators.core import Params

_CHARACTERS = 4  # a token
_TEXTS = ("messages", "input", "prompt", "instructions", "tools")
_MOST = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_NO_TEXT = frozenset({"data", "file_data", "image_url", "url", "file_id"})
_WRITTEN = re.compile(
    rb'"(?:content|reasoning_content|refusal|arguments|text)"\s*:\s*"((?:[^"\\]|\\.)*)"'
)


class Taken:
    """What a request has taken of its client's minute: `tokens`, under the slot `at`; `prompt`: how many
    of them for what it says itself."""

    __slots__ = ("_reads", "_status", "_written", "at", "prompt", "tokens")

    def __init__(self, prompt: int, tokens: int, at: float) -> None:
        self.prompt = prompt
        self.tokens = tokens
        self.at = at
        self._status = 0
        self._reads = False
        self._written = 0

    def see(self, message: Message) -> None:
        """A part of its answer."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            kind = dict(message.get("headers", ())).get(b"content-type", b"")
            self._reads = b"json" in kind or b"event-stream" in kind
        elif self._reads:
            self._written += sum(map(_length, _WRITTEN.findall(message.get("body", b""))))

    def used(self, tally: Tally | None) -> int:
        """Tokens that it came to: as its gateway tells, else as they are guessed; none for an error."""
        if self._status >= 400:
            return 0
        told = 0 if tally is None else tally.prompt_tokens + tally.completion_tokens
        return told or self.prompt + _of(self._written)


def guessed(params: Params) -> tuple[int, int]:
    """Tokens of what a request says (one at the least), and those that it allows its answer to have."""
    said = sum(_characters(params[name]) for name in _TEXTS if name in params)
    limits = (params[name] for name in _MOST if name in params)
    most = next((one for one in limits if _is_count(one)), 0)
    choices = params.get("n")
    return max(1, _of(said)), most * (choices if _is_count(choices) else 1)


def _characters(value: Any) -> int:
    """Of all text within; a number stands for a token. Not recursive: clients decide how deep it is."""
    found, left = 0, [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            found += 0 if one.startswith("data:") else len(one)
        elif isinstance(one, Mapping):
            left.extend(part for name, part in one.items() if name not in _NO_TEXT)
        elif isinstance(one, list | tuple):
            left.extend(one)
        elif one is not None:
            found += _CHARACTERS
    return found


def _length(text: bytes) -> int:
    """Characters of a text as it stands in JSON: in most languages one takes several bytes, or an escape."""
    if text.isascii() and b"\\" not in text:
        return len(text)
    try:
        return len(orjson.loads(b'"%b"' % text))
    except orjson.JSONDecodeError:
        return len(text)


def _of(characters: int) -> int:
    return -(-characters // _CHARACTERS)


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
