"""UTDF as it lies on paper: sections, records and cells that know where they stand.

A combined file is a row of sections (``[Nodes]``), each with an optional title line and a header.
Most records give one quantity of one intersection (``Lanes,39,1,2,0,...``) with a column for
every direction of traffic; nothing is interpreted here.

Sources: Synchro Studio 11 User Guide, "UTDF, Combined Format"; record names and codes as listed by
utdf2gmns 1.2.5 (`util_lib/pkg_settings.py`), checked against files exported by Synchro.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from network.errors import FormatError
from network.readers.utdf_columns import ALLOWED, is_known, key_of

# Room for the ten thousand intersections that Synchro can number, a thousand of them signals.
MOST_NODES = 10_000
MOST_BYTES = 8_000_000
MOST_CELLS = 2_000_000
MOST_ROWS = 150_000
MOST_COLUMNS = 200
LARGEST = 1e9
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a sheet.

    Attributes
    ----------
    path, line
        Where it stands; lines count from 1.
    name
        Record name as written; empty in sheets that have none.
    node
        Intersection, a whole number without leading zeros; empty in the network sheet.
    cells
        Texts by position, blanks stripped.
    columns
        Position of every column, by its name as `TITLES` or `COMPASS` spell it.
    """

    path: Path
    line: int
    name: str
    node: str
    cells: tuple[str, ...]
    columns: Mapping[str, int]

    def text(self, column: str) -> str:
        """Return a cell's text, empty where there is none."""
        at = self.columns.get(column, len(self.cells))
        return self.cells[at] if at < len(self.cells) else ""

    def filled(self) -> Iterator[tuple[str, str]]:
        """Yield column and text of the cells that hold something."""
        for column in self.columns:
            if text := self.text(column):
                yield column, text

    def number(
        self, column: str, least: float = 0.0, most: float = LARGEST, allowed: str = ""
    ) -> float | None:
        """Return a cell as a number, None where it is empty.

        A leading ``*`` marks a value that somebody set by hand over a computed one.

        Raises
        ------
        FormatError
            If it holds anything else, or a number outside `least` and `most`.
        """
        text = self.text(column).lstrip("*").strip()
        if not text:
            return None
        value = float(text) if len(text) <= 40 and _NUMBER.fullmatch(text) else float("nan")
        if not least <= value <= most:
            raise self.bad(column, allowed or f"a number from {least:g} to {most:g}")
        return value

    def whole(self, column: str, least: int = 0, most: int = 1_000_000) -> int | None:
        """Return a cell as a whole number, None where it is empty; raise like `number`."""
        allowed = f"a whole number from {least} to {most}"
        value = self.number(column, least, most, allowed)
        if value is not None and not value.is_integer():
            raise self.bad(column, allowed)
        return None if value is None else int(value)

    def bad(self, column: str, allowed: str) -> FormatError:
        """Make the error for a cell that holds what it must not."""
        found = self.text(column)
        shown = found if len(found) <= 60 else found[:57] + "..."
        return FormatError(f"{self.place(column)}: found {shown!r}; allowed is {allowed}")

    def place(self, column: str) -> str:
        """Say where a cell stands."""
        named = f"{self.name}, " if self.name else ""
        return f"{self.path}, line {self.line}, {named}column {column}"


Sheet = dict[str, dict[str, Record]]
"""Records of a section by intersection and folded record name."""


@dataclass(slots=True)
class Tables:
    """A source taken apart.

    Attributes
    ----------
    path
        The file or folder.
    settings
        Records of the network section by folded name, their value in column ``DATA``.
    nodes
        One record per node, in order.
    links, lanes, phases
        Records by intersection and folded name.
    plans
        By intersection and plan: the records of a timing plan by folded name.
    findings
        What the reader of the import must know.
    """

    path: Path
    settings: dict[str, Record] = field(default_factory=dict)
    nodes: list[Record] = field(default_factory=list)
    links: Sheet = field(default_factory=dict)
    lanes: Sheet = field(default_factory=dict)
    phases: Sheet = field(default_factory=dict)
    plans: dict[str, dict[str, dict[str, Record]]] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a CSV file and the line it ends on."""

    line: int
    cells: tuple[str, ...]


_WINDOWS = "cp1252"


def _code_of(path: Path, content: bytes) -> str:
    for code in ("utf-8-sig", _WINDOWS):
        try:
            content.decode(code)
        except UnicodeDecodeError:
            continue
        return code
    raise FormatError(f"{path}: not text in UTF-8 or Windows-1252")


def rows_of(path: Path, findings: list[str]) -> list[Row]:
    """Read the rows of a file, empty ones left out.

    Parameters
    ----------
    path
        A CSV file in UTF-8 or, as old Synchro writes it, in the Windows code page.
    findings
        Where to say that the code page had to be guessed.

    Raises
    ------
    FormatError
        If it cannot be read, is too large, is not text or not CSV.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FormatError(f"{path}: cannot be read ({reason})") from error
    if len(content) > MOST_BYTES:
        raise FormatError(f"{path}: longer than {MOST_BYTES:,} bytes, which no UTDF file is")
    code = _code_of(path, content)
    if code == _WINDOWS:
        findings.append(f"{path.name} is not UTF-8; its names were read as Windows-1252.")
    known: dict[str, str] = {}
    rows: list[Row] = []
    count = 0
    # Decoded line by line: the whole text at once would take several times its bytes.
    stream = io.TextIOWrapper(io.BytesIO(content), encoding=code, newline="")
    reader = csv.reader(stream, strict=True)
    try:
        for raw in reader:
            if len(raw) > MOST_COLUMNS:
                raise FormatError(
                    f"{path}, line {reader.line_num}: found {len(raw)} columns; allowed are up "
                    f"to {MOST_COLUMNS}"
                )
            count += len(raw)
            if count > MOST_CELLS or len(rows) >= MOST_ROWS:
                raise FormatError(
                    f"{path}, line {reader.line_num}: more than {MOST_CELLS:,} cells or "
                    f"{MOST_ROWS:,} rows, which no UTDF file has"
                )
            cells = tuple([known.setdefault(text, text) for text in map(str.strip, raw)])
            if not any(cells):
                continue
            if not "".join(cells).isprintable():
                raise FormatError(
                    f"{path}, line {reader.line_num}: found control characters; allowed is "
                    "printable text"
                )
            rows.append(Row(reader.line_num, cells))
    except csv.Error as error:
        raise FormatError(f"{path}, line {reader.line_num}: not readable CSV ({error})") from error
    return rows


