"""Two rings side by side: what the street sees, and what both checkers make of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from network.errors import PlanError, TopologyError
from network.graph import Signal
from network.phasing import Interval, Phase, Phasing, side_by_side
from network.safety import SignalRules, check
from network.timeline import Watcher, watch
from network.timing import TimingPlan
from tests.rings import crossings, in_force, ring_plans

MANY = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def cases(draw: st.DrawFn, leading: bool = False) -> tuple[Signal, TimingPlan]:
    signal = draw(crossings())
    return signal, draw(ring_plans(signal, leading))


@MANY
@given(cases())
def test_both_checkers_agree_whether_an_order_of_phases_is_lawful(
    case: tuple[Signal, TimingPlan],
) -> None:
    signal, plan = case
    told, seen = check(plan, signal), watch(plan, signal)
    assert bool(told) == bool(seen), (told, seen)


@MANY
@given(cases(leading=True))
def test_plans_whose_left_turns_lead_are_accepted_by_both(case: tuple[Signal, TimingPlan]) -> None:
    signal, plan = case
    assert check(plan, signal) == ()
    assert watch(plan, signal) == ()


@MANY
@given(cases())
def test_the_street_sees_one_cycle_that_fills_the_cycle(case: tuple[Signal, TimingPlan]) -> None:
    signal, plan = case
    assert signal.phasing is not None
    shown = plan.intervals(signal.phasing)
    assert sum(interval.duration_ds for interval in shown) == plan.cycle_s * 10
    assert all(a.aspects != b.aspects for a, b in pairwise(shown))


@MANY
@given(cases(), st.data())
def test_a_split_that_misses_its_barrier_is_refused_by_both(
    case: tuple[Signal, TimingPlan], data: st.DataObject
) -> None:
    signal, plan = case
    at = data.draw(st.integers(0, len(plan.splits_s) - 1))
    splits = list(plan.splits_s)
    splits[at] += data.draw(st.sampled_from([-1, 1]))
    wrong = replace(plan, splits_s=tuple(splits))
    assert check(wrong, signal)
    assert watch(wrong, signal)


@MANY
@given(cases())
def test_a_walk_that_does_not_fit_is_refused_by_both(case: tuple[Signal, TimingPlan]) -> None:
    signal, plan = case
    assert signal.phasing is not None
    walking = [p for p in signal.phasing.phases if p.walk_s]
    assume(walking)
    phase = walking[0]
    green_s = plan.split_s(phase.number) - -(-phase.clearance_ds // 10)
    longer = replace(phase, ped_clear_s=green_s - phase.walk_s + 1)
    phases = tuple(longer if p.number == phase.number else p for p in signal.phasing.phases)
    slower = replace(signal, phasing=Phasing(phases, {}))
    assert "walk" in {violation.rule for violation in check(plan, slower)}
    assert "short walk" in {sighting.rule for sighting in watch(plan, slower)}


@MANY
@given(cases(), st.data())
def test_phases_that_cross_are_not_served_together(
    case: tuple[Signal, TimingPlan], data: st.DataObject
) -> None:
    signal, plan = case
    assert signal.phasing is not None
    # A left turn that is moved into the ring of the through phase beside it runs against the
    # through phase it must wait for.
    crossing = [p for p in signal.phasing.phases if p.number in (2, 6)]
    moved = replace(crossing[0], aspects="G" * len(crossing[0].aspects))
    phases = tuple(moved if p.number == moved.number else p for p in signal.phasing.phases)
    wild = replace(signal, phasing=Phasing(phases, {}))
    assert "conflicting greens" in {violation.rule for violation in check(plan, wild)}
    assert "conflicting greens" in {sighting.rule for sighting in watch(plan, wild)}


@MANY
@given(cases(), st.data())
def test_what_is_in_force_does_not_excuse_another_plan(
    case: tuple[Signal, TimingPlan], data: st.DataObject
) -> None:
    signal, plan = case
    assume(not check(plan, signal))
    standing = in_force(signal, plan)
    assert SignalRules(standing).check(plan) == ()
    assert Watcher(standing).watch(plan) == ()
    other = data.draw(ring_plans(signal))
    assert bool(check(other, standing)) == bool(watch(other, standing))


def eight_phases(**times: int) -> Phasing:
    """Build the standard intersection with one group per phase."""
    place = {1: (1, 1), 2: (1, 1), 3: (1, 2), 4: (1, 2), 5: (2, 1), 6: (2, 1), 7: (2, 2), 8: (2, 2)}
    phases = tuple(
        Phase(
            number,
            "".join("G" if group == number - 1 else "r" for group in range(8)),
            5,
            30,
            10,
            ring,
            barrier,
        )
        for number, (ring, barrier) in place.items()
    )
    return Phasing(phases, {})


def test_rings_change_at_their_own_seconds_and_cross_barriers_together() -> None:
    plan = TimingPlan("X", 80, (1, 2, 3, 4, 5, 6, 7, 8), (15, 25, 15, 25, 20, 20, 10, 30), 0, 2)
    shown = plan.intervals(eight_phases())
    assert shown[0] == Interval("GrrrGrrr", 110)
    assert shown[1] == Interval("yrrrGrrr", 30)
    assert shown[2] == Interval("rrrrGrrr", 10)
    assert shown[3] == Interval("rGrrGrrr", 10)
    assert plan.start_s(3, eight_phases()) == 40
    assert plan.start_s(6, eight_phases()) == 20


def test_a_ring_without_a_phase_waits_in_red_at_the_other_street() -> None:
    phases = tuple(p for p in eight_phases().phases if p.number in (2, 4, 6))
    phasing = Phasing(phases, {})
    plan = TimingPlan("X", 60, (2, 4, 6), (35, 25, 35), 0, 2)
    shown = plan.intervals(phasing)
    assert [i.duration_ds for i in shown] == [310, 30, 10, 210, 30, 10]
    assert shown[3].aspects == "rrrGrrrr"


def test_rings_that_disagree_on_the_order_of_barriers_are_refused() -> None:
    with pytest.raises(TopologyError, match="crosses its barriers in the order"):
        eight_phases().segments((1, 2, 3, 4, 7, 8, 5, 6))
    with pytest.raises(TopologyError, match="comes back to barrier 1"):
        eight_phases().segments((1, 3, 2, 4, 5, 6, 7, 8))


def test_rings_of_unequal_length_have_no_cycle() -> None:
    plan = TimingPlan("X", 80, (1, 2, 3, 4, 5, 6, 7, 8), (15, 25, 15, 25, 20, 20, 10, 31), 0, 2)
    with pytest.raises(PlanError, match="not equally long"):
        plan.intervals(eight_phases())


def test_the_more_permissive_of_two_rings_is_seen() -> None:
    one = (Interval("Gr", 50), Interval("yr", 50))
    other = (Interval("gG", 80), Interval("ry", 20))
    assert side_by_side((one, other)) == (
        Interval("GG", 50),
        Interval("gG", 30),
        Interval("yy", 20),
    )


@MANY
@given(cases(leading=True))
def test_a_phase_that_lets_people_walk_is_not_left_out(case: tuple[Signal, TimingPlan]) -> None:
    signal, plan = case
    assert signal.phasing is not None
    shared = [
        (p, m)
        for p in signal.phasing.phases
        for m in plan.sequence
        if (place := signal.phasing.phase(m)).number != p.number
        and (place.ring, place.barrier) == (p.ring, p.barrier)
    ]
    assume(shared)
    left, mate = shared[0]
    walking = replace(left, walk_s=4)
    phases = tuple(walking if p.number == left.number else p for p in signal.phasing.phases)
    standing = replace(signal, phasing=Phasing(phases, {}), plan_in_force=plan)
    splits = dict(zip(plan.sequence, plan.splits_s, strict=True))
    splits[mate] += splits.pop(left.number)
    shorter = TimingPlan(
        "X", plan.cycle_s, tuple(splits), tuple(splits.values()), plan.offset_s % plan.cycle_s, mate
    )
    assert "no walk is lost" in {violation.rule for violation in check(shorter, standing)}
    assert "endless wait to walk" in {sighting.rule for sighting in watch(shorter, standing)}
