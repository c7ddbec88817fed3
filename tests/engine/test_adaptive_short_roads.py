"""Two signals with hardly any road between them: nobody is left standing in either's node."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.adaptive.control import ExitLane, Neighbor, Site
from engine.adaptive.lookahead import LookAhead
from engine.adaptive.outlook import Outlook
from tests.engine.adaptive_views import LEFT, MAIN, crossing, view


def pair(road_m: float) -> tuple[Site, Site]:
    """A crossing whose first stop lane turns left only, and one that feeds it over a road."""
    down, up = crossing("down"), crossing("up")
    turning = replace(down.lanes[0], length_m=road_m, ways=(down.lanes[0].ways[1],))
    fed = replace(
        down, lanes=(turning, down.lanes[1]), upstream=(Neighbor("up", (0,), (0,), road_m / 10.0),)
    )
    road = ExitLane("main_0", "main", road_m, 10.0, road_m / 7.5, (("main_0", 0.0),))
    feeding = replace(
        up,
        exits=(road, up.exits[1]),
        downstream=(Neighbor("down", (0,), (0,), road_m / 10.0),),
    )
    return fed, feeding


@pytest.mark.parametrize(("road_m", "wanted"), [(12.0, LEFT), (200.0, MAIN)])
def test_who_waits_for_a_gap_is_let_go_before_the_next_stands_in_the_node_behind(
    road_m: float, wanted: int
) -> None:
    controller = LookAhead()
    controller.start(pair(road_m))
    seen = view(MAIN, green_s=10.0, queue=(1.0, 0.0), objects=((0, 1.0),))
    wishes = controller.decide(0.0, {"down": seen, "up": view()})
    assert wishes["down"] == wanted


def test_who_has_left_upstream_is_expected_after_the_way_between() -> None:
    fed, feeding = pair(200.0)
    controller = LookAhead(Outlook(reach_m=50.0))
    controller.start((fed, feeding))
    calm = view(stage=2, green_s=10.0, queue=(0.0, 0.0))
    left = replace(view(), stop_count=np.array([1.0, 0.0]))
    found = []
    for second in range(30):
        seen = {
            "down": replace(calm, seen_s=float(second)),
            "up": replace(left, seen_s=float(second)),
        }
        found.append(controller.decide(float(second), seen)["down"])
    # One vehicle a second is on its way to an empty stop lane: its green comes before they do.
    assert found[0] == 2
    assert found[-1] in (MAIN, LEFT)
