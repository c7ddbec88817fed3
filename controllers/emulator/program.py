"""What a pattern of the coordination tables means on the street.

A pattern names a cycle, an offset, a split row and a sequence row. Here they become a
`Program`: phases in order with their greens, and where the cycle lies against system zero. A
pattern that cannot be run has a reason instead, and the cabinet runs free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from controllers.emulator.store import ObjectStore
from controllers.emulator.transaction import Content
from controllers.ntcip.objects import OBJECTS, Oid
from network.phasing import Phasing
from network.timing import OffsetReference
from network.units import TENTHS_PER_SECOND

FREE: Final = 254
"""Pattern number that asks for uncoordinated operation (NTCIP 1202, systemPatternControl)."""

RING: Final = 1

SYNC_POINTS: Final[Mapping[str, OffsetReference]] = {
    "firstCoordPhsGrnBegin": OffsetReference.BEGIN_GREEN,
    "lastCoordPhsGrnBegin": OffsetReference.BEGIN_GREEN,
    "firstCoordPhsGrnEnd": OffsetReference.BEGIN_YELLOW,
    "lastCoordPhsGrnEnd": OffsetReference.BEGIN_YELLOW,
    "firstCoordPhsYelEnd": OffsetReference.END_YELLOW,
    "lastCoordPhsYelEnd": OffsetReference.END_YELLOW,
}
"""Sync points of a pattern; in a single ring the first coordinated phase is also the last."""

UNIT_SYNC_POINTS: Final[Mapping[str, OffsetReference]] = {
    "firstPhaseGreenBegin": OffsetReference.BEGIN_GREEN,
    "lastPhaseGreenBegin": OffsetReference.BEGIN_GREEN,
    "firstPhaseGreenEnd": OffsetReference.BEGIN_YELLOW,
    "lastPhaseGreenEnd": OffsetReference.BEGIN_YELLOW,
    "firstPhaseYellowEnd": OffsetReference.END_YELLOW,
    "lastPhaseYellowEnd": OffsetReference.END_YELLOW,
}


@dataclass(frozen=True, slots=True)
class Program:
    """A runnable pattern, all times in tenths of a second.

    Attributes
    ----------
    pattern
        Its number; `FREE` when uncoordinated.
    order
        Phases as they are served.
    green_ds, split_ds, start_ds
        Of each phase: green, green plus clearance, and begin of green within the cycle.
    cycle_ds
        Cycle length; the sum of the splits.
    zero_ds
        Local zero: the event that the offset names, within the cycle.
    begin_ds
        When the first phase's green begins, after system zero.
    coordinated
        The coordinated phase; 0 when uncoordinated.
    """

    pattern: int
    order: tuple[int, ...]
    green_ds: tuple[int, ...]
    split_ds: tuple[int, ...]
    start_ds: tuple[int, ...]
    cycle_ds: int
    zero_ds: int
    begin_ds: int
    coordinated: int

    @property
    def free(self) -> bool:
        """Whether no cycle is kept."""
        return self.coordinated == 0


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a pattern cannot be run: a value of `localFreeStatus`, and in words."""

    status: str
    detail: str


def program_of(
    store: ObjectStore, phasing: Phasing, unit_reference: OffsetReference, pattern: int
) -> Program | Unusable:
    """Build the program of a pattern from the stored tables.

    Parameters
    ----------
    store
        The tables.
    phasing
        The signal's phases.
    unit_reference
        The sync point of devices whose edition cannot name one.
    pattern
        Pattern number.
    """
    if not 1 <= pattern <= store.number("maxPatterns"):
        return Unusable("badPlan", f"pattern {pattern} does not exist")
    cycle_s = store.number("patternCycleTime", pattern)
    split_row = store.number("patternSplitNumber", pattern)
    sequence_row = store.number("patternSequenceNumber", pattern)
    problem = pattern_problem(store, phasing, pattern, {})
    if cycle_s == 0 or problem:
        return Unusable("badPlan", problem or f"pattern {pattern} is empty")
    omitted = OBJECTS["splitMode"].number("phaseOmitted")
    order = tuple(
        number
        for number in store.octets("sequenceData", sequence_row, RING)
        if store.number("splitMode", split_row, number) != omitted
    )
    coordinated = next(n for n in order if store.number("splitCoordPhase", split_row, n))
    splits = {n: store.number("splitTime", split_row, n) for n in order}
    if cycle_s < sum(phasing.phase(n).min_split_s for n in order):
        return Unusable("badCycleTime", f"cycle {cycle_s} s is below the minimum of its phases")
    if sum(splits.values()) > cycle_s:
        return Unusable("splitOverrun", f"splits sum to {sum(splits.values())} s of {cycle_s} s")
    # What the splits leave of the cycle goes to the coordinated phase.
    splits[coordinated] += cycle_s - sum(splits.values())
    for number, split_s in splits.items():
        if split_s < phasing.phase(number).min_split_s:
            return Unusable("badPlan", f"split {split_s} s of phase {number} is below its minimum")
    offset_s = store.number("patternOffsetTime", pattern)
    if offset_s >= cycle_s:
        return Unusable("invalidOffset", f"offset {offset_s} s in a cycle of {cycle_s} s")
    program = _lay_out(pattern, order, splits, phasing, coordinated)
    at = order.index(coordinated)
    event_ds = program.start_ds[at]
    reference = _reference(store, pattern, unit_reference)
    if reference is not OffsetReference.BEGIN_GREEN:
        event_ds += program.green_ds[at]
        if reference is OffsetReference.END_YELLOW:
            event_ds += phasing.phase(coordinated).yellow_ds
    begin_ds = (offset_s * TENTHS_PER_SECOND - event_ds) % program.cycle_ds
    return replace(program, zero_ds=event_ds % program.cycle_ds, begin_ds=begin_ds)


