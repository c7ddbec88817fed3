"""Roads that join shortly before a stop line: what feeds each lane, and who is held up."""

from __future__ import annotations

import numpy as np
import pytest

from engine.measures import kernels
from engine.measures.cyclic_group import cyclic_group
from engine.measures.joins import mouth
from engine.measures.street import UNLIMITED_VEH, Street, build_street
from network.graph import RoadNetwork
from tests.engine.test_measures_kernels import assert_alike
from tests.reference.toy_streets import (
    PLAIN,
    Floats,
    Played,
    crossroads,
    joined,
    line,
    played,
    tables_of,
    two_phase_plan,
)


def laid(network: RoadNetwork, through: float, left: float, side: float) -> Street:
    """Lay through and left traffic over a toy, of which some comes by the side road, veh/h."""
    flows = {
        "stop>on": np.array([through]),
        "stop>off": np.array([left]),
        "in>side": np.array([side]),
    }
    return build_street(network, flows, 1800, PLAIN)


def run_with_left_green(network: RoadNetwork, street: Street, green_s: int) -> Played:
    plans = {"S": two_phase_plan("S", 60, 60 - green_s), "B": two_phase_plan("B", 60, 40)}
    return played(tables_of(network, street, plans), 0, 1800)


def ledger(street: Street, found: Played, lane: str, column: int) -> float:
    return float(found.results[street.lane_names.index(lane), column])


def test_mouth_tells_which_roads_join_and_which_gives_way() -> None:
    found = mouth(joined(15.0), "stop", [0, 1], {"side", "on", "off", "acrossx"})
    assert found.roads == ("main", "side")
    assert found.yielding == {"side"}
    assert found.reach_m == pytest.approx(15.0)


def test_lane_that_a_road_does_not_lead_to_is_reached_from_the_next_one() -> None:
    found = mouth(joined(15.0), "stop", [0, 1], {"side", "on", "off", "acrossx"})
    assert found.from_road("main") == {0: {("main", 0)}, 1: {("main", 1)}}
    assert found.from_road("side") == {0: {("side", 0)}, 1: {("side", 0)}}


def test_lanes_that_begin_at_a_signal_belong_to_one_road() -> None:
    network = line("AB", 150.0)
    assert mouth(network, "e1", [0], {"e1", "w1"}).roads == ("e1",)
    pocket = mouth(crossroads(1, pocket_m=45.0), "e0p", [0, 1], {"e1"})
    assert pocket.roads == ("e0",)
    assert pocket.feeders[1] == {("e0", 0)}


def test_joining_road_is_an_approach_to_the_same_lanes() -> None:
    network = joined(15.0)
    street = laid(network, 300.0, 150.0, 120.0)
    main = street.approach_names.index("stop")
    (side,) = np.flatnonzero(street.joined_to == main)[1:]
    assert side >= len(street.approach_names)
    assert street.approaches.yields_to[side] == main
    assert street.approaches.storage_veh[side] == pytest.approx(75.0 / PLAIN.spacing_m)
    assert street.approaches.storage_veh[main] == UNLIMITED_VEH
    (stream,) = street.streams.approach
    assert stream == side


def test_a_road_that_comes_from_no_signal_is_not_told_apart() -> None:
    street = laid(joined(15.0), 300.0, 150.0, 0.0)
    assert len(street.joined_to) == len(street.approach_names)
    assert (street.lanes.storage_veh == UNLIMITED_VEH).all()


def test_what_roads_bring_together_is_what_the_lanes_carry() -> None:
    street = laid(joined(15.0), 300.0, 150.0, 120.0)
    main = street.approach_names.index("stop")
    outside = street.approaches.outside_vps[0, street.joined_to == main].sum()
    inside = float(street.streams.share[0]) * 120.0 / 3600.0
    assert outside + inside == pytest.approx(450.0 / 3600.0)
    group = cyclic_group(street, ("S", "B"))
    assert group.arrays.approach_vps.max() == pytest.approx(450.0 / 3600.0)


def test_a_full_lane_holds_the_joining_road_though_its_own_lane_is_free() -> None:
    """Lefts get a fifth of what they need; where lanes are long, only they wait for it."""
    sent = {}
    for reach_m in (9.0, 2000.0):
        network = joined(reach_m)
        street = laid(network, 300.0, 300.0, 240.0)
        found = run_with_left_green(network, street, 6)
        sent[reach_m] = ledger(street, found, "in_0", kernels.DEPARTED)
    assert sent[2000.0] > 110.0
    assert sent[9.0] < 0.7 * sent[2000.0]


def test_a_full_lane_does_not_hold_lanes_of_the_main_road() -> None:
    network = joined(9.0)
    street = laid(network, 300.0, 300.0, 60.0)
    found = run_with_left_green(network, street, 6)
    assert ledger(street, found, "stop_0", kernels.DEPARTED) > 125.0
    assert ledger(street, found, "stop_1", kernels.DEPARTED) < 60.0


def test_who_gives_way_joins_in_gaps_only() -> None:
    waits = {}
    for yields in (True, False):
        network = joined(200.0, yields=yields)
        street = laid(network, 900.0, 500.0, 240.0)
        found = run_with_left_green(network, street, 24)
        waits[yields] = found.total
    assert waits[True] > 1.1 * waits[False]


@pytest.mark.parametrize("yields", [True, False])
@pytest.mark.parametrize("reach_m", [9.0, 120.0])
@pytest.mark.parametrize("level", [0.3, 1.0, 3.0])
def test_kernel_and_twin_agree_where_roads_join(level: float, reach_m: float, yields: bool) -> None:
    network = joined(reach_m, yields=yields)
    flows: dict[str, Floats] = {
        "stop>on": np.array([300.0, 500.0]) * level,
        "stop>off": np.array([300.0, 100.0]) * level,
        "in>side": np.array([200.0, 300.0]) * level,
    }
    street = build_street(network, flows, 200)
    assert_alike(tables_of(network, street), 0, 500, 0)
