"""Where platoons go: rows of signals, found from the streams.

Following the heaviest continuation from stop line to stop line gives rows; the one that carries the
most platoon traffic past the most signals is the corridor worth a green wave.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from heapq import heappop, heappush
from itertools import pairwise
from typing import NamedTuple

from engine.measures.corridor import Corridor, Leg, Passage, Stop
from engine.measures.streams import Stream
from engine.measures.street import Street
from network.graph import Movement, RoadNetwork
from network.units import SECONDS_PER_HOUR

STRAIGHT = frozenset("sRL")
"""Turns after which a street is taken to go on, slight turns included."""

INSIDE_S = 15.0
"""Stop lines of one signal that lie at most this far apart are crossed in one go, s."""

CORNER_PART = 0.5
"""A corridor turns a corner only with more than this part of an approach's traffic."""


def strongest_corridor(network: RoadNetwork, street: Street) -> Corridor | None:
    """Find the row of signals that carries the most platoon traffic.

    From every stream the heaviest continuation is followed, no signal twice; a row is worth
    its number of signals times the least flow that goes on along it, both directions added.

    Parameters
    ----------
    network
        The roads.
    street
        The street under its demand.

    Returns
    -------
    Corridor or None
        None where no platoon runs from one signal to another.
    """
    rows = _Rows(network, street)
    best = min(rows.candidates(), key=lambda row: row.key, default=None)
    if best is None or best.key[0] >= 0:
        return None
    return rows.corridor(best.outbound, best.inbound)


def arterials(
    network: RoadNetwork, street: Street, joined: Set[frozenset[str]] | None = None
) -> tuple[Corridor, ...]:
    """Divide the streets into rows of signals that platoons follow, the busiest first.

    Unlike the strongest corridor, a row is worth the platoon traffic of all its legs, so that
    it goes on as long as its street does.

    Parameters
    ----------
    network
        The roads.
    street
        The street under its demand.
    joined
        Pairs of signals that a row may pass one after the other; all by default.

    Returns
    -------
    tuple of Corridor
        Two of them may cross at a signal, but no two share a leg.
    """
    rows = _Rows(network, street)
    found: list[tuple[tuple[float, tuple[str, ...]], frozenset[frozenset[str]], _Row]] = []
    for row in rows.candidates():
        route = row.key[2]
        pairs = frozenset(frozenset(pair) for pair in pairwise(route))
        flow = sum(rows.stream_vph(s) for s in (*row.outbound, *row.inbound) if not rows.inside(s))
        if row.key[0] < 0 and (joined is None or pairs <= joined):
            found.append(((-round(flow, 6), route), pairs, row))
    corridors: list[Corridor] = []
    taken: set[frozenset[str]] = set()
    for _, pairs, row in sorted(found, key=lambda item: item[0]):
        if not pairs & taken:
            taken |= pairs
            corridors.append(rows.corridor(row.outbound, row.inbound))
    return tuple(corridors)


def corridor_along(network: RoadNetwork, street: Street, signals: Sequence[str]) -> Corridor | None:
    """Lay out the corridor that passes given signals.

    Parameters
    ----------
    network
        The roads.
    street
        The street under its demand.
    signals
        Names in driving order, at least two.

    Returns
    -------
    Corridor or None
        By the heaviest way that straight or main turns lead; None where no platoon drives it.
    """
    route = tuple(signals)
    rows = _Rows(network, street)
    outbound = rows.way_back(route[::-1])
    return rows.corridor(outbound, rows.way_back(route)) if outbound else None


class _Row(NamedTuple):
    """A row of signals: what it is worth, and the streams there and back."""

    key: tuple[float, float, tuple[str, ...]]
    outbound: list[Stream]
    inbound: list[Stream]


