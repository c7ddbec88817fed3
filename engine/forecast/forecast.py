"""Movement flows of the next intervals from earlier days and from today so far.

A profile is the mean of earlier days at the same time of day. What today does differently shows
in residuals, scaled by the square root of the profile because counts scatter like Poisson
counts. They are averaged with exponential weights, per movement and over all, and carried
forward while they fade. Not modeled here: day types, neighbors on the road graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from network.counts import VALUED, CountSeries
from network.errors import InsufficientDataError, StaleCountsError

SMOOTHING = 0.3
"""Weight of the newest residual."""

FADING = 0.8
"""Part of a residual that is still expected one interval later."""

OWN_SHARE = 0.5
"""Weight of a movement's own residual; the rest is the mean residual of all movements."""

STALE_INTERVALS = 2
"""So many intervals without one good count, and no plan is made from the data."""


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Flows of each movement, measured where they were and predicted beyond.

    Attributes
    ----------
    movement_ids
        Movements, one per column.
    start_s, interval_s
        First interval and length of intervals, s.
    observed
        How many of the first intervals are measured; the rest is predicted.
    flow_vph
        Expected flow, [I, M].
    low_vph, high_vph
        10 % and 90 % quantiles, [I, M]; equal to the flow where it was measured.
    """

    movement_ids: tuple[str, ...]
    start_s: float
    interval_s: int
    observed: int
    flow_vph: NDArray[np.float64]
    low_vph: NDArray[np.float64]
    high_vph: NDArray[np.float64]

    def movement_vph(self) -> Mapping[str, NDArray[np.float64]]:
        """Return the flows by movement, veh/h, one value per interval."""
        return {name: self.flow_vph[:, m] for m, name in enumerate(self.movement_ids)}


def forecast(
    history: Sequence[CountSeries], today: CountSeries | None, begin_s: float, end_s: float
) -> Forecast:
    """Predict movement flows over a window of the day.

    Parameters
    ----------
    history
        Earlier days, same movements and intervals; each must cover the window.
    today
        The day so far, beginning at `begin_s`; None before the first interval.
    begin_s, end_s
        Window, s after midnight.

    Returns
    -------
    Forecast

    Raises
    ------
    InsufficientDataError
        If there is neither history nor today's counts, or they do not fit together.
    StaleCountsError
        If the last good count of today is more than `STALE_INTERVALS` intervals old.
    """
    if not history and today is None:
        raise InsufficientDataError("no counts at all: neither of earlier days nor of today")
    first = history[0] if history else today
    assert first is not None
    interval_s = first.interval_s
    intervals = int((end_s - begin_s) // interval_s)
    if intervals < 1:
        raise InsufficientDataError(
            f"the window of {end_s - begin_s:g} s holds no interval of {interval_s} s"
        )
    observed, seen = _today(today, first, begin_s, intervals)
    profile = _profile(history, first, begin_s, intervals, seen)
    flow = profile.copy()
    low, high = profile.copy(), profile.copy()
    scale = np.sqrt(profile + 1.0)
    state = np.zeros(len(first.series_ids))
    spread = 1.0
    errors: list[NDArray[np.float64]] = []
    for i in range(observed):
        residual = (seen[i] - profile[i]) / scale[i]
        good = np.isfinite(residual)
        state = np.where(good, (1 - SMOOTHING) * state + SMOOTHING * residual, state)
        errors.append(residual[good])
        flow[i] = np.where(good, seen[i], np.maximum(profile[i] + state * scale[i], 0.0))
        low[i] = high[i] = flow[i]
    known = np.concatenate(errors) if errors else np.empty(0)
    if known.size and history:
        spread = float(max(1.0, np.sqrt(np.mean(known**2))))
    common = float(state.mean()) if observed else 0.0
    carried = OWN_SHARE * state + (1.0 - OWN_SHARE) * common
    for ahead in range(1, intervals - observed + 1):
        i = observed + ahead - 1
        mean = np.maximum(profile[i] + carried * FADING**ahead * scale[i], 0.0)
        flow[i] = mean
        width = stats.norm.ppf(0.9) * spread * np.sqrt(mean + 1.0)
        low[i], high[i] = np.maximum(mean - width, 0.0), mean + width
    to_vph = 3600.0 / interval_s
    return Forecast(
        first.series_ids,
        begin_s,
        interval_s,
        observed,
        flow * to_vph,
        low * to_vph,
        high * to_vph,
    )


def _today(
    today: CountSeries | None, like: CountSeries, begin_s: float, intervals: int
) -> tuple[int, NDArray[np.float64]]:
    """Return how many intervals were observed, and their good counts with NaN elsewhere."""
    if today is None:
        return 0, np.empty((0, len(like.series_ids)))
    if today.series_ids != like.series_ids or today.interval_s != like.interval_s:
        raise InsufficientDataError("today's counts and the earlier days name other series")
    if today.start_s != begin_s:
        raise InsufficientDataError(
            f"today's counts begin at {today.start_s:g} s, the window at {begin_s:g} s"
        )
    observed = min(today.intervals, intervals)
    good = np.isin(today.quality[:observed], VALUED)
    newest = np.flatnonzero(good.any(axis=1))
    age = observed - 1 - int(newest[-1]) if newest.size else observed
    if age > STALE_INTERVALS:
        last = begin_s + (observed - age) * today.interval_s
        raise StaleCountsError(
            f"no good count for {age} intervals; the last one ended at {last:g} s. "
            f"Plans are made from counts at most {STALE_INTERVALS} intervals old"
        )
    return observed, np.where(good, today.volume_veh[:observed], np.nan)


def _profile(
    history: Sequence[CountSeries],
    like: CountSeries,
    begin_s: float,
    intervals: int,
    seen: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the mean of earlier days per interval; without any, today's own mean."""
    days = []
    for day in history:
        if day.series_ids != like.series_ids or day.interval_s != like.interval_s:
            raise InsufficientDataError("the earlier days name other series or intervals")
        part = day.slice(begin_s, begin_s + intervals * like.interval_s)
        if part.start_s != begin_s or part.intervals != intervals:
            raise InsufficientDataError(
                f"an earlier day spans {day.start_s:g} to {day.end_s:g} s and does not cover "
                f"the window from {begin_s:g} s"
            )
        days.append(np.where(np.isin(part.quality, VALUED), part.volume_veh, np.nan))
    if not days:
        seen_mean: NDArray[np.float64] = np.nansum(seen, axis=0) / np.maximum(
            np.isfinite(seen).sum(axis=0), 1
        )
        return np.tile(seen_mean, (intervals, 1))
    stack = np.array(days)
    count = np.isfinite(stack).sum(axis=0)
    mean = np.nansum(stack, axis=0) / np.maximum(count, 1)
    # Where no day has a good count, the series' own mean over the window.
    total = count.sum(axis=0)
    overall = np.nansum(stack, axis=(0, 1)) / np.maximum(total, 1)
    profile: NDArray[np.float64] = np.where(count > 0, mean, overall)
    return profile
