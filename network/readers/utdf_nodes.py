"""Nodes of UTDF, and the curves between them."""

from __future__ import annotations

from network.errors import FormatError
from network.inventory import Node, NodeKind, Roundabout
from network.readers.utdf_lanes import Scale
from network.readers.utdf_tables import Record, Tables

NODE_KINDS = (
    NodeKind.SIGNAL,
    NodeKind.EXTERNAL,
    NodeKind.BEND,
    NodeKind.UNCONTROLLED,
    NodeKind.ROUNDABOUT,
)
"""Node kinds by code; 3 is any intersection without a signal."""
CURVE_CHORDS = 8
"""Chords a curve is drawn with."""
FARTHEST = 1e8
"""No coordinate lies farther from the origin, in feet or meters."""


def read_nodes(tables: Tables, scale: Scale) -> tuple[Node, ...]:
    """Read the node sheet; raise `FormatError` where a node is doubled or has no position."""
    nodes: dict[str, Node] = {}
    for record in tables.nodes:
        if record.node in nodes:
            raise record.bad("INTID", "an intersection once")
        code = record.whole("TYPE", 0, len(NODE_KINDS) - 1)
        x, y = (record.number(axis, -FARTHEST, FARTHEST) for axis in ("X", "Y"))
        if code is None or x is None or y is None:
            column = "TYPE" if code is None else "X" if x is None else "Y"
            raise record.bad(column, "a number")
        z = record.number("Z", -FARTHEST, FARTHEST)
        nodes[record.node] = Node(
            record.node,
            x * scale.length_m,
            y * scale.length_m,
            NODE_KINDS[code],
            record.text("DESCRIPTION") or record.text("INTNAME"),
            None if z is None else z * scale.length_m,
            _roundabout(record, scale),
        )
    if not nodes:
        raise FormatError(f"{tables.path}: holds no node; expected at least one below the header")
    return tuple(nodes.values())


def _roundabout(record: Record, scale: Scale) -> Roundabout | None:
    inside, outside, speed = (
        record.number(column) for column in ("INSIDERADIUS", "OUTSIDERADIUS", "CIRCLESPEED")
    )
    lanes = record.whole("ROUNDABOUTLANES", 0, 9)
    if inside is None and outside is None and lanes is None and speed is None:
        return None
    return Roundabout(
        None if inside is None else inside * scale.length_m,
        None if outside is None else outside * scale.length_m,
        lanes,
        None if speed is None else speed * scale.speed_mps,
    )


def bezier(
    start: tuple[float, float],
    near_start: tuple[float, float] | None,
    near_end: tuple[float, float] | None,
    end: tuple[float, float],
) -> tuple[tuple[float, float], ...]:
    """Draw a cubic Bezier curve in chords; empty for a straight line, m."""
    if near_start is None and near_end is None:
        return ()
    points = (start, near_start or start, near_end or end, end)
    drawn = []
    for step in range(CURVE_CHORDS + 1):
        t = step / CURVE_CHORDS
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        drawn.append(
            (
                sum(weight * point[0] for weight, point in zip(weights, points, strict=True)),
                sum(weight * point[1] for weight, point in zip(weights, points, strict=True)),
            )
        )
    return tuple(drawn)
