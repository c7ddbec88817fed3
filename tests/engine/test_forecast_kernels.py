"""Every kernel of the forecaster against its plain twin."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.forecast import kernels
from engine.forecast.correction import OWN_ROWS, moving_rates
from engine.forecast.kernels import FACTORS, FEATURES
from tests.reference import forecast_twin as twin

Floats = NDArray[np.float64]
CASES = ("random", "silent", "empty", "extreme")


def drawn(case: str, seed: int = 5) -> tuple[np.random.Generator, int, Floats]:
    rng = np.random.default_rng(seed)
    n = 0 if case == "empty" else 7
    values = rng.normal(size=n)
    if case == "silent":
        values[rng.uniform(size=n) < 0.6] = np.nan
    if case == "extreme":
        values *= 1e8
        values[0] = np.nan
    return rng, n, values


@pytest.mark.parametrize("case", CASES)
def test_observing_an_interval_is_as_its_twin_says(case: str) -> None:
    rng, n, residual = drawn(case)
    loading = rng.normal(size=(n, 2))
    neighbors = rng.integers(-1, max(n, 1), (n, 3))
    share = rng.uniform(size=(n, 3))
    factors, x = rng.normal(size=(FACTORS, 2)), rng.normal(size=(FEATURES, n))
    start = kernels.MEAN, kernels.MEAN + kernels.MEANS
    x[start[0] : start[1]] = x[start[0] : start[1], :1]
    rates = moving_rates(300)
    expected = twin.observe(residual, 0.9, loading, neighbors, share, rates, factors, x)
    kernels.observe(residual, 0.9, loading, neighbors, share, rates, factors, x)
    np.testing.assert_allclose(factors, expected[0], atol=1e-12)
    np.testing.assert_allclose(x, expected[1], atol=1e-12)


def test_many_intervals_are_one_after_the_other() -> None:
    rng = np.random.default_rng(6)
    residuals = rng.normal(size=(9, 4))
    residuals[rng.uniform(size=residuals.shape) < 0.2] = np.nan
    loading, rates = rng.normal(size=(4, 1)), moving_rates(900)
    neighbors, share = np.array([[1], [0], [-1], [2]]), np.ones((4, 1))
    factors, x = np.zeros((FACTORS, 1)), np.zeros((FEATURES, 4))
    kept = np.empty((2, 4, FEATURES))
    rows = np.array([3, 8])
    kernels.observe_many(
        residuals, 0.9, loading, neighbors, share, rates, factors.copy(), x.copy(), rows, kept
    )
    for t, row in enumerate(residuals):
        factors, x = twin.observe(row, 0.9, loading, neighbors, share, rates, factors, x)
        if t == 3:
            np.testing.assert_allclose(kept[0].T, x, atol=1e-12)
    np.testing.assert_allclose(kept[1].T, x, atol=1e-12)


@pytest.mark.parametrize("n", [0, 1, 7, 1100])
def test_foreseeing_is_as_its_twin_says(n: int) -> None:
    rng = np.random.default_rng(7)
    x, pooled = rng.normal(size=(FEATURES, n)), rng.normal(size=(3, FEATURES))
    own, scale = rng.normal(size=(3, OWN_ROWS.size, n)), rng.uniform(0.5, 2, n)
    profiles = rng.normal(size=(2, 5, n))
    kinds, slots = np.array([0, 1, 1]), np.array([4, 0, 1])
    out = np.empty((3, n))
    kernels.foresee(x, pooled, OWN_ROWS, own, scale, profiles, kinds, slots, out)
    expected = twin.foresee(x, pooled, OWN_ROWS, own, scale, profiles[kinds, slots])
    np.testing.assert_allclose(out, expected, atol=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_limits_move_as_their_twin_says(case: str) -> None:
    rng, n, z = drawn(case)
    levels = np.array([0.1, 0.5, 0.9])
    limits = np.sort(rng.normal(size=(2, 3, 3)), axis=2)
    made = rng.normal(size=(2, 2, n))
    made[1, 1] = np.nan
    scale, edges = rng.uniform(0.5, 2, n), np.array([-0.3, 0.4])
    expected = twin.calibrate(z, made, 5, scale, edges, levels, 0.2, range(1, n, 2), limits)
    kernels.calibrate(z, made, 5, scale, edges, levels, 0.2, 1, 2, limits)
    np.testing.assert_allclose(limits, expected, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_day_types_score_as_their_twin_says(case: str) -> None:
    rng, n, z = drawn(case)
    profiles, active = rng.normal(size=(3, 2, n)), rng.normal(size=n)
    kinds, scale = np.array([2, 0]), rng.uniform(0.5, 2, n)
    scores = np.ones(2)
    kernels.type_scores(z, active, profiles, kinds, 1, scale, scores)
    expected = 1 + twin.type_scores(z, active, profiles, kinds, 1, scale)
    np.testing.assert_allclose(scores, expected, atol=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_days_add_up_as_their_twin_says(case: str) -> None:
    rng, n, _ = drawn(case)
    z = np.stack([drawn(case, seed)[2] for seed in range(6)])
    day, slot = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 0, 1, 2])
    kind, weight = np.array([1, 0]), np.array([0.5, 0.0 if case == "silent" else 1.0])
    sums = rng.uniform(size=(2, 2, 3, n))
    expected = twin.add_days(z, day, slot, kind, weight, sums)
    kernels.add_days(z, day, slot, kind, weight, sums)
    np.testing.assert_allclose(sums, expected)


@pytest.mark.parametrize("slots", [1, 3, 7, 8])
def test_smoothing_the_day_is_as_its_twin_says(slots: int) -> None:
    rng = np.random.default_rng(8)
    values = rng.normal(size=(2, slots, 5))
    kernel = rng.uniform(size=2 * ((slots - 1) // 2) + 1)
    out = np.empty_like(values)
    kernels.smooth_circle(values, kernel, out)
    np.testing.assert_allclose(out, twin.smooth_circle(values, kernel), atol=1e-12)


@pytest.mark.parametrize("least", [np.inf, 0.1])
@pytest.mark.parametrize("case", CASES)
def test_normal_equations_are_as_their_twin_says(case: str, least: float) -> None:
    rng, n, _ = drawn(case)
    goal = np.stack([drawn(case, seed)[2] for seed in range(6)])
    table, used = rng.normal(size=(6, n, 4)), rng.uniform(size=(6, n))
    weights, gram, side = rng.normal(size=4), np.empty((4, 4)), np.empty(4)
    total = kernels.normal_equations(table, goal, used, weights, least, gram, side)
    expected = twin.normal_equations(table, goal, used, weights, least)
    np.testing.assert_allclose(total, expected[0], atol=1e-12)
    np.testing.assert_allclose(gram, expected[1], atol=1e-9)
    np.testing.assert_allclose(side, expected[2], atol=1e-9)


def test_limits_hold_for_counts_and_not_for_intervals() -> None:
    """Crowded intervals scatter twice as much; where each interval weighs alike, 80 % is missed."""
    rng = np.random.default_rng(9)
    limits, levels = np.array([[[-2.5, 2.5]]]), np.array([0.1, 0.9])
    inside, counted = 0, 0
    for t in range(4000):
        n = 40 if t % 2 else 2
        z = rng.normal(0, 2.0 if t % 2 else 1.0, n)
        inside += int(((z > limits[0, 0, 0]) & (z <= limits[0, 0, 1])).sum())
        counted += n
        made, scale = np.zeros((1, 1, n)), np.ones(n)
        kernels.calibrate(z, made, t, scale, np.zeros(0), levels, 0.002, 0, 1, limits)
    assert inside / counted == pytest.approx(0.8, abs=0.005)
