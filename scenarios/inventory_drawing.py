"""How an inventory is built: pieces of links, lane-to-lane ways, and names in the network.

A link with pockets becomes several edges: the first carries the link's name and its full lanes,
each further one begins where the next pocket opens. Parking lanes are not built, and neither are
crossings: nobody walks in the simulation, and the time people need is kept in the phases.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from network.errors import ScenarioError
from network.inventory import Inventory, Lane, LaneUse, NodeKind, Street, Turn, TurnKind
from scenarios.polylines import between, bezier, span_m

FORBIDDEN: Final = re.compile(r"[\s|\\'\";,:<>&!#?%*{}()\[\]/]+")
"""SUMO refuses most of these in names, its tools the rest."""

LEAST_PIECE_M: Final = 15.0
"""A pocket that leaves less of its link is a lane of full length: nobody could change into it."""
LEAST_POCKET_M: Final = 8.0
"""Room for one vehicle and its gap, as SUMO's drivers keep it."""
SETBACK_M: Final = 12.0
"""From a node's middle to a stop line; netconvert's corner radius and two lanes."""
LEAST_LINK_M: Final = 1.0
"""A shape shorter than this, as networks with cut corners have them, runs from node to node."""
SHORTEST_LINK_M: Final = 0.1
LENGTH_TOLERANCE: Final = 0.03
LEAST_DIFFERENCE_M: Final = 10.0
MOST_COORDINATE_M: Final = 1e8


@dataclass(frozen=True, slots=True)
class Piece:
    """One edge of the built network.

    Attributes
    ----------
    name
        Of the edge.
    lanes
        The inventory's lanes it has, from right to left; the index is SUMO's lane number.
    shape_m
        Center line of the link along it.
    length_m
        To be written down; None to have netconvert measure it.
    """

    name: str
    lanes: tuple[Lane, ...]
    shape_m: tuple[tuple[float, float], ...]
    length_m: float | None

    def index(self, number: int) -> int | None:
        """Return SUMO's number of an inventory lane, None where the piece lacks it."""
        for index, lane in enumerate(self.lanes):
            if lane.number == number:
                return index
        return None

    @property
    def general(self) -> tuple[int, ...]:
        """Numbers, as SUMO counts, of the lanes open to cars."""
        return tuple(i for i, lane in enumerate(self.lanes) if lane.use is LaneUse.GENERAL)


@dataclass(frozen=True)
class Drawing:
    """What the plain files will say, and how names of the inventory appear in the network.

    Attributes
    ----------
    nodes, signals
        Names in the network of the inventory's nodes and controllers.
    pieces
        Of each link, from its beginning to its stop line.
    ways
        Of each turn, pairs of SUMO's lane numbers: on the last piece before, the first after it.
    findings
        What could not be drawn as described.
    """

    nodes: Mapping[str, str]
    signals: Mapping[str, str]
    pieces: Mapping[str, tuple[Piece, ...]]
    ways: Mapping[str, tuple[tuple[int, int], ...]]
    findings: tuple[str, ...]

    def movement(self, turn: Turn) -> str:
        """Name the movement that a turn becomes."""
        return f"{self.pieces[turn.from_link][-1].name}>{self.pieces[turn.to_link][0].name}"


def net_names(names: Iterable[str]) -> dict[str, str]:
    """Return a name that SUMO accepts for each name, unique and nearly the same.

    Parameters
    ----------
    names
        Unique names.
    """
    wanted = list(names)
    found: dict[str, str] = {}
    taken: set[str] = set()
    # What needs no change keeps its name, whatever comes before it.
    for name in sorted(wanted, key=lambda name: FORBIDDEN.search(name) is not None):
        plain = FORBIDDEN.sub("_", name).strip("_") or "unnamed"
        unique, number = plain, 1
        while unique in taken:
            number += 1
            unique = f"{plain}.{number}"
        taken.add(unique)
        found[name] = unique
    return {name: found[name] for name in wanted}


