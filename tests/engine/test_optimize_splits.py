"""Splits, sequences and groups: what every search starts from must already be lawful."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures.street import build_street
from engine.optimize.groups import LONGEST_WAY_S, coordination_groups, coupling
from engine.optimize.isolated import cycle_lengths, split_moves
from engine.optimize.problem import LARGEST_CHOICE, Choice, Limits, choices
from engine.optimize.search import shifted
from engine.optimize.splits import PERMISSIVE_VALUE, allocate, needs, rows_of
from network.errors import InfeasibleError
from network.graph import RoadNetwork, Signal
from network.phasing import Phasing
from network.safety import check
from network.timeline import watch
from network.timing import TimingPlan
from tests.reference.toy_streets import (
    LEFTS,
    PLAIN,
    PROTECTED_LEFTS,
    SPEED_MPS,
    crossroads,
    line,
    line_flows,
)
from tests.strategies import network_of, signals


def least_plan(choice: Choice, sequence: tuple[int, ...], offset_s: int = 0) -> TimingPlan:
    splits = tuple(choice.phasing.phase(number).min_split_s for number in sequence)
    return TimingPlan(choice.signal.signal_id, sum(splits), sequence, splits, offset_s, sequence[0])


def served(phasing: Phasing, sequence: tuple[int, ...]) -> set[int]:
    return {
        group
        for number in sequence
        for group, aspect in enumerate(phasing.phase(number).aspects)
        if aspect in "Gg"
    }


@st.composite
def allotted(draw: st.DrawFn) -> tuple[Choice, tuple[int, ...], int, TimingPlan | None]:
    """Draw a signal, flows and a cycle, and split the cycle."""
    network = network_of(draw(signals()))
    choice = choices(network, Limits())["X"]
    flow = st.sampled_from([0.0, 0.5, 80.0, 600.0, 1900.0, 1e5])
    flows = {name: np.array([draw(flow)]) for name in network.movements}
    if not any(value.any() for value in flows.values()):
        flows[next(iter(flows))] = np.array([1.0])
    street = build_street(network, flows, 900, PLAIN)
    sequence = draw(st.sampled_from(choice.sequences))
    cycle_s = choice.least_cycle_s(sequence) + draw(st.integers(-5, 60))
    return choice, sequence, cycle_s, allocate(choice, sequence, cycle_s, street)


@settings(max_examples=60, deadline=None)
@given(allotted())
def test_splits_keep_their_minimum_and_fill_the_cycle(
    drawn: tuple[Choice, tuple[int, ...], int, TimingPlan | None],
) -> None:
    choice, sequence, cycle_s, plan = drawn
    if plan is None:
        assert cycle_s < choice.least_cycle_s(sequence)
        return
    assert plan.cycle_s == cycle_s == sum(plan.splits_s)
    assert plan.sequence == sequence
    for number, split_s in zip(sequence, plan.splits_s, strict=True):
        assert split_s >= choice.phasing.phase(number).min_split_s
    assert plan.coordinated_phase in sequence
    assert plan.offset_s == 0


@settings(max_examples=40, deadline=None)
@given(
    st.floats(10.0, 1800.0),
    st.floats(10.0, 1800.0),
    st.integers(30, 120),
)
def test_saturations_are_equal_within_one_second(east: float, south: float, cycle_s: int) -> None:
    network = line("A")
    street = build_street(network, line_flows(network, e=east, s=south), 900, PLAIN)
    choice = choices(network, Limits())["A"]
    plan = allocate(choice, (1, 2), cycle_s, street)
    assert plan is not None
    need = dict(zip((1, 2), (east, south), strict=True))
    for number, other in ((1, 2), (2, 1)):
        least_s = choice.phasing.phase(number).min_split_s
        if plan.split_s(number) > least_s:
            # One second less, and it would be the more saturated one.
            mine = need[number] / (plan.split_s(number) - 1)
            assert mine >= need[other] / plan.split_s(other) - 1e-9


def test_phase_nobody_needs_keeps_its_minimum() -> None:
    network = line("A")
    street = build_street(network, line_flows(network, e=500.0), 900, PLAIN)
    plan = allocate(choices(network, Limits())["A"], (1, 2), 90, street)
    assert plan is not None
    assert plan.splits_s == (81, 9)
    assert plan.coordinated_phase == 1


@settings(max_examples=60, deadline=None)
@given(signals())
def test_sequences_serve_every_group_in_force_and_are_lawful(signal: Signal) -> None:
    choice = choices(network_of(signal), Limits())["X"]
    assert choice.sequences[0] == choice.in_force.sequence
    assert len(set(choice.sequences)) == len(choice.sequences) <= LARGEST_CHOICE
    for sequence in choice.sequences:
        assert served(choice.phasing, sequence) >= served(choice.phasing, choice.in_force.sequence)
        plan = least_plan(choice, sequence)
        assert check(plan, signal) == ()
        assert watch(plan, signal) == ()


@settings(max_examples=30, deadline=None)
@given(signals())
def test_no_phase_is_left_out_where_that_is_not_allowed(signal: Signal) -> None:
    choice = choices(network_of(signal), Limits(may_omit_phases=False))["X"]
    assert choice.sequences == (choice.in_force.sequence,)


def test_phase_whose_turns_are_served_elsewhere_may_be_left_out() -> None:
    plan = TimingPlan("A", 60, (1, 2, 3), (25, 20, 15), 0, 1)
    network = crossroads(1, pocket_m=30.0, phasing=PROTECTED_LEFTS, plans=(plan,))
    assert (1, 2) in choices(network, Limits())["A"].sequences


def test_signals_that_are_left_alone_or_unknown_have_no_choice() -> None:
    network = line("AB", left_alone={"A": "a tram crosses"})
    unknown = replace(network.signals["B"], phasing=None, plan_in_force=None)
    assert choices(network, Limits()).keys() == {"B"}
    bare = RoadNetwork("bare", network.links, {"B": unknown}, network.connections)
    assert choices(bare, Limits()) == {}


@settings(max_examples=40, deadline=None)
@given(allotted(), st.integers(1, 9))
def test_moved_seconds_stay_in_the_cycle_and_above_the_minimum(
    drawn: tuple[Choice, tuple[int, ...], int, TimingPlan | None], step_s: int
) -> None:
    choice, _, _, plan = drawn
    if plan is None:
        return
    for moved in split_moves(choice, plan, step_s):
        assert sum(moved.splits_s) == plan.cycle_s
        assert sum(abs(a - b) for a, b in zip(moved.splits_s, plan.splits_s, strict=True)) == (
            2 * step_s
        )
        assert all(
            split_s >= choice.phasing.phase(number).min_split_s
            for number, split_s in zip(moved.sequence, moved.splits_s, strict=True)
        )


@given(st.integers(-500, 500), st.integers(30, 120))
def test_shifted_offsets_stay_in_the_cycle(seconds: int, cycle_s: int) -> None:
    plan = TimingPlan("A", cycle_s, (1,), (cycle_s,), 7, 1)
    moved = shifted(plan, seconds)
    assert 0 <= moved.offset_s < cycle_s
    assert (moved.offset_s - 7 - seconds) % cycle_s == 0


def test_cycle_lengths_include_both_ends() -> None:
    limits = Limits(shortest_cycle_s=40, longest_cycle_s=60, cycle_step_s=10)
    assert list(cycle_lengths(limits)) == [40, 50, 60]


def parts(block_m: float, vph: float, names: str = "ABC") -> tuple[tuple[str, ...], ...]:
    network = line(names, block_m)
    street = build_street(network, line_flows(network, e=vph, w=vph, s=50.0), 900, PLAIN)
    return coordination_groups(street, set(names))


def test_near_signals_with_platoons_between_them_belong_together() -> None:
    assert parts(200.0, 500.0) == (("A", "B", "C"),)


def test_far_signals_are_apart() -> None:
    assert parts(SPEED_MPS * (LONGEST_WAY_S + 1), 500.0) == (("A",), ("B",), ("C",))


def test_signals_with_hardly_any_traffic_between_them_are_apart() -> None:
    assert parts(200.0, 20.0) == (("A",), ("B",), ("C",))


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([50.0, 400.0, 600.0]),
    st.lists(st.floats(0.1, 900.0), min_size=12, max_size=12),
    st.sets(st.sampled_from("ABC"), min_size=1),
)
def test_groups_partition_their_members(
    block_m: float, vph: list[float], members: set[str]
) -> None:
    network = line("ABC", block_m)
    flows = {name: np.array([flow]) for name, flow in zip(network.movements, vph, strict=True)}
    groups = coordination_groups(build_street(network, flows, 900, PLAIN), members)
    assert sorted(name for group in groups for name in group) == sorted(members)
    assert [len(group) for group in groups] == sorted((len(g) for g in groups), reverse=True)


def test_signals_do_not_join_over_one_that_is_no_member() -> None:
    network = line("ABC", 200.0)
    street = build_street(network, line_flows(network, e=500.0, w=500.0), 900, PLAIN)
    assert coordination_groups(street, {"A", "C"}) == (("A",), ("C",))


def test_a_group_without_a_common_cycle_is_cut_where_least_platoons_drive() -> None:
    network = line("ABCD", 200.0)
    street = build_street(network, line_flows(network, e=500.0, w=300.0), 900, PLAIN)
    short, long = {50: 1.0, 60: 1.1}, {60: 1.0, 90: 1.2}
    able = {"A": short, "B": short, "C": {60: 0.9}, "D": {90: 1.0}}
    assert coordination_groups(street, set("ABCD"), (), able) == (("A", "B", "C"), ("D",))
    able["C"] = long
    assert coordination_groups(street, set("ABCD"), (), able) == (("A", "B", "C"), ("D",))
    able["A"] = {50: 1.0}
    able["B"] = {50: 1.0, 90: 1.0}
    assert coordination_groups(street, set("ABCD"), (), able) == (("B", "C", "D"), ("A",))


def test_a_group_with_a_common_cycle_stays_whole() -> None:
    network = line("AB", 200.0)
    street = build_street(network, line_flows(network, e=500.0, w=300.0), 900, PLAIN)
    able = {"A": {50: 1.0, 60: 2.0}, "B": {60: 1.0, 70: 0.5}}
    assert coordination_groups(street, set("AB"), (), able) == (("A", "B"),)


def test_neighbors_in_different_groups_have_no_cycle_in_common() -> None:
    network = line("ABCDE", 200.0)
    street = build_street(network, line_flows(network, e=500.0, w=300.0), 900, PLAIN)
    # 60 s keeps three legs and leaves C out, which A and B could go with at 90 s.
    able = {"A": {60: 1.0, 90: 1.0}, "B": {60: 1.0, 90: 1.0}, "C": {90: 1.0}}
    able |= {"D": {60: 1.0}, "E": {60: 1.0}}
    assert coordination_groups(street, set("ABCDE"), (), able) == (("A", "B", "C"), ("D", "E"))


def test_signals_that_are_tied_are_never_parted() -> None:
    network = line("ABCD", 200.0)
    street = build_street(network, line_flows(network, e=500.0, w=300.0), 900, PLAIN)
    both = {60: 1.0, 90: 1.0}
    able = {"A": {60: 1.0}, "B": {60: 1.0}, "C": both, "D": {90: 1.0}}
    assert coordination_groups(street, set("ABCD"), (), able) == (("A", "B", "C"), ("D",))
    halves = (("A", "B"), ("C", "D"))
    assert coordination_groups(street, set("ABCD"), (), able, [("C", "D")]) == halves
    assert coordination_groups(street, set("ABCD"), [("C", "D")], able) == halves
    with pytest.raises(InfeasibleError, match=r"they can run: A 60 s; D 90 s"):
        coordination_groups(street, set("ABCD"), (), able, [("A", "D")])


def test_a_named_corridor_that_no_cycle_suits_is_cut() -> None:
    network = line("ABCD", 200.0)
    street = build_street(network, line_flows(network, e=500.0, w=300.0), 900, PLAIN)
    able = {"A": {60: 1.0}, "B": {60: 1.0}, "C": {60: 1.0, 90: 1.0}, "D": {90: 1.0}}
    wanted = [tuple("ABCD")]
    assert coordination_groups(street, set("ABCD"), wanted, able) == (("A", "B", "C"), ("D",))


def test_coupling_adds_up_both_directions() -> None:
    network = line("AB", 200.0)
    street = build_street(network, line_flows(network, e=500.0, w=300.0), 900, PLAIN)
    edge = coupling(street).edges["A", "B"]
    assert edge["flow_vph"] == pytest.approx(800.0, rel=0.05)
    assert edge["travel_time_s"] == pytest.approx(200.0 / SPEED_MPS)


def test_permissive_green_counts_for_less_than_protected_green() -> None:
    """Lefts alone, permissive in phase 1 and protected in phase 3: phase 3 gets the seconds."""
    plan = TimingPlan("A", 60, (1, 2, 3), (25, 20, 15), 0, 1)
    network = crossroads(1, pocket_m=30.0, phasing=PROTECTED_LEFTS, plans=(plan,))
    street = build_street(network, {"e0p>n0x": np.array([400.0])}, 900, PLAIN)
    found = allocate(choices(network, Limits())["A"], (1, 2, 3), 80, street)
    assert found is not None
    assert found.split_s(3) > found.split_s(1)
    assert served(LEFTS, (1, 2)) == set(range(8))


def test_few_yielding_lefts_do_not_make_their_lane_yield_as_a_whole() -> None:
    """Fails where a lane is worth as little as its least turn: the street across then starves."""
    network = crossroads(1)
    choice = choices(network, Limits())["A"]
    flows = {"e0>e1": 600.0, "e0>n0x": 6.0, "s0>n0x": 606.0}
    street = build_street(
        network, {name: np.array([vph]) for name, vph in flows.items()}, 900, PLAIN
    )
    found = allocate(choice, (1, 2), 80, street)
    assert found is not None
    assert abs(found.split_s(1) - found.split_s(2)) <= 2


@settings(max_examples=30, deadline=None)
@given(st.floats(0.0, 900.0), st.floats(1.0, 900.0))
def test_a_lane_is_worth_what_its_turns_get_in_their_mix(straight: float, left: float) -> None:
    network = crossroads(1)
    choice = choices(network, Limits())["A"]
    street = build_street(
        network, {"e0>e1": np.array([straight]), "e0>n0x": np.array([left])}, 900, PLAIN
    )
    rows = rows_of(choice, street)
    lane, need, worth = needs(choice, (1, 2), street, rows)
    alone = street.way_volume_vps[rows] / street.lanes.saturation_vps[rows]
    yields = np.array([bool(street.ways[row].yields_to) for row in rows])
    assert lane.size == 1
    assert need == pytest.approx(alone.sum())
    # The green that the lane needs is what its turns would need one after the other.
    spent = alone[~yields].sum() + alone[yields].sum() / PERMISSIVE_VALUE
    assert need / worth[:, 0] == pytest.approx(spent)
    assert (worth[:, 1] == 0).all()
