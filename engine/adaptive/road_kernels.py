"""Whom look-ahead control expects from neighbors, and how much waiting counts on each lane."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.adaptive.kernels import Floats, Integers

HALF_LANE = 0.5
PERMITTED = 1  # as `engine.adaptive.control` has it
BARRED = 0.01

Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]


class Ways(NamedTuple):
    """How the ways of a signal lead on; W ways."""

    lane: Rows  # [W]
    exit: Rows  # [W]
    share: Floats  # [W], of its lane's traffic


class Care(NamedTuple):
    """How much waiting and full exits count, as `engine.adaptive.outlook.Outlook` has it."""

    patience_s: float
    spill_weight: float
    full_m: float
    full_mps: float
    full_hold_s: float


@njit(cache=True, error_model="numpy", nogil=True)
def pass_on(
    share: Floats,
    ways: Rows,
    way_lane: Rows,
    passed: Floats,
    planned: Floats,
    lag: int,
    flow_vps: Floats,
    lanes: Rows,
    expected: Floats,
) -> None:
    """Announce what a signal sends down a road: those under way already, and those it plans to.

    Parameters
    ----------
    share, ways, way_lane
        Of the signal upstream: part of its lane's traffic that each way carries, the ways that
        lead here, and the lane of every way.
    passed, planned
        [lane, second] there: who left in the seconds before now, the last one first, and who is
        to leave in those from now on.
    lag
        Running time between the two, s; below the horizon.
    flow_vps, lanes
        Here: mean flows, by which the traffic splits, and the lanes it reaches.
    expected
        [lane, second] here: overwritten on those lanes.
    """
    total = 0.0
    for k in range(lanes.size):
        total += flow_vps[lanes[k]]
    total = max(total, 1e-9)
    for t in range(expected.shape[1]):
        sent = 0.0
        for k in range(ways.size):
            way = ways[k]
            if t < lag:
                sent += share[way] * passed[way_lane[way], lag - 1 - t]
            else:
                sent += share[way] * planned[way_lane[way], t - lag]
        for k in range(lanes.size):
            expected[lanes[k], t] = flow_vps[lanes[k]] / total * sent


@njit(cache=True, error_model="numpy", nogil=True)
def add_beyond_sight(expected: Floats, sight_s: Floats, arrivals: Floats) -> None:
    """Add to arrivals [lane, second] those expected later than is seen [lane], s."""
    for row in range(arrivals.shape[0]):
        for t in range(arrivals.shape[1]):
            if t >= sight_s[row]:
                arrivals[row, t] += expected[row, t]


@njit(cache=True, error_model="numpy", nogil=True)
def weigh(
    care: Care,
    ways: Ways,
    exits: tuple[Floats, Floats],
    waits: tuple[Floats, Flags],
    stage: int,
    service: Integers,
    believed: tuple[Floats, Floats],
    rate_vps: Floats,
    open_vps: Floats,
    present: Floats,
) -> None:
    """Tell what a second of delay counts on each lane, and which cannot leave.

    Parameters
    ----------
    care, ways
        How.
    exits
        Length left free at the beginning of each exit lane, m, and mean speed there, m/s.
    waits
        Per lane, time since it was served, s, and whether its queue stands inside a node.
    stage
        That is green, or that the clearance leads to.
    service
        [S, L].
    believed
        [L], [S, L]: who stands, and the part of the saturation rate to be trusted.
    rate_vps, open_vps
        [S, L]: saturation rates; filled with those that can be relied on.
    present
        [3, L]: filled with weight, time for which exits are full, s, and the part of a vehicle
        that may leave at once.
    """
    free_m, exit_mps = exits
    waiting_s, spills = waits
    queue, factor = believed
    blocked = np.zeros(present.shape[1])
    for way in range(ways.lane.size):
        way_exit = ways.exit[way]
        if free_m[way_exit] < care.full_m and exit_mps[way_exit] < care.full_mps:
            blocked[ways.lane[way]] += ways.share[way]
    for row in range(present.shape[1]):
        weight = 1.0 + max(0.0, waiting_s[row] - care.patience_s) / care.patience_s
        present[0, row] = care.spill_weight * weight if spills[row] else weight
        present[1, row] = care.full_hold_s if blocked[row] > HALF_LANE else 0.0
        present[2, row] = factor[stage, row]
        for s in range(rate_vps.shape[0]):
            open_vps[s, row] = rate_vps[s, row]
            # Who waits for a gap there may be who bars the way of those he waits for: he is not
            # relied on to leave before the green ends.
            if service[s, row] == PERMITTED and spills[row] and queue[row] > 0.0:
                open_vps[s, row] = BARRED * rate_vps[s, row]
                if s == stage:
                    present[2, row] = 0.0
