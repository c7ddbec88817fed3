"""How a foreign count sheet is to be read, as a TOML file says it.

zone = "America/Phoenix"          # IANA name; needed unless times carry an offset
intersection = "4th and Main"     # of the whole sheet, where no column names it
date = 2024-05-13                 # of the whole sheet, where no column holds it
date_order = "mdy"                # or "dmy" or "ymd", where 5/6/2024 could be either
interval_min = 15                 # where it cannot be seen from the rows
sheet = "Counts"
delimiter = ";"
skip_rows = 7                     # rows above the header
header_rows = 2                   # an approach row above a movement row
last_row = 40                     # what lies below is not read
missing = ["N/A", "-"]            # texts that mean that nothing was counted
skip_missing_hour = true          # leave out the hour that clocks skip in spring
date_column = "Datum"
time_column = "Beginn"
end_column = "Ende"
intersection_column = "Knoten"

[columns]                         # by header, or by place as "#5"; upper / lower for two rows
"Nord links" = "SBL"
"Nord / Fuss" = "SBP"             # people crossing the leg that southbound traffic arrives on
"#9" = { movement = "NBT", mode = "heavy", intersection = "5th and Main" }
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from network.errors import FormatError
from network.readers.text_files import read_text
from network.readers.tmc_headers import column_of_label
from network.readers.turning_counts import Mode, TurnColumn

INTERVALS_MIN = (5, 10, 15, 30, 60)
DATE_ORDERS = ("mdy", "dmy", "ymd")
MOST_BYTES = 1 << 20

_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("zone", "intersection", "date_order", "sheet", "delimiter"), str),
    **dict.fromkeys(("date_column", "time_column", "end_column", "intersection_column"), str),
    **dict.fromkeys(("interval_min", "skip_rows", "header_rows", "last_row"), int),
    **{"missing": list, "skip_missing_hour": bool, "columns": dict, "date": date},
}


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """What a mapping says of one column; `intersection` is empty for the sheet's own."""

    column: TurnColumn
    intersection: str = ""


@dataclass(frozen=True, slots=True)
class TmcMapping:
    """How a count sheet is to be read; what is not given is found out from the sheet.

    Attributes
    ----------
    zone, intersection, date, date_order, interval_min, sheet, delimiter
        As in the file described above; empty or None where not given.
    skip_rows, header_rows, last_row
        Where the table is; None where not given.
    missing
        Texts that mean that nothing was counted; an empty cell always does.
    skip_missing_hour
        Leave out rows of the hour that clocks skip in spring, instead of refusing them.
    date_column, time_column, end_column, intersection_column
        Headers; empty where not given.
    columns
        By header; where there are any, no other column is read as a count.

    Raises
    ------
    FormatError
        If a value is not allowed.
    """

    zone: str = ""
    intersection: str = ""
    date: date | None = None
    date_order: str = ""
    interval_min: int | None = None
    sheet: str = ""
    delimiter: str = ""
    skip_rows: int | None = None
    header_rows: int | None = None
    last_row: int | None = None
    missing: tuple[str, ...] = ()
    skip_missing_hour: bool = False
    date_column: str = ""
    time_column: str = ""
    end_column: str = ""
    intersection_column: str = ""
    columns: Mapping[str, MappedColumn] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))
        object.__setattr__(self, "missing", tuple(self.missing))
        if self.interval_min not in (None, *INTERVALS_MIN):
            raise FormatError(
                f"mapping: interval_min is {self.interval_min}; allowed are "
                f"{', '.join(map(str, INTERVALS_MIN))}"
            )
        if self.date_order not in ("", *DATE_ORDERS):
            raise FormatError(
                f"mapping: date_order is {self.date_order!r}; allowed are {', '.join(DATE_ORDERS)}"
            )
        if len(self.delimiter) > 1 or self.delimiter in ('"', "\n", "\r", "\0"):
            raise FormatError(f"mapping: delimiter is {self.delimiter!r}; allowed is one character")
        for name, least, most in (
            ("skip_rows", 0, 1000),
            ("header_rows", 1, 3),
            ("last_row", 1, None),
        ):
            value = getattr(self, name)
            if value is not None and (value < least or (most is not None and value > most)):
                upper = f" to {most}" if most is not None else " or more"
                raise FormatError(f"mapping: {name} is {value}; allowed is {least}{upper}")

    def __reduce__(self) -> tuple[object, ...]:
        values = [getattr(self, one.name) for one in fields(self)]
        values[-1] = dict(self.columns)
        return (TmcMapping, tuple(values))


def read_tmc_mapping(path: Path) -> TmcMapping:
    """Read a mapping file.

    Parameters
    ----------
    path
        TOML, as the head of this module describes it.

    Raises
    ------
    FormatError
        If it cannot be read, or holds an unknown key or a value that is not allowed.
    """
    path = Path(path)
    try:
        document = tomllib.loads(read_text(path, MOST_BYTES))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise FormatError(f"{path}: not readable TOML ({error})") from error
    for key, value in document.items():
        kind = _TYPES.get(key)
        if kind is None:
            raise FormatError(f"{path}: unknown key {key[:60]!r}; allowed are {', '.join(_TYPES)}")
        if type(value) is not kind:
            raise FormatError(
                f"{path}: {key} is {_shown(value)}; allowed is a value of type {kind.__name__}"
            )
    if any(not isinstance(text, str) for text in document.get("missing", [])):
        raise FormatError(f"{path}: missing holds something other than texts")
    columns = {
        header: _mapped(path, header, value)
        for header, value in document.get("columns", {}).items()
    }
    try:
        return TmcMapping(**{**document, "columns": columns})
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error


def _mapped(path: Path, header: str, value: Any) -> MappedColumn:
    where = f"{path}: column {header[:60]!r}"
    entry = {"movement": value} if isinstance(value, str) else value
    if not isinstance(entry, dict) or not set(entry) <= {"movement", "mode", "intersection"}:
        raise FormatError(
            f"{where} is {_shown(value)}; allowed is a movement such as 'NBL', or a table of "
            "movement, mode and intersection"
        )
    if any(not isinstance(text, str) for text in entry.values()):
        raise FormatError(f"{where} holds {_shown(value)}; allowed are texts")
    movement = entry.get("movement", "")
    said = entry.get("mode", Mode.PEDESTRIAN if movement.endswith("P") else Mode.VEHICLE)
    if said not in list(Mode):
        raise FormatError(f"{where} has the mode {said!r}; allowed are {', '.join(Mode)}")
    column = column_of_label(movement, Mode(said))
    if column is None:
        raise FormatError(
            f"{where} is movement {movement[:60]!r} of mode {said}; allowed are a heading (NB SB "
            "EB WB NE NW SE SW) and L, T, R or U, or P for people on a crosswalk"
        )
    return MappedColumn(column, entry.get("intersection", ""))


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return f"the time {value}"
    return repr(value)[:60]
