"""Corridors along streets made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.measures.bandwidth import green_band
from engine.measures.corridor import Corridor
from engine.measures.corridor_search import strongest_corridor
from engine.measures.street import build_street
from network.graph import RoadNetwork
from network.phasing import Phasing
from tests.throughband.reports_street import BLOCK_M, PHASES, flows, plan, street_network


def corridor_of(network: RoadNetwork, vph: dict[str, list[float]] | None = None) -> Corridor:
    found = strongest_corridor(network, build_street(network, vph or flows(network), 300))
    assert found is not None
    return found


def test_corridor_follows_the_heavier_direction_of_the_main_street() -> None:
    assert corridor_of(street_network("ABCD")).signals == ("A", "B", "C", "D")


def test_corridor_turns_round_when_the_other_direction_is_heavier() -> None:
    network = street_network("ABC")
    vph = {name: [900.0 if name[0] == "w" else 300.0] for name in network.movements}
    assert corridor_of(network, vph).signals == ("C", "B", "A")


def test_distances_and_times_run_from_stop_line_to_stop_line() -> None:
    found = corridor_of(street_network("ABC"))
    step_m = BLOCK_M + 20.0
    assert [stop.distance_m for stop in found.stops] == pytest.approx([0, step_m, 2 * step_m])
    assert [t for _, t in found.course("outbound")] == pytest.approx([0, 22, 44])


def test_inbound_course_begins_at_the_last_stop() -> None:
    course = corridor_of(street_network("ABC")).course("inbound")
    assert [stop.signal_id for stop, _ in course] == ["C", "B", "A"]
    assert [t for _, t in course] == pytest.approx([0, 22, 44])


def test_each_direction_names_its_own_movements_links_and_flows() -> None:
    found = corridor_of(street_network("AB"))
    assert [stop.outbound[0].groups for stop in found.stops] == [(0,), (0,)]
    assert [stop.inbound[0].groups for stop in found.stops] == [(1,), (1,)]
    assert found.outbound_legs[0].links == ("e1",)
    assert found.inbound_legs[0].links == ("w1",)
    assert 500 < found.outbound_legs[0].flow_vph <= 600
    assert 300 < found.inbound_legs[0].flow_vph <= 400


def test_one_way_street_has_no_inbound_side() -> None:
    found = corridor_of(street_network("ABC", one_way=True))
    assert found.directions == ("outbound",)
    assert all(stop.inbound == () for stop in found.stops)


def test_single_signal_has_no_corridor() -> None:
    network = street_network("A")
    assert strongest_corridor(network, build_street(network, flows(network), 300)) is None


def test_street_without_platoons_between_signals_has_no_corridor() -> None:
    network = street_network("AB")
    vph = {name: [100.0] for name in network.movements if name[0] in "ns"}
    assert strongest_corridor(network, build_street(network, vph, 300)) is None


def joined_network() -> RoadNetwork:
    """Put B and C of a quick street under one controller."""
    network = street_network("ABCD")
    b, c = network.signals["B"], network.signals["C"]
    shifted = {
        x.connection_id: replace(x, groups=tuple(g + 4 for g in x.groups)) for x in c.connections
    }
    movements = [replace(m, signal_id="BC") for m in b.movements] + [
        replace(
            m, signal_id="BC", connections=tuple(shifted[x.connection_id] for x in m.connections)
        )
        for m in c.movements
    ]
    phases = tuple(replace(p, aspects=p.aspects * 2) for p in PHASES.phases)
    joined = replace(
        b, signal_id="BC", movements=tuple(movements), phasing=Phasing(phases, {}),
        plan_in_force=plan("BC"),
    )  # fmt: skip
    signals = {"A": network.signals["A"], "BC": joined, "D": network.signals["D"]}
    links = {name: replace(link, speed_mps=20.0) for name, link in network.links.items()}
    connections = tuple(shifted.get(x.connection_id, x) for x in network.connections)
    return RoadNetwork("joined", links, signals, connections)


def test_nodes_under_one_controller_are_one_stop_crossed_in_two_passages() -> None:
    network = joined_network()
    found = corridor_of(network)
    assert found.signals == ("A", "BC", "D")
    stop = found.stops[1]
    assert [(p.groups, p.lag_s) for p in stop.outbound] == [((0,), 0.0), ((4,), 12.0)]
    assert [(p.groups, p.lag_s) for p in stop.inbound] == [((5,), 0.0), ((1,), 12.0)]
    assert [t for _, t in found.course("outbound")] == pytest.approx([0, 12, 36])


def test_band_passes_every_stop_line_of_a_joined_signal() -> None:
    network = joined_network()
    plans = {name: plan(name) for name in network.signals}
    course = corridor_of(network).course("outbound")[1:2]
    # 26 s of green at both stop lines, the second reached 12 s later.
    assert green_band(course, "outbound", plans, network).width_s == 14.0


def test_same_street_gives_the_same_corridor() -> None:
    assert corridor_of(street_network("ABCD")) == corridor_of(street_network("ABCD"))
