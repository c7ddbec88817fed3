"""Crossings: how long they are, and how long people need.

MUTCD 2009, section 4E.06: a walk of at least 7 s (4 s where few people walk), then a clearance
that lets a person who left the curb at its end reach the far side at 3.5 ft/s; walk and
clearance together also suffice from the push button at 3.0 ft/s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from network.derive.geometry import Leg
from network.derive.practice import Practice
from network.graph import RoadNetwork


@dataclass(frozen=True, slots=True)
class WalkTimes:
    """What a crossing needs, whole seconds."""

    walk_s: int
    clear_s: int


def walk_times(length_m: float, practice: Practice) -> WalkTimes:
    """Return walk and pedestrian clearance of a crossing.

    Parameters
    ----------
    length_m
        Curb to curb, m.
    practice
        Walk and walking speeds.

    Notes
    -----
    The whole clearance lies before the yellow change; the yellow change and red clearance are
    the buffer after it.
    """
    clear_s = math.ceil(round(length_m / practice.walking_mps, 6))
    both_s = math.ceil(round((length_m + practice.button_m) / practice.slow_walking_mps, 6))
    return WalkTimes(max(practice.walk_s, both_s - clear_s), clear_s)


def crossing_m(network: RoadNetwork, leg: Leg, practice: Practice) -> float:
    """Return the length of the crossing of a leg, m.

    Parameters
    ----------
    network
        The roads.
    leg
        The leg that is crossed.
    practice
        Width of a lane and of a median.

    Notes
    -----
    Lanes that nobody drives onto or off, such as sidewalks, are not crossed.
    """
    lanes = sum(driven_lanes(network, link) for link in (*leg.links_in, *leg.links_out))
    divided = bool(leg.links_in and leg.links_out)
    return lanes * practice.lane_width_m + (practice.median_m if divided else 0.0)


def driven_lanes(network: RoadNetwork, link_id: str) -> int:
    """Return how many lanes of a link vehicles use.

    Parameters
    ----------
    network
        The roads.
    link_id
        A link.
    """
    used = set(network.links[link_id].general_lanes)
    used |= {c.from_lane for c in network.turns_from[link_id]}
    used |= {c.to_lane for c in network.turns_into[link_id]}
    return max(1, len(used))
