"""What an objective makes of delay, stops, queues and waits, the same in every model."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures import batch_kernels
from engine.measures import cyclic_arrays as kernels
from engine.measures.criteria import criteria_of, movement_delays_s, queues_past_room
from engine.measures.cyclic import CyclicTables, cost_weights
from engine.measures.cyclic_batch import CyclicBatch
from engine.measures.cyclic_group import cyclic_group
from engine.measures.emissions import CO2_G_PER_L, Fuel
from engine.measures.evaluation import StreetMeasures, evaluate
from engine.measures.objective import (
    HARD_PRICE,
    SPREAD_95,
    UNFAIR_PRICE,
    Goal,
    Objective,
    QueueLimit,
    QueueMeasure,
)
from engine.measures.street import Driving, Floats, Street, build_street
from engine.optimize.explain import reasons
from engine.optimize.link_tables import link_tables
from engine.optimize.optimizer import Optimization, optimize
from engine.optimize.problem import Limits, choices
from engine.optimize.waits import pedestrian_waits_s
from network.errors import InfeasibleError, PlanError
from network.graph import RoadNetwork
from tests.engine.explained_streets import WALKING, flows_of, row, two_rings
from tests.reference.toy_streets import (
    PLAIN,
    crossroads,
    line,
    line_flows,
    tables_of,
    two_phase_plan,
)

HOUR_S = 3600

NETWORK = crossroads(2, 120.0, 40.0)
MOVEMENTS = sorted(NETWORK.movements)

OBJECTIVES = {
    "default": Objective(),
    "stops": Objective(Goal.STOPS),
    "stop penalty": Objective(stop_penalty_s=11.0),
    "emissions": Objective(Goal.EMISSIONS),
    "weights": Objective(weights={MOVEMENTS[0]: 7.0, "s0p": 3.0, MOVEMENTS[5]: 0.0}),
    "persons": Objective(Goal.PERSON_DELAY, occupancy=1.3, occupancies={MOVEMENTS[1]: 40.0}),
    "priced queues": Objective(queue_limit=QueueLimit(0.2, QueueMeasure.MEAN, 9.0)),
    "kept queues": Objective(queue_limit=QueueLimit(0.6, QueueMeasure.PERCENTILE_95)),
    "waits": Objective(longest_wait_s=12.0),
    "all": Objective(
        Goal.PERSON_DELAY, 5.0, {"s0p": 3.0}, 1.2, {"e0p": 9.0}, QueueLimit(0.3, price=4.0), 15.0
    ),
}


def street_for(objective: Objective, seed: int = 1, level: float = 260.0) -> Street:
    rng = np.random.default_rng(seed)
    flows = {name: np.array([level * rng.uniform(0.2, 1.0)]) for name in MOVEMENTS}
    return build_street(NETWORK, flows, HOUR_S, Driving(), objective=objective)


def played(street: Street, **offsets: int) -> StreetMeasures:
    plans = {name: two_phase_plan(name, 60, 30, offsets.get(name, 0)) for name in "AB"}
    return evaluate(tables_of(NETWORK, street, plans), 0, HOUR_S)


def plainly(
    street: Street, d: Floats, n: Floats, over: Floats, v: Floats, rows: Floats | None = None
) -> float:
    """The module's formula, lane by lane, from names instead of arrays."""
    objective, total = street.objective, 0.0
    chosen = range(len(street.lane_names)) if rows is None else rows.astype(int).tolist()
    for at, lane in enumerate(chosen):
        ways = range(street.lanes.first_way[lane], street.lanes.first_way[lane + 1])
        flow = [street.way_volume_vps[w] for w in ways]
        weights = []
        for w in ways:
            link = street.ways[w].from_link
            movement = f"{link}>{street.ways[w].to_link}"
            weight = objective.weights.get(movement, objective.weights.get(link, 1.0))
            if objective.goal is Goal.PERSON_DELAY:
                weight *= objective.occupancies.get(
                    movement, objective.occupancies.get(link, objective.occupancy)
                )
            weights.append(weight)
        weight = sum(a * b for a, b in zip(weights, flow, strict=True)) / max(sum(flow), 1e-12)
        stop_s = {Goal.STOPS: 60.0}.get(objective.goal, street.driving.stop_cost_s)
        if objective.goal is Goal.EMISSIONS:
            fuel = objective.fuel
            stop_s = 3600 * fuel.stop_l_per_mps2 * 12.5**2 / fuel.delay_l_per_h
        if objective.stop_penalty_s is not None:
            stop_s = objective.stop_penalty_s
        total += weight * (d[at] + stop_s * n[at])
        limit = objective.queue_limit
        if limit is not None:
            total += (HARD_PRICE if limit.price is None else limit.price) * over[at]
        if objective.longest_wait_s is not None:
            total += UNFAIR_PRICE * max(0.0, d[at] - objective.longest_wait_s * v[at])
    return total


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_hours_cost_is_the_formula(name: str) -> None:
    street = street_for(OBJECTIVES[name])
    found = played(street)
    over = np.zeros(len(street.lane_names))
    if street.objective.queue_limit is not None:
        # Told apart by the price: cost is a straight line in it.
        dearer = replace(
            street.objective, queue_limit=replace(street.objective.queue_limit, price=1.0)
        )
        priced = street.prices._replace(over=street.prices.over * 0.0)
        free = played(replace(street, prices=priced))
        one = played(street_for(dearer))
        total = (one.cost_s - free.cost_s) * one.volume_veh
        assert total > 0.0
        over[0] = total
    delay = found.lane_delay_s * found.lane_volume_veh
    want = plainly(street, delay, found.lane_stops, over, found.lane_volume_veh)
    assert found.cost_s * found.volume_veh == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_steady_cycles_cost_is_the_formula(name: str) -> None:
    street = street_for(OBJECTIVES[name], level=200.0)
    group = cyclic_group(street, "AB")
    tables = CyclicTables(group, NETWORK, 60)
    for signal in "AB":
        tables.set(two_phase_plan(signal, 60, 30))
    results = tables.solve()
    period_s, v = street.horizon_s, results[:, kernels.VOLUME]
    came, served = v * period_s, np.maximum(results[:, kernels.CAPACITY] * period_s, 0.5)
    x = came / served
    chance_s = 0.25 * period_s * (np.sqrt((x - 1) ** 2 + 4 * x / served) - np.abs(x - 1))
    grown = results[:, kernels.GROWTH] / 60 * period_s
    delay = results[:, kernels.DELAYED] + 0.5 * grown + chance_s * v
    stops = results[:, kernels.STOPS] + chance_s * v / 60
    over = results[:, kernels.OVER].copy()
    blocked = 2.0 * over.sum()
    limit = street.prices.limit_veh[group.lanes]
    beyond = np.maximum(0.0, grown - np.maximum(0.0, limit - results[:, kernels.DELAYED]))
    growing = 0.5 * beyond**2 / np.maximum(grown, 1e-12)
    if street.objective.queue_limit is not None:
        over += growing
        blocked += 2.0 * growing.sum()
    busy = v > 1e-12
    want = plainly(street, delay * busy, stops * busy, over * busy, v, group.lanes) + blocked
    assert tables.cost() == pytest.approx(want, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(OBJECTIVES)), st.integers(0, 10**6), st.sampled_from([150.0, 420.0]))
