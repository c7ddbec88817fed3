"""Whole plans of one coordination group: cycle, sequences, splits and offsets together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import networkx as nx

from engine.measures.corridor import Corridor
from engine.measures.cyclic_group import cyclic_group
from engine.measures.street import Street
from engine.optimize.descent import Descent
from engine.optimize.isolated import IsolatedSignal
from engine.optimize.search import Plans
from engine.optimize.seeds import seeded
from engine.optimize.surroundings import Surroundings
from engine.optimize.workers import Halted, Workers, spread
from network.graph import RoadNetwork
from network.timing import TimingPlan

CYCLES_SCANNED = 6
"""Cycles that get plans of their own, the most promising of the signals alone."""

SCANNING_SWEEPS = 2

FAR_BEHIND = 0.03
"""Part of the best cost by which a cycle is given up; moving whole blocks gains less."""

SMALL_SIGNALS = 10

SAMPLE_SIGNALS = 40
"""Signals of a larger group, next to each other, that the cycles are scanned on."""

SEEDED_SIGNALS = 150
"""Signals of a group up to which bands and link tables give offsets to start from."""


def cycles_refined(signals: int) -> int:
    """Return how many cycles a group of some size is planned to the end at."""
    if signals <= SMALL_SIGNALS:
        return 4
    return 2 if signals <= SAMPLE_SIGNALS else 1


def common_cycles(
    group: tuple[str, ...], isolated: Mapping[str, IsolatedSignal]
) -> dict[int, float]:
    """Return the cycles that every signal of a group can run, with their cost alone."""
    first, *others = (isolated[name].cycles_s for name in group)
    return {
        cycle_s: cost + sum(other[cycle_s] for other in others)
        for cycle_s, cost in first.items()
        if all(cycle_s in other for other in others)
    }


@dataclass(frozen=True, slots=True)
class Ground:
    """What groups are planned on.

    Attributes
    ----------
    network, street
        The roads and their demand.
    isolated
        The signals alone.
    coupled
        As `groups.coupling` has it.
    corridor
        Street whose bands give offsets to start from, if there is one.
    seed
        For the search on link tables.
    """

    network: RoadNetwork
    street: Street
    isolated: Mapping[str, IsolatedSignal]
    coupled: nx.Graph
    corridor: Corridor | None
    seed: int


def groups_planned(
    ground: Ground,
    groups: Sequence[tuple[str, ...]],
    workers: Workers,
    halted: Halted,
    told: Callable[[int, int], None],
) -> list[list[Plans]]:
    """Plan groups, each on its own.

    Parameters
    ----------
    ground
        As for `group_plans`.
    groups
        The groups.
    workers
        Who plans them.
    halted
        Asked before every signal.
    told
        Told how many of how many groups are planned.

    Returns
    -------
    list of list of dict
        As `group_plans`, by group.
    """
    if workers.count == 1:
        found: list[list[Plans]] = []
        for number, group in enumerate(groups):
            found.append(group_plans(ground, group, halted))
            told(number + 1, len(groups))
        return found
    shares = spread([float(len(group)) for group in groups], workers)
    pieces = []
    for share in shares:
        wanted = [groups[number] for number in share]
        needed = {name: ground.isolated[name] for group in wanted for name in group}
        pieces.append((replace(ground, isolated=needed), wanted))
    results = workers.map(
        _planned, pieces, halted, lambda done: told(done * len(groups) // len(pieces), len(groups))
    )
    by_number = {
        number: plans
        for share, planned in zip(shares, results, strict=True)
        for number, plans in zip(share, planned, strict=True)
    }
    return [by_number[number] for number in range(len(groups))]


def _planned(piece: tuple[Ground, list[tuple[str, ...]]], halted: Halted) -> list[list[Plans]]:
    ground, groups = piece
    return [group_plans(ground, group, halted) for group in groups]


def group_plans(ground: Ground, group: tuple[str, ...], halted: Halted) -> list[Plans]:
    """Plan one group on its steady cycle.

    Parameters
    ----------
    ground
        The street, and its signals alone.
    group
        The signals; they have a cycle in common.
    halted
        Asked before every signal.

    Returns
    -------
    list of dict
        Plans worth judging by the hour-long model, the cheapest first; at least one.
    """
    isolated, street = ground.isolated, ground.street
    costs = common_cycles(group, isolated)
    ranked = sorted(costs, key=lambda cycle_s: (costs[cycle_s], cycle_s))[:CYCLES_SCANNED]
    if len(group) == 1:
        return _alone(isolated[group[0]], group[0], ranked)
    sample = group if len(group) <= SAMPLE_SIGNALS else _sampled(group, ground.coupled)
    laid_out = Surroundings(cyclic_group(street, sample))
    scanned: list[tuple[float, int, Descent]] = []
    for cycle_s in ranked:
        if scanned and halted():
            break
        settings = {name: (isolated[name].roughly(cycle_s).program, 0) for name in sample}
        descent = Descent(laid_out, isolated, cycle_s, settings, halted)
        descent.descend(full=False, sweeps=1)
        scanned.append((descent.descend(full=True, sweeps=1), cycle_s, descent))
    scanned.sort(key=lambda found: found[:2])
    # The half that is behind after one sweep is not the best after two.
    scanned = [
        (descent.descend(full=True, sweeps=SCANNING_SWEEPS - 1), cycle_s, descent)
        for _, cycle_s, descent in scanned[: max(cycles_refined(len(group)), len(scanned) // 2)]
    ]
    scanned.sort(key=lambda found: found[:2])
    if len(sample) < len(group):
        laid_out = Surroundings(cyclic_group(street, group))
    found: list[tuple[float, int, Plans]] = []
    for _, cycle_s, sketch in scanned[: cycles_refined(len(group))]:
        if found and halted():
            break
        start = {name: (isolated[name].roughly(cycle_s).program, 0) for name in group}
        descent = Descent(laid_out, isolated, cycle_s, {**start, **sketch.settings}, halted)
        if len(sample) < len(group):
            descent.descend(full=False, sweeps=SCANNING_SWEEPS)
        _refine(descent, ground, group, min((cost for cost, _, _ in found), default=math.inf))
        found.append((descent.cost, cycle_s, descent.plans()))
    found.sort(key=lambda one: one[:2])
    return [plans for _, _, plans in found]


def _sampled(group: tuple[str, ...], coupled: nx.Graph) -> tuple[str, ...]:
    """Return the signals nearest to the one with the most traffic around it."""
    inside = coupled.subgraph(group)
    busy = {name: inside.degree(name, weight="flow_vph") for name in group}
    first = max(sorted(group), key=lambda name: busy[name])
    near = nx.single_source_shortest_path_length(nx.Graph(inside), first)
    ranked = sorted(near, key=lambda name: (near[name], name))
    return tuple(sorted(ranked[:SAMPLE_SIGNALS]))


def _alone(isolated: IsolatedSignal, name: str, ranked: list[int]) -> list[Plans]:
    found = [isolated.candidates(cycle_s)[0] for cycle_s in ranked[: cycles_refined(1)]]
    found.sort(key=lambda candidate: (candidate.cost, candidate.program.cycle_s))
    return [{name: candidate.plan} for candidate in found]


def _refine(descent: Descent, ground: Ground, group: tuple[str, ...], best: float) -> None:
    """Search programs and offsets from where the descent stands, from bands and link tables.

    Where that comes nowhere near the best of other cycles, the search ends early.
    """
    descent.descend(full=True)
    rested = dict(descent.settings)
    if len(group) <= SEEDED_SIGNALS:
        network = ground.network
        seeds = seeded(network, ground.street, descent.plans(), group, ground.corridor, ground.seed)
        for plans in list(seeds):
            cost, kept = descent.cost, dict(descent.settings)
            descent.restore(
                {name: (kept[name][0], _begin_s(network, plans[name])) for name in group}
            )
            descent.descend(full=False)
            if not descent.cost < cost:
                descent.restore(kept)
    if descent.cost > best * (1.0 + FAR_BEHIND):
        return
    descent.move_blocks(ground.coupled)
    if descent.settings != rested:
        descent.descend(full=True)


def _begin_s(network: RoadNetwork, plan: TimingPlan) -> int:
    phasing = network.signals[plan.signal_id].phasing
    assert phasing is not None
    return plan.begin_s(phasing)
