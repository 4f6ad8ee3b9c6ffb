"""Telling clients that their job has ended: `webhook_url`, signed after Standard Webhooks.

https://www.standardwebhooks.com; OpenAI's SDKs verify such a call with `client.webhooks.unwrap`.
A job that still has to tell is in the store's queue like a task to poll, under the index NOTIFY.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

import orjson
from standardwebhooks import Webhook

from proxy.config import Config
from proxy.deadlines import Deadlines
from proxy.errors import ApiError, GatewayDown, Unreachable, invalid
from proxy.jobs import transitions
from proxy.jobs.leased import seconds_for
from proxy.jobs.worker import Worker
from proxy.store.base import Due, Job
from proxy.transport import is_public
from proxy.wire import place_of

log = logging.getLogger("anygate.webhooks")

_Place = tuple[str, str]
_MOST = {"host": 10, "owner": 25}  # calls at once, of the queue's 50
_HELD = 1000  # that wait for a place

# Seconds after each failed call: a receiver may be down for a day.
_WAITS = (5, 30, 120, 600, 3600, 3 * 3600, 6 * 3600, 14 * 3600)


def checked(url: object, config: Config) -> str:
    """A job's `webhook_url`; raises ApiError 400 where it cannot be called."""
    if config.webhooks.secret is None:
        raise _refused("the proxy's config names no webhooks.secret to sign with")
    if not isinstance(url, str):
        raise invalid("'webhook_url' must be a string.", code="invalid_type", param="webhook_url")
    try:
        read, (_, host, _) = place_of(url)
    except Unreachable as exc:
        raise _refused("it is not an http(s) URL") from exc
    if not url.isascii() or read.userinfo:
        raise _refused("it is not an http(s) URL")
    if not config.webhooks.allow_private and _is_private(host):
        raise _refused("its address is not on the open internet")
    return str(url)


class Notifier:
    """Calls what the queue says is due. Of its places one receiver has a few at most, and one client half:
    whoever answers slowly does not keep the others waiting.

    What has no place is held, without a call, until one ends there or its lease does. `limits`: of time.
    """

    def __init__(self, worker: Worker, limits: Deadlines) -> None:
        self._worker = worker
        self._limits = limits
        self._busy: Counter[_Place] = Counter()  # calls that are under way
        self._held: deque[tuple[Due, list[_Place]]] = deque()

    async def notify(self, due: Due, job: Job | None) -> None:
        """Call the job's webhook once; come back later where it does not answer well."""
        secret = self._worker.config.webhooks.secret
        if job is None or job.notify_at is None or job.webhook is None or secret is None:
            return
        limit = seconds_for(due, self._worker.lease)
        if limit is None:
            return
        places = _places(job, job.webhook)
        if not self._room(places):
            if len(self._held) < _HELD:  # else its lease brings it back
                self._held.append((due, places))
            return
        self._busy.update(places)
        try:
            body = payload(job)
            headers = signed(job, body, secret.get_secret_value())
            status = await self._called(job, job.webhook, body, headers, limit)
        finally:
            self._left(places)
        told = 200 <= status < 300 or status == 410  # gone: it wants to hear no more
        again = None
        if status and not told:
            log.warning("webhook of %s: it was answered with status %d", job.id, status)
        if not told and job.notifications < len(_WAITS):
            again = time.time() + _WAITS[job.notifications]
        elif not told:
            log.warning("webhook of %s: it is given up", job.id)
        await self._worker.change(due.job_id, transitions.notified(again=again))

    async def _called(
        self, job: Job, url: str, body: bytes, headers: dict[str, str], limit: float
    ) -> int:
        """The status of the answer, 0 where there is none."""
        private = self._worker.config.webhooks.allow_private
        calling = self._worker.driver.call(url, body, headers, private=private)
        try:
            # All of it is to be over by then: an answer that comes drop by drop would outlast its lease.
            return await self._limits.within(limit, calling)
        except GatewayDown as down:
            log.warning("webhook of %s: %s", job.id, self._worker.redactor.text(str(down)))
        except TimeoutError:
            log.warning("webhook of %s: no answer within %.1f seconds", job.id, limit)
        return 0

    def _room(self, places: Iterable[_Place]) -> bool:
        return all(self._busy[place] < _MOST[place[0]] for place in places)

    def _left(self, places: list[_Place]) -> None:
        """A call has ended: the queue has one back that was held for its place."""
        self._busy.subtract(places)
        for place in places:
            if not self._busy[place]:
                del self._busy[place]
        now = time.time()
        while self._held and self._held[0][0].until <= now:
            self._held.popleft()  # others' by now
        for number, (due, wanted) in enumerate(self._held):
            if due.until > now and self._room(wanted):
                del self._held[number]
                self._worker.queue.later(due, 0.0)
                return


def _places(job: Job, url: str) -> list[_Place]:
    """Whose places a call takes: its receiver's, and its client's where there are several."""
    host = ("host", urlsplit(url).netloc.lower())
    return [host, ("owner", job.owner)] if job.owner else [host]


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
