"""Where more comes than can be served: said of whom and how much, and planned by a policy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.measures import cyclic_arrays as columns
from engine.measures import cyclic_kernels as kernels
from engine.measures.cyclic import cost_weights, cyclic_cost
from engine.measures.cyclic_group import cyclic_group
from engine.measures.objective import Objective, QueueLimit
from engine.measures.street import Street, build_street
from engine.optimize.optimizer import Optimization, optimize
from engine.optimize.oversaturation import (
    BALANCE_PART,
    BALANCE_PRICE,
    Overload,
    balancing,
    overloads,
    unserved_vph,
)
from engine.optimize.problem import Limits, choices
from engine.optimize.studies import isolated_signals
from network.graph import RoadNetwork
from tests.reference.toy_streets import PLAIN, line, line_flows, two_phase_plan

LIMITS = Limits(demand_margin=1.0, effort=80, balance=True)


def found_on(network: RoadNetwork, part: float = 1.0, **vph: float):  # type: ignore[no-untyped-def]
    street = build_street(network, line_flows(network, **vph), 3600, PLAIN)
    isolated, _ = isolated_signals(street, choices(network, LIMITS), LIMITS)
    return overloads(street, network, isolated, part)


def test_what_no_split_serves_is_what_comes_beyond_the_capacity() -> None:
    """Two seconds a vehicle, 8 s of clearance in 120 s: 1680 veh/h for two that cross."""
    found = found_on(line("A"), e=1200.0, s=1000.0)
    assert unserved_vph(found) == pytest.approx(2200.0 - 1680.0, abs=40.0)
    assert {o.movement for o in found} <= {"e0>e1", "s0>s0x"}
    assert all(o.cycle_s == 120 and o.signal_id == "A" for o in found)
    assert all(0.0 < o.unserved_vph < o.flow_vph for o in found)
    assert [o.unserved_vph for o in found] == sorted((o.unserved_vph for o in found), reverse=True)


def test_traffic_that_fits_is_no_overload_and_part_of_a_demand_is_taken_for_it() -> None:
    assert not found_on(line("A"), e=700.0, s=700.0)
    assert found_on(line("A"), e=1000.0, s=1000.0)
    assert not found_on(line("A"), 0.7, e=1000.0, s=1000.0)


def street_of(network: RoadNetwork) -> Street:
    return build_street(network, line_flows(network, e=800.0, s=600.0), 3600, PLAIN)


def balanced(street: Street, network: RoadNetwork) -> Street:
    objective = balancing(street.objective, (Overload("A", "e0>e1", 2.0, 1.0, 60),))
    flows = line_flows(network, e=800.0, s=600.0)
    return build_street(network, flows, 3600, PLAIN, objective=objective)


def test_the_policy_is_a_price_on_queues_and_leaves_the_rest_alone() -> None:
    network = line("AB", 75.0)
    street = street_of(network)
    full = balanced(street, network)
    assert (full.prices.over == BALANCE_PRICE).all()
    assert full.prices.limit_veh == pytest.approx(BALANCE_PART * street.prices.room_veh)
    assert (full.prices.delay == street.prices.delay).all()
    own = Objective(queue_limit=QueueLimit(0.9))
    assert balancing(own, (Overload("A", "e0>e1", 2.0, 1.0, 60),)) == own
    assert balancing(Objective(), ()) == Objective()


def test_holding_traffic_back_pays_where_the_block_ahead_is_full() -> None:
    """B serves half of what A may send; ten vehicles fit between them."""
    network = line("AB", 75.0)
    street = street_of(network)
    plans = {
        held: {"A": two_phase_plan("A", 60, 16 if held else 44), "B": two_phase_plan("B", 60, 16)}
        for held in (True, False)
    }
    saved = [
        cyclic_cost(s, network, plans[False], ("A", "B"))
        - cyclic_cost(s, network, plans[True], ("A", "B"))
        for s in (street, balanced(street, network))
    ]
    assert saved[1] > saved[0]
    assert saved[1] > 0.0


def test_equal_growth_costs_more_where_there_is_less_room() -> None:
    network = line("AB", 75.0)
    group = cyclic_group(balanced(street_of(network), network), "AB")
    results = np.zeros((group.lanes.size, columns.RESULTS))
    results[:, columns.VOLUME], results[:, columns.CAPACITY] = 0.3, 0.25
    results[:, columns.DELAYED], results[:, columns.GROWTH] = 2.0, 0.2
    costs = []
    for room_veh in (5.0, 10.0, 20.0, 1e9):
        weights = cost_weights(group)[:1]
        weights[:, columns.LIMIT_VEH] = room_veh
        costs.append(kernels.total_cost(results[:1], 60, weights))
    assert costs[0] > costs[1] > costs[2] == costs[3]


def planned(network: RoadNetwork, limits: Limits = LIMITS, **vph: float) -> Optimization:
    return optimize(network, line_flows(network, **vph), 900, 0, limits, PLAIN)


def test_plans_for_too_much_traffic_say_so_and_by_what_policy_they_were_made() -> None:
    network = line("AB", 75.0)
    done = planned(network, e=1100.0, s=700.0)
    assert done.overloads
    assert done.street.objective.queue_limit == QueueLimit(BALANCE_PART, price=BALANCE_PRICE)
    assert done.planned.cost_s <= done.in_force.cost_s
    fits = planned(network, e=300.0, s=200.0)
    assert not fits.overloads
    assert fits.street.objective == Objective()


@pytest.mark.parametrize(
    "limits",
    [
        replace(LIMITS, balance=False),
        replace(LIMITS, objective=Objective(queue_limit=QueueLimit(0.5, price=3.0))),
    ],
)
def test_the_policy_is_left_out_where_it_is_not_wanted_or_queues_have_a_limit(
    limits: Limits,
) -> None:
    done = planned(line("AB", 75.0), limits, e=1100.0, s=700.0)
    assert done.overloads
    assert done.street.objective == limits.objective
