"""What a gateway's task brought, made ready to be kept: files stored, costs in dollars."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from proxy.accounts import Account
from proxy.errors import ApiError
from proxy.jobs.transitions import Outcome
from proxy.media import Media
from proxy.redact import Redactor, unkeyed
from proxy.sniff import HEAD, OCTETS, sniff
from proxy.store.base import Job
from proxy.store.money import believable, countable
from translators.core import Asset, Cost, Task
from translators.errors import Fault

_DAY = 86_400.0


async def outcome_of(task: Task, account: Account, media: Media, now: float) -> Outcome:
    """The result of a succeeded task; bytes that came inside the answer are stored as files.

    Raises ApiError where the media folder does not take them.
    """
    assets: list[dict[str, Any]] = []
    ends: list[float] = []
    try:
        for one in task.assets:
            assets.append(await _kept(one, account, media, now))
    except ApiError:  # all or nothing: it may be tried again
        with suppress(ApiError):
            await media.remove([str(one["file"]) for one in assets if "file" in one])
        raise
    for one in task.assets:
        lives = one.lives or account.row.link_lives
        if one.url and lives is not None:
            ends.append(now + lives)
    text = None if task.text is None else unkeyed(task.text, account.key)
    until = min(ends) if ends else None
    return Outcome(tuple(assets), text, task.detail, dollars(task.cost, account), task.id, until)


def dollars(cost: Cost | None, account: Account) -> float | None:
    """USD of what a gateway charges; credits by the provider's `usd_per_credit`, unknown without it.

    Unknown, too, where no task can cost that: an absurd cost must not lose the task.
    """
    if cost is None:
        return None
    usd, price = cost.usd, account.usd_per_credit
    if usd is None and price is not None and cost.credits is not None:
        usd = countable(cost.credits * price)
    return usd if usd is not None and believable(usd) else None


def wants_keeping(outcome: Outcome, keep: bool | str) -> bool:
    """Whether `media.keep` asks for the files: always, or (auto) where their links live less than a day."""
    if keep is False or not outcome.assets:
        return False
    urls = [one for one in outcome.assets if "url" in one and "file" not in one]
    if not urls:
        return False
    return keep is True or any(one.get("lives", _DAY) < _DAY for one in urls)


def redacted(fault: Fault, redactor: Redactor) -> Fault:
    """The gateway's own words, without keys."""
    return replace(fault, message=redactor.text(fault.message))


async def _kept(asset: Asset, account: Account, media: Media, now: float) -> dict[str, Any]:
    kept: dict[str, Any] = {"role": asset.role}
    mime = asset.mime or sniff((asset.data or b"")[:HEAD])
    if mime:
        kept["mime"] = mime
    if asset.title:
        kept["title"] = unkeyed(asset.title, account.key)
    if asset.data is not None:
        kept["file"] = await media.save(asset.data, mime or OCTETS)
        return kept
    url = asset.url or ""
    if url.startswith("/"):
        # A row's "/…" is relative to the base URL, as an OpenAI-like gateway's content endpoint is.
        kept["url"] = rooted(account.base_url, url) if asset.rooted else account.base_url + url
    else:
        kept["url"] = url
    lives = asset.lives or account.row.link_lives
    if lives is not None:
        kept["lives"] = lives
        kept["expires"] = now + lives
    if asset.auth:
        kept["auth"] = True
    return kept


def rooted(base_url: str, link: str) -> str:
    """A gateway's "/…" or "//…" in full; what is no address even so is found out where it is fetched."""
    scheme, _, rest = base_url.partition("://")
    if link.startswith("//"):
        return f"{scheme}:{link}"
    return f"{scheme}://{rest.partition('/')[0]}{link}"


def files_of(job: Job) -> list[str]:
    """Its results that are stored, by their names in the media folder."""
    return [str(one["file"]) for entry in job.tasks for one in entry.assets if "file" in one]


def contents(assets: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The results proper, without thumbnails and covers."""
    return [one for one in assets if one.get("role", "content") == "content"]
