"""What look-ahead control believes of one signal's lanes in one second.

Assumed: vehicles come nearest first within each lane, as `engine.adaptive.control.View` has them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.adaptive.kernels import Floats, Integers

STANDING_MPS = 1.0  # of a queue, as `engine.adaptive.sensing` has it
STILL_MPS = 0.1
STOPPED_MPS = 0.2
ACCELERATION_MPS2 = 2.6
SPACING_M = 7.5
GAP_SHARE = 0.6
MOST_GHOSTS = 12
GHOST_VEH = 0.7
"""What a vehicle counts for that must be there but is not seen."""
MEMORY_S = 300.0
"""Time over which mean flows are formed, s."""
BROKEN_AFTER_S = 180.0
"""A sensor that has told of nothing but a standing vehicle for so long is not believed, s."""
FULL_SHARE = 0.95
LEAST_BLIND_VEH = 0.3
HEAD_M = 12.0
"""A vehicle standing no farther from the stop line than this is the first of its lane, m."""
STUCK_AFTER_S = 4.0
"""A first vehicle that has green and stands longer than this is held by something unseen."""
STUCK_FADE_S = 6.0
MOST_STUCK_S = 40.0
FORGET_STUCK = 0.25
"""What is forgotten of a held vehicle per second in which it has no green, s."""
LEAST_FACTOR = 0.1

# Rows of what sensors tell, one column per lane, NaN where they say nothing.
COUNT, QUEUE, STOP_COUNT, STOP_OCCUPANCY, WAITING = range(5)

Flags = NDArray[np.bool_]


class Approach(NamedTuple):
    """A signal's lanes; S stages, L lanes."""

    free_mps: Floats  # [L]
    service: Integers  # [S, L]
    alike: Flags  # [S, S, L], whether the second stage serves no way of the lane better


class Memory(NamedTuple):
    """What is kept of them from second to second."""

    flow_vps: Floats  # [L]
    still_s: Floats  # [L], time for which the sensor has told of one who stands
    stuck_s: Floats  # [S, L], time for which the first vehicle has not used the stage's green


class Objects(NamedTuple):
    """Vehicles as they are taken to be."""

    lane: Integers  # [K]
    at_m: Floats  # [K]
    mps: Floats  # [K]
    weight: Floats  # [K], how many each stands for


@njit(cache=True, error_model="numpy", nogil=True)
def watch_sensors(
    heard: Floats, lane: Integers, loops: bool, step_s: float, fresh: bool, memory: Memory
) -> None:
    """Notice sensors that have told the same for too long, and learn flows from the others.

    Parameters
    ----------
    heard, lane
        [5, L]: what the sensors tell; and the lane of every vehicle seen.
    loops
        Whether they are loops.
    step_s
        Time since the last call.
    fresh
        Whether this was not told before; only then flows are learned.
    memory
        ``still_s`` and ``flow_vps`` are brought up to date.
    """
    lanes = memory.still_s.size
    there = np.zeros(lanes, dtype=np.int64)
    for k in range(lane.size):
        there[lane[k]] += 1
    gain = min(1.0, step_s / MEMORY_S)
    for row in range(lanes):
        count = heard[STOP_COUNT, row]
        if loops:
            still = heard[STOP_OCCUPANCY, row] > FULL_SHARE and count == 0.0
        else:
            uncounted = count == 0.0 or np.isnan(count)
            still = there[row] == 1 and heard[QUEUE, row] == 1.0 and uncounted
        memory.still_s[row] = memory.still_s[row] + step_s if still else 0.0
        if fresh and not np.isnan(count) and not memory.still_s[row] > BROKEN_AFTER_S:
            rate = count / max(step_s, 1.0)
            memory.flow_vps[row] = memory.flow_vps[row] + gain * (rate - memory.flow_vps[row])


