"""How aigate.shop's answers read: the page's `{created, model, duration, videos: [{url, mime_type}]}`,
and the task shapes of new-api that the page does not show.

OpenAI's shape: `{id, status: queued|in_progress|completed|failed|unknown, progress, metadata: {url}}`.
new-api's: `{data: {task_id, status: NOT_START|…|SUCCESS|FAILURE, progress: "30%", fail_reason, result_url}}`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from translators import openai
from translators.core import JSON, Answer, Asset, Call, Seen, State, Task
from translators.errors import MalformedReply
from translators.files import asset_of
from translators.wrapping import id_in, state_of, status_of, task_in

LINK_LIVES = 20 * 60.0  # "Generate again or download within 20 minutes": page, Errors, 410


def read(answer: Answer, call: Call) -> Task:
    """The submit's answer: the finished videos, or (undocumented) only an id to poll."""
    task = _task(answer.body, None)
    if task.state is not State.SUCCEEDED or task.assets:
        return task
    if status_of(task_in(answer.body)) == "success":  # the submit's own
        return Task(State.QUEUED, _known(task.id))
    return replace(task, assets=(_content(_known(task.id)),))


def read_poll(answer: Answer, seen: Seen) -> Task:
    """`GET /videos/{id}` in OpenAI's shape or `GET /video/generations/{id}` in new-api's."""
    task = _task(answer.body, seen.task_id)
    if task.state is State.SUCCEEDED and not task.assets:
        return replace(task, assets=(_content(seen.task_id),))
    return task


def _task(body: Any, asked: str | None) -> Task:
    whole = isinstance(body, Mapping) and body.get("videos")  # as the page has it
    holder = body if whole else task_in(body)
    if asked and not holder and not isinstance(body, Mapping):
        raise MalformedReply("The gateway's answer is no JSON object.")
    inner = holder.get("data")
    id = asked or id_in(body) or (inner if isinstance(inner, str) else None)
    status = status_of(holder)
    progress = openai.progress_of(holder.get("progress"))
    # The status comes first: an old finished task has its URL in fail_reason.
    state = state_of(status) if status else None
    if state is State.FAILED:
        return Task(State.FAILED, id, progress, fault=openai.task_fault(holder))
    if state in (State.QUEUED, State.RUNNING):
        return Task(state, _known(id), progress)
    assets = tuple(_assets(holder))
    if assets or state is State.SUCCEEDED:
        return Task(State.SUCCEEDED, id, 100, assets=assets)
    return Task(State.QUEUED, _known(id), progress)


def _known(id: str | None) -> str:
    if not id:
        raise MalformedReply("The answer holds neither a video nor a task's id.")
    return id


def _assets(holder: Mapping[str, Any]) -> Iterator[Asset]:
    videos = holder.get("videos") or holder.get("data")
    for video in videos if isinstance(videos, list) else ():
        if isinstance(video, str) and video:
            yield _asset(video)
        elif isinstance(video, Mapping) and isinstance(video.get("url"), str):
            yield _asset(video["url"], video.get("mime_type"))
    if isinstance(videos, list) and videos:
        return
    metadata = holder.get("metadata")
    places = (metadata if isinstance(metadata, Mapping) else {}, holder)
    for place in places:
        for name in ("url", "result_url", "video_url", "fail_reason"):
            url = place.get(name)
            if isinstance(url, str) and url.startswith(("http://", "https://", "/")):
                yield _asset(url)
                return


def _content(id: str) -> Asset:
    return _asset(f"/videos/{id}/content")


def _asset(url: str, mime: Any = None) -> Asset:
    mime = mime if isinstance(mime, str) and mime else "video/mp4"
    if url.startswith("/videos/"):  # as the page has it, below the base URL
        return Asset(url=url, mime=mime, lives=LINK_LIVES, auth=True)
    found = asset_of(url)
    if found.data is not None:
        return found
    return replace(found, mime=mime, lives=LINK_LIVES, auth=True)


def balance(body: Any) -> JSON:
    """`{balance}` or OpenAI's old credit_summary `{total_available}`, also under `data`, as a number or a
    numeric string."""
    holder = body.get("data", body) if isinstance(body, Mapping) else body
    value = holder
    if isinstance(holder, Mapping):
        value = holder.get("balance", holder.get("total_available"))
    try:
        return {"balance": None if value is None else float(value)}
    except (TypeError, ValueError) as exc:
        raise MalformedReply("The gateway's balance cannot be read.") from exc
