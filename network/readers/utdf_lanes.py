"""Lane groups of a UTDF sheet: which lanes an approach has and what turns from each.

The sheet counts lanes per turn. A lane that two turns share counts for one of them, which says so
with a code: 1 its leftmost lane is shared with the turn on its left, 2 its rightmost with the one
on its right, 3 both. A turn without a lane of its own and without a share does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from network.errors import FormatError
from network.inventory import Lane, Turn, TurnKind
from network.readers.utdf_columns import MOVES, key_of
from network.readers.utdf_tables import Record, Tables, number_in, whole_in

KINDS = {
    "U": TurnKind.U_TURN,
    "L2": TurnKind.LEFT,
    "L": TurnKind.LEFT,
    "T": TurnKind.THROUGH,
    "R": TurnKind.RIGHT,
    "R2": TurnKind.RIGHT,
}
CHANNELS = ("no", "yield", "free", "stop", "signal")
"""Control of a channelized right turn by its code."""
MOST_LANES = 20
MOST_DETECTORS = 10
MOST_PHASES = 4
"""Primary and permitted phases a lane group may have, each."""
UNCONTROLLED = -1
LANE_RECORDS = frozenset(
    key_of(name)
    for name in (
        *("Up Node", "Dest Node", "Lanes", "Shared", "Width", "Storage", "Taper", "StLanes"),
        *("Phase1", "Phase2", "Phase3", "Phase4"),
        *("PermPhase1", "PermPhase2", "PermPhase3", "PermPhase4"),
        *("Lost Time Adjust", "IdealFlow", "SatFlow", "Allow RTOR", "Volume", "Peds", "Bicycles"),
        *("PHF", "Growth", "HeavyVehicles", "Right Channeled", "HeadwayFact", "Turning Speed"),
        *("Sign Control", "numDetects", "FirstDetect", "LastDetect"),
    )
) | {
    f"detect{what}{number}"
    for what in ("pos", "size", "type", "extend", "queue", "delay", "phase")
    for number in range(1, MOST_DETECTORS + 1)
}
"""What is read here; the other records of the sheet are computed, or matter to drawing only."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What a unit of the file is.

    Attributes
    ----------
    length_m, speed_mps
        One foot or meter, and one mile or kilometer per hour.
    """

    length_m: float
    speed_mps: float


FEET = Scale(0.3048, 0.44704)
METERS = Scale(1.0, 1 / 3.6)


@dataclass(frozen=True, slots=True)
class Group:
    """A turn's column at an approach: its own lanes and all it may use, from the right, 0."""

    move: str
    column: str
    own: tuple[int, ...]
    uses: tuple[int, ...]


