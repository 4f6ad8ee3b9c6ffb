"""The only place that sends requests: to gateways, and for the files they point at.

It owns connections, timeouts, keys and limits, and says of each failure whether the gateway may
have taken the request. It knows no gateway and no endpoint.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urljoin

import httpx
import orjson

from proxy.accounts import Account, Origin, origin_of
from proxy.errors import Lost, Throttled, Unreachable
from proxy.transport import Body
from translators.core import Answer, Request, Source

MAX_ANSWER = 128 << 20  # bytes of a whole answer, decoded: some twenty base64 images
_MAX_HOPS = 5
_POLL_SHARE = 0.2  # of a provider's rpm that polls leave to submits and chat
_AGENT = "anygate"

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
    ) -> None:
        self._named = named
        self._public = public
        self._origins = origins
        self._spend = spend

    async def ask(
        self, account: Account, request: Request, *, poll: bool = False, read: float | None = None
    ) -> Answer:
        """A request and its whole answer, whatever its status. `read`: seconds, instead of the config's.

        Raises Unreachable, Throttled or Lost.
        """
        sent = await self.native(account, request)
        async with self.exchange(account, sent, poll=poll, read=read) as answer:
            raw = await read_whole(answer)
        return Answer(answer.status_code, answer.headers, raw, _json(raw))

    @asynccontextmanager
    async def exchange(
        self,
        account: Account,
        request: httpx.Request,
        *,
        poll: bool = False,
        read: float | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """An answer whose body is still to be read; left early, the request is cancelled upstream."""
        await self._within_rpm(account, poll)
        await account.slots.acquire()
        try:
            answer = await self._send(account, request, read)
            try:
                yield answer
            finally:
                await answer.aclose()
        finally:
            account.slots.release()

    def json_request(
        self, account: Account, path: str, body: bytes, accept: str = "application/json"
    ) -> httpx.Request:
        """A POST of JSON that is already encoded."""
        made = account.prepared.get((path, accept))
        if made is None:
            headers = {
                "content-type": "application/json",
                "accept": accept,
                "accept-encoding": "identity",
                "user-agent": _AGENT,
                **account.row.auth(account.key),
            }
            made = httpx.URL(account.base_url + path), httpx.Headers(headers)
            account.prepared[path, accept] = made
        # With a stream httpx derives no further headers, which the transport does anyway.
        return httpx.Request("POST", made[0], headers=made[1], stream=Body(body))

    async def fetch(
        self, url: str, *, account: Account | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """A file by its URL, from a public address or an origin that the config names.

        With `account` its key goes along, but only to that gateway's own origin, after redirects too.
        Raises Unreachable or Lost. The caller closes the response.
        """
        for _ in range(_MAX_HOPS):
            sent = {"accept-encoding": "identity", "user-agent": _AGENT, **(headers or {})}
            origin = _checked_origin(url)
            if account is not None and origin == account.origin:
                sent.update(account.row.auth(account.key))
            request = httpx.Request("GET", url, headers=sent)
            request.extensions["timeout"] = {"connect": 10.0, "read": 60.0}
            transport = self._named if origin in self._origins else self._public
            answer = await _handle(transport, request, "the file's server")
            target = answer.headers.get("location")
            if answer.status_code not in (301, 302, 303, 307, 308) or not target:
                return answer
            await answer.aclose()
            url = urljoin(url, target)
        raise Unreachable("the file's server redirects too often")

    async def call(
        self, url: str, body: bytes, headers: Mapping[str, str], *, private: bool
    ) -> int:
        """POST to a client's own address and give its status; `private`: it may be anywhere.

        Raises Unreachable or Lost. Redirects are not followed, and no key goes along.
        """
        sent = {"user-agent": _AGENT, "accept-encoding": "identity", **headers}
        request = httpx.Request("POST", url, headers=sent, content=body)
        request.extensions["timeout"] = {"connect": 5.0, "read": 10.0}
        transport = self._named if private else self._public
        answer = await _handle(transport, request, "the webhook's receiver")
        await answer.aclose()
        return answer.status_code

    async def _within_rpm(self, account: Account, poll: bool) -> None:
        limit = account.config.rpm
        if limit is None:
            return
        keep = max(1, int(limit * _POLL_SHARE)) if poll and limit > 1 else 0
        wait = await self._spend(f"rpm:{account.name}", limit, keep=keep)
        if wait > 0:
            raise Throttled(account.name, wait)

    async def _send(
        self, account: Account, request: httpx.Request, read: float | None
    ) -> httpx.Response:
        request.extensions["timeout"] = {
            "connect": account.config.timeout.connect,
            "read": account.config.read_timeout if read is None else read,
        }
        return await _handle(self._named, request, f"provider '{account.name}'")

    async def native(self, account: Account, request: Request) -> httpx.Request:
        """The request as it goes out: JSON, a form with its files, or a GET."""
        path = request.path.replace("{key}", quote(account.key, safe=""))
        url = account.base_url + path
        if request.body is None or request.method == "GET":
            headers = {
                "accept": "application/json",
                "accept-encoding": "identity",
                "user-agent": _AGENT,
                **account.row.auth(account.key),
            }
            return httpx.Request(request.method, url, headers=headers)
        if request.form:
            return await _multipart(url, request.body, account.row.auth(account.key))
        return self.json_request(account, path, orjson.dumps(request.body))


async def read_whole(answer: httpx.Response, limit: int = MAX_ANSWER) -> bytes:
    """The decoded body of an answer; raises Lost where it is cut off or larger than `limit` bytes."""
    chunks: list[bytes] = []
    length = 0
    try:
        async for chunk in body_of(answer):
            length += len(chunk)
            if length > limit:
                raise Lost(f"an answer of more than {limit} bytes")
            chunks.append(chunk)
    except httpx.HTTPError as exc:
        raise lost(exc, "the gateway") from exc
    return b"".join(chunks)


def body_of(answer: httpx.Response) -> AsyncIterator[bytes]:
    """The body's bytes as they come, decoded where the server compressed them unasked."""
    encoded = answer.headers.get("content-encoding", "identity") != "identity"
    if encoded or not isinstance(answer.stream, httpx.AsyncByteStream):
        return answer.aiter_bytes()
    return aiter(answer.stream)  # httpx's own iterators keep counts that nobody asks for


