"""Intervals, tests and ranks of the suites."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.suite.statistics import bca, compare, holm, rank, signed_ranks
from network.errors import InsufficientDataError

P = st.one_of(st.floats(0, 1), st.just(math.nan))


def test_interval_holds_the_mean() -> None:
    gaps = np.array([-3.0, -2.0, -4.0, -2.5, -3.5, -1.0, -2.0, -3.0])
    low, high = bca(gaps)
    assert low < gaps.mean() < high < 0


def test_interval_of_equal_differences_is_a_point() -> None:
    assert bca(np.full(5, -2.0)) == (-2.0, -2.0)


def test_interval_of_one_seed_is_refused() -> None:
    with pytest.raises(InsufficientDataError, match="at least 2 seeds, 1 given"):
        bca(np.array([1.0]))


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    inside = 0
    for draw in range(120):
        low, high = bca(rng.normal(1.0, 1.0, 20), seed=draw)
        inside += low <= 1.0 <= high
    assert 0.86 <= inside / 120 <= 1.0


def test_five_pairs_are_too_few_to_test() -> None:
    assert math.isnan(signed_ranks(np.full(5, -1.0)))
    assert signed_ranks(np.array([-1.0, -2.0, -3.0, -4.0, -5.0, -6.0])) == pytest.approx(0.03125)


def test_nothing_differs_nothing_is_found() -> None:
    assert signed_ranks(np.zeros(8)) == 1.0


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


@given(st.lists(P, max_size=8))
def test_correction_never_lowers_and_keeps_the_order(p: list[float]) -> None:
    corrected = holm(p)
    known = [(a, b) for a, b in zip(p, corrected, strict=True) if not math.isnan(a)]
    assert all(math.isnan(b) for a, b in zip(p, corrected, strict=True) if math.isnan(a))
    assert all(a <= b <= 1 for a, b in known)
    assert [b for _, b in sorted(known)] == sorted(b for _, b in known)


def test_clear_difference_is_called() -> None:
    base = {seed: 40.0 + seed for seed in range(101, 111)}
    better = {seed: value - 5 - seed % 3 for seed, value in base.items()}
    found = compare(base, {"ours": better})["ours"]
    assert (found.verdict, found.pairs) == ("better", 10)
    assert found.low < found.mean < found.high < 0
    assert found.ratio < 1


def test_noise_is_no_clear_difference() -> None:
    base = dict.fromkeys(range(10), 40.0)
    other = {seed: 40.0 + (-1) ** seed for seed in range(10)}
    assert compare(base, {"other": other})["other"].verdict == "no clear difference"


def test_seeds_that_only_one_played_are_left_out() -> None:
    found = compare({1: 10.0, 2: 10.0, 3: 10.0}, {"a": {2: 9.0, 3: 8.0, 4: 0.0}, "b": {3: 1.0}})
    assert list(found) == ["a"]
    assert found["a"].pairs == 2


def test_ranks_over_streets() -> None:
    means = {
        "a": {"s1": 1.0, "s2": 2.0, "s3": 1.0},
        "b": {"s1": 2.0, "s2": 3.0, "s3": 2.0},
        "c": {"s1": 3.0, "s2": 4.0, "s3": 3.0, "s4": 1.0},
    }
    found = rank(means)
    assert found.mean_rank == {"a": 1.0, "b": 2.0, "c": 3.0}
    assert found.streets == 3
    assert found.p == pytest.approx(0.0498, abs=1e-4)


def test_no_common_street_no_ranks() -> None:
    assert rank({"a": {"s1": 1.0}, "b": {"s2": 1.0}}).mean_rank == {}
    assert rank({}).streets == 0


def test_where_ranks_could_not_agree_students_test_is_asked() -> None:
    base = {seed: 40.0 + seed for seed in range(7)}
    others = {name: {s: v - 20.0 + 0.1 * s for s, v in base.items()} for name in "abcd"}
    assert all(c.verdict == "better" and c.p_holm < 0.01 for c in compare(base, others).values())
    more = {seed: 40.0 + seed for seed in range(10)}
    wavering = {s: v - 1.0 + (3.0 if s % 2 else 0.0) for s, v in more.items()}
    assert compare(more, {"a": wavering})["a"].verdict == "no clear difference"


def test_three_seeds_of_noise_are_seldom_called_a_difference() -> None:
    rng = np.random.default_rng(3)
    called = 0
    for _ in range(200):
        base, other = rng.normal(40.0, 1.0, (2, 3))
        found = compare(dict(enumerate(base)), {"other": dict(enumerate(other))})["other"]
        called += found.verdict != "no clear difference"
    # The bootstrap alone, which three seeds of one sign satisfy, would call a quarter of them.
    assert called <= 20
