"""The course of a live state through time: the interval it stands at, and local time around it."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from engine.forecast.calendar import LocalClock
from engine.forecast.live import LiveState, Slots
from network.errors import CountError

Floats = NDArray[np.float64]

LONGEST_HORIZON_STEPS = 288
BRIDGED_DAYS = 1
"""A gap up to so long is walked through as missing; after a longer one the state begins anew."""


class Course:
    """A live state that walks from interval to interval.

    Parameters
    ----------
    clock
        The clock that traffic follows, and the grid of the counts.
    live
        The state.
    time
        Beginning of the last interval it took in, aware UTC.
    """

    def __init__(self, clock: LocalClock, live: LiveState, time: datetime) -> None:
        self.clock = clock
        self.live = live
        self.time = time
        self._slots = Slots(np.zeros(0, int), np.zeros(0, int), np.zeros(0, bool))
        self._slots_begin = time

    @classmethod
    def from_fit(cls, clock: LocalClock, live: LiveState, begin: datetime, z: Floats) -> Course:
        """Walk a new state through the end of the counts it was fitted on.

        Parameters
        ----------
        clock, live
            As for the class.
        begin
            Beginning of the first interval of the fit, aware UTC.
        z
            Counts of the fit on the root scale, [T, N].
        """
        step = timedelta(seconds=clock.step_s)
        walked = min(len(z), 2 * clock.slots)
        out = cls(clock, live, begin + (len(z) - walked - 1) * step)
        out._read_slots()
        live.warm(z[len(z) - walked :], out._slots, 1)
        out.time = begin + (len(z) - 1) * step
        out._read_slots()
        live.look_ahead(out._slots, 0)
        return out

    def on_grid(self, time: datetime) -> datetime:
        """Return an aware time in UTC; raise `CountError` where no interval begins then."""
        at = self.clock.utc(time)
        if (at - self.time) % timedelta(seconds=self.clock.step_s):
            raise CountError(
                f"the interval {at.isoformat()} is not on the grid of {self.clock.step_s} s that "
                f"{self.time.isoformat()} belongs to"
            )
        return at

    def later(self, time: datetime) -> datetime:
        """Return an aware time in UTC; raise `CountError` unless a later interval begins then."""
        at = self.on_grid(time)
        if at <= self.time:
            raise CountError(
                f"the interval {at.isoformat()} comes after {self.time.isoformat()} was taken "
                "in; allowed are later ones, each once"
            )
        return at

    def take_in(self, at: datetime, z: Floats) -> None:
        """Take in the counts of a later interval; those in between count as missing.

        Parameters
        ----------
        at
            Its beginning, as `later` returns it.
        z
            Counts on the root scale, [N]; NaN where there is no good one.
        """
        step = timedelta(seconds=self.clock.step_s)
        missing = np.full_like(z, np.nan)
        if (at - self.time) // step - 1 > BRIDGED_DAYS * self.clock.slots:
            self.live.skip()
            self.time = at - step
        for _ in range(int((at - self.time) / step) - 1):
            self._advance(missing)
        self._advance(z)

    def _read_slots(self) -> None:
        self._slots_begin = self.time
        steps = 3 * self.clock.slots + LONGEST_HORIZON_STEPS + 2
        self._slots = Slots(*self.clock.traffic_days(self.time, steps))

    def _advance(self, z: Floats) -> None:
        self.time += timedelta(seconds=self.clock.step_s)
        at = int((self.time - self._slots_begin).total_seconds()) // self.clock.step_s
        if not 0 <= at < len(self._slots.slot) - self.live.horizons - 1:
            self._read_slots()
            at = 0
        self.live.step(z, self._slots, at)
