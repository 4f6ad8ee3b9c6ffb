"""The description of the API, held against what it is made from and what it must not forget."""

import ast
import copy
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import given
from jsonschema import Draft202012Validator

from proxy.description import description
from proxy.description.errors import CODES
from proxy.endpoints.jobs import KINDS
from proxy.routes import ROUTES
from tests import openapi
from tests.described import ASKED, fits
from tests.fuzzing import examples
from translators import TRANSLATORS
from translators.core import Capability
from translators.fields import sources_of
from translators.plan import HINTS

ROOT = Path(__file__).parent.parent
WHOLE = description(keys=True)
SCHEMAS: dict[str, Any] = WHOLE["components"]["schemas"]
OPERATIONS = {
    (m, path): one for path, methods in WHOLE["paths"].items() for m, one in methods.items()
}
THEIRS = [one for one in OPERATIONS if "/v1/" in one[1] and openapi.operation(*one) is not None]
# What is passed through is as its gateway made it: these schemas promise less than OpenAI's.
PASSED = (
    "/completions",
    "embeddings",
    "moderations",
    "responses",
    "translations",
    "transcriptions",
)
MADE = [
    (method, path)
    for method, path in THEIRS
    if not path.endswith(PASSED) or "chat" in path
    if "application/json" in OPERATIONS[method, path]["responses"]["200"]["content"]
]


def routes() -> set[tuple[str, str]]:
    found = set()
    for route in ROUTES:
        path = route.path.replace("{id:path}", "{id}")
        kinds = KINDS if "{kind}" in path else ("",)
        methods = (route.methods or set()) - {"HEAD"}
        found |= {(m.lower(), path.replace("{kind}", kind)) for m in methods for kind in kinds}
    return found


def test_every_route_is_described_and_no_other() -> None:
    assert OPERATIONS.keys() == routes()


def test_every_operation_is_tried() -> None:
    assert ASKED.keys() == OPERATIONS.keys()


def test_references_lead_somewhere() -> None:
    for reference in _references(WHOLE):
        at: Any = WHOLE
        for part in reference.removeprefix("#/").split("/"):
            at = at[part]


def test_schemas_are_schemas() -> None:
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


def test_names_are_names() -> None:
    ids = [one["operationId"] for one in OPERATIONS.values()]
    assert len(set(ids)) == len(ids)
    for (_, path), one in OPERATIONS.items():
        parameters = [
            WHOLE["components"]["parameters"][_last(p)] for p in one.get("parameters", ())
        ]
        named = {p["name"] for p in parameters if p["in"] == "path"}
        assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_nothing_of_the_installation_is_in_it() -> None:
    """The only difference that a configuration makes."""
    without = copy.deepcopy(description(keys=False))
    for (method, path), one in OPERATIONS.items():
        other = without["paths"][path][method]
        other["security"] = one["security"]
        if one["security"] == [{"client": []}]:
            other["responses"]["401"] = one["responses"]["401"]
    assert without == WHOLE


def test_every_error_has_its_status() -> None:
    """Codes that the proxy's and the translators' sources name, wherever an error is made."""
    known = {code for codes in CODES.values() for code in codes}
    named = {code for folder in ("proxy", "translators") for code in _codes(ROOT / folder)}
    assert named <= known
    # Some have their name from a variable.
    assert known - named <= {"insufficient_quota", "rate_limit_exceeded"}


@pytest.mark.parametrize(
    ("endpoint", "capabilities"),
    [
        ("/v1/chat/completions", "chat"),
        ("/v1/images/generations", "image"),
        ("/v1/images/edits", "image_edit"),
        ("/v1/images/variations", "image_variation"),
        ("/v1/videos", "video"),
        ("/v1/videos/edits", "video_edit"),
        ("/v1/videos/extensions", "video_extension"),
        ("/v1/audio/speech", "speech sound music"),
        ("/v1/audio/transcriptions", "transcription"),
        ("/v1/jobs/image", "image image_edit"),
        ("/v1/jobs/sound", "sound"),
        ("/v1/jobs/music", "music"),
    ],
)
def test_only_what_someone_takes_is_offered(endpoint: str, capabilities: str) -> None:
    offered = set(_members(endpoint)) - {"model", "provider_options", "webhook_url"}
    wanted = [Capability(one) for one in capabilities.split()]
    known = set(HINTS) | {"n", "response_format", "stream", "stream_format"}
    operations = [
        one
        for row in TRANSLATORS.values()
        for capability in wanted
        for one in row.operations.get(capability, {}).values()
    ]
    for one in operations:
        known |= {*sources_of(one.table), *one.accepts}
    if not any(one.open for one in operations):
        assert offered <= known
    assert {name for name in known if name.isidentifier()} - set(HINTS) - offered <= {
        *("n", "response_format", "stream", "stream_format"),
    }


