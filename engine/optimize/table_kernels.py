"""Kernels of the link tables: cyclic queues, offsets by search, and bounds by convolution.

Everything is cyclic: second x of C means x modulo C. Tables have to be finite, which
`engine.optimize.link_tables.LinkTables` sees to.
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


class CycleArrays(NamedTuple):
    """Cycles of a graph; cycle c owns slots ``first[c]`` to ``first[c + 1]``, one per edge."""

    first: Integers
    cycle: Integers  # per slot
    sign: Integers  # per slot, -1 where the cycle runs against its edge
    first_slot: Integers  # per edge, into slot
    slot: Integers  # the slots of every edge


@njit(cache=True, error_model="numpy")
def departures(arrivals_vps: Floats, service_vps: Floats, departures_vps: Floats) -> None:
    """Pass uniform arrivals through cyclic service.

    Parameters
    ----------
    arrivals_vps, service_vps
        [lane] and [lane, second].
    departures_vps
        [lane, second], filled in. A lane that gets more than it can serve departs as served.
    """
    lanes, cycle_s = service_vps.shape
    for lane in range(lanes):
        room = 0.0
        for t in range(cycle_s):
            room += service_vps[lane, t]
        if arrivals_vps[lane] * cycle_s >= room:
            departures_vps[lane] = service_vps[lane]
            continue
        queue = 0.0
        for _ in range(2):
            for t in range(cycle_s):
                queue += arrivals_vps[lane]
                served = min(queue, service_vps[lane, t])
                queue -= served
                departures_vps[lane, t] = served


@njit(cache=True, error_model="numpy")
def disperse(profile_vps: Floats, delay_s: int, smoothing: float, arrivals_vps: Floats) -> None:
    """Add a profile to arrivals after a delay and exponential smoothing.

    Parameters
    ----------
    profile_vps, arrivals_vps
        [second]; the second one is added to.
    delay_s, smoothing
        Plain delay, and the part F of the newest second, 0 < F <= 1. Robertson's recursion with
        its exact cyclic start: one pass from zero that ends at S gives S / (1 - (1 - F)^C).
    """
    cycle_s = profile_vps.size
    level = 0.0
    for t in range(cycle_s):
        level += smoothing * (profile_vps[(t - delay_s) % cycle_s] - level)
    level /= 1.0 - (1.0 - smoothing) ** cycle_s
    for t in range(cycle_s):
        level += smoothing * (profile_vps[(t - delay_s) % cycle_s] - level)
        arrivals_vps[t] += level


@njit(cache=True, error_model="numpy")
def lane_costs(platoon_vps: Floats, rest_vps: Floats, service_vps: Floats, costs: Floats) -> None:
    """Tabulate the uniform delay of lanes over the offset from the signal that feeds them.

    Parameters
    ----------
    platoon_vps, rest_vps
        [lane, second after the feeding signal's offset] and [lane].
    service_vps
        [lane, second after the lane's own signal's offset]; enough for all that arrives.
    costs
        [lane, d], filled in: vehicle-seconds of delay per cycle where the lane's own offset is
        d later. The queue starts where a first pass from zero ends, which is exact.
    """
    lanes, cycle_s = service_vps.shape
    twice = np.empty(2 * cycle_s)
    for lane in range(lanes):
        for t in range(cycle_s):
            twice[t] = platoon_vps[lane, t] + rest_vps[lane]
            twice[t + cycle_s] = twice[t]
        for d in range(cycle_s):
            queue = 0.0
            delay = 0.0
            for _ in range(2):
                delay = 0.0
                for t in range(cycle_s):
                    queue = max(0.0, queue + twice[t + d] - service_vps[lane, t])
                    delay += queue
            costs[lane, d] = delay


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


@njit(cache=True, error_model="numpy")
def _others(cycles: CycleArrays, parts: Floats, slot: int, room: Floats) -> int:
    """Convolve the parts of a cycle without one slot; return the row of `room` with the sum."""
    cycle_s = parts.shape[1]
    row = -1
    for k in range(cycles.first[cycles.cycle[slot]], cycles.first[cycles.cycle[slot] + 1]):
        if k == slot:
            continue
        if row < 0:
            row = 0
            room[0, :cycle_s] = parts[k]
            continue
        room[2, :cycle_s] = parts[k]
        room[2, cycle_s:] = parts[k]
        add_minima(room[row, :cycle_s], room[2], room[1 - row, :cycle_s])
        row = 1 - row
    return row


@njit(cache=True, error_model="numpy")
def level_edges(cycles: CycleArrays, parts: Floats, order: Integers) -> None:
    """Share out edges between their cycles so that none of these would rather have it otherwise.

    Parameters
    ----------
    cycles
        The cycles.
    parts
        [slot, x], changed in place: the part of the edge's cost that its cycle carries, over
        the difference of offsets in the direction of the cycle. The parts of an edge always sum
        to its table.
    order
        Edges in the order to take them.

    Notes
    -----
    For every edge, each of its cycles gives its min-marginals (the least it costs over the
    edge's difference) and gets their mean back. The sum of the cycles' minima never falls:
    before, it is the sum of the minima of the marginals, after, the minimum of their sum.
    """
    cycle_s = parts.shape[1]
    room = np.empty((3, 2 * cycle_s))
    mean = np.empty(cycle_s)
    for edge in order:
        begin, end = cycles.first_slot[edge], cycles.first_slot[edge + 1]
        if end - begin < 2:
            continue
        mean[:] = 0.0
        for k in range(begin, end):
            slot = cycles.slot[k]
            rest = room[_others(cycles, parts, slot, room)]
            # What stays with the cycle leaves its min-marginals at zero.
            for x in range(cycle_s):
                back = (cycle_s - x) % cycle_s
                mean[x if cycles.sign[slot] > 0 else back] += parts[slot, x] + rest[back]
            for x in range(cycle_s):
                parts[slot, x] = -rest[(cycle_s - x) % cycle_s]
        for x in range(cycle_s):
            mean[x] /= end - begin
        for k in range(begin, end):
            slot = cycles.slot[k]
            for x in range(cycle_s):
                parts[slot, x] += mean[x if cycles.sign[slot] > 0 else (cycle_s - x) % cycle_s]


@njit(cache=True, error_model="numpy")
def cycle_minima(cycles: CycleArrays, parts: Floats) -> float:
    """Return the sum over cycles of the least their parts cost with differences summing to 0."""
    cycle_s = parts.shape[1]
    room = np.empty((3, 2 * cycle_s))
    total = 0.0
    for c in range(cycles.first.size - 1):
        slot = cycles.first[c]
        rest = room[_others(cycles, parts, slot, room)]
        least = np.inf
        for x in range(cycle_s):
            least = min(least, parts[slot, x] + rest[(cycle_s - x) % cycle_s])
        total += least
    return total
