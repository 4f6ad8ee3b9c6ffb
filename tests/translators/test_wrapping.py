"""Answers that no page shows, and whose task is there all the same: none of them may cost a paid task."""

from typing import Any

import orjson
import pytest

from tests.translators.rowbench import answered
from translators import TRANSLATORS
from translators.core import Call, Capability, Seen, State, Task
from translators.errors import Fault, FaultKind, MalformedReply
from translators.wrapping import id_in, state_of, status_of, task_in

ROWS = {
    "ai-gate.one": ("video", "Sora2"),
    "aigate.shop": ("video", "m"),
    "apiin.one": ("video", "kling-3"),
    "onysoft": ("video", "veo3"),
    "openai": ("video", "sora-2"),
}
URL = "https://files.example/a.mp4"
# How each names a result, as far as it does.
DONE: dict[str, dict[str, Any]] = {
    "ai-gate.one": {"taskId": "t", "url": URL},
    "aigate.shop": {"task_id": "t", "status": "SUCCESS", "result_url": URL},
    "apiin.one": {"task_id": "t", "status": "SUCCESS", "response": [URL]},
    "onysoft": {"task_id": "t", "status": "completed", "video_url": URL},
    "openai": {"task_id": "t", "status": "completed"},
}
EMPTY = {"message": "", "type": "", "param": None, "code": None}
each_row = pytest.mark.parametrize("row", ROWS)


def submitted(row: str, body: Any) -> Task:
    kind, model = ROWS[row]
    call = Call(Capability(kind), model, {})
    read = TRANSLATORS[row].find(call)[1].read
    answer = answered(body)
    assert read and TRANSLATORS[row].refuse(answer) is None
    return read(answer, call)


def polled(row: str, body: Any) -> Task:
    kind, model = ROWS[row]
    poll = TRANSLATORS[row].find(Call(Capability(kind), model, {}))[1].poll
    answer = answered(body)
    assert poll and TRANSLATORS[row].refuse(answer) is None
    return poll.read(answer, Seen("t"))


@each_row
@pytest.mark.parametrize(
    "body",
    [
        {"task_id": "t"},
        {"task_id": "t", "status": "pending", "data": {}},
        {"task_id": "t", "status": "pending", "data": {"eta": 30}},
        {"task_id": "t", "data": []},
        {"result": {"task_id": "t"}},
        {"task": {"id": "t"}},
        {"data": {"task": {"id": "t", "status": "pending"}}},
        {"code": 200, "data": {"data": {"task_id": "t"}}},
        {"code": 0, "message": "success", "data": {"task_id": "t"}},
        {"data": [{"task_id": "t"}]},
        [{"task_id": "t", "status": "pending"}],
        {"status": "success", "data": {"task_id": "t"}},
        {"status": "success", "task_id": "t"},
        {"id": "req-1", "status": "ok", "data": {"task_id": "t"}},
        {"data": orjson.dumps({"task_id": "t"}).decode()},
        {"task_id": "t", "error": EMPTY},
        {"task_id": "t", "error": "None"},
        {"task_id": "t", "data": {"status": "queued"}},
    ],
    ids=str,
)
def test_an_id_that_is_there_is_found(row: str, body: Any) -> None:
    if row == "openai" and body == {"status": "success", "task_id": "t"}:
        return  # there the word is the video's own
    task = submitted(row, body)
    assert (task.state in (State.QUEUED, State.RUNNING), task.id) == (True, "t")


@each_row
def test_an_id_may_be_a_number(row: str) -> None:
    assert submitted(row, {"id": 7}).id == submitted(row, {"data": {"taskId": 7}}).id == "7"


def test_an_id_may_stand_alone() -> None:
    for body in ({"code": 200, "data": "n41abc_flux2"}, "n41abc_flux2"):
        assert id_in(body) == "n41abc_flux2"
        assert {submitted(row, body).id for row in ROWS} == {"n41abc_flux2"}
    for words in ("submitted", "in 30 seconds", URL, "7", ""):
        assert id_in({"code": 200, "data": words}) is None
    assert id_in({"data": {"id": True}}) is id_in({"data": {"id": [1]}}) is id_in([]) is None


@each_row
@pytest.mark.parametrize("body", [{}, {"data": {}}, {"result": None}, {"status": "ok"}, [], None])
def test_what_holds_no_id_is_in_doubt(row: str, body: Any) -> None:
    with pytest.raises(MalformedReply):
        submitted(row, body)


@each_row
@pytest.mark.parametrize(
    "wrap",
    [
        lambda body: {"result": body},
        lambda body: {"status": "success", "data": body},
        lambda body: {"data": {"data": body}},
        lambda body: {"data": {"task": body}},
        lambda body: {"data": [body]},
        lambda body: [body],
        lambda body: {**body, "error": EMPTY},
        lambda body: {"data": {**body, "error": EMPTY}},
    ],
)
def test_a_result_is_found_in_what_wraps_it(row: str, wrap: Any) -> None:
    body = DONE[row] if row != "ai-gate.one" else {**DONE[row], "task_id": "t"}
    task = polled(row, wrap(body))
    assert task.state is State.SUCCEEDED
    assert [one.url for one in task.assets] == ["/videos/t/content" if row == "openai" else URL]


