"""Banded offsets of a hand-made street, measured on the plans that come back."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures.bandwidth import corridor_bands
from engine.measures.corridor import Corridor
from engine.measures.corridor_search import strongest_corridor
from engine.measures.street import Street, build_street
from engine.optimize.band_models import Balance
from engine.optimize.band_rounding import best_link_moves, best_moves
from engine.optimize.band_windows import (
    Score,
    Windows,
    common_widths,
    link_widths,
    queue_clearance_s,
)
from engine.optimize.bands import BandSolution, Method, band_offsets
from network.errors import InfeasibleError
from network.graph import RoadNetwork
from network.timing import TimingPlan
from tests.throughband.reports_street import flows, plan, street_network


@cache
def town(names: str = "ABC", one_way: bool = False) -> tuple[RoadNetwork, Street, Corridor]:
    network = street_network(names, one_way)
    street = build_street(network, flows(network), 300)
    found = strongest_corridor(network, street)
    assert found is not None
    return network, street, found


def solved(plans: dict[str, TimingPlan], one_way: bool = False, **more: object) -> BandSolution:
    network, street, corridor = town("".join(plans), one_way)
    return band_offsets(corridor, plans, network, street, **more)  # type: ignore[arg-type]


@st.composite
def plan_sets(draw: st.DrawFn) -> dict[str, TimingPlan]:
    cycle_s = draw(st.integers(30, 45))
    return {
        name: plan(name, cycle_s, draw(st.integers(15, cycle_s - 9)), draw(st.integers(0, 29)))
        for name in "ABC"
    }


@st.composite
def windows(draw: st.DrawFn, stops: int = 4) -> list[Windows]:
    cycle = 10 * draw(st.integers(20, 60))
    lag = np.cumsum(
        [0, *draw(st.lists(st.integers(20, 300), min_size=stops - 1, max_size=stops - 1))]
    )
    return [
        Windows(
            np.array(draw(st.lists(st.integers(0, cycle - 1), min_size=stops, max_size=stops))),
            np.array(
                draw(st.lists(st.integers(cycle // 3, cycle), min_size=stops, max_size=stops))
            ),
            lags,
            cycle,
        )
        for lags in (lag, lag[-1] - lag)
    ]


@settings(max_examples=6, deadline=None)
@given(plan_sets())
def test_bound_covers_every_offset_and_ours_is_close(plans: dict[str, TimingPlan]) -> None:
    network, _, corridor = town()
    found = solved(plans, queues=False, ratio=0.8)
    score = Score(Balance.TARGET, 0.8)
    best = 0.0
    cycle_s = plans["A"].cycle_s
    for b, c in product(range(cycle_s), repeat=2):
        trial = {
            name: replace(plans[name], offset_s=o) for name, o in zip("ABC", (0, b, c), strict=True)
        }
        bands = corridor_bands(corridor, trial, network)
        assert bands.inbound is not None
        best = max(best, score.worth(bands.outbound.width_s, bands.inbound.width_s))
    assert found.bound_s >= best - 1e-4
    assert best >= found.worth_s - 1e-9
    assert found.worth_s >= best - 2.0


@settings(max_examples=8, deadline=None)
@given(plan_sets(), st.integers(1, 40))
def test_shifting_all_offsets_together_changes_nothing(
    plans: dict[str, TimingPlan], shift_s: int
) -> None:
    moved = {n: replace(p, offset_s=(p.offset_s + shift_s) % p.cycle_s) for n, p in plans.items()}
    one, other = solved(plans), solved(moved)
    assert one.objective_s == pytest.approx(other.objective_s, abs=1e-4)
    assert one.bound_s >= other.worth_s - 1e-4


def test_bands_reported_are_those_measured_on_the_plans() -> None:
    plans = {name: plan(name, 80, 40 + 2 * i, 9 * i) for i, name in enumerate("ABCD")}
    network, _, corridor = town("ABCD")
    found = solved(plans)
    assert found.bands == corridor_bands(corridor, found.plans, network)
    assert found.out_s >= found.clear_out_s > 0
    assert found.in_s >= found.clear_in_s > 0


@pytest.mark.parametrize("method", ["maxband", "multiband"])
def test_nothing_but_offsets_changes_and_the_first_stays(method: Method) -> None:
    plans = {name: plan(name, 80, 40, 7) for name in "ABC"}
    found = solved(plans, method=method)
    assert found.plans["A"] == plans["A"]
    for name, moved in found.plans.items():
        assert replace(moved, offset_s=7) == plans[name]


def test_without_queues_the_clear_band_is_the_measured_band() -> None:
    found = solved({name: plan(name, 80, 40) for name in "ABC"}, queues=False)
    assert (found.clear_out_s, found.clear_in_s) == (found.out_s, found.in_s)


def test_one_way_corridor_gets_the_whole_green() -> None:
    found = solved({name: plan(name, 60, 30) for name in "ABC"}, one_way=True, queues=False)
    assert (found.out_s, found.in_s) == (26.0, 0.0)


def test_multiband_has_no_less_band_by_link_than_its_program() -> None:
    plans = {name: plan(name, 70, 36 + i) for i, name in enumerate("ABCD")}
    found = solved(plans, method="multiband", queues=False)
    # Rounding may cost a second at each end of a link.
    assert found.worth_s >= found.objective_s - 1.0
    assert len(found.link_out_s) == len(found.link_in_s) == 3


def test_different_cycles_are_refused_with_their_lengths() -> None:
    plans = {"A": plan("A", 60), "B": plan("B", 80), "C": plan("C", 60)}
    with pytest.raises(InfeasibleError, match=r"cycles differ.*B 80 s"):
        solved(plans)


def test_missing_plan_is_named() -> None:
    network, street, corridor = town()
    with pytest.raises(InfeasibleError, match="plan is known of C"):
        band_offsets(corridor, {"A": plan("A"), "B": plan("B")}, network, street)


def test_queue_is_what_turned_in_and_the_first_stop_has_none() -> None:
    _, street, corridor = town()
    assert queue_clearance_s(corridor, 0, "outbound", street, 30.0) == 0.0
    assert queue_clearance_s(corridor, 2, "inbound", street, 30.0) == 0.0
    short = queue_clearance_s(corridor, 1, "outbound", street, 20.0)
    # A street nobody turns into: what drives the leg is nearly all the approach carries.
    assert 0.0 <= short < 2.0
    assert queue_clearance_s(corridor, 1, "outbound", street, 40.0) == pytest.approx(2 * short)


@settings(max_examples=15, deadline=None)
@given(windows(), st.sampled_from(list(Balance)), st.sampled_from([0.5, 1.0, 1.6]))
def test_best_moves_equal_trying_all(pair: list[Windows], balance: Balance, k: float) -> None:
    score = Score(balance, k)
    best = max(
        score.worth(*common_widths(pair, (0, *moves))) for moves in product((-1, 0, 1), repeat=3)
    )
    found = best_moves(pair, score, 1)
    assert found[0] == 0
    assert score.worth(*common_widths(pair, found)) == pytest.approx(best)


@settings(max_examples=10, deadline=None)
@given(windows())
def test_best_link_moves_equal_trying_all(pair: list[Windows]) -> None:
    weights = ([1.0, 0.5, 2.0], [0.3, 1.0, 0.7])

    def worth(moves: tuple[int, ...]) -> float:
        return sum(
            a * b
            for w, weight in zip(pair, weights, strict=True)
            for a, b in zip(weight, link_widths(w, moves), strict=True)
        )

    best = max(worth((0, *moves)) for moves in product((-1, 0, 1), repeat=3))
    found = best_link_moves(pair, weights, 1)
    assert found[0] == 0
    assert worth(found) == pytest.approx(best)
