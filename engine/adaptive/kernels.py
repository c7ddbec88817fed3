"""The look-ahead search of one signal, and what of its lanes it needs to know.

Assumed: a lane is a queue at the stop line, first come first served, that discharges at its
saturation rate; a vehicle that meets no queue and no red loses nothing. Not modeled: room behind
the stop line, overtaking, lane changes.

The search walks through the seconds with a bounded number of histories of the signal. In every
second each history may go on, or leave its stage for another; those with the least delay so far
and least delay still to be expected are kept, some for every stage.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]

MOST_CHANGES = 24
# Columns of a history's whole numbers.
STAGE, BEFORE, CLEARING, GREEN, CHANGES = range(5)
STATE = 5
TINY = 1e-9
FINE_S = 15
COARSE_S = 3
TAIL_S = 10
"""A stage may be left in every second up to FINE_S, in each COARSE_S-th after, in none of the
last TAIL_S."""
LEAST_GAP_SHARE = 0.02
WAITING_FOE = 3.0
MOST_FOES = 2.0
GAP_S = 4
HALF = 0.5  # what leaves in a continuous flow is half a vehicle ahead of the vehicle


class Layout(NamedTuple):
    """A signal; S stages, L lanes, K foes. Foes of lane l are rows first_foe[l] to [l + 1]."""

    clear_s: Integers  # [S, S], -1 where one must not follow the other
    least_s: Integers  # [S]
    rate_vps: Floats  # [S, L], 0 where closed
    limit_veh: Floats  # [S, L], discharged per green before a closed turn blocks the lane
    permitted: Floats  # [S, L], share that yields
    sneak_veh: Floats  # [S, L], that leave as a permitted green ends
    first_foe: Integers  # [L + 1]
    foe: Integers  # [K], lanes
    foe_share: Floats  # [S, K], of the foe's traffic that is yielded to


class Now(NamedTuple):
    """Where a signal stands; T seconds of horizon."""

    state: Integers  # [STATE]
    arrivals: Floats  # [L, T]
    factor: Floats  # [S, L], of the saturation rate that is believed
    weight: Floats  # [L], of a second of delay
    held_s: Floats  # [L], time for which the exits are blocked
    credit: Floats  # [L], part of a vehicle that may leave at once


@njit(cache=True, error_model="numpy")
def expected_arrivals(
    lane: Integers,
    at_m: Floats,
    mps: Floats,
    weight: Floats,
    free_mps: Floats,
    accel_mps2: float,
    late_s: float,
    arrivals: Floats,
) -> None:
    """Add vehicles to the seconds in which they would reach the stop line if nobody hindered them.

    Parameters
    ----------
    lane, at_m, mps, weight
        Per vehicle: its lane, distance to the stop line, speed, and how many it stands for.
    free_mps
        Per lane.
    accel_mps2
        How drivers gain speed.
    late_s
        Age of the positions.
    arrivals
        [lane, second], added to; who comes later than that is left out.
    """
    for k in range(lane.size):
        free = free_mps[lane[k]]
        short = max(0.0, free - mps[k])
        time_s = at_m[k] / free + short * short / (2.0 * accel_mps2 * free)
        second = int(max(0.0, time_s - late_s))
        if second < arrivals.shape[1]:
            arrivals[lane[k], second] += weight[k]


@njit(cache=True, error_model="numpy")
def _second(
    layout: Layout,
    now: Now,
    coming: Floats,
    t: int,
    state: Integers,
    queue: Floats,
    credit: Floats,
    left: Floats,
    costs: Floats,
    out: Floats,
) -> float:
    """Play one second of one history; return its cost."""
    stage, before, clearing = state[STAGE], state[BEFORE], state[CLEARING]
    running_on = layout.clear_s[before, stage] - clearing < costs[3]
    cost = 0.0
    for lane in range(queue.size):
        shown = stage
        rate = layout.rate_vps[stage, lane]
        if clearing > 0:
            if running_on:
                shown = before
                rate = layout.rate_vps[before, lane]
            elif layout.rate_vps[before, lane] <= 0.0:
                rate = 0.0
        came = now.arrivals[lane, t]
        waiting = queue[lane]
        gone = 0.0
        if rate > 0.0 and t >= now.held_s[lane]:
            rate *= now.factor[shown, lane]
            share = layout.permitted[shown, lane]
            if share > 0.0:
                against = 0.0
                for k in range(layout.first_foe[lane], layout.first_foe[lane + 1]):
                    part = layout.foe_share[shown, k]
                    if part > 0.0:
                        foe = layout.foe[k]
                        there = min(queue[foe], MOST_FOES)
                        against += part * (WAITING_FOE * there + coming[foe, t])
                gap = max(LEAST_GAP_SHARE, np.exp(-against))
                rate /= 1.0 - share + share / gap
            credit[lane] = min(1.0, credit[lane] + rate)
            gone = min(min(waiting + came, max(0.0, credit[lane])), left[lane])
            credit[lane] -= gone
            left[lane] -= gone
        rest = waiting + came - gone
        if came > 0.0 and rest > 0.0:
            cost += now.weight[lane] * costs[1] * min(came, rest)
        queue[lane] = rest
        cost += now.weight[lane] * rest
        out[lane] = gone
    return cost


@njit(cache=True, error_model="numpy")
def _open(layout: Layout, now: Now, costs: Floats, state: Integers, credit: Floats) -> None:
    """A stage's green begins."""
    stage, before = state[STAGE], state[BEFORE]
    for lane in range(credit.size):
        rate = layout.rate_vps[stage, lane]
        if rate > 0.0 and layout.rate_vps[before, lane] <= 0.0:
            credit[lane] = HALF - rate * costs[0]


