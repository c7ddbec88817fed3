"""Kernels of the link tables: what a platoon comes to at a cyclic queue, for every second it comes.

Everything is cyclic: second x of C means x modulo C.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.measures.street import Floats


@njit(cache=True, error_model="numpy")
def departures(arrivals_vps: Floats, service_vps: Floats, departures_vps: Floats) -> None:
    """Pass uniform arrivals through cyclic service.

    Parameters
    ----------
    arrivals_vps, service_vps
        [lane] and [lane, second].
    departures_vps
        [lane, second], filled in. A lane that gets more than it can serve departs as served.
    """
    lanes, cycle_s = service_vps.shape
    for lane in range(lanes):
        room = 0.0
        for t in range(cycle_s):
            room += service_vps[lane, t]
        if arrivals_vps[lane] * cycle_s >= room:
            departures_vps[lane] = service_vps[lane]
            continue
        queue = 0.0
        for _ in range(2):
            for t in range(cycle_s):
                queue += arrivals_vps[lane]
                served = min(queue, service_vps[lane, t])
                queue -= served
                departures_vps[lane, t] = served


@njit(cache=True, error_model="numpy")
def disperse(profile_vps: Floats, delay_s: int, smoothing: float, arrivals_vps: Floats) -> None:
    """Add a profile to arrivals after a delay and exponential smoothing.

    Parameters
    ----------
    profile_vps, arrivals_vps
        [second]; the second one is added to.
    delay_s, smoothing
        Plain delay, and the part F of the newest second, 0 < F <= 1. Robertson's recursion with
        its exact cyclic start: one pass from zero that ends at S gives S / (1 - (1 - F)^C).
    """
    cycle_s = profile_vps.size
    level = 0.0
    for t in range(cycle_s):
        level += smoothing * (profile_vps[(t - delay_s) % cycle_s] - level)
    level /= 1.0 - (1.0 - smoothing) ** cycle_s
    for t in range(cycle_s):
        level += smoothing * (profile_vps[(t - delay_s) % cycle_s] - level)
        arrivals_vps[t] += level


@njit(cache=True, error_model="numpy")
def lane_costs(platoon_vps: Floats, rest_vps: Floats, service_vps: Floats, costs: Floats) -> None:
    """Tabulate the uniform delay of lanes over the offset from the signal that feeds them.

    Parameters
    ----------
    platoon_vps, rest_vps
        [lane, second after the feeding signal's offset] and [lane].
    service_vps
        [lane, second after the lane's own signal's offset]; enough for all that arrives.
    costs
        [lane, d], filled in: vehicle-seconds of delay per cycle where the lane's own offset is
        d later. The queue starts where a first pass from zero ends, which is exact.
    """
    lanes, cycle_s = service_vps.shape
    twice = np.empty(2 * cycle_s)
    for lane in range(lanes):
        for t in range(cycle_s):
            twice[t] = platoon_vps[lane, t] + rest_vps[lane]
            twice[t + cycle_s] = twice[t]
        for d in range(cycle_s):
            queue = 0.0
            delay = 0.0
            for _ in range(2):
                delay = 0.0
                for t in range(cycle_s):
                    queue = max(0.0, queue + twice[t + d] - service_vps[lane, t])
                    delay += queue
            costs[lane, d] = delay
