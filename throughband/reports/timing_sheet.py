"""The timing sheet of a signal, as rows to print."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from network.graph import Movement, RoadNetwork, Signal
from network.phasing import Phasing
from network.timing import CoordinationGroup, PlanSet, TimingPlan
from network.units import TENTHS_PER_SECOND
from throughband.reports.split_bars import omitted_phases
from throughband.reports.time_space import REFERENCE_TEXT

HEADINGS = ("EB", "NE", "NB", "NW", "WB", "SW", "SB", "SE")
TURNS = {"s": "T", "l": "L", "r": "R", "t": "U", "L": "l", "R": "r"}

OMITTED = "every movement served there is served by another phase as well"


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """One phase of a sheet; seconds as text, a dash where the plan leaves the phase out.

    Attributes
    ----------
    phase
        Number, with a star for the coordinated phase; its ring too where there are several.
    serves
        Movements with green, such as ``EBT EBL(p)``.
    before
        Split in force, s.
    split, green, yellow, red, least_green
        Of the new plan, s.
    """

    phase: str
    serves: str
    before: str
    split: str
    green: str
    yellow: str
    red: str
    least_green: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A signal's new timing.

    Attributes
    ----------
    signal_id
        Name.
    cycle, offset, reference
        Cycle and offset, before and after; what the offset refers to. Where the signal is kept in
        step with others, the cycle of its group too.
    rows
        In the order served, omitted phases last.
    omitted
        What was omitted and why; empty if nothing.
    reason
        Why the plan is what it is; may be empty.
    """

    signal_id: str
    cycle: str
    offset: str
    reference: str
    rows: tuple[PhaseRow, ...]
    omitted: str
    reason: str


def timing_sheets(
    network: RoadNetwork,
    in_force: Mapping[str, TimingPlan],
    plan_set: PlanSet,
    reasons: Mapping[str, str],
) -> tuple[Sheet, ...]:
    """Return one sheet per new plan, in the plans' order.

    Parameters
    ----------
    network
        The signals.
    in_force
        Plan in force by signal.
    plan_set
        New plans and the groups they are kept in step by.
    reasons
        Why a signal's plan is what it is, by signal.
    """
    return tuple(
        timing_sheet(
            network,
            plan,
            in_force.get(plan.signal_id),
            plan_set.group_of(plan.signal_id),
            reasons.get(plan.signal_id, ""),
        )
        for plan in plan_set.plans
    )


def timing_sheet(
    network: RoadNetwork,
    plan: TimingPlan,
    before: TimingPlan | None,
    group: CoordinationGroup | None,
    reason: str,
) -> Sheet:
    """Return the sheet of one new plan, with the plan before it and its group, None for none."""
    signal = network.signals[plan.signal_id]
    omitted = omitted_phases(before, plan)
    rows = [_row(network, signal, n, plan, before) for n in (*plan.sequence, *omitted)]
    names = ", ".join(str(number) for number in omitted)
    noun = "Phase" if len(omitted) == 1 else "Phases"
    return Sheet(
        plan.signal_id,
        _change(before.cycle_s if before else None, plan.cycle_s) + _shared(plan, group),
        _change(before.offset_s if before else None, plan.offset_s),
        _event(before, plan),
        tuple(rows),
        f"{noun} {names} omitted: {OMITTED}." if omitted else "",
        reason,
    )


def _event(before: TimingPlan | None, plan: TimingPlan) -> str:
    """Say what the offset counts from; two that count from different phases are no step."""
    new, *old = (
        f"{REFERENCE_TEXT[each.offset_reference]} of phase {each.coordinated_phase}"
        for each in (plan, before)
        if each is not None
    )
    return f"{new} (in force: {old[0]})" if old and old[0] != new else new


def _row(
    network: RoadNetwork, signal: Signal, number: int, plan: TimingPlan, before: TimingPlan | None
) -> PhaseRow:
    if signal.phasing is None:
        return PhaseRow(str(number), "–", "–", str(plan.split_s(number) or "–"), *"––––")
    phase = signal.phasing.phase(number)
    star = " *" if number == plan.coordinated_phase else ""
    ring = f" (ring {phase.ring})" if len(signal.phasing.rings) > 1 else ""
    old = before.split_s(number) if before else 0
    split = plan.split_s(number)
    rests = _rests(signal.phasing, plan, number)
    clearance_s = 0 if rests else phase.clearance_s
    yellow, red = (
        "0.0" if rests else f"{tenths / TENTHS_PER_SECOND:.1f}"
        for tenths in (phase.yellow_ds, phase.red_clear_ds)
    )
    return PhaseRow(
        f"{number}{star}{ring}",
        serves(network, signal, number),
        str(old) if old else "–",
        str(split) if split else "omitted",
        f"{split - clearance_s:g}" if split else "–",
        yellow if split else "–",
        red if split else "–",
        str(phase.least_green_s),
    )


def _rests(phasing: Phasing, plan: TimingPlan, number: int) -> bool:
    """Tell whether a phase is all its ring ever shows, so that it never ends."""
    segments = phasing.segments(plan.sequence)
    return len(segments) == 1 and any(ring == (number,) for ring in segments[0])


def serves(network: RoadNetwork, signal: Signal, number: int) -> str:
    """Name the movements that a phase gives green to, ``(p)`` for permissive only.

    Parameters
    ----------
    network
        For the bearing of the approaches.
    signal, number
        Signal and phase.
    """
    if signal.phasing is None:
        return "–"
    aspects = signal.phasing.phase(number).aspects
    found: dict[str, bool] = {}
    for movement in signal.movements:
        lamps = [{aspects[group] for group in c.groups} for c in movement.connections]
        if not any(lit <= {"G", "g"} for lit in lamps):
            continue
        protected = any(lit <= {"G"} for lit in lamps)
        name = movement_name(network, movement)
        found[name] = found.get(name, False) or protected
    order = sorted(found, key=lambda name: (HEADINGS.index(name[:2]), name))
    return " ".join(name if found[name] else f"{name}(p)" for name in order) or "none"


def movement_name(network: RoadNetwork, movement: Movement) -> str:
    """Name a movement by the heading of its approach and its turn, such as ``NBL``.

    The drawing's y axis is taken as north.
    """
    shape = network.links[movement.from_link].shape_m
    (x0, y0), (x1, y1) = shape[-2:] if len(shape) > 1 else ((0.0, 0.0), (1.0, 0.0))
    eighth = round(math.atan2(y1 - y0, x1 - x0) / (math.pi / 4)) % 8
    return HEADINGS[eighth] + TURNS.get(movement.turn, movement.turn)


def _shared(plan: TimingPlan, group: CoordinationGroup | None) -> str:
    """Say whose cycle it is."""
    if group is None:
        return ""
    if group.cycle_s == plan.cycle_s:
        return f", common to {len(group.signals)} signals"
    return f", half of the {group.cycle_s} s of its group of {len(group.signals)} signals"


def _change(before: int | None, after: int) -> str:
    if before is None or before == after:
        return f"{after} s"
    return f"{before} → {after} s"
