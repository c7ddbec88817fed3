"""Cyclic flow profiles of many plans at a time: the same cycle as `cyclic_kernels`, side by side.

Plans differ in the offsets of their signals and in which of a few prepared programs (splits and
phase sequence) each signal runs. `WIDTH` plans are solved in step, the innermost loop runs over
them, so that one machine instruction serves several. Single precision: plans are compared, not
accounted for.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.measures.cyclic_kernels import MIXED, YIELDS, CyclicArrays
from engine.measures.kernels import GAP_STEPS_PER_VPS, TINY
from engine.measures.street import Floats, Integers

WIDTH = 64
"""Plans solved in step: as many single-precision numbers as the widest registers hold."""

Singles = NDArray[np.float32]

FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(cache=True, error_model="numpy", fastmath=FAST)
def batch_costs(
    arrays: CyclicArrays,
    service: Singles,
    kind: Integers,
    program: Integers,
    begin_s: Integers,
    manners: tuple[Singles, float, float],
    weights: Floats,
    costs: Floats,
) -> None:
    """Cost many plans.

    Parameters
    ----------
    arrays
        The group.
    service
        [program, way, second]: usable part of every second, as for `cyclic_kernels.profile`.
    kind
        [program, lane]: `PLAIN`, `YIELDS` or `MIXED`.
    program, begin_s
        [plan, signal]: the program a signal runs, and when its table begins, 0 to cycle - 1.
    manners, weights
        As for `cyclic_kernels.profile` and `total_cost`; the table in single precision.
    costs
        [plan]: filled in, vehicle-seconds per second.
    """
    plans = program.shape[0]
    approaches = arrays.steady_vps.size
    ways = arrays.way_lane.size
    cycle = service.shape[2]
    gap_table, bunch_s, slack_veh = manners
    inflow = np.empty((approaches, cycle, WIDTH), dtype=np.float32)
    departures = np.empty((ways, cycle, WIDTH), dtype=np.float32)
    leaving = np.empty((cycle, WIDTH), dtype=np.float32)
    rate = np.empty((cycle, WIDTH), dtype=np.float32)
    most_ways = 1
    for lane in range(arrays.storage_veh.size):
        most_ways = max(most_ways, arrays.first_way[lane + 1] - arrays.first_way[lane])
    # Per way what it shows, and behind that who finds a gap.
    codes = np.empty((most_ways, 2 * cycle, WIDTH), dtype=np.float32)
    cost = np.empty((arrays.storage_veh.size, WIDTH), dtype=np.float32)
    chosen = np.empty((WIDTH, program.shape[1]), dtype=np.int32)
    begins = np.empty((WIDTH, program.shape[1]), dtype=np.int32)
    for first in range(0, plans, WIDTH):
        for b in range(WIDTH):
            # The last chunk is filled up with its last plan.
            plan = min(first + b, plans - 1)
            chosen[b] = program[plan]
            begins[b] = begin_s[plan]
        for w in range(ways):
            departures[w, :, :] = np.float32(arrays.way_vps[w])
        for a in range(approaches):
            inflow[a, :, :] = np.float32(arrays.approach_vps[a])
        for node in arrays.order:
            if node < approaches:
                _gather(arrays, node, departures, inflow[node], leaving)
                continue
            lane = node - approaches
            signal = arrays.way_signal[arrays.first_way[lane]]
            worst = 0
            for b in range(WIDTH):
                worst = max(worst, kind[chosen[b, signal], lane])
            if worst != MIXED:
                _rates(
                    arrays,
                    lane,
                    service,
                    (chosen[:, signal], begins[:, signal]),
                    (departures, gap_table, bunch_s),
                    worst == YIELDS,
                    rate,
                )
                _lane(arrays, lane, inflow, rate, leaving, departures, weights, cost[lane])
            else:
                _mixed_lane(
                    arrays,
                    lane,
                    service,
                    (chosen[:, signal], begins[:, signal]),
                    (departures, gap_table, bunch_s, slack_veh),
                    inflow,
                    codes,
                    weights,
                    cost[lane],
                )
        for b in range(min(WIDTH, plans - first)):
            total = 0.0
            for lane in range(cost.shape[0]):
                total += cost[lane, b]
            costs[first + b] = total


@njit(cache=True, error_model="numpy", fastmath=FAST)
def _gather(
    arrays: CyclicArrays, a: int, departures: Singles, inflow: Singles, leaving: Singles
) -> None:
    """Fill in what arrives on an approach, [second, plan]."""
    cycle = leaving.shape[0]
    inflow[:, :] = np.float32(arrays.steady_vps[a])
    tail = np.empty(WIDTH, dtype=np.float32)
    for s in range(arrays.first_stream[a], arrays.first_stream[a + 1]):
        x = arrays.stream_exit[s]
        begin, end = arrays.first_source[x], arrays.first_source[x + 1]
        w = arrays.source[begin]
        for t in range(cycle):
            for b in range(WIDTH):
                leaving[t, b] = departures[w, t, b]
        for n in range(begin + 1, end):
            w = arrays.source[n]
            for t in range(cycle):
                for b in range(WIDTH):
                    leaving[t, b] += departures[w, t, b]
        keep = np.float32(1.0 - arrays.stream_smoothing[s])
        take = np.float32(arrays.stream_smoothing[s] * arrays.stream_share[s])
        at = -arrays.stream_delay_s[s] % cycle
        tail[:] = np.float32(0.0)
        k = at
        for _ in range(cycle):
            for b in range(WIDTH):
                tail[b] = keep * tail[b] + take * leaving[k, b]
            k = k + 1 if k + 1 < cycle else 0
        whole = np.float32(1.0 / (1.0 - keep**cycle))
        for b in range(WIDTH):
            tail[b] *= whole
        k = at
        for t in range(cycle):
            for b in range(WIDTH):
                tail[b] = keep * tail[b] + take * leaving[k, b]
                inflow[t, b] += tail[b]
            k = k + 1 if k + 1 < cycle else 0


@njit(cache=True, error_model="numpy", fastmath=FAST)
def _rates(
    arrays: CyclicArrays,
    lane: int,
    service: Singles,
    plans: tuple[Integers, Integers],
    foes: tuple[Singles, Singles, float],
    yields: bool,
    rate: Singles,
) -> None:
    """Fill in how fast a lane can be served, [second, plan], veh/s."""
    program, begin_s = plans
    departures, gap_table, bunch_s = foes
    cycle = rate.shape[0]
    zero = np.float32(0.0)
    headway = 0.0
    shown = arrays.first_way[lane]
    for w in range(arrays.first_way[lane], arrays.first_way[lane + 1]):
        headway += arrays.way_share[w] * arrays.way_headway_s[w]
        if arrays.way_share[w] > TINY:
            shown = w
    fastest = np.float32(1.0 / headway) if headway > TINY else zero
    if yields:
        # What would find a gap, were it the turn of those who yield in every second.
        _gaps(arrays, shown, departures, gap_table, bunch_s, rate)
        for t in range(cycle):
            for b in range(WIDTH):
                rate[t, b] = min(rate[t, b], fastest)
    box = np.float32(arrays.way_box_veh[shown])
    for b in range(WIDTH):
        k = -begin_s[b] % cycle
        row = service[program[b], shown]
        before = row[k - 1 if k else cycle - 1]
        for t in range(cycle):
            code = row[k]
            if code > zero:
                rate[t, b] = code * fastest
            elif code == zero:
                rate[t, b] = box if before < zero else zero
            before = code
            k = k + 1 if k + 1 < cycle else 0


@njit(cache=True, error_model="numpy", fastmath=FAST)
def _lane(
    arrays: CyclicArrays,
    lane: int,
    inflow: Singles,
    rate: Singles,
    levels: Singles,
    departures: Singles,
    weights: Floats,
    cost: Singles,
) -> None:
    """Solve the queue of a lane whose vehicles all leave at the same rate."""
    cycle = rate.shape[0]
    zero, one = np.float32(0.0), np.float32(1.0)
    share = np.float32(arrays.lane_share[lane])
    storage = np.float32(arrays.storage_veh[lane])
    coming = inflow[arrays.lane_approach[lane]]
    first, last = arrays.first_way[lane], arrays.first_way[lane + 1]
    sums = np.zeros((10, WIDTH), dtype=np.float32)
    queue, start, held, stops, over = sums[0], sums[1], sums[2], sums[3], sums[4]
    volume, capacity, level, lowest, shut_before = sums[5], sums[6], sums[7], sums[8], sums[9]
    # As in `cyclic_kernels`: two short sums instead of one long chain.
    for t in range(cycle):
        for b in range(WIDTH):
            level[b] += share * coming[t, b] - rate[t, b]
            levels[t, b] = level[b]
            lowest[b] = min(lowest[b], level[b])
    for b in range(WIDTH):
        start[b] = level[b] - lowest[b]
        queue[b] = start[b]
        lowest[b] = -start[b]
        shut_before[b] = one if rate[cycle - 1, b] <= zero else zero
    for t in range(cycle):
        for b in range(WIDTH):
            arriving = share * coming[t, b]
            shut = one if rate[t, b] <= zero else zero
            waits = one if queue[b] > np.float32(0.05) else shut
            stops[b] += arriving * waits + queue[b] * shut * (one - shut_before[b])
            shut_before[b] = shut
            lowest[b] = min(lowest[b], levels[t, b])
            left = levels[t, b] - lowest[b]
            volume[b] += arriving
            capacity[b] += rate[t, b]
            held[b] += left
            over[b] += max(zero, left - storage)
            levels[t, b] = max(zero, queue[b] + arriving - left)
            queue[b] = left
    for w in range(first, last):
        part = np.float32(arrays.way_share[w])
        for t in range(cycle):
            for b in range(WIDTH):
                departures[w, t, b] = levels[t, b] * part
    for b in range(WIDTH):
        cost[b] = _lane_cost(
            cycle,
            weights,
            (held[b], stops[b], volume[b], capacity[b], queue[b] - start[b], over[b]),
        )


@njit(cache=True, error_model="numpy", fastmath=FAST)
def _lane_cost(
    cycle: int, weights: Floats, sums: tuple[float, float, float, float, float, float]
) -> float:
    """Return what a lane costs, from sums over its cycle; as `cyclic_kernels.total_cost`."""
    held, stopped, volume, capacity, growth, over = sums
    if volume <= TINY * cycle:
        return 0.0
    period_s = weights[0]
    came = volume / cycle * period_s
    served = max(capacity / cycle * period_s, 0.5)
    saturation = came / served
    beyond = saturation - 1.0
    root = np.sqrt(beyond * beyond + 4.0 * saturation / served)
    random_s = 0.25 * period_s * (root - abs(beyond))
    stops = stopped / cycle + random_s * volume / cycle / cycle
    cost = held / cycle + max(0.0, growth) / cycle * 0.5 * period_s
    cost += random_s * volume / cycle + weights[1] * stops + weights[2] * over / cycle
    return float(cost)


@njit(cache=True, error_model="numpy", fastmath=FAST)
def _mixed_lane(
    arrays: CyclicArrays,
    lane: int,
    service: Singles,
    plans: tuple[Integers, Integers],
    foes: tuple[Singles, Singles, float, float],
    inflow: Singles,
    codes: Singles,
    weights: Floats,
    cost: Singles,
) -> None:
    """Solve a lane of several ways that yield, or are open at different seconds.

    What `cyclic_kernels` decides by branches is done here with factors of 0 and 1.
    """
    program, begin_s = plans
    departures, gap_table, bunch_s, slack = foes
    cycle = inflow.shape[1]
    zero, one, far = np.float32(0.0), np.float32(1.0), np.float32(1e9)
    slack_veh = np.float32(slack)
    first, last = arrays.first_way[lane], arrays.first_way[lane + 1]
    lane_share = np.float32(arrays.lane_share[lane])
    storage = np.float32(arrays.storage_veh[lane])
    coming = inflow[arrays.lane_approach[lane]]
    box = np.zeros((last - first, WIDTH), dtype=np.float32)
    was_open = np.zeros((last - first, WIDTH), dtype=np.float32)
    for w in range(first, last):
        yields = False
        for b in range(WIDTH):
            k = -begin_s[b] % cycle
            row = service[program[b], w]
            for t in range(cycle):
                codes[w - first, t, b] = row[k]
                yields |= row[k] < zero
                k = k + 1 if k + 1 < cycle else 0
        if yields:
            _gaps(arrays, w, departures, gap_table, bunch_s, codes[w - first, cycle:])
        else:
            codes[w - first, cycle:, :] = zero
    sums = np.zeros((12, WIDTH), dtype=np.float32)
    queue, start, held, stops, over, capacity = (
        sums[0],
        sums[1],
        sums[2],
        sums[3],
        sums[4],
        sums[5],
    )
    volume, spent, cap, steady, closed, stopped = (
        sums[6],
        sums[7],
        sums[8],
        sums[9],
        sums[10],
        sums[11],
    )
    lane_open = np.zeros(WIDTH, dtype=np.float32)
    busy = np.float32(0.0)
    for w in range(first, last):
        if arrays.way_share[w] > TINY:
            busy += np.float32(arrays.way_share[w] * arrays.way_headway_s[w])
    for turn in range(2):
        counts = np.float32(turn)
        for b in range(WIDTH):
            start[b] = queue[b]
            for n in range(last - first):
                start[b] += box[n, b]
        for t in range(cycle):
            for b in range(WIDTH):
                spent[b] = zero
                cap[b] = far
                steady[b] = far
                closed[b] = one
                stopped[b] = zero
            for w in range(first, last):
                n = w - first
                if arrays.way_share[w] <= TINY:
                    for b in range(WIDTH):
                        departures[w, t, b] = zero
                    continue
                share = np.float32(arrays.way_share[w])
                headway = np.float32(arrays.way_headway_s[w])
                most = one / headway
                room_veh = np.float32(arrays.way_box_veh[w])
                for b in range(WIDTH):
                    code = codes[n, t, b]
                    is_open = one if code > zero else zero
                    yielding = one if code < zero else zero
                    shut = one - is_open - yielding
                    gap = min(codes[n, cycle + t, b], most)
                    limit = is_open * most + yielding * gap + shut * was_open[n, b] * room_veh
                    out = min(box[n, b], limit)
                    spent[b] += is_open * out * headway
                    room = (
                        is_open * far
                        + yielding * (room_veh + slack_veh - box[n, b] + out)
                        + shut * (slack_veh - box[n, b])
                    )
                    cap[b] = min(cap[b], max(room, zero) / share)
                    steady[b] = min(steady[b], (is_open * far + yielding * gap) / share)
                    capacity[b] += counts * shut * out / share
                    stopped[b] = max(stopped[b], shut)
                    closed[b] *= shut
                    was_open[n, b] = one - shut
                    box[n, b] -= out
                    departures[w, t, b] = out
            for b in range(WIDTH):
                arriving = lane_share * coming[t, b]
                at_most = min(max(zero, one - spent[b]) / busy, cap[b])
                served = (one - closed[b]) * min(queue[b] + arriving, at_most)
                capacity[b] += counts * (one - closed[b]) * min(one / busy, steady[b])
                waits = one if queue[b] > np.float32(0.05) else max(closed[b], stopped[b])
                queue[b] = max(zero, queue[b] + arriving - served)
                volume[b] += counts * arriving
                stops[b] += counts * (arriving * waits + closed[b] * lane_open[b] * queue[b])
                lane_open[b] = one - closed[b]
                # From here on what the lane let go, and all that stands.
                spent[b] = served
                cap[b] = queue[b]
            for w in range(first, last):
                n = w - first
                share = np.float32(arrays.way_share[w])
                for b in range(WIDTH):
                    gone = one if codes[n, t, b] > zero else zero
                    part = spent[b] * share
                    departures[w, t, b] += gone * part
                    box[n, b] += (one - gone) * part
                    cap[b] += box[n, b]
            for b in range(WIDTH):
                held[b] += counts * cap[b]
                over[b] += counts * max(zero, cap[b] - storage)
    for b in range(WIDTH):
        end = queue[b]
        for n in range(last - first):
            end += box[n, b]
        cost[b] = _lane_cost(
            cycle, weights, (held[b], stops[b], volume[b], capacity[b], end - start[b], over[b])
        )


@njit(cache=True, error_model="numpy", fastmath=FAST)
def _gaps(
    arrays: CyclicArrays,
    way: int,
    departures: Singles,
    gap_table: Singles,
    bunch_s: float,
    found: Singles,
) -> None:
    """Fill in how many would find a gap in what opposed a way the second before, [second, plan]."""
    cycle = found.shape[0]
    zero, one = np.float32(0.0), np.float32(1.0)
    bunch = np.float32(bunch_s)
    per_vps = np.float32(GAP_STEPS_PER_VPS)
    most = np.float32(gap_table.size - 2)
    scratch = np.empty((3, WIDTH), dtype=np.float32)
    opposing, on_lane, free = scratch[0], scratch[1], scratch[2]
    for t in range(cycle):
        second = t - 1 if t else cycle - 1
        for b in range(WIDTH):
            opposing[b] = zero
            on_lane[b] = zero
            free[b] = one
        lane_before = -1
        for f in range(arrays.first_foe[way], arrays.first_foe[way + 1]):
            foe = arrays.foe[f]
            if arrays.way_lane[foe] != lane_before:
                for b in range(WIDTH):
                    free[b] *= max(zero, one - bunch * on_lane[b])
                    on_lane[b] = zero
                lane_before = arrays.way_lane[foe]
            for b in range(WIDTH):
                on_lane[b] += departures[foe, second, b]
                opposing[b] += departures[foe, second, b]
        for b in range(WIDTH):
            step = min(opposing[b] * per_vps, most)
            below = np.int32(step)
            gap = gap_table[below]
            gap += (step - np.float32(below)) * (gap_table[below + 1] - gap)
            found[t, b] = free[b] * max(zero, one - bunch * on_lane[b]) * gap
