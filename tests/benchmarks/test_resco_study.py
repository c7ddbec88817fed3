"""Peers beside other people's figures: what is noise, and what is told."""

from __future__ import annotations

import pytest

from benchmarks.resco_study import (
    CONTROLLERS,
    Figure,
    Standing,
    Verdict,
    compared,
    noise_s,
    studies,
    table_of,
)
from benchmarks.suite.controllers import named
from benchmarks.suite.jobs import Street
from benchmarks.suite.summary import summarize
from tests.benchmarks.suite_runs import refused, runs

COLOGNE = Street("cologne8", "resco")


def test_noise_is_welchs() -> None:
    # Equal spreads of three and three: 4 degrees of freedom, t = 2.776.
    expected = 2.776 * (2.0 / 3.0) ** 0.5 + 0.05
    assert noise_s([9.0, 10.0, 11.0], Figure(12.0, 1.0)) == pytest.approx(expected, abs=0.001)
    assert noise_s([9.0, 10.0, 11.0], Figure(12.0)) == pytest.approx(expected, abs=0.001)


def test_without_any_spread_only_rounding_is_forgiven() -> None:
    assert compared([10.1, 10.1], Figure(10.0, 0.0))[1] is Verdict.ALIKE
    assert compared([10.2, 10.2], Figure(10.0, 0.0))[1] is Verdict.DIFFERS


def test_noise_above_a_quarter_of_the_mean_is_no_agreement() -> None:
    # Where one seed of three locked up the limit is wider than the mean itself.
    wide = Figure(57.3, 30.0)
    assert compared([20.7, 88.9, 20.8], wide)[1] is Verdict.UNTOLD
    assert compared([20.7, 20.8, 20.9], Figure(20.8, 1.0))[1] is Verdict.ALIKE


def test_a_difference_beyond_wide_noise_still_differs() -> None:
    assert compared([300.0, 301.0, 302.0], Figure(57.3, 30.0))[1] is Verdict.DIFFERS


def test_what_cannot_be_told_is_counted_apart_and_is_no_success() -> None:
    standing = Standing(("a",), ("b",), ())
    assert standing.code == 2
    assert standing.told() == [
        "as in the first study within the noise: 1 of 2",
        "cannot be told, the noise is above a quarter of the study's mean: 1 of 2: b",
    ]
    assert Standing(("a",), (), ()).code == 0
    assert Standing(("a",), ("b",), ("c",)).code == 1


def test_a_street_that_the_study_does_not_know_is_no_agreement() -> None:
    elsewhere = runs("resco-max-wave", [28.0, 28.1, 28.3], Street("cologne9", "resco"))
    _, standing = table_of(summarize(elsewhere))
    assert standing.unknown == ("resco-max-wave on cologne9",)
    assert standing.code == 2


def test_a_peer_that_differs_is_named() -> None:
    near = runs("resco-max-pressure", [23.6, 23.9, 24.2], COLOGNE)
    far = runs("resco-max-wave", [28.0, 28.1, 28.3], COLOGNE)
    _, standing = table_of(summarize([*near, *far]))
    assert standing.apart == ("resco-max-wave on cologne8",)
    assert standing.alike == ("resco-max-pressure on cologne8",)


def test_a_peer_that_did_not_run_is_named() -> None:
    _, standing = table_of(summarize([refused("in-force", "no such file", COLOGNE)]))
    assert standing.apart == ("in-force on cologne8",)


def test_every_figure_is_of_a_peer_in_the_box() -> None:
    for rows in studies().values():
        assert {"in-force", "sumo-actuated", "sumo-delay-based"} <= set(rows)
        assert set(rows) <= set(CONTROLLERS.split(","))
        assert all(named(name).source for name in rows)
