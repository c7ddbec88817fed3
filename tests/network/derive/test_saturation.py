"""Adjustment factors against published values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.derive import saturation as flow
from network.errors import PlanError


def test_lane_width_by_the_metric_formula() -> None:
    """HCM 2000, exhibit 16-7: 1 + (W - 3.6) / 9."""
    assert flow.width_factor(3.6) == 1.0
    assert flow.width_factor(3.3) == pytest.approx(0.967, abs=5e-4)
    assert flow.width_factor(2.4) == pytest.approx(0.867, abs=5e-4)
    assert flow.width_factor(9.0) == flow.width_factor(4.8)


def test_heavy_vehicles_grade_parking_buses_and_area() -> None:
    """HCM 2000, exhibit 16-7."""
    assert flow.heavy_factor(0.05) == pytest.approx(100 / 105)
    assert flow.grade_factor(4.0) == pytest.approx(0.98)
    assert flow.grade_factor(-4.0) == pytest.approx(1.02)
    assert flow.parking_factor(1, 0.0) == pytest.approx(0.9)
    assert flow.parking_factor(2, 20.0) == pytest.approx(0.9)
    assert flow.parking_factor(3, None) == 1.0
    assert flow.bus_factor(2, 10.0) == pytest.approx(0.98)
    assert flow.area_factor(True) == 0.9


def test_lane_utilization() -> None:
    """HCM 2000, equation 16-5: 950 veh/h of which 500 in the busier of two lanes."""
    assert flow.utilization_factor(950.0, 500.0, 2) == pytest.approx(0.95)


def test_turns_in_protected_green() -> None:
    """HCM 2000, exhibit 16-7."""
    assert flow.protected_left_factor(1.0, exclusive=True) == 0.95
    assert flow.protected_left_factor(0.2, exclusive=False) == pytest.approx(1 / 1.01)
    assert flow.right_factor(1.0, True, 1) == 0.85
    assert flow.right_factor(0.2, False, 2) == pytest.approx(0.97)
    assert flow.right_factor(0.2, False, 1) == pytest.approx(0.973)


@pytest.mark.parametrize(
    ("bicycles", "occupied", "factor"), [(0.0, 0.50, 0.50), (175.0, 0.57, 0.43)]
)
def test_right_turns_among_pedestrians_and_bicycles(
    bicycles: float, occupied: float, factor: float
) -> None:
    """FHWA-RD-98-106, chapter 5, table 13, examples 1a and 1b, to the printed hundredth.

    500 pedestrians an hour, greens of 30 s in a cycle of 60 s.
    """
    pedestrian = flow.pedestrian_occupancy(500.0, 60.0, 30.0)
    bicycle = flow.bicycle_occupancy(bicycles, 60.0, 30.0)
    assert pedestrian + bicycle - pedestrian * bicycle == pytest.approx(occupied, abs=0.0051)
    assert flow.crossing_factor(1.0, pedestrian, bicycle) == pytest.approx(factor, abs=0.0051)


def test_crowded_crossings_use_the_second_line() -> None:
    """The same report, section 4.2, step 1."""
    assert flow.pedestrian_occupancy(1000.0, 60.0, 30.0) == pytest.approx(0.6)
    assert flow.pedestrian_occupancy(1e6, 60.0, 30.0) == pytest.approx(0.9)


def test_a_second_receiving_lane_lets_drivers_pass() -> None:
    """The same report, step 3: 1 - 0.6 OCC."""
    assert flow.crossing_factor(1.0, 0.5, receiving_lanes=2) == pytest.approx(0.7)


def test_filtering_against_nobody_is_the_follow_up_time_alone() -> None:
    """HCM 2010, equation 31-100: 3600 / 2.5 s."""
    assert flow.permitted_left_vph(0.0) == pytest.approx(1440.0)
    assert flow.permitted_left_vph(1e-3) == pytest.approx(1440.0, rel=1e-3)


@pytest.mark.parametrize(
    ("opposing", "equivalent"),
    [(1, 1.3), (200, 1.6), (400, 1.9), (600, 2.3), (800, 2.8), (1000, 3.3), (1200, 4.0)],
)
def test_a_permitted_left_turn_is_worth_as_many_cars_as_printed(
    opposing: float, equivalent: float
) -> None:
    """HCM 2000, exhibit C16-3, exclusive lane, to the printed tenth."""
    assert flow.left_equivalent(opposing) == pytest.approx(equivalent, abs=0.051)


@given(st.floats(0, 3000), st.floats(1, 500))
def test_more_opposing_traffic_lets_fewer_through(opposing: float, more: float) -> None:
    assert flow.permitted_left_vph(opposing + more) < flow.permitted_left_vph(opposing)


@given(st.floats(0, 1), st.floats(0, 2000), st.floats(5, 100), st.floats(0, 1))
def test_a_permitted_left_factor_is_a_part_and_keeps_the_sneakers(
    share: float, opposing: float, green_s: float, unblocked: float
) -> None:
    factor = flow.permitted_left_factor(share, opposing, green_s, unblocked * green_s)
    assert min(1.0, 2.0 * (1.0 + share) / green_s) - 1e-9 <= factor <= 1.0


def test_base_conditions_carry_the_base_flow() -> None:
    assert flow.saturation_vph(flow.LaneGroup(lanes=3)) == pytest.approx(5700.0)


def test_factors_multiply() -> None:
    """HCM 2000, equation 16-4, worked by hand from the factors above."""
    group = flow.LaneGroup(
        lanes=2,
        lane_width_m=3.3,
        heavy_share=0.05,
        grade_percent=4.0,
        parking_ph=20.0,
        buses_ph=10.0,
        central=True,
        utilization=0.95,
        right_share=0.2,
    )
    parts = (1900, 2, 1 - 0.3 / 9, 1 / 1.05, 0.98, 0.9, 0.98, 0.9, 0.95, 0.97)
    assert flow.saturation_vph(group) == pytest.approx(math.prod(parts))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: flow.width_factor(2.0),
        lambda: flow.width_factor(math.nan),
        lambda: flow.heavy_factor(1.2),
        lambda: flow.grade_factor(20.0),
        lambda: flow.parking_factor(1, -1.0),
        lambda: flow.bus_factor(1, math.inf),
        lambda: flow.utilization_factor(900.0, 400.0, 2),
        lambda: flow.permitted_left_vph(-1.0),
        lambda: flow.permitted_left_factor(0.5, 100.0, 0.0, 0.0),
        lambda: flow.LaneGroup(lanes=0),
    ],
)
def test_impossible_conditions_are_refused(wrong) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PlanError):
        wrong()
