"""Profile, intervals and day types on counts whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.forecast.correction import find_neighbors, given_neighbors, scatter
from engine.forecast.daytype import NO_RULE, DayTypeRule, candidates
from engine.forecast.history import History, choose_settings
from engine.forecast.intervals import LEVELS, fit_limits, limits_at, plain_limits
from engine.forecast.profile import (
    ProfileSettings,
    common_shapes,
    from_root,
    make_profiles,
    smooth,
    to_root,
    without_day,
)
from network.errors import CountError


def weeks(days: int, detectors: int, seed: int = 3) -> tuple[History, np.ndarray]:
    rng = np.random.default_rng(seed)
    hour = np.arange(24)
    base = 30 + 25 * np.sin((hour - 8) / 24 * 2 * np.pi)[:, None] * rng.uniform(0.5, 1, detectors)
    week = np.array([1.0, 1.0, 1.0, 1.05, 1.1, 0.7, 0.5])
    mean = np.concatenate([base * week[day % 7] for day in range(days)])
    day = np.repeat(np.arange(days), 24)
    history = History(
        to_root(rng.poisson(mean).astype(float)),
        day,
        np.tile(hour, days),
        np.arange(days) % 7,
        3600,
        24,
    )
    return history, mean


@given(st.floats(0, 1e9))
def test_counts_come_back_from_the_root_scale(count: float) -> None:
    assert from_root(to_root(np.array([count])))[0] == pytest.approx(count, rel=1e-9, abs=1e-9)


def test_smoothing_keeps_the_sum_of_a_day() -> None:
    values = np.random.default_rng(1).uniform(size=(24, 3))
    np.testing.assert_allclose(smooth(values, 2.0).sum(axis=0), values.sum(axis=0))


def test_smoothing_no_wider_than_the_day_is_asked_for_changes_nothing_flat() -> None:
    np.testing.assert_allclose(smooth(np.ones((4, 2)), 100.0), 1.0)


def test_the_profile_comes_closer_to_the_truth_than_the_mean_of_weekdays() -> None:
    history, mean = weeks(21, 12)
    settings = choose_settings(history)
    profiles = make_profiles(history.sums(settings.half_life_days), settings, 3600)
    found = from_root(profiles.z[history.kinds[history.day], history.slot])
    counts = from_root(history.z)
    plain = counts.reshape(3, 7 * 24, 12).mean(axis=0)
    assert np.abs(found - mean).mean() < 0.8 * np.abs(np.tile(plain, (3, 1)) - mean).mean()


def test_a_day_left_out_leaves_no_trace_in_its_own_profile() -> None:
    history, _ = weeks(14, 4)
    settings = ProfileSettings(rank=0)
    sums = history.sums(float("inf"))
    before = sums.copy()
    found = without_day(
        sums, history.day_sums(3, float("inf")), 3, settings, 3600, np.zeros((4, 0))
    )
    other = History(
        np.where((history.day == 3)[:, None], np.nan, history.z),
        history.day,
        history.slot,
        history.kinds,
        3600,
        24,
    )
    expected = make_profiles(other.sums(float("inf")), settings, 3600).z[3]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_allclose(sums, before, atol=1e-9)


def test_profiles_of_types_never_seen_are_finite() -> None:
    history, _ = weeks(2, 3)
    profiles = make_profiles(history.sums(float("inf")), ProfileSettings(), 3600)
    assert np.isfinite(profiles.z).all()


def test_shared_shapes_are_the_same_by_either_product() -> None:
    rng = np.random.default_rng(2)
    stack = rng.normal(size=(40, 6)) @ rng.normal(size=(6, 9))
    shapes = common_shapes(stack, 6)
    np.testing.assert_allclose(stack @ shapes @ shapes.T, stack, atol=1e-9)


def test_a_neighbor_that_runs_ahead_is_found() -> None:
    rng = np.random.default_rng(4)
    residual = rng.normal(size=(3000, 6))
    residual[1:, 2] += 0.8 * residual[:-1, 5]
    neighbors, share = find_neighbors(residual)
    assert neighbors[2, 0] == 5
    assert share[2, 0] > 0.8


def test_neighbors_of_the_graph_share_equally() -> None:
    _, share = given_neighbors(np.array([[1, 2], [0, -1], [-1, -1]]))
    assert share.tolist() == [[0.5, 0.5], [1.0, 0.0], [0.0, 0.0]]


def test_a_few_wild_residuals_do_not_set_the_scatter() -> None:
    residual = np.random.default_rng(5).normal(size=(2000, 3))
    residual[::500] = 1e6
    assert scatter(residual) == pytest.approx(np.ones(3), rel=0.1)


def test_limits_of_the_fit_hold_what_they_promise() -> None:
    rng = np.random.default_rng(6)
    errors = rng.standard_t(4, size=(2, 400, 30))
    limits = fit_limits(errors, rng.uniform(2, 20, errors.shape), errors * 1.2)
    low, high = np.moveaxis(limits_at(limits.scaled, (0.1, 0.9)), -1, 0)
    inside = (errors > low.mean()) & (errors < high.mean())
    assert inside.mean() == pytest.approx(0.8, abs=0.01)
    assert (limits.silent >= 1.1).all()


@given(st.lists(st.floats(1e-6, 1 - 1e-6), min_size=1, max_size=6))
def test_limits_rise_with_their_probability(quantiles: list[float]) -> None:
    found = limits_at(plain_limits(2, 1.0).scaled, sorted(quantiles))
    assert (np.diff(found, axis=-1) >= -1e-12).all()


def test_followed_limits_are_returned_as_they_are() -> None:
    scaled = plain_limits(1, 2.0).scaled
    np.testing.assert_allclose(limits_at(scaled, tuple(LEVELS)), scaled)


@pytest.mark.parametrize("quantile", [0.0, 1.0, -1.0, float("nan")])
def test_a_quantile_that_is_no_probability_is_refused(quantile: float) -> None:
    with pytest.raises(CountError, match="between 0 and 1"):
        limits_at(plain_limits(1, 1.0).scaled, (quantile,))


def test_a_rule_at_its_limit_is_sure() -> None:
    rule = DayTypeRule((4.0, 4.0, 4.0))
    kinds = np.array([0, 6])
    assert rule.probabilities(kinds, np.array([0.0, 4.0]))[1] == pytest.approx(0.99)
    assert rule.probabilities(kinds, np.array([0.0, -3.0]))[0] > 0.99


def test_a_silent_rule_believes_the_calendar() -> None:
    assert NO_RULE.probabilities(np.array([0, 6]), np.array([0.0, 99.0])).tolist() == [1.0, 0.0]


def test_candidates_come_from_other_groups_that_were_seen() -> None:
    seen = np.array([True] * 5 + [False, True, False])
    assert candidates(2, 2, seen) == (2, 6)
    assert candidates(6, 6, seen) == (6, 2)
