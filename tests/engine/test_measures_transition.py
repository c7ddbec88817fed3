"""Controllers between two plans: bounded steps, the shorter way, nothing where nothing changes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from engine.measures.transition import (
    MAX_CORRECTION,
    most_longer_s,
    most_shorter_s,
    stretched,
    transition,
    transition_end_s,
)
from network.phasing import Phase, Phasing
from network.safety import check
from network.timing import TimingPlan
from tests.reference.toy_streets import TWO_PHASES, line, two_phase_plan

THREE = Phasing(tuple(Phase(n, aspects, 5, 30, 10) for n, aspects in
                      ((1, "Grr"), (2, "rGr"), (3, "rrG"))), {})  # fmt: skip
RINGS = Phasing(
    tuple(
        Phase(number, "".join("G" if g == number - 1 else "r" for g in range(4)), 5, 30, 10,
              ring=ring, barrier=barrier)
        for number, ring, barrier in ((1, 1, 1), (2, 1, 2), (3, 2, 1), (4, 2, 2))
    ),
    {},
)  # fmt: skip


@st.composite
def three_phase_plans(draw: st.DrawFn) -> TimingPlan:
    full = draw(st.sampled_from([(1, 2, 3), (2, 3), (1, 3), (2, 3, 1)]))
    splits = tuple(draw(st.integers(9, 45)) for _ in full)
    cycle_s = sum(splits)
    offset_s = draw(st.integers(0, cycle_s - 1))
    return TimingPlan("X", cycle_s, full, splits, offset_s, draw(st.sampled_from(full)))


@given(three_phase_plans(), st.integers(0, 86_400))
def test_a_plan_that_stays_needs_no_correction(plan: TimingPlan, switch_s: int) -> None:
    move = transition(plan, plan, THREE, switch_s)
    assert move.cycles == ()
    assert move.late_at_s(switch_s) == 0


@given(three_phase_plans(), three_phase_plans(), st.integers(0, 86_400))
def test_correction_ends_in_step_and_each_cycle_keeps_its_bounds(
    old: TimingPlan, new: TimingPlan, switch_s: int
) -> None:
    move = transition(old, new, THREE, switch_s)
    assert move.phase is not None
    assert switch_s <= move.crossing_s < switch_s + old.cycle_s
    entered = new.begin_s(THREE) + new.start_s(move.phase, THREE)
    assert (move.in_step_s - entered) % new.cycle_s == 0
    assert (move.crossing_s - old.begin_s(THREE) - old.start_s(move.phase, THREE)) % (
        old.cycle_s
    ) == 0
    for cycle in move.cycles:
        assert sum(cycle.splits_s) == cycle.cycle_s
        assert cycle.sequence[0] == move.phase
        assert abs(cycle.cycle_s - new.cycle_s) <= max(1, MAX_CORRECTION * new.cycle_s)
        for number, split_s in zip(cycle.sequence, cycle.splits_s, strict=True):
            assert split_s >= THREE.phase(number).min_split_s
    assert len({cycle.cycle_s > new.cycle_s for cycle in move.cycles}) <= 1


def test_the_shorter_way_is_taken() -> None:
    plan = TimingPlan("X", 90, (1, 2, 3), (30, 30, 30), 0, 1)
    late = transition(plan, replace(plan, offset_s=80), THREE, 0)
    early = transition(plan, replace(plan, offset_s=10), THREE, 0)
    assert [cycle.cycle_s for cycle in late.cycles] == [80]
    assert [cycle.cycle_s for cycle in early.cycles] == [100]
    assert late.late_s == (10,)
    assert early.late_s == (80,)


def test_least_greens_force_the_longer_way() -> None:
    tight = Phasing(tuple(replace(phase, min_green_s=26) for phase in THREE.phases), {})
    plan = TimingPlan("X", 90, (1, 2, 3), (30, 30, 30), 0, 1)
    move = transition(plan, replace(plan, offset_s=80), tight, 0)
    assert most_shorter_s(plan, tight) == 0
    assert [cycle.cycle_s for cycle in move.cycles] == [108, 108, 108, 108, 98]


def test_lateness_holds_until_the_cycle_that_ends_it() -> None:
    plan = TimingPlan("X", 90, (1, 2, 3), (30, 30, 30), 0, 1)
    move = transition(plan, replace(plan, offset_s=40), THREE, 900)
    assert move.crossing_s == 900
    assert move.late_s == (50, 68, 86)
    assert [move.late_at_s(at) for at in (900, 1007, 1009, 1200, 1210)] == [50, 50, 68, 86, 0]


@given(st.integers(9, 40), st.integers(9, 40), st.integers(-30, 30))
def test_rings_stay_together_when_a_cycle_is_stretched(a: int, b: int, seconds: int) -> None:
    plan = TimingPlan("X", a + b, (1, 2, 3, 4), (a, b, a, b), 0, 1)
    least_s, most_s = most_shorter_s(plan, RINGS), most_longer_s(plan)
    changed = stretched(plan, RINGS, max(-least_s, min(most_s, seconds)))
    assert changed.split_s(1) == changed.split_s(3)
    assert changed.split_s(2) == changed.split_s(4)
    assert changed.split_s(1) + changed.split_s(2) == changed.cycle_s
    assert min(changed.splits_s) >= 9


def test_correction_cycles_are_lawful() -> None:
    signal = line("A").signals["A"]
    old, new = two_phase_plan("A", 60, 30), two_phase_plan("A", 75, 50, 31)
    for cycle in transition(old, new, TWO_PHASES, 450).cycles:
        assert check(cycle, signal) == ()


def test_the_last_signal_in_step_ends_the_transition() -> None:
    old = {name: two_phase_plan(name, 60, 30) for name in "AB"}
    new = {"A": old["A"], "B": replace(old["B"], offset_s=25)}
    phasings = dict.fromkeys("AB", TWO_PHASES)
    assert transition_end_s(old, old, phasings, 600) == 600
    ends_s = transition(old["B"], new["B"], TWO_PHASES, 600).in_step_s
    assert transition_end_s(old, new, phasings, 600) == ends_s > 600
