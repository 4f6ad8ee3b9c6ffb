"""Pictures, videos and sounds: what clients give, what gateways take, and the links that they answer."""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from translators.core import JSON, Asset, Call, Capability, FormText, Hosted, Source
from translators.errors import InvalidType, MalformedReply, UnsupportedValue
from translators.fields import Convert
from translators.spelling import from_text

_AS_THEY_ARE = orjson.OPT_PASSTHROUGH_DATACLASS
# All of it is bounded: a text of 30 MB that only begins as one took many seconds.
_DATA_URL = re.compile(
    r"data:([\w.+-]{1,80}/[\w.+-]{1,80})?((?:;[\w.+-]{1,80}=[^;,]{0,200}){0,9})(;base64)?,",
    re.ASCII,
)


def sources(value: Any, param: str) -> list[Source]:
    """Pictures, videos or sounds in any of the shapes a client may give them, as `Source`s.

    A URL, a data URL, `{"image_url": …}`, `{"url": …}`, an upload, or a list of these.
    """
    if isinstance(value, FormText) and value[:1] in ("[", "{"):
        value = from_text(value)
    if isinstance(value, list | tuple):
        return [one for item in value for one in sources(item, param)]
    if isinstance(value, Source):
        return [value]
    if isinstance(value, Mapping):
        inner = next(
            (value[key] for key in ("image_url", "url", "video_url") if key in value), None
        )
        if inner is None:
            raise InvalidType(param, "file, URL or object with image_url", value)
        return sources(inner, param)
    if not isinstance(value, str):
        raise InvalidType(param, "file or URL", value)
    return [source_of(value, param)]


def source_of(value: str, param: str) -> Source:
    """A URL or data URL as a `Source`; raises UnsupportedValue for anything else."""
    if value.startswith(("http://", "https://")):
        return Source(url=str(value))
    if found := _DATA_URL.match(value):
        try:
            data = base64.b64decode(value[found.end() :], validate=True) if found[3] else None
        except ValueError:  # also: not ASCII
            data = None
        if data:
            return Source(data=data, mime=found[1] or "application/octet-stream")
    raise UnsupportedValue(param, value, "an http(s) URL or a base64 data URL")


def reference_param(call: Call) -> str:
    """What OpenAI calls the file that comes with a request of this kind."""
    return reference_name(call.capability)


def reference_name(capability: Capability) -> str:
    """The same by the request's capability alone."""
    return {
        Capability.IMAGE: "image",
        Capability.IMAGE_EDIT: "image",
        Capability.IMAGE_VARIATION: "image",
        Capability.VIDEO_EDIT: "video",
        Capability.VIDEO_EXTENSION: "video",
        Capability.TRANSCRIPTION: "file",
        Capability.TRANSLATION: "file",
        Capability.SOUND: "audio",
        Capability.MUSIC: "audio",
    }.get(capability, "input_reference")


def one_source(convert: Convert) -> Convert:
    """For a field that takes one file: several are refused, never silently cut to the first."""

    def checked(value: Any, call: Call) -> Any:
        param = reference_param(call)
        count = len(sources(value, param))
        if count != 1:
            raise UnsupportedValue(param, f"{count} files", "one file or URL")
        return convert(value, call)

    return checked


def hosted_url(value: Any, call: Call) -> Any:
    """One source as a URL: its own, or one of ours for bytes."""
    return hosted_urls(value, call)[0]


def hosted_urls(value: Any, call: Call) -> list[Any]:
    """Sources as a list of URLs."""
    param = reference_param(call)
    found = sources(value, param)
    if not found:
        raise UnsupportedValue(param, value, "at least one file or URL")
    return [one.url or Hosted(one) for one in found]


def inline(limit: int, *, many: bool) -> Convert:
    """Sources as URLs or data URIs; one of more than `limit` bytes of base64 hosted instead."""

    def convert(value: Any, call: Call) -> Any:
        param = reference_param(call)
        found = sources(value, param)
        if not found:
            raise UnsupportedValue(param, value, "at least one file or URL")
        made = [one.url or _carried(one, limit) for one in found]
        return made if many else made[0]

    return convert


