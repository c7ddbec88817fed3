"""Signals and lawful plans drawn at random, fast enough for hundreds of thousands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from network.graph import Connection, Movement, Signal
from network.phasing import Phase, Phasing
from network.timing import OffsetReference, TimingPlan

RING = {1: 1, 2: 1, 3: 1, 4: 1, 5: 2, 6: 2, 7: 2, 8: 2}
BARRIER = {1: 1, 2: 1, 5: 1, 6: 1, 3: 2, 4: 2, 7: 2, 8: 2}
OPPOSED = {1: 2, 5: 6, 3: 4, 7: 8}
OWN = {1: 6, 5: 2, 3: 8, 7: 4}
MAIN = (2, 6)
MOST_GROUPS_OF_A_STAGE = 3


def way(group: int, foes: set[int], yields: set[int]) -> Connection:
    """Return the only way that listens to a signal group."""
    name = [f"in{g}_0>out{g}_0" for g in (group, *sorted(foes), *sorted(yields))]
    crossing, given = name[1 : 1 + len(foes)], name[1 + len(foes) :]
    return Connection(
        name[0], f"in{group}", 0, f"out{group}", 0, "", "s", 20.0, 13.9, 0.0, (group,),
        frozenset(crossing), frozenset(given),
    )  # fmt: skip


def signal_of(ways: list[Connection], phasing: Phasing) -> Signal:
    """Return a signal of these ways, without a plan in force."""
    movements = tuple(
        Movement(c.movement_id, "X", c.from_link, c.to_link, c.turn, (c,)) for c in ways
    )
    return Signal("X", 0.0, 0.0, movements, phasing, None, True, "0", "")


def stage_signal(rng: np.random.Generator) -> Signal:
    """Draw a signal of two to six stages; groups of different stages cross.

    A group may be green in two stages; one that yields shares its stage with whom it yields to.
    """
    count = int(rng.integers(2, 7))
    owners = [
        {n} for n in range(count) for _ in range(int(rng.integers(1, MOST_GROUPS_OF_A_STAGE)))
    ]
    if count > 2 and rng.random() < 0.5:
        owners.append({int(n) for n in rng.choice(count, size=2, replace=False)})
    yields: dict[int, int] = {}
    for group, mine in enumerate(list(owners)):
        if len(mine) == 1 and rng.random() < 0.3:
            # A left turn of the same stage, which waits for this group.
            yields[len(owners)] = group
            owners.append(set(mine))
    foes = {
        g: {h for h, others in enumerate(owners) if h != g and not mine & others}
        | {h for h in (yields.get(g, -1),) if h >= 0}
        | {h for h, partner in yields.items() if partner == g}
        for g, mine in enumerate(owners)
    }
    phases = [
        _phase(
            rng,
            n + 1,
            "".join(
                ("g" if g in yields else "G") if n in mine else "r" for g, mine in enumerate(owners)
            ),
            1,
            1,
            walks=False,
        )
        for n in range(count)
    ]
    ways = [way(g, foes[g], {yields[g]} if g in yields else set()) for g in range(len(owners))]
    return signal_of(ways, Phasing(tuple(phases), {}))


def ring_signal(rng: np.random.Generator) -> Signal:
    """Draw an eight-phase intersection: some left turns missing, some permitted as well."""
    throughs = [2, 6, *[[4, 8], [4], [8]][int(rng.integers(3))]]
    lefts = [
        n for n in OPPOSED if OWN[n] in throughs and OPPOSED[n] in throughs and rng.random() < 0.8
    ]
    permitted = {n for n in lefts if rng.random() < 0.5}
    numbers = sorted([*lefts, *throughs])
    group = {number: at for at, number in enumerate(numbers)}
    ways = [
        way(
            group[n],
            {group[m] for m in numbers if m != n and (BARRIER[m], RING[m]) != _beside(n)},
            {group[OPPOSED[n]]} if n in permitted else set(),
        )
        for n in numbers
    ]
    phases = []
    for n in numbers:
        aspects = ["r"] * len(numbers)
        aspects[group[n]] = "G"
        for left in permitted:
            if OWN[left] == n:
                aspects[group[left]] = "g"
        phases.append(_phase(rng, n, "".join(aspects), RING[n], BARRIER[n], walks=n in throughs))
    return signal_of(ways, Phasing(tuple(phases), {}))


def _beside(number: int) -> tuple[int, int]:
    """Barrier and ring of what may run along with a phase."""
    return BARRIER[number], 3 - RING[number]


def _phase(
    rng: np.random.Generator, number: int, aspects: str, ring: int, barrier: int, *, walks: bool
) -> Phase:
    walk_s, clear_s = 0, 0
    if walks and rng.random() < 0.6:
        walk_s, clear_s = int(rng.integers(4, 8)), int(rng.integers(3, 16))
    return Phase(
        number,
        aspects,
        int(rng.integers(4, 13)),
        int(rng.integers(30, 61)),
        int(rng.integers(0, 26)),
        ring,
        barrier,
        walk_s,
        clear_s,
    )


def lawful_plan(rng: np.random.Generator, signal: Signal) -> TimingPlan:
    """Draw a plan that breaks no rule: left turns lead, sums meet, minimums are kept.

    Parameters
    ----------
    rng
        Source of chance.
    signal
        As `stage_signal` or `ring_signal` draw it; stages come in any order.
    """
    assert signal.phasing is not None
    phases = signal.phasing.phases
    if len(signal.phasing.rings) == 1:
        order = [phases[int(at)] for at in rng.permutation(len(phases))]
        splits = {p.number: p.min_split_s + int(rng.integers(0, 11)) for p in order}
        sequence = tuple(p.number for p in order)
        cycle_s = sum(splits.values())
    else:
        splits, sequence, cycle_s = _ring_splits(rng, phases)
    coordinated = signal.phasing.phase(int(rng.choice(sequence)))
    before_end_ds = {
        OffsetReference.BEGIN_GREEN: 0,
        OffsetReference.BEGIN_YELLOW: coordinated.clearance_ds,
        OffsetReference.END_YELLOW: coordinated.red_clear_ds,
    }
    references = [reference for reference, ds in before_end_ds.items() if ds % 10 == 0]
    return TimingPlan(
        "X",
        cycle_s,
        sequence,
        tuple(splits[n] for n in sequence),
        int(rng.integers(cycle_s)),
        coordinated.number,
        references[int(rng.integers(len(references)))],
    )


def _ring_splits(
    rng: np.random.Generator, phases: tuple[Phase, ...]
) -> tuple[dict[int, int], tuple[int, ...], int]:
    splits: dict[int, int] = {}
    rings: dict[int, list[int]] = {1: [], 2: []}
    cycle_s = 0
    for barrier in rng.permutation([1, 2]):
        beside = [[p for p in phases if (p.barrier, p.ring) == (barrier, r)] for r in (1, 2)]
        least = max(sum(p.min_split_s for p in ring) for ring in beside)
        length_s = least + int(rng.integers(0, 10))
        for ring in beside:
            if not ring:
                continue
            spare = length_s - sum(p.min_split_s for p in ring)
            gifts = rng.multinomial(spare, np.full(len(ring), 1 / len(ring)))
            for phase, gift in zip(ring, gifts, strict=True):
                splits[phase.number] = phase.min_split_s + int(gift)
                rings[phase.ring].append(phase.number)
        cycle_s += length_s
    return splits, (*rings[1], *rings[2]), cycle_s


def in_force(signal: Signal, plan: TimingPlan) -> Signal:
    """Return the signal with a plan it runs today."""
    return replace(signal, plan_in_force=plan)
