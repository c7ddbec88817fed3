"""What every `engine.forecast.backtest.Forecaster` must keep; behaviors take what makes one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.forecast.backtest import Forecaster, MakeForecaster
from engine.forecast.calendar import Calendar
from engine.forecast.prediction import FlowPrediction
from network.counts import Quality
from network.errors import CountError, ThroughbandError
from throughband.contracts.refusal import refused

Floats = NDArray[np.float64]
Behavior = Callable[[MakeForecaster], None]

STEP_S: Final = 900
SLOTS: Final = 96
HORIZON_STEPS: Final = 3
DAYS: Final = 8
START: Final = datetime(2031, 3, 3, tzinfo=UTC)
NAMES: Final = ("north", "south")
QUANTILES: Final = (0.1, 0.5, 0.9)


def drawn(days: int = DAYS, seed: int = 11) -> Floats:
    """Draw days of two detectors with a rush hour, [days * SLOTS, 2]."""
    hour = np.arange(SLOTS) * 24.0 / SLOTS
    shape = 8.0 + 60.0 * np.exp(-0.5 * ((hour - 8.0) / 1.5) ** 2)
    usual = np.tile(shape[:, None] * np.array([1.0, 0.6]), (days, 1))
    return np.random.default_rng(seed).poisson(usual).astype(np.float64)


def time_of(row: int) -> datetime:
    """Return when an interval begins."""
    return START + timedelta(seconds=STEP_S * row)


def fitted(make: MakeForecaster, counts: Floats) -> Forecaster:
    """Return a forecaster that knows all these counts."""
    found = make(step_s=STEP_S, horizon_steps=HORIZON_STEPS, tz="UTC", calendar=Calendar())
    found.fit(counts, START, NAMES)
    return found


def stands_ready_after_the_last_count(make: MakeForecaster) -> None:
    counts = drawn()
    found = fitted(make, counts)
    assert found.horizon_steps == HORIZON_STEPS
    assert found.time == time_of(len(counts) - 1), "its time is not that of the last count"


def predicts_every_interval_of_the_horizon(make: MakeForecaster) -> None:
    counts = drawn()
    prediction = fitted(make, counts).predict(QUANTILES)
    assert isinstance(prediction, FlowPrediction)
    assert prediction.names == NAMES
    assert prediction.start == time_of(len(counts)), "it does not begin after the last count"
    assert prediction.step_s == STEP_S
    assert prediction.mean.shape == (HORIZON_STEPS, len(NAMES))
    assert prediction.quantiles == QUANTILES
    assert (prediction.mean >= 0.0).all(), "it predicts less than nothing"
    assert (np.diff(prediction.quantile_veh, axis=0) >= 0.0).all(), "its quantiles cross"


def follows_what_comes(make: MakeForecaster) -> None:
    counts = drawn()
    found = fitted(make, counts[:-2])
    flags = found.update(time_of(len(counts) - 2), counts[-2])
    assert flags.tolist() == [Quality.GOOD, Quality.GOOD]
    assert found.time == time_of(len(counts) - 2)
    assert found.predict(QUANTILES).start == time_of(len(counts) - 1)


def the_same_in_gives_the_same_out(make: MakeForecaster) -> None:
    first, second = (fitted(make, drawn()).predict(QUANTILES) for _ in range(2))
    np.testing.assert_array_equal(first.mean, second.mean)
    np.testing.assert_array_equal(first.quantile_veh, second.quantile_veh)


def predicting_changes_nothing(make: MakeForecaster) -> None:
    found = fitted(make, drawn())
    first, second = found.predict(QUANTILES), found.predict(QUANTILES)
    np.testing.assert_array_equal(first.quantile_veh, second.quantile_veh)


def bears_missing_counts(make: MakeForecaster) -> None:
    counts = drawn()
    counts[100:110, 0] = np.nan
    found = fitted(make, counts[:-1])
    flags = found.update(time_of(len(counts) - 1), [np.nan, counts[-1, 1]])
    assert flags[0] == Quality.MISSING, "a missing count is not called missing"
    assert np.isfinite(found.predict(QUANTILES).quantile_veh).all()


def takes_in_no_interval_twice(make: MakeForecaster) -> None:
    counts = drawn()
    found = fitted(make, counts)
    before = found.predict(QUANTILES)
    with refused(CountError, "an interval that was taken in before"):
        found.update(time_of(len(counts) - 1), counts[-1])
    np.testing.assert_array_equal(found.predict(QUANTILES).mean, before.mean)


def knows_nothing_before_it_is_fitted(make: MakeForecaster) -> None:
    found = make(step_s=STEP_S, horizon_steps=HORIZON_STEPS, tz="UTC", calendar=Calendar())
    with refused(ThroughbandError, "a prediction without counts"):
        found.predict(QUANTILES)


BEHAVIORS: Final[tuple[Behavior, ...]] = (
    stands_ready_after_the_last_count,
    predicts_every_interval_of_the_horizon,
    follows_what_comes,
    the_same_in_gives_the_same_out,
    predicting_changes_nothing,
    bears_missing_counts,
    takes_in_no_interval_twice,
    knows_nothing_before_it_is_fitted,
)