class _Rows:
    """Streams, and which movement leads from one to the next."""

    def __init__(self, network: RoadNetwork, street: Street) -> None:
        self.network = network
        self.flow_vph = dict.fromkeys(network.movements, 0.0)
        for row, way in enumerate(street.ways):
            self.flow_vph[way.movement_id] += SECONDS_PER_HOUR * float(street.way_volume_vps[row])
        self.into: dict[str, list[Movement]] = {}
        self.out_of: dict[str, list[Movement]] = {}
        for movement in network.movements.values():
            self.into.setdefault(movement.to_link, []).append(movement)
            self.out_of.setdefault(movement.from_link, []).append(movement)
        self.by_exit: dict[str, list[Stream]] = {}
        for stream in street.stream_table:
            if not self.inside(stream) or self.is_short(stream):
                self.by_exit.setdefault(stream.exit_link, []).append(stream)
        self.starts = [
            stream for found in self.by_exit.values() for stream in found if not self.inside(stream)
        ]
        self.between_signals: dict[tuple[str, ...], list[Stream]] = {}
        for stream in self.starts:
            self.between_signals.setdefault(self.ends(stream), []).append(stream)
        self.onward: dict[str, list[tuple[float, str, bool, str, Stream]]] = {}
        self.back: dict[tuple[str, ...], list[Stream]] = {}
        self.leaving_vph: dict[str, float] = {}
        self.joins: dict[tuple[str, str], Movement] = {}

    def candidates(self) -> Iterator[_Row]:
        """Yield every row that the heaviest continuation from some stream makes."""
        for start in self.starts:
            chain = self.follow(start)
            for length in range(1, len(chain) + 1):
                outbound = chain[:length]
                if self.inside(outbound[-1]):
                    continue
                route = self.route(outbound)
                inbound = self.way_back(route)
                flow = self.least_flow(outbound)
                both = flow + (self.least_flow(inbound) if inbound else 0.0)
                # Rounded, so that the last bits of a sum do not choose between equal rows.
                key = (-round(len(route) * both, 6), -round(flow, 6), route)
                yield _Row(key, outbound, inbound)

    def ends(self, stream: Stream) -> tuple[str, str]:
        """Return the signals a stream comes from and goes to."""
        return (
            self.into[stream.exit_link][0].signal_id,
            self.out_of[stream.approach_link][0].signal_id,
        )

    def inside(self, stream: Stream) -> bool:
        """Tell whether a stream leads from one stop line of a signal to another of its own."""
        a, b = self.ends(stream)
        return a == b

    def is_short(self, stream: Stream) -> bool:
        """Tell whether a stream leads quickly to another node; turning round does not."""
        links = self.network.links
        to_another = links[stream.exit_link].from_node != links[stream.approach_link].to_node
        return to_another and stream.travel_time_s <= INSIDE_S

    def route(self, chain: Sequence[Stream]) -> tuple[str, ...]:
        """Return the signals of a chain in driving order."""
        first = self.ends(chain[0])[0]
        return tuple(dict.fromkeys([first, *(self.ends(stream)[1] for stream in chain)]))

    def follow(self, start: Stream, route: Sequence[str] = ()) -> list[Stream]:
        """Follow the heaviest continuation, along the signals of a route if one is given."""
        chain, seen = [start], [*self.ends(start)]
        is_inside = self.inside(start)
        while True:
            asked = route[len(seen) : len(seen) + 1]
            best = next(
                (
                    way
                    for way in self.onward_of(chain[-1])
                    if (
                        not is_inside
                        if way[2]
                        else way[3] not in seen and (not route or asked == (way[3],))
                    )
                ),
                None,
            )
            if best is None or best[0] <= 0:
                return chain
            _, _, is_inside, signal, onward = best
            chain.append(onward)
            if not is_inside:
                seen.append(signal)

    def onward_of(self, stream: Stream) -> list[tuple[float, str, bool, str, Stream]]:
        """Return how a stream may go on, the heaviest first.

        Of each continuation: its flow, veh/h, the link it approaches by, whether it stays inside
        its signal, the signal it leads to, and the stream.
        """
        found = self.onward.get(stream.approach_link)
        if found is None:
            found = [
                (
                    self.onward_vph(movement, onward),
                    onward.approach_link,
                    self.inside(onward),
                    self.ends(onward)[1],
                    onward,
                )
                for movement in self.out_of[stream.approach_link]
                if self.carries_on(movement)
                for onward in self.by_exit.get(movement.to_link, [])
            ]
            found.sort(key=lambda way: (-way[0], way[1]))
            self.onward[stream.approach_link] = found
        return found

    def carries_on(self, movement: Movement) -> bool:
        """Tell whether a corridor may go on by a movement."""
        if movement.turn in STRAIGHT:
            return True
        approach_vph = sum(self.flow_vph[m.movement_id] for m in self.out_of[movement.from_link])
        return self.flow_vph[movement.movement_id] > CORNER_PART * approach_vph

    def onward_vph(self, movement: Movement, stream: Stream) -> float:
        """Flow of a movement that goes on as a stream."""
        return self.flow_vph[movement.movement_id] * stream.share

    def stream_vph(self, stream: Stream) -> float:
        """Flow of a stream."""
        if stream.exit_link not in self.leaving_vph:
            self.leaving_vph[stream.exit_link] = sum(
                self.flow_vph[m.movement_id] for m in self.into[stream.exit_link]
            )
        return self.leaving_vph[stream.exit_link] * stream.share

    def least_flow(self, chain: Sequence[Stream]) -> float:
        """Least flow that goes on along a chain, veh/h."""
        flows = [self.stream_vph(stream) for stream in chain]
        for stream, onward in pairwise(chain):
            flows.append(self.onward_vph(self.between(stream, onward), onward))
        return min(flows)

    def between(self, stream: Stream, onward: Stream) -> Movement:
        """Return the movement that joins two streams."""
        key = (stream.approach_link, onward.exit_link)
        if key not in self.joins:
            self.joins[key] = next(m for m in self.out_of[key[0]] if m.to_link == key[1])
        return self.joins[key]

    def way_back(self, route: tuple[str, ...]) -> list[Stream]:
        """Return the heaviest chain along a route from its end to its beginning, or nothing."""
        known = self.back.get(route)
        if known is not None:
            return known
        back = route[::-1]
        found = [self.follow(start, back) for start in self.between_signals.get(back[:2], [])]
        whole = []
        for chain in found:
            while self.inside(chain[-1]):
                chain.pop()
            if self.route(chain) == back:
                whole.append(chain)
        best: list[Stream] = min(
            whole, key=lambda c: (-self.least_flow(c), c[0].exit_link), default=[]
        )
        self.back[route] = best
        return best

    def heaviest(self, movements: Sequence[Movement]) -> Movement:
        """Return the movement with the most traffic, of those straight on where any goes."""
        flow = self.flow_vph
        straight = [m for m in movements if m.turn in STRAIGHT and flow[m.movement_id] > 0]
        return min(straight or movements, key=lambda m: (-flow[m.movement_id], m.movement_id))

    def corridor(self, outbound: list[Stream], inbound: list[Stream]) -> Corridor:
        """Lay out the stops and legs of two chains."""
        there, legs = self.lay_out(outbound)
        back, back_legs = self.lay_out(inbound) if inbound else ([()] * len(there), [])
        distance_m, stops = 0.0, []
        for i, signal in enumerate(self.route(outbound)):
            stops.append(Stop(signal, distance_m, there[i], back[-1 - i]))
            distance_m += legs[i].distance_m if i < len(legs) else 0.0
        return Corridor(tuple(stops), tuple(legs), tuple(back_legs[::-1]))

    def lay_out(self, chain: list[Stream]) -> tuple[list[tuple[Passage, ...]], list[Leg]]:
        """Return the passages of each stop of a chain, and the legs between stops."""
        movements = [
            self.heaviest(self.into[chain[0].exit_link]),
            *(self.between(a, b) for a, b in pairwise(chain)),
            self.heaviest(self.out_of[chain[-1].approach_link]),
        ]
        passages = [[Passage(movements[0].connections, 0.0)]]
        legs: list[Leg] = []
        links: list[str] = []
        length_m = elapsed_s = 0.0
        for movement, stream, onward in zip(movements, chain, movements[1:], strict=False):
            lanes = movement.connections
            links += self.links_of(stream)
            length_m += sum(c.length_m for c in lanes) / len(lanes) + stream.distance_m
            elapsed_s += sum(c.length_m / c.speed_mps for c in lanes) / len(lanes)
            elapsed_s += stream.travel_time_s
            if self.inside(stream):
                passages[-1].append(Passage(onward.connections, elapsed_s))
                continue
            legs.append(Leg(tuple(links), length_m, elapsed_s, self.stream_vph(stream)))
            passages.append([Passage(onward.connections, 0.0)])
            links, length_m, elapsed_s = [], 0.0, 0.0
        return [tuple(found) for found in passages], legs

    def links_of(self, stream: Stream) -> list[str]:
        """Return the links a stream drives on, by the quickest way."""
        frontier = [(0.0, stream.exit_link, [stream.exit_link])]
        seen: set[str] = set()
        while frontier:
            elapsed_s, link, path = heappop(frontier)
            if link == stream.approach_link:
                return path
            if link in seen:
                continue
            seen.add(link)
            for turn in self.network.turns_from[link]:
                onward_s = elapsed_s + self.network.links[turn.to_link].travel_time_s
                heappush(frontier, (onward_s, turn.to_link, [*path, turn.to_link]))
        return [stream.exit_link, stream.approach_link]
