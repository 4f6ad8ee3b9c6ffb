"""Every kind of fault, as a client meets it."""

import asyncio
import json

import httpx
import pytest

from proxy.sandbox import GATEWAYS, Fault

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": True}
VIDEO = {"model": "veo3", "prompt": "a cat"}


@pytest.fixture
async def ony(double):
    return await double("onysoft")


@pytest.fixture
async def chat(double):
    return await double("openai", reply="one two three four")


def events(text: str) -> list[str]:
    return [event.removeprefix("data: ") for event in text.replace("\r", "").split("\n\n") if event]


async def test_an_answer_in_place_of_handling(ony):
    ony.double.fault("submit", times=2, status=503)
    ony.double.fault("submit", status=429, body="slow", headers={"retry-after": "7"})
    ony.double.fault("submit", status=200, body=b"\xff")
    ony.double.fault("submit", body={"success": True})
    answers = [await ony.post("/video/generate", VIDEO) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [503, 503, 429, 200, 200, 202]
    assert answers[0].json()["error"]["code"] == "internal_error"
    assert (answers[2].text, answers[2].headers["retry-after"]) == ("slow", "7")
    assert answers[3].content == b"\xff"
    assert answers[4].json() == {"success": True}
    assert len(ony.double.tasks) == 1
    assert [seen.status for seen in ony.double.submits] == [503, 503, 429, 200, 200, 202]


async def test_rules_pick_their_requests(ony):
    rule = ony.double.fault("*", times=None, match=lambda seen: "size" in seen.query, status=500)
    ony.double.fault("models", path="/models", status=502)
    ony.double.fault("models", path="/nowhere", status=501)
    assert (await ony.get("/video/list")).status_code == 200
    assert (await ony.get("/video/list?size=1")).status_code == 500
    assert (await ony.get("/video/list?size=1")).status_code == 500
    assert (await ony.get("/unknown?size=1")).status_code == 500
    assert (await ony.get("/models")).status_code == 502
    assert (await ony.get("/models")).status_code == 200
    assert rule.times is None
    ony.double.clear()
    assert (await ony.get("/video/list?size=1")).status_code == 200


@pytest.mark.parametrize(("when", "tasks"), [("before", 0), ("after", 1)])
async def test_cut_connections(ony, when, tasks):
    ony.double.fault("submit", cut=when)
    with pytest.raises(httpx.RemoteProtocolError):
        await ony.post("/video/generate", VIDEO)
    assert len(ony.double.tasks) == tasks
    [seen] = ony.double.submits
    assert (seen.status, seen.disconnected) == (None, False)
    assert (await ony.post("/video/generate", VIDEO)).status_code == 202


@pytest.mark.parametrize("size", [0, 10])
async def test_truncated_bodies(ony, size):
    ony.double.fault("models", truncate=size)
    got = b""
    with pytest.raises(httpx.RemoteProtocolError):
        async with ony.client.stream(
            "GET", ony.double.base_url + "/models", headers=ony.headers
        ) as answer:
            async for piece in answer.aiter_raw():
                got += piece
    assert len(got) == size


async def test_hanging_until_released(ony):
    ony.double.fault("submit", hang=True)
    asking = asyncio.create_task(ony.post("/video/generate", VIDEO))
    await ony.double.until(lambda d: d.submits)
    assert not asking.done()
    ony.double.release()
    assert (await asking).status_code == 202


@pytest.mark.parametrize(("what", "tasks"), [({"hang": True}, 0), ({"late": float("inf")}, 1)])
async def test_clients_that_give_up(ony, what, tasks):
    ony.double.fault("submit", **what)
    asking = asyncio.create_task(ony.post("/video/generate", VIDEO))
    await ony.double.until(lambda d: d.submits and len(d.tasks) == tasks)
    asking.cancel()
    await ony.double.until(lambda d: d.submits[0].disconnected)
    assert ony.double.submits[0].status is None
    await ony.double.until(lambda d: not d.active)
    assert len(ony.double.tasks) == tasks


async def test_a_delayed_request_is_handled_though_its_client_left(ony):
    ony.double.fault("submit", delay=3600.0)
    asking = asyncio.create_task(ony.post("/video/generate", VIDEO))
    await ony.double.until(lambda d: d.submits)
    assert ony.double.tasks == {}
    asking.cancel()
    await ony.double.until(lambda d: d.tasks)
    assert ony.double.submits[0].disconnected


async def test_dripping(ony):
    ony.double.fault("models", drip=0.0001, drip_size=1000)
    ony.double.fault("models", drip=0.0001)
    for _ in range(2):
        assert (await ony.get("/models")).json()["success"]


async def test_failing_tasks(ony):
    ony.double.fail_next("first")
    ony.double.fail_next("second", moderation=True)
    tasks = [(await ony.post("/video/generate", VIDEO)).json()["data"]["task_id"] for _ in range(3)]
    assert [ony.double.tasks[task].state for task in tasks] == ["failed", "failed", "completed"]
    assert ony.double.tasks[tasks[1]].moderation


async def test_holding_and_finishing(ony):
    task = (await ony.post("/video/generate", VIDEO)).json()["data"]["task_id"]
    ony.double.hold(task)
    assert ony.double.tasks[task].state == "running"
    assert ony.double.tasks[task].progress == 99
    ony.double.finish(task)
    assert (ony.double.tasks[task].state, ony.double.tasks[task].progress) == ("completed", 100)
    assert len(ony.double.polls()) == 0
    await ony.get(f"/video/status/{task}")
    ony.double.fault("poll", status=500)
    await ony.get(f"/video/status/{task}")
    assert [len(ony.double.polls(one)) for one in (task, "other", None)] == [2, 0, 2]


async def test_cut_streams(chat):
    chat.double.fault("chat", cut_after=2)
    got = b""
    with pytest.raises(httpx.RemoteProtocolError):
        async with chat.client.stream(
            "POST", chat.double.base_url + "/chat/completions", json=CHAT, headers=chat.headers
        ) as answer:
            async for piece in answer.aiter_raw():
                got += piece
    assert len(events(got.decode())) == 2


async def test_errors_within_streams(chat):
    chat.double.fault("chat", error_after=2)
    got = events((await chat.post("/chat/completions", CHAT)).text)
    assert len(got) == 3
    assert json.loads(got[-1])["error"]["code"] == "stream_error"


async def test_streams_without_an_end(chat):
    chat.double.fault("chat", no_done=True)
    chat.double.fault("chat", no_finish=True)
    chat.double.fault("chat", no_finish=True, no_done=True)
    no_done, no_finish, neither = [
        (await chat.post("/chat/completions", CHAT)).text for _ in range(3)
    ]
    assert "[DONE]" not in no_done and '"finish_reason":"stop"' in no_done
    assert "[DONE]" in no_finish and '"finish_reason":"stop"' not in no_finish
    assert "[DONE]" not in neither and '"finish_reason":"stop"' not in neither


async def test_stalling_streams(chat):
    chat.double.fault("chat", stall_after=3)
    asking = asyncio.create_task(chat.post("/chat/completions", CHAT))
    await chat.double.until(lambda d: d.log)
    while not asking.done():  # it stalls in one of the next turns
        chat.double.release()
        await asyncio.sleep(0)
    assert "[DONE]" in (await asking).text


async def test_a_client_that_leaves_a_stream(chat):
    chat.double.fault("chat", stall_after=3)
    async with chat.client.stream(
        "POST", chat.double.base_url + "/chat/completions", json=CHAT, headers=chat.headers
    ) as answer:
        assert answer.status_code == 200
    await chat.double.until(lambda d: d.log[0].disconnected and not d.active)


async def test_bytes_of_streams(chat):
    plain = events((await chat.post("/chat/completions", CHAT)).text)
    chat.double.fault("chat", split=7)
    chat.double.fault("chat", crlf=True)
    chat.double.fault("chat", comments=True)
    chat.double.fault("chat", no_space=True, content_type="text/plain")
    answers = [await chat.post("/chat/completions", CHAT) for _ in range(4)]
    split, crlf, comments, spaceless = (answer.text for answer in answers)
    assert len(events(split)) == len(plain)
    assert crlf.count("\r\n\r\n") == len(plain)
    assert comments.count(": a comment\n\n") == len(plain) - 1
    assert spaceless.count("data:{") == len(plain) - 1
    assert answers[3].headers["content-type"] == "text/plain"


async def test_a_hundred_streams_at_once(chat):
    chat.double.configure({"timing": {"chat": 0.001}})
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(trust_env=False, verify=False, limits=limits) as client:
        url = chat.double.base_url + "/chat/completions"
        chat.double.fault("chat", times=None, hang=True)
        asking = [
            asyncio.create_task(client.post(url, json=CHAT, headers=chat.headers))
            for _ in range(100)
        ]
        await chat.double.until(lambda d: len(d.active) == 100)
        chat.double.clear()
        answers = await asyncio.gather(*asking)
    assert {len(events(answer.text)) for answer in answers} == {7}
    assert chat.double.peak == 100


def test_unknown_things_are_refused():
    double = GATEWAYS["onysoft"]()
    with pytest.raises(ValueError, match="unknown variants"):
        double.variants.add("nonsense")
    with pytest.raises(ValueError, match="unknown option"):
        double.configure({"nonsense": 1})
    with pytest.raises(ValueError, match="unknown kinds"):
        double.configure({"timing": {"nonsense": 1}})
    with pytest.raises(ValueError, match="unknown: match"):
        Fault.from_json({"on": "*", "match": "x"})
    with pytest.raises(TypeError):
        double.fault("*", nonsense=1)
    with pytest.raises(TimeoutError):
        double.wait(lambda d: False, timeout=0.001)


def test_scaling_the_clock():
    double = GATEWAYS["onysoft"](timing_scale=0.5)
    assert (double.timing["video"], double.timing["image"]) == (3.0, 1.0)


async def test_the_log_forgets(ony):
    ony.double.balance = 1.0
    for _ in range(3):
        await ony.get("/models")
    ony.double.note(ony.double.log[0], 3)
    assert len(ony.double.log) == 3
    ony.double.reset()
    assert (ony.double.log, ony.double.tasks) == ([], {})
