"""One GMNS table while it is written: cells as text that reads back as the same value."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from network.errors import FormatError
from network.readers.gmns_extras import number_text
from network.readers.gmns_forms import FORMS
from network.readers.gmns_tables import LIST_SEPARATOR
from network.readers.gmns_units import FOOT_M, MILE_M, SPEEDS_MPS

_MISSING = ("nan", "null")
_MOST_DIGITS = 28


@dataclass(frozen=True, slots=True)
class System:
    """Names and worth of the units a folder declares."""

    short: str
    long: str
    speed: str
    short_m: Decimal
    long_m: Decimal

    @property
    def speed_mps(self) -> Decimal:
        """Worth of a unit of speed."""
        return SPEEDS_MPS[self.speed]


SYSTEMS: Final[Mapping[str, System]] = {
    "si": System("meter", "km", "kph", Decimal(1), Decimal(1000)),
    "us": System("foot", "mile", "mph", FOOT_M, MILE_M),
}


@dataclass(frozen=True, slots=True)
class Numbered:
    """GMNS lane numbers of a link's lanes, by ours: at the stop line and at the upstream end."""

    stop: Mapping[int, int]
    entry: Mapping[int, int]


class Sheet:
    """A table: rows as mappings from column to text."""

    def __init__(self, name: str, columns: Sequence[str], kept: Sequence[str] = ()) -> None:
        self.name = name
        self._columns = tuple(columns)
        self._kept = frozenset((FORMS[name].key, *FORMS[name].needed, *kept))
        self._rows: list[Mapping[str, str]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, cells: Mapping[str, str]) -> None:
        """Add a row; columns it does not name stay empty."""
        self._rows.append(cells)

    def text(self) -> str:
        """Return the table as CSV, without columns that are empty and need not be there."""
        named = {name for row in self._rows for name, cell in row.items() if cell}
        columns = [name for name in self._columns if name in named or name in self._kept]
        columns += sorted(named - set(self._columns))
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([[row.get(name, "") for name in columns] for row in self._rows])
        return out.getvalue()


def named(text: str, what: str) -> str:
    """Return a name that reads back the same.

    Raises
    ------
    FormatError
        If a GMNS table cannot hold it.
    """
    plain = text.isprintable() and text == text.strip() and text.lower() not in _MISSING
    if not plain or LIST_SEPARATOR in text:
        raise FormatError(
            f"GMNS cannot hold {what} {text!r}; allowed is printable text without {LIST_SEPARATOR} "
            "and outer blanks, other than nan and null"
        )
    return text


def measured(value: float | None, unit: Decimal) -> str:
    """Write a quantity in a unit, with as many digits as it takes to read back the same."""
    if value is None:
        return ""
    if unit == 1:
        return number_text(value)
    number_text(value)
    return shortest(Decimal(value) / unit, lambda written: float(written * unit) == value)


def shortest(exact: Decimal, same: Callable[[Decimal], bool]) -> str:
    """Return the shortest decimal near a value that passes a check."""
    for digits in range(1, _MOST_DIGITS + 1):
        written = Decimal(f"{exact:.{digits}g}")
        if same(written):
            break
    plain = abs(written.adjusted()) < _MOST_DIGITS
    return f"{written.normalize():f}" if plain else str(written)


def runs(numbers: Sequence[int], names: Mapping[int, int]) -> list[tuple[int, int]]:
    """Return first and last GMNS number of each group of lanes side by side, from left to right.

    Parameters
    ----------
    numbers
        Lanes by our numbers.
    names
        GMNS numbers of all lanes of the link, by ours.
    """
    chosen = {names[number] for number in numbers}
    found: list[tuple[int, int]] = []
    joined = False
    for name in sorted(names.values()):
        if name in chosen and joined:
            found[-1] = (found[-1][0], name)
        elif name in chosen:
            found.append((name, name))
        joined = name in chosen
    return found
