"""A street brought into the shape of UTDF: numbers, compass columns and lane groups.

UTDF knows a link by the two intersections it joins and by the compass column in which it arrives,
a turn by that column and the way it goes, and lanes by counts. Whatever a street has beyond that
is dropped here, each kind with one sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import atan2, degrees

from network.inventory import Inventory, Lane, LaneUse, Node, Street, Turn, TurnKind
from network.readers.utdf_columns import COMPASS, MOVES
from network.readers.utdf_lanes import deal_lanes

_WANTED = {
    TurnKind.U_TURN: ("U", "L2", "L"),
    TurnKind.LEFT: ("L", "L2", "T", "U"),
    TurnKind.THROUGH: ("T", "R", "L", "R2", "L2"),
    TurnKind.RIGHT: ("R", "R2", "T"),
}
"""Columns for each way to turn, the proper ones first."""
_PROPER = {TurnKind.U_TURN: 1, TurnKind.LEFT: 2, TurnKind.THROUGH: 1, TurnKind.RIGHT: 2}
_OWNERS = ("T", "L", "R", "L2", "R2", "U")
"""For whom a shared lane counts, in order of preference."""
MOST_NUMBER = 10**9


@dataclass(slots=True)
class Leg:
    """One approach of an intersection.

    Attributes
    ----------
    node, up_node
        Numbers of the intersection and of the one traffic comes from.
    direction
        Compass column.
    street
        The link; where `void`, the one that leads the other way.
    void
        Whether nothing may drive here: the far side of a one-way link.
    lanes
        What is left of the link's lanes, from right to left.
    turns
        Turns by the ending of their column.
    counts, shared
        Lane counts and share codes by ending.
    own, uses
        Numbers of the lanes that count for each turn, and of all it may use.
    dests
        Intersections the turns lead to.
    """

    node: str
    up_node: str
    direction: str
    street: Street
    void: bool = False
    lanes: tuple[Lane, ...] = ()
    turns: dict[str, Turn] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)
    own: dict[str, tuple[int, ...]] = field(default_factory=dict)
    uses: dict[str, tuple[int, ...]] = field(default_factory=dict)
    dests: dict[str, str] = field(default_factory=dict)


class Dropped:
    """Sentences on what a file cannot hold, one per kind."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, None]] = {}

    def add(self, sentence: str, example: str = "") -> None:
        """Note something lost; `sentence` names the kind, `example` where."""
        self._found.setdefault(sentence, {})
        if example:
            self._found[sentence][example] = None

    def sentences(self) -> tuple[str, ...]:
        """Return one sentence per kind with up to five places."""
        told = []
        for sentence, places in self._found.items():
            listed = ", ".join(list(places)[:5]) + (", ..." if len(places) > 5 else "")
            told.append(f"{sentence} ({len(places)}: {listed})." if places else f"{sentence}.")
        return tuple(told)


@dataclass(slots=True)
class Draft:
    """A street ready to be written.

    Attributes
    ----------
    inventory
        What it is made of.
    numbers
        Number of each intersection, by its name.
    legs
        Approaches of each intersection by number, in order of the compass columns.
    dropped
        What is lost.
    """

    inventory: Inventory
    numbers: dict[str, str]
    legs: dict[str, list[Leg]]
    dropped: Dropped

    def leg_of(self) -> dict[str, Leg]:
        """Return the approaches by the name of their link."""
        return {
            leg.street.link_id: leg for legs in self.legs.values() for leg in legs if not leg.void
        }


def draft(inventory: Inventory) -> Draft:
    """Bring a street into the shape of UTDF.

    Parameters
    ----------
    inventory
        The street.

    Returns
    -------
    Draft
        Intersections, approaches and turns that UTDF can hold, and what it cannot.
    """
    dropped = Dropped()
    numbers = _numbers(inventory.nodes, dropped)
    made = Draft(inventory, numbers, {number: [] for number in numbers.values()}, dropped)
    renumbered = _put_links(made)
    _put_turns(made, renumbered)
    for legs in made.legs.values():
        for leg in legs:
            _count_lanes(leg, dropped)
        legs.sort(key=lambda leg: list(COMPASS).index(leg.direction))
    return made