@njit(cache=True, error_model="numpy", nogil=True)
def with_ghosts(
    lane: Integers, at_m: Floats, mps: Floats, share: float, rows: Integers, values: Floats
) -> int:
    """Add those who must stand before a standing vehicle, though nobody sees them.

    Parameters
    ----------
    lane, at_m, mps
        Of the vehicles seen.
    share
        Of vehicles that are seen; those who move stand for the others.
    rows, values
        [N], [3, N] with room for `MOST_GHOSTS` beside every vehicle: filled with lane, and with
        distance, speed and weight, of the vehicles seen and of the others after them.

    Returns
    -------
    int
        How many there are.
    """
    count = lane.size
    for k in range(count):
        rows[k] = lane[k]
        values[0, k] = at_m[k]
        values[1, k] = mps[k]
        values[2, k] = 1.0 / share if share < 1.0 and mps[k] > STANDING_MPS else 1.0
    for k in range(lane.size):
        if not mps[k] <= STILL_MPS:
            continue
        behind = k > 0 and lane[k - 1] == lane[k]
        if behind and mps[k - 1] > STANDING_MPS:
            continue
        ahead_m = at_m[k - 1] if behind else -SPACING_M
        missing = int((at_m[k] - ahead_m) / SPACING_M - GAP_SHARE)
        if missing < 1 or missing > MOST_GHOSTS:
            continue
        for i in range(missing):
            rows[count] = lane[k]
            values[0, count] = max(0.0, ahead_m + SPACING_M * (i + 1))
            values[1, count] = 0.0
            values[2, count] = GHOST_VEH
            count += 1
    return count


@njit(cache=True, error_model="numpy", nogil=True)
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


@njit(cache=True, error_model="numpy", nogil=True)
def believe(
    approach: Approach,
    heard: Floats,
    objects: Objects,
    loops: bool,
    stage: int,
    times_s: Floats,
    memory: Memory,
    arrivals: Floats,
    queue: Floats,
    factor: Floats,
) -> None:
    """Tell who comes when, who stands, and which lanes can be relied on.

    Parameters
    ----------
    approach, heard, objects
        The lanes, what sensors tell of them, [5, L], and who is taken to be there.
    loops
        Whether the sensors are loops, which do not see a queue run off, but count it.
    stage
        That is green, or that the clearance leads to.
    times_s
        Its green so far, the time since the last call, and the age of what is told.
    memory
        ``stuck_s`` is brought up to date.
    arrivals, queue, factor
        [L, T], [L], [S, L] of zeros: filled with arrivals per second, vehicles that stand, and
        the part of the saturation rate to be trusted.
    """
    green_s, step_s, late_s = times_s[0], times_s[1], times_s[2]
    lanes = queue.size
    expected_arrivals(
        objects.lane,
        objects.at_m,
        objects.mps,
        objects.weight,
        approach.free_mps,
        ACCELERATION_MPS2,
        late_s,
        arrivals,
    )
    heads = np.zeros(lanes, dtype=np.bool_)
    moved = np.zeros(lanes, dtype=np.bool_)
    for k in range(objects.lane.size):
        row = objects.lane[k]
        if objects.at_m[k] <= HEAD_M and objects.mps[k] <= STOPPED_MPS:
            heads[row] = True
        if objects.at_m[k] <= 3.0 * HEAD_M and objects.mps[k] > STANDING_MPS:
            moved[row] = True
        if objects.mps[k] <= STANDING_MPS:
            queue[row] += objects.weight[k]
    for row in range(lanes):
        broken = memory.still_s[row] > BROKEN_AFTER_S
        if broken or np.isnan(heard[STOP_COUNT if loops else COUNT, row]):
            # A dead sensor: what has come since the last green, by the mean flow.
            arrivals[row, 0] += max(LEAST_BLIND_VEH, memory.flow_vps[row] * heard[WAITING, row])
        if loops:
            heads[row] = heads[row] and heard[STOP_OCCUPANCY, row] > FULL_SHARE
            moved[row] = heard[STOP_COUNT, row] > 0.0
        served = approach.service[stage, row] > 0 and green_s > 0.0
        stuck = served and heads[row] and not moved[row]
        for s in range(factor.shape[0]):
            # Who has green and stands would stand in any stage that gives his lane no more than
            # this one does; another may be what he waits for.
            if stuck and approach.alike[stage, s, row]:
                stuck_s = min(memory.stuck_s[s, row] + step_s, MOST_STUCK_S)
            elif served and not stuck:
                stuck_s = 0.0
            else:
                # Given another chance later, for what held it may be gone.
                stuck_s = max(0.0, memory.stuck_s[s, row] - FORGET_STUCK * step_s)
            memory.stuck_s[s, row] = stuck_s
            fading = 1.0 - (stuck_s - STUCK_AFTER_S) / STUCK_FADE_S
            factor[s, row] = 1.0 if broken else min(max(fading, LEAST_FACTOR), 1.0)
