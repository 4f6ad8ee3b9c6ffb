"""Where a host name leads, and whether the proxy may go there."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx

# A name whose server does not answer holds its thread for many seconds, whoever gave it up meanwhile. The event
# loop has a few threads for all names, uvloop's two: strangers' names must not take them from the gateways'.
_STRANGERS = ThreadPoolExecutor(128, "strangers")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# All that is routed of IPv6; outside lie IPv4-compatible, site-local and translators' own addresses.
_GLOBAL6 = ipaddress.ip_network("2000::/3")


class NotPublic(httpx.ConnectError):
    """The address is not one that the proxy fetches from: private, loopback, link-local and the like."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, looking through IPv6's ways to write IPv4."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if inner:
            return is_public(str(inner))
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip not in _GLOBAL6:
            return False
    return ip.is_global and not ip.is_multicast


def authority(host: str, port: int) -> str:
    """Host and port as a URL has them: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether a host name, in lower case, is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def addresses(host: str, port: int) -> list[str]:
    """The addresses of a host that is trusted; raises OSError or UnicodeError."""
    loop = asyncio.get_running_loop()
    return _of(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))


async def public_addresses(host: str, port: int) -> list[str]:
    """The addresses of a host, all of them public; raises NotPublic, or ConnectError where there is none.

    The caller connects to these and to no others: a name cannot change its mind in between, and odd
    notations of an address ("127.1", "0x7f.1") are names that are resolved first.
    """
    look = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = await asyncio.get_running_loop().run_in_executor(_STRANGERS, look)
    except (OSError, UnicodeError) as exc:
        raise httpx.ConnectError(f"{host} cannot be resolved: {exc}") from exc
    every = _of(found)
    if not every or not all(map(is_public, every)):
        raise NotPublic(f"{host} is not a public address")
    return every


def _of(found: Iterable[tuple[Any, ...]]) -> list[str]:
    """Each address once, the best first."""
    return list(dict.fromkeys(str(one[4][0]) for one in found))
