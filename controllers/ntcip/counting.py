"""Counts of many devices on one grid of intervals: a `CountSource` fed from the street.

A period of a device lies where the device's clock says. One that reaches into two intervals is
shared between them by time; devices that keep round times never need that. An interval of which
any part was not read is missing, and a number is given only where every detector gave one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from controllers.ntcip.detectors import VOLUME_OVERFLOW, DetectorCount
from network.counts import CountSeries, Kind, Quality
from network.errors import CountError

COVERED_S: Final = 0.5
"""An interval is whole if no more than this of it is missing."""

KEEP_S: Final = 2 * 86_400
"""Counts older than this are forgotten."""

FLAGS: Final[Mapping[str, Quality]] = {
    "maximum presence": Quality.STUCK,
    "no activity": Quality.STUCK,
    "erratic output": Quality.CHATTER,
    "volume overflow": Quality.CHATTER,
}
"""What a fault means for a count; those not listed make it suspect."""


@dataclass(slots=True)
class _Cell:
    """One detector in one interval."""

    covered_s: float = 0.0
    vehicles: float = 0.0
    occupied_s: float = 0.0
    flag: int = int(Quality.GOOD)
    numbered: bool = True
    reason: str = ""


class CountBook:
    """Counts per series and interval.

    Parameters
    ----------
    kind
        What the series count.
    places
        By signal and detector number, the series that it counts. Several detectors of a series
        are added up.
    interval_s
        Length of the intervals, whole seconds.
    midnight_utc_s
        Where intervals are counted from, in s since 1970.

    Raises
    ------
    CountError
        No detector counts anything, or the interval is not a whole second or more.
    """

    def __init__(
        self,
        kind: Kind,
        places: Mapping[str, Mapping[int, str]],
        interval_s: int,
        midnight_utc_s: float,
    ) -> None:
        if interval_s < 1:
            raise CountError(f"interval is {interval_s} s; allowed are whole seconds from 1")
        self.kind = kind
        self.interval_s = interval_s
        self.midnight_utc_s = midnight_utc_s
        self._places = {signal: dict(found) for signal, found in places.items()}
        self._detectors: dict[str, list[tuple[str, int]]] = {}
        for signal, found in self._places.items():
            for detector, series in found.items():
                self._detectors.setdefault(series, []).append((signal, detector))
        if not self._detectors:
            raise CountError("no detector is said to count anything")
        self._cells: dict[tuple[str, int], dict[int, _Cell]] = {}

    @property
    def series_ids(self) -> tuple[str, ...]:
        """What is counted, in order of the places."""
        return tuple(self._detectors)

    def add(
        self,
        signal_id: str,
        end_utc_s: float,
        period_s: int,
        counts: tuple[DetectorCount, ...],
        doubt: str = "",
    ) -> None:
        """Enter a finished period of a device.

        Parameters
        ----------
        signal_id
            The device.
        end_utc_s, period_s
            When the period ended, in s since 1970, and how long it was.
        counts
            What its detectors say; those without a place are left out.
        doubt
            Why all of it is suspect; empty if it is not.
        """
        begin_s = end_utc_s - self.midnight_utc_s - period_s
        for count in counts:
            if count.detector not in self._places.get(signal_id, {}):
                continue
            cells = self._cells.setdefault((signal_id, count.detector), {})
            at = int(begin_s // self.interval_s)
            while at * self.interval_s < begin_s + period_s:
                low_s = max(begin_s, at * self.interval_s)
                high_s = min(begin_s + period_s, (at + 1) * self.interval_s)
                _enter(cells.setdefault(at, _Cell()), count, high_s - low_s, period_s, doubt)
                at += 1
            oldest = at - int(KEEP_S // self.interval_s)
            for old in [index for index in cells if index < oldest]:
                del cells[old]

    def counts(self, begin_s: float, end_s: float) -> CountSeries:
        """Return the counts of the intervals that begin between two times.

        Parameters
        ----------
        begin_s, end_s
            In s since `midnight_utc_s`; the end is exclusive.

        Raises
        ------
        CountError
            No interval begins there.
        """
        first = -int(-begin_s // self.interval_s)
        last = -int(-end_s // self.interval_s)
        if not 0 <= first < last:
            raise CountError(
                f"no interval of {self.interval_s} s begins between {begin_s:g} s and {end_s:g} s"
            )
        shape = (last - first, len(self._detectors))
        volume, occupancy = np.full(shape, np.nan), np.full(shape, np.nan)
        quality = np.full(shape, int(Quality.MISSING), dtype=np.uint8)
        for column, places in enumerate(self._detectors.values()):
            for row in range(shape[0]):
                cells = [self._whole(place, first + row) for place in places]
                whole = [cell for cell in cells if cell is not None]
                if len(whole) < len(cells):
                    continue
                quality[row, column] = max(cell.flag for cell in whole)
                if all(cell.numbered for cell in whole):
                    volume[row, column] = sum(cell.vehicles for cell in whole)
                    shares = [cell.occupied_s / self.interval_s for cell in whole]
                    occupancy[row, column] = 100.0 * min(1.0, sum(shares) / len(shares))
        return CountSeries(
            self.kind,
            self.series_ids,
            float(first * self.interval_s),
            self.interval_s,
            volume,
            quality,
            occupancy,
        )

    def reasons(self, begin_s: float, end_s: float) -> tuple[str, ...]:
        """Say of every count that is not good between two times why, a sentence each."""
        told = []
        for series, places in self._detectors.items():
            for at in range(-int(-begin_s // self.interval_s), -int(-end_s // self.interval_s)):
                for signal, detector in places:
                    cell = self._cells.get((signal, detector), {}).get(at)
                    reason = (
                        "nothing was read"
                        if cell is None
                        else f"only {cell.covered_s:.0f} of {self.interval_s} s were read"
                        if cell.covered_s < self.interval_s - COVERED_S
                        else cell.reason
                    )
                    if reason:
                        where = f"{series} at {at * self.interval_s} s"
                        told.append(f"{where}: signal {signal!r} detector {detector}: {reason}")
        return tuple(told)

    def _whole(self, place: tuple[str, int], at: int) -> _Cell | None:
        cell = self._cells.get(place, {}).get(at)
        if cell is None or cell.covered_s < self.interval_s - COVERED_S:
            return None
        return cell


def _enter(cell: _Cell, count: DetectorCount, inside_s: float, period_s: int, doubt: str) -> None:
    share = inside_s / period_s
    cell.covered_s += inside_s
    if count.occupancy is not None:
        cell.occupied_s += count.occupancy * inside_s
    if count.vehicles is None:
        cell.numbered = False
        fault = count.fault or f"more than {VOLUME_OVERFLOW - 1} vehicles"
        _mark(cell, FLAGS.get(fault, Quality.SUSPECT), fault)
        return
    cell.vehicles += count.vehicles * share
    if doubt:
        _mark(cell, Quality.SUSPECT, doubt)


def _mark(cell: _Cell, flag: Quality, reason: str) -> None:
    if flag >= cell.flag:
        cell.flag, cell.reason = int(flag), reason
