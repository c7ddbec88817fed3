"""Counts of the fit on the local clock, and the choice of how a profile is made from them.

Strengths of smoothing and shrinking are chosen by leaving out one day after the other, how fast
old days fade by predicting the last days forward.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from engine.forecast.calendar import Calendar, LocalClock
from engine.forecast.kernels import add_days
from engine.forecast.profile import (
    ProfileSettings,
    TypeParts,
    common_shapes,
    empty_sums,
    from_root,
    parts_without_day,
    share_shapes,
    type_profiles,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TUNING_CELLS = 12_000_000
"""Cells of days that may be left out while settings are chosen, all trials together."""

TRIALS: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("rank", (10, 20, 30, 45)),
    ("keep_days", (0.3, 3.0, 10.0)),
    ("smooth_s", (240.0, 900.0, 1500.0)),
    ("smooth_weekday_s", (700.0, 2700.0)),
    ("rest", (0.1, 0.5)),
    ("rank", (0, 6, 15, 25)),
    ("keep_days", (0.1, 0.6, 2.0)),
)
"""Other values to try, one setting after the other from the best so far."""

HALF_LIVES_DAYS = (float("inf"), 90.0, 45.0, 21.0, 10.0)

LEAST_FORWARD_DAYS = 7
FORWARD_DAYS = 14
"""So many of the last days are predicted to choose the half-life."""


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Counts of the fit, read on the local clock.

    Attributes
    ----------
    z
        Counts on the root scale, [T, N]; NaN where there is no good one.
    day, slot
        Day, counted from the first one, and time of day of each row, [T].
    kinds
        Type of each day, [D].
    step_s, slots
        Length of a slot, s, and slots of a day.
    """

    z: Floats
    day: Integers
    slot: Integers
    kinds: Integers
    step_s: int
    slots: int

    @classmethod
    def on_days(
        cls,
        z: Floats,
        ordinal: Integers,
        slot: Integers,
        calendar: Calendar,
        clock: LocalClock,
    ) -> History:
        """Read counts on the days of traffic that a clock names.

        Parameters
        ----------
        z
            Counts on the root scale, [T, N].
        ordinal, slot
            Date and step of the day of traffic of each row, [T].
        calendar, clock
            Which type a date is of, and the grid.
        """
        if not len(z):
            none = np.zeros(0, dtype=np.int64)
            return cls(z, none, none, none, clock.step_s, clock.slots)
        dates = range(int(ordinal[0]), int(ordinal[-1]) + 1)
        kinds = [calendar.day_type(date.fromordinal(day)) for day in dates]
        types = np.array(kinds, dtype=np.int64)
        return cls(z, ordinal - ordinal[0], slot, types, clock.step_s, clock.slots)

    def sums(self, half_life_days: float, prior: Floats | None = None) -> Floats:
        """Return the sums of all days, the last one weighing 1, [2, K, S, N]."""
        sums = empty_sums(self.slots, self.z.shape[1]) if prior is None else prior.copy()
        age = (len(self.kinds) - 1 - np.arange(len(self.kinds))) / half_life_days
        add_days(self.z, self.day, self.slot, self.kinds, 0.5**age, sums)
        return sums

    def rows_of(self, day: int) -> slice:
        """Return the rows of one day."""
        return slice(
            int(np.searchsorted(self.day, day)), int(np.searchsorted(self.day, day, side="right"))
        )

    def day_sums(self, day: int, half_life_days: float) -> Floats:
        """Return the sums of one day alone as they stand in `sums`, [2, S, N]."""
        rows = self.rows_of(day)
        one = np.zeros((2, 1, self.slots, self.z.shape[1]))
        age = (len(self.kinds) - 1 - day) / half_life_days
        none = np.zeros(rows.stop - rows.start, dtype=np.int64)
        weight = np.array([0.5**age])
        kind = np.zeros(1, dtype=np.int64)
        add_days(self.z[rows], none, self.slot[rows], kind, weight, one)
        out: Floats = one[:, 0]
        return out