def _carried(source: Source, limit: int) -> Any:
    too_large = len(source.data or b"") * 4 // 3 > limit
    return Hosted(source) if too_large else data_uri(source)


def within(body: JSON, limit: int) -> JSON:
    """A native body of at most `limit` bytes of JSON: its data URIs, the largest first, hosted instead.

    One without data URIs is left as it is, however large. Raises UnsupportedValue for a broken one.
    """
    while len(_encoded(body)) > limit and (inside := list(_data_uris(body))):
        largest = max(inside, key=len)
        body = _replaced(body, largest, Hosted(source_of(largest, "image")))
    return body


def _encoded(body: JSON) -> bytes:
    # What is hosted will be a URL, whose length only the proxy knows.
    return orjson.dumps(body, default=lambda one: "-" * 256, option=_AS_THEY_ARE)


def _data_uris(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value.startswith("data:"):
            yield value
    elif isinstance(value, list | tuple | Mapping):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _data_uris(one)


def _replaced(value: Any, old: str, new: Hosted) -> Any:
    if isinstance(value, Mapping):
        return {name: _replaced(one, old, new) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(one, old, new) for one in value]
    return new if isinstance(value, str) and value == old else value


PLAIN = frozenset(
    (str, int, float, bool, type(None))
)  # what most values are: no file, nor holding one


def holds_file(value: Any) -> bool:
    """Whether there is an upload in a value, at any depth."""
    if type(value) in PLAIN:
        return False
    if isinstance(value, Mapping):
        return any(map(holds_file, value.values()))
    return isinstance(value, Source) or (
        isinstance(value, list | tuple) and any(map(holds_file, value))
    )


def data_uri(source: Source) -> str:
    return f"data:{source.mime};base64,{base64.b64encode(source.data or b'').decode()}"


# What results call their links, the one that says most first: a track's picture is its cover.
LINKS = (
    *("audio_url", "audioUrl", "audio_urls", "audioUrls"),
    *("video_url", "videoUrl", "video_urls", "videoUrls"),
    *("url", "image_url", "imageUrl", "image_urls", "imageUrls"),
    *("urls", "images", "videos", "result_urls", "resultUrls"),
)
# And in a task that says of itself that it is done, where the page's names hold nothing.
IN_TASKS = (
    *(*LINKS, "result_url", "resultUrl", "output_url", "outputUrl", "download_url", "downloadUrl"),
    *("file_url", "fileUrl", "video", "audio", "image", "file", "files", "sunoData", "tracks"),
    *("response", "response_data", "result", "output", "data"),
)
_LINK = re.compile(r"(?:https?://|//?[\w.%~-])\S+")


def links_in(value: Any, names: tuple[str, ...] = LINKS) -> list[str]:
    """Every URL in a gateway's result, in order: a string, a list, JSON in a string, or an object,
    of which the first of `names` that holds one counts. `/…` and `//…` are the gateway's own."""
    if isinstance(value, str):
        value = value.strip()
        if value.startswith("data:") or _LINK.fullmatch(value):  # a picture's bytes are many
            return [value]
        inner = from_text(value) if value[:1] in ("[", "{") else None
        return [] if isinstance(inner, str) else links_in(inner, names)
    if isinstance(value, list | tuple):
        return [link for one in value for link in links_in(one, names)]
    if isinstance(value, Mapping):
        return next((found for name in names if (found := links_in(value.get(name), names))), [])
    return []


def asset_of(link: str, role: str = "content", title: str | None = None) -> Asset:
    """A URL or data URL of a result as an `Asset`; raises MalformedReply where it is neither.

    A gateway's own `/…` or `//…` is fetched with its key, which goes no further than its origin.
    """
    link = link.strip()
    if link.startswith("/"):
        return Asset(url=link, rooted=True, role=role, auth=True, title=title)
    try:
        source = source_of(link, "result")
    except UnsupportedValue as exc:
        raise MalformedReply(f"a result that is no URL: {link[:80]}") from exc
    mime = source.mime if source.data else None
    return Asset(url=source.url, data=source.data, mime=mime, role=role, title=title)
