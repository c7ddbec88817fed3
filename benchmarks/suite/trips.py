"""Every vehicle due in the window, from SUMO's trip file, and what they add up to.

The rule is that of `engine.validate.sumo_output`: whoever was due counts, also who is still
under way or outside at the end. RESCO's definition stands beside it, so that published tables
can be compared: it counts who entered, and of those outside only who was due after the last
one that entered (Ault and Sharon, NeurIPS 2021, as their code has it).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.suite.jobs import TROUBLE
from benchmarks.suite.results import parquet_of
from engine.validate.simulator import SimulationCase
from network.errors import SimulationError
from network.readers.xml_files import iterate_elements

STUCK_S: Final = 600.0
LOCKED_PART: Final = 0.01
_DUE_TOLERANCE_S: Final = 0.005
_MG_PER_G: Final = 1000.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trips:
    """One entry a vehicle, in the order of the file; NaN where a vehicle never entered.

    Attributes
    ----------
    vehicle
        Names.
    due_s, depart_s
        When it was to enter and when it did.
    lost_s, outside_s
        Time loss under way so far, and wait before it entered.
    halted_s, halts
        Time at a stand, and how often it came to one.
    driven_s, driven_m
        Time and way under way so far.
    co2_g
        NaN where emissions were not asked for.
    arrived
        Whether it reached its destination.
    """

    vehicle: tuple[str, ...]
    due_s: Floats
    depart_s: Floats
    lost_s: Floats
    outside_s: Floats
    halted_s: Floats
    halts: Floats
    driven_s: Floats
    driven_m: Floats
    co2_g: Floats
    arrived: NDArray[np.bool_]

    @property
    def delay_s(self) -> Floats:
        """Time loss and wait outside, float64[vehicles]."""
        return np.nan_to_num(self.lost_s) + self.outside_s

    @property
    def entered(self) -> NDArray[np.bool_]:
        """Who entered, bool[vehicles]."""
        return ~np.isnan(self.depart_s)

    def parquet(self) -> bytes:
        """Return the table as a Parquet file; empty without pyarrow."""
        return parquet_of(
            {
                field.name: (
                    values.tolist()
                    if isinstance(values := getattr(self, field.name), np.ndarray)
                    else list(values)
                )
                for field in fields(self)
            }
        )


def read_trips(file: Path, case: SimulationCase) -> Trips:
    """Read SUMO's trip file.

    Raises
    ------
    SimulationError
        If nobody was due.
    """
    window_s = case.end_s - case.begin_s
    names: list[str] = []
    rows: list[tuple[float, ...]] = []
    for trip in iterate_elements(file, {"tripinfo"}):
        a = trip.attrib
        if a["id"].startswith(TROUBLE):
            continue
        outside_s, depart_s = float(a["departDelay"]), float(a["depart"])
        if depart_s < 0:
            if _DUE_TOLERANCE_S < outside_s <= window_s + _DUE_TOLERANCE_S:
                names.append(a["id"])
                rows.append(
                    (case.end_s - outside_s, *[math.nan] * 2, outside_s, *[math.nan] * 5, 0)
                )
            continue
        emissions = trip.find("emissions")
        names.append(a["id"])
        rows.append(
            (
                depart_s - outside_s,
                depart_s,
                float(a["timeLoss"]),
                outside_s,
                float(a["waitingTime"]),
                float(a["waitingCount"]),
                float(a["duration"]),
                float(a["routeLength"]),
                math.nan if emissions is None else float(emissions.attrib["CO2_abs"]) / _MG_PER_G,
                float(a["arrival"]) >= 0 and not a.get("vaporized"),
            )
        )
    if not rows:
        raise SimulationError(f"{case.config_file}: no vehicle was due in the window")
    table = np.array(rows, dtype=np.float64).T.copy()
    due_s, depart_s, lost_s, outside_s, halted_s, halts, driven_s, driven_m, co2_g, arrived = table
    return Trips(
        tuple(names),
        *(due_s, depart_s, lost_s, outside_s, halted_s, halts, driven_s, driven_m, co2_g),
        arrived.astype(np.bool_),
    )


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
    stuck = int((~trips.arrived & (delay > STUCK_S)).sum())
    inside = entered.any()
    return {
        "delay_s": float(delay.mean()),
        "resco_delay_s": _resco_s(trips),
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
        "locked": float(stuck >= LOCKED_PART * len(delay)),
    }


def _resco_s(trips: Trips) -> float:
    entered = trips.entered
    if not entered.any():
        return math.nan
    last = int(np.nanargmax(trips.depart_s))
    counted = entered | (trips.due_s > trips.due_s[last])
    return float(trips.delay_s[counted].mean())