def test_many_plans_at_once_cost_what_each_does_alone(name: str, seed: int, level: float) -> None:
    street = street_for(OBJECTIVES[name], seed, level)
    rng = np.random.default_rng(seed)
    group = cyclic_group(street, "AB")
    programs = {n: [two_phase_plan(n, 60, int(s)) for s in (20, 30, 40)] for n in "AB"}
    batch = CyclicBatch(group, NETWORK, 60, programs)
    program = rng.integers(3, size=(20, 2)).astype(np.int32)
    offset_s = rng.integers(60, size=(20, 2)).astype(np.int32)
    got = batch.costs(program, offset_s)
    tables = CyclicTables(group, NETWORK, 60)
    for at in range(len(got)):
        for column, signal in enumerate("AB"):
            plan = programs[signal][program[at, column]]
            tables.set(replace(plan, offset_s=int(offset_s[at, column])))
        assert got[at] == pytest.approx(tables.cost(), rel=2e-3)


def test_an_objective_nobody_asked_for_is_delay_with_what_drivers_lose_by_a_stop() -> None:
    found = played(street_for(Objective()))
    assert found.cost_s == pytest.approx(found.delay_s + Driving().stop_cost_s * found.stops)
    assert Objective().is_default
    assert not Objective(stop_penalty_s=3.0).is_default


