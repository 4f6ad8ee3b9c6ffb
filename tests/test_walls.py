"""The architecture's walls, held: who may import whom, who sends, where a gateway's name may stand."""

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from translators import TRANSLATORS

ROOT = Path(__file__).parent.parent
PROXY = sorted(one for one in (ROOT / "proxy").rglob("*.py") if "sandbox" not in one.parts)
ROWS_FOLDER = sorted((ROOT / "translators").glob("*.py"))
OURS = [*PROXY, *ROWS_FOLDER, *sorted((ROOT / "proxy" / "sandbox").rglob("*.py"))]

# A row's modules: its own, and those it is split into.
ROWS = ("ai_gate_one", "aigate_shop", "apiin_one", "onysoft", "openai")
# What every row may import; `openai` is what compatible rows build on.
SHARED = {"values", "core", "specs", "fields", "convert", "files", "framing", "errors", "spelling"}
SHARED |= {"textchat", "schemas", "openai", "openai_shapes", "mending", "looks", "wrapping"}
# What the proxy may know of translators beside the table itself.
SEEN_BY_PROXY = {
    "core",
    "errors",
    "plan",
    "options",
    "specs",
    "spelling",
    "convert",
    "files",
    "fields",
}
SEEN_BY_PROXY |= {
    "framing",
    "gathering",
    "as_events",
    "textchat",
    "mending",
    "looks",
    "likeness",
    "numbering",
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def row_of(module: str) -> str | None:
    return next((row for row in ROWS if module == row or module.startswith(f"{row}_")), None)


def imports(path: Path) -> Iterator[str]:
    package = name_of(path).removesuffix(".py").split("/")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            yield module
            yield from (f"{module}.{one.name}" for one in node.names)


def module_of(path: Path) -> str:
    return name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def test_modules_know_each_other_in_one_direction() -> None:
    """For the sake of types, too: what two need of each other is a thing of its own."""
    everything = [*OURS, *(ROOT / "bench").glob("*.py")]
    ours = {module_of(path): path for path in everything}
    # A name that a package gives is looked for where it stands.
    known = {name: set(imports(path)) & set(ours) - {name} for name, path in ours.items()}
    packages = {module_of(path) for path in everything if path.name == "__init__.py"}
    TopologicalSorter({name: uses - packages for name, uses in known.items()}).prepare()


@pytest.mark.parametrize("path", ROWS_FOLDER, ids=name_of)
def test_translators_are_pure(path: Path) -> None:
    """No await, no clock, no socket: the standard library, orjson and each other only."""
    tree = ast.parse(path.read_text())
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.AsyncFunctionDef | ast.Await)]
    for name in imports(path):
        top = name.partition(".")[0]
        assert top in {"translators", "orjson"} or top in sys.stdlib_module_names, name
        assert top not in {
            "time",
            "datetime",
            "socket",
            "asyncio",
            "random",
            "os",
            "threading",
            "http",
        }, name


@pytest.mark.parametrize("path", [one for one in ROWS_FOLDER if row_of(one.stem)], ids=name_of)
def test_rows_never_import_each_other(path: Path) -> None:
    own = row_of(path.stem)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "translators" and len(parts) > 1:
            assert parts[1] in SHARED or row_of(parts[1]) == own, name


@pytest.mark.parametrize("path", PROXY, ids=name_of)
def test_the_proxy_sees_rows_only_through_the_table(path: Path) -> None:
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "translators" and len(parts) > 1:
            assert parts[1] in SEEN_BY_PROXY | {"TRANSLATORS"}, name


@pytest.mark.parametrize("path", PROXY, ids=name_of)
def test_no_gateway_is_named_outside_its_row(path: Path) -> None:
    """`openai` is also the name of the API that is served, and is let pass."""
    names = {name for name in TRANSLATORS if name != "openai"} | {"ai_gate", "aigate", "apiin"}
    tree = ast.parse(path.read_text())
    texts = [
        n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    ]
    symbols = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name)]
    docs = {
        ast.get_docstring(n, clean=False)
        for n in ast.walk(tree)
        if isinstance(n, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    for text in [*(one for one in texts if one not in docs), *symbols]:
        assert not [name for name in names if name in text.lower()], text


@pytest.mark.parametrize("path", PROXY, ids=name_of)
def test_the_driver_alone_sends(path: Path) -> None:
    tree = ast.parse(path.read_text())
    sends = [
        n
        for n in ast.walk(tree)
        if isinstance(n, ast.Attribute) and n.attr == "handle_async_request"
    ]
    assert not sends or name_of(path) == "proxy/driver.py"
    engines = {one.partition(".")[0] for one in imports(path)} & {"aiohttp", "requests", "urllib3"}
    assert not engines or name_of(path) == "proxy/transport.py"


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 250
