"""What the bridge counted lately, interval by interval, with occupancies and quality flags."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from network.errors import CountError

KEPT: Final = 48
"""Intervals remembered."""

_COLUMNS: Final = ("begin_s", "interval_s", "volume_veh", "quality", "occupancy_pct")


@dataclass(frozen=True, slots=True)
class Counted:
    """One detector in one interval.

    Attributes
    ----------
    volume_veh
        Vehicles; NaN where nothing is known.
    good
        Whether the count was found good when it was read.
    occupied_s, occupied_part
        Time it was occupied, s, and as a part of the interval; NaN where it does not say.
    """

    volume_veh: float
    good: bool
    occupied_s: float
    occupied_part: float = math.nan


class StreetCounts:
    """Reads the files of `throughband.bridge.counting.CountSpool` as they grow.

    Parameters
    ----------
    folder
        Theirs.
    zone
        Whose midnight begins a day.
    midnight_utc_s
        Second zero of a drill's street, in s since 1970; None takes the zone's midnights.
    """

    def __init__(self, folder: Path, zone: ZoneInfo, midnight_utc_s: float | None = None) -> None:
        self._folder = folder
        self._zone = zone
        self._midnight_utc_s = midnight_utc_s
        self._file: Path | None = None
        self._offset = 0
        self._columns: list[str] = []
        self._found: dict[float, dict[str, Counted]] = {}
        self._interval_s = 0

    @property
    def interval_s(self) -> int:
        """Length of intervals, s; 0 before the first."""
        return self._interval_s

    def look(self) -> Mapping[float, Mapping[str, Counted]]:
        """Read what is new and return the last intervals by their beginning, s since 1970.

        Raises
        ------
        CountError
            If a file cannot be read or is not what the bridge writes.
        """
        try:
            files = sorted(self._folder.glob("counts-*.csv"))
            for file in files:
                if self._file is None or file >= self._file:
                    self._read(file)
        except OSError as error:
            raise CountError(f"{self._folder}: cannot be read ({error.strerror})") from error
        for begin in sorted(self._found)[:-KEPT]:
            del self._found[begin]
        return self._found

    def _read(self, file: Path) -> None:
        if file != self._file:
            self._file, self._offset, self._columns = file, 0, []
        if file.stat().st_size < self._offset:
            self._offset, self._columns = 0, []
        with file.open("rb") as stream:
            stream.seek(self._offset)
            block = stream.read()
        cut = block.rfind(b"\n") + 1
        self._offset += cut
        for cells in csv.reader(block[:cut].decode("utf-8", "replace").splitlines()):
            if not self._columns:
                self._columns = cells
                if any(name not in cells for name in _COLUMNS):
                    raise CountError(
                        f"{file}: found the columns {', '.join(cells)[:80]!r}; expected those of "
                        "'throughband bridge count'"
                    )
                continue
            self._take(file, dict(zip(self._columns, cells, strict=False)))

    def _take(self, file: Path, cell: Mapping[str, str]) -> None:
        name = next((v for k, v in cell.items() if k not in _COLUMNS), "")
        try:
            begin_s, interval_s = float(cell["begin_s"]), int(cell["interval_s"])
            volume = float(cell["volume_veh"] or "nan")
            share = float(cell["occupancy_pct"] or "nan")
        except (KeyError, ValueError):
            # A half-written line of a crash; the bridge goes on behind it.
            return
        self._interval_s = interval_s
        begin = self._midnight(file) + begin_s
        row = self._found.setdefault(begin, {})
        good = cell["quality"] == "good" and math.isfinite(volume)
        row[name] = Counted(volume, good, share / 100.0 * interval_s, share / 100.0)

    def _midnight(self, file: Path) -> float:
        if self._midnight_utc_s is not None:
            return self._midnight_utc_s
        day = date.fromisoformat(file.stem.removeprefix("counts-"))
        local = datetime(day.year, day.month, day.day, tzinfo=self._zone)
        return local.astimezone(UTC).timestamp()
