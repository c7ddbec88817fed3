"""What today does differently, carried forward: regression of residuals on recent residuals.

One set of weights per horizon serves all detectors (pooled ridge, then reweighted toward least
absolute error); a few features have weights of a detector's own, shrunk toward the pooled ones.
Features are the detector's own last residuals and their moving averages, the directions along
which the network moves together, its mean, and the detector's neighbors: those that the road graph
names, or else those whose residuals ran ahead of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.forecast import kernels as rows
from engine.forecast.kernels import CLIP, FEATURES, observe_many
from engine.forecast.profile import common_shapes

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

OWN_ROWS = np.array([rows.EWMA + 1, rows.FACTOR + 1, rows.NEAR + 1, rows.ONE], dtype=np.int64)
"""Features whose weights may differ from detector to detector."""

GRAM_CELLS = 120_000
"""So many predicted cells per horizon are enough for the weights that all detectors share."""

NEIGHBORS = 4
"""Neighbors of a detector where no road graph names them."""

SEARCHED_AT_MOST = 3000
"""Up to so many detectors, neighbors are searched by correlation."""

FADE = 0.9
"""What a silent detector's usual residual is multiplied with from one interval to the next."""

RIDGES = (1e-3, 1e-1)
OWN_DAYS = (30.0, 10.0, 3.0)
FACTOR_COUNTS = (2, 8)
"""Values to choose from: ridge, days at which own weights are half believed, network factors."""

LEAST_ERROR = 0.1
"""Errors below so many standard deviations weigh no more when absolute errors are minimized."""

PASSES = 2
"""Reweighting passes."""


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """Weights of the regression on residuals.

    Attributes
    ----------
    scale
        Scatter of each detector around its profile on the root scale, [N].
    loading
        Directions along which the network moves together, [N, R].
    neighbors, share
        Neighbors of each detector, -1 for none, and their weights, [N, M].
    rates
        Weights of the newest value in the moving averages; see `kernels.observe`.
    pooled
        Weights that all detectors share, [H, FEATURES].
    own
        What a detector's own weights differ by, [H, G, N].
    """

    scale: Floats
    loading: Floats
    neighbors: Integers
    share: Floats
    rates: Floats
    pooled: Floats
    own: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Residuals:
    """Residuals of whole days, one after the other.

    Attributes
    ----------
    values
        Scaled residuals, [T, N]; NaN where there is no good count.
    weight
        Vehicles per unit of residual, [T, N].
    """

    values: Floats
    weight: Floats


def moving_rates(step_s: int) -> Floats:
    """Return the weights of the newest value for steps of a given length."""
    day = 86_400 // step_s
    own = (0.5, 0.22, 1 / 12, 1 / day)
    factor = (1.0, 0.4, 0.12, 1 / day)
    return np.array((*own, *factor, 1.0, 0.2, 0.35, 0.1))


def scatter(residual: Floats) -> Floats:
    """Return the scatter of unscaled residuals, [N]; robust to a few wild ones."""
    seen = np.isfinite(residual)
    middle = np.nanmedian(np.abs(residual[:, seen.any(axis=0)])) * 1.4826 if seen.any() else 1.0
    held = np.clip(np.where(seen, residual, 0.0), -CLIP * middle, CLIP * middle)
    count = seen.sum(axis=0)
    # A detector with few counts is believed to scatter like the others.
    square = (np.square(held).sum(axis=0) + 50 * middle**2) / (count + 50)
    out: Floats = np.maximum(np.sqrt(square), 0.2)
    return out


