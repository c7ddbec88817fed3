"""Between the project's units and the wire: timing plans as rows of the coordination tables.

What this module can encode is all the bridge can write: `wire_values` turns names into
identifiers and knows only the coordination objects. No phase timing, yellow, red clearance or
concurrency is among them, so no mistake above this layer can change one.

A plan names one coordinated phase, and only that one is marked in the split table, whatever the
number of rings. It is then the first and the last coordinated phase at once, so that an offset
names the same event on every device. A pattern found on a device may mark one phase per ring; its
plan names the one that the sync point means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from controllers.driver import Identity, ObjectValue
from controllers.ntcip.objects import OBJECTS, Oid, Syntax
from controllers.ntcip.structure import (
    converted_offset_s,
    device_phasing,
    event_ds,
    segments_of,
)
from network.errors import ControllerError, PlanError
from network.timing import OffsetReference, TimingPlan

INDEX_LENGTHS: Final[Mapping[str, int]] = {
    "dbCreateTransaction": 0,
    "patternCycleTime": 1,
    "patternOffsetTime": 1,
    "patternSplitNumber": 1,
    "patternSequenceNumber": 1,
    "patternCoordSyncPoint": 1,
    "sequenceData": 2,
    "splitTime": 2,
    "splitMode": 2,
    "splitCoordPhase": 2,
    "systemPatternControl": 0,
    "timebaseAscPattern": 1,
}
"""By how many numbers a row of each writable object is named; 0 for a scalar."""

WRITABLE: Final = frozenset(INDEX_LENGTHS)
"""Everything the bridge may write, ever."""

MOST_ROW: Final = 255
FLASH: Final = 255
"""Pattern number that means flash; nothing here calls for that."""

LAST: Final[Mapping[str, str]] = {
    "lastCoordPhsGrnBegin": "firstCoordPhsGrnBegin",
    "lastCoordPhsGrnEnd": "firstCoordPhsGrnEnd",
    "lastCoordPhsYelEnd": "firstCoordPhsYelEnd",
}
"""Sync points that mean the last coordinated phase, by those of the first one."""

UNIT_POINTS: Final[Mapping[str, str]] = {
    "firstPhaseGreenBegin": "firstCoordPhsGrnBegin",
    "lastPhaseGreenBegin": "lastCoordPhsGrnBegin",
    "firstPhaseGreenEnd": "firstCoordPhsGrnEnd",
    "lastPhaseGreenEnd": "lastCoordPhsGrnEnd",
    "firstPhaseYellowEnd": "firstCoordPhsYelEnd",
    "lastPhaseYellowEnd": "lastCoordPhsYelEnd",
}
"""Sync points of a pattern by those of the whole device, which mean the same events."""

SYNC_POINTS: Final[Mapping[OffsetReference, str]] = {
    OffsetReference.BEGIN_GREEN: "firstCoordPhsGrnBegin",
    OffsetReference.BEGIN_YELLOW: "firstCoordPhsGrnEnd",
    OffsetReference.END_YELLOW: "firstCoordPhsYelEnd",
}

SERVED: Final = "maximumVehicleRecall"
"""Split mode of a served phase: a fixed-time plan gives every phase its whole split."""

OMITTED: Final = "phaseOmitted"


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows a plan is written to.

    Attributes
    ----------
    pattern, split, sequence
        Row numbers.
    device_reference
        The event offsets name where the device has no object for it; None where it has one.
    names_split
        Whether the pattern must be told its split row.
    """

    pattern: int
    split: int
    sequence: int
    device_reference: OffsetReference | None
    names_split: bool = False


def wire_values(
    values: Iterable[ObjectValue], scalars: Mapping[str, Oid] = MappingProxyType({})
) -> list[tuple[Oid, int | bytes]]:
    """Turn named values into identifiers and values, refusing all but coordination objects.

    Parameters
    ----------
    values
        What to write.
    scalars
        Where the device keeps scalars that are not at the standard's instance 0.

    Raises
    ------
    ControllerError
        An object is not on the allow-list, its row cannot be one, or its value is out of the
        standard's range.
    """
    encoded: list[tuple[Oid, int | bytes]] = []
    for entry in values:
        if entry.name not in WRITABLE:
            raise ControllerError(f"{entry.name} is not an object this bridge writes")
        kind = OBJECTS[entry.name]
        rows = entry.index
        if len(rows) != INDEX_LENGTHS[entry.name] or not all(
            type(row) is int and 1 <= row <= MOST_ROW for row in rows
        ):
            raise ControllerError(f"{entry.name} has no row {list(rows)}")
        wanted = bytes if kind.syntax is Syntax.OCTETS else int
        if type(entry.value) is not wanted:
            raise ControllerError(f"{entry.name} is {entry.value!r}; allowed is {wanted.__name__}")
        size = entry.value if isinstance(entry.value, int) else len(entry.value)
        # The wider of both editions: what an older device held must be restorable.
        low = min(kind.low, kind.low_1996)
        if not low <= size <= kind.high or (kind.values and size not in kind.values):
            raise ControllerError(
                f"{entry}: outside {low} to {kind.high}, the range of the standard"
            )
        if entry.name in ("systemPatternControl", "timebaseAscPattern") and size == FLASH:
            raise ControllerError(f"{entry}: this bridge does not call for flash")
        suffix = rows or scalars.get(entry.name, (0,))
        if not rows and suffix not in ((), (0,), (1,)):
            raise ControllerError(f"{entry.name} cannot be at instance {list(suffix)}")
        encoded.append((kind.oid + suffix, entry.value))
    return encoded


