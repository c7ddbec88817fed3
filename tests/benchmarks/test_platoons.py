"""Arrivals of the flow model beside those that were driven."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.platoons import Watched, compare, first_harmonic, moved
from engine.measures.streams import Stream

CYCLE_S = 60
PLATOON = np.where(np.arange(CYCLE_S) < 12, 50.0, 1.0)
APPROACH = Watched(0, Stream("a", "a", 1.0, 200.0, 14.0, 2.0, ("a",)), 10.0)


def test_arrivals_are_run_on_round_the_cycle_and_none_is_lost() -> None:
    assert moved(PLATOON, 7.0).tolist() == np.roll(PLATOON, 7).tolist()
    half = moved(PLATOON, CYCLE_S - 0.5)
    assert half.sum() == pytest.approx(PLATOON.sum())
    assert half[CYCLE_S - 1] == pytest.approx(25.5)


def test_even_arrivals_have_no_first_harmonic() -> None:
    assert abs(first_harmonic(np.ones(CYCLE_S))) < 1e-12


@pytest.mark.parametrize("late_s", [-5.0, 0.0, 6.0])
def test_a_platoon_behind_the_model_is_late(late_s: float) -> None:
    said = {0: moved(PLATOON, APPROACH.rest_s)}
    _, _, late = compare(said, {"a": moved(PLATOON, late_s)}, [APPROACH])
    assert late == [pytest.approx(late_s)]


def test_nothing_is_unexplained_of_arrivals_as_foretold_and_all_of_even_ones() -> None:
    drove = {"a": PLATOON}
    apart, even, _ = compare({0: moved(PLATOON, APPROACH.rest_s)}, drove, [APPROACH])
    assert apart == pytest.approx(0.0)
    apart, even, late = compare({0: np.ones(CYCLE_S)}, drove, [APPROACH])
    assert apart == pytest.approx(even)
    assert late == []


def test_approaches_that_hardly_anybody_takes_are_left_out() -> None:
    few = {"a": PLATOON * 50.0 / PLATOON.sum()}
    assert compare({0: PLATOON}, few, [APPROACH]) == (0.0, 0.0, [])
