"""Asks a device who it is and what it works under."""

from __future__ import annotations

from typing import Final

from controllers.device_profile import DeviceProfile, Module, Overlap, Preempt
from controllers.driver import PhaseLimits
from controllers.ntcip.objects import OBJECTS, Edition, dotted
from controllers.ntcip.profiles import STANDARD_SUFFIX, SUFFIXES, VendorProfile
from controllers.ntcip.reading import Reader

PHASE_ENABLED: Final = 0x0001
NON_ACTUATED: Final = 0x0018
PEDESTRIAN_RECALL: Final = 0x0100
"""Bits 0, 3 and 4, and 8 of `phaseOptions` (NTCIP 1202 v03 clause 5.2.2.21)."""

_SCALARS: Final = (
    "maxPhases",
    "maxPatterns",
    "maxSplits",
    "maxSequences",
    "maxRings",
    "maxTimebaseAscActions",
    "globalSetIDParameter",
    "unitBackupTime",
    "timebaseAscPatternSync",
)
"""What every edition has."""

_OPTIONAL: Final = (
    "patternTableType",
    "coordCorrectionMode",
    "coordMaximumMode",
    "unitCoordSyncPoint",
    "unitUserDefinedBackupTime",
    "maxVehicleDetectors",
    "globalMaxModules",
    "maxOverlaps",
    "maxPreempts",
    "controllerStandardTimeZone",
    "globalDaylightSaving",
)

_PHASE: Final = (
    "phaseRing",
    "phaseMinimumGreen",
    "phaseYellowChange",
    "phaseRedClear",
    "phaseWalk",
    "phasePedestrianClear",
    "phaseMaximum1",
)


async def survey(
    reader: Reader, vendor: VendorProfile, first_pattern: int, verify_numbers: str = ""
) -> DeviceProfile:
    """Read everything a device says of itself that lasts.

    Parameters
    ----------
    reader
        Reads the device.
    vendor
        The vendor profile it is read with.
    first_pattern
        A pattern row that it has: the edition shows in the columns of that row.
    verify_numbers
        Edition of its numbers for the outcome of a check, as far as established.

    Raises
    ------
    UnreachableError, RejectedValueError
        No answer, or one that makes no sense.
    """
    # In one go, so that it takes as few messages as possible.
    names = (*_SCALARS, *_OPTIONAL, "controllerBaseStandards")
    await reader.locate(names)
    column = OBJECTS["patternCoordSyncPoint"].instance(first_pattern)
    oids = [*[await reader.oid(name) for name in names], column]
    *found, newer = await reader.get(oids)
    scalars = dict(zip(names, found, strict=True))
    read = {name: reader.number(name, scalars[name]) for name in _SCALARS}
    extra = {
        name: None if scalars[name] is None else reader.number(name, scalars[name])
        for name in _OPTIONAL
    }
    standards = scalars["controllerBaseStandards"]
    older = newer is None
    edition = Edition.V1996 if older else Edition.V03
    if vendor.verify_status != "probe":
        verify_numbers = str(edition) if vendor.verify_status == "edition" else vendor.verify_status
    user_s = extra["unitUserDefinedBackupTime"] or 0
    return DeviceProfile(
        standards=reader.text("controllerBaseStandards", standards),
        modules=await _modules(reader, extra["globalMaxModules"] or 0),
        edition=str(edition),
        verify_numbers=verify_numbers,
        vendor_profile=vendor.name,
        pattern_table=_named("patternTableType", extra),
        sync_point=_named("unitCoordSyncPoint", extra),
        correction=_named("coordCorrectionMode", extra),
        maximum_mode=_named("coordMaximumMode", extra),
        sync_minute=read["timebaseAscPatternSync"],
        backup_time_s=read["unitBackupTime"],
        user_backup_time_s=user_s,
        backup_renewed=not user_s or await _renewed(reader),
        time_zone_s=extra["controllerStandardTimeZone"],
        daylight_saving=_named("globalDaylightSaving", extra),
        max_patterns=read["maxPatterns"],
        max_splits=read["maxSplits"],
        max_sequences=read["maxSequences"],
        max_rings=read["maxRings"],
        max_phases=read["maxPhases"],
        max_actions=read["maxTimebaseAscActions"],
        max_detectors=extra["maxVehicleDetectors"] or 0,
        phases=await read_phases(reader, read["maxPhases"]),
        overlaps=await _overlaps(reader, extra["maxOverlaps"] or 0),
        preempts=await _preempts(reader, extra["maxPreempts"] or 0),
        elsewhere=_elsewhere(reader),
        set_id=read["globalSetIDParameter"],
    )


