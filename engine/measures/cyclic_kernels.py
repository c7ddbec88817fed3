"""Cyclic flow profiles: a coordination group in its steady cycle, one plan or many at once.

What `engine.measures.kernels` plays second by second over an hour, these kernels solve for one
cycle that repeats: arrivals are profiles over the cycle, made of what the signals upstream let go
and of a steady part; queues start where the cycle leaves them. Assumed: one common cycle (a half
cycle is written twice), steady demand, traffic as a fluid. Not modeled: blocking back into the
junction upstream; queues beyond the storage of a lane are priced by the caller instead.

Robertson's platoon dispersion with its exact cyclic start; a lane's queue reaches its cycle after
one pass from empty, because with spare capacity it is empty at least once a cycle (Lindley 1952).
What has to be gone through second after second is kept short; the rest stands in loops whose
seconds do not depend on each other.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.measures.cyclic_arrays import (
    CAPACITY,
    DELAY,
    DELAYED,
    GROWING,
    GROWTH,
    LIMIT_VEH,
    LONGEST,
    MIXED,
    OVER,
    OVER_PRICE,
    PERIOD_S,
    PLAIN,
    RIDE_CYCLES,
    RIDING,
    STOP_S,
    STOPS,
    UNFAIR,
    VOLUME,
    WAIT_S,
    CyclicArrays,
)
from engine.measures.kernels import GAP_STEPS_PER_VPS, QUEUED_VEH, TINY
from engine.measures.street import Floats, Integers

LOOSE = {"contract", "nsz", "nnan", "arcp"}
"""Nothing here is infinite or no number.

