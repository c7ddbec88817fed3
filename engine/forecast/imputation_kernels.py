"""Kernel of imputation: residuals of silent detectors from their live neighbors."""

# numba's decorators carry no types; the kernels' own signatures are annotated.

from __future__ import annotations

import numpy as np
from numba import njit

from engine.forecast.sensing_kernels import CLIPPED_SD, Floats, Integers


@njit(cache=True, error_model="numpy")
def impute(
    residual: Floats,
    neighbor: Integers,
    covariance: Floats,
    ridge: float,
    estimate: Floats,
    variance: Floats,
    work: Floats,
) -> None:
    """Estimate every residual from the live ones among its neighbors by ridge regression.

    Parameters
    ----------
    residual
        [detector], NaN where the detector is not to be believed.
    neighbor
        [detector, K], padded with -1.
    covariance
        [detector, K + 1, K + 1]; row 0 is the detector itself, row 1 + k its neighbor k.
    ridge
        Added to the variances of the neighbors, > 0.
    estimate, variance
        [detector], filled in: the conditional mean and variance; 0 and the detector's own
        variance where no neighbor is live.
    work
        [K, K + 2], overwritten: the system, its right side, and the neighbors that are live.
    """
    most = neighbor.shape[1]
    right, who = most, most + 1
    for d in range(residual.size):
        live = 0
        for k in range(most):
            other = neighbor[d, k]
            if other >= 0 and np.isfinite(residual[other]):
                work[live, who] = k
                live += 1
        for i in range(live):
            a = int(work[i, who]) + 1
            for j in range(i + 1):
                work[i, j] = covariance[d, a, int(work[j, who]) + 1]
            work[i, i] += ridge
            work[i, right] = covariance[d, a, 0]
        # Cholesky: the lower triangle becomes its factor, the right side the forward solution.
        for i in range(live):
            for j in range(i + 1):
                total = work[i, j]
                for k in range(j):
                    total -= work[i, k] * work[j, k]
                work[i, j] = total / work[j, j] if j < i else np.sqrt(max(total, ridge))
            total = work[i, right]
            for k in range(i):
                total -= work[i, k] * work[k, right]
            work[i, right] = total / work[i, i]
        explained = 0.0
        for i in range(live):
            explained += work[i, right] * work[i, right]
        for i in range(live - 1, -1, -1):
            total = work[i, right]
            for k in range(i + 1, live):
                total -= work[k, i] * work[k, right]
            work[i, right] = total / work[i, i]
        mean = 0.0
        for i in range(live):
            seen = residual[neighbor[d, int(work[i, who])]]
            mean += work[i, right] * min(max(seen, -CLIPPED_SD), CLIPPED_SD)
        estimate[d] = mean
        variance[d] = max(covariance[d, 0, 0] - explained, 0.0)