def draw(inventory: Inventory) -> Drawing:
    """Decide on edges, lanes and ways.

    Parameters
    ----------
    inventory
        The street as its file describes it.

    Raises
    ------
    ScenarioError
        If a node lies nowhere, a link has no length, or nothing is left to drive on.
    """
    findings: list[str] = []
    positions = {node.node_id: (node.x_m, node.y_m) for node in inventory.nodes}
    for node, point in positions.items():
        if not all(math.isfinite(value) and abs(value) < MOST_COORDINATE_M for value in point):
            raise ScenarioError(
                f"{inventory.name}: node {node!r} lies at {point} m; allowed are numbers below "
                f"{MOST_COORDINATE_M:g} m"
            )
    opposite = {(link.to_node, link.from_node): link for link in inventory.links}
    names = net_names(link.link_id for link in inventory.links)
    pieces: dict[str, tuple[Piece, ...]] = {}
    parking = 0
    for link in inventory.links:
        lanes = tuple(lane for lane in _ordered(link) if lane.use is not LaneUse.PARKING)
        parking += len(link.lanes) - len(lanes)
        if link.from_node == link.to_node or not lanes:
            why = "begins and ends at one node" if lanes else "has no lane to drive on"
            findings.append(f"link {link.link_id!r} {why} and is not built")
            continue
        shape_m = _shape(link, positions, opposite.get((link.from_node, link.to_node)))
        pieces[link.link_id] = tuple(_pieces(link, names[link.link_id], lanes, shape_m, findings))
    if not any(piece.general for parts in pieces.values() for piece in parts):
        raise ScenarioError(f"{inventory.name}: holds no link that cars may use; nothing to build")
    if parking:
        findings.append(f"{parking} parking lanes are not built: nobody parks in the simulation")
    if inventory.crossings:
        findings.append(
            f"{len(inventory.crossings)} pedestrian crossings are not drawn: nobody walks in the "
            "simulation, and walk and clearance times are kept in the phases"
        )
    round_nodes = [n.node_id for n in inventory.nodes if n.kind is NodeKind.ROUNDABOUT]
    if round_nodes:
        findings.append(
            f"{len(round_nodes)} roundabouts are built as one junction each: {_some(round_nodes)}"
        )
    by_name = {link.link_id: link for link in inventory.links}
    ways: dict[str, tuple[tuple[int, int], ...]] = {}
    for turn in inventory.turns:
        ends = (by_name[turn.from_link].to_node, by_name[turn.to_link].from_node)
        if ends != (turn.node_id, turn.node_id):
            findings.append(
                f"turn {turn.turn_id!r} leads from node {ends[0]!r} to node {ends[1]!r}, not over "
                f"{turn.node_id!r}; left out"
            )
        elif way := _ways(turn, pieces, findings):
            ways[turn.turn_id] = way
    used = {
        node
        for link in inventory.links
        if link.link_id in pieces
        for node in (link.from_node, link.to_node)
    }
    return Drawing(
        net_names(node.node_id for node in inventory.nodes if node.node_id in used),
        net_names(controller.controller_id for controller in inventory.controllers),
        pieces,
        ways,
        tuple(findings),
    )


def passes_signal(turn: Turn) -> bool:
    """Tell whether a turn passes a signal without one of its own, as a slip lane does."""
    return turn.uncontrolled or turn.channelized in ("yield", "free", "stop")


def _ordered(link: Street) -> tuple[Lane, ...]:
    return tuple(sorted(link.lanes, key=lambda lane: lane.number))


def _shape(
    link: Street, positions: Mapping[str, tuple[float, float]], back: Street | None
) -> tuple[tuple[float, float], ...]:
    shape_m = link.shape_m
    if not shape_m and back is not None and back.shape_m:
        shape_m = tuple(reversed(back.shape_m))
    if not shape_m:
        ends = (positions[link.from_node], positions[link.to_node])
        there = back.curve_m if back is not None and back.curve_m else None
        shape_m = ends
        if link.curve_m or there:
            shape_m = bezier(ends[0], there or ends[0], link.curve_m or ends[1], ends[1])
    if any(not math.isfinite(value) for point in shape_m for value in point):
        raise ScenarioError(f"link {link.link_id!r}: its shape holds {shape_m}; numbers are needed")
    straight = (positions[link.from_node], positions[link.to_node])
    if span_m(shape_m) < LEAST_LINK_M < span_m(straight):
        shape_m = straight
    if span_m(shape_m) < SHORTEST_LINK_M:
        raise ScenarioError(
            f"link {link.link_id!r}: its ends lie {span_m(shape_m):.2f} m apart; at least "
            f"{SHORTEST_LINK_M} m are needed to build it"
        )
    return shape_m


