"""Holding route choice still: every vehicle drives the way it took in one run, whatever follows.

SUMO finds routes for ``trip`` and ``flow`` elements while it runs, around the queues of the moment.
A plan that starves a turn then loses its traffic, and two plans are not played under the same
demand. With the routes of one run written down they are.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import tostring

from engine.validate.simulator import SimulationCase
from engine.validate.sumo import TIMEOUT_S, run
from network.errors import SimulationError
from network.readers.xml_files import iterate_elements

ROUTES: Final = "held.rou.xml"
_KINDS: Final = {"vType", "vTypeDistribution"}


def hold_routes(
    case: SimulationCase, seed: int, folder: Path, *, timeout_s: float = TIMEOUT_S
) -> SimulationCase:
    """Play a case once and return it with the routes that were driven.

    Parameters
    ----------
    case
        What to play.
    seed
        Of the run whose routes are kept.
    folder
        Where the files of the new case go; must exist.
    timeout_s
        Wall-clock limit of the run.

    Returns
    -------
    SimulationCase
        The same vehicles due at the same moments, with the routes and vehicle types of that run.

    Raises
    ------
    SimulationError
        If SUMO failed, or a vehicle was not inserted within twice the window: nobody knows which
        way it would have taken.
    """
    written, kept = folder / "driven.rou.xml", folder / ROUTES
    # Who is due at the end of the window may get in after it.
    longer = replace(case, end_s=2.0 * case.end_s - case.begin_s)
    measures = run(
        longer,
        seed,
        emissions=False,
        options={
            "vehroute-output": str(written),
            "vehroute-output.write-unfinished": "true",
            "vehroute-output.intended-depart": "true",
            "vehroute-output.sorted": "true",
            "vehroute-output.last-route": "true",
        },
        timeout_s=timeout_s,
    )
    if measures.not_inserted:
        raise SimulationError(
            f"{case.config_file.name}, seed {seed}: {measures.not_inserted} vehicles never got in, "
            "so their routes are not known; hold those of a run in which all do"
        )
    with kept.open("w", encoding="utf-8") as file:
        file.write("<routes>")
        # SUMO writes which type a vehicle is of, and not what the type is.
        for source in case.route_files:
            for element in iterate_elements(source, _KINDS):
                file.write(tostring(element, "unicode"))
        for element in iterate_elements(written, {"vehicle"}):
            if float(element.get("depart", "nan")) < case.end_s:
                file.write(tostring(element, "unicode"))
        file.write("</routes>")
    written.unlink()
    return replace(case, route_files=(kept,))
