"""Constraints that bind, and the critical path of a cycle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.optimize.binding import (
    BARRIER,
    CYCLE_SUM,
    MINIMUM_GREEN,
    SAFETY,
    WALK,
    bounds_of,
    critical_path,
)
from engine.optimize.isolated import split_moves
from engine.optimize.problem import Limits, choices
from engine.optimize.trials import GroupTrials
from network.graph import RoadNetwork
from network.safety import check
from network.timing import TimingPlan
from tests.engine.explained_streets import (
    WALKING,
    choices_of,
    demand_of,
    plans_of,
    row,
    trials_of,
    two_rings,
)
from tests.reference.toy_streets import PLAIN, line, line_flows, two_phase_plan
from tests.rings import crossings, in_force, ring_plans
from tests.strategies import network_of

RULE_OF = {MINIMUM_GREEN: "minimum split", WALK: "walk"}


def test_a_phase_at_its_walk_says_so_with_its_seconds() -> None:
    network = row(1, phasing=WALKING)
    plan = TimingPlan("A", 80, (1, 2, 3), (43, 22, 15), 0, 1)
    (bound,) = bounds_of(choices_of(network)["A"], plan)
    assert (bound.phase, bound.side, bound.constraint) == (2, "less", WALK)
    assert "7 s to walk, 11 s to clear the crossing and 4 s of clearance make 22 s" in bound.text


def test_a_cycle_filled_with_minimums_binds_everybody() -> None:
    network = row(1, phasing=WALKING)
    plan = TimingPlan("A", 40, (1, 2, 3), (9, 22, 9), 0, 1)
    found = {(b.phase, b.side): b.constraint for b in bounds_of(choices_of(network)["A"], plan)}
    assert found == {
        (1, "less"): MINIMUM_GREEN,
        (2, "less"): WALK,
        (3, "less"): MINIMUM_GREEN,
        (1, "more"): CYCLE_SUM,
        (2, "more"): CYCLE_SUM,
        (3, "more"): CYCLE_SUM,
    }


def test_a_barrier_binds_where_the_ring_beside_has_nothing_to_give() -> None:
    """Phase 4 has 6 s to spare, but 7 and 8 beside it fill the same time with their minimums."""
    network = two_rings((9, 34, 9, 28, 15, 28, 15, 22), seventh_green_s=11)
    plan = plans_of(network)["X"]
    plan = replace(plan, cycle_s=80, splits_s=(9, 34, 9, 28, 15, 28, 15, 22))
    assert check(plan, network.signals["X"]) == ()
    told = {(b.phase, b.side): b.constraint for b in bounds_of(choices_of(network)["X"], plan)}
    assert told[2, "more"] == BARRIER
    assert told[8, "less"] == WALK
    assert (4, "less") not in told
    assert (6, "more") not in told
    loose = two_rings((9, 34, 9, 28, 15, 28, 15, 22))
    assert (2, "more") not in {(b.phase, b.side) for b in bounds_of(choices_of(loose)["X"], plan)}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_binds_really_binds(data: st.DataObject) -> None:
    signal = data.draw(crossings())
    plan = data.draw(ring_plans(signal, leading=True))
    signal = in_force(signal, plan)
    able = choices(network_of(signal), Limits())
    if "X" not in able or check(plan, signal):
        return
    choice = able["X"]
    moved = split_moves(choice, plan, 1)
    bounds = bounds_of(choice, plan)
    held = {(b.phase, b.side) for b in bounds}
    for number in plan.sequence:
        for side, sign in (("less", -1), ("more", 1)):
            possible = any((m.split_s(number) - plan.split_s(number)) * sign > 0 for m in moved)
            assert possible == ((number, side) not in held)
    for bound in bounds:
        if bound.constraint in RULE_OF:
            at = plan.sequence.index(bound.phase)
            splits = tuple(s - (i == at) for i, s in enumerate(plan.splits_s))
            rules = {v.rule for v in check(replace(plan, splits_s=splits), signal)}
            assert RULE_OF[bound.constraint] in rules
        assert bound.constraint in (MINIMUM_GREEN, WALK, CYCLE_SUM, BARRIER, SAFETY)
        assert str(bound.phase) in bound.text


def path_of(network: RoadNetwork, **vph: float):  # type: ignore[no-untyped-def]
    street = replace(
        demand_of(network), movement_vph=line_flows(network, **vph), driving=PLAIN
    ).street(network)
    trials = GroupTrials(street, network, {"A": two_phase_plan("A")})
    return critical_path(trials, choices_of(network)["A"])


def test_two_phases_need_their_flow_ratios_and_clearances() -> None:
    """At 2 s a vehicle, 600 and 300 veh/h need 20 and 10 s of a minute, and 4 s each to clear."""
    path = path_of(line("A"), e=600.0, w=400.0, s=300.0, n=100.0)
    assert path.needed_s == pytest.approx(38.0)
    assert path.spare_s == pytest.approx(22.0)
    assert [(p.phase, p.needed_for) for p in path.phases] == [(1, "e0_0"), (2, "s0_0")]
    assert [p.needed_s for p in path.phases] == pytest.approx([24.0, 14.0])
    # 26 s of green carry 13 vehicles a minute, 10 of them come.
    assert path.phases[0].saturation == pytest.approx(10 / 13, rel=1e-3)
    assert all(p.critical for p in path.phases)


def test_a_quiet_phase_is_needed_for_its_minimum() -> None:
    path = path_of(line("A"), e=600.0, s=30.0)
    assert path.phases[1].needed_for == MINIMUM_GREEN
    assert path.phases[1].needed_s == pytest.approx(9.0)


def test_demand_beyond_capacity_needs_more_than_the_cycle() -> None:
    path = path_of(line("A"), e=1100.0, s=900.0)
    assert path.needed_s == pytest.approx(60.0 * 2000 / 1800 + 8.0, rel=1e-6)
    assert path.spare_s < 0
    assert path.phases[0].saturation > 1


def test_the_longer_ring_between_barriers_is_the_critical_one() -> None:
    network = two_rings()
    vph = {1: 100.0, 2: 500.0, 3: 50.0, 4: 300.0, 5: 80.0, 6: 200.0, 7: 250.0, 8: 350.0}
    flows = {m: np.array([vph[at]]) for at, m in enumerate(network.movements, 1)}
    street = replace(demand_of(network), movement_vph=flows, driving=PLAIN).street(network)
    trials = GroupTrials(street, network, plans_of(network))
    path = critical_path(trials, choices_of(network)["X"])
    on_path = {p.phase for p in path.phases if p.critical}
    assert {1, 2} <= on_path
    assert {7, 8} <= on_path
    assert not {3, 4, 5, 6} & on_path
    needed = {p.phase: p.needed_s for p in path.phases}
    assert path.needed_s == pytest.approx(needed[1] + needed[2] + needed[7] + needed[8])


@pytest.mark.parametrize("seed", range(3))
def test_the_critical_path_fits_the_cycle_where_lanes_keep_up(seed: int) -> None:
    network = row(seed=seed)
    trials = trials_of(network, seed, 0.5)
    for name in "ABC":
        path = critical_path(trials, choices_of(network)[name])
        assert max(p.saturation for p in path.phases) < 1
        assert 27 <= path.needed_s <= path.cycle_s
