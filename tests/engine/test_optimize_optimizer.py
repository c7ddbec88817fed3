"""The optimizer on streets small enough to see through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures.street import Driving
from engine.optimize.explain import reasons
from engine.optimize.optimizer import Optimization, optimize
from engine.optimize.problem import Limits
from network.errors import InfeasibleError, InsufficientDataError
from network.graph import RoadNetwork, Signal
from network.phasing import Phase, Phasing
from network.safety import check
from network.timeline import watch
from network.timing import OffsetReference, TimingPlan
from tests.reference.toy_streets import (
    PLAIN,
    PROTECTED_LEFTS,
    SPEED_MPS,
    TWO_PHASES,
    Floats,
    Roads,
    crossroads,
    line,
    line_flows,
    two_phase_plan,
)
from tests.strategies import network_of, signals

QUICK = Limits(effort=120, demand_margin=1.0)
TIGHT = Phasing((Phase(1, "GGrr", 25, 30, 10), Phase(2, "rrGG", 20, 30, 10)), {})
"""Least splits of 29 and 24 s."""


def timed(
    network: RoadNetwork,
    limits: Limits = QUICK,
    driving: Driving = PLAIN,
    flows: Mapping[str, Floats] | None = None,
    start_s: int = 0,
) -> Optimization:
    return optimize(
        network, flows or line_flows(network, e=600.0, w=400.0, s=250.0, n=150.0),
        900, start_s, limits, driving,
    )  # fmt: skip


def with_signal(network: RoadNetwork, name: str, **changes: object) -> RoadNetwork:
    """Change one signal of a network."""
    changed = replace(network.signals[name], **changes)  # type: ignore[arg-type]
    return RoadNetwork(
        network.name, network.links, {**network.signals, name: changed}, network.connections
    )


def three_phase_street() -> RoadNetwork:
    """Two crossroads with pockets, on plans of three phases."""
    plans = tuple(TimingPlan(name, 80, (1, 2, 3), (40, 25, 15), 0, 1) for name in "AB")
    return crossroads(2, 200.0, pocket_m=40.0, phasing=PROTECTED_LEFTS, plans=plans)


NETWORKS = {
    "one signal": line("A"),
    "a street": line("ABC", 200.0),
    "long plans in force": line("AB", 200.0, cycle_s=110, main_s=30),
    "lefts": crossroads(2, 150.0),
    "pockets and protected lefts": three_phase_street(),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_plan_passes_both_checkers_and_beats_today(name: str) -> None:
    network = NETWORKS[name]
    flows = {m: np.array([260.0 if m[0] in "ew" else 110.0]) for m in network.movements}
    found = timed(network, flows=flows)
    assert {plan.signal_id for plan in found.plan_set.plans} == set(network.signals)
    for plan in found.plan_set.plans:
        signal = network.signals[plan.signal_id]
        assert check(plan, signal) == ()
        assert watch(plan, signal) == ()
        assert QUICK.shortest_cycle_s <= plan.cycle_s <= QUICK.longest_cycle_s
    assert found.planned.cost_s <= found.in_force.cost_s * (1 + 1e-9)


@pytest.mark.parametrize("name", ["a street", "lefts"])
def test_equal_questions_get_equal_answers(name: str) -> None:
    network = NETWORKS[name]
    flows = {m: np.array([260.0 if m[0] in "ew" else 110.0]) for m in network.movements}
    first, second = (timed(network, flows=flows) for _ in range(2))
    assert first.plan_set.digest == second.plan_set.digest
    assert first.planned.cost_s == second.planned.cost_s
    assert first.evaluations == second.evaluations


@settings(max_examples=25, deadline=None)
@given(signals(), st.data())
def test_any_lawful_signal_gets_a_lawful_plan_or_is_refused(
    signal: Signal, data: st.DataObject
) -> None:
    network = network_of(signal)
    flow = st.sampled_from([0.0, 40.0, 400.0, 2500.0])
    flows = {name: np.array([data.draw(flow)]) for name in network.movements}
    flows[next(iter(flows))] += 1.0
    limits = Limits(shortest_cycle_s=30, longest_cycle_s=180, cycle_step_s=30, effort=12)
    assert signal.plan_in_force is not None
    try:
        found = optimize(network, flows, 300, 0, limits, PLAIN)
    except InfeasibleError as error:
        assert "X: " in str(error)  # noqa: PT017
        return
    plan = found.plan_set.plan("X")
    assert plan is not None
    assert check(plan, signal) == ()
    assert watch(plan, signal) == ()
    assert found.evaluations <= limits.effort


def test_group_of_signals_shares_one_cycle() -> None:
    found = timed(line("ABC", 200.0))
    assert found.groups == (("A", "B", "C"),)
    assert len({plan.cycle_s for plan in found.plan_set.plans}) == 1


def one_way(distance_m: float) -> RoadNetwork:
    """Two signals on a street that runs east only, with a side street each."""
    roads = Roads()
    for i, name in enumerate("AB"):
        for link in (f"e{i}", f"e{i + 1}"):
            roads.link(link, distance_m if link == "e1" else 300.0)
        ways = [
            roads.turn(f"e{i}", f"e{i + 1}", group=0),
            roads.turn(roads.link(f"s{i}"), roads.link(f"s{i}x"), group=2),
        ]
        ids = [frozenset([way.connection_id]) for way in ways]
        crossing = {ways[0].connection_id: ids[1], ways[1].connection_id: ids[0]}
        roads.signal(name, ways, TWO_PHASES, two_phase_plan(name), crossing)
    return roads.network()


@pytest.mark.parametrize("distance_m", [125.0, 250.0, 400.0])
def test_offset_of_a_one_way_street_is_its_running_time(distance_m: float) -> None:
    """Main and side street fill their greens, so B must begin when A's platoon comes."""
    network = one_way(distance_m)
    limits = Limits(60, 60, effort=400, demand_margin=1.0)
    steady = replace(PLAIN, speed_variation=0.0)
    flows = line_flows(network, e=760.0, s=700.0)
    found = timed(network, limits, steady, flows)
    a, b = (found.plan_set.plan(name) for name in "AB")
    assert a is not None
    assert b is not None
    begins = [plan.begin_s(TWO_PHASES) + plan.start_s(1, TWO_PHASES) for plan in (a, b)]
    late_s = (begins[1] - begins[0] - round(distance_m / SPEED_MPS) + 30) % 60 - 30
    assert abs(late_s) <= 4


