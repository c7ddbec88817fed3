"""The queue kernel: a street under a plan, second by second.

Assumed: traffic is a fluid; queues stand at the stop line and behind gates without length until
a lane, gate or approach is full; lanes are first come first served with a fixed mix of turns.
Not modeled: lane changes after a choice of lane, overtaking, randomness (added by formula from
the volumes and capacities returned here).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.measures.street import (
    ApproachArrays,
    Floats,
    Integers,
    LaneArrays,
    StreamArrays,
)

# Columns of the result per lane.
DELAY, STOPS, VOLUME, CAPACITY, DEPARTED, LEFT, LONGEST, OVER, OUTSIDE = range(9)
RESULTS = 9

TINY = 1e-12
NO_LIMIT_VEH = 1e8
QUEUED_VEH = 0.05
"""A queue of less than this stops nobody who arrives."""
GAP_STEPS_PER_VPS = 256
LARGEST_OPPOSING_VPS = 4

RIDER_RING = 4096
"""Seconds of which it is kept who came to ride in a queue, a power of two; whoever would wait
longer goes through."""


class PlayState(NamedTuple):
    """A street under way, carried from one play into the next; all zero where nobody drives.

    Attributes
    ----------
    queue, moved
        [lane] vehicles that stand, and that left since the lane last stood still.
    box, leaving, was_open
        [way] vehicles inside the node, departures of the last second, whether it had green.
    gate, gate_moved
        [gate] vehicles behind it, and that went through since they last stood still.
    smooth
        [stream] what arrives, veh/s.
    coming
        [approach] vehicles under way between the signals.
    departures
        [exit, ring] departures per second, a ring buffer longer than the longest stream delay,
        its length a power of two.
    played_s
        [1] seconds since traffic began.
    gone, carried, standing, head
        [rider] vehicles that left the lane it rides in, buses per second that come, buses that
        wait, and the second in which those came who wait in front.
    ahead, riding, rode
        [rider, `RIDER_RING`] by second: how many must have left before those who came then may,
        how many buses these are, and how many left.
    """

    queue: Floats
    moved: Floats
    box: Floats
    leaving: Floats
    was_open: NDArray[np.bool_]
    gate: Floats
    gate_moved: Floats
    smooth: Floats
    coming: Floats
    departures: Floats
    played_s: Integers
    gone: Floats
    carried: Floats
    standing: Floats
    head: Integers
    ahead: Floats
    riding: Floats
    rode: Floats


@njit(cache=True, error_model="numpy")
def accepted_gaps(critical_s: float, follow_up_s: float) -> Floats:
    """Tabulate how many drivers find a gap in an opposing stream that is not bunched.

    Parameters
    ----------
    critical_s, follow_up_s
        Least gap for one driver, and what each next one in the same gap needs, s.

    Returns
    -------
    ndarray
        veh/s for opposing flows of 0, 1, 2, ... over `GAP_STEPS_PER_VPS` veh/s. Harders'
        formula; HCM 2010, equation 19-32.
    """
    table = np.empty(GAP_STEPS_PER_VPS * LARGEST_OPPOSING_VPS + 1)
    table[0] = 1.0 / follow_up_s
    for i in range(1, table.size):
        flow = i / GAP_STEPS_PER_VPS
        table[i] = flow * np.exp(-flow * critical_s) / (1.0 - np.exp(-flow * follow_up_s))
    return table


@njit(cache=True, error_model="numpy")
def play(
    lanes: LaneArrays,
    approaches: ApproachArrays,
    streams: StreamArrays,
    service: Floats,
    cycle_s: Integers,
    begin_s: Integers,
    clock_s: Integers,
    gaps: Floats,
    results: Floats,
    state: PlayState,
) -> float:
    """Play a plan over the horizon and fill in the results.

    Parameters
    ----------
    lanes, approaches, streams
        The street.
    service
        [way, second of cycle]: above 0 the usable part of that second under protected green,
        below 0 under permissive green (sign turned), 0 under red.
    cycle_s, begin_s
        Per signal: cycle length and when its table begins, s after system zero.
    clock_s
        Three numbers: system time of the first second, seconds to play, and the second from
        which results count.
    gaps
        Critical gap, follow-up time and headway in a bunch, s; vehicles that may come to the
        head of a lane before one of them blocks it; the length of a demand period, s.
    results
        [lane, RESULTS], then [rider, RESULTS], set to zero by the caller: vehicle-seconds of
        delay, stops, vehicles that came, that could have been served, that left, that wait at the
        end, the longest queue, vehicle-seconds that queues stand beyond their limit, gates
        included, and how many of the stops are made before the roads of the network begin.
    state
        What was on the road before; what is there after.

    Returns
    -------
    float
        Vehicle-seconds of delay over everything, gates included.
    """
    queue, moved, box, leaving = state.queue, state.moved, state.box, state.leaving
    was_open, gate, smooth, coming = state.was_open, state.gate, state.smooth, state.coming
    departures, begun = state.departures, state.played_s[0]
    gate_moved = state.gate_moved
    n_lanes = lanes.storage_veh.size
    n_ways = lanes.share.shape[1]
    n_approaches = approaches.storage_veh.size
    n_streams = streams.share.size
    n_exits = departures.shape[0]
    mask = departures.shape[1] - 1
    periods = approaches.outside_vps.shape[0]
    start_s, seconds, count_from = clock_s[0], clock_s[1], clock_s[2]
    bunch_s, slack_veh, period_s = gaps[2], gaps[3], gaps[4]
    gap_table = accepted_gaps(gaps[0], gaps[1])

    inflow = np.zeros(n_approaches)
    rate = np.zeros(n_ways)
    full = np.zeros(n_approaches, dtype=np.bool_)
    passed = np.zeros(n_approaches)
    arriving = np.zeros(n_lanes)
    rolling = np.zeros(n_lanes)
    behind = np.zeros(n_lanes)
    limited = lanes.limit_veh.min() < NO_LIMIT_VEH
    position = np.empty(cycle_s.size, dtype=np.int32)
    for signal in range(cycle_s.size):
        position[signal] = (start_s - begin_s[signal]) % cycle_s[signal]
    total = 0.0

    for t in range(seconds):
        counts = t >= count_from
        now = begun + t
        slot = now & mask
        period = min(int(now / period_s), periods - 1)

        # Arrivals: from outside, and from other signals after their running time.
        for a in range(n_approaches):
            inflow[a] = approaches.outside_vps[period, a]
        for s in range(n_streams):
            a = streams.approach[s]
            delay = streams.delay_s[s]
            if now >= delay:
                fresh = departures[streams.exit[s], (now - delay) & mask] * streams.share[s]
            else:
                fresh = 0.0
            smooth[s] += streams.smoothing[s] * (fresh - smooth[s])
            inflow[a] += smooth[s]
            coming[a] -= smooth[s]

        # Gates let vehicles through to their lanes while every lane they feed has room.
        arriving[:] = 0.0
        rolling[:] = 0.0
        if limited:
            behind[:] = 0.0
        for a in range(n_approaches):
            standing = 0.0
            overflows = False
            gap_vps = 1e9
            if approaches.yields_to[a] >= 0:
                # Whoever joins another road finds gaps in what has just passed there.
                step = passed[approaches.yields_to[a]] * GAP_STEPS_PER_VPS
                step = min(step, gap_table.size - 1.001)
                below = int(step)
                gap_vps = gap_table[below]
                gap_vps += (step - below) * (gap_table[below + 1] - gap_vps)
            passed[a] = 0.0
            behind_gates = 0.0
            for g in range(approaches.first_gate[a], approaches.first_gate[a + 1]):
                behind_gates += gate[g]
            outside = max(0.0, 1.0 - approaches.gate_room_veh[a] / max(behind_gates, TINY))
            for g in range(approaches.first_gate[a], approaches.first_gate[a + 1]):
                joining = inflow[a] * approaches.gate_share[period, g]
                waited = gate[g] > QUEUED_VEH
                gate[g] += joining
                through = min(gate[g], approaches.gate_rate_vps[g], gap_vps)
                for k in range(approaches.first_lane[g], approaches.first_lane[g + 1]):
                    lane = approaches.gate_lane[k]
                    if approaches.lane_share[period, k] > TINY:
                        room = lanes.storage_veh[lane] - queue[lane] - arriving[lane]
                        through = min(through, max(room, 0.0) / approaches.lane_share[period, k])
                for k in range(approaches.first_lane[g], approaches.first_lane[g + 1]):
                    lane = approaches.gate_lane[k]
                    arriving[lane] += through * approaches.lane_share[period, k]
                    if waited:
                        rolling[lane] += through * approaches.lane_share[period, k]
                gate[g] -= through
                # Who joins those behind the gate stops; so do all of them when it lets nobody in.
                halting = joining if waited else 0.0
                halting_outside = halting if outside > 0.0 else 0.0
                if through <= TINY and gate_moved[g] > 0.0:
                    again = min(1.0, gate_moved[g]) * max(0.0, gate[g] - joining)
                    halting += again
                    halting_outside += again * outside
                gate_moved[g] = gate_moved[g] + through if through > TINY else 0.0
                passed[a] += through
                standing += gate[g]
                overflows = overflows or gate[g] > approaches.behind_veh[g] + QUEUED_VEH
                for k in range(approaches.first_lane[g], approaches.first_lane[g + 1]):
                    standing += queue[approaches.gate_lane[k]] * approaches.queue_part[k]
                if counts:
                    total += gate[g]
                    # Those who wait behind the gate wait for the lanes it feeds.
                    for k in range(approaches.first_lane[g], approaches.first_lane[g + 1]):
                        lane = approaches.gate_lane[k]
                        if limited:
                            behind[lane] += gate[g] * approaches.lane_share[period, k]
                        results[lane, DELAY] += gate[g] * approaches.lane_share[period, k]
                        results[lane, STOPS] += halting * approaches.lane_share[period, k]
                        results[lane, OUTSIDE] += halting_outside * approaches.lane_share[period, k]
            full[a] = overflows or standing + max(coming[a], 0.0) >= approaches.storage_veh[a]

        for x in range(n_exits):
            departures[x, slot] = 0.0

        for lane in range(n_lanes):
            first, last = lanes.first_way[lane], lanes.first_way[lane + 1]
            spent = 0.0  # part of this second already used by vehicles that waited in the node
            busy = 0.0  # seconds of service per vehicle of the mix
            cap = 1e9
            cap_steady = 1e9
            closed = True
            stopping = 0.0  # part of those who arrive that cannot go straight on
            for w in range(first, last):
                share = lanes.share[period, w]
                rate[w] = 0.0
                wanted = share > TINY
                if not wanted and box[w] <= TINY:
                    continue
                open_part = service[w, position[lanes.signal[w]]]
                headway = 1.0 / lanes.saturation_vps[w]
                blocked_by = streams.exit_approach[lanes.exit[w]]
                if blocked_by >= 0 and full[blocked_by]:
                    open_part = 0.0
                out = 0.0
                if open_part > 0.0:
                    closed = False
                    out = min(box[w], open_part / headway)
                    spent += out * headway / open_part
                    busy += share * headway / open_part
                elif open_part < 0.0:
                    closed = False
                    # Opposing flow, and the part of time that no bunch of it passes.
                    opposing = 0.0
                    free = 1.0
                    on_lane = 0.0
                    lane_before = -1
                    for k in range(lanes.first_foe[w], lanes.first_foe[w + 1]):
                        foe = lanes.foe[k]
                        if lanes.lane[foe] != lane_before:
                            free *= max(0.0, 1.0 - bunch_s * on_lane)
                            on_lane = 0.0
                            lane_before = lanes.lane[foe]
                        on_lane += leaving[foe]
                        opposing += leaving[foe]
                    free *= max(0.0, 1.0 - bunch_s * on_lane)
                    step = min(opposing * GAP_STEPS_PER_VPS, gap_table.size - 1.001)
                    below = int(step)
                    found = gap_table[below]
                    found += (step - below) * (gap_table[below + 1] - found)
                    found = min(free * found, 1.0 / headway)
                    out = min(box[w], found)
                    room = lanes.box_veh[w] + slack_veh - box[w] + out
                    if wanted:
                        cap = min(cap, max(room, 0.0) / share)
                        cap_steady = min(cap_steady, found / share)
                    busy += share * headway
                else:
                    if was_open[w] and box[w] > 0.0:
                        # Those inside the node clear it when their green ends.
                        out = min(box[w], lanes.box_veh[w])
                        if counts and wanted:
                            results[lane, CAPACITY] += out / share
                    if wanted:
                        cap = min(cap, max(slack_veh - box[w], 0.0) / share)
                        cap_steady = 0.0
                        stopping += share
                    busy += share * headway
                was_open[w] = open_part != 0.0
                box[w] -= out
                if open_part < 0.0 and box[w] > QUEUED_VEH:
                    stopping += share
                rate[w] = out
            served = 0.0
            if not closed and busy > TINY:
                free = max(0.0, 1.0 - spent)
                served = min(queue[lane] + arriving[lane], free / busy, cap)
                if counts:
                    results[lane, CAPACITY] += min(1.0 / busy, cap_steady)
            if queue[lane] > QUEUED_VEH or closed:
                stopping = 1.0
            queue[lane] += arriving[lane] - served
            if queue[lane] < 0.0:
                queue[lane] = 0.0
            held = queue[lane]
            for w in range(first, last):
                if lanes.share[period, w] <= TINY and box[w] <= TINY and rate[w] <= TINY:
                    continue
                part = served * lanes.share[period, w]
                if service[w, position[lanes.signal[w]]] > 0.0 and not (
                    streams.exit_approach[lanes.exit[w]] >= 0
                    and full[streams.exit_approach[lanes.exit[w]]]
                ):
                    rate[w] += part
                else:
                    box[w] += part
                held += box[w]
                departures[lanes.exit[w], slot] += rate[w]
                if counts:
                    results[lane, DEPARTED] += rate[w]
            if counts:
                total += held
                results[lane, DELAY] += held
                if limited:
                    results[lane, OVER] += max(0.0, held + behind[lane] - lanes.limit_veh[lane])
                results[lane, VOLUME] += arriving[lane]
                # Who waited behind a gate rolls on with a queue that moves.
                going_on = rolling[lane] if served > TINY else 0.0
                fresh = stopping * (arriving[lane] - going_on)
                results[lane, STOPS] += fresh
                # Where the roads are full, whoever comes waits before they begin.
                beyond = max(0.0, queue[lane] - lanes.room_veh[lane])
                if beyond > 0.0:
                    results[lane, OUTSIDE] += fresh
                if served <= TINY and moved[lane] > 0.0:
                    # Who is left over when the lane comes to a stand has moved up and stops again.
                    left = max(0.0, queue[lane] - arriving[lane])
                    results[lane, STOPS] += min(1.0, moved[lane]) * left
                    results[lane, OUTSIDE] += min(1.0, moved[lane]) * min(left, beyond)
                if held > results[lane, LONGEST]:
                    results[lane, LONGEST] = held
            moved[lane] = moved[lane] + served if served > TINY else 0.0
            results[lane, LEFT] = held

        for rider in range(streams.rider_lane.size):
            way = streams.rider_way[rider]
            blocked_by = streams.exit_approach[lanes.exit[way]]
            is_open = service[way, position[lanes.signal[way]]] != 0.0 and not (
                blocked_by >= 0 and full[blocked_by]
            )
            _ride(lanes, approaches, streams, rider, (now, period, is_open, counts), rate, results,
                  state)  # fmt: skip
        leaving[:] = rate
        for signal in range(cycle_s.size):
            position[signal] += 1
            if position[signal] == cycle_s[signal]:
                position[signal] = 0
        for s in range(n_streams):
            coming[streams.approach[s]] += departures[streams.exit[s], slot] * streams.share[s]
    state.played_s[0] += seconds

    return total


@njit(cache=True, error_model="numpy")
def _ride(
    lanes: LaneArrays,
    approaches: ApproachArrays,
    streams: StreamArrays,
    rider: int,
    moment: tuple[int, int, bool, bool],
    rate: Floats,
    results: Floats,
    state: PlayState,
) -> None:
    """Bring the buses of a rider to their lane, and let those go ahead of whom nobody is left."""
    now, period, is_open, counts = moment
    mask = RIDER_RING - 1
    slot = now & mask
    lane, before = streams.rider_lane[rider], streams.rider_before[rider]
    for way in range(lanes.first_way[lane], lanes.first_way[lane + 1]):
        state.gone[rider] += rate[way]
    arriving = streams.rider_vps[rider]
    if before >= 0:
        delay = streams.rider_delay_s[rider]
        fresh = state.rode[before, (now - delay) & mask] if now >= delay else 0.0
        smoothing = streams.rider_smoothing[rider]
        state.carried[rider] += smoothing * (fresh - state.carried[rider])
        arriving = state.carried[rider]
    standing = results[lane, LEFT]
    a = streams.rider_approach[rider]
    for g in range(approaches.first_gate[a], approaches.first_gate[a + 1]):
        for k in range(approaches.first_lane[g], approaches.first_lane[g + 1]):
            if approaches.gate_lane[k] == lane:
                standing += state.gate[g] * approaches.lane_share[period, k]
    row = lanes.storage_veh.size + rider
    waiting = state.standing[rider] + arriving
    leaving = 0.0
    if now - state.head[rider] >= RIDER_RING:
        leaving += state.riding[rider, slot]
        state.head[rider] += 1
    state.ahead[rider, slot] = state.gone[rider] + standing - QUEUED_VEH
    state.riding[rider, slot] = arriving
    while is_open and state.head[rider] <= now:
        first = state.head[rider] & mask
        if state.gone[rider] < state.ahead[rider, first]:
            break
        leaving += state.riding[rider, first]
        state.head[rider] += 1
    state.rode[rider, slot] = leaving
    state.standing[rider] = max(0.0, waiting - leaving)
    results[row, LEFT] = state.standing[rider]
    if counts:
        results[row, DELAY] += results[row, LEFT]
        results[row, VOLUME] += arriving
        results[row, DEPARTED] += leaving
        if state.head[rider] <= now:
            results[row, STOPS] += arriving
