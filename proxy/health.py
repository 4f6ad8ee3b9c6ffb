"""How well a provider and its targets answer, and which of them are asked while there are others.

A provider has one circuit for its connection and one for each target that a route names. All of it is one
worker's own, and in its memory alone.
"""

from collections.abc import Callable, Iterable, Iterator

from proxy.circuit import Circuit
from proxy.config import Breaker
from proxy.failures import UNREACHABLE, Failure, failure_of

Told = Callable[[str, str], None]


class Health:
    """One provider's circuits. `told(provider, kind)` hears of every failure, whatever it means."""

    def __init__(self, provider: str, config: Breaker | None, told: Told | None = None) -> None:
        self._provider = provider
        self._config = config
        self._told = told
        self.connection = Circuit(config)
        self.targets: dict[str, Circuit] = {}

    def know(self, models: Iterable[str]) -> None:
        """The models that routes name now. Those that clients make up as they go have no circuit."""
        known = self.targets
        self.targets = {one: known.get(one) or Circuit(self._config) for one in sorted(set(models))}

    def circuits(self) -> Iterator[tuple[str, Circuit]]:
        """By model; `*` is the connection's."""
        yield "*", self.connection
        yield from self.targets.items()

    def admits(self, model: str) -> bool:
        """Whether the model should be asked while there is another target."""
        target = self.targets.get(model)
        return self.connection.admits() and (target is None or target.admits())

    def begin(self, model: str) -> "Attempt":
        """The model is asked now. Whoever calls this tells the attempt's end, whatever it is."""
        return Attempt(self, self.targets.get(model))

    def note(self, failure: Failure | None) -> None:
        """Count a failure, which need not be that of an attempt (a poll's is none)."""
        if self._told is not None and failure is not None:
            self._told(self._provider, failure.kind)


class Attempt:
    """A request to a target; the first end that it is told counts."""

    __slots__ = ("_began", "_connected", "_health", "_open", "_target")

    def __init__(self, health: Health, target: Circuit | None) -> None:
        self._health = health
        self._connected = health.connection.begin()
        self._target = target
        self._began = 0 if target is None else target.begin()
        self._open = True

    def ended(self, exc: Exception | None) -> None:
        """The target has answered, or this is how it has failed."""
        failure = None if exc is None else failure_of(exc)
        if failure is not None:
            self.failed(failure)
        elif exc is None:
            self.good()

    def answers(self) -> None:
        """The first of a long answer is here. A probe keeps nobody out any longer; its end still counts."""
        if self._open:
            self._health.connection.answers(self._connected)
            if self._target is not None:
                self._target.answers(self._began)

    def good(self) -> None:
        if self._open:
            self._open = False
            self._health.connection.good(self._connected)
            if self._target is not None:
                self._target.good(self._began)

    def failed(self, failure: Failure) -> None:
        """What is the request's own fault shows that the target is well."""
        if not self._open:
            return
        self._health.note(failure)
        if failure.against:
            self._open = False
            self._against(failure)
        elif failure.against is None:
            self.left()
        else:
            self.good()

    def left(self) -> None:
        """Nobody waits for its end any more. Safe to call after any other end."""
        if self._open:
            self._open = False
            self._health.connection.left(self._connected)
            if self._target is not None:
                self._target.left(self._began)

    def _against(self, failure: Failure) -> None:
        connection, target = self._health.connection, self._target
        if failure.kind == UNREACHABLE:
            connection.failed(self._connected, failure)
            if target is not None:
                target.left(self._began)
            return
        connection.good(self._connected)
        if target is not None:
            target.failed(self._began, failure)
