"""Yellow, red and least greens against published figures, and their bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.derive.clearance import (
    min_green_s,
    red_clear_ds,
    red_clearance_s,
    rounded_ds,
    yellow_change_s,
    yellow_ds,
)
from network.derive.practice import Practice
from network.errors import PlanError

MPH, FOOT = 0.44704, 0.3048
FEET = Practice(deceleration_mps2=10 * FOOT, vehicle_m=16 * FOOT, start_delay_s=0.0)


@pytest.mark.parametrize(("mph", "grade_percent"), [(25, 0), (45, 0), (55, 0), (45, -4), (35, 6)])
def test_yellow_as_a_state_prints_it(mph: float, grade_percent: float) -> None:
    """Maryland, COMAR 11.04.14.03: 1.0 + 0.733 S / (D + 0.32 G), in mph, ft/s2 and percent."""
    printed_s = 1.0 + 0.733 * mph / (10.0 + 0.32 * grade_percent)
    yellow_s = yellow_change_s(mph * MPH, FEET, grade_percent=grade_percent)
    assert yellow_s == pytest.approx(printed_s, abs=0.02)


def test_a_worked_example_uphill() -> None:
    """45 mph, 4 % up, 60 ft wide, 16 ft long, red at 35 mph: 3.93 s and 1.477 s.

    Worked after Roess, Prassas and McShane, Traffic Engineering (the pages at
    qammunity.org/6146596 print it); 1.47 ft/s for a mile per hour there.
    """
    assert yellow_change_s(45 * MPH, FEET, grade_percent=4.0) == pytest.approx(3.93, abs=0.01)
    assert red_clearance_s(60 * FOOT, 35 * MPH, FEET) == pytest.approx(1.477, abs=0.005)


@given(st.floats(3, 40))
def test_a_turn_at_full_speed_needs_the_plain_formula(speed_mps: float) -> None:
    """ITE Journal, March 2020, page 37: equal speeds give the kinematic equation."""
    plain = yellow_change_s(speed_mps, FEET)
    assert yellow_change_s(speed_mps, FEET, entry_mps=speed_mps) == pytest.approx(plain)


def test_a_turn_from_a_stop_takes_the_whole_time_to_stop() -> None:
    """The same page, equation 13: t + v / a."""
    assert yellow_change_s(20.0, FEET, entry_mps=0.0) == pytest.approx(1.0 + 20.0 / 3.048)


@given(st.floats(1, 60), st.floats(-30, 30), st.floats(0, 200))
def test_controllers_hold_three_to_six_seconds_of_yellow_and_up_to_six_of_red(
    speed_mps: float, grade_percent: float, width_m: float
) -> None:
    practice = Practice()
    assert 30 <= yellow_ds(speed_mps, practice, grade_percent=grade_percent) <= 60
    assert 10 <= red_clear_ds(width_m, speed_mps, practice) <= 60


@given(st.floats(3.0, 6.0))
def test_tenths_are_rounded_up(value_s: float) -> None:
    tenths = rounded_ds(value_s, 3.0, 6.0)
    assert tenths / 10 >= value_s - 1e-6
    assert tenths / 10 < value_s + 0.1 + 1e-6


def test_whole_tenths_stay_and_coarse_steps_round_further() -> None:
    assert rounded_ds(4.3, 3.0, 6.0) == 43
    assert rounded_ds(4.3, 3.0, 6.0, step_ds=10) == 50


def test_least_greens_follow_the_kind_of_movement() -> None:
    practice = Practice(major_green_s=12, minor_green_s=6, left_green_s=4)
    assert min_green_s(True, True, practice) == 4
    assert min_green_s(False, True, practice) == 12
    assert min_green_s(False, False, practice) == 6


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("deceleration_mps2", 0.0),
        ("reaction_s", float("nan")),
        ("walking_mps", -1.0),
        ("shortest_yellow_s", 2.9),
        ("longest_yellow_s", 6.1),
        ("longest_red_s", 7.0),
        ("walk_s", 3),
        ("shortest_cycle_s", 200),
        ("lane_width_m", float("inf")),
    ],
)
def test_impossible_practice_is_refused(name: str, value: float) -> None:
    with pytest.raises(PlanError, match="practice"):
        Practice(**{name: value})
