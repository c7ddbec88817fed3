"""Sensors whose clock begins anew: what they tell is heard, and as fresh as before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.adaptive.control import Information, View
from engine.adaptive.estimate import Estimate, Estimator
from engine.adaptive.heads import HeadTurns
from engine.adaptive.lookahead import LookAhead
from engine.adaptive.sensor_clock import SensorClock
from tests.engine.adaptive_views import LEFT, MAIN, SIDE, crossing, view

LATENCY_S = 2.0
RESTART_S = 40
SECONDS = 80


def told(second: int, seen_s: float) -> View:
    """See a vehicle over every loop of the side street every four seconds."""
    comes = float(second % 4 == 0)
    return replace(
        view(MAIN, 10.0, information=Information.DETECTORS, waiting_s=(0.0, float(second))),
        seen_s=seen_s,
        stop_count=np.array([0.0, comes]),
        stop_occupancy=np.array([0.0, comes]),
        advance_count=np.array([0.0, comes]),
        advance_occupancy=np.array([0.0, 0.5 * comes]),
    )


def views(restart: bool) -> list[tuple[float, View]]:
    """Return an office's clock and views; with a restart the sensors' clock begins anew."""
    back_s = 36000.0 if restart else 0.0
    return [
        (
            36000.0 + second,
            told(second, 36000.0 + second - LATENCY_S - (back_s if second >= RESTART_S else 0.0)),
        )
        for second in range(SECONDS)
    ]


def believed(restart: bool) -> list[Estimate]:
    estimator = Estimator(crossing())
    return [estimator.update(now_s, seen) for now_s, seen in views(restart)]


def test_what_is_believed_is_the_same_after_a_restart() -> None:
    for after, before in zip(believed(True), believed(False), strict=True):
        np.testing.assert_array_equal(after.flow_vps, before.flow_vps)
        np.testing.assert_array_equal(after.arrivals_veh, before.arrivals_veh)


def test_decisions_are_the_same_after_a_restart() -> None:
    decided = []
    for restart in (True, False):
        controller = LookAhead()
        controller.start([crossing()])
        decided.append([controller.decide(now_s, {"x": v})["x"] for now_s, v in views(restart)])
    assert decided[0] == decided[1]
    assert SIDE in decided[0][RESTART_S:]


def test_who_turned_is_told_again_after_a_restart() -> None:
    heads, share = HeadTurns(crossing()), np.array([0.6, 0.4, 1.0])
    for at_s in (1000.0, 1001.0):
        heads.turned(told(1, at_s), share)
    stands = replace(told(1, 0.0), stage=LEFT, stop_count=np.array([1.0, 0.0]))
    leaves = replace(told(1, 1.0), stage=LEFT)
    assert heads.turned(stands, share).sum() == 0.0
    assert heads.turned(leaves, share).sum() == 1.0


def test_a_message_that_was_overtaken_is_no_news() -> None:
    clock = SensorClock()
    assert clock.news(100.0)
    assert not clock.news(99.0)
    assert not clock.news(100.0)
    assert clock.news(101.0)


def test_a_clock_that_was_set_right_again_is_believed() -> None:
    clock = SensorClock()
    ages_s = []
    for now_s, seen_s in ((36000.0, 35998.0), (36001.0, 0.0), (36002.0, 1.0), (36003.0, 36001.0)):
        ages_s.append(clock.late_s(now_s, seen_s))
        assert clock.news(seen_s)
    assert ages_s == [2.0, 2.0, 2.0, 2.0]


def test_a_clock_that_only_goes_on_is_taken_as_it_is() -> None:
    clock = SensorClock()
    for now_s, seen_s in ((10.0, 8.0), (11.0, 8.0), (12.0, 11.5), (13.0, 43.0)):
        assert clock.late_s(now_s, seen_s) == now_s - seen_s
        clock.news(seen_s)
