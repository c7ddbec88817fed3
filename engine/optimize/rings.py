"""Splits and orders of phases under rings and barriers.

A stage program is one ring without barriers, and everything here then reduces to moving seconds
between its phases. With two rings, what lies between two barriers lasts equally long in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations, permutations, product

from network.phasing import Phasing

Splits = dict[int, int]


def least_cycle_s(phasing: Phasing, sequence: tuple[int, ...]) -> int:
    """Return the shortest cycle that holds the least splits of a sequence, s."""
    return sum(
        max(sum(phasing.phase(n).min_split_s for n in ring) for ring in segment)
        for segment in phasing.segments(sequence)
    )


def filled(
    phasing: Phasing,
    sequence: tuple[int, ...],
    cycle_s: int,
    worth: Callable[[Mapping[int, int]], Mapping[int, float]],
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

    Returns
    -------
    dict or None
        Split of each phase in s; rings meet at the barriers. None where the least splits do not
        fit into the cycle.
    """
    segments = phasing.segments(sequence)
    spare_s = cycle_s - least_cycle_s(phasing, sequence)
    if spare_s < 0:
        return None
    splits = {number: phasing.phase(number).min_split_s for number in sequence}
    for segment in segments:
        length_s = max(sum(splits[n] for n in ring) for ring in segment)
        for ring in segment:
            for _ in range(length_s - sum(splits[n] for n in ring) if ring else 0):
                gain = worth(splits)
                splits[_best(ring, gain, splits)] += 1
    for _ in range(spare_s):
        gain = worth(splits)
        takers = [[_best(ring, gain, splits) for ring in segment if ring] for segment in segments]
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
    phasing: Phasing, sequence: tuple[int, ...], splits: Mapping[int, int], step_s: int
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
    """
    segments = phasing.segments(sequence)
    spare = {n for n in sequence if splits[n] - step_s >= phasing.phase(n).min_split_s}
    for segment in segments:
        for ring in segment:
            for giver, taker in permutations(ring, 2):
                if giver in spare:
                    yield {**splits, giver: splits[giver] - step_s, taker: splits[taker] + step_s}
    for giving, taking in permutations(segments, 2):
        givers = [[n for n in ring if n in spare] for ring in giving if ring]
        takers = [list(ring) for ring in taking if ring]
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

    The given order comes first. A stage program, whose clearances are built for its order, has
    that one only.

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
