"""Running doubles: ports, threads, restarts, other processes."""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest

import proxy.sandbox
from proxy.sandbox import GATEWAYS, Seen, in_thread, running, start
from proxy.sandbox.tasks import TaskFile

VIDEO = {"model": "veo3", "prompt": "a cat"}


async def test_all_doubles_on_ports_of_their_own():
    async with running() as sandbox:
        assert list(sandbox.base_urls) == list(GATEWAYS)
        assert len(set(sandbox.ports.values())) == 5
        assert sandbox.base_urls["apiin.one"].endswith("/api/v1")
        assert sandbox.keys["onysoft"] == "sandbox-key-onysoft"
        assert sandbox["onysoft"] is sandbox.doubles["onysoft"]


async def test_down_and_up(double):
    async with running("onysoft") as sandbox:
        url = sandbox.base_urls["onysoft"] + "/models"
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            assert (await client.get(url)).status_code == 401
            await sandbox.stop("onysoft")
            with pytest.raises(httpx.ConnectError):
                await client.get(url)
            await sandbox.up("onysoft")
            assert (await client.get(url)).status_code == 401


async def test_stopping_ends_what_hangs(double):
    api = await double("onysoft")
    async with running("onysoft", timing=0) as sandbox:
        sandbox["onysoft"].fault("models", hang=True)
        asking = asyncio.create_task(api.client.get(sandbox.base_urls["onysoft"] + "/models"))
        await sandbox["onysoft"].until(lambda d: d.log)
    with pytest.raises(httpx.HTTPError):
        await asking


def test_in_a_thread():
    with in_thread("onysoft", timing=0) as sandbox:
        double = sandbox["onysoft"]
        double.fault("submit", status=503)
        headers = {"authorization": f"Bearer {double.key}"}
        with httpx.Client(trust_env=False, verify=False, headers=headers) as client:
            url = double.base_url + "/video/generate"
            answers = [client.post(url, json=VIDEO).status_code for _ in range(2)]
        double.wait(lambda d: not d.active)
        assert answers == [503, 202]
        assert [seen.status for seen in double.submits] == answers


def test_a_thread_that_cannot_start():
    with pytest.raises(KeyError), in_thread("nobody"):
        pass


async def test_tasks_and_ports_survive(tmp_path, double):
    api = await double("onysoft")
    first = await start("onysoft", "apiin.one", state=tmp_path, timing=3600)
    port, key = first.ports["onysoft"], first.keys["onysoft"]
    headers = {"authorization": f"Bearer {key}"}
    body = VIDEO | {"image_url": "data:image/png;base64," + "A" * 4000}
    url = first.base_urls["onysoft"]
    made = await api.client.post(f"{url}/video/generate", json=body, headers=headers)
    task = made.json()["data"]["task_id"]
    await first.stop()
    with (tmp_path / "onysoft.jsonl").open("ab") as file:
        file.write(b'{"id": "cut sho')
    second = await start("onysoft", "apiin.one", state=tmp_path)
    assert second.ports["onysoft"] == port
    got = await api.client.get(f"{url}/video/status/{task}", headers=headers)
    assert got.json()["data"]["status"] == "pending"
    assert len(second["onysoft"].tasks[task].request["image_url"]) < 400
    second["onysoft"].finish(task)
    assert (await api.client.get(second["onysoft"].link(second["onysoft"].tasks[task]))).content
    await second.stop()


def test_old_tasks_are_dropped(tmp_path):
    double = GATEWAYS["onysoft"]()
    store = TaskFile(tmp_path / "tasks")
    assert list(store.load()) == []
    new, old = (double.task("video", ["mp4"], model="veo3") for _ in range(2))
    old.created -= 2 * 24 * 3600
    for task in (new, old, new):
        store.save(task)
    assert [task.id for task in store.load()] == [new.id]
    assert len(store.path.read_bytes().splitlines()) == 1


