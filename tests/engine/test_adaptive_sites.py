"""Signals as controllers see them."""

from __future__ import annotations

from engine.adaptive.control import PERMITTED, PROTECTED
from engine.adaptive.sites import build_sites
from network.graph import Connection, Link, Movement, RoadNetwork, Signal
from network.phasing import Phase, Phasing

NOBODY: frozenset[str] = frozenset()


def link(name: str, lanes: int = 1) -> Link:
    return Link(name, f"{name}<", f"{name}>", 100.0, 14.0, lanes, (0,), ())


def turn(source: str, target: str, group: int, yields_to: frozenset[str] = NOBODY) -> Connection:
    return Connection(
        f"{source}>{target}", source, 0, target, 0, "", "s", 10.0, 14.0, 0.0, (group,), yields_to,
        yields_to,
    )  # fmt: skip


def network(phases: tuple[Phase, ...]) -> RoadNetwork:
    """A left turn against a through movement, a side street, and a lane that feeds the first."""
    turns = (
        turn("west", "north", 0, frozenset({"east>out"})),
        turn("east", "out", 1),
        turn("south", "out2", 2),
    )
    feeding = Connection(
        "far>west", "far", 0, "west", 0, "", "s", 5.0, 14.0, 0.0, (), NOBODY, NOBODY
    )
    movements = tuple(
        Movement(c.movement_id, "x", c.from_link, c.to_link, "s", (c,)) for c in turns
    )
    signal = Signal("x", 0.0, 0.0, movements, Phasing(phases, {}), None, False, "0", "")
    names = ("west", "north", "east", "out", "south", "out2", "far")
    return RoadNetwork("n", {n: link(n) for n in names}, {"x": signal}, (*turns, feeding))


ONE_RING = (Phase(1, "gGr", 5, 30, 10), Phase(2, "rGG", 5, 30, 10), Phase(3, "rrG", 5, 30, 0))


def test_a_turn_that_would_be_trapped_ends_with_those_it_yields_to() -> None:
    (site,) = build_sites(network(ONE_RING))
    shown = [interval.aspects for interval in site.clearances[0, 1]]
    assert shown[0] == "yyr"
    assert shown[-1] == "rrG"
    assert [i.aspects for i in site.clearances[0, 2]] == ["yyr", "rrr"]


def test_ways_know_whom_they_yield_to_and_how_stages_serve_them() -> None:
    (site,) = build_sites(network(ONE_RING))
    lanes = {lane.link_id: lane for lane in site.lanes}
    assert lanes["west"].ways[0].service == (PERMITTED, 0, 0)
    assert lanes["east"].ways[0].service == (PROTECTED, PROTECTED, 0)
    (foe,) = lanes["west"].ways[0].yields_to
    assert site.lanes[foe[0]].link_id == "east"


def test_lanes_behind_the_stop_line_are_feeders() -> None:
    (site,) = build_sites(network(ONE_RING))
    (feeder,) = [f for f in site.feeders if f.lane_id == "far_0"]
    assert feeder.to_stop_m == 105.0
    assert [site.lanes[row].link_id for row in feeder.leads_to] == ["west"]


def test_two_rings_make_a_stage_of_every_pair_between_the_barriers() -> None:
    rings = (
        Phase(1, "Grr", 5, 30, 10, ring=1, barrier=1),
        Phase(2, "rrr", 5, 30, 10, ring=1, barrier=1),
        Phase(5, "rGr", 7, 40, 10, ring=2, barrier=1),
        Phase(4, "rrG", 5, 30, 10, ring=1, barrier=2),
    )
    (site,) = build_sites(network(rings))
    assert [stage.phases for stage in site.stages] == [(1, 5), (2, 5), (4,)]
    assert site.stages[0].aspects == "GGr"
    # Ring 2 goes on while ring 1 changes; over the barrier both clear, the longer decides.
    assert all(interval.aspects[1] == "G" for interval in site.clearances[0, 1])
    assert site.clearance_s(0, 2) == 5.0


def test_signals_that_cannot_choose_are_no_sites() -> None:
    assert build_sites(network(ONE_RING[:1])) == ()


def test_each_signal_knows_upstream_whom_others_know_downstream() -> None:
    pairs = {
        "x": (("in", "between"), ("side", "away")),
        "y": (("between", "end"), ("cross", "off")),
    }
    turns = {
        name: tuple(turn(a, b, group) for group, (a, b) in enumerate(ways))
        for name, ways in pairs.items()
    }
    phases = (Phase(1, "Gr", 5, 30, 0), Phase(2, "rG", 5, 30, 0))
    signals = {
        name: Signal(
            name,
            0.0,
            0.0,
            tuple(Movement(c.movement_id, name, c.from_link, c.to_link, "s", (c,)) for c in own),
            Phasing(phases, {}),
            None,
            False,
            "0",
            "",
        )
        for name, own in turns.items()
    }
    links = {name: link(name) for ways in pairs.values() for way in ways for name in way}
    all_turns = tuple(c for own in turns.values() for c in own)
    x, y = build_sites(RoadNetwork("n", links, signals, all_turns))
    (onward,), (back,) = x.downstream, y.upstream
    assert (onward.signal_id, back.signal_id) == ("y", "x")
    assert (onward.exits, onward.lanes) == (back.exits, back.lanes)
    assert y.lanes[onward.lanes[0]].lane_id == "between_0"
    assert not x.upstream
    assert not y.downstream
