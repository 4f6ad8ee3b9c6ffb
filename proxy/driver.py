"""The only place that sends requests: to gateways, and for the files they point at.

It owns connections, timeouts, keys and limits, and says of each failure whether the gateway may
have taken the request. It knows no gateway and no endpoint.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from proxy.accounts import Account, Origin, Seat, Timeout
from proxy.errors import Throttled, Unreachable
from proxy.gets import get, headers_of
from proxy.messages import Post, Prepared
from proxy.sending import Sending
from proxy.tracing import Tracer
from proxy.wire import AGENT, at_once, joined, lost, multipart, place_of, plain_headers, read_out
from translators.core import Answer, Request, from_json

_MAX_HOPS = 5
_SAID = 1000  # bytes of an answer that are kept beside what they were parsed to
_LARGE = 1 << 20  # bytes
_FRESH = 1.0  # seconds that a connection for a job's submit was idle at most: a paid order is worth a handshake
_POLL_SHARE = 0.2  # of a provider's rpm that polls leave to submits and chat

Spend = Callable[..., Awaitable[float]]


class Driver:
    """Sends for a set of origins that the config names; everything else must be public.

    `spend(bucket, limit, keep=…)`: the shared counter behind a provider's `rpm`, giving the seconds
    to wait.
    """

    def __init__(
        self,
        *,
        named: httpx.AsyncBaseTransport,
        public: httpx.AsyncBaseTransport,
        origins: frozenset[Origin],
        spend: Spend,
        tracer: Tracer | None = None,
    ) -> None:
        self._named = named
        self._public = public
        self._origins = origins
        self._spend = spend
        self._tracer = tracer

    def ask(
        self,
        account: Account,
        path: str,
        *,
        task_id: str = "",
        poll: float | None = None,
        timeout: Timeout | None = None,
    ) -> Coroutine[Any, Any, Answer]:
        """What the gateway answers to a GET, whole and whatever its status. `task_id`: for `{id}` in the path;
        `timeout`: not the config's; `poll`: the seconds that it waits for its place, where submits and chat
        go first.

        Raises Unreachable, Throttled or Lost.
        """
        request = get(account, _keyed(account, path), task_id)
        return self.answer(account, request, poll=poll, timeout=timeout)

    async def answer(
        self,
        account: Account,
        request: httpx.Request,
        *,
        poll: float | None = None,
        timeout: Timeout | None = None,
        seat: Seat | None = None,
    ) -> Answer:
        """The same of any request. `seat`: a submit's place, which has been let through."""
        if seat is not None:
            request.extensions["fresh"] = _FRESH
        elif account.rpm is not None or not account.slots.taken():  # else it is let in
            await self.let_in(account, poll=poll)
        try:
            answer = await self.send(account, request, timeout)
            raw = at_once(answer)
            said, body = _parsed(await read_out(answer) if raw is None else raw)
        finally:
            (seat or account.slots).release()
        return Answer(answer.status_code, plain_headers(answer), said, body)

    def exchange(self, account: Account, request: httpx.Request) -> Sending:
        """A context with an answer whose body is still to be read; left early, it is cancelled upstream."""
        return Sending(self, account, request)

    def json_request(
        self, account: Account, path: str, body: bytes, accept: str = "application/json"
    ) -> httpx.Request:
        """A POST of JSON that is already encoded."""
        prepared = account.prepared.get((path, accept))
        if prepared is None:
            headers = {"content-type": "application/json", **headers_of(account, accept)}
            prepared = account.prepared[path, accept] = Prepared(account.base_url + path, headers)
        return Post(prepared, body)

    async def fetch(
        self, url: str, *, account: Account | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """A file by its URL, from a public address or an origin that the config names.

        With `account` its key goes along, but only to that gateway's own origin, after redirects too.
        Raises Unreachable or Lost. The caller closes the response.
        """
        for _ in range(_MAX_HOPS):
            sent = {"accept-encoding": "identity", "user-agent": AGENT, **(headers or {})}
            place, origin = place_of(url)
            if account is not None and origin == account.origin:
                sent.update(account.row.auth(account.key))
            request = httpx.Request("GET", place, headers=sent)
            request.extensions["timeout"] = {"connect": 10.0, "read": 60.0}
            transport = self._named if origin in self._origins else self._public
            answer = await self._handle(transport, request, "the file's server")
            target = answer.headers.get("location")
            if answer.status_code not in (301, 302, 303, 307, 308) or not target:
                return answer
            await answer.aclose()
            url = joined(url, target)
        raise Unreachable("the file's server redirects too often")

    async def call(
        self, url: str, body: bytes, headers: Mapping[str, str], *, private: bool
    ) -> int:
        """POST to a client's own address and give its status; `private`: it may be anywhere.

        Raises Unreachable or Lost. Redirects are not followed, and no key goes along.
        """
        sent = {"user-agent": AGENT, "accept-encoding": "identity", **headers}
        request = httpx.Request("POST", place_of(url)[0], headers=sent, content=body)
        request.extensions["timeout"] = {"connect": 5.0, "read": 10.0}
        transport = self._named if private else self._public
        answer = await self._handle(transport, request, "the webhook's receiver")
        await answer.aclose()
        return answer.status_code

    def seat_at_once(self, account: Account) -> Seat | None:
        """A place for a submit that is still to be stored, where there is one and nothing has to be counted."""
        return account.slots.seat() if account.rpm is None else None

    async def seat(self, account: Account, *, crowded: bool = False) -> Seat:
        """A place for a submit, which waits for it as long as it must: nobody waits for its connection.

        Raises Throttled. `crowded`: it waits however many do already.
        """
        await self.enter(account, poll=False, patience=None, crowded=crowded)
        return Seat(account.slots)

    async def let_in(self, account: Account, *, poll: float | None = None) -> None:
        """Take a place within the provider's limits, waiting as long as the config says; raises Throttled."""
        if account.rpm is not None or not account.slots.taken():
            patience = account.config.timeout.queue if poll is None else poll
            await self.enter(account, poll=poll is not None, patience=patience)

    async def enter(
        self, account: Account, *, poll: bool, patience: float | None, crowded: bool = False
    ) -> None:
        """Take a place within the provider's limits, waiting up to `patience` seconds for it; raises Throttled."""
        if not account.slots.taken():
            await account.slots.wait(patience, crowded=crowded)
        try:
            await self._within_rpm(account, poll)  # not before: who gets no place sends nothing
        except BaseException:
            account.slots.release()
            raise

    async def _within_rpm(self, account: Account, poll: bool) -> None:
        """Count a request against the provider's `rpm`; raises Throttled."""
        limit = account.rpm
        if limit is None:
            return
        keep = max(1, int(limit * _POLL_SHARE)) if poll and limit > 1 else 0
        wait = await self._spend(f"rpm:{account.name}", limit, keep=keep)
        if wait > 0:
            raise Throttled(account.name, wait)

    def send(
        self, account: Account, request: httpx.Request, timeout: Timeout | None = None
    ) -> Awaitable[httpx.Response]:
        """The answer of a gateway, its body unread; raises Unreachable or Lost."""
        request.extensions["timeout"] = timeout or account.timeout
        return self._handle(self._named, request, account.title)

    def _handle(
        self, transport: httpx.AsyncBaseTransport, request: httpx.Request, who: str
    ) -> Awaitable[httpx.Response]:
        answer = _handle(transport, request, who)
        return answer if self._tracer is None else _traced(self._tracer, who, request, answer)

    def native(self, account: Account, request: Request) -> httpx.Request:
        """The request as it goes out: JSON, or a form with its files."""
        path = _keyed(account, request.path)
        if request.form:
            url = account.base_url + path
            return multipart(url, request.body, account.row.auth(account.key))
        return self.json_request(account, path, orjson.dumps(request.body))


def _keyed(account: Account, path: str) -> str:
    return path.replace("{key}", quote(account.key, safe="")) if "{key}" in path else path


async def _handle(
    transport: httpx.AsyncBaseTransport, request: httpx.Request, who: str
) -> httpx.Response:
    try:
        return await transport.handle_async_request(request)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as exc:
        timed_out = isinstance(exc, httpx.ConnectTimeout)
        raise Unreachable(f"{who} cannot be reached", timed_out=timed_out) from exc
    except httpx.HTTPError as exc:
        raise lost(exc, who) from exc


async def _traced(
    tracer: Tracer, who: str, request: httpx.Request, answer: Awaitable[httpx.Response]
) -> httpx.Response:
    with tracer.asking(who, request) as span:
        found = await answer
        span.set_attribute("http.response.status_code", found.status_code)
        return found


def _parsed(raw: bytes) -> tuple[bytes, Any]:
    """How an answer begins, and the JSON it holds, whatever its Content-Type says; None where it holds none.

    Nothing is kept twice, nor while it is parsed: a picture may have tens of megabytes.
    """
    said = raw[:_SAID]
    try:
        if len(raw) <= _LARGE:
            return said, from_json(raw)
        text = raw.decode()
        del raw
        return said, from_json(text)
    except (orjson.JSONDecodeError, UnicodeDecodeError):
        return said, None
