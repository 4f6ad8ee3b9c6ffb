"""config.yaml as text: YAML with line numbers, `${VAR}`, `.env`, and problems in plain words.

Nothing here knows a setting by name but the secret ones, which no message may quote. The YAML is
the 1.2 core of numbers and booleans: under 1.1 an `aspect_ratio: 16:9` would be the number 969.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

import yaml
from pydantic_core import ErrorDetails

Where = tuple[str | int, ...]  # ("keys", 0, "name") is shown as keys[0].name

MAX_NODES: Final = 20_000  # with every alias written out: nested aliases grow without bound
MAX_DEPTH: Final = 24  # an alias may contain itself
SECRET: Final = frozenset({"api_key", "key", "secret", "store"})

_TAG: Final = "tag:yaml.org,2002:"
_VARIABLE: Final = re.compile(
    r"\$\$|\$\{(?P<name>[A-Za-z_]\w*)(?P<fallback>:-(?P<default>(?:(?!\$\{)[^}])*))?\}|\$\{", re.A
)
_DOTENV: Final = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][\w.-]*)\s*=(?P<value>.*)", re.A)
_QUOTED: Final = re.compile(r"""(?:'([^']*)'|"((?:[^"\\]|\\.)*)")\s*(?:#.*)?""")
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}
_SCALARS: Final[Mapping[str, Callable[[str], Any]]] = {
    "null": lambda _: None,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": int,
    "float": float,
}
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


class _Refused(Exception):
    """Nothing of the text can be used: the line (from 1) and why."""


@dataclass
class Document:
    """A parsed file: plain data, the line (from 1) of every path in it, and what is wrong."""

    name: str
    data: Any = None
    lines: dict[Where, int] = field(default_factory=dict)
    from_environ: set[Where] = field(default_factory=set)
    found: dict[Where, tuple[int, str]] = field(default_factory=dict)

    def problem(self, at: Where, message: str, line: int | None = None) -> None:
        """Note a problem; of several at one path or below it the first is the one that helps."""
        if not any(at[:size] in self.found for size in range(len(at) + 1)):
            self.found[at] = (line or self.line(at), message)

    def line(self, at: Where) -> int:
        """The line of the path, or of the nearest one above it that the file has."""
        if at[:1] == ("models",) and at[:3] not in self.lines:
            at = (*at[:2], *at[3:])  # `name: [a, b]` is short for `name: {targets: [a, b]}`
        return next((self.lines[a] for n in range(len(at), -1, -1) if (a := at[:n]) in self.lines), 1)

    def shows(self, at: Where) -> bool:
        """Whether a message may quote the value: it is no secret, nor was it in the environment."""
        hidden = any(at[:size] in self.from_environ for size in range(len(at) + 1))
        return not hidden and SECRET.isdisjoint(at)

    def explain(self, error: ErrorDetails, allowed: Callable[[Where], Iterable[str]]) -> None:
        """Note what pydantic found; `allowed` has the keys of the section at a path."""
        at = tuple(part for part in error["loc"] if part != "[key]")
        if error["type"] == "missing":
            self.problem(at[:-1], f"{at[-1]} is missing")
        elif error["type"] == "extra_forbidden":
            keys = list(allowed(at[:-1]))
            hint = suggest(str(at[-1]), keys) or f" (known: {', '.join(keys)})"
            self.problem(at, f"unknown key{hint}")
        else:
            self.problem(at, _words(error, self.shows(at)))

    def check(self) -> None:
        """Raise `ConfigError` with everything noted so far, by line."""
        if self.found:
            told = sorted((line, dotted(at), text) for at, (line, text) in self.found.items())
            raise ConfigError(
                f"{self.name}:{line}: {at}: {text}" if at else f"{self.name}:{line}: {text}"
                for line, at, text in told
            )


def dotted(at: Where) -> str:
    """("keys", 0, "name") → "keys[0].name"; a route's target is shown as its route."""
    if at[:1] == ("models",) and at[2:3] == ("targets",):
        at = at[:2]
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in at).removeprefix(".")


def suggest(name: str, choices: Iterable[str]) -> str:
    """" (did you mean 'onysoft'?)", or nothing where no choice is close."""
    known = {choice.casefold(): choice for choice in choices}
    close = get_close_matches(name.casefold(), known, n=1)
    return f" (did you mean {known[close[0]]!r}?)" if close else ""


