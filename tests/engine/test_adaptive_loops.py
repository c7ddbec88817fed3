"""Loops count every vehicle once and are occupied until its rear is off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.adaptive.control import Feeder, Information
from engine.adaptive.estimate import Estimator
from engine.adaptive.loops import Loops, advance_loops_m
from engine.adaptive.player import Player
from engine.adaptive.sensing import Sensing, Sensors, Traffic
from tests.engine.test_adaptive_player import site

LENGTH_M = site().lanes[0].length_m


def drive(places_m: list[float]) -> tuple[list[float], list[float]]:
    """One vehicle on the lane of row 0, by its front's way from the lane's beginning."""
    loops = Loops([site()], 50.0)
    counts, occupied = [], []
    before_m = places_m[0]
    for at_m in places_m:
        on = at_m <= LENGTH_M
        empty = np.empty(0, dtype=np.intp)
        one = np.zeros(1, dtype=np.intp)
        read = loops.read(
            ["a"],
            np.array([at_m - before_m]),
            one if on else empty,
            one if on else empty,
            np.array([LENGTH_M - at_m]) if on else np.empty(0),
        )
        counts.append(float(read[0, 0]))
        occupied.append(float(read[1, 0]))
        before_m = at_m
    return counts, occupied


@given(st.floats(2.0, 30.0), st.floats(0.0, 1.0))
def test_who_runs_through_the_stop_line_is_counted_once(mps: float, phase: float) -> None:
    counts, occupied = drive([mps * (phase + k) for k in range(60)])
    assert sum(counts) == 1.0
    # Of a vehicle and a loop, 7 m together, at its speed.
    assert sum(occupied) == pytest.approx(7.0 / mps, rel=1e-6)


def test_who_stops_and_starts_is_counted_as_it_comes_and_seen_until_its_rear_is_off() -> None:
    stand = LENGTH_M - 1.0
    way = [0.0, 0.0, 0.0, 2.0, 5.0, 9.0, 13.0]
    counts, occupied = drive([80.0, 90.0, *(stand + m for m in way)])
    assert counts == [0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert occupied[3:7] == [1.0, 1.0, 1.0, 1.0]
    # Its rear is over the line 5 m after its front, a quarter of the way of that second.
    assert occupied[7:] == [0.25, 0.0]


def test_who_changes_lanes_is_not_counted_at_the_line() -> None:
    loops = Loops([site()], 50.0)
    rows = [np.array([row], dtype=np.intp) for row in (0, 1)]
    car = np.zeros(1, dtype=np.intp)
    loops.read(["a"], np.array([9.0]), car, rows[0], np.array([8.0]))
    read = loops.read(["a"], np.array([3.0]), car, rows[1], np.array([5.0]))
    assert read[0].sum() == 0.0


@pytest.mark.parametrize(
    ("leads_to", "wanted_m", "found_m"),
    [((0,), 150.0, 150.0), ((0,), 400.0, 180.0), ((0, 1), 150.0, 100.0), ((), 150.0, 100.0)],
)
def test_the_advance_loop_lies_where_all_that_pass_come_to_this_line(
    leads_to: tuple[int, ...], wanted_m: float, found_m: float
) -> None:
    behind = (Feeder("f", 80.0, 14.0, 100.0, leads_to),) if leads_to else ()
    assert advance_loops_m(replace(site(), feeders=behind), wanted_m)[0] == found_m


def test_a_queue_that_runs_off_over_the_loops_is_not_distrusted() -> None:
    street = site()
    player = Player(street, 2)
    sensors = Sensors([street], Sensing(Information.DETECTORS))
    estimator = Estimator(street)
    standing = [LENGTH_M - 1.0 - 7.5 * k for k in range(6)]
    factors, queues = [], []
    for second in range(-20, 25):
        # They come one by one, stand, and leave 2 s after one another as green begins.
        names, lanes, at, mps = [], [], [], []
        for k, stop in enumerate(standing):
            start_s = 2.0 * k
            speed = 14.0 if second < -12 + k else (6.0 if second > start_s else 0.0)
            place = min(stop, 14.0 * (second + 20 - k)) + 6.0 * max(0.0, second - start_s)
            if place >= 0.0:
                names.append(f"v{k}")
                lanes.append("l0" if place <= LENGTH_M else ":inside")
                at.append(place)
                mps.append(speed)
        player.advance(0 if second >= -6 else 2, [True] * 5)
        now = Traffic(names, lanes, np.array(at), np.array(mps))
        believed = estimator.update(
            float(second), sensors.observe(float(second), now, {"x": player})["x"]
        )
        factors.append(float(believed.factor[0, 0]))
        queues.append(float(believed.arrivals_veh[0].sum()))
    assert min(factors[20:]) == 1.0
    assert queues[19] == pytest.approx(6.0, abs=0.5)
    assert queues[-1] == 0.0
