"""Lengths and parts of polylines, pairs of x and y in m."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

_TINY_M: Final = 1e-3
_CURVE_STEPS: Final = 10


def span_m(shape_m: Sequence[tuple[float, float]]) -> float:
    """Return the length of a line."""
    return sum(math.dist(a, b) for a, b in pairwise(shape_m))


def bezier(*points: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    """Return points along a cubic Bezier curve with two ends and two control points."""
    found: list[tuple[float, float]] = []
    for step in range(_CURVE_STEPS + 1):
        part = step / _CURVE_STEPS
        weights = [math.comb(3, i) * part**i * (1 - part) ** (3 - i) for i in range(len(points))]
        found.append(
            (
                sum(w * point[0] for w, point in zip(weights, points, strict=True)),
                sum(w * point[1] for w, point in zip(weights, points, strict=True)),
            )
        )
    return tuple(found)


def between(
    shape_m: Sequence[tuple[float, float]], begin_m: float, end_m: float
) -> tuple[tuple[float, float], ...]:
    """Return the part of a line between two distances from its beginning."""
    inner: list[tuple[float, float]] = []
    along_m = 0.0
    for a, b in pairwise(shape_m):
        along_m += math.dist(a, b)
        if begin_m + _TINY_M < along_m < end_m - _TINY_M:
            inner.append(b)
    return (_at(shape_m, begin_m), *inner, _at(shape_m, end_m))


def _at(shape_m: Sequence[tuple[float, float]], along_m: float) -> tuple[float, float]:
    for a, b in pairwise(shape_m):
        step_m = math.dist(a, b)
        if along_m <= step_m and step_m > 0:
            part = along_m / step_m
            return (a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1]))
        along_m -= step_m
    return shape_m[-1]