def header_of(path: Path, row: Row, kind: str, findings: list[str]) -> dict[str, int]:
    """Return the position of every known column of a header.

    Parameters
    ----------
    path, row
        The header and its file.
    kind
        Section of the combined form, or name of an older file that has no such section.
    findings
        Where to list what is not known.

    Raises
    ------
    FormatError
        If a column is named twice.
    """
    columns: dict[str, int] = {}
    for at, cell in enumerate(row.cells):
        if not cell:
            continue
        name = key_of(cell).upper()
        if name in columns:
            raise FormatError(
                f"{path}, line {row.line}, column {at + 1}: {cell!r} again; a column is named once"
            )
        columns[name] = at
    strange = [name for name in columns if not is_known(name, kind)]
    if strange:
        findings.append(f"Columns ignored in {path.name}, line {row.line}: {', '.join(strange)}.")
    return columns


def record_of(path: Path, row: Row, columns: Mapping[str, int], kind: str) -> Record:
    """Make a record of a row.

    Raises
    ------
    FormatError
        If it is longer than its header, fills a column nobody knows, or its intersection is not
        a number.
    """
    width = max(columns.values(), default=-1) + 1
    named = set(columns.values())
    for at, cell in enumerate(row.cells):
        if cell and at not in named:
            where = "right of" if at >= width else "between"
            raise FormatError(
                f"{path}, line {row.line}, column {at + 1}: found {cell[:60]!r} {where} the "
                "columns the header names"
            )
    record = Record(path, row.line, "", "", row.cells, columns)
    name = record.text("RECORDNAME")
    record = Record(path, row.line, name, "", row.cells, columns)
    for column, _ in record.filled():
        if kind in ALLOWED and not is_known(column, kind):
            raise FormatError(
                f"{record.place(column)}: this column is not known, so that its values cannot be "
                f"placed; allowed are {ALLOWED[kind]}"
            )
    if "INTID" not in columns:
        return record
    node = record.whole("INTID", 0, 10**9)
    if node is None:
        raise record.bad("INTID", "the number of an intersection")
    return Record(path, row.line, name, str(node), row.cells, columns)


def add_record(records: dict[str, Record], record: Record) -> None:
    """Add a record to those of its intersection; raise `FormatError` if it is there already."""
    first = records.setdefault(key_of(record.name), record)
    if first is record:
        return
    # Synchro lets a second block of offsets follow the phases, because start times read in
    # between have overridden the first one.
    if key_of(record.name) == "offset" and "DATA" in record.columns:
        records["offset"] = record
        return
    raise FormatError(
        f"{record.path}, line {record.line}: record {record.name!r} of intersection "
        f"{record.node} again; line {first.line} has it"
    )


def number_in(
    sheet: Mapping[str, Record], name: str, column: str, most: float = 1e6, least: float = 0.0
) -> float | None:
    """Return a cell of a sheet as a number, None where the sheet has none."""
    record = sheet.get(name)
    return None if record is None else record.number(column, least, most)


def whole_in(
    sheet: Mapping[str, Record], name: str, column: str, most: int, least: int = 0
) -> int | None:
    """Return a cell of a sheet as a whole number, None where the sheet has none."""
    record = sheet.get(name)
    return None if record is None else record.whole(column, least, most)


def require_few_nodes(path: Path, rows: list[Row]) -> None:
    """Raise `FormatError` for more intersections than there can be."""
    if len(rows) > MOST_NODES:
        raise FormatError(
            f"{path}, line {rows[0].line}: found {len(rows)} intersections; allowed are up to "
            f"{MOST_NODES}"
        )
