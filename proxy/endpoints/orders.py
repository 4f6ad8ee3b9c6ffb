"""Making a job of a request: planned, its files stored, its answer's headers noted."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints.common import fingerprint, retry_count, waiting_time
from proxy.endpoints.intime import too_late
from proxy.endpoints.uploads import NoFile, Uploads, holds_upload
from proxy.errors import ApiError
from proxy.exchange import given
from proxy.jobs import transitions
from proxy.jobs.notify import checked
from proxy.jobs.start import Beginning
from proxy.limits import over_budget
from proxy.pricing import ordered_price
from proxy.routing import Ask, Candidate, Resolved
from proxy.service import Handled, exchange_of
from proxy.store.base import Job
from proxy.store.document import ENDED
from proxy.store.ids import new_id
from proxy.store.money import OverBudget
from translators.core import JSON, Params
from translators.errors import TranslationError, UnsupportedEndpoint
from translators.files import reference_name

_LONG_TEXT = 65_536  # bytes of a parameter that a job does not keep: a conversation, say


@dataclass(slots=True)
class Wish:
    """What a client wants made. `said`: its own parameters, by which a repetition is known;
    `tasks`: how many the gateway is asked for; `keep_files`: its uploads are needed for a remix;
    `candidates`: instead of the route's; `before`: tried first."""

    kind: str
    resolved: Resolved
    ask: Ask
    said: Params
    tasks: int = 1
    keep_files: bool = False
    remixed_from: str | None = None
    candidates: Sequence[Candidate] | None = None
    before: Sequence[Candidate] = ()


async def place(request: Request, wish: Wish) -> Job:
    """Store the job and send it, or join the one that this request repeats; notes the answer's headers.

    Raises what makes the request impossible, before anything is sent.
    """
    exchange = exchange_of(request)
    key, retry = given(request, b"idempotency-key") or None, retry_count(request)
    job, beginning = await _planned(exchange, wish, request.scope["path"])
    # Nothing stands between them: the job may hold a place at a gateway already.
    starting = exchange.service.jobs.start_job(
        job, beginning, key=key, retry=retry, budget=exchange.client.budget
    )
    try:
        stored = await starting
    except OverBudget as exc:
        raise over_budget(exc) from exc
    if stored.deleted:
        stored = await exchange.service.jobs.change(stored.id, transitions.wanted) or stored
    note(exchange, stored)
    return stored


async def ended(request: Request, job: Job) -> Job:
    """The job at its end. Raises its failure, or 504 with the job's id shortly before the client gives up."""
    exchange = exchange_of(request)
    left = waiting_time(request) - exchange.age()
    found = await exchange.service.jobs.wait(job.id, _over, left)
    if found is None or found.status not in ENDED:
        goes_on = f"It goes on as job {job.id}: GET /v1/jobs/{job.id}."
        raise too_late(f"It is not finished yet. {goes_on}")
    note(exchange, found)
    if found.status == "failed":
        raise failure(request, found)
    return found


def _over(job: Job) -> bool:
    return job.status in ENDED


def delivering(request: Request, job: Job, response: Response) -> Response:
    """An answer that carries a job's result: once it is out, no automatic retry joins the job."""
    exchange_of(request).delivers = job
    return response


def failure(request: Request, job: Job) -> ApiError:
    """A failed job's error, which is what its client was waiting for, too."""
    exchange_of(request).delivers = job
    return ApiError.from_stored(job.error or {})


def plain_prompt(prompt: Any) -> str | None:
    """The words of a prompt that may be an object at some gateways."""
    if isinstance(prompt, Mapping):
        prompt = prompt.get("text")
    return prompt if isinstance(prompt, str) else None


def note(exchange: Handled, job: Job) -> None:
    """The headers that every answer about a job's request carries."""
    exchange.answered_by(job.provider, job.target, tuple(job.dropped))
    exchange.route = job.model
    exchange.headers["x-anygate-job"] = job.id
    exchange.costs(job.cost)
    if job.status == "completed" and len(job.tasks) > 1:
        good = sum(entry.state == "completed" for entry in job.tasks)
        if good < len(job.tasks):
            exchange.headers["x-anygate-partial"] = f"{good}/{len(job.tasks)}"


