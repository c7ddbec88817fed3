"""Paired intervals and the verdict."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from engine.validate.statistics import Difference, delay_verdict, paired_difference
from network.errors import InsufficientDataError

delays = st.floats(0, 1e4)
pairs = st.lists(st.tuples(delays, delays), min_size=2, max_size=20)


@given(pairs)
def test_the_interval_is_centered_on_the_mean(sample: list[tuple[float, float]]) -> None:
    before, after = zip(*sample, strict=True)
    difference = paired_difference(before, after)
    assert difference.low <= difference.mean <= difference.high
    assert difference.mean - difference.low == pytest.approx(
        difference.high - difference.mean, abs=1e-6
    )


@given(pairs)
def test_swapping_the_sides_mirrors_the_difference(sample: list[tuple[float, float]]) -> None:
    before, after = zip(*sample, strict=True)
    one, other = paired_difference(before, after), paired_difference(after, before)
    assert (one.mean, one.low) == pytest.approx((-other.mean, -other.high), abs=1e-6)


@given(pairs, st.floats(-1e3, 1e3))
def test_what_shifts_both_sides_of_a_seed_cancels(
    sample: list[tuple[float, float]], shift: float
) -> None:
    before, after = zip(*sample, strict=True)
    moved = paired_difference([b + shift for b in before], [a + shift for a in after])
    assert moved.mean == pytest.approx(paired_difference(before, after).mean, abs=1e-6)


def test_the_interval_is_that_of_scipy() -> None:
    before, after = [49.0, 48.7, 49.3, 50.1], [44.0, 45.2, 43.3, 44.4]
    known = stats.ttest_rel(after, before).confidence_interval(0.95)
    difference = paired_difference(before, after)
    assert (difference.low, difference.high) == pytest.approx((known.low, known.high))


def test_two_seeds_have_one_degree_of_freedom() -> None:
    # t(0.975, 1) = 12.706, NIST/SEMATECH e-Handbook table 1.3.6.7.2
    difference = paired_difference([0, 0], [1, 3])
    assert difference.high - difference.mean == pytest.approx(12.706, abs=1e-3)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-2, -1, "better"), (1, 2, "worse"), (-1, 1, "no clear difference")],
)
def test_a_verdict_needs_the_whole_interval(low: float, high: float, verdict: str) -> None:
    assert delay_verdict(Difference((low + high) / 2, low, high)) == verdict


def test_equal_runs_are_no_clear_difference() -> None:
    assert delay_verdict(paired_difference([3, 4], [3, 4])) == "no clear difference"


def test_what_was_not_measured_stays_unknown() -> None:
    assert math.isnan(paired_difference([math.nan, 1], [1, 1]).mean)


@pytest.mark.parametrize(("before", "after"), [([], []), ([1], [2]), ([1, 2], [1])])
def test_too_few_or_unpaired_runs_are_refused(before: list[float], after: list[float]) -> None:
    with pytest.raises(InsufficientDataError):
        paired_difference(before, after)
