"""Residuals of silent detectors, estimated from the neighbors that are alive.

Counts are never filled in: a profile that is scaled by an estimated residual keeps the shape of
its own day, a count copied from a neighbor does not. Whose residual was estimated stays known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.forecast import imputation_kernels as kernels
from engine.forecast.sensing_kernels import CLIPPED_SD
from network.errors import InsufficientDataError

RIDGE = 0.05
"""Added to the variances of neighbors, in their own units of one (scaled residuals)."""

MOST_UNPLACED = 3000
"""More detectors than these need neighbors from the road graph; correlating all pairs is slow."""

_BLOCK = 512


@dataclass(frozen=True, slots=True, eq=False)
class Neighborhood:
    """How detectors vary together.

    Attributes
    ----------
    neighbor
        Rows of the neighbors of each detector, int32[D, K], padded with -1.
    covariance
        Of the scaled residuals of a detector (first) and its neighbors, [D, K + 1, K + 1].
    """

    neighbor: NDArray[np.int32]
    covariance: NDArray[np.float64]

    def __post_init__(self) -> None:
        rows, most = self.neighbor.shape
        if self.covariance.shape != (rows, most + 1, most + 1):
            raise InsufficientDataError(
                f"covariances have shape {list(self.covariance.shape)}; allowed is "
                f"{[rows, most + 1, most + 1]}"
            )
        if self.neighbor.size and not -1 <= self.neighbor.min() <= self.neighbor.max() < rows:
            raise InsufficientDataError(
                f"neighbors run from {self.neighbor.min()} to {self.neighbor.max()}; allowed "
                f"are -1 to {rows - 1}"
            )
        self.neighbor.setflags(write=False)
        self.covariance.setflags(write=False)

    def weights(self, ridge: float = RIDGE) -> NDArray[np.float64]:
        """Return the regression weights with every neighbor alive, [D, K]."""
        rows, most = self.neighbor.shape
        weights = np.zeros((rows, most))
        for d in range(rows):
            there = np.flatnonzero(self.neighbor[d] >= 0)
            if there.size:
                matrix = self.covariance[d][np.ix_(there + 1, there + 1)]
                right = self.covariance[d][there + 1, 0]
                weights[d, there] = np.linalg.solve(matrix + ridge * np.eye(there.size), right)
        return weights

    def fill(
        self, residual: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Estimate the residuals of detectors that are not to be believed.

        Parameters
        ----------
        residual
            Scaled residuals, [D]; NaN where the detector is missing or faulty.

        Returns
        -------
        residual : ndarray
            [D], without NaN; measured where it was measured.
        variance : ndarray
            [D], 0 where it was measured, else of the estimate.
        imputed : ndarray of bool
            [D], which ones were estimated.
        """
        residual = np.ascontiguousarray(residual, dtype=np.float64)
        estimate, variance = np.empty_like(residual), np.empty_like(residual)
        most = self.neighbor.shape[1]
        work = np.empty((most, most + 2))
        kernels.impute(residual, self.neighbor, self.covariance, RIDGE, estimate, variance, work)
        imputed = ~np.isfinite(residual)
        return (
            np.where(imputed, estimate, residual),
            np.where(imputed, variance, 0.0),
            imputed,
        )


def learn_neighborhood(
    residual: NDArray[np.float64],
    most: int = 6,
    neighbor: NDArray[np.int32] | None = None,
) -> Neighborhood:
    """Learn how residuals vary together.

    Parameters
    ----------
    residual
        Scaled residuals of the fit span, [I, D]; NaN where unknown. Clipped at 4 standard
        deviations, so that incidents do not make neighbors.
    most
        Neighbors per detector, where they are chosen by correlation.
    neighbor
        Who is whose neighbor on the road graph, [D, K], padded with -1; None to choose the most
        correlated ones.

    Returns
    -------
    Neighborhood

    Raises
    ------
    InsufficientDataError
        If there are no residuals, or too many detectors to choose neighbors by correlation.
    """
    if residual.ndim != 2 or not residual.size:
        raise InsufficientDataError(
            f"residuals have shape {list(residual.shape)}; allowed is [intervals, detectors] "
            "with at least one of each"
        )
    known = np.isfinite(residual)
    clipped = np.where(known, np.clip(residual, -CLIPPED_SD, CLIPPED_SD), 0.0)
    valid = known.astype(np.float32)
    rows = residual.shape[1]
    if neighbor is None:
        if rows > MOST_UNPLACED:
            raise InsufficientDataError(
                f"{rows} detectors and no neighbors given; up to {MOST_UNPLACED} they are "
                "chosen by correlation"
            )
        neighbor = _most_correlated(clipped, valid, min(most, rows - 1))
    neighbor = np.ascontiguousarray(neighbor, dtype=np.int32)
    width = neighbor.shape[1] + 1
    covariance = np.zeros((rows, width, width))
    scale = np.sqrt(np.maximum(known.sum(axis=0), 1.0))
    for d in range(rows):
        column = np.concatenate([[d], np.maximum(neighbor[d], 0)])
        there = np.concatenate([[True], neighbor[d] >= 0])
        # Each column over its own number of values: pairs over their common ones would be
        # less biased, and no longer positive semidefinite.
        part = clipped[:, column] * there / scale[column]
        covariance[d] = part.T @ part
    return Neighborhood(neighbor, covariance)


def _most_correlated(
    clipped: NDArray[np.float64], valid: NDArray[np.float32], most: int
) -> NDArray[np.int32]:
    rows = clipped.shape[1]
    narrow = clipped.astype(np.float32)
    scale = np.sqrt((narrow**2).sum(axis=0) / np.maximum(valid.sum(axis=0), 1.0))
    narrow /= np.where(scale > 0, scale, 1.0)
    chosen = np.empty((rows, most), dtype=np.int32)
    for begin in range(0, rows, _BLOCK):
        end = min(begin + _BLOCK, rows)
        together = np.maximum(valid[:, begin:end].T @ valid, 1.0)
        correlation = np.abs(narrow[:, begin:end].T @ narrow) / together
        correlation[np.arange(end - begin), np.arange(begin, end)] = -1.0
        # Stable, so that equal correlations always choose the same neighbors.
        order = np.argsort(-correlation, axis=1, kind="stable")
        chosen[begin:end] = order[:, :most]
    return chosen
