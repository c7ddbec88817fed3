"""What other phase sequences and other cycle lengths would cost, each at its own best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from engine.measures.cyclic_batch import CyclicBatch
from engine.measures.street import Street
from engine.optimize.problem import Choice, Limits
from engine.optimize.refit import refit
from engine.optimize.rings import filled
from engine.optimize.splits import allocate
from engine.optimize.trials import GroupTrials
from network.graph import RoadNetwork
from network.safety import LONGEST_CYCLE_S
from network.timing import TimingPlan
from network.units import SECONDS_PER_HOUR

SEQUENCES_REFINED = 2
CYCLE_STEP_S = 5
CYCLE_REACH = 0.25
"""Part of the cycle within which its neighbors are looked at."""

DESCENT_ROUNDS = 2
PLATEAU = 0.01
"""Cycles that cost up to this part more than the best are as good."""


@dataclass(frozen=True, slots=True)
class NextSequence:
    """The best plan of a signal with another phase sequence.

    Attributes
    ----------
    signal_id
        The signal.
    plan
        The plan; its offset and splits are the best found for it, all other plans staying.
    veh_s_per_h, s_per_veh
        Cost of the group more than now; below 0 it would pay.
    tried
        Number of lawful sequences that were looked at.
    """

    signal_id: str
    plan: TimingPlan
    veh_s_per_h: float
    s_per_veh: float
    tried: int


@dataclass(frozen=True, slots=True)
class CycleCost:
    """A common cycle and what it costs once splits and offsets are fitted to it.

    Attributes
    ----------
    cycle_s
        The cycle, s.
    s_per_veh
        Cost per vehicle that passes a signal of the group, s.
    """

    cycle_s: int
    s_per_veh: float


@dataclass(frozen=True, slots=True)
class Cycles:
    """What the cycles around the present one cost.

    Attributes
    ----------
    now_s
        The present cycle, s.
    tried
        Cycles in ascending order, the present one among them with its plans refitted like all
        others.
    plateau_s
        Shortest and longest of the cycles next to each other, around the best, that cost at most
        one per cent more than the best.
    too_short_s
        By signal, how many seconds the longest cycle that was tried and could not be run lacks.
    """

    now_s: int
    tried: tuple[CycleCost, ...]
    plateau_s: tuple[int, int]
    too_short_s: Mapping[str, int]

    @property
    def best_s(self) -> int:
        """The cheapest cycle, the shortest of equals, s."""
        return min(self.tried, key=lambda found: (found.s_per_veh, found.cycle_s)).cycle_s


def next_sequence(trials: GroupTrials, choice: Choice) -> NextSequence | None:
    """Find the best plan of a signal with another sequence.

    Parameters
    ----------
    trials
        The group's plans; as before afterwards.
    choice
        The signal and the sequences it may run, all lawful.

    Returns
    -------
    NextSequence or None
        None where it may run no other sequence at this cycle.
    """
    name = choice.signal.signal_id
    now = trials.plans[name]
    base = trials.cost()
    others = [s for s in choice.sequences if s != now.sequence]
    others += [order for order in choice.orders(now.sequence) if order not in others]
    found = [plan for s in others if (plan := _with(choice, now, s, trials.street)) is not None]
    if not found:
        return None
    best = _fitted(trials, choice, found)
    change = best[0] - base
    return NextSequence(
        name,
        best[1],
        change * SECONDS_PER_HOUR,
        change / max(trials.volume_vps, 1e-12),
        len(others),
    )


def _with(
    choice: Choice, now: TimingPlan, sequence: tuple[int, ...], street: Street
) -> TimingPlan | None:
    """Return a plan of another sequence, with the same splits where the phases are the same."""
    coordinated = now.coordinated_phase if now.coordinated_phase in sequence else sequence[0]
    if set(sequence) == set(now.sequence):
        plan = replace(
            now, sequence=sequence, splits_s=tuple(now.split_s(number) for number in sequence)
        )
        if choice.lawful(plan):
            return plan
    split = allocate(choice, sequence, now.cycle_s, street)
    if split is None:
        return None
    return replace(split, coordinated_phase=coordinated, offset_s=now.offset_s)


def _fitted(
    trials: GroupTrials, choice: Choice, plans: list[TimingPlan]
) -> tuple[float, TimingPlan]:
    """Fit the offset of every plan, then offset and splits of the best few; the cheapest."""
    name = choice.signal.signal_id
    now = trials.plans[name]
    programs = {
        other: (plan,) if other != name else tuple(plans) for other, plan in trials.plans.items()
    }
    batch = CyclicBatch(trials.group, trials.network, trials.cycle_s, programs)
    column = trials.group.signals.index(name)
    offsets = np.tile(
        np.array([trials.plans[other].offset_s for other in trials.group.signals], np.int32),
        (now.cycle_s, 1),
    )
    offsets[:, column] = np.arange(now.cycle_s)
    ranked = []
    for at, plan in enumerate(plans):
        program = np.zeros_like(offsets)
        program[:, column] = at
        costs = batch.costs(program, offsets)
        best = int(np.argmin(costs))
        ranked.append((float(costs[best]), at, replace(plan, offset_s=best)))
    found = []
    for _, _, plan in sorted(ranked, key=lambda item: item[:2])[:SEQUENCES_REFINED]:
        trials.take([plan])
        cost = trials.descend({name: choice}, DESCENT_ROUNDS, offsets=[name], splits=[name])
        found.append((cost, trials.plans[name]))
        trials.take([now])
    return min(found, key=lambda pair: pair[0])


def cycles_around(
    trials: GroupTrials,
    choices: Mapping[str, Choice],
    network: RoadNetwork,
    limits: Limits,
) -> Cycles:
    """Refit the group at the cycles around its own and tell what they cost.

    Parameters
    ----------
    trials
        The group's plans; as before afterwards.
    choices
        The signals.
    network
        Their phases.
    limits
        The shortest and longest cycle allowed.

    Returns
    -------
    Cycles
    """
    now_s = trials.cycle_s
    reach_s = max(2 * CYCLE_STEP_S, round(CYCLE_REACH * now_s / CYCLE_STEP_S) * CYCLE_STEP_S)
    shortest_s = min(now_s, limits.shortest_cycle_s)
    longest_s = min(max(now_s, limits.longest_cycle_s), LONGEST_CYCLE_S)
    found: list[CycleCost] = []
    too_short: dict[str, int] = {}
    for cycle_s in range(now_s - reach_s, now_s + reach_s + 1, CYCLE_STEP_S):
        if not shortest_s <= cycle_s <= longest_s:
            continue
        plans: dict[str, TimingPlan] = {}
        for name, plan in trials.plans.items():
            own_s = cycle_s * plan.cycle_s // now_s
            if name not in choices or own_s * now_s != cycle_s * plan.cycle_s:
                break
            least_s = choices[name].least_cycle_s(plan.sequence)
            if least_s > own_s:
                too_short[name] = least_s - own_s
                break
            scaled = stretched(choices[name], plan, own_s)
            if scaled is None:
                break
            pinned = _pinned(choices[name], scaled)
            scaled = replace(scaled, offset_s=pinned.offset_s) if pinned else scaled
            plans[name] = scaled
        if len(plans) < len(trials.plans):
            continue
        tried = GroupTrials(trials.street, network, plans)
        turned = [name for name in plans if not _pinned(choices[name], plans[name])]
        cost = refit(tried, choices, turned=turned)
        found.append(CycleCost(cycle_s, cost / max(trials.volume_vps, 1e-12)))
    return Cycles(now_s, tuple(found), _plateau(found), too_short)


def _pinned(choice: Choice, plan: TimingPlan) -> TimingPlan | None:
    return choice.hold.pinned(plan.cycle_s) if choice.hold is not None else None


def stretched(choice: Choice, plan: TimingPlan, cycle_s: int) -> TimingPlan | None:
    """Return a plan at another cycle: seconds beyond the least splits in proportion.

    Parameters
    ----------
    choice
        The signal.
    plan
        Its plan.
    cycle_s
        The other cycle, s.

    Returns
    -------
    TimingPlan or None
        With the offset in proportion too; None where no lawful splits were found.
    """
    if cycle_s == plan.cycle_s:
        return plan

    def worth(splits: Mapping[int, int]) -> Mapping[int, float]:
        # Whoever is furthest below its share is next.
        share = cycle_s / plan.cycle_s
        return {n: 1e3 + plan.split_s(n) * share - splits[n] for n in plan.sequence}

    splits = filled(choice.phasing, plan.sequence, cycle_s, worth, choice.bounds)
    if splits is None:
        return None
    changed = replace(
        plan,
        cycle_s=cycle_s,
        splits_s=tuple(splits[number] for number in plan.sequence),
        offset_s=round(plan.offset_s * cycle_s / plan.cycle_s) % cycle_s,
    )
    return changed if choice.lawful(changed) else None


def _plateau(found: list[CycleCost]) -> tuple[int, int]:
    least = min(found, key=lambda cost: (cost.s_per_veh, cost.cycle_s))
    good = [cost.s_per_veh <= least.s_per_veh * (1.0 + PLATEAU) for cost in found]
    low = high = found.index(least)
    while low > 0 and good[low - 1]:
        low -= 1
    while high + 1 < len(found) and good[high + 1]:
        high += 1
    return found[low].cycle_s, found[high].cycle_s
