"""Choosing plans and switch times against trying out every day there is."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.optimize.switching import MOST_CANDIDATES, best_days, cost_of, dwell_kept
from network.errors import InfeasibleError


@st.composite
def days(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.float64], int, bool]:
    periods, plans = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    running = rng.random((periods, plans)).round(2)
    moving = rng.random((periods, plans, plans)) * draw(st.sampled_from([0.0, 0.3, 1.0]))
    moving[:, range(plans), range(plans)] = 0.0
    return running, moving, draw(st.integers(1, 3)), draw(st.booleans())


@given(days())
def test_every_number_of_plans_gets_the_cheapest_day_there_is(
    day: tuple[NDArray[np.float64], NDArray[np.float64], int, bool],
) -> None:
    running, moving, dwell, wraps = day
    periods, plans = running.shape
    found = best_days(running, moving, dwell, wraps, plans)
    for number, choice in enumerate(found, 1):
        allowed = [
            cost_of(run, running, moving, wraps).cost
            for run in product(range(plans), repeat=periods)
            if len(set(run)) <= number and dwell_kept(run, dwell, wraps)
        ]
        assert choice.cost == pytest.approx(min(allowed), abs=1e-6)
        assert choice.cost == pytest.approx(cost_of(choice.run, running, moving, wraps).cost)
        assert dwell_kept(choice.run, dwell, wraps)
    assert found[0].cost == running.sum(axis=0).min()
    costs = [choice.cost for choice in found]
    assert costs == sorted(costs, reverse=True)


def test_a_night_is_not_cut_at_midnight() -> None:
    running = np.array([[0.0, 9.0], [9.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    moving = np.zeros((4, 2, 2))
    whole = best_days(running, moving, 2, True, 2)[-1]
    assert whole.run == (0, 1, 1, 0)
    assert whole.switches(True) == (1, 3)
    # Half a night at each end of a window is too short to dwell in.
    assert best_days(running, moving, 2, False, 2)[-1].cost == 18.0


def test_nothing_is_switched_for_nothing() -> None:
    running = np.ones((8, 3))
    assert best_days(running, np.zeros((8, 3, 3)), 1, True, 3)[-1].plans == (0,)


def test_transitions_are_part_of_the_choice() -> None:
    running = np.array([[0.0, 1.0]] * 4 + [[1.0, 0.0]] * 4)
    moving = np.full((8, 2, 2), 1.9)
    moving[:, [0, 1], [0, 1]] = 0.0
    assert best_days(running, moving, 1, True, 2)[-1].cost == pytest.approx(3.8)
    assert best_days(running, moving * 1.1, 1, True, 2)[-1].cost == pytest.approx(4.0)


def test_more_candidates_than_can_be_enumerated_are_refused() -> None:
    plans = MOST_CANDIDATES + 1
    with pytest.raises(InfeasibleError, match="allowed are 1 to"):
        best_days(np.ones((4, plans)), np.zeros((4, plans, plans)), 1, True, 2)
