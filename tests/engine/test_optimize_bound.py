"""The bound: below every plan, above the minima, rising; and the certificate made of it."""

from __future__ import annotations

from itertools import islice, pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures.street import build_street
from engine.optimize import bound_kernels
from engine.optimize.bound import (
    certificate,
    certify,
    cycle_arrays,
    lower_bound,
    rising_bounds,
    short_cycles,
)
from engine.optimize.link_tables import joined
from engine.optimize.offsets import find_offsets, table_offsets
from tests.engine.test_optimize_offsets import (
    APART,
    CIRCLE_AND_TAIL,
    COMPLETE,
    GRAPHS,
    PARALLEL,
    TREE,
    random_tables,
    zeros,
)
from tests.reference.table_twin import twin_cycle_minimum, twin_optimum
from tests.reference.toy_streets import PLAIN, line, line_flows, two_phase_plan

TWO_CIRCLES = [(0, 1), (1, 2), (2, 3), (3, 0), (3, 4), (4, 2)]
CLOSE = 1e-9


def grid_pairs(side: int) -> list[tuple[int, int]]:
    graph = nx.convert_node_labels_to_integers(nx.grid_2d_graph(side, side))
    return sorted((min(pair), max(pair)) for pair in graph.edges)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([*GRAPHS, TWO_CIRCLES]), st.integers(2, 6), st.integers(0, 999))
def test_bound_is_below_the_optimum_and_that_below_ours(
    pairs: list[tuple[int, int]], cycle_s: int, seed: int
) -> None:
    tables = random_tables(pairs, cycle_s, seed, -5.0)
    optimum = twin_optimum(tables)
    for bound in islice(rising_bounds(tables), 6):
        assert tables.edge_minimum_veh_s - CLOSE <= bound <= optimum + CLOSE
    ours = tables.total_veh_s(find_offsets(tables, zeros(tables), seed))
    assert optimum - CLOSE <= ours


@pytest.mark.parametrize(("pairs", "cycle_s"), [(CIRCLE_AND_TAIL, 12), (COMPLETE, 12)])
def test_bound_holds_at_longer_cycles(pairs: list[tuple[int, int]], cycle_s: int) -> None:
    for seed in range(4):
        tables = random_tables(pairs, cycle_s, seed)
        assert lower_bound(tables) <= twin_optimum(tables) + CLOSE


@pytest.mark.parametrize("pairs", [TREE, APART, PARALLEL])
def test_bound_is_the_optimum_on_forests(pairs: list[tuple[int, int]]) -> None:
    for seed in range(5):
        tables = random_tables(pairs, 6, seed)
        assert lower_bound(tables, rounds=0) == pytest.approx(twin_optimum(tables))


@pytest.mark.parametrize("pairs", [CIRCLE_AND_TAIL, TWO_CIRCLES])
def test_bound_is_the_optimum_where_circles_hang_together_like_a_tree(
    pairs: list[tuple[int, int]],
) -> None:
    for seed in range(5):
        tables = random_tables(pairs, 6, seed)
        assert lower_bound(tables) == pytest.approx(twin_optimum(tables))


@pytest.mark.parametrize("pairs", [COMPLETE, grid_pairs(4)])
def test_bound_never_falls(pairs: list[tuple[int, int]]) -> None:
    for seed in range(3):
        bounds = list(islice(rising_bounds(random_tables(pairs, 20, seed)), 30))
        assert all(after >= before - CLOSE for before, after in pairwise(bounds))
        assert bounds[-1] > bounds[0]


def test_graph_that_is_not_planar_is_bounded() -> None:
    graph = nx.petersen_graph()
    tables = random_tables(sorted(graph.edges), 20, 1)
    cost = tables.total_veh_s(find_offsets(tables, zeros(tables), 1))
    bound = lower_bound(tables)
    assert tables.edge_minimum_veh_s < bound <= cost


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 12), st.integers(0, 999), st.floats(0.05, 0.9))
def test_cycle_basis_is_complete_and_made_of_cycles(nodes: int, seed: int, density: float) -> None:
    graph = nx.gnp_random_graph(nodes, density, seed)
    edges = sorted((min(pair), max(pair)) for pair in graph.edges)
    found = short_cycles(nodes, edges)
    wanted = nx.minimum_cycle_basis(graph)
    assert sorted(map(len, found)) == sorted(map(len, wanted))
    for cycle in found:
        assert len(set(cycle)) == len(cycle) >= 3
        assert all(graph.has_edge(a, b) for a, b in pairwise([*cycle, cycle[0]]))


