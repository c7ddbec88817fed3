"""What a pattern of the coordination tables means on the street.

A pattern names a cycle, an offset, a split row and the sequence rows of its rings. Here they
become a `Program`: what every ring serves between two instants at which all rings stand
together, and where the cycle lies against system zero. A pattern that cannot be run has a reason
instead, and the cabinet runs free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from controllers.emulator.phase_timing import (
    enabled,
    least_split_s,
    longest_split_s,
    maximum_in_effect,
    read_timing,
)
from controllers.emulator.sections import (
    FREE_PATTERN,
    Program,
    beside,
    cut,
    lay_out,
    length_of,
)
from controllers.emulator.store import ObjectStore
from controllers.emulator.transaction import Content
from controllers.ntcip.objects import OBJECTS, Oid
from network.errors import TopologyError
from network.phasing import Phasing
from network.timing import OffsetReference
from network.units import TENTHS_PER_SECOND

SYNC_POINTS: Final[Mapping[str, OffsetReference]] = {
    "firstCoordPhsGrnBegin": OffsetReference.BEGIN_GREEN,
    "lastCoordPhsGrnBegin": OffsetReference.BEGIN_GREEN,
    "firstCoordPhsGrnEnd": OffsetReference.BEGIN_YELLOW,
    "lastCoordPhsGrnEnd": OffsetReference.BEGIN_YELLOW,
    "firstCoordPhsYelEnd": OffsetReference.END_YELLOW,
    "lastCoordPhsYelEnd": OffsetReference.END_YELLOW,
}
"""Sync points of a pattern; with one coordinated phase the first is also the last."""

UNIT_SYNC_POINTS: Final[Mapping[str, OffsetReference]] = {
    "firstPhaseGreenBegin": OffsetReference.BEGIN_GREEN,
    "lastPhaseGreenBegin": OffsetReference.BEGIN_GREEN,
    "firstPhaseGreenEnd": OffsetReference.BEGIN_YELLOW,
    "lastPhaseGreenEnd": OffsetReference.BEGIN_YELLOW,
    "firstPhaseYellowEnd": OffsetReference.END_YELLOW,
    "lastPhaseYellowEnd": OffsetReference.END_YELLOW,
}


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
    order = _served(store, phasing, split_row, sequence_row, {})
    coordinated = [n for n in order if store.number("splitCoordPhase", split_row, n)]
    splits = {n: store.number("splitTime", split_row, n) for n in order}
    try:
        cuts = cut(phasing, order)
    except TopologyError as error:
        return Unusable("badPlan", f"pattern {pattern} without its omitted phases: {error}")
    least = {n: least_split_s(store, phasing, split_row, n) for n in order}
    if cycle_s < sum(length_of(section, least) for section in cuts):
        return Unusable("badCycleTime", f"cycle {cycle_s} s is below the minimum of its phases")
    filled_s = sum(length_of(section, splits) for section in cuts)
    if filled_s > cycle_s:
        return Unusable("splitOverrun", f"splits sum to {filled_s} s of {cycle_s} s")
    for section in cuts:
        lengths = [sum(splits[n] for n in ring) for ring in section if ring]
        if len(set(lengths)) > 1:
            return Unusable("badPlan", f"rings last {lengths} s from one barrier to the next")
    # What the splits leave of the cycle goes to the coordinated phase and what runs beside it.
    for number in beside(cuts, splits, coordinated):
        splits[number] += cycle_s - filled_s
    for number, split_s in splits.items():
        if split_s < least[number]:
            return Unusable("badPlan", f"split {split_s} s of phase {number} is below its minimum")
    offset_s = store.number("patternOffsetTime", pattern)
    if offset_s >= cycle_s:
        return Unusable("invalidOffset", f"offset {offset_s} s in a cycle of {cycle_s} s")
    program = lay_out(pattern, cuts, splits, phasing, coordinated)
    program = _timed(program, store, phasing, split_row, maximum_in_effect(store, pattern))
    reference, last = _reference(store, pattern, unit_reference)
    events = [_event_ds(program, phasing, n, splits[n], reference) for n in coordinated]
    event_ds = max(events) if last else min(events)
    begin_ds = (offset_s * TENTHS_PER_SECOND - event_ds) % program.cycle_ds
    return replace(program, zero_ds=event_ds % program.cycle_ds, begin_ds=begin_ds)


def free_program(store: ObjectStore, phasing: Phasing) -> Program:
    """Build uncoordinated operation: sequence 1, every phase for its maximum green at most.

    A sequence that cannot be served, which nothing checks while no pattern names it, gives way
    to the signal's own order. Where no phase is enabled, all are: the lamps cannot go out.
    """
    order = [n for ring in phasing.rings for n in store.octets("sequenceData", 1, ring)]
    if sequence_problem(store, phasing, 1, {}):
        order = [p.number for ring in phasing.rings for p in phasing.phases if p.ring == ring]
    kept = [number for number in order if enabled(store, number, {})] or order
    try:
        cut(phasing, kept)
        order = kept
    except TopologyError:
        # The rings disagree on the order of the barriers that are left; serve the others too.
        pass
    splits = {number: longest_split_s(store, phasing, number) for number in order}
    program = lay_out(FREE_PATTERN, cut(phasing, order), splits, phasing)
    return _timed(program, store, phasing, 0, 0)


def _timed(
    program: Program, store: ObjectStore, phasing: Phasing, split_row: int, limit: int | None
) -> Program:
    """Return a program with the timing of its phases and the maximum greens in effect."""
    services = [s for section in program.sections for ring in section.rings for s in ring]
    timing = {
        s.phase: read_timing(store, phasing.phase(s.phase), split_row, limit) for s in services
    }
    # Free operation has its greens from the maxima; in a pattern one may fall short of its split.
    within = program.free or all(
        limit is None or s.green_ds <= timing[s.phase].maximum_ds[limit] for s in services
    )
    return replace(
        program,
        timing=timing,
        floating=store.meaning("coordForceMode") != "fixed",
        red_revert_ds=store.number("unitRedRevert"),
        fixed=within and all(t.fixed for t in timing.values()),
    )


def pattern_problem(
    store: ObjectStore, phasing: Phasing, pattern: int, over: Mapping[Oid, Content]
) -> str:
    """Say what is structurally wrong with a pattern; nothing if it is sound or empty.

    Only what the standard's consistency check covers: rows that exist, sequences of known
    phases each once whose rings can cross the barriers together, one coordinated phase or one
    per ring that may be green together. Lengths of splits, cycle and offset are judged when the
    pattern is called, as cabinets in the field do.
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
    coordinated = [
        phasing.phase(number)
        for number in _served(store, phasing, split_row, sequence_row, over)
        if store.number("splitCoordPhase", split_row, number, over=over)
    ]
    rings = [phase.ring for phase in coordinated]
    most = max((rings.count(ring) for ring in rings), default=0)
    if most != 1:
        return f"pattern {pattern} has {most} coordinated phases in its ring"
    if len({phase.barrier for phase in coordinated}) != 1:
        numbers = [phase.number for phase in coordinated]
        return f"pattern {pattern} coordinates phases {numbers}, which are never green together"
    return ""


