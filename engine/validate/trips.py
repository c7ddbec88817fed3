"""Every vehicle due in the window, one entry each, from SUMO's trip file.

The accounting: a row whose ``depart`` is not negative was inserted; it arrived if it has an
arrival time and was not vaporized, is running if it has none, and was removed otherwise. A row
never departed is one of ours if its departure delay is positive (SUMO also lists vehicles loaded
ahead of time that were due at the very end) and no longer than the window (vehicles that wait for
a person to trigger them count from time zero). Persons and containers have elements of their own
and are not vehicles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final
from xml.parsers.expat import ExpatError, ParserCreate

import numpy as np
from numpy.typing import NDArray

from engine.validate.simulator import SimulationCase
from network.errors import SimulationError

_MG_PER_G: Final = 1000.0
_DUE_TOLERANCE_S: Final = 0.005
"""Half of the last digit SUMO writes."""

Floats = NDArray[np.float64]
_Row = tuple[float, float, float, float, float, float, float, float, bool, bool]


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
    arrived, running
        Whether it reached its destination, or is under way; of those that entered, the others
        were removed.
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
    running: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of vehicles due."""
        return len(self.vehicle)

    @property
    def delay_s(self) -> Floats:
        """Time loss and wait outside, float64[vehicles]."""
        return np.nan_to_num(self.lost_s) + self.outside_s

    @property
    def entered(self) -> NDArray[np.bool_]:
        """Who entered, bool[vehicles]."""
        return ~np.isnan(self.depart_s)

    def without(self, prefix: str) -> Trips:
        """Return the trips of vehicles whose names do not begin so."""
        keep = np.array([not name.startswith(prefix) for name in self.vehicle], dtype=np.bool_)
        if keep.all():
            return self
        names = tuple(name for name in self.vehicle if not name.startswith(prefix))
        columns = [field.name for field in fields(self) if field.name != "vehicle"]
        return replace(self, vehicle=names, **{name: getattr(self, name)[keep] for name in columns})


def read_trips(file: Path, case: SimulationCase) -> Trips:
    """Read SUMO's trip file.

    Parameters
    ----------
    file
        ``tripinfo-output`` with unfinished and undeparted vehicles.
    case
        What was played.

    Raises
    ------
    SimulationError
        It is missing or incomplete, or no vehicle was due in the window.

    Notes
    -----
    The file is SUMO's own and as long as the run; elements as trees would take longer than all
    the rest of a short run's measures.
    """
    window_s = case.end_s - case.begin_s
    names: list[str] = []
    rows: list[_Row] = []
    co2_g: list[float] = []
    # Whether what stands now belongs to the last row.
    inside = False

    def begin(name: str, a: dict[str, str]) -> None:
        nonlocal inside
        if name == "tripinfo":
            depart_s, outside_s = float(a["depart"]), float(a["departDelay"])
            if depart_s >= 0.0:
                inside = True
                arrival_s = float(a["arrival"])
                rows.append(
                    (
                        depart_s,
                        float(a["timeLoss"]),
                        outside_s,
                        float(a["waitingTime"]),
                        float(a["waitingCount"]),
                        float(a["duration"]),
                        float(a["routeLength"]),
                        depart_s - outside_s,
                        arrival_s >= 0.0 and not a.get("vaporized"),
                        arrival_s < 0.0,
                    )
                )
            elif _DUE_TOLERANCE_S < outside_s <= window_s + _DUE_TOLERANCE_S:
                due_s = case.end_s - outside_s
                rows.append(
                    (*[math.nan] * 2, outside_s, *[math.nan] * 4, due_s, False, False)  # type: ignore[arg-type]
                )
            else:
                return
            names.append(a["id"])
            co2_g.append(math.nan)
        elif name == "emissions" and inside:
            co2_g[-1] = float(a["CO2_abs"]) / _MG_PER_G

    def end(name: str) -> None:
        nonlocal inside
        if name == "tripinfo":
            inside = False

    parser = ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    try:
        with file.open("rb") as stream:
            parser.ParseFile(stream)
    except (OSError, ExpatError, KeyError, ValueError) as error:
        detail = " ".join(str(error).split())
        raise SimulationError(f"SUMO left an unreadable {file.name}: {detail}") from error
    if not rows:
        raise SimulationError(
            f"no vehicle is due between {case.begin_s:g} s and {case.end_s:g} s in "
            f"{case.config_file}; check the route files and the window"
        )
    table = np.array(rows, dtype=np.float64).T.copy()
    depart_s, lost_s, outside_s, halted_s, halts, driven_s, driven_m, due_s, arrived, running = (
        table
    )
    return Trips(
        tuple(names),
        *(due_s, depart_s, lost_s, outside_s, halted_s, halts, driven_s, driven_m),
        np.array(co2_g, dtype=np.float64),
        arrived.astype(np.bool_),
        running.astype(np.bool_),
    )