def lost(exc: httpx.HTTPError, who: str) -> Lost:
    if isinstance(exc, httpx.TimeoutException):
        return Lost(f"{who} took too long to answer", timed_out=True)
    return Lost(f"{who} cut the connection off: {exc}")


async def _handle(
    transport: httpx.AsyncBaseTransport, request: httpx.Request, who: str
) -> httpx.Response:
    try:
        return await transport.handle_async_request(request)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as exc:
        raise Unreachable(f"{who} cannot be reached") from exc
    except httpx.HTTPError as exc:
        raise lost(exc, who) from exc


async def _multipart(url: str, body: Mapping[str, Any], auth: Mapping[str, str]) -> httpx.Request:
    files: list[tuple[str, Any]] = []
    for name, value in body.items():
        many = value if isinstance(value, list) else [value]
        for one in many:
            label = f"{name}[]" if isinstance(value, list) else name
            if isinstance(one, Source):
                extension = one.mime.rpartition("/")[2].split("+")[0]
                files.append((label, (f"{name}.{extension}", one.data or b"", one.mime)))
            elif one is not None:
                files.append((label, (None, _form_text(one))))
    headers = {"user-agent": _AGENT, "accept-encoding": "identity", **auth}
    request = httpx.Request("POST", url, files=files, headers=headers)
    await request.aread()
    return request


def _form_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _checked_origin(url: str) -> Origin:
    try:
        origin = origin_of(url)
    except ValueError as exc:
        raise Unreachable("the file's address cannot be read") from exc
    if origin[0] not in ("http", "https") or not origin[1]:
        raise Unreachable("the file's address is not an http(s) URL")
    return origin


def _json(raw: bytes) -> Any:
    """The JSON an answer holds, whatever its Content-Type says; None where it holds none."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
