"""Splits and orders of phases under rings and barriers.

A stage program is one ring without barriers, and everything here then reduces to moving seconds
between its phases. With two rings, what lies between two barriers lasts equally long in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations, permutations, product
from types import MappingProxyType

from network.phasing import Phasing

Splits = dict[int, int]
SplitBounds = Mapping[int, tuple[int, int]]
"""Least and greatest split of some phases, s, beside what is lawful."""

UNBOUNDED: SplitBounds = MappingProxyType({})


def least_split_s(phasing: Phasing, number: int, bounds: SplitBounds = UNBOUNDED) -> int:
    """Return the least split of a phase that is lawful and within its bounds, s."""
    least_s = phasing.phase(number).min_split_s
    return max(least_s, bounds[number][0]) if number in bounds else least_s


def least_cycle_s(
    phasing: Phasing, sequence: tuple[int, ...], bounds: SplitBounds = UNBOUNDED
) -> int:
    """Return the shortest cycle that holds the least splits of a sequence, s."""
    return sum(
        max(sum(least_split_s(phasing, n, bounds) for n in ring) for ring in segment)
        for segment in phasing.segments(sequence)
    )


def longest_cycle_s(
    phasing: Phasing, sequence: tuple[int, ...], bounds: SplitBounds = UNBOUNDED
) -> float | None:
    """Return the longest cycle that a sequence can fill, s.

    Parameters
    ----------
    phasing, sequence
        The signal's phases, and those to serve.
    bounds
        Of its splits.

    Returns
    -------
    float or None
        Infinite where a phase between all barriers is without bounds; None where rings cannot
        meet at a barrier.
    """
    whole_s = 0.0
    for segment in phasing.segments(sequence):
        rings = [ring for ring in segment if ring]
        least_s = max(sum(least_split_s(phasing, n, bounds) for n in ring) for ring in rings)
        most_s = min(
            sum(float(bounds[n][1]) if n in bounds else float("inf") for n in ring)
            for ring in rings
        )
        if most_s < least_s:
            return None
        whole_s += most_s
    return whole_s


def filled(
    phasing: Phasing,
    sequence: tuple[int, ...],
    cycle_s: int,
    worth: Callable[[Mapping[int, int]], Mapping[int, float]],
    bounds: SplitBounds = UNBOUNDED,
) -> Splits | None:
    """Fill a cycle second by second, each where it is worth most.

    Parameters
    ----------
    phasing, sequence
        The signal's phases, and those to serve.
    cycle_s
        Cycle, s.
    worth
        From the splits so far, what one more second of each phase is worth.
    bounds
        Of its splits.

    Returns
    -------
    dict or None
        Split of each phase in s; rings meet at the barriers. None where the least splits do not
        fit into the cycle, or the greatest do not fill it.
    """
    segments = phasing.segments(sequence)
    spare_s = cycle_s - least_cycle_s(phasing, sequence, bounds)
    most_s = longest_cycle_s(phasing, sequence, bounds)
    if spare_s < 0 or most_s is None or most_s < cycle_s:
        return None
    splits = {number: least_split_s(phasing, number, bounds) for number in sequence}

    def able(ring: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(n for n in ring if n not in bounds or splits[n] < bounds[n][1])

    for segment in segments:
        length_s = max(sum(splits[n] for n in ring) for ring in segment)
        for ring in segment:
            for _ in range(length_s - sum(splits[n] for n in ring) if ring else 0):
                gain = worth(splits)
                splits[_best(able(ring), gain, splits)] += 1
    for _ in range(spare_s):
        gain = worth(splits)
        open_rings = [[able(ring) for ring in segment if ring] for segment in segments]
        takers = [
            [_best(ring, gain, splits) for ring in rings] for rings in open_rings if all(rings)
        ]
        # Nobody gains: the shortest phase gets the second, so that none is left far behind.
        if max(gain.values()) > 0:
            chosen = max(takers, key=lambda numbers: sum(gain[n] for n in numbers))
        else:
            chosen = min(takers, key=lambda numbers: min(splits[n] for n in numbers))
        for number in chosen:
            splits[number] += 1
    return splits


def _best(ring: tuple[int, ...], gain: Mapping[int, float], splits: Splits) -> int:
    if max(gain[number] for number in ring) > 0:
        return max(ring, key=lambda number: gain[number])
    return min(ring, key=lambda number: splits[number])


def moves(
    phasing: Phasing,
    sequence: tuple[int, ...],
    splits: Mapping[int, int],
    step_s: int,
    bounds: SplitBounds = UNBOUNDED,
) -> Iterator[Splits]:
    """Yield every way to move some seconds from phases to others and keep the barriers.

    Parameters
    ----------
    phasing, sequence
        The signal's phases, and those served.
    splits
        Split of each, s.
    step_s
        Seconds to move.
    bounds
        Of its splits.
    """
    segments = phasing.segments(sequence)
    spare = {n for n in sequence if splits[n] - step_s >= least_split_s(phasing, n, bounds)}
    full = {n for n, (_, most_s) in bounds.items() if n in splits and splits[n] + step_s > most_s}
    for segment in segments:
        for ring in segment:
            for giver, taker in permutations(ring, 2):
                if giver in spare and taker not in full:
                    yield {**splits, giver: splits[giver] - step_s, taker: splits[taker] + step_s}
    for giving, taking in permutations(segments, 2):
        givers = [[n for n in ring if n in spare] for ring in giving if ring]
        takers = [[n for n in ring if n not in full] for ring in taking if ring]
        for less in product(*givers):
            for more in product(*takers):
                moved = dict(splits)
                for number in less:
                    moved[number] -= step_s
                for number in more:
                    moved[number] += step_s
                yield moved


def orders(phasing: Phasing, sequence: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield the orders that rings allow: each ring's phases between two barriers in any order.

    The given order comes first. A stage program has that one here; `stage_orders` has others.

    Parameters
    ----------
    phasing
        The signal's phases.
    sequence
        Phases to serve.
    """
    segments = phasing.segments(sequence)
    if len(phasing.rings) == 1:
        yield sequence
        return
    places = [(at, ring) for at, segment in enumerate(segments) for ring in range(len(segment))]
    for chosen in product(*(permutations(segments[at][ring]) for at, ring in places)):
        by_ring: dict[int, list[int]] = {}
        for (_, ring), numbers in zip(places, chosen, strict=True):
            by_ring.setdefault(ring, []).extend(numbers)
        yield tuple(number for ring in sorted(by_ring) for number in by_ring[ring])


