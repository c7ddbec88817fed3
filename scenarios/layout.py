"""Regular streets drawn at random: the arterial and the grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from network.errors import ScenarioError
from scenarios.roads import Corner, Kind, Road, Streets, two_way, with_pockets

SPEED_MPS: Final = 50 / 3.6
END_M: Final = 250.0
"""Length of the roads that lead out of town."""

FEWEST_SIGNALS: Final = 2
MOST_ARTERIAL_SIGNALS: Final = 100
MOST_LINES: Final = 40

ARTERIAL_SPACING_M: Final = (150.0, 600.0)
GRID_SPACING_M: Final = (150.0, 400.0)
MAIN_SHARE: Final = 0.4
"""Of the streets of a grid have two lanes each way."""

CROSSING_SHARE: Final = 1 / 3
"""Of the traffic of a grid stays on its own street."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Streets, and who wants to go where.

    Attributes
    ----------
    name
        What to call the scenario.
    seed
        What it was drawn with, and what its demand will be drawn with.
    streets
        The streets.
    ends
        Names of the corners where traffic comes from and goes to.
    pull
        [from end, to end] relative flow.
    decay_s
        A trip that takes this much longer is e times as rare; None if time does not matter.
    """

    name: str
    seed: int
    streets: Streets
    ends: tuple[str, ...]
    pull: NDArray[np.float64]
    decay_s: float | None = None


def require_between(what: str, found: int, least: int, most: int) -> None:
    """Raise `ScenarioError` unless a number is within its limits."""
    if not least <= found <= most:
        raise ScenarioError(f"{what}: found {found}, allowed {least} to {most}")


def generator(seed: int, stream: int) -> Generator:
    """Return the random numbers of one part of a scenario, the same for the same seed."""
    if seed < 0:
        raise ScenarioError(f"seed: found {seed}, allowed 0 and more")
    return np.random.default_rng([seed, stream])


def arterial(signals: int, seed: int) -> Layout:
    """Draw a main street with a cross street at every signal.

    Blocks of 150 to 600 m; two through lanes each way and left-turn pockets on the main street;
    one lane each way on the cross streets. 50 km/h.

    Parameters
    ----------
    signals
        2 to 100.
    seed
        Equal seeds give equal streets.

    Raises
    ------
    ScenarioError
        If a parameter is out of its limits.
    """
    require_between("signals of an arterial", signals, FEWEST_SIGNALS, MOST_ARTERIAL_SIGNALS)
    rng = generator(seed, 0)
    places_m = np.concatenate([[0.0], np.cumsum(rng.uniform(*ARTERIAL_SPACING_M, signals - 1))])
    places_m = places_m.round()
    corners = [Corner("west", -END_M, 0.0, Kind.END)]
    roads: list[Road] = []
    for number, x_m in enumerate(places_m.tolist()):
        name = f"s{number + 1}"
        north = Corner(f"n{number + 1}", x_m, END_M, Kind.END)
        south = Corner(f"d{number + 1}", x_m, -END_M, Kind.END)
        roads += two_way(corners[-3 if number else -1].name, name, 2, SPEED_MPS, main=True)
        roads += two_way(north.name, name, 1, SPEED_MPS)
        roads += two_way(south.name, name, 1, SPEED_MPS)
        corners += [Corner(name, x_m, 0.0, Kind.SIGNAL), north, south]
    roads += two_way(f"s{signals}", "east", 2, SPEED_MPS, main=True)
    corners.append(Corner("east", float(places_m[-1]) + END_M, 0.0, Kind.END))
    streets = with_pockets(Streets({c.name: c for c in corners}, tuple(roads)))
    ends, pull = _arterial_pull(signals, rng)
    return Layout(f"arterial{signals}", seed, streets, ends, pull)


def _arterial_pull(signals: int, rng: Generator) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Follow turning shares along the street from every end to every other."""
    ends = ("west", "east", *(f"{side}{i + 1}" for side in "nd" for i in range(signals)))
    count = len(ends)
    north, south = np.arange(2, 2 + signals), np.arange(2 + signals, count)
    # [direction, signal]: what turns off the main street, to its left and to its right.
    left, right = rng.uniform(0.04, 0.08, (2, signals)), rng.uniform(0.05, 0.10, (2, signals))
    inflow = rng.uniform(650.0, 950.0, 2)
    cross = rng.uniform(120.0, 400.0, (2, signals))
    straight = rng.uniform(0.55, 0.70, (2, signals))
    cross_left = (1.0 - straight) * rng.uniform(0.35, 0.5, (2, signals))

    def along(origin: int, first: int, eastbound: bool, flow: float) -> None:
        on_left, on_right = (north, south) if eastbound else (south, north)
        way = 0 if eastbound else 1
        steps = range(first, signals) if eastbound else range(first, -1, -1)
        for i in steps:
            pull[origin, on_left[i]] += flow * left[way, i]
            pull[origin, on_right[i]] += flow * right[way, i]
            flow *= 1.0 - left[way, i] - right[way, i]
        pull[origin, 1 if eastbound else 0] += flow

    pull = np.zeros((count, count))
    along(0, 0, True, inflow[0])
    along(1, signals - 1, False, inflow[1])
    for i in range(signals):
        for side, origin, opposite in ((0, north[i], south[i]), (1, south[i], north[i])):
            flow = cross[side, i]
            to_left = flow * cross_left[side, i]
            to_right = flow * (1.0 - straight[side, i]) - to_left
            pull[origin, opposite] += flow * straight[side, i]
            # Coming from the north, east is to the left.
            along(int(origin), i + 1, True, to_left if side == 0 else to_right)
            along(int(origin), i - 1, False, to_right if side == 0 else to_left)
    return ends, pull