def _numbers(nodes: Iterable[Node], dropped: Dropped) -> dict[str, str]:
    names = [node.node_id for node in nodes]
    numbers = {
        name: name
        for name in names
        if name.isascii() and name.isdigit() and str(int(name[:12])) == name
    }
    numbers = {name: name for name in numbers if int(name) <= MOST_NUMBER}
    following = max((int(name) for name in numbers), default=0)
    if following + len(names) > MOST_NUMBER:
        following, numbers = 0, {}
    for name in names:
        if name not in numbers:
            following += 1
            numbers[name] = str(following)
            dropped.add("Intersections have numbers, so that names became numbers", name)
    return {name: numbers[name] for name in names}


def heading_deg(inventory_nodes: dict[str, Node], street: Street) -> float:
    """Return the heading of a link's last chord, degrees clockwise from north."""
    end = inventory_nodes[street.to_node]
    x_m, y_m = inventory_nodes[street.from_node].x_m, inventory_nodes[street.from_node].y_m
    if len(street.shape_m) > 1:
        x_m, y_m = street.shape_m[-2]
    return degrees(atan2(end.x_m - x_m, end.y_m - y_m)) % 360


def _put_links(made: Draft) -> dict[str, dict[int, int]]:
    """Place links in compass columns; return each one's lane numbers by their former ones."""
    dropped, nodes = made.dropped, {node.node_id: node for node in made.inventory.nodes}
    taken: dict[str, dict[str, Leg]] = {number: {} for number in made.numbers.values()}
    pairs: set[tuple[str, str]] = set()
    renumbered: dict[str, dict[int, int]] = {}
    waiting: list[Leg] = []
    for street in made.inventory.links:
        ends = (made.numbers[street.from_node], made.numbers[street.to_node])
        kept = sorted(
            (lane for lane in street.lanes if lane.use is LaneUse.GENERAL),
            key=lambda lane: lane.number,
        )
        if len(kept) < len(street.lanes):
            dropped.add("Lanes that are not open to all traffic were dropped", street.link_id)
        if not kept:
            if not street.lanes:
                dropped.add("Links without a lane were dropped", street.link_id)
            continue
        if ends in pairs or ends[0] == ends[1] or len(kept) > 20:
            dropped.add(
                "Links beside another one between the same intersections, loops and links of more "
                "than 20 lanes were dropped",
                street.link_id,
            )
            continue
        pairs.add(ends)
        if street.link_id != f"{street.from_node}>{street.to_node}":
            dropped.add("Links have no names of their own", street.link_id)
        renumbered[street.link_id] = {lane.number: at for at, lane in enumerate(kept)}
        leg = Leg(ends[1], ends[0], street.direction, street, lanes=tuple(kept))
        if street.direction in COMPASS and street.direction not in taken[leg.node]:
            taken[leg.node][street.direction] = leg
        else:
            if street.direction:
                dropped.add("Compass headings that clash were changed", street.link_id)
            waiting.append(leg)
    for leg in waiting:
        _place(leg, heading_deg(nodes, leg.street), taken, made, pairs, renumbered)
    for legs in list(taken.values()):
        for leg in list(legs.values()):
            if leg.void or (leg.node, leg.up_node) in pairs:
                continue
            back = Leg(leg.up_node, leg.node, "", leg.street, void=True)
            _place(back, COMPASS[leg.direction] + 180, taken, made, pairs, renumbered)
    for number, legs in taken.items():
        made.legs[number] = list(legs.values())
    return renumbered


def _place(
    leg: Leg,
    heading: float,
    taken: dict[str, dict[str, Leg]],
    made: Draft,
    pairs: set[tuple[str, str]],
    renumbered: dict[str, dict[int, int]],
) -> None:
    free = [direction for direction in COMPASS if direction not in taken[leg.node]]
    if not free:
        if not leg.void:
            made.dropped.add(
                "Links into intersections of more than eight legs were dropped", leg.street.link_id
            )
            pairs.discard((leg.up_node, leg.node))
            del renumbered[leg.street.link_id]
        return
    leg.direction = min(
        free, key=lambda direction: abs((COMPASS[direction] - heading + 180) % 360 - 180)
    )
    taken[leg.node][leg.direction] = leg


