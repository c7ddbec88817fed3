"""Left turns that yield: how much of a permitted green they can use, and what they wait.

Highway Capacity Manual 2000, chapter 16, appendix C (permitted left turns) and appendix E
(uniform delay of protected and permitted green together).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from network.derive.saturation import left_equivalent
from network.units import SECONDS_PER_HOUR

SHARED_FLOWS_VPH = (1.0, 200.0, 400.0, 600.0, 800.0, 1000.0, 1200.0)
SHARED_EQUIVALENTS = (1.4, 1.7, 2.1, 2.5, 3.1, 3.7, 4.5)
"""EL1 of left turns from shared lanes by opposing flow, exhibit C16-3. Its row for lanes of their
own is `left_equivalent`, to the digit given."""
OTHER_LANES = 0.91
"""What drivers lose in the lanes beside a shared one."""
GREATEST_LOAD = 0.49
"""Vehicles per second of green at most in the clearing of an opposing queue."""


@dataclass(frozen=True, slots=True)
class Opposing:
    """The traffic that a permitted left turn yields to.

    Attributes
    ----------
    flow_vph
        vo: lane groups with through traffic, all their turns; lanes of only left or only right
        turns left out.
    lanes, utilization
        No, and fLUo.
    green_s
        go, effective green, s.
    platoon_ratio
        Rpo.
    left_share
        PLTo, share of left turns.
    lead_s
        How much earlier than the permitted green the opposing green begins, s; below 0 where it
        begins later.
    """

    flow_vph: float
    lanes: int
    utilization: float
    green_s: float
    platoon_ratio: float
    left_share: float
    lead_s: float


@dataclass(frozen=True, slots=True)
class PermittedGreen:
    """A permitted green and who turns left in it.

    Attributes
    ----------
    cycle_s, green_s, shown_s
        Cycle, effective green g and displayed green G, s.
    lost_s
        tL, lost time of the phase, s.
    left_vph
        Left turns, veh/h.
    left_share
        PLT, their share in the lane group.
    lanes
        N.
    exclusive
        Whether the lanes serve nothing else.
    ends
        Whether red follows: then two drivers sneak through.
    """

    cycle_s: float
    green_s: float
    shown_s: float
    lost_s: float
    left_vph: float
    left_share: float
    lanes: int
    exclusive: bool
    ends: bool = True


@dataclass(frozen=True, slots=True)
class PermittedLeft:
    """How a permitted green is used.

    Attributes
    ----------
    first_left_s, opposing_queue_s, usable_s
        gf, until the first left turn stops the shared lane; gq, until the opposing queue is
        gone; gu, what is left to filter through, s.
    equivalent
        EL1.
    lane_share
        PL, share of left turns in the leftmost lane; at 1 the lane is a de facto left-turn lane.
    factor
        fLT of the lane group.
    sneaking
        Whether the factor rests on two drivers per cycle alone.
    """

    first_left_s: float
    opposing_queue_s: float
    usable_s: float
    equivalent: float
    lane_share: float
    factor: float
    sneaking: bool


def shared_equivalent(opposing_vph: float) -> float:
    """Return EL1 of a left turn from a shared lane (exhibit C16-3).

    Parameters
    ----------
    opposing_vph
        Opposing flow over its lane utilization, veh/h; above 1,200 as the row for lanes of their
        own grows.
    """
    if opposing_vph <= SHARED_FLOWS_VPH[-1]:
        return float(np.interp(opposing_vph, SHARED_FLOWS_VPH, SHARED_EQUIVALENTS))
    grown = left_equivalent(opposing_vph) / left_equivalent(SHARED_FLOWS_VPH[-1])
    return SHARED_EQUIVALENTS[-1] * grown


def permitted_left(own: PermittedGreen, opposing: Opposing) -> PermittedLeft:
    """Return how left turns use a permitted green.

    Parameters
    ----------
    own
        The green, and the lane group of the left turns.
    opposing
        The flow they yield to.

    Notes
    -----
    Appendix C. Simplified: gf follows the form for one or for several lanes by
    the subject approach and gq by the opposing one; the opposing queue is counted from where its
    green begins, and what the permitted green has before that is not used; pedestrians are not in
    these equations.
    """
    first_s = 0.0 if own.exclusive else _first_left_s(own)
    queue_s = max(0.0, _opposing_queue_s(own, opposing) - opposing.lead_s)
    queue_s = min(queue_s, own.green_s)
    usable_s = own.green_s - max(queue_s, first_s)
    effective_vph = opposing.flow_vph / opposing.utilization
    equivalent = (
        left_equivalent(effective_vph) if own.exclusive else shared_equivalent(effective_vph)
    )
    share = 1.0 if own.exclusive else own.left_share
    if not own.exclusive and own.lanes > 1:
        held_s = first_s + usable_s / equivalent + 4.24
        share *= 1.0 + (own.lanes - 1) * own.green_s / held_s
    kept = min(share, 1.0)
    used_s = first_s + usable_s / (1.0 + kept * (equivalent - 1.0))
    if opposing.lanes == 1 and not (own.exclusive and opposing.left_share == 0.0):
        gap_s = max(0.0, queue_s - first_s)
        used_s += gap_s / (1.0 + kept * (_gap_equivalent(gap_s, opposing.left_share) - 1.0))
    least_s = 2.0 * (1.0 + kept) if own.ends else 0.0
    lane = min(1.0, max(used_s, least_s) / own.green_s)
    factor = lane
    if not own.exclusive:
        factor = (lane + OTHER_LANES * (own.lanes - 1)) / own.lanes
    return PermittedLeft(first_s, queue_s, usable_s, equivalent, share, factor, used_s < least_s)


def _first_left_s(own: PermittedGreen) -> float:
    per_cycle = own.left_vph * own.cycle_s / SECONDS_PER_HOUR
    rate, power = (0.860, 0.629) if own.lanes == 1 else (0.882, 0.717)
    first_s = own.shown_s * math.exp(-rate * per_cycle**power) - own.lost_s
    return min(max(0.0, first_s), own.green_s)


def _opposing_queue_s(own: PermittedGreen, opposing: Opposing) -> float:
    per_lane = opposing.flow_vph * own.cycle_s / SECONDS_PER_HOUR
    per_lane /= opposing.lanes * opposing.utilization
    in_red = max(0.0, 1.0 - opposing.platoon_ratio * opposing.green_s / own.cycle_s)
    if opposing.lanes == 1:
        return float(4.943 * per_lane**0.762 * in_red**1.061) - own.lost_s
    load = min(GREATEST_LOAD, per_lane * (1.0 - in_red) / opposing.green_s)
    return per_lane * in_red / (0.5 - load) - own.lost_s


def _gap_equivalent(gap_s: float, left_share: float) -> float:
    """Return EL2: opposing left turns from a single lane make room for ours."""
    waiting = gap_s / 2.0
    if left_share <= 0.0:
        return max(1.0, waiting)
    return max(1.0, float(1.0 - (1.0 - left_share) ** waiting) / left_share)


@dataclass(frozen=True, slots=True)
class Service:
    """A stretch of the cycle in which a queue is served.

    Attributes
    ----------
    begin_s, length_s
        Within the cycle, s; stretches do not overlap and may run over its end.
    rate_vph
        Discharge of a queue.
    at_end_veh
        Vehicles that go at its end in no time.
    """

    begin_s: float
    length_s: float
    rate_vph: float
    at_end_veh: float = 0.0


def polygon_delay_s(flow_vph: float, cycle_s: float, services: Sequence[Service]) -> float:
    """Return the uniform delay of a queue served in several stretches, s per vehicle.

    Parameters
    ----------
    flow_vph
        Uniform arrivals; what is more than can be served does not count here.
    cycle_s
        Cycle, s.
    services
        When and how fast the queue is served.

    Notes
    -----
    The area under the queue over a cycle in equilibrium: appendix E in all of its cases, and the
    incremental queue accumulation of HCM 2010, section 31.
    """
    served_veh = sum(s.rate_vph * s.length_s / SECONDS_PER_HOUR + s.at_end_veh for s in services)
    if served_veh <= 0.0:
        return math.inf
    # A single vehicle now and then waits as long as many uniform ones of vanishing flow.
    arriving = max(flow_vph / SECONDS_PER_HOUR, 1e-9)
    arriving = min(arriving, served_veh / cycle_s)
    ordered = sorted(services, key=lambda service: service.begin_s)
    steps: list[tuple[float, float, float]] = []
    for at, service in enumerate(ordered):
        end_s = service.begin_s + service.length_s
        steps.append((service.length_s, service.rate_vph / SECONDS_PER_HOUR, service.at_end_veh))
        following = ordered[(at + 1) % len(ordered)].begin_s
        pause_s = following - end_s + (cycle_s if at == len(ordered) - 1 else 0.0)
        steps.append((max(0.0, pause_s), 0.0, 0.0))
    queue, area = 0.0, 0.0
    # The queue repeats itself from the second cycle on, as no more arrives than is served.
    for _ in range(2):
        area = 0.0
        for length_s, rate, at_end_veh in steps:
            growth = arriving - rate
            busy_s = length_s
            if growth < 0.0:
                busy_s = min(length_s, queue / -growth)
            after = max(0.0, queue + growth * busy_s)
            area += 0.5 * (queue + after) * busy_s
            queue = max(0.0, after - at_end_veh)
    return area / (arriving * cycle_s)
