"""Values of a document's objects, taken one by one with what is allowed."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from network.errors import ThroughbandError
from network.units import TENTHS_PER_SECOND

MOST_CHARACTERS = 10_000
"""Of one text in a document: a name, a reason."""

_SLACK_DS = 1e-6
_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = _SHOWN.maxlong = 60


def shown(value: object) -> str:
    """Return what was found, short enough for a message."""
    try:
        return _SHOWN.repr(value)
    except ValueError:  # Python refuses to write out very long integers
        return "a number of very many digits"


def place_in(where: str) -> Callable[[str], str]:
    """Return how to name a key's place in an object without line numbers."""
    return lambda key: f"{where}, {named(key)}" if key else where


def named(key: str) -> str:
    """Return a key for a message, quoted where it is no plain word."""
    return key if key.isidentifier() else shown(key)


@dataclass(frozen=True, slots=True)
class Fields:
    """One object of a document.

    Attributes
    ----------
    values
        By key; every one of the required keys is there, and none that is unknown.
    place
        Names the place of a key in a message; of the object itself for the empty key.
    error
        What to raise.
    """

    values: Mapping[str, Any]
    place: Callable[[str], str]
    error: type[ThroughbandError]

    @classmethod
    def of(
        cls,
        value: object,
        place: Callable[[str], str],
        error: type[ThroughbandError],
        required: Collection[str],
        optional: Collection[str] = (),
    ) -> Fields:
        """Take an object apart.

        Raises
        ------
        ThroughbandError
            Of the given kind, if it is no object, lacks a key or has one too many.
        """
        if not isinstance(value, dict):
            raise error(f"{place('')}: found {type(value).__name__}, expected an object")
        missing = sorted(set(required) - value.keys())
        unknown = sorted(value.keys() - {*required, *optional})
        if missing or unknown:
            at = place(unknown[0] if unknown and not missing else "")
            raise error(
                f"{at}: missing keys {missing}, unknown keys {shown(unknown)}; allowed are "
                f"{', '.join((*required, *optional))}"
            )
        return cls(value, place, error)

    def has(self, key: str) -> bool:
        """Tell whether an optional key is there."""
        return key in self.values

    def refusal(self, key: str, allowed: str) -> ThroughbandError:
        """Return the error that says what was found under a key and what is allowed."""
        return self.error(f"{self.place(key)}: found {shown(self.values[key])}; allowed {allowed}")

    def text(self, key: str, *, empty: bool = False) -> str:
        """Return printable text; `empty` tells whether none at all will do."""
        value = self.values[key]
        if not _printable(value) or not (value or empty):
            raise self.refusal(key, "is printable text" + ("" if empty else ", not empty"))
        return str(value)

    def prose(self, key: str) -> str:
        """Return text of any kind, also of several lines."""
        value = self.values[key]
        if type(value) is not str or len(value) > MOST_CHARACTERS:
            raise self.refusal(key, f"is text of up to {MOST_CHARACTERS} characters")
        return value

    def choice(self, key: str, allowed: Iterable[str]) -> str:
        """Return one of some words."""
        value, words = self.values[key], list(allowed)
        if type(value) is not str or value not in words:
            raise self.refusal(key, f"is one of {', '.join(words)}")
        return value

    def flag(self, key: str) -> bool:
        """Return true or false."""
        value = self.values[key]
        if type(value) is not bool:
            raise self.refusal(key, "is true or false")
        return value

    def whole(self, key: str, least: int, most: int) -> int:
        """Return a whole number between two limits, both included."""
        value = self.values[key]
        if type(value) is not int or not least <= value <= most:
            raise self.refusal(key, f"is a whole number from {least} to {most}")
        return value

    def number(self, key: str, least: float, most: float) -> float:
        """Return a finite number between two limits, both included."""
        value = self.values[key]
        if type(value) not in (int, float) or not least <= value <= most:
            raise self.refusal(key, f"is a number from {least:g} to {most:g}")
        return float(value)

    def tenths(self, key: str, least_ds: int, most_ds: int) -> int:
        """Return a duration given in s with at most one decimal, in tenths of a second."""
        value_ds = tenths_of(self.values[key], least_ds, most_ds)
        if value_ds is None:
            least_s, most_s = least_ds / TENTHS_PER_SECOND, most_ds / TENTHS_PER_SECOND
            raise self.refusal(key, f"are {least_s:g} to {most_s:g} s in tenths of a second")
        return value_ds

    def items(self, key: str) -> list[Any]:
        """Return a list."""
        value = self.values[key]
        if type(value) is not list:
            raise self.refusal(key, "is a list")
        return value

    def wholes(self, key: str, least: int, most: int) -> tuple[int, ...]:
        """Return a list of whole numbers between two limits, both included."""
        value = self.items(key)
        if any(type(item) is not int or not least <= item <= most for item in value):
            raise self.refusal(key, f"are whole numbers from {least} to {most}")
        return tuple(value)


def tenths_of(value: object, least_ds: int, most_ds: int) -> int | None:
    """Return a duration of so many s in tenths of a second; None if it is none within limits."""
    if type(value) not in (int, float):
        return None
    assert isinstance(value, int | float)
    if not least_ds - _SLACK_DS <= value * TENTHS_PER_SECOND <= most_ds + _SLACK_DS:
        return None
    # Binary fractions: 25.5 s times ten is exact, 4.35 s times ten is not, either way.
    value_ds = round(value * TENTHS_PER_SECOND)
    return value_ds if abs(value * TENTHS_PER_SECOND - value_ds) <= _SLACK_DS else None


def _printable(value: object) -> bool:
    return type(value) is str and value.isprintable() and len(value) <= MOST_CHARACTERS
