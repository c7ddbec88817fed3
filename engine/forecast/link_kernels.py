"""Kernels of warnings: what links let through, and how crowded they are.

Counts, expectations and occupancies may hold NaN, which means that nothing is known.
"""

# numba's decorators carry no types; the kernels' own signatures are annotated.

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from engine.forecast.sensing_kernels import (
    CLIPPED_SD,
    LEAST_EXPECTED_VEH,
    SUM_AT_MOST,
    Floats,
)

DROPPED, CROWDED, BOTH = range(3)
WARNING_LIMITS = 3
DROP_SUM, CROWD_SUM, DROP_SINCE, CROWD_SINCE, LOST_VEH, CALM, WARNED, IN_BEFORE, BOTH_SUM = range(9)
WARNING_NUMBERS = 9

DROP_PART = 0.35
"""Part of the traffic that an incident holds back; sums rise once half of it is missing."""
CROWD_SD = 3.0
CALM_INTERVALS = 3.0


class LinkArrays(NamedTuple):
    """What is known of the traffic of each link."""

    in_scatter: Floats
    out_scatter: Floats  # once inflow has spoken
    follows_now: Floats  # scaled outflow residual per scaled inflow residual
    follows_before: Floats  # the same, for the inflow of the interval before
    crowd_sd: Floats  # of the occupancy, per cent
    most_step: float  # that one interval adds to a sum


@njit(cache=True, error_model="numpy")
def watch_links(
    inflow_veh: Floats,
    inflow_expected: Floats,
    outflow_veh: Floats,
    outflow_expected: Floats,
    crowd_pct: Floats,
    crowd_expected_pct: Floats,
    links: LinkArrays,
    numbers: Floats,
    limits: Floats,
    sums: Floats,
) -> None:
    """Carry the sums of every link on by one interval, and say which ones are beyond limits.

    Parameters
    ----------
    inflow_veh, inflow_expected, outflow_veh, outflow_expected
        [link] vehicles of the interval; NaN where unknown.
    crowd_pct, crowd_expected_pct
        [link] occupancy of the detector at the beginning of the link; NaN where unknown.
    links
        The links.
    numbers
        [link, WARNING_NUMBERS], the state.
    limits
        [link, WARNING_LIMITS].
    sums
        [link, WARNING_LIMITS], filled in.
    """
    for i in range(inflow_veh.size):
        state = numbers[i]
        crowd = 0.0
        excess = crowd_excess(
            crowd_pct[i], crowd_expected_pct[i], inflow_veh[i], inflow_expected[i]
        )
        if not np.isnan(excess):
            score = excess / links.crowd_sd[i]
            crowd = min(max(CROWD_SD * (score - 0.5 * CROWD_SD), -links.most_step), links.most_step)
        entering = 0.0
        if inflow_expected[i] >= 0.0:
            unit = links.in_scatter[i] * np.sqrt(inflow_expected[i] + 1.0)
            score = (inflow_veh[i] - inflow_expected[i]) / unit
            if not np.isnan(score):
                entering = min(max(score, -CLIPPED_SD), CLIPPED_SD)
        if crowd > 0.0 and entering < 0.0:
            # Nobody can come in where the queue stands; that is no lack of demand.
            entering = 0.0
        # Less that comes in is demand, not an incident.
        follows = links.follows_now[i] * entering + links.follows_before[i] * state[IN_BEFORE]
        state[IN_BEFORE] = entering
        step, missing = 0.0, 0.0
        if outflow_expected[i] >= 0.0 and outflow_veh[i] >= 0.0:
            root = np.sqrt(outflow_expected[i] + 1.0)
            usual = max(outflow_expected[i] + follows * root, LEAST_EXPECTED_VEH)
            sd = links.out_scatter[i] * root
            drop = DROP_PART * usual / sd
            missing = usual - outflow_veh[i]
            step = min(max(drop * (missing / sd - 0.5 * drop), -links.most_step), links.most_step)
        state[DROP_SUM] = min(max(state[DROP_SUM] + step, 0.0), SUM_AT_MOST)
        state[CROWD_SUM] = min(max(state[CROWD_SUM] + crowd, 0.0), SUM_AT_MOST)
        # Both at the same time: where queues are usual, the sum of crowding says nothing for long.
        state[BOTH_SUM] = min(max(state[BOTH_SUM] + min(step, crowd), 0.0), SUM_AT_MOST)
        sums[i, DROPPED] = state[DROP_SUM]
        sums[i, CROWDED] = state[CROWD_SUM]
        sums[i, BOTH] = state[BOTH_SUM]
        beyond = False
        for k in range(WARNING_LIMITS):
            beyond = beyond or sums[i, k] > limits[i, k]
        lasting = state[WARNED] > 0.0
        if state[DROP_SUM] > 0.0 or (lasting and state[DROP_SINCE] > 0.0):
            state[DROP_SINCE] += 1.0
            state[LOST_VEH] += missing
        else:
            state[DROP_SINCE] = 0.0
            state[LOST_VEH] = 0.0
        if state[CROWD_SUM] > 0.0 or (lasting and state[CROWD_SINCE] > 0.0):
            state[CROWD_SINCE] += 1.0
        else:
            state[CROWD_SINCE] = 0.0
        if beyond:
            state[WARNED] = 1.0
        if step <= 0.0 and crowd <= 0.0:
            state[CALM] += 1.0
        else:
            state[CALM] = 0.0
        if state[WARNED] > 0.0 and state[CALM] >= CALM_INTERVALS:
            # Sums are kept high by what is over; begin anew.
            state[WARNED] = 0.0
            state[DROP_SUM] = 0.0
            state[CROWD_SUM] = 0.0
            state[BOTH_SUM] = 0.0
            state[DROP_SINCE] = 0.0
            state[CROWD_SINCE] = 0.0
            state[LOST_VEH] = 0.0


@njit(cache=True, error_model="numpy")
def crowd_excess(
    crowd_pct: float, expected_pct: float, count_veh: float, expected_veh: float
) -> float:
    """Return how much more a detector is occupied than its traffic explains, per cent.

    More vehicles occupy it longer; a queue occupies it longer without more vehicles. NaN where
    the occupancy is unknown.
    """
    more = (count_veh + 1.0) / (expected_veh + 1.0)
    return crowd_pct - expected_pct * (more if more > 1.0 else 1.0)
