"""Locks: what clashes is refused with both named, and what is locked is kept to the second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures.objective import Objective
from engine.optimize.isolated import split_moves
from engine.optimize.lock_checks import locked
from engine.optimize.locks import (
    CycleLock,
    Lock,
    Locks,
    OffsetLock,
    PlanLock,
    SequenceLock,
    SplitLock,
)
from engine.optimize.optimizer import Optimization, optimize
from engine.optimize.problem import Limits, choices
from engine.optimize.splits import allocate
from network.errors import InfeasibleError
from network.graph import RoadNetwork
from network.phasing import Phasing
from network.safety import check
from network.timing import OffsetReference, TimingPlan
from tests.engine.explained_streets import WALKING, demand_of, flows_of, plans_of, row, two_rings
from tests.reference.toy_streets import PLAIN, PROTECTED_LEFTS

AT = "locks.toml, line 4"
ELSEWHERE = "locks.toml, line 9"


def timed(network: RoadNetwork, locks: Locks, **changes: object) -> Optimization:
    limits = Limits(effort=60, demand_margin=1.0, locks=locks, **changes)  # type: ignore[arg-type]
    return optimize(network, flows_of(network), 900, 0, limits, PLAIN)


def test_what_is_not_there_cannot_be_locked() -> None:
    network = row(2)
    with pytest.raises(InfeasibleError, match="line 4: network 'toy' has no signal 'Z'"):
        locked(network, [CycleLock(AT, ("A", "Z"), 90)])
    with pytest.raises(InfeasibleError, match="line 4: signal 'A' has no phase 7; it has 1, 2, 3"):
        locked(network, [SplitLock(AT, ("A",), 7, 20, 20)])
    with pytest.raises(InfeasibleError, match=r"line 4.*\[1, 7\]; allowed are phases \[1, 2, 3\]"):
        locked(network, [SequenceLock(AT, ("A",), (1, 7))])


def test_signals_left_alone_keep_only_their_whole_plans() -> None:
    network = row(2)
    changed = replace(network.signals["A"], left_alone="under repair")
    network = RoadNetwork(
        network.name, network.links, {**network.signals, "A": changed}, network.connections
    )
    assert locked(network, [PlanLock(AT, ("A",))]).holds == {}
    with pytest.raises(InfeasibleError, match=r"line 4: signal 'A' is left alone .under repair."):
        locked(network, [CycleLock(AT, ("A",), 90)])


CLASHES: Mapping[str, tuple[list[Lock], tuple[str, ...]]] = {
    "two cycles": (
        [CycleLock(AT, ("A",), 80), CycleLock(ELSEWHERE, ("A", "B"), 90)],
        ("'A' is locked to two cycles", AT, ELSEWHERE, "80", "90"),
    ),
    "a plan and another cycle": (
        [PlanLock(AT, ("A",)), CycleLock(ELSEWHERE, ("A",), 90)],
        ("two cycles", AT, ELSEWHERE),
    ),
    "two splits": (
        [SplitLock(AT, ("A",), 1, 40, 40), SplitLock(ELSEWHERE, ("A",), 1, 0, 35)],
        ("phase 1", AT, ELSEWHERE, "40 s", "at most 35 s"),
    ),
    "a plan and another split": (
        [PlanLock(AT, ("A",)), SplitLock(ELSEWHERE, ("A",), 1, 41, 41)],
        ("phase 1", AT, ELSEWHERE),
    ),
    "splits that overfill the cycle": (
        [
            CycleLock(AT, ("A",), 80),
            SplitLock(ELSEWHERE, ("A",), 1, 50, 50),
            SplitLock("locks.toml, line 14", ("A",), 2, 34, 255),
        ],
        (AT, ELSEWHERE, "line 14", "too short by 4 s"),
    ),
    "splits that cannot fill the cycle": (
        [
            CycleLock(AT, ("A",), 80),
            *(SplitLock(ELSEWHERE, ("A",), n, 0, 25) for n in (1, 2, 3)),
        ],
        (AT, ELSEWHERE, "5 s"),
    ),
    "an unlawful split": (
        [SplitLock(AT, ("A",), 2, 15, 15)],
        (AT, "7 s to walk, 11 s to clear the crossing", "7 s are missing"),
    ),
    "a cycle that cannot hold its pedestrians": (
        [CycleLock(AT, ("A",), 26)],
        (AT, "'A'", "too short by 5 s", "7 s to walk"),
    ),
    "two sequences": (
        [SequenceLock(AT, ("A",)), SequenceLock(ELSEWHERE, ("A",), (1, 2))],
        ("two sequences", AT, ELSEWHERE),
    ),
    "an offset that does not fit": (
        [OffsetLock(AT, ("A",), False), CycleLock(ELSEWHERE, ("A",), 45)],
        ("offset of 70 s", AT, ELSEWHERE, "45 s"),
    ),
    "a tie held twice": (
        [OffsetLock(AT, ("A", "B"), True), OffsetLock(ELSEWHERE, ("A", "B"), False)],
        (AT, ELSEWHERE),
    ),
}


@pytest.mark.parametrize("name", CLASHES)
def test_locks_that_clash_are_named_together(name: str) -> None:
    network = row(2, phasing=WALKING)
    plan = replace(plans_of(network)["A"], offset_s=70)
    changed = replace(network.signals["A"], plan_in_force=plan)
    network = RoadNetwork(
        network.name, network.links, {**network.signals, "A": changed}, network.connections
    )
    locks, parts = CLASHES[name]
    with pytest.raises(InfeasibleError) as error:
        locked(network, locks)
    for part in parts:
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_two_cycles_for_signals_of_one_group_are_named_together() -> None:
    network = row(2)
    locks = locked(network, [CycleLock(AT, ("A",), 80), CycleLock(ELSEWHERE, ("B",), 90)])
    with pytest.raises(InfeasibleError, match="one group") as error:
        timed(network, locks)
    for part in ("'A'", "'B'", "80 s", "90 s", AT, ELSEWHERE):
        assert part in str(error.value)


def test_a_neighbor_that_cannot_run_the_locked_cycle_is_named() -> None:
    network = row(2)
    slow = replace(network.signals["B"], phasing=WALKING)
    network = RoadNetwork(
        network.name, network.links, {**network.signals, "B": slow}, network.connections
    )
    locks = locked(network, [CycleLock(AT, ("A",), 28)])
    with pytest.raises(InfeasibleError, match=r"'B' is of one group with 'A'.*3 s are missing"):
        timed(network, locks)


def slow_and_short() -> RoadNetwork:
    """Two neighbors with no cycle in common where mean waits on foot stay within 20 s.

    A's walkers take no cycle beyond 55 s, B's minimum greens none below 80 s.
    """
    network = row(2)
    phases = tuple(replace(phase, min_green_s=36) for phase in PROTECTED_LEFTS.phases[:2])
    slow = Phasing((*phases, PROTECTED_LEFTS.phases[2]), {})
    changed = {"A": WALKING, "B": slow}
    signals = {
        name: replace(signal, phasing=changed[name]) for name, signal in network.signals.items()
    }
    return RoadNetwork(network.name, network.links, signals, network.connections)


def test_locks_of_signals_that_no_cycle_suits_anyhow_do_not_contradict() -> None:
    network = slow_and_short()
    patient = Objective(longest_wait_s=20.0)
    apart = timed(network, Locks(), objective=patient)
    assert apart.groups == (("A",), ("B",))
    locks = locked(network, [CycleLock(AT, ("A",), 50), CycleLock(ELSEWHERE, ("B",), 90)])
    held = timed(network, locks, objective=patient)
    assert held.groups == (("A",), ("B",))
    assert {plan.signal_id: plan.cycle_s for plan in held.plan_set.plans} == {"A": 50, "B": 90}
    # One group where nobody's wait is limited: there the same two locks contradict each other.
    with pytest.raises(InfeasibleError, match=r"one group.*'A' is locked to 50 s.*'B' to 90 s"):
        timed(network, locks)


def test_a_neighbor_of_another_group_need_not_hold_a_locked_cycle() -> None:
    network = slow_and_short()
    locks = locked(network, [CycleLock(AT, ("A",), 50)])
    held = timed(network, locks, objective=Objective(longest_wait_s=20.0))
    cycles_s = {plan.signal_id: plan.cycle_s for plan in held.plan_set.plans}
    assert cycles_s["A"] == 50
    assert cycles_s["B"] >= 80


def test_an_offset_beyond_a_neighbors_locked_cycle_is_named_with_it() -> None:
    network = row(2)
    plan = replace(plans_of(network)["A"], offset_s=70)
    changed = replace(network.signals["A"], plan_in_force=plan)
    network = RoadNetwork(
        network.name, network.links, {**network.signals, "A": changed}, network.connections
    )
    locks = locked(network, [OffsetLock(AT, ("A",), False), CycleLock(ELSEWHERE, ("B",), 60)])
    with pytest.raises(InfeasibleError, match="one group") as error:
        timed(network, locks)
    for part in ("'A' can run 75 to", "the offset of 'A'", AT, "60 s", ELSEWHERE):
        assert part in str(error.value)


def test_differences_of_offsets_that_no_cycle_lets_stay_are_named() -> None:
    network = slow_and_short()
    locks = locked(network, [OffsetLock(AT, ("A", "B"), True)])
    with pytest.raises(InfeasibleError, match=r"differences of the offsets of 'A', 'B'.*line 4"):
        timed(network, locks, objective=Objective(longest_wait_s=20.0))


@pytest.mark.parametrize("cycle_s", [52, 73, 100, 140])
def test_a_locked_cycle_is_run_even_between_the_steps_and_beyond_the_limits(cycle_s: int) -> None:
    network = row(2)
    found = timed(network, locked(network, [CycleLock(AT, ("A",), cycle_s)]))
    plan = found.plan_set.plan("A")
    assert plan is not None
    assert plan.cycle_s == cycle_s
    other = found.plan_set.plan("B")
    assert other is not None
    assert other.cycle_s in (cycle_s, cycle_s / 2)


def test_a_locked_cycle_too_short_for_all_phases_leaves_one_out() -> None:
    network = row(2, phasing=WALKING)
    with pytest.raises(InfeasibleError, match="too short by 5 s"):
        locked(network, [CycleLock(AT, ("A",), 35), SequenceLock(ELSEWHERE, ("A",))])
    plan = timed(network, locked(network, [CycleLock(AT, ("A",), 35)])).plan_set.plan("A")
    assert plan is not None
    assert (plan.cycle_s, plan.sequence) == (35, (1, 2))
    assert check(plan, network.signals["A"]) == ()


def test_a_whole_plan_stays_to_the_letter() -> None:
    network = row(3)
    found = timed(network, locked(network, [PlanLock(AT, ("B",))]))
    assert found.plan_set.plan("B") == network.signals["B"].plan_in_force
    assert found.plan_set.plan("A") != network.signals["A"].plan_in_force
    assert found.planned.cost_s < found.in_force.cost_s


def test_an_offset_from_the_end_of_green_stays_one() -> None:
    network = row(2)
    plan = replace(plans_of(network)["A"], offset_reference=OffsetReference.BEGIN_YELLOW)
    changed = replace(network.signals["A"], plan_in_force=plan)
    network = RoadNetwork(
        network.name, network.links, {**network.signals, "A": changed}, network.connections
    )
    locks = locked(network, [OffsetLock(AT, ("A",), False), CycleLock(ELSEWHERE, ("A",), 80)])
    found = timed(network, locks).plan_set.plan("A")
    assert found is not None
    assert found.offset_reference is OffsetReference.BEGIN_YELLOW
    assert (found.offset_s, found.coordinated_phase) == (plan.offset_s, plan.coordinated_phase)


def test_the_certificate_names_the_offsets_that_were_locked() -> None:
    """Its bound is that of free offsets, locks or none."""
    network = row(3)
    free = timed(network, Locks())
    (group,) = free.certificates
    assert "locked" not in free.certificates[group].statement
    held = timed(network, locked(network, [OffsetLock(AT, ("B",), False)]))
    (certificate,) = held.certificates.values()
    assert "The offsets of B are locked" in certificate.statement
    assert "within the gap" in certificate.statement
    assert certificate.bound <= certificate.cost


def test_tied_offsets_keep_their_difference_and_still_serve_the_third() -> None:
    network = row(3)
    plans = plans_of(network)
    locks = locked(
        network, [OffsetLock(AT, ("A", "C"), True), CycleLock(ELSEWHERE, ("A", "B", "C"), 80)]
    )
    found = timed(network, locks).plan_set
    a, c = found.plan("A"), found.plan("C")
    assert a is not None
    assert c is not None
    cycle_s = min(a.cycle_s, c.cycle_s)
    assert (c.offset_s - a.offset_s - plans["C"].offset_s + plans["A"].offset_s) % cycle_s == 0


@st.composite
def lock_lists(draw: st.DrawFn, network: RoadNetwork) -> list[Lock]:
    """Draw locks that may well clash."""
    names = sorted(network.signals)
    some = st.lists(st.sampled_from(names), min_size=1, unique=True).map(tuple)
    found: list[Lock] = []
    if draw(st.booleans()):
        found.append(CycleLock(AT, draw(some), draw(st.sampled_from([60, 77, 80, 95]))))
    if draw(st.integers(0, 3)) == 0:
        found.append(PlanLock(AT, draw(some)))
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(names))
        phasing = network.signals[name].phasing
        assert phasing is not None
        phase = draw(st.sampled_from(phasing.phases))
        least_s = phase.min_split_s + draw(st.integers(0, 12))
        low, high = draw(st.sampled_from([(least_s, least_s), (least_s, 255), (0, least_s)]))
        found.append(SplitLock(AT, (name,), phase.number, low, high))
    if draw(st.booleans()):
        tied = len(names) > 1 and draw(st.booleans())
        chosen = tuple(names[:2]) if tied else draw(some)
        found.append(OffsetLock(AT, chosen, tied))
    if draw(st.booleans()):
        found.append(SequenceLock(AT, draw(some)))
    return found


def test_drawn_locks_are_met_exactly_or_refused() -> None:
    met = 0

    @settings(max_examples=25, deadline=None)
    @given(st.sampled_from([row(2), row(3, phasing=WALKING), two_rings()]), st.data())
    def hold(network: RoadNetwork, data: st.DataObject) -> None:
        nonlocal met
        drawn = data.draw(lock_lists(network))
        try:
            locks = locked(network, drawn)
            found = timed(network, locks)
        except InfeasibleError as error:
            assert AT in str(error)  # noqa: PT017
            return
        met += bool(drawn)
        plans = {plan.signal_id: plan for plan in found.plan_set.plans}
        assert set(plans) == set(network.signals)
        for plan in plans.values():
            assert check(plan, network.signals[plan.signal_id]) == ()
        for lock in drawn:
            for name in lock.signals:
                assert kept(lock, plans[name], network)
        assert locks.broken(plans) == ()

    hold()
    assert met >= 8


def kept(lock: Lock, plan: TimingPlan, network: RoadNetwork) -> bool:
    """Judge a lock from its own words, not as the optimizer does."""
    today = network.signals[plan.signal_id].plan_in_force
    assert today is not None
    if isinstance(lock, PlanLock):
        return plan == today
    if isinstance(lock, CycleLock):
        return plan.cycle_s == lock.cycle_s
    if isinstance(lock, SplitLock):
        return lock.least_s <= plan.split_s(lock.phase) <= lock.most_s
    if isinstance(lock, SequenceLock):
        return plan.sequence == today.sequence
    assert isinstance(lock, OffsetLock)
    same = plan.coordinated_phase == today.coordinated_phase
    return same and (lock.differences or plan.offset_s == today.offset_s)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_bounded_splits_fill_the_cycle_within_their_bounds(data: st.DataObject) -> None:
    network = data.draw(st.sampled_from([row(1, phasing=WALKING), two_rings()]))
    name = next(iter(network.signals))
    choice = choices(network, Limits())[name]
    sequence = choice.sequences[0]
    bounds = {}
    for number in data.draw(st.lists(st.sampled_from(sequence), unique=True)):
        low = choice.phasing.phase(number).min_split_s + data.draw(st.integers(0, 10))
        bounds[number] = (low, low + data.draw(st.sampled_from([0, 3, 200])))
    locks = [SplitLock(AT, (name,), n, low, high) for n, (low, high) in bounds.items()]
    cycle_s = data.draw(st.integers(60, 120))
    try:
        held = locked(network, [*locks, CycleLock(AT, (name,), cycle_s), SequenceLock(AT, (name,))])
    except InfeasibleError:
        held = None
    choice = replace(choice, hold=held.holds[name] if held else None)
    if held is None:
        return
    plan = allocate(choice, sequence, cycle_s, demand_of(network).street(network))
    assert plan is not None
    assert check(plan, network.signals[name]) == ()
    for found in (plan, *split_moves(choice, plan, 1), *split_moves(choice, plan, 4)):
        for number, (low, high) in bounds.items():
            assert low <= found.split_s(number) <= high


def test_nothing_locked_changes_nothing() -> None:
    network = row(2)
    free = optimize(network, flows_of(network), 900, 0, Limits(effort=60, demand_margin=1.0), PLAIN)
    assert timed(network, Locks()).plan_set.digest == free.plan_set.digest
    assert not Locks()
    assert Locks().carried(plans_of(network)) == plans_of(network)


def test_a_lock_costs_what_it_keeps_from_being_better() -> None:
    network = row(2)
    free = timed(network, Locks())
    tight = timed(network, locked(network, [SplitLock(AT, ("A", "B"), 3, 30, 30)]))
    assert tight.planned.cost_s > free.planned.cost_s
    assert np.isfinite(tight.planned.cost_s)
