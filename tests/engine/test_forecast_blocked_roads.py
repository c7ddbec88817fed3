"""Closed roads, and detectors that died at their ends."""

import numpy as np
import pytest

from engine.forecast.blocked_roads import (
    LEAST_SPREAD,
    BlockedRoads,
    RoadSides,
    learn_spread,
    log_chance,
)
from network.errors import CountError

USUAL = 36.0
STEP_S = 300


def sides(roads=1, several=True, fed=0.9):
    return RoadSides(
        np.full(roads, fed), np.full(roads, several), np.full((3, roads), LEAST_SPREAD)
    )


def pair(*counts):
    return np.array(counts, dtype=float), np.where(np.isnan(counts), np.nan, USUAL)


def play(watch, rows, begin=0):
    """Play intervals of (into, out, below) and return what each ends with."""
    return [
        watch.update((begin + at + 1) * STEP_S, *(pair(side) for side in row))
        for at, row in enumerate(rows)
    ]


QUIET = [(36, 36, 36)] * 6
SHUT = [(36, 0, 12), (4, 0, 4), (0, 0, 4)]


@pytest.mark.parametrize("several", [True, False])
def test_a_closed_road_is_told_with_its_begin(several):
    watch = BlockedRoads(sides(several=several), STEP_S, 0.5)
    *calm, _, found, last = play(watch, QUIET + SHUT)
    assert not any(calm)
    assert found[0].since_s == 6 * STEP_S
    assert found[0].sure > 0.9
    assert found[0].part < 0.05
    assert last[0].held_vph == pytest.approx(USUAL * 12, rel=0.01)


@pytest.mark.parametrize("several", [True, False])
def test_dead_detectors_at_the_end_are_no_closed_road(several):
    watch = BlockedRoads(sides(several=several), STEP_S, 0.5)
    assert not any(play(watch, QUIET + [(36, 0, 36)] * 20))


def test_less_demand_is_no_closed_road():
    watch = BlockedRoads(sides(), STEP_S, 0.5)
    assert not any(play(watch, QUIET + [(9, 9, 10)] * 20))


def test_a_road_that_is_closed_for_hours_is_told_until_it_is_free():
    watch = BlockedRoads(sides(), STEP_S, 0.5)
    shut = play(watch, QUIET + SHUT + [(0, 0, 4)] * 40)
    assert all(shut[8:])
    assert shut[-1][0].since_s == 6 * STEP_S
    free = play(watch, [(40, 60, 40), (36, 40, 36)], 49)
    assert not any(free)


def test_a_road_that_lets_half_through_is_told():
    watch = BlockedRoads(sides(), STEP_S, 0.5)
    found = play(watch, [*QUIET, (36, 12, 14), (36, 12, 15), (30, 12, 15), (20, 12, 14)])
    assert found[-1]
    assert 0.2 < found[-1][0].part < 0.5


def test_what_leaves_a_road_that_nobody_counts_into_may_only_stop_wholly():
    watch = BlockedRoads(sides(), STEP_S, 0.5)
    nan = float("nan")
    assert not any(play(watch, [(nan, 36, 36)] * 6 + [(nan, 12, 14)] * 8))
    watch = BlockedRoads(sides(), STEP_S, 0.5)
    (found,) = play(watch, [(nan, 36, 36)] * 6 + [(nan, 0, 4)] * 2)[-1]
    assert not found.entered


def test_nothing_is_told_where_counts_do_not_come():
    watch = BlockedRoads(sides(), STEP_S, 0.5)
    nan = float("nan")
    assert not any(play(watch, [*QUIET, (nan, nan, nan), (36, nan, 4), (36, nan, 4)]))


def test_usual_weeks_bring_no_more_reports_than_are_borne():
    rng = np.random.default_rng(11)
    roads, weeks = 20, 4
    watch = BlockedRoads(sides(roads), STEP_S, 0.5)
    begun, before = 0, set()
    size = 1.0 / LEAST_SPREAD**2
    for at in range(weeks * 2016):
        mean = np.full(roads, USUAL * (0.1 + np.sin(at / 2016 * 7 * np.pi) ** 2))
        today = rng.gamma(size, 1.0 / size, roads)
        counts = [(rng.poisson(mean * today).astype(float), mean) for _ in range(3)]
        found = {each.road for each in watch.update(at * STEP_S, *counts)}
        begun += len(found - before)
        before = found
    assert begun <= 0.5 * weeks


def test_spread_is_learned_beyond_chance():
    rng = np.random.default_rng(5)
    mean = np.full((4000, 2), 50.0)
    plain = rng.poisson(mean).astype(float)
    wild = rng.poisson(mean * rng.gamma(4.0, 0.25, mean.shape)).astype(float)
    found = learn_spread((plain, mean), (plain, mean), (wild, mean))
    assert found[:2] == pytest.approx(LEAST_SPREAD)
    assert found[2] == pytest.approx(0.5, abs=0.1)


def test_a_count_has_a_probability():
    counts = np.arange(400)
    chances = np.exp([log_chance(float(n), 36.0, 0.3) for n in counts])
    assert chances.sum() == pytest.approx(1.0)
    assert (chances * counts).sum() == pytest.approx(36.0)
    assert (chances * (counts - 36.0) ** 2).sum() == pytest.approx(36.0 + 0.09 * 36.0**2, rel=1e-3)


def test_traffic_of_other_shapes_is_refused():
    watch = BlockedRoads(sides(2), STEP_S, 0.5)
    with pytest.raises(CountError, match=r"allowed is \[2\]"):
        watch.update(300.0, pair(1), pair(1, 2), pair(1, 2))
    with pytest.raises(CountError, match="above 0"):
        BlockedRoads(sides(), 0, 0.5)
    with pytest.raises(CountError, match="as many of each"):
        RoadSides(np.zeros(2), np.zeros(1, dtype=bool), np.zeros((3, 2)))
