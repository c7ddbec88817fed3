"""Forecasts: the profile where today is ordinary, and today's surprise carried forward."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.forecast.forecast import FADING, STALE_INTERVALS, Forecast, forecast
from network.counts import CountSeries, Quality
from network.errors import CountError, InsufficientDataError, StaleCountsError

INTERVAL_S = 300
BEGIN_S = 7200.0
Floats = NDArray[np.float64]


def series(
    volume: Floats | list[list[float]], start_s: float = BEGIN_S, names: str = "abc"
) -> CountSeries:
    values = np.asarray(volume, dtype=np.float64)
    return CountSeries.from_volumes(
        "movement", list(names[: values.shape[1]]), start_s, INTERVAL_S, values
    )


def predicted(history: list[CountSeries], today: CountSeries | None, intervals: int) -> Forecast:
    return forecast(history, today, BEGIN_S, BEGIN_S + intervals * INTERVAL_S)


def veh(found: Forecast) -> Floats:
    return found.flow_vph * INTERVAL_S / 3600.0


PROFILE = np.array([[10.0, 40.0], [20.0, 50.0], [30.0, 45.0], [25.0, 30.0], [12.0, 20.0]])


def test_without_today_the_forecast_is_the_profile() -> None:
    found = predicted([series(PROFILE - 2), series(PROFILE + 2)], None, 5)
    np.testing.assert_allclose(veh(found), PROFILE)
    assert found.observed == 0
    assert found.movement_vph().keys() == {"a", "b"}


def test_ordinary_day_goes_on_like_the_profile() -> None:
    found = predicted([series(PROFILE)], series(PROFILE[:3]), 5)
    np.testing.assert_allclose(veh(found), PROFILE)
    assert found.observed == 3


def test_measured_intervals_are_kept_to_the_number() -> None:
    today = PROFILE[:3] + np.array([[3.0, -7.0], [0.0, 11.0], [-9.0, 1.0]])
    found = predicted([series(PROFILE)], series(today), 5)
    np.testing.assert_allclose(veh(found)[:3], today)
    np.testing.assert_array_equal(found.low_vph[:3], found.flow_vph[:3])
    np.testing.assert_array_equal(found.high_vph[:3], found.flow_vph[:3])


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_level_shift_is_carried_forward_and_fades(factor: float) -> None:
    usual = np.full((30, 2), 40.0)
    found = veh(predicted([series(usual)], series(factor * usual[:10]), 30))
    surprise = (found[10:] - 40.0) * np.sign(factor - 1.0)
    assert 8.0 < surprise[0].min() < 20.0
    np.testing.assert_allclose(surprise[1:] / surprise[:-1], FADING)
    assert surprise[-1].max() < 0.5


def test_surprise_everywhere_lends_to_the_movement_that_saw_none() -> None:
    usual = np.full((12, 3), 40.0)
    today = usual[:6].copy()
    today[:, :2] = 60.0
    found = veh(predicted([series(usual)], series(today), 12))
    assert 40.0 < found[6, 2] < found[6, 0]


def test_flow_never_falls_below_zero() -> None:
    usual = np.full((10, 1), 2.0)
    usual[:4] = 200.0
    found = predicted([series(usual)], series(np.zeros((4, 1))), 10)
    assert (found.flow_vph >= 0.0).all()
    assert (found.low_vph >= 0.0).all()


def test_without_earlier_days_today_is_its_own_profile() -> None:
    found = veh(predicted([], series([[10.0, 4.0], [14.0, 8.0]]), 5))
    np.testing.assert_allclose(found[2:], np.tile([12.0, 6.0], (3, 1)), atol=1.5)


def test_missing_count_of_today_is_filled_and_the_rest_goes_on() -> None:
    today = PROFILE[:3].copy()
    today[1, 0] = np.nan
    found = predicted([series(PROFILE)], series(today), 5)
    np.testing.assert_allclose(veh(found), PROFILE)


def test_gap_after_a_quiet_start_is_not_filled_below_zero() -> None:
    """The carried residual took a missing interval's flow below zero."""
    usual = np.array([[100.0], [0.0], [0.0], [5.0]])
    found = predicted([series(usual)], series([[0.0], [np.nan], [np.nan]]), 4)
    assert (found.flow_vph >= 0.0).all()


def test_day_that_begins_with_gaps_is_predicted_from_the_profile() -> None:
    """No residual at all was averaged, with a warning."""
    nothing = series(np.full((STALE_INTERVALS, 2), np.nan))
    np.testing.assert_allclose(veh(predicted([series(PROFILE)], nothing, 5)), PROFILE)


def test_flagged_count_is_not_believed() -> None:
    today = series(PROFILE[:3])
    volume, quality = np.array(today.volume_veh), np.array(today.quality)
    volume[1, 1], quality[1, 1] = 2000.0, Quality.IMPOSSIBLE
    doubtful = CountSeries("movement", today.series_ids, BEGIN_S, INTERVAL_S, volume, quality)
    np.testing.assert_allclose(veh(predicted([series(PROFILE)], doubtful, 5)), PROFILE)


def test_missing_counts_of_earlier_days_are_passed_over() -> None:
    gap = PROFILE.copy()
    gap[2] = np.nan
    found = veh(predicted([series(gap), series(PROFILE)], None, 5))
    np.testing.assert_allclose(found, PROFILE)


