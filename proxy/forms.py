"""Request bodies, read once at the edge: JSON, and the forms that the SDKs send for files.

A form's text becomes `FormText`, a file a `Source`, and brackets in names nesting:

    provider_options[cfg_scale]=0.5               {"provider_options": {"cfg_scale": "0.5"}}
    image[]=…  image[]=…   or image=…  image=…    {"image": [Source, Source]}
    dialogue[0][text]=a  dialogue[1][text]=b      {"dialogue": [{"text": "a"}, {"text": "b"}]}
    dialogue[][text]=a  dialogue[][text]=b        the same, as the SDKs write it
"""

import re
from collections.abc import Awaitable, Mapping
from typing import Any, Final

import orjson
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from proxy.bodies import Body
from proxy.errors import ApiError, invalid
from proxy.exchange import given
from proxy.service import exchange_of
from proxy.sniff import HEAD, OCTETS, essence, sniff
from translators.core import FormText, Source, from_json
from translators.errors import type_name

MAX_NESTING = 8  # levels of a form field's name
MAX_FIELDS = 1000
_LARGE: Final = 1 << 20  # bytes

_FORM: Final = "multipart/form-data"
_NAME: Final = re.compile(r"[^\[\]]+(?:\[[^\[\]]*\])*")
_KEYS: Final = re.compile(r"[^\[\]]+|(?<=\[)(?=\])")
_JSON: Final = re.compile(r"application/(?:[\w.-]+\+)?json")
_BINARY: Final = re.compile(r"application/octet-stream|image/|audio/|video/")
_MIME: Final = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}")
_CODINGS: Final = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress"})
# Once begun it matches, to the end where it has none: trying each quote anew, a header of 4 KB took 70 ms.
_QUOTED: Final = re.compile(rb'"(?:\\.|[^"\\])*+"?')
_CHARSET: Final = re.compile(r';\s*charset\s*=\s*"?([^\s;"]*)', re.IGNORECASE)

Leaf = FormText | Source
Path = tuple[str, ...]
Items = list[tuple[Path, Leaf]]


def read_json(request: Request, limit: int) -> Awaitable[dict[str, Any]]:
    """The JSON object of a request's body of at most `limit` bytes, without members that are null.

    Raises ApiError: request_too_large, invalid_json (also for another Content-Type), invalid_type.
    """
    return _read_object(request, limit, "application/json")


def read_params(request: Request, limit: int) -> Awaitable[dict[str, Any]]:
    """The parameters of a request: JSON or multipart, by its Content-Type.

    Raises ApiError as `read_json` does: names that contradict each other are an invalid_type.
    """
    kind = given(request, b"content-type")
    if essence(kind) == _FORM:
        return _read_form(request, limit, kind or "")
    return _read_object(request, limit, f"application/json or {_FORM}")


def nested(fields: list[tuple[str, Leaf]]) -> dict[str, Any]:
    """Form fields in their order as nested parameters; raises ApiError where names clash or are no names."""
    groups: dict[str, Items] = {}
    for name, value in fields:
        base, *keys = _path(name)
        groups.setdefault(base, []).append((tuple(keys), value))
    return {base: _nest(items, base) for base, items in groups.items()}


async def _read_object(request: Request, limit: int, types: str) -> dict[str, Any]:
    kind = given(request, b"content-type")
    if kind != "application/json":
        _check_json_type(kind, types)
    raw: bytes | str = await Body(request, limit).whole()
    try:
        if len(raw) > _LARGE:  # a picture perhaps: the bytes need not lie beside the text
            raw = str(raw, "utf-8") if isinstance(raw, bytes) else raw
        value = from_json(raw)
    except orjson.JSONDecodeError as exc:
        why = exc.msg if raw else "it is empty"
        raise _broken(_compressed(request) or why, "body is not valid JSON") from exc
    except UnicodeDecodeError as exc:
        why = "it is not UTF-8"
        raise _broken(_compressed(request) or why, "body is not valid JSON") from exc
    del raw
    if not isinstance(value, dict):
        raise invalid(f"The body must be an object, not {type_name(value)}.", code="invalid_type")
    if None in value.values():
        value = {name: one for name, one in value.items() if one is not None}
    exchange_of(request).told(value)
    return value


def _check_json_type(kind: str | None, types: str) -> None:
    plain = essence(kind)
    if not _JSON.fullmatch(plain):
        given = f"it is {plain[:80]}" if plain else "it is missing"
        raise _broken(given, f"Content-Type must be {types}")
    charset = _CHARSET.search(kind or "")
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise _broken(f"its charset is {charset[1][:80]}", "JSON must be UTF-8")


def _compressed(request: Request) -> str | None:
    """Why a body cannot be read that a client has compressed: it is never unpacked, whatever size it says."""
    coding = essence(given(request, b"content-encoding"))
    return f"it is compressed ({coding[:40]}); send it as it is" if coding in _CODINGS else None


