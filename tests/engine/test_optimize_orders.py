"""The order of stages: what is offered, what is refused and why, and whether it is taken."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures.street import build_street
from engine.optimize.explanation import Question, explanation_of
from engine.optimize.inside import INSIDE_M, emptied, inside_groups
from engine.optimize.locks import Hold
from engine.optimize.problem import Choice, Limits, choices, refused_steps
from engine.optimize.programs import Program, SignalPrograms
from engine.optimize.rings import STAGES_PERMUTED, stage_orders
from engine.optimize.withheld import Withheld, withheld_orders
from network.graph import RoadNetwork, Signal
from network.phasing import Phase, Phasing
from network.safety import check
from network.timeline import watch
from network.timing import TimingPlan
from tests.engine.explained_streets import demand_of
from tests.reference.toy_streets import PLAIN, PROTECTED_LEFTS, crossroads
from tests.strategies import connection, network_of, signal_of, signals


def junction() -> Signal:
    """A T junction: a right turn (0) goes on into the side road's stage (3), and the left turn
    (1) that yields to it in stage 1 has a stage of its own (2) before that."""
    connections = (
        connection(0, frozenset({1}), frozenset()),
        connection(1, frozenset({0, 2}), frozenset({0})),
        connection(2, frozenset({1, 3}), frozenset()),
        connection(3, frozenset({2}), frozenset()),
    )
    phasing = Phasing(
        (
            Phase(1, "GgrG", 5, 30, 0),
            Phase(2, "rGrr", 5, 30, 0),
            Phase(3, "GrGr", 5, 30, 0),
        ),
        {},
    )
    plan = TimingPlan("X", 60, (1, 2, 3), (30, 10, 20), 0, 1)
    return signal_of(connections, phasing, plan)


def least_plan(choice: Choice, sequence: tuple[int, ...]) -> TimingPlan:
    splits = tuple(choice.phasing.phase(number).min_split_s for number in sequence)
    return TimingPlan("X", sum(splits), sequence, splits, 0, sequence[0])


@settings(max_examples=25, deadline=None)
@given(signals())
def test_every_order_that_is_offered_satisfies_both_checkers(signal: Signal) -> None:
    choice = choices(network_of(signal), Limits())["X"]
    for sequence in choice.sequences[:6]:
        for order in choice.orders(sequence):
            plan = least_plan(choice, order)
            assert check(plan, signal) == ()
            assert watch(plan, signal) == ()
            assert choice.lawful(plan)


@settings(max_examples=25, deadline=None)
@given(signals())
def test_stages_that_harm_nobody_are_offered_in_every_cyclic_order(signal: Signal) -> None:
    """Signals of this strategy are lawful in any order."""
    choice = choices(network_of(signal), Limits(may_omit_phases=False))["X"]
    first, *others = choice.in_force.sequence
    found = {choice.in_force.sequence, *choice.orders(choice.in_force.sequence)}
    every = {(first, *order) for order in permutations(others)}
    assert found <= every
    if len(others) < STAGES_PERMUTED:
        assert found == every


def test_neighbors_changing_places_lead_to_every_order_of_many_stages() -> None:
    start = tuple(range(1, STAGES_PERMUTED + 2))
    found, waiting = {start}, [start]
    while waiting:
        for order in stage_orders(waiting.pop()):
            if order not in found:
                found.add(order)
                waiting.append(order)
    assert found == {(1, *order) for order in permutations(start[1:])}


def test_an_order_that_traps_a_left_turn_is_refused_with_the_reason() -> None:
    signal = junction()
    assert check(signal.plan_in_force, signal) == ()  # type: ignore[arg-type]
    choice = choices(network_of(signal), Limits())["X"]
    assert choice.sequences == ((1, 2, 3),)
    assert choice.orders((1, 2, 3)) == ()
    refused = refused_steps(signal)
    assert set(refused) == {(1, 3)}
    assert "yellow trap" in refused[1, 3]
    assert "phase 1" in refused[1, 3]


def test_stages_left_out_take_another_order_where_that_in_force_is_refused() -> None:
    """Stages 1, 3 and 4 cannot run as in force (1 then 3 traps); 1, 4, 3 can."""
    signal = junction()
    assert signal.phasing is not None
    phases = (*signal.phasing.phases, Phase(4, "rGrr", 5, 30, 0))
    plan = TimingPlan("X", 70, (1, 2, 3, 4), (30, 10, 20, 10), 0, 1)
    signal = replace(signal, phasing=Phasing(phases, {}), plan_in_force=plan)
    choice = choices(network_of(signal), Limits())["X"]
    assert (1, 4, 3) in choice.sequences
    assert (1, 3, 4) not in choice.sequences


def test_what_the_second_checker_sees_keeps_an_order_from_being_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signal = junction()
    choice = choices(network_of(signal), Limits())["X"]
    order = (1, 3, 2)
    assert not choice.lawful(least_plan(choice, order))
    monkeypatch.setattr("engine.optimize.problem.watch", lambda plan, signal: ())
    assert choices(network_of(signal), Limits())["X"].lawful(least_plan(choice, order))


def test_a_locked_sequence_has_no_other_order() -> None:
    plan = TimingPlan("A", 60, (1, 2, 3), (25, 20, 15), 0, 1)
    network = crossroads(1, pocket_m=30.0, phasing=PROTECTED_LEFTS, plans=(plan,))
    free = choices(network, Limits())["A"]
    held = replace(free, hold=Hold("A", sequence=(1, 2, 3)))
    assert free.orders((1, 2, 3))
    assert held.orders((1, 2, 3)) == ()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(8, 40), min_size=3, max_size=3))
def test_reordered_programs_serve_every_stage_as_long(splits: list[int]) -> None:
    plan = TimingPlan("A", 60, (1, 2, 3), (25, 20, 15), 0, 1)
    network = crossroads(1, pocket_m=30.0, phasing=PROTECTED_LEFTS, plans=(plan,))
    street = build_street(network, {"e0p>n0x": np.array([400.0])}, 900, PLAIN)
    rows = list(range(len(street.ways)))
    programs = SignalPrograms(choices(network, Limits())["A"], street, rows)
    program = Program((1, 2, 3), tuple(splits), sum(splits))
    (moved,) = programs.reordered(program)
    assert moved.sequence == (1, 3, 2)
    assert moved.cycle_s == program.cycle_s
    assert dict(zip(moved.sequence, moved.splits_s, strict=True)) == dict(
        zip(program.sequence, program.splits_s, strict=True)
    )


def inside(
    length_m: float, feeder_groups: tuple[int, ...], in_force: tuple[int, ...] = (1, 2, 3)
) -> RoadNetwork:
    """Build a signal whose turn 1, permitted in stage 1 and protected in stage 2, starts on a link
    of some length."""
    phasing = Phasing(
        (Phase(1, "Ggr", 5, 30, 0), Phase(2, "rGr", 5, 30, 0), Phase(3, "rrG", 5, 30, 0)), {}
    )
    connections = (
        connection(0, frozenset({1, 2}), frozenset()),
        connection(1, frozenset({0, 2}), frozenset({0})),
        connection(2, frozenset({0, 1}), frozenset()),
    )
    plan = TimingPlan("X", 60, in_force, (20, 20, 20), 0, 1)
    network = network_of(signal_of(connections, phasing, plan))
    links = dict(network.links)
    links["in1"] = replace(links["in1"], length_m=length_m)
    links["far"] = replace(links["in0"], link_id="far")
    feeder = replace(
        connection(9, frozenset(), frozenset()),
        connection_id="far_0>in1_0",
        from_link="far",
        to_link="in1",
        groups=feeder_groups,
    )
    return RoadNetwork("inside", links, network.signals, (*network.connections, feeder))


def test_a_stage_that_clears_the_inside_of_a_junction_is_kept() -> None:
    network = inside(INSIDE_M - 1.0, (0,))
    assert inside_groups(network, network.signals["X"]) == {1}
    assert all(2 in sequence for sequence in choices(network, Limits())["X"].sequences)


def test_the_stage_that_clears_the_inside_stays_behind_the_one_that_fills_it() -> None:
    """With the protected stage in front, two nodes of `ingolstadt21` locked each other."""
    choice = choices(inside(INSIDE_M - 1.0, (0,)), Limits())["X"]
    assert choice.sequences == ((1, 2, 3),)
    assert choice.orders((1, 2, 3)) == ()


def test_orders_that_would_not_clear_the_inside_are_told_apart_from_unlawful_ones() -> None:
    choice = choices(inside(INSIDE_M - 1.0, (0,)), Limits())["X"]
    assert withheld_orders(choice, (1, 2, 3)) == Withheld(((1, 3, 2),), ("in1",))
    # With room behind the turn the order is offered, so nothing is withheld.
    free = choices(inside(INSIDE_M + 1.0, (0,)), Limits())["X"]
    assert free.orders((1, 2, 3)) == ((1, 3, 2),)
    assert withheld_orders(free, (1, 2, 3)) == Withheld()


def test_an_explanation_looks_for_orders_that_are_withheld() -> None:
    network = inside(INSIDE_M - 1.0, (0,))
    demand = demand_of(network)
    plan = network.signals["X"].plan_in_force
    assert plan is not None
    asked = Question(network, demand.street(network), 0, {"X": plan}, Limits(), demand=demand)
    (signal,) = explanation_of(asked).groups[0].signals
    assert signal.withheld == Withheld(((1, 3, 2),), ("in1",))


def test_an_order_that_is_offered_is_not_told_as_withheld() -> None:
    choice = choices(inside(INSIDE_M - 1.0, (0,), in_force=(1, 3, 2)), Limits())["X"]
    assert withheld_orders(choice, (1, 3, 2)) == Withheld()


def test_a_turn_that_is_not_cleared_behind_its_permissive_green_today_takes_any_order() -> None:
    network = inside(INSIDE_M - 1.0, (0,), in_force=(1, 3, 2))
    assert choices(network, Limits())["X"].orders((1, 3, 2)) == ((1, 2, 3),)


def test_a_ring_whose_left_lags_behind_its_permissive_green_is_not_turned_round() -> None:
    """Two rings: the left (0) of ring 2 is permitted beside ring 1 and protected after it."""
    connections = (
        connection(0, frozenset({1, 2}), frozenset({1})),
        connection(1, frozenset({0, 2}), frozenset()),
        connection(2, frozenset({0, 1}), frozenset()),
    )
    phases = (
        Phase(1, "gGr", 5, 30, 0),
        Phase(2, "Grr", 5, 30, 0),
        Phase(3, "rrG", 5, 30, 0, 1, 2),
        Phase(4, "gGr", 5, 30, 0, 2, 1),
        Phase(5, "Grr", 5, 30, 0, 2, 1),
        Phase(6, "rrG", 5, 30, 0, 2, 2),
    )
    phasing = Phasing(phases, {})
    plan = TimingPlan("X", 60, (1, 2, 3, 4, 5, 6), (30, 10, 20, 30, 10, 20), 0, 1)
    signal = signal_of(connections, phasing, plan)
    assert signal.phasing is not None
    assert emptied(signal.phasing, (1, 2, 3, 4, 5, 6), frozenset({0})) == {0}
    assert emptied(signal.phasing, (2, 1, 3, 5, 4, 6), frozenset({0})) == frozenset()


@pytest.mark.parametrize(("length_m", "feeder_groups"), [(INSIDE_M + 1.0, (0,)), (12.0, ())])
def test_a_turn_with_room_behind_it_may_do_without_its_stage(
    length_m: float, feeder_groups: tuple[int, ...]
) -> None:
    network = inside(length_m, feeder_groups)
    assert inside_groups(network, network.signals["X"]) == frozenset()
    assert (1, 3) in choices(network, Limits())["X"].sequences
