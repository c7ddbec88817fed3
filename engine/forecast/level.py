"""How much traffic today brings as a whole, over the usual: all counters together, hour by hour.

Weather, a holiday or an event moves a whole network at once. One counter tells little of that
through its own scatter; all of them together tell it soon and well. The logarithm of the level
wanders around 0 and is followed by a Kalman filter; what the counters see beyond the level is
left to each one's own correction (`engine.forecast.correction`).

Assumed: the level moves all counters by the same part. Source of the filter: Harvey (1990),
Forecasting, Structural Time Series Models and the Kalman Filter, chapter 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from network.errors import CountError
from network.units import SECONDS_PER_HOUR

Floats = NDArray[np.float64]

FADE_H = 10.0
"""A level is forgotten after so many hours. Of the level of the last hour, 0.88, 0.83 and 0.67
were left after 1, 2 and 4 hours in the counts of a city (SCATS, Boroondara, October 2006, the days
of the fit)."""

USUAL_SD = 0.1
USUAL_SD_DAYS = 3.0
"""Scatter of the logarithm of levels where nothing else is known, and for how many days it counts.
"""

USUAL_DISPERSION = 4.0
USUAL_DISPERSION_CELLS = 20.0
"""Variance over mean of the sum of all counters: a vehicle passes several of them."""

LEAST_DISPERSION = 0.05
TINY_VEH = 1e-6


@dataclass(frozen=True, slots=True)
class LevelScatter:
    """How levels and sums of counts scatter.

    Attributes
    ----------
    sd
        Standard deviation of the logarithm of a day's level.
    dispersion
        Variance over mean of the sum of all counters in an interval, the level given.
    """

    sd: float = USUAL_SD
    dispersion: float = USUAL_DISPERSION

    def __post_init__(self) -> None:
        if not (self.sd > 0 and self.dispersion > 0):
            raise CountError(
                f"levels scatter by {self.sd} and sums by {self.dispersion}; allowed is above 0"
            )


def day_levels(days: Floats) -> Floats:
    """Return the level of each day over that of all days, [D]; their mean is 1.

    Parameters
    ----------
    days
        Vehicles, [D, I, N]; NaN where missing.
    """
    usual = _mean(days)
    out = np.ones(len(days))
    for own, day in enumerate(days):
        came, expected = _sums(day, usual)
        if came.sum() > TINY_VEH:
            out[own] = came.sum() / expected.sum()
    found: Floats = out / out.mean() if len(days) else out
    return found


def level_scatter(days: Floats) -> LevelScatter:
    """Learn the scatter from earlier days.

    Parameters
    ----------
    days
        Vehicles, [D, I, N]; NaN where missing. A single day says nothing.
    """
    count = len(days)
    if count < 2:
        return LevelScatter()
    logs = np.log(day_levels(days))
    variance = (float(np.square(logs - logs.mean()).sum()) + USUAL_SD_DAYS * USUAL_SD**2) / (
        count - 1 + USUAL_SD_DAYS
    )
    rests = []
    alike = days / np.exp(logs)[:, None, None]
    for own in range(count):
        came, usual = _sums(alike[own], _mean(np.delete(alike, own, axis=0)))
        some = usual > TINY_VEH
        # The mean of the others scatters too.
        whole = usual[some] * count / (count - 1)
        rests.append(np.square(came[some] - usual[some]) / whole)
    rest = np.concatenate(rests)
    dispersion = (float(rest.sum()) + USUAL_DISPERSION_CELLS * USUAL_DISPERSION) / (
        rest.size + USUAL_DISPERSION_CELLS
    )
    return LevelScatter(float(np.sqrt(variance)), max(dispersion, LEAST_DISPERSION))


def follow_level(
    seen: Floats, usual: Floats, step_s: int, scatter: LevelScatter, ahead: int
) -> Floats:
    """Follow today's level, and let it fade over the intervals to come.

    Parameters
    ----------
    seen
        Today's vehicles, [T, N]; NaN where missing.
    usual
        Expected on a usual day in these intervals, [T, N].
    step_s
        Length of an interval, s.
    scatter
        From `level_scatter`.
    ahead
        Intervals to come.

    Returns
    -------
    ndarray
        Level after each interval seen, over the usual, and in each one to come, [T + ahead].

    Raises
    ------
    CountError
        If shapes differ.
    """
    if seen.shape != usual.shape:
        raise CountError(
            f"counts of shape {list(seen.shape)} and usual ones of {list(usual.shape)}; allowed "
            "are equal ones"
        )
    kept = float(np.exp(-step_s / SECONDS_PER_HOUR / FADE_H))
    out = np.empty(len(seen) + ahead)
    level, variance = 0.0, scatter.sd**2
    came, expected = _sums(seen, usual)
    for i in range(len(out)):
        level *= kept
        variance = kept**2 * variance + (1.0 - kept**2) * scatter.sd**2
        if i < len(seen) and expected[i] > TINY_VEH:
            # On the scale of vehicles, where no count is a logarithm of 0.
            now = float(np.exp(level))
            slope = now * expected[i]
            noise = scatter.dispersion * now * expected[i]
            gain = variance * slope / (slope**2 * variance + noise)
            level += gain * (came[i] - now * expected[i])
            variance *= 1.0 - gain * slope
        out[i] = np.exp(level)
    return out


def _sums(seen: Floats, usual: Floats) -> tuple[Floats, Floats]:
    """Return sums over the counters where both are known, [T]."""
    known = np.isfinite(seen) & np.isfinite(usual)
    came: Floats = np.where(known, seen, 0.0).sum(axis=1)
    expected: Floats = np.where(known, usual, 0.0).sum(axis=1)
    return came, expected


def _mean(days: Floats) -> Floats:
    known = np.isfinite(days)
    total = np.where(known, days, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    out: Floats = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return out
