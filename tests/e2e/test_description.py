"""/openapi.json is true: what it says is asked for is answered, and as it says, with and without keys."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from proxy.description import description
from proxy.sandbox import Sandbox
from tests.described import ASKED, KEY, Operation, check, finished_video
from tests.harness import Proxy, config_for, proxy_in_thread

METHODS = ("get", "post", "put", "patch", "delete")
PATHS: dict[str, dict[str, Any]] = description(keys=True)["paths"]
OPERATIONS = [(method, path) for path, methods in PATHS.items() for method in methods]
# POST there is another path's, /v1/jobs/{kind}: a kind that does not exist is not found.
NO_KIND = ("post", "/v1/jobs/{id}")


@pytest.fixture(scope="module")
def guarded(all_gateways: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy with a client key."""
    config = config_for(all_gateways, keys=[{"name": "web", "key": KEY, "rpm": 10_000}])
    with proxy_in_thread(tmp_path_factory.mktemp("described"), config, KEY) as running:
        yield running


@pytest.fixture(scope="module")
def client(guarded: Proxy) -> Iterator[httpx.Client]:
    with guarded.http() as made:
        yield made


@pytest.fixture
def http(client: httpx.Client, gateways: Sandbox) -> httpx.Client:
    """A client with a key."""
    return client


@pytest.fixture(scope="module")
def keyless(running_proxy: Proxy) -> Iterator[httpx.Client]:
    """A client of a proxy that has no keys."""
    with running_proxy.http() as made:
        yield made


def published(proxy: Proxy) -> str:
    """The name of a file under /media."""
    assert proxy.service is not None
    media = proxy.service.media

    async def save() -> str:
        name = await media.save(b"0123456789", "image/png", upload=True)
        await media.publish(name)
        return name

    return asyncio.run(save())


def filled(path: str, proxy: Proxy) -> str:
    """The path of something that is there."""
    if path == "/media/{name}":
        return f"/media/{published(proxy)}"
    if path.startswith("/v1/models/"):
        return "/v1/models/flux"
    path = path.replace("{name}", "ai-gate-one").replace("{secret}", "none")
    return path.replace("{id}", finished_video(proxy)) if "{id}" in path else path


def placed(value: Any, job: str) -> Any:
    if isinstance(value, dict):
        return {name: placed(one, job) for name, one in value.items()}
    return job if value == "{id}" else value


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_are_as_described(
    http: httpx.Client, guarded: Proxy, method: str, path: str
) -> None:
    for asked in ASKED[method, path]:
        job = finished_video(guarded) if "{id}" in str(asked) else ""
        answer = http.request(method, filled(path, guarded), **placed(asked, job))
        assert answer.status_code in (200, 204, 206), answer.text
        assert ("range" in asked.get("headers", ())) == (answer.status_code == 206)
        check((method, path), answer)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_key_where_the_description_wants_one(
    http: httpx.Client, keyless: httpx.Client, method: str, path: str
) -> None:
    """Without one, with a wrong one, and at a proxy that has none; a path's parameters do not matter."""
    place = re.sub(r"\{\w+\}", "nothing", path)
    wanted = PATHS[path][method]["security"] == [{"client": []}]
    assert not description(keys=False)["paths"][path][method]["security"] or path == "/metrics"
    for key in ("", "Bearer", f"Bearer {KEY}x", f"Basic {KEY}"):
        answer = http.request(method, place, headers={"authorization": key})
        assert (answer.status_code == 401) == wanted, answer.text
        check((method, path), answer)
    assert keyless.request(method, place, headers={"authorization": ""}).status_code != 401


def test_a_strange_page_gets_no_description(keyless: httpx.Client) -> None:
    answer = keyless.get("/openapi.json", headers={"origin": "https://evil.example"})
    assert answer.status_code == 403


def test_what_is_served(http: httpx.Client, keyless: httpx.Client) -> None:
    for client, keys in ((http, True), (keyless, False)):
        answer = client.get("/openapi.json", headers={"authorization": ""})
        assert answer.json() == description(keys=keys)


@pytest.mark.parametrize("path", PATHS)
def test_no_other_methods(http: httpx.Client, path: str) -> None:
    place = re.sub(r"\{\w+\}", "nothing", path)
    fitting = [one for one in PATHS if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one), place)]
    offered = {method for one in fitting for method in PATHS[one]}
    for method in set(METHODS) - offered:
        if (method, path) == NO_KIND:
            continue
        answer = http.request(method, place)
        assert answer.status_code == 405, answer.text
        allowed = {one.strip().lower() for one in answer.headers["allow"].split(",")}
        assert offered <= allowed
        assert allowed - offered <= ({"head", "post"} if path == NO_KIND[1] else {"head"})
        assert answer.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("operation", "asked", "status"),
    [
        (("get", "/v1/videos"), {"params": {"limit": 101}}, 400),
        (("get", "/v1/videos/{id}"), {}, 404),
        (("get", "/v1/models/{id}"), {}, 404),
        (("post", "/v1/videos"), {"json": {"prompt": "A", "model": "nobody"}}, 404),
        (("post", "/v1/embeddings"), {"json": {"model": "flux", "input": "A"}}, 400),
    ],
)
def test_errors_are_as_described(
    http: httpx.Client, operation: Operation, asked: dict[str, Any], status: int
) -> None:
    answer = http.request(operation[0], re.sub(r"\{\w+\}", "nothing", operation[1]), **asked)
    assert answer.status_code == status, answer.text
    check(operation, answer)
