"""Buses on made-up main streets: two lines, their stops between the signals, and every vehicle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from numpy.random import Generator

from network.errors import ScenarioError
from network.graph import RoadNetwork
from network.transit import BusLine, BusStop
from scenarios.demand import DURATION_S
from scenarios.layout import Layout

HEADWAY_S: Final = (60.0, 3600.0)
PASSENGERS: Final = 30
CRUISING_MPS: Final = 12.5
STOP_SHARE: Final = 0.6
"""Of the blocks between two signals have a stop."""

DWELL_S: Final = (15.0, 30.0)
DEVIATION_PART: Final = 0.3
"""Standard deviation of a stop's dwell over its mean; counts of buses show 0.2 to 0.5."""

SHORTEST_DWELL_S: Final = 5.0
STOP_PART: Final = 0.6
"""Of a block's length lies before the end of its stop."""

UNPUNCTUAL: Final = 0.15
"""Standard deviation of a bus's start from its time, in headways."""


def arterial_lines(layout: Layout, headway_s: float, rng: Generator) -> tuple[BusLine, ...]:
    """Draw a line along an arterial each way.

    Parameters
    ----------
    layout
        From `scenarios.layout.arterial`.
    headway_s
        Of each, s.
    rng
        For stops and their dwell.

    Raises
    ------
    ScenarioError
        If the headway is out of its limits.
    """
    least_s, most_s = HEADWAY_S
    if not least_s <= headway_s <= most_s:
        raise ScenarioError(
            f"headway of buses: found {headway_s:g} s, allowed {least_s:g} to {most_s:g} s"
        )
    streets = layout.streets
    found = []
    for name, begin, end in (("east", "west", "east"), ("west", "east", "west")):
        route: list[str] = []
        stops: list[BusStop] = []
        at, before = begin, ""
        while at != end:
            # At either end of the street, and onward without turning round.
            road = next(
                road
                for road in (streets.roads[number] for number in streets.out_of[at])
                if road.main and road.head != before
            )
            inside = begin != at and road.head != end
            if inside and rng.random() < STOP_SHARE:
                dwell_s = round(float(rng.uniform(*DWELL_S)), 1)
                stops.append(BusStop(road.name, dwell_s, round(DEVIATION_PART * dwell_s, 2)))
            route += road.links
            at, before = road.head, at
        found.append(
            BusLine(f"bus {name}", tuple(route), headway_s, PASSENGERS, tuple(stops), CRUISING_MPS)
        )
    return tuple(found)


def bus_vehicles(
    lines: Sequence[BusLine], network: RoadNetwork, rng: Generator
) -> list[tuple[float, str]]:
    """Draw the buses of an hour: when they start, and how long each stands at each stop.

    Parameters
    ----------
    lines, network
        The lines and their streets. Stops lie in bays, so that nobody has to wait behind a bus.
    rng
        Random numbers.

    Returns
    -------
    list of tuple
        Departure, s, and the vehicle as the route file has it, in order of departure.
    """
    found: list[tuple[float, str]] = []
    for number, line in enumerate(lines):
        due_s = float(rng.uniform(0.0, line.headway_s))
        bus = 0
        while due_s < DURATION_S:
            late_s = float(rng.normal(0.0, UNPUNCTUAL * line.headway_s))
            at_s = round(min(max(due_s + late_s, 0.0), DURATION_S - 1.0), 1)
            stops = "".join(_stop(stop, network, rng) for stop in line.stops)
            found.append(
                (
                    at_s,
                    f'    <vehicle id="bus{number}.{bus}" type="bus" line="{line.line_id}" '
                    f'depart="{at_s:.1f}" departLane="best" departSpeed="max" '
                    f'personNumber="{line.passengers:g}"><route edges="{" ".join(line.route)}"/>'
                    f"{stops}</vehicle>\n",
                )
            )
            due_s += line.headway_s
            bus += 1
    return sorted(found)


def _stop(stop: BusStop, network: RoadNetwork, rng: Generator) -> str:
    dwell_s = max(SHORTEST_DWELL_S, float(rng.normal(stop.dwell_s, stop.deviation_s)))
    end_m = STOP_PART * network.links[stop.link].length_m
    return (
        f'<stop lane="{stop.link}_0" endPos="{end_m:.1f}" duration="{dwell_s:.1f}" parking="true"/>'
    )
