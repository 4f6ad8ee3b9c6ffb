"""apiin.one's answers: tasks in every shape, and refusals."""

from typing import Any

import pytest

from tests.translators.rowbench import Bench, answered, recorded
from translators.apiin_one import ROW
from translators.core import Answer, Asset, Cost, State, Task
from translators.errors import Fault, FaultKind, MalformedReply

RECORDED = recorded("apiin.one")
LINK = "https://example.com/a.png"
BENCH = Bench(ROW, "image", "flux-2")
submitted, polled = BENCH.submitted, BENCH.polled


def task(status: str, **data: Any) -> dict[str, Any]:
    return {"code": 200, "message": "success", "data": {"task_id": "t", "status": status, **data}}


def test_the_pages_finished_task() -> None:
    assert polled(RECORDED["task"]["answer"]["body"]) == Task(
        State.SUCCEEDED,
        "n41xxxx_flux2",
        100,
        assets=(Asset("https://cdn.example.com/generated-image.png"),),
        cost=Cost(credits=5),
    )


def test_the_pages_bare_task() -> None:
    body = RECORDED["created-bare"]["answer"]["body"]
    assert submitted(body) == polled(body) == Task(State.QUEUED, "task_abc123")


@pytest.mark.parametrize(
    "data", [{"task_id": "t"}, {"taskId": "t"}, {"id": "t"}, {"id": "t", "status": "Queued"}]
)
def test_ids_under_any_name(data: dict[str, Any]) -> None:
    assert submitted({"code": 200, "msg": "success", "data": data}) == Task(State.QUEUED, "t")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", State.QUEUED),
        ("Queued", State.QUEUED),
        ("IN_PROGRESS", State.RUNNING),
        ("processing", State.RUNNING),
        ("whatever", State.RUNNING),
    ],
)
def test_states_in_any_case(status: str, state: State) -> None:
    assert polled(task(status, consumed_credits=0)) == Task(state, "t")


@pytest.mark.parametrize("status", ["SUCCESS", "completed", "Succeeded"])
@pytest.mark.parametrize(
    "response",
    [
        "https://a/1.png",
        ["https://a/1.png"],
        {"url": "https://a/1.png"},
        {"image_url": "https://a/1.png"},
        [{"video_url": "https://a/1.png"}],
        '["https://a/1.png"]',
        {"images": ["https://a/1.png"]},
        {"urls": ["https://a/1.png"]},
        {"audio_urls": ["https://a/1.png"]},
        {"videoUrl": "https://a/1.png"},
    ],
)
def test_results_in_any_shape(status: str, response: Any) -> None:
    found = polled(task(status, response=response))
    assert found == Task(State.SUCCEEDED, "t", 100, assets=(Asset("https://a/1.png"),))


def test_every_url_of_an_object_is_a_result() -> None:
    two = ["https://a/1.mp3", "https://a/2.mp3"]
    found = polled(task("SUCCESS", response={"urls": two, "image_url": []}))
    assert found.assets == tuple(map(Asset, two))


def test_tracks_have_covers_and_titles() -> None:
    track = {
        "id": "1",
        "audio_url": "https://a/1.mp3",
        "image_url": "https://a/1.png",
        "title": "T",
    }
    assert polled(task("SUCCESS", response=[track])).assets == (
        Asset("https://a/1.mp3", title="T"),
        Asset("https://a/1.png", role="cover", title="T"),
    )


def test_a_result_in_words_is_text() -> None:
    assert polled(task("SUCCESS", response=["la la la"])).text == "la la la"
    assert polled(task("SUCCESS", response={"lyrics": "la la"})).text == "la la"


@pytest.mark.parametrize("response", [None, [], "", {}, {"other": 1}])
def test_success_without_a_result_is_a_failure(response: Any) -> None:
    found = polled(task("SUCCESS", response=response, consumed_credits=5))
    assert (found.state, found.cost) == (State.FAILED, Cost(credits=5))
    assert found.fault and "without a result" in found.fault.message


@pytest.mark.parametrize(
    ("data", "words", "kind"),
    [
        ({"error_message": "out of memory"}, "out of memory", FaultKind.FAILED),
        ({"error": {"message": "boom"}}, "boom", FaultKind.FAILED),
        (
            {"error_message": "blocked by content policy"},
            "blocked by content policy",
            FaultKind.MODERATED,
        ),
        ({}, "the task failed without saying why", FaultKind.FAILED),
    ],
)
def test_failed_tasks_say_why_and_what_they_cost(data: Any, words: str, kind: FaultKind) -> None:
    assert polled(task("FAILED", consumed_credits=2.5, **data)) == Task(
        State.FAILED, "t", fault=Fault(kind, words, certain=False), cost=Cost(credits=2.5)
    )


