"""Which ways of a signal cross, who yields, and which may have green together.

The source's right of way (`Connection.foes`, `yields_to`) counts first. At a node where it says
nothing of different approaches, ways cross when their ends interleave around the node or when
they lead to the same link.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

import networkx as nx

from network.derive.geometry import Approach, heading_deg, opposing
from network.errors import TopologyError
from network.graph import Connection, RoadNetwork, Signal
from network.inventory import TurnKind

MOST_SETS = 10_000
"""So many maximal compatible sets are listed; a signal with more is not an intersection."""

_SIDE_DEG = 5.0
"""Half the angle between the two directions of a leg, seen from the middle of the node."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Ways that must have green together: they share a lane or a signal group.

    Attributes
    ----------
    ways
        Connection names, ordered.
    approaches
        Links they leave, ordered; more than one only where they share a signal group.
    lanes
        Lanes they leave from.
    kinds
        Which ways they turn.
    """

    ways: tuple[str, ...]
    approaches: tuple[str, ...]
    lanes: frozenset[tuple[str, int]]
    kinds: frozenset[TurnKind]

    @property
    def turns_left(self) -> bool:
        """Whether nothing of it goes straight or right."""
        return self.kinds <= {TurnKind.LEFT, TurnKind.U_TURN}


class Conflicts:
    """What crosses what at one signal.

    Parameters
    ----------
    network
        The roads.
    signal
        The signal.
    found
        Its approaches.

    Attributes
    ----------
    ways
        Connections under a signal group, by name.
    kind
        Turn of each way by geometry.
    opposite
        Opposite approach of an approach.
    """

    def __init__(self, network: RoadNetwork, signal: Signal, found: Sequence[Approach]) -> None:
        self.ways: dict[str, Connection] = {
            c.connection_id: c for c in signal.connections if c.groups
        }
        kinds = {t.movement.movement_id: t.kind for a in found for t in a.turns}
        self.kind = {name: kinds[c.movement_id] for name, c in self.ways.items()}
        self.opposite = opposing(found)
        self._foes = _foes(network, self.ways, found)

    def cross(self, a: str, b: str) -> bool:
        """Tell whether two ways cross or merge."""
        return b in self._foes[a]

    def foes(self, way: str) -> frozenset[str]:
        """Return the ways that cross or merge with a way."""
        return self._foes[way]

    def yielding(self, a: str, b: str) -> str | None:
        """Return who of two crossing ways lawfully yields when both have green, if anybody.

        Ways of one approach may merge. Of opposite approaches, the one that turns left (or
        round) yields to the one that does not, unless the source gives it priority; two left
        turns that cross may not go together, nor may ways of crossing streets.
        """
        one, other = self.ways[a], self.ways[b]
        if one.from_link == other.from_link:
            if (b in one.yields_to) != (a in other.yields_to):
                return a if b in one.yields_to else b
            return max((a, b), key=lambda way: (self.kind[way] is not TurnKind.THROUGH, way))
        if self.opposite.get(one.from_link) != other.from_link:
            return None
        order = (TurnKind.U_TURN, TurnKind.LEFT)
        ranks = [order.index(self.kind[w]) if self.kind[w] in order else 2 for w in (a, b)]
        if ranks[0] == ranks[1]:
            return None
        first, second = (a, b) if ranks[0] < ranks[1] else (b, a)
        source_says_otherwise = first in self.ways[second].yields_to and second not in (
            self.ways[first].yields_to
        )
        return None if source_says_otherwise else first

    def compatible(self, a: Unit, b: Unit, permissive: bool) -> bool:
        """Tell whether two units may have green together.

        Parameters
        ----------
        a, b
            Units.
        permissive
            Whether one may yield to the other.
        """
        return all(
            permissive and self.yielding(one, other) is not None
            for one in a.ways
            for other in self._foes[one].intersection(b.ways)
        )

    def units(self) -> tuple[Unit, ...]:
        """Return the units of the signal, by their first way."""
        ties = nx.Graph()
        ties.add_nodes_from(self.ways)
        for name, way in self.ways.items():
            ties.add_edge(name, (way.from_link, way.from_lane))
            ties.add_edges_from((name, group) for group in way.groups)
        found = []
        for part in nx.connected_components(ties):
            names = tuple(sorted(name for name in part if isinstance(name, str)))
            ways = [self.ways[name] for name in names]
            found.append(
                Unit(
                    names,
                    tuple(sorted({way.from_link for way in ways})),
                    frozenset((way.from_link, way.from_lane) for way in ways),
                    frozenset(self.kind[name] for name in names),
                )
            )
        return tuple(sorted(found, key=lambda unit: unit.ways))


def compatible_sets(
    conflicts: Conflicts, permissive: bool = True, at_most: int = MOST_SETS
) -> tuple[tuple[Unit, ...], ...]:
    """Return every largest set of units that may have green together.

    Parameters
    ----------
    conflicts
        What crosses what.
    permissive
        Whether opposed left turns may yield.
    at_most
        So many sets are listed.

    Returns
    -------
    tuple
        Sets that no further unit fits into, ordered.

    Raises
    ------
    TopologyError
        If there are more.
    """
    units = conflicts.units()
    graph = nx.Graph()
    graph.add_nodes_from(range(len(units)))
    graph.add_edges_from(
        (i, j)
        for (i, a), (j, b) in combinations(enumerate(units), 2)
        if conflicts.compatible(a, b, permissive)
    )
    found = [tuple(sorted(part)) for part in islice(nx.find_cliques(graph), at_most + 1)]
    if len(found) > at_most:
        raise TopologyError(
            f"more than {at_most} compatible sets of {len(units)} units; this is not one "
            "intersection"
        )
    return tuple(tuple(units[i] for i in part) for part in sorted(found))


def _foes(
    network: RoadNetwork, ways: Mapping[str, Connection], found: Sequence[Approach]
) -> dict[str, frozenset[str]]:
    node = {approach.link.link_id: approach.node for approach in found}
    by_node: dict[str, list[str]] = {}
    for name, way in ways.items():
        by_node.setdefault(node[way.from_link], []).append(name)
    foes: dict[str, set[str]] = {name: set() for name in ways}
    for names in by_node.values():
        pairs = _from_source(ways, names)
        if not any(ways[a].from_link != ways[b].from_link for a, b in pairs):
            pairs = [*pairs, *_from_geometry(network, ways, names, found)]
        for a, b in pairs:
            foes[a].add(b)
            foes[b].add(a)
    return {name: frozenset(others) for name, others in foes.items()}


def _from_source(ways: Mapping[str, Connection], names: Iterable[str]) -> list[tuple[str, str]]:
    present = set(names)
    return [(name, foe) for name in present for foe in ways[name].foes if foe in present]


def _from_geometry(
    network: RoadNetwork,
    ways: Mapping[str, Connection],
    names: Sequence[str],
    found: Sequence[Approach],
) -> list[tuple[str, str]]:
    """Join the ends of each way by a chord around the node; chords that cross conflict."""
    heading = {approach.link.link_id: approach.heading_deg for approach in found}
    ends: dict[str, tuple[float, float]] = {}
    for name in names:
        way = ways[name]
        out = heading_deg(network.links[way.to_link].shape_m, at_end=False)
        ends[name] = ((heading[way.from_link] + 180.0 + _SIDE_DEG) % 360.0, out - _SIDE_DEG)
    crossing = []
    for a, b in combinations(names, 2):
        if ways[a].from_link == ways[b].from_link:
            continue
        (begin, end), points = ends[a], ends[b]
        span = (end - begin) % 360.0
        inside = [(point - begin) % 360.0 < span for point in points]
        # Where a heading is unknown nothing can be excluded.
        unknown = any(math.isnan(value) for value in (begin, end, *points))
        if unknown or inside[0] != inside[1] or ways[a].to_link == ways[b].to_link:
            crossing.append((a, b))
    return crossing
