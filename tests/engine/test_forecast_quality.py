"""Bad counts are found, good ones are left in peace."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.forecast.quality import LANE_CAPACITY_VPH, judge, lanes_of
from network.counts import CountSeries, Quality
from tests.reference.toy_streets import crossroads

INTERVAL_S = 300
DAY = 288


def day_shape(peak_veh: float) -> NDArray[np.float64]:
    """Mean of every interval of a day: little at night, two peaks."""
    hours = np.arange(DAY) / 12.0
    peaks = np.exp(-((hours - 8.0) ** 2) / 4.0) + np.exp(-((hours - 17.0) ** 2) / 6.0)
    shape: NDArray[np.float64] = (
        0.03 + 0.4 * (hours > 6) * (hours < 22) + 0.57 * np.minimum(peaks, 1.0)
    )
    return peak_veh * shape


def series(volume: NDArray[np.float64] | list[float]) -> CountSeries:
    values = np.asarray(volume, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    names = [f"m{k}" for k in range(values.shape[1])]
    return CountSeries.from_volumes("movement", names, 0.0, INTERVAL_S, values)


def flags(volume: NDArray[np.float64] | list[float], usual: object = None) -> list[int]:
    counts = series(volume)
    ordinary = None if usual is None else np.full(counts.volume_veh.shape, usual, dtype=float)
    return [int(flag) for flag in judge(counts, {"m0": 1}, ordinary)[0].quality[:, 0]]


def test_poisson_days_are_hardly_ever_suspected() -> None:
    """200 series-days: fewer than one in a hundred may carry a flag."""
    rng = np.random.default_rng(20)
    peaks = rng.choice([4.0, 12.0, 40.0, 90.0, 160.0], size=200)
    usual = np.array([day_shape(peak) for peak in peaks]).T
    counts = series(rng.poisson(usual).astype(float))
    _, rows = judge(counts, {}, usual)
    assert len(rows) < 2


def test_good_counts_come_back_as_they_were() -> None:
    rng = np.random.default_rng(3)
    counts = series(rng.poisson(20.0, (24, 3)).astype(float))
    judged, rows = judge(counts, {}, np.full((24, 3), 20.0))
    assert rows == ()
    np.testing.assert_array_equal(judged.volume_veh, counts.volume_veh)
    assert (judged.quality == Quality.GOOD).all()


def test_more_than_the_lanes_can_carry_is_impossible() -> None:
    limit = LANE_CAPACITY_VPH * INTERVAL_S / 3600.0
    assert flags([10.0, limit + 1.0, limit]) == [Quality.GOOD, Quality.IMPOSSIBLE, Quality.GOOD]


def test_more_lanes_carry_more() -> None:
    counts = series([10.0, 350.0, 20.0])
    assert judge(counts, {"m0": 1})[1] != ()
    assert judge(counts, {"m0": 2})[1] == ()


@pytest.mark.parametrize("value", [7.0, 30.0, 120.0])
def test_same_sizeable_count_again_and_again_is_stuck(value: float) -> None:
    found = flags([12.0, 15.0, *[value] * 12, 11.0])
    assert found == [Quality.GOOD] * 2 + [Quality.STUCK] * 12 + [Quality.GOOD]


def test_small_counts_may_repeat() -> None:
    assert set(flags([1.0] * 30)) == {Quality.GOOD}
    assert set(flags([0.0] * 30)) == {Quality.GOOD}


def test_few_repetitions_are_chance() -> None:
    assert set(flags([40.0, 40.0, 40.0, 38.0])) == {Quality.GOOD}


def test_silence_where_other_days_are_busy_is_suspect() -> None:
    found = flags([22.0, 0.0, 0.0, 0.0, 19.0], usual=20.0)
    assert found == [0, *[Quality.SUSPECT] * 3, 0]


def test_silence_at_night_is_rest() -> None:
    assert set(flags([0.0] * 12, usual=0.5)) == {Quality.GOOD}
    assert set(flags([0.0] * 12)) == {Quality.GOOD}


def test_missing_counts_stay_missing_and_are_reported() -> None:
    counts = series([12.0, np.nan, np.nan, 14.0])
    judged, rows = judge(counts, {}, np.full((4, 1), 12.0))
    assert judged.quality[:, 0].tolist() == [0, Quality.MISSING, Quality.MISSING, 0]
    assert [(row.series_id, row.flag, row.intervals) for row in rows] == [
        ("m0", Quality.MISSING, 2)
    ]
    assert "2 intervals did not arrive" in rows[0].reason


def test_row_names_the_gravest_flag_and_the_numbers() -> None:
    _, rows = judge(series([10.0, 900.0, np.nan, 12.0]), {})
    assert rows[0].flag == Quality.IMPOSSIBLE
    assert rows[0].intervals == 2
    assert "900 veh" in rows[0].reason


def test_one_bad_series_leaves_its_neighbors_alone() -> None:
    rng = np.random.default_rng(5)
    volume = rng.poisson(30.0, (24, 3)).astype(float)
    volume[4:20, 1] = 33.0
    judged, rows = judge(series(volume), {})
    assert [row.series_id for row in rows] == ["m1"]
    assert (judged.quality[:, [0, 2]] == Quality.GOOD).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.integers(0, 2000).map(float), st.just(float("nan"))), min_size=1, max_size=40
    ),
    st.one_of(st.none(), st.floats(0.0, 300.0)),
)
def test_any_counts_can_be_judged_and_keep_their_numbers(
    volume: list[float], usual: float | None
) -> None:
    counts = series(volume)
    ordinary = None if usual is None else np.full(counts.volume_veh.shape, usual)
    judged, rows = judge(counts, {}, ordinary)
    np.testing.assert_array_equal(judged.volume_veh, counts.volume_veh)
    bad = int((judged.quality != Quality.GOOD).sum())
    assert sum(row.intervals for row in rows) == bad


def test_movements_use_the_lanes_their_connections_begin_on() -> None:
    assert set(lanes_of(crossroads(1)).values()) == {1}
