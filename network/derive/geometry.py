"""Where approaches come from, where their turns lead, and which legs a node has.

Angles are degrees, counterclockwise from east, as in the network's plane. Traffic is taken to
keep to the right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from network.graph import Link, Movement, RoadNetwork, Signal
from network.inventory import TurnKind

REACH_M = 25.0
"""A heading is that of the last stretch of road of this length before the stop line."""

THROUGH_WITHIN_DEG = 45.0
UNSURE_WITHIN_DEG = 15.0
"""So close to the limit between through and turn, the source's own word decides."""
U_TURN_FROM_DEG = 165.0
OPPOSITE_WITHIN_DEG = 50.0
SAME_LEG_WITHIN_DEG = 35.0

_KIND_OF_LETTER = {
    "s": TurnKind.THROUGH,
    "l": TurnKind.LEFT,
    "L": TurnKind.LEFT,
    "r": TurnKind.RIGHT,
    "R": TurnKind.RIGHT,
    "t": TurnKind.U_TURN,
}


@dataclass(frozen=True, slots=True)
class Turning:
    """A movement and which way it goes by geometry."""

    movement: Movement
    kind: TurnKind
    angle_deg: float


@dataclass(frozen=True, slots=True)
class Approach:
    """A link that ends at a signal.

    Attributes
    ----------
    link
        The link.
    heading_deg
        Heading of traffic at the stop line; NaN where the link has no shape.
    turns
        Its movements, from right to left.
    """

    link: Link
    heading_deg: float
    turns: tuple[Turning, ...]

    @property
    def node(self) -> str:
        """The node it ends at."""
        return self.link.to_node


@dataclass(frozen=True, slots=True)
class Leg:
    """A street as it meets a node.

    Attributes
    ----------
    bearing_deg
        Direction in which it leaves the node.
    links_in, links_out
        Its links toward the node and away from it.
    """

    bearing_deg: float
    links_in: tuple[str, ...]
    links_out: tuple[str, ...]


def heading_deg(shape_m: Sequence[tuple[float, float]], at_end: bool = True) -> float:
    """Return the heading of a link at its end, or at its beginning.

    Parameters
    ----------
    shape_m
        Center line in driving direction, m.
    at_end
        Whether at the end.

    Returns
    -------
    float
        Degrees in (-180, 180]; NaN for a shape without length.
    """
    points = [*reversed(shape_m)] if at_end else [*shape_m]
    if not points:
        return math.nan
    x0, y0 = points[0]
    left_m, x, y = REACH_M, x0, y0
    for x1, y1 in points[1:]:
        step_m = math.hypot(x1 - x, y1 - y)
        if step_m >= left_m:
            x, y = x + (x1 - x) * left_m / step_m, y + (y1 - y) * left_m / step_m
            break
        left_m, x, y = left_m - step_m, x1, y1
    if not math.hypot(x - x0, y - y0) > 0:
        return math.nan
    return math.degrees(math.atan2(y0 - y, x0 - x) if at_end else math.atan2(y - y0, x - x0))


def turned_deg(first_deg: float, second_deg: float) -> float:
    """Return by how much the second heading lies left of the first, in (-180, 180]."""
    return 180.0 - (180.0 - (second_deg - first_deg)) % 360.0


def approaches(network: RoadNetwork, signal: Signal) -> tuple[Approach, ...]:
    """Return the approaches of a signal, by link name.

    Parameters
    ----------
    network
        The roads.
    signal
        One of its signals.
    """
    movements: dict[str, list[Movement]] = {}
    for movement in signal.movements:
        movements.setdefault(movement.from_link, []).append(movement)
    return tuple(_approach(network, name, movements[name]) for name in sorted(movements))


def _approach(network: RoadNetwork, name: str, movements: Sequence[Movement]) -> Approach:
    link = network.links[name]
    heading = heading_deg(link.shape_m)
    turns: list[Turning] = []
    for movement in movements:
        onward = network.links[movement.to_link]
        angle = turned_deg(heading, heading_deg(onward.shape_m, at_end=False))
        returns = onward.to_node == link.from_node
        turns.append(Turning(movement, _kind(movement.turn, angle, returns), angle))
    turns.sort(key=lambda t: t.angle_deg if t.kind is not TurnKind.U_TURN else 360.0)
    return Approach(link, heading, tuple(turns))


