"""What any model of a street must keep: vehicles, time, and who waits for whom."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures import kernels
from engine.measures.delay import uniform_delay_s
from engine.measures.evaluation import Tables, evaluate, second_codes, usable
from engine.measures.street import Driving, Street, build_street
from network.timing import TimingPlan
from tests.reference.toy_streets import (
    LEFTS,
    PLAIN,
    Floats,
    Played,
    crossroads,
    laid_streets,
    line,
    line_flows,
    played,
    tables_of,
    two_phase_plan,
)

SATURATION_VPH = 1800.0
"""One lane under `PLAIN` driving."""


def one_lane(
    vph: float, cycle_s: int = 60, green_s: int = 26, driving: Driving = PLAIN, seconds: int = 3600
) -> Floats:
    """Play an isolated signal from the end of its green; return the eastbound lane's ledger."""
    network = line("A")
    street = build_street(network, line_flows(network, e=vph), 3600, driving)
    plans = {"A": two_phase_plan("A", cycle_s, green_s + 4)}
    found = played(tables_of(network, street, plans), green_s, seconds)
    ledger: Floats = found.results[street.lane_names.index("e0_0")]
    return ledger


def gates_veh(tables: Tables, start_s: int, seconds: int) -> float:
    """Vehicles behind gates at the end: the last second's delay that no lane holds."""
    last = played(tables, start_s, seconds, seconds - 1)
    return last.total - float(last.results[:, kernels.LEFT].sum())


@settings(max_examples=60, deadline=None)
@given(laid_streets(), st.integers(0, 999), st.integers(2, 500))
def test_every_vehicle_is_somewhere(
    laid: tuple[Street, Tables], start_s: int, seconds: int
) -> None:
    street, tables = laid
    found = played(tables, start_s, seconds)
    lanes = found.results
    np.testing.assert_allclose(
        lanes[:, kernels.VOLUME],
        lanes[:, kernels.DEPARTED] + lanes[:, kernels.LEFT],
        atol=1e-7,
        rtol=1e-9,
    )
    assert found.departures.sum() == pytest.approx(lanes[:, kernels.DEPARTED].sum(), abs=1e-7)
    periods = np.minimum(
        np.arange(seconds) // street.period_s, len(street.approaches.outside_vps) - 1
    )
    outside = street.approaches.outside_vps[periods].sum()
    came = lanes[:, kernels.VOLUME].sum() + gates_veh(tables, start_s, seconds)
    sent = float(street.streams.share @ found.departures.sum(axis=1)[street.streams.exit])
    under_way = outside + sent - came
    assert under_way >= -1e-7
    late = max(0, seconds - 4 * int(street.streams.delay_s.max(initial=1)) - 200)
    recent = found.departures[:, late:].sum(axis=1)[street.streams.exit]
    assert under_way <= float(street.streams.share @ recent) + 1e-6 * (1 + sent)


@settings(max_examples=60, deadline=None)
@given(laid_streets(), st.integers(0, 999), st.integers(1, 400))
def test_nothing_is_negative(laid: tuple[Street, Tables], start_s: int, seconds: int) -> None:
    found = played(laid[1], start_s, seconds)
    assert (found.results >= 0.0).all()
    assert (found.departures >= 0.0).all()
    assert found.total == pytest.approx(found.results[:, kernels.DELAY].sum(), abs=1e-6)
    measures = evaluate(laid[1], start_s, seconds)
    assert measures.delay_s >= 0.0
    assert measures.cost_s >= measures.delay_s
    assert (measures.lane_delay_s >= 0.0).all()
    assert measures.stops >= 0.0


@settings(max_examples=60, deadline=None)
@given(laid_streets(), st.integers(0, 999), st.integers(2, 400))
def test_no_lane_departs_faster_than_its_saturation_flow(
    laid: tuple[Street, Tables], start_s: int, seconds: int
) -> None:
    street, tables = laid
    found = played(tables, start_s, seconds)
    fastest = np.maximum.reduceat(street.lanes.saturation_vps, street.lanes.first_way[:-1])
    # Vehicles inside the node may clear it together when their green ends.
    inside = np.add.reduceat(street.lanes.box_veh, street.lanes.first_way[:-1])
    ends = seconds / 5 + 1
    assert (found.results[:, kernels.DEPARTED] <= fastest * seconds + inside * ends + 1e-6).all()


