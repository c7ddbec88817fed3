"""Lane groups of an intersection and their flows.

Highway Capacity Manual 2000, chapter 16: lanes that a turn shares with another are one group,
lanes of a turn of their own another; a shared lane that left turns fill is a de facto left-turn
lane.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from network.errors import EngineError
from network.inventory import Inventory, Street, Turn, TurnKind

LEFT_KINDS = (TurnKind.LEFT, TurnKind.U_TURN)
_LETTERS = {
    TurnKind.U_TURN: "U",
    TurnKind.LEFT: "L",
    TurnKind.THROUGH: "T",
    TurnKind.RIGHT: "R",
}
UTILIZATION = {"T": (1.0, 0.952, 0.908), "L": (1.0, 0.971), "R": (1.0, 0.885)}
"""Default lane utilization fLU by number of lanes, exhibit 10-23."""
OPPOSITE_DEG = 45.0
"""An approach from within so much of straight ahead opposes."""


@dataclass(frozen=True, slots=True)
class HcmPractice:
    """What the analysis assumes where the street does not say.

    Attributes
    ----------
    start_loss_s, extension_s
        l1, start-up lost time, and e, extension of effective green into the clearance, s
        (exhibit 10-17: 2 s each).
    period_h
        T, h.
    peak_hour_factor, heavy_share
        Where a turn has none (exhibits 10-7 and 10-12: 0.92 and 2 %).
    base_saturation_vph
        Base saturation flow per lane, veh/h.
    lane_width_m
        Of lanes without one, m.
    unit_extension_s
        Of actuated phases without one, s.
    central
        Whether the intersection lies in a central business district.
    polygon_always
        Whether the uniform delay of left turns that only yield is the area of their queue polygon
        too, as in HCM 2010: they wait for the opposing queue first. HCM 2000 spreads what they can
        use over the whole green.
    """

    start_loss_s: float = 2.0
    extension_s: float = 2.0
    period_h: float = 0.25
    peak_hour_factor: float = 0.92
    heavy_share: float = 0.02
    base_saturation_vph: float = 1900.0
    lane_width_m: float = 3.6
    unit_extension_s: float = 3.0
    central: bool = False
    polygon_always: bool = False

    def __post_init__(self) -> None:
        for name, low, high in (
            ("start_loss_s", 0.0, 10.0),
            ("extension_s", 0.0, 10.0),
            ("period_h", 1e-3, 24.0),
            ("peak_hour_factor", 1e-3, 1.0),
            ("heavy_share", 0.0, 1.0),
            ("base_saturation_vph", 1.0, 1e5),
            ("lane_width_m", 2.4, 100.0),
            ("unit_extension_s", 0.0, 60.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise EngineError(f"{name}: found {value!r}; allowed is {low:g} to {high:g}")


@dataclass(frozen=True, slots=True)
class Group:
    """A lane group.

    Attributes
    ----------
    link_id
        Approach.
    turns
        What its lanes serve.
    lanes
        Lane numbers, from the right.
    flow_of
        Flow of each turn in the peak of the hour, veh/h.
    de_facto
        Whether left turns have taken a shared lane for themselves.
    """

    link_id: str
    turns: tuple[Turn, ...]
    lanes: tuple[int, ...]
    flow_of: Mapping[str, float]
    de_facto: bool = False

    @property
    def flow_vph(self) -> float:
        """Flow of all its turns, veh/h."""
        return sum(self.flow_of[turn.turn_id] for turn in self.turns)

    @property
    def lefts(self) -> tuple[Turn, ...]:
        """Its left turns and turns back."""
        return tuple(turn for turn in self.turns if turn.kind in LEFT_KINDS)

    @property
    def left_vph(self) -> float:
        """Flow of its left turns, veh/h."""
        return sum(self.flow_of[turn.turn_id] for turn in self.lefts)

    @property
    def exclusive_left(self) -> bool:
        """Whether its lanes serve left turns only."""
        return all(turn.kind in LEFT_KINDS for turn in self.turns)

    @property
    def exclusive_right(self) -> bool:
        """Whether its lanes serve right turns only."""
        return all(turn.kind is TurnKind.RIGHT for turn in self.turns)

    @property
    def movements(self) -> str:
        """Letters of its turns, ``U L T R`` from the driver's left to his right."""
        kinds = {turn.kind for turn in self.turns}
        return "".join(letter for kind, letter in _LETTERS.items() if kind in kinds)

    @property
    def main(self) -> Turn:
        """The turn whose green is the group's: through traffic, else the heaviest."""
        ahead = [turn for turn in self.turns if turn.kind is TurnKind.THROUGH]
        return max(ahead or self.turns, key=lambda turn: self.flow_of[turn.turn_id])

    @property
    def left_share(self) -> float:
        """Share of left turns, 0 to 1."""
        return self._share(self.lefts, self.exclusive_left)

    @property
    def right_share(self) -> float:
        """Share of right turns, 0 to 1."""
        rights = [turn for turn in self.turns if turn.kind is TurnKind.RIGHT]
        return self._share(rights, self.exclusive_right)

    @property
    def utilization(self) -> float:
        """Default lane utilization fLU (exhibit 10-23)."""
        kind = "L" if self.exclusive_left else "R" if self.exclusive_right else "T"
        table = UTILIZATION[kind]
        return table[min(len(self.lanes), len(table)) - 1]

    def _share(self, turns: Sequence[Turn], exclusive: bool) -> float:
        if exclusive:
            return 1.0
        total = self.flow_vph
        return sum(self.flow_of[turn.turn_id] for turn in turns) / total if total > 0.0 else 0.0


