"""The forecaster from fit to prediction, with good feeds and bad ones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.forecast.backtest import Backtest
from engine.forecast.calendar import DAY_BEGINS_S, Calendar
from engine.forecast.forecaster import FlowForecaster
from engine.forecast.prediction import Source
from network.counts import Quality
from network.errors import CountError, FormatError, InsufficientDataError, StaleCountsError

Floats = NDArray[np.float64]
STEP = timedelta(seconds=1800)
START = datetime(2031, 3, 3, tzinfo=UTC)
NAMES = tuple("abcdefgh")
FIT = 21 * 48


@cache
def counted(holiday: int = -1) -> Floats:
    """Four weeks whose unusual hours all detectors share; Sundays and holidays are quiet."""
    rng = np.random.default_rng(8)
    hour = np.arange(48) / 2
    work = (
        20 + 60 * np.exp(-0.5 * ((hour - 8) / 2) ** 2) + 50 * np.exp(-0.5 * ((hour - 17) / 2) ** 2)
    )
    rest = 10 + 40 * np.exp(-0.5 * ((hour - 14) / 4) ** 2)
    size = rng.uniform(0.5, 1.5, len(NAMES))
    rows = [(rest if day % 7 == 6 or day == holiday else work)[:, None] * size for day in range(28)]
    mean = np.concatenate(rows)
    state = 0.0
    for row in mean:
        state = 0.9 * state + rng.normal(0, 0.05)
        row *= np.exp(state)
    out: Floats = rng.poisson(mean).astype(float)
    return out


def fitted(horizon: int = 3, **options: object) -> FlowForecaster:
    forecaster = FlowForecaster(1800, horizon, "UTC", **options)  # type: ignore[arg-type]
    return forecaster.fit(counted()[:FIT], START, NAMES)


def played(forecaster: FlowForecaster, counts: Floats) -> Backtest:
    return forecaster.backtest(counts[FIT:], START + FIT * STEP, (0.025, 0.1, 0.5, 0.9, 0.975))


def test_a_forecast_beats_its_own_profile() -> None:
    live = played(fitted(), counted()).mae()
    week = np.abs(counted()[FIT:] - counted()[FIT - 7 * 48 : -7 * 48]).mean()
    assert live[0] < 0.75 * week
    assert live[0] <= live[-1]


def test_intervals_hold_about_what_they_promise() -> None:
    found = played(fitted(), counted())
    assert found.coverage(0.1, 0.9) == pytest.approx(0.8 * np.ones(3), abs=0.04)
    assert found.coverage_by_level(0.025, 0.975, 3).min() > 0.9


def test_quantiles_are_in_order_and_follow_the_order_asked_for() -> None:
    found = fitted().predict((0.9, 0.1, 0.5)).quantile_veh
    assert (found[1] <= found[2]).all()
    assert (found[2] <= found[0]).all()


def test_the_same_counts_give_the_same_forecast_to_the_bit() -> None:
    first, second = fitted().predict(), fitted().predict()
    assert first.mean.tobytes() == second.mean.tobytes()
    assert first.quantile_veh.tobytes() == second.quantile_veh.tobytes()


def test_an_unannounced_holiday_is_recognized() -> None:
    day = 23
    counts = counted(day)
    rows = slice((day - 21) * 48, (day - 20) * 48)
    told = FlowForecaster(
        1800, 3, "UTC", calendar=Calendar.of([(START + timedelta(days=day)).date()])
    ).fit(counts[:FIT], START, NAMES)
    right = np.abs(played(told, counts).predicted[0, rows] - counts[FIT:][rows]).mean()
    untold = fitted()
    # The night before Monday still belongs to Sunday.
    assert untold.predict().day_type == "Sun"
    found = np.abs(played(untold, counts).predicted[0, rows] - counts[FIT:][rows]).mean()
    assert found < 1.6 * right


def test_the_type_of_a_recognized_day_is_told() -> None:
    forecaster = fitted()
    counts = counted(21)
    for row in range(FIT, FIT + 8):
        forecaster.update(START + row * STEP, counts[row])
    assert forecaster.predict().day_type == "Mon"
    for row in range(FIT + 8, FIT + 40):
        forecaster.update(START + row * STEP, counts[row])
    assert forecaster.predict().day_type == "Sun"
    assert forecaster.predict().day_type_probability.sum() == pytest.approx(1.0)


def test_no_ordinary_day_is_taken_for_another() -> None:
    forecaster = fitted()
    for row in range(FIT, len(counted())):
        forecaster.update(START + row * STEP, counted()[row])
        begun = forecaster.time + STEP - timedelta(seconds=DAY_BEGINS_S)
        assert forecaster.predict().day_type == begun.strftime("%a")


def test_a_silent_detector_is_imputed_and_gets_a_wider_interval() -> None:
    forecaster, whole = fitted(), fitted()
    for row in range(FIT, FIT + 20):
        counts = counted()[row].copy()
        whole.update(START + row * STEP, counts)
        counts[2] = np.nan
        flags = forecaster.update(START + row * STEP, counts)
    assert flags[2] == Quality.MISSING
    found, beside = forecaster.predict((0.1, 0.9)), whole.predict((0.1, 0.9))
    assert (found.source[:, 2] == Source.IMPUTED).all()
    assert (np.delete(found.source, 2, axis=1) == Source.OBSERVED).all()
    width = found.quantile_veh[1] - found.quantile_veh[0]
    before = beside.quantile_veh[1] - beside.quantile_veh[0]
    assert width[0, 2] / np.sqrt(found.mean[0, 2]) > before[0, 2] / np.sqrt(beside.mean[0, 2])


def test_stale_counts_stop_the_forecast_and_name_the_last_good_one() -> None:
    forecaster = fitted()
    nothing = np.full(len(NAMES), np.nan)
    forecaster.update(START + FIT * STEP, nothing)
    found = forecaster.predict()
    assert found.stale
    assert (found.source == Source.PROFILE).all()
    forecaster.update(START + (FIT + 1) * STEP, nothing)
    with pytest.raises(StaleCountsError, match=r"2031-03-23T23:30:00\+00:00"):
        forecaster.predict()
    forecaster.update(START + (FIT + 2) * STEP, counted()[FIT + 2])
    assert not forecaster.predict().stale


def test_a_feed_that_stopped_is_noticed_by_the_clock() -> None:
    forecaster = fitted()
    now = forecaster.time + STEP
    assert not forecaster.predict(now=now).stale
    with pytest.raises(StaleCountsError, match="2 intervals"):
        forecaster.predict(now=now + 2 * STEP)


def test_a_gap_of_a_year_is_bridged_without_walking_through_it() -> None:
    forecaster = fitted()
    later = START + timedelta(days=365)
    forecaster.update(later, counted()[0])
    assert forecaster.time == later
    assert np.isfinite(forecaster.predict().mean).all()


def test_skipped_intervals_count_as_missing() -> None:
    forecaster, told = fitted(), fitted()
    nothing = np.full(len(NAMES), np.nan)
    told.update(START + FIT * STEP, nothing)
    for each in (told, forecaster):
        each.update(START + (FIT + 1) * STEP, counted()[FIT + 1])
    np.testing.assert_array_equal(forecaster.predict().mean, told.predict().mean)


@pytest.mark.parametrize("value", [-1.0, 1e9, float("inf")])
def test_an_impossible_count_is_flagged_and_not_used(value: float) -> None:
    forecaster, blind = fitted(), fitted()
    row = counted()[FIT].copy()
    row[4] = value
    flags = forecaster.update(START + FIT * STEP, row)
    assert flags[4] == Quality.IMPOSSIBLE
    row[4] = np.nan
    blind.update(START + FIT * STEP, row)
    np.testing.assert_array_equal(forecaster.predict().mean, blind.predict().mean)


@pytest.mark.parametrize("value", [float("nan"), -1.0, 1e9, float("inf"), float("-inf")])
def test_a_count_that_is_not_used_widens_the_interval(value: float) -> None:
    forecaster, good = fitted(), fitted()
    for row in range(FIT, FIT + 4):
        counts = counted()[row].copy()
        good.update(START + row * STEP, counts)
        counts[4] = value
        assert forecaster.update(START + row * STEP, counts)[4] != Quality.GOOD
    # On the scale on which counts scatter alike.
    width, usual = (
        np.diff(np.sqrt(one.predict((0.1, 0.9)).quantile_veh), axis=0)[0, 0, 4]
        for one in (forecaster, good)
    )
    assert width > usual


def test_an_interval_that_comes_twice_is_refused_and_changes_nothing() -> None:
    forecaster = fitted()
    forecaster.update(START + FIT * STEP, counted()[FIT])
    before = forecaster.predict().mean
    with pytest.raises(CountError, match="each once"):
        forecaster.update(START + FIT * STEP, counted()[FIT] * 3)
    np.testing.assert_array_equal(forecaster.predict().mean, before)


def test_a_feed_a_thousand_times_too_fast_is_refused_row_by_row() -> None:
    forecaster = fitted()
    before = forecaster.predict().mean
    for second in range(1, 1000):
        with pytest.raises(CountError, match="grid"):
            forecaster.update(forecaster.time + timedelta(seconds=second), counted()[FIT])
    np.testing.assert_array_equal(forecaster.predict().mean, before)


def test_a_year_without_a_count_inside_the_fit_is_got_over() -> None:
    counts = np.vstack((counted()[:FIT], np.full((365 * 48, len(NAMES)), np.nan), counted()[:96]))
    forecaster = FlowForecaster(1800, 3).fit(counts, START, NAMES)
    found = forecaster.predict()
    assert np.isfinite(found.quantile_veh).all()
    assert not found.stale


def test_rows_of_any_kind_leave_it_whole() -> None:
    forecaster, rng = fitted(), np.random.default_rng(5)
    odd = np.array([np.nan, -1.0, 0.0, 1e300, np.inf, -np.inf, 0.5, 1e6])
    for row in range(FIT, FIT + 60):
        mixed = np.where(rng.random(8) < 0.6, rng.permutation(odd), counted()[row])
        flags = forecaster.update(START + row * STEP, mixed)
        used = flags == Quality.GOOD
        assert not used[~(np.isfinite(mixed) & (mixed >= 0))].any()
        if used.any():
            found = forecaster.predict()
            assert np.isfinite(found.quantile_veh).all()
            assert (np.diff(found.quantile_veh, axis=0) >= 0).all()
            assert (found.mean < 1e3).all()


def test_a_count_that_a_judge_refused_is_not_used() -> None:
    forecaster = fitted()
    quality = np.zeros(len(NAMES), dtype=np.uint8)
    quality[1] = Quality.STUCK
    flags = forecaster.update(START + FIT * STEP, counted()[FIT], quality)
    assert flags[1] == Quality.STUCK
    assert (forecaster.predict().source[:, 1] == Source.IMPUTED).all()


@pytest.mark.parametrize(
    ("time", "message"),
    [
        (START + (FIT - 1) * STEP, "each once"),
        (START, "each once"),
        (START + FIT * STEP + timedelta(seconds=1), "grid"),
        (START + FIT * STEP + timedelta(milliseconds=1), "whole second"),
        ((START + FIT * STEP).replace(tzinfo=None), "no time zone"),
    ],
)
def test_a_time_out_of_order_or_off_the_grid_changes_nothing(time: datetime, message: str) -> None:
    forecaster = fitted()
    before = forecaster.predict().mean
    with pytest.raises(CountError, match=message):
        forecaster.update(time, counted()[FIT])
    np.testing.assert_array_equal(forecaster.predict().mean, before)


def test_a_row_by_name_may_leave_detectors_out() -> None:
    flags = fitted().update(START + FIT * STEP, {"a": 3.0, "h": 4.0})
    assert flags.tolist() == [Quality.GOOD] + [Quality.MISSING] * 6 + [Quality.GOOD]


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(CountError, match="'z'"):
        fitted().update(START + FIT * STEP, {"z": 3.0})


@pytest.mark.parametrize("row", [[1.0], [[1.0] * 8], ["x"] * 8, None])
def test_a_row_of_another_shape_is_refused(row: object) -> None:
    with pytest.raises(CountError, match="row"):
        fitted().update(START + FIT * STEP, row)  # type: ignore[arg-type]


def test_a_detector_without_any_count_is_named() -> None:
    counts = counted()[:FIT].copy()
    counts[:, 3] = np.nan
    with pytest.raises(InsufficientDataError, match="'d'"):
        FlowForecaster(1800, 3).fit(counts, START, NAMES)


@pytest.mark.parametrize(
    ("counts", "names", "message"),
    [
        (np.full((96, 2), -1.0), "ab", "row 0"),
        (np.full((96, 2), np.inf), "ab", "'a'"),
        (np.ones((96, 2)), "aa", "twice"),
        (np.ones((96, 3)), "ab", "shape"),
        (np.ones((5, 2)), "ab", "less than a day"),
        ("text", "ab", "numbers"),
    ],
)
def test_what_cannot_be_fitted_is_refused(counts: object, names: str, message: str) -> None:
    with pytest.raises((CountError, InsufficientDataError), match=message):
        FlowForecaster(1800, 3).fit(counts, START, tuple(names))  # type: ignore[arg-type]


def test_a_start_without_a_zone_is_refused() -> None:
    with pytest.raises(CountError, match="no time zone"):
        FlowForecaster(1800, 3).fit(counted(), datetime(2031, 3, 3), NAMES)  # noqa: DTZ001


def test_the_first_day_rests_on_a_prior_and_says_so() -> None:
    prior = np.tile(counted()[:48].mean(axis=0), (48, 1))
    forecaster = FlowForecaster(1800, 3).fit(np.empty((0, 8)), START, NAMES, prior=prior)
    found = forecaster.predict()
    assert (found.source == Source.PRIOR).all()
    assert found.mean == pytest.approx(prior[:3], rel=0.05)
    for row in range(48 + 30):
        forecaster.update(START + row * STEP, counted()[row])
    assert (forecaster.predict().source == Source.OBSERVED).all()


def test_a_forecaster_without_a_fit_says_so() -> None:
    with pytest.raises(InsufficientDataError, match="not fitted"):
        FlowForecaster(1800, 3).predict()


def test_midnight_learns_what_has_changed() -> None:
    counts = counted().copy()
    counts[FIT:, 0] = np.round(counts[FIT:, 0] * 1.5)
    learning = played(fitted(), counts).predicted[0, -48:, 0]
    fixed = played(fitted(refit="never"), counts).predicted[0, -48:, 0]
    came = counts[-48:, 0]
    assert np.abs(learning - came).mean() < np.abs(fixed - came).mean()


def test_a_clock_change_does_not_move_the_morning_peak() -> None:
    zone = "Australia/Melbourne"
    start = datetime(2006, 10, 8, 14, tzinfo=UTC)
    counts = np.tile(counted()[:48], (27, 1))
    # After the change local days begin an hour earlier in UTC: two rows of the night are gone.
    change = 20 * 48
    counts = np.delete(counts, [change - 48 + 4, change - 48 + 5], axis=0)
    forecaster = FlowForecaster(1800, 1, zone).fit(counts[: 19 * 48], start, NAMES)
    found = forecaster.backtest(counts[19 * 48 :], start + 19 * 48 * STEP)
    assert found.mae()[0] < 0.25 * counts.mean()


def test_a_saved_forecaster_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    forecaster = fitted(calendar=Calendar.of([date(2031, 12, 25)]))
    forecaster.update(START + FIT * STEP, counted()[FIT])
    forecaster.save(tmp_path / "saved.npz")
    loaded = FlowForecaster.load(tmp_path / "saved.npz")
    for row in range(FIT + 1, FIT + 100):
        for each in (forecaster, loaded):
            each.update(START + row * STEP, counted()[row])
    first, second = forecaster.predict(), loaded.predict()
    np.testing.assert_array_equal(first.mean, second.mean)
    np.testing.assert_array_equal(first.quantile_veh, second.quantile_veh)
    assert [path.name for path in tmp_path.iterdir()] == ["saved.npz"]


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "saved.npz"
    fitted().save(path)
    whole = path.read_bytes()
    for content in (b"", b"PK\x03\x04", whole[: len(whole) // 2], b"x" * 1000):
        path.write_bytes(content)
        with pytest.raises(FormatError, match=r"saved\.npz"):
            FlowForecaster.load(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    with pytest.raises(FormatError, match="not a saved forecaster"):
        FlowForecaster.load(tmp_path / "other.npz")
    np.savez(tmp_path / "evil.npz", head=np.array([{"a": 1}], dtype=object))
    with pytest.raises(FormatError):
        FlowForecaster.load(tmp_path / "evil.npz")


def test_a_backtest_sees_nothing_of_the_future() -> None:
    counts = counted().copy()
    whole = played(fitted(), counts).predicted
    counts[FIT + 60 :] = 0.0
    cut = played(fitted(), counts).predicted
    for h in range(3):
        np.testing.assert_array_equal(whole[h, : 61 + h], cut[h, : 61 + h])


def test_a_backtest_cannot_begin_in_the_fit() -> None:
    with pytest.raises(CountError, match="taken in before"):
        fitted().backtest(counted(), START)


def test_neighbors_that_do_not_exist_are_refused() -> None:
    with pytest.raises(CountError, match="neighbors"):
        fitted(neighbors=np.full((8, 1), 8))
