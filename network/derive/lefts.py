"""How left turns are served: yielding, on an arrow too, on the arrow only, or side by side.

An arrow needs a lane of its own. A left turn that needs one but shares its lane with through
traffic makes its street run split: one approach after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from network.derive.conflicts import Conflicts, Unit
from network.derive.geometry import Approach
from network.derive.practice import Practice
from network.inventory import TurnKind


class LeftTurns(StrEnum):
    """How the left turns of an approach are served."""

    NONE = "none"
    UNOPPOSED = "unopposed"
    PERMISSIVE = "permissive"
    PROTECTED_PERMISSIVE = "protected-permissive"
    PROTECTED = "protected"
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class LeftChoice:
    """A treatment, and why."""

    turns: LeftTurns
    reason: str


@dataclass(frozen=True, slots=True)
class Side:
    """The units of an approach: with through traffic, and of left turns in lanes of their own."""

    approach: Approach
    through: tuple[Unit, ...]
    left: tuple[Unit, ...]

    @property
    def through_ways(self) -> tuple[str, ...]:
        """Ways of the through units."""
        return tuple(way for unit in self.through for way in unit.ways)

    @property
    def left_ways(self) -> tuple[str, ...]:
        """Ways of the left-turn units."""
        return tuple(way for unit in self.left for way in unit.ways)


def side_of(approach: Approach, units: Sequence[Unit]) -> Side:
    """Divide the units of an approach.

    Parameters
    ----------
    approach
        The approach.
    units
        Units of its signal.
    """
    mine = [unit for unit in units if approach.link.link_id in unit.approaches]
    through = tuple(unit for unit in mine if not unit.turns_left)
    left = tuple(unit for unit in mine if unit.turns_left)
    # Where nothing goes straight or right, the left turns are the approach.
    return Side(approach, through, left) if through else Side(approach, left, ())


def choose(
    own: Side,
    other: Side | None,
    conflicts: Conflicts,
    practice: Practice,
    movement_vph: Mapping[str, float] | None,
) -> LeftChoice:
    """Choose how the left turns of an approach are served.

    Parameters
    ----------
    own, other
        The approach and the opposite one, None where there is none.
    conflicts
        What crosses what.
    practice
        Thresholds.
    movement_vph
        Flows, veh/h, where known; without them every lane of its own gets an arrow.
    """
    name = own.approach.link.link_id
    turning = (TurnKind.LEFT, TurnKind.U_TURN)
    shared = [w for w in own.through_ways if conflicts.kind[w] in turning]
    lefts = [*own.left_ways, *shared]
    if not lefts:
        return LeftChoice(LeftTurns.NONE, "")
    ahead = other.through_ways if other else ()
    opposed = [(a, b) for a in lefts for b in ahead if conflicts.cross(a, b)]
    if not opposed:
        return LeftChoice(LeftTurns.UNOPPOSED, f"left turns from {name} are not opposed")
    assert other is not None
    lanes = len({lane for unit in own.left for lane in unit.lanes})
    may_yield = all(conflicts.yielding(a, b) == a for a, b in opposed)
    needs = "" if may_yield else "the source lets nobody yield"
    arrow_only = _arrow_only(lanes, other, conflicts, practice)
    product = _product(own, other, movement_vph)
    busy = product is not None and product[0] > practice.cross_products[product[1]]
    if shared and (needs or lanes or busy):
        why = needs or (
            "they turn from a lane of their own and from a shared one"
            if lanes
            else f"{product[0]:,.0f} is their cross product"
            if product
            else ""
        )
        return LeftChoice(
            LeftTurns.SPLIT, f"left turns from {name} share a lane with through traffic and {why}"
        )
    if shared:
        return LeftChoice(
            LeftTurns.PERMISSIVE, f"left turns from {name} yield: they share their lane"
        )
    if needs or arrow_only:
        return LeftChoice(
            LeftTurns.PROTECTED, f"left turns from {name} on the arrow only: {needs or arrow_only}"
        )
    if product is not None and not busy:
        return LeftChoice(
            LeftTurns.PERMISSIVE,
            f"left turns from {name} yield: their cross product is {product[0]:,.0f}",
        )
    why = f"cross product {product[0]:,.0f}" if product else "a lane of their own"
    return LeftChoice(
        LeftTurns.PROTECTED_PERMISSIVE, f"left turns from {name} on the arrow and yielding: {why}"
    )


def _arrow_only(lanes: int, other: Side, conflicts: Conflicts, practice: Practice) -> str:
    ahead = {
        lane
        for unit in other.through
        if any(conflicts.kind[way] is TurnKind.THROUGH for way in unit.ways)
        for lane in unit.lanes
    }
    speed = other.approach.link.speed_mps
    if lanes >= practice.arrow_only_lanes:
        return f"{lanes} lanes"
    if len(ahead) >= practice.arrow_only_opposing_lanes:
        return f"{len(ahead)} opposing lanes"
    if speed >= practice.arrow_only_mps:
        return f"opposing traffic at {speed:.1f} m/s"
    return ""


def _product(
    own: Side, other: Side, movement_vph: Mapping[str, float] | None
) -> tuple[float, int] | None:
    """Return the cross product and the place of its limit; None where flows are not known."""
    if movement_vph is None:
        return None
    turning = (TurnKind.LEFT, TurnKind.U_TURN)
    left = sum(
        movement_vph.get(t.movement.movement_id, 0.0)
        for t in own.approach.turns
        if t.kind in turning
    )
    ahead = [t for t in other.approach.turns if t.kind not in turning]
    opposing = sum(movement_vph.get(t.movement.movement_id, 0.0) for t in ahead)
    lanes = {c.from_lane for t in ahead for c in t.movement.connections}
    return left * opposing, min(max(len(lanes), 1), 3) - 1
