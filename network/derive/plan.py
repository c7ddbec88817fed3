"""A first plan for a signal that has none: Webster's cycle, splits by critical flow ratios."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from network.derive.groups import PhaseGroup
from network.derive.saturation import left_equivalent
from network.derive.signal import DerivedSignal
from network.errors import PlanError
from network.graph import Signal
from network.inventory import TurnKind
from network.timing import TimingPlan

LONGEST_LAWFUL_CYCLE_S = 255
"""NTCIP 1202 patternCycleTime is one octet."""

FULLEST = 0.95
"""Critical flow ratios from here on give the longest cycle: Webster's formula has no answer."""

MAIN_LANE_VPH, CROSS_LANE_VPH, LEFT_LANE_VPH = 450.0, 300.0, 120.0
"""Flow of a lane where nothing was counted: a main street, another one, a left-turn lane. Only
their proportions matter much; they keep the cycle of a plain crossing near a minute."""

TURNING = (TurnKind.LEFT, TurnKind.U_TURN)


def derived_plan(
    signal: Signal,
    derived: DerivedSignal,
    movement_vph: Mapping[str, float] | None = None,
) -> TimingPlan:
    """Time derived phases.

    Parameters
    ----------
    signal
        The signal.
    derived
        What was derived for it.
    movement_vph
        Flow of each movement, veh/h; lanes are taken to be equally busy by kind without it.

    Returns
    -------
    TimingPlan
        Every split holds its least green, walk and clearance; rings meet at the barriers; the
        offset is 0 at the begin of green of the coordinated phase.

    Raises
    ------
    PlanError
        If a flow is negative or no number, or no cycle of up to 255 s holds the least splits.
    """
    for name, flow in (movement_vph or {}).items():
        if not (math.isfinite(flow) and flow >= 0):
            raise PlanError(f"movement {name!r}: flow {flow!r} veh/h; allowed are 0 and more")
    ratios = _ratios(signal, derived, movement_vph)
    segments = derived.phasing.segments(derived.sequence)
    least = {p.number: p.min_split_s for p in derived.phasing.phases}
    lost_s = {p.number: p.clearance_s for p in derived.phasing.phases}
    critical = [_critical(segment, ratios, lost_s) for segment in segments]
    least_s = [max(sum(least[n] for n in ring) for ring in segment) for segment in segments]
    cycle_s = _cycle_s(derived, sum(c[0] for c in critical), sum(c[1] for c in critical), least_s)
    lengths_s = _shared(cycle_s, [c[0] for c in critical], least_s)
    splits: dict[int, int] = {}
    for segment, length_s in zip(segments, lengths_s, strict=True):
        for ring in segment:
            if ring:
                parts = _shared(length_s, [ratios[n] for n in ring], [least[n] for n in ring])
                splits |= dict(zip(ring, parts, strict=True))
    return TimingPlan(
        signal.signal_id,
        cycle_s,
        derived.sequence,
        tuple(splits[n] for n in derived.sequence),
        0,
        derived.coordinated_phase,
    )


def _critical(
    segment: Sequence[Sequence[int]], ratios: Mapping[int, float], lost_s: Mapping[int, float]
) -> tuple[float, float]:
    """Return flow ratio and lost time of the ring that needs most between two barriers."""
    sums = [(sum(ratios[n] for n in ring), sum(lost_s[n] for n in ring)) for ring in segment]
    return max(sums)


def _cycle_s(derived: DerivedSignal, ratio: float, lost_s: float, least_s: Sequence[int]) -> int:
    """Return Webster's cycle (Road Research Technical Paper 39, 1958), a whole step.

    What is lost at the begin of a green is taken to be gained at its end, so that a phase loses
    its yellow change and red clearance.
    """
    practice = derived.practice
    if sum(least_s) > LONGEST_LAWFUL_CYCLE_S:
        raise PlanError(
            f"signal {derived.signal_id!r}: its least splits need {sum(least_s)} s, a cycle may "
            f"last up to {LONGEST_LAWFUL_CYCLE_S} s"
        )
    ideal_s = (1.5 * lost_s + 5.0) / (1.0 - ratio) if ratio < FULLEST else math.inf
    wanted_s = min(max(ideal_s, practice.shortest_cycle_s), practice.longest_cycle_s)
    steps = math.ceil(max(wanted_s, sum(least_s)) / practice.cycle_step_s)
    return min(steps * practice.cycle_step_s, LONGEST_LAWFUL_CYCLE_S)


