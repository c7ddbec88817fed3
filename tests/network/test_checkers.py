"""Both checkers on the same plans: the lawful pass, each single violation is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from network.errors import PlanError, UnsafePlanError
from network.graph import Signal
from network.phasing import Interval, Phase, Phasing
from network.safety import SignalRules, as_built, check, require_safe
from network.timeline import Watcher, watch
from network.timing import OffsetReference, PlanSet, TimingPlan
from tests.network import streets
from tests.strategies import connection, network_of, signal_of, signals_with_plans

Case = tuple[Signal, TimingPlan]
THOROUGH = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
BRIEF = settings(THOROUGH, max_examples=40)


def rules(case: Case) -> set[str]:
    signal, plan = case
    return {violation.rule for violation in check(plan, signal)}


def sightings(case: Case) -> set[str]:
    signal, plan = case
    return {sighting.rule for sighting in watch(plan, signal)}


def forged(plan: TimingPlan, **changes: object) -> TimingPlan:
    """Change a plan behind its constructor's back."""
    copy = replace(plan)
    for name, value in changes.items():
        object.__setattr__(copy, name, value)
    return copy


@THOROUGH
@given(signals_with_plans(), st.data())
def test_lawful_plans_are_accepted_by_both(case: Case, data: st.DataObject) -> None:
    signal, plan = case
    algebra, eyes = SignalRules(signal), Watcher(signal)
    for _ in range(5):
        offset_s = data.draw(st.integers(0, plan.cycle_s - 1))
        turned = data.draw(st.permutations(list(zip(plan.sequence, plan.splits_s, strict=True))))
        sequence, splits_s = zip(*turned, strict=True)
        candidate = replace(plan, offset_s=offset_s, sequence=sequence, splits_s=splits_s)
        assert algebra.check(candidate) == ()
        assert eyes.watch(candidate) == ()


# Each violation with the rule of the algebra and of the timeline that must notice it.


def short_split(case: Case) -> Case:
    signal, plan = case
    assert signal.phasing is not None
    least = signal.phasing.phase(plan.sequence[0]).min_split_s
    splits = (least - 1, *plan.splits_s[1:])
    return signal, replace(
        plan, splits_s=splits, cycle_s=sum(splits), offset_s=plan.offset_s % sum(splits)
    )


def short_cycle(case: Case) -> Case:
    signal, plan = case
    offset_s = min(plan.offset_s, plan.cycle_s - 2)
    return signal, replace(plan, cycle_s=plan.cycle_s - 1, offset_s=offset_s)


def long_cycle(case: Case) -> Case:
    signal, plan = case
    return signal, replace(plan, cycle_s=plan.cycle_s + 1)


def cycle_of(cycle_s: int) -> Callable[[Case], Case]:
    def stretched(case: Case) -> Case:
        signal, plan = case
        splits = (plan.splits_s[0] + cycle_s - plan.cycle_s, *plan.splits_s[1:])
        return signal, replace(plan, splits_s=splits, cycle_s=cycle_s)

    return stretched


def late_offset(case: Case) -> Case:
    signal, plan = case
    return signal, replace(plan, offset_s=plan.cycle_s)


def negative_offset(case: Case) -> Case:
    signal, plan = case
    return signal, replace(plan, offset_s=-1)


def foreign_coordinated_phase(case: Case) -> Case:
    signal, plan = case
    return signal, forged(plan, coordinated_phase=99)


def unknown_reference(case: Case) -> Case:
    signal, plan = case
    return signal, forged(plan, offset_reference="begin-red")


def unknown_phase(case: Case) -> Case:
    signal, plan = case
    return signal, replace(
        plan, sequence=(99, *plan.sequence[1:]), coordinated_phase=plan.sequence[1]
    )


def twice_the_same_phase(case: Case) -> Case:
    signal, plan = case
    return signal, forged(plan, sequence=(plan.sequence[1], *plan.sequence[1:]))


def one_split_too_few(case: Case) -> Case:
    signal, plan = case
    return signal, forged(plan, splits_s=plan.splits_s[1:])


def no_phases(case: Case) -> Case:
    signal, plan = case
    return signal, forged(plan, sequence=(), splits_s=())


def no_number(case: Case) -> Case:
    signal, plan = case
    return signal, forged(plan, offset_s=float("nan"))


