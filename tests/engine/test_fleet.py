"""Buses as their operator follows them: how late, how far behind the one before, and asking."""

from __future__ import annotations

import numpy as np
import pytest

from engine.adaptive.requests import Request
from engine.adaptive.sensing import Traffic
from engine.validate.fleet import Fleet, due_times_s
from network.errors import SimulationError
from network.readers.sumo_bus_runs import BusRun
from network.transit import BusLine, BusStop
from tests.reference.toy_streets import line

NETWORK = line("AB")
LINE = BusLine("9", ("e0", "e1", "e2"), 300.0, 20.0, (BusStop("e1", 30.0),), 10.0)
LENGTHS_M = [NETWORK.links[name].length_m for name in LINE.route]
HALT_M = 20.0


class Asked:
    """Writes down what it is asked, in place of a controller."""

    def __init__(self) -> None:
        self.requests: dict[str, Request] = {}
        self.along_m: dict[str, float] = {}
        self.late_s: dict[str, float] = {}
        self.headway_s: dict[str, float | None] = {}

    def ask(self, request: Request) -> None:
        self.requests[request.vehicle_id] = request

    def locate(self, vehicle_id: str, along_m: float) -> None:
        self.along_m[vehicle_id] = along_m

    def report(
        self, vehicle_id: str, late_s: float, headway_s: float | None, scheduled_s: float | None
    ) -> None:
        assert (headway_s is None) == (scheduled_s is None)
        self.late_s[vehicle_id] = late_s
        self.headway_s[vehicle_id] = headway_s

    def withdraw(self, vehicle_id: str) -> None:
        del self.requests[vehicle_id]


def run(name: str, depart_s: float) -> BusRun:
    return BusRun(name, LINE, depart_s, (HALT_M,))


def traffic(*places: tuple[str, str, float]) -> Traffic:
    """Vehicles by name, lane and position, at 5 m/s."""
    return Traffic(
        [name for name, _, _ in places],
        [lane for _, lane, _ in places],
        np.array([at_m for _, _, at_m in places]),
        np.full(len(places), 5.0),
    )


def look(fleet: Fleet, asked: Asked, now_s: float, *places: tuple[str, str, float]) -> None:
    fleet.look(now_s, traffic(*places), asked)  # type: ignore[arg-type]


def test_a_line_is_due_at_even_intervals_that_fit_its_departures() -> None:
    runs = [run("a", 90.0), run("b", 420.0), run("d", 1010.0)]
    assert due_times_s(runs) == pytest.approx([106.667, 406.667, 1006.667], abs=0.001)


def test_a_bus_asks_while_it_is_on_the_street() -> None:
    fleet, asked = Fleet(NETWORK, [run("a", 0.0)]), Asked()
    look(fleet, asked, 0.0, ("a", "e0_0", 5.0), ("car", "e0_0", 50.0))
    assert list(asked.requests) == ["a"]
    assert asked.requests["a"].load_persons == 20.0
    assert [p.signal_id for p in asked.requests["a"].passages] == ["A", "B"]
    look(fleet, asked, 1.0)
    assert asked.requests == {}


def test_lateness_is_against_speed_dwell_and_allowance() -> None:
    fleet, asked = Fleet(NETWORK, [run("a", 0.0)], allowance_s=7.0), Asked()
    look(fleet, asked, 3.0, ("a", "e0_0", 20.0))
    assert asked.late_s["a"] == pytest.approx(1.0)
    look(fleet, asked, 100.0, ("a", "e1_0", HALT_M + 10.0))
    at_m = asked.along_m["a"]
    assert at_m >= LENGTHS_M[0] + HALT_M + 10.0
    assert asked.late_s["a"] == pytest.approx(100.0 - at_m / 10.0 - 30.0 - 7.0, abs=1.0)


def test_the_headway_is_the_time_since_the_one_before_was_here() -> None:
    fleet, asked = Fleet(NETWORK, [run("a", 0.0), run("b", 300.0)]), Asked()
    look(fleet, asked, 0.0, ("a", "e0_0", 0.0))
    look(fleet, asked, 10.0, ("a", "e0_0", 40.0))
    assert asked.headway_s["a"] is None
    look(fleet, asked, 250.0, ("b", "e0_0", 20.0))
    assert asked.headway_s["b"] == pytest.approx(245.0)
    look(fleet, asked, 260.0, ("b", "e0_0", 60.0))
    assert asked.headway_s["b"] == 0.0


def test_inside_a_node_a_bus_goes_on_by_its_speed_and_never_back() -> None:
    fleet, asked = Fleet(NETWORK, [run("a", 0.0)]), Asked()
    look(fleet, asked, 0.0, ("a", "e0_0", 40.0))
    look(fleet, asked, 1.0, ("a", ":n_0_0", 2.0))
    assert asked.along_m["a"] == 45.0
    look(fleet, asked, 2.0, ("a", "e0_0", 41.0))
    assert asked.along_m["a"] == 45.0


def test_it_is_known_when_buses_passed_signals() -> None:
    fleet = Fleet(NETWORK, [run("a", 0.0)])
    for now_s, lane, at_m in ((0.0, "e0_0", LENGTHS_M[0] - 10.0), (2.0, "e1_0", 10.0)):
        fleet.look(now_s, traffic(("a", lane, at_m)), None)
    (key, times_s) = next(iter(fleet.passed_s().items()))
    assert key == ("9", "A")
    assert 0.0 < times_s[0] < 2.0


def test_a_fleet_without_buses_is_refused() -> None:
    with pytest.raises(SimulationError, match="0 buses"):
        Fleet(NETWORK, [])
    with pytest.raises(SimulationError, match="-1"):
        Fleet(NETWORK, [run("a", 0.0)], -1.0)
