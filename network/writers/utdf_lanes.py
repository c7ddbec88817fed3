"""Rows of the node, link and lane sheets of UTDF."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from network.errors import FormatError
from network.inventory import Lane, NodeKind, Turn, TurnKind
from network.readers.utdf_columns import COMPASS, MOVES
from network.readers.utdf_lanes import (
    CHANNELS,
    MOST_DETECTORS,
    MOST_PHASES,
    UNCONTROLLED,
    Scale,
)
from network.readers.utdf_nodes import NODE_KINDS, bezier
from network.writers.utdf_cells import clean, flag, number, percent, put, row
from network.writers.utdf_detectors import detectors_of, put_detectors
from network.writers.utdf_draft import Draft, Leg

Rows = list[tuple[str, ...]]
PED, HOLD = "PED", "HOLD"


def node_rows(draft: Draft, scale: Scale) -> Rows:
    """Return the node sheet without its header."""
    rows: Rows = []
    for node in draft.inventory.nodes:
        kind = node.kind
        if node.parent_node:
            draft.dropped.add("Intersections as parts of others", node.node_id)
        if kind in (NodeKind.STOP, NodeKind.YIELD):
            draft.dropped.add("Stop and yield signs of whole intersections", node.node_id)
            kind = NodeKind.UNCONTROLLED
        circle = node.roundabout
        rows.append(
            (
                draft.numbers[node.node_id],
                str(NODE_KINDS.index(kind)),
                number(node.x_m, scale.length_m, signed=True),
                number(node.y_m, scale.length_m, signed=True),
                number(node.z_m, scale.length_m, signed=True),
                clean(node.name, draft.dropped),
                "",
                number(circle.inside_radius_m if circle else None, scale.length_m),
                number(circle.outside_radius_m if circle else None, scale.length_m),
                "" if circle is None or circle.lanes is None else str(circle.lanes),
                number(circle.speed_mps if circle else None, scale.speed_mps),
            )
        )
    return rows


def link_columns(draft: Draft) -> list[str]:
    """Return the columns in use; the four main ones always are."""
    used = {leg.direction for legs in draft.legs.values() for leg in legs}
    return [direction for at, direction in enumerate(COMPASS) if at < 4 or used & _DIAGONAL]


_DIAGONAL = frozenset(tuple(COMPASS)[4:])


def link_rows(draft: Draft, scale: Scale, columns: list[str]) -> Rows:
    """Return the link sheet without its header."""
    rows: Rows = []
    cells: tuple[tuple[str, Callable[[Leg], str]], ...] = (
        ("Up ID", lambda leg: leg.up_node),
        ("Lanes", lambda leg: str(len(leg.lanes))),
        ("Name", lambda leg: clean(leg.street.name, draft.dropped)),
        ("Distance", lambda leg: number(leg.street.length_m, scale.length_m)),
        ("Speed", lambda leg: number(leg.street.speed_mps, scale.speed_mps)),
        ("Time", lambda leg: _travel_time(leg, scale)),
        ("Grade", lambda leg: "" if leg.void else number(leg.street.grade_percent, signed=True)),
        ("Median", lambda leg: "" if leg.void else number(leg.street.median_m, scale.length_m)),
        ("Curve Pt X", lambda leg: _curve(leg, 0, scale)),
        ("Curve Pt Y", lambda leg: _curve(leg, 1, scale)),
    )
    for node, legs in draft.legs.items():
        if not legs:
            continue
        for name, cell in cells:
            rows.append(row(name, node, columns, {leg.direction: cell(leg) for leg in legs}))
    _note_shapes(draft)
    return rows


def _travel_time(leg: Leg, scale: Scale) -> str:
    """Return seconds from end to end, of the length and speed as they are written."""
    length = float(number(leg.street.length_m, scale.length_m)) * scale.length_m
    speed = float(number(leg.street.speed_mps, scale.speed_mps)) * scale.speed_mps
    if not length or not speed:
        raise FormatError(
            f"UTDF cannot hold link {leg.street.link_id!r} of {length:g} m at {speed:g} m/s; "
            "allowed are lengths and speeds above 0"
        )
    return f"{length / speed:.1f}"


def _curve(leg: Leg, axis: int, scale: Scale) -> str:
    point = leg.street.curve_m
    return "" if leg.void or point is None else number(point[axis], scale.length_m, signed=True)


def _note_shapes(draft: Draft) -> None:
    legs = {(leg.up_node, leg.node): leg for legs in draft.legs.values() for leg in legs}
    nodes = {draft.numbers[node.node_id]: node for node in draft.inventory.nodes}
    for (up_node, node), leg in legs.items():
        street = leg.street
        if leg.void or not (street.shape_m or street.curve_m):
            continue
        back = legs.get((node, up_node))
        start, end = nodes[up_node], nodes[node]
        drawn = bezier(
            (start.x_m, start.y_m),
            back.street.curve_m if back and not back.void else None,
            street.curve_m,
            (end.x_m, end.y_m),
        )
        if not _alike(drawn, street.shape_m):
            draft.dropped.add("Center lines other than Synchro's curves", street.link_id)


def _alike(one: tuple[tuple[float, float], ...], two: tuple[tuple[float, float], ...]) -> bool:
    return len(one) == len(two) and all(
        abs(a[0] - b[0]) < 0.01 and abs(a[1] - b[1]) < 0.01 for a, b in zip(one, two, strict=True)
    )


def lane_columns(draft: Draft) -> list[str]:
    """Return the columns in use; left, through and right of the main directions always are."""
    used = {
        leg.direction + move for legs in draft.legs.values() for leg in legs for move in leg.turns
    }
    usual = {direction + move for direction in tuple(COMPASS)[:4] for move in ("L", "T", "R")}
    return [
        direction + move
        for direction in COMPASS
        for move in MOVES
        if direction + move in used | usual
    ] + [PED, HOLD]


def lane_rows(
    draft: Draft,
    scale: Scale,
    columns: list[str],
    holds: Mapping[str, str],
    measured: Collection[str] = (),
) -> Rows:
    """Return the lane sheet without its header.

    Parameters
    ----------
    draft, scale, columns
        The street, the file's units and its columns.
    holds
        By intersection, the phases of its HOLD column, separated by blanks.
    measured
        Intersections whose links without turns have their length and speed here, too, and the
        far sides of one-way links no lanes.
    """
    rows: Rows = []
    walks = _walks(draft)
    found = detectors_of(draft)
    phases = _turn_phases(draft)
    for node, legs in draft.legs.items():
        with_turns = [leg for leg in legs if leg.turns]
        for leg in legs:
            if leg.street.sign_control and not (leg.void or leg.turns):
                draft.dropped.add("Signs that face approaches without turns", leg.street.link_id)
        if not with_turns and not {node} & {*walks, *holds, *measured}:
            continue
        sheet: dict[str, dict[str, str]] = {}
        for leg in legs if node in measured else ():
            if leg.void:
                put(sheet, "Lanes", leg.direction + "T", "0")
            elif not leg.turns:
                _put_street(sheet, leg, leg.direction + "T", scale)
        for leg in with_turns:
            for move in leg.turns:
                _put_turn(sheet, draft, leg, move, scale)
                _put_phases(sheet, leg.direction + move, *_phases(draft, leg, move, phases))
                key = (leg.street.link_id, move)
                put_detectors(sheet, draft, leg.direction + move, found.get(key, []), scale)
        for column, numbers in ((PED, walks.get(node, ())), (HOLD, holds.get(node, "").split())):
            _put_phases(sheet, column, tuple(int(n) for n in numbers), ())
        always = _ALWAYS if with_turns else ()
        order = [name for name in _ORDER if name in sheet or name in always]
        rows += [row(name, node, columns, sheet.get(name, {})) for name in order]
    return rows


_ALWAYS = frozenset(("Up Node", "Dest Node", "Lanes", "Shared", "Width", "Storage", "StLanes"))
_DETECTOR_ROWS = ("Pos", "Size", "Type", "Extend", "Queue", "Delay")
_ORDER = (
    *("Up Node", "Dest Node", "Lanes", "Shared", "Width", "Storage", "Taper", "StLanes", "Grade"),
    *("Speed", "Phase1", "Phase2", "Phase3", "Phase4"),
    *("PermPhase1", "PermPhase2", "PermPhase3", "PermPhase4"),
    *("Lost Time Adjust", "IdealFlow", "SatFlow", "Allow RTOR", "Volume", "Peds", "Bicycles"),
    *("PHF", "Growth", "HeavyVehicles", "Distance", "TravelTime", "Right Channeled"),
    *("HeadwayFact", "Turning Speed", "Sign Control", "FirstDetect", "LastDetect"),
    *(f"DetectPhase{nth}" for nth in range(1, MOST_PHASES + 1)),
    "numDetects",
    *(f"Detect{what}{nth}" for nth in range(1, MOST_DETECTORS + 1) for what in _DETECTOR_ROWS),
)


def _put_turn(
    sheet: dict[str, dict[str, str]], draft: Draft, leg: Leg, move: str, scale: Scale
) -> None:
    turn, column, own = leg.turns[move], leg.direction + move, leg.own[move]
    street = leg.street
    lanes = [leg.lanes[at] for at in own]
    width, storage, taper, pockets = _group(draft, turn, move, lanes)
    first = move == ("T" if "T" in leg.turns else next(iter(leg.turns)))
    flow = number(turn.saturation_vph) or ("" if own else "0")
    for name, text in (
        ("Up Node", leg.up_node),
        ("Dest Node", leg.dests[move]),
        ("Lanes", str(leg.counts[move])),
        ("Shared", str(leg.shared.get(move, 0)) if own else ""),
        ("Width", number(width, scale.length_m)),
        ("Storage", number(storage, scale.length_m)),
        ("Taper", number(taper, scale.length_m)),
        ("StLanes", str(pockets) if pockets else ""),
        ("Lost Time Adjust", number(turn.lost_time_adjust_s, signed=True)),
        ("IdealFlow", number(turn.ideal_flow_vphpl)),
        ("SatFlow", "*" + flow if turn.saturation_fixed and flow else flow),
        ("Allow RTOR", flag(turn.right_on_red)),
        ("Volume", number(turn.volume_vph)),
        ("Peds", number(turn.pedestrians_ph)),
        ("Bicycles", number(turn.bicycles_ph)),
        ("PHF", number(turn.peak_hour_factor)),
        ("Growth", percent(turn.growth)),
        ("HeavyVehicles", percent(turn.heavy_share)),
        ("HeadwayFact", number(turn.headway_factor)),
        ("Turning Speed", number(turn.turning_speed_mps, scale.speed_mps)),
        ("Sign Control", clean(street.sign_control, draft.dropped) if first else ""),
    ):
        put(sheet, name, column, text)
    if first:
        _put_street(sheet, leg, column, scale)
    if turn.channelized not in ("", *CHANNELS):
        draft.dropped.add("Channels without a code", turn.turn_id)
    elif turn.channelized:
        put(sheet, "Right Channeled", column, str(CHANNELS.index(turn.channelized)))
    if turn.right_on_red is not None and turn.kind is not TurnKind.RIGHT:
        draft.dropped.add("Turning on red other than to the right", turn.turn_id)


def _put_street(sheet: dict[str, dict[str, str]], leg: Leg, column: str, scale: Scale) -> None:
    street = leg.street
    put(sheet, "Grade", column, number(street.grade_percent, signed=True))
    put(sheet, "Speed", column, number(street.speed_mps, scale.speed_mps))
    put(sheet, "Distance", column, number(street.length_m, scale.length_m))
    put(sheet, "TravelTime", column, _travel_time(leg, scale))


def _group(
    draft: Draft, turn: Turn, move: str, lanes: list[Lane]
) -> tuple[float | None, float | None, float | None, int]:
    """Return a group's width, storage and taper, m, and how many of its lanes are pockets."""
    if not lanes:
        return None, None, None, 0
    if len({lane.width_m for lane in lanes}) > 1:
        draft.dropped.add("Lanes of a group that differ in width were given one", turn.turn_id)
    pockets = [lane for lane in lanes if lane.storage_m]
    if not pockets:
        return lanes[0].width_m, None, None, 0
    outer = lanes[::-1] if move in ("L", "L2", "U") else lanes
    alike = len({(lane.storage_m, lane.taper_m) for lane in pockets}) == 1
    if not alike or any(lane not in pockets for lane in outer[: len(pockets)]):
        draft.dropped.add("Pockets of a group that differ were made alike", turn.turn_id)
    longest = max(pockets, key=lambda lane: lane.storage_m or 0.0)
    return lanes[0].width_m, longest.storage_m, longest.taper_m, len(pockets)


