"""From SUMO's trip and statistics files to `RunMeasures`; who counts, `trips` says."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

import numpy as np
from defusedxml.sax import parse
from numpy.typing import NDArray

from engine.validate.simulator import RunMeasures, SimulationCase
from engine.validate.trips import Trips, read_trips
from network.errors import SimulationError

_log = logging.getLogger(__name__)


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
) -> tuple[RunMeasures, Trips]:
    """Reduce the two files of one run to its measures, and return the trips they are made of.

    SUMO's own counts of inserted and running vehicles are compared with the rows; a
    difference is logged, because then some vehicle is in no measure.

    Raises
    ------
    SimulationError
        A file is missing or incomplete, or no vehicle was due in the window.
    """
    trips = read_trips(tripinfo_file, case)
    statistics = _Statistics()
    try:
        parse(str(statistics_file), statistics)
    except (OSError, SAXException, KeyError, ValueError) as error:
        detail = " ".join(str(error).split())
        raise SimulationError(
            f"SUMO left an unreadable {statistics_file.name}: {detail}"
        ) from error
    entered = trips.entered
    inserted, arrived = int(entered.sum()), int(trips.arrived.sum())
    running = int(trips.running.sum())
    if (inserted, running) != (statistics.inserted, statistics.running):
        _log.warning(
            "seed %d: SUMO counts %d inserted and %d running vehicles, its trip file %d and %d",
            *(seed, statistics.inserted, statistics.running, inserted, running),
        )
    scheduled = len(trips)
    per_inserted = 1.0 / inserted if inserted else math.nan
    waited_outside_s = _sum(trips.outside_s)
    driven_s = _sum(trips.driven_s)
    with_emissions = not np.isnan(trips.co2_g).all()
    return RunMeasures(
        seed=seed,
        delay_s=(_sum(trips.lost_s) + waited_outside_s) / scheduled,
        stops=_sum(trips.halts) * per_inserted,
        travel_time_s=(driven_s + waited_outside_s) / scheduled,
        speed_mps=_sum(trips.driven_m) / driven_s if driven_s else math.nan,
        co2_g_per_veh=_sum(trips.co2_g) * per_inserted if with_emissions else math.nan,
        waiting_time_s=_sum(trips.halted_s) * per_inserted,
        scheduled=scheduled,
        inserted=inserted,
        arrived=arrived,
        running=running,
        removed=inserted - arrived - running,
        not_inserted=scheduled - inserted,
        ignored=ignored,
        teleports=statistics.teleports,
        wall_s=wall_s,
    ), trips


def _sum(values: NDArray[np.float64]) -> float:
    """Add up what is not NaN; exactly rounded, so that no order of adding shows."""
    return math.fsum(values[~np.isnan(values)].tolist())
