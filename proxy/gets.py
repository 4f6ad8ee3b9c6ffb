"""Requests by which tasks are asked after: what those to one gateway have in common is made once.

httpx parses a URL and copies the headers for each, which is a third of what a poll costs.
"""

import re
from functools import cached_property
from urllib.parse import quote

import httpx

from proxy.accounts import Account
from proxy.messages import Body, Post, Prepared
from proxy.wire import AGENT

_GETS = ("", "application/json")  # where an account keeps what its GETs have in common
_NOTHING = Body(b"")
_END = b"/ HTTP/1.1\r\n"
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


def get(account: Account, path: str, task_id: str = "") -> httpx.Request:
    """A GET of a path below the gateway's base URL; `task_id` takes the place of `{id}` in it."""
    common = account.prepared.get(_GETS)
    if common is None:
        common = account.prepared[_GETS] = _Common(account)
    assert isinstance(common, _Common)
    filled = path.replace("{id}", task_id) if task_id else path
    if common.before is None or "/" in task_id or not _PLAIN.fullmatch(filled):
        filled = path.replace("{id}", quote(task_id, safe=""))
        return httpx.Request("GET", _below(common.url, filled), headers=common.headers)
    return _Get(common, filled, common.before + filled.encode("ascii") + common.after)


class _Common(Prepared):
    """What stands before and after the path in the first lines of all GETs. None: httpx is to make them."""

    __slots__ = ("after", "before")

    def __init__(self, account: Account) -> None:
        super().__init__(f"{account.base_url}/", headers_of(account, _GETS[1]))
        base, end, rest = self.head.removeprefix(b"POST ").partition(_END)
        self.before = b"GET " + base if end and b"\r" not in base else None
        self.after = _END[1:] + rest


class _Get(Post):
    """A prepared request without a body, whose URL is parsed when somebody looks at it."""

    def __init__(self, common: Prepared, path: str, head: bytes) -> None:
        self.method = "GET"
        self.headers = common.headers
        self.extensions = {}
        self.stream = _NOTHING
        self.place = common.place
        self.head = head
        self._parts = common.url, path

    @cached_property
    def url(self) -> httpx.URL:  # type: ignore[override]
        return httpx.URL(_below(*self._parts))


def _below(url: httpx.URL, path: str) -> str:
    return str(url).removesuffix("/") + path
