"""Detectors judged over a file, and a backtest that sees nothing later."""

from __future__ import annotations

from datetime import UTC

import numpy as np
import pytest

from engine.forecast.calendar import Calendar, LocalClock
from engine.forecast.detectors import DetectorWatch
from network.counts import Quality
from network.errors import InsufficientDataError
from tests.throughband.drawn_counts import (
    MONDAY,
    SLOTS,
    STEP_S,
    ZONE,
    a_feed,
    drawn,
)
from throughband.counts.count_feed import CountFeed
from throughband.counts.detector_health import (
    believed,
    detector_model,
    expected_later,
    expected_of_other_days,
    judge_feed,
    live_flags,
    unbelieved,
)
from throughband.forecasts.forecast_trial import backtest


def test_what_is_expected_of_a_day_does_not_know_it() -> None:
    counts = drawn(8)
    clock = LocalClock("UTC", STEP_S)
    start = MONDAY.replace(tzinfo=UTC)
    before = expected_of_other_days(counts, start, clock, Calendar())
    begin = 3 * SLOTS + clock.day_begin
    day = slice(begin, begin + SLOTS)
    counts[day] *= 10.0
    after = expected_of_other_days(counts, start, clock, Calendar())
    np.testing.assert_allclose(after[day], before[day])
    assert not np.allclose(after[:begin], before[:begin])


def test_too_few_days_are_not_judged_by_what_is_usual() -> None:
    health = judge_feed(a_feed(drawn(2)), LocalClock(ZONE, STEP_S), Calendar())
    assert not health.judged
    assert (health.quality == Quality.GOOD).all()


def test_what_the_file_flags_stays_flagged() -> None:
    feed = a_feed(drawn(5))
    feed.counts[100, 0] = np.nan
    feed.quality[100, 0] = Quality.IMPOSSIBLE
    health = judge_feed(feed, LocalClock(ZONE, STEP_S), Calendar())
    assert health.quality[100, 0] == Quality.IMPOSSIBLE
    assert "negative" in health.reason(100, 0, STEP_S)


def test_a_backtest_does_not_see_what_comes_later() -> None:
    clock, calendar = LocalClock(ZONE, STEP_S), Calendar()
    counts = drawn(7)
    changed = counts.copy()
    changed[-SLOTS // 2 :] *= 1.2
    trials = []
    for one in (counts, changed):
        feed = a_feed(one)
        health = judge_feed(feed, clock, calendar)
        trials.append(backtest(feed, health, 2, clock, 2, calendar, (0.1, 0.9)))
    same = slice(0, 2 * SLOTS - SLOTS // 2)
    left, right = (trial.played.predicted[:, same] for trial in trials)
    np.testing.assert_array_equal(left, right)


def test_a_backtest_leaves_a_day_to_fit_on() -> None:
    clock, calendar = LocalClock(ZONE, STEP_S), Calendar()
    feed = a_feed(drawn(3))
    health = judge_feed(feed, clock, calendar)
    with pytest.raises(InsufficientDataError, match="at least one day must be left"):
        backtest(feed, health, 3, clock, 2, calendar, (0.5,))


def test_days_of_silence_do_not_make_the_sound_days_suspect() -> None:
    counts = drawn(16)
    counts[10 * SLOTS :, 2] = 0.0
    counts[::97, 4] = 9000.0
    health = judge_feed(a_feed(counts), LocalClock(ZONE, STEP_S), Calendar())
    good = health.quality == Quality.GOOD
    assert good[: 10 * SLOTS, 2].mean() > 0.98
    assert not good[10 * SLOTS :, 2].any()
    assert not good[::97, 4].any()
    assert good[:, 4].mean() > 0.95
    assert good[:, [0, 1, 3, 5]].mean() > 0.98


def test_counts_of_which_none_is_believed_are_refused() -> None:
    feed = a_feed(np.zeros((6 * SLOTS, 3)))
    health = judge_feed(feed, LocalClock(ZONE, STEP_S), Calendar())
    with pytest.raises(InsufficientDataError, match="not one count of the 3 detectors"):
        believed(feed, health)


def test_a_stuck_detector_among_others_is_known_to_be_a_guess() -> None:
    counts = drawn(6)
    counts[:, 1] = 37.0
    feed = a_feed(counts)
    health = judge_feed(feed, LocalClock(ZONE, STEP_S), Calendar())
    np.testing.assert_array_equal(
        unbelieved(feed, health), [False, True, False, False, False, False]
    )


@pytest.mark.parametrize(("halved", "seen"), [(range(6), True), ([2], False)])
def test_a_level_that_all_have_left_is_traffic_and_that_of_one_a_fault(
    halved: list[int], seen: bool
) -> None:
    counts = drawn(9)
    counts[8 * SLOTS :, halved] = np.floor(0.4 * counts[8 * SLOTS :, halved])
    clock, calendar = LocalClock(ZONE, STEP_S), Calendar()
    feed = a_feed(counts)
    earlier = feed.until(8 * SLOTS)
    model = detector_model(earlier, clock, calendar)
    assert model is not None
    usual = expected_later(earlier.counts, feed.start, SLOTS, clock, calendar)
    watch = DetectorWatch(model)
    flags = np.array([live_flags(watch, counts[8 * SLOTS + at], usual[at]) for at in range(SLOTS)])
    good = (flags == Quality.GOOD)[SLOTS // 2 : 3 * SLOTS // 4, 2]
    assert good.mean() > 0.9 if seen else good.mean() < 0.1


def test_one_broken_detector_among_many_does_not_set_the_limits_for_itself() -> None:
    counts = np.hstack([drawn(22, seed) for seed in (1, 2, 3, 4)])
    counts[::97, 4] = counts[::97, 4] * 40.0 + 500.0
    names = tuple(f"d{n}" for n in range(24))
    feed = CountFeed(
        names, MONDAY.replace(tzinfo=UTC), STEP_S, counts, np.zeros(counts.shape, np.uint8), ()
    )
    health = judge_feed(feed, LocalClock(ZONE, STEP_S), Calendar())
    good = health.quality == Quality.GOOD
    assert not good[::97, 4].any()
    assert good.mean() > 0.98