def encode_plan(plan: TimingPlan, identity: Identity, rows: Rows) -> tuple[ObjectValue, ...]:
    """Return a plan as values of the coordination tables.

    Parameters
    ----------
    plan
        The plan.
    identity
        The device's phases; those the plan leaves out are omitted.
    rows
        Where to write it.

    Raises
    ------
    ControllerError
        The offset cannot be expressed in the device's reference.
    """
    pattern, split = rows.pattern, rows.split
    offset_s = plan.offset_s
    values = [ObjectValue("patternCycleTime", (pattern,), plan.cycle_s)]
    if rows.names_split:
        values.append(ObjectValue("patternSplitNumber", (pattern,), split))
    if rows.device_reference is None:
        point = OBJECTS["patternCoordSyncPoint"].number(SYNC_POINTS[plan.offset_reference])
        values.append(ObjectValue("patternCoordSyncPoint", (pattern,), point))
    else:
        offset_s = converted_offset_s(plan, identity, rows.device_reference)
    values.append(ObjectValue("patternOffsetTime", (pattern,), offset_s))
    values.append(ObjectValue("patternSequenceNumber", (pattern,), rows.sequence))
    modes = OBJECTS["splitMode"]
    for phase in identity.phases:
        number = phase.number
        split_s = plan.split_s(number)
        mode = SERVED if number in plan.sequence else OMITTED
        coordinated = int(number == plan.coordinated_phase)
        values.append(ObjectValue("splitTime", (split, number), split_s))
        values.append(ObjectValue("splitMode", (split, number), modes.number(mode)))
        values.append(ObjectValue("splitCoordPhase", (split, number), coordinated))
    return tuple(values)


def encode_sequence(plan: TimingPlan, identity: Identity, row: int) -> tuple[ObjectValue, ...]:
    """Return a plan's phase order as a sequence row, one value per ring of the device.

    Phases the plan omits come last in their ring, still on their side of the barriers.
    """
    structure = device_phasing(identity)
    barriers = [
        structure.phase(next(number for ring in segment for number in ring)).barrier
        for segment in segments_of(plan, structure)
    ]
    barriers += [phase.barrier for phase in structure.phases if phase.barrier not in barriers]
    values = []
    for ring in identity.rings:
        served = [n for n in plan.sequence if structure.phase(n).ring == ring]
        own = {phase.number: phase.barrier for phase in structure.phases if phase.ring == ring}
        left_out = [number for number in own if number not in served]
        order = sorted((*served, *left_out), key=lambda n: barriers.index(own[n]))
        if len(identity.rings) == 1:
            order = [*served, *left_out]
        values.append(ObjectValue("sequenceData", (row, ring), bytes(order)))
    return tuple(values)


def decode_plan(
    signal_id: str,
    values: Sequence[ObjectValue],
    sequences: Sequence[bytes],
    identity: Identity,
    device_reference: OffsetReference | None,
) -> TimingPlan:
    """Read a plan back from values of the coordination tables.

    Parameters
    ----------
    signal_id
        The signal.
    values
        What `encode_plan` writes.
    sequences
        The sequence row that the pattern names, one value per ring.
    identity
        The device's phases and rings.
    device_reference
        As in `Rows`; devices that cannot name a sync point mean the first coordinated phase.

    Raises
    ------
    PlanError
        The rows do not make a plan.
    """
    by_name: dict[str, dict[int, int]] = {}
    for entry in values:
        if isinstance(entry.value, int):
            by_name.setdefault(entry.name, {})[entry.index[-1]] = entry.value
    modes = by_name.get("splitMode", {})
    omitted = OBJECTS["splitMode"].number(OMITTED)
    order = tuple(n for ring in sequences for n in ring if n in modes and modes[n] != omitted)
    structure = device_phasing(identity)
    coordinated = [n for n in order if by_name["splitCoordPhase"].get(n)]
    rings = [structure.phase(n).ring for n in coordinated]
    if not coordinated or len(set(rings)) != len(rings):
        raise PlanError(
            f"signal {signal_id!r}: rows name {len(coordinated)} coordinated phases, not one"
        )
    reference, last = device_reference, False
    if reference is None:
        points = OBJECTS["patternCoordSyncPoint"].values
        named = points[_only(by_name, "patternCoordSyncPoint")]
        last = named in LAST
        known = {point: event for event, point in SYNC_POINTS.items()}
        if LAST.get(named, named) not in known:
            raise PlanError(f"signal {signal_id!r}: sync point {named} names no single event")
        reference = known[LAST.get(named, named)]
    plans = [
        TimingPlan(
            signal_id,
            _only(by_name, "patternCycleTime"),
            order,
            tuple(by_name["splitTime"][n] for n in order),
            _only(by_name, "patternOffsetTime"),
            number,
            reference,
        )
        for number in coordinated
    ]
    events = [event_ds(plan, structure) for plan in plans]
    return plans[events.index(max(events) if last else min(events))]


def _only(by_name: Mapping[str, Mapping[int, int]], name: str) -> int:
    found = list(by_name.get(name, {}).values())
    if len(found) != 1:
        raise PlanError(f"rows hold {len(found)} values of {name}, not one")
    return found[0]
