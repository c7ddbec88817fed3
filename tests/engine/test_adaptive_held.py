"""Heads of queues that have green and stand are believed held by what shows, and not for good;
where many wait, the search is wider, and no clock stops it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.adaptive import lookahead
from engine.adaptive.control import View
from engine.adaptive.estimate import HORIZON_S, Estimator
from engine.adaptive.kernels import look_ahead
from engine.adaptive.lane_kernels import LEAST_FACTOR
from engine.adaptive.lookahead import LookAhead
from engine.adaptive.outlook import Outlook
from tests.engine.adaptive_views import LEFT, MAIN, SIDE, crossing, view

QUEUE = [(0, 1.0), (0, 8.5), (0, 16.0), (0, 23.5)]


def seen(stage: int, second: int, objects: list[tuple[int, float]] = QUEUE) -> View:
    """The main street's queue, in a stage that has been green since second 0."""
    queue = (float(sum(lane == 0 for lane, _ in objects)), 0.0)
    told = view(stage, green_s=second + 1.0, queue=queue, objects=objects)
    return replace(told, seen_s=float(second))


def trusted(stage: int, seconds: int) -> list[float]:
    """Part of the main street's rate believed in each stage after so long in one."""
    estimator = Estimator(crossing())
    for second in range(seconds):
        found = estimator.update(float(second), seen(stage, second))
    return [float(found.factor[s, 0]) for s in (MAIN, LEFT, SIDE)]


def test_who_stands_under_the_green_of_a_turn_is_trusted_to_go_when_all_ways_are_open() -> None:
    assert trusted(LEFT, 20) == [1.0, LEAST_FACTOR, LEAST_FACTOR]


def test_who_waits_for_a_gap_is_trusted_to_go_with_the_right_of_way() -> None:
    assert trusted(MAIN, 20) == [LEAST_FACTOR, 1.0, LEAST_FACTOR]


def test_nobody_is_distrusted_before_a_driver_has_had_time_to_start() -> None:
    assert trusted(LEFT, 4) == [1.0, 1.0, 1.0]


def test_who_moves_off_at_last_is_trusted_again_at_once() -> None:
    estimator = Estimator(crossing())
    for second in range(20):
        estimator.update(float(second), seen(MAIN, second))
    moving = seen(MAIN, 20)
    found = estimator.update(20.0, replace(moving, object_mps=np.full(len(QUEUE), 5.0)))
    assert found.factor[:, 0].tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("others", [[], [(1, 1.0)]])
def test_a_green_that_nobody_uses_is_given_up_for_one_that_may_free_the_queue(
    others: list[tuple[int, float]],
) -> None:
    controller = LookAhead()
    controller.start([crossing()])
    wishes = [
        controller.decide(float(second), {"x": seen(LEFT, second, [*QUEUE, *others])})["x"]
        for second in range(15)
    ]
    left_at = next((k for k, wish in enumerate(wishes) if wish != LEFT), 99)
    assert left_at < 12
    assert all(wish != LEFT for wish in wishes[left_at:])


@pytest.mark.parametrize(("standing", "wanted"), [(14, 3), (15, 5)])
def test_a_busy_street_is_searched_more_widely(
    standing: int, wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths: list[int] = []

    def searched(*arguments: Any) -> float:
        widths.append(arguments[3])
        return look_ahead(*arguments)

    monkeypatch.setattr(lookahead, "look_ahead", searched)
    controller = LookAhead(Outlook(width=3, busy_width=5, unseen=0.0))
    controller.start([crossing()])
    widths.clear()
    queue = [(1, 1.0 + 7.5 * k) for k in range(standing)]
    controller.decide(0.0, {"x": seen(MAIN, 10, queue)})
    assert widths == [wanted]


def test_a_clock_that_goes_far_back_stops_no_decision() -> None:
    controller = LookAhead()
    controller.start([crossing()])
    told = replace(view(MAIN), seen_s=1000.0)
    controller.decide(1000.0, {"x": told})
    late = {"x": replace(told, seen_s=1001.0)}
    assert set(controller.decide(1001.0 - 2 * HORIZON_S, late)) == {"x"}
