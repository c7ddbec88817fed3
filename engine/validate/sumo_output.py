"""From SUMO's trip and statistics files to `RunMeasures`.

The accounting: a ``tripinfo`` row whose ``depart`` is not negative was inserted; it arrived
if it has an arrival time and was not vaporized, is running if it has none, and was removed
otherwise. A row never departed is one of ours if its departure delay is positive (SUMO also
lists vehicles loaded ahead of time that were due at the very end) and no longer than the
window (vehicles that wait for a person to trigger them count from time zero). Persons and
containers have elements of their own and are not vehicles.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

from defusedxml.sax import parse

from engine.validate.simulator import RunMeasures, SimulationCase
from network.errors import SimulationError

_log = logging.getLogger(__name__)
_MG_PER_G: Final = 1000.0
_DUE_TOLERANCE_S: Final = 0.005
"""Half of the last digit SUMO writes."""


@dataclass(slots=True)
class _Totals(ContentHandler):
    """Sums over one tripinfo file; filled while it streams by."""

    window_s: float
    inserted: int = 0
    arrived: int = 0
    running: int = 0
    not_inserted: int = 0
    lost_s: float = 0.0
    waited_outside_s: float = 0.0
    driven_s: float = 0.0
    driven_m: float = 0.0
    halted_s: float = 0.0
    halts: int = 0
    co2_mg: float = 0.0
    in_trip: bool = False
    with_emissions: bool = False

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        if name == "tripinfo":
            self.in_trip = True
            self._add_trip(attrs)
        elif name == "emissions" and self.in_trip:
            self.with_emissions = True
            self.co2_mg += float(attrs["CO2_abs"])

    def endElement(self, name: str) -> None:  # noqa: N802
        if name == "tripinfo":
            self.in_trip = False

    def _add_trip(self, attrs: AttributesImpl) -> None:
        depart_delay_s = float(attrs["departDelay"])
        if float(attrs["depart"]) < 0:
            if _DUE_TOLERANCE_S < depart_delay_s <= self.window_s + _DUE_TOLERANCE_S:
                self.not_inserted += 1
                self.waited_outside_s += depart_delay_s
            return
        self.inserted += 1
        self.waited_outside_s += depart_delay_s
        self.lost_s += float(attrs["timeLoss"])
        self.driven_s += float(attrs["duration"])
        self.driven_m += float(attrs["routeLength"])
        self.halted_s += float(attrs["waitingTime"])
        self.halts += int(attrs["waitingCount"])
        if float(attrs["arrival"]) < 0:
            self.running += 1
        elif not attrs.get("vaporized"):
            self.arrived += 1


class _Statistics(ContentHandler):
    """The counts of SUMO's statistics file."""

    def __init__(self) -> None:
        super().__init__()
        self.inserted = -1
        self.running = -1
        self.teleports = 0

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        if name == "vehicles":
            self.inserted = int(attrs["inserted"])
            self.running = int(attrs["running"])
        elif name == "teleports":
            self.teleports = int(attrs["total"])


def read_measures(
    tripinfo_file: Path,
    statistics_file: Path,
    case: SimulationCase,
    seed: int,
    ignored: int,
    wall_s: float,
) -> RunMeasures:
    """Reduce the two files of one run to its measures.

    SUMO's own counts of inserted and running vehicles are compared with the rows; a
    difference is logged, because then some vehicle is in no measure.

    Raises
    ------
    SimulationError
        A file is missing or incomplete, or no vehicle was due in the window.
    """
    totals = _Totals(window_s=case.end_s - case.begin_s)
    statistics = _Statistics()
    for file, handler in ((tripinfo_file, totals), (statistics_file, statistics)):
        try:
            parse(str(file), handler)
        except (OSError, SAXException, KeyError, ValueError) as error:
            detail = " ".join(str(error).split())
            raise SimulationError(f"SUMO left an unreadable {file.name}: {detail}") from error
    counted = (totals.inserted, totals.running)
    if counted != (statistics.inserted, statistics.running):
        _log.warning(
            "seed %d: SUMO counts %d inserted and %d running vehicles, its trip file %d and %d",
            *(seed, statistics.inserted, statistics.running, *counted),
        )
    scheduled = totals.inserted + totals.not_inserted
    if scheduled == 0:
        raise SimulationError(
            f"no vehicle is due between {case.begin_s:g} s and {case.end_s:g} s in "
            f"{case.config_file}; check the route files and the window"
        )
    per_inserted = 1.0 / totals.inserted if totals.inserted else math.nan
    return RunMeasures(
        seed=seed,
        delay_s=(totals.lost_s + totals.waited_outside_s) / scheduled,
        stops=totals.halts * per_inserted,
        travel_time_s=(totals.driven_s + totals.waited_outside_s) / scheduled,
        speed_mps=totals.driven_m / totals.driven_s if totals.driven_s else math.nan,
        co2_g_per_veh=(
            totals.co2_mg / _MG_PER_G * per_inserted if totals.with_emissions else math.nan
        ),
        waiting_time_s=totals.halted_s * per_inserted,
        scheduled=scheduled,
        inserted=totals.inserted,
        arrived=totals.arrived,
        running=totals.running,
        removed=totals.inserted - totals.arrived - totals.running,
        not_inserted=totals.not_inserted,
        ignored=ignored,
        teleports=statistics.teleports,
        wall_s=wall_s,
    )