def flows_of(
    turns: Iterable[Turn], right_on_red_vph: Mapping[str, float], practice: HcmPractice
) -> dict[str, float]:
    """Return the flow of each turn in the peak of the hour, veh/h (equation 16-3).

    Parameters
    ----------
    turns
        Turns with volumes; one without counts as empty.
    right_on_red_vph
        Right turns that go on red, by turn; they are not analyzed.
    practice
        For the peak hour factor of turns without one.

    Raises
    ------
    EngineError
        A volume or a factor is impossible.
    """
    flows = {}
    for turn in turns:
        volume = (turn.volume_vph or 0.0) * (1.0 if turn.growth is None else turn.growth)
        factor = turn.peak_hour_factor
        factor = practice.peak_hour_factor if factor is None else factor
        if not 0.0 <= volume < math.inf or not 0.0 < factor <= 1.0:
            raise EngineError(
                f"turn {turn.turn_id!r}: found {volume!r} veh/h with a peak hour factor of "
                f"{factor!r}; allowed are 0 and more, and more than 0 to 1"
            )
        flows[turn.turn_id] = max(0.0, volume - right_on_red_vph.get(turn.turn_id, 0.0)) / factor
    return flows


def lane_groups(turns: Sequence[Turn], flow_of: Mapping[str, float]) -> list[Group]:
    """Group the lanes of every approach.

    Parameters
    ----------
    turns
        Turns of an intersection; those without a lane are left out.
    flow_of
        Their flows, veh/h.
    """
    groups: list[Group] = []
    for link_id in dict.fromkeys(turn.from_link for turn in turns):
        joined: list[tuple[set[int], list[Turn]]] = []
        for turn in turns:
            if turn.from_link != link_id or not turn.lanes:
                continue
            lanes, members = set(turn.lanes), [turn]
            apart = []
            for other in joined:
                if other[0] & lanes:
                    lanes |= other[0]
                    members = [*other[1], *members]
                else:
                    apart.append(other)
            joined = [*apart, (lanes, members)]
        groups += [
            Group(link_id, tuple(members), tuple(sorted(lanes)), flow_of)
            for lanes, members in joined
        ]
    return groups


def may_split(group: Group) -> bool:
    """Tell whether left turns share the leftmost of several lanes, and only that one."""
    leftmost = group.lanes[-1]
    others = {lane for turn in group.turns if turn.kind not in LEFT_KINDS for lane in turn.lanes}
    mine = {lane for turn in group.lefts for lane in turn.lanes}
    return len(group.lanes) > 1 and mine == {leftmost} and leftmost in others


def split_de_facto(group: Group) -> tuple[Group, Group]:
    """Give the leftmost of several shared lanes to the left turns alone."""
    *others, leftmost = group.lanes
    rest = tuple(turn for turn in group.turns if turn.kind not in LEFT_KINDS)
    return (
        replace(group, turns=group.lefts, lanes=(leftmost,), de_facto=True),
        replace(group, turns=rest, lanes=tuple(others)),
    )


def opposing_links(inventory: Inventory, links: Iterable[str]) -> dict[str, str]:
    """Return the approach opposite each approach; one without is left out.

    It is the one whose through traffic enters the street the other comes from, and where there is
    none, one that points against it within 45 degrees; of several the one most nearly opposite.

    Parameters
    ----------
    inventory
        The street.
    links
        Approaches of one intersection.
    """
    streets = {street.link_id: street for street in inventory.links}
    approaches = list(dict.fromkeys(links))
    ahead = {
        (turn.from_link, streets[turn.to_link].to_node)
        for turn in inventory.turns
        if turn.kind is TurnKind.THROUGH
    }
    headings = {link: _heading_deg(inventory, streets[link]) for link in approaches}
    found = {}
    for link in approaches:
        tail = streets[link].from_node
        others = [other for other in approaches if other != link]
        apart = {other: abs((headings[other] - headings[link]) % 360.0 - 180.0) for other in others}
        facing = [other for other in others if (other, tail) in ahead]
        facing = facing or [other for other in others if apart[other] <= OPPOSITE_DEG]
        if facing:
            found[link] = min(facing, key=lambda other: apart[other])
    return found


def _heading_deg(inventory: Inventory, street: Street) -> float:
    shape = street.shape_m
    if len(shape) < 2:
        at = {node.node_id: (node.x_m, node.y_m) for node in inventory.nodes}
        shape = (at[street.from_node], at[street.to_node])
    (x0, y0), (x1, y1) = shape[-2:]
    return math.degrees(math.atan2(x1 - x0, y1 - y0))
