"""Cyclic flow profiles of many plans at a time: the same cycle as `cyclic_kernels`, side by side.

Plans differ in the offsets of their signals and in which of a few prepared programs (splits and
phase sequence) each signal runs. Sixteen plans are solved in step. What a lane shows is a bit per
plan and second. Single precision: plans are compared, not accounted for.

A part of a group can be solved alone, with the profiles around it as they were: what one signal's
plans cost is decided at its own lanes and at those it feeds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.measures.cyclic_arrays import (
    DELAY,
    GROWING,
    LIMIT_VEH,
    MIXED,
    OVER_PRICE,
    PERIOD_S,
    RIDE_CYCLES,
    RIDING,
    STOP_S,
    UNFAIR,
    WAIT_S,
    YIELDS,
    CyclicArrays,
)
from engine.measures.kernels import GAP_STEPS_PER_VPS, QUEUED_VEH, TINY
from engine.measures.program_kernels import Bits, Programs, Singles
from engine.measures.street import Floats, Integers
from engine.measures.vector_kernels import (
    WIDTH,
    above,
    choose,
    least,
    load,
    looked_up,
    most,
    root,
    splat,
    store,
)

FAST = {"contract", "nsz", "arcp"}


class Part(NamedTuple):
    """What of a group is to be solved, and what of the rest stands still."""

    nodes: Integers  # as `CyclicArrays.order`
    ways: Integers  # whose departures are read before they are solved
    approaches: Integers  # whose arrivals are
    departures: Singles  # [way, second], what stands still
    inflow: Singles  # [approach, second]


class Room(NamedTuple):
    """Space to work in."""

    inflow: Singles  # [approach, second, WIDTH]
    departures: Singles  # [way, second, WIDTH]
    scratch: Singles  # [second, WIDTH]
    rate: Singles  # [second, WIDTH]
    found: Singles  # [way of a lane, second, WIDTH]
    box: Singles  # [way of a lane, WIDTH]
    bits: Bits  # [open or yielding, way of a lane, second]


@njit(cache=True, error_model="numpy", fastmath=FAST)
def batch_costs(
    arrays: CyclicArrays,
    part: Part,
    programs: Programs,
    fading: Singles,
    program: Integers,
    begin_s: Integers,
    manners: tuple[Singles, float, float],
    weights: Floats,
    room: Room,
    costs: Floats,
) -> None:
    """Cost many plans.

    Parameters
    ----------
    arrays, part, programs
        The group, what of it to solve, and what its signals may show.
    fading
        [stream, second]: what is left of a platoon's tail so many seconds after it began.
    program, begin_s
        [plan, column]: the program a signal runs, and when its table begins, 0 to cycle - 1.
    manners, weights
        As for `cyclic_kernels.profile` and `total_cost`; the table in single precision.
    room
        To work in.
    costs
        [plan]: filled in, vehicle-seconds per second at the part's lanes.
    """
    plans = program.shape[0]
    approaches = arrays.steady_vps.size
    cycle = room.rate.shape[0]
    chosen = np.empty(WIDTH, dtype=np.int64)
    opens, yields = programs.opens, programs.yields
    terms = np.empty((room.box.shape[0], 4), np.float32)
    for first in range(0, plans, WIDTH):
        for w in part.ways:
            gone = room.departures[w]
            for t in range(cycle):
                store(gone, t, splat(part.departures[w, t]))
        for a in part.approaches:
            coming = room.inflow[a]
            for t in range(cycle):
                store(coming, t, splat(part.inflow[a, t]))
        total = splat(0.0)
        for node in part.nodes:
            if node < approaches:
                _gather(arrays, node, fading, room, room.inflow[node])
                continue
            lane = node - approaches
            column = programs.column[arrays.way_signal[arrays.first_way[lane]]]
            worst = 0
            for b in range(WIDTH):
                # The last chunk is filled up with its last plan.
                plan = min(first + b, plans - 1)
                chosen[b] = plan
                worst = max(worst, programs.kind[program[plan, column], lane])
            if arrays.rides[lane] >= 0:
                way = arrays.first_way[lane]
                row, stride = programs.row[way], programs.stride[way]
                _light(opens, row, stride, program, begin_s, column, chosen, room.bits[0, 0])
                _light(yields, row, stride, program, begin_s, column, chosen, room.bits[1, 0])
                total = total + _riding(arrays, lane, weights, room)
                continue
            if worst != MIXED:
                shown = _shown(arrays, lane)
                row, stride = programs.row[shown], programs.stride[shown]
                _light(opens, row, stride, program, begin_s, column, chosen, room.bits[0, 0])
                if worst == YIELDS:
                    _light(yields, row, stride, program, begin_s, column, chosen, room.bits[1, 0])
                    _gaps(arrays, shown, room, manners, room.bits[1, 0], room.found[0])
                _rates(arrays, lane, shown, worst == YIELDS, room)
                total = total + _lane(arrays, lane, weights, room)
            else:
                for w in range(arrays.first_way[lane], arrays.first_way[lane + 1]):
                    if arrays.way_share[w] <= TINY:
                        continue
                    n = w - arrays.first_way[lane]
                    row, stride = programs.row[w], programs.stride[w]
                    _light(opens, row, stride, program, begin_s, column, chosen, room.bits[0, n])
                    _light(yields, row, stride, program, begin_s, column, chosen, room.bits[1, n])
                    _gaps(arrays, w, room, manners, room.bits[1, n], room.found[n])
                total = total + _mixed_lane(arrays, lane, manners[2], weights, room, terms)
        store(room.scratch, 0, total)
        for b in range(min(WIDTH, plans - first)):
            costs[first + b] = room.scratch[0, b]


@njit(cache=True, error_model="numpy", fastmath=FAST)
def _gather(arrays: CyclicArrays, a: int, fading: Singles, room: Room, coming: Singles) -> None:
    """Fill in what arrives on an approach, [second, plan]."""
    cycle = coming.shape[0]
    # Taken out here: inside a loop they would be counted in and out of use every time.
    first_stream, stream_exit, stream_delay_s = (
        arrays.first_stream, arrays.stream_exit, arrays.stream_delay_s
    )  # fmt: skip
    stream_smoothing, stream_share = arrays.stream_smoothing, arrays.stream_share
    first_source, source = arrays.first_source, arrays.source
    departures, scratch = room.departures, room.scratch
    steady = splat(arrays.steady_vps[a])
    for t in range(cycle):
        store(coming, t, steady)
    for s in range(first_stream[a], first_stream[a + 1]):
        x = stream_exit[s]
        begin, end = first_source[x], first_source[x + 1]
        keep = splat(1.0 - stream_smoothing[s])
        take = splat(stream_smoothing[s] * stream_share[s])
        k = -stream_delay_s[s] % cycle
        tail = splat(0.0)
        for t in range(cycle):
            leaving = load(departures, source[begin] * cycle + k)
            for n in range(begin + 1, end):
                leaving = leaving + load(departures, source[n] * cycle + k)
            tail = keep * tail + take * leaving
            store(scratch, t, tail)
            k = k + 1 if k + 1 < cycle else 0
        # From empty the tail of all cycles before is missing; it is a geometric series.
        tail = tail * splat(1.0 / (1.0 - fading[s, cycle - 1]))
        for t in range(cycle):
            arriving = load(scratch, t) + tail * splat(fading[s, t])
            store(coming, t, load(coming, t) + arriving)


@njit(cache=True, error_model="numpy")
def _shown(arrays: CyclicArrays, lane: int) -> int:
    """Return the way whose signal a lane goes by."""
    first_way, way_share = arrays.first_way, arrays.way_share
    shown = first_way[lane]
    for w in range(first_way[lane], first_way[lane + 1]):
        if way_share[w] > TINY:
            shown = w
    return shown


@njit(cache=True, error_model="numpy")
def _light(
    tables: Bits,
    first: int,
    stride: int,
    program: Integers,
    begin_s: Integers,
    column: int,
    chosen: NDArray[np.int64],
    bits: Bits,
) -> None:
    """Fill in a bit per plan and second for what the programs of a way show in some tables."""
    cycle = bits.size
    bits[:] = 0
    # No slices: each would be counted in and out of use. What is not below 0 is not looked at
    # from the other end, which would keep the compiler from taking seconds side by side.
    for b in range(WIDTH):
        plan = chosen[b]
        k = max(0, -begin_s[plan, column] % cycle)
        row = max(0, first + program[plan, column] * stride)
        bit = np.uint16(1 << b)
        for t in range(cycle):
            bits[t] |= tables[row, t + k] & bit


@njit(cache=True, error_model="numpy", fastmath=FAST)
def _gaps(
    arrays: CyclicArrays,
    way: int,
    room: Room,
    manners: tuple[Singles, float, float],
    yields: Bits,
    found: Singles,
) -> None:
    """Fill in how many find a gap in what opposed a way the second before, [second, plan]."""
    cycle = found.shape[0]
    zero, one = splat(0.0), splat(1.0)
    gap_table, bunch_s, _ = manners
    bunch = splat(bunch_s)
    fastest = splat(1.0 / arrays.way_headway_s[way])
    per_vps = splat(GAP_STEPS_PER_VPS)
    last = splat(gap_table.size - 1.001)
    first_foe, foes, way_lane = arrays.first_foe, arrays.foe, arrays.way_lane
    departures = room.departures
    for t in range(cycle):
        if yields[t] == 0:
            continue
        second = t - 1 if t else cycle - 1
        opposing, on_lane, free = zero, zero, one
        lane_before = -1
        for f in range(first_foe[way], first_foe[way + 1]):
            foe = foes[f]
            if way_lane[foe] != lane_before:
                free = free * most(zero, one - bunch * on_lane)
                on_lane = zero
                lane_before = way_lane[foe]
            flow = load(departures, foe * cycle + second)
            on_lane = on_lane + flow
            opposing = opposing + flow
        free = free * most(zero, one - bunch * on_lane)
        gap = looked_up(gap_table, most(zero, least(opposing * per_vps, last)))
        store(found, t, least(free * gap, fastest))


@njit(cache=True, error_model="numpy", fastmath=FAST)
def _rates(arrays: CyclicArrays, lane: int, shown: int, yields: bool, room: Room) -> None:
    """Fill in how fast a lane can be served, [second, plan], veh/s."""
    cycle = room.rate.shape[0]
    first_way, way_share, way_headway_s = (
        arrays.first_way, arrays.way_share, arrays.way_headway_s
    )  # fmt: skip
    headway = 0.0
    for w in range(first_way[lane], first_way[lane + 1]):
        headway += way_share[w] * way_headway_s[w]
    fastest = splat(1.0 / headway) if headway > TINY else splat(0.0)
    zero = splat(0.0)
    opens, permits = room.bits[0, 0], room.bits[1, 0]
    rate = room.rate
    if not yields:
        for t in range(cycle):
            store(rate, t, choose(opens[t], fastest, zero))
        return
    # Those who wait inside the node clear it when their green ends.
    box = splat(arrays.way_box_veh[shown])
    before = permits[cycle - 1]
    found = room.found[0]
    for t in range(cycle):
        ended = before & ~(opens[t] | permits[t])
        value = choose(opens[t], fastest, choose(ended, box, zero))
        if permits[t]:
            value = choose(permits[t], least(load(found, t), fastest), value)
        store(rate, t, value)
        before = permits[t]


@njit(cache=True, error_model="numpy", fastmath=FAST)
def _lane(arrays: CyclicArrays, lane: int, weights: Floats, room: Room):  # type: ignore[no-untyped-def]
    """Solve the queue of a lane whose vehicles all leave at the same rate; return its cost."""
    rate, levels = room.rate, room.scratch
    cycle = rate.shape[0]
    first_way, way_share, departures = arrays.first_way, arrays.way_share, room.departures
    zero = splat(0.0)
    share = splat(arrays.lane_share[lane])
    storage = splat(arrays.storage_veh[lane])
    coming = room.inflow[arrays.lane_approach[lane]]
    level, lowest = zero, zero
    # As in `cyclic_kernels`: two short sums instead of one long chain.
    for t in range(cycle):
        level = level + (share * load(coming, t) - load(rate, t))
        store(levels, t, level)
        lowest = least(lowest, level)
    start = level - lowest
    queue = start
    lowest = zero - start
    held, stops, over, volume, capacity = zero, zero, zero, zero, zero
    few = splat(QUEUED_VEH)
    open_before = above(load(rate, cycle - 1), zero)
    for t in range(cycle):
        arriving = share * load(coming, t)
        served = load(rate, t)
        is_open = above(served, zero)
        waits = above(queue, few) | ~is_open
        # Who is left over when green ends has moved up and stops again.
        stops = stops + choose(waits, arriving, zero) + choose(open_before & ~is_open, queue, zero)
        open_before = is_open
        level = load(levels, t)
        lowest = least(lowest, level)
        left = level - lowest
        volume = volume + arriving
        capacity = capacity + served
        held = held + left
        over = over + most(zero, left - storage)
        store(levels, t, most(zero, queue + arriving - left))
        queue = left
    for w in range(first_way[lane], first_way[lane + 1]):
        way_part = splat(way_share[w])
        for t in range(cycle):
            store(departures, w * cycle + t, load(levels, t) * way_part)
    return _cost(splat(cycle), weights[lane], held, stops, volume, capacity, queue - start, over)


@njit(cache=True, error_model="numpy", fastmath=FAST)
def _cost(  # type: ignore[no-untyped-def]
    cycle, weights: Floats, held, stopped, volume, capacity, growth, over
):
    """Return what a lane costs, from sums over its cycle; as `cyclic_kernels.total_cost`."""
    zero, one = splat(0.0), splat(1.0)
    period = splat(weights[PERIOD_S])
    per_s = one / cycle
    came = volume * per_s * period
    served = most(capacity * per_s * period, splat(0.5))
    saturation = came / served
    beyond = saturation - one
    chance = root(beyond * beyond + splat(4.0) * saturation / served)
    random = splat(0.25) * period * (chance - most(beyond, zero - beyond))
    delayed = random * volume * per_s
    stops = stopped * per_s + delayed * per_s
    grown = most(zero, growth) * per_s * period
    queued = held * per_s
    waiting = queued + splat(0.5) * grown + delayed
    cost = splat(weights[DELAY]) * waiting + splat(weights[STOP_S]) * stops
    cost = cost + splat(weights[OVER_PRICE]) * over * per_s
    if weights[RIDING] > 0.0:
        cost = cost + splat(weights[RIDING]) * (waiting - queued)
    unfair = waiting - volume * per_s * splat(weights[WAIT_S])
    cost = cost + splat(weights[UNFAIR]) * most(zero, unfair)
    if weights[GROWING] > 0.0:
        beyond = most(zero, grown - most(zero, splat(weights[LIMIT_VEH]) - queued))
        price = splat(0.5 * weights[GROWING])
        cost = cost + price * beyond * beyond / most(grown, splat(TINY))
    return choose(above(volume, splat(TINY) * cycle), cost, zero)


@njit(cache=True, error_model="numpy", fastmath=FAST)
def _mixed_lane(  # type: ignore[no-untyped-def]
    arrays: CyclicArrays, lane: int, slack_veh: float, weights: Floats, room: Room, terms: Singles
):
    """Solve a lane of several ways that yield, or are open at different seconds."""
    first, last = arrays.first_way[lane], arrays.first_way[lane + 1]
    opens, permits, found, box = room.bits[0], room.bits[1], room.found, room.box
    # Taken out here: inside a loop they would be counted in and out of use every time.
    way_share, way_headway_s, way_box_veh = (
        arrays.way_share, arrays.way_headway_s, arrays.way_box_veh
    )  # fmt: skip
    departures = room.departures
    cycle = room.rate.shape[0]
    zero, one, far = splat(0.0), splat(1.0), splat(1e9)
    few, slack = splat(QUEUED_VEH), splat(slack_veh)
    lane_share = splat(arrays.lane_share[lane])
    storage = splat(arrays.storage_veh[lane])
    coming = room.inflow[arrays.lane_approach[lane]]
    busy_s = 0.0
    for w in range(first, last):
        n = w - first
        store(box, n, zero)
        if way_share[w] > TINY:
            busy_s += way_share[w] * way_headway_s[w]
            # Divided once, not in every second.
            terms[n, 0], terms[n, 1] = way_headway_s[w], 1.0 / way_headway_s[w]
            terms[n, 2], terms[n, 3] = way_box_veh[w], 1.0 / way_share[w]
    if busy_s <= TINY:
        for w in range(first, last):
            departures[w] = np.float32(0.0)
        return zero
    per_busy = splat(1.0 / busy_s)
    queue, start = zero, zero
    held, stops, over, capacity, volume = zero, zero, zero, zero, zero
    moved = zero
    for turn in range(2):
        counts = turn == 1
        if counts:
            start = queue
            for n in range(last - first):
                start = start + load(box, n)
        for t in range(cycle):
            before = t - 1 if t else cycle - 1
            spent, cap, steady, passed = zero, far, far, zero
            some_open = np.uint16(0)
            stopping = zero
            for w in range(first, last):
                n = w - first
                if way_share[w] <= TINY:
                    store(departures, w * cycle + t, zero)
                    continue
                is_open, permitted = opens[n, t], permits[n, t]
                shut = ~(is_open | permitted)
                some_open |= is_open | permitted
                headway, fastest = splat(terms[n, 0]), splat(terms[n, 1])
                room_veh, per_share = splat(terms[n, 2]), splat(terms[n, 3])
                inside = load(box, n)
                # Nobody clears a node in the very first second: it is empty then.
                ended = shut & (opens[n, before] | permits[n, before])
                limit = choose(is_open, fastest, choose(ended, room_veh, zero))
                way_cap = choose(is_open, far, most(slack - inside, zero) * per_share)
                way_steady = choose(is_open, far, zero)
                if permitted:
                    gap = load(found[n], t)
                    out = least(inside, gap)
                    space = most(room_veh + slack - inside + out, zero) * per_share
                    limit = choose(permitted, gap, limit)
                    way_cap = choose(permitted, space, way_cap)
                    way_steady = choose(permitted, gap * per_share, way_steady)
                out = least(inside, limit)
                spent = spent + choose(is_open, out * headway, zero)
                cap = least(cap, way_cap)
                steady = least(steady, way_steady)
                passed = passed + choose(ended, out * per_share, zero)
                waits = shut | (permitted & above(inside - out, few))
                stopping = stopping + choose(waits, splat(way_share[w]), zero)
                store(box, n, inside - out)
                store(departures, w * cycle + t, out)
            arriving = lane_share * load(coming, t)
            possible = least(most(zero, one - spent) * per_busy, cap)
            served = choose(some_open, least(queue + arriving, possible), zero)
            stopping = choose(above(queue, few) | ~some_open, one, stopping)
            queue = most(zero, queue + arriving - served)
            goes = above(served, zero)
            if counts:
                capacity = capacity + passed + choose(some_open, least(per_busy, steady), zero)
                again = least(one, moved) * most(zero, queue - arriving)
                stops = stops + stopping * arriving + choose(goes, zero, again)
                volume = volume + arriving
            moved = choose(goes, moved + served, zero)
            standing = queue
            for w in range(first, last):
                n = w - first
                gone = served * splat(way_share[w])
                departed = load(departures, w * cycle + t)
                inside = load(box, n)
                store(departures, w * cycle + t, departed + choose(opens[n, t], gone, zero))
                inside = inside + choose(opens[n, t], zero, gone)
                store(box, n, inside)
                standing = standing + inside
            if counts:
                held = held + standing
                over = over + most(zero, standing - storage)
    end = queue
    for n in range(last - first):
        end = end + load(box, n)
    return _cost(splat(cycle), weights[lane], held, stops, volume, capacity, end - start, over)


@njit(cache=True, error_model="numpy", fastmath=FAST)
def _riding(arrays: CyclicArrays, lane: int, weights: Floats, room: Room):  # type: ignore[no-untyped-def]
    """Take those who ride in another lane's queue through it; return what they cost."""
    cycle = room.rate.shape[0]
    host, own = arrays.rides[lane], arrays.first_way[lane]
    first, last = arrays.first_way[host], arrays.first_way[host + 1]
    coming, riding = (
        room.inflow[arrays.lane_approach[host]],
        room.inflow[arrays.lane_approach[lane]],
    )
    opens, permits, departures = room.bits[0, 0], room.bits[1, 0], room.departures
    gone, ahead = room.scratch, room.rate
    share = splat(arrays.lane_share[host])
    came, left, start = splat(0.0), splat(0.0), splat(0.0)
    for t in range(cycle):
        came = came + share * load(coming, t)
        for w in range(first, last):
            left = left + load(departures, w * cycle + t)
        store(gone, t, left)
        store(ahead, t, came)
        start = most(start, left - came)
    for t in range(cycle):
        store(ahead, t, load(ahead, t) + start - splat(QUEUED_VEH))
        store(departures, own * cycle + t, splat(0.0))
    sums = room.box
    for b in range(WIDTH):
        each = gone[cycle - 1, b]
        held, stops, volume = np.float32(0.0), np.float32(0.0), np.float32(0.0)
        at, second, whole = 0, 0, np.float32(0.0)
        bit = np.uint16(1 << b)
        for t in range(cycle):
            if at < t:
                at, second = t, t
            wanted = ahead[t, b]
            while at < RIDE_CYCLES * cycle and (
                gone[second, b] + whole < wanted or not (opens[second] | permits[second]) & bit
            ):
                at += 1
                second += 1
                if second == cycle:
                    second = 0
                    whole += each
            arriving = riding[t, b]
            departures[own, second, b] += arriving
            held += arriving * np.float32(at - t)
            volume += arriving
            if at > t:
                stops += arriving
        sums[0, b], sums[1, b], sums[2, b] = held, stops, volume
    zero = splat(0.0)
    volume = load(sums, 2)
    many = volume * splat(1e3)
    return _cost(
        splat(cycle), weights[lane], load(sums, 0), load(sums, 1), volume, many, zero, zero
    )
