"""Tables in a document: rows of values below one header, for what comes in thousands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from network.errors import ThroughbandError
from network.fields import MOST_CHARACTERS, shown


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name
        Its name, with the unit.
    allowed
        What a cell may hold, for a message.
    holds
        Whether every one of some cells holds that. Cells are judged together, because one call
        for each of some hundred thousand takes as long as reading the file.
    """

    name: str
    allowed: str
    holds: Callable[[Sequence[Any]], bool]


def text_column(name: str, *, empty: bool = False) -> Column:
    """Describe a column of printable text; `empty` tells whether none at all will do."""

    def holds(cells: Sequence[Any]) -> bool:
        return are_text(cells) and (empty or all(cells))

    return Column(name, "is printable text" + ("" if empty else ", not empty"), holds)


def number_column(name: str, least: float, most: float) -> Column:
    """Describe a column of finite numbers between two limits, both included."""
    return Column(
        name,
        f"is a number from {least:g} to {most:g}",
        lambda cells: are_numbers(cells, least, most),
    )


def whole_column(name: str, least: int, most: int) -> Column:
    """Describe a column of whole numbers between two limits, both included."""
    return Column(
        name,
        f"is a whole number from {least} to {most}",
        lambda cells: are_whole(cells, least, most),
    )


def wholes_column(name: str, least: int, most: int) -> Column:
    """Describe a column of lists of whole numbers, each of them once."""

    def holds(cells: Sequence[Any]) -> bool:
        return (
            are_lists(cells)
            and are_whole(list(chain.from_iterable(cells)), least, most)
            and all(len(set(cell)) == len(cell) for cell in cells)
        )

    return Column(name, f"is a list of whole numbers from {least} to {most}, each once", holds)


def are_text(cells: Sequence[Any]) -> bool:
    """Tell whether all are printable text of a bearable length."""
    return set(map(type, cells)) <= {str} and (
        "".join(cells).isprintable() and max(map(len, cells), default=0) <= MOST_CHARACTERS
    )


def are_numbers(cells: Sequence[Any], least: float, most: float) -> bool:
    """Tell whether all are numbers between two limits; none that is not a number is."""
    return set(map(type, cells)) <= {int, float} and all(least <= cell <= most for cell in cells)


def are_whole(cells: Sequence[Any], least: int, most: int) -> bool:
    """Tell whether all are whole numbers between two limits."""
    return set(map(type, cells)) <= {int} and (
        not cells or (least <= min(cells) and max(cells) <= most)
    )


def are_lists(cells: Sequence[Any]) -> bool:
    """Tell whether all are lists."""
    return set(map(type, cells)) <= {list}


def table_of(columns: Sequence[Column], rows: Iterable[list[object]]) -> dict[str, object]:
    """Return a table as a document holds it."""
    return {"columns": [column.name for column in columns], "rows": list(rows)}


def rows_of(
    table: object, columns: Sequence[Column], where: str, error: type[ThroughbandError]
) -> list[list[Any]]:
    """Return the rows of a table, every cell of which is as its column allows.

    Parameters
    ----------
    table
        As `table_of` makes it.
    columns
        What it must consist of.
    where
        What to name in a message.
    error
        What to raise.

    Raises
    ------
    ThroughbandError
        Of the given kind, with the row, counted from 0, and the column.
    """
    names = [column.name for column in columns]
    if not isinstance(table, dict) or table.keys() != {"columns", "rows"}:
        raise error(f"{where}: found {shown(table)}, expected a table of columns and rows")
    if table["columns"] != names:
        raise error(f"{where}: found columns {shown(table['columns'])}; allowed are {names}")
    rows = table["rows"]
    if type(rows) is not list:
        raise error(f"{where}: found rows {shown(rows)}; allowed is a list")
    for number, row in enumerate(rows):
        if type(row) is not list or len(row) != len(names):
            raise error(f"{where}, row {number}: found {shown(row)}; allowed are {names}")
    for column, cells in zip(columns, zip(*rows, strict=True), strict=False):
        if column.holds(cells):
            continue
        number, cell = next((n, c) for n, c in enumerate(cells) if not column.holds((c,)))
        raise error(
            f"{where}, row {number}, column {column.name}: found {shown(cell)}; allowed "
            f"{column.allowed}"
        )
    return rows
