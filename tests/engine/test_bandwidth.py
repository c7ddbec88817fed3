"""Green bands of plans made by hand and drawn at random."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.measures.bandwidth import (
    CYCLES_DIFFER,
    CorridorBands,
    corridor_bands,
    green_band,
    longest_run,
)
from engine.measures.corridor import Corridor
from engine.measures.corridor_search import strongest_corridor
from engine.measures.street import build_street
from network.graph import RoadNetwork
from network.timing import TimingPlan
from tests.throughband.reports_street import flows, plan, street_network

NAMES = "ABC"


@cache
def corridor(one_way: bool = False) -> tuple[RoadNetwork, Corridor]:
    network = street_network(NAMES, one_way)
    found = strongest_corridor(network, build_street(network, flows(network), 300))
    assert found is not None
    return network, found


def bands_of(plans: dict[str, TimingPlan]) -> CorridorBands:
    network, found = corridor()
    return corridor_bands(found, plans, network)


@st.composite
def plan_sets(draw: st.DrawFn) -> dict[str, TimingPlan]:
    cycle_s = draw(st.integers(30, 90))
    return {
        name: plan(
            name,
            cycle_s,
            draw(st.integers(9, cycle_s - 9)),
            draw(st.integers(0, cycle_s - 1)),
        )
        for name in NAMES
    }


def test_perfect_progression_is_as_wide_as_the_green() -> None:
    bands = bands_of({name: plan(name, 60, 30, 22 * i % 60) for i, name in enumerate(NAMES)})
    assert (bands.outbound.width_s, bands.outbound.begin_s) == (26.0, 0.0)
    assert bands.outbound.attainability == 1.0
    assert bands.outbound.efficiency == pytest.approx(26 / 60)


def test_progression_one_way_costs_the_other_way() -> None:
    bands = bands_of({name: plan(name, 60, 30, 22 * i % 60) for i, name in enumerate(NAMES)})
    assert bands.inbound is not None
    # Against the wave every signal comes 44 s, that is 16 s early, out of step.
    assert bands.inbound.width_s == 0.0
    assert bands.inbound.reason


def test_different_cycles_have_no_band_and_say_so() -> None:
    bands = bands_of({"A": plan("A", 60), "B": plan("B", 80), "C": plan("C", 60)})
    assert (bands.outbound.width_s, bands.outbound.reason) == (0.0, CYCLES_DIFFER)
    assert bands.efficiency == 0.0


def test_a_signal_with_half_the_cycle_lets_the_band_through_where_it_is_green() -> None:
    """Half the cycle of B is a green twice as often: the band is the part that A and C share."""
    plans = {"A": plan("A", 80, 44), "B": plan("B", 40, 24, 22), "C": plan("C", 80, 44, 44)}
    band = bands_of(plans).outbound
    assert band.cycle_s == 80
    assert (band.width_s, band.begin_s) == (20.0, 0.0)
    assert band.least_green_s == 20.0


def test_missing_plan_is_named() -> None:
    assert "signal C" in bands_of({"A": plan("A"), "B": plan("B")}).outbound.reason


def test_one_way_corridor_has_no_inbound_band() -> None:
    network, found = corridor(one_way=True)
    bands = corridor_bands(found, {name: plan(name) for name in NAMES}, network)
    assert bands.inbound is None
    assert bands.bands == (bands.outbound,)


@given(plan_sets(), st.integers(1, 89))
def test_shifting_all_offsets_together_changes_no_width(
    plans: dict[str, TimingPlan], shift_s: int
) -> None:
    shifted = {
        name: replace(p, offset_s=(p.offset_s + shift_s) % p.cycle_s) for name, p in plans.items()
    }
    before, after = bands_of(plans), bands_of(shifted)
    assert [b.width_s for b in before.bands] == [b.width_s for b in after.bands]


@given(plan_sets())
def test_band_never_exceeds_the_least_green(plans: dict[str, TimingPlan]) -> None:
    for band in bands_of(plans).bands:
        assert 0.0 <= band.width_s <= band.least_green_s
        assert band.least_green_s == min(p.split_s(1) - 4 for p in plans.values())


@given(plan_sets())
def test_band_of_one_signal_is_its_green(plans: dict[str, TimingPlan]) -> None:
    network, found = corridor()
    for stop in found.course("outbound"):
        own = plans[stop[0].signal_id]
        band = green_band([stop], "outbound", plans, network)
        assert (band.width_s, band.begin_s) == (own.split_s(1) - 4, own.offset_s)


@given(plan_sets())
def test_every_tenth_of_a_band_meets_green_everywhere(plans: dict[str, TimingPlan]) -> None:
    _, found = corridor()
    band = bands_of(plans).outbound
    for tick in range(round(10 * band.width_s)):
        for stop, elapsed_s in found.course("outbound"):
            own = plans[stop.signal_id]
            at = round(10 * (band.begin_s + elapsed_s - own.offset_s)) + tick
            assert at % (10 * own.cycle_s) < 10 * (own.split_s(1) - 4)


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_longest_run_agrees_with_counting(mask: list[bool]) -> None:
    size = len(mask)
    lengths = [
        next((n for n in range(size) if not mask[(b + n) % size]), size) for b in range(size)
    ]
    begin, length = longest_run(np.array(mask))
    assert length == max(lengths)
    assert lengths[begin] == length
