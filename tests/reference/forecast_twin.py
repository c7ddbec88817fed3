"""Plain twins of the forecaster's kernels, one detector and one horizon at a time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LAGS, EWMAS, FACTORS, MEANS, NEARS = 6, 4, 4, 2, 3
CLIP = 6.0


def clipped(value: float) -> float:
    """Hold a residual within six standard deviations."""
    return max(-CLIP, min(CLIP, value))


def add_days(
    z: Floats, day: Integers, slot: Integers, kind: Integers, weight: Floats, sums: Floats
) -> Floats:
    """Return sums with weighted counts and weights added by day type and time of day."""
    out = sums.copy()
    for (t, n), value in np.ndenumerate(z):
        if not math.isnan(value):
            w = weight[day[t]]
            out[0, kind[day[t]], slot[t], n] += w * value
            out[1, kind[day[t]], slot[t], n] += w
    return out


def observe(
    residual: Floats,
    fade: float,
    loading: Floats,
    neighbors: Integers,
    share: Floats,
    rates: Floats,
    factors: Floats,
    x: Floats,
) -> tuple[Floats, Floats]:
    """Return factors and features after one more interval."""
    n_count, r_count = loading.shape
    own_rates = rates[:EWMAS]
    factor_rates = rates[EWMAS : EWMAS + FACTORS]
    mean_rates = rates[EWMAS + FACTORS : EWMAS + FACTORS + MEANS]
    near_rates = rates[EWMAS + FACTORS + MEANS :]
    live = [n for n in range(n_count) if not math.isnan(residual[n])]
    newest = [
        clipped(residual[n]) if n in live else clipped(fade * x[LAGS + 1, n])
        for n in range(n_count)
    ]
    mean = sum(newest[n] for n in live) / len(live) if live else 0.0
    new_factors = factors.copy()
    for r in range(r_count):
        power = sum(loading[n, r] ** 2 for n in live)
        seen = sum(loading[n, r] * newest[n] for n in live) / max(power, 0.1)
        for k in range(FACTORS):
            new_factors[k, r] += factor_rates[k] * (seen - factors[k, r])
    out = x.copy()
    for n in range(n_count):
        lags = [newest[n], *x[: LAGS - 1, n]]
        averages = [a + rate * (newest[n] - a) for a, rate in zip(x[LAGS:, n], own_rates)]  # noqa: B905
        common = [
            sum(loading[n, r] * new_factors[k, r] for r in range(r_count)) for k in range(FACTORS)
        ]
        at = LAGS + EWMAS + FACTORS
        means = [x[at + k, 0] + mean_rates[k] * (mean - x[at + k, 0]) for k in range(MEANS)]
        near = sum(share[n, m] * newest[j] for m, j in enumerate(neighbors[n]) if j >= 0)
        at += MEANS
        nears = [near] + [
            x[at + 1 + k, n] + near_rates[k] * (near - x[at + 1 + k, n]) for k in range(NEARS - 1)
        ]
        out[:, n] = [*lags, *averages, *common, *means, *nears, 1.0]
    return new_factors, out


def foresee(
    x: Floats,
    pooled: Floats,
    own_rows: Integers,
    own: Floats,
    scale: Floats,
    target: Floats,
) -> Floats:
    """Return predictions on the root scale, [H, N]; `target` is the profile, [H, N]."""
    out = np.empty_like(target)
    for h, n in np.ndindex(*target.shape):
        found = sum(pooled[h, f] * x[f, n] for f in range(len(x)))
        found += sum(own[h, g, n] * x[row, n] for g, row in enumerate(own_rows))
        out[h, n] = target[h, n] + scale[n] * found
    return out


def calibrate(
    z: Floats,
    made: Floats,
    now: int,
    scale: Floats,
    edges: Floats,
    levels: Floats,
    pace: float,
    chosen: range,
    limits: Floats,
) -> Floats:
    """Return limits after one more interval."""
    out = limits.copy()
    horizons, classes, _ = limits.shape
    for h in range(horizons):
        past = made[(now - h - 1) % horizons, h]
        for k in range(classes):
            errors = [
                (z[n] - past[n]) / scale[n]
                for n in chosen
                if not math.isnan((z[n] - past[n]) / scale[n])
                and int(np.searchsorted(edges, past[n])) == k
            ]
            for q, level in enumerate(levels):
                below = sum(e <= limits[h, k, q] for e in errors)
                out[h, k, q] += pace * (level * len(errors) - below)
    return out


def type_scores(
    z: Floats, active: Floats, profiles: Floats, kinds: Integers, slot: int, scale: Floats
) -> Floats:
    """Return by how much each type explains one interval better than the active profile."""
    out = np.zeros(len(kinds))
    live = [n for n in range(z.size) if not math.isnan(z[n])]
    for c, kind in enumerate(kinds):
        gains = []
        for n in live:
            mine = min(((z[n] - active[n]) / scale[n]) ** 2, CLIP**2)
            other = min(((z[n] - profiles[kind, slot, n]) / scale[n]) ** 2, CLIP**2)
            gains.append(0.5 * (mine - other))
        out[c] = sum(gains) / len(gains) if gains else 0.0
    return out


def smooth_circle(values: Floats, kernel: Floats) -> Floats:
    """Return values smoothed over the time of day, [B, S, N]."""
    out = np.zeros_like(values)
    slots, reach = values.shape[1], len(kernel) // 2
    for b, s, n in np.ndindex(*values.shape):
        for k, weight in enumerate(kernel):
            out[b, s, n] += weight * values[b, (s + k - reach) % slots, n]
    return out


def normal_equations(
    table: Floats, goal: Floats, used: Floats, weights: Floats, least: float
) -> tuple[float, Floats, Floats]:
    """Return the sum of importances, and both sides of the normal equations."""
    gram, side, total = np.zeros((weights.size, weights.size)), np.zeros(weights.size), 0.0
    for k, n in np.ndindex(*goal.shape):
        if math.isnan(goal[k, n]):
            continue
        wanted = clipped(goal[k, n])
        counts = used[k, n]
        if not math.isinf(least):
            counts /= max(abs(wanted - float(table[k, n] @ weights)), least)
        total += counts
        gram += counts * np.outer(table[k, n], table[k, n])
        side += counts * wanted * table[k, n]
    return total, gram, side
