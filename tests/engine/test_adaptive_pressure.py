"""Peers: what each weighs, when it decides, and when it leaves the signal alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.adaptive.control import Controller, Information
from engine.adaptive.pressure import (
    BestStage,
    CyclicMaxPressure,
    Score,
    Ways,
    best,
    capacity_aware,
    longest_queue,
    max_pressure,
    normalized_pressure,
    position_weighted,
)
from network.errors import EngineError, InsufficientDataError
from network.phasing import Interval
from tests.engine.adaptive_views import LEFT, MAIN, SIDE, crossing, view

SCORES = (longest_queue, max_pressure, capacity_aware, position_weighted)
counts = st.floats(0.0, 60.0)


@pytest.mark.parametrize("score", SCORES)
def test_an_empty_crossing_has_no_favorite(score: Score) -> None:
    assert score(Ways.of(crossing()), view()).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("score", SCORES)
def test_the_stage_that_serves_those_who_wait_scores_best(score: Score) -> None:
    seen = view(queue=(1.0, 8.0), objects=[(0, 5.0), *((1, 7.5 * k) for k in range(8))])
    assert int(score(Ways.of(crossing()), seen).argmax()) == SIDE


def test_longest_queue_counts_to_its_reach_only() -> None:
    seen = view(objects=[(0, 10.0), (1, 49.0), (1, 50.0), (1, 51.0)])
    assert longest_queue(Ways.of(crossing()), seen).tolist() == [1.0, 0.5, 2.0]
    assert longest_queue(Ways.of(crossing()), seen, reach_m=5.0).tolist() == [0.0, 0.0, 0.0]


def test_max_pressure_is_saturation_flow_times_queue_less_the_queue_ahead() -> None:
    seen = view(queue=(6.0, 4.0), exit_queue=(1.0, 3.0))
    # 0.5 veh/s; straight 6 - 1 and left 6 - 3, half the lane each; side 4 - 3.
    assert max_pressure(Ways.of(crossing()), seen).tolist() == [2.0, 0.75, 0.5]


def test_what_is_not_seen_counts_as_nothing() -> None:
    seen = view(queue=(np.nan, 4.0), exit_queue=(np.nan, np.nan))
    assert max_pressure(Ways.of(crossing()), seen).tolist() == [0.0, 0.0, 2.0]


def test_a_full_exit_weighs_nothing_when_capacity_is_known() -> None:
    seen = view(queue=(0.0, 10.0), exit_queue=(0.0, 13.0))
    assert capacity_aware(Ways.of(crossing()), seen).tolist() == [0.0, 0.0, 0.0]


@given(counts, counts, st.floats(1.0, 400.0))
def test_normalized_pressure_grows_from_nothing_to_one(a: float, b: float, holds: float) -> None:
    low, high = sorted((a, b))
    pressure = normalized_pressure(np.array([0.0, low, high, holds]), np.full(4, holds))
    assert pressure[0] == 0.0
    assert 0.0 <= pressure[1] <= pressure[2] + 1e-12 <= 1.0 + 1e-12
    assert pressure[3] == pytest.approx(1.0)


def test_position_weighting_prefers_who_is_near_the_stop_line() -> None:
    seen = view(objects=[(0, 150.0), (1, 20.0)])
    scores = position_weighted(Ways.of(crossing()), seen)
    assert scores[SIDE] == pytest.approx(0.5 * 0.9)
    assert scores[MAIN] == pytest.approx(0.5 * 0.25)


def test_position_weighting_fears_an_exit_that_is_full_to_its_beginning() -> None:
    near, far = (
        view(objects=[(1, 0.0)], exit_queue=(0.0, 1.0), exit_free_m=(100.0, free_m))
        for free_m in (0.0, 90.0)
    )
    ways = Ways.of(crossing())
    assert position_weighted(ways, near)[SIDE] < position_weighted(ways, far)[SIDE]


def test_a_tie_leaves_the_signal_as_it_is() -> None:
    assert best(np.array([1.0, 2.0, 2.0]), current=2) == 2
    assert best(np.array([1.0, 2.0, 2.0]), current=0) == 1


def test_a_wish_stands_until_the_interval_is_over() -> None:
    controller: Controller = BestStage(max_pressure, interval_s=10)
    controller.start([crossing()])
    assert controller.decide(0.0, {"x": view(queue=(5.0, 0.0))}) == {"x": MAIN}
    for now_s in range(1, 10):
        assert controller.decide(now_s, {"x": view(queue=(0.0, 9.0))}) == {"x": MAIN}
    assert controller.decide(10.0, {"x": view(queue=(0.0, 9.0))}) == {"x": SIDE}
    controller.start([crossing()])
    assert controller.decide(0.0, {"x": view(queue=(0.0, 9.0))}) == {"x": SIDE}


def test_a_longer_change_does_not_shorten_the_green() -> None:
    site = crossing()
    slow = {pair: (Interval("yyr", 50),) for pair in site.clearances}
    controller: Controller = BestStage(max_pressure, interval_s=10)
    controller.start([replace(site, clearances=slow)])
    assert controller.decide(0.0, {"x": view(queue=(0.0, 9.0))}) == {"x": SIDE}
    assert controller.decide(11.0, {"x": view(queue=(9.0, 0.0))}) == {"x": SIDE}
    assert controller.decide(12.0, {"x": view(queue=(9.0, 0.0))}) == {"x": MAIN}


@pytest.mark.parametrize("controller", [BestStage(max_pressure), CyclicMaxPressure()])
def test_counts_alone_are_refused(controller: Controller) -> None:
    controller.start([crossing()])
    with pytest.raises(InsufficientDataError, match="'detectors'"):
        controller.decide(0.0, {"x": view(information=Information.DETECTORS)})


def test_intervals_below_a_second_are_refused() -> None:
    with pytest.raises(EngineError, match="interval of 0 s"):
        BestStage(max_pressure, 0)
    with pytest.raises(EngineError, match="interval of 130 s"):
        CyclicMaxPressure(130)


def test_the_cycle_goes_on_to_the_next_stage_though_another_is_better() -> None:
    controller = CyclicMaxPressure()
    controller.start([crossing()])
    assert controller.decide(0.0, {"x": view(queue=(0.0, 9.0))}) == {"x": LEFT}


def test_the_cycle_waits_for_the_stage_of_most_pressure_until_it_is_full() -> None:
    controller = CyclicMaxPressure(interval_s=5, longest_cycle_s=60)
    controller.start([crossing()])
    wishes = [
        controller.decide(float(t), {"x": view(queue=(9.0, 0.0), green_s=t)})["x"]
        for t in range(70)
    ]
    # Two more stages of 5 s green and 3 s of clearance each have to fit.
    assert wishes.index(LEFT) == 40


def test_the_cycle_does_not_decide_while_the_signal_is_not_free() -> None:
    controller = CyclicMaxPressure()
    controller.start([crossing()])
    busy = view(queue=(0.0, 9.0), free=False)
    assert controller.decide(0.0, {"x": busy}) == {"x": MAIN}
