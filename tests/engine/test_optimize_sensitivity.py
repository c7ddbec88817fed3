"""What one second is worth, against plans costed from scratch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures.cyclic import cyclic_cost
from engine.measures.evaluation import Tables, evaluate
from engine.optimize.appraisal import scaled
from engine.optimize.isolated import split_moves
from engine.optimize.sensitivity import HourlyModel, exchanged, seconds_of
from engine.optimize.trials import GroupTrials
from network.errors import PlanError
from network.graph import RoadNetwork
from network.safety import check
from network.timing import TimingPlan
from network.units import SECONDS_PER_HOUR
from tests.engine.explained_streets import (
    WALKING,
    choices_of,
    demand_of,
    flows_of,
    plans_of,
    row,
    trials_of,
    two_rings,
)
from tests.reference.toy_streets import PROTECTED_LEFTS, crossroads, tables_of


def from_scratch(network: RoadNetwork, seed: int, plan: TimingPlan) -> float:
    """Cost of the plans in force with one of them changed, vehicle-seconds an hour."""
    plans = plans_of(network)
    street = demand_of(network, seed).street(network)
    group = tuple(plans)
    return SECONDS_PER_HOUR * (
        cyclic_cost(street, network, {**plans, plan.signal_id: plan}, group)
        - cyclic_cost(street, network, plans, group)
    )


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from("ABC"))
def test_every_second_costs_what_plans_from_scratch_cost(seed: int, name: str) -> None:
    network = row(seed=seed)
    found = seconds_of(trials_of(network, seed), choices_of(network)[name])
    assert found.costs
    for cost in found.costs:
        assert cost.veh_s_per_h == pytest.approx(from_scratch(network, seed, cost.plan), abs=1e-3)
        assert check(cost.plan, network.signals[name]) == ()


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6))
def test_the_exchange_told_is_the_cheapest_lawful_one(seed: int) -> None:
    network = row(seed=seed, phasing=WALKING)
    plan, choice = plans_of(network)["B"], choices_of(network)["B"]
    found = seconds_of(trials_of(network, seed), choice)
    moves = {moved: from_scratch(network, seed, moved) for moved in split_moves(choice, plan, 1)}
    for number in plan.sequence:
        for sign, told in ((1, found.more[number]), (-1, found.less[number])):
            costs = [
                c for m, c in moves.items() if (m.split_s(number) - plan.split_s(number)) * sign > 0
            ]
            assert (told is None) == (not costs)
            if told is not None:
                assert told.veh_s_per_h == pytest.approx(min(costs), abs=1e-3)
                assert told.seconds[number] == sign
                assert sum(told.seconds.values()) == 0


def test_rings_exchange_seconds_over_a_barrier_together() -> None:
    network = two_rings()
    flows = {name: np.array([150.0 + 40.0 * at]) for at, name in enumerate(network.movements)}
    street = replace(demand_of(network), movement_vph=flows).street(network)
    trials = GroupTrials(street, network, plans_of(network))
    found = seconds_of(trials, choices_of(network)["X"])
    assert len(found.costs) > 8
    for cost in found.costs:
        assert check(cost.plan, network.signals["X"]) == ()


@pytest.mark.parametrize("seed", range(3))
def test_lanes_add_up_to_the_whole_and_name_who_gains_and_who_pays(seed: int) -> None:
    network = row(seed=seed)
    trials, choice = trials_of(network, seed), choices_of(network)["B"]
    assert trials.lane_costs().sum() == pytest.approx(trials.cost())
    base = trials.lane_costs()
    for cost in seconds_of(trials, choice).costs:
        change = (trials.trial_lanes([cost.plan]) - base) * SECONDS_PER_HOUR
        assert change.sum() == pytest.approx(cost.veh_s_per_h, abs=1e-6)
        if cost.pays is not None:
            assert cost.pays.veh_s_per_h == pytest.approx(change.max())
            assert cost.pays.lane == trials.lane_names[int(change.argmax())]
            assert cost.pays.lane.startswith(cost.pays.link)
        if cost.gains is not None:
            assert cost.gains.veh_s_per_h == pytest.approx(change.min())
    assert trials.lane_costs() == pytest.approx(base)


@pytest.mark.parametrize("seed", range(4))
def test_at_a_local_optimum_no_second_pays(seed: int) -> None:
    network = row(seed=seed)
    trials, able = trials_of(network, seed), choices_of(network)
    before = trials.cost()
    after = trials.descend(able, 30)
    assert after < before
    assert after == pytest.approx(trials.cost())
    for name in trials.plans:
        for cost in seconds_of(trials, able[name]).costs:
            assert cost.veh_s_per_h >= -1e-4 * after * SECONDS_PER_HOUR


def test_the_hour_long_model_is_asked_of_the_same_plans() -> None:
    network = row()
    street = demand_of(network).street(network)
    plans = plans_of(network)
    hourly = HourlyModel(tables_of(network, street), 0, plans)
    found = seconds_of(trials_of(network), choices_of(network)["B"], hourly)
    for cost in found.costs:
        tables: Tables = tables_of(network, street, {**plans, "B": cost.plan})
        played = evaluate(tables, 0, street.horizon_s)
        assert cost.hourly_veh_s_per_h == pytest.approx(
            played.cost_s * played.volume_veh - hourly.cost_veh_s_per_h, abs=1e-3
        )


def test_seconds_are_priced_under_the_traffic_that_plans_are_to_hold() -> None:
    network = row()
    trials = trials_of(network)
    ample = GroupTrials(scaled(trials.street, 1.15), network, plans_of(network))
    before = ample.cost()
    found = seconds_of(trials, choices_of(network)["B"], None, ample)
    for cost in found.costs:
        expected = SECONDS_PER_HOUR * (ample.trial([cost.plan]) - before)
        assert cost.ample_veh_s_per_h == pytest.approx(expected, abs=1e-6)
    assert any(cost.ample_veh_s_per_h != cost.veh_s_per_h for cost in found.costs)


def test_both_models_agree_on_seconds_that_matter_where_nothing_blocks() -> None:
    plans = tuple(TimingPlan(name, 80, (1, 2, 3), (40, 25, 15), 11, 1) for name in "AB")
    network = crossroads(2, 400.0, 300.0, 7.5, PROTECTED_LEFTS, plans)
    trials, able = trials_of(network, level=0.7), choices_of(network)
    hourly = HourlyModel(tables_of(network, trials.street), 0, plans_of(network))
    costs = [c for n in "AB" for c in seconds_of(trials, able[n], hourly).costs]
    steady = np.array([c.veh_s_per_h for c in costs])
    played = np.array([c.hourly_veh_s_per_h for c in costs])
    grave = np.abs(steady) > 0.5 * np.abs(steady).max()
    assert grave.sum() >= 3
    assert (steady * played > 0)[grave].all()
    assert np.corrcoef(steady, played)[0, 1] > 0.9


def test_an_exchange_is_followed_as_far_as_it_is_lawful() -> None:
    network = row(phasing=WALKING)
    trials, choice = trials_of(network), choices_of(network)["B"]
    cost = seconds_of(trials, choice).less[2]
    assert cost is not None
    points = exchanged(trials, choice, cost, 6)
    # 25 s may fall to 18 s of walking and 4 s of clearance.
    assert [times for times, _ in points] == [1, 2, 3]
    assert points[0][1] == pytest.approx(cost.veh_s_per_h, abs=1e-6)


def test_every_offset_costs_what_it_costs_alone() -> None:
    network = row()
    trials = trials_of(network)
    curve = trials.offset_costs("B")
    assert curve.shape == (80,)
    for offset_s in (0, 17, 79):
        plan = replace(trials.plans["B"], offset_s=offset_s)
        assert curve[offset_s] == pytest.approx(trials.trial([plan]), rel=1e-4)


def test_a_cycle_that_does_not_divide_the_common_one_is_refused() -> None:
    network = row()
    plans = plans_of(network)
    plans["B"] = TimingPlan("B", 60, (1, 2, 3), (30, 15, 15), 0, 1)
    street = demand_of(network).street(network)
    with pytest.raises(PlanError, match="'B' runs a cycle of 60 s in a group of 80 s"):
        GroupTrials(street, network, plans)


def test_half_cycles_are_priced_too() -> None:
    network = row()
    plans = plans_of(network)
    plans["B"] = TimingPlan("B", 40, (1, 2, 3), (20, 10, 10), 3, 1)
    street = demand_of(network).street(network)
    trials = GroupTrials(street, network, plans)
    found = seconds_of(trials, choices_of(network)["B"])
    assert trials.offset_costs("B").shape == (40,)
    for cost in found.costs:
        want = cyclic_cost(street, network, {**plans, "B": cost.plan}, tuple(plans))
        assert cost.veh_s_per_h == pytest.approx((want - trials.cost()) * 3600.0, abs=1e-3)


def test_flows_are_those_asked_for() -> None:
    network = row()
    vph = sum(float(flow[0]) for flow in flows_of(network).values())
    assert trials_of(network).volume_vps * SECONDS_PER_HOUR == pytest.approx(vph)
