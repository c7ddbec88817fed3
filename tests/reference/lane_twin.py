"""Plain twins of `engine.adaptive.lane_kernels` and `engine.adaptive.road_kernels`, in numpy."""

from __future__ import annotations

import numpy as np

from engine.adaptive import lane_kernels as k
from engine.adaptive import road_kernels as r
from engine.adaptive.kernels import Floats, Integers
from tests.reference import lookahead_twin


def watch_sensors(
    heard: Floats, lane: Integers, loops: bool, step_s: float, fresh: bool, memory: k.Memory
) -> None:
    if loops:
        still = (heard[k.STOP_OCCUPANCY] > k.FULL_SHARE) & (heard[k.STOP_COUNT] == 0)
    else:
        alone = np.bincount(lane, minlength=heard.shape[1]) == 1
        still = alone & (heard[k.QUEUE] == 1) & (np.nan_to_num(heard[k.STOP_COUNT]) == 0)
    memory.still_s[:] = np.where(still, memory.still_s + step_s, 0.0)
    if not fresh:
        return
    seen = ~np.isnan(heard[k.STOP_COUNT]) & ~(memory.still_s > k.BROKEN_AFTER_S)
    rate = np.where(seen, heard[k.STOP_COUNT], 0.0) / max(step_s, 1.0)
    gain = min(1.0, step_s / k.MEMORY_S)
    memory.flow_vps[seen] += (gain * (rate - memory.flow_vps))[seen]


def with_ghosts(
    lane: Integers, at_m: Floats, mps: Floats, share: float
) -> list[tuple[int, float, float, float]]:
    found = [
        (int(row), float(m), float(v), 1.0 / share if share < 1 and v > k.STANDING_MPS else 1.0)
        for row, m, v in zip(lane, at_m, mps, strict=True)
    ]
    for i in np.flatnonzero(mps <= k.STILL_MPS).tolist():
        follows = i > 0 and lane[i - 1] == lane[i]
        ahead_m = float(at_m[i - 1]) if follows else -k.SPACING_M
        moving = follows and mps[i - 1] > k.STANDING_MPS
        missing = int((float(at_m[i]) - ahead_m) / k.SPACING_M - k.GAP_SHARE)
        if missing < 1 or moving or missing > k.MOST_GHOSTS:
            continue
        places = [ahead_m + k.SPACING_M * (n + 1) for n in range(missing)]
        found += [(int(lane[i]), max(0.0, m), 0.0, k.GHOST_VEH) for m in places]
    return found


def believe(
    approach: k.Approach,
    heard: Floats,
    objects: k.Objects,
    loops: bool,
    stage: int,
    times_s: Floats,
    memory: k.Memory,
) -> tuple[Floats, Floats, Floats]:
    green_s, step_s, late_s = times_s
    lane, at_m, mps, weight = objects
    arrivals = np.zeros((heard.shape[1], 40))
    lookahead_twin.expected_arrivals(
        lane, at_m, mps, weight, approach.free_mps, k.ACCELERATION_MPS2, late_s, arrivals
    )
    broken = memory.still_s > k.BROKEN_AFTER_S
    blind = broken | np.isnan(heard[k.STOP_COUNT if loops else k.COUNT])
    unseen = np.maximum(k.LEAST_BLIND_VEH, memory.flow_vps * heard[k.WAITING])
    arrivals[:, 0] += np.where(blind, unseen, 0.0)

    served = (approach.service[stage] > 0) & (green_s > 0)
    heads, moved = np.zeros_like(served), np.zeros_like(served)
    heads[lane[(at_m <= k.HEAD_M) & (mps <= k.STOPPED_MPS)]] = True
    if loops:
        heads &= heard[k.STOP_OCCUPANCY] > k.FULL_SHARE
        moved = heard[k.STOP_COUNT] > 0
    else:
        moved[lane[(at_m <= 3 * k.HEAD_M) & (mps > k.STANDING_MPS)]] = True
    stuck = served & heads & ~moved
    held = stuck & approach.alike[stage]
    stuck_s = memory.stuck_s.copy()
    stuck_s[held] += step_s
    stuck_s[:, served & ~stuck] = 0.0
    fading_s = np.maximum(0.0, stuck_s - k.FORGET_STUCK * step_s)
    memory.stuck_s[:] = np.where(held, np.minimum(stuck_s, k.MOST_STUCK_S), fading_s)

    standing = np.where(mps <= k.STANDING_MPS, weight, 0.0)
    queue = np.bincount(lane, weights=standing, minlength=heard.shape[1]).astype(np.float64)
    fading = 1.0 - (memory.stuck_s - k.STUCK_AFTER_S) / k.STUCK_FADE_S
    factor = np.clip(fading, k.LEAST_FACTOR, 1.0)
    factor[:, broken] = 1.0
    return arrivals, queue, factor


def pass_on(
    share: Floats,
    ways: r.Rows,
    way_lane: r.Rows,
    passed: Floats,
    planned: Floats,
    lag: int,
    flow_vps: Floats,
    lanes: r.Rows,
    expected: Floats,
) -> None:
    under_way = share[ways] @ passed[way_lane[ways], :lag]
    to_come = share[ways] @ planned[way_lane[ways], : expected.shape[1] - lag]
    split = flow_vps[lanes] / max(float(flow_vps[lanes].sum()), 1e-9)
    expected[lanes] = split[:, None] * np.concatenate([under_way[::-1], to_come])


def weigh(
    care: r.Care,
    ways: r.Ways,
    exits: tuple[Floats, Floats],
    waits: tuple[Floats, r.Flags],
    stage: int,
    service: Integers,
    believed: tuple[Floats, Floats],
    rate_vps: Floats,
) -> tuple[Floats, Floats]:
    (free_m, mps), (waiting_s, spills), (queue, factor) = exits, waits, believed
    full = (free_m < care.full_m) & (mps < care.full_mps)
    lost = np.where(full[ways.exit], ways.share, 0.0)
    blocked = np.bincount(ways.lane, weights=lost, minlength=len(waiting_s))
    weight = 1.0 + np.maximum(0.0, waiting_s - care.patience_s) / care.patience_s
    yields = (service == r.PERMITTED) & spills & (queue > 0)
    present = [
        np.where(spills, care.spill_weight * weight, weight),
        np.where(blocked > r.HALF_LANE, care.full_hold_s, 0.0),
        np.where(yields[stage], 0.0, factor[stage]),
    ]
    return np.where(yields, r.BARRED * rate_vps, rate_vps), np.array(present)
