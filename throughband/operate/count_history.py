"""The last days of counts, and what forecasts of them would have missed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.forecast.forecaster import FlowForecaster
from throughband.counts.count_feed import feed_of
from throughband.counts.growing_counts import GrowingCounts
from throughband.operate.total_errors import shared_parts

Floats = NDArray[np.float64]

MOST_LEARNED_DAYS: Final = 28
MOST_PLAYED_DAYS: Final = 5
"""Days that are forecast again from the days before, to see what forecasts miss."""


@dataclass(frozen=True, slots=True, eq=False)
class LastDays:
    """Counts of the last days.

    Attributes
    ----------
    begin
        Of the first interval, aware.
    step_s
        Length of intervals, s.
    counts
        Vehicles, [interval, detector]; NaN where nothing is known.
    """

    begin: datetime
    step_s: int
    counts: Floats


def last_days(folder: Path, zone: str, forecaster: FlowForecaster) -> LastDays | None:
    """Read the last days, in the forecaster's intervals and detectors; None where there are none.

    Raises
    ------
    FormatError, CountError
        If they cannot be read.
    """
    readings = GrowingCounts(folder, zone).new()
    if readings is None:
        return None
    feed = feed_of(readings, zone, forecaster.clock.step_s, str(folder))
    first = max(0, len(feed.counts) - MOST_LEARNED_DAYS * forecaster.clock.slots)
    column = {name: at for at, name in enumerate(feed.names)}
    counts = np.full((len(feed.counts) - first, len(forecaster.names)), np.nan)
    for at, name in enumerate(forecaster.names):
        if name in column:
            counts[:, at] = feed.counts[first:, column[name]]
    return LastDays(feed.start + first * timedelta(seconds=feed.step_s), feed.step_s, counts)


def missed(
    past: LastDays, forecaster: FlowForecaster, settle: timedelta, most: int
) -> tuple[float, ...]:
    """Forecast the last days from those before; return what sums missed.

    Parameters
    ----------
    past
        The days; with fewer than two nothing is known.
    forecaster
        Whose horizon, clock and calendar are taken; it is left as it is.
    settle, most
        Left out after a change; longest sum in intervals.

    Returns
    -------
    tuple of float
        As `shared_parts`; empty where nothing is known.

    Raises
    ------
    InsufficientDataError
        If too few forecasts can be made.
    """
    slots, step = forecaster.clock.slots, timedelta(seconds=past.step_s)
    played = min(MOST_PLAYED_DAYS, len(past.counts) // slots - 1) * slots
    if played < slots:
        return ()
    known = len(past.counts) - played
    again = FlowForecaster(
        past.step_s,
        forecaster.horizon_steps,
        forecaster.clock.tz,
        None,
        forecaster.calendar,
    )
    again.fit(past.counts[:known], past.begin, forecaster.names)
    begin = past.begin + known * step
    return shared_parts(again, past.counts[known:], begin, step, -(-settle // step), most)
