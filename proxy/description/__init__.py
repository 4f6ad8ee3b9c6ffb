"""Anygate's description of itself in OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1), made out of what
the endpoints and the rows check by. GET /openapi.json serves it.

HEAD is answered wherever GET is, and not described.
"""

from functools import cache
from typing import Any

from proxy.description import answers, errors, headers, parameters, requests
from proxy.description.described import EVENTS, Described
from proxy.description.paths import PATHS
from proxy.description.schemas import any_of, ref, told

_ABOUT = (
    "One OpenAI base URL in front of any AI gateway. Which parameters a model takes is its gateway's affair: "
    "what it cannot take is either named in x-anygate-dropped or refused by a 400 that names it."
)
_METHODS = {"get": "get", "post": "make", "delete": "delete"}


@cache
def description(*, keys: bool) -> dict[str, Any]:
    """The OpenAPI document. `keys`: clients need a key (the config has some)."""
    return {
        "openapi": "3.1.1",
        "info": {"title": "Anygate", "version": "1", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": {
            path: {
                method: _operation(path, method, one, keys=keys) for method, one in methods.items()
            }
            for path, methods in PATHS.items()
        },
        "components": {
            "schemas": {"Error": errors.schema(), **answers.SCHEMAS, **requests.schemas()},
            "responses": errors.components(),
            "parameters": parameters.components(),
            "headers": headers.components(),
            "securitySchemes": {
                "client": {"type": "http", "scheme": "bearer"},
                "metrics": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Where the config has server.metrics_key.",
                },
            },
        },
    }


def _operation(path: str, method: str, one: Described, *, keys: bool) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": _METHODS[method] + path.translate(str.maketrans("/.", "__", "{}")),
        "summary": one.does,
        "security": _security(one.key, keys=keys),
        "responses": {
            **_good(one),
            **errors.references(one.errors, keys=keys and one.key == "client"),
        },
    }
    if one.parameters:
        made["parameters"] = [ref(name, "parameters") for name in one.parameters]
    if one.body is not None:
        made["requestBody"] = one.body
    return made


def _security(key: str | None, *, keys: bool) -> list[dict[str, list[str]]]:
    if key == "metrics":
        return [{}, {key: []}]
    return [{key: []}] if key and keys else []


def _good(one: Described) -> dict[str, Any]:
    """The good answers. As in OpenAI's description, the schema of a stream is that of its events' data."""
    content: dict[str, Any] = {kind: {"schema": schema} for kind, schema in one.answers.items()}
    if one.events:
        found = any_of(*map(ref, (*one.events, "Error")))
        content[EVENTS] = {"schema": told(found, "The data of each event, but for a last [DONE].")}
    whole: dict[str, Any] = {
        "description": one.does,
        "headers": headers.headers(one.always, one.sometimes),
    }
    if content:
        whole["content"] = content
    if not one.part:
        return {str(one.status): whole}
    part = headers.headers((*one.always, "content-range"), one.sometimes)
    return {"200": whole, "206": {**whole, "description": "A part of it.", "headers": part}}
