"""GETs that are made without parsing a URL each: the same on the wire as httpx would have them."""

from urllib.parse import quote

import httpx
import pytest

from proxy.accounts import Account
from proxy.config import parse
from proxy.gets import get, headers_of
from proxy.messages import Post, head_of, place_of
from translators import TRANSLATORS

BASES = ("http://127.0.0.1:8000", "https://gateway.example/v1", "http://h.example:81/a%20b/v1")
PLAIN = ("/video/status/vid_1", "/r/Aa0_-~.x", "/a/b/c")
# What httpx writes in another way than it stands there is left to httpx.
ODD = (
    "/r/..",
    "/r/../../keys",
    "/r/a%2Fb",
    "/r/%2e%2e",
    "/r/a b",
    "/r?x=1&y=2",
    "/r//x",
    "/r/ü",
    "/",
)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("path", PLAIN + ODD)
def test_as_httpx_has_it(base: str, path: str) -> None:
    text = f"providers: {{a: {{translator: onysoft, api_key: sk-secret, base_url: '{base}'}}}}"
    config = parse(text, "c.yaml", {}, TRANSLATORS).providers["a"]
    one = Account("a", config, TRANSLATORS["onysoft"])
    for _ in range(2):
        made = get(one, path)
        headers = httpx.Headers(headers_of(one, "application/json"))
        known = httpx.Request("GET", base + path, headers=headers)
        assert isinstance(made, Post) == (path in PLAIN)
        if isinstance(made, Post):
            assert made.place == place_of(known.url)
            assert made.head == head_of("GET", known.url, headers.raw)
        assert (made.method, made.url) == ("GET", known.url)
        assert head_of("GET", made.url, made.headers.raw) == head_of(
            "GET", known.url, known.headers.raw
        )


@pytest.mark.parametrize("task_id", ["vid_1", "a/b", "..", "a b", "{id}", "x?y=1", "ü"])
def test_a_task_is_one_segment_of_the_path_whatever_its_id(task_id: str) -> None:
    text = f"providers: {{a: {{translator: onysoft, api_key: sk-secret, base_url: '{BASES[0]}'}}}}"
    config = parse(text, "c.yaml", {}, TRANSLATORS).providers["a"]
    made = get(Account("a", config, TRANSLATORS["onysoft"]), "/r/{id}", task_id)
    known = httpx.Request("GET", f"{BASES[0]}/r/{quote(task_id, safe='')}")
    assert isinstance(made, Post) == (task_id == "vid_1")
    assert made.url == known.url and made.url.raw_path == known.url.raw_path
