"""The setup a cabinet is delivered with: its tables filled from the plan in force."""

from __future__ import annotations

from math import ceil
from typing import Final

from controllers.emulator.store import ObjectStore
from controllers.ntcip.objects import OBJECTS, Edition
from network.phasing import Phase, Phasing
from network.timing import OffsetReference, TimingPlan

PATTERNS: Final = 16
"""Rows of the pattern, split and sequence tables; NEMA TS 2 asks for 48, most stay empty."""

TIME_BASE_PATTERN: Final = 1
PHASE_ENABLED: Final = 1
"""Bit 0 of `phaseOptions`."""

SYNC_POINT_NAMES: Final = {
    OffsetReference.BEGIN_GREEN: ("firstCoordPhsGrnBegin", "firstPhaseGreenBegin"),
    OffsetReference.BEGIN_YELLOW: ("firstCoordPhsGrnEnd", "firstPhaseGreenEnd"),
    OffsetReference.END_YELLOW: ("firstCoordPhsYelEnd", "firstPhaseYellowEnd"),
}


def define_phases(store: ObjectStore, phasing: Phasing, plan: TimingPlan) -> None:
    """Create the phase table and its limits.

    Minimum greens and clearances are locked: in this cabinet they are set at the front panel
    only, as a cautious agency has it.
    """
    rows = max(2, *(phase.number for phase in phasing.phases))
    by_number = {phase.number: phase for phase in phasing.phases}
    store.define("maxPhases", value=rows)
    for number in range(1, rows + 1):
        phase = by_number.get(number)
        limits = {
            "phaseMinimumGreen": phase.min_green_s if phase else 0,
            "phaseYellowChange": phase.yellow_ds if phase else 0,
            "phaseRedClear": phase.red_clear_ds if phase else 0,
            "phaseWalk": phase.walk_s if phase else 0,
            "phasePedestrianClear": phase.ped_clear_s if phase else 0,
            "phaseOptions": PHASE_ENABLED if phase else 0,
            "phaseRing": phase.ring if phase else 0,
        }
        for name, value in limits.items():
            store.define(name, number, value=value, locked=True)
        store.define("phaseConcurrency", number, value=_beside(phasing, phase), locked=True)
        green_s = (
            max(phase.least_green_s, plan.split_s(number) - ceil(phase.clearance_s)) if phase else 0
        )
        store.define("phaseMaximum1", number, value=green_s)


def define_coordination(
    store: ObjectStore, phasing: Phasing, plan: TimingPlan, edition: Edition
) -> None:
    """Create pattern, split, sequence and time-base tables; the plan becomes pattern 1."""
    omitted = OBJECTS["splitMode"].number("phaseOmitted")
    recall = OBJECTS["splitMode"].number("maximumVehicleRecall")
    none = OBJECTS["splitMode"].number("none")
    pattern_sync = OBJECTS["patternCoordSyncPoint"]
    unit_sync = OBJECTS["unitCoordSyncPoint"]
    pattern_point, unit_point = SYNC_POINT_NAMES[plan.offset_reference]
    orders = {ring: bytes(_order(phasing, plan, ring)) for ring in phasing.rings}
    for name in ("maxPatterns", "maxSplits", "maxSequences"):
        store.define(name, value=PATTERNS)
    store.define("maxRings", value=max(phasing.rings))
    store.define("patternTableType", value=OBJECTS["patternTableType"].number("patterns"))
    store.define("unitCoordSyncPoint", value=unit_sync.number(unit_point))
    store.define("coordCorrectionMode", value=OBJECTS["coordCorrectionMode"].number("shortway"))
    store.define("timebaseAscPatternSync", value=0)
    store.define("maxTimebaseAscActions", value=1)
    store.define("timebaseAscPattern", 1, value=TIME_BASE_PATTERN)
    store.define("timebaseAscActionStatus", value=1)
    for row in range(1, PATTERNS + 1):
        used = row == TIME_BASE_PATTERN
        point = pattern_point if used else "unitCoordSyncPoint"
        store.define("patternCycleTime", row, value=plan.cycle_s if used else 0)
        store.define("patternOffsetTime", row, value=plan.offset_s if used else 0)
        # Read-only in v03: there a pattern keeps the split row of its own number.
        locked = edition is Edition.V03
        store.define("patternSplitNumber", row, value=row, locked=locked)
        store.define("patternSequenceNumber", row, value=1)
        store.define("patternCoordSyncPoint", row, value=pattern_sync.number(point))
        for ring, order in orders.items():
            store.define("sequenceData", row, ring, value=order)
        for phase in phasing.phases:
            number = phase.number
            served = plan.split_s(number) > 0
            mode = (recall if served else omitted) if used else none
            coordinated = used and number == plan.coordinated_phase
            store.define("splitTime", row, number, value=plan.split_s(number) if used else 0)
            store.define("splitMode", row, number, value=mode)
            store.define("splitCoordPhase", row, number, value=int(coordinated))


def _beside(phasing: Phasing, phase: Phase | None) -> bytes:
    """Return the phases that may be green along with one."""
    if phase is None:
        return b""
    return bytes(
        other.number
        for other in phasing.phases
        if other.ring != phase.ring and other.barrier == phase.barrier
    )


def _order(phasing: Phasing, plan: TimingPlan, ring: int) -> list[int]:
    """Return a ring's sequence; phases the plan leaves out come last between their barriers."""
    own = [phase for phase in phasing.phases if phase.ring == ring]
    if len(phasing.rings) == 1:
        left_out = [phase.number for phase in own if phase.number not in plan.sequence]
        return [*plan.sequence, *left_out]
    segments = phasing.segments(plan.sequence)
    barriers = [
        phasing.phase(next(n for line in segment for n in line)).barrier for segment in segments
    ]
    barriers += [phase.barrier for phase in phasing.phases if phase.barrier not in barriers]
    found: list[int] = []
    for barrier in dict.fromkeys(barriers):
        here = [phase.number for phase in own if phase.barrier == barrier]
        found += [number for number in plan.sequence if number in here]
        found += [number for number in here if number not in plan.sequence]
    return found