def test_blocks_of_a_grid_are_its_cycles() -> None:
    cycles = short_cycles(25, grid_pairs(5))
    assert [len(cycle) for cycle in cycles] == [4] * 16


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(0, 999))
def test_kernels_of_the_bound_agree_with_enumeration(cycle_s: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    edges = [(0, 1), (1, 2), (0, 2), (0, 3), (2, 3)]
    cycles = cycle_arrays([[0, 1, 2], [0, 3, 2]], edges)
    parts = rng.normal(0.0, 10.0, (6, cycle_s))
    one, two = list(parts[:3]), list(parts[3:])
    expected = twin_cycle_minimum(one) + twin_cycle_minimum(two)
    assert bound_kernels.cycle_minima(cycles, parts) == pytest.approx(expected)
    # Edge 0-2 runs from 2 to 0 in both cycles: slot 2 of either.
    marginals = [
        np.array([twin_cycle_minimum(cycle, 2, x) for x in range(cycle_s)]) for cycle in (one, two)
    ]
    mean = (marginals[0] + marginals[1]) / 2.0
    wanted = parts.copy()
    wanted[2] += mean - marginals[0]
    wanted[5] += mean - marginals[1]
    bound_kernels.level_edges(cycles, parts, np.array([2], dtype=np.int32))
    np.testing.assert_allclose(parts, wanted, atol=1e-9)
    np.testing.assert_allclose(parts[2] + parts[5], wanted[2] + wanted[5], atol=1e-9)


def test_leveling_keeps_every_table_whole_where_directions_differ() -> None:
    edges = [(0, 1), (1, 2), (0, 2), (0, 3), (2, 3)]
    cycles = cycle_arrays([[0, 1, 2], [0, 2, 3]], edges)
    parts = np.random.default_rng(1).normal(0.0, 10.0, (6, 7))
    # The first cycle runs from 2 to 0, the second from 0 to 2.
    before = np.roll(parts[2][::-1], 1) + parts[3]
    bound_kernels.level_edges(cycles, parts, np.array([2], dtype=np.int32))
    np.testing.assert_allclose(np.roll(parts[2][::-1], 1) + parts[3], before, atol=1e-9)


def test_certificate_says_what_it_is_about() -> None:
    network = line("ABC", 250.0)
    street = build_street(network, line_flows(network, e=500.0, w=300.0), 3600, PLAIN)
    plans = {name: two_phase_plan(name, 60, 30) for name in "ABC"}
    before = certify(street, network, plans, tuple("ABC"))
    after = certify(
        street, network, table_offsets(street, network, plans, tuple("ABC"), 1), tuple("ABC")
    )
    assert after.bound == pytest.approx(before.bound)
    assert before.cost > after.cost == pytest.approx(after.bound)
    assert before.gap_pct_total == pytest.approx(100.0 * (before.cost - before.bound)
                                                 / before.cost)  # fmt: skip
    assert before.gap_pct_avoidable == pytest.approx(100.0)
    assert after.gap_pct_total == pytest.approx(0.0, abs=1e-9)
    for words in ("link-table model of 3 signals", "60 s cycle", "simulation or the street"):
        assert words in after.statement
    assert "oversaturated" not in after.statement


def test_certificate_counts_the_lanes_it_leaves_out() -> None:
    tables = joined(("A", "B"), 3, [(0, 1, np.array([1.0, 2.0, 3.0]))], 1, 2)
    found = certificate(tables, np.array([0, 1], dtype=np.int32))
    assert "2 oversaturated lanes are left out" in found.statement
    assert (found.cost, found.bound, found.gap_pct_total) == (2.0, 1.0, 50.0)


def test_certificate_of_nothing_has_no_gap() -> None:
    found = certificate(joined(("A",), 60, []), np.zeros(1, dtype=np.int32))
    assert (found.cost, found.bound, found.gap_pct_total, found.gap_pct_avoidable) == (0, 0, 0, 0)


def test_small_grid_is_certified_within_a_percent() -> None:
    tables = random_tables(grid_pairs(4), 30, 3, 8.0)
    found = certificate(tables, find_offsets(tables, zeros(tables), 1))
    assert found.edge_minimum < found.bound <= found.cost
    assert found.gap_pct_total < 1.0