async def read_phases(reader: Reader, most: int) -> tuple[PhaseLimits, ...]:
    """Read the limits of the enabled phases; of several rings also who may run beside whom."""
    every = range(1, most + 1)
    options_of = await reader.table([("phaseOptions", n) for n in every])
    enabled = [(n, o) for n, o in zip(every, options_of, strict=True) if o & PHASE_ENABLED]
    values = await reader.table([(name, n) for n, _ in enabled for name in _PHASE])
    phases = []
    for position, (number, options) in enumerate(enabled):
        at = position * len(_PHASE)
        ring, green, yellow, red, walk, clear, maximum = values[at : at + len(_PHASE)]
        if ring:
            phases.append((number, green, yellow, red, walk, clear, ring, maximum, options))
    beside = {}
    if len({phase[6] for phase in phases}) > 1:
        numbers = [phase[0] for phase in phases]
        lists = await reader.get([OBJECTS["phaseConcurrency"].instance(n) for n in numbers])
        for number, data in zip(numbers, lists, strict=True):
            beside[number] = frozenset(reader.octets("phaseConcurrency", data))
    return tuple(
        PhaseLimits(
            *phase[:7],
            concurrent=beside.get(phase[0], frozenset()),
            maximum_s=phase[7],
            pedestrian_recall=bool(phase[8] & PEDESTRIAN_RECALL),
            non_actuated=bool(phase[8] & NON_ACTUATED),
        )
        for phase in phases
    )


async def _modules(reader: Reader, most: int) -> tuple[Module, ...]:
    columns = ("moduleMake", "moduleModel", "moduleVersion", "moduleType")
    rows = range(1, most + 1)
    readings = await reader.get([OBJECTS[c].instance(n) for n in rows for c in columns])
    found = []
    for row in rows:
        *texts, kind = readings[(row - 1) * 4 : row * 4]
        if all(reading is None for reading in (*texts, kind)):
            continue
        make, model, version = (reader.text(c, t) for c, t in zip(columns, texts, strict=False))
        kinds = OBJECTS["moduleType"].values
        named = kinds.get(reader.number("moduleType", kind), str(kind))
        found.append(Module(make, model, version, named))
    return tuple(found)


async def _overlaps(reader: Reader, most: int) -> tuple[Overlap, ...]:
    columns = ("overlapType", "overlapIncludedPhases", "overlapModifierPhases")
    rows = range(1, most + 1)
    readings = await reader.get([OBJECTS[c].instance(n) for n in rows for c in columns])
    found = []
    for row in rows:
        kind, included, modifiers = readings[(row - 1) * 3 : row * 3]
        if not included:
            # An overlap without a phase to follow lights nothing.
            continue
        number = reader.number("overlapType", kind)
        found.append(
            Overlap(
                row,
                OBJECTS["overlapType"].values.get(number, str(number)),
                tuple(reader.octets("overlapIncludedPhases", included)),
                tuple(reader.octets("overlapModifierPhases", modifiers or b"")),
            )
        )
    return tuple(found)


async def _preempts(reader: Reader, most: int) -> tuple[Preempt, ...]:
    columns = ("preemptTrackPhase", "preemptDwellPhase")
    rows = range(1, most + 1)
    readings = await reader.get([OBJECTS[c].instance(n) for n in rows for c in columns])
    found = []
    for row in rows:
        track, dwell = (
            tuple(reader.octets(c, r or b""))
            for c, r in zip(columns, readings[(row - 1) * 2 : row * 2], strict=True)
        )
        if track or dwell:
            found.append(Preempt(row, track, dwell))
    return tuple(found)


async def _renewed(reader: Reader) -> bool:
    """Whether calling a pattern is among what renews the user-defined backup time."""
    name = "maxUserDefinedBackupTimeContent"
    most = (await reader.optional(name))[name] or 0
    column = OBJECTS["unitUserDefinedBackupTimeContentOID"]
    rows = await reader.get([column.instance(n) for n in range(1, most + 1)])
    return await reader.oid("systemPatternControl") in rows


def _named(name: str, read: dict[str, int | None]) -> str:
    number = read[name]
    return "" if number is None else OBJECTS[name].values.get(number, str(number))


def _elsewhere(reader: Reader) -> tuple[tuple[str, str], ...]:
    words = {suffix: word for word, suffix in SUFFIXES.items()}
    return tuple(
        sorted(
            (name, words.get(suffix, dotted(suffix)))
            for name, suffix in reader.suffixes.items()
            if suffix != STANDARD_SUFFIX and name in (*_SCALARS, *_OPTIONAL)
        )
    )
