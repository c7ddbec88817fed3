"""A cabinet's clock: tenths of a second since system zero, and what it shows of them.

It counts by itself from the start, can be set, and follows what its time base says of the zone and
of the minute that counts as system zero. What local time is when is in `daylight`; what the time
base calls is in `timebase`; where in its cycle an actuated signal stands is in `cycle_clock`.
"""

from __future__ import annotations

from typing import Final

from controllers.emulator.timebase import Choice, TimeBase
from network.units import TENTHS_PER_SECOND

DAY_DS: Final = 86_400 * TENTHS_PER_SECOND


class CabinetClock:
    """Counts tenths of a second.

    Parameters
    ----------
    time_base
        Asked what it calls whenever that may have changed.
    midnight_utc_s
        Universal time of second zero of the street, in s since 1970.
    time_ds
        Time since then at which it starts.
    """

    def __init__(self, time_base: TimeBase, midnight_utc_s: int, time_ds: int) -> None:
        self._time_base = time_base
        self._midnight_utc_s = midnight_utc_s
        self._shift_ds = 0
        self.time_ds = time_ds
        """Time since second zero of the street, however the clock has been set."""
        self.review()

    @property
    def utc_s(self) -> int:
        """The clock's universal time, in s since 1970."""
        return self._midnight_utc_s + (self.time_ds + self._shift_ds) // TENTHS_PER_SECOND

    @property
    def local_s(self) -> int:
        """The clock's local time, in s since 1970."""
        return self.utc_s + self.choice.offset_s

    @property
    def reference_ds(self) -> int:
        """Time since system zero: since the daily sync minute of the local clock."""
        return (self.time_ds + self._reference_shift_ds) % DAY_DS

    def tick(self) -> int:
        """Let a tenth of a second pass; return the time since system zero."""
        self.time_ds += 1
        if self.time_ds >= self._until_ds:
            self.review()
        return (self.time_ds + self._reference_shift_ds) % DAY_DS

    def set(self, utc_s: int) -> None:
        """Set the clock to a universal time."""
        self._shift_ds += (utc_s - self.utc_s) * TENTHS_PER_SECOND
        self.review()

    def command(self, action: int) -> None:
        """Take note of the action that central control commands; 0 for that of the schedule."""
        self._time_base.command(action, self.utc_s)
        self.review()

    def review(self) -> None:
        """Ask the time base what it calls, until when, and how the local clock goes."""
        choice = self._time_base.choose(self.utc_s)
        self.choice: Choice = choice
        """What the time base calls now."""
        begin_ds = self._midnight_utc_s * TENTHS_PER_SECOND + self._shift_ds
        self._until_ds = choice.until_utc_s * TENTHS_PER_SECOND - begin_ds
        local_s = choice.offset_s - choice.sync_minute * 60
        self._reference_shift_ds = begin_ds + local_s * TENTHS_PER_SECOND
