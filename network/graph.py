"""The road network: links, movements, the connections that make them, and signals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import networkx as nx

from network.errors import TopologyError
from network.phasing import Phasing
from network.timing import TimingPlan


@dataclass(frozen=True, slots=True)
class Link:
    """A directed stretch of road between two nodes.

    Attributes
    ----------
    link_id, from_node, to_node
        Names.
    length_m
        Drivable length, m.
    speed_mps
        Free speed, m/s.
    lanes
        Number of lanes, from the right (or curb) lane 0 to the left.
    general_lanes
        Lane numbers open to general traffic; the rest are bus, bicycle or foot ways.
    shape_m
        Center line, pairs of x and y in m.
    """

    link_id: str
    from_node: str
    to_node: str
    length_m: float
    speed_mps: float
    lanes: int
    general_lanes: tuple[int, ...]
    shape_m: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if not self.length_m > 0 or not self.speed_mps > 0 or self.lanes < 1:
            raise TopologyError(
                f"link {self.link_id!r}: length {self.length_m} m, speed {self.speed_mps} m/s and "
                f"{self.lanes} lanes must all be above zero"
            )

    @property
    def travel_time_s(self) -> float:
        """Running time at free speed, s."""
        return self.length_m / self.speed_mps


@dataclass(frozen=True, slots=True)
class Connection:
    """The way from one lane over a node to another lane.

    Attributes
    ----------
    connection_id
        ``from_lane>to_lane`` with lanes written ``link_number``.
    from_link, from_lane, to_link, to_lane
        Where it begins and ends.
    via_lane
        The lane inside the node, empty where the source has none.
    turn
        ``s`` straight, ``r`` right, ``l`` left, ``t`` U-turn, ``R`` and ``L`` slight turns.
    length_m
        Length of the way across the node, m.
    speed_mps
        Speed allowed on the way across the node, m/s.
    wait_m
        How far inside the node a driver who must yield waits, m; 0 where that is the stop line.
    groups
        Signal groups that must show green; empty at nodes without a signal.
    foes
        Connections of the same node whose ways cross or merge with this one.
    yields_to
        Those foes it must give way to when both may go.
    """

    connection_id: str
    from_link: str
    from_lane: int
    to_link: str
    to_lane: int
    via_lane: str
    turn: str
    length_m: float
    speed_mps: float
    wait_m: float
    groups: tuple[int, ...]
    foes: frozenset[str]
    yields_to: frozenset[str]

    @property
    def movement_id(self) -> str:
        """The movement this connection belongs to."""
        return movement_id(self.from_link, self.to_link)


def movement_id(from_link: str, to_link: str) -> str:
    """Name the movement from one link to another."""
    return f"{from_link}>{to_link}"


@dataclass(frozen=True, slots=True)
class Movement:
    """A turn from one link into another at a signal, over all its lanes.

    Attributes
    ----------
    movement_id
        ``from_link>to_link``.
    signal_id
        The signal that controls it.
    from_link, to_link
        Names.
    turn
        As in `Connection`.
    connections
        The lane-to-lane ways that make it up.
    """

    movement_id: str
    signal_id: str
    from_link: str
    to_link: str
    turn: str
    connections: tuple[Connection, ...]


@dataclass(frozen=True, slots=True)
class Signal:
    """A signalized intersection, or several nodes under one controller.

    Attributes
    ----------
    signal_id
        Name.
    x_m, y_m
        Position, m.
    movements
        What it controls, by movement.
    phasing
        Its phases, or None where its program is not understood.
    plan_in_force
        The plan it runs today, or None.
    exact
        Whether `plan_in_force` shows the program in force to the tenth of a second (a program
        with fractional greens is rounded to whole seconds).
    program_id
        Name of the program in force.
    left_alone
        Why it is not to be retimed; empty where it may be.
    """

    signal_id: str
    x_m: float
    y_m: float
    movements: tuple[Movement, ...]
    phasing: Phasing | None
    plan_in_force: TimingPlan | None
    exact: bool
    program_id: str
    left_alone: str

    @property
    def connections(self) -> tuple[Connection, ...]:
        """All connections it controls."""
        return tuple(c for movement in self.movements for c in movement.connections)


@dataclass(frozen=True)
class RoadNetwork:
    """Links, signals and every allowed turn.

    Attributes
    ----------
    name
        What to call it.
    links
        By name.
    signals
        By name, ordered.
    connections
        Every lane-to-lane way between links, at nodes with and without a signal.
    """

    name: str
    links: Mapping[str, Link]
    signals: Mapping[str, Signal]
    connections: tuple[Connection, ...]

    def __post_init__(self) -> None:
        for connection in self.connections:
            for link in (connection.from_link, connection.to_link):
                if link not in self.links:
                    raise TopologyError(
                        f"connection {connection.connection_id!r} names the unknown link {link!r}"
                    )
        object.__setattr__(self, "links", MappingProxyType(dict(self.links)))
        object.__setattr__(self, "signals", MappingProxyType(dict(sorted(self.signals.items()))))

    def __reduce__(self) -> tuple[object, ...]:
        return (RoadNetwork, (self.name, dict(self.links), dict(self.signals), self.connections))

    @cached_property
    def movements(self) -> Mapping[str, Movement]:
        """Every signalized movement by name, ordered by signal."""
        return MappingProxyType(
            {m.movement_id: m for signal in self.signals.values() for m in signal.movements}
        )

    @cached_property
    def turns_from(self) -> Mapping[str, tuple[Connection, ...]]:
        """Connections that leave each link."""
        found: dict[str, list[Connection]] = {link: [] for link in self.links}
        for connection in self.connections:
            found[connection.from_link].append(connection)
        return MappingProxyType({link: tuple(turns) for link, turns in found.items()})

    @cached_property
    def turns_into(self) -> Mapping[str, tuple[Connection, ...]]:
        """Connections that end on each link."""
        found: dict[str, list[Connection]] = {link: [] for link in self.links}
        for connection in self.connections:
            found[connection.to_link].append(connection)
        return MappingProxyType({link: tuple(turns) for link, turns in found.items()})

    @cached_property
    def graph(self) -> nx.DiGraph:
        """Nodes of the network joined by links, as a networkx view for path questions."""
        graph = nx.MultiDiGraph()
        for link in self.links.values():
            graph.add_edge(
                link.from_node,
                link.to_node,
                key=link.link_id,
                length_m=link.length_m,
                travel_time_s=link.travel_time_s,
            )
        return graph
