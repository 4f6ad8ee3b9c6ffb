"""The problems of a config, in plain words that never quote a secret."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from pydantic_core import ErrorDetails

Where = tuple[str | int, ...]  # ("keys", 0, "name") is shown as keys[0].name


_WORDS: Final = {
    "int": "must be a whole number",
    "float": "must be a number",
    "finite": "must be a finite number",
    "bool": "must be true or false",
    "string": "must be text (in quotes, if it looks like a number)",
    "path": "must be a path",
    "literal": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "dict": "must be a mapping of names to values",
    "mapping": "must be a mapping of names to values",
    "model": "must be a mapping of names to values",
    "tuple": "must be a list",
}


class ConfigError(Exception):
    """The config cannot be used; `problems` has one `file:LINE: path: message` each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class Bad(ValueError):
    """A wrong value: `{}` in the message stands for it, and is not filled in where it is secret."""

    def __init__(self, message: str, value: str = "") -> None:
        super().__init__(message)
        self.message, self.value = message, value


def dotted(at: Where) -> str:
    """("keys", 0, "name") → "keys[0].name"; a route's target is shown as its route."""
    if at[:1] == ("models",) and at[2:3] == ("targets",):
        at = at[:2]
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in at).removeprefix(".")


def suggest(name: str, choices: Iterable[str]) -> str:
    """ " (did you mean 'onysoft'?)", or nothing where no choice is close."""
    known = {choice.casefold(): choice for choice in choices}
    close = get_close_matches(name.casefold(), known, n=1)
    return f" (did you mean {known[close[0]]!r}?)" if close else ""


def words(error: ErrorDetails, shown: bool) -> str:
    context, given = error.get("ctx", {}), error["input"]
    if isinstance(cause := context.get("error"), Bad):
        return cause.message.replace("{}", repr(cause.value) if shown else "(hidden)")
    kind = re.sub(r"_(type|parsing|from_float|error|number|attributes_type)$", "", error["type"])
    text = _WORDS.get(kind, error["msg"]).format_map(context)
    if kind in ("dict", "mapping", "model", "tuple"):  # what stands there instead may be a key
        return f"{text}, not {_kind(given)}"
    if given is None or isinstance(given, (dict, list)):
        return f"{text}, not {_kind(given)}" if "empty" not in text else text
    return f"{text}, not {given!r}" if shown and given != "" else text


def _kind(value: object) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", type(None): "empty"}
    return names.get(type(value), "a number" if not isinstance(value, bool) else "true or false")