def _put_turns(made: Draft, renumbered: dict[str, dict[int, int]]) -> None:
    dropped, legs = made.dropped, made.leg_of()
    by_link: dict[str, list[Turn]] = {}
    for turn in made.inventory.turns:
        from_leg, to_leg = legs.get(turn.from_link), legs.get(turn.to_link)
        if from_leg is None or to_leg is None or from_leg.node != to_leg.up_node:
            dropped.add("Turns between links that were dropped or do not meet", turn.turn_id)
            continue
        if turn.to_lanes:
            dropped.add("Lanes that turns lead into were dropped", turn.turn_id)
        if turn.turn_id != f"{turn.from_link}>{turn.to_link}":
            dropped.add("Turns have no names of their own", turn.turn_id)
        by_link.setdefault(turn.from_link, []).append(turn)
    for link_id, turns in by_link.items():
        leg, kept = legs[link_id], renumbered[link_id]
        seen: set[str] = set()
        # From the driver's left to his right, so that second lefts and rights are the outer ones.
        for turn in sorted(turns, key=lambda turn: _leftmost(turn)):
            lanes = tuple(kept[number] for number in turn.lanes if number in kept)
            if not lanes or turn.to_link in seen:
                dropped.add("Turns without a lane, or given twice, were dropped", turn.turn_id)
                continue
            seen.add(turn.to_link)
            column = _column(leg, turn, turns)
            if column is None:
                dropped.add("Turns beyond the columns of an approach", turn.turn_id)
                continue
            if column not in _WANTED[turn.kind][: _PROPER[turn.kind]]:
                dropped.add("Turns that share their way with others changed it", turn.turn_id)
            leg.turns[column] = turn
            leg.uses[column] = lanes
            leg.dests[column] = legs[turn.to_link].node
        leg.turns = {move: leg.turns[move] for move in MOVES if move in leg.turns}


def _leftmost(turn: Turn) -> tuple[int, int]:
    kinds = (TurnKind.U_TURN, TurnKind.LEFT, TurnKind.THROUGH, TurnKind.RIGHT)
    return (kinds.index(turn.kind), -max(turn.lanes, default=0))


def _column(leg: Leg, turn: Turn, turns: list[Turn]) -> str | None:
    wanted = _WANTED[turn.kind]
    if turn.kind is TurnKind.LEFT and "L2" not in leg.turns:
        lefts = [other for other in turns if other.kind is TurnKind.LEFT and other.lanes]
        if len(lefts) > 1 and "L" not in leg.turns:
            wanted = ("L2", *wanted)
    return next((move for move in wanted if move not in leg.turns), None)


def _count_lanes(leg: Leg, dropped: Dropped) -> None:
    """Count every lane for one of its turns, and code who shares it."""
    if not leg.turns:
        return
    wanted = leg.uses
    owners: dict[int, str] = {}
    for number in range(len(leg.lanes)):
        users = [move for move in _OWNERS if move in wanted and number in wanted[move]]
        if users:
            owners[number] = users[0]
        else:
            nearest = [owners[n] for n in sorted(owners, reverse=True)] or [
                next(move for move in _OWNERS if move in wanted)
            ]
            owners[number] = nearest[0]
    order = list(leg.turns)
    leg.counts = {move: sum(owner == move for owner in owners.values()) for move in order}
    for at, move in enumerate(order):
        own = [number for number, owner in owners.items() if owner == move]
        if not own:
            continue
        leg.shared[move] = any(max(own) in wanted[other] for other in order[:at]) + 2 * any(
            min(own) in wanted[other] for other in order[at + 1 :]
        )
    dealt = deal_lanes(leg.counts, leg.shared)
    for move, (_, uses) in dealt.items():
        if uses != tuple(sorted(set(wanted[move]))):
            dropped.add(
                "Lanes that cross each other, are shared beyond neighbors, or serve no turn were "
                "written as near as counts can say",
                leg.turns[move].turn_id,
            )
    leg.own = {move: own for move, (own, _) in dealt.items()}
    leg.uses = {move: uses for move, (_, uses) in dealt.items()}
