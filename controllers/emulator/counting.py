"""Vehicle detectors of an emulated cabinet: volume and occupancy per period.

Values are those of NTCIP 1202 clause 2.3.5: a volume of 255 means overflow, an occupancy is in
half percents, and from 210 on it is the number of a fault, which lasts as long as its cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from network.units import TENTHS_PER_SECOND

OVERFLOW: Final = 255
MOST_VOLUME: Final = 254
FULL_OCCUPANCY: Final = 200
MAX_PRESENCE: Final = 210
NO_ACTIVITY: Final = 211
SECONDS_PER_MINUTE: Final = 60


class DetectorBank:
    """Counts per detector, latched at the end of every period.

    Parameters
    ----------
    count
        Number of detectors, numbered from 1.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.sequence = 0
        self._elapsed_ds = 0
        self._vehicles = [0] * count
        self._occupied_s = [0.0] * count
        self._present_s = [0.0] * count
        self._quiet_s = [0.0] * count
        self._reported_ds = [0] * count
        self._now_ds = 0
        self._volume = [0] * count
        self._occupancy = [0] * count
        self._until_ds = [0] * count
        self._since_ds: list[int | None] = [None] * count
        self._rose_ds: list[int | None] = [None] * count
        self._fell_ds: list[int | None] = [None] * count
        self.collects = [(True, True)] * count
        """Of each detector, whether it collects volume and occupancy."""

    def sense(self, detector: int, *, present: bool) -> bool:
        """Take note that a vehicle is on a detector, or no longer; tell whether that is new."""
        at = detector - 1
        since_ds = self._since_ds[at]
        if present == (since_ds is not None):
            return False
        self._quiet_s[at] = self._present_s[at] = 0.0
        self._reported_ds[at] = self._now_ds
        if since_ds is None:
            self._vehicles[at] += 1
            self._since_ds[at] = self._rose_ds[at] = self._now_ds
            self._fell_ds[at] = None
        else:
            self._occupied_s[at] += (self._now_ds - since_ds) / TENTHS_PER_SECOND
            self._since_ds[at] = self._rose_ds[at] = None
            self._fell_ds[at] = self._now_ds
        return True

    def active(self, detector: int) -> bool:
        """Tell whether a detector is on.

        One that is only reported now and then is on for as long as the last report said,
        counted from the report on.
        """
        at = detector - 1
        return self._since_ds[at] is not None or self._now_ds < self._until_ds[at]

    def actuate(self, detector: int, vehicles: int, occupied_s: float) -> None:
        """Add what the street saw since the last report of this detector."""
        at = detector - 1
        span_s = (self._now_ds - self._reported_ds[at]) / TENTHS_PER_SECOND
        self._reported_ds[at] = self._now_ds
        self._vehicles[at] += vehicles
        self._occupied_s[at] += occupied_s
        if vehicles or occupied_s:
            self._fell_ds[at] = None
            on_ds = max(1, round(occupied_s * TENTHS_PER_SECOND))
            self._until_ds[at] = self._now_ds + on_ds
        held = span_s > 0 and occupied_s >= span_s
        self._present_s[at] = self._present_s[at] + span_s if held else 0.0
        quiet = vehicles == 0 and occupied_s == 0
        self._quiet_s[at] = self._quiet_s[at] + span_s if quiet else 0.0

    def step(self, period_s: int) -> bool:
        """Move on by a tenth of a second; tell whether the period is over.

        Parameters
        ----------
        period_s
            Length of a period; 0 stops counting.
        """
        self._now_ds += 1
        self._elapsed_ds += 1
        return 0 < period_s * TENTHS_PER_SECOND <= self._elapsed_ds

    def latch(
        self, period_s: int, max_presence_min: Sequence[int], no_activity_min: Sequence[int]
    ) -> None:
        """Publish the period's counts and begin another.

        Parameters
        ----------
        period_s
            Length of the period that ends.
        max_presence_min, no_activity_min
            Per detector, minutes until a constant call or silence is a fault; 0 for never.
        """
        for at in range(self.count):
            self._sum_up(at)
            volume, occupancy = self.collects[at]
            vehicles = self._vehicles[at] if volume else 0
            self._volume[at] = vehicles if vehicles <= MOST_VOLUME else OVERFLOW
            share = min(1.0, self._occupied_s[at] / period_s) if occupancy else 0.0
            self._occupancy[at] = int(share * FULL_OCCUPANCY + 0.5)
            # The highest-numbered fault wins where several apply.
            if _exceeds(self._present_s[at], max_presence_min[at]):
                self._occupancy[at] = MAX_PRESENCE
            if _exceeds(self._quiet_s[at], no_activity_min[at]):
                self._occupancy[at] = NO_ACTIVITY
            self._vehicles[at] = 0
            self._occupied_s[at] = 0.0
        self._elapsed_ds = 0
        self.sequence = (self.sequence + 1) % 256

    def _sum_up(self, at: int) -> None:
        """Add what a vehicle that is still there has occupied in this period, and the silence."""
        since_ds, rose_ds, fell_ds = self._since_ds[at], self._rose_ds[at], self._fell_ds[at]
        if fell_ds is not None:
            self._quiet_s[at] = (self._now_ds - fell_ds) / TENTHS_PER_SECOND
        if since_ds is None or rose_ds is None:
            return
        self._occupied_s[at] += (self._now_ds - since_ds) / TENTHS_PER_SECOND
        self._since_ds[at] = self._now_ds
        self._present_s[at] = (self._now_ds - rose_ds) / TENTHS_PER_SECOND

    def volume(self, detector: int) -> int:
        """Return the latched `detectorVolume`."""
        return self._volume[detector - 1]

    def occupancy(self, detector: int) -> int:
        """Return the latched `detectorOccupancy`."""
        return self._occupancy[detector - 1]


def _exceeds(seconds: float, minutes: int) -> bool:
    return 0 < minutes * SECONDS_PER_MINUTE <= seconds
