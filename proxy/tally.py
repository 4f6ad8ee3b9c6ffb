"""What a request that passes through has used, as far as the gateway's answer says it."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from proxy.errors import Lost, Throttled
from proxy.pricing import ordered_price
from proxy.routing import Candidate
from proxy.store.money import believable

_MOST = 10**12  # tokens that an answer may tell of: more would not fit in a table for long
_SPAN = 1000  # bytes after its name in which a usage object tells its tokens
_PROMPT = re.compile(rb'"(?:prompt|input)_tokens"\s*:\s*([0-9]{1,15})\b')
_COMPLETION = re.compile(rb'"(?:completion|output)_tokens"\s*:\s*([0-9]{1,15})\b')
_NUMBER = re.compile(rb"\s*:\s*([0-9]{1,15}(?:\.[0-9]{1,15})?)\b")


@dataclass(slots=True)
class Tally:
    """`price`: USD that were known beforehand; `reserved`: USD that the client's budget holds for it, under
    the slot `reserved_at`; `asked`: a gateway has been, in vain or not; `failed`: instead of an answer, or in
    its midst, came an error; `request`: what the target is sent; `doubtful`: USD for targets that were sent it
    and of whose answer nobody knows."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    price: float | None = None
    reserved: float = 0.0
    reserved_at: float | None = None
    asked: bool = False
    failed: bool = False
    request: httpx.Request | None = None
    doubtful: float = 0.0
    _credits: float | None = None
    _credits_name: str | None = None
    _usd_per_credit: float | None = None

    @property
    def cost(self) -> float | None:
        """USD: the credits that the gateway says it took, else the price; and what is doubtful."""
        usd = self.price
        if self._credits is not None and self._usd_per_credit is not None:
            told = self._credits * self._usd_per_credit
            usd = told if believable(told) else usd
        return (usd or 0.0) + self.doubtful if self.doubtful else usd

    def hold(self, usd: float, at: float) -> None:
        """The budget holds so much more, under this slot."""
        self.reserved_at = at if self.reserved_at is None else self.reserved_at
        self.reserved += usd

    def answered_by(self, candidate: Candidate) -> None:
        """This target has begun to answer: from now on it costs what it costs there."""
        self.asked = True
        self.price = ordered_price(candidate)
        self._usd_per_credit = candidate.account.usd_per_credit

    def asking(self, candidate: Candidate) -> None:
        """This target is asked now."""
        self._credits_name = candidate.plan.operation.credits
        self._credits = None
        self.request = None

    def broken_off(self, candidate: Candidate, exc: BaseException) -> None:
        """This target has not answered. Where it may have done its work all the same, as after a cut or when
        the client has left, its known price is spent: as a job's is that is in doubt."""
        sent = self.request is not None and self.request.extensions.get("sent")
        if sent and isinstance(exc, Lost | asyncio.CancelledError):
            self.doubtful += ordered_price(candidate) or 0.0
        if sent or not isinstance(exc, Throttled | asyncio.CancelledError):
            self.asked = True

    def read(self, raw: bytes) -> None:
        """Look into an answer, or an event, for its usage; it is not parsed for that."""
        at = raw.rfind(b'"usage"')
        if at >= 0:
            if found := _PROMPT.search(raw, at, at + _SPAN):
                self.prompt_tokens = _whole(int(found[1]), self.prompt_tokens)
            if found := _COMPLETION.search(raw, at, at + _SPAN):
                self.completion_tokens = _whole(int(found[1]), self.completion_tokens)
        if self._credits_name is not None:
            name = f'"{self._credits_name}"'.encode()
            at = raw.rfind(name)
            if at >= 0 and (found := _NUMBER.match(raw, at + len(name))):
                self._credits = float(found[1])

    def note(self, chunk: Mapping[str, Any]) -> None:
        """A chunk of a stream that has been parsed anyway, and that tells usage."""
        usage = chunk.get("usage")
        if isinstance(usage, Mapping):
            self.prompt_tokens = _whole(usage.get("prompt_tokens"), self.prompt_tokens)
            self.completion_tokens = _whole(usage.get("completion_tokens"), self.completion_tokens)
        credits = chunk.get(self._credits_name or "")
        if isinstance(credits, int | float) and 0 <= credits <= _MOST:
            self._credits = float(credits)


def _whole(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and 0 <= value <= _MOST else otherwise
