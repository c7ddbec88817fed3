"""Forecasts of a window: what is usual where today is ordinary, today's surprise carried on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.forecast.forecast import Forecast, forecast
from engine.forecast.freshness import STALE_INTERVALS
from engine.forecast.prediction import Source
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


def wide(intervals: int, movements: int = 30) -> Floats:
    """What is usual of many movements, with a peak of one interval."""
    size = np.linspace(4.0, 60.0, movements)
    rise = 1.0 + 0.4 * np.sin(np.arange(intervals))[:, None]
    return size * rise


def named(volume: Floats) -> CountSeries:
    ids = [f"m{number}" for number in range(volume.shape[1])]
    return CountSeries.from_volumes("movement", ids, BEGIN_S, INTERVAL_S, volume)


def test_days_that_are_alike_are_not_smoothed() -> None:
    """Simulated days repeat themselves to the interval; that shows in the days alone."""
    usual = np.round(wide(12))
    found = predicted([named(usual), named(usual)], named(usual[:5]), 12)
    np.testing.assert_allclose(veh(found), usual, atol=0.3)
    assert (found.high_vph - found.low_vph).max() * INTERVAL_S / 3600.0 <= 2.0


def test_bands_are_of_whole_vehicles_and_hold_the_whole_numbers_beside_the_flow() -> None:
    """Between 2.4 and 2.6 lies no count: a band so narrow would hold nothing."""
    days = [np.full((12, 4), volume) for volume in (10.0, 11.0, 10.0)]
    found = predicted([named(day) for day in days], None, 12)
    low, high = (part * INTERVAL_S / 3600.0 for part in (found.low_vph, found.high_vph))
    np.testing.assert_allclose(low, np.round(low), atol=1e-9)
    np.testing.assert_allclose(high, np.round(high), atol=1e-9)
    assert ((low <= 10.0) & (high >= 11.0)).all()


def test_without_today_the_forecast_carries_what_the_days_counted() -> None:
    rng = np.random.default_rng(4)
    days = [rng.poisson(wide(12)).astype(float) for _ in range(3)]
    found = predicted([named(day) for day in days], None, 12)
    np.testing.assert_allclose(veh(found).sum(axis=0), np.mean(days, axis=0).sum(axis=0), rtol=1e-6)
    assert found.observed == 0
    assert found.cells() == {"profile": 12 * 30}


def test_measured_intervals_are_kept_to_the_number() -> None:
    today = PROFILE[:3] + np.array([[3.0, -7.0], [0.0, 11.0], [-9.0, 1.0]])
    found = predicted([series(PROFILE)], series(today), 5)
    np.testing.assert_allclose(veh(found)[:3], today)
    np.testing.assert_array_equal(found.low_vph[:3], found.flow_vph[:3])
    np.testing.assert_array_equal(found.high_vph[:3], found.flow_vph[:3])
    assert (found.source[:3] == Source.COUNTED).all()
    assert (found.source[3:] == Source.OBSERVED).all()


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_level_shift_is_carried_forward_and_fades(factor: float) -> None:
    usual = np.full((30, 2), 40.0)
    found = veh(predicted([series(usual)], series(factor * usual[:10]), 30))
    surprise = (found[10:] - 40.0) * np.sign(factor - 1.0)
    assert 8.0 < surprise[0].min() < 20.0
    assert (np.diff(surprise, axis=0) < 0).all()
    assert surprise[-1].max() < 0.85 * surprise[0].max()


def test_shift_of_one_movement_alone_fades_sooner() -> None:
    usual = np.full((30, 40), 40.0)
    today = usual[:10].copy()
    today[:, 3] *= 1.5
    surprise = veh(predicted([named(usual)], named(today), 30))[10:, 3] - 40.0
    assert surprise[0] > 4.0
    assert surprise[-1] < 0.7 * surprise[0]


def test_level_of_the_whole_network_is_carried_in_full_though_each_counter_scatters() -> None:
    rng = np.random.default_rng(11)
    usual = rng.uniform(0.5, 20.0, 60) * np.ones((24, 1))
    days = [rng.poisson(usual * level).astype(float) for level in (0.9, 1.1, 1.0, 1.05)]
    today = rng.poisson(0.8 * usual[:12]).astype(float)
    found = veh(predicted([named(day) for day in days], named(today), 24))[12:]
    level = found.sum() / np.mean([day[12:].sum() for day in days])
    assert level == pytest.approx(0.8, abs=0.04)


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


def test_without_earlier_days_today_is_its_own_prior_and_says_so() -> None:
    found = predicted([], series([[10.0, 4.0], [14.0, 8.0]]), 5)
    np.testing.assert_allclose(veh(found)[2:], np.tile([12.0, 6.0], (3, 1)), atol=1.5)
    assert found.cells() == {"counted": 4, "prior": 6}


def test_missing_count_of_today_is_filled_from_the_usual() -> None:
    usual = np.round(wide(12))
    today = usual[:4].copy()
    today[1, 7] = np.nan
    found = predicted([named(usual), named(usual)], named(today), 12)
    assert veh(found)[1, 7] == pytest.approx(usual[1, 7], abs=1.0)
    assert found.source[1, 7] == Source.OBSERVED
    assert found.low_vph[1, 7] < found.high_vph[1, 7]


def test_gap_after_a_quiet_start_is_not_filled_below_zero() -> None:
    """The carried residual took a missing interval's flow below zero."""
    usual = np.array([[100.0], [0.0], [0.0], [5.0]])
    found = predicted([series(usual)], series([[0.0], [np.nan]]), 4)
    assert (found.flow_vph >= 0.0).all()


