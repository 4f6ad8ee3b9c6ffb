"""Files by the links that gateways give: fetched within limits, their failures told apart."""

import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx

from proxy.accounts import Account
from proxy.driver import Driver
from proxy.errors import INVALID, ApiError, gateway_error
from proxy.ranges import length_of, peek, unsatisfiable, whole
from proxy.sniff import HEAD, received, sniff

_NEVER: Final = float("inf")


_NOWHERE: Final = re.compile(r"bytes \*/[0-9]{1,18}")


@asynccontextmanager
async def download(
    driver: Driver, asset: Mapping[str, Any], account: Account | None, limit: int
) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
    """The type and the bytes of an asset's link."""
    upstream = await fetched(driver, asset, account)
    try:
        size = length_of(upstream)
        if size is not None and size > limit:
            raise too_large(limit)
        head, body = await peek(whole(upstream, size), HEAD)
        said = upstream.headers.get("content-type")
        yield sniff(head) or received(said, head, asset.get("mime")), within(body, limit)
    finally:
        await upstream.aclose()


async def fetched(
    driver: Driver,
    asset: Mapping[str, Any],
    account: Account | None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """The 200 of an asset's link, or the 206 where `headers` ask for a range."""
    if not asset.get("url"):
        raise gone()
    account = account if asset.get("auth") else None
    upstream = await driver.fetch(asset["url"], account=account, headers=headers)
    status = upstream.status_code
    if status == 200 or (status == 206 and headers):
        return upstream
    await upstream.aclose()
    late = time.time() > (asset.get("expires") or _NEVER)
    # Where the link's time is up, a 400 says no more than that either.
    if status in (403, 404, 410) or (status == 400 and late):
        raise gone()
    if status == 416:
        said = upstream.headers.get("content-range", "")
        raise unsatisfiable(said if _NOWHERE.fullmatch(said) else None)
    if status == 401:
        raise gateway_error("The gateway refused the key for this file.", "provider_auth_failed")
    retry = status >= 500 or status in (408, 425, 429)
    raise gateway_error(f"The file's server answered with status {status}.", retry=retry)


async def within(stream: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    length = 0
    async for chunk in stream:
        length += len(chunk)
        if length > limit:
            raise too_large(limit)
        yield chunk


def gone() -> ApiError:
    return ApiError(410, INVALID, "content_expired", "The result's link has expired.")


def too_large(limit: int) -> ApiError:
    return gateway_error(f"The result is larger than {limit} bytes.")
