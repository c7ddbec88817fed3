"""Rows of a count sheet, with their times in UTC and their counts as numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from network.errors import FormatError
from network.readers.local_time import FIRST_YEAR, LAST_YEAR, time_zone, to_utc
from network.readers.sheets import Cell, Sheet
from network.readers.tmc_layout import TmcLayout
from network.readers.tmc_mapping import INTERVALS_MIN, TmcMapping
from network.readers.tmc_times import SECONDS_PER_DAY, clock_of, date_order, day_of

LARGEST_COUNT = 100_000.0
"""More than a motorway carries in an hour; what is larger is another number."""

_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_SAID_COUNT = (
    f"a number 0 to {LARGEST_COUNT:.0f} without separators, an empty cell, or a text that a "
    "mapping lists under missing"
)


@dataclass(frozen=True, slots=True)
class TmcRow:
    """One interval of one intersection as written.

    Attributes
    ----------
    number, cells
        Row number in the file, and its cells.
    intersection
        Named in the row; empty where no column does.
    local
        Begin as the clock showed it, naive.
    offset_min
        Offset from UTC where the row holds one, minutes.
    lasts_s
        Length where the row tells its end, s.
    """

    number: int
    cells: tuple[Cell, ...]
    intersection: str
    local: datetime
    offset_min: int | None
    lasts_s: int | None


@dataclass(frozen=True, slots=True)
class TmcIntervals:
    """Rows of one intersection in order, with begins in UTC; doubtful ones may be misplaced."""

    rows: tuple[TmcRow, ...]
    begins_utc: tuple[datetime, ...]
    interval_s: int
    doubtful: npt.NDArray[np.bool_]


def rows_of(
    path: Path, sheet: Sheet, layout: TmcLayout, mapping: TmcMapping
) -> tuple[list[TmcRow], list[str]]:
    """Return the rows that hold counts, and what was left out.

    Raises
    ------
    FormatError
        If a row holds counts and no readable time or date.
    """
    body = [
        (number, cells)
        for number, cells in zip(
            sheet.numbers[layout.first_at :], sheet.rows[layout.first_at :], strict=True
        )
        if cells and (mapping.last_row is None or number <= mapping.last_row)
    ]
    order = _order(path, body, layout, mapping)
    rows: list[TmcRow] = []
    left_out: list[str] = []
    known: date | None = None
    days: dict[str, tuple[int, int]] = {}
    for number, cells in body:
        time_cell = _cell(cells, layout.roles["time"])
        if _is_summary(cells, layout, time_cell):
            label = next((str(cell)[:20] for cell in cells if isinstance(cell, str)), "")
            left_out.append(f"{number} ({label!r})" if label else str(number))
            continue
        where = f"{path}, row {number}, column {layout.column(layout.roles['time'])}"
        clock = clock_of(time_cell, order)
        if clock is None or clock.second == SECONDS_PER_DAY:
            raise FormatError(
                f"{where}: found {_shown(time_cell)}; allowed is a time of day such as 07:15, "
                "7:15 AM or 07:15 - 07:30, with or without its date"
            )
        intersection = str(_cell(cells, layout.roles.get("intersection", -1)) or "").strip()
        day, fixed = clock.day, False
        if day is None and "date" in layout.roles:
            cell = _cell(cells, layout.roles["date"])
            known = known if cell is None else day_of(cell, order)
            day = known
            if day is None:
                where = f"{path}, row {number}, column {layout.column(layout.roles['date'])}"
                raise FormatError(f"{where}: found {_shown(cell)}; allowed is a date")
        elif day is None:
            day, fixed = mapping.date or layout.day, True
        if day is None:
            raise FormatError(
                f"{where}: found the time {_shown(time_cell)} without a date, and no date column "
                "or line above the header; give date in a mapping"
            )
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise FormatError(
                f"{where}: found the date {day}; allowed are years {FIRST_YEAR} to {LAST_YEAR}"
            )
        # A sheet with one date that runs past midnight goes on to the next day.
        before, shift = days.get(intersection, (clock.second, 0))
        if fixed and clock.second < before - SECONDS_PER_DAY // 2:
            shift += 1
        days[intersection] = (clock.second, shift)
        local = datetime(day.year, day.month, day.day) + timedelta(  # noqa: DTZ001
            days=shift, seconds=clock.second
        )
        lasts_s = _lasts_s(path, number, cells, layout, order, clock.second, clock.end_second)
        rows.append(TmcRow(number, cells, intersection, local, clock.offset_min, lasts_s))
    if not rows:
        raise FormatError(f"{path}: holds no counts below the header")
    return rows, left_out


def intervals_of(
    path: Path, rows: Sequence[TmcRow], layout: TmcLayout, mapping: TmcMapping, notes: list[str]
) -> TmcIntervals:
    """Put the rows of one intersection on the time line.

    A time that happens twice is read as the first pass, and as the second once times repeat or
    step back; where the two passes are not equally long, both are doubtful. Rows in an hour that
    clocks skip are left out where they hold nothing, or where the mapping says so.

    Raises
    ------
    FormatError
        If intervals repeat, overlap, are out of order, off the grid or of differing length.
    """
    local = np.array([row.local for row in rows], dtype="datetime64[us]")
    fixed = np.array([row.offset_min is not None for row in rows])
    utc, twice, second = local.copy(), np.zeros(local.size, bool), np.zeros(local.size, bool)
    kept = np.ones(local.size, dtype=np.bool_)
    if not fixed.all():
        zone = time_zone(mapping.zone, str(path))
        times = to_utc(local, np.zeros(local.size, dtype=np.int64), zone, 0.0)
        utc, twice, second = times.utc, times.twice & ~fixed, times.second
        for index in np.flatnonzero(times.missing & ~fixed).tolist():
            _require_empty(path, rows[index], layout, mapping, notes)
            kept[index] = False
    for index in np.flatnonzero(fixed).tolist():
        utc[index] = local[index] - np.timedelta64(rows[index].offset_min or 0, "m")
    if not kept.any():
        raise FormatError(f"{path}: all rows lie in the hour that clocks skip in {mapping.zone}")
    kept_rows = [row for row, keep in zip(rows, kept, strict=True) if keep]
    utc, twice, second = utc[kept], twice[kept], second[kept]
    interval_s = _check_grid(path, kept_rows, utc, layout, mapping, notes)
    passes = (int((twice & ~second).sum()), int(second.sum()))
    doubtful = twice if passes[0] != passes[1] else np.zeros_like(twice)
    if doubtful.any():
        first = kept_rows[int(np.flatnonzero(doubtful)[0])]
        notes.append(
            f"{path}, row {first.number}: {first.local:%Y-%m-%d %H:%M} happens twice in "
            f"{mapping.zone}, and the sheet has {passes[0]} rows of the first pass and {passes[1]} "
            "of the second; they were flagged suspect"
        )
    moments = tuple(moment.replace(tzinfo=UTC) for moment in utc.tolist())
    return TmcIntervals(tuple(kept_rows), moments, interval_s, doubtful)


def count_of(path: Path, row: TmcRow, column: int, layout: TmcLayout, mapping: TmcMapping) -> float:
    """Return the count in one cell, NaN where nothing was counted.

    Raises
    ------
    FormatError
        If the cell holds anything but a number from 0, nothing, or a text for nothing.
    """
    cell = _cell(row.cells, column)
    if cell is None or (isinstance(cell, str) and cell.strip() in ("", *mapping.missing)):
        return float("nan")
    value = -1.0
    if isinstance(cell, str):
        if _NUMBER.fullmatch(cell.strip()):
            value = float(cell)
    elif isinstance(cell, int | float) and not isinstance(cell, bool) and cell <= LARGEST_COUNT:
        value = float(cell)
    if not 0 <= value <= LARGEST_COUNT:
        raise FormatError(
            f"{path}, row {row.number}, column {layout.column(column)}: found {_shown(cell)}; "
            f"allowed is {_SAID_COUNT}"
        )
    return value


def _order(
    path: Path,
    body: Sequence[tuple[int, tuple[Cell, ...]]],
    layout: TmcLayout,
    mapping: TmcMapping,
) -> str:
    if mapping.date_order:
        return mapping.date_order
    column = layout.roles.get("date", layout.roles["time"])
    order = date_order(_cell(cells, column) for _, cells in body)
    if order is None:
        number, cells = next((n, c) for n, c in body if isinstance(_cell(c, column), str))
        raise FormatError(
            f"{path}, row {number}, column {layout.column(column)}: found "
            f"{_shown(_cell(cells, column))} and no date that tells whether months or days come "
            "first; give date_order in a mapping"
        )
    return order


def _is_summary(cells: tuple[Cell, ...], layout: TmcLayout, time_cell: Cell) -> bool:
    """Totals, shares and remarks: no time, and a word in its place or beside it, or no count."""
    if isinstance(time_cell, str):
        return not any(letter.isdigit() for letter in time_cell)
    if time_cell is not None:
        return False
    others = [cell for index, cell in enumerate(cells) if index not in layout.counts]
    worded = any(isinstance(cell, str) and not cell[:1].isdigit() for cell in others)
    return worded or all(_cell(cells, index) is None for index in layout.counts)


def _lasts_s(
    path: Path,
    number: int,
    cells: tuple[Cell, ...],
    layout: TmcLayout,
    order: str,
    begin: int,
    end: int | None,
) -> int | None:
    if end is None and "end" in layout.roles:
        cell = _cell(cells, layout.roles["end"])
        if cell is None:
            return None
        clock = clock_of(cell, order)
        if clock is None:
            where = f"{path}, row {number}, column {layout.column(layout.roles['end'])}"
            raise FormatError(f"{where}: found {_shown(cell)}; allowed is a time of day")
        end = clock.second
    return None if end is None else (end - begin) % SECONDS_PER_DAY


def _check_grid(
    path: Path,
    rows: Sequence[TmcRow],
    utc: npt.NDArray[np.datetime64],
    layout: TmcLayout,
    mapping: TmcMapping,
    notes: list[str],
) -> int:
    steps_s = np.diff(utc).astype("timedelta64[s]").astype(np.int64)
    told = [row.lasts_s for row in rows if row.lasts_s is not None]
    if mapping.interval_min is not None:
        interval_s = mapping.interval_min * 60
    elif told:
        interval_s = Counter(told).most_common(1)[0][0]
    elif len(rows) > 1:
        interval_s = Counter(steps_s.tolist()).most_common(1)[0][0]
    else:
        raise FormatError(
            f"{path}, row {rows[0].number}: one interval does not tell its length; give "
            "interval_min in a mapping"
        )
    where = f"column {layout.column(layout.roles['time'])}"
    for row, after, step_s in zip(rows, rows[1:], steps_s.tolist(), strict=False):
        problem = ""
        if step_s == 0:
            problem = f"the interval of row {row.number} again"
        elif step_s < 0:
            problem = f"an interval before the one of row {row.number}"
        elif step_s % interval_s if interval_s > 0 else True:
            problem = (
                f"an interval {step_s / 60:g} min after the one of row {row.number}, which "
                f"{'overlaps it' if step_s < interval_s else 'is off the grid'}"
            )
        if problem and (step_s <= 0 or interval_s // 60 in INTERVALS_MIN):
            raise FormatError(
                f"{path}, row {after.number}, {where}: found {after.local:%Y-%m-%d %H:%M:%S}, "
                f"{problem}; allowed are rising times, {interval_s / 60:g} min apart"
            )
    if interval_s % 60 or interval_s // 60 not in INTERVALS_MIN:
        raise FormatError(
            f"{path}, row {rows[0].number}, {where}: found intervals of {interval_s / 60:g} min; "
            f"allowed are {', '.join(map(str, INTERVALS_MIN))}"
        )
    for row in rows:
        if row.lasts_s not in (None, interval_s):
            raise FormatError(
                f"{path}, row {row.number}, {where}: found an interval of "
                f"{(row.lasts_s or 0) / 60:g} min among those of {interval_s / 60:g} min"
            )
    holes = np.flatnonzero(steps_s > interval_s)
    if holes.size:
        after = rows[int(holes[0]) + 1]
        notes.append(
            f"{path}, row {after.number}: {int(steps_s[holes].sum()) // interval_s - holes.size} "
            f"intervals are not in the sheet, in {holes.size} holes, the first one before "
            f"{after.local:%Y-%m-%d %H:%M}"
        )
    return interval_s


def _require_empty(
    path: Path, row: TmcRow, layout: TmcLayout, mapping: TmcMapping, notes: list[str]
) -> None:
    filled = [c for c in layout.counts if count_of(path, row, c, layout, mapping) > 0]
    if filled and not mapping.skip_missing_hour:
        raise FormatError(
            f"{path}, row {row.number}, column {layout.column(filled[0])}: found a count at "
            f"{row.local:%Y-%m-%d %H:%M}, which no clock showed in {mapping.zone}; allowed are "
            "empty or zero counts there, or skip_missing_hour in a mapping"
        )
    notes.append(
        f"{path}, row {row.number}: {row.local:%Y-%m-%d %H:%M} never happened in {mapping.zone} "
        "and was left out"
    )


def _cell(cells: Sequence[Cell], index: int) -> Cell:
    return cells[index] if 0 <= index < len(cells) else None


def _shown(cell: Cell) -> str:
    return repr(cell[:60] if isinstance(cell, str) else str(cell)[:60])
