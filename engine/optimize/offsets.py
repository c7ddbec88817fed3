"""Offsets of a coordination group by search on link tables.

The search anneals by whole forests: a random part of the graph without circles is solved
exactly by dynamic programming while the rest stands still, over and over, with noise on the
costs that dies away (perturb-and-MAP, Papandreou and Yuille 2011; forests as in Hamze and de
Freitas 2004). Then comes a local search: connected blocks are shifted as a whole and single
signals take the best of all offsets. Where the whole graph has no circle, one forest is the
optimum. The effort is counted in forests and trials, so that equal input gives equal offsets
on any machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from engine.measures.street import Integers, Street
from engine.optimize import offset_kernels
from engine.optimize.link_tables import LinkTables, link_tables
from engine.optimize.offset_kernels import HalfEdges
from network.graph import RoadNetwork
from network.timing import TimingPlan

ROUNDS = 6
FRESH_NOISE, WARM_NOISE = 2.0, 0.5
"""Noise at the start of a round, in standard deviations of a link's cost over its offsets."""

FRESH_FORESTS, WARM_FORESTS = 400, 200
CALM_PART = 0.03
"""Part of the forests of a round that is solved without noise, at its end."""

TRIALS_PER_SIGNAL = 4
LARGEST_BLOCK = 8


def find_offsets(
    tables: LinkTables, start_s: Integers, seed: int, rounds: int = ROUNDS
) -> Integers:
    """Search for offsets of least cost.

    Parameters
    ----------
    tables
        The costs.
    start_s
        [signal], offsets to start from, 0 to cycle - 1.
    seed
        For blocks, shifts and forests.
    rounds
        Annealings; odd ones begin anywhere, even ones near the best so far.

    Returns
    -------
    ndarray
        [signal], offsets that cost no more than the start; the least possible where the
        graph is a forest.
    """
    best = start_s.astype(np.int32)
    signals, cycle_s = len(tables.signals), tables.cycle_s
    if not tables.tail.size or cycle_s < 2:
        return best
    halves = half_edges(tables)
    whole = np.ones(signals, dtype=np.int32)
    if (offset_kernels.choose_forest(halves, np.arange(signals, dtype=np.int32)) == whole).all():
        offset_kernels.solve_forest(halves, best, whole, np.zeros((signals, cycle_s)))
        return best
    rng = np.random.default_rng(seed)
    spread = float(tables.cost_veh_s.std(axis=1).mean())
    least = offset_kernels.total_cost(halves, best)
    for number in range(rounds):
        if number % 2 == 0:
            offsets = rng.integers(cycle_s, size=signals, dtype=np.int32)
            _anneal(halves, offsets, FRESH_NOISE * spread, FRESH_FORESTS, rng)
        else:
            offsets = best.copy()
            _anneal(halves, offsets, WARM_NOISE * spread, WARM_FORESTS, rng)
        offset_kernels.shift_blocks(halves, offsets, _draws(signals, cycle_s, rng))
        cost = offset_kernels.total_cost(halves, offsets)
        if cost < least:
            least, best = cost, offsets
    return best


def _anneal(
    halves: HalfEdges, offsets: Integers, noise: float, forests: int, rng: np.random.Generator
) -> None:
    """Solve random forests under falling noise, `offsets` changed in place."""
    shape = (offsets.size, halves.doubled.shape[1] // 2)
    for number in range(forests):
        chosen = offset_kernels.choose_forest(
            halves, rng.permutation(offsets.size).astype(np.int32)
        )
        left = 1.0 - number / forests
        level = noise * left**2 if left > CALM_PART else 0.0
        offset_kernels.solve_forest(halves, offsets, chosen, level * rng.standard_normal(shape))


def _draws(signals: int, cycle_s: int, rng: np.random.Generator) -> Integers:
    trials = TRIALS_PER_SIGNAL * signals
    largest = max(1, min(LARGEST_BLOCK, signals - 1))
    return np.stack(
        [
            rng.integers(signals, size=trials),
            rng.integers(1, largest + 1, size=trials),
            rng.integers(1, cycle_s, size=trials),
        ],
        axis=1,
    ).astype(np.int32)


def half_edges(tables: LinkTables) -> HalfEdges:
    """See every edge of the tables from both its ends."""
    own = np.concatenate([tables.tail, tables.head])
    other = np.concatenate([tables.head, tables.tail])
    # The head sees its own offset less the tail's; the tail sees the opposite.
    mirrored = np.roll(tables.cost_veh_s[:, ::-1], 1, axis=1)
    costs = np.concatenate([mirrored, tables.cost_veh_s])
    order = np.lexsort((other, own))
    first = np.searchsorted(own[order], np.arange(len(tables.signals) + 1))
    return HalfEdges(
        first.astype(np.int32), other[order], np.tile(costs[order], (1, 2)).astype(np.float64)
    )


def table_offsets(
    street: Street,
    network: RoadNetwork,
    plans: Mapping[str, TimingPlan],
    group: tuple[str, ...],
    seed: int,
) -> dict[str, TimingPlan]:
    """Give a group better offsets by link tables: a starting point for the full search.

    Parameters
    ----------
    street, network, plans, group
        As for `engine.optimize.link_tables.link_tables`.
    seed
        For the search.

    Returns
    -------
    dict
        The group's plans with new offsets; the first signal keeps its own. Splits, sequences
        and offset references stay as they are.

    Raises
    ------
    PlanError
        If a signal has no plan or no phases, or the cycles differ.
    """
    tables = link_tables(street, network, plans, group)
    start_s = np.array([plans[signal].offset_s for signal in group], dtype=np.int32)
    found_s = find_offsets(tables, start_s, seed)
    found_s = (found_s - found_s[:1] + start_s[:1]) % tables.cycle_s
    return {
        signal: replace(plans[signal], offset_s=int(offset_s) % plans[signal].cycle_s)
        for signal, offset_s in zip(group, found_s, strict=True)
    }
