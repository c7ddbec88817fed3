"""The look-ahead search against its plain twin, and what must hold of any search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.adaptive.kernels import (
    MOST_CHANGES,
    NEVER_S,
    Floats,
    Layout,
    Now,
    look_ahead,
)
from tests.reference import lookahead_twin

COSTS = np.array([1.5, 3.0, 40.0, 1.0])


def random_signal(seed: int, stages: int, lanes: int, horizon: int = 40) -> tuple[Layout, Now]:
    rng = np.random.default_rng(seed)
    clear_s = rng.integers(0, 6, (stages, stages)).astype(np.int32)
    rate = rng.choice([0.0, 0.4, 0.55], (stages, lanes))
    foes = [[int(f) for f in rng.permutation(lanes)[:2] if f != lane] for lane in range(lanes)]
    flat = [foe for found in foes for foe in found]
    layout = Layout(
        clear_s,
        rng.integers(1, 8, stages).astype(np.int32),
        rate,
        rng.choice([0.5, 3.0, 1e6], (stages, lanes)),
        rng.choice([0.0, 0.0, 0.4, 1.0], (stages, lanes)),
        rng.choice([0.0, 1.0], (stages, lanes)),
        np.cumsum([0, *(len(found) for found in foes)]).astype(np.int32),
        np.array(flat, dtype=np.int32),
        rng.choice([0.0, 0.5, 1.0], (stages, len(flat))),
    )
    now = Now(
        np.array([0, 0, 0, 10, 0], dtype=np.int32),
        rng.poisson(0.15, (lanes, horizon)) * rng.random((lanes, horizon)),
        rng.choice([0.1, 1.0], (stages, lanes)),
        1.0 + rng.random(lanes),
        rng.choice([0.0, 5.0], lanes),
        np.ones(lanes),
        np.where(rng.random((stages, horizon)) < 0.3, NEVER_S, layout.least_s[:, None]).astype(
            np.int32
        ),
        rng.random((stages, horizon)) < 0.05,
    )
    return layout, now


def searched(layout: Layout, now: Now, width: int) -> tuple[float, Floats, list[tuple[int, int]]]:
    departures = np.full(now.arrivals.shape, np.nan)
    path = np.zeros((MOST_CHANGES, 2), dtype=np.int32)
    cost = look_ahead(layout, now, COSTS, width, departures, path)
    return cost, departures, [(int(t), int(s)) for t, s in path if t >= 0]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 6), st.integers(1, 4))
def test_the_search_is_its_twin(seed: int, stages: int, lanes: int, width: int) -> None:
    layout, now = random_signal(seed, stages, lanes)
    cost, departures, path = searched(layout, now, width)
    plain = lookahead_twin.Search(layout, now, COSTS, width).run()
    assert cost == pytest.approx(plain[0], rel=1e-9, abs=1e-9)
    assert path == plain[2]
    np.testing.assert_allclose(departures, plain[1], atol=1e-9)


def test_without_traffic_nothing_costs_anything() -> None:
    layout, now = random_signal(1, 3, 4)
    now.arrivals[:] = 0.0
    cost, departures, _ = searched(layout, now, 5)
    assert cost == 0.0
    assert not departures.any()


def test_nobody_leaves_who_has_not_come() -> None:
    layout, now = random_signal(7, 4, 6, 75)
    _, departures, _ = searched(layout, now, 8)
    assert (departures.cumsum(axis=1) <= now.arrivals.cumsum(axis=1) + 1e-9).all()


def test_a_queue_at_red_is_served_at_once_when_nobody_else_is_there() -> None:
    layout = two_stages()
    now = empty()
    now.arrivals[1, 0] = 5.0
    assert searched(layout, now, 5)[2][0] == (0, 1)


def test_a_platoon_about_to_arrive_keeps_its_green_against_one_waiting() -> None:
    layout, now = two_stages(), empty()
    now.arrivals[0, 1:13] = 0.5
    now.arrivals[1, 0] = 1.0
    changes = searched(layout, now, 5)[2]
    assert changes[0][0] >= 8


def test_no_green_is_given_for_a_full_exit() -> None:
    layout, now = two_stages(), empty()
    now.arrivals[1, 0] = 5.0
    now.arrivals[0, ::4] = 0.5
    now.held_s[1] = 60.0
    changes = searched(layout, now, 5)[2]
    assert not changes or changes[0][0] >= 40


def test_a_stage_is_not_left_before_it_may_be() -> None:
    layout, now = two_stages(), empty()
    now.arrivals[1, 0] = 5.0
    now.need_s[0, :12] = NEVER_S
    assert searched(layout, now, 5)[2][0] == (12, 1)


def test_a_stage_is_left_when_it_is_over_whoever_comes() -> None:
    layout, now = two_stages(), empty()
    now.arrivals[0] = 0.5
    now.over[0, 20] = True
    assert searched(layout, now, 5)[2][0] == (20, 1)


def two_stages() -> Layout:
    """A crossing of two one-way streets."""
    return Layout(
        np.array([[-1, 3], [3, -1]], dtype=np.int32),
        np.array([5, 5], dtype=np.int32),
        np.array([[0.5, 0.0], [0.0, 0.5]]),
        np.full((2, 2), 1e6),
        np.zeros((2, 2)),
        np.zeros((2, 2)),
        np.zeros(3, dtype=np.int32),
        np.zeros(0, dtype=np.int32),
        np.zeros((2, 0)),
    )


def empty() -> Now:
    return Now(
        np.array([0, 0, 0, 10, 0], dtype=np.int32),
        np.zeros((2, 60)),
        np.ones((2, 2)),
        np.ones(2),
        np.zeros(2),
        np.ones(2),
        np.full((2, 60), 5, dtype=np.int32),
        np.zeros((2, 60), dtype=np.bool_),
    )
