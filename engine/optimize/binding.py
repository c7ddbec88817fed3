"""Which constraint binds at which phase, and the critical path of a cycle.

The critical path is what keeps the cycle from being shorter: the phases, barrier by barrier and
there in the ring that needs longest, with the lane or the minimum that each is needed for. It is
found as a linear program: least sum of splits such that every lane can just discharge its demand
and every least split is kept. Its dual values name who is critical. With one ring and lanes of one
phase it is the sum of critical flow ratios (HCM 2010, equation 18-31).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import linprog

from engine.measures.cyclic_service import way_service
from engine.measures.kernels import TINY
from engine.optimize.isolated import split_moves
from engine.optimize.problem import Choice
from engine.optimize.trials import GroupTrials
from network.phasing import Phase
from network.safety import SignalRules
from network.timing import TimingPlan

MINIMUM_GREEN = "minimum green"
WALK = "walk and pedestrian clearance"
CYCLE_SUM = "cycle sum"
BARRIER = "barrier"
SAFETY = "safety rule"

SLACK = 1e-7


@dataclass(frozen=True, slots=True)
class Bound:
    """A constraint that keeps a phase from getting or from giving a second.

    Attributes
    ----------
    phase
        The phase.
    side
        ``less`` where it cannot give a second, ``more`` where it cannot get one.
    constraint
        One of `MINIMUM_GREEN`, `WALK`, `CYCLE_SUM`, `BARRIER` and `SAFETY`.
    text
        As a sentence, with its seconds.
    """

    phase: int
    side: str
    constraint: str
    text: str


@dataclass(frozen=True, slots=True)
class CriticalPhase:
    """A phase of the critical path, or beside it.

    Attributes
    ----------
    phase, ring, barrier
        The phase and where it stands.
    split_s
        What the plan gives it, s.
    needed_s
        What it must have for demand and minimums, s; fractions of a second.
    saturation
        Degree of saturation of its busiest lane in the steady cycle; 0 if nothing drives.
    lane
        That lane, empty if there is none.
    critical
        Whether it is on the critical path.
    needed_for
        On the path: the lane that needs it, or the name of its minimum; empty beside the path.
    """

    phase: int
    ring: int
    barrier: int
    split_s: int
    needed_s: float
    saturation: float
    lane: str
    critical: bool
    needed_for: str


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """What keeps a signal's cycle from being shorter.

    Attributes
    ----------
    cycle_s
        The cycle, s.
    needed_s
        Least sum of splits that serves the demand of a cycle and all minimums, s; more than the
        cycle where demand exceeds capacity.
    phases
        In the order of the plan.
    """

    cycle_s: int
    needed_s: float
    phases: tuple[CriticalPhase, ...]

    @property
    def spare_s(self) -> float:
        """Seconds of the cycle beyond what is needed; below 0 where demand exceeds capacity."""
        return self.cycle_s - self.needed_s


def least_split(phase: Phase) -> str:
    """Return which constraint sets a phase's least split."""
    return WALK if phase.walk_s + phase.ped_clear_s > phase.min_green_s else MINIMUM_GREEN


def bounds_of(choice: Choice, plan: TimingPlan) -> tuple[Bound, ...]:
    """Return the constraints that bind in a plan.

    Parameters
    ----------
    choice
        The signal.
    plan
        Its plan.

    Returns
    -------
    tuple of Bound
        In the order of its phases.
    """
    moved = split_moves(choice, plan, 1)
    found: list[Bound] = []
    for number in plan.sequence:
        split_s, phase = plan.split_s(number), choice.phasing.phase(number)
        if split_s <= phase.min_split_s:
            found.append(Bound(number, "less", least_split(phase), _minimum(phase)))
        elif not any(other.split_s(number) < split_s for other in moved):
            found.append(_held(choice, plan, number, "less"))
        if not any(other.split_s(number) > split_s for other in moved):
            found.append(_held(choice, plan, number, "more"))
    return tuple(found)


