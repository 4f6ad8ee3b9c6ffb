"""The gateways that Anygate speaks to: one line each."""

from translators.ai_gate_one import ROW as _AI_GATE_ONE
from translators.aigate_shop import ROW as _AIGATE_SHOP
from translators.apiin_one import ROW as _APIIN_ONE
from translators.core import Translator
from translators.onysoft import ROW as _ONYSOFT
from translators.openai import ROW as _OPENAI

_ROWS = (
    _AI_GATE_ONE,
    _AIGATE_SHOP,
    _APIIN_ONE,
    _ONYSOFT,
    _OPENAI,
)
TRANSLATORS: dict[str, Translator] = {row.name: row for row in _ROWS}
