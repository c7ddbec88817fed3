"""A stopwatch for whoever stands first at a stop line: red, and green that brings nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.stop_line_waits import StopLineWaits
from engine.adaptive.control import Site
from engine.adaptive.sensing import Traffic
from tests.engine.adaptive_views import crossing

STRAIGHT, LEFT_ONLY, SIDE = "Grr", "rGr", "rrG"


def site() -> Site:
    """Return a crossing whose ways are signal groups 0 (straight), 1 (left), 2 (side street)."""
    bare = crossing()
    groups = iter(range(3))
    lanes = tuple(
        replace(lane, ways=tuple(replace(way, groups=(next(groups),)) for way in lane.ways))
        for lane in bare.lanes
    )
    return replace(bare, lanes=lanes)


def traffic(*vehicles: tuple[str, str, float, float]) -> Traffic:
    names, lanes, places, speeds = zip(*vehicles, strict=True) if vehicles else ((), (), (), ())
    return Traffic(names, lanes, np.array(places, dtype=float), np.array(speeds, dtype=float))


def watched(*seconds: tuple[Traffic, str]) -> StopLineWaits:
    waits = StopLineWaits([site()])
    for now_s, (seen, shown) in enumerate(seconds):
        waits.look(float(now_s), seen, {"x": shown})
    waits.finish()
    return waits


STANDS = traffic(("a", "main_0", 199.0, 0.0))
INSIDE = traffic(("a", ":x_0_0", 1.0, 5.0))
STRAIGHT_ON = traffic(("a", "out0_0", 1.0, 5.0))
TO_THE_LEFT = traffic(("a", "out1_0", 1.0, 5.0))


def test_a_red_longer_than_the_players_limit_is_found() -> None:
    waits = watched(*[(STANDS, SIDE)] * 151, (INSIDE, STRAIGHT), (STRAIGHT_ON, STRAIGHT))
    assert waits.longest.red_s == 150.0


def test_a_full_exit_under_green_is_told_apart() -> None:
    waits = watched(*[(STANDS, SIDE)] * 41, *[(STANDS, STRAIGHT)] * 30, (STRAIGHT_ON, STRAIGHT))
    assert (waits.longest.red_s, waits.green_s) == (40.0, 30.0)


def test_a_green_that_brings_nothing_does_not_begin_the_wait_anew() -> None:
    red, green = [(STANDS, SIDE)] * 80, [(STANDS, STRAIGHT)] * 10
    waits = watched(*red, *green, *red, (STRAIGHT_ON, STRAIGHT))
    assert (waits.longest.red_s, waits.longest.unbroken_s, waits.green_s) == (159.0, 80.0, 10.0)


@pytest.mark.parametrize(("went", "red_s"), [(STRAIGHT_ON, 0.0), (TO_THE_LEFT, 60.0)])
def test_the_way_that_was_taken_is_the_one_that_waited(went: Traffic, red_s: float) -> None:
    waits = watched(*[(STANDS, STRAIGHT)] * 61, (INSIDE, LEFT_ONLY), (went, LEFT_ONLY))
    assert waits.longest.red_s == red_s


def test_who_has_not_left_counts_with_the_longest_red() -> None:
    assert watched(*[(STANDS, STRAIGHT)] * 61).longest.red_s == 60.0


def test_only_the_first_of_a_lane_is_watched() -> None:
    behind = traffic(("a", "main_0", 199.0, 0.0), ("b", "main_0", 193.0, 0.0))
    last = traffic(("b", "main_0", 199.0, 0.0))
    waits = watched(*[(behind, SIDE)] * 51, *[(last, SIDE)] * 20, (traffic(), SIDE))
    assert waits.longest.red_s == 50.0


def test_who_rolls_does_not_stand() -> None:
    rolls = traffic(("a", "main_0", 195.0, 3.0))
    assert watched(*[(rolls, SIDE)] * 30, (STRAIGHT_ON, STRAIGHT)).longest.red_s == 0.0


def test_a_change_of_lanes_at_the_line_goes_on_counting() -> None:
    bare = site()
    beside = replace(bare.lanes[0], lane_id="main_1", ways=bare.lanes[0].ways[:1])
    waits = StopLineWaits([replace(bare, lanes=(*bare.lanes, beside))])
    other = traffic(("a", "main_1", 199.0, 0.0))
    for now_s, seen in enumerate([*[other] * 31, *[STANDS] * 20, STRAIGHT_ON]):
        waits.look(float(now_s), seen, {"x": SIDE})
    waits.finish()
    assert waits.longest.red_s == 50.0


FULL = traffic(("a", "main_0", 199.0, 0.0), ("b", "out0_0", 8.0, 0.0))


def test_red_before_a_full_exit_holds_nobody() -> None:
    stood = [(FULL, SIDE)] * 200, [(FULL, STRAIGHT)] * 20, [(STANDS, SIDE)] * 30
    waits = watched(*[second for part in stood for second in part], (STRAIGHT_ON, STRAIGHT))
    assert (waits.longest.held_s, waits.longest.barred_s) == (30.0, 199.0)
    assert waits.longest_red.red_s == 229.0


@pytest.mark.parametrize(
    "ahead", [("b", "out0_0", 8.0, 3.0), ("b", "out0_0", 13.0, 0.0), ("b", "out1_0", 8.0, 0.0)]
)
def test_who_rolls_on_or_stands_farther_on_or_in_another_exit_bars_nobody(
    ahead: tuple[str, str, float, float],
) -> None:
    seen = traffic(("a", "main_0", 199.0, 0.0), ahead)
    waits = watched(*[(seen, SIDE)] * 31, (STRAIGHT_ON, STRAIGHT))
    assert waits.longest.held_s == 30.0


def test_who_has_been_held_longest_is_not_who_stood_longest_in_red() -> None:
    barred = [(FULL, SIDE)] * 100
    after = traffic(("c", "main_0", 199.0, 0.0))
    waits = watched(*barred, (STRAIGHT_ON, STRAIGHT), *[(after, SIDE)] * 51, (traffic(), STRAIGHT))
    assert waits.longest.held_s == 51.0
    assert (waits.longest_red.red_s, waits.longest_red.held_s) == (99.0, 0.0)
