"""Terms of the Highway Capacity Manual's delay and queue: progression, randomness, queues, grade.

Highway Capacity Manual 2000 (HCM), chapter 16. The uniform and the incremental delay themselves
are in `engine.measures.delay`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.measures.delay import PRETIMED_K
from network.errors import EngineError
from network.units import SECONDS_PER_HOUR

PLATOON_RATIOS = {1: 0.333, 2: 0.667, 3: 1.0, 4: 1.333, 5: 1.667, 6: 2.0}
"""Rp by arrival type, exhibit 16-11."""
SUPPLEMENTS = {1: 1.0, 2: 0.93, 3: 1.0, 4: 1.15, 5: 1.0, 6: 1.0}
"""fPA by arrival type, exhibit 16-12."""
RANDOM_ARRIVALS = 3
_TYPE_LIMITS = (0.5, 0.85, 1.15, 1.5, 2.0)
"""Largest Rp of arrival types 1 to 5, exhibit 16-11."""
_EXTENSIONS_S = (2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0)
_LEAST_K = (0.04, 0.08, 0.11, 0.13, 0.15, 0.19, 0.23)
"""kmin by unit extension, exhibit 16-13."""
GRADES = ((10.0, "A"), (20.0, "B"), (35.0, "C"), (55.0, "D"), (80.0, "E"))
"""Greatest control delay of a level of service, s per vehicle, exhibit 16-2."""
PERCENTILES = {
    False: {
        70: (1.2, 0.1, 5.0),
        85: (1.4, 0.3, 5.0),
        90: (1.5, 0.5, 5.0),
        95: (1.6, 1.0, 5.0),
        98: (1.7, 1.5, 5.0),
    },
    True: {
        70: (1.1, 0.1, 40.0),
        85: (1.3, 0.3, 30.0),
        90: (1.4, 0.4, 20.0),
        95: (1.5, 0.6, 18.0),
        98: (1.7, 1.0, 13.0),
    },
}
"""p1, p2, p3 by percentile, for pretimed and for actuated control: appendix G, exhibit G16-8."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How traffic arrives over the cycle.

    Attributes
    ----------
    arrival_type
        1 (a dense platoon at the beginning of red) to 6; 3 is random (exhibit 16-11).
    green_share
        Share of vehicles that arrive in green, 0 to 1, where it was measured or computed; takes
        the place of `arrival_type`.
    """

    arrival_type: int = RANDOM_ARRIVALS
    green_share: float | None = None

    def __post_init__(self) -> None:
        if self.arrival_type not in PLATOON_RATIOS:
            raise EngineError(f"arrival type {self.arrival_type!r}; allowed are 1 to 6")
        if self.green_share is not None and not 0.0 <= self.green_share <= 1.0:
            raise EngineError(
                f"share of arrivals in green: found {self.green_share!r}; allowed is 0 to 1"
            )

    def platoon_ratio(self, green_ratio: float) -> float:
        """Return Rp, the share of arrivals in green over the share of green, g/C."""
        if self.green_share is None or green_ratio <= 0.0:
            return PLATOON_RATIOS[self.arrival_type]
        return self.green_share / green_ratio

    def progression_factor(self, green_ratio: float) -> float:
        """Return PF for a share of green g/C (equation 16-10).

        No greater than 1 for arrival types 3 to 6, as the notes of exhibit 16-12 say; 1 where
        green never ends.
        """
        if green_ratio >= 1.0:
            return 1.0
        ratio = self.platoon_ratio(green_ratio)
        kind = self.arrival_type
        if self.green_share is not None:
            kind = 1 + sum(ratio > limit for limit in _TYPE_LIMITS)
        in_green = min(1.0, ratio * green_ratio)
        factor = (1.0 - in_green) * SUPPLEMENTS[kind] / (1.0 - green_ratio)
        return min(1.0, factor) if kind >= RANDOM_ARRIVALS else factor


def calibration(saturation: float, unit_extension_s: float | None) -> float:
    """Return the incremental delay calibration k (exhibit 16-13).

    Parameters
    ----------
    saturation
        Degree of saturation.
    unit_extension_s
        Unit extension of an actuated phase, s; None for a pretimed or a coordinated one, 0.5.
    """
    if unit_extension_s is None:
        return PRETIMED_K
    least = float(np.interp(unit_extension_s, _EXTENSIONS_S, _LEAST_K))
    return min(0.5, max(least, (1.0 - 2.0 * least) * (saturation - 0.5) + least))


def filtering(upstream_saturation: float | None) -> float:
    """Return I, the filtering of arrivals by an upstream signal (exhibit 15-9).

    Parameters
    ----------
    upstream_saturation
        Degree of saturation of the upstream movements; None for an isolated intersection, 1.
    """
    if upstream_saturation is None:
        return 1.0
    return max(0.09, 1.0 - 0.91 * math.pow(min(1.0, upstream_saturation), 2.68))


@dataclass(frozen=True, slots=True)
class InitialQueue:
    """What a queue at the beginning of the period costs.

    Attributes
    ----------
    delay_s
        d3, s per vehicle.
    unmet_h
        t, how long the queue stays in the period, h.
    """

    delay_s: float
    unmet_h: float


def initial_queue(
    queue_veh: float, capacity_vph: float, saturation: float, period_h: float
) -> InitialQueue:
    """Return the initial queue delay d3 and how long the queue lasts (appendix F).

    Parameters
    ----------
    queue_veh
        Queue of the lane group at the beginning of the period, vehicles.
    capacity_vph
        Capacity of the lane group, veh/h.
    saturation
        Degree of saturation.
    period_h
        Analysis period, h.

    Notes
    -----
    d3 = 1800 Qb (1 + u) t / (c T), t = min(T, Qb / (c (1 - min(1, X)))); u is 0 where the queue
    is gone within the period, else 1 - c T (1 - min(1, X)) / Qb.
    """
    if queue_veh <= 0.0:
        return InitialQueue(0.0, 0.0)
    spare_vph = capacity_vph * (1.0 - min(1.0, saturation))
    unmet_h, left = period_h, 1.0 - spare_vph * period_h / queue_veh
    if left <= 0.0:
        unmet_h, left = queue_veh / spare_vph, 0.0
    delay_s = 1800.0 * queue_veh * (1.0 + left) * unmet_h / (capacity_vph * period_h)
    return InitialQueue(delay_s, unmet_h)


def level_of_service(delay_s: float, saturation: float = 0.0) -> str:
    """Return the level of service, A to F.

    Parameters
    ----------
    delay_s
        Control delay, s per vehicle (HCM 2000, exhibit 16-2; the same in HCM 2010).
    saturation
        Degree of saturation; above 1 it is F whatever the delay. That is HCM 2010, exhibit 18-4;
        HCM 2000 grades by delay alone.
    """
    if saturation > 1.0:
        return "F"
    return next((grade for limit_s, grade in GRADES if delay_s <= limit_s), "F")


@dataclass(frozen=True, slots=True)
class QueueLane:
    """One lane of a lane group, as appendix G sees it.

    Attributes
    ----------
    flow_vph, saturation_vph, capacity_vph
        Of the lane, veh/h.
    green_s, cycle_s
        Effective green and cycle, s.
    platoon_ratio
        Rp.
    initial_veh
        Queue at the beginning of the period.
    """

    flow_vph: float
    saturation_vph: float
    capacity_vph: float
    green_s: float
    cycle_s: float
    platoon_ratio: float = 1.0
    initial_veh: float = 0.0


def back_of_queue_veh(
    lane: QueueLane, period_h: float, upstream: float = 1.0, actuated: bool = False
) -> float:
    """Return the average back of queue of a lane, vehicles (appendix G).

    Parameters
    ----------
    lane
        The lane.
    period_h
        Analysis period, h.
    upstream
        Filtering factor I.
    actuated
        Whether the phase is actuated.
    """
    if lane.capacity_vph <= 0.0:
        return math.inf if lane.flow_vph > 0.0 else 0.0
    ratio = lane.green_s / lane.cycle_s
    saturation = lane.flow_vph / lane.capacity_vph
    if ratio >= 1.0:
        first = 0.0
    else:
        load = min(1.0, saturation) * ratio
        first = lane.flow_vph * lane.cycle_s / SECONDS_PER_HOUR * (1.0 - ratio) / (1.0 - load)
        # A platoon that outruns the lane's discharge would make PF2 negative.
        in_green = min(1.0, lane.platoon_ratio * ratio)
        arriving = min(lane.platoon_ratio * lane.flow_vph / lane.saturation_vph, 0.99)
        first *= (1.0 - in_green) * max(0.0, 1.0 - lane.flow_vph / lane.saturation_vph)
        first /= (1.0 - ratio) * (1.0 - arriving)
    per_green = lane.saturation_vph * lane.green_s / SECONDS_PER_HOUR
    scale = 0.10 * per_green**0.6 if actuated else 0.12 * per_green**0.7
    served = lane.capacity_vph * period_h
    over = saturation - 1.0
    root = over * over + 8.0 * scale * upstream * saturation / served
    root += 16.0 * scale * upstream * lane.initial_veh / served**2
    return first + 0.25 * served * (over + math.sqrt(root))


def percentile_queue_veh(average_veh: float, percentile: int = 95, actuated: bool = False) -> float:
    """Return a percentile of the back of queue (appendix G, exhibit G16-8).

    Parameters
    ----------
    average_veh
        Average back of queue of a lane, vehicles.
    percentile
        70, 85, 90, 95 or 98.
    actuated
        Whether the phase is actuated.
    """
    table = PERCENTILES[actuated]
    if percentile not in table:
        raise EngineError(f"percentile {percentile!r}; allowed are {', '.join(map(str, table))}")
    first, second, third = table[percentile]
    if math.isinf(average_veh):
        return average_veh
    return average_veh * (first + second * math.exp(-average_veh / third))