def test_equal_weights_on_everything_only_change_the_unit() -> None:
    street = street_for(Objective())
    heavy = street_for(Objective(weights=dict.fromkeys(MOVEMENTS, 4.0)))
    assert (heavy.prices.delay == 4.0).all()
    assert played(heavy).cost_s == pytest.approx(4.0 * played(street).cost_s, rel=1e-12)


def test_a_movements_own_weight_goes_before_its_links() -> None:
    objective = Objective(weights={"s0p": 2.0, "s0p>n0x": 5.0})
    assert objective.weight("s0p>n0x", "s0p") == 5.0
    assert objective.weight("s0p>w0", "s0p") == 2.0
    assert objective.weight("e0p>e1", "e0p") == 1.0


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 1e4), st.floats(0.05, 2.0))
def test_the_95th_percentile_reaches_its_limit_where_the_mean_reaches_its_own(
    room_veh: float, part: float
) -> None:
    room = np.array([room_veh])
    mean = float(QueueLimit(part, QueueMeasure.PERCENTILE_95).mean_veh(room)[0])
    assert mean + SPREAD_95 * np.sqrt(mean) == pytest.approx(part * room_veh, rel=1e-9)
    assert mean < float(QueueLimit(part).mean_veh(room)[0])


def test_lanes_have_the_room_of_their_pocket_or_their_part_of_the_road() -> None:
    street = street_for(Objective())
    room = dict(zip(street.lane_names, street.prices.room_veh, strict=True))
    assert room["e1p_1"] == pytest.approx(40.0 / 7.5)
    assert room["e1p_0"] == pytest.approx(40.0 / 7.5)
    plain = line("AB", 75.0)
    two = build_street(plain, line_flows(plain, e=100.0), 900, PLAIN)
    inner = dict(zip(two.lane_names, two.prices.room_veh, strict=True))
    assert inner["e1_0"] == pytest.approx(10.0)
    assert inner["e0_0"] > 1e8


def test_a_stop_from_50_kmh_burns_some_20_ml_and_a_liter_makes_2_35_kg() -> None:
    fuel, speed = Fuel(), np.array([50 / 3.6])
    assert fuel.burnt_l(np.zeros(1), np.ones(1), speed) == pytest.approx(0.0224, abs=5e-4)
    assert fuel.burnt_l(np.full(1, 3600.0), np.zeros(1), speed) == pytest.approx(2.774, abs=1e-3)
    assert pytest.approx(2348, abs=1) == CO2_G_PER_L
    assert fuel.stop_s(2 * speed) == pytest.approx(4 * fuel.stop_s(speed))


def test_emissions_price_a_stop_so_that_cost_is_fuel() -> None:
    street = street_for(Objective(Goal.EMISSIONS))
    for offset in (0, 20):
        found = played(street, B=offset)
        total = criteria_of(street, NETWORK, found)
        per_s = street.objective.fuel.delay_l_per_h / 3600.0
        assert total.fuel_l == pytest.approx(found.cost_s * found.volume_veh * per_s, rel=1e-9)
        assert total.co2_kg == pytest.approx(total.fuel_l * CO2_G_PER_L / 1000.0)


def test_criteria_count_persons_and_name_who_waits_longest() -> None:
    objective = Objective(occupancy=2.0)
    street = street_for(objective)
    found = played(street)
    total = criteria_of(street, NETWORK, found)
    assert total.person_delay_h == pytest.approx(2.0 * found.delay_s * found.volume_veh / 3600.0)
    assert total.longest is not None
    delays = movement_delays_s(street, NETWORK, found)
    assert total.longest.delay_s == max(delays.values()) == delays[total.longest.movement]


