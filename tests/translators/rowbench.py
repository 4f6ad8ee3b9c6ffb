"""A row on the bench: what it makes of a request, and what it reads out of an answer."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from translators.core import Answer, Call, Capability, Seen, Task, Translator
from translators.plan import Plan, plan

GATEWAYS = Path(__file__).parents[1] / "gateways"


def recorded(gateway: str) -> Mapping[str, Any]:
    """The native requests and answers that the gateway's page shows, by file name."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((GATEWAYS / gateway).glob("*.json"))
    }


def answered(body: Any, status: int = 200) -> Answer:
    return Answer(status, {}, orjson.dumps(body), body)


class Bench:
    """`kind` and `model`: the operation whose answers are read unless a test names another."""

    def __init__(self, row: Translator, kind: str, model: str) -> None:
        self._row = row
        self._usual = (kind, model)

    def planned(self, kind: str, model: str, callback: str | None = None, **params: Any) -> Plan:
        call = Call(Capability(kind), model, params, given=frozenset(params), callback=callback)
        return plan(self._row, call)

    def sent(self, kind: str, model: str, **params: Any) -> Any:
        return self.planned(kind, model, **params).request.body

    def fields(self, kind: str, model: str, **params: Any) -> Any:
        """What is sent beside the model, as the client named it, and the prompt, if any."""
        body = dict(self.sent(kind, model, prompt="x", **params))
        assert (body.pop("model"), body.pop("prompt", "x")) == (model, "x")
        return body

    def submitted(self, body: Any, *named: str) -> Task:
        kind, model = named or self._usual
        call = Call(Capability(kind), model, {})
        read = self._row.find(call)[1].read
        assert read
        return read(answered(body), call)

    def polled(self, body: Any, *named: str) -> Task:
        kind, model = named or self._usual
        poll = self._row.find(Call(Capability(kind), model, {}))[1].poll
        assert poll
        return poll.read(answered(body), Seen("t"))