def test_almost_no_demand_makes_almost_no_queue() -> None:
    network = line("AB")
    street = build_street(network, {"e0>e1": np.array([1e-9])}, 600, PLAIN)
    assert played(tables_of(network, street), 0, 600).total < 1e-4


def test_no_demand_makes_no_delay() -> None:
    network = line("AB")
    street = build_street(network, line_flows(network, e=1.0), 600, PLAIN)
    empty = replace(
        street,
        approaches=street.approaches._replace(
            outside_vps=np.zeros_like(street.approaches.outside_vps)
        ),
    )
    measures = evaluate(tables_of(network, empty), 0, 600)
    assert (measures.delay_s, measures.stops, measures.volume_veh) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("vph", [100.0, 900.0, 1750.0])
def test_signal_that_is_always_green_costs_nothing_but_chance(vph: float) -> None:
    network = line("AB")
    street = build_street(network, line_flows(network, e=vph, s=vph), 3600, PLAIN)
    tables = tables_of(network, street)
    for name in "AB":
        tables.open_always(name)
    found = played(tables, 0, 3600)
    assert found.total == 0.0
    assert not found.results[:, kernels.STOPS].any()


@pytest.mark.parametrize("vph", [120.0, 500.0, 780.0, 1100.0, 2500.0])
def test_more_green_never_lengthens_the_own_queue(vph: float) -> None:
    ledgers = [one_lane(vph, 90, green_s) for green_s in range(10, 80, 5)]
    for column in (kernels.DELAY, kernels.LONGEST):
        values = [ledger[column] for ledger in ledgers]
        assert all(b <= a + 1e-9 for a, b in pairwise(values)), column
    served = [ledger[kernels.DEPARTED] for ledger in ledgers]
    assert all(b >= a - 1e-9 for a, b in pairwise(served))
    room = [ledger[kernels.CAPACITY] for ledger in ledgers]
    assert all(b > a for a, b in pairwise(room))


@pytest.mark.parametrize("cycle_s", [50, 70, 90, 110])
def test_longer_red_gives_more_delay(cycle_s: int) -> None:
    shorter = one_lane(400.0, cycle_s, 26)
    longer = one_lane(400.0, cycle_s + 10, 26)
    assert longer[kernels.DELAY] > shorter[kernels.DELAY]


@settings(max_examples=40, deadline=None)
@given(laid_streets(), st.integers(0, 999), st.integers(1, 500), st.integers(1, 300))
def test_shifting_all_offsets_and_the_clock_together_changes_nothing(
    laid: tuple[Street, Tables], start_s: int, seconds: int, shift_s: int
) -> None:
    tables = laid[1]
    before = played(tables, start_s, seconds)
    tables.begin_s += shift_s
    after = played(tables, start_s + shift_s, seconds)
    assert after.total == before.total
    np.testing.assert_array_equal(after.results, before.results)


def test_shifting_all_offsets_changes_nothing_once_traffic_is_steady() -> None:
    network = line("ABC", 150.0)
    street = build_street(network, line_flows(network, e=600.0, w=300.0, s=300.0), 600, PLAIN)
    costs = []
    for shift_s in range(0, 60, 7):
        plans = {
            name: two_phase_plan(name, 60, 30, (10 * i + shift_s) % 60)
            for i, name in enumerate("ABC")
        }
        costs.append(played(tables_of(network, street, plans), 0, 3600, 600).total)
    assert max(costs) == pytest.approx(min(costs), rel=0.01)


def test_full_approach_blocks_its_feeders() -> None:
    """Ten vehicles fit between A and B; with B nearly always red, A can send no more."""
    network = line("AB", 75.0)
    street = build_street(network, line_flows(network, e=700.0), 1800, PLAIN)
    plans = {"A": two_phase_plan("A", 60, 40), "B": two_phase_plan("B", 120, 9)}
    found = played(tables_of(network, street, plans), 0, 1800)
    feeder, full = (street.lane_names.index(name) for name in ("e0_0", "e1_0"))
    room_veh = street.approaches.storage_veh[street.approach_names.index("e1")]
    assert room_veh == pytest.approx(10.0)
    assert found.results[full, kernels.LONGEST] <= room_veh + 2.0
    assert found.results[feeder, kernels.LEFT] > 100.0
    sent = found.results[feeder, kernels.DEPARTED]
    assert sent <= found.results[full, kernels.DEPARTED] + room_veh + 2.0