def _put_phases(
    sheet: dict[str, dict[str, str]],
    column: str,
    protected: tuple[int, ...],
    permitted: tuple[int, ...],
) -> None:
    for name, phases in (("Phase", protected), ("PermPhase", permitted)):
        for nth, phase in enumerate(phases[:MOST_PHASES], start=1):
            put(sheet, f"{name}{nth}", column, str(phase))


def _turn_phases(draft: Draft) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return phases by turn where the first plan numbers them differently."""
    found = {}
    for controller in draft.inventory.controllers:
        for (plan_id, turn_id), phases in controller.turn_phases.items():
            if controller.plans and plan_id == controller.plans[0].plan_id:
                found[turn_id] = phases
            else:
                draft.dropped.add("Phase numbers of further plans", f"{plan_id} {turn_id}")
    return found


def _phases(
    draft: Draft,
    leg: Leg,
    move: str,
    changed: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]],
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    def of(turn: Turn) -> tuple[tuple[int, ...], tuple[int, ...]]:
        protected, permitted = changed.get(
            turn.turn_id, (turn.protected_phases, turn.permitted_phases)
        )
        return ((UNCONTROLLED, *protected) if turn.uncontrolled else protected), permitted

    turn = leg.turns[move]
    phases = of(turn)
    if max(map(len, phases)) > MOST_PHASES:
        draft.dropped.add("Phases of a turn beyond the fourth", turn.turn_id)
    if not leg.own[move]:
        shared = [other for other in leg.turns if other != move and leg.own[other]]
        owner = next((o for o in shared if set(leg.own[o]) & set(leg.uses[move])), None)
        if owner is not None and phases == of(leg.turns[owner]):
            return (), ()
        if owner is not None and phases == ((), ()):
            draft.dropped.add("Turns without a phase beside one that has", turn.turn_id)
    return phases


def _walks(draft: Draft) -> dict[str, tuple[int, ...]]:
    """Return the exclusive pedestrian phases by intersection."""
    found: dict[str, tuple[int, ...]] = {}
    for crossing in draft.inventory.crossings:
        node = draft.numbers.get(crossing.node_id, "")
        legs = {leg.street.link_id for leg in draft.legs.get(node, []) if not leg.void}
        if not crossing.phases or set(crossing.links) != legs or node in found:
            draft.dropped.add("Crossings of single legs", crossing.crossing_id)
            continue
        if crossing.length_m is not None or crossing.ends or crossing.crossing_id != f"{node}:PED":
            draft.dropped.add("Names and lengths of crossings", crossing.crossing_id)
        found[node] = crossing.phases
    return found
