"""Walk and clearance from the crossing's length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.derive.geometry import legs
from network.derive.pedestrians import crossing_m, walk_times
from network.derive.practice import Practice
from tests.network.derive.corners import FOUR, corner

FOOT = 0.3048


def test_sixty_feet_take_eighteen_seconds() -> None:
    """MUTCD 2009, section 4E.06: 60 ft at 3.5 ft/s is 17.1 s, whole seconds up."""
    times = walk_times(60 * FOOT, Practice())
    assert (times.walk_s, times.clear_s) == (7, 18)


@given(st.floats(2, 60))
def test_both_walking_speeds_reach_the_far_side(length_m: float) -> None:
    practice = Practice()
    times = walk_times(length_m, practice)
    assert times.walk_s >= 7
    assert times.clear_s * practice.walking_mps >= length_m - 1e-4
    both_m = (times.walk_s + times.clear_s) * practice.slow_walking_mps
    assert both_m >= length_m + practice.button_m - 1e-4


def test_a_slower_pace_can_be_chosen() -> None:
    assert walk_times(20.0, Practice(walking_mps=1.0, slow_walking_mps=0.9)).clear_s == 20


def test_a_crossing_is_as_long_as_the_lanes_of_its_leg() -> None:
    network, _ = corner(FOUR)
    east = next(leg for leg in legs(network, "X") if leg.links_in == ("in0",))
    assert crossing_m(network, east, Practice(lane_width_m=3.5)) == pytest.approx(5 * 3.5)
    assert crossing_m(network, east, Practice(median_m=2.0)) == pytest.approx(5 * 3.6 + 2.0)
