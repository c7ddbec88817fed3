"""Kernels of the search for offsets: whole blocks shifted, and forests solved to their optimum.

Costs are tables over the difference of two offsets, with x modulo C for second x. They have to be
finite, which `engine.optimize.link_tables.LinkTables` sees to.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from engine.measures.street import Floats, Integers

LEAST_GAIN = 1e-9
"""A change of offsets that gains less, in vehicle-seconds per cycle, is rounding."""


class HalfEdges(NamedTuple):
    """Every edge seen from both its ends; node i owns halves ``first[i]`` to ``first[i + 1]``."""

    first: Integers
    other: Integers  # the node at the far end
    doubled: Floats  # [half, 2 C], cost over own offset minus other's, plus C


@njit(cache=True, error_model="numpy", fastmath={"nnan", "nsz"})
def add_minima(one: Floats, doubled: Floats, result: Floats) -> None:
    """Convolve circularly in (min, +): result(x) = min over y of one(y) + other(x - y).

    Parameters
    ----------
    one, result
        [C]; result is overwritten.
    doubled
        [2 C], the other table twice over.
    """
    cycle_s = one.size
    for x in range(cycle_s):
        result[x] = one[0] + doubled[cycle_s + x]
    for y in range(1, cycle_s):
        level = one[y]
        begin = cycle_s - y
        for x in range(cycle_s):
            trial = level + doubled[begin + x]
            result[x] = trial if trial < result[x] else result[x]


@njit(cache=True, error_model="numpy")
def total_cost(halves: HalfEdges, offsets: Integers) -> float:
    """Return what offsets cost; every edge is seen from both ends and counts once."""
    cycle_s = halves.doubled.shape[1] // 2
    total = 0.0
    for node in range(offsets.size):
        for k in range(halves.first[node], halves.first[node + 1]):
            total += halves.doubled[k, cycle_s + offsets[node] - offsets[halves.other[k]]]
    return 0.5 * total


@njit(cache=True, error_model="numpy")
def _add_outside(
    halves: HalfEdges, offsets: Integers, inside: Integers, node: int, at: int, worth: Floats
) -> None:
    """Add, over x, what a node at offset at + x costs with neighbors of another mark."""
    cycle_s = worth.size
    for k in range(halves.first[node], halves.first[node + 1]):
        other = halves.other[k]
        if inside[other] != inside[node]:
            begin = (at - offsets[other]) % cycle_s
            for x in range(cycle_s):
                worth[x] += halves.doubled[k, begin + x]


@njit(cache=True, error_model="numpy")
def _settle(
    halves: HalfEdges, offsets: Integers, waiting: Integers, queued: Integers, count: int
) -> float:
    """Give nodes their best offsets one by one until none wants another; return the change."""
    cycle_s = halves.doubled.shape[1] // 2
    nodes = offsets.size
    worth = np.empty(cycle_s)
    change = 0.0
    head = 0
    while count > 0:
        node = waiting[head]
        head = (head + 1) % nodes
        count -= 1
        queued[node] = 0
        worth[:] = 0.0
        for k in range(halves.first[node], halves.first[node + 1]):
            begin = cycle_s - offsets[halves.other[k]]
            for x in range(cycle_s):
                worth[x] += halves.doubled[k, begin + x]
        best = np.argmin(worth)
        gain = worth[offsets[node]] - worth[best]
        if gain <= LEAST_GAIN:
            continue
        offsets[node] = best
        change -= gain
        for k in range(halves.first[node], halves.first[node + 1]):
            other = halves.other[k]
            if queued[other] == 0:
                queued[other] = 1
                waiting[(head + count) % nodes] = other
                count += 1
    return change


@njit(cache=True, error_model="numpy")
def shift_blocks(halves: HalfEdges, offsets: Integers, draws: Integers) -> float:
    """Shift connected blocks, settle the nodes they touch, and keep what does not cost more.

    Parameters
    ----------
    halves
        The graph.
    offsets
        [node], 0 to C - 1, changed in place.
    draws
        [trial, 3]: a node, the size of the block around it, and a shift 1 to C - 1. A block
        that gains by some shift takes the best one instead.

    Returns
    -------
    float
        Change of the cost, 0 or below.
    """
    nodes = offsets.size
    cycle_s = halves.doubled.shape[1] // 2
    waiting = np.empty(nodes, dtype=np.int32)
    queued = np.zeros(nodes, dtype=np.int32)
    inside = np.zeros(nodes, dtype=np.int32)
    block = np.empty(nodes, dtype=np.int32)
    worth = np.empty(cycle_s)
    kept = offsets.copy()
    change = 0.0
    for trial in range(draws.shape[0]):
        block[0] = draws[trial, 0]
        inside[block[0]] = 1
        size = 1
        grown = 0
        while grown < size and size < draws[trial, 1]:
            for k in range(halves.first[block[grown]], halves.first[block[grown] + 1]):
                other = halves.other[k]
                if inside[other] == 0 and size < draws[trial, 1]:
                    inside[other] = 1
                    block[size] = other
                    size += 1
            grown += 1
        worth[:] = 0.0
        for i in range(size):
            _add_outside(halves, offsets, inside, block[i], offsets[block[i]], worth)
        shift = np.argmin(worth)
        if worth[0] - worth[shift] <= LEAST_GAIN:
            shift = draws[trial, 2]
        delta = worth[shift] - worth[0]
        count = 0
        for i in range(size):
            offsets[block[i]] = (offsets[block[i]] + shift) % cycle_s
            for k in range(halves.first[block[i]], halves.first[block[i] + 1]):
                other = halves.other[k]
                if inside[other] == 0:
                    for touched in (block[i], other):
                        if queued[touched] == 0:
                            queued[touched] = 1
                            waiting[count] = touched
                            count += 1
        for i in range(size):
            inside[block[i]] = 0
        delta += _settle(halves, offsets, waiting, queued, count)
        if delta <= LEAST_GAIN:
            change += min(delta, 0.0)
            kept[:] = offsets
        else:
            offsets[:] = kept
    return change


@njit(cache=True, error_model="numpy")
def _root(boss: Integers, node: int) -> int:
    while boss[node] != node:
        boss[node] = boss[boss[node]]
        node = boss[node]
    return node


@njit(cache=True, error_model="numpy")
def choose_forest(halves: HalfEdges, order: Integers) -> Integers:
    """Mark with 1, in the given order, the nodes that close no circle with those before."""
    boss = np.arange(order.size, dtype=np.int32)
    chosen = np.zeros(order.size, dtype=np.int32)
    for node in order:
        closes = False
        for k in range(halves.first[node], halves.first[node + 1]):
            for other in range(halves.first[node], k):
                one, two = halves.other[k], halves.other[other]
                if chosen[one] and chosen[two] and _root(boss, one) == _root(boss, two):
                    closes = True
        if closes:
            continue
        chosen[node] = 1
        for k in range(halves.first[node], halves.first[node + 1]):
            if chosen[halves.other[k]]:
                boss[_root(boss, halves.other[k])] = node
    return chosen


@njit(cache=True, error_model="numpy")
def solve_forest(halves: HalfEdges, offsets: Integers, chosen: Integers, noise: Floats) -> None:
    """Give the chosen nodes the best offsets there are, noise included; all others keep theirs.

    Parameters
    ----------
    halves
        The graph.
    offsets
        [node], 0 to C - 1, changed in place.
    chosen
        [node], 1 where chosen; the chosen nodes contain no circle, so that dynamic programming
        from the leaves to the roots is exact.
    noise
        [node, offset], added to the cost; zero for the true optimum.
    """
    nodes = offsets.size
    cycle_s = halves.doubled.shape[1] // 2
    parent = np.full(nodes, -1, dtype=np.int32)
    down = np.full(nodes, -1, dtype=np.int32)  # the half by which the parent sees a node
    order = np.empty(nodes, dtype=np.int32)
    seen = np.zeros(nodes, dtype=np.bool_)
    worth = noise.copy()
    message = np.empty(cycle_s)
    count = 0
    for root in range(nodes):
        if chosen[root] == 0 or seen[root]:
            continue
        seen[root] = True
        order[count] = root
        head = count
        count += 1
        while head < count:
            node = order[head]
            head += 1
            _add_outside(halves, offsets, chosen, node, 0, worth[node])
            for k in range(halves.first[node], halves.first[node + 1]):
                other = halves.other[k]
                if chosen[other] and not seen[other]:
                    seen[other] = True
                    order[count] = other
                    count += 1
                    parent[other] = node
                    down[other] = k
    for i in range(count - 1, -1, -1):
        node = order[i]
        if parent[node] >= 0:
            add_minima(worth[node], halves.doubled[down[node]], message)
            worth[parent[node]] += message
    for i in range(count):
        node = order[i]
        if parent[node] >= 0:
            begin = cycle_s + offsets[parent[node]]
            for x in range(cycle_s):
                worth[node, x] += halves.doubled[down[node], begin - x]
        offsets[node] = np.argmin(worth[node])
