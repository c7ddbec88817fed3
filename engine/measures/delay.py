"""Control delay by formula: Webster's and the Highway Capacity Manual's terms.

Symbols: cycle C (s), effective green g (s), flow q and capacity c (veh/h), degree of
saturation x = q/c, analysis period T (h).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

PRETIMED_K = 0.5
"""Incremental delay factor of pretimed control, HCM 2010, equation 18-45."""


def uniform_delay_s(cycle_s: float, green_s: float, saturation: float) -> float:
    """Return the HCM uniform delay d1.

    Parameters
    ----------
    cycle_s, green_s
        Cycle and effective green, s; 0 < green <= cycle.
    saturation
        Degree of saturation; values above 1 count as 1.

    Returns
    -------
    float
        s per vehicle. HCM 2000, equation 16-11.
    """
    ratio = green_s / cycle_s
    blocked = 1.0 - min(1.0, saturation) * ratio
    if blocked <= 0.0:
        return 0.0
    return 0.5 * cycle_s * (1.0 - ratio) ** 2 / blocked


def incremental_delay_s(
    saturation: float, capacity_vph: float, period_h: float, upstream: float = 1.0
) -> float:
    """Return the HCM incremental delay d2, from randomness and from oversaturation.

    Parameters
    ----------
    saturation
        Degree of saturation.
    capacity_vph
        Capacity, veh/h, above 0.
    period_h
        Analysis period, h.
    upstream
        Filtering factor I of the upstream signal; 1 for isolated arrivals.

    Returns
    -------
    float
        s per vehicle. HCM 2000, equation 16-12, pretimed control.
    """
    over = saturation - 1.0
    root = over * over + 8.0 * PRETIMED_K * upstream * saturation / (capacity_vph * period_h)
    return 900.0 * period_h * (over + math.sqrt(root))


def random_delay_s(
    volume_veh: NDArray[np.float64], capacity_veh: NDArray[np.float64], period_s: float
) -> NDArray[np.float64]:
    """Return the part of d2 that is due to randomness alone.

    A queue model with flows in it already holds what oversaturation costs; this is what is left
    of `incremental_delay_s` after the deterministic oversaturation term is taken away.

    Parameters
    ----------
    volume_veh, capacity_veh
        Vehicles that came and that could have been served in the period, equal shapes.
    period_s
        Length of the period, s.

    Returns
    -------
    ndarray
        s per vehicle, same shape; 0 where nothing came.
    """
    period_h = period_s / 3600.0
    capacity = np.maximum(capacity_veh, 0.5)
    saturation = volume_veh / capacity
    over = saturation - 1.0
    # capacity in veh/h times the period in h is the vehicles that could be served
    root = np.sqrt(over * over + 8.0 * PRETIMED_K * saturation / capacity)
    random = 900.0 * period_h * (root - np.abs(over))
    return np.where(volume_veh > 0, random, 0.0)


def optimal_cycle_s(lost_s: float, critical_ratio: float) -> float:
    """Return Webster's delay-minimizing cycle length, (1.5 L + 5) / (1 - Y).

    Parameters
    ----------
    lost_s
        Lost time per cycle L, s.
    critical_ratio
        Sum of the critical flow ratios Y; at 1 and above no cycle is long enough.

    Returns
    -------
    float
        s, infinite where the ratio is 1 or more. Webster 1958, Road Research Technical
        Paper 39.
    """
    if critical_ratio >= 1.0:
        return math.inf
    return (1.5 * lost_s + 5.0) / (1.0 - critical_ratio)
