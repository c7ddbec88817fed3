"""A certificate for offsets: how much better any others could be, by link tables.

Around every circle of the street the offset differences sum to zero modulo the cycle. Each
edge's table is split over the circles it lies on; what a circle costs at least, alone, is
found by (min, +) convolution, and the sum over circles is a lower bound on the cost of any
offsets, however the tables are split. Splits are improved edge by edge, which never lowers the
bound (the dual block coordinate ascent of Globerson and Jaakkola 2007, on circles; circles of
short length as in periodic scheduling, Wünsch 2008). Edges on no circle take their minimum.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import networkx as nx
import numpy as np

from engine.measures.street import Floats, Integers, Street
from engine.optimize import bound_kernels, offset_kernels
from engine.optimize.bound_kernels import CycleArrays
from engine.optimize.link_tables import LinkTables, link_tables
from network.graph import RoadNetwork
from network.timing import TimingPlan

ROUNDS = 200
PATIENCE = 10
LEAST_RISE = 1e-3
"""Part of the gap by which the bound has to rise over `PATIENCE` rounds, or it rests."""

SHORTEST_CYCLE_EDGES = 4

LOCKED_NAMED = 5
"""Signals with locked offsets that the statement names; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """How far offsets are from the best there can be, in the link-table model.

    Attributes
    ----------
    cost
        What the offsets cost, vehicle-seconds of uniform delay per cycle.
    bound
        What any offsets cost at least.
    edge_minimum
        What the pairs of signals cost if each could have its best offset difference: a lesser
        bound; cost above it is called avoidable.
    gap_pct_total, gap_pct_avoidable
        Cost above the bound, in % of the cost and of the avoidable cost.
    statement
        The certificate in words, with its limits.
    """

    cost: float
    bound: float
    edge_minimum: float
    gap_pct_total: float
    gap_pct_avoidable: float
    statement: str


def certify(
    street: Street,
    network: RoadNetwork,
    plans: Mapping[str, TimingPlan],
    group: tuple[str, ...],
    rounds: int = ROUNDS,
    locked: Collection[str] = (),
) -> Certificate:
    """Certify the offsets of one coordination group.

    Parameters
    ----------
    street, network, plans, group
        As for `engine.optimize.link_tables.link_tables`; the plans' offsets are certified.
    rounds
        Most rounds of improving the bound.
    locked
        Signals whose offsets could not move; the bound leaves them free, and says so.

    Returns
    -------
    Certificate

    Raises
    ------
    PlanError
        If a signal has no plan or no phases, or the cycles differ.
    """
    tables = link_tables(street, network, plans, group)
    offsets_s = np.array([plans[signal].offset_s for signal in group], dtype=np.int32)
    found = certificate(tables, offsets_s, rounds)
    held = sorted(set(locked) & set(group))
    if not held:
        return found
    named = ", ".join(held[:LOCKED_NAMED])
    more = f" and {len(held) - LOCKED_NAMED} more" if len(held) > LOCKED_NAMED else ""
    return replace(
        found,
        statement=f"{found.statement} The offsets of {named}{more} are locked; the bound is that "
        "of free offsets, so what these locks cost is within the gap.",
    )


def certificate(tables: LinkTables, offsets_s: Integers, rounds: int = ROUNDS) -> Certificate:
    """Certify offsets, one per signal, against link tables.

    Parameters
    ----------
    tables
        The costs.
    offsets_s
        [signal].
    rounds
        Most rounds of improving the bound; any number gives a valid one.

    Returns
    -------
    Certificate
    """
    cost = tables.total_veh_s(offsets_s)
    # Rounding may lift the bound above the cost by as much as the last digits.
    bound = min(cost, lower_bound(tables, cost, rounds))
    least = min(bound, tables.edge_minimum_veh_s)
    gap_total = _percent(cost - bound, cost)
    gap_avoidable = _percent(cost - bound, cost - least)
    left_out = (
        f" {tables.oversaturated_lanes} oversaturated lanes are left out."
        if tables.oversaturated_lanes
        else ""
    )
    statement = (
        f"In the link-table model of {len(tables.signals)} signals at a {tables.cycle_s} s cycle, "
        f"splits and sequences fixed, no offsets cost less than {bound:.1f} vehicle-seconds of "
        f"uniform delay per cycle; these cost {cost:.1f}, at most {gap_total:.2f} % too much. "
        f"The model joins adjacent signals only and takes arrivals upstream of each pair as "
        f"uniform; it says nothing of stops, spillback, chance, simulation or the street."
        f"{left_out}"
    )
    return Certificate(cost, bound, least, gap_total, gap_avoidable, statement)


