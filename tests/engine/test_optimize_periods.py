"""Planning a day of a small street."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from engine.measures.cyclic import cyclic_cost
from engine.measures.objective import Objective
from engine.measures.street import Driving
from engine.measures.transition import transition
from engine.optimize.closeness import distance, drawn_towards
from engine.optimize.clusters import marginal_costs_s, nested_clusters
from engine.optimize.day_costs import DayCosts, PeriodPlan
from engine.optimize.day_demand import DayDemand, DayStreets
from engine.optimize.day_through import DayThrough, played_through
from engine.optimize.lock_checks import locked
from engine.optimize.locks import CycleLock, OffsetLock
from engine.optimize.periods import plan_day
from engine.optimize.planned_day import DayWishes, PlannedDay, knee, reason_for
from engine.optimize.problem import Limits, choices
from engine.optimize.robust import (
    RobustCosts,
    Robustness,
    drawn_demands,
    refined,
    spread_of,
    tail_mean,
)
from engine.optimize.switching import DayChoice, cost_of, dwell_kept
from network.errors import InfeasibleError, InsufficientDataError
from network.graph import RoadNetwork
from network.safety import check
from network.timeline import watch
from network.timing import PlanSet, TimingPlan
from tests.reference.toy_streets import PLAIN, line, two_phase_plan

LIMITS = Limits(effort=25, cycle_step_s=15, longest_cycle_s=90, demand_margin=1.0)
WISHES = DayWishes(most_plans=3, dwell_s=7200)
LEVEL = np.array([0, 0, 0.1, 0.2, 1.0, 1.0, 0.5, 0.5, 0.9, 0.9, 0.3, 0.1])
TIDE = np.array([0, 0, 0, 0, 0.8, 0.8, 0, 0, -0.8, -0.8, 0, 0])
"""Twelve periods of two hours: nothing at night, tides in the morning and in the evening."""


def street() -> RoadNetwork:
    return line("AB", 250.0)


def demand(network: RoadNetwork, scale: float = 1.0) -> DayDemand:
    flows = {}
    for name, movement in network.movements.items():
        base, tide = {"e": (800.0, 1), "w": (800.0, -1)}.get(movement.from_link[0], (380.0, 0))
        flows[name] = scale * base * LEVEL * (1.0 + tide * TIDE)
    return DayDemand(flows, 7200)


@pytest.fixture(scope="module")
def planned() -> PlannedDay:
    network = street()
    return plan_day(network, demand(network), WISHES, LIMITS, PLAIN)


def test_every_plan_of_the_day_is_lawful_and_retimes_the_same_signals(planned: PlannedDay) -> None:
    network = street()
    for period_plan in (*planned.plans, planned.single):
        assert set(period_plan.plans) == set(network.signals)
        for plan in period_plan.plans.values():
            assert check(plan, network.signals[plan.signal_id]) == ()
            assert watch(plan, network.signals[plan.signal_id]) == ()


def test_the_day_is_no_worse_than_its_best_single_plan(planned: PlannedDay) -> None:
    network = street()
    costs = DayCosts(DayStreets(network, planned.day, PLAIN))
    alone = float(costs.of(planned.single).sum())
    assert planned.table[0].cost == pytest.approx(alone)
    assert planned.choice.cost <= alone
    again = cost_of(
        planned.choice.run,
        costs.period_costs(planned.plans),
        costs.switch_costs(planned.plans),
        True,
    )
    assert again.cost == pytest.approx(planned.choice.cost)
    saved = [row.saving_pct for row in planned.table]
    assert saved == sorted(saved)
    assert saved[0] == 0.0


def test_a_tidal_day_deserves_more_than_one_plan(planned: PlannedDay) -> None:
    assert len(planned.plans) > 1
    assert planned.choice.run[4] != planned.choice.run[8]
    assert planned.in_force_cost > planned.choice.cost
    assert f"{len(planned.plans)} plans" in planned.reason


def test_queues_that_a_period_leaves_stand_in_the_next_one() -> None:
    """A quiet half hour after one that no plan can serve begins with what that one left."""
    network = street()
    plans = {name: two_phase_plan(name) for name in "AB"}

    def day(first: float, second: float = 0.2) -> DayThrough:
        flows = {
            name: np.array([first, second, 0.0]) * (1500.0 if m.from_link[0] == "e" else 200.0)
            for name, m in network.movements.items()
        }
        streets = DayStreets(network, DayDemand(flows, 1800, 7 * 3600), PLAIN)
        return played_through(streets, [plans] * 3)

    full, quiet = day(1.0), day(0.2)
    assert full.waiting_veh[0] > 100.0
    assert full.period_costs[1] > 2.0 * quiet.period_costs[1]
    assert full.waiting_veh[2] < 1.0
    assert full.cost == pytest.approx(sum(full.period_costs))
    # Nobody comes any more, and those who are left wait all the same.
    deserted = day(1.0, 0.0)
    assert deserted.period_costs[1] > 100.0 * 60.0
    assert deserted.period_costs[2] < 1.0


def test_a_period_is_costed_after_the_one_before_it() -> None:
    network = street()
    plan = plans_of(network, 60, 30, 0)
    flows = {
        name: np.array([1500.0, 400.0, 400.0, 400.0]) if m.from_link[0] == "e" else np.full(4, 50.0)
        for name, m in network.movements.items()
    }
    costs = DayCosts(DayStreets(network, DayDemand(flows, 900, 7 * 3600), PLAIN)).of(plan)
    assert costs[1] > 1.2 * costs[3]
    assert costs[2] == pytest.approx(costs[3])


def test_the_day_is_played_through_as_it_is_planned(planned: PlannedDay) -> None:
    through = planned.through
    assert len(through.planned.waiting_veh) == planned.day.periods
    assert through.planned.cost < through.in_force.cost
    # Nothing flows at first, and by then nobody is left of a model that begins with empty roads.
    assert through.planned.period_costs[0] == 0.0
    streets = DayStreets(street(), planned.day, PLAIN)
    again = played_through(streets, [planned.plans[n].plans for n in planned.choice.run])
    assert again == through.planned


def test_the_dwell_is_kept_round_midnight(planned: PlannedDay) -> None:
    assert dwell_kept(planned.choice.run, 1, True)
    network = street()
    long = plan_day(network, demand(network), replace(WISHES, dwell_s=4 * 3600), LIMITS, PLAIN)
    assert dwell_kept(long.choice.run, 2, True)


def test_equal_days_get_equal_plans(planned: PlannedDay) -> None:
    network = street()
    again = plan_day(network, demand(network), WISHES, LIMITS, PLAIN)
    assert again.choice == planned.choice
    assert [p.plan_set.digest for p in again.plans] == [p.plan_set.digest for p in planned.plans]


def test_a_steady_day_gets_one_plan() -> None:
    network = street()
    flows = {name: np.full(6, 300.0) for name in network.movements}
    found = plan_day(network, DayDemand(flows, 3600, 6 * 3600), WISHES, LIMITS, PLAIN)
    assert len(found.plans) == 1
    assert found.choice.transition_cost == 0.0
    assert found.reason.startswith("1 plan")


def test_once_halted_the_best_day_so_far_is_returned() -> None:
    network = street()
    found = plan_day(network, demand(network), WISHES, LIMITS, PLAIN, halted=lambda: True)
    assert found.cut_short
    assert found.optimizations == 1
    assert len(found.plans) == 1


def test_days_without_traffic_are_refused() -> None:
    network = street()
    with pytest.raises(InsufficientDataError, match="any period of the day"):
        DayDemand({name: np.zeros(4) for name in network.movements}, 900)
    with pytest.raises(InsufficientDataError, match="period 2 of 2"):
        DayDemand({"m": np.array([1.0, np.nan])}, 900)
    with pytest.raises(InsufficientDataError, match="a day has"):
        DayDemand({"m": np.ones(25)}, 3600)
    with pytest.raises(InsufficientDataError, match="the others have"):
        DayDemand({"m": np.ones(3), "n": np.ones(4)}, 3600)


@pytest.mark.parametrize(
    "wrong", [{"most_plans": 0}, {"dwell_s": -1}, {"plan_price_pct": 101.0}, {"close_pct": -1.0}]
)
def test_impossible_wishes_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InfeasibleError, match="allowed are"):
        replace(DayWishes(), **wrong)  # type: ignore[arg-type]


def test_the_price_of_a_plan_sets_the_knee() -> None:
    days = [DayChoice((0, 0, 0), 100.0, 0.0), DayChoice((0, 1, 1), 98.0, 0.1),
            DayChoice((0, 1, 2), 97.5, 0.2)]  # fmt: skip
    for price, plans in ((0.4, 3), (0.6, 2), (2.1, 1)):
        wishes = DayWishes(3, 0, price)
        assert len(knee(days, wishes).plans) == plans
    assert "3 would save 0.50 % more" in reason_for(days, days[1], DayWishes(3, 0, 0.6))


def test_typical_periods_are_parts_of_the_load_and_leave_empty_ones_out() -> None:
    day = demand(street())
    rows = tuple(range(12))
    parts = day.parts(rows, 4)
    assert sorted(row for part in parts for row in part.tolist()) == list(range(2, 12))
    volume = sum(values for values in day.typical(rows).values())
    assert list(volume) == sorted(volume)
    assert day.typical((5, 4))[next(iter(day.movement_vph))].shape == (2,)


def plans_of(network: RoadNetwork, cycle_s: int, main_s: int, offset_s: int) -> PeriodPlan:
    plans = tuple(
        two_phase_plan(name, cycle_s, main_s, offset_s * at % cycle_s)
        for at, name in enumerate(network.signals)
    )
    plan_set = PlanSet(network.name, plans, {})
    return PeriodPlan(plan_set, (tuple(network.signals),), tuple(range(12)), "by hand")


def test_transitions_cost_nothing_between_equal_plans_or_on_empty_roads() -> None:
    network = street()
    costs = DayCosts(DayStreets(network, demand(network), PLAIN))
    first, second = plans_of(network, 75, 45, 50), plans_of(network, 60, 34, 20)
    assert costs.switch(first, first, 4) == 0.0
    assert costs.switch(first, second, 0) == 0.0
    assert costs.switch(first, second, 4) > 0.0
    table = costs.switch_costs([first, second])
    assert table.shape == (12, 2, 2)
    assert (table[:, [0, 1], [0, 1]] == 0.0).all()


def test_a_transition_is_dearer_the_longer_it_takes() -> None:
    network = street()
    streets = DayStreets(network, demand(network), PLAIN)
    good = plans_of(network, 60, 34, 20)
    costs = DayCosts(streets)

    def moved(by_s: int) -> PeriodPlan:
        old = {**good.plans}
        old["B"] = replace(old["B"], offset_s=(old["B"].offset_s + by_s) % 60)
        return PeriodPlan(PlanSet("toy", tuple(old.values()), {}), good.groups, good.rows, "moved")

    near, far = costs.switch(moved(2), good, 4), costs.switch(moved(30), good, 4)
    phasing = network.signals["B"].phasing
    assert phasing is not None
    lasting = [
        transition(moved(by_s).plans["B"], good.plans["B"], phasing, 28_800).in_step_s
        for by_s in (2, 30)
    ]
    assert lasting[0] < lasting[1]
    assert near < far


def test_lanes_near_capacity_weigh_more_than_empty_ones() -> None:
    network = street()
    day = demand(network)
    streets = DayStreets(network, day, PLAIN)
    plans = plans_of(network, 60, 30, 0).plans
    weight = dict(zip(streets.period(4).lane_names, marginal_costs_s(streets, plans), strict=True))
    assert weight["e0_0"] > 2.0 * weight["s0_0"] > 0.0


def test_clusters_are_nested_and_part_the_tides() -> None:
    network = street()
    streets = DayStreets(network, demand(network), PLAIN)
    found = nested_clusters(streets, plans_of(network, 60, 30, 0).plans, 4)
    for wider, finer in pairwise(found):
        assert all(any(set(part) <= set(whole) for whole in wider) for part in finer)
        assert sorted(row for part in finer for row in part) == list(range(2, 12))
    three = found[2]
    assert not any({4, 8} <= set(part) for part in three)
    assert any({4, 5} <= set(part) for part in three)


def test_plans_drawn_towards_others_come_closer_within_what_is_allowed() -> None:
    network = street()
    streets = DayStreets(network, demand(network), PLAIN)
    here, there = plans_of(network, 60, 34, 28), plans_of(network, 60, 24, 50)
    apart = distance(here.plans, there.plans)
    none = drawn_towards(streets, here.plans, there.plans, here.groups, (4, 5), 0.0)
    some = drawn_towards(streets, here.plans, there.plans, here.groups, (4, 5), 5.0)
    all_of_it = drawn_towards(streets, here.plans, there.plans, here.groups, (4, 5), 1000.0)
    assert distance(some, there.plans) < apart

    def cost(plans: Mapping[str, TimingPlan]) -> float:
        flows = streets.day.typical((4, 5))
        laid = [streets.of({n: f[i : i + 1] for n, f in flows.items()}) for i in (0, 1)]
        return sum(cyclic_cost(one, network, plans, here.groups[0]) for one in laid)

    assert cost(none) <= cost(here.plans) * (1 + 1e-9)
    assert cost(some) <= cost(here.plans) * 1.05 * (1 + 1e-9)
    assert cost(all_of_it) > cost(here.plans) * 1.05
    assert distance(none, there.plans) <= apart
    assert all_of_it == dict(there.plans)
    other_cycle = plans_of(network, 75, 34, 20)
    same = drawn_towards(streets, here.plans, other_cycle.plans, here.groups, (4, 5), 1000.0)
    assert same == dict(here.plans)


def test_distance_is_zero_to_itself_and_symmetric() -> None:
    network = street()
    here, there = plans_of(network, 60, 34, 20).plans, plans_of(network, 75, 30, 25).plans
    assert distance(here, here) == 0.0
    assert distance(here, there) == distance(there, here) == 2.0


def test_the_tail_is_the_mean_of_the_worst_part() -> None:
    costs = np.arange(1.0, 11.0)
    assert tail_mean(costs, 0.0) == pytest.approx(5.5)
    assert tail_mean(costs, 0.8) == pytest.approx(9.5)
    assert tail_mean(costs, 0.85) == pytest.approx((10 + 0.5 * 9) / 1.5)
    assert tail_mean(costs, 0.99) == pytest.approx(10.0)


def test_draws_follow_the_quantiles_and_the_correlation() -> None:
    network = street()
    day = demand(network)
    low = {name: 0.9 * flow for name, flow in day.movement_vph.items()}
    high = {name: 1.4 * flow for name, flow in day.movement_vph.items()}
    with_quantiles = replace(day, low_vph=low, high_vph=high)
    wanted = Robustness(draws=4000, correlation=0.6)
    drawn = drawn_demands(with_quantiles, (4, 5), wanted, 7)
    mean = day.typical((4, 5), 2)
    ratio = np.array([[demand[name][0] / mean[name][0] for name in mean] for demand in drawn])
    assert np.quantile(ratio[:, 0], [0.1, 0.9]) == pytest.approx([0.9, 1.4], abs=0.02)
    above = ratio > 1.0
    together = np.corrcoef(above[:, 0], above[:, 1])[0, 1]
    # Of two normal deviates with correlation 0.6, the signs correlate by 2 / pi * asin(0.6).
    assert together == pytest.approx(2.0 / np.pi * np.arcsin(0.6), abs=0.05)
    assert (ratio >= 0.0).all()


def test_robust_plans_do_better_on_the_draws_they_were_made_for() -> None:
    network = street()
    streets = DayStreets(network, demand(network), Driving())
    wanted = Robustness(draws=6, effort=60)
    demands = drawn_demands(streets.day, (4, 5), wanted, 1)
    start = plans_of(network, 60, 30, 0)
    costs = RobustCosts(streets, demands, start.groups, start.plans)
    before = spread_of(costs.costs(), wanted.alpha)
    better = refined(costs, start.plans, choices(network, LIMITS), wanted)
    after = spread_of(costs.costs(), wanted.alpha)
    assert after.mean + after.tail < before.mean + before.tail
    for plan in better.values():
        assert check(plan, network.signals[plan.signal_id]) == ()
    fresh = RobustCosts(streets, demands, start.groups, better)
    assert spread_of(fresh.costs(), wanted.alpha).tail == pytest.approx(after.tail)


def test_a_robust_day_shows_mean_and_tail_of_both() -> None:
    network = street()
    wishes = replace(WISHES, most_plans=2, robustness=Robustness(draws=4, effort=20))
    found = plan_day(network, demand(network), wishes, LIMITS, PLAIN)
    assert {row.plan for row in found.robust} == set(range(len(found.plans)))
    for row in found.robust:
        assert 0 < row.nominal.mean <= row.nominal.tail
        assert 0 < row.robust.mean <= row.robust.tail


def test_a_day_keeps_its_locks_when_drawn_together_and_made_robust() -> None:
    network = street()
    locks = locked(
        network, (CycleLock("here", ("A", "B"), 75), OffsetLock("there", ("A", "B"), True))
    )
    wishes = replace(
        WISHES, most_plans=2, close_pct=20.0, robustness=Robustness(draws=4, effort=20)
    )
    found = plan_day(network, demand(network), wishes, replace(LIMITS, locks=locks), PLAIN)
    for plan in (*found.plans, found.single):
        assert locks.broken(plan.plans) == ()
        assert {p.cycle_s for p in plan.plans.values()} == {75}


def test_a_day_with_too_much_traffic_is_priced_as_its_plans_are_searched() -> None:
    network = street()
    wishes = replace(WISHES, most_plans=2)
    found = plan_day(network, demand(network, 2.5), wishes, replace(LIMITS, balance=True), PLAIN)
    assert found.objective.queue_limit is not None
    streets = DayStreets(network, found.day, PLAIN, LIMITS.demand_margin, found.objective)
    assert found.table[0].cost == pytest.approx(float(DayCosts(streets).of(found.single).sum()))
    plain = plan_day(network, demand(network, 2.5), wishes, LIMITS, PLAIN)
    assert plain.objective == Objective()


@pytest.mark.parametrize("wrong", [{"alpha": 1.0}, {"draws": 1}, {"sigma": -0.1}])
def test_impossible_robustness_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="allowed"):
        Robustness(**wrong)  # type: ignore[arg-type]


def test_plans_drawn_all_the_way_together_become_one() -> None:
    network = street()
    wishes = replace(WISHES, close_pct=100.0, plan_price_pct=0.0)
    found = plan_day(network, demand(network), wishes, LIMITS, PLAIN)
    assert len({plan.plan_set.digest for plan in found.plans}) == len(found.plans)
    assert set(found.choice.run) == set(range(len(found.plans)))
    assert found.apart <= found.apart_before
    assert found.choice.cost <= found.table[0].cost * (1 + 1e-9)
