"""What to coordinate: coupling, affinity, arterials, and corridors that an engineer names."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures.corridor_search import arterials, corridor_along, strongest_corridor
from engine.measures.street import Street, build_street
from engine.optimize.corridors import (
    are_affine,
    as_named,
    coupling_index,
    named_corridors,
    platoon_kept,
    propose,
)
from engine.optimize.groups import LEAST_PLATOON_VPH, LONGEST_WAY_S, coordination_groups
from network.derive.corridors import NamedCorridor
from network.errors import InfeasibleError
from network.graph import RoadNetwork
from tests.network import streets
from tests.reference.toy_streets import SPEED_MPS, line, line_flows
from tests.throughband.reports_street import flows, street_network


def laid(
    names: str = "ABC", block_m: float = 200.0, vph: float = 500.0
) -> tuple[RoadNetwork, Street]:
    network = line(names, block_m)
    return network, build_street(network, line_flows(network, e=vph, w=vph, s=50.0), 900)


def city(name: str) -> tuple[RoadNetwork, Street]:
    network = streets.network(name)
    vph = {movement: np.array([200.0]) for movement in network.movements}
    return network, build_street(network, vph, 900)


def test_a_platoon_that_goes_nowhere_stays_whole() -> None:
    assert platoon_kept(0.0) == 1.0


def test_a_platoon_disperses_as_robertson_recurrence_says() -> None:
    """q'(t) = F q(t) + (1 - F) q'(t - 1) played second by second."""
    travel_s, length = 40.0, 20
    factor = 1.0 / (1.0 + 0.35 * 0.8 * travel_s)
    flow = 0.0
    for _ in range(length):
        flow = factor + (1.0 - factor) * flow
    assert platoon_kept(travel_s, length) == pytest.approx(flow)


@given(st.floats(0, 3000), st.floats(1, 5000), st.floats(0, 500), st.floats(1.01, 3))
def test_coupling_grows_with_flow_and_falls_with_distance(
    flow: float, distance: float, travel: float, more: float
) -> None:
    index = coupling_index(flow, distance, travel)
    assert coupling_index(flow * more, distance, travel) >= index
    assert coupling_index(flow, distance * more, travel) <= index
    assert coupling_index(flow, distance, travel * more) <= index * (1 + 1e-9)


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (60.0, 60.0, True),
        (60.0, 72.0, True),
        (60.0, 73.0, False),
        (60.0, 100.0, True),
        (60.0, 120.0, True),
        (60.0, 150.0, False),
        (60.0, math.inf, True),
    ],
)
def test_cycles_go_together_about_one_to_one_or_two_to_one(
    first: float, second: float, together: bool
) -> None:
    assert are_affine(first, second) is together
    assert are_affine(second, first) is together


def test_near_signals_with_platoons_are_proposed_for_one_cycle() -> None:
    found = propose(*laid())
    assert found.groups == (("A", "B", "C"),)
    assert [pair.signals for pair in found.pairs] == [("A", "B"), ("B", "C")]
    assert all(pair.joined for pair in found.pairs)


@pytest.mark.parametrize(
    ("block_m", "vph", "joined"),
    [
        (SPEED_MPS * (LONGEST_WAY_S - 5.0), 100.0, True),
        (SPEED_MPS * (LONGEST_WAY_S + 5.0), 1800.0, False),
        (200.0, 0.4 * LEAST_PLATOON_VPH, False),
    ],
)
def test_travel_time_and_flow_decide_together(block_m: float, vph: float, joined: bool) -> None:
    network, street = laid("AB", block_m, vph)
    assert [pair.joined for pair in propose(network, street).pairs] == [joined]


def test_cycles_that_do_not_go_together_keep_signals_apart() -> None:
    found = propose(*laid(), cycles_s={"A": 60.0, "B": 60.0, "C": 85.0})
    assert found.groups == (("A", "B"), ("C",))
    assert [pair.affine for pair in found.pairs] == [True, False]


@settings(max_examples=20, deadline=None)
@given(st.sets(st.sampled_from("ABC"), min_size=1), st.floats(100.0, 2000.0))
def test_groups_partition_their_members(members: set[str], block_m: float) -> None:
    found = propose(*laid(block_m=block_m), members)
    assert sorted(name for group in found.groups for name in group) == sorted(members)


@pytest.mark.parametrize("name", ["cologne8", "ingolstadt21", "grid4x4"])
def test_what_is_proposed_is_what_the_optimizer_groups(name: str) -> None:
    network, street = city(name)
    assert propose(network, street).groups == coordination_groups(street, set(street.signals))


@pytest.mark.parametrize("name", ["cologne8", "ingolstadt21", "grid4x4"])
def test_arterials_of_a_city_share_no_leg_and_join_only_what_is_joined(name: str) -> None:
    network, street = city(name)
    found = propose(network, street)
    assert found.arterials
    legs = [
        frozenset(pair)
        for corridor in found.arterials
        for pair in zip(corridor.signals, corridor.signals[1:], strict=False)
    ]
    assert len(legs) == len(set(legs))
    assert set(legs) <= {frozenset(pair.signals) for pair in found.pairs if pair.joined}


def test_a_grid_has_arterials_both_ways() -> None:
    network, street = city("grid4x4")
    found = arterials(network, street)
    assert [len(corridor.signals) for corridor in found] == [4] * 8
    assert {"".join(c.signals) for c in found} >= {"A0A1A2A3"}


def test_without_traffic_from_signal_to_signal_there_is_no_arterial() -> None:
    network = line("AB", 200.0)
    street = build_street(network, line_flows(network, s=100.0), 900)
    assert arterials(network, street) == ()
    assert propose(network, street).groups == (("A",), ("B",))


def test_a_named_corridor_is_laid_out_both_ways() -> None:
    network = street_network("ABCD")
    street = build_street(network, flows(network), 300)
    found = named_corridors(network, street, [NamedCorridor("Half", ("B", "C", "D"))])
    assert found["Half"].signals == ("B", "C", "D")
    assert found["Half"].directions == ("outbound", "inbound")
    assert corridor_along(network, street, ("A", "B", "C", "D")) == strongest_corridor(
        network, street
    )


@pytest.mark.parametrize("signals", [("A", "C"), ("A", "elsewhere"), ("D", "A")])
def test_a_corridor_that_nobody_drives_is_refused(signals: tuple[str, ...]) -> None:
    network = street_network("ABCD")
    street = build_street(network, flows(network), 300)
    with pytest.raises(InfeasibleError, match=r"'Odd'.*no platoon"):
        named_corridors(network, street, [NamedCorridor("Odd", signals)])


def test_proposed_arterials_can_be_named_and_laid_out_again() -> None:
    network, street = city("cologne8")
    proposed = propose(network, street).arterials
    named = as_named(proposed)
    assert len({corridor.name for corridor in named}) == len(proposed)
    again = named_corridors(network, street, named)
    assert [c.signals for c in again.values()] == [c.signals for c in proposed]