def feed(*statuses: str) -> dict[str, Any]:
    tracks = [{"id": s, "audio_url": f"https://a/{s}.mp3", "status": s} for s in statuses]
    return {"code": 200, "data": {"type": "generate", "response_data": tracks}}


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        (("text", "first"), State.RUNNING),
        (("complete", "first"), State.RUNNING),
        (("complete", "complete"), State.SUCCEEDED),
        (("complete", "error"), State.SUCCEEDED),
        (("error", "error"), State.FAILED),
    ],
)
def test_sunos_feed(statuses: tuple[str, ...], state: State) -> None:
    assert polled(feed(*statuses), "music", "suno-extend").state is state
    tracks = feed(*statuses)["data"]["response_data"]
    assert polled({"data": tracks}, "music", "suno-extend").state is state


def test_sunos_cover_status() -> None:
    found = polled({"code": 200, "data": {"taskId": "c", "images": [LINK]}}, "music", "suno-cover")
    assert found == Task(State.SUCCEEDED, "c", 100, assets=(Asset(LINK),))
    waiting = polled({"data": {"taskId": "c", "images": []}}, "music", "suno-cover")
    assert waiting == Task(State.QUEUED, "c")
    failed = polled({"data": {"taskId": "c", "images": [], "error": "no"}}, "music", "suno-cover")
    assert failed.state is State.FAILED


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"data": {"text": "la la"}}, "la la"),
        ({"data": {"alignedWords": [{"word": "la ", "startS": 0}, {"word": "di"}]}}, "la di"),
        ([{"word": "la"}], "la"),
        ({"data": {"other": 1}}, '{"other":1}'),
    ],
)
def test_timestamped_lyrics_come_at_once(body: Any, text: str) -> None:
    found = submitted(body, "music", "suno-lyrics")
    assert (found.state, found.text) == (State.SUCCEEDED, text)


@pytest.mark.parametrize(
    "body", [None, [], "queued", {"code": 200, "data": None}, {"data": {"status": "x"}}]
)
def test_unreadable_submits(body: Any) -> None:
    with pytest.raises(MalformedReply):
        submitted(body)


@pytest.mark.parametrize("body", [None, "busy", {}, {"data": {"task_id": "t"}}])
def test_unreadable_polls(body: Any) -> None:
    with pytest.raises(MalformedReply):
        polled(body)


def test_a_result_that_comes_at_once_needs_no_id() -> None:
    assert submitted({"data": {"status": "SUCCESS", "response": [LINK]}}).assets == (Asset(LINK),)


def test_unreadable_lyrics() -> None:
    with pytest.raises(MalformedReply):
        submitted(None, "music", "suno-lyrics")


@pytest.mark.parametrize(
    ("status", "type_", "kind", "certain"),
    [
        (400, "invalid_request", FaultKind.REJECTED, True),
        (401, "authentication_error", FaultKind.AUTH, True),
        (402, "insufficient_credits", FaultKind.QUOTA, True),
        (404, "not_found", FaultKind.NOT_FOUND, True),
        (429, "rate_limit", FaultKind.RATE, True),
        (500, "server_error", FaultKind.FAILED, False),
        (400, "insufficient_credits", FaultKind.QUOTA, True),
        (503, "rate_limit", FaultKind.FAILED, False),
    ],
)
@pytest.mark.parametrize("hidden", [False, True])
def test_errors(status: int, type_: str, kind: FaultKind, certain: bool, hidden: bool) -> None:
    body = {"error": {"code": status, "message": "No", "type": type_}}
    found = ROW.refuse(answered(body, 200 if hidden else status))
    assert found == Fault(kind, "No", certain, code=type_)


def test_the_pages_error() -> None:
    recorded = RECORDED["error"]["answer"]
    found = ROW.refuse(answered(recorded["body"], recorded["status"]))
    assert found == Fault(FaultKind.AUTH, "Invalid API key", code="authentication_error")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"code": 402, "message": "no credits", "data": None}, FaultKind.QUOTA),
        ({"code": "429", "msg": "slow down"}, FaultKind.RATE),
        ({"code": 500, "message": "oops"}, FaultKind.FAILED),
        ({"error": "oops"}, FaultKind.FAILED),
        ({"code": 400, "message": "blocked by content policy"}, FaultKind.MODERATED),
    ],
)
def test_errors_under_200(body: Any, kind: FaultKind) -> None:
    found = ROW.refuse(answered(body))
    assert found and found.kind is kind


@pytest.mark.parametrize(
    "body",
    [
        RECORDED["chat"]["answer"]["body"],
        RECORDED["task"]["answer"]["body"],
        {"code": 500, "data": {"task_id": "t", "status": "FAILED", "error_message": "x"}},
        {"id": "t", "status": "failed", "error": "boom"},
        {"code": 200, "error": None, "data": {}},
        [],
        None,
    ],
)
def test_good_answers(body: Any) -> None:
    assert ROW.refuse(answered(body)) is None


def test_retry_after_and_an_empty_error() -> None:
    found = ROW.refuse(Answer(429, {"retry-after": "7"}, b"", None))
    assert found == Fault(FaultKind.RATE, "apiin.one answered 429", retry_after=7.0)
