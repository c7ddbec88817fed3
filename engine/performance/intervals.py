"""Measures of phases by interval of the clock, from arrivals and occupancy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.performance.arrivals import Arrivals
from engine.performance.failures import CycleOccupancy
from engine.performance.phase_history import Aspect, PhaseHistory

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class PhaseInterval:
    """One phase in one interval. Parts are 0 to 1, and NaN where nothing was seen.

    Attributes
    ----------
    device, phase
        Where.
    begin_s
        Beginning of the interval, s since 1970.
    known_s
        How much of the interval the log covers, s.
    green_time_share
        Part of the known time that was green.
    arrived_veh
        Vehicles of the arrival detectors; NaN without any.
    green_share
        Part of them that met green, of those of which the log says what they met.
    wait_s
        Their mean time to green, s: what the light costs without queue, braking and starting.
    platoon_ratio
        `green_share` over `green_time_share` (HCM platoon ratio): 1 is arrival by chance.
    greens
        Services that began in it.
    judged, failed
        Greens judged for split failure, and those that failed; NaN without detectors.
    """

    device: str
    phase: int
    begin_s: float
    known_s: float
    green_time_share: float
    arrived_veh: float
    green_share: float
    wait_s: float
    platoon_ratio: float
    greens: int
    judged: float
    failed: float


def phase_intervals(
    history: PhaseHistory,
    seen: Arrivals | None,
    occupancy: CycleOccupancy | None,
    edges_s: npt.NDArray[np.float64],
) -> list[PhaseInterval]:
    """Measure a phase in consecutive intervals.

    Parameters
    ----------
    history
        The phase.
    seen, occupancy
        Its arrivals and its occupancy; None without such detectors.
    edges_s
        Bounds of the intervals, ascending, s since 1970; [I + 1].

    Returns
    -------
    list of PhaseInterval
        Those of which the log knows something.
    """
    found = []
    for begin_s, end_s in zip(edges_s[:-1].tolist(), edges_s[1:].tolist(), strict=True):
        green_s, known_s = history.green_within_s(begin_s, end_s)
        if known_s <= 0:
            continue
        share = green_s / known_s
        arrived = on_green = wait = NAN
        if seen is not None:
            first, last = np.searchsorted(seen.time_s, (begin_s, end_s))
            aspect = seen.aspect[first:last]
            known = aspect != Aspect.UNKNOWN
            waits = seen.wait_s[first:last]
            waits = waits[np.isfinite(waits)]
            arrived = float(last - first)
            on_green = float((aspect[known] == Aspect.GREEN).mean()) if known.any() else NAN
            wait = float(waits.mean()) if waits.size else NAN
        judged = failed = NAN
        if occupancy is not None:
            inside = (occupancy.red_s >= begin_s) & (occupancy.red_s < end_s)
            judged, failed = float(inside.sum()), float((occupancy.failed & inside).sum())
        greens = int(((history.green_s >= begin_s) & (history.green_s < end_s)).sum())
        found.append(
            PhaseInterval(
                history.device, history.phase, begin_s, known_s, share, arrived, on_green, wait,
                on_green / share if share > 0 else NAN, greens, judged, failed,
            )
        )  # fmt: skip
    return found


def edges_around(begin_s: float, end_s: float, step_s: int) -> npt.NDArray[np.float64]:
    """Return bounds of intervals on the clock's grid around a time span, s since 1970.

    Parameters
    ----------
    begin_s, end_s
        The span, s since 1970.
    step_s
        Length of an interval, s.
    """
    first = int(begin_s // step_s)
    last = int(-(-end_s // step_s))
    return step_s * np.arange(first, max(last, first + 1) + 1, dtype=np.float64)
