"""What one key has made is nobody else's, on every route; and no route is open that is not meant to be."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from proxy.routes import ROUTES
from proxy.sandbox import Sandbox
from proxy.store.ids import new_id
from tests.chatting import refused
from tests.harness import Proxy, config_for, proxy_in_thread
from tests.wire import CLIP, ended, posted

KEYS = {name: f"sk-{name}-123456" for name in ("owner", "other")}
# What needs no key, and why.
OPEN = {
    "/callbacks/{id}/{secret}",  # gateways call it: the secret is the key
    "/media/{name}",  # gateways fetch uploads: the name is the key
    "/healthz",
    "/readyz",
    "/metrics",  # server.metrics_key
    "/openapi.json",
}


@pytest.fixture(scope="module")
def two(all_gateways: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    keys = [{"name": name, "key": key} for name, key in KEYS.items()]
    config = config_for(all_gateways, keys=keys, server={"metrics_key": "sk-metrics-123456"})
    with proxy_in_thread(tmp_path_factory.mktemp("proxy"), config, key=KEYS["owner"]) as made:
        yield made


@pytest.fixture
def proxy(two: Proxy, gateways: Sandbox) -> Proxy:
    return two


@pytest.fixture
def owner(proxy: Proxy) -> Iterator[httpx.Client]:
    with proxy.http() as http:
        yield http


@pytest.fixture
def other(proxy: Proxy) -> Iterator[httpx.Client]:
    with proxy.http(headers={"authorization": f"Bearer {KEYS['other']}"}) as http:
        yield http


@pytest.fixture
def video(owner: httpx.Client) -> str:
    """A finished one."""
    made = posted(owner, "/v1/videos", model="sora-2", prompt="A cat").json()["id"]
    assert ended(owner, made)["status"] == "completed"
    return str(made)


MORE = {"prompt": "A dog", "model": "onysoft/runway_aleph"}
# Method and path of each route that is given a job's id → the body that goes along.
BY_PATH: dict[tuple[str, str], Any] = {
    ("GET", "/v1/videos/{id}"): None,
    ("GET", "/v1/videos/{id}/content"): None,
    ("POST", "/v1/videos/{id}/remix"): MORE,
    ("GET", "/v1/jobs/{id}"): None,
    ("GET", "/v1/jobs/{id}/content"): None,
    ("DELETE", "/v1/videos/{id}"): None,
    ("DELETE", "/v1/jobs/{id}"): None,
}
# … and of those that are given it in the body.
BY_BODY = ("/v1/videos/edits", "/v1/videos/extensions", "/v1/jobs/video")


def routes(prefix: str) -> Iterator[tuple[str, str]]:
    for route in ROUTES:
        assert isinstance(route, Route)
        for method in sorted((route.methods or set()) - {"HEAD"}):
            if route.path.startswith(prefix):
                yield method, route.path


def test_the_table_has_every_route_that_takes_an_id() -> None:
    assert {one for one in routes("/v1/") if "{id}" in one[1]} == set(BY_PATH)


@pytest.mark.parametrize(("method", "path"), BY_PATH)
def test_a_path_with_anothers_id(
    owner: httpx.Client, other: httpx.Client, gateways: Sandbox, video: str, method: str, path: str
) -> None:
    """404, as for an id that nobody has; the owner is answered, so that it is the key that counts."""
    body, target = BY_PATH[method, path], path.replace("{id}", video)
    files = len(gateways["onysoft"].seen("file"))
    unknown = path.replace("{id}", new_id("video"))
    answers = [other.request(method, one, json=body) for one in (target, unknown)]
    said = [refused(one, 404, "not_found", "id")["message"] for one in answers]
    assert said[0].replace(video, "") == said[1].replace(unknown.split("/")[3], "")
    assert len(gateways["onysoft"].submits) == 1
    assert len(gateways["onysoft"].seen("file")) == files
    assert owner.get(f"/v1/videos/{video}").json()["status"] == "completed"
    assert owner.request(method, target, json=body).status_code == 200


@pytest.mark.parametrize("path", BY_BODY)
@pytest.mark.parametrize("shape", ["object", "string", "form"])
def test_a_body_with_anothers_id(
    owner: httpx.Client, other: httpx.Client, gateways: Sandbox, video: str, path: str, shape: str
) -> None:
    def asked(client: httpx.Client) -> httpx.Response:
        if shape == "form":
            fields = {**MORE, "video[id]": video}
            return client.post(path, files={name: (None, one) for name, one in fields.items()})
        return client.post(
            path, json={**MORE, "video": video if shape == "string" else {"id": video}}
        )

    answer = asked(other)
    assert answer.status_code in (400, 404), answer.text
    assert len(gateways["onysoft"].submits) == 1
    if path == "/v1/videos/edits":  # where the owner would be answered
        refused(answer, 404, "not_found", "video")
        assert asked(owner).status_code == 200


@pytest.mark.parametrize("path", ["/v1/videos", "/v1/jobs"])
def test_lists(owner: httpx.Client, other: httpx.Client, video: str, path: str) -> None:
    assert video in owner.get(path).text
    assert video not in other.get(path).text
    assert video not in other.get(path, params={"after": video, "order": "asc"}).text
    assert other.get("/v1/usage").json()["data"] == [] or video not in other.get("/v1/usage").text


def test_a_repetition_joins_only_ones_own_job(owner: httpx.Client, other: httpx.Client) -> None:
    asked = {"model": "sora-2", "prompt": "A bird"}
    for headers in ({"idempotency-key": "same"}, {"x-stainless-retry-count": "1"}):
        ids = {
            client.post("/v1/jobs/video", json=asked, headers=headers).json()["id"]
            for client in (owner, other)
        }
        assert len(ids) == 2


def test_an_upload_is_found_by_its_name_alone(
    owner: httpx.Client, other: httpx.Client, proxy: Proxy
) -> None:
    """What lies in the media folder is served only while a gateway is to fetch it, kept results never."""
    files = {"video": ("clip.mp4", CLIP, "video/mp4"), "prompt": (None, "Snow")}
    owner.post("/v1/videos/edits", files=files, data={"model": "openai/sora-2"})
    names = [path.name for path in (proxy.folder / "media").rglob("*") if path.is_file()]
    for name in [*names, "", ".", "..", "public", "..%2fconfig.yaml", "%2e%2e/jobs.db"]:
        for client in (owner, other):
            assert client.get(f"/media/{name}").status_code == 404, name


def test_ids_cannot_be_guessed() -> None:
    """Made in the same microsecond they differ in 24 hexadecimal digits: 96 bits."""
    made = [new_id("video", 0.0) for _ in range(2000)]
    assert len(set(made)) == len(made)
    assert {len(one) for one in made} == {len("video_") + 35}
    for place in range(len("video_") + 11, len("video_") + 35):
        assert len({one[place] for one in made}) == 16


def test_every_route_wants_a_key_unless_it_is_meant_to_be_open(
    proxy: Proxy, gateways: Sandbox
) -> None:
    with httpx.Client(base_url=proxy.url, trust_env=False) as nobody:
        for method, path in sorted(set(routes("/"))):
            target = re.sub(r"\{[^}]*\}", "video", path)
            answer = nobody.request(method, target, json={} if method == "POST" else None)
            closed = path not in OPEN or path == "/metrics"
            assert (answer.status_code == 401) == closed, (method, path, answer.text)
    assert not any(double.submits for double in gateways.doubles.values())


def test_metrics_want_their_own_key(proxy: Proxy, owner: httpx.Client) -> None:
    refused(owner.get("/metrics"), 401, "invalid_api_key")
    with proxy.http(headers={"authorization": "Bearer sk-metrics-123456"}) as scraper:
        assert "anygate_requests_total" in scraper.get("/metrics").text
        refused(scraper.get("/v1/models"), 401, "invalid_api_key")
