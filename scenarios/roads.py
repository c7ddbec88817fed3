"""Streets before SUMO knows them: corners, one-way carriageways between them, turns and lanes.

All roads are straight. Traffic keeps to the right. A main road has a median as wide as a lane;
where it meets a signal and may turn left, the median becomes the left-turn pocket, so that the
through lanes run on without a kink.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Final

from network.errors import ScenarioError

LANE_M: Final = 3.2
"""SUMO's own lane width."""

MEDIAN_M: Final = LANE_M
LONGEST_POCKET_M: Final = 80.0
SHORTEST_POCKET_M: Final = 40.0
POCKET_SHARE: Final = 0.35
"""Of the way from corner to corner; the shortest block of 150 m gets a pocket of 52 m."""

SHARPEST_AHEAD_DEG: Final = 60.0
SHARPEST_MAIN_DEG: Final = 100.0
"""A main road is followed round a bend; any other way on is straight ahead only up to 60 deg."""


class Kind(StrEnum):
    """What rules at a corner."""

    SIGNAL = "signal"
    YIELD = "yield"
    END = "end"


class Side(StrEnum):
    """Where a turn goes, seen by the driver."""

    RIGHT = "right"
    AHEAD = "ahead"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Corner:
    """A place where roads meet or end.

    Attributes
    ----------
    name, x_m, y_m
        Name and position, m.
    kind
        Signal, right of way by priority, or the end where traffic comes from and goes to.
    """

    name: str
    x_m: float
    y_m: float
    kind: Kind


@dataclass(frozen=True, slots=True)
class Road:
    """One direction of a street between two corners.

    Attributes
    ----------
    name, tail, head
        Its name and the corners it runs from and to.
    lanes
        Number of lanes, 1 or 2, the pocket not counted.
    speed_mps
        Speed limit, m/s.
    main
        Whether it is part of a main street: wider, with priority and a median.
    pocket_m
        Length of its left-turn pocket, m; 0 for none.
    """

    name: str
    tail: str
    head: str
    lanes: int
    speed_mps: float
    main: bool
    pocket_m: float = 0.0

    def __post_init__(self) -> None:
        if self.lanes not in (1, 2) or not self.speed_mps > 0 or self.pocket_m < 0:
            raise ScenarioError(
                f"road {self.name!r}: {self.lanes} lanes, {self.speed_mps} m/s and a pocket of "
                f"{self.pocket_m} m; a road has 1 or 2 lanes and a speed above zero"
            )

    @property
    def links(self) -> tuple[str, ...]:
        """Names of its links in SUMO: itself, and the last stretch that has the pocket."""
        return (self.name, f"{self.name}.left") if self.pocket_m else (self.name,)

    @property
    def median_m(self) -> float:
        """Width of the median between it and its opposite, m."""
        return MEDIAN_M if self.main else 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """The way from one road over a corner into another.

    Attributes
    ----------
    from_road, to_road
        Their places in `Streets.roads`.
    side
        Where it goes.
    lanes
        Pairs of the lane it leaves and the lane it enters, both from the curb.
    pocket
        Whether it starts in a pocket.
    """

    from_road: int
    to_road: int
    side: Side
    lanes: tuple[tuple[int, int], ...]
    pocket: bool


