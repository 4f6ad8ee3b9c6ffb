"""Files that come with a request: lent to gateways by URL, and kept for as long as their job."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.driver import Driver
from proxy.errors import INVALID, ApiError, GatewayDown
from proxy.links import download
from proxy.media import Media
from translators.core import FormText, Hosted, Source
from translators.errors import UnsupportedValue
from translators.files import PLAIN, data_uri, source_of

_LARGEST = 64 << 20  # bytes of a file that is fetched for a gateway which takes no URLs
_LONGEST = 60.0  # seconds for one
_INLINE = 2_048  # characters of a data URL that a job keeps as it is
# What a native body may hold as it is, besides dicts and lists.
_SENT_SO = (str, int, float, type(None))


class NoFile(ApiError):
    """A target cannot be given a file of the request: another one may."""


class NotHosted(NoFile):
    """A target wants a URL of a file that nobody could fetch from here."""

    def __init__(self, param: str) -> None:
        super().__init__(
            400,
            INVALID,
            "unsupported_value",
            "This target takes files only by URL, and the proxy has no public address to serve "
            "yours from: set server.public_url in the config, or give a URL.",
            param=param,
        )


class NotFetched(NoFile):
    """A target wants a file itself whose URL leads to nothing, or where the proxy may not go."""

    def __init__(self, param: str) -> None:
        super().__init__(
            400,
            INVALID,
            "unsupported_value",
            "This target takes the file itself, and the URL that stands for it cannot be fetched.",
            param=param,
        )


def holds_upload(value: Any) -> bool:
    """Whether a native body cannot be sent as it is: see `Uploads.hosted`."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return not isinstance(value, _SENT_SO)
    odd = [one for one in value if type(one) not in PLAIN]
    return any(map(holds_upload, odd))


@dataclass
class Uploads:
    """Uploads of one request, each stored once."""

    media: Media
    public_url: str | None
    driver: Driver
    fetched: dict[str, Source] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)  # keeps the ids above alive

    async def name(self, source: Source) -> str:
        if source.name is not None:
            return source.name
        if id(source) not in self.names:
            self.sources.append(source)
            self.names[id(source)] = await self.media.save(
                source.data or b"", source.mime, upload=True
            )
        return self.names[id(source)]

    async def hosted(self, value: Any, param: str) -> Any:
        """A native body as it can be sent: URLs of ours where it holds `Hosted` values, and bytes
        where it holds a form's files by their URL. `param`: what the client calls its files.
        """
        if isinstance(value, Hosted):
            if self.public_url is None:
                raise NotHosted(param)
            name = await self.name(value.source)
            await self.media.publish(name)
            return f"{self.public_url}/media/{name}"
        if isinstance(value, Source) and value.data is None:
            return await self.fetch(value.url or "", param)
        if isinstance(value, Mapping):
            return {key: await self.hosted(one, param) for key, one in value.items()}
        if isinstance(value, list):
            return [await self.hosted(one, param) for one in value]
        return value

    async def fetch(self, url: str, param: str) -> Source:
        """What a URL leads to: from public places, or those that the config names."""
        if url not in self.fetched:
            try:
                async with (
                    asyncio.timeout(_LONGEST),
                    download(self.driver, {"url": url}, None, _LARGEST) as (mime, body),
                ):
                    data = b"".join([chunk async for chunk in body])
            except (ApiError, GatewayDown, TimeoutError) as exc:
                raise NotFetched(param) from exc
            self.fetched[url] = Source(data=data, mime=mime)
        return self.fetched[url]

    async def frozen(self, value: Any) -> Any:
        """Parameters as a job stores them: files by name, as which long data URLs are kept, too. A job is read and
        written as a whole, for each poll and in lists."""
        if _is_long(value):
            return await self._data(value)
        if isinstance(value, Source):
            if value.url is not None:
                return {"$url": value.url}
            return {"$file": await self.name(value), "mime": value.mime}
        if isinstance(value, Mapping):
            return {
                str(key): one
                if type(one) in PLAIN and not _is_long(one)
                else await self.frozen(one)
                for key, one in value.items()
            }
        if isinstance(value, list | tuple):
            return [await self.frozen(one) for one in value]
        return str(value) if isinstance(value, FormText) else value

    async def _data(self, url: str) -> Any:
        try:
            source = source_of(url, "")
        except UnsupportedValue:  # it only looks like one
            return str(url)
        return {"$data": await self.name(source), "mime": source.mime}


def _is_long(value: Any) -> bool:
    """Whether it is a data URL that a job keeps as a file."""
    return isinstance(value, str) and len(value) > _INLINE and value.startswith("data:")


async def thawed(value: Any, media: Media) -> Any:
    """What `frozen` stored, as parameters again; raises ApiError 410 for a file that is gone."""
    if isinstance(value, Mapping):
        if "$url" in value:
            return Source(url=value["$url"])
        if "$file" in value or "$data" in value:
            data = await media.read(value.get("$file") or value["$data"])
            source = Source(data=data, mime=value["mime"])
            return source if "$file" in value else data_uri(source)
        return {key: await thawed(one, media) for key, one in value.items()}
    if isinstance(value, list):
        return [await thawed(one, media) for one in value]
    return value
