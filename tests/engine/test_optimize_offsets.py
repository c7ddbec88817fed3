"""The search on link tables: kernels against enumeration, and what it promises."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures.street import build_street
from engine.optimize import offset_kernels
from engine.optimize.link_tables import LinkTables, joined, link_tables
from engine.optimize.offsets import find_offsets, half_edges, table_offsets
from tests.reference.table_twin import twin_convolved, twin_optimum, twin_total
from tests.reference.toy_streets import PLAIN, line, line_flows, two_phase_plan

CIRCLE_AND_TAIL = [(0, 1), (1, 2), (2, 0), (2, 3)]
COMPLETE = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
TREE = [(3, 0), (1, 0), (2, 1), (4, 1)]
PARALLEL = [(0, 1), (1, 0), (0, 1), (1, 2)]
APART = [(0, 1), (2, 3)]
GRAPHS = [CIRCLE_AND_TAIL, COMPLETE, TREE, PARALLEL, APART, []]


def random_tables(
    pairs: list[tuple[int, int]], cycle_s: int, seed: int, least: float = 0.0
) -> LinkTables:
    rng = np.random.default_rng(seed)
    nodes = 1 + max([max(pair) for pair in pairs], default=1)
    edges = [(tail, head, rng.uniform(least, 10.0, cycle_s)) for tail, head in pairs]
    return joined(tuple(f"s{i}" for i in range(nodes)), cycle_s, edges)


def zeros(tables: LinkTables) -> np.ndarray:
    return np.zeros(len(tables.signals), dtype=np.int32)


@pytest.mark.parametrize("pairs", GRAPHS)
@pytest.mark.parametrize("cycle_s", [2, 5, 9])
def test_small_graphs_are_solved_to_the_optimum(pairs: list[tuple[int, int]], cycle_s: int) -> None:
    if len(pairs) > 4:
        cycle_s = min(cycle_s, 7)
    for seed in range(3):
        tables = random_tables(pairs, cycle_s, seed, -5.0)
        found = find_offsets(tables, zeros(tables), seed)
        assert tables.total_veh_s(found) == pytest.approx(twin_optimum(tables))


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 12), st.integers(0, 999))
def test_trees_are_solved_exactly_without_any_round(cycle_s: int, seed: int) -> None:
    tables = random_tables(TREE, cycle_s, seed)
    found = find_offsets(tables, zeros(tables), seed, rounds=0)
    assert tables.total_veh_s(found) == pytest.approx(tables.edge_minimum_veh_s)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(GRAPHS[:-1]), st.integers(2, 9), st.integers(0, 999), st.integers(0, 2))
def test_search_never_worsens_its_start(
    pairs: list[tuple[int, int]], cycle_s: int, seed: int, rounds: int
) -> None:
    tables = random_tables(pairs, cycle_s, seed)
    start = np.random.default_rng(seed).integers(cycle_s, size=len(tables.signals), dtype=np.int32)
    found = find_offsets(tables, start, seed, rounds)
    assert tables.total_veh_s(found) <= tables.total_veh_s(start) + 1e-9
    assert ((found >= 0) & (found < cycle_s)).all()


def test_equal_seeds_give_equal_offsets() -> None:
    tables = random_tables(COMPLETE, 30, 4)
    one, two = (find_offsets(tables, zeros(tables), 7) for _ in range(2))
    np.testing.assert_array_equal(one, two)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 15), st.integers(0, 999))
def test_convolution_kernel_and_twin_agree(cycle_s: int, seed: int) -> None:
    one, other = np.random.default_rng(seed).normal(0.0, 1e3, (2, cycle_s))
    found = np.empty(cycle_s)
    offset_kernels.add_minima(one, np.tile(other, 2), found)
    np.testing.assert_allclose(found, twin_convolved(one, other))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(GRAPHS[:-1]), st.integers(2, 6), st.integers(0, 999))
def test_forest_is_solved_exactly_while_the_rest_stands_still(
    pairs: list[tuple[int, int]], cycle_s: int, seed: int
) -> None:
    tables = random_tables(pairs, cycle_s, seed)
    rng = np.random.default_rng(seed)
    nodes = len(tables.signals)
    offsets = rng.integers(cycle_s, size=nodes, dtype=np.int32)
    halves = half_edges(tables)
    assert offset_kernels.total_cost(halves, offsets) == pytest.approx(
        twin_total(tables, tuple(offsets))
    )
    chosen = offset_kernels.choose_forest(halves, rng.permutation(nodes).astype(np.int32))
    inner = [(a, b) for a, b in zip(tables.tail, tables.head, strict=True)
             if chosen[a] and chosen[b]]  # fmt: skip
    assert len(inner) < chosen.sum()
    noise = rng.uniform(0.0, 5.0, (nodes, cycle_s))

    def worth(values: tuple[int, ...]) -> float:
        return twin_total(tables, values) + sum(noise[i, x] for i, x in enumerate(values))

    choices = [range(cycle_s) if chosen[i] else [int(offsets[i])] for i in range(nodes)]
    expected = min(worth(values) for values in product(*choices))
    offset_kernels.solve_forest(halves, offsets, chosen, noise)
    assert worth(tuple(offsets)) == pytest.approx(expected)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(GRAPHS[:-1]), st.integers(2, 9), st.integers(0, 999))
def test_blocks_report_the_change_they_make_and_leave_no_better_neighbor(
    pairs: list[tuple[int, int]], cycle_s: int, seed: int
) -> None:
    tables = random_tables(pairs, cycle_s, seed)
    rng = np.random.default_rng(seed)
    nodes = len(tables.signals)
    offsets = rng.integers(cycle_s, size=nodes, dtype=np.int32)
    before = tables.total_veh_s(offsets)
    single = np.array([[node, 1, 1] for node in range(nodes)] * 4, dtype=np.int32)
    change = offset_kernels.shift_blocks(half_edges(tables), offsets, single)
    after = tables.total_veh_s(offsets)
    assert change <= 0.0
    assert after == pytest.approx(before + change)


def test_offsets_of_a_street_get_better_and_the_first_signal_keeps_its_own() -> None:
    network = line("ABCD", 250.0)
    street = build_street(network, line_flows(network, e=500.0, w=300.0), 3600, PLAIN)
    plans = {name: two_phase_plan(name, 60, 30, 11) for name in "ABCD"}
    found = table_offsets(street, network, plans, tuple("ABCD"), seed=1)
    assert found["A"] == plans["A"]
    assert {name: plan.splits_s for name, plan in found.items()} == {
        name: plan.splits_s for name, plan in plans.items()
    }
    tables = link_tables(street, network, found, tuple("ABCD"))
    offsets = np.array([found[name].offset_s for name in "ABCD"])
    assert tables.total_veh_s(offsets) == pytest.approx(tables.edge_minimum_veh_s)


def test_signal_on_its_own_keeps_its_offset() -> None:
    network = line("A")
    street = build_street(network, line_flows(network, e=500.0), 3600, PLAIN)
    plans = {"A": two_phase_plan("A", 60, 30, 11)}
    assert table_offsets(street, network, plans, ("A",), seed=1) == plans
