"""The objects of NTCIP 1201 and 1202, as data: `objects.csv` beside this file.

Both ends read this table: the manager to name what it asks for, the emulated cabinet to know
what it holds. Their codecs stay independent; only the numbers are shared. Identifiers, ranges
and access are those of NTCIP 1202 v03.28 and 1201 v03.15, compared with the 1996-era pair;
where the editions differ the object says so.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from importlib.resources import files
from types import MappingProxyType
from typing import Final

Oid = tuple[int, ...]

ASC: Final = "1.3.6.1.4.1.1206.4.2.1"
"""Root of NTCIP 1202, actuated signal controllers."""

GLOBAL: Final = "1.3.6.1.4.1.1206.4.2.6"
"""Root of NTCIP 1201, objects that every field device has."""


class Edition(StrEnum):
    """Which edition of the object definitions a device follows."""

    V1996 = "1996"
    V03 = "v03"


class Syntax(Enum):
    """How a value travels."""

    INTEGER = "INTEGER"
    OCTETS = "OCTET STRING"
    COUNTER = "Counter"
    GAUGE = "Gauge"
    OID = "OBJECT IDENTIFIER"


class Kind(Enum):
    """What a SET means to the device.

    The classes are the standard's P (parameter, plain or in a transaction), P2 (parameter that
    needs a transaction), C (control) and S (status). Which parameters are P2 is up to the
    device profile; ring, concurrency and sequence are the usual ones.
    """

    PARAMETER = "P"
    TRANSACTION_ONLY = "P2"
    CONTROL = "C"
    STATUS = "S"


@dataclass(frozen=True, slots=True)
class ObjectType:
    """One object type.

    Attributes
    ----------
    name, oid
        The standard's name and the identifier without the instance.
    syntax
        How its value travels.
    low, high
        Least and greatest value, or length of an octet string.
    kind
        What a SET means.
    values
        Names of an enumeration's values; empty for plain numbers.
    v03_only
        Whether the 1996-era edition lacks it.
    low_1996, high_1996, absent_1996
        The 1996-era edition's range, and the values of an enumeration that it lacks.
    """

    name: str
    oid: Oid
    syntax: Syntax
    low: int
    high: int
    kind: Kind
    values: Mapping[int, str]
    v03_only: bool
    low_1996: int
    high_1996: int
    absent_1996: frozenset[int]

    def allows(self, size: int, edition: Edition) -> bool:
        """Tell whether an edition allows a number, or an octet string of this length."""
        if edition is Edition.V1996:
            in_range = self.low_1996 <= size <= self.high_1996
            return in_range and size not in self.absent_1996 and self._named(size)
        return self.low <= size <= self.high and self._named(size)

    def _named(self, size: int) -> bool:
        return not self.values or size in self.values

    def instance(self, *index: int) -> Oid:
        """Return the identifier of a row, or of the scalar when no index is given."""
        return self.oid + (index or (0,))

    def number(self, meaning: str) -> int:
        """Return the number of an enumeration's value, `KeyError` if it has none."""
        for number, name in self.values.items():
            if name == meaning:
                return number
        raise KeyError(f"{self.name} has no value {meaning!r}")


def parse_oid(text: str) -> Oid:
    """Turn dotted text into numbers."""
    return tuple(int(part) for part in text.split("."))


def dotted(oid: Oid) -> str:
    """Turn numbers into dotted text."""
    return ".".join(str(part) for part in oid)


def _read_table() -> Mapping[str, ObjectType]:
    text = files("controllers.ntcip").joinpath("objects.csv").read_text(encoding="utf-8")
    found = {}
    for row in csv.DictReader(text.splitlines()):
        values = dict(pair.split("=") for pair in row["values"].split("|") if pair)
        low, high = int(row["low"]), int(row["high"])
        found[row["name"]] = ObjectType(
            row["name"],
            parse_oid(row["oid"].replace("asc", ASC).replace("global", GLOBAL)),
            Syntax[row["syntax"]],
            low,
            high,
            Kind(row["kind"]),
            MappingProxyType({int(number): name for number, name in values.items()}),
            bool(row["v03_only"]),
            int(row["low_1996"] or low),
            int(row["high_1996"] or high),
            frozenset(int(number) for number in row["absent_1996"].split("|") if number),
        )
    return MappingProxyType(found)


OBJECTS: Final[Mapping[str, ObjectType]] = _read_table()
"""The working set by name."""


def instance(name: str, *index: int) -> Oid:
    """Return the identifier of an object's instance."""
    return OBJECTS[name].instance(*index)
