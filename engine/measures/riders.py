"""Buses between the signals: streams of their own that ride in the queues of a lane.

A bus reaches a signal by its own profile: it left the signal before when its lane let it go, drove
at its own speed and stood at its stops for a time that spreads from bus to bus, so that no platoon
of cars carries it. At the stop line it joins the queue of its lane, first come first served, and
leaves when those ahead of it have left. It speeds up with them: in SUMO buses that had stood lost
2.4 s beyond free speed, which is what cars lose (65 starts on an arterial, at 45 km/h); by their
own acceleration it would have been 5.2 s. What a bus delays itself is in the lane's counts already.

Dwell and driving time together are a plain delay and a geometric tail, with their mean and their
standard deviation (the same form as Robertson's dispersion; TRANSYT gives buses one of their own
too). Not modeled: overtaking at stops, buses that hold up cars while they stand, bunching, and
timetables, so that buses reach the first signal of their line at any second alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.measures.objective import Goal, Objective
from engine.measures.streams import Pace
from network.graph import Connection, RoadNetwork
from network.transit import BusLine, require_route

ACCELERATION_MPS2 = 1.2
DECELERATION_MPS2 = 4.0
"""Of a bus at a stop; those of SUMO's vehicle class, which drives like a city bus when it starts
and harder when it brakes."""

SPEED_VARIATION = 0.05
"""Standard deviation of driving times of buses over their mean, without stops."""


@dataclass(frozen=True, slots=True)
class Rider:
    """The buses of a line at one signal.

    Attributes
    ----------
    line_id
        The line.
    way, lane, signal
        Rows of the street: how they cross, the lane in whose queue they wait, and where.
    flow_vps
        Buses per second.
    passengers, persons
        In a bus, and what a second of it counts, in seconds of a vehicle: its passengers, times
        the weight of its movement.
    before
        Number of the line's rider at the signal before; -1 at the first.
    delay_s, smoothing
        From the stop line before to here: plain delay, and the geometric tail behind it.
    """

    line_id: str
    way: int
    lane: int
    signal: int
    flow_vps: float
    passengers: float
    persons: float
    before: int
    delay_s: int
    smoothing: float


def riders_of(
    network: RoadNetwork,
    ways: Sequence[Connection],
    lane_of: Sequence[int],
    signal_of: Sequence[int],
    pace: Pace,
    objective: Objective,
) -> tuple[Rider, ...]:
    """Lay the bus lines of an objective over a street; none where persons do not count.

    Parameters
    ----------
    network
        The roads.
    ways, lane_of, signal_of
        Rows of the street: connections, their lanes and their signals.
    pace
        How links are run.
    objective
        With the lines.

    Returns
    -------
    tuple of Rider
        Line by line, along its route.

    Raises
    ------
    NetworkError
        If a route does not lead over the network.
    """
    if objective.goal is not Goal.PERSON_DELAY:
        return ()
    rows: dict[tuple[str, str], list[int]] = {}
    for row, way in enumerate(ways):
        rows.setdefault((way.from_link, way.to_link), []).append(row)
    found: list[Rider] = []
    for line in objective.buses:
        require_route(line, network)
        before, mean_s, variance_s2 = -1, 0.0, 0.0
        for one, other in pairwise(line.route):
            here = rows.get((one, other), [])
            if here:
                row = min(here, key=lambda row: _preference(network, ways[row]))
                way = ways[row]
                delay_s, smoothing = _delayed(mean_s, variance_s2)
                persons = line.passengers * objective.weight(way.movement_id, one)
                found.append(
                    Rider(
                        line.line_id, row, int(lane_of[row]), int(signal_of[row]), line.flow_vps,
                        line.passengers, persons, before, delay_s, smoothing,
                    )
                )  # fmt: skip
                before, variance_s2 = len(found) - 1, 0.0
                mean_s = pace.starting_s(min(network.links[other].speed_mps, line.speed_mps))
            turn = next(c for c in network.turns_into[other] if c.from_link == one)
            run_s, dwell_s, spread_s2 = _over_link(network, pace, line, turn)
            mean_s += run_s + dwell_s
            variance_s2 += spread_s2
    return tuple(found)


def _preference(network: RoadNetwork, way: Connection) -> tuple[bool, int]:
    """Lanes that cars may not use go first, then those at the curb, where the stops are."""
    return way.from_lane in network.links[way.from_link].general_lanes, way.from_lane


def _over_link(
    network: RoadNetwork, pace: Pace, line: BusLine, turn: Connection
) -> tuple[float, float, float]:
    """Return driving time over a turn and the link behind it, mean dwell, and the variance."""
    link = network.links[turn.to_link]
    node_s = turn.length_m / min(turn.speed_mps, line.speed_mps)
    cars_s, _ = pace.over_link(link, turn.length_m / turn.speed_mps)
    speed_mps = min(link.speed_mps, line.speed_mps)
    run_s = max(cars_s, node_s + link.length_m / speed_mps)
    variance = (SPEED_VARIATION * run_s) ** 2
    dwell_s = 0.0
    for stop in line.stops:
        if stop.link == link.link_id:
            lost_s = 0.5 * speed_mps * (1.0 / ACCELERATION_MPS2 + 1.0 / DECELERATION_MPS2)
            dwell_s += stop.dwell_s + lost_s
            variance += stop.deviation_s**2
    return run_s, dwell_s, variance


def _delayed(mean_s: float, variance_s2: float) -> tuple[int, float]:
    """Return the plain delay and the smoothing factor of a mean and a variance."""
    factor = 1.0
    if variance_s2 > 1e-9:
        factor = (math.sqrt(1.0 + 4.0 * variance_s2) - 1.0) / (2.0 * variance_s2)
    return max(1, round(mean_s - (1.0 - factor) / factor)), factor
