"""Read the CSV tables of a GMNS folder, cell by cell, and remember where each cell stood.

Every message names the table, the row (the header is row 1) and the column. What is wrong beyond
doubt raises; what can be lived with becomes a finding, and the same remark about many rows is one
sentence.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from pathlib import Path

from network.errors import FormatError
from network.readers.gmns_forms import FORMS, REQUIRED_TABLES, TableForm
from network.units import TENTHS_PER_SECOND, tenths

MOST_BYTES = 8_000_000
MOST_LINE = 500_000
MOST_COLUMNS = 500
MOST_ROWS = 200_000
"""Bounds of one table; they keep a damaged one from taking more than moments and 200 MB."""

LIST_SEPARATOR = ";"
"""Between the items of a list in one of our own columns."""

_NUMBER = re.compile(r"[+-]?(\d{1,30}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?", re.ASCII)
_MISSING = frozenset(("", "nan", "null"))
_TRUE, _FALSE = frozenset(("true", "1")), frozenset(("false", "0"))
_SHOWN = 60


class Findings:
    """Remarks on what was read, in the order they came up."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], dict[int, None]] = {}

    def say(self, sentence: str) -> None:
        """Add a remark on no cell in particular."""
        self._rows.setdefault(("", "", sentence), {})

    def add(self, table: str, line: int, column: str, remark: str) -> None:
        """Add a remark on a cell."""
        self._rows.setdefault((table, column, remark), {})[line] = None

    def sentences(self) -> tuple[str, ...]:
        """Return one sentence for each remark."""
        return tuple(self._sentence(*key, list(lines)) for key, lines in self._rows.items())

    @staticmethod
    def _sentence(table: str, column: str, remark: str, lines: list[int]) -> str:
        if not lines:
            return remark
        more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
        return f"{table}, row {lines[0]}{more}, column {column}: {remark}"


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its file, the columns it has and its rows."""

    name: str
    path: Path
    columns: Mapping[str, int]
    rows: tuple[Row, ...]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def has(self, column: str) -> bool:
        """Tell whether the table has a column."""
        return column in self.columns


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its place, and its cells as text, numbers and references."""

    path: Path
    columns: Mapping[str, int]
    line: int
    cells: tuple[str, ...]
    findings: Findings

    def text(self, column: str) -> str:
        """Return a cell without surrounding blanks; empty where it is missing."""
        index = self.columns.get(column)
        text = "" if index is None else self.cells[index].strip()
        return "" if text.lower() in _MISSING else text

    def need(self, column: str, allowed: str = "a value") -> str:
        """Return a cell that must not be empty."""
        return self.text(column) or self._raise(column, allowed)

    def fault(self, column: str, allowed: str) -> FormatError:
        """Return the error to raise about a cell."""
        found = self.text(column)
        shown = found if len(found) <= _SHOWN else found[:_SHOWN] + "..."
        return FormatError(
            f"{self.path}, row {self.line}, column {column}: found {shown or 'nothing'!r}; "
            f"allowed is {allowed}"
        )

    def note(self, column: str, remark: str) -> None:
        """Add a finding about a cell."""
        self.findings.add(self.path.name, self.line, column, remark)

    def decimal(
        self, column: str, low: float = -1e9, high: float = 1e9, unit: Decimal = Decimal(1)
    ) -> Decimal | None:
        """Return a number between limits times a unit, or None where it is missing."""
        text = self.text(column)
        if not text:
            return None
        if not _NUMBER.fullmatch(text) or not isfinite(float(text)):
            self._raise(column, f"a number from {low:g} to {high:g}")
        if not low <= float(text) <= high:
            self._raise(column, f"a number from {low:g} to {high:g}")
        return Decimal(text) * unit

    def number(
        self, column: str, low: float = -1e9, high: float = 1e9, unit: Decimal = Decimal(1)
    ) -> float | None:
        """Return a number as `decimal` does, as a float."""
        value = self.decimal(column, low, high, unit)
        return None if value is None else float(value)

    def whole(self, column: str, low: int, high: int) -> int | None:
        """Return a whole number between limits, or None where it is missing."""
        value = self.decimal(column)
        if value is None:
            return None
        if value != value.to_integral_value() or not low <= value <= high:
            self._raise(column, f"a whole number from {low} to {high}")
        return int(value)

    def need_whole(self, column: str, low: int, high: int) -> int:
        """Return a whole number that must be there."""
        self.need(column, f"a whole number from {low} to {high}")
        value = self.whole(column, low, high)
        assert value is not None
        return value

    def tenths(self, column: str, high_s: float) -> int | None:
        """Return a time in tenths of a second; a finer one is rounded, with a finding."""
        value = self.decimal(column, 0, high_s)
        if value is None:
            return None
        exact = value * TENTHS_PER_SECOND
        if exact != exact.to_integral_value():
            self.note(column, "rounded to a tenth of a second")
        return tenths(float(value))

    def flag(self, column: str) -> bool | None:
        """Return true or false, or None where it is missing."""
        text = self.text(column).lower()
        if text and text not in _TRUE | _FALSE:
            self._raise(column, "true, false, 1 or 0")
        return None if not text else text in _TRUE

    def numbers(self, column: str, low: int, high: int) -> tuple[int, ...]:
        """Return the whole numbers of a list of ours."""
        found = []
        for item in self.items(column):
            if not (item.removeprefix("-").isascii() and item.removeprefix("-").isdigit()):
                self._raise(column, f"whole numbers with {LIST_SEPARATOR} between")
            if len(item) > 6 or not low <= int(item) <= high:
                self._raise(column, f"whole numbers from {low} to {high}")
            found.append(int(item))
        return tuple(found)

    def items(self, column: str) -> tuple[str, ...]:
        """Return the items of a list of ours."""
        text = self.text(column)
        return tuple(item.strip() for item in text.split(LIST_SEPARATOR)) if text else ()

    def known(self, column: str, names: Collection[str], what: str) -> str:
        """Return a name another table defines; empty where it is missing."""
        text = self.text(column)
        if not text or text in names:
            return text
        # Spreadsheets and pandas turn a column of whole numbers with gaps into 6.0, 7.0.
        if text.endswith(".0") and text[:-2] in names:
            return text[:-2]
        return self._raise(column, f"the name of a {what}, and there is none of that name")

    def need_known(self, column: str, names: Collection[str], what: str) -> str:
        """Return a name another table defines, which must be there."""
        self.need(column, f"the name of a {what}")
        return self.known(column, names, what)

    def _raise(self, column: str, allowed: str) -> str:
        raise self.fault(column, allowed)


