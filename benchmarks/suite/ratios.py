"""Ratios of two controllers over paired seeds, with the interval that belongs to them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student_t

from engine.validate.statistics import CONFIDENCE
from network.errors import InsufficientDataError


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ratio of two means with its interval; infinite ends where the seeds do not tell."""

    value: float
    low: float
    high: float

    def verdict(self, limit: float) -> str:
        """Say whether a ratio is at most a limit: the whole interval decides."""
        if self.high <= limit:
            return "met"
        if self.low > limit:
            return "missed"
        return "within noise, " + ("met" if self.value <= limit else "missed")


def paired_ratio(
    candidate: Sequence[float], baseline: Sequence[float], confidence: float = CONFIDENCE
) -> Ratio:
    """Compare two samples taken under the same seeds: candidate over baseline.

    Parameters
    ----------
    candidate, baseline
        One positive value per seed, in the same order of seeds.
    confidence
        Coverage of the interval.

    Raises
    ------
    InsufficientDataError
        Fewer than two pairs, samples of different length, or a baseline without a positive mean.

    Notes
    -----
    Fieller's interval (1954, *J. R. Stat. Soc. B* 16, 175-185): all ratios r for which a paired t
    test does not reject that candidate - r baseline is 0 on the mean.
    """
    if len(candidate) != len(baseline):
        raise InsufficientDataError(f"{len(candidate)} and {len(baseline)} runs are not pairs")
    n = len(candidate)
    if n < 2:
        raise InsufficientDataError(f"an interval needs at least 2 seeds, {n} given; add seeds")
    ours, theirs = np.asarray(candidate, np.float64), np.asarray(baseline, np.float64)
    a_mean, b_mean = float(ours.mean()), float(theirs.mean())
    if not b_mean > 0:
        raise InsufficientDataError(f"a ratio to a mean of {b_mean:g} says nothing")
    covariance = np.cov(ours, theirs, ddof=1)
    factor = float(student_t.ppf(0.5 + confidence / 2, n - 1)) ** 2 / n
    a = b_mean**2 - factor * float(covariance[1, 1])
    b = a_mean * b_mean - factor * float(covariance[0, 1])
    c = a_mean**2 - factor * float(covariance[0, 0])
    root = b * b - a * c
    if a <= 0 or root < 0:
        return Ratio(a_mean / b_mean, -math.inf, math.inf)
    half = math.sqrt(root)
    return Ratio(a_mean / b_mean, (b - half) / a, (b + half) / a)
