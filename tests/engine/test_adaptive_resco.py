"""RESCO's classic controllers: what counts, how long, and who wins a tie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from engine.adaptive.control import Feeder, Information, Neighbor, Site, StopLane, View
from engine.adaptive.resco import RescoStage, resco_max_pressure, resco_max_wave
from network.errors import EngineError, InsufficientDataError
from tests.engine.adaptive_views import LEFT, MAIN, SIDE, crossing, view

GROUPS = ((0, 1), (2,))
"""Of the crossing's ways, lane by lane."""

QUEUE = [(1, at_m, 0.0) for at_m in (10.0, 20.0, 30.0)]
MOVING = [(1, at_m, 8.0) for at_m in (5.0, 12.0, 20.0)]
"""The same vehicles of the side street, later; on the main lane each counts twice."""


def grouped(site: Site) -> Site:
    """Return the crossing with the groups that its stages' aspects belong to."""
    lanes: list[StopLane] = []
    for lane, groups in zip(site.lanes, GROUPS, strict=True):
        ways = zip(lane.ways, groups, strict=True)
        lanes.append(replace(lane, ways=tuple(replace(w, groups=(g,)) for w, g in ways)))
    return replace(site, lanes=tuple(lanes))


def seen(
    *vehicles: tuple[int, float, float], tracks: Sequence[int] | None = None, stage: int = MAIN
) -> View:
    """See vehicles: stop lane, distance from the line, speed."""
    found = view(stage=stage, objects=[(lane, at_m) for lane, at_m, _ in vehicles])
    names = range(len(vehicles)) if tracks is None else tracks
    return replace(
        found,
        object_mps=np.array([mps for *_, mps in vehicles]),
        object_track=np.array(names, dtype=np.int32),
    )


def decided(controller: RescoStage, *views: View) -> list[int]:
    """Return the wishes of one decision after the other."""
    controller.start([grouped(crossing())])
    return [controller.decide(10.0 * k, {"x": v})["x"] for k, v in enumerate(views)]


def test_max_wave_counts_everybody_within_fifty_meters() -> None:
    assert decided(resco_max_wave(), seen((0, 51.0, 0.0), (1, 49.0, 12.0))) == [SIDE]


def test_max_pressure_counts_who_stands_within_two_hundred_meters() -> None:
    moving = [(0, float(k), 5.0) for k in range(5)]
    assert decided(resco_max_pressure(), seen(*moving, (1, 199.0, 0.0))) == [SIDE]


def test_who_has_stood_here_counts_until_seen_no_more() -> None:
    stands = seen((0, 150.0, 0.0), *QUEUE, tracks=[9, 1, 2, 3])
    runs = seen((0, 140.0, 0.0), *MOVING, tracks=[9, 1, 2, 3])
    gone = seen((0, 130.0, 0.0), tracks=[9])
    back = seen((0, 120.0, 0.0), *MOVING, tracks=[9, 1, 2, 3])
    looks = (stands, stands, runs, gone, back)
    assert decided(resco_max_pressure(), *looks) == [SIDE, SIDE, SIDE, MAIN, MAIN]


def test_who_stood_at_the_first_look_alone_is_forgotten() -> None:
    stands = seen((0, 150.0, 0.0), *QUEUE, tracks=[9, 1, 2, 3])
    runs = seen((0, 140.0, 0.0), *MOVING, tracks=[9, 1, 2, 3])
    assert decided(resco_max_pressure(), stands, runs) == [SIDE, MAIN]


def test_a_lane_counts_for_each_road_that_its_stage_lets_it_into() -> None:
    # The main lane goes straight and left: two movements against the side street's one.
    two, three = [(0, 9.0, 0.0)] * 2, [(1, 9.0, 0.0)] * 3
    assert decided(resco_max_wave(), seen(*two, *three)) == [MAIN]
    # Its left turns alone are one.
    site = grouped(crossing())
    stages = (replace(site.stages[MAIN], aspects="rrr"), *site.stages[1:])
    controller = resco_max_wave()
    controller.start([replace(site, stages=stages)])
    assert controller.decide(0.0, {"x": seen(*two, *three)}) == {"x": SIDE}


def test_who_is_behind_several_stop_lanes_counts_for_each() -> None:
    road = Feeder("road_0", 100.0, 10.0, 200.0, (0, 1))
    controller = RescoStage(300.0, pressure=False)
    controller.start([replace(grouped(crossing()), feeders=(road,))])
    ahead, behind = [(1, 9.0, 0.0)] * 2, [(1, 250.0, 0.0)] * 3
    # Two on the side street's lane, three behind both: 5 against 3, the main lane twice.
    assert controller.decide(0.0, {"x": seen(*ahead, *behind)}) == {"x": MAIN}
    controller.start([grouped(crossing())])
    assert controller.decide(0.0, {"x": seen(*ahead, *behind)}) == {"x": SIDE}


def test_of_equal_stages_the_first_is_shown_though_another_is_green() -> None:
    assert decided(resco_max_wave(), seen(stage=SIDE)) == [MAIN]
    assert decided(resco_max_wave(), seen((0, 9.0, 0.0), stage=LEFT)) == [MAIN]


def test_turning_on_red_is_no_service() -> None:
    site = grouped(crossing())
    stages = (replace(site.stages[MAIN], aspects="rrs"), *site.stages[1:])
    controller = resco_max_wave()
    controller.start([replace(site, stages=stages)])
    assert controller.decide(0.0, {"x": seen((1, 9.0, 0.0))}) == {"x": SIDE}


def test_queues_at_the_next_stop_line_count_against_the_way_there() -> None:
    site = grouped(crossing())
    there = grouped(crossing("y"))
    lanes = (replace(there.lanes[0], link_id="out0"), there.lanes[1])
    here = replace(site, downstream=(Neighbor("y", (0,), (0,), 20.0),))
    controller = resco_max_pressure()
    controller.start([here, replace(there, lanes=lanes)])
    own = seen((0, 9.0, 0.0), (0, 19.0, 0.0), (1, 9.0, 0.0))
    full = seen((0, 9.0, 0.0), (0, 16.0, 0.0), (0, 23.0, 0.0))
    # Straight on leads into the full road, left turns do not: 2 + 2 - 3 against 2.
    assert controller.decide(0.0, {"x": own, "y": full})["x"] == LEFT
    assert controller.decide(10.0, {"x": own, "y": seen()})["x"] == MAIN
    # Behind a node without a signal the road is another one, and is not looked for.
    controller.start([here, there])
    assert controller.decide(0.0, {"x": own, "y": full})["x"] == MAIN


def test_all_signals_decide_together_once_in_an_interval() -> None:
    controller = resco_max_wave()
    controller.start([grouped(crossing())])
    assert controller.decide(100.0, {"x": seen((1, 9.0, 0.0))}) == {"x": SIDE}
    assert controller.decide(109.0, {"x": seen((0, 9.0, 0.0))}) == {"x": SIDE}
    assert controller.decide(110.0, {"x": seen((0, 9.0, 0.0))}) == {"x": MAIN}


def test_counts_alone_are_refused() -> None:
    controller = resco_max_wave()
    controller.start([grouped(crossing())])
    with pytest.raises(InsufficientDataError, match="'detectors'"):
        controller.decide(0.0, {"x": view(information=Information.DETECTORS)})


def test_an_interval_below_a_second_is_refused() -> None:
    with pytest.raises(EngineError, match="interval of 0 s"):
        RescoStage(50.0, pressure=False, interval_s=0)
