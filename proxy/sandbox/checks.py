"""Refusing what a page does not allow.

A request's fields are a table of name → check; a check takes the value and returns what is wrong
with it, or None. `need(check)` marks a field that must be there.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

Check = Callable[[Any], str | None]
Fields = Mapping[str, Check]


class Refusal(Exception):
    """The double says no. `code` is the gateway's own word; without one the status implies it."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers: dict[str, str] = {}


class Need:
    """A check of a field that must be there."""

    def __init__(self, check: Check) -> None:
        self.check = check

    def __call__(self, value: Any) -> str | None:
        return self.check(value)


need = Need


def validate(body: Mapping[str, Any], fields: Fields, where: str = "") -> None:
    """Raise `Refusal` 400 at the first field that is unknown, missing or wrong."""
    if wrong := problem(body, fields, where):
        raise Refusal(400, wrong)


def problem(body: Mapping[str, Any], fields: Fields, where: str = "") -> str | None:
    """Return what is wrong with an object, or None."""
    for name in body:
        if name not in fields:
            return f"unknown field '{where}{name}'"
    for name, check in fields.items():
        if name not in body:
            if isinstance(check, Need):
                return f"missing field '{where}{name}'"
        elif wrong := check(body[name]):
            return f"'{where}{name}' {wrong}"
    return None


def text(least: int = 0, most: int | None = None) -> Check:
    """A string of that many characters."""

    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "must be a string"
        if len(value) < least:
            return f"must have at least {least} characters"
        if most is not None and len(value) > most:
            return f"must have at most {most} characters, has {len(value)}"
        return None

    return check


def choice(*allowed: Any) -> Check:
    """One of these, of the very same type: 5 is not "5", and true is not 1."""

    def check(value: Any) -> str | None:
        if any(type(value) is type(one) and value == one for one in allowed):
            return None
        return f"must be one of {', '.join(map(repr, allowed))}, is {value!r:.80}"

    return check


def number(low: float | None = None, high: float | None = None, *, whole: bool = False) -> Check:
    """A JSON number in that range, ends included."""

    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "must be a number"
        if whole and not isinstance(value, int):
            return "must be an integer"
        if (low is not None and value < low) or (high is not None and value > high):
            return f"must be between {low} and {high}, is {value}"
        return None

    return check


def integer(low: int | None = None, high: int | None = None) -> Check:
    """A JSON integer in that range."""
    return number(low, high, whole=True)


def boolean(value: Any) -> str | None:
    """True or false."""
    return None if isinstance(value, bool) else "must be true or false"


def anything(value: Any) -> str | None:
    """No page says what this may be."""
    return None


def matching(pattern: str, example: str) -> Check:
    """A string of that form."""
    compiled = re.compile(pattern)

    def check(value: Any) -> str | None:
        if isinstance(value, str) and compiled.fullmatch(value):
            return None
        return f"must look like {example}"

    return check


RATIO = matching(r"[1-9]\d?:[1-9]\d?", '"16:9"')


def url(value: Any) -> str | None:
    """An http(s) URL; a data URI is none."""
    if isinstance(value, str) and re.match(r"https?://[^/\s]", value):
        return None
    return "must be an http(s) URL"


def url_or_data(value: Any) -> str | None:
    """An http(s) URL, or a base64 data URI that can be decoded."""
    if isinstance(value, str) and value.startswith("data:"):
        head, _, data = value.partition(",")
        if not re.fullmatch(r"data:\w+/[\w.+-]+;base64", head):
            return "must be a base64 data URI with a media type"
        return base64_data(data)
    return url(value)


def base64_data(value: Any) -> str | None:
    """Base64 of at least one byte."""
    if not isinstance(value, str) or not value:
        return "must be base64"
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return "must be base64"
    return None


def array(of: Check, least: int = 0, most: int | None = None) -> Check:
    """A list of that many items."""

    def check(value: Any) -> str | None:
        if not isinstance(value, list):
            return "must be an array"
        if len(value) < least:
            return f"must have at least {least} item(s)"
        if most is not None and len(value) > most:
            return f"must have at most {most} items"
        for index, item in enumerate(value):
            if wrong := of(item):
                return f"[{index}] {wrong}"
        return None

    return check


def record(fields: Fields | None = None) -> Check:
    """An object, of these fields or of any."""

    def check(value: Any) -> str | None:
        if not isinstance(value, dict):
            return "must be an object"
        return None if fields is None else problem(value, fields)

    return check


def either(*checks: Check) -> Check:
    """What one of the checks takes."""

    def check(value: Any) -> str | None:
        wrong = [one(value) for one in checks]
        return None if None in wrong else " or ".join(str(one) for one in wrong)

    return check


def only(value: Any, allowed: Collection[str], what: str, status: int = 404) -> str:
    """Return the value, or refuse it as an unknown `what`."""
    if isinstance(value, str) and value in allowed:
        return value
    raise Refusal(status, f"unknown {what} {value!r:.100}", "not_found")
