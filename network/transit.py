"""Bus lines: where they drive, where and how long they stop, and how many ride on them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from network.errors import NetworkError
from network.graph import RoadNetwork

LONGEST_DWELL_S = 600.0
MOST_PASSENGERS = 500.0


@dataclass(frozen=True, slots=True)
class BusStop:
    """A stop of a line.

    Attributes
    ----------
    link
        Where the bus halts.
    dwell_s, deviation_s
        How long it stands, on average and as a standard deviation from bus to bus, s.

    Raises
    ------
    NetworkError
        If a time is out of its range.
    """

    link: str
    dwell_s: float
    deviation_s: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("dwell", self.dwell_s), ("deviation", self.deviation_s)):
            if not 0.0 <= value <= LONGEST_DWELL_S:
                raise NetworkError(
                    f"bus stop on {self.link!r}: {name} of {value:g} s; allowed are 0 to "
                    f"{LONGEST_DWELL_S:g} s"
                )


@dataclass(frozen=True, slots=True)
class BusLine:
    """One direction of a line.

    Attributes
    ----------
    line_id
        Its name.
    route
        The links it drives over, in order, one leading into the next.
    headway_s
        Mean time between its buses, s.
    passengers
        In a bus, on average.
    stops
        In order; the links are on its route.
    speed_mps
        Its cruising speed; infinite for that of the links.

    Raises
    ------
    NetworkError
        If a number is out of its range, or a stop is not on the route.
    """

    line_id: str
    route: tuple[str, ...]
    headway_s: float
    passengers: float
    stops: tuple[BusStop, ...] = ()
    speed_mps: float = math.inf

    def __post_init__(self) -> None:
        where = f"bus line {self.line_id!r}"
        if not self.route or len(set(self.route)) < len(self.route):
            raise NetworkError(f"{where}: allowed is a route of links, each once")
        checked = (
            ("headway_s", self.headway_s, 10.0, 86_400.0),
            ("passengers", self.passengers, 0.0, MOST_PASSENGERS),
            ("speed_mps", self.speed_mps, 1.0, math.inf),
        )
        for name, value, least, most in checked:
            if not least <= value <= most:
                raise NetworkError(
                    f"{where}, {name}: found {value:g}; allowed are {least:g} to {most:g}"
                )
        for stop in self.stops:
            if stop.link not in self.route:
                raise NetworkError(f"{where}: it stops on {stop.link!r}, which is not on its route")

    @property
    def flow_vps(self) -> float:
        """Buses per second."""
        return 1.0 / self.headway_s


def require_route(line: BusLine, network: RoadNetwork) -> None:
    """Raise `NetworkError` unless a line's route leads over the links of a network."""
    for link in line.route:
        if link not in network.links:
            raise NetworkError(
                f"bus line {line.line_id!r}: network {network.name!r} has no link {link!r}"
            )
    for one, other in pairwise(line.route):
        if all(found.from_link != one for found in network.turns_into[other]):
            raise NetworkError(
                f"bus line {line.line_id!r}: no way leads from {one!r} to {other!r}; allowed are "
                "links in the order a driver takes them"
            )
