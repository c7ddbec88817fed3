"""A drawn inventory as SUMO's plain files: nodes, edges, connections."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final
from xml.sax.saxutils import quoteattr

from network.inventory import Inventory, LaneUse, NodeKind
from scenarios.inventory_drawing import Drawing, passes_signal

WIDTHS_M: Final = (2.0, 6.0)

_NODE_TYPES: Final = {
    NodeKind.STOP: "priority_stop",
    NodeKind.EXTERNAL: "priority",
}
_ALLOWED: Final = {
    LaneUse.BUS: "bus",
    LaneUse.BICYCLE: "bicycle",
    LaneUse.FOOT: "pedestrian",
}


def node_lines(inventory: Inventory, drawing: Drawing) -> Iterator[str]:
    """Yield the node file."""
    owner = {
        node: drawing.signals[controller.controller_id]
        for controller in inventory.controllers
        for node in controller.nodes
    }
    yield "<nodes>"
    for node in inventory.nodes:
        if node.node_id not in drawing.nodes:
            continue
        name = drawing.nodes[node.node_id]
        kind = _NODE_TYPES.get(node.kind, "priority")
        signal = ""
        if node.node_id in owner or node.kind is NodeKind.SIGNAL:
            kind = "traffic_light"
            signal = f" tl={quoteattr(owner.get(node.node_id, name))}"
        yield (
            f'<node id={quoteattr(name)} x="{node.x_m:.2f}" y="{node.y_m:.2f}" type="{kind}"'
            f"{signal}/>"
        )
    for parts in drawing.pieces.values():
        for piece in parts[1:]:
            x_m, y_m = piece.shape_m[0]
            yield (
                f'<node id={quoteattr(piece.name + ".begin")} x="{x_m:.2f}" y="{y_m:.2f}" '
                'type="priority"/>'
            )
    yield "</nodes>"


def edge_lines(inventory: Inventory, drawing: Drawing) -> Iterator[str]:
    """Yield the edge file."""
    # Where both directions share a center line, each keeps to its right of it.
    lines = {link.shape_m for link in inventory.links if link.shape_m}
    yield "<edges>"
    for link in inventory.links:
        parts = drawing.pieces.get(link.link_id, ())
        own_line = bool(link.shape_m) and tuple(reversed(link.shape_m)) not in lines
        ends = [
            drawing.nodes[link.from_node] if parts else "",
            *(f"{piece.name}.begin" for piece in parts[1:]),
            drawing.nodes[link.to_node] if parts else "",
        ]
        for piece, (tail, head) in zip(parts, pairwise(ends), strict=True):
            points = " ".join(f"{x_m:.2f},{y_m:.2f}" for x_m, y_m in piece.shape_m)
            name = f" name={quoteattr(link.name)}" if link.name else ""
            length = "" if piece.length_m is None else f' length="{piece.length_m:.2f}"'
            yield (
                f"<edge id={quoteattr(piece.name)} from={quoteattr(tail)} to={quoteattr(head)} "
                f'numLanes="{len(piece.lanes)}" speed="{link.speed_mps:.2f}" '
                f'priority="{len(parts[0].general)}"{name} '
                f'spreadType="{"center" if own_line else "right"}" shape="{points}"{length}>'
            )
            for index, lane in enumerate(piece.lanes):
                allowed = f' allow="{_ALLOWED[lane.use]}"' if lane.use in _ALLOWED else ""
                low, high = WIDTHS_M
                known = lane.width_m is not None and low <= lane.width_m <= high
                width = f' width="{lane.width_m:.2f}"' if known else ""
                if allowed or width:
                    yield f'    <lane index="{index}"{allowed}{width}/>'
            yield "</edge>"
    yield "</edges>"


def connection_lines(inventory: Inventory, drawing: Drawing) -> Iterator[str]:
    """Yield the connection file; links without a turn at a node that has some lead nowhere."""
    yield "<connections>"
    for parts in drawing.pieces.values():
        for before, after in pairwise(parts):
            for to_lane, lane in enumerate(after.lanes):
                apart = [abs(other.number - lane.number) for other in before.lanes]
                yield _connection(before.name, after.name, apart.index(min(apart)), to_lane)
    described = {turn.node_id for turn in inventory.turns if turn.turn_id in drawing.ways}
    leaving = {turn.from_link for turn in inventory.turns if turn.turn_id in drawing.ways}
    for turn in inventory.turns:
        for from_lane, to_lane in drawing.ways.get(turn.turn_id, ()):
            yield _connection(
                drawing.pieces[turn.from_link][-1].name,
                drawing.pieces[turn.to_link][0].name,
                from_lane,
                to_lane,
                passes_signal(turn),
            )
    for link in inventory.links:
        closed = link.to_node in described and link.link_id not in leaving
        if closed and link.link_id in drawing.pieces:
            yield f"<connection from={quoteattr(drawing.pieces[link.link_id][-1].name)}/>"
    yield "</connections>"


def _connection(
    before: str, after: str, from_lane: int, to_lane: int, uncontrolled: bool = False
) -> str:
    return (
        f"<connection from={quoteattr(before)} to={quoteattr(after)} "
        f'fromLane="{from_lane}" toLane="{to_lane}"'
        + (' uncontrolled="true"/>' if uncontrolled else "/>")
    )
