"""Capacity, control delay, level of service and queue of one lane group."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.measures.delay import PRETIMED_K, incremental_delay_s
from engine.measures.hcm_greens import Green, Scene, delay_of
from engine.measures.hcm_groups import Group
from engine.measures.hcm_results import ApproachAnalysis, Conditions, LaneGroupAnalysis
from engine.measures.hcm_terms import (
    Arrivals,
    QueueLane,
    back_of_queue_veh,
    calibration,
    filtering,
    initial_queue,
    level_of_service,
    percentile_queue_veh,
)
from network.units import SECONDS_PER_HOUR


def analyzed(
    group: Group,
    greens: Sequence[Green],
    scene: Scene,
    conditions: Conditions,
    extension_s: float | None,
) -> LaneGroupAnalysis:
    """Return what a lane group carries and what it costs.

    Parameters
    ----------
    group, greens, scene
        The group, its greens and what surrounds it.
    conditions
        Arrivals, upstream signals, initial queues.
    extension_s
        Unit extension of its phase, s; None where that is pretimed or coordinated.
    """
    cycle_s, period_h = scene.display.cycle_s, scene.practice.period_h
    flow = group.flow_vph
    green_s = min(cycle_s, sum(green.green_s for green in greens))
    capacity = sum(green.per_cycle_veh for green in greens) * SECONDS_PER_HOUR / cycle_s
    saturation_vph = capacity * cycle_s / green_s
    load = flow / capacity
    ratio = green_s / cycle_s
    arrivals = conditions.arrivals.get(group.main.turn_id, Arrivals())
    upstream = filtering(conditions.upstream_saturation.get(group.link_id))
    waiting = sum(conditions.initial_queue_veh.get(turn.turn_id, 0.0) for turn in group.turns)
    factor = arrivals.progression_factor(ratio)
    uniform_s = delay_of(group, greens, flow, scene)
    shifted_s = uniform_s * factor
    queue = initial_queue(waiting, capacity, load, period_h)
    if waiting > 0.0:
        # While the old queue lasts the approach is saturated, whatever arrives (appendix F).
        full_s = delay_of(group, greens, capacity, scene)
        kept = queue.unmet_h / period_h
        uniform_s = full_s * kept + uniform_s * (1.0 - kept)
        shifted_s = full_s * kept + shifted_s * (1.0 - kept)
    k = calibration(load, extension_s)
    incremental_s = incremental_delay_s(load, capacity, period_h, upstream * k / PRETIMED_K)
    delay_s = shifted_s + incremental_s + queue.delay_s
    lanes = len(group.lanes) * group.utilization
    back = back_of_queue_veh(
        QueueLane(
            flow / lanes,
            saturation_vph / lanes,
            capacity / lanes,
            green_s,
            cycle_s,
            arrivals.platoon_ratio(ratio),
            waiting / lanes,
        ),
        period_h,
        upstream,
        extension_s is not None,
    )
    factors = [green.permitted.factor for green in greens if green.permitted is not None]
    kinds = [
        kind
        for kind, has in (
            ("protected", any(green.protected for green in greens)),
            ("permitted", any(not green.protected for green in greens)),
        )
        if has and group.lefts
    ]
    return LaneGroupAnalysis(
        group.link_id,
        group.movements,
        tuple(turn.turn_id for turn in group.turns),
        group.lanes,
        "-".join(kinds),
        group.de_facto,
        flow,
        green_s,
        ratio,
        saturation_vph,
        capacity,
        min(factors, default=None),
        load,
        flow / saturation_vph,
        uniform_s,
        factor,
        incremental_s,
        queue.delay_s,
        delay_s,
        level_of_service(delay_s, load),
        back,
        percentile_queue_veh(back, 95, extension_s is not None),
        False,
    )


def mean(groups: Sequence[LaneGroupAnalysis]) -> tuple[float, float]:
    """Return flow, veh/h, and mean control delay, s, of lane groups (equation 16-13)."""
    flow = sum(group.flow_vph for group in groups)
    total = math.fsum(group.flow_vph * group.control_delay_s for group in groups)
    return flow, total / flow if flow > 0.0 else 0.0


def approach(link_id: str, groups: Sequence[LaneGroupAnalysis]) -> ApproachAnalysis:
    """Return what an approach's lane groups come to."""
    flow, delay_s = mean([group for group in groups if group.link_id == link_id])
    return ApproachAnalysis(link_id, flow, delay_s, level_of_service(delay_s))