def grid(rows: int, columns: int, seed: int) -> Layout:
    """Draw a grid of streets with a signal at every crossing.

    Blocks of 150 to 400 m. Some streets are main streets with two lanes each way and left-turn
    pockets, at least one of the rows; the others have one lane each way. 50 km/h. A third of the
    traffic crosses town on its own street, the rest goes to any other end.

    Parameters
    ----------
    rows, columns
        Streets each way, 2 to 40.
    seed
        Equal seeds give equal streets.

    Raises
    ------
    ScenarioError
        If a parameter is out of its limits.
    """
    require_between("rows of a grid", rows, 2, MOST_LINES)
    require_between("columns of a grid", columns, 2, MOST_LINES)
    rng = generator(seed, 0)
    x_m = np.concatenate([[0.0], np.cumsum(rng.uniform(*GRID_SPACING_M, columns - 1))]).round()
    y_m = np.concatenate([[0.0], np.cumsum(rng.uniform(*GRID_SPACING_M, rows - 1))]).round()
    main_row = rng.random(rows) < MAIN_SHARE
    main_column = rng.random(columns) < MAIN_SHARE
    if not main_row.any():
        main_row[int(rng.integers(rows))] = True
    corners: dict[str, Corner] = {}
    streets: list[tuple[list[str], bool]] = []

    def corner(name: str, x: float, y: float, kind: Kind) -> str:
        corners[name] = Corner(name, float(x), float(y), kind)
        return name

    for r in range(rows):
        line = [corner(f"w{r}", x_m[0] - END_M, y_m[r], Kind.END)]
        line += [corner(f"r{r}c{c}", x_m[c], y_m[r], Kind.SIGNAL) for c in range(columns)]
        line.append(corner(f"e{r}", x_m[-1] + END_M, y_m[r], Kind.END))
        streets.append((line, bool(main_row[r])))
    for c in range(columns):
        line = [corner(f"d{c}", x_m[c], y_m[0] - END_M, Kind.END)]
        line += [f"r{r}c{c}" for r in range(rows)]
        line.append(corner(f"n{c}", x_m[c], y_m[-1] + END_M, Kind.END))
        streets.append((line, bool(main_column[c])))
    roads = tuple(
        road
        for line, main in streets
        for tail, head in pairwise(line)
        for road in two_way(tail, head, 2 if main else 1, SPEED_MPS, main)
    )
    ends = tuple(end for line, _ in streets for end in (line[0], line[-1]))
    busy = np.repeat([2.0 if main else 1.0 for _, main in streets], 2)
    out, into = busy * rng.uniform(0.6, 1.4, len(ends)), busy * rng.uniform(0.6, 1.4, len(ends))
    pull = np.outer(out, into)
    np.fill_diagonal(pull, 0.0)
    opposite = np.arange(len(ends)) ^ 1
    pull *= (1.0 - CROSSING_SHARE) * (out / pull.sum(axis=1))[:, None]
    pull[np.arange(len(ends)), opposite] += CROSSING_SHARE * out
    return Layout(f"grid{rows}x{columns}", seed, with_pockets(Streets(corners, roads)), ends, pull)
