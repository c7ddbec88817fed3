"""Streams between signals: what comes must have left somewhere."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures.streams import (
    LONGEST_WAY_S,
    SMALLEST_SHARE,
    Pace,
    fit_streams,
    ways_onward,
)
from network.graph import RoadNetwork
from tests.reference.toy_streets import (
    TWO_PHASES,
    Roads,
    crossroads,
    line,
    two_phase_plan,
)


def shares(network: RoadNetwork, vph: dict[str, float]) -> dict[tuple[str, str], float]:
    return {(s.exit_link, s.approach_link): s.share for s in fit_streams(network, vph)[0]}


@st.composite
def counted(draw: st.DrawFn) -> tuple[RoadNetwork, dict[str, float]]:
    """Draw a row of crossroads with counts that need not agree between signals."""
    network = crossroads(draw(st.integers(1, 3)), 100.0, draw(st.sampled_from([0.0, 20.0])))
    flow = st.sampled_from([0.0, 0.0, 1.0, 50.0, 400.0, 1800.0])
    return network, {name: draw(flow) for name in network.movements}


@settings(max_examples=80, deadline=None)
@given(counted())
def test_shares_are_shares_and_no_link_sends_more_than_it_has(
    drawn: tuple[RoadNetwork, dict[str, float]],
) -> None:
    streams, outside = fit_streams(*drawn)
    sent: dict[str, float] = {}
    for stream in streams:
        assert 0.0 <= stream.share <= 1.0
        sent[stream.exit_link] = sent.get(stream.exit_link, 0.0) + stream.share
    assert all(total <= 1.0 + 1e-9 for total in sent.values())
    assert all(0.0 <= part <= 1.0 for part in outside.values())


@settings(max_examples=80, deadline=None)
@given(counted())
def test_streams_and_outside_make_up_every_approach(
    drawn: tuple[RoadNetwork, dict[str, float]],
) -> None:
    network, vph = drawn
    streams, outside = fit_streams(network, vph)
    departing: dict[str, float] = {}
    arriving: dict[str, float] = {}
    for movement in network.movements.values():
        flow = vph[movement.movement_id]
        departing[movement.to_link] = departing.get(movement.to_link, 0.0) + flow
        arriving[movement.from_link] = arriving.get(movement.from_link, 0.0) + flow
    left_out = SMALLEST_SHARE * sum(departing.values())
    for link, flow in arriving.items():
        came = sum(s.share * departing[s.exit_link] for s in streams if s.approach_link == link)
        assert came + outside[link] * flow == pytest.approx(flow, abs=left_out + 1e-6)


def test_link_between_two_signals_without_exits_carries_nearly_all() -> None:
    network = line("AB", 200.0)
    found = shares(network, dict.fromkeys(network.movements, 500.0))
    assert found["e1", "e1"] > 0.95
    assert found["w1", "w1"] > 0.95


def test_time_and_distance_are_those_of_the_way() -> None:
    network = line("AB", 250.0)
    streams, _ = fit_streams(network, dict.fromkeys(network.movements, 500.0))
    east = next(s for s in streams if s.approach_link == "e1")
    assert (east.distance_m, east.travel_time_s) == pytest.approx((250.0, 20.0))


def test_counts_that_vanish_between_signals_come_from_outside() -> None:
    """A sends 100, B receives 1000: nine tenths passed no signal."""
    network = line("AB", 200.0)
    vph = dict.fromkeys(network.movements, 0.0)
    vph |= {"e0>e1": 100.0, "e1>e2": 1000.0}
    streams, outside = fit_streams(network, vph)
    assert outside["e1"] == pytest.approx(0.9, abs=0.01)
    assert max(s.share for s in streams if s.approach_link == "e1") > 0.95


def test_traffic_that_leaves_between_signals_does_not_arrive() -> None:
    network = line("AB", 200.0)
    vph = dict.fromkeys(network.movements, 0.0)
    vph |= {"e0>e1": 1000.0, "e1>e2": 100.0}
    found = shares(network, vph)
    assert found["e1", "e1"] <= 0.1 + 1e-6


def branching(turn: str = "s", branches: int = 2) -> RoadNetwork:
    """One signal whose exit branches, without a signal, to an approach of its own each."""
    roads = Roads()
    inward = roads.turn(roads.link("in"), roads.link("out", 100.0), group=0)
    side = roads.turn(roads.link("side"), roads.link("sidex"), group=2)
    roads.signal("A", [inward, side], TWO_PHASES, two_phase_plan("A"))
    for k in range(branches):
        roads.turn("out", roads.link(f"b{k}", 100.0), turn if k == 0 else "s", 0, 0)
        ways = [
            roads.turn(f"b{k}", roads.link(f"b{k}x"), group=0),
            roads.turn(roads.link(f"c{k}"), roads.link(f"c{k}x"), group=2),
        ]
        roads.signal(f"B{k}", ways, TWO_PHASES, two_phase_plan(f"B{k}"))
    return roads.network()


@pytest.mark.parametrize("branches", [2, 3])
def test_equal_branches_split_equally(branches: int) -> None:
    network = branching(branches=branches)
    onward, lost = ways_onward(network, "out")
    assert lost == 0.0
    assert onward["b0"].weight == pytest.approx(1.0 / branches)
    vph = dict.fromkeys(network.movements, 600.0 / branches) | {"in>out": 600.0}
    found = shares(network, vph)
    assert [found["out", f"b{k}"] for k in range(branches)] == pytest.approx(
        [found["out", "b0"]] * branches
    )
    assert found["out", "b0"] == pytest.approx(1.0 / branches, rel=0.03)


def test_turning_branch_is_the_less_likely_one_until_counts_speak() -> None:
    onward, _ = ways_onward(branching("l"), "out")
    assert onward["b0"].weight == pytest.approx(0.3 / 1.3)
    network = branching("l")
    vph = dict.fromkeys(network.movements, 0.0) | {
        "in>out": 600.0,
        "b0>b0x": 400.0,
        "b1>b1x": 200.0,
    }
    found = shares(network, vph)
    assert found["out", "b0"] > 1.8 * found["out", "b1"]


def test_nothing_flows_against_a_one_way_street() -> None:
    roads = Roads()
    for i, name in enumerate("AB"):
        for link in (f"e{i}", f"e{i + 1}", f"s{i}", f"s{i}x"):
            roads.link(link)
        ways = [
            roads.turn(f"e{i}", f"e{i + 1}", group=0),
            roads.turn(f"s{i}", f"s{i}x", group=2),
        ]
        roads.signal(name, ways, TWO_PHASES, two_phase_plan(name))
    network = roads.network()
    found = shares(network, dict.fromkeys(network.movements, 500.0))
    assert set(found) == {("e1", "e1")}


def ring_road(link_m: float, exits: bool) -> RoadNetwork:
    """A signal whose exit runs into a ring without any signal, with or without a way out."""
    roads = Roads()
    for k in range(4):
        roads.link(f"r{k}", link_m)
    ways = [
        roads.turn(roads.link("in"), roads.link("out", 50.0), group=0),
        roads.turn(roads.link("side"), roads.link("sidex"), group=2),
    ]
    roads.signal("A", ways, TWO_PHASES, two_phase_plan("A"))
    roads.turn("out", "r0")
    for k in range(4):
        roads.turn(f"r{k}", f"r{(k + 1) % 4}")
        if exits:
            roads.turn(f"r{k}", roads.link(f"x{k}"), "r")
    roads.turn("r2", "side", "r")
    return roads.network()


@pytest.mark.parametrize("exits", [False, True])
@pytest.mark.parametrize("link_m", [5.0, 300.0])
def test_ring_roads_end_the_search(link_m: float, exits: bool) -> None:
    network = ring_road(link_m, exits)
    onward, lost = ways_onward(network, "out")
    assert sum(way.weight for way in onward.values()) + lost == pytest.approx(1.0)
    assert set(onward) == {"side"}
    assert onward["side"].travel_time_s <= LONGEST_WAY_S
    streams, outside = fit_streams(network, {"in>out": 500.0, "side>sidex": 200.0})
    assert [s.approach_link for s in streams] == ["side"]
    assert streams[0].share <= 1.0
    assert 0.0 <= outside["side"] <= 1.0


@settings(max_examples=40, deadline=None)
@given(counted())
def test_same_counts_give_the_same_streams(
    drawn: tuple[RoadNetwork, dict[str, float]],
) -> None:
    assert fit_streams(*drawn) == fit_streams(*drawn)


def test_a_platoon_starts_over_the_node_and_by_speeding_up() -> None:
    network = line("AB", 150.0)
    (way,) = next(m.connections for m in network.movements.values() if m.to_link == "e1")
    (stream,) = (
        s
        for s in fit_streams(network, dict.fromkeys(network.movements, 500.0))[0]
        if s.exit_link == "e1"
    )
    over_s = way.length_m / way.speed_mps
    assert stream.start_s == pytest.approx(over_s + network.links["e1"].speed_mps / (2 * 2.6))
    assert stream.travel_time_s == pytest.approx(network.links["e1"].travel_time_s)


def test_the_way_over_the_node_is_the_mean_of_the_traffic_that_takes_it() -> None:
    network = crossroads(2, 250.0)
    into = [m for m in network.movements.values() if m.to_link == "e1"]
    slowest = max(into, key=lambda m: m.connections[0].length_m / m.connections[0].speed_mps)
    flows = {
        m.movement_id: 900.0 if m is slowest or m.from_link == "e1" else 0.0
        for m in network.movements.values()
    }
    (stream,) = (s for s in fit_streams(network, flows)[0] if s.exit_link == "e1")
    lanes = slowest.connections
    over_s = sum(c.length_m / c.speed_mps for c in lanes) / len(lanes)
    assert stream.start_s == pytest.approx(
        over_s + Pace().starting_s(network.links["e1"].speed_mps), abs=0.01
    )


def test_a_measured_running_time_counts_the_first_node_once() -> None:
    """It was taken from the end of the link before; `start_s` has the node already."""
    network = line("AB", 150.0)
    flows = dict.fromkeys(network.movements, 500.0)
    free = network.links["e1"].travel_time_s
    (way,) = next(m.connections for m in network.movements.values() if m.to_link == "e1")
    over_s = way.length_m / way.speed_mps
    measured = Pace(time_part={"e1": 1.5})
    (stream,) = (s for s in fit_streams(network, flows, measured)[0] if s.exit_link == "e1")
    assert stream.travel_time_s == pytest.approx(1.5 * free - over_s)
