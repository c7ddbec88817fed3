"""Counts that a standing queue cuts short.

Who waits in a queue is not counted, so a count taken where the queue never ends tells what the lane
could let go and not how many came. Counts alone do not show it: where a lane is blocked by the
next one, or by somebody who wants to change lanes, it lets go far less than its green could. A
detector that stays occupied all through a quarter of an hour does show it, for red alone leaves
gaps. How many wait nothing there tells: the queue reaches over every detector, or drivers have
gone other ways. So it is told, and flows stay as counted; plans for a third more, there and at the
signals around, came out worse (`benchmarks/README.md`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.forecast.quality import QualityRow
from network.counts import CountSeries, Quality
from network.graph import RoadNetwork
from network.units import SECONDS_PER_HOUR

Floats = NDArray[np.float64]

OCCUPIED_PCT = 80.0
"""Share of an interval that red and moving vehicles do not reach on lanes whose queues clear."""

STANDING_S = 900
"""So long a detector stays occupied before its queue is taken to stand."""

DAYS_PART = 0.5
"""A queue that stands on fewer of the days is an incident."""


def standing_queues(days: Sequence[CountSeries], network: RoadNetwork) -> tuple[QualityRow, ...]:
    """Find the movements whose queue stands over a detector.

    Parameters
    ----------
    days
        Counts of movements or connections; those without occupancies say nothing.
    network
        For the movements of connections.

    Returns
    -------
    tuple of QualityRow
        One for each movement that carries anything and one of whose detectors stays occupied for
        `STANDING_S` on `DAYS_PART` of the days with occupancies. No interval is flagged: each
        count is right for what was let go.
    """
    movement_of = {
        connection.connection_id: movement.movement_id
        for movement in network.movements.values()
        for connection in movement.connections
    }
    telling = [
        (day, day.occupancy_pct)
        for day in days
        if day.occupancy_pct is not None and day.kind in ("movement", "connection")
    ]
    stood: dict[str, int] = {}
    counted: dict[str, float] = {}
    for day, occupancy_pct in telling:
        today: set[str] = set()
        for column, name in enumerate(day.series_ids):
            movement = movement_of.get(name, name)
            volume = day.volume_veh[:, column]
            mean_veh = float(np.nanmean(volume)) if np.isfinite(volume).any() else 0.0
            hourly = mean_veh * SECONDS_PER_HOUR / day.interval_s
            counted[movement] = counted.get(movement, 0.0) + hourly / len(telling)
            if stands(occupancy_pct[:, column], day.interval_s):
                today.add(movement)
        for movement in today:
            stood[movement] = stood.get(movement, 0) + 1
    return tuple(
        QualityRow(
            name,
            Quality.SUSPECT,
            0,
            f"{counted[name]:.0f} veh/h were let go and more may have come: a queue stood over a "
            f"stop line for {STANDING_S // 60} min and more on {many} of {len(telling)} days",
        )
        for name, many in sorted(stood.items())
        if many >= DAYS_PART * len(telling) and counted[name] > 0.0
    )


def stands(occupancy_pct: Floats, interval_s: int) -> bool:
    """Tell whether a detector is occupied for `STANDING_S` on end.

    Parameters
    ----------
    occupancy_pct
        [interval], per cent; NaN where nothing arrived.
    interval_s
        Length of an interval.
    """
    longest = run = 0
    for occupied in (occupancy_pct >= OCCUPIED_PCT).tolist():
        run = run + 1 if occupied else 0
        longest = max(longest, run)
    return longest * interval_s >= STANDING_S
