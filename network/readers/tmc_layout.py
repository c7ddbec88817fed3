"""Where a count sheet keeps its header, its times and its counts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from network.errors import FormatError
from network.readers.sheets import Cell, Sheet, column_name
from network.readers.tmc_headers import (
    column_role,
    names_heading,
    plain,
    recognize,
    walks_one_way,
)
from network.readers.tmc_mapping import MappedColumn, TmcMapping
from network.readers.tmc_times import day_of
from network.readers.turning_counts import TurnColumn

SEARCHED_ROWS = 60
"""A header further down must be pointed at by a mapping."""
DEEPEST_HEADER = 3
SHOWN = 8

_DATE_LABEL = re.compile(r"\s*(?:start |count |study |survey )?date\s*[:=]?\s*(.*)", re.I | re.S)
_PLACE_LABEL = re.compile(r"\s*(?:intersection|location|study name)\s*[:=]?\s*(.*)", re.I | re.S)


@dataclass(frozen=True, slots=True)
class TmcLayout:
    """A sheet as understood.

    Attributes
    ----------
    header_at, first_at
        Index of the lowest header row, and of the row below it, in `Sheet.rows`.
    headers
        Header of each column, upper and lower cell joined by ``" / "``.
    roles
        Column of ``time``, and if there are, of ``date``, ``end`` and ``intersection``.
    counts
        What each count column counts, by column.
    ignored
        Columns with a header that are not read, as ``C 'App. Total'``.
    intersection, day
        Named above the header; empty and None where not.
    """

    header_at: int
    first_at: int
    headers: tuple[str, ...]
    roles: Mapping[str, int]
    counts: Mapping[int, MappedColumn]
    ignored: tuple[str, ...]
    intersection: str
    day: date | None

    def column(self, index: int) -> str:
        """Name a column for a message, such as ``C ('NBL')``."""
        header = self.headers[index] if index < len(self.headers) else ""
        return f"{column_name(index)} ({header[:40]!r})"


def find_layout(path: Path, sheet: Sheet, mapping: TmcMapping) -> TmcLayout:
    """Find header and columns.

    Parameters
    ----------
    path
        Where the sheet is from, for messages.
    sheet
        Its cells.
    mapping
        What is known of it.

    Raises
    ------
    FormatError
        If no header is found, a column that the mapping names is absent, no column holds times,
        or two columns count the same.
    """
    depths = (mapping.header_rows,) if mapping.header_rows else range(1, DEEPEST_HEADER + 1)
    if mapping.skip_rows is not None:
        first = next((i for i, n in enumerate(sheet.numbers) if n > mapping.skip_rows), None)
        if first is None:
            raise FormatError(f"{path}: skip_rows is {mapping.skip_rows}, which skips all rows")
        places = [(first + depth - 1, depth) for depth in depths]
    else:
        places = [(at, depth) for at in range(SEARCHED_ROWS) for depth in depths]
    best: tuple[tuple[int, int], int, _Header] | None = None
    for at, depth in places:
        if at >= len(sheet.rows) or at < depth - 1:
            continue
        above = sheet.rows[at - depth + 1 : at]
        if not mapping.columns and not all(any(map(names_heading, row)) for row in above):
            continue
        header = _header(sheet, at, depth, mapping)
        score = (len(header.counts) + len(header.roles), -depth)
        if header.counts and (best is None or score > best[0]):
            best = (score, at, header)
    if best is None:
        raise FormatError(f"{path}: {_no_header(sheet, mapping)}")
    _, at, header = best
    _require(path, sheet.numbers[at], header, mapping)
    read = {*header.counts, *header.roles.values()}
    above = sheet.rows[:at]
    return TmcLayout(
        at,
        at + 1,
        header.texts,
        header.roles,
        header.counts,
        tuple(
            f"{column_name(index)} {text[:40]!r}"
            for index, text in enumerate(header.texts)
            if text and index not in read
        ),
        _labeled(above, _PLACE_LABEL),
        _labeled_day(above, mapping),
    )


@dataclass(frozen=True, slots=True)
class _Header:
    texts: tuple[str, ...]
    roles: dict[str, int]
    counts: dict[int, MappedColumn]
    absent: tuple[str, ...]


def _header(sheet: Sheet, at: int, depth: int, mapping: TmcMapping) -> _Header:
    rows = sheet.rows[at - depth + 1 : at + 1]
    width = max(len(row) for row in rows)
    own = [[_text(row, index) for row in rows] for index in range(width)]
    upper = [_spread(row, width) for row in rows[:-1]]
    cells = [[*(row[i] for row in upper), _text(rows[-1], i)] for i in range(width)]
    texts = tuple(" / ".join(dict.fromkeys(part for part in parts if part)) for parts in cells)
    roles: dict[str, int] = {}
    absent: list[str] = []
    for role in ("date", "time", "end", "intersection"):
        named = getattr(mapping, f"{role}_column")
        if named:
            found = _place(named, texts, own)
            if found is None:
                absent.append(named)
            else:
                roles[role] = found
            continue
        for index, parts in enumerate(own):
            if any(column_role(part) == role for part in parts):
                roles.setdefault(role, index)
    counts: dict[int, MappedColumn] = {}
    if mapping.columns:
        for name, mapped in mapping.columns.items():
            found = _place(name, texts, own)
            if found is None or found in counts:
                absent.append(name)
            else:
                counts[found] = mapped
    else:
        # An upper row counts only where it names approaches; a title above must not.
        for index, parts in enumerate(cells):
            known = [part for part in parts[:-1] if names_heading(part)]
            column = recognize([*known, parts[-1]]) if index not in roles.values() else None
            if column is not None and len(known) == depth - 1:
                counts[index] = MappedColumn(column)
    return _Header(texts, roles, counts, tuple(absent))


def _text(row: Sequence[Cell], index: int) -> str:
    cell = row[index] if index < len(row) else None
    return "" if cell is None else " ".join(str(cell).split())


def _spread(row: Sequence[Cell], width: int) -> list[str]:
    """Merged cells keep their text in the first of them; it holds up to the next text."""
    spread: list[str] = []
    for index in range(width):
        spread.append(_text(row, index) or (spread[-1] if spread else ""))
    return spread


def _place(name: str, texts: Sequence[str], own: Sequence[Sequence[str]]) -> int | None:
    if re.fullmatch(r"#[1-9]\d{0,3}", name, re.ASCII):
        index = int(name[1:]) - 1
        return index if index < len(texts) else None
    wanted = " ".join(name.split()).casefold()
    whole = [index for index, text in enumerate(texts) if text.casefold() == wanted]
    if len(whole) == 1:
        return whole[0]
    lower = [index for index, parts in enumerate(own) if parts[-1].casefold() == wanted]
    return lower[0] if len(lower) == 1 and not whole else None


def _require(path: Path, number: int, header: _Header, mapping: TmcMapping) -> None:
    shown = ", ".join(repr(text[:40]) for text in header.texts[:SHOWN] if text)
    if header.absent:
        raise FormatError(
            f"{path}, row {number}: no single column {header.absent[0]!r}, which the mapping "
            f"names; found {shown}"
        )
    if "time" not in header.roles:
        raise FormatError(
            f"{path}, row {number}: no column of times among {shown}; allowed is a header such as "
            "'Time' or 'Start Time', or time_column in a mapping"
        )
    seen: dict[tuple[str, TurnColumn], int] = {}
    for index, mapped in header.counts.items():
        key = (mapped.intersection, mapped.column)
        before = seen.setdefault(key, index)
        if before == index:
            continue
        ways = [walks_one_way(header.texts[i].rsplit(" / ", 1)[-1]) for i in (before, index)]
        if mapping.columns or not all(ways):
            raise FormatError(
                f"{path}, row {number}: columns {column_name(before)} and {column_name(index)} "
                f"both count {mapped.column.label}; allowed is one, chosen by a mapping"
            )


def _no_header(sheet: Sheet, mapping: TmcMapping) -> str:
    if mapping.columns:
        named = ", ".join(repr(name) for name in list(mapping.columns)[:3])
        return f"no row has the columns that the mapping names, such as {named}"
    filled = next(row for row in sheet.rows if row)
    shown = ", ".join(repr(str(cell)[:30]) for cell in filled[:SHOWN] if cell is not None)
    return (
        "no header of turning movements, such as NBL, 'NB Left' or 'Left' below 'Northbound', in "
        f"the first {SEARCHED_ROWS} rows; the first row holds {shown}; name the columns in a "
        "mapping"
    )


def _labeled(rows: Sequence[Sequence[Cell]], label: re.Pattern[str]) -> str:
    """Text that stands behind or right of a label above the header."""
    for row in rows:
        for index, cell in enumerate(row):
            match = label.fullmatch(cell) if isinstance(cell, str) else None
            if match is None:
                continue
            if match[1].strip() and not plain(match[1]).startswith(("id", "code")):
                return " ".join(match[1].split())
            beside = next((other for other in row[index + 1 :] if other is not None), None)
            if isinstance(beside, str):
                return " ".join(beside.split())
    return ""


def _labeled_day(rows: Sequence[Sequence[Cell]], mapping: TmcMapping) -> date | None:
    for row in rows:
        for index, cell in enumerate(row):
            match = _DATE_LABEL.fullmatch(cell) if isinstance(cell, str) else None
            if match is None:
                continue
            beside = next((other for other in row[index + 1 :] if other is not None), None)
            for found in (match[1].strip().split(" 00:00")[0], beside):
                day = day_of(found, mapping.date_order) or _certain_day(found)
                if day is not None:
                    return day
    return None


def _certain_day(cell: Cell) -> date | None:
    """A date such as 5/13/2024, which can be read in one way only."""
    both = {day_of(cell, "mdy"), day_of(cell, "dmy")} - {None}
    return both.pop() if len(both) == 1 else None