@njit(cache=True, error_model="numpy")
def _leave(layout: Layout, state: Integers, target: int, queue: Floats, left: Floats) -> None:
    """A stage's green ends for another's."""
    stage = state[STAGE]
    for lane in range(queue.size):
        if layout.rate_vps[target, lane] <= 0.0 and layout.sneak_veh[stage, lane] > 0.0:
            queue[lane] -= min(queue[lane], layout.sneak_veh[stage, lane])
        left[lane] = layout.limit_veh[target, lane]
    state[BEFORE] = stage
    state[STAGE] = target
    state[CLEARING] = layout.clear_s[stage, target]
    state[GREEN] = 0


@njit(cache=True, error_model="numpy")
def _outlook(
    layout: Layout, now: Now, soonest: Floats, best: Floats, state: Integers, queue: Floats
) -> float:
    """Delay that what waits now cannot escape any more, about."""
    stage, clearing = state[STAGE], state[CLEARING]
    rest = max(0, layout.least_s[stage] - state[GREEN])
    total = 0.0
    for lane in range(queue.size):
        waiting = queue[lane]
        if waiting > TINY and best[lane] > 0.0:
            until = float(clearing)
            if layout.rate_vps[stage, lane] <= 0.0:
                until += rest + soonest[stage, lane]
            total += now.weight[lane] * waiting * (until + 0.5 * waiting / best[lane])
    return total