class _Parts:
    """The fields that python-multipart's parser meets; what is read stays within the body's limit."""

    def __init__(self) -> None:
        self.fields: list[tuple[str, Leaf]] = []
        self.ended = False
        self._headers: dict[bytes, bytes] = {}
        self._header, self._value, self._data = bytearray(), bytearray(), bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def on_part_end(self) -> None:
        if len(self.fields) == MAX_FIELDS:
            raise _broken(f"it has more than {MAX_FIELDS} fields")
        self.fields.append(_field(self._headers, bytes(self._data)))
        self._headers, self._data = {}, bytearray()

    def on_end(self) -> None:
        self.ended = True


async def _read_form(request: Request, limit: int, kind: str) -> dict[str, Any]:
    body = Body(request, limit)
    boundary = parse_options_header(kind)[1].get(b"boundary")
    if not boundary:
        raise _broken("its Content-Type names no boundary")
    parts = _Parts()
    try:
        parser = MultipartParser(boundary)
        for name in (one for one in vars(_Parts) if one.startswith("on_")):
            parser.set_callback(name[3:], getattr(parts, name))  # type: ignore[arg-type]
        while body.more:
            parser.write(await body.piece())
    except FormParserError as exc:
        why = "its boundary or the headers of a part are broken"
        raise _broken(_compressed(request) or why) from exc
    if not parts.ended:
        raise _broken(_compressed(request) or "it ends before its closing boundary")
    params = nested(parts.fields)
    exchange_of(request).told(params)
    return params


def _field(headers: Mapping[bytes, bytes], data: bytes) -> tuple[str, Leaf]:
    disposition = headers.get(b"content-disposition", b"")
    options = parse_options_header(disposition)[1]
    name = _utf8(options.get(b"name", b""), "a field's name")
    said = essence(headers.get(b"content-type", b"").decode("latin-1"))
    # Some clients name no file; a part that calls itself a picture is one all the same.
    if not (b"filename" in options or _BINARY.match(said) or _named_elsehow(disposition)):
        return name, FormText(_utf8(data, f"the value of '{name}'"))
    if not data:
        raise invalid(f"The file '{name}' is empty.", param=name)
    said = said if _MIME.fullmatch(said) else OCTETS
    return name, Source(data=data, mime=sniff(data[:HEAD]) or said)


def _named_elsehow(disposition: bytes) -> bool:
    """Whether a file's name stands as `filename*` alone, which RFC 7578, 4.2 forbids, older clients write (for a
    name that is not ASCII), and our parser leaves out.
    """
    return b"filename*" in _QUOTED.sub(b"", disposition).lower()


def _utf8(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise _broken(f"{what} is not UTF-8") from exc


def _path(name: str) -> list[str]:  # "a[b][]" → ["a", "b", ""]
    if not _NAME.fullmatch(name):
        raise _broken(f"'{name[:80]}' is no name of a field")
    if len(keys := _KEYS.findall(name)) > MAX_NESTING:
        raise _broken(f"'{name[:80]}' is nested more than {MAX_NESTING} levels deep")
    return keys


def _nest(items: Items, name: str) -> Any:
    values = [value for path, value in items if not path]
    if values:
        if len(values) < len(items):
            raise _clash(name)
        return values if len(values) > 1 else values[0]
    groups: dict[str, Items] = {}
    for (key, *rest), value in items:
        groups.setdefault(key, []).append((tuple(rest), value))
    if "" in groups:
        if len(groups) > 1:
            raise _clash(name)
        return _rows(groups[""], name)
    if groups.keys() == set(places := [str(place) for place in range(len(groups))]):
        return [_nest(groups[place], f"{name}[{place}]") for place in places]
    return {key: _nest(group, f"{name}[{key}]") for key, group in groups.items()}


def _rows(items: Items, name: str) -> list[Any]:
    """The list that `name[]` is: its values, or objects whose members come as columns."""
    columns: dict[Path, list[Leaf]] = {}
    for path, value in items:
        columns.setdefault(path, []).append(value)
    if () in columns and len(columns) > 1:
        raise _clash(name)
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        shown = ", ".join(f"{len(one)} of '{']['.join(path)}'" for path, one in columns.items())
        raise _clash(name, f"objects of unequal length: {shown[:200]}")
    if any("" in path for path in columns):
        raise _clash(name, "lists inside a list")
    return [
        _nest([(path, column[place]) for path, column in columns.items()], f"{name}[{place}]")
        for place in range(lengths.pop())
    ]


def _clash(name: str, what: str = "a value, a list and an object at once") -> ApiError:
    why = f"'{name}' cannot be put together from the form's fields ({what}): number its items"
    message = f"{why}, as in {name}[0], or give it as one JSON string."
    return invalid(message, code="invalid_type", param=name)


def _broken(why: str, what: str = "form cannot be read") -> ApiError:
    return invalid(f"The {what}: {why}.", code="invalid_json")
