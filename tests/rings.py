"""Hypothesis strategies: eight-phase intersections with two rings, and plans for them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from network.graph import Signal
from network.phasing import Phase, Phasing
from network.timing import OffsetReference, TimingPlan
from tests.strategies import connection, signal_of

OPPOSED_THROUGH = {1: 2, 5: 6, 3: 4, 7: 8}
"""The through phase that each left turn must wait for; it is served in the same ring."""
OWN_THROUGH = {1: 6, 5: 2, 3: 8, 7: 4}
"""The through phase of the approach that each left turn leaves from; in the other ring."""
RING = {1: 1, 2: 1, 3: 1, 4: 1, 5: 2, 6: 2, 7: 2, 8: 2}
BARRIER = {1: 1, 2: 1, 5: 1, 6: 1, 3: 2, 4: 2, 7: 2, 8: 2}


@st.composite
def crossings(draw: st.DrawFn) -> Signal:
    """Draw an intersection of two streets: some left turns missing, protected or permitted too."""
    lefts = [n for n in (1, 3, 5, 7) if draw(st.integers(0, 3))]
    throughs = [2, 6, *draw(st.sampled_from([[4, 8], [4], [8]]))]
    # A left turn needs the through phase of its own approach to be an approach at all.
    lefts = [n for n in lefts if OWN_THROUGH[n] in throughs and OPPOSED_THROUGH[n] in throughs]
    permitted = {n for n in lefts if draw(st.booleans())}
    numbers = sorted([*lefts, *throughs])
    group = {number: at for at, number in enumerate(numbers)}
    connections = []
    for number in numbers:
        foes = {m for m in numbers if m != number and not _compatible(number, m)}
        yields = {OPPOSED_THROUGH[number]} if number in permitted else set()
        connections.append(
            connection(
                group[number],
                frozenset(group[m] for m in foes),
                frozenset(group[m] for m in yields),
            )
        )
    phases = []
    for number in numbers:
        aspects = ["r"] * len(numbers)
        aspects[group[number]] = "G"
        for left in permitted:
            if OWN_THROUGH[left] == number:
                aspects[group[left]] = "g"
        walk_s, clear_s = 0, 0
        if number in throughs and draw(st.booleans()):
            walk_s, clear_s = draw(st.integers(4, 7)), draw(st.integers(3, 15))
        phases.append(
            Phase(
                number,
                "".join(aspects),
                draw(st.integers(4, 12)),
                draw(st.integers(30, 50)),
                draw(st.integers(0, 25)),
                RING[number],
                BARRIER[number],
                walk_s,
                clear_s,
            )
        )
    return signal_of(tuple(connections), Phasing(tuple(phases), {}), None)


def _compatible(a: int, b: int) -> bool:
    """Whether two phases of the standard intersection may be protected together."""
    if BARRIER[a] != BARRIER[b]:
        return False
    return RING[a] != RING[b]


@st.composite
def ring_plans(draw: st.DrawFn, signal: Signal, leading: bool = False) -> TimingPlan:
    """Draw a plan whose sums are right: rings meet, the cycle is filled, minimums are kept.

    Unless left turns lead, any order may come out, so that permitted ones may be trapped.
    """
    assert signal.phasing is not None
    by_place: dict[tuple[int, int], list[Phase]] = {}
    for phase in signal.phasing.phases:
        by_place.setdefault((phase.barrier, phase.ring), []).append(phase)
    splits: dict[int, int] = {}
    orders: dict[tuple[int, int], list[int]] = {}
    cycle_s = 0
    for barrier in draw(st.permutations([1, 2])):
        rings = [by_place[place] for place in ((barrier, 1), (barrier, 2)) if place in by_place]
        length_s = max(sum(p.min_split_s for p in ring) for ring in rings) + draw(st.integers(0, 9))
        for ring in rings:
            spare_s = length_s - sum(p.min_split_s for p in ring)
            gift = draw(st.integers(0, spare_s)) if len(ring) > 1 else spare_s
            shares = [gift, spare_s - gift] if len(ring) > 1 else [spare_s]
            for phase, share in zip(ring, shares, strict=True):
                splits[phase.number] = phase.min_split_s + share
            place = (len(orders) if not cycle_s else 2, ring[0].ring)
            order = ring if leading else draw(st.permutations(ring))
            orders[place] = [p.number for p in order]
        cycle_s += length_s
    sequence = tuple(
        n for ring in (1, 2) for at in sorted(orders) if at[1] == ring for n in orders[at]
    )
    coordinated = draw(st.sampled_from(sequence))
    reference = OffsetReference.BEGIN_GREEN
    return TimingPlan(
        "X",
        cycle_s,
        sequence,
        tuple(splits[n] for n in sequence),
        draw(st.integers(0, cycle_s - 1)),
        coordinated,
        reference,
    )


def in_force(signal: Signal, plan: TimingPlan) -> Signal:
    """Give a signal the plan it runs today."""
    return replace(signal, plan_in_force=plan)
