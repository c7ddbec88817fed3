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
from typing import Final

from controllers.driver import Identity, ObjectValue
from controllers.ntcip.objects import OBJECTS, Oid, instance
from network.errors import ControllerError, PlanError, TopologyError
from network.phasing import Phase, Phasing
from network.timing import OffsetReference, TimingPlan
from network.units import TENTHS_PER_SECOND

WRITABLE: Final = frozenset(
    {
        "dbCreateTransaction",
        "patternCycleTime",
        "patternOffsetTime",
        "patternSequenceNumber",
        "patternCoordSyncPoint",
        "sequenceData",
        "splitTime",
        "splitMode",
        "splitCoordPhase",
        "systemPatternControl",
    }
)
"""Everything the bridge may write, ever."""

LAST: Final[Mapping[str, str]] = {
    "lastCoordPhsGrnBegin": "firstCoordPhsGrnBegin",
    "lastCoordPhsGrnEnd": "firstCoordPhsGrnEnd",
    "lastCoordPhsYelEnd": "firstCoordPhsYelEnd",
}
"""Sync points that mean the last coordinated phase, by those of the first one."""

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
    """

    pattern: int
    split: int
    sequence: int
    device_reference: OffsetReference | None


def wire_values(values: Iterable[ObjectValue]) -> list[tuple[Oid, int | bytes]]:
    """Turn named values into identifiers and values, refusing all but coordination objects.

    Raises
    ------
    ControllerError
        An object is not on the allow-list or its value is out of the standard's range.
    """
    encoded: list[tuple[Oid, int | bytes]] = []
    for entry in values:
        if entry.name not in WRITABLE:
            raise ControllerError(f"{entry.name} is not an object this bridge writes")
        kind = OBJECTS[entry.name]
        size = entry.value if isinstance(entry.value, int) else len(entry.value)
        if not kind.low <= size <= kind.high:
            raise ControllerError(
                f"{entry}: outside {kind.low} to {kind.high}, the range of the standard"
            )
        encoded.append((instance(entry.name, *entry.index), entry.value))
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
    if rows.device_reference is None:
        point = OBJECTS["patternCoordSyncPoint"].number(SYNC_POINTS[plan.offset_reference])
        values.append(ObjectValue("patternCoordSyncPoint", (pattern,), point))
    else:
        offset_s = _converted_offset_s(plan, identity, rows.device_reference)
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
        for segment in _segments(plan, structure)
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


def same_order(plan: TimingPlan, sequences: Sequence[bytes]) -> bool:
    """Tell whether a sequence row, ring by ring, serves the phases in the plan's order.

    A single ring may begin anywhere in its cycle; several must begin where the plan does.
    """
    served = [[n for n in sequence if n in plan.sequence] for sequence in sequences]
    together = [number for ring in served for number in ring]
    if sorted(together) != sorted(plan.sequence):
        return False
    if len(served) == 1:
        first = together.index(plan.sequence[0])
        return tuple(together[first:] + together[:first]) == plan.sequence
    return all([n for n in plan.sequence if n in ring] == ring for ring in served)


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
    events = [_event_ds(plan, structure) for plan in plans]
    return plans[events.index(max(events) if last else min(events))]


def device_phasing(identity: Identity) -> Phasing:
    """Return a device's phases with their rings and barriers; its lamps are not on the wire.

    Phases of different rings that may be green together lie between the same barriers. A phase
    with no such partner has barriers of its own.
    """
    barriers: dict[int, int] = {}
    for phase in identity.phases:
        reached = {phase.number}
        fresh = {phase.number}
        while fresh:
            fresh = {
                other.number
                for other in identity.phases
                if any(
                    near.number in fresh
                    and other.ring != near.ring
                    and (other.number in near.concurrent or near.number in other.concurrent)
                    for near in identity.phases
                )
            } - reached
            reached |= fresh
        barriers.setdefault(phase.number, len(set(barriers.values())) + 1)
        barriers.update((number, barriers[phase.number]) for number in reached)
    return Phasing(
        tuple(
            Phase(
                phase.number,
                "r",
                max(1, phase.min_green_s),
                phase.yellow_ds,
                phase.red_clear_ds,
                phase.ring,
                barriers[phase.number],
            )
            for phase in identity.phases
        ),
        {},
    )


def _segments(plan: TimingPlan, structure: Phasing) -> tuple[tuple[tuple[int, ...], ...], ...]:
    try:
        return structure.segments(plan.sequence)
    except TopologyError as error:
        raise ControllerError(f"signal {plan.signal_id!r}: {error}") from error


def _event_ds(plan: TimingPlan, structure: Phasing) -> int:
    """Return when the event that the offset names falls, after the cycle's first green."""
    phase = structure.phase(plan.coordinated_phase)
    try:
        begin_s = plan.start_s(phase.number, structure)
    except TopologyError as error:
        raise PlanError(f"signal {plan.signal_id!r}: {error}") from error
    end_ds = (begin_s + plan.split_s(phase.number)) * TENTHS_PER_SECOND
    return {
        OffsetReference.BEGIN_GREEN: begin_s * TENTHS_PER_SECOND,
        OffsetReference.BEGIN_YELLOW: end_ds - phase.clearance_ds,
        OffsetReference.END_YELLOW: end_ds - phase.red_clear_ds,
    }[plan.offset_reference]


def _only(by_name: Mapping[str, Mapping[int, int]], name: str) -> int:
    found = list(by_name.get(name, {}).values())
    if len(found) != 1:
        raise PlanError(f"rows hold {len(found)} values of {name}, not one")
    return found[0]


def _converted_offset_s(plan: TimingPlan, identity: Identity, reference: OffsetReference) -> int:
    """Return the offset that names the same instant by another event."""
    if reference is plan.offset_reference:
        return plan.offset_s
    limits = identity.phase(plan.coordinated_phase)
    if limits is None:
        raise ControllerError(f"the device has no phase {plan.coordinated_phase}")
    split_ds = plan.split_s(plan.coordinated_phase) * TENTHS_PER_SECOND
    end_yellow_ds = split_ds - limits.red_clear_ds
    after_green_ds: Mapping[OffsetReference, int] = {
        OffsetReference.BEGIN_GREEN: 0,
        OffsetReference.BEGIN_YELLOW: end_yellow_ds - limits.yellow_ds,
        OffsetReference.END_YELLOW: end_yellow_ds,
    }
    moved_ds = after_green_ds[reference] - after_green_ds[plan.offset_reference]
    if moved_ds % TENTHS_PER_SECOND:
        raise ControllerError(
            f"signal {plan.signal_id!r}: the device counts offsets from {reference}, which falls "
            "between whole seconds in this plan"
        )
    return (plan.offset_s + moved_ds // TENTHS_PER_SECOND) % plan.cycle_s
