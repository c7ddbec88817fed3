"""Queues that stand over detectors."""

from __future__ import annotations

import numpy as np

from engine.forecast.standing_queues import standing_queues, stands
from network.counts import CountSeries, Quality
from tests.reference.toy_streets import crossroads

INTERVAL_S = 300
NETWORK = crossroads(2, 200.0, 0.0)
HERE = next(iter(NETWORK.movements))
BUSY_PCT, FULL_PCT = 75.0, 92.0


def counts(occupied: list[float], volume_veh: float = 20.0) -> CountSeries:
    """Movement counts of an hour, with the occupancies of one and a calm 40 % elsewhere."""
    names = tuple(NETWORK.movements)
    occupancy = np.full((12, len(names)), 40.0)
    occupancy[: len(occupied), names.index(HERE)] = occupied
    volume = np.full_like(occupancy, volume_veh)
    return CountSeries("movement", names, 0.0, INTERVAL_S, volume, np.zeros_like(volume), occupancy)


def test_a_lane_that_is_busy_but_lets_its_queue_go_is_not_told() -> None:
    assert standing_queues([counts([BUSY_PCT] * 12)], NETWORK) == ()


def test_counts_without_occupancies_tell_of_no_queue() -> None:
    day = counts([])
    plain = CountSeries.from_volumes("movement", day.series_ids, 0.0, INTERVAL_S, day.volume_veh)
    assert standing_queues([plain], NETWORK) == ()


def test_a_queue_stands_after_a_quarter_of_an_hour_on_end() -> None:
    full, free, silent = FULL_PCT, 50.0, float("nan")
    assert stands(np.array([free, full, full, full, free]), INTERVAL_S)
    assert not stands(np.array([full, full, free, full, full]), INTERVAL_S)
    assert not stands(np.array([full, full, silent, full, full]), INTERVAL_S)
    assert stands(np.array([free, full]), 900)


def test_a_movement_behind_a_standing_queue_is_told_and_no_interval_is_flagged() -> None:
    (row,) = standing_queues([counts([FULL_PCT] * 3)], NETWORK)
    assert (row.series_id, row.flag, row.intervals) == (HERE, Quality.SUSPECT, 0)
    assert "240 veh/h were let go" in row.reason
    assert "1 of 1 days" in row.reason


def test_a_queue_that_stands_on_one_day_of_three_is_not_told() -> None:
    calm, jammed = counts([]), counts([FULL_PCT] * 12)
    assert standing_queues([calm, jammed, calm], NETWORK) == ()
    assert [row.series_id for row in standing_queues([calm, jammed, jammed], NETWORK)] == [HERE]


def test_a_detector_that_is_stuck_and_counts_nobody_has_no_queue() -> None:
    assert standing_queues([counts([FULL_PCT] * 12, volume_veh=0.0)], NETWORK) == ()


def test_a_lane_speaks_for_its_movement() -> None:
    names = tuple(c.connection_id for c in NETWORK.movements[HERE].connections)
    shape = (3, len(names))
    occupancy = np.full(shape, FULL_PCT)
    day = CountSeries(
        "connection", names, 0.0, INTERVAL_S, np.ones(shape), np.zeros(shape), occupancy
    )
    assert [row.series_id for row in standing_queues([day], NETWORK)] == [HERE]
