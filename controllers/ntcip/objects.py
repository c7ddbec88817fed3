"""The working set of NTCIP 1201 and 1202 objects, as data.

Both ends read this table: the manager to name what it asks for, the emulated cabinet to know
what it holds. Their codecs stay independent; only the numbers are shared. Identifiers, ranges
and access are those of NTCIP 1202 v03.28 and 1201 v03.15, compared with the 1996-era pair;
where the editions differ the object says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
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
    """

    name: str
    oid: Oid
    syntax: Syntax
    low: int
    high: int
    kind: Kind
    values: Mapping[int, str]
    v03_only: bool

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


def _object(
    name: str,
    oid: str,
    syntax: Syntax,
    low: int,
    high: int,
    kind: Kind,
    values: Mapping[int, str] | None = None,
    v03_only: bool = False,
) -> ObjectType:
    named = MappingProxyType(dict(values or {}))
    return ObjectType(name, parse_oid(oid), syntax, low, high, kind, named, v03_only)


_TABLE = (
    _object("maxPhases", f"{ASC}.1.1", Syntax.INTEGER, 2, 255, Kind.STATUS),
    _object("phaseWalk", f"{ASC}.1.2.1.2", Syntax.INTEGER, 0, 255, Kind.PARAMETER),
    _object("phasePedestrianClear", f"{ASC}.1.2.1.3", Syntax.INTEGER, 0, 255, Kind.PARAMETER),
    _object("phaseMinimumGreen", f"{ASC}.1.2.1.4", Syntax.INTEGER, 0, 255, Kind.PARAMETER),
    _object("phaseMaximum1", f"{ASC}.1.2.1.6", Syntax.INTEGER, 0, 255, Kind.PARAMETER),
    _object("phaseYellowChange", f"{ASC}.1.2.1.8", Syntax.INTEGER, 0, 255, Kind.PARAMETER),
    _object("phaseRedClear", f"{ASC}.1.2.1.9", Syntax.INTEGER, 0, 255, Kind.PARAMETER),
    _object("phaseOptions", f"{ASC}.1.2.1.21", Syntax.INTEGER, 0, 65535, Kind.PARAMETER),
    _object("phaseRing", f"{ASC}.1.2.1.22", Syntax.INTEGER, 0, 255, Kind.TRANSACTION_ONLY),
    _object("phaseConcurrency", f"{ASC}.1.2.1.23", Syntax.OCTETS, 0, 255, Kind.TRANSACTION_ONLY),
    _object("phaseStatusGroupReds", f"{ASC}.1.4.1.2", Syntax.INTEGER, 0, 255, Kind.STATUS),
    _object("phaseStatusGroupYellows", f"{ASC}.1.4.1.3", Syntax.INTEGER, 0, 255, Kind.STATUS),
    _object("phaseStatusGroupGreens", f"{ASC}.1.4.1.4", Syntax.INTEGER, 0, 255, Kind.STATUS),
    _object("phaseStatusGroupPhaseOns", f"{ASC}.1.4.1.10", Syntax.INTEGER, 0, 255, Kind.STATUS),
    _object("phaseStatusGroupPhaseNexts", f"{ASC}.1.4.1.11", Syntax.INTEGER, 0, 255, Kind.STATUS),
    _object("maxVehicleDetectors", f"{ASC}.2.1", Syntax.INTEGER, 1, 255, Kind.STATUS),
    _object("vehicleDetectorNoActivity", f"{ASC}.2.2.1.9", Syntax.INTEGER, 0, 255, Kind.PARAMETER),
    _object(
        "vehicleDetectorMaxPresence", f"{ASC}.2.2.1.10", Syntax.INTEGER, 0, 255, Kind.PARAMETER
    ),
    _object("volumeOccupancySequence", f"{ASC}.2.5.1", Syntax.INTEGER, 0, 255, Kind.STATUS),
    _object("volumeOccupancyPeriod", f"{ASC}.2.5.2", Syntax.INTEGER, 0, 255, Kind.PARAMETER),
    _object("activeVolumeOccupancyDetectors", f"{ASC}.2.5.3", Syntax.INTEGER, 0, 255, Kind.STATUS),
    _object("detectorVolume", f"{ASC}.2.5.4.1.1", Syntax.INTEGER, 0, 255, Kind.STATUS),
    _object("detectorOccupancy", f"{ASC}.2.5.4.1.2", Syntax.INTEGER, 0, 255, Kind.STATUS),
    _object("unitBackupTime", f"{ASC}.3.3", Syntax.INTEGER, 0, 65535, Kind.PARAMETER),
    _object(
        "unitControlStatus",
        f"{ASC}.3.5",
        Syntax.INTEGER,
        1,
        10,
        Kind.STATUS,
        values={
            1: "other",
            2: "systemControl",
            3: "systemStandby",
            4: "backupMode",
            5: "manual",
            6: "timebase",
            7: "interconnect",
            8: "interconnectBackup",
            9: "remoteManualControl",
            10: "localManualControl",
        },
    ),
    _object(
        "unitFlashStatus",
        f"{ASC}.3.6",
        Syntax.INTEGER,
        1,
        8,
        Kind.STATUS,
        values={
            1: "other",
            2: "notFlash",
            3: "automatic",
            4: "localManual",
            5: "faultMonitor",
            6: "mmu",
            7: "startup",
            8: "preempt",
        },
    ),
    _object("unitAlarmStatus2", f"{ASC}.3.7", Syntax.INTEGER, 0, 255, Kind.STATUS),
    _object("unitAlarmStatus1", f"{ASC}.3.8", Syntax.INTEGER, 0, 255, Kind.STATUS),
    _object("coordOperationalMode", f"{ASC}.4.1", Syntax.INTEGER, 0, 255, Kind.CONTROL),
    _object(
        "coordCorrectionMode",
        f"{ASC}.4.2",
        Syntax.INTEGER,
        1,
        5,
        Kind.PARAMETER,
        values={1: "other", 2: "dwell", 3: "shortway", 4: "addOnly", 5: "subtractOnly"},
    ),
    _object("maxPatterns", f"{ASC}.4.5", Syntax.INTEGER, 1, 253, Kind.STATUS),
    _object(
        "patternTableType",
        f"{ASC}.4.6",
        Syntax.INTEGER,
        1,
        4,
        Kind.STATUS,
        values={1: "other", 2: "patterns", 3: "offset3", 4: "offset5"},
    ),
    _object("patternCycleTime", f"{ASC}.4.7.1.2", Syntax.INTEGER, 0, 255, Kind.PARAMETER),
    _object("patternOffsetTime", f"{ASC}.4.7.1.3", Syntax.INTEGER, 0, 255, Kind.PARAMETER),
    _object("patternSplitNumber", f"{ASC}.4.7.1.4", Syntax.INTEGER, 1, 255, Kind.PARAMETER),
    _object("patternSequenceNumber", f"{ASC}.4.7.1.5", Syntax.INTEGER, 1, 255, Kind.PARAMETER),
    _object(
        "patternCoordSyncPoint",
        f"{ASC}.4.7.1.6",
        Syntax.INTEGER,
        1,
        8,
        Kind.PARAMETER,
        values={
            1: "other",
            2: "unitCoordSyncPoint",
            3: "firstCoordPhsGrnBegin",
            4: "lastCoordPhsGrnBegin",
            5: "firstCoordPhsGrnEnd",
            6: "lastCoordPhsGrnEnd",
            7: "firstCoordPhsYelEnd",
            8: "lastCoordPhsYelEnd",
        },
        v03_only=True,
    ),
    _object("maxSplits", f"{ASC}.4.8", Syntax.INTEGER, 1, 255, Kind.STATUS),
    _object("splitTime", f"{ASC}.4.9.1.3", Syntax.INTEGER, 0, 255, Kind.PARAMETER),
    _object(
        "splitMode",
        f"{ASC}.4.9.1.4",
        Syntax.INTEGER,
        1,
        8,
        Kind.PARAMETER,
        values={
            1: "other",
            2: "none",
            3: "minimumVehicleRecall",
            4: "maximumVehicleRecall",
            5: "pedestrianRecall",
            6: "maximumVehicleAndPedestrianRecall",
            7: "phaseOmitted",
            8: "nonActuated",
        },
    ),
    _object("splitCoordPhase", f"{ASC}.4.9.1.5", Syntax.INTEGER, 0, 1, Kind.PARAMETER),
    _object("coordPatternStatus", f"{ASC}.4.10", Syntax.INTEGER, 0, 255, Kind.STATUS),
    _object(
        "localFreeStatus",
        f"{ASC}.4.11",
        Syntax.INTEGER,
        1,
        11,
        Kind.STATUS,
        values={
            1: "other",
            2: "notFree",
            3: "commandFree",
            4: "transitionFree",
            5: "inputFree",
            6: "coordFree",
            7: "badPlan",
            8: "badCycleTime",
            9: "splitOverrun",
            10: "invalidOffset",
            11: "failed",
        },
    ),
    _object("coordCycleStatus", f"{ASC}.4.12", Syntax.INTEGER, 0, 510, Kind.STATUS),
    _object("coordSyncStatus", f"{ASC}.4.13", Syntax.INTEGER, 0, 510, Kind.STATUS),
    _object("systemPatternControl", f"{ASC}.4.14", Syntax.INTEGER, 0, 255, Kind.CONTROL),
    _object(
        "unitCoordSyncPoint",
        f"{ASC}.4.16",
        Syntax.INTEGER,
        1,
        7,
        Kind.PARAMETER,
        values={
            1: "other",
            2: "firstPhaseGreenBegin",
            3: "lastPhaseGreenBegin",
            4: "firstPhaseGreenEnd",
            5: "lastPhaseGreenEnd",
            6: "firstPhaseYellowEnd",
            7: "lastPhaseYellowEnd",
        },
        v03_only=True,
    ),
    _object("timebaseAscPatternSync", f"{ASC}.5.1", Syntax.INTEGER, 0, 65535, Kind.PARAMETER),
    _object("maxTimebaseAscActions", f"{ASC}.5.2", Syntax.INTEGER, 1, 255, Kind.STATUS),
    _object("timebaseAscPattern", f"{ASC}.5.3.1.2", Syntax.INTEGER, 0, 255, Kind.PARAMETER),
    _object("timebaseAscActionStatus", f"{ASC}.5.4", Syntax.INTEGER, 0, 255, Kind.STATUS),
    _object("maxRings", f"{ASC}.7.1", Syntax.INTEGER, 1, 255, Kind.STATUS),
    _object("maxSequences", f"{ASC}.7.2", Syntax.INTEGER, 1, 255, Kind.STATUS),
    _object("sequenceData", f"{ASC}.7.3.1.3", Syntax.OCTETS, 0, 255, Kind.TRANSACTION_ONLY),
    _object("ringStatus", f"{ASC}.7.6.1.1", Syntax.INTEGER, 0, 255, Kind.STATUS, v03_only=True),
    _object("globalSetIDParameter", f"{GLOBAL}.1.1", Syntax.INTEGER, 0, 65535, Kind.STATUS),
    _object(
        "controllerBaseStandards",
        f"{GLOBAL}.1.4",
        Syntax.OCTETS,
        0,
        256,
        Kind.STATUS,
        v03_only=True,
    ),
    _object(
        "dbCreateTransaction",
        f"{GLOBAL}.2.1",
        Syntax.INTEGER,
        1,
        6,
        Kind.CONTROL,
        values={1: "normal", 2: "transaction", 3: "verify", 6: "done"},
    ),
    _object(
        "dbVerifyStatus",
        f"{GLOBAL}.2.6",
        Syntax.INTEGER,
        1,
        3,
        Kind.STATUS,
        values={1: "notDone", 2: "doneWithError", 3: "doneWithNoError"},
    ),
    _object("dbVerifyError", f"{GLOBAL}.2.7", Syntax.OCTETS, 0, 255, Kind.STATUS),
    _object("globalTime", f"{GLOBAL}.3.1", Syntax.INTEGER, 0, 2147483647, Kind.CONTROL),
    _object(
        "controllerStandardTimeZone",
        f"{GLOBAL}.3.5",
        Syntax.INTEGER,
        -43200,
        43200,
        Kind.PARAMETER,
        v03_only=True,
    ),
    _object(
        "controllerLocalTime",
        f"{GLOBAL}.3.6",
        Syntax.COUNTER,
        0,
        4294967295,
        Kind.STATUS,
        v03_only=True,
    ),
)

OBJECTS: Final[Mapping[str, ObjectType]] = MappingProxyType({entry.name: entry for entry in _TABLE})
"""The working set by name."""


def instance(name: str, *index: int) -> Oid:
    """Return the identifier of an object's instance."""
    return OBJECTS[name].instance(*index)