def choose_settings(history: History, prior: Floats | None = None) -> ProfileSettings:
    """Choose settings by leaving out days, and the half-life by predicting forward.

    Parameters
    ----------
    history
        Counts of the fit.
    prior
        Sums to begin from, or None.
    """
    settings = ProfileSettings(rank=30 if history.z.shape[1] > 60 else 0)
    days = len(history.kinds)
    cells = history.slots * history.z.shape[1]
    trials = sum(len(values) for _, values in TRIALS) + 1
    left_out = min(days, 28, max(5, TUNING_CELLS // (cells * trials)))
    if days < 3:
        return replace(settings, keep_days=3.0, rank=0)
    chosen = np.unique(np.linspace(0, days - 1, left_out).round().astype(int))
    sums = history.sums(float("inf"), prior)
    parts = [history.day_sums(int(d), float("inf")) for d in chosen]
    truth = [_truth(history, int(d)) for d in chosen]
    raw = type_profiles(sums, settings, history.step_s)
    shapes = common_shapes(raw.reshape(-1, raw.shape[-1]), 60)

    # Most trials share their smoothing, which is what costs: of the best and the newest
    # smoothing the parts of every day are kept.
    made: dict[tuple[float, float], list[TypeParts]] = {}

    def loss(trial: ProfileSettings) -> float:
        key = trial.smooth_s, trial.smooth_weekday_s
        if key not in made:
            made[key] = [
                parts_without_day(sums, part, int(history.kinds[d]), trial, history.step_s)
                for d, part in zip(chosen, parts, strict=True)
            ]
        total = 0.0
        for day, (seen, rows) in zip(made[key], truth, strict=True):
            raw = day.joined(trial.keep_days)[0]
            z = share_shapes(raw, shapes, trial.rank, trial.rest)
            total += _absolute(z[rows], seen)
        return total

    best = loss(settings)
    for name, values in TRIALS:
        for value in values:
            if name == "rank" and value >= history.z.shape[1]:
                continue
            if name.startswith("smooth") and value < 0.2 * history.step_s:
                continue
            trial = _changed(settings, name, value)
            found = loss(trial)
            if found < best * (1.0 - 2e-4):
                best, settings = found, trial
            for key in made.keys() - {(settings.smooth_s, settings.smooth_weekday_s)}:
                del made[key]
    return replace(settings, half_life_days=_half_life(history, settings, shapes, prior))


def _changed(settings: ProfileSettings, name: str, value: float) -> ProfileSettings:
    if name == "rank":
        return replace(settings, rank=int(value))
    if name == "keep_days":
        return replace(settings, keep_days=value)
    if name == "smooth_s":
        return replace(settings, smooth_s=value)
    if name == "smooth_weekday_s":
        return replace(settings, smooth_weekday_s=value)
    return replace(settings, rest=value)


def _truth(history: History, day: int) -> tuple[Floats, Integers]:
    rows = history.rows_of(day)
    z = history.z[rows]
    return np.where(np.isnan(z), np.nan, from_root(z)), history.slot[rows]


def _absolute(z: Floats, seen: Floats) -> float:
    return float(np.nansum(np.abs(from_root(z) - seen)))


def _half_life(
    history: History, settings: ProfileSettings, shapes: Floats, prior: Floats | None
) -> float:
    """Choose how fast days fade by predicting the last days from those before each."""
    days = len(history.kinds)
    first = max(14, days - FORWARD_DAYS)
    if days - first < LEAST_FORWARD_DAYS:
        return float("inf")
    best, chosen = float("inf"), float("inf")
    for half_life in HALF_LIVES_DAYS:
        if half_life < float("inf") and half_life > days:
            continue
        loss = 0.0
        # Days weigh as on the last one; those not yet seen are taken away again.
        sums = history.sums(half_life, prior)
        for day in range(days - 1, first - 1, -1):
            kind = int(history.kinds[day])
            sums[:, kind] -= history.day_sums(day, half_life)
            # At that morning the day before weighed 1, not yet less.
            grown = 2.0 ** ((days - day) / half_life)
            raw = type_profiles(sums * grown, settings, history.step_s, (kind,))[0]
            z = share_shapes(raw, shapes, settings.rank, settings.rest)
            seen, rows = _truth(history, day)
            loss += _absolute(z[rows], seen)
        # A fading memory must earn its place: the last days are few.
        if loss < best * (0.997 if best < float("inf") else 1.0):
            best, chosen = loss, half_life
    return chosen
