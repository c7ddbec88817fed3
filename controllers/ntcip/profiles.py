"""Where devices depart from the standard, as data: `profiles.toml` beside this file.

A device list names a profile. What a profile does not say is as in ``standard``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from controllers.ntcip.message_size import BATCH_LIMIT
from controllers.ntcip.objects import OBJECTS, Edition, Oid
from network.errors import ControllerError

PROBE: Final = "probe"

SUFFIXES: Final[Mapping[str, Oid]] = {".0": (0,), ".1": (1,), "": ()}
"""Where a scalar may live, by how `profiles.toml` writes it, in the order of probing."""

STANDARD_SUFFIX: Final[Oid] = (0,)

_VERIFY: Final = ("edition", str(Edition.V1996), str(Edition.V03), PROBE)
_SPLIT_NUMBER: Final = ("as found", "writable")
_SYNC_POINT: Final = ("ask", "device list")


@dataclass(frozen=True, slots=True)
class VendorProfile:
    """How a kind of device departs from the standard.

    Attributes
    ----------
    name
        What device lists call it.
    scalars
        A key of `SUFFIXES`, or `PROBE`.
    objects
        The same for single objects that differ from the rest.
    verify_status
        ``"edition"``, an edition, or `PROBE`: how the device numbers the outcome of a check.
    split_number
        ``"as found"`` or ``"writable"``: whether a pattern's split row may be chosen.
    sync_point
        ``"ask"`` or ``"device list"``: whether the device's own sync point object counts.
    bindings
        Most variable bindings in a message.
    reserved_rows
        Patterns that must not be written.
    """

    name: str
    scalars: str = ".0"
    objects: Mapping[str, str] = field(default_factory=dict)
    verify_status: str = "edition"
    split_number: str = "as found"
    sync_point: str = "ask"
    bindings: int = BATCH_LIMIT
    reserved_rows: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        where = f"vendor profile {self.name!r}"
        for key, value, allowed in (
            ("scalars", self.scalars, (*SUFFIXES, PROBE)),
            ("verify_status", self.verify_status, _VERIFY),
            ("split_number", self.split_number, _SPLIT_NUMBER),
            ("sync_point", self.sync_point, _SYNC_POINT),
            *(("objects", suffix, tuple(SUFFIXES)) for suffix in self.objects.values()),
        ):
            if value not in allowed:
                shown = ", ".join(repr(word) for word in allowed)
                raise ControllerError(f"{where}: {key} is {value!r}; allowed are {shown}")
        unknown = sorted(set(self.objects) - set(OBJECTS))
        if unknown:
            raise ControllerError(f"{where}: there is no object {unknown[0]!r}")
        if not 1 <= self.bindings <= BATCH_LIMIT:
            raise ControllerError(
                f"{where}: bindings is {self.bindings}; allowed are 1 to {BATCH_LIMIT}"
            )
        if not all(type(row) is int and row > 0 for row in self.reserved_rows):
            raise ControllerError(f"{where}: reserved_rows holds what is no row number")
        object.__setattr__(self, "objects", MappingProxyType(dict(self.objects)))

    def suffix(self, name: str) -> Oid | None:
        """Return where a scalar lives, or None if only asking can tell."""
        word = self.objects.get(name, self.scalars)
        return None if word == PROBE else SUFFIXES[word]


def parse_profiles(text: str, where: str) -> Mapping[str, VendorProfile]:
    """Read vendor profiles from TOML.

    Parameters
    ----------
    text
        The tables.
    where
        What to name in a message.

    Raises
    ------
    ControllerError
        It is not TOML, or a table says what no profile can say.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ControllerError(f"{where}: {error}") from error
    found = {name: _profile(name, table, where) for name, table in tables.items()}
    return MappingProxyType(found)


def vendor_profile(name: str) -> VendorProfile:
    """Return a profile by its name; raise `ControllerError` if there is none."""
    try:
        return PROFILES[name]
    except KeyError:
        raise ControllerError(
            f"no vendor profile {name!r}; known are {', '.join(sorted(PROFILES))}"
        ) from None


def _profile(name: str, table: object, where: str) -> VendorProfile:
    kinds: dict[str, type] = {
        "scalars": str,
        "objects": dict,
        "verify_status": str,
        "split_number": str,
        "sync_point": str,
        "bindings": int,
        "reserved_rows": list,
    }
    if not isinstance(table, dict):
        raise ControllerError(f"{where}: {name!r} is no table")
    for key, value in table.items():
        if key not in kinds:
            raise ControllerError(
                f"{where}: profile {name!r} has the key {key!r}; allowed are {', '.join(kinds)}"
            )
        if not isinstance(value, kinds[key]) or isinstance(value, bool):
            raise ControllerError(f"{where}: profile {name!r}: {key} is {value!r}")
    changes: dict[str, Any] = dict(table)
    if "reserved_rows" in changes:
        changes["reserved_rows"] = frozenset(changes["reserved_rows"])
    return VendorProfile(name, **changes)


PROFILES: Final = parse_profiles(
    files("controllers.ntcip").joinpath("profiles.toml").read_text(encoding="utf-8"),
    "profiles.toml",
)
"""Every profile that is delivered, by name."""