def deal_lanes(
    counts: Mapping[str, int], shared: Mapping[str, int]
) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Deal an approach's lanes out to its turns.

    Parameters
    ----------
    counts
        Lanes that count for each turn, by the ending of its column.
    shared
        Share codes, 0 where missing.

    Returns
    -------
    dict
        By ending: the lanes that count for the turn, and all it may use; numbers from the right.
    """
    order = [move for move in MOVES if move in counts]
    own: dict[str, tuple[int, ...]] = {}
    number = 0
    for move in reversed(order):
        own[move] = tuple(range(number, number + counts[move]))
        number += counts[move]
    uses = {move: set(lanes) for move, lanes in own.items()}
    for at, move in enumerate(order):
        if not own[move]:
            continue
        code = shared.get(move, 0)
        sides = []
        if code & 1:
            sides.append((max(own[move]), order[:at][::-1]))
        if code & 2:
            sides.append((min(own[move]), order[at + 1 :]))
        for lane, others in sides:
            for nth, other in enumerate(others):
                # Beyond the next turn only those that have nothing else to go by share too.
                if nth and own[other]:
                    break
                uses[other].add(lane)
                if own[other]:
                    break
    return {move: (own[move], tuple(sorted(uses[move]))) for move in order}


def read_groups(
    tables: Tables, node: str, direction: str, moves: Sequence[str]
) -> tuple[tuple[Group, ...], tuple[Lane, ...]]:
    """Read the lane groups of one approach.

    Parameters
    ----------
    tables, node, direction
        The file, the intersection and the approach's column of the link sheet.
    moves
        Endings of the columns of the turns that lead somewhere.

    Returns
    -------
    tuple
        Groups from the driver's left to his right, and the lanes from right to left without
        widths or pockets of any length unknown; lengths in the file's own unit.

    Raises
    ------
    FormatError
        If a count or code is not one, or a turn with traffic has no lane to go by.
    """
    sheet = tables.lanes.get(node, {})
    counts: dict[str, int] = {}
    shared: dict[str, int] = {}
    for move in moves:
        column = direction + move
        counts[move] = whole_in(sheet, "lanes", column, MOST_LANES) or 0
        shared[move] = whole_in(sheet, "shared", column, 3) or 0
    dealt = deal_lanes(counts, shared)
    groups = []
    for move, (own, uses) in dealt.items():
        column = direction + move
        if not uses and (number_in(sheet, "volume", column) or 0.0) > 0.0:
            uses = (_nearest(sheet["volume"], column, move, dealt),)
            tables.findings.append(
                f"{sheet['volume'].place(column)}: traffic on a turn without a lane; it is let "
                "onto its neighbor's nearest lane."
            )
        groups.append(Group(move, column, own, uses))
    lanes: list[Lane] = []
    for group in reversed(groups):
        lanes += _lanes(tables, sheet, group)
    return tuple(groups), tuple(lanes)


def _nearest(
    volume: Record,
    column: str,
    move: str,
    dealt: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]],
) -> int:
    order = list(dealt)
    at = order.index(move)
    left = [dealt[other][0] for other in order[:at][::-1] if dealt[other][0]]
    right = [dealt[other][0] for other in order[at + 1 :] if dealt[other][0]]
    if not left and not right:
        raise volume.bad(column, "no traffic, as the approach has no lane for this movement")
    if right and (KINDS[move] is not TurnKind.RIGHT or not left):
        return max(right[0])
    return min(left[0])


def _lanes(tables: Tables, sheet: Mapping[str, Record], group: Group) -> list[Lane]:
    if not group.own:
        if number_in(sheet, "storage", group.column):
            tables.findings.append(
                f"{sheet['storage'].place(group.column)}: a pocket for a movement without a lane "
                "of its own was ignored."
            )
        return []
    width = number_in(sheet, "width", group.column)
    storage = number_in(sheet, "storage", group.column)
    taper = number_in(sheet, "taper", group.column)
    pockets = whole_in(sheet, "stlanes", group.column, MOST_LANES)
    count = len(group.own)
    if not storage:
        pockets = 0
    elif pockets is None:
        pockets = count
    elif pockets == 0 or pockets > count:
        tables.findings.append(
            f"{sheet['stlanes'].place(group.column)}: {pockets} lanes of storage for {count} of "
            f"the movement; {min(pockets, count)} are taken to be pockets."
        )
    from_left = KINDS[group.move] in (TurnKind.LEFT, TurnKind.U_TURN)
    outer = group.own[::-1] if from_left else group.own
    in_pocket = set(outer[:pockets])
    return [
        Lane(
            number,
            width_m=width or None,
            storage_m=storage if number in in_pocket else None,
            taper_m=taper if number in in_pocket else None,
        )
        for number in group.own
    ]


def read_turn(
    tables: Tables, scale: Scale, group: Group, ends: tuple[str, str, str], owner: Group | None
) -> Turn:
    """Read what the sheet says of one turn.

    Parameters
    ----------
    tables, scale
        The file and its units.
    group
        The turn's column.
    ends
        The node and the names of the links it comes from and leads to.
    owner
        The group whose lane it shares, where it has none of its own: it moves in that group's
        phases unless it names some.
    """
    node, from_link, to_link = ends
    sheet = tables.lanes[node]
    column = group.column
    protected, permitted, free = phases_of(sheet, column)
    if owner is not None and not (protected or permitted or free):
        protected, permitted, free = phases_of(sheet, owner.column)
    percent = {
        name: None if (value := number_in(sheet, name, column, most)) is None else value / 100
        for name, most in (("heavyvehicles", 1e6), ("growth", 1e6))
    }
    speed = number_in(sheet, "turningspeed", column, 1000.0)
    channel = whole_in(sheet, "rightchanneled", column, len(CHANNELS) - 1)
    on_red = whole_in(sheet, "allowrtor", column, 1)
    satflow = sheet["satflow"].text(column) if "satflow" in sheet else ""
    return Turn(
        f"{from_link}>{to_link}",
        node,
        from_link,
        to_link,
        KINDS[group.move],
        group.uses,
        protected_phases=protected,
        permitted_phases=permitted,
        volume_vph=number_in(sheet, "volume", column),
        peak_hour_factor=number_in(sheet, "phf", column),
        heavy_share=percent["heavyvehicles"],
        saturation_vph=number_in(sheet, "satflow", column) or None,
        right_on_red=None if on_red is None or KINDS[group.move] != "r" else bool(on_red),
        pedestrians_ph=number_in(sheet, "peds", column),
        bicycles_ph=number_in(sheet, "bicycles", column),
        growth=percent["growth"],
        ideal_flow_vphpl=number_in(sheet, "idealflow", column),
        saturation_fixed=satflow.startswith("*"),
        lost_time_adjust_s=number_in(sheet, "losttimeadjust", column, 1000.0, -1000.0),
        headway_factor=number_in(sheet, "headwayfact", column, 100.0),
        turning_speed_mps=None if speed is None else speed * scale.speed_mps,
        channelized="" if channel is None else CHANNELS[channel],
        uncontrolled=free,
    )


def phases_of(
    sheet: Mapping[str, Record], column: str
) -> tuple[tuple[int, ...], tuple[int, ...], bool]:
    """Return a column's primary and permitted phases, and whether it is uncontrolled."""
    found: list[tuple[int, ...]] = []
    for name in ("phase", "permphase"):
        numbers = [
            whole_in(sheet, f"{name}{nth}", column, 99, UNCONTROLLED)
            for nth in range(1, MOST_PHASES + 1)
        ]
        found.append(tuple(dict.fromkeys(number for number in numbers if number)))
    free = UNCONTROLLED in found[0] or UNCONTROLLED in found[1]
    primary, permitted = (tuple(p for p in phases if p != UNCONTROLLED) for phases in found)
    return primary, permitted, free


def require_no_orphans(
    sheet: Mapping[str, Record], direction: str, moves: Sequence[str], known: bool
) -> None:
    """Raise `FormatError` for lanes or traffic of a turn that leads nowhere."""
    for name in ("lanes", "volume"):
        record = sheet.get(name)
        if record is None:
            continue
        for move in MOVES:
            column = direction + move
            if move in moves or not record.number(column):
                continue
            missing = "a destination (Dest Node)" if known else "a link it comes from (Up ID)"
            raise FormatError(
                f"{record.place(column)}: found {record.text(column)!r} for a movement onto a "
                f"missing link; allowed is 0 for a movement without {missing}"
            )
