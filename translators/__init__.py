"""The gateways that Anygate speaks to: one line each, a module here with its `ROW`."""

from importlib import import_module

from translators.core import Translator

_GATEWAYS = (
    "ai_gate_one",
    "aigate_shop",
    "apiin_one",
    "onysoft",
    "openai",
)


def _row(module: str) -> Translator:
    row: Translator = import_module(f"translators.{module}").ROW
    return row


TRANSLATORS: dict[str, Translator] = {row.name: row for row in map(_row, _GATEWAYS)}
