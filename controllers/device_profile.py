"""Who a device is, kept between connections, and what has changed when it is met again.

A controller exchanged in the field answers at the same address. What it says of itself is
therefore stored once it is known, and compared before anything is written to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final, TypeVar

from controllers.driver import PhaseLimits
from network.errors import ControllerError

FORM: Final = 1
"""Version of the stored form."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Module:
    """A part of a controller: its maker, model, version, and ``hardware`` or ``software``."""

    make: str
    model: str
    version: str
    kind: str


@dataclass(frozen=True, slots=True)
class Overlap:
    """Lamps that follow several phases: its number, type, parents and modifiers."""

    number: int
    kind: str
    included: tuple[int, ...]
    modifiers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Preempt:
    """What takes the signal out of coordination: the phases it tracks and dwells in."""

    number: int
    track: tuple[int, ...]
    dwell: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """What a device says of itself and what lasts.

    Attributes
    ----------
    standards
        What it claims to conform to, one line.
    modules
        Its parts.
    edition, verify_numbers
        Edition of its object definitions; edition of the numbers by which it tells the outcome of
        a check, empty while not established.
    vendor_profile
        Name of the vendor profile it was read with.
    pattern_table, sync_point, correction, maximum_mode
        `patternTableType`, `unitCoordSyncPoint`, `coordCorrectionMode` and `coordMaximumMode` by
        name; empty where it has no such object.
    sync_minute
        `timebaseAscPatternSync`: minutes after midnight at which cycles are counted from.
    backup_time_s, user_backup_time_s
        `unitBackupTime`, and `unitUserDefinedBackupTime`, which replaces it where it is not 0.
    backup_renewed
        Whether calling a pattern starts the time anew that holds.
    time_zone_s, daylight_saving
        Standard time ahead of universal time, None where it does not tell; the rule for summer.
    max_patterns, max_splits, max_sequences, max_rings, max_phases, max_actions, max_detectors
        Sizes of its tables.
    phases, overlaps, preempts
        Limits of its phases, and what else moves its lamps.
    elsewhere
        Scalars that it keeps at another place than the standard's, with the place.
    set_id
        Its fingerprint of the stored setup.
    """

    standards: str
    modules: tuple[Module, ...]
    edition: str
    verify_numbers: str
    vendor_profile: str
    pattern_table: str
    sync_point: str
    correction: str
    maximum_mode: str
    sync_minute: int
    backup_time_s: int
    user_backup_time_s: int
    backup_renewed: bool
    time_zone_s: int | None
    daylight_saving: str
    max_patterns: int
    max_splits: int
    max_sequences: int
    max_rings: int
    max_phases: int
    max_actions: int
    max_detectors: int
    phases: tuple[PhaseLimits, ...]
    overlaps: tuple[Overlap, ...]
    preempts: tuple[Preempt, ...]
    elsewhere: tuple[tuple[str, str], ...]
    set_id: int

    @property
    def silence_s(self) -> int:
        """Silence after which it leaves central control; 0 for never."""
        return self.user_backup_time_s or self.backup_time_s

    @property
    def rows_per_plan(self) -> int:
        """How many consecutive pattern rows share everything but offset and sequence."""
        return {"offset3": 3, "offset5": 5}.get(self.pattern_table, 1)

    def sharing(self, row: int) -> range:
        """Return the pattern rows that share cycle and split with one, itself included."""
        size = self.rows_per_plan
        first = (row - 1) // size * size + 1
        return range(first, min(first + size, self.max_patterns + 1))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON that `from_dict` reads."""
        content = {"form": FORM, **asdict(self)}
        content["phases"] = [
            {**asdict(phase), "concurrent": sorted(phase.concurrent)} for phase in self.phases
        ]
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], where: str) -> DeviceProfile:
        """Return the profile that `to_dict` wrote.

        Parameters
        ----------
        content
            Plain JSON.
        where
            What to name in a message.

        Raises
        ------
        ControllerError
            It is of another form, incomplete or malformed.
        """
        if not isinstance(content, Mapping) or content.get("form") != FORM:
            raise ControllerError(f"{where}: not a device profile of form {FORM}")
        values = {name: content[name] for name in content if name != "form"}
        for name, kind in _PARTS.items():
            values[name] = tuple(_part(kind, e, where) for e in _list(values, name, where))
        pairs = _list(values, "elsewhere", where)
        values["elsewhere"] = tuple(tuple(_list({"": pair}, "", where)) for pair in pairs)
        return _built(cls, values, where)


class Concern(StrEnum):
    """What a difference is about."""

    DEVICE = "device"
    LIMITS = "limits"
    SETUP = "setup"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is no longer as it was stored.

    Attributes
    ----------
    concern
        `DEVICE`: it is another device or runs other firmware. `LIMITS`: it works under other
        limits. `SETUP`: something stored in it has changed, as every download does.
    text
        The difference in words.
    """

    concern: Concern
    text: str

    def __str__(self) -> str:
        return self.text