@pytest.mark.parametrize("effort", [1, 2, 3, 5, 17, 100, 333])
def test_effort_is_never_exceeded(effort: int) -> None:
    found = timed(line("AB", 200.0), Limits(effort=effort))
    assert found.evaluations <= effort


def test_more_effort_does_no_harm_beyond_the_luck_of_the_search() -> None:
    costs = [timed(line("ABC", 200.0), replace(QUICK, effort=e)).planned.cost_s for e in (10, 400)]
    assert costs[1] <= costs[0] * 1.01


def test_plan_in_force_that_is_best_is_kept() -> None:
    """At a cycle the search does not try, today's plan was given up for a worse one."""
    network = line("AB", 250.0)
    flows = line_flows(network, e=700.0, s=300.0)
    between = Limits(52, 53, effort=600, demand_margin=1.0)
    best = timed(network, between, flows=flows).plan_set
    for name in "AB":
        network = with_signal(network, name, plan_in_force=best.plan(name))
    found = timed(network, flows=flows)
    assert found.planned.cost_s <= found.in_force.cost_s * (1 + 1e-9)


def test_today_counts_only_where_the_limits_allow_it() -> None:
    network = line("AB", 200.0, cycle_s=70)
    found = timed(network, Limits(shortest_cycle_s=90, longest_cycle_s=100, effort=20))
    assert all(90 <= plan.cycle_s <= 100 for plan in found.plan_set.plans)


def test_plan_in_force_may_have_any_offset_reference() -> None:
    network = line("AB", 200.0)
    for name in "AB":
        plan = replace(two_phase_plan(name), offset_reference=OffsetReference.END_YELLOW)
        network = with_signal(network, name, plan_in_force=plan)
    found = timed(network)
    assert found.planned.cost_s <= found.in_force.cost_s * (1 + 1e-9)


@pytest.mark.parametrize("narrow", ["A", "B"])
def test_groups_may_have_different_numbers_of_cycles_to_choose_from(narrow: str) -> None:
    """The last group's number of cycles was used for every group."""
    network = with_signal(line("AB", 2000.0), narrow, phasing=TIGHT)
    found = timed(network, Limits(40, 60, effort=30))
    assert found.groups == (("A",), ("B",))
    assert len(found.plan_set.plans) == 2


