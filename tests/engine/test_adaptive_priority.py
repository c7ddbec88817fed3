"""Priority as an overlay: which wishes it turns, when, and when it lets go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from engine.adaptive.control import Site, View
from engine.adaptive.passages import Passage, fastest_way, passages_of
from engine.adaptive.priority import Priority
from engine.adaptive.requests import Rank, Request
from network.errors import EngineError, InfeasibleError
from network.graph import Connection, Link, RoadNetwork
from tests.engine.adaptive_views import LEFT, MAIN, SIDE, crossing, view

SPEED_MPS = 10.0


class Wishing:
    """Always wants the same."""

    def __init__(self, stage: int) -> None:
        self.stage = stage
        self.started = 0

    def start(self, sites: Sequence[Site]) -> None:
        self.started += 1

    def decide(self, now_s: float, views: Mapping[str, View]) -> Mapping[str, int]:
        return dict.fromkeys(views, self.stage)


def request(
    rank: Rank = Rank.EMERGENCY, name: str = "rescue", from_link: str = "side", **more: float
) -> Request:
    """A vehicle from the side street, whose stop line is at 500 m, into the second exit."""
    passage = Passage("x", from_link, "out1", 500.0, 500.0 / SPEED_MPS)
    return Request(name, rank, (passage,), **more)


def overlay(beneath: int, *requests: Request, along_m: float = 0.0) -> Priority:
    priority = Priority(Wishing(beneath))
    priority.start([crossing()])
    for asked in requests:
        priority.ask(asked)
        priority.locate(asked.vehicle_id, along_m)
    return priority


def test_without_a_request_the_controller_beneath_decides() -> None:
    beneath = Wishing(SIDE)
    priority = Priority(beneath)
    priority.start([crossing()])
    assert beneath.started == 1
    assert priority.decide(0.0, {"x": view()}) == {"x": SIDE}


def test_a_vehicle_far_away_changes_nothing() -> None:
    priority = overlay(MAIN, request(), along_m=0.0)
    assert priority.decide(0.0, {"x": view(MAIN)}) == {"x": MAIN}


def test_green_comes_before_the_vehicle_does() -> None:
    priority = overlay(MAIN, request(), along_m=450.0)
    assert priority.decide(0.0, {"x": view(MAIN)}) == {"x": SIDE}


def test_green_comes_earlier_where_a_queue_has_to_leave_first() -> None:
    standing = view(MAIN, queue=(0.0, 8.0), objects=[(1, 7.5 * k) for k in range(8)])
    for seen, wish in ((view(MAIN), MAIN), (standing, SIDE)):
        assert overlay(MAIN, request(), along_m=300.0).decide(0.0, {"x": seen}) == {"x": wish}


def test_a_green_that_serves_the_vehicle_is_held() -> None:
    priority = overlay(MAIN, request(), along_m=450.0)
    assert priority.decide(0.0, {"x": view(SIDE)}) == {"x": SIDE}


def test_no_stage_begins_that_could_not_end_in_time() -> None:
    # 14 s away: a left-turn stage now would take 3 + 5 + 3 s, and the driver must not see red.
    priority = overlay(LEFT, request(), along_m=330.0)
    assert priority.decide(0.0, {"x": view(MAIN)}) == {"x": MAIN}
    later = overlay(LEFT, request(), along_m=100.0)
    assert later.decide(0.0, {"x": view(MAIN)}) == {"x": LEFT}


def test_nobody_ahead_protected_turn_first_otherwise_the_whole_lane() -> None:
    left = request(from_link="main")
    alone = overlay(SIDE, left, along_m=480.0)
    assert alone.decide(0.0, {"x": view(SIDE)}) == {"x": LEFT}
    blocked = overlay(SIDE, left, along_m=480.0)
    ahead = view(SIDE, queue=(1.0, 0.0), objects=[(0, 2.0)])
    assert blocked.decide(0.0, {"x": ahead}) == {"x": MAIN}


def test_those_who_waited_are_served_when_the_vehicle_has_passed() -> None:
    priority = overlay(SIDE, request(), along_m=490.0)
    assert priority.decide(0.0, {"x": view(SIDE)}) == {"x": SIDE}
    priority.locate("rescue", 510.0)
    waiting = view(SIDE, queue=(6.0, 0.0), waiting_s=(60.0, 0.0))
    assert priority.decide(1.0, {"x": waiting}) == {"x": MAIN}
    begun, served = view(MAIN, green_s=3.0, free=False), view(MAIN, green_s=5.0)
    assert priority.decide(7.0, {"x": begun}) == {"x": MAIN}
    assert priority.decide(9.0, {"x": served}) == {"x": SIDE}


def test_a_claim_ends_after_its_timeout() -> None:
    priority = overlay(MAIN, request(), along_m=450.0)
    assert priority.decide(0.0, {"x": view(MAIN)}) == {"x": SIDE}
    assert priority.decide(120.0, {"x": view(SIDE)}) == {"x": SIDE}
    priority.decide(121.0, {"x": view(SIDE)})
    assert priority.decide(200.0, {"x": view(SIDE)}) == {"x": MAIN}


def test_a_request_withdrawn_is_forgotten() -> None:
    priority = overlay(MAIN, request(), along_m=450.0)
    priority.withdraw("rescue")
    assert priority.decide(0.0, {"x": view(MAIN)}) == {"x": MAIN}


def test_an_emergency_goes_before_a_bus() -> None:
    bus = request(Rank.TRANSIT, "bus", lateness_s=300.0, load_persons=80.0)
    rescue = replace(request(from_link="main"), vehicle_id="rescue")
    priority = overlay(SIDE, bus, rescue, along_m=480.0)
    assert priority.decide(0.0, {"x": view(SIDE)}) == {"x": LEFT}


def test_of_two_emergencies_the_nearer_goes_first() -> None:
    near, far = request(name="z", from_link="main"), request(name="a")
    priority = overlay(SIDE, near, far, along_m=470.0)
    priority.locate("z", 490.0)
    assert priority.decide(0.0, {"x": view(SIDE)}) == {"x": LEFT}


@pytest.mark.parametrize(
    ("lateness_s", "load", "queue", "wish"),
    [(120.0, 40.0, 2.0, SIDE), (0.0, 40.0, 0.0, MAIN), (120.0, 1.0, 20.0, MAIN)],
)
def test_a_bus_gets_green_if_late_and_full_enough_for_those_who_wait(
    lateness_s: float, load: float, queue: float, wish: int
) -> None:
    bus = request(Rank.TRANSIT, lateness_s=lateness_s, load_persons=load)
    priority = overlay(MAIN, bus, along_m=480.0)
    assert priority.decide(0.0, {"x": view(MAIN, queue=(queue, 0.0))}) == {"x": wish}


def test_a_turn_that_no_stage_serves_is_left_alone() -> None:
    priority = overlay(MAIN, request(from_link="elsewhere"), along_m=480.0)
    assert priority.decide(0.0, {"x": view(MAIN)}) == {"x": MAIN}


def test_bad_requests_are_refused() -> None:
    late, early = (Passage("x", "a", "b", at_m, at_m) for at_m in (500.0, 100.0))
    with pytest.raises(EngineError, match="not in driving order"):
        Request("v", Rank.EMERGENCY, (late, early))
    with pytest.raises(EngineError, match="finite"):
        Request("v", Rank.TRANSIT, (), lateness_s=float("nan"))


def network(*ways: tuple[str, str, str]) -> RoadNetwork:
    names = sorted({name for a, b, _ in ways for name in (a, b)})
    links = {
        name: Link(
            name, f"{name}<", f"{name}>", 100.0 if name != "slow" else 900.0, 10.0, 1, (0,), ()
        )
        for name in names
    }
    connections = tuple(
        Connection(
            f"{a}_0>{b}_0", a, 0, b, 0, "", turn, 10.0, 10.0, 0.0, (), frozenset(), frozenset()
        )
        for a, b, turn in ways
    )
    return RoadNetwork("drawn", links, {}, connections)


def test_the_fastest_way_is_taken_and_no_u_turn() -> None:
    drawn = network(
        ("a", "slow", "s"), ("slow", "z", "s"), ("a", "b", "r"), ("b", "z", "l"), ("a", "z", "t")
    )
    assert fastest_way(drawn, "a", "z") == ("a", "b", "z")
    assert fastest_way(drawn, "a", "a") == ("a",)
    assert passages_of(drawn, ("a", "b", "z")) == ()


def test_impossible_ways_are_refused() -> None:
    drawn = network(("a", "b", "s"), ("c", "b", "s"))
    with pytest.raises(InfeasibleError, match="no way leads"):
        fastest_way(drawn, "a", "c")
    with pytest.raises(InfeasibleError, match="no link 'q'"):
        fastest_way(drawn, "a", "q")
    with pytest.raises(InfeasibleError, match="no way leads"):
        passages_of(drawn, ("a", "c"))
