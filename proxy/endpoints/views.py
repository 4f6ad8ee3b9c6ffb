"""Jobs as clients see them: OpenAI's video object, and the same fields for every other kind."""

from collections.abc import Iterable
from typing import Any

from proxy.endpoints.orders import plain_prompt
from proxy.service import Service
from proxy.store.base import Job, Page
from translators.core import JSON

VIDEO_SIZE = "720x1280"
VIDEO_SECONDS = "4"


def video(job: Job, service: Service) -> JSON:
    """A video object (openai VideoResource) with what Anygate adds under `anygate`."""
    # A job of an earlier version has only what its client said.
    asked = {**job.request, **job.asked}
    return {
        "id": job.id,
        "object": "video",
        "model": job.model,
        "status": job.status,
        "progress": job.progress,
        "created_at": int(job.created_at),
        "completed_at": _time(job.completed_at),
        "expires_at": expires_at(job, service),
        "seconds": str(job.ordered.get("seconds") or asked.get("seconds") or VIDEO_SECONDS),
        "size": str(asked.get("size") or VIDEO_SIZE),
        "prompt": plain_prompt(job.request.get("prompt")),
        "error": _error(job),
        "remixed_from_video_id": job.remixed_from,
        "anygate": _anygate(job),
    }


def generic(job: Job, service: Service) -> JSON:
    """A job of any kind under /v1/jobs."""
    shown = {**video(job, service), "object": "job", "kind": job.kind}
    if job.kind != "video":
        for name in ("size", "seconds"):
            if not job.asked.get(name) and not job.ordered.get(name):
                shown[name] = None
    shown["assets"] = [
        {
            key: value
            for key, value in (
                ("index", place),
                ("role", asset.get("role", "content")),
                ("mime_type", asset.get("mime")),
                ("title", asset.get("title")),
            )
            if value is not None
        }
        for place, asset in enumerate(assets_of(job))
    ]
    # What the gateway calls them: its further routes (a song's extension) want these ids.
    shown["tasks"] = [entry.task_id for entry in job.tasks if entry.task_id is not None]
    texts = [entry.text for entry in job.tasks if entry.text is not None]
    if texts:
        shown["text"] = texts[0] if len(texts) == 1 else texts
    return shown


def listing(page: Page, shown: Iterable[JSON]) -> JSON:
    """A page of a list, with its cursors."""
    data = list(shown)
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": page.has_more,
    }


def assets_of(job: Job) -> list[dict[str, Any]]:
    """Every result of a job, of its tasks in order."""
    return [asset for entry in job.tasks if entry.state == "completed" for asset in entry.assets]


def expires_at(job: Job, service: Service) -> int | None:
    """When its content is gone: with its gateway's links, or, where the files are (still) kept, with the job."""
    if job.status != "completed" or job.completed_at is None:
        return None
    retained = job.completed_at + service.runtime.config.jobs.retention
    kept = all(service.media.path(asset.get("file", "")) for asset in assets_of(job))
    return int(retained if kept or job.links_until is None else min(job.links_until, retained))


def _anygate(job: Job) -> JSON:
    return {
        "provider": job.provider,
        "target": job.target,
        "ordered": {name: job.ordered.get(name) for name in ("resolution", "ratio", "seconds")},
        "cost": job.cost,
    }


def _error(job: Job) -> JSON | None:
    if job.error is None:
        return None
    return {
        "code": str(job.error.get("code") or "generation_failed"),
        "message": str(job.error.get("message") or "The generation failed."),
    }


def _time(value: float | None) -> int | None:
    return None if value is None else int(value)
