"""Random phasings and plans that a cabinet can run."""

from __future__ import annotations

from hypothesis import strategies as st

from network.phasing import Interval, Phase, Phasing
from network.timing import OffsetReference, TimingPlan

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


def shown(plan: TimingPlan, phasing: Phasing, time_ds: int) -> str:
    """What a fixed program shows at a tenth, played from the plan's own intervals."""
    into_ds = (time_ds - plan.begin_s(phasing) * 10) % (plan.cycle_s * 10)
    for interval in plan.intervals(phasing):
        if into_ds < interval.duration_ds:
            return interval.aspects
        into_ds -= interval.duration_ds
    raise AssertionError("the intervals do not fill the cycle")