def test_signal_to_be_left_alone_is_left_alone_with_its_reason() -> None:
    network = line("AB", 200.0, left_alone={"B": "a tram crosses"})
    found = timed(network)
    assert [plan.signal_id for plan in found.plan_set.plans] == ["A"]
    assert found.plan_set.left_alone == {"B": "a tram crosses"}


def test_signal_without_traffic_is_left_alone_with_a_reason() -> None:
    network = line("AB", 2000.0)
    flows = {"w1>w0": np.array([300.0]), "s0>s0x": np.array([200.0])}
    found = timed(network, flows=flows)
    assert [plan.signal_id for plan in found.plan_set.plans] == ["A"]
    assert "no traffic" in found.plan_set.left_alone["B"]


def test_signal_that_is_not_understood_is_left_alone() -> None:
    network = with_signal(line("AB", 200.0), "B", phasing=None, plan_in_force=None)
    found = timed(network)
    assert found.plan_set.left_alone.keys() == {"B"}
    assert found.plan_set.left_alone["B"]


def test_network_with_nothing_to_retime_names_its_signals() -> None:
    network = line("AB", left_alone={"A": "a tram crosses", "B": "rail"})
    with pytest.raises(InfeasibleError, match="A: a tram crosses; B: rail"):
        timed(network)


def test_phases_that_no_cycle_holds_name_their_signals() -> None:
    network = line("AB", 200.0, phasing=TIGHT)
    with pytest.raises(InfeasibleError, match=r"A: .*holds its phases.*B: "):
        timed(network, Limits(30, 50, effort=10))


def test_signal_whose_phases_no_cycle_holds_is_left_alone() -> None:
    network = with_signal(line("AB", 200.0), "B", phasing=TIGHT)
    found = timed(network, Limits(30, 50, effort=20))
    assert [plan.signal_id for plan in found.plan_set.plans] == ["A"]
    assert "holds its phases" in found.plan_set.left_alone["B"]


@pytest.mark.parametrize("flows", [{}, {"e0>e1": np.zeros(3)}, {"unknown>movement": np.ones(1)}])
def test_zero_flows_are_too_little_to_plan_from(flows: dict[str, Floats]) -> None:
    with pytest.raises(InsufficientDataError):
        optimize(line("AB"), flows, 900, 0, QUICK, PLAIN)


def test_busy_movement_gets_most_of_the_cycle() -> None:
    found = timed(line("A"), flows=line_flows(line("A"), e=1100.0, s=150.0))
    plan = found.plan_set.plan("A")
    assert plan is not None
    assert plan.split_s(1) > 2 * plan.split_s(2)


def test_start_of_the_day_moves_no_cost() -> None:
    """Offsets count from system zero: a start a whole number of cycles later is the same."""
    network = line("AB", 200.0)
    limits = Limits(60, 60, effort=60)
    now, later = (timed(network, limits, start_s=start_s) for start_s in (0, 3600))
    assert now.plan_set.digest == later.plan_set.digest


def test_progress_is_told_and_never_beyond_the_whole() -> None:
    told: list[tuple[str, int, int]] = []
    network = line("AB", 200.0)
    optimize(
        network, line_flows(network, e=500.0, s=200.0), 900, 0, Limits(effort=150), PLAIN,
        lambda *step: told.append(step),
    )  # fmt: skip
    assert told
    assert all(0 <= done <= whole for _, done, whole in told)


def test_every_plan_has_reasons_that_name_its_numbers() -> None:
    network = three_phase_street()
    flows = {m: np.array([150.0]) for m in network.movements}
    found = timed(network, flows=flows)
    told = reasons(
        network, found.street, found.plan_set, found.groups, found.in_force, found.planned
    )
    assert told.keys() == {plan.signal_id for plan in found.plan_set.plans}
    for plan in found.plan_set.plans:
        assert f"Cycle {plan.cycle_s} s instead of 80 s" in told[plan.signal_id][0]
        left_out = {1, 2, 3} - set(plan.sequence)
        said = [line for line in told[plan.signal_id] if "is left out" in line]
        assert len(said) == len(left_out)