def no_number_in_a_phase(case: Case) -> Case:
    signal, plan = case
    assert signal.phasing is not None
    first = signal.phasing.phase(plan.sequence[0])
    wild = replace(first)
    object.__setattr__(wild, "min_green_s", float("nan"))
    return _with_phases(signal, {first.number: wild}), plan


def starved_group(case: Case) -> Case:
    signal, plan = case
    splits = plan.splits_s[1:]
    return signal, replace(
        plan,
        sequence=plan.sequence[1:],
        splits_s=splits,
        cycle_s=sum(splits),
        offset_s=plan.offset_s % sum(splits),
        coordinated_phase=plan.sequence[1],
        offset_reference=OffsetReference.BEGIN_GREEN,
    )


def left_alone(case: Case) -> Case:
    signal, plan = case
    return replace(signal, left_alone="it rests in flash"), plan


def other_signal(case: Case) -> Case:
    signal, plan = case
    return signal, replace(plan, signal_id="Y")


def reference_between_seconds(case: Case) -> Case:
    signal, plan = case
    assert signal.phasing is not None
    first = signal.phasing.phase(plan.sequence[0])
    total_ds = first.yellow_ds + first.red_clear_ds + 10
    phase = replace(first, yellow_ds=35, red_clear_ds=total_ds - 35)
    splits = (plan.splits_s[0] + 1, *plan.splits_s[1:])
    return _with_phases(signal, {first.number: phase}), replace(
        plan,
        splits_s=splits,
        cycle_s=sum(splits),
        coordinated_phase=first.number,
        offset_reference=OffsetReference.END_YELLOW,
    )


def _with_phases(signal: Signal, changed: dict[int, Phase]) -> Signal:
    assert signal.phasing is not None
    phases = tuple(changed.get(p.number, p) for p in signal.phasing.phases)
    return replace(signal, phasing=Phasing(phases, {}), plan_in_force=None)


ON_GENERATED = [
    (short_split, "minimum split", "short green"),
    (short_cycle, "splits fill the cycle", "cycle"),
    (long_cycle, "splits fill the cycle", "cycle"),
    (cycle_of(256), "cycle", "cycle"),
    (late_offset, "offset", "offset"),
    (negative_offset, "offset", "offset"),
    (foreign_coordinated_phase, "coordinated phase", "offset"),
    (unknown_reference, "offset reference", "cannot be played"),
    (unknown_phase, "phase exists", "cannot be played"),
    (twice_the_same_phase, "sequence", "cannot be played"),
    (one_split_too_few, "sequence", "cannot be played"),
    (no_phases, "sequence", "cannot be played"),
    (no_number, "whole numbers", "cannot be played"),
    (no_number_in_a_phase, "whole numbers", "cannot be played"),
    (starved_group, "no group starves", "endless red"),
    (left_alone, "left alone", "not to be retimed"),
    (other_signal, "signal", "not this signal"),
    (reference_between_seconds, "offset reference", "offset"),
]


@pytest.mark.parametrize(("spoil", "rule", "seen"), ON_GENERATED)
@BRIEF
@given(case=signals_with_plans())
def test_one_violation_is_refused_by_both(
    spoil: Callable[[Case], Case], rule: str, seen: str, case: Case
) -> None:
    spoiled = spoil(case)
    assert rule in rules(spoiled)
    assert seen in sightings(spoiled)


@BRIEF
@given(case=signals_with_plans())
def test_the_longest_cycle_on_the_wire_is_accepted_by_both(case: Case) -> None:
    case = cycle_of(255)(case)
    assert rules(case) == set()
    # One split may take the whole octet less the others.
    assert sightings(case) == set()


# A small signal whose clearances are set tenth by tenth. Groups 0 and 1 cross, group 2 is a
# left turn that yields to group 0. In force are phases 1 and 2; phase 3 is new.


def corner(
    third: str = "Grr",
    clearance: tuple[Interval, ...] = (),
    yellow_ds: int = 35,
    built: tuple[int, ...] = (1, 2),
) -> Case:
    """Give the corner a third phase, or a clearance of its own from phase 2 to phase 3."""
    phases = tuple(
        Phase(number, aspects, 5, yellow_ds, 50 - yellow_ds)
        for number, aspects in ((1, "Grg"), (2, "rGr"), (3, third))
    )
    crossing = (
        connection(0, frozenset({1, 2}), frozenset()),
        connection(1, frozenset({0, 2}), frozenset()),
        connection(2, frozenset({0, 1}), frozenset({0})),
    )
    in_force = TimingPlan("X", 20 * len(built), built, (20,) * len(built), 0, 1)
    phasing = Phasing(phases, {(2, 3): clearance} if clearance else {})
    signal = signal_of(crossing, phasing, in_force)
    return signal, TimingPlan("X", 60, (3, 1, 2), (25, 15, 20), 7, 1)