def test_room_downstream_lets_feeders_go() -> None:
    network = line("AB", 3000.0)
    street = build_street(network, line_flows(network, e=700.0), 1800, PLAIN)
    plans = {"A": two_phase_plan("A", 60, 40), "B": two_phase_plan("B", 120, 9)}
    found = played(tables_of(network, street, plans), 0, 1800)
    assert found.results[street.lane_names.index("e0_0"), kernels.LEFT] < 15.0


def turning(opposing_vph: float, wait_m: float = 0.0) -> Floats:
    """Play lefts alone on their lane against through traffic and return their ledger."""
    network = crossroads(1, pocket_m=50.0, wait_m=wait_m)
    flows = {"e0p>n0x": np.array([600.0]), "w1p>w0": np.array([opposing_vph])}
    street = build_street(network, flows, 3600, PLAIN)
    ledger: Floats = played(tables_of(network, street), 0, 3600).results[
        street.lane_names.index("e0p_1")
    ]
    return ledger


def test_permissive_turn_gets_less_with_more_opposing_flow() -> None:
    ledgers = [turning(vph) for vph in (0.0, 150.0, 300.0, 500.0, 700.0)]
    served = [ledger[kernels.DEPARTED] for ledger in ledgers]
    assert all(b < a for a, b in pairwise(served))
    delay = [ledger[kernels.DELAY] for ledger in ledgers]
    assert all(b > a for a, b in pairwise(delay))


def test_permissive_turn_without_opposing_flow_is_served_at_the_follow_up_time() -> None:
    ledger = turning(0.0)
    cycles, green_s = 60, 26
    possible = cycles * green_s / PLAIN.follow_up_s
    assert ledger[kernels.CAPACITY] == pytest.approx(possible, rel=0.05)
    # A vehicle enters the node a second before it can leave it.
    assert ledger[kernels.DEPARTED] <= possible + cycles * PLAIN.slack_veh + 1e-6


def test_room_inside_the_node_lets_turns_go_when_green_ends() -> None:
    """Against saturated traffic only those inside the node get away: two each cycle."""
    none, two = turning(1700.0, 0.0), turning(1700.0, 15.0)
    gained = two[kernels.DEPARTED] - none[kernels.DEPARTED]
    assert gained == pytest.approx(2.0 * 60, rel=0.15)


def mirrored(name: str) -> str:
    """Swap east and west, north and south, in the name of a lane of one crossroads."""
    swap = {"e0": "w1", "w1": "e0", "n0": "s0", "s0": "n0"}
    return swap[name[:2]] + name[2:]


@pytest.mark.parametrize("pocket_m", [0.0, 30.0])
@pytest.mark.parametrize("vph", [100.0, 260.0, 600.0])
def test_symmetric_street_has_a_symmetric_result(pocket_m: float, vph: float) -> None:
    network = crossroads(1, pocket_m=pocket_m)
    street = build_street(network, {name: np.array([vph]) for name in network.movements}, 900)
    found = played(tables_of(network, street), 0, 900).results
    rows = {name: found[row] for row, name in enumerate(street.lane_names)}
    for name, row in rows.items():
        np.testing.assert_allclose(row, rows[mirrored(name)], rtol=1e-12)


@pytest.mark.parametrize(("vph", "cycle_s", "green_s"), [
    (100.0, 60, 26), (400.0, 60, 26), (700.0, 60, 26), (300.0, 100, 30), (900.0, 120, 75),
    (200.0, 40, 10),
])  # fmt: skip
def test_uniform_arrivals_wait_as_the_manual_says(vph: float, cycle_s: int, green_s: int) -> None:
    """HCM 2000, equation 16-11; within half a step of one second."""
    hours = 10
    network = line("A")
    street = build_street(network, line_flows(network, e=vph), 3600, PLAIN)
    plans = {"A": two_phase_plan("A", cycle_s, green_s + 4)}
    found = played(tables_of(network, street, plans), 0, 3600 * hours, 3600)
    ledger = found.results[street.lane_names.index("e0_0")]
    capacity_vph = SATURATION_VPH * green_s / cycle_s
    assert ledger[kernels.CAPACITY] / (hours - 1) == pytest.approx(capacity_vph, rel=0.001)
    expected_s = uniform_delay_s(cycle_s, green_s, vph / capacity_vph)
    assert ledger[kernels.DELAY] / ledger[kernels.VOLUME] == pytest.approx(expected_s, abs=0.5)


