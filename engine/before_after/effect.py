"""The effect of a change from figures of days: an estimate with an interval that keeps its word.

Days are the units: vehicles of one day share its weather, its incidents and its traffic. The
estimate compares days with days of the same weekday, less control streets where there are some,
and at equal traffic volume where it was counted. The interval is a wild bootstrap-t over days
(MacKinnon and White, "Some heteroskedasticity-consistent covariance matrix estimators", J.
Econometrics 29, 1985; Davidson and Flachaire, "The wild bootstrap, tamed at last", J. Econometrics
146, 2008, doi:10.1016/j.jeconom.2008.08.003), widened where days resemble their neighbors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from network.errors import InsufficientDataError

Floats = npt.NDArray[np.float64]

CONFIDENCE: Final = 0.95
DRAWS: Final = 1999
FEWEST_DAYS: Final = 5
"""Matched days of each period; a working week."""
FEWEST_SPARE: Final = 4
"""Days beyond what is estimated (weekdays, change, volume)."""
NEIGHBORS_DAYS: Final = 4
"""Days at most so far apart are neighbors: a long weekend lies between two of them."""
STRONGEST_TIE: Final = 0.8
LEAST_SPREAD: Final = 1e-4
"""Volumes that differ less among days (standard deviation of logarithms) explain nothing."""

Verdict = Literal["better", "worse", "no clear difference"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What changed, in the scale of the figures.

    Attributes
    ----------
    mean, low, high
        Estimate and its interval.
    days_before, days_after
        Days it rests on.
    tie
        Correlation of neighboring days that the interval allows for, 0 to 1.
    volume_slope
        Change of the figure per change of the volume index; None where volume was not used.
    """

    mean: float
    low: float
    high: float
    days_before: int
    days_after: int
    tie: float
    volume_slope: float | None = None


def effect_of(
    days: Sequence[date],
    figure: Floats,
    after: npt.NDArray[np.bool_],
    kind: npt.NDArray[np.int64],
    volume: Floats | None,
    seed: int,
    draws: int = DRAWS,
    confidence: float = CONFIDENCE,
) -> Effect:
    """Estimate the effect of a change.

    Parameters
    ----------
    days
        Dates.
    figure
        One figure per day, [D].
    after
        Whether each day lies after the change, [D].
    kind
        Day of the week, [D]; kinds without days on both sides are left out.
    volume
        Logarithm of each day's traffic over the usual, [D], or None.
    seed
        Of the bootstrap.
    draws, confidence
        Of the bootstrap; coverage of the interval.

    Returns
    -------
    Effect

    Raises
    ------
    InsufficientDataError
        If fewer than `FEWEST_DAYS` matched days lie on a side, or too few for what is estimated.
    """
    both = [k for k in np.unique(kind) if after[kind == k].any() and not after[kind == k].all()]
    rows = np.flatnonzero(np.isin(kind, both))
    rows = (
        rows[np.argsort([days[row].toordinal() for row in rows.tolist()], kind="stable")]
        if rows.size
        else rows
    )
    late = after[rows]
    n_before, n_after = int((~late).sum()), int(late.sum())
    if min(n_before, n_after) < FEWEST_DAYS:
        raise InsufficientDataError(
            f"{n_before} days before and {n_after} after are of weekdays that both periods have; "
            f"allowed are {FEWEST_DAYS} or more of each"
        )
    columns = [late.astype(np.float64), *((kind[rows] == k).astype(np.float64) for k in both)]
    used = volume is not None and float(np.std(volume[rows])) > LEAST_SPREAD
    if used and volume is not None:
        columns.insert(1, volume[rows])
    design = np.stack(columns, axis=1)
    n, p = design.shape
    if n - p < FEWEST_SPARE:
        raise InsufficientDataError(
            f"{n} matched days for {p} unknowns (weekdays, change, volume); allowed are "
            f"{p + FEWEST_SPARE} or more"
        )
    inverse = np.linalg.pinv(design)
    lever = np.einsum("ij,ji->i", design, inverse)
    beta = inverse @ figure[rows]
    fitted = design @ beta
    # A day that its own dummy fits whole tells nothing of scatter.
    scale = np.sqrt(np.maximum(1.0 - lever, 1e-9))
    alone = lever > 1.0 - 1e-9
    residual = np.where(alone, 0.0, (figure[rows] - fitted) / scale)
    tie = _tie([days[row] for row in rows.tolist()], residual, late)
    widened = float(np.sqrt((1.0 + tie) / (1.0 - tie)))
    error = _error(inverse[0], np.where(alone, 0.0, residual / scale))
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), size=(draws, n))
    drawn = signs * residual
    shifts = drawn @ inverse[0]
    left = drawn - (drawn @ inverse.T) @ design.T
    again = np.where(alone, 0.0, left / (scale * scale))
    errors = np.sqrt((again**2) @ (inverse[0] ** 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(shifts) / errors
    ratio = ratio[np.isfinite(ratio)]
    reach = float(np.quantile(ratio, confidence)) if ratio.size else 0.0
    half = reach * error * widened
    mean = float(beta[0])
    return Effect(
        mean, mean - half, mean + half, n_before, n_after, tie, float(beta[1]) if used else None
    )


def verdict_of(low: float, high: float, better: int) -> Verdict:
    """Judge an interval: clear only if all of it lies on one side of no change.

    Parameters
    ----------
    low, high
        The interval of the change.
    better
        Sign of an improvement, -1 or 1.
    """
    if (low > 0 and better > 0) or (high < 0 and better < 0):
        return "better"
    if (low > 0 and better < 0) or (high < 0 and better > 0):
        return "worse"
    return "no clear difference"


def _error(row: Floats, residual: Floats) -> float:
    return float(np.sqrt(((row * residual) ** 2).sum()))


def _tie(days: Sequence[date], residual: Floats, late: npt.NDArray[np.bool_]) -> float:
    """Return the correlation of neighboring days of a period, 0 if it is none."""
    near = np.array([0 < (b - a).days <= NEIGHBORS_DAYS for a, b in pairwise(days)]) & (
        late[1:] == late[:-1]
    )
    pairs = int(near.sum())
    spread = float((residual**2).mean())
    if pairs < FEWEST_DAYS or spread <= 0:
        return 0.0
    raw = float((residual[1:] * residual[:-1])[near].mean()) / spread
    # Taking means off pulls residuals of few days apart.
    fair = raw + 2.0 * (1.0 + max(raw, 0.0)) / residual.size
    # What chance makes of days without any tie is no tie.
    return float(np.clip(fair - 0.5 / np.sqrt(pairs), 0.0, STRONGEST_TIE))