STAGES_PERMUTED = 5
"""Stages of which all cyclic orders are looked at: 24 of five, 120 of six."""


def stage_orders(sequence: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield other cyclic orders of the stages of one ring, the first one left in front.

    Parameters
    ----------
    sequence
        The order now. Of more than `STAGES_PERMUTED` stages only orders are yielded in which two
        neighbors have changed places; step by step they lead to every order.
    """
    first, *others = sequence
    if len(sequence) <= STAGES_PERMUTED:
        for order in permutations(others):
            if order != tuple(others):
                yield (first, *order)
        return
    for at in range(len(others) - 1):
        changed = list(others)
        changed[at], changed[at + 1] = changed[at + 1], changed[at]
        yield (first, *changed)
    yield (first, *others[1:], others[0])
    yield (first, others[-1], *others[:-1])


def subsets(phasing: Phasing, sequence: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield a sequence with phases left out, fewest phases first, two at least.

    Parameters
    ----------
    phasing
        The signal's phases. With several rings only phases whose groups another phase serves as
        well are left out; the rest of a ring could not be served at all.
    sequence
        The whole sequence.
    """
    groups = {
        n: {g for g in range(phasing.group_count) if phasing.phase(n).serves(g)} for n in sequence
    }
    needless = [
        n for n in sequence if groups[n] <= set().union(*(groups[m] for m in sequence if m != n))
    ]
    for size in range(len(needless), 0, -1):
        for left_out in combinations(needless, size):
            kept = tuple(n for n in sequence if n not in left_out)
            if len(kept) >= 2:
                yield kept
