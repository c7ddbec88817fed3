"""Rows of the timing plan and phase sheets of UTDF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from network.inventory_signals import Controller, ControllerPhase, Coordination
from network.readers.utdf_columns import ONLY_PLAN
from network.readers.utdf_phases import RECALLS
from network.readers.utdf_signals import CONTROLS, MOST_NODES, REFERENCES
from network.readers.utdf_splits import local_starts_ds, reference_event_ds
from network.writers.utdf_cells import flag, number, row, seconds
from network.writers.utdf_draft import Draft
from network.writers.utdf_lanes import Rows

USUAL_PLACES = (111, 112, 211, 212, 121, 122, 221, 222)
"""Places of phases 1 to 8 in the usual dual ring, which Synchro lists for unused ones too."""
MOST_PHASE = 99
MOST_REFERENCES = 4
LONGEST_DS = 36_000


@dataclass(frozen=True, slots=True)
class Timing:
    """A controller that UTDF can hold: its intersections by number and the plan in force."""

    controller: Controller
    nodes: tuple[str, ...]
    plan: Coordination

    @property
    def node(self) -> str:
        """The intersection its timing is listed at."""
        return self.nodes[0]


def timings(draft: Draft) -> list[Timing]:
    """Return the controllers that can be written; say what is wrong with the others."""
    found = []
    for controller in draft.inventory.controllers:
        name = controller.controller_id
        nodes = tuple(draft.numbers[n] for n in controller.nodes if n in draft.numbers)
        reason = _unfit(controller, nodes)
        if reason:
            draft.dropped.add(f"Controllers {reason} were dropped", name)
            continue
        if len(nodes) > MOST_NODES:
            draft.dropped.add("Intersections of a controller beyond the eighth", name)
            nodes = nodes[:MOST_NODES]
        if name != nodes[0]:
            draft.dropped.add("Controllers have no names of their own", name)
        found.append(Timing(controller, nodes, controller.plans[0]))
    return found


def _unfit(controller: Controller, nodes: Sequence[str]) -> str:
    if not nodes:
        return "of unknown intersections"
    if not controller.plans or not controller.plans[0].phases:
        return "without phases"
    phases = controller.plans[0].phases
    places = [place_of(phase) for phase in phases]
    if len(set(places)) < len(places) or None in places:
        return "whose phases share a place or stand beyond ring, barrier or position 9"
    if any(not 1 <= phase.number <= MOST_PHASE for phase in phases):
        return f"with phases beyond {MOST_PHASE}"
    times = [
        time
        for phase in phases
        for time in (phase.min_green_ds, phase.yellow_ds, phase.red_clear_ds)
    ]
    if not all(0 <= time <= LONGEST_DS for time in times):
        return f"with intervals over {LONGEST_DS // 10} s"
    return ""


def place_of(phase: ControllerPhase) -> int | None:
    """Return barrier, ring and position as one number, None where a digit does not do."""
    digits = (phase.barrier, phase.ring, phase.position)
    if not all(1 <= digit <= 9 for digit in digits):
        return None
    return 100 * phase.barrier + 10 * phase.ring + phase.position


def plan_rows(draft: Draft, found: Sequence[Timing]) -> Rows:
    """Return the timing plan sheet without its header."""
    dropped = draft.dropped
    masters: dict[int | None, str] = {
        t.plan.cycle_ds: t.controller.controller_id
        for t in found
        if t.plan.cycle_ds and t.plan.reference_controller == t.controller.controller_id
    }
    rows: Rows = []
    for timing in found:
        plan, name = timing.plan, timing.controller.controller_id
        if len(timing.controller.plans) > 1:
            dropped.add("Plans beyond the one in force", name)
        if masters.get(plan.cycle_ds, "") != plan.reference_controller:
            dropped.add("Controllers whose offsets count from another's", name)
        if plan.plan_id != ONLY_PLAN:
            dropped.add("Names of plans", f"{name} {plan.plan_id}")
        note_plan(draft, timing)
        offset_ds = plan.offset_ds
        if plan.cycle_ds and offset_ds is None:
            dropped.add("Missing offsets were written as 0", name)
            offset_ds = 0
        settings = [
            ("Control Type", str(CONTROLS.index(plan.control))),
            ("Cycle Length", seconds(plan.cycle_ds)),
            ("Lock Timings", "0"),
            ("Referenced To", str(REFERENCES.index(plan.reference))),
            ("Reference Phase", reference_code(plan) or "0"),
            ("Offset", seconds(offset_ds) if plan.cycle_ds else ""),
            ("Master", str(int(masters.get(plan.cycle_ds) == name))),
            ("Yield", "0"),
            *((f"Node {nth}", node) for nth, node in enumerate(timing.nodes)),
        ]
        if len(timing.nodes) < MOST_NODES:
            settings.append((f"Node {len(timing.nodes)}", "0"))
        rows += [(key, timing.node, text) for key, text in settings]
    return rows


def note_plan(draft: Draft, timing: Timing) -> None:
    """Say what neither form can hold of a controller's plan in force."""
    plan, name = timing.plan, timing.controller.controller_id
    if len(plan.reference_phases) > MOST_REFERENCES:
        draft.dropped.add("Reference phases beyond the fourth", name)
    if plan.times_of_day:
        draft.dropped.add("Times of day of plans", name)
    if plan.cycle_ds is None and (plan.offset_ds is not None or plan.splits_ds):
        draft.dropped.add("Offsets and splits without a cycle", name)
    for phase in plan.phases:
        if phase.recall and phase.recall not in RECALLS:
            draft.dropped.add("Recalls other than none, min, ped, max and walk", name)


