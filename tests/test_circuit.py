"""The circuit breaker by itself, with a clock that tests turn."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.circuit import Circuit
from proxy.config import Breaker
from proxy.failures import Failure

BAD = Failure("failed")
SETTINGS = Breaker(failures=3, window=60, pause=10, max_pause=35)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    return Circuit(SETTINGS, clock, lambda: 0.0)


def fail(circuit: Circuit, times: int = 1, failure: Failure = BAD) -> None:
    for _ in range(times):
        circuit.failed(circuit.begin(), failure)


def test_so_many_failures_in_a_row_open_it(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 2)
    assert (circuit.state, circuit.admits()) == ("closed", True)
    fail(circuit)
    assert (circuit.state, circuit.admits(), circuit.failed_by) == ("open", False, "failed")
    clock.now += 9.9
    assert not circuit.admits()
    clock.now += 0.1
    assert (circuit.state, circuit.admits()) == ("half_open", True)


def test_an_answer_between_them_begins_the_row_anew(circuit: Circuit) -> None:
    for _ in range(5):
        fail(circuit, 2)
        circuit.good(circuit.begin())
    assert circuit.state == "closed"


def test_old_failures_are_forgotten(circuit: Circuit, clock: Clock) -> None:
    for _ in range(5):
        fail(circuit, 2)
        clock.now += 60.1
    assert circuit.state == "closed"
    fail(circuit)
    clock.now += 59
    fail(circuit)
    clock.now += 59  # the window is from one to the next: a slow failure is one, too
    fail(circuit)
    assert circuit.state == "open"


def test_one_probe_at_a_time(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 3)
    clock.now += 10
    probe = circuit.begin()
    assert (circuit.state, circuit.admits()) == ("half_open", False)
    forced = circuit.begin()  # by a route that has nothing else
    circuit.left(forced)
    assert not circuit.admits(), "the probe is still under way"
    circuit.left(probe)  # its client went away
    assert circuit.admits()
    circuit.good(circuit.begin())
    assert (circuit.state, circuit.admits()) == ("closed", True)
    fail(circuit, 3)
    clock.now += 10
    assert circuit.admits(), "the pause begins anew, too"


def test_the_pause_doubles_up_to_a_bound(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 3)
    for pause in (10, 20, 35, 35):
        clock.now += pause - 0.1
        assert not circuit.admits()
        clock.now += 0.1
        assert circuit.admits()
        fail(circuit)


def test_chance_shortens_it_by_a_tenth_at_most(clock: Clock) -> None:
    circuit = Circuit(SETTINGS, clock, lambda: 1.0)
    fail(circuit, 3)
    clock.now += 9
    assert circuit.admits()


def test_what_began_before_says_nothing(circuit: Circuit, clock: Clock) -> None:
    early = [circuit.begin() for _ in range(4)]
    fail(circuit, 3)
    circuit.good(early[0])
    assert circuit.state == "open"
    clock.now += 10
    probe = circuit.begin()
    circuit.failed(early[1], BAD)
    circuit.good(early[2])
    assert (circuit.state, circuit.admits()) == ("half_open", False)
    circuit.good(probe)
    assert circuit.state == "closed"


def test_a_success_without_choice_closes_it(circuit: Circuit) -> None:
    fail(circuit, 3)
    circuit.good(circuit.begin())
    assert circuit.state == "closed"


def test_the_gateways_own_time_is_obeyed_and_never_doubled(circuit: Circuit, clock: Clock) -> None:
    for _ in range(3):
        fail(circuit, failure=Failure("rate", wait=50))
        assert circuit.state == "open"
        clock.now += 49.9
        assert not circuit.admits()
        clock.now += 0.1
        assert circuit.admits()
    fail(circuit, failure=Failure("rate", wait=50))
    fail(circuit, failure=Failure("rate", wait=5))  # of another request: the longest counts
    clock.now += 49.9
    assert not circuit.admits()
    fail(circuit, failure=Failure("rate", wait=1e9))
    clock.now += 3600
    assert circuit.admits(), "an hour at most"


def test_it_can_be_switched_off(clock: Clock) -> None:
    circuit = Circuit(None, clock)
    fail(circuit, 100)
    fail(circuit, failure=Failure("rate", wait=50))
    assert (circuit.state, circuit.admits(), circuit.failed_by) == ("closed", True, "rate")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0, 40)),
        st.tuples(st.just("ask"), st.just(0.0)),
        st.tuples(st.sampled_from(["good", "bad", "left", "rate"]), st.integers(0, 9)),
    ),
    max_size=80,
)


@given(STEPS)
def test_whatever_happens_open_lets_one_through_and_never_for_good(steps: list[Any]) -> None:
    """Asked only when it admits: while it is not closed there is one request on its way, or none."""
    clock = Clock()
    circuit = Circuit(SETTINGS, clock, lambda: 0.5)
    under_way: list[tuple[int, bool]] = []
    for what, value in steps:
        if what == "wait":
            clock.now += value
        elif what == "ask":
            if circuit.admits():
                closed = circuit.state == "closed"
                under_way.append((circuit.begin(), not closed))
        elif under_way:
            began, _ = under_way.pop(value % len(under_way))
            if what == "good":
                circuit.good(began)
            elif what == "left":
                circuit.left(began)
            else:
                circuit.failed(began, BAD if what == "bad" else Failure("rate", wait=20))
        if circuit.state == "half_open" and not circuit.admits():
            assert any(probe for _, probe in under_way)
    for began, _ in under_way:
        circuit.left(began)
    clock.now += 100
    assert circuit.admits()