@pytest.mark.parametrize("vph", [900.0, 1200.0, 2500.0])
def test_queue_grows_by_what_exceeds_capacity(vph: float) -> None:
    capacity_vph = SATURATION_VPH * 26 / 60
    ledger = one_lane(vph)
    assert ledger[kernels.LEFT] == pytest.approx(vph - capacity_vph, rel=0.01)
    assert ledger[kernels.DEPARTED] == pytest.approx(capacity_vph, rel=0.001)


@pytest.mark.parametrize("room_veh", [3.0, 12.0, 40.0])
@pytest.mark.parametrize("vph", [600.0, 1000.0, 1500.0])
def test_vehicles_stop_as_often_behind_a_gate_as_in_a_lane_with_room(
    vph: float, room_veh: float
) -> None:
    network = line("A")
    roomy = build_street(network, line_flows(network, e=vph), 3600, PLAIN)
    lane = roomy.lane_names.index("e0_0")
    room = roomy.lanes.storage_veh.copy()
    room[lane] = room_veh
    tight = replace(roomy, lanes=roomy.lanes._replace(storage_veh=room))
    plans = {"A": two_phase_plan("A", 60, 30)}
    stops = [
        played(tables_of(network, street, plans), 26, 3600).results[lane, kernels.STOPS]
        for street in (roomy, tight)
    ]
    assert stops[1] == pytest.approx(stops[0], rel=0.02)


def test_stops_before_the_roads_begin_are_told_apart() -> None:
    """A queue that grows past its road: on the road everybody stops once a cycle, no more."""
    network = line("A")
    vph, cycle_s, begun_s, seconds = 1500.0, 60, 7200, 3600
    street = build_street(network, line_flows(network, e=vph), 3600, PLAIN)
    lane = street.lane_names.index("e0_0")
    plans = {"A": two_phase_plan("A", cycle_s, 30)}
    ledger = played(tables_of(network, street, plans), 26, begun_s + seconds, begun_s).results[lane]
    on_roads = ledger[kernels.STOPS] - ledger[kernels.OUTSIDE]
    standing_veh = street.lanes.room_veh[lane]
    assert standing_veh == pytest.approx(network.links["e0"].length_m / PLAIN.spacing_m, rel=0.1)
    assert on_roads == pytest.approx(standing_veh * seconds / cycle_s, rel=0.02)


def test_queues_between_signals_stand_on_the_roads() -> None:
    """However full the road between them is, nobody waits outside for the second signal."""
    network = line("AB", 150.0)
    street = build_street(network, line_flows(network, e=1500.0), 3600, PLAIN)
    plans = {"A": two_phase_plan("A", 60, 50), "B": two_phase_plan("B", 60, 20)}
    found = played(tables_of(network, street, plans), 0, 3600).results
    first, second = (street.lane_names.index(lane) for lane in ("e0_0", "e1_0"))
    assert found[second, kernels.LONGEST] > 15.0
    assert found[second, kernels.OUTSIDE] == 0.0
    assert found[first, kernels.OUTSIDE] > 0.0


@pytest.mark.parametrize("pocket_veh", [3.0, 12.0])
def test_road_behind_a_gate_holds_as_many_as_one_lane(pocket_veh: float) -> None:
    network = line("A")
    roomy = build_street(network, line_flows(network, e=1500.0), 3600, PLAIN)
    lane = roomy.lane_names.index("e0_0")
    approach = roomy.approach_names.index("e0")
    storage, room = roomy.lanes.storage_veh.copy(), roomy.lanes.room_veh.copy()
    behind = roomy.approaches.gate_room_veh.copy()
    behind[approach] = room[lane] - pocket_veh
    storage[lane] = room[lane] = pocket_veh
    tight = replace(
        roomy,
        lanes=roomy.lanes._replace(storage_veh=storage, room_veh=room),
        approaches=roomy.approaches._replace(gate_room_veh=behind),
    )
    plans = {"A": two_phase_plan("A", 60, 30)}
    outside = [
        played(tables_of(network, street, plans), 26, 3600).results[lane, kernels.OUTSIDE]
        for street in (roomy, tight)
    ]
    assert outside[0] > 1000.0
    assert outside[1] == pytest.approx(outside[0], rel=0.05)