def read_tables(folder: Path, findings: Findings) -> Mapping[str, Table]:
    """Read every table of a folder that is of use.

    Parameters
    ----------
    folder
        A GMNS folder.
    findings
        Receives the columns and tables that are ignored, and values GMNS does not allow.

    Returns
    -------
    Mapping[str, Table]
        All tables of `network.readers.gmns_forms`, by name; an absent one has no rows.

    Raises
    ------
    FormatError
        If the folder or a table it needs is missing, or a table cannot be read.
    """
    if not folder.is_dir():
        raise FormatError(f"{folder}: not a folder; a GMNS network is a folder of CSV tables")
    for name in REQUIRED_TABLES:
        if not (folder / f"{name}.csv").is_file():
            raise FormatError(
                f"{folder}: holds no {name}.csv; a GMNS folder needs "
                + " and ".join(f"{needed}.csv" for needed in REQUIRED_TABLES)
            )
    tables = {name: _table(folder / f"{name}.csv", form, findings) for name, form in FORMS.items()}
    try:
        others = sorted(path.name for path in folder.glob("*.csv") if path.stem not in FORMS)
    except OSError as error:
        raise FormatError(f"{folder}: cannot be read ({error.strerror or error})") from error
    if others:
        findings.say(f"tables not used: {', '.join(others)}")
    return tables


