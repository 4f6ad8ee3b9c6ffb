"""Multipart bodies, read as the JSON that they stand for."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import UploadFile

from . import checks as c
from .checks import Fields
from .exchange import Exchange
from .fetch import Fetched

NUMBERS = ("n", "output_compression", "partial_images", "temperature")


async def read_form(x: Exchange, fields: Fields) -> dict[str, Any]:
    """Return a checked multipart body: brackets as lists, numbers and booleans as such.

    Files are noted in the double's `fetched`, under "upload:NAME".
    """
    body: dict[str, Any] = {}
    form = await x.form()
    for name, value in form.multi_items():
        plain = name.removesuffix("[]")
        new: Any
        if isinstance(value, UploadFile):
            new = await value.read()
            kind = value.content_type or ""
            x.double.fetched.append(Fetched(f"upload:{value.filename}", 200, kind, new))
        else:
            new = _scalar(plain, value)
        if name.endswith("[]") or plain in body:
            body[plain] = [*(body.get(plain) or []), new]
        else:
            body[plain] = new
    await form.close()
    c.validate(body, fields)
    return body


def _scalar(name: str, value: str) -> Any:
    if value in ("true", "false"):
        return value == "true"
    if name in NUMBERS and value.replace(".", "", 1).isdigit():
        return float(value) if "." in value else int(value)
    return value