def sequence_problem(
    store: ObjectStore, phasing: Phasing, row: int, over: Mapping[Oid, Content]
) -> str:
    """Say what is wrong with a sequence row; nothing if it is sound."""
    order: list[int] = []
    for ring in phasing.rings:
        numbers = store.octets("sequenceData", row, ring, over=over)
        if len(set(numbers)) != len(numbers):
            return f"sequence {row} serves a phase twice"
        if set(numbers) - {phase.number for phase in phasing.phases if phase.ring == ring}:
            return f"sequence {row} is empty or names unknown phases"
        order += numbers
    if not order:
        return f"sequence {row} is empty or names unknown phases"
    try:
        cut(phasing, order)
    except TopologyError as error:
        return f"row {row}: {error}"
    return ""


def _served(
    store: ObjectStore,
    phasing: Phasing,
    split_row: int,
    sequence_row: int,
    over: Mapping[Oid, Content],
) -> list[int]:
    """Return the phases that are served, ring by ring."""
    omitted = OBJECTS["splitMode"].number("phaseOmitted")
    return [
        number
        for ring in phasing.rings
        for number in store.octets("sequenceData", sequence_row, ring, over=over)
        if store.number("splitMode", split_row, number, over=over) != omitted
        and enabled(store, number, over)
    ]


def _event_ds(
    program: Program, phasing: Phasing, number: int, split_s: int, reference: OffsetReference
) -> int:
    """Return when a phase's reference event falls within the cycle."""
    begin_ds = program.start_ds(number)
    if reference is OffsetReference.BEGIN_GREEN:
        return begin_ds
    phase = phasing.phase(number)
    end_ds = begin_ds + split_s * TENTHS_PER_SECOND
    if reference is OffsetReference.BEGIN_YELLOW:
        return end_ds - phase.clearance_ds
    return end_ds - phase.red_clear_ds


def _reference(
    store: ObjectStore, pattern: int, unit_reference: OffsetReference
) -> tuple[OffsetReference, bool]:
    """Return the event that offsets name, and whether of the last coordinated phase."""
    if not store.holds("patternCoordSyncPoint", pattern):
        return unit_reference, False
    point = store.meaning("patternCoordSyncPoint", pattern)
    if point in SYNC_POINTS:
        return SYNC_POINTS[point], point.startswith("last")
    point = store.meaning("unitCoordSyncPoint")
    return UNIT_SYNC_POINTS.get(point, unit_reference), point.startswith("last")
