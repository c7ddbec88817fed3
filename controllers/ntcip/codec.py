"""Between the project's units and the wire: timing plans as rows of the coordination tables.

What this module can encode is all the bridge can write: `wire_values` turns names into
identifiers and knows only the coordination objects. No phase timing, yellow, red clearance or
concurrency is among them, so no mistake above this layer can change one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from controllers.driver import Identity, ObjectValue
from controllers.ntcip.objects import OBJECTS, Oid, instance
from network.errors import ControllerError, PlanError
from network.timing import OffsetReference, TimingPlan
from network.units import TENTHS_PER_SECOND

RING: Final = 1

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


def encode_sequence(plan: TimingPlan, identity: Identity, row: int) -> ObjectValue:
    """Return a plan's phase order as a sequence row; phases it omits come last."""
    left_out = [phase.number for phase in identity.phases if phase.number not in plan.sequence]
    return ObjectValue("sequenceData", (row, RING), bytes((*plan.sequence, *left_out)))


def same_order(plan: TimingPlan, sequence: bytes) -> bool:
    """Tell whether a sequence row serves the plan's phases in the plan's cyclic order."""
    served = [number for number in sequence if number in plan.sequence]
    if sorted(served) != sorted(plan.sequence):
        return False
    first = served.index(plan.sequence[0])
    return tuple(served[first:] + served[:first]) == plan.sequence


def decode_plan(
    signal_id: str,
    values: Sequence[ObjectValue],
    sequence: bytes,
    device_reference: OffsetReference | None,
) -> TimingPlan:
    """Read a plan back from values of the coordination tables.

    Parameters
    ----------
    signal_id
        The signal.
    values
        What `encode_plan` writes.
    sequence
        The sequence row that the pattern names.
    device_reference
        As in `Rows`.

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
    order = tuple(n for n in sequence if n in modes and modes[n] != omitted)
    coordinated = [n for n in order if by_name["splitCoordPhase"].get(n)]
    if len(coordinated) != 1:
        raise PlanError(
            f"signal {signal_id!r}: rows name {len(coordinated)} coordinated phases, not one"
        )
    reference = device_reference
    if reference is None:
        points = OBJECTS["patternCoordSyncPoint"].values
        named = points[_only(by_name, "patternCoordSyncPoint")]
        known = {point: event for event, point in SYNC_POINTS.items()}
        if named not in known:
            raise PlanError(f"signal {signal_id!r}: sync point {named} names no single event")
        reference = known[named]
    return TimingPlan(
        signal_id,
        _only(by_name, "patternCycleTime"),
        order,
        tuple(by_name["splitTime"][n] for n in order),
        _only(by_name, "patternOffsetTime"),
        coordinated[0],
        reference,
    )


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
