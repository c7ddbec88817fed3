"""Descent on the steady cycle: what it looks at, what it promises, half cycles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures import cyclic_kernels as kernels
from engine.measures.cyclic import CyclicTables, cost_weights, cyclic_cost
from engine.measures.cyclic_group import cyclic_group
from engine.measures.evaluation import evaluate
from engine.measures.objective import Goal, Objective
from engine.measures.street import Driving, Street, build_street
from engine.optimize.descent import Descent
from engine.optimize.explain import reasons
from engine.optimize.groups import coupling
from engine.optimize.isolated import IsolatedSignal
from engine.optimize.link_tables import link_tables
from engine.optimize.problem import Limits, choices
from engine.optimize.programs import Program
from engine.optimize.steady_group import Setting
from engine.optimize.surroundings import Surroundings
from engine.optimize.wholes import Ground, group_plans
from network.errors import PlanError
from network.graph import RoadNetwork
from network.phasing import Phase, Phasing
from network.safety import check
from network.timeline import watch
from network.timing import PlanSet
from network.transit import BusLine, BusStop
from tests.reference.toy_streets import (
    PLAIN,
    PROTECTED_LEFTS,
    crossroads,
    line,
    line_flows,
    tables_of,
    two_phase_plan,
)

LIMITS = Limits(demand_margin=1.0)
HOUR_S = 3600


def studied(
    network: RoadNetwork, street: Street, limits: Limits = LIMITS
) -> dict[str, IsolatedSignal]:
    return {
        name: IsolatedSignal(street, choice, limits)
        for name, choice in choices(network, limits).items()
    }


def street_of(seed: int, three: bool = False) -> tuple[RoadNetwork, Street]:
    """Three crossroads in a row, lefts in pockets, some on an arrow of their own."""
    rng = np.random.default_rng(seed)
    network = (
        crossroads(3, 220.0, 60.0, 7.5, PROTECTED_LEFTS) if three else crossroads(3, 220.0, 60.0)
    )
    flows = {name: np.array([130.0 * rng.uniform(0.3, 1.0)]) for name in network.movements}
    return network, build_street(network, flows, 3600, Driving(start_loss_s=1))


def drawn(
    isolated: dict[str, IsolatedSignal], cycle_s: int, rng: np.random.Generator
) -> dict[str, Setting]:
    """Programs as the signals alone would have them, and offsets at random."""
    return {
        name: (signal.roughly(cycle_s).program, int(rng.integers(cycle_s)))
        for name, signal in isolated.items()
    }


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from("ABC"), st.booleans())
def test_a_signals_cost_nearby_is_that_of_solving_the_whole_group(
    seed: int, name: str, buses: bool
) -> None:
    rng = np.random.default_rng(seed)
    network = line("ABC", 250.0)
    flows = line_flows(network, e=rng.uniform(300, 700), w=rng.uniform(300, 700), s=250.0, n=150.0)
    lines = (BusLine("1", ("e0", "e1", "e2", "e3"), 300.0, 30.0, (BusStop("e1", 20.0, 6.0),)),)
    objective = Objective(Goal.PERSON_DELAY, buses=lines if buses else ())
    street = build_street(network, flows, 3600, PLAIN, objective=objective)
    isolated = studied(network, street)
    descent = Descent(
        Surroundings(cyclic_group(street, "ABC")), isolated, 60, drawn(isolated, 60, rng)
    )
    program, begin_s = descent.settings[name]
    first, second = program.splits_s
    other = Program(program.sequence, (first - 3, second + 3), 60)
    trials = [(int(rng.integers(2)), int(rng.integers(60))) for _ in range(20)]
    costs = descent.local_costs(name, [program, other], trials)
    lanes = descent.local_lanes(name)
    assert 0 < len(lanes) < descent.group.arrays.storage_veh.size
    tables = CyclicTables(descent.group, network, 60)
    for plan in descent.plans().values():
        tables.set(plan)
    for (number, begin), got in zip(trials, costs, strict=True):
        tables.set(isolated[name].programs.plan((program, other)[number], begin))
        want = kernels.total_cost(tables.solve()[lanes], 60, cost_weights(tables.group)[lanes])
        # A rider may miss a second where the two differ in the last digit of a queue.
        assert got == pytest.approx(want, rel=3e-3 if buses else 5e-4)
    assert descent.settings[name] == (program, begin_s)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.booleans())
def test_descent_never_ends_worse_than_it_began(seed: int, three: bool, full: bool) -> None:
    network, street = street_of(seed, three)
    isolated = studied(network, street)
    start = drawn(isolated, 70, np.random.default_rng(seed))
    descent = Descent(Surroundings(cyclic_group(street, "ABC")), isolated, 70, start)
    before = descent.cost
    descent.descend(full)
    after = descent.move_blocks(coupling(street))
    assert after == descent.cost <= before
    whole_s = max(plan.cycle_s for plan in descent.plans().values())
    if whole_s == 70:
        said = cyclic_cost(street, network, descent.plans(), ("A", "B", "C"))
        assert said == pytest.approx(after, rel=1e-9)


def test_halted_descent_keeps_what_it_was_given() -> None:
    network, street = street_of(1)
    isolated = studied(network, street)
    start = drawn(isolated, 70, np.random.default_rng(1))
    surroundings = Surroundings(cyclic_group(street, "ABC"))
    descent = Descent(surroundings, isolated, 70, start, lambda: True)
    before = descent.cost
    assert descent.descend(full=True) == before
    assert descent.settings == start


def test_equal_descents_end_equally() -> None:
    network, street = street_of(5, three=True)
    found = []
    for _ in range(2):
        isolated = studied(network, street)
        start = drawn(isolated, 80, np.random.default_rng(2))
        descent = Descent(Surroundings(cyclic_group(street, "ABC")), isolated, 80, start)
        descent.descend(full=True)
        found.append((descent.cost, descent.settings))
    assert found[0] == found[1]


TIGHT = Phasing((Phase(1, "GGrr", 25, 30, 10), Phase(2, "rrGG", 20, 30, 10)), {})
"""Least splits of 29 and 24 s: no cycle of 40 s holds them."""


def with_half_cycle() -> tuple[RoadNetwork, Descent]:
    """Two signals at 80 s, of which only the second could run 40 s, and does best so."""
    network = line("AB", 900.0, cycle_s=80, main_s=50)
    signal = replace(network.signals["A"], phasing=TIGHT)
    network = RoadNetwork(
        network.name, network.links, {**network.signals, "A": signal}, network.connections
    )
    flows = line_flows(network, e=300.0, w=300.0, s=100.0, n=100.0)
    street = build_street(network, flows, HOUR_S, PLAIN)
    isolated = studied(network, street)
    start: dict[str, Setting] = {name: (isolated[name].roughly(80).program, 0) for name in "AB"}
    surroundings = Surroundings(cyclic_group(street, "AB"))
    return network, Descent(surroundings, isolated, 80, start)


def test_a_signal_takes_half_the_cycle_where_that_is_cheaper_and_both_checkers_agree() -> None:
    network, descent = with_half_cycle()
    before = descent.cost
    descent.descend(full=True)
    plans = descent.plans()
    assert {name: plan.cycle_s for name, plan in plans.items()} == {"A": 80, "B": 40}
    for name, plan in plans.items():
        assert check(plan, network.signals[name]) == ()
        assert watch(plan, network.signals[name]) == ()
    assert descent.cost < before


def test_half_a_cycle_is_explained_as_such() -> None:
    network, descent = with_half_cycle()
    descent.descend(full=True)
    street = descent.group.street
    tables = tables_of(network, street)
    measures = evaluate(tables, 0, HOUR_S)
    plan_set = PlanSet("toy", tuple(descent.plans().values()), {})
    told = reasons(network, street, plan_set, (("A", "B"),), measures, measures)
    for plan in plan_set.plans:
        said = "half of the 80 s of its coordination group" in told[plan.signal_id][0]
        assert said == (plan.cycle_s == 40)


def test_link_tables_take_half_cycles_and_refuse_others() -> None:
    network = line("AB", 200.0)
    street = build_street(network, line_flows(network, e=500.0, s=200.0), HOUR_S, PLAIN)
    plans = {"A": two_phase_plan("A", 80, 50), "B": two_phase_plan("B", 40, 25)}
    tables = link_tables(street, network, plans, ("A", "B"))
    assert tables.cycle_s == 80
    # B is the same again after its own cycle.
    assert tables.cost_veh_s[:, :40] == pytest.approx(tables.cost_veh_s[:, 40:], rel=1e-9)
    with pytest.raises(PlanError, match="one cycle"):
        link_tables(street, network, plans | {"B": two_phase_plan("B", 50, 25)}, ("A", "B"))


def test_group_plans_are_lawful_and_the_first_is_the_cheapest() -> None:
    network, street = street_of(3, three=True)
    isolated = studied(network, street)
    ground = Ground(network, street, isolated, coupling(street), None, 1)
    found = group_plans(ground, ("A", "B", "C"), lambda: False)
    costs = [cyclic_cost(street, network, plans, ("A", "B", "C")) for plans in found]
    assert costs == sorted(costs)
    for plans in found:
        for name, plan in plans.items():
            assert check(plan, network.signals[name]) == ()
