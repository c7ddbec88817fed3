"""Intersections drawn leg by leg, with right of way from their geometry."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from network.derive.conflicts import Conflicts
from network.derive.geometry import approaches
from network.graph import Connection, Link, Movement, RoadNetwork, Signal
from network.safety import check
from network.timeline import watch
from network.timing import TimingPlan

EAST, NORTH, WEST, SOUTH = 0.0, 90.0, 180.0, 270.0

Lanes = tuple[str, ...]
"""Letters of the turns of each lane, from right to left: ``("r", "s", "l")``."""


def corner(
    legs: Mapping[float, Lanes | None],
    *,
    exits: Sequence[float] | None = None,
    speed_mps: Mapping[float, float] | None = None,
    right_of_way: bool = True,
) -> tuple[RoadNetwork, Signal]:
    """Draw a signal X whose leg at bearing b has links ``in<b>`` and ``out<b>``.

    Parameters
    ----------
    legs
        Approach lanes of the leg at each bearing, degrees; None where traffic only leaves.
    exits
        Bearings at which traffic may leave; all by default.
    speed_mps
        Speed by bearing; 13.9 m/s by default.
    right_of_way
        Whether connections say who crosses whom and who yields.
    """
    leaving = list(legs) if exits is None else list(exits)
    links: dict[str, Link] = {}
    connections: list[Connection] = []
    for bearing, lanes in legs.items():
        far, near = point(bearing, 200.0), point(bearing, 10.0)
        speed = (speed_mps or {}).get(bearing, 13.9)
        if lanes is not None:
            name = f"in{bearing:g}"
            count = len(lanes)
            links[name] = Link(
                name, f"n{bearing:g}", "X", 190.0, speed, count, tuple(range(count)), (far, near)
            )
        if bearing in leaving:
            name = f"out{bearing:g}"
            links[name] = Link(name, "X", f"n{bearing:g}", 190.0, speed, 2, (0, 1), (near, far))
    for bearing, lanes in legs.items():
        for number, letters in enumerate(lanes or ()):
            for letter in letters:
                for onward in leaving:
                    if letter_of(bearing, onward) == letter:
                        connections.append(way(bearing, number, onward, letter, len(connections)))
    network = network_of(links, connections)
    signal = network.signals["X"]
    return with_right_of_way(network, signal) if right_of_way else (network, signal)


def point(bearing: float, far_m: float) -> tuple[float, float]:
    angle = math.radians(bearing)
    return far_m * math.cos(angle), far_m * math.sin(angle)


def letter_of(bearing: float, onward: float) -> str:
    turned = (onward - bearing) % 360.0
    if turned == 0:
        return "t"
    # Seen from the leg driven in on, the leg straight on is half a turn away.
    return "s" if abs(turned - 180.0) <= 44.0 else "r" if turned < 180.0 else "l"


def way(bearing: float, lane: int, onward: float, letter: str, group: int) -> Connection:
    name = f"in{bearing:g}_{lane}>out{onward:g}_0"
    return Connection(
        name,
        f"in{bearing:g}",
        lane,
        f"out{onward:g}",
        0,
        "",
        letter,
        20.0,
        13.9,
        0.0,
        (group,),
        frozenset(),
        frozenset(),
    )


def network_of(links: Mapping[str, Link], connections: Sequence[Connection]) -> RoadNetwork:
    grouped: dict[str, list[Connection]] = {}
    for connection in connections:
        grouped.setdefault(connection.movement_id, []).append(connection)
    movements = tuple(
        Movement(name, "X", parts[0].from_link, parts[0].to_link, parts[0].turn, tuple(parts))
        for name, parts in sorted(grouped.items())
    )
    signal = Signal("X", 0.0, 0.0, movements, None, None, False, "", "no program")
    return RoadNetwork("drawn", links, {"X": signal}, tuple(connections))


def with_right_of_way(network: RoadNetwork, signal: Signal) -> tuple[RoadNetwork, Signal]:
    """Write into the connections what geometry says, left turns yielding."""
    conflicts = Conflicts(network, signal, approaches(network, signal))
    told = [
        replace(
            c,
            foes=conflicts.foes(c.connection_id),
            yields_to=frozenset(
                foe
                for foe in conflicts.foes(c.connection_id)
                if conflicts.yielding(c.connection_id, foe) == c.connection_id
            ),
        )
        for c in signal.connections
    ]
    network = network_of(network.links, told)
    return network, network.signals["X"]


FOUR = {EAST: ("rs", "s", "l"), NORTH: ("rs", "l"), WEST: ("rs", "s", "l"), SOUTH: ("rs", "l")}
"""A plain crossing: the main street runs east and west, every left turn has a lane."""


def faults(signal: Signal, plan: TimingPlan) -> list[str]:
    """Return what either checker says of a plan."""
    return [
        *(violation.text for violation in check(plan, signal)),
        *(sighting.text for sighting in watch(plan, signal)),
    ]
