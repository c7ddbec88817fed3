"""Who crosses whom, who yields, and which sets may have green together."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from network.derive.conflicts import Conflicts, compatible_sets
from network.derive.geometry import approaches
from network.errors import TopologyError
from tests.network import streets
from tests.network.derive.corners import (
    EAST,
    FOUR,
    NORTH,
    SOUTH,
    WEST,
    corner,
    network_of,
)

THROUGH_N, LEFT_N, RIGHT_N = "in270_0>out90_0", "in270_1>out180_0", "in270_0>out0_0"
THROUGH_S, LEFT_S, RIGHT_S = "in90_0>out270_0", "in90_1>out0_0", "in90_0>out180_0"
THROUGH_E = "in180_0>out0_0"


def conflicts_of(**drawn: bool) -> Conflicts:
    network, signal = corner(FOUR, **drawn)
    return Conflicts(network, signal, approaches(network, signal))


@pytest.mark.parametrize("right_of_way", [True, False])
@pytest.mark.parametrize(
    ("one", "other", "crosses"),
    [
        (THROUGH_N, THROUGH_E, True),
        (THROUGH_N, LEFT_S, True),
        (THROUGH_N, THROUGH_S, False),
        (LEFT_N, LEFT_S, False),
        (RIGHT_N, LEFT_S, True),
        (RIGHT_N, THROUGH_E, True),
        (THROUGH_N, LEFT_N, False),
        (RIGHT_N, RIGHT_S, False),
    ],
)
def test_ways_cross_as_drawn(one: str, other: str, crosses: bool, right_of_way: bool) -> None:
    conflicts = conflicts_of(right_of_way=right_of_way)
    assert conflicts.cross(one, other) is crosses
    assert conflicts.cross(other, one) is crosses


def test_a_left_turn_yields_to_what_it_meets_and_crossing_streets_to_nobody() -> None:
    conflicts = conflicts_of()
    assert conflicts.yielding(LEFT_S, THROUGH_N) == LEFT_S
    assert conflicts.yielding(RIGHT_N, LEFT_S) == LEFT_S
    assert conflicts.yielding(THROUGH_N, THROUGH_E) is None


def test_a_left_turn_with_priority_may_not_be_made_to_yield() -> None:
    network, signal = corner(FOUR)
    turned = [
        replace(
            c,
            yields_to={LEFT_S: frozenset[str](), THROUGH_N: frozenset({LEFT_S})}.get(
                c.connection_id, c.yields_to
            ),
        )
        for c in signal.connections
    ]
    network = network_of(network.links, turned)
    signal = network.signals["X"]
    conflicts = Conflicts(network, signal, approaches(network, signal))
    assert conflicts.yielding(LEFT_S, THROUGH_N) is None


def test_ways_of_one_lane_are_one_unit() -> None:
    units = {unit.ways for unit in conflicts_of().units()}
    assert (RIGHT_N, THROUGH_N) in units
    assert (LEFT_N,) in units


@pytest.mark.parametrize("permissive", [True, False])
def test_compatible_sets_are_lawful_and_hold_no_more(permissive: bool) -> None:
    conflicts = conflicts_of()
    units = conflicts.units()
    found = compatible_sets(conflicts, permissive)
    assert len(set(found)) == len(found)
    assert {unit.ways for part in found for unit in part} == {unit.ways for unit in units}
    for part in found:
        assert all(conflicts.compatible(a, b, permissive) for a, b in combinations(part, 2))
        for unit in units:
            assert unit in part or not all(
                conflicts.compatible(unit, member, permissive) for member in part
            )


def test_a_plain_crossing_has_the_eight_pairs_of_the_dual_ring() -> None:
    """Between two barriers either phase of ring 1 goes with either of ring 2."""
    network, signal = corner(
        {EAST: ("s", "l"), NORTH: ("s", "l"), WEST: ("s", "l"), SOUTH: ("s", "l")}
    )
    conflicts = Conflicts(network, signal, approaches(network, signal))
    found = compatible_sets(conflicts, permissive=False)
    assert len(found) == 8
    assert {len(part) for part in found} == {2}


def test_too_many_sets_are_refused() -> None:
    with pytest.raises(TopologyError, match="more than 3 compatible sets"):
        compatible_sets(conflicts_of(), permissive=False, at_most=3)


@pytest.mark.parametrize("name", streets.ALL)
def test_the_foes_of_real_networks_are_kept(name: str) -> None:
    network = streets.network(name)
    for signal in network.signals.values():
        if not signal.movements:
            continue
        conflicts = Conflicts(network, signal, approaches(network, signal))
        for way in conflicts.ways.values():
            assert way.foes & conflicts.ways.keys() <= conflicts.foes(way.connection_id)
