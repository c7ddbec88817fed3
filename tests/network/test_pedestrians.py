"""Crossings: what clears a crossing in force is neither shortened nor left out."""

from __future__ import annotations

import pytest

from network.graph import Movement, Signal
from network.phasing import Phasing
from network.readers.sumo_program import Picture, SumoProgram, interpret
from network.safety import check
from network.timeline import watch
from network.timing import TimingPlan
from tests.strategies import connection

# Groups 0 and 1 are vehicles on two streets, group 2 is the crossing beside group 0.
PROGRAM = SumoProgram(
    "A",
    "0",
    "static",
    0.0,
    (
        Picture("GrG", 300, None, None),
        Picture("Grr", 80, None, None),  # the crossing clears while vehicles go on
        Picture("yrr", 30, None, None),
        Picture("rGr", 300, None, None),
        Picture("ryr", 30, None, None),
    ),
)


@pytest.fixture
def signal() -> Signal:
    phasing, plan, exact = interpret(PROGRAM, frozenset({2}))
    assert exact
    return crossing(phasing, plan)


def crossing(phasing: Phasing, plan: TimingPlan) -> Signal:
    ways = tuple(connection(g, frozenset({1 - g}), frozenset()) for g in (0, 1))
    movements = tuple(
        Movement(f"m{i}", "A", way.from_link, way.to_link, "s", (way,))
        for i, way in enumerate(ways)
    )
    return Signal("A", 0.0, 0.0, movements, phasing, plan, True, "0", "")


def test_walk_and_clearance_keep_the_time_they_have(signal: Signal) -> None:
    assert signal.phasing is not None
    assert [phase.min_green_s for phase in signal.phasing.phases] == [27, 8, 5]


def test_the_plan_in_force_is_lawful(signal: Signal) -> None:
    assert signal.plan_in_force is not None
    assert check(signal.plan_in_force, signal) == ()
    assert watch(signal.plan_in_force, signal) == ()


def test_a_plan_without_the_clearance_is_refused_by_both(signal: Signal) -> None:
    assert signal.phasing is not None
    splits = tuple(signal.phasing.phase(number).min_split_s for number in (1, 3))
    plan = TimingPlan("A", sum(splits), (1, 3), splits, 0, 1)
    assert "pedestrian clearance" in {violation.rule for violation in check(plan, signal)}
    assert "pedestrian clearance" in {sighting.rule for sighting in watch(plan, signal)}


def test_without_crossings_the_phase_may_go() -> None:
    phasing, _, _ = interpret(PROGRAM)
    assert [phase.min_green_s for phase in phasing.phases] == [5, 5, 5]
