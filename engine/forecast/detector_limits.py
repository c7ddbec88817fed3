"""Learn what is normal for detectors, and set limits that keep to a budget of false alarms.

Limits taken from a normal distribution do not hold: real counts have weather, incidents and
events in them, and 41 to 44 % of detectors alarmed within six days. Here the watch runs over the
fit span without limits, and every statistic's largest value of each detector and day tells how
often chance exceeds what. The tail beyond is continued as an exponential, so that the few days
that were truly broken do not raise the limits that should find them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.forecast import sensing_kernels as kernels
from engine.forecast.detectors import LANE_CAPACITY_VPH, DetectorModel, DetectorWatch
from engine.forecast.imputation import learn_neighborhood
from network.counts import VALUED, CountSeries
from network.errors import CountError, InsufficientDataError
from network.units import SECONDS_PER_HOUR

BUDGET = 0.005
"""False alarms per detector and day."""

SHARES = {
    kernels.SURPRISE: 0.40,
    kernels.SILENCE: 0.04,
    kernels.RISE: 0.04,
    kernels.FALLEN: 0.12,
    kernels.RAISED: 0.06,
    kernels.MISTIMED: 0.02,
    kernels.DRIFTED: 0.02,
}
"""Parts of the budget. Repeated counts get most: each alarm less costs an interval of delay. The
rest is kept back, because tails are a little heavier than exponential."""

LEAST = {
    kernels.SURPRISE: 7.0,
    kernels.SILENCE: 7.0,
    kernels.RISE: 8.0,
    kernels.FALLEN: 13.0,
    kernels.RAISED: 13.0,
    kernels.MISTIMED: 10.0,
    kernels.DRIFTED: 4.0,
}
"""No limit is lower, however calm the fit span: e^-7 is one in a thousand, and two outliers, of
which each adds `sensing_kernels.STEP_AT_MOST`, are no shift."""

CAUTIOUS = {
    kernels.SURPRISE: 12.0,
    kernels.SILENCE: 20.0,
    kernels.RISE: 12.0,
    kernels.FALLEN: 25.0,
    kernels.RAISED: 25.0,
    kernels.MISTIMED: 15.0,
    kernels.DRIFTED: 6.0,
}
"""Limits where the fit span holds too few detectors and days to tell."""

WILDEST = 4.0
"""No limit is higher than so many cautious ones: where one detector in twenty is stuck or chatters,
its own days are the tail, and would forbid to find it."""

TELLING_DAYS = 500
"""Detectors times days from which the fit span's own tail is believed."""

BODY, TAIL = 0.90, 0.99
"""Quantiles between which the tail is measured."""

DRIFT_HALF_LIFE_DAYS = 1.0
CLOCK_HALF_LIFE_DAYS = 0.25
"""What was well timed must be forgotten before a clock that went wrong can show."""
LEAST_SCATTER = 0.5
MEDIAN_SQUARE = 0.4549
"""Median of a squared standard normal variable."""
LEAST_DRIFT_SD = 0.03
DAY_S = 24 * SECONDS_PER_HOUR


