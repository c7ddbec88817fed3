# mypy: disallow-untyped-decorators=False
"""Programs of one signal as arrays: splits that fill a cycle, and what they show each second."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.measures.street import Floats, Integers

Shown = NDArray[np.int8]

REST = -1
"""Part of a program that lasts as long as it is, whatever the splits."""

IDLE = -2
"""A ring that serves nobody between barriers 0; less one for each further barrier."""


@njit(cache=True, error_model="numpy")
def fill_splits(
    least_s: Integers,
    segment: Integers,
    ring: Integers,
    need: Floats,
    worth: Floats,
    cycle_s: int,
    splits_s: Integers,
) -> None:
    """Fill a cycle second by second, each where the worst degree of saturation falls most.

    Parameters
    ----------
    least_s, segment, ring
        [phase] least split, number of its barrier, number of its ring; phases of a ring and
        barrier stand next to each other.
    need, worth
        [claim] and [claim, phase], as `splits.LaneNeeds` has them.
    cycle_s
        At least as long as the least splits need.
    splits_s
        [phase]: filled in.
    """
    phases = least_s.size
    segments = segment.max() + 1
    rings = ring.max() + 1
    splits_s[:] = least_s
    gain = np.zeros(phases)
    length_s = np.zeros((segments, rings), dtype=np.int32)
    for p in range(phases):
        length_s[segment[p], ring[p]] += least_s[p]
    total = 0
    for g in range(segments):
        longest = length_s[g].max()
        total += longest
        for r in range(rings):
            if length_s[g, r] == 0:
                continue
            for _ in range(longest - length_s[g, r]):
                _gains(need, worth, splits_s, gain)
                splits_s[_best(segment, ring, g, r, gain, splits_s)] += 1
    for _ in range(cycle_s - total):
        most = _gains(need, worth, splits_s, gain)
        chosen = -1
        value = 0.0
        for g in range(segments):
            together = 0.0
            shortest = np.int32(1 << 30)
            for r in range(rings):
                p = _best(segment, ring, g, r, gain, splits_s)
                if p >= 0:
                    together += gain[p]
                    shortest = min(shortest, splits_s[p])
            # Nobody gains: the shortest phase gets the second, so that none is left far behind.
            worthy = together if most > 0.0 else -float(shortest)
            if chosen < 0 or worthy > value:
                chosen, value = g, worthy
        for r in range(rings):
            p = _best(segment, ring, chosen, r, gain, splits_s)
            if p >= 0:
                splits_s[p] += 1


@njit(cache=True, error_model="numpy")
def _gains(need: Floats, worth: Floats, splits_s: Integers, gain: Floats) -> float:
    gain[:] = 0.0
    for w in range(need.size):
        if need[w] <= 0.0:
            continue
        green = 0.0
        for p in range(gain.size):
            green += worth[w, p] * splits_s[p]
        # The phase that relieves the most saturated lanes, the worst first.
        weight = (need[w] / max(green, 0.1)) ** 8
        for p in range(gain.size):
            gain[p] += weight * worth[w, p]
    return float(gain.max())


@njit(cache=True, error_model="numpy")
def _best(
    segment: Integers, ring: Integers, g: int, r: int, gain: Floats, splits_s: Integers
) -> int:
    """Return the phase of a ring between two barriers that a second is best given to, or -1."""
    most = -1
    shortest = -1
    for p in range(gain.size):
        if segment[p] == g and ring[p] == r:
            if most < 0 or gain[p] > gain[most]:
                most = p
            if shortest < 0 or splits_s[p] < splits_s[shortest]:
                shortest = p
    return most if most < 0 or gain[most] > 0.0 else shortest


@njit(cache=True, error_model="numpy")
def shown(
    items: tuple[Integers, Integers, Integers, Shown],
    segment: Integers,
    ring: Integers,
    splits_s: Integers,
    way_groups: Integers,
    losses_s: tuple[int, int],
    found: Shown,
) -> None:
    """Fill in what a program's ways are served in each second, as `evaluation.usable` says it.

    Parameters
    ----------
    items
        Parts of the program, ring by ring: ring, phase (`REST` or `IDLE` if none), tenths of a
        second beyond the phase's split, and [item, group] 2 protected, 1 permissive, 0 neither.
    segment, ring, splits_s
        [phase].
    way_groups
        [way, place], filled up with -1.
    losses_s
        Green not used at its beginning, and yellow used after its end.
    found
        [way, second of the cycle]: 1 protected, -1 permissive, 0 red.
    """
    item_ring, item_phase, item_ds, item_code = items
    cycle = found.shape[1]
    groups = item_code.shape[1]
    rings = ring.max() + 1
    length_s = np.zeros((segment.max() + 1, rings), dtype=np.int32)
    for p in range(segment.size):
        length_s[segment[p], ring[p]] += splits_s[p]
    code = np.zeros((groups, cycle), dtype=np.int8)
    passed_ds = np.zeros(rings, dtype=np.int32)
    for i in range(item_ring.size):
        duration_ds = item_ds[i]
        if item_phase[i] >= 0:
            duration_ds += 10 * splits_s[item_phase[i]]
        elif item_phase[i] <= IDLE:
            duration_ds += 10 * length_s[IDLE - item_phase[i]].max()
        r = item_ring[i]
        begin = (passed_ds[r] + 4) // 10
        passed_ds[r] += duration_ds
        # A second in which the picture changes counts as what most of it shows.
        end = min((passed_ds[r] + 4) // 10, cycle)
        for g in range(groups):
            if item_code[i, g] > 0:
                for t in range(begin, end):
                    code[g, t] = max(code[g, t], item_code[i, g])
    start_loss_s, end_gain_s = losses_s
    row = np.zeros(cycle, dtype=np.int8)
    for w in range(found.shape[0]):
        for t in range(cycle):
            row[t] = 2
        # No slices: each would be counted in and out of use.
        for place in range(way_groups.shape[1]):
            g = way_groups[w, place]
            if g >= 0:
                for t in range(cycle):
                    row[t] = min(row[t], code[g, t])
        for t in range(cycle):
            row[t] = 1 if row[t] == 2 else -row[t]
        for t in range(cycle):
            found[w, t] = row[t]
        before = row[cycle - 1]
        for t in range(cycle):
            if row[t] == 0 and before != 0:
                for gained in range(end_gain_s):
                    found[w, (t + gained) % cycle] = before
            before = row[t]
        # The loss comes last: where green is shorter than it, it eats what yellow would give.
        for t in range(cycle):
            if row[t] != 0 and before == 0:
                for lost in range(start_loss_s):
                    found[w, (t + lost) % cycle] = 0
            before = row[t]


@njit(cache=True, error_model="numpy")
def shown_each(
    items: tuple[Integers, Integers, Integers, Shown],
    segment: Integers,
    ring: Integers,
    splits_s: Integers,
    way_groups: Integers,
    losses_s: tuple[int, int],
    found: Shown,
) -> None:
    """Fill in what several programs of one sequence and cycle show, one after the other.

    Parameters
    ----------
    splits_s
        [program, phase].
    found
        [program, way, second of the cycle].
    items, segment, ring, way_groups, losses_s
        As for `shown`.
    """
    for n in range(splits_s.shape[0]):
        shown(items, segment, ring, splits_s[n], way_groups, losses_s, found[n])
