"""How much of a surprise lasts, learned from a few days: two weights per horizon, not dozens.

What is usual elsewhere is the prior; the surprises of the few days there are, each day held
against the others, move it as far as they can bear. One street's counts repeat their surprises
for an hour, another's have forgotten them after ten minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.forecast import kernels as rows
from engine.forecast.correction import FADE, Correction
from engine.forecast.kernels import FEATURES, observe_many

Floats = NDArray[np.float64]

CARRIED = np.array([rows.EWMA + 1, rows.MEAN + 1], dtype=np.int64)
"""The detector's own moving average, and that of the network's mean."""

PRIOR_CELLS, PRIOR_STEPS = 300.0, 60.0
"""The prior counts as so many intervals of one detector, and of the network's mean."""

TINY = 1e-9


def learn_carried(plain: Correction, days: Sequence[Floats]) -> Correction:
    """Move the weights of `correction.plain_correction` toward what a few days say.

    Parameters
    ----------
    plain
        Weights to begin from.
    days
        Scaled residuals of each day from the others, [T, N]; NaN where nothing was counted.

    Returns
    -------
    Correction
        Weights; at horizons that no day is long enough for, they fade as the prior's do.
    """
    horizons = len(plain.pooled)
    prior = plain.pooled[:, CARRIED]
    pooled = plain.pooled.copy()
    told = [_features(plain, day) for day in days]
    if not told:
        return plain
    beliefs = _beliefs(told) + TINY
    found = prior[0]
    for h in range(horizons):
        if h:
            found = found * np.divide(
                prior[h], prior[h - 1], out=np.ones(CARRIED.size), where=prior[h - 1] > TINY
            )
        gram, side = np.diag(beliefs), beliefs * found
        for features, day in zip(told, days, strict=True):
            goal = np.clip(day[h + 1 :], -rows.CLIP, rows.CLIP)
            known = np.isfinite(goal)
            near = features[: len(goal)][known]
            gram += near.T @ near
            side = side + near.T @ goal[known]
        found = np.linalg.solve(gram, side)
        pooled[h, CARRIED] = found
    return replace(plain, pooled=pooled)


def _features(plain: Correction, day: Floats) -> Floats:
    """Return the carried features after each interval of a day, [T, N, 2]."""
    steps, n = day.shape
    table = np.empty((steps, n, FEATURES))
    observe_many(
        np.ascontiguousarray(day),
        FADE,
        plain.loading,
        plain.neighbors,
        plain.share,
        plain.rates,
        np.zeros((rows.FACTORS, plain.loading.shape[1])),
        np.zeros((FEATURES, n)),
        np.arange(steps, dtype=np.int64),
        table,
    )
    return table[:, :, CARRIED]


def _beliefs(told: Sequence[Floats]) -> Floats:
    """Return how much the prior counts for each weight, in squares of its feature."""
    cells = sum(features.shape[0] * features.shape[1] for features in told)
    squares = sum(np.square(features).sum(axis=(0, 1)) for features in told)
    steps = PRIOR_STEPS * told[0].shape[1]
    out: Floats = squares / max(cells, 1) * np.array([PRIOR_CELLS, steps])
    return out
