"""Simulated vehicles as lines over a time-space diagram, with no more points than are seen."""

from __future__ import annotations

from typing import Final

import numpy as np

from engine.measures.corridor import Direction
from throughband.console.pages.space import Space
from throughband.reports.traces import Points, Traces

FINE: Final = 0.4
"""A trajectory is drawn no farther than this from where the vehicle was, in the SVG's units."""


def trajectories(space: Space, traces: Traces) -> tuple[tuple[Direction, str], ...]:
    """Return simulated vehicles as lines of a diagram, each with its direction.

    Parameters
    ----------
    space
        The diagram.
    traces
        Of its corridor; moments beyond its time axis are cut by the diagram's own frame.
    """
    rows = sorted(space.rows, key=lambda row: row.distance_m)
    distances, ys = [row.distance_m for row in rows], [row.y for row in rows]
    found: list[tuple[Direction, str]] = []
    for direction, lines in traces.lines.items():
        for points in lines:
            x = space.left + points[:, 0] * space.per_s
            y = np.interp(points[:, 1], distances, ys)
            drawn = thinned(np.column_stack([x, y]))
            found.append((direction, " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn.tolist())))
    return tuple(found)


def thinned(points: Points) -> Points:
    """Leave out points that lie on the line between those that stay (Douglas and Peucker 1973)."""
    stays = np.zeros(len(points), dtype=bool)
    stays[[0, -1]] = True
    parts = [(0, len(points) - 1)]
    while parts:
        first, last = parts.pop()
        if last - first < 2:
            continue
        along = points[last] - points[first]
        off = points[first + 1 : last] - points[first]
        length = float(np.hypot(*along))
        apart_by = (
            np.abs(along[0] * off[:, 1] - along[1] * off[:, 0]) / length
            if length > 0
            else np.hypot(off[:, 0], off[:, 1])
        )
        farthest = int(np.argmax(apart_by))
        if apart_by[farthest] > FINE:
            middle = first + 1 + farthest
            stays[middle] = True
            parts += [(first, middle), (middle, last)]
    return points[stays]
