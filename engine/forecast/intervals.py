"""How far off a forecast may be: limits by horizon and class of flow that keep their promise.

Limits begin as quantiles of the errors of the fit, measured in each detector's own scatter, and
move a little with every count that falls outside or inside (adaptive conformal inference), so
that coverage holds when traffic changes. A detector that is silent gets wider ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from network.errors import CountError

Floats = NDArray[np.float64]

LEVELS = np.array([0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.995])
"""Probabilities whose limits are followed; others are interpolated."""

CLASSES = 24
"""Classes of flow, equally frequent in the fit."""

PACE = 0.03
"""Step of a limit, in standard deviations, for a count on its wrong side, where as many detectors
as classes are looked at."""

CALIBRATED_PER_STEP = 256
"""So many cells, detectors times horizons, tell limits how they do; the others have their turn."""

LEAST_CELLS = 200
"""Fewer errors of one class than this are pooled with all classes of the horizon."""

LEAST_WIDENING = 1.05
"""Intervals of a detector that has been silent for long are wider by this at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """Where limits stand after the fit.

    Attributes
    ----------
    edges
        Predictions on the root scale at which the classes of flow part, [CLASSES - 1].
    scaled
        Limits in standard deviations, [H, CLASSES, len(LEVELS)].
    silent
        Factor on the width for detectors that have been silent for long, [H].
    """

    edges: Floats
    scaled: Floats
    silent: Floats


def plain_limits(horizons: int, spread: float) -> Limits:
    """Return normal limits for a network of which too little is known.

    Parameters
    ----------
    horizons
        Steps to predict.
    spread
        Standard deviation of the errors in units of the detectors' scatter.
    """
    scaled = np.tile(special.ndtri(LEVELS) * spread, (horizons, CLASSES, 1))
    return Limits(np.full(CLASSES - 1, np.inf), scaled, np.full(horizons, 1.3))


def fit_limits(errors: Floats, predicted: Floats, profile_errors: Floats) -> Limits:
    """Return limits from the errors of the fit.

    Parameters
    ----------
    errors
        Scaled errors, [H, K, N]; NaN where nothing was counted.
    predicted
        Predictions on the root scale, [H, K, N].
    profile_errors
        Scaled errors of the profile alone, [H, K, N].
    """
    horizons = errors.shape[0]
    edges = np.quantile(predicted[0], np.arange(1, CLASSES) / CLASSES)
    scaled = np.empty((horizons, CLASSES, LEVELS.size))
    silent = np.empty(horizons)
    for h in range(horizons):
        seen = np.isfinite(errors[h])
        if np.count_nonzero(seen) < LEAST_CELLS:
            return plain_limits(horizons, 1.5)
        found, place = errors[h][seen], np.searchsorted(edges, predicted[h][seen])
        order = np.argsort(place, kind="stable")
        ends = np.searchsorted(place[order], np.arange(CLASSES + 1))
        grouped = found[order]
        thin = np.diff(ends) < LEAST_CELLS
        if thin.any():
            scaled[h] = _quantiles(found)
        for k in np.flatnonzero(~thin):
            scaled[h, k] = _quantiles(grouped[ends[k] : ends[k + 1]])
        alone = np.quantile(np.abs(profile_errors[h][seen]), 0.9)
        silent[h] = max(LEAST_WIDENING, alone / max(np.quantile(np.abs(found), 0.9), 1e-6))
    return Limits(edges, scaled, silent)


def _quantiles(values: Floats) -> Floats:
    """Return the followed quantiles; one sort is cheaper than many partial ones."""
    ordered = np.sort(values)
    at = LEVELS * (values.size - 1)
    left = at.astype(np.int64)
    right = np.minimum(left + 1, values.size - 1)
    out: Floats = ordered[left] + (at - left) * (ordered[right] - ordered[left])
    return out


def limits_at(scaled: Floats, quantiles: Sequence[float]) -> Floats:
    """Return limits at any probabilities, [H, CLASSES, len(quantiles)].

    Between followed probabilities they are interpolated as normal ones would lie; beyond the
    last they grow as normal ones do.

    Parameters
    ----------
    scaled
        Limits, [H, CLASSES, len(LEVELS)].
    quantiles
        Probabilities strictly between 0 and 1.

    Raises
    ------
    CountError
        If one is not.
    """
    wanted = np.asarray(quantiles, dtype=np.float64)
    if wanted.ndim != 1 or not np.all((wanted > 0) & (wanted < 1)):
        raise CountError(f"quantiles are {quantiles!r}; allowed are numbers between 0 and 1")
    known, at = special.ndtri(LEVELS), special.ndtri(wanted)
    right = np.clip(np.searchsorted(known, at), 1, LEVELS.size - 1)
    part = (at - known[right - 1]) / (known[right] - known[right - 1])
    # Each limit is moved by itself: neighbors may have crossed.
    order = np.sort(scaled, axis=-1)
    out: Floats = order[..., right - 1] + part * (order[..., right] - order[..., right - 1])
    return out
