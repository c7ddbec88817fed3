"""NEMA phase numbers: 2 and 6 on the main street, 4 and 8 on the cross street.

The quad of the FHWA *Traffic Signal Timing Manual* (2008), section 4.2: through phases are
even, and each left turn has the odd number whose ring also holds the through phase it crosses:
1 crosses 2, 5 crosses 6, 3 crosses 4, 7 crosses 8. Seen from above, the approach of phase 4
heads to the right of the heading of phase 2: with 2 northbound, 4 is eastbound.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from network.derive.conflicts import Conflicts
from network.derive.geometry import Approach, turned_deg
from network.errors import TopologyError
from network.inventory import TurnKind

MOST_AXES = 2

FIRST_HEADING_DEG = 45.0
"""Of two opposite main approaches, phase 2 is the one that heads closer to northeast, so that
it is the northbound or the eastbound one."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A street through a signal: one approach, or two opposite ones.

    Attributes
    ----------
    approaches
        One or two; of two, the one with the lower through phase first.
    """

    approaches: tuple[Approach, ...]

    @property
    def links(self) -> tuple[str, ...]:
        """Names of its approach links."""
        return tuple(approach.link.link_id for approach in self.approaches)


@dataclass(frozen=True, slots=True)
class Seat:
    """The numbers of an approach.

    Attributes
    ----------
    approach
        The approach.
    through, left
        Phase of its through traffic and of its left turns.
    major
        Whether it lies on the main street.
    barrier
        1 for the main street, 2 for the cross street.
    """

    approach: Approach
    through: int
    left: int
    major: bool
    barrier: int


LEFT_OF = {2: 5, 6: 1, 4: 7, 8: 3}
"""Left-turn phase of the approach whose through traffic has the given phase."""
RING_OF = {1: 1, 2: 1, 3: 1, 4: 1, 5: 2, 6: 2, 7: 2, 8: 2}
SPLIT_NUMBER = {2: 2, 6: 1, 4: 4, 8: 3}
"""Phase of a whole approach that is served alone: both of a street then follow in ring 1."""


def streets_of(found: Sequence[Approach], conflicts: Conflicts) -> tuple[Axis, ...]:
    """Divide approaches into streets.

    Parameters
    ----------
    found
        Approaches of a signal.
    conflicts
        Who is opposite to whom.
    """
    by_link = {approach.link.link_id: approach for approach in found}
    axes: list[Axis] = []
    done: set[str] = set()
    for link, approach in by_link.items():
        if link in done:
            continue
        other = conflicts.opposite.get(link)
        members = (approach, by_link[other]) if other in by_link else (approach,)
        done.update(member.link.link_id for member in members)
        axes.append(Axis(members))
    return tuple(axes)


def main_first(
    axes: Sequence[Axis],
    movement_vph: Mapping[str, float] | None = None,
    main_street: Sequence[str] = (),
) -> tuple[Axis, ...]:
    """Order streets, the main one first.

    Parameters
    ----------
    axes
        Streets of a signal.
    movement_vph
        Flow of each movement, veh/h; decides where given and anything flows.
    main_street
        Approach links that name the main street; decides before anything else.

    Returns
    -------
    tuple of Axis
        Without flows: streets with two approaches, more lanes straight on, higher speeds first.

    Raises
    ------
    TopologyError
        If a link of `main_street` is no approach of the signal.
    """
    known = {link for axis in axes for link in axis.links}
    for link in main_street:
        if link not in known:
            raise TopologyError(
                f"main street: {link!r} is no approach of the signal; it has "
                f"{', '.join(sorted(known))}"
            )
    flows = movement_vph or {}

    def rank(axis: Axis) -> tuple[object, ...]:
        flow = sum(
            flows.get(turn.movement.movement_id, 0.0) for a in axis.approaches for turn in a.turns
        )
        lanes = max(_through_lanes(a) for a in axis.approaches)
        speed = max(a.link.speed_mps for a in axis.approaches)
        named = any(link in main_street for link in axis.links)
        return (not named, -flow, -len(axis.approaches), -lanes, -speed, axis.links)

    return tuple(sorted(axes, key=rank))


def _through_lanes(approach: Approach) -> int:
    straight = {
        c.from_lane
        for turn in approach.turns
        if turn.kind is TurnKind.THROUGH
        for c in turn.movement.connections
    }
    return len(straight)


def seats(axes: Sequence[Axis], main_street: Sequence[str] = ()) -> tuple[Seat, ...]:
    """Give the approaches of one or two streets their numbers.

    Parameters
    ----------
    axes
        The main street, then the cross street.
    main_street
        The first link named here gets phase 2.

    Returns
    -------
    tuple of Seat
        By through phase: 2, 6, 4, 8 as far as there are.

    Raises
    ------
    TopologyError
        If there are more than two streets.
    """
    if len(axes) > MOST_AXES:
        raise TopologyError(f"{len(axes)} streets meet; eight phases number two at most")
    main = axes[0].approaches
    first = next(
        (a for name in main_street for a in main if a.link.link_id == name),
        min(main, key=lambda a: (_off(a, FIRST_HEADING_DEG), a.link.link_id)),
    )
    ordered = [first, *(a for a in main if a is not first)]
    found = [Seat(a, n, LEFT_OF[n], True, 1) for a, n in zip(ordered, (2, 6), strict=False)]
    if len(axes) > 1:
        cross = axes[1].approaches
        right = first.heading_deg - 90.0
        turned = sorted(cross, key=lambda a: (_off(a, right), a.link.link_id))
        numbers = (4, 8)
        if len(main) > 1 and len(cross) == 1 and _off(turned[0], right) > 90.0:
            numbers = (8, 4)
        found += [Seat(a, n, LEFT_OF[n], False, 2) for a, n in zip(turned, numbers, strict=False)]
    return tuple(found)


def _off(approach: Approach, heading_deg: float) -> float:
    off = abs(turned_deg(heading_deg, approach.heading_deg))
    return 180.0 if math.isnan(off) else round(off, 6)


def stage_numbers(count: int) -> tuple[int, ...]:
    """Return the numbers of stages that follow each other in one ring: 2, 4, 6, 8, 1, 3, ...

    Parameters
    ----------
    count
        Number of stages.
    """
    usual = (2, 4, 6, 8, 1, 3, 5, 7)
    return (*usual, *range(9, count + 1))[:count]
