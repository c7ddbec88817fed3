"""Movement flows over a window of the day: the value that plans are made from, and how it is made.

Earlier days and today so far are laid on the days of a `FlowForecaster`, which does the
predicting. What today brings as a whole over the usual is told by all counters together
(`engine.forecast.level`) and taken out before, so that each one's own correction is left with what
is its own. The central forecast minimizes the absolute error; plans need expected flows, so the
vehicles that the rounding of roots loses are put back, in proportion. Quantiles are those of a
count, whole vehicles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from engine.forecast.calendar import SECONDS_PER_DAY, Calendar
from engine.forecast.course import LONGEST_HORIZON_STEPS
from engine.forecast.forecaster import FlowForecaster
from engine.forecast.freshness import require_fresh
from engine.forecast.level import day_levels, follow_level, level_scatter
from engine.forecast.network_prior import network_prior
from engine.forecast.prediction import Source
from network.counts import VALUED, CountSeries
from network.errors import InsufficientDataError
from network.graph import RoadNetwork

Floats = NDArray[np.float64]

BAND = (0.1, 0.9)
"""The quantiles that plans are tried on."""

LONGEST_WINDOW_DAYS = 7

GUESS_BAND = 1.0
"""A guessed flow may be nothing or twice as much, and scatters besides."""

NEARLY_WHOLE = 1e-9
"""Vehicles by which a whole number may be missed in calculation."""

_FIRST_DAY = datetime(2001, 1, 1, tzinfo=UTC)
"""Counts by the second of the day have no date; any will do where all days are of one type."""


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
        10 % and 90 % quantiles of what is counted in the interval, [I, M]; equal to the flow
        where it was measured.
    source
        A `Source` for every cell, uint8[I, M].
    """

    movement_ids: tuple[str, ...]
    start_s: float
    interval_s: int
    observed: int
    flow_vph: Floats
    low_vph: Floats
    high_vph: Floats
    source: NDArray[np.uint8]

    def movement_vph(self) -> Mapping[str, Floats]:
        """Return the flows by movement, veh/h, one value per interval."""
        return {name: self.flow_vph[:, m] for m, name in enumerate(self.movement_ids)}

    def cells(self) -> Mapping[str, int]:
        """Return how many cells rest on what, by the names of `Source`; those that occur."""
        return {
            source.name.lower(): int((self.source == source).sum())
            for source in Source
            if (self.source == source).any()
        }


