"""What a device holds, read into plans and a schedule.

What a `TimingPlan` or `DaySchedule` cannot express is told in words, never left out in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from controllers.device_profile import DeviceProfile
from controllers.driver import Identity, ObjectValue
from controllers.ntcip.codec import OMITTED, SERVED, UNIT_POINTS, decode_plan
from controllers.ntcip.objects import OBJECTS
from controllers.ntcip.reading import Reader
from controllers.ntcip.stored_schedule import stored_schedule
from controllers.ntcip.structure import device_phasing
from controllers.ntcip.time_base import read_time_base
from network.errors import NetworkError, PlanError
from network.phasing import Phasing
from network.schedule import DaySchedule
from network.timing import OffsetReference, TimingPlan

UNIT_POINT: Final = "unitCoordSyncPoint"
"""Value of `patternCoordSyncPoint` that refers to the device's own."""

_PATTERN: Final = (
    "patternCycleTime",
    "patternOffsetTime",
    "patternSplitNumber",
    "patternSequenceNumber",
)
_SPLIT: Final = ("splitTime", "splitMode", "splitCoordPhase")


@dataclass(frozen=True, slots=True)
class Upload:
    """What a device holds.

    Attributes
    ----------
    signal_id
        The signal.
    plans
        By pattern number.
    schedule
        Which of them runs when; None where that could not be read.
    not_understood
        What the plans and the schedule do not carry or could not be understood, in words.
    """

    signal_id: str
    plans: Mapping[int, TimingPlan]
    schedule: DaySchedule | None
    not_understood: tuple[str, ...]


async def upload(
    reader: Reader,
    signal_id: str,
    identity: Identity,
    profile: DeviceProfile,
    reference: OffsetReference | None,
    *,
    time_zone: str,
    first: date,
    last: date,
) -> Upload:
    """Read patterns, splits, sequences and the schedule.

    Parameters
    ----------
    reader
        Reads the device.
    signal_id
        The signal.
    identity, profile
        What the device says of itself.
    reference
        The event its offsets name where its patterns cannot say; None where they can.
    time_zone, first, last
        For the schedule: the IANA zone of its wall clock, and the dates for which it is to hold.
    """
    told: list[str] = []
    if profile.sync_minute:
        told.append(
            f"timebaseAscPatternSync is {profile.sync_minute}: offsets count from that minute of "
            "the day, in these plans they count from midnight"
        )
    told += [
        f"overlap {o.number} ({o.kind}) follows phases {list(o.included)}" for o in profile.overlaps
    ]
    plans = await _plans(reader, signal_id, identity, profile, reference, told)
    base = await read_time_base(reader)
    schedule, problems = stored_schedule(f"signal {signal_id}", time_zone, base, first, last)
    told += [*base.not_understood, *problems]
    if schedule is not None:
        told += [
            f"{plan.name} is scheduled, and there is no such plan"
            for plan in schedule.plans.values()
            if plan.pattern not in plans
        ]
    return Upload(signal_id, plans, schedule, tuple(told))


async def _plans(
    reader: Reader,
    signal_id: str,
    identity: Identity,
    profile: DeviceProfile,
    reference: OffsetReference | None,
    told: list[str],
) -> dict[int, TimingPlan]:
    cycles = await reader.table(
        [("patternCycleTime", n) for n in range(1, profile.max_patterns + 1)]
    )
    plans: dict[int, TimingPlan] = {}
    for pattern, cycle_s in enumerate(cycles, start=1):
        if not cycle_s:
            continue
        plan, notes = await upload_pattern(reader, signal_id, identity, profile, reference, pattern)
        told += notes
        if plan is not None:
            plans[pattern] = plan
    return plans


async def upload_pattern(
    reader: Reader,
    signal_id: str,
    identity: Identity,
    profile: DeviceProfile,
    reference: OffsetReference | None,
    pattern: int,
) -> tuple[TimingPlan | None, tuple[str, ...]]:
    """Read one pattern with its split and sequence: a few messages.

    Parameters
    ----------
    reader, signal_id, identity, profile, reference
        As for `upload`.
    pattern
        Its number.

    Returns
    -------
    tuple
        The plan, or None where the pattern makes none; and why not, or what the plan does not
        carry, in words.
    """
    where = f"pattern {pattern}"
    numbers = await reader.table([(name, pattern) for name in _PATTERN])
    values = [
        ObjectValue(name, (pattern,), number)
        for name, number in zip(_PATTERN, numbers, strict=True)
    ]
    split, sequence = numbers[2], numbers[3]
    if not (1 <= split <= profile.max_splits and 1 <= sequence <= profile.max_sequences):
        return None, (f"{where} names split {split} and sequence {sequence}: there are none",)
    cells = [(name, split, p.number) for p in identity.phases for name in _SPLIT]
    values += [
        ObjectValue(name, (row, phase), number)
        for (name, row, phase), number in zip(cells, await reader.table(cells), strict=True)
    ]
    if reference is None:
        values.append(await _sync_point(reader, profile, pattern))
    rings = await reader.get(
        [OBJECTS["sequenceData"].instance(sequence, ring) for ring in identity.rings]
    )
    try:
        orders = [reader.octets("sequenceData", data) for data in rings]
        plan = decode_plan(signal_id, values, orders, identity, reference)
        plan, notes = _filled(plan, device_phasing(identity))
    except (PlanError, NetworkError) as error:
        return None, (f"{where}: {error}",)
    notes += (*_odd_phases(orders, sequence, values, identity), *_modes(values))
    return plan, tuple(f"{where}: {note}" for note in notes)


