"""The loops of the forecaster: one step of the live state, sums over days, interval limits.

All counts arrive on the root scale, ``2 sqrt(count + 3/8)``, on which Poisson counts scatter with
a standard deviation of one whatever their size (Anscombe 1948, doi:10.1093/biomet/35.3-4.246). A
residual is the distance from the profile on that scale, divided by the detector's own scatter.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Rows of the feature table, one column per detector.
LAGS = 6
EWMA = LAGS
EWMAS = 4
FACTOR = EWMA + EWMAS
FACTORS = 4
MEAN = FACTOR + FACTORS
MEANS = 2
NEAR = MEAN + MEANS
NEARS = 3
ONE = NEAR + NEARS
FEATURES = ONE + 1

BLOCK = 512

CLIP = 6.0
"""Residuals beyond so many standard deviations are held there: incidents are not learned."""


@njit(cache=True, error_model="numpy")
def add_days(
    z: Floats, day: Integers, slot: Integers, kind: Integers, weight: Floats, sums: Floats
) -> None:
    """Add weighted counts and weights by day type and time of day.

    Parameters
    ----------
    z
        Counts on the root scale, [T, N]; NaN is left out.
    day, slot
        Day number and time of day of each row, [T].
    kind, weight
        Type and weight of each day, [D].
    sums
        [2, K, S, N], weighted values and weights; added to.
    """
    for t in range(z.shape[0]):
        w = weight[day[t]]
        if w == 0.0:
            continue
        values = sums[0, kind[day[t]], slot[t]]
        weights = sums[1, kind[day[t]], slot[t]]
        for n in range(z.shape[1]):
            value = z[t, n]
            if not np.isnan(value):
                values[n] += w * value
                weights[n] += w


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def smooth_circle(values: Floats, kernel: Floats, out: Floats) -> None:
    """Smooth over the time of day, which is a circle.

    Parameters
    ----------
    values
        [B, S, N].
    kernel
        Weights of the slots around each one, of odd length up to S.
    out
        [B, S, N]; overwritten.
    """
    slots = values.shape[1]
    reach = kernel.size // 2
    for b in range(values.shape[0]):
        for s in range(slots):
            row = out[b, s]
            row[:] = 0.0
            for k in range(kernel.size):
                weight = kernel[k]
                near = values[b, (s + k - reach + slots) % slots]
                for n in range(row.size):
                    row[n] += weight * near[n]


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _add_four(rows: Floats, scaled: Floats, gram: Floats) -> None:
    for f in range(gram.shape[0]):
        into = gram[f]
        first, second, third, fourth = scaled[0, f], scaled[1, f], scaled[2, f], scaled[3, f]
        for g in range(into.size):
            into[g] += (
                first * rows[0, g] + second * rows[1, g] + third * rows[2, g] + fourth * rows[3, g]
            )


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def normal_equations(
    table: Floats,
    goal: Floats,
    used: Floats,
    weights: Floats,
    least: float,
    gram: Floats,
    side: Floats,
) -> float:
    """Add up the normal equations of a regression reweighted toward least absolute error.

    Parameters
    ----------
    table, goal
        Features, [K, N, F], and what they shall explain, [K, N]; NaN is left out.
    used
        Importance of each observation, [K, N].
    weights
        Present weights; each observation counts by its importance over its present error, [F].
    least
        Errors count as this at least; infinite for importance alone.
    gram, side
        [F, F] and [F]; overwritten.

    Returns
    -------
    float
        Sum of how much the observations count.
    """
    features = weights.size
    gram[:] = 0.0
    side[:] = 0.0
    total = 0.0
    plain = np.isinf(least)
    # Four observations at a time: the matrix is read and written a quarter as often.
    rows, scaled = np.zeros((4, features)), np.zeros((4, features))
    filled = 0
    for k in range(table.shape[0]):
        for n in range(table.shape[1]):
            wanted = goal[k, n]
            if np.isnan(wanted):
                continue
            wanted = min(max(wanted, -CLIP), CLIP)
            row = table[k, n]
            counts = used[k, n]
            if not plain:
                told = 0.0
                for f in range(features):
                    told += weights[f] * row[f]
                counts /= max(abs(wanted - told), least)
            total += counts
            for f in range(features):
                rows[filled, f] = row[f]
                scaled[filled, f] = counts * row[f]
                side[f] += scaled[filled, f] * wanted
            filled += 1
            if filled == 4:
                _add_four(rows, scaled, gram)
                filled = 0
    scaled[filled:] = 0.0
    _add_four(rows, scaled, gram)
    return total


@njit(cache=True, error_model="numpy")
def observe(
    residual: Floats,
    fade: float,
    loading: Floats,
    neighbors: Integers,
    share: Floats,
    rates: Floats,
    factors: Floats,
    x: Floats,
) -> None:
    """Take in one interval: update every feature of every detector in place.

    Parameters
    ----------
    residual
        [N]; NaN where there is no good count.
    fade
        A missing residual is taken to be its slower average times this.
    loading
        Columns of unit length along which the network moves together, [N, R].
    neighbors, share
        Neighbors of each detector, -1 for none, and their weights, [N, M].
    rates
        Weight of the newest value: `EWMAS` own ones, then `FACTORS` of the network's, then
        `MEANS` of the mean's, then `NEARS` - 1 of the neighbors'.
    factors
        Moving averages of the network's factors, [FACTORS, R]; updated.
    x
        Features, [FEATURES, N]; updated.
    """
    n_count = residual.size
    r_count = loading.shape[1]
    for lag in range(LAGS - 1, 0, -1):
        x[lag] = x[lag - 1]
    newest = x[0]
    total = 0.0
    live = 0
    for n in range(n_count):
        value = residual[n]
        if np.isnan(value):
            value = fade * x[EWMA + 1, n]
        else:
            live += 1
            total += min(max(value, -CLIP), CLIP)
        newest[n] = min(max(value, -CLIP), CLIP)
    for e in range(EWMAS):
        rate = rates[e]
        row = x[EWMA + e]
        for n in range(n_count):
            row[n] += rate * (newest[n] - row[n])
    mean = total / live if live > 0 else 0.0
    for k in range(MEANS):
        row = x[MEAN + k]
        row[:] = row[0] + rates[EWMAS + FACTORS + k] * (mean - row[0])
    for r in range(r_count):
        seen = 0.0
        power = 0.0
        for n in range(n_count):
            if not np.isnan(residual[n]):
                seen += loading[n, r] * newest[n]
                power += loading[n, r] * loading[n, r]
        # Where much of the network is silent, what is heard is not blown up without bound.
        value = seen / max(power, 0.1)
        for k in range(FACTORS):
            factors[k, r] += rates[EWMAS + k] * (value - factors[k, r])
    for k in range(FACTORS):
        row = x[FACTOR + k]
        for n in range(n_count):
            value = 0.0
            for r in range(r_count):
                value += loading[n, r] * factors[k, r]
            row[n] = value
    for n in range(n_count):
        value = 0.0
        for m in range(neighbors.shape[1]):
            if neighbors[n, m] >= 0:
                value += share[n, m] * newest[neighbors[n, m]]
        x[NEAR, n] = value
        for k in range(NEARS - 1):
            rate = rates[EWMAS + FACTORS + MEANS + k]
            x[NEAR + 1 + k, n] += rate * (value - x[NEAR + 1 + k, n])
        x[ONE, n] = 1.0


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def foresee(
    x: Floats,
    pooled: Floats,
    own_rows: Integers,
    own: Floats,
    scale: Floats,
    profiles: Floats,
    kinds: Integers,
    slots: Integers,
    out: Floats,
) -> None:
    """Predict every detector at every horizon on the root scale.

    Parameters
    ----------
    x
        Features, [FEATURES, N].
    pooled
        Weights that all detectors share, [H, FEATURES].
    own_rows, own
        Features with weights of a detector's own, [G], and those weights, [H, G, N].
    scale
        Scatter of each detector, [N].
    profiles
        Profiles of all day types, [K, S, N].
    kinds, slots
        Day type and time of day of the predicted intervals, [H].
    out
        Predictions, [H, N]; overwritten.
    """
    h_count, n_count = out.shape
    # In blocks, so that the features of one stay in the cache over all horizons.
    for begin in range(0, n_count, BLOCK):
        end = min(begin + BLOCK, n_count)
        for h in range(h_count):
            row = out[h, begin:end]
            target = profiles[kinds[h], slots[h], begin:end]
            spread = scale[begin:end]
            row[:] = 0.0
            for f in range(x.shape[0]):
                weight = pooled[h, f]
                feature = x[f, begin:end]
                for n in range(row.size):
                    row[n] += weight * feature[n]
            for g in range(own_rows.size):
                feature = x[own_rows[g], begin:end]
                weights = own[h, g, begin:end]
                for n in range(row.size):
                    row[n] += weights[n] * feature[n]
            for n in range(row.size):
                row[n] = target[n] + spread[n] * row[n]


@njit(cache=True, error_model="numpy")
def observe_many(
    residuals: Floats,
    fade: float,
    loading: Floats,
    neighbors: Integers,
    share: Floats,
    rates: Floats,
    factors: Floats,
    x: Floats,
    rows: Integers,
    kept: Floats,
) -> None:
    """Take in many intervals one after the other and keep the features after some of them.

    Parameters
    ----------
    residuals
        [T, N].
    fade, loading, neighbors, share, rates, factors, x
        As in `observe`.
    rows
        Intervals whose features are kept, ascending, [K].
    kept
        [K, N, FEATURES]; overwritten.
    """
    at = 0
    for t in range(residuals.shape[0]):
        observe(residuals[t], fade, loading, neighbors, share, rates, factors, x)
        if at < rows.size and rows[at] == t:
            for f in range(FEATURES):
                for n in range(x.shape[1]):
                    kept[at, n, f] = x[f, n]
            at += 1


@njit(cache=True, error_model="numpy")
def calibrate(
    z: Floats,
    made: Floats,
    now: int,
    scale: Floats,
    edges: Floats,
    levels: Floats,
    pace: float,
    first: int,
    stride: int,
    limits: Floats,
) -> None:
    """Move interval limits toward their nominal coverage (Gibbs and Candes, arXiv 2106.00170).

    Parameters
    ----------
    z
        Counts that came, on the root scale, [N]; NaN is left out.
    made
        Earlier predictions by origin (a ring), horizon and detector, [H, H, N]; NaN for none.
    now
        Number of the interval; what was predicted h + 1 intervals before it lies in ring place
        ``(now - h - 1) % H``.
    scale
        Scatter of each detector, widened where it was silent, [N].
    edges
        Predictions at which the classes of flow part, ascending, [L - 1].
    levels
        Nominal probabilities, ascending, [Q].
    pace
        Step of a limit for one count on its wrong side, in standard deviations. Every count moves
        the limits alike, whether its class is crowded in this interval or not: so shares of
        counts come out right, not means over intervals.
    first, stride
        Detectors to look at.
    limits
        Scaled limits, [H, L, Q]; moved. They may cross by little.
    """
    h_count, l_count, q_count = limits.shape
    below = np.zeros((l_count, q_count))
    seen = np.zeros(l_count)
    for h in range(h_count):
        below[:] = 0.0
        seen[:] = 0.0
        past = made[(now - h - 1) % h_count, h]
        for n in range(first, z.size, stride):
            error = (z[n] - past[n]) / scale[n]
            if np.isnan(error):
                continue
            k = 0
            for e in range(l_count - 1):
                k += past[n] > edges[e]
            seen[k] += 1.0
            for q in range(q_count):
                below[k, q] += error <= limits[h, k, q]
        for k in range(l_count):
            for q in range(q_count):
                limits[h, k, q] += pace * (levels[q] * seen[k] - below[k, q])


@njit(cache=True, error_model="numpy")
def type_scores(
    z: Floats,
    active: Floats,
    profiles: Floats,
    kinds: Integers,
    slot: int,
    scale: Floats,
    scores: Floats,
) -> None:
    """Add how much better each profile explains one interval than the active one.

    Parameters
    ----------
    z
        Counts on the root scale, [N]; NaN is left out.
    active
        Profile of the announced type, [N].
    profiles, kinds, slot
        Profiles of all types, [K, S, N], the types to compare, [C], and the time of day.
    scale
        Scatter of each detector, [N].
    scores
        [C]; added to, as the mean over detectors of half the difference of clipped squares.
    """
    for c in range(kinds.size):
        rival = profiles[kinds[c], slot]
        total = 0.0
        seen = 0
        for n in range(z.size):
            if np.isnan(z[n]):
                continue
            mine = (z[n] - active[n]) / scale[n]
            other = (z[n] - rival[n]) / scale[n]
            gain = 0.5 * (min(mine * mine, CLIP * CLIP) - min(other * other, CLIP * CLIP))
            total += gain
            seen += 1
        if seen > 0:
            scores[c] += total / seen