def test_a_queue_past_its_room_is_found_and_whose_doing_it_is() -> None:
    network = line("AB", 75.0)
    street = build_street(network, line_flows(network, e=700.0, s=50.0), 1800, PLAIN)
    good = {name: two_phase_plan(name, 60, 45) for name in "AB"}
    bad = {"A": two_phase_plan("A", 60, 45), "B": two_phase_plan("B", 120, 9)}
    before, after = (evaluate(tables_of(network, street, plans), 0, 1800) for plans in (good, bad))
    (found,) = queues_past_room(street, network, before, after)
    assert (found.movement, found.lane) == ("e1>e2", "e1_0")
    assert found.because_of_plan
    assert found.room_veh == pytest.approx(10.0)
    assert found.after_veh > found.room_veh > found.before_veh
    (same,) = queues_past_room(street, network, after, after)
    assert not same.because_of_plan
    assert not queues_past_room(street, network, before, before)


def planned(
    network: RoadNetwork, flows: Mapping[str, Floats], objective: Objective
) -> Optimization:
    limits = Limits(effort=60, demand_margin=1.0, objective=objective)
    return optimize(network, flows, 900, 0, limits, PLAIN)


@pytest.mark.parametrize("key", ["movement", "link"])
def test_more_weight_on_a_side_street_shortens_its_wait(key: str) -> None:
    network = line("AB", 250.0)
    flows = line_flows(network, e=600.0, w=500.0, s=150.0, n=100.0)
    named = {"movement": "s0>s0x", "link": "s0"}[key]
    waits = []
    for weight in (0.2, 1.0, 30.0):
        done = planned(network, flows, Objective(weights={named: weight}))
        waits.append(movement_delays_s(done.street, network, done.planned)["s0>s0x"])
    assert waits[0] >= waits[1] > waits[2]


def test_a_bus_on_the_side_street_counts_for_its_passengers() -> None:
    network = line("A")
    flows = line_flows(network, e=600.0, w=500.0, s=150.0, n=100.0)
    full = Objective(Goal.PERSON_DELAY, occupancy=1.2, occupancies={"s0": 45.0})
    totals = []
    for objective in (Objective(occupancy=1.2, occupancies={"s0": 45.0}), full):
        done = planned(network, flows, objective)
        totals.append(criteria_of(done.street, network, done.planned))
    assert totals[1].person_delay_h < totals[0].person_delay_h
    assert totals[1].delay_s >= totals[0].delay_s


def test_fewer_stops_are_bought_with_delay() -> None:
    network = line("ABC", 250.0)
    flows = line_flows(network, e=650.0, w=500.0, s=200.0, n=150.0)
    few = planned(network, flows, Objective(Goal.STOPS)).planned
    plain = planned(network, flows, Objective(stop_penalty_s=0.0)).planned
    assert few.stops < plain.stops
    assert few.delay_s > plain.delay_s


def test_nobody_waits_longer_than_is_allowed_where_a_plan_can_do_it() -> None:
    network = line("AB", 250.0)
    flows = line_flows(network, e=750.0, w=650.0, s=60.0, n=40.0)
    free = planned(network, flows, Objective())
    free_s = max(movement_delays_s(free.street, network, free.planned).values())
    limit_s = 0.8 * free_s
    held = planned(network, flows, Objective(longest_wait_s=limit_s))
    held_s = max(movement_delays_s(held.street, network, held.planned).values())
    assert held_s < free_s
    assert held_s <= limit_s * 1.05


def test_a_plan_past_a_queue_limit_is_refused_while_one_within_is_found() -> None:
    network = line("AB", 60.0)
    flows = line_flows(network, e=500.0, w=100.0, s=450.0, n=100.0)
    free = planned(network, flows, Objective())
    room = QueueLimit(0.07)
    held = planned(network, flows, Objective(queue_limit=room))
    inner = [free.street.lane_names.index(name) for name in ("e1_0", "w1_0")]
    limit = room.mean_veh(free.street.prices.room_veh)[inner]
    assert (free.planned.lane_mean_queue_veh[inner] > limit).any()
    assert (held.planned.lane_mean_queue_veh[inner] <= limit).all()
    assert held.planned.over_limit == 0


