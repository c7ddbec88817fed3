"""How predicted counts scatter, and their mean and standard deviation when somebody asks.

The central forecast minimizes the absolute error and is no mean; sums over detectors need means.
Both moments come from the followed limits, so that they are those of the counts as they came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.forecast.intervals import LEVELS, limits_at
from engine.forecast.profile import from_root

Floats = NDArray[np.float64]


def _weights() -> Floats:
    """Return what each followed quantile weighs in a mean; straight lines between, flat beyond."""
    edges = np.concatenate(([0.0], (LEVELS[1:] + LEVELS[:-1]) / 2.0, [1.0]))
    out: Floats = np.diff(edges)
    return out


WEIGHTS = _weights()


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Distributions of counts on the root scale.

    Attributes
    ----------
    center, width
        Central forecast and unit of the limits, [H, N].
    place
        Class of flow, [H, N].
    limits
        In units of the width, [H, CLASSES, len(LEVELS)].
    """

    center: Floats
    width: Floats
    place: NDArray[np.int64]
    limits: Floats

    def quantiles(self, wanted: Sequence[float]) -> Floats:
        """Return quantiles of the counts, vehicles, [Q, H, N], in the order of their probabilities.

        Raises
        ------
        CountError
            If a probability is not between 0 and 1.
        """
        at = limits_at(self.limits, wanted)[np.arange(len(self.center))[:, None], self.place]
        z = self.center + self.width * np.moveaxis(at, -1, 0)
        # Sorting repairs what rounding may cross; it follows the order of the probabilities.
        counts = np.sort(from_root(z), axis=0, kind="stable")
        return counts[np.argsort(np.argsort(wanted, kind="stable"), kind="stable")]

    def moments(self) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of the counts, vehicles, [H, N] each."""
        rows = np.arange(len(self.center))[:, None]
        mean, square = np.zeros_like(self.center), np.zeros_like(self.center)
        for k, weight in enumerate(WEIGHTS):
            count = from_root(self.center + self.width * self.limits[rows, self.place, k])
            mean += weight * count
            square += weight * count * count
        return mean, np.sqrt(np.maximum(square - mean * mean, 0.0))
