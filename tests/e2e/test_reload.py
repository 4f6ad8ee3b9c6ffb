"""The configuration changes while it is served: nothing in flight is dropped, nothing bad is used."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from proxy.sandbox import Sandbox
from tests.eventually import eventually
from tests.harness import Proxy, ProxyProcess, config_for, write
from tests.processes import both, is_running, workers_of

pytestmark = pytest.mark.slow

HELLO: Any = [{"role": "user", "content": "Say hello"}]
NEW = {"models": {"new": "apiin-one/gemini"}}


@pytest.fixture(params=[1, 2], ids=["one process", "two workers"])
def running(
    request: pytest.FixtureRequest, gateways: Sandbox, tmp_path: Path
) -> Iterator[tuple[ProxyProcess, Proxy]]:
    process = ProxyProcess(
        tmp_path, config_for(gateways, jobs={"drain": 600}), workers=request.param
    )
    with process as proxy:
        eventually(lambda: request.param == 1 or both(process))
        yield process, proxy


def workers_of_all(process: ProxyProcess) -> list[int]:
    """The processes that serve: the workers, or the one that is alone."""
    assert process.process is not None
    return workers_of(process.process.pid) or [process.process.pid]


def everywhere(proxy: Proxy, model: str) -> bool:
    """Whether each of several connections, and so each worker, knows a model."""
    for _ in range(6):
        with proxy.http(headers={"connection": "close"}) as http:
            if http.get(f"/v1/models/{model}").status_code != 200:
                return False
    return True


def hang_up(process: ProxyProcess) -> None:
    assert process.process is not None
    os.kill(process.process.pid, signal.SIGHUP)


def test_a_running_stream_goes_on_through_a_reload(
    running: tuple[ProxyProcess, Proxy], gateways: Sandbox, tmp_path: Path
) -> None:
    process, proxy = running
    gateways["apiin.one"].fault("chat", stall_after=1, stall=60)
    with (
        proxy.sdk() as client,
        client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, stream=True) as stream,
    ):
        chunks = iter(stream)
        next(chunks)
        write(tmp_path, config_for(gateways, **NEW))
        hang_up(process)
        eventually(lambda: everywhere(proxy, "new"))
        gateways["apiin.one"].release()
        rest = list(chunks)
    assert "stop" in [one.choices[0].finish_reason for one in rest if one.choices]
    with proxy.sdk() as client:
        answer = client.chat.completions.create(model="new", messages=HELLO)
        assert answer.choices[0].message.content


def test_a_changed_file_is_noticed_and_a_bad_one_is_not_used(
    running: tuple[ProxyProcess, Proxy], gateways: Sandbox, tmp_path: Path
) -> None:
    process, proxy = running
    process.path.write_text("models: {a: nobody/b}\n")
    eventually(lambda: "unknown provider 'nobody'" in process.log.read_text())
    with proxy.sdk() as client:
        assert client.chat.completions.create(model="gpt-4o-mini", messages=HELLO).choices
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="a", messages=HELLO)
    write(tmp_path, config_for(gateways, **NEW))
    eventually(lambda: everywhere(proxy, "new"))


def test_keys_cannot_be_taken_away_from_an_open_address(gateways: Sandbox, tmp_path: Path) -> None:
    """It was refused at the start, and is refused later, too."""
    keys = [{"name": "web", "key": "key-of-web"}]
    config = config_for(gateways, keys=keys, server={"host": "0.0.0.0"})
    process = ProxyProcess(tmp_path, config, key="key-of-web")
    with process as proxy:
        open_to_all = {**config, **NEW}
        del open_to_all["keys"]
        open_to_all["defaults"] = {}
        write(tmp_path, open_to_all)
        hang_up(process)
        eventually(lambda: "open to the network" in process.log.read_text())
        with proxy.http(headers={"authorization": ""}) as http:
            assert http.get("/v1/models/gpt-4o-mini").status_code == 401


def test_a_new_worker_waits_for_a_file_that_it_can_use(gateways: Sandbox, tmp_path: Path) -> None:
    process = ProxyProcess(tmp_path, config_for(gateways), workers=2)
    with process as proxy:
        pid = _with_a_bad_file(process)
        with proxy.sdk(max_retries=2) as client:
            assert client.chat.completions.create(model="gpt-4o-mini", messages=HELLO).choices
        write(tmp_path, config_for(gateways, **NEW))
        eventually(lambda: everywhere(proxy, "new"))
        _with_a_bad_file(process)
        process.stop()  # nor does one that waits keep the others from ending
        assert workers_of(pid) == []


def test_a_new_worker_waits_for_the_store(gateways: Sandbox, tmp_path: Path) -> None:
    """The other goes on with what needs none: it is not ended because this one cannot start."""
    process = ProxyProcess(tmp_path, config_for(gateways), workers=2)
    file, away = tmp_path / "jobs.db", tmp_path / "jobs.away"

    def take_away() -> None:
        file.rename(away)
        file.mkdir()

    with process as proxy:
        pid = _with_a_successor_that_waits(process, take_away)
        with proxy.sdk(max_retries=2) as client:
            assert client.chat.completions.create(model="gpt-4o-mini", messages=HELLO).choices
        file.rmdir()
        away.rename(file)
        eventually(lambda: both(process))
        assert is_running(pid)


def test_a_new_worker_has_the_others_store_and_folder(gateways: Sandbox, tmp_path: Path) -> None:
    """What only a new start puts in force is the same in all: each finds the jobs and files of the others."""
    process = ProxyProcess(tmp_path, config_for(gateways), workers=2)
    moved = {"media": {"dir": "elsewhere"}, **NEW}
    order = {"model": "openai/gpt-image-1", "prompt": "A cat"}  # whose bytes come in the answer
    with process as proxy:
        elsewhere = config_for(gateways, store="sqlite:other.db", **moved)
        _with_a_successor_that_waits(process, lambda: write(tmp_path, elsewhere))
        with proxy.http() as http:
            place = "/v1/jobs/" + http.post("/v1/jobs/image", json=order).json()["id"]
            eventually(lambda: http.get(place).json()["status"] == "completed")
        write(tmp_path, config_for(gateways, **moved))
        eventually(lambda: both(process))
        eventually(lambda: everywhere(proxy, "new"))
        for _ in range(10):
            with proxy.http(headers={"connection": "close"}) as http:
                assert http.get(f"{place}/content").status_code == 200


def test_workers_of_a_file_that_is_named_from_here(gateways: Sandbox, tmp_path: Path) -> None:
    """As it is without --config: its store is none of a changed file, however its path is written."""
    process = ProxyProcess(tmp_path, config_for(gateways, store="sqlite:own.db"), workers=2)
    process.path = Path("config.yaml")
    with process as proxy, proxy.http() as http:
        assert http.get("/readyz").status_code == 200
    assert "store:" not in process.log.read_text()


def _with_a_bad_file(process: ProxyProcess) -> int:
    """One worker killed, its successor waiting; the supervisor's id."""
    return _with_a_successor_that_waits(
        process, lambda: process.path.write_text("models: {a: nobody/b}\n")
    )


