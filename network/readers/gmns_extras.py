"""What a street inventory knows and GMNS has no column for: the columns ``opt_<attribute>``.

GMNS lets everybody add columns. Each attribute listed here travels in one of its own, in the SI
units its name tells, so that reading a written folder gives the same inventory; a plain GMNS reader
skips them. An attribute that holds its default leaves its cell empty.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from math import isfinite
from typing import Any, Final

from network.errors import FormatError
from network.inventory import Roundabout
from network.readers.gmns_forms import EXTRAS, PREFIX, Kind
from network.readers.gmns_tables import LIST_SEPARATOR, Row
from network.units import TENTHS_PER_SECOND

MOST: Final = 1e9


_ROUNDABOUT = ("inside_radius_m", "outside_radius_m", "lanes", "speed_mps")


def read_extras(row: Row, owner: type) -> dict[str, Any]:
    """Return the attributes a row gives, ready for the constructor of their class."""
    found: dict[str, Any] = {}
    for name, kind in EXTRAS[owner].items():
        if row.text(PREFIX + name):
            found[name] = _read(row, PREFIX + name, kind)
    return found


def write_extras(thing: Any) -> dict[str, str]:
    """Return the cells of a thing's attributes, empty where they hold their default."""
    defaults = {field.name: field.default for field in fields(thing)}
    cells = {}
    for name, kind in EXTRAS[type(thing)].items():
        value = getattr(thing, name)
        empty = value is None or value == defaults[name]
        cells[PREFIX + name] = "" if empty and defaults[name] is not MISSING else _cell(value, kind)
    return cells


def number_text(value: float) -> str:
    """Write a number so that it reads back the same; raise `FormatError` unless it is finite."""
    if not isfinite(value):
        raise FormatError(f"GMNS cannot hold the number {value}; allowed are finite ones")
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def seconds_text(value_ds: int | None) -> str:
    """Write tenths of a second as seconds; empty for None."""
    if value_ds is None:
        return ""
    whole, tenth = divmod(value_ds, TENTHS_PER_SECOND)
    return f"{whole}.{tenth}" if tenth else str(whole)


def _read(row: Row, column: str, kind: Kind) -> Any:
    if kind is Kind.NUMBER:
        return row.number(column, -MOST, MOST)
    if kind is Kind.WHOLE:
        return row.whole(column, 0, 1_000_000)
    if kind is Kind.FLAG:
        return row.flag(column)
    if kind is Kind.WHOLES:
        return row.numbers(column, 0, 1000)
    if kind is Kind.TEXTS:
        return row.items(column)
    if kind is Kind.TEXT:
        return row.text(column)
    return _read_numbers(row, column, kind)


def _read_numbers(row: Row, column: str, kind: Kind) -> Any:
    """Read a list of numbers, of which those of a roundabout may be missing."""
    items = row.items(column)
    count = 2 if kind is Kind.POINT else len(_ROUNDABOUT)
    try:
        numbers = [float(item) if item else None for item in items]
    except ValueError as error:
        raise row.fault(column, f"{count} numbers with {LIST_SEPARATOR} between") from error
    given = [number for number in numbers if number is not None]
    if len(items) != count or not all(abs(number) <= MOST for number in given):
        raise row.fault(column, f"{count} numbers with {LIST_SEPARATOR} between")
    if kind is Kind.POINT:
        if len(given) != count:
            raise row.fault(column, f"{count} numbers with {LIST_SEPARATOR} between")
        return tuple(given)
    values: dict[str, Any] = dict(zip(_ROUNDABOUT, numbers, strict=True))
    if values["lanes"] is not None:
        values["lanes"] = int(values["lanes"])
    return Roundabout(**values)


def _cell(value: Any, kind: Kind) -> str:
    if kind is Kind.NUMBER:
        return number_text(value)
    if kind is Kind.FLAG:
        return "true" if value else "false"
    if kind in (Kind.WHOLES, Kind.TEXTS):
        return LIST_SEPARATOR.join(str(item) for item in value)
    if kind is Kind.POINT:
        return LIST_SEPARATOR.join(number_text(item) for item in value)
    if kind is Kind.ROUNDABOUT:
        items = [getattr(value, name) for name in _ROUNDABOUT]
        return LIST_SEPARATOR.join("" if item is None else number_text(item) for item in items)
    return str(value)
