"""Counts as tidy CSV: one row per series and interval.

Columns, in any order: ``begin_s``, ``interval_s``, one of ``movement``, ``approach``,
``connection`` and ``detector``, ``volume_veh``, and if wanted ``quality``, ``occupancy_pct`` and
``day``. Rows come in any order. A series without a row for an interval that lies between the first
and the last one is missing there. A count without a number keeps its cell empty and says why in
``quality``. The same hours counted on several days are told apart by ``day``, a whole number; a
mean of them would hide how much days differ, which tells a forecast what is chance.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np

from network.counts import KINDS, VALUED, CountSeries, Kind, Quality
from network.errors import CountError
from network.files import replace_file

REQUIRED = ("begin_s", "interval_s", "volume_veh")
OPTIONAL = ("quality", "occupancy_pct", "day")
FIRST_DAY = 1
MOST_CELLS = 20_000_000
"""A file whose first and last interval lie further apart is taken for a slip of the pen."""

_GRID_TOLERANCE = 1e-6
_DAY_ALLOWED = f"a whole number from {FIRST_DAY}"
_QUALITIES = {quality.name.lower(): quality for quality in Quality}


def read_counts_csv(path: Path) -> CountSeries:
    """Read counts of one day.

    Parameters
    ----------
    path
        As for `read_count_days_csv`.

    Raises
    ------
    CountError
        As there, and if the file holds several days.
    """
    days = read_count_days_csv(path)
    if len(days) > 1:
        raise CountError(f"{path}: holds {len(days)} days; allowed here is one")
    return days[0]


def read_count_days_csv(path: Path) -> tuple[CountSeries, ...]:
    """Read counts of one day or several.

    Parameters
    ----------
    path
        A CSV file in UTF-8, as `write_count_days_csv` makes it.

    Returns
    -------
    tuple of CountSeries
        Days in the order of their numbers, all with the same intervals and the same series in
        order of their names; what a day has no row for is missing on it.

    Raises
    ------
    CountError
        If the file is missing or anything in it is malformed; the message names file, row
        (the header is row 1), column, what was found and what is allowed.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CountError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise CountError(f"{path}: not text in UTF-8 ({error})") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        kind = _kind(path, header)
        rows = [
            row for cells in reader if (row := _row(path, reader.line_num, header, kind, cells))
        ]
    except csv.Error as error:
        raise CountError(f"{path}, row {reader.line_num}: not readable CSV ({error})") from error
    if not rows:
        raise CountError(f"{path}: holds no counts; expected at least one row below the header")
    return _days(path, kind, rows, "occupancy_pct" in header)


def write_counts_csv(path: Path, counts: CountSeries) -> None:
    """Write counts of one day; the file is replaced whole or not at all.

    Parameters
    ----------
    path, counts
        Where to, and what. `read_counts_csv` gives the same back, ordered by name.

    Raises
    ------
    CountError
        If a name holds line breaks or the like, or the file cannot be written.
    """
    write_count_days_csv(path, (counts,))


def write_count_days_csv(path: Path, days: Sequence[CountSeries]) -> None:
    """Write counts of one day or several; the file is replaced whole or not at all.

    Parameters
    ----------
    path
        Where to.
    days
        What to write, all of the same series and intervals. `read_count_days_csv` gives the same
        back, ordered by name.

    Raises
    ------
    CountError
        If a name holds line breaks or the like, days are of different series, or the file cannot
        be written.
    """
    path = Path(path)
    first = days[0]
    for name in first.series_ids:
        if not name.isprintable():
            raise CountError(f"{path}: cannot hold the name {name!r}; allowed is printable text")
    for number, day in enumerate(days, FIRST_DAY):
        if _form(day) != _form(first):
            raise CountError(
                f"{path}: day {number} has other series or intervals than day {FIRST_DAY}; "
                "allowed are the same"
            )
    header = ["begin_s", "interval_s", first.kind, "volume_veh", "quality"]
    if first.occupancy_pct is not None:
        header.append("occupancy_pct")
    several = len(days) > 1
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["day", *header] if several else header)
    for number, day in enumerate(days, FIRST_DAY):
        writer.writerows([str(number), *cells] if several else cells for cells in _cells(day))
    try:
        replace_file(path, out.getvalue())
    except OSError as error:
        raise CountError(f"{path}: cannot be written ({error.strerror or error})") from error


def _form(day: CountSeries) -> tuple[object, ...]:
    return (
        *(day.kind, day.series_ids, day.start_s, day.interval_s, day.intervals),
        day.occupancy_pct is None,
    )


def _cells(counts: CountSeries) -> Iterator[list[str]]:
    occupancy = counts.occupancy_pct
    for row, begin_s in enumerate(counts.begins_s):
        for column, name in enumerate(counts.series_ids):
            cells = [
                _text(float(begin_s)),
                str(counts.interval_s),
                name,
                _text(float(counts.volume_veh[row, column])),
                Quality(int(counts.quality[row, column])).name.lower(),
            ]
            if occupancy is not None:
                cells.append(_text(float(occupancy[row, column])))
            yield cells


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    day: int
    begin_s: float
    interval_s: int
    name: str
    volume_veh: float
    quality: int
    occupancy_pct: float


def _text(value: float) -> str:
    if np.isnan(value):
        return ""
    return str(int(value)) if value.is_integer() else repr(value)