def learn_detectors(
    counts: CountSeries,
    expected_veh: NDArray[np.float64],
    *,
    lanes: NDArray[np.float64] | None = None,
    neighbor: NDArray[np.int32] | None = None,
    budget: float = BUDGET,
) -> DetectorModel:
    """Learn scatter, neighbors and limits from a span that is mostly normal.

    Parameters
    ----------
    counts
        The fit span.
    expected_veh
        What was expected, [I, D]. Each day's expectation must not have seen that day, or the
        limits come out too low for later days.
    lanes
        Lanes under each detector, [D]; NaN where unknown. None where all are.
    neighbor
        Rows of the neighbors on the road graph, [D, K], padded with -1; None to choose them by
        correlation.
    budget
        False alarms per detector and day.

    Returns
    -------
    DetectorModel

    Raises
    ------
    InsufficientDataError
        If the span is shorter than two days.
    CountError
        If shapes differ or the budget is not between 0 and 1.
    """
    rows, columns = counts.volume_veh.shape
    per_day = max(1, round(DAY_S / counts.interval_s))
    if rows < 2 * per_day:
        raise InsufficientDataError(
            f"{rows} intervals of {counts.interval_s} s to learn detectors from; "
            f"{2 * per_day} (two days) are needed"
        )
    if expected_veh.shape != (rows, columns):
        raise CountError(
            f"expected counts have shape {list(expected_veh.shape)}; allowed is {[rows, columns]}"
        )
    if not 0.0 < budget < 1.0:
        raise CountError(f"a budget of {budget} false alarms per detector and day; allowed is 0-1")
    taken = np.where(np.isin(counts.quality, VALUED), counts.volume_veh, np.nan)
    expected = np.where((expected_veh >= 0) & np.isfinite(expected_veh), expected_veh, np.nan)
    raw = (taken - expected) / np.sqrt(expected + 1.0)
    scatter = np.maximum(robust_spread(raw), LEAST_SCATTER)
    hood = learn_neighborhood(raw / scatter, neighbor=neighbor)
    clipped = np.clip(np.nan_to_num(raw / scatter), -kernels.CLIPPED_SD, kernels.CLIPPED_SD)
    there = np.where(hood.neighbor >= 0, hood.weights(), 0.0)
    innovation = raw / scatter
    for k in range(hood.neighbor.shape[1]):
        innovation -= there[:, k] * clipped[:, np.maximum(hood.neighbor[:, k], 0)]
    kept = 0.5 ** (1.0 / (DRIFT_HALF_LIFE_DAYS * per_day))
    limits = np.full(kernels.LIMITS, np.inf)
    limits[kernels.DRIFT_KEPT] = kept
    limits[kernels.CLOCK_KEPT] = 0.5 ** (1.0 / (CLOCK_HALF_LIFE_DAYS * per_day))
    capacity = np.full(columns, np.inf)
    if lanes is not None:
        most = LANE_CAPACITY_VPH * counts.interval_s / SECONDS_PER_HOUR
        capacity = np.where(np.isnan(lanes), np.inf, most * np.nan_to_num(lanes))
    known = np.isfinite(expected)
    mean = np.where(known, expected, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    model = DetectorModel(
        counts.series_ids,
        counts.interval_s,
        budget,
        capacity,
        scatter,
        np.clip(robust_spread(innovation), 0.5, 1.5),
        _drift_spread(taken, expected, per_day),
        mean,
        hood,
        limits,
    )
    largest = _largest(model, taken, expected, per_day)
    return replace(model, limits=_limits(limits, largest, budget))


def robust_spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a standard deviation per column that outliers cannot move; 1 without values."""
    spread = np.ones(values.shape[1])
    for column in range(values.shape[1]):
        found = values[np.isfinite(values[:, column]), column]
        if found.size:
            spread[column] = np.sqrt(np.median(found * found) / MEDIAN_SQUARE)
    return spread


def _drift_spread(
    taken: NDArray[np.float64], expected: NDArray[np.float64], per_day: int
) -> NDArray[np.float64]:
    """Return how far the ratio of a whole day strays from 1, half way towards all detectors'."""
    days = taken.shape[0] // per_day
    both = np.isfinite(taken) & np.isfinite(expected)
    shape = (days, per_day, taken.shape[1])
    counted, usual = (
        np.where(both, array, 0.0)[: days * per_day].reshape(shape).sum(axis=1)
        for array in (taken, expected)
    )
    ratio = np.log((counted + 1.0) / (usual + 1.0))
    own = np.median(ratio**2, axis=0) / MEDIAN_SQUARE
    spread: NDArray[np.float64] = np.sqrt(0.5 * own + 0.5 * np.median(own))
    return np.maximum(spread, LEAST_DRIFT_SD)


def _largest(
    model: DetectorModel,
    taken: NDArray[np.float64],
    expected: NDArray[np.float64],
    per_day: int,
) -> NDArray[np.float64]:
    """Return the largest value of every statistic by day and detector, [day, D, STATISTICS]."""
    days = taken.shape[0] // per_day
    watch = DetectorWatch(model)
    largest = np.zeros((days, taken.shape[1], kernels.STATISTICS))
    for i in range(days * per_day):
        watch.update(taken[i], expected[i])
        np.maximum(largest[i // per_day], watch.statistics, out=largest[i // per_day])
    return largest


def _limits(
    limits: NDArray[np.float64], largest: NDArray[np.float64], budget: float
) -> NDArray[np.float64]:
    found = limits.copy()
    days = largest.shape[0] * largest.shape[1]
    trust = min(1.0, days / TELLING_DAYS)
    for rule, share in SHARES.items():
        own = min(tail_limit(largest[:, :, rule], share * budget), WILDEST * CAUTIOUS[rule])
        found[rule] = max(LEAST[rule], trust * own + (1.0 - trust) * CAUTIOUS[rule])
    return found


def tail_limit(values: NDArray[np.float64], chance: float) -> float:
    """Return what chance exceeds with a given probability, by an exponential tail.

    Parameters
    ----------
    values
        Largest values of normal days, any shape.
    chance
        Of exceeding the limit on a normal day.
    """
    body, tail = np.quantile(values, [BODY, TAIL])
    decade = (tail - body) / np.log10((1.0 - BODY) / (1.0 - TAIL))
    return float(tail + decade * np.log10((1.0 - TAIL) / chance))
