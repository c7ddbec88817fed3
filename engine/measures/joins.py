"""Where stop lanes begin: what feeds each of them, and which roads join there.

Behind a stop line every lane stays a lane of its own for some way. Then lanes become fewer, or
several roads join. What waits there for one stop lane stands before those who want another; where
roads join, that holds up each road by itself, and not the other one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

from engine.measures.streams import TURNING_ROUND, Stream, outside_weight
from network.graph import RoadNetwork

Place = tuple[str, int]
"""A link and one of its lanes."""


@dataclass(frozen=True)
class Mouth:
    """The beginning of an approach's stop lanes.

    Attributes
    ----------
    reach_m
        Length of road over which the stop lanes are separate, m.
    feeders
        For each stop lane the lanes that feed it where it begins; itself where nothing is known
        of lanes behind it.
    yielding
        Of several roads those that give way where they join.
    """

    reach_m: float
    feeders: Mapping[int, frozenset[Place]]
    yielding: frozenset[str] = frozenset()

    @cached_property
    def roads(self) -> tuple[str, ...]:
        """Links of the feeding lanes."""
        return tuple(sorted({link for found in self.feeders.values() for link, _ in found}))

    def undivided(self, link: str) -> Mouth:
        """Return the same stop lanes of a link as if one road led to them, lane by lane."""
        return Mouth(self.reach_m, {lane: frozenset([(link, lane)]) for lane in self.feeders})

    def from_road(self, road: str) -> dict[int, frozenset[Place]]:
        """Return the feeding lanes of one road, for every stop lane.

        A stop lane that none of its lanes leads to is reached by a change of lanes from the stop
        lane nearest to it that one does.
        """
        own = {
            lane: frozenset(place for place in found if place[0] == road)
            for lane, found in self.feeders.items()
        }
        fed = [lane for lane, found in own.items() if found]
        return {
            lane: found or own[min(fed, key=lambda other: (abs(other - lane), other))]
            for lane, found in own.items()
        }


def mouth(network: RoadNetwork, link: str, lanes: Sequence[int], exits: Set[str]) -> Mouth:
    """Go upstream from a stop line while every lane stays a lane of its own.

    Parameters
    ----------
    network
        The roads.
    link
        Ends at the stop line.
    lanes
        Its stop lanes.
    exits
        Links that begin at a signal.

    Returns
    -------
    Mouth
        Of one road where the lanes begin at a signal or at the edge of the network, or where one
        lane only would tell several roads apart.
    """
    reach_m = network.links[link].length_m
    origin = {lane: (link, lane) for lane in lanes}
    seen: set[str] = set()
    while True:
        alone = Mouth(reach_m, {lane: frozenset([origin[lane]]) for lane in lanes})
        current = {place[0] for place in origin.values()}
        if current & exits or current & seen:
            return alone
        seen |= current
        turns = {
            lane: [
                turn
                for turn in network.turns_into[origin[lane][0]]
                if turn.to_lane == origin[lane][1] and turn.turn != TURNING_ROUND
            ]
            for lane in lanes
        }
        feeders = {
            lane: frozenset((turn.from_link, turn.from_lane) for turn in found)
            for lane, found in turns.items()
        }
        found = [place for places in feeders.values() for place in places]
        roads = {place[0] for place in found}
        if not roads or (len(roads) > 1 and len(lanes) == 1):
            return alone
        if len(roads) > 1:
            yielding = {t.from_link for ways in turns.values() for t in ways if t.yields_to}
            return Mouth(reach_m, feeders, frozenset(yielding))
        if len(found) != len(set(found)) or any(len(f) != 1 for f in feeders.values()):
            return Mouth(
                reach_m,
                {lane: places or frozenset([origin[lane]]) for lane, places in feeders.items()},
            )
        origin = {lane: next(iter(places)) for lane, places in feeders.items()}
        reach_m += network.links[found[0][0]].length_m


@dataclass(frozen=True, slots=True)
class RoadFlow:
    """What one of several roads that join brings.

    Attributes
    ----------
    from_signals_vps
        What passed signals before, veh/s.
    outside_vps
        What is guessed to come by it of the traffic that passed none, veh/s.
    outside_part
        Its part of all such traffic.
    """

    from_signals_vps: float
    outside_vps: float
    outside_part: float

    @property
    def whole_vps(self) -> float:
        """All it brings, veh/s."""
        return self.from_signals_vps + self.outside_vps

    @property
    def is_known(self) -> bool:
        """Whether most of it is known from counts upstream."""
        return self.from_signals_vps > self.outside_vps


def road_flows(
    network: RoadNetwork,
    roads: Sequence[str],
    streams: Sequence[Stream],
    exit_vps: Mapping[str, float],
    outside_vps: float,
    exits: set[str],
) -> dict[str, RoadFlow]:
    """Estimate what each of the roads that join brings.

    Parameters
    ----------
    network
        The roads.
    roads
        Links that join.
    streams
        Streams to the approach.
    exit_vps
        What leaves each signal by each link, veh/s.
    outside_vps
        What comes to the approach and passed no signal, veh/s.
    exits
        Links that begin at a signal.

    Returns
    -------
    dict
        By road.
    """
    weight = {road: outside_weight(network, road, exits) for road in roads}
    total = sum(weight.values())
    passed = dict.fromkeys(roads, 0.0)
    for stream in streams:
        road = road_of(stream, roads)
        if road is not None:
            passed[road] += stream.share * exit_vps[stream.exit_link]
    return {
        road: RoadFlow(passed[road], outside_vps * weight[road] / total, weight[road] / total)
        for road in roads
    }


def road_of(stream: Stream, roads: Sequence[str]) -> str | None:
    """Return the road by which a stream comes; None where it comes by none of them."""
    return next((road for road in roads if road in stream.links), None)
