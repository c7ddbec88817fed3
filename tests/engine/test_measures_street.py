"""A network under a demand, as arrays: nothing is lost on the way into them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures.evaluation import Tables, evaluate
from engine.measures.street import (
    UNLIMITED_VEH,
    Driving,
    Street,
    assign_lanes,
    build_street,
)
from network.errors import InsufficientDataError
from network.graph import RoadNetwork
from network.phasing import Phase, Phasing
from network.timing import TimingPlan
from tests.reference.toy_streets import (
    PLAIN,
    SPEED_MPS,
    TWO_PHASES,
    Floats,
    Roads,
    crossroads,
    laid_streets,
    line,
    line_flows,
    two_phase_plan,
)


def wide(lanes: int) -> RoadNetwork:
    """One approach with through traffic on every lane and a right turn on lane 0 only."""
    roads = Roads()
    roads.link("in", 200.0, lanes)
    roads.link("on", 200.0, lanes)
    ways = [roads.turn("in", "on", "s", lane, lane, 0) for lane in range(lanes)]
    ways.append(roads.turn("in", roads.link("off"), "r", 0, 0, 1))
    ways.append(roads.turn(roads.link("side"), roads.link("sidex"), group=2))
    roads.signal("A", ways, TWO_PHASES, two_phase_plan("A"))
    return roads.network()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.floats(0.0, 3000.0), st.floats(0.0, 3000.0))
def test_lanes_carry_their_movements_whole_and_equally_busy(
    lanes: int, through_vph: float, right_vph: float
) -> None:
    network = wide(lanes)
    flows = assign_lanes(network, {"in>on": through_vph, "in>off": right_vph}, PLAIN)
    through = [flows[f"in_{lane}>on_{lane}"] for lane in range(lanes)]
    assert all(flow >= 0.0 for flow in through)
    assert sum(through) == pytest.approx(through_vph, abs=1e-6)
    assert flows["in_0>off_0"] == pytest.approx(right_vph, abs=1e-6)
    busy = [*through]
    busy[0] += right_vph
    if through[0] > 1e-6:
        assert max(busy) == pytest.approx(min(busy), rel=1e-6, abs=1e-6)
    elif lanes > 1:
        assert max(busy[1:]) == pytest.approx(min(busy[1:]), rel=1e-6, abs=1e-6)
        assert busy[0] >= busy[1] - 1e-6


@settings(max_examples=60, deadline=None)
@given(laid_streets())
def test_shares_of_lanes_gates_and_approaches_add_up(laid: tuple[Street, Tables]) -> None:
    street = laid[0]
    lanes, approaches = street.lanes, street.approaches
    for shares, firsts in (
        (lanes.share, lanes.first_way),
        (approaches.gate_share, approaches.first_gate),
        (approaches.lane_share, approaches.first_lane),
    ):
        assert np.isfinite(shares).all()
        assert (shares >= 0.0).all()
        sums = np.add.reduceat(shares, firsts[:-1], axis=1)
        assert np.all(np.isclose(sums, 1.0) | (sums == 0.0))
    assert (lanes.storage_veh >= 1.0).all()
    assert (approaches.storage_veh >= 1.0).all()
    assert (lanes.box_veh >= 0.0).all()
    assert (street.streams.delay_s >= 1).all()
    assert ((street.streams.smoothing > 0.0) & (street.streams.smoothing <= 1.0)).all()


@settings(max_examples=40, deadline=None)
@given(laid_streets())
def test_volumes_are_those_of_the_movements(laid: tuple[Street, Tables]) -> None:
    street = laid[0]
    by_lane = np.zeros(len(street.lane_names))
    np.add.at(by_lane, street.lanes.lane, street.way_volume_vps)
    np.testing.assert_allclose(by_lane, street.lane_volume_vps, atol=1e-12)


def test_every_period_brings_its_own_flow() -> None:
    network = line("A")
    flows: dict[str, Floats] = {"e0>e1": np.array([360.0, 0.0, 720.0]), "s0>s0x": np.array([36.0])}
    street = build_street(network, flows, 600, PLAIN)
    east, south = (street.approach_names.index(link) for link in ("e0", "s0"))
    np.testing.assert_allclose(street.approaches.outside_vps[:, east], [0.1, 0.0, 0.2])
    np.testing.assert_allclose(street.approaches.outside_vps[:, south], 0.01)
    assert street.horizon_s == 1800


def test_pocket_lies_behind_a_gate_and_holds_what_its_length_holds() -> None:
    network = crossroads(1, pocket_m=45.0)
    street = build_street(network, dict.fromkeys(network.movements, np.array([100.0])), 900, PLAIN)
    approach = street.approach_names.index("e0p")
    first = street.approaches.first_gate
    assert first[approach + 1] - first[approach] == 1
    pocket = street.lane_names.index("e0p_1")
    assert street.lanes.storage_veh[pocket] == pytest.approx(45.0 / PLAIN.spacing_m)


def test_lanes_of_their_own_up_to_the_edge_have_room_without_end() -> None:
    network = line("A")
    street = build_street(network, line_flows(network, e=100.0), 900, PLAIN)
    assert (street.lanes.storage_veh == UNLIMITED_VEH).all()
    assert (street.approaches.storage_veh == UNLIMITED_VEH).all()


def test_approach_between_signals_holds_what_its_length_holds() -> None:
    network = line("AB", 150.0)
    street = build_street(network, line_flows(network, e=100.0), 900, PLAIN)
    between = street.approach_names.index("e1")
    assert street.approaches.storage_veh[between] == pytest.approx(150.0 / PLAIN.spacing_m)


@pytest.mark.parametrize("variation", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("block_m", [60.0, 400.0, 1500.0])
def test_platoons_take_the_running_time_on_average(variation: float, block_m: float) -> None:
    """Plain delay and exponential tail together; within half a second of rounding."""
    network = line("AB", block_m)
    driving = Driving(speed_variation=variation)
    street = build_street(network, line_flows(network, e=500.0), 900, driving)
    for row, stream in enumerate(street.stream_table):
        factor = street.streams.smoothing[row]
        mean_s = street.streams.delay_s[row] + (1.0 - factor) / factor
        whole_s = stream.start_s + stream.travel_time_s
        assert mean_s == pytest.approx(max(1.0, whole_s), abs=0.5001)
        assert stream.travel_time_s == pytest.approx(block_m / SPEED_MPS)


def test_lane_needs_reaction_and_spacing_for_every_vehicle() -> None:
    driving = Driving(reaction_s=1.0, spacing_m=8.0, discharge_mps=10.0)
    assert driving.saturation_vps(10.0) == pytest.approx(1.0 / 1.8)
    assert driving.saturation_vps(30.0) == driving.saturation_vps(10.0)
    assert driving.saturation_vps(5.0) == pytest.approx(1.0 / 2.6)


def test_ways_of_a_lane_to_one_link_are_joined() -> None:
    roads = Roads()
    roads.link("on", 200.0, 2)
    ways = [
        roads.turn(roads.link("in"), "on", "s", 0, 0, 0),
        roads.turn("in", "on", "s", 0, 1, 0),
        roads.turn(roads.link("side"), roads.link("sidex"), group=2),
    ]
    roads.signal("A", ways, TWO_PHASES, two_phase_plan("A"))
    street = build_street(roads.network(), {"in>on": np.array([600.0])}, 900, PLAIN)
    rows = [row for row, way in enumerate(street.ways) if way.from_link == "in"]
    assert len(rows) == 1
    assert street.way_volume_vps[rows[0]] == pytest.approx(600.0 / 3600.0)


@pytest.mark.parametrize("flow", [
    np.array([600.0, np.nan]), np.array([-1.0]), np.zeros(0), np.full(2, np.inf),
])  # fmt: skip
def test_flow_that_is_missing_negative_or_of_another_length_is_named(flow: Floats) -> None:
    """A single missing flow made every measure of the street not a number."""
    flows = {"e0>e1": flow, "e1>e2": np.array([100.0, 200.0])}
    with pytest.raises(InsufficientDataError, match="movement 'e0>e1'"):
        build_street(line("AB"), flows, 900, PLAIN)


def test_flows_of_different_lengths_are_refused() -> None:
    flows = {"e0>e1": np.ones(3), "e1>e2": np.ones(2)}
    with pytest.raises(InsufficientDataError, match="needed are 3 numbers"):
        build_street(line("AB"), flows, 900, PLAIN)


def test_street_nobody_uses_is_refused() -> None:
    with pytest.raises(InsufficientDataError, match="no movement"):
        build_street(line("A"), {}, 900, PLAIN)


def stub() -> RoadNetwork:
    """Two nodes 15 m apart: B lets the right lane between them go on and never the left one."""
    roads = Roads()
    for name, length_m, lanes in (("in", 300.0, 2), ("mid", 15.0, 2), ("on", 300.0, 1)):
        roads.link(name, length_m, lanes)
    first = [roads.turn("in", "mid", "s", k, k, group=k) for k in (0, 1)]
    roads.signal("A", first, Phasing((Phase(1, "GG", 5, 30, 0),), {}), one_phase_plan("A"))
    roads.link("aside")
    second = [
        roads.turn("mid", "on", "s", 0, 0, group=0),
        roads.turn("mid", "aside", "l", 1, 0, group=1),
    ]
    roads.signal("B", second, Phasing((Phase(1, "Gr", 5, 30, 0),), {}), one_phase_plan("B"))
    return roads.network()


def one_phase_plan(name: str) -> TimingPlan:
    return TimingPlan(name, 60, (1,), (60,), 0, 1)


def test_each_lane_between_signals_holds_what_its_length_holds() -> None:
    network = stub()
    street = build_street(network, {"in>mid": np.array([600.0])}, 900, PLAIN)
    for lane in ("mid_0", "mid_1"):
        row = street.lane_names.index(lane)
        assert street.lanes.storage_veh[row] == pytest.approx(15.0 / PLAIN.spacing_m)


def test_a_full_lane_between_signals_holds_its_feeders_although_there_is_room_beside_it() -> None:
    """Two nodes of `ingolstadt21` held half of the traffic that the model let through."""
    network = stub()
    flows = {name: np.array([360.0]) for name in ("in>mid", "mid>on", "mid>aside")}
    street = build_street(network, flows, 900, PLAIN)
    tables = Tables(street, network, 60)
    for name in ("A", "B"):
        tables.set(one_phase_plan(name))
    measures = evaluate(tables, 0, 600)
    full, beside, behind = (
        measures.lane_queue_veh[street.lane_names.index(lane)]
        for lane in ("mid_1", "mid_0", "in_1")
    )
    assert full <= 15.0 / PLAIN.spacing_m + PLAIN.slack_veh
    assert beside < 0.5
    assert behind > 10.0
