"""The look-ahead search of one signal, and what of its lanes it needs to know.

Assumed: a lane is a queue at the stop line, first come first served, that discharges at its
saturation rate; a vehicle that meets no queue and no red loses nothing. Not modeled: room behind
the stop line, overtaking, lane changes.

The search walks through the seconds with a bounded number of histories of the signal. In every
second each history may go on, or leave its stage for another; those with the least delay so far
and least delay still to be expected are kept, some for every stage. When a stage may be left, and
when it has to be, is told second by second, for controllers that have to keep to a plan.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]

MOST_CHANGES = 24
FADE = 2
"""Where among the costs the time is in which the weight of what is foreseen falls to 1/e."""
NEVER_S = 1_000_000
"""More green than any stage has had: it may not be left."""
# Columns of a history's whole numbers.
STAGE, BEFORE, CLEARING, GREEN, CHANGES = range(5)
STATE = 5
# Rows of its amounts: vehicles that wait, part of one that may leave, and how many may before a
# closed turn blocks the lane; and what left in the last second.
QUEUE, CREDIT, LEFT, GONE = range(4)
AMOUNTS = 4
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
    need_s: Integers  # [S, T], green after which a stage may be left in each second
    over: NDArray[np.bool_]  # [S, T], whether it is left then in any case


@njit(cache=True, error_model="numpy", nogil=True)
def _second(
    layout: Layout,
    now: Now,
    coming: Floats,
    t: int,
    state: Integers,
    amounts: Floats,
    count: int,
    costs: Floats,
    fade: float,
    cost: Floats,
) -> None:
    """Play one second of so many histories, and add what it costs."""
    # Taken once, for every field taken from a tuple counts a reference.
    rate_vps, permitted, factor = layout.rate_vps, layout.permitted, now.factor
    first_foe, foe, foe_share = layout.first_foe, layout.foe, layout.foe_share
    arrivals, held_s, weight, clear_s = now.arrivals, now.held_s, now.weight, layout.clear_s
    for row in range(count):
        stage, before, clearing = state[row, STAGE], state[row, BEFORE], state[row, CLEARING]
        running_on = clear_s[before, stage] - clearing < costs[3]
        lost = 0.0
        for lane in range(weight.size):
            shown = stage
            rate = rate_vps[stage, lane]
            if clearing > 0:
                if running_on:
                    shown = before
                    rate = rate_vps[before, lane]
                elif rate_vps[before, lane] <= 0.0:
                    rate = 0.0
            came = arrivals[lane, t]
            there = amounts[row, QUEUE, lane] + came
            gone = 0.0
            if rate > 0.0 and t >= held_s[lane]:
                if there <= 0.0 and amounts[row, CREDIT, lane] >= 1.0:
                    # Nobody is there and nothing can be gained: most lanes, most of the time.
                    amounts[row, CREDIT, lane] = 1.0
                    amounts[row, GONE, lane] = 0.0
                    continue
                rate *= factor[shown, lane]
                share = permitted[shown, lane]
                if share > 0.0:
                    against = 0.0
                    for k in range(first_foe[lane], first_foe[lane + 1]):
                        part = foe_share[shown, k]
                        if part > 0.0:
                            waiting = min(amounts[row, QUEUE, foe[k]], MOST_FOES)
                            against += part * (WAITING_FOE * waiting + coming[foe[k], t])
                    gap = max(LEAST_GAP_SHARE, np.exp(-against)) if against > 0.0 else 1.0
                    rate /= 1.0 - share + share / gap
                may = min(1.0, amounts[row, CREDIT, lane] + rate)
                gone = min(min(there, max(0.0, may)), amounts[row, LEFT, lane])
                amounts[row, CREDIT, lane] = may - gone
                amounts[row, LEFT, lane] -= gone
            rest = there - gone
            if came > 0.0 and rest > 0.0:
                lost += weight[lane] * costs[1] * min(came, rest)
            amounts[row, QUEUE, lane] = rest
            amounts[row, GONE, lane] = gone
            lost += weight[lane] * rest
        cost[row] += fade * lost
        if clearing > 0:
            state[row, CLEARING] -= 1
            if clearing == 1:
                _open(rate_vps, costs, state, amounts, row)
        else:
            state[row, GREEN] += 1


@njit(cache=True, error_model="numpy", nogil=True)
def _open(rate_vps: Floats, costs: Floats, state: Integers, amounts: Floats, row: int) -> None:
    """A stage's green begins."""
    stage, before = state[row, STAGE], state[row, BEFORE]
    for lane in range(amounts.shape[2]):
        rate = rate_vps[stage, lane]
        if rate > 0.0 and rate_vps[before, lane] <= 0.0:
            amounts[row, CREDIT, lane] = HALF - rate * costs[0]