def _shared(total: int, weights: Sequence[float], least: Sequence[int]) -> list[int]:
    """Divide whole seconds by weight, nobody below its least; the sum is kept."""
    result = [0] * len(least)
    free = list(range(len(least)))
    while True:
        left = total - sum(least[i] for i in range(len(least)) if i not in free)
        whole = sum(weights[i] for i in free)
        share = {i: left * (weights[i] / whole if whole > 0 else 1 / len(free)) for i in free}
        short = [i for i in free if share[i] < least[i]]
        # With all of them short the total is what they need, and rounding alone made them so.
        if not short or len(short) == len(free):
            break
        free = [i for i in free if i not in short]
    for i, lowest in enumerate(least):
        result[i] = max(lowest, math.floor(share[i])) if i in free else lowest
    order = sorted(free, key=lambda i: (math.floor(share[i]) - share[i], i))
    for step in range(total - sum(result)):
        result[order[step % len(order)]] += 1
    return result


def _ratios(
    signal: Signal, derived: DerivedSignal, movement_vph: Mapping[str, float] | None
) -> dict[int, float]:
    """Return the flow ratio of every phase: that of its busiest lane.

    A way counts where it is protected, else in the first phase that permits it.
    """
    claimed: dict[str, int] = {}
    for group in derived.groups:
        for way in group.protected:
            claimed.setdefault(way, group.number)
    for group in derived.groups:
        for way in group.permitted:
            claimed.setdefault(way, group.number)
    flows = _way_flows(signal, derived, movement_vph)
    return {
        group.number: _busiest(signal, derived, group, claimed, flows) for group in derived.groups
    }


def _way_flows(
    signal: Signal, derived: DerivedSignal, movement_vph: Mapping[str, float] | None
) -> dict[str, float]:
    flows: dict[str, float] = {}
    on_lane: dict[tuple[str, int], int] = {}
    for c in signal.connections:
        on_lane[c.from_link, c.from_lane] = on_lane.get((c.from_link, c.from_lane), 0) + 1
    for movement in signal.movements:
        kind = derived.turns.get(movement.movement_id)
        for c in movement.connections:
            if movement_vph is not None:
                share = movement_vph.get(movement.movement_id, 0.0) / len(movement.connections)
            else:
                major = c.from_link in derived.main_street
                lane_vph = MAIN_LANE_VPH if major else CROSS_LANE_VPH
                share = min(lane_vph, LEFT_LANE_VPH) if kind in TURNING else lane_vph
                share /= on_lane[c.from_link, c.from_lane]
            flows[c.connection_id] = share
    return flows


def _busiest(
    signal: Signal,
    derived: DerivedSignal,
    group: PhaseGroup,
    claimed: Mapping[str, int],
    flows: Mapping[str, float],
) -> float:
    base = derived.practice.base_saturation_vph
    by_name = {c.connection_id: c for c in signal.connections}
    first = _going_first(derived, group)
    per_lane: dict[tuple[str, int], float] = {}
    for way in group.ways:
        if claimed[way] != group.number:
            continue
        connection = by_name[way]
        worth = 1.0
        if way in group.permitted:
            opposing = sum(flows.get(foe, 0.0) for foe in connection.yields_to & first)
            worth = left_equivalent(opposing, base)
        lane = (connection.from_link, connection.from_lane)
        per_lane[lane] = per_lane.get(lane, 0.0) + flows[way] * worth / base
    return max(per_lane.values(), default=0.0)


def _going_first(derived: DerivedSignal, group: PhaseGroup) -> frozenset[str]:
    """Return the ways that go first in a phase or beside it."""
    return frozenset(
        way
        for other in derived.groups
        if other is group or (other.barrier == group.barrier and other.ring != group.ring)
        for way in other.protected
    )
