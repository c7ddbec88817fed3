"""The tables of phases, detectors and coordination, filled from the plans of a new cabinet.

The other tables are filled by `timetable` and `preempt_table`, all of them by `delivery`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from math import ceil
from typing import Final

from controllers.emulator.calls import DELIVERED
from controllers.emulator.phase_timing import ENABLED, MAX_RECALL, PED_RECALL
from controllers.emulator.store import ObjectStore
from controllers.emulator.transaction import Content
from controllers.ntcip.objects import OBJECTS, Edition
from network.phasing import Phase, Phasing
from network.timing import OffsetReference, TimingPlan

PATTERNS: Final = 16
"""Rows of the pattern, split and sequence tables; NEMA TS 2 asks for 48, most stay empty."""

PASSAGE_DS: Final = 30
"""Passage time as delivered; it matters only once a phase is actuated."""

RED_REVERT_DS: Final = 20
"""Least red of a phase that turns green again; NEMA TS 2 asks for 2 to 6 s."""

SYNC_POINT_NAMES: Final = {
    OffsetReference.BEGIN_GREEN: ("firstCoordPhsGrnBegin", "firstPhaseGreenBegin"),
    OffsetReference.BEGIN_YELLOW: ("firstCoordPhsGrnEnd", "firstPhaseGreenEnd"),
    OffsetReference.END_YELLOW: ("firstCoordPhsYelEnd", "firstPhaseYellowEnd"),
}


def define_phases(store: ObjectStore, phasing: Phasing, plan: TimingPlan) -> None:
    """Create the phase table and its limits.

    Minimum greens and clearances are locked: in this cabinet they are set at the front panel
    only, as a cautious agency has it. Every phase is recalled to its maximum, and its pedestrians
    are, so that a cabinet as delivered runs fixed-time.
    """
    by_number = {phase.number: phase for phase in phasing.phases}
    rows = range(1, max(2, *by_number) + 1)
    store.define("maxPhases", value=len(rows))

    def column(
        name: str, value: Callable[[Phase], Content], spare: Content = 0, *, locked: bool = False
    ) -> None:
        values = {(n,): value(by_number[n]) if n in by_number else spare for n in rows}
        store.define_column(name, values, locked=locked)

    column("phaseMinimumGreen", lambda phase: phase.min_green_s, locked=True)
    column("phaseYellowChange", lambda phase: phase.yellow_ds, locked=True)
    column("phaseRedClear", lambda phase: phase.red_clear_ds, locked=True)
    column("phaseWalk", lambda phase: phase.walk_s, locked=True)
    column("phasePedestrianClear", lambda phase: phase.ped_clear_s, locked=True)
    column("phaseRing", lambda phase: phase.ring, locked=True)
    column("phaseConcurrency", lambda phase: _beside(phasing, phase), b"", locked=True)
    for name in ("phaseMaximum1", "phaseMaximum2", "phaseMaximum3"):
        column(name, lambda phase: _green_s(plan, phase))
    column("phaseOptions", lambda phase: ENABLED | MAX_RECALL | PED_RECALL * bool(phase.walk_s))
    column("phasePassage", lambda _: PASSAGE_DS)
    store.define("unitRedRevert", value=RED_REVERT_DS, locked=True)


def define_detectors(store: ObjectStore, phasing: Phasing, detectors: int) -> int:
    """Create the tables of detectors and buttons; return the number of buttons.

    Vehicle detectors call no phase as delivered. There is one button for every phase that
    somebody crosses beside.
    """
    store.define("maxVehicleDetectors", value=max(1, detectors))
    store.define("activeVolumeOccupancyDetectors", value=detectors)
    rows = [(number,) for number in range(1, detectors + 1)]
    store.define_column("vehicleDetectorOptions", dict.fromkeys(rows, DELIVERED))
    for name in ("CallPhase", "MaxPresence", "NoActivity"):
        store.define_column(f"vehicleDetector{name}", dict.fromkeys(rows, 0))
    walking = sorted(phase.number for phase in phasing.phases if phase.walk_s)
    if walking:
        store.define("maxPedestrianDetectors", value=len(walking))
    for button, number in enumerate(walking, start=1):
        store.define("pedestrianDetectorCallPhase", button, value=number)
    return len(walking)


def define_coordination(
    store: ObjectStore, phasing: Phasing, plans: Mapping[int, TimingPlan], edition: Edition
) -> None:
    """Create pattern, split and sequence tables from plans by the number of their pattern.

    The first of them also says how offsets are meant where a pattern does not, and in which order
    phases are served where a row is not used.
    """
    first = plans[min(plans)]
    rows = range(1, max(PATTERNS, *plans) + 1)
    _define_unit(store, first, len(rows), max(phasing.rings))

    def column(name: str, value: Callable[[TimingPlan], Content], spare: Content) -> None:
        values = {(row,): value(plans[row]) if row in plans else spare for row in rows}
        store.define_column(name, values)

    sync = OBJECTS["patternCoordSyncPoint"]
    unit = sync.number("unitCoordSyncPoint")
    points = {event: sync.number(name) for event, (name, _) in SYNC_POINT_NAMES.items()}
    column("patternCycleTime", lambda plan: plan.cycle_s, 0)
    column("patternOffsetTime", lambda plan: plan.offset_s, 0)
    column(sync.name, lambda plan: points[plan.offset_reference], unit)
    options = OBJECTS["patternOptions"].number("coordMaximumMode")
    column("patternOptions", lambda _: options, options)
    own = {(row,): row for row in rows}
    # Read-only in v03: there a pattern keeps the split row of its own number.
    store.define_column("patternSplitNumber", own, locked=edition is Edition.V03)
    store.define_column(
        "patternSequenceNumber", {at: row if row in plans else 1 for at, row in own.items()}
    )
    for ring in phasing.rings:
        orders = dict.fromkeys(rows, bytes(_order(phasing, first, ring)))
        orders.update({row: bytes(_order(phasing, plan, ring)) for row, plan in plans.items()})
        store.define_column("sequenceData", {(row, ring): o for row, o in orders.items()})
    _define_splits(store, phasing, plans, rows)


def _define_unit(store: ObjectStore, plan: TimingPlan, rows: int, rings: int) -> None:
    """Create what all patterns have in common."""
    for name in ("maxPatterns", "maxSplits", "maxSequences"):
        store.define(name, value=rows)
    store.define("maxRings", value=rings)
    _, point = SYNC_POINT_NAMES[plan.offset_reference]
    named = {
        "patternTableType": "patterns",
        "unitCoordSyncPoint": point,
        "coordCorrectionMode": "shortway",
        "coordMaximumMode": "maxInhibit",
        "coordForceMode": "floating",
    }
    for name, meaning in named.items():
        store.define(name, value=OBJECTS[name].number(meaning))


def _define_splits(
    store: ObjectStore, phasing: Phasing, plans: Mapping[int, TimingPlan], rows: Iterable[int]
) -> None:
    mode = OBJECTS["splitMode"]
    omitted, recall = mode.number("phaseOmitted"), mode.number("maximumVehicleRecall")
    numbers = [phase.number for phase in phasing.phases]
    places = list(product(rows, numbers))
    times: dict[tuple[int, ...], Content] = dict.fromkeys(places, 0)
    modes: dict[tuple[int, ...], Content] = dict.fromkeys(places, mode.number("none"))
    coordinated: dict[tuple[int, ...], Content] = dict.fromkeys(places, 0)
    for row, plan in plans.items():
        for number in numbers:
            split_s = plan.split_s(number)
            times[row, number] = split_s
            modes[row, number] = recall if split_s > 0 else omitted
        coordinated[row, plan.coordinated_phase] = 1
    store.define_column("splitTime", times)
    store.define_column(mode.name, modes)
    store.define_column("splitCoordPhase", coordinated)


def _green_s(plan: TimingPlan, phase: Phase) -> int:
    """Return the maximum green of a phase: what the plan in force gives it."""
    return max(phase.least_green_s, plan.split_s(phase.number) - ceil(phase.clearance_s))


def _beside(phasing: Phasing, phase: Phase) -> bytes:
    """Return the phases that may be green along with one."""
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
