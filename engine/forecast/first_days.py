"""What a few days of counts, or the same hour of some days, say of their own scatter.

There is too little to learn a correction from. Each day is held against the others: that tells
how much smoothing over the time of day helps, and how far a day lies from the mean of the others.
Both are taken from there instead of from what is usual elsewhere: counts of a simulation that is
fed the same vehicles every day scatter far less than Poisson counts, those of a jammed street far
more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.forecast.history import History
from engine.forecast.profile import ProfileSettings, from_root, without_day

Floats = NDArray[np.float64]

LEAST_CELLS = 100
"""With fewer counts that another day covers too, nothing is said."""

TRIALS: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("smooth_s", (0.0, 240.0, 900.0, 1500.0)),
    ("smooth_weekday_s", (0.0, 700.0, 2700.0)),
    ("keep_days", (0.3, 1.0, 10.0)),
)
"""Other values to try, one setting after the other from the best so far."""

BORROWED = 10
"""The scatter of all detectors weighs in each one's own as so many counts."""

LEAST_SCALE = 0.05
MOST_DAYS = 28
PLAIN = ProfileSettings(keep_days=3.0, rank=0)


@dataclass(frozen=True, slots=True, eq=False)
class FewDays:
    """What leaving out one day after the other shows.

    Attributes
    ----------
    settings
        How to smooth and shrink.
    residual
        Of each day from the others, on the root scale, [R, N]; NaN where nothing was counted. A
        little wider than those of a new day from all of them. No rows where too little is known.
    expected
        What the others say there, on the root scale, [R, N].
    lengths
        Rows of each day.
    """

    settings: ProfileSettings
    residual: Floats
    expected: Floats
    lengths: tuple[int, ...] = ()

    def days(self) -> list[Floats]:
        """Return the residuals day by day, [T, N] each."""
        return np.split(self.residual, np.cumsum(self.lengths)[:-1]) if self.lengths else []

    def scale(self) -> Floats:
        """Return the scatter of each detector on the root scale, [N]; few counts say little."""
        seen = np.isfinite(self.residual)
        square = np.where(seen, self.residual, 0.0) ** 2
        usual = square.sum() / max(int(seen.sum()), 1)
        count = seen.sum(axis=0)
        own = (square.sum(axis=0) + BORROWED * usual) / (count + BORROWED)
        scale: Floats = np.maximum(np.sqrt(own), LEAST_SCALE)
        return scale


def compare_days(history: History, prior: Floats | None = None) -> FewDays:
    """Hold each day against the others.

    Parameters
    ----------
    history
        Counts on the local clock.
    prior
        Sums to begin from, [2, K, S, N], or None.
    """
    columns = history.z.shape[1]
    nothing = FewDays(PLAIN, np.empty((0, columns)), np.empty((0, columns)))
    days = [d for d in range(len(history.kinds)) if _counted(history, d)][-MOST_DAYS:]
    if len(days) < 2:
        return nothing
    sums = history.sums(float("inf"), prior)
    parts = [history.day_sums(day, float("inf")) for day in days]
    weight = sums[1].sum(axis=0)
    rows = [history.rows_of(day) for day in days]
    truth = []
    for part, span in zip(parts, rows, strict=True):
        # A count that no other day covers tells nothing of the others.
        covered = (weight - part[1])[history.slot[span]] > 1e-9
        truth.append(np.where(covered, history.z[span], np.nan))
    if sum(int(np.isfinite(z).sum()) for z in truth) < LEAST_CELLS:
        return nothing
    shapes = np.zeros((columns, 0))

    def others(trial: ProfileSettings) -> list[Floats]:
        return [
            without_day(sums, part, int(history.kinds[day]), trial, history.step_s, shapes)[
                history.slot[span]
            ]
            for day, part, span in zip(days, parts, rows, strict=True)
        ]

    def loss(trial: ProfileSettings) -> float:
        return sum(
            float(np.nansum(np.abs(from_root(said) - np.where(np.isnan(z), np.nan, from_root(z)))))
            for said, z in zip(others(trial), truth, strict=True)
        )

    settings = PLAIN
    best = loss(settings)
    for name, values in TRIALS:
        for value in values:
            if 0.0 < value < 0.2 * history.step_s and name.startswith("smooth"):
                continue
            trial = _changed(settings, name, value)
            found = loss(trial)
            if found < best * (1.0 - 2e-4):
                best, settings = found, trial
    expected = np.concatenate(others(settings))
    lengths = tuple(len(z) for z in truth)
    return FewDays(settings, np.concatenate(truth) - expected, expected, lengths)


def _counted(history: History, day: int) -> bool:
    return bool(np.isfinite(history.z[history.rows_of(day)]).any())


def _changed(settings: ProfileSettings, name: str, value: float) -> ProfileSettings:
    if name == "smooth_s":
        return replace(settings, smooth_s=value)
    if name == "smooth_weekday_s":
        return replace(settings, smooth_weekday_s=value)
    return replace(settings, keep_days=value)
