"""The gateways that Anygate speaks to: one line each."""

from translators import ai_gate_one, aigate_shop, apiin_one, onysoft, openai
from translators.core import Translator

_ROWS = (
    ai_gate_one.ROW,
    aigate_shop.ROW,
    apiin_one.ROW,
    onysoft.ROW,
    openai.ROW,
)
TRANSLATORS: dict[str, Translator] = {row.name: row for row in _ROWS}
