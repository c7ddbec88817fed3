"""Saturation flow by the adjustment factors of the Highway Capacity Manual.

HCM 2000, chapter 16, equation 16-4: s = s0 N fw fHV fg fp fbb fa fLU fLT fRT fLpb fRpb, each
factor after exhibit 16-7 in its metric form; pedestrians and bicycles after appendix D, which is
FHWA-RD-98-106, section 4.2. Permitted left turns after HCM 2010, equations 31-100 ff.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from network.derive.practice import Practice
from network.errors import PlanError
from network.graph import Movement
from network.inventory import TurnKind
from network.units import SECONDS_PER_HOUR

BASE_LANE_M = 3.6
NARROWEST_LANE_M = 2.4
WIDEST_LANE_M = 4.8
"""A wider lane is worked out as two, says the manual; here it counts as this wide."""
HEAVY_EQUIVALENT = 2.0
LEAST_FACTOR = 0.05
MOST_PARKING_PH = 180.0
MOST_BUSES_PH = 250.0
CENTRAL_AREA = 0.9
PROTECTED_LEFT = 0.95
EXCLUSIVE_RIGHT = 0.85
MOST_PEDESTRIANS_PH = 5000.0
MOST_BICYCLES_PH = 1900.0
CRITICAL_GAP_S = 4.5
FOLLOW_UP_S = 2.5


def width_factor(lane_width_m: float) -> float:
    """Return fw for the mean lane width, m; from 2.4 m on, wider than 4.8 m counts as that."""
    if not lane_width_m >= NARROWEST_LANE_M:
        raise PlanError(f"a lane {lane_width_m} m wide; allowed are {NARROWEST_LANE_M} m and more")
    return 1.0 + (min(lane_width_m, WIDEST_LANE_M) - BASE_LANE_M) / 9.0


def heavy_factor(heavy_share: float) -> float:
    """Return fHV for a share of heavy vehicles, 0 to 1, each worth two cars."""
    _require("share of heavy vehicles", heavy_share, 0.0, 1.0)
    return 1.0 / (1.0 + heavy_share * (HEAVY_EQUIVALENT - 1.0))


def grade_factor(grade_percent: float) -> float:
    """Return fg for a grade, uphill positive, -6 to +10 percent."""
    _require("grade in percent", grade_percent, -6.0, 10.0)
    return 1.0 - grade_percent / 200.0


def parking_factor(lanes: int, maneuvers_ph: float | None) -> float:
    """Return fp for parking maneuvers per hour beside the lane group; None without parking."""
    if maneuvers_ph is None:
        return 1.0
    _require("parking maneuvers per hour", maneuvers_ph, 0.0, math.inf)
    blocked = 18.0 * min(maneuvers_ph, MOST_PARKING_PH) / SECONDS_PER_HOUR
    return max(LEAST_FACTOR, (lanes - 0.1 - blocked) / lanes)


def bus_factor(lanes: int, buses_ph: float) -> float:
    """Return fbb for buses that stop within 75 m of the stop line, per hour."""
    _require("buses per hour", buses_ph, 0.0, math.inf)
    blocked = 14.4 * min(buses_ph, MOST_BUSES_PH) / SECONDS_PER_HOUR
    return max(LEAST_FACTOR, (lanes - blocked) / lanes)


def area_factor(central: bool) -> float:
    """Return fa: 0.9 in a central business district."""
    return CENTRAL_AREA if central else 1.0


def utilization_factor(group_vph: float, busiest_lane_vph: float, lanes: int) -> float:
    """Return fLU from the flow of a lane group and that of its busiest lane, veh/h."""
    _require("flow of the busiest lane", busiest_lane_vph, group_vph / lanes, group_vph)
    return group_vph / (busiest_lane_vph * lanes) if busiest_lane_vph > 0 else 1.0


def protected_left_factor(left_share: float, exclusive: bool) -> float:
    """Return fLT in protected green for a share of left turns, 0 to 1."""
    _require("share of left turns", left_share, 0.0, 1.0)
    return PROTECTED_LEFT if exclusive else 1.0 / (1.0 + 0.05 * left_share)


def right_factor(right_share: float, exclusive: bool, lanes: int) -> float:
    """Return fRT for a share of right turns, 0 to 1."""
    _require("share of right turns", right_share, 0.0, 1.0)
    if exclusive:
        return EXCLUSIVE_RIGHT
    return max(LEAST_FACTOR, 1.0 - (0.135 if lanes == 1 else 0.15) * right_share)


def permitted_left_vph(opposing_vph: float) -> float:
    """Return how many left turns filter through an opposing flow, veh per hour of green.

    Parameters
    ----------
    opposing_vph
        Opposing flow after its queue is gone, veh/h.

    Notes
    -----
    HCM 2010, equation 31-100, with a critical headway of 4.5 s and a follow-up one of 2.5 s.
    """
    _require("opposing flow", opposing_vph, 0.0, math.inf)
    if opposing_vph < 1e-6:
        return SECONDS_PER_HOUR / FOLLOW_UP_S
    rate = opposing_vph / SECONDS_PER_HOUR
    return opposing_vph * math.exp(-rate * CRITICAL_GAP_S) / -math.expm1(-rate * FOLLOW_UP_S)


def left_equivalent(opposing_vph: float, base_vph: float = 1900.0) -> float:
    """Return the cars straight on that a permitted left turn is worth (HCM 2010, 31-101)."""
    return base_vph / max(permitted_left_vph(opposing_vph), 1.0)


def permitted_left_factor(
    left_share: float,
    opposing_vph: float,
    green_s: float,
    unblocked_green_s: float,
    base_vph: float = 1900.0,
) -> float:
    """Return fLT of a lane from which left turns yield.

    Parameters
    ----------
    left_share
        Share of left turns in the lane, 0 to 1; 1 for a lane of their own.
    opposing_vph
        Opposing flow, veh/h.
    green_s, unblocked_green_s
        Effective green, and the part of it after the opposing queue is gone, s.
    base_vph
        Base saturation flow, veh/h.

    Notes
    -----
    HCM 2000, appendix C, equations C16-6 and C16-7: (gu / g) / (1 + PL (EL1 - 1)), at least
    2 (1 + PL) / g for those who go at the end of green.
    """
    _require("share of left turns", left_share, 0.0, 1.0)
    _require("unblocked green", unblocked_green_s, 0.0, green_s)
    if not green_s > 0:
        raise PlanError(f"effective green of {green_s} s; allowed is more than 0")
    passing = 1.0 + left_share * (left_equivalent(opposing_vph, base_vph) - 1.0)
    sneaking = 2.0 * (1.0 + left_share) / green_s
    return min(1.0, max(unblocked_green_s / green_s / passing, sneaking))


def pedestrian_occupancy(pedestrians_ph: float, cycle_s: float, walk_green_s: float) -> float:
    """Return how much of the green pedestrians occupy a crossing (OCCpedg), 0 to 0.9.

    Parameters
    ----------
    pedestrians_ph
        Pedestrians per hour.
    cycle_s, walk_green_s
        Cycle and green for pedestrians, s.
    """
    _require("pedestrians per hour", pedestrians_ph, 0.0, math.inf)
    rate = min(pedestrians_ph * cycle_s / walk_green_s, MOST_PEDESTRIANS_PH)
    return rate / 2000.0 if rate <= 1000.0 else 0.4 + rate / 10_000.0


def bicycle_occupancy(bicycles_ph: float, cycle_s: float, green_s: float) -> float:
    """Return how much of the green bicycles occupy the conflict zone (OCCbicg).

    Parameters
    ----------
    bicycles_ph
        Bicycles per hour; none gives 0.
    cycle_s, green_s
        Cycle and effective green, s.
    """
    _require("bicycles per hour", bicycles_ph, 0.0, math.inf)
    if bicycles_ph == 0:
        return 0.0
    return 0.02 + min(bicycles_ph * cycle_s / green_s, MOST_BICYCLES_PH) / 2700.0


def crossing_factor(
    turn_share: float,
    pedestrian: float,
    bicycle: float = 0.0,
    protected_share: float = 0.0,
    receiving_lanes: int = 1,
    turning_lanes: int = 1,
) -> float:
    """Return fRpb, or fLpb for a left turn that no traffic opposes.

    Parameters
    ----------
    turn_share, protected_share
        Share of turns in the lane group, and of their green without pedestrians, 0 to 1.
    pedestrian, bicycle
        Occupancies.
    receiving_lanes, turning_lanes
        Where there are more of the former, drivers pass beside pedestrians.
    """
    _require("share of turns", turn_share, 0.0, 1.0)
    _require("protected share", protected_share, 0.0, 1.0)
    occupied = pedestrian + bicycle - pedestrian * bicycle
    passing = 1.0 - (0.6 if receiving_lanes > turning_lanes else 1.0) * occupied
    return 1.0 - turn_share * (1.0 - passing) * (1.0 - protected_share)


@dataclass(frozen=True, slots=True)
class LaneGroup:
    """Lanes that are worked out together, and what surrounds them.

    Attributes
    ----------
    lanes, lane_width_m, grade_percent, heavy_share, central
        As in the factors.
    left_share, right_share
        Shares of turns, 0 to 1.
    exclusive
        Whether its lanes serve one turn only.
    parking_ph, buses_ph
        Parking maneuvers (None without parking) and stopping buses per hour.
    utilization
        fLU.
    permitted_left
        fLT where left turns yield; None where they are protected.
    left_crossing, right_crossing
        fLpb and fRpb.
    """

    lanes: int = 1
    lane_width_m: float = BASE_LANE_M
    heavy_share: float = 0.0
    grade_percent: float = 0.0
    parking_ph: float | None = None
    buses_ph: float = 0.0
    central: bool = False
    utilization: float = 1.0
    left_share: float = 0.0
    right_share: float = 0.0
    exclusive: bool = False
    permitted_left: float | None = None
    left_crossing: float = 1.0
    right_crossing: float = 1.0

    def __post_init__(self) -> None:
        if self.lanes < 1:
            raise PlanError(f"a lane group of {self.lanes} lanes; allowed are 1 and more")


def saturation_vph(group: LaneGroup, base_vph: float = 1900.0) -> float:
    """Return the saturation flow of a lane group, all lanes together, veh/h.

    Parameters
    ----------
    group
        The lanes.
    base_vph
        Base saturation flow per lane, veh/h.
    """
    left = 1.0
    if group.permitted_left is not None:
        left = group.permitted_left
    elif group.left_share:
        left = protected_left_factor(group.left_share, group.exclusive)
    right = 1.0
    if group.right_share:
        right = right_factor(group.right_share, group.exclusive, group.lanes)
    return math.prod(
        (
            base_vph,
            group.lanes,
            width_factor(group.lane_width_m),
            heavy_factor(group.heavy_share),
            grade_factor(group.grade_percent),
            parking_factor(group.lanes, group.parking_ph),
            bus_factor(group.lanes, group.buses_ph),
            area_factor(group.central),
            group.utilization,
            left,
            right,
            group.left_crossing,
            group.right_crossing,
        )
    )


def movement_saturation_vph(movement: Movement, kind: TurnKind, practice: Practice) -> float:
    """Return the saturation flow of all lanes of a movement in protected green, veh/h.

    Parameters
    ----------
    movement
        The movement.
    kind
        Its turn by geometry.
    practice
        Base saturation flow and lane width.

    Notes
    -----
    As if its lanes served nothing else: what a shared lane carries depends on flows.
    """
    lanes = len({c.from_lane for c in movement.connections})
    left = kind in (TurnKind.LEFT, TurnKind.U_TURN)
    right = kind is TurnKind.RIGHT
    group = LaneGroup(
        max(1, lanes),
        max(practice.lane_width_m, NARROWEST_LANE_M),
        left_share=float(left),
        right_share=float(right),
        exclusive=left or right,
    )
    return saturation_vph(group, practice.base_saturation_vph)


def _require(what: str, value: float, low: float, high: float) -> None:
    if not low - 1e-9 <= value <= high + 1e-9 or math.isinf(value):
        limit = f"{low:g} and more" if math.isinf(high) else f"{low:g} to {high:g}"
        raise PlanError(f"{what}: found {value!r}, allowed {limit}")
