"""Telling clients that their job has ended: `webhook_url`, signed after Standard Webhooks.

https://www.standardwebhooks.com; OpenAI's SDKs verify such a call with `client.webhooks.unwrap`.
A job that still has to tell is in the store's queue like a task to poll, under the index NOTIFY.
"""

import logging
import time
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
from standardwebhooks import Webhook

from proxy.errors import ApiError, GatewayDown, invalid
from proxy.jobs import transitions
from proxy.store.base import Due, Job
from proxy.transport import is_public

if TYPE_CHECKING:
    from proxy.config import Config
    from proxy.jobs.engine import Jobs

log = logging.getLogger("anygate.webhooks")

# Seconds after each failed call: a receiver may be down for a day.
_WAITS = (5, 30, 120, 600, 3600, 3 * 3600, 6 * 3600, 14 * 3600)


def checked(url: object, config: "Config") -> str:
    """A job's `webhook_url`; raises ApiError 400 where it cannot be called."""
    if config.webhooks.secret is None:
        raise _refused("the proxy's config names no webhooks.secret to sign with")
    if not isinstance(url, str):
        raise invalid("'webhook_url' must be a string.", code="invalid_type", param="webhook_url")
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not host or not url.isascii() or parts.scheme not in ("http", "https") or parts.username:
        raise _refused("it is not an http(s) URL")
    if not config.webhooks.allow_private and _is_private(host):
        raise _refused("its address is not on the open internet")
    return str(url)


async def notify(jobs: "Jobs", due: Due) -> None:
    """Call a job's webhook, and come back later where it does not answer well."""
    job = await jobs.store.get(due.job_id)
    secret = jobs.config.webhooks.secret
    if job is None or job.notify_at is None or job.webhook is None or secret is None:
        return
    body = payload(job)
    headers = signed(job, body, secret.get_secret_value())
    try:
        status = await jobs.driver.call(
            job.webhook, body, headers, private=jobs.config.webhooks.allow_private
        )
    except GatewayDown as down:
        log.warning("webhook of %s: %s", job.id, jobs.redactor.text(str(down)))
        status = 0
    told = 200 <= status < 300 or status == 410  # gone: it wants to hear no more
    again = None
    if not told and job.notifications < len(_WAITS):
        again = time.time() + _WAITS[job.notifications]
    await jobs.change(due.job_id, transitions.notified(again=again))


def payload(job: Job) -> bytes:
    """OpenAI's event: {id, object, type: "video.completed", created_at, data: {id}}."""
    return orjson.dumps(
        {
            "id": _event_id(job),
            "object": "event",
            "type": f"{job.kind}.{job.status}",
            "created_at": int(job.completed_at or job.created_at),
            "data": {"id": job.id},
        }
    )


def signed(job: Job, body: bytes, secret: str) -> dict[str, str]:
    """The headers of Standard Webhooks. A secret without `whsec_` is taken as it is, as the SDKs do."""
    hook = Webhook(secret if secret.startswith("whsec_") else secret.encode())
    now = datetime.now(UTC)
    return {
        "webhook-id": _event_id(job),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": hook.sign(_event_id(job), now, body.decode()),
        "content-type": "application/json",
    }


def _event_id(job: Job) -> str:
    # The same for every repetition, so that a receiver can tell one.
    return f"evt_{job.id}"


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not is_public(str(ip_address(host)))
    except ValueError:
        return False  # a name is resolved, and checked, when it is called


def _refused(why: str) -> ApiError:
    return invalid(
        f"Unsupported parameter: 'webhook_url': {why}.",
        code="unsupported_parameter",
        param="webhook_url",
    )