def _table(path: Path, form: TableForm, findings: Findings) -> Table:
    name = path.stem
    if not path.exists():
        return Table(name, path, {}, ())
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    lines = []
    try:
        header = [form.renamed.get(column, column) for column in _header(path, next(reader, []))]
        for count, cells in enumerate(reader):
            if count == MOST_ROWS:
                raise FormatError(f"{path}: more than the {MOST_ROWS} rows allowed")
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise FormatError(
                    f"{path}, row {reader.line_num}: found {len(cells)} columns; allowed are "
                    f"{len(header)}, as in the header"
                )
            lines.append((reader.line_num, tuple(cells)))
    except csv.Error as error:
        raise FormatError(f"{path}, row {reader.line_num}: not readable CSV ({error})") from error
    columns = {column: index for index, column in enumerate(header) if column in form.read}
    for column in form.needed if not form.key else (form.key, *form.needed):
        if column not in columns:
            raise FormatError(
                f"{path}, row 1: found no column {column}; needed are "
                f"{', '.join((form.key, *form.needed) if form.key else form.needed)}"
            )
    _ignored(name, form, header, lines, findings)
    rows = tuple(Row(path, columns, line, cells, findings) for line, cells in lines)
    _check(form, rows)
    return Table(name, path, columns, rows)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(content) > MOST_BYTES:
        raise FormatError(f"{path}: longer than the {MOST_BYTES} bytes allowed")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not text in UTF-8 ({error})") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise FormatError(f"{path}, row {line}: found a NUL byte; allowed is text")
    longest = max((len(line.rstrip("\n")) for line in io.StringIO(text)), default=0)
    if longest > MOST_LINE:
        raise FormatError(f"{path}: found a line of {longest} characters; allowed are {MOST_LINE}")
    return text


def _header(path: Path, cells: list[str]) -> list[str]:
    header = [cell.strip().lower() for cell in cells]
    if len(header) > MOST_COLUMNS:
        raise FormatError(f"{path}, row 1: found {len(header)} columns; allowed are {MOST_COLUMNS}")
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if not any(header) or twice:
        raise FormatError(
            f"{path}, row 1: found {f'the column {twice[0]} twice' if twice else 'no columns'}; "
            "allowed is a header that names each column once"
        )
    return header


def _ignored(
    name: str,
    form: TableForm,
    header: list[str],
    lines: list[tuple[int, tuple[str, ...]]],
    findings: Findings,
) -> None:
    """Say once for each table which of its columns leave no trace."""
    unread = [
        column
        for index, column in enumerate(header)
        if column in (*form.unread, *form.choices)
        and column not in form.used
        and any(cells[index].strip().lower() not in _MISSING for _, cells in lines)
    ]
    unknown = [
        column or "(no name)" for column in header if column not in (*form.read, *form.unread)
    ]
    if unread:
        findings.say(f"{name}.csv: columns of GMNS not used: {', '.join(unread)}")
    if unknown:
        findings.say(f"{name}.csv: ignored the columns {', '.join(unknown)}, unknown to GMNS")


def _check(form: TableForm, rows: tuple[Row, ...]) -> None:
    """Require unique keys, and report values outside a list GMNS gives."""
    lines: dict[str, int] = {}
    for row in rows:
        if form.key:
            key = row.need(form.key, "a name for the row")
            if not key.isprintable():
                raise row.fault(form.key, "printable text")
            if key in lines:
                raise row.fault(form.key, f"a name no other row has, and row {lines[key]} has it")
            lines[key] = row.line
        for column, allowed in form.choices.items():
            found = row.text(column)
            if found and found.lower() not in allowed:
                row.note(column, f"found {found[:_SHOWN]!r}; GMNS allows {', '.join(allowed)}")
