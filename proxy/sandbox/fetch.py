"""The gateway as a client: of input URLs and callbacks, on loopback only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from .checks import Refusal

LOOPBACK = {"localhost", "127.0.0.1", "::1"}  # so that certificates prove nothing: verify=False


@dataclass(frozen=True, slots=True)
class Fetched:
    """An input that a request named. `status` is None where it was believed without a look."""

    url: str
    status: int | None = None
    content_type: str = ""
    data: bytes = b""


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    return urlsplit(url).hostname in LOOPBACK


async def fetch(url: str) -> Fetched:
    """Get an input; what cannot be had refuses the request. Nothing leaves the machine."""
    if not is_loopback(url):
        return Fetched(url)
    try:
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=10) as client:
            got = await client.get(url)
    except httpx.HTTPError as exc:
        raise Refusal(400, f"cannot fetch {url}: {exc}") from exc
    if got.status_code != 200 or not got.content:
        raise Refusal(400, f"cannot fetch {url}: HTTP {got.status_code}, {len(got.content)} bytes")
    return Fetched(url, got.status_code, got.headers.get("content-type", ""), got.content)


async def post(url: str, body: dict[str, Any]) -> int | None:
    """Post a callback; return the answer's status, None where there was none."""
    if not is_loopback(url):
        return None
    try:
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=10) as client:
            return (await client.post(url, json=body)).status_code
    except httpx.HTTPError:
        return None