async def _planned(exchange: Handled, wish: Wish, path: str) -> tuple[Job, Beginning]:
    """The job as it is to be stored, and how it begins: with its files at hand."""
    runtime, media = exchange.service.runtime, exchange.service.media
    public_url, budget = runtime.public_url, exchange.client.budget
    job_id = new_id(wish.kind)
    # Only where a gateway is told of it: randomness is what a job's making costs most.
    secret = secrets.token_urlsafe(24) if public_url else ""
    hook = wish.said.get("webhook_url")
    webhook = None if hook is None else checked(hook, runtime.config)
    candidates = _candidates(exchange, wish, job_id, secret)
    files: Uploads | None = None
    if wish.keep_files or [one for one in candidates if holds_upload(one.plan.request.body)]:
        files = Uploads(media, public_url, runtime.driver)
    beginning: Beginning | None = None
    try:
        hosted = candidates if files is None else await _hosted(candidates, files)
        kept = await _kept(wish, files) if files and wish.keep_files else _shown(wish.ask.params)
        digest, asked, now = fingerprint(path, wish.said), _asked(wish), time.time()
        budgeted: JSON = {}
        if budget is not None:
            budgeted = {"reserved": _reserved(exchange, hosted), "charged_at": budget.slot(now)}
        beginning = exchange.service.jobs.begin(hosted, wish.tasks)
        first = beginning.candidates[0]
        job = Job(
            id=job_id,
            kind=wish.kind,
            capability=str(first.capability),
            owner=exchange.client.name,
            model=wish.resolved.name,
            provider=first.account.name,
            target=str(first.target),
            native=first.plan.model,
            created_at=now,
            deadline=now + runtime.job_timeout,
            status="in_progress" if beginning.long else "queued",
            request=kept,
            asked=asked,
            ordered=first.plan.ordered.known(),
            fingerprint=digest,
            remixed_from=wish.remixed_from,
            dropped=list(first.plan.dropped),
            webhook=webhook,
            callback=secret,
            media=[] if files is None else list(files.names.values()),
            tasks=beginning.tasks,
            **budgeted,
        )
        return job, beginning
    except BaseException:
        if beginning is not None:
            beginning.leave()
        if files is not None:
            await media.remove(list(files.names.values()))
        raise


def _candidates(exchange: Handled, wish: Wish, job_id: str, secret: str) -> Sequence[Candidate]:
    runtime = exchange.service.runtime
    public_url = runtime.public_url
    if wish.candidates is not None:
        return wish.candidates
    callback = f"{public_url}/callbacks/{job_id}/{secret}" if public_url else None
    try:
        ask = wish.ask if callback is None else replace(wish.ask, callback=callback)
        found = runtime.router.candidates(wish.resolved, ask)
    except (TranslationError, ApiError):
        if not wish.before:
            raise
        found = []
    taken = [one for one in (*wish.before, *found) if one.plan.operation.read is not None]
    if not taken:
        raise UnsupportedEndpoint(f"'{wish.resolved.name}' does not do this as a job.", "model")
    return taken


async def _hosted(candidates: Sequence[Candidate], files: Uploads) -> Sequence[Candidate]:
    """Those that can be given the request's files; raises ApiError 400 where none can."""
    able: list[Candidate] = []
    refused: ApiError | None = None
    for candidate in candidates:
        plan = candidate.plan
        if not holds_upload(plan.request.body):
            able.append(candidate)
            continue
        try:
            body = await files.hosted(plan.request.body, reference_name(candidate.capability))
        except NoFile as exc:
            refused = refused or exc
            continue
        request = replace(plan.request, body=body)
        able.append(replace(candidate, plan=replace(plan, request=request)))
    if not able and refused is not None:
        raise refused
    return able


def _shown(params: Params) -> JSON:
    """The request as a job stores it that nobody makes again: enough to show it."""
    prompt = params.get("prompt", params.get("input"))
    short = isinstance(prompt, str) and len(prompt) <= _LONG_TEXT
    return {"prompt": str(prompt)} if short else {}


async def _kept(wish: Wish, files: Uploads) -> JSON:
    """The request as a job stores it that may be remixed: enough to make it again."""
    kept: JSON = await files.frozen(wish.ask.params)
    if wish.ask.options:
        kept["provider_options"] = await files.frozen(wish.ask.options)
    return kept


def _asked(wish: Wish) -> dict[str, str]:
    """The size and the seconds that hold for a job, as far as they are plain."""
    said, usual = wish.resolved.said(wish.ask.params), wish.ask.defaults
    found: dict[str, str] = {}
    for name in ("size", "seconds"):
        one = said.get(name, usual.get(name))
        if isinstance(one, (str, int, float)):
            found[name] = str(one)
    return found


def _reserved(exchange: Handled, candidates: Sequence[Candidate]) -> float:
    """USD that each task may come to: at the dearest of its targets, whichever takes it in the end."""
    unknown = exchange.service.runtime.config.server.limits.reserve_usd
    prices = (ordered_price(one) for one in candidates)
    return max(unknown if price is None else price for price in prices)
