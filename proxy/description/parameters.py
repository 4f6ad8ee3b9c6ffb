"""What stands in paths, queries and headers of requests."""

from typing import Any

from proxy import report
from proxy.description.schemas import TEXT, Schema, between, one_of, pattern, told
from proxy.endpoints.found import ROLES
from proxy.endpoints.jobs import LISTED
from proxy.store.money import DIMENSIONS
from translators.core import State

_DAY = told(
    pattern(r"^([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,11})$"), "A day (UTC) or Unix seconds, included."
)
_DIMENSION = "|".join(DIMENSIONS)
_QUERY: dict[str, Schema] = {
    "limit": {**between(0, 100), "default": 20},
    "after": told(TEXT, "The id after which the page begins."),
    "order": {**one_of(["asc", "desc"]), "default": "desc"},
    "kind": one_of(LISTED),
    "status": one_of(State),
    "variant": {**one_of(ROLES), "default": "video"},
    "index": {**between(0, 999), "default": 0},
    "since": _DAY,
    "until": _DAY,
    "by": {**pattern(rf"^\s*({_DIMENSION})?\s*(,\s*({_DIMENSION})?\s*)*$"), "default": report.BY},
}
_PATH: dict[str, tuple[str, Schema]] = {
    "id": ("id", told(TEXT, "A job's id.")),
    "model": ("id", told(TEXT, "Its slashes may come as %2F.")),
    "name": ("name", TEXT),
    "secret": ("secret", TEXT),
}
_SPAN = told(TEXT, "bytes=first-last; what is malformed, or several, gets the whole file.")


def components() -> dict[str, Any]:
    query = {
        name: {"name": name, "in": "query", "schema": schema} for name, schema in _QUERY.items()
    }
    path = {
        key: {"name": name, "in": "path", "required": True, "schema": schema}
        for key, (name, schema) in _PATH.items()
    }
    header = {
        "Range": {"name": "Range", "in": "header", "schema": _SPAN},
        "If-Range": {"name": "If-Range", "in": "header", "schema": TEXT},
    }
    return {**query, **path, **header}