def _kind(letter: str, angle_deg: float, returns: bool) -> TurnKind:
    """Classify a turn; `letter` is the source's word."""
    if math.isnan(angle_deg):
        return _KIND_OF_LETTER.get(letter, TurnKind.THROUGH)
    size = abs(angle_deg)
    if letter == "t" or size > U_TURN_FROM_DEG or (returns and size > 90.0 + OPPOSITE_WITHIN_DEG):
        return TurnKind.U_TURN
    unsure = abs(size - THROUGH_WITHIN_DEG) <= UNSURE_WITHIN_DEG
    if unsure and letter in ("s", "l", "r"):
        return _KIND_OF_LETTER[letter]
    if size <= THROUGH_WITHIN_DEG:
        return TurnKind.THROUGH
    return TurnKind.LEFT if angle_deg > 0 else TurnKind.RIGHT


def opposing(found: Sequence[Approach]) -> dict[str, str]:
    """Pair opposite approaches of the same node, the most opposite first.

    Parameters
    ----------
    found
        Approaches.

    Returns
    -------
    dict
        Link name to the link name of the opposite approach; both ways.
    """
    pairs: list[tuple[float, str, str]] = []
    for i, one in enumerate(found):
        for other in found[i + 1 :]:
            off = 180.0 - abs(turned_deg(one.heading_deg, other.heading_deg))
            # Not a number where a heading is unknown: then nothing is opposite.
            if one.node == other.node and off <= OPPOSITE_WITHIN_DEG:
                pairs.append((round(off, 6), one.link.link_id, other.link.link_id))
    paired: dict[str, str] = {}
    for _, a, b in sorted(pairs):
        if a not in paired and b not in paired:
            paired[a], paired[b] = b, a
    return paired


def legs(network: RoadNetwork, node: str) -> tuple[Leg, ...]:
    """Return the legs of a node, counterclockwise from east.

    Parameters
    ----------
    network
        The roads.
    node
        Node name.
    """
    graph = network.graph
    if node not in graph:
        return ()
    bearings = {
        link: turned_deg(180.0, heading_deg(network.links[link].shape_m))
        for _, _, link in graph.in_edges(node, keys=True)
    }
    outward = {
        link: heading_deg(network.links[link].shape_m, at_end=False)
        for _, _, link in graph.out_edges(node, keys=True)
    }
    free = sorted(link for link in outward if not math.isnan(outward[link]))
    result: list[Leg] = []
    for link in sorted(bearings):
        bearing = bearings[link]
        if math.isnan(bearing):
            continue
        far = network.links[link].from_node
        apart = {
            other: (
                network.links[other].to_node != far,
                abs(turned_deg(bearing, outward[other])),
            )
            for other in free
        }
        near = [
            other
            for other, (elsewhere, off) in apart.items()
            if off <= SAME_LEG_WITHIN_DEG or (not elsewhere and off <= 2 * SAME_LEG_WITHIN_DEG)
        ]
        chosen = min(near, key=lambda other: (*apart[other], other), default=None)
        if chosen is not None:
            free.remove(chosen)
        result.append(Leg(bearing, (link,), (chosen,) if chosen else ()))
    result += [Leg(outward[link], (), (link,)) for link in free]
    return tuple(sorted(result, key=lambda leg: leg.bearing_deg % 360.0))


def leg_beside(approach: Approach, found: Sequence[Leg], right: bool = True) -> Leg | None:
    """Return the leg on the right (or left) hand of an approach; None where there is none.

    Parameters
    ----------
    approach
        Who looks.
    found
        The legs of its node.
    right
        Which hand.
    """
    middle = -90.0 if right else 90.0
    options = []
    for leg in found:
        off = abs(turned_deg(middle, turned_deg(approach.heading_deg, leg.bearing_deg)))
        if approach.link.link_id not in leg.links_in and off < 90.0 - OPPOSITE_WITHIN_DEG / 2:
            options.append((off, leg.bearing_deg, leg))
    return min(options, key=lambda option: option[:2])[2] if options else None
