"""Chunks of a stream that differ in nothing but their words: what was looked at once need not be parsed again."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

_TRIES = 4  # chunks of a stream that are learned from: where each brings something new, none is like another
_PLAIN = re.compile(rb"[^\"\\\x00-\x1f\x7f-\xff]*").fullmatch  # within a JSON string, as it is


class Likeness:
    """What stands before and after the words of a chunk that needed no mending.

    `length`: characters of the words of the chunks that were like it.
    """

    __slots__ = ("_after", "_before", "_tries", "length")

    def __init__(self) -> None:
        self._before = self._after = b""
        self._tries = 0
        self.length = 0

    def fits(self, data: bytes) -> bool:
        """Whether a chunk's JSON is that of the one before with other words, and nothing else about it new."""
        before, after = self._before, self._after
        if not before or not data.startswith(before) or not data.endswith(after):
            return False
        words = len(data) - len(before) - len(after)
        if words < 0 or not _PLAIN(data, len(before), len(before) + words):
            return False
        self.length += words
        return True

    def learn(self, chunk: Mapping[str, Any], data: bytes) -> None:
        """Remember a chunk (CreateChatCompletionStreamResponse) that brings words and nothing more; `data` is
        its JSON."""
        if self._tries == _TRIES:
            return
        self._tries += 1
        self._before = b""
        choices = chunk["choices"]
        if chunk.get("usage") or len(choices) != 1 or choices[0]["finish_reason"]:
            return
        delta = choices[0]["delta"]
        words = delta.get("content")
        others = (value for name, value in delta.items() if name not in ("content", "role"))
        if not words or any(value is not None for value in others):
            return
        before, found, after = data.partition(b'"' + words.encode() + b'"')
        if not found or not _PLAIN(words.encode()):
            return
        # The words might stand elsewhere, too: only where they are the content do others change nothing else.
        try:
            other = orjson.loads(before + b'"?"' + after)
            there = other["choices"][0]["delta"]["content"]
        except (orjson.JSONDecodeError, KeyError):
            return
        if there == "?" != words:
            self._before, self._after = before + b'"', b'"' + after