def _with_a_successor_that_waits(process: ProxyProcess, spoil: Callable[[], object]) -> int:
    assert process.process is not None
    pid = process.process.pid
    workers = eventually(lambda: both(process))
    spoil()
    said = process.log.read_text().count("a new worker waits")
    os.kill(workers[0], signal.SIGKILL)
    eventually(lambda: process.log.read_text().count("a new worker waits") > said)
    return pid


def test_without_their_supervisor_workers_end(gateways: Sandbox, tmp_path: Path) -> None:
    process = ProxyProcess(tmp_path, config_for(gateways), workers=2)
    with process:
        assert process.process is not None
        pid = process.process.pid
        workers = eventually(lambda: both(process))
        os.kill(pid, signal.SIGKILL)
        process.process.wait()
        for one in workers:
            eventually(lambda one=one: not is_running(one))


def test_a_reload_says_what_waits_for_a_new_start(
    running: tuple[ProxyProcess, Proxy], gateways: Sandbox, tmp_path: Path
) -> None:
    process, proxy = running
    changed = {
        "server": {"port": 1, "traces": False},
        "media": {"dir": "elsewhere"},
        "jobs": {"poll_max": 0.2},
    }
    write(tmp_path, config_for(gateways, **NEW, **changed))
    eventually(lambda: everywhere(proxy, "new"))
    told = "a new start is needed for: server.port, media.dir"
    eventually(lambda: process.log.read_text().count(told) == len(workers_of_all(process)))
    write(tmp_path, config_for(gateways))
    reloaded = "configuration reloaded"
    eventually(lambda: process.log.read_text().count(reloaded) == 2 * len(workers_of_all(process)))
    assert process.log.read_text().count(told) == len(workers_of_all(process))


def test_a_stop_waits_as_long_as_the_reloaded_file_says(
    running: tuple[ProxyProcess, Proxy], gateways: Sandbox, tmp_path: Path
) -> None:
    process, proxy = running
    gateways["apiin.one"].fault("chat", times=None, stall_after=1, stall=600)
    write(tmp_path, config_for(gateways, **NEW, jobs={"drain": 0}))
    eventually(lambda: everywhere(proxy, "new"))
    with (
        proxy.sdk() as client,
        client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, stream=True) as stream,
    ):
        next(iter(stream))
        process.stop(timeout=20)
    assert "timeout graceful shutdown exceeded" in process.log.read_text()