def forecast(
    history: Sequence[CountSeries],
    today: CountSeries | None,
    begin_s: float,
    end_s: float,
    network: RoadNetwork | None = None,
) -> Forecast:
    """Predict movement flows over a window of the day.

    Parameters
    ----------
    history
        Earlier days of one type, same movements and intervals; each must cover the window.
    today
        The day so far, beginning at `begin_s`; None to plan a day like the earlier ones.
    begin_s, end_s
        Window, s after midnight, at most a week.
    network
        The roads; movements without a single good count then carry what the network makes of
        the others (`Source.PRIOR`), and nothing without it.

    Returns
    -------
    Forecast

    Raises
    ------
    InsufficientDataError
        If there is neither history nor today's counts, or they do not fit together.
    StaleCountsError
        If the newest `freshness.STALE_INTERVALS` intervals of today brought no good count.
    """
    if not history and today is None:
        raise InsufficientDataError("no counts at all: neither of earlier days nor of today")
    first = history[0] if history else today
    assert first is not None
    step_s = first.interval_s
    intervals = int((end_s - begin_s) // step_s)
    if intervals < 1:
        raise InsufficientDataError(
            f"the window of {end_s - begin_s:g} s holds no interval of {step_s} s"
        )
    if SECONDS_PER_DAY % step_s or intervals * step_s > LONGEST_WINDOW_DAYS * SECONDS_PER_DAY:
        raise InsufficientDataError(
            f"{intervals} intervals of {step_s} s; allowed are intervals that divide a day, over "
            f"at most {LONGEST_WINDOW_DAYS} days"
        )
    seen = _today(today, first, begin_s, intervals)
    earlier = _earlier(history, first, begin_s, intervals)
    # No time of day may come twice in what is laid on a forecaster's days.
    most = SECONDS_PER_DAY // step_s
    parts = [
        _Window(first, begin_s + at * step_s, earlier[:, at : at + most], seen, at).forecast(
            network
        )
        for at in range(0, intervals, most)
    ]
    if len(parts) == 1:
        return parts[0]
    return Forecast(
        first.series_ids,
        begin_s,
        step_s,
        len(seen),
        np.concatenate([part.flow_vph for part in parts]),
        np.concatenate([part.low_vph for part in parts]),
        np.concatenate([part.high_vph for part in parts]),
        np.concatenate([part.source for part in parts]),
    )


class _Window:
    """At most 24 hours of earlier days and of today, on the days of a forecaster."""

    def __init__(
        self, like: CountSeries, begin_s: float, earlier: Floats, all_seen: Floats, skipped: int
    ) -> None:
        self.names = like.series_ids
        self.step_s = like.interval_s
        self.begin_s = begin_s
        self.intervals = earlier.shape[1]
        self.earlier = earlier
        self.all_seen = all_seen
        self.seen = all_seen[skipped : skipped + self.intervals]
        self.slots = SECONDS_PER_DAY // self.step_s
        # Odd seconds of the beginning only shift the clock.
        self.first_slot = int(begin_s % SECONDS_PER_DAY) // self.step_s
        self.days_each = -(-(self.first_slot + self.intervals) // self.slots)

    def forecast(self, network: RoadNetwork | None) -> Forecast:
        """Return what was counted and what is expected."""
        good = np.isfinite(self.earlier).any(axis=(0, 1)) if len(self.earlier) else None
        today = np.isfinite(self.all_seen).any(axis=0)
        counted = today if good is None else good
        shape = (self.intervals, len(self.names))
        flow, low, high = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        source = np.full(shape, Source.PRIOR, dtype=np.uint8)
        columns = np.flatnonzero(counted)
        if columns.size:
            flow[:, columns], low[:, columns], high[:, columns], source[:, columns] = (
                self._predicted(columns)
            )
        rest = np.flatnonzero(~counted)
        if rest.size:
            self._guess(rest, network, flow, low, high)
        # Counts are whole vehicles: between 2.4 and 2.6 lies none, however calm the days were.
        low = np.floor(low + NEARLY_WHOLE)
        high = np.ceil(high - NEARLY_WHOLE)
        taken = np.isfinite(self.seen)
        head = np.s_[: len(self.seen)]
        for values in (flow, low, high):
            values[head][taken] = self.seen[taken]
        source[head][taken] = Source.COUNTED
        to_vph = 3600.0 / self.step_s
        for values in (flow, low, high):
            values *= to_vph
            values.setflags(write=False)
        source.setflags(write=False)
        return Forecast(
            self.names, self.begin_s, self.step_s, len(self.seen), flow, low, high, source
        )

    def _predicted(
        self, columns: NDArray[np.int64]
    ) -> tuple[Floats, Floats, Floats, NDArray[np.uint8]]:
        """Return mean, quantiles (veh per interval) and sources of movements with counts."""
        earlier, seen = self.earlier[:, :, columns], self.seen[:, columns]
        observed = len(seen)
        scatter = level_scatter(earlier)
        if observed and len(earlier):
            # Today's level will be known, so that those of the earlier days are not to blur it.
            earlier = earlier / day_levels(earlier)[:, None, None]
        ahead = max(1, min(self.intervals - observed, LONGEST_HORIZON_STEPS))
        days = len(earlier)
        span = max(1, days) * self.days_each
        special = tuple(
            ((_FIRST_DAY + timedelta(days=day)).date(), 0)
            for day in range(-1, span + self.days_each + 1)
        )
        forecaster = FlowForecaster(
            self.step_s, ahead, "UTC", None, Calendar(frozenset(), special), "never"
        )
        names = [self.names[m] for m in columns]
        begin = _FIRST_DAY
        if days:
            grid = np.full((days * self.days_each * self.slots, columns.size), np.nan)
            for day in range(days):
                at = day * self.days_each * self.slots + self.first_slot
                grid[at : at + self.intervals] = earlier[day]
            forecaster.fit(grid, begin, names)
            begin += timedelta(days=days * self.days_each)
        else:
            whole = self.all_seen[:, columns]
            usual = np.nansum(whole, axis=0) / np.isfinite(whole).sum(axis=0)
            flat = np.tile(usual, (self.slots, 1))
            forecaster.fit(np.empty((0, columns.size)), begin, names, flat)
        step = timedelta(seconds=self.step_s)
        begin += self.first_slot * step
        usual_days = forecaster.usual(begin, self.intervals, BAND)
        mean = usual_days.mean.copy()
        low, high = (part.copy() for part in usual_days.quantile_veh)
        # Here days are windows: a cell that one of them counted rests on more than a guess.
        known = np.isfinite(earlier).any(axis=0)
        source = np.where(known, Source.PROFILE, Source.PRIOR).astype(np.uint8)
        live = np.zeros(columns.size, dtype=np.bool_)
        # Only earlier days tell what is more than usual.
        expected = usual_days.mean
        if days:
            expected = _with_lost(expected, expected, earlier)
        level = np.ones(self.intervals)
        if days and observed:
            level = follow_level(
                seen, expected[:observed], self.step_s, scatter, self.intervals - observed
            )
        for i in range(observed):
            # The state before the interval says what to put in the place of a missing count.
            before = forecaster.nearest(BAND) if i else None
            if before is not None:
                mean[i] = before.mean[0]
                low[i], high[i] = before.quantile_veh[:, 0]
                self._correct(source[i : i + 1], live)
            live = np.isfinite(seen[i])
            forecaster.update(begin + i * step, seen[i] / level[i])
        if 0 < observed < self.intervals:
            found = forecaster.nearest(BAND)
            rows = np.s_[observed : observed + ahead]
            mean[rows] = found.mean
            low[rows], high[rows] = found.quantile_veh
            self._correct(source[rows], live)
        if days:
            mean = _with_lost(mean, usual_days.mean, earlier)
        mean, low, high = (values * level[:, None] for values in (mean, low, high))
        low, high = np.minimum(np.round(low), mean), np.maximum(np.round(high), mean)
        return mean, low, high, source

    @staticmethod
    def _correct(source: NDArray[np.uint8], live: NDArray[np.bool_]) -> None:
        """Note which cells today's counts have corrected, of their own movement or of others."""
        corrected = np.where(live, Source.OBSERVED, Source.IMPUTED)
        source[:] = np.where(source == Source.PROFILE, corrected, source)

    def _guess(
        self,
        rest: NDArray[np.int64],
        network: RoadNetwork | None,
        flow: Floats,
        low: Floats,
        high: Floats,
    ) -> None:
        """Give movements that were never counted what the network makes of the others."""
        if network is None or not all(name in network.movements for name in self.names):
            return
        stack = np.concatenate((self.earlier.reshape(-1, len(self.names)), self.all_seen))
        good = np.isfinite(stack)
        total = np.where(good, stack, 0.0).sum(axis=0)
        prior = network_prior(network, self.names, total, good.sum(axis=0) * float(self.step_s))
        mean = prior[rest] * self.step_s / 3600.0
        flow[:, rest] = mean
        high[:, rest] = np.ceil(mean + GUESS_BAND * (mean + np.sqrt(mean)))
        low[:, rest] = 0.0


def _with_lost(mean: Floats, usual: Floats, counted: Floats) -> Floats:
    """Return forecasts whose usual days carry as many vehicles as were counted on them.

    A mean of roots lies below the root of the mean; what that loses is put back in proportion.

    Parameters
    ----------
    mean
        Central forecast, [I, M].
    usual
        The profile, [I, M].
    counted
        Counts of days, [D, I or fewer, M]; NaN where missing.
    """
    known = np.isfinite(counted)
    there = np.broadcast_to(usual[: counted.shape[1]], counted.shape)
    came = np.where(known, counted, 0.0).sum(axis=(0, 1))
    held = np.where(known, there, 0.0).sum(axis=(0, 1))
    cells = np.maximum(known.sum(axis=(0, 1)), 1)
    # Where the profile is nothing and a few vehicles came, they are spread evenly.
    weight = held / cells + 1e-3
    lost = (came - held) / cells
    out: Floats = np.maximum(mean + lost * (mean + 1e-3) / weight, 0.0)
    return out


def _today(today: CountSeries | None, like: CountSeries, begin_s: float, intervals: int) -> Floats:
    """Return today's good counts, NaN elsewhere, one row per measured interval."""
    if today is None:
        return np.empty((0, len(like.series_ids)))
    if today.series_ids != like.series_ids or today.interval_s != like.interval_s:
        raise InsufficientDataError("today's counts and the earlier days name other series")
    if today.start_s != begin_s:
        raise InsufficientDataError(
            f"today's counts begin at {today.start_s:g} s, the window at {begin_s:g} s"
        )
    observed = min(today.intervals, intervals)
    good = np.isin(today.quality[:observed], VALUED)
    newest = np.flatnonzero(good.any(axis=1))
    silent = observed - 1 - int(newest[-1]) if newest.size else observed
    last_s = begin_s + (observed - silent - 1) * today.interval_s
    told = f"at {last_s:g} s of the day" if newest.size else f"before {begin_s:g} s of the day"
    require_fresh(silent, today.interval_s, told)
    return np.where(good, today.volume_veh[:observed], np.nan)


def _earlier(
    history: Sequence[CountSeries], like: CountSeries, begin_s: float, intervals: int
) -> Floats:
    """Return the good counts of earlier days over the window, [D, I, M]."""
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
    return np.array(days) if days else np.empty((0, intervals, len(like.series_ids)))