@njit(cache=True, error_model="numpy", nogil=True)
def _leave(
    layout: Layout, costs: Floats, state: Integers, amounts: Floats, row: int, target: int
) -> None:
    """A stage's green ends for another's."""
    rate_vps, sneak_veh, limit_veh = layout.rate_vps, layout.sneak_veh, layout.limit_veh
    stage = state[row, STAGE]
    for lane in range(amounts.shape[2]):
        if rate_vps[target, lane] <= 0.0 and sneak_veh[stage, lane] > 0.0:
            waiting = amounts[row, QUEUE, lane]
            amounts[row, QUEUE, lane] -= min(waiting, sneak_veh[stage, lane])
        amounts[row, LEFT, lane] = limit_veh[target, lane]
    state[row, BEFORE] = stage
    state[row, STAGE] = target
    state[row, CLEARING] = layout.clear_s[stage, target]
    state[row, GREEN] = 0
    if state[row, CLEARING] == 0:
        _open(rate_vps, costs, state, amounts, row)


@njit(cache=True, error_model="numpy", nogil=True)
def _rank(
    layout: Layout,
    weight: Floats,
    bounds: tuple[Floats, Floats],
    state: Integers,
    amounts: Floats,
    count: int,
    fade: float,
    cost: Floats,
    rank: Floats,
) -> None:
    """Add to the cost of histories the delay that what waits cannot escape any more, about."""
    soonest, best = bounds
    rate_vps, least_s = layout.rate_vps, layout.least_s
    for row in range(count):
        stage, clearing = state[row, STAGE], state[row, CLEARING]
        rest = max(0, least_s[stage] - state[row, GREEN])
        total = 0.0
        for lane in range(best.size):
            waiting = amounts[row, QUEUE, lane]
            if waiting > TINY and best[lane] > 0.0:
                until = float(clearing)
                if rate_vps[stage, lane] <= 0.0:
                    until += rest + soonest[stage, lane]
                total += weight[lane] * waiting * (until + 0.5 * waiting / best[lane])
        rank[row] = cost[row] + fade * total


@njit(cache=True, error_model="numpy", nogil=True)
def _copy(state: Integers, amounts: Floats, paths: Integers, source: int, target: int) -> None:
    """Write a history over another one."""
    for k in range(STATE):
        state[target, k] = state[source, k]
    for k in range(2 * state[source, CHANGES]):
        paths[target, k] = paths[source, k]
    for lane in range(amounts.shape[2]):
        amounts[target, QUEUE, lane] = amounts[source, QUEUE, lane]
        amounts[target, CREDIT, lane] = amounts[source, CREDIT, lane]
        amounts[target, LEFT, lane] = amounts[source, LEFT, lane]


@njit(cache=True, error_model="numpy", nogil=True)
def _insert(rank: Floats, picks: Integers, count: int, row: int) -> int:
    """Put a history among the best so far, in order; return how many there are now."""
    if count == picks.size:
        if not rank[row] < rank[picks[count - 1]]:
            return count
        count -= 1
    place = count
    while place > 0 and rank[row] < rank[picks[place - 1]]:
        picks[place] = picks[place - 1]
        place -= 1
    picks[place] = row
    return count + 1


@njit(cache=True, error_model="numpy", nogil=True)
def _drive(
    layout: Layout,
    now: Now,
    costs: Floats,
    t: int,
    state: Integers,
    amounts: Floats,
    paths: Integers,
    count: int,
) -> None:
    """Leave the stages that are over for the first one that may follow."""
    for i in range(count):
        s = state[i, STAGE]
        if not now.over[s, t] or state[i, CLEARING] > 0 or state[i, CHANGES] >= MOST_CHANGES - 1:
            continue
        if state[i, GREEN] < layout.least_s[s]:
            continue
        for target in range(layout.least_s.size):
            if target != s and layout.clear_s[s, target] >= 0:
                _change(layout, costs, t, state, amounts, paths, i, target)
                break


@njit(cache=True, error_model="numpy", nogil=True)
def _change(
    layout: Layout,
    costs: Floats,
    t: int,
    state: Integers,
    amounts: Floats,
    paths: Integers,
    row: int,
    target: int,
) -> None:
    """Leave a history's stage for another, and note it."""
    changes = state[row, CHANGES]
    paths[row, 2 * changes] = t
    paths[row, 2 * changes + 1] = target
    state[row, CHANGES] = changes + 1
    _leave(layout, costs, state, amounts, row, target)


