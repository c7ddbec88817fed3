"""What the vehicles due in a window add up to.

The rule is that of `engine.validate.sumo`: whoever was due counts, also who is still
under way or outside at the end. RESCO's definition stands beside it, so that published tables
can be compared: it counts who entered, and of those outside only who was due after the last
one that entered (Ault and Sharon, NeurIPS 2021, as their code has it).
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Final

import numpy as np

from benchmarks.suite.results import parquet_of
from engine.validate.trips import Trips

STUCK_S: Final = 600.0
LOCKED_PART: Final = 0.01


def parquet(trips: Trips) -> bytes:
    """Return trips as a Parquet file; empty without pyarrow."""
    return parquet_of({field.name: getattr(trips, field.name) for field in fields(trips)})


def stuck(trips: Trips) -> int:
    """Count vehicles that have lost ten minutes and are not there."""
    return int((~trips.arrived & (trips.delay_s > STUCK_S)).sum())


def measures_of(trips: Trips) -> dict[str, float]:
    """Add trips up.

    Returns
    -------
    dict
        ``delay_s`` (mean over all due), ``resco_delay_s``, ``delay_p95_s``, ``stops`` and
        ``halted_s`` per vehicle that entered, ``wait_p95_s`` (of the time at a stand),
        ``travel_time_s``, ``speed_mps``, ``co2_g_per_veh``, ``due``, ``arrived``,
        ``not_inserted``, ``locked`` (1 where at least 1 % of those due have lost ten minutes and
        are not there).
    """
    entered = trips.entered
    delay = trips.delay_s
    driven_s = float(np.nansum(trips.driven_s))
    inside = entered.any()
    return {
        "delay_s": float(delay.mean()),
        "resco_delay_s": resco_delay_s(trips),
        "delay_p95_s": float(np.quantile(delay, 0.95)),
        "stops": float(trips.halts[entered].mean()) if inside else math.nan,
        "halted_s": float(trips.halted_s[entered].mean()) if inside else math.nan,
        "wait_p95_s": float(np.quantile(trips.halted_s[entered], 0.95)) if inside else math.nan,
        "travel_time_s": float((np.nan_to_num(trips.driven_s) + trips.outside_s).mean()),
        "speed_mps": float(np.nansum(trips.driven_m)) / driven_s if driven_s else math.nan,
        "co2_g_per_veh": float(trips.co2_g[entered].mean()) if inside else math.nan,
        "due": float(len(delay)),
        "arrived": float(trips.arrived.sum()),
        "not_inserted": float((~entered).sum()),
        "locked": float(stuck(trips) >= LOCKED_PART * len(delay)),
    }


def resco_delay_s(trips: Trips) -> float:
    """Return RESCO's mean delay; NaN where nobody entered."""
    entered = trips.entered
    if not entered.any():
        return math.nan
    last = int(np.nanargmax(trips.depart_s))
    counted = entered | (trips.due_s > trips.due_s[last])
    return float(trips.delay_s[counted].mean())