def test_day_that_begins_with_a_gap_is_predicted_from_the_usual() -> None:
    """No residual at all was averaged, with a warning."""
    usual = np.full((5, 2), 30.0)
    found = predicted([series(usual)], series(np.full((STALE_INTERVALS - 1, 2), np.nan)), 5)
    np.testing.assert_allclose(veh(found), usual, rtol=0.02)


def test_flagged_count_is_not_believed() -> None:
    usual = np.full((5, 2), 30.0)
    today = series(usual[:3])
    volume, quality = np.array(today.volume_veh), np.array(today.quality)
    volume[1, 1], quality[1, 1] = 2000.0, Quality.IMPOSSIBLE
    doubtful = CountSeries("movement", today.series_ids, BEGIN_S, INTERVAL_S, volume, quality)
    np.testing.assert_allclose(veh(predicted([series(usual)], doubtful, 5)), usual, rtol=0.02)


def test_a_time_no_day_counted_is_filled_from_the_times_around_it_not_from_the_mean() -> None:
    usual = np.round(wide(12))
    usual[6:] *= 6.0
    gap = usual.copy()
    gap[9, 7] = np.nan
    found = veh(predicted([named(gap), named(gap)], None, 12))
    around = usual[8:11, 7]
    assert around.min() * 0.8 < found[9, 7] < around.max() * 1.2
    assert found[9, 7] > 1.3 * usual[:, 7].mean()


def test_series_never_counted_is_taken_as_empty_where_no_network_is_known() -> None:
    gap = PROFILE.copy()
    gap[:, 0] = np.nan
    found = predicted([series(gap)], None, 5)
    assert not found.flow_vph[:, 0].any()
    assert (found.source[:, 0] == Source.PRIOR).all()
    assert np.isfinite(found.high_vph).all()


def silent_for(intervals: int) -> CountSeries:
    """Today with that many empty intervals at its end, after three good ones."""
    values = np.full((3 + intervals, 2), 20.0)
    values[3:] = np.nan
    return series(values)


def test_stale_counts_are_refused_with_the_time_of_the_last_good_one() -> None:
    last_s = BEGIN_S + 2 * INTERVAL_S
    with pytest.raises(StaleCountsError, match=rf"no good count for 2 .*began at {last_s:g} s"):
        predicted([series(np.full((9, 2), 20.0))], silent_for(STALE_INTERVALS), 9)


def test_counts_just_fresh_enough_are_used() -> None:
    found = predicted([series(np.full((9, 2), 20.0))], silent_for(STALE_INTERVALS - 1), 9)
    np.testing.assert_allclose(veh(found), 20.0, rtol=0.02)


def test_day_without_one_good_count_is_stale() -> None:
    nothing = series(np.full((4, 2), np.nan))
    with pytest.raises(StaleCountsError, match="before 7200 s of the day"):
        predicted([series(np.full((9, 2), 20.0))], nothing, 9)


def test_one_living_detector_keeps_the_day_fresh() -> None:
    values = np.full((6, 2), np.nan)
    values[:, 1] = 20.0
    found = predicted([series(np.full((9, 2), 20.0))], series(values), 9)
    np.testing.assert_allclose(veh(found), 20.0, rtol=0.02)
    assert found.cells() == {"counted": 6, "observed": 3, "profile": 1, "imputed": 8}


def test_a_window_of_two_days_keeps_them_apart() -> None:
    usual = np.concatenate((np.full((288, 2), 10.0), np.full((288, 2), 40.0)))
    found = veh(predicted([series(usual)], None, 576))
    assert found[:200].max() < 20.0
    assert found[400:].min() > 30.0


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
    assert (found.high_vph[ahead] >= found.low_vph[ahead]).all()


@pytest.mark.parametrize(("days", "observed"), [(2, 0), (2, 12), (8, 0), (8, 12)])
def test_eight_of_ten_counts_fall_between_the_quantiles(days: int, observed: int) -> None:
    """Poisson counts; quantiles are whole vehicles, so a few more than 80 % are inside."""
    rng = np.random.default_rng(8)
    inside = total = 0
    for _ in range(12):
        mean = np.tile(rng.uniform(15.0, 90.0, 12), (24, 1))
        history = [named(rng.poisson(mean).astype(float)) for _ in range(days)]
        truth = rng.poisson(mean).astype(float)
        found = predicted(history, named(truth[:observed]) if observed else None, 24)
        later = truth[observed:] * 3600.0 / INTERVAL_S
        low, high = found.low_vph[observed:] - 1e-6, found.high_vph[observed:] + 1e-6
        inside += int(((later >= low) & (later <= high)).sum())
        total += later.size
    assert 0.77 <= inside / total <= 0.89


def test_the_band_holds_where_whole_days_differ_in_level() -> None:
    rng = np.random.default_rng(8)
    inside, total = 0, 0
    for _ in range(8):
        mean = np.tile(rng.uniform(2.0, 40.0, 40), (24, 1))
        level = np.exp(rng.normal(0.0, 0.15, 7))
        *history, truth = (rng.poisson(mean * factor).astype(float) for factor in level)
        found = predicted([named(day) for day in history], named(truth[:12]), 24)
        later = truth[12:] * 3600.0 / INTERVAL_S
        low, high = found.low_vph[12:] - 1e-6, found.high_vph[12:] + 1e-6
        inside += int(((later >= low) & (later <= high)).sum())
        total += later.size
    assert 0.77 <= inside / total <= 0.89


def test_days_that_differ_more_widen_the_band() -> None:
    rng = np.random.default_rng(2)
    usual = wide(12)
    calm = predicted([named(rng.poisson(usual).astype(float)) for _ in range(2)], None, 12)
    wild = predicted([named(np.round(usual * f)) for f in (0.4, 1.6)], None, 12)
    width = [(found.high_vph - found.low_vph).mean() for found in (calm, wild)]
    assert width[1] > 1.5 * width[0]