@njit(cache=True, error_model="numpy", nogil=True)
def _branch(
    layout: Layout,
    now: Now,
    costs: Floats,
    t: int,
    state: Integers,
    amounts: Floats,
    paths: Integers,
    cost: Floats,
    ranks: tuple[Floats, Integers],
    old: int,
) -> int:
    """Leave a stage for every other: the best histories that can, as ranked when last pruned.

    Returns how many histories there are now; the first so many were before.
    """
    rank, picks = ranks
    count = old
    for target in range(layout.least_s.size):
        found = 0
        for i in range(old):
            s = state[i, STAGE]
            if s == target or state[i, CLEARING] > 0 or state[i, CHANGES] >= MOST_CHANGES - 1:
                continue
            if state[i, GREEN] >= now.need_s[s, t] and layout.clear_s[s, target] >= 0:
                found = _insert(rank, picks, found, i)
        for pick in picks[:found]:
            _copy(state, amounts, paths, pick, count)
            cost[count] = cost[pick]
            _change(layout, costs, t, state, amounts, paths, count, target)
            count += 1
    return count


@njit(cache=True, error_model="numpy", nogil=True)
def _prune(
    stages: int,
    state: Integers,
    amounts: Floats,
    paths: Integers,
    cost: Floats,
    rank: Floats,
    picks: Integers,
    taken: NDArray[np.bool_],
    count: int,
) -> int:
    """Keep the best histories of every stage, in their order; return how many."""
    taken[:count] = False
    for s in range(stages):
        found = 0
        for i in range(count):
            if state[i, STAGE] == s:
                found = _insert(rank, picks, found, i)
        for pick in picks[:found]:
            taken[pick] = True
    kept = 0
    for i in range(count):
        if not taken[i]:
            continue
        if i != kept:
            _copy(state, amounts, paths, i, kept)
            cost[kept] = cost[i]
            rank[kept] = rank[i]
        kept += 1
    return kept


@njit(cache=True, error_model="numpy", nogil=True)
def _begin(layout: Layout, now: Now, state: Integers, amounts: Floats) -> None:
    """Set the first history to the present."""
    for k in range(STATE):
        state[0, k] = now.state[k]
    for lane in range(now.credit.size):
        amounts[0, QUEUE, lane] = 0.0
        amounts[0, CREDIT, lane] = now.credit[lane]
        amounts[0, LEFT, lane] = layout.limit_veh[now.state[STAGE], lane]


@njit(cache=True, error_model="numpy", nogil=True)
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
    amounts = np.zeros((room, AMOUNTS, lanes))
    paths = np.zeros((room, 2 * MOST_CHANGES), dtype=np.int32)
    cost = np.zeros(room)
    rank = np.zeros(room)
    picks = np.zeros(width, dtype=np.int32)
    taken = np.zeros(room, dtype=np.bool_)
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
    _begin(layout, now, state, amounts)
    count = 1
    for t in range(horizon):
        fade = np.exp(-t / costs[FADE])
        _drive(layout, now, costs, t, state, amounts, paths, count)
        old = count
        if t < horizon - TAIL_S and (t < FINE_S or t % COARSE_S == 0):
            ranks = (rank, picks)
            count = _branch(layout, now, costs, t, state, amounts, paths, cost, ranks, old)
        _second(layout, now, coming, t, state, amounts, count, costs, fade, cost)
        if count == old and t < horizon - 1:
            continue
        _rank(layout, now.weight, (soonest, best), state, amounts, count, fade, cost, rank)
        if count > keep:
            count = _prune(stages, state, amounts, paths, cost, rank, picks, taken, count)
    winner = 0
    for i in range(count):
        if rank[i] < rank[winner]:
            winner = i
    path[:] = -1
    for k in range(state[winner, CHANGES]):
        path[k, 0] = paths[winner, 2 * k]
        path[k, 1] = paths[winner, 2 * k + 1]
    # Play the winner again for what it discharges.
    _begin(layout, now, state, amounts)
    step = 0
    for t in range(horizon):
        if path[step, 0] == t:
            _leave(layout, costs, state, amounts, 0, path[step, 1])
            step += 1
        _second(layout, now, coming, t, state, amounts, 1, costs, 0.0, cost)
        for lane in range(lanes):
            departures[lane, t] = amounts[0, GONE, lane]
    return rank[winner]
