"""Traffic for the simulation that proves a plan: vehicles that turn as the forecast says.

Vehicles begin where the network does, as many as the forecast lets in, and draw a way at each
junction by the flows of its turns. They end where the network does, or where the forecast has
more going into a link than coming out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from network.errors import InsufficientDataError
from network.graph import RoadNetwork
from network.units import SECONDS_PER_HOUR

Floats = NDArray[np.float64]

MOST_LINKS: Final = 200
"""Longer ways go in circles."""


def write_routes(
    path: Path,
    network: RoadNetwork,
    movement_vph: Mapping[str, Floats],
    period_s: int,
    begin_s: float,
    seed: int,
) -> int:
    """Write a route file of a forecast.

    Parameters
    ----------
    path
        The file.
    network
        The roads.
    movement_vph
        By movement, signalized or not, veh/h in each period.
    period_s, begin_s
        Length of a period, and when the first begins, s.
    seed
        For departures and turns.

    Returns
    -------
    int
        Vehicles written.

    Raises
    ------
    InsufficientDataError
        Nobody drives.
    """
    rng = np.random.default_rng([seed, 83])
    turns = _turns(network, movement_vph)
    periods = max((len(np.atleast_1d(flow)) for flow in movement_vph.values()), default=0)
    into: dict[str, Floats] = {}
    for ways in turns.values():
        for link, flow in ways:
            into[link] = into.get(link, 0.0) + flow
    rows: list[tuple[float, tuple[str, ...]]] = []
    for link, ways in turns.items():
        out = np.asarray(sum((flow for _, flow in ways), np.zeros(periods)))
        # What a link sends on beyond what it gets begins along it.
        starts_vph = np.maximum(out - into.get(link, 0.0), 0.0)
        for period in range(periods):
            count = rng.poisson(starts_vph[period] * period_s / SECONDS_PER_HOUR)
            for at_s in rng.uniform(0.0, period_s, count):
                depart_s = begin_s + period * period_s + at_s
                rows.append((float(depart_s), _way(link, turns, period, rng)))
    if not rows:
        raise InsufficientDataError("the forecast sends no vehicle through the network")
    rows.sort()
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<routes>"]
    lines += [
        f'<vehicle id="v{number}" depart="{at_s:.2f}" departLane="best" departSpeed="max">'
        f"<route edges={quoteattr(' '.join(way))}/></vehicle>"
        for number, (at_s, way) in enumerate(rows)
    ]
    path.write_text("\n".join([*lines, "</routes>", ""]), encoding="utf-8")
    return len(rows)


Turns = dict[str, list[tuple[str, Floats]]]


def _turns(network: RoadNetwork, movement_vph: Mapping[str, Floats]) -> Turns:
    """Return by link where it leads, and how much goes there in each period, veh/h."""
    ways: dict[str, dict[str, Floats]] = {}
    for connection in network.connections:
        name = connection.movement_id
        if name in movement_vph:
            flow = np.maximum(np.atleast_1d(np.asarray(movement_vph[name], dtype=np.float64)), 0.0)
            ways.setdefault(connection.from_link, {})[connection.to_link] = flow
    return {link: sorted(found.items()) for link, found in sorted(ways.items())}


def _way(link: str, turns: Turns, period: int, rng: np.random.Generator) -> tuple[str, ...]:
    way = [link]
    while link in turns and len(way) < MOST_LINKS:
        total = sum(float(flow[period]) for _, flow in turns[link])
        if total <= 0:
            break
        drawn = rng.uniform(0.0, total)
        for onward, flow in turns[link]:
            drawn -= float(flow[period])
            if drawn < 0:
                way.append(onward)
                break
        else:
            # What rounding leaves of the last turn.
            way.append(turns[link][-1][0])
        link = way[-1]
    return tuple(way)
