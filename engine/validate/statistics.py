"""Paired comparison over seeds.

Assumed: the same seed draws the same traffic for both sides, seeds are independent, and the
differences are close enough to normal for Student's t (a handful of seeds cannot show
otherwise). Gridlock in single seeds breaks that assumption and shows as a wide interval,
not as a wrong one-sided claim. Several measures are compared without correction for their
number; the verdict rests on delay alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy.stats import t as student_t

from network.errors import InsufficientDataError

CONFIDENCE: Final = 0.95
Verdict = Literal["better", "worse", "no clear difference"]


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of the paired differences with its confidence interval, in the measure's unit."""

    mean: float
    low: float
    high: float


def paired_difference(
    baseline: Sequence[float], candidate: Sequence[float], confidence: float = CONFIDENCE
) -> Difference:
    """Compare two samples taken under the same seeds: candidate minus baseline.

    Parameters
    ----------
    baseline, candidate
        One value per seed, in the same order of seeds; length n.
    confidence
        Coverage of the interval.

    Returns
    -------
    Difference
        ``mean ± t(n − 1) · s / √n``; NaN throughout if a value is NaN.

    Raises
    ------
    InsufficientDataError
        Fewer than two pairs, or samples of different length.

    Notes
    -----
    Student's paired t interval, e.g. Law, *Simulation Modeling and Analysis*, 5th ed.,
    section 10.2.1.
    """
    if len(baseline) != len(candidate):
        raise InsufficientDataError(
            f"{len(baseline)} baseline and {len(candidate)} candidate runs are not pairs"
        )
    n = len(baseline)
    if n < 2:
        raise InsufficientDataError(f"an interval needs at least 2 seeds, {n} given; add seeds")
    gaps = np.asarray(candidate, dtype=np.float64) - np.asarray(baseline, dtype=np.float64)
    mean = float(gaps.mean())
    quantile = float(student_t.ppf(0.5 + confidence / 2, n - 1))
    half_width = quantile * float(gaps.std(ddof=1)) / math.sqrt(n)
    return Difference(mean, mean - half_width, mean + half_width)


def delay_verdict(difference: Difference) -> Verdict:
    """Judge a difference of delays: clear only if its whole interval lies on one side."""
    if difference.high < 0:
        return "better"
    if difference.low > 0:
        return "worse"
    return "no clear difference"
