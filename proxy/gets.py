"""Requests by which tasks are asked after: what those to one gateway have in common is made once.

httpx parses a URL and copies the headers for each, which is a third of what a poll costs.
"""

import re
from functools import cached_property

import httpx

from proxy.accounts import Account
from proxy.messages import Body, Post, Prepared
from proxy.wire import AGENT

_GETS = ("", "application/json")  # where an account keeps what its GETs have in common
_NOTHING = Body(b"")
_END = b"/ HTTP/1.1"
# Of what may stand in a path, the part that httpx would send just so.
_PLAIN = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)+")


def headers_of(account: Account, accept: str) -> dict[str, str]:
    """What every request to a gateway says."""
    return {
        "accept": accept,
        "accept-encoding": "identity",
        "user-agent": AGENT,
        **account.row.auth(account.key),
    }


def get(account: Account, path: str) -> httpx.Request:
    """A GET of a path below the gateway's base URL."""
    common = account.prepared.get(_GETS)
    if common is None:
        headers = headers_of(account, _GETS[1])
        common = account.prepared[_GETS] = Prepared(f"{account.base_url}/", headers)
    line, _, rest = common.head.partition(b"\r\n")
    if not _PLAIN.fullmatch(path) or not line.endswith(_END):
        return httpx.Request("GET", _below(common.url, path), headers=common.headers)
    base = line.removeprefix(b"POST ").removesuffix(_END)
    return _Get(common, path, b"GET %s%s HTTP/1.1\r\n%s" % (base, path.encode("ascii"), rest))


class _Get(Post):
    """A prepared request without a body, whose URL is parsed when somebody looks at it."""

    def __init__(self, common: Prepared, path: str, head: bytes) -> None:
        self.method = "GET"
        self.headers = common.headers
        self.extensions = {}
        self.stream = _NOTHING
        self.prepared = _Asked(common, head)
        self._parts = common.url, path

    @cached_property
    def url(self) -> httpx.URL:  # type: ignore[override]
        return httpx.URL(_below(*self._parts))


class _Asked(Prepared):
    __slots__ = ()

    def __init__(self, common: Prepared, head: bytes) -> None:
        self.url, self.place, self.headers, self.head = (
            common.url,
            common.place,
            common.headers,
            head,
        )


def _below(url: httpx.URL, path: str) -> str:
    return str(url).removesuffix("/") + path