@each_row
def test_a_failure_is_told_around_what_it_wraps(row: str) -> None:
    if row in ("aigate.shop", "openai"):
        return  # there an error beside `data` is the answer's
    failed = {"status": "failed", "task_id": "t", "data": {}, "error": "boom"}
    task = polled(row, failed)
    assert (task.state, task.fault and task.fault.message) == (State.FAILED, "boom")


@pytest.mark.parametrize("row", ["ai-gate.one", "aigate.shop", "apiin.one", "onysoft"])
@pytest.mark.parametrize("link", ["/files/a.mp4", "//files.example/a.mp4", "/v1/videos/t/content"])
def test_links_without_a_host_are_results(row: str, link: str) -> None:
    text = orjson.dumps(DONE[row]).decode().replace(URL, link)
    (asset,) = polled(row, orjson.loads(text)).assets
    assert (asset.url, asset.rooted, asset.auth) == (link, True, True)


@pytest.mark.parametrize("row", ["apiin.one", "onysoft"])
@pytest.mark.parametrize(
    "result",
    [
        {"result_url": URL},
        {"video": {"url": URL}},
        {"output": {"videos": [{"url": URL}]}},
        {"download_url": URL},
        {"data": [{"url": URL}]},
        {"response": {"result": {"url": f" {URL}\n"}}},
        {"response": {"sunoData": [{"audioUrl": URL, "imageUrl": "https://a/cover"}]}},
    ],
)
def test_a_done_task_has_its_result_somewhere(row: str, result: Any) -> None:
    task = polled(row, {"data": {"task_id": "t", "status": "SUCCESS", **result}})
    assert [one.url for one in task.assets if one.role == "content"] == [URL]


@pytest.mark.parametrize("name", ["data", "result", "task"])
def test_what_a_task_says_of_itself_stands(name: str) -> None:
    for status, state in (("completed", State.SUCCEEDED), ("failed", State.FAILED)):
        told = {"task_id": "t", "state": status, "video_url": URL, name: {"status": "ok", "id": 1}}
        assert polled("onysoft", told).state is state
        assert submitted("onysoft", told).id == "t"


def test_a_submit_may_say_where_its_result_will_be() -> None:
    assert submitted("ai-gate.one", {"taskId": "t", "url": "pending"}) == Task(State.RUNNING, "t")
    done = submitted("aigate.shop", {"id": "t", "status": "completed"})
    assert [one.url for one in done.assets] == ["/videos/t/content"]


def test_the_pages_videos_stand_before_all_else() -> None:
    told = {"created": 1, "videos": [{"url": URL}], "task": {"id": "z"}, "data": {"task_id": "z"}}
    for task in (submitted("aigate.shop", told), polled("aigate.shop", told)):
        assert [one.url for one in task.assets] == [URL]


def test_words_are_the_result_of_a_task_that_names_its_input() -> None:
    told = {"data": {"task_id": "t", "status": "SUCCESS", "audio": URL}}
    for row, words in (("onysoft", {"text": "So"}), ("apiin.one", {"response": ["So"]})):
        task = polled(row, {"data": {**told["data"], **words}})
        assert (task.text, task.assets) == ("So", ())


def test_links_beside_a_new_id_may_be_what_was_sent() -> None:
    for row, echo in (("onysoft", {"image_url": URL}), ("apiin.one", {"output": URL})):
        assert submitted(row, {"data": {"task_id": "t", **echo}}) == Task(State.QUEUED, "t")


@pytest.mark.parametrize(
    ("word", "state"),
    [
        (" Completed ", State.SUCCEEDED),
        ("SUCCEED", State.SUCCEEDED),
        ("finished", State.SUCCEEDED),
        ("canceled", State.FAILED),
        ("Timeout", State.FAILED),
        ("GENERATE_AUDIO_FAILED", State.FAILED),
        ("SENSITIVE_WORD_ERROR", State.FAILED),
        ("TEXT_SUCCESS", State.RUNNING),
        ("ready", State.RUNNING),
        ("queuing", State.QUEUED),
    ],
)
def test_the_words_of_states(word: str, state: State) -> None:
    assert state_of(status_of({"status": None, "task_status": word})) is state


def test_a_task_is_not_what_it_has_made() -> None:
    made = {"id": "file-1", "url": URL}
    told = task_in({"task_id": "t", "status": "completed", "result": made})
    assert (told["task_id"], status_of(told), told["url"]) == ("t", "completed", URL)
    assert id_in({"task_id": "t", "status": "completed", "result": made}) == "t"


def test_an_error_that_says_nothing_is_none() -> None:
    for row in TRANSLATORS.values():
        assert row.refuse(answered({"id": "c", "choices": [], "error": EMPTY})) is None
        said = row.refuse(answered({"choices": [], "error": {**EMPTY, "message": "no"}}))
        assert said or row.name == "ai-gate.one"


def test_a_code_below_the_errors_is_one_where_nothing_comes_with_it() -> None:
    refuse = TRANSLATORS["apiin.one"].refuse
    assert refuse(answered({"code": 0, "data": {"response_data": [{"id": "c"}]}})) is None
    fault = refuse(answered({"code": 0, "message": "no", "data": None}))
    assert fault == Fault(FaultKind.FAILED, "no", certain=False)
