"""Lanes, pockets and movements of a GMNS folder."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Final

from network.inventory import Inventory, Lane, LaneUse, NodeKind, Street, Turn, TurnKind
from network.readers.gmns_extras import number_text, write_extras
from network.readers.gmns_tables import LIST_SEPARATOR
from network.writers.gmns_sheet import Numbered, Sheet, System, measured, runs

USES: Final = {
    LaneUse.GENERAL: "auto",
    LaneUse.BUS: "bus",
    LaneUse.BICYCLE: "bike",
    LaneUse.FOOT: "walk",
    LaneUse.PARKING: "parking",
}
CONTROLS: Final = {
    NodeKind.SIGNAL: "signal",
    NodeKind.STOP: "stop",
    NodeKind.YIELD: "yield",
    NodeKind.ROUNDABOUT: "yield",
}
_TYPES: Final = {
    TurnKind.LEFT: ("left", "L"),
    TurnKind.RIGHT: ("right", "R"),
    TurnKind.THROUGH: ("thru", "T"),
    TurnKind.U_TURN: ("uturn", "U"),
}


def number_lanes(lanes: tuple[Lane, ...]) -> Numbered:
    """Number lanes from left to right as GMNS does; pockets left of all others count below 0."""
    ordered = sorted(lanes, key=lambda lane: -lane.number)
    whole = [lane.number for lane in ordered if lane.storage_m is None]
    left = [lane.number for lane in ordered if whole and lane.number > whole[0]]
    rest = [lane.number for lane in ordered if lane.number not in left]
    stop = {number: place - len(left) for place, number in enumerate(left)}
    stop |= {number: place for place, number in enumerate(rest, start=1)}
    return Numbered(stop, {number: place for place, number in enumerate(whole, start=1)})


def lane_sheets(
    inventory: Inventory, system: System, numbered: Mapping[str, Numbered]
) -> tuple[Sheet, Sheet, Sheet]:
    lanes = Sheet("lane", ("lane_id", "link_id", "lane_num", "allowed_uses", "width"))
    segments = Sheet(
        "segment",
        (
            "segment_id",
            "link_id",
            "ref_node_id",
            "start_lr",
            "end_lr",
            "l_lanes_added",
            "r_lanes_added",
        ),
    )
    changes = Sheet(
        "segment_lane",
        ("segment_lane_id", "segment_id", "lane_num", "parent_lane_id", "allowed_uses", "width"),
    )
    for link in inventory.links:
        ordered = sorted(link.lanes, key=lambda lane: -lane.number)
        plain = [lane.number for lane in reversed(ordered)] == list(range(len(ordered)))
        names = numbered[link.link_id]
        parents = {}

        def cells(lane: Lane, number: int, plain: bool = plain) -> dict[str, str]:
            return {
                "lane_num": str(number),
                "allowed_uses": USES[lane.use],
                "width": measured(lane.width_m, system.short_m),
                "opt_number": "" if plain else str(lane.number),
                **write_extras(lane),
            }

        for lane in ordered:
            if lane.storage_m is None:
                parents[lane.number] = str(len(lanes) + 1)
                row = {"lane_id": parents[lane.number], "link_id": link.link_id}
                lanes.add(row | cells(lane, names.entry[lane.number]))
        pockets = sorted({lane.storage_m for lane in ordered if lane.storage_m is not None})
        for storage_m in reversed(pockets):
            segment = str(len(segments) + 1)
            _segment(segments, segment, link, storage_m, names, system)
            for lane in ordered:
                number = names.stop[lane.number]
                # A pocket between other lanes moves those right of it up by one.
                moved = lane.storage_m is None and names.entry[lane.number] != number
                if lane.storage_m == storage_m or (moved and storage_m == pockets[-1]):
                    row = {
                        "segment_lane_id": str(len(changes) + 1),
                        "segment_id": segment,
                        "parent_lane_id": parents.get(lane.number, ""),
                    }
                    changes.add(row | cells(lane, number))
    return lanes, segments, changes


def _segment(
    sheet: Sheet, name: str, link: Street, storage_m: float, names: Numbered, system: System
) -> None:
    added = [names.stop[lane.number] for lane in link.lanes if lane.storage_m == storage_m]
    sheet.add(
        {
            "segment_id": name,
            "link_id": link.link_id,
            "ref_node_id": link.to_node,
            "start_lr": "0",
            "end_lr": measured(storage_m, system.short_m),
            "l_lanes_added": str(sum(number < 0 for number in added)),
            "r_lanes_added": str(sum(number > 0 for number in added)),
        }
    )


def movement_sheet(
    inventory: Inventory, numbered: Mapping[str, Numbered], dropped: list[str]
) -> tuple[Sheet, dict[str, tuple[str, ...]]]:
    """Return the movement table, and the movements each turn is made of."""
    sheet = Sheet(
        "movement",
        (
            "mvmt_id",
            "node_id",
            "ib_link_id",
            "start_ib_lane",
            "end_ib_lane",
            "ob_link_id",
            "start_ob_lane",
            "end_ob_lane",
            "type",
            "capacity",
            "ctrl_type",
            "mvmt_code",
        ),
    )
    links = {link.link_id: link for link in inventory.links}
    kinds = {node.node_id: node.kind for node in inventory.nodes}
    rows_of: dict[str, tuple[str, ...]] = {}
    for turn in inventory.turns:
        ends = (links[turn.from_link].to_node, links[turn.to_link].from_node)
        if ends != (turn.node_id, turn.node_id):
            dropped.append(f"turn {turn.turn_id!r} is left out: its links do not meet at its node")
            continue
        rows = []
        for cells in _movement_rows(turn, numbered):
            rows.append(str(len(sheet) + 1))
            kind, letter = _TYPES[turn.kind]
            code = links[turn.from_link].direction
            first = len(rows) == 1
            extras = {**write_extras(turn)} if first else {}
            saturated = first and turn.saturation_vph is not None
            sheet.add(
                {
                    "mvmt_id": rows[-1],
                    "node_id": turn.node_id,
                    "ib_link_id": turn.from_link,
                    "ob_link_id": turn.to_link,
                    "type": kind,
                    "capacity": number_text(turn.saturation_vph or 0.0) if saturated else "",
                    "ctrl_type": _movement_control(turn, kinds[turn.node_id]),
                    "mvmt_code": f"{code}{letter}" if code else "",
                    **cells,
                    **extras,
                }
            )
        rows_of[turn.turn_id] = tuple(rows)
    return sheet, rows_of


def _movement_control(turn: Turn, kind: NodeKind) -> str:
    if kind is NodeKind.SIGNAL and turn.kind is TurnKind.RIGHT and turn.right_on_red:
        return "signal_with_RTOR"
    return CONTROLS.get(kind, "no_control")


def _movement_rows(turn: Turn, numbered: Mapping[str, Numbered]) -> list[dict[str, str]]:
    """Return the lane cells of a turn: one row for each run of lanes side by side."""
    entry = numbered[turn.to_link].entry
    outside = [number for number in turn.to_lanes if number not in entry]
    inbound = runs(turn.lanes, numbered[turn.from_link].stop)
    outbound = [] if outside else runs(turn.to_lanes, entry)
    rows = []
    for a, b in list(zip_longest(inbound, outbound)) or [(None, None)]:
        # Read together, the rows of a turn are one: repeating a run adds nothing.
        cells = {
            **_span("ib", a or (inbound[-1] if inbound else None)),
            **_span("ob", b or (outbound[-1] if outbound else None)),
            "opt_to_lanes": LIST_SEPARATOR.join(map(str, turn.to_lanes)) if outside else "",
        }
        rows.append(cells)
    return rows


def _span(end: str, run: tuple[int, int] | None) -> dict[str, str]:
    if run is None:
        return {}
    first, last = run
    last_text = "" if last == first else str(last)
    return {f"start_{end}_lane": str(first), f"end_{end}_lane": last_text}
