"""A road network told as an inventory, for formats that speak of approaches and phases.

What an inventory cannot hold is said: ways that differ from lane to lane within a turn, clearances
that are neither yellow nor red, and signals whose phases are not understood.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from network.graph import Connection, Link, RoadNetwork, Signal
from network.inventory import Inventory, Lane, LaneUse, Node, NodeKind, Street, Turn, TurnKind
from network.inventory_plans import coordination_of
from network.inventory_signals import Controller
from network.phasing import Phasing

HEADINGS: Final = ("NB", "NE", "EB", "SE", "SB", "SW", "WB", "NW")
"""Headings of traffic, 45 degrees apart, clockwise from north."""

_KINDS: Final = {"R": TurnKind.RIGHT, "L": TurnKind.LEFT}


def inventory_of(network: RoadNetwork) -> Inventory:
    """Describe a network as an engineer's files would.

    A stage program becomes one ring. Headings come from the geometry; where two approaches of a
    node would share one, the one that is further off takes the nearest free. Volumes, saturation
    flows, detectors and crossings are not known here.

    Parameters
    ----------
    network
        Any network.

    Returns
    -------
    Inventory
        Its findings say what it cannot hold.
    """
    findings: list[str] = []
    by_link: dict[str, list[Connection]] = defaultdict(list)
    for connection in network.connections:
        by_link[connection.from_link].append(connection)
    signal_of = {
        movement_id: signal.signal_id
        for signal in network.signals.values()
        for movement_id in (movement.movement_id for movement in signal.movements)
    }
    headings = _headings(network.links.values())
    turns: list[Turn] = []
    nodes_of: dict[str, list[str]] = defaultdict(list)
    for link in network.links.values():
        grouped: dict[str, list[Connection]] = defaultdict(list)
        for connection in by_link[link.link_id]:
            grouped[connection.to_link].append(connection)
        for ways in grouped.values():
            name = ways[0].movement_id
            signal = network.signals.get(signal_of.get(name, ""))
            turns.append(_turn(link, ways, signal, findings))
            if signal is not None and link.to_node not in nodes_of[signal.signal_id]:
                nodes_of[signal.signal_id].append(link.to_node)
    signalized = {node for nodes in nodes_of.values() for node in nodes}
    controllers: list[Controller] = []
    for signal in network.signals.values():
        if signal.phasing is None or signal.plan_in_force is None:
            findings.append(
                f"signal {signal.signal_id!r} is without its phases: {signal.left_alone}"
            )
            continue
        plan = coordination_of(signal.plan_in_force, signal.phasing, "in-force")
        controllers.append(Controller(signal.signal_id, tuple(nodes_of[signal.signal_id]), (plan,)))
        odd = [pair for pair in signal.phasing.fixed_clearances if _odd(signal.phasing, pair)]
        if odd:
            findings.append(
                f"signal {signal.signal_id!r} clears {len(odd)} changes of phase in a way of its "
                "own (staggered yellows, red and yellow); told as plain yellow and red"
            )
    closed = sum(link.lanes - len(link.general_lanes) for link in network.links.values())
    if closed:
        findings.append(
            f"{closed} lanes are not open to cars; told as bus lanes, which they need not be"
        )
    return Inventory(
        network.name,
        _nodes(network.links.values(), signalized),
        tuple(
            Street(
                link.link_id,
                link.from_node,
                link.to_node,
                "",
                link.length_m,
                link.speed_mps,
                tuple(
                    Lane(i, LaneUse.GENERAL if i in link.general_lanes else LaneUse.BUS)
                    for i in range(link.lanes)
                ),
                headings[link.link_id],
                link.shape_m,
            )
            for link in network.links.values()
        ),
        tuple(turns),
        (),
        tuple(controllers),
        (),
        tuple(findings),
    )


def _turn(
    link: Link, ways: Sequence[Connection], signal: Signal | None, findings: list[str]
) -> Turn:
    first = ways[0]
    protected: set[int] = set()
    permitted: set[int] = set()
    on_red = False
    for phase in signal.phasing.phases if signal is not None and signal.phasing else ():
        shown = {phase.aspects[group] for way in ways for group in way.groups}
        if len(shown) > 1:
            findings.append(
                f"turn {first.movement_id!r}: its lanes differ in phase {phase.number} "
                f"({', '.join(sorted(shown))}); told as the most permissive"
            )
        if "G" in shown:
            protected.add(phase.number)
        elif "g" in shown:
            permitted.add(phase.number)
        on_red = on_red or "s" in shown
    kind = _KINDS.get(first.turn.upper())
    if kind is None:
        kind = TurnKind.U_TURN if first.turn == "t" else TurnKind.THROUGH
    return Turn(
        first.movement_id,
        link.to_node,
        first.from_link,
        first.to_link,
        kind,
        tuple(sorted({way.from_lane for way in ways})),
        tuple(sorted({way.to_lane for way in ways})),
        tuple(sorted(protected)),
        tuple(sorted(permitted)),
        right_on_red=on_red if kind is TurnKind.RIGHT and signal is not None else None,
    )


def _odd(phasing: Phasing, pair: tuple[int, int]) -> bool:
    plain = Phasing(phasing.phases, {}).clearance(*pair)
    return phasing.fixed_clearances[pair] != plain


def _nodes(links: Iterable[Link], signalized: set[str]) -> tuple[Node, ...]:
    places: dict[str, tuple[float, float]] = {}
    neighbors: dict[str, set[str]] = defaultdict(set)
    for link in links:
        # Shapes end at the stop line; the middle of all ends is nearest to the node itself.
        for node, point in ((link.from_node, link.shape_m[0]), (link.to_node, link.shape_m[-1])):
            x_m, y_m = places.get(node, point)
            places[node] = ((x_m + point[0]) / 2, (y_m + point[1]) / 2)
        neighbors[link.from_node].add(link.to_node)
        neighbors[link.to_node].add(link.from_node)
    return tuple(
        Node(node, x_m, y_m, _kind(node, signalized, len(neighbors[node])))
        for node, (x_m, y_m) in sorted(places.items())
    )


def _kind(node: str, signalized: set[str], neighbors: int) -> NodeKind:
    if node in signalized:
        return NodeKind.SIGNAL
    if neighbors < 2:
        return NodeKind.EXTERNAL
    return NodeKind.BEND if neighbors == 2 else NodeKind.UNCONTROLLED


def _headings(links: Iterable[Link]) -> dict[str, str]:
    """Give every approach of a node a heading of its own, the best fitting first."""
    into: dict[str, list[Link]] = defaultdict(list)
    for link in links:
        into[link.to_node].append(link)
    found: dict[str, str] = {}
    for approaches in into.values():
        wishes = [
            (_apart(link, index), link.link_id, heading)
            for link in approaches
            # The four of a compass rose fit every format; the others are for what is left.
            for index, heading in enumerate(HEADINGS)
        ]
        taken: set[str] = set()
        for _, name, heading in sorted(wishes):
            if name not in found and heading not in taken:
                found[name] = heading
                taken.add(heading)
        for link in approaches:
            found.setdefault(link.link_id, "")
    return found


def _apart(link: Link, index: int) -> float:
    (x0_m, y0_m), (x1_m, y1_m) = link.shape_m[-2:]
    bearing = math.degrees(math.atan2(x1_m - x0_m, y1_m - y0_m))
    apart = abs((bearing - 45 * index + 180) % 360 - 180)
    return apart + (45.0 if index % 2 else 0.0)