def _minimum(phase: Phase) -> str:
    clearance = f"{phase.clearance_s:g} s of clearance"
    if least_split(phase) == WALK:
        return (
            f"phase {phase.number} is as short as it may be: {phase.walk_s} s to walk, "
            f"{phase.ped_clear_s} s to clear the crossing and {clearance} make "
            f"{phase.min_split_s} s"
        )
    return (
        f"phase {phase.number} is as short as it may be: {phase.min_green_s} s of minimum green "
        f"and {clearance} make {phase.min_split_s} s"
    )


def _held(choice: Choice, plan: TimingPlan, number: int, side: str) -> Bound:
    """Say why a phase above its minimum gives nothing, or why nobody gives it anything."""
    segments = choice.phasing.segments(plan.sequence)
    phase = choice.phasing.phase(number)
    spare = {n for n in plan.sequence if plan.split_s(n) > choice.phasing.phase(n).min_split_s}
    loose = replace(choice, rules=None)
    changed = [
        other
        for other in split_moves(loose, plan, 1)
        if (other.split_s(number) - plan.split_s(number)) * (1 if side == "more" else -1) > 0
    ]
    if changed:
        rules = choice.rules or SignalRules(choice.signal)
        broken = {v.rule for other in changed for v in rules.check(other)}
        verb = "get" if side == "more" else "give"
        text = (
            f"phase {number} cannot {verb} a second without breaking: {', '.join(sorted(broken))}"
        )
        return Bound(number, side, SAFETY, text)
    ring = [n for segment in segments for part in segment if number in part for n in part]
    others = {n for n in plan.sequence if choice.phasing.phase(n).ring == phase.ring} - {number}
    if side == "more" and len(segments[0]) > 1 and others & spare - set(ring):
        text = (
            f"phase {number} cannot get a second over the barrier: the ring beside has no phase "
            "above its minimum where the second would come from"
        )
        return Bound(number, side, BARRIER, text)
    if side == "less" and len(segments[0]) > 1:
        text = (
            f"phase {number} cannot give a second over the barrier: the ring beside is as short as "
            f"it may be between the same barriers"
        )
        return Bound(number, side, BARRIER, text)
    return Bound(
        number,
        side,
        CYCLE_SUM,
        f"phase {number} cannot {'get' if side == 'more' else 'give'} a second: the cycle of "
        f"{plan.cycle_s} s is filled and no other phase "
        + ("is above its minimum" if side == "more" else "is there to take it"),
    )


def critical_path(trials: GroupTrials, choice: Choice) -> CriticalPath:
    """Find the critical path of a signal's cycle.

    Parameters
    ----------
    trials
        The group's plans.
    choice
        The signal.

    Returns
    -------
    CriticalPath

    Notes
    -----
    A lane counts with the phases that show it protected green; one that has permissive green only,
    with those. What it loses per cycle to clearance and start-up is as in the plan.
    """
    plan = trials.plans[choice.signal.signal_id]
    demands = _demands(trials, choice, plan)
    segments = choice.phasing.segments(plan.sequence)
    column = {number: at for at, number in enumerate(plan.sequence)}
    width = len(plan.sequence) + len(segments)
    rows: list[list[float]] = []
    limit: list[float] = []
    holder: list[str] = []
    for lane, phases, needed_s in demands:
        row = [0.0] * width
        for number in phases:
            row[column[number]] = -1.0
        rows.append(row)
        limit.append(-needed_s)
        holder.append(lane)
    for at, segment in enumerate(segments):
        for ring in segment:
            row = [0.0] * width
            row[len(plan.sequence) + at] = -1.0
            for number in ring:
                row[column[number]] = 1.0
            rows.append(row)
            limit.append(0.0)
    cost = [0.0] * len(plan.sequence) + [1.0] * len(segments)
    least = [float(choice.phasing.phase(number).min_split_s) for number in plan.sequence]
    solved: Any = linprog(
        cost,
        A_ub=np.array(rows),
        b_ub=np.array(limit),
        bounds=[(value, None) for value in least] + [(0.0, None)] * len(segments),
        method="highs",
    )
    prices = -np.asarray(solved.ineqlin.marginals)
    floors = np.asarray(solved.lower.marginals)
    needed_for = dict.fromkeys(plan.sequence, "")
    on_ring = {
        number
        for at, ring in enumerate(ring for segment in segments for ring in segment)
        if prices[len(demands) + at] > SLACK
        for number in ring
    }
    for at, (_, phases, _) in enumerate(demands):
        if prices[at] > SLACK:
            for number in phases:
                if number in on_ring and floors[column[number]] <= SLACK:
                    needed_for[number] = needed_for[number] or holder[at]
    for number in plan.sequence:
        if floors[column[number]] > SLACK:
            needed_for[number] = least_split(choice.phasing.phase(number))
    busiest = _busiest(trials, choice, plan)
    return CriticalPath(
        plan.cycle_s,
        float(solved.fun),
        tuple(
            CriticalPhase(
                number,
                choice.phasing.phase(number).ring,
                choice.phasing.phase(number).barrier,
                plan.split_s(number),
                float(solved.x[column[number]]),
                *busiest[number],
                bool(needed_for[number]),
                needed_for[number],
            )
            for number in plan.sequence
        ),
    )


