"""Turning movement counts from spreadsheets, CSV or XLSX.

A sheet has one row per interval of 5, 10, 15, 30 or 60 minutes and one column per movement,
crosswalk and mode. Well-known headers are understood as they are (`network.readers.tmc_headers`);
for foreign ones a mapping says which column is what (`network.readers.tmc_mapping`). What is not
understood is ignored and said so; what is malformed is refused with file, row and column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from network.counts import Quality
from network.errors import CountError, FormatError
from network.inventory import TurnKind
from network.readers.sheets import column_name, read_sheet
from network.readers.tmc_layout import TmcLayout, find_layout
from network.readers.tmc_mapping import MappedColumn, TmcMapping
from network.readers.tmc_rows import TmcIntervals, TmcRow, count_of, intervals_of, rows_of
from network.readers.turning_counts import Mode, TurnColumn, TurningCounts

PREVIEW_ROWS = 8
MAIN_HEADINGS = ("NB", "SB", "EB", "WB")
MAIN_TURNS = (TurnKind.LEFT, TurnKind.THROUGH, TurnKind.RIGHT)


@dataclass(frozen=True, slots=True)
class TmcFile:
    """What a count sheet holds.

    Attributes
    ----------
    counts
        One for each intersection, in order of appearance.
    findings
        What a reader of the import must know, sentences.
    """

    counts: tuple[TurningCounts, ...]
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TmcPreview:
    """The beginning of a count sheet as it is understood.

    Attributes
    ----------
    sheet, header_row
        Worksheet, empty for CSV, and number of the lowest header row.
    matched
        Columns that are read: ``C 'Northbound / Left'`` and ``NBL``.
    ignored
        Columns with a header that are not.
    missing
        Movements of the usual twelve for which no column was found.
    rows
        Of the first rows: number, begin as the clock showed it, intersection, and the counts in
        the order of `matched`, NaN where there is none. Empty where they cannot be read.
    problem
        What keeps the whole sheet from being read; empty where nothing does.
    findings
        As in `TmcFile`.
    """

    sheet: str
    header_row: int
    matched: tuple[tuple[str, str], ...]
    ignored: tuple[str, ...]
    missing: tuple[str, ...]
    rows: tuple[tuple[int, str, str, tuple[float, ...]], ...]
    problem: str
    findings: tuple[str, ...]


def read_tmc(path: Path, mapping: TmcMapping | None = None) -> TmcFile:
    """Read a count sheet.

    Parameters
    ----------
    path
        CSV or XLSX, told apart by content.
    mapping
        What is known of it; at least its time zone, unless its times carry an offset.

    Returns
    -------
    TmcFile
        Empty cells are missing, all others good; counts in an hour that happens twice and whose
        passes cannot be told apart are suspect.

    Raises
    ------
    FormatError
        If the file cannot be read or anything in it is malformed; the message names row and
        column.
    """
    path = Path(path)
    mapping = mapping or TmcMapping()
    sheet = read_sheet(path, mapping.sheet, mapping.delimiter)
    layout = find_layout(path, sheet, mapping)
    rows, left_out = rows_of(path, sheet, layout, mapping)
    return _read(path, mapping, layout, rows, left_out)


def preview(path: Path, mapping: TmcMapping | None = None) -> TmcPreview:
    """Show how a count sheet is understood, also where it cannot be read to the end.

    Parameters
    ----------
    path, mapping
        As for `read_tmc`.

    Raises
    ------
    FormatError
        If the file is no table, or no header is found in it.
    """
    path = Path(path)
    mapping = mapping or TmcMapping()
    sheet = read_sheet(path, mapping.sheet, mapping.delimiter)
    layout = find_layout(path, sheet, mapping)
    shown: tuple[tuple[int, str, str, tuple[float, ...]], ...] = ()
    problem, findings = "", tuple[str, ...]()
    try:
        rows, left_out = rows_of(path, sheet, layout, mapping)
        shown = tuple(
            (
                row.number,
                f"{row.local:%Y-%m-%d %H:%M}",
                row.intersection,
                tuple(count_of(path, row, index, layout, mapping) for index in layout.counts),
            )
            for row in rows[:PREVIEW_ROWS]
        )
        findings = _read(path, mapping, layout, rows, left_out).findings
    except FormatError as error:
        problem = str(error)
    return TmcPreview(
        sheet.name,
        sheet.numbers[layout.header_at],
        tuple(
            (f"{column_name(index)} {layout.headers[index]!r}", _name(mapped))
            for index, mapped in layout.counts.items()
        ),
        layout.ignored,
        _missing([mapped.column for mapped in layout.counts.values()]),
        shown,
        problem,
        findings,
    )


def _read(
    path: Path,
    mapping: TmcMapping,
    layout: TmcLayout,
    rows: Sequence[TmcRow],
    left_out: Sequence[str],
) -> TmcFile:
    notes: list[str] = []
    if layout.ignored:
        notes.append(f"{path}: ignored the columns {', '.join(layout.ignored)}")
    if left_out:
        more = f" and {len(left_out) - 5} more" if len(left_out) > 5 else ""
        notes.append(
            f"{path}: left out the rows {', '.join(left_out[:5])}{more}, which have no time"
        )
    missing = _missing([mapped.column for mapped in layout.counts.values()])
    if missing:
        notes.append(f"{path}: has no column for {', '.join(missing)}")
    groups: dict[str, list[TmcRow]] = {}
    for row in rows:
        groups.setdefault(row.intersection, []).append(row)
    found: list[TurningCounts] = []
    for name, group in groups.items():
        intervals = intervals_of(path, group, layout, mapping, notes)
        sheet_name = name or mapping.intersection or layout.intersection or path.name.split(".")[0]
        places: dict[str, dict[TurnColumn, list[int]]] = {}
        for index, mapped in layout.counts.items():
            columns = places.setdefault(mapped.intersection or sheet_name, {})
            columns.setdefault(mapped.column, []).append(index)
        for place, columns in places.items():
            found.append(_counts(path, mapping, layout, intervals, place, columns))
    names = [one.intersection for one in found]
    for name in names:
        if names.count(name) > 1:
            raise FormatError(
                f"{path}: intersection {name!r} is named both in rows and by the mapping"
            )
    if any((one.counts % 1 > 0).any() for one in found):
        notes.append(f"{path}: holds fractions of vehicles, so it is not a raw count")
    return TmcFile(tuple(found), tuple(notes))


def _counts(
    path: Path,
    mapping: TmcMapping,
    layout: TmcLayout,
    intervals: TmcIntervals,
    intersection: str,
    columns: Mapping[TurnColumn, list[int]],
) -> TurningCounts:
    values = np.array(
        [
            [
                sum(count_of(path, row, index, layout, mapping) for index in indices)
                for indices in columns.values()
            ]
            for row in intervals.rows
        ],
        dtype=np.float64,
    )
    quality = np.where(intervals.doubtful[:, np.newaxis], int(Quality.SUSPECT), int(Quality.GOOD))
    quality = np.where(np.isnan(values), int(Quality.MISSING), quality).astype(np.uint8)
    try:
        return TurningCounts(
            intersection,
            intervals.begins_utc,
            intervals.interval_s,
            mapping.zone or "UTC",
            tuple(columns),
            values,
            quality,
        )
    except CountError as error:
        raise FormatError(f"{path}: {error}") from error


def _name(mapped: MappedColumn) -> str:
    place, label = mapped.intersection, mapped.column.label
    return f"{label} at {place}" if place else label


def _missing(columns: Sequence[TurnColumn]) -> tuple[str, ...]:
    vehicles = {c.movement for c in columns if c.mode in (Mode.VEHICLE, Mode.LIGHT)}
    usual = [TurnColumn(heading, turn).movement for heading in MAIN_HEADINGS for turn in MAIN_TURNS]
    return tuple(movement for movement in usual if movement not in vehicles)
