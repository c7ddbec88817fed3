"""Plain twins of the kernels of the link tables: dictionaries, enumeration, waiting it out."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from engine.optimize.link_tables import LinkTables

Floats = NDArray[np.float64]

LONG_ENOUGH = 400
"""Cycles after which what began empty has forgotten it."""


def twin_departures(arrivals_vps: float, service_vps: list[float]) -> list[float]:
    """Play a lane under uniform arrivals until it repeats itself; return the last cycle."""
    if arrivals_vps * len(service_vps) >= sum(service_vps):
        return list(service_vps)
    queue = 0.0
    left: list[float] = []
    for _ in range(3):
        left = []
        for room in service_vps:
            queue += arrivals_vps
            left.append(min(queue, room))
            queue -= left[-1]
    return left


def twin_dispersed(profile_vps: list[float], delay_s: int, smoothing: float) -> list[float]:
    """Smooth the delayed profile for so long that its beginning does not matter."""
    cycle_s = len(profile_vps)
    level = 0.0
    shown: list[float] = []
    for t in range(LONG_ENOUGH * cycle_s):
        level = (1.0 - smoothing) * level + smoothing * profile_vps[(t - delay_s) % cycle_s]
        shown.append(level)
    return shown[-cycle_s:]


def twin_lane_cost(
    platoon_vps: list[float], rest_vps: float, service_vps: list[float], d: int
) -> float:
    """Play a lane whose own clock is d seconds late until it repeats itself; count who waits."""
    cycle_s = len(service_vps)
    queue = 0.0
    delay = 0.0
    for _ in range(5):
        delay = 0.0
        for own in range(cycle_s):
            feeding = (own + d) % cycle_s
            queue = max(0.0, queue + platoon_vps[feeding] + rest_vps - service_vps[own])
            delay += queue
    return delay


def twin_convolved(one: Floats, other: Floats) -> Floats:
    """Convolve circularly in (min, +), by definition."""
    cycle_s = len(one)
    return np.array(
        [
            min(one[y] + other[z] for y in range(cycle_s) for z in range(cycle_s)
                if (y + z - x) % cycle_s == 0)
            for x in range(cycle_s)
        ]
    )  # fmt: skip


def twin_total(tables: LinkTables, offsets: tuple[int, ...]) -> float:
    """Sum the tables, edge after edge."""
    return sum(
        float(cost[(offsets[head] - offsets[tail]) % tables.cycle_s])
        for tail, head, cost in zip(tables.tail, tables.head, tables.cost_veh_s, strict=True)
    )


def twin_optimum(tables: LinkTables) -> float:
    """Try everything; the first signal may stay where it is, since only differences count."""
    free = len(tables.signals) - 1
    return min(
        twin_total(tables, (0, *rest)) for rest in product(range(tables.cycle_s), repeat=free)
    )


def twin_cycle_minimum(parts: list[Floats], fixed: int = -1, at: int = 0) -> float:
    """Least cost around one cycle whose differences sum to zero, one of them fixed if wanted."""
    cycle_s = len(parts[0])
    return min(
        sum(float(part[x]) for part, x in zip(parts, differences, strict=True))
        for differences in product(range(cycle_s), repeat=len(parts))
        if sum(differences) % cycle_s == 0 and (fixed < 0 or differences[fixed] == at)
    )
