"""Link tables against their plain twin, and against what offsets physically do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures.evaluation import evaluate
from engine.measures.street import Street, build_street
from engine.optimize import table_kernels
from engine.optimize.link_tables import LinkTables, joined, link_tables
from network.errors import PlanError
from network.graph import RoadNetwork
from network.timing import OffsetReference, TimingPlan
from tests.network import streets
from tests.reference.table_twin import twin_departures, twin_dispersed, twin_lane_cost
from tests.reference.toy_streets import (
    PLAIN,
    crossroads,
    line,
    line_flows,
    tables_of,
    two_phase_plan,
)

RATES = st.sampled_from([0.0, 0.0, 0.1, 0.5, 1.0])


def plans_of(names: str, offsets_s: tuple[int, ...], cycle_s: int = 60) -> dict[str, TimingPlan]:
    return {
        name: two_phase_plan(name, cycle_s, cycle_s // 2, offset)
        for name, offset in zip(names, offsets_s, strict=True)
    }


def laid(names: str = "AB", block_m: float = 250.0, **vph: float) -> tuple[Street, RoadNetwork]:
    network = line(names, block_m)
    return build_street(network, line_flows(network, **vph), 3600, PLAIN), network


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_kernels_and_twins_agree(data: st.DataObject) -> None:
    cycle_s = data.draw(st.integers(1, 20))
    rows = st.lists(RATES, min_size=cycle_s, max_size=cycle_s)
    service, platoon = data.draw(rows), data.draw(rows)
    delay_s, smoothing = data.draw(st.integers(1, 50)), data.draw(st.sampled_from([0.05, 0.3, 1.0]))
    arrivals = data.draw(st.sampled_from([0.0, 0.01, 0.2, 1.0]))
    sent = np.zeros((1, cycle_s))
    table_kernels.departures(np.array([arrivals]), np.array([service]), sent)
    np.testing.assert_allclose(sent[0], twin_departures(arrivals, service), atol=1e-9)
    assert sent.sum() == pytest.approx(min(arrivals * cycle_s, sum(service)))
    moved = np.zeros(cycle_s)
    table_kernels.disperse(np.array(platoon), delay_s, smoothing, moved)
    np.testing.assert_allclose(moved, twin_dispersed(platoon, delay_s, smoothing), atol=1e-7)
    assert moved.sum() == pytest.approx(sum(platoon))
    if sum(service) > 0:
        # More than enough service for all that comes, as the caller sees to.
        fitted = 0.95 * (moved + arrivals) * sum(service) / max(1e-9, (moved + arrivals).sum())
        costs = np.zeros((1, cycle_s))
        table_kernels.lane_costs(fitted[None, :], np.array([0.0]), np.array([service]), costs)
        for d in range(cycle_s):
            expected = twin_lane_cost(fitted.tolist(), 0.0, service, d)
            assert costs[0, d] == pytest.approx(expected, abs=1e-7)


def test_kernels_take_no_lanes_at_all() -> None:
    none = np.zeros((0, 60))
    table_kernels.departures(np.zeros(0), none, none)
    table_kernels.lane_costs(none, np.zeros(0), none, none)


def test_pairs_are_those_that_streams_join() -> None:
    street, network = laid("ABCD", e=500.0, w=300.0, s=200.0, n=200.0)
    tables = link_tables(street, network, plans_of("ABCD", (0,) * 4), tuple("ABCD"))
    assert list(zip(tables.tail, tables.head, strict=True)) == [(0, 1), (1, 2), (2, 3)]
    assert tables.lanes == 6
    assert (tables.cost_veh_s > 0).all()


def test_offsets_and_their_reference_do_not_change_the_tables() -> None:
    street, network = laid(e=500.0, w=300.0)
    before = link_tables(street, network, plans_of("AB", (0, 0)), ("A", "B"))
    plans = plans_of("AB", (17, 17))
    after = link_tables(street, network, plans, ("A", "B"))
    np.testing.assert_allclose(after.cost_veh_s, before.cost_veh_s)
    # The same street under another name of the offset: yellow begins 26 s after green.
    plans["B"] = replace(
        plans["B"], offset_s=(17 + 26) % 60, offset_reference=OffsetReference.BEGIN_YELLOW
    )
    named = link_tables(street, network, plans, ("A", "B"))
    np.testing.assert_allclose(named.cost_veh_s[0], np.roll(before.cost_veh_s[0], 26))


def test_uniform_arrivals_give_a_flat_table() -> None:
    """A signal that is green almost always sends what it gets, as it gets it."""
    network = line("AB", 250.0)
    street = build_street(network, line_flows(network, e=500.0), 3600, PLAIN)
    uniform = np.full((1, 60), 500.0 / 3600.0)
    costs = np.zeros((1, 60))
    service = np.roll(np.repeat([0.5, 0.0], [26, 34]), 7)[None, :]
    table_kernels.lane_costs(uniform, np.array([0.0]), service, costs)
    assert np.ptp(costs) < 1e-9
    plans = {
        "A": TimingPlan("A", 60, (1,), (60,), 0, 1),
        "B": two_phase_plan("B", 60, 30),
    }
    tables = link_tables(street, network, plans, ("A", "B"))
    assert np.ptp(tables.cost_veh_s) < 1e-6
    assert tables.cost_veh_s[0, 0] == pytest.approx(costs[0, 0])


@pytest.mark.parametrize("block_m", [150.0, 250.0, 400.0])
def test_best_offset_of_a_one_way_link_is_the_running_time(block_m: float) -> None:
    street, network = laid(block_m=block_m, e=500.0)
    tables = link_tables(street, network, plans_of("AB", (0, 0)), ("A", "B"))
    stream = street.stream_table[0]
    whole_s = stream.start_s + stream.travel_time_s
    found = (int(tables.cost_veh_s[0].argmin()) - whole_s + 30.0) % 60.0 - 30.0
    # The head of a dispersed platoon comes early, and there is green to spare.
    spread_s = 3.0 * PLAIN.speed_variation * stream.travel_time_s
    assert -spread_s - stream.start_s <= found <= 2.0


def test_oversaturated_lanes_are_left_out_and_counted() -> None:
    street, network = laid(e=900.0, w=300.0)
    tables = link_tables(street, network, plans_of("AB", (0, 0)), ("A", "B"))
    assert (tables.lanes, tables.oversaturated_lanes) == (1, 1)


def test_permissive_turns_are_served() -> None:
    network = crossroads(2, 250.0, pocket_m=60.0)
    flows = {name: np.array([60.0]) for name in network.movements}
    street = build_street(network, flows, 3600, PLAIN)
    tables = link_tables(street, network, plans_of("AB", (0, 0)), ("A", "B"))
    assert (tables.lanes, tables.oversaturated_lanes) == (4, 0)


def test_lane_fed_from_one_side_costs_what_the_kernel_says() -> None:
    street, network = laid(e=500.0)
    totals, played = [], []
    for offset_s in range(0, 60, 4):
        plans = plans_of("AB", (0, offset_s))
        tables = link_tables(street, network, plans, ("A", "B"))
        totals.append(tables.total_veh_s(np.array([0, offset_s])) * 60)
        measures = evaluate(tables_of(network, street, plans), 0, 3600 + 600, 600)
        lane = street.lane_names.index("e1_0")
        played.append(measures.lane_delay_s[lane] * 500.0)
    # Per hour, chance (constant over offsets) apart.
    assert np.ptp(np.array(played) - np.array(totals)) < 0.03 * np.ptp(played)


def test_two_way_street_has_its_best_offset_where_the_full_kernel_has_it() -> None:
    street, network = laid(block_m=300.0, e=600.0, w=350.0, s=200.0, n=200.0)
    tables = link_tables(street, network, plans_of("AB", (0, 0)), ("A", "B"))
    played = np.array(
        [
            evaluate(tables_of(network, street, plans_of("AB", (0, d))), 0, 3600, 600).delay_s
            for d in range(60)
        ]
    )
    costs = tables.cost_veh_s[0]
    assert np.corrcoef(costs, played)[0, 1] > 0.99
    apart = (int(costs.argmin()) - int(played.argmin()) + 30) % 60 - 30
    assert abs(apart) <= 3


@pytest.mark.parametrize("name", ["cologne8", "ingolstadt7"])
def test_real_network_gives_finite_tables(name: str) -> None:
    network = streets.network(name)
    street = build_street(network, {m: np.array([150.0]) for m in network.movements}, 3600)
    by_cycle: dict[int, list[str]] = {}
    for signal in network.signals.values():
        if signal.plan_in_force is not None and signal.phasing is not None:
            by_cycle.setdefault(signal.plan_in_force.cycle_s, []).append(signal.signal_id)
    group = tuple(max(by_cycle.values(), key=len))
    plans = {
        name: plan for name in group if (plan := network.signals[name].plan_in_force) is not None
    }
    tables = link_tables(street, network, plans, group)
    assert tables.tail.size
    assert (tables.cost_veh_s.std(axis=1) > 0).any()


def test_joined_sums_both_directions_over_one_difference() -> None:
    one, two = np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0])
    tables = joined(("A", "B"), 3, [(0, 1, one), (1, 0, two), (0, 1, one)])
    np.testing.assert_allclose(tables.cost_veh_s, [[12.0, 34.0, 26.0]])
    assert tables.total_veh_s(np.array([2, 0])) == 34.0
    assert tables.edge_minimum_veh_s == 12.0


def test_group_without_edges_costs_nothing() -> None:
    tables = joined(("A", "B"), 3, [])
    assert tables.total_veh_s(np.array([2, 0])) == 0.0
    assert tables.edge_minimum_veh_s == 0.0


@pytest.mark.parametrize(
    ("tail", "head", "cost"),
    [
        ([1], [0], [[1.0, 2.0]]),
        ([0], [2], [[1.0, 2.0]]),
        ([0], [1], [[1.0, np.nan]]),
        ([0], [1], [[1.0]]),
        ([0, 0], [1, 1], [[1.0, 2.0], [1.0, 2.0]]),
    ],
)
def test_misshapen_tables_are_refused(
    tail: list[int], head: list[int], cost: list[list[float]]
) -> None:
    with pytest.raises(PlanError):
        LinkTables(
            ("A", "B"), 2, np.array(tail, dtype=np.int32), np.array(head, dtype=np.int32),
            np.array(cost),
        )  # fmt: skip


def test_group_needs_one_cycle_and_a_plan_each() -> None:
    street, network = laid(e=500.0)
    plans = plans_of("AB", (0, 0))
    with pytest.raises(PlanError, match="no plan for B"):
        link_tables(street, network, {"A": plans["A"]}, ("A", "B"))
    plans["B"] = two_phase_plan("B", 70)
    with pytest.raises(PlanError, match=r"\[60, 70\]"):
        link_tables(street, network, plans, ("A", "B"))