async def test_a_port_that_is_taken(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with running("onysoft", ports={"onysoft": port}) as sandbox:
            assert sandbox.ports["onysoft"] not in (0, port)
    (tmp_path / "ports.json").write_text("no json")
    async with running("onysoft", state=tmp_path) as sandbox:
        assert json.loads((tmp_path / "ports.json").read_bytes()) == sandbox.ports


async def test_control(double):
    api = await double("onysoft", timing=3600)
    origin = api.double.origin

    async def control(action: str, body: object = None) -> int:
        answer = await api.client.post(f"{origin}/_control/{action}", json=body)
        return answer.status_code

    rules = [{"on": "submit", "status": 503}, {"on": "models", "times": 2, "status": 500}]
    assert await control("fault", rules) == 204
    assert await control("fault", {"on": "list", "cut": "before", "path": "/video"}) == 204
    assert (await api.post("/video/generate", VIDEO)).status_code == 503
    assert await control("fail", {"message": "no"}) == 204
    assert (await api.post("/video/generate", VIDEO)).status_code == 202
    [task] = api.double.tasks
    log = (await api.client.get(f"{origin}/_control/log")).json()
    assert [seen["status"] for seen in log["log"]] == [503, 202]
    assert [one["state"] for one in log["tasks"]] == ["queued"]
    assert log["faults"] == 2
    assert await control("fail_task", {"task_id": task, "message": "bad"}) == 204
    assert api.double.tasks[task].failure == "bad"
    assert await control("hold", {"task_id": task}) == 204
    assert await control("finish", {"task_id": task}) == 204
    assert await control("set", {"key": "k", "timing": 0, "variants": ["kie"]}) == 204
    assert (api.double.key, api.double.variants) == ("k", {"kie"})
    assert await control("release") == 204
    assert await control("clear") == 204
    assert await control("reset") == 204
    assert (api.double.log, api.double.tasks, list(api.double.faults)) == ([], {}, [])


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("set", {"variants": ["nonsense"]}, 400),
        ("fault", {"on": "*", "nonsense": 1}, 400),
        ("finish", {"task_id": "none"}, 400),
        ("fail", {"nonsense": 1}, 400),
        ("nonsense", {}, 404),
    ],
)
async def test_wrong_control(double, action, body, status):
    api = await double("onysoft")
    answer = await api.client.post(f"{api.double.origin}/_control/{action}", json=body)
    assert answer.status_code == status


async def test_a_process_of_its_own(tmp_path):
    ports = tmp_path / "ports"
    root = Path(proxy.sandbox.__file__).parents[2]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "proxy.sandbox", "onysoft", "--port-file", str(ports), "--timing-scale", "0"),
        stdout=asyncio.subprocess.PIPE,
        env=dict(os.environ, PYTHONPATH=str(root)),
    )
    assert process.stdout is not None
    urls = json.loads(await process.stdout.readline())
    assert json.loads(ports.read_bytes()) == urls
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        assert (await client.get(urls["onysoft"] + "/models")).status_code == 401
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


async def test_what_the_log_holds(double):
    api = await double("onysoft")
    await api.post("/video/generate?a=1&b=", VIDEO)
    [seen] = api.double.log
    assert isinstance(seen, Seen)
    assert (seen.method, seen.path, seen.query) == (
        "POST",
        "/v1/video/generate",
        {"a": "1", "b": ""},
    )
    assert (seen.body, seen.kind, seen.status) == (VIDEO, "submit", 202)
    assert seen.headers["authorization"] == f"Bearer {api.double.key}"
    assert seen.task_id in api.double.tasks
    assert seen.ended >= seen.at
    assert seen.raw_size == len(json.dumps(VIDEO, separators=(",", ":")))


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b""])
async def test_bodies_that_are_none(double, content):
    api = await double("onysoft")
    refused = await api.client.post(
        api.double.base_url + "/video/generate",
        content=content,
        headers=api.headers | {"content-type": "application/json"},
    )
    assert refused.status_code == 400
    assert (await api.client.put(api.double.base_url + "/models")).status_code == 405


def test_every_variant_is_in_the_packages_docstring():
    for double in GATEWAYS.values():
        for name in double.VARIANTS:
            assert f"\n      {name} " in (proxy.sandbox.__doc__ or "")
