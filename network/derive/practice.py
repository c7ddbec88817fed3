"""An agency's practice: every number that deriving a signal rests on, with its source."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from network.errors import PlanError

LEAST_WALK_S = 4
"""MUTCD 2009, section 4E.06, paragraph 11: walk may be 4 s where few people walk."""

GREATEST = 1e6
"""No parameter of a practice is larger, whatever its unit."""


@dataclass(frozen=True, slots=True)
class Practice:
    """Parameters of timing practice; the defaults are those of the United States' manuals.

    Attributes
    ----------
    reaction_s, deceleration_mps2, vehicle_m
        Perception and reaction time, comfortable deceleration, vehicle length (ITE, *Guidelines
        for Determining Traffic Signal Change and Clearance Intervals*, 2020; NCHRP Report 731,
        2012: 1.0 s, 10 ft/s2, 20 ft).
    start_delay_s
        What the next stream takes to enter; taken off the red clearance (NCHRP 731: 1 s).
    over_limit_mps
        Added to the link's speed to reach the 85th percentile; 7 mph (3.1 m/s) over the posted
        limit in NCHRP 731, 0 where link speeds are operating speeds.
    turning_mps
        Speed at which a left turn enters, 20 mph (NCHRP 731).
    shortest_yellow_s, longest_yellow_s
        MUTCD 2009, section 4D.26, paragraph 14: 3 to 6 s.
    shortest_red_s, longest_red_s
        Bounds of the red clearance; at most 6 s in the same paragraph.
    clearance_step_ds
        Yellow and red are rounded up to this many tenths.
    lane_width_m, median_m
        Width of a lane, and of a median between the two directions of a leg.
    pedestrians
        Whether people walk along with the through phases.
    walk_s, walking_mps
        MUTCD 2009, section 4E.06: walk of 7 s, clearance at 3.5 ft/s; 1.0 m/s in older practice.
    slow_walking_mps, button_m
        Walk and clearance together must also do at 3.0 ft/s from the push button, 6 ft behind
        the curb (the same section, paragraph 14).
    major_green_s, minor_green_s, left_green_s
        Least greens: FHWA *Traffic Signal Timing Manual* (2008), table 5-3: through phases of
        arterials 7 to 15 s, of minor streets 4 to 10 s, left turns 2 to 5 s.
    cross_products
        Product of left-turn and opposing volumes of an hour from which a left turn gets an arrow,
        for one, two, and three or more opposing lanes (HCM 2000, exhibit 10-13: 50,000, 90,000,
        110,000).
    arrow_only_lanes, arrow_only_opposing_lanes, arrow_only_mps
        From so many left-turn lanes, opposing through lanes, or opposing speed on, left turns go
        on the arrow only (FHWA 2008, figure 4-11: 2 lanes, 4 lanes, 45 mph).
    base_saturation_vph
        Base saturation flow per lane (HCM 2000, chapter 16: 1,900).
    shortest_cycle_s, longest_cycle_s, cycle_step_s
        Cycle lengths of a derived plan; a longer one is taken only where least splits need it.
    """

    reaction_s: float = 1.0
    deceleration_mps2: float = 3.05
    vehicle_m: float = 6.1
    start_delay_s: float = 1.0
    over_limit_mps: float = 0.0
    turning_mps: float = 8.9
    shortest_yellow_s: float = 3.0
    longest_yellow_s: float = 6.0
    shortest_red_s: float = 1.0
    longest_red_s: float = 6.0
    clearance_step_ds: int = 1
    lane_width_m: float = 3.6
    median_m: float = 0.0
    pedestrians: bool = True
    walk_s: int = 7
    walking_mps: float = 1.07
    slow_walking_mps: float = 0.91
    button_m: float = 1.8
    major_green_s: int = 10
    minor_green_s: int = 7
    left_green_s: int = 5
    cross_products: tuple[float, float, float] = (50_000.0, 90_000.0, 110_000.0)
    arrow_only_lanes: int = 2
    arrow_only_opposing_lanes: int = 4
    arrow_only_mps: float = 20.1
    base_saturation_vph: float = 1900.0
    shortest_cycle_s: int = 40
    longest_cycle_s: int = 120
    cycle_step_s: int = 5

    def __post_init__(self) -> None:
        zero_allowed = {
            "start_delay_s",
            "over_limit_mps",
            "median_m",
            "button_m",
            "shortest_red_s",
        }
        for item in fields(self):
            value = getattr(self, item.name)
            for number in value if isinstance(value, tuple) else (value,):
                low = 0 if item.name in zero_allowed else math.ulp(0.0)
                if not isinstance(value, bool) and not low <= number <= GREATEST:
                    least = "0" if item.name in zero_allowed else "more than 0"
                    raise PlanError(
                        f"practice: {item.name} is {number!r}; allowed are {least} to {GREATEST:g}"
                    )
        if not 3.0 <= self.shortest_yellow_s <= self.longest_yellow_s <= 6.0:
            raise PlanError(
                f"practice: yellow of {self.shortest_yellow_s} to {self.longest_yellow_s} s; "
                "allowed are 3 to 6 s"
            )
        if not self.shortest_red_s <= self.longest_red_s <= 6.0:
            raise PlanError(
                f"practice: red clearance of {self.shortest_red_s} to {self.longest_red_s} s; "
                "allowed are up to 6 s"
            )
        if self.walk_s < LEAST_WALK_S:
            raise PlanError(f"practice: walk of {self.walk_s} s; allowed are {LEAST_WALK_S} s up")
        if self.shortest_cycle_s > self.longest_cycle_s:
            raise PlanError(
                f"practice: cycles of {self.shortest_cycle_s} to {self.longest_cycle_s} s"
            )
