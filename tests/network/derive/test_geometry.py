"""Headings, turns, opposite approaches and legs, from shapes alone."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.derive.geometry import (
    approaches,
    heading_deg,
    leg_beside,
    legs,
    opposing,
    turned_deg,
)
from network.inventory import TurnKind
from tests.network.derive.corners import EAST, FOUR, NORTH, SOUTH, WEST, corner, point


def test_a_heading_is_that_of_the_last_stretch() -> None:
    bent = ((0.0, 0.0), (100.0, 0.0), (100.0, 30.0))
    assert heading_deg(bent) == pytest.approx(90.0)
    assert heading_deg(bent, at_end=False) == pytest.approx(0.0)


def test_a_heading_looks_past_a_hook_at_the_stop_line() -> None:
    hooked = ((0.0, 0.0), (100.0, 0.0), (100.0, 1.0))
    assert abs(heading_deg(hooked)) < 5.0


@pytest.mark.parametrize("shape", [(), ((1.0, 2.0),), ((1.0, 2.0), (1.0, 2.0))])
def test_a_shape_without_length_has_no_heading(shape: tuple[tuple[float, float], ...]) -> None:
    assert math.isnan(heading_deg(shape))


@given(st.floats(-720, 720), st.floats(-720, 720))
def test_a_turn_lies_within_half_a_circle_and_leads_to_the_second_heading(
    first: float, second: float
) -> None:
    turned = turned_deg(first, second)
    assert -180.0 <= turned <= 180.0
    assert math.cos(math.radians(first + turned)) == pytest.approx(
        math.cos(math.radians(second)), abs=1e-6
    )


@given(st.floats(0, 360))
def test_a_heading_turns_with_the_street(bearing: float) -> None:
    heading = heading_deg((point(bearing, 200.0), point(bearing, 10.0)))
    assert abs(turned_deg(heading, bearing + 180.0)) == pytest.approx(0.0, abs=1e-6)


def test_a_crossing_has_left_through_and_right_by_geometry() -> None:
    network, signal = corner(FOUR)
    kinds = {
        turn.movement.movement_id: turn.kind
        for approach in approaches(network, signal)
        for turn in approach.turns
    }
    assert kinds["in270>out90"] is TurnKind.THROUGH
    assert kinds["in270>out180"] is TurnKind.LEFT
    assert kinds["in270>out0"] is TurnKind.RIGHT


def test_a_turn_back_into_the_same_street_is_a_u_turn() -> None:
    network, signal = corner({EAST: ("s", "tl"), WEST: ("s",), SOUTH: ("lr",)})
    found = {a.link.link_id: a for a in approaches(network, signal)}
    kinds = {t.movement.to_link: t.kind for t in found["in0"].turns}
    assert kinds["out0"] is TurnKind.U_TURN


def test_opposite_approaches_are_paired_and_a_stem_is_not() -> None:
    network, signal = corner({EAST: ("s",), WEST: ("s",), SOUTH: ("l", "r")})
    assert opposing(approaches(network, signal)) == {"in0": "in180", "in180": "in0"}


def test_of_three_the_most_opposite_two_are_paired() -> None:
    network, signal = corner({EAST: ("s",), 150.0: ("s",), WEST: ("s",)})
    assert opposing(approaches(network, signal)) == {"in0": "in180", "in180": "in0"}


def test_a_leg_has_both_directions_of_its_street() -> None:
    network, _ = corner(FOUR)
    found = {
        round(leg.bearing_deg) % 360: (leg.links_in, leg.links_out) for leg in legs(network, "X")
    }
    assert found == {b: ((f"in{b}",), (f"out{b}",)) for b in (0, 90, 180, 270)}


def test_the_leg_on_the_right_hand_is_found_and_may_be_missing() -> None:
    network, signal = corner({EAST: ("rs",), WEST: ("s",), NORTH: ("r",)})
    found = {a.link.link_id: a for a in approaches(network, signal)}
    around = legs(network, "X")
    right = leg_beside(found["in0"], around)
    assert right is not None
    assert right.links_in == ("in90",)
    assert leg_beside(found["in180"], around) is None
    left = leg_beside(found["in180"], around, right=False)
    assert left is not None
    assert left.links_in == ("in90",)