def _percent(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole > offset_kernels.LEAST_GAIN else 0.0


def lower_bound(tables: LinkTables, cost_veh_s: float = np.inf, rounds: int = ROUNDS) -> float:
    """Return a lower bound on the cost of any offsets, vehicle-seconds per cycle.

    Parameters
    ----------
    tables
        The costs.
    cost_veh_s
        Of known offsets; work ends when little more of the gap can be had.
    rounds
        Most rounds.
    """
    reached: list[float] = []
    for bound in rising_bounds(tables):
        reached.append(bound)
        gap = cost_veh_s - bound
        if len(reached) > rounds or gap <= offset_kernels.LEAST_GAIN * abs(bound):
            break
        if len(reached) > PATIENCE:
            rise = bound - reached[-1 - PATIENCE]
            if rise <= LEAST_RISE * min(gap, abs(bound)):
                break
    return max(reached)


def rising_bounds(tables: LinkTables) -> Iterator[float]:
    """Yield valid lower bounds without end, none below the one before.

    Parameters
    ----------
    tables
        The costs.

    Yields
    ------
    float
        Vehicle-seconds per cycle; first with every table split evenly over its circles.
    """
    edges = list(zip(tables.tail.tolist(), tables.head.tolist(), strict=True))
    cycles = cycle_arrays(short_cycles(len(tables.signals), edges), edges)
    on_cycles = np.diff(cycles.first_slot)
    alone = float(tables.cost_veh_s[on_cycles == 0].min(axis=1).sum()) if len(edges) else 0.0
    parts = _even_parts(tables, cycles)
    order = np.flatnonzero(on_cycles > 1).astype(np.int32)
    while True:
        yield alone + bound_kernels.cycle_minima(cycles, parts)
        bound_kernels.level_edges(cycles, parts, order)
        # There and back: a change on one side reaches the other within a round.
        order = order[::-1].copy()


def _even_parts(tables: LinkTables, cycles: CycleArrays) -> Floats:
    parts = np.zeros((cycles.sign.size, tables.cycle_s))
    mirrored = np.roll(tables.cost_veh_s[:, ::-1], 1, axis=1)
    for edge, (begin, end) in enumerate(
        zip(cycles.first_slot[:-1], cycles.first_slot[1:], strict=True)
    ):
        for slot in cycles.slot[begin:end]:
            table = tables.cost_veh_s if cycles.sign[slot] > 0 else mirrored
            parts[slot] = table[edge] / (end - begin)
    return parts


def cycle_arrays(cycles: list[list[int]], edges: list[tuple[int, int]]) -> CycleArrays:
    """Lay cycles, given as nodes in turn, out as slots of edges."""
    row_of = {pair: row for row, pair in enumerate(edges)}
    first, rows, signs, owner = [0], [], [], []
    for c, nodes in enumerate(cycles):
        for a, b in zip(nodes, nodes[1:] + nodes[:1], strict=True):
            rows.append(row_of[min(a, b), max(a, b)])
            signs.append(1 if a < b else -1)
            owner.append(c)
        first.append(len(rows))
    edge = np.array(rows, dtype=np.int32)
    slot = np.argsort(edge, kind="stable").astype(np.int32)
    first_slot = np.searchsorted(edge[slot], np.arange(len(edges) + 1)).astype(np.int32)
    return CycleArrays(
        np.array(first, dtype=np.int32),
        np.array(owner, dtype=np.int32),
        np.array(signs, dtype=np.int32),
        first_slot,
        slot,
    )


def short_cycles(nodes: int, edges: list[tuple[int, int]]) -> list[list[int]]:
    """Return a cycle basis of short cycles, each as nodes in turn.

    Parameters
    ----------
    nodes
        Number of nodes, named 0, 1, ...
    edges
        Pairs of nodes, no pair twice.

    Returns
    -------
    list of list of int
        As many cycles as are independent; the blocks of a grid where there is one.

    Notes
    -----
    Horton's method (1987): candidates are an edge and two shortest ways from its ends to a
    root; the shortest independent ones are kept. Lengths are admitted step by step, because
    in street networks short cycles suffice.
    """
    graph = nx.Graph()
    graph.add_nodes_from(range(nodes))
    graph.add_edges_from(edges)
    wanted = len(edges) - nodes + nx.number_connected_components(graph)
    bit_of = {pair: row for row, pair in enumerate(edges)}
    kept: list[list[int]] = []
    pivots: dict[int, int] = {}
    tried: set[int] = set()
    longest = SHORTEST_CYCLE_EDGES
    while len(kept) < wanted and longest < 4 * nodes:
        found = [cycle for root in range(nodes) for cycle in _through(graph, root, longest)]
        for cycle in sorted(found, key=len):
            mask = 0
            for a, b in zip(cycle, cycle[1:] + cycle[:1], strict=True):
                mask |= 1 << bit_of[min(a, b), max(a, b)]
            if mask in tried:
                continue
            tried.add(mask)
            while mask and mask.bit_length() in pivots:
                mask ^= pivots[mask.bit_length()]
            if mask:
                pivots[mask.bit_length()] = mask
                kept.append(cycle)
            if len(kept) == wanted:
                break
        longest *= 2
    return kept


def _through(graph: nx.Graph, root: int, longest: int) -> Iterator[list[int]]:
    """Yield cycles through a root made of an edge and two disjoint shortest ways to it."""
    way: dict[int, list[int]] = {root: [root]}
    frontier = [root]
    for _ in range(longest // 2):
        reached: list[int] = []
        for node in frontier:
            for neighbor in graph.adj[node]:
                if neighbor not in way:
                    way[neighbor] = [*way[node], neighbor]
                    reached.append(neighbor)
        frontier = reached
    for node, one in way.items():
        for neighbor in graph.adj[node]:
            two = way.get(neighbor)
            if two is None or node >= neighbor or len(one) < 2 or len(two) < 2:
                continue
            if one[1] != two[1] and len(one) + len(two) - 1 <= longest:
                yield one + two[:0:-1]
