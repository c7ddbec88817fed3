"""A town drawn at random: a planar street graph with main streets, side streets and ends.

Points of a jittered lattice are joined where their Gabriel circle is empty (Gabriel and Sokal,
1969, doi:10.2307/2412323), the shortest first, as long as streets meet at an angle a car can
turn; so no two streets cross but at a corner. Main streets are shortest paths from side to side.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

import networkx as nx
import numpy as np
from numpy.random import Generator

from network.errors import ScenarioError
from scenarios.layout import END_M, SPEED_MPS, Layout, generator, require_between
from scenarios.roads import Corner, Kind, Road, Streets, two_way, with_pockets
from scenarios.stages import stages_at

FEWEST_SIGNALS: Final = 4
MOST_SIGNALS: Final = 5000

SPACING_M: Final = 230.0
JITTER: Final = 0.22
MISSING_SHARE: Final = 0.06
"""Of the points are left out, which makes larger blocks and T-junctions."""

SIGNAL_SHARE: Final = 0.6
"""Of all points carry a signal, roughly."""

MAIN_EVERY: Final = 4
"""A main street in so many blocks."""

SIDE_SPEED_MPS: Final = 30 / 3.6
LEAST_ANGLE_DEG: Final = 55.0
MOST_LEGS: Final = 4
REACH: Final = 2
"""Lattice steps to look for neighbors; no Gabriel edge of a lattice so full is longer."""

CUL_DE_SAC_SHARE: Final = 0.06
YARD_SHARE: Final = 0.6
YARD_M: Final = 85.0
YARD_CLEAR_M: Final = 65.0
"""A street into a block keeps so far from all others."""
_YARD: Final = 10
"""Its end is the cell so many towns away, which no corner has."""
THINNED_SHARE: Final = 0.12
ONE_WAY_SHARE: Final = 0.08
SIDE_EXIT_SHARE: Final = 0.4
DETOUR_STEPS: Final = 8
"""A street is closed, or made one-way, only if the way round is no longer than this."""

DECAY_S: Final = 240.0
TRIES: Final = 4

Cell = tuple[int, int]


def town(signals: int, seed: int) -> Layout:
    """Draw a town with a given number of signals.

    Main streets (50 km/h, two lanes each way, pockets at signals) about every fourth block, side
    streets (30 km/h, one lane each way, some of them one-way), T-junctions, short streets that
    end inside the blocks, and corners without a signal. Traffic comes from and goes to the roads
    out of town and the dead ends inside; short trips are more frequent.

    Parameters
    ----------
    signals
        4 to 5,000.
    seed
        Equal seeds give equal streets.

    Raises
    ------
    ScenarioError
        If a parameter is out of its limits, or no such town was found.
    """
    require_between("signals of a town", signals, FEWEST_SIGNALS, MOST_SIGNALS)
    rng = generator(seed, 0)
    points = signals / SIGNAL_SHARE + 4
    for _ in range(TRIES):
        plan = _TownPlan(max(3, math.ceil(math.sqrt(points))), rng)
        streets = plan.streets(signals, rng)
        if streets is not None:
            break
        points *= 1.25
    else:
        raise ScenarioError(
            f"no town with {signals} signals was found in {TRIES} tries; choose another seed"
        )
    ends = tuple(c.name for c in streets.corners.values() if c.kind is Kind.END)
    main = {name for road in streets.roads if road.main for name in (road.tail, road.head)}
    weight = np.array([5.0 if name in main else 1.0 for name in ends])
    out, into = (weight * rng.uniform(0.6, 1.4, len(ends)) for _ in range(2))
    pull = np.outer(out, into)
    np.fill_diagonal(pull, 0.0)
    return Layout(f"town{signals}", seed, streets, ends, pull, DECAY_S)


class _TownPlan:
    """The street graph while it is drawn; corners are lattice cells, ends lie outside."""

    def __init__(self, size: int, rng: Generator) -> None:
        self._size = size
        jitter = rng.uniform(-JITTER, JITTER, (size, size, 2)) * SPACING_M
        missing = rng.random((size, size)) < MISSING_SHARE
        edge = size - 1
        self._at: dict[Cell, tuple[float, float]] = {
            (i, j): (i * SPACING_M + float(jitter[i, j, 0]), j * SPACING_M + float(jitter[i, j, 1]))
            for i in range(size)
            for j in range(size)
            if not missing[i, j] or i in (0, edge) or j in (0, edge)
        }
        self._graph = nx.Graph()
        self._graph.add_nodes_from(self._at)
        self._exits(rng)
        self._join(self._gabriel())
        self._main = self._main_streets()
        self._thin(rng)
        self._yards(rng)

    def streets(self, signals: int, rng: Generator) -> Streets | None:
        """Return the streets, or None if too few corners can have a signal."""
        legs = dict(self._graph.degree())
        kept = [cell for cell in self._graph if legs[cell]]
        names = {cell: f"c{number}" for number, cell in enumerate(kept)}
        one_way = self._one_way(rng)
        roads: list[Road] = []
        for a, b in self._graph.edges:
            main = frozenset((a, b)) in self._main
            lanes, speed_mps = (2, SPEED_MPS) if main else (1, SIDE_SPEED_MPS)
            both = two_way(names[a], names[b], lanes, speed_mps, main)
            roads += [
                road for road, way in zip(both, ((a, b), (b, a)), strict=True) if way not in one_way
            ]
        shift = END_M + SPACING_M
        corners = {
            names[cell]: Corner(
                names[cell],
                self._at[cell][0] + shift,
                self._at[cell][1] + shift,
                Kind.END if legs[cell] == 1 else Kind.YIELD,
            )
            for cell in kept
        }
        draft = Streets(corners, tuple(roads))
        able = [cell for cell in kept if legs[cell] > 2 and len(stages_at(draft, names[cell])) > 1]
        if len(able) < signals:
            return None
        rank = dict(zip(able, rng.random(len(able)).tolist(), strict=True))
        able.sort(key=lambda cell: (-self._main_legs(cell), -legs[cell], rank[cell]))
        for cell in able[:signals]:
            plain = corners[names[cell]]
            corners[plain.name] = Corner(plain.name, plain.x_m, plain.y_m, Kind.SIGNAL)
        return with_pockets(Streets(corners, tuple(roads)))

    def _main_legs(self, cell: Cell) -> int:
        return sum(frozenset((cell, other)) in self._main for other in self._graph[cell])

    def _exits(self, rng: Generator) -> None:
        """Let main streets, and some others, run out of town."""
        last, middle = self._size - 1, min(MAIN_EVERY // 2, self._size // 2)
        self._lines = list(range(middle, self._size, MAIN_EVERY))
        for at in range(self._size):
            for cell, out in (
                ((0, at), (-1, 0)),
                ((last, at), (1, 0)),
                ((at, 0), (0, -1)),
                ((at, last), (0, 1)),
            ):
                lucky = rng.random() < SIDE_EXIT_SHARE
                beside = at - 1 in self._lines or at + 1 in self._lines or at in (0, last)
                if at in self._lines or (lucky and not beside):
                    x_m, y_m = self._at[cell]
                    end = (cell[0] + out[0], cell[1] + out[1])
                    self._at[end] = (x_m + out[0] * END_M, y_m + out[1] * END_M)
                    self._graph.add_edge(cell, end)

    def _gabriel(self) -> Iterator[tuple[Cell, Cell]]:
        """Yield pairs whose circle holds no other point, the shortest first."""
        steps = range(-REACH, REACH + 1)
        pairs: list[tuple[float, Cell, Cell]] = []
        inside = [cell for cell in self._at if self._inside(cell)]
        for cell in inside:
            near = [
                other
                for i in steps
                for j in steps
                if (other := (cell[0] + i, cell[1] + j)) in self._at
                and other != cell
                and self._inside(other)
            ]
            places = np.array([self._at[other] for other in near])
            here = np.array(self._at[cell])
            for other, there in zip(near, places, strict=True):
                # Thales: a point in the circle sees the pair at an obtuse angle.
                sees = ((places - here) * (places - there)).sum(axis=1)
                if cell < other and not (sees < 0).any():
                    pairs.append((float(np.hypot(*(there - here))), cell, other))
        for _, a, b in sorted(pairs):
            yield a, b

    def _inside(self, cell: Cell, margin: int = 0) -> bool:
        return margin <= min(cell) and max(cell) < self._size - margin

    def _join(self, pairs: Iterable[tuple[Cell, Cell]]) -> None:
        for a, b in pairs:
            if self._fits(a, b) and self._fits(b, a):
                self._graph.add_edge(a, b)
        town = max(nx.connected_components(self._graph), key=len)
        self._graph.remove_nodes_from([cell for cell in self._graph if cell not in town])

    def _fits(self, cell: Cell, new: Cell) -> bool:
        if self._graph.degree(cell) >= MOST_LEGS:
            return False
        angle = self._bearing_deg(cell, new)
        return all(
            abs((self._bearing_deg(cell, other) - angle + 180.0) % 360.0 - 180.0) >= LEAST_ANGLE_DEG
            for other in self._graph[cell]
        )

    def _bearing_deg(self, cell: Cell, other: Cell) -> float:
        (x_m, y_m), (to_x_m, to_y_m) = self._at[cell], self._at[other]
        return math.degrees(math.atan2(to_y_m - y_m, to_x_m - x_m))

    def _main_streets(self) -> set[frozenset[Cell]]:
        main: set[frozenset[Cell]] = set()
        for line in self._lines:
            for axis in (0, 1):
                ends = (-1, line), (self._size, line)
                if axis:
                    ends = (line, -1), (line, self._size)

                def away(a: Cell, b: Cell, _: object, axis: int = axis, line: int = line) -> float:
                    off = abs(b[1 - axis] - line)
                    return math.dist(self._at[a], self._at[b]) * (1.0 + off)

                if all(end in self._graph for end in ends):
                    path = nx.dijkstra_path(self._graph, *ends, weight=away)
                    main |= {frozenset(pair) for pair in pairwise(path)}
        return main

    def _thin(self, rng: Generator) -> None:
        """Close side streets, and make some corners culs-de-sac."""
        for a, b in list(self._graph.edges):
            if rng.random() < THINNED_SHARE:
                self._close(a, b)
        for cell in list(self._graph):
            quiet = not self._main_legs(cell) and self._inside(cell, 1)
            if quiet and rng.random() < CUL_DE_SAC_SHARE:
                for other in list(self._graph[cell])[1:]:
                    self._close(cell, other, fewest=1)

    def _close(self, a: Cell, b: Cell, fewest: int = 2) -> None:
        """Take a side street away if both corners stay joined without it."""
        if frozenset((a, b)) in self._main or self._graph.degree(b) <= 2:
            return
        if self._graph.degree(a) <= fewest:
            return
        self._graph.remove_edge(a, b)
        if not _reaches(self._graph, a, b, set()):
            self._graph.add_edge(a, b)

    def _yards(self, rng: Generator) -> None:
        """Let short streets end inside the blocks, where side streets meet or bend."""
        for cell in [cell for cell in self._graph if self._inside(cell, 1)]:
            legs = sorted(self._bearing_deg(cell, other) for other in self._graph[cell])
            lucky = rng.random() < YARD_SHARE
            if self._main_legs(cell) or len(legs) not in (2, 3) or not lucky:
                continue
            gaps = [(b - a, a) for a, b in pairwise([*legs, legs[0] + 360.0])]
            gap, begin = max(gaps)
            bearing = math.radians(begin + gap / 2.0)
            x_m, y_m = self._at[cell]
            end_at = x_m + YARD_M * math.cos(bearing), y_m + YARD_M * math.sin(bearing)
            if gap >= 2.0 * LEAST_ANGLE_DEG and self._is_free(end_at, cell):
                end = (cell[0] + _YARD * self._size, cell[1] + _YARD * self._size)
                self._at[end] = end_at
                self._graph.add_edge(cell, end)

    def _is_free(self, place: tuple[float, float], cell: Cell) -> bool:
        """Tell whether no street but those of one corner comes near a place."""
        steps = range(-REACH, REACH + 1)
        near = [(cell[0] + i, cell[1] + j) for i in steps for j in steps]
        near += [(c[0] + _YARD * self._size, c[1] + _YARD * self._size) for c in near]
        return all(
            _distance_m(place, self._at[a], self._at[b]) >= YARD_CLEAR_M
            for a in near
            if a in self._graph
            for b in self._graph[a]
            if cell not in (a, b)
        )

    def _one_way(self, rng: Generator) -> set[tuple[Cell, Cell]]:
        """Choose directions that are closed; every corner stays within reach of every other."""
        closed: set[tuple[Cell, Cell]] = set()
        for a, b in list(self._graph.edges):
            legs = min(self._graph.degree(a), self._graph.degree(b))
            if rng.random() >= ONE_WAY_SHARE or frozenset((a, b)) in self._main or legs < 3:
                continue
            way = (a, b) if rng.random() < 0.5 else (b, a)
            closed.add(way)
            stuck = self._stuck(way[0], closed) or self._stuck(way[1], closed)
            if stuck or not _reaches(self._graph, *way, closed):
                closed.discard(way)
        return closed

    def _stuck(self, cell: Cell, closed: set[tuple[Cell, Cell]]) -> bool:
        """Tell whether somebody who comes to a corner could only turn back."""
        others = set(self._graph[cell])
        onward = {other for other in others if (cell, other) not in closed}
        return any((other, cell) not in closed and not onward - {other} for other in others)


def _distance_m(
    place: tuple[float, float], a: tuple[float, float], b: tuple[float, float]
) -> float:
    """Return how far a place is from the stretch between two others."""
    along = np.subtract(b, a)
    part = float(np.dot(np.subtract(place, a), along) / np.dot(along, along))
    nearest = np.add(a, min(max(part, 0.0), 1.0) * along)
    return math.dist(place, nearest.tolist())


def _reaches(graph: nx.Graph, start: Cell, goal: Cell, closed: set[tuple[Cell, Cell]]) -> bool:
    """Tell whether there is a way of at most `DETOUR_STEPS` streets."""
    steps = {start: 0}
    queue = deque([start])
    while queue:
        cell = queue.popleft()
        if cell == goal:
            return True
        if steps[cell] == DETOUR_STEPS:
            continue
        for other in graph[cell]:
            if other not in steps and (cell, other) not in closed:
                steps[other] = steps[cell] + 1
                queue.append(other)
    return False
