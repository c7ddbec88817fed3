"""Simulated vehicles as lines over the time-space diagram of a page."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from throughband.console.pages.trajectories import FINE, thinned


def away(point: np.ndarray, begin: np.ndarray, end: np.ndarray) -> float:
    """Return how far a point is from the straight line through two others."""
    along = end - begin
    length = float(np.hypot(*along))
    if length == 0:
        return float(np.hypot(*(point - begin)))
    across = along[0] * (point - begin)[1] - along[1] * (point - begin)[0]
    return abs(float(across)) / length


@given(st.lists(st.floats(0, 100), min_size=2, max_size=60))
def test_no_moment_of_a_vehicle_is_farther_from_its_line_than_is_seen(places: list[float]) -> None:
    points = np.column_stack([np.arange(len(places), dtype=float), np.array(places)])
    kept = thinned(points)
    assert np.array_equal(kept[[0, -1]], points[[0, -1]])
    at = [int(time) for time in kept[:, 0]]
    for begin, end in pairwise(at):
        for between in range(begin + 1, end):
            assert away(points[between], points[begin], points[end]) <= FINE + 1e-9


def test_a_vehicle_at_steady_speed_is_one_stroke() -> None:
    points = np.column_stack([np.arange(100.0), 3.0 * np.arange(100.0)])
    assert len(thinned(points)) == 2
