"""Which turns of a signal go together, and how much green they need.

Opposite approaches share a stage in which left turns yield; left turns from pockets have a
stage of their own before it. An approach without an opposite one has a stage for itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scenarios.roads import LANE_M, MEDIAN_M, Side, Streets

OPPOSITE_WITHIN_DEG: Final = 50.0

SATURATION_VPH: Final = 1700.0
POCKET_SATURATION_VPH: Final = 1400.0
RIGHT_EQUIVALENT: Final = 1.15
LEFT_EQUIVALENT: Final = 1.25
YIELDING_EQUIVALENT: Final = 1.3
YIELDING_GROWTH_VPH: Final = 300.0
"""Measured in SUMO 1.28 at an oversaturated approach of one lane with 38 and 43 % green, 5 %
trucks: 1,750 veh/h straight on, 1,520 to the right, 1,400 to the left; among 20 % right turns
a yielding left turn is worth 1.3 cars against no opposing flow, 2.5 against 200 veh/h, 3.5
against 300 and 4 to 6 against 400. Drivers in HCM 2000 (exhibit C16-3) need smaller gaps."""
MOST_EQUIVALENT: Final = 8.0
"""Some go at the end of every green, whatever comes."""

SNEAKERS_VPH: Final = 80.0
"""Two drivers at the end of every yielding green of a 90 s cycle (HCM 2000, appendix C16)."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Turns that have green together.

    Attributes
    ----------
    turns
        Places in `Streets.turns`.
    pocket
        Whether this is the stage of the left-turn pockets.
    main
        Whether a main road has green.
    crossing_m
        Longest leg that pedestrians cross meanwhile, m.
    """

    turns: tuple[int, ...]
    pocket: bool
    main: bool
    crossing_m: float


def stages_at(streets: Streets, corner: str, yielding: bool = True) -> tuple[Stage, ...]:
    """Divide the turns at a corner into stages.

    Parameters
    ----------
    streets
        The streets.
    corner
        Which corner.
    yielding
        Whether drivers in pockets may also turn, yielding, beside the through traffic.

    Returns
    -------
    tuple of Stage
        In the order they are shown; main streets first.
    """
    stages: list[Stage] = []
    for approaches in _axes(streets, corner):
        turns = [t for road in approaches for t in streets.turns_from[road]]
        main = any(streets.roads[road].main for road in approaches)
        across_m = _crossing_m(streets, corner, approaches)
        pockets = [t for t in turns if streets.turns[t].pocket]
        if len(approaches) > 1 and pockets:
            sides = {streets.turns[t].from_road for t in pockets}
            # With one pocket only, its own through traffic has nobody to wait for.
            along = turns if len(sides) == 1 else pockets
            first = [t for t in along if streets.turns[t].from_road in sides]
            stages.append(Stage(tuple(first), True, main, 0.0))
            if not yielding:
                turns = [t for t in turns if t not in pockets]
        if turns:
            stages.append(Stage(tuple(turns), False, main, across_m))
    return tuple(stages)


def flow_ratios(
    streets: Streets, stages: Sequence[Stage], flow_vph: NDArray[np.float64], yielding: bool
) -> tuple[float, ...]:
    """Return the critical ratio of flow to saturation flow of each stage.

    What is not modeled: left turns that find gaps beyond the sneakers, and spillback.

    Parameters
    ----------
    streets, stages, yielding
        As for `stages_at`.
    flow_vph
        [turn] flow, veh/h.
    """
    return tuple(
        max(
            (
                _pocket_ratio(streets, stage, flow_vph, yielding)
                if stage.pocket
                else _approach_ratio(streets, stage, road, flow_vph)
            )
            for road in {streets.turns[t].from_road for t in stage.turns}
        )
        for stage in stages
    )


def _pocket_ratio(
    streets: Streets, stage: Stage, flow_vph: NDArray[np.float64], yielding: bool
) -> float:
    of_road: dict[int, float] = {}
    for t in stage.turns:
        if streets.turns[t].pocket:
            road = streets.turns[t].from_road
            of_road[road] = of_road.get(road, 0.0) + float(flow_vph[t])
    spared = SNEAKERS_VPH if yielding else 0.0
    return max(0.0, max(of_road.values()) - spared) / POCKET_SATURATION_VPH


def _approach_ratio(
    streets: Streets, stage: Stage, road: int, flow_vph: NDArray[np.float64]
) -> float:
    opposing_vph = sum(
        float(flow_vph[t])
        for t in stage.turns
        if streets.turns[t].from_road != road and streets.turns[t].side is not Side.LEFT
    )
    alone = all(streets.turns[t].from_road == road for t in stage.turns)
    yielding = YIELDING_EQUIVALENT * math.exp(
        min(opposing_vph / YIELDING_GROWTH_VPH, math.log(MOST_EQUIVALENT / YIELDING_EQUIVALENT))
    )
    left = LEFT_EQUIVALENT if alone else yielding
    worth = {Side.LEFT: left, Side.AHEAD: 1.0, Side.RIGHT: RIGHT_EQUIVALENT}
    lanes: set[int] = set()
    total = most = 0.0
    for t in stage.turns:
        turn = streets.turns[t]
        if turn.from_road == road and not turn.pocket:
            equivalent = float(flow_vph[t]) * worth[turn.side]
            total += equivalent
            most = max(most, equivalent / len(turn.lanes))
            lanes |= {lane for lane, _ in turn.lanes}
    return max(total / max(1, len(lanes)), most) / SATURATION_VPH


def _axes(streets: Streets, corner: str) -> list[tuple[int, ...]]:
    """Pair opposite approaches, the most opposite first; main roads come first in the result."""
    left = [road for road in streets.into[corner] if streets.turns_from[road]]
    pairs = []
    for i, one in enumerate(left):
        for other in left[i + 1 :]:
            angle = streets.angle_deg(streets.roads[one], streets.roads[other])
            off = 180.0 - abs(angle)
            if off <= OPPOSITE_WITHIN_DEG:
                unlike = streets.roads[one].main != streets.roads[other].main
                pairs.append((unlike, round(off, 6), one, other))
    axes: list[tuple[int, ...]] = []
    for _, _, one, other in sorted(pairs):
        if one in left and other in left:
            axes.append((one, other))
            left = [road for road in left if road not in (one, other)]
    axes += [(road,) for road in left]
    return sorted(axes, key=lambda axis: (not any(streets.roads[r].main for r in axis), axis))


def _crossing_m(streets: Streets, corner: str, approaches: tuple[int, ...]) -> float:
    """Return the width of the widest leg that is not in the axis; it has red meanwhile."""
    own = {streets.roads[road].tail for road in approaches}
    width_m: dict[str, float] = {}
    for number in (*streets.into[corner], *streets.out_of[corner]):
        road = streets.roads[number]
        other = road.tail if road.head == corner else road.head
        if other not in own:
            median_m = MEDIAN_M / 2 if road.main else 0.0
            width_m[other] = width_m.get(other, 0.0) + road.lanes * LANE_M + median_m
    return max(width_m.values(), default=0.0)
