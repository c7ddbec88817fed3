"""The way of a vehicle through the network, and the signals it passes."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

from network.errors import InfeasibleError
from network.graph import RoadNetwork


@dataclass(frozen=True, slots=True)
class Passage:
    """A signal on a way.

    Attributes
    ----------
    signal_id, from_link, to_link
        Where it turns from one link into the other.
    at_m, running_s
        Distance and running time at free speed from the beginning of the way to the stop line.
    """

    signal_id: str
    from_link: str
    to_link: str
    at_m: float
    running_s: float


def passages_of(network: RoadNetwork, links: Sequence[str]) -> tuple[Passage, ...]:
    """List the signals on a way.

    Parameters
    ----------
    network
        The roads.
    links
        In driving order; distances count from the beginning of the first.

    Raises
    ------
    InfeasibleError
        Two links that follow one another are not joined.
    """
    found: list[Passage] = []
    at_m = running_s = 0.0
    for link_id, onward in zip(links, [*links[1:], ""], strict=True):
        link = network.links[link_id]
        at_m += link.length_m
        running_s += link.travel_time_s
        turns = [c for c in network.turns_from[link_id] if c.to_link == onward]
        if not turns:
            if onward:
                raise InfeasibleError(f"no way leads from link {link_id!r} into {onward!r}")
            break
        for signal in network.signals.values():
            if any(m.from_link == link_id and m.to_link == onward for m in signal.movements):
                found.append(Passage(signal.signal_id, link_id, onward, at_m, running_s))
        at_m += turns[0].length_m
        running_s += turns[0].length_m / turns[0].speed_mps
    return tuple(found)


def fastest_way(network: RoadNetwork, from_link: str, to_link: str) -> tuple[str, ...]:
    """Return the links of the way of least running time at free speed.

    Only lanes open to general traffic are used.

    Raises
    ------
    InfeasibleError
        A link is unknown, or none leads from one to the other.
    """
    for name in (from_link, to_link):
        if name not in network.links:
            raise InfeasibleError(f"the network has no link {name!r}")
    best_s = {from_link: network.links[from_link].travel_time_s}
    before: dict[str, str] = {}
    queue = [(best_s[from_link], from_link)]
    while queue:
        time_s, link_id = heapq.heappop(queue)
        if link_id == to_link:
            way = [link_id]
            while way[-1] in before:
                way.append(before[way[-1]])
            return tuple(reversed(way))
        if time_s > best_s[link_id]:
            continue
        for c in network.turns_from[link_id]:
            link = network.links[c.to_link]
            if c.to_lane not in link.general_lanes or c.turn == "t":
                continue
            then_s = time_s + c.length_m / c.speed_mps + link.travel_time_s
            if then_s < best_s.get(c.to_link, math.inf) and c.to_link != from_link:
                best_s[c.to_link], before[c.to_link] = then_s, link_id
                heapq.heappush(queue, (then_s, c.to_link))
    raise InfeasibleError(f"no way leads from link {from_link!r} to link {to_link!r}")
