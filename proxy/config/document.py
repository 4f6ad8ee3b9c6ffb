"""config.yaml as text: YAML with line numbers and `${VAR}`.

Nothing here knows a setting by name but the secret ones, which no message may quote. The YAML is
the 1.2 core of numbers and booleans: under 1.1 an `aspect_ratio: 16:9` would be the number 969.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from pydantic_core import ErrorDetails

from proxy.config.words import ConfigError, Where, dotted, suggest, words

MAX_NODES: Final = 20_000  # with every alias written out: nested aliases grow without bound


MAX_DEPTH: Final = 24  # an alias may contain itself


SECRET: Final = frozenset({"api_key", "key", "metrics_key", "secret", "store"})


_TAG: Final = "tag:yaml.org,2002:"


_VARIABLE: Final = re.compile(
    r"\$\$|\$\{(?P<name>[A-Za-z_]\w*)(?::-(?P<default>(?:(?!\$\{)[^}])*))?\}|\$\{", re.A
)


_SCALARS: Final[Mapping[str, Callable[[str], Any]]] = {
    "null": lambda _: None,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": int,
    "float": float,
}


@dataclass
class Document:
    """A parsed file: plain data, the line (from 1) of every path in it, and what is wrong."""

    name: str
    data: Any = None
    lines: dict[Where, int] = field(default_factory=dict)
    from_environ: set[Where] = field(default_factory=set)
    broken: set[Where] = field(default_factory=set)  # has no value that is worth validating
    found: list[tuple[int, str, str]] = field(default_factory=list)

    def problem(self, at: Where, message: str, line: int | None = None) -> None:
        """Note a problem, at the path's own line unless another is given."""
        self.found.append((line or self.line(at), dotted(at), message))

    def unusable(self, at: Where, message: str, line: int | None = None) -> None:
        """Note a problem that leaves no value: what validation says of it helps nobody."""
        if at not in self.broken:
            self.problem(at, message, line)
        self.broken.add(at)

    def refusal(self, line: int, message: str) -> ConfigError:
        """The error where nothing of the text can be used."""
        return ConfigError([f"{self.name}:{line}: {message}"])

    def line(self, at: Where) -> int:
        """The line of the path, or of the nearest one above it that the file has."""
        if at[:1] == ("models",) and at[:3] not in self.lines:
            at = (*at[:2], *at[3:])  # `name: [a, b]` is short for `name: {targets: [a, b]}`
        return next(
            (self.lines[a] for n in range(len(at), -1, -1) if (a := at[:n]) in self.lines), 1
        )

    def shows(self, at: Where) -> bool:
        """Whether a message may quote the value: it is no secret, nor was it in the environment."""
        return not _under(at, self.from_environ) and SECRET.isdisjoint(at)

    def explain(self, error: ErrorDetails, allowed: Callable[[Where], Iterable[str]]) -> None:
        """Note what pydantic found; `allowed` has the keys of the section at a path."""
        at = tuple(part for part in error["loc"] if part != "[key]")
        if _under(at, self.broken):
            return
        if error["type"] == "missing":
            self.problem(at[:-1], f"{at[-1]} is missing")
        elif error["type"] == "extra_forbidden":
            keys = list(allowed(at[:-1]))
            hint = suggest(str(at[-1]), keys) or f" (known: {', '.join(keys)})"
            self.problem(at, f"unknown key{hint}")
        else:
            self.problem(at, words(error, self.shows(at)))

    def check(self) -> None:
        """Raise `ConfigError` with everything noted so far, by line."""
        if self.found:
            raise ConfigError(
                f"{self.name}:{line}: {at}: {message}" if at else f"{self.name}:{line}: {message}"
                for line, at, message in sorted(self.found)
            )


def _under(at: Where, places: set[Where]) -> bool:
    return any(at[:size] in places for size in range(len(at) + 1))


def read(text: str, name: str, environ: Mapping[str, str]) -> Document:
    """The YAML as plain data with `${VAR}` filled in; problems are noted, not raised.

    Raises `ConfigError` where nothing can be made of the text: it is not YAML, or no mapping.
    """
    document = Document(name)
    root = _compose(document, text)
    document.data = {} if root is None else _Builder(document, environ).build(root, ())
    if not isinstance(document.data, dict):
        raise document.refusal(1, "must be a mapping with sections such as providers: and models:")
    return document


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012  (PyYAML's own shape; filled below)


for _kind_of, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(_TAG + _kind_of, re.compile(f"(?:{_pattern})$"), _first)


# The one value whose name ends with a colon. YAML would have it in quotes, and everybody forgets them.
_MEMORY = re.compile(r"^(store:[ ]+)memory:([ ]*(?:#.*)?)(?=\r?$)", re.MULTILINE)


# What a message of YAML's quotes of the file: a character, <a token's kind>, or more, which may be a key.
_QUOTED = re.compile(r"'(?:<[^']*|[^']{0,2}|([^']*))'")


def _compose(document: Document, text: str) -> yaml.Node | None:
    try:
        loader = _Loader(_MEMORY.sub(r'\1"memory:"\2', text))
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        raise document.refusal(line, f"not YAML: the character #x{exc.character:04x}") from exc
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        told = _QUOTED.sub(lambda one: "…" if one[1] else one[0], exc.problem or "")
        if told.endswith("got '{'"):
            told += ' (put a value such as ${NAME} in quotes: "${NAME}")'
        if told.startswith("mapping values"):  # store: memory:
            told += " (put a value that ends with ':', or holds ': ', in quotes)"
        why = ": ".join(filter(None, ("not YAML", exc.context, told)))
        raise document.refusal(mark.line + 1 if mark else 1, why) from exc
    except RecursionError as exc:
        raise document.refusal(1, "nested too deeply") from exc


class _Builder:
    """Turns YAML nodes into data, and writes lines and problems into the document."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self.document, self.environ, self.nodes = document, environ, 0

    def build(self, node: yaml.Node, at: Where) -> Any:
        self.nodes += 1
        line = node.start_mark.line + 1
        if self.nodes > MAX_NODES or len(at) > MAX_DEPTH:
            raise self.document.refusal(
                line, "too large or nested too deeply, with its aliases written out"
            )
        self.document.lines.setdefault(at, line)
        kind = node.tag.removeprefix(_TAG)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return [self.build(child, (*at, i)) for i, child in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self.mapping(node, at)
        if isinstance(node, yaml.ScalarNode) and kind == "str":
            if "\0" in node.value:  # by an escape; no path, host or key can have it
                self.document.unusable(at, "must not hold the character #x0000", line)
            return self.substitute(node.value, at)
        if not isinstance(node, yaml.ScalarNode) or kind not in _SCALARS:
            self.document.unusable(at, "YAML tags (!…) are not supported", line)
            return None
        try:
            return _SCALARS[kind](node.value)
        except (KeyError, ValueError):  # only where a tag forces it: !!int x
            self.document.unusable(at, f"is not of YAML's type {kind}", line)
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
                self.document.unusable(at, "write ${NAME} or ${NAME:-default}, not nested")
                return ""
            if (found := self.environ.get(name)) or (found is not None and default is None):
                self.document.from_environ.add(at)
                return found
            if default is None:
                where = f"the environment or .env{suggest(name, self.environ)}"
                self.document.unusable(at, f"{name} is not set in {where}")
            return (default or "").replace("$$", "$")

        return _VARIABLE.sub(value, text)
