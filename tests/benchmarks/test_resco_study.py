"""Peers beside other people's figures: what is noise, and what is told."""

from __future__ import annotations

import pytest

from benchmarks.resco_study import CONTROLLERS, Figure, compared, noise_s, studies, table_of
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
    assert compared([10.1, 10.1], Figure(10.0, 0.0))[1]
    assert not compared([10.2, 10.2], Figure(10.0, 0.0))[1]


def test_a_peer_that_differs_is_named() -> None:
    near = runs("resco-max-pressure", [23.6, 23.9, 24.2], COLOGNE)
    far = runs("resco-max-wave", [28.0, 28.1, 28.3], COLOGNE)
    _, apart = table_of(summarize([*near, *far]))
    assert apart == ["resco-max-wave on cologne8"]


def test_a_peer_that_did_not_run_is_named() -> None:
    _, apart = table_of(summarize([refused("in-force", "no such file", COLOGNE)]))
    assert apart == ["in-force on cologne8"]


def test_every_figure_is_of_a_peer_in_the_box() -> None:
    for rows in studies().values():
        assert sorted(rows) == sorted(CONTROLLERS.split(","))
        assert all(named(name).source for name in rows)
