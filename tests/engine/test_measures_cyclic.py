"""The steady cycle of a group: what the hour-long model comes to when nothing changes any more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures import cyclic_arrays as columns
from engine.measures import cyclic_group as layout
from engine.measures import kernels
from engine.measures.cyclic import CyclicTables, cyclic_cost
from engine.measures.cyclic_batch import CyclicBatch
from engine.measures.cyclic_group import cyclic_group
from engine.measures.delay import uniform_delay_s
from engine.measures.street import Driving, Street, build_street
from network.graph import RoadNetwork
from network.timing import TimingPlan
from tests.reference.toy_streets import (
    LEFTS,
    PLAIN,
    PROTECTED_LEFTS,
    Floats,
    crossroads,
    line,
    line_flows,
    played,
    tables_of,
    two_phase_plan,
)

HOUR_S = 3600
SETTLED_CYCLES = 30
LONG_M = 2000.0
"""Blocks so long that no queue reaches back to the signal before."""

DRIVING = Driving(start_loss_s=1, speed_variation=0.2)


def row_of_crossroads(
    seed: int,
    count: int = 3,
    level_vph: float = 130.0,
    three: bool = False,
    pocket_m: float = 200.0,
) -> tuple[RoadNetwork, Street, dict[str, TimingPlan]]:
    """Draw flows, splits and offsets for crossroads where lefts yield."""
    rng = np.random.default_rng(seed)
    phasing = PROTECTED_LEFTS if three else LEFTS
    plans = {}
    for name in "ABC"[:count]:
        splits = (40, 35, 15) if three else (int(rng.integers(35, 55)),)
        splits = splits if three else (splits[0], 90 - splits[0])
        order = (1, 2, 3) if three else (1, 2)
        plans[name] = TimingPlan(name, 90, order, splits, int(rng.integers(90)), 1)
    network = crossroads(count, LONG_M, pocket_m, 7.5, phasing, tuple(plans.values()))
    flows = {name: np.array([level_vph * rng.uniform(0.3, 1.0)]) for name in network.movements}
    return network, build_street(network, flows, HOUR_S, DRIVING), plans


def settled(network: RoadNetwork, street: Street, plans: dict[str, TimingPlan]) -> Floats:
    """Play the hour-long model until its cycles repeat; vehicles delayed on average, by lane."""
    cycle_s = max(plan.cycle_s for plan in plans.values())
    tables = tables_of(network, street, plans)
    found = played(tables, 0, (SETTLED_CYCLES + 1) * cycle_s, SETTLED_CYCLES * cycle_s)
    delayed: Floats = found.results[:, kernels.DELAY] / cycle_s
    return delayed


def solved(network: RoadNetwork, street: Street, plans: dict[str, TimingPlan]) -> CyclicTables:
    """Solve the cycle of all signals together."""
    group = cyclic_group(street, plans)
    tables = CyclicTables(group, network, max(plan.cycle_s for plan in plans.values()))
    for plan in plans.values():
        tables.set(plan)
    tables.solve()
    return tables


@pytest.mark.parametrize("seed", range(6))
def test_lanes_that_share_turns_settle_to_what_the_hour_long_model_says(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "SWEEPS", 12)
    network, street, plans = row_of_crossroads(seed, level_vph=110.0, pocket_m=0.0)
    tables = solved(network, street, plans)
    assert (tables.group.arrays.kind == columns.MIXED).all()
    want = settled(network, street, plans)
    assert tables.results[:, columns.DELAYED] == pytest.approx(want, rel=2e-3, abs=2e-3)


@pytest.mark.parametrize("three", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_both_models_count_the_same_stops_in_shared_lanes(
    seed: int, three: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "SWEEPS", 12)
    network, street, plans = row_of_crossroads(seed, level_vph=70.0, three=three, pocket_m=0.0)
    tables = solved(network, street, plans)
    first_s = SETTLED_CYCLES * 90
    found = played(tables_of(network, street, plans), 0, first_s + 90, first_s)
    want = found.results[:, kernels.STOPS] / 90
    assert tables.results[:, columns.STOPS] == pytest.approx(want, rel=5e-3, abs=5e-4)


def test_nobody_stops_twice_where_turns_of_a_lane_go_at_different_times() -> None:
    """Who stands while the other turn's green ends has not moved, and stops once."""
    network, street, plans = row_of_crossroads(1, count=1, level_vph=40.0, three=True, pocket_m=0.0)
    tables = solved(network, street, plans)
    stops, volume = tables.results[:, columns.STOPS], tables.results[:, columns.VOLUME]
    assert (stops <= volume).all()
    assert (stops > 0.3 * volume).all()


