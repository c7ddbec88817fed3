"""Detectors: faults found in time, sound ones left in peace."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.forecast.drawn_sensors import feed
from engine.forecast.daylight import ClockState
from engine.forecast.detector_limits import BUDGET, learn_detectors
from engine.forecast.detectors import DetectorModel, DetectorWatch, judge_detectors
from engine.forecast.faults import BUDGETED, Fault, explain
from network.counts import CountSeries, Quality
from network.errors import CountError, InsufficientDataError

Floats = NDArray[np.float64]
DETECTORS, INTERVAL_S, PER_DAY = 60, 900, 96
NOON = 48


def series(volume: Floats, occupancy: Floats | None = None) -> CountSeries:
    ids = tuple(f"d{i}" for i in range(volume.shape[1]))
    plain = CountSeries.from_volumes("detector", ids, 0.0, INTERVAL_S, volume)
    return plain if occupancy is None else replace(plain, occupancy_pct=occupancy)


@pytest.fixture(scope="module")
def model() -> DetectorModel:
    counts, expected = feed(1, 14, DETECTORS)
    return learn_detectors(series(counts), expected, lanes=np.full(DETECTORS, 2.0))


@pytest.fixture(scope="module")
def later() -> tuple[Floats, Floats]:
    counts, expected = feed(1, 20, DETECTORS)
    return counts[14 * PER_DAY :], expected[14 * PER_DAY :]


def delay(
    model: DetectorModel, counts: Floats, expected: Floats, begin: int, fault: Fault
) -> list[int]:
    """Intervals from the beginning of a fault of all even detectors to its alarm, inclusive."""
    report = judge_detectors(model, series(counts), expected)
    told = report.alarm & (report.fault == fault)
    return [
        int(np.flatnonzero(told[begin:, d])[0]) + 1 if told[begin:, d].any() else 10**6
        for d in range(0, counts.shape[1], 2)
    ]


def test_sound_detectors_stay_within_the_budget(model: DetectorModel) -> None:
    counts, expected = (array[14 * PER_DAY :] for array in feed(1, 56, DETECTORS))
    report = judge_detectors(model, series(counts), expected)
    told = report.alarm & np.isin(report.fault, [int(f) for f in BUDGETED])
    alarmed = told.reshape(42, PER_DAY, DETECTORS).any(axis=1)
    assert alarmed.mean() < 0.01
    assert report.alarms_per_day() < 0.01
    assert model.budget == BUDGET


def test_a_stuck_detector_is_found_within_3_intervals_where_the_level_allows(
    model: DetectorModel, later: tuple[Floats, Floats]
) -> None:
    counts, expected = later[0].copy(), later[1]
    counts[NOON : NOON + 60, ::2] = counts[NOON - 1, ::2]
    found = np.array(delay(model, counts, expected, NOON, Fault.STUCK))
    high = counts[NOON - 1, ::2] > 1.5 * model.stuck_level_veh(3)
    assert high.any()
    assert (found[high] <= 3).all()
    assert np.median(found) <= 6


def test_a_dead_detector_is_found_within_3_intervals(
    model: DetectorModel, later: tuple[Floats, Floats]
) -> None:
    counts, expected = later[0].copy(), later[1]
    counts[NOON : NOON + 20, ::2] = 0.0
    assert max(delay(model, counts, expected, NOON, Fault.DEAD)) <= 3


def test_halved_and_doubled_counts_are_found_within_24_intervals_where_the_level_allows(
    model: DetectorModel, later: tuple[Floats, Floats]
) -> None:
    rng = np.random.default_rng(5)
    counts, expected = later[0].copy(), later[1]
    counts[NOON:, ::4] = rng.binomial(counts[NOON:, ::4].astype(int), 0.5)
    counts[NOON:, 2::4] *= 2
    report = judge_detectors(model, series(counts), expected)
    told = report.alarm & np.isin(report.fault, [Fault.LEVEL, Fault.CHATTER])
    level = expected[NOON : NOON + 24].mean(axis=0)
    for d in range(0, DETECTORS, 2):
        if level[d] > 1.5 * model.halving_level_veh(24):
            assert told[NOON : NOON + 24, d].any(), d


def test_a_shift_is_dated_back_to_its_beginning(
    model: DetectorModel, later: tuple[Floats, Floats]
) -> None:
    rng = np.random.default_rng(6)
    counts, expected = later[0].copy(), later[1]
    counts[NOON:, 0] = rng.binomial(counts[NOON:, 0].astype(int), 0.5)
    report = judge_detectors(model, series(counts), expected)
    first = int(np.flatnonzero(report.fault[:, 0] == Fault.LEVEL)[0])
    assert abs(first - NOON) <= 3
    alarm = int(np.flatnonzero(report.alarm[:, 0] & (report.fault[:, 0] == Fault.LEVEL))[0])
    assert first < alarm
    assert "of what is expected" in report.reason(alarm, 0)


def test_a_healed_detector_is_believed_again(
    model: DetectorModel, later: tuple[Floats, Floats]
) -> None:
    counts, expected = later[0].copy(), later[1]
    counts[NOON : NOON + 20, 0] *= 0.5
    report = judge_detectors(model, series(counts), expected)
    assert report.fault[NOON + 19, 0] == Fault.LEVEL
    assert report.fault[NOON + 60, 0] == Fault.SOUND


def test_slow_drift_is_found(model: DetectorModel, later: tuple[Floats, Floats]) -> None:
    counts, expected = later[0].copy(), later[1]
    counts[:, 0] = np.round(counts[:, 0] * np.linspace(1.0, 0.65, len(counts)))
    report = judge_detectors(model, series(counts), expected)
    assert np.isin(report.fault[-PER_DAY:, 0], [Fault.DRIFT, Fault.LEVEL]).any()


def test_a_clock_an_hour_slow_or_fast_is_found_with_its_lag(
    model: DetectorModel, later: tuple[Floats, Floats]
) -> None:
    counts, expected = later[0].copy(), later[1]
    counts[NOON + 4 :, 0] = later[0][NOON:-4, 0]
    counts[NOON:-4, 1] = later[0][NOON + 4 :, 1]
    report = judge_detectors(model, series(counts), expected)
    for d, word in ((0, "fast"), (1, "slow")):
        rows = np.flatnonzero(report.fault[:, d] == Fault.CLOCK)
        assert rows.size
        assert NOON < rows[0] < NOON + 2 * PER_DAY
        assert abs(report.evidence[rows[-1], d]) == pytest.approx(4.0, abs=1.0)
        assert word in report.reason(int(rows[-1]), d)


def test_what_all_detectors_see_is_traffic_and_no_fault(
    model: DetectorModel, later: tuple[Floats, Floats]
) -> None:
    rng = np.random.default_rng(7)
    counts = rng.binomial(later[0].astype(int), 0.8).astype(float)
    report = judge_detectors(model, series(counts), later[1])
    assert (report.fault == Fault.LEVEL).mean() < 0.02


def test_counts_beyond_the_lanes_and_beyond_the_time_occupied_are_refused(
    model: DetectorModel, later: tuple[Floats, Floats]
) -> None:
    watch = DetectorWatch(model)
    expected = later[1][NOON]
    count = expected.round()
    count[:4] = [1300.0, -1.0, np.inf, 300.0]
    occupancy = np.full(DETECTORS, 30.0)
    occupancy[4] = 0.1
    fault = watch.update(count, expected, occupancy)
    assert fault[:5].tolist() == [Fault.RANGE, Fault.RANGE, Fault.RANGE, fault[3], Fault.CHATTER]
    assert "1200 veh" in watch.reason(0)


def test_a_detector_held_occupied_is_stuck(
    model: DetectorModel, later: tuple[Floats, Floats]
) -> None:
    watch = DetectorWatch(model)
    expected = later[1][NOON]
    count = np.zeros(DETECTORS)
    assert watch.update(count, expected, np.full(DETECTORS, 100.0))[0] == Fault.STUCK


def test_the_hour_that_does_not_exist_is_flagged_and_not_learned(
    model: DetectorModel, later: tuple[Floats, Floats]
) -> None:
    counts, expected = later[0].copy(), later[1]
    clock = np.zeros(len(counts), dtype=np.uint8)
    clock[NOON : NOON + 4] = ClockState.NOT_ON_THE_CLOCK
    clock[[NOON - 1, NOON + 4]] = ClockState.BESIDE_THE_GAP
    counts[NOON - 1 : NOON + 4] = 0.0
    report = judge_detectors(model, series(counts), expected, clock)
    assert (report.fault[NOON - 1 : NOON + 4] == Fault.DAYLIGHT).all()
    assert (report.fault[NOON + 4 : NOON + 12] == Fault.SOUND).mean() > 0.99


def test_an_hour_that_was_counted_twice_is_flagged(
    model: DetectorModel, later: tuple[Floats, Floats]
) -> None:
    counts, expected = later[0].copy(), later[1]
    clock = np.zeros(len(counts), dtype=np.uint8)
    clock[NOON : NOON + 4] = ClockState.TWICE_ON_THE_CLOCK
    counts[NOON : NOON + 4, ::2] *= 2
    fault = judge_detectors(model, series(counts), expected, clock).fault[NOON : NOON + 4]
    assert (fault[:, ::2] == Fault.DAYLIGHT).mean() > 0.9
    assert (fault[:, 1::2] == Fault.SOUND).mean() > 0.95


def test_judged_counts_keep_their_numbers_and_earlier_flags(
    model: DetectorModel, later: tuple[Floats, Floats]
) -> None:
    counts, expected = later[0].copy(), later[1]
    counts[3, 0] = np.nan
    counts[NOON : NOON + 30, 1] = 77.0
    raw = series(counts)
    flags = np.array(raw.quality)
    flags[5, 2] = Quality.CHATTER
    flags[6, 2] = Quality.FILLED
    judged = judge_detectors(model, replace(raw, quality=flags), expected).counts
    np.testing.assert_array_equal(judged.volume_veh, counts)
    assert judged.quality[3, 0] == Quality.MISSING
    assert judged.quality[NOON + 5, 1] == Quality.STUCK
    assert judged.quality[5, 2] == Quality.CHATTER
    assert judged.quality[6, 2] == Quality.FILLED


def test_online_and_offline_agree_and_repeat(
    model: DetectorModel, later: tuple[Floats, Floats]
) -> None:
    counts, expected = later[0][:PER_DAY], later[1][:PER_DAY]
    one, two = (judge_detectors(model, series(counts), expected) for _ in range(2))
    np.testing.assert_array_equal(one.fault, two.fault)
    watch = DetectorWatch(model)
    live = np.array([watch.update(c, e).copy() for c, e in zip(counts, expected, strict=True)])
    told = live[one.alarm]
    np.testing.assert_array_equal(told, one.fault[one.alarm])


def test_every_fault_can_be_said() -> None:
    assert explain(Fault.SOUND, 0.0, 60) == ""
    said = {explain(fault, 2.0, 900) for fault in Fault}
    assert len(said) == len(Fault)


def test_too_little_to_learn_from_and_wrong_shapes_are_refused(model: DetectorModel) -> None:
    counts, expected = feed(1, 2, 3)
    with pytest.raises(InsufficientDataError, match="two days"):
        learn_detectors(series(counts[:PER_DAY]), expected[:PER_DAY])
    with pytest.raises(CountError, match="allowed is"):
        learn_detectors(series(counts), expected[:, :2])
    with pytest.raises(CountError, match="budget"):
        learn_detectors(series(counts), expected, budget=0.0)
    with pytest.raises(CountError, match="one per detector"):
        DetectorWatch(model).update(np.zeros(3), np.zeros(DETECTORS))
    with pytest.raises(CountError, match="other detectors"):
        judge_detectors(model, series(counts), expected)


@pytest.mark.parametrize("volume", [np.nan, 0.0])
def test_a_feed_without_any_number_is_survived(volume: float) -> None:
    counts = np.full((3 * PER_DAY, 2), volume)
    learned = learn_detectors(series(counts), np.full(counts.shape, np.nan))
    report = judge_detectors(learned, series(counts), np.full(counts.shape, np.nan))
    wanted = Fault.MISSING if np.isnan(volume) else Fault.SOUND
    assert (report.fault == wanted).all()
