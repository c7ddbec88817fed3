"""Random phasings and plans that a cabinet can run."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from benchmarks.safety.drawn import lawful_plan, ring_signal
from network.phasing import Interval, Phase, Phasing
from network.timing import OffsetReference, TimingPlan

MOST_CYCLE_S = 255
CLEARANCES_DS = ((0, 0), (30, 0), (30, 10), (35, 15), (42, 18), (40, 20))


@st.composite
def phasings(draw: st.DrawFn, least: int = 1, most: int = 6) -> Phasing:
    """Phases with random aspects; some clearances staggered, as real programs show them."""
    count = draw(st.integers(least, most))
    width = draw(st.integers(1, 6))
    phases = []
    for number in draw(st.permutations(range(1, count + 1))):
        aspects = draw(st.text("Ggsr", min_size=width, max_size=width))
        yellow_ds, red_ds = draw(st.sampled_from(CLEARANCES_DS))
        phases.append(Phase(number, aspects, draw(st.integers(1, 9)), yellow_ds, red_ds))
    fixed = {}
    for phase in phases:
        following = draw(st.sampled_from(phases))
        length_ds = phase.yellow_ds + phase.red_clear_ds
        if following is phase or length_ds < 20 or not draw(st.booleans()):
            continue
        first, second = draw(st.tuples(*[st.text("Gyru", min_size=width, max_size=width)] * 2))
        cut_ds = draw(st.integers(1, length_ds - 1))
        staggered = (Interval(first, cut_ds), Interval(second, length_ds - cut_ds))
        fixed[phase.number, following.number] = staggered
    return Phasing(tuple(phases), fixed)


@st.composite
def plans(draw: st.DrawFn, phasing: Phasing) -> TimingPlan:
    """A lawful plan: any phases in any order, any reference point that is a whole second."""
    numbers = [phase.number for phase in phasing.phases]
    sequence = tuple(draw(st.lists(st.sampled_from(numbers), min_size=1, unique=True)))
    splits = tuple(
        phasing.phase(number).min_split_s + draw(st.integers(0, 15)) for number in sequence
    )
    coordinated = draw(st.sampled_from(sequence))
    references = [OffsetReference.BEGIN_GREEN, OffsetReference.BEGIN_YELLOW]
    if phasing.phase(coordinated).red_clear_ds % 10 == 0:
        references.append(OffsetReference.END_YELLOW)
    cycle_s = sum(splits)
    return TimingPlan(
        signal_id="s",
        cycle_s=cycle_s,
        sequence=sequence,
        splits_s=splits,
        offset_s=draw(st.integers(0, cycle_s - 1)),
        coordinated_phase=coordinated,
        offset_reference=draw(st.sampled_from(references)),
    )


@st.composite
def ring_cases(draw: st.DrawFn, count: int = 1) -> tuple[Phasing, *tuple[TimingPlan, ...]]:
    """An eight-phase signal, some phases missing, and plans that a controller can run.

    The plans keep every rule, or every one but the left-turn trap.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    signal = ring_signal(rng)
    assert signal.phasing is not None
    found: list[TimingPlan] = []
    while len(found) < count:
        plan = lawful_plan(rng, signal)
        if rng.random() < 0.5:
            plan = loosened(plan, signal.phasing, rng)
        if plan.cycle_s <= MOST_CYCLE_S:
            found.append(plan)
    return (signal.phasing, *found)


@st.composite
def many_rings(draw: st.DrawFn) -> tuple[Phasing, TimingPlan, TimingPlan]:
    """Up to four rings and three barriers, up to two phases between barriers, and two plans."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rings, barriers = draw(st.integers(2, 4)), draw(st.integers(1, 3))
    # Ring 1 serves somebody everywhere; elsewhere a ring may have nothing to serve.
    places = [
        (ring, barrier)
        for barrier in range(1, barriers + 1)
        for ring in range(1, rings + 1)
        for _ in range(int(rng.integers(int(ring == 1), 3)))
    ]
    phases = tuple(
        Phase(
            number,
            "".join("G" if group == number else "r" for group in range(1, len(places) + 1)),
            int(rng.integers(1, 6)),
            *CLEARANCES_DS[int(rng.integers(len(CLEARANCES_DS)))],
            ring,
            barrier,
        )
        for number, (ring, barrier) in enumerate(places, start=1)
    )
    phasing = Phasing(phases, {})
    return phasing, _plan_of(phasing, rng), _plan_of(phasing, rng)


def _plan_of(phasing: Phasing, rng: np.random.Generator) -> TimingPlan:
    splits: dict[int, int] = {}
    for barrier in rng.permutation(sorted({phase.barrier for phase in phasing.phases})):
        beside = [
            [p for p in phasing.phases if (p.ring, p.barrier) == (ring, barrier)]
            for ring in phasing.rings
        ]
        least = [sum(p.min_split_s for p in line) for line in beside]
        length_s = max(least) + int(rng.integers(0, 9))
        for line, least_s in zip(beside, least, strict=True):
            order = [line[int(at)] for at in rng.permutation(len(line))]
            splits.update({p.number: p.min_split_s for p in order})
            if order:
                splits[order[0].number] += length_s - least_s
    sequence = tuple(sorted(splits, key=lambda n: phasing.phase(n).ring))
    first = phasing.rings[0]
    cycle_s = sum(splits[n] for n in sequence if phasing.phase(n).ring == first)
    return TimingPlan(
        "s",
        cycle_s,
        sequence,
        tuple(splits[n] for n in sequence),
        int(rng.integers(cycle_s)),
        int(rng.choice(sequence)),
    )


def loosened(plan: TimingPlan, phasing: Phasing, rng: np.random.Generator) -> TimingPlan:
    """Return a plan with other phases leading, and some left out whose time another one takes."""
    splits: dict[int, int] = {}
    for segment in phasing.segments(plan.sequence):
        for ring in segment:
            order = [int(number) for number in rng.permutation(ring)]
            kept = [n for n in order if n == plan.coordinated_phase or rng.random() < 0.7]
            kept = kept or order[:1]
            left_s = sum(plan.split_s(n) for n in order if n not in kept)
            splits.update({n: plan.split_s(n) for n in kept})
            if kept:
                splits[kept[0]] += left_s
    order = sorted(splits, key=lambda n: phasing.phase(n).ring)
    return TimingPlan(
        plan.signal_id,
        plan.cycle_s,
        tuple(order),
        tuple(splits[n] for n in order),
        plan.offset_s,
        plan.coordinated_phase,
    )


def shown(plan: TimingPlan, phasing: Phasing, time_ds: int) -> str:
    """What a fixed program shows at a tenth, played from the plan's own intervals."""
    into_ds = (time_ds - plan.begin_s(phasing) * 10) % (plan.cycle_s * 10)
    for interval in plan.intervals(phasing):
        if into_ds < interval.duration_ds:
            return interval.aspects
        into_ds -= interval.duration_ds
    raise AssertionError("the intervals do not fill the cycle")