def differences(stored: DeviceProfile, found: DeviceProfile) -> tuple[Difference, ...]:
    """Say in which ways a device is no longer the one that was stored.

    Parameters
    ----------
    stored, found
        What it was, and what it says now.

    Returns
    -------
    tuple of Difference
        Other devices first, then limits, then the setup; empty when all is as it was.
    """
    told: list[Difference] = []
    for concern, names in _CONCERNS.items():
        for name in names:
            old, new = getattr(stored, name), getattr(found, name)
            if old == new:
                continue
            if name == "phases":
                texts = _changed_phases(stored, found)
            else:
                texts = [f"{_WORDS.get(name, name)} is {_shown(new)}, was {_shown(old)}"]
            told.extend(Difference(concern, text) for text in texts)
    return tuple(told)


def _changed_phases(stored: DeviceProfile, found: DeviceProfile) -> list[str]:
    before = {phase.number: phase for phase in stored.phases}
    after = {phase.number: phase for phase in found.phases}
    texts = [f"phase {n} is new" for n in sorted(after.keys() - before.keys())]
    texts += [f"phase {n} is gone" for n in sorted(before.keys() - after.keys())]
    for number in sorted(before.keys() & after.keys()):
        for field in fields(PhaseLimits):
            old, new = getattr(before[number], field.name), getattr(after[number], field.name)
            if old != new:
                texts.append(f"phase {number}: {field.name} is {_shown(new)}, was {_shown(old)}")
    return texts


def _shown(value: object) -> str:
    if isinstance(value, frozenset):
        return str(sorted(value))
    if isinstance(value, tuple):
        return "; ".join(_shown(part) for part in value) or "none"
    if isinstance(value, Module):
        return f"{value.make} {value.model} {value.version} ({value.kind})"
    if isinstance(value, Overlap):
        return f"{value.number} {value.kind} of phases {list(value.included)}"
    if isinstance(value, Preempt):
        return f"{value.number} dwelling in phases {list(value.dwell)}"
    return repr(value) if isinstance(value, str) else str(value)


def _list(values: Mapping[str, Any], name: str, where: str) -> list[Any]:
    found = values.get(name)
    if not isinstance(found, list | tuple):
        raise ControllerError(f"{where}: {name} is {found!r}, not a list")
    return list(found)


def _part(kind: type[_T], entry: object, where: str) -> _T:
    if not isinstance(entry, Mapping):
        raise ControllerError(f"{where}: {entry!r} is no {kind.__name__}")
    lists = {name: v for name, v in entry.items() if isinstance(v, list | tuple)}
    made: dict[str, Any] = dict(entry)
    made.update(
        (name, (frozenset if name == "concurrent" else tuple)(v)) for name, v in lists.items()
    )
    return _built(kind, made, where)


def _built(kind: type[_T], values: Mapping[str, Any], where: str) -> _T:
    """Build a value, refusing unknown names, missing ones and values of another type."""
    known = {field.name: str(field.type) for field in fields(kind)}  # type: ignore[arg-type]
    if set(values) != set(known):
        odd = sorted(set(values) ^ set(known))
        raise ControllerError(f"{where}: {kind.__name__} with or without {', '.join(odd)}")
    for name, value in values.items():
        wanted = known[name].split("[")[0]
        if type(value).__name__ not in [
            word.replace("None", "NoneType") for word in wanted.split(" | ")
        ]:
            raise ControllerError(f"{where}: {name} is {value!r}; allowed is {known[name]}")
    return kind(**values)


_PARTS: Final[Mapping[str, type]] = {
    "modules": Module,
    "phases": PhaseLimits,
    "overlaps": Overlap,
    "preempts": Preempt,
}

_CONCERNS: Final[Mapping[Concern, tuple[str, ...]]] = {
    Concern.DEVICE: (
        "standards",
        "modules",
        "edition",
        "vendor_profile",
        "pattern_table",
        "max_patterns",
        "max_splits",
        "max_sequences",
        "max_rings",
        "max_phases",
        "max_actions",
        "max_detectors",
        "elsewhere",
    ),
    Concern.LIMITS: (
        "phases",
        "overlaps",
        "preempts",
        "sync_point",
        "sync_minute",
        "correction",
        "maximum_mode",
        "backup_time_s",
        "user_backup_time_s",
        "backup_renewed",
        "time_zone_s",
        "daylight_saving",
    ),
    Concern.SETUP: ("set_id",),
}

_WORDS: Final[Mapping[str, str]] = {
    "standards": "what it conforms to",
    "modules": "its module table",
    "vendor_profile": "its vendor profile",
    "pattern_table": "patternTableType",
    "sync_point": "unitCoordSyncPoint",
    "sync_minute": "timebaseAscPatternSync",
    "correction": "coordCorrectionMode",
    "maximum_mode": "coordMaximumMode",
    "backup_time_s": "unitBackupTime",
    "user_backup_time_s": "unitUserDefinedBackupTime",
    "set_id": "its set ID",
}