def _pieces(
    link: Street,
    name: str,
    lanes: tuple[Lane, ...],
    shape_m: tuple[tuple[float, float], ...],
    findings: list[str],
) -> Iterator[Piece]:
    drawn_m = span_m(shape_m)
    room_m = min(drawn_m - SETBACK_M, link.length_m) - LEAST_PIECE_M
    full = {lane.number for lane in lanes if lane.storage_m is None or lane.storage_m > room_m}
    if not full & {lane.number for lane in lanes if lane.use is LaneUse.GENERAL}:
        full = {lane.number for lane in lanes}
    storages = sorted(
        {
            max(lane.storage_m, LEAST_POCKET_M)
            for lane in lanes
            if lane.number not in full and lane.storage_m is not None
        },
        reverse=True,
    )
    given_m: float | None = None
    if abs(drawn_m - link.length_m) > max(LENGTH_TOLERANCE * drawn_m, LEAST_DIFFERENCE_M):
        given_m = link.length_m
        findings.append(
            f"link {link.link_id!r} is {drawn_m:.0f} m long as drawn and {link.length_m:.0f} m as "
            "given; built with the given length"
        )
    if not storages:
        yield Piece(name, lanes, shape_m, given_m)
        return
    cuts = [0.0, *(drawn_m - SETBACK_M - storage for storage in storages), drawn_m]
    for number, (begin_m, end_m) in enumerate(pairwise(cuts)):
        open_m = storages[number - 1] if number else math.inf
        here = tuple(
            lane
            for lane in lanes
            if lane.number in full or max(lane.storage_m or 0.0, LEAST_POCKET_M) >= open_m
        )
        beyond_m = storages[number] if number < len(storages) else 0.0
        length_m = open_m - beyond_m
        if not number:
            here = tuple(lane for lane in lanes if lane.number in full)
            length_m = (given_m or drawn_m - SETBACK_M) - beyond_m
        yield Piece(
            f"{name}.{number + 1}" if number else name,
            here,
            between(shape_m, begin_m, end_m),
            length_m,
        )


def _ways(
    turn: Turn, pieces: Mapping[str, tuple[Piece, ...]], findings: list[str]
) -> tuple[tuple[int, int], ...]:
    if turn.from_link not in pieces or turn.to_link not in pieces:
        return ()
    before, after = pieces[turn.from_link][-1], pieces[turn.to_link][0]
    from_lanes = [i for n in sorted(set(turn.lanes)) if (i := before.index(n)) is not None]
    if not from_lanes:
        findings.append(f"turn {turn.turn_id!r} leaves from no lane that is built; left out")
        return ()
    named = [i for n in sorted(set(turn.to_lanes)) if (i := after.index(n)) is not None]
    uses = {before.lanes[i].use for i in from_lanes}
    alike = [i for i, lane in enumerate(after.lanes) if lane.use in uses]
    to_lanes = named or alike or list(range(len(after.lanes)))
    if len(from_lanes) > len(to_lanes):
        findings.append(
            f"turn {turn.turn_id!r} leads from {len(from_lanes)} lanes into {len(to_lanes)}; they "
            "merge inside the junction"
        )
    spare = max(0, len(to_lanes) - len(from_lanes))
    shift = spare if turn.kind in (TurnKind.LEFT, TurnKind.U_TURN) else 0
    return tuple(
        (lane, to_lanes[min(i + shift, len(to_lanes) - 1)]) for i, lane in enumerate(from_lanes)
    )


def _some(names: Sequence[str], most: int = 5) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