def read(text: str, name: str, environ: Mapping[str, str]) -> Document:
    """The YAML as plain data with `${VAR}` filled in; problems are noted, not raised.

    Raises `ConfigError` where nothing can be made of the text: it is not YAML, or no mapping.
    """
    document = Document(name)
    try:
        root = _compose(text)
        if root is not None:
            document.data = _Builder(document, environ).build(root, ())
        if not isinstance(document.data, dict) and root is not None:
            raise _Refused(1, "must be a mapping with sections such as providers: and models:")
    except _Refused as exc:
        line, message = exc.args
        raise ConfigError([f"{name}:{line}: {message}"]) from None
    return document


def dotenv(text: str, name: str) -> dict[str, str]:
    """A `.env` file's variables: comments, `export`, single and double quotes, no interpolation.

    Raises `ConfigError` with the line, never its content.
    """
    found, problems = {}, []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        match = _DOTENV.fullmatch(line)
        if match:
            value = _unquoted(match["value"])
            if value is not None:
                found[match["name"]] = value
                continue
            problems.append(f"{name}:{number}: {match['name']}: the quotes do not match")
        elif line and not line.startswith("#"):
            problems.append(f"{name}:{number}: must be NAME=value")
    if problems:
        raise ConfigError(problems)
    return found


def _unquoted(raw: str) -> str | None:
    value = raw.strip()
    if value[:1] not in ("'", '"'):
        return re.sub(r"\s#.*", "", raw).strip()
    match = _QUOTED.fullmatch(value)
    if match is None or match[2] is None:
        return match and match[1]
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), match[2])


def _words(error: ErrorDetails, shown: bool) -> str:
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


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012  (PyYAML's own shape; filled below)


for _kind_of, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(_TAG + _kind_of, re.compile(f"(?:{_pattern})$"), _first)


def _compose(text: str) -> yaml.Node | None:
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        raise _Refused(line, f"not YAML: the character #x{exc.character:04x}") from exc
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        told = re.sub(r"'(?!<)[^']{3,}'", "…", exc.problem or "")  # may be an unquoted key
        why = ": ".join(filter(None, ("not YAML", exc.context, told)))
        raise _Refused(mark.line + 1 if mark else 1, why) from exc
    except RecursionError as exc:
        raise _Refused(1, "nested too deeply") from exc


class _Builder:
    """Turns YAML nodes into data, and writes lines and problems into the document."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self.document, self.environ, self.nodes = document, environ, 0

    def build(self, node: yaml.Node, at: Where) -> Any:
        self.nodes += 1
        line = node.start_mark.line + 1
        if self.nodes > MAX_NODES or len(at) > MAX_DEPTH:
            raise _Refused(line, "too large or nested too deeply, with its aliases written out")
        self.document.lines.setdefault(at, line)
        kind = node.tag.removeprefix(_TAG)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return [self.build(child, (*at, i)) for i, child in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self.mapping(node, at)
        if isinstance(node, yaml.ScalarNode) and kind == "str":
            return self.substitute(node.value, at)
        if not isinstance(node, yaml.ScalarNode) or kind not in _SCALARS:
            self.document.problem(at, "YAML tags (!…) are not supported", line)
            return None
        try:
            return _SCALARS[kind](node.value)
        except (KeyError, ValueError):  # only where a tag forces it: !!int x
            self.document.problem(at, f"is not of YAML's type {kind}", line)
            return None

    def mapping(self, node: yaml.MappingNode, at: Where) -> dict[str, Any]:
        """Keys stay as they are written: a model may be called 4 or on."""
        built: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self.document.problem(at, "a key must be text", line)
                continue
            here = (*at, key.value)
            if key.value in built:
                first = self.document.lines[here]
                self.document.problem(here, f"is given twice (first on line {first})", line)
                continue
            self.document.lines[here] = line
            if "${" in key.value or key.value == "<<":
                self.document.problem(here, "${…} and << have no meaning in a key", line)
            built[key.value] = self.build(value, here)
        return built

    def substitute(self, text: str, at: Where) -> str:
        """`${VAR}`, `${VAR:-default}` (also where VAR is empty) and `$$`; the result stays text."""

        def value(match: re.Match[str]) -> str:
            name, default = match["name"], match["default"]
            if match[0] == "$$":
                return "$"
            if name is None:
                self.document.problem(at, "write ${NAME} or ${NAME:-default}, not nested")
                return ""
            if (found := self.environ.get(name)) or (found is not None and default is None):
                self.document.from_environ.add(at)
                return found
            if default is None:
                hint = suggest(name, self.environ) or f", nor in .env; or write ${{{name}:-default}}"
                self.document.problem(at, f"{name} is not set in the environment{hint}")
            return (default or "").replace("$$", "$")

        return _VARIABLE.sub(value, text)
