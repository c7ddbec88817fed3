"""From counts of earlier days to everything the live forecaster needs, choices included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.forecast.carried import learn_carried
from engine.forecast.correction import (
    Correction,
    Residuals,
    find_neighbors,
    fit_correction,
    given_neighbors,
    plain_correction,
    scatter,
)
from engine.forecast.daytype import NO_RULE, DayTypeRule, fit_rule
from engine.forecast.first_days import PLAIN, FewDays, compare_days
from engine.forecast.history import History, choose_settings
from engine.forecast.intervals import Limits, fit_limits, plain_limits
from engine.forecast.profile import Profiles, make_profiles, without_day

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEAST_DAYS = 3
"""With fewer days nothing but the profile is learned."""

TAUGHT_DAYS = (21, 56)
TAUGHT_CELLS = 2_500_000
"""The last days from which residuals are learned: bounds, and cells in between."""

UNKNOWN_SPREAD = 1.6
"""Errors of a network's first days in units of Poisson scatter."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What a fit found.

    Attributes
    ----------
    sums
        Weighted counts by day type and time of day, [2, K, S, N].
    counted
        Good counts of each detector, int64[N].
    profiles, correction, limits, rule
        The layers.
    """

    sums: Floats
    counted: Integers
    profiles: Profiles
    correction: Correction
    limits: Limits
    rule: DayTypeRule


def learn(
    history: History, neighbors: Integers | None, horizons: int, prior: Floats | None = None
) -> Fitted:
    """Learn all layers from the counts of earlier days.

    Parameters
    ----------
    history
        Counts on the local clock.
    neighbors
        From the road graph, int64[N, M] with -1 for none, or None.
    horizons
        Steps to predict.
    prior
        Sums to begin from, [2, K, S, N], or None.
    """
    days = len(history.kinds)
    # The same hour of many days is as little as one whole day.
    counted = int(np.isfinite(history.z).any(axis=1).sum())
    if min(days, counted / history.slots) < LEAST_DAYS:
        few = compare_days(history, prior)
        sums = history.sums(few.settings.half_life_days, prior)
        profiles = _without_holes(make_profiles(sums, few.settings, history.step_s), sums, history)
        return _untaught(history, profiles, sums, neighbors, horizons, few)
    settings = choose_settings(history, prior)
    sums = history.sums(settings.half_life_days, prior)
    profiles = make_profiles(sums, settings, history.step_s)
    least, most = TAUGHT_DAYS
    taught = min(days, max(least, min(most, TAUGHT_CELLS // profiles.z[0].size)))
    chosen = np.arange(days - taught, days)
    own = np.empty((taught, *profiles.z.shape[1:]))
    for at, day in enumerate(chosen):
        own[at] = without_day(
            sums,
            history.day_sums(int(day), settings.half_life_days),
            int(history.kinds[day]),
            settings,
            history.step_s,
            profiles.shapes,
        )
    first = history.rows_of(int(chosen[0])).start
    z, slot, day_of = history.z[first:], history.slot[first:], history.day[first:]
    expected = own[day_of - chosen[0], slot]
    residual = z - expected
    scale = scatter(residual)
    lessons = Residuals(residual / scale, 0.5 * np.maximum(expected, 0.0) * scale)
    if len(z) < 2 * history.slots or len(z) < 4 * horizons:
        return _untaught(history, profiles, sums, neighbors, horizons)
    correction, errors, origins = fit_correction(
        lessons, scale, neighbors, horizons, history.step_s
    )
    rows = origins + 1 + np.arange(horizons)[:, None]
    alone = lessons.values[rows]
    predicted = expected[rows] + scale * np.where(np.isfinite(errors), alone - errors, 0.0)
    limits = fit_limits(errors, predicted, alone)
    rule = fit_rule(history, chosen, own, profiles.z, scale)
    counted = np.isfinite(history.z).sum(axis=0)
    return Fitted(sums, counted, profiles, correction, limits, rule)


def _without_holes(profiles: Profiles, sums: Floats, history: History) -> Profiles:
    """Fill times that no day counted, where nothing is smoothed, from the times around them."""
    hole = sums[1].sum(axis=0) <= 0
    if profiles.settings.smooth_s >= PLAIN.smooth_s or not hole.any():
        return profiles
    around = make_profiles(sums, PLAIN, history.step_s).z
    return Profiles(profiles.settings, profiles.shapes, np.where(hole, around, profiles.z))


def _untaught(
    history: History,
    profiles: Profiles,
    sums: Floats,
    neighbors: Integers | None,
    horizons: int,
    few: FewDays | None = None,
) -> Fitted:
    """Return plain weights around a profile of a day or two, or of a prior."""
    n = history.z.shape[1]
    if few is not None and len(few.residual):
        scale = few.scale()
        errors = np.broadcast_to(few.residual / scale, (horizons, *few.residual.shape))
        limits = fit_limits(errors, np.broadcast_to(few.expected, errors.shape), errors)
    else:
        scale = np.full(n, UNKNOWN_SPREAD)
        limits = plain_limits(horizons, 1.0)
    near = find_neighbors(np.empty((0, n))) if neighbors is None else given_neighbors(neighbors)
    correction = plain_correction(scale, *near, horizons, history.step_s)
    if few is not None:
        correction = learn_carried(correction, [day / scale for day in few.days()])
    return Fitted(
        sums,
        np.isfinite(history.z).sum(axis=0),
        profiles,
        correction,
        limits,
        NO_RULE,
    )
