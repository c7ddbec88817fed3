"""A backtest of the last days: what would have been forecast, beside plain ways and what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.forecast.backtest import Backtest, MakeForecaster, play
from engine.forecast.calendar import Calendar, LocalClock
from engine.forecast.forecaster import FlowForecaster
from network.counts import Quality
from network.errors import InsufficientDataError
from throughband.counts.count_feed import CountFeed
from throughband.counts.detector_health import (
    Health,
    WatchedForecaster,
    believed,
    detector_model,
    expected_later,
    judge_feed,
)

Floats = NDArray[np.float64]

LEVELS = 5
"""Classes of flow, equally frequent."""

OURS, PERSISTENCE, PROFILE = "forecast", "persistence", "profile"


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Forecasts of the last days beside plain ways, on the same cells.

    Attributes
    ----------
    played
        The backtest; `observed` holds only counts that can be believed.
    begin, days
        Beginning of the first interval, aware UTC, and how many days.
    mae_veh
        Mean absolute error by way and horizon, veh per interval, [H].
    level_veh
        Mean of the profile in each class of flow, veh per interval, [LEVELS].
    level_mae_veh
        Mean absolute error by way and class of flow, all horizons together, [LEVELS].
    coverage
        Part of counts inside, by pair of quantiles around the median, [H].
    cells
        Counts scored at each horizon.
    """

    played: Backtest
    begin: datetime
    days: int
    mae_veh: dict[str, Floats]
    level_veh: Floats
    level_mae_veh: dict[str, Floats]
    coverage: dict[tuple[float, float], Floats]
    cells: int

    def document(self) -> dict[str, Any]:
        """Return the scores for a JSON file."""
        step_min = self.played.step_s / 60.0
        horizons = range(1, len(self.played.predicted) + 1)
        return {
            "begin": self.begin.isoformat(),
            "days": self.days,
            "counts_scored": self.cells,
            "horizon_min": [step_min * h for h in horizons],
            "mae_veh_per_interval": {k: _list(v) for k, v in self.mae_veh.items()},
            "wape_pct": _list(self.played.wape_pct()),
            "rmse_veh_per_interval": _list(self.played.rmse()),
            "by_flow": {
                "profile_veh_per_interval": _list(self.level_veh),
                "mae_veh_per_interval": {k: _list(v) for k, v in self.level_mae_veh.items()},
            },
            "coverage": [
                {"low": low, "high": high, "nominal": round(high - low, 6), "found": _list(found)}
                for (low, high), found in self.coverage.items()
            ],
        }


def backtest(
    feed: CountFeed,
    health: Health,
    days: int,
    clock: LocalClock,
    horizon_steps: int,
    calendar: Calendar,
    quantiles: Sequence[float],
    make: MakeForecaster = FlowForecaster,
) -> Trial:
    """Fit on everything before the last days, and play these forward with midnight refits.

    Detectors are judged live, as they would have been; counts found wrong by looking back are
    not scored. Nothing later than an origin reaches its forecast.

    Parameters
    ----------
    feed
        Counts.
    health
        What is wrong with them, looking back.
    days
        How many of the last days.
    clock, horizon_steps, calendar, quantiles
        As for the forecast.
    make
        Makes the forecaster to try.

    Raises
    ------
    InsufficientDataError
        If less than a day is left to fit on, or nothing can be scored.
    """
    cut = len(feed.counts) - days * clock.slots
    if cut < clock.slots:
        raise InsufficientDataError(
            f"{len(feed.counts) / clock.slots:.1f} days of counts, of which the backtest takes "
            f"{days}; at least one day must be left to fit on"
        )
    earlier = feed.until(cut)
    known = judge_feed(earlier, clock, calendar)
    counts = believed(earlier, known)
    seen = np.isfinite(counts).any(axis=0)
    if not seen.all():
        name = feed.names[int(np.flatnonzero(~seen)[0])]
        raise InsufficientDataError(
            f"detector {name!r} has no count before the last {days} days; backtest fewer days, or "
            "leave it out"
        )
    forecaster = make(
        step_s=clock.step_s, horizon_steps=horizon_steps, tz=clock.tz, calendar=calendar
    )
    forecaster.fit(counts, feed.start, feed.names)
    begin = feed.start + timedelta(seconds=cut * feed.step_s)
    steps = len(feed.counts) - cut
    usual = expected_later(counts, feed.start, steps, clock, calendar)
    model = detector_model(replace(earlier, counts=counts), clock, calendar)
    way = (
        forecaster
        if model is None
        else WatchedForecaster(forecaster, model, usual, begin, clock.step_s)
    )
    played = play(way, feed.counts[cut:], begin, feed.step_s, quantiles)
    truth = np.where(health.quality[cut:] == Quality.GOOD, feed.counts[cut:], np.nan)
    _, _, turned = clock.read(begin, steps)
    truth[turned] = np.nan
    played = replace(played, observed=truth)
    return _scored(played, begin, days, _persistence(feed.counts, cut, horizon_steps), usual)


def _scored(
    played: Backtest, begin: datetime, days: int, persistence: Floats, usual: Floats
) -> Trial:
    ways = {OURS: played.predicted, PERSISTENCE: persistence}
    seen = np.isfinite(played.observed) & np.isfinite(usual)
    for predicted in ways.values():
        seen &= np.isfinite(predicted).all(axis=0)
    if not seen.any():
        raise InsufficientDataError(
            f"the {days} days of the backtest hold no count that can be believed and forecast"
        )
    ways[PROFILE] = np.broadcast_to(usual, played.predicted.shape)
    missed = {
        name: np.abs(predicted - played.observed)[:, seen] for name, predicted in ways.items()
    }
    level = usual[seen]
    place = np.searchsorted(np.quantile(level, np.arange(1, LEVELS) / LEVELS), level)
    total = np.maximum(np.bincount(place, minlength=LEVELS), 1)

    def by_level(values: Floats) -> Floats:
        return np.asarray(np.bincount(place, weights=values, minlength=LEVELS) / total)

    shared = replace(played, observed=np.where(seen, played.observed, np.nan))
    pairs = [
        (q, other)
        for q in sorted(played.quantiles)
        if q < 0.5
        for other in played.quantiles
        if abs(q + other - 1.0) < 1e-9
    ]
    return Trial(
        shared,
        begin,
        days,
        {name: values.mean(axis=1) for name, values in missed.items()},
        by_level(level),
        {name: by_level(values.mean(axis=0)) for name, values in missed.items()},
        {pair: shared.coverage(*pair) for pair in pairs},
        int(seen.sum()),
    )


def _persistence(counts: Floats, cut: int, horizons: int) -> Floats:
    """Return the last count before each origin, [H, T - cut, N]."""
    rows = np.arange(len(counts))[:, None]
    last = np.maximum.accumulate(np.where(np.isfinite(counts), rows, -1), axis=0)
    known = np.take_along_axis(counts, np.maximum(last, 0), axis=0)
    at = np.arange(cut, len(counts))
    return np.stack([known[np.maximum(at - h - 1, 0)] for h in range(horizons)])


def _list(values: Floats) -> list[float | None]:
    return [round(float(v), 4) if np.isfinite(v) else None for v in values]
