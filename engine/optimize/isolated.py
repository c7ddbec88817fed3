"""Each signal on its own: its best phases and splits at every cycle length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.measures.evaluation import Tables, evaluate
from engine.measures.street import Driving, Floats, Street, build_street
from engine.optimize.problem import Choice, Limits
from engine.optimize.splits import allocate
from network.errors import InsufficientDataError
from network.graph import RoadNetwork
from network.timing import TimingPlan

SCREENING_CYCLES_S = (40, 60, 90)
SEQUENCES_KEPT = 4
SPLIT_MOVES_S = (4, 2, 1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan of one signal with what it costs alone, vehicle-seconds."""

    cost: float
    plan: TimingPlan


Table = Mapping[int, tuple[Candidate, ...]]
"""Cycle length to candidates, the cheapest first."""


def isolated_plans(
    network: RoadNetwork,
    choice: Choice,
    movement_vph: Mapping[str, Floats],
    period_s: int,
    start_s: int,
    limits: Limits,
    driving: Driving,
) -> Table:
    """Find good plans for one signal as if nothing stood around it.

    Parameters
    ----------
    network
        The roads.
    choice
        The signal and the sequences it may run.
    movement_vph, period_s
        The demand, as for `build_street`.
    start_s
        System time of the demand's beginning.
    limits
        Cycle lengths to try.
    driving
        Driver behavior.

    Returns
    -------
    dict
        Cycle to candidates; empty where the signal carries no traffic or no cycle fits.
    """
    signal_id = choice.signal.signal_id
    alone = RoadNetwork(
        network.name, network.links, {signal_id: choice.signal}, network.connections
    )
    try:
        street = build_street(alone, movement_vph, period_s, driving)
    except InsufficientDataError:
        return {}
    judge = _Judge(street, alone, start_s, limits)
    kept = _screened(judge, choice, limits)
    table: dict[int, tuple[Candidate, ...]] = {}
    for cycle_s in cycle_lengths(limits):
        found = [
            judge.refined(choice, plan)
            for sequence in kept
            if (plan := allocate(choice, sequence, cycle_s, street)) is not None
        ]
        if found:
            table[cycle_s] = tuple(sorted(found, key=lambda c: (c.cost, c.plan.sequence)))
    return table


def cycle_lengths(limits: Limits) -> range:
    """Return the cycle lengths to try, s."""
    return range(limits.shortest_cycle_s, limits.longest_cycle_s + 1, limits.cycle_step_s)


class _Judge:
    """Costs of plans at one signal."""

    def __init__(self, street: Street, network: RoadNetwork, start_s: int, limits: Limits) -> None:
        self.street = street
        self.start_s = start_s
        self.tables = Tables(street, network, limits.longest_cycle_s)

    def cost(self, plan: TimingPlan) -> float:
        self.tables.set(plan)
        measures = evaluate(self.tables, self.start_s, self.street.horizon_s)
        return measures.cost_s * measures.volume_veh

    def refined(self, choice: Choice, plan: TimingPlan) -> Candidate:
        """Move seconds between phases while that helps."""
        best = Candidate(self.cost(plan), plan)
        for step_s in SPLIT_MOVES_S:
            improved = True
            while improved:
                improved = False
                for moved in split_moves(choice, best.plan, step_s):
                    cost = self.cost(moved)
                    if cost < best.cost * (1.0 - 1e-6):
                        best = Candidate(cost, moved)
                        improved = True
        return best


def split_moves(choice: Choice, plan: TimingPlan, step_s: int) -> list[TimingPlan]:
    """Return the plans that take some seconds from one phase and give them to another."""
    moved: list[TimingPlan] = []
    for giver, number in enumerate(plan.sequence):
        if plan.splits_s[giver] - step_s < choice.phasing.phase(number).min_split_s:
            continue
        for taker in range(len(plan.sequence)):
            if taker == giver:
                continue
            splits = list(plan.splits_s)
            splits[giver] -= step_s
            splits[taker] += step_s
            moved.append(replace(plan, splits_s=tuple(splits)))
    return moved


def _screened(judge: _Judge, choice: Choice, limits: Limits) -> list[tuple[int, ...]]:
    """Return the sequences that do best at a few cycle lengths, that in force among them."""
    best: dict[tuple[int, ...], float] = {}
    for sequence in choice.sequences:
        for cycle_s in SCREENING_CYCLES_S:
            if not limits.shortest_cycle_s <= cycle_s <= limits.longest_cycle_s:
                continue
            plan = allocate(choice, sequence, cycle_s, judge.street)
            if plan is not None:
                cost = judge.cost(plan)
                best[sequence] = min(cost, best.get(sequence, cost))
    ranked = sorted(best, key=lambda sequence: (best[sequence], sequence))
    full = choice.sequences[0]
    kept = ranked[:SEQUENCES_KEPT]
    return kept if full in kept or full not in best else [*kept, full]
