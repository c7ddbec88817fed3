"""Nodes, streets and crosswalks of a GMNS folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Final

from network.inventory import Crossing, LaneUse, Node, NodeKind, Street
from network.readers.gmns_crosswalks import read_crossing
from network.readers.gmns_extras import read_extras
from network.readers.gmns_lanes import LaneTables, LinkLanes
from network.readers.gmns_shapes import gap, length_of, read_shape
from network.readers.gmns_tables import Findings, Row, Table
from network.readers.gmns_units import (
    LOCAL_CRS,
    Plane,
    Point,
    Units,
    Uses,
    read_plane,
)

WALKING_MPS: Final = 1.2
CYCLING_MPS: Final = 5.0
DRIVING_MPS: Final = 13.4
"""Speeds taken where a link has none: a brisk walk, an easy ride, 30 mph."""

_FASTEST_MPS: Final = 100.0
_UNITS_MISTAKEN: Final = 50.0
_FAR_OFF: Final = 5.0
_CLEARLY: Final = 0.2
_KINDS: Final = {
    "signal": NodeKind.SIGNAL,
    "signal_with_rtor": NodeKind.SIGNAL,
    "stop": NodeKind.STOP,
    "4_stop": NodeKind.STOP,
    "stop_2_way": NodeKind.STOP,
    "stop_4_way": NodeKind.STOP,
    "yield": NodeKind.YIELD,
}


@dataclass(frozen=True, slots=True)
class Streets:
    """What the street tables say.

    Attributes
    ----------
    nodes, links
        In the order of the source.
    lanes
        Lanes by name of our link.
    ways
        Our links by name of a GMNS link: two for an undirected one.
    crosswalks
        Crossings by name, as yet without phases.
    """

    nodes: tuple[Node, ...]
    links: Mapping[str, Street]
    lanes: Mapping[str, LinkLanes]
    ways: Mapping[str, tuple[str, ...]]
    crosswalks: Mapping[str, Crossing]

    def way(self, link_id: str, node: str, inbound: bool) -> Street | None:
        """Return the direction of a GMNS link that ends or begins at a node."""
        for name in self.ways.get(link_id, ()):
            link = self.links[name]
            if (link.to_node if inbound else link.from_node) == node:
                return link
        return None


def read_streets(tables: Mapping[str, Table], units: Units, findings: Findings) -> Streets:
    """Read the node, link, geometry, lane and segment tables.

    Parameters
    ----------
    tables
        From `network.readers.gmns_tables.read_tables`.
    units
        From `network.readers.gmns_units.read_units`.
    findings
        Receives what was assumed.

    Returns
    -------
    Streets

    Raises
    ------
    FormatError
        If a cell cannot be what it says, with its place.
    """
    return _Reader(tables, units, findings).read()


class _Reader:
    def __init__(self, tables: Mapping[str, Table], units: Units, findings: Findings) -> None:
        self._tables, self._units = tables, units
        self._uses = Uses(tables["use_definition"], tables["use_group"])
        self._points = {row.text("node_id"): _point(row) for row in tables["node"]}
        self._rows = [(row, *self._ends(row)) for row in tables["link"]]
        self._ours = units.crs == LOCAL_CRS.lower()
        self._plane = self._find_plane(findings)
        self._shapes = self._read_shapes()
        self._length_unit = self._find_length_unit(findings)
        self._walked = {row.text("link_id") for row in tables["signal_phase_mvmt"]} - {""}

    def read(self) -> Streets:
        lane_tables = LaneTables(self._tables, self._units, self._uses)
        names = {row.text("link_id") for row, _, _ in self._rows}
        links: dict[str, Street] = {}
        lanes: dict[str, LinkLanes] = {}
        ways: dict[str, tuple[str, ...]] = {}
        crosswalks: list[Row] = []
        for row, start, end in self._rows:
            name = row.text("link_id")
            directed = row.flag("directed")
            if directed is None:
                raise row.fault("directed", "true, false, 1 or 0")
            if self._is_crosswalk(row, directed):
                crosswalks.append(row)
                continue
            shape, length_m = self._shapes[name], self._length(row, start, end)
            directions = [(name, start, end, shape)]
            if not directed:
                back = f"{name}_back"
                while back in names:
                    back += "_"
                names.add(back)
                directions.append((back, end, start, shape[::-1]))
            for ours, from_node, to_node, line in directions:
                lanes[ours] = lane_tables.of(row, to_node, from_node, length_m)
                links[ours] = self._street(row, ours, (from_node, to_node), length_m, line, lanes)
            ways[name] = tuple(ours for ours, *_ in directions)
        nodes = self._nodes(links)
        at: dict[str, list[Street]] = {}
        for link in links.values():
            for node in {link.from_node, link.to_node}:
                at.setdefault(node, []).append(link)
        crossings = (
            read_crossing(row, self._ends(row), nodes, links, at, self._length_unit)
            for row in crosswalks
        )
        known = {crossing.crossing_id: crossing for crossing in crossings if crossing}
        return Streets(tuple(nodes.values()), links, lanes, ways, known)

    def _ends(self, row: Row) -> tuple[str, str]:
        return (
            row.need_known("from_node_id", self._points, "node"),
            row.need_known("to_node_id", self._points, "node"),
        )

    def _find_plane(self, findings: Findings) -> Plane:
        pairs = [
            (start, end, length)
            for row, start, end in self._rows
            if (length := row.number("length", 0, 1e7, self._units.long_m))
        ]
        return read_plane(self._units.crs, self._points, pairs, findings)

    def _read_shapes(self) -> dict[str, tuple[Point, ...]]:
        """Return the drawn lines of links by name, in meters, from the first node to the second."""
        table = {
            row.text("geometry_id"): read_shape(row, "geometry", self._units)
            for row in self._tables["geometry"]
        }
        found = {}
        for row, start, end in self._rows:
            drawn = read_shape(row, "geometry", self._units)
            if not drawn and row.text("geometry_id"):
                drawn = table[row.need_known("geometry_id", table, "geometry")]
            line = tuple(self._plane.place(point) for point in drawn)
            found[row.text("link_id")] = self._forward(row, start, end, line)
        return found

    def _forward(
        self, row: Row, start: str, end: str, line: tuple[Point, ...]
    ) -> tuple[Point, ...]:
        flag = row.whole("dir_flag", -1, 1)
        if not line:
            return line
        a, b = (self._plane.place(self._points[name]) for name in (start, end))
        along = gap(line[0], a) + gap(line[-1], b)
        against = gap(line[0], b) + gap(line[-1], a)
        if flag not in (1, -1):
            return line[::-1] if against < along else line
        wrong = along if flag == -1 else against
        # Lines need not begin at the node, so only a plain contradiction outweighs the flag.
        mistaken = min(along, against) == wrong and wrong < _CLEARLY * gap(a, b)
        if mistaken and not self._ours:
            row.note("dir_flag", f"found {flag}, but the line is drawn the other way; turned round")
            flag = -flag
        return line[::-1] if flag == -1 else line

    def _find_length_unit(self, findings: Findings) -> Decimal:
        """Return the unit of link lengths, after the drawing where the declared one is absurd."""
        ratios = []
        for row, start, end in self._rows:
            given = row.number("length", 0, 1e7, self._units.long_m)
            drawn = self._drawn(row, start, end)
            if given and drawn:
                ratios.append(given / drawn)
        long_m, short_m = self._units.long_m, self._units.short_m
        if self._ours or not ratios or median(ratios) < _UNITS_MISTAKEN:
            return long_m
        off = median(ratios) / float(long_m / short_m)
        if 1 / _FAR_OFF < off < _FAR_OFF:
            findings.say(
                "link.csv, column length: lengths in the declared long_length are "
                f"{median(ratios):.0f} times the drawn ones; they are read in short_length"
            )
            return short_m
        findings.say(
            f"link.csv, column length: lengths are {median(ratios):.0f} times the drawn ones in "
            "any declared unit; the drawn ones are taken"
        )
        return Decimal(0)

    def _drawn(self, row: Row, start: str, end: str) -> float:
        line = self._shapes[row.text("link_id")]
        a, b = (self._plane.place(self._points[name]) for name in (start, end))
        return length_of(line) if line else gap(a, b)

    def _length(self, row: Row, start: str, end: str) -> float:
        given = row.number("length", 0, 1e7, self._length_unit)
        drawn = self._drawn(row, start, end)
        if given:
            if self._ours or not drawn or 1 / _FAR_OFF < given / drawn < _FAR_OFF:
                return given
            if given / drawn < _UNITS_MISTAKEN:
                row.note("length", "far from the length of the drawn line; kept")
                return given
            row.note("length", "absurd beside the drawn line, whose length is taken")
            return drawn
        if self._length_unit:
            row.note("length", "missing or 0; the length of the drawn line is taken")
        if not drawn:
            raise row.fault("length", "a length above 0, or nodes that lie apart")
        return drawn

    def _is_crosswalk(self, row: Row, directed: bool) -> bool:
        """Tell crosswalks from sidewalks: by their type, or because a signal phase serves them."""
        if row.text("facility_type").lower() == "crosswalk":
            return True
        walked = row.text("link_id") in self._walked
        return walked and not directed and self._uses.of(row) in (None, LaneUse.FOOT)

    def _street(
        self,
        row: Row,
        name: str,
        ends: tuple[str, str],
        length_m: float,
        shape: tuple[Point, ...],
        lanes: Mapping[str, LinkLanes],
    ) -> Street:
        return Street(
            name,
            *ends,
            row.text("name"),
            length_m,
            self._speed(row, lanes[name]),
            lanes[name].lanes,
            shape_m=shape,
            grade_percent=row.number("grade", -100, 100),
            **read_extras(row, Street),
        )

    def _speed(self, row: Row, lanes: LinkLanes) -> float:
        speed = row.number("free_speed", 0, 1000, self._units.speed_mps)
        if speed and speed > _FASTEST_MPS:
            raise row.fault("free_speed", f"a speed up to {_FASTEST_MPS:g} m/s")
        if speed:
            return speed
        uses = {lane.use for lane in lanes.lanes}
        taken = DRIVING_MPS
        if uses and uses <= {LaneUse.FOOT, LaneUse.BICYCLE, LaneUse.PARKING}:
            taken = CYCLING_MPS if LaneUse.BICYCLE in uses else WALKING_MPS
        row.note("free_speed", f"missing or 0; {taken:g} m/s is taken")
        return taken

    def _nodes(self, links: Mapping[str, Street]) -> dict[str, Node]:
        driven: set[str] = set()
        for link in links.values():
            if any(lane.use is not LaneUse.FOOT for lane in link.lanes):
                driven |= {link.from_node, link.to_node}
        found = {}
        for row in self._tables["node"]:
            name = row.text("node_id")
            parent = row.known("parent_node_id", self._points, "node")
            x_m, y_m = self._plane.place(self._points[name])
            kind = _kind(row)
            if kind is NodeKind.SIGNAL and parent and name not in driven:
                # The lamps at a curb are those of the intersection it belongs to.
                kind = NodeKind.UNCONTROLLED
            found[name] = Node(
                name,
                x_m,
                y_m,
                kind,
                row.text("name"),
                z_m=row.number("z_coord", -1e5, 1e5, self._units.short_m),
                parent_node=parent,
                **read_extras(row, Node),
            )
        return found


def _point(row: Row) -> Point:
    for column in ("x_coord", "y_coord"):
        row.need(column, "a number")
    return (row.number("x_coord") or 0.0, row.number("y_coord") or 0.0)


def _kind(row: Row) -> NodeKind:
    named = row.text("node_type").lower()
    for kind in (NodeKind.EXTERNAL, NodeKind.ROUNDABOUT, NodeKind.BEND):
        if named == kind.value:
            return kind
    return _KINDS.get(row.text("ctrl_type").lower(), NodeKind.UNCONTROLLED)
