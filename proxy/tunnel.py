"""Which proxy of the environment is asked, what it wants to hear, and how it says that a tunnel is open."""

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import proxy_bypass

import httpx

from proxy.addresses import authority, is_loopback
from proxy.messages import Place


class Tunnel(asyncio.Protocol):
    """A proxy's answer to CONNECT: `answer` is its head, as soon as it is there."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._said = b""

    def data_received(self, data: bytes) -> None:
        self._said += data
        if b"\r\n\r\n" in self._said and not self.answer.done():
            self.answer.set_result(self._said)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc or ConnectionResetError("the proxy closed the tunnel"))


def proxy_to(place: Place, proxies: Mapping[str, str]) -> SplitResult | None:
    """The proxy on the way there. Raises UnsupportedProtocol where it speaks no HTTP.

    What it has as its own machine is not ours: nobody's is asked for that.
    """
    url = proxies.get(place[0]) or proxies.get("all")
    if not url or is_loopback(place[1]) or proxy_bypass(authority(*place[1:])):
        return None
    found = urlsplit(url if "://" in url else f"http://{url}")
    if found.scheme not in ("http", "https"):
        raise httpx.UnsupportedProtocol(f"a proxy by {found.scheme} is not spoken to")
    return found


def asking(proxy: SplitResult, place: Place) -> bytes:
    """What opens a tunnel to a place."""
    target = authority(*place[1:]).encode("idna")
    lines = [b"CONNECT %s HTTP/1.1" % target, b"host: %s" % target]
    lines += [b"%s: %s" % one for one in credentials(proxy)]
    return b"\r\n".join([*lines, b"", b""])


def credentials(proxy: SplitResult) -> list[tuple[bytes, bytes]]:
    """The header that says who we are to the proxy, where its URL does."""
    if proxy.username is None:
        return []
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return [(b"proxy-authorization", b"Basic " + b64encode(pair.encode()))]