def network_factors(residual: Floats, most: int) -> Floats:
    """Return orthogonal directions along which residuals move together, [N, R]."""
    filled = np.clip(np.nan_to_num(residual), -CLIP, CLIP)
    every = -(-filled.shape[0] // 3000)
    return common_shapes(filled[::every], min(most, max(1, residual.shape[1] // 8)))


def find_neighbors(residual: Floats) -> tuple[Integers, Floats]:
    """Return the detectors whose residuals ran ahead of each one's own, and their weights.

    Parameters
    ----------
    residual
        Scaled, [T, N]; NaN where there is none.

    Returns
    -------
    neighbors : ndarray
        int64[N, M]; -1 where none stands out.
    share : ndarray
        Positive weights that sum to 1, or 0 where there is no neighbor, [N, M].
    """
    n = residual.shape[1]
    most = min(NEIGHBORS, n - 1)
    if most < 1 or n > SEARCHED_AT_MOST or len(residual) < 50:
        return np.full((n, 1), -1, dtype=np.int64), np.zeros((n, 1))
    filled = np.clip(np.nan_to_num(residual[-20_000:]), -CLIP, CLIP)
    now, after = filled[:-1], filled[1:]
    power = np.maximum(np.einsum("tn,tn->n", now, now), 1e-9)
    own = np.einsum("tn,tn->n", now, after) / power
    news = after - own * now
    spread = np.sqrt(np.maximum(np.einsum("tn,tn->n", news, news), 1e-9))
    ahead = (now.T @ news) / np.sqrt(power)[:, None] / spread
    np.fill_diagonal(ahead, -np.inf)
    best = np.argsort(-ahead, axis=0, kind="stable")[:most].T
    strength = np.take_along_axis(ahead.T, best, axis=1)
    strength = np.where(strength > 3.0 / np.sqrt(len(filled)), strength, 0.0)
    return _shares(np.where(strength > 0, best, -1).astype(np.int64), strength)


def given_neighbors(neighbors: Integers) -> tuple[Integers, Floats]:
    """Return equal weights for neighbors that the road graph names."""
    return _shares(neighbors, (neighbors >= 0).astype(np.float64))


def _shares(neighbors: Integers, strength: Floats) -> tuple[Integers, Floats]:
    total = strength.sum(axis=1, keepdims=True)
    share = np.divide(strength, total, out=np.zeros_like(strength), where=total > 0)
    return np.ascontiguousarray(neighbors), np.ascontiguousarray(share)


def plain_correction(
    scale: Floats, neighbors: Integers, share: Floats, horizons: int, step_s: int
) -> Correction:
    """Return weights for a network of which too little is known to learn any.

    A moving average of the own residuals is carried forward and fades; the first day of a
    network is predicted like this.
    """
    n = scale.size
    pooled = np.zeros((horizons, FEATURES))
    ahead = np.arange(1, horizons + 1)
    pooled[:, rows.EWMA + 1] = 0.5 * 0.97**ahead
    pooled[:, rows.MEAN + 1] = 0.3 * 0.97**ahead
    own = np.zeros((horizons, OWN_ROWS.size, n))
    return Correction(scale, np.zeros((n, 0)), neighbors, share, moving_rates(step_s), pooled, own)


def fit_correction(
    residuals: Residuals,
    scale: Floats,
    neighbors: Integers | None,
    horizons: int,
    step_s: int,
) -> tuple[Correction, Floats, Integers]:
    """Learn the weights.

    Parameters
    ----------
    residuals
        Of days that their own profile had not seen.
    scale
        Scatter of each detector, [N].
    neighbors
        From the road graph, [N, M], or None to find them.
    horizons
        Steps to predict.
    step_s
        Length of a step, s.

    Returns
    -------
    correction : Correction
    errors : ndarray
        Scaled errors at the origins that were used, [H, K, N]; NaN where nothing was counted.
    origins : ndarray
        Those origins, int64[K].
    """
    values = residuals.values
    steps, n = values.shape
    near = find_neighbors(values) if neighbors is None else given_neighbors(neighbors)
    rates = moving_rates(step_s)
    warm = min(steps // 4, 86_400 // step_s)
    every = max(1, -(-(steps - warm) * n // GRAM_CELLS))
    origins = np.arange(warm, steps - horizons, every, dtype=np.int64)
    day_rows = 86_400 / step_s / every
    lessons = [(values[origins + h], residuals.weight[origins + h]) for h in range(1, horizons + 1)]
    tested = [lessons[h] for h in sorted({0, horizons - 1})]
    split = int(len(origins) * 0.7)
    best = float("inf")
    tried = -1
    for count in FACTOR_COUNTS:
        directions = network_factors(values, count)
        if directions.shape[1] == tried:
            break
        tried = directions.shape[1]
        features = _features(values, directions, near, rates, origins)
        starts = [
            squares_weights(features[:split], target[:split], weight[:split], RIDGES)
            for target, weight in tested
        ]
        for at, candidate in enumerate(RIDGES):
            left = [
                _rest(features, *lesson, candidate, split, start[at])
                for lesson, start in zip(tested, starts, strict=True)
            ]
            found = _late_loss(left, tested, split)
            if found < best:
                best, loading, ridge = found, directions, candidate
                table, rests = features, left
    own_days = float("inf")
    for days in OWN_DAYS:
        left = []
        for rest in rests:
            early = own_weights(table[:split], rest[:split], days * day_rows)
            left.append(rest - _own_part(table, early))
        found = _late_loss(left, tested, split)
        if found < best:
            best, own_days = found, days
    pooled = np.zeros((horizons, FEATURES))
    own = np.zeros((horizons, OWN_ROWS.size, n))
    errors = np.empty((horizons, len(origins), n))
    for h, (target, weight) in enumerate(lessons):
        # What holds for one horizon is near to what holds for the next.
        pooled[h] = pooled_weights(table, target, weight, ridge, pooled[h - 1] if h else None)
        errors[h] = target - table @ pooled[h]
        if np.isfinite(own_days):
            own[h] = own_weights(table, errors[h], own_days * day_rows)
            errors[h] -= _own_part(table, own[h])
    return Correction(scale, loading, *near, rates, pooled, own), errors, origins


def _features(
    values: Floats, loading: Floats, near: tuple[Integers, Floats], rates: Floats, origins: Integers
) -> Floats:
    """Return the features after some of the intervals, [K, N, FEATURES]."""
    n = values.shape[1]
    table = np.empty((len(origins), n, FEATURES))
    factors = np.zeros((rows.FACTORS, loading.shape[1]))
    x = np.zeros((FEATURES, n))
    observe_many(values, FADE, loading, near[0], near[1], rates, factors, x, origins, table)
    return table


def pooled_weights(
    table: Floats, target: Floats, weight: Floats, ridge: float, start: Floats | None = None
) -> Floats:
    """Return the weights shared by all detectors for one horizon, [FEATURES].

    Parameters
    ----------
    table
        Features, [K, N, FEATURES].
    target, weight
        Residuals to predict, NaN where there are none, and vehicles per unit, [K, N].
    ridge
        Penalty per observation.
    start
        Weights near the wanted ones, or None to begin from least squares.
    """
    if np.count_nonzero(np.isfinite(target)) < FEATURES:
        return np.zeros(FEATURES)
    out = squares_weights(table, target, weight, (ridge,))[0] if start is None else start
    for _ in range(PASSES):
        total, gram, side = _equations(table, target, weight, out, LEAST_ERROR)
        out = _solved(gram, side, total, ridge)
    return out


def squares_weights(
    table: Floats, target: Floats, weight: Floats, ridges: Sequence[float]
) -> list[Floats]:
    """Return the weights of least squares for each ridge, each [FEATURES]."""
    equations = _equations(table, target, weight, np.zeros(FEATURES), np.inf)
    total, gram, side = equations
    return [_solved(gram, side, total, ridge) for ridge in ridges]


def _equations(
    table: Floats, target: Floats, weight: Floats, present: Floats, least: float
) -> tuple[float, Floats, Floats]:
    gram, side = np.empty((FEATURES, FEATURES)), np.empty(FEATURES)
    total = rows.normal_equations(table, target, weight, present, least, gram, side)
    return float(total), gram, side


def _solved(gram: Floats, side: Floats, total: float, ridge: float) -> Floats:
    if total <= 0:
        return np.zeros(FEATURES)
    penalty = np.full(FEATURES, ridge + 1e-9)
    penalty[rows.ONE] = 1e-9
    solved = np.linalg.solve(gram + np.diag(penalty * total), side)
    return np.asarray(solved, dtype=np.float64)


def own_weights(table: Floats, rest: Floats, rows_half: float) -> Floats:
    """Return what each detector's own weights differ by, [G, N].

    Parameters
    ----------
    table
        Features, [K, N, FEATURES].
    rest
        What the shared weights leave over, [K, N].
    rows_half
        So many observations make a detector's own weights half believed.
    """
    seen = np.isfinite(rest)
    goal = np.clip(np.where(seen, rest, 0.0), -CLIP, CLIP)
    mine = table[:, :, OWN_ROWS].transpose(1, 0, 2)
    power = np.maximum(np.square(mine).mean(axis=(0, 1)), 1e-6)
    held = np.where(seen.T[:, :, None], mine, 0.0)
    gram = held.transpose(0, 2, 1) @ held + np.diag(power * rows_half + 1e-9)
    side = held.transpose(0, 2, 1) @ goal.T[:, :, None]
    return np.ascontiguousarray(np.linalg.solve(gram, side)[..., 0].T)


def _own_part(table: Floats, own: Floats) -> Floats:
    out: Floats = np.einsum("kng,gn->kn", table[:, :, OWN_ROWS], own)
    return out


def _rest(
    table: Floats, target: Floats, weight: Floats, ridge: float, split: int, start: Floats
) -> Floats:
    """Return what shared weights of the earlier origins leave over, [K, N]."""
    shared = pooled_weights(table[:split], target[:split], weight[:split], ridge, start)
    out: Floats = target - table @ shared
    return out


def _late_loss(rests: list[Floats], lessons: list[tuple[Floats, Floats]], split: int) -> float:
    """Return the absolute error, in vehicles, of the later origins."""
    return sum(
        float(np.nansum(np.abs(rest[split:]) * weight[split:]))
        for rest, (_, weight) in zip(rests, lessons, strict=True)
    )
