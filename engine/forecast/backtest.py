"""Play a stretch of the past forward: what would have been predicted, and what came.

Every interval is predicted from what was known at its origin; nothing later is seen, and profiles
learn at midnight only if the forecaster is asked to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from engine.forecast.calendar import Calendar
from engine.forecast.prediction import FlowPrediction
from network.errors import CountError, StaleCountsError

Floats = NDArray[np.float64]


class Forecasts(Protocol):
    """What can be played forward."""

    horizon_steps: int

    @property
    def time(self) -> datetime: ...

    def update(self, time: datetime, row: npt.ArrayLike) -> NDArray[np.uint8]: ...

    def predict(self, quantiles: Sequence[float]) -> FlowPrediction: ...


class Forecaster(Forecasts, Protocol):
    """What can be fitted and then played forward: the seam of forecasters.

    `throughband.contracts.forecaster` says what each must keep.
    """

    def fit(self, counts: npt.ArrayLike, start: datetime, names: Sequence[str]) -> object:
        """Learn from counts of earlier days, [T, N], NaN where missing, and stand ready."""
        ...

    def update(
        self, time: datetime, row: npt.ArrayLike, quality: npt.ArrayLike | None = None
    ) -> NDArray[np.uint8]:
        """Take in one interval, [N]; return a `network.counts.Quality` for each detector."""
        ...

    def predict(
        self, quantiles: Sequence[float] = (0.1, 0.5, 0.9), now: datetime | None = None
    ) -> FlowPrediction:
        """Predict the `horizon_steps` intervals after the last one taken in."""
        ...


class MakeForecaster(Protocol):
    """Makes an unfitted forecaster; what is registered as one."""

    def __call__(
        self, *, step_s: int, horizon_steps: int, tz: str, calendar: Calendar
    ) -> Forecaster:
        """Return one for intervals of `step_s` s on the clock of a zone."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """Predictions beside what came.

    Attributes
    ----------
    names
        Detectors.
    start, step_s
        First interval, aware UTC, and length of intervals, s.
    observed
        Counts, [T, N]; NaN where missing.
    predicted
        Central forecasts of each interval by how many steps before, [H, T, N]; NaN where none
        was made (before the first origin, or from stale counts).
    quantiles, quantile_veh
        Probabilities, and the quantiles, [Q, H, T, N].
    """

    names: tuple[str, ...]
    start: datetime
    step_s: int
    observed: Floats
    predicted: Floats
    quantiles: tuple[float, ...]
    quantile_veh: Floats

    def mae(self) -> Floats:
        """Return the mean absolute error by horizon, veh per interval, [H]."""
        return _mean(np.abs(self.predicted - self.observed))

    def rmse(self) -> Floats:
        """Return the root mean square error by horizon, veh per interval, [H]."""
        root: Floats = np.sqrt(_mean(np.square(self.predicted - self.observed)))
        return root

    def wape_pct(self) -> Floats:
        """Return the absolute error as part of all traffic by horizon, %, [H]."""
        error = np.abs(self.predicted - self.observed)
        traffic = np.where(np.isfinite(error), self.observed, np.nan)
        share: Floats = 100.0 * _mean(error) / np.maximum(_mean(traffic), 1e-12)
        return share

    def coverage(self, low: float, high: float) -> Floats:
        """Return the share of counts between two of the quantiles, by horizon, [H].

        Raises
        ------
        CountError
            If one of them was not predicted.
        """
        return _mean(self._inside(low, high))

    def coverage_by_level(self, low: float, high: float, classes: int = 5) -> Floats:
        """Return the share of counts between two quantiles by class of predicted flow.

        Parameters
        ----------
        low, high
            Probabilities that were predicted.
        classes
            Equally frequent classes of the central forecast.

        Returns
        -------
        ndarray
            From the least to the greatest flow, [classes].
        """
        inside = self._inside(low, high)
        seen = np.isfinite(inside)
        level, hit = self.predicted[seen], inside[seen]
        if not level.size:
            return np.full(classes, np.nan)
        edges = np.quantile(level, np.arange(1, classes) / classes)
        place = np.searchsorted(edges, level)
        total = np.bincount(place, minlength=classes)
        hits = np.bincount(place, weights=hit, minlength=classes)
        shares: Floats = np.divide(hits, total, out=np.full(classes, np.nan), where=total > 0)
        return shares

    def _inside(self, low: float, high: float) -> Floats:
        for wanted in (low, high):
            if wanted not in self.quantiles:
                raise CountError(f"quantile {wanted} was not predicted; known: {self.quantiles}")
        below = self.quantile_veh[self.quantiles.index(low)]
        above = self.quantile_veh[self.quantiles.index(high)]
        known = np.isfinite(self.observed) & np.isfinite(below)
        inside = (self.observed >= below) & (self.observed <= above)
        return np.where(known, inside.astype(np.float64), np.nan)


def play(
    forecaster: Forecasts,
    counts: npt.ArrayLike,
    start: datetime,
    step_s: int,
    quantiles: Sequence[float] = (0.1, 0.5, 0.9),
) -> Backtest:
    """Update a fitted forecaster interval by interval and keep every prediction.

    Parameters
    ----------
    forecaster
        Fitted; it is moved on.
    counts
        Counts after the fit, [T, N].
    start
        Beginning of the first of them, aware.
    step_s
        Length of an interval, s.
    quantiles
        Probabilities to keep.

    Raises
    ------
    CountError
        If the counts do not begin after the last interval taken in.
    """
    values = np.asarray(counts, dtype=np.float64)
    wanted = tuple(float(q) for q in quantiles)
    horizons, steps = forecaster.horizon_steps, len(values)
    if start <= forecaster.time:
        raise CountError(
            f"the backtest begins at {start.isoformat()}; counts up to "
            f"{forecaster.time.isoformat()} were taken in before"
        )
    predicted = np.full((horizons, steps + horizons, values.shape[1]), np.nan)
    spread = np.full((len(wanted), horizons, steps + horizons, values.shape[1]), np.nan)
    ahead = np.arange(horizons)
    names: tuple[str, ...] = ()
    adjoining = start - forecaster.time == timedelta(seconds=step_s)
    for t in range(-1 if adjoining else 0, steps):
        if t >= 0:
            forecaster.update(start + timedelta(seconds=step_s * t), values[t])
        try:
            found = forecaster.predict(wanted)
        except StaleCountsError:
            continue
        names = found.names
        predicted[ahead, t + 1 + ahead] = found.mean
        spread[:, ahead, t + 1 + ahead] = found.quantile_veh
    return Backtest(
        names,
        start,
        step_s,
        values,
        np.ascontiguousarray(predicted[:, :steps]),
        wanted,
        np.ascontiguousarray(spread[:, :, :steps]),
    )


def _mean(values: Floats) -> Floats:
    seen = np.isfinite(values)
    total = np.where(seen, values, 0.0).sum(axis=(1, 2))
    count = seen.sum(axis=(1, 2))
    out: Floats = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return out
