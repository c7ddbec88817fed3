"""Delay formulas against cases worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.measures.delay import (
    incremental_delay_s,
    optimal_cycle_s,
    random_delay_s,
    uniform_delay_s,
)


@pytest.mark.parametrize(("cycle_s", "green_s", "saturation", "expected_s"), [
    # HCM 2000, equation 16-11: d1 = 0.5 C (1 - g/C)^2 / (1 - min(1, X) g/C)
    # 0.5 * 90 * (1 - 0.4)^2 / (1 - 0.8 * 0.4) = 45 * 0.36 / 0.68 = 16.2 / 0.68
    (90.0, 36.0, 0.8, 23.8235),
    # 0.5 * 60 * (1 - 0.5)^2 / (1 - 0.5 * 0.5) = 30 * 0.25 / 0.75
    (60.0, 30.0, 0.5, 10.0),
    # 0.5 * 120 * (1 - 0.25)^2 / (1 - 0.9 * 0.25) = 60 * 0.5625 / 0.775 = 33.75 / 0.775
    (120.0, 30.0, 0.9, 43.5484),
    # X above 1 counts as 1: 0.5 * 100 * 0.7^2 / 0.7 = 50 * 0.7, half the red
    (100.0, 30.0, 1.4, 35.0),
    # No traffic: 0.5 * 80 * 0.75^2
    (80.0, 20.0, 0.0, 22.5),
])  # fmt: skip
def test_uniform_delay_of_hand_worked_cases(
    cycle_s: float, green_s: float, saturation: float, expected_s: float
) -> None:
    assert uniform_delay_s(cycle_s, green_s, saturation) == pytest.approx(expected_s, abs=5e-5)


def test_uniform_delay_of_endless_green_is_zero() -> None:
    assert uniform_delay_s(60.0, 60.0, 0.7) == 0.0
    assert uniform_delay_s(60.0, 60.0, 1.0) == 0.0


@pytest.mark.parametrize(("saturation", "capacity_vph", "period_h", "expected_s"), [
    # HCM 2000, equation 16-12 with k = 0.5 and I = 1:
    # d2 = 900 T [(X - 1) + sqrt((X - 1)^2 + 4 X / (c T))]
    # X = 0.8, c = 800, T = 0.25: 4 * 0.8 / 200 = 0.016; sqrt(0.04 + 0.016) = 0.2366432;
    # 225 * (-0.2 + 0.2366432) = 225 * 0.0366432
    (0.8, 800.0, 0.25, 8.24472),
    # X = 1, c = 900, T = 0.25: 4 / 225 = 0.0177778; root 0.1333333; 225 * 0.1333333
    (1.0, 900.0, 0.25, 30.0),
    # X = 1.2, c = 600, T = 0.25: 4.8 / 150 = 0.032; sqrt(0.04 + 0.032) = 0.2683282;
    # 225 * 0.4683282
    (1.2, 600.0, 0.25, 105.37384),
    # X = 0.9, c = 1600, T = 1: 3.6 / 1600 = 0.00225; sqrt(0.01 + 0.00225) = 0.1106797;
    # 900 * 0.0106797
    (0.9, 1600.0, 1.0, 9.61175),
])  # fmt: skip
def test_incremental_delay_of_hand_worked_cases(
    saturation: float, capacity_vph: float, period_h: float, expected_s: float
) -> None:
    found = incremental_delay_s(saturation, capacity_vph, period_h)
    assert found == pytest.approx(expected_s, abs=1e-3)


def test_filtered_arrivals_wait_less() -> None:
    # I = 0.5: 2 * 0.8 / 200 = 0.008; sqrt(0.04 + 0.008) = 0.2190890; 225 * 0.0190890
    assert incremental_delay_s(0.8, 800.0, 0.25, 0.5) == pytest.approx(4.29503, abs=1e-3)


def test_no_traffic_has_no_incremental_delay() -> None:
    assert incremental_delay_s(0.0, 800.0, 0.25) == 0.0


@pytest.mark.parametrize(("lost_s", "ratio", "expected_s"), [
    # Webster 1958: (1.5 L + 5) / (1 - Y). L = 10, Y = 0.6: 20 / 0.4
    (10.0, 0.6, 50.0),
    # L = 12, Y = 0.75: 23 / 0.25
    (12.0, 0.75, 92.0),
    # L = 8, Y = 0: 17
    (8.0, 0.0, 17.0),
])  # fmt: skip
def test_optimal_cycle_of_hand_worked_cases(lost_s: float, ratio: float, expected_s: float) -> None:
    assert optimal_cycle_s(lost_s, ratio) == pytest.approx(expected_s, rel=1e-12)


@pytest.mark.parametrize("ratio", [1.0, 1.3])
def test_no_cycle_is_long_enough_for_oversaturation(ratio: float) -> None:
    assert optimal_cycle_s(12.0, ratio) == math.inf


def random_one(saturation: float, capacity_vph: float, period_h: float) -> float:
    capacity_veh = np.array([capacity_vph * period_h])
    return float(random_delay_s(saturation * capacity_veh, capacity_veh, 3600.0 * period_h)[0])


@given(st.floats(0.01, 1.0), st.floats(50.0, 4000.0), st.floats(0.1, 4.0))
def test_undersaturated_randomness_is_all_of_the_incremental_delay(
    saturation: float, capacity_vph: float, period_h: float
) -> None:
    expected_s = incremental_delay_s(saturation, capacity_vph, period_h)
    assert random_one(saturation, capacity_vph, period_h) == pytest.approx(
        expected_s, rel=1e-6, abs=1e-7
    )


@given(st.floats(1.0, 3.0), st.floats(50.0, 4000.0), st.floats(0.1, 4.0))
def test_oversaturated_randomness_leaves_the_growing_queue_out(
    saturation: float, capacity_vph: float, period_h: float
) -> None:
    """A queue that grows by (X - 1) c for T costs each arrival 1800 T (X - 1) s."""
    growing_s = 1800.0 * period_h * (saturation - 1.0)
    expected_s = incremental_delay_s(saturation, capacity_vph, period_h) - growing_s
    assert random_one(saturation, capacity_vph, period_h) == pytest.approx(
        expected_s, rel=1e-6, abs=1e-6
    )


@given(st.floats(0.0, 1e5), st.floats(0.0, 1e5), st.floats(1.0, 1e5))
def test_randomness_is_finite_and_never_negative(
    volume_veh: float, capacity_veh: float, period_s: float
) -> None:
    found = random_delay_s(np.array([volume_veh]), np.array([capacity_veh]), period_s)
    assert np.isfinite(found).all()
    assert (found >= 0.0).all()


def test_randomness_is_largest_at_saturation_and_zero_without_traffic() -> None:
    capacity = np.full(5, 200.0)
    found = random_delay_s(np.array([0.0, 100.0, 200.0, 300.0, 400.0]), capacity, 900.0)
    assert found[0] == 0.0
    assert found.argmax() == 2


def test_longer_green_never_waits_longer() -> None:
    waits = [uniform_delay_s(90.0, green, 0.6) for green in range(5, 91, 5)]
    assert waits == sorted(waits, reverse=True)
