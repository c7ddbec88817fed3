"""A corridor: signals in the order a platoon meets them, with their stop lines and the way between.

`engine.measures.corridor_search` finds corridors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from network.graph import Connection

Direction = Literal["outbound", "inbound"]


@dataclass(frozen=True, slots=True)
class Passage:
    """One stop line that the platoon crosses at a stop.

    Attributes
    ----------
    connections
        The lanes it may use over the node, each with its signal groups.
    lag_s
        Running time from the stop's first stop line, s; 0 there.
    """

    connections: tuple[Connection, ...]
    lag_s: float

    @property
    def groups(self) -> tuple[int, ...]:
        """Signal groups that serve it."""
        return tuple(sorted({group for c in self.connections for group in c.groups}))


@dataclass(frozen=True, slots=True)
class Stop:
    """A signal of a corridor.

    Attributes
    ----------
    signal_id
        Name.
    distance_m
        From the first stop's stop line, along the outbound way, m.
    outbound, inbound
        Stop lines crossed in each direction, more than one where the signal controls several
        nodes; inbound is empty where the corridor is one-way.
    """

    signal_id: str
    distance_m: float
    outbound: tuple[Passage, ...]
    inbound: tuple[Passage, ...]

    def passages(self, direction: Direction) -> tuple[Passage, ...]:
        """Return the stop lines of a direction."""
        return self.outbound if direction == "outbound" else self.inbound


@dataclass(frozen=True, slots=True)
class Leg:
    """The way from one stop's stop line to that of the next.

    Attributes
    ----------
    links
        In driving order, from the exit of the first signal to the approach of the next.
    distance_m, travel_time_s
        From stop line to stop line at free speed.
    flow_vph
        Vehicles that drive the whole leg, veh/h.
    """

    links: tuple[str, ...]
    distance_m: float
    travel_time_s: float
    flow_vph: float


@dataclass(frozen=True, slots=True)
class Corridor:
    """Signals in the order the outbound platoon meets them.

    Attributes
    ----------
    stops
        At least two.
    outbound_legs
        Leg i leads from stop i to stop i + 1.
    inbound_legs
        Leg i leads from stop i + 1 to stop i; empty where the corridor is one-way.
    """

    stops: tuple[Stop, ...]
    outbound_legs: tuple[Leg, ...]
    inbound_legs: tuple[Leg, ...]

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The directions that can be driven."""
        return ("outbound", "inbound") if self.inbound_legs else ("outbound",)

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals, outbound."""
        return tuple(stop.signal_id for stop in self.stops)

    def course(self, direction: Direction) -> tuple[tuple[Stop, float], ...]:
        """Return the stops as driven, each with the running time from the first one in s."""
        stops, legs = self.stops, self.outbound_legs
        if direction == "inbound":
            stops, legs = stops[::-1], self.inbound_legs[::-1]
        elapsed, found = 0.0, [(stops[0], 0.0)]
        for stop, leg in zip(stops[1:], legs, strict=True):
            elapsed += leg.travel_time_s
            found.append((stop, elapsed))
        return tuple(found)
