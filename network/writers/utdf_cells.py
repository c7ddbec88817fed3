"""Cells of UTDF sheets: numbers in the file's units, names without control characters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite

from network.errors import FormatError
from network.readers.utdf_tables import LARGEST
from network.units import TENTHS_PER_SECOND
from network.writers.utdf_draft import Dropped

DECIMALS = 6
"""Lengths, speeds and flows are written to a millionth of their unit."""


def number(value: float | None, unit: float = 1.0, *, signed: bool = False) -> str:
    """Write a number in a unit, empty for None.

    Raises
    ------
    FormatError
        If it is not a number, too large for a file, or negative where it must not be.
    """
    if value is None:
        return ""
    scaled = value / unit
    if not isfinite(scaled) or abs(scaled) > LARGEST or (scaled < 0 and not signed):
        allowed = f"numbers from {-LARGEST if signed else 0:g} to {LARGEST:g}"
        raise FormatError(f"UTDF cannot hold {value!r}; allowed are {allowed}")
    text = f"{scaled:.{DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def percent(share: float | None) -> str:
    """Write a share as percent, empty for None."""
    return "" if share is None else number(share * 100)


def seconds(value_ds: int | None) -> str:
    """Write tenths of a second as seconds, empty for None."""
    return "" if value_ds is None else number(value_ds / TENTHS_PER_SECOND)


def flag(value: bool | None) -> str:
    """Write a yes or no, empty for None."""
    return "" if value is None else str(int(value))


def clean(name: str, dropped: Dropped) -> str:
    """Return a name as one line of printable text."""
    plain = "".join(letter if letter.isprintable() else " " for letter in name).strip()
    if plain != name:
        dropped.add("Line breaks, control characters and blanks around names were dropped", plain)
    return plain


def row(name: str, node: str, columns: Iterable[str], cells: Mapping[str, str]) -> tuple[str, ...]:
    """Return a record: its name, its intersection and a cell for every column."""
    return (name, node, *(cells.get(column, "") for column in columns))


def put(sheet: dict[str, dict[str, str]], name: str, column: str, text: str) -> None:
    """Put a text into a sheet's record, unless it is empty."""
    if text:
        sheet.setdefault(name, {})[column] = text