def test_the_corner_is_lawful_as_such() -> None:
    case = corner()
    assert rules(case) == set()
    assert sightings(case) == set()


@pytest.mark.parametrize(
    ("yellow_ds", "accepted"), [(29, False), (30, True), (31, True), (50, True)]
)
def test_three_seconds_of_yellow_are_the_limit_where_nothing_is_in_force(
    yellow_ds: int, accepted: bool
) -> None:
    signal, plan = corner(yellow_ds=yellow_ds)
    case = replace(signal, plan_in_force=None), plan
    assert ("yellow change" in rules(case)) is not accepted
    assert ("short yellow" in sightings(case)) is not accepted


def test_a_shorter_yellow_in_force_is_the_limit_of_its_signal() -> None:
    case = corner(yellow_ds=20)
    assert rules(case) == set()
    assert sightings(case) == set()


CLEARANCES = [
    ("as declared", [("ryr", 35), ("rrr", 15)], set(), set()),
    ("yellow a tenth short", [("ryr", 34), ("rrr", 16)], {"yellow change"}, {"short yellow"}),
    (
        "late yellow a tenth short",
        [("rGr", 1), ("ryr", 34), ("rrr", 15)],
        {"yellow change"},
        {"short yellow"},
    ),
    ("red a tenth short", [("ryr", 36), ("rrr", 14)], {"red clearance"}, {"short red clearance"}),
    ("no yellow", [("rrr", 50)], {"yellow change"}, {"order of lamps"}),
    (
        "protected together while clearing",
        [("GGr", 5), ("Gyr", 35), ("Grr", 10)],
        {"conflicting greens", "red clearance"},
        {"conflicting greens"},
    ),
    (
        "green against a yellow that still burns",
        [("ryr", 30), ("Gyr", 5), ("Grr", 15)],
        {"red clearance"},
        {"short red clearance"},
    ),
    (
        "green from the start of the yellow",
        [("Gyr", 35), ("Grr", 15)],
        {"red clearance"},
        {"short red clearance"},
    ),
    # Lamps that change in the wrong order without harming a clearance: only the eyes see it.
    ("yellow before green", [("ryr", 35), ("yrr", 15)], set(), {"order of lamps", "short yellow"}),
]


def cleared(shown: list[tuple[str, int]], built: tuple[int, ...] = (1, 2)) -> Case:
    return corner(clearance=tuple(Interval(*interval) for interval in shown), built=built)


@pytest.mark.parametrize(
    ("shown", "broken", "seen"),
    [case[1:] for case in CLEARANCES],
    ids=[case[0] for case in CLEARANCES],
)
def test_new_clearances_are_judged_to_the_tenth(
    shown: list[tuple[str, int]], broken: set[str], seen: set[str]
) -> None:
    case = cleared(shown)
    assert rules(case) == broken
    assert sightings(case) == seen


@pytest.mark.parametrize("shown", [case[1] for case in CLEARANCES[1:]])
def test_the_same_clearance_is_tolerated_where_it_is_built(shown: list[tuple[str, int]]) -> None:
    case = cleared(shown, built=(1, 2, 3))
    assert rules(case) | sightings(case) == set()


def test_what_is_built_is_counted() -> None:
    signal, _ = cleared([("rrr", 50)], built=(1, 2, 3))
    assert [violation.rule for violation in as_built(signal)] == ["yellow change"]


def test_nothing_is_built_where_nothing_is_in_force_or_it_is_left_alone() -> None:
    signal, _ = cleared([("rrr", 50)], built=(1, 2, 3))
    assert as_built(replace(signal, plan_in_force=None)) == ()
    assert as_built(replace(signal, left_alone="flash")) == ()