@pytest.mark.parametrize("vph", [300.0, 700.0])
def test_no_stop_is_outside_where_queues_fit_their_roads(vph: float) -> None:
    ledger = one_lane(vph)
    assert ledger[kernels.STOPS] > 0.0
    assert ledger[kernels.OUTSIDE] == 0.0


def test_oversaturated_delay_is_the_area_under_the_growing_queue() -> None:
    """Half of (arrivals - capacity) x T^2, and the uniform delay of the capacity beside it."""
    vph, capacity_vph = 1500.0, SATURATION_VPH * 26 / 60
    ledger = one_lane(vph)
    growing = 0.5 * (vph - capacity_vph) * 3600.0
    within_cycles = capacity_vph * uniform_delay_s(60, 26, 1.0)
    assert ledger[kernels.DELAY] == pytest.approx(growing + within_cycles, rel=0.01)


def test_platoon_in_step_with_green_waits_less_than_one_out_of_step() -> None:
    network = line("AB", 250.0)
    steady = replace(PLAIN, speed_variation=0.0)
    street = build_street(network, line_flows(network, e=600.0), 1800, steady)

    def total(offset_s: int) -> float:
        plans = {"A": two_phase_plan("A"), "B": two_phase_plan("B", 60, 30, offset_s)}
        return played(tables_of(network, street, plans), 0, 1800, 300).total

    assert total(20) < 0.6 * total(50)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_usable_green_is_green_less_loss_plus_gain(data: st.DataObject) -> None:
    loss_s, gain_s = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 3))
    green_s, red_s = data.draw(st.integers(5, 60)), data.draw(st.integers(4, 60))
    shown = np.roll(np.repeat([2.0, 0.0], [green_s, red_s]), data.draw(st.integers(0, 120)))
    code = usable(shown, loss_s, gain_s)
    assert code.sum() == green_s - loss_s + gain_s
    assert set(np.unique(code)) <= {0.0, 1.0}


def test_group_that_stays_green_between_phases_loses_nothing() -> None:
    shown = np.array([2.0] * 10 + [1.0] * 10)
    code = usable(shown, 3, 2)
    assert code.tolist() == [1.0] * 10 + [-1.0] * 10


def test_seconds_of_a_plan_fill_its_cycle_and_show_its_phases() -> None:
    plan = TimingPlan("A", 70, (2, 1), (30, 40), 0, 1)
    codes = second_codes(plan, LEFTS)
    assert codes.shape == (70, 8)
    assert codes[:26, 4].tolist() == [2.0] * 26
    assert codes[:26, 5].tolist() == [1.0] * 26
    assert not codes[26:30].any()
    assert codes[30:66, 0].tolist() == [2.0] * 36


def test_evaluation_adds_randomness_to_what_the_kernel_saw() -> None:
    network = line("A")
    street = build_street(network, line_flows(network, e=600.0), 3600, PLAIN)
    tables = tables_of(network, street)
    fluid: Played = played(tables, 0, 3600)
    measures = evaluate(tables, 0, 3600)
    volume = fluid.results[:, kernels.VOLUME].sum()
    assert measures.volume_veh == pytest.approx(volume)
    assert measures.delay_s > fluid.total / volume
    assert measures.cost_s == pytest.approx(measures.delay_s + PLAIN.stop_cost_s * measures.stops)
    lane = street.lane_names.index("e0_0")
    assert measures.lane_saturation[lane] == pytest.approx(600.0 / 780.0, rel=0.01)


@pytest.mark.parametrize("vph", [1e3, 1e5, 1e7])
def test_extreme_demand_stays_finite(vph: float) -> None:
    network = crossroads(3, 15.0)
    street = build_street(network, {name: np.array([vph]) for name in network.movements}, 900)
    measures = evaluate(tables_of(network, street), 0, 900)
    assert np.isfinite([measures.delay_s, measures.cost_s, measures.left_veh]).all()
    assert np.isfinite(measures.lane_delay_s).all()
    assert np.isfinite(measures.lane_saturation).all()
