"""What a solved cycle says of every lane, for people to read: delay, stops, saturation, queue.

The cyclic model returns rows for a cost to be made of. Delay and stops are taken out of them by
that very cost (`cyclic_kernels.total_cost` at a price of one for the one and of nothing for all
else), so that what is shown and what is optimized cannot come apart.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from engine.measures import cyclic_arrays as columns
from engine.measures import cyclic_kernels as kernels
from engine.measures.kernels import TINY
from engine.measures.street import Floats


@dataclass(frozen=True, slots=True, eq=False)
class SteadyLanes:
    """Lanes of a coordination group in their steady cycle, [lane] each.

    Attributes
    ----------
    volume_vps
        Vehicles that come, veh/s.
    delay_vps_s
        Delay that arises per second, vehicle-seconds per second: in the profile, by chance, and
        by demand beyond capacity over the analysis period.
    stops_vps
        Stops per second.
    saturation
        Volume over capacity; 0 where nothing drives.
    queue_veh
        Longest queue of the cycle, vehicles, without what chance adds.
    """

    volume_vps: Floats
    delay_vps_s: Floats
    stops_vps: Floats
    saturation: Floats
    queue_veh: Floats

    def __post_init__(self) -> None:
        for field in fields(self):
            getattr(self, field.name).setflags(write=False)


def steady_lanes(results: Floats, cycle_s: int, period_s: float) -> SteadyLanes:
    """Read a solved cycle.

    Parameters
    ----------
    results
        [lane, RESULTS], as `cyclic_kernels.profile` fills it in.
    cycle_s
        The cycle, s.
    period_s
        The analysis period, s: how long demand beyond capacity lasts.

    Returns
    -------
    SteadyLanes
    """
    priced = np.zeros((2, 1, columns.WEIGHTS))
    priced[:, :, columns.PERIOD_S] = period_s
    priced[0, :, columns.DELAY] = 1.0
    priced[1, :, columns.STOP_S] = 1.0
    of_lane = [
        [kernels.total_cost(results[row : row + 1], cycle_s, weights) for weights in priced]
        for row in range(len(results))
    ]
    delay, stops = np.array(of_lane).reshape(-1, 2).T
    volume, capacity = results[:, columns.VOLUME], results[:, columns.CAPACITY]
    driven = volume > TINY
    return SteadyLanes(
        volume.copy(),
        delay.copy(),
        stops.copy(),
        np.where(driven, volume / np.maximum(capacity, 1e-9), 0.0),
        results[:, columns.LONGEST].copy(),
    )