def test_who_walks_waits_half_the_square_of_the_red_over_the_cycle() -> None:
    network = row(1, phasing=WALKING)
    signal = network.signals["A"]
    assert signal.plan_in_force is not None
    assert pedestrian_waits_s(signal, signal.plan_in_force) == {
        "phase 2": pytest.approx((80 - 7) ** 2 / 160)
    }
    assert set(pedestrian_waits_s(*_one(two_rings()))) == {"phase 4", "phase 8"}
    assert not pedestrian_waits_s(*_one(line("A")))


def _one(network: RoadNetwork):  # type: ignore[no-untyped-def]
    signal = next(iter(network.signals.values()))
    return signal, signal.plan_in_force


def test_plans_that_let_walkers_wait_too_long_are_refused() -> None:
    network = row(2, phasing=WALKING)
    flows = flows_of(network, level=1.2)
    free = planned(network, flows, Objective())
    wait_s = max(
        wait
        for plan in free.plan_set.plans
        for wait in pedestrian_waits_s(network.signals[plan.signal_id], plan).values()
    )
    held = planned(network, flows, Objective(longest_wait_s=wait_s - 5.0))
    for plan in held.plan_set.plans:
        waits = pedestrian_waits_s(network.signals[plan.signal_id], plan)
        assert max(waits.values()) <= wait_s - 5.0
    with pytest.raises(InfeasibleError, match="nobody who walks wait 10 s or more"):
        planned(network, flows, Objective(longest_wait_s=10.0))


def test_choices_without_a_limit_on_waits_are_patient() -> None:
    network = row(1, phasing=WALKING)
    (choice,) = choices(network, Limits()).values()
    assert choice.patient(choice.in_force)
    (held,) = choices(network, Limits(objective=Objective(longest_wait_s=5.0))).values()
    assert not held.patient(held.in_force)
    assert not held.lawful(held.in_force)


def test_link_tables_weigh_what_they_add_up() -> None:
    network = line("AB", 250.0)
    flows = line_flows(network, e=500.0)
    plans = {name: two_phase_plan(name) for name in "AB"}
    tables = [
        link_tables(
            build_street(network, flows, HOUR_S, PLAIN, objective=objective),
            network, plans, ("A", "B"),
        )
        for objective in (Objective(), Objective(weights={"e1": 3.0}))
    ]  # fmt: skip
    assert tables[1].cost_veh_s == pytest.approx(3.0 * tables[0].cost_veh_s)


def test_reasons_tell_what_was_wanted() -> None:
    network = line("AB", 250.0)
    done = planned(network, line_flows(network, e=500.0, s=100.0), Objective(Goal.STOPS))
    told = reasons(network, done.street, done.plan_set, done.groups, done.in_force, done.planned)
    assert all("Planned for few stops, a stop counting 60 s of delay." in s for s in told.values())


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: Objective(stop_penalty_s=-1.0), "stop penalty: found -1"),
        (lambda: Objective(weights={"a": float("nan")}), "weight of 'a'"),
        (lambda: Objective(occupancies={"a": 2000.0}), "occupancy of 'a': found 2000"),
        (lambda: Objective(longest_wait_s=1.0), "longest wait: found 1"),
        (lambda: QueueLimit(0.0), "queue limit: found 0"),
        (lambda: QueueLimit(1.0, price=0.0), "queue price: found 0"),
        (lambda: Fuel(delay_l_per_h=0.0), "delay_l_per_h: found 0"),
    ],
)
def test_numbers_out_of_range_are_refused(made, told: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PlanError, match=told):
        made()


def test_objectives_travel_to_other_processes() -> None:
    for objective in OBJECTIVES.values():
        assert pickle.loads(pickle.dumps(objective)) == objective
    street = street_for(OBJECTIVES["all"])
    assert pickle.loads(pickle.dumps(street)).objective == street.objective
    with pytest.raises(TypeError):
        OBJECTIVES["weights"].weights["a"] = 1.0  # type: ignore[index]


def test_weights_of_the_kernels_have_a_row_per_lane() -> None:
    group = cyclic_group(street_for(OBJECTIVES["all"]), "AB")
    weights = cost_weights(group)
    assert weights.shape == (group.lanes.size, kernels.WEIGHTS)
    assert (weights[:, kernels.PERIOD_S] == HOUR_S).all()
    assert batch_kernels.PERIOD_S == kernels.PERIOD_S