@pytest.mark.parametrize("three", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_lefts_with_a_lane_of_their_own_settle_close_to_it(
    seed: int, three: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "SWEEPS", 12)
    network, street, plans = row_of_crossroads(seed, three=three)
    tables = solved(network, street, plans)
    got, want = tables.results[:, columns.DELAYED], settled(network, street, plans)
    yields = tables.group.arrays.kind == columns.YIELDS
    assert yields.any()
    assert got[~yields] == pytest.approx(want[~yields], rel=0.04, abs=0.01)
    # Those who wait for a gap lose about a second less: they need not first come to the head.
    less = want[yields] - got[yields]
    assert less == pytest.approx(tables.results[yields, columns.VOLUME], abs=0.08)


@pytest.mark.parametrize("seed", range(4))
def test_two_sweeps_are_close_enough_to_compare_plans(seed: int) -> None:
    network, street, plans = row_of_crossroads(seed)
    total = float(solved(network, street, plans).results[:, columns.DELAYED].sum())
    assert total == pytest.approx(float(settled(network, street, plans).sum()), rel=0.06)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_vehicles_are_conserved_where_the_lanes_keep_up(seed: int, three: bool) -> None:
    network, street, plans = row_of_crossroads(seed, level_vph=100.0, three=three)
    tables = solved(network, street, plans)
    arrays, results = tables.group.arrays, tables.results
    out = np.zeros(len(results))
    np.add.at(out, arrays.way_lane, tables.departures.mean(axis=1))
    growing = results[:, columns.GROWTH] / tables.cycle_s
    assert (tables.departures >= 0).all()
    assert out + growing == pytest.approx(results[:, columns.VOLUME], abs=2e-3)


def test_a_street_without_red_has_no_delay() -> None:
    network = line("AB")
    street = build_street(network, line_flows(network, e=600.0), HOUR_S, PLAIN)
    tables = solved(network, street, {n: two_phase_plan(n) for n in "AB"})
    lane = street.lane_names.index("e0_0")
    tables.service[:] = 1.0
    assert tables.solve()[lane, columns.DELAYED] == 0.0
    assert tables.results[lane, columns.STOPS] == 0.0


@settings(max_examples=30, deadline=None)
@given(st.integers(15, 45), st.floats(20.0, 1700.0))
def test_an_isolated_lane_has_the_uniform_delay_of_the_manual(green_s: int, vph: float) -> None:
    network = line("A")
    street = build_street(network, line_flows(network, e=vph), HOUR_S, PLAIN)
    tables = solved(network, street, {"A": two_phase_plan("A", 60, green_s + 4)})
    row = tables.results[street.lane_names.index("e0_0")]
    saturation = row[columns.VOLUME] / row[columns.CAPACITY]
    if saturation > 0.95:
        return
    delay_s = row[columns.DELAYED] / row[columns.VOLUME]
    # Seconds are whole in the model: half a second of the red is not seen by the formula.
    assert delay_s == pytest.approx(uniform_delay_s(60.0, green_s, saturation), abs=0.75)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 89))
def test_shifting_all_offsets_together_changes_nothing(seed: int, shift_s: int) -> None:
    network, street, plans = row_of_crossroads(seed)
    moved = {n: replace(p, offset_s=(p.offset_s + shift_s) % 90) for n, p in plans.items()}
    group = tuple(plans)
    before = cyclic_cost(street, network, plans, group)
    assert cyclic_cost(street, network, moved, group) == pytest.approx(before, rel=2e-3)


@settings(max_examples=20, deadline=None)
@given(st.integers(20, 40), st.floats(100.0, 1600.0))
def test_more_green_never_lengthens_its_own_queue(green_s: int, vph: float) -> None:
    network = line("A")
    street = build_street(network, line_flows(network, e=vph), HOUR_S, PLAIN)
    lane = street.lane_names.index("e0_0")
    longest = [
        solved(network, street, {"A": two_phase_plan("A", 60, s)}).results[lane, columns.LONGEST]
        for s in (green_s, green_s + 3)
    ]
    assert longest[1] <= longest[0] + 1e-9


def test_a_queue_that_outgrows_its_cycle_says_so_and_costs_more() -> None:
    network = line("A")
    flows = line_flows(network, e=1200.0)
    street = build_street(network, flows, HOUR_S, PLAIN)
    tables = solved(network, street, {"A": two_phase_plan("A", 60, 24)})
    row = tables.results[street.lane_names.index("e0_0")]
    # 20 s of 24 s split are green at half a vehicle per second: 10 of 20 vehicles a cycle.
    assert row[columns.GROWTH] == pytest.approx(10.0, abs=1e-6)
    assert tables.cost() > 10.0 / 60.0 * HOUR_S / 2.0


def test_a_signal_at_half_the_cycle_is_solved_within_the_whole_one() -> None:
    network = line("AB")
    street = build_street(network, line_flows(network, e=500.0, s=200.0), HOUR_S, PLAIN)
    plans = {"A": two_phase_plan("A", 80, 50), "B": two_phase_plan("B", 40, 25)}
    got = solved(network, street, plans).results[:, columns.DELAYED]
    assert got == pytest.approx(settled(network, street, plans), rel=2e-3, abs=2e-3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_many_plans_at_once_cost_what_they_cost_alone(seed: int, count: int) -> None:
    network, street, plans = row_of_crossroads(seed, three=seed % 2 == 0)
    rng = np.random.default_rng(seed)
    others = {
        name: [plan, replace(plan, splits_s=(plan.splits_s[0] - 5, plan.splits_s[1] + 5,
                                             *plan.splits_s[2:]))]
        for name, plan in plans.items()
    }  # fmt: skip
    group = cyclic_group(street, plans)
    batch = CyclicBatch(group, network, 90, others)
    program = rng.integers(2, size=(count, len(plans)))
    offset_s = rng.integers(90, size=(count, len(plans)))
    costs = batch.costs(program, offset_s)
    tables = CyclicTables(group, network, 90)
    for row, got in enumerate(costs):
        for at, name in enumerate(plans):
            plan = others[name][program[row, at]]
            tables.set(replace(plan, offset_s=int(offset_s[row, at])))
        assert got == pytest.approx(tables.cost(), rel=2e-4)


def test_traffic_of_signals_outside_the_group_arrives_evenly() -> None:
    network = line("AB")
    street = build_street(network, line_flows(network, e=600.0), HOUR_S, PLAIN)
    alone = cyclic_group(street, ["B"])
    approach = alone.arrays.lane_approach[0]
    assert alone.arrays.first_stream[-1] == 0
    assert alone.arrays.steady_vps.sum() == pytest.approx(600.0 / 3600.0)
    assert alone.arrays.approach_vps[approach] > 0
