"""Take in counts cell by cell: times, names and numbers, each refused with its row."""

from __future__ import annotations

from array import array
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from network.errors import CountError
from network.readers.local_time import FIRST_YEAR, LAST_YEAR
from throughband.counts.count_feed import Readings

MOST_ROWS = 40_000_000
MOST_SERIES = 20_000

NOTHING = frozenset(("", "nan", "na", "n/a", "null", "none", "-", "missing"))

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Collected:
    """Readings while a file is read, cell by cell.

    Parameters
    ----------
    path
        The file, for messages.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: dict[str, int] = {}
        self.aware: bool | None = None
        self._stamps: dict[str, int] = {}
        self._time, self._series = array("q"), array("q")
        self._value, self._row = array("d"), array("q")

    def stamp(self, line: int, text: str) -> int:
        """Return a time as microseconds since 1970, of UTC or of the local clock."""
        known = self._stamps.get(text)
        if known is not None:
            return known
        try:
            found = datetime.fromisoformat(text.strip())
        except ValueError as error:
            raise CountError(
                f"{self.path}, row {line}: found the time {text[:40]!r}; allowed is ISO 8601, such "
                "as 2031-03-03T07:15 or 2031-03-03T07:15+10:00"
            ) from error
        aware = found.tzinfo is not None
        if self.aware not in (None, aware):
            raise CountError(
                f"{self.path}, row {line}: found the time {text[:40]!r}; allowed are either all "
                "times with an offset from UTC or all without"
            )
        if not FIRST_YEAR <= found.year <= LAST_YEAR:
            raise CountError(
                f"{self.path}, row {line}: found the year {found.year}; allowed are {FIRST_YEAR} "
                f"to {LAST_YEAR}"
            )
        self.aware = aware
        plain = found if aware else found.replace(tzinfo=UTC)
        micro = (plain - _EPOCH) // timedelta(microseconds=1)
        self._stamps[text] = micro
        return micro

    def series(self, line: int, name: str) -> int:
        """Return the number of a detector."""
        known = self.names.get(name)
        if known is None:
            if not name.strip() or not name.isprintable() or len(self.names) >= MOST_SERIES:
                raise CountError(
                    f"{self.path}, row {line}: found the detector {name[:40]!r}, number "
                    f"{len(self.names) + 1}; allowed are printable names, at most "
                    f"{MOST_SERIES}"
                )
            known = self.names[name] = len(self.names)
        return known

    def add(self, line: int, micro: int, series: int, text: str) -> None:
        """Take one count."""
        try:
            value = float(text)
        except ValueError as error:
            if text.strip().lower() not in NOTHING:
                raise CountError(
                    f"{self.path}, row {line}, detector {list(self.names)[series]!r}: found the "
                    f"count {text[:40]!r}; allowed is a number, or an empty cell"
                ) from error
            value = float("nan")
        self._time.append(micro)
        self._series.append(series)
        self._value.append(value)
        self._row.append(line)
        if len(self._row) > MOST_ROWS:
            raise CountError(f"{self.path}: holds more than {MOST_ROWS} counts")

    def __len__(self) -> int:
        return len(self._row)

    def readings(self) -> Readings:
        """Return everything taken."""
        if not len(self._row):
            raise CountError(f"{self.path}: holds no counts; expected rows below the header")
        return Readings(
            tuple(self.names),
            np.array(self._time, dtype=np.int64).view("datetime64[us]"),
            bool(self.aware),
            np.array(self._series, dtype=np.int64),
            np.array(self._value, dtype=np.float64),
            np.array(self._row, dtype=np.int64),
        )