def _kind(path: Path, header: list[str]) -> Kind:
    allowed = [*REQUIRED, *OPTIONAL, *KINDS]
    kinds = [kind for kind in KINDS if kind in header]
    missing = [name for name in REQUIRED if name not in header]
    unknown = [name for name in header if name not in allowed]
    if missing or unknown or len(kinds) != 1 or len(set(header)) != len(header):
        raise CountError(
            f"{path}, row 1: found the columns {', '.join(header) or 'none'}; allowed are "
            f"{', '.join(REQUIRED)}, one of {', '.join(KINDS)}, and if wanted "
            f"{', '.join(OPTIONAL)}, each once"
        )
    return kinds[0]


def _row(path: Path, line: int, header: list[str], kind: str, cells: list[str]) -> _Row | None:
    if not cells:
        return None
    if len(cells) != len(header):
        raise CountError(
            f"{path}, row {line}: found {len(cells)} columns; allowed are {len(header)}"
        )
    cell = {
        name: text if name == kind else text.strip()
        for name, text in zip(header, cells, strict=True)
    }
    where = f"{path}, row {line}"
    begin_s = _number(where, "begin_s", cell["begin_s"], "a number of seconds from 0")
    interval_s = _number(where, "interval_s", cell["interval_s"], "whole seconds from 1")
    if interval_s < 1 or not interval_s.is_integer():
        raise _bad(where, "interval_s", cell["interval_s"], "whole seconds from 1")
    if not cell[kind] or not cell[kind].isprintable():
        raise _bad(where, kind, cell[kind], f"the name of a {kind} in printable text")
    flag = cell.get("quality", "good").lower()
    if flag not in _QUALITIES:
        raise _bad(where, "quality", flag, ", ".join(_QUALITIES))
    quality = int(_QUALITIES[flag])
    volume_veh = float("nan")
    if cell["volume_veh"] or quality in VALUED:
        needed = "a number of vehicles from 0; leave out the row of a missing count"
        volume_veh = _number(where, "volume_veh", cell["volume_veh"], needed)
        if quality == Quality.MISSING:
            raise _bad(where, "volume_veh", cell["volume_veh"], "an empty cell, flagged missing")
    occupancy_pct = float("nan")
    if cell.get("occupancy_pct"):
        occupancy_pct = _number(where, "occupancy_pct", cell["occupancy_pct"], "0 to 100")
        if occupancy_pct > 100:
            raise _bad(where, "occupancy_pct", cell["occupancy_pct"], "0 to 100")
    day = _number(where, "day", cell.get("day", str(FIRST_DAY)), _DAY_ALLOWED)
    if day < FIRST_DAY or not day.is_integer():
        raise _bad(where, "day", cell["day"], _DAY_ALLOWED)
    return _Row(
        *(line, int(day), begin_s, int(interval_s), cell[kind]),
        *(volume_veh, quality, occupancy_pct),
    )


def _number(where: str, column: str, text: str, allowed: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise _bad(where, column, text, allowed) from error
    if not isfinite(value) or value < 0 or "_" in text:
        raise _bad(where, column, text, allowed)
    return value


def _bad(where: str, column: str, found: str, allowed: str) -> CountError:
    return CountError(f"{where}, column {column}: found {found!r}; allowed is {allowed}")


def _days(path: Path, kind: Kind, rows: list[_Row], occupied: bool) -> tuple[CountSeries, ...]:
    names = sorted({row.name for row in rows})
    numbers = sorted({row.day for row in rows})
    start_s, interval_s = min(row.begin_s for row in rows), rows[0].interval_s
    intervals = int((max(row.begin_s for row in rows) - start_s) / interval_s + 0.5) + 1
    if intervals * len(names) * len(numbers) > MOST_CELLS:
        raise CountError(
            f"{path}: {intervals} intervals of {len(names)} series lie between the first and the "
            f"last row"
            + (f" of {len(numbers)} days" if len(numbers) > 1 else "")
            + f"; allowed are {MOST_CELLS} counts"
        )
    volume = np.full((len(numbers), intervals, len(names)), np.nan)
    quality = np.full(volume.shape, int(Quality.MISSING), dtype=np.uint8)
    occupancy = np.full(volume.shape, np.nan)
    column = {name: index for index, name in enumerate(names)}
    place = {number: index for index, number in enumerate(numbers)}
    seen: dict[tuple[int, int, int], int] = {}
    for row, index in _placed(path, rows, start_s, interval_s):
        cell = (place[row.day], index, column[row.name])
        if cell in seen:
            on_day = f" on day {row.day}" if len(numbers) > 1 else ""
            raise CountError(
                f"{path}, row {row.line}, column {kind}: found {row.name!r} at {row.begin_s:g} s"
                f"{on_day} again; allowed is one row, and row {seen[cell]} has it"
            )
        seen[cell] = row.line
        volume[cell], quality[cell], occupancy[cell] = (
            row.volume_veh,
            row.quality,
            row.occupancy_pct,
        )
    return tuple(
        CountSeries(
            *(kind, tuple(names), start_s, interval_s, volume[day], quality[day]),
            occupancy[day] if occupied else None,
        )
        for day in range(len(numbers))
    )


def _placed(
    path: Path, rows: list[_Row], start_s: float, interval_s: int
) -> Iterator[tuple[_Row, int]]:
    for row in rows:
        where = f"{path}, row {row.line}"
        if row.interval_s != interval_s:
            raise _bad(where, "interval_s", str(row.interval_s), f"{interval_s}, as in other rows")
        steps = (row.begin_s - start_s) / interval_s
        if abs(steps - round(steps)) > _GRID_TOLERANCE:
            allowed = f"{start_s:g} plus a multiple of {interval_s} s"
            raise _bad(where, "begin_s", f"{row.begin_s:g}", allowed)
        yield row, round(steps)