Sums keep their order: a compiler that may choose it chooses by what it compiled before, and one
plan in a thousand then differs in its last digit from the same plan on another machine.
"""


@njit(cache=True, error_model="numpy")
def profile(
    arrays: CyclicArrays,
    fading: Floats,
    service: Floats,
    begin_s: Integers,
    manners: tuple[Floats, float, float],
    inflow: Floats,
    departures: Floats,
    results: Floats,
) -> None:
    """Solve one plan's cycle.

    Parameters
    ----------
    arrays
        The group.
    fading
        [stream, second]: what is left of a platoon's tail so many seconds after it began.
    service
        [way, second of its signal's cycle]: above 0 the usable part of that second under
        protected green, below 0 under permissive green (sign turned), 0 under red.
    begin_s
        Per signal, the second of system time at which its table begins, 0 to cycle - 1.
    manners
        Table of accepted gaps (`kernels.accepted_gaps`); headway in a bunch, s; vehicles that may
        come to the head of a lane before one of them blocks it.
    inflow, departures
        [approach, second], [way, second]: filled in; veh/s.
    results
        [lane, RESULTS]: filled in.
    """
    if arrays.order.size > arrays.steady_vps.size + arrays.storage_veh.size:
        # Streets that feed each other in a loop are begun with mean flows.
        for w in range(departures.shape[0]):
            for t in range(departures.shape[1]):
                departures[w, t] = arrays.way_vps[w]
        for a in range(arrays.steady_vps.size):
            for t in range(departures.shape[1]):
                inflow[a, t] = arrays.approach_vps[a]
    resolve(arrays, arrays.order, fading, service, begin_s, manners, inflow, departures, results)


@njit(cache=True, error_model="numpy", fastmath=LOOSE)
def resolve(
    arrays: CyclicArrays,
    nodes: Integers,
    fading: Floats,
    service: Floats,
    begin_s: Integers,
    manners: tuple[Floats, float, float],
    inflow: Floats,
    departures: Floats,
    results: Floats,
) -> None:
    """Solve some approaches and lanes again, from what the others have now.

    Parameters
    ----------
    nodes
        Approaches and lanes, as `CyclicArrays.order` has them.
    arrays, fading, service, begin_s, manners, inflow, departures, results
        As for `profile`.
    """
    approaches = arrays.steady_vps.size
    gap_table, bunch_s, slack_veh = manners
    rate = np.zeros(departures.shape[1])
    box = np.zeros(departures.shape[0])
    was_open = np.zeros(departures.shape[0], dtype=np.bool_)
    leaving = np.zeros(departures.shape[1])
    lows = np.zeros(departures.shape[1])
    for node in nodes:
        if node < approaches:
            _gather(arrays, node, fading, departures, inflow, leaving)
            continue
        if arrays.rides[node - approaches] >= 0:
            _riding(
                arrays, node - approaches, service, begin_s, leaving, inflow, departures, results
            )
            continue
        if arrays.kind[node - approaches] == MIXED:
            _mixed_lane(
                arrays,
                node - approaches,
                service,
                begin_s,
                (bunch_s, slack_veh),
                gap_table,
                (inflow, departures),
                (box, was_open),
                results,
            )
            continue
        if arrays.kind[node - approaches] == PLAIN:
            _protected_rates(arrays, node - approaches, service, begin_s, rate)
        else:
            _yielding_rates(
                arrays,
                node - approaches,
                service,
                begin_s,
                bunch_s,
                gap_table,
                departures,
                rate,
            )
        _lane(arrays, node - approaches, rate, (leaving, lows), inflow, departures, results)


@njit(cache=True, error_model="numpy", fastmath=LOOSE, inline="always")
def _gather(
    arrays: CyclicArrays,
    a: int,
    fading: Floats,
    departures: Floats,
    inflow: Floats,
    leaving: Floats,
) -> None:
    """Fill in what arrives on an approach: the steady part and the dispersed platoons."""
    cycle = leaving.size
    # No slices in here, and arrays taken out at once: each time it is taken out, an array is
    # counted in and out of use, which costs more than the sums.
    first_source, source = arrays.first_source, arrays.source
    stream_exit, stream_delay_s = arrays.stream_exit, arrays.stream_delay_s
    stream_smoothing, stream_share = arrays.stream_smoothing, arrays.stream_share
    steady = arrays.steady_vps[a]
    for t in range(cycle):
        inflow[a, t] = steady
    for s in range(arrays.first_stream[a], arrays.first_stream[a + 1]):
        x = stream_exit[s]
        keep = 1.0 - stream_smoothing[s]
        take = stream_smoothing[s] * stream_share[s]
        first, last = first_source[x], first_source[x + 1]
        # What arrives in second t left `at` seconds further round the cycle.
        at = max(0, -stream_delay_s[s] % cycle)
        rest = max(0, cycle - at)
        for k in range(first, last):
            w = max(0, source[k])
            if k == first:
                for t in range(rest):
                    leaving[t] = take * departures[w, t + at]
                for t in range(at):
                    leaving[t + rest] = take * departures[w, t]
            else:
                for t in range(rest):
                    leaving[t] += take * departures[w, t + at]
                for t in range(at):
                    leaving[t + rest] += take * departures[w, t]
        # From empty the tail of all cycles before is missing; it is a geometric series.
        tail = 0.0
        for t in range(cycle):
            tail = keep * tail + leaving[t]
            leaving[t] = tail
        tail /= 1.0 - fading[s, cycle - 1]
        for t in range(cycle):
            inflow[a, t] += leaving[t] + tail * fading[s, t]


@njit(cache=True, error_model="numpy", fastmath=LOOSE, inline="always")
def _shown(arrays: CyclicArrays, lane: int) -> tuple[int, float]:
    """Return the way whose signal a lane goes by, and how fast it is served at best, veh/s."""
    first, last = max(0, arrays.first_way[lane]), arrays.first_way[lane + 1]
    way_share, way_headway_s = arrays.way_share, arrays.way_headway_s
    headway = 0.0
    shown = first
    for w in range(first, last):
        headway += way_share[w] * way_headway_s[w]
        if way_share[w] > TINY:
            shown = w
    return shown, 1.0 / headway if headway > TINY else 0.0


@njit(cache=True, error_model="numpy", fastmath=LOOSE, inline="always")
def _protected_rates(
    arrays: CyclicArrays, lane: int, service: Floats, begin_s: Integers, rate: Floats
) -> None:
    """Fill in how fast a lane can be served that never yields, veh/s in every second."""
    shown, fastest = _shown(arrays, lane)
    cycle = rate.size
    begin = max(0, -begin_s[arrays.way_signal[shown]] % cycle)
    rest = cycle - begin
    # Two straight copies: a second that is counted round the cycle would be taken one by one.
    for t in range(begin, cycle):
        rate[t - begin] = service[shown, t] * fastest
    for t in range(begin):
        rate[t + rest] = service[shown, t] * fastest


@njit(cache=True, error_model="numpy")
def _yielding_rates(
    arrays: CyclicArrays,
    lane: int,
    service: Floats,
    begin_s: Integers,
    bunch_s: float,
    gap_table: Floats,
    departures: Floats,
    rate: Floats,
) -> None:
    """Fill in how fast a lane can be served that yields some of the time, veh/s."""
    shown, fastest = _shown(arrays, lane)
    first_foe, foe, way_lane = arrays.first_foe, arrays.foe, arrays.way_lane
    box_veh = arrays.way_box_veh[shown]
    cycle = rate.size
    k = -begin_s[arrays.way_signal[shown]] % cycle
    before = service[shown, k - 1 if k else cycle - 1]
    for t in range(cycle):
        code = service[shown, k]
        if fastest <= 0.0:
            rate[t] = 0.0
        elif code >= 0.0:
            rate[t] = code * fastest
            if code == 0.0 and before < 0.0:
                # Those who wait inside the node clear it when their green ends.
                rate[t] = box_veh
        else:
            last = t - 1 if t else cycle - 1
            rate[t] = _found(
                first_foe, foe, way_lane, shown, departures, last, gap_table, bunch_s, fastest
            )
        before = code
        k = k + 1 if k + 1 < cycle else 0


@njit(cache=True, error_model="numpy", inline="always")
def _held(left: Floats, storage: float) -> tuple[float, float]:
    """Return the sums of what is held and of what is over the storage.

    Each second's sum waits for the one before; four sums do not wait for each other.
    """
    cycle = left.size
    whole = cycle - cycle % 4
    held_0, held_1, held_2, held_3 = 0.0, 0.0, 0.0, 0.0
    over_0, over_1, over_2, over_3 = 0.0, 0.0, 0.0, 0.0
    for t in range(0, whole, 4):
        held_0 += left[t]
        held_1 += left[t + 1]
        held_2 += left[t + 2]
        held_3 += left[t + 3]
        over_0 += max(0.0, left[t] - storage)
        over_1 += max(0.0, left[t + 1] - storage)
        over_2 += max(0.0, left[t + 2] - storage)
        over_3 += max(0.0, left[t + 3] - storage)
    for t in range(whole, cycle):
        held_0 += left[t]
        over_0 += max(0.0, left[t] - storage)
    return (held_0 + held_1) + (held_2 + held_3), (over_0 + over_1) + (over_2 + over_3)


@njit(cache=True, error_model="numpy", fastmath=LOOSE, inline="always")
def _lane(
    arrays: CyclicArrays,
    lane: int,
    rate: Floats,
    scratch: tuple[Floats, Floats],
    inflow: Floats,
    departures: Floats,
    results: Floats,
) -> None:
    """Solve the queue of a lane whose vehicles all leave at the same rate."""
    left, lows = scratch
    cycle = inflow.shape[1]
    first, last = arrays.first_way[lane], arrays.first_way[lane + 1]
    a = max(0, arrays.lane_approach[lane])
    share = arrays.lane_share[lane]
    storage = arrays.storage_veh[lane]
    # Taken out here: inside a loop it would be counted in and out of use every time.
    way_share = arrays.way_share
    # A queue is how far the sum of what came less what could leave stands above its lowest point
    # so far: two short sums instead of one long chain.
    level = 0.0
    lowest = 0.0
    volume, capacity = 0.0, 0.0
    for t in range(cycle):
        level += share * inflow[a, t] - rate[t]
        lowest = min(lowest, level)
        left[t] = level
        lows[t] = lowest
        # Sums that run beside the long chain cost nothing.
        volume += inflow[a, t]
        capacity += rate[t]
    start = level - lowest
    for t in range(cycle):
        left[t] -= min(lows[t], -start)
    end = left[cycle - 1]
    longest = 0.0
    for t in range(cycle):
        longest = max(longest, left[t])
    held, over = _held(left, storage)
    arriving = share * inflow[a, 0]
    stops = 0.0
    if start > QUEUED_VEH or rate[0] <= 0.0:
        stops += arriving
    if rate[0] <= 0.0 and rate[cycle - 1] > 0.0:
        stops += start
    waiting, again = 0.0, 0.0
    for t in range(cycle - 1):
        came, queue = inflow[a, t + 1], left[t]
        shut = rate[t + 1] <= 0.0
        waiting += came if (queue > QUEUED_VEH) | shut else 0.0
        # Who is left over when green ends has moved up and stops again.
        again += queue * (shut & (rate[t] > 0.0))
    stops += share * waiting + again
    for w in range(max(0, first), last):
        part = way_share[w]
        # Rounding must not make what leaves less than nothing.
        departures[w, 0] = part * max(0.0, start + arriving - left[0])
        for t in range(cycle - 1):
            gone = left[t] + share * inflow[a, t + 1] - left[t + 1]
            departures[w, t + 1] = part * max(0.0, gone)
    results[lane, DELAYED] = held / cycle
    results[lane, STOPS] = stops / cycle
    results[lane, VOLUME] = share * volume / cycle
    results[lane, CAPACITY] = capacity / cycle
    results[lane, LONGEST] = longest
    results[lane, GROWTH] = max(0.0, end - start)
    results[lane, OVER] = over / cycle


@njit(cache=True, error_model="numpy")
def _mixed_lane(
    arrays: CyclicArrays,
    lane: int,
    service: Floats,
    begin_s: Integers,
    manners: tuple[float, float],
    gap_table: Floats,
    flows: tuple[Floats, Floats],
    state: tuple[Floats, NDArray[np.bool_]],
    results: Floats,
) -> None:
    """Solve a lane of several ways that yield, or are open at different seconds."""
    bunch_s, slack_veh = manners
    inflow, departures = flows
    box, was_open = state
    cycle = inflow.shape[1]
    first, last = arrays.first_way[lane], arrays.first_way[lane + 1]
    begin = begin_s[arrays.way_signal[first]]
    a = arrays.lane_approach[lane]
    lane_share = arrays.lane_share[lane]
    storage_veh = arrays.storage_veh[lane]
    # Taken out here: inside a loop they would be counted in and out of use every time.
    way_share, way_headway_s, way_box_veh = (
        arrays.way_share, arrays.way_headway_s, arrays.way_box_veh
    )  # fmt: skip
    first_foe, foe, way_lane = arrays.first_foe, arrays.foe, arrays.way_lane
    results[lane, :] = 0.0
    for w in range(first, last):
        box[w] = 0.0
        was_open[w] = False
        departures[w, :] = 0.0
    if lane_share * (arrays.steady_vps[a] + inflow[a].sum()) <= TINY:
        return
    queue = 0.0
    start = 0.0
    moved = 0.0
    held_sum = 0.0
    stops = 0.0
    capacity = 0.0
    longest = 0.0
    over = 0.0
    volume = 0.0
    for turn in range(2):
        counts = turn == 1
        if counts:
            start = queue
            for w in range(first, last):
                start += box[w]
        k = -begin % cycle
        for t in range(cycle):
            spent = 0.0
            busy = 0.0
            cap = 1e9
            cap_steady = 1e9
            closed = True
            stopping = 0.0
            before = t - 1 if t else cycle - 1
            for w in range(first, last):
                share = way_share[w]
                departures[w, t] = 0.0
                if share <= TINY:
                    continue
                headway = way_headway_s[w]
                open_part = service[w, k]
                out = 0.0
                if open_part > 0.0:
                    closed = False
                    out = min(box[w], open_part / headway)
                    spent += out * headway / open_part
                    busy += share * headway / open_part
                elif open_part < 0.0:
                    closed = False
                    found = _found(
                        first_foe,
                        foe,
                        way_lane,
                        w,
                        departures,
                        before,
                        gap_table,
                        bunch_s,
                        1.0 / headway,
                    )
                    out = min(box[w], found)
                    room = way_box_veh[w] + slack_veh - box[w] + out
                    cap = min(cap, max(room, 0.0) / share)
                    cap_steady = min(cap_steady, found / share)
                    busy += share * headway
                else:
                    if was_open[w] and box[w] > 0.0:
                        out = min(box[w], way_box_veh[w])
                        if counts:
                            capacity += out / share
                    cap = min(cap, max(slack_veh - box[w], 0.0) / share)
                    cap_steady = 0.0
                    stopping += share
                    busy += share * headway
                was_open[w] = open_part != 0.0
                box[w] -= out
                if open_part < 0.0 and box[w] > QUEUED_VEH:
                    stopping += share
                departures[w, t] = out
            arriving = lane_share * inflow[a, t]
            served = 0.0
            if not closed and busy > TINY:
                served = min(queue + arriving, max(0.0, 1.0 - spent) / busy, cap)
                if counts:
                    capacity += min(1.0 / busy, cap_steady)
            if queue > QUEUED_VEH or closed:
                stopping = 1.0
            queue = max(0.0, queue + arriving - served)
            held = queue
            for w in range(first, last):
                part = served * way_share[w]
                if service[w, k] > 0.0:
                    departures[w, t] += part
                else:
                    box[w] += part
                held += box[w]
            if counts:
                volume += arriving
                held_sum += held
                longest = max(longest, held)
                over += max(0.0, held - storage_veh)
                stops += stopping * arriving
                if served <= TINY:
                    stops += min(1.0, moved) * max(0.0, queue - arriving)
            moved = moved + served if served > TINY else 0.0
            k = k + 1 if k + 1 < cycle else 0
    end = queue
    for w in range(first, last):
        end += box[w]
    results[lane, DELAYED] = held_sum / cycle
    results[lane, STOPS] = stops / cycle
    results[lane, VOLUME] = volume / cycle
    results[lane, CAPACITY] = capacity / cycle
    results[lane, LONGEST] = longest
    results[lane, GROWTH] = max(0.0, end - start)
    results[lane, OVER] = over / cycle


@njit(cache=True, error_model="numpy")
def _riding(
    arrays: CyclicArrays,
    lane: int,
    service: Floats,
    begin_s: Integers,
    gone: Floats,
    inflow: Floats,
    departures: Floats,
    results: Floats,
) -> None:
    """Take those who ride in another lane's queue through it, first come first served."""
    cycle = inflow.shape[1]
    host, own = arrays.rides[lane], arrays.first_way[lane]
    first, last = arrays.first_way[host], arrays.first_way[host + 1]
    share, on = arrays.lane_share[host], arrays.lane_approach[host]
    a = arrays.lane_approach[lane]
    # The queue at the beginning of the cycle is what keeps it from ever falling below nothing.
    came, left, start = 0.0, 0.0, 0.0
    for t in range(cycle):
        came += share * inflow[on, t]
        for w in range(first, last):
            left += departures[w, t]
        gone[t] = left
        start = max(start, left - came)
    for t in range(cycle):
        departures[own, t] = 0.0
    begin = begin_s[arrays.way_signal[own]]
    ahead = start - QUEUED_VEH
    held, stops, volume = 0.0, 0.0, 0.0
    at = 0
    for t in range(cycle):
        ahead += share * inflow[on, t]
        arriving = inflow[a, t]
        at = max(at, t)
        while at < RIDE_CYCLES * cycle and (
            gone[at % cycle] + (at // cycle) * left < ahead
            or service[own, (at - begin) % cycle] == 0.0
        ):
            at += 1
        departures[own, at % cycle] += arriving
        held += arriving * (at - t)
        volume += arriving
        if at > t:
            stops += arriving
    results[lane, DELAYED] = held / cycle
    results[lane, STOPS] = stops / cycle
    results[lane, VOLUME] = volume / cycle
    results[lane, CAPACITY] = max(results[host, CAPACITY], volume / cycle)
    results[lane, LONGEST] = 0.0
    results[lane, GROWTH] = 0.0
    results[lane, OVER] = 0.0


@njit(cache=True, error_model="numpy", inline="always")
def _found(
    first_foe: Integers,
    foes: Integers,
    way_lane: Integers,
    way: int,
    departures: Floats,
    before: int,
    gap_table: Floats,
    bunch_s: float,
    most_vps: float,
) -> float:
    """Return how many find a gap in what opposes a way, veh/s."""
    opposing = 0.0
    free = 1.0
    on_lane = 0.0
    lane_before = -1
    for k in range(first_foe[way], first_foe[way + 1]):
        foe = foes[k]
        if way_lane[foe] != lane_before:
            free *= max(0.0, 1.0 - bunch_s * on_lane)
            on_lane = 0.0
            lane_before = way_lane[foe]
        on_lane += departures[foe, before]
        opposing += departures[foe, before]
    free *= max(0.0, 1.0 - bunch_s * on_lane)
    step = min(opposing * GAP_STEPS_PER_VPS, gap_table.size - 1.001)
    below = int(step)
    found = gap_table[below]
    found += (step - below) * (gap_table[below + 1] - found)
    return min(free * found, most_vps)


@njit(cache=True, error_model="numpy")
def total_cost(results: Floats, cycle_s: int, weights: Floats) -> float:
    """Add up what a solved cycle costs.

    Parameters
    ----------
    results
        [lane, RESULTS], as `profile` fills it in.
    cycle_s
        The cycle, s.
    weights
        [lane, WEIGHTS], as `cyclic.cost_weights` has them.

    Returns
    -------
    float
        Vehicle-seconds per second, as `engine.measures.objective` defines cost: delay in the
        profile, by chance and by oversaturation over the period, stops, queues beyond their limit
        and long waits.
    """
    cost = 0.0
    for lane in range(results.shape[0]):
        volume = results[lane, VOLUME]
        if volume <= TINY:
            continue
        period_s = weights[lane, PERIOD_S]
        came = volume * period_s
        served = max(results[lane, CAPACITY] * period_s, 0.5)
        saturation = came / served
        beyond = saturation - 1.0
        root = np.sqrt(beyond * beyond + 4.0 * saturation / served)
        random_s = 0.25 * period_s * (root - abs(beyond))
        stops = results[lane, STOPS] + random_s * volume / cycle_s
        grown = results[lane, GROWTH] / cycle_s * period_s
        waiting = results[lane, DELAYED] + 0.5 * grown + random_s * volume
        unfair = max(0.0, waiting - volume * weights[lane, WAIT_S])
        cost += weights[lane, DELAY] * waiting + weights[lane, STOP_S] * stops
        cost += weights[lane, RIDING] * (waiting - results[lane, DELAYED])
        cost += weights[lane, OVER_PRICE] * results[lane, OVER] + weights[lane, UNFAIR] * unfair
        if weights[lane, GROWING] > 0.0:
            # A queue that grows evenly is beyond its limit for the last part of the period.
            beyond = grown - max(0.0, weights[lane, LIMIT_VEH] - results[lane, DELAYED])
            if beyond > 0.0:
                cost += weights[lane, GROWING] * 0.5 * beyond * beyond / grown
    return cost


@njit(cache=True, error_model="numpy")
def plan_costs(
    arrays: CyclicArrays,
    fading: Floats,
    service: Floats,
    begin_s: Integers,
    manners: tuple[Floats, float, float],
    weights: Floats,
    flows: tuple[Floats, Floats],
    results: Floats,
    costs: Floats,
) -> None:
    """Cost plans that differ in their offsets, one after the other.

    Parameters
    ----------
    begin_s
        [plan, signal], as for `profile`.
    weights
        As for `total_cost`.
    flows
        `inflow` and `departures` of `profile`.
    costs
        [plan]: filled in.
    arrays, fading, service, manners, results
        As for `profile`.
    """
    inflow, departures = flows
    for plan in range(costs.size):
        profile(arrays, fading, service, begin_s[plan], manners, inflow, departures, results)
        costs[plan] = total_cost(results, service.shape[1], weights)
