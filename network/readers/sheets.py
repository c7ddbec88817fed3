"""Tables of cells from CSV files and Excel workbooks that may be damaged or hostile."""

from __future__ import annotations

import csv
import io
import struct
import warnings
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile

import openpyxl
from defusedxml.common import DefusedXmlException
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from network.errors import FormatError
from network.readers.text_files import read_text

Cell = str | int | float | bool | datetime | date | time | timedelta | None

MOST_CSV_BYTES = 32 << 20
MOST_UNPACKED_BYTES = 16 << 20
MOST_PARTS = 1000
MOST_EXPANSION = 100
"""Workbooks shrink five- to twentyfold; what shrinks a hundredfold is a bomb."""
UNCHECKED_BYTES = 1 << 20
MOST_TAGS = 300_000
"""About 70,000 cells, which openpyxl reads in a second: a week of 15 minutes, 100 columns."""
MOST_CELLS = 1_000_000
MOST_ROWS = 200_000
MOST_COLUMNS = 256

_XLS_MAGIC = b"\xd0\xcf\x11\xe0"
_ZIP_MAGIC = b"PK"
_DELIMITERS = ",;\t|"
_BROKEN_WORKBOOK = (
    # What openpyxl and zipfile let through when a workbook is not one.
    *(BadZipFile, InvalidFileException, ParseError, DefusedXmlException, zlib.error, struct.error),
    *(LookupError, ValueError, TypeError, AttributeError, OverflowError, EOFError, OSError),
    *(RuntimeError, AssertionError),
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of cells.

    Attributes
    ----------
    name
        Of the worksheet; empty for a CSV file.
    rows
        Cells, each row cut after its last filled cell; empty cells are None.
    numbers
        Number of each row in the file, from 1.
    """

    name: str
    rows: tuple[tuple[Cell, ...], ...]
    numbers: tuple[int, ...]


def read_sheet(path: Path, sheet: str = "", delimiter: str = "") -> Sheet:
    """Read one table.

    Parameters
    ----------
    path
        A CSV file (UTF-8, or UTF-16 with a byte order mark; plain or gzipped) or an XLSX
        workbook, told apart by content. Of formulas, the values stored with them are read.
    sheet
        Name of the worksheet; needed where a workbook has several.
    delimiter
        Between the cells of a CSV file; found out if not given.

    Raises
    ------
    FormatError
        If the file cannot be read, is too large, or has no such worksheet.
    """
    try:
        with path.open("rb") as probe:
            magic = probe.read(4)
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: cannot be read ({error})") from error
    if magic == _XLS_MAGIC:
        raise FormatError(f"{path}: an old .xls or a protected workbook; save it as .xlsx or CSV")
    if magic.startswith(_ZIP_MAGIC):
        return _workbook(path, sheet)
    return _csv(path, delimiter)


def column_name(index: int) -> str:
    """Return the letters a spreadsheet shows above a column, counted from 0."""
    letters: str = get_column_letter(index + 1)
    return letters


def _csv(path: Path, delimiter: str) -> Sheet:
    text = read_text(path, MOST_CSV_BYTES)
    head = text[:20_000]
    mark = delimiter or max(_DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=mark)

    def cells() -> Iterable[tuple[int, tuple[Cell, ...]]]:
        for row in reader:
            yield reader.line_num, tuple(cell.strip() or None for cell in row)

    try:
        return _bounded(path, "", cells())
    except csv.Error as error:
        raise FormatError(f"{path}, row {reader.line_num}: not readable CSV ({error})") from error


def _workbook(path: Path, sheet: str) -> Sheet:
    try:
        _guard(path)
        with warnings.catch_warnings(), path.open("rb") as stream:
            # Styles and extensions it cannot read are none of ours.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
            try:
                return _worksheet(path, book, sheet)
            finally:
                book.close()
    except FormatError:
        raise
    except _BROKEN_WORKBOOK as error:
        reason = (str(error).splitlines() or [""])[0][:200]
        raise FormatError(
            f"{path}: not a readable workbook ({type(error).__name__}: {reason})"
        ) from error


def _worksheet(path: Path, book: openpyxl.Workbook, sheet: str) -> Sheet:
    found = {worksheet.title: worksheet for worksheet in book.worksheets}
    if not sheet and len(found) == 1:
        sheet = next(iter(found))
    if sheet not in found:
        listed = ", ".join(repr(name) for name in list(found)[:10]) or "no worksheet"
        asked = f"worksheet {sheet!r} is not in it" if sheet else "no worksheet is named"
        raise FormatError(f"{path}: {asked}; it has {listed}")
    worksheet = found[sheet]
    # The size a workbook claims may be a lie, and is of no use.
    worksheet.reset_dimensions()
    return _bounded(path, sheet, enumerate(worksheet.iter_rows(values_only=True), start=1))


def _guard(path: Path) -> None:
    """Refuse bombs and entities before anything is parsed; sizes of parts bind their readers."""
    with ZipFile(path) as archive:
        parts = archive.infolist()
        total = sum(part.file_size for part in parts)
        if len(parts) > MOST_PARTS or total > MOST_UNPACKED_BYTES:
            raise FormatError(
                f"{path}: holds {len(parts)} parts of {total} bytes unpacked; allowed are "
                f"{MOST_PARTS} parts of {MOST_UNPACKED_BYTES} bytes; save the sheet as CSV"
            )
        tags = 0
        for part in parts:
            if part.file_size > max(UNCHECKED_BYTES, MOST_EXPANSION * part.compress_size):
                raise FormatError(
                    f"{path}: its part {part.filename[:80]!r} unpacks to {part.file_size} bytes "
                    f"from {part.compress_size}; allowed is {MOST_EXPANSION} times the size"
                )
            if not part.filename.lower().endswith((".xml", ".rels", ".vml")):
                continue
            content = archive.read(part).replace(b"\0", b"")
            tags += content.count(b"<")
            if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
                raise FormatError(
                    f"{path}: its part {part.filename[:80]!r} declares XML entities, which are "
                    "not read"
                )
        if tags > MOST_TAGS:
            raise FormatError(
                f"{path}: holds {tags} XML tags; allowed are {MOST_TAGS}; save the sheet as CSV"
            )


def _bounded(path: Path, name: str, source: Iterable[tuple[int, tuple[Cell, ...]]]) -> Sheet:
    rows: list[tuple[Cell, ...]] = []
    numbers: list[int] = []
    cells = 0
    for number, row in source:
        width = len(row)
        cells += width
        while width and row[width - 1] is None:
            width -= 1
        if width > MOST_COLUMNS or cells > MOST_CELLS or number > MOST_ROWS:
            raise FormatError(
                f"{path}, row {number}: the table goes beyond {MOST_COLUMNS} columns, {MOST_ROWS} "
                f"rows or {MOST_CELLS} cells"
            )
        rows.append(row[:width])
        numbers.append(number)
    while rows and not rows[-1]:
        rows.pop()
        numbers.pop()
    if not rows:
        raise FormatError(f"{path}: holds no filled cell")
    return Sheet(name, tuple(rows), tuple(numbers))
