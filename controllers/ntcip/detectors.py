"""Counts read from a device's volume and occupancy table, period by period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from controllers.ntcip.objects import instance
from controllers.ntcip.session import Session
from network.errors import RejectedValueError

SEQUENCES: Final = 256
"""The sequence number of a period counts from 0 to 255 and starts over."""

VOLUME_OVERFLOW: Final = 255
FULL_OCCUPANCY: Final = 200
"""Occupancy travels in half percents (NTCIP 1202 clause 2.3.5.4.2)."""

FAULTS: Final = {
    210: "maximum presence",
    211: "no activity",
    212: "open loop",
    213: "shorted loop",
    214: "excessive change",
    216: "watchdog",
    217: "erratic output",
}

RETRIES: Final = 3
"""How often a table that changed while being read is read again."""


@dataclass(frozen=True, slots=True)
class DetectorCount:
    """One detector over one period.

    Attributes
    ----------
    detector
        Detector number.
    vehicles
        Vehicles counted; None where the count overflowed or the detector is faulty.
    occupancy
        Share of the period it was occupied, 0 to 1; None when faulty.
    fault
        What is wrong; empty while nothing is.
    """

    detector: int
    vehicles: int | None
    occupancy: float | None
    fault: str


@dataclass(frozen=True, slots=True)
class PeriodCounts:
    """All detectors of a device over one period.

    Attributes
    ----------
    sequence
        The period's number, 0 to 255.
    missed
        Periods that went by unread since the last reading, as far as 256 can tell.
    period_s
        Length of the period in s.
    device_utc_s
        The device's clock when it was read, in s since 1970.
    counts
        One entry per detector.
    """

    sequence: int
    missed: int
    period_s: int
    device_utc_s: int
    counts: tuple[DetectorCount, ...]


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a device said of its counting, all in one message.

    Attributes
    ----------
    sequence, period_s, device_utc_s
        As in `PeriodCounts`; a period of 0 counts nothing.
    detectors
        How many detectors count.
    """

    sequence: int
    period_s: int
    detectors: int
    device_utc_s: int


class DetectorReader:
    """Follows one device's periods.

    Parameters
    ----------
    session
        An open session with the device.

    Attributes
    ----------
    session
        The session; may be replaced by another with the same device.
    sighting
        What the last `poll` was told, whether or not a period had ended; None before the first.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.sighting: Sighting | None = None
        self._last: int | None = None

    async def poll(self) -> PeriodCounts | None:
        """Return the latest finished period, or None if it has been read before.

        Raises
        ------
        UnreachableError
            No answer.
        RejectedValueError
            The table changes faster than it can be read, or holds no numbers.
        """
        for _ in range(RETRIES):
            sequence, period_s, active, utc_s = await self._numbers(
                ("volumeOccupancySequence",),
                ("volumeOccupancyPeriod",),
                ("activeVolumeOccupancyDetectors",),
                ("globalTime",),
            )
            self.sighting = Sighting(sequence, period_s, active, utc_s)
            if sequence == self._last:
                return None
            rows = range(1, active + 1)
            volumes = await self._numbers(*(("detectorVolume", row) for row in rows))
            occupancies = await self._numbers(*(("detectorOccupancy", row) for row in rows))
            (after,) = await self._numbers(("volumeOccupancySequence",))
            if after != sequence:
                continue
            missed = 0 if self._last is None else (sequence - self._last - 1) % SEQUENCES
            self._last = sequence
            counts = tuple(
                _count(row, volume, occupancy)
                for row, volume, occupancy in zip(rows, volumes, occupancies, strict=True)
            )
            return PeriodCounts(sequence, missed, period_s, utc_s, counts)
        raise RejectedValueError("the period changed at every reading of the detector table")

    async def _numbers(self, *names: tuple[str] | tuple[str, int]) -> list[int]:
        readings = await self.session.get([instance(name, *index) for name, *index in names])
        numbers = []
        for name, reading in zip(names, readings, strict=True):
            if not isinstance(reading, int):
                raise RejectedValueError(f"{name[0]} is {reading!r}, not a number")
            numbers.append(reading)
        return numbers


def _count(detector: int, volume: int, occupancy: int) -> DetectorCount:
    if occupancy > FULL_OCCUPANCY:
        fault = FAULTS.get(occupancy, f"reserved occupancy {occupancy}")
        return DetectorCount(detector, None, None, fault)
    if volume == VOLUME_OVERFLOW:
        return DetectorCount(detector, None, occupancy / FULL_OCCUPANCY, "volume overflow")
    return DetectorCount(detector, volume, occupancy / FULL_OCCUPANCY, "")