def free_program(store: ObjectStore, phasing: Phasing) -> Program:
    """Build uncoordinated operation: sequence 1, every phase for its maximum green."""
    order = tuple(store.octets("sequenceData", 1, RING))
    splits = {
        n: max(store.number("phaseMaximum1", n), phasing.phase(n).least_green_s)
        + ceil(phasing.phase(n).clearance_s)
        for n in order
    }
    return _lay_out(FREE, order, splits, phasing, 0)


def pattern_problem(
    store: ObjectStore, phasing: Phasing, pattern: int, over: Mapping[Oid, Content]
) -> str:
    """Say what is structurally wrong with a pattern; nothing if it is sound or empty.

    Only what the standard's consistency check covers: rows that exist, a sequence of known
    phases each once, one coordinated phase. Lengths of splits, cycle and offset are judged when
    the pattern is called, as cabinets in the field do.
    """
    if store.number("patternCycleTime", pattern, over=over) == 0:
        return ""
    split_row = store.number("patternSplitNumber", pattern, over=over)
    sequence_row = store.number("patternSequenceNumber", pattern, over=over)
    if not 1 <= split_row <= store.number("maxSplits"):
        return f"pattern {pattern} names split {split_row}"
    if not 1 <= sequence_row <= store.number("maxSequences"):
        return f"pattern {pattern} names sequence {sequence_row}"
    problem = sequence_problem(store, phasing, sequence_row, over)
    if problem:
        return problem
    omitted = OBJECTS["splitMode"].number("phaseOmitted")
    served = [
        number
        for number in store.octets("sequenceData", sequence_row, RING, over=over)
        if store.number("splitMode", split_row, number, over=over) != omitted
    ]
    coordinated = [
        number for number in served if store.number("splitCoordPhase", split_row, number, over=over)
    ]
    if len(coordinated) != 1:
        return f"pattern {pattern} has {len(coordinated)} coordinated phases in its ring"
    return ""


def sequence_problem(
    store: ObjectStore, phasing: Phasing, row: int, over: Mapping[Oid, Content]
) -> str:
    """Say what is wrong with a sequence row; nothing if it is sound."""
    numbers = store.octets("sequenceData", row, RING, over=over)
    known = {phase.number for phase in phasing.phases}
    if len(set(numbers)) != len(numbers):
        return f"sequence {row} serves a phase twice"
    if not numbers or set(numbers) - known:
        return f"sequence {row} is empty or names unknown phases"
    return ""


def _lay_out(
    pattern: int,
    order: tuple[int, ...],
    splits_s: Mapping[int, int],
    phasing: Phasing,
    coordinated: int,
) -> Program:
    split_ds = tuple(splits_s[n] * TENTHS_PER_SECOND for n in order)
    green_ds = tuple(
        split - phasing.phase(n).clearance_ds for n, split in zip(order, split_ds, strict=True)
    )
    start_ds = tuple(sum(split_ds[:position]) for position in range(len(order)))
    return Program(pattern, order, green_ds, split_ds, start_ds, sum(split_ds), 0, 0, coordinated)


def _reference(
    store: ObjectStore, pattern: int, unit_reference: OffsetReference
) -> OffsetReference:
    sync = OBJECTS["patternCoordSyncPoint"]
    if not store.has(sync.instance(pattern)):
        return unit_reference
    point = sync.values[store.number(sync.name, pattern)]
    if point in SYNC_POINTS:
        return SYNC_POINTS[point]
    unit = OBJECTS["unitCoordSyncPoint"]
    return UNIT_SYNC_POINTS.get(unit.values[store.number(unit.name)], unit_reference)
