"""A table of counts that somebody else goes on writing: each look returns the rows that are new.

Only whole lines are taken. A line that cannot be read is passed over and counted: an unattended
reader does not end by one. A file that became shorter, or another one in its place, is read from
its beginning.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from network.errors import CountError, FormatError
from network.readers.local_time import time_zone, to_utc
from throughband.counts.count_feed import STEP_BACK_S, Readings
from throughband.counts.count_readings import Collected
from throughband.counts.count_tables import (
    COUNTS,
    DELIMITERS,
    HISTORY,
    NAMES,
    TIMES,
    column_place,
    column_word,
)

BLOCK_BYTES: Final = 8 << 20
LONGEST_LINE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where things stand; `name` and `count` are -1 in a wide table."""

    mark: str
    width: int
    time: int
    name: int
    count: int
    wide: tuple[str, ...]


class GrowingCounts:
    """Counts of a file that grows.

    Parameters
    ----------
    path
        A tidy CSV (time, detector, count) or a wide one (time, then a column per detector); or
        the folder that ``throughband bridge count`` writes to.
    zone
        IANA name of the zone of times without an offset.

    Attributes
    ----------
    path
        The file.
    unread
        Lines passed over, and `last_unread`, what was wrong with the last one.

    Raises
    ------
    FormatError
        If the zone is unknown.
    """

    def __init__(self, path: Path, zone: str) -> None:
        self._of_folder = path.is_dir()
        self.path = path / HISTORY if self._of_folder else path
        self.unread, self.last_unread = 0, ""
        self._zone = time_zone(zone, str(path))
        self.rewind()

    def rewind(self) -> None:
        """Begin with the first row again."""
        self._offset, self._line = 0, 0
        self._columns: _Columns | None = None
        self._file: tuple[int, int] | None = None

    def new(self, after: datetime | None = None) -> Readings | None:
        """Return what was written since the last look; times are UTC.

        Parameters
        ----------
        after
            The last interval that was used, aware. A local time that comes twice is that of the
            second pass if the first one was used already.

        Returns
        -------
        Readings or None
            None if nothing was.

        Raises
        ------
        FormatError
            If the file cannot be read, or is no such table.
        CountError
            If two columns mean the same.
        """
        found = Collected(self.path)
        try:
            with self.path.open("rb") as stream:
                status = os.fstat(stream.fileno())
                file = (status.st_dev, status.st_ino)
                if self._file not in (None, file) or status.st_size < self._offset:
                    self.rewind()
                self._file = file
                stream.seek(self._offset)
                rest = b""
                while block := stream.read(BLOCK_BYTES):
                    rest += block
                    cut = rest.rfind(b"\n") + 1
                    if not cut and len(rest) > LONGEST_LINE_BYTES:
                        raise FormatError(
                            f"{self.path}, row {self._line + 1}: longer than "
                            f"{LONGEST_LINE_BYTES} bytes"
                        )
                    self._take(rest[:cut], found)
                    self._offset += cut
                    rest = rest[cut:]
        except OSError as error:
            if self._of_folder and isinstance(error, FileNotFoundError):
                # Whoever counts into the folder has not begun.
                return None
            raise FormatError(f"{self.path}: cannot be read ({error.strerror})") from error
        if not found.names or not len(found):
            return None
        return self._in_utc(found.readings(), after)

    def _take(self, lines: bytes, found: Collected) -> None:
        for raw in lines.split(b"\n")[:-1]:
            self._line += 1
            try:
                text = raw.decode("utf-8-sig" if self._line == 1 else "utf-8").rstrip("\r")
            except UnicodeDecodeError as error:
                self._pass_over(f"row {self._line}: not text in UTF-8 ({error.reason})")
                continue
            if not text.strip():
                continue
            if self._columns is None:
                self._columns = self._headed(text)
                continue
            try:
                self._take_row(self._columns, text, found)
            except (CountError, FormatError, csv.Error) as error:
                self._pass_over(str(error))

    def _take_row(self, columns: _Columns, text: str, found: Collected) -> None:
        cells = _cells(text, columns.mark)
        if len(cells) != columns.width:
            raise FormatError(
                f"{self.path}, row {self._line}: found {len(cells)} columns; allowed are "
                f"{columns.width}"
            )
        micro = found.stamp(self._line, cells[columns.time])
        if columns.wide:
            for name, cell in zip(columns.wide, cells[1:], strict=True):
                found.add(self._line, micro, found.series(self._line, name), cell)
            return
        series = found.series(self._line, cells[columns.name].strip())
        found.add(self._line, micro, series, cells[columns.count])

    def _pass_over(self, why: str) -> None:
        self.unread += 1
        self.last_unread = why

    def _headed(self, text: str) -> _Columns:
        mark = max(DELIMITERS, key=text.count)
        names = [name.strip() for name in _cells(text, mark)]
        known = [column_word(name) for name in names]
        time, name, count = (
            column_place(self.path, self._line, known, words) for words in (TIMES, NAMES, COUNTS)
        )
        if time is not None and name is not None and count is not None:
            return _Columns(mark, len(names), time, name, count, ())
        if known[0] in TIMES and len(names) > 1:
            twice = sorted({one for one in names if names.count(one) > 1 or not one})
            if twice:
                raise CountError(
                    f"{self.path}, row {self._line}: the column {twice[0][:40]!r} appears twice, "
                    "or has no name"
                )
            return _Columns(mark, len(names), 0, -1, -1, tuple(names[1:]))
        raise FormatError(
            f"{self.path}, row {self._line}: found the columns {', '.join(names)[:80]!r}; a file "
            "to be followed has time, detector and count, or time and a column per detector"
        )

    def _in_utc(self, read: Readings, after: datetime | None) -> Readings:
        if read.aware:
            return read
        resolved = to_utc(read.time, read.series, self._zone, STEP_BACK_S)
        utc, there = resolved.utc.copy(), ~resolved.missing
        if after is not None:
            first_pass = resolved.twice & ~resolved.second
            self._second_pass(read.time, utc, first_pass, after)
        if not there.all():
            self._pass_over(f"{int((~there).sum())} rows of an hour that the clock skips")
        return Readings(
            read.names, utc[there], True, read.series[there], read.value[there], read.row[there]
        )

    def _second_pass(
        self,
        local: NDArray[np.datetime64],
        utc: NDArray[np.datetime64],
        doubtful: NDArray[np.bool_],
        after: datetime,
    ) -> None:
        used = np.datetime64(after.astimezone(UTC).replace(tzinfo=None), "us")
        for row in np.flatnonzero(doubtful & (utc <= used)):
            wall: datetime = local[row].astype(datetime)
            later = wall.replace(tzinfo=self._zone, fold=1).astimezone(UTC).replace(tzinfo=None)
            if np.datetime64(later, "us") > used:
                utc[row] = np.datetime64(later, "us")


def _cells(text: str, mark: str) -> list[str]:
    return next(csv.reader([text], strict=True, delimiter=mark), [])
