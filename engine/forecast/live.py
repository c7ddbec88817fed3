"""The live state: what the last intervals brought, and what follows from it.

One interval costs a few passes over the detectors, and allocates nothing in the kernels. In the
night the day of traffic that ended is added to the profile; when the kind of day turns out to be
another one, the state is taken back to its beginning and the day replayed under that profile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from engine.forecast import kernels
from engine.forecast.calendar import SECONDS_PER_DAY, Calendar
from engine.forecast.correction import FADE, OWN_ROWS
from engine.forecast.daytype import candidates
from engine.forecast.fitting import Fitted
from engine.forecast.intervals import CALIBRATED_PER_STEP, CLASSES, LEVELS, PACE
from engine.forecast.kernels import FACTORS, FEATURES, ONE
from engine.forecast.profile import Profiles, make_profiles

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SILENCE_FADE = 0.8
"""How fast the interval of a detector that falls silent approaches its full width."""

LONGEST_DAY_S = SECONDS_PER_DAY + 7200
"""A local day with the clock set back, s."""


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """Local time of consecutive steps.

    Attributes
    ----------
    ordinal, slot
        Date and step of the day of traffic, int64[T].
    masked
        Whether a step touches a change of the clock, bool[T].
    """

    ordinal: Integers
    slot: Integers
    masked: NDArray[np.bool_]


class LiveState:
    """One network from interval to interval; every large array is allocated once.

    Parameters
    ----------
    fitted
        What the fit found; its sums are learned into.
    calendar
        Known holidays.
    step_s, horizons
        Length of a step, s, and steps to predict.
    relearns
        Whether profiles learn from every day that ends.
    """

    def __init__(
        self, fitted: Fitted, calendar: Calendar, step_s: int, horizons: int, relearns: bool
    ) -> None:
        n = fitted.correction.scale.size
        self.fitted = fitted
        self.calendar = calendar
        self.step_s = step_s
        self.horizons = horizons
        self.relearns = relearns
        self.judges = fitted.rule.active
        self.sums: Floats = fitted.sums.copy()
        self.profiles: Profiles = fitted.profiles
        self.limits: Floats = fitted.limits.scaled.copy()
        self.count = 0
        self.x: Floats = np.zeros((FEATURES, n))
        self.x[ONE] = 1.0
        self.factors: Floats = np.zeros((FACTORS, fitted.correction.loading.shape[1]))
        self.made: Floats = np.full((horizons, horizons, n), np.nan)
        self.kinds: Integers = np.zeros(horizons, dtype=np.int64)
        self.silent: Integers = np.zeros(n, dtype=np.int64)
        self.counted: Integers = fitted.counted.copy()
        self.residual: Floats = np.zeros(n)
        self.width: Floats = fitted.correction.scale.copy()
        self.ordinal = -1
        self.announced = self.kind = 0
        self.choices: Integers = np.zeros(1, dtype=np.int64)
        self.scores: Floats = np.zeros(1)
        # Counts since the day began (or since the fit), and the state at that moment.
        self.today: Floats = np.full((LONGEST_DAY_S // step_s, n), np.nan)
        self.today_slot: Integers = np.zeros(len(self.today), dtype=np.int64)
        self.today_rows = 0
        self.known_rows = 0
        self.dawn_x: Floats = self.x.copy()
        self.dawn_factors: Floats = self.factors.copy()

    def type_of(self, ordinal: int) -> int:
        """Return the type in force on a local date; other days follow the calendar."""
        if ordinal == self.ordinal:
            return self.kind
        return self.calendar.day_type(date.fromordinal(ordinal))

    def open_day(self, ordinal: int) -> None:
        """Close the day before, and begin a local day under the type that the calendar names."""
        if self.today_rows:
            self._learn_day()
        day = date.fromordinal(ordinal)
        self.ordinal = ordinal
        self.announced = self.kind = self.calendar.day_type(day)
        seen = np.asarray(self.sums[1].any(axis=(1, 2)))
        self.choices = np.array(candidates(self.kind, day.weekday(), seen), dtype=np.int64)
        self.scores = np.zeros(len(self.choices))
        self.today_rows = self.known_rows = 0
        self.dawn_x[:] = self.x
        self.dawn_factors[:] = self.factors

    def step(self, z: Floats, here: Slots, at: int) -> None:
        """Take in the counts of one interval.

        Parameters
        ----------
        z
            Counts on the root scale, [N]; NaN where there is no good one.
        here, at
            Local time of steps, and which of them this is; `horizons` more must follow.
        """
        ordinal, slot = int(here.ordinal[at]), int(here.slot[at])
        if ordinal != self.ordinal:
            self.open_day(ordinal)
        if here.masked[at]:
            z = np.full_like(z, np.nan)
        self._remember(z, slot)
        fit = self.fitted
        if self.count:
            stride = max(1, z.size * self.horizons // CALIBRATED_PER_STEP)
            crowd = max(1.0, z.size / stride / CLASSES)
            kernels.calibrate(
                z,
                self.made,
                self.count,
                self.width,
                fit.limits.edges,
                LEVELS,
                PACE / crowd,
                self.count % stride,
                stride,
                self.limits,
            )
        self._observe(z, slot)
        self.silent += 1
        self.silent[np.isfinite(z)] = 0
        if self.judges and len(self.choices) > 1:
            self._judge_day(z, slot)
        self.look_ahead(here, at)

    def warm(self, z: Floats, here: Slots, at: int) -> None:
        """Take in the last intervals of the fit, which the sums already hold.

        Parameters
        ----------
        z
            Counts on the root scale, [T, N].
        here, at
            Local time of steps, and which of them is the first of `z`.
        """
        for row in range(len(z)):
            ordinal = int(here.ordinal[at + row])
            if ordinal != self.ordinal:
                self.today_rows = 0
                self.open_day(ordinal)
            self._observe(z[row], int(here.slot[at + row]))
            self.silent += 1
            self.silent[np.isfinite(z[row])] = 0
            self._remember(z[row], int(here.slot[at + row]))
        # What was counted today is in the sums; when it ends only the rest is added.
        self.known_rows = self.today_rows

    def _remember(self, z: Floats, slot: int) -> None:
        if self.today_rows < len(self.today):
            self.today[self.today_rows] = z
            self.today_slot[self.today_rows] = slot
            self.today_rows += 1

    def skip(self) -> None:
        """Forget today's state after a gap too long to bridge; profiles and weights stay."""
        self.x[:] = 0.0
        self.x[ONE] = 1.0
        self.factors[:] = 0.0
        self.made[:] = np.nan
        self.silent[:] = LONGEST_DAY_S // self.step_s

    def look_ahead(self, here: Slots, at: int) -> None:
        """Predict from the present state; the result lies in `ahead`."""
        coming = slice(at + 1, at + 1 + self.horizons)
        if here.ordinal[at + 1] == here.ordinal[at + self.horizons] == self.ordinal:
            self.kinds.fill(self.kind)
        else:
            self.kinds[:] = [self.type_of(int(day)) for day in here.ordinal[coming]]
        correction = self.fitted.correction
        kernels.foresee(
            self.x,
            correction.pooled,
            OWN_ROWS,
            correction.own,
            correction.scale,
            self.profiles.z,
            self.kinds,
            here.slot[coming],
            self.made[self.count % self.horizons],
        )
        self.count += 1

    @property
    def ahead(self) -> Floats:
        """The newest predictions on the root scale, [H, N]."""
        found: Floats = self.made[(self.count - 1) % self.horizons]
        return found

    def widening(self) -> Floats:
        """Return the factor on the width of each interval, [H, N]; above 1 where silent."""
        share = 1.0 - SILENCE_FADE ** self.silent.astype(np.float64)
        out: Floats = 1.0 + (self.fitted.limits.silent[:, None] - 1.0) * share
        return out

    def relearn(self) -> None:
        """Make the profiles anew from everything seen, today's finished days included."""
        self.profiles = make_profiles(
            self.sums, self.profiles.settings, self.step_s, self.profiles.shapes
        )

    def _observe(self, z: Floats, slot: int) -> None:
        correction = self.fitted.correction
        np.subtract(z, self.profiles.z[self.kind, slot], out=self.residual)
        np.divide(self.residual, correction.scale, out=self.residual)
        kernels.observe(
            self.residual,
            FADE,
            correction.loading,
            correction.neighbors,
            correction.share,
            correction.rates,
            self.factors,
            self.x,
        )

    def _judge_day(self, z: Floats, slot: int) -> None:
        """Follow how well each kind of day explains today; change over where one wins."""
        profiles = self.profiles.z
        kernels.type_scores(
            z,
            profiles[self.announced, slot],
            profiles,
            self.choices,
            slot,
            self.fitted.correction.scale,
            self.scores,
        )
        kind = self.announced
        furthest = 0.0
        for choice, score in zip(self.choices[1:], self.scores[1:], strict=True):
            # Once it has taken over, a type keeps the day down to half of its limit.
            limit = self.fitted.rule.limit_of(int(choice))
            limit *= 0.5 if choice == self.kind else 1.0
            if score >= limit and score > furthest:
                kind, furthest = int(choice), float(score)
        if kind != self.kind:
            self.kind = kind
            self._replay()

    def _replay(self) -> None:
        self.x[:] = self.dawn_x
        self.factors[:] = self.dawn_factors
        for row in range(self.today_rows):
            self._observe(self.today[row], int(self.today_slot[row]))

    def _learn_day(self) -> None:
        self.counted += np.isfinite(self.today[self.known_rows : self.today_rows]).sum(axis=0)
        self.sums *= 0.5 ** (1.0 / self.profiles.settings.half_life_days)
        new = slice(self.known_rows, self.today_rows)
        kernels.add_days(
            self.today[new],
            np.zeros(self.today_rows - self.known_rows, dtype=np.int64),
            self.today_slot[new],
            np.array([self.kind], dtype=np.int64),
            np.ones(1),
            self.sums,
        )
        if self.relearns:
            self.relearn()
