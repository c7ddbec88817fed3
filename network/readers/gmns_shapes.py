"""Lines as GMNS draws them, and the little geometry it takes to read a network."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import hypot, isfinite

from network.inventory import Node, Street
from network.readers.gmns_tables import Row
from network.readers.gmns_units import Point, Units


def read_shape(row: Row, column: str, units: Units) -> tuple[Point, ...]:
    """Return the points of a LINESTRING as written; empty where there is none."""
    text = row.text(column)
    if not text or not units.wkt:
        return ()
    kind, opened, rest = text.partition("(")
    if kind.strip().upper() not in ("LINESTRING", "LINESTRING Z", "LINESTRING M"):
        row.note(column, "only a LINESTRING is read; the line between the nodes is taken")
        return ()
    points = []
    for pair in rest.rstrip().removesuffix(")").split(","):
        try:
            numbers = [float(part) for part in pair.split()]
        except ValueError as error:
            raise row.fault(column, "LINESTRING(x y, x y)") from error
        if not 2 <= len(numbers) <= 4 or not all(isfinite(n) and abs(n) < 1e9 for n in numbers):
            raise row.fault(column, "LINESTRING(x y, x y) with finite numbers")
        points.append((numbers[0], numbers[1]))
    if not opened or not rest.rstrip().endswith(")") or len(points) < 2:
        raise row.fault(column, "LINESTRING(x y, x y) with at least two points")
    return tuple(points)


def length_of(shape: tuple[Point, ...]) -> float:
    """Return the length of a line, in the units of its points."""
    return sum(hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(shape))


def gap(a: Point, b: Point) -> float:
    """Return the distance between two points."""
    return hypot(a[0] - b[0], a[1] - b[1])


def crosses(line: tuple[Point, ...], a: Point, b: Point) -> bool:
    """Tell whether a line passes from one side of a stretch to the other within its ends."""
    return any(
        _side(p, q, a) * _side(p, q, b) < 0 and _side(a, b, p) * _side(a, b, q) < 0
        for p, q in pairwise(line)
    )


def _side(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def straight(link: Street, nodes: Mapping[str, Node]) -> tuple[Point, ...]:
    """Return the line between the nodes of a link."""
    return tuple((nodes[n].x_m, nodes[n].y_m) for n in (link.from_node, link.to_node))
