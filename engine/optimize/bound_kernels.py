"""Kernels of the bound on offsets: what the cycles of a graph cost at the least, each on its own.

Costs are tables over the difference of two offsets, as in `engine.optimize.offset_kernels`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from engine.measures.street import Floats, Integers
from engine.optimize.offset_kernels import add_minima


class CycleArrays(NamedTuple):
    """Cycles of a graph; cycle c owns slots ``first[c]`` to ``first[c + 1]``, one per edge."""

    first: Integers
    cycle: Integers  # per slot
    sign: Integers  # per slot, -1 where the cycle runs against its edge
    first_slot: Integers  # per edge, into slot
    slot: Integers  # the slots of every edge


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
