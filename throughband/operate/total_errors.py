"""What forecasts of all traffic together usually miss, measured on the forecaster's own past.

Detectors share their errors: on a day on which more people drive than usual, all count more. The
sum over detectors, and over intervals, misses by far more than independent errors would. So days
that were counted are forecast from what was known then, and what the sums missed beyond chance is
taken as shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from engine.forecast.prediction import FlowPrediction
from network.errors import CountError, InsufficientDataError, StaleCountsError

Floats = NDArray[np.float64]

LEAST_ORIGINS = 48
"""Forecasts to learn from; fewer tell nothing."""


class Played(Protocol):
    """A fitted forecaster that can be played forward."""

    def update(self, time: datetime, row: npt.ArrayLike) -> NDArray[np.uint8]:
        """Take in an interval."""
        ...

    def predict(self, quantiles: Sequence[float]) -> FlowPrediction:
        """Predict the intervals after it."""
        ...


def shared_parts(
    forecaster: Played,
    counts: Floats,
    begin: datetime,
    step: timedelta,
    first: int,
    most: int,
) -> tuple[float, ...]:
    """Return the shared error of sums over one, two and more intervals, as part of the sum.

    Parameters
    ----------
    forecaster
        Fitted to days before; it is moved on.
    counts
        Vehicles, [interval, detector]; NaN where nothing is believed.
    begin, step
        Beginning of the first interval, and their length.
    first
        Horizon at which sums begin: intervals after the origin that are left out.
    most
        Longest sum, intervals.

    Returns
    -------
    tuple of float
        Root mean square, weighted with traffic, of what sums missed beyond the chance of
        independent detectors; the forecaster's horizon may end them sooner than `most`.

    Raises
    ------
    InsufficientDataError
        If there are too few forecasts.
    """
    missed: list[Floats] = []
    summed: list[Floats] = []
    chance: list[Floats] = []
    for at in range(len(counts)):
        try:
            forecaster.update(begin + at * step, counts[at])
            prediction = forecaster.predict((0.5,))
        except (CountError, StaleCountsError):
            continue
        mean, sd = prediction.expected()
        span = slice(first, min(first + most, len(mean)))
        came = counts[at + 1 + first : at + 1 + span.stop]
        mean, sd = mean[span], sd[span]
        if len(came) < len(mean) or not len(mean):
            continue
        there = np.isfinite(came)
        expected = np.where(there, mean, 0.0).sum(axis=1)
        missed.append(np.cumsum(expected - np.where(there, came, 0.0).sum(axis=1)))
        summed.append(np.cumsum(expected))
        chance.append(np.cumsum(np.where(there, np.square(sd), 0.0).sum(axis=1)))
    if len(missed) < LEAST_ORIGINS:
        raise InsufficientDataError(
            f"{len(missed)} forecasts of earlier days; {LEAST_ORIGINS} are needed to know what "
            "forecasts miss"
        )
    beyond = np.square(missed).sum(axis=0) - np.array(chance).sum(axis=0)
    traffic = np.square(summed).sum(axis=0)
    parts = np.sqrt(np.maximum(beyond, 0.0) / np.maximum(traffic, 1e-9))
    return tuple(round(float(part), 5) for part in parts)
