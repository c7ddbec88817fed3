"""Buses that ride in queues: by a profile of their own, first come first served, in every model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures import cyclic_arrays as columns
from engine.measures import kernels
from engine.measures.criteria import criteria_of
from engine.measures.cyclic import CyclicTables
from engine.measures.cyclic_batch import CyclicBatch
from engine.measures.cyclic_group import cyclic_group
from engine.measures.evaluation import empty_roads, evaluate
from engine.measures.objective import Goal, Objective
from engine.measures.street import Street, build_street
from engine.optimize.optimizer import optimize
from engine.optimize.problem import Limits
from network.errors import NetworkError
from network.graph import RoadNetwork
from network.transit import BusLine, BusStop
from tests.reference.queue_twin import twin_played
from tests.reference.rider_twin import ridden
from tests.reference.toy_streets import PLAIN, line, line_flows, played, tables_of, two_phase_plan

HOUR_S = 3600
ROUTE = ("e0", "e1", "e2", "e3")
STOP = BusStop("e1", 20.0, 8.0)


def bus(*stops: BusStop, **changes: float) -> BusLine:
    made = BusLine("1", ROUTE, 300.0, 40.0, stops)
    return replace(made, **changes)  # type: ignore[arg-type]


def street_with(network: RoadNetwork, *lines: BusLine, vph: float = 500.0) -> Street:
    flows = line_flows(network, e=vph, w=400.0, s=300.0, n=300.0)
    objective = Objective(Goal.PERSON_DELAY, buses=lines)
    return build_street(network, flows, HOUR_S, PLAIN, objective=objective)


def solved(network: RoadNetwork, street: Street, offsets: tuple[int, ...]) -> CyclicTables:
    tables = CyclicTables(cyclic_group(street, "ABC"), network, 60)
    for name, offset_s in zip("ABC", offsets, strict=True):
        tables.set(two_phase_plan(name, 60, 30, offset_s))
    tables.solve()
    return tables


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.integers(0, 59)] * 3), st.floats(10.0, 760.0))
def test_riders_of_a_cycle_wait_as_long_as_those_of_the_plain_twin(
    offsets: tuple[int, ...], vph: float
) -> None:
    network = line("ABC")
    # No round flow: whether as many have left as stood there must not hang on the last digit.
    street = street_with(network, bus(STOP), vph=vph * 1.0012345678)
    tables = solved(network, street, offsets)
    arrays = tables.group.arrays
    assert len(tables.group.riders) == 3
    for lane, host in enumerate(arrays.rides.tolist()):
        if host < 0:
            continue
        own, way = arrays.first_way[lane], arrays.first_way[host]
        begin = int(tables.begin_s[arrays.way_signal[own]])
        is_open = [tables.service[own, (t - begin) % 60] != 0 for t in range(60)]
        came = arrays.lane_share[host] * tables.inflow[arrays.lane_approach[host]]
        riding = tables.inflow[arrays.lane_approach[lane]]
        waited, leaving = ridden(
            came.tolist(), tables.departures[way].tolist(), is_open, riding.tolist()
        )
        assert tables.results[lane, columns.DELAYED] == pytest.approx(waited / 60, rel=1e-6)
        assert tables.departures[own] == pytest.approx(leaving, abs=1e-12)
        # Everybody gets through, and not before the light lets him.
        assert tables.departures[own].sum() == pytest.approx(60 / 300)
        assert not tables.departures[own][~np.array(is_open)].any()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_many_plans_at_once_cost_riders_what_they_cost_alone(seed: int, count: int) -> None:
    network = line("ABC")
    street = street_with(network, bus(STOP), bus(passengers=20.0))
    rng = np.random.default_rng(seed)
    others = {n: [two_phase_plan(n, 60, 30), two_phase_plan(n, 60, 36)] for n in "ABC"}
    batch = CyclicBatch(cyclic_group(street, "ABC"), network, 60, others)
    program, offset_s = rng.integers(2, size=(count, 3)), rng.integers(60, size=(count, 3))
    costs = batch.costs(program, offset_s)
    tables = CyclicTables(cyclic_group(street, "ABC"), network, 60)
    for row, got in enumerate(costs):
        for at, name in enumerate("ABC"):
            tables.set(replace(others[name][program[row, at]], offset_s=int(offset_s[row, at])))
        # A rider may miss a second where the two differ in the last digit of a queue.
        assert got == pytest.approx(tables.cost(), rel=2e-3)


def test_without_passengers_buses_change_nothing() -> None:
    network = line("ABC")
    plain, empty = street_with(network), street_with(network, bus(STOP, passengers=0.0))
    for offsets in ((0, 0, 0), (0, 25, 50)):
        want = solved(network, plain, offsets).cost()
        assert solved(network, empty, offsets).cost() == pytest.approx(want)


def test_buses_only_count_where_persons_do() -> None:
    network = line("ABC")
    flows = line_flows(network, e=500.0, w=400.0)
    for goal in (Goal.DELAY, Goal.STOPS, Goal.EMISSIONS):
        objective = Objective(goal, buses=(bus(STOP),))
        assert build_street(network, flows, HOUR_S, PLAIN, objective=objective).riders == ()


def waits_s(network: RoadNetwork, street: Street, offsets: tuple[int, ...]) -> list[float]:
    tables = solved(network, street, offsets)
    rows = tables.results[tables.group.lanes.size :]
    return [float(row[columns.DELAYED] / row[columns.VOLUME]) for row in rows]


def test_a_bus_without_a_stop_rides_the_wave_of_the_cars_and_one_that_stops_misses_it() -> None:
    network = line("ABC")
    # Cars drive a block of 300 m and 12.5 m of node in 25 s.
    wave = (0, 25, 50)
    through = street_with(network, bus())
    exact = street_with(network, bus(BusStop("e1", 20.0)))
    assert waits_s(network, through, wave)[1] < 4.0
    assert waits_s(network, exact, wave)[1] > 10.0
    late = (0, 25 + 20, 50)
    assert waits_s(network, exact, late)[1] < waits_s(network, exact, wave)[1]


def test_dwell_that_spreads_softens_what_an_offset_can_do() -> None:
    network = line("ABC")
    exact = street_with(network, bus(BusStop("e1", 20.0)), vph=100.0)
    loose = street_with(network, bus(BusStop("e1", 20.0, 20.0)), vph=100.0)

    def spread(street: Street) -> float:
        found = [waits_s(network, street, (0, offset_s, 0))[1] for offset_s in range(0, 60, 5)]
        return max(found) - min(found)

    assert spread(loose) < 0.6 * spread(exact)


def test_the_mean_time_between_signals_is_driving_and_dwell() -> None:
    network = line("ABC")
    (first, second, third) = street_with(network, bus(STOP), vph=100.0).riders
    assert (first.before, second.before, third.before) == (-1, 0, 1)

    def mean_s(delay_s: int, smoothing: float) -> float:
        return delay_s + (1.0 - smoothing) / smoothing

    lost_s = 0.5 * 12.5 * (1 / 1.2 + 1 / 4.0)
    # Once behind each signal a bus starts with its queue.
    start_s = 12.5 / (2 * PLAIN.acceleration_mps2)
    wanted_s = 25 + start_s + 20 + lost_s
    assert mean_s(second.delay_s, second.smoothing) == pytest.approx(wanted_s, abs=0.51)
    assert mean_s(third.delay_s, third.smoothing) == pytest.approx(25 + start_s, abs=0.51)
    assert (1.0 - second.smoothing) / second.smoothing**2 == pytest.approx(8**2 + 1.25**2)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: BusLine("1", ("e0", "x9"), 300.0, 40.0), "no link 'x9'"),
        (lambda: BusLine("1", ("e0", "e2"), 300.0, 40.0), "no way leads from 'e0' to 'e2'"),
        (lambda: BusLine("1", ROUTE, 1.0, 40.0), "headway_s: found 1"),
        (lambda: BusLine("1", ROUTE, 300.0, -1.0), "passengers: found -1"),
        (lambda: BusLine("1", ROUTE, 300.0, 40.0, (BusStop("w1", 20.0),)), "not on its route"),
        (lambda: BusLine("1", ("e0", "e0"), 300.0, 40.0), "each once"),
        (lambda: BusStop("e1", 900.0), "dwell of 900 s"),
    ],
)
def test_impossible_lines_are_refused(made: object, told: str) -> None:
    with pytest.raises(NetworkError, match=told):
        street_with(line("ABC"), made())  # type: ignore[operator]


@settings(max_examples=6, deadline=None)
@given(
    st.tuples(*[st.integers(0, 59)] * 3),
    st.floats(10.0, 1100.0),
    st.sampled_from([60.0, 300.0]),
    st.integers(0, 300),
)
def test_an_hour_of_riders_is_that_of_the_plain_twin(
    offsets: tuple[int, ...], vph: float, block_m: float, count_from_s: int
) -> None:
    network = line("ABC", block_m)
    street = street_with(network, bus(STOP), bus(passengers=5.0), vph=vph * 1.0012345678)
    plans = {n: two_phase_plan(n, 60, 30, o) for n, o in zip("ABC", offsets, strict=True)}
    tables = tables_of(network, street, plans)
    _, results, _ = twin_played(tables, 17, 500, count_from_s)
    got = played(tables, 17, 500, count_from_s).results
    riding = slice(len(street.lane_names), None)
    # In the second that decides, the last digit of a sum may let a bus through or not.
    assert got[riding] == pytest.approx(results[riding], rel=2e-3, abs=2e-2)


def test_a_play_with_riders_goes_on_where_the_one_before_left_it() -> None:
    network = line("ABC")
    street = street_with(network, bus(STOP), vph=600.0)
    plans = {name: two_phase_plan(name, 60, 30, 10) for name in "ABC"}
    tables = tables_of(network, street, plans)
    once, twice = empty_roads(street), empty_roads(street)
    whole = evaluate(tables, 0, 1000, state=once)
    parts = [evaluate(tables, begin, 500, state=twice) for begin in (0, 500)]
    for name in ("gone", "carried", "standing", "head", "rode"):
        assert getattr(twice, name) == pytest.approx(getattr(once, name))
    assert sum(part.bus_volume_veh for part in parts) == pytest.approx(whole.bus_volume_veh)


@pytest.mark.parametrize("offsets", [(0, 0, 0), (0, 25, 50), (0, 45, 30), (10, 33, 5)])
def test_riders_settle_to_what_the_hour_long_model_says(offsets: tuple[int, ...]) -> None:
    network = line("ABC", 2000.0)
    street = street_with(network, bus(STOP), vph=550.1234)
    plans = {n: two_phase_plan(n, 60, 30, o) for n, o in zip("ABC", offsets, strict=True)}
    found = played(tables_of(network, street, plans), 0, 31 * 60, 30 * 60).results
    riding = found[len(street.lane_names) :, kernels.DELAY] / 60
    steady = solved(network, street, offsets)
    got = steady.results[steady.group.lanes.size :, columns.DELAYED]
    assert got == pytest.approx(riding, rel=2e-2, abs=1e-4)


def test_passengers_count_in_the_objective_and_in_the_delay_of_persons() -> None:
    network = line("ABC")
    plans = {name: two_phase_plan(name) for name in "ABC"}
    few, many = (street_with(network, bus(STOP, passengers=p)) for p in (10.0, 60.0))
    measures = [evaluate(tables_of(network, s, plans), 0, HOUR_S) for s in (few, many)]
    buses_s = measures[0].bus_delay_s * measures[0].bus_volume_veh
    assert (buses_s > 0).all()
    assert measures[1].bus_delay_s == pytest.approx(measures[0].bus_delay_s)
    told = [criteria_of(s, network, m) for s, m in zip((few, many), measures, strict=True)]
    more_h = told[1].person_delay_h - told[0].person_delay_h
    assert more_h == pytest.approx(50.0 * buses_s.sum() / 3600)
    assert measures[1].cost_veh_s - measures[0].cost_veh_s > 50.0 * buses_s.sum()


def test_offsets_follow_the_buses_where_their_passengers_outweigh_the_cars() -> None:
    network = line("ABC")
    limits = Limits(shortest_cycle_s=60, longest_cycle_s=60, effort=60)
    stopping = bus(BusStop("e1", 25.0, 2.0), passengers=300.0, headway_s=120.0)
    flows = line_flows(network, e=300.0, w=100.0, s=300.0, n=300.0)
    delay_h = {}
    for known in ((stopping,), (bus(passengers=300.0, headway_s=120.0),)):
        wanted = replace(limits, objective=Objective(Goal.PERSON_DELAY, buses=known))
        done = optimize(network, flows, HOUR_S, 0, wanted, PLAIN)
        plans = {plan.signal_id: plan for plan in done.plan_set.plans}
        street = street_with(network, stopping, vph=300.0)
        found = evaluate(tables_of(network, street, plans), 0, HOUR_S)
        delay_h[known] = float((found.bus_delay_s * found.bus_volume_veh).sum()) / 3600
    told, untold = delay_h.values()
    assert told < 0.8 * untold