@dataclass(frozen=True)
class Streets:
    """Corners and roads; turns follow from them.

    Attributes
    ----------
    corners
        By name.
    roads
        Every direction of every street.
    """

    corners: Mapping[str, Corner]
    roads: tuple[Road, ...]

    def __post_init__(self) -> None:
        for road in self.roads:
            if road.tail == road.head or not {road.tail, road.head} <= self.corners.keys():
                raise ScenarioError(
                    f"road {road.name!r} runs from {road.tail!r} to {road.head!r}; it must join "
                    "two different corners that exist"
                )
        object.__setattr__(self, "corners", MappingProxyType(dict(self.corners)))

    @cached_property
    def into(self) -> Mapping[str, tuple[int, ...]]:
        """Roads that end at each corner."""
        return self._by_corner([road.head for road in self.roads])

    @cached_property
    def out_of(self) -> Mapping[str, tuple[int, ...]]:
        """Roads that begin at each corner."""
        return self._by_corner([road.tail for road in self.roads])

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """Every allowed turn, by the road it leaves and then from right to left."""
        return tuple(turn for number in range(len(self.roads)) for turn in self._turns(number))

    @cached_property
    def turns_from(self) -> tuple[tuple[int, ...], ...]:
        """Places in `turns` of the turns that leave each road."""
        found: list[list[int]] = [[] for _ in self.roads]
        for number, turn in enumerate(self.turns):
            found[turn.from_road].append(number)
        return tuple(tuple(numbers) for numbers in found)

    def length_m(self, road: Road) -> float:
        """Return the distance between the corners of a road."""
        tail, head = self.corners[road.tail], self.corners[road.head]
        return math.hypot(head.x_m - tail.x_m, head.y_m - tail.y_m)

    def heading_deg(self, road: Road) -> float:
        """Return the direction of a road, counterclockwise from east."""
        tail, head = self.corners[road.tail], self.corners[road.head]
        return math.degrees(math.atan2(head.y_m - tail.y_m, head.x_m - tail.x_m))

    def angle_deg(self, road: Road, onward: Road) -> float:
        """Return by how much a driver turns, in (-180, 180]; left is positive."""
        return -((self.heading_deg(road) - self.heading_deg(onward) + 180.0) % 360.0 - 180.0)

    def _by_corner(self, ends: Sequence[str]) -> Mapping[str, tuple[int, ...]]:
        found: dict[str, list[int]] = {name: [] for name in self.corners}
        for number, corner in enumerate(ends):
            found[corner].append(number)
        return {name: tuple(numbers) for name, numbers in found.items()}

    def _turns(self, number: int) -> list[Turn]:
        road = self.roads[number]
        exits = sorted(
            (self.angle_deg(road, self.roads[i]), i)
            for i in self.out_of[road.head]
            if self.roads[i].head != road.tail
        )
        ahead = self._ahead(road, exits)
        sides: dict[int, Side] = {}
        for angle, i in exits:
            if i == ahead:
                sides[i] = Side.AHEAD
            else:
                middle = 0.0 if ahead is None else self.angle_deg(road, self.roads[ahead])
                sides[i] = Side.LEFT if angle > middle else Side.RIGHT
        return [
            Turn(
                number,
                i,
                sides[i],
                self._lanes(road, self.roads[i], sides[i], set(sides.values())),
                bool(road.pocket_m) and sides[i] is Side.LEFT,
            )
            for _, i in exits
        ]

    def _ahead(self, road: Road, exits: Sequence[tuple[float, int]]) -> int | None:
        """Find the exit that carries the road on, if any does."""
        if road.main:
            main = [e for e in exits if self.roads[e[1]].main and abs(e[0]) <= SHARPEST_MAIN_DEG]
            if main:
                return min(main, key=lambda e: abs(e[0]))[1]
        straight = [e for e in exits if abs(e[0]) <= SHARPEST_AHEAD_DEG]
        one_side = len({angle > 0 for angle, _ in exits}) == 1
        if straight or one_side:
            return min(straight or exits, key=lambda e: abs(e[0]))[1]
        return None

    @staticmethod
    def _lanes(
        road: Road, onward: Road, side: Side, sides: set[Side]
    ) -> tuple[tuple[int, int], ...]:
        """Lay out lanes so that ways from one road never cross each other."""
        left_lane = road.lanes if road.pocket_m else road.lanes - 1
        if side is Side.RIGHT:
            return ((0, 0),)
        if side is Side.LEFT:
            return ((left_lane, onward.lanes - 1),)
        used = min(road.lanes, onward.lanes)
        if used == road.lanes or (Side.LEFT in sides and not road.pocket_m):
            return tuple((lane, lane) for lane in range(used))
        if Side.RIGHT in sides:
            return tuple((lane + road.lanes - used, lane) for lane in range(used))
        return tuple((lane, min(lane, used - 1)) for lane in range(road.lanes))


def with_pockets(streets: Streets) -> Streets:
    """Give every main road a pocket where it meets a signal and may both go on and turn left.

    Parameters
    ----------
    streets
        Without pockets.
    """
    sides: dict[int, set[Side]] = {number: set() for number in range(len(streets.roads))}
    for turn in streets.turns:
        sides[turn.from_road].add(turn.side)
    roads = []
    for number, road in enumerate(streets.roads):
        wanted = (
            road.main
            and streets.corners[road.head].kind is Kind.SIGNAL
            and {Side.AHEAD, Side.LEFT} <= sides[number]
        )
        share_m = POCKET_SHARE * streets.length_m(road)
        pocket_m = round(min(max(share_m, SHORTEST_POCKET_M), LONGEST_POCKET_M), 1)
        roads.append(replace(road, pocket_m=pocket_m) if wanted else road)
    return Streets(streets.corners, tuple(roads))


def two_way(
    tail: str, head: str, lanes: int, speed_mps: float, main: bool = False
) -> tuple[Road, Road]:
    """Make both directions of a street."""
    return (
        Road(f"{tail}-{head}", tail, head, lanes, speed_mps, main),
        Road(f"{head}-{tail}", head, tail, lanes, speed_mps, main),
    )