async def _sync_point(reader: Reader, profile: DeviceProfile, pattern: int) -> ObjectValue:
    """Read a pattern's sync point; where it refers to the device's own, put that in its place."""
    kind = OBJECTS["patternCoordSyncPoint"]
    [number] = await reader.table([(kind.name, pattern)])
    if kind.values.get(number) == UNIT_POINT and profile.sync_point in UNIT_POINTS:
        number = kind.number(UNIT_POINTS[profile.sync_point])
    return ObjectValue(kind.name, (pattern,), number)


def _filled(plan: TimingPlan, structure: Phasing) -> tuple[TimingPlan, tuple[str, ...]]:
    """Give what the splits leave of the cycle to the coordinated phase, as a device does.

    Raises
    ------
    PlanError
        The splits overrun the cycle, or rings do not cross a barrier together.
    """
    if not plan.offset_s < plan.cycle_s:
        raise PlanError(f"offset {plan.offset_s} s in a cycle of {plan.cycle_s} s")
    segments = structure.segments(plan.sequence)
    filled_s = 0
    for segment in segments:
        sums = [sum(plan.split_s(n) for n in ring) for ring in segment if ring]
        if len(set(sums)) > 1:
            raise PlanError(f"rings last {sums} s between the same barriers")
        filled_s += sums[0]
    left_s = plan.cycle_s - filled_s
    if left_s < 0:
        raise PlanError(f"splits fill {filled_s} s of a cycle of {plan.cycle_s} s")
    if not left_s:
        return plan, ()
    [segment] = [s for s in segments if any(plan.coordinated_phase in ring for ring in s)]
    beside = [ring for ring in segment if ring and plan.coordinated_phase not in ring]
    if any(len(ring) > 1 for ring in beside):
        raise PlanError(
            f"splits fill {filled_s} s of a cycle of {plan.cycle_s} s, and which of the phases "
            f"{[list(ring) for ring in beside]} lasts longer along with phase "
            f"{plan.coordinated_phase} is up to the device"
        )
    longer = {plan.coordinated_phase, *(ring[0] for ring in beside)}
    splits = tuple(
        split + left_s * (number in longer)
        for number, split in zip(plan.sequence, plan.splits_s, strict=True)
    )
    note = f"{left_s} s that its splits leave of the cycle went to phases {sorted(longer)}"
    return replace(plan, splits_s=splits), (note,)


def _odd_phases(
    orders: list[bytes], sequence: int, values: list[ObjectValue], identity: Identity
) -> tuple[str, ...]:
    """Tell of phases that a sequence names in vain, and of those it forgets."""
    listed = {number for order in orders for number in order}
    enabled = {phase.number for phase in identity.phases}
    omitted = OBJECTS["splitMode"].number(OMITTED)
    left_out = {v.index[-1] for v in values if v.name == "splitMode" and v.value == omitted}
    found = []
    if listed - enabled:
        found.append(f"sequence {sequence} names phases {sorted(listed - enabled)}, not enabled")
    if enabled - listed - left_out:
        missing = sorted(enabled - listed - left_out)
        found.append(f"sequence {sequence} leaves out phases {missing}, which are not omitted")
    return tuple(found)


def _modes(values: list[ObjectValue]) -> tuple[str, ...]:
    """Tell of split modes, which a plan does not carry: there every phase has its whole split."""
    names = OBJECTS["splitMode"].values
    by_mode: dict[str, list[int]] = {}
    for entry in values:
        if entry.name == "splitMode" and isinstance(entry.value, int):
            by_mode.setdefault(names.get(entry.value, str(entry.value)), []).append(entry.index[-1])
    return tuple(
        f"split mode {mode} of phases {phases} is not carried"
        for mode, phases in sorted(by_mode.items())
        if mode not in (SERVED, OMITTED)
    )
