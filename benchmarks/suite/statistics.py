"""What the runs of a suite say, and how sure that is.

All controllers play the same seeds (common random numbers), so that every comparison is of
paired differences. Intervals are bias-corrected and accelerated bootstrap intervals (Efron, J.
Am. Stat. Assoc. 82, 1987) of the mean difference; single comparisons are tested with Wilcoxon's
signed ranks, or with Student's paired t where the seeds are too few for ranks to tell, all
comparisons of one scenario together corrected by Holm (Scand. J. Stat. 6, 1979); over several
scenarios controllers are ranked and the ranks tested by Friedman (J. Am. Stat. Assoc. 32, 1937).
A difference is called clear only if the interval lies on one side of zero *and* the corrected
test agrees: of a few seeds the bootstrap alone knows too little.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from network.errors import InsufficientDataError

CONFIDENCE: Final = 0.95
LEVEL: Final = 0.05
RESAMPLES: Final = 9999
FEWEST_FOR_A_TEST: Final = 6
"""Pairs below which signed ranks cannot reach the 5 % level, two-sided: 2 / 2**5 = 0.0625."""

Verdict = Literal["better", "worse", "no clear difference"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One controller against another on the same seeds of one street.

    Attributes
    ----------
    pairs
        Seeds that both played.
    mean, low, high
        Mean of the paired differences, candidate minus baseline, with its interval.
    p, p_holm
        Two-sided p, alone and corrected: Wilcoxon's where the pairs of all comparisons are enough
        for it, else Student's.
    ratio
        Mean of the candidate over mean of the baseline.
    verdict
        Where less is better.
    """

    pairs: int
    mean: float
    low: float
    high: float
    p: float
    p_holm: float
    ratio: float
    verdict: Verdict


def bca(differences: Floats, seed: int = 0) -> tuple[float, float]:
    """Return the bootstrap interval of a mean.

    Parameters
    ----------
    differences
        float64[pairs], at least two.
    seed
        Of the resampling.

    Returns
    -------
    tuple of float
        Low and high; both are the value itself where all differences are equal.

    Raises
    ------
    InsufficientDataError
        With fewer than two.
    """
    if len(differences) < 2:
        raise InsufficientDataError(
            f"an interval needs at least 2 seeds, {len(differences)} given; add seeds"
        )
    if np.ptp(differences) == 0.0:
        return float(differences[0]), float(differences[0])
    done = stats.bootstrap(
        (differences,),
        np.mean,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="BCa",
        rng=np.random.default_rng(seed),
    )
    low, high = (float(end) for end in done.confidence_interval)
    return low, high


def signed_ranks(differences: Floats) -> float:
    """Return Wilcoxon's two-sided p; NaN with too few pairs, 1 where nothing differs."""
    if len(differences) < FEWEST_FOR_A_TEST:
        return math.nan
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences, zero_method="zsplit", method="auto").pvalue)


def paired_t(differences: Floats) -> float:
    """Return Student's two-sided p of a mean of zero; differences that do not differ are sure."""
    if np.ptp(differences) == 0.0:
        return 0.0 if differences.any() else 1.0
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """Correct p values for their number; NaN stays NaN and is not counted."""
    order = sorted((value, at) for at, value in enumerate(p) if not math.isnan(value))
    corrected = [math.nan] * len(p)
    highest = 0.0
    for rank, (value, at) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * value))
        corrected[at] = highest
    return corrected


def compare(
    baseline: Mapping[int, float], candidates: Mapping[str, Mapping[int, float]], seed: int = 0
) -> dict[str, Comparison]:
    """Set candidates beside one baseline on one street.

    Parameters
    ----------
    baseline
        A measure of which less is better, by seed.
    candidates
        The same by candidate.
    seed
        Of the resampling.

    Returns
    -------
    dict
        By candidate; those that share fewer than two seeds with the baseline are absent.
    """
    pairs: dict[str, tuple[Floats, Floats]] = {}
    for name, values in candidates.items():
        both = sorted(set(values) & set(baseline))
        if len(both) >= 2:
            pairs[name] = (
                np.array([baseline[one] for one in both]),
                np.array([values[one] for one in both]),
            )
    # One test for all comparisons of a street, so that their p can be corrected together.
    fewest = min((len(base) for base, _ in pairs.values()), default=0)
    test = signed_ranks if _able(fewest, len(pairs)) else paired_t
    tested = {name: test(theirs - base) for name, (base, theirs) in pairs.items()}
    corrected = dict(zip(tested, holm(list(tested.values())), strict=True))
    found = {}
    for name, (base, theirs) in pairs.items():
        gaps = theirs - base
        low, high = bca(gaps, seed)
        found[name] = Comparison(
            len(gaps),
            float(gaps.mean()),
            low,
            high,
            tested[name],
            corrected[name],
            float(theirs.mean() / base.mean()) if base.mean() else math.nan,
            _verdict(low, high, corrected[name]),
        )
    return found


def _able(pairs: int, tests: int) -> bool:
    """Tell whether signed ranks of so many pairs can reach the level among so many tests."""
    return pairs >= FEWEST_FOR_A_TEST and tests * 2.0 / 2**pairs <= LEVEL


def _verdict(low: float, high: float, p_holm: float) -> Verdict:
    if high < 0.0 and p_holm <= LEVEL:
        return "better"
    if low > 0.0 and p_holm <= LEVEL:
        return "worse"
    return "no clear difference"


@dataclass(frozen=True, slots=True)
class Ranking:
    """Controllers over several streets.

    Attributes
    ----------
    mean_rank
        By controller, 1 the best.
    streets
        On which all of them were played.
    p
        Friedman's; NaN with fewer than three controllers or two streets.
    """

    mean_rank: Mapping[str, float]
    streets: int
    p: float


def rank(means: Mapping[str, Mapping[str, float]]) -> Ranking:
    """Rank controllers over the streets that all of them played.

    Parameters
    ----------
    means
        Mean of a measure of which less is better, by controller and street.
    """
    if not means:
        return Ranking({}, 0, math.nan)
    shared = sorted(set.intersection(*(set(by_street) for by_street in means.values())))
    names = list(means)
    if not shared:
        return Ranking({}, 0, math.nan)
    table = np.array([[means[name][street] for name in names] for street in shared])
    ranks = stats.rankdata(table, axis=1)
    p = math.nan
    if len(names) >= 3 and len(shared) >= 2 and np.ptp(ranks) > 0:
        p = float(stats.friedmanchisquare(*table.T).pvalue)
    return Ranking(
        dict(zip(names, (float(value) for value in ranks.mean(axis=0)), strict=True)),
        len(shared),
        p,
    )
