"""Nodes, links and turns of UTDF sheets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import hypot

from network.errors import FormatError
from network.inventory import Crossing, Lane, Node, Street, Turn
from network.inventory_signals import Detector
from network.readers.utdf_columns import COMPASS, MOVES, key_of
from network.readers.utdf_detectors import read_detectors
from network.readers.utdf_lanes import (
    Group,
    Scale,
    phases_of,
    read_groups,
    read_turn,
    require_no_orphans,
)
from network.readers.utdf_nodes import FARTHEST, bezier, read_nodes
from network.readers.utdf_tables import Record, Tables

LINK_RECORDS = frozenset(
    key_of(name)
    for name in (
        *("Up ID", "Lanes", "Name", "Distance", "Speed", "Grade", "Median"),
        *("Curve Pt X", "Curve Pt Y"),
    )
)


@dataclass(slots=True)
class _Approach:
    """A column of the link sheet at a node."""

    direction: str
    up_node: str
    node: str
    records: Mapping[str, Record]
    lanes: tuple[Lane, ...] = ()
    groups: tuple[Group, ...] = ()

    @property
    def link_id(self) -> str:
        return f"{self.up_node}>{self.node}"

    def number(self, name: str, least: float = 0.0, most: float = 1e6) -> float | None:
        record = self.records.get(name)
        return None if record is None else record.number(self.direction, least, most)


@dataclass(frozen=True, slots=True)
class Layout:
    """What the node, link and lane sheets say together."""

    nodes: tuple[Node, ...]
    links: tuple[Street, ...]
    turns: tuple[Turn, ...]
    crossings: tuple[Crossing, ...]
    detectors: tuple[Detector, ...]


def read_layout(tables: Tables, scale: Scale) -> Layout:
    """Read nodes, links, turns, pedestrian phases and detectors.

    Parameters
    ----------
    tables, scale
        The file and its units.

    Returns
    -------
    Layout
        Links named ``from>to``, turns ``from_link>to_link``. What the sheets leave open or
        contradict is added to the findings of `tables`.

    Raises
    ------
    FormatError
        If a link or movement begins or ends at something missing.
    """
    nodes = read_nodes(tables, scale)
    known = {node.node_id: node for node in nodes}
    approaches: dict[tuple[str, str], _Approach] = {}
    for node, records in tables.links.items():
        for approach in _approaches(known, node, records):
            first = approaches.setdefault((approach.up_node, node), approach)
            if first is not approach:
                raise records["upid"].bad(
                    approach.direction, f"one link from a node; {first.direction} has it already"
                )
    dests = _destinations(tables, known, approaches)
    for approach in approaches.values():
        moves = [move for move in MOVES if (approach.node, approach.direction + move) in dests]
        sheet = tables.lanes.get(approach.node, {})
        require_no_orphans(sheet, approach.direction, moves, known=True)
        approach.groups, lanes = read_groups(tables, approach.node, approach.direction, moves)
        approach.lanes = _in_meters(lanes, scale)
    _count_lanes(tables, approaches, dests)
    links = _streets(tables, scale, known, approaches)
    turns: list[Turn] = []
    detectors: list[Detector] = []
    left_out: list[str] = []
    for approach in approaches.values():
        for group in approach.groups:
            if not group.uses:
                left_out.append(f"{approach.node} {group.column}")
                continue
            dest = dests[approach.node, group.column]
            onward = approaches.get((approach.node, dest))
            if onward is None or not onward.lanes:
                record = tables.lanes[approach.node]["destnode"]
                raise record.bad(group.column, "a node to which a link with lanes leads from here")
            owner = None
            if not group.own:
                owner = next(o for o in approach.groups if group.uses[0] in o.own)
            ends = (approach.node, approach.link_id, onward.link_id)
            turns.append(read_turn(tables, scale, group, ends, owner))
            detectors += read_detectors(tables, scale, approach.node, approach.link_id, group)
    if left_out:
        tables.findings.append(
            f"Movements without a lane are not allowed and were left out: {', '.join(left_out)}."
        )
    _require_single(tables, turns)
    turns_at = {node: nth for nth, node in enumerate(tables.lanes)}
    turns.sort(key=lambda turn: turns_at[turn.node_id])
    detectors.sort(key=lambda detector: turns_at[detector.detector_id.split(":")[0]])
    return Layout(nodes, links, tuple(turns), _crossings(tables, links), tuple(detectors))


def _approaches(
    known: Mapping[str, Node], node: str, records: Mapping[str, Record]
) -> list[_Approach]:
    some = next(iter(records.values()))
    if node not in known:
        raise some.bad("INTID", "an intersection of the section [Nodes]")
    ups = records.get("upid")
    found = []
    for direction in COMPASS:
        text = "" if ups is None else ups.text(direction)
        for record in records.values():
            if not text and record.text(direction):
                raise record.bad(direction, "nothing for a link without its Up ID")
        if ups is None or not text:
            continue
        up_node = str(ups.whole(direction, 0, 10**9))
        if up_node not in known or up_node == node:
            raise ups.bad(direction, "another intersection of the section [Nodes]")
        found.append(_Approach(direction, up_node, node, records))
    return found


def _destinations(
    tables: Tables, known: Mapping[str, Node], approaches: Mapping[tuple[str, str], _Approach]
) -> dict[tuple[str, str], str]:
    """Return by node and column where a movement leads."""
    legs: dict[tuple[str, str], str] = {
        (approach.node, approach.direction): approach.up_node for approach in approaches.values()
    }
    found: dict[tuple[str, str], str] = {}
    for node, sheet in tables.lanes.items():
        if node not in known:
            raise next(iter(sheet.values())).bad("INTID", "an intersection of the section [Nodes]")
        dests, ups = sheet.get("destnode"), sheet.get("upnode")
        for direction in COMPASS:
            leg = legs.get((node, direction))
            moves = []
            for move in MOVES:
                column = direction + move
                up_node = "" if ups is None else ups.text(column)
                if ups is not None and up_node and str(ups.whole(column, 0, 10**9)) != leg:
                    raise ups.bad(
                        column, f"the link sheet's Up ID for {direction}, {leg or 'none'}"
                    )
                if leg is None or dests is None or not dests.text(column):
                    continue
                dest = str(dests.whole(column, 0, 10**9))
                if (node, dest) not in approaches:
                    raise dests.bad(column, "a node to which a link leads from here")
                found[node, column] = dest
                moves.append(move)
            if leg is None:
                require_no_orphans(sheet, direction, moves, known=False)
    return found


def _in_meters(lanes: tuple[Lane, ...], scale: Scale) -> tuple[Lane, ...]:
    def meters(value: float | None) -> float | None:
        return None if value is None else value * scale.length_m

    return tuple(
        replace(
            lane,
            width_m=meters(lane.width_m),
            storage_m=meters(lane.storage_m),
            taper_m=meters(lane.taper_m),
        )
        for lane in lanes
    )


def _count_lanes(
    tables: Tables,
    approaches: Mapping[tuple[str, str], _Approach],
    dests: Mapping[tuple[str, str], str],
) -> None:
    """Give links without lane groups the lanes that the link sheet counts."""
    feeding: dict[tuple[str, str], int] = {}
    for approach in approaches.values():
        for group in approach.groups:
            way = (approach.node, dests[approach.node, group.column])
            feeding[way] = max(feeding.get(way, 1), len(group.uses))
    for approach in approaches.values():
        count = approach.number("lanes", 0, 20)
        if approach.lanes:
            if count is not None and count != len(approach.lanes):
                tables.findings.append(
                    f"{approach.records['lanes'].place(approach.direction)}: {count:g} lanes, "
                    f"while its lane groups have {len(approach.lanes)}; the latter are taken."
                )
            continue
        if count is None:
            count = feeding.get((approach.up_node, approach.node), 1)
            tables.findings.append(
                f"Link {approach.link_id} has no count of lanes; as many were taken as turn into "
                f"it, {count}."
            )
        approach.lanes = tuple(Lane(number) for number in range(int(count)))


def _streets(
    tables: Tables,
    scale: Scale,
    known: Mapping[str, Node],
    approaches: Mapping[tuple[str, str], _Approach],
) -> tuple[Street, ...]:
    streets = []
    signs = 0
    for (up_node, node), approach in approaches.items():
        if not approach.lanes:
            continue
        back = approaches.get((node, up_node))
        start, end = known[up_node], known[node]
        length = approach.number("distance") or (back.number("distance") if back else None)
        if not length:
            length = hypot(end.x_m - start.x_m, end.y_m - start.y_m) / scale.length_m
            tables.findings.append(
                f"Link {approach.link_id} has no Distance; it was measured between its nodes."
            )
        speed = approach.number("speed", 0, 1000) or (back.number("speed", 0, 1000) if back else 0)
        if not length or not speed:
            what = "Distance" if not length else "Speed"
            place = approach.records["upid"].place(approach.direction)
            raise FormatError(f"{place}: the link has no {what}; allowed is a number above 0")
        if not approach.number("speed", 0, 1000):
            tables.findings.append(
                f"Link {approach.link_id} has no Speed; that of the opposite direction was taken."
            )
        median = approach.number("median")
        name = approach.records.get("name")
        sign = _sign(tables, approach)
        signs += bool(sign)
        curve = _curve(approach, scale)
        bent = (_curve(back, scale) if back else None, curve)
        streets.append(
            Street(
                approach.link_id,
                up_node,
                node,
                name.text(approach.direction) if name else "",
                length * scale.length_m,
                speed * scale.speed_mps,
                approach.lanes,
                approach.direction,
                bezier((start.x_m, start.y_m), *bent, (end.x_m, end.y_m)),
                approach.number("grade", -100, 100),
                None if median is None else median * scale.length_m,
                curve,
                sign,
            )
        )
    if signs:
        tables.findings.append(
            f"Sign Control codes of {signs} approaches were kept as they are; they are not "
            "interpreted."
        )
    return tuple(streets)


def _sign(tables: Tables, approach: _Approach) -> str:
    record = tables.lanes.get(approach.node, {}).get("signcontrol")
    if record is None:
        return ""
    texts = [record.text(approach.direction + move) for move in ("T", *MOVES)]
    return next((text for text in texts if text), "")


def _curve(approach: _Approach, scale: Scale) -> tuple[float, float] | None:
    x, y = (approach.number(axis, -FARTHEST, FARTHEST) for axis in ("curveptx", "curvepty"))
    return None if x is None or y is None else (x * scale.length_m, y * scale.length_m)


def _require_single(tables: Tables, turns: list[Turn]) -> None:
    seen: set[str] = set()
    for turn in turns:
        if turn.turn_id in seen:
            record = tables.lanes[turn.node_id]["destnode"]
            raise FormatError(
                f"{record.path}, line {record.line}, {record.name}: two movements lead from link "
                f"{turn.from_link} into {turn.to_link}; allowed is one"
            )
        seen.add(turn.turn_id)


def _crossings(tables: Tables, links: tuple[Street, ...]) -> tuple[Crossing, ...]:
    """Return the exclusive pedestrian phases: people cross every leg of the node."""
    legs: dict[str, list[str]] = {}
    for link in links:
        legs.setdefault(link.to_node, []).append(link.link_id)
    found = []
    for node, sheet in tables.lanes.items():
        phases = phases_of(sheet, "PED")[0]
        if phases:
            crossed = tuple(legs.get(node, ()))
            found.append(Crossing(f"{node}:PED", node, crossed, None, phases))
    return tuple(found)