def test_interval_no_day_has_takes_the_mean_of_the_others() -> None:
    gap = PROFILE.copy()
    gap[2, 0] = np.nan
    found = veh(predicted([series(gap)], None, 5))
    assert found[2, 0] == pytest.approx(np.nanmean(gap[:, 0]))


def test_series_never_counted_is_taken_as_empty() -> None:
    gap = PROFILE.copy()
    gap[:, 0] = np.nan
    found = predicted([series(gap)], None, 5)
    assert not found.flow_vph[:, 0].any()
    assert np.isfinite(found.high_vph).all()


def silent_for(intervals: int) -> CountSeries:
    """Today with that many empty intervals at its end, after three good ones."""
    values = np.full((3 + intervals, 2), 20.0)
    values[3:] = np.nan
    return series(values)


def test_stale_counts_are_refused_with_the_time_of_the_last_good_one() -> None:
    last_s = BEGIN_S + 3 * INTERVAL_S
    with pytest.raises(StaleCountsError, match=rf"no good count for 3 .*ended at {last_s:g} s"):
        predicted([series(np.full((9, 2), 20.0))], silent_for(STALE_INTERVALS + 1), 9)


def test_counts_just_fresh_enough_are_used() -> None:
    found = predicted([series(np.full((9, 2), 20.0))], silent_for(STALE_INTERVALS), 9)
    np.testing.assert_allclose(veh(found), 20.0)


def test_day_without_one_good_count_is_stale() -> None:
    nothing = series(np.full((4, 2), np.nan))
    with pytest.raises(StaleCountsError):
        predicted([series(np.full((9, 2), 20.0))], nothing, 9)


def test_one_living_detector_keeps_the_day_fresh() -> None:
    values = np.full((6, 2), np.nan)
    values[:, 1] = 20.0
    found = predicted([series(np.full((9, 2), 20.0))], series(values), 9)
    np.testing.assert_allclose(veh(found), 20.0)


def test_nothing_at_all_is_too_little() -> None:
    with pytest.raises(InsufficientDataError, match="neither of earlier days nor of today"):
        predicted([], None, 5)


def test_window_without_an_interval_is_too_little() -> None:
    with pytest.raises(InsufficientDataError, match="holds no interval"):
        forecast([series(PROFILE)], None, BEGIN_S, BEGIN_S + INTERVAL_S - 1)


@pytest.mark.parametrize("other", [
    series(PROFILE, names="xy"),
    CountSeries.from_volumes("movement", ["a", "b"], BEGIN_S, 600, PROFILE),
    series(PROFILE, BEGIN_S + INTERVAL_S),
])  # fmt: skip
def test_today_must_fit_the_earlier_days(other: CountSeries) -> None:
    with pytest.raises(InsufficientDataError):
        predicted([series(PROFILE)], other, 5)


@pytest.mark.parametrize("day", [
    series(PROFILE[:4]),
    series(PROFILE, BEGIN_S + INTERVAL_S),
    series(PROFILE, names="xy"),
    series(PROFILE, BEGIN_S + 7 * INTERVAL_S),
])  # fmt: skip
def test_earlier_days_must_cover_the_window(day: CountSeries) -> None:
    with pytest.raises((InsufficientDataError, CountError)):
        predicted([series(PROFILE), day], None, 5)


counts = st.one_of(st.integers(0, 200).map(float), st.just(float("nan")))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.lists(counts, min_size=2, max_size=2), min_size=8, max_size=8),
    st.lists(st.lists(counts, min_size=2, max_size=2), min_size=1, max_size=8),
)
def test_quantiles_are_ordered_and_everything_is_a_number(
    earlier: list[list[float]], now: list[list[float]]
) -> None:
    try:
        found = predicted([series(earlier)], series(now), 8)
    except StaleCountsError:
        return
    for values in (found.low_vph, found.flow_vph, found.high_vph):
        assert np.isfinite(values).all()
        assert (values >= 0.0).all()
    assert (found.low_vph <= found.flow_vph).all()
    assert (found.flow_vph <= found.high_vph).all()
    ahead = slice(found.observed, None)
    assert (found.high_vph[ahead] > found.low_vph[ahead]).all()


@pytest.mark.parametrize("observed", [0, 12])
def test_eight_of_ten_counts_fall_between_the_quantiles(observed: int) -> None:
    """Poisson counts around a profile of 20 days; 80 % within 5 points."""
    rng = np.random.default_rng(8)
    inside = total = 0
    for _ in range(60):
        mean = np.tile(rng.uniform(15.0, 90.0, 3), (36, 1))
        history = [series(rng.poisson(mean).astype(float)) for _ in range(20)]
        truth = rng.poisson(mean).astype(float)
        today = series(truth[:observed]) if observed else None
        found = predicted(history, today, 36)
        later = truth[observed:] * 3600.0 / INTERVAL_S
        inside += int(
            ((later >= found.low_vph[observed:]) & (later <= found.high_vph[observed:])).sum()
        )
        total += later.size
    assert 0.75 <= inside / total <= 0.87


def test_restless_day_widens_the_band() -> None:
    usual = np.full((20, 2), 40.0)
    calm = predicted([series(usual)], series(usual[:10]), 20)
    swing = np.where(np.arange(10) % 2 == 0, 15.0, -15.0)[:, None]
    wild = predicted([series(usual)], series(usual[:10] + swing), 20)
    width = [f.high_vph[10:] - f.low_vph[10:] for f in (calm, wild)]
    assert (width[1] > 1.5 * width[0]).all()
