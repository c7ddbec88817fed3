"""Saturation flows of lane groups: as given, or by the adjustment factors of the manual."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.measures.hcm_groups import Group, HcmPractice
from network.derive.saturation import (
    LaneGroup,
    bicycle_occupancy,
    crossing_factor,
    pedestrian_occupancy,
    protected_left_factor,
    saturation_vph,
)
from network.errors import EngineError
from network.inventory import Street, Turn, TurnKind
from network.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Crossings:
    """What people and bicycles that cross do to a group's saturation flow: fLpb and fRpb."""

    left: float = 1.0
    right: float = 1.0


def crossings_of(
    group: Group, cycle_s: float, green_s: float, opposing_s: float, opposing_vph: float
) -> Crossings:
    """Return fLpb and fRpb of a group in one green (appendix D).

    Parameters
    ----------
    group
        The lane group, whose turns say how many cross.
    cycle_s, green_s
        Cycle and green, s; people are taken to walk for as long as the group has green.
    opposing_s, opposing_vph
        Time gq that the opposing queue takes, and opposing flow: people cross meanwhile.
    """

    def occupied(turns: Sequence[Turn]) -> tuple[float, float]:
        people = max((turn.pedestrians_ph or 0.0 for turn in turns), default=0.0)
        bicycles = max((turn.bicycles_ph or 0.0 for turn in turns), default=0.0)
        return (
            pedestrian_occupancy(people, cycle_s, green_s),
            bicycle_occupancy(bicycles, cycle_s, green_s),
        )

    rights = [turn for turn in group.turns if turn.kind is TurnKind.RIGHT]
    right = crossing_factor(group.right_share, *occupied(rights)) if rights else 1.0
    walking, _ = occupied(group.lefts)
    walking *= max(0.0, 1.0 - 0.5 * opposing_s / green_s)
    walking *= math.exp(-5.0 / SECONDS_PER_HOUR * opposing_vph)
    left = crossing_factor(group.left_share, walking) if opposing_s < green_s else 1.0
    return Crossings(left if group.lefts else 1.0, right)


def saturation_of(
    group: Group,
    street: Street,
    practice: HcmPractice,
    permitted_factor: float | None,
    crossings: Crossings,
) -> float:
    """Return the saturation flow of a lane group in one kind of green, veh/h (equation 16-4).

    Parameters
    ----------
    group, street
        The lanes and the link they belong to.
    practice
        What to assume where the street is silent.
    permitted_factor
        fLT where left turns yield, None where they are protected.
    crossings
        Factors for people and bicycles; not applied to saturation flows that are given.

    Notes
    -----
    A saturation flow given with a turn is that of protected green, all adjustments included.
    Turns that share lanes and give one each are weighed by flow. Parking and buses are not in an
    inventory.
    """
    left_share = group.left_share
    given = [turn for turn in group.turns if turn.saturation_vph is not None]
    if given:
        protected = _given_vph(group, given)
        if permitted_factor is None:
            return protected
        return (
            protected * permitted_factor / protected_left_factor(left_share, group.exclusive_left)
        )
    widths = [lane.width_m for lane in street.lanes if lane.number in group.lanes]
    width_m = sum(w or practice.lane_width_m for w in widths) / max(1, len(widths))
    bases = [turn.ideal_flow_vphpl for turn in group.turns if turn.ideal_flow_vphpl]
    headways = [turn.headway_factor for turn in group.turns if turn.headway_factor]
    flow = group.flow_vph
    weights = {
        turn.turn_id: group.flow_of[turn.turn_id] if flow > 0.0 else 1.0 for turn in group.turns
    }
    heavy = sum(
        weights[turn.turn_id]
        * (practice.heavy_share if turn.heavy_share is None else turn.heavy_share)
        for turn in group.turns
    ) / sum(weights.values())
    lanes = LaneGroup(
        lanes=len(group.lanes),
        lane_width_m=width_m or practice.lane_width_m,
        heavy_share=heavy,
        grade_percent=street.grade_percent or 0.0,
        central=practice.central,
        utilization=group.utilization,
        left_share=left_share,
        right_share=group.right_share,
        exclusive=group.exclusive_left or group.exclusive_right,
        permitted_left=permitted_factor,
        left_crossing=crossings.left,
        right_crossing=crossings.right,
    )
    computed = saturation_vph(lanes, min(bases, default=practice.base_saturation_vph))
    return computed / max(headways, default=1.0)


def _given_vph(group: Group, given: Sequence[Turn]) -> float:
    lanes = len(group.lanes)
    per_lane = {t.turn_id: (t.saturation_vph or 0.0) / max(1, len(t.lanes)) for t in given}
    for turn in given:
        if not 0.0 < per_lane[turn.turn_id] < math.inf:
            raise EngineError(
                f"turn {turn.turn_id!r}: saturation flow of {turn.saturation_vph!r} veh/h; "
                "allowed is more than 0"
            )
    flow = sum(group.flow_of[turn.turn_id] for turn in given)
    if flow <= 0.0:
        return lanes * sum(per_lane.values()) / len(per_lane)
    # Each vehicle takes its share of the lane's green: headways add up, not flows.
    headway = sum(group.flow_of[t.turn_id] / flow / per_lane[t.turn_id] for t in given)
    return lanes / headway