def _demands(
    trials: GroupTrials, choice: Choice, plan: TimingPlan
) -> list[tuple[str, tuple[int, ...], float]]:
    """Lanes with the phases that serve them and the splits they need of these together, s."""
    arrays, name = trials.group.arrays, choice.signal.signal_id
    service = way_service(trials.group, trials.network, plan, plan.cycle_s)
    ways = list(trials.group.ways_of(name))
    found = []
    for lane in trials.lanes_of(name):
        rows = [
            at for at, way in enumerate(ways)
            if arrays.way_lane[way] == lane and arrays.way_vps[way] > TINY
        ]  # fmt: skip
        if not rows:
            continue
        phases = _serving(trials, choice, plan, [int(ways[at]) for at in rows])
        if not phases:
            continue
        # Seconds of discharge that a cycle's demand takes, and those that its phases lose.
        busy_s = plan.cycle_s * sum(
            float(arrays.way_vps[ways[at]] * arrays.way_headway_s[ways[at]]) for at in rows
        )
        open_s = float(np.abs(service[rows]).max(axis=0).sum())
        lost_s = sum(plan.split_s(number) for number in phases) - open_s
        found.append((trials.lane_names[lane], phases, busy_s + max(lost_s, 0.0)))
    return found


def _serving(
    trials: GroupTrials, choice: Choice, plan: TimingPlan, ways: list[int]
) -> tuple[int, ...]:
    """Phases that show some ways green, protected if any does."""
    street = trials.street
    groups = [street.ways[int(trials.group.ways[way])].groups for way in ways]
    for lamps in ("GO", "GOgso"):
        phases = tuple(
            number
            for number in plan.sequence
            if any(
                own and all(choice.phasing.phase(number).aspects[g] in lamps for g in own)
                for own in groups
            )
        )
        if phases:
            return phases
    return ()


def _busiest(trials: GroupTrials, choice: Choice, plan: TimingPlan) -> dict[int, tuple[float, str]]:
    """By phase, degree of saturation and name of the busiest lane it serves."""
    saturation = trials.lane_saturation()
    arrays, name = trials.group.arrays, choice.signal.signal_id
    found = dict.fromkeys(plan.sequence, (0.0, ""))
    for lane in trials.lanes_of(name):
        ways = [int(way) for way in trials.group.ways_of(name) if arrays.way_lane[way] == lane]
        for number in _serving(trials, choice, plan, ways):
            found[number] = max(found[number], (float(saturation[lane]), trials.lane_names[lane]))
    return found


def missing_s(choice: Choice, sequence: tuple[int, ...], cycle_s: int) -> int:
    """Return by how many seconds a cycle is too short for a sequence's least splits; 0 if not."""
    return max(0, choice.least_cycle_s(sequence) - cycle_s)
