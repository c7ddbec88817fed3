"""The queue kernel against its plain twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures import kernels
from engine.measures.evaluation import Tables, empty_roads, evaluate
from engine.measures.street import Driving, Street, build_street
from tests.network import streets
from tests.reference.queue_twin import harders_vps, twin_played
from tests.reference.toy_streets import crossroads, laid_streets, played, tables_of

ALIKE = 1e-9


def assert_alike(tables: Tables, start_s: int, seconds: int, count_from_s: int) -> None:
    total, results, departures = twin_played(tables, start_s, seconds, count_from_s)
    found = played(tables, start_s, seconds, count_from_s)
    assert np.isfinite(found.results).all()
    assert np.isfinite(found.departures).all()
    np.testing.assert_allclose(found.departures, departures, rtol=ALIKE, atol=ALIKE)
    np.testing.assert_allclose(found.results, results, rtol=ALIKE, atol=ALIKE)
    assert found.total == pytest.approx(total, rel=ALIKE, abs=ALIKE)


@settings(max_examples=60, deadline=None)
@given(laid_streets(), st.integers(0, 5000), st.integers(0, 400), st.integers(0, 100))
def test_kernel_and_twin_agree_on_any_street(
    laid: tuple[Street, Tables], start_s: int, seconds: int, count_from_s: int
) -> None:
    assert_alike(laid[1], start_s, seconds, count_from_s)


@settings(max_examples=30, deadline=None)
@given(laid_streets(), st.integers(0, 5000), st.integers(1, 300), st.integers(1, 300))
def test_a_play_goes_on_where_the_one_before_left_it(
    laid: tuple[Street, Tables], start_s: int, first_s: int, second_s: int
) -> None:
    street, tables = laid
    whole = evaluate(tables, start_s, first_s + second_s, first_s)
    state = empty_roads(street)
    evaluate(tables, start_s, first_s, 0, state)
    parts = evaluate(tables, start_s + first_s, second_s, 0, state)
    for name in ("lane_delay_s", "lane_volume_veh", "lane_stops", "lane_queue_veh", "left_veh"):
        np.testing.assert_allclose(
            getattr(parts, name), getattr(whole, name), rtol=ALIKE, atol=ALIKE
        )
    assert state.played_s[0] == first_s + second_s


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(laid_streets(), st.integers(0, 5000), st.integers(0, 900), st.integers(0, 100))
def test_kernel_and_twin_agree_on_many_streets(
    laid: tuple[Street, Tables], start_s: int, seconds: int, count_from_s: int
) -> None:
    assert_alike(laid[1], start_s, seconds, count_from_s)


@pytest.mark.parametrize("vph", [1e-6, 40.0, 700.0, 1e5])
@pytest.mark.parametrize("block_m", [10.0, 200.0])
def test_kernel_and_twin_agree_from_a_trickle_to_gridlock(vph: float, block_m: float) -> None:
    network = crossroads(3, block_m, pocket_m=20.0)
    flows = {name: np.array([vph, 0.0, vph]) for name in network.movements}
    street = build_street(network, flows, 200)
    assert_alike(tables_of(network, street), 0, 700, 0)


@pytest.mark.parametrize("name", ["cologne3", "ingolstadt7"])
def test_kernel_and_twin_agree_on_a_real_network(name: str) -> None:
    network = streets.network(name)
    rng = np.random.default_rng(4)
    flows = {m: rng.choice([0.0, 60.0, 250.0, 700.0], 3) for m in network.movements}
    street = build_street(network, flows, 60)
    assert_alike(tables_of(network, street), 25200, 200, 20)


def test_kernel_and_twin_agree_without_any_demand() -> None:
    network = crossroads(2)
    street = build_street(network, {name: np.ones(1) for name in network.movements}, 60)
    nobody = street.approaches._replace(outside_vps=np.zeros_like(street.approaches.outside_vps))
    empty = replace(street, approaches=nobody)
    tables = tables_of(network, empty)
    assert_alike(tables, 0, 300, 0)
    found = played(tables, 0, 300)
    assert found.total == 0.0
    assert not found.results[:, [kernels.DELAY, kernels.STOPS, kernels.VOLUME]].any()


def test_kernel_returns_what_is_finite_for_a_street_of_ways_nobody_takes() -> None:
    network = crossroads(1)
    only = next(iter(network.movements))
    street = build_street(network, {only: np.array([600.0])}, 60)
    assert np.isfinite(played(tables_of(network, street), 0, 300).results).all()


@settings(max_examples=60, deadline=None)
@given(st.floats(1.0, 12.0), st.floats(0.5, 8.0))
def test_gap_table_is_harders_formula_at_every_step(critical_s: float, follow_up_s: float) -> None:
    table = kernels.accepted_gaps(critical_s, follow_up_s)
    plain = [
        harders_vps(i / kernels.GAP_STEPS_PER_VPS, critical_s, follow_up_s)
        for i in range(table.size)
    ]
    np.testing.assert_allclose(table, plain, rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.floats(2.0, 12.0), st.floats(0.5, 8.0))
def test_more_opposing_traffic_leaves_fewer_gaps(critical_s: float, follow_up_s: float) -> None:
    table = kernels.accepted_gaps(critical_s, max(follow_up_s, critical_s / 2))
    assert (np.diff(table[1:]) <= 1e-12).all() or follow_up_s > critical_s
    assert (table > 0).all()


def test_gap_table_begins_where_nobody_opposes() -> None:
    table = kernels.accepted_gaps(4.5, 2.5)
    assert table[0] == 1.0 / 2.5
    assert table[1] == pytest.approx(table[0], rel=0.02)


def turn_ends_after_a_period() -> Tables:
    """Lefts that meet through traffic for a period, which ends while that traffic flows."""
    network = crossroads(1, wait_m=15.0)
    flows = {name: np.zeros(2) for name in network.movements}
    flows["e0>n0x"] = np.array([200.0, 200.0])
    flows["e0>e1"] = np.array([200.0, 200.0])
    flows["w1>w0"] = np.array([900.0, 0.0])
    flows["w1>n0x"] = np.array([10.0, 10.0])
    street = build_street(network, flows, 310, Driving())
    return tables_of(network, street)


def test_traffic_of_an_earlier_period_no_longer_opposes() -> None:
    """A way that lost its traffic kept its last departures and closed the gaps for good."""
    tables = turn_ends_after_a_period()
    lane = tables.street.lane_names.index("e0_0")
    after = played(tables, 0, 620, 310).results[lane]
    assert after[kernels.LEFT] < 8.0
    assert after[kernels.DEPARTED] > 0.9 * after[kernels.VOLUME]


def test_vehicles_inside_the_node_are_not_lost_when_their_turn_ends() -> None:
    """Vehicles that waited for a gap vanished from the sums when a period had none of them."""
    network = crossroads(1, wait_m=22.5)
    flows = {name: np.zeros(2) for name in network.movements}
    flows["e0>n0x"] = np.array([500.0, 0.0])
    flows["e0>e1"] = np.array([300.0, 300.0])
    flows["w1>w0"] = np.array([1500.0, 1500.0])
    street = build_street(network, flows, 80, Driving())
    found = played(tables_of(network, street), 0, 160).results
    np.testing.assert_allclose(
        found[:, kernels.VOLUME], found[:, kernels.DEPARTED] + found[:, kernels.LEFT], atol=1e-9
    )