def test_a_single_phase_that_serves_everybody_may_rest() -> None:
    phasing = Phasing((Phase(1, "GG", 5, 30, 20),), {})
    apart = tuple(connection(group, frozenset(), frozenset()) for group in (0, 1))
    signal = signal_of(apart, phasing, None)
    for split_s, cycle_s, accepted in ((10, 10, True), (9, 9, False), (10, 20, False)):
        case = signal, TimingPlan("X", cycle_s, (1,), (split_s,), 3, 1)
        assert (rules(case) == set()) is accepted
        assert (sightings(case) == set()) is accepted


def test_a_clearance_beyond_any_cycle_is_refused_by_both() -> None:
    signal, plan = corner()
    endless = replace(Phase(3, "Grr", 5, 35, 15), red_clear_ds=10**9 + 5)
    case = _with_phases(signal, {3: endless}), plan
    assert "minimum split" in rules(case)
    assert sightings(case) == {"cannot be played"}


def test_crossing_protected_greens_are_refused_by_both_in_a_new_phase() -> None:
    case = corner(third="GGr")
    assert "conflicting greens" in rules(case)
    assert "conflicting greens" in sightings(case)


def test_crossing_protected_greens_are_tolerated_where_they_are_built() -> None:
    case = corner(third="GGr", built=(1, 2, 3))
    assert "conflicting greens" not in rules(case) | sightings(case)


@pytest.mark.parametrize("sequence", [(1, 3, 2), (2, 1, 3)])
def test_the_yellow_trap_is_refused_by_both(sequence: tuple[int, ...]) -> None:
    signal, plan = corner()
    case = signal, replace(plan, sequence=sequence)
    assert rules(case) == {"yellow trap"}
    assert sightings(case) == {"yellow trap"}


def test_the_yellow_trap_is_tolerated_where_it_is_built() -> None:
    signal, plan = corner(built=(1, 3, 2))
    case = signal, replace(plan, sequence=(3, 2, 1))
    assert rules(case) | sightings(case) == set()


def test_require_safe_names_every_violation_of_every_signal() -> None:
    signal, plan = corner()
    plans = PlanSet("s", (replace(plan, offset_s=60), replace(plan, signal_id="elsewhere")), {})
    with pytest.raises(UnsafePlanError) as refused:
        require_safe(plans, network_of(signal))
    text = "\n".join(refused.value.violations)
    assert "elsewhere" in text
    assert "offset: found 60 s, allowed 0 to 59 s" in text
    assert len(refused.value.violations) == 3


def test_require_safe_refuses_what_a_checker_cannot_judge() -> None:
    signal, plan = corner()
    plans = PlanSet("s", (forged(plan, sequence=None),), {})
    with pytest.raises(UnsafePlanError, match="cannot be judged"):
        require_safe(plans, network_of(signal))


def test_require_safe_accepts_a_lawful_set() -> None:
    signal, plan = corner()
    require_safe(PlanSet("s", (plan,), {}), network_of(signal))


def test_an_announced_begin_that_differs_from_the_street_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = corner()
    monkeypatch.setattr(TimingPlan, "begin_s", lambda plan, phasing: 8)
    assert sightings(case) == {"offset"}

    def fail(plan: TimingPlan, phasing: Phasing) -> int:
        raise PlanError("between whole seconds")

    monkeypatch.setattr(TimingPlan, "begin_s", fail)
    assert sightings(case) == {"offset"}


@pytest.mark.parametrize("name", streets.ALL)
def test_real_plans_in_force_are_accepted_by_both(name: str) -> None:
    network = streets.network(name)
    plans = tuple(
        signal.plan_in_force
        for signal in network.signals.values()
        if signal.plan_in_force and not signal.left_alone
    )
    assert plans
    require_safe(PlanSet(name, plans, {}), network)


@pytest.mark.parametrize("name", streets.ALL)
def test_both_agree_on_every_order_of_two_phases_of_real_signals(name: str) -> None:
    for signal in list(streets.network(name).signals.values())[:8]:
        plan = signal.plan_in_force
        if plan is None or signal.left_alone:
            continue
        algebra, eyes = SignalRules(signal), Watcher(signal)
        order = list(zip(plan.sequence, plan.splits_s, strict=True))
        for first in range(len(order)):
            for second in range(first + 1, len(order)):
                turned = list(order)
                turned[first], turned[second] = turned[second], turned[first]
                sequence, splits_s = zip(*turned, strict=True)
                candidate = replace(plan, sequence=sequence, splits_s=splits_s)
                assert bool(algebra.check(candidate)) == bool(eyes.watch(candidate))