@njit(cache=True, error_model="numpy")
def look_ahead(
    layout: Layout,
    now: Now,
    costs: Floats,
    width: int,
    departures: Floats,
    path: Integers,
) -> float:
    """Search for the sequence of stages with the least delay.

    Parameters
    ----------
    layout, now
        The signal.
    costs
        Green lost as a queue starts, s; cost of a stop, s; time in which the weight of what is
        foreseen falls to 1/e, s; time for which a queue runs on into the clearance, s.
    width
        Histories kept for each stage.
    departures
        [lane, second]: filled with what the best history discharges.
    path
        [MOST_CHANGES, 2]: filled with the seconds in which the best history leaves a stage and
        for which, -1 where there are no more.

    Returns
    -------
    float
        Its cost: vehicle-seconds over the horizon and expected after it.
    """
    stages = layout.least_s.size
    lanes, horizon = now.arrivals.shape
    keep = width * stages
    room = keep + stages * width
    state = np.zeros((room, STATE), dtype=np.int32)
    queue = np.zeros((room, lanes))
    credit = np.zeros((room, lanes))
    left = np.zeros((room, lanes))
    cost = np.zeros(room)
    rank = np.zeros(room)
    paths = np.zeros((room, MOST_CHANGES, 2), dtype=np.int32)
    out = np.zeros(lanes)
    soonest = np.full((stages, lanes), 30.0)
    best = np.zeros(lanes)
    for lane in range(lanes):
        for s in range(stages):
            best[lane] = max(best[lane], layout.rate_vps[s, lane])
            for j in range(stages):
                if layout.clear_s[s, j] >= 0 and layout.rate_vps[j, lane] > 0.0:
                    soonest[s, lane] = min(soonest[s, lane], float(layout.clear_s[s, j]))
    coming = np.zeros((lanes, horizon))
    for lane in range(lanes):
        for t in range(horizon):
            for ahead in range(t, min(horizon, t + GAP_S)):
                coming[lane, t] += now.arrivals[lane, ahead]
    state[0] = now.state
    credit[0] = now.credit
    for lane in range(lanes):
        left[0, lane] = layout.limit_veh[now.state[STAGE], lane]
    count = 1
    taken = np.zeros(room, dtype=np.bool_)
    spare = np.zeros(room, dtype=np.int32)
    fade = 1.0
    for t in range(horizon):
        fade = np.exp(-t / costs[2])
        # Leave a stage for every other: the best histories that can, as ranked when last pruned.
        old = count
        if t < horizon - TAIL_S and (t < FINE_S or t % COARSE_S == 0):
            for target in range(stages):
                taken[:old] = False
                for _ in range(width):
                    pick = -1
                    for i in range(old):
                        s = state[i, STAGE]
                        if taken[i] or s == target or state[i, CLEARING] > 0:
                            continue
                        if state[i, GREEN] < layout.least_s[s] or layout.clear_s[s, target] < 0:
                            continue
                        if state[i, CHANGES] >= MOST_CHANGES - 1:
                            continue
                        if pick < 0 or rank[i] < rank[pick]:
                            pick = i
                    if pick < 0:
                        break
                    taken[pick] = True
                    state[count] = state[pick]
                    queue[count] = queue[pick]
                    credit[count] = credit[pick]
                    left[count] = left[pick]
                    cost[count] = cost[pick]
                    paths[count] = paths[pick]
                    changes = state[pick, CHANGES]
                    paths[count, changes, 0] = t
                    paths[count, changes, 1] = target
                    state[count, CHANGES] = changes + 1
                    _leave(layout, state[count], target, queue[count], left[count])
                    if state[count, CLEARING] == 0:
                        _open(layout, now, costs, state[count], credit[count])
                    count += 1
        for i in range(count):
            cost[i] += fade * _second(
                layout, now, coming, t, state[i], queue[i], credit[i], left[i], costs, out
            )
            if state[i, CLEARING] > 0:
                state[i, CLEARING] -= 1
                if state[i, CLEARING] == 0:
                    _open(layout, now, costs, state[i], credit[i])
            else:
                state[i, GREEN] += 1
        if count == old and t < horizon - 1:
            continue
        # Keep the best of every stage.
        for i in range(count):
            rank[i] = cost[i] + fade * _outlook(layout, now, soonest, best, state[i], queue[i])
            taken[i] = False
        if count > keep:
            for s in range(stages):
                for _ in range(width):
                    pick = -1
                    for i in range(count):
                        if taken[i] or state[i, STAGE] != s:
                            continue
                        if pick < 0 or rank[i] < rank[pick]:
                            pick = i
                    if pick < 0:
                        break
                    taken[pick] = True
            free = 0
            kept = 0
            for i in range(count):
                if taken[i]:
                    if i != kept:
                        state[kept] = state[i]
                        queue[kept] = queue[i]
                        credit[kept] = credit[i]
                        left[kept] = left[i]
                        cost[kept] = cost[i]
                        rank[kept] = rank[i]
                        paths[kept] = paths[i]
                    kept += 1
                else:
                    spare[free] = i
                    free += 1
            count = kept
    winner = 0
    for i in range(count):
        if rank[i] < rank[winner]:
            winner = i
    path[:] = -1
    for k in range(state[winner, CHANGES]):
        path[k, 0] = paths[winner, k, 0]
        path[k, 1] = paths[winner, k, 1]
    # Play the winner again for what it discharges.
    state[0] = now.state
    queue[0] = 0.0
    credit[0] = now.credit
    for lane in range(lanes):
        left[0, lane] = layout.limit_veh[now.state[STAGE], lane]
    step = 0
    for t in range(horizon):
        if path[step, 0] == t:
            _leave(layout, state[0], path[step, 1], queue[0], left[0])
            if state[0, CLEARING] == 0:
                _open(layout, now, costs, state[0], credit[0])
            step += 1
        _second(layout, now, coming, t, state[0], queue[0], credit[0], left[0], costs, out)
        for lane in range(lanes):
            departures[lane, t] = out[lane]
        if state[0, CLEARING] > 0:
            state[0, CLEARING] -= 1
            if state[0, CLEARING] == 0:
                _open(layout, now, costs, state[0], credit[0])
        else:
            state[0, GREEN] += 1
    return rank[winner]
