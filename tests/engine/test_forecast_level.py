"""The level of a day: told by all counters together, followed, and let fade."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.forecast.level import FADE_H, LevelScatter, day_levels, follow_level, level_scatter
from network.errors import CountError

STEP_S = 300
USUAL = np.full((12, 30), 8.0)


def test_a_level_seen_by_many_counters_is_soon_believed() -> None:
    found = follow_level(1.2 * USUAL, USUAL, STEP_S, LevelScatter(), 0)
    assert found[-1] == pytest.approx(1.2, abs=0.03)
    assert (np.diff(found) > 0).all()


def test_one_counter_is_believed_less_than_many() -> None:
    many = follow_level(1.2 * USUAL, USUAL, STEP_S, LevelScatter(), 0)
    one = follow_level(1.2 * USUAL[:, :1], USUAL[:, :1], STEP_S, LevelScatter(), 0)
    assert 1.0 < one[-1] < 1.0 + 0.6 * (many[-1] - 1.0)


def test_the_level_fades_toward_the_usual() -> None:
    found = follow_level(0.7 * USUAL, USUAL, STEP_S, LevelScatter(), 12 * 24)[11:]
    assert (np.diff(found) > 0).all()
    left = np.log(found) / np.log(found[0])
    assert left[12] == pytest.approx(np.exp(-1.0 / FADE_H))
    assert left[-1] < 0.15


def test_silent_counters_say_nothing() -> None:
    seen = 1.2 * USUAL
    seen[:, 10:] = np.nan
    some = follow_level(seen, USUAL, STEP_S, LevelScatter(), 3)
    alone = follow_level(seen[:, :10], USUAL[:, :10], STEP_S, LevelScatter(), 3)
    np.testing.assert_allclose(some, alone)
    nothing = follow_level(np.full_like(USUAL, np.nan), USUAL, STEP_S, LevelScatter(), 3)
    np.testing.assert_array_equal(nothing, np.ones(15))


def test_a_street_without_a_vehicle_has_a_small_level_above_zero() -> None:
    found = follow_level(np.zeros_like(USUAL), USUAL, STEP_S, LevelScatter(), 2)
    assert np.isfinite(found).all()
    assert 0.0 < found[11] < 0.6


def test_levels_of_days_are_found_where_counts_are_missing() -> None:
    days = USUAL * np.array([0.8, 1.0, 1.2])[:, None, None]
    days[0, 5:] = np.nan
    found = day_levels(days)
    assert found.mean() == pytest.approx(1.0)
    assert (np.diff(found) > 0.1).all()


def test_days_alike_scatter_less_than_is_usual_and_wild_ones_more() -> None:
    rng = np.random.default_rng(2)
    calm = level_scatter(rng.poisson(np.broadcast_to(USUAL, (6, *USUAL.shape))).astype(float))
    factor = np.exp(rng.normal(0.0, 0.3, 6))[:, None, None]
    wild = level_scatter(rng.poisson(factor * USUAL).astype(float))
    assert calm.sd < LevelScatter().sd < wild.sd
    # Independent Poisson counts: the variance of the sum is its mean.
    assert 0.8 < calm.dispersion < 2.5


def test_a_single_day_leaves_what_is_usual() -> None:
    assert level_scatter(USUAL[None]) == LevelScatter()


def test_unequal_shapes_are_refused() -> None:
    with pytest.raises(CountError, match="allowed are equal"):
        follow_level(USUAL, USUAL[:, :3], STEP_S, LevelScatter(), 1)


def test_scatter_of_nothing_is_refused() -> None:
    with pytest.raises(CountError, match="above 0"):
        LevelScatter(sd=0.0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 2000), min_size=1, max_size=20), st.floats(0.01, 100.0))
def test_levels_are_numbers_above_zero(counts: list[int], usual: float) -> None:
    seen = np.array(counts, dtype=np.float64)[:, None]
    found = follow_level(seen, np.full_like(seen, usual), STEP_S, LevelScatter(), 5)
    assert np.isfinite(found).all()
    assert (found > 0.0).all()