# -- against OpenAI's description, where it is at hand -------------------------------------------


@pytest.mark.parametrize(("method", "path"), THEIRS)
def test_openai_s_parameters_are_offered(method: str, path: str) -> None:
    theirs = openapi.operation(method, path)
    for kind, names in openapi.parameters(theirs).items():
        if kind == "query":
            ours = {_last(p) for p in OPERATIONS[method, path].get("parameters", ())}
        else:
            ours = set(_members(path, kind))
        assert names <= ours


@pytest.mark.fuzz
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
@pytest.mark.parametrize(("method", "path"), MADE)
def test_what_fits_ours_fits_openai_s(method: str, path: str) -> None:
    """Answers made up by our schemas, for requests within OpenAI's own values."""
    content = OPERATIONS[method, path]["responses"]["200"]["content"]
    schema = content["application/json"]["schema"]

    @examples(6, suppress_health_check=list(hypothesis.HealthCheck))
    @given(_made(schema))
    def holds(case: schemathesis.Case) -> None:
        fits(case.body, schema)
        openapi.check(method, path, 200, case.body)

    holds()


def _made(schema: Any) -> Any:
    """Values of a schema, with no other members than it names: those of a body that it is made the schema of."""
    components = copy.deepcopy(SCHEMAS)
    for one in components.values():
        _close(one)
    components["Video"]["properties"]["size"] = {"enum": ["720x1280", "1280x720", "1024x1792"]}
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    operation = {"requestBody": body, "responses": {"200": {"description": "Good."}}}
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "Made up", "version": "1"},
        "paths": {"/": {"post": operation}},
        "components": {"schemas": components},
    }
    return schemathesis.openapi.from_dict(whole)["/"]["POST"].as_strategy()


def _close(schema: Any) -> None:
    if isinstance(schema, dict):
        if "properties" in schema:
            schema["additionalProperties"] = False
        for one in schema.values():
            _close(one)
    elif isinstance(schema, list):
        for one in schema:
            _close(one)


def _members(path: str, kind: str = "application/json") -> dict[str, Any]:
    content = OPERATIONS["post", path]["requestBody"]["content"]
    found: dict[str, Any] = content[kind]["schema"]["properties"]
    return found


def _last(parameter: dict[str, str]) -> str:
    return parameter["$ref"].rpartition("/")[2]


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for one in node for found in _references(one)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [found for one in node.values() for found in _references(one)]


def _codes(folder: Path) -> set[str]:
    """What stands where the code of an error does."""
    sources = (
        one for one in folder.rglob("*.py") if not {"sandbox", "description"} & set(one.parts)
    )
    nodes = [node for one in sources for node in ast.walk(ast.parse(one.read_text()))]
    found = [place for node in nodes for place in _places(node)]
    values = {getattr(one, "value", None) for one in found}
    return {one for one in values if isinstance(one, str)}


def _places(node: ast.AST) -> list[ast.expr | None]:
    match node:
        case ast.Call(func=ast.Name(id="ApiError"), args=[_, _, code, *_]):
            return [code]
        case ast.Call(func=ast.Name(id="gateway_error"), args=[_, code, *_]):
            return [code]
        case ast.Call(func=ast.Name(id="_conflict"), args=[code, *_]):
            return [code]
        case ast.Call(
            func=ast.Attribute(attr="refuse"), args=[ast.Constant(value=int()), code, *_]
        ):
            return [code]
        case ast.Call(keywords=keywords):
            return [one.value for one in keywords if one.arg == "code"]
        case ast.arguments():
            named = zip(node.kwonlyargs, node.kw_defaults, strict=True)
            last = zip(reversed(node.args), reversed(node.defaults), strict=False)
            return [default for one, default in (*named, *last) if one.arg == "code"]
        case ast.Tuple(elts=[ast.Constant(value=int()), _, code]):  # status, type, code
            return [code]
        case ast.Assign(targets=[ast.Name(id="code")]):
            return [node.value]
    return []
