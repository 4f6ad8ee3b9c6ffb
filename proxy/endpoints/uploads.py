"""Files that come with a request: lent to gateways by URL, and kept for as long as their job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.errors import INVALID, ApiError
from proxy.media import Media
from translators.core import FormText, Hosted, Source


class NotHosted(ApiError):
    """A target wants a URL of a file that nobody could fetch from here."""

    def __init__(self) -> None:
        super().__init__(
            400,
            INVALID,
            "unsupported_value",
            "This target takes files only by URL, and the proxy has no public address to serve "
            "yours from: set server.public_url in the config, or give a URL.",
            param="input_reference",
        )


@dataclass
class Uploads:
    """Uploads of one request, each stored once."""

    media: Media
    public_url: str | None
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

    async def hosted(self, value: Any) -> Any:
        """A native body with URLs of ours where it holds `Hosted` values."""
        if isinstance(value, Hosted):
            if self.public_url is None:
                raise NotHosted
            name = await self.name(value.source)
            await self.media.publish(name)
            return f"{self.public_url}/media/{name}"
        if isinstance(value, Mapping):
            return {key: await self.hosted(one) for key, one in value.items()}
        if isinstance(value, list):
            return [await self.hosted(one) for one in value]
        return value

    async def frozen(self, value: Any) -> Any:
        """Parameters as a job stores them: files by name."""
        if isinstance(value, Source):
            if value.url is not None:
                return {"$url": value.url}
            return {"$file": await self.name(value), "mime": value.mime}
        if isinstance(value, Mapping):
            return {str(key): await self.frozen(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [await self.frozen(one) for one in value]
        return str(value) if isinstance(value, FormText) else value


async def thawed(value: Any, media: Media) -> Any:
    """What `frozen` stored, as parameters again; raises ApiError 410 for a file that is gone."""
    if isinstance(value, Mapping):
        if "$url" in value:
            return Source(url=value["$url"])
        if "$file" in value:
            data = await media.read(value["$file"])
            return Source(data=data, mime=value["mime"])
        return {key: await thawed(one, media) for key, one in value.items()}
    if isinstance(value, list):
        return [await thawed(one, media) for one in value]
    return value