def reference_code(plan: Coordination) -> str:
    """Return the reference phases as one number: 206 for phases 2 and 6."""
    code = 0
    for phase in plan.reference_phases[:MOST_REFERENCES]:
        code = 100 * code + phase
    return str(code) if code else ""


def phase_columns(found: Sequence[Timing]) -> list[str]:
    """Return a column for every phase number in use, and at least eight."""
    highest = max((p.number for timing in found for p in timing.plan.phases), default=8)
    return [f"D{number}" for number in range(1, max(8, highest) + 1)]


def phase_rows(found: Sequence[Timing], columns: list[str], times: bool) -> Rows:
    """Return the phase sheet without its header.

    Parameters
    ----------
    found, columns
        Controllers, and the columns of the sheet.
    times
        Whether to give start and end times on the system clock.
    """
    rows: Rows = []
    for timing in found:
        sheet = _sheet(timing.plan)
        if times:
            sheet += _times(timing.plan)
        rows += [
            row(name, timing.node, columns, {f"D{n}": text for n, text in cells.items()})
            for name, cells in sheet
        ]
    return rows


def _sheet(plan: Coordination) -> list[tuple[str, dict[int, str]]]:
    phases = {phase.number: phase for phase in plan.phases}
    places = {place_of(phase) for phase in plan.phases}
    brp = {
        number: str(place) for number, place in enumerate(USUAL_PLACES, 1) if place not in places
    }
    brp |= {number: str(place_of(phase)) for number, phase in phases.items()}
    columns: tuple[tuple[str, dict[int, str]], ...] = (
        ("BRP", dict(sorted(brp.items()))),
        ("MinGreen", {n: seconds(p.min_green_ds) for n, p in phases.items()}),
        ("MaxGreen", {n: seconds(p.max_green_ds) for n, p in phases.items()}),
        ("VehExt", {n: seconds(p.extension_ds) for n, p in phases.items()}),
        ("TimeBeforeReduce", {n: seconds(p.time_before_reduce_ds) for n, p in phases.items()}),
        ("TimeToReduce", {n: seconds(p.time_to_reduce_ds) for n, p in phases.items()}),
        ("MinGap", {n: seconds(p.min_gap_ds) for n, p in phases.items()}),
        ("Yellow", {n: seconds(p.yellow_ds) for n, p in phases.items()}),
        ("AllRed", {n: seconds(p.red_clear_ds) for n, p in phases.items()}),
        ("Recall", {n: _recall(p) for n, p in phases.items()}),
        ("Walk", {n: seconds(p.walk_ds) for n, p in phases.items()}),
        ("DontWalk", {n: seconds(p.ped_clear_ds) for n, p in phases.items()}),
        ("PedCalls", {n: number(p.ped_calls_ph) for n, p in phases.items()}),
        ("MinSplit", {n: seconds(p.min_split_ds) for n, p in phases.items()}),
        ("DualEntry", {n: flag(p.dual_entry) for n, p in phases.items()}),
        ("InhibitMax", {n: flag(p.inhibit_max) for n, p in phases.items()}),
    )
    return list(columns)


def _recall(phase: ControllerPhase) -> str:
    if phase.recall == "coord":
        # Synchro shows a coordinated phase as recalled to its maximum.
        return str(RECALLS.index("max"))
    return str(RECALLS.index(phase.recall)) if phase.recall in RECALLS else ""


def _times(plan: Coordination) -> list[tuple[str, dict[int, str]]]:
    """Return when phases begin and end, on the system clock and after the reference."""
    cycle_ds = plan.cycle_ds
    if not cycle_ds or any(phase.number not in plan.splits_ds for phase in plan.phases):
        return []
    local = local_starts_ds(plan.phases, plan.splits_ds)
    event = reference_event_ds(
        plan.reference,
        plan.reference_phases,
        plan.phases,
        local,
        plan.splits_ds,
        cycle_ds,
    )
    shift = (plan.offset_ds or 0) - (event or 0)
    starts = {n: (at + shift) % cycle_ds for n, at in local.items()}
    ends = {n: (starts[n] + plan.splits_ds[n]) % cycle_ds for n in local}
    clearance = {phase.number: phase.yellow_ds + phase.red_clear_ds for phase in plan.phases}
    yields = {n: (ends[n] - clearance[n]) % cycle_ds for n in local}
    after = {n: (at - (event or 0)) % cycle_ds for n, at in local.items()}
    return [
        ("Start", {n: seconds(at) for n, at in starts.items()}),
        ("End", {n: seconds(at) for n, at in ends.items()}),
        ("Yield", {n: seconds(at) for n, at in yields.items()}),
        ("LocalStart", {n: seconds(at) for n, at in after.items()}),
    ]
